/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PERF_QUANTILES_H
#define PERF_QUANTILES_H

#include <stddef.h>
#include <stdint.h>

struct quantiles {
	uint64_t count;
	double p50, p90, p99, p999, max;
};

/* Sorts. */
struct quantiles quantiles_of(float *values, uint64_t count);
/* A member of a JSON object, with a comma before it; nothing where nothing was counted. */
void quantiles_json(const char *name, struct quantiles q);

/* Zeroed; ends the program where there is none. */
void *perf_memory(uint64_t count, size_t bytes);
/* CLOCK_MONOTONIC. */
uint64_t perf_now_ns(void);

#endif
