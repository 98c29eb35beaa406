/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BLKCHECK_H
#define BLKCHECK_H

#include <kvick_blk.h>

/* What the checks share: the disk, and where on it they may write. */
struct disk {
	struct kvick_blk *blk;
	struct kvick_blk_info info;
	uint64_t sectors; /* checked: from 0 */
	uint64_t seed;
	uint64_t random;  /* state of next_random() */
	bool may_write;
	unsigned part;    /* one in so many of the sizes and of the requests in flight: odd, so that reads and writes take turns */
};

/* Counts, and says of the first failures what was wrong. Returns `good`. */
bool check(bool good, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* pattern.c: what each sector holds depends on the seed and its number. */
void pattern_fill(void *to, uint64_t sector, unsigned sectors, uint64_t seed);
bool pattern_is(const void *data, uint64_t sector, unsigned sectors, uint64_t seed);
bool all_zero(const void *data, unsigned sectors);
uint64_t next_random(struct disk *disk);

/* contents.c */
void write_all(struct disk *disk);
void verify_all(struct disk *disk);
void check_shapes(struct disk *disk);
void check_in_flight(struct disk *disk);
void check_zeroing(struct disk *disk);

/* limits.c */
void check_read_only(struct disk *disk);
void check_beyond(struct disk *disk);
void check_unknown(struct disk *disk);

#endif
