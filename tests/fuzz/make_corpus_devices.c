/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes the files in tests/fuzz/corpus/devices: good conversations of each device, and things done wrong.
 *
 *	make_corpus_devices tests/fuzz/corpus/devices
 */
#include <linux/virtio_blk.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_vsock.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "tests/fuzz/corpus.h"
#include "tests/fuzz/fuzz_devices.h"

static void op(enum op op)
{
	put(op, 1);
}

static void text(const char *bytes, size_t count, unsigned more)
{
	put(count, 1);
	put_bytes(bytes, count);
	put(more, 2);
}

static unsigned limits; /* KINDS: with them */

static void begin(enum kind kind, unsigned how)
{
	put(kind + limits, 1);
	op(OP_BEGIN), put(how, 1);
}

static void give(unsigned bytes, unsigned count)
{
	op(OP_GIVE), put(bytes, 2), put(count, 1);
	op(OP_NOTIFY), put(0, 1);
}

static void packet(unsigned operation, unsigned from, unsigned to, unsigned flags, unsigned bytes, unsigned wrong)
{
	op(OP_PACKET), put(operation, 1), put(from, 1), put(to, 1), put(flags, 1), put(bytes, 2), put(bytes, 2), put(wrong, 1);
}

static void sent(void)
{
	op(OP_NOTIFY), put(1, 1);
	op(OP_TAKE);
}

static void say(unsigned who, const char *bytes, unsigned more)
{
	op(OP_HOST_SAY), put(who, 1), text(bytes, strlen(bytes), more);
	op(OP_TURN), op(OP_TAKE);
}

static void hear(unsigned who)
{
	op(OP_HOST_READ), put(who, 1), put(40000, 2);
	op(OP_TURN), op(OP_TAKE);
}

static void end(enum op how, unsigned who, unsigned operand)
{
	op(how), put(who, 1);
	if (how == OP_HOST_SHUT)
		put(operand, 1);
	op(OP_TURN), op(OP_TAKE);
}

static void from_guest(unsigned how)
{
	begin(KIND_VSOCK, how);
	give(4096, 20);
	for (unsigned port = 1; port < 4; port++) {
		packet(VIRTIO_VSOCK_OP_REQUEST, 5, port, 0, 0, 0), sent();
		packet(VIRTIO_VSOCK_OP_RW, 5, port, 0, 1000, WRONG_PIECES), sent();
		hear(port - 1);
		say(port - 1, "answer", 9000);
		packet(VIRTIO_VSOCK_OP_CREDIT_REQUEST, 5, port, 0, 0, 0), sent();
		give(4096, 20);
	}
	packet(VIRTIO_VSOCK_OP_SHUTDOWN, 5, 1, 2, 0, 0), sent();
	packet(VIRTIO_VSOCK_OP_SHUTDOWN, 5, 2, 3, 0, 0), sent();
	end(OP_HOST_SHUT, 0, 1);
	end(OP_HOST_CLOSE, 0, 0);
}

static void from_host(unsigned how)
{
	begin(KIND_VSOCK, how);
	give(4096, 20);
	op(OP_HOST_CONNECT), text("CONNECT 7\nand more", 18, 0);
	op(OP_HOST_CONNECT), text("CONN", 4, 0);
	op(OP_HOST_CONNECT), text("nonsense\n", 9, 0);
	op(OP_TURN), op(OP_TAKE);
	packet(VIRTIO_VSOCK_OP_RESPONSE, 7, PORT_HEARD, 0, 0, 0), sent();
	packet(VIRTIO_VSOCK_OP_RW, 7, PORT_HEARD, 0, 100, 0), sent();
	say(1, "ECT 8\n", 0);
	hear(0);
	say(0, "x", 60000);
	packet(VIRTIO_VSOCK_OP_RESPONSE, 8, PORT_HEARD + 1, 0, 0, 0), sent();
	packet(VIRTIO_VSOCK_OP_RST, 7, PORT_HEARD, 0, 0, 0), sent();
	op(OP_BEGIN), put(how, 1);
	give(50, 20);
	end(OP_HOST_CLOSE, 0, 0);
}

