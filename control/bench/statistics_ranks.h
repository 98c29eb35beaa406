/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests by ranks have in common. Ranks are kept twice as large: those of ties, which are halves, are integers then. */
#ifndef KVICK_CONTROL_BENCH_STATISTICS_RANKS_H
#define KVICK_CONTROL_BENCH_STATISTICS_RANKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EXACT_MAX 50 /* so many ranks or fewer: every arrangement of them is counted; more: the normal distribution */
#define Z_95 1.959963984540054 /* the middle 95% of the normal distribution lie within */

struct ranked {
	double value;     /* what it is ranked by */
	bool marked;      /* a positive difference; one of the second list */
	uint64_t twice;   /* twice its rank, from 1; the mean of their places where several are equal */
};

/* Sorts by value, fills in the ranks. */
void ranks_of(struct ranked *all, size_t count);

/* Two-sided, if each mark is there or not by the toss of a coin. `more`: there are more, or higher ones, than half. */
double ranks_signed_p(const struct ranked *all, size_t count, bool *more);
/* Two-sided, if the marks lie on any of so many ranks. `more`: they lie higher than the others. */
double ranks_sum_p(const struct ranked *all, size_t count, bool *more);

/* The value below which this part of the normal distribution lies. */
double normal_quantile(double part);

/* The least shift, in units of an estimate's standard error, that a two-sided test at alpha shows in 80% of runs. */
double detectable_errors(double alpha);

void statistics_sort(double *values, size_t count);
/* Of sorted values: the least that this part of them do not exceed. */
double statistics_quantile(const double *sorted, size_t count, double part);
/* Sorts. */
double statistics_median(double *values, size_t count);

#endif
