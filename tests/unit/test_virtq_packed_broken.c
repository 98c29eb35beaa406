/* SPDX-License-Identifier: Apache-2.0 */
/* Packed virtqueues with a driver that does what virtio 1.2, 2.8 forbids. */
#include "tests/unit/test_virtq_packed.h"

/* --- tables --- */

static void a_table_that_was_not_negotiated_breaks_the_ring(void **state)
{
	struct fixture *f = start(state, 0);

	set(f, 0, TABLE_AT, 16, AVAIL | VRING_DESC_F_INDIRECT, 0);
	pop_breaks(f, "not negotiated");
}

/* THREATS 5. */
static void a_table_in_a_table_breaks_the_ring(void **state)
{
	struct fixture *f = start(state, INDIRECT);

	set_table(f, 0, TABLE_AT, 16, VRING_DESC_F_INDIRECT);
	set(f, 0, TABLE_AT, 16, AVAIL | VRING_DESC_F_INDIRECT, 0);
	pop_breaks(f, "indirect descriptor in an indirect table");
}

/* THREATS 5. */
static void a_table_of_a_bad_length_breaks_the_ring(void **state)
{
	static const struct { uint32_t bytes; const char *why; } bad[] = {
		{ 0, "0 or no multiple" }, { 15, "0 or no multiple" }, { 17, "0 or no multiple" },
		{ UINT32_MAX, "0 or no multiple" }, { 16 * (VIRTQ_SIZE_MAX + 1), "too long" }, { UINT32_MAX - 15, "too long" },
	};

	for (unsigned i = 0; i < COUNT_OF(bad); i++) {
		struct fixture *f = start(state, INDIRECT);

		set(f, 0, TABLE_AT, bad[i].bytes, AVAIL | VRING_DESC_F_INDIRECT, 0);
		pop_breaks(f, bad[i].why);
	}
}

/* THREATS 5: 2.8.19. */
static void a_table_in_a_list_of_descriptors_breaks_the_ring(void **state)
{
	struct fixture *f = start(state, INDIRECT);

	set(f, 0, TABLE_AT, 16, AVAIL | VRING_DESC_F_INDIRECT | NEXT, 0);
	pop_breaks(f, "has a next one");
	f = start(state, INDIRECT);
	set(f, 1, TABLE_AT, 16, AVAIL | VRING_DESC_F_INDIRECT, 0);
	set(f, 0, DRIVER_DATA_AT, 16, AVAIL | NEXT, 0);
	pop_breaks(f, "in a chain of direct ones");
}

static void a_table_outside_ram_breaks_the_ring(void **state)
{
	static const uint64_t addresses[] = { RAM, RAM - 16, UINT64_MAX - 15, UINT64_MAX - 31 };

	for (unsigned i = 0; i < COUNT_OF(addresses); i++) {
		struct fixture *f = start(state, INDIRECT);

		set(f, 0, addresses[i], 32, AVAIL | VRING_DESC_F_INDIRECT, 0);
		pop_breaks(f, "does not lie in RAM");
	}
}

/* --- rings and chains --- */

/* 2.8.1: both bits count. */
static void a_descriptor_of_another_round_is_not_available(void **state)
{
	struct fixture *f = start(state, 0);

	set(f, 0, DRIVER_DATA_AT, 1, 0, 0);
	pop_nothing(f);
	set(f, 0, DRIVER_DATA_AT, 1, USED, 0);
	pop_nothing(f);
	set(f, 0, DRIVER_DATA_AT, 1, AVAIL | USED, 0);
	pop_nothing(f);
	go_round(f, 0);
	f = start(state, 0);
	go_round(f, SIZE);
	set(f, 0, DRIVER_DATA_AT, 1, AVAIL, 0);
	pop_nothing(f);
	set(f, 0, DRIVER_DATA_AT, 1, USED, 0);
	pop(f);
}

/* THREATS 5: the whole ring is in flight, and the driver makes its slots available once more. */
static void slots_that_are_in_flight_made_available_again_break_the_ring(void **state)
{
	struct fixture *f = start(state, 0);

	for (unsigned i = 0; i < SIZE; i++) {
		offer(f, 1, 0);
		pop(f);
	}
	pop_nothing(f);
	set(f, 0, DRIVER_DATA_AT, 1, USED, 0);
	pop_breaks(f, "more descriptors are available");
}

/* THREATS 5: the loop of a packed ring. */
static void a_chain_without_an_end_breaks_the_ring(void **state)
{
	struct fixture *f = start(state, 0);

	for (unsigned i = 0; i < SIZE; i++)
		set(f, i, DRIVER_DATA_AT, 0, AVAIL | NEXT, 0);
	pop_breaks(f, "a descriptor that is not available");
}

/* THREATS 5. */
static void a_chain_that_runs_into_those_in_flight_breaks_the_ring(void **state)
{
	struct fixture *f = start(state, 0);

	offer(f, 1, 0);
	pop(f);
	for (unsigned i = 1; i < SIZE; i++)
		set(f, i, DRIVER_DATA_AT, 1, AVAIL | NEXT, 0);
	set(f, 0, DRIVER_DATA_AT, 1, USED, 5);
	pop_breaks(f, "more descriptors are available");
}

