/* SPDX-License-Identifier: Apache-2.0 */
/* Devices of Solo5 guests: what is attached to the names in a manifest, and its I/O. */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "loader/image.h"
#include "vmm/machine.h"
#include "vmm/sandbox_policy.h"
#include "vmm/solo5.h"

#define BLOCK_BYTES_DEFAULT 512u
#define IO_BYTES_MAX  (1u << 20) /* of a request at a time: a signal waits no longer than for so much */
#define NET_MTU_DEFAULT 1500u
#define RETRY_NS      10000000u /* until a read that failed is made again */
#define FRAMES_MAX    16u       /* too long for the guest, in a row, before it gets another turn */

/* ---- what is to be attached ---- */

const char *solo5_option(const struct solo5_attachment *a)
{
	if (a->device.kind == DEVICE_BLOCK)
		return a->attached ? "block" : "block-sector-size";
	return a->attached ? "net" : "net-mac";
}

static const struct solo5_attachment *attachment(const struct solo5_config *config, const char *name)
{
	for (unsigned i = 0; i < config->count; i++)
		if (strcmp(config->list[i].name, name) == 0)
			return &config->list[i];
	return NULL;
}

static bool is_declared(const struct solo5_manifest *manifest, const char *name)
{
	for (unsigned i = 1; i < manifest->entries; i++)
		if (strcmp(manifest->entry[i].name, name) == 0)
			return true;
	return false;
}

static int check_entry(const struct solo5_entry *e, const struct solo5_attachment *a, const struct image *image,
		       struct error *error)
{
	bool block = e->type == SOLO5_BLOCK;

	if (a && (a->device.kind == DEVICE_BLOCK) != block)
		return error_set(error, ERROR_USAGE, EINVAL, "--%s:%s: %s declares it as a %s device: write --%s:%s=%s",
				 solo5_option(a), e->name, image->path, block ? "block" : "net", block ? "block" : "net", e->name,
				 block ? "PATH" : "TAP");
	if (!a || !a->attached)
		return error_set(error, ERROR_USAGE, EINVAL, "%s: declares the %s device \"%s\", and it is not attached: write "
				 "--%s:%s=%s", image->path, block ? "block" : "net", e->name, block ? "block" : "net", e->name,
				 block ? "PATH" : "TAP");
	return 0;
}

int solo5_check(const struct solo5_manifest *manifest, const struct solo5_config *config, const struct image *image,
		struct error *error)
{
	int r = 0;

	for (unsigned i = 0; i < config->count; i++)
		if (!is_declared(manifest, config->list[i].name))
			return error_set(error, ERROR_USAGE, EINVAL, "--%s:%s: %s declares no device of that name: `kvick inspect` "
					 "lists them", solo5_option(&config->list[i]), config->list[i].name, image->path);
	for (unsigned i = 1; i < manifest->entries && r == 0; i++)
		r = check_entry(&manifest->entry[i], attachment(config, manifest->entry[i].name), image, error);
	return r;
}

/* ---- making and ending ---- */

static int attach_block(struct solo5 *s, struct solo5_device *d, struct solo5_entry *e, struct error *error)
{
	unsigned block_bytes = d->config->block_bytes ? d->config->block_bytes : BLOCK_BYTES_DEFAULT;
	int r = disk_open(&d->disk, &d->config->device, s->sys, error);

	if (r < 0)
		return r;
	d->type = SOLO5_BLOCK;
	d->block_bytes = (uint16_t)block_bytes;
	if (d->disk.bytes % block_bytes)
		return error_set(error, ERROR_HOST, EINVAL, "--block:%s=%s: %llu bytes are not a whole number of sectors of %u: "
				 "`truncate -s %%%u PATH`, or give another --block-sector-size:%s", e->name, d->config->device.path,
				 (unsigned long long)d->disk.bytes, block_bytes, block_bytes, e->name);
	e->block.capacity = d->disk.bytes;
	e->block.block_bytes = d->block_bytes;
	d->file = engine_add_file(s->engine, d->disk.fd);
	return 0;
}

static int attach_net(struct solo5 *s, struct solo5_device *d, struct solo5_entry *e, struct error *error)
{
	int r = net_port_open(&d->port, &d->config->device, s->sys, error);

	if (r < 0)
		return r;
	d->type = SOLO5_NET;
	memcpy(e->net.mac, d->port.mac, sizeof(e->net.mac));
	e->net.mtu = net_port_mtu(&d->port, NET_MTU_DEFAULT, s->sys);
	d->file = engine_add_file(s->engine, d->port.fd);
	return 0;
}

