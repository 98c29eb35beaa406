/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any conversation of a driver with a queue: the input says what the driver and the device do, and what the driver does wrong.
 * Beside what the sanitizers see, checks what virtio/queue.h promises: chains are vetted, no more are in flight than the queue
 * is long, nothing but what the device may write to is written to, and a driver that does nothing wrong never finds its ring
 * broken.
 *
 *	fuzz_virtq tests/fuzz/corpus/virtq
 */
#include "tests/fuzz/fuzz_virtq.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "tests/unit/virtq_driver.h"

#define PART_BYTES 0x800u
#define RAM        (DRIVER_DATA_AT + 2 * PART_BYTES)
#define OPS_MAX    512u

struct fuzz {
	const uint8_t *data;
	size_t bytes;
	struct driver driver;
	struct virtq queue;
	bool honest;                /* the driver has done nothing wrong so far */
	struct virtq_chain held[VIRTQ_SIZE_MAX];
	unsigned held_count;
	uint8_t before[RAM];        /* guest RAM before an operation of the device's */
};

static uint64_t take(struct fuzz *fuzz, unsigned bytes)
{
	return fuzz_take(&fuzz->data, &fuzz->bytes, bytes);
}

/* --- what a device may change --- */

/* The runs of RAM that are in use: rings, tables, data. Nothing is looked for between them. */
static void find_runs(const struct fuzz *fuzz, uint64_t runs[3][2])
{
	runs[0][0] = 0;
	runs[0][1] = DRIVER_DEVICE_AT + GUEST_PAGE_BYTES;
	runs[1][0] = DRIVER_TABLES_AT;
	runs[1][1] = DRIVER_TABLES_AT + fuzz->driver.config.size * DRIVER_PARTS_MAX * 16ull;
	runs[2][0] = DRIVER_DATA_AT;
	runs[2][1] = RAM;
}

static void remember(struct fuzz *fuzz)
{
	uint64_t runs[3][2];

	find_runs(fuzz, runs);
	for (unsigned i = 0; i < 3; i++)
		memcpy(fuzz->before + runs[i][0], fuzz->driver.mem.host + runs[i][0], runs[i][1] - runs[i][0]);
}

static void may_change(struct fuzz *fuzz, const void *from, uint64_t bytes)
{
	uint64_t at = (uint64_t)((const uint8_t *)from - fuzz->driver.mem.host);

	PROMISE(at <= RAM && bytes <= RAM - at);
	memcpy(fuzz->before + at, from, bytes);
}

static void rings_may_change(struct fuzz *fuzz)
{
	const struct virtq_config *config = &fuzz->queue.config;
	uint8_t *ram = fuzz->driver.mem.host;

	if (!fuzz->queue.running)
		return;
	if (fuzz->queue.packed) {
		may_change(fuzz, ram + config->desc, 16ull * config->size);
		may_change(fuzz, ram + config->device, 4);
	} else {
		may_change(fuzz, ram + config->device, 6 + 8ull * config->size);
	}
}

static void nothing_else_changed(struct fuzz *fuzz)
{
	uint64_t runs[3][2];

	find_runs(fuzz, runs);
	for (unsigned i = 0; i < 3; i++)
		PROMISE(!memcmp(fuzz->before + runs[i][0], fuzz->driver.mem.host + runs[i][0], runs[i][1] - runs[i][0]));
}

static void check_broken(const struct fuzz *fuzz)
{
	PROMISE(fuzz->queue.broken && strlen(fuzz->queue.broken) > 10);
	PROMISE(!fuzz->honest);
}

/* --- the driver's operations --- */

