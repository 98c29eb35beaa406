/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's pause: nothing is with the kernel, nothing is lost. */
#include "tests/unit/engine_fixture.h"

#include <string.h>
#include <unistd.h>

static void nothing_lands_in_memory_during_a_pause(void **state)
{
	struct fixture *f = *state;

	open_engine(f, 8);
	transfer(f, 0, ENGINE_READV, f->reader, ENGINE_STREAM, f->bytes, 10);
	transfer(f, 1, ENGINE_READV, f->left, ENGINE_STREAM, f->bytes + 100, 10);
	engine_submit(f->engine);
	assert_int_equal(engine_pause(f->engine), 0);
	assert_int_equal(f->seen[0].done + f->seen[1].done, 0);
	assert_int_equal(engine_in_flight(f->engine), 2);
	assert_int_equal(write(f->ends[1], "abcdefghij", 10), 10);
	assert_int_equal(write(f->pair[1], "klmnopqrst", 10), 10);
	usleep(5000);
	engine_reap(f->engine);
	assert_int_equal(f->bytes[0] | f->bytes[100], 0);
	engine_resume(f->engine);
	finish_all(f);
	assert_int_equal(f->seen[0].result, 10);
	assert_int_equal(f->seen[1].result, 10);
	assert_memory_equal(f->bytes, "abcdefghij", 10);
	assert_memory_equal(f->bytes + 100, "klmnopqrst", 10);
}

static void what_goes_to_a_file_ends_before_a_pause(void **state)
{
	struct fixture *f = *state;

	open_engine(f, 4);
	for (unsigned i = 0; i < 20; i++)
		transfer(f, i, ENGINE_WRITEV, f->file, i * 100, f->bytes, 100);
	transfer(f, 20, ENGINE_WRITEV, f->file, 0, f->bytes, 1)->again = 3; /* a request in pieces */
	start(f, op(f, 21, ENGINE_FSYNC, f->file));
	assert_int_equal(engine_pause(f->engine), 0);
	assert_int_equal(engine_in_flight(f->engine), 0);
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(f->seen[i].result, 100);
	assert_int_equal(f->seen[20].done, 4);
	assert_int_equal(f->seen[20].result, 1);
	assert_int_equal(f->seen[21].result, 0);
	engine_resume(f->engine);
}

static void what_starts_during_a_pause_waits_for_its_end(void **state)
{
	struct fixture *f = *state;

	open_engine(f, 8);
	/* Data that is there; the next read is begun by done(), in the pause. */
	assert_int_equal(write(f->ends[1], "abc", 3), 3);
	transfer(f, 0, ENGINE_READV, f->reader, ENGINE_STREAM, f->bytes, 3)->again = 1;
	engine_submit(f->engine);
	assert_int_equal(engine_pause(f->engine), 0);
	assert_true(f->seen[0].done <= 1); /* it may have been taken back before it had read */
	start_poll(f, 1, f->left, POLLIN);
	engine_submit(f->engine);
	assert_int_equal(write(f->pair[1], "x", 1), 1);
	assert_int_equal(write(f->ends[1], "def", 3), 3);
	usleep(2000);
	engine_reap(f->engine);
	assert_int_equal(f->seen[1].done, 0);
	engine_resume(f->engine);
	finish_all(f);
	assert_int_equal(f->seen[0].done, 2);
	assert_memory_equal(f->bytes, "def", 3);
	assert_int_equal(f->seen[1].result, POLLIN);
}

static void a_time_out_keeps_its_deadline(void **state)
{
	struct fixture *f = *state;
	uint64_t begin;

	open_engine(f, 8);
	start_timeout(f, 0, 5 * MS);
	start_timeout(f, 1, 20000 * MS);
	engine_submit(f->engine);
	assert_int_equal(engine_pause(f->engine), 0);
	usleep(10000);
	assert_int_equal(f->seen[0].done, 0);
	engine_resume(f->engine);
	begin = now_ns();
	while (!f->seen[0].done)
		assert_true(engine_wait(f->engine, ENGINE_FOREVER, NULL) >= 0);
	assert_true(now_ns() - begin < 10000 * MS);
	assert_int_equal(f->seen[0].result, -ETIME);
	assert_int_equal(f->seen[1].done, 0);
	assert_int_equal(engine_pause(f->engine), 0); /* once more, and then the end */
}

