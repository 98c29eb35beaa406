/* SPDX-License-Identifier: Apache-2.0 */
#include "control/server/pool.h"

static unsigned min(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

static unsigned max(unsigned a, unsigned b)
{
	return a > b ? a : b;
}

void pool_observe(const struct pool_limits *limits, struct pool_demand *demand, const struct pool_count *count, uint64_t now_ns)
{
	uint64_t periods = (now_ns - demand->period_begin_ns) / limits->period_ns;

	if (periods) {
		demand->peak_before = periods == 1 ? demand->peak : 0;
		demand->peak = 0;
		demand->period_begin_ns += periods * limits->period_ns;
	}
	demand->peak = max(demand->peak, count->busy + count->queued);
}

struct pool_step pool_decide(const struct pool_limits *limits, const struct pool_demand *demand, const struct pool_count *count)
{
	unsigned have = count->making + count->warm + count->busy;
	unsigned room = limits->concurrency > have ? limits->concurrency - have : 0;
	unsigned target = min(max(limits->warm, max(demand->peak, demand->peak_before)), limits->concurrency);

	/* Each request that waits has one of its own on the way. */
	if (count->queued > count->making) {
		unsigned may = POOL_MAKING_MAX > count->making ? POOL_MAKING_MAX - count->making : 0;

		return (struct pool_step){ .make = min(min(count->queued - count->making, room), may) };
	}
	if (count->queued)
		return (struct pool_step){ 0 };
	if (have < target)
		return (struct pool_step){ .make = count->making ? 0 : min(1, room) };
	return (struct pool_step){ .give_up = min(have - target, count->warm) };
}
