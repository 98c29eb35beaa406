/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any conversation of a driver with the transport, and of a device that takes its time: requests come back in any order, also after
 * the driver has reset the device. Beside what the sanitizers and the guard pages see: the status is one that virtio 1.2, 2.1
 * knows, the device hears nothing that it must not, nothing of a ring changes while there is no driver, and the line is up while
 * there is something to be told.
 *
 *	fuzz_virtio tests/fuzz/corpus/virtio
 */
#include "tests/fuzz/fuzz_virtio.h"

#include <errno.h>
#include <linux/virtio_mmio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kvick/virtio.h>

#include "tests/fuzz/fuzz.h"
#include "tests/unit/virtq_driver.h"
#include "virtio/transport.h"

#define RAM      (DRIVER_DATA_AT + 0x1000)
#define RINGS    (DRIVER_DEVICE_AT + GUEST_PAGE_BYTES)
#define QUEUES   3u
#define HELD_MAX 600u
#define OPS_MAX  512u

#define BIT(feature) (1ull << (feature))
#define DRIVER_OK    VIRTIO_CONFIG_S_DRIVER_OK
#define NEEDS_RESET  VIRTIO_CONFIG_S_NEEDS_RESET
#define ALL_OK       (VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK | DRIVER_OK)

struct fuzz {
	struct virtio_device device; /* first: the operations get it */
	struct virtio_line line;
	struct driver driver;
	const uint8_t *data;
	size_t bytes;
	unsigned manners;
	bool active;                 /* between activate() and the end of the reset */
	bool line_up;
	struct held { unsigned queue; struct virtq_chain chain; } held[HELD_MAX];
	unsigned held_count;
	uint8_t rings[RINGS];        /* guest RAM before an operation */
};

static uint64_t take(struct fuzz *fuzz, unsigned bytes)
{
	return fuzz_take(&fuzz->data, &fuzz->bytes, bytes);
}

/* --- the device --- */

static int activate(struct virtio_device *device)
{
	struct fuzz *fuzz = (struct fuzz *)device;

	PROMISE(!fuzz->active && fuzz->held_count == 0);
	PROMISE((device->transport.status & ALL_OK) == ALL_OK && !(device->transport.status & NEEDS_RESET));
	fuzz->active = true;
	return fuzz->manners & MANNER_NO_START ? -EIO : 0;
}

static void complete(struct fuzz *fuzz, unsigned which, uint32_t written)
{
	struct virtio_device *d = &fuzz->device;
	struct held *held = &fuzz->held[which];
	bool late = d->transport.resetting;
	uint32_t byte = written;

	PROMISE(fuzz->active);
	/* The host's I/O ends up in the guest's memory whatever has become of the queue. */
	chain_write(&held->chain, 0, &byte, sizeof(byte));
	if (!late) {
		PROMISE(d->queues[held->queue].running);
		virtq_push(&d->queues[held->queue], &held->chain, written);
		virtio_queue_done(d, held->queue);
	}
	*held = fuzz->held[--fuzz->held_count];
	if (late && fuzz->held_count == 0) {
		fuzz->active = false;
		virtio_reset_done(d);
	}
}

static void serve(struct fuzz *fuzz, unsigned queue)
{
	struct virtio_device *d = &fuzz->device;
	struct virtq *q = &d->queues[queue];
	int r = 0;

	do {
		virtq_quiet(q);
		while (fuzz->held_count < HELD_MAX && (r = virtq_pop(q, &fuzz->held[fuzz->held_count].chain)) == 1) {
			const struct virtq_chain *chain = &fuzz->held[fuzz->held_count].chain;

			for (unsigned i = 0; i < (unsigned)chain->readable + chain->writable; i++) {
				uint64_t at = (uint64_t)((uint8_t *)chain->segments[i].iov_base - fuzz->driver.mem.host);

				PROMISE(at < RAM && chain->segments[i].iov_len <= RAM - at);
			}
			fuzz->held[fuzz->held_count++].queue = queue;
			if (fuzz->manners & MANNER_AT_ONCE)
				complete(fuzz, fuzz->held_count - 1, 4);
		}
	} while (r == 0 && fuzz->held_count < HELD_MAX && virtq_listen(q));
	if (r < 0)
		virtio_needs_reset(d, q->broken);
}

