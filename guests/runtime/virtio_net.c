/* SPDX-License-Identifier: Apache-2.0 */
/* The network device: virtio 1.2, 5.1. Queue 0 receives, queue 1 sends. */
#include <kvick_net.h>

#include <stdlib.h>
#include <string.h>

#include "virtio.h"

#define RX 0
#define TX 1

#define BUFFERS 32

/* Feature bits: 5.1.3. */
#define F_CSUM       (1ull << 0)
#define F_GUEST_CSUM (1ull << 1)
#define F_MTU        (1ull << 3)
#define F_MAC        (1ull << 5)
#define F_GUEST_TSO4 (1ull << 7)
#define F_HOST_TSO4  (1ull << 11)
#define F_MRG_RXBUF  (1ull << 15)
#define F_STATUS     (1ull << 16)

#define FEATURES (F_CSUM | F_GUEST_CSUM | F_MTU | F_MAC | F_MRG_RXBUF | F_STATUS)

#define SEGMENT_FEATURES (F_GUEST_TSO4 | F_HOST_TSO4)

#define LINK_UP 1u /* 5.1.4 */
#define GSO_TCPV4 1u /* 5.1.6 */
#define TCP_HEADER_BYTES 20u

/* 5.1.6 */
struct header {
	uint8_t flags, gso_type;
	uint16_t header_bytes, gso_bytes, checksum_start, checksum_offset, buffers;
};

_Static_assert(sizeof(struct header) == 12, "virtio 1.2, 5.1.6");

struct buffer {
	struct header header;
	uint8_t frame[];
};

/* With mergeable buffers no receive buffer has to take a whole frame: small ones, so that some frames really are spread. */
#define MERGED_BYTES 1024u

/* Where frames are of up to 64 KiB: a quarter of the longest. */
#define MERGED_SEGMENTS_BYTES 16512u

struct kvick_net {
	struct virtio virtio;
	uint32_t receive_bytes, send_bytes; /* of a buffer, header included */
	unsigned idle_count;
	struct buffer *idle[BUFFERS]; /* not being sent */
	char *buffers;                /* BUFFERS to send from, BUFFERS to receive into */
};

static int give_buffer(struct kvick_net *net, struct buffer *buffer)
{
	struct vq_segment to = segment(buffer, net->receive_bytes);

	return kvick_virtio_add(&net->virtio, RX, &to, 0, 1, buffer);
}

static struct kvick_net *open_with(int device, uint64_t features, uint32_t frame_bytes, uint32_t merged_bytes)
{
	struct kvick_net *net = malloc(sizeof(*net));
	char *receive;

	if (!net || kvick_virtio_open(&net->virtio, device, KVICK_ID_NET, features, 2, BUFFERS) < 0) {
		free(net);
		return NULL;
	}
	net->send_bytes = (sizeof(struct buffer) + frame_bytes + 7) & ~7u;
	net->receive_bytes = net->virtio.features & F_MRG_RXBUF ? merged_bytes : net->send_bytes;
	net->buffers = malloc(BUFFERS * (size_t)(net->send_bytes + net->receive_bytes));
	if (!net->buffers) {
		kvick_net_close(net);
		return NULL;
	}
	for (net->idle_count = 0; net->idle_count < BUFFERS; net->idle_count++)
		net->idle[net->idle_count] = (struct buffer *)(net->buffers + net->idle_count * (size_t)net->send_bytes);
	receive = net->buffers + BUFFERS * (size_t)net->send_bytes;
	for (unsigned i = 0; i < BUFFERS; i++)
		if (give_buffer(net, (struct buffer *)(receive + i * (size_t)net->receive_bytes)) != 0)
			break;
	kvick_virtio_notify(&net->virtio);
	return net;
}

struct kvick_net *kvick_net_open(int device)
{
	return open_with(device, FEATURES, KVICK_NET_FRAME_BYTES_MAX, MERGED_BYTES);
}

struct kvick_net *kvick_net_open_segments(int device)
{
	return open_with(device, FEATURES | SEGMENT_FEATURES, KVICK_NET_SEGMENTS_BYTES_MAX, MERGED_SEGMENTS_BYTES);
}

void kvick_net_close(struct kvick_net *net)
{
	kvick_virtio_close(&net->virtio);
	free(net->buffers);
	free(net);
}

