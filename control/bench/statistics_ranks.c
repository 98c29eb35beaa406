/* SPDX-License-Identifier: Apache-2.0 */
#include "control/bench/statistics_ranks.h"

#include <math.h>
#include <stdlib.h>

#include "control/bench/memory.h"

static int by_value(const void *a, const void *b)
{
	double x = ((const struct ranked *)a)->value, y = ((const struct ranked *)b)->value;

	return (x > y) - (x < y);
}

void ranks_of(struct ranked *all, size_t count)
{
	if (count)
		qsort(all, count, sizeof(*all), by_value);
	for (size_t i = 0, end; i < count; i = end) {
		for (end = i + 1; end < count && all[end].value == all[i].value; end++)
			;
		for (size_t j = i; j < end; j++)
			all[j].twice = i + 1 + end;
	}
}

/* Of what lies `beyond` its expectation, in the same units as its deviation; half a step less, as the true one has steps. */
static double normal_p(double beyond, double deviation)
{
	beyond -= 0.5;
	return beyond <= 0 || deviation <= 0 ? 1 : erfc(beyond / deviation / M_SQRT2);
}

static double both_sides(double one_side)
{
	return one_side < 0.5 ? 2 * one_side : 1;
}

double ranks_signed_p(const struct ranked *all, size_t count, bool *more)
{
	uint64_t total = 0, marked = 0, far;
	double squares = 0, beyond = 0;

	for (size_t i = 0; i < count; i++) {
		total += all[i].twice;
		marked += all[i].marked ? all[i].twice : 0;
		squares += (double)all[i].twice * (double)all[i].twice;
	}
	*more = 2 * marked > total;
	far = *more ? marked : total - marked;
	if (count > EXACT_MAX)
		return normal_p(((double)far - (double)total / 2) / 2, sqrt(squares) / 4);

	/* The part of all ways to mark them, in which the sum is this; a rank after the other. */
	double *part = memory_of(total + 1, sizeof(*part));
	uint64_t top = 0;

	part[0] = 1;
	for (size_t i = 0; i < count; i++) {
		uint64_t rank = all[i].twice;

		top += rank;
		for (uint64_t sum = top + 1; sum-- > 0;)
			part[sum] = (part[sum] + (sum >= rank ? part[sum - rank] : 0)) / 2;
	}
	for (uint64_t sum = total + 1; sum-- > far;)
		beyond += part[sum];
	free(part);
	return both_sides(beyond);
}

/* How many ways there are to choose `chosen` of the ranks, with each sum; row after row of total + 1. */
static double *ways_to_choose(const struct ranked *all, size_t count, size_t chosen, uint64_t total)
{
	double *ways = memory_of((chosen + 1) * (total + 1), sizeof(*ways));

	ways[0] = 1;
	for (size_t i = 0; i < count; i++) {
		uint64_t rank = all[i].twice;

		for (size_t n = chosen; n-- > 0;)
			for (uint64_t sum = 0; sum + rank <= total; sum++)
				ways[(n + 1) * (total + 1) + sum + rank] += ways[n * (total + 1) + sum];
	}
	return ways;
}

static double exact_sum_p(const struct ranked *all, size_t count, size_t chosen, uint64_t total, uint64_t sum, bool more)
{
	double *ways = ways_to_choose(all, count, chosen, total);
	const double *row = ways + chosen * (total + 1);
	double every = 0, beyond = 0;

	/* From the far end inwards: the small ones first. */
	for (uint64_t at = 0; at <= total; at++) {
		every += row[at];
		beyond += (more ? at >= sum : at <= sum) ? row[at] : 0;
	}
	free(ways);
	return both_sides(beyond / every);
}

double ranks_sum_p(const struct ranked *all, size_t count, bool *more)
{
	uint64_t total = 0, sum = 0;
	size_t chosen = 0;
	double expected, squares = 0, mean = (double)count + 1;

	for (size_t i = 0; i < count; i++) {
		double off = (double)all[i].twice - mean;

		total += all[i].twice;
		sum += all[i].marked ? all[i].twice : 0;
		chosen += all[i].marked;
		squares += off * off;
	}
	expected = mean * (double)chosen;
	*more = (double)sum > expected;
	if (count <= EXACT_MAX)
		return exact_sum_p(all, count, chosen, total, sum, *more);

	double others = (double)(count - chosen), n = (double)count;

	return normal_p(fabs((double)sum - expected) / 2, sqrt((double)chosen * others / n / (n - 1) * squares) / 2);
}

double normal_quantile(double part)
{
	double low = -40, high = 40;

	/* Halving until there is nothing between: some fifty steps, and nothing to get wrong. */
	for (;;) {
		double middle = low + (high - low) / 2;

		if (middle <= low || middle >= high)
			return middle;
		if (erfc(-middle / M_SQRT2) / 2 < part)
			low = middle;
		else
			high = middle;
	}
}

double detectable_errors(double alpha)
{
	return normal_quantile(0.8) - normal_quantile(alpha / 2);
}
