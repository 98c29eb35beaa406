/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the two kinds of engine share with engine.c, and nobody else.
 *
 * engine.c owns the operations that are not with the kernel (queued, finished), cancellation, retries and done(); a kind
 * takes from `queued` what it can, and gives back by engine_finish(). No kind ever calls done().
 */
#ifndef KVICK_VMM_ENGINE_PRIVATE_H
#define KVICK_VMM_ENGINE_PRIVATE_H

#include "vmm/engine.h"
#include "vmm/error.h"
#include "vmm/sys.h"

/* An engine's mapping begins with two pages for io_uring's rings; the engine itself is behind them. */
#define ENGINE_PAGE_BYTES 4096u
#define ENGINE_RING_BYTES (2 * ENGINE_PAGE_BYTES)

#define NS_PER_S  1000000000ull
#define NS_PER_MS 1000000ull

enum { OP_IDLE, OP_QUEUED, OP_PENDING /* with the kind */, OP_HELD /* while the engine pauses */, OP_FINISHED };

struct engine_list {
	struct engine_op *first, *last;
};

struct engine_table {
	/* Of the kind's own state, for a depth. */
	size_t (*room)(unsigned depth);
	/* From engine_seal(): makes what the kind needs, and engine->how. */
	int (*open)(struct engine *engine, struct error *error);
	/* Takes from `queued` and sends cancellations. Sets engine->again if the kernel wants to be asked again. */
	void (*submit)(struct engine *engine, struct sys *sys);
	/* Finishes what has ended, without blocking. */
	void (*collect)(struct engine *engine, struct sys *sys);
	/*
	 * Submits, blocks until something may have ended, collects. `lock`, unless NULL, is given back while it blocks.
	 * Anything from 0: look; -EINTR, -ETIME: look; -EAGAIN: look, and do not come back at once; else: refused.
	 */
	int (*wait)(struct engine *engine, uint64_t timeout_ns, pthread_mutex_t *lock, struct sys *sys);
	/* Of a pending operation. */
	void (*cancel)(struct engine *engine, struct engine_op *op);
	/* Of all pending ones that need not end by themselves. */
	void (*cancel_endless)(struct engine *engine);
	/* A wait() in another thread returns. */
	void (*wake)(struct engine *engine, struct sys *sys);
	void (*close)(struct engine *engine);
};

extern const struct engine_table engine_uring, engine_sync;

struct engine {
	const struct engine_table *table;
	void *kind; /* the kind's own state: room for the larger one, zero from the start, right behind this structure */
	size_t mapped_bytes;
	struct engine_config config;
	struct sys *sys;
	struct sys completion_sys; /* engine_wait()'s, in its own thread: a struct sys is one thread's */
	int files[ENGINE_FILES_MAX];
	unsigned file_count;
	bool sealed, draining, pausing;
	struct sys *delivering; /* of the thread that calls done() functions; NULL while nobody does */
	bool again; /* something is queued that the caller does not know of */
	bool woken;
	unsigned in_flight;
	struct engine_list queued, finished;
	struct engine_list held; /* endless operations that wait for engine_resume() */
	unsigned held_count;
	struct engine_counts counts;
	const char *how;    /* by io_uring: which way it was set up */
	struct error why;   /* by plain calls, though io_uring was wanted */
};

void engine_list_append(struct engine_list *list, struct engine_op *op);
void engine_list_remove(struct engine_list *list, struct engine_op *op);

/* A pending operation has ended: it is retried, or done() will be told. */
void engine_finish(struct engine *engine, struct engine_op *op, int32_t result);
/* The end of a pending operation that the engine wants, and not its owner. */
void engine_take_back(struct engine *engine, struct engine_op *op);
/* engine_finish(), and the result is the result. */
void engine_finish_as_is(struct engine *engine, struct engine_op *op, int32_t result);
/* A pending operation goes back into the queue. */
void engine_again(struct engine *engine, struct engine_op *op);

static inline bool engine_op_is_stream(const struct engine_op *op)
{
	return (op->code == ENGINE_READV || op->code == ENGINE_WRITEV) && op->offset == ENGINE_STREAM;
}

/* May it take for ever, with nothing wrong? */
static inline bool engine_op_is_endless(const struct engine_op *op)
{
	return op->code == ENGINE_POLL || op->code == ENGINE_TIMEOUT || engine_op_is_stream(op);
}

#endif
