/* SPDX-License-Identifier: Apache-2.0 */
/* Who makes ticks come: the process's timer, or whoever has many machines. */
#include "tests/unit/test_unit.h"

#include <sys/time.h>

#include "vmm/stop.h"
#include "vmm/sys.h"

static struct stop *told;

static void tell(struct stop *stop)
{
	told = stop;
}

static bool timer_is_armed(void)
{
	struct itimerval now;

	assert_int_equal(getitimer(ITIMER_REAL, &now), 0);
	return now.it_value.tv_sec || now.it_value.tv_usec;
}

static int tear_down(void **state)
{
	const struct itimerval never = { 0 };

	(void)state;
	told = NULL;
	return setitimer(ITIMER_REAL, &never, NULL);
}

static int set_up(void **state)
{
	signal(SIGALRM, SIG_IGN);
	return tear_down(state);
}

static void one_machine_has_the_timer_of_the_process(void **state)
{
	struct stop stop = { 0 };
	struct sys sys = { 0 };

	(void)state;
	assert_int_equal(stop_want_ticks(&stop, &sys), 0);
	assert_true(stop.ticks);
	assert_true(timer_is_armed());
}

static void of_many_machines_each_asks_for_its_own(void **state)
{
	struct stop one = { .want_ticks = tell }, other = { .want_ticks = tell };
	struct sys sys = { 0 };

	(void)state;
	assert_int_equal(stop_want_ticks(&one, &sys), 0);
	assert_ptr_equal(told, &one);
	assert_true(one.ticks);
	assert_false(other.ticks);
	assert_false(timer_is_armed());
	assert_int_equal(sys.calls, 0);
}

static void without_a_timer_there_are_no_ticks(void **state)
{
	struct stop stop = { 0 };
	struct sys sys = { .fail_at = 1, .fail_errno = EPERM };

	(void)state;
	assert_int_equal(stop_want_ticks(&stop, &sys), -EPERM);
	assert_false(stop.ticks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_machine_has_the_timer_of_the_process),
		TEST(of_many_machines_each_asks_for_its_own),
		TEST(without_a_timer_there_are_no_ticks),
	};

	return cmocka_run_group_tests_name("stop", tests, NULL, NULL);
}
