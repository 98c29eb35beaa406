/* SPDX-License-Identifier: Apache-2.0 */
#include "control/bench/pairs.h"

#include <math.h>
#include <stdlib.h>

#include "control/bench/memory.h"
#include "control/bench/statistics_ranks.h"

bool launch_value(const struct sample *sample, enum metric metric, double *value)
{
	return sample->result == SAMPLE_GOOD && metrics[metric].get(sample, value);
}

size_t launch_values(const struct sample *samples, size_t count, enum metric metric, double *values)
{
	size_t known = 0;

	for (size_t i = 0; i < count; i++)
		known += launch_value(&samples[i], metric, &values[known]);
	return known;
}

/* A subject's launches of one round. */
struct turn {
	const struct launches *of;
	size_t end;
	uint32_t round;
	double median; /* NaN: none was good */
};

/* False: there is no further one. `values`: room for all. */
static bool next_turn(struct turn *turn, double *values)
{
	const struct launches *of = turn->of;
	size_t first = turn->end;

	if (first == of->count)
		return false;
	turn->round = of->samples[first].round;
	while (turn->end < of->count && of->samples[turn->end].round == turn->round)
		turn->end++;
	turn->median = statistics_median(values, launch_values(&of->samples[first], turn->end - first, of->metric, values));
	return true;
}

size_t pairs_by_round(const struct launches *a, const struct launches *b, double *of_a, double *of_b, uint32_t *rounds)
{
	double *values = memory_of(a->count > b->count ? a->count : b->count, sizeof(*values));
	struct turn x = { .of = a }, y = { .of = b };
	bool both = next_turn(&x, values) && next_turn(&y, values);
	size_t pairs = 0;

	while (both) {
		uint32_t i = x.round, j = y.round;

		if (i == j && !isnan(x.median) && !isnan(y.median)) {
			of_a[pairs] = x.median;
			of_b[pairs] = y.median;
			if (rounds)
				rounds[pairs] = i;
			pairs++;
		}
		both = (i > j || next_turn(&x, values)) && (j > i || next_turn(&y, values));
	}
	free(values);
	return pairs;
}
