/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an input of fuzz_virtq is: a byte of features, a byte that chooses the size, then operations, each a byte (modulo OPS)
 * and its operands. Numbers are little-endian; what is missing at the end is 0.
 */
#ifndef KVICK_TESTS_FUZZ_VIRTQ_H
#define KVICK_TESTS_FUZZ_VIRTQ_H

enum { INPUT_PACKED = 1, INPUT_EVENT = 2, INPUT_INDIRECT = 4, INPUT_IN_ORDER = 8 };

enum op {
	/* The driver's, as they should be. */
	OP_ADD,        /* u8: parts - 1, bit 4: indirect; for each part u8 kind, u16 offset, u16 bytes */
	OP_TAKE_USED,
	OP_NOTIFY,
	OP_INTERRUPTS, /* u8: 0 off, else on, so many - 1 later */
	/* The driver's, as they should not. */
	OP_POKE16,     /* u16 offset into the rings and tables, u16 value */
	OP_POKE64,     /* u16 offset, u64 value */
	OP_DESCRIPTOR, /* u8 index, u64 address, u32 bytes, u16 flags, u16 next or id; bit 7 of index: in the first table */
	OP_AVAILABLE,  /* split: u16 head; packed: u8 slot, whose flags are set for this round */
	OP_AVAIL_INDEX, /* u16 */
	/* The device's. */
	OP_POP,
	OP_PUSH,       /* u8 which, u32 written */
	OP_READ,       /* u8 which, u16 offset, u8 bytes */
	OP_WRITE,
	OP_QUIET,
	OP_LISTEN,
	OP_NEEDS_INTERRUPT,
	OP_RESTART,    /* u8: 0 as before, else with u16 size, u64 desc, u64 driver, u64 device first */
	OP_PUT_BACK,
	OPS
};

enum { PART_READABLE, PART_WRITABLE, PART_OUTSIDE, PART_AT_END, PART_RINGS, PART_HUGE, PARTS };

#endif
