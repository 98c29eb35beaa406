/* SPDX-License-Identifier: Apache-2.0 */
/* The network device, with rings that a driver made and socket pairs behind it. */
#include "tests/unit/test_unit.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "control/device_options.h"
#include "tests/unit/test_clock.h"
#include "tests/unit/virtq_driver.h"
#include "virtio/devices.h"
#include "virtio/net_header.h"
#include "virtio/transport.h"
#include "vmm/engine.h"
#include "vmm/error.h"
#include "vmm/sys.h"

#define BIT(n)     (1ull << (n))
#define TX_AT      0x200000ull /* the second driver's part of RAM */
#define RAM        0x400000ull
#define HEADER     NET_HEADER_BYTES
#define RX         0u
#define TX         1u
#define PACKED     BIT(VIRTIO_F_RING_PACKED)
#define MERGED     BIT(VIRTIO_NET_F_MRG_RXBUF)
#define SIZE       64u
#define SLOT_BYTES 0x2000ull

#define CSUM VIRTIO_NET_HDR_F_NEEDS_CSUM
#define ALL (BIT(VIRTIO_NET_F_CSUM) | BIT(VIRTIO_NET_F_HOST_TSO4) | BIT(VIRTIO_NET_F_HOST_TSO6) | BIT(VIRTIO_NET_F_GUEST_CSUM) | \
	     BIT(VIRTIO_NET_F_GUEST_TSO4) | BIT(VIRTIO_NET_F_GUEST_TSO6))
#define HDR(f, type, size, start, offset) \
	{ .flags = f, .gso_type = type, .gso_size = size, .csum_start = start, .csum_offset = offset }

struct world {
	struct driver driver[2];
	uint64_t at[2];         /* where the next buffer lies */
	struct sys sys;
	struct error error;
	struct engine *engine;
	struct virtio_device *device;
	struct virtio_line line;
	unsigned raised;
	int peer, listener;
	int fd_before;
	char path[64], folder[64];
};

static uint64_t ring; /* PACKED or 0 */

static void raise_line(const struct virtio_line *line, struct virtio_device *device)
{
	((struct world *)line->context)->raised++;
	device->transport.interrupt_status = 0;
}

static void lower_line(const struct virtio_line *line, struct virtio_device *device)
{
	(void)line, (void)device;
}

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	sys_init(&w->sys);
	w->fd_before = lowest_free_fd();
	w->peer = w->listener = -1;
	w->line = (struct virtio_line){ .raise = raise_line, .lower = lower_line, .context = w };
	driver_create(&w->driver[RX], RAM);
	w->driver[TX].mem = (struct guest_mem){ .host = w->driver[RX].mem.host + TX_AT, .bytes = RAM - TX_AT };
	*state = w;
	return 0;
}

static void remove_passt(struct world *w)
{
	static const char *const files[] = { "passt", "arguments", "" };
	char path[96];

	for (unsigned i = 0; i < COUNT_OF(files) && w->folder[0]; i++) {
		snprintf(path, sizeof(path), "%s/%s", w->folder, files[i]);
		remove(path);
	}
	w->folder[0] = '\0';
}

static int tear_down(void **state)
{
	struct world *w = *state;

	if (w->device) {
		assert_true(virtio_reset(w->device));
		assert_int_equal(engine_destroy(w->engine), 0);
		w->device->ops->close(w->device);
		sys_munmap(&w->sys, w->device, w->device->bytes);
	} else {
		engine_destroy(w->engine);
	}
	if (w->peer >= 0)
		close(w->peer);
	if (w->listener >= 0)
		close(w->listener);
	if (w->path[0])
		unlink(w->path);
	remove_passt(w);
	assert_int_equal(lowest_free_fd(), w->fd_before);
	driver_destroy(&w->driver[RX]);
	free(w);
	clock_ns = 0;
	return 0;
}

static int create(struct world *w, struct device_config *config)
{
	const struct engine_config engine = { .kind = ENGINE_SYNC, .depth = 8 };
	const struct device_context context = { config, &w->driver[RX].mem, NULL, &w->sys, &w->error };
	struct device_context with_engine = context;
	int r;

	assert_int_equal(engine_create(&w->engine, &engine, &w->sys, &w->error), 0);
	with_engine.engine = w->engine;
	config->kind = DEVICE_NET;
	r = virtio_net_create(&w->device, &with_engine);
	if (r < 0) {
		w->device = NULL;
		return r;
	}
	virtio_transport_init(w->device, &w->line);
	assert_int_equal(engine_seal(w->engine, &w->error), 0);
	return 0;
}

/* A driver with fresh rings. */
static int try_begin(struct world *w, uint64_t features)
{
	int r;

	struct kvick_virtio_setup setup = { .queues = 2, .features = BIT(VIRTIO_F_VERSION_1) | ring | features };

	for (unsigned q = 0; q < 2; q++) {
		uint64_t base = q == TX ? TX_AT : 0;

		driver_start(&w->driver[q], SIZE, ring);
		setup.queue[q] = (struct kvick_virtio_queue){
			.size = SIZE,
			.desc = base + w->driver[q].config.desc,
			.driver = base + w->driver[q].config.driver,
			.device = base + w->driver[q].config.device,
		};
		w->at[q] = base + DRIVER_DATA_AT;
	}
	r = virtio_setup(w->device, &setup);
	engine_submit(w->engine);
	return r;
}

static void begin(struct world *w, uint64_t features)
{
	assert_int_equal(try_begin(w, features), 0);
}

static void pass_limited_pair(struct world *w, int type, struct device_rate operations, struct device_rate bytes)
{
	struct device_config config = { .net = NET_FD, .operations = operations, .bytes = bytes };
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends), 0);
	w->peer = ends[1];
	config.fd = ends[0];
	assert_int_equal(create(w, &config), 0);
}

static void pass_pair(struct world *w, int type)
{
	const struct device_rate none = { 0 };

	pass_limited_pair(w, type, none, none);
}

