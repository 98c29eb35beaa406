/* SPDX-License-Identifier: Apache-2.0 */
/* The hypercall table: how a block is taken in and given back, and what each call makes of its arguments. */
#include "tests/unit/test_machine.h"

#include <fcntl.h>
#include <time.h>

/* --- the block --- */

static void assert_block_kills(struct fixture *f, uint64_t block)
{
	f->m.outcome = OUTCOME_NONE;
	f->m.crash = (struct crash){ 0 };
	hypercall_serve(&f->m, block);
	assert_int_equal(f->m.outcome, OUTCOME_CRASHED);
	assert_says(f->m.crash.reason, "call block");
	assert_says(f->m.crash.reason, "not in RAM or not 64-byte aligned");
}

static void a_block_that_is_not_aligned_kills_with_its_reason(void **state)
{
	struct fixture *f = *state;

	assert_block_kills(f, FREE + 1);
	assert_block_kills(f, FREE + 8);
	assert_block_kills(f, FREE + 63);
	assert_says(f->m.crash.reason, "0x30003f");
}

/* THREATS 10. */
static void a_block_outside_ram_kills_with_its_reason(void **state)
{
	struct fixture *f = *state;

	assert_block_kills(f, RAM);
	assert_block_kills(f, 0xffffffffull * 64);
	assert_block_kills(f, 1ull << 63);
}

/* THREATS 10. */
static void a_block_at_the_top_of_the_address_space_kills_with_its_reason(void **state)
{
	assert_block_kills(*state, UINT64_MAX - 63);
}

static void the_last_block_of_ram_is_served(void **state)
{
	struct fixture *f = *state;
	struct kvick_call *block = call_block(f, RAM - 64);

	*block = (struct kvick_call){ .nr = KVICK_CALL_MARK, .ret = 1 };
	hypercall_serve(&f->m, RAM - 64);
	assert_int_equal(f->m.outcome, OUTCOME_NONE);
	assert_int_equal(block->ret, 0);
}

static void an_unknown_number_is_no_such_call(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(call(f, 0, 1), -KVICK_ENOSYS);
	assert_int_equal(call(f, KVICK_CALL_REPLY + 1, 1), -KVICK_ENOSYS);
	assert_int_equal(call(f, UINT32_MAX, 1), -KVICK_ENOSYS);
	assert_int_equal(f->m.calls[0], 3);
}

static void a_reserved_field_that_is_set_is_invalid(void **state)
{
	struct fixture *f = *state;
	struct kvick_call *block = call_block(f, BLOCK);

	for (uint32_t bit = 0; bit < 32; bit++) {
		*block = (struct kvick_call){ .nr = KVICK_CALL_EXIT, .reserved = 1u << bit };
		hypercall_serve(&f->m, BLOCK);
		assert_int_equal(block->ret, -KVICK_EINVAL);
		assert_int_equal(f->m.outcome, OUTCOME_NONE);
	}
}

static void calls_are_counted_by_number(void **state)
{
	struct fixture *f = *state;

	call(f, KVICK_CALL_MARK, 0);
	call(f, KVICK_CALL_MARK, KVICK_MARKS_MAX);
	call(f, KVICK_CALL_CLOCK, KVICK_CLOCK_WALL);
	assert_int_equal(f->m.calls[KVICK_CALL_MARK], 2);
	assert_int_equal(f->m.calls[KVICK_CALL_CLOCK], 1);
	assert_int_equal(f->m.calls[0], 0);
}

static void only_ret_and_the_first_argument_are_written_back(void **state)
{
	struct fixture *f = *state;
	uint8_t *around = guest_mem_span(&f->m.mem, gpa(BLOCK - 64), 192), before[192];

	memset(around, 0xa5, 192);
	*call_block(f, BLOCK) = (struct kvick_call){
		.nr = KVICK_CALL_CLOCK, .ret = -1, .arg = { KVICK_CLOCK_WALL, 1, 2, 3, 4, 5 },
	};
	memcpy(before, around, 192);
	hypercall_serve(&f->m, BLOCK);
	assert_int_equal(call_block(f, BLOCK)->ret, 0);
	assert_true(call_result(f) > 1);
	assert_memory_equal(around, before, 64 + offsetof(struct kvick_call, ret));
	assert_memory_equal(around + 64 + 24, before + 64 + 24, 192 - 64 - 24);
}

