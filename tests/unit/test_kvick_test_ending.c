/* SPDX-License-Identifier: Apache-2.0 */
/* How a launch ended: told by its record, or without one by kvick's exit code. And the command line that a case becomes. */
#include "tests/unit/test_unit.h"

#include <signal.h>

#include "control/exit_codes.h"
#include "control/test/command.h"
#include "control/test/ending.h"
#include "vmm/machine.h"

static char *none[] = { NULL };
static struct test_case of;
static struct test_outcome outcome;
static struct problems problems;

static int set_up(void **state)
{
	(void)state;
	of = (struct test_case){ .name = "case", .image = "/guest.elf", .arguments = none, .options = none,
				 .timeout_ns = 1500000000 };
	outcome = (struct test_outcome){ .of = &of, .messages = "", .ring = -1 };
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	free(problems_end(&problems));
	return 0;
}

static void ended(enum outcome_kind kind, int code, int guest)
{
	outcome.has_stamps = true;
	outcome.stamps = (struct stamps){ .outcome = kind, .exit_code = (uint32_t)code, .status = (uint32_t)guest };
	outcome.status = code << 8;
}

static void ended_untold(int code)
{
	outcome.has_stamps = false;
	outcome.status = code << 8;
}

static void is(enum ending_kind kind, int code)
{
	struct ending ending = ending_of(&outcome, false);

	assert_int_equal(ending.kind, kind);
	assert_int_equal(ending.code, code);
}

static void said(const char *text)
{
	struct ending ending = ending_of(&outcome, false);

	ending_check(&outcome, &ending, &problems);
	assert_int_equal(problems.count, text ? 1 : 0);
	if (text)
		assert_string_equal(problems.text, text);
	free(problems_end(&problems));
}

static void guests_code_is_not_taken_for_kvicks(void **state)
{
	(void)state;
	ended(OUTCOME_EXITED, EXIT_CRASHED, EXIT_CRASHED);
	is(ENDING_EXITED, EXIT_CRASHED);
	ended(OUTCOME_EXITED, EXIT_TIMEOUT, EXIT_TIMEOUT);
	is(ENDING_EXITED, EXIT_TIMEOUT);
	ended(OUTCOME_CRASHED, EXIT_CRASHED, 0);
	is(ENDING_CRASHED, EXIT_CRASHED);
	ended(OUTCOME_BROKE_OFF, EXIT_CRASHED, 0);
	is(ENDING_CRASHED, EXIT_CRASHED);
	ended(OUTCOME_RESET, EXIT_RESET, 0);
	is(ENDING_RESET, EXIT_RESET);
	ended(OUTCOME_NONE, EXIT_IMAGE, 0);
	is(ENDING_REFUSED, EXIT_IMAGE);
	ended(OUTCOME_FAILED, EXIT_HOST, 0);
	is(ENDING_HOST, EXIT_HOST);
}

static void exit_code_that_is_not_the_guests_is_the_hosts_failure(void **state)
{
	(void)state;
	ended(OUTCOME_EXITED, EXIT_HOST, 0);
	is(ENDING_HOST, EXIT_HOST);
}

static void time_out_is_one_signal_of_many(void **state)
{
	(void)state;
	ended(OUTCOME_STOPPED, EXIT_TIMEOUT, 0);
	is(ENDING_TIMED_OUT, EXIT_TIMEOUT);
	ended(OUTCOME_STOPPED, EXIT_SIGNAL + SIGTERM, 0);
	is(ENDING_SIGNAL, SIGTERM);
}

static void without_a_record_the_exit_code_tells(void **state)
{
	(void)state;
	ended_untold(EXIT_USAGE);
	is(ENDING_REFUSED, EXIT_USAGE);
	ended_untold(EXIT_CRASHED);
	is(ENDING_CRASHED, EXIT_CRASHED);
	ended_untold(EXIT_TIMEOUT);
	is(ENDING_TIMED_OUT, EXIT_TIMEOUT);
	ended_untold(3);
	is(ENDING_EXITED, 3);
}

static void record_of_nonsense_is_none(void **state)
{
	(void)state;
	ended(12345, EXIT_CRASHED, 0);
	is(ENDING_CRASHED, EXIT_CRASHED);
}

static void kvick_ended_by_a_signal_is_told(void **state)
{
	(void)state;
	outcome.status = SIGSEGV;
	is(ENDING_SIGNAL, SIGSEGV);
	said("end: kvick was ended by signal 11 (Segmentation fault), and should exit with 0");
}

static void kvick_that_ended_just_before_it_was_killed_was_not(void **state)
{
	struct ending ending;

	(void)state;
	ended(OUTCOME_STOPPED, EXIT_TIMEOUT, 0);
	ending = ending_of(&outcome, true);
	assert_int_equal(ending.kind, ENDING_TIMED_OUT);
	outcome.status = SIGKILL;
	ending = ending_of(&outcome, true);
	assert_int_equal(ending.kind, ENDING_KILLED);
}

static void what_is_expected_is_no_problem(void **state)
{
	(void)state;
	of.exit_code = 7;
	ended(OUTCOME_EXITED, 7, 7);
	said(NULL);
	of.end = CASE_CRASHES;
	ended(OUTCOME_CRASHED, EXIT_CRASHED, 0);
	said(NULL);
	of.end = CASE_TIMES_OUT;
	ended(OUTCOME_STOPPED, EXIT_TIMEOUT, 0);
	said(NULL);
	of.end = CASE_RESETS;
	ended(OUTCOME_RESET, EXIT_RESET, 0);
	said(NULL);
	of.end = CASE_IS_REFUSED;
	ended_untold(EXIT_IMAGE);
	said(NULL);
}

