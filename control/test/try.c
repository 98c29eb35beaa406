/* SPDX-License-Identifier: Apache-2.0 */
#include "control/test/try.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control/test/command.h"
#include "control/test/shell.h"
#include "vmm/error.h"

#define GRACE_NS 5000000000ull /* for kvick to end a guest whose time is over, before it is ended itself */
#define AFTER_NS 5000000000ull /* at least, for `after` */
#define REPLY_KEPT_BYTES (8u << 20)
#define COMMANDS_KEPT_BYTES (64u << 10)
#define READ_BYTES (256u << 10) /* at a time, of one pipe: others wait */
/* In a pipe when its writer has gone; who still writes then does not belong there. */
#define REST_BYTES (2u << 20)

int try_prepare(struct try *t, struct try_shared *shared, struct error *error)
{
	*t = (struct try){ .shared = shared, .out = -1, .err = -1, .commands = -1, .commands_write = -1 };
	t->child.pidfd = -1;
	t->stamps = memfd_create("stamps", MFD_CLOEXEC);
	return t->stamps < 0 ? error_set(error, ERROR_HOST, errno, "memfd_create: %s: raise the limit of open files (ulimit -n)",
					 strerror(errno)) : 0;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void try_free(struct try *t)
{
	capture_free(&t->said);
	capture_free(&t->complained);
	capture_free(&t->reported);
	close_fd(&t->stamps);
}

/* *ours does not block; *theirs does, as programs expect it. */
static bool make_pipe(struct try *t, int *ours, int *theirs)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0 || fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0) {
		problems_add(&t->problems, "pipe: %s: raise the limit of open files (ulimit -n), or run fewer at once (--jobs)",
			     strerror(errno));
		return false;
	}
	*ours = ends[0];
	*theirs = ends[1];
	return true;
}

static bool start(struct try *t, const struct child_config *config, struct child *child)
{
	struct error error = { 0 };

	if (child_start(child, config, &error) == 0)
		return true;
	problems_add(&t->problems, "%s", error.text);
	child->pid = 0;
	return false;
}

static bool start_command(struct try *t, const char *command, struct child *child, struct problems *problems)
{
	const struct shell_config config = {
		.command = command, .kvick = t->shared->kvick, .scratch = t->scratch,
		.manifest_directory = t->shared->manifest->directory, .null = t->shared->null, .out = t->commands_write,
	};
	struct error error = { 0 };

	if (shell_start(child, &config, &error) == 0)
		return true;
	problems_add(problems, "%s", error.text);
	child->pid = 0;
	return false;
}

