/* SPDX-License-Identifier: Apache-2.0 */
/* An input of fuzz_pc: operations, each a byte (by modulo OPS) and its arguments, little-endian. */
#ifndef KVICK_TESTS_FUZZ_PC_H
#define KVICK_TESTS_FUZZ_PC_H

enum op {
	OP_IOAPIC_WRITE,    /* offset: 2, width (1 << n): 1, value: 4 */
	OP_IOAPIC_READ,     /* offset: 2, width: 1 */
	OP_IOAPIC_REGISTER, /* a register by IOREGSEL and IOWIN: 1, value: 4 */
	OP_LINE,            /* pin, bits 5 and 6: edge, down or up: 1 */
	OP_EOI,             /* vector: 1 */
	OP_SERIAL_WRITE,    /* register: 1, value: 1; transmitted is what the next byte in order is */
	OP_SERIAL_READ,     /* register: 1 */
	OP_RECEIVE,         /* count: 1 */
	OP_FLUSH,
	OP_PIC_WRITE,       /* bit 0: register, bit 1: chip: 1, value: 1 */
	OP_PIC_READ,        /* as above: 1 */
	OP_ELCR,            /* chip: 1, value: 1 */
	OP_PIC_LINE,        /* as OP_LINE */
	OP_ACKNOWLEDGE,
	OP_PIT_WRITE,       /* register: 1, value: 1 */
	OP_PIT_READ,        /* register: 1 */
	OP_SPEAKER,         /* value: 1 */
	OP_TIME,            /* it passes, nanoseconds: 4 */
	OP_RTC,             /* register: 1, value: 1 */
	OP_KEYBOARD,        /* bit 0: which port, bit 1: write: 1, value: 1 */
	OP_TESTDEV,         /* offset: 2, width: 1, value: 4 */
	OPS
};

#endif