/* As passt does: listens, and accepts the one that comes. */
static void pass_stream(struct world *w)
{
	struct device_config config = { .net = NET_USER, .path = w->path };
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	snprintf(w->path, sizeof(w->path), "/tmp/kvick-test-net-%d", getpid());
	memcpy(at.sun_path, w->path, sizeof(w->path));
	w->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(w->listener, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(w->listener, 1), 0);
	assert_int_equal(create(w, &config), 0);
	w->peer = accept4(w->listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(w->peer >= 0);
}

/* What a guest's wait does: submits, and reaps until nothing more comes. */
static void turns(struct world *w)
{
	do
		engine_submit(w->engine);
	while (engine_reap(w->engine) > 0);
}

static uint8_t *host(struct world *w, uint64_t at)
{
	return w->driver[RX].mem.host + at;
}

static int add(struct world *w, unsigned q, const struct driver_part *parts, unsigned count)
{
	int id = driver_add(&w->driver[q], parts, count, false);

	assert_true(id >= 0);
	w->at[q] += parts[count - 1].address - w->at[q] + parts[count - 1].bytes;
	w->at[q] = (w->at[q] + 63) / 64 * 64;
	return id;
}

/* Makes a receive buffer available; where it lies. */
static uint64_t give(struct world *w, uint32_t bytes)
{
	const struct driver_part part = { w->at[RX], bytes, true };

	memset(host(w, part.address), 0xee, bytes);
	add(w, RX, &part, 1);
	return part.address;
}

static void notify(struct world *w, unsigned q)
{
	virtio_notify(w->device, q);
	turns(w);
}

static uint8_t content(unsigned seed, size_t i)
{
	return (uint8_t)(seed * 31 + i * 7 + (i >> 8));
}

static void make_frame(uint8_t *frame, size_t bytes, unsigned seed)
{
	for (size_t i = 0; i < bytes; i++)
		frame[i] = content(seed, i);
}

/* A frame to be sent: header, and the rest in two parts. */
static void put(struct world *w, const struct virtio_net_hdr_v1 *header, size_t bytes, unsigned seed)
{
	const uint64_t at = w->at[TX];
	const uint32_t first = (uint32_t)(HEADER + bytes / 3);
	const struct driver_part parts[] = { { at, first, false }, { at + first, (uint32_t)(bytes - bytes / 3), false } };

	memset(host(w, at), 0, HEADER);
	if (header)
		memcpy(host(w, at), header, HEADER);
	make_frame(host(w, at + HEADER), bytes, seed);
	add(w, TX, parts, 2);
}

static unsigned used(struct world *w, unsigned q)
{
	unsigned count = 0;
	uint32_t written;
	uint16_t id;
	int r;

	while ((r = driver_take_used(&w->driver[q], &id, &written)) == 1)
		count++;
	assert_int_equal(r, 0);
	return count;
}

static uint32_t take_one(struct world *w)
{
	uint32_t written;
	uint16_t id;

	assert_int_equal(driver_take_used(&w->driver[RX], &id, &written), 1);
	return written;
}

static void assert_frame(const uint8_t *frame, size_t bytes, unsigned seed)
{
	for (size_t i = 0; i < bytes; i++)
		if (frame[i] != content(seed, i))
			fail_msg("byte %zu of %zu", i, bytes);
}

static uint16_t buffers_of(struct world *w, uint64_t at)
{
	struct virtio_net_hdr_v1 header;

	memcpy(&header, host(w, at), sizeof(header));
	assert_int_equal(header.flags | header.gso_type | header.gso_size | header.csum_start | header.hdr_len, 0);
	return header.num_buffers;
}

static void send_from_peer(struct world *w, size_t bytes, unsigned seed)
{
	static uint8_t frame[70000];

	make_frame(frame, bytes, seed);
	assert_int_equal(send(w->peer, frame, bytes, MSG_DONTWAIT), bytes);
}

static void stream_from_peer(struct world *w, size_t bytes, unsigned seed)
{
	uint32_t length = htonl((uint32_t)bytes);

	assert_int_equal(send(w->peer, &length, 4, MSG_DONTWAIT), 4);
	send_from_peer(w, bytes, seed);
}

static uint16_t link_status(const struct world *w)
{
	uint16_t status;

	memcpy(&status, w->device->config + offsetof(struct virtio_net_config, status), 2);
	return status;
}

/* --- what is offered --- */

static void the_configuration_says_address_mtu_and_link(void **state)
{
	struct world *w = *state;
	struct device_config config = { .net = NET_FD, .mac = { 2, 1, 2, 3, 4, 5 }, .mtu = 9000 };
	struct virtio_net_config seen;
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends), 0);
	w->peer = ends[1];
	config.fd = ends[0];
	assert_int_equal(create(w, &config), 0);
	memcpy(&seen, w->device->config, 12);
	assert_int_equal(w->device->config_bytes, 12);
	assert_memory_equal(seen.mac, config.mac, 6);
	assert_int_equal(seen.mtu, 9000);
	assert_int_equal(seen.status, VIRTIO_NET_S_LINK_UP);
	/* Nothing in a socket says what has no checksum yet. */
	assert_int_equal(w->device->features_offered & 0xffffff, MERGED | BIT(VIRTIO_NET_F_MAC) | BIT(VIRTIO_NET_F_STATUS) |
								 BIT(VIRTIO_NET_F_MTU));
}

static void descriptors_of_no_use_are_refused(void **state)
{
	struct world *w = *state;
	int pair[2], stream[2], lonely = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), inet = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, stream), 0);

	const struct {
		int fd;
		const char *says;
	} rows[] = { { pair[0], "neither a tap nor a socket" }, { null, "neither a tap nor a socket" }, { inet,
		       "not such a socket" },
		     { stream[0], "not such a socket" }, { lonely, "no other end" }, { 1000000, "no such descriptor" } };

	for (unsigned i = 0; i < COUNT_OF(rows); i++) {
		struct device_config config = { .net = NET_FD, .fd = rows[i].fd };

		w->error = (struct error){ 0 };
		assert_true(create(w, &config) < 0);
		assert_says(w->error.text, rows[i].says);
		assert_int_equal(engine_destroy(w->engine), 0);
		w->engine = NULL;
	}
	close(pair[1]);
	close(stream[1]); /* the others were the device's to close */
}

/* --- frames --- */

static void frames_go_out(void **state)
{
	static const size_t sizes[] = { 14, 60, 1514, 9014, 65000 };
	static uint8_t got[70000];
	struct world *w = *state;

	pass_pair(w, SOCK_SEQPACKET);
	begin(w, 0);
	for (unsigned i = 0; i < COUNT_OF(sizes); i++)
		put(w, NULL, sizes[i], i);
	notify(w, TX);
	for (unsigned i = 0; i < COUNT_OF(sizes); i++) {
		assert_int_equal(recv(w->peer, got, sizeof(got), MSG_DONTWAIT), sizes[i]);
		assert_frame(got, sizes[i], i);
	}
	assert_int_equal(used(w, TX), COUNT_OF(sizes));
	assert_int_equal(w->device->metrics[TX].requests, COUNT_OF(sizes));
	assert_int_equal(w->device->metrics[TX].errors, 0);
	assert_true(w->raised > 0);
}

/* THREATS 7. */
static void frames_that_are_none_are_given_back_unsent(void **state)
{
	const struct virtio_net_hdr_v1 forged = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 34, .csum_offset = 6 };
	struct world *w = *state;
	struct driver_part part;
	uint8_t got[100];

	pass_pair(w, SOCK_DGRAM);
	begin(w, 0);
	for (unsigned bytes = 1; bytes <= HEADER; bytes++) {
		part = (struct driver_part){ w->at[TX], bytes, false };
		add(w, TX, &part, 1);
	}
	part = (struct driver_part){ w->at[TX], 100, true }; /* nothing to be read in it */
	add(w, TX, &part, 1);
	put(w, NULL, 13, 0);
	put(w, NULL, NET_FRAME_BYTES_MAX + 1, 0);
	put(w, &forged, 100, 0); /* not negotiated */
	put(w, NULL, 60, 9);
	notify(w, TX);
	assert_int_equal(recv(w->peer, got, sizeof(got), MSG_DONTWAIT), 60);
	assert_frame(got, 60, 9);
	assert_int_equal(recv(w->peer, got, sizeof(got), MSG_DONTWAIT), -1);
	assert_int_equal(used(w, TX), HEADER + 5);
	assert_int_equal(w->device->metrics[TX].errors, HEADER + 4);
	assert_null(w->device->transport.needs_reset);
}

static void frames_come_in(void **state)
{
	static const size_t sizes[] = { 14, 60, 1514, 4000 };
	struct world *w = *state;
	uint64_t at[COUNT_OF(sizes)];

	pass_pair(w, SOCK_SEQPACKET);
	begin(w, 0);
	for (unsigned i = 0; i < COUNT_OF(sizes); i++)
		at[i] = give(w, 4012);
	notify(w, RX);
	for (unsigned i = 0; i < COUNT_OF(sizes); i++)
		send_from_peer(w, sizes[i], i);
	turns(w);
	for (unsigned i = 0; i < COUNT_OF(sizes); i++) {
		assert_int_equal(take_one(w), HEADER + sizes[i]);
		assert_int_equal(buffers_of(w, at[i]), 1);
		assert_frame(host(w, at[i] + HEADER), sizes[i], i);
		if (HEADER + sizes[i] < 4012)
			assert_int_equal(*host(w, at[i] + HEADER + sizes[i]), 0xee);
	}
	assert_int_equal(used(w, RX), 0);
}

/* THREATS 7: 5.1.6.3.2: also into buffers that are not all of a size. */
static void a_frame_is_spread_over_merged_buffers(void **state)
{
	static const uint32_t rooms[] = { 12, 13, 100, 12, 500, 400, 100 };
	static uint8_t got[2000];
	struct world *w = *state;
	uint64_t at[COUNT_OF(rooms)];
	size_t total = 0;

	pass_pair(w, SOCK_SEQPACKET);
	begin(w, MERGED);
	for (unsigned i = 0; i < COUNT_OF(rooms); i++)
		at[i] = give(w, rooms[i]);
	notify(w, RX);
	send_from_peer(w, 1000, 3);
	turns(w);
	assert_int_equal(buffers_of(w, at[0]), 6);
	for (unsigned i = 0; i < 6; i++) {
		uint32_t written = take_one(w);

		assert_int_equal(written, i < 5 ? rooms[i] : HEADER + 1000 - 637);
		memcpy(got + total, host(w, at[i]), written);
		total += written;
	}
	assert_int_equal(total, HEADER + 1000);
	assert_frame(got + HEADER, 1000, 3);
	assert_int_equal(used(w, RX), 0);
	/* The last one is the next frame's. */
	send_from_peer(w, 40, 4);
	turns(w);
	assert_int_equal(take_one(w), HEADER + 40);
	assert_int_equal(buffers_of(w, at[6]), 1);
}

