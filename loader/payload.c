/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LZ4 alone, as Linux's build makes it (`lz4 -l`, and the unpacked size behind it): lz4's doc/lz4_Frame_format.md, "Legacy frame".
 * What is compressed in another way unpacks itself, in the guest.
 */
#include "loader/payload.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

#include "loader/image.h"
#include "loader/lz4.h"
#include "loader/refuse.h"
#include "vmm/guest_mem.h"
#include "vmm/round.h"
#include "vmm/sys.h"

#define LEGACY_MAGIC      0x184c2102u
#define LEGACY_BLOCK      (8u << 20)                               /* unpacked, the last one less */
#define LEGACY_PACKED_MAX (LEGACY_BLOCK + LEGACY_BLOCK / 255 + 16) /* what does not get smaller */
#define WORD_BYTES        4u

struct payload {
	const struct image *image;
	struct sys *sys;
	struct error *error;
	uint64_t start, at, end; /* in the file; `end` leaves the size out */
	uint8_t *packed;         /* room for a block */
	uint8_t *out;
	uint64_t done, bytes;    /* of what comes out */
};

#define refuse(p, ...) image_refuse((p)->image->path, (p)->error, __VA_ARGS__)

static int read_word(const struct payload *p, uint64_t at, uint32_t *word)
{
	return image_read(p->image, at, word, sizeof(*word), p->sys, p->error);
}

static int map(const struct payload *p, uint64_t bytes, void **at)
{
	int r = sys_mmap(p->sys, NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0, at);

	return r == 0 ? 0 : image_error(p->image->path, p->error, ERROR_HOST, -r, "mmap to unpack its payload, %" PRIu64 " bytes: "
					"%s: free memory, or raise RLIMIT_AS", bytes, strerror(-r));
}

/* So that large pages stay whole when they become RAM's: at a multiple of their size. */
static int map_out(struct payload *p)
{
	uint64_t bytes = round_up(p->bytes, GUEST_PAGE_BYTES), before;
	void *mapping;
	int r = map(p, bytes + PAGE_2M_BYTES, &mapping);

	if (r < 0)
		return r;
	p->out = (uint8_t *)round_up((uintptr_t)mapping, PAGE_2M_BYTES);
	before = (uint64_t)(p->out - (uint8_t *)mapping);
	if (before)
		sys_munmap(p->sys, mapping, before);
	sys_munmap(p->sys, p->out + bytes, PAGE_2M_BYTES - before);
	return 0;
}

/* With this there are no more than 64, however many a file has room for: nobody looks at the time while they are unpacked. */
static int check_block(const struct payload *p, uint64_t block, uint64_t came_out)
{
	if (came_out == 0)
		return refuse(p, "payload: LZ4 block at 0x%" PRIx64 ": unpacks to 0 bytes: copy it again", block);
	if (came_out < LEGACY_BLOCK && p->at < p->end)
		return refuse(p, "payload: LZ4 block at 0x%" PRIx64 ": unpacks to %" PRIu64 " bytes, and all but the last unpack "
			      "to %u: copy it again", block, came_out, LEGACY_BLOCK);
	return 0;
}

/* Blocks refer to nothing before themselves. */
static int unpack_block(struct payload *p)
{
	uint64_t room = p->bytes - p->done < LEGACY_BLOCK ? p->bytes - p->done : LEGACY_BLOCK, block = p->at - p->start;
	uint32_t packed = 0;
	int64_t came_out;
	int r = p->end - p->at < WORD_BYTES ? 0 : read_word(p, p->at, &packed);

	if (r < 0)
		return r;
	p->at += WORD_BYTES;
	if (packed == 0 || packed > LEGACY_PACKED_MAX || packed > p->end - p->at)
		return refuse(p, "payload: LZ4 block at 0x%" PRIx64 ": %" PRIu32 " bytes, and payload_length leaves %" PRIu64 ": "
			      "copy it again", block, packed, p->at < p->end ? p->end - p->at : 0);
	r = image_read(p->image, p->at, p->packed, packed, p->sys, p->error);
	if (r < 0)
		return r;
	came_out = lz4_block(p->packed, packed, p->out + p->done, room);
	if (came_out < 0)
		return refuse(p, "payload: LZ4 block at 0x%" PRIx64 ": no LZ4, or more than the %" PRIu64 " bytes that are left of "
			      "the size in its last 4 bytes: copy it again", block, room);
	p->at += packed;
	p->done += (uint64_t)came_out;
	return check_block(p, block, (uint64_t)came_out);
}

static int unpack_blocks(struct payload *p)
{
	void *packed;
	int r = map(p, LEGACY_PACKED_MAX, &packed);

	if (r < 0)
		return r;
	p->packed = packed;
	while (r == 0 && p->at < p->end)
		r = unpack_block(p);
	sys_munmap(p->sys, packed, LEGACY_PACKED_MAX);
	if (r == 0 && p->done != p->bytes)
		return refuse(p, "payload: unpacks to %" PRIu64 " bytes, and its last 4 bytes say %" PRIu64 ": copy it again",
			      p->done, p->bytes);
	return r;
}

