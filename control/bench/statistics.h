/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a list of numbers says. Pure: no I/O, no clock, the same numbers give the same answer; memory aside nothing fails, and
 * where there is none the program ends.
 */
#ifndef KVICK_CONTROL_BENCH_STATISTICS_H
#define KVICK_CONTROL_BENCH_STATISTICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QUANTILES 5
extern const double quantile_points[QUANTILES]; /* 0.5 0.9 0.99 0.999 1 */
extern const char *const quantile_names[QUANTILES]; /* "p50", …, "max" */

/* An estimate with its 95% confidence interval; NaN where there are too few values to say. */
struct estimate {
	double value, low, high;
};

/* A quantile is a value of the list: the least that so many do not exceed. An end of its interval is NaN where no value is it. */
struct summary {
	size_t count;
	double min, mean, deviation; /* standard deviation of the values */
	struct estimate quantile[QUANTILES]; /* intervals by order statistics (binomial): no assumption about the distribution */
};

/* Sorts `values`. count 0: all is NaN. */
void summarise(struct summary *summary, double *values, size_t count);

enum verdict { VERDICT_NONE /* too few pairs, or no values */, VERDICT_SAME, VERDICT_LESS, VERDICT_MORE };

/* B against A. LESS: B takes less than A. */
struct comparison {
	size_t pairs;               /* of lists: values of the shorter one */
	struct estimate ratio;      /* of B to A */
	struct estimate difference; /* B less A */
	double p;                   /* two-sided, that there is no difference */
	double detectable;          /* the least difference, as a part of A, that as many pairs would mostly (80%) show */
	enum verdict verdict;       /* p < alpha; NONE where no values of so many pairs could have that */
};

/*
 * Pairs a[i], b[i], taken in a random order within each pair: Wilcoxon's signed-rank test of log(b/a), exact for few pairs, with
 * ties and zeros (those are left out of p); ratio: the Hodges-Lehmann estimate of it with its interval. Values are positive; where
 * one is not, differences are used, and there is no ratio. Randomising is what makes p right, whatever the host drifts.
 */
void compare_pairs(struct comparison *comparison, const double *a, const double *b, size_t pairs, double alpha);

/* Two lists without pairs (another run): Mann-Whitney's test, ratio of medians with its interval by bootstrap (seeded). */
void compare_lists(struct comparison *comparison, const double *a, size_t a_count, const double *b, size_t b_count, double alpha);

/* Holm's correction in place: p of several comparisons of one question. NaN stays. */
void correct_holm(double *p, size_t count);
/* The same of comparisons of one question, whose verdicts follow. */
void correct_comparisons(struct comparison *of[], size_t count, double alpha);

/* SplitMix64; Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014. */
uint64_t random_bits(uint64_t *state);

#endif
