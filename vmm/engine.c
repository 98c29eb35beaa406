/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/engine_private.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "vmm/error.h"
#include "vmm/stop.h"

/* How often drain asks a kernel that refuses to wait, a millisecond apart. */
#define REFUSALS_MAX 1000u

void engine_list_append(struct engine_list *list, struct engine_op *op)
{
	op->own.next = NULL;
	op->own.prev = list->last;
	*(list->last ? &list->last->own.next : &list->first) = op;
	list->last = op;
}

void engine_list_remove(struct engine_list *list, struct engine_op *op)
{
	*(op->own.prev ? &op->own.prev->own.next : &list->first) = op->own.next;
	*(op->own.next ? &op->own.next->own.prev : &list->last) = op->own.prev;
}

/* --- from nothing to a sealed engine --- */

int engine_create(struct engine **result, const struct engine_config *config, struct sys *sys, struct error *error)
{
	size_t uring = engine_uring.room(config->depth), sync = engine_sync.room(config->depth);
	size_t bytes = ENGINE_RING_BYTES + sizeof(struct engine) + (uring > sync ? uring : sync);
	struct engine *engine;
	void *at;
	int r;

	assert(config->depth > 0 && config->depth <= ENGINE_IN_FLIGHT_MAX);
	assert(!config->lock == (config->threads == ENGINE_ONE_THREAD));
	*result = NULL;
	r = sys_mmap(sys, NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0, &at);
	if (r < 0)
		return error_set(error, ERROR_HOST, -r, "engine: memory: %s", strerror(-r));
	engine = (struct engine *)((char *)at + ENGINE_RING_BYTES);
	engine->kind = engine + 1;
	engine->mapped_bytes = bytes;
	engine->config = *config;
	engine->sys = sys;
	sys_init(&engine->completion_sys);
	*result = engine;
	return 0;
}

int engine_add_file(struct engine *engine, int fd)
{
	assert(!engine->sealed && fd >= 0);
	if (engine->file_count == ENGINE_FILES_MAX)
		return -ENFILE;
	engine->files[engine->file_count] = fd;
	return (int)engine->file_count++;
}

static int open_as(struct engine *engine, const struct engine_table *table, struct error *error)
{
	int r;

	engine->table = table;
	r = table->open(engine, error);
	if (r < 0)
		engine->table = NULL;
	return r;
}

int engine_seal(struct engine *engine, struct error *error)
{
	int r = -ENOSYS;

	assert(!engine->sealed);
	if (engine->config.kind != ENGINE_SYNC)
		r = open_as(engine, &engine_uring, engine->config.kind == ENGINE_IO_URING ? error : &engine->why);
	if (r < 0 && engine->config.kind != ENGINE_IO_URING)
		r = open_as(engine, &engine_sync, error);
	engine->sealed = r == 0;
	return r;
}

void engine_describe(const struct engine *engine, char *text, size_t bytes)
{
	if (engine_is_io_uring(engine))
		snprintf(text, bytes, "io_uring (%s, registered files, restricted)", engine->how);
	else
		snprintf(text, bytes, "plain system calls%s%s", engine->why.text[0] ? ": " : "", engine->why.text);
}

bool engine_probe(char *text, size_t bytes, struct sys *sys)
{
	const struct engine_config config = { .kind = ENGINE_IO_URING, .depth = ENGINE_DEPTH };
	struct error error = { 0 };
	struct engine *engine;
	bool there = engine_create(&engine, &config, sys, &error) == 0 && engine_seal(engine, &error) == 0;

	if (there)
		engine_describe(engine, text, bytes);
	else
		snprintf(text, bytes, "%s", error.text);
	engine_destroy(engine);
	return there;
}

/* --- an operation's life --- */

static void hold(struct engine *engine, struct engine_op *op)
{
	op->own.state = OP_HELD;
	op->own.cancelled = false;
	op->own.cancels = 0;
	engine_list_append(&engine->held, op);
	engine->held_count++;
}

static void release_held(struct engine *engine)
{
	struct engine_op *op;

	while ((op = engine->held.first)) {
		engine_list_remove(&engine->held, op);
		op->own.state = OP_QUEUED;
		engine_list_append(&engine->queued, op);
		engine->again = true;
	}
	engine->held_count = 0;
}

static void finish(struct engine *engine, struct engine_op *op, int32_t result)
{
	/* Taken back by the engine and not by its owner: it goes on when the pause is over, or at once where there was none. */
	if (result == -ECANCELED && op->own.cancelled && !op->own.given_up && !engine->draining) {
		hold(engine, op);
		if (!engine->pausing)
			release_held(engine);
		return;
	}
	op->own.state = OP_FINISHED;
	op->own.result = result;
	engine_list_append(&engine->finished, op);
}

/* done() runs in the thread that delivers, which may not be the one that `sys` belongs to. */
static struct sys *callers_sys(const struct engine *engine)
{
	return engine->delivering ? engine->delivering : engine->sys;
}

