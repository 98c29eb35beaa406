/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an input of fuzz_devices is: a byte that chooses the device (modulo KINDS; divided by KINDS it is odd: with limits), then
 * operations, each a byte (modulo OPS) and its operands. Numbers are little-endian; what is missing is 0.
 */
#ifndef KVICK_TESTS_FUZZ_DEVICES_H
#define KVICK_TESTS_FUZZ_DEVICES_H

enum kind { KIND_VSOCK, KIND_NET_MESSAGES, KIND_NET_DATAGRAMS, KIND_NET_STREAM, KIND_BLOCK, KIND_CONSOLE, KIND_ENTROPY, KINDS };

enum op {
	/* The driver's. */
	OP_BEGIN,        /* u8: BEGIN_*: reset, rings anew */
	OP_SEND,         /* u8: parts - 1 (modulo 4), bit 4: indirect; u8 n, n bytes; u16: more of them, zeroes */
	OP_PACKET,       /* vsock: u8 operation, u8 from, u8 to: PORT_*, u8 flags, u16 bytes said, u16 bytes there, u8 WRONG_* */
	OP_GIVE,         /* u16 bytes of a receive buffer, u8 how many */
	OP_TAKE,         /* everything used so far, of both queues; vsock: what the guest has read, it says */
	OP_NOTIFY,       /* u8 queue */
	OP_POKE,         /* u8 queue, u16 offset into its rings and tables, u16 value */
	/* The host's. u8 who: a program, by its number modulo those that there are. */
	OP_HOST_CONNECT, /* vsock: u8 n, n bytes said at once */
	OP_HOST_SAY,     /* u8 who, u8 n, n bytes, u16: more of them, zeroes */
	OP_HOST_LINE,    /* u8 who, u8 port: "CONNECT port" */
	OP_HOST_READ,    /* u8 who, u16 bytes */
	OP_HOST_SHUT,    /* u8 who, u8 how */
	OP_HOST_CLOSE,   /* u8 who */
	OP_TURN,         /* the engine does what there is to be done; so it does after OP_NOTIFY and OP_BEGIN */
	OP_FAIL,         /* u8 n, u8 errno: the n-th system call from now on fails */
	OP_REQUEST,      /* block: u8 queue, u8 type, u8 sector, u16 bytes, u8 REQUEST_*; the driver's, as OP_SEND */
	OP_REGISTER,     /* u16 offset, u8 width (1, 2, 4, 8: its logarithm modulo 4), u64 value: written, and read again */
	OP_TIME,         /* u16 ms that pass */
	OPS
};

enum { BEGIN_PACKED = 1, BEGIN_EVENT = 2, BEGIN_INDIRECT = 4, BEGIN_IN_ORDER = 8, BEGIN_MERGED = 16, BEGIN_FLUSH = 32,
       BEGIN_LEGACY = 64 /* by version 1's registers; not vsock */, BEGIN_RESET_ONLY = 128 };

/* OP_PACKET's ports: small ones are themselves, PORT_HEARD and more the ports that the device has used, by their turn. */
enum { PORT_NOBODY = 3, PORT_HEARD = 16 };
/* Of a discard, bytes are sectors. FAR: u64 sector instead. */
enum { REQUEST_PIECES = 1, REQUEST_INDIRECT = 2, REQUEST_FAR = 4, REQUEST_NO_HEADER = 8, REQUEST_NO_STATUS = 16,
       REQUEST_TO_DRIVER = 32 };
enum { WRONG_SRC_CID = 1, WRONG_DST_CID = 2, WRONG_TYPE = 4, WRONG_LENGTH = 8, WRONG_CREDIT = 16, WRONG_PIECES = 32 };

#endif
