/* SPDX-License-Identifier: Apache-2.0 */
/* The driver's side of virtqueues (guests/runtime/virtq.c) against a model of the device's. */
#include "tests/unit/test_unit.h"

#include <pthread.h>
#include <semaphore.h>
#include <time.h>

#include "guests/runtime/virtq.h"
#include "tests/unit/virtq_model.h"

#define ARENA_BYTES (1u << 20)
#define RING_AT     0x3000u

struct pair {
	uint8_t *arena;
	struct vq vq;
	struct model model;
	uint32_t random;
};

static struct pair pair;

static void set_up_pair(unsigned size, uint64_t features)
{
	assert_true(RING_AT + vq_bytes(size, features) <= ARENA_BYTES);
	memset(pair.arena, 0xa5, ARENA_BYTES);
	vq_init(&pair.vq, pair.arena + RING_AT, RING_AT, size, features);
	pair.model = (struct model){
		.arena = pair.arena,
		.desc = pair.vq.desc,
		.driver = pair.vq.driver,
		.device = pair.vq.device,
		.size = (uint16_t)size,
		.packed = features & VQ_F_PACKED,
		.event_index = features & VQ_F_EVENT_INDEX,
		.avail_wrap = true,
		.used_wrap = true,
	};
	pair.random = 1;
}

static int set_up(void **state)
{
	(void)state;
	pair.arena = aligned_alloc(4096, ARENA_BYTES);
	return pair.arena ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	free(pair.arena);
	return 0;
}

static unsigned draw(unsigned below)
{
	pair.random = pair.random * 1664525u + 1013904223u;
	return (pair.random >> 16) % below;
}

static const uint64_t kinds[] = {
	0,
	VQ_F_INDIRECT,
	VQ_F_EVENT_INDEX,
	VQ_F_INDIRECT | VQ_F_EVENT_INDEX,
	VQ_F_PACKED,
	VQ_F_PACKED | VQ_F_INDIRECT,
	VQ_F_PACKED | VQ_F_EVENT_INDEX,
	VQ_F_ALL,
	VQ_F_IN_ORDER,
	VQ_F_IN_ORDER | VQ_F_INDIRECT | VQ_F_EVENT_INDEX,
	VQ_F_IN_ORDER | VQ_F_PACKED,
	VQ_F_IN_ORDER | VQ_F_ALL,
};

/* Runs a test for each kind of ring. */
#define FOR_EACH_KIND(features) \
	for (uint64_t k_ = 0, features; k_ < COUNT_OF(kinds) && (features = kinds[k_], true); k_++)

static int add_simple(uintptr_t cookie, unsigned readable, unsigned writable)
{
	struct vq_segment segments[VQ_SEGMENTS_MAX];

	for (unsigned i = 0; i < readable + writable; i++)
		segments[i] = (struct vq_segment){ cookie * 0x1000 + i * 0x100, 0x10 + i };
	return vq_add(&pair.vq, segments, readable, writable, (void *)cookie);
}

static void assert_taken(uintptr_t cookie, uint32_t written)
{
	uint32_t bytes;
	void *taken;

	assert_int_equal(vq_take(&pair.vq, &taken, &bytes), 1);
	assert_int_equal((uintptr_t)taken, cookie);
	assert_int_equal(bytes, written);
}

static void assert_none_taken(int expected)
{
	uint32_t bytes;
	void *taken;

	assert_int_equal(vq_take(&pair.vq, &taken, &bytes), expected);
}

static void pop_and_push(uint32_t written)
{
	struct model_chain chain;

	assert_true(model_pop(&pair.model, &chain));
	model_push(&pair.model, &chain, written);
}

static void the_device_sees_what_was_added(void **state)
{
	(void)state;
	FOR_EACH_KIND(features) {
		struct model_chain chain;

		set_up_pair(16, features);
		assert_int_equal(add_simple(7, 2, 3), 0);
		vq_publish(&pair.vq);
		assert_true(model_pop(&pair.model, &chain));
		assert_int_equal(chain.readable, 2);
		assert_int_equal(chain.writable, 3);
		assert_int_equal(chain.descriptors, pair.model.packed && !(features & VQ_F_INDIRECT) ? 5 : 1);
		for (unsigned i = 0; i < 5; i++) {
			assert_int_equal(chain.segments[i].address, 0x7000 + i * 0x100);
			assert_int_equal(chain.segments[i].bytes, 0x10 + i);
		}
		assert_false(model_pop(&pair.model, &chain));
		assert_none_taken(0);
		model_push(&pair.model, &chain, 5);
		assert_taken(7, 5);
		assert_none_taken(0);
	}
}

