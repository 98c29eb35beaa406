/* SPDX-License-Identifier: Apache-2.0 */
/* The packed ring: virtio 1.2, 2.8. */
#include "virtq.h"

#define AVAIL (1u << 7) /* descriptor flags, 2.8.1 */
#define USED  (1u << 15)

/* Event suppression, 2.8.14: one structure for each side. */
struct suppression {
	uint16_t at; /* ring entry; bit 15: wrap counter */
	uint16_t flags;
};

#define SUPPRESS_DISABLE 1u
#define SUPPRESS_ENTRY   2u

#define WRAP_BIT (1u << 15)

void vq_packed_add(struct vq *vq, const struct vq_segment *segments, unsigned readable, unsigned count, bool indirect)
{
	struct vq_desc *head = &vq->ring[vq->next_avail];
	uint16_t id = vq->free_head, head_flags = 0;
	struct vq_segment table;

	vq->free_head = vq->slots[id].next;
	if (indirect) {
		table = vq_fill_table(vq, id, segments, readable, count);
		segments = &table;
		count = 1;
	}
	for (unsigned i = 0; i < count; i++) {
		struct vq_desc *desc = &vq->ring[vq->next_avail];
		uint16_t flags = vq->avail_wrap ? AVAIL : USED;

		flags |= indirect ? VQ_DESC_INDIRECT : (i < readable ? 0 : VQ_DESC_WRITE) | (i + 1 < count ? VQ_DESC_NEXT : 0);
		desc->address = segments[i].address;
		desc->bytes = segments[i].bytes;
		desc->packed.id = id;
		if (desc == head)
			head_flags = flags;
		else
			desc->packed.flags = flags;
		if (++vq->next_avail == vq->size) {
			vq->next_avail = 0;
			vq->avail_wrap = !vq->avail_wrap;
		}
	}
	/* The first descriptor's flags come last: they make the whole chain available (2.8.21). */
	__atomic_store_n(&head->packed.flags, head_flags, __ATOMIC_RELEASE);
	vq->added += (uint16_t)count;
}

bool vq_packed_publish(struct vq *vq)
{
	struct suppression *device = vq->device_area;
	uint16_t now = vq->next_avail, old = (uint16_t)(now - vq->added);

	vq->added = 0;
	vq_barrier(); /* as in the split ring: 2.8.21.3.1 */

	uint16_t flags = __atomic_load_n(&device->flags, __ATOMIC_ACQUIRE);
	uint16_t at = __atomic_load_n(&device->at, __ATOMIC_RELAXED);
	uint16_t event = (uint16_t)(at & ~WRAP_BIT);

	if (!vq->event_index || flags != SUPPRESS_ENTRY)
		return flags != SUPPRESS_DISABLE;
	if (!!(at & WRAP_BIT) != vq->avail_wrap)
		event -= vq->size; /* it means an entry of the round before */
	return vq_passed(event, now, old);
}

bool vq_packed_peek(const struct vq *vq, uint32_t *id, uint32_t *written)
{
	const struct vq_desc *desc = &vq->ring[vq->next_used];
	uint16_t flags = __atomic_load_n(&desc->packed.flags, __ATOMIC_ACQUIRE);

	if (!!(flags & AVAIL) != vq->used_wrap || !!(flags & USED) != vq->used_wrap)
		return false;
	*id = __atomic_load_n(&desc->packed.id, __ATOMIC_RELAXED);
	*written = flags & VQ_DESC_WRITE ? __atomic_load_n(&desc->bytes, __ATOMIC_RELAXED) : 0; /* 2.8.4 */
	return true;
}

void vq_packed_advance(struct vq *vq, uint16_t descriptors)
{
	vq->next_used += descriptors;
	if (vq->next_used >= vq->size) {
		vq->next_used -= vq->size;
		vq->used_wrap = !vq->used_wrap;
	}
}

void vq_packed_arm(struct vq *vq)
{
	struct suppression *driver = vq->driver_area;

	if (!vq->event_index)
		return; /* flags are 0: events for all that is used */
	__atomic_store_n(&driver->at, vq->next_used | (vq->used_wrap ? WRAP_BIT : 0), __ATOMIC_RELAXED);
	__atomic_store_n(&driver->flags, SUPPRESS_ENTRY, __ATOMIC_RELEASE);
}
