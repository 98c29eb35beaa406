/* SPDX-License-Identifier: Apache-2.0 */
/* Split rings of device 0, as hostile drivers have them: everything in reach, nothing checked. */
#ifndef HOSTILE_RINGS_H
#define HOSTILE_RINGS_H

#include "ring_layout.h"

#define BYTES 4096u /* of a buffer: there is one for each descriptor */

/* Each in pages of its own. */
struct queue {
	volatile struct desc *desc;
	volatile struct avail *avail;
	volatile struct used *used;
	uint64_t buffers;
	uint16_t seen;
};

static inline int64_t wait(uint64_t timeout_ns, unsigned queue)
{
	return call(KVICK_CALL_WAIT, KVICK_EVENT_BIT(0), timeout_ns, KVICK_NOTIFY_BIT(0, queue), 0, 0, 0);
}

static inline int64_t set_up(const struct kvick_virtio_setup *setup)
{
	return call(KVICK_CALL_DEVICE_SETUP, (uintptr_t)setup, 0, 0, 0, 0, 0);
}

/* Fresh rings, and the set-up that names them. */
static inline struct kvick_virtio_setup good_setup(struct queue *queues, unsigned count, uint64_t features)
{
	struct kvick_virtio_setup setup = { .device = 0, .queues = count, .features = VERSION_1 | features };

	for (unsigned i = 0; i < count; i++) {
		struct queue *q = &queues[i];

		if (!q->desc) {
			q->desc = (void *)pages_take(1);
			q->avail = (void *)pages_take(1);
			q->used = (void *)pages_take(1);
			q->buffers = pages_take(SIZE);
		}
		fill((uintptr_t)q->desc, 0);
		fill((uintptr_t)q->avail, 0);
		fill((uintptr_t)q->used, 0);
		q->seen = 0;
		setup.queue[i] = (struct kvick_virtio_queue){ .size = SIZE, .desc = (uintptr_t)q->desc,
							      .driver = (uintptr_t)q->avail, .device = (uintptr_t)q->used };
	}
	return setup;
}

static inline void describe(volatile struct desc *at, uint64_t address, uint32_t bytes, unsigned flags, unsigned next)
{
	at->address = address;
	at->bytes = bytes;
	at->flags = (uint16_t)flags;
	at->next = (uint16_t)next;
}

static inline void offer(struct queue *q, unsigned head)
{
	q->avail->ring[q->avail->index % SIZE] = (uint16_t)head;
	__atomic_store_n(&q->avail->index, (uint16_t)(q->avail->index + 1), __ATOMIC_RELEASE);
}

#endif