/* 2.8.6: the first is made available last. */
static void a_chain_that_goes_on_where_nothing_is_available_breaks_the_ring(void **state)
{
	struct fixture *f = start(state, 0);

	set(f, 0, DRIVER_DATA_AT, 1, AVAIL | NEXT, 0);
	pop_breaks(f, "a descriptor that is not available");
	f = start(state, 0);
	set(f, 0, DRIVER_DATA_AT, 1, AVAIL | NEXT, 0);
	set(f, 1, DRIVER_DATA_AT, 1, USED, 0);
	pop_breaks(f, "a descriptor that is not available");
}

static void a_buffer_id_that_is_not_below_the_size_breaks_the_ring(void **state)
{
	static const uint16_t ids[] = { SIZE, VIRTQ_SIZE_MAX, 0xffff };

	for (unsigned i = 0; i < COUNT_OF(ids); i++) {
		struct fixture *f = start(state, 0);

		set(f, 0, DRIVER_DATA_AT, 1, AVAIL, ids[i]);
		pop_breaks(f, "buffer id");
	}
}

/* THREATS 5. */
static void a_buffer_id_that_is_in_flight_breaks_the_ring(void **state)
{
	struct fixture *f = start(state, 0);

	set(f, 0, DRIVER_DATA_AT, 1, AVAIL, 3);
	set(f, 1, DRIVER_DATA_AT, 1, AVAIL, 3);
	pop(f);
	pop_breaks(f, "made available again");
}

/* THREATS 5. */
static void lengths_that_add_up_to_4_gib_break_the_ring(void **state)
{
	struct fixture *f = *state;

	start_with(f, VIRTQ_SIZE_MAX, PACKED);
	for (unsigned i = 0; i < 128; i++)
		set(f, i, 0, 32u << 20, AVAIL | WRITE | (i < 127 ? NEXT : 0), 0);
	pop_breaks(f, "longer than 2^32");
}

static void a_readable_descriptor_after_a_writable_one_breaks_the_ring(void **state)
{
	struct fixture *f = start(state, 0);

	set(f, 1, DRIVER_DATA_AT, 1, AVAIL, 0);
	set(f, 0, DRIVER_DATA_AT, 1, AVAIL | WRITE | NEXT, 0);
	pop_breaks(f, "readable descriptor comes after a writable one");
}

static void too_many_segments_break_the_ring(void **state)
{
	struct fixture *f = *state;

	start_with(f, VIRTQ_SIZE_MAX, PACKED);
	for (unsigned i = 0; i <= VIRTQ_SEGMENTS_MAX; i++)
		set(f, i, DRIVER_DATA_AT, 1, AVAIL | (i < VIRTQ_SEGMENTS_MAX ? NEXT : 0), 0);
	pop_breaks(f, "too many segments");
}

static void a_segment_outside_ram_breaks_the_ring(void **state)
{
	static const struct { uint64_t address; uint32_t bytes; } bad[] = {
		{ RAM, 1 }, { RAM - 1, 2 }, { 0, UINT32_MAX }, { UINT64_MAX, 1 }, { UINT64_MAX, 2 },
	};

	for (unsigned i = 0; i < 2 * COUNT_OF(bad); i++) {
		struct fixture *f = start(state, 0);

		set(f, 0, bad[i / 2].address, bad[i / 2].bytes, AVAIL | (i % 2 ? WRITE : 0), 0);
		pop_breaks(f, i % 2 ? "writable RAM" : "does not lie in RAM");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_table_that_was_not_negotiated_breaks_the_ring),
		TEST(a_table_in_a_table_breaks_the_ring),
		TEST(a_table_of_a_bad_length_breaks_the_ring),
		TEST(a_table_in_a_list_of_descriptors_breaks_the_ring),
		TEST(a_table_outside_ram_breaks_the_ring),
		TEST(a_descriptor_of_another_round_is_not_available),
		TEST(slots_that_are_in_flight_made_available_again_break_the_ring),
		TEST(a_chain_without_an_end_breaks_the_ring),
		TEST(a_chain_that_runs_into_those_in_flight_breaks_the_ring),
		TEST(a_chain_that_goes_on_where_nothing_is_available_breaks_the_ring),
		TEST(a_buffer_id_that_is_not_below_the_size_breaks_the_ring),
		TEST(a_buffer_id_that_is_in_flight_breaks_the_ring),
		TEST(lengths_that_add_up_to_4_gib_break_the_ring),
		TEST(a_readable_descriptor_after_a_writable_one_breaks_the_ring),
		TEST(too_many_segments_break_the_ring),
		TEST(a_segment_outside_ram_breaks_the_ring),
	};

	return cmocka_run_group_tests_name("virtq_packed_broken", tests, NULL, NULL);
}
