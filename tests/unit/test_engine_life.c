/* SPDX-License-Identifier: Apache-2.0 */
/* The engine: how it is made, how operations and it end, and what happens when calls fail. */
#include "tests/unit/engine_fixture.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "vmm/engine_uring.h"
#include "vmm/sandbox.h"

/* --- ends --- */

/* THREATS 4. */
static void cancelled_operations_end(void **state)
{
	struct fixture *f = *state;

	open_engine(f, 4);
	transfer(f, 0, ENGINE_READV, f->reader, ENGINE_STREAM, f->bytes, 10);
	start_poll(f, 1, f->left, POLLIN);
	start_timeout(f, 2, UINT64_MAX);
	transfer(f, 3, ENGINE_READV, f->left, ENGINE_STREAM, f->bytes, 10);
	start_poll(f, 4, f->reader, POLLIN); /* has to wait */
	engine_submit(f->engine);
	for (unsigned i = 0; i < 5; i++) {
		engine_cancel(f->engine, &f->seen[i].op);
		engine_cancel(f->engine, &f->seen[i].op);
		assert_int_equal(f->seen[i].done, 0);
	}
	finish_all(f);
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(f->seen[i].result, -ECANCELED);
		assert_int_equal(f->seen[i].done, 1);
		engine_cancel(f->engine, &f->seen[i].op); /* is nothing any more */
	}
	/* The pipe's byte was not eaten by a read that had been cancelled. */
	assert_int_equal(write(f->ends[1], "a", 1), 1);
	transfer(f, 0, ENGINE_READV, f->reader, ENGINE_STREAM, f->bytes, 10);
	finish_all(f);
	assert_int_equal(f->seen[0].result, 1);
}

/* THREATS 4. */
static void a_late_cancellation_does_not_hit_the_next(void **state)
{
	struct fixture *f = *state;

	open_engine(f, 1);
	for (unsigned i = 0; i < 20; i++) {
		assert_int_equal(write(f->ends[1], f->bytes, 10), 10);
		transfer(f, 0, ENGINE_READV, f->reader, ENGINE_STREAM, f->bytes, 10);
		engine_submit(f->engine);
		engine_cancel(f->engine, &f->seen[0].op); /* it is done already */
		engine_submit(f->engine);
		finish_all(f);
		assert_int_equal(f->seen[0].result, 10);
		start_poll(f, 0, f->reader, POLLIN); /* same memory, same slot */
		assert_int_equal(engine_wait(f->engine, MS, NULL), 0);
		assert_int_equal(f->seen[0].done, 0);
		engine_cancel(f->engine, &f->seen[0].op);
		finish_all(f);
	}
}

/* THREATS 4. */
static void draining_ends_what_would_never_end(void **state)
{
	struct fixture *f = *state;

	open_engine(f, 4);
	transfer(f, 0, ENGINE_READV, f->reader, ENGINE_STREAM, f->bytes, 10);
	start_poll(f, 1, f->left, POLLIN);
	start_timeout(f, 2, UINT64_MAX);
	engine_submit(f->engine);
	start_poll(f, 3, f->left, POLLIN);
	start_poll(f, 4, f->left, POLLIN); /* has to wait */
	assert_int_equal(engine_drain(f->engine, ENGINE_FOREVER), 0);
	assert_int_equal(engine_in_flight(f->engine), 0);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(f->seen[i].result, -ECANCELED);
	/* And again, as if nothing had been. */
	transfer(f, 0, ENGINE_WRITEV, f->file, 0, f->bytes, 10);
	finish_all(f);
	assert_int_equal(f->seen[0].result, 10);
}

static void draining_writes_what_can_be_written(void **state)
{
	struct fixture *f = *state;

	open_engine(f, 8);
	transfer(f, 0, ENGINE_WRITEV, f->file, 0, f->bytes, 100);
	transfer(f, 1, ENGINE_WRITEV, f->writer, ENGINE_STREAM, f->bytes, 10);
	start(f, op(f, 2, ENGINE_FSYNC, f->file));
	assert_int_equal(engine_drain(f->engine, ENGINE_FOREVER), 0);
	assert_int_equal(f->seen[0].result, 100);
	assert_int_equal(f->seen[1].result, 10);
	assert_int_equal(f->seen[2].result, 0);
	assert_int_equal(read(f->ends[0], f->bytes, 100), 10);
}

