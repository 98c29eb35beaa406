/* SPDX-License-Identifier: Apache-2.0 */
/* What is written is there, whatever the requests look like. */
#include "blkcheck.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK_SECTORS 128u
#define CHUNK_BYTES   (CHUNK_SECTORS * KVICK_BLK_SECTOR_BYTES)

#define DEPTH            32u
#define FLIGHT_SECTORS   8u
#define FLIGHT_REQUESTS  400u

/* With room to be misaligned in. */
static uint8_t buffer[CHUNK_BYTES + 64];

static unsigned chunk_at(const struct disk *disk, uint64_t sector)
{
	uint64_t left = disk->sectors - sector;

	return left < CHUNK_SECTORS ? (unsigned)left : CHUNK_SECTORS;
}

/* A start from which `sectors` fit; whole blocks if the disk's are larger than a sector. */
static uint64_t random_place(struct disk *disk, unsigned sectors)
{
	uint64_t block = disk->info.block_bytes / KVICK_BLK_SECTOR_BYTES;

	return next_random(disk) % (disk->sectors - sectors + 1) / block * block;
}

void write_all(struct disk *disk)
{
	unsigned n;

	for (uint64_t at = 0; at < disk->sectors; at += n) {
		n = chunk_at(disk, at);
		pattern_fill(buffer, at, n, disk->seed);
		int64_t r = kvick_blk_write(disk->blk, at, buffer, n * KVICK_BLK_SECTOR_BYTES);

		check(r == 0, "write of %u sectors at %lu: %ld", n, at, r);
	}
	if (disk->info.flush) {
		int64_t r = kvick_blk_flush(disk->blk);

		check(r == 0, "flush: %ld", r);
	}
}

void verify_all(struct disk *disk)
{
	unsigned n;

	for (uint64_t at = 0; at < disk->sectors; at += n) {
		n = chunk_at(disk, at);
		memset(buffer, 0x5a, n * KVICK_BLK_SECTOR_BYTES);
		int64_t r = kvick_blk_read(disk->blk, at, buffer, n * KVICK_BLK_SECTOR_BYTES);

		check(r == 0, "read of %u sectors at %lu: %ld", n, at, r);
		check(pattern_is(buffer, at, n, disk->seed), "contents of the %u sectors at %lu", n, at);
	}
}

/* Cuts `bytes` at random places, down to single bytes: 2.7.4 lets a driver do so. */
static unsigned cut(struct disk *disk, struct kvick_blk_request *request, uint8_t *data, uint32_t bytes)
{
	unsigned most = disk->info.segments_max, count = 0;
	uint32_t left = bytes;

	while (left > 0) {
		uint32_t n = count + 1 == most ? left : 1 + (uint32_t)(next_random(disk) % left);

		if (next_random(disk) % 4 == 0 && count + 1 < most)
			n = 1;
		request->segments[count++] = (struct kvick_blk_segment){ data, n };
		data += n;
		left -= n;
	}
	return count;
}

/* Reads and writes of all sizes, at random places, from and to memory of any alignment, in pieces. */
void check_shapes(struct disk *disk)
{
	unsigned step = disk->info.block_bytes / KVICK_BLK_SECTOR_BYTES;

	for (unsigned n = step; n <= CHUNK_SECTORS && n <= disk->sectors; n += step * disk->part) {
		uint8_t *data = buffer + 1 + next_random(disk) % 63;
		bool write = disk->may_write && n % 2;
		struct kvick_blk_request request = { .operation = write ? KVICK_BLK_WRITE : KVICK_BLK_READ };

		request.sector = random_place(disk, n);
		memset(buffer, 0x5a, sizeof(buffer));
		if (write)
			pattern_fill(data, request.sector, n, disk->seed);
		request.segment_count = cut(disk, &request, data, n * KVICK_BLK_SECTOR_BYTES);

		int64_t r = kvick_blk_make(disk->blk, &request);

		check(r == 0, "%s of %u sectors at %lu in %u pieces: %ld", write ? "write" : "read", n, request.sector,
		      request.segment_count, r);
		check(pattern_is(data, request.sector, n, disk->seed), "contents of %u sectors at %lu in %u pieces", n,
		      request.sector, request.segment_count);
		check(data[-1] == 0x5a && data[n * KVICK_BLK_SECTOR_BYTES] == 0x5a, "bytes around %u sectors at %lu", n,
		      request.sector);
		check(request.written == (write ? 0 : n * KVICK_BLK_SECTOR_BYTES), "%u bytes written by a %s of %u sectors",
		      request.written, write ? "write" : "read", n);
	}
}

