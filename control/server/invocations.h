/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Invocations, from the request's arrival until nobody may ask for them any more: queued, running, over.
 *
 * One that is over is kept for a while with its log, and, when its client did not wait for it, with its result.
 */
#ifndef KVICK_CONTROL_SERVER_INVOCATIONS_H
#define KVICK_CONTROL_SERVER_INVOCATIONS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "control/server/function_config.h"
#include "control/server/metrics.h"
#include "control/server/timers.h"
#include "control/worker/protocol.h"

struct blob;
struct function;
struct request;
struct server;
struct slot;

enum invocation_state {
	INVOCATION_QUEUED,
	INVOCATION_RUNNING,
	INVOCATION_SUCCEEDED,
	INVOCATION_FAILED,
	INVOCATION_CANCELLED,
	INVOCATION_TIMED_OUT,
	INVOCATION_STATES,
};

/* How one ended. A table in invocations.c has the state, the error's code and the HTTP status of each. */
enum ending {
	ENDING_REPLIED,
	ENDING_NO_REPLY,
	ENDING_CRASHED,
	ENDING_BROKE_OFF,
	ENDING_WORKER_DIED,
	ENDING_HOST_FAILED,
	ENDING_UNAVAILABLE, /* no VM could be had for it */
	ENDING_TIMED_OUT,
	ENDING_CANCELLED,
	ENDING_REMOVED,     /* with its function */
	ENDING_DRAINED,     /* kvickd ends */
	ENDINGS,
};

struct invocation {
	struct server *server;
	uint64_t id;
	char name[FUNCTION_NAME_BYTES_MAX + 1]; /* the function's, which may be gone when this is asked for */
	struct function *function; /* until it is over */
	struct request *request;   /* that waits for it; NULL: none */
	bool async;                /* the result is kept */
	enum invocation_state state;
	enum start start;
	enum ending ending;
	struct slot *slot;         /* that runs it, or, when it is over already, has not come back from it */
	struct blob *body;         /* until all of it is the worker's */
	struct blob *result;
	struct blob *log;
	bool log_cut;
	char *reason;              /* NULL: none */
	struct timer timer;
	int64_t created_ms;        /* of the wall clock */
	uint64_t arrived_ns, ended_ns;
	uint64_t received_ns, entered_ns, taken_ns, replied_ns; /* the worker's word, checked; 0: not known */
	uint32_t pages, exits;
	size_t kept_bytes;
	TAILQ_ENTRY(invocation) link; /* in its function's queue, or of those that are over */
	struct invocation *chain;     /* of its hash */
};

#define INVOCATION_HASH 4096u /* numbers come one after another: so do the places */

struct invocations {
	struct server *server;
	uint64_t next_id;
	struct invocation *by_id[INVOCATION_HASH];
	TAILQ_HEAD(invocation_list, invocation) over; /* oldest first */
	uint64_t over_count, over_bytes;
	unsigned active; /* queued or running */
	struct timer keep;
};

void invocations_begin(struct invocations *invocations, struct server *server);
void invocations_end(struct invocations *invocations);

/* NULL: `text` is no ID, or there is none of it. */
struct invocation *invocation_find(struct invocations *invocations, const char *text);

/* Takes the request's body. */
struct invocation *invocation_new(struct function *function, struct request *request, bool async);

/* It runs now: the worker has its request. */
void invocation_started(struct invocation *invocation, struct slot *slot, enum start start);
/* It is over. Answers the request. `reason` may be NULL: then the table's. `invocation` may be gone afterwards. */
void invocation_over(struct invocation *invocation, enum ending ending, const char *reason);
/* Ends it wherever it is; the slot is told. */
void invocation_stop(struct invocation *invocation, enum ending ending, const char *reason);
/* It was not taken after all: as if it had never been. */
void invocation_drop(struct invocation *invocation);
/* Its client has left. */
void invocation_abandon(struct invocation *invocation);
/* A slot has come back from it; its log came with that, perhaps after it was over. Takes the log. */
void invocation_logged(struct invocation *invocation, struct blob *log, bool cut);

json_t *invocation_json(const struct invocation *invocation);
/* The answer that its result is. */
void invocation_answer(struct invocation *invocation, struct request *request);

#endif
