/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network device: virtio 1.2, 5.1. Queue 0 receives, queue 1 sends.
 *
 * Frames are copied, once each way, and the host sees the copy: what has been checked is what is sent; nothing on the host
 * touches guest memory, so a reset waits for nobody; a frame half written to a byte stream can be finished whatever becomes
 * of the guest's buffer. One read and one write are under way at most (engine.h); what is not sent yet waits in the guest's
 * ring.
 */
#include <endian.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_net.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <x86intrin.h>

#include "virtio/device.h"
#include "virtio/devices.h"
#include "virtio/net_header.h"
#include "virtio/net_port.h"
#include "vmm/engine.h"
#include "vmm/error.h"
#include "vmm/sys.h"

#define RX 0u
#define TX 1u

#define QUEUE_SIZE   256u
#define LENGTH_BYTES 4u   /* before each frame of a stream */
#define TURN_FRAMES  64u  /* handed to the guest before somebody else gets his turn */
#define RETRY_NS     10000000u /* until a read that failed is made again */
_Static_assert(sizeof(struct virtio_net_hdr_v1) == NET_HEADER_BYTES, "5.1.6");

struct net {
	struct virtio_device device;
	struct net_port port;
	int file;                    /* the engine's number of it */
	bool gone;                   /* the other side of the port */
	uint64_t features;           /* negotiated, without offloads that lack what they need (5.1.3.1) */
	unsigned header_bytes;       /* of the guest's frames */

	/* Towards the guest. */
	struct engine_op read, pause;
	struct iovec read_iov;
	bool reading, pausing;
	size_t rx_from, rx_to;       /* what has been read and not passed on */
	uint64_t rx_begin;
	unsigned held;               /* buffers popped and not filled: for one frame, which they are still too small for */
	uint64_t held_bytes;
	unsigned held_places;        /* of the ring */
	struct virtq_chain buffers[VIRTQ_SIZE_MAX];

	/* Towards the host. */
	struct engine_op write;
	struct iovec write_iov;
	bool writing;
	unsigned tx_frames;          /* in what is being written */
	size_t tx_bytes;
	uint64_t tx_begin;
	struct virtq_chain sent;

	/* One byte more than the longest frame has: so one that is longer shows. */
	uint8_t rx[NET_HEADER_BYTES + NET_FRAME_BYTES_MAX + 1];
	uint8_t tx[2 * (NET_HEADER_BYTES + NET_FRAME_BYTES_MAX)];
};

/* Now, if stderr takes it at once: others wait for us. Else it is left for the end. */
static void tell(struct net *n, int errnum)
{
	static const struct timespec at_once;
	struct pollfd stream = { .fd = STDERR_FILENO, .events = POLLOUT };
	const char *why = errnum ? strerror(errnum) : "closed by the other side";
	char text[200];
	int bytes;

	bytes = snprintf(text, sizeof(text), "kvick: %s: %s: the guest's network is down from now on\n", n->port.name, why);
	if (sys_ppoll(n->device.sys, &stream, 1, &at_once) == 1 && stream.revents == POLLOUT &&
	    sys_write(n->device.sys, STDERR_FILENO, text, (size_t)bytes) == bytes)
		return;
	snprintf(n->device.notice, sizeof(n->device.notice), "%s: %s: the guest's network was down from then on", n->port.name,
		 why);
}

/* The other side has gone away (passt has ended, the tap was deleted). Said once; the guest sees its link go down, and lives. */
static void lose(struct net *n, int errnum, const char *doing)
{
	const uint16_t down = 0;

	if (n->gone)
		return;
	n->gone = true;
	virtio_host_error(&n->device, errnum, doing, 0);
	n->device.host_error.told |= n->device.host_error.count == 1;
	tell(n, errnum);
	memcpy(n->device.config + offsetof(struct virtio_net_config, status), &down, sizeof(down));
	virtio_config_changed(&n->device);
	if (n->reading)
		engine_cancel(n->device.engine, &n->read);
}