static void a_full_ring_says_so_and_recovers(void **state)
{
	(void)state;
	FOR_EACH_KIND(features) {
		unsigned each = features & VQ_F_INDIRECT ? 1 : 3, fit = 16 / each;

		set_up_pair(16, features);
		for (unsigned round = 0; round < 5; round++) {
			for (unsigned i = 0; i < fit; i++)
				assert_int_equal(add_simple(i + 1, 1, 2), 0);
			assert_int_equal(add_simple(99, 1, 2), -KVICK_ENOMEM);
			vq_publish(&pair.vq);
			pop_and_push(0);
			assert_taken(1, 0);
			assert_int_equal(add_simple(fit + 1, 1, 2), 0);
			vq_publish(&pair.vq);
			for (unsigned i = 0; i < fit; i++) {
				pop_and_push(0);
				assert_taken(i + 2, 0);
			}
			assert_int_equal(pair.vq.free, 16);
		}
	}
}

static void what_can_never_fit_is_refused(void **state)
{
	(void)state;
	FOR_EACH_KIND(features) {
		set_up_pair(2, features);
		assert_int_equal(vq_add(&pair.vq, NULL, 0, 0, NULL), -KVICK_EINVAL);
		assert_int_equal(vq_add(&pair.vq, NULL, VQ_SEGMENTS_MAX, 1, NULL), -KVICK_EINVAL);
		assert_int_equal(add_simple(1, 1, 2), features & VQ_F_INDIRECT ? 0 : -KVICK_EINVAL);
	}
}

/* Any number of segments, used in any order (unless one is agreed on), through many rounds of the ring. */
static void buffers_may_come_back_in_any_order(unsigned size, uint64_t features)
{
	struct model_chain held[256];
	bool in_flight[1024] = { false };
	unsigned held_count = 0, most = features & VQ_F_INDIRECT ? VQ_SEGMENTS_MAX : size < 5 ? size : 5;

	set_up_pair(size, features);
	for (unsigned step = 0; step < 4000; step++) {
		uintptr_t cookie = 1 + draw(1000);
		unsigned writable = draw(most + 1);
		uint32_t written;
		void *taken;

		if (!in_flight[cookie] && writable > 0 && add_simple(cookie, draw(most - writable + 1), writable) == 0)
			in_flight[cookie] = true;
		if (draw(3) == 0)
			vq_publish(&pair.vq);
		if (draw(2) && model_pop(&pair.model, &held[held_count]))
			held_count++;
		if (held_count > 0 && draw(2)) {
			unsigned which = features & VQ_F_IN_ORDER ? 0 : draw(held_count);

			/* The first segment tells which buffer it is. */
			model_push(&pair.model, &held[which], (uint32_t)(held[which].segments[0].address >> 12) % 0x10);
			held_count--;
			memmove(&held[which], &held[which + 1], (held_count - which) * sizeof(held[0]));
		}
		if (vq_take(&pair.vq, &taken, &written) == 1) {
			assert_true(in_flight[(uintptr_t)taken]);
			in_flight[(uintptr_t)taken] = false;
			assert_int_equal(written, (uintptr_t)taken % 0x10);
		}
	}
	assert_false(pair.vq.broken);
}

static void rings_of_all_sizes_keep_their_books(void **state)
{
	static const unsigned sizes[] = { 1, 2, 4, 8, 64, 256, 3, 7, 100 };

	(void)state;
	FOR_EACH_KIND(features)
		for (unsigned i = 0; i < COUNT_OF(sizes); i++)
			if (features & VQ_F_PACKED || (sizes[i] & (sizes[i] - 1)) == 0)
				buffers_may_come_back_in_any_order(sizes[i], features);
}

/* 2.7.5.2: "to 0 for the last descriptor in the table and to x + 1 for the rest". */
static void in_order_descriptors_follow_one_another(void **state)
{
	(void)state;
	set_up_pair(8, VQ_F_IN_ORDER);
	for (unsigned round = 0; round < 20; round++) {
		for (unsigned i = 0; i < 2; i++)
			assert_int_equal(add_simple(i + 1, 1, 2), 0);
		vq_publish(&pair.vq);
		for (unsigned i = 0; i < 8; i++)
			if (pair.vq.ring[i].split.flags & VQ_DESC_NEXT)
				assert_int_equal(pair.vq.ring[i].split.next, (i + 1) % 8);
		for (unsigned i = 0; i < 2; i++) {
			pop_and_push(0);
			assert_taken(i + 1, 0);
		}
	}
}

