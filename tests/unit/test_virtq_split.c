/* SPDX-License-Identifier: Apache-2.0 */
/* Split virtqueues with a driver that keeps to virtio 1.2, 2.7. */
#include "tests/unit/test_virtq_split.h"

/* --- chains --- */

static void an_empty_ring_gives_nothing(void **state)
{
	pop_nothing(start(state, 0));
}

static void a_chain_is_readable_segments_then_writable_ones(void **state)
{
	struct fixture *f = start(state, 0);
	static const struct driver_part parts[] = {
		{ DRIVER_DATA_AT, 16, false }, { DRIVER_DATA_AT + 0x100, 512, false },
		{ DRIVER_DATA_AT + 0x1000, 4096, true }, { DRIVER_DATA_AT + 0x50, 1, true },
	};

	assert_int_equal(driver_add(&f->driver, parts, 4, false), 0);
	pop(f);
	assert_int_equal(f->chain.id, 0);
	assert_int_equal(f->chain.readable, 2);
	assert_int_equal(f->chain.writable, 2);
	assert_int_equal(f->chain.readable_bytes, 528);
	assert_int_equal(f->chain.writable_bytes, 4097);
	for (unsigned i = 0; i < 4; i++)
		segment_is(f, i, parts[i].address, parts[i].bytes);
	pop_nothing(f);
}

static void chains_come_in_the_order_of_the_available_ring(void **state)
{
	struct fixture *f = start(state, 0);

	for (unsigned i = 0; i < SIZE; i++) {
		set(f, i, DRIVER_DATA_AT + i, i + 1, 0, 0);
		avail(f, (uint16_t)(SIZE - 1 - i));
	}
	for (unsigned i = SIZE; i-- > 0;) {
		pop(f);
		assert_int_equal(f->chain.id, i);
		segment_is(f, 0, DRIVER_DATA_AT + i, i + 1);
	}
	pop_nothing(f);
}

/* The element of length 0 is not forbidden (2.7.5.2); not even its address is looked at. */
static void segments_of_length_zero_are_left_out(void **state)
{
	struct fixture *f = start(state, 0);

	set(f, 0, RAM * 2, 0, VRING_DESC_F_NEXT, 1);
	set(f, 1, DRIVER_DATA_AT, 8, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 2);
	set(f, 2, DRIVER_DATA_AT, 0, VRING_DESC_F_WRITE, 0);
	avail(f, 0);
	pop(f);
	assert_int_equal(f->chain.readable, 0);
	assert_int_equal(f->chain.writable, 1);
	segment_is(f, 0, DRIVER_DATA_AT, 8);
}

/* THREATS 6: what a device makes of it is its own affair; it must be able to give it back. */
static void a_chain_of_nothing_can_be_taken_and_given_back(void **state)
{
	struct fixture *f = start(state, 0);
	struct driver_part part = { 0, 0, false };

	assert_int_equal(driver_add(&f->driver, &part, 1, false), 0);
	pop(f);
	assert_int_equal(f->chain.readable + f->chain.writable, 0);
	push(f, 77);
	used_is(f, 0, 0);
}

static void a_chain_as_long_as_the_queue_is_good(void **state)
{
	struct fixture *f = start(state, 0);

	for (unsigned i = 0; i < SIZE; i++)
		set(f, i, DRIVER_DATA_AT + i, 1, i ? VRING_DESC_F_NEXT : 0, i - 1);
	avail(f, SIZE - 1);
	pop(f);
	assert_int_equal(f->chain.readable, SIZE);
}

static void a_segment_may_end_where_ram_ends(void **state)
{
	struct fixture *f = start(state, 0);

	set(f, 0, RAM - 1, 1, VRING_DESC_F_WRITE, 0);
	avail(f, 0);
	pop(f);
	segment_is(f, 0, RAM - 1, 1);
}

static void what_is_written_is_capped_to_what_the_chain_holds(void **state)
{
	struct fixture *f = start(state, 0);

	offer(f, 100, 10);
	pop(f);
	push(f, 11);
	used_is(f, 0, 10);
	assert_int_equal(f->queue.counts.bytes_written, 10);
}

