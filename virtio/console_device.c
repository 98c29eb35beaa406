/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The console device: virtio 1.2, 5.3, port 0 alone. vmm/console.c is another console, which guests have by hypercall; both
 * write to the same descriptor, in the order in which the guest has them write: a buffer is used when its bytes have been
 * written.
 *
 * What the host reads and writes goes through memory of ours, and never to the guest's: so a reset finds nothing in flight that it
 * would have to wait for, and input that came before it is still there after it.
 */
#include <errno.h>
#include <linux/virtio_console.h>
#include <linux/virtio_ids.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <x86intrin.h>

#include "virtio/device.h"
#include "virtio/devices.h"
#include "virtio/devices_state.h"
#include "vmm/engine.h"
#include "vmm/error.h"
#include "vmm/sys.h"

#define QUEUE_SIZE 64
#define BYTES      4096u /* read or written at once */

enum { INPUT, OUTPUT, QUEUES }; /* 5.3.2: receiveq, transmitq of port 0 */

/* One direction. */
struct side {
	struct engine_op op;
	struct iovec iov;
	bool busy;               /* with the engine */
	uint32_t at, end;        /* of bytes: not moved yet */
	char *bytes;             /* BYTES of them */
};

struct console_device {
	struct virtio_device device;
	struct side in, out;
	uint64_t in_tsc;         /* when what is in `in` was read */
	bool no_more_input;
	int out_fd;
	bool out_is_file;
	int lost;                /* 0, or why output is lost (positive errno); nothing is written after that */

	bool sending;            /* `chain` is the one that output comes from */
	uint64_t sent;           /* of it: taken into out.bytes */
	uint64_t skip;           /* of the next: has gone out, before a snapshot */
	uint64_t begin_tsc;

	int terminal;            /* whose size is told; -1: nobody's */
	struct engine_op resized;
	struct iovec resized_iov;
	uint64_t resized_count;
	bool watching;

	/* Last: a launch whose guest does not use it touches none of their pages. */
	struct virtq_chain chain;
	char bytes[2][BYTES];
};

/* ---- input ---- */

static void start_read(struct console_device *c)
{
	struct side *in = &c->in;

	if (in->busy || in->at < in->end || c->no_more_input)
		return;
	in->iov = (struct iovec){ in->bytes, BYTES };
	in->busy = true;
	engine_start(c->device.engine, &in->op);
}

/* Gives the guest what was read, as far as it has buffers; then more is read. */
static void receive(struct console_device *c)
{
	struct virtq *q = &c->device.queues[INPUT];
	struct side *in = &c->in;
	struct virtq_chain chain;
	bool any = false;
	int r = 0;

	if (!virtio_usable(&c->device)) /* what was read stays for the next driver */
		return;
	/* As long as there is nothing to give, nobody needs to hear of buffers. */
	do {
		virtq_quiet(q);
		while (in->at < in->end && (r = virtq_pop(q, &chain)) == 1) {
			uint32_t n = (uint32_t)chain_write(&chain, 0, in->bytes + in->at, in->end - in->at);

			in->at += n;
			virtio_request_done(&c->device, INPUT, c->in_tsc, n > 0);
			virtq_push(q, &chain, n);
			any = true;
		}
	} while (r == 0 && in->at < in->end && virtq_listen(q));
	if (any)
		virtio_queue_done(&c->device, INPUT);
	if (r < 0)
		virtio_needs_reset(&c->device, q->broken);
	else
		start_read(c);
}

static void read_done(struct engine_op *op, int32_t result)
{
	struct console_device *c = op->context;

	c->in.busy = false;
	if (result == -ECANCELED) /* the end of everything */
		return;
	if (result == -EAGAIN || result == -EINTR) { /* tried as often as the engine tries */
		receive(c);
		return;
	}
	if (result <= 0) { /* the end of input; a terminal that was hung up, or is another's now, is no more either */
		c->no_more_input = true;
		if (result < 0)
			virtio_host_error(&c->device, -result, "read", 0);
		return;
	}
	c->in_tsc = __rdtsc();
	c->in.at = 0;
	c->in.end = (uint32_t)result;
	if (op->offset != ENGINE_STREAM)
		op->offset += (uint32_t)result;
	receive(c);
}

/* ---- output ---- */

static void lose(struct console_device *c, int errnum)
{
	virtio_host_error(&c->device, errnum, "write", 0);
	c->device.host_error.told |= c->device.host_error.count == 1; /* virtio_console_lost() */
	if (!c->lost)
		c->lost = errnum;
	c->out.at = c->out.end;
}