static void notify(struct virtio_device *device, unsigned queue)
{
	struct fuzz *fuzz = (struct fuzz *)device;

	PROMISE(fuzz->active && !device->transport.resetting);
	PROMISE(queue < QUEUES && device->queues[queue].running);
	PROMISE((device->transport.status & (DRIVER_OK | NEEDS_RESET)) == DRIVER_OK);
	serve(fuzz, queue);
}

static void write_config(struct virtio_device *device, uint32_t offset, uint32_t bytes, uint64_t value)
{
	PROMISE(bytes <= 8 && offset < device->config_bytes && bytes <= device->config_bytes - offset);
	memcpy(device->config + offset, &value, bytes);
}

static bool reset(struct virtio_device *device)
{
	struct fuzz *fuzz = (struct fuzz *)device;

	PROMISE(fuzz->active && device->transport.resetting);
	if (fuzz->manners & MANNER_LATE_RESET && fuzz->held_count > 0)
		return false;
	fuzz->held_count = 0;
	fuzz->active = false;
	return true;
}

static const struct virtio_ops ops = {
	.name = "fuzz",
	.id = 99,
	.activate = activate,
	.notify = notify,
	.write_config = write_config,
	.reset = reset,
};

static void raise_line(const struct virtio_line *line, struct virtio_device *device)
{
	PROMISE(device->transport.status & DRIVER_OK && !device->transport.resetting && device->transport.interrupt_status);
	((struct fuzz *)line->context)->line_up = true;
}

static void lower_line(const struct virtio_line *line, struct virtio_device *device)
{
	(void)device;
	((struct fuzz *)line->context)->line_up = false;
}

/* --- the driver --- */

static void put(struct fuzz *fuzz, uint64_t offset, uint32_t value)
{
	virtio_mmio_write(&fuzz->device, offset, 4, value);
}

/* The driver begins anew with features and size of the input's choice. */
static uint64_t begin(struct fuzz *fuzz)
{
	static const uint16_t sizes[] = { 1, 2, 4, 8, 16, 256, 3, 128 };
	unsigned how = (unsigned)take(fuzz, 1), size = sizes[take(fuzz, 1) % 8];
	uint64_t features = BIT(VIRTIO_F_VERSION_1) | (uint64_t)!!(how & START_PACKED) << VIRTIO_F_RING_PACKED |
			    (uint64_t)!!(how & START_EVENT) << VIRTIO_RING_F_EVENT_IDX |
			    (uint64_t)!!(how & START_INDIRECT) << VIRTIO_RING_F_INDIRECT_DESC |
			    (uint64_t)!!(how & START_IN_ORDER) << VIRTIO_F_IN_ORDER;

	driver_start(&fuzz->driver, (uint16_t)size, features);
	return features;
}

static void write_features(struct fuzz *fuzz, uint64_t features)
{
	for (unsigned i = 0; i < 2; i++) {
		put(fuzz, VIRTIO_MMIO_DRIVER_FEATURES_SEL, i);
		put(fuzz, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)(features >> 32 * i));
	}
}

static void start(struct fuzz *fuzz)
{
	uint64_t features = begin(fuzz);
	const struct virtq_config *config = &fuzz->driver.config;
	uint32_t status = 0;

	put(fuzz, VIRTIO_MMIO_STATUS, 0);
	put(fuzz, VIRTIO_MMIO_STATUS, status |= VIRTIO_CONFIG_S_ACKNOWLEDGE);
	put(fuzz, VIRTIO_MMIO_STATUS, status |= VIRTIO_CONFIG_S_DRIVER);
	write_features(fuzz, features);
	put(fuzz, VIRTIO_MMIO_STATUS, status |= VIRTIO_CONFIG_S_FEATURES_OK);
	put(fuzz, VIRTIO_MMIO_QUEUE_SEL, (uint32_t)take(fuzz, 1) % (QUEUES + 1));
	put(fuzz, VIRTIO_MMIO_QUEUE_NUM, config->size);
	put(fuzz, VIRTIO_MMIO_QUEUE_DESC_LOW, (uint32_t)config->desc);
	put(fuzz, VIRTIO_MMIO_QUEUE_AVAIL_LOW, (uint32_t)config->driver);
	put(fuzz, VIRTIO_MMIO_QUEUE_USED_LOW, (uint32_t)config->device);
	put(fuzz, VIRTIO_MMIO_QUEUE_READY, 1);
	put(fuzz, VIRTIO_MMIO_STATUS, status | DRIVER_OK);
}

