/* SPDX-License-Identifier: Apache-2.0 */
/*
 * THREATS 7, and what of the others is a network's: a device (device 0) whose driver does not know what it does. Behind it is a
 * tap, whose other end is this host at 198.18.0.1; it answers who asks for its address.
 */
#include "../rings.h"

#include <stdbool.h>

enum { RX, TX, QUEUES };

/* 5.1.3 */
#define CSUM       (1ull << 0)
#define GUEST_CSUM (1ull << 1)
#define HOST_TSO4  (1ull << 11)
#define HOST_TSO6  (1ull << 12)
#define MERGED     (1ull << 15)

/* 5.1.6 */
struct header {
	uint8_t flags, gso_type;
	uint16_t header_bytes, gso_bytes, csum_start, csum_offset, buffers;
};

#define HEADER    ((uint32_t)sizeof(struct header))
#define FRAME     60u     /* the shortest that Ethernet has */
#define FRAME_MAX 65553u  /* the longest that the device takes */
#define FLOOD     2000u   /* frames */
#define ASKED     300u    /* questions that nobody takes the answers to */

static struct queue queues[QUEUES];
static uint32_t rx_bytes; /* of a buffer */

static uint64_t ram(void)
{
	return kvick_boot()->mem_bytes;
}

/* --- the device --- */

static void give(unsigned i)
{
	describe(&queues[RX].desc[i], queues[RX].buffers + i * BYTES, rx_bytes, WRITE, 0);
	offer(&queues[RX], i);
}

static void start_with(uint64_t features, unsigned buffers, uint32_t bytes)
{
	const struct kvick_virtio_setup setup = good_setup(queues, QUEUES, features);

	expect("a good set-up", set_up(&setup), 0);
	expect("its status", list()[0].status, 0);
	rx_bytes = bytes;
	for (unsigned i = 0; i < buffers; i++)
		give(i);
	wait(0, RX);
}

static void start(uint64_t features)
{
	start_with(features & list()[0].features, SIZE, 2048);
}

/* --- frames --- */

/* Makes what is in TX's buffers available as one chain of a descriptor. */
static void queue_bytes(uint32_t bytes)
{
	struct queue *q = &queues[TX];

	describe(&q->desc[q->avail->index % SIZE], q->buffers, bytes, 0, 0);
	offer(q, q->avail->index % SIZE);
}

/* All that was made available has been used. */
static void all_taken(const char *what)
{
	struct queue *q = &queues[TX];

	for (unsigned i = 0; i < 200 && q->used->index != q->avail->index; i++)
		wait(i ? 10 * MS : 0, TX);
	expect(what, q->used->index, q->avail->index);
}

static void send(const char *what, const struct header *h, uint32_t bytes)
{
	memcpy((void *)queues[TX].buffers, h, HEADER);
	queue_bytes(bytes);
	all_taken(what);
}

/* "Who has 198.18.0.1?", behind an empty header in TX's first buffer. */
static uint32_t write_question(void)
{
	static const uint8_t question[] = {
		255, 255, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 8, 6,
		0, 1, 8, 0, 6, 4, 0, 1, 0, 0, 0, 0, 0, 0, 198, 18, 0, 2, 0, 0, 0, 0, 0, 0, 198, 18, 0, 1,
	};
	uint8_t *at = (uint8_t *)queues[TX].buffers;

	memset(at, 0, HEADER + FRAME);
	memcpy(at + HEADER, question, sizeof(question));
	memcpy(at + HEADER + 6, (void *)list()[0].config, 6);
	memcpy(at + HEADER + 22, (void *)list()[0].config, 6);
	return HEADER + FRAME;
}

/* Takes one frame that has come, if there is one; is it the answer? */
static bool receive(bool *answer)
{
	struct queue *q = &queues[RX];
	const uint8_t *frame;
	unsigned id;

	if (q->used->index == q->seen)
		return false;
	id = q->used->ring[q->seen++ % SIZE].id % SIZE;
	frame = (const uint8_t *)(q->buffers + id * BYTES + HEADER);
	*answer |= frame[12] == 8 && frame[13] == 6 && frame[21] == 2 && frame[31] == 1;
	give(id);
	return true;
}

/* Whatever has been: set up anew it works. */
static void still_works(void)
{
	bool answer = false;

	start(MERGED);
	for (unsigned i = 0; i < 10 && !answer; i++) {
		queue_bytes(write_question());
		all_taken("a question");
		for (unsigned k = 0; k < 100 && !answer; k++) {
			while (receive(&answer))
				;
			wait(10 * MS, RX);
		}
	}
	expect("an answer", answer, true);
	expect("its status", list()[0].status & KVICK_DEVICE_NEEDS_RESET, 0);
}

