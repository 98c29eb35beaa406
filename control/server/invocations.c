/* SPDX-License-Identifier: Apache-2.0 */
#include "control/server/invocations.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "control/server/server.h"

#define NS_PER_MS 1000000u
#define ID_DIGITS 16

static const struct {
	enum invocation_state state;
	unsigned status;
	const char *code, *message;
} endings[ENDINGS] = {
	[ENDING_REPLIED] = { INVOCATION_SUCCEEDED, 200, NULL, NULL },
	[ENDING_NO_REPLY] = { INVOCATION_FAILED, 502, "no_reply", "the guest did not reply" },
	[ENDING_CRASHED] = { INVOCATION_FAILED, 502, "crashed", "the guest crashed" },
	[ENDING_BROKE_OFF] = { INVOCATION_FAILED, 502, "broke_off", "the guest did what a function may not" },
	[ENDING_WORKER_DIED] = { INVOCATION_FAILED, 502, "worker_died", "the function's worker died" },
	[ENDING_HOST_FAILED] = { INVOCATION_FAILED, 500, "host_failed", "the host could not run it" },
	[ENDING_UNAVAILABLE] = { INVOCATION_FAILED, 503, "unavailable", "the function cannot run" },
	[ENDING_TIMED_OUT] = { INVOCATION_TIMED_OUT, 504, "timed_out", "the function's time-out is over" },
	[ENDING_CANCELLED] = { INVOCATION_CANCELLED, 409, "cancelled", "the invocation was cancelled" },
	[ENDING_REMOVED] = { INVOCATION_CANCELLED, 410, "function_removed", "the function was removed" },
	[ENDING_DRAINED] = { INVOCATION_CANCELLED, 503, "stopping", "kvickd is stopping" },
};

static const char *const state_names[INVOCATION_STATES] = {
	[INVOCATION_QUEUED] = "queued",       [INVOCATION_RUNNING] = "running",     [INVOCATION_SUCCEEDED] = "succeeded",
	[INVOCATION_FAILED] = "failed",       [INVOCATION_CANCELLED] = "cancelled", [INVOCATION_TIMED_OUT] = "timed_out",
};

static void keep_time(void *object);

static struct invocation **place(struct invocations *invocations, uint64_t id)
{
	struct invocation **at = &invocations->by_id[id % INVOCATION_HASH];

	while (*at && (*at)->id != id)
		at = &(*at)->chain;
	return at;
}

void invocations_begin(struct invocations *invocations, struct server *server)
{
	invocations->server = server;
	TAILQ_INIT(&invocations->over);
	invocations->keep = (struct timer){ .over = keep_time, .object = invocations };
	/* Another one after each start, so that yesterday's ID does not lead to today's result. */
	if (getrandom(&invocations->next_id, sizeof(invocations->next_id), 0) < 0)
		invocations->next_id = loop_now_ns();
}

struct invocation *invocation_find(struct invocations *invocations, const char *text)
{
	if (strlen(text) != ID_DIGITS || strspn(text, "0123456789abcdef") != ID_DIGITS)
		return NULL;
	return *place(invocations, strtoull(text, NULL, 16));
}

/* --- what is kept --- */

static void release(struct invocations *invocations, struct invocation *invocation)
{
	struct invocation **at = place(invocations, invocation->id);

	*at = invocation->chain;
	blob_put(invocation->body);
	blob_put(invocation->result);
	blob_put(invocation->log);
	free(invocation->reason);
	free(invocation);
}

static void forget(struct invocations *invocations, struct invocation *invocation)
{
	TAILQ_REMOVE(&invocations->over, invocation, link);
	invocations->over_count--;
	invocations->over_bytes -= invocation->kept_bytes;
	if (invocation->slot)
		invocation->slot->invocation = NULL;
	release(invocations, invocation);
}

static void forget_old(struct invocations *invocations)
{
	const struct server_options *options = &invocations->server->options;
	struct invocation *oldest;

	while ((oldest = TAILQ_FIRST(&invocations->over)) &&
	       (invocations->over_count > options->keep_count || invocations->over_bytes > options->keep_bytes))
		forget(invocations, oldest);
}

static void keep_time(void *object)
{
	struct invocations *invocations = object;
	struct server *server = invocations->server;
	struct invocation *oldest;
	uint64_t now_ns = loop_now_ns();

	while ((oldest = TAILQ_FIRST(&invocations->over)) && oldest->ended_ns + server->options.keep_ns <= now_ns)
		forget(invocations, oldest);
	if (oldest)
		timer_set(&server->loop.timers, &invocations->keep, oldest->ended_ns + server->options.keep_ns);
}

void invocations_end(struct invocations *invocations)
{
	if (!invocations->server)
		return;
	while (!TAILQ_EMPTY(&invocations->over))
		forget(invocations, TAILQ_FIRST(&invocations->over));
	timer_clear(&invocations->server->loop.timers, &invocations->keep);
}