static void flood(unsigned how)
{
	begin(KIND_VSOCK, how);
	give(100, 4);
	packet(VIRTIO_VSOCK_OP_REQUEST, 5, 1, 0, 0, 0), sent();
	for (unsigned i = 0; i < 40; i++) {
		packet(VIRTIO_VSOCK_OP_RW, 5, 1, 0, 15000, 0);
		sent();
		if (i == 30)
			hear(0);
	}
	say(0, "last words", 300);
	end(OP_HOST_CLOSE, 0, 0);
	packet(VIRTIO_VSOCK_OP_RW, 5, 1, 0, 10, 0), sent();
	give(44, 10);
	give(4000, 10);
}

static void wrong_packets(unsigned how)
{
	begin(KIND_VSOCK, how);
	give(4096, 30);
	packet(VIRTIO_VSOCK_OP_REQUEST, 5, 1, 0, 0, 0), sent();
	for (unsigned operation = 0; operation < 9; operation++) {
		packet(operation, 9, 9, 0, 0, 0), sent();
		packet(operation, 5, 1, 3, 100, WRONG_LENGTH), sent();
		op(OP_PACKET), put(operation, 1), put(5, 1), put(1, 1), put(0, 1), put(0xffff, 2), put(10, 2), put(WRONG_LENGTH, 1);
		sent();
	}
	packet(VIRTIO_VSOCK_OP_REQUEST, 5, 1, 0, 0, WRONG_SRC_CID), put(1, 8), sent();
	packet(VIRTIO_VSOCK_OP_REQUEST, 5, 1, 0, 0, WRONG_DST_CID), put(1, 8), sent();
	packet(VIRTIO_VSOCK_OP_REQUEST, 5, 1, 0, 0, WRONG_TYPE), put(3, 2), sent();
	packet(VIRTIO_VSOCK_OP_CREDIT_UPDATE, 5, 1, 0, 0, WRONG_CREDIT), put(UINT32_MAX, 4), put(0x80000000, 4), sent();
	op(OP_SEND), put(2, 1), text("short", 5, 0), sent();
	op(OP_POKE), put(1, 1), put(0x1002, 2), put(0x7fff, 2), sent();
}

static void failures(unsigned how)
{
	begin(KIND_VSOCK, how);
	give(4096, 30);
	for (unsigned i = 1; i < 12; i++) {
		op(OP_HOST_CONNECT), text("CONNECT 7\n", 10, 0);
		op(OP_FAIL), put(i, 1), put(i, 1);
		packet(VIRTIO_VSOCK_OP_REQUEST, i, 1, 0, 0, 0), sent();
		packet(VIRTIO_VSOCK_OP_RW, i, 1, 0, 10, 0), sent();
	}
}

static void frames(enum kind kind, unsigned how)
{
	static const char length[] = { 0, 0, 0, 60 };

	begin(kind, how);
	give(1526, 10);
	give(100, 10);
	for (unsigned i = 0; i < 6; i++) {
		op(OP_SEND), put(i, 1), text("\0\0\0\0\0\0\0\0\0\0\0\0", 12, 60 * (i + 1)), sent();
		hear(0);
		op(OP_HOST_SAY), put(0, 1);
		if (kind == KIND_NET_STREAM)
			text(length, 4, i == 3 ? 20 : 60);
		else
			text("frame", 5, i * 300);
		op(OP_TURN), op(OP_TAKE);
		give(200, 3);
	}
	op(OP_BEGIN), put(how, 1);
	give(200, 30);
	op(OP_SEND), put(0, 1), text("\1", 1, 100), sent();
	say(0, "\xff\xff\xff\xff", 100);
	end(OP_HOST_CLOSE, 0, 0);
	op(OP_SEND), put(0, 1), text("", 0, 100), sent();
}

