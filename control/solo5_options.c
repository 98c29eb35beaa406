/* SPDX-License-Identifier: Apache-2.0 */
#include "control/solo5_options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/device_options.h"
#include "vmm/error.h"

#define SECTOR_BYTES_MIN 512u
#define SECTOR_BYTES_MAX 32768u /* a power of two that its 16 bits hold */

/* One option, its words cut apart. */
struct word {
	const char *option; /* "block" */
	enum device_kind kind;
	char *name, *value;
	struct error *error;
};

static int refuse(const struct word *w, const char *next)
{
	return error_set(w->error, ERROR_USAGE, EINVAL, "--%s:%s=%s: %s", w->option, w->name, w->value, next);
}

static int cut(struct word *w, char *text)
{
	char *equals = strchr(text, '=');

	if (!equals || equals == text || !equals[1])
		return error_set(w->error, ERROR_USAGE, EINVAL, "--%s:%s: write --%s:NAME=VALUE, with a name of the image's "
				 "manifest", w->option, text, w->option);
	*equals = '\0';
	w->name = text;
	w->value = equals + 1;
	if (equals - text >= SOLO5_NAME_BYTES)
		return refuse(w, "names have up to 67 characters");
	return 0;
}

/* Where what is said of that name goes; NULL with w->error set. */
static struct solo5_attachment *find(struct solo5_options *options, const struct word *w)
{
	struct solo5_attachment *a;

	for (unsigned i = 0; i < options->count; i++) {
		a = &options->list[i];
		if (strcmp(a->name, w->name) != 0)
			continue;
		if (a->device.kind == w->kind)
			return a;
		refuse(w, a->device.kind == DEVICE_BLOCK ? "that name is given to a block device too: a device has one name" :
							   "that name is given to a network too: a device has one name");
		return NULL;
	}
	if (options->count == SOLO5_ENTRIES_MAX - 1) {
		refuse(w, "one device too many: a manifest has up to 63");
		return NULL;
	}
	a = &options->list[options->count++];
	*a = (struct solo5_attachment){ .name = w->name, .device = { .kind = w->kind, .entry = w->name } };
	return a;
}

static int attach(struct solo5_options *options, struct word *w, char *text, struct solo5_attachment **a)
{
	int r = cut(w, text);

	if (r < 0)
		return r;
	*a = find(options, w);
	return *a ? 0 : -EINVAL;
}

static int once(const struct word *w, struct solo5_attachment *a)
{
	if (a->attached)
		return refuse(w, "that name is attached already: write it once");
	a->attached = true;
	return 0;
}

int solo5_options_block(struct solo5_options *options, char *text, struct error *error)
{
	struct word w = { .option = "block", .kind = DEVICE_BLOCK, .error = error };
	struct solo5_attachment *a;
	int r = attach(options, &w, text, &a);

	if (r == 0)
		r = once(&w, a);
	if (r == 0)
		a->device.path = w.value;
	return r;
}

int solo5_options_sector_size(struct solo5_options *options, char *text, struct error *error)
{
	struct word w = { .option = "block-sector-size", .kind = DEVICE_BLOCK, .error = error };
	struct solo5_attachment *a;
	unsigned long bytes;
	int r = attach(options, &w, text, &a);

	if (r < 0)
		return r;
	if (a->block_bytes)
		return refuse(&w, "that name's is said already: write it once");
	bytes = strspn(w.value, "0123456789") == strlen(w.value) && strlen(w.value) <= 5 ? strtoul(w.value, NULL, 10) : 0;
	if (bytes < SECTOR_BYTES_MIN || bytes > SECTOR_BYTES_MAX || bytes & (bytes - 1))
		return refuse(&w, "a sector's size is a power of two from 512 to 32768");
	a->block_bytes = (uint16_t)bytes;
	return 0;
}

int solo5_options_net(struct solo5_options *options, char *text, struct error *error)
{
	struct word w = { .option = "net", .kind = DEVICE_NET, .error = error };
	struct solo5_attachment *a;
	int r = attach(options, &w, text, &a);

	if (r == 0)
		r = once(&w, a);
	if (r < 0)
		return r;
	r = w.value[0] == '@' ? device_word_fd(&a->device, w.value + 1) : device_word_tap(&a->device, w.value);
	return r < 0 ? refuse(&w, "write a tap's name, up to 15 characters, or @N for descriptor N, from 3 on") : 0;
}

int solo5_options_mac(struct solo5_options *options, char *text, struct error *error)
{
	static const uint8_t none[sizeof(((struct device_config *)0)->mac)];
	struct word w = { .option = "net-mac", .kind = DEVICE_NET, .error = error };
	struct solo5_attachment *a;
	int r = attach(options, &w, text, &a);

	if (r < 0)
		return r;
	if (memcmp(a->device.mac, none, sizeof(none)) != 0)
		return refuse(&w, "that name's is said already: write it once");
	if (device_word_mac(&a->device, w.value) < 0)
		return refuse(&w, "write the address of one station, such as 02:11:22:33:44:55");
	return 0;
}
