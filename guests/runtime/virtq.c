/* SPDX-License-Identifier: Apache-2.0 */
/* What both rings share, and the split one: virtio 1.2, 2.7. */
#include "virtq.h"

#include <string.h>

#define NO_NOTIFY 1u /* 2.7.10, used ring's flags */

/* 2.7.6 and 2.7.8. Behind ring[size] comes the other side's event index. */
struct avail {
	uint16_t flags, index;
	uint16_t ring[];
};

struct used {
	uint16_t flags, index;
	struct {
		uint32_t id, written;
	} ring[];
};

struct layout {
	size_t driver, device, tables, slots, end;
};

static size_t align16(size_t bytes)
{
	return (bytes + 15) & ~(size_t)15;
}

static struct layout layout_of(unsigned size, uint64_t features)
{
	bool packed = features & VQ_F_PACKED, indirect = features & VQ_F_INDIRECT;
	struct layout at;

	at.driver = size * sizeof(struct vq_desc);
	at.device = align16(at.driver + (packed ? 4 : sizeof(struct avail) + 2 * size + 2));
	at.tables = align16(at.device + (packed ? 4 : sizeof(struct used) + 8 * size + 2));
	at.slots = at.tables + (indirect ? size * VQ_SEGMENTS_MAX * sizeof(struct vq_desc) : 0);
	at.end = at.slots + size * sizeof(struct vq_slot);
	return at;
}

size_t vq_bytes(unsigned size, uint64_t features)
{
	return layout_of(size, features).end;
}

void vq_init(struct vq *vq, void *memory, uint64_t address, unsigned size, uint64_t features)
{
	struct layout at = layout_of(size, features);
	char *base = memory;

	memset(memory, 0, at.tables);
	*vq = (struct vq){
		.desc = address,
		.driver = address + at.driver,
		.device = address + at.device,
		.size = (uint16_t)size,
		.packed = features & VQ_F_PACKED,
		.event_index = features & VQ_F_EVENT_INDEX,
		.in_order = features & VQ_F_IN_ORDER,
		.ring = memory,
		.driver_area = base + at.driver,
		.device_area = base + at.device,
		.tables = features & VQ_F_INDIRECT ? (struct vq_desc *)(base + at.tables) : NULL,
		.tables_address = address + at.tables,
		.slots = (struct vq_slot *)(base + at.slots),
		.free = (uint16_t)size,
		.avail_wrap = true,
		.used_wrap = true,
	};
	for (unsigned i = 0; i < size; i++)
		vq->slots[i] = (struct vq_slot){ .next = (uint16_t)(i + 1 < size || !vq->in_order ? i + 1 : 0) };
}

/* 2.7.5.3 and 2.8.7 */
struct vq_segment vq_fill_table(struct vq *vq, uint16_t slot, const struct vq_segment *segments, unsigned readable,
				unsigned count)
{
	struct vq_desc *table = &vq->tables[slot * VQ_SEGMENTS_MAX];

	for (unsigned i = 0; i < count; i++) {
		uint16_t flags = i < readable ? 0 : VQ_DESC_WRITE;

		table[i] = (struct vq_desc){ .address = segments[i].address, .bytes = segments[i].bytes };
		if (vq->packed) {
			table[i].packed.flags = flags;
		} else {
			table[i].split.flags = flags | (i + 1 < count ? VQ_DESC_NEXT : 0);
			table[i].split.next = (uint16_t)(i + 1);
		}
	}
	return (struct vq_segment){
		.address = vq->tables_address + slot * VQ_SEGMENTS_MAX * sizeof(*table),
		.bytes = (uint32_t)(count * sizeof(*table)),
	};
}

static void split_add(struct vq *vq, const struct vq_segment *segments, unsigned readable, unsigned count, bool indirect)
{
	struct avail *avail = vq->driver_area;
	uint16_t head = vq->free_head, at = head;

	if (indirect) {
		struct vq_segment table = vq_fill_table(vq, head, segments, readable, count);

		vq->ring[head] = (struct vq_desc){ table.address, table.bytes, .split = { VQ_DESC_INDIRECT, 0 } };
		at = vq->slots[head].next;
	}
	for (unsigned i = 0; i < count && !indirect; i++) {
		bool last = i + 1 == count;
		uint16_t flags = (i < readable ? 0 : VQ_DESC_WRITE) | (last ? 0 : VQ_DESC_NEXT);
		uint16_t next = vq->slots[at].next;

		vq->ring[at] = (struct vq_desc){ segments[i].address, segments[i].bytes, .split = { flags, last ? 0 : next } };
		at = next;
	}
	vq->free_head = at;
	avail->ring[vq->next_avail++ & (vq->size - 1)] = head;
	vq->added++;
}

