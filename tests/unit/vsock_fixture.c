/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/vsock_fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "virtio/transport.h"

#define RAM         0xc00000ull
#define PART        0x400000ull /* of RAM: each driver's */
#define SIZE        128u
#define SLOTS       128u
#define SLOT_BYTES  0x4000ull
#define LIMIT       256u    /* of open files, soft, when the device is made */

enum engine_kind vsock_engine;
uint64_t vsock_ring;

bool io_uring_is_here(void)
{
	struct sys sys = { 0 };
	char text[160];
	bool there = engine_probe(text, sizeof(text), &sys);

	if (!there)
		printf("[  SKIPPED ] io_uring: %s\n", text);
	return there;
}

unsigned open_fds(void)
{
	DIR *folder = opendir("/proc/self/fd");
	unsigned count = 0;

	assert_non_null(folder);
	while (readdir(folder))
		count++;
	closedir(folder);
	return count;
}

static void raise_line(const struct virtio_line *line, struct virtio_device *device)
{
	((struct vsock_world *)line->context)->raised++;
	device->transport.interrupt_status = 0;
}

static void lower_line(const struct virtio_line *line, struct virtio_device *device)
{
	(void)line, (void)device;
}

/* --- the device --- */

static void create(struct vsock_world *w)
{
	const struct engine_config engine = { .kind = vsock_engine, .depth = 8 };
	const struct device_config config = { .kind = DEVICE_VSOCK, .path = w->path, .cid = VSOCK_CID };
	struct device_context context = { &config, &w->driver[0].mem, NULL, &w->sys, &w->error };

	assert_int_equal(engine_create(&w->engine, &engine, &w->sys, &w->error), 0);
	context.engine = w->engine;
	if (virtio_vsock_create(&w->device, &context) < 0)
		fail_msg("%s", w->error.text);
	virtio_transport_init(w->device, &w->line);
	assert_int_equal(engine_seal(w->engine, &w->error), 0);
}

/* Some tests have two ends of each of thousands of connections: it is the device's to ask for so many descriptors. */
static void lower_limit(void)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max < LIMIT ? limit.rlim_max : LIMIT;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

int vsock_set_up(void **state)
{
	struct vsock_world *w = calloc(1, sizeof(*w));

	*state = w;
	lower_limit();
	sys_init(&w->sys);
	w->fds_before = open_fds();
	w->listener = w->ends[0] = w->ends[1] = w->ends[2] = -1;
	w->line = (struct virtio_line){ .raise = raise_line, .lower = lower_line, .context = w };
	w->buf_alloc = 0x10000;
	snprintf(w->path, sizeof(w->path), "/tmp/kvick-test-vsock-%d", getpid());
	driver_create(&w->driver[0], RAM);
	for (unsigned q = 1; q < VSOCK_QUEUES; q++)
		w->driver[q].mem = (struct guest_mem){ .host = w->driver[0].mem.host + q * PART, .bytes = PART };
	create(w);
	return 0;
}

int vsock_tear_down(void **state)
{
	struct vsock_world *w = *state;
	char path[80];

	assert_true(virtio_reset(w->device));
	assert_int_equal(engine_destroy(w->engine), 0);
	w->device->ops->close(w->device);
	sys_munmap(&w->sys, w->device, w->device->bytes);
	for (unsigned i = 0; i < COUNT_OF(w->ends); i++)
		if (w->ends[i] >= 0) {
			host_reads(w->ends[i], NULL);
			close(w->ends[i]);
		}
	if (w->listener >= 0)
		close(w->listener);
	unlink(w->path);
	snprintf(path, sizeof(path), "%s_%u", w->path, VSOCK_LISTEN);
	unlink(path);
	assert_int_equal(open_fds(), w->fds_before);
	driver_destroy(&w->driver[0]);
	free(w);
	return 0;
}