/* A file takes all that it will take at once, and at the position that it shares with the other console. */
static void write_file(struct console_device *c)
{
	struct side *out = &c->out;

	while (out->at < out->end) {
		ssize_t n = sys_write(c->device.sys, c->out_fd, out->bytes + out->at, out->end - out->at);

		if (n > 0)
			out->at += (uint32_t)n;
		else if (n != -EINTR)
			lose(c, n ? (int)-n : EIO);
	}
}

static void write_some(struct console_device *c)
{
	struct side *out = &c->out;

	if (c->out_is_file) {
		write_file(c);
		return;
	}
	out->iov = (struct iovec){ out->bytes + out->at, out->end - out->at };
	out->busy = true;
	engine_start(c->device.engine, &out->op);
}

/* The next chain that has something to be written. False: there is none. */
static bool next_chain(struct console_device *c)
{
	struct virtq *q = &c->device.queues[OUTPUT];
	int r;

	if (c->sending)
		return true;
	do {
		virtq_quiet(q);
		r = virtq_pop(q, &c->chain);
	} while (r == 0 && virtq_listen(q));
	if (r < 0)
		virtio_needs_reset(&c->device, q->broken);
	c->sending = r == 1;
	c->sent = c->skip;
	if (c->sending)
		c->skip = 0;
	c->begin_tsc = __rdtsc();
	return c->sending;
}

static void transmit(struct console_device *c)
{
	struct side *out = &c->out;

	while (!out->busy) {
		if (out->at < out->end) {
			write_some(c);
			continue;
		}
		/* What was taken has gone out; more is not taken. */
		if (!virtio_usable(&c->device) || !next_chain(c))
			break;
		if (c->sent < c->chain.readable_bytes && !c->lost) {
			uint64_t left = c->chain.readable_bytes - c->sent;

			if (!virtio_may_begin(&c->device, OUTPUT, left < BYTES ? left : BYTES))
				break;
			out->at = 0;
			out->end = (uint32_t)chain_read(&c->chain, c->sent, out->bytes, BYTES);
			c->sent += out->end;
			continue;
		}
		c->sending = false;
		virtio_request_done(&c->device, OUTPUT, c->begin_tsc, !c->lost);
		virtq_push(&c->device.queues[OUTPUT], &c->chain, 0);
		virtio_queue_done(&c->device, OUTPUT);
	}
}

static void write_done(struct engine_op *op, int32_t result)
{
	struct console_device *c = op->context;

	c->out.busy = false;
	if (result == -ECANCELED)
		return;
	/* -EAGAIN: tried as often as the engine tries, and others write there too; it is waited for once more. */
	if (result > 0)
		c->out.at += (uint32_t)result;
	else if (result != -EAGAIN)
		lose(c, result ? -result : EIO);
	transmit(c);
}

/* ---- the terminal's size ---- */

/* As far as it is known; true if it is another. */
static bool measure(struct console_device *c)
{
	struct virtio_console_config config;
	struct winsize size = { 0 };

	if (sys_ioctl(c->device.sys, c->terminal, TIOCGWINSZ, (uintptr_t)&size) < 0)
		return false;
	memcpy(&config, c->device.config, sizeof(config));
	if (config.cols == size.ws_col && config.rows == size.ws_row)
		return false;
	config.cols = size.ws_col;
	config.rows = size.ws_row;
	memcpy(c->device.config, &config, sizeof(config));
	return true;
}

static void watch(struct console_device *c)
{
	if (c->resized.file < 0 || c->watching)
		return;
	c->watching = true;
	engine_start(c->device.engine, &c->resized);
}

static void resize_done(struct engine_op *op, int32_t result)
{
	struct console_device *c = op->context;

	c->watching = false;
	if (result < 0 && result != -EAGAIN && result != -EINTR)
		return;
	if (result > 0 && measure(c))
		virtio_config_changed(&c->device);
	watch(c);
}

/* ---- the device ---- */

static void notify(struct virtio_device *device, unsigned queue)
{
	struct console_device *c = (struct console_device *)device;

	if (queue == INPUT)
		receive(c);
	else
		transmit(c);
}

/* Only a guest that drives its console takes input from others. */
static int activate(struct virtio_device *device)
{
	struct console_device *c = (struct console_device *)device;

	watch(c);
	receive(c);
	return 0;
}

