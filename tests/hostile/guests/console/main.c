/* SPDX-License-Identifier: Apache-2.0 */
/*
 * THREATS 12, and what of the others is a console's: a device (device 0) whose driver does not know what it does. Its input is a
 * flood, and its output goes into a pipe (piped.sh).
 */
#include "../rings.h"

#include <stdbool.h>

enum { INPUT, OUTPUT, QUEUES };

#define FLOOD 1000u /* buffers */

static struct queue queues[QUEUES];

static uint64_t ram(void)
{
	return kvick_boot()->mem_bytes;
}

static void start(void)
{
	const struct kvick_virtio_setup setup = good_setup(queues, QUEUES, 0);

	expect("a good set-up", set_up(&setup), 0);
	expect("its status", list()[0].status, 0);
	wait(0, INPUT);
}

/* A buffer of one descriptor. */
static void queue_bytes(unsigned queue, uint64_t address, uint32_t bytes)
{
	struct queue *q = &queues[queue];
	unsigned at = q->avail->index % SIZE;

	describe(&q->desc[at], address, bytes, queue == INPUT ? WRITE : 0, 0);
	offer(q, at);
}

static void all_used(const char *what, unsigned queue)
{
	struct queue *q = &queues[queue];

	for (unsigned i = 0; i < 500 && q->used->index != q->avail->index; i++)
		wait(i ? 10 * MS : 0, queue);
	expect(what, q->used->index, q->avail->index);
}

static void needs_reset(const char *what, unsigned queue)
{
	for (unsigned i = 0; i < 100 && !(list()[0].status & KVICK_DEVICE_NEEDS_RESET); i++)
		wait(10 * MS, queue);
	expect(what, list()[0].status & KVICK_DEVICE_NEEDS_RESET, KVICK_DEVICE_NEEDS_RESET);
}

/* Whatever has been: set up anew it works. */
static void still_works(void)
{
	static const char text[] = "still works\n";

	start();
	queue_bytes(OUTPUT, (uintptr_t)text, sizeof(text) - 1);
	all_used("output", OUTPUT);
	queue_bytes(INPUT, queues[INPUT].buffers, 1);
	all_used("input", INPUT);
	expect("a byte of it", queues[INPUT].used->ring[0].bytes, 1);
	expect("its status", list()[0].status, 0);
}

/* --- lengths --- */

static void output_of_any_length(void)
{
	const uint32_t bytes[] = { 0, 1, 2, 4095, 4096, 4097, 65536, 1 << 20 };
	struct queue *q = &queues[OUTPUT];

	start();
	for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++) {
		queue_bytes(OUTPUT, 0, bytes[i]);
		all_used("output of any length", OUTPUT);
	}
	describe(&q->desc[0], q->buffers, 10, NEXT, 1);
	describe(&q->desc[1], q->buffers, BYTES, WRITE, 0);
	offer(q, 0);
	all_used("output and room", OUTPUT);
	describe(&q->desc[0], q->buffers, BYTES, WRITE, 0);
	offer(q, 0);
	all_used("output that is room", OUTPUT);
	for (unsigned i = 0; i < SIZE; i++)
		describe(&q->desc[i], i % 2 ? q->buffers : UINT64_MAX, i % 2, i < SIZE - 1 ? NEXT : 0, i + 1);
	offer(q, 0);
	all_used("output in bytes and nothings", OUTPUT);
	still_works();
}

static void output_of_all_ram(void)
{
	start();
	queue_bytes(OUTPUT, 0, (uint32_t)ram());
	all_used("all RAM", OUTPUT);
	still_works();
}

static void output_from_outside(void)
{
	const struct { uint64_t at; uint32_t bytes; } bad[] = {
		{ ram(), 1 }, { ram() - 1, 2 }, { 0, UINT32_MAX }, { UINT64_MAX, 1 }, { -16ull, 32 }, { 1ull << 63, 1 },
	};

	for (size_t i = 0; i < 2 * sizeof(bad) / sizeof(bad[0]); i++) {
		start();
		queue_bytes(i % QUEUES, bad[i / QUEUES].at, bad[i / QUEUES].bytes);
		needs_reset("a buffer outside RAM", i % QUEUES);
	}
	still_works();
}

