/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A socket device (device 0) whose driver does not know what it does. What listens at the host's port 1 is this device itself: who
 * connects there and says "CONNECT 7" is asked for by the device at port 7.
 */
#include "../rings.h"

#include <stdbool.h>

#define HOST 2u
#define SELF 1u  /* port of the host's, where this device listens */
#define DEAF 99u /* one where nobody does */

#define CREDIT  32768u /* that the device gives to a connection */
#define MOST    4096u  /* connections */
#define SILENT  256u   /* of programs that have not said to which port */
#define STORM   2100u

enum { RX, TX, EVENT, QUEUES };
enum { REQUEST = 1, RESPONSE, RESET, SHUTDOWN, DATA, CREDIT_UPDATE, CREDIT_REQUEST, OPERATIONS };

/* 5.10.6 */
struct header {
	uint64_t src_cid, dst_cid;
	uint32_t src_port, dst_port, bytes;
	uint16_t type, operation;
	uint32_t flags, buffer, forwarded;
} __attribute__((packed));

#define HEADER ((uint32_t)sizeof(struct header))

static struct queue queues[QUEUES];
static uint64_t cid;
static uint32_t seen[OPERATIONS + 1]; /* packets received, by operation */
static struct header last;
static uint8_t last_data[BYTES];

/* --- rings --- */

static void give(unsigned i, uint32_t bytes)
{
	describe(&queues[RX].desc[i], queues[RX].buffers + i * BYTES, bytes, WRITE, 0);
	offer(&queues[RX], i);
}

static void start_with(unsigned buffers, uint32_t bytes)
{
	const struct kvick_virtio_setup setup = good_setup(queues, QUEUES, 0);

	expect("a good set-up", set_up(&setup), 0);
	memcpy(&cid, (void *)list()[0].config, sizeof(cid));
	memset(seen, 0, sizeof(seen));
	for (unsigned i = 0; i < buffers; i++)
		give(i, bytes);
	wait(0, RX);
}

static void start(void)
{
	start_with(SIZE, BYTES);
}

/* --- packets --- */

/* Takes one that has come. */
static bool receive(void)
{
	struct queue *q = &queues[RX];
	uint32_t id, bytes;

	if (q->used->index == q->seen)
		return false;
	id = q->used->ring[q->seen % SIZE].id % SIZE;
	bytes = q->used->ring[q->seen++ % SIZE].bytes;
	memset(&last, 0, sizeof(last));
	if (bytes >= HEADER && bytes <= BYTES) {
		memcpy(&last, (void *)(q->buffers + id * BYTES), HEADER);
		memcpy(last_data, (void *)(q->buffers + id * BYTES + HEADER), bytes - HEADER);
		if (last.bytes != bytes - HEADER)
			expect("a packet's length", last.bytes, bytes - HEADER);
	}
	seen[last.operation < OPERATIONS ? last.operation : 0]++;
	give(id, BYTES);
	return true;
}

/* All that has come, or comes at once. Returns how many. */
static unsigned receive_all(void)
{
	unsigned count = 0;

	do {
		while (receive())
			count++;
		wait(0, RX);
	} while (queues[RX].used->index != queues[RX].seen);
	return count;
}

static struct header header(unsigned operation, uint32_t port, uint32_t to)
{
	return (struct header){ .src_cid = cid, .dst_cid = HOST, .src_port = port, .dst_port = to, .type = 1,
				.operation = (uint16_t)operation, .buffer = 0x10000 };
}

/* A packet in a buffer of so many bytes, whatever the header says. Made available, and not more. */
static void queue_packet(const struct header *h, uint32_t bytes)
{
	struct queue *q = &queues[TX];
	unsigned i = q->avail->index % SIZE;

	memcpy((void *)(q->buffers + i * BYTES), h, HEADER);
	describe(&q->desc[i], q->buffers + i * BYTES, bytes, 0, 0);
	offer(q, i);
}

static void post(const struct header *h, uint32_t bytes)
{
	queue_packet(h, bytes);
	wait(0, TX);
	expect("a packet is taken", queues[TX].used->index, queues[TX].avail->index);
}

static void post_plain(unsigned operation, uint32_t port, uint32_t to)
{
	const struct header h = header(operation, port, to);

	post(&h, HEADER);
}

static void answer_is(const char *what, unsigned operation)
{
	for (unsigned i = 0; i < 50 && !receive(); i++)
		wait(10 * MS, RX);
	expect(what, last.operation, operation);
	memset(&last, 0, sizeof(last));
}