static void chains_may_be_used_in_any_order(void **state)
{
	struct fixture *f = start(state, 0);
	struct virtq_chain first;

	offer(f, 1, 1);
	offer(f, 2, 2);
	pop(f);
	first = f->chain;
	pop(f);
	push(f, 2);
	used_is(f, f->chain.id, 2);
	virtq_push(&f->queue, &first, 1);
	used_is(f, first.id, 1);
	assert_int_equal(f->queue.in_flight, 0);
}

/* 2.7.9. */
static void in_order_holds_back_a_chain_that_is_done_early(void **state)
{
	struct fixture *f = start(state, IN_ORDER);
	struct virtq_chain first;

	uint16_t id = offer(f, 1, 1);
	offer(f, 2, 2);
	pop(f);
	first = f->chain;
	pop(f);
	push(f, 2);
	assert_false(driver_has_used(&f->driver));
	assert_false(virtq_needs_interrupt(&f->queue));
	virtq_push(&f->queue, &first, 1);
	used_is(f, id, 1);
	used_is(f, f->chain.id, 2);
	assert_true(virtq_needs_interrupt(&f->queue));
}

static void what_was_held_back_is_forgotten_by_a_new_start(void **state)
{
	struct fixture *f = start(state, IN_ORDER);

	offer(f, 1, 0);
	offer(f, 1, 0);
	pop(f);
	pop(f);
	push(f, 0);
	f = start(state, IN_ORDER);
	offer(f, 1, 0);
	offer(f, 1, 0);
	pop(f);
	push(f, 0);
	used_is(f, f->chain.id, 0);
	assert_false(driver_has_used(&f->driver));
}

/* --- indirect descriptors --- */

static void a_table_is_followed_by_its_next_fields(void **state)
{
	struct fixture *f = start(state, INDIRECT);

	set_table(f, 0, DRIVER_DATA_AT, 1, VRING_DESC_F_NEXT, 2);
	set_table(f, 2, DRIVER_DATA_AT + 2, 2, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 1);
	set_table(f, 1, DRIVER_DATA_AT + 4, 3, VRING_DESC_F_WRITE, 0);
	set(f, 5, TABLE_AT, 3 * 16, VRING_DESC_F_INDIRECT, 0);
	avail(f, 5);
	pop(f);
	assert_int_equal(f->chain.id, 5);
	assert_int_equal(f->chain.readable, 1);
	assert_int_equal(f->chain.writable, 2);
	segment_is(f, 0, DRIVER_DATA_AT, 1);
	segment_is(f, 1, DRIVER_DATA_AT + 2, 2);
	segment_is(f, 2, DRIVER_DATA_AT + 4, 3);
}

/* 2.7.5.3.2. */
static void a_table_may_come_after_direct_descriptors(void **state)
{
	struct fixture *f = start(state, INDIRECT);

	set(f, 0, DRIVER_DATA_AT, 1, VRING_DESC_F_NEXT, 1);
	set(f, 1, TABLE_AT, 16, VRING_DESC_F_INDIRECT, 0);
	set_table(f, 0, DRIVER_DATA_AT + 1, 2, VRING_DESC_F_WRITE, 0);
	avail(f, 0);
	pop(f);
	assert_int_equal(f->chain.readable, 1);
	assert_int_equal(f->chain.writable, 1);
}

/* 2.7.5.3.2. */
static void the_write_flag_of_a_tables_descriptor_is_ignored(void **state)
{
	struct fixture *f = start(state, INDIRECT);

	set(f, 0, TABLE_AT, 16, VRING_DESC_F_INDIRECT | VRING_DESC_F_WRITE, 0);
	set_table(f, 0, DRIVER_DATA_AT + 1, 2, 0, 0);
	avail(f, 0);
	pop(f);
	assert_int_equal(f->chain.readable, 1);
}

