/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine: all I/O that devices do on the host, asynchronously, one for each VM.
 *
 * Two kinds behind one interface: io_uring, and plain system calls for kernels or sandboxes without it. Operations are
 * started by engine_start(), handed to the kernel in a batch by engine_submit(), and come back through their done()
 * function, called by engine_reap(), engine_wait(), engine_drain() and engine_destroy() and by nothing else.
 *
 * All descriptors are registered before the sandbox closes (engine_add_file); operations name them by the number that
 * this returned. A stream (pipe, socket, terminal, tap) is read and written at ENGINE_STREAM, with one read and one
 * write in flight at most: nobody promises an order among more. Streams should be non-blocking: kernels that cannot
 * tell whether a write to one would block (no RWF_NOWAIT) may otherwise hold up the plain system calls.
 *
 * Threads. ENGINE_ONE_THREAD: everything from engine_seal() on is one thread's. ENGINE_COMPLETION_THREAD: `lock` is held
 * around every call but engine_wait(), which one thread, always the same, makes without it: it sleeps without the
 * lock and holds it around done(). Before draining and destroying, that thread has ended (engine_wake()).
 */
#ifndef KVICK_VMM_ENGINE_H
#define KVICK_VMM_ENGINE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct sys;
struct error;
struct stop;
struct engine;

enum engine_kind { ENGINE_AUTO, ENGINE_IO_URING, ENGINE_SYNC };

enum engine_threads {
	ENGINE_ONE_THREAD,        /* a guest that polls: the vCPU's thread starts, submits, waits and reaps */
	ENGINE_COMPLETION_THREAD, /* a guest with interrupts: a second thread waits */
};

#define ENGINE_FILES_MAX     64u
#define ENGINE_IN_FLIGHT_MAX 1024u
#define ENGINE_DEPTH         128u /* in flight, where nobody has a reason for more: two pages of rings, the cheapest set-up */
#define ENGINE_TRIES_MAX     16u  /* of what the kernel answers with -EINTR or -EAGAIN, before that is the result */

#define ENGINE_STREAM  UINT64_MAX /* an offset: the file has none */
#define ENGINE_FOREVER UINT64_MAX /* a time-out */

enum engine_code {
	ENGINE_READV,     /* iov, iov_count (at most 1024), offset or ENGINE_STREAM; short counts are the caller's business */
	ENGINE_WRITEV,
	ENGINE_FSYNC,     /* data only */
	ENGINE_FALLOCATE, /* mode, offset, bytes */
	ENGINE_POLL,      /* events (POLLIN, POLLOUT): once; result = events, with POLLERR and POLLHUP */
	ENGINE_TIMEOUT,   /* ns from engine_start(); result = -ETIME */
};

/* One operation: the caller's memory, untouched until done() has been called, which may free it or start it again. */
struct engine_op {
	enum engine_code code;
	int file;                /* from engine_add_file() */
	const struct iovec *iov; /* stays valid until done() */
	unsigned iov_count;
	uint64_t offset, bytes;
	uint32_t mode, events;
	uint64_t ns;
	/*
	 * result: bytes or 0, or -errno; -ECANCELED after engine_cancel() or in engine_drain(), which must not be answered by
	 * starting again. May start and cancel operations; they need an engine_submit() or engine_wait() afterwards.
	 */
	void (*done)(struct engine_op *op, int32_t result);
	void *context;           /* the caller's */
	struct {                 /* the engine's: zero before the first start */
		struct engine_op *next, *prev;
		uint64_t deadline_ns;
		uint32_t slot;
		int32_t result;
		uint8_t state, tries, cancels;
		bool cancelled, ready_first;
		bool given_up;   /* the caller wants it to end, and not the engine */
	} own;
};

struct engine_config {
	enum engine_kind kind;
	enum engine_threads threads;
	unsigned depth;          /* with the kernel at one time, 1 to ENGINE_IN_FLIGHT_MAX; more wait their turn inside */
	pthread_mutex_t *lock;   /* for ENGINE_COMPLETION_THREAD */
};

/*
 * In pages of its own, by one mmap(): malloc() would cost a launch that needs none some 15 us more. 0 or -errno with `error`
 * set. `sys` outlives the engine.
 */
int engine_create(struct engine **engine, const struct engine_config *config, struct sys *sys, struct error *error);

/*
 * Registers a descriptor, which stays the caller's and open until engine_destroy(). Its number, or -ENFILE:
 * ENGINE_FILES_MAX are there.
 */
