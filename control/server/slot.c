/* SPDX-License-Identifier: Apache-2.0 */
#include "control/server/slot.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "control/server/fields.h"
#include "control/server/server.h"
#include "include/kvick/hypercall.h"

#define HANGUP_NS 1000000000ull /* from a socket's end to the worker's word why, or to its own end */

enum { REASON, LOG, BODY, PARTS };

static void ready(void *object, uint32_t events);

static struct server *server_of(const struct slot *slot)
{
	return slot->function->server;
}

static unsigned *counter(struct slot *slot)
{
	struct pool_count *count = &slot->function->count;

	if (slot->state == SLOT_NONE)
		return NULL;
	return slot->state == SLOT_MAKING ? &count->making : slot->state == SLOT_WARM ? &count->warm : &count->busy;
}

static void become(struct slot *slot, enum slot_state state)
{
	unsigned *count = counter(slot);

	if (count)
		--*count;
	if (slot->state == SLOT_WARM)
		TAILQ_REMOVE(&slot->function->warm, slot, link);
	slot->state = state;
	count = counter(slot);
	if (count)
		++*count;
	if (state == SLOT_WARM)
		TAILQ_INSERT_HEAD(&slot->function->warm, slot, link);
}

static void broke(struct slot *slot, const char *what)
{
	slot->broken = true;
	worker_kill(&slot->function->worker, "the worker broke the protocol: slot %u: %s", slot->number, what);
}

static void patience_over(void *object)
{
	struct slot *slot = object;

	worker_kill(&slot->function->worker, "slot %u did not come back in time", slot->number);
}

static void expect_within(struct slot *slot, uint64_t ns)
{
	timer_set(&server_of(slot)->loop.timers, &slot->patience, loop_now_ns() + ns);
}

int slot_make(struct slot *slot, struct function *function, uint32_t number)
{
	uint32_t epoch = slot->epoch + 1;
	int pair[2], r;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	*slot = (struct slot){ .function = function, .number = number, .fd = pair[0], .epoch = epoch,
			       .patience = { .over = patience_over, .object = slot } };
	r = worker_tell(&function->worker, WORKER_ADD_SLOT, number, 0, pair[1]);
	close(pair[1]);
	if (r == 0)
		r = loop_watch(&function->server->loop, slot->fd, EPOLLIN, ready, slot);
	if (r < 0) {
		close(slot->fd);
		slot->fd = -1;
		return r;
	}
	become(slot, SLOT_MAKING);
	expect_within(slot, server_of(slot)->options.warm_ns);
	function->metrics.slots_made++;
	return 0;
}

static void put_parts(struct slot *slot)
{
	for (unsigned i = 0; i < PARTS; i++) {
		blob_put(slot->parts[i]);
		slot->parts[i] = NULL;
	}
	slot->header_have = 0;
	slot->part = 0;
	slot->part_have = 0;
}

void slot_end(struct slot *slot)
{
	if (slot->state == SLOT_NONE)
		return;
	become(slot, SLOT_NONE);
	loop_forget(&server_of(slot)->loop, slot->fd);
	close(slot->fd);
	slot->fd = -1;
	timer_clear(&server_of(slot)->loop.timers, &slot->patience);
	blob_put(slot->body);
	slot->body = NULL;
	slot->cancel_owed = false;
	put_parts(slot);
	if (slot->invocation)
		slot->invocation->slot = NULL;
	slot->invocation = NULL;
}

/* Why, the control socket says, or the process's end. Its slot serves nobody meanwhile. */
static void hung_up(struct slot *slot)
{
	loop_forget(&server_of(slot)->loop, slot->fd);
	if (slot->state == SLOT_WARM)
		become(slot, SLOT_RESETTING);
	expect_within(slot, HANGUP_NS);
}

/* --- requests --- */

static void send_more(struct slot *slot)
{
	size_t head = sizeof(slot->request), all = head + slot->request.body_bytes;

	while (slot->sent < all) {
		struct iovec iov[2];
		struct msghdr msg = { .msg_iov = iov };
		size_t of_body = slot->sent > head ? slot->sent - head : 0;
		ssize_t n;

		if (slot->sent < head)
			iov[msg.msg_iovlen++] = (struct iovec){ (char *)&slot->request + slot->sent, head - slot->sent };
		if (slot->body)
			iov[msg.msg_iovlen++] = (struct iovec){ slot->body->data + of_body, slot->request.body_bytes - of_body };
		n = sendmsg(slot->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno == EAGAIN) {
			loop_change(&server_of(slot)->loop, slot->fd, EPOLLIN | EPOLLOUT);
			return;
		}
		if (n < 0 && errno != EINTR) {
			hung_up(slot);
			return;
		}
		slot->sent += n > 0 ? (size_t)n : 0;
	}
	blob_put(slot->body);
	slot->body = NULL;
}