static void other_end_is_told_with_what_kvick_said(void **state)
{
	(void)state;
	ended(OUTCOME_EXITED, 3, 3);
	said("end: it exited with 3, and should exit with 0");
	of.end = CASE_RESETS;
	said("end: it exited with 3, and should reset itself");
	of.end = CASE_EXITS;
	outcome.messages = "kvick: guest crashed\nkvick: rip\n";
	ended(OUTCOME_CRASHED, EXIT_CRASHED, 0);
	said("end: it crashed, and should exit with 0: \"kvick: guest crashed\"");
	ended(OUTCOME_STOPPED, EXIT_TIMEOUT, 0);
	of.end = CASE_CRASHES;
	said("end: it timed out (timeout = 1.5s), and should crash: \"kvick: guest crashed\"");
}

static void host_that_cannot_is_a_refusal_only_where_the_message_is_expected(void **state)
{
	static const char *some[] = { "busy", NULL }, *empty[] = { NULL };

	(void)state;
	of.end = CASE_IS_REFUSED;
	outcome.messages = "kvick: no KVM\n";
	ended_untold(EXIT_HOST);
	said("end: the host could not run it (exit code 123), which is only taken for a refusal where `stderr` says which: "
	     "\"kvick: no KVM\"");
	of.stderr_matches = empty;
	said("end: the host could not run it (exit code 123), which is only taken for a refusal where `stderr` says which: "
	     "\"kvick: no KVM\"");
	of.stderr_matches = some;
	said(NULL);
}

/* --- command lines --- */

static void command_is(const char *scratch, const char *text)
{
	char **words = command_make(&(struct command_config){ .of = &of, .ring = outcome.ring, .scratch = scratch,
							      .report = "stamps=3", .timeout_ns = of.timeout_ns });
	char *have = command_text("kvick", words);

	assert_string_equal(have, text);
	free(have);
	command_free(words);
}

static void command_of_a_plain_case_is_short(void **state)
{
	(void)state;
	command_is("", "kvick run --report stamps=3 --timeout 1500000us /guest.elf");
}

static void command_has_all_that_the_case_says(void **state)
{
	static char *arguments[] = { "-x", "it's {scratch}", NULL }, *options[] = { "--io", "sync", NULL };
	static const char *env[] = { "A=b c", NULL }, *nets[] = { "user={scratch}/p", NULL }, *vsocks[] = { "3,{scratch}/v", NULL };

	(void)state;
	of.arguments = arguments;
	of.options = options;
	of.env = env;
	of.nets = nets;
	of.vsocks = vsocks;
	of.mem = "32M";
	of.cpu = "host";
	of.protocol = "native";
	of.request_path = "/request";
	of.rng = of.console_device = true;
	outcome.ring = 0;
	command_is("/s", "kvick run --report stamps=3 --timeout 1500000us --mem 32M --ring 0 --cpu host --protocol native "
			 "--request /request --env 'A=b c' --net user=/s/p --vsock 3,/s/v --rng --console --io sync /guest.elf "
			 "-- -x 'it'\\''s /s'");
}

static void disks_are_the_cases_own_or_as_they_are(void **state)
{
	static struct disk_fixture disks[] = {
		{ .kind = FIXTURE_EMPTY, .bytes = 512, .words = ",id=a" },
		{ .kind = FIXTURE_AS_IS, .path = "/a,b", .words = ",ro" },
		{ .kind = FIXTURE_COPY, .path = "/c", .words = "", .solo5_name = "data" },
	};

	(void)state;
	of.disks = disks;
	of.disk_count = COUNT_OF(disks);
	command_is("/s", "kvick run --report stamps=3 --timeout 1500000us --disk /s/disk0,id=a --disk /a,,b,ro "
			 "--block:data=/s/disk2 /guest.elf");
}

static void ring_of_a_case_that_has_one(void **state)
{
	(void)state;
	of.ring = "3";
	command_is("", "kvick run --report stamps=3 --timeout 1500000us --ring 3 /guest.elf");
	of.ring = "auto";
	command_is("", "kvick run --report stamps=3 --timeout 1500000us --ring auto /guest.elf");
}

static void no_time_left_is_still_a_time_out(void **state)
{
	(void)state;
	of.timeout_ns = 1;
	command_is("", "kvick run --report stamps=3 --timeout 1us /guest.elf");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(guests_code_is_not_taken_for_kvicks),
		TEST(exit_code_that_is_not_the_guests_is_the_hosts_failure),
		TEST(time_out_is_one_signal_of_many),
		TEST(without_a_record_the_exit_code_tells),
		TEST(record_of_nonsense_is_none),
		TEST(kvick_ended_by_a_signal_is_told),
		TEST(kvick_that_ended_just_before_it_was_killed_was_not),
		TEST(what_is_expected_is_no_problem),
		TEST(other_end_is_told_with_what_kvick_said),
		TEST(host_that_cannot_is_a_refusal_only_where_the_message_is_expected),
		TEST(command_of_a_plain_case_is_short),
		TEST(command_has_all_that_the_case_says),
		TEST(disks_are_the_cases_own_or_as_they_are),
		TEST(ring_of_a_case_that_has_one),
		TEST(no_time_left_is_still_a_time_out),
	};

	return cmocka_run_group_tests_name("ending", tests, NULL, NULL);
}
