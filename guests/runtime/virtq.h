/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtqueue, the driver's side. virtio 1.2, 2.7 (split) and 2.8 (packed), one interface.
 *
 * The device runs in another thread, so both sides need their loads and stores in order, as two CPUs do. Nothing interrupts:
 * the driver looks with vq_take(), and asks for an event with vq_arm() before it sleeps.
 *
 * What the device writes is checked before it is used; what the driver needs of its own is never read back from the ring.
 * Nothing of the runtime is included, so that this can be tested on the host.
 */
#ifndef KVICK_RUNTIME_VIRTQ_H
#define KVICK_RUNTIME_VIRTQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <kvick/hypercall.h>

/* Feature bits of rings: virtio 1.2, 6. */
#define VQ_F_INDIRECT    (1ull << 28)
#define VQ_F_EVENT_INDEX (1ull << 29)
#define VQ_F_VERSION_1   (1ull << 32)
#define VQ_F_PACKED      (1ull << 34)
#define VQ_F_IN_ORDER    (1ull << 35)
#define VQ_F_ALL         (VQ_F_INDIRECT | VQ_F_EVENT_INDEX | VQ_F_PACKED) /* that cost nothing */

#define VQ_SEGMENTS_MAX 16u /* of one buffer */

struct vq_segment {
	uint64_t address; /* guest-physical */
	uint32_t bytes;
};

/* A descriptor: 2.7.5 as `split`, 2.8.13 as `packed`. */
struct vq_desc {
	uint64_t address;
	uint32_t bytes;
	union {
		struct {
			uint16_t flags, next;
		} split;
		struct {
			uint16_t id, flags;
		} packed;
	};
};

#define VQ_DESC_NEXT     1u
#define VQ_DESC_WRITE    2u
#define VQ_DESC_INDIRECT 4u

/* What the driver remembers of a buffer: by its head descriptor (split) or its id (packed). */
struct vq_slot {
	void *cookie;
	uint32_t writable;    /* bytes that the device may say it wrote */
	uint16_t descriptors; /* ring entries that it takes; 0: no buffer is here */
	uint16_t next;        /* of a list: free ones, or a chain's descriptors; in order: the next in the ring, always */
};

struct vq {
	/* For the device: guest-physical addresses of the three areas. */
	uint64_t desc, driver, device;
	uint16_t size;
	bool packed, event_index, in_order;
	bool broken;          /* the device wrote what cannot be; only a reset helps */

	struct vq_desc *ring;
	void *driver_area, *device_area;
	struct vq_desc *tables; /* VQ_SEGMENTS_MAX for each slot; NULL: no indirect descriptors */
	uint64_t tables_address;
	struct vq_slot *slots;
	uint16_t free;        /* descriptors */
	uint16_t free_head;   /* slot */
	uint16_t next_avail;  /* split: free running; packed: ring entry */
	uint16_t next_used;   /* likewise */
	uint16_t added;       /* since the last vq_publish(): buffers (split), ring entries (packed) */
	bool avail_wrap, used_wrap; /* packed, 2.8.1 */

	/* In order (2.7.9, 2.8.9): buffers take slots, and come back, one behind the other. */
	uint16_t oldest;      /* slot of the buffer that comes back next */
	bool in_batch;        /* it was used with others, of which only the last was told: */
	uint16_t batch_last;
	uint32_t batch_written;
};

/* Memory that a queue needs, 16-byte aligned. size: a power of two if the ring is split. */
size_t vq_bytes(unsigned size, uint64_t features);

/* memory: vq_bytes() of them, at guest-physical `address`. */
void vq_init(struct vq *vq, void *memory, uint64_t address, unsigned size, uint64_t features);

/*
 * Adds a buffer: `readable` segments for the device to read, then `writable` ones for it to write. The device may not see
 * it before vq_publish(). 0, -KVICK_ENOMEM: the ring is full; -KVICK_EINVAL: it can never fit.
 */
int vq_add(struct vq *vq, const struct vq_segment *segments, unsigned readable, unsigned writable, void *cookie);

/* Lets the device see what has been added. Does it want to be notified? */
bool vq_publish(struct vq *vq);

/* Takes back a buffer that the device has used. 1, 0: there is none; -KVICK_EIO: the ring is broken. */
int vq_take(struct vq *vq, void **cookie, uint32_t *written);

/* Asks for an event when the next buffer is used. False: one is there already, do not sleep. */
bool vq_arm(struct vq *vq);

/* --- for virtq.c and virtq_packed.c --- */

/*
 * Our store before our load, as the other side sees them: all that x86 does not promise by itself (AMD64 APM 2, 7.2). A locked
 * instruction rather than MFENCE, which KVM's emulator does not know.
 */
static inline void vq_barrier(void)
{
	__asm__ volatile("lock; orl $0, (%%rsp)" : : : "memory", "cc");
}

/* Was `event` passed on the way from old to now? 2.7.10, 2.8.10 */
static inline bool vq_passed(uint16_t event, uint16_t now, uint16_t old)
{
	return (uint16_t)(now - event - 1) < (uint16_t)(now - old);
}

/* Fills slot `slot`'s indirect table; returns what the ring's descriptor says of it. */
struct vq_segment vq_fill_table(struct vq *vq, uint16_t slot, const struct vq_segment *segments, unsigned readable,
				unsigned count);

void vq_packed_add(struct vq *vq, const struct vq_segment *segments, unsigned readable, unsigned count, bool indirect);
bool vq_packed_publish(struct vq *vq);
/* The next used buffer's id and bytes, as the device wrote them. False: there is none. */
bool vq_packed_peek(const struct vq *vq, uint32_t *id, uint32_t *written);
void vq_packed_advance(struct vq *vq, uint16_t descriptors);
void vq_packed_arm(struct vq *vq);

#endif
