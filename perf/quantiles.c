/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/quantiles.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static int compare(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

/* The least value that so many of a hundred do not exceed. */
static double at(const float *sorted, uint64_t count, double percent)
{
	uint64_t rank = (uint64_t)ceil(percent / 100 * (double)count);

	return (double)sorted[rank ? rank - 1 : 0];
}

struct quantiles quantiles_of(float *values, uint64_t count)
{
	if (!count)
		return (struct quantiles){ 0 };
	qsort(values, count, sizeof(*values), compare);
	return (struct quantiles){
		.count = count,
		.p50 = at(values, count, 50),
		.p90 = at(values, count, 90),
		.p99 = at(values, count, 99),
		.p999 = at(values, count, 99.9),
		.max = (double)values[count - 1],
	};
}

void quantiles_json(const char *name, struct quantiles q)
{
	if (q.count)
		printf(",\"%s\":{\"count\":%llu,\"p50\":%.1f,\"p90\":%.1f,\"p99\":%.1f,\"p999\":%.1f,\"max\":%.1f}", name,
		       (unsigned long long)q.count, q.p50, q.p90, q.p99, q.p999, q.max);
}

void *perf_memory(uint64_t count, size_t bytes)
{
	void *memory = calloc(count ? count : 1, bytes);

	if (!memory) {
		fputs("perf: out of memory\n", stderr);
		exit(1);
	}
	return memory;
}

uint64_t perf_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}