static void needs_reset(const char *what, unsigned queue)
{
	for (unsigned i = 0; i < 100 && !(list()[0].status & KVICK_DEVICE_NEEDS_RESET); i++)
		wait(10 * MS, queue);
	expect(what, list()[0].status & KVICK_DEVICE_NEEDS_RESET, KVICK_DEVICE_NEEDS_RESET);
}

/* --- headers and lengths --- */

static void headers_with(uint64_t features)
{
	static const uint8_t flags[] = { 0, 1, 2, 0xff }, types[] = { 0, 1, 3, 4, 5, 0x81, 0xff };
	static const uint16_t sizes[] = { 0, 1, 1460, 0xffff };
	static const uint16_t starts[] = { 0, 13, 14, 34, 40, 59, 60, 0xfffe, 0xffff };
	static const uint16_t offsets[] = { 0, 6, 16, 44, 0xfffe, 0xffff };
	const unsigned all = sizeof(flags) * sizeof(types) * 4 * 9 * 6;

	start(features);
	write_question();
	for (unsigned i = 0; i < all; i++) {
		const struct header h = {
			.flags = flags[i % 4], .gso_type = types[i / 4 % 7], .gso_bytes = sizes[i / 28 % 4],
			.csum_start = starts[i / 112 % 9], .csum_offset = offsets[i / 1008], .header_bytes = (uint16_t)(i * 977),
			.buffers = (uint16_t)i,
		};
		uint8_t *at = (uint8_t *)queues[TX].buffers + i % 32 * 128;

		memcpy(at + HEADER, (void *)(queues[TX].buffers + HEADER), FRAME);
		memcpy(at, &h, HEADER);
		describe(&queues[TX].desc[i % 32], (uintptr_t)at, HEADER + FRAME, 0, 0);
		offer(&queues[TX], i % 32);
		if (i % 32 == 31)
			all_taken("forged headers");
	}
	all_taken("forged headers");
	expect("its status", list()[0].status, 0);
	still_works();
}

static void headers(void) { headers_with(0); }
static void headers_of_offloads(void) { headers_with(CSUM | HOST_TSO4 | HOST_TSO6 | GUEST_CSUM); }

static void lengths(void)
{
	const struct header none = { 0 };
	const struct header segments = { .flags = 1, .gso_type = 1, .gso_bytes = 1, .csum_start = 34, .csum_offset = 16 };
	const uint32_t bytes[] = {
		1, 2, 11, 12, 13, 12 + 1, 12 + 13, 12 + 14, 1514, 65550, 65551, FRAME_MAX, FRAME_MAX + 1, FRAME_MAX + HEADER,
		FRAME_MAX + HEADER + 1, 65536 * 3, 0,
	};

	start(CSUM | HOST_TSO4);
	for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++) {
		send("a frame of any length", &none, bytes[i]);
		send("the same in segments of a byte", &segments, bytes[i]);
	}
	/* All of RAM, and all of it many times. */
	describe(&queues[TX].desc[0], 0, (uint32_t)ram(), 0, 0);
	offer(&queues[TX], 0);
	all_taken("all RAM");
	for (unsigned i = 0; i < SIZE; i++)
		describe(&queues[TX].desc[i], 0, (uint32_t)ram(), i < SIZE - 1 ? NEXT : 0, i + 1);
	offer(&queues[TX], 0);
	all_taken("all RAM 64 times");
	expect("its status", list()[0].status, 0);
	still_works();
}

static void pieces(void)
{
	struct queue *q = &queues[TX];
	uint32_t bytes;

	start(0);
	bytes = write_question();
	for (uint32_t cut = 1; cut < 32; cut++) {
		uint32_t at = 0;

		/* The last one has what is left. */
		for (unsigned i = 0; i < SIZE; i++, at += cut)
			describe(&q->desc[i], q->buffers + at, i < SIZE - 1 && at + cut < bytes ? cut : bytes - at,
				 i < SIZE - 1 && at + cut < bytes ? NEXT : 0, i + 1);
		offer(q, 0);
		all_taken("a frame in pieces");
	}
	for (unsigned i = 0; i < SIZE; i++)
		describe(&q->desc[i], UINT64_MAX, 0, i < SIZE - 1 ? NEXT : 0, i + 1);
	offer(q, 0);
	all_taken("pieces of nothing");
	describe(&q->desc[0], q->buffers, 6, NEXT, 1);
	describe(&q->desc[1], q->buffers + 6, bytes - 6, WRITE, 0);
	offer(q, 0);
	all_taken("a frame that cannot be read");
	describe(&q->desc[0], q->buffers, bytes, WRITE, 0);
	offer(q, 0);
	all_taken("a frame that is room");
	expect("its status", list()[0].status, 0);
	still_works();
}

