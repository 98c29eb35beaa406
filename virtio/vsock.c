/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The socket device: virtio 1.2, 5.10, streams between the guest and Unix sockets (vsock_unix.h).
 *
 * A packet is taken apart once it is popped: its header is copied, and what the header says is held against the chain before
 * a byte of data is moved. Data for the host waits in a buffer of the connection's, whose size is the credit that the guest has
 * (5.10.6.3); data for the guest waits in the host's socket.
 */
#include <errno.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_vsock.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <x86intrin.h>

#include "virtio/device.h"
#include "virtio/devices.h"
#include "virtio/devices_state.h"
#include "virtio/vsock_table.h"
#include "virtio/vsock_unix.h"
#include "vmm/engine.h"
#include "vmm/error.h"
#include "vmm/sys.h"

#define QUEUE_SIZE   128
#define PACKET_BYTES 65536u /* data of one packet to the guest */
#define RESETS       64u    /* answers to packets of no connection, waiting for a buffer; then the guest's packets wait too */
#define SILENT       256u   /* programs that have connected and said nothing: the one that has for longest makes room */
#define EVENTS       64
#define TRIES        16u    /* of a poll that fails, one after another, before the guest has to call for the next */
#define HOST_CID     2u
#define PORT_FIRST   0x40000000u /* of the host's, for connections to the guest */

#define SHUT_BOTH_WAYS (VIRTIO_VSOCK_SHUTDOWN_RCV | VIRTIO_VSOCK_SHUTDOWN_SEND)

enum { RX, TX, EVENT, QUEUES }; /* 5.10.2 */

struct vsock {
	struct virtio_device device;
	struct vsock_unix host;
	struct engine_op poll;
	bool polling;
	unsigned failed_polls;         /* since the last that did not fail */
	bool callers;                  /* somebody may be waiting to be accepted */
	bool crowded;                  /* there was no place or no descriptor for him: when one is free, there is somebody */
	bool interrupted;              /* a snapshot was between: the driver is to hear that its connections are gone */
	bool stalled;                  /* packets of the guest's wait in their ring for room in resets */
	uint64_t cid;
	uint32_t next_port;
	uint64_t begin_tsc;            /* of the packet to the guest that is being made */
	bool have_chain;               /* popped from RX and not yet filled */
	unsigned reset_count;
	/* Each connection that has something to do is in one of these, by turns; those that have nothing cost nothing. */
	struct vsock_list silent;      /* in VSOCK_HELLO, those that have been for longest first */
	struct vsock_list owing;       /* that owe the guest a packet without data */
	struct vsock_list receiving;   /* that may have data for the guest, and it has room */
	struct virtq_chain chain, tx;
	struct vsock_table table;      /* the first pages of it are all that a device without connections has touched */
	struct virtio_vsock_hdr resets[RESETS];
	uint8_t packet[PACKET_BYTES];
};

/* ---- connections ---- */

static void close_end(struct vsock *v, struct vsock_connection *c)
{
	if (c->fd >= 0)
		sys_close(v->device.sys, c->fd);
	c->fd = -1;
	c->owed = 0;
	v->callers |= v->crowded;
}

static void hang_up(struct vsock *v, struct vsock_connection *c)
{
	close_end(v, c);
	vsock_table_give_back(&v->table, c);
}

/* The same, and the guest is told (5.10.6.5). */
static void reset_connection(struct vsock *v, struct vsock_connection *c)
{
	if (c->owed & 1u << VIRTIO_VSOCK_OP_REQUEST) { /* it does not know of it */
		hang_up(v, c);
		return;
	}
	close_end(v, c);
	c->state = VSOCK_ENDING;
	c->owed = 1u << VIRTIO_VSOCK_OP_RST;
}

/* 5.10.6.3: what the guest has room for. */
static uint32_t room_of(const struct vsock_connection *c)
{
	uint32_t unread = c->sent - c->guest_forwarded;

	return c->guest_buffer > unread ? c->guest_buffer - unread : 0;
}

