/* SPDX-License-Identifier: Apache-2.0 */
/* What a queue starts with and what it does not (virtio 1.2, 2.7), and what starting again means. */
#include "tests/unit/test_virtq_split.h"

/* THREATS 2. */
static void a_size_of_zero_does_not_start(void **state)
{
	struct fixture *f = *state;

	driver_start(&f->driver, 0, 0);
	start_breaks(f, 0, "size is 0");
}

/* THREATS 2. */
static void a_size_that_is_no_power_of_two_does_not_start(void **state)
{
	struct fixture *f = *state;

	driver_start(&f->driver, 6, 0);
	start_breaks(f, 0, "power of two");
}

/* THREATS 2. */
static void a_size_above_the_largest_does_not_start(void **state)
{
	struct fixture *f = *state;

	driver_start(&f->driver, VIRTQ_SIZE_MAX * 2, 0);
	start_breaks(f, 0, "more than the device offers");
	f->driver.config.size = 0x8000;
	start_breaks(f, 0, "more than the device offers");
}

static void the_largest_size_starts(void **state)
{
	start_with(*state, VIRTQ_SIZE_MAX, 0);
}

static void size_one_starts(void **state)
{
	struct fixture *f = *state;

	start_with(f, 1, 0);
	for (unsigned i = 0; i < 3; i++) {
		uint16_t id = offer(f, 4, 0);

		pop(f);
		pop_nothing(f);
		push(f, 0);
		used_is(f, id, 0);
	}
}

static void areas_that_are_not_aligned_do_not_start(void **state)
{
	struct fixture *f = *state;

	driver_start(&f->driver, SIZE, 0);
	f->driver.config.desc += 8;
	start_breaks(f, 0, "not aligned");
	driver_start(&f->driver, SIZE, 0);
	f->driver.config.driver += 1;
	start_breaks(f, 0, "not aligned");
	driver_start(&f->driver, SIZE, 0);
	f->driver.config.device += 2;
	start_breaks(f, 0, "not aligned");
}

static void the_available_ring_may_be_aligned_to_two_and_the_used_ring_to_four(void **state)
{
	struct fixture *f = *state;

	driver_start(&f->driver, SIZE, 0);
	f->driver.config.driver += 2;
	f->driver.config.device += 4;
	assert_int_equal(virtq_start(&f->queue, &f->driver.mem, &f->driver.config, 0), 0);
}

/* THREATS 2. */
static void areas_outside_ram_do_not_start(void **state)
{
	struct fixture *f = *state;

	driver_start(&f->driver, SIZE, 0);
	f->driver.config.desc = RAM;
	start_breaks(f, 0, "does not lie in");
	driver_start(&f->driver, SIZE, 0);
	f->driver.config.driver = RAM + 0x1000;
	start_breaks(f, 0, "does not lie in");
	driver_start(&f->driver, SIZE, 0);
	f->driver.config.device = 1ull << 63;
	start_breaks(f, 0, "does not lie in");
}

/* THREATS 2. */
static void areas_that_straddle_the_end_of_ram_do_not_start(void **state)
{
	struct fixture *f = *state;

	driver_start(&f->driver, SIZE, 0);
	f->driver.config.desc = RAM - 16 * SIZE + 16;
	start_breaks(f, 0, "does not lie in");
	driver_start(&f->driver, SIZE, 0);
	f->driver.config.driver = RAM - (4 + 2 * SIZE) + 2;
	start_breaks(f, 0, "does not lie in");
	driver_start(&f->driver, SIZE, 0);
	f->driver.config.device = RAM - (4 + 8 * SIZE) + 4;
	start_breaks(f, 0, "does not lie in");
	driver_start(&f->driver, SIZE, EVENT);
	f->driver.config.driver = RAM - (6 + 2 * SIZE) + 2;
	start_breaks(f, EVENT, "does not lie in");
	driver_start(&f->driver, SIZE, EVENT);
	f->driver.config.device = RAM - (6 + 8 * SIZE) / 4 * 4;
	start_breaks(f, EVENT, "does not lie in");
}

/* THREATS 2. */
static void areas_that_wrap_do_not_start(void **state)
{
	struct fixture *f = *state;

	driver_start(&f->driver, SIZE, 0);
	f->driver.config.desc = UINT64_MAX - 15;
	start_breaks(f, 0, "does not lie in");
	driver_start(&f->driver, SIZE, 0);
	f->driver.config.device = UINT64_MAX - 3;
	start_breaks(f, 0, "does not lie in");
}