static int check_size(const struct payload *p, uint64_t most)
{
	if (p->bytes == 0 || p->bytes > most)
		return refuse(p, "payload: its last 4 bytes say that it unpacks to %" PRIu64 " bytes, and init_size is %" PRIu64
			      ": copy it again", p->bytes, most);
	if (p->bytes > PAYLOAD_BYTES_MAX)
		return refuse(p, "payload: its last 4 bytes say that it unpacks to %" PRIu64 " bytes: kvick unpacks up to %u: give "
			      "the vmlinux inside", p->bytes, PAYLOAD_BYTES_MAX);
	return 0;
}

int payload_unpack(struct image *image, uint64_t offset, uint64_t bytes, uint64_t most, struct sys *sys, struct error *error)
{
	struct payload p = { .image = image, .sys = sys, .error = error, .start = offset, .at = offset + WORD_BYTES };
	uint32_t word = 0;
	int r;

	if (bytes < 2 * WORD_BYTES)
		return 0;
	p.end = offset + bytes - WORD_BYTES;
	r = read_word(&p, offset, &word);
	if (r < 0 || word != LEGACY_MAGIC)
		return r;
	r = read_word(&p, p.end, &word);
	p.bytes = word;
	if (r == 0)
		r = check_size(&p, most);
	if (r == 0)
		r = map_out(&p);
	if (r < 0)
		return r;
	r = unpack_blocks(&p);
	if (r < 0) {
		sys_munmap(sys, p.out, p.bytes);
		return r;
	}
	image->unpacked = p.out;
	image->packed_bytes = image->file_bytes;
	image->file_bytes = p.bytes;
	return 1;
}

void payload_free(struct image *image, struct sys *sys)
{
	sys_munmap(sys, image->unpacked, image->file_bytes);
	image->unpacked = NULL;
}

/* ---- into RAM ---- */

/* Does another segment have bytes in the same pages of the file? Then there is nothing to give away. */
static bool shares_pages(const struct image *image, const struct segment *s)
{
	uint64_t start = round_down(s->file_offset, GUEST_PAGE_BYTES), end = s->file_offset + s->file_bytes;

	for (unsigned i = 0; i < image->segment_count; i++) {
		const struct segment *other = &image->segments[i];

		if (other != s && other->file_bytes && round_down(other->file_offset, GUEST_PAGE_BYTES) < end &&
		    start < other->file_offset + other->file_bytes)
			return true;
	}
	return false;
}

/*
 * Whole pages are moved, what is left at either end is copied, as image.c does it with a file. *moved: where those pages were in
 * what was unpacked; as it was where there are none.
 */
static int load_segment(const struct image *image, const struct segment *s, struct guest_mem *mem, struct memory_run *moved,
			struct sys *sys)
{
	uint64_t start = round_up(s->gpa, GUEST_PAGE_BYTES), end = round_down(s->gpa + s->file_bytes, GUEST_PAGE_BYTES);
	uint8_t *from = image->unpacked + s->file_offset;
	bool taken = false;
	int r = 0;

	if (start < end && (s->gpa - s->file_offset) % GUEST_PAGE_BYTES == 0 && !shares_pages(image, s))
		r = guest_mem_take(mem, gpa(start), end - start, from + (start - s->gpa), &taken, sys);
	if (r < 0)
		return r;
	if (!taken)
		return guest_mem_write(mem, gpa(s->gpa), from, s->file_bytes);
	*moved = (struct memory_run){ start - s->gpa + s->file_offset, end - start };
	r = guest_mem_write(mem, gpa(s->gpa), from, start - s->gpa);
	if (r == 0)
		r = guest_mem_write(mem, gpa(end), from + (end - s->gpa), s->gpa + s->file_bytes - end);
	return r;
}

/* Where pages have gone from, another thread may have mapped something by now. */
static void free_rest(struct image *image, const struct memory_run moved[static IMAGE_SEGMENTS_MAX], struct sys *sys)
{
	uint64_t at = 0, end = round_up(image->file_bytes, GUEST_PAGE_BYTES);

	while (at < end) {
		struct memory_run next = { end, 0 };

		for (unsigned i = 0; i < image->segment_count; i++)
			if (moved[i].bytes && moved[i].at >= at && moved[i].at < next.at)
				next = moved[i];
		if (next.at > at)
			sys_munmap(sys, image->unpacked + at, next.at - at);
		at = next.at + next.bytes;
	}
	image->unpacked = NULL;
}

int payload_load(struct image *image, struct guest_mem *mem, struct sys *sys, struct error *error)
{
	struct memory_run moved[IMAGE_SEGMENTS_MAX] = { 0 };
	int r = 0;

	for (unsigned i = 0; r == 0 && i < image->segment_count; i++)
		r = load_segment(image, &image->segments[i], mem, &moved[i], sys);
	free_rest(image, moved, sys);
	return r == 0 ? 0 : image_error(image->path, error, ERROR_HOST, -r, "mremap of what was unpacked: %s: free memory or raise "
					"vm.max_map_count", strerror(-r));
}