/* --- room for frames --- */

/* Has the host answer. */
static void ask(unsigned times)
{
	uint32_t bytes = write_question();

	for (unsigned i = 0; i < times; i++) {
		queue_bytes(bytes);
		if (i % 32 == 31)
			wait(0, TX);
	}
	wait(0, TX);
	for (unsigned i = 0; i < 3; i++)
		wait(MS, RX);
}

/* Less than a header is refused (5.1.6.3.1), once there is a frame for it; a frame for which all of them are too small is lost. */
static void small_room(void)
{
	for (unsigned merged = 0; merged < 2; merged++)
		for (uint32_t bytes = 0; bytes < HEADER + 50; bytes += bytes < 16 ? 1 : 7) {
			start_with(merged ? MERGED : 0, SIZE, bytes);
			ask(1);
			if (bytes < HEADER)
				needs_reset("no room for a header", RX);
			else
				expect("its status", list()[0].status, 0);
		}
	still_works();
}

static void room_that_cannot_be_written(void)
{
	start_with(0, 0, 0);
	for (unsigned i = 0; i < SIZE; i++) {
		describe(&queues[RX].desc[i], queues[RX].buffers, BYTES, 0, 0);
		offer(&queues[RX], i);
	}
	ask(1);
	needs_reset("no room at all", RX);
	still_works();
}

/* What the host has to say goes to `address`. */
static void receive_into(uint64_t address, uint32_t bytes)
{
	start_with(MERGED, 0, 0);
	for (unsigned i = 0; i < 4; i++) {
		describe(&queues[RX].desc[i], address, bytes, WRITE, 0);
		offer(&queues[RX], i);
	}
	ask(4);
}

static void room_in_rings(void)
{
	for (unsigned i = 0; i < QUEUES; i++) {
		receive_into((uintptr_t)queues[i].desc, 1024);
		receive_into((uintptr_t)queues[i].avail, 512);
		receive_into((uintptr_t)queues[i].used, 512);
		receive_into((uintptr_t)queues[i].used + 4, 20);
	}
	receive_into(queues[TX].buffers, BYTES); /* what is being sent */
	still_works();
}

/* Its status is lost to us by that. */
static void room_in_the_list(void) { receive_into((uintptr_t)list(), sizeof(struct kvick_device)); }

static void room_in_tables(void) { receive_into(0, 0x10000); }
static void room_in_text(void) { receive_into((uintptr_t)room_in_text & -4096ull, 8192); }
static void room_is_all_ram(void) { receive_into(0, (uint32_t)ram()); }

/* --- floods and resets --- */

static void flood_of(uint32_t bytes)
{
	struct queue *q = &queues[TX];

	start(0);
	write_question();
	for (unsigned i = 0; i < FLOOD; i++) {
		queue_bytes(bytes);
		if (i % SIZE != SIZE - 1)
			continue;
		wait(0, TX);
		for (unsigned k = 0; k < 200 && q->used->index != q->avail->index; k++)
			wait(10 * MS, TX);
	}
	all_taken("a flood");
	still_works();
}

static void flood(void) { flood_of(HEADER + FRAME); }
static void flood_of_long_frames(void) { flood_of(HEADER + 1514); }
static void flood_of_nothing(void) { flood_of(HEADER); }

/* The answers find no buffers, then a few. */
static void answers_that_nobody_takes(void)
{
	start_with(0, 0, 2048);
	ask(ASKED);
	for (unsigned i = 0; i < 4; i++)
		give(i);
	for (unsigned i = 0; i < 10; i++)
		wait(MS, RX);
	expect("no more than there is room for", queues[RX].used->index <= 4, true);
	still_works();
}

/* Frames on their way out, and questions whose answers are on their way in. */
static void many_in_flight(void)
{
	uint32_t bytes = write_question();

	for (unsigned i = 0; i < SIZE; i++)
		queue_bytes(bytes);
	wait(0, TX);
}

static void set_up_in_flight(void)
{
	for (unsigned i = 0; i < 200; i++) {
		start(i % 2 ? MERGED : 0);
		many_in_flight();
	}
	start_with(0, 0, 0);
	wait(5 * MS, RX);
	expect("nothing of before", queues[RX].used->index, 0);
	expect("nothing of before", queues[TX].used->index, 0);
	still_works();
}

static void wrong_set_up_in_flight(void)
{
	for (unsigned i = 0; i < 50; i++) {
		struct kvick_virtio_setup setup;

		start(0);
		many_in_flight();
		setup = good_setup(queues, QUEUES, 0);
		setup.queue[i % QUEUES].size = 3;
		expect("a wrong one", set_up(&setup), -KVICK_EINVAL);
		wait(0, TX);
	}
	still_works();
}