void vsock_begin(struct vsock_world *w, unsigned buffers, uint32_t bytes)
{
	struct kvick_virtio_setup setup = { .queues = VSOCK_QUEUES, .features = 1ull << VIRTIO_F_VERSION_1 | vsock_ring };

	for (unsigned q = 0; q < VSOCK_QUEUES; q++) {
		struct virtq_config *config = &w->driver[q].config;

		driver_start(&w->driver[q], SIZE, vsock_ring);
		setup.queue[q] = (struct kvick_virtio_queue){ .size = SIZE, .desc = config->desc + q * PART,
							      .driver = config->driver + q * PART,
							      .device = config->device + q * PART };
	}
	assert_int_equal(virtio_setup(w->device, &setup), 0);
	w->rx_bytes = bytes;
	give_buffers(w, buffers, bytes);
}

/* What a guest's wait does: submits, and reaps until nothing more comes. */
void turns(struct vsock_world *w)
{
	do
		engine_submit(w->engine);
	while (engine_reap(w->engine) > 0);
}

/* --- packets --- */

static uint64_t slot_at(unsigned slot)
{
	return DRIVER_DATA_AT + slot * SLOT_BYTES;
}

static void give(struct vsock_world *w, unsigned slot, uint32_t bytes)
{
	const struct driver_part part = { slot_at(slot), bytes, true };
	int id = driver_add(&w->driver[VSOCK_RX], &part, 1, false);

	assert_true(id >= 0);
	w->slot[id] = slot;
}

void give_buffers(struct vsock_world *w, unsigned count, uint32_t bytes)
{
	for (unsigned i = 0; i < count; i++)
		give(w, w->next_slot++ % SLOTS, bytes);
	virtio_notify(w->device, VSOCK_RX);
	turns(w);
}

struct virtio_vsock_hdr header_of(const struct vsock_world *w, uint16_t op, uint32_t bytes)
{
	return (struct virtio_vsock_hdr){
		.src_cid = VSOCK_CID, .dst_cid = VSOCK_HOST, .src_port = VSOCK_PORT, .dst_port = VSOCK_LISTEN, .len = bytes,
		.type = VIRTIO_VSOCK_TYPE_STREAM, .op = op, .buf_alloc = w->buf_alloc, .fwd_cnt = w->fwd_cnt,
	};
}

void guest_sends_raw(struct vsock_world *w, const struct virtio_vsock_hdr *h, const void *data, uint32_t bytes)
{
	struct driver *driver = &w->driver[VSOCK_TX];
	const uint64_t at = slot_at(0), address = VSOCK_TX * PART + at;
	const struct driver_part parts[] = { { address, VSOCK_HEADER, false }, { address + VSOCK_HEADER, bytes, false } };
	uint32_t written;
	uint16_t id;

	memcpy(driver->mem.host + at, h, VSOCK_HEADER);
	if (bytes)
		memcpy(driver->mem.host + at + VSOCK_HEADER, data, bytes);
	assert_true(driver_add(driver, parts, bytes ? 2 : 1, false) >= 0);
	virtio_notify(w->device, VSOCK_TX);
	turns(w);
	/* It keeps none. */
	assert_int_equal(driver_take_used(driver, &id, &written), 1);
	assert_int_equal(written, 0);
}

void guest_sends(struct vsock_world *w, uint16_t op, const void *data, uint32_t bytes)
{
	const struct virtio_vsock_hdr h = header_of(w, op, bytes);

	guest_sends_raw(w, &h, data, bytes);
}

void guest_sends_from(struct vsock_world *w, uint32_t port, uint32_t to, uint16_t op, uint32_t flags)
{
	struct virtio_vsock_hdr h = header_of(w, op, 0);

	h.src_port = port;
	h.dst_port = to;
	h.flags = flags;
	guest_sends_raw(w, &h, NULL, 0);
}

void guest_shuts(struct vsock_world *w, uint32_t flags)
{
	guest_sends_from(w, VSOCK_PORT, VSOCK_LISTEN, OP(SHUTDOWN), flags);
}