static void start(struct net *n, struct engine_op *op, enum engine_code code, void (*done)(struct engine_op *, int32_t))
{
	*op = (struct engine_op){ .code = code, .file = n->file, .offset = ENGINE_STREAM, .done = done, .context = n };
	op->iov = code == ENGINE_READV ? &n->read_iov : &n->write_iov;
	op->iov_count = 1;
	engine_start(n->device.engine, op);
}

/* ---- from the host to the guest ---- */

static void read_done(struct engine_op *op, int32_t result);

static void start_read(struct net *n)
{
	if (n->reading || n->gone)
		return;
	memmove(n->rx, n->rx + n->rx_from, n->rx_to - n->rx_from); /* nothing, or the beginning of a stream's next frame */
	n->rx_to -= n->rx_from;
	n->rx_from = 0;
	n->read_iov = (struct iovec){ n->rx + n->rx_to, sizeof(n->rx) - n->rx_to };
	n->reading = true;
	start(n, &n->read, ENGINE_READV, read_done);
}

struct frame {
	struct virtio_net_hdr_v1 header;
	const uint8_t *at;
	size_t bytes;
	size_t next;           /* where in rx the one after it begins */
};

/* The next frame of what has been read. 1; 0: more has to be read; -EPROTO: a stream that does not consist of frames. */
static int next_frame(const struct net *n, struct frame *f)
{
	size_t there = n->rx_to - n->rx_from;
	uint32_t bytes;

	f->header = (struct virtio_net_hdr_v1){ 0 };
	f->at = n->rx + n->rx_from;
	f->bytes = there;
	f->next = n->rx_to;
	if (there == 0)
		return 0;
	if (n->port.stream) {
		if (there < LENGTH_BYTES)
			return 0;
		memcpy(&bytes, f->at, LENGTH_BYTES);
		bytes = be32toh(bytes);
		if (bytes > NET_FRAME_BYTES_MAX)
			return -EPROTO;
		f->at += LENGTH_BYTES;
		f->bytes = bytes;
		f->next = n->rx_from + LENGTH_BYTES + bytes;
		return f->next <= n->rx_to;
	}
	if (n->port.header) {
		size_t header = there < NET_HEADER_BYTES ? there : NET_HEADER_BYTES;

		memcpy(&f->header, f->at, header);
		f->at += header;
		f->bytes -= header;
	}
	return 1;
}

/* One more buffer of the guest's. 1; 0: there is none, and we will be notified; negative: the device needs a reset. */
static int hold_buffer(struct net *n)
{
	struct virtq *q = &n->device.queues[RX];
	struct virtq_chain *buffer = &n->buffers[n->held];
	int r;

	virtq_quiet(q);
	do
		r = virtq_pop(q, buffer);
	while (r == 0 && virtq_listen(q));
	if (r < 0)
		virtio_needs_reset(&n->device, q->broken);
	if (r != 1)
		return r;
	/* 5.1.6.3.1 */
	if (buffer->writable_bytes < n->header_bytes) {
		virtio_needs_reset(&n->device, "a receive buffer has no room for a header");
		return -EINVAL;
	}
	n->held++;
	n->held_places += buffer->places;
	n->held_bytes += buffer->writable_bytes;
	return 1;
}

/* Buffers for a frame. 1; 0: not enough yet; -E2BIG: the driver's buffers never hold it; other errors as hold_buffer(). */
static int collect(struct net *n, uint64_t bytes)
{
	unsigned size = n->device.queues[RX].config.size;
	unsigned most = n->features & FEATURE(VIRTIO_NET_F_MRG_RXBUF) ? size : 1;
	int r = 1;

	while (n->held_bytes < bytes && r == 1) {
		if (n->held == most)
			return -E2BIG;
		r = hold_buffer(n);
	}
	/* The ring has no room for another buffer like the last: none will come as long as these are held. */
	if (r == 0 && n->held > 0 && n->held_places + n->buffers[n->held - 1].places > size)
		return -E2BIG;
	return r;
}

