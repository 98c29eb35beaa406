/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices that are given state of anybody's. Where it is refused, an error says why. Where it is not, they go on: with their
 * drivers' rings, and programs on the host; nothing waits for ever, and what they then save they can load.
 *
 * Sockets have abstract addresses that the kernel chooses: sys_bind() and sys_connect() are wrapped.
 *
 *	fuzz_devices_state tests/fuzz/corpus/devices_state
 */
#include "tests/fuzz/fuzz_devices_state.h"

#include <errno.h>
#include <linux/virtio_blk.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"
#include "tests/unit/virtq_driver.h"
#include "virtio/devices.h"
#include "virtio/devices_state.h"
#include "virtio/transport.h"
#include "vmm/engine.h"
#include "vmm/error.h"
#include "vmm/stop.h"
#include "vmm/sys.h"

#define PARTS   (THE_DEVICES * PART_QUEUES)
#define RAM     (PARTS * PART_BYTES + GUEST_PAGE_BYTES)
#define LIST_AT (PARTS * PART_BYTES)
#define ROUNDS  4u
#define BIT(feature) (1ull << (feature))

struct fuzz {
	unsigned how, which;
	struct driver driver[PARTS];
	struct sys sys;
	struct error error;
	struct stop stop;
	struct virtio_line line;
	struct devices devices;
	int net, console;       /* the programs' ends */
	int of_console;         /* the device's, which it does not close */
	uint8_t saved[0x10000];
};

static struct sockaddr_un device_at;
static socklen_t device_at_bytes;
static int disk = -1;

/* --- the system's part --- */

int __wrap_sys_bind(struct sys *sys, int fd, const struct sockaddr *address, unsigned bytes);
int __wrap_sys_bind(struct sys *sys, int fd, const struct sockaddr *address, unsigned bytes)
{
	const sa_family_t family = AF_UNIX;

	(void)sys, (void)address, (void)bytes;
	device_at_bytes = sizeof(device_at);
	if (bind(fd, (const struct sockaddr *)&family, sizeof(family)) ||
	    getsockname(fd, (struct sockaddr *)&device_at, &device_at_bytes))
		return -errno;
	return 0;
}

int __wrap_sys_connect(struct sys *sys, int fd, const struct sockaddr *address, unsigned bytes);
int __wrap_sys_connect(struct sys *sys, int fd, const struct sockaddr *address, unsigned bytes)
{
	(void)sys, (void)fd, (void)address, (void)bytes;
	return -ECONNREFUSED;
}

/* What is said on standard error; the clock stands still. */
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
	return 1000000000;
}

static int lowest_free_fd(void)
{
	int fd = dup(STDERR_FILENO);

	close(fd);
	return fd;
}

static void raise_line(const struct virtio_line *line, struct virtio_device *device)
{
	(void)line, (void)device;
}

/* --- drivers --- */

static void add(struct fuzz *f, unsigned device, unsigned queue)
{
	unsigned part = device * PART_QUEUES + queue;
	uint64_t at = part * PART_BYTES + DRIVER_DATA_AT;
	const struct virtio_blk_outhdr header = { .type = VIRTIO_BLK_T_OUT, .sector = 1 };
	const struct driver_part request[] = { { at, sizeof(header), false }, { at + 0x200, 512, false }, { at + 0x100, 1, true } };
	bool to_device = device != THE_ENTROPY && queue == 1;
	const struct driver_part one = { at, 0x600, !to_device };

	if (device == THE_DISK) {
		memcpy(f->driver[part].mem.host + DRIVER_DATA_AT, &header, sizeof(header));
		driver_add(&f->driver[part], request, 3, false);
	} else {
		driver_add(&f->driver[part], &one, 1, false);
	}
}

static void make_rings(struct fuzz *f)
{
	uint64_t features = (uint64_t)!!(f->how & HOW_PACKED) << VIRTIO_F_RING_PACKED |
			    (uint64_t)!!(f->how & HOW_EVENT) << VIRTIO_RING_F_EVENT_IDX;

	for (unsigned part = 0; part < PARTS; part++) {
		if (!(f->which >> part / PART_QUEUES & 1))
			continue;
		if (f->how & HOW_LEGACY)
			driver_start_legacy(&f->driver[part], RING_SIZE, features & UINT32_MAX, GUEST_PAGE_BYTES);
		else
			driver_start(&f->driver[part], RING_SIZE, features);
		for (unsigned i = 0; i < 3; i++)
			add(f, part / PART_QUEUES, part % PART_QUEUES);
	}
}

/* --- the machine --- */

