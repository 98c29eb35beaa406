/* SPDX-License-Identifier: Apache-2.0 */
/* From samples to figures and comparisons. */
#include "tests/unit/test_unit.h"

#include <math.h>

#include "control/bench/pairs.h"
#include "control/bench/results.h"

#define ROUNDS 40

static struct plan plan;
static struct results results;

static int set_up(void **state)
{
	(void)state;
	plan = (struct plan){ .alpha = 0.01 };
	results = (struct results){ .plan = &plan, .subject_count = 2 };
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	results_free(&results);
	return 0;
}

/* Begun, 60 us to the guest, 10 to its main(), 20 in it, 10 to the end: 100 in all, or scaled. */
static struct sample *add(struct subject_results *subject, uint32_t round, double scale)
{
	struct sample *sample = results_add(subject);

	*sample = (struct sample){ .round = round, .entry_ns = (uint64_t)(59000 * scale), .first_ns = (uint64_t)(60000 * scale),
				   .guest_main_ns = (uint64_t)(70000 * scale), .exit_ns = (uint64_t)(90000 * scale),
				   .reaped_ns = (uint64_t)(100000 * scale), .exits = 3, .counted = COUNTED_ALL };
	return sample;
}

/* The host becomes slower; each round is a bit different. */
static double host(uint32_t round)
{
	return 1 + 0.02 * round + 0.001 * (round * 7 % 10);
}

static void fill(double second)
{
	for (uint32_t round = 0; round < ROUNDS; round++) {
		add(&results.subjects[0], round, host(round));
		add(&results.subjects[1], round, host(round) * second * (1 + 0.001 * (round * 3 % 7)));
	}
}

static double value(const struct sample *sample, enum metric metric)
{
	double value;

	return metrics[metric].get(sample, &value) ? value : -1;
}

static void the_phases_add_up_to_the_whole(void **state)
{
	const struct sample *sample = add(&results.subjects[0], 0, 1);
	double sum = 0;

	(void)state;
	for (enum metric metric = 0; metric < METRIC_COUNT; metric++)
		sum += metrics[metric].is_phase ? value(sample, metric) : 0;
	assert_true(value(sample, METRIC_WHOLE) == 100000 && sum == 100000);
	assert_true(value(sample, METRIC_GUEST) == 30000 && value(sample, METRIC_VMM) == 70000);
	assert_true(value(sample, METRIC_START) == 60000 && value(sample, METRIC_END) == 10000);
}

static void what_is_not_known_has_no_value(void **state)
{
	const struct sample sample = { .reaped_ns = 100 }, nothing = { 0 };

	(void)state;
	assert_true(value(&sample, METRIC_WHOLE) == 100);
	for (enum metric metric = METRIC_VMM; metric < METRIC_COUNT; metric++)
		assert_true(metric == METRIC_FAULTS || value(&sample, metric) == -1);
	assert_true(value(&nothing, METRIC_WHOLE) == -1);
}

static void no_exit_is_a_number_of_them(void **state)
{
	const struct sample none = { .counted = COUNTED_ALL }, unknown = { .exits = 0 };

	(void)state;
	assert_true(value(&none, METRIC_EXITS) == 0);
	assert_true(value(&unknown, METRIC_EXITS) == -1);
}

/* A pooled machine that has all it needs: of launches with none and with some the median is not that of some. */
static void no_page_fault_is_a_number_of_them(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 9; i++)
		add(&results.subjects[0], i, 1)->minor_faults = i < 6 ? 0 : 4;
	results_compute(&results);
	assert_int_equal(results.subjects[0].summary[METRIC_FAULTS].count, 9);
	assert_true(results.subjects[0].summary[METRIC_FAULTS].quantile[0].value == 0);
}

static void a_guest_that_tells_nothing_begins_where_it_is_entered(void **state)
{
	const struct sample sample = { .entry_ns = 50, .exit_ns = 90, .reaped_ns = 100 };

	(void)state;
	assert_true(value(&sample, METRIC_START) == 50 && value(&sample, METRIC_GUEST) == 40 && value(&sample, METRIC_END) == 10);
	assert_true(value(&sample, METRIC_BOOT) == -1 && value(&sample, METRIC_MAIN) == -1);
}

