/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine by io_uring. Entries are written only right before they are submitted, so what waits its turn waits in the
 * engine's own queue, can be cancelled there, and neither a full ring nor a full table of slots fails anything.
 *
 * io_uring_enter() is called here only, by enter(): liburing fills entries and knows the barriers.
 */
#include "vmm/engine_uring.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "vmm/error.h"

/* user_data: an operation's slot and generation; or, for what is no operation: */
#define DATA_NONE   UINT64_MAX
#define DATA_CANCEL (1ull << 63) /* and the user_data of the operation */

#define GENERATION_MASK 0x7fffffffu
#define CANCELS_MAX     8u
#define WAKES_MAX       100u /* a millisecond apart */

static uint64_t data_of(const struct uring *uring, uint32_t slot)
{
	return (uint64_t)uring->slots[slot].generation << 32 | slot;
}

static size_t room(unsigned depth)
{
	return sizeof(struct uring) + depth * sizeof(struct uring_slot);
}

static int open_ring(struct engine *engine, struct error *error)
{
	unsigned depth = engine->config.depth;
	struct uring *uring = engine->kind;
	int r = uring_set_up(engine, uring, error);

	if (r < 0) {
		memset(uring, 0, sizeof(*uring)); /* the other kind wants zeros */
		return r;
	}
	/* Slot i's successor is i + 1: written when it is first taken, so that nothing is touched that is not used. */
	uring->free_count = depth;
	return 0;
}

static void close_ring(struct engine *engine)
{
	uring_tear_down(engine, engine->kind);
}

/* --- towards the kernel --- */

static int enter(struct uring *uring, unsigned to_submit, unsigned min_complete, uint64_t timeout_ns, struct sys *sys)
{
	struct __kernel_timespec left = { (long long)(timeout_ns / NS_PER_S), (long long)(timeout_ns % NS_PER_S) };
	struct io_uring_getevents_arg arg = { .sigmask_sz = _NSIG / 8 };

	if (min_complete == 0)
		return sys_uring_enter(sys, uring->ring.ring_fd, to_submit, 0, to_submit ? 0 : IORING_ENTER_GETEVENTS, NULL, 0);
	if (timeout_ns != ENGINE_FOREVER)
		arg.ts = (uintptr_t)&left;
	return sys_uring_enter(sys, uring->ring.ring_fd, to_submit, min_complete, IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG,
			       &arg, sizeof(arg));
}

static void prepare(struct io_uring_sqe *sqe, struct uring_slot *slot, const struct engine_op *op)
{
	if (op->own.ready_first) {
		io_uring_prep_poll_add(sqe, op->file, op->code == ENGINE_READV ? POLLIN : POLLOUT);
		return;
	}
	switch (op->code) {
	case ENGINE_READV:
		io_uring_prep_readv(sqe, op->file, op->iov, op->iov_count, op->offset);
		break;
	case ENGINE_WRITEV:
		io_uring_prep_writev(sqe, op->file, op->iov, op->iov_count, op->offset);
		break;
	case ENGINE_FSYNC:
		io_uring_prep_fsync(sqe, op->file, IORING_FSYNC_DATASYNC);
		break;
	case ENGINE_FALLOCATE:
		io_uring_prep_rw(IORING_OP_FALLOCATE, sqe, op->file, (const void *)(uintptr_t)op->bytes, op->mode, op->offset);
		break;
	case ENGINE_POLL:
		io_uring_prep_poll_add(sqe, op->file, op->events);
		break;
	case ENGINE_TIMEOUT:
		slot->until = (struct __kernel_timespec){ (long long)(op->own.deadline_ns / NS_PER_S),
							  (long long)(op->own.deadline_ns % NS_PER_S) };
		io_uring_prep_timeout(sqe, &slot->until, 0, IORING_TIMEOUT_ABS);
		break;
	}
}

/* The next entry, or NULL: the ring is full. */
static struct io_uring_sqe *next_entry(struct uring *uring)
{
	return io_uring_get_sqe(&uring->ring);
}

static void finish_entry(struct io_uring_sqe *sqe, uint64_t data)
{
	sqe->flags = IOSQE_FIXED_FILE;
	io_uring_sqe_set_data64(sqe, data);
}

/* The chain of free slots begins with those that have been used; behind them come all that have not, in order. */
static uint16_t take_slot(struct uring *uring)
{
	uint16_t number = uring->first_free;
	struct uring_slot *slot = &uring->slots[number];

	if (number == uring->untouched) {
		uring->untouched++;
		slot->next_free = uring->untouched;
	}
	uring->first_free = slot->next_free;
	uring->free_count--;
	return number;
}