void engine_start(struct engine *engine, struct engine_op *op)
{
	assert(engine->sealed && op->own.state == OP_IDLE && op->done);
	assert(op->code == ENGINE_TIMEOUT || (op->file >= 0 && (unsigned)op->file < engine->file_count));
	memset(&op->own, 0, sizeof(op->own));
	engine->in_flight++;
	engine->counts.started++;
	if (engine->draining) {
		finish(engine, op, -ECANCELED);
		return;
	}
	if (op->code == ENGINE_TIMEOUT &&
	    __builtin_add_overflow(sys_now_ns(callers_sys(engine)), op->ns, &op->own.deadline_ns))
		op->own.deadline_ns = UINT64_MAX;
	if (engine->pausing && engine_op_is_endless(op)) {
		hold(engine, op);
		return;
	}
	op->own.state = OP_QUEUED;
	engine_list_append(&engine->queued, op);
}

void engine_again(struct engine *engine, struct engine_op *op)
{
	assert(op->own.state == OP_PENDING);
	op->own.state = OP_QUEUED;
	engine_list_append(&engine->queued, op);
	engine->again = true;
}

void engine_finish_as_is(struct engine *engine, struct engine_op *op, int32_t result)
{
	assert(op->own.state == OP_PENDING);
	finish(engine, op, result);
}

void engine_finish(struct engine *engine, struct engine_op *op, int32_t result)
{
	/* Not the operation's own end, but a signal's or a cancellation's; or a file that cannot say whether it would block. */
	bool interrupted = (result == -EINTR || result == -EAGAIN) && op->code != ENGINE_POLL && op->code != ENGINE_TIMEOUT;

	/*
	 * Cancelled by nobody: the kernel could not make a worker for it just then (Linux 6.1, with a signal pending, files that
	 * it cannot read or write without).
	 */
	if (result == -ECANCELED && !op->own.cancelled)
		interrupted = true;

	if (interrupted && (op->own.cancelled || (engine->draining && engine_op_is_endless(op)))) {
		engine_finish_as_is(engine, op, -ECANCELED);
	} else if (interrupted && op->own.tries < ENGINE_TRIES_MAX) {
		op->own.tries++;
		op->own.ready_first = result == -EAGAIN && engine_op_is_stream(op);
		engine->counts.retries++;
		engine_again(engine, op);
	} else {
		engine_finish_as_is(engine, op, result);
	}
}

void engine_take_back(struct engine *engine, struct engine_op *op)
{
	if (op->own.cancelled)
		return;
	op->own.cancelled = true;
	engine->table->cancel(engine, op);
}

void engine_cancel(struct engine *engine, struct engine_op *op)
{
	op->own.given_up = true;
	if (op->own.state == OP_QUEUED) {
		engine_list_remove(&engine->queued, op);
		finish(engine, op, -ECANCELED);
	} else if (op->own.state == OP_HELD) {
		engine_list_remove(&engine->held, op);
		engine->held_count--;
		finish(engine, op, -ECANCELED);
	} else if (op->own.state == OP_PENDING) {
		engine_take_back(engine, op);
	}
}

static void submit(struct engine *engine, struct sys *sys)
{
	engine->again = false;
	engine->table->submit(engine, sys);
}

void engine_submit(struct engine *engine)
{
	submit(engine, callers_sys(engine));
	/* What ended without the kernel, or was not taken by it, must not wait for something else to end. */
	if (engine->config.threads == ENGINE_COMPLETION_THREAD && (engine->finished.first || engine->again) &&
	    !engine->delivering)
		engine->table->wake(engine, engine->sys);
}

/* Only what is finished now: done() functions that finish more cannot keep us here. */
static unsigned deliver(struct engine *engine, struct sys *sys)
{
	struct engine_op *op = engine->finished.first;
	unsigned count = 0;

	assert(!engine->delivering);
	engine->finished = (struct engine_list){ 0 };
	engine->delivering = sys;
	while (op) {
		struct engine_op *next = op->own.next; /* done() may free it */

		op->own.state = OP_IDLE;
		engine->in_flight--;
		engine->counts.completed++;
		count++;
		op->done(op, op->own.result);
		op = next;
	}
	engine->delivering = NULL;
	return count;
}

unsigned engine_reap(struct engine *engine)
{
	if (engine->in_flight == 0)
		return 0;
	engine->table->collect(engine, engine->sys);
	if (engine->again)
		submit(engine, engine->sys);
	return deliver(engine, engine->sys);
}

static void nap(struct sys *sys, uint64_t left_ns)
{
	const struct timespec pause = { .tv_nsec = (long)(left_ns < NS_PER_MS ? left_ns : NS_PER_MS) };

	sys_clock_nanosleep(sys, CLOCK_MONOTONIC, 0, &pause); /* -EINTR: all the better */
}

/* Under `lock`, unless that is NULL. */
static int wait(struct engine *engine, uint64_t timeout_ns, const struct stop *stop, pthread_mutex_t *lock,
		struct sys *sys)
{
	uint64_t left = timeout_ns, deadline = ENGINE_FOREVER;

