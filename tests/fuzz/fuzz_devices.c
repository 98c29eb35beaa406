/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The devices between a driver and what is on the host: vsock, network and console with programs, that do what the input says as
 * the driver does; a disk of some sectors; the kernel's random bytes. Beside what the sanitizers and guard pages see: nothing
 * waits, a packet to the guest is what its header says, a disk's request that is used has a status, and no descriptor is left.
 *
 * The programs' sockets have abstract addresses that the kernel chooses: sys_bind() and sys_connect() are wrapped. So is
 * sys_now_ns(): time passes when the input says so.
 *
 *	fuzz_devices tests/fuzz/corpus/devices
 */
#include "tests/fuzz/fuzz_devices.h"

#include <errno.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_net.h>
#include <linux/virtio_vsock.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <kvick/virtio.h>

#include "tests/fuzz/fuzz.h"
#include "tests/unit/virtq_driver.h"
#include "virtio/devices.h"
#include "virtio/transport.h"
#include "vmm/engine.h"
#include "vmm/error.h"
#include "vmm/sys.h"

#define PART         0x100000ull /* of RAM: each driver's */
#define QUEUES       3u
#define SIZE         32u
#define SLOTS        32u
#define SLOT_BYTES   0x4000ull
#define PROGRAMS_MAX 24u
#define HEARD_MAX    8u
#define OPS_MAX      400u
#define CID          3u
#define HOST_CID     2u
#define HEADER       ((uint32_t)sizeof(struct virtio_vsock_hdr))
#define DISK_BYTES   0x8000
#define NS_PER_MS    1000000ull
#define BIT(feature) (1ull << (feature))

enum { RX, TX };

struct fuzz {
	const uint8_t *data;
	size_t bytes;
	enum kind kind;
	struct driver driver[QUEUES];
	unsigned next_slot[QUEUES];
	uint64_t slot[2][VIRTQ_SIZE_MAX]; /* by the chain's id: of RX; of a disk's both queues */
	bool poked;                     /* the driver's rings, or requests, are not what it thinks */
	struct sys sys;
	struct error error;
	struct engine *engine;
	struct virtio_device *device;
	struct virtio_line line;
	uint64_t offered;               /* features, to a driver that is not a legacy one */
	int programs[PROGRAMS_MAX];
	unsigned program_count;
	int console;                    /* the device's end, or -1 */
	uint32_t heard[HEARD_MAX];      /* the host's ports of connections to the guest */
	unsigned heard_count;
	uint32_t fwd_cnt;
};

/* Where the device listens, and where the programs do. */
static struct sockaddr_un device_at, programs_at;
static socklen_t device_at_bytes, programs_at_bytes;
static int programs_listener = -1;
static int disk = -1;
static uint64_t now_ns;

static uint64_t take(struct fuzz *f, unsigned bytes)
{
	return fuzz_take(&f->data, &f->bytes, bytes);
}

/* --- the system's part --- */

static int bind_anywhere(int fd, struct sockaddr_un *at, socklen_t *bytes)
{
	const sa_family_t family = AF_UNIX;

	*bytes = sizeof(*at);
	if (bind(fd, (const struct sockaddr *)&family, sizeof(family)) || getsockname(fd, (struct sockaddr *)at, bytes))
		return -errno;
	return 0;
}

int __wrap_sys_bind(struct sys *sys, int fd, const struct sockaddr *address, unsigned bytes);
int __wrap_sys_bind(struct sys *sys, int fd, const struct sockaddr *address, unsigned bytes)
{
	(void)sys, (void)address, (void)bytes;
	return bind_anywhere(fd, &device_at, &device_at_bytes);
}

int __wrap_sys_connect(struct sys *sys, int fd, const struct sockaddr *address, unsigned bytes);
int __wrap_sys_connect(struct sys *sys, int fd, const struct sockaddr *address, unsigned bytes)
{
	const struct sockaddr_un *to = (const struct sockaddr_un *)address;
	const char *port = strrchr(to->sun_path, '_');

	(void)sys, (void)bytes;
	if (port && atoi(port + 1) == PORT_NOBODY)
		return -ECONNREFUSED;
	return connect(fd, (const struct sockaddr *)&programs_at, programs_at_bytes) ? -errno : 0;
}

/* What is said on standard error. */
ssize_t __wrap_sys_write(struct sys *sys, int fd, const void *from, size_t bytes);
ssize_t __wrap_sys_write(struct sys *sys, int fd, const void *from, size_t bytes)
{
	(void)sys, (void)from;
	PROMISE(fd == STDERR_FILENO);
	return (ssize_t)bytes;
}

