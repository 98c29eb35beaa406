/* SPDX-License-Identifier: Apache-2.0 */
#include "control/signals.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "control/exit_codes.h"
#include "vmm/error.h"
#include "vmm/stop.h"
#include "vmm/sys.h"

/* Signal handlers are a process's, so this is the one place with a variable of file scope. */
static struct stop stop;

/* After the first stop signal: again and again, in case it came just before a call that blocks. */
#define REMIND_US 1000

static void on_stop(int signal)
{
	static const struct itimerval remind = { { 0, REMIND_US }, { 0, REMIND_US } };
	int saved = errno;

	if (!stop.signal) {
		stop.signal = signal;
		setitimer(ITIMER_REAL, &remind, NULL);
	}
	if (stop.immediate_exit)
		*stop.immediate_exit = 1;
	errno = saved;
}

/* Segments are mapped from the image's file; whoever cuts the file short takes them away. */
static void on_bus_error(int signal)
{
	static const char text[] = "kvick: the image file was cut short while its guest ran: replace images by rename, not in place\n";

	(void)signal;
	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		_exit(EXIT_IMAGE);
	_exit(EXIT_IMAGE);
}

static int install(struct sys *sys, int signal, void (*handler)(int))
{
	struct sigaction action = { .sa_handler = handler }, before;
	int r = sys_sigaction(sys, signal, &action, &before);

	/* Who starts us with SIGINT ignored (a shell's background job) wants it so. */
	if (r == 0 && signal == SIGINT && before.sa_handler == SIG_IGN)
		r = sys_sigaction(sys, signal, &before, NULL);
	return r;
}

struct stop *signals_install(uint64_t timeout_ns, struct sys *sys, struct error *error)
{
	static const struct {
		int signal;
		void (*handler)(int);
	} handlers[] = {
		{ SIGINT, on_stop }, { SIGTERM, on_stop }, { SIGALRM, on_stop }, { SIGBUS, on_bus_error },
	};
	uint64_t us = timeout_ns ? (timeout_ns + 999) / 1000 : 0;
	struct itimerval timeout = {
		.it_value = { .tv_sec = (time_t)(us / 1000000), .tv_usec = (suseconds_t)(us % 1000000) },
		.it_interval = { 0, REMIND_US },
	};
	int r = 0;

	for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]) && r == 0; i++)
		r = install(sys, handlers[i].signal, handlers[i].handler);
	if (r < 0) {
		error_set(error, ERROR_HOST, -r, "sigaction: %s", strerror(-r));
		return NULL;
	}
	if (timeout_ns)
		r = sys_setitimer(sys, ITIMER_REAL, &timeout);
	if (r < 0) {
		error_set(error, ERROR_HOST, -r, "--timeout: setitimer: %s", strerror(-r));
		return NULL;
	}
	return &stop;
}
