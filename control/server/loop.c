/* SPDX-License-Identifier: Apache-2.0 */
#include "control/server/loop.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "control/server/memory.h"

#define EVENTS_AT_ONCE 64
#define NS_PER_MS      1000000u

uint64_t loop_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int loop_begin(struct loop *loop)
{
	*loop = (struct loop){ .epoll_fd = epoll_create1(EPOLL_CLOEXEC) };
	return loop->epoll_fd < 0 ? -errno : 0;
}

void loop_end(struct loop *loop)
{
	if (loop->epoll_fd >= 0)
		close(loop->epoll_fd);
	free(loop->watches);
	timers_end(&loop->timers);
}

static struct epoll_event event_of(const struct loop *loop, int fd, uint32_t events)
{
	return (struct epoll_event){ .events = events, .data.u64 = (uint64_t)loop->watches[fd].generation << 32 | (uint32_t)fd };
}

int loop_watch(struct loop *loop, int fd, uint32_t events, loop_ready *ready, void *object)
{
	if ((unsigned)fd >= loop->watch_count) {
		unsigned count = (unsigned)fd + 64;

		loop->watches = memory_resize(loop->watches, count * sizeof(*loop->watches));
		memset(loop->watches + loop->watch_count, 0, (count - loop->watch_count) * sizeof(*loop->watches));
		loop->watch_count = count;
	}
	assert(!loop->watches[fd].ready);
	loop->watches[fd] = (struct watch){ .ready = ready, .object = object, .generation = ++loop->generation };

	struct epoll_event event = event_of(loop, fd, events);

	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0)
		return 0;
	loop->watches[fd].ready = NULL;
	return -errno;
}

void loop_change(struct loop *loop, int fd, uint32_t events)
{
	struct epoll_event event = event_of(loop, fd, events);
	int r = epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, fd, &event);

	assert(r == 0); /* it is there, and needs no more memory */
	(void)r;
}

void loop_forget(struct loop *loop, int fd)
{
	if (fd < 0 || (unsigned)fd >= loop->watch_count || !loop->watches[fd].ready)
		return;
	loop->watches[fd].ready = NULL;
	epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

/* Rounded up: a timer that is not over yet would have the loop spin. */
static int wait_ms(const struct loop *loop, int limit_ms)
{
	uint64_t next = timers_next(&loop->timers), now, left_ms;

	if (limit_ms == 0 || next == TIMER_NEVER)
		return limit_ms;
	now = loop_now_ns();
	left_ms = next <= now ? 0 : (next - now + NS_PER_MS - 1) / NS_PER_MS;
	return limit_ms >= 0 && left_ms > (uint64_t)limit_ms ? limit_ms : left_ms > 3600000 ? 3600000 : (int)left_ms;
}

int loop_run(struct loop *loop)
{
	while (!loop->ended) {
		struct epoll_event events[EVENTS_AT_ONCE];
		int limit_ms = loop->before_wait ? loop->before_wait(loop->before_wait_object) : -1;

		if (loop->ended)
			break;

		int n = epoll_wait(loop->epoll_fd, events, EVENTS_AT_ONCE, wait_ms(loop, limit_ms));

		if (n < 0 && errno != EINTR)
			return -errno;
		for (int i = 0; i < n; i++) {
			const struct watch *watch = &loop->watches[(uint32_t)events[i].data.u64];

			if (watch->ready && watch->generation == (uint32_t)(events[i].data.u64 >> 32))
				watch->ready(watch->object, events[i].events);
		}
		if (loop->timers.count && timers_next(&loop->timers) <= loop_now_ns())
			timers_run(&loop->timers, loop_now_ns());
	}
	return 0;
}
