/* SPDX-License-Identifier: Apache-2.0 */
#include "control/bench/unmeasured.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control/bench/memory.h"
#include "control/bench/run.h"

#define TEXT_BYTES_MAX (1u << 20)
#define NS_PER_MS      1000000u

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

/* At its end nobody reads what others still write. The text is the caller's. */
static char *hear_no_more(struct heard *heard, struct child_config *config)
{
	if (heard->fd >= 0) {
		close(heard->fd);
		close(config->err);
	}
	return heard->text;
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

/* heard: NULL: nobody listens. */
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

int unmeasured_run(struct run *run, const struct unmeasured *launch, char **said, struct error *error)
{
	struct child_config config = {
		.path = launch->subject->path, .argv = launch->argv, .in = run->null_fd, .out = run->null_fd, .err = run->null_fd,
		.stamps = launch->report_fd >= 0 ? launch->report_fd : run->null_fd,
		.cpus = run->plan->pinned ? &run->plan->cpus : NULL, .envp = left_behind_mark(run),
	};
	struct heard heard;
	int r;

	if (!said)
		return run_child(run, &config, NULL, error);
	hear(&heard, &config);
	r = run_child(run, &config, &heard, error);
	*said = hear_no_more(&heard, &config);
	return r;
}

void unmeasured_first_line(char *line, size_t bytes, const char *said, bool of_kvick)
{
	const char *from = said + strspn(said, "\r\n\t "), *kvicks = strstr(said, "\nkvick: ");
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
