/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A driver and a device talk: every form of ring, every feature, seeded. Data is compared from end to end, 16-bit indices wrap, and
 * both sides sleep: the driver until it is interrupted, the device until it is notified. If one signal too few were sent, both
 * would sleep with work left to do, and the conversation would not end.
 *
 * Once as a random interleaving in one thread, which is the same each time; once in two threads, where the barriers matter.
 */
#include "tests/unit/test_virtq.h"

#include <pthread.h>
#include <semaphore.h>
#include <time.h>

#define INDIRECT  BIT(VIRTIO_RING_F_INDIRECT_DESC)
#define EVENT     BIT(VIRTIO_RING_F_EVENT_IDX)
#define IN_ORDER  BIT(VIRTIO_F_IN_ORDER)
#define PACKED    BIT(VIRTIO_F_RING_PACKED)

#define CHAINS_INTERLEAVED 70000u /* more than 2^16 */
#define CHAINS_THREADED    4000u
#define STALL_SECONDS      50     /* a sleep this long in two threads is one without an end */
#define PARTS_MAX          5u
#define CHAIN_BYTES        128u   /* of each part of a chain */

struct talk {
	struct driver driver;
	struct virtq queue;
	uint64_t features;
	unsigned chains;            /* to be sent in all */
	char failure[128];          /* "" while all is well */

	/* The driver's. */
	uint64_t driver_random;
	unsigned sent, received;
	struct { unsigned number, arena, readable,
		       writable; struct driver_part parts[PARTS_MAX]; unsigned count; } out[VIRTQ_SIZE_MAX];

	bool arena_used[VIRTQ_SIZE_MAX + 1]; /* memory for a chain's parts; one more than there can be chains */

	/* The device's. */
	uint64_t device_random;
	struct virtq_chain held[VIRTQ_SIZE_MAX]; /* popped: their input or output is under way */
	unsigned held_count;

	/* Who is awake (one thread), or how to wake (two threads). */
	bool driver_awake, device_awake;
	unsigned notifications, interrupts;
	sem_t notified, interrupted;
};

#define CHECK(talk, condition)                                                                                       \
	do {                                                                                                         \
		if (!(condition) && !(talk)->failure[0])                                                             \
			snprintf((talk)->failure, sizeof((talk)->failure), "line %d: %s", __LINE__, #condition);     \
	} while (0)

/* xorshift64*: below `limit`. */
static unsigned dice(uint64_t *state, unsigned limit)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return (unsigned)((*state * 0x2545f4914f6cdd1dull) >> 33) % limit;
}

/* What is sent, and what is answered. */
static uint8_t question(unsigned number, unsigned offset)
{
	return (uint8_t)(number * 31 + offset * 7 + (number >> 8));
}

static uint8_t answer(unsigned sum, unsigned offset)
{
	return (uint8_t)(sum * 13 + offset * 3 + 1);
}

/* --- the driver --- */

/* A chain of random parts in an arena of its own; its questions are written. */
static bool send(struct talk *talk)
{
	struct driver *driver = &talk->driver;
	unsigned count = 1 + dice(&talk->driver_random, PARTS_MAX), readers = dice(&talk->driver_random, count + 1);
	bool indirect = talk->features & INDIRECT && dice(&talk->driver_random, 2);
	struct driver_part parts[PARTS_MAX];
	unsigned sums[2] = { 0, 0 }, arena = talk->sent % VIRTQ_SIZE_MAX;
	uint64_t at;
	int id;

	while (talk->arena_used[arena])
		arena = (arena + 1) % (VIRTQ_SIZE_MAX + 1);
	at = DRIVER_DATA_AT + arena * 2ull * CHAIN_BYTES;
	for (unsigned i = 0; i < count; i++) {
		unsigned bytes = dice(&talk->driver_random, CHAIN_BYTES / PARTS_MAX);

		parts[i] = (struct driver_part){ at, bytes, i >= readers };
		for (unsigned j = 0; j < bytes; j++)
			driver->mem.host[at + j] = i < readers ? question(talk->sent, sums[0] + j) : 0xcc;
		sums[i >= readers] += bytes;
		at += bytes + dice(&talk->driver_random, 4);
	}
	id = driver_add(driver, parts, count, indirect);
	if (id < 0)
		return false;
	talk->arena_used[arena] = true;
	talk->out[id].arena = arena;
	talk->out[id].number = talk->sent++;
	talk->out[id].readable = sums[0];
	talk->out[id].writable = sums[1];
	talk->out[id].count = count;
	memcpy(talk->out[id].parts, parts, sizeof(parts));
	return true;
}

