/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The statistics of kvick bench: against published examples (R's and SciPy's documentation), against all arrangements of small
 * cases, and by simulation with a fixed seed.
 */
#include "tests/unit/test_unit.h"

#include <math.h>

#include "control/bench/statistics.h"

#define ALPHA 0.01

static void assert_near(double is, double should, double within)
{
	if (!(fabs(is - should) <= within))
		fail_msg("%.12g is not %.12g", is, should);
}

static uint64_t random_state;

static double random_uniform(void)
{
	random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
	return ((double)(random_state >> 12) + 0.5) * 0x1p-52;
}

static double random_normal(void)
{
	double radius = sqrt(-2 * log(random_uniform()));

	return radius * cos(2 * M_PI * random_uniform());
}

/* --- summaries --- */

static void quantiles_are_values_of_the_list(void **state)
{
	struct summary summary;
	double values[1000];

	(void)state;
	for (size_t i = 0; i < 1000; i++)
		values[(i * 7) % 1000] = (double)i + 1;
	summarise(&summary, values, 1000);
	assert_int_equal(summary.count, 1000);
	assert_near(summary.min, 1, 0);
	assert_near(summary.mean, 500.5, 1e-9);
	assert_near(summary.deviation, 288.8194360957494, 1e-9);
	assert_near(summary.quantile[0].value, 500, 0);
	assert_near(summary.quantile[1].value, 900, 0);
	assert_near(summary.quantile[2].value, 990, 0);
	assert_near(summary.quantile[3].value, 999, 0);
	assert_near(summary.quantile[4].value, 1000, 0);
}

/* By SciPy's binom.cdf and binom.ppf. */
static void intervals_of_quantiles_are_binomial(void **state)
{
	static const struct {
		size_t count, quantile;
		double low, high;
	} rows[] = {
		{ 10, 0, 2, 9 }, { 100, 0, 40, 61 }, { 1000, 0, 469, 532 }, { 100, 1, 84, 96 }, { 1000, 2, 983, 997 },
		{ 10000, 3, 9983, 9997 }, { 1000000, 3, 998938, 999062 },
	};

	(void)state;
	for (size_t row = 0; row < COUNT_OF(rows); row++) {
		double *values = calloc(rows[row].count, sizeof(*values));
		struct summary summary;

		for (size_t i = 0; i < rows[row].count; i++)
			values[i] = (double)i + 1;
		summarise(&summary, values, rows[row].count);
		assert_near(summary.quantile[rows[row].quantile].low, rows[row].low, 0);
		assert_near(summary.quantile[rows[row].quantile].high, rows[row].high, 0);
		free(values);
	}
}

static void the_interval_of_a_median_holds_it_in_95_percent(void **state)
{
	unsigned held = 0;

	(void)state;
	random_state = 1;
	for (unsigned trial = 0; trial < 2000; trial++) {
		double values[25];
		struct summary summary;

		for (size_t i = 0; i < COUNT_OF(values); i++)
			values[i] = exp(random_normal());
		summarise(&summary, values, COUNT_OF(values));
		held += summary.quantile[0].low <= 1 && 1 <= summary.quantile[0].high;
	}
	assert_in_range(held, 1890, 1980); /* at least 95%: the steps are coarse */
}

static void nothing_is_said_where_there_are_too_few_values(void **state)
{
	struct summary summary;
	double values[] = { 5, 4, 3, 2, 1 };

	(void)state;
	summarise(&summary, values, 0);
	assert_true(isnan(summary.min) && isnan(summary.mean) && isnan(summary.deviation) && isnan(summary.quantile[0].value));
	summarise(&summary, values, 1);
	assert_near(summary.quantile[0].value, 5, 0);
	assert_true(isnan(summary.deviation) && isnan(summary.quantile[0].low) && isnan(summary.quantile[0].high));
	summarise(&summary, values, 5); /* one in 16 times all five are on one side of the median */
	assert_true(isnan(summary.quantile[0].low) && isnan(summary.quantile[0].high));
	assert_true(isnan(summary.quantile[4].high)); /* nobody knows what more would have brought */
}