bool take_packet(struct vsock_world *w, struct packet *p)
{
	uint32_t written;
	uint16_t id;
	int r = driver_take_used(&w->driver[VSOCK_RX], &id, &written);

	assert_true(r >= 0);
	if (r == 0)
		return false;
	assert_true(written >= VSOCK_HEADER && written <= sizeof(*p));
	memcpy(p, w->driver[VSOCK_RX].mem.host + slot_at(w->slot[id]), written);
	assert_int_equal(p->header.len, written - VSOCK_HEADER);
	assert_int_equal(p->header.dst_cid, VSOCK_CID);
	if (p->header.op != OP(RST)) {
		assert_int_equal(p->header.src_cid, VSOCK_HOST);
		assert_int_equal(p->header.type, VIRTIO_VSOCK_TYPE_STREAM);
		assert_true(p->header.buf_alloc == VSOCK_CREDIT || p->header.buf_alloc == VSOCK_CREDIT_OF_MANY);
	}
	give(w, w->slot[id], w->rx_bytes);
	virtio_notify(w->device, VSOCK_RX);
	turns(w);
	return true;
}

void expect(struct vsock_world *w, uint16_t op, struct packet *p)
{
	struct packet local;

	p = p ? p : &local;
	if (!take_packet(w, p))
		fail_msg("no packet to the guest, where operation %u was to come", op);
	assert_int_equal(p->header.op, op);
}

void expect_none(struct vsock_world *w)
{
	struct packet p;

	turns(w);
	if (take_packet(w, &p))
		fail_msg("a packet of operation %u", p.header.op);
}

/* --- programs on the host --- */

static struct sockaddr_un address(const struct vsock_world *w, const char *suffix)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	snprintf(at.sun_path, sizeof(at.sun_path), "%s%s", w->path, suffix);
	return at;
}

void host_listens(struct vsock_world *w)
{
	struct sockaddr_un at;
	char suffix[16];

	snprintf(suffix, sizeof(suffix), "_%u", VSOCK_LISTEN);
	at = address(w, suffix);
	w->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(w->listener, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(w->listener, 4000), 0);
}

int host_accepts(struct vsock_world *w)
{
	return accept4(w->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

int host_connects(struct vsock_world *w)
{
	const struct sockaddr_un at = address(w, "");
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (connect(fd, (const struct sockaddr *)&at, sizeof(at)) == 0)
		return fd;
	close(fd);
	return -1;
}

void host_says(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

void host_reads(int fd, const char *text)
{
	char got[256] = "";
	ssize_t n = recv(fd, got, sizeof(got) - 1, 0);

	if (!text) {
		if (n != 0 && (n > 0 || errno != ECONNRESET)) /* that: what we had said was not all read */
			fail_msg("not the end, but %zd: %s", n, n > 0 ? got : strerror(errno));
	} else if (!*text) {
		assert_int_equal(n, -1);
		assert_int_equal(errno, EAGAIN);
	} else {
		assert_string_equal(got, text);
	}
}

int open_from_guest(struct vsock_world *w)
{
	int fd;

	if (w->listener < 0)
		host_listens(w);
	guest_sends(w, OP(REQUEST), NULL, 0);
	expect(w, OP(RESPONSE), NULL);
	fd = host_accepts(w);
	assert_true(fd >= 0);
	return fd;
}

int open_from_host(struct vsock_world *w, uint32_t *host_port)
{
	int fd = host_connects(w);
	struct packet p;
	char ok[32];

	assert_true(fd >= 0);
	host_says(fd, "CONNECT 1024\n");
	turns(w);
	expect(w, OP(REQUEST), &p);
	assert_int_equal(p.header.dst_port, VSOCK_PORT);
	*host_port = p.header.src_port;
	guest_sends_from(w, VSOCK_PORT, *host_port, OP(RESPONSE), 0);
	snprintf(ok, sizeof(ok), "OK %u\n", *host_port);
	host_reads(fd, ok);
	return fd;
}
