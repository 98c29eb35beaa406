/* SPDX-License-Identifier: Apache-2.0 */
/* A function's calls: it is ready, takes its request, and replies. */
#include "tests/unit/test_machine.h"

#include <fcntl.h>

#include "vmm/invocation.h"

#define REQUEST "the request's bytes"
#define REQUEST_BYTES (sizeof(REQUEST) - 1)

static uint8_t reply_room[32];

/* What the guest is asked. */
static struct invocation *ask(struct fixture *f)
{
	static struct invocation i;

	memset(reply_room, 0xa5, sizeof(reply_room));
	i = (struct invocation){
		.request = (const uint8_t *)REQUEST, .request_bytes = REQUEST_BYTES, .reply = reply_room, .reply_max = 16,
	};
	f->config.invocation = &i;
	f->m.generation = 7;
	return &i;
}

static void ready(struct fixture *f)
{
	assert_in_range(call(f, KVICK_CALL_READY, 0, 0), 0, KVICK_REQUEST_BYTES_MAX);
}

static char *guest_text(struct fixture *f, uint64_t at, const char *text)
{
	return memcpy(guest_mem_span(&f->m.mem, gpa(at), strlen(text)), text, strlen(text));
}

/* Runs that do not lie in RAM. */
static const uint64_t bad_runs[][2] = {
	{ RAM, 1 }, { RAM - 1, 2 }, { 1ull << 40, 1 }, { UINT64_MAX, 2 }, { 0, RAM + 1 }, { 8, UINT64_MAX }, { RAM + 1, 0 },
};

/* --- ready --- */

static void ready_hands_the_request_over(void **state)
{
	struct fixture *f = *state;
	struct invocation *i = ask(f);
	uint64_t before = __rdtsc();

	assert_int_equal(call(f, KVICK_CALL_READY, RAM - REQUEST_BYTES, REQUEST_BYTES), REQUEST_BYTES);
	assert_memory_equal(f->m.mem.host + RAM - REQUEST_BYTES, REQUEST, REQUEST_BYTES);
	assert_int_equal(call_result(f), 7);
	assert_true(i->taken);
	assert_in_range(i->taken_tsc, before, __rdtsc());
	assert_false(i->replied);
}

static void ready_with_a_short_buffer_gives_what_fits_and_tells_the_whole(void **state)
{
	struct fixture *f = *state;

	ask(f);
	memset(f->m.mem.host + FREE + 0x1000, 0x5a, 16);
	assert_int_equal(call(f, KVICK_CALL_READY, FREE + 0x1000, 3), REQUEST_BYTES);
	assert_memory_equal(f->m.mem.host + FREE + 0x1000, "the\x5a\x5a", 5);
}

static void ready_with_a_long_buffer_leaves_the_rest_alone(void **state)
{
	struct fixture *f = *state;
	uint8_t *at = f->m.mem.host + FREE + 0x1000;

	ask(f);
	memset(at, 0x5a, 64);
	assert_int_equal(call(f, KVICK_CALL_READY, FREE + 0x1000, 64), REQUEST_BYTES);
	assert_memory_equal(at, REQUEST "\x5a\x5a", REQUEST_BYTES + 2);
}

static void ready_of_whom_nobody_asks_anything_is_an_empty_request(void **state)
{
	struct fixture *f = *state;

	f->m.generation = 1;
	memset(f->m.mem.host + FREE + 0x1000, 0x5a, 8);
	assert_int_equal(call(f, KVICK_CALL_READY, FREE + 0x1000, 8), 0);
	assert_int_equal(call_result(f), 1);
	assert_int_equal(f->m.mem.host[FREE + 0x1000], 0x5a);
}

static void ready_a_second_time_is_invalid(void **state)
{
	struct fixture *f = *state;

	ask(f);
	ready(f);
	assert_int_equal(call(f, KVICK_CALL_READY, FREE + 0x1000, 8), -KVICK_EINVAL);
	assert_int_equal(call(f, KVICK_CALL_REPLY, FREE, 0), 0);
	assert_int_equal(call(f, KVICK_CALL_READY, FREE + 0x1000, 8), -KVICK_EINVAL);
	assert_int_equal(f->m.mem.host[FREE + 0x1000], 0);
}

