/* SPDX-License-Identifier: Apache-2.0 */
/* The socket device: more connections than there is room for, and a host that gives less than was asked of it. */
#include "tests/unit/vsock_fixture.h"

#include <sys/resource.h>
#include <sys/socket.h>

#include "virtio/transport.h"

#define set_up    vsock_set_up
#define tear_down vsock_tear_down

#define MANY (VSOCK_MOST + 300u) /* more than there are places, and than wait in the listener's queue */

static void begin(struct vsock_world *w)
{
	vsock_begin(w, 16, VSOCK_BUFFER);
}

/* Both ends of all of them are ours. */
static void need_descriptors(void)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	if (limit.rlim_max >= 2 * MANY + 100)
		return;
	print_message("needs %u descriptors, and the hard limit is %llu\n", 2 * MANY + 100, (unsigned long long)limit.rlim_max);
	skip();
}

static void the_first_connections_have_more_credit_than_the_others(void **state)
{
	struct vsock_world *w = *state;
	int fds[VSOCK_FEW + 2];
	struct packet p;

	begin(w);
	host_listens(w);
	for (unsigned i = 0; i < COUNT_OF(fds); i++) {
		guest_sends_from(w, 10000 + i, VSOCK_LISTEN, OP(REQUEST), 0);
		expect(w, OP(RESPONSE), &p);
		assert_int_equal(p.header.buf_alloc, i < VSOCK_FEW ? VSOCK_CREDIT : VSOCK_CREDIT_OF_MANY);
		fds[i] = host_accepts(w);
	}
	for (unsigned i = 0; i < COUNT_OF(fds); i++)
		close(fds[i]);
}

static void guests_that_connect_too_often_are_refused(void **state)
{
	struct vsock_world *w = *state;
	unsigned open = 0, refused = 0;
	struct packet p;
	int *fds = calloc(MANY, sizeof(*fds));

	need_descriptors();
	begin(w);
	host_listens(w);
	for (unsigned i = 0; i < MANY; i++) {
		guest_sends_from(w, 10000 + i, VSOCK_LISTEN, OP(REQUEST), 0);
		assert_true(take_packet(w, &p));
		assert_int_equal(p.header.dst_port, 10000 + i);
		if (p.header.op == OP(RESPONSE))
			fds[open++] = host_accepts(w);
		else
			refused++;
	}
	assert_int_equal(open, VSOCK_MOST);
	assert_int_equal(refused, MANY - VSOCK_MOST);
	assert_int_equal(w->device->host_error.count, refused);
	assert_int_equal(w->device->host_error.errnum, ENOBUFS);
	assert_string_equal(w->device->host_error.doing, "connect");
	/* One that ends makes room for one. */
	close(fds[0]);
	turns(w);
	expect(w, OP(SHUTDOWN), NULL);
	guest_sends_from(w, 10000, VSOCK_LISTEN, OP(RST), 0);
	guest_sends_from(w, 9999, VSOCK_LISTEN, OP(REQUEST), 0);
	expect(w, OP(RESPONSE), NULL);
	for (unsigned i = 1; i < open; i++)
		close(fds[i]);
	close(host_accepts(w));
	free(fds);
}

