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
#include <unistd.h>

#include "control/signals.h"
#include "virtio/config.h"
#include "vmm/error.h"
#include "vmm/sys.h"

/* Handlers need it, which are the process's. */
static struct termios before;
static volatile sig_atomic_t raw;
static int resized = -1;

int ioctl(int fd, int request, ...); /* musl's; its header has another termios */

void terminal_end(void)
{
	int saved = errno;

	if (raw)
		ioctl(STDIN_FILENO, TCSETS, &before);
	raw = 0;
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
		before = now;
		make_raw(&now);
		r = set_handlers(sys);
		raw = 1; /* first: a signal may come right after the call */
		if (r == 0)
			r = sys_ioctl(sys, STDIN_FILENO, TCSETS, (uintptr_t)&now);
	}
	if (r < 0) {
		terminal_end();
		return error_set(error, ERROR_HOST, -r, "--console: the terminal: %s: connect standard input to something else",
			         strerror(-r));
	}
	return 0;
}
