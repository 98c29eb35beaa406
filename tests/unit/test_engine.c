/* SPDX-License-Identifier: Apache-2.0 */
/* The engine: what operations do, in which order, and waiting for them; once by io_uring and once by plain system calls. */
#include "tests/unit/engine_fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>

/* --- what operations do --- */

static void reads_and_writes_go_where_they_should(void **state)
{
	struct fixture *f = *state;
	struct iovec two[2] = { { (char *)"ab", 2 }, { (char *)"cde", 3 } };

	open_engine(f, 8);
	struct seen *seen = op(f, 0, ENGINE_WRITEV, f->file);
	seen->op.iov = two;
	seen->op.iov_count = 2;
	seen->op.offset = 4096;
	start(f, seen);
	finish_all(f);
	assert_int_equal(seen->result, 5);
	transfer(f, 1, ENGINE_READV, f->file, 4097, f->bytes, 3);
	finish_all(f);
	assert_int_equal(f->seen[1].result, 3);
	assert_memory_equal(f->bytes, "bcd", 3);
}

static void a_read_at_the_end_is_short(void **state)
{
	struct fixture *f = *state;

	open_engine(f, 8);
	assert_int_equal(ftruncate(f->memfd, 100), 0);
	transfer(f, 0, ENGINE_READV, f->file, 90, f->bytes, 50);
	transfer(f, 1, ENGINE_READV, f->file, 100, f->bytes, 50);
	finish_all(f);
	assert_int_equal(f->seen[0].result, 10);
	assert_int_equal(f->seen[1].result, 0);
}

static void fsync_and_fallocate(void **state)
{
	struct fixture *f = *state;
	struct seen *seen;

	open_engine(f, 8);
	start(f, op(f, 0, ENGINE_FSYNC, f->file));
	seen = op(f, 1, ENGINE_FALLOCATE, f->file);
	seen->op.offset = 8192;
	seen->op.bytes = 4096;
	start(f, seen);
	finish_all(f);
	assert_int_equal(f->seen[0].result, 0);
	assert_int_equal(seen->result, 0);
	assert_int_equal(lseek(f->memfd, 0, SEEK_END), 12288);
	memset(f->bytes, 'x', 4096);
	assert_int_equal(pwrite(f->memfd, f->bytes, 4096, 0), 4096);
	seen->op.mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	seen->op.offset = 0;
	start(f, seen);
	finish_all(f);
	assert_int_equal(seen->result, 0);
	assert_int_equal(pread(f->memfd, f->bytes, 4096, 0), 4096);
	assert_int_equal(f->bytes[0], 0);
}

static void a_failure_is_a_result(void **state)
{
	struct fixture *f = *state;

	open_engine(f, 8);
	transfer(f, 0, ENGINE_READV, f->writer, ENGINE_STREAM, f->bytes, 10);
	start(f, op(f, 1, ENGINE_FSYNC, f->reader));
	transfer(f, 2, ENGINE_READV, f->file, 0, (void *)8, 10);
	assert_int_equal(ftruncate(f->memfd, 100), 0);
	finish_all(f);
	assert_int_equal(f->seen[0].result, -EBADF);
	assert_int_equal(f->seen[1].result, -EINVAL);
	assert_int_equal(f->seen[2].result, -EFAULT);
}

static void polls_end_once_with_what_there_is(void **state)
{
	struct fixture *f = *state;

	open_engine(f, 8);
	start_poll(f, 0, f->writer, POLLOUT);
	start_poll(f, 1, f->reader, POLLIN);
	assert_int_equal(engine_wait(f->engine, 1000 * MS, NULL), 1);
	assert_int_equal(f->seen[0].result, POLLOUT);
	assert_int_equal(engine_wait(f->engine, 5 * MS, NULL), 0);
	assert_int_equal(f->seen[1].done, 0);
	assert_int_equal(write(f->ends[1], "a", 1), 1);
	assert_int_equal(engine_wait(f->engine, 1000 * MS, NULL), 1);
	assert_int_equal(f->seen[1].result, POLLIN);
	assert_int_equal(engine_wait(f->engine, 2 * MS, NULL), 0); /* once */
	start_poll(f, 2, f->left, POLLIN);
	shutdown(f->pair[1], SHUT_RDWR);
	finish_all(f);
	assert_true(f->seen[2].result & POLLHUP);
}