static void every_metric_has_a_row(void **state)
{
	(void)state;
	for (enum metric metric = 0; metric < METRIC_COUNT; metric++) {
		assert_true(metrics[metric].key && metrics[metric].title && metrics[metric].unit && metrics[metric].get);
		for (enum metric other = 0; other < metric; other++)
			assert_string_not_equal(metrics[metric].key, metrics[other].key);
	}
}

static void samples_stay_as_they_are_when_there_are_more(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 5000; i++) {
		struct sample *sample = results_add(&results.subjects[0]);

		assert_true(sample->round == 0 && sample->peak_bytes == 0);
		*sample = (struct sample){ .round = i, .peak_bytes = i };
	}
	assert_int_equal(results.subjects[0].sample_count, 5000);
	for (uint32_t i = 0; i < 5000; i++)
		assert_true(results.subjects[0].samples[i].round == i && results.subjects[0].samples[i].peak_bytes == i);
}

/* As lists the two look alike: the host's drift is 80%. */
static void rounds_are_compared_as_pairs(void **state)
{
	(void)state;
	fill(1.01);
	results_compute(&results);
	assert_int_equal(results.subjects[0].summary[METRIC_WHOLE].count, ROUNDS);
	assert_int_equal(results.subjects[1].against[METRIC_WHOLE].pairs, ROUNDS);
	assert_int_equal(results.subjects[1].against[METRIC_WHOLE].verdict, VERDICT_MORE);
	assert_true(fabs(results.subjects[1].against[METRIC_WHOLE].ratio.value - 1.013) < 0.001);
}

/* A host whose every burst is another is no difference, however many launches are in each; one in all rounds is. */
static void a_burst_is_one_observation(void **state)
{
	(void)state;
	plan.arrivals = ARRIVALS_BURST;
	for (uint32_t round = 0; round < ROUNDS; round++) {
		for (uint32_t i = 0; i < 8; i++) {
			add(&results.subjects[0], round, 1 + 0.001 * i);
			add(&results.subjects[1], round, (round % 5 < 3 ? 1.3 : 0.75) + 0.001 * i);
		}
	}
	results_compute(&results);
	assert_int_equal(results.subjects[0].summary[METRIC_WHOLE].count, 8 * ROUNDS);
	assert_int_equal(results.subjects[1].against[METRIC_WHOLE].pairs, ROUNDS);
	assert_int_equal(results.subjects[1].against[METRIC_WHOLE].verdict, VERDICT_SAME);
}

/* As lists they would look alike. */
static void rounds_are_pairs_however_launches_come(void **state)
{
	(void)state;
	for (enum arrivals arrivals = ARRIVALS_ONE_BY_ONE; arrivals <= ARRIVALS_OPEN_LOOP; arrivals++) {
		plan.arrivals = arrivals;
		fill(1.01);
		results_compute(&results);
		assert_int_equal(results.subjects[1].against[METRIC_WHOLE].pairs, ROUNDS);
		assert_int_equal(results.subjects[1].against[METRIC_WHOLE].verdict, VERDICT_MORE);
		results_free(&results);
		results.subject_count = 2;
	}
}

static void a_round_counts_where_both_are_good(void **state)
{
	(void)state;
	fill(1);
	results.subjects[0].samples[3].result = SAMPLE_FAILED;
	results.subjects[1].samples[4].result = SAMPLE_TIMED_OUT;
	results.subjects[1].samples[4].reaped_ns = 1000000000;
	results.subjects[1].samples[5].round = 4; /* another one of it, which is good; and none of round 5 */
	results_compute(&results);
	assert_int_equal(results.subjects[0].summary[METRIC_WHOLE].count, ROUNDS - 1);
	assert_int_equal(results.subjects[1].summary[METRIC_WHOLE].count, ROUNDS - 1);
	assert_true(results.subjects[1].summary[METRIC_WHOLE].quantile[4].value < 1000000);
	assert_int_equal(results.subjects[1].against[METRIC_WHOLE].pairs, ROUNDS - 2);
}