/* What was taken of a buffer goes out yet; no buffer is touched any more. */
static bool reset(struct virtio_device *device)
{
	struct console_device *c = (struct console_device *)device;

	c->sending = false;
	c->skip = 0;
	return true;
}

/* Of the chain that was being sent, what has gone out; of input, what the guest had no buffer for. */
struct console_state {
	uint64_t skip;
	uint32_t input, reserved; /* bytes of input that follow */
};

static COLD void save(const struct virtio_device *device, struct state_writer *writer)
{
	const struct console_device *c = (const struct console_device *)device;
	const struct console_state s = {
		.skip = c->sending ? c->sent - (c->out.end - c->out.at) : c->skip,
		.input = c->in.end - c->in.at,
	};

	state_put(writer, &s, sizeof(s));
	state_put(writer, c->in.bytes + c->in.at, s.input);
}

static COLD int load(struct virtio_device *device, const struct device_state *saved, struct state_reader *reader)
{
	struct console_device *c = (struct console_device *)device;
	struct console_state s;

	(void)saved;
	if (state_get(reader, &s, sizeof(s)) < 0)
		return -EBADMSG;
	if (s.input > BYTES || s.reserved)
		return state_bad(reader, "device %u (console): more input than it can hold", device->index);
	c->skip = s.skip;
	c->in_tsc = __rdtsc();
	c->in.end = s.input;
	return state_get(reader, c->in.bytes, s.input);
}

static const struct virtio_ops ops = {
	.name = "console",
	.id = VIRTIO_ID_CONSOLE,
	.activate = activate,
	.notify = notify,
	.reset = reset,
	.features_kept = FEATURE(VIRTIO_CONSOLE_F_SIZE), /* of a terminal that there is not: of no size */
	.save = save,
	.load = load,
};

int virtio_console_lost(const struct virtio_device *device)
{
	return device->ops == &ops ? ((const struct console_device *)device)->lost : 0;
}

static int add_file(struct engine_op *op, int fd, const struct device_context *context)
{
	op->file = device_add_file(context, fd, "--console");
	return op->file < 0 ? op->file : 0;
}

static int open_sides(struct console_device *c, const struct device_context *context)
{
	const struct device_config *config = context->config;
	struct stat st;
	int64_t at;
	int r;

	c->in.op = (struct engine_op){ .code = ENGINE_READV, .iov = &c->in.iov, .iov_count = 1, .offset = ENGINE_STREAM,
				       .done = read_done, .context = c };
	c->out.op = (struct engine_op){ .code = ENGINE_WRITEV, .iov = &c->out.iov, .iov_count = 1, .offset = ENGINE_STREAM,
					.done = write_done, .context = c };
	c->resized = (struct engine_op){ .code = ENGINE_READV, .iov = &c->resized_iov, .iov_count = 1, .offset = ENGINE_STREAM,
					 .done = resize_done, .context = c, .file = -1 };
	c->resized_iov = (struct iovec){ &c->resized_count, sizeof(c->resized_count) };
	/* A file is never "not ready", which is what the engine waits for with streams. */
	if (sys_fstat(context->sys, config->input, &st) == 0 && S_ISREG(st.st_mode)) {
		at = sys_seek(context->sys, config->input, 0, SEEK_CUR);
		c->in.op.offset = at >= 0 ? (uint64_t)at : 0;
	}
	c->out_fd = config->output;
	c->out_is_file = sys_fstat(context->sys, config->output, &st) == 0 && S_ISREG(st.st_mode);
	r = add_file(&c->in.op, config->input, context);
	if (r == 0)
		r = add_file(&c->out.op, config->output, context);
	if (r == 0 && config->terminal >= 0)
		r = add_file(&c->resized, config->resized, context);
	return r;
}

int virtio_console_create(struct virtio_device **device, const struct device_context *context)
{
	struct console_device *c = device_alloc(context, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	r = open_sides(c, context);
	if (r < 0) {
		device_discard(context, &c->device);
		return r;
	}
	c->in.bytes = c->bytes[0];
	c->out.bytes = c->bytes[1];
	c->device.ops = &ops;
	c->device.queue_count = QUEUES;
	for (unsigned i = 0; i < QUEUES; i++)
		c->device.queue_size_max[i] = QUEUE_SIZE;
	c->device.config_bytes = sizeof(struct virtio_console_config);
	c->terminal = context->config->terminal;
	if (c->terminal >= 0) {
		c->device.features_offered = FEATURE(VIRTIO_CONSOLE_F_SIZE);
		measure(c);
	}
	*device = &c->device;
	return 0;
}
