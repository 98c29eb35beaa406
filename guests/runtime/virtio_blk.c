/* SPDX-License-Identifier: Apache-2.0 */
/* The block device: virtio 1.2, 5.2. */
#include <kvick_blk.h>

#include <stdlib.h>
#include <string.h>

#include "virtio.h"

#define QUEUE_SIZE 128

/* Feature bits: 5.2.3. */
#define F_SEG_MAX      (1ull << 2)
#define F_RO           (1ull << 5)
#define F_BLK_SIZE     (1ull << 6)
#define F_FLUSH        (1ull << 9)
#define F_MQ           (1ull << 12)
#define F_DISCARD      (1ull << 13)
#define F_WRITE_ZEROES (1ull << 14)

#define FEATURES (F_SEG_MAX | F_RO | F_BLK_SIZE | F_FLUSH | F_MQ | F_DISCARD | F_WRITE_ZEROES)

/* Status: 5.2.6. The last is ours: what the device leaves alone is no success. */
#define STATUS_OK          0
#define STATUS_UNSUPPORTED 2
#define STATUS_NONE        0xff

/* 5.2.4 */
struct blk_config {
	uint64_t capacity;
	uint32_t size_max, seg_max;
	uint16_t cylinders;
	uint8_t heads, track_sectors;
	uint32_t block_bytes;
	uint8_t physical_block_exponent, alignment_offset;
	uint16_t min_io_blocks;
	uint32_t optimal_io_blocks;
	uint8_t writeback, unused0;
	uint16_t queues;
	uint32_t max_discard_sectors, max_discard_segments, discard_alignment;
	uint32_t max_write_zeroes_sectors, max_write_zeroes_segments;
	uint8_t write_zeroes_may_unmap, unused1[3];
};

_Static_assert(offsetof(struct blk_config, queues) == 34, "virtio 1.2, 5.2.4");
_Static_assert(offsetof(struct blk_config, max_write_zeroes_segments) == 52, "virtio 1.2, 5.2.4");

struct kvick_blk {
	struct virtio virtio;
	unsigned next_queue; /* to be polled */
	struct kvick_blk_request *back, **back_end; /* came back while another was waited for */
	uint32_t segments_max;
};

struct kvick_blk *kvick_blk_open(int device, unsigned queues)
{
	const struct kvick_device *listed = device < 0 ? NULL : kvick_device((unsigned)device);
	struct kvick_blk *blk = malloc(sizeof(*blk));
	struct kvick_blk_info info;

	if (!blk || !listed || queues == 0)
		goto fail;
	/* Without the feature there is one queue, whatever the list says. */
	if (!(listed->features & F_MQ))
		queues = 1;
	if (queues > listed->queues)
		queues = listed->queues;
	if (queues > KVICK_NOTIFY_QUEUES)
		queues = KVICK_NOTIFY_QUEUES;
	if (kvick_virtio_open(&blk->virtio, device, KVICK_ID_BLOCK, FEATURES, queues, QUEUE_SIZE) < 0)
		goto fail;
	blk->next_queue = 0;
	blk->back = NULL;
	blk->back_end = &blk->back;
	kvick_blk_info(blk, &info);
	blk->segments_max = info.segments_max;
	if (blk->segments_max > 0)
		return blk;
	kvick_virtio_close(&blk->virtio);
fail:
	free(blk);
	return NULL;
}

void kvick_blk_close(struct kvick_blk *blk)
{
	kvick_virtio_close(&blk->virtio);
	free(blk);
}

void kvick_blk_info(const struct kvick_blk *blk, struct kvick_blk_info *info)
{
	uint64_t features = blk->virtio.features;
	const struct vq *vq = &blk->virtio.queue[0];
	struct blk_config config;

	kvick_device_config(blk->virtio.listed, 0, &config, sizeof(config));
	*info = (struct kvick_blk_info){
		.sectors = config.capacity,
		.block_bytes = features & F_BLK_SIZE ? config.block_bytes : KVICK_BLK_SECTOR_BYTES,
		.segments_max = KVICK_BLK_SEGMENTS_MAX,
		.discard_sectors_max = features & F_DISCARD ? config.max_discard_sectors : 0,
		.write_zeroes_sectors_max = features & F_WRITE_ZEROES ? config.max_write_zeroes_sectors : 0,
		.queues = blk->virtio.queues,
		.read_only = features & F_RO,
		.flush = features & F_FLUSH,
		.discard = features & F_DISCARD,
		.write_zeroes = features & F_WRITE_ZEROES,
	};
	if (features & F_SEG_MAX && config.seg_max < info->segments_max)
		info->segments_max = config.seg_max;
	/* Header and status take two descriptors; without a table of its own a request has to fit into the ring. */
	if (!vq->tables && vq->size < info->segments_max + 2)
		info->segments_max = vq->size > 2 ? vq->size - 2 : 0;
}

