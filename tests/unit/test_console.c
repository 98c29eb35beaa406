/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's console: all bytes, in order, or a failure that is told once. */
#include "tests/unit/test_unit.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>

#include <kvick/boot_info.h>

#include "vmm/console.h"
#include "vmm/error.h"
#include "vmm/layout.h"
#include "vmm/stop.h"
#include "vmm/sys.h"

#define RAM GUEST_MEM_BYTES_MIN

struct fixture {
	struct sys sys;
	struct error error;
	struct guest_mem mem;
	struct stop stop;
	struct console console;
	int end; /* where the console's bytes come out */
	uint8_t *got;
	size_t got_bytes;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	int ends[2];

	*state = f;
	signal(SIGPIPE, SIG_IGN);
	f->got = calloc(1, RAM);
	if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) || guest_mem_create(&f->mem, RAM, false, &f->sys, &f->error))
		return -1;
	f->end = ends[0];
	f->console.fd = ends[1];
	return fcntl(ends[1], F_SETPIPE_SZ, 4096) < 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	guest_mem_destroy(&f->mem, &f->sys);
	close(f->end);
	close(f->console.fd);
	free(f->got);
	free(f);
	return 0;
}

static int64_t write_all(struct fixture *f, uint64_t at, uint64_t bytes)
{
	return console_write(&f->console, &f->mem, gpa(at), bytes, &f->stop, &f->sys);
}

static void drain(struct fixture *f)
{
	console_drain(&f->console, &f->mem, &f->stop, &f->sys);
}

static struct kvick_boot_info *info(struct fixture *f)
{
	return guest_mem_span(&f->mem, gpa(LAYOUT_BOOT_INFO), sizeof(struct kvick_boot_info));
}

static size_t come_out(struct fixture *f)
{
	ssize_t n = read(f->end, f->got, RAM);

	return n < 0 ? 0 : (size_t)n;
}

/* A reader that takes its time, until it has got_bytes. */
static void *slow_reader(void *argument)
{
	struct fixture *f = argument;

	for (size_t done = 0; done < f->got_bytes;) {
		ssize_t n = read(f->end, f->got + done, f->got_bytes - done < 3000 ? f->got_bytes - done : 3000);

		if (n > 0)
			done += (size_t)n;
		else
			usleep(500);
	}
	return NULL;
}

static void bytes_come_out_as_they_are(void **state)
{
	struct fixture *f = *state;

	memcpy(f->mem.host + 0x5000, "a\0b\xff\n", 5);
	assert_int_equal(write_all(f, 0x5000, 5), 5);
	assert_int_equal(come_out(f), 5);
	assert_memory_equal(f->got, "a\0b\xff\n", 5);
	assert_int_equal(f->console.bytes, 5);
	assert_int_equal(f->console.errnum, 0);
}

static void a_full_pipe_that_does_not_block_is_waited_for(void **state)
{
	struct fixture *f = *state;
	pthread_t reader;

	for (unsigned i = 0; i < 50000; i++)
		f->mem.host[0x5000 + i] = (uint8_t)(i * 7 + i / 256);
	f->got_bytes = 50000;
	assert_int_equal(pthread_create(&reader, NULL, slow_reader, f), 0);
	assert_int_equal(write_all(f, 0x5000, 50000), 50000);
	pthread_join(reader, NULL);
	assert_memory_equal(f->got, f->mem.host + 0x5000, 50000);
	assert_int_equal(f->console.bytes, 50000);
}

static void all_of_ram_can_be_written(void **state)
{
	struct fixture *f = *state;
	pthread_t reader;

	f->got_bytes = RAM;
	fcntl(f->console.fd, F_SETPIPE_SZ, 1 << 20);
	assert_int_equal(pthread_create(&reader, NULL, slow_reader, f), 0);
	assert_int_equal(write_all(f, 0, RAM), RAM);
	pthread_join(reader, NULL);
}

static void an_interrupted_write_goes_on(void **state)
{
	struct fixture *f = *state;

	f->sys = (struct sys){ .fail_at = 1, .fail_errno = EINTR };
	assert_int_equal(write_all(f, 0x5000, 7), 7);
	assert_int_equal(f->sys.calls, 2);
	assert_int_equal(f->console.errnum, 0);
}