/* Writes what is queued into the ring. Returns how many entries the kernel has not taken yet. */
static unsigned fill(struct engine *engine, struct uring *uring)
{
	struct io_uring_sq *sq = &uring->ring.sq;
	struct io_uring_sqe *sqe;

	while (uring->cancels.first && (sqe = next_entry(uring))) {
		struct engine_op *op = uring->cancels.first;
		uint64_t data = data_of(uring, op->own.slot);

		engine_list_remove(&uring->cancels, op);
		op->own.cancels++;
		io_uring_prep_cancel64(sqe, data, 0);
		finish_entry(sqe, DATA_CANCEL | data);
	}
	while (engine->queued.first && uring->free_count > 0 && (sqe = next_entry(uring))) {
		struct engine_op *op = engine->queued.first;
		struct uring_slot *slot;

		engine_list_remove(&engine->queued, op);
		op->own.slot = take_slot(uring);
		op->own.state = OP_PENDING;
		slot = &uring->slots[op->own.slot];
		slot->op = op;
		prepare(sqe, slot, op);
		finish_entry(sqe, data_of(uring, op->own.slot));
	}
	/* Pairs with the kernel's acquire of the tail: entries first. */
	io_uring_smp_store_release(sq->ktail, sq->sqe_tail);
	return sq->sqe_tail - *sq->khead; /* the head moves only inside enter() */
}

static struct engine_op *take_out(struct uring *uring, uint32_t number)
{
	struct uring_slot *slot = &uring->slots[number];
	struct engine_op *op = slot->op;

	slot->op = NULL;
	slot->generation = (slot->generation + 1) & GENERATION_MASK;
	slot->next_free = uring->first_free;
	uring->first_free = (uint16_t)number;
	uring->free_count++;
	return op;
}

/* Is a cancellation of this pending operation waiting to be sent? It is, from the request until it has been tried. */
static void forget_cancel(struct uring *uring, struct engine_op *op)
{
	for (struct engine_op *other = uring->cancels.first; other; other = other->own.next) {
		if (other == op) {
			engine_list_remove(&uring->cancels, op);
			return;
		}
	}
}

/* A cancellation did not reach its operation, which may still be there: once more, with the next submission. */
static void cancel_again(struct uring *uring, uint64_t data)
{
	struct engine_op *op = uring->slots[(uint32_t)data].op;

	if (op && data_of(uring, (uint32_t)data) == data && op->own.cancels < CANCELS_MAX)
		engine_list_append(&uring->cancels, op);
}

/* The kernel refuses, for good: operations it has not taken end with its answer, and the ring is as it was. */
static void refuse(struct engine *engine, struct uring *uring, int result)
{
	struct io_uring_sq *sq = &uring->ring.sq;

	for (unsigned at = *sq->khead; at != sq->sqe_tail; at++) {
		uint64_t data = sq->sqes[at & sq->ring_mask].user_data;

		if (data == DATA_NONE)
			continue;
		if (data & DATA_CANCEL) {
			cancel_again(uring, data & ~DATA_CANCEL);
			continue;
		}
		struct engine_op *op = take_out(uring, (uint32_t)data);

		if (op->own.cancelled)
			forget_cancel(uring, op);
		engine_finish_as_is(engine, op, result);
	}
	sq->sqe_head = sq->sqe_tail = *sq->khead;
	io_uring_smp_store_release(sq->ktail, sq->sqe_tail);
}

/* -EINTR; -EAGAIN: no memory for a request; -EBUSY: completions did not fit, and have to be seen first. */
static bool passes(int result)
{
	return result == -EINTR || result == -EAGAIN || result == -EBUSY;
}

/* Returns true if the kernel has taken everything. */
static bool push(struct engine *engine, struct uring *uring, struct sys *sys)
{
	unsigned waiting;
	bool all = true;

	while ((waiting = fill(engine, uring)) > 0) {
		int r = enter(uring, waiting, 0, 0, sys);

		engine->counts.submit_calls++;
		if (r < 0 && !passes(r)) {
			refuse(engine, uring, r);
			all = false;
		} else if (r <= 0) {
			engine->again = true; /* entries stay in the ring */
			return false;
		}
	}
	return all;
}

static void submit(struct engine *engine, struct sys *sys)
{
	push(engine, engine->kind, sys);
}

/* --- from the kernel --- */

static void completed(struct engine *engine, struct uring *uring, uint64_t data, int32_t result, struct sys *sys)
{
	struct engine_op *op;

	if (data == DATA_NONE)
		return;
	if (data & DATA_CANCEL) {
		if (result == -ENOENT) /* the operation is about to end, or was just between two waits */
			cancel_again(uring, data & ~DATA_CANCEL);
		return;
	}
	assert((uint32_t)data < engine->config.depth && data_of(uring, (uint32_t)data) == data);
	op = take_out(uring, (uint32_t)data);
	result = sys_uring_result(sys, result);
	if (op->own.cancelled)
		forget_cancel(uring, op);
	if (op->own.ready_first && result >= 0) {
		op->own.ready_first = false; /* that was the poll: now for what was asked for */
		if (op->own.cancelled)
			engine_finish_as_is(engine, op, -ECANCELED);
		else
			engine_again(engine, op);
		return;
	}
	engine_finish(engine, op, result);
}