static void a_stream_is_read_when_there_is_something(void **state)
{
	struct fixture *f = *state;
	const int readers[] = { 0, 1 }; /* one that blocks, one that does not */

	open_engine(f, 8);
	for (unsigned i = 0; i < COUNT_OF(readers); i++) {
		transfer(f, 0, ENGINE_READV, i ? f->full_reader : f->reader, ENGINE_STREAM, f->bytes, 100);
		engine_submit(f->engine);
		assert_int_equal(engine_wait(f->engine, 3 * MS, NULL), 0);
		assert_int_equal(f->seen[0].done, 0);
		assert_int_equal(write(i ? f->full[1] : f->ends[1], "hello", 5), 5);
		finish_all(f);
		assert_int_equal(f->seen[0].result, 5);
		assert_memory_equal(f->bytes, "hello", 5);
	}
}

static void a_socket_is_read_and_written(void **state)
{
	struct fixture *f = *state;

	open_engine(f, 8);
	transfer(f, 0, ENGINE_READV, f->left, ENGINE_STREAM, f->bytes, 100);
	transfer(f, 1, ENGINE_WRITEV, f->right, ENGINE_STREAM, (char *)"seven", 5);
	finish_all(f);
	assert_int_equal(f->seen[1].result, 5);
	assert_int_equal(f->seen[0].result, 5);
	assert_memory_equal(f->bytes, "seven", 5);
}

static void a_full_stream_is_written_when_there_is_room(void **state)
{
	struct fixture *f = *state;
	static char rest[65536];

	open_engine(f, 8);
	while (write(f->full[1], rest, sizeof(rest)) > 0)
		;
	transfer(f, 0, ENGINE_WRITEV, f->full_writer, ENGINE_STREAM, f->bytes, 1000);
	assert_int_equal(engine_wait(f->engine, 3 * MS, NULL), 0);
	assert_true(read(f->full[0], rest, sizeof(rest)) > 0);
	finish_all(f);
	assert_int_equal(f->seen[0].result, 1000);
}

/* Terminals know no RWF_NOWAIT, and io_uring gives up on one that does not block. */
static void a_terminal_that_does_not_block_is_waited_for(void **state)
{
	struct fixture *f = *state;
	const struct engine_config config = { kind, ENGINE_ONE_THREAD, 8, NULL };
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC), slave;

	if (master < 0 || grantpt(master) || unlockpt(master))
		skip();
	slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	assert_true(slave >= 0);
	assert_int_equal(engine_create(&f->engine, &config, &f->sys, &f->error), 0);
	int file = engine_add_file(f->engine, slave);
	assert_int_equal(engine_seal(f->engine, &f->error), 0);
	transfer(f, 0, ENGINE_READV, file, ENGINE_STREAM, f->bytes, 100);
	assert_int_equal(engine_wait(f->engine, 3 * MS, NULL), 0);
	assert_int_equal(write(master, "line\n", 5), 5);
	finish_all(f);
	assert_int_equal(f->seen[0].result, 5);
	transfer(f, 0, ENGINE_READV, file, ENGINE_STREAM, f->bytes, 100);
	assert_int_equal(engine_wait(f->engine, 3 * MS, NULL), 0);
	assert_int_equal(engine_drain(f->engine, ENGINE_FOREVER), 0);
	assert_int_equal(f->seen[0].result, -ECANCELED);
	close(slave);
	close(master);
}

