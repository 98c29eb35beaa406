/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Solo5's hypercalls: how a structure is taken in and given back, and what each call makes of it; a disk that is a file and a
 * network that is a socket, by both engines. KVM is none: ioctl() for the vCPU goes nowhere.
 */
#include "tests/unit/test_unit.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>

#include "loader/image.h"
#include "vmm/hypercalls.h"
#include "vmm/machine.h"
#include "vmm/solo5.h"

#define RAM         (8ull << 20)
#define TEXT        0x100000ull
#define FREE        0x300000ull
#define CALL        (FREE + 0x1000) /* where a test's structure lies */
#define VCPU_FD     1000000         /* of no file */
#define DISK        1u
#define NET         2u
#define DISK_BYTES  65536u
#define BLOCK_BYTES 1024u
#define LONG_NS     5000000000u     /* a poll that nothing ends */

struct fixture {
	struct machine m;
	struct machine_config config;
	struct stop stop;
	struct solo5_attachment attachments[2];
	struct solo5_manifest manifest;
	int console[2]; /* a pipe: what the guest prints is read at [0] */
	int disk, peer; /* the file, and the network's other end; -1 without devices */
	char path[64];
};

int __real_sys_ioctl(struct sys *sys, int fd, unsigned long request, unsigned long arg);
int __wrap_sys_ioctl(struct sys *sys, int fd, unsigned long request, unsigned long arg);

int __wrap_sys_ioctl(struct sys *sys, int fd, unsigned long request, unsigned long arg)
{
	return fd == VCPU_FD ? -EIO : __real_sys_ioctl(sys, fd, request, arg);
}

static struct {
	unsigned left; /* reads of the network that fail */
	unsigned made;
} failing;

ssize_t __real_sys_preadv(struct sys *sys, int fd, const struct iovec *iov, unsigned count, uint64_t offset, int flags);
ssize_t __wrap_sys_preadv(struct sys *sys, int fd, const struct iovec *iov, unsigned count, uint64_t offset, int flags);

ssize_t __wrap_sys_preadv(struct sys *sys, int fd, const struct iovec *iov, unsigned count, uint64_t offset, int flags)
{
	if (offset != ENGINE_STREAM || failing.left == 0)
		return __real_sys_preadv(sys, fd, iov, count, offset, flags);
	failing.left--;
	failing.made++;
	return -ENOMEM;
}

static bool stays; /* engine_destroy() fails */

int __real_engine_destroy(struct engine *engine);
int __wrap_engine_destroy(struct engine *engine);

int __wrap_engine_destroy(struct engine *engine)
{
	return stays ? -EIO : __real_engine_destroy(engine);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct machine *m = &f->m;
	const struct memory_run text = { TEXT, 0x1000 };

	*state = f;
	f->disk = f->peer = -1;
	if (pipe2(f->console, O_NONBLOCK) < 0)
		return -1;
	f->config = (struct machine_config){ .image_path = "test.hvt", .console_fd = f->console[1], .stop = &f->stop };
	m->config = &f->config;
	m->boot = &boot_solo5;
	m->console.fd = f->console[1];
	m->image = (struct image){
		.fd = -1, .path = "test.hvt", .protocol = &protocol_solo5, .base = TEXT, .end = TEXT + 0x2000, .segment_count = 1,
		.segments = { { .gpa = TEXT, .mem_bytes = 0x1000, .perms = SEGMENT_R | SEGMENT_X } },
	};
	m->vcpu = (struct vcpu){ .fd = VCPU_FD, .run = calloc(1, 4096), .run_bytes = 4096 };
	return guest_mem_create(&m->mem, RAM, GUEST_PAGES_4K, &m->sys, &m->error) < 0 ||
	       guest_mem_protect(&m->mem, &text, 1, &m->sys) < 0 ? -1 : 0;
}

