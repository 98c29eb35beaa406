/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes the files in tests/fuzz/corpus/virtq: a good conversation in each form, and drivers that do one thing wrong.
 *
 *	make_corpus_virtq tests/fuzz/corpus/virtq
 */
#include <linux/virtio_ring.h>
#include <stdio.h>
#include <stdint.h>
#include <string.h>

#include "tests/fuzz/corpus.h"
#include "tests/fuzz/fuzz_virtq.h"

static void op(enum op op)
{
	put(op, 1);
}

/* A readable part and a writable one. */
static void add(int indirect)
{
	op(OP_ADD);
	put(1 | (indirect ? 16 : 0), 1);
	put(PART_READABLE, 1), put(0x100, 2), put(24, 2);
	put(PART_WRITABLE, 1), put(0x800, 2), put(100, 2);
}

static void add_bad(unsigned kind)
{
	op(OP_ADD);
	put(0, 1);
	put(kind | 0x80, 1), put(40, 2), put(100, 2);
}

static void descriptor(unsigned index, uint64_t address, uint32_t bytes, unsigned flags, unsigned link)
{
	op(OP_DESCRIPTOR);
	put(index, 1), put(address, 8), put(bytes, 4), put(flags, 2), put(link, 2);
}

static void available(unsigned head_or_slot, unsigned bytes)
{
	op(OP_AVAILABLE);
	put(head_or_slot, bytes);
}

static void pop_and_use(void)
{
	op(OP_POP);
	op(OP_READ), put(0, 1), put(3, 2), put(9, 1);
	op(OP_WRITE), put(0, 1), put(5, 2), put(50, 1);
	op(OP_PUSH), put(0, 1), put(55, 4);
	op(OP_NEEDS_INTERRUPT);
	op(OP_TAKE_USED);
}

static void conversation(unsigned features)
{
	op(OP_QUIET);
	for (unsigned i = 0; i < 20; i++) {
		add(features & INPUT_INDIRECT && i % 2);
		add(0);
		op(OP_NOTIFY);
		op(OP_INTERRUPTS), put(i % 4, 1);
		op(OP_POP);
		op(OP_POP);
		op(OP_PUSH), put(1, 1), put(7, 4);
		pop_and_use();
		op(OP_TAKE_USED);
		op(OP_LISTEN);
	}
}

static void index_jumps(unsigned features)
{
	(void)features;
	add(0);
	op(OP_AVAIL_INDEX), put(300, 2);
	op(OP_POP);
	op(OP_RESTART), put(0, 1);
	add(0);
	pop_and_use();
}

static void loop(unsigned features)
{
	(void)features;
	descriptor(0, 0x20000, 8, VRING_DESC_F_NEXT, 1);
	descriptor(1, 0x20000, 8, VRING_DESC_F_NEXT, 0);
	available(0, 2);
	op(OP_POP);
}

static void loop_of_nothing(unsigned features)
{
	(void)features;
	descriptor(0, 0, 0, VRING_DESC_F_NEXT, 1);
	descriptor(1, 0, 0, VRING_DESC_F_NEXT, 0);
	available(0, 2);
	op(OP_POP);
}

/* A ring that is full, then a slot of it once more, with an id that is free. */
static void slot_in_flight(unsigned features)
{
	(void)features;
	add(0);
	add(0);
	op(OP_POP);
	op(OP_POP);
	descriptor(0, 0x20000, 1, 0, 3);
	available(0, 1);
	op(OP_POP);
}

static void table(unsigned features)
{
	descriptor(0x80, 0x20000, 8, VRING_DESC_F_NEXT, 1);
	descriptor(0x81, 0x20010, 8, VRING_DESC_F_WRITE, 1);
	descriptor(0, 0x8000, 32, VRING_DESC_F_INDIRECT, 0);
	available(0, features & INPUT_PACKED ? 1 : 2);
	pop_and_use();
	descriptor(0x80, 0x8000, 16, VRING_DESC_F_INDIRECT, 1);
	descriptor(1, 0x8000, 32, VRING_DESC_F_INDIRECT, 1);
	available(1, features & INPUT_PACKED ? 1 : 2);
	op(OP_POP);
}

static void bad_parts(unsigned features)
{
	(void)features;
	for (unsigned kind = PART_OUTSIDE; kind < PARTS; kind++) {
		add_bad(kind);
		pop_and_use();
		op(OP_RESTART), put(0, 1);
	}
}

static void packed_chain_without_end(unsigned features)
{
	(void)features;
	for (unsigned i = 0; i < 4; i++) {
		descriptor(i, 0x20000, 1, VRING_DESC_F_NEXT, 0);
		available(i, 1);
	}
	op(OP_POP);
}

static void areas(unsigned features)
{
	(void)features;
	op(OP_RESTART), put(1, 1), put(256, 2), put(0x20000, 8), put(0x21000, 8), put(0x22000, 8);
	op(OP_RESTART), put(1, 1), put(8, 2), put(0x20fe0, 8), put(0x21000, 8), put(0x22000, 8);
	op(OP_RESTART), put(1, 1), put(8, 2), put(0x1000, 8), put(0x1000, 8), put(0xfffffffffffffffcull, 8);
	add(0);
	pop_and_use();
}

static const struct {
	const char *name;
	unsigned features, size;
	void (*fill)(unsigned features);
} files[] = {
	{ "split", 0, 2, conversation },
	{ "split-all", INPUT_EVENT | INPUT_INDIRECT | INPUT_IN_ORDER, 2, conversation },
	{ "packed", INPUT_PACKED, 2, conversation },
	{ "packed-all", INPUT_PACKED | INPUT_EVENT | INPUT_INDIRECT | INPUT_IN_ORDER, 3, conversation },
	{ "packed-odd-size", INPUT_PACKED | INPUT_EVENT, 7, conversation },
	{ "index-jumps", 0, 5, index_jumps },
	{ "loop", 0, 2, loop },
	{ "loop-of-nothing", 0, 2, loop_of_nothing },
	{ "packed-slot-in-flight", INPUT_PACKED, 2, slot_in_flight },
	{ "split-table", INPUT_INDIRECT, 2, table },
	{ "packed-table", INPUT_PACKED | INPUT_INDIRECT, 2, table },
	{ "split-bad-parts", 0, 3, bad_parts },
	{ "packed-bad-parts", INPUT_PACKED, 3, bad_parts },
	{ "packed-chain-without-end", INPUT_PACKED, 2, packed_chain_without_end },
	{ "split-areas", INPUT_EVENT, 3, areas },
	{ "packed-areas", INPUT_PACKED, 3, areas },
};

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: make_corpus_virtq FOLDER\n");
		return 2;
	}
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		put(files[i].features, 1);
		put(files[i].size, 1);
		files[i].fill(files[i].features);
		corpus_save(argv[1], files[i].name);
	}
	return 0;
}