static void a_call_without_a_result_leaves_its_first_argument(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(call(f, KVICK_CALL_MARK, 3), 0);
	assert_int_equal(call_result(f), 3);
	assert_int_equal(call(f, KVICK_CALL_MARK, 77), -KVICK_EINVAL);
	assert_int_equal(call_result(f), 77);
}

/* THREATS 8: the call overwrites its own block in RAM while it runs; arguments and result come from the copy. */
static void a_block_that_changes_while_it_is_served_changes_nothing(void **state)
{
	struct fixture *f = *state;
	static const char *const argv[] = { "0123456789012345678901234567890123456789012345678901234567890123", "more" };

	f->config.argv = argv;
	f->config.argc = 2;
	assert_int_equal(call(f, KVICK_CALL_ARGS, KVICK_ARGS_ARGV, BLOCK, 70), 70);
	assert_int_equal(call_result(f), KVICK_ARGS_ARGV);
	assert_memory_equal((char *)call_block(f, BLOCK) + 24, argv[0] + 24, 40);
	assert_memory_equal((char *)call_block(f, BLOCK) + 64, "\0more", 6);
}

static void a_guest_that_ends_gets_nothing_written_back(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(call(f, KVICK_CALL_EXIT, 5), UNTOUCHED);
}

static void every_call_has_a_name_and_no_other_number_has(void **state)
{
	(void)state;
	assert_null(hypercall_name(0));
	for (unsigned nr = KVICK_CALL_CONSOLE_WRITE; nr <= KVICK_CALL_REPLY; nr++)
		assert_non_null(hypercall_name(nr));
	assert_null(hypercall_name(KVICK_CALL_REPLY + 1));
	assert_null(hypercall_name(UINT32_MAX));
	assert_string_equal(hypercall_name(KVICK_CALL_UPDATE_PGTABLE), "update_pgtable");
}

/* --- console_write --- */

static int console_pipe(struct fixture *f)
{
	int ends[2];

	assert_int_equal(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
	f->m.console.fd = ends[1];
	return ends[0];
}

static void console_close(struct fixture *f, int end)
{
	close(f->m.console.fd);
	close(end);
}

static void console_write_puts_the_bytes_out(void **state)
{
	struct fixture *f = *state;
	int end = console_pipe(f);
	char text[16] = "";

	memcpy(guest_mem_span(&f->m.mem, gpa(RAM - 5), 5), "hello", 5);
	assert_int_equal(call(f, KVICK_CALL_CONSOLE_WRITE, RAM - 5, 5), 5);
	assert_int_equal(read(end, text, sizeof(text)), 5);
	assert_string_equal(text, "hello");
	console_close(f, end);
}

static void console_write_of_no_bytes_is_nothing(void **state)
{
	struct fixture *f = *state;
	int end = console_pipe(f);
	char byte;

	assert_int_equal(call(f, KVICK_CALL_CONSOLE_WRITE, FREE, 0), 0);
	assert_int_equal(read(end, &byte, 1), -1);
	console_close(f, end);
}

/* Runs that do not lie in RAM: outside, straddling its end, wrapping, of huge length. */
static const uint64_t bad_runs[][2] = {
	{ RAM, 1 }, { 1ull << 40, 1 }, { RAM - 1, 2 }, { RAM - 4095, 4096 }, { UINT64_MAX, 2 }, { UINT64_MAX - 3, 4 },
	{ UINT64_MAX - 4094, 4096 }, { 0, RAM + 1 },
};

static const uint64_t huge_runs[][2] = { { 8, UINT64_MAX }, { RAM - 8, UINT64_MAX - RAM + 16 }, { 0, 1ull << 63 } };

static void console_write_from_outside_ram_is_a_fault(void **state)
{
	struct fixture *f = *state;
	int end = console_pipe(f);
	char byte;

	for (unsigned i = 0; i < COUNT_OF(bad_runs); i++)
		assert_int_equal(call(f, KVICK_CALL_CONSOLE_WRITE, bad_runs[i][0], bad_runs[i][1]), -KVICK_EFAULT);
	assert_int_equal(read(end, &byte, 1), -1);
	console_close(f, end);
}

static void console_write_of_a_huge_length_is_a_fault(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < COUNT_OF(huge_runs); i++)
		assert_int_equal(call(f, KVICK_CALL_CONSOLE_WRITE, huge_runs[i][0], huge_runs[i][1]), -KVICK_EFAULT);
}

