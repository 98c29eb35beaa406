/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every virtio device is to the transport: a table of functions and the common state. virtio 1.2, 2.1 to 2.6.
 *
 * The transport (transport.c) owns status, features and queues; a device owns its configuration space and what it does with
 * chains. All functions are called by one thread at a time.
 */
#ifndef KVICK_VIRTIO_DEVICE_H
#define KVICK_VIRTIO_DEVICE_H

#include <linux/virtio_config.h>
#include <stdbool.h>
#include <stdint.h>

#include "virtio/queue.h"
#include "virtio/throttle.h"

struct device_state;
struct engine;
struct state_reader;
struct state_writer;
struct sys;
struct virtio_device;

#define FEATURE(bit) (1ull << (bit)) /* of a set of features, as they are negotiated */

#define VIRTIO_QUEUES_MAX       8u
#define VIRTIO_CONFIG_BYTES_MAX 192u

/* Ticks of the TSC, by powers of two. */
#define VIRTIO_LATENCY_BUCKETS 40u

struct virtio_metrics {
	uint64_t requests, errors;
	uint64_t throttled, throttled_ns; /* times that a limit had the queue wait, and how long in all */
	uint64_t throttled_since_ns;      /* while it does */
	uint64_t latency[VIRTIO_LATENCY_BUCKETS]; /* [i]: took at least 2^i ticks, and less than 2^(i + 1) */
};

/* What went wrong on the host's side: the first time in full, then counted. */
struct virtio_host_error {
	uint64_t count;
	int errnum;
	const char *doing;
	uint64_t at;
	bool told;             /* the device says it in its own words: nobody else needs to */
};

struct virtio_ops {
	const char *name;      /* "block": as the report says it */
	uint32_t id;           /* VIRTIO_ID_* */
	/* What a limit of bytes does not count of a chain: headers and status; and the most that it counts, 0: all the rest. */
	uint32_t bytes_beside_data, data_bytes_max;
	uint64_t features_kept; /* that a snapshot's driver may go on with, though this device does not offer them */
	/* DRIVER_OK was set: queues are running, features negotiated. 0, or -errno: the device needs a reset. */
	int (*activate)(struct virtio_device *device);
	/* The driver has put something into a queue. */
	void (*notify)(struct virtio_device *device, unsigned queue);
	/*
	 * The driver writes to the configuration space, within config_bytes; what it may change the device changes. NULL:
	 * nothing.
	 */
	void (*write_config)(struct virtio_device *device, uint32_t offset, uint32_t bytes, uint64_t value);
	/*
	 * Reset (2.1.1): nothing may be in flight on the host afterwards that touches guest memory. Either it is so on return
	 * (true), or the device calls virtio_reset_done() when it is; until then the driver reads a status other than 0, or
	 * waits in its store (devices_mmio_write()).
	 */
	bool (*reset)(struct virtio_device *device);
	/*
	 * The VM ends: after reset() has completed; closes what is open. NULL: nothing. The device's memory stays for the
	 * report.
	 */
	void (*close)(struct virtio_device *device);
	/*
	 * A snapshot, while the engine pauses (devices_state.h). What a device holds of a queue's chains then are those that were
	 * popped last: whoever goes on pops them again. save() writes what else is the driver's and lies in no ring; load() reads
	 * it into a device as it was created, before activate(), and says whether the driver can live with that device (saved: what
	 * it knows of the old one); 0, or -errno with reader->error set. NULL: nothing.
	 */
	void (*save)(const struct virtio_device *device, struct state_writer *writer);
	int (*load)(struct virtio_device *device, const struct device_state *saved, struct state_reader *reader);
};

/* Where a device's interrupts go: an interrupt line, or the events of a native guest, which asks instead of being interrupted. */
struct virtio_line {
	/* What a native guest reads in a list has changed. NULL: there is none. */
	void (*show)(const struct virtio_line *line, struct virtio_device *device);
	void (*raise)(const struct virtio_line *line, struct virtio_device *device); /* transport.interrupt_status says for what */
	void (*lower)(const struct virtio_line *line, struct virtio_device *device); /* everything is acknowledged */
	void *context;
};

struct virtio_device {
	const struct virtio_ops *ops;
	unsigned index;                /* of the machine's devices, 0 to 15 */
	char id[32];                   /* the operator's name for it, or "" */
	const struct guest_mem *mem;
	struct engine *engine;
	struct sys *sys;
	size_t bytes;                  /* of the whole device's memory (device_alloc()) */