/* Older kernels answer a read of a terminal that does not block with -EAGAIN: then it is polled, as if it had done so here. */
static void what_would_block_is_polled_first(void **state)
{
	struct fixture *f = *state;

	open_engine(f, 8);
	for (unsigned cancelled = 0; cancelled < 2; cancelled++) {
		transfer(f, 0, ENGINE_READV, f->full_reader, ENGINE_STREAM, f->bytes, 100)->op.own.ready_first = true;
		assert_int_equal(engine_wait(f->engine, 3 * MS, NULL), 0);
		if (cancelled)
			engine_cancel(f->engine, &f->seen[0].op);
		else
			assert_int_equal(write(f->full[1], "hello", 5), 5);
		finish_all(f);
		assert_int_equal(f->seen[0].result, cancelled ? -ECANCELED : 5);
	}
}

static void an_interrupted_call_is_made_again(void **state)
{
	struct fixture *f = *state;

	if (is_uring())
		return; /* the kernel's own threads cannot be interrupted from here */
	open_engine(f, 8);
	transfer(f, 0, ENGINE_WRITEV, f->file, 0, f->bytes, 10);
	f->sys.fail_at = f->sys.calls + 1;
	f->sys.fail_errno = EINTR;
	engine_submit(f->engine);
	finish_all(f);
	assert_int_equal(f->seen[0].result, 10);
	assert_int_equal(engine_counts(f->engine)->retries, 1);
}

static void timeouts_end_in_their_order(void **state)
{
	struct fixture *f = *state;
	uint64_t begin = now_ns();

	open_engine(f, 8);
	start_timeout(f, 0, 30 * MS);
	start_timeout(f, 1, 10 * MS);
	start_timeout(f, 2, UINT64_MAX);
	while (f->finished < 2)
		assert_true(engine_wait(f->engine, 5000 * MS, NULL) > 0);
	assert_true(now_ns() - begin >= 30 * MS);
	assert_int_equal(f->seen[0].result, -ETIME);
	assert_int_equal(f->seen[1].result, -ETIME);
	assert_int_equal(f->seen[1].place, 1);
	assert_int_equal(f->seen[2].done, 0);
}

/* --- batches, order, limits --- */

static void nothing_is_done_before_it_is_reaped(void **state)
{
	struct fixture *f = *state;

	open_engine(f, 8);
	transfer(f, 0, ENGINE_WRITEV, f->file, 0, f->bytes, 10);
	assert_int_equal(f->seen[0].done, 0);
	engine_submit(f->engine);
	assert_int_equal(f->seen[0].done, 0);
	assert_int_equal(engine_in_flight(f->engine), 1);
	for (unsigned i = 0; i < 1000 && engine_reap(f->engine) == 0; i++)
		usleep(1000);
	assert_int_equal(f->seen[0].done, 1);
	assert_int_equal(engine_in_flight(f->engine), 0);
}

static void nothing_to_do_is_no_system_call(void **state)
{
	struct fixture *f = *state;

	open_engine(f, 8);
	uint64_t calls = f->sys.calls;
	engine_submit(f->engine);
	assert_int_equal(engine_reap(f->engine), 0);
	assert_int_equal(engine_drain(f->engine, ENGINE_FOREVER), 0);
	assert_int_equal(f->sys.calls, calls);
	start_poll(f, 0, f->reader, POLLIN);
	engine_submit(f->engine);
	calls = f->sys.calls;
	engine_submit(f->engine);
	assert_int_equal(f->sys.calls, calls);
	assert_int_equal(engine_reap(f->engine), 0);
	if (is_uring()) /* with polls pending, too */
		assert_int_equal(f->sys.calls, calls);
}

