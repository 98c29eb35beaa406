/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PERF_LOAD_H
#define PERF_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "perf/load_http.h"
#include "perf/quantiles.h"

#define LOAD_STATUS_MAX 600

/* Times in microseconds. */
struct sample {
	float us;
	uint8_t kind; /* enum http_kind */
};

/* Measured with one target. */
struct run {
	struct sample *samples; /* of those that were answered with 2xx, and of those that were not answered until the end */
	uint64_t count, max;
	uint64_t scheduled, completed; /* of an open loop, within its time */
	uint64_t unfinished;    /* also some time after it */
	uint64_t broken;        /* connections that were, or responses that are none */
	uint64_t status[LOAD_STATUS_MAX];
	float *parts[HTTP_PARTS];      /* part_counts[] of each, of what Server-Timing said */
	uint64_t part_counts[HTTP_PARTS];
	float *late;            /* by how much the generator itself was late: late_count of them */
	uint64_t late_count;
};

/* For up to `max` requests. */
void run_begin(struct run *run, uint64_t max);
void run_take(struct run *run, const struct http_response *response, double us);
void run_end(struct run *run);
/* Of one kind; HTTP_KINDS: of all. */
struct quantiles run_quantiles(const struct run *run, enum http_kind kind);
void run_json(struct run *run);

/*
 * `rate` requests a second for `seconds` over so many connections, each sent at its time or, where no connection is free, as soon
 * as one is; latency counts from its time in any case.
 */
struct open_options {
	double rate, seconds;
	unsigned connections;
	bool poisson;
};
void open_loop(struct run *run, const struct http_target *target, const struct open_options *options);

#endif
