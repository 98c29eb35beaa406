/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes at all as an image, of the protocol that they look like and of each by name: opened, loaded, asked for symbols. Beside
 * what the sanitizers see, checks what loader/image.h promises of every image that it accepts.
 *
 *	fuzz_elf -max_len=12288 tests/fuzz/corpus/elf
 *
 * Built with -DIMAGE_COPY_BYTES_MAX=0, so that inputs of this size are mapped as well as copied.
 */
#define _GNU_SOURCE 1 /* memfd_create */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/fuzz/fuzz_image.h"
#include "loader/image.h"
#include "loader/linux.h"
#include "vmm/error.h"
#include "vmm/guest_mem.h"
#include "vmm/layout.h"
#include "vmm/sys.h"

#define MEM_BYTES_MAX (64ull << 20)
#define FILE_BYTES_MAX (1u << 20)

/* Native ones: their own permissions, which no page has two of. */
static void check_native(const struct image *image)
{
	uint64_t end = LAYOUT_IMAGE_BASE;
	unsigned perms = 0;

	for (unsigned i = 0; i < image->segment_count; i++) {
		const struct segment *segment = &image->segments[i];

		PROMISE((segment->perms & (SEGMENT_W | SEGMENT_X)) != (SEGMENT_W | SEGMENT_X));
		PROMISE(!i || segment->perms == perms ||
			(end - 1) / GUEST_PAGE_BYTES != segment->gpa / GUEST_PAGE_BYTES);
		end = segment->gpa + segment->mem_bytes;
		perms = segment->perms;
	}
	PROMISE(image->note.abi_version == KVICK_ABI_VERSION && !(image->note.flags & ~KVICK_NOTE_FLAGS) && !image->note.reserved);
	PROMISE(image->note.rings && !(image->note.rings & ~KVICK_RINGS_ANY));
	PROMISE(image->note.mem_bytes <= GUEST_MEM_BYTES_MAX && image->note.stack_bytes <= 1ull << 30);
}

/* Kernels: all RAM is theirs from 1 MiB on, at ring 0. */
static void check_kernel(const struct image *image)
{
	for (unsigned i = 0; i < image->segment_count; i++)
		PROMISE(image->segments[i].perms == (SEGMENT_R | SEGMENT_W | SEGMENT_X));
	PROMISE(image->segments[0].gpa >= KERNEL_LOWEST && image->note.rings == KVICK_RINGS_0);
	PROMISE(!image->kernel.bzimage || image->kernel.version);
}

/* NULL: other rules, with a target of its own (fuzz_solo5.c, fuzz_multiboot.c). */
static void (*const kinds[])(const struct image *image) = {
	[IMAGE_NATIVE] = check_native,
	[IMAGE_LINUX] = check_kernel,
	[IMAGE_PVH] = check_kernel,
	[IMAGE_SOLO5] = NULL,
	[IMAGE_MULTIBOOT] = NULL,
};

static void check_image(const struct image *image)
{
	uint64_t end = LAYOUT_IMAGE_BASE;
	bool entry = false;

	PROMISE(image->segment_count >= 1 && image->segment_count <= IMAGE_SEGMENTS_MAX);
	PROMISE(image->base % GUEST_PAGE_BYTES == 0 && image->end % GUEST_PAGE_BYTES == 0);
	for (unsigned i = 0; i < image->segment_count; i++) {
		const struct segment *segment = &image->segments[i];

		PROMISE(segment->gpa >= end);
		PROMISE(segment->mem_bytes && segment->mem_bytes <= GUEST_MEM_BYTES_MAX - segment->gpa);
		PROMISE(segment->file_bytes <= segment->mem_bytes);
		PROMISE(!segment->file_bytes || (segment->file_offset <= image->file_bytes &&
						 segment->file_bytes <= image->file_bytes - segment->file_offset));
		PROMISE(segment->perms && segment->perms <= 7);
		entry |= segment->perms & SEGMENT_X && image->entry >= segment->gpa &&
			 image->entry < segment->gpa + segment->file_bytes;
		end = segment->gpa + segment->mem_bytes;
	}
	PROMISE(entry);
	PROMISE(image->base <= image->segments[0].gpa && image->segments[0].gpa - image->base < GUEST_PAGE_BYTES);
	PROMISE(image->end >= end && image->end - end < GUEST_PAGE_BYTES);
	kinds[image->protocol->kind](image);
}

