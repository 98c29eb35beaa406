/* SPDX-License-Identifier: Apache-2.0 */
/* Split virtqueues with a driver that does what virtio 1.2, 2.7 forbids: the ring is broken, and nothing else is. */
#include "tests/unit/test_virtq_split.h"

/* --- tables --- */

static void a_table_that_was_not_negotiated_breaks_the_ring(void **state)
{
	struct fixture *f = start(state, 0);

	set(f, 0, TABLE_AT, 16, VRING_DESC_F_INDIRECT, 0);
	avail(f, 0);
	pop_breaks(f, "not negotiated");
}

/* THREATS 5. */
static void a_table_in_a_table_breaks_the_ring(void **state)
{
	struct fixture *f = start(state, INDIRECT);

	set(f, 0, TABLE_AT, 16, VRING_DESC_F_INDIRECT, 0);
	set_table(f, 0, TABLE_AT, 16, VRING_DESC_F_INDIRECT, 0);
	avail(f, 0);
	pop_breaks(f, "indirect descriptor in an indirect table");
}

/* THREATS 5. */
static void a_table_with_a_next_descriptor_breaks_the_ring(void **state)
{
	struct fixture *f = start(state, INDIRECT);

	set(f, 0, TABLE_AT, 16, VRING_DESC_F_INDIRECT | VRING_DESC_F_NEXT, 1);
	avail(f, 0);
	pop_breaks(f, "has a next one");
}

/* THREATS 5. */
static void a_table_of_a_bad_length_breaks_the_ring(void **state)
{
	static const uint32_t lengths[] = { 0, 1, 15, 17, 24, UINT32_MAX };

	for (unsigned i = 0; i < COUNT_OF(lengths); i++) {
		struct fixture *f = start(state, INDIRECT);

		set(f, 0, TABLE_AT, lengths[i], VRING_DESC_F_INDIRECT, 0);
		avail(f, 0);
		pop_breaks(f, "0 or no multiple of 16");
	}
}

/* THREATS 5. */
static void a_table_that_is_too_long_breaks_the_ring(void **state)
{
	struct fixture *f = start(state, INDIRECT);

	set(f, 0, TABLE_AT, 16 * (VIRTQ_SIZE_MAX + 1), VRING_DESC_F_INDIRECT, 0);
	avail(f, 0);
	pop_breaks(f, "too long");
}

static void a_table_outside_ram_breaks_the_ring(void **state)
{
	static const uint64_t addresses[] = { RAM, RAM - 16, UINT64_MAX - 15, UINT64_MAX - 31 };

	for (unsigned i = 0; i < COUNT_OF(addresses); i++) {
		struct fixture *f = start(state, INDIRECT);

		set(f, 0, addresses[i], 32, VRING_DESC_F_INDIRECT, 0);
		avail(f, 0);
		pop_breaks(f, "does not lie in RAM");
	}
}

/* THREATS 5. */
static void a_loop_in_a_table_breaks_the_ring(void **state)
{
	struct fixture *f = start(state, INDIRECT);

	set(f, 0, TABLE_AT, 32, VRING_DESC_F_INDIRECT, 0);
	set_table(f, 0, DRIVER_DATA_AT, 1, VRING_DESC_F_NEXT, 1);
	set_table(f, 1, DRIVER_DATA_AT, 1, VRING_DESC_F_NEXT, 0);
	avail(f, 0);
	pop_breaks(f, "loops");
}

/* THREATS 5. */
static void a_next_field_beyond_the_table_breaks_the_ring(void **state)
{
	struct fixture *f = start(state, INDIRECT);

	set(f, 0, TABLE_AT, 32, VRING_DESC_F_INDIRECT, 0);
	set_table(f, 0, DRIVER_DATA_AT, 1, VRING_DESC_F_NEXT, 2);
	avail(f, 0);
	pop_breaks(f, "not in the table");
}

/* --- rings and chains --- */

/* THREATS 5. */
static void an_available_index_further_than_the_queue_is_long_breaks_the_ring(void **state)
{
	static const uint16_t jumps[] = { SIZE + 1, 0x7fff, 0x8000, 0xffff };

	for (unsigned i = 0; i < COUNT_OF(jumps); i++) {
		struct fixture *f = start(state, 0);

		f->driver.avail->idx = jumps[i];
		pop_breaks(f, "more chains are available");
	}
}