static void add(struct fuzz *fuzz)
{
	unsigned how = (unsigned)take(fuzz, 1), count = 1 + how % DRIVER_PARTS_MAX;
	bool indirect = how & 16, wrote = false, good = !indirect || fuzz->queue.indirect;
	struct driver_part parts[DRIVER_PARTS_MAX];

	for (unsigned i = 0; i < count; i++) {
		unsigned kind = (unsigned)take(fuzz, 1);
		uint64_t offset = take(fuzz, 2), bytes = take(fuzz, 2);
		struct driver_part part = { DRIVER_DATA_AT + offset % PART_BYTES, (uint32_t)bytes % PART_BYTES, kind & 0x80 };

		switch (kind % 0x80 % PARTS) {
		case PART_READABLE: part.writable = false; break;
		case PART_WRITABLE: part.writable = true; break;
		case PART_OUTSIDE: part.address = RAM + (offset << (kind >> 3 & 15) * 3); break;
		case PART_AT_END: part.address = RAM - offset % 64; break;
		case PART_RINGS: part.address = offset; break;
		case PART_HUGE: part.bytes = UINT32_MAX - (uint32_t)bytes; break;
		}
		good &= kind % 0x80 % PARTS <= PART_WRITABLE && (part.writable || !wrote);
		wrote |= part.writable;
		parts[i] = part;
	}
	if (driver_add(&fuzz->driver, parts, count, indirect) >= 0)
		fuzz->honest &= good;
}

static void take_used(struct fuzz *fuzz)
{
	uint16_t id;
	uint32_t written;
	int r = driver_take_used(&fuzz->driver, &id, &written);

	PROMISE(r >= 0 || !fuzz->honest);
	if (r < 0)
		driver_start(&fuzz->driver, fuzz->driver.config.size, fuzz->driver.features);
}

static void interrupts(struct fuzz *fuzz)
{
	unsigned how = (unsigned)take(fuzz, 1);

	if (how == 0)
		driver_interrupts_off(&fuzz->driver);
	else
		driver_interrupts_on(&fuzz->driver, (uint16_t)(how - 1));
}

static void poke(struct fuzz *fuzz, unsigned bytes)
{
	uint64_t at = DRIVER_DESC_AT + take(fuzz, 2), value = take(fuzz, bytes);

	memcpy(fuzz->driver.mem.host + at, &value, bytes);
	fuzz->honest = false;
}

static void descriptor(struct fuzz *fuzz)
{
	unsigned index = (unsigned)take(fuzz, 1);
	uint8_t *at = fuzz->driver.mem.host + (index & 0x80 ? DRIVER_TABLES_AT : DRIVER_DESC_AT) + index % 0x80 * 16;
	uint64_t address = take(fuzz, 8);
	uint32_t bytes = (uint32_t)take(fuzz, 4);
	uint16_t flags = (uint16_t)take(fuzz, 2), link = (uint16_t)take(fuzz, 2);
	struct vring_desc split = { address, bytes, flags, link };
	struct vring_packed_desc packed = { address, bytes, link, flags };

	memcpy(at, fuzz->driver.packed ? (void *)&packed : (void *)&split, 16);
	fuzz->honest = false;
}

static void available(struct fuzz *fuzz)
{
	struct driver *driver = &fuzz->driver;

	fuzz->honest = false;
	if (driver->packed) {
		uint16_t *flags = &driver->slots[take(fuzz, 1)].flags;
		uint16_t both = 1u << VRING_PACKED_DESC_F_AVAIL | 1u << VRING_PACKED_DESC_F_USED;

		*flags = (uint16_t)((*flags & ~both) |
				    1u << (fuzz->queue.avail_wrap ? VRING_PACKED_DESC_F_AVAIL : VRING_PACKED_DESC_F_USED));
		return;
	}
	driver->avail->ring[driver->avail->idx % VIRTQ_SIZE_MAX % driver->config.size] = (uint16_t)take(fuzz, 2);
	driver->avail->idx++;
}

/* --- the device's operations --- */

static void check_chain(const struct fuzz *fuzz, const struct virtq_chain *chain)
{
	uint64_t sums[2] = { 0, 0 };

	PROMISE(chain->id < fuzz->queue.config.size);
	PROMISE(chain->descriptors >= 1 && chain->descriptors <= fuzz->queue.config.size);
	PROMISE(chain->readable + chain->writable <= (int)VIRTQ_SEGMENTS_MAX);
	for (unsigned i = 0; i < (unsigned)chain->readable + chain->writable; i++) {
		uint64_t at = (uint64_t)((uint8_t *)chain->segments[i].iov_base - fuzz->driver.mem.host);

		PROMISE(at < RAM && chain->segments[i].iov_len >= 1 && chain->segments[i].iov_len <= RAM - at);
		sums[i >= chain->readable] += chain->segments[i].iov_len;
	}
	PROMISE(chain->readable_bytes == sums[0] && chain->writable_bytes == sums[1]);
	PROMISE(sums[0] + sums[1] <= UINT32_MAX);
	for (const struct virtq_chain *other = fuzz->held; other < fuzz->held + fuzz->held_count; other++)
		PROMISE(other->id != chain->id);
}