static void a_frame_waits_for_the_guests_buffers(void **state)
{
	struct world *w = *state;
	uint64_t at;

	pass_pair(w, SOCK_SEQPACKET);
	begin(w, MERGED);
	send_from_peer(w, 1000, 1);
	send_from_peer(w, 60, 2);
	turns(w);
	at = give(w, 900); /* not enough for the first */
	assert_true(driver_should_notify(&w->driver[RX]));
	notify(w, RX);
	assert_int_equal(used(w, RX), 0);
	give(w, 900);
	assert_true(driver_should_notify(&w->driver[RX]));
	notify(w, RX);
	assert_int_equal(take_one(w), 900);
	assert_int_equal(take_one(w), 112);
	assert_int_equal(buffers_of(w, at), 2);
	give(w, 900);
	notify(w, RX);
	assert_int_equal(take_one(w), HEADER + 60);
	assert_int_equal(w->device->metrics[RX].errors, 0);
}

/* THREATS 7. */
static void a_frame_that_no_buffer_holds_is_dropped(void **state)
{
	struct world *w = *state;
	uint64_t at;

	pass_pair(w, SOCK_SEQPACKET);
	begin(w, 0);
	at = give(w, 500);
	notify(w, RX);
	send_from_peer(w, 489, 1);
	send_from_peer(w, 13, 1); /* no Ethernet frame */
	send_from_peer(w, 66000, 1);
	send_from_peer(w, 488, 2);
	turns(w);
	assert_int_equal(take_one(w), 500);
	assert_int_equal(buffers_of(w, at), 1);
	assert_frame(host(w, at + HEADER), 488, 2);
	assert_int_equal(w->device->metrics[RX].errors, 3);
	/* Merged, the whole ring of them: the same. */
	assert_true(virtio_reset(w->device));
	begin(w, MERGED);
	for (unsigned i = 0; i < SIZE; i++)
		give(w, 20);
	notify(w, RX);
	send_from_peer(w, SIZE * 20, 1);
	send_from_peer(w, 200, 2);
	turns(w);
	assert_int_equal(used(w, RX), 11);
	send_from_peer(w, 28, 2); /* what was held for the one too long serves */
	turns(w);
	assert_int_equal(used(w, RX), 2);
}

/* A ring is full when its descriptors are in chains, however few chains. */
static void a_frame_that_no_ring_of_chains_holds_is_dropped(void **state)
{
	struct world *w = *state;

	pass_pair(w, SOCK_SEQPACKET);
	for (unsigned parts = 2; parts <= 3; parts++) {
		unsigned errors = (unsigned)w->device->metrics[RX].errors;

		begin(w, MERGED);
		for (unsigned i = 0; i < SIZE / parts; i++) {
			const uint64_t at = w->at[RX];
			const struct driver_part part[] = { { at, 20, true }, { at + 20, 20, true }, { at + 40, 20, true } };

			add(w, RX, part, parts);
		}
		notify(w, RX);
		send_from_peer(w, 2000, 1);
		send_from_peer(w, 28, 2);
		turns(w);
		assert_int_equal(w->device->metrics[RX].errors, errors + 1);
		assert_int_equal(used(w, RX), 1);
		assert_true(virtio_reset(w->device));
	}
}

/* THREATS 7. */
static void a_buffer_without_room_for_a_header_needs_a_reset(void **state)
{
	struct world *w = *state;

	pass_pair(w, SOCK_SEQPACKET);
	begin(w, MERGED);
	give(w, HEADER - 1);
	notify(w, RX);
	send_from_peer(w, 60, 1);
	turns(w);
	assert_says(w->device->transport.needs_reset, "no room for a header");
	turns(w);
	assert_int_equal(used(w, RX), 0);
}

/* THREATS 7, CVE-2020-16843: however much comes, others have their turn. */
static void a_flood_is_let_in_by_turns(void **state)
{
	static uint8_t flood[300 * 18];
	const uint32_t length = htonl(14);
	struct world *w = *state;
	unsigned got, before;

	pass_stream(w);
	begin(w, 0);
	for (unsigned i = 0; i < SIZE; i++)
		give(w, 100);
	notify(w, RX);
	for (unsigned i = 0; i < 300; i++)
		memcpy(flood + i * 18, &length, 4);
	assert_int_equal(send(w->peer, flood, sizeof(flood), 0), sizeof(flood));
	for (before = 0; before < 300; before += got) {
		engine_submit(w->engine);
		engine_reap(w->engine);
		got = used(w, RX);
		assert_true(got <= 64);
		for (unsigned i = 0; i < got; i++)
			w->at[RX] = DRIVER_DATA_AT + i * 128, give(w, 100);
		virtio_notify(w->device, RX);
		engine_submit(w->engine);
		got += used(w, RX);
	}
	assert_int_equal(before, 300);
}

static void a_flood_goes_on_after_a_frame_that_is_too_large(void **state)
{
	static uint8_t flood[64 * 18 + 500];
	const uint32_t small = htonl(14), large = htonl(500);
	struct world *w = *state;

	pass_stream(w);
	begin(w, 0);
	for (unsigned i = 0; i < SIZE; i++)
		give(w, 100);
	notify(w, RX);
	for (unsigned i = 0; i < 63; i++)
		memcpy(flood + i * 18, &small, 4);
	memcpy(flood + 63 * 18, &large, 4); /* the last of a turn */
	memcpy(flood + 63 * 18 + 504, &small, 4);
	assert_int_equal(send(w->peer, flood, 64 * 18 + 504 - 4, 0), 64 * 18 + 500);
	turns(w);
	assert_int_equal(used(w, RX), 63);
	assert_int_equal(send(w->peer, "last", 4, 0), 4);
	turns(w);
	assert_int_equal(used(w, RX), 1);
}

/* --- streams --- */

static void a_stream_carries_lengths(void **state)
{
	struct world *w = *state;
	uint8_t got[4096];
	uint32_t length = htonl(60);
	uint64_t at;

	pass_stream(w);
	begin(w, 0);
	for (unsigned i = 0; i < 3; i++)
		put(w, NULL, 100 + i, i);
	notify(w, TX);
	assert_int_equal(recv(w->peer, got, sizeof(got), MSG_DONTWAIT), 3 * 4 + 303);
	for (unsigned i = 0, from = 0; i < 3; i++) {
		assert_int_equal(got[from] << 24 | got[from + 1] << 16 | got[from + 2] << 8 | got[from + 3], 100 + i);
		assert_frame(got + from + 4, 100 + i, i);
		from += 4 + 100 + i;
	}
	/* Byte by byte, and then some at once. */
	at = give(w, 2000);
	notify(w, RX);
	make_frame(got, 60, 5);
	for (unsigned i = 0; i < 64; i++) {
		assert_int_equal(used(w, RX), 0);
		assert_int_equal(send(w->peer, i < 4 ? (uint8_t *)&length + i : got + i - 4, 1, 0), 1);
		turns(w);
	}
	assert_int_equal(take_one(w), HEADER + 60);
	assert_frame(host(w, at + HEADER), 60, 5);
	for (unsigned i = 0; i < 3; i++)
		give(w, 2000);
	for (unsigned i = 0; i < 3; i++)
		stream_from_peer(w, 1000, i);
	notify(w, RX);
	assert_int_equal(used(w, RX), 3);
}

