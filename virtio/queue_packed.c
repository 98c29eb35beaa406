/* SPDX-License-Identifier: Apache-2.0 */
/* Packed virtqueues: one ring of descriptors that both sides write. virtio 1.2, 2.8. */
#include <errno.h>
#include <linux/virtio_ring.h>
#include <stddef.h>

#include "virtio/queue_internal.h"

#define FLAG_AVAIL (1u << VRING_PACKED_DESC_F_AVAIL)
#define FLAG_USED  (1u << VRING_PACKED_DESC_F_USED)
#define EVENT_WRAP (1u << VRING_PACKED_EVENT_F_WRAP_CTR)

/* 2.8.1: the two bits differ, and AVAIL is the driver's wrap counter. */
static bool is_available(uint16_t flags, bool wrap)
{
	return !!(flags & FLAG_AVAIL) == wrap && !!(flags & FLAG_USED) != wrap;
}

static struct descriptor fetch(const uint8_t *table, unsigned index, uint16_t flags)
{
	const uint8_t *at = table + index * sizeof(struct vring_packed_desc);

	return (struct descriptor){
		.address = fetch64(at + offsetof(struct vring_packed_desc, addr)),
		.bytes = fetch32(at + offsetof(struct vring_packed_desc, len)),
		.flags = flags,
		.link = fetch16(at + offsetof(struct vring_packed_desc, id)),
	};
}

static uint16_t fetch_flags(const uint8_t *table, unsigned index)
{
	return fetch16(table + index * sizeof(struct vring_packed_desc) + offsetof(struct vring_packed_desc, flags));
}

/*
 * 2.8.7: the table's entries are the chain, all of them, in order. Flags but WRITE mean nothing there, and are ignored;
 * INDIRECT too is reserved, but a driver that sets it (2.8.19 forbids it) surely means a table, which we would take for data.
 */
static int take_table(struct virtq *queue, struct virtq_chain *chain, const struct descriptor *indirect)
{
	const uint8_t *table;
	unsigned entries;

	if (queue_table(queue, indirect, &table, &entries) < 0)
		return -EINVAL;
	for (unsigned i = 0; i < entries; i++) {
		struct descriptor descriptor = fetch(table, i, fetch_flags(table, i));

		if (descriptor.flags & VRING_DESC_F_INDIRECT)
			return queue_break(queue, "an indirect descriptor in an indirect table");
		if (queue_add(queue, chain, &descriptor) < 0)
			return -EINVAL;
	}
	return 0;
}

/*
 * The chain that begins in slot next_avail, whose flags were fetched. Leaves next_avail and its wrap counter alone. Only the
 * id of the last descriptor counts (2.8.6). A table stands alone in its list (2.8.5, 2.8.19).
 */
static int take_chain(struct virtq *queue, struct virtq_chain *chain, uint16_t flags)
{
	const uint8_t *ring = (const uint8_t *)queue->ring.slots.desc;
	uint16_t slot = queue->next_avail;
	bool wrap = queue->avail_wrap;

	for (unsigned seen = 1;; seen++) {
		struct descriptor descriptor = fetch(ring, slot, flags);

		/* Those in flight have not been given back: the driver cannot have filled their slots. */
		if (seen > (unsigned)queue->config.size - queue->taken)
			return queue_break(queue, "more descriptors are available than the queue has");
		chain->id = descriptor.link;
		chain->descriptors = (uint16_t)seen;
		if (descriptor.flags & VRING_DESC_F_INDIRECT) {
			if (seen > 1)
				return queue_break(queue, "an indirect descriptor in a chain of direct ones");
			return take_table(queue, chain, &descriptor);
		}
		if (queue_add(queue, chain, &descriptor) < 0)
			return -EINVAL;
		if (!(descriptor.flags & VRING_DESC_F_NEXT))
			return 0;
		if (++slot == queue->config.size) {
			slot = 0;
			wrap = !wrap;
		}
		flags = fetch_flags(ring, slot);
		/* The first descriptor is made available last (2.8.6). */
		if (!is_available(flags, wrap))
			return queue_break(queue, "a chain goes on in a descriptor that is not available");
	}
}

static uint16_t next_flags(const struct virtq *queue)
{
	return ring_acquire(&queue->ring.slots.desc[queue->next_avail].flags);
}

