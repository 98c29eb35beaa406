/* SPDX-License-Identifier: Apache-2.0 */
/* The socket device: connections from both sides, and packets that are none. */
#include "tests/unit/vsock_fixture.h"

#include <sys/socket.h>

#include "virtio/transport.h"

#define set_up    vsock_set_up
#define tear_down vsock_tear_down

static void begin(struct vsock_world *w)
{
	vsock_begin(w, 16, VSOCK_BUFFER);
}

/* --- from the guest --- */

static void the_configuration_says_the_address(void **state)
{
	struct vsock_world *w = *state;
	uint64_t cid;

	memcpy(&cid, w->device->config, sizeof(cid));
	assert_int_equal(cid, VSOCK_CID);
	assert_int_equal(w->device->config_bytes, sizeof(cid));
}

static void the_guest_connects_and_data_goes_both_ways(void **state)
{
	struct vsock_world *w = *state;
	struct packet p;
	int fd;

	begin(w);
	fd = open_from_guest(w);
	guest_sends(w, OP(RW), "question", 8);
	host_reads(fd, "question");
	host_says(fd, "answer");
	turns(w);
	expect(w, OP(RW), &p);
	assert_int_equal(p.header.len, 6);
	assert_memory_equal(p.data, "answer", 6);
	assert_int_equal(p.header.src_port, VSOCK_LISTEN);
	assert_int_equal(p.header.dst_port, VSOCK_PORT);
	assert_int_equal(p.header.fwd_cnt, 8);
	expect_none(w);
	assert_true(w->raised > 0);
	close(fd);
}

static void two_connections_of_one_port_are_kept_apart(void **state)
{
	struct vsock_world *w = *state;
	int first, second;

	begin(w);
	first = open_from_guest(w);
	guest_sends_from(w, VSOCK_PORT + 1, VSOCK_LISTEN, OP(REQUEST), 0);
	expect(w, OP(RESPONSE), NULL);
	second = host_accepts(w);
	guest_sends(w, OP(RW), "first", 5);
	host_reads(first, "first");
	host_reads(second, "");
	guest_sends_from(w, VSOCK_PORT + 1, VSOCK_LISTEN, OP(RST), 0);
	host_reads(second, NULL);
	host_reads(first, "");
	close(first);
	close(second);
}

/* The next packet of data, when its time has come. Whose it is. */
static uint32_t next_port(struct vsock_world *w)
{
	struct packet p;

	for (unsigned tries = 0; !take_packet(w, &p); tries++) {
		assert_true(tries < 1000);
		engine_wait(w->engine, 10000000, NULL);
		turns(w);
	}
	assert_int_equal(p.header.op, OP(RW));
	return p.header.dst_port;
}

static void connections_have_their_share_of_a_limit_by_turns(void **state)
{
	const struct device_config limit = { .kind = DEVICE_VSOCK, .bytes = { 1000000, 1 } }; /* a packet leaves a debt of 4 ms */
	static const uint8_t data[12000];
	struct vsock_world *w = *state;
	int first, second;

	virtio_throttle_init(w->device, &limit);
	begin(w);
	first = open_from_guest(w);
	guest_sends_from(w, VSOCK_PORT + 1, VSOCK_LISTEN, OP(REQUEST), 0);
	expect(w, OP(RESPONSE), NULL);
	second = host_accepts(w);
	assert_int_equal(send(first, data, sizeof(data), 0), sizeof(data));
	assert_int_equal(send(second, data, sizeof(data), 0), sizeof(data));
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(next_port(w), VSOCK_PORT + i % 2);
	assert_true(w->device->metrics[VSOCK_RX].throttled >= 3);
	close(first);
	close(second);
}

static void a_connection_to_nobody_is_reset(void **state)
{
	struct vsock_world *w = *state;
	struct packet p;

	begin(w);
	guest_sends(w, OP(REQUEST), NULL, 0);
	expect(w, OP(RST), &p);
	assert_int_equal(p.header.src_port, VSOCK_LISTEN);
	assert_int_equal(p.header.dst_port, VSOCK_PORT);
	expect_none(w);
}

/* --- from the host --- */