static bool submit_random(struct disk *disk, struct kvick_blk_request *request, uint8_t *data)
{
	unsigned queue = (unsigned)(next_random(disk) % disk->info.queues);

	request->operation = disk->may_write && next_random(disk) % 2 ? KVICK_BLK_WRITE : KVICK_BLK_READ;
	request->sector = random_place(disk, FLIGHT_SECTORS);
	request->segment_count = 1;
	request->segments[0] = (struct kvick_blk_segment){ data, FLIGHT_SECTORS * KVICK_BLK_SECTOR_BYTES };
	memset(data, 0x5a, FLIGHT_SECTORS * KVICK_BLK_SECTOR_BYTES);
	if (request->operation == KVICK_BLK_WRITE)
		pattern_fill(data, request->sector, FLIGHT_SECTORS, disk->seed);
	return kvick_blk_submit(disk->blk, queue, request) == 0;
}

/*
 * Many at a time, on all queues, in whatever order they come back. Writes store what is there already: so reads that meet them have
 * one right answer.
 */
void check_in_flight(struct disk *disk)
{
	static struct kvick_blk_request requests[DEPTH];
	static uint8_t data[DEPTH][FLIGHT_SECTORS * KVICK_BLK_SECTOR_BYTES];
	struct kvick_blk_request *idle[DEPTH], *done;
	unsigned idle_count = DEPTH, started = 0, finished = 0, wanted = FLIGHT_REQUESTS / disk->part;

	if (disk->sectors < FLIGHT_SECTORS)
		return;
	for (unsigned i = 0; i < DEPTH; i++)
		idle[i] = &requests[i];
	while (finished < wanted) {
		while (started < wanted && idle_count > 0) {
			struct kvick_blk_request *request = idle[idle_count - 1];

			if (!submit_random(disk, request, data[request - requests]))
				break;
			idle_count--;
			started++;
		}
		if (!check(kvick_blk_wait(disk->blk, KVICK_FOREVER) >= 0, "wait with requests in flight"))
			return;
		while ((done = kvick_blk_poll(disk->blk))) {
			check(done->result == 0, "one of many at %lu: %ld", done->sector, done->result);
			check(pattern_is(done->segments[0].data, done->sector, FLIGHT_SECTORS, disk->seed),
			      "contents of one of many at %lu", done->sector);
			idle[idle_count++] = done;
			finished++;
		}
	}
}

static void check_zeroed(struct disk *disk, uint64_t at, unsigned n, const char *what, bool zero)
{
	int64_t r = kvick_blk_read(disk->blk, at - n, buffer, 3 * n * KVICK_BLK_SECTOR_BYTES);
	uint8_t *middle = buffer + n * KVICK_BLK_SECTOR_BYTES;

	check(r == 0, "read after %s: %ld", what, r);
	check(!zero || all_zero(middle, n), "zeroes after %s at %lu", what, at);
	check(pattern_is(buffer, at - n, n, disk->seed) &&
		      pattern_is(middle + n * KVICK_BLK_SECTOR_BYTES, at + n, n, disk->seed),
	      "neighbours after %s at %lu", what, at);
	pattern_fill(middle, at, n, disk->seed);
	r = kvick_blk_write(disk->blk, at, middle, n * KVICK_BLK_SECTOR_BYTES);
	check(r == 0, "write after %s: %ld", what, r);
}

/* Discard may leave anything (5.2.6.2), write-zeroes only zeroes; neither touches what lies beside. */
void check_zeroing(struct disk *disk)
{
	unsigned n = CHUNK_SECTORS / 4;

	if (disk->sectors < 3 * n)
		return;
	for (unsigned i = 0; i < (disk->part > 1 ? 2 : 4); i++) {
		uint64_t at = n + random_place(disk, 3 * n);

		if (disk->info.write_zeroes && n <= disk->info.write_zeroes_sectors_max) {
			int64_t r = kvick_blk_write_zeroes(disk->blk, at, n, i % 2);

			check(r == 0, "write-zeroes of %u sectors at %lu: %ld", n, at, r);
			check_zeroed(disk, at, n, "write-zeroes", true);
		}
		if (disk->info.discard && n <= disk->info.discard_sectors_max) {
			int64_t r = kvick_blk_discard(disk->blk, at, n);

			check(r == 0, "discard of %u sectors at %lu: %ld", n, at, r);
			check_zeroed(disk, at, n, "discard", false);
		}
	}
}
