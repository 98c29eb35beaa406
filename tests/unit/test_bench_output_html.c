/* SPDX-License-Identifier: Apache-2.0 */
/* The page's text; tests/bench/test_html.py looks at it in a browser. */
#include "tests/unit/test_bench_output.h"

#include <math.h>

#include "control/bench/page.h"

static unsigned count_of(const char *what)
{
	unsigned count = 0;

	for (const char *at = text; (at = strstr(at, what)); at++)
		count++;
	return count;
}

static void what_came_from_outside_is_escaped(void **state)
{
	static const char name[] = "<b onclick=\"x\">'&\x1b";

	(void)state;
	made_up(&made, 4, 20);
	for (size_t i = 0; i < 4; i++) {
		made.plan.subjects[i].name = name;
		made.argv[i][1] = (char *)name;
		snprintf(made.results.subjects[i].failure, sizeof(made.results.subjects[i].failure), "%s", name);
	}
	snprintf(made.results.environment.rows[0].value, ENVIRONMENT_TEXT_BYTES, "%s", name);
	snprintf(made.results.environment.warnings[0].text, ENVIRONMENT_TEXT_BYTES, "%s", name);
	write_with(output_html);
	assert_null(strstr(text, "<b"  " "));
	assert_null(strstr(text, "\"x\""));
	assert_null(strchr(text, 0x1b));
	assert_true(count_of("&lt;b onclick=&quot;x&quot;&gt;&#39;&amp;\xef\xbf\xbd") > 20);
}

static void no_plot_has_a_number_that_is_none(void **state)
{
	static const struct {
		size_t subjects, runs;
	} ways[] = { { 0, 0 }, { 1, 0 }, { 16, 0 }, { 1, 1 }, { 3, 1 }, { 3, 2 }, { 2, 500 } };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(ways); i++) {
		made_up(&made, ways[i].subjects, ways[i].runs);
		write_with(output_html);
		assert_null(strstr(text, "nan"));
		assert_null(strstr(text, "inf"  " "));
		assert_null(strstr(text, "-nan"));
		assert_says(text, "</html>\n");
		results_free(&made.results);
	}
}

/* All times the same: a scale without length. */
static void launches_that_all_take_as_long_are_drawn(void **state)
{
	(void)state;
	made_up(&made, 2, 50);
	for (size_t i = 0; i < 2; i++)
		for (size_t j = 0; j < 50; j++)
			made.results.subjects[i].samples[j].reaped_ns = 1000000;
	results_compute(&made.results);
	write_with(output_html);
	assert_null(strstr(text, "nan"));
}

static void it_is_small_whatever_there_is(void **state)
{
	static char name[64];

	(void)state;
	made_up(&made, 16, 2000);
	memset(name, '&', sizeof(name) - 1);
	for (size_t i = 0; i < 16; i++)
		made.plan.subjects[i].name = name;
	write_with(output_html);
	assert_true(strlen(text) < 500 * 1024);
}

static void the_same_results_are_the_same_page(void **state)
{
	char *first;

	(void)state;
	made_up(&made, 5, 3000);
	write_with(output_html);
	first = strdup(text);
	write_with(output_html);
	assert_string_equal(text, first);
	free(first);
}

static void each_plot_has_a_name_for_who_does_not_see_it(void **state)
{
	(void)state;
	made_up(&made, 4, 100);
	write_with(output_html);
	assert_int_equal(count_of("role=\"img\" aria-labelledby="), count_of("<desc id="));
	assert_true(count_of("role=\"img\"") >= 8);
	assert_int_equal(count_of("<svg "), count_of("role=\"img\"") + count_of("aria-hidden=\"true\""));
}

static void a_report_without_a_timeline_is_left_out(void **state)
{
	(void)state;
	made_up(&made, 1, 10);
	write_with(output_html);
	assert_says(text, "<figure id=\"steps\">");
	strcpy(made.results.subjects[0].report, "{\"timeline_ns\":{\"main\":-5,\"plan\":\"x\",\"vm\":1e999}}");
	write_with(output_html);
	assert_null(strstr(text, "<figure id=\"steps\">"));
}

static void ticks_are_round_and_within_the_scale(void **state)
{
	static const struct scale scales[] = {
		{ 0, 1, 0, 100, false }, { 0, 861e3, 0, 100, false }, { 50e3, 400e6, 0, 100, true }, { 0.97, 1.04, 0, 100, true },
		{ 1e-3, 1e12, 0, 100, true }, { 0.09, 11, 0, 100, true }, { 1, 1.0001, 0, 100, false }, { 0.5, 3e5, 0, 100, false },
	};
	double ticks[TICKS_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(scales); i++) {
		for (unsigned about = 2; about < 12; about++) {
			unsigned count = scale_ticks(&scales[i], about, ticks);

			assert_in_range(count, 1, TICKS_MAX);
			for (unsigned j = 0; j < count; j++) {
				assert_true(scale_at(&scales[i], ticks[j]) > -0.001 && scale_at(&scales[i], ticks[j]) < 100.001);
				assert_true(j == 0 || ticks[j] > ticks[j - 1]);
			}
		}
	}
}

/* Two decades: ticks in both of them. */
static void ticks_of_a_logarithmic_scale_are_spread_over_it(void **state)
{
	const struct scale scale = { 0.14, 13, 0, 100, true };
	double ticks[TICKS_MAX];

	(void)state;
	for (unsigned about = 3; about < 12; about++) {
		unsigned count = scale_ticks(&scale, about, ticks);

		assert_true(count >= 2 && ticks[0] <= 1);
	}
}

static void times_have_three_digits(void **state)
{
	static const struct {
		double ns;
		const char *text;
	} ways[] = {
		{ 1, "1.00 ns" }, { 999.4, "999 ns" }, { 999.9, "1.00 \xc2\xb5s" }, { 12345, "12.3 \xc2\xb5s" },
		{ 99960, "100 \xc2\xb5s" },
		{ 1.5e6, "1.50 ms" }, { 2e9, "2.00 s" }, { 1e12, "1000 s" },
	};
	char is[OUTPUT_NUMBER_BYTES];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(ways); i++) {
		time_text(is, ways[i].ns);
		assert_string_equal(is, ways[i].text);
	}
}

static void a_full_device_is_said(void **state)
{
	struct error error = { 0 };

	(void)state;
	made_up(&made, 1, 1);
	assert_int_equal(output_html(&made.results, "/dev/full", &error), -ENOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_came_from_outside_is_escaped),
		TEST(no_plot_has_a_number_that_is_none),
		TEST(launches_that_all_take_as_long_are_drawn),
		TEST(it_is_small_whatever_there_is),
		TEST(the_same_results_are_the_same_page),
		TEST(each_plot_has_a_name_for_who_does_not_see_it),
		TEST(a_report_without_a_timeline_is_left_out),
		TEST(ticks_are_round_and_within_the_scale),
		TEST(ticks_of_a_logarithmic_scale_are_spread_over_it),
		TEST(times_have_three_digits),
		TEST(a_full_device_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
