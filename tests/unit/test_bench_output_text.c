/* SPDX-License-Identifier: Apache-2.0 */
/* What a person reads in a terminal. */
#include "tests/unit/test_bench_output.h"

#include <math.h>

#include "control/bench/output.h"

static struct comparison *against(size_t subject) { return &made.results.subjects[subject].against[METRIC_WHOLE]; }

static void set(size_t subject, enum verdict verdict, double ratio, double low, double high, double p)
{
	*against(subject) = (struct comparison){
		.pairs = 200, .ratio = { ratio, low, high }, .p = p, .detectable = 0.013, .verdict = verdict,
	};
}

static void a_multiple_is_said_of_the_faster_one(void **state)
{
	(void)state;
	made_up(&made, 3, 5);
	set(2, VERDICT_MORE, 3.1, 3.0, 3.2, 1e-12);
	write_with(output_text);
	assert_says(text, "hello is 3.10x [3.00, 3.20] as fast as hello restored (p < 1e-9)\n");
	set(2, VERDICT_LESS, 0.25, 0.2, 0.5, 0.0042);
	write_with(output_text);
	assert_says(text, "hello restored is 4.00x [2.00, 5.00] as fast as hello (p = 0.0042)\n");
}

static void less_than_half_as_much_again_is_a_percentage(void **state)
{
	(void)state;
	made_up(&made, 3, 5);
	set(2, VERDICT_MORE, 1.05, 1.04, 1.061, 0.001);
	write_with(output_text);
	assert_says(text, "hello restored takes 5.0% [4.0%, 6.1%] more time than hello (p = 0.001)\n");
	set(2, VERDICT_LESS, 0.9, 0.88, 0.995, 0.0000123);
	write_with(output_text);
	assert_says(text, "hello restored takes 10.0% [0.50%, 12.0%] less time than hello (p = 1.2e-5)\n");
}

static void no_difference_says_which_would_have_been_found(void **state)
{
	(void)state;
	made_up(&made, 3, 5);
	set(2, VERDICT_SAME, 1.001, 0.99, 1.01, 0.43);
	write_with(output_text);
	assert_says(text, "no difference found between hello restored and hello (p = 0.43); one of 1.3% would have been\n");
}

static void too_few_pairs_are_no_verdict(void **state)
{
	(void)state;
	made_up(&made, 3, 5);
	set(2, VERDICT_NONE, NAN, NAN, NAN, NAN);
	against(2)->pairs = 3;
	write_with(output_text);
	assert_says(text, "hello restored and hello are not compared: 3 rounds are too few\n");
	against(2)->pairs = 0;
	write_with(output_text);
	assert_says(text, "hello restored and hello are not compared: no launches to compare\n");
}

static void the_floor_is_what_the_first_is_measured_by(void **state)
{
	(void)state;
	made_up(&made, 2, 5);
	set(1, VERDICT_LESS, 0.5, 0.4, 0.8, 1e-10);
	write_with(output_text);
	assert_says(text, "hello takes 2.00x [1.25, 2.50] the floor's time\n");
}

/* As docs/BENCH.md says: within rounds, not of medians, which a noisy host pushes about. */
static void multiples_of_the_floor_are_of_pairs(void **state)
{
	struct estimate multiple;

	(void)state;
	made_up(&made, 3, 5);
	set(1, VERDICT_LESS, 0.5, 0.4, 0.8, 1e-10);
	set(2, VERDICT_MORE, 3, 2.9, 3.1, 1e-10);
	assert_true(output_multiple(&made.results, &made.results.subjects[2], &multiple));
	assert_float_equal(multiple.value, 6, 1e-9);
	assert_false(output_multiple(&made.results, &made.results.subjects[1], &multiple));
	against(2)->ratio.value = NAN;
	assert_false(output_multiple(&made.results, &made.results.subjects[2], &multiple));
}