bool packed_pending(const struct virtq *queue)
{
	return is_available(next_flags(queue), queue->avail_wrap);
}

/* Moves a slot number on around the ring, and its wrap counter. */
static void advance(const struct virtq *queue, uint16_t *slot, bool *wrap, uint16_t by)
{
	*slot = (uint16_t)(*slot + by);
	if (*slot >= queue->config.size) {
		*slot = (uint16_t)(*slot - queue->config.size);
		*wrap = !*wrap;
	}
}

int packed_pop(struct virtq *queue, struct virtq_chain *chain)
{
	uint16_t flags = next_flags(queue);
	int r;

	if (!is_available(flags, queue->avail_wrap))
		return 0;
	r = take_chain(queue, chain, flags);
	if (r == 0)
		r = queue_check_id(queue, chain->id);
	if (r < 0)
		return r;
	chain->places = chain->descriptors;
	advance(queue, &queue->next_avail, &queue->avail_wrap, chain->descriptors);
	return 1;
}

void packed_put_back(struct virtq *queue, uint16_t descriptors)
{
	if (queue->next_avail < descriptors) {
		queue->next_avail = (uint16_t)(queue->next_avail + queue->config.size);
		queue->avail_wrap = !queue->avail_wrap;
	}
	queue->next_avail = (uint16_t)(queue->next_avail - descriptors);
}

/* 2.8.2: one descriptor, in the next slot to use, stands for the whole chain; what it overwrites was fetched long ago. */
void packed_publish(struct virtq *queue, uint16_t id, uint16_t descriptors, uint32_t written)
{
	struct vring_packed_desc *slot = &queue->ring.slots.desc[queue->next_used];
	uint16_t flags = queue->used_wrap ? FLAG_AVAIL | FLAG_USED : 0;

	if (written > 0)
		flags |= VRING_DESC_F_WRITE; /* 2.8.3 */
	store16(&slot->id, id);
	store32(&slot->len, written);
	if (queue->grouped && !queue->group) {
		queue->group = slot;
		queue->group_flags = flags;
	} else {
		ring_release(&slot->flags, flags);
	}
	advance(queue, &queue->next_used, &queue->used_wrap, descriptors);
}

/* A driver looks at slots in their order: it finds none of the group before the first. */
void packed_group_end(struct virtq *queue)
{
	if (queue->group)
		ring_release(&queue->group->flags, queue->group_flags);
	queue->group = NULL;
}

/* The driver's structure is read whole: its two halves belong together. */
bool packed_needs_interrupt(const struct virtq *queue)
{
	_Static_assert(offsetof(struct vring_packed_desc_event, flags) == 2, "the upper half");
	uint32_t event = fetch32(queue->ring.slots.driver);
	unsigned mode = event >> 16 & 3; /* 2.8.14: two bits */
	int slot = (int)(event & 0xffff & ~EVENT_WRAP), passed;

	if (mode == VRING_PACKED_EVENT_FLAG_DISABLE)
		return false;
	/* One slot only counts with event indices; reserved modes are taken for the one that loses nothing. */
	if (mode != VRING_PACKED_EVENT_FLAG_DESC || !queue->event_index || queue->unsignalled > queue->config.size)
		return true;
	/* Another wrap counter than ours: it is a round behind us, as it cannot be ahead of what was made available. */
	if (!!(event & EVENT_WRAP) != queue->used_wrap)
		slot -= queue->config.size;
	passed = queue->next_used - slot;
	return passed >= 1 && passed <= (int)queue->unsignalled;
}

void packed_quiet(struct virtq *queue)
{
	store16(&queue->ring.slots.device->flags, VRING_PACKED_EVENT_FLAG_DISABLE);
}

/* As one store, so that no driver sees half of it. */
void packed_listen(struct virtq *queue)
{
	uint32_t event = queue->next_avail | (queue->avail_wrap ? EVENT_WRAP : 0);

	if (queue->event_index)
		store32(queue->ring.slots.device, event | (uint32_t)VRING_PACKED_EVENT_FLAG_DESC << 16);
	else
		store32(queue->ring.slots.device, (uint32_t)VRING_PACKED_EVENT_FLAG_ENABLE << 16);
}