void slot_give(struct slot *slot, struct invocation *invocation)
{
	become(slot, SLOT_BUSY);
	slot->invocation = invocation;
	slot->invocation_id = invocation->id;
	slot->body = invocation->body;
	invocation->body = NULL;
	slot->request = (struct worker_request){ .invocation = invocation->id,
						 .body_bytes = slot->body ? (uint32_t)slot->body->bytes : 0 };
	slot->sent = 0;
	send_more(slot);
}

void slot_cancel(struct slot *slot)
{
	expect_within(slot, server_of(slot)->options.cancel_ns);
	slot->cancel_owed = true;
	slot_tell_cancelled(slot);
}

void slot_tell_cancelled(struct slot *slot)
{
	struct worker *worker = &slot->function->worker;

	if (slot->cancel_owed && worker_tell(worker, WORKER_CANCEL, slot->number, slot->invocation_id, -1) != -EAGAIN)
		slot->cancel_owed = false;
}

/* --- replies --- */

static bool empty(const struct worker_reply *reply)
{
	static const struct worker_reply warm = { .outcome = WORKER_WARM };

	return memcmp(reply, &warm, sizeof(warm)) == 0;
}

/* What may be said in this state, and no more than fits. */
static const char *fault(const struct slot *slot)
{
	const struct worker_reply *reply = &slot->reply;

	if (reply->outcome == WORKER_WARM) {
		if (slot->state != SLOT_MAKING && slot->state != SLOT_RESETTING)
			return "warm when it cannot be";
		return empty(reply) ? NULL : "warm, and more";
	}
	if (reply->outcome > WORKER_FAILED)
		return "no such outcome";
	if (slot->state != SLOT_BUSY || slot->sent < sizeof(slot->request) + slot->request.body_bytes)
		return "a reply to no request";
	if (reply->invocation != slot->invocation_id)
		return "a reply to another request";
	if (reply->reason_bytes > WORKER_REASON_BYTES_MAX || reply->log_bytes > WORKER_LOG_BYTES_MAX ||
	    reply->body_bytes > KVICK_REPLY_BYTES_MAX)
		return "a reply that is too long";
	if (reply->body_bytes && reply->outcome != WORKER_REPLIED)
		return "a body without a reply";
	return NULL;
}

static bool take_header(struct slot *slot)
{
	const uint32_t bytes[PARTS] = { slot->reply.reason_bytes, slot->reply.log_bytes, slot->reply.body_bytes };
	const char *what = fault(slot);

	if (what) {
		broke(slot, what);
		return false;
	}
	for (unsigned i = 0; i < PARTS; i++) {
		if (!bytes[i])
			continue;
		slot->parts[i] = blob_get(&server_of(slot)->bodies, bytes[i]);
		if (!slot->parts[i]) {
			slot->broken = true;
			worker_kill(&slot->function->worker, "no memory for a reply of %u bytes", bytes[i]);
			return false;
		}
		slot->parts[i]->bytes = bytes[i];
	}
	return true;
}

/* Times in an order that cannot have been are not known. */
static void take_times(const struct slot *slot, struct invocation *invocation)
{
	const struct worker_reply *reply = &slot->reply;
	uint64_t now_ns = loop_now_ns();

	invocation->pages = reply->pages;
	invocation->exits = reply->exits;
	if (reply->received_ns < invocation->arrived_ns || reply->entered_ns < reply->received_ns ||
	    reply->taken_ns < reply->entered_ns || reply->taken_ns > now_ns)
		return;
	invocation->received_ns = reply->received_ns;
	invocation->entered_ns = reply->entered_ns;
	invocation->taken_ns = reply->taken_ns;
	if (reply->replied_ns >= reply->taken_ns && reply->replied_ns <= now_ns)
		invocation->replied_ns = reply->replied_ns;
}

