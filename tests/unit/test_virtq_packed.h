/* SPDX-License-Identifier: Apache-2.0 */
/* For tests of packed rings: descriptors as a bad driver writes them. */
#ifndef KVICK_TESTS_TEST_VIRTQ_PACKED_H
#define KVICK_TESTS_TEST_VIRTQ_PACKED_H

#include "tests/unit/test_virtq.h"

#define EVENT    BIT(VIRTIO_RING_F_EVENT_IDX)
#define INDIRECT BIT(VIRTIO_RING_F_INDIRECT_DESC)
#define IN_ORDER BIT(VIRTIO_F_IN_ORDER)
#define PACKED   BIT(VIRTIO_F_RING_PACKED)
#define TABLE_AT DRIVER_TABLES_AT

#define NEXT  VRING_DESC_F_NEXT
#define WRITE VRING_DESC_F_WRITE
#define AVAIL (1u << VRING_PACKED_DESC_F_AVAIL)
#define USED  (1u << VRING_PACKED_DESC_F_USED)

static inline struct fixture *start(void **state, uint64_t features)
{
	start_with(*state, SIZE, features | PACKED);
	return *state;
}

static inline void set(struct fixture *f, unsigned slot, uint64_t address, uint32_t bytes, unsigned flags, unsigned id)
{
	f->driver.slots[slot] = (struct vring_packed_desc){ address, bytes, (uint16_t)id, (uint16_t)flags };
}

static inline void set_table(struct fixture *f, unsigned index, uint64_t address, uint32_t bytes, unsigned flags)
{
	struct vring_packed_desc entry = { address, bytes, 0xbeef, (uint16_t)flags };

	memcpy(f->driver.mem.host + TABLE_AT + index * sizeof(entry), &entry, sizeof(entry));
}

/* So many chains of one descriptor, there and back. */
static inline void go_round(struct fixture *f, unsigned chains)
{
	for (unsigned i = 0; i < chains; i++) {
		uint16_t id = offer(f, 1, 0);

		pop(f);
		push(f, 0);
		used_is(f, id, 0);
	}
}

#endif