static void input_of_any_length(void)
{
	const uint32_t bytes[] = { 0, 1, 2, 31, 32, 33, 4095, 4096, 4097, 65536 };
	struct queue *q = &queues[INPUT];

	start();
	for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++) {
		queue_bytes(INPUT, q->buffers, bytes[i]);
		all_used("room of any length", INPUT);
		expect("no more than it", q->used->ring[i].bytes <= bytes[i], true);
	}
	describe(&q->desc[0], q->buffers, BYTES, 0, 0);
	offer(q, 0);
	all_used("room that cannot be written", INPUT);
	expect("nothing is", q->used->ring[q->used->index % SIZE ? q->used->index % SIZE - 1 : SIZE - 1].bytes, 0);
	for (unsigned i = 0; i < SIZE; i++)
		describe(&q->desc[i], q->buffers + i, i % 2, i < SIZE - 1 ? NEXT | WRITE : WRITE, i + 1);
	offer(q, 0);
	all_used("room in bytes and nothings", INPUT);
	still_works();
}

/* Where input goes to: rings, what is being said. */
static void input_into(uint64_t address, uint32_t bytes)
{
	start();
	for (unsigned i = 0; i < 4; i++)
		queue_bytes(INPUT, address, bytes);
	for (unsigned i = 0; i < 4; i++)
		wait(MS, INPUT);
}

static void input_into_rings(void)
{
	for (unsigned i = 0; i < QUEUES; i++) {
		input_into((uintptr_t)queues[i].desc, 1024);
		input_into((uintptr_t)queues[i].avail, 512);
		input_into((uintptr_t)queues[i].used, 512);
		input_into((uintptr_t)queues[i].used + 4, 3);
	}
	start();
	for (unsigned i = 0; i < SIZE; i++) {
		queue_bytes(OUTPUT, queues[INPUT].buffers, BYTES);
		queue_bytes(INPUT, queues[INPUT].buffers, BYTES);
	}
	all_used("what is heard while it is said", OUTPUT);
	still_works();
}

/* Its status is lost to us by that. */
static void input_into_the_list(void) { input_into((uintptr_t)list(), sizeof(struct kvick_device)); }
static void input_into_tables(void) { input_into(0, 0x10000); }
static void input_into_text(void) { input_into((uintptr_t)input_into_text & -4096ull, 8192); }

/* --- floods --- */

static void flood_of(uint32_t bytes)
{
	struct queue *q = &queues[OUTPUT];

	start();
	for (unsigned i = 0; i < FLOOD; i++) {
		queue_bytes(OUTPUT, q->buffers, bytes);
		if (i % SIZE != SIZE - 1)
			continue;
		wait(0, OUTPUT);
		for (unsigned k = 0; k < 500 && q->used->index != q->avail->index; k++)
			wait(10 * MS, OUTPUT);
	}
	all_used("a flood", OUTPUT);
	still_works();
}

static void flood(void) { flood_of(BYTES); }
static void flood_of_bytes(void) { flood_of(1); }
static void flood_of_nothing(void) { flood_of(0); }

/* As if there were none. */
static void input_never_taken(void)
{
	start();
	for (unsigned i = 0; i < 100; i++) {
		queue_bytes(OUTPUT, queues[OUTPUT].buffers, 100);
		wait(MS, OUTPUT);
	}
	all_used("output", OUTPUT);
	expect("no input", queues[INPUT].used->index, 0);
	still_works();
}

static void queues_that_are_not_there(void)
{
	struct kvick_virtio_setup setup = good_setup(queues, QUEUES, 0);

	setup.queues = 6; /* of two ports */
	for (unsigned i = QUEUES; i < 6; i++)
		setup.queue[i] = setup.queue[i % QUEUES];
	expect("two ports", set_up(&setup), -KVICK_EINVAL);
	start();
	for (unsigned queue = 0; queue < 8; queue++)
		wait(0, queue);
	still_works();
}

