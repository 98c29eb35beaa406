/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The block device: virtio 1.2, 5.2. A request is popped, checked, started on the engine, and pushed when that is done;
 * how many are under way is bounded by the pool they come from.
 */
#include <errno.h>
#include <linux/falloc.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <x86intrin.h>

#include "virtio/device.h"
#include "virtio/devices.h"
#include "virtio/devices_state.h"
#include "virtio/disk.h"
#include "vmm/engine.h"
#include "vmm/error.h"
#include "vmm/sys.h"

#define QUEUE_SIZE VIRTQ_SIZE_MAX
#define REQUESTS   128u /* under way at once, of all queues */
#define DATA_SEGMENTS_MAX (VIRTQ_SEGMENTS_MAX - 2) /* header and status have their own */
#define RANGE_SECTORS_MAX (1u << 22) /* of a discard: 2 GiB */
_Static_assert(DATA_SEGMENTS_MAX + 2 <= QUEUE_SIZE, "what a driver may ask for fits into its ring, without indirect tables too");

struct block;

struct request {
	struct engine_op op;
	struct block *block;
	struct request *next;      /* free ones */
	unsigned queue;
	uint32_t type;             /* VIRTIO_BLK_T_* */
	uint32_t written;          /* into the guest's data, so far */
	uint64_t left;             /* data bytes still to be moved */
	uint64_t sector;
	uint64_t begin_tsc;
	struct virtq_chain chain;
	struct iovec *data;        /* what is left of iov[] */
	unsigned data_count;
	bool bounced;
	struct iovec bounce;
	struct iovec iov[VIRTQ_SEGMENTS_MAX];
};

struct block {
	struct virtio_device device;
	struct disk disk;
	int file, buffered;        /* the engine's numbers of it; the second with `direct` only */
	struct request *free;      /* used before, and free again */
	unsigned fresh;            /* requests[fresh] and those after it were never used: not a page of them is touched */
	unsigned under_way;
	uint8_t *bounce;           /* `direct`: DISK_BOUNCE_BYTES for each request, touched by those that need it */
	bool write_through;        /* what is written is synced before it is done */
	bool starved[VIRTIO_QUEUES_MAX]; /* left with something in it when the pool was empty */
	char serial[VIRTIO_BLK_ID_BYTES];
	struct request requests[REQUESTS];
};

/* ---- the pool ---- */

/* The request that the next chain is popped into; NULL: all are under way. */
static struct request *peek(struct block *b)
{
	return b->free ? b->free : b->fresh < REQUESTS ? &b->requests[b->fresh] : NULL;
}

static void take(struct block *b, struct request *r)
{
	if (r == b->free)
		b->free = r->next;
	else
		b->fresh++;
	r->block = b;
	b->under_way++;
}

static void give_back(struct request *r)
{
	struct block *b = r->block;

	r->next = b->free;
	b->free = r;
	b->under_way--;
}

/* ---- the end of a request ---- */

static void finish(struct request *r, uint8_t status, uint32_t written)
{
	struct block *b = r->block;
	struct virtq *q = &b->device.queues[r->queue];

	/* After a reset its queue takes nothing any more, and its memory is the driver's again. */
	if (!b->device.transport.resetting) {
		chain_write(&r->chain, r->chain.writable_bytes - 1, &status, 1);
		virtio_request_done(&b->device, r->queue, r->begin_tsc, status == VIRTIO_BLK_S_OK);
		virtq_push(q, &r->chain, written + 1);
		virtio_queue_done(&b->device, r->queue);
	}
	give_back(r);
}

static const char *doing(const struct request *r)
{
	if (r->op.code == ENGINE_FSYNC)
		return "flush";
	return r->type == VIRTIO_BLK_T_IN ? "read" : r->type == VIRTIO_BLK_T_OUT ? "write" :
	       r->type == VIRTIO_BLK_T_DISCARD ? "discard" : "write-zeroes";
}

static uint8_t status_of(struct request *r, int32_t result)
{
	if (result >= 0)
		return VIRTIO_BLK_S_OK;
	if (result == -EOPNOTSUPP && r->op.code == ENGINE_FALLOCATE)
		return VIRTIO_BLK_S_UNSUPP;
	if (result != -ECANCELED) /* the machine ends */
		virtio_host_error(&r->block->device, -result, doing(r), r->sector);
	return VIRTIO_BLK_S_IOERR;
}

