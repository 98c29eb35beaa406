/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device's limits at work: who may not begin yet is told no, and its device is notified of the queue again when it may. The
 * wait is a time-out of the engine's, one at a time for each pair of buckets; while it lasts nobody else of the pair begins, and
 * after it queues go by turns. Buckets outlive a reset: else a driver would fill them with one.
 */
#ifndef KVICK_VIRTIO_THROTTLE_H
#define KVICK_VIRTIO_THROTTLE_H

#include <stdbool.h>
#include <stdint.h>

#include "virtio/limiter.h"
#include "vmm/engine.h"

struct virtio_device;
struct virtq_chain;

#define VIRTIO_THROTTLES 2u /* of a device: a pair of buckets for each direction, or the first for all queues */

struct virtio_throttle {
	struct limiter limiter;
	struct virtio_device *device;
	struct engine_op timer;
	bool ticking;       /* the timer is with the engine */
	bool waiting;       /* somebody waits for it; else it was cancelled, and is on its way back */
	bool again;         /* cancelled, and already somebody waits anew */
	uint32_t queues;    /* those that wait: a bit each */
	unsigned next;      /* queue that is looked at first when the wait is over */
};

/* From the device's configuration; the device's memory is zero. Without a limit nothing but `limited` is ever looked at. */
void virtio_throttle_init(struct virtio_device *device, const struct device_config *config);

/* Nobody waits any more: a reset, or the need of one. The engine gets cancellations: engine_submit() afterwards. */
void virtio_throttle_stop(struct virtio_device *device);

/* For device.h. */
bool virtio_throttle_ask(struct virtio_device *device, unsigned queue, uint64_t bytes);
int virtio_throttle_chain(struct virtio_device *device, unsigned queue, const struct virtq_chain *chain);
void virtio_throttle_charge(struct virtio_device *device, unsigned queue, uint64_t bytes);

#endif
