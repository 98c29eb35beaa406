/* SPDX-License-Identifier: Apache-2.0 */
/* A function: its worker, its slots, and the requests that wait for one. */
#ifndef KVICK_CONTROL_SERVER_FUNCTION_H
#define KVICK_CONTROL_SERVER_FUNCTION_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "control/server/function_config.h"
#include "control/server/invocations.h"
#include "control/server/metrics.h"
#include "control/server/pool.h"
#include "control/server/slot.h"
#include "control/server/timers.h"
#include "control/server/worker.h"

struct request;
struct server;

struct function {
	struct server *server;
	struct function_config config;
	struct worker worker;
	struct slot *slots;            /* config.concurrency of them */
	TAILQ_HEAD(slot_list, slot) warm;       /* the last that became so first: its memory is still in the caches */
	struct pool_limits limits;
	struct pool_count count;
	struct pool_demand demand;
	struct timer pool_timer;       /* when what is not needed any more is given up */
	uint64_t make_after_ns;        /* slots fail: not before this */
	uint64_t make_back_off_ns;
	struct invocation_list queue;
	struct function_metrics metrics;
	struct request *creator;       /* waits for the worker's first word; NULL: nobody */
	uint32_t id;                   /* of user and group; 0: none */
	bool removed;
	TAILQ_ENTRY(function) link;
	LIST_ENTRY(function) chain;
};

struct function *function_new(struct server *server, struct function_config *config, uint32_t id);
/* Removed, and its worker is gone: frees it. */
void function_end(struct function *function);

/* A request: to a warm slot, or into the queue. False: the queue is full. `invocation` may be over, and gone, on return. */
bool function_submit(struct function *function, struct invocation *invocation);
/* What waits goes to slots that are warm; slots are made or given up, as the pool's policy says. */
void function_balance(struct function *function);

/* Whoever registers it has left, and does not know that it is there: so it is not. */
void function_abandon(struct function *function);

/* --- what its worker and its slots have to say --- */

void function_worker_ready(struct function *function);
/* It could not be told something, and now can be. */
void function_worker_hears(struct function *function);
/* It has ended, or could not be started. Slots are gone; `refused`: it will not be otherwise next time. */
void function_worker_gone(struct function *function, const char *reason, bool refused);
void function_slot_failed(struct function *function, const char *reason);

json_t *function_json(const struct function *function);

#endif