static void more(struct block *b);

static void end(struct request *r, int32_t result)
{
	finish(r, status_of(r, result), r->written);
	more(r->block);
}

static void synced(struct engine_op *op, int32_t result)
{
	end(op->context, result);
}

/* An operation without data. */
static void start(struct request *r, enum engine_code code, void (*done)(struct engine_op *op, int32_t result))
{
	r->op.code = code;
	r->op.file = r->block->file;
	r->op.done = done;
	r->op.context = r;
	engine_start(r->block->device.engine, &r->op);
}

/* The last operation of a write has ended. 5.2.6.2: where FLUSH was not negotiated, what is done is stable. */
static void end_write(struct request *r, int32_t result)
{
	if (result >= 0 && r->block->write_through && !r->block->device.transport.resetting)
		start(r, ENGINE_FSYNC, synced);
	else
		end(r, result);
}

static void range_done(struct engine_op *op, int32_t result)
{
	struct request *r = op->context;
	const uint32_t hole = FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE;

	/* tmpfs and others know no zero range: a hole reads as zeroes as well. */
	if (result == -EOPNOTSUPP && op->mode != hole && !r->block->device.transport.resetting) {
		op->mode = hole;
		engine_start(r->block->device.engine, op);
		return;
	}
	if (r->type == VIRTIO_BLK_T_WRITE_ZEROES)
		end_write(r, result);
	else
		end(r, result);
}

/* Takes `bytes` off the front of what is still to be moved. */
static void advance(struct request *r, uint64_t bytes)
{
	r->left -= bytes;
	r->op.offset += bytes;
	while (bytes >= r->data->iov_len && r->data_count > 1) {
		bytes -= r->data->iov_len;
		r->data++;
		r->data_count--;
	}
	r->data->iov_base = (uint8_t *)r->data->iov_base + bytes;
	r->data->iov_len -= bytes;
}

/* Between the request's piece of the bounce memory and the front of its data. */
static COLD void copy_bounced(struct request *r, uint64_t bytes, bool to_guest)
{
	uint8_t *at = r->bounce.iov_base;

	for (unsigned i = 0; bytes > 0; i++) {
		uint64_t n = r->data[i].iov_len < bytes ? r->data[i].iov_len : bytes;

		memcpy(to_guest ? r->data[i].iov_base : at, to_guest ? at : r->data[i].iov_base, n);
		at += n;
		bytes -= n;
	}
}

/* A length that is no sector's comes only of a file that was cut short: whatever then fails may fail. */
static COLD void bounce(struct request *r)
{
	struct block *b = r->block;

	r->bounce.iov_base = b->bounce + (size_t)(r - b->requests) * DISK_BOUNCE_BYTES;
	r->bounce.iov_len = r->left < DISK_BOUNCE_BYTES ? r->left : DISK_BOUNCE_BYTES;
	if (r->type == VIRTIO_BLK_T_OUT)
		copy_bounced(r, r->bounce.iov_len, false);
	r->bounced = true;
	r->op.iov = &r->bounce;
	r->op.iov_count = 1;
}

/* Hands what is left of a request's data to the engine: all of it, or the first piece. */
static void transfer(struct request *r)
{
	struct block *b = r->block;
	enum disk_way way = disk_way(&b->disk, r->op.offset, r->data, r->data_count);

	r->op.file = way == DISK_BUFFERED ? b->buffered : b->file;
	r->op.iov = r->data;
	r->op.iov_count = r->data_count;
	r->bounced = false;
	if (way == DISK_BOUNCED)
		bounce(r);
	engine_start(b->device.engine, &r->op);
}

static void data_done(struct engine_op *op, int32_t result)
{
	struct request *r = op->context;
	bool read = r->type == VIRTIO_BLK_T_IN, resetting = r->block->device.transport.resetting;

	if (result > 0 && read) {
		if (r->bounced && !resetting)
			copy_bounced(r, (uint64_t)result, true);
		r->written += (uint32_t)result;
	}
	/* Short: bounced, a signal, or the file's end, which was elsewhere when it was opened; the next then gives 0. */
	if (result > 0 && (uint64_t)result < r->left && !resetting) {
		advance(r, (uint64_t)result);
		transfer(r);
		return;
	}
	if (result == 0)
		result = -ENODATA;
	if (read)
		end(r, result);
	else
		end_write(r, result);
}

