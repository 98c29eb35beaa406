/* SPDX-License-Identifier: Apache-2.0 */
/* How many VMs a function has: at least `warm`, at most `concurrency`, and between the two what demand was of late. */
#include "tests/unit/test_unit.h"

#include "control/server/pool.h"

#define PERIOD 1000u

static struct pool_limits limits;
static struct pool_demand demand;

static int setup(void **state)
{
	(void)state;
	limits = (struct pool_limits){ .warm = 2, .concurrency = 8, .period_ns = PERIOD };
	demand = (struct pool_demand){ 0 };
	return 0;
}

static void observe(struct pool_count count, uint64_t now_ns)
{
	pool_observe(&limits, &demand, &count, now_ns);
}

static void decides(struct pool_count count, unsigned make, unsigned give_up)
{
	struct pool_step step = pool_decide(&limits, &demand, &count);

	assert_int_equal(step.make, make);
	assert_int_equal(step.give_up, give_up);
}

#define COUNT(...) (struct pool_count){ __VA_ARGS__ }

static void stock_is_made_one_at_a_time(void **state)
{
	(void)state;
	decides(COUNT(0), 1, 0);
	decides(COUNT(.making = 1), 0, 0);
	decides(COUNT(.warm = 1), 1, 0);
	decides(COUNT(.warm = 2), 0, 0);
}

static void none_is_made_in_stock_while_a_request_waits(void **state)
{
	(void)state;
	decides(COUNT(.making = 1, .queued = 1), 0, 0);
	decides(COUNT(.busy = 8, .queued = 1), 0, 0);
}

static void each_request_that_waits_has_one_made(void **state)
{
	(void)state;
	decides(COUNT(.queued = 3), 3, 0);
	decides(COUNT(.making = 1, .queued = 3), 2, 0);
	decides(COUNT(.making = 3, .queued = 3), 0, 0);
}

static void there_are_no_more_than_concurrency(void **state)
{
	(void)state;
	decides(COUNT(.queued = 100), 8, 0);
	decides(COUNT(.busy = 5, .making = 1, .queued = 100), 2, 0);
	decides(COUNT(.busy = 8, .queued = 100), 0, 0);
}

static void not_too_many_are_made_at_once(void **state)
{
	(void)state;
	limits.concurrency = 1000;
	decides(COUNT(.queued = 500), POOL_MAKING_MAX, 0);
	decides(COUNT(.making = POOL_MAKING_MAX, .queued = 500), 0, 0);
	decides(COUNT(.making = POOL_MAKING_MAX - 1, .busy = 100, .queued = 500), 1, 0);
}

static void what_was_needed_of_late_is_kept(void **state)
{
	(void)state;
	observe(COUNT(.busy = 6), 10);
	observe(COUNT(.warm = 6), PERIOD - 1);
	decides(COUNT(.warm = 6), 0, 0);
	observe(COUNT(.warm = 6), PERIOD); /* the period before counts too */
	decides(COUNT(.warm = 6), 0, 0);
	observe(COUNT(.warm = 6), 2 * PERIOD);
	decides(COUNT(.warm = 6), 0, 4);
}

static void a_long_rest_forgets_all_demand(void **state)
{
	(void)state;
	observe(COUNT(.busy = 6), 10);
	observe(COUNT(.warm = 6), 7 * PERIOD + 3);
	assert_int_equal(demand.period_begin_ns, 7 * PERIOD);
	decides(COUNT(.warm = 6), 0, 4);
}

static void what_is_busy_is_not_given_up(void **state)
{
	(void)state;
	limits.warm = 0;
	decides(COUNT(.busy = 3, .warm = 1), 0, 1);
	decides(COUNT(.busy = 3), 0, 0);
	decides(COUNT(.making = 3), 0, 0);
}

static void requests_that_wait_are_demand(void **state)
{
	(void)state;
	observe(COUNT(.busy = 2, .queued = 3), 10);
	decides(COUNT(.warm = 5), 0, 0);
	decides(COUNT(.warm = 6), 0, 1);
}

static void without_warm_an_idle_function_has_none(void **state)
{
	(void)state;
	limits.warm = 0;
	decides(COUNT(0), 0, 0);
	decides(COUNT(.warm = 3), 0, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(stock_is_made_one_at_a_time, setup),
		cmocka_unit_test_setup(none_is_made_in_stock_while_a_request_waits, setup),
		cmocka_unit_test_setup(each_request_that_waits_has_one_made, setup),
		cmocka_unit_test_setup(there_are_no_more_than_concurrency, setup),
		cmocka_unit_test_setup(not_too_many_are_made_at_once, setup),
		cmocka_unit_test_setup(what_was_needed_of_late_is_kept, setup),
		cmocka_unit_test_setup(a_long_rest_forgets_all_demand, setup),
		cmocka_unit_test_setup(what_is_busy_is_not_given_up, setup),
		cmocka_unit_test_setup(requests_that_wait_are_demand, setup),
		cmocka_unit_test_setup(without_warm_an_idle_function_has_none, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