static void a_stop_ends_the_wait_for_a_reader(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(write_all(f, 0, 4096), 4096); /* full now */
	f->stop.signal = SIGTERM;
	assert_int_equal(write_all(f, 0, 4096), 0);
	assert_int_equal(f->console.bytes, 4096);
	assert_int_equal(f->console.errnum, 0);
}

static void *stop_soon(void *argument)
{
	struct fixture *f = argument;

	usleep(5000);
	f->stop.signal = SIGTERM;
	return NULL;
}

static void a_stop_in_the_middle_tells_what_was_written(void **state)
{
	struct fixture *f = *state;
	pthread_t stopper;

	assert_int_equal(pthread_create(&stopper, NULL, stop_soon, f), 0);
	assert_int_equal(write_all(f, 0, 10000), 4096);
	pthread_join(stopper, NULL);
}

static void a_reader_that_has_gone_is_told_once(void **state)
{
	struct fixture *f = *state;

	close(f->end);
	f->end = -1;
	assert_int_equal(write_all(f, 0, 10), -EPIPE);
	assert_int_equal(f->console.errnum, EPIPE);
	uint64_t calls = f->sys.calls;

	assert_int_equal(write_all(f, 0, 10), -EPIPE);
	assert_int_equal(f->sys.calls, calls); /* the host is not asked again */
	assert_int_equal(f->console.bytes, 0);
}

static void a_descriptor_that_is_closed_is_told_once(void **state)
{
	struct fixture *f = *state;

	close(f->console.fd);
	f->console.fd = -1;
	assert_int_equal(write_all(f, 0, 10), -EBADF);
	assert_int_equal(f->console.errnum, EBADF);
	uint64_t calls = f->sys.calls;

	drain(f);
	assert_int_equal(write_all(f, 0, 10), -EBADF);
	assert_int_equal(f->sys.calls, calls);
}

static void a_failure_after_some_bytes_tells_those_first(void **state)
{
	struct fixture *f = *state;

	f->sys = (struct sys){ .fail_at = 2, .fail_errno = EIO };
	assert_int_equal(write_all(f, 0, 5000), 4096);
	assert_int_equal(f->console.bytes, 4096);
	assert_int_equal(f->console.errnum, EIO);
	assert_int_equal(write_all(f, 0, 5000), -EIO);
}

static void bytes_outside_ram_are_not_written(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(write_all(f, RAM - 1, 2), -EFAULT);
	assert_int_equal(write_all(f, UINT64_MAX, 2), -EFAULT);
	assert_int_equal(come_out(f), 0);
	assert_int_equal(f->console.errnum, 0); /* the guest's fault, not the console's */
}

static void nothing_gathered_asks_nobody(void **state)
{
	struct fixture *f = *state;
	uint64_t calls = f->sys.calls;

	drain(f);
	assert_int_equal(f->sys.calls, calls);
}

static void drain_prints_what_is_gathered_and_resets(void **state)
{
	struct fixture *f = *state;

	memcpy(info(f)->console.bytes, "hello", 5);
	info(f)->console.used = 5;
	drain(f);
	assert_int_equal(come_out(f), 5);
	assert_memory_equal(f->got, "hello", 5);
	assert_int_equal(info(f)->console.used, 0);
	drain(f);
	assert_int_equal(come_out(f), 0);
}

static void drain_prints_a_full_buffer(void **state)
{
	struct fixture *f = *state;

	memset(info(f)->console.bytes, 'x', KVICK_BOOT_CONSOLE_BYTES);
	info(f)->console.used = KVICK_BOOT_CONSOLE_BYTES;
	drain(f);
	assert_int_equal(come_out(f), KVICK_BOOT_CONSOLE_BYTES);
}