static bool may_receive(const struct vsock_connection *c)
{
	return c->state == VSOCK_OPEN && c->readable && !c->at_end && room_of(c) > 0 &&
	       !(c->guest_shut & VIRTIO_VSOCK_SHUTDOWN_RCV);
}

/* After anything that has happened to it. One that stays where it is keeps its turn. */
static void settle(struct vsock *v, struct vsock_connection *c)
{
	struct vsock_list *in = c->owed ? &v->owing : may_receive(c) ? &v->receiving : NULL;

	if (c->state >= VSOCK_ASKED && c->in != in)
		vsock_list_move(c, in);
}

/* ---- to the host ---- */

/* What the host has sent before it went is the guest's yet. */
static void become_deaf(struct vsock_connection *c)
{
	c->deaf = true;
	c->forwarded = c->received;
	c->told_shut |= VIRTIO_VSOCK_SHUTDOWN_RCV;
	c->owed |= 1u << VIRTIO_VSOCK_OP_SHUTDOWN;
}

/* What is buffered goes out as far as the socket takes it. */
static void send_buffered(struct vsock *v, struct vsock_connection *c)
{
	uint32_t size = vsock_table_credit(&v->table, c);
	uint8_t *buffer = vsock_table_buffer(&v->table, c);

	while (c->writable && c->received != c->forwarded) {
		uint32_t at = c->forwarded % size, bytes = c->received - c->forwarded;
		ssize_t n = sys_send(v->device.sys, c->fd, buffer + at, bytes < size - at ? bytes : size - at,
				     MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n == -EINTR)
			continue;
		if (n == -EAGAIN) {
			c->writable = false;
		} else if (n < 0) {
			become_deaf(c);
		} else {
			c->forwarded += (uint32_t)n;
		}
	}
	if (c->forwarded - c->forwarded_told >= size / 2)
		c->owed |= 1u << VIRTIO_VSOCK_OP_CREDIT_UPDATE;
}

/* The guest's half-close: what it has sent goes out first; what it does not want need not be written by anyone. */
static void pass_on_shutdown(struct vsock *v, struct vsock_connection *c)
{
	unsigned now = c->guest_shut & ~c->shut_down;

	if (c->received != c->forwarded)
		now &= ~(unsigned)VIRTIO_VSOCK_SHUTDOWN_SEND;
	c->shut_down |= now;
	if (c->shut_down == SHUT_BOTH_WAYS || (c->deaf && c->guest_shut & VIRTIO_VSOCK_SHUTDOWN_RCV))
		reset_connection(v, c); /* all has arrived (5.10.6.5) */
	else if (now)
		sys_shutdown(v->device.sys, c->fd, now & VIRTIO_VSOCK_SHUTDOWN_SEND ? SHUT_WR : SHUT_RD);
}

static void flush(struct vsock *v, struct vsock_connection *c)
{
	send_buffered(v, c);
	pass_on_shutdown(v, c);
}

/* From the guest's own memory, where nothing from before waits. Returns how much the socket took; why no more, flush() finds. */
static uint32_t send_directly(struct vsock *v, const struct vsock_connection *c, uint32_t bytes)
{
	struct iovec runs[VIRTQ_SEGMENTS_MAX];
	unsigned count = c->writable && !c->deaf && c->received == c->forwarded ?
			 chain_readable(&v->tx, sizeof(struct virtio_vsock_hdr), bytes, runs) : 0;
	uint32_t sent = 0;

	for (unsigned i = 0; i < count; i++) {
		ssize_t n = sys_send(v->device.sys, c->fd, runs[i].iov_base, runs[i].iov_len, MSG_NOSIGNAL | MSG_DONTWAIT);

		sent += n > 0 ? (uint32_t)n : 0;
		if (n != (ssize_t)runs[i].iov_len)
			break;
	}
	return sent;
}