static void a_table_need_not_be_aligned(void **state)
{
	struct fixture *f = start(state, INDIRECT);

	set(f, 0, TABLE_AT + 3, 16, VRING_DESC_F_INDIRECT, 0);
	memcpy(f->driver.mem.host + TABLE_AT + 3, &(struct vring_desc){ DRIVER_DATA_AT, 7, 0, 0 }, 16);
	avail(f, 0);
	pop(f);
	segment_is(f, 0, DRIVER_DATA_AT, 7);
}

/* --- notifications and interrupts --- */

static void nothing_pushed_needs_no_interrupt(void **state)
{
	assert_false(virtq_needs_interrupt(&start(state, 0)->queue));
}

static void a_push_needs_one_interrupt(void **state)
{
	struct fixture *f = start(state, 0);

	offer(f, 1, 0);
	pop(f);
	push(f, 0);
	assert_true(virtq_needs_interrupt(&f->queue));
	assert_false(virtq_needs_interrupt(&f->queue));
	assert_int_equal(f->queue.counts.interrupts, 1);
}

/* 2.7.7. */
static void a_driver_that_wants_no_interrupt_gets_none(void **state)
{
	struct fixture *f = start(state, 0);

	driver_interrupts_off(&f->driver);
	offer(f, 1, 0);
	pop(f);
	push(f, 0);
	assert_false(virtq_needs_interrupt(&f->queue));
}

/* 2.7.7: the interrupt is for the entry that the event names, not for those before and after. */
static void an_event_index_asks_for_one_interrupt(void **state)
{
	struct fixture *f = start(state, EVENT);

	memcpy(driver_event(f), &(uint16_t){ 1 }, 2);
	for (unsigned i = 0; i < 4; i++) {
		offer(f, 1, 0);
		pop(f);
		push(f, 0);
		assert_int_equal(virtq_needs_interrupt(&f->queue), i == 1);
	}
}

static void an_event_index_inside_a_batch_asks_for_an_interrupt(void **state)
{
	struct fixture *f = start(state, EVENT);

	memcpy(driver_event(f), &(uint16_t){ 2 }, 2);
	for (unsigned i = 0; i < 4; i++) {
		offer(f, 1, 0);
		pop(f);
		push(f, 0);
	}
	assert_true(virtq_needs_interrupt(&f->queue));
}

/* 2.7.7.2: with event indices the flag means nothing. */
static void with_event_indices_the_no_interrupt_flag_is_ignored(void **state)
{
	struct fixture *f = start(state, EVENT);

	f->driver.avail->flags = VRING_AVAIL_F_NO_INTERRUPT;
	offer(f, 1, 0);
	pop(f);
	push(f, 0);
	assert_true(virtq_needs_interrupt(&f->queue));
}

static void a_batch_that_goes_all_the_way_round_needs_an_interrupt(void **state)
{
	struct fixture *f = start(state, EVENT);
	uint16_t id;
	uint32_t written;

	driver_interrupts_off(&f->driver);
	for (unsigned i = 0; i <= UINT16_MAX; i++) {
		offer(f, 1, 0);
		pop(f);
		push(f, 0);
		driver_take_used(&f->driver, &id, &written);
	}
	assert_true(virtq_needs_interrupt(&f->queue));
}

static void a_queue_begins_listening(void **state)
{
	struct fixture *f = *state;

	driver_start(&f->driver, SIZE, 0);
	f->driver.used->flags = VRING_USED_F_NO_NOTIFY;
	assert_int_equal(virtq_start(&f->queue, &f->driver.mem, &f->driver.config, 0), 0);
	offer(f, 1, 0);
	assert_true(driver_should_notify(&f->driver));
}

static void a_quiet_queue_is_not_notified_until_it_listens(void **state)
{
	static const uint64_t features[] = { 0, EVENT };

	for (unsigned i = 0; i < COUNT_OF(features); i++) {
		struct fixture *f = start(state, features[i]);

		virtq_quiet(&f->queue);
		offer(f, 1, 0);
		assert_false(driver_should_notify(&f->driver));
		pop(f);
		assert_false(virtq_listen(&f->queue));
		offer(f, 1, 0);
		assert_true(driver_should_notify(&f->driver));
	}
}

