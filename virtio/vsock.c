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

#include "virtio/device.h"
#include "virtio/devices.h"
#include "virtio/vsock_unix.h"
#include "vmm/engine.h"
#include "vmm/error.h"
#include "vmm/sys.h"

#define QUEUE_SIZE   128
#define CONNECTIONS  1024u
/*
 * The credit of a connection, and its buffer: so much that a stream costs an exit each 256 KiB, for the first few that there are at
 * a time. A guest can have all of it filled, so the others get less. Powers of two.
 */
#define FEW          64u
#define FEW_BYTES    262144u
#define MANY_BYTES   32768u
#define PACKET_BYTES 65536u /* data of one packet to the guest */
#define RESETS       64u    /* answers to packets of no connection, waiting for a buffer; then the guest's packets wait too */
#define EVENTS       64
#define HOST_CID     2u
#define PORT_FIRST   0x40000000u /* of the host's, for connections to the guest */

#define SHUT_BOTH_WAYS (VIRTIO_VSOCK_SHUTDOWN_RCV | VIRTIO_VSOCK_SHUTDOWN_SEND)

enum { RX, TX, EVENT, QUEUES }; /* 5.10.2 */

enum state {
	FREE,
	HELLO,     /* a program has connected to us, and has not said to which port */
	ASKED,     /* the guest has been asked, or is to be */
	OPEN,
	ENDING,    /* the descriptor is closed; a reset is owed to the guest */
};

struct connection {
	enum state state;
	int fd;
	uint32_t host_port, guest_port;
	unsigned owed;                    /* bits 1 << VIRTIO_VSOCK_OP_* */
	bool readable, writable, hung_up; /* the descriptor, as far as we know */
	bool at_end;                      /* of what the host sends */
	unsigned guest_shut, told_shut;   /* VIRTIO_VSOCK_SHUTDOWN_* */
	unsigned shut_down;               /* what of guest_shut has been passed on */
	bool deaf;                        /* the host takes nothing any more, but may have sent something yet */
	/* 5.10.6.3: counters run freely. */
	uint32_t received, forwarded, forwarded_told;
	uint32_t sent, guest_buffer, guest_forwarded;
};

struct vsock {
	struct virtio_device device;
	struct vsock_unix host;
	struct engine_op poll;
	bool polling, active;
	bool callers;                  /* somebody may be waiting to be accepted */
	bool stalled;                  /* packets of the guest's wait in their ring for room in resets */
	uint64_t cid;
	uint32_t next_port;
	unsigned next;                 /* connection that is served first, by turns */
	unsigned top;                  /* connections from here on were never used */
	bool refused;                  /* the connection just served, by a limit */
	bool have_chain;               /* popped from RX and not yet filled */
	struct virtq_chain chain, tx;
	unsigned reset_count;
	struct virtio_vsock_hdr resets[RESETS];
	uint8_t packet[PACKET_BYTES];
	struct connection connections[CONNECTIONS];
	uint64_t ports[CONNECTIONS];   /* of them, host's and guest's: apart, so that looking for one is quick */
	uint8_t few[FEW][FEW_BYTES], many[CONNECTIONS - FEW][MANY_BYTES];
};

/* ---- connections ---- */

static struct connection *find(struct vsock *v, uint32_t host_port, uint32_t guest_port)
{
	const uint64_t ports = (uint64_t)host_port << 32 | guest_port;

	for (unsigned i = 0; i < v->top; i++)
		if (v->ports[i] == ports && v->connections[i].state >= ASKED)
			return &v->connections[i];
	return NULL;
}

static bool port_taken(struct vsock *v, uint32_t host_port)
{
	for (unsigned i = 0; i < v->top; i++)
		if (v->ports[i] >> 32 == host_port && v->connections[i].state >= ASKED)
			return true;
	return false;
}

static struct connection *take(struct vsock *v)
{
	for (unsigned i = 0; i < CONNECTIONS; i++)
		if (v->connections[i].state == FREE) {
			if (i >= v->top)
				v->top = i + 1;
			v->connections[i] = (struct connection){ .fd = -1 };
			return &v->connections[i];
		}
	return NULL;
}

static uint64_t number(const struct vsock *v, const struct connection *c)
{
	return (uint64_t)(c - v->connections);
}