uint64_t __wrap_sys_now_ns(struct sys *sys);
uint64_t __wrap_sys_now_ns(struct sys *sys)
{
	(void)sys;
	return now_ns;
}

static int lowest_free_fd(void)
{
	int fd = dup(STDERR_FILENO);

	close(fd);
	return fd;
}

static void raise_line(const struct virtio_line *line, struct virtio_device *device)
{
	(void)line;
	device->transport.interrupt_status = 0;
}

static void lower_line(const struct virtio_line *line, struct virtio_device *device)
{
	(void)line, (void)device;
}

/* --- programs --- */

static void add_program(struct fuzz *f, int fd)
{
	if (fd >= 0 && f->program_count < PROGRAMS_MAX)
		f->programs[f->program_count++] = fd;
	else if (fd >= 0)
		close(fd);
}

static void accept_programs(struct fuzz *f)
{
	int fd;

	while ((fd = accept4(programs_listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0)
		add_program(f, fd);
}

static int *a_program(struct fuzz *f)
{
	unsigned who = (unsigned)take(f, 1);

	return f->program_count ? &f->programs[who % f->program_count] : NULL;
}

/* n bytes of the input, and zeroes. */
static size_t take_text(struct fuzz *f, uint8_t *to, size_t most)
{
	size_t n = (size_t)take(f, 1), more;

	if (n > f->bytes)
		n = f->bytes;
	if (n > most)
		n = most;
	memcpy(to, f->data, n);
	f->data += n;
	f->bytes -= n;
	more = (size_t)take(f, 2);
	if (more > most - n)
		more = most - n;
	memset(to + n, 0, more);
	return n + more;
}

static void host_connects(struct fuzz *f)
{
	uint8_t text[300];
	size_t bytes = take_text(f, text, sizeof(text));
	int fd;

	if (f->kind != KIND_VSOCK)
		return;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (connect(fd, (const struct sockaddr *)&device_at, device_at_bytes) == 0) {
		send(fd, text, bytes, MSG_NOSIGNAL);
		add_program(f, fd);
	} else {
		close(fd);
	}
}

static void host_op(struct fuzz *f, enum op op)
{
	static uint8_t text[70000];
	int *fd = a_program(f);
	size_t bytes;

	switch (op) {
	case OP_HOST_SAY:
		bytes = take_text(f, text, sizeof(text));
		if (fd)
			send(*fd, text, bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
		break;
	case OP_HOST_LINE:
		bytes = (size_t)snprintf((char *)text, sizeof(text), "CONNECT %u\n", (unsigned)take(f, 1));
		if (fd)
			send(*fd, text, bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
		break;
	case OP_HOST_READ:
		bytes = (size_t)take(f, 2);
		if (fd)
			recv(*fd, text, bytes, MSG_DONTWAIT);
		break;
	case OP_HOST_SHUT:
		bytes = (size_t)take(f, 1);
		if (fd)
			shutdown(*fd, (int)(bytes % 3));
		break;
	default:
		if (fd) {
			close(*fd);
			*fd = f->programs[--f->program_count];
		}
	}
}

/* --- the driver --- */

/* What a guest's wait does. It ends: whatever is done uses up something of the driver's or the programs'. */
static void turns(struct fuzz *f)
{
	unsigned count = 0;

	do {
		PROMISE(++count < 100000);
		engine_submit(f->engine);
	} while (engine_reap(f->engine) > 0);
}

/* Only a disk may have something under way in the guest's memory. */
static void reset(struct fuzz *f)
{
	bool done = virtio_reset(f->device);

	PROMISE(done || f->kind == KIND_BLOCK);
	turns(f);
	PROMISE(!f->device->transport.resetting);
}

static void put(struct fuzz *f, uint64_t offset, uint64_t value)
{
	virtio_mmio_write(f->device, offset, 4, value);
}

/* 3.1.2 */
static void begin_legacy(struct fuzz *f, uint64_t features)
{
	const uint32_t status = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER;

	virtio_legacy_init(f->device);
	put(f, VIRTIO_MMIO_GUEST_PAGE_SIZE, GUEST_PAGE_BYTES);
	put(f, VIRTIO_MMIO_STATUS, status);
	put(f, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)features);
	for (unsigned q = 0; q < f->device->queue_count; q++) {
		driver_start_legacy(&f->driver[q], SIZE, (uint32_t)features, GUEST_PAGE_BYTES);
		put(f, VIRTIO_MMIO_QUEUE_SEL, q);
		put(f, VIRTIO_MMIO_QUEUE_NUM, SIZE);
		put(f, VIRTIO_MMIO_QUEUE_ALIGN, GUEST_PAGE_BYTES);
		put(f, VIRTIO_MMIO_QUEUE_PFN, (f->driver[q].config.desc + q * PART) / GUEST_PAGE_BYTES);
	}
	put(f, VIRTIO_MMIO_STATUS, status | VIRTIO_CONFIG_S_DRIVER_OK);
	PROMISE(virtio_usable(f->device));
}

static void begin(struct fuzz *f)
{
	unsigned how = (unsigned)take(f, 1);
	uint64_t features = BIT(VIRTIO_F_VERSION_1) | (uint64_t)!!(how & BEGIN_PACKED) << VIRTIO_F_RING_PACKED |
			    (uint64_t)!!(how & BEGIN_EVENT) << VIRTIO_RING_F_EVENT_IDX |
			    (uint64_t)!!(how & BEGIN_INDIRECT) << VIRTIO_RING_F_INDIRECT_DESC |
			    (uint64_t)!!(how & BEGIN_IN_ORDER) << VIRTIO_F_IN_ORDER;
	struct kvick_virtio_setup setup = { .queues = f->device->queue_count };

	if (f->kind >= KIND_NET_MESSAGES && f->kind <= KIND_NET_STREAM)
		features |= (uint64_t)!!(how & BEGIN_MERGED) << VIRTIO_NET_F_MRG_RXBUF;
	if (f->kind == KIND_BLOCK)
		features |= (uint64_t)!!(how & BEGIN_FLUSH) << VIRTIO_BLK_F_FLUSH;
	setup.features = features;
	for (unsigned q = 0; q < setup.queues; q++) {
		struct virtq_config *config = &f->driver[q].config;

		driver_start(&f->driver[q], SIZE, features);
		setup.queue[q] = (struct kvick_virtio_queue){ .size = SIZE, .desc = config->desc + q * PART,
							      .driver = config->driver + q * PART,
							      .device = config->device + q * PART };
	}
	f->poked = false;
	f->heard_count = 0;
	f->fwd_cnt = 0;
	reset(f);
	f->device->features_offered = f->offered;
	if (!(how & BEGIN_RESET_ONLY) && how & BEGIN_LEGACY && f->kind != KIND_VSOCK)
		begin_legacy(f, features);
	else if (!(how & BEGIN_RESET_ONLY))
		PROMISE(virtio_setup(f->device, &setup) == 0);
	turns(f);
}

static uint64_t next_slot(struct fuzz *f, unsigned queue)
{
	return DRIVER_DATA_AT + f->next_slot[queue]++ % SLOTS * SLOT_BYTES;
}

/* What lies in a slot, in so many parts. */
static void add(struct fuzz *f, uint64_t at, uint32_t bytes, unsigned how)
{
	struct driver_part parts[4];
	unsigned count = 1 + how % 4;

	for (unsigned i = 0; i < count; i++) {
		uint32_t part = i + 1 < count ? bytes / (count + 2) : bytes;

		parts[i] = (struct driver_part){ TX * PART + at, part, false };
		at += part;
		bytes -= part;
	}
	driver_add(&f->driver[TX], parts, count, how & 16);
}

static void send_raw(struct fuzz *f)
{
	unsigned how = (unsigned)take(f, 1);
	uint64_t at = next_slot(f, TX);

	f->poked |= f->kind == KIND_BLOCK;
	add(f, at, (uint32_t)take_text(f, f->driver[TX].mem.host + at, SLOT_BYTES), how);
}

static uint32_t port_of(const struct fuzz *f, unsigned port)
{
	return port >= PORT_HEARD && f->heard_count ? f->heard[port % f->heard_count] : port;
}

static void send_packet(struct fuzz *f)
{
	struct virtio_vsock_hdr h = { .src_cid = CID, .dst_cid = HOST_CID, .type = VIRTIO_VSOCK_TYPE_STREAM,
				      .buf_alloc = 0x10000, .fwd_cnt = f->fwd_cnt };
	uint64_t at = next_slot(f, TX);
	uint32_t there;
	unsigned wrong;

	h.op = (uint16_t)take(f, 1);
	h.src_port = (uint32_t)take(f, 1);
	h.dst_port = port_of(f, (unsigned)take(f, 1));
	h.flags = (uint32_t)take(f, 1);
	h.len = (uint32_t)take(f, 2);
	there = (uint32_t)take(f, 2) % (uint32_t)(SLOT_BYTES - HEADER);
	wrong = (unsigned)take(f, 1);
	if (!(wrong & WRONG_LENGTH))
		h.len = h.op == VIRTIO_VSOCK_OP_RW ? there : 0;
	else if (h.len >= 0xff00)
		h.len = UINT32_MAX - (0xffff - h.len);
	h.src_cid ^= wrong & WRONG_SRC_CID ? take(f, 8) : 0;
	h.dst_cid ^= wrong & WRONG_DST_CID ? take(f, 8) : 0;
	h.type ^= (uint16_t)(wrong & WRONG_TYPE ? take(f, 2) : 0);
	if (wrong & WRONG_CREDIT) {
		h.buf_alloc = (uint32_t)take(f, 4);
		h.fwd_cnt = (uint32_t)take(f, 4);
	}
	memcpy(f->driver[TX].mem.host + at, &h, HEADER);
	memset(f->driver[TX].mem.host + at + HEADER, 'x', there);
	if (there >= 10 && h.op == VIRTIO_VSOCK_OP_RW)
		memcpy(f->driver[TX].mem.host + at + HEADER, "CONNECT 7\n", 10);
	add(f, at, HEADER + there, wrong & WRONG_PIECES ? 3 : 0);
}

static void give(struct fuzz *f)
{
	uint32_t bytes = (uint32_t)take(f, 2) % (uint32_t)SLOT_BYTES;
	unsigned count = (unsigned)take(f, 1) % SIZE;

	for (unsigned i = 0; i < count; i++) {
		const struct driver_part part = { next_slot(f, RX), bytes, true };
		int id = driver_add(&f->driver[RX], &part, 1, false);

		if (id < 0)
			break;
		f->slot[RX][id] = part.address;
	}
	f->poked |= f->kind == KIND_BLOCK;
}

/* In a slot: header, status byte at +0x80, data at +0x100. */
static void send_request(struct fuzz *f)
{
	unsigned queue = (unsigned)take(f, 1) % 2;
	uint64_t at = next_slot(f, queue), base = queue * PART + at;
	uint8_t *slot = f->driver[queue].mem.host + at;
	struct virtio_blk_outhdr header = { .type = (uint32_t)take(f, 1), .sector = take(f, 1) };
	uint32_t bytes = (uint32_t)take(f, 2);
	struct virtio_blk_discard_write_zeroes range = { .sector = header.sector, .num_sectors = bytes };
	struct driver_part parts[6];
	unsigned how = (unsigned)take(f, 1), count = 0;
	bool ranged = header.type == VIRTIO_BLK_T_DISCARD || header.type == VIRTIO_BLK_T_WRITE_ZEROES;
	bool to_driver = (header.type == VIRTIO_BLK_T_IN || header.type == VIRTIO_BLK_T_GET_ID) ^ !!(how & REQUEST_TO_DRIVER);
	int id;

	if (how & REQUEST_FAR)
		header.sector = range.sector = take(f, 8);
	if (ranged && bytes % 16 != 15) { /* else: of no such length */
		memcpy(slot + 0x100, &range, sizeof(range));
		bytes = sizeof(range);
	}
	bytes %= (uint32_t)SLOT_BYTES - 0x100;
	memcpy(slot, &header, sizeof(header));
	slot[0x80] = 0xff;
	if (how & REQUEST_PIECES)
		parts[count++] = (struct driver_part){ base, 5, false };
	parts[count] = (struct driver_part){ base + 5 * count, how & REQUEST_NO_HEADER ? 2 : sizeof(header) - 5 * count, false };
	count++;
	if (how & REQUEST_PIECES)
		parts[count++] = (struct driver_part){ base + 0x100, bytes / 3, to_driver };
	parts[count++] = (struct driver_part){ base + 0x100 + (how & REQUEST_PIECES ? bytes / 3 : 0),
					       how & REQUEST_PIECES ? bytes - bytes / 3 : bytes, to_driver };
	if (!(how & REQUEST_NO_STATUS))
		parts[count++] = (struct driver_part){ base + 0x80, 1, true };
	id = driver_add(&f->driver[queue], parts, count, how & REQUEST_INDIRECT);
	if (id >= 0)
		f->slot[queue][id] = at;
	else
		f->next_slot[queue]--;
	/* Status and data may be one. */
	f->poked |= how & REQUEST_NO_STATUS || f->kind != KIND_BLOCK;
}

static void look_at_request(struct fuzz *f, unsigned queue, uint64_t at, uint32_t written)
{
	PROMISE(written >= 1);
	PROMISE(f->driver[queue].mem.host[at + 0x80] <= VIRTIO_BLK_S_UNSUPP);
}

static void look_at_packet(struct fuzz *f, uint64_t at, uint32_t written)
{
	struct virtio_vsock_hdr h;

	if (written == 0)
		return; /* it was too small */
	PROMISE(written >= HEADER);
	memcpy(&h, f->driver[RX].mem.host + at, HEADER);
	PROMISE(h.len == written - HEADER && h.dst_cid == CID);
	PROMISE(h.op >= VIRTIO_VSOCK_OP_REQUEST && h.op <= VIRTIO_VSOCK_OP_CREDIT_UPDATE);
	PROMISE(h.op == VIRTIO_VSOCK_OP_RW ? h.len > 0 : h.len == 0);
	f->fwd_cnt += h.len;
	if (h.op == VIRTIO_VSOCK_OP_REQUEST)
		f->heard[f->heard_count++ % HEARD_MAX] = h.src_port;
	if (f->heard_count > HEARD_MAX)
		f->heard_count = HEARD_MAX;
}

static void take_used(struct fuzz *f)
{
	uint32_t written;
	uint16_t id;

	for (unsigned q = 0; q < 2 && q < f->device->queue_count; q++)
		for (unsigned i = 0; i < SIZE; i++) {
			int r = driver_take_used(&f->driver[q], &id, &written);

			PROMISE(r >= 0 || f->poked);
			if (r != 1)
				break;
			if (q == RX && f->kind == KIND_VSOCK && !f->poked)
				look_at_packet(f, f->slot[RX][id], written);
			if (f->kind == KIND_BLOCK && !f->poked)
				look_at_request(f, q, f->slot[q][id], written);
		}
}

static void notify(struct fuzz *f)
{
	virtio_notify(f->device, (unsigned)take(f, 1) % (QUEUES + 1));
	turns(f);
}

static void use_register(struct fuzz *f)
{
	uint64_t offset = take(f, 2);
	unsigned width = 1u << take(f, 1) % 4;

	virtio_mmio_write(f->device, offset, width, take(f, 8));
	virtio_mmio_read(f->device, offset, width);
	turns(f);
	f->poked = true;
}

static void poke(struct fuzz *f)
{
	uint8_t *ram = f->driver[take(f, 1) % QUEUES].mem.host;
	uint64_t at = DRIVER_DESC_AT + take(f, 2) % (DRIVER_DATA_AT - DRIVER_DESC_AT - 2), value = take(f, 2);

	memcpy(ram + at, &value, 2);
	f->poked = true;
}

static void fail_a_call(struct fuzz *f)
{
	static const int errnums[] = { EINTR, EAGAIN, ENOMEM, EMFILE, EPIPE, ECONNRESET, EIO, ENOBUFS };

	f->sys.fail_at = f->sys.calls + take(f, 1);
	f->sys.fail_errno = errnums[take(f, 1) % 8];
}

static void step(struct fuzz *f)
{
	enum op op = (enum op)(take(f, 1) % OPS);

	switch (op) {
	case OP_BEGIN: begin(f); break;
	case OP_SEND: send_raw(f); break;
	case OP_PACKET: send_packet(f); break;
	case OP_GIVE: give(f); break;
	case OP_TAKE: take_used(f); break;
	case OP_NOTIFY: notify(f); break;
	case OP_POKE: poke(f); break;
	case OP_HOST_CONNECT: host_connects(f); break;
	case OP_TURN: turns(f); break;
	case OP_FAIL: fail_a_call(f); break;
	case OP_REQUEST: send_request(f); break;
	case OP_REGISTER: use_register(f); break;
	case OP_TIME:
		now_ns += take(f, 2) * NS_PER_MS;
		turns(f);
		break;
	default: host_op(f, op); break;
	}
	accept_programs(f);
}

/* --- one conversation --- */

/* What is made for each kind of device; `pair`: the type of a socket pair, one end of which is the device's. */
static const struct {
	int (*create)(struct virtio_device **device, const struct device_context *context);
	int pair;
	enum net_path net;
} made[KINDS] = {
	[KIND_VSOCK] = { virtio_vsock_create, 0, NET_NONE },
	[KIND_NET_MESSAGES] = { virtio_net_create, SOCK_SEQPACKET, NET_FD },
	[KIND_NET_DATAGRAMS] = { virtio_net_create, SOCK_DGRAM, NET_FD },
	[KIND_NET_STREAM] = { virtio_net_create, 0, NET_USER },
	[KIND_BLOCK] = { virtio_block_create, 0, NET_NONE },
	[KIND_CONSOLE] = { virtio_console_create, SOCK_STREAM, NET_NONE },
	[KIND_ENTROPY] = { virtio_entropy_create, 0, NET_NONE },
};

static void create(struct fuzz *f, bool limited)
{
	const struct engine_config engine = { .kind = ENGINE_SYNC, .depth = 8 };
	struct device_config config = { .path = "fuzz", .cid = CID, .mac = { 2 }, .queues = 2, .terminal = -1, .resized = -1,
					.net = made[f->kind].net };
	struct device_context context = { &config, &f->driver[RX].mem, NULL, &f->sys, &f->error };
	char path[32];
	int ends[2] = { -1, -1 };

	PROMISE(engine_create(&f->engine, &engine, &f->sys, &f->error) == 0);
	context.engine = f->engine;
	if (made[f->kind].pair) {
		PROMISE(socketpair(AF_UNIX, made[f->kind].pair | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
		config.fd = config.input = config.output = ends[0];
		add_program(f, ends[1]);
	}
	if (f->kind == KIND_BLOCK) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", disk);
		config.path = path;
		PROMISE(ftruncate(disk, 0) == 0 && ftruncate(disk, DISK_BYTES) == 0);
	}
	if (limited) {
		config.operations = (struct device_rate){ 100, 3 };
		config.bytes = (struct device_rate){ 10000, 600 };
	}
	PROMISE(made[f->kind].create(&f->device, &context) == 0);
	/* It is not closed by the device. */
	f->console = f->kind == KIND_CONSOLE ? ends[0] : -1;
	virtio_transport_init(f->device, &f->line);
	f->offered = f->device->features_offered;
	PROMISE(engine_seal(f->engine, &f->error) == 0);
	accept_programs(f);
}

static void destroy(struct fuzz *f)
{
	f->sys.fail_at = 0;
	reset(f);
	PROMISE(engine_destroy(f->engine) == 0);
	if (f->device->ops->close)
		f->device->ops->close(f->device);
	if (f->console >= 0)
		close(f->console);
	sys_munmap(&f->sys, f->device, f->device->bytes);
	while (f->program_count > 0)
		close(f->programs[--f->program_count]);
	accept_programs(f);
	while (f->program_count > 0)
		close(f->programs[--f->program_count]);
}

static struct fuzz *make(void)
{
	struct fuzz *f = calloc(1, sizeof(*f));

	PROMISE(f);
	signal(SIGPIPE, SIG_IGN);
	disk = memfd_create("disk", MFD_CLOEXEC);
	PROMISE(disk >= 0);
	driver_create(&f->driver[RX], QUEUES * PART);
	for (unsigned q = 1; q < QUEUES; q++) {
		f->driver[q].mem = (struct guest_mem){ .host = f->driver[RX].mem.host + q * PART, .bytes = PART };
		f->driver[q].begins = q * PART;
	}
	programs_listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	PROMISE(bind_anywhere(programs_listener, &programs_at, &programs_at_bytes) == 0 && listen(programs_listener, 32) == 0);
	return f;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static struct fuzz *f;
	unsigned first;
	int fd_before;

	if (!f)
		f = make();
	fd_before = lowest_free_fd();
	f->data = data;
	f->bytes = bytes;
	first = (unsigned)take(f, 1);
	f->kind = (enum kind)(first % KINDS);
	now_ns = 1000000 * NS_PER_MS;
	f->sys = (struct sys){ 0 };
	f->line = (struct virtio_line){ .raise = raise_line, .lower = lower_line };
	f->program_count = f->heard_count = 0;
	memset(f->next_slot, 0, sizeof(f->next_slot));
	create(f, first / KINDS % 2);
	for (unsigned q = 0; q < QUEUES; q++)
		driver_start(&f->driver[q], SIZE, BIT(VIRTIO_F_VERSION_1));
	for (unsigned i = 0; i < OPS_MAX && f->bytes > 0; i++)
		step(f);
	destroy(f);
	PROMISE(lowest_free_fd() == fd_before);
	return 0;
}