static void listening_says_what_came_meanwhile(void **state)
{
	static const uint64_t features[] = { 0, EVENT };

	for (unsigned i = 0; i < COUNT_OF(features); i++) {
		struct fixture *f = start(state, features[i]);

		virtq_quiet(&f->queue);
		offer(f, 1, 0);
		assert_true(virtq_listen(&f->queue));
	}
}

/* 2.7.10.2. */
static void with_event_indices_the_used_flags_stay_zero(void **state)
{
	struct fixture *f = start(state, EVENT);

	virtq_quiet(&f->queue);
	assert_int_equal(f->driver.used->flags, 0);
	assert_int_equal(device_event(f), 0xffff);
	virtq_listen(&f->queue);
	assert_int_equal(f->driver.used->flags, 0);
	assert_int_equal(device_event(f), 0);
}

static void without_event_indices_the_event_field_is_left_alone(void **state)
{
	struct fixture *f = start(state, 0);

	virtq_quiet(&f->queue);
	virtq_listen(&f->queue);
	assert_int_equal(device_event(f), 0);
	memset(&f->driver.used->ring[SIZE], 0x55, 2);
	virtq_quiet(&f->queue);
	virtq_listen(&f->queue);
	assert_int_equal(device_event(f), 0x5555);
}

/* A frame that is spread over several buffers: 5.1.6.4. Often enough to go round the ring. */
static void a_group_is_used_at_once_or_not_at_all(void **state)
{
	struct fixture *f = start(state, 0);

	for (unsigned i = 0; i < 3 * SIZE; i++)
		give_back_a_group(f);
}

static void a_group_in_order_is_used_at_once(void **state)
{
	struct fixture *f = start(state, IN_ORDER);

	for (unsigned i = 0; i < 3 * SIZE; i++)
		give_back_a_group(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_group_is_used_at_once_or_not_at_all),
		TEST(a_group_in_order_is_used_at_once),
		TEST(an_empty_ring_gives_nothing),
		TEST(a_chain_is_readable_segments_then_writable_ones),
		TEST(chains_come_in_the_order_of_the_available_ring),
		TEST(segments_of_length_zero_are_left_out),
		TEST(a_chain_of_nothing_can_be_taken_and_given_back),
		TEST(a_chain_as_long_as_the_queue_is_good),
		TEST(a_segment_may_end_where_ram_ends),
		TEST(what_is_written_is_capped_to_what_the_chain_holds),
		TEST(chains_may_be_used_in_any_order),
		TEST(in_order_holds_back_a_chain_that_is_done_early),
		TEST(what_was_held_back_is_forgotten_by_a_new_start),
		TEST(a_table_is_followed_by_its_next_fields),
		TEST(a_table_may_come_after_direct_descriptors),
		TEST(the_write_flag_of_a_tables_descriptor_is_ignored),
		TEST(a_table_need_not_be_aligned),
		TEST(nothing_pushed_needs_no_interrupt),
		TEST(a_push_needs_one_interrupt),
		TEST(a_driver_that_wants_no_interrupt_gets_none),
		TEST(an_event_index_asks_for_one_interrupt),
		TEST(an_event_index_inside_a_batch_asks_for_an_interrupt),
		TEST(with_event_indices_the_no_interrupt_flag_is_ignored),
		TEST(a_batch_that_goes_all_the_way_round_needs_an_interrupt),
		TEST(a_queue_begins_listening),
		TEST(a_quiet_queue_is_not_notified_until_it_listens),
		TEST(listening_says_what_came_meanwhile),
		TEST(with_event_indices_the_used_flags_stay_zero),
		TEST(without_event_indices_the_event_field_is_left_alone),
	};

	return cmocka_run_group_tests_name("virtq_split", tests, NULL, NULL);
}
