/* SPDX-License-Identifier: Apache-2.0 */
#include "control/bench/statistics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "control/bench/memory.h"
#include "control/bench/statistics_ranks.h"

#define RESAMPLES 4000
#define SEED 0x6b7669636b206264ull
#define RESAMPLED_MIN 6 /* as few as an interval of a median needs */

/* Within (0, 1). */
static double random_part(uint64_t *state)
{
	return ((double)(random_bits(state) >> 12) + 0.5) * 0x1p-52;
}

static double random_normal(uint64_t *state)
{
	double radius = sqrt(-2 * log(random_part(state)));

	return radius * cos(2 * M_PI * random_part(state));
}

/* Gamma, shape >= 1. Marsaglia and Tsang, "A simple method for generating gamma variables", 2000. */
static double random_gamma(uint64_t *state, double shape)
{
	double d = shape - 1.0 / 3, c = 1 / sqrt(9 * d);

	for (;;) {
		double x = random_normal(state), v = 1 + c * x;

		v = v * v * v;
		if (v > 0 && log(random_part(state)) < x * x / 2 + d - d * v + d * log(v))
			return d * v;
	}
}

/*
 * The median of as many values drawn from these with replacement. Which of the sorted values that is follows a distribution that is
 * known, as that of the middle one of so many uniform numbers is: beta. So one number is drawn instead of `count`.
 */
static double resampled_median(const double *sorted, size_t count, uint64_t *state)
{
	double middle = ceil((double)count / 2);
	double below = random_gamma(state, middle), above = random_gamma(state, (double)count + 1 - middle);
	size_t at = (size_t)(below / (below + above) * (double)count);

	return sorted[at < count ? at : count - 1];
}

static void interval(struct estimate *estimate, double *resampled)
{
	statistics_sort(resampled, RESAMPLES);
	estimate->low = statistics_quantile(resampled, RESAMPLES, 0.025);
	estimate->high = statistics_quantile(resampled, RESAMPLES, 0.975);
}

static double deviation_of(const double *values, size_t count)
{
	double sum = 0, squares = 0;

	for (size_t i = 0; i < count; i++)
		sum += values[i];
	for (size_t i = 0; i < count; i++)
		squares += (values[i] - sum / (double)count) * (values[i] - sum / (double)count);
	return sqrt(squares / (double)(count - 1));
}

static void bootstrap(struct comparison *comparison, const double *a, size_t a_count, const double *b, size_t b_count,
		      double alpha)
{
	bool by_ratio = a[0] > 0 && b[0] > 0;
	double of_a = statistics_quantile(a, a_count, 0.5), of_b = statistics_quantile(b, b_count, 0.5);
	double *differences, *logs;
	uint64_t state = SEED;

	comparison->difference.value = of_b - of_a;
	if (by_ratio)
		comparison->ratio.value = of_b / of_a;
	if (a_count < RESAMPLED_MIN || b_count < RESAMPLED_MIN)
		return;
	differences = memory_of(RESAMPLES, sizeof(*differences));
	logs = memory_of(RESAMPLES, sizeof(*logs));
	for (size_t i = 0; i < RESAMPLES; i++) {
		double x = resampled_median(a, a_count, &state), y = resampled_median(b, b_count, &state);

		differences[i] = y - x;
		logs[i] = by_ratio ? log(y / x) : 0;
	}
	interval(&comparison->difference, differences);
	if (by_ratio) {
		interval(&comparison->ratio, logs);
		comparison->ratio.low = exp(comparison->ratio.low);
		comparison->ratio.high = exp(comparison->ratio.high);
		comparison->detectable = expm1(detectable_errors(alpha) * deviation_of(logs, RESAMPLES));
	} else if (of_a > 0) {
		comparison->detectable = detectable_errors(alpha) * deviation_of(differences, RESAMPLES) / of_a;
	}
	free(differences);
	free(logs);
}

static double rank_sum_p(const double *a, size_t a_count, const double *b, size_t b_count, bool *more)
{
	struct ranked *all = memory_of(a_count + b_count, sizeof(*all));
	double p;

	for (size_t i = 0; i < a_count; i++)
		all[i] = (struct ranked){ .value = a[i] };
	for (size_t i = 0; i < b_count; i++)
		all[a_count + i] = (struct ranked){ .value = b[i], .marked = true };
	ranks_of(all, a_count + b_count);
	p = ranks_sum_p(all, a_count + b_count, more);
	free(all);
	return p;
}

/* The least p that lists of this length can have: all of one above all of the other. */
static double least_p(size_t a_count, size_t b_count)
{
	int sign;
	double n = (double)a_count, m = (double)b_count;

	return 2 * exp(lgamma_r(n + 1, &sign) + lgamma_r(m + 1, &sign) - lgamma_r(n + m + 1, &sign));
}

static double *sorted_copy(const double *values, size_t count)
{
	double *sorted = memory_of(count, sizeof(*sorted));

	memcpy(sorted, values, count * sizeof(*sorted));
	statistics_sort(sorted, count);
	return sorted;
}

void compare_lists(struct comparison *comparison, const double *a, size_t a_count, const double *b, size_t b_count, double alpha)
{
	double *sorted_a, *sorted_b;
	bool more = false;

	*comparison = (struct comparison){ .pairs = a_count < b_count ? a_count : b_count, .ratio = { NAN, NAN, NAN },
					   .difference = { NAN, NAN, NAN }, .p = NAN, .detectable = NAN, .verdict = VERDICT_NONE };
	if (!a_count || !b_count)
		return;
	sorted_a = sorted_copy(a, a_count);
	sorted_b = sorted_copy(b, b_count);
	comparison->p = rank_sum_p(a, a_count, b, b_count, &more);
	bootstrap(comparison, sorted_a, a_count, sorted_b, b_count, alpha);
	if (least_p(a_count, b_count) < alpha)
		comparison->verdict = comparison->p >= alpha ? VERDICT_SAME : more ? VERDICT_MORE : VERDICT_LESS;
	free(sorted_a);
	free(sorted_b);
}
