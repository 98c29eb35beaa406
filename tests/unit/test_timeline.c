/* SPDX-License-Identifier: Apache-2.0 */
/* From TSC readings to time. */
#include "tests/unit/test_unit.h"

#include "vmm/timeline.h"

static void readings_become_nanoseconds(void **state)
{
	const struct timeline t = { .tsc_khz = 2500000 };

	(void)state;
	assert_int_equal(timeline_ns(&t, 1000, 3500), 1000);
	assert_int_equal(timeline_ns(&t, 1000, 1000), 0);
	assert_int_equal(timeline_ns(&t, 1000, 1001), 0); /* rounded down: 0.4 */
}

static void days_do_not_overflow(void **state)
{
	const struct timeline t = { .tsc_khz = 3000000 };

	(void)state;
	assert_int_equal(timeline_ns(&t, 1, 1 + 3000000000ull * 86400 * 365), 86400ull * 365 * 1000000000);
}

static void a_missing_reading_is_no_time(void **state)
{
	const struct timeline t = { .tsc_khz = 2500000 };

	(void)state;
	assert_int_equal(timeline_ns(&t, 0, 3500), 0);
	assert_int_equal(timeline_ns(&t, 1000, 0), 0);
}

static void reversed_readings_are_no_time(void **state)
{
	const struct timeline t = { .tsc_khz = 2500000 };

	(void)state;
	assert_int_equal(timeline_ns(&t, 3500, 1000), 0);
	assert_int_equal(timeline_ns(&t, UINT64_MAX, 1), 0);
}

static void an_unknown_rate_is_no_time(void **state)
{
	const struct timeline t = { 0 };

	(void)state;
	assert_int_equal(timeline_ns(&t, 1000, 3500), 0);
}

static void a_stamp_is_a_reading_of_now(void **state)
{
	struct timeline t = { 0 };
	uint64_t before = __rdtsc();

	(void)state;
	timeline_stamp(&t, MARK_VM);
	assert_in_range(t.tsc[MARK_VM], before, __rdtsc());
	assert_int_equal(t.tsc[MARK_VM - 1], 0);
	assert_int_equal(t.tsc[MARK_VM + 1], 0);
}

static void spawn_is_reckoned_back_by_the_cpu_time_used(void **state)
{
	struct timeline t = { .tsc_khz = 2000000 };

	(void)state;
	timeline_reckon_spawn(&t, 1000000, 400000);
	assert_int_equal(t.tsc[MARK_SPAWN], 200000);
}

static void spawn_is_not_reckoned_without_a_figure(void **state)
{
	struct timeline t = { .tsc_khz = 2000000 }, rateless = { 0 };

	(void)state;
	timeline_reckon_spawn(&t, 0, 400000);
	assert_int_equal(t.tsc[MARK_SPAWN], 0);
	timeline_reckon_spawn(&t, 1000000, 0);
	assert_int_equal(t.tsc[MARK_SPAWN], 0);
	timeline_reckon_spawn(&rateless, 1000000, 400000);
	assert_int_equal(rateless.tsc[MARK_SPAWN], 0);
}

static void spawn_is_not_before_the_clock_began(void **state)
{
	struct timeline t = { .tsc_khz = 2000000 };

	(void)state;
	timeline_reckon_spawn(&t, 1000000, 500000);
	assert_int_equal(t.tsc[MARK_SPAWN], 0);
	timeline_reckon_spawn(&t, 1000000, UINT64_MAX / 2);
	assert_int_equal(t.tsc[MARK_SPAWN], 0);
}

static void every_mark_has_a_name_of_its_own(void **state)
{
	(void)state;
	for (unsigned i = 0; i < MARK_COUNT; i++) {
		assert_non_null(mark_names[i]);
		for (unsigned j = 0; j < i; j++)
			assert_string_not_equal(mark_names[i], mark_names[j]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(readings_become_nanoseconds),
		cmocka_unit_test(days_do_not_overflow),
		cmocka_unit_test(a_missing_reading_is_no_time),
		cmocka_unit_test(reversed_readings_are_no_time),
		cmocka_unit_test(an_unknown_rate_is_no_time),
		cmocka_unit_test(a_stamp_is_a_reading_of_now),
		cmocka_unit_test(spawn_is_reckoned_back_by_the_cpu_time_used),
		cmocka_unit_test(spawn_is_not_reckoned_without_a_figure),
		cmocka_unit_test(spawn_is_not_before_the_clock_began),
		cmocka_unit_test(every_mark_has_a_name_of_its_own),
	};

	return cmocka_run_group_tests_name("timeline", tests, NULL, NULL);
}
