/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine by plain system calls, where there is no io_uring. Files' operations are executed when they are submitted.
 * Streams are tried then; what would block waits with polls and time-outs in `pending`, which one ppoll() serves.
 * In order where it can be seen: the list is served from its beginning.
 */
#include "vmm/engine_private.h"

#include <assert.h>
#include <errno.h>
#include <linux/fs.h> /* RWF_NOWAIT: musl 1.2.3 has none */
#include <string.h>
#include <sys/eventfd.h>

#include "vmm/error.h"

struct watch {
	struct pollfd fds[ENGINE_IN_FLIGHT_MAX + 1]; /* the last one, after `count`, is the wake-up */
	unsigned count;
	uint64_t first_deadline_ns;
};

struct sync {
	struct engine_list pending;
	unsigned pending_count;
	int wake_fd;                 /* -1 with one thread */
	bool wake_due;
	struct watch now, asleep;    /* `asleep` is the kernel's while the lock is given back */
};

static size_t room(unsigned depth)
{
	(void)depth;
	return sizeof(struct sync); /* the larger part of it is touched only where a thread sleeps on much */
}

static int open_sync(struct engine *engine, struct error *error)
{
	struct sync *sync = engine->kind;

	sync->wake_fd = -1;
	if (engine->config.threads == ENGINE_ONE_THREAD)
		return 0;
	sync->wake_fd = sys_eventfd(engine->sys, 0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (sync->wake_fd < 0)
		return error_set(error, ERROR_HOST, -sync->wake_fd, "engine: eventfd: %s", strerror(-sync->wake_fd));
	return 0;
}

static void close_sync(struct engine *engine)
{
	struct sync *sync = engine->kind;

	if (sync->wake_fd >= 0)
		sys_close(engine->sys, sync->wake_fd);
}

/* One try. -EAGAIN: it would block. */
static int64_t transfer(const struct engine_op *op, int fd, int flags, struct sys *sys)
{
	return op->code == ENGINE_READV ? sys_preadv(sys, fd, op->iov, op->iov_count, op->offset, flags)
					: sys_pwritev(sys, fd, op->iov, op->iov_count, op->offset, flags);
}

static int64_t execute(const struct engine_op *op, int fd, struct sys *sys)
{
	switch (op->code) {
	case ENGINE_READV:
	case ENGINE_WRITEV:
		return transfer(op, fd, engine_op_is_stream(op) ? RWF_NOWAIT : 0, sys);
	case ENGINE_FSYNC:
		return sys_fdatasync(sys, fd);
	case ENGINE_FALLOCATE:
		return sys_fallocate(sys, fd, (int)op->mode, op->offset, op->bytes);
	default:
		return -EAGAIN; /* a poll or a time-out: not yet */
	}
}

static void submit(struct engine *engine, struct sys *sys)
{
	struct sync *sync = engine->kind;
	struct engine_op *op;

	/* Each operation that is queued now, once: a retry goes to the end and waits for the next call. */
	for (struct engine_op *last = engine->queued.last; (op = engine->queued.first);) {
		bool endless = engine_op_is_endless(op), is_last = op == last;
		int64_t r;

		if (endless && sync->pending_count == engine->config.depth)
			return;
		engine_list_remove(&engine->queued, op);
		op->own.state = OP_PENDING;
		r = execute(op, op->code == ENGINE_TIMEOUT ? -1 : engine->files[op->file], sys);
		/* A file that does not know RWF_NOWAIT is asked by ppoll() first. */
		if (endless && (r == -EAGAIN || r == -EOPNOTSUPP)) {
			engine_list_append(&sync->pending, op);
			sync->pending_count++;
			sync->wake_due = true;
		} else {
			engine_finish(engine, op, (int32_t)r);
		}
		if (is_last)
			break;
	}
	if (sync->wake_due && sync->wake_fd >= 0 && sys == engine->sys)
		engine->table->wake(engine, sys); /* who sleeps does not know of the new ones */
	sync->wake_due = false;
}

static void take_out(struct sync *sync, struct engine_op *op)
{
	engine_list_remove(&sync->pending, op);
	sync->pending_count--;
}

/* What to ask ppoll(), in the order of `pending`; time-outs have no descriptor. */
static void make_watch(struct engine *engine, struct watch *watch)
{
	struct sync *sync = engine->kind;

	watch->count = 0;
	watch->first_deadline_ns = UINT64_MAX;
	for (const struct engine_op *op = sync->pending.first; op; op = op->own.next) {
		struct pollfd *at = &watch->fds[watch->count++];

		*at = (struct pollfd){ .fd = -1 };
		if (op->code == ENGINE_TIMEOUT) {
			if (op->own.deadline_ns < watch->first_deadline_ns)
				watch->first_deadline_ns = op->own.deadline_ns;
			continue;
		}
		at->fd = engine->files[op->file];
		at->events = op->code == ENGINE_POLL ? (short)op->events : op->code == ENGINE_READV ? POLLIN : POLLOUT;
	}
	watch->fds[watch->count] = (struct pollfd){ .fd = sync->wake_fd, .events = POLLIN };
}

static int ask(const struct sync *sync, struct watch *watch, uint64_t timeout_ns, struct sys *sys)
{
	struct timespec left;

	if (watch->first_deadline_ns != UINT64_MAX && timeout_ns > 0) {
		uint64_t now = sys_now_ns(sys);
		uint64_t until = watch->first_deadline_ns > now ? watch->first_deadline_ns - now : 0;

		timeout_ns = until < timeout_ns ? until : timeout_ns;
	}
	left = (struct timespec){ (time_t)(timeout_ns / NS_PER_S), (long)(timeout_ns % NS_PER_S) };
	return sys_ppoll(sys, watch->fds, watch->count + (sync->wake_fd >= 0), timeout_ns == ENGINE_FOREVER ? NULL : &left);
}

static void serve_ready(struct engine *engine, struct engine_op *op, const struct pollfd *seen, struct sys *sys)
{
	int64_t r;

	if (seen->revents & POLLNVAL) {
		r = -EBADF;
	} else if (op->code == ENGINE_POLL) {
		r = seen->revents;
	} else {
		r = transfer(op, seen->fd, RWF_NOWAIT, sys);
		if (r == -EOPNOTSUPP)
			r = transfer(op, seen->fd, 0, sys);
	}
	take_out(engine->kind, op);
	engine_finish(engine, op, (int32_t)r);
}

/* Finishes what the answer in `now` says, which was made of `pending` as it is. */
static void serve(struct engine *engine, struct sys *sys)
{
	struct sync *sync = engine->kind;
	uint64_t now = sync->now.first_deadline_ns != UINT64_MAX ? sys_now_ns(sys) : 0;
	struct engine_op *next;
	unsigned i = 0;

	for (struct engine_op *op = sync->pending.first; op; op = next, i++) {
		const struct pollfd *seen = &sync->now.fds[i];

		next = op->own.next;
		if (op->code == ENGINE_TIMEOUT && op->own.deadline_ns <= now) {
			take_out(sync, op);
			engine_finish(engine, op, -ETIME);
		} else if (seen->revents) {
			serve_ready(engine, op, seen, sys);
		}
	}
	if (sync->wake_fd >= 0 && sync->now.fds[sync->now.count].revents) {
		uint64_t wakes;
		const struct iovec iov = { &wakes, sizeof(wakes) };

		sys_preadv(sys, sync->wake_fd, &iov, 1, ENGINE_STREAM, 0); /* only to empty it; the sandbox has no read() */
	}
}

static int look(struct engine *engine, uint64_t timeout_ns, struct sys *sys)
{
	struct sync *sync = engine->kind;
	int r;

	make_watch(engine, &sync->now);
	r = ask(sync, &sync->now, timeout_ns, sys);
	if (r < 0) {
		for (unsigned i = 0; i <= sync->now.count; i++)
			sync->now.fds[i].revents = 0; /* time-outs are served all the same */
	}
	serve(engine, sys);
	return r < 0 ? r : 0;
}

static void collect(struct engine *engine, struct sys *sys)
{
	struct sync *sync = engine->kind;

	if (!sync->pending.first)
		return;
	engine->counts.wait_calls++;
	look(engine, 0, sys);
}

static int wait(struct engine *engine, uint64_t timeout_ns, pthread_mutex_t *lock, struct sys *sys)
{
	struct sync *sync = engine->kind;
	int r;

	submit(engine, sys);
	if (engine->again)
		timeout_ns = 0; /* something is to be tried again, now */
	if (engine->finished.first || engine->woken)
		return 0;
	engine->counts.wait_calls++;
	if (!lock || timeout_ns == 0)
		return look(engine, timeout_ns, sys);
	make_watch(engine, &sync->asleep);
	pthread_mutex_unlock(lock);
	r = ask(sync, &sync->asleep, timeout_ns, sys);
	pthread_mutex_lock(lock);
	if (r < 0)
		return r;
	return look(engine, 0, sys); /* `pending` may be another by now */
}

static void cancel(struct engine *engine, struct engine_op *op)
{
	take_out(engine->kind, op);
	engine_finish_as_is(engine, op, -ECANCELED);
}

static void cancel_endless(struct engine *engine)
{
	struct sync *sync = engine->kind;

	while (sync->pending.first)
		engine_take_back(engine, sync->pending.first);
}

static void wake(struct engine *engine, struct sys *sys)
{
	const struct sync *sync = engine->kind;
	const uint64_t one = 1;

	if (sync->wake_fd >= 0 && sys_write(sys, sync->wake_fd, &one, sizeof(one)) < 0)
		sys_write(sys, sync->wake_fd, &one, sizeof(one)); /* a full counter wakes as well; anything else is injected */
}

const struct engine_table engine_sync = {
	.room = room,
	.open = open_sync,
	.submit = submit,
	.collect = collect,
	.wait = wait,
	.cancel = cancel,
	.cancel_endless = cancel_endless,
	.wake = wake,
	.close = close_sync,
};