/* A disk and a network. */
static int set_up_devices(void **state, enum engine_kind engine, int socket_type)
{
	struct fixture *f;
	int fds[2];

	if (set_up(state) < 0)
		return -1;
	f = *state;
	f->disk = memfd_create("disk", MFD_CLOEXEC);
	if (ftruncate(f->disk, DISK_BYTES) < 0 || socketpair(AF_UNIX, socket_type, 0, fds) < 0)
		return -1;
	snprintf(f->path, sizeof(f->path), "/proc/self/fd/%d", f->disk);
	f->peer = fds[1];
	f->attachments[0] = (struct solo5_attachment){
		.name = "disk", .attached = true, .block_bytes = BLOCK_BYTES,
		.device = { .kind = DEVICE_BLOCK, .entry = "disk", .path = f->path },
	};
	f->attachments[1] = (struct solo5_attachment){
		.name = "net", .attached = true,
		.device = { .kind = DEVICE_NET, .entry = "net", .net = NET_FD, .fd = fds[0], .mac = { 2, 1, 1, 1, 1, 1 } },
	};
	f->config.solo5 = (struct solo5_config){ f->attachments, 2 };
	f->config.devices.engine = engine;
	f->manifest = (struct solo5_manifest){
		.version = 1, .entries = 3,
		.entry = { { .type = SOLO5_FIRST }, { .name = "disk", .type = SOLO5_BLOCK }, { .name = "net", .type = SOLO5_NET } },
	};
	if (solo5_create(&f->m, &f->manifest) < 0) {
		print_error("%s\n", f->m.error.text);
		return -1;
	}
	return 0;
}

static int set_up_sync(void **state)
{
	return set_up_devices(state, ENGINE_SYNC, SOCK_SEQPACKET);
}

/* Where there is no io_uring it is the same once more. */
static int set_up_uring(void **state)
{
	return set_up_devices(state, ENGINE_AUTO, SOCK_SEQPACKET);
}

/* A network of which one without data is no end. */
static int set_up_datagrams_sync(void **state)
{
	return set_up_devices(state, ENGINE_SYNC, SOCK_DGRAM);
}

static int set_up_datagrams_uring(void **state)
{
	return set_up_devices(state, ENGINE_AUTO, SOCK_DGRAM);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	solo5_stop(&f->m);
	solo5_free(&f->m);
	guest_mem_destroy(&f->m.mem, &f->m.sys);
	close(f->console[0]);
	close(f->console[1]);
	if (f->disk >= 0)
		close(f->disk);
	if (f->peer >= 0)
		close(f->peer);
	free(f->m.vcpu.run);
	free(f);
	return 0;
}

