/* SPDX-License-Identifier: Apache-2.0 */
#include "control/server/metrics.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

#include "control/server/server.h"

/* In microseconds: from what a hit takes to what a time-out may be. */
static const uint64_t bounds_us[HISTOGRAM_BOUNDS] = {
	25, 50, 100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 51200, 102400, 409600, 1638400, 6553600,
};

void histogram_add(struct histogram *histogram, uint64_t ns)
{
	unsigned i = 0;

	while (i < HISTOGRAM_BOUNDS && ns > bounds_us[i] * 1000)
		i++;
	histogram->buckets[i]++;
	histogram->sum_ns += ns;
}

void metrics_answered(struct metrics *metrics, unsigned status)
{
	metrics->answers[status / 100 < 6 ? status / 100 : 0]++;
}

static void head(FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void one(FILE *out, const char *name, const char *type, const char *help, uint64_t value)
{
	head(out, name, type, help);
	fprintf(out, "%s %" PRIu64 "\n", name, value);
}

static void histogram(FILE *out, const char *name, const char *labels, const struct histogram *histogram)
{
	uint64_t count = 0;

	for (unsigned i = 0; i < HISTOGRAM_BOUNDS; i++) {
		count += histogram->buckets[i];
		fprintf(out, "%s_bucket{%s,le=\"%.6g\"} %" PRIu64 "\n", name, labels, (double)bounds_us[i] / 1e6, count);
	}
	count += histogram->buckets[HISTOGRAM_BOUNDS];
	fprintf(out, "%s_bucket{%s,le=\"+Inf\"} %" PRIu64 "\n", name, labels, count);
	fprintf(out, "%s_sum{%s} %.9f\n%s_count{%s} %" PRIu64 "\n", name, labels, (double)histogram->sum_ns / 1e9, name, labels,
		count);
}

/* A row a series: a member of struct function, with one label more where it has one. */
struct series {
	const char *name, *type, *help, *label;
	size_t offset;
	enum { U64, UNSIGNED, HISTOGRAM } kind;
};

#define METRIC(member) offsetof(struct function, metrics) + offsetof(struct function_metrics, member)
#define COUNT(member)  offsetof(struct function, count) + offsetof(struct pool_count, member)
#define ENDED(state)   METRIC(ended) + INVOCATION_##state * sizeof(uint64_t)

static const struct series series[] = {
	{ "kvick_invocations_total", "counter", "Invocations that are over.", "status=\"succeeded\"", ENDED(SUCCEEDED), U64 },
	{ "kvick_invocations_total", NULL, NULL, "status=\"failed\"", ENDED(FAILED), U64 },
	{ "kvick_invocations_total", NULL, NULL, "status=\"cancelled\"", ENDED(CANCELLED), U64 },
	{ "kvick_invocations_total", NULL, NULL, "status=\"timed_out\"", ENDED(TIMED_OUT), U64 },
	{ "kvick_invocations_refused_total", "counter", "Requests that found the queue full.", NULL, METRIC(refused), U64 },
	{ "kvick_starts_total", "counter", "Invocations that found a warm VM, and that did not.", "start=\"hit\"",
	  METRIC(started[START_HIT]), U64 },
	{ "kvick_starts_total", NULL, NULL, "start=\"miss\"", METRIC(started[START_MISS]), U64 },
	{ "kvick_invocation_seconds", "histogram", "From the request to the reply.", "start=\"hit\"",
	  METRIC(total[START_HIT]), HISTOGRAM },
	{ "kvick_invocation_seconds", NULL, NULL, "start=\"miss\"", METRIC(total[START_MISS]), HISTOGRAM },
	{ "kvick_queue_seconds", "histogram", "From the request to its worker.", NULL, METRIC(queue), HISTOGRAM },
	{ "kvick_launch_seconds", "histogram", "From the worker to the guest's handler.", NULL, METRIC(launch), HISTOGRAM },
	{ "kvick_guest_seconds", "histogram", "In the guest's handler.", NULL, METRIC(guest), HISTOGRAM },
	{ "kvick_queue_length", "gauge", "Requests that wait.", NULL, COUNT(queued), UNSIGNED },
	{ "kvick_slots", "gauge", "VMs.", "state=\"making\"", COUNT(making), UNSIGNED },
	{ "kvick_slots", NULL, NULL, "state=\"warm\"", COUNT(warm), UNSIGNED },
	{ "kvick_slots", NULL, NULL, "state=\"busy\"", COUNT(busy), UNSIGNED },
	{ "kvick_slots_made_total", "counter", "VMs that were asked for.", NULL, METRIC(slots_made), U64 },
	{ "kvick_slots_given_up_total", "counter", "VMs that were not needed any more.", NULL, METRIC(slots_given_up), U64 },
	{ "kvick_slots_failed_total", "counter", "VMs that could not be made.", NULL, METRIC(slots_failed), U64 },
	{ "kvick_worker_starts_total", "counter", "Worker processes that were started.", NULL, METRIC(worker_starts), U64 },
	{ "kvick_worker_deaths_total", "counter", "Worker processes that ended, or could not be started.", NULL,
	  METRIC(worker_deaths), U64 },
	{ "kvick_request_bytes_total", "counter", "Bytes of requests' bodies.", NULL, METRIC(request_bytes), U64 },
	{ "kvick_reply_bytes_total", "counter", "Bytes of replies' bodies.", NULL, METRIC(reply_bytes), U64 },
	{ "kvick_log_bytes_total", "counter", "Bytes that guests wrote.", NULL, METRIC(log_bytes), U64 },
};

static void of_functions(FILE *out, struct server *server, const struct series *row)
{
	struct function *function;

	if (row->help)
		head(out, row->name, row->type, row->help);
	TAILQ_FOREACH(function, &server->registry.functions, link) {
		const void *value = (const char *)function + row->offset;
		char labels[128]; /* a name has nothing in it that would need an escape */

		snprintf(labels, sizeof(labels), "function=\"%s\"%s%s", function->config.name, row->label ? "," : "",
			 row->label ? row->label : "");
		if (row->kind == HISTOGRAM)
			histogram(out, row->name, labels, value);
		else
			fprintf(out, "%s{%s} %" PRIu64 "\n", row->name, labels,
				row->kind == U64 ? *(const uint64_t *)value : *(const unsigned *)value);
	}
}

char *metrics_text(struct server *server, size_t *bytes)
{
	const struct metrics *metrics = &server->metrics;
	char *text = NULL;
	FILE *out = open_memstream(&text, bytes);

	if (!out)
		return NULL;
	for (unsigned i = 0; i < sizeof(series) / sizeof(series[0]); i++)
		of_functions(out, server, &series[i]);
	head(out, "kvick_http_answers_total", "counter", "Answers, by the hundred of their status.");
	for (unsigned i = 2; i < 6; i++)
		fprintf(out, "kvick_http_answers_total{status=\"%uxx\"} %" PRIu64 "\n", i, metrics->answers[i]);
	one(out, "kvick_connections", "gauge", "Clients.", server->http.clients);
	one(out, "kvick_connections_total", "counter", "Clients that came.", metrics->connections);
	one(out, "kvick_connections_refused_total", "counter", "Clients above --max-connections.", metrics->connections_refused);
	one(out, "kvick_clients_left_total", "counter", "Clients that left while they waited for an answer.",
	    metrics->clients_left);
	one(out, "kvick_clients_timed_out_total", "counter", "Clients that took longer than --client-timeout.",
	    metrics->clients_timed_out);
	one(out, "kvick_functions", "gauge", "Functions.", server->registry.count);
	one(out, "kvick_body_bytes", "gauge", "Memory of requests, replies, logs and results.", server->bodies.held);
	one(out, "kvick_kept_invocations", "gauge", "Invocations that are over and may be asked for.",
	    server->invocations.over_count);
	one(out, "kvick_active_invocations", "gauge", "Invocations that wait or run.", server->invocations.active);
	one(out, "kvick_log_lost_total", "counter", "Times that the log could not be written.", server->log.lost);
	fclose(out);
	return text;
}
