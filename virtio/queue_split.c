/* SPDX-License-Identifier: Apache-2.0 */
/* Split virtqueues: descriptor table, available ring, used ring. virtio 1.2, 2.7. */
#include <errno.h>
#include <linux/virtio_ring.h>
#include <stddef.h>

#include "virtio/queue_internal.h"

/* The events come after the rings' last entries (2.7.6, 2.7.8). */
static const uint16_t *used_event(const struct virtq *queue)
{
	return &queue->ring.split.avail->ring[queue->config.size];
}

static void *avail_event(const struct virtq *queue)
{
	return &queue->ring.split.used->ring[queue->config.size];
}

static struct descriptor fetch(const uint8_t *table, unsigned index)
{
	const uint8_t *at = table + index * sizeof(struct vring_desc);

	return (struct descriptor){
		.address = fetch64(at + offsetof(struct vring_desc, addr)),
		.bytes = fetch32(at + offsetof(struct vring_desc, len)),
		.flags = fetch16(at + offsetof(struct vring_desc, flags)),
		.link = fetch16(at + offsetof(struct vring_desc, next)),
	};
}

/*
 * Follows a table's descriptors from `index` on. 0: the chain ends here; 1: it goes on in the table that *indirect describes;
 * -EINVAL. Where `indirect` is NULL this is such a table, and none may follow (2.7.5.3.1).
 */
static int walk(struct virtq *queue, struct virtq_chain *chain, const uint8_t *table, unsigned entries, unsigned index,
		struct descriptor *indirect)
{
	for (unsigned seen = 1;; seen++) {
		struct descriptor descriptor = fetch(table, index);

		if (indirect)
			chain->places = (uint16_t)seen;
		if (descriptor.flags & VRING_DESC_F_INDIRECT) {
			if (!indirect)
				return queue_break(queue, "an indirect descriptor in an indirect table");
			*indirect = descriptor;
			return 1;
		}
		if (queue_add(queue, chain, &descriptor) < 0)
			return -EINVAL;
		if (!(descriptor.flags & VRING_DESC_F_NEXT))
			return 0;
		/* More than there are: some were seen twice (2.7.5.2). */
		if (seen == entries)
			return queue_break(queue, "a chain of descriptors loops");
		if (descriptor.link >= entries)
			return queue_break(queue, "a descriptor's next one is not in the table");
		index = descriptor.link;
	}
}

/* 2.7.5.3.2: any number of descriptors, then at most one table. Its descriptor's write flag means nothing. */
static int take_chain(struct virtq *queue, struct virtq_chain *chain, uint16_t head)
{
	struct descriptor indirect;
	const uint8_t *table;
	unsigned entries;
	int r = walk(queue, chain, (const uint8_t *)queue->ring.split.desc, queue->config.size, head, &indirect);

	if (r <= 0)
		return r;
	r = queue_table(queue, &indirect, &table, &entries);
	if (r < 0)
		return r;
	return walk(queue, chain, table, entries, 0, NULL);
}

bool split_pending(const struct virtq *queue)
{
	return ring_acquire(&queue->ring.split.avail->idx) != queue->next_avail;
}

int split_pop(struct virtq *queue, struct virtq_chain *chain)
{
	const struct vring_avail *avail = queue->ring.split.avail;
	uint16_t pending = (uint16_t)(ring_acquire(&avail->idx) - queue->next_avail);
	int r;

	if (pending == 0)
		return 0;
	if (pending > queue->config.size - queue->taken)
		return queue_break(queue, "more chains are available than the queue has descriptors");
	chain->id = fetch16(&avail->ring[queue->next_avail % queue->config.size]);
	chain->descriptors = 1;
	r = queue_check_id(queue, chain->id);
	if (r == 0)
		r = take_chain(queue, chain, chain->id);
	if (r < 0)
		return r;
	queue->next_avail++;
	return 1;
}

void split_put_back(struct virtq *queue)
{
	queue->next_avail--;
}

void split_publish(struct virtq *queue, uint16_t id, uint32_t written)
{
	struct vring_used *used = queue->ring.split.used;
	struct vring_used_elem *element = &used->ring[queue->next_used % queue->config.size];

	store32(&element->id, id);
	store32(&element->len, written);
	queue->next_used++;
	if (!queue->grouped)
		ring_release(&used->idx, queue->next_used);
}

void split_group_end(struct virtq *queue)
{
	ring_release(&queue->ring.split.used->idx, queue->next_used);
}

bool split_needs_interrupt(const struct virtq *queue)
{
	if (!queue->event_index)
		return !(fetch16(&queue->ring.split.avail->flags) & VRING_AVAIL_F_NO_INTERRUPT);
	/* The index has gone all the way round: it has passed every event. */
	if (queue->unsignalled > UINT16_MAX)
		return true;
	return vring_need_event(fetch16(used_event(queue)), queue->next_used,
				(uint16_t)(queue->next_used - queue->unsignalled));
}

/* 2.7.10.2. With event indices the flags stay 0, and silence is an index that the driver has just passed. */
void split_quiet(struct virtq *queue)
{
	if (queue->event_index)
		store16(avail_event(queue), (uint16_t)(queue->next_avail - 1));
	else
		store16(&queue->ring.split.used->flags, VRING_USED_F_NO_NOTIFY);
}

void split_listen(struct virtq *queue)
{
	if (queue->event_index)
		store16(avail_event(queue), queue->next_avail);
	store16(&queue->ring.split.used->flags, 0);
}
