/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a block of LZ4, and as the payload of a bzImage. What Debian's liblz4 says of a block is held against what ours
 * says: the same bytes, or that there are none.
 *
 *	fuzz_payload -max_len=12288 tests/fuzz/corpus/payload
 *
 * An input is a byte, which says how much is to come out, in units of 257 bytes; the first block's size; and that block.
 */
#define _GNU_SOURCE 1 /* memfd_create */
#include <asm/bootparam.h>
#include <lz4.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"
#include "loader/image.h"
#include "loader/lz4.h"
#include "vmm/error.h"
#include "vmm/guest_mem.h"
#include "vmm/sys.h"

#define ROOM_MAX      65536u
#define INPUT_MAX     65536u
#define KERNEL_OFFSET 1024u
#define PAYLOAD_AT    0x280u
#define MEM_BYTES     (32ull << 20)
#define HEAD_BYTES    5u /* the first byte, and the first block's size */

/* Does a sequence have the distance 0? The library takes it, the format does not. Up to the first that is cut short. */
static bool has_no_distance(const uint8_t *at, const uint8_t *end)
{
	while (at < end) {
		size_t token = *at++, literals = token >> 4, match = token & 15;

		if (literals == 15)
			do
				literals += at < end ? *at : 0;
			while (at < end && *at++ == 255);
		if (literals + 2 > (size_t)(end - at))
			return false;
		at += literals;
		if (at[0] == 0 && at[1] == 0)
			return true;
		at += 2;
		if (match == 15)
			while (at < end && *at++ == 255)
				;
	}
	return false;
}

static void compare(const uint8_t *data, size_t bytes, size_t room)
{
	static uint8_t ours[ROOM_MAX + 64], theirs[ROOM_MAX];
	int64_t said;
	int expected;

	memset(ours, 0, room);
	memset(ours + room, 0xa5, 64);
	said = lz4_block(data, bytes, ours, room);
	for (unsigned i = 0; i < 64; i++)
		PROMISE(ours[room + i] == 0xa5);
	PROMISE(said >= -1 && said <= (int64_t)room);
	memset(theirs, 0, room);
	expected = LZ4_decompress_safe((const char *)data, (char *)theirs, (int)bytes, (int)room);
	/* The library refuses more: a match has to end 5 bytes before the end, as compressors have it. */
	if (expected < 0 || has_no_distance(data, data + bytes))
		return;
	PROMISE(said == expected);
	PROMISE(!memcmp(ours, theirs, (size_t)said));
}

/* A bzImage around it, with the frame's magic in front and a size behind. */
static size_t wrap(uint8_t *file, const uint8_t *data, size_t bytes, uint32_t unpacked)
{
	const uint32_t magic = 0x184c2102, length = (uint32_t)bytes + 8;
	struct setup_header header = {
		.setup_sects = 1, .boot_flag = 0xaa55, .jump = 0x6aeb, .header = 0x53726448, .version = 0x020f,
		.loadflags = LOADED_HIGH, .initrd_addr_max = 0x7fffffff, .xloadflags = XLF_KERNEL_64, .cmdline_size = 2047,
		.pref_address = 0x1000000, .init_size = 0x400000, .payload_offset = PAYLOAD_AT, .payload_length = length,
		.syssize = (PAYLOAD_AT + length + 15) / 16,
	};
	uint8_t *payload = file + KERNEL_OFFSET + PAYLOAD_AT;

	memset(file, 0, KERNEL_OFFSET + PAYLOAD_AT);
	memcpy(file + 0x1f1, &header, sizeof(header));
	memcpy(payload, &magic, 4);
	memcpy(payload + 4, data, bytes);
	memcpy(payload + 4 + bytes, &unpacked, 4);
	return KERNEL_OFFSET + PAYLOAD_AT + length;
}

static void boot(const char *path, const char *protocol)
{
	struct error error = { 0 };
	struct guest_mem mem;
	struct image image;
	struct sys sys;

	sys_init(&sys);
	if (image_open(&image, path, image_protocol(protocol), &sys, &error)) {
		PROMISE(image.fd == -1 && !image.unpacked && error.kind == ERROR_IMAGE);
		PROMISE(!strncmp(error.text, path, strlen(path)));
		return;
	}
	if (image.end <= MEM_BYTES) {
		PROMISE(!guest_mem_create(&mem, MEM_BYTES, GUEST_PAGES_ALIGNED, &sys, &error));
		PROMISE(!image_load(&image, &mem, &sys, &error) && !image.unpacked);
		guest_mem_destroy(&mem, &sys);
	}
	image_close(&image, &sys);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static uint8_t file[KERNEL_OFFSET + PAYLOAD_AT + INPUT_MAX + 8];
	static int fd = -1;
	static char path[32];
	size_t room, all;

	if (fd < 0) {
		fd = memfd_create("fuzz", MFD_CLOEXEC);
		PROMISE(fd >= 0);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	if (bytes < 1 || bytes > INPUT_MAX)
		return -1;
	room = data[0] * 257u;
	if (bytes > HEAD_BYTES)
		compare(data + HEAD_BYTES, bytes - HEAD_BYTES, room);
	all = wrap(file, data + 1, bytes - 1, (uint32_t)room);
	PROMISE(!ftruncate(fd, (off_t)all) && pwrite(fd, file, all, 0) == (ssize_t)all);
	boot(path, "linux");
	boot(path, "pvh");
	return 0;
}