static void finish(struct slot *slot, struct invocation *invocation)
{
	static const enum ending endings[] = {
		[WORKER_REPLIED] = ENDING_REPLIED,
		[WORKER_EXITED] = ENDING_NO_REPLY,
		[WORKER_CRASHED] = ENDING_CRASHED,
		[WORKER_BROKE_OFF] = ENDING_BROKE_OFF,
		[WORKER_CANCELLED] = ENDING_HOST_FAILED, /* nobody asked for that */
		[WORKER_FAILED] = ENDING_HOST_FAILED,
	};
	char reason[WORKER_REASON_BYTES_MAX + 1] = "";
	const struct blob *text = slot->parts[REASON];

	if (text)
		fields_printable(reason, sizeof(reason), (const char *)text->data, text->bytes);
	else if (slot->reply.outcome == WORKER_EXITED)
		snprintf(reason, sizeof(reason), "the guest exited with status %u and did not reply", slot->reply.status);
	take_times(slot, invocation);
	invocation->result = slot->parts[BODY];
	slot->parts[BODY] = NULL;
	invocation_over(invocation, endings[slot->reply.outcome], reason[0] ? reason : NULL);
}

static void reply_complete(struct slot *slot)
{
	struct invocation *invocation = slot->invocation;

	become(slot, SLOT_RESETTING);
	expect_within(slot, server_of(slot)->options.warm_ns);
	slot->cancel_owed = false;
	slot->invocation = NULL;
	slot->function->worker.served = true;
	if (invocation) {
		bool over = invocation->state > INVOCATION_RUNNING;

		invocation->slot = NULL;
		invocation_logged(invocation, slot->parts[LOG], slot->reply.log_cut);
		slot->parts[LOG] = NULL;
		if (!over)
			finish(slot, invocation);
	}
	put_parts(slot);
}

/* All of a message is there. It may lead to anything, also to the end of the slot. */
static void complete(struct slot *slot)
{
	struct function *function = slot->function;

	if (slot->reply.outcome != WORKER_WARM) {
		reply_complete(slot);
		return;
	}
	put_parts(slot);
	timer_clear(&server_of(slot)->loop.timers, &slot->patience);
	if (slot->state == SLOT_MAKING)
		function->make_back_off_ns = 0;
	become(slot, SLOT_WARM);
	function_balance(function);
}

/* The next part that has bytes to come; false: there is none, the message is complete. */
static bool next_part(struct slot *slot)
{
	while (slot->part < PARTS && (!slot->parts[slot->part] || slot->part_have == slot->parts[slot->part]->bytes)) {
		slot->part++;
		slot->part_have = 0;
	}
	return slot->part < PARTS;
}

/* False: no more is to be read now. */
static bool take(struct slot *slot, const uint8_t *data, size_t bytes)
{
	uint32_t epoch = slot->epoch;

	while (bytes) {
		size_t n;

		if (slot->header_have < sizeof(slot->reply)) {
			n = sizeof(slot->reply) - slot->header_have;
			n = n < bytes ? n : bytes;
			memcpy((char *)&slot->reply + slot->header_have, data, n);
			slot->header_have += n;
			if (slot->header_have == sizeof(slot->reply) && !take_header(slot))
				return false;
		} else {
			n = slot->parts[slot->part]->bytes - slot->part_have;
			n = n < bytes ? n : bytes;
			memcpy(slot->parts[slot->part]->data + slot->part_have, data, n);
			slot->part_have += n;
		}
		data += n;
		bytes -= n;
		if (slot->header_have == sizeof(slot->reply) && !next_part(slot))
			complete(slot);
		if (slot->epoch != epoch || slot->state == SLOT_NONE)
			return false;
	}
	return true;
}

/* What is long is read to where it belongs; what is short, and what may follow it, by one call. */
static void receive(struct slot *slot)
{
	struct server *server = server_of(slot);

	for (;;) {
		bool direct = slot->header_have == sizeof(slot->reply);
		struct blob *part = direct ? slot->parts[slot->part] : NULL;
		size_t room = direct ? part->bytes - slot->part_have : sizeof(server->scratch);
		ssize_t n = recv(slot->fd, direct ? part->data + slot->part_have : server->scratch, room, MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			hung_up(slot);
			return;
		}
		if (!direct) {
			if (!take(slot, server->scratch, (size_t)n))
				return;
			/* The rest of a long part is likely to be there. */
			if ((size_t)n < room && slot->header_have < sizeof(slot->reply))
				return;
			continue;
		}
		slot->part_have += (size_t)n;
		if (!next_part(slot)) {
			complete(slot);
			return;
		}
	}
}

static void ready(void *object, uint32_t events)
{
	struct slot *slot = object;

	if (slot->function->worker.state == WORKER_ENDING) {
		loop_forget(&server_of(slot)->loop, slot->fd); /* read once more when it has ended */
		return;
	}
	if (events & EPOLLOUT) {
		loop_change(&server_of(slot)->loop, slot->fd, EPOLLIN);
		send_more(slot);
	}
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		receive(slot);
}

void slot_drain(struct slot *slot)
{
	if (slot->state == SLOT_BUSY && !slot->broken)
		receive(slot);
}