	if (timeout_ns != ENGINE_FOREVER && timeout_ns != 0 &&
	    __builtin_add_overflow(sys_now_ns(sys), timeout_ns, &deadline))
		deadline = left = ENGINE_FOREVER;
	for (;;) {
		unsigned count;
		int r;

		if (stop && stop->signal)
			return -EINTR;
		if (!engine->finished.first && engine->in_flight > 0)
			engine->table->collect(engine, sys);
		if (engine->finished.first) {
			submit(engine, sys); /* first what has been started: done() may take its time */
			r = 0;
		} else {
			engine->again = false;
			r = engine->table->wait(engine, left, lock, sys);
		}
		count = deliver(engine, sys);
		if (count > 0)
			return (int)count;
		if (engine->woken) {
			engine->woken = false;
			return 0;
		}
		if (deadline != ENGINE_FOREVER) {
			uint64_t now = sys_now_ns(sys);

			left = now < deadline ? deadline - now : 0;
		}
		if (left == 0)
			return 0;
		if (r == -EAGAIN) {
			if (lock)
				pthread_mutex_unlock(lock);
			nap(sys, left);
			if (lock)
				pthread_mutex_lock(lock);
		} else if (r < 0 && r != -EINTR && r != -ETIME) {
			return r;
		}
	}
}

int engine_wait(struct engine *engine, uint64_t timeout_ns, const struct stop *stop)
{
	pthread_mutex_t *lock = engine->config.lock;
	int r;

	if (!lock)
		return wait(engine, timeout_ns, stop, NULL, engine->sys);
	pthread_mutex_lock(lock);
	r = wait(engine, timeout_ns, stop, lock, &engine->completion_sys);
	pthread_mutex_unlock(lock);
	return r;
}

void engine_wake(struct engine *engine)
{
	assert(engine->config.threads == ENGINE_COMPLETION_THREAD);
	engine->woken = true;
	engine->table->wake(engine, callers_sys(engine));
}

/* --- the end --- */

static void cancel_all_endless(struct engine *engine)
{
	struct engine_op *next;

	for (struct engine_op *op = engine->queued.first; op; op = next) {
		next = op->own.next;
		if (engine_op_is_endless(op))
			engine_cancel(engine, op);
	}
	engine->table->cancel_endless(engine);
}

int engine_drain(struct engine *engine, uint64_t timeout_ns)
{
	uint64_t begin;
	unsigned refusals = 0;
	int r = 0;

	if (engine->in_flight == 0)
		return 0;
	begin = sys_now_ns(engine->sys);
	engine->draining = true;
	engine_resume(engine); /* whatever a pause holds is to end, too */
	engine_reap(engine);
	cancel_all_endless(engine);
	while (engine->in_flight > 0) {
		uint64_t spent = sys_now_ns(engine->sys) - begin;

		r = timeout_ns == ENGINE_FOREVER ? 0 : spent < timeout_ns ? 0 : -ETIME;
		if (r < 0)
			break;
		r = wait(engine, timeout_ns == ENGINE_FOREVER ? ENGINE_FOREVER : timeout_ns - spent, NULL, NULL, engine->sys);
		/* Refused. What is with the kernel may end all the same, and be seen. */
		if (r < 0 && ++refusals == REFUSALS_MAX)
			break;
		if (r < 0)
			nap(engine->sys, NS_PER_MS);
		r = 0;
	}
	engine->draining = false;
	return r;
}

bool engine_is_io_uring(const struct engine *engine)
{
	return engine->table == &engine_uring;
}

/* --- a pause --- */

static void hold_queued(struct engine *engine)
{
	struct engine_op *next;

	for (struct engine_op *op = engine->queued.first; op; op = next) {
		next = op->own.next;
		if (engine_op_is_endless(op)) {
			engine_list_remove(&engine->queued, op);
			hold(engine, op);
		}
	}
}

int engine_pause(struct engine *engine)
{
	unsigned refusals = 0;

	assert(!engine->pausing && !engine->draining);
	engine->pausing = true;
	for (;;) {
		int r;

		hold_queued(engine);
		engine->table->cancel_endless(engine);
		if (engine->in_flight == engine->held_count)
			return 0;
		r = wait(engine, NS_PER_MS, NULL, NULL, engine->sys); /* what was taken back does not end it */
		if (r >= 0)
			continue;
		if (++refusals == REFUSALS_MAX) {
			engine_resume(engine);
			return r;
		}
		nap(engine->sys, NS_PER_MS);
	}
}

void engine_resume(struct engine *engine)
{
	engine->pausing = false;
	release_held(engine);
	engine_submit(engine);
}

COLD bool engine_is_paused(const struct engine *engine)
{
	return engine->pausing;
}

unsigned engine_in_flight(const struct engine *engine)
{
	return engine->in_flight;
}

int engine_destroy(struct engine *engine)
{
	if (!engine)
		return 0;
	if (engine->sealed) {
		int r = engine_drain(engine, ENGINE_FOREVER);

		if (r < 0)
			return r;
		engine->table->close(engine);
	}
	sys_munmap(engine->sys, (char *)engine - ENGINE_RING_BYTES, engine->mapped_bytes);
	return 0;
}

const struct engine_counts *engine_counts(const struct engine *engine)
{
	return &engine->counts;
}
