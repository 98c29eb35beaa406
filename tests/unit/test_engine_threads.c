/* SPDX-License-Identifier: Apache-2.0 */
/* The engine, shared by a thread that submits and one that waits. Built with the thread sanitizer, too. */
#include "tests/unit/engine_fixture.h"

#include <stdatomic.h>
#include <unistd.h>

/* --- two threads --- */

static void *completion_thread(void *argument)
{
	struct fixture *f = argument;

	for (bool end = false; !end;) {
		int r = engine_wait(f->engine, ENGINE_FOREVER, NULL);

		if (r < 0)
			return (void *)(intptr_t)r;
		pthread_mutex_lock(&f->lock);
		end = f->end;
		pthread_cond_signal(&f->changed);
		pthread_mutex_unlock(&f->lock);
	}
	return NULL;
}

static void two_threads_share_it(void **state)
{
	struct fixture *f = *state;
	pthread_t thread;
	void *result;

	if (try_open(f, ENGINE_COMPLETION_THREAD, 16) < 0)
		fail_msg("%s", f->error.text);
	assert_int_equal(pthread_create(&thread, NULL, completion_thread, f), 0);
	for (unsigned round = 0; round < 20; round++) {
		pthread_mutex_lock(&f->lock);
		f->finished = 0;
		for (unsigned i = 0; i < 40; i++) {
			transfer(f, i, ENGINE_WRITEV, f->file, i, f->bytes + i, 1)->again = i % 4;
		}
		transfer(f, 40, ENGINE_READV, f->reader, ENGINE_STREAM, f->bytes + 100, 10);
		start_poll(f, 41, f->left, POLLIN);
		start_timeout(f, 42, MS)->again = 2;
		engine_submit(f->engine);
		pthread_mutex_unlock(&f->lock);

		for (unsigned i = 0; i < 3; i++) {
			f->sys.calls++; /* this thread's own, with the lock and without */
			usleep(500);
		}
		pthread_mutex_lock(&f->lock);
		engine_cancel(f->engine, &f->seen[40].op);
		engine_cancel(f->engine, &f->seen[41].op);
		engine_submit(f->engine);
		while (f->finished < 43 + 60 + 2)
			pthread_cond_wait(&f->changed, &f->lock);
		assert_int_equal(f->seen[40].result, -ECANCELED);
		assert_int_equal(f->seen[42].result, -ETIME);
		pthread_mutex_unlock(&f->lock);
	}
	pthread_mutex_lock(&f->lock);
	f->end = true;
	engine_wake(f->engine);
	start_poll(f, 0, f->left, POLLIN);
	engine_submit(f->engine);
	pthread_mutex_unlock(&f->lock);
	pthread_join(thread, &result);
	assert_null(result);
	pthread_mutex_lock(&f->lock);
	assert_int_equal(engine_drain(f->engine, ENGINE_FOREVER), 0);
	pthread_mutex_unlock(&f->lock);
	assert_int_equal(f->seen[0].result, -ECANCELED);
}

static void who_sleeps_hears_of_what_is_started_meanwhile(void **state)
{
	struct fixture *f = *state;
	pthread_t thread;

	if (try_open(f, ENGINE_COMPLETION_THREAD, 16) < 0)
		fail_msg("%s", f->error.text);
	assert_int_equal(pthread_create(&thread, NULL, completion_thread, f), 0);
	for (unsigned i = 0; i < 5; i++) {
		usleep(2000); /* it sleeps, with nothing in flight or with an older poll */
		pthread_mutex_lock(&f->lock);
		f->finished = 0;
		start_poll(f, 10 + i, f->left, POLLIN);
		start_poll(f, 0, f->reader, POLLIN);
		engine_submit(f->engine);
		pthread_mutex_unlock(&f->lock);
		usleep(1000);
		assert_int_equal(write(f->ends[1], "a", 1), 1);
		pthread_mutex_lock(&f->lock);
		while (f->finished < 1)
			pthread_cond_wait(&f->changed, &f->lock);
		pthread_mutex_unlock(&f->lock);
		assert_int_equal(read(f->ends[0], f->bytes, 1), 1);
	}
	pthread_mutex_lock(&f->lock);
	f->end = true;
	engine_wake(f->engine);
	pthread_mutex_unlock(&f->lock);
	pthread_join(thread, NULL);
}

static void waking_is_never_lost(void **state)
{
	static const int errnos[] = { EIO, EAGAIN, EINTR };
	struct fixture *f = *state;

	if (try_open(f, ENGINE_COMPLETION_THREAD, 16) < 0)
		fail_msg("%s", f->error.text);
	for (unsigned i = 0; i < COUNT_OF(errnos); i++) {
		pthread_t thread;

		pthread_mutex_lock(&f->lock);
		f->end = false;
		pthread_mutex_unlock(&f->lock);
		assert_int_equal(pthread_create(&thread, NULL, completion_thread, f), 0);
		usleep(i * 1000);
		pthread_mutex_lock(&f->lock);
		f->end = true;
		f->sys.fail_at = f->sys.calls + 1;
		f->sys.fail_errno = errnos[i];
		engine_wake(f->engine);
		pthread_mutex_unlock(&f->lock);
		pthread_join(thread, NULL);
	}
}

static atomic_uint naps;

int __real_sys_clock_nanosleep(struct sys *sys, clockid_t clock, int flags, const struct timespec *until);
int __wrap_sys_clock_nanosleep(struct sys *sys, clockid_t clock, int flags, const struct timespec *until);

int __wrap_sys_clock_nanosleep(struct sys *sys, clockid_t clock, int flags, const struct timespec *until)
{
	naps++;
	return __real_sys_clock_nanosleep(sys, clock, flags, until);
}

/* A wait for a stream that is ready at once, and then the read: both are submitted by the thread that waits. */
static void a_second_try_is_not_slept_over(void **state)
{
	struct fixture *f = *state;

	if (try_open(f, ENGINE_COMPLETION_THREAD, 16) < 0)
		fail_msg("%s", f->error.text);
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(write(f->ends[1], "a", 1), 1);
		naps = 0;
		pthread_mutex_lock(&f->lock);
		transfer(f, i, ENGINE_READV, f->reader, ENGINE_STREAM, f->bytes, 1)->op.own.ready_first = true;
		pthread_mutex_unlock(&f->lock);
		assert_int_equal(engine_wait(f->engine, ENGINE_FOREVER, NULL), 1);
		assert_int_equal(f->seen[i].result, 1);
		assert_int_equal(naps, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(two_threads_share_it),
		TEST(who_sleeps_hears_of_what_is_started_meanwhile),
		TEST(waking_is_never_lost),
		TEST(a_second_try_is_not_slept_over),
	};

	setvbuf(stdout, NULL, _IOLBF, 0); /* a hang shows where it is */
	return RUN_FOR_EACH_KIND("engine_threads", tests);
}