/* THREATS 4: a whole frame goes out, whatever the guest does meanwhile: the stream stays in step. */
static void a_reset_does_not_tear_a_stream(void **state)
{
	static uint8_t got[1 << 22];
	struct world *w = *state;
	size_t total = 0, from = 0;
	ssize_t n;

	pass_stream(w);
	for (unsigned k = 0; k < 20; k++) {
		begin(w, 0);
		for (unsigned i = 0; i < 6; i++)
			put(w, NULL, 30000 + i, i);
		notify(w, TX); /* until the socket is full */
		assert_true(virtio_reset(w->device));
		memset(host(w, TX_AT), 0xdd, RAM - TX_AT); /* it is the guest's again */
	}
	begin(w, 0);
	for (unsigned i = 0; i < 100 && total < sizeof(got); i++) {
		n = recv(w->peer, got + total, sizeof(got) - total, MSG_DONTWAIT);
		total += n > 0 ? (size_t)n : 0;
		turns(w);
	}
	assert_true(total > 100000);
	while (from < total) {
		size_t bytes = (size_t)(got[from] << 24 | got[from + 1] << 16 | got[from + 2] << 8 | got[from + 3]);

		assert_in_range(bytes, 30000, 30005);
		assert_frame(got + from + 4, bytes, (unsigned)bytes - 30000);
		from += 4 + bytes;
	}
	assert_int_equal(from, total);
}

/* Runs `end` with stderr in a pipe; how often it says "is down". */
static unsigned said(struct world *w, void (*end)(struct world *))
{
	int saved = dup(STDERR_FILENO), ends[2];
	char text[1000] = "";
	unsigned count = 0;

	assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
	dup2(ends[1], STDERR_FILENO);
	end(w);
	dup2(saved, STDERR_FILENO);
	assert_true(read(ends[0], text, sizeof(text) - 1) > 0);
	for (const char *at = text; (at = strstr(at, "the guest's network is down")); at++)
		count++;
	close(saved);
	close(ends[0]);
	close(ends[1]);
	return count;
}

static void peer_closes(struct world *w)
{
	close(w->peer);
	w->peer = -1;
	turns(w);
	for (unsigned i = 0; i < 3; i++)
		put(w, NULL, 60, i);
	notify(w, TX);
	notify(w, RX);
}

static void peer_talks_nonsense(struct world *w)
{
	uint32_t length = htonl(NET_FRAME_BYTES_MAX + 1);

	assert_int_equal(send(w->peer, &length, 4, 0), 4);
	turns(w);
	peer_closes(w);
}

static void check_end(struct world *w, void (*end)(struct world *))
{
	uint32_t generation = w->device->config_generation;

	begin(w, 0);
	give(w, 2000);
	notify(w, RX);
	assert_int_equal(link_status(w), VIRTIO_NET_S_LINK_UP);
	assert_int_equal(said(w, end), 1);
	assert_int_equal(link_status(w), 0);
	assert_int_equal(w->device->config_generation, generation + 1);
	assert_int_equal(w->device->host_error.count, 1);
	/* The guest lives: what it sends is taken. */
	assert_int_equal(used(w, TX), 3);
	assert_null(w->device->transport.needs_reset);
	assert_int_equal(engine_in_flight(w->engine), 0);
	assert_true(virtio_reset(w->device));
	begin(w, 0);
	notify(w, RX);
	assert_int_equal(engine_in_flight(w->engine), 0);
}

static void a_stream_that_ends_is_told_once(void **state)
{
	pass_stream(*state);
	check_end(*state, peer_closes);
}

static void a_stream_out_of_step_is_told_once(void **state)
{
	pass_stream(*state);
	check_end(*state, peer_talks_nonsense);
}

static void a_connection_that_ends_is_told_once(void **state)
{
	pass_pair(*state, SOCK_SEQPACKET);
	check_end(*state, peer_closes);
}

static void datagrams_to_nobody_are_told_once(void **state)
{
	pass_pair(*state, SOCK_DGRAM);
	check_end(*state, peer_closes);
}

static void a_datagram_of_no_length_is_nothing(void **state)
{
	struct world *w = *state;

	pass_pair(w, SOCK_DGRAM);
	begin(w, 0);
	give(w, 2000);
	notify(w, RX);
	assert_int_equal(send(w->peer, "", 0, 0), 0);
	send_from_peer(w, 60, 1);
	turns(w);
	assert_int_equal(take_one(w), HEADER + 60);
}

/* Whichever call fails: what may pass does not end the link, and nothing is lost of what is still to be read. */
static void a_read_that_fails_for_want_of_memory_is_made_again(void **state)
{
	struct world *w = *state;

	clock_ns = CLOCK_BEGIN;
	pass_stream(w);
	begin(w, 0);
	for (unsigned i = 1; i <= 6; i++) {
		give(w, 2000);
		notify(w, RX);
		stream_from_peer(w, 60, i);
		w->sys.fail_errno = i % 2 ? ENOMEM : ENOBUFS;
		w->sys.fail_at = w->sys.calls + i;
		for (unsigned k = 0; k < 5; k++) {
			turns(w);
			clock_ns += 100 * CLOCK_MS;
		}
		assert_int_equal(take_one(w), HEADER + 60);
	}
	assert_true(w->device->host_error.count > 0);
	assert_string_equal(w->device->host_error.doing, "read");
	assert_int_equal(link_status(w), VIRTIO_NET_S_LINK_UP);
}

static void a_full_stderr_holds_nobody(void **state)
{
	static const char page[4096];
	struct world *w = *state;
	int saved = dup(STDERR_FILENO), ends[2];

	pass_stream(w);
	begin(w, 0);
	give(w, 2000);
	notify(w, RX);
	assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
	while (write(ends[1], page, sizeof(page)) > 0)
		;
	fcntl(ends[1], F_SETFL, 0);
	dup2(ends[1], STDERR_FILENO);
	alarm(60); /* of the pipe nothing is read */
	peer_closes(w);
	alarm(0);
	dup2(saved, STDERR_FILENO);
	assert_int_equal(link_status(w), 0);
	assert_says(w->device->notice, "closed by the other side: the guest's network was down from then on");
	close(saved);
	close(ends[0]);
	close(ends[1]);
}

/* --- limits --- */

/* Five frames each way; so many have arrived. */
static void put_five_each_way(struct world *w)
{
	for (unsigned i = 0; i < 5; i++) {
		give(w, 2000);
		put(w, NULL, 100 + i, i);
	}
	notify(w, RX);
	for (unsigned i = 0; i < 5; i++)
		send_from_peer(w, 200 + i, i);
	notify(w, TX);
}

static void pass_time(struct world *w, uint64_t ms)
{
	clock_ns += ms * CLOCK_MS;
	turns(w);
}

/* Frames that have arrived, from the n-th on: the next number. */
static unsigned arrived_out(struct world *w, unsigned n)
{
	uint8_t got[400];
	ssize_t bytes;

	while ((bytes = recv(w->peer, got, sizeof(got), MSG_DONTWAIT)) > 0) {
		assert_int_equal(bytes, 100 + n);
		assert_frame(got, 100 + n, n);
		n++;
	}
	return n;
}

static unsigned arrived_in(struct world *w, unsigned n)
{
	const uint64_t each = (2000 + 63) / 64 * 64; /* of give(2000) */
	uint32_t written;
	uint16_t id;

	while (driver_take_used(&w->driver[RX], &id, &written) == 1) {
		assert_int_equal(written, HEADER + 200 + n);
		assert_frame(host(w, DRIVER_DATA_AT + n * each + HEADER), 200 + n, n);
		n++;
	}
	return n;
}

static void frames_beyond_a_limit_go_later_and_in_order_each_way(void **state)
{
	struct world *w = *state;
	unsigned out, in;

	clock_ns = CLOCK_BEGIN;
	pass_limited_pair(w, SOCK_SEQPACKET, (struct device_rate){ 10, 2 }, (struct device_rate){ 0 });
	begin(w, 0);
	put_five_each_way(w);
	out = arrived_out(w, 0);
	in = arrived_in(w, 0);
	assert_int_equal(out, 2);
	assert_int_equal(in, 2);
	for (unsigned i = 3; i <= 5; i++) {
		pass_time(w, 99);
		assert_int_equal(arrived_out(w, out), i - 1);
		assert_int_equal(arrived_in(w, in), i - 1);
		pass_time(w, 1);
		out = arrived_out(w, out);
		in = arrived_in(w, in);
		assert_int_equal(out, i);
		assert_int_equal(in, i);
	}
	assert_int_equal(w->device->metrics[RX].throttled, 3);
	assert_int_equal(w->device->metrics[TX].throttled, 3);
	assert_int_equal(w->device->metrics[RX].throttled_ns, 300 * CLOCK_MS);
	assert_int_equal(w->device->metrics[TX].throttled_ns, 300 * CLOCK_MS);
	assert_int_equal(w->device->metrics[RX].errors + w->device->metrics[TX].errors, 0);
}

