/* SPDX-License-Identifier: Apache-2.0 */
/* libkvick: how a run ends that does not end well, and that nothing of the process is changed by it. */
#include "tests/library/fixture.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/time.h>

#define SOON_NS (SECOND_NS / 50)

static int invoke(struct kvick_vm *vm, const char *request, uint64_t timeout_ns)
{
	char reply[256];
	size_t bytes;

	return kvick_vm_invoke(vm, request, strlen(request), reply, sizeof(reply), &bytes, timeout_ns, &error);
}

static void a_guest_that_spins_is_ended_by_its_time_out(void **state)
{
	struct kvick_vm *vm = vm_alone(function_of("crasher"));

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(invoke(vm, "loop", SOON_NS), -ETIMEDOUT);
		assert_int_equal(kvick_vm_outcome(vm), KVICK_TIMED_OUT);
		assert_says(error.text, "time-out");
		CHECK(kvick_vm_reset(vm, &error));
	}
	kvick_vm_free(vm);
}

static void so_is_one_that_sleeps(void **state)
{
	struct kvick_vm *vm = vm_alone(function_of("sleeper"));

	(void)state;
	assert_int_equal(invoke(vm, "3600000", SOON_NS), -ETIMEDOUT);
	CHECK(kvick_vm_reset(vm, &error));
	assert_replies(vm, "30", "slept 30 ms\n"); /* longer than a tick */
	kvick_vm_free(vm);
}

/* Where nobody reads. */
static void so_is_one_that_waits_for_its_console(void **state)
{
	struct kvick_vm *vm = vm_alone(image_of("hello"));
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_true(fcntl(fds[1], F_SETPIPE_SZ, 4096) > 0);
	for (int i = 0; i < 4096; i++)
		assert_int_equal(write(fds[1], "x", 1), 1);
	kvick_vm_set_console_fd(vm, fds[1]);
	assert_int_equal(kvick_vm_run(vm, SOON_NS, &error), -ETIMEDOUT);
	kvick_vm_free(vm);
	close(fds[0]);
	close(fds[1]);
}

/* Where nobody will: SIGPIPE is not for a program that has done nothing. */
static void who_reads_a_console_may_go(void **state)
{
	struct kvick_vm *vm = vm_alone(image_of("hello"));
	uint64_t cut;
	size_t bytes;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	close(fds[0]);
	kvick_vm_set_console_fd(vm, fds[1]);
	CHECK(kvick_vm_run(vm, LIMIT_NS, &error));
	kvick_vm_console(vm, &bytes, &cut);
	assert_int_equal(bytes, 0);
	assert_true(cut >= 16);
	kvick_vm_free(vm);
	close(fds[1]);
}

/* Nothing leaves it: the VMM has a look now and then, by the same signal. */
static void a_guest_that_halts_for_good_is_found(void **state)
{
	struct kvick_options *options = kvick_options_new();
	struct kvick_template *t;
	struct kvick_vm *vm;

	(void)state;
	CHECK(kvick_options_set_ring(options, 0, &error));
	CHECK(kvick_options_add_argument(options, "privileged", &error));
	CHECK(kvick_template_of_image(&t, guest("crash"), options, &error));
	kvick_options_free(options);
	vm = vm_alone(t);
	assert_int_equal(kvick_vm_run(vm, LIMIT_NS, &error), -EPROTO);
	assert_says(error.text, "hlt: nothing can wake this guest");
	kvick_vm_free(vm);
}

static void a_guest_may_take_its_time_to_be_ready_or_not(void **state)
{
	struct kvick_options *options = kvick_options_new();
	struct kvick_template *spin, *t;

	(void)state;
	CHECK(kvick_template_of_image(&spin, guest("spin"), options, &error));
	assert_int_equal(kvick_template_snapshot(&t, spin, KVICK_AT_READY, SOON_NS, &error), -ETIMEDOUT);
	kvick_template_free(spin);
	kvick_options_free(options);
}

struct call {
	struct kvick_vm *vm;
	const char *request;
	int result;
};

static void *call(void *context)
{
	struct call *c = context;
	char reply[256];
	size_t bytes;

	c->result = kvick_vm_invoke(c->vm, c->request, strlen(c->request), reply, sizeof(reply), &bytes, 0, NULL);
	return NULL;
}

static void cancel_from_here(struct kvick_vm *vm, const char *request)
{
	struct call c = { .vm = vm, .request = request };
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, call, &c), 0);
	while (kvick_vm_cancel(vm) == -ESRCH)
		usleep(1000);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(c.result, -ECANCELED);
	assert_int_equal(kvick_vm_outcome(vm), KVICK_CANCELLED);
}

