/* SPDX-License-Identifier: Apache-2.0 */
/* libkvick: a thread that has closed the sandbox. In processes of their own: there is no way back. */
#include "tests/library/fixture.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

/* The exit code, or minus the signal. */
static int in_a_process(void (*what)(void))
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		what();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

#define MUST(condition)                   \
	do {                              \
		if (!(condition))         \
			_exit(__LINE__ % 100 + 1); \
	} while (0)

static struct kvick_vm *made(const char *name)
{
	struct kvick_template *image, *t;
	struct kvick_vm *vm;

	MUST(kvick_template_of_image(&image, guest(name), NULL, NULL) == 0);
	MUST(kvick_template_snapshot(&t, image, KVICK_AT_READY, LIMIT_NS, NULL) == 0);
	MUST(kvick_vm_new(&vm, t, NULL) == 0);
	return vm;
}

static void use_all(void)
{
	struct kvick_vm *echo = made("echo"), *crasher = made("crasher"), *sleeper = made("sleeper");
	struct kvick_stats stats;
	char reply[64];
	size_t bytes;
	int fds[2];

	MUST(pipe(fds) == 0);
	kvick_vm_set_console_fd(crasher, fds[1]);
	MUST(kvick_thread_sandbox(NULL) == 0);
	for (int i = 0; i < 3; i++) {
		MUST(kvick_vm_invoke(echo, "abc", 3, reply, sizeof(reply), &bytes, LIMIT_NS, NULL) == 0 && bytes == 3);
		MUST(kvick_vm_invoke(crasher, "null", 4, reply, sizeof(reply), &bytes, LIMIT_NS, NULL) == -EPROTO);
		MUST(kvick_vm_invoke(sleeper, "3600000", 7, reply, sizeof(reply), &bytes, SECOND_NS / 50, NULL) == -ETIMEDOUT);
		MUST(kvick_vm_reset(echo, NULL) == 0 && kvick_vm_reset(crasher, NULL) == 0 && kvick_vm_reset(sleeper, NULL) == 0);
		MUST(kvick_vm_invoke(crasher, "loop", 4, reply, sizeof(reply), &bytes, SECOND_NS / 50, NULL) == -ETIMEDOUT);
		MUST(kvick_vm_reset(crasher, NULL) == 0);
		kvick_vm_stats(echo, &stats, sizeof(stats));
	}
	kvick_vm_free(echo);
	kvick_vm_free(crasher);
	kvick_vm_free(sleeper);
}

static void machines_are_used_and_freed(void **state)
{
	(void)state;
	assert_int_equal(in_a_process(use_all), 0);
}

static void open_something(void)
{
	MUST(kvick_thread_sandbox(NULL) == 0);
	open("/dev/null", O_RDONLY);
}

static void what_else_it_does_ends_the_process(void **state)
{
	(void)state;
	assert_int_equal(in_a_process(open_something), -SIGSYS);
}

static void *close_over_it(void *arg)
{
	MUST(kvick_thread_sandbox(NULL) == 0);
	return arg;
}

static void close_over_another(void)
{
	pthread_t thread;
	int fd;

	MUST(pthread_create(&thread, NULL, close_over_it, NULL) == 0);
	MUST(pthread_join(thread, NULL) == 0);
	fd = open("/dev/null", O_RDONLY);
	MUST(fd >= 0);
}

static void other_threads_go_on_as_before(void **state)
{
	(void)state;
	assert_int_equal(in_a_process(close_over_another), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(machines_are_used_and_freed),
		TEST(what_else_it_does_ends_the_process),
		TEST(other_threads_go_on_as_before),
	};

	return cmocka_run_group_tests_name("library: sandbox", tests, NULL, NULL);
}
