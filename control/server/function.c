/* SPDX-License-Identifier: Apache-2.0 */
#include "control/server/function.h"

#include <stdlib.h>
#include <string.h>

#include "control/server/api.h"
#include "control/server/server.h"

#define MS              1000000ull
#define BACK_OFF_LEAST  (100 * MS)
#define BACK_OFF_MOST   (10000 * MS)

static void pool_time(void *object)
{
	function_balance(object);
}

struct function *function_new(struct server *server, struct function_config *config, uint32_t id)
{
	struct function *function = memory_get(sizeof(*function));

	function->server = server;
	function->config = *config;
	*config = (struct function_config){ 0 };
	function->id = id;
	function->slots = memory_get(function->config.concurrency * sizeof(*function->slots));
	function->limits = (struct pool_limits){ .warm = (unsigned)function->config.warm,
						 .concurrency = (unsigned)function->config.concurrency,
						 .period_ns = server->options.idle_ns };
	if (function->limits.warm > function->limits.concurrency)
		function->limits.warm = function->limits.concurrency;
	function->demand.period_begin_ns = loop_now_ns();
	function->pool_timer = (struct timer){ .over = pool_time, .object = function };
	function->worker = (struct worker){ .function = function, .pid_fd = -1, .control_fd = -1,
					    .timer = { .over = worker_timer, .object = &function->worker } };
	TAILQ_INIT(&function->warm);
	TAILQ_INIT(&function->queue);
	return function;
}

void function_end(struct function *function)
{
	timer_clear(&function->server->loop.timers, &function->pool_timer);
	timer_clear(&function->server->loop.timers, &function->worker.timer);
	function_config_end(&function->config);
	free(function->slots);
	free(function);
}

static unsigned slots_there(const struct function *function)
{
	return function->count.making + function->count.warm + function->count.busy;
}

static bool make_one(struct function *function)
{
	uint32_t number = 0;

	while (function->slots[number].state != SLOT_NONE)
		number++;
	return slot_make(&function->slots[number], function, number) == 0;
}

static void make(struct function *function, unsigned count)
{
	uint64_t now_ns;

	if (!count)
		return;
	now_ns = loop_now_ns();
	if (now_ns < function->make_after_ns) {
		timer_set(&function->server->loop.timers, &function->pool_timer, function->make_after_ns);
		return;
	}
	while (count-- && worker_serves(&function->worker) && make_one(function))
		;
}

/* The ones that have been warm for longest. */
static void give_up(struct function *function, unsigned count)
{
	function->metrics.slots_given_up += count;
	while (count--)
		slot_end(TAILQ_LAST(&function->warm, slot_list));
}

static void run_queued(struct function *function)
{
	struct invocation *invocation;
	struct slot *slot;

	while ((invocation = TAILQ_FIRST(&function->queue)) && (slot = TAILQ_FIRST(&function->warm))) {
		TAILQ_REMOVE(&function->queue, invocation, link);
		function->count.queued--;
		invocation_started(invocation, slot, START_MISS);
		slot_give(slot, invocation);
	}
}

void function_balance(struct function *function)
{
	struct pool_step step;

	if (function->removed || !worker_serves(&function->worker))
		return;
	run_queued(function);
	pool_observe(&function->limits, &function->demand, &function->count, loop_now_ns());
	step = pool_decide(&function->limits, &function->demand, &function->count);
	give_up(function, step.give_up);
	make(function, step.make);
	if (slots_there(function) > function->limits.warm && !function->pool_timer.place)
		timer_set(&function->server->loop.timers, &function->pool_timer,
			  function->demand.period_begin_ns + function->limits.period_ns);
}

bool function_submit(struct function *function, struct invocation *invocation)
{
	struct pool_count *count = &function->count;
	struct slot *slot = TAILQ_FIRST(&function->warm);

	if (slot && !count->queued && worker_serves(&function->worker)) {
		invocation_started(invocation, slot, START_HIT);
		slot_give(slot, invocation);
		pool_observe(&function->limits, &function->demand, count, invocation->arrived_ns);
		return true;
	}
	if (function->worker.state == WORKER_NONE && function->worker.refused) {
		invocation_over(invocation, ENDING_UNAVAILABLE, function->worker.reason);
		return true;
	}
	/* Those that will have a slot made for them do not wait in line. */
	if (count->queued >= function->config.concurrency - count->busy + function->config.queue) {
		function->metrics.refused++;
		return false;
	}
	TAILQ_INSERT_TAIL(&function->queue, invocation, link);
	count->queued++;
	function_balance(function);
	return true;
}

void function_abandon(struct function *function)
{
	function->creator = NULL;
	registry_remove(&function->server->registry, function);
}

static void fail_queued(struct function *function, enum ending ending, const char *reason)
{
	struct invocation *invocation;

	while ((invocation = TAILQ_FIRST(&function->queue)))
		invocation_stop(invocation, ending, reason);
}

void function_worker_ready(struct function *function)
{
	if (function->creator)
		api_function_created(function);
	function_balance(function);
}

void function_worker_hears(struct function *function)
{
	for (uint32_t i = 0; i < function->config.concurrency; i++)
		slot_tell_cancelled(&function->slots[i]);
	function_balance(function);
}

void function_worker_gone(struct function *function, const char *reason, bool refused)
{
	for (uint32_t i = 0; i < function->config.concurrency; i++) {
		struct invocation *invocation = function->slots[i].invocation;

		slot_end(&function->slots[i]);
		if (invocation && invocation->state == INVOCATION_RUNNING)
			invocation_over(invocation, ENDING_WORKER_DIED, reason);
	}
	if (function->removed) {
		registry_gone(&function->server->registry, function);
		return;
	}
	if (refused)
		fail_queued(function, ENDING_UNAVAILABLE, reason);
	if (function->creator)
		api_function_not_created(function, reason, refused);
}

void function_slot_failed(struct function *function, const char *reason)
{
	struct server *server = function->server;
	uint64_t wait_ns = 2 * function->make_back_off_ns;

	if (wait_ns < BACK_OFF_LEAST)
		wait_ns = BACK_OFF_LEAST;
	if (wait_ns > BACK_OFF_MOST)
		wait_ns = BACK_OFF_MOST;
	function->make_back_off_ns = wait_ns;
	function->make_after_ns = loop_now_ns() + wait_ns;
	function->metrics.slots_failed++;
	log_event(&server->log, LOG_LEVEL_WARN, "slot_failed", "{s:s, s:s}", "function", function->config.name, "reason", reason);
	/* Whoever waits has others to hope for, or is told. */
	if (slots_there(function) == 0)
		fail_queued(function, ENDING_UNAVAILABLE, reason);
	timer_set(&server->loop.timers, &function->pool_timer, function->make_after_ns);
}

json_t *function_json(const struct function *function)
{
	const struct pool_count *count = &function->count;
	json_t *object = function_config_json(&function->config);

	json_object_set_new(object, "state", json_string(worker_state_name(&function->worker)));
	if (!worker_serves(&function->worker) && function->worker.reason[0])
		json_object_set_new(object, "reason", json_string(function->worker.reason));
	json_object_set_new(object, "slots", json_pack("{s:i, s:i, s:i, s:i}", "making", (int)count->making, "warm",
						       (int)count->warm, "busy", (int)count->busy, "queued", (int)count->queued));
	return object;
}