static void console_write_to_a_console_that_fails_is_an_io_error(void **state)
{
	struct fixture *f = *state;

	f->m.console.fd = -1;
	assert_int_equal(call(f, KVICK_CALL_CONSOLE_WRITE, FREE, 1), -KVICK_EIO);
	assert_int_equal(f->m.outcome, OUTCOME_NONE);
	assert_int_equal(f->m.console.errnum, EBADF);
}

/* --- exit --- */

static void exit_ends_the_guest_with_its_status(void **state)
{
	struct fixture *f = *state;

	call(f, KVICK_CALL_EXIT, 42);
	assert_int_equal(f->m.outcome, OUTCOME_EXITED);
	assert_int_equal(f->m.status, 42);
}

static void exit_takes_the_low_8_bits_of_a_status(void **state)
{
	struct fixture *f = *state;

	call(f, KVICK_CALL_EXIT, UINT64_MAX);
	assert_int_equal(f->m.status, 255);
	f->m.outcome = OUTCOME_NONE;
	call(f, KVICK_CALL_EXIT, 0x1234567800000100);
	assert_int_equal(f->m.status, 0);
}

/* --- clock --- */

static uint64_t now_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void each_clock_is_the_hosts(void **state)
{
	static const clockid_t clocks[] = { [KVICK_CLOCK_MONOTONIC] = CLOCK_MONOTONIC, [KVICK_CLOCK_WALL] = CLOCK_REALTIME };
	struct fixture *f = *state;

	for (unsigned i = 0; i < COUNT_OF(clocks); i++) {
		uint64_t before = now_ns(clocks[i]);

		assert_int_equal(call(f, KVICK_CALL_CLOCK, i), 0);
		assert_in_range(call_result(f), before, now_ns(clocks[i]));
	}
}

static void a_clock_that_there_is_not_is_invalid(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(call(f, KVICK_CALL_CLOCK, 2), -KVICK_EINVAL);
	assert_int_equal(call(f, KVICK_CALL_CLOCK, UINT64_MAX), -KVICK_EINVAL);
	assert_int_equal(call_result(f), UINT64_MAX);
}

static void a_clock_that_the_host_refuses_is_an_io_error(void **state)
{
	struct fixture *f = *state;

	f->m.sys = (struct sys){ .fail_at = 1, .fail_errno = EINVAL };
	assert_int_equal(call(f, KVICK_CALL_CLOCK, KVICK_CLOCK_WALL), -KVICK_EIO);
}

/* --- wait --- */

static void wait_lasts_as_long_as_asked(void **state)
{
	struct fixture *f = *state;
	uint64_t before = now_ns(CLOCK_MONOTONIC);

	assert_int_equal(call(f, KVICK_CALL_WAIT, 0, 3000000), 0);
	assert_true(now_ns(CLOCK_MONOTONIC) - before >= 3000000);
}

static void wait_for_no_time_does_not_sleep(void **state)
{
	struct fixture *f = *state;
	uint64_t calls = f->m.sys.calls;

	assert_int_equal(call(f, KVICK_CALL_WAIT, 0, 0), 0);
	assert_int_equal(f->m.sys.calls, calls);
}

static void wait_for_events_that_there_are_not_is_invalid(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(call(f, KVICK_CALL_WAIT, 1, 0), -KVICK_EINVAL);
	assert_int_equal(call(f, KVICK_CALL_WAIT, 1ull << 63, 0), -KVICK_EINVAL);
}

