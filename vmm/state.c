/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/state.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "vmm/error.h"

struct header {
	uint32_t tag;   /* enum state_tag */
	uint32_t bytes; /* behind it */
};

_Static_assert(sizeof(struct header) == 8, "it is the format");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "state is written as it is");

/* ---- writing ---- */

static void append(struct state_writer *w, const void *from, size_t bytes)
{
	w->overflow |= bytes > w->max - w->bytes;
	if (w->overflow || bytes == 0)
		return;
	memcpy(w->to + w->bytes, from, bytes);
	w->bytes += bytes;
}

/* Its header was written before anyone knew how long it would be. */
static void end_section(struct state_writer *w)
{
	struct header header;

	if (w->bytes == 0)
		return;
	memcpy(&header, w->to + w->section, sizeof(header));
	header.bytes = (uint32_t)(w->bytes - w->section - sizeof(header));
	memcpy(w->to + w->section, &header, sizeof(header));
}

void state_begin(struct state_writer *w, enum state_tag tag)
{
	const struct header header = { .tag = tag };

	assert(w->bytes <= w->max && w->max <= UINT32_MAX);
	if (w->overflow)
		return;
	end_section(w);
	w->section = w->bytes;
	append(w, &header, sizeof(header));
}

void state_put(struct state_writer *w, const void *from, size_t bytes)
{
	assert(w->overflow || w->bytes >= w->section + sizeof(struct header));
	append(w, from, bytes);
}

int state_finish(struct state_writer *w)
{
	state_begin(w, STATE_END);
	return w->overflow ? -ENOSPC : 0;
}

/* ---- reading ---- */

static const char *const names[] = {
	[STATE_END] = "end",
	[STATE_MACHINE] = "machine",
	[STATE_IMAGE] = "image",
	[STATE_VCPU] = "vcpu",
	[STATE_DEPRIVILEGED] = "deprivileged",
	[STATE_DEVICES] = "devices",
	[STATE_DEVICE] = "device",
	[STATE_MEMORY] = "memory",
};

static const char *name_of(uint32_t tag)
{
	return tag < sizeof(names) / sizeof(names[0]) ? names[tag] : "of another format";
}

int state_bad(struct state_reader *r, const char *format, ...)
{
	char what[ERROR_TEXT_BYTES / 2];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	return error_set(r->error, ERROR_IMAGE, EBADMSG, "%s: state: section %s: %s; take the snapshot again", r->file,
			 name_of(r->tag), what);
}

/* The next one's, if there is one. */
static bool peek(const struct state_reader *r, struct header *header)
{
	if (r->left < sizeof(*header))
		return false;
	memcpy(header, r->at, sizeof(*header));
	return true;
}

bool state_next_is(const struct state_reader *r, enum state_tag tag)
{
	struct header header;

	return r->section_left == 0 && peek(r, &header) && header.tag == tag;
}

int state_open(struct state_reader *r, enum state_tag tag)
{
	struct header header;

	if (r->section_left > 0)
		return state_bad(r, "%zu bytes more than it should have", r->section_left);
	r->tag = tag;
	if (!peek(r, &header))
		return state_bad(r, "there is none");
	if (header.tag != tag)
		return state_bad(r, "in its place is one %s", name_of(header.tag));
	r->at += sizeof(header);
	r->left -= sizeof(header);
	if (header.bytes > r->left)
		return state_bad(r, "it is cut short: %zu bytes of %u", r->left, header.bytes);
	r->section = r->at;
	r->section_left = header.bytes;
	r->at += header.bytes;
	r->left -= header.bytes;
	return 0;
}

int state_get(struct state_reader *r, void *into, size_t bytes)
{
	if (bytes > r->section_left)
		return state_bad(r, "it ends too early");
	if (bytes == 0)
		return 0;
	memcpy(into, r->section, bytes);
	r->section += bytes;
	r->section_left -= bytes;
	return 0;
}

int state_close(struct state_reader *r)
{
	int result = state_open(r, STATE_END);

	if (result == 0 && r->section_left + r->left > 0)
		return state_bad(r, "%zu bytes behind it", r->section_left + r->left);
	return result;
}