static void weigh(struct invocations *invocations, struct invocation *invocation)
{
	size_t bytes = (invocation->result ? invocation->result->bytes : 0) + (invocation->log ? invocation->log->bytes : 0);

	invocations->over_bytes += bytes - invocation->kept_bytes;
	invocation->kept_bytes = bytes;
}

static void keep(struct invocations *invocations, struct invocation *invocation)
{
	struct server *server = invocations->server;

	TAILQ_INSERT_TAIL(&invocations->over, invocation, link);
	invocations->over_count++;
	weigh(invocations, invocation);
	if (!invocations->keep.place)
		timer_set(&server->loop.timers, &invocations->keep, invocation->ended_ns + server->options.keep_ns);
	forget_old(invocations);
}

/* --- its life --- */

static void time_over(void *object)
{
	invocation_stop(object, ENDING_TIMED_OUT, NULL);
}

struct invocation *invocation_new(struct function *function, struct request *request, bool async)
{
	struct server *server = function->server;
	struct invocations *invocations = &server->invocations;
	struct invocation *invocation = memory_get(sizeof(*invocation)), **at;
	struct timespec wall;

	clock_gettime(CLOCK_REALTIME, &wall);
	invocation->server = server;
	invocation->id = invocations->next_id++;
	strcpy(invocation->name, function->config.name);
	invocation->function = function;
	invocation->async = async;
	invocation->body = request->body;
	request->body = NULL;
	if (!async) {
		invocation->request = request;
		request->invocation = invocation;
	}
	invocation->created_ms = (int64_t)wall.tv_sec * 1000 + wall.tv_nsec / NS_PER_MS;
	invocation->arrived_ns = request->arrived_ns;
	invocation->timer = (struct timer){ .over = time_over, .object = invocation };
	timer_set(&server->loop.timers, &invocation->timer, invocation->arrived_ns + function->config.timeout_ns);
	function->metrics.request_bytes += invocation->body ? invocation->body->bytes : 0;
	at = place(invocations, invocation->id);
	*at = invocation;
	invocations->active++;
	return invocation;
}

void invocation_started(struct invocation *invocation, struct slot *slot, enum start start)
{
	invocation->state = INVOCATION_RUNNING;
	invocation->start = start;
	invocation->slot = slot;
	invocation->function->metrics.started[start]++;
}

static void count(struct invocation *invocation)
{
	struct function_metrics *metrics = &invocation->function->metrics;

	metrics->ended[invocation->state]++;
	if (invocation->state != INVOCATION_SUCCEEDED)
		return;
	metrics->reply_bytes += invocation->result ? invocation->result->bytes : 0;
	histogram_add(&metrics->total[invocation->start], invocation->ended_ns - invocation->arrived_ns);
	if (!invocation->replied_ns)
		return;
	histogram_add(&metrics->queue, invocation->received_ns - invocation->arrived_ns);
	histogram_add(&metrics->launch, invocation->taken_ns - invocation->received_ns);
	histogram_add(&metrics->guest, invocation->replied_ns - invocation->taken_ns);
}

static void tell(const struct invocation *invocation)
{
	struct log *log = &invocation->server->log;
	enum log_level level = endings[invocation->ending].status >= 500 ? LOG_LEVEL_WARN : LOG_LEVEL_DEBUG;
	char id[ID_DIGITS + 1];

	if (level > log->level)
		return;
	snprintf(id, sizeof(id), "%016" PRIx64, invocation->id);
	log_event(log, level, "invocation", "{s:s, s:s, s:s, s:i, s:s, s:I, s:s}", "function", invocation->name, "id", id,
		  "state", state_names[invocation->state], "status", (int)endings[invocation->ending].status,
		  "start", invocation->start == START_HIT ? "hit" : "miss",
		  "us", (json_int_t)((invocation->ended_ns - invocation->arrived_ns) / 1000),
		  "reason", invocation->reason ? invocation->reason : "");
}

void invocation_over(struct invocation *invocation, enum ending ending, const char *reason)
{
	struct server *server = invocation->server;
	struct request *request = invocation->request;

	invocation->ended_ns = loop_now_ns();
	invocation->ending = ending;
	invocation->state = endings[ending].state;
	if (!reason)
		reason = endings[ending].message;
	if (reason)
		invocation->reason = memory_string(reason);
	timer_clear(&server->loop.timers, &invocation->timer);
	blob_put(invocation->body);
	invocation->body = NULL;
	count(invocation);
	tell(invocation);
	invocation->function = NULL;
	invocation->request = NULL;
	server->invocations.active--;
	if (request)
		invocation_answer(invocation, request);
	if (!invocation->async) {
		blob_put(invocation->result);
		invocation->result = NULL;
	}
	keep(&server->invocations, invocation);
	server_drained(server);
}

void invocation_stop(struct invocation *invocation, enum ending ending, const char *reason)
{
	struct function *function = invocation->function;
	struct slot *slot = invocation->slot;

	if (invocation->state == INVOCATION_QUEUED) {
		TAILQ_REMOVE(&function->queue, invocation, link);
		function->count.queued--;
	}
	/* The slot goes on until it has come back; the client does not wait for that. */
	if (slot)
		slot_cancel(slot);
	invocation_over(invocation, ending, reason);
}

