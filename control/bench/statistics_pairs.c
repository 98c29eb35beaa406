/* SPDX-License-Identifier: Apache-2.0 */
#include "control/bench/statistics.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "control/bench/memory.h"
#include "control/bench/statistics_ranks.h"

/*
 * The Hodges-Lehmann estimate is the median of the means of all pairs of values, a value with itself among them; its interval is
 * between two more of these means. There are n(n + 1)/2, too many to write down: the rows of x[i] + x[j], j >= i, are sorted if x
 * is, so how many are at most t is counted in one pass along a staircase. The k-th is the least t for which that is k or more,
 * found by halving the doubles themselves: 64 passes at most, and no rounding.
 */
static uint64_t sums_up_to(const double *sorted, size_t count, double t)
{
	uint64_t found = 0;

	for (size_t i = 0, end = count; i < count; i++) {
		while (end > i && sorted[i] + sorted[end - 1] > t)
			end--;
		if (end == i)
			break;
		found += end - i;
	}
	return found;
}

/* Doubles in the order of integers, and back. */
static int64_t to_order(double value)
{
	int64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	return bits < 0 ? INT64_MIN - bits : bits;
}

static double from_order(int64_t order)
{
	int64_t bits = order < 0 ? INT64_MIN - order : order;
	double value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

/* The k-th least mean of two, from 1. */
static double walsh(const double *sorted, size_t count, uint64_t k)
{
	int64_t low = to_order(2 * sorted[0]), high = to_order(2 * sorted[count - 1]);

	while (low < high) {
		int64_t middle = (int64_t)((uint64_t)low + ((uint64_t)high - (uint64_t)low) / 2);

		if (sums_up_to(sorted, count, from_order(middle)) >= k)
			high = middle;
		else
			low = middle + 1;
	}
	return from_order(low) / 2;
}

/* The rank of the least mean inside the interval, from 1: fewer are beyond zero in 2.5% of all ways to choose signs. 0: none is. */
static uint64_t walsh_low(size_t count)
{
	double n = (double)count, part[EXACT_MAX * (EXACT_MAX + 1) / 2 + 1] = { 1 }, below = 0;
	uint64_t total = (uint64_t)count * (count + 1) / 2, k = 0;

	if (count > EXACT_MAX)
		return (uint64_t)floor((double)total / 2 - Z_95 * sqrt(n * (n + 1) * (2 * n + 1) / 24) + 0.5);
	for (size_t rank = 1; rank <= count; rank++)
		for (uint64_t sum = total + 1; sum-- > 0;)
			part[sum] = (part[sum] + (sum >= rank ? part[sum - rank] : 0)) / 2;
	for (; (below += part[k]) <= 0.025; k++)
		;
	return k;
}

/* Sorts. */
static struct estimate hodges_lehmann(double *values, size_t count)
{
	uint64_t all = (uint64_t)count * (count + 1) / 2, low = walsh_low(count);
	struct estimate estimate = { NAN, NAN, NAN };

	statistics_sort(values, count);
	estimate.value = walsh(values, count, (all + 1) / 2);
	if (all % 2 == 0)
		estimate.value = (estimate.value + walsh(values, count, all / 2 + 1)) / 2;
	if (low) {
		estimate.low = walsh(values, count, low);
		estimate.high = walsh(values, count, all + 1 - low);
	}
	return estimate;
}

/*
 * Pairs without a difference are left out, as Wilcoxon had it: they say nothing about a direction, and without them p is exact for
 * what is left, also where it is little: counts (exits, faults) are mostly the same in both. Times never are.
 */
static double signed_rank_p(const double *differences, size_t count, bool *more)
{
	struct ranked *all = memory_of(count, sizeof(*all));
	size_t left = 0;
	double p;

	for (size_t i = 0; i < count; i++)
		if (differences[i] != 0)
			all[left++] = (struct ranked){ .value = fabs(differences[i]), .marked = differences[i] > 0 };
	ranks_of(all, left);
	p = ranks_signed_p(all, left, more);
	free(all);
	return p;
}

void compare_pairs(struct comparison *comparison, const double *a, const double *b, size_t pairs, double alpha)
{
	double *differences = memory_of(pairs, sizeof(double)), *logs = memory_of(pairs, sizeof(double)), error;
	bool by_ratio = true, more = false;
	const struct estimate *ratio = &comparison->ratio, *difference = &comparison->difference;

	*comparison = (struct comparison){ .pairs = pairs, .ratio = { NAN, NAN, NAN }, .difference = { NAN, NAN, NAN },
					   .p = NAN, .detectable = NAN, .verdict = VERDICT_NONE };
	for (size_t i = 0; i < pairs; i++) {
		by_ratio = by_ratio && a[i] > 0 && b[i] > 0;
		differences[i] = b[i] - a[i];
		logs[i] = by_ratio ? log(b[i] / a[i]) : 0;
	}
	if (!pairs)
		goto out;
	comparison->p = signed_rank_p(by_ratio ? logs : differences, pairs, &more);
	comparison->difference = hodges_lehmann(differences, pairs);
	if (by_ratio) {
		struct estimate of_logs = hodges_lehmann(logs, pairs);

		comparison->ratio = (struct estimate){ exp(of_logs.value), exp(of_logs.low), exp(of_logs.high) };
	}
	/* So few that even if all said the same, that would not do. */
	if (ldexp(1, 1 - (int)(pairs < 1000 ? pairs : 1000)) >= alpha)
		goto out;
	comparison->verdict = comparison->p >= alpha ? VERDICT_SAME : more ? VERDICT_MORE : VERDICT_LESS;
	/* The interval's width tells the estimate's standard error, outliers and all. */
	if (by_ratio) {
		error = (log(ratio->high) - log(ratio->low)) / (2 * Z_95);
		comparison->detectable = expm1(detectable_errors(alpha) * error);
	} else {
		double median;

		memcpy(logs, a, pairs * sizeof(*logs)); /* room that is not needed in this case */
		median = statistics_median(logs, pairs);
		error = (difference->high - difference->low) / (2 * Z_95);
		comparison->detectable = median > 0 ? detectable_errors(alpha) * error / median : NAN;
	}
out:
	free(differences);
	free(logs);
}