int kvick_blk_submit(struct kvick_blk *blk, unsigned queue, struct kvick_blk_request *request)
{
	bool in = request->operation == KVICK_BLK_READ || request->operation == KVICK_BLK_GET_ID;
	unsigned count = request->segment_count;
	struct vq_segment segments[VQ_SEGMENTS_MAX];

	if (queue >= blk->virtio.queues || count > blk->segments_max)
		return -KVICK_EINVAL;
	request->own.header.type = request->operation;
	request->own.header.reserved = 0;
	request->own.header.sector = request->sector;
	request->own.status = STATUS_NONE;
	segments[0] = segment(&request->own.header, sizeof(request->own.header));
	for (unsigned i = 0; i < count; i++)
		segments[1 + i] = segment(request->segments[i].data, request->segments[i].bytes);
	segments[1 + count] = segment(&request->own.status, 1);
	return kvick_virtio_add(&blk->virtio, queue, segments, in ? 1 : 1 + count, in ? count + 1 : 1, request);
}

void kvick_blk_notify(struct kvick_blk *blk)
{
	kvick_virtio_notify(&blk->virtio);
}

/* The next request that the device has finished with. Queues take turns. */
static struct kvick_blk_request *take(struct kvick_blk *blk)
{
	struct kvick_blk_request *request;
	uint32_t written;
	void *cookie;

	for (unsigned i = 0; i < blk->virtio.queues; i++) {
		struct vq *vq = &blk->virtio.queue[blk->next_queue];

		blk->next_queue = (blk->next_queue + 1) % blk->virtio.queues;
		if (vq_take(vq, &cookie, &written) != 1)
			continue;
		request = cookie;
		request->written = written ? written - 1 : 0; /* the status is the last byte */
		if (request->own.status == STATUS_OK)
			request->result = 0;
		else
			request->result = request->own.status == STATUS_UNSUPPORTED ? -KVICK_ENOSYS : -KVICK_EIO;
		return request;
	}
	return NULL;
}

struct kvick_blk_request *kvick_blk_poll(struct kvick_blk *blk)
{
	struct kvick_blk_request *request = blk->back;

	if (!request)
		return take(blk);
	blk->back = request->own.next;
	if (!blk->back)
		blk->back_end = &blk->back;
	return request;
}

static int64_t wait_for_device(struct kvick_blk *blk, uint64_t timeout_ns)
{
	return kvick_virtio_wait(&blk->virtio, (1u << blk->virtio.queues) - 1, timeout_ns);
}

int64_t kvick_blk_wait(struct kvick_blk *blk, uint64_t timeout_ns)
{
	if (!blk->back)
		return wait_for_device(blk, timeout_ns);
	kvick_blk_notify(blk);
	return 1;
}

static void keep(struct kvick_blk *blk, struct kvick_blk_request *request)
{
	request->own.next = NULL;
	*blk->back_end = request;
	blk->back_end = &request->own.next;
}

int64_t kvick_blk_make(struct kvick_blk *blk, struct kvick_blk_request *request)
{
	struct kvick_blk_request *done;
	int64_t submitted = -KVICK_ENOMEM;

	for (;;) {
		if (submitted == -KVICK_ENOMEM)
			submitted = kvick_blk_submit(blk, 0, request);
		if (submitted < 0 && submitted != -KVICK_ENOMEM)
			return submitted;

		done = take(blk);
		if (done == request)
			return request->result;
		if (done) {
			keep(blk, done);
		} else {
			int64_t r = wait_for_device(blk, KVICK_FOREVER);

			if (r < 0)
				return r;
		}
	}
}

static int64_t make(struct kvick_blk *blk, unsigned operation, uint64_t sector, const void *data, uint32_t bytes)
{
	struct kvick_blk_request request = {
		.operation = operation,
		.sector = sector,
		.segment_count = bytes != 0,
		.segments = { { (void *)(uintptr_t)data, bytes } },
	};

	return kvick_blk_make(blk, &request);
}

int64_t kvick_blk_read(struct kvick_blk *blk, uint64_t sector, void *to, uint32_t bytes)
{
	return make(blk, KVICK_BLK_READ, sector, to, bytes);
}

int64_t kvick_blk_write(struct kvick_blk *blk, uint64_t sector, const void *from, uint32_t bytes)
{
	return make(blk, KVICK_BLK_WRITE, sector, from, bytes);
}

int64_t kvick_blk_flush(struct kvick_blk *blk)
{
	return make(blk, KVICK_BLK_FLUSH, 0, NULL, 0);
}

int64_t kvick_blk_discard(struct kvick_blk *blk, uint64_t sector, uint32_t sectors)
{
	struct kvick_blk_range range = { .sector = sector, .sectors = sectors };

	return make(blk, KVICK_BLK_DISCARD, 0, &range, sizeof(range));
}

int64_t kvick_blk_write_zeroes(struct kvick_blk *blk, uint64_t sector, uint32_t sectors, bool unmap)
{
	struct kvick_blk_range range = { .sector = sector, .sectors = sectors, .flags = unmap };

	return make(blk, KVICK_BLK_WRITE_ZEROES, 0, &range, sizeof(range));
}

int64_t kvick_blk_get_id(struct kvick_blk *blk, char id[KVICK_BLK_ID_BYTES + 1])
{
	memset(id, 0, KVICK_BLK_ID_BYTES + 1);
	return make(blk, KVICK_BLK_GET_ID, 0, id, KVICK_BLK_ID_BYTES);
}
