/* SPDX-License-Identifier: Apache-2.0 */
/* Connections, their credit and their end: virtio 1.2, 5.10.6. */
#include <stdlib.h>
#include <string.h>

#include "vsock.h"

#define BOTH (KVICK_SHUTDOWN_RECEIVE | KVICK_SHUTDOWN_SEND)

static void owe(struct kvick_socket *socket, enum vsock_operation operation)
{
	socket->owed |= 1u << operation;
}

/* A packet of this socket. Each carries our credit, so what was to be said of it is said. */
static bool send_packet(struct kvick_socket *socket, enum vsock_operation operation, const void *data, uint32_t bytes, bool lent)
{
	struct vsock_header header = {
		.dst_cid = socket->peer_cid,
		.src_port = socket->port,
		.dst_port = socket->peer_port,
		.bytes = bytes,
		.operation = operation,
		.flags = operation == VSOCK_SHUTDOWN ? socket->shut : 0,
		.buffer_bytes = socket->vsock->buffer_bytes,
		.forwarded = socket->forwarded,
	};

	if (!vsock_send(socket->vsock, &header, data, lent))
		return false;
	socket->forwarded_told = socket->forwarded;
	socket->owed &= ~(1u << VSOCK_CREDIT_UPDATE);
	return true;
}

/* The order of their numbers is that in which they make sense. */
static void send_owed(struct kvick_socket *socket)
{
	for (unsigned operation = VSOCK_REQUEST; operation <= VSOCK_CREDIT_UPDATE; operation++)
		if (socket->owed & 1u << operation && send_packet(socket, operation, NULL, 0, false))
			socket->owed &= ~(1u << operation);
}

void vsock_send_owed(struct kvick_vsock *vsock)
{
	while (vsock->reset_count > 0 && vsock_send(vsock, &vsock->resets[vsock->reset_count - 1], NULL, false))
		vsock->reset_count--;
	for (unsigned i = 0; i < vsock->socket_count; i++) {
		struct kvick_socket *socket = &vsock->sockets[i];

		send_owed(socket);
		/* A reset is not answered: once it is sent, nothing more is to come. */
		if (socket->state == SOCKET_CLOSING && socket->owed == 0 && socket->shut != BOTH)
			socket->state = SOCKET_FREE;
	}
}

/* A slot, with a buffer. One whose last packet was never answered may be had where no other is free. */
static struct kvick_socket *new_socket(struct kvick_vsock *vsock)
{
	struct kvick_socket *socket = NULL;
	uint8_t *buffer;

	for (unsigned i = 0; i < vsock->socket_count; i++) {
		if (vsock->sockets[i].state == SOCKET_FREE || (!socket && vsock->sockets[i].state == SOCKET_CLOSING))
			socket = &vsock->sockets[i];
		if (vsock->sockets[i].state == SOCKET_FREE)
			break;
	}
	if (!socket)
		return NULL;
	buffer = socket->buffer ? socket->buffer : malloc(vsock->buffer_bytes);
	*socket = (struct kvick_socket){ .vsock = vsock, .buffer = buffer };
	return buffer ? socket : NULL;
}

static struct kvick_socket *find_socket(struct kvick_vsock *vsock, const struct vsock_header *header)
{
	for (unsigned i = 0; i < vsock->socket_count; i++) {
		struct kvick_socket *socket = &vsock->sockets[i];

		if (socket->state != SOCKET_FREE && socket->peer_cid == header->src_cid &&
		    socket->peer_port == header->src_port && socket->port == header->dst_port)
			return socket;
	}
	return NULL;
}

/* 5.10.6.4.1: what belongs to no connection is answered with a reset. Where too many wait to be sent, this one is lost. */
static void refuse(struct kvick_vsock *vsock, const struct vsock_header *header)
{
	if (header->operation == VSOCK_RESET || vsock->reset_count == VSOCK_RESETS_MAX)
		return;
	vsock->resets[vsock->reset_count++] = (struct vsock_header){
		.dst_cid = header->src_cid,
		.src_port = header->dst_port,
		.dst_port = header->src_port,
		.operation = VSOCK_RESET,
	};
}

static void take_credit(struct kvick_socket *socket, const struct vsock_header *header)
{
	socket->peer_buffer_bytes = header->buffer_bytes;
	socket->peer_forwarded = header->forwarded;
}

static void arrive(struct kvick_vsock *vsock, const struct vsock_header *header)
{
	struct kvick_socket *socket = NULL;

	if (header->operation == VSOCK_REQUEST && vsock->listening && header->dst_port == vsock->listening)
		socket = new_socket(vsock);
	if (!socket) {
		refuse(vsock, header);
		return;
	}
	socket->state = SOCKET_OPEN;
	socket->peer_cid = header->src_cid;
	socket->peer_port = header->src_port;
	socket->port = header->dst_port;
	take_credit(socket, header);
	owe(socket, VSOCK_RESPONSE);
}