/* ---- its beginning ---- */

/* Does [sector, sector + bytes) lie on the disk, and in whole units? */
static bool on_disk(const struct block *b, uint64_t sector, uint64_t bytes)
{
	uint64_t sectors = b->disk.bytes / DISK_SECTOR_BYTES;

	return bytes % DISK_SECTOR_BYTES == 0 && sector <= sectors && bytes / DISK_SECTOR_BYTES <= sectors - sector;
}

static void start_data(struct request *r, bool write)
{
	const struct virtq_chain *c = &r->chain;
	uint64_t bytes = write ? c->readable_bytes - sizeof(struct virtio_blk_outhdr) : c->writable_bytes - 1;

	if (!on_disk(r->block, r->sector, bytes) || (write && r->block->disk.read_only)) {
		finish(r, VIRTIO_BLK_S_IOERR, 0);
		return;
	}
	if (bytes == 0) {
		finish(r, VIRTIO_BLK_S_OK, 0);
		return;
	}
	r->data = r->iov;
	r->data_count = write ? chain_readable(c, sizeof(struct virtio_blk_outhdr), bytes, r->iov) :
			 chain_writable(c, 0, bytes, r->iov);
	r->op.offset = r->sector * DISK_SECTOR_BYTES;
	r->left = bytes;
	r->op.code = write ? ENGINE_WRITEV : ENGINE_READV;
	r->op.done = data_done;
	r->op.context = r;
	transfer(r);
}

/* 5.2.6.2: one segment of {sector, count, flags}; more than one was not offered. */
static void start_range(struct request *r)
{
	const struct virtq_chain *c = &r->chain;
	struct block *b = r->block;
	struct virtio_blk_discard_write_zeroes range;
	uint64_t bytes = c->readable_bytes - sizeof(struct virtio_blk_outhdr);
	bool zeroes = r->type == VIRTIO_BLK_T_WRITE_ZEROES;
	uint32_t known = zeroes ? VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP : 0;

	if (!(zeroes ? b->disk.zeroes : b->disk.discards) || bytes != sizeof(range) ||
	    chain_read(c, sizeof(struct virtio_blk_outhdr), &range, sizeof(range)) != sizeof(range) || (range.flags & ~known)) {
		finish(r, VIRTIO_BLK_S_UNSUPP, 0);
		return;
	}
	r->sector = range.sector;
	r->op.bytes = (uint64_t)range.num_sectors * DISK_SECTOR_BYTES;
	if (range.num_sectors == 0 || range.num_sectors > RANGE_SECTORS_MAX || !on_disk(b, range.sector, r->op.bytes)) {
		finish(r, VIRTIO_BLK_S_IOERR, 0);
		return;
	}
	r->op.offset = range.sector * DISK_SECTOR_BYTES;
	if ((r->op.offset | r->op.bytes) % b->disk.logical_bytes) {
		finish(r, VIRTIO_BLK_S_IOERR, 0);
		return;
	}
	r->op.mode = FALLOC_FL_KEEP_SIZE |
		     (zeroes && !(range.flags & VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP) ? FALLOC_FL_ZERO_RANGE : FALLOC_FL_PUNCH_HOLE);
	start(r, ENGINE_FALLOCATE, range_done);
}

static void get_id(struct request *r)
{
	/* 5.2.6: 20 bytes; a driver with less room gets less. */
	uint64_t room = r->chain.writable_bytes - 1;
	size_t bytes = room < sizeof(r->block->serial) ? (size_t)room : sizeof(r->block->serial);

	chain_write(&r->chain, 0, r->block->serial, bytes);
	finish(r, VIRTIO_BLK_S_OK, (uint32_t)bytes);
}