static void bytes_are_those_of_frames(void **state)
{
	struct world *w = *state;

	clock_ns = CLOCK_BEGIN;
	pass_limited_pair(w, SOCK_SEQPACKET, (struct device_rate){ 0 }, (struct device_rate){ 1000, 201 });
	begin(w, 0);
	put_five_each_way(w);
	assert_int_equal(arrived_out(w, 0), 2); /* of 100 and 101 */
	assert_int_equal(arrived_in(w, 0), 1); /* of 200 */
}

static void one_direction_does_not_wait_for_the_other(void **state)
{
	struct world *w = *state;

	clock_ns = CLOCK_BEGIN;
	pass_limited_pair(w, SOCK_SEQPACKET, (struct device_rate){ 10, 4 }, (struct device_rate){ 0 });
	begin(w, 0);
	for (unsigned i = 0; i < 6; i++)
		put(w, NULL, 100 + i, i);
	notify(w, TX);
	assert_int_equal(arrived_out(w, 0), 4);
	give(w, 2000);
	notify(w, RX);
	send_from_peer(w, 200, 0);
	turns(w);
	assert_int_equal(arrived_in(w, 0), 1);
}

static void a_reset_while_frames_wait_forgets_the_guests_and_keeps_the_hosts(void **state)
{
	struct world *w = *state;
	uint8_t got[400];

	clock_ns = CLOCK_BEGIN;
	pass_limited_pair(w, SOCK_SEQPACKET, (struct device_rate){ 10, 1 }, (struct device_rate){ 0 });
	begin(w, 0);
	put_five_each_way(w);
	assert_int_equal(arrived_out(w, 0), 1);
	assert_int_equal(arrived_in(w, 0), 1);
	assert_true(virtio_reset(w->device));
	pass_time(w, 1000);
	assert_int_equal(recv(w->peer, got, sizeof(got), MSG_DONTWAIT), -1);
	begin(w, 0);
	give(w, 2000);
	notify(w, RX);
	assert_int_equal(take_one(w), HEADER + 201);
	pass_time(w, 1000);
	assert_int_equal(recv(w->peer, got, sizeof(got), MSG_DONTWAIT), -1);
}

/* --- reset --- */

/* THREATS 4, CVE-2026-45782: what comes back after a reset finds no memory of the guest's. */
static void a_read_under_way_outlives_a_reset(void **state)
{
	struct world *w = *state;
	uint64_t at;

	pass_pair(w, SOCK_SEQPACKET);
	begin(w, 0);
	at = give(w, 2000);
	notify(w, RX);
	assert_int_equal(engine_in_flight(w->engine), 1);
	assert_true(virtio_reset(w->device));
	send_from_peer(w, 60, 1);
	turns(w);
	for (unsigned i = 0; i < 2000; i++)
		assert_int_equal(*host(w, at + i), 0xee);
	/* The next driver gets it. */
	begin(w, MERGED);
	at = give(w, 2000);
	notify(w, RX);
	assert_int_equal(take_one(w), HEADER + 60);
	assert_frame(host(w, at + HEADER), 60, 1);
}

/* THREATS 4. */
static void buffers_held_are_forgotten_by_a_reset(void **state)
{
	struct world *w = *state;
	uint64_t at;

	pass_pair(w, SOCK_SEQPACKET);
	begin(w, MERGED);
	at = give(w, 100);
	send_from_peer(w, 1000, 1);
	notify(w, RX); /* the first buffer is held, and it is too small */
	assert_int_equal(w->device->queues[RX].in_flight, 1);
	assert_true(virtio_reset(w->device));
	begin(w, MERGED);
	at += 0x10000;
	w->at[RX] = at;
	give(w, 2000);
	notify(w, RX);
	assert_int_equal(take_one(w), HEADER + 1000);
	assert_int_equal(buffers_of(w, at), 1);
}

/* --- a tap, in a network namespace of the test's own --- */

static bool namespace_is_here;

static void control(int fd, unsigned long request, struct ifreq *ifr)
{
	if (ioctl(fd, request, ifr) < 0)
		fail_msg("ioctl %lx: %s", request, strerror(errno));
}

/* kvick makes the tap; here it gets an address, and comes up. A socket that sends broadcasts to it. */
static int pass_tap(struct world *w)
{
	struct device_config config = { .net = NET_TAP, .interface = "kvick0" };
	int on = 1, fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in at = { .sin_family = AF_INET };
	struct ifreq ifr = { .ifr_name = "kvick0" };

	if (create(w, &config) < 0)
		fail_msg("%s", w->error.text);
	at.sin_addr.s_addr = htonl(0xc6120001);
	memcpy(&ifr.ifr_addr, &at, sizeof(at));
	control(fd, SIOCSIFADDR, &ifr);
	ifr.ifr_flags = IFF_UP;
	control(fd, SIOCSIFFLAGS, &ifr);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on)), 0);
	return fd;
}

/* The next UDP datagram to port 7 that the guest gets (others are the host's own affairs); its header. */
static struct virtio_net_hdr_v1 next_datagram(struct world *w, int fd)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(7), .sin_addr.s_addr = htonl(0xc61200ff) };
	struct virtio_net_hdr_v1 header;

	for (unsigned i = 0; i < SIZE; i++) {
		uint64_t at = give(w, 2000);
		const uint8_t *frame = host(w, at + HEADER);

		notify(w, RX);
		if (i == 0)
			assert_int_equal(sendto(fd, "hello", 5, 0, (struct sockaddr *)&to, sizeof(to)), 5);
		for (unsigned k = 0; k < 1000 && !driver_has_used(&w->driver[RX]); k++) {
			usleep(1000);
			turns(w);
		}
		take_one(w);
		memcpy(&header, host(w, at), sizeof(header));
		if (frame[12] == 8 && frame[13] == 0 && frame[23] == 17 && frame[36] == 0 && frame[37] == 7)
			return header;
	}
	fail_msg("no datagram");
	return header;
}