static void no_answer(const char *what)
{
	expect(what, receive_all(), 0);
}

static void post_text(uint32_t port, uint32_t to, const char *text)
{
	struct header h = header(DATA, port, to);
	struct queue *q = &queues[TX];

	h.bytes = (uint32_t)strlen(text);
	memcpy((void *)(q->buffers + q->avail->index % SIZE * BYTES + HEADER), text, h.bytes);
	post(&h, HEADER + h.bytes);
}

/* A connection from `port` to the device itself, and on to our own port 7: both ends are ours. What port 7's other end is. */
static uint32_t open_loop(uint32_t port)
{
	uint32_t there = 0;

	post_plain(REQUEST, port, SELF);
	answer_is("a connection to itself", RESPONSE);
	post_text(port, SELF, "CONNECT 7\n");
	for (unsigned i = 0; i < 50 && !receive(); i++)
		wait(10 * MS, RX);
	expect("a connection from itself", last.operation, REQUEST);
	there = last.src_port;
	post_plain(RESPONSE, 7, there);
	answer_is("OK", DATA);
	return there;
}

/* Whatever has been: set up anew it works. */
static void still_works(void)
{
	uint32_t there;

	start();
	there = open_loop(1000);
	post_text(7, there, "hello");
	for (unsigned i = 0; i < 50 && !receive(); i++)
		wait(10 * MS, RX);
	expect("data", last.operation, DATA);
	expect("what it was", memcmp(last_data, "hello", 5), 0);
	expect("its status", list()[0].status, 0);
}

/* --- ways --- */

static void lengths(void)
{
	static const uint32_t says[] = {
		1, 100, CREDIT, CREDIT + 1, 0x7fffffff, 0x80000000, UINT32_MAX - 44, UINT32_MAX - 43, UINT32_MAX,
	};
	uint32_t there;

	start();
	there = open_loop(1);
	for (size_t i = 0; i < sizeof(says) / sizeof(says[0]); i++)
		for (unsigned operation = 0; operation <= OPERATIONS; operation++) {
			struct header h = header(operation, 7, there);

			h.bytes = says[i];
			post(&h, HEADER);
			no_answer("longer than its buffer");
		}
	for (uint32_t bytes = 1; bytes < HEADER; bytes++) {
		struct header h = header(RESET, 7, there);

		post(&h, bytes);
		no_answer("shorter than a header");
	}
	post_text(7, there, "alive");
	answer_is("and the connection lives", DATA);
	still_works();
}

static void pieces(void)
{
	struct queue *q = &queues[TX];
	struct header h;
	uint32_t there;

	start();
	there = open_loop(1);
	h = header(CREDIT_REQUEST, 7, there);
	for (uint32_t cut = 1; cut < HEADER; cut++) {
		memcpy((void *)q->buffers, &h, HEADER);
		describe(&q->desc[0], q->buffers, cut, NEXT, 1);
		describe(&q->desc[1], q->buffers + cut, HEADER - cut, 0, 0);
		offer(q, 0);
		wait(0, TX);
		answer_is("a header in two pieces", CREDIT_UPDATE);
	}
	/* The second piece cannot be read. */
	describe(&q->desc[0], q->buffers, 40, NEXT, 1);
	describe(&q->desc[1], q->buffers + 40, 4, WRITE, 0);
	offer(q, 0);
	wait(0, TX);
	no_answer("a header that cannot be read");
	still_works();
}

static void addresses(void)
{
	static const uint64_t others[] = { 0, 1, 4, 5, 0xffffffff, 0x100000002, 0x100000003, UINT64_MAX };

	start();
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct header h = header(REQUEST, 1, SELF);

		h.src_cid = others[i];
		post(&h, HEADER);
		no_answer("from somebody else");
		h = header(REQUEST, 1, SELF);
		h.dst_cid = others[i];
		post(&h, HEADER);
		answer_is("to somebody else", RESET);
		h = header(REQUEST, 1, SELF);
		h.type = (uint16_t)(others[i] == 1 ? 2 : others[i]);
		post(&h, HEADER);
		answer_is("of another type", RESET);
	}
	still_works();
}