static void start_old(struct fuzz *fuzz)
{
	uint64_t features = begin(fuzz);
	uint32_t status = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER, queue = (uint32_t)take(fuzz, 1) % (QUEUES + 1);
	unsigned how = (unsigned)take(fuzz, 1);
	uint32_t page = how & START_OLD_SMALL_PAGES ? 16 : GUEST_PAGE_BYTES;

	features &= UINT32_MAX;
	driver_start_legacy(&fuzz->driver, fuzz->driver.config.size, features, page);
	put(fuzz, VIRTIO_MMIO_GUEST_PAGE_SIZE, page);
	put(fuzz, VIRTIO_MMIO_STATUS, 0);
	put(fuzz, VIRTIO_MMIO_STATUS, status);
	if (!(how & START_OLD_LATE_FEATURES))
		write_features(fuzz, features);
	put(fuzz, VIRTIO_MMIO_QUEUE_SEL, queue);
	put(fuzz, VIRTIO_MMIO_QUEUE_NUM, fuzz->driver.config.size);
	put(fuzz, VIRTIO_MMIO_QUEUE_ALIGN, page);
	put(fuzz, VIRTIO_MMIO_QUEUE_PFN, (uint32_t)(fuzz->driver.config.desc / page));
	if (how & START_OLD_LATE_FEATURES)
		write_features(fuzz, features);
	if (!(how & START_OLD_UNSAID))
		put(fuzz, VIRTIO_MMIO_STATUS, status | DRIVER_OK);
}

static void set_up(struct fuzz *fuzz)
{
	struct kvick_virtio_setup setup = { .features = begin(fuzz), .queues = QUEUES };
	const struct virtq_config *config = &fuzz->driver.config;
	unsigned queue = (unsigned)take(fuzz, 1) % QUEUES, changes;
	uint32_t before = (uint32_t)virtio_mmio_read(&fuzz->device, VIRTIO_MMIO_STATUS, 4), after;
	int r;

	setup.queue[queue] = (struct kvick_virtio_queue){ config->size, { 0 }, config->desc, config->driver, config->device };
	changes = (unsigned)take(fuzz, 1) % 4;
	for (unsigned i = 0; i < changes; i++) {
		uint64_t *word = (uint64_t *)&setup + take(fuzz, 1) % (sizeof(setup) / 8);

		*word ^= take(fuzz, 8);
	}
	r = virtio_setup(&fuzz->device, &setup);
	after = (uint32_t)virtio_mmio_read(&fuzz->device, VIRTIO_MMIO_STATUS, 4);
	PROMISE((r == -EBUSY) == (before != 0));
	PROMISE(r != 0 || !virtio_is_legacy(&fuzz->device));
	PROMISE(r == 0 ? after == ALL_OK : r == -EBUSY ? after == before : (r == -EINVAL || r == -EIO) && after == 0);
}

static void add(struct fuzz *fuzz)
{
	unsigned how = (unsigned)take(fuzz, 1), count = 1 + how % DRIVER_PARTS_MAX;
	struct driver_part parts[DRIVER_PARTS_MAX];

	for (unsigned i = 0; i < count; i++) {
		unsigned kind = (unsigned)take(fuzz, 1);
		uint64_t offset = take(fuzz, 2), bytes = take(fuzz, 2);

		parts[i] = (struct driver_part){ DRIVER_DATA_AT + offset % 0x800, (uint32_t)bytes % 0x800, kind & 1 };
		if ((kind >> 1) % 8 == 7)
			parts[i].address = offset << (kind >> 4) * 3;
	}
	driver_add(&fuzz->driver, parts, count, how & 16);
}

