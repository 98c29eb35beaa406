/* SPDX-License-Identifier: Apache-2.0 */
#include "control/worker/slots.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "control/worker/control.h"
#include "control/worker/function.h"
#include "control/worker/slot.h"
#include "vmm/error.h"

/* What epoll's events say of whom: a slot's number, or one of these. */
#define OF_CONTROL UINT64_MAX
#define OF_THREADS (UINT64_MAX - 1)

#define EVENTS_MAX 64
#define REMIND_MS  1
#define TICK_MS    (STOP_TICK_US / 1000)
/* So many ticks without anybody who wanted one, and there are no more until somebody asks. */
#define IDLE_TICKS_MAX 50u

struct slots {
	const struct function *function;
	struct error *error;
	int epoll_fd;
	struct slot_owner owner;
	unsigned idle_ticks;
	uint64_t next_tick_ns;
	bool reminding;        /* a guest that is to end may not have noticed */
	struct slot **list;    /* by number; NULL: there is none */
	struct control_message message;
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int watch(struct slots *s, int fd, uint32_t events, uint64_t of)
{
	struct epoll_event event = { .events = events, .data.u64 = of };

	return epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static int protocol_error(struct slots *s, const char *what)
{
	return error_set(s->error, ERROR_USAGE, EBADMSG, "kvickd's message: %s", what);
}

/* ---- slots come and go ---- */

static void forget(struct slots *s, struct slot *slot)
{
	s->list[slot->number] = NULL;
	slot_destroy(slot); /* its socket is no more in the epoll then */
}

static int failed(struct slots *s, struct slot *slot, const char *why)
{
	uint32_t number = slot->number;

	/* kvickd hears why before it sees the socket's end. */
	int r = control_send(WORKER_CONTROL_FD, WORKER_SLOT_FAILED, number, why);

	forget(s, slot);
	return r == -EPIPE ? 0 : r;
}

/* Starts the thread, first or again. */
static int start(struct slots *s, struct slot *slot)
{
	int r = slot_start(slot);

	return r == 0 ? 0 : failed(s, slot, strerror(-r));
}

/* A thread has ended, or none has. */
static int reap(struct slots *s, struct slot *slot)
{
	enum slot_state state = atomic_load(&slot->state);

	if (state == SLOT_LIVES)
		return 0;
	slot_join(slot);
	switch (state) {
	case SLOT_AGAIN:
		return start(s, slot);
	case SLOT_UNMAKEABLE:
		return failed(s, slot, slot->error.text);
	case SLOT_CONFUSED:
		return protocol_error(s, "no request, on a slot's socket");
	default:
		forget(s, slot);
		return 0;
	}
}

static bool has_hung_up(int socket)
{
	struct pollfd fd = { .fd = socket, .events = POLLRDHUP };

	return poll(&fd, 1, 0) > 0 && fd.revents & (POLLRDHUP | POLLHUP);
}

/* kvickd gives a number again as soon as it has closed the socket, and we may not have come so far. */
static int make_room(struct slots *s, struct slot *slot)
{
	const struct timespec pause = { .tv_nsec = 1000000 };

	if (!has_hung_up(slot->socket))
		return protocol_error(s, "a slot that is there already");
	slot_hang_up(slot);
	while (atomic_load(&slot->state) == SLOT_LIVES) {
		slot_remind(slot);
		nanosleep(&pause, NULL);
	}
	slot_join(slot);
	forget(s, slot);
	return 0;
}

static int add(struct slots *s, uint32_t number, int socket)
{
	struct slot *slot = s->list[number];
	int r = slot ? make_room(s, slot) : 0;

	if (r < 0) {
		close(socket);
		return r;
	}
	slot = slot_create(s->function, &s->owner, number, socket);
	if (!slot) {
		close(socket);
		return control_send(WORKER_CONTROL_FD, WORKER_SLOT_FAILED, number, "no memory for a slot");
	}
	s->list[number] = slot;
	r = watch(s, socket, EPOLLRDHUP, number);
	return r < 0 ? failed(s, slot, strerror(-r)) : start(s, slot);
}

/* ---- what wakes us ---- */

static int add_slot(struct slots *s, const struct control_message *m)
{
	if (m->fd_count != 1 || m->body_bytes)
		return protocol_error(s, "a slot without a socket");
	return add(s, m->header.slot, m->fds[0]);
}

/* One that has ended by itself meanwhile is none of an error. */
static int cancel(struct slots *s, const struct control_message *m)
{
	struct slot *slot = s->list[m->header.slot];

	if (m->fd_count || m->body_bytes || m->header.invocation == 0)
		return protocol_error(s, "a cancellation of nothing");
	if (slot && slot_cancel(slot, m->header.invocation))
		s->reminding = true;
	return 0;
}

static int take_message(struct slots *s)
{
	static int (*const commands[])(struct slots *s, const struct control_message *m) = {
		[WORKER_ADD_SLOT] = add_slot,
		[WORKER_CANCEL] = cancel,
	};
	struct control_message *m = &s->message;
	int r = control_receive(WORKER_CONTROL_FD, m);

	if (r <= 0)
		return r == -EBADMSG ? protocol_error(s, "too short, or with too many descriptors") : r == 0 ? 1 : r;
	if (m->header.type < sizeof(commands) / sizeof(commands[0]) && commands[m->header.type] &&
	    m->header.slot < s->function->wanted.concurrency)
		return commands[m->header.type](s, m);
	for (unsigned i = 0; i < m->fd_count; i++)
		close(m->fds[i]);
	return protocol_error(s, "no such command, or slot");
}

/* Threads have ended, or want ticks. */
static int look_at_threads(struct slots *s)
{
	uint64_t count;
	int r = 0;

	if (read(s->owner.wake_fd, &count, sizeof(count)) < 0 && errno != EAGAIN && errno != EINTR)
		return -errno;
	for (uint32_t i = 0; i < s->function->wanted.concurrency && r == 0; i++)
		if (s->list[i])
			r = reap(s, s->list[i]);
	return r;
}

static int take_event(struct slots *s, const struct epoll_event *event)
{
	if (event->data.u64 == OF_CONTROL)
		return take_message(s);
	if (event->data.u64 == OF_THREADS)
		return look_at_threads(s);

	/*
	 * It stays hung up, and is told once: the thread finds out by itself what is left. The event may be of a slot that had the
	 * number before, and was forgotten since events were taken.
	 */
	struct slot *slot = s->list[event->data.u64];

	if (slot && has_hung_up(slot->socket)) {
		epoll_ctl(s->epoll_fd, EPOLL_CTL_DEL, slot->socket, NULL);
		s->reminding |= slot_hang_up(slot);
	}
	return 0;
}

/* ---- time ---- */

static bool for_each(struct slots *s, bool (*act)(struct slot *slot))
{
	bool any = false;

	for (uint32_t i = 0; i < s->function->wanted.concurrency; i++)
		any |= s->list[i] && act(s->list[i]);
	return any;
}

static void tick(struct slots *s)
{
	s->idle_ticks = for_each(s, slot_tick) ? 0 : s->idle_ticks + 1;
	if (s->idle_ticks < IDLE_TICKS_MAX)
		return;
	s->idle_ticks = 0;
	atomic_store(&s->owner.ticking, false);
	/* Whoever came just before that saw us tick. */
	if (for_each(s, slot_tick))
		atomic_store(&s->owner.ticking, true);
}

static void look_at_clock(struct slots *s)
{
	uint64_t now = now_ns();

	if (s->reminding)
		s->reminding = for_each(s, slot_remind);
	if (!atomic_load(&s->owner.ticking) || now < s->next_tick_ns)
		return;
	s->next_tick_ns = now + STOP_TICK_US * 1000ull;
	tick(s);
}

static int wait_ms(struct slots *s)
{
	return s->reminding ? REMIND_MS : atomic_load(&s->owner.ticking) ? TICK_MS : -1;
}

/* 1: kvickd has gone. */
static int serve(struct slots *s)
{
	struct epoll_event events[EVENTS_MAX];
	int n = epoll_wait(s->epoll_fd, events, EVENTS_MAX, wait_ms(s)), r = 0;

	if (n < 0 && errno != EINTR)
		return -errno;
	for (int i = 0; i < n && r == 0; i++)
		r = take_event(s, &events[i]);
	look_at_clock(s);
	return r;
}

int slots_serve(const struct function *function, struct error *error)
{
	struct slots *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return error_set(error, ERROR_HOST, ENOMEM, "no memory");
	s->function = function;
	s->error = error;
	s->list = calloc(function->wanted.concurrency, sizeof(s->list[0]));
	s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	s->owner.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = !s->list ? -ENOMEM : s->epoll_fd < 0 || s->owner.wake_fd < 0 ? -errno : slot_catch_signal();
	if (r == 0)
		r = watch(s, WORKER_CONTROL_FD, EPOLLIN, OF_CONTROL);
	if (r == 0)
		r = watch(s, s->owner.wake_fd, EPOLLIN, OF_THREADS);
	while (r == 0)
		r = serve(s);
	/* Threads still use all of it: the process's end takes it away. */
	return r == 1 ? 0 : error_set(error, ERROR_HOST, -r, "the main thread: %s", strerror(-r));
}