#define WITH_DEVICES(test)                                                                        \
	cmocka_unit_test_setup_teardown(test, set_up_sync, tear_down),                            \
	{ #test " (io_uring)", test, set_up_uring, tear_down, NULL }

#define WITH_DATAGRAMS(test)                                                                      \
	cmocka_unit_test_setup_teardown(test, set_up_datagrams_sync, tear_down),                  \
	{ #test " (io_uring)", test, set_up_datagrams_uring, tear_down, NULL }

static void *at(struct fixture *f, uint64_t address)
{
	return f->m.mem.host + address;
}

static void io(struct fixture *f, unsigned port, unsigned direction, unsigned bytes, uint32_t value)
{
	struct kvm_run *run = f->m.vcpu.run;

	run->exit_reason = KVM_EXIT_IO;
	run->io.direction = (uint8_t)direction;
	run->io.size = (uint8_t)bytes;
	run->io.port = (uint16_t)port;
	run->io.count = 1;
	run->io.data_offset = 2048;
	memcpy((uint8_t *)run + 2048, &value, sizeof(value));
	f->m.boot->io(&f->m);
}

static void call_at(struct fixture *f, unsigned nr, uint32_t address)
{
	io(f, SOLO5_PORT(nr), KVM_EXIT_IO_OUT, 4, address);
}

static void call(struct fixture *f, unsigned nr, const void *structure, size_t bytes)
{
	memcpy(at(f, CALL), structure, bytes);
	call_at(f, nr, CALL);
}

static void assert_killed(struct fixture *f, const char *fragment)
{
	assert_int_equal(f->m.outcome, OUTCOME_CRASHED);
	assert_says(f->m.crash.reason, fragment);
	f->m.outcome = OUTCOME_NONE;
	f->m.crash = (struct crash){ 0 };
}

static int32_t block(struct fixture *f, unsigned nr, uint64_t handle, uint64_t offset, uint64_t data, uint64_t bytes)
{
	call(f, nr, &(struct solo5_block_io){ handle, offset, data, bytes, -1 }, sizeof(struct solo5_block_io));
	return ((struct solo5_block_io *)at(f, CALL))->ret;
}

static int32_t net(struct fixture *f, unsigned nr, uint64_t handle, uint64_t data, uint64_t *bytes)
{
	const struct solo5_net_io *io = at(f, CALL);

	call(f, nr, &(struct solo5_net_io){ handle, data, *bytes, -1 }, sizeof(struct solo5_net_io));
	*bytes = io->bytes;
	return io->ret;
}

static int32_t poll_for(struct fixture *f, uint64_t timeout_ns, uint64_t *ready)
{
	const struct solo5_poll *poll = at(f, CALL);

	call(f, SOLO5_POLL, &(struct solo5_poll){ timeout_ns, UINT64_MAX, -1 }, sizeof(struct solo5_poll));
	*ready = poll->ready_set;
	return poll->ret;
}

/* ---- ports ---- */

static void a_port_of_no_call_kills(void **state)
{
	static const unsigned ports[] = { 0x0, 0x4ff, 0x500, 0x509, 0x50f, 0x600, 0xffff };

	for (size_t i = 0; i < COUNT_OF(ports); i++) {
		io(*state, ports[i], KVM_EXIT_IO_OUT, 4, CALL);
		assert_killed(*state, "no hypercall of Solo5's (4-byte writes to 0x501 to 0x508)");
	}
}

static void a_call_of_another_width_kills(void **state)
{
	io(*state, SOLO5_PORT(SOLO5_HALT), KVM_EXIT_IO_OUT, 1, CALL);
	assert_killed(*state, "1-byte write to port 0x508");
	io(*state, SOLO5_PORT(SOLO5_HALT), KVM_EXIT_IO_OUT, 2, CALL);
	assert_killed(*state, "2-byte write to port 0x508");
}

static void a_read_of_a_calls_port_kills(void **state)
{
	io(*state, SOLO5_PORT(SOLO5_PUTS), KVM_EXIT_IO_IN, 4, 0);
	assert_killed(*state, "4-byte read from port 0x502");
}

static void calls_have_names(void **state)
{
	(void)state;
	assert_null(solo5_call_name(0));
	for (unsigned nr = SOLO5_WALLTIME; nr <= SOLO5_HALT; nr++)
		assert_non_null(solo5_call_name(nr));
	assert_string_equal(solo5_call_name(SOLO5_BLOCK_READ), "block_read");
	assert_null(solo5_call_name(SOLO5_HALT + 1));
}

/* ---- structures: THREATS 10 ---- */

static void a_structure_outside_ram_kills(void **state)
{
	struct fixture *f = *state;
	static const uint64_t places[] = { RAM, RAM - 1, 0xffffffff };

	for (size_t i = 0; i < COUNT_OF(places); i++)
		for (unsigned nr = SOLO5_WALLTIME; nr <= SOLO5_HALT; nr++) {
			call_at(f, nr, (uint32_t)places[i]);
			assert_killed(f, "not in RAM (0x800000 bytes)");
		}
}

static void a_structure_over_the_end_of_ram_kills(void **state)
{
	call_at(*state, SOLO5_BLOCK_READ, (uint32_t)(RAM - sizeof(struct solo5_block_io) + 8));
	assert_killed(*state, "hypercall block_read: its structure at 0x7fffe0, 40 bytes: not in RAM");
}

static void the_last_structure_of_ram_is_served(void **state)
{
	struct fixture *f = *state;

	call_at(f, SOLO5_WALLTIME, RAM - 8);
	assert_int_equal(f->m.outcome, OUTCOME_NONE);
	assert_true(*(uint64_t *)at(f, RAM - 8) > 0);
}

static void a_structure_in_text_kills_where_it_is_to_be_answered(void **state)
{
	call_at(*state, SOLO5_WALLTIME, TEXT);
	assert_killed(*state, "hypercall walltime: no answer can be written into its structure at 0x100000, which is in read-only "
		      "memory, text of the image");
}

static void a_structure_across_the_end_of_text_kills(void **state)
{
	call_at(*state, SOLO5_POLL, TEXT + 0x1000 - 12);
	assert_killed(*state, "no answer can be written");
}

static void only_what_is_given_back_is_written(void **state)
{
	struct fixture *f = *state;
	uint8_t before[sizeof(struct solo5_poll) + 128], *around = at(f, CALL - 64);
	uint64_t ready;

	memset(around, 0xa5, sizeof(before));
	poll_for(f, 0, &ready);
	memset(before, 0xa5, sizeof(before));
	assert_memory_equal(around, before, 64);
	assert_int_equal(*(uint64_t *)(around + 64), 0);
	assert_memory_equal(around + 64 + sizeof(struct solo5_poll), before, 64);
}

/* ---- time, console, end ---- */

static void wall_time_is_the_hosts(void **state)
{
	struct fixture *f = *state;
	struct timespec before, after;
	uint64_t ns;

	clock_gettime(CLOCK_REALTIME, &before);
	call_at(f, SOLO5_WALLTIME, CALL);
	clock_gettime(CLOCK_REALTIME, &after);
	ns = *(uint64_t *)at(f, CALL);
	assert_true(ns >= (uint64_t)before.tv_sec * 1000000000 + (uint64_t)before.tv_nsec);
	assert_true(ns <= (uint64_t)after.tv_sec * 1000000000 + (uint64_t)after.tv_nsec);
}

static void puts_goes_to_the_console(void **state)
{
	struct fixture *f = *state;
	char got[16] = "";

	memcpy(at(f, FREE), "hello", 5);
	call(f, SOLO5_PUTS, &(struct solo5_puts){ FREE, 5 }, sizeof(struct solo5_puts));
	assert_int_equal(read(f->console[0], got, sizeof(got)), 5);
	assert_string_equal(got, "hello");
	assert_int_equal(f->m.calls[SOLO5_PUTS], 1);
}

static void puts_of_nothing_at_the_end_of_ram_is_nothing(void **state)
{
	struct fixture *f = *state;

	call(f, SOLO5_PUTS, &(struct solo5_puts){ RAM, 0 }, sizeof(struct solo5_puts));
	assert_int_equal(f->m.outcome, OUTCOME_NONE);
}

static void puts_from_outside_ram_kills(void **state)
{
	static const struct solo5_puts calls[] = {
		{ RAM, 1 }, { RAM - 1, 2 }, { FREE, RAM }, { UINT64_MAX, 1 }, { UINT64_MAX - 7, 16 }, { FREE, UINT64_MAX },
		{ 0x100000000, 1 },
	};

	for (size_t i = 0; i < COUNT_OF(calls); i++) {
		call(*state, SOLO5_PUTS, &calls[i], sizeof(calls[i]));
		assert_killed(*state, "hypercall puts: data 0x");
	}
}

static void poll_without_a_network_sleeps(void **state)
{
	uint64_t ready;

	assert_int_equal(poll_for(*state, 1000, &ready), 0);
	assert_int_equal(ready, 0);
}

static void poll_without_a_network_ends_by_a_signal(void **state)
{
	struct fixture *f = *state;
	uint64_t ready;

	f->stop.signal = SIGTERM; /* the machine's loop ends the guest */
	assert_int_equal(poll_for(f, 1000000, &ready), 0);
}

static void halt_ends_with_its_status(void **state)
{
	struct fixture *f = *state;

	call(f, SOLO5_HALT, &(struct solo5_halt){ .cookie = UINT64_MAX, .status = 255 }, sizeof(struct solo5_halt));
	assert_int_equal(f->m.outcome, OUTCOME_EXITED);
	assert_int_equal(f->m.status, 255);
	call(f, SOLO5_HALT, &(struct solo5_halt){ .status = -1 }, sizeof(struct solo5_halt));
	assert_int_equal(f->m.status, 255);
	call(f, SOLO5_HALT, &(struct solo5_halt){ .status = 0x101 }, sizeof(struct solo5_halt));
	assert_int_equal(f->m.status, 1);
}

static void devices_that_are_not_there_are_invalid(void **state)
{
	struct fixture *f = *state;
	uint64_t bytes = 64;

	assert_int_equal(block(f, SOLO5_BLOCK_READ, DISK, 0, FREE, 512), SOLO5_EINVAL);
	assert_int_equal(block(f, SOLO5_BLOCK_WRITE, 0, 0, FREE, 512), SOLO5_EINVAL);
	assert_int_equal(net(f, SOLO5_NET_READ, NET, FREE, &bytes), SOLO5_EINVAL);
	assert_int_equal(net(f, SOLO5_NET_WRITE, UINT64_MAX, FREE, &bytes), SOLO5_EINVAL);
}

/* ---- devices ---- */

static void the_manifest_says_what_there_is(void **state)
{
	struct fixture *f = *state;
	static const uint8_t mac[6] = { 2, 1, 1, 1, 1, 1 };

	assert_int_equal(f->manifest.entry[0].attached, 0);
	assert_int_equal(f->manifest.entry[DISK].attached, 1);
	assert_int_equal(f->manifest.entry[DISK].block.capacity, DISK_BYTES);
	assert_int_equal(f->manifest.entry[DISK].block.block_bytes, BLOCK_BYTES);
	assert_int_equal(f->manifest.entry[NET].attached, 1);
	assert_memory_equal(f->manifest.entry[NET].net.mac, mac, 6);
	assert_int_equal(f->manifest.entry[NET].net.mtu, 1500);
}

static void what_is_written_is_in_the_file(void **state)
{
	struct fixture *f = *state;
	uint8_t got[BLOCK_BYTES];

	memset(at(f, FREE), 0x5a, BLOCK_BYTES);
	assert_int_equal(block(f, SOLO5_BLOCK_WRITE, DISK, BLOCK_BYTES, FREE, BLOCK_BYTES), SOLO5_OK);
	assert_int_equal(pread(f->disk, got, sizeof(got), BLOCK_BYTES), BLOCK_BYTES);
	assert_memory_equal(got, at(f, FREE), BLOCK_BYTES);
	assert_int_equal(f->m.solo5->devices[DISK].out.requests, 1);
	assert_int_equal(f->m.solo5->devices[DISK].out.bytes, BLOCK_BYTES);
}

static void what_is_read_was_in_the_file(void **state)
{
	struct fixture *f = *state;
	uint8_t *data = at(f, FREE);

	assert_int_equal(pwrite(f->disk, "last", 4, DISK_BYTES - BLOCK_BYTES), 4);
	data[BLOCK_BYTES] = 0x77;
	assert_int_equal(block(f, SOLO5_BLOCK_READ, DISK, DISK_BYTES - BLOCK_BYTES, FREE, BLOCK_BYTES), SOLO5_OK);
	assert_memory_equal(data, "last", 4);
	assert_int_equal(data[BLOCK_BYTES], 0x77);
}

static void a_whole_disk_is_read_at_once(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(pwrite(f->disk, "last", 4, DISK_BYTES - 4), 4);
	assert_int_equal(block(f, SOLO5_BLOCK_READ, DISK, 0, FREE + 0x2000, DISK_BYTES), SOLO5_OK);
	assert_memory_equal(at(f, FREE + 0x2000 + DISK_BYTES - 4), "last", 4);
}

/* Its answer is where the ABI has it, in what has been read. */
static void a_block_that_is_read_over_its_own_structure(void **state)
{
	struct fixture *f = *state;
	uint8_t pattern[BLOCK_BYTES];
	struct solo5_block_io *io = at(f, CALL);

	memset(pattern, 0x33, sizeof(pattern));
	assert_int_equal(pwrite(f->disk, pattern, sizeof(pattern), 0), BLOCK_BYTES);
	assert_int_equal(block(f, SOLO5_BLOCK_READ, DISK, 0, CALL, BLOCK_BYTES), SOLO5_OK);
	assert_int_equal(io->handle, 0x3333333333333333);
	assert_int_equal(io->bytes, 0x3333333333333333);
}

static void requests_of_no_whole_blocks_within_the_disk_are_invalid(void **state)
{
	struct fixture *f = *state;
	static const struct {
		uint64_t handle, offset, bytes;
	} rows[] = {
		{ 0, 0, BLOCK_BYTES }, { NET, 0, BLOCK_BYTES }, { 3, 0, BLOCK_BYTES }, { 1ull << 32 | DISK, 0, BLOCK_BYTES },
		{ DISK, DISK_BYTES, 0 }, { DISK, DISK_BYTES, BLOCK_BYTES }, { DISK, DISK_BYTES - BLOCK_BYTES, 2 * BLOCK_BYTES },
		{ DISK, UINT64_MAX, BLOCK_BYTES }, { DISK, 0 - (uint64_t)BLOCK_BYTES, 2 * BLOCK_BYTES }, { DISK, 0, 512 },
		{ DISK, 0, BLOCK_BYTES + 1 }, { DISK, 1, BLOCK_BYTES }, { DISK, 0, DISK_BYTES + BLOCK_BYTES },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++)
		for (unsigned nr = SOLO5_BLOCK_WRITE; nr <= SOLO5_BLOCK_READ; nr++)
			assert_int_equal(block(f, nr, rows[i].handle, rows[i].offset, FREE, rows[i].bytes), SOLO5_EINVAL);
	assert_int_equal(f->m.solo5->devices[DISK].in.requests, 0);
}

static void data_outside_ram_kills(void **state)
{
	struct fixture *f = *state;
	static const struct {
		uint64_t data, bytes;
	} rows[] = {
		{ RAM, BLOCK_BYTES }, { RAM - BLOCK_BYTES + 1, BLOCK_BYTES }, { UINT64_MAX, BLOCK_BYTES }, { FREE, UINT64_MAX },
		{ FREE, 0x7ffffffffffff000 }, { 0 - (uint64_t)BLOCK_BYTES, 2 * BLOCK_BYTES },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint64_t bytes = rows[i].bytes;

		block(f, SOLO5_BLOCK_READ, DISK, 0, rows[i].data, bytes);
		assert_killed(f, "hypercall block_read: data 0x");
		block(f, SOLO5_BLOCK_WRITE, DISK, 0, rows[i].data, bytes);
		assert_killed(f, "hypercall block_write: data 0x");
		net(f, SOLO5_NET_READ, NET, rows[i].data, &bytes);
		assert_killed(f, "hypercall net_read: data 0x");
		bytes = rows[i].bytes;
		net(f, SOLO5_NET_WRITE, NET, rows[i].data, &bytes);
		assert_killed(f, "hypercall net_write: data 0x");
	}
}

static void text_may_be_written_out_but_not_read_into(void **state)
{
	struct fixture *f = *state;
	uint64_t bytes = 64;

	assert_int_equal(block(f, SOLO5_BLOCK_WRITE, DISK, 0, TEXT, BLOCK_BYTES), SOLO5_OK);
	block(f, SOLO5_BLOCK_READ, DISK, 0, TEXT - BLOCK_BYTES / 2, BLOCK_BYTES);
	assert_killed(f, "reach into read-only memory, text of the image");
	net(f, SOLO5_NET_READ, NET, TEXT + 0xfff, &bytes);
	assert_killed(f, "reach into read-only memory, text of the image");
}

static void a_disk_that_is_cut_short_fails_reads(void **state)
{
	struct fixture *f = *state;
	struct solo5_device *d = &f->m.solo5->devices[DISK];

	assert_int_equal(ftruncate(f->disk, BLOCK_BYTES), 0);
	assert_int_equal(block(f, SOLO5_BLOCK_READ, DISK, 2 * BLOCK_BYTES, FREE, BLOCK_BYTES), SOLO5_EUNSPEC);
	assert_int_equal(d->errnum, ENODATA);
	assert_string_equal(d->doing, "read");
	assert_int_equal(d->in.errors, 1);
	assert_int_equal(block(f, SOLO5_BLOCK_READ, DISK, 0, FREE, BLOCK_BYTES), SOLO5_OK);
}

/* ---- networks ---- */

static void a_frame_goes_out_as_it_is(void **state)
{
	struct fixture *f = *state;
	uint8_t got[128];
	uint64_t bytes = 60;

	memset(at(f, FREE), 0x42, 60);
	assert_int_equal(net(f, SOLO5_NET_WRITE, NET, FREE, &bytes), SOLO5_OK);
	assert_int_equal(recv(f->peer, got, sizeof(got), MSG_DONTWAIT), 60);
	assert_memory_equal(got, at(f, FREE), 60);
}

static void what_is_no_frame_is_invalid(void **state)
{
	static const uint64_t wrong[] = { 0, 1, 13, NET_FRAME_BYTES_MAX + 1, 1 << 20 };

	for (size_t i = 0; i < COUNT_OF(wrong); i++) {
		uint64_t bytes = wrong[i];

		assert_int_equal(net(*state, SOLO5_NET_WRITE, NET, FREE, &bytes), SOLO5_EINVAL);
	}
}

static void nothing_to_read_is_again(void **state)
{
	uint64_t bytes = 1514, ready;

	assert_int_equal(net(*state, SOLO5_NET_READ, NET, FREE, &bytes), SOLO5_AGAIN);
	assert_int_equal(bytes, 1514);
	assert_int_equal(poll_for(*state, 0, &ready), 0);
	assert_int_equal(poll_for(*state, 2000000, &ready), 0);
	assert_int_equal(ready, 0);
}

static void frames_come_in_order_and_poll_tells(void **state)
{
	struct fixture *f = *state;
	uint64_t ready, bytes;

	for (unsigned i = 0; i < 3; i++) {
		uint8_t frame[64];

		memset(frame, (int)i, sizeof(frame));
		assert_int_equal(send(f->peer, frame, 60 + i, 0), 60 + i);
	}
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(poll_for(f, UINT64_MAX, &ready), 1);
		assert_int_equal(ready, 1u << NET);
		bytes = 1514;
		assert_int_equal(net(f, SOLO5_NET_READ, NET, FREE, &bytes), SOLO5_OK);
		assert_int_equal(bytes, 60 + i);
		assert_int_equal(*(uint8_t *)at(f, FREE + 59 + i), i);
	}
	assert_int_equal(poll_for(f, 0, &ready), 0);
	assert_int_equal(f->m.solo5->devices[NET].in.bytes, 183);
}

static void a_frame_that_does_not_fit_is_dropped(void **state)
{
	struct fixture *f = *state;
	static uint8_t frame[2000];
	uint64_t bytes = 100, ready;

	assert_int_equal(send(f->peer, frame, 101, 0), 101);
	assert_int_equal(send(f->peer, frame, sizeof(frame), 0), sizeof(frame));
	assert_int_equal(send(f->peer, frame, 100, 0), 100);
	assert_int_equal(poll_for(f, UINT64_MAX, &ready), 1);
	assert_int_equal(net(f, SOLO5_NET_READ, NET, FREE, &bytes), SOLO5_OK);
	assert_int_equal(bytes, 100);
	assert_int_equal(f->m.solo5->devices[NET].in.errors, 2);
}

/* A buffer that is larger than any frame is only as large as it is. */
static void a_large_buffer_takes_a_small_frame(void **state)
{
	struct fixture *f = *state;
	uint64_t bytes = 1 << 20, ready;

	assert_int_equal(send(f->peer, "0123456789abcdef", 16, 0), 16);
	assert_int_equal(poll_for(f, UINT64_MAX, &ready), 1);
	assert_int_equal(net(f, SOLO5_NET_READ, NET, FREE, &bytes), SOLO5_OK);
	assert_int_equal(bytes, 16);
}

static void a_network_whose_other_side_is_gone_is_no_more(void **state)
{
	struct fixture *f = *state;
	uint64_t bytes = 1514, ready;

	close(f->peer);
	f->peer = -1;
	poll_for(f, 1000000, &ready);
	assert_int_equal(ready, 0);
	assert_int_equal(net(f, SOLO5_NET_READ, NET, FREE, &bytes), SOLO5_EUNSPEC);
	bytes = 60;
	assert_int_equal(net(f, SOLO5_NET_WRITE, NET, FREE, &bytes), SOLO5_EUNSPEC);
	assert_true(f->m.solo5->devices[NET].gone);
	assert_true(f->m.solo5->devices[NET].host_errors >= 1);
}

static void an_empty_datagram_does_not_make_a_poll_deaf(void **state)
{
	struct fixture *f = *state;
	uint64_t bytes = 1514, ready;

	assert_int_equal(send(f->peer, "", 0, 0), 0);
	assert_int_equal(send(f->peer, "", 0, 0), 0);
	assert_int_equal(send(f->peer, "0123456789abcdef", 16, 0), 16);
	assert_int_equal(poll_for(f, LONG_NS, &ready), 1);
	assert_int_equal(ready, 1u << NET);
	assert_int_equal(net(f, SOLO5_NET_READ, NET, FREE, &bytes), SOLO5_OK);
	assert_int_equal(bytes, 16);
}

static void a_read_that_fails_does_not_make_a_poll_deaf(void **state)
{
	struct fixture *f = *state;
	uint64_t ready;

	failing.left = 3;
	assert_int_equal(send(f->peer, "0123456789abcdef", 16, 0), 16);
	assert_int_equal(poll_for(f, LONG_NS, &ready), 1);
	assert_int_equal(f->m.solo5->devices[NET].host_errors, 3);
	assert_int_equal(f->m.solo5->devices[NET].errnum, ENOMEM);
}

/* However long the poll really takes. */
static void reads_that_go_on_failing_are_paced(void **state)
{
	struct fixture *f = *state;
	uint64_t ready, begin = sys_now_ns(&f->m.sys);

	failing.left = UINT_MAX;
	failing.made = 0;
	assert_int_equal(send(f->peer, "0123456789abcdef", 16, 0), 16);
	assert_int_equal(poll_for(f, 30000000, &ready), 0);
	failing.left = 0;
	assert_in_range(failing.made, 1, 2 + (sys_now_ns(&f->m.sys) - begin) / 10000000);
}

static void poll_ends_when_the_guest_is_to_end(void **state)
{
	struct fixture *f = *state;
	uint64_t ready;

	f->stop.signal = SIGTERM;
	assert_int_equal(poll_for(f, UINT64_MAX, &ready), 0);
	assert_int_equal(f->m.outcome, OUTCOME_NONE); /* the machine's loop says how */
}

/* A full socket: the write waits inside, the guest ends, and solo5_stop() takes it back (see tear_down()). */
static void a_write_that_nobody_takes_ends_with_the_guest(void **state)
{
	struct fixture *f = *state;
	uint64_t bytes = 60000;
	unsigned i;

	f->stop.signal = 0;
	for (i = 0; i < 10000; i++) {
		struct pollfd room = { .fd = f->m.solo5->devices[NET].port.fd, .events = POLLOUT };

		if (poll(&room, 1, 0) == 0)
			break;
		assert_int_equal(net(f, SOLO5_NET_WRITE, NET, FREE, &bytes), SOLO5_OK);
	}
	assert_true(i < 10000);
	f->stop.signal = SIGTERM;
	assert_int_equal(net(f, SOLO5_NET_WRITE, NET, FREE, &bytes), SOLO5_EUNSPEC);
	assert_int_equal(f->m.solo5->devices[NET].host_errors, 0);
}

/* ---- the end ---- */

static void io_may_go_on_where_the_engine_cannot_be_ended(void **state)
{
	struct fixture *f = *state;

	stays = true;
	solo5_stop(&f->m);
	stays = false;
	assert_true(machine_io_may_go_on(&f->m));
	solo5_stop(&f->m);
	assert_false(machine_io_may_go_on(&f->m));
}

static void no_io_goes_on_without_devices(void **state)
{
	struct fixture *f = *state;

	assert_false(machine_io_may_go_on(&f->m));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_port_of_no_call_kills),
		TEST(a_call_of_another_width_kills),
		TEST(a_read_of_a_calls_port_kills),
		TEST(calls_have_names),
		TEST(a_structure_outside_ram_kills),
		TEST(a_structure_over_the_end_of_ram_kills),
		TEST(the_last_structure_of_ram_is_served),
		TEST(a_structure_in_text_kills_where_it_is_to_be_answered),
		TEST(a_structure_across_the_end_of_text_kills),
		TEST(only_what_is_given_back_is_written),
		TEST(wall_time_is_the_hosts),
		TEST(puts_goes_to_the_console),
		TEST(puts_of_nothing_at_the_end_of_ram_is_nothing),
		TEST(puts_from_outside_ram_kills),
		TEST(poll_without_a_network_sleeps),
		TEST(poll_without_a_network_ends_by_a_signal),
		TEST(halt_ends_with_its_status),
		TEST(devices_that_are_not_there_are_invalid),
		WITH_DEVICES(the_manifest_says_what_there_is),
		WITH_DEVICES(what_is_written_is_in_the_file),
		WITH_DEVICES(what_is_read_was_in_the_file),
		WITH_DEVICES(a_whole_disk_is_read_at_once),
		WITH_DEVICES(a_block_that_is_read_over_its_own_structure),
		WITH_DEVICES(requests_of_no_whole_blocks_within_the_disk_are_invalid),
		WITH_DEVICES(data_outside_ram_kills),
		WITH_DEVICES(text_may_be_written_out_but_not_read_into),
		WITH_DEVICES(a_disk_that_is_cut_short_fails_reads),
		WITH_DEVICES(a_frame_goes_out_as_it_is),
		WITH_DEVICES(what_is_no_frame_is_invalid),
		WITH_DEVICES(nothing_to_read_is_again),
		WITH_DEVICES(frames_come_in_order_and_poll_tells),
		WITH_DEVICES(a_frame_that_does_not_fit_is_dropped),
		WITH_DEVICES(a_large_buffer_takes_a_small_frame),
		WITH_DEVICES(a_network_whose_other_side_is_gone_is_no_more),
		WITH_DATAGRAMS(an_empty_datagram_does_not_make_a_poll_deaf),
		cmocka_unit_test_setup_teardown(a_read_that_fails_does_not_make_a_poll_deaf, set_up_sync, tear_down),
		cmocka_unit_test_setup_teardown(reads_that_go_on_failing_are_paced, set_up_sync, tear_down),
		WITH_DEVICES(poll_ends_when_the_guest_is_to_end),
		WITH_DEVICES(a_write_that_nobody_takes_ends_with_the_guest),
		WITH_DEVICES(io_may_go_on_where_the_engine_cannot_be_ended),
		TEST(no_io_goes_on_without_devices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