static void take_data(struct vsock *v, struct vsock_connection *c, uint32_t bytes)
{
	uint32_t size = vsock_table_credit(&v->table, c), at, first, sent;
	uint8_t *buffer = vsock_table_buffer(&v->table, c);

	/* More than it has credit for, or after it said that nothing more would come. */
	if (c->state != VSOCK_OPEN || bytes > size - (c->received - c->forwarded) || c->guest_shut & VIRTIO_VSOCK_SHUTDOWN_SEND) {
		reset_connection(v, c);
		return;
	}
	sent = send_directly(v, c, bytes);
	c->received += sent;
	c->forwarded += sent;
	bytes -= sent;
	at = c->received % size;
	first = bytes < size - at ? bytes : size - at;
	chain_read(&v->tx, sizeof(struct virtio_vsock_hdr) + sent, buffer + at, first);
	chain_read(&v->tx, sizeof(struct virtio_vsock_hdr) + sent + first, buffer, bytes - first);
	c->received += bytes;
	if (c->deaf)
		c->forwarded = c->received; /* it was on its way */
	flush(v, c);
}

/* ---- packets from the guest ---- */

static void refuse(struct vsock *v, const struct virtio_vsock_hdr *h)
{
	if (h->op == VIRTIO_VSOCK_OP_RST || v->reset_count == RESETS)
		return;
	v->resets[v->reset_count++] = (struct virtio_vsock_hdr){
		.src_cid = h->dst_cid, .dst_cid = v->cid, .src_port = h->dst_port, .dst_port = h->src_port,
		.type = h->type, .op = VIRTIO_VSOCK_OP_RST,
	};
}

static void take_credit(struct vsock_connection *c, const struct virtio_vsock_hdr *h)
{
	c->guest_buffer = h->buf_alloc;
	c->guest_forwarded = h->fwd_cnt;
}

/* For the report: that nobody listens is the guest's business; that there was no room for one more is the operator's. */
static void note_failure(struct vsock *v, int errnum, const char *doing)
{
	if (errnum != ENOENT && errnum != ECONNREFUSED && errnum != EAGAIN && errnum != ECONNABORTED && errnum != EINTR)
		virtio_host_error(&v->device, errnum, doing, 0);
}

static void guest_connects(struct vsock *v, const struct virtio_vsock_hdr *h)
{
	struct vsock_connection *c = vsock_table_free(&v->table);
	int fd = c ? vsock_unix_connect(&v->host, h->dst_port, vsock_table_number(&v->table, c), v->device.sys) : -ENOBUFS;

	if (fd < 0) {
		note_failure(v, -fd, "connect");
		refuse(v, h);
		return;
	}
	vsock_table_take(&v->table, c);
	c->fd = fd;
	c->state = VSOCK_OPEN;
	vsock_table_name(&v->table, c, h->dst_port, h->src_port);
	c->readable = c->writable = true;
	c->owed = 1u << VIRTIO_VSOCK_OP_RESPONSE;
	take_credit(c, h);
	settle(v, c);
}

static void guest_accepts(struct vsock *v, struct vsock_connection *c)
{
	char ok[sizeof("OK 4294967295\n")];
	int bytes = snprintf(ok, sizeof(ok), "OK %u\n", c->host_port);

	if (c->state != VSOCK_ASKED || sys_send(v->device.sys, c->fd, ok, (size_t)bytes, MSG_NOSIGNAL | MSG_DONTWAIT) != bytes) {
		reset_connection(v, c);
		return;
	}
	c->state = VSOCK_OPEN;
	c->readable = c->writable = true;
	flush(v, c); /* it may have shut something down already */
}

static void handle_of(struct vsock *v, struct vsock_connection *c, const struct virtio_vsock_hdr *h)
{
	if (c->state == VSOCK_ENDING) {
		if (h->op == VIRTIO_VSOCK_OP_RST)
			hang_up(v, c); /* they cross: neither needs an answer */
		return;
	}
	take_credit(c, h);
	switch (h->op) {
	case VIRTIO_VSOCK_OP_RESPONSE:
		guest_accepts(v, c);
		break;
	case VIRTIO_VSOCK_OP_RST:
		hang_up(v, c);
		break;
	case VIRTIO_VSOCK_OP_SHUTDOWN:
		c->guest_shut |= h->flags & SHUT_BOTH_WAYS;
		if (c->state == VSOCK_OPEN)
			flush(v, c);
		break;
	case VIRTIO_VSOCK_OP_RW:
		take_data(v, c, h->len);
		break;
	case VIRTIO_VSOCK_OP_CREDIT_UPDATE:
		break;
	case VIRTIO_VSOCK_OP_CREDIT_REQUEST:
		c->owed |= 1u << VIRTIO_VSOCK_OP_CREDIT_UPDATE;
		break;
	default:
		reset_connection(v, c);
	}
}