static void what_is_cancelled_during_a_pause_ends(void **state)
{
	struct fixture *f = *state;

	open_engine(f, 8);
	transfer(f, 0, ENGINE_READV, f->reader, ENGINE_STREAM, f->bytes, 10);
	start_poll(f, 1, f->left, POLLIN);
	engine_submit(f->engine);
	assert_int_equal(engine_pause(f->engine), 0);
	engine_cancel(f->engine, &f->seen[0].op);
	engine_reap(f->engine);
	assert_int_equal(f->seen[0].result, -ECANCELED);
	assert_int_equal(f->seen[0].done, 1);
	assert_int_equal(f->seen[1].done, 0);
	engine_resume(f->engine);
	engine_cancel(f->engine, &f->seen[1].op);
	finish_all(f);
	assert_int_equal(f->seen[1].result, -ECANCELED);
}

static void what_was_cancelled_before_a_pause_is_not_held(void **state)
{
	struct fixture *f = *state;

	open_engine(f, 8);
	transfer(f, 0, ENGINE_READV, f->reader, ENGINE_STREAM, f->bytes, 10);
	engine_submit(f->engine);
	engine_cancel(f->engine, &f->seen[0].op);
	assert_int_equal(engine_pause(f->engine), 0);
	assert_int_equal(f->seen[0].done, 1);
	assert_int_equal(f->seen[0].result, -ECANCELED);
	engine_resume(f->engine);
}

static void a_paused_engine_can_end(void **state)
{
	struct fixture *f = *state;

	open_engine(f, 8);
	transfer(f, 0, ENGINE_READV, f->reader, ENGINE_STREAM, f->bytes, 10);
	start_timeout(f, 1, UINT64_MAX);
	assert_int_equal(engine_pause(f->engine), 0);
	assert_int_equal(engine_destroy(f->engine), 0);
	f->engine = NULL;
	assert_int_equal(f->seen[0].result, -ECANCELED);
	assert_int_equal(f->seen[1].result, -ECANCELED);
}

static void many_pauses_lose_nothing(void **state)
{
	struct fixture *f = *state;
	char byte;

	open_engine(f, 8);
	transfer(f, 0, ENGINE_READV, f->left, ENGINE_STREAM, f->bytes, 1)->again = 199;
	start_poll(f, 1, f->reader, POLLIN);
	for (unsigned i = 0; i < 200; i++) {
		byte = (char)i;
		if (i % 2)
			assert_int_equal(write(f->pair[1], &byte, 1), 1);
		engine_submit(f->engine);
		assert_int_equal(engine_pause(f->engine), 0);
		if (i % 2 == 0)
			assert_int_equal(write(f->pair[1], &byte, 1), 1);
		engine_resume(f->engine);
		while (f->seen[0].done <= i)
			assert_true(engine_wait(f->engine, ENGINE_FOREVER, NULL) >= 0);
		assert_int_equal(f->bytes[0], byte);
	}
	assert_int_equal(f->seen[1].done, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_lands_in_memory_during_a_pause, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_goes_to_a_file_ends_before_a_pause, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_starts_during_a_pause_waits_for_its_end, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_time_out_keeps_its_deadline, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_cancelled_during_a_pause_ends, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_was_cancelled_before_a_pause_is_not_held, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_paused_engine_can_end, set_up, tear_down),
		cmocka_unit_test_setup_teardown(many_pauses_lose_nothing, set_up, tear_down),
	};

	return RUN_FOR_EACH_KIND("engine, pause", tests);
}
