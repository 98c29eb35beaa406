/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device's side of a virtqueue, written down from the specification for the test of the driver's side: simple, trusting, and
 * sharing nothing with either side of kvick. virtio 1.2, 2.7 and 2.8.
 *
 * Guest-physical addresses are offsets into an arena, not pointers: a driver that mixes the two up is found out.
 */
#ifndef KVICK_TESTS_VIRTQ_MODEL_H
#define KVICK_TESTS_VIRTQ_MODEL_H

#include <stdbool.h>
#include <stdint.h>

struct model_chain {
	uint16_t id, descriptors;
	unsigned readable, writable;
	struct {
		uint64_t address;
		uint32_t bytes;
	} segments[32];
};

struct model {
	uint8_t *arena;
	uint64_t desc, driver, device; /* offsets in it */
	uint16_t size;
	bool packed, event_index;
	uint16_t next_avail, next_used; /* split: free running; packed: ring entry */
	bool avail_wrap, used_wrap;
	uint16_t signalled;             /* next_used at the last event */
	uint16_t pushed;                /* packed: ring entries since then */
};

bool model_pop(struct model *model, struct model_chain *chain);
void model_push(struct model *model, const struct model_chain *chain, uint32_t written);

/* Writes a used entry as it is told. */
void model_push_raw(struct model *model, uint32_t id, uint32_t written, uint16_t descriptors);

/* 2.7.9, 2.8.9: so many chains, in order, of which only the last is told. */
void model_push_batch(struct model *model, const struct model_chain *chains, unsigned count, uint32_t written);

/* Does the driver want an event for what was pushed since this was last asked? */
bool model_wants_event(struct model *model);

/* Asks for no notifications, or for one at the next buffer. */
void model_quiet(struct model *model);
void model_listen(struct model *model);

#endif