/* A bit in the mask beyond the devices that there are: then nothing is delivered either. */
static void wait_for_a_device_that_is_not_there_is_invalid(void **state)
{
	struct fixture *f = *state;

	for (f->m.devices.count = 1; f->m.devices.count <= KVICK_DEVICES_MAX; f->m.devices.count++) {
		assert_int_equal(call(f, KVICK_CALL_WAIT, 1ull << f->m.devices.count, UINT64_MAX), -KVICK_EINVAL);
		assert_int_equal(call(f, KVICK_CALL_WAIT, UINT64_MAX, UINT64_MAX), -KVICK_EINVAL);
		assert_int_equal(call(f, KVICK_CALL_WAIT, 1ull << 63, UINT64_MAX), -KVICK_EINVAL);
	}
	f->m.devices.count = 0;
}

static void wait_goes_on_after_a_signal_that_stops_nothing(void **state)
{
	struct fixture *f = *state;
	uint64_t before = now_ns(CLOCK_MONOTONIC);

	f->m.sys = (struct sys){ .fail_at = 2, .fail_errno = EINTR };
	assert_int_equal(call(f, KVICK_CALL_WAIT, 0, 2000000), 0);
	assert_int_equal(f->m.sys.calls, 3);
	assert_true(now_ns(CLOCK_MONOTONIC) - before >= 2000000);
}

static uint64_t slept_ns;

static int sleep_for(struct stop *stop, uint64_t ns)
{
	(void)stop;
	slept_ns = ns;
	return 0;
}

static void who_has_no_handlers_sleeps_otherwise(void **state)
{
	struct fixture *f = *state;

	f->stop.sleep = sleep_for;
	assert_int_equal(call(f, KVICK_CALL_WAIT, 0, 3600000000000ull, 0), 0);
	assert_int_equal(slept_ns, 3600000000000ull);
}

/* The longest wait there is: no sum may overflow, and the stop ends it. */
static void a_stop_ends_a_wait_without_end(void **state)
{
	struct fixture *f = *state;

	f->stop.signal = SIGTERM;
	f->m.sys = (struct sys){ .fail_at = 2, .fail_errno = EINTR };
	assert_int_equal(call(f, KVICK_CALL_WAIT, 0, UINT64_MAX), UNTOUCHED);
}

/* Else a machine made of it would wake before its time. */
static void a_wait_that_is_stopped_is_served_again_later(void **state)
{
	struct fixture *f = *state;

	f->stop.signal = SIGTERM;
	f->m.sys = (struct sys){ .fail_at = 2, .fail_errno = EINTR };
	assert_int_equal(call(f, KVICK_CALL_WAIT, KVICK_EVENT_GENERATION, UINT64_MAX), UNTOUCHED);
	assert_int_equal(f->m.pending_call, BLOCK);
	assert_int_equal(f->m.outcome, OUTCOME_NONE);
	f->stop.signal = 0;
	f->m.generation_event = true;
	hypercall_serve(&f->m, f->m.pending_call);
	assert_int_equal(call_block(f, BLOCK)->ret, KVICK_EVENT_GENERATION);
	assert_int_equal(f->m.pending_call, 0);
}

static void wait_tells_of_a_new_generation_once(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(call(f, KVICK_CALL_WAIT, KVICK_EVENT_GENERATION, 0), 0);
	f->m.generation_event = true;
	f->m.sys = (struct sys){ 0 };
	assert_int_equal(call(f, KVICK_CALL_WAIT, KVICK_EVENT_GENERATION, UINT64_MAX), KVICK_EVENT_GENERATION);
	assert_int_equal(f->m.sys.calls, 0);
	assert_int_equal(call(f, KVICK_CALL_WAIT, KVICK_EVENT_GENERATION, 0), 0);
}