static void programs_that_connect_too_often_wait_for_their_turn(void **state)
{
	struct vsock_world *w = *state;
	unsigned count = 0, asked = 0, turned_away = 0;
	uint32_t *ports = calloc(MANY, sizeof(*ports));
	struct packet p;
	int *fds = calloc(MANY, sizeof(*fds));

	need_descriptors();
	begin(w);
	for (unsigned i = 0; i < MANY; i++) {
		int fd = host_connects(w);

		if (fd < 0) {
			turned_away++;
			continue;
		}
		host_says(fd, "CONNECT 1024\n");
		fds[count++] = fd;
		turns(w);
		while (take_packet(w, &p)) {
			assert_int_equal(p.header.op, OP(REQUEST));
			ports[asked++] = p.header.src_port;
		}
	}
	assert_int_equal(asked, VSOCK_MOST);
	assert_true(count > asked && turned_away > 0); /* the others wait in the listener's queue, as many as it takes */
	/* Each that ends makes room for one that waits, whoever ends it. */
	for (unsigned i = 0; asked < count; i++) {
		unsigned before = asked;

		if (i % 2)
			guest_sends_from(w, VSOCK_PORT, ports[i], OP(RST), 0);
		else
			close(fds[i]);
		turns(w);
		while (take_packet(w, &p))
			if (p.header.op == OP(REQUEST))
				ports[asked++] = p.header.src_port;
		assert_int_equal(asked, before + 1);
		if (i % 2)
			close(fds[i]);
		fds[i] = -1;
	}
	for (unsigned i = 0; i < count; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	free(ports);
	free(fds);
}

/* A guest that takes no answers is not asked for more questions; when it does, none has been lost. */
static void every_packet_of_no_connection_is_answered_in_the_end(void **state)
{
	struct vsock_world *w = *state;
	struct driver *tx = &w->driver[VSOCK_TX];
	uint64_t base = (uint64_t)(tx->mem.host - w->driver[VSOCK_RX].mem.host) + DRIVER_DATA_AT;
	unsigned used = 0, answered = 0;
	bool seen[128] = { 0 };
	uint32_t written;
	struct packet p;
	uint16_t id;

	vsock_begin(w, 0, VSOCK_BUFFER);
	for (unsigned i = 0; i < 128; i++) {
		struct driver_part part = { base + i * 64, VSOCK_HEADER, false };
		struct virtio_vsock_hdr h = header_of(w, OP(RW), 0);

		h.src_port = i;
		memcpy(tx->mem.host + DRIVER_DATA_AT + i * 64, &h, sizeof(h));
		assert_true(driver_add(tx, &part, 1, false) >= 0);
	}
	virtio_notify(w->device, VSOCK_TX);
	turns(w);
	while (driver_take_used(tx, &id, &written) == 1)
		used++;
	assert_true(used < 128);
	give_buffers(w, 3, VSOCK_BUFFER);
	while (take_packet(w, &p)) {
		assert_int_equal(p.header.op, OP(RST));
		assert_false(seen[p.header.dst_port]);
		seen[p.header.dst_port] = true;
		answered++;
	}
	while (driver_take_used(tx, &id, &written) == 1)
		used++;
	assert_int_equal(answered, 128);
	assert_int_equal(used, 128);
	guest_sends(w, OP(RW), NULL, 0); /* and it listens again */
	expect(w, OP(RST), NULL);
}

static void descriptors_that_are_all_in_use_refuse_guests_and_keep_programs_waiting(void **state)
{
	struct vsock_world *w = *state;
	struct rlimit before, few;
	struct packet p;
	int fd, first;
	uint32_t port;

	begin(w);
	host_listens(w);
	first = open_from_host(w, &port);
	fd = host_connects(w);
	host_says(fd, "CONNECT 1024\n");
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = before;
	few.rlim_cur = (rlim_t)lowest_free_fd();
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	guest_sends(w, OP(REQUEST), NULL, 0);
	expect(w, OP(RST), NULL);
	expect_none(w);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(w->device->host_error.errnum, EMFILE);
	/* A connection that ends is a descriptor that is free. */
	guest_sends_from(w, VSOCK_PORT, port, OP(RST), 0);
	expect(w, OP(REQUEST), &p);
	close(first);
	close(fd);
}

/* --- programs that connect and say nothing --- */

static void silent_programs_take_no_more_than_their_share_of_places(void **state)
{
	struct vsock_world *w = *state;
	int silent[VSOCK_SILENT + 10], fd;
	unsigned before;
	uint32_t port;

	begin(w);
	before = open_fds();
	for (unsigned i = 0; i < COUNT_OF(silent); i++) {
		silent[i] = host_connects(w);
		turns(w);
	}
	assert_int_equal(open_fds(), before + COUNT_OF(silent) + VSOCK_SILENT);
	for (unsigned i = 0; i < COUNT_OF(silent); i++)
		host_reads(silent[i], i < 10 ? NULL : ""); /* those that have been silent for longest make room */
	fd = open_from_host(w, &port);
	host_says(silent[COUNT_OF(silent) - 1], "CONNECT 1024\n"); /* late, but in time */
	turns(w);
	expect(w, OP(REQUEST), NULL);
	for (unsigned i = 0; i < COUNT_OF(silent); i++)
		close(silent[i]);
	close(fd);
}

static void who_has_spoken_is_silent_no_more(void **state)
{
	struct vsock_world *w = *state;
	int spoken, silent[VSOCK_SILENT];
	uint32_t port;

	begin(w);
	spoken = open_from_host(w, &port);
	for (unsigned i = 0; i < COUNT_OF(silent); i++) {
		silent[i] = host_connects(w);
		turns(w);
	}
	host_reads(spoken, "");
	host_reads(silent[0], "");
	for (unsigned i = 0; i < COUNT_OF(silent); i++)
		close(silent[i]);
	close(spoken);
}

/* --- hosts that give less --- */

static void the_limit_of_descriptors_is_raised(void **state)
{
	struct rlimit limit;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0); /* the fixture has lowered it */
	assert_int_equal(limit.rlim_cur, limit.rlim_max);
}