static void phases_have_quantiles_in_one_unit(void **state)
{
	(void)state;
	made_up(&made, 1, 5000);
	write_with(output_text);
	assert_says(text, "times in \xc2\xb5s                      p50  [95% interval]              p90       p99"
		    "     p99.9       max\n");
	for (enum metric m = 0; m < METRIC_COUNT; m++)
		assert_says(text, metrics[m].title);
	assert_null(strchr(text, '*'));
}

static void long_launches_are_in_milliseconds(void **state)
{
	(void)state;
	made_up(&made, 1, 5);
	for (size_t i = 0; i < 5; i++)
		made.results.subjects[0].samples[i].reaped_ns = 1234567890;
	results_compute(&made.results);
	write_with(output_text);
	assert_says(text, "times in ms ");
	assert_says(text, " 1234.568 ");
}

static void quantiles_of_too_few_are_marked_and_said(void **state)
{
	(void)state;
	made_up(&made, 1, 400);
	write_with(output_text);
	assert_says(text, "* of too few runs: hardly more than their greatest. p99 wants 368 runs, p99.9 3688.\n");
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		if (strncmp(line, "  begun to reaped", 17) != 0)
			continue;
		assert_ptr_equal(strchr(line, '*'), strrchr(line, '*')); /* one: p99.9 */
		assert_int_equal(strchr(line, '*')[1], ' ');
	}
}

static size_t columns(const char *line, size_t bytes)
{
	size_t count = 0;

	for (size_t i = 0; i < bytes; i++)
		count += (line[i] & 0xc0) != 0x80;
	return count;
}

static void no_line_is_wider_than_100_columns(void **state)
{
	static char name[400];
	char *line;

	(void)state;
	made_up(&made, 16, 50);
	for (size_t i = 0; i + 3 < sizeof(name); i += 3)
		memcpy(name + i, i % 30 ? "\xe2\x82\xac" : "a b", 3);
	made.plan.subjects[4].name = name;
	made.argv[5][2] = name;
	for (size_t i = 0; i < 50; i++)
		made.results.subjects[4].samples[i].reaped_ns = 99999999999;
	results_compute(&made.results);
	write_with(output_text);
	for (line = text; *line; line += strcspn(line, "\n") + 1)
		if (columns(line, strcspn(line, "\n")) > 100)
			fail_msg("%.*s", (int)strcspn(line, "\n"), line);
}

static const char *line_of(const char *begin)
{
	for (const char *line = text; *line; line += strcspn(line, "\n") + 1)
		if (strncmp(line, begin, strlen(begin)) == 0)
			return line;
	fail_msg("no line begins with \"%s\"", begin);
	return NULL;
}

/* The first column of a number is free, and it is there as a whole. */
static void assert_apart(const char *begin, const size_t *firsts, size_t count)
{
	const char *line = line_of(begin);
	size_t bytes = strcspn(line, "\n");

	assert_int_equal(columns(line, bytes), bytes); /* none was cut */
	for (size_t i = 0; i < count; i++)
		if (bytes <= firsts[i] || line[firsts[i]] != ' ')
			fail_msg("column %zu: %.*s", firsts[i], (int)bytes, line);
}

static void columns_are_apart_whatever_the_size(void **state)
{
	static const double times[] = { 1e3, 9.9e9, 10e9, 12.3456789e9, 999e9, 1e12, 1e15, 1e19 };
	static const size_t details[] = { 27, 36, 60, 70, 80, 90 }, overview[] = { 27, 36, 60, 70, 80 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(times); i++) {
		for (uint64_t other = 100; other < 1000000000000; other *= 1000) {
			made_up(&made, 2, 400);
			for (size_t k = 0; k < 400; k++) {
				made.results.subjects[0].samples[k].reaped_ns = (uint64_t)(times[i] * (1 - (double)(k % 7) / 10));
				made.results.subjects[0].samples[k].system_calls = (uint64_t)times[i];
				made.results.subjects[0].samples[k].peak_bytes = (uint64_t)times[i];
				made.results.subjects[1].samples[k].reaped_ns = other;
			}
			results_compute(&made.results);
			write_with(output_text);
			assert_apart("  begun to reaped", details, COUNT_OF(details));
			assert_apart("  system calls", details, COUNT_OF(details));
			assert_apart("  peak memory", details, COUNT_OF(details));
			assert_apart("floor  ", overview, COUNT_OF(overview));
			results_free(&made.results);
		}
	}
}