static void drain_takes_more_than_there_can_be_as_that_many(void **state)
{
	static const uint32_t more[] = { KVICK_BOOT_CONSOLE_BYTES + 1, 4096, 1u << 31, UINT32_MAX };
	struct fixture *f = *state;

	for (unsigned i = 0; i < COUNT_OF(more); i++) {
		memset(info(f)->console.bytes, 'x', KVICK_BOOT_CONSOLE_BYTES);
		f->mem.host[LAYOUT_BOOT_INFO + GUEST_PAGE_BYTES] = '!';
		info(f)->console.used = more[i];
		drain(f);
		assert_int_equal(come_out(f), KVICK_BOOT_CONSOLE_BYTES);
		assert_null(memchr(f->got, '!', KVICK_BOOT_CONSOLE_BYTES));
		assert_int_equal(info(f)->console.used, 0);
	}
}

static void drain_into_a_broken_console_resets_too(void **state)
{
	struct fixture *f = *state;

	f->console.errnum = EPIPE;
	info(f)->console.used = 5;
	drain(f);
	assert_int_equal(info(f)->console.used, 0);
}

static void what_is_beyond_the_limit_is_dropped_and_counted(void **state)
{
	struct fixture *f = *state;

	f->console.bytes_max = 8;
	memcpy(f->mem.host + 0x5000, "abcdefghij", 10);
	assert_int_equal(write_all(f, 0x5000, 5), 5);
	assert_int_equal(write_all(f, 0x5005, 5), 5); /* the guest is not told */
	assert_int_equal(come_out(f), 8);
	assert_memory_equal(f->got, "abcdefgh", 8);
	assert_int_equal(f->console.bytes, 8);
	assert_int_equal(f->console.bytes_dropped, 2);
}

static void beyond_the_limit_the_host_is_not_asked(void **state)
{
	struct fixture *f = *state;

	f->console.bytes_max = 4;
	assert_int_equal(write_all(f, 0x5000, 4), 4);
	uint64_t calls = f->sys.calls;

	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(write_all(f, 0x5000, 4096), 4096);
	assert_int_equal(f->sys.calls, calls);
	assert_int_equal(f->console.bytes_dropped, 100 * 4096);
}

static void a_failure_within_the_limit_is_told_and_nothing_counts_as_dropped(void **state)
{
	struct fixture *f = *state;

	f->console.bytes_max = 4096;
	f->sys = (struct sys){ .fail_at = 1, .fail_errno = EIO };
	assert_int_equal(write_all(f, 0, 10), -EIO);
	assert_int_equal(f->console.errnum, EIO);
	assert_int_equal(f->console.bytes_dropped, 0);
}

static void take(void *context, const uint8_t *from, uint64_t bytes)
{
	memcpy(context, from, bytes);
}

static void what_somebody_takes_is_not_written(void **state)
{
	struct fixture *f = *state;
	uint64_t calls = f->sys.calls;
	char taken[16] = "";

	f->console.take = take;
	f->console.context = taken;
	memcpy(f->mem.host + 0x5000, "hello", 5);
	assert_int_equal(write_all(f, 0x5000, 5), 5);
	assert_string_equal(taken, "hello");
	assert_int_equal(f->console.bytes, 5);
	assert_int_equal(f->sys.calls, calls);
	assert_int_equal(come_out(f), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(bytes_come_out_as_they_are),
		TEST(a_full_pipe_that_does_not_block_is_waited_for),
		TEST(all_of_ram_can_be_written),
		TEST(an_interrupted_write_goes_on),
		TEST(a_stop_ends_the_wait_for_a_reader),
		TEST(a_stop_in_the_middle_tells_what_was_written),
		TEST(a_reader_that_has_gone_is_told_once),
		TEST(a_descriptor_that_is_closed_is_told_once),
		TEST(a_failure_after_some_bytes_tells_those_first),
		TEST(bytes_outside_ram_are_not_written),
		TEST(nothing_gathered_asks_nobody),
		TEST(drain_prints_what_is_gathered_and_resets),
		TEST(drain_prints_a_full_buffer),
		TEST(drain_takes_more_than_there_can_be_as_that_many),
		TEST(drain_into_a_broken_console_resets_too),
		TEST(what_is_beyond_the_limit_is_dropped_and_counted),
		TEST(beyond_the_limit_the_host_is_not_asked),
		TEST(what_somebody_takes_is_not_written),
		TEST(a_failure_within_the_limit_is_told_and_nothing_counts_as_dropped),
	};

	return cmocka_run_group_tests_name("console", tests, NULL, NULL);
}