static void pop(struct fuzz *fuzz)
{
	static struct virtq_chain chain;
	bool room = fuzz->held_count < fuzz->queue.config.size;
	int r = virtq_pop(&fuzz->queue, &chain);

	PROMISE(r == 0 || r == 1 || r == -EINVAL);
	if (r < 0)
		check_broken(fuzz);
	if (r != 1)
		return;
	PROMISE(room);
	check_chain(fuzz, &chain);
	fuzz->held[fuzz->held_count++] = chain;
	PROMISE(fuzz->queue.in_flight == fuzz->held_count);
}

/* A device looks at a chain, and does not want it now. */
static void put_back(struct fuzz *fuzz)
{
	static struct virtq_chain chain;
	bool honest = fuzz->honest;

	if (virtq_pop(&fuzz->queue, &chain) != 1)
		return;
	virtq_put_back(&fuzz->queue, &chain);
	PROMISE(fuzz->queue.in_flight == fuzz->held_count);
	PROMISE(!virtq_listen(&fuzz->queue) && virtq_pop(&fuzz->queue, &fuzz->held[fuzz->held_count]) == 0);
	virtq_resume(&fuzz->queue);
	pop(fuzz);
	PROMISE(!honest || fuzz->held[fuzz->held_count - 1].id == chain.id);
}

static void push(struct fuzz *fuzz)
{
	unsigned which = (unsigned)take(fuzz, 1);
	uint32_t written = (uint32_t)take(fuzz, 4);

	if (fuzz->held_count == 0)
		return;
	which %= fuzz->held_count;
	virtq_push(&fuzz->queue, &fuzz->held[which], written);
	fuzz->held[which] = fuzz->held[--fuzz->held_count];
	PROMISE(fuzz->queue.in_flight == fuzz->held_count);
	if (!fuzz->queue.broken)
		rings_may_change(fuzz);
}

static void access(struct fuzz *fuzz, bool writing)
{
	unsigned which = (unsigned)take(fuzz, 1);
	uint64_t offset = take(fuzz, 2), bytes = take(fuzz, 1), total, expected;
	struct iovec iov[VIRTQ_SEGMENTS_MAX];
	const struct virtq_chain *chain;
	uint8_t buffer[256];
	unsigned count;

	if (fuzz->held_count == 0)
		return;
	chain = &fuzz->held[which % fuzz->held_count];
	total = writing ? chain->writable_bytes : chain->readable_bytes;
	expected = offset >= total ? 0 : bytes < total - offset ? bytes : total - offset;
	count = writing ? chain_writable(chain, offset, bytes, iov) : chain_readable(chain, offset, bytes, iov);
	PROMISE((count > 0) == (bytes > 0 && expected == bytes));
	memset(buffer, 0x77, sizeof(buffer));
	if (!writing) {
		PROMISE(chain_read(chain, offset, buffer, bytes) == expected);
		for (unsigned i = 0, at = 0; i < count; at += (unsigned)iov[i++].iov_len)
			PROMISE(!memcmp(buffer + at, iov[i].iov_base, iov[i].iov_len));
		return;
	}
	PROMISE(chain_write(chain, offset, buffer, bytes) == expected);
	for (unsigned i = chain->readable; expected > 0 && i < (unsigned)chain->readable + chain->writable; i++)
		may_change(fuzz, chain->segments[i].iov_base, chain->segments[i].iov_len);
}

static void start(struct fuzz *fuzz, const struct virtq_config *config)
{
	int r = virtq_start(&fuzz->queue, &fuzz->driver.mem, config, fuzz->driver.features);

	PROMISE(r == 0 ? !fuzz->queue.broken && fuzz->queue.running : r == -EINVAL && fuzz->queue.broken && !fuzz->queue.running);
	PROMISE(fuzz->queue.in_flight == 0);
}

