/* SPDX-License-Identifier: Apache-2.0 */
/* What split and packed rings have in common: starting, vetting descriptors, chains as bytes, keeping order. */
#include "virtio/queue.h"

#include <assert.h>
#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <string.h>

#include "virtio/queue_internal.h"
#include "vmm/error.h"

int queue_break(struct virtq *queue, const char *why)
{
	queue->broken = why;
	return -EINVAL;
}

/* --- starting --- */

struct area {
	uint64_t at, bytes, alignment;
	void *host;
};

enum { AREA_DESC, AREA_DRIVER, AREA_DEVICE, AREAS };

/* Sizes and alignments: the tables of 2.7 and 2.8.10.1. Event fields count where they are used. */
static void find_areas(const struct virtq *queue, struct area areas[AREAS])
{
	const struct virtq_config *config = &queue->config;
	uint64_t size = config->size, event_bytes = queue->event_index ? sizeof(uint16_t) : 0;

	areas[AREA_DESC] = (struct area){ config->desc, size * sizeof(struct vring_desc), VRING_DESC_ALIGN_SIZE, NULL };
	if (queue->packed) {
		uint64_t bytes = sizeof(struct vring_packed_desc_event);

		areas[AREA_DRIVER] = (struct area){ config->driver, bytes, 4, NULL };
		areas[AREA_DEVICE] = (struct area){ config->device, bytes, 4, NULL };
		return;
	}
	areas[AREA_DRIVER] = (struct area){ config->driver, sizeof(struct vring_avail) + size * sizeof(uint16_t) + event_bytes,
					    VRING_AVAIL_ALIGN_SIZE, NULL };
	areas[AREA_DEVICE] = (struct area){ config->device,
					    sizeof(struct vring_used) + size * sizeof(struct vring_used_elem) + event_bytes,
					    VRING_USED_ALIGN_SIZE, NULL };
}

static const char *check_areas(const struct guest_mem *mem, struct area areas[AREAS])
{
	for (unsigned i = 0; i < AREAS; i++) {
		if (areas[i].at % areas[i].alignment != 0)
			return "an area of the queue is not aligned";
		areas[i].host = guest_mem_span(mem, gpa(areas[i].at), areas[i].bytes);
		if (!areas[i].host)
			return "an area of the queue does not lie in writable RAM";
	}
	/* They lie in RAM: no sum wraps. */
	for (unsigned i = 0; i < AREAS; i++)
		for (unsigned j = 0; j < i; j++)
			if (areas[i].at < areas[j].at + areas[j].bytes && areas[j].at < areas[i].at + areas[i].bytes)
				return "areas of the queue overlap";
	return NULL;
}

/* All but listening. */
static int begin(struct virtq *queue, const struct guest_mem *mem, const struct virtq_config *config, uint64_t features)
{
	struct area areas[AREAS];
	const char *wrong;

	virtq_stop(queue);
	queue->mem = mem;
	queue->config = *config;
	queue->packed = features >> VIRTIO_F_RING_PACKED & 1;
	queue->event_index = features >> VIRTIO_RING_F_EVENT_IDX & 1;
	queue->indirect = features >> VIRTIO_RING_F_INDIRECT_DESC & 1;
	queue->in_order = features >> VIRTIO_F_IN_ORDER & 1;
	if (config->size == 0 || config->size > VIRTQ_SIZE_MAX)
		return queue_break(queue, "the queue's size is 0 or more than the device offers");
	/* 2.7; packed rings may have any size (2.8.10.1). */
	if (!queue->packed && (config->size & (config->size - 1)) != 0)
		return queue_break(queue, "the queue's size is not a power of two");
	find_areas(queue, areas);
	wrong = check_areas(mem, areas);
	if (wrong)
		return queue_break(queue, wrong);
	if (queue->packed) {
		queue->ring.slots.desc = areas[AREA_DESC].host;
		queue->ring.slots.driver = areas[AREA_DRIVER].host;
		queue->ring.slots.device = areas[AREA_DEVICE].host;
	} else {
		queue->ring.split.desc = areas[AREA_DESC].host;
		queue->ring.split.avail = areas[AREA_DRIVER].host;
		queue->ring.split.used = areas[AREA_DEVICE].host;
	}
	queue->avail_wrap = queue->used_wrap = true; /* 2.8.1 */
	queue->running = true;
	return 0;
}