/* Everything that is in the completion ring. */
static void take_completions(struct engine *engine, struct uring *uring, struct sys *sys)
{
	struct io_uring_cq *cq = &uring->ring.cq;
	unsigned head = *cq->khead; /* ours alone */
	unsigned tail = io_uring_smp_load_acquire(cq->ktail); /* pairs with the kernel's release: completions are whole */

	while (head != tail) {
		struct io_uring_cqe cqe = cq->cqes[head & cq->ring_mask];

		/* Pairs with the kernel's acquire: the place is read before it is given back. */
		io_uring_smp_store_release(cq->khead, ++head);
		completed(engine, uring, cqe.user_data, cqe.res, sys);
	}
}

/* Does the kernel hold something back until it is asked? */
static bool must_ask(struct engine *engine, struct uring *uring)
{
	unsigned flags = IO_URING_READ_ONCE(*uring->ring.sq.kflags);

	if (flags & IORING_SQ_CQ_OVERFLOW)
		engine->counts.overflows++;
	return flags & (IORING_SQ_CQ_OVERFLOW | IORING_SQ_TASKRUN);
}

static void collect(struct engine *engine, struct sys *sys)
{
	struct uring *uring = engine->kind;

	take_completions(engine, uring, sys);
	if (!must_ask(engine, uring))
		return;
	engine->counts.wait_calls++;
	enter(uring, 0, 0, 0, sys); /* refused: the flag stays, and so we ask again */
	take_completions(engine, uring, sys);
}

/* Another thread may submit while this one sleeps, so what is queued goes in first, under the lock. */
static int wait_unlocked(struct engine *engine, uint64_t timeout_ns, pthread_mutex_t *lock, struct sys *sys)
{
	struct uring *uring = engine->kind;
	bool refused;
	int r;

	submit(engine, sys);
	refused = engine->again;
	collect(engine, sys);
	if (refused)
		return -EAGAIN;
	/* What is to be tried again is in the queue: there is no sleep before that has been submitted. */
	if (engine->again || engine->finished.first || engine->woken || timeout_ns == 0)
		return 0;
	engine->counts.wait_calls++;
	pthread_mutex_unlock(lock);
	r = enter(uring, 0, 1, timeout_ns, sys);
	pthread_mutex_lock(lock);
	collect(engine, sys);
	return r == -EBUSY ? -EAGAIN : r;
}

static int wait(struct engine *engine, uint64_t timeout_ns, pthread_mutex_t *lock, struct sys *sys)
{
	struct uring *uring = engine->kind;
	unsigned waiting;
	int r;

	if (lock)
		return wait_unlocked(engine, timeout_ns, lock, sys);
	waiting = fill(engine, uring);
	engine->counts.wait_calls++;
	r = enter(uring, waiting, timeout_ns > 0, timeout_ns, sys);
	if (r < 0 && r != -ETIME && !passes(r) && waiting > 0) {
		refuse(engine, uring, r);
		r = -EAGAIN;
	}
	take_completions(engine, uring, sys);
	return r == -EBUSY ? -EAGAIN : r;
}

/* --- ends --- */

static void cancel(struct engine *engine, struct engine_op *op)
{
	struct uring *uring = engine->kind;

	engine_list_append(&uring->cancels, op);
}

static void cancel_endless(struct engine *engine)
{
	struct uring *uring = engine->kind;

	for (unsigned i = 0; i < uring->untouched; i++) {
		if (uring->slots[i].op && engine_op_is_endless(uring->slots[i].op))
			engine_take_back(engine, uring->slots[i].op);
	}
}

/* A completion wakes whoever sleeps in enter(). The kernel may be out of memory for a moment, but a wake is never lost. */
static void wake(struct engine *engine, struct sys *sys)
{
	const struct timespec pause = { .tv_nsec = NS_PER_MS };
	struct uring *uring = engine->kind;

	for (unsigned i = 0; i < WAKES_MAX; i++) {
		struct io_uring_sqe *sqe = next_entry(uring);

		if (sqe) {
			io_uring_prep_nop(sqe);
			finish_entry(sqe, DATA_NONE);
		}
		if (push(engine, uring, sys) && sqe)
			return;
		sys_clock_nanosleep(sys, CLOCK_MONOTONIC, 0, &pause);
	}
}

const struct engine_table engine_uring = {
	.room = room,
	.open = open_ring,
	.submit = submit,
	.collect = collect,
	.wait = wait,
	.cancel = cancel,
	.cancel_endless = cancel_endless,
	.wake = wake,
	.close = close_ring,
};
