/* SPDX-License-Identifier: Apache-2.0 */
/* For tests of the transport: a device that only notes what it is told, and its driver's registers. */
#ifndef KVICK_TESTS_TEST_TRANSPORT_H
#define KVICK_TESTS_TEST_TRANSPORT_H

#include "tests/unit/test_unit.h"
#include "tests/unit/virtq_driver.h"

#include <linux/virtio_mmio.h>

#include "virtio/transport.h"

#define RAM    (1ull << 20)
#define SIZE   8u
#define QUEUES 3u
#define ID     0x1234u

#define BIT(feature) (1ull << (feature))
#define OWN_FEATURE  (BIT(5) | BIT(50))

#define ACKNOWLEDGE VIRTIO_CONFIG_S_ACKNOWLEDGE
#define DRIVER      VIRTIO_CONFIG_S_DRIVER
#define DRIVER_OK   VIRTIO_CONFIG_S_DRIVER_OK
#define FEATURES_OK VIRTIO_CONFIG_S_FEATURES_OK
#define NEEDS_RESET VIRTIO_CONFIG_S_NEEDS_RESET
#define FAILED      VIRTIO_CONFIG_S_FAILED
#define ALL_OK      (ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK)

struct fixture {
	struct virtio_device device; /* first: the operations get it */
	struct driver driver;
	struct virtio_line line;
	bool slow_reset;
	int activate_result;
	unsigned activated, notified, resets, raised, lowered, shown;
	unsigned last_queue;
	bool line_up;
	struct { unsigned calls, bytes; uint32_t offset; uint64_t value; } written;
};

/* --- the device --- */

static inline int activate(struct virtio_device *device)
{
	struct fixture *f = (struct fixture *)device;

	assert_int_equal(device->transport.status & ALL_OK, ALL_OK);
	f->activated++;
	return f->activate_result;
}

static inline void notify(struct virtio_device *device, unsigned queue)
{
	struct fixture *f = (struct fixture *)device;

	assert_true(device->queues[queue].running);
	f->notified++;
	f->last_queue = queue;
}

static inline void write_config(struct virtio_device *device, uint32_t offset, uint32_t bytes, uint64_t value)
{
	struct fixture *f = (struct fixture *)device;

	assert_true(offset + bytes <= device->config_bytes);
	f->written.calls++;
	f->written.offset = offset;
	f->written.bytes = bytes;
	f->written.value = value;
}

static inline bool reset(struct virtio_device *device)
{
	struct fixture *f = (struct fixture *)device;

	assert_true(device->transport.resetting);
	for (unsigned i = 0; i < device->queue_count; i++)
		assert_false(device->queues[i].running);
	f->resets++;
	return !f->slow_reset;
}

static const struct virtio_ops ops = {
	.name = "fake",
	.id = ID,
	.activate = activate,
	.notify = notify,
	.write_config = write_config,
	.reset = reset,
};

static inline void raise_line(const struct virtio_line *line, struct virtio_device *device)
{
	struct fixture *f = line->context;

	assert_true(device->transport.interrupt_status != 0);
	f->raised++;
	f->line_up = true;
}

static inline void lower_line(const struct virtio_line *line, struct virtio_device *device)
{
	struct fixture *f = line->context;

	(void)device;
	f->lowered++;
	f->line_up = false;
}

static inline void show(const struct virtio_line *line, struct virtio_device *device)
{
	struct fixture *f = line->context;

	(void)device;
	f->shown++;
}

static inline int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct virtio_device *d = &f->device;

	*state = f;
	driver_create(&f->driver, RAM);
	driver_start(&f->driver, SIZE, BIT(VIRTIO_F_VERSION_1));
	f->line = (struct virtio_line){ .show = show, .raise = raise_line, .lower = lower_line, .context = f };
	d->ops = &ops;
	d->mem = &f->driver.mem;
	d->queue_count = QUEUES;
	d->queue_size_max[0] = 256;
	d->queue_size_max[1] = SIZE;
	d->queue_size_max[2] = 1;
	d->features_offered = OWN_FEATURE;
	d->config_bytes = 21;
	for (unsigned i = 0; i < sizeof(d->config); i++)
		d->config[i] = (uint8_t)(i + 1);
	virtio_transport_init(d, &f->line);
	return 0;
}

static inline int tear_down(void **state)
{
	struct fixture *f = *state;

	driver_destroy(&f->driver);
	free(f);
	return 0;
}

/* --- the driver --- */

static inline uint32_t get(struct fixture *f, uint64_t offset)
{
	return (uint32_t)virtio_mmio_read(&f->device, offset, 4);
}

static inline void put(struct fixture *f, uint64_t offset, uint32_t value)
{
	virtio_mmio_write(&f->device, offset, 4, value);
}

static inline void status_is(struct fixture *f, uint32_t wanted)
{
	assert_int_equal(get(f, VIRTIO_MMIO_STATUS), wanted);
}

/* Writes a status; what is there then. */
static inline uint32_t set_status(struct fixture *f, uint32_t value)
{
	put(f, VIRTIO_MMIO_STATUS, value);
	return get(f, VIRTIO_MMIO_STATUS);
}

static inline void set_features(struct fixture *f, uint64_t features)
{
	put(f, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	put(f, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)(features >> 32));
	put(f, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	put(f, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)features);
}

static inline void offer_and_pop(struct fixture *f, struct virtq_chain *chain)
{
	const struct driver_part part = { DRIVER_DATA_AT, 64, true };

	assert_true(driver_add(&f->driver, &part, 1, false) >= 0);
	assert_int_equal(virtq_pop(&f->device.queues[0], chain), 1);
}

#endif