/* Takes a used chain and compares what came back. False if there is none. */
static bool receive(struct talk *talk)
{
	uint16_t id;
	uint32_t written;
	unsigned sum = 0, offset = 0;
	int r = driver_take_used(&talk->driver, &id, &written);

	CHECK(talk, r >= 0);
	if (r <= 0)
		return false;
	for (unsigned i = 0; i < talk->out[id].readable; i++)
		sum += question(talk->out[id].number, i);
	CHECK(talk, written == (talk->out[id].writable ? sum % (talk->out[id].writable + 1) : 0));
	CHECK(talk, !(talk->features & IN_ORDER) || talk->out[id].number == talk->received);
	for (unsigned i = 0; i < talk->out[id].count; i++) {
		const struct driver_part *part = &talk->out[id].parts[i];

		for (unsigned j = 0; part->writable && j < part->bytes; j++, offset++)
			CHECK(talk, talk->driver.mem.host[part->address + j] == (offset < written ? answer(sum, offset) : 0xcc));
	}
	talk->arena_used[talk->out[id].arena] = false;
	talk->received++;
	return true;
}

/* Asks for an interrupt: at the next used chain, or later, but not later than all that is outstanding. May the driver sleep? */
static bool driver_may_sleep(struct talk *talk)
{
	unsigned outstanding = talk->sent - talk->received, later = 0;

	if (outstanding == 0)
		return false;
	if (talk->features & EVENT && dice(&talk->driver_random, 2))
		later = talk->features & PACKED ? (talk->driver.config.size - talk->driver.free) * 3u / 4 : outstanding * 3 / 4;
	return !driver_interrupts_on(&talk->driver, (uint16_t)later);
}

/* --- the device --- */

/* True: there was one. */
static bool take(struct talk *talk)
{
	int r = virtq_pop(&talk->queue, &talk->held[talk->held_count]);

	CHECK(talk, r >= 0);
	talk->held_count += r == 1;
	CHECK(talk, talk->queue.in_flight == talk->held_count && talk->held_count <= talk->queue.config.size);
	return r == 1;
}

/* Answers one of the chains under way, any. */
static void finish(struct talk *talk)
{
	unsigned which = dice(&talk->device_random, talk->held_count), sum = 0;
	struct virtq_chain *chain = &talk->held[which];
	uint8_t bytes[CHAIN_BYTES];
	uint32_t written = 0;

	CHECK(talk, chain_read(chain, 0, bytes, sizeof(bytes)) == chain->readable_bytes);
	for (unsigned i = 0; i < chain->readable_bytes; i++)
		sum += bytes[i];
	if (chain->writable_bytes)
		written = sum % (unsigned)(chain->writable_bytes + 1);
	for (unsigned i = 0; i < written; i++)
		bytes[i] = answer(sum, i);
	CHECK(talk, chain_write(chain, 0, bytes, written) == written);
	virtq_push(&talk->queue, chain, written);
	*chain = talk->held[--talk->held_count];
}

/* --- one thread --- */

static void driver_turn(struct talk *talk)
{
	bool added = false;

	switch (dice(&talk->driver_random, 4)) {
	case 0:
		for (unsigned i = 1 + dice(&talk->driver_random, 4); i > 0 && talk->sent < talk->chains; i--)
			added |= send(talk);
		if (added && driver_should_notify(&talk->driver)) {
			talk->device_awake = true;
			talk->notifications++;
		}
		break;
	case 1:
		driver_interrupts_off(&talk->driver);
		while (receive(talk) && dice(&talk->driver_random, 8))
			;
		break;
	default:
		talk->driver_awake = !driver_may_sleep(talk);
	}
}

static void device_turn(struct talk *talk)
{
	if (dice(&talk->device_random, 2))
		virtq_quiet(&talk->queue);
	while (take(talk))
		if (dice(&talk->device_random, 8) == 0)
			return; /* awake still: it comes back */
	talk->device_awake = virtq_listen(&talk->queue);
}

/* The host finishes some. */
static void host_turn(struct talk *talk)
{
	for (unsigned i = 1 + dice(&talk->device_random, 3); i > 0 && talk->held_count > 0; i--)
		finish(talk);
	if (virtq_needs_interrupt(&talk->queue)) {
		talk->driver_awake = true;
		talk->interrupts++;
	}
}

static void interleave(struct talk *talk)
{
	uint64_t schedule = 88172645463325252ull;

	talk->driver_awake = true;
	while (talk->received < talk->chains && !talk->failure[0]) {
		unsigned turn = dice(&schedule, 3);

		CHECK(talk, talk->driver_awake || talk->device_awake || talk->held_count > 0);
		if (turn == 0 && talk->driver_awake)
			driver_turn(talk);
		else if (turn == 1 && talk->device_awake)
			device_turn(talk);
		else if (turn == 2 && talk->held_count > 0)
			host_turn(talk);
	}
}

/* --- two threads --- */