static void messages(unsigned how) { frames(KIND_NET_MESSAGES, how); }
static void datagrams(unsigned how) { frames(KIND_NET_DATAGRAMS, how); }
static void stream(unsigned how) { frames(KIND_NET_STREAM, how); }

static void later(unsigned ms)
{
	op(OP_TIME), put(ms, 2);
	op(OP_TAKE);
}

static void ask_for(unsigned queue)
{
	op(OP_NOTIFY), put(queue, 1);
	op(OP_TAKE);
}

static void request(unsigned queue, unsigned type, unsigned sector, unsigned bytes, unsigned how)
{
	op(OP_REQUEST), put(queue, 1), put(type, 1), put(sector, 1), put(bytes, 2), put(how, 1);
}

static void block(unsigned how)
{
	begin(KIND_BLOCK, how);
	for (unsigned i = 0; i < 8; i++) {
		request(i % 2, VIRTIO_BLK_T_OUT, i, 1024, i & 3), request(0, VIRTIO_BLK_T_IN, i, 4096, i & 3);
		request(0, VIRTIO_BLK_T_WRITE_ZEROES, i, 2, 0), request(1, VIRTIO_BLK_T_DISCARD, i, 2, REQUEST_INDIRECT);
		request(0, VIRTIO_BLK_T_FLUSH, 0, 0, 0), request(1, VIRTIO_BLK_T_GET_ID, 0, 20, 0);
		ask_for(0), ask_for(1);
		if (i % 3 == 2)
			op(OP_BEGIN), put(how, 1);
		later(50);
	}
	/* In flight when the device is reset; too much for the disk; no requests at all. */
	for (unsigned i = 0; i < 10; i++)
		request(0, VIRTIO_BLK_T_OUT, i, 4096, 0);
	op(OP_NOTIFY), put(0, 1);
	op(OP_REGISTER), put(VIRTIO_MMIO_STATUS, 2), put(2, 1), put(0, 8);
	op(OP_BEGIN), put(how, 1);
	request(0, VIRTIO_BLK_T_IN, 0, 512, REQUEST_FAR), put(UINT64_MAX, 8);
	request(0, VIRTIO_BLK_T_IN, 63, 1024, 0), request(0, 99, 0, 512, 0), request(0, VIRTIO_BLK_T_OUT, 0, 100, 0);
	ask_for(0);
	request(0, VIRTIO_BLK_T_OUT, 0, 512, REQUEST_NO_STATUS), ask_for(0);
	op(OP_BEGIN), put(how, 1);
	request(1, VIRTIO_BLK_T_IN, 0, 512, REQUEST_NO_HEADER), ask_for(1);
}

static void block_failures(unsigned how)
{
	begin(KIND_BLOCK, how);
	for (unsigned i = 1; i < 9; i++) {
		op(OP_FAIL), put(i % 4, 1), put(i, 1);
		request(0, VIRTIO_BLK_T_OUT, i, 1024, 0), request(0, VIRTIO_BLK_T_IN, i, 2048, REQUEST_PIECES);
		request(0, VIRTIO_BLK_T_WRITE_ZEROES, i, 1, 0), request(0, VIRTIO_BLK_T_FLUSH, 0, 0, 0);
		ask_for(0), later(30);
	}
}

static void console(unsigned how)
{
	begin(KIND_CONSOLE, how);
	say(0, "before there is room", 3000);
	give(100, 4);
	for (unsigned i = 0; i < 6; i++) {
		op(OP_SEND), put(i, 1), text("output", 6, i * 1500), sent();
		say(0, "input", i * 900);
		give(1000, 2), hear(0), later(200);
	}
	op(OP_SEND), put(0, 1), text("lost", 4, 16000), op(OP_NOTIFY), put(1, 1);
	op(OP_BEGIN), put(how, 1);
	give(10, 10);
	op(OP_FAIL), put(1, 1), put(0, 1);
	op(OP_SEND), put(0, 1), text("told", 4, 0), sent();
	end(OP_HOST_CLOSE, 0, 0);
	op(OP_SEND), put(0, 1), text("to nobody", 9, 0), sent();
}

