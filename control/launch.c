/* SPDX-License-Identifier: Apache-2.0 */
#include "control/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/commands.h"
#include "control/exit_codes.h"
#include "control/report_devices.h"
#include "control/report_solo5.h"
#include "control/request.h"
#include "control/signals.h"
#include "control/terminal.h"
#include "control/text.h"

/* Why a console has lost output; both write to stdout. */
static int console_errnum(const struct machine *m)
{
	return m->console.errnum ? m->console.errnum : m->config->devices.count ? devices_console_lost(&m->devices) : 0;
}

static int exit_code(const struct machine *m)
{
	int signal = m->config->stop->signal;

	switch (m->outcome) {
	case OUTCOME_EXITED:
		return console_errnum(m) ? EXIT_HOST : m->status;
	case OUTCOME_RESET:
		return EXIT_RESET;
	case OUTCOME_CRASHED:
	case OUTCOME_BROKE_OFF:
		return EXIT_CRASHED;
	case OUTCOME_STOPPED:
		return signal == SIGALRM ? EXIT_TIMEOUT : EXIT_SIGNAL + signal;
	default:
		return m->error.kind == ERROR_IMAGE ? EXIT_IMAGE : EXIT_HOST;
	}
}

/* What went wrong beyond the guest's own exit code, for people. */
static void say(struct text *text, struct machine *m)
{
	int signal = m->config->stop->signal, errnum = console_errnum(m);

	if (m->outcome == OUTCOME_CRASHED) {
		crash_text(text, m);
	} else if (m->error.kind != ERROR_NONE) {
		text_printf(text, "kvick: %s\n", m->error.text);
	} else if (m->outcome == OUTCOME_RESET) {
		text_printf(text, "kvick: ");
		text_name(text, m->config->image_path);
		text_printf(text, ": the guest reset itself\n");
	} else if (m->outcome == OUTCOME_STOPPED) {
		text_printf(text, "kvick: ");
		text_name(text, m->config->image_path);
		if (signal == SIGALRM)
			text_printf(text, ": ended by --timeout\n");
		else
			text_printf(text, ": ended by signal %d\n", signal);
	}
	if (m->config->devices.count)
		devices_say(text, m);
	if (m->solo5)
		solo5_say(text, m);
	if (errnum && errnum != EFAULT) /* that one is RAM's fault, and has been said */
		text_printf(text, "kvick: console: %s: the guest's output is incomplete: make room or fix where %s goes\n",
			    strerror(errnum), m->config->invocation ? "stderr" : "stdout");
}

COLD static void notice(struct machine *m, const char *what)
{
	struct text text;

	text_begin(&text, &m->sys, STDERR_FILENO);
	text_printf(&text, "kvick: ");
	text_name(&text, m->config->image_path);
	text_printf(&text, ": %s\n", what);
	text_end(&text);
}

COLD static int descriptor_of_stamps(const struct run_options *o, struct sys *sys, struct error *error)
{
	int fd = atoi(o->report_path), r = sys_fcntl(sys, fd, F_GETFL, 0);

	if (r >= 0 && (r & O_ACCMODE) != O_RDONLY)
		return fd;
	r = r < 0 ? -r : EBADF;
	return error_set(error, ERROR_HOST, r, "--report stamps=%d: %s: give a descriptor that is open for writing", fd,
			 strerror(r));
}

static int open_report(struct run_options *o, struct sys *sys, struct error *error)
{
	struct stat report, image;

	if (o->report == REPORT_STAMPS)
		return descriptor_of_stamps(o, sys, error);
	if (!o->report_path)
		return STDERR_FILENO;
	/* O_NONBLOCK: a FIFO that nobody reads is refused instead of waited for. Emptied only when it is known what it is. */
	int fd = sys_open(sys, o->report_path, O_WRONLY | O_CREAT | O_NONBLOCK | O_CLOEXEC | O_NOCTTY, 0666);
	int r = fd < 0 ? fd : sys_fstat(sys, fd, &report);

	if (r == 0 && stat(o->machine.image_path, &image) == 0 && image.st_dev == report.st_dev && image.st_ino == report.st_ino)
		return error_set(error, ERROR_USAGE, EINVAL, "--report: %s is the image: name another file", o->report_path);
	if (r == 0 && S_ISREG(report.st_mode))
		r = sys_ftruncate(sys, fd, 0);
	if (r < 0)
		return error_set(error, ERROR_HOST, -r, "--report: %s: %s: name a file that can be written", o->report_path,
				 strerror(-r));
	return fd;
}