static void a_batch_is_one_system_call(void **state)
{
	struct fixture *f = *state;

	if (!is_uring())
		return;
	open_engine(f, 64);
	for (unsigned i = 0; i < 40; i++)
		transfer(f, i, ENGINE_WRITEV, f->file, i, f->bytes, 1);
	uint64_t calls = f->sys.calls;
	engine_submit(f->engine);
	assert_int_equal(f->sys.calls, calls + 1);
	finish_all(f);
	transfer(f, 0, ENGINE_READV, f->reader, ENGINE_STREAM, f->bytes, 10);
	transfer(f, 1, ENGINE_WRITEV, f->writer, ENGINE_STREAM, f->bytes, 10);
	calls = f->sys.calls;
	assert_true(engine_wait(f->engine, ENGINE_FOREVER, NULL) > 0); /* submits and waits */
	assert_int_equal(f->sys.calls, calls + 1);
}

static void more_operations_than_fit_wait_their_turn(void **state)
{
	static const unsigned depths[] = { 1, 3, 100, 128, 129, 1024 };
	struct fixture *f = *state;

	for (unsigned d = 0; d < COUNT_OF(depths); d++) {
		open_engine(f, depths[d]);
		for (unsigned i = 0; i < OPS; i++) {
			f->bytes[i] = (char)(i * 7 + d);
			transfer(f, i, ENGINE_WRITEV, f->file, i, f->bytes + i, 1);
		}
		finish_all(f);
		for (unsigned i = 0; i < OPS; i++) {
			assert_int_equal(f->seen[i].done, 1);
			assert_int_equal(f->seen[i].result, 1);
		}
		assert_int_equal(pread(f->memfd, f->bytes + OPS, OPS, 0), OPS);
		assert_memory_equal(f->bytes, f->bytes + OPS, OPS);
		assert_int_equal(engine_counts(f->engine)->completed, OPS);
		assert_int_equal(engine_destroy(f->engine), 0);
		f->engine = NULL;
	}
}

static void more_polls_than_fit_wait_their_turn(void **state)
{
	struct fixture *f = *state;

	open_engine(f, 2);
	for (unsigned i = 0; i < 5; i++)
		start_poll(f, i, f->reader, POLLIN);
	assert_int_equal(engine_wait(f->engine, 2 * MS, NULL), 0);
	assert_int_equal(write(f->ends[1], "a", 1), 1);
	finish_all(f);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(f->seen[i].result, POLLIN);
}

static void completions_that_do_not_fit_are_not_lost(void **state)
{
	struct fixture *f = *state;

	open_engine(f, 128);
	assert_int_equal(write(f->ends[1], f->bytes, 128), 128); /* a pipe's bytes are there at once, a file's may not be */
	for (unsigned i = 0; i < 128; i++)
		transfer(f, i, ENGINE_READV, f->reader, ENGINE_STREAM, f->bytes + i, 1);
	engine_submit(f->engine);
	for (unsigned i = 0; i < 128; i++) /* too late, but each attempt completes, too */
		engine_cancel(f->engine, &f->seen[i].op);
	engine_submit(f->engine);
	assert_int_equal(write(f->ends[1], f->bytes, 1), 1);
	/* By a guest that polls: no call of it waits, and so none has the kernel hand over the rest by itself. */
	for (unsigned i = 0; i < 100 && f->finished < 128; i++)
		engine_reap(f->engine);
	transfer(f, 128, ENGINE_READV, f->reader, ENGINE_STREAM, f->bytes + 128, 1);
	engine_submit(f->engine);
	for (unsigned i = 0; i < 100 && f->finished < 129; i++)
		engine_reap(f->engine);
	for (unsigned i = 0; i <= 128; i++) {
		assert_int_equal(f->seen[i].done, 1);
		assert_int_equal(f->seen[i].result, 1);
	}
	if (is_uring())
		assert_true(engine_counts(f->engine)->overflows > 0);
}

static void done_may_start_the_next(void **state)
{
	struct fixture *f = *state;

	open_engine(f, 2);
	for (unsigned i = 0; i < 3; i++)
		transfer(f, i, ENGINE_WRITEV, f->file, i, f->bytes, 1)->again = 500;
	finish_all(f);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(f->seen[i].done, 501);
}