static void entropy(unsigned how)
{
	begin(KIND_ENTROPY, how);
	for (unsigned i = 0; i < 8; i++) {
		give(i * 50, 9);
		op(OP_TAKE), later(100);
		op(OP_REGISTER), put(VIRTIO_MMIO_CONFIG + i, 2), put(i, 1), put(UINT64_MAX, 8);
	}
	op(OP_BEGIN), put(how, 1);
	op(OP_FAIL), put(1, 1), put(1, 1);
	give(64, 4);
}

/* What may not begin yet is put back, a reset comes meanwhile, and a broken ring. */
static void limited(unsigned how)
{
	static void (*const fill[])(unsigned how) = { block, console, entropy, messages, from_guest };

	limits = KINDS;
	fill[how >> 8](how & 0xff);
	limits = 0;
	for (unsigned i = 0; i < 5; i++)
		later(1000);
	op(OP_BEGIN), put(how, 1);
	give(600, 10), give(600, 10);
	op(OP_POKE), put(0, 1), put(0x1002, 2), put(0x7fff, 2);
	later(5000);
}

static const struct {
	const char *name;
	unsigned how;
	void (*fill)(unsigned how);
} files[] = {
	{ "vsock-from-guest", 0, from_guest },
	{ "vsock-from-guest-packed", BEGIN_PACKED | BEGIN_EVENT, from_guest },
	{ "vsock-from-host", BEGIN_INDIRECT, from_host },
	{ "vsock-from-host-packed", BEGIN_PACKED | BEGIN_IN_ORDER, from_host },
	{ "vsock-flood", 0, flood },
	{ "vsock-wrong-packets", 0, wrong_packets },
	{ "vsock-failures", BEGIN_EVENT, failures },
	{ "net-messages", 0, messages },
	{ "net-messages-merged", BEGIN_MERGED | BEGIN_EVENT, messages },
	{ "net-datagrams", BEGIN_PACKED, datagrams },
	{ "net-stream", 0, stream },
	{ "block", BEGIN_FLUSH, block },
	{ "block-packed", BEGIN_PACKED | BEGIN_EVENT | BEGIN_INDIRECT, block },
	{ "block-failures", 0, block_failures },
	{ "console", 0, console },
	{ "console-packed", BEGIN_PACKED | BEGIN_IN_ORDER | BEGIN_EVENT, console },
	{ "entropy", BEGIN_EVENT, entropy },
	{ "entropy-packed", BEGIN_PACKED, entropy },
	{ "limited-block", 0 << 8, limited },
	{ "limited-block-packed", 0 << 8 | BEGIN_PACKED | BEGIN_EVENT | BEGIN_INDIRECT, limited },
	{ "limited-console", 1 << 8 | BEGIN_EVENT, limited },
	{ "limited-entropy", 2 << 8, limited },
	{ "limited-entropy-packed", 2 << 8 | BEGIN_PACKED | BEGIN_IN_ORDER, limited },
	{ "limited-net", 3 << 8 | BEGIN_MERGED, limited },
	{ "limited-vsock", 4 << 8 | BEGIN_PACKED, limited },
	{ "net-messages-legacy", BEGIN_LEGACY, messages },
	{ "net-stream-legacy-merged", BEGIN_LEGACY | BEGIN_MERGED | BEGIN_EVENT, stream },
	{ "block-legacy", BEGIN_LEGACY | BEGIN_INDIRECT, block },
	{ "console-legacy", BEGIN_LEGACY, console },
	{ "limited-net-legacy", 3 << 8 | BEGIN_LEGACY, limited },
	{ "net-stream-merged", BEGIN_MERGED | BEGIN_PACKED | BEGIN_INDIRECT, stream },
};

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: make_corpus_devices FOLDER\n");
		return 2;
	}
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		files[i].fill(files[i].how);
		corpus_save(argv[1], files[i].name);
	}
	return 0;
}
