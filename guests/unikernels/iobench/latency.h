/* SPDX-License-Identifier: Apache-2.0 */
/* A histogram of durations in TSC ticks: 16 buckets for each power of two, so quantiles are right to 6 %. */
#ifndef IOBENCH_LATENCY_H
#define IOBENCH_LATENCY_H

#include <stdint.h>

#define STEPS 16u

struct latency {
	uint64_t count;
	uint32_t buckets[64 * STEPS];
};

static inline void latency_add(struct latency *latency, uint64_t ticks)
{
	unsigned power = 63u - (unsigned)__builtin_clzll(ticks | STEPS);

	latency->count++;
	latency->buckets[(power - 4) * STEPS + (ticks >> (power - 4)) % STEPS + (ticks < STEPS ? 0 : STEPS)]++;
}

/* The least duration that so many per mille do not exceed, as the upper end of its bucket. */
static inline uint64_t latency_quantile(const struct latency *latency, unsigned per_mille)
{
	uint64_t wanted = latency->count * per_mille / 1000, seen = 0;
	unsigned i = 0;

	while (i < 60 * STEPS && (seen += latency->buckets[i]) <= wanted)
		i++;
	return i < STEPS ? i : (uint64_t)(STEPS + i % STEPS + 1) << (i / STEPS - 1);
}

#endif
