/* SPDX-License-Identifier: Apache-2.0 */
/* What is counted, and the text that Prometheus reads. Counters are of this process; a function's go with it. */
#ifndef KVICK_CONTROL_SERVER_METRICS_H
#define KVICK_CONTROL_SERVER_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct invocation;
struct server;

#define HISTOGRAM_BOUNDS 16u

/* Of seconds; the bounds are a table in metrics.c. */
struct histogram {
	uint64_t buckets[HISTOGRAM_BOUNDS + 1]; /* the last is above all bounds; not cumulative */
	uint64_t sum_ns;
};

enum start { START_HIT, START_MISS, STARTS };

struct function_metrics {
	uint64_t ended[8];       /* invocations, by enum invocation_state */
	uint64_t started[STARTS];
	uint64_t refused;        /* 429 */
	struct histogram total[STARTS];  /* from the request's arrival to the reply */
	struct histogram queue, launch, guest;
	uint64_t worker_starts, worker_deaths;
	uint64_t slots_made, slots_given_up, slots_failed;
	uint64_t request_bytes, reply_bytes, log_bytes;
};

struct metrics {
	uint64_t answers[6];     /* by the hundred of the status */
	uint64_t connections, connections_refused, clients_left, clients_timed_out;
};

void histogram_add(struct histogram *histogram, uint64_t ns);
void metrics_answered(struct metrics *metrics, unsigned status);

/* The text; the caller frees it. NULL: no memory. */
char *metrics_text(struct server *server, size_t *bytes);

#endif