static void another_thread_ends_a_guest_that_spins(void **state)
{
	struct kvick_vm *vm = vm_alone(function_of("crasher"));

	(void)state;
	for (int i = 0; i < 20; i++) {
		cancel_from_here(vm, "loop");
		CHECK(kvick_vm_reset(vm, &error));
	}
	kvick_vm_free(vm);
}

static void or_one_that_sleeps(void **state)
{
	struct kvick_vm *vm = vm_alone(function_of("sleeper"));

	(void)state;
	for (int i = 0; i < 20; i++) {
		cancel_from_here(vm, "3600000");
		CHECK(kvick_vm_reset(vm, &error));
	}
	assert_replies(vm, "1", "slept 1 ms\n");
	kvick_vm_free(vm);
}

static void where_nothing_runs_nothing_is_cancelled(void **state)
{
	struct kvick_vm *vm = vm_alone(function_of("echo"));

	(void)state;
	assert_int_equal(kvick_vm_cancel(vm), -ESRCH);
	assert_replies(vm, "goes on", "goes on");
	assert_int_equal(kvick_vm_cancel(vm), -ESRCH);
	kvick_vm_free(vm);
}

/* With a signal whose default is to end the process. */
static struct kvick_vm *vm_with_another_signal(const char *name)
{
	struct kvick_options *options = kvick_options_new();
	struct kvick_template *image, *t;

	CHECK(kvick_options_set_signal(options, SIGRTMIN + 3, &error));
	CHECK(kvick_template_of_image(&image, guest(name), options, &error));
	CHECK(kvick_template_snapshot(&t, image, KVICK_AT_READY, LIMIT_NS, &error));
	kvick_template_free(image);
	kvick_options_free(options);
	return vm_alone(t);
}

static void the_signal_may_be_another(void **state)
{
	struct kvick_vm *vm = vm_with_another_signal("crasher");

	(void)state;
	for (int i = 0; i < 20; i++) {
		cancel_from_here(vm, "loop");
		CHECK(kvick_vm_reset(vm, &error));
	}
	assert_int_equal(invoke(vm, "loop", SOON_NS), -ETIMEDOUT);
	kvick_vm_free(vm);
}

static atomic_bool enough;

static void *cancel_all_the_time(void *vm)
{
	while (!enough)
		kvick_vm_cancel(vm);
	return NULL;
}

/* Nothing of it comes later, when nobody expects it. */
static void a_cancel_may_come_as_a_guest_ends(void **state)
{
	struct kvick_vm *vm = vm_with_another_signal("echo");
	pthread_t thread;

	(void)state;
	enough = false;
	assert_int_equal(pthread_create(&thread, NULL, cancel_all_the_time, vm), 0);
	for (int i = 0; i < 200; i++) {
		int r = invoke(vm, "x", i % 2 ? LIMIT_NS : 0);

		assert_true(r == 0 || r == -ECANCELED);
		CHECK(kvick_vm_reset(vm, &error));
	}
	enough = true;
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_replies(vm, "x", "x");
	kvick_vm_free(vm);
}

static void a_crash_says_what_it_was(void **state)
{
	struct kvick_vm *vm = vm_alone(function_of("crasher"));

	(void)state;
	assert_int_equal(invoke(vm, "null", LIMIT_NS), -EPROTO);
	assert_int_equal(kvick_vm_outcome(vm), KVICK_CRASHED);
	assert_says(error.text, "crasher.elf: guest crashed: #PF page fault");
	assert_string_equal(kvick_vm_reason(vm), error.text);
	CHECK(kvick_vm_reset(vm, &error));
	assert_string_equal(kvick_vm_reason(vm), "");
	assert_int_equal(invoke(vm, "divide", LIMIT_NS), -EPROTO);
	assert_says(error.text, "#DE");
	kvick_vm_free(vm);
}

static void who_ends_without_a_reply_has_given_none(void **state)
{
	struct kvick_vm *vm = vm_alone(function_of("crasher"));

	(void)state;
	assert_int_equal(invoke(vm, "exit", LIMIT_NS), -ENODATA);
	assert_int_equal(kvick_vm_outcome(vm), KVICK_EXITED);
	assert_int_equal(kvick_vm_status(vm), 3);
	assert_says(error.text, "without a reply");
	kvick_vm_free(vm);
}

