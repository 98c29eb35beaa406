/* SPDX-License-Identifier: Apache-2.0 */
#include "control/worker/slot_serve.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/report.h"
#include "control/text.h"
#include "control/worker/function.h"

/* A crash report follows what the guest printed, and is to fit too. */
#define CRASH_BYTES_MAX 8192u

/* The outcome of a guest that reset itself, as a status: control/exit_codes.h. */
#define STATUS_RESET 125u

/* ---- the socket ---- */

/*
 * One call for a request that the socket's buffer holds. 1; 0: kvickd has closed its end; -EBADMSG: no request, or more than one;
 * another -errno.
 */
static int receive(struct slot *slot)
{
	struct slot_buffers *buffers = slot_buffers(slot);
	struct worker_request *head = &buffers->request.head;
	size_t have = 0, wanted = sizeof(*head);

	while (have < wanted) {
		struct iovec iov = { (uint8_t *)&buffers->request + have, sizeof(buffers->request) - have };
		struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
		ssize_t n = recvmsg(slot->socket, &msg, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0 || errno == ECONNRESET ? 0 : -errno;
		have += (size_t)n;
		if (have >= sizeof(*head)) {
			if (head->body_bytes > KVICK_REQUEST_BYTES_MAX || head->reserved || head->invocation == 0)
				return -EBADMSG;
			wanted = sizeof(*head) + head->body_bytes;
		}
	}
	return have == wanted ? 1 : -EBADMSG;
}

/* 0, or -errno: there is nobody left to send to. */
static int send_all(struct slot *slot, struct iovec *iov, unsigned count)
{
	while (count > 0) {
		struct msghdr msg = { .msg_iov = iov, .msg_iovlen = count };
		ssize_t n = sendmsg(slot->socket, &msg, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		for (; count > 0 && (size_t)n >= iov->iov_len; iov++, count--)
			n -= (ssize_t)iov->iov_len;
		if (count > 0) {
			iov->iov_base = (uint8_t *)iov->iov_base + n;
			iov->iov_len -= (size_t)n;
		}
	}
	return 0;
}

static int say_warm(struct slot *slot)
{
	struct worker_reply warm = { .outcome = WORKER_WARM };
	struct iovec iov = { &warm, sizeof(warm) };

	return send_all(slot, &iov, 1);
}

/* ---- a run ---- */

/* The request is there. False: it has been cancelled already, and nothing is to run. */
static bool begin(struct slot *slot, uint64_t invocation)
{
	pthread_mutex_lock(&slot->lock);
	bool runs = slot->cancelled != invocation && !slot->hung_up;

	slot->invocation = runs ? invocation : 0;
	pthread_mutex_unlock(&slot->lock);
	if (!runs)
		return false;
	/* Most guests want none. The main thread may have stopped looking; it looks once more after it has said so. */
	atomic_store(&slot->wants_ticks, slot->stop.ticks);
	if (slot->stop.ticks && !atomic_exchange(&slot->owner->ticking, true))
		slot_wake_owner(slot);
	return true;
}

/* From here on nobody interrupts, but for a signal that is on its way. */
static void end(struct slot *slot)
{
	atomic_store(&slot->wants_ticks, false);
	pthread_mutex_lock(&slot->lock);
	slot->invocation = 0;
	atomic_store(&slot->cancel, false);
	pthread_mutex_unlock(&slot->lock);
	slot->stop.signal = 0;
	slot->stop.ticked = 0;
	if (slot->stop.immediate_exit)
		*slot->stop.immediate_exit = 0;
}

/* Stamps of the TSC on the clock that the others are on: from a moment when both were read. */
static uint64_t clock_of(const struct slot *slot, uint64_t tsc, uint64_t at_tsc, uint64_t at_ns)
{
	uint64_t ns = timeline_ns(&slot->machine.timeline, at_tsc, tsc);

	return tsc == 0 || slot->machine.timeline.tsc_khz == 0 ? 0 : at_ns + ns;
}

static uint32_t exits_of(const struct machine *m)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < EXIT_REASONS_MAX; i++)
		sum += m->exits[i];
	return sum < UINT32_MAX ? (uint32_t)sum : UINT32_MAX;
}

