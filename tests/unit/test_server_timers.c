/* SPDX-License-Identifier: Apache-2.0 */
/* The heap of timers: order, moving, clearing, and timers that set timers. */
#include "tests/unit/test_unit.h"

#include <stdlib.h>

#include "control/server/timers.h"

#define MANY 500

struct probe {
	struct timer timer;
	struct timers *timers;
	unsigned calls;
	uint64_t again_ns; /* sets itself again to this; 0: not */
	struct timer *clears;
};

static uint64_t last_ns;

static void over(void *object)
{
	struct probe *probe = object;

	probe->calls++;
	assert_true(probe->timer.at_ns >= last_ns);
	last_ns = probe->timer.at_ns;
	if (probe->clears)
		timer_clear(probe->timers, probe->clears);
	if (probe->again_ns)
		timer_set(probe->timers, &probe->timer, probe->again_ns);
}

static void begin(struct timers *timers, struct probe *probes, unsigned count)
{
	*timers = (struct timers){ 0 };
	last_ns = 0;
	for (unsigned i = 0; i < count; i++)
		probes[i] = (struct probe){ .timer = { .over = over, .object = &probes[i] }, .timers = timers };
}

static void they_are_over_in_order_and_once(void **state)
{
	static struct probe probes[MANY];
	struct timers timers;

	(void)state;
	begin(&timers, probes, MANY);
	srandom(1);
	for (unsigned i = 0; i < MANY; i++)
		timer_set(&timers, &probes[i].timer, (uint64_t)random() % 1000 + 1);
	for (uint64_t now_ns = 0; now_ns <= 1001; now_ns += 7)
		timers_run(&timers, now_ns);
	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(probes[i].calls, 1);
	assert_true(timers_next(&timers) == TIMER_NEVER);
	timers_end(&timers);
}

static void none_is_over_before_its_time(void **state)
{
	struct timers timers;
	struct probe probe;

	(void)state;
	begin(&timers, &probe, 1);
	timer_set(&timers, &probe.timer, 100);
	assert_int_equal(timers_next(&timers), 100);
	timers_run(&timers, 99);
	assert_int_equal(probe.calls, 0);
	timers_run(&timers, 100);
	assert_int_equal(probe.calls, 1);
	timers_end(&timers);
}

/* Against a list that is searched: set, moved and cleared at random. */
static void moving_and_clearing_keep_the_order(void **state)
{
	static struct probe probes[MANY];
	struct timers timers;

	(void)state;
	begin(&timers, probes, MANY);
	srandom(2);
	for (unsigned step = 0; step < 20000; step++) {
		struct timer *timer = &probes[random() % MANY].timer;
		uint64_t next = TIMER_NEVER;

		if (random() % 3)
			timer_set(&timers, timer, (uint64_t)random() % 100000);
		else
			timer_clear(&timers, timer);
		if (step % 50)
			continue;
		for (unsigned i = 0; i < MANY; i++) {
			if (probes[i].timer.place && probes[i].timer.at_ns < next)
				next = probes[i].timer.at_ns;
		}
		assert_true(timers_next(&timers) == next);
	}
	timers_run(&timers, UINT64_MAX - 1);
	assert_int_equal(timers.count, 0);
	timers_end(&timers);
}

static void one_that_is_cleared_by_another_is_not_called(void **state)
{
	struct timers timers;
	struct probe probes[3];

	(void)state;
	begin(&timers, probes, 3);
	for (unsigned i = 0; i < 3; i++)
		timer_set(&timers, &probes[i].timer, 10 + i);
	probes[0].clears = &probes[1].timer;
	timers_run(&timers, 20);
	assert_int_equal(probes[1].calls, 0);
	assert_int_equal(probes[2].calls, 1);
	timers_end(&timers);
}

static void one_that_sets_itself_to_the_past_does_not_hold_up_the_loop(void **state)
{
	struct timers timers;
	struct probe probe;

	(void)state;
	begin(&timers, &probe, 1);
	timer_set(&timers, &probe.timer, 1);
	probe.again_ns = 1;
	timers_run(&timers, 100);
	assert_int_equal(probe.calls, 1);
	timers_run(&timers, 100);
	assert_int_equal(probe.calls, 2);
	timers_end(&timers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(they_are_over_in_order_and_once),
		cmocka_unit_test(none_is_over_before_its_time),
		cmocka_unit_test(moving_and_clearing_keep_the_order),
		cmocka_unit_test(one_that_is_cleared_by_another_is_not_called),
		cmocka_unit_test(one_that_sets_itself_to_the_past_does_not_hold_up_the_loop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
