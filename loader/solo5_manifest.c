/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "loader/image.h"
#include "loader/refuse.h"
#include "loader/solo5.h"
#include "vmm/error.h"

#define HEADER_BYTES offsetof(struct solo5_manifest, entry)

/* What an option can name, and a terminal can show. */
static bool is_name(const char *name)
{
	size_t length = strnlen(name, SOLO5_NAME_BYTES);

	if (length == 0 || length == SOLO5_NAME_BYTES)
		return false;
	for (size_t i = 0; i < length; i++)
		if (name[i] <= ' ' || name[i] > '~' || name[i] == '=')
			return false;
	return true;
}

static int check_first(const struct solo5_entry *e, const char *path, struct error *error)
{
	if (e->type != SOLO5_FIRST)
		return image_refuse(path, error, "manifest entry 0: type 0x%" PRIx32 ": must be 0x%x, which keeps handle 0 free: "
				    "build the manifest again", e->type, SOLO5_FIRST);
	if (e->name[0])
		return image_refuse(path, error, "manifest entry 0: has a name, and is no device: build the manifest again");
	return 0;
}

static int check_entry(const struct solo5_manifest *manifest, unsigned i, const char *path, struct error *error)
{
	const struct solo5_entry *e = &manifest->entry[i];

	if (e->attached)
		return image_refuse(path, error, "manifest entry %u: attached %u: that is the host's to say, and 0 in an image: "
				    "build the manifest again", i, e->attached);
	if (i == 0)
		return check_first(e, path, error);
	if (e->type != SOLO5_BLOCK && e->type != SOLO5_NET)
		return image_refuse(path, error, "manifest entry %u: type 0x%" PRIx32 ": kvick knows block (1) and net (2): build "
				    "the manifest again", i, e->type);
	if (!is_name(e->name))
		return image_refuse(path, error, "manifest entry %u: name: must be 1 to %u printable characters without \"=\", "
				    "and a NUL: build the manifest again", i, SOLO5_NAME_BYTES - 1);
	for (unsigned k = 1; k < i; k++)
		if (strcmp(manifest->entry[k].name, e->name) == 0)
			return image_refuse(path, error, "manifest entry %u: name \"%s\": entry %u has it too: give each device a "
					    "name of its own", i, e->name, k);
	return 0;
}

int solo5_manifest_parse(struct solo5_manifest *manifest, const uint8_t *from, size_t bytes, const char *path, struct error *error)
{
	uint32_t entries;
	int r = 0;

	if (bytes < HEADER_BYTES)
		return image_refuse(path, error, "manifest: %zu bytes, and its header has %zu: it is cut short: build it again",
				    bytes, HEADER_BYTES);
	memmove(manifest, from, HEADER_BYTES);
	entries = manifest->entries;
	if (manifest->version != SOLO5_MANIFEST_VERSION)
		return image_refuse(path, error, "manifest: version %" PRIu32 ": kvick knows %u: build it with Solo5 0.6 or later",
				    manifest->version, SOLO5_MANIFEST_VERSION);
	if (entries < 1 || entries > SOLO5_ENTRIES_MAX)
		return image_refuse(path, error, "manifest: entries %" PRIu32 ": must be 1 to %u: build it again", entries,
				    SOLO5_ENTRIES_MAX);
	if (bytes != SOLO5_MANIFEST_BYTES(entries))
		return image_refuse(path, error, "manifest: %zu bytes, and %" PRIu32 " entries are %zu: build it again", bytes,
				    entries, SOLO5_MANIFEST_BYTES(entries));
	memmove(manifest->entry, from + HEADER_BYTES, bytes - HEADER_BYTES);
	for (unsigned i = 0; i < entries && r == 0; i++) {
		struct solo5_entry *e = &manifest->entry[i];

		r = check_entry(manifest, i, path, error);
		/* Nothing in it is the image's to say. */
		memset((uint8_t *)e + offsetof(struct solo5_entry, block), 0, sizeof(*e) - offsetof(struct solo5_entry, block));
	}
	return r;
}

int solo5_manifest_read(struct solo5_manifest *manifest, const struct image *image, struct sys *sys, struct error *error)
{
	uint32_t bytes = image->solo5.manifest_bytes;
	int r;

	assert(bytes <= sizeof(*manifest));
	r = image_read(image, image->solo5.manifest_offset, manifest, bytes, sys, error);
	return r < 0 ? r : solo5_manifest_parse(manifest, (const uint8_t *)manifest, bytes, image->path, error);
}
