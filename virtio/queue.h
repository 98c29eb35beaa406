/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtqueue, the device's side. virtio 1.2, 2.6 to 2.8: split and packed, one interface.
 *
 * virtq_pop() is the only way from a guest's descriptors to a device: it fetches each once, checks everything (in RAM,
 * permitted, bounded, no loop, no overflow) and hands out a vetted chain of host memory. A device never sees a
 * descriptor. Every index that is trusted lives here and is never read back from the guest.
 *
 * A queue is used by one thread at a time (the VM's device lock). Nothing here calls the kernel.
 */
#ifndef KVICK_VIRTIO_QUEUE_H
#define KVICK_VIRTIO_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "vmm/guest_mem.h"

struct vring_desc;
struct vring_avail;
struct vring_used;
struct vring_packed_desc;
struct vring_packed_desc_event;

#define VIRTQ_SIZE_MAX     256u  /* descriptors, also of an indirect table; split rings: a power of two (2.7) */
#define VIRTQ_SEGMENTS_MAX 130u  /* of one chain: a block request's header, status and 128 pages */

/* What the driver has told the transport. Addresses and size are not checked yet. */
struct virtq_config {
	uint16_t size;   /* 2.7, 2.8.1 */
	uint64_t desc;   /* descriptor area; guest-physical */
	uint64_t driver; /* driver area: avail ring, or driver event suppression */
	uint64_t device; /* device area: used ring, or device event suppression */
};

/*
 * One buffer of the driver's, vetted. The first `readable` segments may be read, the `writable` ones after them written.
 * Elements of length 0, which the specification does not forbid, are left out: a chain may have no segment at all.
 */
struct virtq_chain {
	uint16_t id;              /* what goes back to the driver: head index (split) or buffer id (packed) */
	uint16_t descriptors;     /* places it takes in the ring until it is used: 1 (split), or what is skipped then (packed) */
	uint16_t places;          /* descriptors of the ring's own that it holds until then, also where the ring is split */
	uint16_t order;           /* when it was popped, modulo 2^16: for VIRTIO_F_IN_ORDER */
	uint16_t readable, writable;
	uint64_t readable_bytes, writable_bytes; /* sums, together below 2^32 (2.7.5.2) */
	struct iovec segments[VIRTQ_SEGMENTS_MAX]; /* in this process; none is empty */
};

/*
 * Bytes at an offset of the chain's readable (writable) part, across segments: no device may assume where one
 * ends (2.6.4, message framing). Returns how many were copied: fewer only at the chain's end.
 */
size_t chain_read(const struct virtq_chain *chain, uint64_t offset, void *to, size_t bytes);
size_t chain_write(const struct virtq_chain *chain, uint64_t offset, const void *from, size_t bytes);

/*
 * [offset, offset + bytes) of the readable (writable) part as iovecs, at most VIRTQ_SEGMENTS_MAX; returns their number,
 * or 0 where it does not lie in it, or is empty.
 */
unsigned chain_readable(const struct virtq_chain *chain, uint64_t offset, uint64_t bytes, struct iovec *iov);
unsigned chain_writable(const struct virtq_chain *chain, uint64_t offset, uint64_t bytes, struct iovec *iov);

struct virtq_counts {
	uint64_t chains;       /* popped */
	uint64_t used;         /* pushed */
	uint64_t bytes_read, bytes_written;
	uint64_t notifications; /* from the driver (transport counts) */
	uint64_t interrupts;    /* asked for by virtq_needs_interrupt() */
};

struct virtq {
	const struct guest_mem *mem;
	struct virtq_config config;
	bool running;
	bool paused;           /* between virtq_put_back() and virtq_resume() */
	bool packed, event_index, indirect, in_order;
	const char *broken;    /* why the ring cannot be believed any more; NULL while it can. Only virtq_start() mends it */
	uint16_t in_flight;    /* chains popped and not pushed */

	/* The rest is the queue's own. */

	/* The three areas in this process: virtq_start() has checked them, whole, and RAM stays where it is. */
	union {
		struct {
			const struct vring_desc *desc;
			const struct vring_avail *avail;
			struct vring_used *used;
		} split;
		struct {
			struct vring_packed_desc *desc;
			const struct vring_packed_desc_event *driver;
			struct vring_packed_desc_event *device;
		} slots;
	} ring;
	uint16_t next_avail;   /* split: free running; packed: slot */
	uint16_t next_used;
	bool avail_wrap, used_wrap; /* packed, 2.8.1 */
	uint16_t taken;        /* places in the ring that the driver cannot have filled again: of chains popped and not used */
	uint32_t unsignalled;  /* places used since virtq_needs_interrupt() was last asked */
	uint64_t ids_in_flight[VIRTQ_SIZE_MAX / 64]; /* a bit each, until the driver has the id back */
	bool grouped;          /* between virtq_group() and its end */
	struct vring_packed_desc *group; /* packed: the group's first, whose flags are written last; NULL: none yet */
	uint16_t group_flags;
	uint16_t order_popped, order_used; /* VIRTIO_F_IN_ORDER */
	/* in order: done, but an earlier one is not */
	struct { bool done; uint16_t id, descriptors; uint32_t written; } held[VIRTQ_SIZE_MAX];

	struct virtq_counts counts;
};

/*
 * Checks size, addresses, alignment (2.7, 2.8.10.1) and that all three areas lie wholly in writable RAM, apart from each
 * other; takes the ring features out of `features` (the negotiated set). The queue begins listening. 0, or -EINVAL with
 * queue->broken saying why.
 */
int virtq_start(struct virtq *queue, const struct guest_mem *mem, const struct virtq_config *config, uint64_t features);

/*
 * Where a queue is between two chains, for a snapshot. What has been popped and not pushed (which must be those popped last) is in
 * it as if it had not been popped: so whoever goes on from there pops it again.
 */
struct virtq_position {
	uint16_t next;         /* split: free running; packed: slot */
	bool wrap;             /* packed */
	uint32_t unsignalled;
};

struct virtq_position virtq_save(const struct virtq *queue);
/* As virtq_start(), but goes on from there, and the driver sees nothing of it. */
int virtq_load(struct virtq *queue, const struct guest_mem *mem, const struct virtq_config *config, uint64_t features,
	       const struct virtq_position *position);

/* Forgets everything but the counts. Chains in flight must not be pushed afterwards. */
void virtq_stop(struct virtq *queue);

/*
 * Takes the next chain. 1: there is one; 0: none, or the queue is stopped; -EINVAL: the ring is broken (queue->broken says
 * how): the device needs a reset (2.1.2), and this queue gives nothing any more. What `chain` holds counts only after 1.
 */
int virtq_pop(struct virtq *queue, struct virtq_chain *chain);

/*
 * Undoes the last virtq_pop(), of which nothing is left: the chain will be popped again. Until virtq_resume() the queue gives
 * nothing and asks for no notifications; after it, pop again.
 */
void virtq_put_back(struct virtq *queue, const struct virtq_chain *chain);
void virtq_resume(struct virtq *queue);

/*
 * Gives a chain back with the number of bytes written into it from its writable start (capped to what it holds). On a broken ring
 * nothing is written to the guest any more.
 */
void virtq_push(struct virtq *queue, const struct virtq_chain *chain, uint32_t written);

/*
 * The driver sees what is pushed between the two at once or not at all (5.1.6.4: the buffers of one frame). It may be running
 * meanwhile. Nothing is popped in between.
 */
void virtq_group(struct virtq *queue);
void virtq_group_end(struct virtq *queue);

/*
 * Does the driver want an interrupt for what has been pushed since it was last asked? (2.7.7, 2.7.10, 2.8.10). Call after a
 * batch of pushes.
 */
bool virtq_needs_interrupt(struct virtq *queue);

/*
 * Asks the driver to spare us notifications, and to send them again. The second returns true if there is something in the ring
 * already, for which no notification may come: pop again. (2.7.10, 2.8.10; the barrier between the two is inside.) False on a
 * broken ring, so that `do while (virtq_pop() > 0); while (virtq_listen())` ends.
 */
void virtq_quiet(struct virtq *queue);
bool virtq_listen(struct virtq *queue);

#endif