int virtq_start(struct virtq *queue, const struct guest_mem *mem, const struct virtq_config *config, uint64_t features)
{
	if (begin(queue, mem, config, features) < 0)
		return -EINVAL;
	/* A driver that was not told to be quiet notifies; whatever lay in the device area says otherwise no more. */
	virtq_listen(queue);
	return 0;
}

/* --- a snapshot --- */

/* What is popped last and pushed last stands between the two positions: without it they are one. */
COLD struct virtq_position virtq_save(const struct virtq *queue)
{
	assert(queue->running && !queue->broken && !queue->grouped);
	return (struct virtq_position){ queue->next_used, queue->used_wrap, queue->unsignalled };
}

COLD int virtq_load(struct virtq *queue, const struct guest_mem *mem, const struct virtq_config *config, uint64_t features,
		    const struct virtq_position *position)
{
	if (begin(queue, mem, config, features) < 0)
		return -EINVAL;
	if (queue->packed && position->next >= config->size) {
		queue->running = false;
		return queue_break(queue, "its position is beyond its end");
	}
	queue->next_avail = queue->next_used = position->next;
	queue->avail_wrap = queue->used_wrap = position->wrap;
	queue->unsignalled = position->unsignalled;
	return 0;
}

void virtq_stop(struct virtq *queue)
{
	/* held[] is large, and untouched but for VIRTIO_F_IN_ORDER. */
	if (queue->in_order)
		memset(queue->held, 0, sizeof(queue->held));
	memset(queue->ids_in_flight, 0, sizeof(queue->ids_in_flight));
	queue->running = queue->paused = false;
	queue->broken = NULL;
	queue->in_flight = queue->taken = 0;
	queue->next_avail = queue->next_used = 0;
	queue->unsignalled = 0;
	queue->order_popped = queue->order_used = 0;
}

/* --- vetting --- */

int queue_add(struct virtq *queue, struct virtq_chain *chain, const struct descriptor *descriptor)
{
	unsigned count = chain->readable + chain->writable;
	bool writable = descriptor->flags & VRING_DESC_F_WRITE;
	gpa_t at = gpa(descriptor->address);
	void *host;

	if (descriptor->bytes == 0)
		return 0;
	if (!writable && chain->writable > 0)
		return queue_break(queue, "a readable descriptor comes after a writable one"); /* 2.7.4.2, 2.8.17 */
	if (count == VIRTQ_SEGMENTS_MAX)
		return queue_break(queue, "a chain has too many segments"); /* our right: 2.7.4.1, 2.8.18 */
	/* An iovec has no const: what is readable is only ever read. */
	host = writable ? guest_mem_span(queue->mem, at, descriptor->bytes) :
			  (void *)(uintptr_t)guest_mem_view(queue->mem, at, descriptor->bytes);
	if (!host)
		return queue_break(queue, writable ? "a writable descriptor does not lie in writable RAM" :
						     "a descriptor does not lie in RAM");
	/* 2.7.5.2. Neither sum reaches 2^32, so this one does not wrap. */
	if (chain->readable_bytes + chain->writable_bytes + descriptor->bytes > UINT32_MAX)
		return queue_break(queue, "a chain is longer than 2^32 bytes");
	chain->segments[count] = (struct iovec){ host, descriptor->bytes };
	if (writable) {
		chain->writable++;
		chain->writable_bytes += descriptor->bytes;
	} else {
		chain->readable++;
		chain->readable_bytes += descriptor->bytes;
	}
	return 0;
}

int queue_table(struct virtq *queue, const struct descriptor *descriptor, const uint8_t **table, unsigned *entries)
{
	if (!queue->indirect)
		return queue_break(queue, "an indirect descriptor, which was not negotiated"); /* 2.7.5.3.1 */
	if (descriptor->flags & VRING_DESC_F_NEXT)
		return queue_break(queue, "an indirect descriptor has a next one"); /* 2.7.5.3.1, 2.8.19 */
	if (descriptor->bytes == 0 || descriptor->bytes % sizeof(struct vring_desc) != 0)
		return queue_break(queue, "an indirect table's length is 0 or no multiple of 16");
	*entries = descriptor->bytes / sizeof(struct vring_desc);
	if (*entries > VIRTQ_SIZE_MAX)
		return queue_break(queue, "an indirect table is too long");
	*table = guest_mem_view(queue->mem, gpa(descriptor->address), descriptor->bytes);
	return *table ? 0 : queue_break(queue, "an indirect table does not lie in RAM");
}

