/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an input of fuzz_virtio is: operations, each a byte (modulo OPS) and its operands. Numbers are little-endian; what is
 * missing is 0.
 */
#ifndef KVICK_TESTS_FUZZ_VIRTIO_H
#define KVICK_TESTS_FUZZ_VIRTIO_H

enum op {
	/* The driver's. */
	OP_WRITE,       /* u8 register / 4, u32 value */
	OP_WRITE_ANY,   /* u16 offset, u8 width (1, 2, 4, 8: its logarithm modulo 4), u64 value */
	OP_READ_ANY,    /* u16 offset, u8 width */
	OP_START,       /* u8 features, u8 size, u8 queue: all of 3.1.1, as it should be */
	OP_SET_UP,      /* u8 features, u8 size, u8 queue, u8 changes, and for each u8 word, u64 value: the native call */
	OP_ADD,         /* u8: parts - 1, bit 4: indirect; for each part u8 kind, u16 offset, u16 bytes */
	OP_TAKE_USED,
	OP_POKE16,      /* u16 offset into the rings and tables, u16 value */
	OP_POKE64,      /* u16 offset, u64 value */
	/* The device's. */
	OP_MANNERS,     /* u8: MANNER_* */
	OP_SERVE,       /* u8 queue: looks into it without having been notified */
	OP_COMPLETE,    /* u8 which, u32 written */
	OP_CONFIG,      /* its configuration changes */
	OP_NEEDS_RESET,
	OP_VM_RESET,    /* virtio_reset() */
	OP_VERSION,     /* u8: bit 0: the device is one of virtio-mmio version 1 from now on, else of version 2; it begins anew */
	OP_START_OLD,   /* u8 features, u8 size, u8 queue, u8 START_OLD_*: all of 3.1.2 */
	OPS
};

enum { MANNER_LATE_RESET = 1, MANNER_NO_START = 2, MANNER_AT_ONCE = 4 };
enum { START_PACKED = 1, START_EVENT = 2, START_INDIRECT = 4, START_IN_ORDER = 8 };
/* Without DRIVER_OK; features come after the queue. */
enum { START_OLD_UNSAID = 1, START_OLD_LATE_FEATURES = 2, START_OLD_SMALL_PAGES = 4 };

#endif
