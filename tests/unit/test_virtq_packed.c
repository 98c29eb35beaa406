/* SPDX-License-Identifier: Apache-2.0 */
/* Packed virtqueues with a driver that keeps to virtio 1.2, 2.8. */
#include "tests/unit/test_virtq_packed.h"

/* --- starting --- */

/* 2.8.10.1: any size. THREATS 2: but 0. */
static void sizes_need_not_be_powers_of_two(void **state)
{
	struct fixture *f = *state;

	start_with(f, 6, PACKED);
	go_round(f, 20);
	driver_start(&f->driver, 0, PACKED);
	start_breaks(f, PACKED, "size is 0");
	driver_start(&f->driver, VIRTQ_SIZE_MAX + 1, PACKED);
	start_breaks(f, PACKED, "more than the device offers");
}

static void areas_that_are_not_aligned_do_not_start(void **state)
{
	struct fixture *f = *state;

	driver_start(&f->driver, SIZE, PACKED);
	f->driver.config.desc += 8;
	start_breaks(f, PACKED, "not aligned");
	driver_start(&f->driver, SIZE, PACKED);
	f->driver.config.driver += 2;
	start_breaks(f, PACKED, "not aligned");
	driver_start(&f->driver, SIZE, PACKED);
	f->driver.config.device += 2;
	start_breaks(f, PACKED, "not aligned");
}

static void areas_outside_ram_do_not_start(void **state)
{
	struct fixture *f = *state;

	driver_start(&f->driver, SIZE, PACKED);
	f->driver.config.desc = RAM - 16 * SIZE + 16;
	start_breaks(f, PACKED, "does not lie in");
	driver_start(&f->driver, SIZE, PACKED);
	f->driver.config.driver = UINT64_MAX - 3;
	start_breaks(f, PACKED, "does not lie in");
	driver_start(&f->driver, SIZE, PACKED);
	f->driver.config.device = RAM;
	start_breaks(f, PACKED, "does not lie in");
}

static void areas_that_overlap_do_not_start(void **state)
{
	struct fixture *f = *state;

	driver_start(&f->driver, SIZE, PACKED);
	f->driver.config.device = f->driver.config.driver;
	start_breaks(f, PACKED, "overlap");
	driver_start(&f->driver, SIZE, PACKED);
	f->driver.config.driver = f->driver.config.desc + 16 * SIZE - 4;
	start_breaks(f, PACKED, "overlap");
}

/* --- chains --- */

static void an_empty_ring_gives_nothing(void **state)
{
	pop_nothing(start(state, 0));
}

/* 2.8.6: the id is the last descriptor's; the driver model writes nonsense into the others. */
static void a_chain_is_readable_segments_then_writable_ones(void **state)
{
	struct fixture *f = start(state, 0);
	static const struct driver_part parts[] = {
		{ DRIVER_DATA_AT, 16, false }, { DRIVER_DATA_AT + 0x1000, 4096, true }, { DRIVER_DATA_AT + 0x50, 1, true },
	};

	assert_int_equal(driver_add(&f->driver, parts, 3, false), 0);
	pop(f);
	assert_int_equal(f->chain.id, 0);
	assert_int_equal(f->chain.descriptors, 3);
	assert_int_equal(f->chain.readable, 1);
	assert_int_equal(f->chain.writable, 2);
	assert_int_equal(f->chain.readable_bytes, 16);
	assert_int_equal(f->chain.writable_bytes, 4097);
	for (unsigned i = 0; i < 3; i++)
		segment_is(f, i, parts[i].address, parts[i].bytes);
	pop_nothing(f);
}

/* 2.8.3, 2.8.4. */
static void a_used_descriptor_says_whether_anything_was_written(void **state)
{
	struct fixture *f = start(state, 0);

	offer(f, 0, 9);
	pop(f);
	push(f, 5);
	assert_int_equal(f->driver.slots[0].flags, AVAIL | USED | WRITE);
	assert_int_equal(f->driver.slots[0].len, 5);
	offer(f, 0, 9);
	pop(f);
	push(f, 0);
	assert_int_equal(f->driver.slots[1].flags, AVAIL | USED);
}

