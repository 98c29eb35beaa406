/* SPDX-License-Identifier: Apache-2.0 */
/* JSON: all of the results, whatever they are. tests/bench/test_outputs.py holds it against docs/bench.schema.json. */
#include "tests/unit/test_bench_output.h"

#include <jansson.h>
#include <math.h>

#include "control/bench/output.h"

static json_t *root;

static void written(void)
{
	json_error_t error;

	write_with(output_json);
	json_decref(root);
	root = json_loads(text, JSON_REJECT_DUPLICATES, &error);
	if (!root)
		fail_msg("line %d: %s", error.line, error.text);
}

static int tear_down_json(void **state)
{
	json_decref(root);
	root = NULL;
	return tear_down(state);
}

#define JSON_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down_json)

/* Members and indices, with '/' between. */
static json_t *at(const char *path)
{
	char words[256], *word, *rest = words;
	json_t *node = root;

	snprintf(words, sizeof(words), "%s", path);
	while ((word = strsep(&rest, "/")))
		node = json_is_array(node) ? json_array_get(node, strtoul(word, NULL, 10)) : json_object_get(node, word);
	if (!node)
		fail_msg("%s is not there", path);
	return node;
}

static void is_null(const char *path) { assert_true(json_is_null(at(path))); }

static void every_sample_is_there_in_every_column(void **state)
{
	(void)state;
	made_up(&made, 3, 20);
	written();
	for (size_t c = 0; c < output_column_count; c++) {
		char path[100];

		snprintf(path, sizeof(path), "subjects/2/samples/%s", output_columns[c].key);
		assert_int_equal(json_array_size(at(path)), 20);
		for (size_t i = 0; i < 20; i++) {
			uint64_t value;
			const json_t *is = json_array_get(at(path), i);

			if (output_column_get(&output_columns[c], &made.results.subjects[2].samples[i], &value))
				assert_int_equal(json_integer_value(is), value);
			else
				assert_true(json_is_null(is));
		}
	}
}

static void columns_are_all_that_a_sample_has(void **state)
{
	size_t bytes = 0;

	(void)state;
	for (size_t c = 0; c < output_column_count; c++)
		bytes += output_columns[c].narrow ? sizeof(uint32_t) : sizeof(uint64_t);
	assert_int_equal(bytes, offsetof(struct sample, counted));
}

static void what_is_not_known_is_null(void **state)
{
	(void)state;
	made_up(&made, 2, 1);
	made.results.subjects[0].summary[METRIC_WHOLE].mean = NAN;
	made.results.subjects[0].summary[METRIC_WHOLE].min = INFINITY;
	made.results.subjects[1].against[METRIC_WHOLE].p = NAN;
	written();
	is_null("subjects/0/summary/whole/mean");
	is_null("subjects/0/summary/whole/min");
	is_null("subjects/0/summary/whole/p99.9/high");
	is_null("subjects/1/against_first/whole/p");
	is_null("subjects/1/samples/first_ns/0");
	is_null("subjects/0/against_first");
	is_null("subjects/1/report");
	is_null("signal");
}

static void summaries_and_comparisons_are_as_computed(void **state)
{
	const struct summary *summary = &made.results.subjects[1].summary[METRIC_WHOLE];
	const struct comparison *against = &made.results.subjects[1].against[METRIC_WHOLE];

	(void)state;
	made_up(&made, 2, 200);
	written();
	assert_float_equal(json_real_value(at("subjects/1/summary/whole/p50/value")), summary->quantile[0].value, 1e-3);
	assert_float_equal(json_real_value(at("subjects/1/against_first/whole/ratio/low")), against->ratio.low, 1e-9);
	assert_string_equal(json_string_value(at("subjects/1/against_first/whole/verdict")), "less");
	assert_null(json_object_get(at("subjects/1/summary"), "guest")); /* nobody saw it */
}

/* 2^64-1 is more than JSON's readers have in a number. */
static void the_seed_is_whole(void **state)
{
	(void)state;
	made_up(&made, 1, 1);
	written();
	assert_string_equal(json_string_value(at("plan/seed")), "18446744073709551615");
}

