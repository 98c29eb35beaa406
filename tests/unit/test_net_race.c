/* SPDX-License-Identifier: Apache-2.0 */
/*
 * THREATS 7 and 8: a driver that changes a frame's header while the device looks at it. A socket pair that says it is a tap gets
 * header and frame: whatever the guest does, what comes out is what was checked. To be linked with --wrap=chain_read and
 * --wrap=sys_ioctl.
 */
#include "tests/unit/test_unit.h"

#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "tests/unit/virtq_driver.h"
#include "virtio/devices.h"
#include "virtio/net_header.h"
#include "virtio/transport.h"
#include "vmm/engine.h"
#include "vmm/error.h"
#include "vmm/sys.h"

#define BIT(n)     (1ull << (n))
#define RAM        0x400000ull
#define TX_AT      0x200000ull /* the second driver's part of RAM */
#define FRAME_AT   (TX_AT + DRIVER_DATA_AT)
#define HEADER     NET_HEADER_BYTES
#define FRAME      60u
#define TX         1u
#define FRAMES     20000u
#define FRAMES_MAX 500000u /* where the other thread hardly runs */

struct world {
	struct driver driver[2];
	struct sys sys;
	struct error error;
	struct engine *engine;
	struct virtio_device *device;
	struct virtio_line line;
	int peer;
};

/* A word of the header's that goes to and fro between a good value and a bad one. */
struct flipper {
	size_t offset;
	uint16_t values[2];
	void *at;
	atomic_bool stop;
};

static const struct virtio_net_hdr_v1 good = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 34, .csum_offset = 6 };
static const struct flipper *changing; /* whose word is made bad as soon as the header has been fetched; NULL: none's */

size_t __real_chain_read(const struct virtq_chain *chain, uint64_t offset, void *to, size_t bytes);
size_t __wrap_chain_read(const struct virtq_chain *chain, uint64_t offset, void *to, size_t bytes);
int __wrap_sys_ioctl(struct sys *sys, int fd, unsigned long request, unsigned long arg);

size_t __wrap_chain_read(const struct virtq_chain *chain, uint64_t offset, void *to, size_t bytes)
{
	size_t got = __real_chain_read(chain, offset, to, bytes);

	if (changing)
		memcpy(changing->at, &changing->values[1], sizeof(changing->values[1]));
	return got;
}

int __wrap_sys_ioctl(struct sys *sys, int fd, unsigned long request, unsigned long arg)
{
	(void)sys, (void)fd;
	if (request == TUNGETIFF)
		((struct ifreq *)arg)->ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
	return 0;
}

static void line_changes(const struct virtio_line *line, struct virtio_device *device)
{
	(void)line;
	device->transport.interrupt_status = 0;
}

static int set_up(void **state)
{
	const struct engine_config engine = { .kind = ENGINE_SYNC, .depth = 8 };
	struct kvick_virtio_setup setup = { .queues = 2, .features = BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_NET_F_CSUM) };
	struct device_config config = { .kind = DEVICE_NET, .net = NET_FD };
	struct world *w = calloc(1, sizeof(*w));
	struct device_context context = { &config, &w->driver[0].mem, NULL, &w->sys, &w->error };
	int ends[2];

	*state = w;
	sys_init(&w->sys);
	w->line = (struct virtio_line){ .raise = line_changes, .lower = line_changes, .context = w };
	driver_create(&w->driver[0], RAM);
	w->driver[TX].mem = (struct guest_mem){ .host = w->driver[0].mem.host + TX_AT, .bytes = RAM - TX_AT };
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	config.fd = ends[0];
	w->peer = ends[1];
	assert_int_equal(engine_create(&w->engine, &engine, &w->sys, &w->error), 0);
	context.engine = w->engine;
	if (virtio_net_create(&w->device, &context) < 0)
		fail_msg("%s", w->error.text);
	virtio_transport_init(w->device, &w->line);
	assert_int_equal(engine_seal(w->engine, &w->error), 0);
	for (unsigned q = 0; q < 2; q++) {
		struct virtq_config *at = &w->driver[q].config;

		driver_start(&w->driver[q], 64, 0);
		setup.queue[q] = (struct kvick_virtio_queue){ .size = 64, .desc = at->desc + q * TX_AT,
							      .driver = at->driver + q * TX_AT, .device = at->device + q * TX_AT };
	}
	assert_int_equal(virtio_setup(w->device, &setup), 0);
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	changing = NULL;
	assert_true(virtio_reset(w->device));
	assert_int_equal(engine_destroy(w->engine), 0);
	w->device->ops->close(w->device);
	sys_munmap(&w->sys, w->device, w->device->bytes);
	close(w->peer);
	driver_destroy(&w->driver[0]);
	free(w);
	return 0;
}