/* Standard input: a file, or none. */
static int open_input(struct try *t)
{
	const char *path = t->outcome->of->stdin_path;
	int fd;

	if (!path)
		return t->shared->null;
	/* A FIFO that nobody writes to would keep us here. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		problems_add(&t->problems, "stdin: %s: %s", path, strerror(errno));
	else
		fcntl(fd, F_SETFL, 0);
	return fd;
}

static bool by_report(const struct try *t)
{
	return t->outcome->of->memory_max && !t->measured;
}

static char **words_of(const struct try *t, const char *report, uint64_t timeout_ns)
{
	return command_make(&(struct command_config){ .of = t->outcome->of, .ring = t->outcome->ring, .scratch = t->scratch,
						      .report = report, .timeout_ns = timeout_ns });
}

static char **guest_words(struct try *t, uint64_t now)
{
	char report[SCRATCH_PATH_BYTES + 32] = "stamps=3";
	uint64_t until = t->began_ns + t->outcome->of->timeout_ns;
	char **words;

	if (by_report(t))
		snprintf(report, sizeof(report), "json=%s/" TRY_REPORT_NAME, t->scratch);
	else if (lseek(t->stamps, 0, SEEK_SET) < 0 || ftruncate(t->stamps, 0) < 0)
		problems_add(&t->problems, "memfd: %s", strerror(errno));
	words = words_of(t, report, until > now ? until - now : 1);
	if (!words)
		problems_add(&t->problems, "no memory for a command line");
	return words;
}

/* For whoever looks at a folder that was kept: the same without a report. */
static void keep_command(struct try *t)
{
	char path[SCRATCH_PATH_BYTES + 16], **words = words_of(t, NULL, t->outcome->of->timeout_ns);
	char *text = words ? command_text(t->shared->kvick, words) : NULL;
	FILE *file;

	snprintf(path, sizeof(path), "%s/command", t->scratch);
	file = text ? fopen(path, "we") : NULL;
	if (!file || fprintf(file, "%s\n", text) < 0)
		problems_add(&t->problems, "%s: %s", path, strerror(errno));
	if (file && fclose(file) != 0)
		problems_add(&t->problems, "%s: %s", path, strerror(errno));
	free(text);
	command_free(words);
}

static bool start_guest(struct try *t, char **words)
{
	struct child_config config = { .path = t->shared->kvick, .argv = words, .in = open_input(t), .out = -1, .err = -1,
				       .stamps = by_report(t) ? -1 : t->stamps, .new_session = true };
	bool started = config.in >= 0 && make_pipe(t, &t->out, &config.out) && make_pipe(t, &t->err, &config.err) &&
		       start(t, &config, &t->child);

	if (config.in >= 0 && config.in != t->shared->null)
		close(config.in);
	close_fd(&config.out);
	close_fd(&config.err);
	return started;
}

static void begin_guest(struct try *t)
{
	const struct test_case *of = t->outcome->of;
	uint64_t now = measure_now_ns();
	char **words = NULL;

	if (of->beside && !start_command(t, of->beside, &t->beside, &t->problems))
		return;
	words = guest_words(t, now);
	if (t->shared->plan->keep_scratch)
		keep_command(t);
	if (t->problems.count == 0 && start_guest(t, words)) {
		t->was_started = true;
		t->spawned_ns = t->child.spawned_ns;
		t->spawned_tsc = t->child.spawned_tsc;
		t->phase = TRY_GUEST;
		t->kill_ns = (t->began_ns + of->timeout_ns > now ? t->began_ns + of->timeout_ns : now) + GRACE_NS;
	}
	command_free(words);
}

void try_begin(struct try *t, struct test_outcome *outcome)
{
	const struct test_case *of = outcome->of;

	t->outcome = outcome;
	t->phase = TRY_OVER;
	t->broken_off = t->killed = t->was_started = false;
	t->beside.pid = 0;
	t->scratch[0] = '\0';
	capture_begin(&t->said, of->request_path ? REPLY_KEPT_BYTES : CONSOLE_KEPT_BYTES);
	capture_begin(&t->complained, CONSOLE_KEPT_BYTES);
	capture_begin(&t->reported, COMMANDS_KEPT_BYTES);
	t->began_ns = measure_now_ns();
	if ((scratch_wanted(of) || t->shared->plan->keep_scratch) &&
	    !scratch_make(&t->shared->scratches, of, t->scratch, &t->problems))
		return;
	if ((of->before || of->beside || of->after) && !make_pipe(t, &t->commands, &t->commands_write))
		return;
	if (!of->before) {
		begin_guest(t);
	} else if (start_command(t, of->before, &t->child, &t->problems)) {
		t->phase = TRY_BEFORE;
		t->kill_ns = t->began_ns + of->timeout_ns;
	}
}

void try_fds(const struct try *t, struct pollfd fds[TRY_FDS])
{
	const int each[TRY_FDS] = { t->child.pidfd, t->out, t->err, t->commands };

	for (size_t i = 0; i < TRY_FDS; i++)
		fds[i] = (struct pollfd){ .fd = t->phase == TRY_OVER ? -1 : each[i], .events = POLLIN };
}

/* One of the case's commands has ended. */
static bool command_passed(struct try *t, const char *name, int status, struct problems *problems)
{
	if (t->killed && WIFSIGNALED(status))
		problems_add(problems, "%s: it did not end in time, and was killed (timeout = %gs)", name,
			     (double)t->outcome->of->timeout_ns / 1e9);
	else if (WIFSIGNALED(status))
		problems_add(problems, "%s: it was ended by signal %d (%s)", name, WTERMSIG(status), strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status) != 0)
		problems_add(problems, "%s: it exited with %d", name, WEXITSTATUS(status));
	else
		return true;
	return false;
}

static void begin_after(struct try *t)
{
	uint64_t now = measure_now_ns(), until = t->began_ns + t->outcome->of->timeout_ns;

	if (!t->outcome->of->after || !start_command(t, t->outcome->of->after, &t->child, &t->of_after))
		return;
	t->phase = TRY_AFTER;
	t->kill_ns = until > now + AFTER_NS ? until : now + AFTER_NS;
}

static void drain(struct capture *capture, int *fd)
{
	if (*fd >= 0)
		capture_read(capture, *fd, REST_BYTES);
}

/*
 * Its process has ended. What it started and left in its group goes with it, but for `before`, which may start what a guest
 * needs.
 */
static void phase_over(struct try *t)
{
	enum try_phase phase = t->phase;
	struct child_end end;

	if (phase != TRY_BEFORE || t->broken_off)
		kill(-t->child.pid, SIGKILL); /* not reaped yet: the number is still its own */
	child_reap(&t->child, 0, &end);
	t->phase = TRY_OVER;
	drain(&t->reported, &t->commands);
	if (phase == TRY_GUEST) {
		drain(&t->said, &t->out);
		drain(&t->complained, &t->err);
		close_fd(&t->out);
		close_fd(&t->err);
		try_take_end(t, &end);
		t->killed = false;
	}
	if (t->broken_off)
		return;
	if (phase == TRY_GUEST && ending_expected(t->outcome->of, &t->ending))
		begin_after(t);
	else if (phase == TRY_AFTER)
		command_passed(t, "after", end.status, &t->of_after);
	else if (phase == TRY_BEFORE && command_passed(t, "before", end.status, &t->problems))
		begin_guest(t);
}

static void read_more(struct capture *capture, int *fd, short events)
{
	if (events && !capture_read(capture, *fd, READ_BYTES))
		close_fd(fd);
}

void try_go_on(struct try *t, const struct pollfd fds[TRY_FDS])
{
	if (t->phase == TRY_OVER)
		return;
	read_more(&t->said, &t->out, fds[1].revents);
	read_more(&t->complained, &t->err, fds[2].revents);
	read_more(&t->reported, &t->commands, fds[3].revents);
	if (fds[0].revents) {
		phase_over(t);
	} else if (!t->killed && measure_now_ns() >= t->kill_ns) {
		t->killed = true;
		kill(-t->child.pid, SIGKILL);
	}
}

void try_break_off(struct try *t)
{
	if (t->phase == TRY_OVER)
		return;
	t->broken_off = true;
	kill(-t->child.pid, SIGKILL);
}