int queue_check_id(struct virtq *queue, uint16_t id)
{
	if (id >= queue->config.size)
		return queue_break(queue, queue->packed ? "a buffer id is not below the queue's size" :
							  "a chain's head is not below the queue's size");
	if (queue->ids_in_flight[id / 64] >> id % 64 & 1)
		return queue_break(queue, "a chain that is in flight was made available again");
	return 0;
}

/* --- taking and giving back --- */

int virtq_pop(struct virtq *queue, struct virtq_chain *chain)
{
	int r;

	if (queue->broken)
		return -EINVAL;
	if (!queue->running || queue->paused)
		return 0;
	chain->readable = chain->writable = 0;
	chain->readable_bytes = chain->writable_bytes = 0;
	r = queue->packed ? packed_pop(queue, chain) : split_pop(queue, chain);
	if (r <= 0)
		return r;
	queue->ids_in_flight[chain->id / 64] |= 1ull << chain->id % 64;
	queue->taken = (uint16_t)(queue->taken + chain->descriptors);
	queue->in_flight++;
	assert(queue->in_flight <= queue->taken && queue->taken <= queue->config.size);
	chain->order = queue->order_popped++;
	queue->counts.chains++;
	return 1;
}

void virtq_put_back(struct virtq *queue, const struct virtq_chain *chain)
{
	assert(queue->running && !queue->broken && queue->in_flight > 0);
	assert(chain->order == (uint16_t)(queue->order_popped - 1));
	if (queue->packed)
		packed_put_back(queue, chain->descriptors);
	else
		split_put_back(queue);
	queue->ids_in_flight[chain->id / 64] &= ~(1ull << chain->id % 64);
	queue->taken = (uint16_t)(queue->taken - chain->descriptors);
	queue->in_flight--;
	queue->order_popped--;
	queue->counts.chains--;
	queue->paused = true;
}

void virtq_resume(struct virtq *queue)
{
	queue->paused = false;
}

static void publish(struct virtq *queue, uint16_t id, uint16_t descriptors, uint32_t written)
{
	queue->ids_in_flight[id / 64] &= ~(1ull << id % 64);
	queue->taken = (uint16_t)(queue->taken - descriptors);
	queue->unsignalled += descriptors;
	if (queue->packed)
		packed_publish(queue, id, descriptors, written);
	else
		split_publish(queue, id, written);
}

void virtq_push(struct virtq *queue, const struct virtq_chain *chain, uint32_t written)
{
	if (written > chain->writable_bytes)
		written = (uint32_t)chain->writable_bytes;
	assert(queue->running && queue->in_flight > 0);
	queue->in_flight--;
	queue->counts.used++;
	queue->counts.bytes_read += chain->readable_bytes;
	queue->counts.bytes_written += written;
	if (queue->broken)
		return;
	assert(queue->ids_in_flight[chain->id / 64] >> chain->id % 64 & 1);
	if (!queue->in_order) {
		publish(queue, chain->id, chain->descriptors, written);
		return;
	}
	/* 2.7.9, 2.8.8: what is done before an earlier one waits for it. Those in flight are fewer than the places here. */
	queue->held[chain->order % VIRTQ_SIZE_MAX].done = true;
	queue->held[chain->order % VIRTQ_SIZE_MAX].id = chain->id;
	queue->held[chain->order % VIRTQ_SIZE_MAX].descriptors = chain->descriptors;
	queue->held[chain->order % VIRTQ_SIZE_MAX].written = written;
	for (unsigned i = queue->order_used % VIRTQ_SIZE_MAX; queue->held[i].done; i = queue->order_used % VIRTQ_SIZE_MAX) {
		queue->held[i].done = false;
		queue->order_used++;
		publish(queue, queue->held[i].id, queue->held[i].descriptors, queue->held[i].written);
	}
}

void virtq_group(struct virtq *queue)
{
	assert(!queue->grouped);
	queue->grouped = true;
	queue->group = NULL;
}

