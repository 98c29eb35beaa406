/* SPDX-License-Identifier: Apache-2.0 */
#include "virtio/transport.h"

#include <assert.h>
#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>
#include <string.h>

#include <kvick/virtio.h>

#include "virtio/transport_internal.h"

/* What queue.c can do with rings. */
#define RING_FEATURES                                                                               \
	(FEATURE(VIRTIO_F_VERSION_1) | FEATURE(VIRTIO_F_RING_PACKED) | FEATURE(VIRTIO_F_IN_ORDER) | \
	 FEATURE(VIRTIO_RING_F_INDIRECT_DESC) | FEATURE(VIRTIO_RING_F_EVENT_IDX))

void virtio_transport_init(struct virtio_device *d, const struct virtio_line *line)
{
	assert(d->queue_count <= VIRTIO_QUEUES_MAX && d->config_bytes <= VIRTIO_CONFIG_BYTES_MAX);
	d->features_offered |= RING_FEATURES;
	memset(&d->transport, 0, sizeof(d->transport));
	d->transport.line = line;
}

/* ---- interrupts: 2.3, 2.5.1, 4.2.2 "InterruptStatus" ---- */

/* A driver that has reset the device wants to hear no more of it. */
static void interrupt(struct virtio_device *d, uint32_t why)
{
	if (d->transport.resetting)
		return;
	d->transport.interrupt_status |= why;
	d->transport.line->raise(d->transport.line, d);
}

void virtio_queue_done(struct virtio_device *d, unsigned queue)
{
	if (virtq_needs_interrupt(&d->queues[queue]))
		interrupt(d, VIRTIO_MMIO_INT_VRING);
}

static void show(struct virtio_device *d)
{
	if (d->transport.line->show)
		d->transport.line->show(d->transport.line, d);
}

void virtio_config_changed(struct virtio_device *d)
{
	d->config_generation++;
	show(d);
	if (d->transport.status & VIRTIO_CONFIG_S_DRIVER_OK)
		interrupt(d, VIRTIO_MMIO_INT_CONFIG);
}

void virtio_needs_reset(struct virtio_device *d, const char *why)
{
	if (d->transport.resetting || (d->transport.status & VIRTIO_CONFIG_S_NEEDS_RESET))
		return;
	if (!d->transport.needs_reset)
		d->transport.needs_reset = why;
	d->transport.status |= VIRTIO_CONFIG_S_NEEDS_RESET;
	virtio_throttle_stop(d);
	show(d);
	/* 2.1.2: the driver is told only if it is there. */
	if (d->transport.status & VIRTIO_CONFIG_S_DRIVER_OK)
		interrupt(d, VIRTIO_MMIO_INT_CONFIG);
}

/* ---- reset: 2.4 ---- */

void virtio_reset_done(struct virtio_device *d)
{
	const struct virtio_line *line = d->transport.line;
	const char *needs_reset = d->transport.needs_reset;
	bool shown = d->transport.status & VIRTIO_CONFIG_S_NEEDS_RESET;

	line->lower(line, d);
	memset(&d->transport, 0, sizeof(d->transport));
	d->transport.line = line;
	d->transport.needs_reset = needs_reset;
	d->features = 0;
	if (shown)
		show(d);
}

bool virtio_reset(struct virtio_device *d)
{
	if (d->transport.resetting)
		return false;
	bool was_active = d->transport.status & VIRTIO_CONFIG_S_DRIVER_OK;

	/* Set before the device is asked: what it has in flight may come back, and find a queue that takes nothing any more. */
	d->transport.resetting = true;
	virtio_throttle_stop(d);
	for (unsigned i = 0; i < d->queue_count; i++)
		virtq_stop(&d->queues[i]);
	memset(d->transport.queue_ready, 0, sizeof(d->transport.queue_ready));
	if (was_active && !d->ops->reset(d))
		return false;
	virtio_reset_done(d);
	return true;
}

/* ---- status: 2.1, 3.1.1 ---- */

static bool features_acceptable(const struct virtio_device *d, uint64_t wanted)
{
	/* 6.1: no device of ours works without VIRTIO_F_VERSION_1. */
	return !(wanted & ~d->features_offered) && (wanted & FEATURE(VIRTIO_F_VERSION_1));
}

/*
 * What the driver of a register interface wants, as far as it may have it. Drivers that never met a device that minds accept what
 * they know though it is not offered, or say nothing of VIRTIO_F_VERSION_1, which goes with these registers (6.2). Rings and
 * notifications that would look otherwise are not let pass: features_acceptable() refuses.
 */
