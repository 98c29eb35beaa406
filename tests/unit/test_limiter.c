/* SPDX-License-Identifier: Apache-2.0 */
/* Token buckets, on a clock of the test's own. */
#include "tests/unit/test_unit.h"

#include "virtio/limiter.h"

#define MS    1000000ull
#define S     1000000000ull
#define BEGAN (1000 * S) /* the clock's first value */
#define NONE  { 0, 0 }

static struct limiter limiter;

static void make(struct device_rate operations, struct device_rate bytes)
{
	limiter_init(&limiter, &operations, &bytes);
}

static void make_operations(uint64_t per_second, uint64_t burst)
{
	make((struct device_rate){ per_second, burst }, (struct device_rate)NONE);
}

static void make_bytes(uint64_t per_second, uint64_t burst)
{
	make((struct device_rate)NONE, (struct device_rate){ per_second, burst });
}

/* How many of so many bytes begin, one after the other, at this time. */
static unsigned begun(uint64_t now_ns, uint64_t bytes)
{
	unsigned count = 0;

	while (count < 1000 && limiter_take(&limiter, now_ns, bytes) == 0)
		count++;
	return count;
}

static void what_has_no_limit_begins_at_once(void **state)
{
	(void)state;
	make((struct device_rate)NONE, (struct device_rate)NONE);
	assert_int_equal(begun(BEGAN, UINT64_MAX), 1000);
	limiter_charge(&limiter, BEGAN, UINT64_MAX);
	assert_int_equal(begun(BEGAN, 1), 1000);
}

static void a_burst_begins_at_once_and_no_more(void **state)
{
	(void)state;
	make_operations(10, 7);
	assert_int_equal(begun(BEGAN, 100), 7);
	make_bytes(1000, 8192);
	assert_int_equal(begun(BEGAN, 4096), 2);
}

static void a_burst_is_a_seconds_worth_unless_said(void **state)
{
	(void)state;
	make_operations(12, 0);
	assert_int_equal(begun(BEGAN, 0), 12);
}

static void buckets_fill_at_their_rate(void **state)
{
	(void)state;
	make_operations(10, 7);
	begun(BEGAN, 0);
	assert_int_equal(begun(BEGAN + 99 * MS, 0), 0);
	assert_int_equal(begun(BEGAN + 100 * MS, 0), 1);
	assert_int_equal(begun(BEGAN + 399 * MS, 0), 2);
	assert_int_equal(begun(BEGAN + 400 * MS, 0), 1);
}

static void a_bucket_holds_no_more_than_its_burst(void **state)
{
	(void)state;
	make_operations(10, 7);
	begun(BEGAN, 0);
	assert_int_equal(begun(BEGAN + 3600 * S, 0), 7);
	make_operations(10, 1); /* nor a part of a token more */
	begun(BEGAN, 0);
	assert_int_equal(begun(BEGAN + 199 * MS, 0), 1);
	assert_int_equal(begun(BEGAN + 298 * MS, 0), 0);
	assert_int_equal(begun(BEGAN + 299 * MS, 0), 1);
}

static void the_wait_is_as_long_as_it_takes(void **state)
{
	(void)state;
	make_operations(10, 1);
	begun(BEGAN, 0);
	assert_int_equal(limiter_take(&limiter, BEGAN, 0), 100 * MS);
	assert_int_equal(limiter_take(&limiter, BEGAN + 30 * MS, 0), 70 * MS);
	assert_int_equal(limiter_take(&limiter, BEGAN + 100 * MS, 0), 0);
	make_bytes(3, 3); /* a third of a second is no whole number of ns: rounded up, and then it is enough */
	begun(BEGAN, 1);
	assert_int_equal(limiter_take(&limiter, BEGAN, 1), 333333334);
	assert_int_equal(limiter_take(&limiter, BEGAN + 333333333, 1), 1);
	assert_int_equal(limiter_take(&limiter, BEGAN + 333333334, 1), 0);
}

/* However often it is asked, parts of tokens add up. */
static void no_part_of_a_token_is_lost(void **state)
{
	unsigned count = 0;

	(void)state;
	make_operations(7, 1);
	begun(BEGAN, 0);
	for (uint64_t at = 0; at <= 10 * S; at += 999983)
		count += limiter_take(&limiter, BEGAN + at, 0) == 0;
	assert_int_equal(count, 69); /* 70 in ten seconds, of which the loop does not see the last millisecond */
}

static void a_high_rate_waits_for_half_a_millisecond_at_a_time(void **state)
{
	(void)state;
	make_operations(1000000, 1000000);
	limiter.operations.tokens = 0;
	limiter.operations.at_ns = BEGAN;
	assert_int_equal(limiter_take(&limiter, BEGAN, 0), MS / 2);
	assert_int_equal(begun(BEGAN + MS / 2, 0), 500);
	make_operations(1000000, 10); /* the bucket holds no more */
	begun(BEGAN, 0);
	assert_int_equal(limiter_take(&limiter, BEGAN, 0), 10000);
}