/* 2.7.9: those that are skipped count as written to their end. Batches of any length, round the ring's end. */
static void in_order_a_batch_is_told_by_its_last(void **state)
{
	(void)state;
	FOR_EACH_KIND(features) {
		struct model_chain chains[8];

		if (!(features & VQ_F_IN_ORDER))
			continue;
		set_up_pair(16, features);
		for (unsigned round = 0; round < 50; round++) {
			unsigned count = 1 + round % 5;

			for (unsigned i = 0; i < count; i++) {
				assert_int_equal(add_simple(i + 1, 1, 2), 0); /* 0x11 and 0x12 bytes */
				vq_publish(&pair.vq);
				assert_true(model_pop(&pair.model, &chains[i]));
			}
			assert_none_taken(0);
			model_push_batch(&pair.model, chains, count, 3);
			for (unsigned i = 0; i < count; i++) {
				assert_false(vq_arm(&pair.vq));
				assert_taken(i + 1, i + 1 < count ? 0x23 : 3);
			}
			assert_none_taken(0);
			assert_true(vq_arm(&pair.vq));
			assert_int_equal(pair.vq.free, 16);
		}
	}
}

static void in_order_a_batch_that_goes_beyond_the_index_breaks_it(void **state)
{
	struct model_chain chain;

	(void)state;
	set_up_pair(8, VQ_F_IN_ORDER);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(add_simple(i + 1, 0, 1), 0);
		vq_publish(&pair.vq);
		assert_true(model_pop(&pair.model, &chain));
	}
	model_push(&pair.model, &chain, 0); /* the third, and the index says one */
	assert_taken(1, 0x10);
	assert_none_taken(-KVICK_EIO);
	assert_none_taken(-KVICK_EIO);
}

static void an_id_beyond_the_ring_breaks_it(void **state)
{
	(void)state;
	FOR_EACH_KIND(features) {
		set_up_pair(8, features);
		add_simple(1, 0, 1);
		vq_publish(&pair.vq);
		model_push_raw(&pair.model, 8, 0, 1);
		assert_none_taken(-KVICK_EIO);
		assert_none_taken(-KVICK_EIO);
	}
}

static void an_id_that_is_not_in_flight_breaks_it(void **state)
{
	(void)state;
	FOR_EACH_KIND(features) {
		set_up_pair(8, features);
		add_simple(1, 0, 1);
		vq_publish(&pair.vq);
		model_push_raw(&pair.model, 5, 0, 1);
		assert_none_taken(-KVICK_EIO);

		/* Likewise one that came back already. */
		set_up_pair(8, features);
		add_simple(1, 0, 1);
		vq_publish(&pair.vq);
		pop_and_push(0);
		assert_taken(1, 0);
		model_push_raw(&pair.model, 0, 0, 1);
		assert_none_taken(-KVICK_EIO);
	}
}

static void more_written_than_there_is_room_breaks_it(void **state)
{
	(void)state;
	FOR_EACH_KIND(features) {
		set_up_pair(8, features);
		add_simple(1, 1, 1); /* 0x10 to read, 0x11 to write */
		vq_publish(&pair.vq);
		pop_and_push(0x11);
		assert_taken(1, 0x11);
		add_simple(1, 1, 1);
		vq_publish(&pair.vq);
		pop_and_push(0x12);
		assert_none_taken(-KVICK_EIO);
	}
}

/* 2.8.4: the length means nothing where the device says that it wrote nothing. */
static void a_packed_length_without_its_flag_is_ignored(void **state)
{
	struct model_chain chain;

	(void)state;
	set_up_pair(8, VQ_F_PACKED);
	add_simple(1, 0, 1);
	vq_publish(&pair.vq);
	assert_true(model_pop(&pair.model, &chain));
	model_push(&pair.model, &chain, 0);
	pair.vq.ring[0].bytes = 0xffffffff;
	assert_taken(1, 0);
}

static void a_device_that_listens_is_notified_once(void **state)
{
	(void)state;
	FOR_EACH_KIND(features) {
		set_up_pair(4, features);
		assert_false(vq_publish(&pair.vq)); /* nothing new */
		for (unsigned i = 0; i < 20; i++) {
			model_listen(&pair.model);
			add_simple(1, 0, 1);
			add_simple(2, 0, 1);
			assert_true(vq_publish(&pair.vq));
			add_simple(3, 0, 1);
			/* The event index was passed by the batch before; flags still stand. */
			assert_int_equal(vq_publish(&pair.vq), !pair.model.event_index);
			for (unsigned n = 1; n <= 3; n++) {
				pop_and_push(0);
				assert_taken(n, 0);
			}
		}
	}
}