static void a_program_connects_and_data_goes_both_ways(void **state)
{
	struct vsock_world *w = *state;
	struct virtio_vsock_hdr h;
	uint32_t port;
	struct packet p;
	int fd;

	begin(w);
	fd = open_from_host(w, &port);
	host_says(fd, "question");
	turns(w);
	expect(w, OP(RW), &p);
	assert_memory_equal(p.data, "question", 8);
	h = header_of(w, OP(RW), 6);
	h.dst_port = port;
	guest_sends_raw(w, &h, "answer", 6);
	host_reads(fd, "answer");
	expect_none(w);
	close(fd);
}

static void the_first_line_may_come_in_pieces_and_data_right_behind_it(void **state)
{
	struct vsock_world *w = *state;
	struct packet p;
	int fd;

	begin(w);
	fd = host_connects(w);
	host_says(fd, "CONN");
	expect_none(w);
	host_says(fd, "ECT 1024");
	expect_none(w);
	host_says(fd, "\nand more");
	turns(w);
	expect(w, OP(REQUEST), &p);
	expect_none(w); /* nothing before it is accepted */
	guest_sends_from(w, VSOCK_PORT, p.header.src_port, OP(RESPONSE), 0);
	expect(w, OP(RW), &p);
	assert_int_equal(p.header.len, 8);
	assert_memory_equal(p.data, "and more", 8);
	close(fd);
}

static void first_lines_that_are_none_are_hung_up_on(void **state)
{
	static const char *const lines[] = {
		"\n", "CONNECT\n", "CONNECT \n", "CONNECT 4294967296\n", "CONNECT -1\n", "CONNECT 12x\n", "connect 12\n",
		"CONNECT 12345678901\n", "CONNECT  1\n", "CONNECT 1 \n", "012345678901234567890123456789012345", "CONNECT 1\r\n",
	};
	struct vsock_world *w = *state;

	begin(w);
	for (unsigned i = 0; i < COUNT_OF(lines); i++) {
		char byte;
		int fd = host_connects(w);
		ssize_t n;

		host_says(fd, lines[i]);
		expect_none(w);
		n = recv(fd, &byte, 1, 0);
		if (n > 0 || (n < 0 && errno != ECONNRESET)) /* reset: some of it was not read */
			fail_msg("\"%s\"", lines[i]);
		close(fd);
	}
}

/* Nothing more can come of it: it must not keep its place. */
static void a_first_line_that_breaks_off_is_hung_up_on(void **state)
{
	struct vsock_world *w = *state;
	unsigned before;
	int fd;

	begin(w);
	before = open_fds();
	for (unsigned i = 0; i < 3; i++) {
		fd = host_connects(w);
		host_says(fd, "CONNECT 10");
		turns(w);
		if (i == 0)
			shutdown(fd, SHUT_WR);
		else
			close(fd);
		turns(w);
		if (i == 0)
			close(fd);
		assert_int_equal(open_fds(), before);
	}
	fd = host_connects(w);
	host_says(fd, "CONNECT 10"); /* gone before it was looked at */
	close(fd);
	turns(w);
	assert_int_equal(open_fds(), before);
	expect_none(w);
}

static void a_whole_line_and_the_end_of_input_is_a_connection(void **state)
{
	struct vsock_world *w = *state;
	struct packet p;
	int fd;

	begin(w);
	fd = host_connects(w);
	host_says(fd, "CONNECT 1024\nall");
	shutdown(fd, SHUT_WR);
	turns(w);
	expect(w, OP(REQUEST), &p);
	guest_sends_from(w, VSOCK_PORT, p.header.src_port, OP(RESPONSE), 0);
	expect(w, OP(RW), &p);
	assert_memory_equal(p.data, "all", 3);
	expect(w, OP(SHUTDOWN), &p);
	assert_int_equal(p.header.flags, VIRTIO_VSOCK_SHUTDOWN_SEND);
	close(fd);
}

static void a_port_that_the_guest_has_not_ends_the_programs_connection(void **state)
{
	struct vsock_world *w = *state;
	struct packet p;
	int fd;

	begin(w);
	fd = host_connects(w);
	host_says(fd, "CONNECT 99\n");
	turns(w);
	expect(w, OP(REQUEST), &p);
	guest_sends_from(w, 99, p.header.src_port, OP(RST), 0);
	host_reads(fd, NULL);
	expect_none(w);
	close(fd);
}

