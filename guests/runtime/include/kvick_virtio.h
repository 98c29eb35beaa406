/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio devices: which there are, and the simple ones, entropy and console. kvick_blk.h, kvick_net.h and kvick_vsock.h have
 * the others.
 *
 * Nothing interrupts. A function that does not say that it waits returns at once; each driver has one that sleeps until its
 * device has something new (1, which may turn out to be nothing) or the time is over (0).
 *
 * Memory handed to a device must be in the initial mapping, and must be left alone until the device has finished with it.
 *
 * Functions that can fail return 0 or more, or -KVICK_E*; -KVICK_EIO from then on is a device that broke a ring.
 *
 * For tests, the environment narrows what is negotiated: VIRTIO_WITHOUT is a list of "packed", "indirect" and "event-index",
 * VIRTIO_QUEUE_SIZE the most descriptors of a queue. VIRTIO_WITH=in-order has buffers come back in order, late ones before those
 * behind them.
 */
#ifndef KVICK_VIRTIO_GUEST_H
#define KVICK_VIRTIO_GUEST_H

#include <stddef.h>
#include <stdint.h>

#include <kvick/hypercall.h>
#include <kvick/virtio.h>

/* kvick_device.id: virtio 1.2, 5. */
#define KVICK_ID_NET     1
#define KVICK_ID_BLOCK   2
#define KVICK_ID_CONSOLE 3
#define KVICK_ID_ENTROPY 4
#define KVICK_ID_VSOCK   19

#define KVICK_FOREVER UINT64_MAX /* a timeout */

/* The list's entry; NULL where it ends. */
const struct kvick_device *kvick_device(unsigned index);

/* The first device of this kind; with a name (not NULL) the one that the operator gave that name. Its index, or -1. */
int kvick_device_find(uint32_t id, const char *name);

/* Copies from the configuration space, all of one moment. What lies beyond its end reads as 0. */
void kvick_device_config(const struct kvick_device *device, size_t offset, void *to, size_t bytes);

/* All open functions take an index, and return NULL if there is no such device or it will not be set up. -1 is no device. */

/* --- entropy: virtio 1.2, 5.4 --- */

struct kvick_rng;

struct kvick_rng *kvick_rng_open(int device);
void kvick_rng_close(struct kvick_rng *rng);

/* Waits. Returns how many bytes were written, at least 1. */
int64_t kvick_rng_read(struct kvick_rng *rng, void *buffer, uint32_t bytes);

/* --- console: virtio 1.2, 5.3; port 0 --- */

struct kvick_port;

struct kvick_port *kvick_port_open(int device);
void kvick_port_close(struct kvick_port *port);

/* Characters; 0 where the device does not say. */
void kvick_port_size(const struct kvick_port *port, unsigned *columns, unsigned *rows);

/* Returns how many bytes there were; 0: none now. */
int64_t kvick_port_read(struct kvick_port *port, void *buffer, size_t bytes);

/* Waits until the device has taken all. */
int64_t kvick_port_write(struct kvick_port *port, const void *data, uint32_t bytes);

/* Waits until there is something to read or the time is over. */
int64_t kvick_port_wait(struct kvick_port *port, uint64_t timeout_ns);

#endif