/* The next operation that starts is kept from the engine, for the test to end as it likes. */
static bool keep_next;
static struct engine_op *kept;

void __real_engine_start(struct engine *engine, struct engine_op *op);
void __wrap_engine_start(struct engine *engine, struct engine_op *op);

void __wrap_engine_start(struct engine *engine, struct engine_op *op)
{
	if (keep_next)
		kept = op;
	else
		__real_engine_start(engine, op);
	keep_next = false;
}

static void a_poll_that_fails_is_tried_again(void **state)
{
	static const int errnums[] = { EAGAIN, ENOMEM, EINTR, EIO };
	struct vsock_world *w = *state;
	uint32_t port;

	keep_next = true;
	begin(w);
	for (unsigned i = 0; i < COUNT_OF(errnums); i++) {
		keep_next = i + 1 < COUNT_OF(errnums);
		kept->done(kept, -errnums[i]);
	}
	close(open_from_host(w, &port));
}

/* But not for ever by itself: what fails for good would be all that this thread does. */
static void a_poll_that_always_fails_is_tried_when_the_guest_calls(void **state)
{
	struct vsock_world *w = *state;
	unsigned tries = 0;
	uint32_t port;

	keep_next = true;
	begin(w);
	for (struct engine_op *op = kept; op && tries < 1000; op = kept, tries++) {
		kept = NULL;
		keep_next = true;
		op->done(op, -ENOMEM);
	}
	assert_true(tries > 1 && tries < 100);
	keep_next = false;
	virtio_notify(w->device, VSOCK_RX);
	close(open_from_host(w, &port));
}

static void a_poll_that_is_cancelled_is_over(void **state)
{
	struct vsock_world *w = *state;

	keep_next = true;
	begin(w);
	keep_next = true;
	kept->done(kept, -ECANCELED);
	assert_true(keep_next);
	keep_next = false;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_first_connections_have_more_credit_than_the_others),
		TEST(guests_that_connect_too_often_are_refused),
		TEST(programs_that_connect_too_often_wait_for_their_turn),
		TEST(every_packet_of_no_connection_is_answered_in_the_end),
		TEST(descriptors_that_are_all_in_use_refuse_guests_and_keep_programs_waiting),
		TEST(silent_programs_take_no_more_than_their_share_of_places),
		TEST(who_has_spoken_is_silent_no_more),
		TEST(the_limit_of_descriptors_is_raised),
		TEST(a_poll_that_fails_is_tried_again),
		TEST(a_poll_that_always_fails_is_tried_when_the_guest_calls),
		TEST(a_poll_that_is_cancelled_is_over),
	};

	return VSOCK_RUN("many sockets", tests);
}