/* Header and frame into the first of the buffers held, as many as it takes. */
static void fill(struct net *n, struct frame *f)
{
	uint64_t left = n->header_bytes + f->bytes, room = 0;
	unsigned count = 0;
	size_t done = 0;

	while (room < left) {
		n->held_places -= n->buffers[count].places;
		room += n->buffers[count++].writable_bytes;
	}
	f->header.num_buffers = (uint16_t)count; /* 5.1.6.4.1: 1 where nothing is merged */
	virtq_group(&n->device.queues[RX]);
	for (unsigned i = 0; i < count; i++) {
		struct virtq_chain *buffer = &n->buffers[i];
		uint64_t bytes = buffer->writable_bytes < left ? buffer->writable_bytes : left;
		unsigned header = i == 0 ? n->header_bytes : 0;

		if (header)
			chain_write(buffer, 0, &f->header, header);
		done += chain_write(buffer, header, f->at + done, (size_t)bytes - header);
		left -= bytes;
		virtq_push(&n->device.queues[RX], buffer, (uint32_t)bytes);
	}
	virtq_group_end(&n->device.queues[RX]);
	/* Some stay only if a frame before had been too long for them all. */
	n->held -= count;
	n->held_bytes -= room;
	memmove(n->buffers, n->buffers + count, n->held * sizeof(n->buffers[0]));
}

static void pause_done(struct engine_op *op, int32_t result);

static void start_pause(struct net *n, uint64_t ns)
{
	n->pausing = true;
	n->pause = (struct engine_op){ .code = ENGINE_TIMEOUT, .ns = ns, .done = pause_done, .context = n };
	engine_start(n->device.engine, &n->pause);
}

/* Passes on what has been read, and reads on. Where the guest has no buffer the frame stays, and all that come after it. */
static void receive(struct net *n)
{
	bool any = false;
	struct frame f;
	int r = 1;

	if (!virtio_usable(&n->device) || n->reading || n->pausing)
		return;
	for (unsigned i = 0; i < TURN_FRAMES && (r = next_frame(n, &f)) == 1; i++) {
		bool good = net_header_in(&f.header, f.bytes, n->features);

		if (good) {
			r = collect(n, n->header_bytes + f.bytes);
			good = r == 1;
			if (!good && r != -E2BIG)
				break;
			r = 1; /* too large for the driver: dropped */
		}
		/* The frame stays, and the buffers that it is to have. */
		if (good && !virtio_may_begin(&n->device, RX, f.bytes)) {
			r = 0;
			break;
		}
		if (good)
			fill(n, &f);
		any |= good;
		virtio_request_done(&n->device, RX, n->rx_begin, good);
		n->rx_from = f.next;
	}
	if (any)
		virtio_queue_done(&n->device, RX);
	if (r == -EPROTO) {
		lose(n, EPROTO, "read");
	} else if (r == 1) {
		start_pause(n, 0); /* others' turn comes first */
	} else if (r == 0 && next_frame(n, &f) == 0) {
		start_read(n);
	}
}

static void pause_done(struct engine_op *op, int32_t result)
{
	struct net *n = op->context;

	n->pausing = false;
	if (result != -ECANCELED)
		receive(n);
}

static void read_done(struct engine_op *op, int32_t result)
{
	struct net *n = op->context;

	n->reading = false;
	if (result == -ECANCELED)
		return;
	if (result > 0) {
		n->rx_to += (size_t)result;
		n->rx_begin = __rdtsc();
		receive(n);
	} else if (result == -EAGAIN || result == -EINTR || (result == 0 && !n->port.connected)) {
		start_read(n); /* nothing, or a datagram of no length */
	} else if (result == 0 || net_port_is_end(-result)) {
		lose(n, -result, "read");
	} else {
		virtio_host_error(&n->device, -result, "read", 0);
		start_pause(n, RETRY_NS);
	}
}

/* ---- from the guest to the host ---- */

