/* SPDX-License-Identifier: Apache-2.0 */
/* What all hostile drivers have: a split ring's parts (virtio 1.2, 2.7), where devices are listed, garbage. */
#ifndef HOSTILE_RING_LAYOUT_H
#define HOSTILE_RING_LAYOUT_H

#include "hostile.h"

#include <kvick/virtio.h>

#define VERSION_1 (1ull << 32)
#define NEXT      1
#define WRITE     2
#define SIZE      64u /* of a ring */
#define MS        1000000ull

struct desc {
	uint64_t address;
	uint32_t bytes;
	uint16_t flags, next;
};

struct avail {
	uint16_t flags, index, ring[SIZE + 1];
};

struct used {
	uint16_t flags, index;
	struct { uint32_t id, bytes; } ring[SIZE];
};

/* xorshift: the same at each run. */
static inline uint64_t garbage(void)
{
	static uint64_t state = 88172645463325252;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static inline struct kvick_device *list(void)
{
	return (struct kvick_device *)kvick_boot()->devices;
}

#endif