static void a_quiet_device_is_not_notified(void **state)
{
	(void)state;
	FOR_EACH_KIND(features) {
		set_up_pair(4, features);
		for (unsigned i = 0; i < 20; i++) {
			model_listen(&pair.model);
			add_simple(1, 0, 1);
			assert_true(vq_publish(&pair.vq));
			model_quiet(&pair.model);
			pop_and_push(0);
			assert_taken(1, 0);
			add_simple(2, 0, 1);
			assert_false(vq_publish(&pair.vq));
			pop_and_push(0);
			assert_taken(2, 0);
		}
	}
}

static void an_armed_ring_gets_one_event(void **state)
{
	(void)state;
	FOR_EACH_KIND(features) {
		set_up_pair(4, features);
		for (unsigned i = 0; i < 20; i++) {
			add_simple(1, 0, 1);
			add_simple(2, 0, 1);
			add_simple(3, 0, 1);
			vq_publish(&pair.vq);
			assert_true(vq_arm(&pair.vq));
			pop_and_push(0);
			assert_true(model_wants_event(&pair.model));
			assert_false(vq_arm(&pair.vq)); /* one is there */
			pop_and_push(0);
			/* That it was asked for again does not make an event of what was used before. */
			assert_int_equal(model_wants_event(&pair.model), !pair.model.event_index);
			assert_taken(1, 0);
			assert_taken(2, 0);
			assert_true(vq_arm(&pair.vq));
			pop_and_push(0);
			assert_true(model_wants_event(&pair.model));
			assert_taken(3, 0);
		}
	}
}

/* --- two threads, as it is in earnest: a notification or an event that gets lost is a sleep without end --- */

#define RACE_BUFFERS 30000u
#define RACE_SIZE    8u

static sem_t notification, event;

static void sleep_on(sem_t *semaphore)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 50;
	if (sem_timedwait(semaphore, &until) != 0)
		abort(); /* not assert: this may be the other thread */
}

static void *device_thread(void *unused)
{
	struct model *model = &pair.model;
	struct model_chain chain;
	unsigned done = 0;

	while (done < RACE_BUFFERS) {
		model_quiet(model);
		while (model_pop(model, &chain)) {
			model_push(model, &chain, chain.segments[0].bytes);
			done++;
			if (model_wants_event(model))
				sem_post(&event);
		}
		struct model look = *model;

		model_listen(model);
		if (!model_pop(&look, &chain) && done < RACE_BUFFERS)
			sleep_on(&notification);
	}
	return unused;
}

static void drive_against_the_thread(void)
{
	unsigned added = 0, taken = 0;
	uint32_t written;
	void *cookie;

	while (taken < RACE_BUFFERS) {
		unsigned before = taken;

		while (added < RACE_BUFFERS) {
			struct vq_segment segment = { 0x1000, 1 + added % 1000 };

			if (vq_add(&pair.vq, &segment, 0, 1, (void *)(uintptr_t)added) < 0)
				break;
			added++;
			if (vq_publish(&pair.vq))
				sem_post(&notification);
		}
		while (vq_take(&pair.vq, &cookie, &written) == 1) {
			assert_int_equal((uintptr_t)cookie, taken);
			assert_int_equal(written, 1 + taken % 1000);
			taken++;
		}
		assert_false(pair.vq.broken);
		if (taken == before && vq_arm(&pair.vq))
			sleep_on(&event);
	}
}

static void nothing_is_lost_between_two_threads(void **state)
{
	(void)state;
	FOR_EACH_KIND(features) {
		pthread_t thread;

		set_up_pair(RACE_SIZE, features);
		assert_int_equal(sem_init(&notification, 0, 0), 0);
		assert_int_equal(sem_init(&event, 0, 0), 0);
		assert_int_equal(pthread_create(&thread, NULL, device_thread, NULL), 0);
		drive_against_the_thread();
		assert_int_equal(pthread_join(thread, NULL), 0);
		sem_destroy(&notification);
		sem_destroy(&event);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_device_sees_what_was_added),
		TEST(a_full_ring_says_so_and_recovers),
		TEST(what_can_never_fit_is_refused),
		TEST(rings_of_all_sizes_keep_their_books),
		TEST(in_order_descriptors_follow_one_another),
		TEST(in_order_a_batch_is_told_by_its_last),
		TEST(in_order_a_batch_that_goes_beyond_the_index_breaks_it),
		TEST(an_id_beyond_the_ring_breaks_it),
		TEST(an_id_that_is_not_in_flight_breaks_it),
		TEST(more_written_than_there_is_room_breaks_it),
		TEST(a_packed_length_without_its_flag_is_ignored),
		TEST(a_device_that_listens_is_notified_once),
		TEST(a_quiet_device_is_not_notified),
		TEST(an_armed_ring_gets_one_event),
		TEST(nothing_is_lost_between_two_threads),
	};

	return cmocka_run_group_tests_name("guest_virtq", tests, NULL, NULL);
}