static void what_done_starts_while_draining_is_cancelled(void **state)
{
	struct fixture *f = *state;

	open_engine(f, 8);
	transfer(f, 0, ENGINE_WRITEV, f->file, 0, f->bytes, 1)->again = 1;
	start_poll(f, 1, f->reader, POLLIN)->again = 1;
	assert_int_equal(engine_drain(f->engine, ENGINE_FOREVER), 0);
	assert_int_equal(f->seen[0].done, 2);
	assert_int_equal(f->seen[0].result, -ECANCELED);
	assert_int_equal(f->seen[1].done, 2);
}

static void draining_has_a_limit_to_its_patience(void **state)
{
	struct fixture *f = *state;

	if (!is_uring())
		return; /* whatever hangs has hung in submit */
	open_engine(f, 8);
	/* A read at an offset, of a pipe: taken for a file's, which ends by itself. */
	transfer(f, 0, ENGINE_READV, f->reader, 0, f->bytes, 10);
	assert_int_equal(engine_drain(f->engine, 10 * MS), -ETIME);
	assert_int_equal(engine_in_flight(f->engine), 1);
	assert_int_equal(write(f->ends[1], "abc", 3), 3);
	assert_int_equal(engine_drain(f->engine, 5000 * MS), 0);
	assert_int_equal(f->seen[0].result, 3);
}

/* THREATS 4. */
static void nothing_lands_after_the_end(void **state)
{
	struct fixture *f = *state;

	open_engine(f, 8);
	transfer(f, 0, ENGINE_READV, f->reader, ENGINE_STREAM, f->bytes, 10);
	transfer(f, 1, ENGINE_READV, f->left, ENGINE_STREAM, f->bytes + 100, 10);
	engine_submit(f->engine);
	assert_int_equal(engine_destroy(f->engine), 0);
	f->engine = NULL;
	assert_int_equal(f->seen[0].done + f->seen[1].done, 2);
	assert_int_equal(write(f->ends[1], "abcdefghij", 10), 10);
	assert_int_equal(write(f->pair[1], "abcdefghij", 10), 10);
	usleep(5000);
	assert_int_equal(f->bytes[0] | f->bytes[100], 0);
	assert_int_equal(read(f->ends[0], f->bytes, 100), 10);
}

/* --- making and describing --- */

static void only_so_many_files(void **state)
{
	struct fixture *f = *state;
	const struct engine_config config = { kind, ENGINE_ONE_THREAD, 8, NULL };

	assert_int_equal(engine_create(&f->engine, &config, &f->sys, &f->error), 0);
	for (unsigned i = 0; i < ENGINE_FILES_MAX; i++)
		assert_int_equal(engine_add_file(f->engine, f->memfd), i);
	assert_int_equal(engine_add_file(f->engine, f->memfd), -ENFILE);
	assert_int_equal(engine_seal(f->engine, &f->error), 0);
	transfer(f, 0, ENGINE_WRITEV, ENGINE_FILES_MAX - 1, 0, f->bytes, 10);
	finish_all(f);
	assert_int_equal(f->seen[0].result, 10);
}

static const char *describe(const struct engine *engine)
{
	static char text[160];

	engine_describe(engine, text, sizeof(text));
	return text;
}

static void it_says_what_it_is(void **state)
{
	struct fixture *f = *state;

	open_engine(f, 8);
	if (is_uring())
		assert_says(describe(f->engine), "io_uring (");
	else
		assert_string_equal(describe(f->engine), "plain system calls");
}

