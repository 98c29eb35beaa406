/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine's devices in a snapshot: saved while they pause, and loaded into devices that were just made.
 *
 * Nothing is under way in what is saved: what goes to files has ended; a chain that a device holds (a buffer that waits for a
 * frame, a request that a limit keeps back) is in its ring as if it had not been popped; frames between a network and its device
 * are lost, as any network may lose them; connections of a socket device end. Host's files, limits, addresses and names are not
 * saved: they are the operator's, and the driver is told of what it has to know (2.5.1, 5.10.6.7).
 */
#ifndef KVICK_VIRTIO_DEVICES_STATE_H
#define KVICK_VIRTIO_DEVICES_STATE_H

#include <stdint.h>

#include "virtio/device.h"
#include "vmm/state.h"

struct devices;

/* What is saved of each, with one of the second for each queue behind it, and then what its save() writes. It is the format. */
struct device_state {
	uint32_t id;                /* VIRTIO_ID_* */
	uint32_t queue_count;
	uint64_t features_offered, features, driver_features;
	uint32_t status, status_hidden, interrupt_status;
	uint32_t features_select, driver_features_select, queue_select;
	uint32_t guest_page_bytes;
	uint32_t config_generation, config_bytes, reserved;
	uint8_t config[VIRTIO_CONFIG_BYTES_MAX]; /* as the driver may have read it */
};

enum { QUEUE_READY = 1, QUEUE_RUNNING = 2, QUEUE_WRAP = 4 };

struct queue_state {
	uint64_t desc, driver, device;
	uint32_t align, pfn;        /* legacy */
	uint32_t unsignalled;
	uint16_t size, next;        /* next: where it goes on (queue.h) */
	uint64_t flags;             /* QUEUE_* */
};

_Static_assert(sizeof(struct device_state) == 72 + VIRTIO_CONFIG_BYTES_MAX, "it is the format");
_Static_assert(sizeof(struct queue_state) == 48, "it is the format");

/*
 * Nothing of guest RAM is read or written by anybody until devices_resume(), and what devices_save() writes stays true. With a
 * second thread: `lock` is held, and nobody is in devices_complete(). 0, or -errno: the kernel refuses, and nothing is paused.
 */
int devices_pause(struct devices *devices);
void devices_resume(struct devices *devices);

/* While they pause; they can go on afterwards. Also where there are none. 0, or -ENOSPC: the writer has no room. */
int devices_save(struct devices *devices, struct state_writer *writer);

/*
 * Into devices as devices_create() made them, of the same kinds in the same order, in RAM that is the saved one's. They begin with
 * devices_resume(), which looks into RAM: so after the sandbox has closed. 0; -EBADMSG: that is no state; -EINVAL: it is another
 * machine's; with reader->error set, and devices_stop() is all that may follow.
 */
int devices_load(struct devices *devices, struct state_reader *reader);

/* For load(): the driver cannot live with this device. Sets the error: "FILE: device 0 (block): …". -EINVAL. */
int device_differs(const struct virtio_device *device, struct state_reader *reader, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