static void handle(struct vsock *v, const struct virtio_vsock_hdr *h)
{
	struct vsock_connection *c;

	if (h->src_cid != v->cid)
		return; /* 5.10.6: it has no other address; whom to answer? */
	if (h->dst_cid != HOST_CID || h->type != VIRTIO_VSOCK_TYPE_STREAM) {
		refuse(v, h);
		return;
	}
	c = vsock_table_find(&v->table, h->dst_port, h->src_port);
	if (c) {
		handle_of(v, c, h);
		settle(v, c);
	} else if (h->op == VIRTIO_VSOCK_OP_REQUEST) {
		guest_connects(v, h);
	} else {
		refuse(v, h);
	}
}

/* Nothing of a packet is believed whose length is not in its buffer (5.10.6.1); data is RW's alone. */
static bool read_header(const struct virtq_chain *chain, struct virtio_vsock_hdr *h)
{
	if (chain_read(chain, 0, h, sizeof(*h)) != sizeof(*h))
		return false;
	return h->op == VIRTIO_VSOCK_OP_RW ? h->len <= chain->readable_bytes - sizeof(*h) : h->len == 0;
}

static void transmit(struct vsock *v)
{
	struct virtq *q = &v->device.queues[TX];
	struct virtio_vsock_hdr h;
	bool any = false;
	int r = 0;

	do {
		virtq_quiet(q);
		while (!(v->stalled = v->reset_count == RESETS) && (r = virtio_pop(&v->device, TX, &v->tx)) == 1) {
			uint64_t begin = __rdtsc();
			bool good = read_header(&v->tx, &h);

			if (good)
				handle(v, &h);
			virtq_push(q, &v->tx, 0);
			virtio_request_done(&v->device, TX, begin, good);
			any = true;
		}
	} while (!v->stalled && r == 0 && virtq_listen(q));
	if (any)
		virtio_queue_done(&v->device, TX);
	if (r < 0)
		virtio_needs_reset(&v->device, q->broken);
}

/* ---- packets to the guest ---- */

/* A buffer to put a packet into. False: none now, and the guest will say when. */
static bool have_room(struct vsock *v)
{
	struct virtq *q = &v->device.queues[RX];
	int r = 0;

	if (!virtio_usable(&v->device))
		return false;
	if (v->have_chain)
		return true;
	do {
		virtq_quiet(q);
		while (!v->have_chain && (r = virtq_pop(q, &v->chain)) == 1) {
			v->have_chain = v->chain.writable_bytes >= sizeof(struct virtio_vsock_hdr);
			if (!v->have_chain)
				virtq_push(q, &v->chain, 0);
		}
	} while (!v->have_chain && r == 0 && virtq_listen(q));
	if (r < 0)
		virtio_needs_reset(&v->device, q->broken);
	return v->have_chain;
}

/* data: h->len bytes, or NULL where they are in the buffer already. */
static void put(struct vsock *v, const struct virtio_vsock_hdr *h, const uint8_t *data)
{
	chain_write(&v->chain, 0, h, sizeof(*h));
	if (data)
		chain_write(&v->chain, sizeof(*h), data, h->len);
	virtq_push(&v->device.queues[RX], &v->chain, (uint32_t)sizeof(*h) + h->len);
	virtio_request_done(&v->device, RX, v->begin_tsc, true);
	v->have_chain = false;
}