static void without_io_uring_auto_takes_plain_calls_and_says_why(void **state)
{
	static const int errnos[] = { EPERM, ENOSYS, ENOMEM, EMFILE };
	struct fixture *f = *state;
	char text[160];

	for (unsigned i = 0; i < COUNT_OF(errnos); i++) {
		const struct engine_config config = { ENGINE_AUTO, ENGINE_ONE_THREAD, 8, NULL };
		for (unsigned at = 1; at <= 4; at++) { /* setting up, registering, restricting, enabling */
			assert_int_equal(engine_create(&f->engine, &config, &f->sys, &f->error), 0);
			add_files(f);
			f->sys.fail_at = f->sys.calls + at;
			f->sys.fail_errno = errnos[i];
			assert_int_equal(engine_seal(f->engine, &f->error), 0);
			assert_int_equal(f->error.kind, ERROR_NONE);
			assert_says(describe(f->engine), "plain system calls: io_uring: ");
			assert_says(describe(f->engine), strerror(errnos[i]));
			transfer(f, 0, ENGINE_WRITEV, f->file, 0, f->bytes, 10);
			finish_all(f);
			assert_int_equal(f->seen[0].result, 10);
			assert_int_equal(engine_destroy(f->engine), 0);
			f->engine = NULL;
		}
		f->sys.fail_at = f->sys.calls + 2;
		assert_false(engine_probe(text, sizeof(text), &f->sys));
		assert_says(text, strerror(errnos[i]));
	}
	if (is_uring()) {
		assert_true(engine_probe(text, sizeof(text), &f->sys));
		assert_says(text, "io_uring (");
	}
}

/* An older kernel refuses flags it does not know: each rung of the ladder works. */
static void each_kind_of_ring_works(void **state)
{
	struct fixture *f = *state;

	for (unsigned refused = 0; is_uring() && refused < 3; refused++) {
		const struct engine_config config = { kind, ENGINE_ONE_THREAD, refused == 2 ? 200 : 8, NULL };

		assert_int_equal(engine_create(&f->engine, &config, &f->sys, &f->error), 0);
		add_files(f);
		/* One failure at a time: the first rung's set-up; the others are reached by a depth that is no page's. */
		f->sys.fail_at = refused ? f->sys.calls + 1 : 0;
		f->sys.fail_errno = EINVAL;
		assert_int_equal(engine_seal(f->engine, &f->error), 0);
		assert_says(describe(f->engine), refused == 0 ? "our memory" : refused == 1 ? "deferred task work, reg" :
			    "cooperative");
		start_poll(f, 0, f->reader, POLLIN);
		transfer(f, 1, ENGINE_WRITEV, f->file, 0, f->bytes, 10);
		assert_int_equal(engine_wait(f->engine, 1000 * MS, NULL), 1);
		engine_cancel(f->engine, &f->seen[0].op);
		finish_all(f);
		assert_int_equal(f->seen[0].result, -ECANCELED);
		assert_int_equal(engine_destroy(f->engine), 0);
		f->engine = NULL;
	}
}

static int32_t ask_ring(struct uring *uring, struct fixture *f)
{
	struct io_uring_cqe *cqe;
	int32_t result;

	io_uring_smp_store_release(uring->ring.sq.ktail, uring->ring.sq.sqe_tail);
	assert_int_equal(sys_uring_enter(&f->sys, uring->ring.ring_fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0), 1);
	cqe = &uring->ring.cq.cqes[*uring->ring.cq.khead & uring->ring.cq.ring_mask];
	result = cqe->res;
	io_uring_cq_advance(&uring->ring, 1);
	return result;
}

static void the_ring_does_nothing_else(void **state)
{
	struct fixture *f = *state;
	int file = 0;

	if (!is_uring())
		return;
	open_engine(f, 8);
	struct uring *uring = f->engine->kind;

	io_uring_prep_openat(io_uring_get_sqe(&uring->ring), AT_FDCWD, "/dev/null", O_RDONLY, 0);
	assert_int_equal(ask_ring(uring, f), -EACCES);
	struct io_uring_sqe *sqe = io_uring_get_sqe(&uring->ring); /* a descriptor of this process, not a registered one */
	io_uring_prep_readv(sqe, f->memfd, &(struct iovec){ f->bytes, 1 }, 1, 0);
	assert_int_equal(ask_ring(uring, f), -EACCES);
	assert_int_equal(sys_uring_register(&f->sys, uring->ring.ring_fd, IORING_REGISTER_FILES, &file, 1), -EACCES);
}

/* --- failures --- */

