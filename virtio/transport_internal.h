/* SPDX-License-Identifier: Apache-2.0 */
/* What transport.c and transport_legacy.c share: steps that both versions' registers lead to, and what only version 1 has. */
#ifndef KVICK_VIRTIO_TRANSPORT_INTERNAL_H
#define KVICK_VIRTIO_TRANSPORT_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "virtio/device.h"

/* The queue that QueueSel names, if there is one. */
bool transport_selected(const struct virtio_device *device, unsigned *queue);

/* By device->features. False: the device needs a reset, and has said why. */
bool transport_start_queue(struct virtio_device *device, unsigned queue, const struct virtq_config *config);

/* Those that are ready: the features are agreed on. */
void transport_start_queues(struct virtio_device *device);

/* Everything is agreed on: the device begins. */
void transport_driver_ok(struct virtio_device *device);

/* Registers that version 2 has not, or has for something else. */
uint32_t legacy_read(const struct virtio_device *device, uint64_t offset);
void legacy_write(struct virtio_device *device, uint64_t offset, uint32_t value);

/* The driver writes a status other than 0: what it means beyond ACKNOWLEDGE, DRIVER and FAILED. */
void legacy_write_status(struct virtio_device *device, uint32_t value);

/* The driver begins to use the device, whether it has said so or not (3.1.2). Where it does so already: nothing. */
void legacy_use(struct virtio_device *device);

#endif
