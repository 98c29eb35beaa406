/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disks: virtio 1.2, 5.2. Requests are submitted, many at a time, and come back in any order; or one is made and waited for.
 * See kvick_virtio.h for what holds of all devices.
 */
#ifndef KVICK_BLK_H
#define KVICK_BLK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <kvick_virtio.h>

#define KVICK_BLK_SECTOR_BYTES 512u /* the unit of all positions, whatever block_bytes is */
#define KVICK_BLK_SEGMENTS_MAX 14u
#define KVICK_BLK_ID_BYTES     20u

struct kvick_blk;

struct kvick_blk_info {
	uint64_t sectors;
	uint32_t block_bytes;       /* logical block; 512 where the device does not say */
	uint32_t segments_max;      /* of one request */
	uint32_t discard_sectors_max, write_zeroes_sectors_max; /* of one request */
	unsigned queues;
	bool read_only, flush, discard, write_zeroes;
};

enum kvick_blk_operation { /* VIRTIO_BLK_T_* */
	KVICK_BLK_READ = 0,
	KVICK_BLK_WRITE = 1,
	KVICK_BLK_FLUSH = 4,
	KVICK_BLK_GET_ID = 8,
	KVICK_BLK_DISCARD = 11,
	KVICK_BLK_WRITE_ZEROES = 13,
};

struct kvick_blk_segment {
	void *data;
	uint32_t bytes;
};

struct kvick_blk_request {
	uint32_t operation;         /* KVICK_BLK_*, or any number: the device answers -KVICK_ENOSYS to those it does not know */
	uint64_t sector;
	unsigned segment_count;
	struct kvick_blk_segment segments[KVICK_BLK_SEGMENTS_MAX];
	void *context;              /* the caller's */
	int64_t result;             /* once it is back: 0, -KVICK_EIO or -KVICK_ENOSYS */
	uint32_t written;           /* data bytes that the device says it wrote */
	struct { /* the driver's */
		struct {
			uint32_t type, reserved;
			uint64_t sector;
		} header;           /* 5.2.6 */
		uint8_t status;
		struct kvick_blk_request *next;
	} own;
};

/* What discard and write-zeroes take as data: 5.2.6. */
struct kvick_blk_range {
	uint64_t sector;
	uint32_t sectors;
	uint32_t flags;             /* bit 0: unmap; for write-zeroes only */
};

/* queues: how many the guest would like, 1 to 4. */
struct kvick_blk *kvick_blk_open(int device, unsigned queues);
void kvick_blk_close(struct kvick_blk *blk); /* requests in flight are forgotten */

/* As the device has it now: the size may change. */
void kvick_blk_info(const struct kvick_blk *blk, struct kvick_blk_info *info);

/* The request stays the driver's until it comes back. -KVICK_ENOMEM: the queue is full, poll first. */
int kvick_blk_submit(struct kvick_blk *blk, unsigned queue, struct kvick_blk_request *request);

/* Tells the device of what was submitted. kvick_blk_wait() does so too. */
void kvick_blk_notify(struct kvick_blk *blk);

/* One that is back; NULL: none now. */
struct kvick_blk_request *kvick_blk_poll(struct kvick_blk *blk);

/* Waits until one is back or the time is over. */
int64_t kvick_blk_wait(struct kvick_blk *blk, uint64_t timeout_ns);

/* These wait, and return the request's result; others may be in flight. */
int64_t kvick_blk_make(struct kvick_blk *blk, struct kvick_blk_request *request);
int64_t kvick_blk_read(struct kvick_blk *blk, uint64_t sector, void *to, uint32_t bytes);
int64_t kvick_blk_write(struct kvick_blk *blk, uint64_t sector, const void *from, uint32_t bytes);
int64_t kvick_blk_flush(struct kvick_blk *blk);
int64_t kvick_blk_discard(struct kvick_blk *blk, uint64_t sector, uint32_t sectors);
int64_t kvick_blk_write_zeroes(struct kvick_blk *blk, uint64_t sector, uint32_t sectors, bool unmap);
int64_t kvick_blk_get_id(struct kvick_blk *blk, char id[KVICK_BLK_ID_BYTES + 1]);

#endif