	uint64_t features_offered;     /* the device's own and, added by the transport, those of rings */
	uint64_t features;             /* negotiated: valid from FEATURES_OK on */
	unsigned queue_count;
	uint16_t queue_size_max[VIRTIO_QUEUES_MAX];
	struct virtq queues[VIRTIO_QUEUES_MAX];
	struct virtio_metrics metrics[VIRTIO_QUEUES_MAX];
	struct virtio_host_error host_error;
	uint8_t config[VIRTIO_CONFIG_BYTES_MAX]; /* little-endian, as the guest reads it */
	uint32_t config_bytes;
	uint32_t config_generation;
	uint32_t guest_page_bytes;     /* legacy: GuestPageSize. Drivers write it once, before they reset the device */
	char notice[160];              /* what the operator has to be told at the end, or "" */

	/* The transport's own. */
	struct {
		uint32_t status;           /* 2.1 */
		uint32_t status_hidden;    /* legacy: of it, what the driver has not written itself */
		bool resetting;
		uint32_t features_select, driver_features_select, queue_select;
		uint64_t driver_features;
		struct virtq_config queue_config[VIRTIO_QUEUES_MAX];
		bool queue_ready[VIRTIO_QUEUES_MAX];
		uint32_t queue_align[VIRTIO_QUEUES_MAX], queue_pfn[VIRTIO_QUEUES_MAX]; /* legacy */
		uint32_t interrupt_status;  /* VIRTIO_MMIO_INT_*, not acknowledged yet */
		const char *needs_reset;    /* why it was said first; NULL: never */
		const struct virtio_line *line;
	} transport;

	/* throttle.c's own. */
	bool limited;
	unsigned throttle_count;
	struct virtio_throttle throttles[VIRTIO_THROTTLES];
};

/* The driver is one from before virtio 1.0, or believes that the device is: what 1.2 calls the legacy interface. */
static inline bool virtio_is_legacy(const struct virtio_device *device)
{
	return !(device->features_offered & FEATURE(VIRTIO_F_VERSION_1));
}

/*
 * For devices: may they take and use chains? Not before DRIVER_OK (2.1), nor while a reset goes on or is needed (2.1.2). What
 * notify() is called for may; what has come back from the host asks.
 */
static inline bool virtio_usable(const struct virtio_device *device)
{
	const uint32_t looked_at = VIRTIO_CONFIG_S_DRIVER_OK | VIRTIO_CONFIG_S_NEEDS_RESET;

	return !device->transport.resetting && (device->transport.status & looked_at) == VIRTIO_CONFIG_S_DRIVER_OK;
}

/*
 * For devices: may this queue begin something of so many bytes now? If not, notify() is called for it when it is worth asking
 * again, and until then it does nothing.
 */
static inline bool virtio_may_begin(struct virtio_device *device, unsigned queue, uint64_t bytes)
{
	return !device->limited || virtio_throttle_ask(device, queue, bytes);
}

/* Where nobody knows how many bytes it will be: asked for with 0, and told afterwards. */
static inline void virtio_has_moved(struct virtio_device *device, unsigned queue, uint64_t bytes)
{
	if (device->limited)
		virtio_throttle_charge(device, queue, bytes);
}

/* virtq_pop() of chains that may begin now. One that may not stays in its queue, which is as if it were empty until notify(). */
static inline int virtio_pop(struct virtio_device *device, unsigned queue, struct virtq_chain *chain)
{
	int r = virtq_pop(&device->queues[queue], chain);

	return r == 1 && device->limited ? virtio_throttle_chain(device, queue, chain) : r;
}

/* For devices: pushes are done, interrupt the driver if it wants that. */
void virtio_queue_done(struct virtio_device *device, unsigned queue);
/* The configuration space has changed: new generation, interrupt (2.5.1, 2.3). */
void virtio_config_changed(struct virtio_device *device);
/*
 * For the report: a request has ended, that was popped at begin_tsc; an operation on the host has failed (doing: "read", … at a
 * sector).
 */
void virtio_request_done(struct virtio_device *device, unsigned queue, uint64_t begin_tsc, bool good);
void virtio_host_error(struct virtio_device *device, int errnum, const char *doing, uint64_t at);

/* Something the driver did makes the device unusable: DEVICE_NEEDS_RESET (2.1.2), said once in the report as `why`. */
void virtio_needs_reset(struct virtio_device *device, const char *why);
void virtio_reset_done(struct virtio_device *device);

#endif
