/* SPDX-License-Identifier: Apache-2.0 */
/* What must fail, and that the disk lives on after it. */
#include "blkcheck.h"

#include <stdio.h>
#include <string.h>

#define SECTOR KVICK_BLK_SECTOR_BYTES

static uint8_t buffer[8 * SECTOR];

static void still_works(struct disk *disk)
{
	int64_t r = kvick_blk_read(disk->blk, 0, buffer, SECTOR);

	check(r == 0, "read of sector 0 after what failed: %ld", r);
}

/* 5.2.6.2: a read-only device fails writes, and does not do them. */
void check_read_only(struct disk *disk)
{
	static uint8_t before[SECTOR];
	int64_t r;

	if (!check(disk->info.read_only, "the disk says that it is read-only"))
		return;
	still_works(disk);
	memcpy(before, buffer, sizeof(before));
	memset(buffer, 0xa5, SECTOR);
	r = kvick_blk_write(disk->blk, 0, buffer, SECTOR);
	check(r == -KVICK_EIO, "write to a read-only disk: %ld", r);
	if (disk->info.write_zeroes)
		check(kvick_blk_write_zeroes(disk->blk, 0, 1, false) < 0, "write-zeroes on a read-only disk");
	if (disk->info.discard)
		check(kvick_blk_discard(disk->blk, 0, 1) < 0, "discard on a read-only disk");
	still_works(disk);
	check(memcmp(before, buffer, sizeof(before)) == 0, "a read-only disk has not changed");
}

/* Writes here are refused whole: nothing of the disk may change. */
void check_beyond(struct disk *disk)
{
	uint64_t end = disk->info.sectors;
	const struct {
		uint64_t sector;
		uint32_t bytes;
	} bad[] = {
		{ end, SECTOR },             /* right behind the end */
		{ end - 1, 2 * SECTOR },     /* across it */
		{ end + 1000000, SECTOR },
		{ UINT64_MAX, SECTOR },
		{ UINT64_MAX / SECTOR, SECTOR },     /* the byte offset is just below 2^64 */
		{ UINT64_MAX / SECTOR + 1, SECTOR }, /* … and wraps to 0 */
		{ 0, SECTOR - 1 },           /* no whole sector */
		{ 0, SECTOR + 1 },
	};
	static uint8_t first[SECTOR], last[SECTOR];

	kvick_blk_read(disk->blk, 0, first, SECTOR);
	kvick_blk_read(disk->blk, end - 1, last, SECTOR);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int64_t r = kvick_blk_read(disk->blk, bad[i].sector, buffer, bad[i].bytes);

		check(r == -KVICK_EIO, "read of %u bytes at sector %lu: %ld", bad[i].bytes, bad[i].sector, r);
		memset(buffer, 0xa5, sizeof(buffer));
		r = kvick_blk_write(disk->blk, bad[i].sector, buffer, bad[i].bytes);
		check(r == -KVICK_EIO, "write of %u bytes at sector %lu: %ld", bad[i].bytes, bad[i].sector, r);
	}
	if (disk->info.write_zeroes)
		check(kvick_blk_write_zeroes(disk->blk, end - 1, 2, false) < 0, "write-zeroes across the end");
	if (disk->info.discard)
		check(kvick_blk_discard(disk->blk, UINT64_MAX, 2) < 0, "discard at the last sector that has a number");
	if (disk->info.block_bytes > SECTOR && disk->info.write_zeroes)
		check(kvick_blk_write_zeroes(disk->blk, 0, 1, false) == -KVICK_EIO, "write-zeroes of less than a block");
	if (disk->info.block_bytes > SECTOR && disk->info.discard)
		check(kvick_blk_discard(disk->blk, 1, disk->info.block_bytes / SECTOR) == -KVICK_EIO, "discard across blocks");
	still_works(disk);
	check(memcmp(first, buffer, SECTOR) == 0, "the first sector has not changed");
	kvick_blk_read(disk->blk, end - 1, buffer, SECTOR);
	check(memcmp(last, buffer, SECTOR) == 0, "the last sector has not changed");
}

void check_unknown(struct disk *disk)
{
	struct kvick_blk_request request = { .operation = 0x7777, .segment_count = 1, .segments = { { buffer, SECTOR } } };
	int64_t r = kvick_blk_make(disk->blk, &request);
	char id[KVICK_BLK_ID_BYTES + 1];

	check(r == -KVICK_ENOSYS, "a request that nobody knows: %ld", r);
	r = kvick_blk_get_id(disk->blk, id);
	check(r == 0, "get-id: %ld", r);
	if (r == 0)
		printf("blkcheck: id \"%s\"\n", id);
	still_works(disk);
}
