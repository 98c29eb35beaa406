/* SPDX-License-Identifier: Apache-2.0 */
/* Launches that do not count: snapshots, what kvick reports of one, why one failed. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <jansson.h>

#include "control/bench/memory.h"
#include "control/bench/run.h"
#include "control/bench/run_words.h"
#include "control/measure/program.h"
#include "vmm/error.h"

#define TEXT_BYTES_MAX (1u << 20)
#define NS_PER_MS      1000000u

/* All of it, to be freed. The other end may have written anything. */
static char *text_in(int fd)
{
	char *text = memory_of(1, TEXT_BYTES_MAX + 1);
	ssize_t n = fd < 0 ? 0 : pread(fd, text, TEXT_BYTES_MAX, 0);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

/* What a launch says, as much of it as is wanted; the rest is heard and forgotten, or it would wait for us. */
struct heard {
	int fd;                 /* ours; -1: it is not listened to */
	char *text;
	size_t used;
};

static void hear(struct heard *heard, struct child_config *config)
{
	int ends[2];

	*heard = (struct heard){ .fd = -1, .text = memory_of(1, TEXT_BYTES_MAX + 1) };
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return;
	heard->fd = ends[0];
	config->err = child_descriptor(ends[1]);
	fcntl(config->err, F_SETFL, 0);
}

/* At its end nobody reads what others still write. */
static void hear_no_more(struct heard *heard, struct child_config *config)
{
	if (heard->fd >= 0) {
		close(heard->fd);
		close(config->err);
	}
	free(heard->text);
}

/* As much as a pipe holds. */
static void listen_to(struct heard *heard)
{
	char more[65536];
	ssize_t n = read(heard->fd, more, sizeof(more));
	size_t room = TEXT_BYTES_MAX - heard->used, taken = n < 0 ? 0 : (size_t)n < room ? (size_t)n : room;

	memcpy(heard->text + heard->used, more, taken);
	heard->used += taken;
}

/* To its end. The exit status; 128 + N by a signal; -ETIMEDOUT, -EINTR; -errno with `error`. */
static int run_child(struct run *run, const struct child_config *config, struct heard *heard, struct error *error)
{
	uint64_t deadline = measure_now_ns() + run->plan->timeout_ns;
	struct child child;
	struct child_end end;
	int r = child_start(&child, config, error);

	if (r < 0)
		return r;
	for (;;) {
		struct pollfd fds[] = { { .fd = child.pidfd, .events = POLLIN }, { .fd = interrupt_fd(), .events = POLLIN },
					{ .fd = heard ? heard->fd : -1, .events = POLLIN } };
		uint64_t now = measure_now_ns();
		int ms = now < deadline ? (int)((deadline - now) / NS_PER_MS % INT32_MAX) + 1 : 0;

		r = poll(fds, 3, ms);
		if (fds[2].revents && r > 0)
			listen_to(heard);
		if (fds[0].revents && r > 0)
			break;
		if (interrupt_signal() || measure_now_ns() >= deadline) {
			child_kill(&child, &end);
			left_behind_look(run);
			return interrupt_signal() ? -EINTR : -ETIMEDOUT;
		}
	}
	kill(-child.pid, SIGKILL); /* what it leaves in its group; until it is reaped the number is its own */
	child_reap(&child, 0, &end);
	left_behind_look(run);
	if (heard && heard->fd >= 0)
		listen_to(heard);
	return WIFEXITED(end.status) ? WEXITSTATUS(end.status) : 128 + WTERMSIG(end.status);
}

static struct child_config config_of(struct run *run, const struct subject *s, char **argv)
{
	return (struct child_config){ .path = s->path, .argv = argv, .in = run->null_fd, .out = run->null_fd, .err = run->null_fd,
				      .stamps = run->null_fd, .cpus = run->plan->pinned ? &run->plan->cpus : NULL,
				      .envp = left_behind_mark(run) };
}

/* --- why --- */

/*
 * The first line that says something; of kvick's that which kvick says, where it does: the guest may have said something before.
 * What it may do to a terminal is taken out.
 */
static void first_line(char *line, size_t bytes, const char *text, bool of_kvick)
{
	const char *from = text + strspn(text, "\r\n\t "), *kvicks = strstr(text, "\nkvick: ");
	size_t n;

	if (of_kvick && kvicks && strncmp(from, "kvick: ", 7) != 0)
		from = kvicks + 1;
	n = strcspn(from, "\r\n");
	n = n < bytes ? n : bytes - 1;
	memcpy(line, from, n);
	line[n] = '\0';
	for (char *c = line; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
}

void inspect_failure(struct run *run, struct runner *runner)
{
	struct subject_results *results = runner->results;
	const struct subject *s = runner->subject;
	struct child_config config = config_of(run, s, s->argv);
	char line[sizeof(results->failure)];
	size_t used = strlen(results->failure);
	struct heard heard;
	int r;

	if (runner->explained || interrupt_signal())
		return;
	runner->explained = true;
	hear(&heard, &config);
	r = run_child(run, &config, &heard, NULL);
	first_line(line, sizeof(line), heard.text, s->kind != SUBJECT_COMMAND);
	if (r == s->success)
		snprintf(results->failure + used, sizeof(results->failure) - used, "; the next one did not fail");
	else if (line[0])
		snprintf(results->failure + used, sizeof(results->failure) - used, ": %s", line);
	hear_no_more(&heard, &config);
}

/* --- reports --- */

/* What is no report of a launch that was good is none. The ring: -1: not known. */
static int take_report(struct runner *runner, char *text)
{
	json_t *report = json_loads(text, 0, NULL);
	json_int_t ring = -1, peak = 0;

	if (report) {
		json_unpack(report, "{s:I}", "ring", &ring);
		json_unpack(report, "{s:{s:I}}", "memory", "peak_resident_bytes", &peak);
		if (runner->subject->kind != SUBJECT_POOLED) {
			text[strcspn(text, "\n")] = '\0';
			runner->results->report = text_of("%s", text);
			runner->results->peak_bytes = peak > 0 ? (uint64_t)peak : 0;
		}
	}
	json_decref(report);
	return ring == 0 || ring == 3 ? (int)ring : -1;
}

static int inspect_report(struct run *run, struct runner *runner)
{
	const struct subject *s = runner->subject;
	char **argv = plan_launch(run->plan, s, "json=/dev/fd/3");
	struct child_config config = config_of(run, s, argv);
	int ring = -1, fd = child_descriptor(memfd_create("kvick-bench", MFD_CLOEXEC));

	if (fd >= 0) {
		config.stamps = fd;
		if (run_child(run, &config, NULL, NULL) == s->success) {
			char *text = text_in(fd);

			ring = take_report(runner, text);
			free(text);
		}
		close(fd);
	}
	words_free(argv);
	return ring;
}

static bool has_floor(const struct plan *plan)
{
	return plan->subjects[plan->subject_count - 1].kind == SUBJECT_FLOOR;
}

void inspect_reports(struct run *run)
{
	bool wants_ring = has_floor(run->plan);
	int ring = -1;

	for (size_t i = 0; i < run->plan->subject_count && !interrupt_signal(); i++) {
		struct runner *runner = &run->runners[i];
		const struct subject *s = runner->subject;

		if (!runner_goes_on(runner))
			continue;
		if (s->kind == SUBJECT_COLD || s->kind == SUBJECT_RESTORED ||
		    (s->kind == SUBJECT_POOLED && wants_ring && ring < 0)) {
			int its = inspect_report(run, runner);

			ring = ring < 0 ? its : ring;
		} else if (s->kind == SUBJECT_FLOOR && ring >= 0) {
			size_t last = 0;

			while (s->argv[last + 1])
				last++;
			s->argv[last][0] = (char)('0' + ring);
		}
	}
}

/* --- snapshots --- */

static bool says_when(const struct subject *s)
{
	for (char **word = s->options; *word; word++)
		if (strncmp(*word, "--after", 7) == 0)
			return true;
	return false;
}

/* The launcher executes kvick-snapshot, which is beside it. */
static char **words_of_snapshot(const struct run *run, const struct subject *s, bool at_entry)
{
	char *timeout = text_of("%lluus", (unsigned long long)(run->plan->timeout_ns / 1000));
	struct words words = { 0 };
	size_t last = 0;
	char **taken;

	while (s->argv[last + 1])
		last++;
	words_add(&words, "kvick");
	words_add(&words, "snapshot");
	words_add_options(&words, s->options, FOR_SNAPSHOT);
	words_add(&words, at_entry ? "--after" : "--timeout");
	words_add(&words, at_entry ? "0" : timeout);
	words_add(&words, "-o");
	words_add(&words, s->argv[last]);
	words_add(&words, s->image);
	if (s->arguments[0])
		words_add(&words, "--");
	words_add_all(&words, s->arguments);
	taken = words_take(&words);
	free(timeout);
	return taken;
}

static int make_snapshot(struct run *run, const struct subject *s, bool at_entry, struct error *error)
{
	char **argv = words_of_snapshot(run, s, at_entry);
	struct child_config config = config_of(run, s, argv);
	char line[ERROR_TEXT_BYTES / 2];
	struct heard heard;
	int r;

	hear(&heard, &config);
	r = run_child(run, &config, &heard, error);
	first_line(line, sizeof(line), heard.text, true);
	if (r == -ETIMEDOUT)
		error_set(error, ERROR_HOST, ETIMEDOUT, "kvick snapshot: not over after %.3g s (--timeout)",
			  (double)run->plan->timeout_ns / 1e9);
	else if (r != 0)
		error_set(error, ERROR_IMAGE, 0, "no snapshot: kvick snapshot: exit status %d: %s", r, line);
	hear_no_more(&heard, &config);
	words_free(argv);
	return r > 0 ? -EPROTO : r;
}

int inspect_snapshot(struct run *run, struct runner *runner, struct error *error)
{
	const struct subject *s = runner->subject;
	bool may_be_at_entry = !run->plan->request && !says_when(s);
	struct error first = { 0 };
	int r = make_snapshot(run, s, false, &first);

	if (r < 0 && r != -EINTR && may_be_at_entry && make_snapshot(run, s, true, NULL) == 0) {
		progress_say(run, "%s: a snapshot of it before its first instruction: it never says that it is ready for a "
			     "request", s->name);
		r = 0;
	} else if (r < 0) {
		error_set(error, first.kind, first.errnum, "%s", first.text);
	}
	return r;
}