/* 2.8.2: one used descriptor, the rest skipped. */
static void a_used_chain_takes_as_many_slots_as_it_had_descriptors(void **state)
{
	struct fixture *f = start(state, 0);
	uint16_t first = offer(f, 4, 4), second = offer(f, 4, 0);

	pop(f);
	push(f, 4);
	assert_int_equal(f->driver.slots[1].flags & USED, 0);
	used_is(f, first, 4);
	pop(f);
	push(f, 0);
	assert_int_equal(f->driver.slots[2].id, second);
	used_is(f, second, 0);
}

static void what_is_written_is_capped_to_what_the_chain_holds(void **state)
{
	struct fixture *f = start(state, 0);
	uint16_t id = offer(f, 100, 10);

	pop(f);
	push(f, UINT32_MAX);
	used_is(f, id, 10);
}

/* 2.8.12: used descriptors are written in the order in which chains complete, over slots of others. */
static void chains_may_be_used_in_any_order(void **state)
{
	struct fixture *f = start(state, 0);
	struct virtq_chain first;
	uint16_t ids[] = { offer(f, 1, 1), offer(f, 2, 0) };

	pop(f);
	first = f->chain;
	pop(f);
	push(f, 0);
	used_is(f, ids[1], 0);
	virtq_push(&f->queue, &first, 1);
	used_is(f, ids[0], 1);
	assert_int_equal(f->queue.in_flight, 0);
}

/* 2.8.8. */
static void in_order_holds_back_a_chain_that_is_done_early(void **state)
{
	struct fixture *f = start(state, IN_ORDER);
	struct virtq_chain first;
	uint16_t ids[] = { offer(f, 1, 1), offer(f, 2, 0) };

	pop(f);
	first = f->chain;
	pop(f);
	push(f, 0);
	assert_false(driver_has_used(&f->driver));
	virtq_push(&f->queue, &first, 1);
	used_is(f, ids[0], 1);
	used_is(f, ids[1], 0);
}

/* 2.8.1. */
static void the_wrap_counters_turn_at_the_rings_end(void **state)
{
	struct fixture *f = start(state, 0);

	assert_true(f->queue.avail_wrap && f->queue.used_wrap);
	go_round(f, SIZE);
	assert_false(f->queue.avail_wrap || f->queue.used_wrap);
	pop_nothing(f);
	go_round(f, SIZE);
	assert_true(f->queue.avail_wrap && f->queue.used_wrap);
	pop_nothing(f);
}

static void a_chain_may_go_over_the_rings_end(void **state)
{
	struct fixture *f = start(state, 0);

	go_round(f, SIZE - 1);
	uint16_t id = offer(f, 4, 4);
	pop(f);
	assert_int_equal(f->chain.descriptors, 2);
	push(f, 4);
	used_is(f, id, 4);
	assert_int_equal(f->queue.next_used, 1);
	go_round(f, 3 * SIZE);
}

static void a_chain_as_long_as_the_ring_is_good(void **state)
{
	struct fixture *f = start(state, 0);
	struct driver_part parts[SIZE];

	go_round(f, 3);
	for (unsigned i = 0; i < SIZE; i++)
		parts[i] = (struct driver_part){ DRIVER_DATA_AT + i, 1, false };
	int id = driver_add(&f->driver, parts, SIZE, false);
	pop(f);
	assert_int_equal(f->chain.readable, SIZE);
	pop_nothing(f);
	push(f, 0);
	used_is(f, (uint16_t)id, 0);
}

static void a_chain_of_nothing_can_be_taken_and_given_back(void **state)
{
	struct fixture *f = start(state, 0);
	struct driver_part part = { RAM * 2, 0, true };
	int id = driver_add(&f->driver, &part, 1, false);

	pop(f);
	assert_int_equal(f->chain.readable + f->chain.writable, 0);
	push(f, 7);
	used_is(f, (uint16_t)id, 0);
}

/* --- indirect descriptors --- */