/* Each packet carries our credit, so what was to be said of it is said. */
static void put_packet(struct vsock *v, struct vsock_connection *c, unsigned op, uint32_t bytes, const uint8_t *data)
{
	const struct virtio_vsock_hdr h = {
		.src_cid = HOST_CID, .dst_cid = v->cid, .src_port = c->host_port, .dst_port = c->guest_port, .len = bytes,
		.type = VIRTIO_VSOCK_TYPE_STREAM, .op = (uint16_t)op, .flags = op == VIRTIO_VSOCK_OP_SHUTDOWN ? c->told_shut : 0,
		.buf_alloc = vsock_table_credit(&v->table, c), .fwd_cnt = c->forwarded,
	};

	put(v, &h, data);
	c->forwarded_told = c->forwarded;
	c->owed &= ~(1u << op | 1u << VIRTIO_VSOCK_OP_CREDIT_UPDATE);
	if (c->state == VSOCK_ENDING)
		hang_up(v, c);
}

/* The host sends no more; if it has gone altogether, it takes nothing either. */
static void end_of_input(struct vsock_connection *c)
{
	c->readable = false;
	c->at_end = true;
	c->told_shut |= c->hung_up ? SHUT_BOTH_WAYS : VIRTIO_VSOCK_SHUTDOWN_SEND;
	c->owed |= 1u << VIRTIO_VSOCK_OP_SHUTDOWN;
}

/*
 * Data of the host's: as much as the guest has room for, in its socket and in this buffer. False: a limit says that there is to be
 * none now.
 */
static bool receive(struct vsock *v, struct vsock_connection *c)
{
	uint64_t there = v->chain.writable_bytes - sizeof(struct virtio_vsock_hdr);
	uint32_t room = room_of(c) < PACKET_BYTES ? room_of(c) : PACKET_BYTES;
	struct iovec runs[VIRTQ_SEGMENTS_MAX];
	uint8_t *data = NULL;
	ssize_t n;

	if (there == 0) { /* it has room for a header alone: the next one may be better */
		virtq_push(&v->device.queues[RX], &v->chain, 0);
		v->have_chain = false;
		return true;
	}
	if (!virtio_may_begin(&v->device, RX, 0))
		return false;
	if (there > room)
		there = room;
	/* Into the guest's own memory, where that lies together. */
	if (chain_writable(&v->chain, sizeof(struct virtio_vsock_hdr), there, runs) != 1)
		runs[0] = (struct iovec){ data = v->packet, (size_t)there };
	n = sys_recv(v->device.sys, c->fd, runs[0].iov_base, runs[0].iov_len, MSG_DONTWAIT);
	if (n == -EAGAIN || n == -EINTR) {
		c->readable = n == -EINTR;
	} else if (n < 0) {
		reset_connection(v, c);
	} else if (n == 0) {
		end_of_input(c);
	} else {
		c->sent += (uint32_t)n;
		virtio_has_moved(&v->device, RX, (uint64_t)n);
		put_packet(v, c, VIRTIO_VSOCK_OP_RW, (uint32_t)n, data);
	}
	return true;
}

/* In the order of their numbers they make sense; a good-bye is owed only when all data has gone. */
static void put_owed(struct vsock *v, struct vsock_connection *c)
{
	put_packet(v, c, (unsigned)__builtin_ctz(c->owed), 0, NULL);
}

/* One packet of this connection, and then it is another's turn. False as of receive(). */
static bool serve(struct vsock *v, struct vsock_connection *c)
{
	struct vsock_list *turn = c->in;

	if (turn == &v->owing)
		put_owed(v, c);
	else if (!receive(v, c))
		return false;
	settle(v, c);
	if (c->in == turn)
		vsock_list_move(c, turn);
	return true;
}

/* ---- what has happened on the host ---- */

static void hello(struct vsock *v, struct vsock_connection *c)
{
	uint32_t host_port, guest_port;
	int r = vsock_unix_hello(c->fd, &guest_port, v->device.sys);

	if (r < 0)
		hang_up(v, c);
	if (r != 1)
		return;
	do
		host_port = PORT_FIRST | v->next_port++;
	while (vsock_table_find(&v->table, host_port, guest_port));
	vsock_table_name(&v->table, c, host_port, guest_port);
	c->state = VSOCK_ASKED;
	c->owed = 1u << VIRTIO_VSOCK_OP_REQUEST;
	settle(v, c);
}