static void a_pair_knows_its_round(void **state)
{
	static const uint32_t first[] = { 0, 2, 3, 5, 5, 5, 9 }, second[] = { 2, 4, 5, 9, 9, 11 };
	double of_a[COUNT_OF(second)], of_b[COUNT_OF(second)];
	uint32_t rounds[COUNT_OF(second)];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(first); i++)
		add(&results.subjects[0], first[i], 1);
	for (size_t i = 0; i < COUNT_OF(second); i++)
		add(&results.subjects[1], second[i], 1);
	const struct launches a = { results.subjects[0].samples, COUNT_OF(first), METRIC_WHOLE };
	const struct launches b = { results.subjects[1].samples, COUNT_OF(second), METRIC_WHOLE };

	assert_int_equal(pairs_by_round(&a, &b, of_a, of_b, rounds), 3);
	assert_true(rounds[0] == 2 && rounds[1] == 5 && rounds[2] == 9);
}

static void a_subject_that_stopped_early_is_compared_by_what_it_has(void **state)
{
	(void)state;
	for (uint32_t round = 0; round < ROUNDS; round++) {
		add(&results.subjects[0], round, host(round));
		if (round < 3)
			add(&results.subjects[1], round, host(round));
	}
	results_compute(&results);
	assert_int_equal(results.subjects[1].against[METRIC_WHOLE].pairs, 3);
	assert_int_equal(results.subjects[1].against[METRIC_WHOLE].verdict, VERDICT_NONE);
}

static void nothing_measured_is_no_difference_and_no_crash(void **state)
{
	(void)state;
	results_compute(&results);
	assert_int_equal(results.subjects[0].summary[METRIC_WHOLE].count, 0);
	assert_true(isnan(results.subjects[1].against[METRIC_WHOLE].p));
	assert_int_equal(results.subjects[1].against[METRIC_WHOLE].verdict, VERDICT_NONE);
}

/* More in 10 rounds of 10: 2 of 1024 ways to choose signs. With five questions more that is not sure enough. */
static void parts_of_the_whole_are_one_question(void **state)
{
	(void)state;
	for (uint32_t round = 0; round < 10; round++) {
		add(&results.subjects[0], round, host(round));
		add(&results.subjects[1], round, host(round))->reaped_ns += 100 + round;
	}
	results_compute(&results);
	assert_true(results.subjects[1].against[METRIC_WHOLE].p == 2.0 / 1024);
	assert_int_equal(results.subjects[1].against[METRIC_WHOLE].verdict, VERDICT_MORE);
	assert_true(results.subjects[1].against[METRIC_END].p == 2.0 / 1024 * 6); /* the CPU's time is not known here */
	assert_int_equal(results.subjects[1].against[METRIC_END].verdict, VERDICT_SAME);
	assert_true(results.subjects[1].against[METRIC_END].ratio.value > 1);
	assert_int_equal(results.subjects[1].against[METRIC_EXITS].verdict, VERDICT_SAME);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(the_phases_add_up_to_the_whole),
		TEST(what_is_not_known_has_no_value),
		TEST(no_exit_is_a_number_of_them),
		TEST(no_page_fault_is_a_number_of_them),
		TEST(a_guest_that_tells_nothing_begins_where_it_is_entered),
		TEST(every_metric_has_a_row),
		TEST(samples_stay_as_they_are_when_there_are_more),
		TEST(rounds_are_compared_as_pairs),
		TEST(a_burst_is_one_observation),
		TEST(rounds_are_pairs_however_launches_come),
		TEST(a_round_counts_where_both_are_good),
		TEST(a_pair_knows_its_round),
		TEST(a_subject_that_stopped_early_is_compared_by_what_it_has),
		TEST(nothing_measured_is_no_difference_and_no_crash),
		TEST(parts_of_the_whole_are_one_question),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