/* The connection is over. Whoever has the socket learns it; nobody has one that is closing. */
static void end(struct kvick_socket *socket)
{
	socket->peer_shut = BOTH;
	if (socket->state == SOCKET_CLOSING) {
		socket->shut = 0;
		socket->state = socket->owed ? SOCKET_CLOSING : SOCKET_FREE;
	} else {
		socket->state = SOCKET_DEAD;
	}
}

static void reset(struct kvick_socket *socket)
{
	socket->owed = 0;
	owe(socket, VSOCK_RESET);
	end(socket);
}

static void store(struct kvick_socket *socket, const uint8_t *data, uint32_t bytes)
{
	uint32_t size = socket->vsock->buffer_bytes, at = socket->received % size;
	uint32_t first = bytes < size - at ? bytes : size - at;

	memcpy(&socket->buffer[at], data, first);
	memcpy(socket->buffer, data + first, bytes - first);
}

/* What is kept lies together in the stream: once something behind it is in the buffer, what follows goes there too. */
static bool keep(struct kvick_socket *socket, struct vsock_packet *packet, uint32_t bytes)
{
	struct kvick_vsock *vsock = socket->vsock;

	if (bytes < VSOCK_KEPT_BYTES || vsock->kept_count >= vsock->virtio.queue[0].size / 2)
		return false;
	if (!vsock->keeper) {
		vsock->keeper = socket;
		vsock->kept_from = vsock->kept_to = socket->received;
	}
	if (vsock->keeper != socket || vsock->kept_to != socket->received)
		return false;
	vsock->kept_to += bytes;
	vsock->kept[vsock->kept_count].packet = packet;
	vsock->kept[vsock->kept_count].at = 0;
	vsock->kept[vsock->kept_count++].bytes = bytes;
	return true;
}

/* The first of what is kept has been read, or nobody wants it. */
static void give_back_first(struct kvick_vsock *vsock)
{
	vsock_give_back(vsock, vsock->kept[0].packet);
	vsock->kept_count--;
	memmove(&vsock->kept[0], &vsock->kept[1], vsock->kept_count * sizeof(vsock->kept[0]));
	if (vsock->kept_count == 0)
		vsock->keeper = NULL;
}

static bool handle_data(struct kvick_socket *socket, const struct vsock_header *header, struct vsock_packet *packet)
{
	bool kept;

	if (socket->state != SOCKET_OPEN)
		return false; /* it was on its way when we let go */
	/* 5.10.6.3.1: more than the credit that it has. */
	if (header->bytes > socket->vsock->buffer_bytes - (socket->received - socket->forwarded)) {
		reset(socket);
		return false;
	}
	kept = keep(socket, packet, header->bytes);
	if (!kept)
		store(socket, packet->data, header->bytes);
	socket->received += header->bytes;
	return kept;
}

bool vsock_handle(struct kvick_vsock *vsock, const struct vsock_header *header, struct vsock_packet *packet)
{
	struct kvick_socket *socket = find_socket(vsock, header);

	if (header->dst_cid != vsock->cid || header->type != VSOCK_STREAM) {
		refuse(vsock, header);
		return false;
	}
	if (!socket) {
		arrive(vsock, header);
		return false;
	}
	take_credit(socket, header);
	switch (header->operation) {
	case VSOCK_RESPONSE:
		if (socket->state == SOCKET_CONNECTING)
			socket->state = SOCKET_OPEN;
		else
			reset(socket);
		break;
	case VSOCK_RESET:
		socket->owed = 0;
		end(socket);
		break;
	case VSOCK_SHUTDOWN:
		socket->peer_shut |= header->flags & BOTH;
		/* 5.10.6.5: when both directions are shut, a reset says that all has arrived. */
		if (socket->peer_shut == BOTH)
			reset(socket);
		break;
	case VSOCK_DATA:
		return handle_data(socket, header, packet);
	case VSOCK_CREDIT_UPDATE:
		break;
	case VSOCK_CREDIT_REQUEST:
		owe(socket, VSOCK_CREDIT_UPDATE);
		break;
	default:
		reset(socket);
	}
	return false;
}

void vsock_forget_all(struct kvick_vsock *vsock)
{
	vsock->reset_count = 0;
	for (unsigned i = 0; i < vsock->socket_count; i++)
		if (vsock->sockets[i].state != SOCKET_FREE) {
			vsock->sockets[i].owed = 0;
			end(&vsock->sockets[i]);
		}
}

/* --- what guests call --- */

void kvick_vsock_listen(struct kvick_vsock *vsock, uint32_t port)
{
	vsock->listening = port;
}

struct kvick_socket *kvick_vsock_accept(struct kvick_vsock *vsock)
{
	for (unsigned i = 0; i < vsock->socket_count; i++) {
		struct kvick_socket *socket = &vsock->sockets[i];

		/* It may have ended already: what was sent before is there. */
		if (!socket->accepted && (socket->state == SOCKET_OPEN || socket->state == SOCKET_DEAD)) {
			socket->accepted = true;
			return socket;
		}
	}
	return NULL;
}