static void wait_without_the_generations_bit_leaves_it_pending(void **state)
{
	struct fixture *f = *state;

	f->m.generation_event = true;
	assert_int_equal(call(f, KVICK_CALL_WAIT, 0, 0), 0);
	assert_int_equal(call(f, KVICK_CALL_WAIT, KVICK_EVENT_GENERATION | 1, 0), -KVICK_EINVAL);
	assert_int_equal(call(f, KVICK_CALL_WAIT, KVICK_EVENT_GENERATION, 0), KVICK_EVENT_GENERATION);
}

static void a_wait_that_the_host_refuses_is_an_io_error(void **state)
{
	struct fixture *f = *state;

	for (unsigned at = 1; at <= 2; at++) {
		f->m.sys = (struct sys){ .fail_at = at, .fail_errno = EINVAL };
		assert_int_equal(call(f, KVICK_CALL_WAIT, 0, 1000), -KVICK_EIO);
	}
}

/* --- args --- */

static const char *const argv[] = { "guest", "", "two words" };
static const char *const envp[] = { "A=1", "B=" };

#define ARGV_BYTES 17
#define ENVP_BYTES 7

static void give_strings(struct fixture *f)
{
	f->config.argv = argv;
	f->config.argc = COUNT_OF(argv);
	f->config.envp = envp;
	f->config.envc = COUNT_OF(envp);
	memset(guest_mem_span(&f->m.mem, gpa(FREE + 0x1000), 64), 0xa5, 64);
}

static void args_come_one_after_another(void **state)
{
	struct fixture *f = *state;

	give_strings(f);
	assert_int_equal(call(f, KVICK_CALL_ARGS, KVICK_ARGS_ARGV, FREE + 0x1000, 64), ARGV_BYTES);
	assert_memory_equal(guest_mem_span(&f->m.mem, gpa(FREE + 0x1000), 64), "guest\0\0two words\0\xa5", ARGV_BYTES + 1);
}

static void the_environment_comes_the_same_way(void **state)
{
	struct fixture *f = *state;

	give_strings(f);
	assert_int_equal(call(f, KVICK_CALL_ARGS, KVICK_ARGS_ENVP, FREE + 0x1000, 64), ENVP_BYTES);
	assert_memory_equal(guest_mem_span(&f->m.mem, gpa(FREE + 0x1000), 64), "A=1\0B=\0\xa5", ENVP_BYTES + 1);
}

static void args_into_no_buffer_tell_the_bytes_needed(void **state)
{
	struct fixture *f = *state;

	give_strings(f);
	assert_int_equal(call(f, KVICK_CALL_ARGS, KVICK_ARGS_ARGV, 0, 0), ARGV_BYTES);
	assert_int_equal(call(f, KVICK_CALL_ARGS, KVICK_ARGS_ARGV, RAM, 0), ARGV_BYTES);
}

static void args_into_a_short_buffer_are_cut_and_tell_the_bytes_needed(void **state)
{
	struct fixture *f = *state;

	give_strings(f);
	assert_int_equal(call(f, KVICK_CALL_ARGS, KVICK_ARGS_ARGV, FREE + 0x1000, 10), ARGV_BYTES);
	assert_memory_equal(guest_mem_span(&f->m.mem, gpa(FREE + 0x1000), 64), "guest\0\0two\xa5\xa5", 12);
}

static void args_fit_into_the_last_bytes_of_ram(void **state)
{
	struct fixture *f = *state;

	give_strings(f);
	assert_int_equal(call(f, KVICK_CALL_ARGS, KVICK_ARGS_ARGV, RAM - ARGV_BYTES, ARGV_BYTES), ARGV_BYTES);
	assert_memory_equal(guest_mem_span(&f->m.mem, gpa(RAM - 10), 10), "two words", 10);
}

static void args_to_outside_ram_are_a_fault_and_write_nothing(void **state)
{
	struct fixture *f = *state;

	give_strings(f);
	for (unsigned i = 0; i < COUNT_OF(bad_runs); i++)
		assert_int_equal(call(f, KVICK_CALL_ARGS, KVICK_ARGS_ARGV, bad_runs[i][0], bad_runs[i][1]), -KVICK_EFAULT);
	for (unsigned i = 0; i < COUNT_OF(huge_runs); i++)
		assert_int_equal(call(f, KVICK_CALL_ARGS, KVICK_ARGS_ARGV, huge_runs[i][0], huge_runs[i][1]), -KVICK_EFAULT);
	assert_int_equal(f->m.mem.host[RAM - 1], 0);
	assert_int_equal(f->m.mem.host[8], 0);
}