static void run(struct slot *slot)
{
	struct slot_buffers *buffers = slot_buffers(slot);
	struct worker_reply *reply = &slot->reply;
	struct machine *m = &slot->machine;

	slot->asked = (struct invocation){
		.request = buffers->request.body, .request_bytes = buffers->request.head.body_bytes,
		.reply = buffers->reply, .reply_max = sizeof(buffers->reply),
	};
	uint64_t at_tsc = __rdtsc();

	reply->entered_ns = sys_now_ns(&m->sys);
	machine_go(m);
	reply->taken_ns = clock_of(slot, slot->asked.taken_tsc, at_tsc, reply->entered_ns);
	reply->replied_ns = clock_of(slot, slot->asked.replied_tsc, at_tsc, reply->entered_ns);
	reply->exits = exits_of(m);
}

/* ---- what came of it ---- */

static void say_exited(struct slot *slot)
{
	slot->reply.outcome = slot->asked.replied ? WORKER_REPLIED : WORKER_EXITED;
	slot->reply.status = (uint32_t)slot->machine.status;
}

static void say_reset(struct slot *slot)
{
	say_exited(slot);
	slot->reply.status = STATUS_RESET;
	snprintf(slot->reason, sizeof(slot->reason), "the guest reset itself");
}

/* Of a reply that it had given before, too, nothing is said: who dies has not done its work. */
static void say_crashed(struct slot *slot)
{
	struct text text;

	slot->reply.outcome = WORKER_CRASHED;
	snprintf(slot->reason, sizeof(slot->reason), "guest crashed: %s", slot->machine.crash.reason);
	text_begin(&text, &slot->machine.sys, slot->log_fd);
	crash_text(&text, &slot->machine);
	text_end(&text);
}

static void say_cancelled(struct slot *slot)
{
	slot->reply.outcome = WORKER_CANCELLED;
}

static void say_error(struct slot *slot)
{
	slot->reply.outcome = slot->machine.outcome == OUTCOME_BROKE_OFF ? WORKER_BROKE_OFF : WORKER_FAILED;
	snprintf(slot->reason, sizeof(slot->reason), "%s", slot->machine.error.text);
}

static void (*const say[])(struct slot *slot) = {
	[OUTCOME_NONE] = say_error,
	[OUTCOME_EXITED] = say_exited,
	[OUTCOME_RESET] = say_reset,
	[OUTCOME_CRASHED] = say_crashed,
	[OUTCOME_STOPPED] = say_cancelled,
	[OUTCOME_READY] = say_error, /* nobody asked to be told */
	[OUTCOME_BROKE_OFF] = say_error,
	[OUTCOME_FAILED] = say_error,
};

/* What it printed, into the buffer: the number of bytes. Most guests print nothing, and nobody is asked. */
static uint32_t read_log(struct slot *slot)
{
	struct machine *m = &slot->machine;
	bool crashed = m->outcome == OUTCOME_CRASHED;
	ssize_t n = 0;

	if (m->console.bytes || crashed)
		n = sys_pread(&m->sys, slot->log_fd, slot_buffers(slot)->log, WORKER_LOG_BYTES_MAX, 0);
	slot->reply.log_cut = m->console.bytes_dropped || m->console.errnum;
	return n > 0 ? (uint32_t)n : 0;
}

static int send_reply(struct slot *slot)
{
	struct slot_buffers *buffers = slot_buffers(slot);
	struct worker_reply *reply = &slot->reply;

	reply->reason_bytes = (uint32_t)strnlen(slot->reason, sizeof(slot->reason));
	reply->log_bytes = read_log(slot);
	reply->body_bytes = reply->outcome == WORKER_REPLIED ? (uint32_t)slot->asked.reply_bytes : 0;

	struct iovec iov[] = {
		{ reply, sizeof(*reply) }, { slot->reason, reply->reason_bytes }, { buffers->log, reply->log_bytes },
		{ buffers->reply, reply->body_bytes },
	};

	return send_all(slot, iov, sizeof(iov) / sizeof(iov[0]));
}