static int open_pair(int type, int *ours)
{
	int ends[2];

	PROMISE(socketpair(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
	*ours = ends[1];
	return ends[0];
}

static void make_devices(struct fuzz *f)
{
	static const enum device_kind kinds[THE_DEVICES] = {
		[THE_DISK] = DEVICE_BLOCK, [THE_NETWORK] = DEVICE_NET, [THE_CONSOLE] = DEVICE_CONSOLE,
		[THE_ENTROPY] = DEVICE_ENTROPY, [THE_SOCKETS] = DEVICE_VSOCK,
	};
	const struct device_rate rate = { .per_second = f->how & HOW_LIMITED ? 1 : 0, .burst = 2 };
	struct device_config list[THE_DEVICES];
	struct devices_config config = { .list = list, .engine = ENGINE_SYNC, .legacy = f->how & HOW_LEGACY };
	const struct devices_host host = { .mem = &f->driver[0].mem, .page = gpa(LIST_AT), .stop = &f->stop, .sys = &f->sys,
					   .line = f->how & HOW_LEGACY ? &f->line : NULL };
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", disk);
	f->net = f->console = f->of_console = -1;
	for (unsigned i = 0; i < THE_DEVICES; i++) {
		struct device_config *c = &list[config.count];

		if (!(f->which >> i & 1))
			continue;
		*c = (struct device_config){ .kind = kinds[i], .path = kinds[i] == DEVICE_BLOCK ? path : "fuzz", .cid = 3,
					     .terminal = -1, .resized = -1, .net = NET_FD, .mac = { 2 }, .operations = rate };
		if (kinds[i] == DEVICE_NET)
			c->fd = open_pair(SOCK_SEQPACKET, &f->net);
		if (kinds[i] == DEVICE_CONSOLE)
			c->input = c->output = f->of_console = open_pair(SOCK_STREAM, &f->console);
		config.count++;
	}
	PROMISE(devices_create(&f->devices, &config, &host, &f->error) == 0);
}

static void end(struct fuzz *f)
{
	const int ends[] = { f->net, f->console, f->of_console };

	PROMISE(devices_stop(&f->devices));
	devices_free(&f->devices);
	for (unsigned i = 0; i < 3; i++)
		if (ends[i] >= 0)
			close(ends[i]);
}

static int load(struct fuzz *f, const uint8_t *state, size_t bytes)
{
	struct state_reader reader = { .at = state, .left = bytes, .file = "state", .error = &f->error };
	int r = devices_load(&f->devices, &reader);

	return r == 0 ? state_close(&reader) : r;
}

static void turns(struct fuzz *f)
{
	unsigned count = 0;

	do {
		PROMISE(++count < 100000);
		engine_submit(f->devices.engine);
	} while (engine_reap(f->devices.engine) > 0);
}

/* Everybody does something. */
static void talk(struct fuzz *f)
{
	static const uint8_t frame[200];
	char got[4096];

	if (f->net >= 0)
		send(f->net, frame, sizeof(frame), MSG_NOSIGNAL);
	if (f->console >= 0 && send(f->console, "text", 4, MSG_NOSIGNAL) > 0)
		recv(f->console, got, sizeof(got), 0);
	turns(f);
	for (unsigned i = 0, device = 0; device < THE_DEVICES; device++) {
		if (!(f->which >> device & 1))
			continue;
		for (unsigned q = 0; q < f->devices.list[i]->queue_count; q++) {
			add(f, device, q);
			virtio_notify(f->devices.list[i], q);
			turns(f);
		}
		i++;
	}
	devices_wait(&f->devices, UINT64_MAX >> 1, 0, 0);
}

static void go_on(struct fuzz *f)
{
	struct state_writer writer = { .to = f->saved, .max = sizeof(f->saved) };

	devices_resume(&f->devices);
	for (unsigned i = 0; i < ROUNDS; i++)
		talk(f);
	PROMISE(devices_pause(&f->devices) == 0);
	PROMISE(devices_save(&f->devices, &writer) == 0 && state_finish(&writer) == 0);
	end(f);
	make_devices(f);
	if (load(f, f->saved, writer.bytes) < 0)
		fprintf(stderr, "%s\n", f->error.text);
	PROMISE(f->error.kind == ERROR_NONE);
	devices_resume(&f->devices);
	talk(f);
}

static struct fuzz *make(void)
{
	struct fuzz *f = calloc(1, sizeof(*f));

	PROMISE(f);
	signal(SIGPIPE, SIG_IGN);
	disk = memfd_create("disk", MFD_CLOEXEC);
	PROMISE(disk >= 0 && ftruncate(disk, DISK_BYTES) == 0);
	driver_create(&f->driver[0], RAM);
	for (unsigned part = 1; part < PARTS; part++) {
		f->driver[part].mem = (struct guest_mem){ .host = f->driver[0].mem.host + part * PART_BYTES, .bytes = PART_BYTES };
		f->driver[part].begins = part * PART_BYTES;
	}
	f->line = (struct virtio_line){ .raise = raise_line, .lower = raise_line };
	return f;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static struct fuzz *f;
	int fd_before;

	if (!f)
		f = make();
	if (bytes < 2)
		return 0;
	fd_before = lowest_free_fd();
	f->how = data[0];
	f->which = data[1] & ((1u << THE_DEVICES) - 1);
	if (f->how & HOW_LEGACY)
		f->which &= ~(1u << THE_SOCKETS); /* it knows none */
	if (f->which == 0)
		return 0;
	f->sys = (struct sys){ 0 };
	f->error = (struct error){ 0 };
	make_rings(f);
	make_devices(f);
	if (load(f, data + 2, bytes - 2) == 0)
		go_on(f);
	else
		PROMISE(f->error.kind == ERROR_IMAGE || f->error.kind == ERROR_USAGE);
	end(f);
	PROMISE(lowest_free_fd() == fd_before);
	return 0;
}