static void a_terminal_is_sent_text_alone(void **state)
{
	static const char name[] = "\x1b]0;title\a\x9b" "31m\nforged";

	(void)state;
	made_up(&made, 3, 5);
	made.plan.subjects[2].name = name;
	made.argv[0][1] = (char *)name;
	snprintf(made.results.subjects[2].failure, sizeof(made.results.subjects[2].failure), "%s", name);
	snprintf(made.results.environment.warnings[0].text, ENVIRONMENT_TEXT_BYTES, "%s", name);
	write_with(output_text);
	for (const char *c = text; *c; c++)
		assert_true((unsigned char)*c >= ' ' || *c == '\n');
	assert_null(strstr(text, "\nforged"));
}

static void failures_and_interruption_are_said_first(void **state)
{
	(void)state;
	made_up(&made, 2, 10);
	made.results.signal = 15;
	made.results.subjects[0].failed = 2;
	made.results.subjects[0].timed_out = 1;
	made.results.subjects[0].given_up = true;
	strcpy(made.results.subjects[0].failure, "exit status 3");
	write_with(output_text);
	assert_int_equal(strncmp(text, "interrupted by SIGTERM: what had been measured by then is here\n", 60), 0);
	assert_says(text, "\nhello: 3 of 10 launches failed, so it was given up: exit status 3\n");
}

static void a_pooled_machine_has_no_command(void **state)
{
	(void)state;
	made_up(&made, 4, 5);
	write_with(output_text);
	assert_says(text, "\nhello pooled: a machine of build/guests/hello.elf in kvick bench's own process\n");
}

static void warnings_are_last(void **state)
{
	const char *at;

	(void)state;
	made_up(&made, 2, 10);
	write_with(output_text);
	at = strstr(text, "\nwarning: other processes");
	assert_non_null(at);
	assert_null(strstr(at, "reaped"));
	assert_says(at, "\nwarning: 200 runs: ");
}

static void nothing_measured_is_said(void **state)
{
	(void)state;
	made_up(&made, 3, 0);
	write_with(output_text);
	assert_says(text, "  no launch of it was good\n");
	assert_null(strstr(text, "nan"));
	results_free(&made.results);
	made_up(&made, 3, 1);
	write_with(output_text);
	assert_null(strstr(text, "nan"));
}

static void a_full_device_is_said(void **state)
{
	struct error error = { 0 };

	(void)state;
	made_up(&made, 1, 1);
	assert_int_equal(output_text(&made.results, "/dev/full", &error), -ENOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_multiple_is_said_of_the_faster_one),
		TEST(less_than_half_as_much_again_is_a_percentage),
		TEST(no_difference_says_which_would_have_been_found),
		TEST(too_few_pairs_are_no_verdict),
		TEST(the_floor_is_what_the_first_is_measured_by),
		TEST(multiples_of_the_floor_are_of_pairs),
		TEST(phases_have_quantiles_in_one_unit),
		TEST(long_launches_are_in_milliseconds),
		TEST(quantiles_of_too_few_are_marked_and_said),
		TEST(no_line_is_wider_than_100_columns),
		TEST(columns_are_apart_whatever_the_size),
		TEST(a_terminal_is_sent_text_alone),
		TEST(failures_and_interruption_are_said_first),
		TEST(a_pooled_machine_has_no_command),
		TEST(warnings_are_last),
		TEST(nothing_measured_is_said),
		TEST(a_full_device_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
