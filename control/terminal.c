/* SPDX-License-Identifier: Apache-2.0 */
#include "control/terminal.h"

/* The kernel's own termios, not the C library's: the two differ, and tcsetattr() is not for signal handlers everywhere. */
#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "control/signals.h"
#include "virtio/config.h"
#include "vmm/error.h"
#include "vmm/sys.h"

/* Handlers need it, which are the process's. */
static struct termios before, during;
static volatile sig_atomic_t raw;
static int resized = -1;
static int group;        /* ours, of processes */
static int keeper;       /* its process id; 0: there is none */
static int keeper_end;  /* the end that is ours alone */

int ioctl(int fd, int request, ...); /* musl's; its header has another termios */

void terminal_end(void)
{
	int saved = errno, was = raw;

	raw = 0; /* first: on_continue() must not make it raw again. Whoever dies before the byte has the keeper do it. */
	if (was) {
		ioctl(STDIN_FILENO, TCSETS, &before);
		if (keeper) {
			ssize_t n = write(keeper_end, "", 1);

			(void)n; /* without it the keeper looks first whether there is anything to do */
		}
	}
	errno = saved;
}

COLD void terminal_close(struct sys *sys)
{
	int status;

	terminal_end();
	if (!keeper)
		return;
	sys_close(sys, keeper_end);
	sys_wait(sys, keeper, &status); /* interrupted: whoever inherits it does that */
	keeper = 0;
}

/*
 * What kills us without a handler (SIGKILL; SIGSYS, by which the sandbox kills; SIGABRT) leaves the terminal raw. So another
 * process waits at a socket whose other end is ours alone: a byte says that all is in order, its end without one that it is not.
 * It holds only the terminal and the socket. No signal reaches it: they are blocked, SIGTTOU too, by which who is in the background
 * would be stopped; and its session and name are its own, for those who kill whole groups, or by name.
 */
COLD _Noreturn static void keep(int end, struct sys *sys)
{
	struct termios now;
	sigset_t all;
	char byte;
	ssize_t n;

	memset(&all, 0xff, sizeof(all));
	sys_sigprocmask(sys, SIG_SETMASK, &all);
	syscall(SYS_setsid);
	sys_prctl(sys, PR_SET_NAME, (unsigned long)"tty-keeper", 0, 0, 0);
	/* In the place of standard output: the terminal is 0, and all from 2 on is closed. */
	if (dup2(end, STDOUT_FILENO) < 0)
		_exit(1);
	sys_close_from(STDERR_FILENO);
	n = read(STDOUT_FILENO, &byte, 1);
	/* If it is as we left it. A shell may have been quicker, and uses it. */
	if (n == 0 && ioctl(STDIN_FILENO, TCGETS, &now) == 0 && now.c_cc[VINTR] == TERMINAL_END_KEY)
		ioctl(STDIN_FILENO, TCSETS, &before);
	_exit(0);
}

static int start_keeper(struct sys *sys)
{
	int ends[2], r = sys_socketpair(sys, SOCK_STREAM | SOCK_CLOEXEC, ends);

	if (r < 0)
		return r;
	r = sys_fork(sys);
	if (r == 0) {
		sys_close(sys, ends[0]); /* whatever else is inherited: else it would wait for itself */
		keep(ends[1], sys);
	}
	sys_close(sys, ends[1]);
	if (r < 0) {
		sys_close(sys, ends[0]);
		return r;
	}
	keeper = r;
	keeper_end = ends[0];
	return 0;
}

/* Whoever stopped us, a shell most likely, has had the terminal as he likes it. In the background it is his still. */
static void on_continue(int signal)
{
	int saved = errno, foreground;

	(void)signal;
	if (raw && ioctl(STDIN_FILENO, TIOCGPGRP, &foreground) == 0 && foreground == group)
		ioctl(STDIN_FILENO, TCSETS, &during);
	errno = saved;
}

static void on_resize(int signal)
{
	const uint64_t one = 1;
	int saved = errno;
	ssize_t n = write(resized, &one, sizeof(one));

	(void)signal, (void)n;
	errno = saved;
}

