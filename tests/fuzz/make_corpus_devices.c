/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes the files in tests/fuzz/corpus/devices: good conversations of each device, and things done wrong.
 *
 *	make_corpus_devices tests/fuzz/corpus/devices
 */
#include <linux/virtio_vsock.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "tests/fuzz/fuzz_devices.h"

static uint8_t file[8192];
static size_t file_bytes;

static void put(uint64_t value, unsigned bytes)
{
	memcpy(file + file_bytes, &value, bytes);
	file_bytes += bytes;
}

static void op(enum op op)
{
	put(op, 1);
}

static void text(const char *bytes, size_t count, unsigned more)
{
	put(count, 1);
	memcpy(file + file_bytes, bytes, count);
	file_bytes += count;
	put(more, 2);
}

static void begin(enum kind kind, unsigned how)
{
	put(kind, 1);
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
	{ "net-stream-merged", BEGIN_MERGED | BEGIN_PACKED | BEGIN_INDIRECT, stream },
};

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: make_corpus_devices FOLDER\n");
		return 2;
	}
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char path[4096];
		FILE *out;

		file_bytes = 0;
		files[i].fill(files[i].how);
		snprintf(path, sizeof(path), "%s/%s", argv[1], files[i].name);
		out = fopen(path, "wb");
		if (!out || fwrite(file, 1, file_bytes, out) != file_bytes || fclose(out)) {
			perror(path);
			return 1;
		}
	}
	return 0;
}