static void what_is_larger_than_the_burst_begins_with_a_full_bucket_and_leaves_a_debt(void **state)
{
	(void)state;
	make_bytes(1000, 500);
	assert_int_equal(limiter_take(&limiter, BEGAN, 1), 0);
	assert_int_equal(limiter_take(&limiter, BEGAN, 2000), MS); /* for the bucket to be full */
	assert_int_equal(limiter_take(&limiter, BEGAN + MS, 2000), 0);
	assert_int_equal(limiter_take(&limiter, BEGAN + MS, 0), 1500 * MS);
	assert_int_equal(limiter_take(&limiter, BEGAN + 1500 * MS, 1), 2 * MS);
	assert_int_equal(limiter_take(&limiter, BEGAN + 1502 * MS, 1), 0);
}

static void what_is_told_afterwards_is_a_debt_too(void **state)
{
	(void)state;
	make_bytes(1000, 500);
	assert_int_equal(limiter_take(&limiter, BEGAN, 0), 0);
	limiter_charge(&limiter, BEGAN, 600);
	limiter_charge(&limiter, BEGAN, 600);
	assert_int_equal(limiter_take(&limiter, BEGAN, 0), 700 * MS);
	assert_int_equal(limiter_take(&limiter, BEGAN + 700 * MS, 0), 0);
}

static void both_buckets_have_a_say_and_nothing_is_taken_from_one_alone(void **state)
{
	(void)state;
	make((struct device_rate){ 10, 2 }, (struct device_rate){ 1000, 1000 });
	assert_int_equal(limiter_take(&limiter, BEGAN, 900), 0);
	assert_int_equal(limiter_take(&limiter, BEGAN, 300), 200 * MS);
	assert_int_equal(limiter_take(&limiter, BEGAN, 300), 200 * MS);
	assert_int_equal(limiter_take(&limiter, BEGAN, 100), 0); /* the second operation is still there */
	assert_int_equal(limiter_take(&limiter, BEGAN, 0), 100 * MS);
}

static void a_clock_that_goes_back_stands_still(void **state)
{
	(void)state;
	make_operations(10, 5);
	assert_int_equal(begun(BEGAN, 0), 5);
	assert_int_equal(begun(0, 0), 0);
	assert_int_equal(limiter_take(&limiter, 0, 0), 100 * MS);
	assert_int_equal(begun(BEGAN, 0), 0);
	assert_int_equal(begun(BEGAN + 200 * MS, 0), 2);
}

static void a_clock_that_begins_at_0_finds_full_buckets(void **state)
{
	(void)state;
	make_operations(10, 5);
	assert_int_equal(begun(0, 0), 5);
	assert_int_equal(begun(100 * MS, 0), 1);
}

static void the_largest_numbers_do_not_overflow(void **state)
{
	(void)state;
	make((struct device_rate){ UINT64_MAX, UINT64_MAX }, (struct device_rate){ UINT64_MAX, UINT64_MAX });
	assert_int_equal(limiter_take(&limiter, 0, UINT64_MAX), 0);
	assert_int_equal(limiter_take(&limiter, UINT64_MAX, UINT64_MAX), 0);
	assert_true(limiter.bytes.debt == 0 && limiter.bytes.tokens == 0);
	limiter_charge(&limiter, UINT64_MAX, UINT64_MAX);
	limiter_charge(&limiter, UINT64_MAX, UINT64_MAX);
	assert_true(limiter.bytes.debt == UINT64_MAX);
	assert_int_equal(limiter_take(&limiter, UINT64_MAX, UINT64_MAX), 2 * S);

	make_bytes(1, UINT64_MAX);
	assert_int_equal(limiter_take(&limiter, BEGAN, UINT64_MAX), 0);
	assert_true(limiter_take(&limiter, BEGAN, UINT64_MAX) == UINT64_MAX); /* 584 years are over first */
	make_bytes(1, 1);
	assert_int_equal(limiter_take(&limiter, BEGAN, UINT64_MAX), 0);
	assert_true(limiter_take(&limiter, BEGAN, 1) == UINT64_MAX);
	/* From one end of time to the other comes what 584 years are worth. */
	make_bytes(1, UINT64_MAX);
	limiter_take(&limiter, 0, UINT64_MAX);
	assert_int_equal(limiter_take(&limiter, UINT64_MAX, UINT64_MAX / S), 0);
	assert_int_not_equal(limiter_take(&limiter, UINT64_MAX, 1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_has_no_limit_begins_at_once),
		cmocka_unit_test(a_burst_begins_at_once_and_no_more),
		cmocka_unit_test(a_burst_is_a_seconds_worth_unless_said),
		cmocka_unit_test(buckets_fill_at_their_rate),
		cmocka_unit_test(a_bucket_holds_no_more_than_its_burst),
		cmocka_unit_test(the_wait_is_as_long_as_it_takes),
		cmocka_unit_test(no_part_of_a_token_is_lost),
		cmocka_unit_test(a_high_rate_waits_for_half_a_millisecond_at_a_time),
		cmocka_unit_test(what_is_larger_than_the_burst_begins_with_a_full_bucket_and_leaves_a_debt),
		cmocka_unit_test(what_is_told_afterwards_is_a_debt_too),
		cmocka_unit_test(both_buckets_have_a_say_and_nothing_is_taken_from_one_alone),
		cmocka_unit_test(a_clock_that_goes_back_stands_still),
		cmocka_unit_test(a_clock_that_begins_at_0_finds_full_buckets),
		cmocka_unit_test(the_largest_numbers_do_not_overflow),
	};

	return cmocka_run_group_tests_name("limiter", tests, NULL, NULL);
}