/* A guest that never answers must not keep the places of programs that have given up. */
static void a_program_that_gives_up_before_the_guest_answers_is_forgotten(void **state)
{
	struct vsock_world *w = *state;
	struct packet p;
	unsigned before;
	int fd;

	begin(w);
	before = open_fds();
	fd = host_connects(w);
	host_says(fd, "CONNECT 1024\n");
	turns(w);
	close(fd);
	turns(w);
	assert_int_equal(open_fds(), before);
	expect(w, OP(REQUEST), &p);
	expect(w, OP(RST), NULL);
	guest_sends_from(w, VSOCK_PORT, p.header.src_port, OP(RESPONSE), 0); /* they cross */
	expect(w, OP(RST), NULL);
	expect_none(w);
}

static void a_guest_that_shuts_down_with_its_answer_is_heard(void **state)
{
	struct vsock_world *w = *state;
	struct packet p;
	char ok[32];
	int fd;

	begin(w);
	fd = host_connects(w);
	host_says(fd, "CONNECT 1024\n");
	turns(w);
	expect(w, OP(REQUEST), &p);
	guest_sends_from(w, VSOCK_PORT, p.header.src_port, OP(SHUTDOWN), VIRTIO_VSOCK_SHUTDOWN_SEND);
	guest_sends_from(w, VSOCK_PORT, p.header.src_port, OP(RESPONSE), 0);
	snprintf(ok, sizeof(ok), "OK %u\n", p.header.src_port);
	host_reads(fd, ok);
	host_reads(fd, NULL);
	close(fd);
}

/* --- packets that belong to nothing, or to nobody --- */

static void what_belongs_to_no_connection_is_reset(void **state)
{
	struct vsock_world *w = *state;

	begin(w);
	host_listens(w);
	for (uint16_t op = 0; op < 12; op++) {
		if (op == OP(REQUEST) || op == OP(RST))
			continue;
		guest_sends(w, op, NULL, 0);
		expect(w, OP(RST), NULL);
		expect_none(w);
	}
	guest_sends(w, OP(RST), NULL, 0);
	expect_none(w); /* resets are not answered */
}

static void other_hosts_and_other_types_are_reset(void **state)
{
	struct vsock_world *w = *state;
	struct virtio_vsock_hdr h;
	struct packet p;
	int fd;

	begin(w);
	fd = open_from_guest(w);
	for (unsigned i = 0; i < 5; i++) {
		static const uint64_t cids[] = { 0, 1, VSOCK_CID, 0x100000002, UINT64_MAX };

		h = header_of(w, i % 2 ? OP(RW) : OP(REQUEST), 0);
		h.dst_cid = cids[i];
		guest_sends_raw(w, &h, NULL, 0);
		expect(w, OP(RST), &p);
		assert_int_equal(p.header.src_cid, cids[i]);
		h.op = OP(RST);
		guest_sends_raw(w, &h, NULL, 0);
		expect_none(w);
	}
	h = header_of(w, OP(REQUEST), 0);
	h.type = VIRTIO_VSOCK_TYPE_SEQPACKET;
	guest_sends_raw(w, &h, NULL, 0);
	expect(w, OP(RST), &p);
	assert_int_equal(p.header.type, VIRTIO_VSOCK_TYPE_SEQPACKET);
	host_reads(fd, ""); /* the one that there is has nothing to do with it */
	close(fd);
}

static void other_senders_are_nobody(void **state)
{
	static const uint64_t cids[] = { 0, 1, VSOCK_HOST, VSOCK_CID + 1, 0x100000003, UINT64_MAX };
	struct vsock_world *w = *state;
	int fd;

	begin(w);
	fd = open_from_guest(w);
	for (unsigned i = 0; i < COUNT_OF(cids); i++) {
		struct virtio_vsock_hdr h = header_of(w, i % 2 ? OP(RST) : OP(REQUEST), 0);

		h.src_cid = cids[i];
		guest_sends_raw(w, &h, NULL, 0);
		expect_none(w);
	}
	host_reads(fd, "");
	close(fd);
}

/* 5.10.6: each ends the connection, for the guest and for the program. */
static void operations_that_make_no_sense_end_a_connection(void **state)
{
	static const uint16_t ops[] = { 0, OP(REQUEST), OP(RESPONSE), 8, 0xffff };
	struct vsock_world *w = *state;

	begin(w);
	for (unsigned i = 0; i < COUNT_OF(ops); i++) {
		int fd = open_from_guest(w);

		guest_sends(w, ops[i], NULL, 0);
		expect(w, OP(RST), NULL);
		host_reads(fd, NULL);
		expect_none(w);
		close(fd);
	}
}