static uint64_t features_wanted(const struct virtio_device *d)
{
	const uint64_t device_types = (FEATURE(24) - 1) | ~(FEATURE(50) - 1); /* 2.2 */

	return (d->transport.driver_features & (d->features_offered | ~device_types)) | FEATURE(VIRTIO_F_VERSION_1);
}

void transport_driver_ok(struct virtio_device *d)
{
	d->transport.status |= VIRTIO_CONFIG_S_DRIVER_OK;
	if (d->ops->activate(d) < 0)
		virtio_needs_reset(d, "the device could not be activated");
}

/*
 * Bits are only ever added (2.1.1: "the driver MUST NOT clear a bit"), in their order; one out of order is as if it had not been
 * written, which the driver sees when it reads the status back.
 */
static void write_status(struct virtio_device *d, uint32_t value)
{
	uint32_t *status = &d->transport.status, added = value & ~*status;

	if (value == 0) {
		virtio_reset(d);
		return;
	}
	if (d->transport.resetting)
		return;
	*status |= added & (VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_FAILED);
	if ((added & VIRTIO_CONFIG_S_DRIVER) && (*status & VIRTIO_CONFIG_S_ACKNOWLEDGE))
		*status |= VIRTIO_CONFIG_S_DRIVER;
	if (virtio_is_legacy(d)) {
		legacy_write_status(d, value);
		return;
	}
	if ((added & VIRTIO_CONFIG_S_FEATURES_OK) && (*status & VIRTIO_CONFIG_S_DRIVER) &&
	    features_acceptable(d, features_wanted(d))) {
		d->features = features_wanted(d);
		*status |= VIRTIO_CONFIG_S_FEATURES_OK;
		transport_start_queues(d);
	}
	/* A device with a queue that would not start is not begun with. */
	if ((added & VIRTIO_CONFIG_S_DRIVER_OK) && (*status & VIRTIO_CONFIG_S_FEATURES_OK) &&
	    !(*status & VIRTIO_CONFIG_S_NEEDS_RESET))
		transport_driver_ok(d);
}

/* ---- queues ---- */

bool transport_selected(const struct virtio_device *d, unsigned *queue)
{
	*queue = d->transport.queue_select;
	return *queue < d->queue_count;
}

/*
 * Queues are made between FEATURES_OK and DRIVER_OK: 3.1.1. One that is made earlier is kept, and begins with FEATURES_OK: there
 * are drivers that know no order.
 */
static bool making_queues(const struct virtio_device *d)
{
	return !d->transport.resetting &&
	       (d->transport.status & (VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_DRIVER_OK)) == VIRTIO_CONFIG_S_DRIVER;
}

/* A queue may be described then, until its QueueReady, and at no other time: 4.2.2, "QueueReady". */
static struct virtq_config *configurable(struct virtio_device *d)
{
	unsigned queue;

	if (!transport_selected(d, &queue) || d->transport.queue_ready[queue] || !making_queues(d))
		return NULL;
	return &d->transport.queue_config[queue];
}

bool transport_start_queue(struct virtio_device *d, unsigned queue, const struct virtq_config *config)
{
	const char *why = "queue size: larger than QueueNumMax";

	if (config->size <= d->queue_size_max[queue]) {
		if (virtq_start(&d->queues[queue], d->mem, config, d->features) == 0)
			return true;
		why = d->queues[queue].broken;
	}
	virtio_needs_reset(d, why);
	return false;
}

void transport_start_queues(struct virtio_device *d)
{
	for (unsigned i = 0; i < d->queue_count; i++)
		if (d->transport.queue_ready[i])
			d->transport.queue_ready[i] = transport_start_queue(d, i, &d->transport.queue_config[i]);
}

static void write_queue_ready(struct virtio_device *d, uint32_t value)
{
	const struct virtq_config *config = configurable(d);
	bool agreed = d->transport.status & VIRTIO_CONFIG_S_FEATURES_OK;
	unsigned queue;

	if (!transport_selected(d, &queue))
		return;
	if (config && value == 1)
		d->transport.queue_ready[queue] = !agreed || transport_start_queue(d, queue, config);
	/* 4.2.2.2: a driver that gives up takes its queues back. One that the device uses already only a reset does. */
	if (value == 0 && making_queues(d)) {
		virtq_stop(&d->queues[queue]);
		d->transport.queue_ready[queue] = false;
	}
}