static void args_of_a_kind_that_there_is_not_are_invalid(void **state)
{
	struct fixture *f = *state;

	give_strings(f);
	assert_int_equal(call(f, KVICK_CALL_ARGS, 2, FREE, 64), -KVICK_EINVAL);
	assert_int_equal(call(f, KVICK_CALL_ARGS, UINT64_MAX, FREE, 64), -KVICK_EINVAL);
}

/* --- entropy --- */

static void entropy_fills_exactly_the_buffer(void **state)
{
	static const uint8_t zeroes[32];
	struct fixture *f = *state;
	uint8_t *at = guest_mem_span(&f->m.mem, gpa(RAM - 64), 64);

	assert_int_equal(call(f, KVICK_CALL_ENTROPY, RAM - 32, 32), 32);
	assert_memory_not_equal(at + 32, zeroes, 32);
	assert_memory_equal(at, zeroes, 32);
}

static void entropy_of_no_bytes_or_too_many_is_invalid(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(call(f, KVICK_CALL_ENTROPY, FREE, 0), -KVICK_EINVAL);
	assert_int_equal(call(f, KVICK_CALL_ENTROPY, FREE, KVICK_ENTROPY_BYTES_MAX + 1), -KVICK_EINVAL);
	assert_int_equal(call(f, KVICK_CALL_ENTROPY, FREE, UINT64_MAX), -KVICK_EINVAL);
}

static void entropy_of_the_most_bytes_comes(void **state)
{
	struct fixture *f = *state;

	assert_in_range(call(f, KVICK_CALL_ENTROPY, RAM - KVICK_ENTROPY_BYTES_MAX, KVICK_ENTROPY_BYTES_MAX), 256,
			KVICK_ENTROPY_BYTES_MAX);
}

static void entropy_to_outside_ram_is_a_fault(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < COUNT_OF(bad_runs); i++)
		if (bad_runs[i][1] <= KVICK_ENTROPY_BYTES_MAX)
			assert_int_equal(call(f, KVICK_CALL_ENTROPY, bad_runs[i][0], bad_runs[i][1]), -KVICK_EFAULT);
	assert_int_equal(f->m.mem.host[RAM - 1], 0);
}

static void entropy_that_the_host_refuses_is_an_io_error(void **state)
{
	struct fixture *f = *state;

	f->m.sys = (struct sys){ .fail_at = 1, .fail_errno = EINTR };
	assert_int_equal(call(f, KVICK_CALL_ENTROPY, FREE, 32), -KVICK_EIO);
}

/* --- mark --- */

static void mark_stamps_the_timeline(void **state)
{
	struct fixture *f = *state;
	uint64_t before = __rdtsc();

	assert_int_equal(call(f, KVICK_CALL_MARK, KVICK_MARKS_MAX - 1), 0);
	assert_in_range(f->m.timeline.guest_mark[KVICK_MARKS_MAX - 1], before, __rdtsc());
	assert_int_equal(f->m.timeline.guest_mark[0], 0);
}

static void a_mark_that_there_is_not_is_invalid(void **state)
{
	struct fixture *f = *state;
	struct timeline before = f->m.timeline;

	assert_int_equal(call(f, KVICK_CALL_MARK, KVICK_MARKS_MAX), -KVICK_EINVAL);
	assert_int_equal(call(f, KVICK_CALL_MARK, UINT64_MAX), -KVICK_EINVAL);
	assert_memory_equal(&f->m.timeline, &before, sizeof(before));
}

