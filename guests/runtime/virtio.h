/* SPDX-License-Identifier: Apache-2.0 */
/* What drivers share: a device that is set up, with its rings. include/kvick/virtio.h is the contract. */
#ifndef KVICK_RUNTIME_VIRTIO_H
#define KVICK_RUNTIME_VIRTIO_H

#include <kvick_guest.h>
#include <kvick_virtio.h>

#include "virtq.h"

struct virtio {
	const struct kvick_device *listed;
	unsigned index;         /* in the list */
	uint64_t features;      /* negotiated */
	unsigned queues;
	uint64_t notifications; /* bits of queues that the device has to be told of */
	struct vq queue[KVICK_NOTIFY_QUEUES];
};

/*
 * Sets a device up. features: the device's own that the driver knows; those of rings are added, and what is not offered is left
 * out. `size` bounds the descriptors of each queue. 0, or -KVICK_E*: -KVICK_EINVAL if it is not of the kind `id`.
 */
int64_t kvick_virtio_open(struct virtio *virtio, int device, uint32_t id, uint64_t features, unsigned queues, unsigned size);

/* Resets it: it touches no memory of ours from then on. */
void kvick_virtio_close(struct virtio *virtio);

/* vq_add() and vq_publish(). The device is told by the next kvick_virtio_notify() or kvick_virtio_wait(). */
int kvick_virtio_add(struct virtio *virtio, unsigned queue, const struct vq_segment *segments, unsigned readable,
		     unsigned writable, void *cookie);

/* Tells the device of what is new, if it wants to be told. */
void kvick_virtio_notify(struct virtio *virtio);

/*
 * Tells the device, and sleeps until it has used something of one of the queues (a mask), has changed its configuration, or
 * the time is over. Returns at once if something used is there already. 1; 0: the time is over; -KVICK_EIO: a ring is broken,
 * or the device needs a reset.
 */
int64_t kvick_virtio_wait(struct virtio *virtio, unsigned queues, uint64_t timeout_ns);

/* One buffer, waited for, in a queue that has no others in flight. Returns the bytes written. */
int64_t kvick_virtio_transfer(struct virtio *virtio, unsigned queue, const struct vq_segment *segments, unsigned readable,
			      unsigned writable);

static inline struct vq_segment segment(const void *data, size_t bytes)
{
	return (struct vq_segment){ (uintptr_t)data, (uint32_t)bytes };
}

#endif