/* 5.1.4 */
void kvick_net_info(const struct kvick_net *net, struct kvick_net_info *info)
{
	uint64_t features = net->virtio.features;
	struct {
		uint8_t mac[6];
		uint16_t status, queue_pairs, mtu;
	} config;

	kvick_device_config(net->virtio.listed, 0, &config, sizeof(config));
	*info = (struct kvick_net_info){
		.mtu = features & F_MTU ? config.mtu : 1500,
		.link_up = !(features & F_STATUS) || config.status & LINK_UP,
		.checksum_offload = features & F_CSUM,
		.merged = features & F_MRG_RXBUF,
		.segments = (features & SEGMENT_FEATURES) == SEGMENT_FEATURES,
	};
	if (features & F_MAC)
		memcpy(info->mac, config.mac, sizeof(info->mac));
}

/* A buffer to send from: one that has been sent, if need be after a while. */
static int64_t idle_buffer(struct kvick_net *net, struct buffer **buffer)
{
	uint32_t written;
	void *cookie;
	int64_t r;

	for (;;) {
		while ((r = vq_take(&net->virtio.queue[TX], &cookie, &written)) == 1)
			net->idle[net->idle_count++] = cookie;
		if (r < 0)
			return r;
		/* A ring may be smaller than our stock. */
		if (net->idle_count > 0 && net->virtio.queue[TX].free > 0)
			break;
		r = kvick_virtio_wait(&net->virtio, 1u << TX, KVICK_FOREVER);
		if (r < 0)
			return r;
	}
	*buffer = net->idle[--net->idle_count];
	return 0;
}

int64_t kvick_net_send(struct kvick_net *net, const void *frame, uint32_t bytes, const struct kvick_net_checksum *checksum)
{
	struct vq_segment from;
	struct buffer *buffer;
	int64_t r;

	if (bytes > net->send_bytes - sizeof(*buffer) || (checksum && !(net->virtio.features & F_CSUM)) ||
	    (checksum && checksum->segment_bytes && !(net->virtio.features & F_HOST_TSO4)))
		return -KVICK_EINVAL;
	r = idle_buffer(net, &buffer);
	if (r < 0)
		return r;
	buffer->header = (struct header){ 0 };
	if (checksum) {
		buffer->header.flags = KVICK_NET_NEEDS_CHECKSUM;
		buffer->header.checksum_start = checksum->start;
		buffer->header.checksum_offset = checksum->offset;
		buffer->header.gso_type = checksum->segment_bytes ? GSO_TCPV4 : 0;
		buffer->header.gso_bytes = checksum->segment_bytes;
		buffer->header.header_bytes = checksum->segment_bytes ? checksum->start + TCP_HEADER_BYTES : 0;
	}
	memcpy(buffer->frame, frame, bytes);
	from = segment(buffer, sizeof(buffer->header) + bytes);
	return kvick_virtio_add(&net->virtio, TX, &from, 1, 0, buffer);
}

/* Takes the next buffer, copies what of its contents fits, and gives it back. Returns the bytes it had, 0 if there is none. */
static int64_t copy_buffer(struct kvick_net *net, void *to, uint32_t room, struct header *header)
{
	struct buffer *buffer;
	uint32_t written, skip = header ? sizeof(*header) : 0;
	void *cookie;
	int r = vq_take(&net->virtio.queue[RX], &cookie, &written);

	if (r <= 0)
		return r;
	buffer = cookie;
	if (written <= skip)
		return -KVICK_EIO;
	if (header)
		*header = buffer->header;
	memcpy(to, (const char *)buffer + skip, written - skip < room ? written - skip : room);
	give_buffer(net, buffer);
	return written - skip;
}

int64_t kvick_net_receive(struct kvick_net *net, void *frame, uint32_t bytes, unsigned *flags)
{
	struct header header;
	int64_t total, n;

	do {
		total = copy_buffer(net, frame, bytes, &header);
		if (total <= 0)
			return total;
		/* 5.1.6.3.2: all buffers of a frame are used together. */
		for (unsigned i = 1; net->virtio.features & F_MRG_RXBUF && i < header.buffers; i++) {
			uint32_t have = total < bytes ? (uint32_t)total : bytes;

			n = copy_buffer(net, (char *)frame + have, bytes - have, NULL);
			if (n <= 0)
				return -KVICK_EIO;
			total += n;
		}
	} while (total > bytes);
	if (flags)
		*flags = header.flags;
	return total;
}

int64_t kvick_net_wait(struct kvick_net *net, uint64_t timeout_ns)
{
	return kvick_virtio_wait(&net->virtio, 1u << RX, timeout_ns);
}