static void operations(void)
{
	start();
	for (unsigned operation = 0; operation < 300; operation++) {
		post_plain(operation, 1, DEAF);
		if (operation == RESET)
			no_answer("a reset of nothing");
		else
			answer_is("of no connection", RESET);
	}
	for (unsigned operation = 8; operation < 40; operation++) {
		post_plain(REQUEST, operation, SELF);
		answer_is("a connection", RESPONSE);
		post_plain(operation, operation, SELF);
		answer_is("an operation that there is not", RESET);
	}
	post_plain(REQUEST, 1, SELF);
	answer_is("a connection", RESPONSE);
	post_plain(REQUEST, 1, SELF);
	answer_is("the same once more", RESET);
	still_works();
}

/* The other end is ours and takes nothing: the device must not take more than it said. */
static void more_than_the_credit(void)
{
	struct header h;
	uint32_t there;

	start();
	there = open_loop(1);
	h = header(CREDIT_UPDATE, 7, there);
	h.buffer = 0;
	post(&h, HEADER);
	h = header(DATA, 1, SELF);
	h.bytes = BYTES - HEADER;
	for (unsigned i = 0; i < 200 && seen[RESET] == 0; i++) {
		post(&h, BYTES);
		receive_all();
	}
	expect("the connection has ended", seen[RESET] > 0, 1);
	still_works();
}

static void forged_counters(void)
{
	static const uint32_t values[] = { 0, 1, CREDIT, 0x7fffffff, 0x80000000, UINT32_MAX - 1, UINT32_MAX };
	uint32_t there;

	start();
	there = open_loop(1);
	for (size_t i = 0; i < 49; i++) {
		struct header h = header(CREDIT_UPDATE, 1, SELF);

		h.buffer = values[i % 7];
		h.forwarded = values[i / 7];
		post(&h, HEADER);
		post_text(7, there, "something to be sent to the forger");
		receive_all();
	}
	still_works();
}

/* Answers for which there is no room, many times more than the device keeps. */
static void no_room(void)
{
	struct header h;

	start_with(0, 0);
	h = header(DATA, 1, DEAF);
	for (unsigned i = 0; i < SIZE; i++)
		queue_packet(&h, HEADER);
	for (unsigned i = 0; i < 100; i++)
		wait(0, TX);
	expect("it does not drop any", queues[TX].used->index <= SIZE, 1);
	for (unsigned i = 0; i < 4; i++)
		give(i, BYTES);
	for (unsigned i = 0; i < 100 && seen[RESET] < SIZE; i++)
		receive_all();
	expect("each was answered", seen[RESET], SIZE);
	still_works();
}

static void small_room(void)
{
	for (uint32_t bytes = 1; bytes < HEADER + 4; bytes += 3) {
		start_with(SIZE, bytes);
		post_plain(DATA, 1, DEAF);
		post_plain(REQUEST, 1, SELF);
		post_text(1, SELF, "CONNECT 7\n");
		wait(0, RX);
		wait(MS, RX);
	}
	still_works();
}

/* Until there is no place any more. */
static void connect_storm(void)
{
	start();
	for (unsigned i = 0; i < STORM; i++) {
		uint32_t accepted = seen[RESPONSE];

		post_plain(REQUEST, 10000 + i, SELF);
		receive_all();
		if (seen[RESPONSE] == accepted)
			continue;
		post_text(10000 + i, SELF, "CONNECT 7\n");
		receive_all();
	}
	expect("each of them takes two places", seen[RESPONSE], MOST / 2);
	expect("and has asked", seen[REQUEST], MOST / 2);
	expect("the others were refused", seen[RESET], STORM - MOST / 2);
	still_works();
}

/* Nobody says to which port, and then it is too late for most of them. */
static void silent_storm(void)
{
	start();
	for (unsigned i = 0; i < 700; i++) {
		post_plain(REQUEST, 10000 + i, SELF);
		receive_all();
	}
	expect("each was answered", seen[RESPONSE], 700);
	expect("the others have made room", seen[SHUTDOWN], 700 - SILENT);
	for (unsigned i = 0; i < 700; i++) {
		post_text(10000 + i, SELF, i % 3 ? "CONNECT 7\n" : "nonsense\n");
		receive_all();
	}
	still_works();
}

static void refusal_storm(void)
{
	struct header h;

	start();
	for (unsigned i = 0; i < 2048; i++) {
		h = header(i % 2 ? REQUEST : DATA, i, DEAF);
		queue_packet(&h, HEADER);
		if (i % SIZE == SIZE - 1) {
			wait(0, TX);
			for (unsigned j = 0; j < 100 && queues[TX].used->index != queues[TX].avail->index; j++)
				receive_all();
		}
	}
	wait(0, TX);
	receive_all();
	expect("each was answered", seen[RESET], 2048);
	still_works();
}