static int attach_all(struct solo5 *s, struct solo5_manifest *manifest, const struct solo5_config *config, struct error *error)
{
	int r = 0;

	s->entries = manifest->entries;
	for (unsigned i = 1; i < manifest->entries && r == 0; i++) {
		struct solo5_entry *e = &manifest->entry[i];
		struct solo5_device *d = &s->devices[i];

		d->config = attachment(config, e->name);
		r = e->type == SOLO5_BLOCK ? attach_block(s, d, e, error) : attach_net(s, d, e, error);
		if (r == 0 && d->file < 0)
			r = error_set(error, ERROR_HOST, -d->file, "--%s:%s: it cannot be registered for I/O: %s",
				      e->type == SOLO5_BLOCK ? "block" : "net", e->name, strerror(-d->file));
		if (d->type == SOLO5_NET)
			s->nets |= 1ull << i;
		e->attached = 1;
	}
	return r;
}

static void close_all(struct solo5 *s)
{
	for (unsigned i = 1; i < s->entries; i++) {
		struct solo5_device *d = &s->devices[i];

		if (d->type == SOLO5_BLOCK)
			disk_close(&d->disk, s->sys);
		else if (d->type == SOLO5_NET)
			net_port_close(&d->port, s->sys);
		d->type = 0;
	}
}

/* The frames that are read ahead lie behind it all. */
static uint64_t room(unsigned nets)
{
	return sizeof(struct solo5) + (uint64_t)nets * SOLO5_FRAME_BYTES;
}

static struct solo5 *allocate(const struct solo5_manifest *manifest, struct machine *m)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	unsigned nets = 0;
	struct solo5 *s;
	uint8_t *frame;
	void *at;

	for (unsigned i = 1; i < manifest->entries; i++)
		nets += manifest->entry[i].type == SOLO5_NET;
	if (sys_mmap(&m->sys, NULL, room(nets), PROT_READ | PROT_WRITE, flags, -1, 0, &at) < 0)
		return NULL;
	s = at;
	frame = (uint8_t *)(s + 1);
	for (unsigned i = 1; i < manifest->entries; i++)
		if (manifest->entry[i].type == SOLO5_NET) {
			s->devices[i].frame = frame;
			frame += SOLO5_FRAME_BYTES;
		}
	s->stop = m->config->stop;
	s->sys = &m->sys;
	s->bytes = room(nets);
	return s;
}

int solo5_create(struct machine *m, struct solo5_manifest *manifest)
{
	const struct engine_config config = { .kind = m->config->devices.engine, .depth = ENGINE_DEPTH };
	struct solo5 *s = allocate(manifest, m);
	int r;

	if (!s)
		return error_set(&m->error, ERROR_HOST, ENOMEM, "no memory for devices: free some");
	m->solo5 = s;
	r = engine_create(&s->engine, &config, &m->sys, &m->error);
	if (r == 0)
		r = attach_all(s, manifest, &m->config->solo5, &m->error);
	if (r == 0)
		r = engine_seal(s->engine, &m->error);
	if (r < 0) {
		solo5_stop(m);
		solo5_free(m);
	}
	return r;
}

/* Where the kernel refuses to say that I/O is over, its memory stays: engine is not NULL then. */
void solo5_stop(struct machine *m)
{
	struct solo5 *s = m->solo5;

	if (!s)
		return;
	if (s->engine) {
		engine_describe(s->engine, s->engine_text, sizeof(s->engine_text));
		s->engine_counts = *engine_counts(s->engine);
		for (unsigned i = 1; i < s->entries; i++)
			if (s->devices[i].reading)
				engine_cancel(s->engine, &s->devices[i].read);
		if (engine_destroy(s->engine) < 0)
			return;
		s->engine = NULL;
	}
	close_all(s);
}

void solo5_leave(struct machine *m)
{
	struct solo5 *s = m->solo5;

	if (!s)
		return;
	if (engine_in_flight(s->engine) > 0)
		solo5_stop(m);
	else if (engine_is_io_uring(s->engine))
		close_all(s);
}

void solo5_free(struct machine *m)
{
	if (m->solo5 && !m->solo5->engine) {
		sys_munmap(&m->sys, m->solo5, m->solo5->bytes);
		m->solo5 = NULL;
	}
}

unsigned solo5_sandbox(const struct solo5 *s)
{
	return (engine_is_io_uring(s->engine) ? SANDBOX_URING : SANDBOX_SYNC) | (s->nets ? SANDBOX_STREAMS : 0);
}

/* ---- requests ---- */