static bool split_publish(struct vq *vq)
{
	struct avail *avail = vq->driver_area;
	struct used *used = vq->device_area;
	uint16_t old = (uint16_t)(vq->next_avail - vq->added);

	vq->added = 0;
	__atomic_store_n(&avail->index, vq->next_avail, __ATOMIC_RELEASE);
	vq_barrier(); /* or the device goes to sleep between what we read here and what it sees of the index: 2.7.13.4.1 */
	if (!vq->event_index)
		return !(__atomic_load_n(&used->flags, __ATOMIC_RELAXED) & NO_NOTIFY);
	return vq_passed(__atomic_load_n((uint16_t *)&used->ring[vq->size], __ATOMIC_RELAXED), vq->next_avail, old);
}

static bool split_peek(const struct vq *vq, uint32_t *id, uint32_t *written)
{
	const struct used *used = vq->device_area;
	unsigned at = vq->next_used & (vq->size - 1u);

	if (__atomic_load_n(&used->index, __ATOMIC_ACQUIRE) == vq->next_used)
		return false;
	*id = __atomic_load_n(&used->ring[at].id, __ATOMIC_RELAXED);
	*written = __atomic_load_n(&used->ring[at].written, __ATOMIC_RELAXED);
	return true;
}

int vq_add(struct vq *vq, const struct vq_segment *segments, unsigned readable, unsigned writable, void *cookie)
{
	unsigned count = readable + writable;
	bool indirect = vq->tables && count > 1;
	uint16_t needed = indirect ? 1 : (uint16_t)count;
	struct vq_slot *slot = &vq->slots[vq->free_head];

	if (count == 0 || count > VQ_SEGMENTS_MAX || needed > vq->size)
		return -KVICK_EINVAL;
	if (needed > vq->free)
		return -KVICK_ENOMEM;
	*slot = (struct vq_slot){ .cookie = cookie, .descriptors = needed, .next = slot->next };
	for (unsigned i = readable; i < count; i++)
		slot->writable += segments[i].bytes;
	vq->free -= needed;
	if (vq->packed)
		vq_packed_add(vq, segments, readable, count, indirect);
	else
		split_add(vq, segments, readable, count, indirect);
	return 0;
}

bool vq_publish(struct vq *vq)
{
	if (vq->added == 0)
		return false;
	return vq->packed ? vq_packed_publish(vq) : split_publish(vq);
}

/* Puts a slot, and those of its chain, back into the list; in order it is the next in the ring anyway. */
static void release(struct vq *vq, uint16_t head)
{
	uint16_t descriptors = vq->slots[head].descriptors, last = head;

	for (uint16_t i = 1; i < descriptors && !vq->packed; i++)
		last = vq->slots[last].next;
	vq->slots[head].descriptors = 0;
	vq->free += descriptors;
	if (vq->in_order) {
		vq->oldest = vq->slots[last].next;
		return;
	}
	vq->slots[last].next = vq->free_head;
	vq->free_head = head;
}

static bool peek(const struct vq *vq, uint32_t *id, uint32_t *written)
{
	return vq->packed ? vq_packed_peek(vq, id, written) : split_peek(vq, id, written);
}

/* 2.7.9: "skipped buffers … are assumed to have been used (read or written) by the device completely". */
static void next_of_batch(struct vq *vq, uint32_t *id, uint32_t *written)
{
	if (!vq->in_batch) {
		vq->in_batch = true;
		vq->batch_last = (uint16_t)*id;
		vq->batch_written = *written;
	}
	*id = vq->oldest;
	vq->in_batch = *id != vq->batch_last;
	*written = vq->in_batch ? vq->slots[*id].writable : vq->batch_written;
}

int vq_take(struct vq *vq, void **cookie, uint32_t *written)
{
	uint32_t id;

	if (vq->broken)
		return -KVICK_EIO;
	if (!vq->in_batch && !peek(vq, &id, written))
		return 0;
	/* A split ring's index goes on by all of a batch. */
	if (vq->in_batch && !vq->packed && !split_peek(vq, &id, written)) {
		vq->broken = true;
		return -KVICK_EIO;
	}
	if (vq->in_batch || (vq->in_order && id < vq->size && vq->slots[id].descriptors))
		next_of_batch(vq, &id, written);
	if (id >= vq->size || !vq->slots[id].descriptors || *written > vq->slots[id].writable) {
		vq->broken = true;
		return -KVICK_EIO;
	}
	*cookie = vq->slots[id].cookie;
	if (vq->packed)
		vq_packed_advance(vq, vq->slots[id].descriptors);
	else
		vq->next_used++;
	release(vq, (uint16_t)id);
	return 1;
}

bool vq_arm(struct vq *vq)
{
	struct avail *avail = vq->driver_area;
	uint32_t id, written;

	/* Without an event index nothing suppresses events: flags are 0 from the start. */
	if (vq->packed)
		vq_packed_arm(vq);
	else if (vq->event_index)
		__atomic_store_n(&avail->ring[vq->size], vq->next_used, __ATOMIC_RELAXED);
	vq_barrier(); /* or the device does not see that, and we not what it has just used: 2.7.7.1 */
	return !vq->in_batch && !peek(vq, &id, &written);
}