static void take_used(struct fuzz *fuzz)
{
	uint16_t id;
	uint32_t written;

	if (driver_take_used(&fuzz->driver, &id, &written) < 0)
		driver_start(&fuzz->driver, fuzz->driver.config.size, fuzz->driver.features);
}

static void poke(struct fuzz *fuzz, unsigned bytes)
{
	uint64_t at = DRIVER_DESC_AT + take(fuzz, 2), value = take(fuzz, bytes);

	memcpy(fuzz->driver.mem.host + at, &value, bytes);
}

/* --- what must hold --- */

static bool nobody_there(const struct virtio_device *d)
{
	const uint32_t there = virtio_is_legacy(d) ? VIRTIO_CONFIG_S_DRIVER : VIRTIO_CONFIG_S_FEATURES_OK;

	return d->transport.resetting || !(d->transport.status & there);
}

static void check(struct fuzz *fuzz)
{
	const struct virtio_device *d = &fuzz->device;
	uint32_t status = d->transport.status, seen = (uint32_t)virtio_mmio_read(&fuzz->device, VIRTIO_MMIO_STATUS, 4);

	PROMISE(!(status & ~(uint32_t)(ALL_OK | NEEDS_RESET | VIRTIO_CONFIG_S_FAILED)));
	PROMISE(!(status & VIRTIO_CONFIG_S_DRIVER) || status & VIRTIO_CONFIG_S_ACKNOWLEDGE);
	PROMISE(!(status & VIRTIO_CONFIG_S_FEATURES_OK) || status & VIRTIO_CONFIG_S_DRIVER);
	PROMISE(!(status & DRIVER_OK) || status & VIRTIO_CONFIG_S_FEATURES_OK);
	PROMISE((seen == 0) == (status == 0 && !d->transport.resetting));
	PROMISE(fuzz->active == !!(status & DRIVER_OK));
	PROMISE(!d->transport.resetting || fuzz->active);
	PROMISE(fuzz->active || fuzz->held_count == 0);
	PROMISE(fuzz->line_up == (d->transport.interrupt_status != 0));
	PROMISE(!(status & NEEDS_RESET) || (d->transport.needs_reset && strlen(d->transport.needs_reset) > 10));
	if (status & VIRTIO_CONFIG_S_FEATURES_OK) {
		PROMISE(!(d->features & ~d->features_offered));
		PROMISE((d->features >> VIRTIO_F_VERSION_1 & 1) != virtio_is_legacy(d));
	}
	PROMISE(!virtio_is_legacy(d) || !(seen & VIRTIO_CONFIG_S_FEATURES_OK));
	PROMISE(!virtio_is_legacy(d) || !(d->features >> 32));
	PROMISE((status & d->transport.status_hidden) == d->transport.status_hidden);
	for (unsigned i = 0; i < QUEUES; i++) {
		PROMISE(!d->queues[i].running || !nobody_there(d));
		PROMISE(!d->queues[i].running || (d->queues[i].config.size && d->queues[i].config.size <= d->queue_size_max[i]));
		/* One that was made before FEATURES_OK begins with it. */
		PROMISE(!d->transport.queue_ready[i] || d->queues[i].running == !nobody_there(d));
	}
}

/* --- the input --- */

static void driver_op(struct fuzz *fuzz, enum op op)
{
	uint64_t offset;
	unsigned width;

	switch (op) {
	case OP_WRITE:
		offset = take(fuzz, 1) * 4;
		put(fuzz, offset, (uint32_t)take(fuzz, 4));
		break;
	case OP_WRITE_ANY:
		offset = take(fuzz, 2);
		width = 1u << take(fuzz, 1) % 4;
		virtio_mmio_write(&fuzz->device, offset, width, take(fuzz, 8));
		break;
	case OP_READ_ANY:
		offset = take(fuzz, 2);
		virtio_mmio_read(&fuzz->device, offset, 1u << take(fuzz, 1) % 4);
		break;
	case OP_VM_RESET:
		virtio_reset(&fuzz->device);
		break;
	default:
		break;
	}
}