int engine_add_file(struct engine *engine, int fd);

/*
 * No more files: the ring is made, restricted to what the engine does and enabled; where there is none, ENGINE_AUTO
 * takes plain system calls. Once, before the sandbox closes and the first operation; in the thread that will submit, which
 * the ring is bound to with ENGINE_ONE_THREAD. 0, or -errno with `error` set: engine_destroy() is all that may follow.
 */
int engine_seal(struct engine *engine, struct error *error);

/*
 * Into `text`: which it is, for the report: "io_uring (single issuer, deferred task work, registered files)",
 * "plain system calls: io_uring: Operation not permitted". After engine_seal().
 */
void engine_describe(const struct engine *engine, char *text, size_t bytes);

/* Would ENGINE_AUTO have io_uring here? `text`: what it would use of it, or why not. For kvick doctor. */
bool engine_probe(char *text, size_t bytes, struct sys *sys);

/* Queues an operation. Never fails and never calls done() from within: where there is no room it waits its turn inside. */
void engine_start(struct engine *engine, struct engine_op *op);

/* Hands all that is queued to the kernel, in one call for each 64. Makes none when there is nothing. */
void engine_submit(struct engine *engine);

/*
 * Calls done() of what is finished; returns how many. Never blocks. With io_uring it makes a system call only where the
 * kernel asks for one; the other kind makes one whenever streams, polls or time-outs are pending.
 */
unsigned engine_reap(struct engine *engine);

/*
 * Submits; waits until at least one operation has finished, timeout_ns is over, stop->signal (`stop` may be NULL) is set or
 * somebody calls engine_wake(); reaps. Submitting and waiting are one system call with ENGINE_ONE_THREAD.
 * How many; 0: the time is over, or woken; -EINTR: stop->signal; another -errno: the kernel refuses to wait.
 *
 * A signal whose handler runs between the look at stop->signal and the system call is not seen by that call: the
 * handler's reminders, one each millisecond, interrupt it (control/signals.c).
 */
int engine_wait(struct engine *engine, uint64_t timeout_ns, const struct stop *stop);

/* ENGINE_COMPLETION_THREAD: the engine_wait() under way, or else the next one, returns. */
void engine_wake(struct engine *engine);

/* Asks for an end; done() still comes, with -ECANCELED or the result. Needs an engine_submit() or engine_wait() afterwards. */
void engine_cancel(struct engine *engine, struct engine_op *op);

/*
 * Blocks until nothing is in flight and no completion can land in memory any more: every done() has been called. Streams,
 * polls and time-outs get one more look at what is there, then -ECANCELED; files' operations end by themselves;
 * operations that done() starts get -ECANCELED untried. Usable again afterwards.
 *
 * I/O in the kernel's uninterruptible sleep (a dead NFS server, a failing disk) cannot be taken back by anyone, so
 * there is a limit to the patience, not to the wait: 0, or -ETIME (or what the kernel refuses to wait with) when
 * operations are still in flight. Their memory, the guest's too, then belongs to the kernel until the process has ended.
 */
int engine_drain(struct engine *engine, uint64_t timeout_ns);

/*
 * Blocks until no operation is with the kernel, so that memory stays as it is until engine_resume(): files' operations end, and
 * what their done() starts; streams, polls and time-outs are taken back, and their done() is not called: they go on after
 * engine_resume(), time-outs with the deadline they had, and so do those started meanwhile. engine_cancel() ends them as always.
 * Nobody else is in engine_wait(). 0; or why the kernel refuses to wait, and then nothing is paused.
 */
int engine_pause(struct engine *engine);
void engine_resume(struct engine *engine);
bool engine_is_paused(const struct engine *engine);

/* Operations started and not yet done. */
unsigned engine_in_flight(const struct engine *engine);

/* Else by plain calls. With io_uring files stay open a bit longer than the process: the kernel has to take the ring apart. */
bool engine_is_io_uring(const struct engine *engine);

/* Drains, for ever, and frees; NULL is nothing. 0, or why draining did not work: then nothing has been freed. */
int engine_destroy(struct engine *engine);

struct engine_counts {
	uint64_t started, completed;
	uint64_t submit_calls;   /* system calls that only submitted */
	uint64_t wait_calls;     /* system calls that waited, or looked */
	uint64_t overflows;      /* times the completion ring was found too small */
	uint64_t retries;
};

const struct engine_counts *engine_counts(const struct engine *engine);

#endif