/* Appends a popped chain's frame to what is to be written. False: it is none that may be sent. */
static bool take_frame(struct net *n)
{
	uint64_t bytes = n->sent.readable_bytes - n->header_bytes;
	struct virtio_net_hdr_v1 header = { 0 };
	uint8_t *to = n->tx + n->tx_bytes;

	if (chain_read(&n->sent, 0, &header, n->header_bytes) != n->header_bytes ||
	    !net_header_out(&header, bytes, n->features) || n->gone)
		return false;
	if (n->port.stream) {
		uint32_t length = htobe32((uint32_t)bytes);

		memcpy(to, &length, LENGTH_BYTES);
		to += LENGTH_BYTES;
	} else if (n->port.header) {
		memcpy(to, &header, NET_HEADER_BYTES);
		to += NET_HEADER_BYTES;
	}
	to += chain_read(&n->sent, n->header_bytes, to, (size_t)bytes);
	n->tx_bytes = (size_t)(to - n->tx);
	n->tx_frames++;
	return true;
}

/* A stream takes many frames at once; elsewhere one write is one frame. */
static bool has_room(const struct net *n)
{
	return n->tx_frames == 0 || (n->port.stream && n->tx_bytes <= sizeof(n->tx) / 2);
}

static void write_done(struct engine_op *op, int32_t result);

static void transmit(struct net *n)
{
	struct virtq *q = &n->device.queues[TX];
	bool any = false, room;
	int r = 0;

	if (!virtio_usable(&n->device) || n->writing)
		return;
	n->tx_bytes = n->tx_frames = 0;
	n->tx_begin = __rdtsc();
	do {
		virtq_quiet(q);
		while ((room = has_room(n)) && (r = virtio_pop(&n->device, TX, &n->sent)) == 1) {
			if (!take_frame(n))
				virtio_request_done(&n->device, TX, n->tx_begin, false);
			virtq_push(q, &n->sent, 0);
			any = true;
		}
	} while (room && r == 0 && virtq_listen(q));
	if (any)
		virtio_queue_done(&n->device, TX);
	if (n->tx_frames) {
		n->write_iov = (struct iovec){ n->tx, n->tx_bytes };
		n->writing = true;
		start(n, &n->write, ENGINE_WRITEV, write_done);
	}
	if (r < 0)
		virtio_needs_reset(&n->device, q->broken);
}

static void write_done(struct engine_op *op, int32_t result)
{
	struct net *n = op->context;

	n->writing = false;
	if (result == -ECANCELED)
		return;
	if (result >= 0 && n->port.stream && (size_t)result < n->write_iov.iov_len) {
		n->write_iov.iov_base = (uint8_t *)n->write_iov.iov_base + result;
		n->write_iov.iov_len -= (size_t)result;
		result = -EAGAIN;
	}
	if (result == -EAGAIN || result == -EINTR) {
		n->writing = true;
		start(n, &n->write, ENGINE_WRITEV, write_done);
		return;
	}
	for (unsigned i = 0; i < n->tx_frames; i++)
		virtio_request_done(&n->device, TX, n->tx_begin, result >= 0);
	/* What passes costs these frames; but of a stream nobody knows then where in a frame it stands. */
	if (result < 0 && (net_port_is_end(-result) || n->port.stream))
		lose(n, -result, "write");
	else if (result < 0 && result != -EINVAL) /* that is a frame the host has no use for: the guest's own affair */
		virtio_host_error(&n->device, -result, "write", 0);
	transmit(n);
}

/* ---- what the transport asks for ---- */

static void notify(struct virtio_device *device, unsigned queue)
{
	struct net *n = (struct net *)device;

	if (queue == RX)
		receive(n);
	else
		transmit(n);
}

