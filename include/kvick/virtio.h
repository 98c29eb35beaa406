/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio devices as a native guest sees them: a page that lists them, and one call that sets a device up.
 *
 * Rings, descriptors and requests are those of virtio 1.2 (VIRTIO_F_VERSION_1 is always negotiated). Only the transport is our
 * own: where virtio-mmio takes some thirty accesses, each an exit, to bring a device up, KVICK_CALL_DEVICE_SETUP takes one.
 * There are no interrupts: a guest looks at its used rings, and sleeps with KVICK_CALL_WAIT, which also carries its
 * notifications.
 */
#ifndef KVICK_VIRTIO_H
#define KVICK_VIRTIO_H

#include <stddef.h>
#include <stdint.h>

#define KVICK_DEVICES_MAX       16
#define KVICK_DEVICE_QUEUES_MAX 8

/* Bit of a queue (0..3) in the notifications of KVICK_CALL_WAIT; bit of a device in its events. */
#define KVICK_NOTIFY_BIT(device, queue) (1ull << ((device) * 4 + (queue)))
#define KVICK_NOTIFY_QUEUES 4
#define KVICK_EVENT_BIT(device) (1ull << (device))

/* In kvick_device.status: DEVICE_NEEDS_RESET (2.1.2). Only KVICK_CALL_DEVICE_SETUP helps. */
#define KVICK_DEVICE_NEEDS_RESET (1u << 0)

/*
 * boot_info.devices points at an array of boot_info.device_count of these. Written by the VMM alone, and again when a
 * configuration or
 * a status changes.
 */
struct kvick_device {
	uint32_t id;           /* virtio 1.2, 5: 1 net, 2 block, 3 console, 4 entropy, 19 vsock */
	uint32_t generation;   /* even; odd while config[] is being written */
	uint64_t features;     /* offered: device's and ring's, one bit each */
	uint16_t queues;
	uint16_t queue_size_max;
	uint32_t config_bytes;
	uint32_t status;       /* KVICK_DEVICE_* */
	uint32_t reserved;
	char name[32];         /* the operator's, NUL-terminated, or empty */
	uint8_t config[192];   /* device configuration space */
};

struct kvick_virtio_queue {
	uint16_t size;         /* 0: this queue is not used */
	uint16_t reserved[3];  /* must be 0 */
	uint64_t desc, driver, device; /* guest-physical, as virtio-mmio's queue registers take them */
};

/* What KVICK_CALL_DEVICE_SETUP takes. queues = 0: the device is reset, and stays so. */
struct kvick_virtio_setup {
	uint32_t device;       /* index into the list */
	uint32_t queues;       /* entries of queue[] that count */
	uint64_t features;     /* accepted: a subset of those offered, VIRTIO_F_VERSION_1 among them */
	struct kvick_virtio_queue queue[KVICK_DEVICE_QUEUES_MAX];
};

_Static_assert(sizeof(struct kvick_device) == 256, "sixteen devices fill a page");
_Static_assert(offsetof(struct kvick_device, status) == 24, "device layout");
_Static_assert(offsetof(struct kvick_device, name) == 32, "device layout");
_Static_assert(offsetof(struct kvick_device, config) == 64, "device layout");
_Static_assert(sizeof(struct kvick_virtio_queue) == 32, "setup layout");
_Static_assert(sizeof(struct kvick_virtio_setup) == 272, "setup layout");

#endif
