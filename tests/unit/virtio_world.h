/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a guest's drivers see of a VMM, played in this process: boot info with devices, device_setup and wait. A device looks
 * at a queue only when it is notified of it; a guest that would sleep for ever fails the test.
 */
#ifndef KVICK_TESTS_VIRTIO_WORLD_H
#define KVICK_TESTS_VIRTIO_WORLD_H

#include <kvick/virtio.h>

#include "tests/unit/virtq_model.h"

struct world_device {
	struct kvick_device *listed;
	bool set_up;
	struct model queues[KVICK_DEVICE_QUEUES_MAX];
	/* The driver has notified a queue. */
	void (*notified)(struct world_device *device, unsigned queue);
	bool event; /* pending */
};

/* Forgets all devices. */
void world_reset(void);

/* Adds one; the index is what kvick_device_find() is to find. */
struct world_device *world_add(uint32_t id, uint64_t features, unsigned queues, const void *config, unsigned config_bytes);

/* The next buffer of a queue; what is used raises the event, if the driver wants it. */
bool world_pop(struct world_device *device, unsigned queue, struct model_chain *chain);
void world_push(struct world_device *device, unsigned queue, const struct model_chain *chain, uint32_t written);

/* The readable (writable) bytes of a buffer, from `offset` on. Returns how many there were. */
unsigned world_read(const struct model_chain *chain, unsigned offset, void *to, unsigned bytes);
unsigned world_write(const struct model_chain *chain, unsigned offset, const void *from, unsigned bytes);
unsigned world_readable(const struct model_chain *chain);
unsigned world_writable(const struct model_chain *chain);

/* Calls of wait that there were. */
unsigned world_waits(void);

#endif