/* ---- again ---- */

static void give_back(struct slot *slot, uint8_t *buffer, uint64_t used)
{
	if (used > BUFFER_KEPT_BYTES)
		sys_madvise(&slot->machine.sys, buffer + BUFFER_KEPT_BYTES, used - BUFFER_KEPT_BYTES, MADV_DONTNEED);
}

/* The next one finds nothing of this one. False: the machine is no good any more. */
static bool clean(struct slot *slot)
{
	struct slot_buffers *buffers = slot_buffers(slot);
	struct machine *m = &slot->machine;

	give_back(slot, (uint8_t *)&buffers->request, sizeof(buffers->request.head) + buffers->request.head.body_bytes);
	give_back(slot, buffers->reply, slot->asked.reply_bytes);
	give_back(slot, buffers->log, slot->reply.log_bytes);
	if (slot->reply.log_bytes && (sys_ftruncate(&m->sys, slot->log_fd, 0) < 0 || lseek(slot->log_fd, 0, SEEK_SET) < 0))
		return false;
	return m->outcome != OUTCOME_FAILED && machine_reset(m) == 0;
}

/* One request, from its arrival to the next WORKER_WARM. SLOT_LIVES: go on. */
static enum slot_state serve_one(struct slot *slot)
{
	struct worker_reply *reply = &slot->reply;
	int r = receive(slot);

	if (r <= 0)
		return r == -EBADMSG ? SLOT_CONFUSED : SLOT_HUNG_UP;
	*reply = (struct worker_reply){
		.invocation = slot_buffers(slot)->request.head.invocation,
		.received_ns = sys_now_ns(&slot->machine.sys),
	};
	slot->reason[0] = '\0';

	bool runs = begin(slot, reply->invocation);

	if (runs) {
		run(slot);
		end(slot);
		say[slot->machine.outcome](slot);
	} else {
		slot->asked = (struct invocation){ .replied = false };
		say_cancelled(slot);
	}
	if (send_reply(slot) < 0)
		return SLOT_HUNG_UP;
	if (runs && !clean(slot))
		return SLOT_AGAIN;
	return say_warm(slot) < 0 ? SLOT_HUNG_UP : SLOT_LIVES;
}

/* ---- the machine ---- */

static int make(struct slot *slot)
{
	struct machine *m = &slot->machine;
	int r;

	if (m->config) /* it is made anew; else it is zero, and mostly not there */
		memset(m, 0, sizeof(*m));
	slot->error.kind = ERROR_NONE;
	slot->log_fd = memfd_create("log", MFD_CLOEXEC);
	if (slot->log_fd < 0)
		return error_set(&slot->error, ERROR_HOST, errno, "memfd_create: %s: raise RLIMIT_NOFILE", strerror(errno));
	sys_init(&m->sys);
	function_machine(slot->function, &slot->config, &slot->stop);
	slot->config.sandbox = slot->function->sandbox;
	slot->config.resets = true;
	slot->config.console_fd = slot->log_fd;
	slot->config.console_bytes_max = WORKER_LOG_BYTES_MAX - CRASH_BYTES_MAX;
	slot->config.invocation = &slot->asked;
	r = machine_prepare(m, &slot->config);
	if (r < 0) {
		slot->error = m->error;
		close(slot->log_fd);
	}
	return r;
}

enum slot_state slot_serve(struct slot *slot)
{
	enum slot_state state = SLOT_LIVES;

	if (make(slot) < 0)
		return SLOT_UNMAKEABLE;
	if (say_warm(slot) < 0)
		state = SLOT_HUNG_UP;
	while (state == SLOT_LIVES)
		state = serve_one(slot);
	machine_end(&slot->machine);
	machine_close(&slot->machine);
	close(slot->log_fd);
	return state;
}
