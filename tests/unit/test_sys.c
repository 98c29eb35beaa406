/* SPDX-License-Identifier: Apache-2.0 */
/* The seam: calls are counted, errors come back negated, and the N-th call can be made to fail. */
#include "tests/unit/test_unit.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <time.h>

#include "vmm/sys.h"

static void no_fault_is_asked_for_without_the_variable(void **state)
{
	struct sys sys;

	(void)state;
	memset(&sys, 0xff, sizeof(sys));
	unsetenv("KVICK_FAULT");
	sys_init(&sys);
	assert_int_equal(sys.calls, 0);
	assert_int_equal(sys.fail_at, 0);
}

static void the_variable_says_which_call_fails_and_how(void **state)
{
	struct sys sys;

	(void)state;
	setenv("KVICK_FAULT", "17:12", 1);
	sys_init(&sys);
	unsetenv("KVICK_FAULT");
	assert_int_equal(sys.fail_at, 17);
	assert_int_equal(sys.fail_errno, 12);
}

static void a_variable_that_says_neither_makes_nothing_fail(void **state)
{
	static const char *const values[] = { "", "17", "17:", ":12", "x:y", "17 12" };
	struct sys sys;

	(void)state;
	for (unsigned i = 0; i < COUNT_OF(values); i++) {
		setenv("KVICK_FAULT", values[i], 1);
		sys_init(&sys);
		assert_int_equal(sys.fail_at, 0);
	}
	unsetenv("KVICK_FAULT");
}

static void errors_come_back_negated(void **state)
{
	struct sys sys = { 0 };
	struct timespec now;
	struct stat st;
	void *at = &sys;
	char byte;

	(void)state;
	assert_int_equal(sys_open(&sys, "/nonexistent", O_RDONLY, 0), -ENOENT);
	assert_int_equal(sys_close(&sys, -1), -EBADF);
	assert_int_equal(sys_fstat(&sys, -1, &st), -EBADF);
	assert_int_equal(sys_ioctl(&sys, -1, 0, 0), -EBADF);
	assert_int_equal(sys_read(&sys, -1, &byte, 1), -EBADF);
	assert_int_equal(sys_pread(&sys, -1, &byte, 1, 0), -EBADF);
	assert_int_equal(sys_write(&sys, -1, &byte, 1), -EBADF);
	assert_int_equal(sys_mmap(&sys, NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0, &at), -EINVAL);
	assert_ptr_equal(at, &sys);
	assert_int_equal(sys_munmap(&sys, (void *)1, 1), -EINVAL);
	assert_int_equal(sys_mprotect(&sys, (void *)1, 1, PROT_READ), -EINVAL);
	assert_int_equal(sys_madvise(&sys, (void *)1, 1, MADV_NORMAL), -EINVAL);
	assert_int_equal(sys_clock_gettime(&sys, 12345, &now), -EINVAL);
	assert_int_equal(sys_clock_nanosleep(&sys, 12345, 0, &(struct timespec){ 0 }), -EINVAL);
	assert_int_equal(sys_rename(&sys, "/nonexistent", "/nonexistent/x"), -ENOENT);
	assert_int_equal(sys_unlink(&sys, "/nonexistent"), -ENOENT);
	assert_int_equal(sys_mkdir(&sys, "/", 0755), -EEXIST);
}

static void calls_are_counted_the_failed_ones_too(void **state)
{
	struct sys sys = { 0 };
	struct timespec now;
	struct rusage usage;

	(void)state;
	sys_clock_gettime(&sys, CLOCK_MONOTONIC, &now);
	assert_int_equal(sys.calls, 1);
	sys_open(&sys, "/nonexistent", O_RDONLY, 0);
	assert_int_equal(sys.calls, 2);
	sys_getrusage(&sys, RUSAGE_SELF, &usage);
	assert_int_equal(sys.calls, 3);
	sys_close(&sys, -1);
	assert_int_equal(sys.calls, 4);
	sys_munmap(&sys, (void *)1, 1);
	assert_int_equal(sys.calls, 5);
}

static void the_nth_call_fails_and_no_other(void **state)
{
	struct sys sys = { .fail_at = 3, .fail_errno = ENOMEM };
	struct timespec now;

	(void)state;
	for (unsigned i = 1; i <= 6; i++)
		assert_int_equal(sys_clock_gettime(&sys, CLOCK_MONOTONIC, &now), i == 3 ? -ENOMEM : 0);
	assert_int_equal(sys.calls, 6);
}

static void an_injected_failure_makes_no_call(void **state)
{
	struct sys sys = { .fail_at = 1, .fail_errno = EIO };
	int before = lowest_free_fd(), ends[2];
	char byte;

	(void)state;
	assert_int_equal(sys_open(&sys, "/dev/null", O_RDONLY, 0), -EIO);
	assert_int_equal(lowest_free_fd(), before);
	assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
	sys = (struct sys){ .fail_at = 1, .fail_errno = EIO };
	assert_int_equal(sys_write(&sys, ends[1], "x", 1), -EIO);
	assert_int_equal(read(ends[0], &byte, 1), -1);
	close(ends[0]);
	close(ends[1]);
}

static void an_injected_failure_of_close_closes(void **state)
{
	struct sys sys = { .fail_at = 1, .fail_errno = EIO };
	int fd = dup(STDERR_FILENO);

	(void)state;
	assert_int_equal(sys_close(&sys, fd), -EIO);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static void an_injected_failure_of_munmap_unmaps(void **state)
{
	struct sys sys = { .fail_at = 2, .fail_errno = EIO };
	unsigned char resident;
	void *at;

	(void)state;
	assert_int_equal(sys_mmap(&sys, NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0, &at), 0);
	assert_int_equal(sys_munmap(&sys, at, 4096), -EIO);
	assert_int_equal(mincore(at, 4096, &resident), -1);
	assert_int_equal(errno, ENOMEM);
}

static void an_injected_failure_of_mmap_maps_nothing(void **state)
{
	struct sys sys = { .fail_at = 1, .fail_errno = ENOMEM };
	void *at = &sys;

	(void)state;
	assert_int_equal(sys_mmap(&sys, NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0, &at), -ENOMEM);
	assert_ptr_equal(at, &sys);
}

static void results_come_back_as_they_are(void **state)
{
	struct sys sys = { 0 };
	int fd = sys_open(&sys, "/dev/zero", O_RDWR | O_CLOEXEC, 0);
	char bytes[100];

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(sys_read(&sys, fd, bytes, 100), 100);
	assert_int_equal(sys_write(&sys, fd, bytes, 77), 77);
	assert_int_equal(sys_getrandom(&sys, bytes, 32), 32);
	assert_int_equal(sys_poll(&sys, &(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 0), 1);
	assert_int_equal(sys_close(&sys, fd), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_fault_is_asked_for_without_the_variable),
		cmocka_unit_test(the_variable_says_which_call_fails_and_how),
		cmocka_unit_test(a_variable_that_says_neither_makes_nothing_fail),
		cmocka_unit_test(errors_come_back_negated),
		cmocka_unit_test(calls_are_counted_the_failed_ones_too),
		cmocka_unit_test(the_nth_call_fails_and_no_other),
		cmocka_unit_test(an_injected_failure_makes_no_call),
		cmocka_unit_test(an_injected_failure_of_close_closes),
		cmocka_unit_test(an_injected_failure_of_munmap_unmaps),
		cmocka_unit_test(an_injected_failure_of_mmap_maps_nothing),
		cmocka_unit_test(results_come_back_as_they_are),
	};

	return cmocka_run_group_tests_name("sys", tests, NULL, NULL);
}
