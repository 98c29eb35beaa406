/* SPDX-License-Identifier: Apache-2.0 */
/*
 * THREATS 1 and 8: a driver that changes a packet's length while the device looks at it: either it is good, and so many bytes move,
 * or it is none and nothing moves. To be linked with --wrap=chain_read.
 */
#include "tests/unit/vsock_fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include "virtio/transport.h"

#define set_up    vsock_set_up
#define tear_down vsock_tear_down

#define PACKETS     20000u
#define PACKETS_MAX 500000u /* where the other thread hardly runs */
#define BYTES       100u

/* A word that goes to and fro between a good value and a bad one. */
struct flipper {
	uint32_t values[2];
	void *at;
	atomic_bool stop;
};

static const struct flipper *changing; /* whose word is made bad as soon as something has been fetched; NULL: none's */

size_t __real_chain_read(const struct virtq_chain *chain, uint64_t offset, void *to, size_t bytes);
size_t __wrap_chain_read(const struct virtq_chain *chain, uint64_t offset, void *to, size_t bytes);

size_t __wrap_chain_read(const struct virtq_chain *chain, uint64_t offset, void *to, size_t bytes)
{
	size_t got = __real_chain_read(chain, offset, to, bytes);

	if (changing)
		memcpy(changing->at, &changing->values[1], sizeof(changing->values[1]));
	return got;
}

static void *flip(void *context)
{
	struct flipper *flipper = context;

	for (unsigned i = 0; !atomic_load_explicit(&flipper->stop, memory_order_relaxed); i++)
		__atomic_store_n((uint32_t *)flipper->at, flipper->values[i & 1], __ATOMIC_RELAXED);
	return NULL;
}

/* What lies in the packet's buffer, as good as it can be. Does it move? Then all of it, and nothing else. */
static bool send_flipping(struct vsock_world *w, int program, uint64_t at)
{
	const struct driver_part part = { at, VSOCK_HEADER + BYTES, false };
	uint8_t got[4 * BYTES];
	uint32_t written;
	uint16_t id;
	ssize_t n;

	assert_true(driver_add(&w->driver[VSOCK_TX], &part, 1, false) >= 0);
	virtio_notify(w->device, VSOCK_TX);
	turns(w);
	assert_int_equal(driver_take_used(&w->driver[VSOCK_TX], &id, &written), 1);
	n = recv(program, got, sizeof(got), MSG_DONTWAIT);
	if (n < 0)
		return false;
	assert_int_equal(n, BYTES);
	for (unsigned i = 0; i < BYTES; i++)
		assert_int_equal(got[i], i);
	return true;
}

static void race(void **state, uint32_t bad)
{
	struct vsock_world *w = *state;
	/* Each driver's memory is a part of one RAM; this is the place of what guest_sends() sends, as the device knows it. */
	const uint64_t at = (uint64_t)(w->driver[VSOCK_TX].mem.host - w->driver[0].mem.host) + DRIVER_DATA_AT;
	struct flipper flipper = { .values = { BYTES, bad } };
	struct virtio_vsock_hdr h;
	unsigned moved = 0, refused = 0;
	pthread_t thread;
	uint8_t *packet;
	int program;

	changing = NULL;
	vsock_begin(w, 8, VSOCK_BUFFER);
	program = open_from_guest(w);
	packet = w->driver[0].mem.host + at;
	h = header_of(w, OP(RW), BYTES);
	memcpy(packet, &h, VSOCK_HEADER);
	for (unsigned i = 0; i < BYTES; i++)
		packet[VSOCK_HEADER + i] = (uint8_t)i;
	flipper.at = packet + offsetof(struct virtio_vsock_hdr, len);
	changing = &flipper;
	assert_true(send_flipping(w, program, at));
	assert_memory_equal(flipper.at, &bad, sizeof(bad));
	changing = NULL;
	atomic_init(&flipper.stop, false);
	assert_int_equal(pthread_create(&thread, NULL, flip, &flipper), 0);
	for (unsigned i = 0; i < PACKETS || (i < PACKETS_MAX && (!moved || !refused)); i++) {
		struct packet p;

		if (send_flipping(w, program, at))
			moved++;
		else
			refused++;
		while (take_packet(w, &p))
			assert_int_equal(p.header.op, OP(CREDIT_UPDATE));
	}
	atomic_store(&flipper.stop, true);
	pthread_join(thread, NULL);
	assert_int_equal(w->device->metrics[VSOCK_TX].errors, refused);
	close(program);
	turns(w);
	/* The two never met: nothing is proved. */
	if (!moved || !refused)
		skip();
}

static void a_length_that_flips_to_one_more(void **state)
{
	race(state, BYTES + 1);
}

static void a_length_that_flips_to_what_overflows(void **state)
{
	race(state, UINT32_MAX - VSOCK_HEADER + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_length_that_flips_to_one_more),
		TEST(a_length_that_flips_to_what_overflows),
	};

	return VSOCK_RUN("vsock_race", tests);
}
