/* SPDX-License-Identifier: Apache-2.0 */
/* For tests of split rings: descriptors and heads as a bad driver writes them. */
#ifndef KVICK_TESTS_TEST_VIRTQ_SPLIT_H
#define KVICK_TESTS_TEST_VIRTQ_SPLIT_H

#include "tests/unit/test_virtq.h"

#define EVENT    BIT(VIRTIO_RING_F_EVENT_IDX)
#define INDIRECT BIT(VIRTIO_RING_F_INDIRECT_DESC)
#define IN_ORDER BIT(VIRTIO_F_IN_ORDER)
#define TABLE_AT DRIVER_TABLES_AT

static inline struct fixture *start(void **state, uint64_t features)
{
	start_with(*state, SIZE, features);
	return *state;
}

static inline void set(struct fixture *f, unsigned index, uint64_t address, uint32_t bytes, unsigned flags, unsigned next)
{
	f->driver.desc[index] = (struct vring_desc){ address, bytes, (uint16_t)flags, (uint16_t)next };
}

/* An entry of the first table. */
static inline void set_table(struct fixture *f, unsigned index, uint64_t address, uint32_t bytes, unsigned flags, unsigned next)
{
	struct vring_desc entry = { address, bytes, (uint16_t)flags, (uint16_t)next };

	memcpy(f->driver.mem.host + TABLE_AT + index * sizeof(entry), &entry, sizeof(entry));
}

/* Makes a head available, whatever it is. */
static inline void avail(struct fixture *f, uint16_t head)
{
	f->driver.avail->ring[f->driver.avail->idx % f->driver.config.size] = head;
	f->driver.avail->idx++;
}

static inline void *driver_event(struct fixture *f)
{
	return &f->driver.avail->ring[f->driver.config.size];
}

static inline uint16_t device_event(struct fixture *f)
{
	uint16_t event;

	memcpy(&event, &f->driver.used->ring[f->driver.config.size], 2);
	return event;
}

#endif