/* 2.8.7: all entries, in order; NEXT, AVAIL, USED and ids mean nothing there. WRITE means nothing in the ring. */
static void a_table_is_taken_whole_and_its_other_flags_are_ignored(void **state)
{
	struct fixture *f = start(state, INDIRECT);

	set_table(f, 0, DRIVER_DATA_AT, 1, 0);
	set_table(f, 1, DRIVER_DATA_AT + 2, 2, USED);
	set_table(f, 2, DRIVER_DATA_AT + 4, 3, WRITE | NEXT | AVAIL);
	set(f, 0, TABLE_AT, 48, AVAIL | WRITE | VRING_DESC_F_INDIRECT, 6);
	pop(f);
	assert_int_equal(f->chain.id, 6);
	assert_int_equal(f->chain.descriptors, 1);
	assert_int_equal(f->chain.readable, 2);
	assert_int_equal(f->chain.writable, 1);
	segment_is(f, 1, DRIVER_DATA_AT + 2, 2);
	segment_is(f, 2, DRIVER_DATA_AT + 4, 3);
}

static void a_table_need_not_be_aligned(void **state)
{
	struct fixture *f = start(state, INDIRECT);

	set(f, 0, TABLE_AT + 5, 16, AVAIL | VRING_DESC_F_INDIRECT, 0);
	memcpy(f->driver.mem.host + TABLE_AT + 5, &(struct vring_packed_desc){ DRIVER_DATA_AT, 7, 0, WRITE }, 16);
	pop(f);
	segment_is(f, 0, DRIVER_DATA_AT, 7);
}

/* --- notifications and interrupts --- */

static void a_driver_that_wants_no_interrupt_gets_none(void **state)
{
	struct fixture *f = start(state, 0);

	offer(f, 1, 0);
	pop(f);
	push(f, 0);
	assert_true(virtq_needs_interrupt(&f->queue));
	assert_false(virtq_needs_interrupt(&f->queue));
	driver_interrupts_off(&f->driver);
	offer(f, 1, 0);
	pop(f);
	push(f, 0);
	assert_false(virtq_needs_interrupt(&f->queue));
}

/* 2.8.10: a slot counts only where event indices were negotiated; the mode 3 is reserved, 14 bits are too. */
static void modes_that_the_driver_may_not_set_lose_no_interrupt(void **state)
{
	static const uint16_t flags[] = { VRING_PACKED_EVENT_FLAG_DESC, 3, 0xfffc };

	for (unsigned i = 0; i < COUNT_OF(flags); i++) {
		struct fixture *f = start(state, 0);

		*f->driver.driver_event = (struct vring_packed_desc_event){ 0x7fff, flags[i] };
		offer(f, 1, 0);
		pop(f);
		push(f, 0);
		assert_true(virtq_needs_interrupt(&f->queue));
	}
}

/* 2.8.14: 14 bits are reserved. */
static void the_mode_is_two_bits(void **state)
{
	struct fixture *f = start(state, 0);

	f->driver.driver_event->flags = 0xfffc | VRING_PACKED_EVENT_FLAG_DISABLE;
	go_round(f, 1);
	assert_false(virtq_needs_interrupt(&f->queue));
}

/* 2.8.10: at the slot and in the round that the event names. */
static void an_event_asks_for_one_interrupt_in_its_round(void **state)
{
	for (unsigned at = 0; at < 2 * SIZE; at++) {
		struct fixture *f = start(state, EVENT);
		bool wrap = at < SIZE;

		for (unsigned i = 0; i < 2 * SIZE; i++) {
			/* As a driver would: armed for what is within a ring's length. */
			if (i + SIZE > at)
				*f->driver.driver_event = (struct vring_packed_desc_event){
					(uint16_t)(at % SIZE | (unsigned)wrap << VRING_PACKED_EVENT_F_WRAP_CTR),
					VRING_PACKED_EVENT_FLAG_DESC
				};
			else
				driver_interrupts_off(&f->driver);
			go_round(f, 1);
			assert_int_equal(virtq_needs_interrupt(&f->queue), i == at);
		}
	}
}

static void an_event_inside_a_batch_or_a_chain_asks_for_an_interrupt(void **state)
{
	struct fixture *f = start(state, EVENT);

	driver_interrupts_on(&f->driver, 3);
	for (unsigned i = 0; i < 3; i++) {
		offer(f, 4, 4);
		pop(f);
		push(f, 4);
		assert_int_equal(virtq_needs_interrupt(&f->queue), i == 1);
	}
}