/* --- waiting --- */

static void waiting_ends_when_the_time_is_over(void **state)
{
	struct fixture *f = *state;

	open_engine(f, 8);
	for (unsigned i = 0; i < 2; i++) { /* with nothing in flight, and with something */
		uint64_t begin = now_ns();

		assert_int_equal(engine_wait(f->engine, 12 * MS, &f->stop), 0);
		assert_true(now_ns() - begin >= 12 * MS);
		assert_true(now_ns() - begin < 20000 * MS);
		assert_int_equal(engine_wait(f->engine, 0, &f->stop), 0);
		start_poll(f, i, f->reader, POLLIN);
	}
}

static volatile sig_atomic_t alarms;
static struct stop *to_stop; /* by the alarm; NULL: only counted */

static void on_alarm(int number)
{
	alarms++;
	if (to_stop)
		to_stop->signal = number;
}

static void alarms_each_ms(struct stop *stop, unsigned ms)
{
	const struct sigaction action = { .sa_handler = on_alarm };
	const struct itimerval each = { { 0, (suseconds_t)ms * 1000 }, { 0, (suseconds_t)ms * 1000 } };

	alarms = 0;
	to_stop = stop;
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &each, NULL);
}

static void no_alarms(void)
{
	setitimer(ITIMER_REAL, &(struct itimerval){ 0 }, NULL);
	signal(SIGALRM, SIG_DFL);
}

static void a_stop_signal_ends_waiting(void **state)
{
	struct fixture *f = *state;

	open_engine(f, 8);
	for (unsigned i = 0; i < 2; i++) {
		f->stop.signal = 0;
		alarms_each_ms(&f->stop, 3);
		assert_int_equal(engine_wait(f->engine, ENGINE_FOREVER, &f->stop), -EINTR);
		assert_int_equal(engine_wait(f->engine, ENGINE_FOREVER, &f->stop), -EINTR);
		no_alarms();
		start_poll(f, i, f->reader, POLLIN);
	}
}

static void other_signals_do_not(void **state)
{
	struct fixture *f = *state;
	uint64_t begin;

	open_engine(f, 8);
	alarms_each_ms(NULL, 2);
	begin = now_ns();
	assert_int_equal(engine_wait(f->engine, 20 * MS, &f->stop), 0);
	assert_true(now_ns() - begin >= 20 * MS);
	start_timeout(f, 0, 20 * MS);
	assert_int_equal(engine_wait(f->engine, ENGINE_FOREVER, &f->stop), 1);
	no_alarms();
	assert_true(alarms > 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(reads_and_writes_go_where_they_should),
		TEST(a_read_at_the_end_is_short),
		TEST(fsync_and_fallocate),
		TEST(a_failure_is_a_result),
		TEST(polls_end_once_with_what_there_is),
		TEST(a_stream_is_read_when_there_is_something),
		TEST(a_socket_is_read_and_written),
		TEST(a_full_stream_is_written_when_there_is_room),
		TEST(a_terminal_that_does_not_block_is_waited_for),
		TEST(what_would_block_is_polled_first),
		TEST(an_interrupted_call_is_made_again),
		TEST(timeouts_end_in_their_order),
		TEST(nothing_is_done_before_it_is_reaped),
		TEST(nothing_to_do_is_no_system_call),
		TEST(a_batch_is_one_system_call),
		TEST(more_operations_than_fit_wait_their_turn),
		TEST(more_polls_than_fit_wait_their_turn),
		TEST(completions_that_do_not_fit_are_not_lost),
		TEST(done_may_start_the_next),
		TEST(waiting_ends_when_the_time_is_over),
		TEST(a_stop_signal_ends_waiting),
		TEST(other_signals_do_not),
	};

	setvbuf(stdout, NULL, _IOLBF, 0); /* a hang shows where it is */
	return RUN_FOR_EACH_KIND("engine", tests);
}