static void ready_with_a_bad_buffer_is_a_fault_and_may_be_tried_again(void **state)
{
	struct fixture *f = *state;
	const struct memory_run run = { FREE + 0x10000, 0x1000 };
	struct invocation *i = ask(f);

	f->config.stop_when_ready = true; /* no snapshot of a call that fails */
	assert_int_equal(guest_mem_protect(&f->m.mem, &run, 1, &f->m.sys), 0);
	for (unsigned k = 0; k < COUNT_OF(bad_runs); k++)
		assert_int_equal(call(f, KVICK_CALL_READY, bad_runs[k][0], bad_runs[k][1]), -KVICK_EFAULT);
	assert_int_equal(call(f, KVICK_CALL_READY, run.at + 0xfff, 1), -KVICK_EFAULT);
	assert_int_equal(f->m.outcome, OUTCOME_NONE);
	assert_false(i->taken);
	f->config.stop_when_ready = false;
	ready(f);
}

static void ready_stops_the_run_unanswered_where_that_is_wanted(void **state)
{
	struct fixture *f = *state;
	struct invocation *i = ask(f);

	f->config.stop_when_ready = true;
	assert_int_equal(call(f, KVICK_CALL_READY, FREE + 0x1000, 64), UNTOUCHED);
	assert_int_equal(f->m.outcome, OUTCOME_READY);
	assert_int_equal(f->m.pending_call, BLOCK);
	assert_int_equal(f->m.function_stage, FUNCTION_READY);
	assert_false(i->taken);
	assert_int_equal(f->m.mem.host[FREE + 0x1000], 0);
	assert_int_equal(call_result(f), FREE + 0x1000);
}

static void ready_is_answered_when_it_is_served_again(void **state)
{
	struct fixture *f = *state;

	ask(f);
	f->config.stop_when_ready = true;
	call(f, KVICK_CALL_READY, FREE + 0x1000, 64);
	f->m.outcome = OUTCOME_NONE;
	f->m.generation = 8;
	hypercall_serve(&f->m, f->m.pending_call);
	assert_int_equal(f->m.outcome, OUTCOME_NONE);
	assert_int_equal(f->m.pending_call, 0);
	assert_int_equal(call_block(f, BLOCK)->ret, REQUEST_BYTES);
	assert_int_equal(call_result(f), 8);
	assert_memory_equal(f->m.mem.host + FREE + 0x1000, REQUEST, REQUEST_BYTES);
	assert_int_equal(call(f, KVICK_CALL_READY, FREE, 0), -KVICK_EINVAL);
}

/* --- request --- */

static void request_gives_the_rest(void **state)
{
	struct fixture *f = *state;

	ask(f);
	ready(f);
	assert_int_equal(call(f, KVICK_CALL_REQUEST, RAM - 15, 15, 4), REQUEST_BYTES - 4);
	assert_memory_equal(f->m.mem.host + RAM - 15, "request's bytes", 15);
	assert_int_equal(call(f, KVICK_CALL_REQUEST, FREE + 0x1000, 3, 0), 3);
	assert_memory_equal(f->m.mem.host + FREE + 0x1000, "the\0", 4);
}

static void request_behind_its_end_is_nothing(void **state)
{
	struct fixture *f = *state;

	ask(f);
	ready(f);
	assert_int_equal(call(f, KVICK_CALL_REQUEST, FREE + 0x1000, 8, REQUEST_BYTES), 0);
	assert_int_equal(call(f, KVICK_CALL_REQUEST, FREE + 0x1000, 8, UINT64_MAX), 0);
	assert_int_equal(call(f, KVICK_CALL_REQUEST, FREE + 0x1000, 8, REQUEST_BYTES - 1), 1);
	f->config.invocation = NULL;
	assert_int_equal(call(f, KVICK_CALL_REQUEST, FREE + 0x1000, 8, 0), 0);
}

/* What a snapshot is taken of must not know any. */
static void request_before_ready_is_invalid(void **state)
{
	struct fixture *f = *state;

	ask(f);
	assert_int_equal(call(f, KVICK_CALL_REQUEST, FREE + 0x1000, 8, 0), -KVICK_EINVAL);
	f->config.stop_when_ready = true;
	call(f, KVICK_CALL_READY, FREE, 0);
	f->m.outcome = OUTCOME_NONE;
	assert_int_equal(call(f, KVICK_CALL_REQUEST, FREE + 0x1000, 8, 0), -KVICK_EINVAL);
	assert_int_equal(f->m.mem.host[FREE + 0x1000], 0);
}

static void request_with_a_bad_buffer_is_a_fault(void **state)
{
	struct fixture *f = *state;
	const struct memory_run run = { FREE + 0x10000, 0x1000 };

	ask(f);
	ready(f);
	assert_int_equal(guest_mem_protect(&f->m.mem, &run, 1, &f->m.sys), 0);
	for (unsigned k = 0; k < COUNT_OF(bad_runs); k++)
		assert_int_equal(call(f, KVICK_CALL_REQUEST, bad_runs[k][0], bad_runs[k][1], 0), -KVICK_EFAULT);
	assert_int_equal(call(f, KVICK_CALL_REQUEST, run.at - 1, 2, 0), -KVICK_EFAULT);
}