void virtio_notify(struct virtio_device *d, unsigned queue)
{
	if (queue >= d->queue_count || !d->queues[queue].running)
		return;
	if (virtio_is_legacy(d))
		legacy_use(d);
	if (!virtio_usable(d))
		return;
	d->queues[queue].counts.notifications++;
	d->ops->notify(d, queue);
}

int virtio_setup(struct virtio_device *d, const struct kvick_virtio_setup *setup)
{
	if (d->transport.status || d->transport.resetting)
		return -EBUSY;
	if (setup->queues > d->queue_count || !features_acceptable(d, setup->features))
		return -EINVAL;
	d->features = d->transport.driver_features = setup->features;
	d->transport.status = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK;
	for (unsigned i = 0; i < setup->queues; i++) {
		const struct kvick_virtio_queue *q = &setup->queue[i];
		const struct virtq_config config = { .size = q->size, .desc = q->desc, .driver = q->driver, .device = q->device };

		if (q->reserved[0] | q->reserved[1] | q->reserved[2] || (q->size && !transport_start_queue(d, i, &config))) {
			virtio_reset(d);
			return -EINVAL;
		}
	}
	transport_driver_ok(d);
	if (d->transport.status & VIRTIO_CONFIG_S_NEEDS_RESET) {
		virtio_reset(d);
		return -EIO;
	}
	return 0;
}

/* ---- virtio-mmio's registers: 4.2.2; what version 1 has of its own is transport_legacy.c's ---- */

static uint32_t half(uint64_t value, uint32_t select)
{
	return select == 0 ? (uint32_t)value : select == 1 ? (uint32_t)(value >> 32) : 0;
}

static void set_half(uint64_t *value, uint32_t select, uint32_t to)
{
	if (select == 0)
		*value = (*value & ~(uint64_t)UINT32_MAX) | to;
	else
		*value = (*value & UINT32_MAX) | (uint64_t)to << 32;
}

static uint32_t read_status(const struct virtio_device *d)
{
	uint32_t status = d->transport.status & ~d->transport.status_hidden;

	/* 2.4.1: reads as 0 only when the reset is complete. */
	return d->transport.resetting ? status | VIRTIO_CONFIG_S_NEEDS_RESET : status;
}

/* Version 2's own. */
static uint32_t read_modern(const struct virtio_device *d, uint64_t offset)
{
	unsigned queue;

	switch (offset) {
	case VIRTIO_MMIO_QUEUE_READY:
		return transport_selected(d, &queue) && d->transport.queue_ready[queue];
	case VIRTIO_MMIO_SHM_LEN_LOW: /* 4.2.2: -1 says that there is no such region */
	case VIRTIO_MMIO_SHM_LEN_HIGH:
	case VIRTIO_MMIO_SHM_BASE_LOW:
	case VIRTIO_MMIO_SHM_BASE_HIGH:
		return UINT32_MAX;
	case VIRTIO_MMIO_CONFIG_GENERATION:
		return d->config_generation;
	default:
		return 0;
	}
}

static uint32_t read_register(const struct virtio_device *d, uint64_t offset)
{
	unsigned queue;

	switch (offset) {
	case VIRTIO_MMIO_MAGIC_VALUE:
		return 'v' | 'i' << 8 | 'r' << 16 | (uint32_t)'t' << 24;
	case VIRTIO_MMIO_VERSION:
		return virtio_is_legacy(d) ? 1 : 2;
	case VIRTIO_MMIO_DEVICE_ID:
		return d->ops->id;
	case VIRTIO_MMIO_VENDOR_ID:
		return 'k' | 'v' << 8 | 'c' << 16 | (uint32_t)'k' << 24;
	case VIRTIO_MMIO_DEVICE_FEATURES:
		return half(d->features_offered, d->transport.features_select);
	case VIRTIO_MMIO_QUEUE_NUM_MAX:
		return transport_selected(d, &queue) ? d->queue_size_max[queue] : 0;
	case VIRTIO_MMIO_INTERRUPT_STATUS:
		return d->transport.interrupt_status;
	case VIRTIO_MMIO_STATUS:
		return read_status(d);
	default:
		return virtio_is_legacy(d) ? legacy_read(d, offset) : read_modern(d, offset);
	}
}

static uint64_t read_config(const struct virtio_device *d, uint64_t offset, unsigned bytes)
{
	uint64_t value = 0;

	if (offset < d->config_bytes && bytes <= d->config_bytes - offset)
		memcpy(&value, d->config + offset, bytes);
	return value;
}

