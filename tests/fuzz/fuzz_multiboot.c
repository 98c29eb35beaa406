/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes at all as a multiboot 1 image: opened, loaded, asked for symbols. Beside what the sanitizers see, checks what
 * loader/image.h and docs/ABI.md promise of every one that is accepted.
 *
 *	fuzz_multiboot -max_len=12288 tests/fuzz/corpus/multiboot
 */
#define _GNU_SOURCE 1 /* memfd_create */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "loader/image.h"
#include "loader/multiboot.h"
#include "tests/fuzz/fuzz_image.h"
#include "vmm/error.h"
#include "vmm/guest_mem.h"
#include "vmm/pc/layout.h"
#include "vmm/sys.h"

#define MEM_BYTES_MAX (8ull << 20)
#define FILE_BYTES_MAX (1u << 20)
#define HEADER_END_MAX 8192u

static void check_image(const struct image *image)
{
	uint64_t end = GUEST_PAGE_BYTES;
	bool entry = false;

	PROMISE(image->multiboot.header_at % 4 == 0 && image->multiboot.header_at <= HEADER_END_MAX - 12);
	PROMISE(image->note.rings == KVICK_RINGS_0 && !image->pie);
	PROMISE(image->segment_count >= 1 && image->segment_count <= IMAGE_SEGMENTS_MAX);
	PROMISE(image->base % GUEST_PAGE_BYTES == 0 && image->end % GUEST_PAGE_BYTES == 0);
	for (unsigned i = 0; i < image->segment_count; i++) {
		const struct segment *s = &image->segments[i];

		PROMISE(s->gpa >= end && s->mem_bytes && s->mem_bytes <= PC_RAM_END - s->gpa);
		end = s->gpa + s->mem_bytes;
		PROMISE(end <= PC_LOW_RAM_END || s->gpa >= PC_HIGH_RAM);
		PROMISE(s->file_bytes <= s->mem_bytes);
		PROMISE(!s->file_bytes || (s->file_offset <= image->file_bytes &&
					   s->file_bytes <= image->file_bytes - s->file_offset));
		PROMISE(s->perms == (SEGMENT_R | SEGMENT_W | SEGMENT_X));
		entry |= image->entry >= s->gpa && image->entry - s->gpa < s->file_bytes;
	}
	PROMISE(entry);
	PROMISE(image->base <= image->segments[0].gpa && image->segments[0].gpa - image->base < GUEST_PAGE_BYTES);
	PROMISE(image->end >= end && image->end - end < GUEST_PAGE_BYTES);
}

static void load(struct image *image, const uint8_t *data, struct sys *sys)
{
	struct memory_run runs[IMAGE_SEGMENTS_MAX];
	struct guest_mem mem;
	struct error error = { 0 };

	PROMISE(image_readonly(image, runs) == 0);
	if (image->end > MEM_BYTES_MAX)
		return;
	PROMISE(!guest_mem_create(&mem, image->end < GUEST_MEM_BYTES_MIN ? GUEST_MEM_BYTES_MIN : image->end, GUEST_PAGES_4K, sys,
				  &error));
	PROMISE(!image_load(image, &mem, sys, &error));
	for (unsigned i = 0; i < image->segment_count; i++) {
		const struct segment *s = &image->segments[i];

		if (s->file_bytes)
			PROMISE(!memcmp(mem.host + s->gpa, data + s->file_offset, s->file_bytes));
		/* What follows is fresh RAM. */
		for (uint64_t at = s->gpa + s->file_bytes; at < s->gpa + s->mem_bytes && at % GUEST_PAGE_BYTES; at++)
			PROMISE(mem.host[at] == 0);
	}
	guest_mem_destroy(&mem, sys);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static int fd = -1;
	static char path[32]; /* the one file that every input is written to */
	struct sys sys;
	struct error error = { 0 };
	struct image image;

	sys_init(&sys);
	if (fd < 0) {
		fd = memfd_create("fuzz", MFD_CLOEXEC);
		PROMISE(fd >= 0);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	if (bytes > FILE_BYTES_MAX)
		return -1;
	PROMISE(!ftruncate(fd, (off_t)bytes));
	PROMISE(pwrite(fd, data, bytes, 0) == (ssize_t)bytes);

	if (image_open(&image, path, &protocol_multiboot, &sys, &error)) {
		PROMISE(image.fd == -1);
		check_refusal(&error, path);
		return 0;
	}
	PROMISE(error.kind == ERROR_NONE);
	check_image(&image);
	load(&image, data, &sys);
	look_up(&image, image.entry, &sys);
	look_up(&image, image.segments[image.segment_count - 1].gpa, &sys);
	image_close(&image, &sys);
	return 0;
}