/* Everything is said, and the code decided, after the machine is gone. */
static int finish(struct launch *l, int code)
{
	enum report_kind report = l->options.report;
	struct machine *m = &l->machine;
	struct text text;

	text_begin(&text, &m->sys, STDERR_FILENO);
	say(&text, m);
	if (m->config->invocation)
		code = request_finish(&text, m, code);
	text_end(&text);
	text_begin(&text, &m->sys, l->report_fd);
	if (report == REPORT_TEXT)
		report_text(&text, m, &l->basis);
	else if (report == REPORT_JSON)
		report_json(&text, m, &l->basis, code);
	else if (report == REPORT_STAMPS)
		text.failed = report_stamps(m, l->report_fd, code);
	if (text_end(&text) < 0) {
		text_begin(&text, &m->sys, STDERR_FILENO);
		text_printf(&text, "kvick: --report: it could not be written: make room, or name another file\n");
		text_end(&text);
		return EXIT_HOST;
	}
	return code;
}

struct launch *launch_of_process(void)
{
	static struct launch launch;

	return &launch;
}

int launch_parse(struct launch *l, const struct command *command, int argc, char **argv)
{
	struct run_options *o = &l->options;
	struct machine *m = &l->machine;
	bool help = false;

	l->basis.status_fd = -1;
	o->env = l->env;
	o->devices = &l->devices;
	o->solo5 = &l->solo5;
	o->modules = l->modules;
	sys_init(&m->sys);
	timeline_stamp(&m->timeline, MARK_MAIN);
	if (run_options_parse(o, command, argc, argv, &help, &m->error) < 0)
		return command_failed(&m->error);
	return help ? options_help(command) : -1;
}

int launch_begin(struct launch *l)
{
	struct run_options *o = &l->options;
	struct machine *m = &l->machine;

	if (o->machine.report && o->report != REPORT_STAMPS) {
		l->used_at = __rdtsc();
		sys_clock_gettime(&m->sys, CLOCK_PROCESS_CPUTIME_ID, &l->used);
		report_begin(&l->basis, &m->sys);
	}
	if (o->request_path && request_read(&o->machine, o->request_path, &m->sys, &m->error) < 0)
		return command_failed(&m->error);
	o->machine.process_ends = !o->machine.report || o->report == REPORT_STAMPS;
	o->machine.notice = notice;
	o->machine.stop = signals_install(o->timeout_ns, &m->sys, &m->error);
	if (!o->machine.stop)
		return command_failed(&m->error);
	l->report_fd = open_report(o, &m->sys, &m->error);
	if (l->report_fd < 0)
		return command_failed(&m->error);
	l->console = o->has_devices ? device_options_find(o->devices, DEVICE_CONSOLE) : NULL;
	if (l->console && terminal_begin(l->console, &m->sys, &m->error) < 0)
		return command_failed(&m->error);
	return -1;
}

int launch_end(struct launch *l, int r)
{
	struct run_options *o = &l->options;
	struct machine *m = &l->machine;

	if (l->console)
		terminal_close(&m->sys);
	if (r < 0 && o->machine.stop->signal) {
		/* Whatever the signal made fail is not what ended the run. */
		m->outcome = OUTCOME_STOPPED;
		m->error.kind = ERROR_NONE;
		r = 0;
	}

	int code = r == 0 ? exit_code(m) : m->error.kind == ERROR_IMAGE ? EXIT_IMAGE :
		   m->error.kind == ERROR_USAGE ? EXIT_USAGE : EXIT_HOST;

	timeline_reckon_spawn(&m->timeline, l->used_at, (uint64_t)l->used.tv_sec * 1000000000u + (uint64_t)l->used.tv_nsec);
	code = finish(l, code);
	if (!o->machine.process_ends)
		machine_close(m);
	return code;
}