static bool sleep_until(struct talk *talk, sem_t *woken, const char *who)
{
	struct timespec until;
	int r;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += STALL_SECONDS;
	do
		r = sem_timedwait(woken, &until);
	while (r < 0 && errno == EINTR);
	if (r < 0 && !talk->failure[0])
		snprintf(talk->failure, sizeof(talk->failure), "the %s was never woken", who);
	return r == 0;
}

/* Ends when the driver has all, and posts once more. */
static void *device_thread(void *context)
{
	struct talk *talk = context;

	while (!talk->failure[0] && talk->queue.counts.used < talk->chains) {
		virtq_quiet(&talk->queue);
		while (take(talk))
			;
		while (talk->held_count > 0)
			finish(talk);
		if (virtq_needs_interrupt(&talk->queue)) {
			talk->interrupts++;
			sem_post(&talk->interrupted);
		}
		if (talk->queue.counts.used < talk->chains && !virtq_listen(&talk->queue) &&
		    !sleep_until(talk, &talk->notified, "device"))
			break;
	}
	return NULL;
}

static void driver_thread(struct talk *talk)
{
	while (!talk->failure[0] && talk->received < talk->chains) {
		bool added = false;

		driver_interrupts_off(&talk->driver);
		for (unsigned i = 1 + dice(&talk->driver_random, 8); i > 0 && talk->sent < talk->chains; i--)
			added |= send(talk);
		if (added && driver_should_notify(&talk->driver)) {
			talk->notifications++;
			sem_post(&talk->notified);
		}
		while (receive(talk))
			;
		if (dice(&talk->driver_random, 2) && driver_may_sleep(talk) &&
		    !sleep_until(talk, &talk->interrupted, "driver"))
			break;
	}
}

static void thread(struct talk *talk)
{
	pthread_t device;

	sem_init(&talk->notified, 0, 0);
	sem_init(&talk->interrupted, 0, 0);
	if (pthread_create(&device, NULL, device_thread, talk))
		abort();
	driver_thread(talk);
	sem_post(&talk->notified);
	pthread_join(device, NULL);
	sem_destroy(&talk->notified);
	sem_destroy(&talk->interrupted);
}

/* --- all combinations --- */

static void converse(uint64_t form, unsigned chains, void (*how)(struct talk *talk))
{
	static const uint64_t features[] = { INDIRECT, EVENT, IN_ORDER };
	static const uint16_t sizes[] = { 4, 16, 256 };

	for (unsigned i = 0; i < 1u << COUNT_OF(features); i++) {
		struct talk *talk = calloc(1, sizeof(*talk));
		uint16_t size = form && i == 5 ? 7 : sizes[i % COUNT_OF(sizes)];

		talk->features = form;
		for (unsigned j = 0; j < COUNT_OF(features); j++)
			talk->features |= i >> j & 1 ? features[j] : 0;
		talk->chains = chains;
		talk->driver_random = 0x9e3779b97f4a7c15ull + i;
		talk->device_random = 0xd1b54a32d192ed03ull + i;
		driver_create(&talk->driver, 4ull << 20);
		driver_start(&talk->driver, size, talk->features);
		assert_int_equal(virtq_start(&talk->queue, &talk->driver.mem, &talk->driver.config, talk->features), 0);
		how(talk);
		if (talk->failure[0])
			fail_msg("features %#llx, size %u: %s; %u sent, %u received; %s", (unsigned long long)talk->features, size,
				 talk->failure, talk->sent, talk->received, talk->queue.broken ? talk->queue.broken : "ring sound");
		assert_int_equal(talk->received, chains);
		assert_int_equal(talk->queue.counts.chains, chains);
		assert_int_equal(talk->queue.counts.used, chains);
		assert_int_equal(talk->queue.counts.interrupts, talk->interrupts);
		/* Both sides were spared something. */
		assert_in_range(talk->notifications, 1, chains - 1);
		assert_in_range(talk->interrupts, 1, chains - 1);
		driver_destroy(&talk->driver);
		free(talk);
	}
}

static void a_split_conversation_in_any_order_of_events_ends(void **state)
{
	(void)state;
	converse(0, CHAINS_INTERLEAVED, interleave);
}

static void a_packed_conversation_in_any_order_of_events_ends(void **state)
{
	(void)state;
	converse(PACKED, CHAINS_INTERLEAVED, interleave);
}

static void a_split_conversation_between_two_threads_ends(void **state)
{
	(void)state;
	converse(0, CHAINS_THREADED, thread);
}

static void a_packed_conversation_between_two_threads_ends(void **state)
{
	(void)state;
	converse(PACKED, CHAINS_THREADED, thread);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_split_conversation_in_any_order_of_events_ends),
		cmocka_unit_test(a_packed_conversation_in_any_order_of_events_ends),
		cmocka_unit_test(a_split_conversation_between_two_threads_ends),
		cmocka_unit_test(a_packed_conversation_between_two_threads_ends),
	};

	return cmocka_run_group_tests_name("virtq_conversation", tests, NULL, NULL);
}