static void an_event_outside_the_ring_does_no_harm(void **state)
{
	struct fixture *f = start(state, EVENT);

	*f->driver.driver_event = (struct vring_packed_desc_event){ 0x7fff, VRING_PACKED_EVENT_FLAG_DESC };
	go_round(f, 3);
	assert_false(virtq_needs_interrupt(&f->queue));
}

static void a_batch_longer_than_the_ring_needs_an_interrupt(void **state)
{
	struct fixture *f = start(state, EVENT);

	*f->driver.driver_event = (struct vring_packed_desc_event){ 5 | 1u << VRING_PACKED_EVENT_F_WRAP_CTR,
								     VRING_PACKED_EVENT_FLAG_DESC };
	go_round(f, 2 * SIZE + 1);
	assert_true(virtq_needs_interrupt(&f->queue));
}

static void a_quiet_queue_is_not_notified_until_it_listens(void **state)
{
	static const uint64_t features[] = { 0, EVENT };

	for (unsigned i = 0; i < COUNT_OF(features); i++) {
		struct fixture *f = start(state, features[i]);

		for (unsigned round = 0; round < SIZE; round++) {
			virtq_quiet(&f->queue);
			offer(f, 1, 0);
			assert_false(driver_should_notify(&f->driver));
			assert_true(virtq_listen(&f->queue));
			pop(f);
			push(f, 0);
			used_is(f, f->chain.id, 0);
			assert_false(virtq_listen(&f->queue));
			offer(f, 1, 0);
			assert_true(driver_should_notify(&f->driver));
			pop(f);
			push(f, 0);
			used_is(f, f->chain.id, 0);
			pop_nothing(f);
		}
	}
}

static void a_queue_begins_listening(void **state)
{
	struct fixture *f = *state;

	driver_start(&f->driver, SIZE, PACKED | EVENT);
	f->driver.device_event->flags = VRING_PACKED_EVENT_FLAG_DISABLE;
	assert_int_equal(virtq_start(&f->queue, &f->driver.mem, &f->driver.config, PACKED | EVENT), 0);
	offer(f, 1, 0);
	assert_true(driver_should_notify(&f->driver));
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
		TEST(sizes_need_not_be_powers_of_two),
		TEST(areas_that_are_not_aligned_do_not_start),
		TEST(areas_outside_ram_do_not_start),
		TEST(areas_that_overlap_do_not_start),
		TEST(a_group_is_used_at_once_or_not_at_all),
		TEST(a_group_in_order_is_used_at_once),
		TEST(an_empty_ring_gives_nothing),
		TEST(a_chain_is_readable_segments_then_writable_ones),
		TEST(a_used_descriptor_says_whether_anything_was_written),
		TEST(a_used_chain_takes_as_many_slots_as_it_had_descriptors),
		TEST(what_is_written_is_capped_to_what_the_chain_holds),
		TEST(chains_may_be_used_in_any_order),
		TEST(in_order_holds_back_a_chain_that_is_done_early),
		TEST(the_wrap_counters_turn_at_the_rings_end),
		TEST(a_chain_may_go_over_the_rings_end),
		TEST(a_chain_as_long_as_the_ring_is_good),
		TEST(a_chain_of_nothing_can_be_taken_and_given_back),
		TEST(a_table_is_taken_whole_and_its_other_flags_are_ignored),
		TEST(a_table_need_not_be_aligned),
		TEST(a_driver_that_wants_no_interrupt_gets_none),
		TEST(modes_that_the_driver_may_not_set_lose_no_interrupt),
		TEST(the_mode_is_two_bits),
		TEST(an_event_asks_for_one_interrupt_in_its_round),
		TEST(an_event_inside_a_batch_or_a_chain_asks_for_an_interrupt),
		TEST(an_event_outside_the_ring_does_no_harm),
		TEST(a_batch_longer_than_the_ring_needs_an_interrupt),
		TEST(a_quiet_queue_is_not_notified_until_it_listens),
		TEST(a_queue_begins_listening),
	};

	return cmocka_run_group_tests_name("virtq_packed", tests, NULL, NULL);
}
