/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks a disk, the one that the environment's DEVICE names or the first.
 *
 *	blkcheck [MODE [SEED [SECTORS [PART]]]]
 *
 *	all       write a pattern, read it back in every way (the default); destroys what was there
 *	write     only write the pattern of SEED, and flush
 *	verify    read in every way, and compare with the pattern of SEED
 *	readonly  writes must fail
 *	beyond    requests that leave the disk must fail
 *	info      say what the disk is
 *
 * SECTORS: how much of the disk, from its start; all of it, but no more than 64 MiB, unless said.
 * PART: an odd number, for guests that run slowly: one in PART of the requests' sizes, and of those in flight; 1 unless said.
 */
#include "blkcheck.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECTORS_DEFAULT (64u << 20 >> 9)
#define COMPLAINTS_MAX  10u

static unsigned made, failed;

bool check(bool good, const char *format, ...)
{
	va_list args;

	made++;
	if (good || failed++ >= COMPLAINTS_MAX)
		return good;
	printf("blkcheck: FAILED: ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	return false;
}

static void verify(struct disk *disk)
{
	verify_all(disk);
	check_shapes(disk);
	check_in_flight(disk);
	check_unknown(disk);
}

static void all(struct disk *disk)
{
	if (!check(!disk->info.read_only, "the disk can be written to"))
		return;
	disk->may_write = true;
	write_all(disk);
	verify(disk);
	check_zeroing(disk);
	check_beyond(disk);
	verify_all(disk);
}

static const struct {
	const char *name;
	void (*run)(struct disk *disk);
} modes[] = {
	{ "all", all },
	{ "write", write_all },
	{ "verify", verify },
	{ "readonly", check_read_only },
	{ "beyond", check_beyond },
	{ "info", check_unknown },
};

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "all";
	struct disk disk = { .seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1 };
	unsigned i = 0;

	while (i < sizeof(modes) / sizeof(modes[0]) && strcmp(modes[i].name, mode) != 0)
		i++;
	if (i == sizeof(modes) / sizeof(modes[0])) {
		printf("blkcheck: no mode \"%s\"\n", mode);
		return 2;
	}
	disk.blk = kvick_blk_open(kvick_device_find(KVICK_ID_BLOCK, getenv("DEVICE")), KVICK_NOTIFY_QUEUES);
	if (!disk.blk) {
		puts("blkcheck: no disk");
		return 1;
	}
	kvick_blk_info(disk.blk, &disk.info);
	disk.sectors = argc > 3 ? strtoull(argv[3], NULL, 0) : SECTORS_DEFAULT;
	if (disk.sectors > disk.info.sectors)
		disk.sectors = disk.info.sectors;
	disk.random = disk.seed;
	disk.part = argc > 4 ? (unsigned)atoi(argv[4]) | 1 : 1;
	printf("blkcheck: %lu sectors, blocks of %u, %u queues%s%s%s%s\n", disk.info.sectors, disk.info.block_bytes,
	       disk.info.queues, disk.info.read_only ? ", read-only" : "", disk.info.flush ? ", flush" : "",
	       disk.info.discard ? ", discard" : "", disk.info.write_zeroes ? ", write-zeroes" : "");

	modes[i].run(&disk);
	kvick_blk_close(disk.blk);
	printf("blkcheck: %s %s, %u checks, %u failed\n", mode, failed ? "FAILED" : "ok", made, failed);
	return failed != 0;
}