static void data_before_the_guest_has_accepted_ends_the_connection(void **state)
{
	struct vsock_world *w = *state;
	struct virtio_vsock_hdr h;
	struct packet p;
	int fd;

	begin(w);
	fd = host_connects(w);
	host_says(fd, "CONNECT 1024\n");
	turns(w);
	expect(w, OP(REQUEST), &p);
	h = header_of(w, OP(RW), 4);
	h.dst_port = p.header.src_port;
	guest_sends_raw(w, &h, "soon", 4);
	expect(w, OP(RST), NULL);
	host_reads(fd, NULL);
	close(fd);
}

/* --- lengths --- */

/* THREATS 1. */
static void lengths_that_contradict_the_buffer_move_nothing(void **state)
{
	static const struct { uint16_t op; uint32_t says, there; } rows[] = {
		{ OP(RW), 9, 8 }, { OP(RW), 1, 0 }, { OP(RW), UINT32_MAX, 8 }, { OP(RW), UINT32_MAX, 0 },
		{ OP(RW), UINT32_MAX - 43, 8 }, { OP(RW), 0x80000000, 8 }, { OP(RW), UINT32_MAX - 44 + 1, 0 },
		{ OP(CREDIT_UPDATE), 8, 8 }, { OP(SHUTDOWN), 1, 0 }, { OP(RST), UINT32_MAX, 8 }, { OP(CREDIT_REQUEST), 1, 8 },
	};
	struct vsock_world *w = *state;
	int fd;

	begin(w);
	fd = open_from_guest(w);
	for (unsigned i = 0; i < COUNT_OF(rows); i++) {
		const struct virtio_vsock_hdr h = header_of(w, rows[i].op, rows[i].says);

		guest_sends_raw(w, &h, "12345678", rows[i].there);
		expect_none(w);
		host_reads(fd, "");
		assert_int_equal(w->device->metrics[VSOCK_TX].errors, i + 1);
	}
	guest_sends(w, OP(RW), "good", 4);
	host_reads(fd, "good");
	assert_null(w->device->transport.needs_reset);
	close(fd);
}

/* THREATS 1. */
static void what_lies_behind_a_packet_is_left_alone(void **state)
{
	struct vsock_world *w = *state;
	struct virtio_vsock_hdr h;
	int fd;

	begin(w);
	fd = open_from_guest(w);
	h = header_of(w, OP(RW), 4);
	guest_sends_raw(w, &h, "goodBAD", 7);
	host_reads(fd, "good");
	h.len = 0;
	guest_sends_raw(w, &h, "BAD", 3);
	host_reads(fd, "");
	h.op = OP(CREDIT_REQUEST);
	guest_sends_raw(w, &h, "BAD", 3);
	expect(w, OP(CREDIT_UPDATE), NULL);
	close(fd);
}

/* Adds a chain of the test's own making to TX; the packet lies at the second buffer's place. */
static void send_parts(struct vsock_world *w, struct driver_part *parts, unsigned count, const void *packet, uint32_t bytes)
{
	struct driver *driver = &w->driver[VSOCK_TX];
	uint64_t base = (uint64_t)(driver->mem.host - w->driver[VSOCK_RX].mem.host);
	uint32_t written;
	uint16_t id;

	memcpy(driver->mem.host + DRIVER_DATA_AT, packet, bytes);
	for (unsigned i = 0; i < count; i++)
		parts[i].address += base + DRIVER_DATA_AT;
	assert_true(driver_add(driver, parts, count, false) >= 0);
	virtio_notify(w->device, VSOCK_TX);
	turns(w);
	assert_int_equal(driver_take_used(driver, &id, &written), 1);
}

/* THREATS 1: 2.6.4: no device may assume where a descriptor ends. */
static void a_header_may_be_in_pieces(void **state)
{
	struct driver_part parts[] = { { 0, 1, false }, { 1, 20, false }, { 21, 22, false }, { 43, 3, false }, { 46, 2, false } };
	struct vsock_world *w = *state;
	uint8_t packet[48];
	int fd;

	begin(w);
	fd = open_from_guest(w);
	memcpy(packet, &(struct virtio_vsock_hdr[]){ header_of(w, OP(RW), 4) }, VSOCK_HEADER);
	memcpy(packet + VSOCK_HEADER, "good", 4);
	send_parts(w, parts, COUNT_OF(parts), packet, sizeof(packet));
	host_reads(fd, "good");
	close(fd);
}