uint64_t virtio_mmio_read(struct virtio_device *d, uint64_t offset, unsigned bytes)
{
	assert(bytes <= sizeof(uint64_t));
	if (offset >= VIRTIO_MMIO_CONFIG)
		return read_config(d, offset - VIRTIO_MMIO_CONFIG, bytes);
	return bytes == 4 && offset % 4 == 0 ? read_register(d, offset) : 0;
}

/* Version 2's own. */
static void write_modern(struct virtio_device *d, uint64_t offset, uint32_t value)
{
	struct virtq_config *config;

	if (offset == VIRTIO_MMIO_QUEUE_READY) {
		write_queue_ready(d, value);
		return;
	}
	config = configurable(d);
	if (!config)
		return;
	switch (offset) {
	case VIRTIO_MMIO_QUEUE_NUM:
		/* Kept as it is, cut only where it could not be told apart from a good one: virtq_start() judges. */
		config->size = value <= UINT16_MAX ? (uint16_t)value : UINT16_MAX;
		break;
	case VIRTIO_MMIO_QUEUE_DESC_LOW:
	case VIRTIO_MMIO_QUEUE_DESC_HIGH:
		set_half(&config->desc, offset == VIRTIO_MMIO_QUEUE_DESC_HIGH, value);
		break;
	case VIRTIO_MMIO_QUEUE_AVAIL_LOW:
	case VIRTIO_MMIO_QUEUE_AVAIL_HIGH:
		set_half(&config->driver, offset == VIRTIO_MMIO_QUEUE_AVAIL_HIGH, value);
		break;
	case VIRTIO_MMIO_QUEUE_USED_LOW:
	case VIRTIO_MMIO_QUEUE_USED_HIGH:
		set_half(&config->device, offset == VIRTIO_MMIO_QUEUE_USED_HIGH, value);
		break;
	}
}

/* 2.2.1, 3.1.1: features are written between DRIVER and FEATURES_OK. */
static void write_driver_features(struct virtio_device *d, uint32_t value)
{
	if ((d->transport.status & (VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK)) != VIRTIO_CONFIG_S_DRIVER)
		return;
	if (d->transport.driver_features_select <= 1)
		set_half(&d->transport.driver_features, d->transport.driver_features_select, value);
}

static void acknowledge(struct virtio_device *d, uint32_t value)
{
	d->transport.interrupt_status &= ~value;
	if (!d->transport.interrupt_status)
		d->transport.line->lower(d->transport.line, d);
}

static void write_register(struct virtio_device *d, uint64_t offset, uint32_t value)
{
	switch (offset) {
	case VIRTIO_MMIO_DEVICE_FEATURES_SEL:
		d->transport.features_select = value;
		break;
	case VIRTIO_MMIO_DRIVER_FEATURES:
		write_driver_features(d, value);
		break;
	case VIRTIO_MMIO_DRIVER_FEATURES_SEL:
		d->transport.driver_features_select = value;
		break;
	case VIRTIO_MMIO_QUEUE_SEL:
		d->transport.queue_select = value;
		break;
	case VIRTIO_MMIO_QUEUE_NOTIFY:
		virtio_notify(d, value);
		break;
	case VIRTIO_MMIO_INTERRUPT_ACK:
		acknowledge(d, value);
		break;
	case VIRTIO_MMIO_STATUS:
		write_status(d, value);
		break;
	default:
		if (virtio_is_legacy(d))
			legacy_write(d, offset, value);
		else
			write_modern(d, offset, value);
	}
}

/* Once the driver has said that it drives (3.1.1). */
static void write_config(struct virtio_device *d, uint64_t offset, unsigned bytes, uint64_t value)
{
	if (!d->ops->write_config || !(d->transport.status & VIRTIO_CONFIG_S_DRIVER) || d->transport.resetting ||
	    offset >= d->config_bytes || bytes > d->config_bytes - offset)
		return;
	d->ops->write_config(d, (uint32_t)offset, bytes, value);
}

void virtio_mmio_write(struct virtio_device *d, uint64_t offset, unsigned bytes, uint64_t value)
{
	assert(bytes <= sizeof(value));
	if (offset >= VIRTIO_MMIO_CONFIG)
		write_config(d, offset - VIRTIO_MMIO_CONFIG, bytes, value);
	else if (bytes == 4 && offset % 4 == 0)
		write_register(d, offset, (uint32_t)value);
}
