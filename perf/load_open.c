/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The open loop: when a request is sent does not depend on when the one before was answered. A server that stalls delays all that
 * would have come meanwhile, and each of these counts, from when it should have been sent (leaving them out is "coordinated
 * omission").
 */
#include "perf/load.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define CHUNK_BYTES (64u << 10)
#define EVENTS 64
#define GRACE_NS 1000000000u /* for what is under way at the end */

struct connection {
	int fd;
	bool busy;
	size_t sent;
	uint64_t due_ns;        /* when its request should have been sent */
	struct http_response response;
};

struct loop {
	struct run *run;
	const struct http_target *target;
	const struct open_options *options;
	struct connection *connections, **unused; /* unused_count of those that wait for a request */
	unsigned unused_count;
	int epoll;
	uint64_t start_ns, end_ns, due_ns;
	double due;             /* the same as due_ns, seconds from the start: sums of what is no whole number of nanoseconds */
	uint64_t random;
};

static void attach(struct loop *loop, struct connection *c)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLRDHUP, .data.ptr = c };

	c->fd = http_connect(loop->target);
	if (fcntl(c->fd, F_SETFL, O_NONBLOCK) || epoll_ctl(loop->epoll, EPOLL_CTL_ADD, c->fd, &event)) {
		perror("load: epoll");
		exit(1);
	}
}

static void want(struct loop *loop, struct connection *c, uint32_t events)
{
	struct epoll_event event = { .events = events | EPOLLRDHUP, .data.ptr = c };

	epoll_ctl(loop->epoll, EPOLL_CTL_MOD, c->fd, &event);
}

static void reconnect(struct loop *loop, struct connection *c)
{
	close(c->fd);
	attach(loop, c);
}

static void give_up(struct loop *loop, struct connection *c)
{
	loop->run->broken++;
	reconnect(loop, c);
	if (c->busy)
		loop->unused[loop->unused_count++] = c;
	c->busy = false;
}

static void send_rest(struct loop *loop, struct connection *c)
{
	const struct http_target *t = loop->target;
	bool waited = c->sent > 0;

	while (c->sent < t->request_bytes) {
		ssize_t n = send(c->fd, t->request + c->sent, t->request_bytes - c->sent, MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN) {
			want(loop, c, EPOLLIN | EPOLLOUT);
			return;
		}
		if (n <= 0) {
			give_up(loop, c);
			return;
		}
		c->sent += (size_t)n;
	}
	if (waited)
		want(loop, c, EPOLLIN);
}

static void next_due(struct loop *loop)
{
	double gap = 1 / loop->options->rate;

	if (loop->options->poisson) {
		loop->random = loop->random * 6364136223846793005u + 1442695040888963407u;
		gap *= -log(((double)(loop->random >> 11) + 1) / 9007199254740993.0);
	}
	loop->due += gap;
	loop->due_ns = loop->start_ns + (uint64_t)(loop->due * 1e9);
}

static void send_due(struct loop *loop)
{
	uint64_t now = perf_now_ns();

	while (loop->due_ns <= now && loop->due_ns < loop->end_ns && loop->unused_count) {
		struct connection *c = loop->unused[--loop->unused_count];

		c->busy = true;
		c->sent = 0;
		c->due_ns = loop->due_ns;
		http_begin(&c->response);
		/* That no connection was free is the server's doing; the rest of a delay may be ours. */
		if (loop->run->late_count < loop->run->max)
			loop->run->late[loop->run->late_count++] = (float)(now - c->due_ns) / 1000;
		loop->run->scheduled++;
		next_due(loop);
		send_rest(loop, c);
		now = perf_now_ns();
	}
}

static void take(struct loop *loop, struct connection *c)
{
	static char chunk[CHUNK_BYTES];
	int whole = 0;

	while (!whole) {
		ssize_t n = recv(c->fd, chunk, sizeof(chunk), 0);

		if (n < 0 && errno == EAGAIN)
			return;
		whole = n <= 0 || !c->busy ? -1 : http_take(&c->response, chunk, (size_t)n);
	}
	if (whole < 0 && !c->busy) {
		reconnect(loop, c); /* a server may close what is idle */
		return;
	}
	if (whole < 0) {
		give_up(loop, c);
		return;
	}
	uint64_t now = perf_now_ns();

	run_take(loop->run, &c->response, (double)(now - c->due_ns) / 1000);
	loop->run->completed += now <= loop->end_ns;
	c->busy = false;
	loop->unused[loop->unused_count++] = c;
	if (c->response.close)
		reconnect(loop, c);
}

/* Until something comes, or is due. Nanoseconds: a millisecond is a whole invocation. */
static int wait_events(struct loop *loop, struct epoll_event *events)
{
	uint64_t now = perf_now_ns();
	uint64_t until = loop->unused_count && loop->due_ns < loop->end_ns ? loop->due_ns :
			 now < loop->end_ns ? loop->end_ns : loop->end_ns + GRACE_NS;
	uint64_t ns = until > now ? until - now : 0;
	struct timespec timeout = { .tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u) };

	return (int)syscall(SYS_epoll_pwait2, loop->epoll, events, EVENTS, &timeout, NULL, 0);
}

/* Those that were to be sent and were not answered: they took at least so long. */
static void count_unfinished(struct loop *loop)
{
	struct http_response none;
	uint64_t now = perf_now_ns();

	http_begin(&none);
	none.status = 200;
	for (unsigned i = 0; i < loop->options->connections; i++) {
		if (loop->connections[i].busy) {
			run_take(loop->run, &none, (double)(now - loop->connections[i].due_ns) / 1000);
			loop->run->unfinished++;
		}
	}
	for (; loop->due_ns < loop->end_ns; next_due(loop)) {
		run_take(loop->run, &none, (double)(now - loop->due_ns) / 1000);
		loop->run->scheduled++;
		loop->run->unfinished++;
	}
	loop->run->status[200] -= loop->run->unfinished;
}

void open_loop(struct run *run, const struct http_target *target, const struct open_options *options)
{
	struct loop loop = { .run = run, .target = target, .options = options, .random = 88172645463325252u };
	struct epoll_event events[EVENTS];

	prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
	loop.epoll = epoll_create1(EPOLL_CLOEXEC);
	loop.connections = perf_memory(options->connections, sizeof(*loop.connections));
	loop.unused = perf_memory(options->connections, sizeof(*loop.unused));
	for (unsigned i = 0; i < options->connections; i++) {
		attach(&loop, &loop.connections[i]);
		loop.unused[loop.unused_count++] = &loop.connections[i];
	}
	loop.start_ns = perf_now_ns();
	loop.end_ns = loop.start_ns + (uint64_t)(options->seconds * 1e9);
	next_due(&loop);
	for (;;) {
		uint64_t now = perf_now_ns();

		if (now >= loop.end_ns + GRACE_NS ||
		    (now >= loop.end_ns && loop.due_ns >= loop.end_ns && loop.unused_count == options->connections))
			break;
		send_due(&loop);

		int n = wait_events(&loop, events);

		for (int i = 0; i < n; i++) {
			struct connection *c = events[i].data.ptr;

			if (events[i].events & EPOLLOUT)
				send_rest(&loop, c);
			if (events[i].events & ~(uint32_t)EPOLLOUT)
				take(&loop, c);
		}
	}
	count_unfinished(&loop);
	for (unsigned i = 0; i < options->connections; i++)
		close(loop.connections[i].fd);
	close(loop.epoll);
	free(loop.unused);
	free(loop.connections);
}