/* All that there is in one scenario; whatever fails, each operation ends once. */
static void scenario(struct fixture *f)
{
	unsigned i, n = 0;

	f->finished = 0;
	transfer(f, n++, ENGINE_WRITEV, f->file, 0, f->bytes, 100);
	start(f, op(f, n++, ENGINE_FSYNC, f->file));
	transfer(f, n++, ENGINE_READV, f->reader, ENGINE_STREAM, f->bytes, 10);
	start_poll(f, n++, f->left, POLLIN);
	start_timeout(f, n++, 2 * MS);
	engine_submit(f->engine);
	engine_reap(f->engine);
	transfer(f, n++, ENGINE_WRITEV, f->writer, ENGINE_STREAM, f->bytes, 10);
	for (i = 0; i < 50 && f->finished < 4; i++)
		engine_wait(f->engine, 20 * MS, NULL);
	start_poll(f, n++, f->left, POLLIN);
	engine_submit(f->engine);
	engine_cancel(f->engine, &f->seen[n - 1].op);
	engine_wait(f->engine, MS, NULL);
	transfer(f, n++, ENGINE_WRITEV, f->file, 0, f->bytes, 100);
	assert_int_equal(engine_drain(f->engine, ENGINE_FOREVER), 0);
	for (i = 0; i < n; i++)
		assert_int_equal(f->seen[i].done, 1);
	assert_int_equal(engine_in_flight(f->engine), 0);
	while (poll(&(struct pollfd){ f->ends[0], POLLIN, 0 }, 1, 0) == 1) /* it may have been cancelled */
		assert_true(read(f->ends[0], f->bytes, 100) > 0);
}

static void each_call_may_fail(void **state)
{
	static const int errnos[] = { EIO, EINTR, EAGAIN, EBUSY, ENOMEM };
	struct fixture *f = *state;

	for (unsigned e = 0; e < COUNT_OF(errnos); e++) {
		bool reached = true;

		for (unsigned at = 1; reached; at++) {
			int lowest = lowest_free_fd();

			f->sys = (struct sys){ .fail_at = at, .fail_errno = errnos[e] };
			f->error = (struct error){ 0 };
			if (try_open(f, ENGINE_ONE_THREAD, 4) == 0) {
				scenario(f);
			} else {
				assert_int_equal(f->error.kind, ERROR_HOST);
				assert_says(f->error.text, strerror(errnos[e]));
			}
			assert_int_equal(engine_destroy(f->engine), 0);
			f->engine = NULL;
			assert_int_equal(lowest_free_fd(), lowest);
			reached = f->sys.calls >= at;
			assert_true(at < 500);
		}
	}
}

static void the_sandbox_for_devices_is_enough(void **state)
{
	struct fixture *f = *state;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (try_open(f, ENGINE_ONE_THREAD, 4) < 0 ||
		    sandbox_enter(is_uring() ? SANDBOX_URING : SANDBOX_SYNC, &f->sys, &f->error) < 0)
			_exit(1);
		f->finished = 0;
		for (unsigned i = 0; i < 3; i++)
			transfer(f, i, ENGINE_WRITEV, f->file, 0, f->bytes, 100);
		start(f, op(f, 3, ENGINE_FSYNC, f->file));
		struct seen *seen = op(f, 4, ENGINE_FALLOCATE, f->file);
		seen->op.bytes = 4096;
		start(f, seen);
		transfer(f, 5, ENGINE_READV, f->reader, ENGINE_STREAM, f->bytes, 10);
		start_poll(f, 6, f->left, POLLIN);
		start_timeout(f, 7, MS);
		while (f->finished < 6)
			engine_wait(f->engine, 100 * MS, NULL);
		/* Not _exit(): the address sanitizer makes a call of its own before it. */
		syscall(SYS_exit_group, engine_drain(f->engine, ENGINE_FOREVER) == 0 && f->finished == 8 ? 0 : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(cancelled_operations_end),
		TEST(a_late_cancellation_does_not_hit_the_next),
		TEST(draining_ends_what_would_never_end),
		TEST(draining_writes_what_can_be_written),
		TEST(what_done_starts_while_draining_is_cancelled),
		TEST(draining_has_a_limit_to_its_patience),
		TEST(nothing_lands_after_the_end),
		TEST(only_so_many_files),
		TEST(it_says_what_it_is),
		TEST(without_io_uring_auto_takes_plain_calls_and_says_why),
		TEST(each_kind_of_ring_works),
		TEST(the_ring_does_nothing_else),
		TEST(each_call_may_fail),
		TEST(the_sandbox_for_devices_is_enough),
	};

	setvbuf(stdout, NULL, _IOLBF, 0); /* a hang shows where it is */
	return RUN_FOR_EACH_KIND("engine_life", tests);
}