/* THREATS 1. */
static void what_is_shorter_than_a_header_is_no_packet(void **state)
{
	struct vsock_world *w = *state;
	struct virtio_vsock_hdr h;
	int fd;

	begin(w);
	fd = open_from_guest(w);
	h = header_of(w, OP(RST), 0);
	for (uint32_t bytes = 1; bytes < VSOCK_HEADER; bytes += 6) {
		struct driver_part part = { 0, bytes, false };

		send_parts(w, &part, 1, &h, VSOCK_HEADER);
	}
	/* Its end cannot be read. */
	struct driver_part parts[] = { { 0, VSOCK_HEADER - 1, false }, { 100, 100, true } };

	send_parts(w, parts, 2, &h, VSOCK_HEADER);
	struct driver_part writable = { 0, 100, true };

	send_parts(w, &writable, 1, &h, VSOCK_HEADER);
	expect_none(w);
	host_reads(fd, "");
	assert_int_equal(w->device->metrics[VSOCK_TX].errors, 10);
	close(fd);
}

/* --- room for what goes to the guest --- */

static void packets_wait_for_the_guests_buffers(void **state)
{
	struct vsock_world *w = *state;
	struct packet p;
	int fd;

	vsock_begin(w, 0, VSOCK_BUFFER);
	host_listens(w);
	guest_sends(w, OP(REQUEST), NULL, 0);
	fd = host_accepts(w);
	host_says(fd, "early");
	turns(w);
	give_buffers(w, 1, VSOCK_BUFFER);
	expect(w, OP(RESPONSE), NULL);
	expect(w, OP(RW), &p);
	assert_memory_equal(p.data, "early", 5);
	expect_none(w);
	close(fd);
}

static void small_buffers_make_small_packets(void **state)
{
	struct vsock_world *w = *state;
	struct packet p;
	int fd;

	vsock_begin(w, 4, VSOCK_HEADER + 3);
	fd = open_from_guest(w);
	host_says(fd, "12345678");
	turns(w);
	for (unsigned i = 0; i < 3; i++) {
		expect(w, OP(RW), &p);
		assert_int_equal(p.header.len, i < 2 ? 3 : 2);
		assert_memory_equal(p.data, &"12345678"[3 * i], p.header.len);
	}
	expect_none(w);
	close(fd);
}

/* They come back empty; what was to be told waits for a better one. */
static void buffers_without_room_for_a_header_are_given_back(void **state)
{
	struct vsock_world *w = *state;
	uint32_t written;
	uint16_t id;

	vsock_begin(w, 5, VSOCK_HEADER - 1);
	guest_sends(w, OP(REQUEST), NULL, 0);
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(driver_take_used(&w->driver[VSOCK_RX], &id, &written), 1);
		assert_int_equal(written, 0);
	}
	w->rx_bytes = VSOCK_BUFFER;
	give_buffers(w, 1, VSOCK_BUFFER);
	expect(w, OP(RST), NULL);
	assert_null(w->device->transport.needs_reset);
}

/* A buffer with room for a header alone does not stand in the way of those behind it. */
static void a_buffer_without_room_for_data_is_given_back(void **state)
{
	struct vsock_world *w = *state;
	uint32_t written;
	struct packet p;
	uint16_t id;
	int fd;

	vsock_begin(w, 1, VSOCK_BUFFER);
	w->rx_bytes = VSOCK_HEADER;
	fd = open_from_guest(w); /* which gives back a small one */
	w->rx_bytes = VSOCK_BUFFER;
	give_buffers(w, 1, VSOCK_BUFFER);
	host_says(fd, "data");
	turns(w);
	assert_int_equal(driver_take_used(&w->driver[VSOCK_RX], &id, &written), 1);
	assert_int_equal(written, 0);
	expect(w, OP(RW), &p);
	assert_memory_equal(p.data, "data", 4);
	close(fd);
}

static void a_broken_ring_needs_a_reset_and_then_works(void **state)
{
	struct vsock_world *w = *state;
	int fd;

	for (unsigned q = 0; q < 2; q++) {
		struct driver_part bad = { 1ull << 40, 100, q == VSOCK_RX };

		begin(w);
		fd = open_from_guest(w);
		assert_true(driver_add(&w->driver[q], &bad, 1, false) >= 0);
		virtio_notify(w->device, q);
		for (unsigned i = 0; i < 20; i++) { /* enough to meet it */
			host_says(fd, "x");
			turns(w);
		}
		assert_non_null(w->device->transport.needs_reset);
		host_says(fd, "more");
		turns(w);
		assert_true(virtio_reset(w->device));
		host_reads(fd, NULL);
		close(fd);
	}
	begin(w);
	close(open_from_guest(w));
}

