/* SPDX-License-Identifier: Apache-2.0 */
/* The socket device: virtio 1.2, 5.10. Packets in and out, and what the device says of itself. */
#include <stdlib.h>
#include <string.h>

#include "vsock.h"

#define RX     0
#define TX     1
#define EVENTS 2

static void read_cid(struct kvick_vsock *vsock)
{
	kvick_device_config(vsock->virtio.listed, 0, &vsock->cid, sizeof(vsock->cid)); /* 5.10.4 */
}

static void give(struct kvick_vsock *vsock, unsigned queue, void *buffer, size_t bytes)
{
	struct vq_segment to = segment(buffer, bytes);

	kvick_virtio_add(&vsock->virtio, queue, &to, 0, 1, buffer); /* a smaller ring takes fewer */
}

struct kvick_vsock *kvick_vsock_open(int device, unsigned sockets, uint32_t buffer_bytes)
{
	struct kvick_vsock *vsock = malloc(sizeof(*vsock));

	if (!vsock)
		return NULL;
	memset(vsock, 0, offsetof(struct kvick_vsock, receive));
	vsock->sockets = calloc(sockets, sizeof(*vsock->sockets));
	if (!vsock->sockets || kvick_virtio_open(&vsock->virtio, device, KVICK_ID_VSOCK, 0, 3, VSOCK_PACKETS) < 0) {
		free(vsock->sockets);
		free(vsock);
		return NULL;
	}
	vsock->socket_count = sockets;
	vsock->buffer_bytes = buffer_bytes;
	read_cid(vsock);
	/* Ports of before a restart should not be met again. */
	vsock->next_port = 0x8000 + (uint32_t)(kvick_boot()->seed[1] & 0x3fffffff);
	for (; vsock->idle_count < VSOCK_PACKETS; vsock->idle_count++)
		vsock->idle[vsock->idle_count] = &vsock->send[vsock->idle_count];
	for (unsigned i = 0; i < VSOCK_PACKETS; i++)
		give(vsock, RX, &vsock->receive[i], sizeof(vsock->receive[i]));
	for (unsigned i = 0; i < sizeof(vsock->events) / sizeof(vsock->events[0]); i++)
		give(vsock, EVENTS, &vsock->events[i], sizeof(vsock->events[i]));
	kvick_virtio_notify(&vsock->virtio);
	return vsock;
}

void kvick_vsock_close(struct kvick_vsock *vsock)
{
	kvick_virtio_close(&vsock->virtio);
	for (unsigned i = 0; i < vsock->socket_count; i++)
		free(vsock->sockets[i].buffer);
	free(vsock->sockets);
	free(vsock);
}

uint64_t kvick_vsock_cid(const struct kvick_vsock *vsock)
{
	return vsock->cid;
}

static int reclaim(struct kvick_vsock *vsock)
{
	struct vsock_packet *packet;
	uint32_t written;
	void *cookie;
	int r;

	while ((r = vq_take(&vsock->virtio.queue[TX], &cookie, &written)) == 1) {
		packet = cookie;
		vsock->lent -= vsock->lent_by[packet - vsock->send];
		vsock->lent_by[packet - vsock->send] = 0;
		vsock->idle[vsock->idle_count++] = packet;
	}
	return r;
}

uint64_t kvick_vsock_lent(struct kvick_vsock *vsock)
{
	reclaim(vsock);
	return vsock->lent;
}

static bool can_send(const struct kvick_vsock *vsock)
{
	return vsock->idle_count > 0 && vsock->virtio.queue[TX].free > 0;
}

/* The header alone is the packet's; false where the ring has no room for two pieces. */
static bool send_lent(struct kvick_vsock *vsock, struct vsock_packet *packet, const void *data)
{
	const struct vq_segment from[] = { segment(&packet->header, sizeof(packet->header)), segment(data, packet->header.bytes) };

	if (kvick_virtio_add(&vsock->virtio, TX, from, 2, 0, packet) < 0)
		return false;
	vsock->lent_by[packet - vsock->send] = packet->header.bytes;
	vsock->lent += packet->header.bytes;
	return true;
}

bool vsock_send(struct kvick_vsock *vsock, const struct vsock_header *header, const void *data, bool lent)
{
	struct vsock_packet *packet;
	struct vq_segment from;

	if (!can_send(vsock))
		reclaim(vsock);
	if (!can_send(vsock)) {
		vsock->starved = true;
		return false;
	}
	packet = vsock->idle[--vsock->idle_count];
	packet->header = *header;
	packet->header.src_cid = vsock->cid;
	packet->header.type = VSOCK_STREAM;
	if (lent && send_lent(vsock, packet, data))
		return true;
	if (header->bytes > 0)
		memcpy(packet->data, data, header->bytes);
	from = segment(&packet->header, sizeof(packet->header) + header->bytes);
	kvick_virtio_add(&vsock->virtio, TX, &from, 1, 0, packet);
	return true;
}

void vsock_give_back(struct kvick_vsock *vsock, struct vsock_packet *packet)
{
	give(vsock, RX, packet, sizeof(*packet));
}

/* Handles all packets and events that are there. Returns how many, or -KVICK_EIO. */
static int64_t handle_used(struct kvick_vsock *vsock)
{
	struct vsock_packet *packet;
	struct vsock_header header;
	uint32_t written;
	int64_t handled = 0;
	void *cookie;
	int r;

	/* Before packets: those that are there already may be of new connections. */
	for (; (r = vq_take(&vsock->virtio.queue[EVENTS], &cookie, &written)) == 1; handled++) {
		/* There is one kind of event (5.10.6.7): connections are gone, the address may be another. */
		vsock_forget_all(vsock);
		read_cid(vsock);
		give(vsock, EVENTS, cookie, sizeof(vsock->events[0]));
	}
	if (r < 0)
		return r;
	for (; (r = vq_take(&vsock->virtio.queue[RX], &cookie, &written)) == 1; handled++) {
		packet = cookie;
		header = packet->header; /* a copy, which stays as it was checked */
		if (written < sizeof(header) || header.bytes > written - sizeof(header) || !vsock_handle(vsock, &header, packet))
			vsock_give_back(vsock, packet);
	}
	return r < 0 ? r : handled;
}

int64_t kvick_vsock_poll(struct kvick_vsock *vsock, uint64_t timeout_ns)
{
	int64_t r = handle_used(vsock);

	if (r < 0 || reclaim(vsock) < 0)
		return -KVICK_EIO;
	vsock_send_owed(vsock);
	if (r > 0 || (vsock->starved && can_send(vsock))) {
		vsock->starved = false;
		kvick_virtio_notify(&vsock->virtio);
		return 1;
	}
	/* That something has been sent is of interest only to who waits for a buffer. */
	r = kvick_virtio_wait(&vsock->virtio, 1u << RX | 1u << EVENTS | (vsock->starved ? 1u << TX : 0), timeout_ns);
	if (r <= 0)
		return r;
	vsock->starved = false;
	r = handle_used(vsock);
	vsock_send_owed(vsock);
	kvick_virtio_notify(&vsock->virtio);
	return r < 0 ? r : 1;
}