static void a_reply_that_does_not_fit_ends_the_guest(void **state)
{
	struct kvick_vm *vm = vm_alone(function_of("echo"));
	char reply[4];
	size_t bytes;

	(void)state;
	assert_int_equal(kvick_vm_invoke(vm, "hello", 5, reply, sizeof(reply), &bytes, LIMIT_NS, &error), -EPROTO);
	assert_int_equal(kvick_vm_outcome(vm), KVICK_BROKE_OFF);
	assert_int_equal(bytes, 0);
	assert_says(error.text, "5 bytes, and 4 fit");
	kvick_vm_free(vm);
}

static void a_machine_runs_once_until_it_is_reset(void **state)
{
	struct kvick_vm *vm = vm_alone(function_of("echo"));

	(void)state;
	assert_replies(vm, "once", "once");
	assert_int_equal(kvick_vm_run(vm, LIMIT_NS, &error), -EALREADY);
	assert_says(error.text, "reset it");
	assert_int_equal(invoke(vm, "twice", LIMIT_NS), -EALREADY);
	assert_int_equal(kvick_vm_outcome(vm), KVICK_EXITED); /* still the first one's */
	CHECK(kvick_vm_reset(vm, &error));
	assert_replies(vm, "twice", "twice");
	kvick_vm_free(vm);
}

/* Dispositions, the mask, the interval timers. */
struct process {
	void (*handlers[64])(int);
	sigset_t mask;
	struct itimerval timer;
};

static void look_at_the_process(struct process *p)
{
	memset(p, 0, sizeof(*p));
	for (int signal = 1; signal < 64; signal++) {
		struct sigaction action = { .sa_handler = SIG_DFL };

		sigaction(signal, NULL, &action);
		p->handlers[signal] = action.sa_handler;
	}
	pthread_sigmask(SIG_SETMASK, NULL, &p->mask);
	getitimer(ITIMER_REAL, &p->timer);
}

static void the_process_is_as_it_was(void **state)
{
	struct process before, after;
	sigset_t pending;

	(void)state;
	look_at_the_process(&before);
	a_guest_that_spins_is_ended_by_its_time_out(state);
	another_thread_ends_a_guest_that_spins(state);
	a_crash_says_what_it_was(state);
	look_at_the_process(&after);
	assert_memory_equal(&before, &after, sizeof(before));
	sigpending(&pending);
	for (int signal = 1; signal < 64; signal++)
		assert_false(sigismember(&pending, signal) == 1);
}

static volatile sig_atomic_t handled;

static void on_signal(int signal)
{
	(void)signal;
	handled++;
}

/* What the program handles, it handles while a guest runs in its only thread. */
static void the_program_s_own_handlers_run_meanwhile(void **state)
{
	const struct sigaction action = { .sa_handler = on_signal };
	const struct itimerval often = { .it_value.tv_usec = 5000, .it_interval.tv_usec = 5000 }, never = { 0 };
	struct kvick_vm *vm = vm_alone(function_of("crasher"));
	struct sigaction before;

	(void)state;
	handled = 0;
	sigaction(SIGALRM, &action, &before);
	setitimer(ITIMER_REAL, &often, NULL);
	assert_int_equal(invoke(vm, "loop", SECOND_NS / 5), -ETIMEDOUT);
	setitimer(ITIMER_REAL, &never, NULL);
	sigaction(SIGALRM, &before, NULL);
	assert_true(handled > 1);
	kvick_vm_free(vm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_process_is_as_it_was), /* first: the others would have changed it before */
		TEST(a_guest_that_spins_is_ended_by_its_time_out),
		TEST(so_is_one_that_sleeps),
		TEST(so_is_one_that_waits_for_its_console),
		TEST(who_reads_a_console_may_go),
		TEST(a_guest_that_halts_for_good_is_found),
		TEST(a_guest_may_take_its_time_to_be_ready_or_not),
		TEST(another_thread_ends_a_guest_that_spins),
		TEST(or_one_that_sleeps),
		TEST(where_nothing_runs_nothing_is_cancelled),
		TEST(the_signal_may_be_another),
		TEST(a_cancel_may_come_as_a_guest_ends),
		TEST(a_crash_says_what_it_was),
		TEST(who_ends_without_a_reply_has_given_none),
		TEST(a_reply_that_does_not_fit_ends_the_guest),
		TEST(a_machine_runs_once_until_it_is_reset),
		TEST(the_program_s_own_handlers_run_meanwhile),
	};

	return cmocka_run_group_tests_name("library: ends", tests, NULL, NULL);
}