/* SA_RESETHAND: back at the instruction that failed, the process ends as it would have. */
static void on_fault(int signal)
{
	(void)signal;
	terminal_end();
}

/*
 * Each key is the guest's, Ctrl-C too. But one: a guest that spins takes no keys from us, so a sequence that we would have to read
 * could not end it; an interrupt character is the kernel's to see, and its SIGINT ends a guest anywhere. Output stays as it was: a
 * newline also returns, for the guest's text and for ours.
 */
static void make_raw(struct termios *t)
{
	t->c_iflag &= ~(unsigned)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON | IXOFF);
	t->c_lflag &= ~(unsigned)(ECHO | ECHONL | ICANON | IEXTEN);
	t->c_lflag |= ISIG | NOFLSH;
	t->c_cflag = (t->c_cflag & ~(unsigned)(CSIZE | PARENB)) | CS8;
	t->c_cc[VMIN] = 1;
	t->c_cc[VTIME] = 0;
	t->c_cc[VINTR] = TERMINAL_END_KEY;
	t->c_cc[VQUIT] = t->c_cc[VSUSP] = 0; /* none: _POSIX_VDISABLE */
}

static bool is_terminal(int fd, struct termios *t, struct sys *sys)
{
	return sys_ioctl(sys, fd, TCGETS, (uintptr_t)t) == 0;
}

static int set_handlers(struct sys *sys)
{
	static const struct {
		int signal;
		void (*handler)(int);
		int flags;
	} handlers[] = {
		{ SIGSEGV, on_fault, (int)SA_RESETHAND },
		{ SIGILL, on_fault, (int)SA_RESETHAND },
		{ SIGFPE, on_fault, (int)SA_RESETHAND },
		{ SIGCONT, on_continue, 0 },
		/* In the background by then: setting it back must not stop us. */
		{ SIGTTOU, SIG_IGN, 0 },
	};
	int r = 0;

	for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]) && r == 0; i++) {
		const struct sigaction action = { .sa_handler = handlers[i].handler, .sa_flags = handlers[i].flags };

		r = sys_sigaction(sys, handlers[i].signal, &action, NULL);
	}
	return r;
}

static int watch_size(struct device_config *console, int terminal, struct sys *sys)
{
	const struct sigaction action = { .sa_handler = on_resize };

	resized = sys_eventfd(sys, 0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (resized < 0)
		return resized;
	console->terminal = terminal;
	console->resized = resized;
	return sys_sigaction(sys, SIGWINCH, &action, NULL);
}

int terminal_begin(struct device_config *console, struct sys *sys, struct error *error)
{
	const struct sigaction ignored = { .sa_handler = SIG_IGN };
	struct termios now, other;
	bool input = is_terminal(STDIN_FILENO, &now, sys), output = is_terminal(STDOUT_FILENO, &other, sys);
	int r;

	console->input = STDIN_FILENO;
	console->output = STDOUT_FILENO;
	console->terminal = console->resized = -1;
	/* Whoever reads our output may go: that is told, and ends neither the guest nor us. */
	r = sys_sigaction(sys, SIGPIPE, &ignored, NULL);
	if (r == 0)
		r = signals_stop_more(sys);
	if (r == 0 && (input || output))
		r = watch_size(console, output ? STDOUT_FILENO : STDIN_FILENO, sys);
	if (r == 0 && input) {
		before = during = now;
		make_raw(&during);
		group = getpgrp();
		r = start_keeper(sys);
		if (r == 0)
			r = set_handlers(sys);
		raw = 1; /* first: a signal may come right after the call */
		if (r == 0)
			r = sys_ioctl(sys, STDIN_FILENO, TCSETS, (uintptr_t)&during);
	}
	if (r < 0) {
		terminal_close(sys);
		return error_set(error, ERROR_HOST, -r, "--console: the terminal: %s: connect standard input to something else",
			         strerror(-r));
	}
	return 0;
}