static void restart(struct fuzz *fuzz)
{
	fuzz->held_count = 0;
	virtq_stop(&fuzz->queue);
	if (take(fuzz, 1)) {
		struct virtq_config config = { .size = (uint16_t)take(fuzz, 2) };

		config.desc = take(fuzz, 8);
		config.driver = take(fuzz, 8);
		config.device = take(fuzz, 8);
		start(fuzz, &config);
		rings_may_change(fuzz);
		nothing_else_changed(fuzz);
		if (virtq_pop(&fuzz->queue, &fuzz->held[0]) == 1)
			check_chain(fuzz, &fuzz->held[0]);
	}
	driver_start(&fuzz->driver, fuzz->driver.config.size, fuzz->driver.features);
	remember(fuzz);
	start(fuzz, &fuzz->driver.config);
	PROMISE(!fuzz->queue.broken);
	fuzz->honest = true;
	rings_may_change(fuzz);
}

static void device_op(struct fuzz *fuzz, enum op op)
{
	remember(fuzz);
	switch (op) {
	case OP_POP: pop(fuzz); break;
	case OP_PUSH: push(fuzz); break;
	case OP_PUT_BACK: put_back(fuzz); break;
	case OP_READ: access(fuzz, false); break;
	case OP_WRITE: access(fuzz, true); break;
	case OP_QUIET: virtq_quiet(&fuzz->queue); rings_may_change(fuzz); break;
	case OP_LISTEN: virtq_listen(&fuzz->queue); rings_may_change(fuzz); break;
	case OP_NEEDS_INTERRUPT: virtq_needs_interrupt(&fuzz->queue); break;
	default: restart(fuzz);
	}
	nothing_else_changed(fuzz);
}

static void step(struct fuzz *fuzz)
{
	enum op op = (enum op)(take(fuzz, 1) % OPS);

	switch (op) {
	case OP_ADD: add(fuzz); break;
	case OP_TAKE_USED: take_used(fuzz); break;
	case OP_NOTIFY: driver_should_notify(&fuzz->driver); break;
	case OP_INTERRUPTS: interrupts(fuzz); break;
	case OP_POKE16: poke(fuzz, 2); break;
	case OP_POKE64: poke(fuzz, 8); break;
	case OP_DESCRIPTOR: descriptor(fuzz); break;
	case OP_AVAILABLE: available(fuzz); break;
	case OP_AVAIL_INDEX:
		fuzz->driver.avail->idx = (uint16_t)take(fuzz, 2);
		fuzz->honest = false;
		break;
	default: device_op(fuzz, op);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static struct fuzz *fuzz;
	static const uint16_t sizes[] = { 1, 2, 4, 8, 16, 256, 3, 255 };
	unsigned features, size;

	if (!fuzz) {
		fuzz = calloc(1, sizeof(*fuzz));
		PROMISE(fuzz);
		driver_create(&fuzz->driver, RAM);
	}
	fuzz->data = data;
	fuzz->bytes = bytes;
	features = (unsigned)take(fuzz, 1);
	size = sizes[take(fuzz, 1) % (features & INPUT_PACKED ? 8 : 6)];
	memset(fuzz->driver.mem.host, 0, RAM);
	driver_start(&fuzz->driver, (uint16_t)size, (uint64_t)!!(features & INPUT_PACKED) << VIRTIO_F_RING_PACKED |
		     (uint64_t)!!(features & INPUT_EVENT) << VIRTIO_RING_F_EVENT_IDX |
		     (uint64_t)!!(features & INPUT_INDIRECT) << VIRTIO_RING_F_INDIRECT_DESC |
		     (uint64_t)!!(features & INPUT_IN_ORDER) << VIRTIO_F_IN_ORDER);
	fuzz->held_count = 0;
	memset(&fuzz->queue, 0, sizeof(fuzz->queue));
	start(fuzz, &fuzz->driver.config);
	fuzz->honest = true;
	for (unsigned i = 0; i < OPS_MAX && fuzz->bytes > 0; i++)
		step(fuzz);
	return 0;
}