/* THREATS 5. */
static void an_available_index_beyond_what_is_in_flight_breaks_the_ring(void **state)
{
	struct fixture *f = start(state, 0);

	offer(f, 1, 0);
	pop(f);
	f->driver.avail->idx = SIZE + 1;
	pop_breaks(f, "more chains are available");
}

/* THREATS 5. */
static void an_available_index_that_goes_back_breaks_the_ring(void **state)
{
	struct fixture *f = start(state, 0);

	offer(f, 1, 0);
	pop(f);
	push(f, 0);
	f->driver.avail->idx = 0;
	pop_breaks(f, "more chains are available");
}

/* THREATS 5. */
static void a_head_outside_the_table_breaks_the_ring(void **state)
{
	static const uint16_t heads[] = { SIZE, 0x8000, 0xffff };

	for (unsigned i = 0; i < COUNT_OF(heads); i++) {
		struct fixture *f = start(state, 0);

		avail(f, heads[i]);
		pop_breaks(f, "head is not below");
	}
}

static void a_head_that_is_in_flight_breaks_the_ring(void **state)
{
	struct fixture *f = start(state, 0);

	set(f, 3, DRIVER_DATA_AT, 1, 0, 0);
	avail(f, 3);
	avail(f, 3);
	pop(f);
	pop_breaks(f, "made available again");
}

/* The driver has not seen it used yet. */
static void a_head_that_is_held_back_for_order_is_in_flight(void **state)
{
	struct fixture *f = start(state, IN_ORDER);

	set(f, 0, DRIVER_DATA_AT, 1, 0, 0);
	set(f, 1, DRIVER_DATA_AT, 1, 0, 0);
	avail(f, 0);
	avail(f, 1);
	pop(f);
	pop(f);
	push(f, 0);
	avail(f, 1);
	pop_breaks(f, "made available again");
}

/* THREATS 5. */
static void a_next_descriptor_outside_the_table_breaks_the_ring(void **state)
{
	struct fixture *f = start(state, 0);

	set(f, 0, DRIVER_DATA_AT, 1, VRING_DESC_F_NEXT, SIZE);
	avail(f, 0);
	pop_breaks(f, "not in the table");
}

/* THREATS 5. */
static void a_descriptor_that_follows_itself_breaks_the_ring(void **state)
{
	struct fixture *f = start(state, 0);

	set(f, 2, DRIVER_DATA_AT, 1, VRING_DESC_F_NEXT, 2);
	avail(f, 2);
	pop_breaks(f, "loops");
}

/* THREATS 5: of empty descriptors too, which count nowhere else. */
static void a_loop_of_empty_descriptors_breaks_the_ring(void **state)
{
	struct fixture *f = start(state, 0);

	set(f, 0, 0, 0, VRING_DESC_F_NEXT, 1);
	set(f, 1, 0, 0, VRING_DESC_F_NEXT, 0);
	avail(f, 0);
	pop_breaks(f, "loops");
}

/* THREATS 5. */
static void lengths_that_add_up_to_4_gib_break_the_ring(void **state)
{
	struct fixture *f = *state;
	const unsigned count = 128;

	start_with(f, VIRTQ_SIZE_MAX, 0);
	for (unsigned i = 0; i < count; i++)
		set(f, i, 0, 32u << 20, (i < 64 ? 0 : VRING_DESC_F_WRITE) | (i < count - 1 ? VRING_DESC_F_NEXT : 0), i + 1);
	avail(f, 0);
	pop_breaks(f, "longer than 2^32");
}

static void lengths_that_add_up_to_one_byte_less_are_good(void **state)
{
	struct fixture *f = *state;
	const unsigned count = 128;

	start_with(f, VIRTQ_SIZE_MAX, 0);
	for (unsigned i = 0; i < count; i++)
		set(f, i, 0, (32u << 20) - !i, VRING_DESC_F_WRITE | (i < count - 1 ? VRING_DESC_F_NEXT : 0), i + 1);
	avail(f, 0);
	pop(f);
	assert_int_equal(f->chain.writable_bytes, UINT32_MAX);
}

/* 2.7.4.2. */
static void a_readable_descriptor_after_a_writable_one_breaks_the_ring(void **state)
{
	struct fixture *f = start(state, 0);

	set(f, 0, DRIVER_DATA_AT, 1, VRING_DESC_F_WRITE | VRING_DESC_F_NEXT, 1);
	set(f, 1, DRIVER_DATA_AT, 1, 0, 0);
	avail(f, 0);
	pop_breaks(f, "readable descriptor comes after a writable one");
}

