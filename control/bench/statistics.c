/* SPDX-License-Identifier: Apache-2.0 */
#include "control/bench/statistics.h"

#include <math.h>
#include <stdlib.h>

#include "control/bench/memory.h"
#include "control/bench/statistics_ranks.h"

const double quantile_points[QUANTILES] = { 0.5, 0.9, 0.99, 0.999, 1 };
const char *const quantile_names[QUANTILES] = { "p50", "p90", "p99", "p99.9", "max" };

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

void statistics_sort(double *values, size_t count)
{
	if (count)
		qsort(values, count, sizeof(*values), by_value);
}

/* From 1. The product may come out a hair above an integer. */
static size_t rank_at(size_t count, double part)
{
	double rank = ceil(part * (double)count - 1e-9);

	return rank < 1 ? 1 : rank > (double)count ? count : (size_t)rank;
}

double statistics_quantile(const double *sorted, size_t count, double part)
{
	return count ? sorted[rank_at(count, part) - 1] : NAN;
}

double statistics_median(double *values, size_t count)
{
	statistics_sort(values, count);
	return statistics_quantile(values, count, 0.5);
}

/* The chance of exactly k of n, each with chance p, 0 < p < 1. */
static double binomial(size_t k, size_t n, double p)
{
	int sign;

	return exp(lgamma_r((double)n + 1, &sign) - lgamma_r((double)k + 1, &sign) - lgamma_r((double)(n - k) + 1, &sign) +
		   (double)k * log(p) + (double)(n - k) * log1p(-p));
}

/*
 * How many of n values lie below the quantile p is binomial, whatever their distribution. So the quantile lies between the values
 * of rank `low` and `high`, but for 2.5% on each side. low 0, high n + 1: no value is surely below, or above, it.
 */
static void quantile_ranks(size_t n, double p, size_t *low, size_t *high)
{
	double mean = (double)n * p, reach = 12 * sqrt(mean * (1 - p)) + 40;
	size_t first = mean > reach ? (size_t)(mean - reach) : 0;
	double below = 0, one = 0;

	*low = 0;
	*high = n + 1;
	if (p >= 1) {
		*low = n;
		return;
	}
	/* What lies before `first` is too little to count. */
	for (size_t k = first; k <= n; k++) {
		one = k == first ? binomial(k, n, p) : one * (double)(n - k + 1) / (double)k * p / (1 - p);
		below += one;
		if (below <= 0.025)
			*low = k + 1;
		if (below >= 0.975) {
			*high = k + 1;
			break;
		}
	}
}

static struct estimate quantile_of(const double *sorted, size_t count, double part)
{
	struct estimate estimate = { statistics_quantile(sorted, count, part), NAN, NAN };
	size_t low, high;

	quantile_ranks(count, part, &low, &high);
	if (low >= 1)
		estimate.low = sorted[low - 1];
	if (high <= count)
		estimate.high = sorted[high - 1];
	return estimate;
}

void summarise(struct summary *summary, double *values, size_t count)
{
	double sum = 0, squares = 0;

	*summary = (struct summary){ .count = count, .min = NAN, .mean = NAN, .deviation = NAN };
	for (size_t i = 0; i < QUANTILES; i++)
		summary->quantile[i] = (struct estimate){ NAN, NAN, NAN };
	if (!count)
		return;
	statistics_sort(values, count);
	for (size_t i = 0; i < count; i++)
		sum += values[i];
	summary->min = values[0];
	summary->mean = sum / (double)count;
	for (size_t i = 0; i < count; i++)
		squares += (values[i] - summary->mean) * (values[i] - summary->mean);
	if (count > 1)
		summary->deviation = sqrt(squares / (double)(count - 1));
	for (size_t i = 0; i < QUANTILES; i++)
		summary->quantile[i] = quantile_of(values, count, quantile_points[i]);
}

struct place {
	double p;
	size_t index;
};

static int by_p(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	return (x->p > y->p) - (x->p < y->p);
}

void correct_holm(double *p, size_t count)
{
	struct place *places = memory_of(count, sizeof(*places));
	size_t known = 0;
	double least = 0;

	for (size_t i = 0; i < count; i++)
		if (!isnan(p[i]))
			places[known++] = (struct place){ p[i], i };
	if (known)
		qsort(places, known, sizeof(*places), by_p);
	for (size_t i = 0; i < known; i++) {
		double corrected = places[i].p * (double)(known - i);

		/* None is surer than one that was surer before. */
		least = corrected > least ? corrected : least;
		p[places[i].index] = least < 1 ? least : 1;
	}
	free(places);
}

void correct_comparisons(struct comparison *of[], size_t count, double alpha)
{
	double *p = memory_of(count, sizeof(*p));

	for (size_t i = 0; i < count; i++)
		p[i] = of[i]->p;
	correct_holm(p, count);
	for (size_t i = 0; i < count; i++) {
		of[i]->p = p[i];
		if (of[i]->verdict != VERDICT_NONE && p[i] >= alpha)
			of[i]->verdict = VERDICT_SAME;
	}
	free(p);
}

uint64_t random_bits(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}
