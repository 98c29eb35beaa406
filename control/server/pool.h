/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many VMs a function has: pure arithmetic, no clock and no VM in it.
 *
 * There are `warm` at least and `concurrency` at most. Between the two it is what was in use at once of late: a burst finds what
 * the last one needed, and what nobody needed for one to two periods is given up. A request that finds none warm has one made for
 * it at once; those that are made in stock come one at a time, and only while nothing waits.
 */
#ifndef KVICK_CONTROL_SERVER_POOL_H
#define KVICK_CONTROL_SERVER_POOL_H

#include <stdint.h>

#define POOL_MAKING_MAX 16u /* at once: the host has few processors */

struct pool_limits {
	unsigned warm, concurrency;
	uint64_t period_ns;
};

struct pool_count {
	unsigned making; /* asked for, not warm yet for the first time */
	unsigned warm;
	unsigned busy;   /* with a request, or being reset after it */
	unsigned queued; /* requests */
};

/* The most that was wanted at once, in this period and in the one before. */
struct pool_demand {
	uint64_t period_begin_ns;
	unsigned peak, peak_before;
};

struct pool_step {
	unsigned make, give_up;
};

void pool_observe(const struct pool_limits *limits, struct pool_demand *demand, const struct pool_count *count, uint64_t now_ns);
struct pool_step pool_decide(const struct pool_limits *limits, const struct pool_demand *demand, const struct pool_count *count);

#endif