static void take_caller(struct vsock *v, struct vsock_connection *c, int fd)
{
	vsock_table_take(&v->table, c);
	c->fd = fd;
	c->state = VSOCK_HELLO;
	vsock_list_move(c, &v->silent);
	hello(v, c);
	if (v->silent.count > SILENT)
		hang_up(v, v->silent.first);
}

static void accept_all(struct vsock *v)
{
	while (v->callers && virtio_usable(&v->device)) {
		struct vsock_connection *c = vsock_table_free(&v->table);
		int fd = c ? vsock_unix_accept(&v->host, vsock_table_number(&v->table, c), v->device.sys) : -ENOBUFS;

		if (fd >= 0) {
			take_caller(v, c, fd);
			continue;
		}
		v->callers = fd == -EINTR || fd == -ECONNABORTED;
		v->crowded = fd != -EAGAIN; /* then he waits in the listener's queue */
		if (c)
			note_failure(v, -fd, "accept");
	}
}

static void happened(struct vsock *v, const struct epoll_event *e)
{
	struct vsock_connection *c;

	if (e->data.u64 == VSOCK_UNIX_LISTENER) {
		v->callers = true;
		return;
	}
	c = &v->table.places[e->data.u64 % VSOCK_CONNECTIONS];
	if (c->fd < 0)
		return;
	c->readable |= (e->events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
	c->writable |= (e->events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0;
	c->hung_up |= (e->events & EPOLLHUP) != 0;
	if (c->state == VSOCK_HELLO) {
		hello(v, c);
		/* The rest of a line that broke off will not come. */
		if (c->state == VSOCK_HELLO && e->events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
			hang_up(v, c);
	}
	if (c->state == VSOCK_ASKED && c->hung_up)
		reset_connection(v, c);
	if (c->state == VSOCK_OPEN)
		flush(v, c);
	if (c->at_end && c->hung_up && c->state == VSOCK_OPEN && c->told_shut != SHUT_BOTH_WAYS)
		end_of_input(c);
	settle(v, c);
}

/* Everything that can be done now, a packet of each connection at a time. */
static void pump(struct vsock *v)
{
	bool any = false, refused = false;

	while (v->reset_count > 0 && have_room(v)) {
		v->begin_tsc = __rdtsc();
		put(v, &v->resets[--v->reset_count], NULL);
		any = true;
		if (v->stalled)
			transmit(v);
	}
	for (;;) {
		struct vsock_connection *c;

		accept_all(v); /* each time: a connection that has ended makes room for one that waits */
		c = v->owing.first ? v->owing.first : refused ? NULL : v->receiving.first;
		if (!c || !have_room(v))
			break;
		v->begin_tsc = __rdtsc();
		if (serve(v, c))
			any = true;
		else
			refused = true; /* whose turn it was keeps it; others may still be owed something */
	}
	if (any)
		virtio_queue_done(&v->device, RX);
}

/* 5.10.6.7. A driver without buffers for events gets this one with the next that it gives. */
static COLD void tell_interrupted(struct vsock *v)
{
	const struct virtio_vsock_event event = { .id = VIRTIO_VSOCK_EVENT_TRANSPORT_RESET };
	struct virtq *q = &v->device.queues[EVENT];
	struct virtq_chain chain;
	int r = 0;

	do {
		virtq_quiet(q);
		while (v->interrupted && (r = virtq_pop(q, &chain)) == 1) {
			v->interrupted = chain_write(&chain, 0, &event, sizeof(event)) < sizeof(event);
			virtq_push(q, &chain, sizeof(event));
		}
	} while (v->interrupted && r == 0 && virtq_listen(q));
	virtio_queue_done(&v->device, EVENT);
	if (r < 0)
		virtio_needs_reset(&v->device, q->broken);
}

static void watch(struct vsock *v)
{
	if (v->polling)
		return;
	v->polling = true;
	engine_start(v->device.engine, &v->poll);
}

static void poll_done(struct engine_op *op, int32_t result)
{
	struct vsock *v = op->context;
	struct epoll_event events[EVENTS];
	int n = 0;

	v->polling = false;
	/* Where no driver hears of it, what has happened waits with epoll; activate() watches again. */
	if (result == -ECANCELED || !virtio_usable(&v->device))
		return;
	if (result < 0)
		virtio_host_error(&v->device, -result, "poll", 0);
	else
		n = sys_epoll_wait(v->device.sys, v->host.epoll, events, EVENTS);
	for (int i = 0; i < n; i++)
		happened(v, &events[i]);
	pump(v);
	v->failed_polls = result < 0 ? v->failed_polls + 1 : 0;
	if (v->failed_polls < TRIES)
		watch(v);
}

/* ---- the device ---- */

static void notify(struct virtio_device *device, unsigned queue)
{
	struct vsock *v = (struct vsock *)device;

	if (!virtio_usable(device))
		return;
	if (queue == EVENT && v->interrupted)
		tell_interrupted(v);
	if (queue == TX)
		transmit(v);
	pump(v);
	watch(v); /* where it is not, because it failed too often */
}

static int activate(struct virtio_device *device)
{
	struct vsock *v = (struct vsock *)device;

	v->callers = true;
	watch(v);
	if (v->interrupted)
		tell_interrupted(v);
	pump(v);
	return 0;
}

/* The engine has only the poll of the epoll descriptor, which is no business of the guest's memory. */
static bool reset(struct virtio_device *device)
{
	struct vsock *v = (struct vsock *)device;

	for (unsigned i = 0; i < v->table.top; i++)
		if (v->table.places[i].state != VSOCK_FREE)
			hang_up(v, &v->table.places[i]);
	v->have_chain = v->stalled = v->interrupted = false;
	v->reset_count = 0;
	return true;
}

/* Host's ports that the guest has not met yet. */
static COLD void save(const struct virtio_device *device, struct state_writer *writer)
{
	const struct vsock *v = (const struct vsock *)device;

	state_put(writer, &v->next_port, sizeof(v->next_port));
}

static COLD int load(struct virtio_device *device, const struct device_state *saved, struct state_reader *reader)
{
	struct vsock *v = (struct vsock *)device;

	v->interrupted = saved->status & VIRTIO_CONFIG_S_DRIVER_OK;
	return state_get(reader, &v->next_port, sizeof(v->next_port));
}

static void close_host(struct virtio_device *device)
{
	vsock_unix_close(&((struct vsock *)device)->host, device->sys);
}

static const struct virtio_ops ops = {
	.name = "vsock",
	.id = VIRTIO_ID_VSOCK,
	.bytes_beside_data = sizeof(struct virtio_vsock_hdr),
	.activate = activate,
	.notify = notify,
	.reset = reset,
	.close = close_host,
	.save = save,
	.load = load,
};

int virtio_vsock_create(struct virtio_device **device, const struct device_context *context)
{
	struct vsock *v = device_alloc(context, sizeof(*v));
	int r;

	if (!v)
		return -ENOMEM;
	r = vsock_unix_open(&v->host, context->config->path, context->sys, context->error);
	if (r < 0) {
		device_discard(context, &v->device);
		return r;
	}
	r = device_add_file(context, v->host.epoll, "--vsock");
	if (r < 0) {
		vsock_unix_close(&v->host, context->sys);
		device_discard(context, &v->device);
		return r;
	}
	v->poll = (struct engine_op){ .code = ENGINE_POLL, .file = r, .events = POLLIN, .done = poll_done, .context = v };
	v->cid = context->config->cid;
	v->device.ops = &ops;
	v->device.queue_count = QUEUES;
	for (unsigned i = 0; i < QUEUES; i++)
		v->device.queue_size_max[i] = QUEUE_SIZE;
	memcpy(v->device.config, &(struct virtio_vsock_config){ .guest_cid = v->cid }, sizeof(struct virtio_vsock_config));
	v->device.config_bytes = sizeof(struct virtio_vsock_config);
	*device = &v->device;
	return 0;
}