struct kvick_socket *kvick_vsock_connect(struct kvick_vsock *vsock, uint64_t cid, uint32_t port)
{
	struct kvick_socket *socket = new_socket(vsock);

	if (!socket)
		return NULL;
	socket->state = SOCKET_CONNECTING;
	socket->accepted = true;
	socket->peer_cid = cid;
	socket->peer_port = port;
	socket->port = vsock->next_port++;
	owe(socket, VSOCK_REQUEST);
	return socket;
}

bool kvick_socket_connected(const struct kvick_socket *socket)
{
	return socket->state == SOCKET_OPEN;
}

bool kvick_socket_dead(const struct kvick_socket *socket)
{
	return socket->state == SOCKET_DEAD;
}

bool kvick_socket_at_end(const struct kvick_socket *socket)
{
	return socket->peer_shut & KVICK_SHUTDOWN_SEND && socket->received == socket->forwarded;
}

static int64_t send(struct kvick_socket *socket, const void *data, size_t bytes, bool lent)
{
	/* 5.10.6.3: what the other side's buffer has room for. It may have become smaller than what is in it. */
	uint32_t unread = socket->sent - socket->peer_forwarded;
	uint32_t room = socket->peer_buffer_bytes > unread ? socket->peer_buffer_bytes - unread : 0;
	size_t taken = 0;

	if (socket->state != SOCKET_OPEN || socket->shut & KVICK_SHUTDOWN_SEND || socket->peer_shut & KVICK_SHUTDOWN_RECEIVE)
		return -KVICK_EIO;
	send_owed(socket); /* a response goes before data */
	if (socket->owed)
		return 0;
	while (taken < bytes && room > 0) {
		size_t left = bytes - taken;
		uint32_t n = left < VSOCK_DATA_BYTES ? (uint32_t)left : VSOCK_DATA_BYTES;

		if (n > room)
			n = room;
		if (!send_packet(socket, VSOCK_DATA, (const char *)data + taken, n, lent))
			break;
		taken += n;
		room -= n;
		socket->sent += n;
	}
	return (int64_t)taken;
}

int64_t kvick_socket_send(struct kvick_socket *socket, const void *data, size_t bytes)
{
	return send(socket, data, bytes, false);
}

int64_t kvick_socket_lend(struct kvick_socket *socket, const void *data, size_t bytes)
{
	return send(socket, data, bytes, true);
}

static uint32_t receive_stored(struct kvick_socket *socket, void *buffer, size_t bytes)
{
	const struct kvick_vsock *vsock = socket->vsock;
	uint32_t size = vsock->buffer_bytes, at = socket->forwarded % size;
	uint32_t there = (vsock->keeper == socket ? vsock->kept_from : socket->received) - socket->forwarded;
	uint32_t n = bytes < there ? (uint32_t)bytes : there;
	uint32_t first = n < size - at ? n : size - at;

	memcpy(buffer, &socket->buffer[at], first);
	memcpy((char *)buffer + first, socket->buffer, n - first);
	socket->forwarded += n;
	return n;
}

static uint32_t receive_kept(struct kvick_socket *socket, void *buffer, size_t bytes)
{
	struct kvick_vsock *vsock = socket->vsock;
	uint32_t there = vsock->kept[0].bytes - vsock->kept[0].at, n = bytes < there ? (uint32_t)bytes : there;

	memcpy(buffer, &vsock->kept[0].packet->data[vsock->kept[0].at], n);
	socket->forwarded += n;
	vsock->kept_from += n;
	vsock->kept[0].at += n;
	if (n == there)
		give_back_first(vsock);
	return n;
}

size_t kvick_socket_receive(struct kvick_socket *socket, void *buffer, size_t bytes)
{
	size_t n = receive_stored(socket, buffer, bytes);

	while (n < bytes && socket->vsock->keeper == socket)
		n += receive_kept(socket, (char *)buffer + n, bytes - n);
	if (n < bytes)
		n += receive_stored(socket, (char *)buffer + n, bytes - n); /* what came after that */
	/* Not for each byte, but before the other side can run out of room. */
	if (socket->state == SOCKET_OPEN && socket->forwarded - socket->forwarded_told >= socket->vsock->buffer_bytes / 2)
		owe(socket, VSOCK_CREDIT_UPDATE);
	return n;
}

void kvick_socket_shutdown(struct kvick_socket *socket, unsigned directions)
{
	socket->shut |= directions & BOTH;
	if (socket->state == SOCKET_OPEN)
		owe(socket, VSOCK_SHUTDOWN);
}

void kvick_socket_close(struct kvick_socket *socket)
{
	bool open = socket->state == SOCKET_OPEN;

	while (socket->vsock->keeper == socket)
		give_back_first(socket->vsock);
	if (socket->state == SOCKET_CONNECTING)
		reset(socket);
	if (open)
		kvick_socket_shutdown(socket, BOTH);
	else
		socket->shut = 0;
	socket->state = SOCKET_CLOSING; /* free once what is owed has been sent and, if it was open, answered */
}