static void an_area_may_end_where_ram_ends(void **state)
{
	struct fixture *f = *state;

	driver_start(&f->driver, SIZE, EVENT);
	f->driver.config.driver = RAM - (6 + 2 * SIZE);
	assert_int_equal(virtq_start(&f->queue, &f->driver.mem, &f->driver.config, EVENT), 0);
	pop_nothing(f);
}

/* Toro's rings lie as close. */
static void event_fields_that_are_not_agreed_on_take_no_room(void **state)
{
	struct fixture *f = *state;

	driver_start(&f->driver, SIZE, 0);
	f->driver.config.device = f->driver.config.driver + 4 + 2 * SIZE;
	assert_int_equal(virtq_start(&f->queue, &f->driver.mem, &f->driver.config, 0), 0);
	start_breaks(f, EVENT, "overlap");
	f->driver.config.device = RAM - (4 + 8 * SIZE);
	assert_int_equal(virtq_start(&f->queue, &f->driver.mem, &f->driver.config, 0), 0);
}

/* THREATS 2. */
static void areas_that_overlap_do_not_start(void **state)
{
	struct fixture *f = *state;

	driver_start(&f->driver, SIZE, 0);
	f->driver.config.driver = f->driver.config.desc + 16 * SIZE - 2;
	start_breaks(f, 0, "overlap");
	f->driver.config = (struct virtq_config){ SIZE, 0, 0, 0 };
	start_breaks(f, 0, "overlap");
	driver_start(&f->driver, SIZE, 0);
	f->driver.config.device = f->driver.config.desc;
	start_breaks(f, 0, "overlap");
}

static void areas_may_touch(void **state)
{
	struct fixture *f = *state;

	driver_start(&f->driver, SIZE, 0);
	f->driver.config.driver = f->driver.config.desc + 16 * SIZE;
	f->driver.config.device = f->driver.config.driver + 6 + 2 * SIZE + 2;
	assert_int_equal(virtq_start(&f->queue, &f->driver.mem, &f->driver.config, 0), 0);
}

static void starting_again_mends_a_broken_queue_and_keeps_its_counts(void **state)
{
	struct fixture *f = start(state, 0);

	offer(f, 4, 4);
	pop(f);
	push(f, 4);
	avail(f, 99);
	pop_breaks(f, "head");
	f = start(state, 0);
	pop_nothing(f);
	assert_int_equal(f->queue.counts.chains, 1);
	assert_int_equal(f->queue.counts.used, 1);
	assert_int_equal(f->queue.counts.bytes_read, 4);
	assert_int_equal(f->queue.counts.bytes_written, 4);
}

/* THREATS 2. */
static void a_configuration_changed_after_the_start_changes_nothing(void **state)
{
	struct fixture *f = start(state, 0);

	offer(f, 4, 0);
	f->driver.config.size = 0x8000;
	f->driver.config.desc = RAM;
	pop(f);
	segment_is(f, 0, DRIVER_DATA_AT, 4);
}

static void a_stopped_queue_gives_nothing(void **state)
{
	struct fixture *f = start(state, 0);

	offer(f, 4, 0);
	virtq_stop(&f->queue);
	pop_nothing(f);
	assert_false(virtq_listen(&f->queue));
	assert_false(virtq_needs_interrupt(&f->queue));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_size_of_zero_does_not_start),
		TEST(a_size_that_is_no_power_of_two_does_not_start),
		TEST(a_size_above_the_largest_does_not_start),
		TEST(the_largest_size_starts),
		TEST(size_one_starts),
		TEST(areas_that_are_not_aligned_do_not_start),
		TEST(the_available_ring_may_be_aligned_to_two_and_the_used_ring_to_four),
		TEST(areas_outside_ram_do_not_start),
		TEST(areas_that_straddle_the_end_of_ram_do_not_start),
		TEST(areas_that_wrap_do_not_start),
		TEST(an_area_may_end_where_ram_ends),
		TEST(event_fields_that_are_not_agreed_on_take_no_room),
		TEST(areas_that_overlap_do_not_start),
		TEST(areas_may_touch),
		TEST(starting_again_mends_a_broken_queue_and_keeps_its_counts),
		TEST(a_configuration_changed_after_the_start_changes_nothing),
		TEST(a_stopped_queue_gives_nothing),
	};

	return cmocka_run_group_tests_name("virtq_start", tests, NULL, NULL);
}