/* What the VMM would write for the guest into memory that the guest may not write to. */
static void answers_into_read_only_memory_are_faults(void **state)
{
	struct fixture *f = *state;
	const struct memory_run run = { FREE + 0x10000, 0x2000 };
	static const uint64_t bad[][2] = { { FREE + 0x10000, 8 }, { FREE + 0x11fff, 1 }, { FREE + 0xfff8, 16 },
					 { FREE + 0x11ff8, 16 } };

	memset(f->m.mem.host + run.at, 0xa5, run.bytes);
	assert_int_equal(guest_mem_protect(&f->m.mem, &run, 1, &f->m.sys), 0);
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		assert_int_equal(call(f, KVICK_CALL_ENTROPY, bad[i][0], bad[i][1]), -KVICK_EFAULT);
		assert_int_equal(call(f, KVICK_CALL_ARGS, KVICK_ARGS_ARGV, bad[i][0], bad[i][1]), -KVICK_EFAULT);
	}
	for (uint64_t at = 0; at < run.bytes; at++)
		assert_int_equal(f->m.mem.host[run.at + at], 0xa5);
	assert_int_equal(call(f, KVICK_CALL_ARGS, KVICK_ARGS_ARGV, run.at, 0), 0);
	assert_int_equal(call(f, KVICK_CALL_ENTROPY, run.at - 8, 8), 8);
}

static void a_block_in_read_only_memory_kills_unless_nothing_is_answered(void **state)
{
	struct fixture *f = *state;
	const struct memory_run run = { FREE + 0x10000, 0x1000 };

	*call_block(f, run.at) = (struct kvick_call){ .nr = KVICK_CALL_MARK };
	*call_block(f, run.at + 64) = (struct kvick_call){ .nr = KVICK_CALL_EXIT, .arg = { 7 } };
	assert_int_equal(guest_mem_protect(&f->m.mem, &run, 1, &f->m.sys), 0);
	hypercall_serve(&f->m, run.at + 64);
	assert_int_equal(f->m.outcome, OUTCOME_EXITED);
	f->m.outcome = OUTCOME_NONE;
	hypercall_serve(&f->m, run.at);
	assert_int_equal(f->m.outcome, OUTCOME_CRASHED);
	assert_says(f->m.crash.reason, "no answer can be written into the call block at 0x310000, which is in read-only memory");
}

/* --- cpuid --- */

static void give_cpuid(struct fixture *f)
{
	f->m.cpuid.count = 3;
	f->m.cpuid.entries[0] = (struct kvm_cpuid_entry2){ .function = 1, .eax = 1, .ebx = 2, .ecx = 3, .edx = 4 };
	f->m.cpuid.entries[1] = (struct kvm_cpuid_entry2){ .function = 7, .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX, .ebx = 70 };
	f->m.cpuid.entries[2] = (struct kvm_cpuid_entry2){
		.function = 7, .index = 1, .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX, .eax = 71 };
}

static const uint32_t *cpuid(struct fixture *f, uint64_t leaf, uint64_t index)
{
	assert_int_equal(call(f, KVICK_CALL_CPUID, leaf, index, RAM - 16), 0);
	return guest_mem_span(&f->m.mem, gpa(RAM - 16), 16);
}

static void cpuid_tells_what_the_table_has(void **state)
{
	static const uint32_t one[] = { 1, 2, 3, 4 }, seven[] = { 0, 70, 0, 0 }, seven_one[] = { 71, 0, 0, 0 }, none[4];
	struct fixture *f = *state;

	assert_memory_equal(cpuid(f, 1, 0), none, 16); /* no model */
	give_cpuid(f);
	assert_memory_equal(cpuid(f, 1, 0), one, 16);
	assert_memory_equal(cpuid(f, 1, 5), one, 16); /* it has no subleaves */
	assert_memory_equal(cpuid(f, 7, 0), seven, 16);
	assert_memory_equal(cpuid(f, 7, 1), seven_one, 16);
	assert_memory_equal(cpuid(f, 7, 2), none, 16);
	assert_memory_equal(cpuid(f, UINT32_MAX, UINT32_MAX), none, 16);
}

