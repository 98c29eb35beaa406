/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes the files in tests/fuzz/corpus/virtio: good conversations through both doors, resets with requests in
 * flight, and things done wrong.
 *
 *	make_corpus_virtio tests/fuzz/corpus/virtio
 */
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "tests/fuzz/corpus.h"
#include "tests/fuzz/fuzz_virtio.h"

static void op(enum op op)
{
	put(op, 1);
}

static void write_register(unsigned offset, uint32_t value)
{
	op(OP_WRITE);
	put(offset / 4, 1), put(value, 4);
}

static void start(unsigned features, unsigned queue)
{
	op(OP_START);
	put(features, 1), put(3, 1), put(queue, 1);
}

static void start_old(unsigned features, unsigned how)
{
	op(OP_START_OLD);
	put(features, 1), put(5, 1), put(0, 1), put(how, 1);
}

static void set_up(unsigned features)
{
	op(OP_SET_UP);
	put(features, 1), put(3, 1), put(0, 1), put(0, 1);
}

static void manners(unsigned how)
{
	op(OP_MANNERS);
	put(how, 1);
}

/* A readable part and a writable one; then the device is told. */
static void add(unsigned indirect)
{
	op(OP_ADD);
	put(1 | indirect << 4, 1);
	put(0, 1), put(0x100, 2), put(24, 2);
	put(1, 1), put(0x300, 2), put(100, 2);
	write_register(VIRTIO_MMIO_QUEUE_NOTIFY, 0);
}

static void complete(unsigned which)
{
	op(OP_COMPLETE);
	put(which, 1), put(50, 4);
}

static void converse(unsigned features)
{
	for (unsigned i = 0; i < 20; i++) {
		add(features & START_INDIRECT && i % 2);
		add(0);
		complete(1);
		complete(0);
		op(OP_TAKE_USED);
		op(OP_TAKE_USED);
		write_register(VIRTIO_MMIO_INTERRUPT_ACK, 3);
	}
}

static void registers(unsigned features)
{
	start(features, 0);
	converse(features);
}

static void native(unsigned features)
{
	set_up(features);
	converse(features);
	op(OP_VM_RESET);
	set_up(features);
	converse(features);
}

static void late(unsigned features)
{
	manners(MANNER_LATE_RESET);
	for (unsigned i = 0; i < 4; i++) {
		start(features, 0);
		add(0);
		add(0);
		op(OP_CONFIG);
		write_register(VIRTIO_MMIO_STATUS, 0);
		write_register(VIRTIO_MMIO_STATUS, 1);
		write_register(VIRTIO_MMIO_QUEUE_NOTIFY, 0);
		set_up(features);
		op(OP_CONFIG);
		op(OP_NEEDS_RESET);
		complete(1);
		op(OP_SERVE), put(0, 1);
		complete(0);
	}
}

static void at_once(unsigned features)
{
	manners(MANNER_AT_ONCE);
	start(features, 0);
	for (unsigned i = 0; i < 10; i++)
		add(0);
}

static void no_start(unsigned features)
{
	manners(MANNER_NO_START);
	set_up(features);
	start(features, 0);
	add(0);
	manners(0);
	set_up(features);
	start(features, 0);
	add(0);
}

static void broken_ring(unsigned features)
{
	start(features, 0);
	add(0);
	op(OP_POKE16), put(0x1002, 2), put(0x7fff, 2);
	write_register(VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	complete(0);
	op(OP_VM_RESET);
	start(features, 0);
	add(0);
}

static void wrong_queues(unsigned features)
{
	start(features, 1);
	start(features, 2);
	start(features, 3);
	write_register(VIRTIO_MMIO_STATUS, 0);
	for (unsigned i = 0; i < 3; i++) {
		op(OP_SET_UP);
		put(features, 1), put(3, 1), put(0, 1), put(1, 1);
		put(3 + i, 1), put(1ull << 40, 8);
	}
	start(features, 0);
	write_register(VIRTIO_MMIO_QUEUE_NUM, 0);
	write_register(VIRTIO_MMIO_QUEUE_DESC_HIGH, 1);
	write_register(VIRTIO_MMIO_QUEUE_READY, 0);
	write_register(VIRTIO_MMIO_QUEUE_READY, 1);
	write_register(VIRTIO_MMIO_QUEUE_NOTIFY, UINT32_MAX);
	add(0);
}

static void config_space(unsigned features)
{
	start(features, 0);
	for (unsigned width = 0; width < 4; width++)
		for (unsigned offset = 0x100; offset < 0x120; offset += 7) {
			op(OP_READ_ANY), put(offset, 2), put(width, 1);
			op(OP_WRITE_ANY), put(offset, 2), put(width, 1), put(0x1122334455667788, 8);
			op(OP_CONFIG);
		}
}

static void old(unsigned features)
{
	op(OP_VERSION), put(1, 1);
	start_old(features, 0);
	converse(features);
	start_old(features, START_OLD_UNSAID | START_OLD_LATE_FEATURES);
	converse(features);
	start_old(features, START_OLD_SMALL_PAGES);
	add(0);
	set_up(0);
	op(OP_VERSION), put(0, 1);
	start(features, 0);
	add(0);
}

/* Page 0 with requests in flight, and queues that cannot be. */
static void old_and_wrong(unsigned features)
{
	manners(MANNER_LATE_RESET);
	op(OP_VERSION), put(1, 1);
	for (unsigned how = 0; how < 2; how++) {
		start_old(features, how);
		add(0);
		add(0);
		write_register(VIRTIO_MMIO_QUEUE_PFN, 0);
		complete(1);
		write_register(VIRTIO_MMIO_QUEUE_PFN, 1);
		start_old(features, how);
		complete(0);
	}
	for (unsigned i = 0; i < 5; i++) {
		write_register(VIRTIO_MMIO_STATUS, 0);
		write_register(VIRTIO_MMIO_STATUS, 3);
		write_register(VIRTIO_MMIO_GUEST_PAGE_SIZE, i == 0 ? 0 : i == 1 ? 0x80000000 : 4096);
		write_register(VIRTIO_MMIO_QUEUE_NUM, i == 2 ? 3 : 256);
		write_register(VIRTIO_MMIO_QUEUE_ALIGN, i == 3 ? 3 : 4096);
		write_register(VIRTIO_MMIO_QUEUE_PFN, i == 4 ? UINT32_MAX : 1);
		write_register(VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	}
	start_old(features, 0);
	add(0);
}

static const struct {
	const char *name;
	unsigned features;
	void (*fill)(unsigned features);
} files[] = {
	{ "split", 0, registers },
	{ "split-all", START_EVENT | START_INDIRECT | START_IN_ORDER, registers },
	{ "packed", START_PACKED, registers },
	{ "packed-all", START_PACKED | START_EVENT | START_INDIRECT | START_IN_ORDER, registers },
	{ "native", START_INDIRECT, native },
	{ "native-packed", START_PACKED | START_EVENT, native },
	{ "late-reset", 0, late },
	{ "late-reset-packed", START_PACKED | START_IN_ORDER, late },
	{ "at-once", START_EVENT, at_once },
	{ "no-start", 0, no_start },
	{ "broken-ring", 0, broken_ring },
	{ "wrong-queues", 0, wrong_queues },
	{ "config-space", 0, config_space },
	{ "version-1", START_EVENT, old },
	{ "version-1-wrong", START_INDIRECT, old_and_wrong },
};

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: make_corpus_virtio FOLDER\n");
		return 2;
	}
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		files[i].fill(files[i].features);
		corpus_save(argv[1], files[i].name);
	}
	return 0;
}