static int activate(struct virtio_device *device)
{
	struct net *n = (struct net *)device;
	int r;

	/* 5.1.3.1: segmentation needs checksums. A driver that forgets it gets neither. */
	/* 5.1.6.1: a legacy driver's has no number of buffers at its end where there is never more than one. */
	n->header_bytes = device->features & (FEATURE(VIRTIO_F_VERSION_1) | FEATURE(VIRTIO_NET_F_MRG_RXBUF)) ?
			  NET_HEADER_BYTES : sizeof(struct virtio_net_hdr);
	n->features = device->features;
	if (!(n->features & FEATURE(VIRTIO_NET_F_CSUM)))
		n->features &= ~(FEATURE(VIRTIO_NET_F_HOST_TSO4) | FEATURE(VIRTIO_NET_F_HOST_TSO6));
	if (!(n->features & FEATURE(VIRTIO_NET_F_GUEST_CSUM)))
		n->features &= ~(FEATURE(VIRTIO_NET_F_GUEST_TSO4) | FEATURE(VIRTIO_NET_F_GUEST_TSO6));
	r = n->gone ? 0 : net_port_set_offloads(&n->port, n->features, device->sys);
	if (r == -EBADFD || r == -ENODEV) {
		lose(n, -r, "offloads");
		r = 0;
	} else if (r < 0) {
		virtio_host_error(device, -r, "offloads", 0);
	}
	n->held = n->held_places = 0;
	n->held_bytes = 0;
	if (r == 0)
		receive(n);
	return r;
}

/* What is under way goes on, in memory of ours; a write finds the queue stopped when it is done, or the next driver's. */
static bool reset(struct virtio_device *device)
{
	struct net *n = (struct net *)device;

	memcpy(device->config, n->port.mac, sizeof(n->port.mac));
	return true;
}

/* 5.1.4: a legacy driver sets its address so, until the next reset. Here nobody looks at it: a port passes on every frame. */
static void write_config(struct virtio_device *device, uint32_t offset, uint32_t bytes, uint64_t value)
{
	if (virtio_is_legacy(device) && offset + bytes <= ETH_ALEN)
		memcpy(device->config + offset, &value, bytes);
}

static void close_port(struct virtio_device *device)
{
	net_port_close(&((struct net *)device)->port, device->sys);
}

static const struct virtio_ops ops = {
	.name = "network",
	.id = VIRTIO_ID_NET,
	.bytes_beside_data = NET_HEADER_BYTES, /* a legacy driver's may be two less: no matter for a limit */
	.activate = activate,
	.notify = notify,
	.write_config = write_config,
	.reset = reset,
	.close = close_port,
};

static void describe(struct net *n, uint16_t mtu)
{
	struct virtio_net_config config = { .status = VIRTIO_NET_S_LINK_UP, .max_virtqueue_pairs = 1, .mtu = mtu };
	struct virtio_device *d = &n->device;

	memcpy(config.mac, n->port.mac, sizeof(config.mac));
	d->ops = &ops;
	d->queue_count = 2;
	d->queue_size_max[RX] = d->queue_size_max[TX] = QUEUE_SIZE;
	d->features_offered = FEATURE(VIRTIO_NET_F_MAC) | FEATURE(VIRTIO_NET_F_STATUS) | FEATURE(VIRTIO_NET_F_MRG_RXBUF) |
			      n->port.offloads;
	if (mtu)
		d->features_offered |= FEATURE(VIRTIO_NET_F_MTU);
	d->config_bytes = offsetof(struct virtio_net_config, mtu) + sizeof(config.mtu);
	memcpy(d->config, &config, d->config_bytes);
}

int virtio_net_create(struct virtio_device **device, const struct device_context *context)
{
	struct net *n = device_alloc(context, sizeof(*n));
	int r;

	if (!n)
		return -ENOMEM;
	r = net_port_open(&n->port, context->config, context->sys, context->error);
	if (r < 0)
		goto discard;
	r = n->file = device_add_file(context, n->port.fd, n->port.name);
	if (r < 0) {
		net_port_close(&n->port, context->sys);
		goto discard;
	}
	describe(n, context->config->mtu);
	*device = &n->device;
	return 0;
discard:
	device_discard(context, &n->device);
	return r;
}