static void a_tap_uses_the_offloads_that_were_agreed_on(void **state)
{
	struct world *w = *state;
	struct virtio_net_hdr_v1 header;
	int fd;

	if (!namespace_is_here)
		skip();
	fd = pass_tap(w);
	assert_int_equal(w->device->features_offered & ALL, ALL);
	begin(w, 0);
	header = next_datagram(w, fd);
	assert_int_equal(header.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM, 0);
	assert_true(virtio_reset(w->device));
	begin(w, BIT(VIRTIO_NET_F_GUEST_CSUM));
	header = next_datagram(w, fd);
	assert_int_equal(header.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
	assert_int_equal(header.csum_start, 34);
	assert_int_equal(header.csum_offset, 6);
	close(fd);
}

static void why_a_tap_cannot_be_driven_is_kept(void **state)
{
	struct world *w = *state;
	int fd;

	if (!namespace_is_here)
		skip();
	fd = pass_tap(w);
	w->sys.fail_errno = EINVAL;
	w->sys.fail_at = w->sys.calls + 1;
	assert_int_equal(try_begin(w, 0), -EIO);
	assert_int_equal(w->device->host_error.errnum, EINVAL);
	assert_string_equal(w->device->host_error.doing, "offloads");
	begin(w, 0);
	close(fd);
}

/* What passes our look at it passes the kernel's: a segment to be cut up, and a frame that the tap is not up for. */
static void a_tap_takes_segments_to_be_cut(void **state)
{
	static const uint8_t headers[] = {
		2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, /* Ethernet */
		0x45, 0, 3000 >> 8, 3000 & 255, 0, 0, 0, 0, 64, 6, 0, 0, 198, 18, 0, 2, 198, 18, 0, 1, /* IPv4 */
		0, 7, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 0, 0, 0, 0, 0, 0, 0, /* TCP */
	};
	const struct virtio_net_hdr_v1 header = HDR(CSUM, VIRTIO_NET_HDR_GSO_TCPV4, 1400, 34, 16);
	struct world *w = *state;
	struct ifreq ifr = { .ifr_name = "kvick0" };
	uint64_t at;
	int fd;

	if (!namespace_is_here)
		skip();
	fd = pass_tap(w);
	begin(w, BIT(VIRTIO_NET_F_CSUM) | BIT(VIRTIO_NET_F_HOST_TSO4));
	at = w->at[TX] + HEADER;
	put(w, &header, 14 + 3000, 0);
	memcpy(host(w, at), headers, sizeof(headers));
	notify(w, TX);
	assert_int_equal(w->device->metrics[TX].requests, 1);
	assert_int_equal(w->device->metrics[TX].errors, 0);
	/* Down: that frame is lost, and counted; the next one is not. */
	control(fd, SIOCSIFFLAGS, &ifr);
	put(w, NULL, 60, 1);
	notify(w, TX);
	assert_int_equal(w->device->metrics[TX].errors, 1);
	assert_int_equal(w->device->host_error.errnum, EIO);
	ifr.ifr_flags = IFF_UP;
	control(fd, SIOCSIFFLAGS, &ifr);
	put(w, NULL, 60, 1);
	notify(w, TX);
	assert_int_equal(w->device->metrics[TX].errors, 1);
	assert_int_equal(link_status(w), VIRTIO_NET_S_LINK_UP);
	assert_int_equal(used(w, TX), 3);
	close(fd);
}

/* --- headers --- */

/* THREATS 7. */
static void forged_headers_do_not_reach_the_host(void **state)
{
	static const struct {
		struct virtio_net_hdr_v1 header;
		uint64_t frame_bytes, features;
		bool good;
	} rows[] = {
		{ HDR(0, 0, 0, 0, 0), 14, 0, true },
		{ HDR(0, 0, 0, 0, 0), 13, 0, false },
		{ HDR(0, 0, 0, 0, 0), UINT64_MAX - 11, 0, false }, /* less than a header was there */
		{ HDR(0, 0, 0, 0, 0), NET_FRAME_BYTES_MAX, 0, true },
		{ HDR(0, 0, 0, 0, 0), NET_FRAME_BYTES_MAX + 1, 0, false },
		{ HDR(0xfe, 0, 0xffff, 0xffff, 0xffff), 60, 0, true }, /* ignored */
		{ HDR(CSUM, 0, 0, 34, 6), 60, ALL, true },
		{ HDR(CSUM, 0, 0, 34, 6), 60, ALL & ~BIT(VIRTIO_NET_F_CSUM), false },
		{ HDR(CSUM, 0, 0, 34, 6), 42, ALL, true },
		{ HDR(CSUM, 0, 0, 34, 6), 41, ALL, false },
		{ HDR(CSUM, 0, 0, 13, 6), 60, ALL, false },
		{ HDR(CSUM, 0, 0, 14, 44), 60, ALL, true },
		{ HDR(CSUM, 0, 0, 14, 45), 60, ALL, false },
		{ HDR(CSUM, 0, 0, 60, 0), 60, ALL, false },
		{ HDR(CSUM, 0, 0, 0xffff, 0xffff), 60, ALL, false },
		{ HDR(CSUM, 0, 0, 0xfffe, 4), 60, ALL, false }, /* 2 where 16 bits wrap */
		{ HDR(CSUM, 1, 1460, 34, 16), 3000, ALL, true },
		{ HDR(CSUM, 4, 1440, 54, 16), 3000, ALL, true },
		{ HDR(CSUM, 1, 1460, 34, 16), 3000, ALL & ~BIT(VIRTIO_NET_F_HOST_TSO4), false },
		{ HDR(CSUM, 4, 1460, 34, 16), 3000, ALL & ~BIT(VIRTIO_NET_F_HOST_TSO6), false },
		{ HDR(0, 1, 1460, 34, 16), 3000, ALL, false },
		{ HDR(CSUM, 1, 0, 34, 16), 3000, ALL, false },
		{ HDR(CSUM, 1, 1460, 34, 6), 3000, ALL, false },
		{ HDR(CSUM, 1, 1460, 34, 16), 53, ALL, false },
		{ HDR(CSUM, 1, 1460, 34, 16), 54, ALL, true },
		{ HDR(CSUM, 3, 1460, 34, 16), 3000, ALL, false },
		{ HDR(CSUM, 5, 1460, 34, 16), 3000, ALL, false },
		{ HDR(CSUM, 2, 1460, 34, 16), 3000, ALL, false },
		{ HDR(CSUM, 0x81, 1460, 34, 16), 3000, ALL, false },
		{ HDR(CSUM, 0xff, 1460, 34, 16), 3000, ALL, false },
	};

	(void)state;
	for (unsigned i = 0; i < COUNT_OF(rows); i++) {
		struct virtio_net_hdr_v1 h = rows[i].header;

		h.hdr_len = h.num_buffers = 0xffff;
		if (net_header_out(&h, rows[i].frame_bytes, rows[i].features) != rows[i].good)
			fail_msg("row %u", i);
		if (!rows[i].good)
			continue;
		assert_int_equal(h.num_buffers, 0);
		assert_true(h.hdr_len <= rows[i].frame_bytes);
		assert_int_equal(h.flags & ~CSUM, 0);
	}
}

static void the_guest_gets_what_it_agreed_to(void **state)
{
	static const struct {
		struct virtio_net_hdr_v1 header;
		uint64_t features;
		bool good;
		uint8_t flags;
	} rows[] = {
		{ HDR(0, 0, 0, 0, 0), 0, true, 0 },
		{ HDR(VIRTIO_NET_HDR_F_DATA_VALID, 0, 0, 0, 0), 0, true, 0 },
		{ HDR(VIRTIO_NET_HDR_F_DATA_VALID, 0, 0, 0, 0), ALL, true, VIRTIO_NET_HDR_F_DATA_VALID },
		{ HDR(0xfc, 0, 0, 0, 0), ALL, true, 0 },
		{ HDR(CSUM, 0, 0, 34, 6), ALL, true, CSUM },
		{ HDR(CSUM, 0, 0, 34, 6), 0, false, 0 },
		{ HDR(CSUM, 0, 0, 2999, 6), ALL, false, 0 },
		{ HDR(CSUM, 1, 1460, 34, 16), ALL, true, CSUM },
		{ HDR(CSUM, 1, 1460, 34, 16), ALL & ~BIT(VIRTIO_NET_F_GUEST_TSO4), false, 0 },
		{ HDR(CSUM, 4, 1460, 34, 16), ALL, true, CSUM },
		{ HDR(CSUM, 4, 1460, 34, 16), ALL & ~BIT(VIRTIO_NET_F_GUEST_TSO6), false, 0 },
		{ HDR(CSUM, 1, 0, 34, 16), ALL, false, 0 },
		{ HDR(CSUM, 0x81, 1460, 34, 16), ALL, false, 0 },
	};

	(void)state;
	for (unsigned i = 0; i < COUNT_OF(rows); i++) {
		struct virtio_net_hdr_v1 h = rows[i].header;

		if (net_header_in(&h, 3000, rows[i].features) != rows[i].good)
			fail_msg("row %u", i);
		if (rows[i].good)
			assert_int_equal(h.flags, rows[i].flags);
	}
}

/* --- passt, which kvick starts --- */

/* A script that takes its place, and runs in the folder that it lies in. */
static void write_passt(struct world *w, const char *script)
{
	char path[96];
	FILE *file;

	snprintf(w->folder, sizeof(w->folder), "/tmp/kvick-test-passt-%d", getpid());
	mkdir(w->folder, 0700);
	snprintf(path, sizeof(path), "%s/passt", w->folder);
	file = fopen(path, "w");
	assert_non_null(file);
	fprintf(file, "#!/bin/sh\ncd %s || exit 9\n%s\n", w->folder, script);
	fclose(file);
	chmod(path, 0700);
}

static int create_with_passt(struct world *w, struct device_config *config)
{
	char path[256], *before = strdup(getenv("PATH"));
	int r;

	snprintf(path, sizeof(path), "%s:/usr/bin:/bin", w->folder);
	setenv("PATH", w->folder[0] ? path : "/nowhere", 1);
	config->net = NET_USER;
	r = create(w, config);
	setenv("PATH", before, 1);
	free(before);
	return r;
}

static void passt_gets_its_end_and_the_forwards(void **state)
{
	struct world *w = *state;
	struct device_config config = { .forwards = { { false, 8080, 80 }, { true, 53, 53 }, { false, 22, 22 } },
					.forward_count = 3 };
	char path[96], arguments[128] = "";
	FILE *file;

	write_passt(w, "[ -S /proc/self/fd/3 ] && echo $* >arguments\n"
		       "printf '\\0\\0\\0\\016frame by passt' >&3");
	assert_int_equal(create_with_passt(w, &config), 0);
	snprintf(path, sizeof(path), "%s/arguments", w->folder);
	file = fopen(path, "r");
	assert_non_null(file);
	fread(arguments, 1, sizeof(arguments) - 1, file);
	fclose(file);
	assert_string_equal(arguments, "--quiet --fd 3 --tcp-ports 8080:80,22:22 --udp-ports 53:53\n");
	begin(w, 0);
	give(w, 100);
	give(w, 100);
	notify(w, RX);
	assert_int_equal(take_one(w), HEADER + 14);
	assert_int_equal(link_status(w), 0); /* and it is gone */
}

/* Close-on-exec or not: --net fd=N is given without it, of another device's. */
static void passt_inherits_nothing_else(void **state)
{
	struct world *w = *state;
	struct device_config config = { 0 };
	int others[] = { 4, 9, 77, 1000 };
	int r;

	for (unsigned i = 0; i < COUNT_OF(others); i++)
		if (fcntl(others[i], F_GETFD) < 0)
			assert_int_equal(dup2(STDERR_FILENO, others[i]), others[i]);
		else
			others[i] = -1; /* the test's own, whatever it is */
	write_passt(w, "for fd in 4 9 77 1000; do [ -e /proc/$$/fd/$fd ] && exit $fd; done; exit 0");
	r = create_with_passt(w, &config);
	for (unsigned i = 0; i < COUNT_OF(others); i++)
		if (others[i] >= 0)
			close(others[i]);
	assert_int_equal(r, 0);
}

static void without_forwards_passt_forwards_nothing(void **state)
{
	struct world *w = *state;
	struct device_config config = { 0 };

	write_passt(w, "[ \"$*\" = '--quiet --fd 3 --tcp-ports none --udp-ports none' ]");
	assert_int_equal(create_with_passt(w, &config), 0);
}

static void why_passt_does_not_start_is_told(void **state)
{
	static const struct { const char *script, *says; } rows[] = {
		{ "echo one line >&2; printf 'Failed to \\033 bind\\n' >&2; exit 1",
		  "--net user: passt: Failed to ? bind: mend that, or start passt yourself" },
		{ "exit 3", "passt: exit code 3, without a word" },
		{ "kill -9 $$", "passt: ended by signal 9" },
		{ "yes | head -c 100000 >&2; exit 1", "passt: y" },
		{ NULL, "install it (`apt-get install passt`), or use a tap" },
	};
	struct world *w = *state;

	for (unsigned i = 0; i < COUNT_OF(rows); i++) {
		struct device_config config = { 0 };

		if (rows[i].script)
			write_passt(w, rows[i].script);
		else
			remove_passt(w);
		w->error = (struct error){ 0 };
		assert_true(create_with_passt(w, &config) < 0);
		assert_says(w->error.text, rows[i].says);
		assert_null(strchr(w->error.text, '\n'));
		assert_int_equal(engine_destroy(w->engine), 0);
		w->engine = NULL;
		assert_int_equal(lowest_free_fd(), w->fd_before);
	}
}

/* --- legacy drivers: 5.1.4, 5.1.6.1 --- */

#define LEGACY_HEADER ((uint32_t)sizeof(struct virtio_net_hdr))

static void set_register(struct world *w, uint64_t offset, uint64_t value)
{
	virtio_mmio_write(w->device, offset, 4, value);
}

/* A driver's beginning by version 1, with rings of 256: those of virtq_driver are where version 1 wants them. */
static void begin_legacy(struct world *w, uint64_t features)
{
	virtio_legacy_init(w->device);
	set_register(w, VIRTIO_MMIO_GUEST_PAGE_SIZE, 4096);
	set_register(w, VIRTIO_MMIO_STATUS, 0);
	set_register(w, VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
	set_register(w, VIRTIO_MMIO_DRIVER_FEATURES, features);
	for (unsigned q = 0; q < 2; q++) {
		uint64_t base = q == TX ? TX_AT : 0;

		driver_start(&w->driver[q], 256, 0);
		set_register(w, VIRTIO_MMIO_QUEUE_SEL, q);
		set_register(w, VIRTIO_MMIO_QUEUE_NUM, 256);
		set_register(w, VIRTIO_MMIO_QUEUE_ALIGN, 4096);
		set_register(w, VIRTIO_MMIO_QUEUE_PFN, (base + DRIVER_DESC_AT) / 4096);
		w->at[q] = base + DRIVER_DATA_AT;
	}
	set_register(w, VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_DRIVER_OK);
	assert_true(virtio_usable(w->device));
	turns(w);
}

static void legacy_frames_go_both_ways(struct world *w, uint64_t features, uint32_t header)
{
	struct driver_part part;
	uint8_t got[100];
	uint64_t at;

	pass_pair(w, SOCK_SEQPACKET);
	begin_legacy(w, features);
	part = (struct driver_part){ w->at[TX], header + 60, false };
	memset(host(w, part.address), 0, header);
	make_frame(host(w, part.address + header), 60, 1);
	add(w, TX, &part, 1);
	notify(w, TX);
	assert_int_equal(recv(w->peer, got, sizeof(got), MSG_DONTWAIT), 60);
	assert_frame(got, 60, 1);
	at = give(w, header + 60);
	notify(w, RX);
	send_from_peer(w, 60, 2);
	turns(w);
	assert_int_equal(take_one(w), header + 60);
	assert_frame(host(w, at + header), 60, 2);
	assert_int_equal(w->device->metrics[TX].errors + w->device->metrics[RX].errors, 0);
	if (header == HEADER)
		assert_int_equal(buffers_of(w, at), 1);
}

static void a_legacy_header_has_no_number_of_buffers(void **state)
{
	legacy_frames_go_both_ways(*state, 0, LEGACY_HEADER);
}

static void a_legacy_header_has_one_where_buffers_are_merged(void **state)
{
	legacy_frames_go_both_ways(*state, MERGED, HEADER);
}

static void a_legacy_buffer_has_room_for_its_header(void **state)
{
	struct world *w = *state;

	pass_pair(w, SOCK_SEQPACKET);
	begin_legacy(w, 0);
	give(w, LEGACY_HEADER);
	notify(w, RX);
	send_from_peer(w, 60, 0);
	turns(w);
	assert_null(w->device->transport.needs_reset);
	begin_legacy(w, 0);
	give(w, LEGACY_HEADER - 1);
	notify(w, RX);
	send_from_peer(w, 60, 0);
	turns(w);
	assert_says(w->device->transport.needs_reset, "header");
}

/* THREATS 7. */
static void legacy_frames_that_are_none_are_given_back_unsent(void **state)
{
	struct world *w = *state;
	struct driver_part part;
	uint8_t got[100];

	pass_pair(w, SOCK_SEQPACKET);
	begin_legacy(w, 0);
	for (unsigned bytes = 1; bytes < LEGACY_HEADER + NET_FRAME_BYTES_MIN; bytes++) {
		part = (struct driver_part){ w->at[TX], bytes, false };
		add(w, TX, &part, 1);
	}
	part = (struct driver_part){ w->at[TX], 100, true };
	add(w, TX, &part, 1);
	notify(w, TX);
	assert_int_equal(used(w, TX), LEGACY_HEADER + NET_FRAME_BYTES_MIN);
	assert_int_equal(recv(w->peer, got, sizeof(got), MSG_DONTWAIT), -1);
	assert_null(w->device->transport.needs_reset);
}

static void a_legacy_driver_may_change_its_address(void **state)
{
	static const uint8_t own[6] = { 2, 1, 2, 3, 4, 5 };
	struct world *w = *state;
	uint8_t before[VIRTIO_CONFIG_BYTES_MAX], changed[6];

	pass_pair(w, SOCK_SEQPACKET);
	begin(w, 0);
	memcpy(before, w->device->config, sizeof(before));
	memcpy(changed, before, sizeof(changed));
	changed[5] ^= 7;
	virtio_mmio_write(w->device, VIRTIO_MMIO_CONFIG + 5, 1, changed[5]); /* a new one may not */
	assert_memory_equal(w->device->config, before, sizeof(before));
	virtio_reset(w->device);

	begin_legacy(w, 0);
	for (unsigned i = 0; i < sizeof(own); i++)
		virtio_mmio_write(w->device, VIRTIO_MMIO_CONFIG + i, 1, own[i]);
	assert_memory_equal(w->device->config, own, sizeof(own));
	for (unsigned bytes = 1; bytes <= 8; bytes *= 2)
		for (unsigned i = bytes < 7 ? 7 - bytes : 0; i < sizeof(before); i++)
			virtio_mmio_write(w->device, VIRTIO_MMIO_CONFIG + i, bytes, UINT64_MAX);
	assert_memory_equal(w->device->config, own, sizeof(own));
	assert_memory_equal(w->device->config + 6, before + 6, sizeof(before) - 6);
	virtio_reset(w->device);
	assert_memory_equal(w->device->config, before, sizeof(before));
}

/* --- the command line --- */

static void options_are_understood(void **state)
{
	static const struct {
		const char *value, *says; /* NULL: good */
	} rows[] = {
		{ "tap=tap0", NULL },
		{ "tap=tap0,mac=02:00:00:00:00:01,mtu=1500,id=lan", NULL },
		{ "mtu=68,user=/run/passt", NULL },
		{ "fd=3", NULL },
		{ "fd=2147483647", NULL },
		{ "", "no such word" },
		{ "mtu=1500", "to what?" },
		{ "tap", "write tap=NAME" },
		{ "tap=", "write tap=NAME" },
		{ "tap=a/b", "write tap=NAME" },
		{ "tap=0123456789012345", "write tap=NAME" },
		{ "tap=a,fd=3", "one of tap=, fd= and user" },
		{ "fd=2", "write fd=N" },
		{ "fd=-1", "write fd=N" },
		{ "fd=2147483648", "write fd=N" },
		{ "fd=3x", "write fd=N" },
		{ "user", NULL },
		{ "user,tcp=8080:80,tcp=22,udp=53,mtu=1500", NULL },
		{ "udp=1:65535,user", NULL },
		{ "user=", "write user (kvick starts passt), or user=PATH" },
		{ "user,tcp=", "write tcp=PORT" },
		{ "user,tcp", "write tcp=PORT" },
		{ "user,tcp=0", "write tcp=PORT" },
		{ "user,tcp=65536", "write tcp=PORT" },
		{ "user,tcp=80:", "write tcp=PORT" },
		{ "user,tcp=80:0", "write tcp=PORT" },
		{ "user,tcp=80:81:82", "write tcp=PORT" },
		{ "user,tcp=:80", "write tcp=PORT" },
		{ "user,udp=-1", "write udp=PORT" },
		{ "user,udp=1000000000000", "write udp=PORT" },
		{ "user,tcp=1,tcp=2,tcp=3,tcp=4,tcp=5,tcp=6,tcp=7,tcp=8,udp=1,udp=2,udp=3,udp=4,udp=5,udp=6,udp=7,udp=8", NULL },
		{ "user,tcp=1,tcp=2,tcp=3,tcp=4,tcp=5,tcp=6,tcp=7,tcp=8,udp=1,udp=2,udp=3,udp=4,udp=5,udp=6,udp=7,udp=8,udp=9",
		  "up to 16" },
		{ "user=/run/passt,tcp=80", "for a passt that kvick starts" },
		{ "tap=tap0,udp=80", "for a passt that kvick starts" },
		{ "fd=3,mtu=67", "write mtu=68" },
		{ "fd=3,mtu=65536", "write mtu=68" },
		{ "fd=3,mac=01:00:00:00:00:00", "one station" },
		{ "fd=3,mac=00:00:00:00:00:00", "one station" },
		{ "fd=3,mac=02:00:00:00:00:0", "one station" },
		{ "fd=3,mac=02:00:00:00:00-00", "one station" },
		{ "fd=3,mac=02:00:00:00:00:0g", "one station" },
		{ "fd=3,speed=1", "no such word" },
	};

	(void)state;
	for (unsigned i = 0; i < COUNT_OF(rows); i++) {
		struct device_options devices = { 0 };
		struct error error = { 0 };
		char *value = strdup(rows[i].value);
		int r = device_options_net(&devices, value, &error);

		if ((r == 0) != !rows[i].says)
			fail_msg("%s: %s", rows[i].value, error.text);
		if (rows[i].says)
			assert_says(error.text, rows[i].says);
		assert_int_equal(devices.count, r == 0);
		free(value);
	}
}

static void a_descriptor_is_one_devices(void **state)
{
	struct device_options devices = { 0 };
	struct error error = { 0 };
	char first[] = "fd=3", other[] = "fd=4", again[] = "fd=3,mtu=1500";

	(void)state;
	assert_int_equal(device_options_net(&devices, first, &error), 0);
	assert_int_equal(device_options_net(&devices, other, &error), 0);
	assert_true(device_options_net(&devices, again, &error) < 0);
	assert_says(error.text, "another device has it");
	assert_int_equal(devices.count, 2);
}

int main(void)
{
	const struct CMUnitTest with_rings[] = {
		TEST(frames_go_out),
		TEST(frames_that_are_none_are_given_back_unsent),
		TEST(frames_come_in),
		TEST(a_frame_is_spread_over_merged_buffers),
		TEST(a_frame_waits_for_the_guests_buffers),
		TEST(a_frame_that_no_buffer_holds_is_dropped),
		TEST(a_frame_that_no_ring_of_chains_holds_is_dropped),
		TEST(a_buffer_without_room_for_a_header_needs_a_reset),
		TEST(a_flood_is_let_in_by_turns),
		TEST(a_flood_goes_on_after_a_frame_that_is_too_large),
		TEST(a_stream_carries_lengths),
		TEST(a_reset_does_not_tear_a_stream),
		TEST(a_stream_that_ends_is_told_once),
		TEST(a_stream_out_of_step_is_told_once),
		TEST(a_connection_that_ends_is_told_once),
		TEST(datagrams_to_nobody_are_told_once),
		TEST(a_datagram_of_no_length_is_nothing),
		TEST(a_read_that_fails_for_want_of_memory_is_made_again),
		TEST(a_full_stderr_holds_nobody),
		TEST(frames_beyond_a_limit_go_later_and_in_order_each_way),
		TEST(bytes_are_those_of_frames),
		TEST(one_direction_does_not_wait_for_the_other),
		TEST(a_reset_while_frames_wait_forgets_the_guests_and_keeps_the_hosts),
		TEST(a_read_under_way_outlives_a_reset),
		TEST(buffers_held_are_forgotten_by_a_reset),
		TEST(a_tap_uses_the_offloads_that_were_agreed_on),
		TEST(why_a_tap_cannot_be_driven_is_kept),
		TEST(a_tap_takes_segments_to_be_cut),
	};
	const struct CMUnitTest without[] = {
		TEST(the_configuration_says_address_mtu_and_link),
		TEST(descriptors_of_no_use_are_refused),
		TEST(passt_gets_its_end_and_the_forwards),
		TEST(passt_inherits_nothing_else),
		TEST(without_forwards_passt_forwards_nothing),
		TEST(why_passt_does_not_start_is_told),
		cmocka_unit_test(forged_headers_do_not_reach_the_host),
		cmocka_unit_test(the_guest_gets_what_it_agreed_to),
		TEST(a_legacy_header_has_no_number_of_buffers),
		TEST(a_legacy_header_has_one_where_buffers_are_merged),
		TEST(a_legacy_buffer_has_room_for_its_header),
		TEST(legacy_frames_that_are_none_are_given_back_unsent),
		TEST(a_legacy_driver_may_change_its_address),
		cmocka_unit_test(options_are_understood),
		cmocka_unit_test(a_descriptor_is_one_devices),
	};
	int failed;

	/* Taps are made there, and nowhere else. */
	namespace_is_here = unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0 && access("/dev/net/tun", R_OK | W_OK) == 0;
	failed = cmocka_run_group_tests_name("network", without, NULL, NULL);

	failed += cmocka_run_group_tests_name("network, split ring", with_rings, NULL, NULL);
	ring = PACKED;
	return failed + cmocka_run_group_tests_name("network, packed ring", with_rings, NULL, NULL);
}
