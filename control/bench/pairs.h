/* SPDX-License-Identifier: Apache-2.0 */
/* Values of a subject's launches, and pairs of two subjects', round by round: what is compared, in one run and across two. */
#ifndef KVICK_CONTROL_BENCH_PAIRS_H
#define KVICK_CONTROL_BENCH_PAIRS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/bench/sample.h"

/* A subject's samples, whose rounds ascend, and what of them is asked for. */
struct launches {
	const struct sample *samples;
	size_t count;
	enum metric metric;
};

/* False: it was not good, or that is not known of it. */
bool launch_value(const struct sample *sample, enum metric metric, double *value);
/* Of all that have one. `values`: room for `count`. Returns how many there are. */
size_t launch_values(const struct sample *samples, size_t count, enum metric metric, double *values);

/*
 * A pair for each round that has good launches of both: of a burst, whose launches wait for each other and so are one observation,
 * the median. of_a, of_b, and `rounds` for the round of each, unless that is NULL: room for as many as the one of them has that has
 * fewer. Returns how many there are.
 */
size_t pairs_by_round(const struct launches *a, const struct launches *b, double *of_a, double *of_b, uint32_t *rounds);

#endif