static void check_zero(const struct guest_mem *mem, uint64_t from, uint64_t to)
{
	for (uint64_t at = from; at < to; at++)
		PROMISE(mem->host[at] == 0);
}

/* The file's bytes where a segment has some, and zero around them, as far as the pages go. */
static void check_loaded(const struct image *image, const struct guest_mem *mem, const uint8_t *data)
{
	uint64_t clean = image->base;

	for (unsigned i = 0; i < image->segment_count; i++) {
		const struct segment *segment = &image->segments[i];
		uint64_t page = segment->gpa / GUEST_PAGE_BYTES * GUEST_PAGE_BYTES;
		uint64_t tail = (clean + GUEST_PAGE_BYTES - 1) / GUEST_PAGE_BYTES * GUEST_PAGE_BYTES;

		check_zero(mem, clean, tail < segment->gpa ? tail : segment->gpa);
		check_zero(mem, clean > page ? clean : page, segment->gpa);
		if (segment->file_bytes)
			PROMISE(!memcmp(mem->host + segment->gpa, data + segment->file_offset, segment->file_bytes));
		clean = segment->gpa + segment->file_bytes;
	}
	check_zero(mem, clean, (clean + GUEST_PAGE_BYTES - 1) / GUEST_PAGE_BYTES * GUEST_PAGE_BYTES);
}

/* Whole pages inside the image, ascending and apart, and no byte of a segment that the guest may write. */
static void check_readonly(const struct image *image, const struct memory_run *runs, unsigned count)
{
	uint64_t end = image->base;

	PROMISE(count <= image->segment_count);
	for (unsigned i = 0; i < count; i++) {
		PROMISE(runs[i].bytes && (runs[i].at | runs[i].bytes) % GUEST_PAGE_BYTES == 0);
		PROMISE(runs[i].at >= end && runs[i].at + runs[i].bytes <= image->end);
		end = runs[i].at + runs[i].bytes;
		for (unsigned k = 0; k < image->segment_count; k++) {
			const struct segment *segment = &image->segments[k];

			PROMISE(!(segment->perms & SEGMENT_W) || segment->gpa + segment->mem_bytes <= runs[i].at ||
				segment->gpa >= end);
		}
	}
}

static void load(struct image *image, const uint8_t *data, struct sys *sys)
{
	uint64_t bytes = image_mem_bytes_min(image);
	struct memory_run runs[IMAGE_SEGMENTS_MAX];
	unsigned count = image_readonly(image, runs);
	struct guest_mem mem;
	struct error error = { 0 };

	check_readonly(image, runs, count);
	if (bytes > MEM_BYTES_MAX)
		return;
	if (bytes < GUEST_MEM_BYTES_MIN)
		bytes = GUEST_MEM_BYTES_MIN;
	bytes = (bytes + GUEST_PAGE_BYTES - 1) / GUEST_PAGE_BYTES * GUEST_PAGE_BYTES;
	PROMISE(!guest_mem_create(&mem, bytes, GUEST_PAGES_4K, sys, &error));
	PROMISE(!image_load(image, &mem, sys, &error));
	PROMISE(!guest_mem_protect(&mem, runs, count, sys));
	if (!image->packed_bytes)
		check_loaded(image, &mem, data);
	guest_mem_destroy(&mem, sys);
}

static void open_as(const char *protocol, const char *path, const uint8_t *data)
{
	struct sys sys;
	struct error error = { 0 };
	struct image image;

	sys_init(&sys);
	if (image_open(&image, path, protocol ? image_protocol(protocol) : NULL, &sys, &error)) {
		PROMISE(image.fd == -1);
		check_refusal(&error, path);
		return;
	}
	PROMISE(error.kind == ERROR_NONE);
	if (kinds[image.protocol->kind]) {
		check_image(&image);
		load(&image, data, &sys);
		look_up(&image, image.entry, &sys);
		look_up(&image, image.segments[image.segment_count - 1].gpa, &sys);
	}
	image_close(&image, &sys);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static int fd = -1;
	static char path[32]; /* the one file that every input is written to */

	if (fd < 0) {
		fd = memfd_create("fuzz", MFD_CLOEXEC);
		PROMISE(fd >= 0);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	if (bytes > FILE_BYTES_MAX)
		return -1;
	PROMISE(!ftruncate(fd, (off_t)bytes));
	PROMISE(pwrite(fd, data, bytes, 0) == (ssize_t)bytes);
	open_as(NULL, path, data);
	open_as("linux", path, data);
	open_as("pvh", path, data);
	return 0;
}
