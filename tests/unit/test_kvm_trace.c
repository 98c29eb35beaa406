/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel's trace says of a guest, by its lines. */
#include "tests/unit/test_unit.h"

#include "control/measure/kvm_trace.h"

#define RUN(pid, tsc)  "           <...>-" #pid "   [000] ..... " #tsc ": sys_ioctl(fd: 6, cmd: 0xae80, arg: 0)"
#define LEFT(pid, tsc) "           <...>-" #pid "   [001] d.... " #tsc ": kvm_userspace_exit: reason KVM_EXIT_IO (2)"

static struct kvm_traced traced;

static int set_up(void **state)
{
	(void)state;
	traced = (struct kvm_traced){ .whole = true };
	return 0;
}

static void add(const char *line)
{
	char *copy = strndup(line, strlen(line)); /* no byte more */

	kvm_trace_line(copy, strlen(line), 1000, &traced);
	free(copy);
}

static void the_first_run_and_the_last_exit_count(void **state)
{
	(void)state;
	add(RUN(7, 1500));
	add(LEFT(7, 1600));
	add(RUN(7, 1700));
	add(LEFT(7, 1800));
	assert_int_equal(traced.entered_tsc, 1500);
	assert_int_equal(traced.left_tsc, 1800);
	assert_int_equal(traced.exits, 2);
	assert_true(traced.whole);
}

static void lines_of_several_processors_may_be_in_any_order(void **state)
{
	(void)state;
	add(LEFT(8, 1800));
	add(RUN(8, 1700));
	add(RUN(7, 1500));
	add(LEFT(7, 1600));
	assert_int_equal(traced.entered_tsc, 1500);
	assert_int_equal(traced.left_tsc, 1800);
}

static void what_was_before_is_dropped(void **state)
{
	(void)state;
	add(RUN(7, 900));
	add(LEFT(7, 999));
	assert_int_equal(traced.entered_tsc, 0);
	assert_int_equal(traced.left_tsc, 0);
	assert_int_equal(traced.exits, 0);
}

static void events_that_were_lost_are_noticed(void **state)
{
	static const char *const lost[] = { "CPU:1 [LOST 13 EVENTS]", "CPU:0 [LOST EVENTS]" };

	for (size_t i = 0; i < sizeof(lost) / sizeof(lost[0]); i++) {
		set_up(state);
		add(lost[i]);
		add(RUN(7, 1500));
		assert_false(traced.whole);
	}
}

static void events_that_were_lost_before_are_no_matter(void **state)
{
	(void)state;
	add("CPU:1 [LOST 13 EVENTS]");
	add(LEFT(7, 900));
	add(RUN(8, 1500));
	assert_true(traced.whole);
	assert_int_equal(traced.entered_tsc, 1500);
}

static void a_program_may_be_called_as_if_events_were_lost(void **state)
{
	(void)state;
	add("   [LOST EVENTS]-7       [000] ..... 1500: sys_ioctl(fd: 6, cmd: 0xae80, arg: 0)");
	assert_true(traced.whole);
	assert_int_equal(traced.entered_tsc, 1500);
}

static void a_stamp_has_twenty_digits_at_most(void **state)
{
	(void)state;
	add(RUN(7, 18446744073709551615));
	assert_true(traced.entered_tsc == UINT64_MAX);
}

static void other_lines_say_nothing(void **state)
{
	static const char *const lines[] = {
		"", ":", ": sys_ioctl(", "x: sys_ioctl(", ": kvm_userspace_exit: ", "# tracer: nop", "99999: sys_openat(dfd: 0)",
		"\xff\xff: kvm_userspace_exit: reason",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		add(lines[i]);
	assert_int_equal(traced.entered_tsc, 0);
	assert_int_equal(traced.left_tsc, 0);
	assert_true(traced.whole);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_first_run_and_the_last_exit_count, set_up),
		cmocka_unit_test_setup(lines_of_several_processors_may_be_in_any_order, set_up),
		cmocka_unit_test_setup(what_was_before_is_dropped, set_up),
		cmocka_unit_test_setup(events_that_were_lost_are_noticed, set_up),
		cmocka_unit_test_setup(events_that_were_lost_before_are_no_matter, set_up),
		cmocka_unit_test_setup(a_program_may_be_called_as_if_events_were_lost, set_up),
		cmocka_unit_test_setup(a_stamp_has_twenty_digits_at_most, set_up),
		cmocka_unit_test_setup(other_lines_say_nothing, set_up),
	};

	return cmocka_run_group_tests_name("kvm_trace", tests, NULL, NULL);
}