void virtq_group_end(struct virtq *queue)
{
	queue->grouped = false;
	if (!queue->running || queue->broken)
		return;
	if (queue->packed)
		packed_group_end(queue);
	else
		split_group_end(queue);
}

bool virtq_needs_interrupt(struct virtq *queue)
{
	bool needed;

	if (queue->unsignalled == 0 || queue->broken)
		return false;
	ring_fence();
	needed = queue->packed ? packed_needs_interrupt(queue) : split_needs_interrupt(queue);
	queue->unsignalled = 0;
	queue->counts.interrupts += needed;
	return needed;
}

void virtq_quiet(struct virtq *queue)
{
	if (!queue->running || queue->broken)
		return;
	if (queue->packed)
		packed_quiet(queue);
	else
		split_quiet(queue);
}

bool virtq_listen(struct virtq *queue)
{
	if (!queue->running || queue->broken || queue->paused)
		return false;
	if (queue->packed)
		packed_listen(queue);
	else
		split_listen(queue);
	ring_fence();
	return queue->packed ? packed_pending(queue) : split_pending(queue);
}

/* --- chains as bytes --- */

/* Segments of one part of a chain, from an offset on. */
struct cursor {
	const struct iovec *segment, *end;
	uint64_t offset; /* into *segment */
};

static struct cursor cursor_at(const struct iovec *segments, unsigned count, uint64_t offset)
{
	struct cursor cursor = { segments, segments + count, offset };

	while (cursor.segment != cursor.end && cursor.offset >= cursor.segment->iov_len)
		cursor.offset -= cursor.segment++->iov_len;
	return cursor;
}

/* The next run of at most so many bytes; empty at the end. */
static struct iovec cursor_next(struct cursor *cursor, uint64_t bytes)
{
	struct iovec run = { NULL, 0 };

	if (cursor->segment == cursor->end)
		return run;
	run.iov_base = (uint8_t *)cursor->segment->iov_base + cursor->offset;
	run.iov_len = cursor->segment->iov_len - cursor->offset;
	if (run.iov_len > bytes)
		run.iov_len = bytes;
	cursor->segment++;
	cursor->offset = 0;
	return run;
}

size_t chain_read(const struct virtq_chain *chain, uint64_t offset, void *to, size_t bytes)
{
	struct cursor cursor = cursor_at(chain->segments, chain->readable, offset);
	size_t done = 0;

	while (done < bytes) {
		struct iovec run = cursor_next(&cursor, bytes - done);

		if (run.iov_len == 0)
			break;
		memcpy((uint8_t *)to + done, run.iov_base, run.iov_len);
		done += run.iov_len;
	}
	return done;
}

size_t chain_write(const struct virtq_chain *chain, uint64_t offset, const void *from, size_t bytes)
{
	struct cursor cursor = cursor_at(chain->segments + chain->readable, chain->writable, offset);
	size_t done = 0;

	while (done < bytes) {
		struct iovec run = cursor_next(&cursor, bytes - done);

		if (run.iov_len == 0)
			break;
		memcpy(run.iov_base, (const uint8_t *)from + done, run.iov_len);
		done += run.iov_len;
	}
	return done;
}

static unsigned list_runs(struct cursor cursor, uint64_t bytes, struct iovec *iov)
{
	unsigned count = 0;

	while (bytes > 0) {
		struct iovec run = cursor_next(&cursor, bytes);

		iov[count++] = run;
		bytes -= run.iov_len;
	}
	return count;
}

static bool lies_within(uint64_t offset, uint64_t bytes, uint64_t total)
{
	return offset <= total && bytes <= total - offset;
}

unsigned chain_readable(const struct virtq_chain *chain, uint64_t offset, uint64_t bytes, struct iovec *iov)
{
	if (!lies_within(offset, bytes, chain->readable_bytes))
		return 0;
	return list_runs(cursor_at(chain->segments, chain->readable, offset), bytes, iov);
}

unsigned chain_writable(const struct virtq_chain *chain, uint64_t offset, uint64_t bytes, struct iovec *iov)
{
	if (!lies_within(offset, bytes, chain->writable_bytes))
		return 0;
	return list_runs(cursor_at(chain->segments + chain->readable, chain->writable, offset), bytes, iov);
}