/* From now on it is one that the guest knows, or is to know. */
static void name(struct vsock *v, struct connection *c, uint32_t host_port, uint32_t guest_port)
{
	c->host_port = host_port;
	c->guest_port = guest_port;
	v->ports[number(v, c)] = (uint64_t)host_port << 32 | guest_port;
}

/* 5.10.6.3, buf_alloc; and the buffer that it is the length of. */
static uint32_t credit(const struct vsock *v, const struct connection *c)
{
	return number(v, c) < FEW ? FEW_BYTES : MANY_BYTES;
}

static uint8_t *buffer_of(struct vsock *v, const struct connection *c)
{
	return number(v, c) < FEW ? v->few[number(v, c)] : v->many[number(v, c) - FEW];
}

static void hang_up(struct vsock *v, struct connection *c)
{
	if (c->fd >= 0)
		sys_close(v->device.sys, c->fd);
	c->fd = -1;
	c->owed = 0;
	c->state = FREE;
	v->callers = true; /* there is room for one again */
}

/* The same, and the guest is told (5.10.6.5). */
static void reset_connection(struct vsock *v, struct connection *c)
{
	bool known = c->state >= ASKED && !(c->owed & 1u << VIRTIO_VSOCK_OP_REQUEST);

	hang_up(v, c);
	if (known) {
		c->state = ENDING;
		c->owed = 1u << VIRTIO_VSOCK_OP_RST;
	}
}

/* ---- to the host ---- */

/* What the host has sent before it went is the guest's yet. */
static void become_deaf(struct connection *c)
{
	c->deaf = true;
	c->forwarded = c->received;
	c->told_shut |= VIRTIO_VSOCK_SHUTDOWN_RCV;
	c->owed |= 1u << VIRTIO_VSOCK_OP_SHUTDOWN;
}