/* --- reply --- */

static void reply_is_copied_before_the_call_returns(void **state)
{
	struct fixture *f = *state;
	struct invocation *i = ask(f);
	uint64_t before = __rdtsc();
	char *at = guest_text(f, RAM - 5, "reply");

	ready(f);
	assert_int_equal(call(f, KVICK_CALL_REPLY, RAM - 5, 5), 0);
	memset(at, 0, 5);
	assert_true(i->replied);
	assert_int_equal(i->reply_bytes, 5);
	assert_memory_equal(reply_room, "reply\xa5", 6);
	assert_in_range(i->replied_tsc, before, __rdtsc());
	assert_int_equal(f->m.outcome, OUTCOME_NONE);
}

static void reply_may_end_the_guest_in_the_same_call(void **state)
{
	struct fixture *f = *state;
	struct invocation *i = ask(f);

	ready(f);
	guest_text(f, FREE + 0x1000, "bye");
	assert_int_equal(call(f, KVICK_CALL_REPLY, FREE + 0x1000, 3, KVICK_REPLY_EXIT, 0xffff03), UNTOUCHED);
	assert_int_equal(f->m.outcome, OUTCOME_EXITED);
	assert_int_equal(f->m.status, 3);
	assert_memory_equal(i->reply, "bye", 3);
}

static void reply_of_nothing_is_a_reply(void **state)
{
	struct fixture *f = *state;
	struct invocation *i = ask(f);

	ready(f);
	assert_int_equal(call(f, KVICK_CALL_REPLY, RAM, 0), 0);
	assert_true(i->replied);
	assert_int_equal(i->reply_bytes, 0);
}

static void reply_as_long_as_the_room_fits(void **state)
{
	struct fixture *f = *state;
	struct invocation *i = ask(f);

	ready(f);
	assert_int_equal(call(f, KVICK_CALL_REPLY, FREE + 0x1000, 16), 0);
	assert_int_equal(i->reply_bytes, 16);
	assert_int_equal(reply_room[16], 0xa5);
}

static void reply_that_is_longer_breaks_off(void **state)
{
	struct fixture *f = *state;
	struct invocation *i = ask(f);

	ready(f);
	assert_int_equal(call(f, KVICK_CALL_REPLY, FREE + 0x1000, 17), UNTOUCHED);
	assert_int_equal(f->m.outcome, OUTCOME_BROKE_OFF);
	assert_says(f->m.error.text, "test.elf: the guest's reply has 17 bytes, and 16 fit");
	assert_false(i->replied);
	assert_int_equal(reply_room[0], 0xa5);
}

static void reply_a_second_time_breaks_off(void **state)
{
	struct fixture *f = *state;
	struct invocation *i = ask(f);

	ready(f);
	guest_text(f, FREE + 0x1000, "firstsecond");
	assert_int_equal(call(f, KVICK_CALL_REPLY, FREE + 0x1000, 5), 0);
	assert_int_equal(call(f, KVICK_CALL_REPLY, FREE + 0x1005, 6, KVICK_REPLY_EXIT), UNTOUCHED);
	assert_int_equal(f->m.outcome, OUTCOME_BROKE_OFF);
	assert_says(f->m.error.text, "the guest replied twice");
	assert_memory_equal(i->reply, "first\xa5", 6);
	assert_int_equal(i->reply_bytes, 5);
}

static void reply_from_outside_ram_is_a_fault_and_none(void **state)
{
	struct fixture *f = *state;
	struct invocation *i = ask(f);

	ready(f);
	for (unsigned k = 0; k < COUNT_OF(bad_runs); k++)
		assert_int_equal(call(f, KVICK_CALL_REPLY, bad_runs[k][0], bad_runs[k][1], KVICK_REPLY_EXIT), -KVICK_EFAULT);
	assert_int_equal(f->m.outcome, OUTCOME_NONE);
	assert_false(i->replied);
	assert_int_equal(call(f, KVICK_CALL_REPLY, FREE, 1), 0);
}