static struct solo5_device *find(struct solo5 *s, uint64_t handle, uint32_t type)
{
	return s && handle < s->entries && s->devices[handle].type == type ? &s->devices[handle] : NULL;
}

static void host_error(struct solo5_device *d, int errnum, const char *doing)
{
	if (d->host_errors++ == 0) {
		d->errnum = errnum;
		d->doing = doing;
	}
}

static void request_done(struct engine_op *op, int32_t result)
{
	struct solo5_device *d = op->context;

	d->busy = false;
	d->result = result;
}

/* Bytes, or -errno; -EINTR: the guest is to end, and the operation may still be going on. */
static int32_t perform(struct solo5 *s, struct solo5_device *d, enum engine_code code, unsigned iov_count, uint64_t offset)
{
	int r = 0;

	if (d->busy) /* the kernel had refused to wait for it */
		return -EBUSY;
	d->op = (struct engine_op){
		.code = code, .file = d->file, .iov = d->iov, .iov_count = iov_count, .offset = offset, .done = request_done,
		.context = d,
	};
	d->busy = true;
	engine_start(s->engine, &d->op);
	while (d->busy && r >= 0 && !s->stop->signal)
		r = engine_wait(s->engine, ENGINE_FOREVER, s->stop);
	return !d->busy ? d->result : r < 0 ? r : -EINTR;
}

static int32_t block_io(struct solo5 *s, uint64_t handle, enum engine_code code, uint64_t offset, void *at, uint64_t bytes)
{
	struct solo5_device *d = find(s, handle, SOLO5_BLOCK);
	struct solo5_counts *counts;

	if (!d || offset >= d->disk.bytes || bytes > d->disk.bytes - offset || (offset | bytes) % d->block_bytes)
		return SOLO5_EINVAL;
	counts = code == ENGINE_READV ? &d->in : &d->out;
	counts->requests++;
	for (uint64_t done = 0; done < bytes;) {
		uint64_t left = bytes - done;
		int32_t r;

		d->iov[0] = (struct iovec){ (uint8_t *)at + done, left < IO_BYTES_MAX ? left : IO_BYTES_MAX };
		r = perform(s, d, code, 1, offset + done);
		if (r <= 0) {
			counts->errors++;
			if (!s->stop->signal)
				host_error(d, r ? -r : ENODATA, code == ENGINE_READV ? "read" : "write");
			return SOLO5_EUNSPEC;
		}
		done += (uint64_t)r;
		counts->bytes += (uint64_t)r;
	}
	return SOLO5_OK;
}

int32_t solo5_block_read(struct solo5 *s, uint64_t handle, uint64_t offset, void *at, uint64_t bytes)
{
	return block_io(s, handle, ENGINE_READV, offset, at, bytes);
}

int32_t solo5_block_write(struct solo5 *s, uint64_t handle, uint64_t offset, const void *at, uint64_t bytes)
{
	return block_io(s, handle, ENGINE_WRITEV, offset, (void *)(uintptr_t)at, bytes);
}

/* ---- networks ---- */

static size_t header_bytes(const struct solo5_device *d)
{
	return d->port.header ? NET_HEADER_BYTES : 0;
}

int32_t solo5_net_write(struct solo5 *s, uint64_t handle, const void *at, uint64_t bytes)
{
	static const uint8_t no_header[NET_HEADER_BYTES]; /* whole, and its checksum is in it */
	struct solo5_device *d = find(s, handle, SOLO5_NET);
	unsigned count = 0;
	int32_t r;

	if (!d || bytes < NET_FRAME_BYTES_MIN || bytes > NET_FRAME_BYTES_MAX)
		return SOLO5_EINVAL;
	d->out.requests++;
	if (d->port.header)
		d->iov[count++] = (struct iovec){ (void *)(uintptr_t)no_header, NET_HEADER_BYTES };
	d->iov[count++] = (struct iovec){ (void *)(uintptr_t)at, bytes };
	r = perform(s, d, ENGINE_WRITEV, count, ENGINE_STREAM);
	if (r == (int32_t)(bytes + header_bytes(d))) {
		d->out.bytes += bytes;
		return SOLO5_OK;
	}
	d->out.errors++;
	if (!s->stop->signal)
		host_error(d, r < 0 ? -r : EIO, "write");
	return SOLO5_EUNSPEC;
}