static void as_many_segments_as_there_may_be_are_good(void **state)
{
	struct fixture *f = *state;

	start_with(f, VIRTQ_SIZE_MAX, 0);
	for (unsigned i = 0; i < VIRTQ_SEGMENTS_MAX; i++)
		set(f, i, DRIVER_DATA_AT + i, 1, i < VIRTQ_SEGMENTS_MAX - 1 ? VRING_DESC_F_NEXT : 0, i + 1);
	avail(f, 0);
	pop(f);
	assert_int_equal(f->chain.readable, VIRTQ_SEGMENTS_MAX);
}

static void one_segment_more_breaks_the_ring(void **state)
{
	struct fixture *f = *state;

	start_with(f, VIRTQ_SIZE_MAX, 0);
	for (unsigned i = 0; i <= VIRTQ_SEGMENTS_MAX; i++)
		set(f, i, DRIVER_DATA_AT + i, 1, i < VIRTQ_SEGMENTS_MAX ? VRING_DESC_F_NEXT : 0, i + 1);
	avail(f, 0);
	pop_breaks(f, "too many segments");
}

static void a_segment_outside_ram_breaks_the_ring(void **state)
{
	static const struct { uint64_t address; uint32_t bytes; } bad[] = {
		{ RAM, 1 }, { RAM - 1, 2 }, { 0, UINT32_MAX }, { UINT64_MAX, 1 }, { UINT64_MAX, 2 }, { UINT64_MAX - 7, 16 },
		{ 1ull << 63, 8 },
	};

	for (unsigned i = 0; i < 2 * COUNT_OF(bad); i++) {
		struct fixture *f = start(state, 0);

		set(f, 0, bad[i / 2].address, bad[i / 2].bytes, i % 2 ? VRING_DESC_F_WRITE : 0, 0);
		avail(f, 0);
		pop_breaks(f, i % 2 ? "writable RAM" : "does not lie in RAM");
	}
}

static void a_chain_is_given_back_to_a_broken_ring_without_a_write(void **state)
{
	struct fixture *f = start(state, 0);
	struct virtq_chain bad;

	offer(f, 1, 1);
	pop(f);
	avail(f, 77);
	assert_int_equal(virtq_pop(&f->queue, &bad), -EINVAL);
	push(f, 1);
	assert_int_equal(f->queue.in_flight, 0);
	assert_int_equal(f->driver.used->idx, 0);
	assert_false(virtq_needs_interrupt(&f->queue));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_table_that_was_not_negotiated_breaks_the_ring),
		TEST(a_table_in_a_table_breaks_the_ring),
		TEST(a_table_with_a_next_descriptor_breaks_the_ring),
		TEST(a_table_of_a_bad_length_breaks_the_ring),
		TEST(a_table_that_is_too_long_breaks_the_ring),
		TEST(a_table_outside_ram_breaks_the_ring),
		TEST(a_loop_in_a_table_breaks_the_ring),
		TEST(a_next_field_beyond_the_table_breaks_the_ring),
		TEST(an_available_index_further_than_the_queue_is_long_breaks_the_ring),
		TEST(an_available_index_beyond_what_is_in_flight_breaks_the_ring),
		TEST(an_available_index_that_goes_back_breaks_the_ring),
		TEST(a_head_outside_the_table_breaks_the_ring),
		TEST(a_head_that_is_in_flight_breaks_the_ring),
		TEST(a_head_that_is_held_back_for_order_is_in_flight),
		TEST(a_next_descriptor_outside_the_table_breaks_the_ring),
		TEST(a_descriptor_that_follows_itself_breaks_the_ring),
		TEST(a_loop_of_empty_descriptors_breaks_the_ring),
		TEST(lengths_that_add_up_to_4_gib_break_the_ring),
		TEST(lengths_that_add_up_to_one_byte_less_are_good),
		TEST(a_readable_descriptor_after_a_writable_one_breaks_the_ring),
		TEST(as_many_segments_as_there_may_be_are_good),
		TEST(one_segment_more_breaks_the_ring),
		TEST(a_segment_outside_ram_breaks_the_ring),
		TEST(a_chain_is_given_back_to_a_broken_ring_without_a_write),
	};

	return cmocka_run_group_tests_name("virtq_split_broken", tests, NULL, NULL);
}