/* One popped chain. False: it is no request at all, and there is not even a byte to say so in (5.2.6.1). */
static bool begin(struct request *r)
{
	struct virtio_blk_outhdr header;

	if (chain_read(&r->chain, 0, &header, sizeof(header)) != sizeof(header) || r->chain.writable_bytes == 0)
		return false;
	r->type = header.type;
	r->sector = header.sector;
	r->written = 0;
	r->op = (struct engine_op){ 0 };
	switch (header.type) {
	case VIRTIO_BLK_T_IN:
		start_data(r, false);
		break;
	case VIRTIO_BLK_T_OUT:
		start_data(r, true);
		break;
	case VIRTIO_BLK_T_FLUSH:
		start(r, ENGINE_FSYNC, synced);
		break;
	case VIRTIO_BLK_T_DISCARD:
	case VIRTIO_BLK_T_WRITE_ZEROES:
		if (r->block->disk.read_only)
			finish(r, VIRTIO_BLK_S_IOERR, 0);
		else
			start_range(r);
		break;
	case VIRTIO_BLK_T_GET_ID:
		get_id(r);
		break;
	default:
		finish(r, VIRTIO_BLK_S_UNSUPP, 0);
	}
	return true;
}

/* Starts what a queue holds, as far as there are requests to be had. */
static void serve(struct block *b, unsigned queue)
{
	struct virtq *q = &b->device.queues[queue];
	struct request *r;
	int got = 0;

	do {
		virtq_quiet(q);
		while ((r = peek(b)) && (got = virtio_pop(&b->device, queue, &r->chain)) == 1) {
			take(b, r);
			r->queue = queue;
			r->begin_tsc = __rdtsc();
			if (!begin(r)) {
				give_back(r);
				virtio_needs_reset(&b->device, "block request without a header or a status byte");
				return;
			}
		}
	} while (r && got == 0 && virtq_listen(q));
	b->starved[queue] = !r;
	if (got < 0)
		virtio_needs_reset(&b->device, q->broken);
}

/* A request has come back: whoever went without is served, but for a driver that has been told to reset the device (2.1.2). */
static void more(struct block *b)
{
	if (b->device.transport.resetting) {
		if (b->under_way == 0)
			virtio_reset_done(&b->device);
		return;
	}
	if (b->device.transport.status & VIRTIO_CONFIG_S_NEEDS_RESET)
		return;
	for (unsigned i = 0; i < b->device.queue_count && peek(b); i++)
		if (b->starved[i])
			serve(b, i);
}

static void notify(struct virtio_device *device, unsigned queue)
{
	serve((struct block *)device, queue);
}

static int activate(struct virtio_device *device)
{
	struct block *b = (struct block *)device;

	memset(b->starved, 0, sizeof(b->starved));
	b->write_through = !(device->features & FEATURE(VIRTIO_BLK_F_FLUSH));
	return 0;
}

/* What is under way is let finish (writes that the driver may believe done must not be torn); more() says when. */
static bool reset(struct virtio_device *device)
{
	return ((struct block *)device)->under_way == 0;
}

static void close_disk(struct virtio_device *device)
{
	struct block *b = (struct block *)device;

	disk_close(&b->disk, device->sys);
	if (b->bounce)
		sys_munmap(device->sys, b->bounce, (size_t)REQUESTS * DISK_BOUNCE_BYTES);
}

/* What the driver does with a disk it has decided by what that was. */
static COLD int load(struct virtio_device *device, const struct device_state *saved, struct state_reader *reader)
{
	const struct block *b = (struct block *)device;
	struct virtio_blk_config was, now;
	bool was_read_only = saved->features_offered & FEATURE(VIRTIO_BLK_F_RO);

	memcpy(&was, saved->config, sizeof(was));
	memcpy(&now, device->config, sizeof(now));
	if (was_read_only != b->disk.read_only)
		return device_differs(device, reader, "it was %s: %s", was_read_only ? "read-only" : "writable",
				      was_read_only ? "write `ro`" : "leave out `ro`, and let the file be written to");
	if (was.capacity != now.capacity)
		return device_differs(device, reader, "it had %llu sectors, and has %llu here: give it the disk that it had",
				      (unsigned long long)was.capacity, (unsigned long long)now.capacity);
	if (was.blk_size != now.blk_size)
		return device_differs(device, reader, "its blocks had %u bytes, and have %u here: give it a disk of such blocks",
				      was.blk_size, now.blk_size);
	return 0;
}

