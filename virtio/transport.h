/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The transport: device status, feature negotiation and queue set-up (virtio 1.2, 2.1, 2.2, 3.1), in one state machine with two
 * doors: the registers of virtio-mmio version 2 (4.2.2) and the native guests' set-up call (include/kvick/virtio.h).
 * Instead of both a device may have the registers of version 1 (4.2.4, transport_legacy.c).
 *
 * Under the VM's device lock. Values from the guest: anything is survived; what the specification forbids is ignored
 * where it lets us, or ends in DEVICE_NEEDS_RESET.
 */
#ifndef KVICK_VIRTIO_TRANSPORT_H
#define KVICK_VIRTIO_TRANSPORT_H

#include <stdint.h>

#include "virtio/device.h"

struct kvick_virtio_setup;

#define VIRTIO_MMIO_BYTES 0x1000ull /* of one device's window */

/* Adds the ring features to what the device offers; status 0. line: the caller's, outlives the device. */
void virtio_transport_init(struct virtio_device *device, const struct virtio_line *line);

/* After it: the device is one from before virtio 1.0, with version 1's registers, rings and features. virtio_setup() refuses it. */
void virtio_legacy_init(struct virtio_device *device);

/* As if the driver had written 0 to the status. True when it is complete; else virtio_reset_done() will follow. */
bool virtio_reset(struct virtio_device *device);

/* bytes: 1, 2, 4 or 8. An offset or width that 4.2.2 (4.2.4) does not have reads as 0 and writes nothing. */
uint64_t virtio_mmio_read(struct virtio_device *device, uint64_t offset, unsigned bytes);
void virtio_mmio_write(struct virtio_device *device, uint64_t offset, unsigned bytes, uint64_t value);

/*
 * The whole of 3.1.1 in one step, on a device that is reset (status 0: else -EBUSY). 0, or -EINVAL, and the device is
 * reset again. setup: the caller's copy.
 */
int virtio_setup(struct virtio_device *device, const struct kvick_virtio_setup *setup);

/* The driver says that it has put something into a queue; an unknown or stopped one is ignored. */
void virtio_notify(struct virtio_device *device, unsigned queue);

#endif