void invocation_drop(struct invocation *invocation)
{
	timer_clear(&invocation->server->loop.timers, &invocation->timer);
	invocation->server->invocations.active--;
	release(&invocation->server->invocations, invocation);
}

void invocation_abandon(struct invocation *invocation)
{
	invocation->request = NULL;
	invocation_stop(invocation, ENDING_CANCELLED, "the client left");
}

void invocation_logged(struct invocation *invocation, struct blob *log, bool cut)
{
	invocation->log = log;
	invocation->log_cut = cut;
	if (invocation->function)
		invocation->function->metrics.log_bytes += log ? log->bytes : 0;
	if (invocation->state > INVOCATION_RUNNING) {
		weigh(&invocation->server->invocations, invocation);
		forget_old(&invocation->server->invocations);
	}
}

/* --- what is said of it --- */

static json_t *milliseconds(uint64_t ns)
{
	return json_real((double)(ns / 1000) / 1000);
}

json_t *invocation_json(const struct invocation *invocation)
{
	bool over = invocation->state > INVOCATION_RUNNING;
	char text[40];
	json_t *object;
	struct tm tm;
	time_t created = (time_t)(invocation->created_ms / 1000);
	size_t n;

	snprintf(text, sizeof(text), "%016" PRIx64, invocation->id);
	object = json_pack("{s:s, s:s, s:s}", "id", text, "function", invocation->name, "status", state_names[invocation->state]);
	gmtime_r(&created, &tm);
	n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + n, sizeof(text) - n, ".%03dZ", (int)(invocation->created_ms % 1000));
	json_object_set_new(object, "created", json_string(text));
	if (invocation->state != INVOCATION_QUEUED && (invocation->received_ns || !over))
		json_object_set_new(object, "start", json_string(invocation->start == START_HIT ? "hit" : "miss"));
	if (!over)
		return object;
	json_object_set_new(object, "total_ms", milliseconds(invocation->ended_ns - invocation->arrived_ns));
	if (invocation->replied_ns) {
		json_object_set_new(object, "queue_ms", milliseconds(invocation->received_ns - invocation->arrived_ns));
		json_object_set_new(object, "launch_ms", milliseconds(invocation->taken_ns - invocation->received_ns));
		json_object_set_new(object, "guest_ms", milliseconds(invocation->replied_ns - invocation->taken_ns));
	}
	json_object_set_new(object, "result_bytes", json_integer(invocation->result ? (json_int_t)invocation->result->bytes : 0));
	json_object_set_new(object, "log_bytes", json_integer(invocation->log ? (json_int_t)invocation->log->bytes : 0));
	json_object_set_new(object, "log_cut", json_boolean(invocation->log_cut));
	json_object_set_new(object, "pages", json_integer(invocation->pages));
	json_object_set_new(object, "exits", json_integer(invocation->exits));
	if (endings[invocation->ending].code)
		json_object_set_new(object, "error", json_pack("{s:s, s:s}", "code", endings[invocation->ending].code, "message",
							       invocation->reason));
	return object;
}

/* "queue;dur=0.012, launch;dur=0.034;desc=hit, guest;dur=0.100, total;dur=0.160": milliseconds. */
static void add_timing(const struct invocation *invocation, struct request *request)
{
	uint64_t total = invocation->ended_ns - invocation->arrived_ns, queue = 0, launch = 0, guest = 0;
	const char *start = invocation->start == START_HIT ? "hit" : "miss";
	char text[160];

	if (invocation->taken_ns) {
		queue = invocation->received_ns - invocation->arrived_ns;
		launch = invocation->taken_ns - invocation->received_ns;
	}
	if (invocation->replied_ns)
		guest = invocation->replied_ns - invocation->taken_ns;
#define MS_US(ns) (unsigned)((ns) / 1000000), (unsigned)((ns) / 1000 % 1000)
	snprintf(text, sizeof(text), "queue;dur=%u.%03u, launch;dur=%u.%03u;desc=%s, guest;dur=%u.%03u, total;dur=%u.%03u",
		 MS_US(queue), MS_US(launch), start, MS_US(guest), MS_US(total));
#undef MS_US
	request_header(request, "Server-Timing", text);
}

void invocation_answer(struct invocation *invocation, struct request *request)
{
	unsigned status = endings[invocation->ending].status;
	char id[ID_DIGITS + 1];

	if (invocation->ending == ENDING_REPLIED)
		request_answer(request, status, response_of_blob(invocation->result, "application/octet-stream"));
	else
		request_error(request, status, endings[invocation->ending].code, "%s", invocation->reason);
	snprintf(id, sizeof(id), "%016" PRIx64, invocation->id);
	request_header(request, "Kvick-Invocation", id);
	add_timing(invocation, request);
}