/* The writeback byte is not offered (VIRTIO_BLK_F_CONFIG_WCE), so a driver has nothing to write. */
static const struct virtio_ops ops = {
	.name = "block",
	.id = VIRTIO_ID_BLOCK,
	.bytes_beside_data = sizeof(struct virtio_blk_outhdr) + 1,
	.activate = activate,
	.notify = notify,
	.reset = reset,
	.close = close_disk,
	.load = load,
};

static void describe(struct block *b)
{
	const struct disk *disk = &b->disk;
	struct virtio_blk_config config = {
		.capacity = disk->bytes / DISK_SECTOR_BYTES,
		.seg_max = DATA_SEGMENTS_MAX,
		.blk_size = disk->logical_bytes,
		.physical_block_exp = (uint8_t)__builtin_ctz(disk->physical_bytes / disk->logical_bytes),
		.min_io_size = (uint16_t)(disk->physical_bytes / disk->logical_bytes),
		.opt_io_size = 0,
		.num_queues = (uint16_t)b->device.queue_count,
		.max_discard_sectors = RANGE_SECTORS_MAX,
		.max_discard_seg = 1,
		.discard_sector_alignment = disk->physical_bytes / DISK_SECTOR_BYTES,
		.max_write_zeroes_sectors = RANGE_SECTORS_MAX,
		.max_write_zeroes_seg = 1,
		.write_zeroes_may_unmap = 1,
	};

	b->device.features_offered = FEATURE(VIRTIO_BLK_F_SEG_MAX) | FEATURE(VIRTIO_BLK_F_TOPOLOGY) | FEATURE(VIRTIO_BLK_F_FLUSH);
	/* Nobody needs to be told of what is so in any case, and one driver reads more there than there is. */
	if (disk->logical_bytes != DISK_SECTOR_BYTES)
		b->device.features_offered |= FEATURE(VIRTIO_BLK_F_BLK_SIZE);
	if (b->device.queue_count > 1)
		b->device.features_offered |= FEATURE(VIRTIO_BLK_F_MQ);
	if (disk->read_only)
		b->device.features_offered |= FEATURE(VIRTIO_BLK_F_RO);
	if (disk->discards)
		b->device.features_offered |= FEATURE(VIRTIO_BLK_F_DISCARD);
	if (disk->zeroes)
		b->device.features_offered |= FEATURE(VIRTIO_BLK_F_WRITE_ZEROES);
	memcpy(b->device.config, &config, sizeof(config));
	b->device.config_bytes = sizeof(config);
	_Static_assert(sizeof(config) <= VIRTIO_CONFIG_BYTES_MAX, "the configuration space holds a block device's");
}

static COLD int add_direct(struct block *b, const struct device_context *context)
{
	void *at;
	int r = 0;

	if (b->disk.buffered_fd >= 0)
		r = b->buffered = engine_add_file(context->engine, b->disk.buffered_fd);
	if (r >= 0)
		r = sys_mmap(context->sys, NULL, (size_t)REQUESTS * DISK_BOUNCE_BYTES, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0, &at);
	if (r >= 0)
		b->bounce = at;
	return r;
}

static int add_files(struct block *b, const struct device_context *context)
{
	int r = b->file = engine_add_file(context->engine, b->disk.fd);

	if (r >= 0 && b->disk.direct)
		r = add_direct(b, context);
	return r >= 0 ? 0 : error_set(context->error, ERROR_HOST, -r, "--disk %s: it cannot be prepared for I/O: %s",
				      context->config->path, strerror(-r));
}

int virtio_block_create(struct virtio_device **device, const struct device_context *context)
{
	struct block *b = device_alloc(context, sizeof(*b));
	int r;

	if (!b)
		return -ENOMEM;
	r = disk_open(&b->disk, context->config, context->sys, context->error);
	if (r == 0) {
		r = add_files(b, context);
		if (r < 0)
			disk_close(&b->disk, context->sys);
	}
	if (r < 0) {
		device_discard(context, &b->device);
		return r;
	}
	b->device.ops = &ops;
	b->device.queue_count = context->config->queues ? context->config->queues : 1;
	for (unsigned i = 0; i < b->device.queue_count; i++)
		b->device.queue_size_max[i] = QUEUE_SIZE;
	/* 5.2.6: the serial number is 20 bytes, padded with NULs. */
	memcpy(b->serial, context->config->id, strnlen(context->config->id, sizeof(b->serial)));
	describe(b);
	*device = &b->device;
	return 0;
}
