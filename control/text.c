/* SPDX-License-Identifier: Apache-2.0 */
#include "control/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "vmm/error.h"
#include "vmm/json.h"
#include "vmm/sys.h"

/*
 * A reader that takes nothing is waited for in a blocking write(). After a stop signal its reminders interrupt that
 * every millisecond, and a non-blocking descriptor is tried again as often: then this is about a second.
 */
#define REFUSALS_MAX 1000
#define RETRY_NS     1000000

void text_begin(struct text *text, struct sys *sys, int fd)
{
	text->sys = sys;
	text->fd = fd;
	text->failed = 0;
	text->used = 0;
	text->comma = false;
}

static void flush(struct text *text)
{
	size_t done = 0;
	unsigned refused = 0; /* in a row */

	while (done < text->used && !text->failed) {
		ssize_t n = sys_write(text->sys, text->fd, text->bytes + done, text->used - done);

		if (n > 0) {
			done += (size_t)n;
			refused = 0;
		} else if ((n == -EAGAIN || n == -EINTR) && ++refused < REFUSALS_MAX) {
			if (n == -EAGAIN)
				sys_clock_nanosleep(text->sys, CLOCK_MONOTONIC, 0, &(struct timespec){ .tv_nsec = RETRY_NS });
		} else {
			text->failed = n ? (int)n : -EIO;
		}
	}
	text->used = 0;
}

void text_printf(struct text *text, const char *format, ...)
{
	va_list args;

	for (unsigned attempt = 0; attempt < 2; attempt++) {
		size_t room = sizeof(text->bytes) - text->used;

		va_start(args, format);
		int n = vsnprintf(text->bytes + text->used, room, format, args);
		va_end(args);
		if (n >= 0 && (size_t)n < room) {
			text->used += (size_t)n;
			return;
		}
		if (attempt == 0)
			flush(text);
	}
	text->used = sizeof(text->bytes) - 1; /* one piece longer than the whole buffer: cut */
}

COLD void text_long(struct text *text, const char *from)
{
	for (size_t left = strlen(from), n; left > 0; from += n, left -= n) {
		n = left < TEXT_BYTES / 2 ? left : TEXT_BYTES / 2;
		text_printf(text, "%.*s", (int)n, from);
	}
}

void text_name(struct text *text, const char *name)
{
	for (; *name; name++)
		text_printf(text, "%c", (unsigned char)*name < 0x20 || *name == 0x7f ? '?' : *name);
}

int text_end(struct text *text)
{
	flush(text);
	return text->failed;
}

static void quoted(struct text *text, const char *value)
{
	text_printf(text, "\"");
	for (; *value; value++) {
		unsigned char c = (unsigned char)*value;
		unsigned bytes = 0;

		if (c == '"' || c == '\\')
			text_printf(text, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			text_printf(text, "\\u%04x", c);
		else if (c < 0x80)
			text_printf(text, "%c", c);
		else if (!(bytes = json_utf8((const unsigned char *)value)))
			text_printf(text, "\\ufffd");
		else
			text_printf(text, "%.*s", (int)bytes, value);
		value += bytes ? bytes - 1 : 0;
	}
	text_printf(text, "\"");
}

static void member(struct text *text, const char *name)
{
	if (text->comma)
		text_printf(text, ",");
	text->comma = true;
	if (name) {
		quoted(text, name);
		text_printf(text, ":");
	}
}

void json_open(struct text *text, const char *name, char bracket)
{
	member(text, name);
	text_printf(text, "%c", bracket);
	text->comma = false;
}

void json_close(struct text *text, char bracket)
{
	text_printf(text, "%c", bracket);
	text->comma = true;
}

void json_string(struct text *text, const char *name, const char *value)
{
	member(text, name);
	if (value)
		quoted(text, value);
	else
		text_printf(text, "null");
}

void json_u64(struct text *text, const char *name, uint64_t value)
{
	member(text, name);
	text_printf(text, "%llu", (unsigned long long)value);
}

void json_hex(struct text *text, const char *name, uint64_t value)
{
	member(text, name);
	text_printf(text, "\"0x%llx\"", (unsigned long long)value);
}

void json_bool(struct text *text, const char *name, bool value)
{
	member(text, name);
	text_printf(text, "%s", value ? "true" : "false");
}