/* --- resets --- */

static void many_in_flight(void)
{
	for (unsigned i = 0; i < SIZE / 2; i++) {
		queue_bytes(OUTPUT, queues[OUTPUT].buffers, i % 2 ? 2 * BYTES : 100);
		if (i % 4 == 0)
			queue_bytes(INPUT, queues[INPUT].buffers + i * BYTES, BYTES);
	}
	wait(0, OUTPUT);
	wait(0, INPUT);
}

static void set_up_in_flight(void)
{
	for (unsigned i = 0; i < 100; i++) {
		start();
		many_in_flight();
	}
	start();
	wait(5 * MS, OUTPUT);
	expect("nothing of before", queues[OUTPUT].used->index, 0);
	expect("nothing of before", queues[INPUT].used->index, 0);
	still_works();
}

static void wrong_set_up_in_flight(void)
{
	for (unsigned i = 0; i < 50; i++) {
		struct kvick_virtio_setup setup;

		start();
		many_in_flight();
		setup = good_setup(queues, QUEUES, 0);
		setup.queue[i % QUEUES].size = 3;
		expect("a wrong one", set_up(&setup), -KVICK_EINVAL);
		wait(0, OUTPUT);
	}
	still_works();
}

static void reset_while_all_ram_goes_out(void)
{
	for (unsigned i = 0; i < 20; i++) {
		start();
		for (unsigned k = 0; k < SIZE; k++)
			describe(&queues[OUTPUT].desc[k], 0, (uint32_t)ram(), k < SIZE - 1 ? NEXT : 0, k + 1);
		offer(&queues[OUTPUT], 0);
		wait(0, OUTPUT);
	}
	still_works();
}

static void rings_spoiled_in_flight(void)
{
	for (unsigned i = 0; i < 50; i++) {
		struct queue *q = &queues[i % QUEUES];

		start();
		many_in_flight();
		fill((uintptr_t)q->desc, garbage());
		fill((uintptr_t)q->avail, garbage());
		fill((uintptr_t)q->used, garbage());
		wait(0, OUTPUT);
		wait(MS, INPUT);
	}
	still_works();
}

static void broken_rings(void)
{
	for (unsigned i = 0; i < QUEUES; i++) {
		start();
		queues[i].avail->index = SIZE + 1;
		needs_reset("an index that jumps", i);
		start();
		offer(&queues[i], SIZE);
		needs_reset("a head outside the table", i);
		start();
		describe(&queues[i].desc[0], queues[i].buffers, 1, NEXT, 0);
		offer(&queues[i], 0);
		needs_reset("a loop", i);
	}
	still_works();
}

static void exit_in_flight(void)
{
	start();
	many_in_flight();
	kvick_exit(hostile_failed);
}

static void fault_in_flight(void)
{
	start();
	many_in_flight();
	__builtin_trap();
}

static const struct way ways[] = {
	{ "output-of-any-length", output_of_any_length },
	{ "output-of-all-ram", output_of_all_ram },
	{ "output-from-outside", output_from_outside },
	{ "input-of-any-length", input_of_any_length },
	{ "input-into-rings", input_into_rings },
	{ "input-into-the-list", input_into_the_list },
	{ "input-into-tables", input_into_tables },
	{ "input-into-text", input_into_text },
	{ "flood", flood },
	{ "flood-of-bytes", flood_of_bytes },
	{ "flood-of-nothing", flood_of_nothing },
	{ "input-never-taken", input_never_taken },
	{ "queues-that-are-not-there", queues_that_are_not_there },
	{ "set-up-in-flight", set_up_in_flight },
	{ "wrong-set-up-in-flight", wrong_set_up_in_flight },
	{ "reset-while-all-ram-goes-out", reset_while_all_ram_goes_out },
	{ "rings-spoiled-in-flight", rings_spoiled_in_flight },
	{ "broken-rings", broken_rings },
	{ "exit-in-flight", exit_in_flight },
	{ "fault-in-flight", fault_in_flight },
};

HOSTILE_MAIN(ways)