/* docs/ABI.md: such a device does nothing more for this driver. Its other ring is as good as ever. */
static void a_device_that_needs_a_reset_does_nothing_more(void **state)
{
	for (unsigned q = 0; q < 2; q++) {
		struct driver_part bad = { 1ull << 40, 100, q == VSOCK_RX };
		struct vsock_world *w = *state;
		struct driver *rx = &w->driver[VSOCK_RX];
		unsigned before;
		uint32_t written;
		uint16_t id;
		int fd, caller;

		begin(w);
		fd = open_from_guest(w);
		assert_true(driver_add(&w->driver[q], &bad, 1, false) >= 0);
		virtio_notify(w->device, q);
		for (unsigned i = 0; i < 20; i++) { /* enough to meet it */
			host_says(fd, "x");
			turns(w);
		}
		assert_non_null(w->device->transport.needs_reset);
		while (driver_take_used(rx, &id, &written) == 1)
			; /* of before */
		before = open_fds();
		host_says(fd, "more");
		caller = host_connects(w);
		host_says(caller, "CONNECT 1024\n");
		turns(w);
		for (unsigned i = 0; i < VSOCK_QUEUES; i++)
			virtio_notify(w->device, i);
		turns(w);
		assert_int_equal(driver_take_used(rx, &id, &written), 0);
		assert_int_equal(open_fds(), before + 1); /* nobody was accepted */
		assert_true(virtio_reset(w->device));
		close(fd);
		begin(w);
		turns(w);
		expect(w, OP(REQUEST), NULL); /* and now he is */
		close(caller);
		assert_true(virtio_reset(w->device));
	}
}

static void packets_have_a_latency_in_the_report(void **state)
{
	struct vsock_world *w = *state;
	int fd;

	begin(w);
	fd = open_from_guest(w);
	guest_sends(w, OP(RW), "question", 8);
	for (unsigned q = VSOCK_RX; q <= VSOCK_TX; q++) {
		const struct virtio_metrics *m = &w->device->metrics[q];
		uint64_t timed = 0;

		for (unsigned i = 0; i < VIRTIO_LATENCY_BUCKETS; i++)
			timed += m->latency[i];
		assert_int_equal(m->requests, q == VSOCK_TX ? 2 : 1);
		assert_int_equal(timed, m->requests);
	}
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_configuration_says_the_address),
		TEST(the_guest_connects_and_data_goes_both_ways),
		TEST(two_connections_of_one_port_are_kept_apart),
		TEST(connections_have_their_share_of_a_limit_by_turns),
		TEST(a_connection_to_nobody_is_reset),
		TEST(a_program_connects_and_data_goes_both_ways),
		TEST(the_first_line_may_come_in_pieces_and_data_right_behind_it),
		TEST(first_lines_that_are_none_are_hung_up_on),
		TEST(a_first_line_that_breaks_off_is_hung_up_on),
		TEST(a_whole_line_and_the_end_of_input_is_a_connection),
		TEST(a_port_that_the_guest_has_not_ends_the_programs_connection),
		TEST(a_program_that_gives_up_before_the_guest_answers_is_forgotten),
		TEST(a_guest_that_shuts_down_with_its_answer_is_heard),
		TEST(what_belongs_to_no_connection_is_reset),
		TEST(other_hosts_and_other_types_are_reset),
		TEST(other_senders_are_nobody),
		TEST(operations_that_make_no_sense_end_a_connection),
		TEST(data_before_the_guest_has_accepted_ends_the_connection),
		TEST(lengths_that_contradict_the_buffer_move_nothing),
		TEST(what_lies_behind_a_packet_is_left_alone),
		TEST(a_header_may_be_in_pieces),
		TEST(what_is_shorter_than_a_header_is_no_packet),
		TEST(packets_wait_for_the_guests_buffers),
		TEST(small_buffers_make_small_packets),
		TEST(buffers_without_room_for_a_header_are_given_back),
		TEST(a_buffer_without_room_for_data_is_given_back),
		TEST(a_broken_ring_needs_a_reset_and_then_works),
		TEST(a_device_that_needs_a_reset_does_nothing_more),
		TEST(packets_have_a_latency_in_the_report),
	};

	return VSOCK_RUN("sockets", tests);
}