/* --- pairs --- */

/* Pairs whose logarithms' difference is this. */
static struct comparison of_differences(const double *differences, size_t count)
{
	double *a = calloc(count, sizeof(*a)), *b = calloc(count, sizeof(*b));
	struct comparison comparison;

	for (size_t i = 0; i < count; i++) {
		a[i] = 1;
		b[i] = exp(differences[i]);
	}
	compare_pairs(&comparison, a, b, count, ALPHA);
	free(a);
	free(b);
	return comparison;
}

/* R, ?wilcox.test: Hollander and Wolfe 1973, depression scale factors. V = 40, p = 0.03906, 0.46 [0.010, 0.786]. */
static void pairs_as_in_the_manual_of_r(void **state)
{
	static const double differences[] = { 0.952, -0.147, 1.022, 0.43, 0.62, 0.59, 0.49, -0.08, 0.01 };
	struct comparison c = of_differences(differences, COUNT_OF(differences));

	(void)state;
	assert_near(c.p, 0.0390625, 1e-12);
	assert_near(log(c.ratio.value), 0.46, 1e-9);
	assert_near(log(c.ratio.low), 0.010, 1e-9);
	assert_near(log(c.ratio.high), 0.786, 1e-9);
	assert_int_equal(c.verdict, VERDICT_SAME);
}

/* SciPy, wilcoxon: Darwin's plants. By values with zeros and less among them, so by differences. */
static void pairs_as_in_the_manual_of_scipy(void **state)
{
	static const double b[] = { 6, 8, 14, 16, 23, 24, 28, 29, 41, -48, 49, 56, 60, -67, 75 }, a[COUNT_OF(b)];
	struct comparison c;

	(void)state;
	compare_pairs(&c, a, b, COUNT_OF(b), 0.05);
	assert_near(c.p, 0.041259765625, 1e-12);
	assert_near(c.difference.value, 25, 0);
	assert_near(c.difference.low, 4, 0);
	assert_near(c.difference.high, 41.5, 0);
	assert_int_equal(c.verdict, VERDICT_MORE);
	assert_true(isnan(c.ratio.value));
}

/* SciPy 1.10: wilcoxon(mode="approx", correction=True) of 60, with ties and a zero. */
static void many_pairs_by_the_normal_distribution(void **state)
{
	double a[60] = { 0 }, b[60];
	struct comparison c;

	(void)state;
	for (int i = 0; i < 60; i++)
		b[i] = i * 53 % 61 - 25;
	compare_pairs(&c, a, b, 60, ALPHA);
	assert_near(c.p, 0.029422629256285835, 1e-12);
}

/* The sum of positive ranks in all 2^n ways to choose signs, ties and zeros included; by no code of statistics.c. */
static double p_of_all_signs(const double *differences, size_t count)
{
	double size[12], rank[12], total = 0, observed = 0;
	size_t left = 0, as_far = 0;
	bool positive[12];

	for (size_t i = 0; i < count; i++) {
		if (differences[i] == 0)
			continue;
		size[left] = fabs(differences[i]);
		positive[left++] = differences[i] > 0;
	}
	for (size_t i = 0; i < left; i++) {
		rank[i] = 0.5;
		for (size_t j = 0; j < left; j++)
			rank[i] += size[j] < size[i] ? 1 : size[j] == size[i] ? 0.5 : 0;
		total += rank[i];
		observed += positive[i] ? rank[i] : 0;
	}
	for (size_t signs = 0; signs < 1u << left; signs++) {
		double sum = 0;

		for (size_t i = 0; i < left; i++)
			sum += signs >> i & 1 ? rank[i] : 0;
		as_far += fabs(sum - total / 2) >= fabs(observed - total / 2);
	}
	return (double)as_far / (double)(1u << left);
}

