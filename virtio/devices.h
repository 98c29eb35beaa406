/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine's devices: made before the sandbox closes, in the order of the command line, and gone before guest RAM is.
 *
 * Native guests poll: all that devices do is the vCPU thread's. Guests with interrupts have a second thread, which waits for
 * the engine (devices_complete); then `lock` is held around every call but that one.
 */
#ifndef KVICK_VIRTIO_DEVICES_H
#define KVICK_VIRTIO_DEVICES_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <kvick/virtio.h>

#include "virtio/config.h"
#include "virtio/device.h"
#include "vmm/guest_mem.h"

struct error;
struct stop;
struct sys;

struct devices {
	unsigned count;
	struct virtio_device *list[KVICK_DEVICES_MAX];
	struct engine *engine;      /* NULL while there are no devices */
	struct virtio_line line;    /* native guests': marks events; else the host's */
	uint64_t events;            /* KVICK_EVENT_BIT() of what has happened and was not reported yet */
	struct guest_mem *mem;
	gpa_t page;                 /* the list in guest RAM */
	const struct stop *stop;
	pthread_mutex_t *lock;      /* with a second thread; else NULL */
	pthread_cond_t completed;   /* with it: something has ended */
	struct sys *sys;
	bool loaded;                /* of a snapshot, and not begun: devices_state.h */
	char engine_text[160];      /* for the report, once the engine has ended: which it was, and what it did */
	struct engine_counts engine_counts;
};

/* What a device's constructor is given. */
struct device_context {
	const struct device_config *config;
	const struct guest_mem *mem;
	struct engine *engine;
	struct sys *sys;
	struct error *error;
};

/* Each allocates its device and fills in ops, features, queues and configuration space. 0 or -errno with error set. */
int virtio_block_create(struct virtio_device **device, const struct device_context *context);
int virtio_net_create(struct virtio_device **device, const struct device_context *context);
int virtio_entropy_create(struct virtio_device **device, const struct device_context *context);
int virtio_vsock_create(struct virtio_device **device, const struct device_context *context);
int virtio_console_create(struct virtio_device **device, const struct device_context *context);

/* Why a console has lost output (positive errno); 0: it has not, or is no console. */
int virtio_console_lost(const struct virtio_device *device);

/*
 * Memory for a device, zeroed, by mmap(): a launch that needs nothing else of malloc() does without it. NULL where there is
 * none.
 */
void *device_alloc(const struct device_context *context, size_t bytes);
/* engine_add_file() for a device; `option` begins the message: "--console". The file's number or -errno with error set. */
int device_add_file(const struct device_context *context, int fd, const char *option);
void device_discard(const struct device_context *context, struct virtio_device *device);

/* What the devices stand in. All of it outlives them. */
struct devices_host {
	struct guest_mem *mem;
	gpa_t page;                       /* of RAM: where native guests find the list; 0: not there */
	const struct virtio_line *line;   /* where interrupts go; NULL: this is a native guest */
	pthread_mutex_t *lock;            /* with a line: guards devices, and `sys` */
	const struct stop *stop;
	struct sys *sys;
};

/* Makes the devices, and the list. On failure everything made is undone. 0 or -errno with `error` set. */
int devices_create(struct devices *devices, const struct devices_config *config, const struct devices_host *host,
		   struct error *error);

/* What they need when the sandbox has closed (vmm/sandbox_policy.h). */
unsigned devices_sandbox(const struct devices *devices, const struct devices_config *config);

/* With a lock, for the second thread: sleeps until I/O has ended or devices_wake() is called, and does what then is to be done. */
int devices_complete(struct devices *devices);
/* The devices_complete() under way, or else the next one, returns. */
void devices_wake(struct devices *devices);

/*
 * The registers of the device of that number (transport.h); what has been started is under way on return. With a lock, which is
 * held: a store that resets a device returns when the reset is over, or when stop->signal is set; meanwhile it gives the lock back.
 */
uint64_t devices_mmio_read(struct devices *devices, unsigned device, uint64_t offset, unsigned bytes);
void devices_mmio_write(struct devices *devices, unsigned device, uint64_t offset, unsigned bytes, uint64_t value);

/*
 * Ends all I/O, so that guest RAM may go, and closes everything. What devices know for the report stays until devices_free(). False
 * where the kernel refuses to say that it is done: then RAM and devices are its own until the process has ended.
 */
bool devices_stop(struct devices *devices);
/* The same where the process is about to end: only what others wait for. Nothing else may be done with the devices then. */
void devices_leave(struct devices *devices);
void devices_free(struct devices *devices);

/* Why the guest's console has lost output, as above. Until devices_free(). */
int devices_console_lost(const struct devices *devices);

/* KVICK_CALL_DEVICE_SETUP: 0 or -KVICK_E*. */
int64_t devices_setup(struct devices *devices, const struct kvick_virtio_setup *setup);

/*
 * KVICK_CALL_WAIT with devices: notifications first; then the events of `mask` that are pending, waiting up to timeout_ns for
 * the first.
 */
int64_t devices_wait(struct devices *devices, uint64_t mask, uint64_t timeout_ns, uint64_t notifications);

#endif
