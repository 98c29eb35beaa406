/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The driver's side of a virtqueue, for tests: a small ring model, split and packed, in a RAM of its own with a guard page on
 * either side. It does what virtio 1.2 asks of drivers; for all that a driver must not do there are the pointers into the rings.
 *
 * It believes nothing that it reads either, so that a fuzzer can spoil its rings. It asserts nothing and may run in a thread.
 */
#ifndef KVICK_TESTS_VIRTQ_DRIVER_H
#define KVICK_TESTS_VIRTQ_DRIVER_H

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <stdbool.h>
#include <stdint.h>

#include "virtio/queue.h"
#include "vmm/guest_mem.h"

/* Where things are in guest RAM. */
#define DRIVER_DESC_AT   0x1000ull
#define DRIVER_DRIVER_AT 0x2000ull
#define DRIVER_DEVICE_AT 0x3000ull
#define DRIVER_TABLES_AT 0x8000ull /* one for each id, DRIVER_PARTS_MAX descriptors long */
#define DRIVER_DATA_AT   0x20000ull

#define DRIVER_PARTS_MAX 16u

struct driver_part {
	uint64_t address;
	uint32_t bytes;
	bool writable;
};

struct driver {
	struct guest_mem mem;
	uint64_t begins;        /* where `mem` begins in the guest's RAM, of which it may be a part: tables are named by that */
	struct virtq_config config;
	uint64_t features;
	bool packed, event_index;

	/* The three areas in this process. */
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	struct vring_packed_desc *slots;
	struct vring_packed_desc_event *driver_event, *device_event;

	/* The driver's own: nothing of it is read back from the rings. */
	uint16_t next_avail, last_used; /* split: free running; packed: slot */
	bool avail_wrap, used_wrap;
	uint16_t free;                  /* descriptors */
	uint16_t added;                 /* since driver_should_notify(): chains (split) or slots (packed) */
	uint16_t ids[VIRTQ_SIZE_MAX];   /* free descriptors (split) or buffer ids (packed): first in, first out */
	unsigned ids_first, ids_count;
	struct { bool used; uint16_t descriptors, members[DRIVER_PARTS_MAX]; } chains[VIRTQ_SIZE_MAX]; /* by id */
};

/* RAM of so many bytes, zeroed; the guards are outside it. */
void driver_create(struct driver *driver, uint64_t ram_bytes);
void driver_destroy(struct driver *driver);

/* Begins anew: rings zeroed, nothing outstanding. features: VIRTIO_F_RING_PACKED and the like, one bit each. */
void driver_start(struct driver *driver, uint16_t size, uint64_t features);

/* A split ring's areas one after the other, as virtio-mmio version 1 wants them (2.7.2). align: of the used ring, up to 4096. */
void driver_start_legacy(struct driver *driver, uint16_t size, uint64_t features, uint32_t align);

/*
 * Makes a chain of the parts (at least one, at most DRIVER_PARTS_MAX) available, in a table if `indirect`. Its id, or -1 if the
 * ring has no
 * room.
 */
int driver_add(struct driver *driver, const struct driver_part *parts, unsigned count, bool indirect);

/* Is the device to be notified of what has been added since the last time? */
bool driver_should_notify(struct driver *driver);

/* Has the device used something that was not taken yet? */
bool driver_has_used(const struct driver *driver);

/* The next used chain: 1, 0 if there is none, -1 if the device named an id that it did not have. */
int driver_take_used(struct driver *driver, uint16_t *id, uint32_t *written);

void driver_interrupts_off(struct driver *driver);
/*
 * With event indices: when `later` more places of the ring have been used beyond the next. True: there is something to be taken
 * now.
 */
bool driver_interrupts_on(struct driver *driver, uint16_t later);

#endif