static void few_pairs_are_exact_with_ties_and_zeros(void **state)
{
	(void)state;
	random_state = 2;
	for (unsigned trial = 0; trial < 300; trial++) {
		double differences[12], a[12] = { 0 };
		size_t count = 1 + trial % 12;
		struct comparison c;

		for (size_t i = 0; i < count; i++)
			differences[i] = floor(random_uniform() * 11) - 4;
		compare_pairs(&c, a, differences, count, ALPHA);
		assert_near(c.p, p_of_all_signs(differences, count), 1e-12);
	}
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* All means of two written down and sorted. */
static void the_hodges_lehmann_estimate_is_the_median_of_means(void **state)
{
	static double means[81 * 40];

	(void)state;
	random_state = 3;
	for (size_t count = 1; count <= 80; count++) {
		double a[80] = { 0 }, b[80];
		struct comparison c;
		size_t all = 0;

		for (size_t i = 0; i < count; i++)
			b[i] = count % 2 ? random_normal() * 1e3 : floor(random_normal() * 4);
		for (size_t i = 0; i < count; i++)
			for (size_t j = i; j < count; j++)
				means[all++] = (b[i] + b[j]) / 2;
		qsort(means, all, sizeof(*means), by_value);
		compare_pairs(&c, a, b, count, ALPHA);
		assert_near(c.difference.value, (means[(all - 1) / 2] + means[all / 2]) / 2, 0);
		if (count < 6) {
			assert_true(isnan(c.difference.low) && isnan(c.difference.high));
			continue;
		}
		assert_true(bsearch(&c.difference.low, means, all, sizeof(*means), by_value));
		assert_true(bsearch(&c.difference.high, means, all, sizeof(*means), by_value));
	}
}

static void pairs_are_many_and_soon_compared(void **state)
{
	size_t count = 100000;
	double *a = calloc(count, sizeof(*a)), *b = calloc(count, sizeof(*b));
	struct comparison c;

	(void)state;
	random_state = 4;
	for (size_t i = 0; i < count; i++) {
		a[i] = 500 * exp(0.1 * random_normal());
		b[i] = a[i] * 1.05 * exp(0.1 * random_normal());
	}
	compare_pairs(&c, a, b, count, ALPHA);
	assert_near(c.ratio.value, 1.05, 0.002);
	assert_true(c.ratio.low < c.ratio.value && c.ratio.value < c.ratio.high && c.ratio.high - c.ratio.low < 0.005);
	assert_int_equal(c.verdict, VERDICT_MORE);
	free(a);
	free(b);
}

static void the_interval_of_a_ratio_holds_it_in_95_percent(void **state)
{
	unsigned held = 0;

	(void)state;
	random_state = 5;
	for (unsigned trial = 0; trial < 1000; trial++) {
		double differences[60];
		struct comparison c;
		size_t count = trial % 2 ? 60 : 20;

		for (size_t i = 0; i < count; i++)
			differences[i] = 0.05 + 0.1 * random_normal();
		c = of_differences(differences, count);
		held += log(c.ratio.low) <= 0.05 && 0.05 <= log(c.ratio.high);
	}
	assert_in_range(held, 930, 975);
}

/* Drift, as of a host that becomes slower, and outliers on one side: harmless, as long as both take turns by chance. */
static void no_difference_is_shown_once_in_a_hundred(void **state)
{
	unsigned shown = 0;

	(void)state;
	random_state = 6;
	for (unsigned trial = 0; trial < 4000; trial++) {
		double a[100], b[100];
		size_t count = trial % 2 ? 100 : 20;
		struct comparison c;

		for (size_t i = 0; i < count; i++) {
			double host = 500 + 3 * (double)i, first = host * exp(0.1 * random_normal());
			double second = (host + 40) * exp(0.1 * random_normal());
			bool swapped = random_uniform() < 0.5;

			second *= random_uniform() < 0.05 ? 10 : 1;
			a[i] = swapped ? second : first;
			b[i] = swapped ? first : second;
		}
		compare_pairs(&c, a, b, count, ALPHA);
		shown += c.verdict != VERDICT_SAME;
	}
	assert_in_range(shown, 22, 58); /* 40, +-3 standard deviations */
}

static void what_is_detectable_is_shown_in_80_percent(void **state)
{
	unsigned shown = 0;
	double detectable = 0;

	(void)state;
	random_state = 7;
	for (unsigned trial = 0; trial < 400; trial++) {
		double differences[100];
		struct comparison c;

		for (size_t i = 0; i < 100; i++)
			differences[i] = 0.1 * random_normal();
		detectable += of_differences(differences, 100).detectable / 400;
		for (size_t i = 0; i < 100; i++)
			differences[i] += 0.035; /* about that */
		c = of_differences(differences, 100);
		shown += c.verdict == VERDICT_MORE;
	}
	assert_near(detectable, 0.0355, 0.001); /* e^0.035 - 1 */
	assert_in_range(shown, 300, 344);
}

static void a_verdict_needs_pairs_enough(void **state)
{
	static const double differences[] = { 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8 };

	(void)state;
	assert_int_equal(of_differences(differences, 0).verdict, VERDICT_NONE);
	assert_true(isnan(of_differences(differences, 0).p));
	assert_int_equal(of_differences(differences, 7).verdict, VERDICT_NONE); /* 2/128 at best */
	assert_int_equal(of_differences(differences, 8).verdict, VERDICT_MORE);
}

static void the_same_counts_are_no_difference(void **state)
{
	double a[200], b[200];
	struct comparison c;

	(void)state;
	for (size_t i = 0; i < 200; i++)
		a[i] = b[i] = 3;
	compare_pairs(&c, a, b, 200, ALPHA);
	assert_near(c.p, 1, 0);
	assert_int_equal(c.verdict, VERDICT_SAME);
	for (size_t i = 0; i < 7; i++) /* by the normal distribution that would do */
		b[i * 20] = 4;
	compare_pairs(&c, a, b, 200, ALPHA);
	assert_near(c.p, 2.0 / 128, 1e-12);
	assert_int_equal(c.verdict, VERDICT_SAME);
	b[150] = 4;
	compare_pairs(&c, a, b, 200, ALPHA);
	assert_int_equal(c.verdict, VERDICT_MORE);
	assert_near(c.ratio.value, 1, 0);
}

/* --- lists --- */

/* R, ?wilcox.test: permeability constants. W = 35, twice 0.1272. */
static void lists_as_in_the_manual_of_r(void **state)
{
	static const double b[] = { 0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46 };
	static const double a[] = { 1.15, 0.88, 0.90, 0.74, 1.21 };
	struct comparison c;

	(void)state;
	compare_lists(&c, a, COUNT_OF(a), b, COUNT_OF(b), ALPHA);
	assert_near(c.p, 0.2544122544122544, 1e-12);
	assert_int_equal(c.verdict, VERDICT_SAME);
	assert_near(c.ratio.value, 1.38 / 0.90, 1e-12);
	assert_true(isnan(c.ratio.low)); /* of five values */
}

/* SciPy, mannwhitneyu: ages of diagnosis. */
static void lists_as_in_the_manual_of_scipy(void **state)
{
	static const double a[] = { 19, 22, 16, 29, 24 }, b[] = { 20, 11, 17, 12 };
	struct comparison c;

	(void)state;
	compare_lists(&c, a, COUNT_OF(a), b, COUNT_OF(b), ALPHA);
	assert_near(c.p, 1.0 / 9, 1e-12);
	assert_int_equal(c.verdict, VERDICT_NONE); /* 2/126 at best */
}

/* SciPy 1.10: mannwhitneyu(method="asymptotic"), with ties. */
static void long_lists_by_the_normal_distribution(void **state)
{
	double a[45], b[38];
	struct comparison c;

	(void)state;
	for (int i = 0; i < 45; i++)
		a[i] = i * 37 % 41;
	for (int i = 0; i < 38; i++)
		b[i] = i * 23 % 47 + 3;
	compare_lists(&c, a, 45, b, 38, 0.05);
	assert_near(c.p, 0.016202401291288613, 1e-12);
	assert_int_equal(c.verdict, VERDICT_MORE);
}

/* By the sum over every choice of b's places. */
static double p_of_all_choices(const double *values, size_t count, size_t chosen)
{
	double rank[12], observed = 0, total = 0;
	size_t above = 0, below = 0, all = 0;

	for (size_t i = 0; i < count; i++) {
		rank[i] = 0.5;
		for (size_t j = 0; j < count; j++)
			rank[i] += values[j] < values[i] ? 1 : values[j] == values[i] ? 0.5 : 0;
		total += rank[i];
		observed += i >= count - chosen ? rank[i] : 0;
	}
	for (size_t choice = 0; choice < 1u << count; choice++) {
		double sum = 0;

		if ((size_t)__builtin_popcountl(choice) != chosen)
			continue;
		for (size_t i = 0; i < count; i++)
			sum += choice >> i & 1 ? rank[i] : 0;
		all++;
		above += sum >= observed;
		below += sum <= observed;
	}
	return fmin(1, 2 * (double)(above < below ? above : below) / (double)all);
}

static void short_lists_are_exact_with_ties(void **state)
{
	(void)state;
	random_state = 8;
	for (unsigned trial = 0; trial < 300; trial++) {
		size_t count = 2 + trial % 10, chosen = 1 + trial / 10 % (count - 1);
		double values[12];
		struct comparison c;

		for (size_t i = 0; i < count; i++)
			values[i] = floor(random_uniform() * 7) - 2;
		compare_lists(&c, values, count - chosen, values + count - chosen, chosen, ALPHA);
		assert_near(c.p, p_of_all_choices(values, count, chosen), 1e-12);
	}
}

static void the_interval_of_a_ratio_of_medians_holds_it_in_95_percent(void **state)
{
	unsigned held = 0, shown = 0;

	(void)state;
	random_state = 9;
	for (unsigned trial = 0; trial < 300; trial++) {
		double a[80], b[120];
		struct comparison c;

		for (size_t i = 0; i < 80; i++)
			a[i] = 500 * exp(0.1 * random_normal());
		for (size_t i = 0; i < 120; i++)
			b[i] = 500 * exp(0.1 * random_normal());
		compare_lists(&c, a, 80, b, 120, ALPHA);
		held += c.ratio.low <= 1 && 1 <= c.ratio.high;
		shown += c.verdict != VERDICT_SAME;
	}
	assert_in_range(held, 276, 296);
	assert_in_range(shown, 0, 9);
}

/* A bootstrap that does draw every value, against ours, which draws only where the median lies. */
static void the_bootstrap_is_that_of_values_drawn_one_by_one(void **state)
{
	static double medians[4000];
	double a[41], one[41];
	struct comparison c;

	(void)state;
	random_state = 10;
	for (size_t i = 0; i < 41; i++) {
		a[i] = exp(random_normal());
		one[i] = 1;
	}
	for (size_t i = 0; i < 4000; i++) {
		double drawn[41];

		for (size_t j = 0; j < 41; j++)
			drawn[j] = a[(size_t)(random_uniform() * 41)];
		qsort(drawn, 41, sizeof(*drawn), by_value);
		medians[i] = drawn[20];
	}
	qsort(medians, 4000, sizeof(*medians), by_value);
	qsort(a, 41, sizeof(*a), by_value);
	compare_lists(&c, one, 41, a, 41, ALPHA);
	/* At most one value of the list apart. */
	for (size_t i = 1; i < 40; i++) {
		if (a[i] == c.ratio.low)
			assert_true(a[i - 1] <= medians[100] && medians[100] <= a[i + 1]);
		if (a[i] == c.ratio.high)
			assert_true(a[i - 1] <= medians[3900] && medians[3900] <= a[i + 1]);
	}
	assert_true(a[12] <= c.ratio.low && c.ratio.low < a[20] && a[20] < c.ratio.high && c.ratio.high <= a[28]);
}

static void the_same_lists_give_the_same_answer(void **state)
{
	double a[30], b[30];
	struct comparison first, again;

	(void)state;
	random_state = 11;
	for (size_t i = 0; i < 30; i++) {
		a[i] = random_uniform() + 1;
		b[i] = random_uniform() + 1;
	}
	compare_lists(&first, a, 30, b, 30, ALPHA);
	compare_lists(&again, a, 30, b, 30, ALPHA);
	assert_near(again.ratio.low, first.ratio.low, 0);
	assert_near(again.ratio.high, first.ratio.high, 0);
}

static void empty_lists_say_nothing(void **state)
{
	static const double some[] = { 1, 2, 3 };
	struct comparison c;

	(void)state;
	compare_lists(&c, some, 3, some, 0, ALPHA);
	assert_true(isnan(c.p) && isnan(c.ratio.value));
	assert_int_equal(c.verdict, VERDICT_NONE);
}

/* --- several questions --- */

/* R: p.adjust(c(0.01, 0.04, 0.03, NA, 0.005), "holm"). */
static void holm_as_in_r(void **state)
{
	double p[] = { 0.01, 0.04, 0.03, NAN, 0.005, 0.9 };

	(void)state;
	correct_holm(p, 5);
	assert_near(p[0], 0.03, 1e-12);
	assert_near(p[1], 0.06, 1e-12);
	assert_near(p[2], 0.06, 1e-12);
	assert_true(isnan(p[3]));
	assert_near(p[4], 0.02, 1e-12);
	assert_near(p[5], 0.9, 0);
	correct_holm(p, 0);
	p[0] = 0.7;
	p[1] = 0.8;
	correct_holm(p, 2);
	assert_near(p[0], 1, 0);
	assert_near(p[1], 1, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(quantiles_are_values_of_the_list),
		cmocka_unit_test(intervals_of_quantiles_are_binomial),
		cmocka_unit_test(the_interval_of_a_median_holds_it_in_95_percent),
		cmocka_unit_test(nothing_is_said_where_there_are_too_few_values),
		cmocka_unit_test(pairs_as_in_the_manual_of_r),
		cmocka_unit_test(pairs_as_in_the_manual_of_scipy),
		cmocka_unit_test(many_pairs_by_the_normal_distribution),
		cmocka_unit_test(few_pairs_are_exact_with_ties_and_zeros),
		cmocka_unit_test(the_hodges_lehmann_estimate_is_the_median_of_means),
		cmocka_unit_test(pairs_are_many_and_soon_compared),
		cmocka_unit_test(the_interval_of_a_ratio_holds_it_in_95_percent),
		cmocka_unit_test(no_difference_is_shown_once_in_a_hundred),
		cmocka_unit_test(what_is_detectable_is_shown_in_80_percent),
		cmocka_unit_test(a_verdict_needs_pairs_enough),
		cmocka_unit_test(the_same_counts_are_no_difference),
		cmocka_unit_test(lists_as_in_the_manual_of_r),
		cmocka_unit_test(lists_as_in_the_manual_of_scipy),
		cmocka_unit_test(long_lists_by_the_normal_distribution),
		cmocka_unit_test(short_lists_are_exact_with_ties),
		cmocka_unit_test(the_interval_of_a_ratio_of_medians_holds_it_in_95_percent),
		cmocka_unit_test(the_bootstrap_is_that_of_values_drawn_one_by_one),
		cmocka_unit_test(the_same_lists_give_the_same_answer),
		cmocka_unit_test(empty_lists_say_nothing),
		cmocka_unit_test(holm_as_in_r),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
