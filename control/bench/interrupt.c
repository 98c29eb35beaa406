/* SPDX-License-Identifier: Apache-2.0 */
/* Signals end what is under way; what was measured is kept. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "control/bench/run.h"
#include "vmm/error.h"

static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
#define SIGNALS (sizeof(signals) / sizeof(signals[0]))

/* The handler's. The descriptor is what ends a poll() that begins just after the signal. */
static volatile sig_atomic_t came;
static volatile int told_fd = -1;
static struct sigaction before[SIGNALS], pipe_before;

static void note(int number)
{
	int errnum = errno;
	const uint64_t one = 1;

	if (!came)
		came = number;
	if (write(told_fd, &one, sizeof(one)) < 0) {
		/* Full: it has been told. */
	}
	errno = errnum;
}

/* Nobody reads what stderr hears: not to be ignored, for launches would inherit that. */
static void forget(int number)
{
	(void)number;
}

int interrupt_begin(struct error *error)
{
	const struct sigaction action = { .sa_handler = note }, nothing = { .sa_handler = forget };
	struct sigaction now;

	came = 0;
	told_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (told_fd < 0)
		return error_set(error, ERROR_HOST, errno, "eventfd: %s: raise the limit of open files (ulimit -n)",
				 strerror(errno));
	for (size_t i = 0; i < SIGNALS; i++) {
		/* What nohup and such ignore stays ignored. */
		sigaction(signals[i], NULL, &now);
		before[i] = now;
		if (now.sa_handler != SIG_IGN)
			sigaction(signals[i], &action, NULL);
	}
	sigaction(SIGPIPE, NULL, &pipe_before);
	if (pipe_before.sa_handler != SIG_IGN)
		sigaction(SIGPIPE, &nothing, NULL);
	return 0;
}

void interrupt_end(void)
{
	for (size_t i = 0; i < SIGNALS; i++)
		sigaction(signals[i], &before[i], NULL);
	sigaction(SIGPIPE, &pipe_before, NULL);
	close(told_fd);
	told_fd = -1;
}

int interrupt_fd(void)
{
	return told_fd;
}

int interrupt_signal(void)
{
	return came;
}