static void no_name_breaks_it(void **state)
{
	static const char name[] = "\"\\\n\xff\xc0\x80\xed\xa0\x80\x1b";

	(void)state;
	made_up(&made, 1, 1);
	made.plan.subjects[0].name = name;
	made.argv[0][1] = (char *)name;
	snprintf(made.results.subjects[0].failure, sizeof(made.results.subjects[0].failure), "%s", name);
	snprintf(made.results.environment.rows[0].value, ENVIRONMENT_TEXT_BYTES, "%s", name);
	snprintf(made.results.environment.warnings[0].text, ENVIRONMENT_TEXT_BYTES, "%s", name);
	written();
	assert_memory_equal(json_string_value(at("subjects/0/name")), "\"\\\xef\xbf\xbd", 5);
	assert_string_equal(json_string_value(at("subjects/0/name")), json_string_value(at("subjects/0/command/1")));
	assert_string_equal(json_string_value(at("subjects/0/name")), json_string_value(at("environment/rows/kernel")));
}

static void a_report_is_taken_over_and_a_broken_one_is_none(void **state)
{
	(void)state;
	made_up(&made, 1, 1);
	written();
	assert_string_equal(json_string_value(at("subjects/0/report/outcome")), "exited");
	strcpy(made.results.subjects[0].report, "{\"kvick\":");
	written();
	is_null("subjects/0/report");
}

static void an_interrupted_run_keeps_what_it_has(void **state)
{
	(void)state;
	made_up(&made, 2, 7);
	made.results.signal = 2;
	made.results.subjects[1].sample_count = 6;
	made.results.subjects[1].given_up = true;
	written();
	assert_int_equal(json_integer_value(at("signal")), 2);
	assert_int_equal(json_integer_value(at("subjects/1/launches")), 6);
	assert_int_equal(json_array_size(at("subjects/1/samples/round")), 6);
	assert_true(json_is_true(at("subjects/1/given_up")));
}

static void nothing_measured_is_json_too(void **state)
{
	(void)state;
	made_up(&made, 16, 0);
	written();
	assert_int_equal(json_array_size(at("subjects")), 16);
	assert_int_equal(json_object_size(at("subjects/3/summary")), 0);
	made.results.subject_count = 0;
	written();
	assert_int_equal(json_array_size(at("subjects")), 0);
	made.results.subject_count = 16;
}

static void arrivals_say_what_they_have(void **state)
{
	(void)state;
	made_up(&made, 1, 1);
	made.plan.arrivals = ARRIVALS_OPEN_LOOP;
	made.plan.rate = 12.5;
	made.plan.poisson = true;
	made.plan.pinned = true;
	CPU_SET(1, &made.plan.cpus);
	CPU_SET(3, &made.plan.cpus);
	written();
	assert_string_equal(json_string_value(at("plan/arrivals")), "open_loop");
	assert_float_equal(json_real_value(at("plan/rate")), 12.5, 0);
	assert_true(json_is_true(at("plan/poisson")));
	assert_int_equal(json_integer_value(at("plan/cpus/1")), 3);
}

static void a_full_device_is_said(void **state)
{
	struct error error = { 0 };

	(void)state;
	made_up(&made, 1, 1);
	assert_int_equal(output_json(&made.results, "/dev/full", &error), -ENOSPC);
	assert_says(error.text, "/dev/full: ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		JSON_TEST(every_sample_is_there_in_every_column),
		JSON_TEST(columns_are_all_that_a_sample_has),
		JSON_TEST(what_is_not_known_is_null),
		JSON_TEST(summaries_and_comparisons_are_as_computed),
		JSON_TEST(the_seed_is_whole),
		JSON_TEST(no_name_breaks_it),
		JSON_TEST(a_report_is_taken_over_and_a_broken_one_is_none),
		JSON_TEST(an_interrupted_run_keeps_what_it_has),
		JSON_TEST(nothing_measured_is_json_too),
		JSON_TEST(arrivals_say_what_they_have),
		JSON_TEST(a_full_device_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