static void connect_and_reset(void)
{
	start();
	for (unsigned i = 0; i < 500; i++) {
		post_plain(REQUEST, i % 100, SELF);
		if (i % 3)
			post_text(i % 100, SELF, "CONNECT 7\n");
		post_plain(i % 2 ? RESET : SHUTDOWN, i % 100, SELF);
		post_plain(RESET, i % 100, SELF);
		receive_all();
	}
	still_works();
}

/* Sensible at first sight, so that much of it reaches connections. */
static void packet_garbage(void)
{
	uint32_t ports[8] = { SELF, SELF, DEAF };
	unsigned next = 3;

	start();
	for (unsigned i = 0; i < 2000; i++) {
		struct header h = header((unsigned)garbage() % (OPERATIONS + 1), (uint32_t)garbage() % 12, ports[garbage() % 8]);
		uint32_t bytes = garbage() % 4 ? HEADER + (uint32_t)garbage() % 200 : (uint32_t)garbage() % BYTES + 1;
		volatile uint8_t *at = (void *)(queues[TX].buffers + queues[TX].avail->index % SIZE * BYTES + HEADER);

		if (garbage() % 4)
			h.bytes = h.operation == DATA && bytes > HEADER ? bytes - HEADER : 0;
		else
			h.bytes = (uint32_t)(garbage() >> garbage() % 64);
		h.flags = (uint32_t)garbage() % 4;
		h.forwarded = garbage() % 8 ? 0 : (uint32_t)garbage();
		h.buffer = garbage() % 8 ? BYTES : (uint32_t)garbage();
		if (h.operation == DATA && garbage() % 2)
			memcpy((void *)at, "CONNECT 7\n", 10);
		queue_packet(&h, bytes);
		if (garbage() % 4 == 0)
			wait(0, TX);
		while (receive())
			if (last.operation == REQUEST) {
				ports[next] = last.src_port;
				next = next == 7 ? 3 : next + 1;
			}
		wait(0, RX);
	}
	still_works();
}

static void broken_rings(void)
{
	for (unsigned i = 0; i < QUEUES; i++) {
		start();
		open_loop(1);
		queues[i].avail->index = (uint16_t)(queues[i].avail->index + SIZE + 1);
		wait(0, i);
		wait(0, TX);
		wait(MS, RX);
	}
	still_works();
}

static void events_in_the_way(void)
{
	start();
	for (unsigned i = 0; i < SIZE; i++) {
		describe(&queues[EVENT].desc[i], i % 2 ? UINT64_MAX : queues[EVENT].buffers, i, i % 4, i);
		offer(&queues[EVENT], i);
	}
	for (unsigned i = 0; i < 100; i++)
		wait(0, EVENT);
	open_loop(1);
	still_works();
}

static void set_up_with_connections(void)
{
	for (unsigned i = 0; i < 100; i++) {
		start();
		for (unsigned j = 0; j < 5; j++)
			post_plain(REQUEST, j, SELF);
		post_text(0, SELF, "CONNECT 7\n");
	}
	start();
	wait(5 * MS, RX);
	still_works();
}

static void exit_with_connections(void)
{
	start();
	open_loop(1);
	open_loop(2);
	kvick_exit(hostile_failed);
}

static void fault_with_connections(void)
{
	start();
	open_loop(1);
	__builtin_trap();
}

static const struct way ways[] = {
	{ "lengths", lengths },
	{ "pieces", pieces },
	{ "addresses", addresses },
	{ "operations", operations },
	{ "more-than-the-credit", more_than_the_credit },
	{ "forged-counters", forged_counters },
	{ "no-room", no_room },
	{ "small-room", small_room },
	{ "connect-storm", connect_storm },
	{ "silent-storm", silent_storm },
	{ "refusal-storm", refusal_storm },
	{ "connect-and-reset", connect_and_reset },
	{ "packet-garbage", packet_garbage },
	{ "broken-rings", broken_rings },
	{ "events-in-the-way", events_in_the_way },
	{ "set-up-with-connections", set_up_with_connections },
	{ "exit-with-connections", exit_with_connections },
	{ "fault-with-connections", fault_with_connections },
};

HOSTILE_MAIN(ways)