/* One that brings nothing is begun again by read_ahead(): whatever it was may pass, but for the other side's end. */
static void read_done(struct engine_op *op, int32_t result)
{
	struct solo5_device *d = op->context;

	d->reading = false;
	if (result > (int32_t)header_bytes(d)) {
		d->frame_bytes = (uint64_t)result;
	} else if ((result == 0 && d->port.connected) || net_port_is_end(-result)) {
		d->gone = true;
		host_error(d, result ? -result : EPIPE, "read");
	} else if (result < 0 && result != -ECANCELED && result != -EAGAIN && result != -EINTR) {
		d->failed = true;
		host_error(d, -result, "read");
	}
}

/* After a read that failed. */
static bool pause_goes_on(const struct solo5 *s, struct solo5_device *d)
{
	uint64_t now;

	if (!d->failed && !d->again_ns)
		return false;
	now = sys_now_ns(s->sys);
	if (d->failed)
		d->again_ns = now + RETRY_NS;
	d->failed = false;
	if (now < d->again_ns)
		return true;
	d->again_ns = 0;
	return false;
}

static void read_ahead(struct solo5 *s, struct solo5_device *d)
{
	if (d->reading || d->gone || d->frame_bytes || pause_goes_on(s, d))
		return;
	d->read_iov = (struct iovec){ d->frame, SOLO5_FRAME_BYTES };
	d->read = (struct engine_op){
		.code = ENGINE_READV, .file = d->file, .iov = &d->read_iov, .iov_count = 1, .offset = ENGINE_STREAM,
		.done = read_done, .context = d,
	};
	d->reading = true;
	engine_start(s->engine, &d->read);
}

static void look(struct solo5 *s)
{
	engine_submit(s->engine);
	engine_reap(s->engine);
}

/* Takes the frame that is there. False: it does not fit, or is none. */
static bool take_frame(struct solo5_device *d, void *at, uint64_t *bytes)
{
	uint64_t header = header_bytes(d), frame = d->frame_bytes - header;
	bool good = frame <= *bytes && frame <= NET_FRAME_BYTES_MAX;

	d->frame_bytes = 0;
	d->in.requests++;
	d->in.errors += !good;
	if (!good)
		return false;
	memcpy(at, d->frame + header, frame);
	d->in.bytes += frame;
	*bytes = frame;
	return true;
}

int32_t solo5_net_read(struct solo5 *s, uint64_t handle, void *at, uint64_t *bytes)
{
	struct solo5_device *d = find(s, handle, SOLO5_NET);

	if (!d)
		return SOLO5_EINVAL;
	for (unsigned i = 0; i < FRAMES_MAX; i++) {
		bool taken;

		if (!d->frame_bytes) {
			read_ahead(s, d);
			look(s);
		}
		if (!d->frame_bytes)
			break;
		taken = take_frame(d, at, bytes);
		read_ahead(s, d);
		if (taken) {
			look(s);
			return SOLO5_OK;
		}
	}
	return d->gone ? SOLO5_EUNSPEC : SOLO5_AGAIN;
}

static uint64_t ready_set(const struct solo5 *s)
{
	uint64_t set = 0;

	for (uint64_t nets = s->nets; nets; nets &= nets - 1) {
		unsigned handle = (unsigned)__builtin_ctzll(nets);

		if (s->devices[handle].frame_bytes)
			set |= 1ull << handle;
	}
	return set;
}

/* Of each network. When the first of those that are paused is to be read again; UINT64_MAX: none is. */
static uint64_t read_all_ahead(struct solo5 *s)
{
	uint64_t first_ns = UINT64_MAX;

	for (uint64_t nets = s->nets; nets; nets &= nets - 1) {
		struct solo5_device *d = &s->devices[__builtin_ctzll(nets)];

		read_ahead(s, d);
		if (d->again_ns && d->again_ns < first_ns)
			first_ns = d->again_ns;
	}
	return first_ns;
}

uint64_t solo5_poll(struct solo5 *s, uint64_t timeout_ns)
{
	uint64_t ready, deadline;
	int r = 0;

	read_all_ahead(s);
	look(s);
	ready = ready_set(s);
	if (ready || timeout_ns == 0)
		return ready;
	if (__builtin_add_overflow(sys_now_ns(s->sys), timeout_ns, &deadline))
		deadline = UINT64_MAX;
	while (!ready && r >= 0 && !s->stop->signal) {
		uint64_t until = read_all_ahead(s), now = sys_now_ns(s->sys); /* a read may have ended without a frame */

		if (now >= deadline)
			break;
		until = deadline < until ? deadline : until;
		if (until != UINT64_MAX)
			until = now < until ? until - now : 0;
		r = engine_wait(s->engine, until, s->stop);
		ready = ready_set(s);
	}
	return ready;
}