/* What is in RAM already, as good as it can be. Does it reach the host? Then with a header that was checked, and whole. */
static bool send_flipping(struct world *w)
{
	const struct driver_part part = { FRAME_AT, HEADER + FRAME, false };
	uint8_t got[HEADER + FRAME + 1];
	uint32_t written;
	uint16_t id;
	ssize_t n;

	assert_true(driver_add(&w->driver[TX], &part, 1, false) >= 0);
	virtio_notify(w->device, TX);
	do
		engine_submit(w->engine);
	while (engine_reap(w->engine) > 0);
	assert_int_equal(driver_take_used(&w->driver[TX], &id, &written), 1);
	n = recv(w->peer, got, sizeof(got), MSG_DONTWAIT);
	if (n < 0)
		return false;
	assert_int_equal(n, HEADER + FRAME);
	assert_memory_equal(got + offsetof(struct virtio_net_hdr_v1, flags), &good.flags, 1);
	assert_memory_equal(got + offsetof(struct virtio_net_hdr_v1, gso_type), &good.gso_type, 1);
	assert_memory_equal(got + offsetof(struct virtio_net_hdr_v1, csum_start), &good.csum_start, 4);
	/* What is none of the driver's to say is not passed on: no more than there is. */
	assert_in_range(((const struct virtio_net_hdr_v1 *)got)->hdr_len, 0, FRAME);
	for (unsigned i = 0; i < FRAME; i++)
		assert_int_equal(got[HEADER + i], i);
	return true;
}

static void *flip(void *context)
{
	struct flipper *flipper = context;

	for (unsigned i = 0; !atomic_load_explicit(&flipper->stop, memory_order_relaxed); i++)
		__atomic_store_n((uint16_t *)flipper->at, flipper->values[i & 1], __ATOMIC_RELAXED);
	return NULL;
}

/* First without a race, then with one, in which frames with the bad value are dropped where `drops`. */
static void race(struct world *w, struct flipper *flipper, bool drops)
{
	uint8_t *frame = w->driver[0].mem.host + FRAME_AT;
	unsigned sent = 0, dropped = 0;
	pthread_t thread;

	memcpy(frame, &good, HEADER);
	for (unsigned i = 0; i < FRAME; i++)
		frame[HEADER + i] = (uint8_t)i;
	flipper->at = frame + flipper->offset;
	changing = flipper;
	assert_true(send_flipping(w));
	assert_memory_equal(flipper->at, &flipper->values[1], sizeof(flipper->values[1]));
	changing = NULL;
	atomic_init(&flipper->stop, false);
	assert_int_equal(pthread_create(&thread, NULL, flip, flipper), 0);
	for (unsigned i = 0; i < FRAMES || (i < FRAMES_MAX && (!sent || (drops && !dropped))); i++)
		if (send_flipping(w))
			sent++;
		else
			dropped++;
	atomic_store(&flipper->stop, true);
	pthread_join(thread, NULL);
	assert_int_equal(w->device->host_error.count, 0);
	if (!drops)
		assert_int_equal(dropped, 0);
	/* The two never met: nothing is proved. */
	else if (!sent || !dropped)
		skip();
}

static void a_checksums_place_that_flips(void **state)
{
	struct flipper flipper = { .offset = offsetof(struct virtio_net_hdr_v1, csum_start), .values = { 34, 0xfffe } };

	race(*state, &flipper, true);
}

/* flags and gso_type. */
static void a_kind_of_segment_that_flips(void **state)
{
	struct flipper flipper = { .offset = 0, .values = { 0x0001, 0x0101 } };

	race(*state, &flipper, true);
}

static void a_headers_length_that_flips(void **state)
{
	struct flipper flipper = { .offset = offsetof(struct virtio_net_hdr_v1, hdr_len), .values = { 42, 0xffff } };

	race(*state, &flipper, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_checksums_place_that_flips),
		TEST(a_kind_of_segment_that_flips),
		TEST(a_headers_length_that_flips),
	};

	return cmocka_run_group_tests_name("net_race", tests, NULL, NULL);
}