static void cpuid_of_what_is_no_leaf_or_to_outside_ram_fails(void **state)
{
	struct fixture *f = *state;

	give_cpuid(f);
	assert_int_equal(call(f, KVICK_CALL_CPUID, 1ull << 32, 0, FREE), -KVICK_EINVAL);
	assert_int_equal(call(f, KVICK_CALL_CPUID, 1, 1ull << 32, FREE), -KVICK_EINVAL);
	assert_int_equal(call(f, KVICK_CALL_CPUID, 1, 0, RAM - 15), -KVICK_EFAULT);
	assert_int_equal(call(f, KVICK_CALL_CPUID, 1, 0, UINT64_MAX), -KVICK_EFAULT);
	assert_int_equal(call(f, KVICK_CALL_CPUID, 1, 0, UINT64_MAX - 15), -KVICK_EFAULT);
	assert_int_equal(f->m.mem.host[RAM - 1], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_block_that_is_not_aligned_kills_with_its_reason),
		TEST(a_block_outside_ram_kills_with_its_reason),
		TEST(a_block_at_the_top_of_the_address_space_kills_with_its_reason),
		TEST(the_last_block_of_ram_is_served),
		TEST(an_unknown_number_is_no_such_call),
		TEST(a_reserved_field_that_is_set_is_invalid),
		TEST(calls_are_counted_by_number),
		TEST(only_ret_and_the_first_argument_are_written_back),
		TEST(a_call_without_a_result_leaves_its_first_argument),
		TEST(a_block_that_changes_while_it_is_served_changes_nothing),
		TEST(a_guest_that_ends_gets_nothing_written_back),
		TEST(every_call_has_a_name_and_no_other_number_has),
		TEST(console_write_puts_the_bytes_out),
		TEST(console_write_of_no_bytes_is_nothing),
		TEST(console_write_from_outside_ram_is_a_fault),
		TEST(console_write_of_a_huge_length_is_a_fault),
		TEST(console_write_to_a_console_that_fails_is_an_io_error),
		TEST(exit_ends_the_guest_with_its_status),
		TEST(exit_takes_the_low_8_bits_of_a_status),
		TEST(each_clock_is_the_hosts),
		TEST(a_clock_that_there_is_not_is_invalid),
		TEST(a_clock_that_the_host_refuses_is_an_io_error),
		TEST(wait_lasts_as_long_as_asked),
		TEST(wait_for_no_time_does_not_sleep),
		TEST(wait_for_events_that_there_are_not_is_invalid),
		TEST(wait_for_a_device_that_is_not_there_is_invalid),
		TEST(wait_goes_on_after_a_signal_that_stops_nothing),
		TEST(who_has_no_handlers_sleeps_otherwise),
		TEST(a_stop_ends_a_wait_without_end),
		TEST(a_wait_that_is_stopped_is_served_again_later),
		TEST(wait_tells_of_a_new_generation_once),
		TEST(wait_without_the_generations_bit_leaves_it_pending),
		TEST(a_wait_that_the_host_refuses_is_an_io_error),
		TEST(args_come_one_after_another),
		TEST(the_environment_comes_the_same_way),
		TEST(args_into_no_buffer_tell_the_bytes_needed),
		TEST(args_into_a_short_buffer_are_cut_and_tell_the_bytes_needed),
		TEST(args_fit_into_the_last_bytes_of_ram),
		TEST(args_to_outside_ram_are_a_fault_and_write_nothing),
		TEST(args_of_a_kind_that_there_is_not_are_invalid),
		TEST(entropy_fills_exactly_the_buffer),
		TEST(entropy_of_no_bytes_or_too_many_is_invalid),
		TEST(entropy_of_the_most_bytes_comes),
		TEST(entropy_to_outside_ram_is_a_fault),
		TEST(entropy_that_the_host_refuses_is_an_io_error),
		TEST(mark_stamps_the_timeline),
		TEST(a_mark_that_there_is_not_is_invalid),
		TEST(answers_into_read_only_memory_are_faults),
		TEST(a_block_in_read_only_memory_kills_unless_nothing_is_answered),
		TEST(cpuid_tells_what_the_table_has),
		TEST(cpuid_of_what_is_no_leaf_or_to_outside_ram_fails),
	};

	return cmocka_run_group_tests_name("hypercalls", tests, NULL, NULL);
}
