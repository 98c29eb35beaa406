/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes at all as a Solo5 guest: opened, loaded, its manifest read; and the same bytes as a manifest alone. Beside what the
 * sanitizers see, checks what loader/image.h and loader/solo5.h promise of what they accept.
 *
 *	fuzz_solo5 -max_len=12288 tests/fuzz/corpus/solo5
 */
#define _GNU_SOURCE 1 /* memfd_create */
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "loader/image.h"
#include "loader/solo5.h"
#include "tests/fuzz/fuzz_image.h"
#include "vmm/error.h"
#include "vmm/guest_mem.h"
#include "vmm/layout.h"
#include "vmm/sys.h"

#define MEM_BYTES_MAX (64ull << 20)

static void check_manifest(const struct solo5_manifest *manifest)
{
	PROMISE(manifest->version == SOLO5_MANIFEST_VERSION && manifest->entries >= 1 && manifest->entries <= SOLO5_ENTRIES_MAX);
	PROMISE(manifest->entry[0].type == SOLO5_FIRST && !manifest->entry[0].name[0] && !manifest->entry[0].attached);
	for (unsigned i = 1; i < manifest->entries; i++) {
		const struct solo5_entry *e = &manifest->entry[i];

		PROMISE(e->type == SOLO5_BLOCK || e->type == SOLO5_NET);
		PROMISE(e->name[0] && memchr(e->name, 0, sizeof(e->name)));
		for (const char *c = e->name; *c; c++)
			PROMISE(*c > ' ' && *c <= '~' && *c != '=');
		for (unsigned k = 1; k < i; k++)
			PROMISE(strcmp(manifest->entry[k].name, e->name));
		PROMISE(!e->block.capacity && !e->host && !e->attached);
	}
}

static void try_manifest(const uint8_t *data, size_t bytes)
{
	struct solo5_manifest manifest;
	struct error error = { 0 };

	if (solo5_manifest_parse(&manifest, data, bytes, "fuzz", &error))
		check_refusal(&error, "fuzz");
	else
		check_manifest(&manifest);
}

static void check_image(const struct image *image)
{
	uint64_t end = LAYOUT_IMAGE_BASE;
	bool entry = false;

	PROMISE(image->protocol == &protocol_solo5 && image->note.rings == KVICK_RINGS_0 && image->readonly_always);
	PROMISE(image->segment_count >= 1 && image->segment_count <= IMAGE_SEGMENTS_MAX);
	for (unsigned i = 0; i < image->segment_count; i++) {
		const struct segment *s = &image->segments[i];

		PROMISE(s->gpa >= end);
		PROMISE(s->mem_bytes && s->mem_bytes <= GUEST_MEM_BYTES_MAX - s->gpa);
		PROMISE(s->file_bytes <= s->mem_bytes);
		PROMISE(!s->file_bytes ||
			(s->file_offset <= image->file_bytes && s->file_bytes <= image->file_bytes - s->file_offset));
		PROMISE((s->perms & (SEGMENT_W | SEGMENT_X)) != (SEGMENT_W | SEGMENT_X));
		entry |= s->perms & SEGMENT_X && image->entry >= s->gpa && image->entry < s->gpa + s->file_bytes;
		end = s->gpa + s->mem_bytes;
	}
	PROMISE(entry && image->end >= end && image->end - end < GUEST_PAGE_BYTES);
	PROMISE(solo5_mem_bytes_least(image) % SOLO5_UNIT_BYTES == 0 && solo5_mem_bytes_least(image) > image->end);
}

/* What is not writable is read-only, all of it, and nothing else. */
static void load(struct image *image, struct sys *sys)
{
	struct memory_run runs[IMAGE_SEGMENTS_MAX];
	unsigned count = image_readonly(image, runs);
	struct guest_mem mem;
	struct error error = { 0 };

	if (solo5_mem_bytes_least(image) > MEM_BYTES_MAX)
		return;
	PROMISE(!guest_mem_create(&mem, solo5_mem_bytes_least(image), GUEST_PAGES_4K, sys, &error));
	PROMISE(!image_load(image, &mem, sys, &error));
	PROMISE(!guest_mem_protect(&mem, runs, count, sys));
	for (unsigned i = 0; i < image->segment_count; i++) {
		const struct segment *s = &image->segments[i];

		PROMISE(guest_mem_writable(&mem, gpa(s->gpa), 1) == !!(s->perms & SEGMENT_W));
		PROMISE(guest_mem_writable(&mem, gpa(s->gpa + s->mem_bytes - 1), 1) == !!(s->perms & SEGMENT_W));
	}
	guest_mem_destroy(&mem, sys);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static int fd = -1;
	static char path[32]; /* the one file that every input is written to */
	struct solo5_manifest manifest;
	struct error error = { 0 };
	struct image image;
	struct sys sys;

	try_manifest(data, bytes);
	sys_init(&sys);
	if (fd < 0) {
		fd = memfd_create("fuzz", MFD_CLOEXEC);
		PROMISE(fd >= 0);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	PROMISE(!ftruncate(fd, (off_t)bytes));
	PROMISE(pwrite(fd, data, bytes, 0) == (ssize_t)bytes);
	if (image_open(&image, path, &protocol_solo5, &sys, &error)) {
		check_refusal(&error, path);
		return 0;
	}
	check_image(&image);
	PROMISE(!solo5_manifest_read(&manifest, &image, &sys, &error));
	check_manifest(&manifest);
	load(&image, &sys);
	image_close(&image, &sys);
	return 0;
}