/* A frame is held for which the buffers so far are too small. */
static void reset_with_buffers_held(void)
{
	for (unsigned i = 0; i < 50; i++) {
		start_with(MERGED, 3, 14);
		ask(2);
	}
	still_works();
}

static void rings_spoiled_in_flight(void)
{
	for (unsigned i = 0; i < 100; i++) {
		struct queue *q = &queues[i % QUEUES];

		start(i % 3 ? MERGED : 0);
		many_in_flight();
		fill((uintptr_t)q->desc, garbage());
		fill((uintptr_t)q->avail, garbage());
		fill((uintptr_t)q->used, garbage());
		wait(0, TX);
		wait(MS, RX);
	}
	still_works();
}

static void broken_rings(void)
{
	for (unsigned i = 0; i < QUEUES; i++) {
		start(0);
		many_in_flight();
		all_taken("frames");
		queues[i].avail->index = (uint16_t)(queues[i].used->index + 2 * SIZE + 1);
		ask(1);
		needs_reset("an index that jumps", i);
	}
	still_works();
}

static void features(void)
{
	for (unsigned i = 0; i < 300; i++) {
		const uint64_t some = garbage() & list()[0].features & ~(1ull << 34); /* these rings are split */
		const struct header h = { .flags = (uint8_t)garbage() & 1, .gso_type = (uint8_t)garbage() % 5,
					  .gso_bytes = (uint16_t)garbage(), .csum_start = 34, .csum_offset = 16 };

		start(some);
		write_question();
		send("a frame", &h, HEADER + FRAME + (uint32_t)garbage() % 2000);
		ask(1);
	}
	still_works();
}

/* Sensible at first sight, so that much of it is sent. */
static void frame_garbage(void)
{
	struct queue *q = &queues[TX];

	for (unsigned i = 0; i < 2000; i++) {
		struct header h = { .flags = garbage() % 4 == 0, .gso_type = garbage() % 4 ? 0 : (uint8_t)garbage() };
		unsigned parts = 1 + (unsigned)garbage() % 4, at = (unsigned)garbage() % SIZE;

		if (i % 100 == 0)
			start(i % 200 ? CSUM | HOST_TSO4 | HOST_TSO6 | MERGED : 0);
		h.csum_start = (uint16_t)garbage() % 80;
		h.csum_offset = garbage() % 2 ? 16 : (uint16_t)garbage();
		h.gso_bytes = garbage() % 2 ? 1460 : (uint16_t)garbage();
		memcpy((void *)q->buffers, &h, HEADER);
		for (unsigned k = 0; k < parts; k++)
			describe(&q->desc[(at + k) % SIZE], q->buffers + garbage() % (k ? 4096 : 2), (uint32_t)garbage() % 4096,
				 k + 1 < parts ? NEXT : garbage() % 32 ? 0 : WRITE, (at + k + 1) % SIZE);
		offer(q, at);
		if (garbage() % 4 == 0)
			wait(0, TX);
		if (list()[0].status & KVICK_DEVICE_NEEDS_RESET)
			start(MERGED);
	}
	still_works();
}

static void exit_in_flight(void)
{
	start(0);
	many_in_flight();
	kvick_exit(hostile_failed);
}

static void fault_in_flight(void)
{
	start(0);
	many_in_flight();
	__builtin_trap();
}

static const struct way ways[] = {
	{ "headers", headers },
	{ "headers-of-offloads", headers_of_offloads },
	{ "lengths", lengths },
	{ "pieces", pieces },
	{ "small-room", small_room },
	{ "room-that-cannot-be-written", room_that_cannot_be_written },
	{ "room-in-rings", room_in_rings },
	{ "room-in-the-list", room_in_the_list },
	{ "room-in-tables", room_in_tables },
	{ "room-in-text", room_in_text },
	{ "room-is-all-ram", room_is_all_ram },
	{ "flood", flood },
	{ "flood-of-long-frames", flood_of_long_frames },
	{ "flood-of-nothing", flood_of_nothing },
	{ "answers-that-nobody-takes", answers_that_nobody_takes },
	{ "set-up-in-flight", set_up_in_flight },
	{ "wrong-set-up-in-flight", wrong_set_up_in_flight },
	{ "reset-with-buffers-held", reset_with_buffers_held },
	{ "rings-spoiled-in-flight", rings_spoiled_in_flight },
	{ "broken-rings", broken_rings },
	{ "features", features },
	{ "frame-garbage", frame_garbage },
	{ "exit-in-flight", exit_in_flight },
	{ "fault-in-flight", fault_in_flight },
};

HOSTILE_MAIN(ways)
