/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each side says its word and then looks at the other's, both at the same time: one of the two has to see (2.7.10, 2.8.10).
 * Without a full barrier on either side it happens that neither does, and a signal is lost; here some of many thousand times.
 */
#include "tests/unit/test_virtq.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#define ROUNDS 100000u

struct meeting {
	struct fixture *fixture;
	bool (*device)(struct fixture *f);
	atomic_uint begun, ended;
	bool result;
};

static bool device_pushes(struct fixture *f)
{
	virtq_push(&f->queue, &f->chain, 0);
	return virtq_needs_interrupt(&f->queue);
}

static bool device_listens(struct fixture *f)
{
	return virtq_listen(&f->queue);
}

/* Spins, but lets others run where there is one processor only. */
static void wait_for(atomic_uint *counter, unsigned value)
{
	for (unsigned i = 1; atomic_load_explicit(counter, memory_order_acquire) < value; i++)
		if (i % 1024 == 0)
			sched_yield();
}

static void pause_for(unsigned turns)
{
	for (unsigned i = 0; i < turns; i++)
		__asm__ volatile("");
}

static void *device_thread(void *context)
{
	struct meeting *meeting = context;

	for (unsigned round = 1; round <= ROUNDS; round++) {
		wait_for(&meeting->begun, round);
		pause_for(round % 37);
		meeting->result = meeting->device(meeting->fixture);
		atomic_store_explicit(&meeting->ended, round, memory_order_release);
	}
	return NULL;
}

static void meet(struct meeting *meeting, unsigned round)
{
	atomic_store_explicit(&meeting->begun, round, memory_order_release);
	pause_for(round % 401);
}

/* The device uses a chain and asks whether to interrupt; the driver asks for interrupts and looks for used chains. */
static void interrupts(void **state, uint64_t features)
{
	struct fixture *f = *state;
	struct meeting meeting = { .fixture = f, .device = device_pushes };
	unsigned lost = 0;
	pthread_t thread;

	start_with(f, SIZE, features);
	assert_int_equal(pthread_create(&thread, NULL, device_thread, &meeting), 0);
	for (unsigned round = 1; round <= ROUNDS; round++) {
		uint16_t id;
		uint32_t written;
		bool seen;

		driver_interrupts_off(&f->driver);
		offer(f, 1, 0);
		pop(f);
		meet(&meeting, round);
		seen = driver_interrupts_on(&f->driver, 0);
		wait_for(&meeting.ended, round);
		lost += !seen && !meeting.result;
		driver_take_used(&f->driver, &id, &written);
	}
	pthread_join(thread, NULL);
	assert_int_equal(lost, 0);
}

/* The driver adds a chain and asks whether to notify; the device asks for notifications and looks for chains. */
static void notifications(void **state, uint64_t features)
{
	struct fixture *f = *state;
	struct meeting meeting = { .fixture = f, .device = device_listens };
	unsigned lost = 0;
	pthread_t thread;

	start_with(f, SIZE, features);
	assert_int_equal(pthread_create(&thread, NULL, device_thread, &meeting), 0);
	for (unsigned round = 1; round <= ROUNDS; round++) {
		uint16_t id;
		uint32_t written;
		bool notify;

		virtq_quiet(&f->queue);
		meet(&meeting, round);
		offer(f, 1, 0);
		notify = driver_should_notify(&f->driver);
		wait_for(&meeting.ended, round);
		lost += !notify && !meeting.result;
		pop(f);
		push(f, 0);
		driver_take_used(&f->driver, &id, &written);
	}
	pthread_join(thread, NULL);
	assert_int_equal(lost, 0);
}

#define EVENT  BIT(VIRTIO_RING_F_EVENT_IDX)
#define PACKED BIT(VIRTIO_F_RING_PACKED)

static void no_interrupt_of_a_split_ring_is_lost(void **state)
{
	interrupts(state, 0);
}

static void no_interrupt_of_a_split_ring_with_event_indices_is_lost(void **state)
{
	interrupts(state, EVENT);
}

static void no_interrupt_of_a_packed_ring_is_lost(void **state)
{
	interrupts(state, PACKED);
}

static void no_interrupt_of_a_packed_ring_with_event_indices_is_lost(void **state)
{
	interrupts(state, PACKED | EVENT);
}

static void no_notification_of_a_split_ring_is_lost(void **state)
{
	notifications(state, 0);
}

static void no_notification_of_a_split_ring_with_event_indices_is_lost(void **state)
{
	notifications(state, EVENT);
}

static void no_notification_of_a_packed_ring_is_lost(void **state)
{
	notifications(state, PACKED);
}

static void no_notification_of_a_packed_ring_with_event_indices_is_lost(void **state)
{
	notifications(state, PACKED | EVENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(no_interrupt_of_a_split_ring_is_lost),
		TEST(no_interrupt_of_a_split_ring_with_event_indices_is_lost),
		TEST(no_interrupt_of_a_packed_ring_is_lost),
		TEST(no_interrupt_of_a_packed_ring_with_event_indices_is_lost),
		TEST(no_notification_of_a_split_ring_is_lost),
		TEST(no_notification_of_a_split_ring_with_event_indices_is_lost),
		TEST(no_notification_of_a_packed_ring_is_lost),
		TEST(no_notification_of_a_packed_ring_with_event_indices_is_lost),
	};

	return cmocka_run_group_tests_name("virtq_barriers", tests, NULL, NULL);
}