/* What is buffered goes out as far as the socket takes it. */
static void send_buffered(struct vsock *v, struct connection *c)
{
	uint32_t size = credit(v, c);
	uint8_t *buffer = buffer_of(v, c);

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
static void pass_on_shutdown(struct vsock *v, struct connection *c)
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

static void flush(struct vsock *v, struct connection *c)
{
	send_buffered(v, c);
	pass_on_shutdown(v, c);
}

/* From the guest's own memory, where nothing from before waits. Returns how much the socket took; why no more, flush() finds. */
static uint32_t send_directly(struct vsock *v, const struct connection *c, uint32_t bytes)
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

static void take_data(struct vsock *v, struct connection *c, uint32_t bytes)
{
	uint32_t size = credit(v, c), at, first, sent;
	uint8_t *buffer = buffer_of(v, c);

	/* More than it has credit for, or after it said that nothing more would come. */
	if (c->state != OPEN || bytes > size - (c->received - c->forwarded) || c->guest_shut & VIRTIO_VSOCK_SHUTDOWN_SEND) {
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

static void take_credit(struct connection *c, const struct virtio_vsock_hdr *h)
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
	struct connection *c = take(v);

	if (!c) {
		note_failure(v, ENOBUFS, "connect");
		refuse(v, h);
		return;
	}
	c->fd = vsock_unix_connect(&v->host, h->dst_port, number(v, c), v->device.sys);
	if (c->fd < 0) {
		note_failure(v, -c->fd, "connect");
		refuse(v, h);
		return;
	}
	c->state = OPEN;
	name(v, c, h->dst_port, h->src_port);
	c->readable = c->writable = true;
	c->owed = 1u << VIRTIO_VSOCK_OP_RESPONSE;
	take_credit(c, h);
}

static void guest_accepts(struct vsock *v, struct connection *c)
{
	char ok[sizeof("OK 4294967295\n")];
	int bytes = snprintf(ok, sizeof(ok), "OK %u\n", c->host_port);

	if (c->state != ASKED || sys_send(v->device.sys, c->fd, ok, (size_t)bytes, MSG_NOSIGNAL | MSG_DONTWAIT) != bytes) {
		reset_connection(v, c);
		return;
	}
	c->state = OPEN;
	c->readable = c->writable = true;
	flush(v, c); /* it may have shut something down already */
}

static void handle(struct vsock *v, const struct virtio_vsock_hdr *h)
{
	struct connection *c;

	if (h->src_cid != v->cid)
		return; /* 5.10.6: it has no other address; whom to answer? */
	if (h->dst_cid != HOST_CID || h->type != VIRTIO_VSOCK_TYPE_STREAM) {
		refuse(v, h);
		return;
	}
	c = find(v, h->dst_port, h->src_port);
	if (!c) {
		if (h->op == VIRTIO_VSOCK_OP_REQUEST)
			guest_connects(v, h);
		else
			refuse(v, h);
		return;
	}
	if (c->state == ENDING) {
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
		if (c->state == OPEN)
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
			bool good = read_header(&v->tx, &h);

			if (good)
				handle(v, &h);
			v->device.metrics[TX].requests++;
			v->device.metrics[TX].errors += !good;
			virtq_push(q, &v->tx, 0);
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
	v->device.metrics[RX].requests++;
	v->have_chain = false;
}

/* Each packet carries our credit, so what was to be said of it is said. */
static void put_packet(struct vsock *v, struct connection *c, unsigned op, uint32_t bytes, const uint8_t *data)
{
	const struct virtio_vsock_hdr h = {
		.src_cid = HOST_CID, .dst_cid = v->cid, .src_port = c->host_port, .dst_port = c->guest_port, .len = bytes,
		.type = VIRTIO_VSOCK_TYPE_STREAM, .op = (uint16_t)op, .flags = op == VIRTIO_VSOCK_OP_SHUTDOWN ? c->told_shut : 0,
		.buf_alloc = credit(v, c), .fwd_cnt = c->forwarded,
	};

	put(v, &h, data);
	c->forwarded_told = c->forwarded;
	c->owed &= ~(1u << op | 1u << VIRTIO_VSOCK_OP_CREDIT_UPDATE);
	if (c->state == ENDING)
		hang_up(v, c);
}

/* The host sends no more; if it has gone altogether, it takes nothing either. */
static void end_of_input(struct connection *c)
{
	c->readable = false;
	c->at_end = true;
	c->told_shut |= c->hung_up ? SHUT_BOTH_WAYS : VIRTIO_VSOCK_SHUTDOWN_SEND;
	c->owed |= 1u << VIRTIO_VSOCK_OP_SHUTDOWN;
}

/* Data of the host's: as much as the guest has room for, in its socket and in this buffer. True: there was some. */
static bool receive(struct vsock *v, struct connection *c)
{
	uint32_t unread = c->sent - c->guest_forwarded, room = c->guest_buffer > unread ? c->guest_buffer - unread : 0;
	uint64_t there = v->chain.writable_bytes - sizeof(struct virtio_vsock_hdr);
	struct iovec runs[VIRTQ_SEGMENTS_MAX];
	uint8_t *data = NULL;
	ssize_t n;

	if (c->state != OPEN || !c->readable || c->at_end || room == 0 || c->guest_shut & VIRTIO_VSOCK_SHUTDOWN_RCV)
		return false;
	if (there == 0) { /* it has room for a header alone: the next one may be better */
		virtq_push(&v->device.queues[RX], &v->chain, 0);
		v->have_chain = false;
		return true;
	}
	if (!virtio_may_begin(&v->device, RX, 0)) {
		v->refused = true;
		return false;
	}
	if (room > PACKET_BYTES)
		room = PACKET_BYTES;
	if (there > room)
		there = room;
	/* Into the guest's own memory, where that lies together. */
	if (chain_writable(&v->chain, sizeof(struct virtio_vsock_hdr), there, runs) != 1)
		runs[0] = (struct iovec){ data = v->packet, (size_t)there };
	n = sys_recv(v->device.sys, c->fd, runs[0].iov_base, runs[0].iov_len, MSG_DONTWAIT);
	if (n == -EAGAIN || n == -EINTR) {
		c->readable = n == -EINTR;
		return false;
	}
	if (n < 0) {
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

/* One packet of this connection. In the order of their numbers they make sense, but a good-bye comes after the data. */
static bool serve(struct vsock *v, struct connection *c)
{
	for (unsigned op = VIRTIO_VSOCK_OP_REQUEST; c->owed && op <= VIRTIO_VSOCK_OP_CREDIT_UPDATE; op++)
		if (c->owed & 1u << op) {
			put_packet(v, c, op, 0, NULL);
			return true;
		}
	return receive(v, c);
}

/* ---- what has happened on the host ---- */

static void hello(struct vsock *v, struct connection *c)
{
	uint32_t host_port, guest_port;
	int r = vsock_unix_hello(c->fd, &guest_port, v->device.sys);

	if (r < 0)
		hang_up(v, c);
	if (r != 1)
		return;
	do
		host_port = PORT_FIRST | v->next_port++;
	while (port_taken(v, host_port));
	name(v, c, host_port, guest_port);
	c->state = ASKED;
	c->owed = 1u << VIRTIO_VSOCK_OP_REQUEST;
}

static void accept_all(struct vsock *v)
{
	while (v->active && v->callers) {
		struct connection *c = take(v);

		if (!c) {
			v->callers = false; /* until there is room: they wait in the listener's queue */
			return;
		}
		c->fd = vsock_unix_accept(&v->host, number(v, c), v->device.sys);
		if (c->fd < 0) {
			v->callers = c->fd == -EINTR || c->fd == -ECONNABORTED;
			note_failure(v, -c->fd, "accept");
			continue;
		}
		c->state = HELLO;
		hello(v, c);
	}
}

static void happened(struct vsock *v, const struct epoll_event *e)
{
	struct connection *c;

	if (e->data.u64 == VSOCK_UNIX_LISTENER) {
		v->callers = true;
		return;
	}
	c = &v->connections[e->data.u64 % CONNECTIONS];
	if (c->fd < 0)
		return;
	c->readable |= (e->events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
	c->writable |= (e->events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0;
	c->hung_up |= (e->events & EPOLLHUP) != 0;
	if (c->state == HELLO) {
		hello(v, c);
		/* The rest of a line that broke off will not come. */
		if (c->state == HELLO && e->events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
			hang_up(v, c);
	}
	if (c->state == ASKED && c->hung_up)
		reset_connection(v, c);
	if (c->state == OPEN)
		flush(v, c);
	if (c->at_end && c->hung_up && c->state == OPEN && c->told_shut != SHUT_BOTH_WAYS)
		end_of_input(c);
}

/* Everything that can be done now, a packet of each connection at a time. */
static void pump(struct vsock *v)
{
	bool any = false, more = true, refused = false;

	while (v->reset_count > 0 && have_room(v)) {
		put(v, &v->resets[--v->reset_count], NULL);
		any = true;
		if (v->stalled)
			transmit(v);
	}
	while (more) {
		unsigned first = v->next;

		more = false;
		accept_all(v); /* each time: a connection that has ended makes room for one that waits */
		for (unsigned i = 0; i < v->top && v->active; i++) {
			unsigned at = (first + i) % v->top;
			struct connection *c = &v->connections[at];

			if (c->state == FREE || c->state == HELLO || (!c->owed && !c->readable))
				continue;
			if (!have_room(v)) {
				v->next = at;
				more = false;
				break;
			}
			v->refused = false;
			if (serve(v, c))
				any = more = true;
			if (v->refused && !refused) {
				v->next = at; /* others may still be owed something */
				refused = true;
			}
		}
	}
	if (any)
		virtio_queue_done(&v->device, RX);
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
	int n;

	v->polling = false;
	if (result < 0) {
		if (result != -ECANCELED)
			virtio_host_error(&v->device, -result, "poll", 0);
		return;
	}
	n = sys_epoll_wait(v->device.sys, v->host.epoll, events, EVENTS);
	for (int i = 0; i < n; i++)
		happened(v, &events[i]);
	pump(v);
	watch(v);
}

/* ---- the device ---- */

static void notify(struct virtio_device *device, unsigned queue)
{
	struct vsock *v = (struct vsock *)device;

	if (queue == TX)
		transmit(v);
	pump(v);
}

static int activate(struct virtio_device *device)
{
	struct vsock *v = (struct vsock *)device;

	v->active = v->callers = true;
	watch(v);
	pump(v);
	return 0;
}

/* The engine has only the poll of the epoll descriptor, which is no business of the guest's memory. */
static bool reset(struct virtio_device *device)
{
	struct vsock *v = (struct vsock *)device;

	for (unsigned i = 0; i < v->top; i++)
		hang_up(v, &v->connections[i]);
	v->active = v->have_chain = v->stalled = false;
	v->reset_count = 0;
	return true;
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
