/* SPDX-License-Identifier: Apache-2.0 */
#include "control/signals.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "control/exit_codes.h"
#include "control/terminal.h"
#include "vmm/error.h"
#include "vmm/stop.h"
#include "vmm/sys.h"

/* Signal handlers are a process's, so here and in terminal.c there are variables of file scope. */
static struct stop stop;

/* When --timeout is over, in nanoseconds of CLOCK_MONOTONIC; 0: never. Set before any handler can run. */
static uint64_t deadline_ns;

/* After the first stop signal: again and again, in case it came just before a call that blocks. */
#define REMIND_US 1000

#define NS_PER_S 1000000000ull

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

/* One timer serves three ends: the time-out, the machine's ticks and the reminders. */
static void arm(uint64_t us)
{
	struct itimerval value = { .it_value = { (time_t)(us / 1000000), (suseconds_t)(us % 1000000) } };

	setitimer(ITIMER_REAL, &value, NULL);
}

static void on_stop(int signal)
{
	int saved = errno;

	if (!stop.signal)
		stop.signal = signal;
	if (stop.immediate_exit)
		*stop.immediate_exit = 1;
	arm(REMIND_US);
	errno = saved;
}

static void on_timer(int signal)
{
	uint64_t left_us = UINT64_MAX;
	int saved = errno;

	stop.ticked = 1;
	if (!stop.signal && deadline_ns) {
		uint64_t now = now_ns();

		left_us = now < deadline_ns ? (deadline_ns - now) / 1000 + 1 : 0;
	}
	if (stop.signal || left_us == 0)
		on_stop(signal);
	else if (stop.ticks && left_us > STOP_TICK_US)
		arm(STOP_TICK_US);
	else if (left_us != UINT64_MAX)
		arm(left_us);
	errno = saved;
}

/*
 * A page of RAM is gone. Segments are mapped from the image's file, and whoever cuts the file short takes them away;
 * anything else (failing memory, a limit on hugepages) is the host's. There is nowhere to return to.
 */
static void on_bus_error(int signal, siginfo_t *info, void *context)
{
	static const char cut_short[] =
		"kvick: the image, or the snapshot's memory, was cut short while its guest ran: replace files by rename, not in "
		"place\n";
	static const char host[] = "kvick: SIGBUS: the host took a page of memory away (failing memory, a limit?): see dmesg\n";
	bool image = info->si_code == BUS_ADRERR;
	ssize_t n = write(STDERR_FILENO, image ? cut_short : host, image ? sizeof(cut_short) - 1 : sizeof(host) - 1);

	(void)signal, (void)context, (void)n;
	terminal_end();
	_exit(image ? EXIT_IMAGE : EXIT_HOST);
}

static int install(struct sys *sys, int signal, void (*handler)(int))
{
	struct sigaction action = { .sa_handler = handler }, before;

	if (!handler)
		action = (struct sigaction){ .sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO };

	int r = sys_sigaction(sys, signal, &action, &before);

	/* Who starts us with SIGINT ignored (a shell's background job) wants it so. */
	if (r == 0 && (signal == SIGINT || signal == SIGHUP) && before.sa_handler == SIG_IGN)
		r = sys_sigaction(sys, signal, &before, NULL);
	return r;
}

/* Whoever started us may have had them blocked (a daemon's thread pool): they are how a guest is ended. */
static int unblock(struct sys *sys)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGALRM, SIGBUS };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaddset(&set, signals[i]);
	return sys_sigprocmask(sys, SIG_UNBLOCK, &set);
}

COLD void signals_go_on(void)
{
	deadline_ns = 0;
	if (stop.signal == SIGALRM)
		stop.signal = 0;
	stop.ticks = 0;
}

COLD int signals_stop_more(struct sys *sys)
{
	int r = install(sys, SIGHUP, on_stop);

	return r < 0 ? r : install(sys, SIGQUIT, on_stop);
}

struct stop *signals_install(uint64_t timeout_ns, struct sys *sys, struct error *error)
{
	static const struct {
		int signal;
		void (*handler)(int);
	} handlers[] = {
		{ SIGINT, on_stop }, { SIGTERM, on_stop }, { SIGALRM, on_timer },
		{ SIGBUS, NULL /* on_bus_error, which wants more */ },
	};
	/* It goes off once in any case; its handler then knows whether anybody wants more. */
	bool soon = timeout_ns && timeout_ns < STOP_TICK_US * 1000;
	const struct itimerval first = { .it_value = { .tv_usec = soon ? (suseconds_t)(timeout_ns / 1000 + 1) : STOP_TICK_US } };
	uint64_t deadline;
	int r = 0;

	stop.ticks = 1; /* until the machine knows that it needs none */
	if (timeout_ns)
		deadline_ns = __builtin_add_overflow(now_ns(), timeout_ns, &deadline) ? 0 : deadline;

	for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]) && r == 0; i++)
		r = install(sys, handlers[i].signal, handlers[i].handler);
	if (r == 0)
		r = unblock(sys);
	if (r < 0) {
		error_set(error, ERROR_HOST, -r, "sigaction: %s", strerror(-r));
		return NULL;
	}
	r = sys_setitimer(sys, ITIMER_REAL, &first);
	if (r < 0) {
		error_set(error, ERROR_HOST, -r, "setitimer: %s", strerror(-r));
		return NULL;
	}
	return &stop;
}