/* Memory that the guest may not write to can be replied. */
static void reply_from_read_only_memory_is_good(void **state)
{
	struct fixture *f = *state;
	const struct memory_run run = { FREE + 0x10000, 0x1000 };

	ask(f);
	ready(f);
	guest_text(f, run.at, "constant");
	assert_int_equal(guest_mem_protect(&f->m.mem, &run, 1, &f->m.sys), 0);
	assert_int_equal(call(f, KVICK_CALL_REPLY, run.at, 8), 0);
	assert_memory_equal(reply_room, "constant", 8);
}

static void reply_with_flags_that_there_are_not_is_invalid(void **state)
{
	struct fixture *f = *state;

	ask(f);
	ready(f);
	for (unsigned bit = 1; bit < 64; bit++)
		assert_int_equal(call(f, KVICK_CALL_REPLY, FREE, 1, 1ull << bit | KVICK_REPLY_EXIT), -KVICK_EINVAL);
	assert_int_equal(f->m.outcome, OUTCOME_NONE);
}

static void reply_before_ready_is_invalid(void **state)
{
	struct fixture *f = *state;
	struct invocation *i = ask(f);

	assert_int_equal(call(f, KVICK_CALL_REPLY, FREE, 1, KVICK_REPLY_EXIT), -KVICK_EINVAL);
	assert_int_equal(f->m.outcome, OUTCOME_NONE);
	assert_false(i->replied);
}

static void reply_that_nobody_asked_for_is_printed(void **state)
{
	struct fixture *f = *state;
	char text[8] = "";
	int ends[2];

	assert_int_equal(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
	f->m.console.fd = ends[1];
	ready(f);
	guest_text(f, FREE + 0x1000, "reply");
	assert_int_equal(call(f, KVICK_CALL_REPLY, FREE + 0x1000, 5, KVICK_REPLY_EXIT, 4), UNTOUCHED);
	assert_int_equal(f->m.outcome, OUTCOME_EXITED);
	assert_int_equal(f->m.status, 4);
	assert_int_equal(read(ends[0], text, sizeof(text)), 5);
	assert_string_equal(text, "reply");
	close(ends[0]);
	close(ends[1]);
}

static void reply_that_cannot_be_printed_is_an_io_error(void **state)
{
	struct fixture *f = *state;

	f->m.console.errnum = ENOSPC;
	ready(f);
	assert_int_equal(call(f, KVICK_CALL_REPLY, FREE, 5), -KVICK_EIO);
	f->m.function_stage = FUNCTION_ASKED;
	assert_int_equal(call(f, KVICK_CALL_REPLY, FREE, 0), 0);
}

static void reply_that_nobody_asked_for_has_a_limit_all_the_same(void **state)
{
	struct fixture *f = *state;

	ready(f);
	assert_int_equal(call(f, KVICK_CALL_REPLY, 0, KVICK_REPLY_BYTES_MAX + 1), UNTOUCHED);
	assert_int_equal(f->m.outcome, OUTCOME_BROKE_OFF);
	assert_says(f->m.error.text, "the guest's reply has 6291457 bytes, and 6291456 fit");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(ready_hands_the_request_over),
		TEST(ready_with_a_short_buffer_gives_what_fits_and_tells_the_whole),
		TEST(ready_with_a_long_buffer_leaves_the_rest_alone),
		TEST(ready_of_whom_nobody_asks_anything_is_an_empty_request),
		TEST(ready_a_second_time_is_invalid),
		TEST(ready_with_a_bad_buffer_is_a_fault_and_may_be_tried_again),
		TEST(ready_stops_the_run_unanswered_where_that_is_wanted),
		TEST(ready_is_answered_when_it_is_served_again),
		TEST(request_gives_the_rest),
		TEST(request_behind_its_end_is_nothing),
		TEST(request_before_ready_is_invalid),
		TEST(request_with_a_bad_buffer_is_a_fault),
		TEST(reply_is_copied_before_the_call_returns),
		TEST(reply_may_end_the_guest_in_the_same_call),
		TEST(reply_of_nothing_is_a_reply),
		TEST(reply_as_long_as_the_room_fits),
		TEST(reply_that_is_longer_breaks_off),
		TEST(reply_a_second_time_breaks_off),
		TEST(reply_from_outside_ram_is_a_fault_and_none),
		TEST(reply_from_read_only_memory_is_good),
		TEST(reply_with_flags_that_there_are_not_is_invalid),
		TEST(reply_before_ready_is_invalid),
		TEST(reply_that_nobody_asked_for_is_printed),
		TEST(reply_that_cannot_be_printed_is_an_io_error),
		TEST(reply_that_nobody_asked_for_has_a_limit_all_the_same),
	};

	return cmocka_run_group_tests_name("a function's hypercalls", tests, NULL, NULL);
}