static void device_op(struct fuzz *fuzz, enum op op)
{
	unsigned operand = 0;

	switch (op) {
	case OP_SERVE:
		operand = (unsigned)take(fuzz, 1) % QUEUES;
		if (fuzz->active)
			serve(fuzz, operand);
		break;
	case OP_COMPLETE:
		operand = (unsigned)take(fuzz, 1);
		if (fuzz->held_count > 0)
			complete(fuzz, operand % fuzz->held_count, (uint32_t)take(fuzz, 4));
		break;
	case OP_CONFIG:
		virtio_config_changed(&fuzz->device);
		break;
	default:
		virtio_needs_reset(&fuzz->device, "the input says so");
	}
}

static void make_device(struct fuzz *fuzz, bool legacy)
{
	struct virtio_device *d = &fuzz->device;

	memset(d, 0, sizeof(*d));
	d->ops = &ops;
	d->mem = &fuzz->driver.mem;
	d->queue_count = QUEUES;
	d->queue_size_max[0] = 256;
	d->queue_size_max[1] = 128;
	d->queue_size_max[2] = 4;
	d->features_offered = 0x123;
	d->config_bytes = 21;
	virtio_transport_init(d, &fuzz->line);
	if (legacy)
		virtio_legacy_init(d);
}

/* Of a VM: what is in flight comes back, and then there is nothing. */
static void end(struct fuzz *fuzz)
{
	const struct virtio_device *d = &fuzz->device;

	virtio_reset(&fuzz->device);
	while (fuzz->held_count > 0)
		complete(fuzz, 0, 1);
	check(fuzz);
	PROMISE(d->transport.status == 0 && !d->transport.resetting && !fuzz->active);
}

static void change_version(struct fuzz *fuzz, bool legacy)
{
	end(fuzz);
	make_device(fuzz, legacy);
}

static void step(struct fuzz *fuzz)
{
	enum op op = (enum op)(take(fuzz, 1) % OPS);
	bool nobody = nobody_there(&fuzz->device);

	/* What the driver does to its own memory. */
	switch (op) {
	case OP_START: start(fuzz); return;
	case OP_START_OLD: start_old(fuzz); return;
	case OP_VERSION: change_version(fuzz, take(fuzz, 1) & 1); return;
	case OP_SET_UP: set_up(fuzz); return;
	case OP_ADD: add(fuzz); return;
	case OP_TAKE_USED: take_used(fuzz); return;
	case OP_POKE16: poke(fuzz, 2); return;
	case OP_POKE64: poke(fuzz, 8); return;
	case OP_MANNERS: fuzz->manners = (unsigned)take(fuzz, 1); return;
	default: break;
	}
	/* A request that comes back late may still fill the buffer that it was given, which may be a ring. */
	nobody &= op != OP_COMPLETE;
	if (nobody)
		memcpy(fuzz->rings, fuzz->driver.mem.host, RINGS);
	if (op == OP_WRITE || op == OP_WRITE_ANY || op == OP_READ_ANY || op == OP_VM_RESET)
		driver_op(fuzz, op);
	else
		device_op(fuzz, op);
	if (nobody && nobody_there(&fuzz->device))
		PROMISE(!memcmp(fuzz->rings, fuzz->driver.mem.host, RINGS));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static struct fuzz *fuzz;

	if (!fuzz) {
		fuzz = calloc(1, sizeof(*fuzz));
		PROMISE(fuzz);
		driver_create(&fuzz->driver, RAM);
	}
	fuzz->line = (struct virtio_line){ .raise = raise_line, .lower = lower_line, .context = fuzz };
	make_device(fuzz, false);
	fuzz->manners = 0;
	fuzz->active = fuzz->line_up = false;
	fuzz->held_count = 0;
	fuzz->data = data;
	fuzz->bytes = bytes;
	memset(fuzz->driver.mem.host, 0, RAM);
	driver_start(&fuzz->driver, 8, BIT(VIRTIO_F_VERSION_1));
	for (unsigned i = 0; i < OPS_MAX && fuzz->bytes > 0; i++) {
		step(fuzz);
		check(fuzz);
	}
	end(fuzz);
	return 0;
}
