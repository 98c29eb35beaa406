/* SPDX-License-Identifier: Apache-2.0 */
/* What was measured, and what it says. */
#include "perf/load.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const kind_names[HTTP_KINDS + 1] = { "plain", "hit", "miss", "all" };

void run_begin(struct run *run, uint64_t max)
{
	*run = (struct run){ .max = max };
	run->samples = perf_memory(max, sizeof(*run->samples));
	run->late = perf_memory(max, sizeof(*run->late));
	for (unsigned i = 0; i < HTTP_PARTS; i++)
		run->parts[i] = perf_memory(max, sizeof(*run->parts[i]));
}

void run_end(struct run *run)
{
	free(run->samples);
	free(run->late);
	for (unsigned i = 0; i < HTTP_PARTS; i++)
		free(run->parts[i]);
}

void run_take(struct run *run, const struct http_response *response, double us)
{
	unsigned status = response->status < LOAD_STATUS_MAX ? response->status : 0;

	run->status[status]++;
	if (status < 200 || status >= 300 || run->count == run->max)
		return;
	run->samples[run->count++] = (struct sample){ .us = (float)us, .kind = (uint8_t)response->kind };
	for (unsigned i = 0; i < HTTP_PARTS; i++) {
		if (response->part_us[i] >= 0)
			run->parts[i][run->part_counts[i]++] = response->part_us[i];
	}
}

struct quantiles run_quantiles(const struct run *run, enum http_kind kind)
{
	float *values = perf_memory(run->count, sizeof(*values));
	uint64_t count = 0;
	struct quantiles q;

	for (uint64_t i = 0; i < run->count; i++) {
		if (kind == HTTP_KINDS || run->samples[i].kind == kind)
			values[count++] = run->samples[i].us;
	}
	q = quantiles_of(values, count);
	free(values);
	return q;
}

void run_json(struct run *run)
{
	bool some = false;

	printf("{\"scheduled\":%llu,\"completed\":%llu,\"unfinished\":%llu,\"broken\":%llu,\"status\":{",
	       (unsigned long long)run->scheduled, (unsigned long long)run->completed, (unsigned long long)run->unfinished,
	       (unsigned long long)run->broken);
	for (unsigned status = 0; status < LOAD_STATUS_MAX; status++) {
		if (run->status[status])
			printf("%s\"%u\":%llu", some ? "," : "", status, (unsigned long long)run->status[status]), some = true;
	}
	printf("}");
	for (unsigned kind = 0; kind <= HTTP_KINDS; kind++)
		quantiles_json(kind_names[kind], run_quantiles(run, kind));
	for (unsigned i = 0; i < HTTP_PARTS; i++)
		quantiles_json(http_part_names[i], quantiles_of(run->parts[i], run->part_counts[i]));
	quantiles_json("generator_late", quantiles_of(run->late, run->late_count));
	printf("}");
}
