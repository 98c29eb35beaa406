/* SPDX-License-Identifier: Apache-2.0 */
/* The socket device: credit, and the ways in which connections end. */
#include "tests/unit/vsock_fixture.h"

#include <sys/socket.h>

#include "virtio/transport.h"

#define set_up    vsock_set_up
#define tear_down vsock_tear_down

#define BOTH_WAYS (VIRTIO_VSOCK_SHUTDOWN_SEND | VIRTIO_VSOCK_SHUTDOWN_RCV)

static void begin(struct vsock_world *w)
{
	vsock_begin(w, 16, VSOCK_BUFFER);
}

/* --- credit: 5.10.6.3 --- */

static uint8_t content(uint32_t at)
{
	return (uint8_t)(at * 7 + (at >> 8));
}

static void send_content(struct vsock_world *w, uint32_t *sent, uint32_t bytes)
{
	static uint8_t data[VSOCK_CREDIT + 1];

	for (uint32_t i = 0; i < bytes; i++)
		data[i % sizeof(data)] = content(*sent + i);
	for (uint32_t left = bytes; left > 0;) {
		uint32_t part = left < 8192 ? left : 8192;

		guest_sends(w, OP(RW), data + bytes - left, part);
		left -= part;
	}
	*sent += bytes;
}

/* Sends all that it has credit for, and asks for more, until there is none. */
static uint32_t fill_up(struct vsock_world *w)
{
	uint32_t sent = 0, credit = VSOCK_CREDIT;
	struct packet p;

	while (credit > 0) {
		send_content(w, &sent, credit);
		guest_sends(w, OP(CREDIT_REQUEST), NULL, 0);
		while (take_packet(w, &p)) {
			assert_int_equal(p.header.op, OP(CREDIT_UPDATE));
			credit = VSOCK_CREDIT - (sent - p.header.fwd_cnt);
		}
	}
	return sent;
}

static void a_program_that_does_not_read_stops_the_guest_and_loses_nothing(void **state)
{
	static uint8_t got[4096];
	struct vsock_world *w = *state;
	uint32_t sent, read = 0, told = 0;
	struct packet p;
	ssize_t n;
	int fd;

	begin(w);
	fd = open_from_guest(w);
	sent = fill_up(w);
	expect_none(w);
	while ((n = recv(fd, got, sizeof(got), 0)) > 0) {
		for (ssize_t i = 0; i < n; i++)
			if (got[i] != content(read + (uint32_t)i))
				fail_msg("byte %u", read + (uint32_t)i);
		read += (uint32_t)n;
		turns(w);
		while (take_packet(w, &p)) {
			assert_int_equal(p.header.op, OP(CREDIT_UPDATE));
			told = p.header.fwd_cnt;
		}
	}
	assert_int_equal(read, sent);
	/* Without having been asked: by then at least half of its buffer. */
	assert_true(sent - told < VSOCK_CREDIT / 2);
	close(fd);
}

/* THREATS 1. */
static void more_than_the_credit_ends_the_connection(void **state)
{
	struct vsock_world *w = *state;
	uint32_t sent;
	int fd;

	begin(w);
	fd = open_from_guest(w);
	sent = fill_up(w);
	send_content(w, &sent, 1);
	expect(w, OP(RST), NULL);
	expect_none(w);
	close(fd);
}

/* THREATS 1. */
static void a_packet_larger_than_the_buffer_ends_the_connection(void **state)
{
	struct vsock_world *w = *state;
	struct driver *driver = &w->driver[VSOCK_TX];
	uint64_t base = (uint64_t)(driver->mem.host - w->driver[VSOCK_RX].mem.host) + DRIVER_DATA_AT;
	const struct driver_part part = { base, VSOCK_HEADER + VSOCK_CREDIT + 1, false };
	struct virtio_vsock_hdr h;
	uint32_t written;
	uint16_t id;
	int fd;

	begin(w);
	fd = open_from_guest(w);
	h = header_of(w, OP(RW), VSOCK_CREDIT + 1);
	memcpy(driver->mem.host + DRIVER_DATA_AT, &h, sizeof(h));
	assert_true(driver_add(driver, &part, 1, false) >= 0);
	virtio_notify(w->device, VSOCK_TX);
	turns(w);
	assert_int_equal(driver_take_used(driver, &id, &written), 1);
	expect(w, OP(RST), NULL);
	host_reads(fd, NULL);
	close(fd);
}

static void a_request_for_credit_is_answered(void **state)
{
	struct vsock_world *w = *state;
	struct packet p;
	int fd;

	begin(w);
	fd = open_from_guest(w);
	guest_sends(w, OP(RW), "12345", 5);
	guest_sends(w, OP(CREDIT_REQUEST), NULL, 0);
	expect(w, OP(CREDIT_UPDATE), &p);
	assert_int_equal(p.header.fwd_cnt, 5);
	expect_none(w);
	close(fd);
}

static void a_guest_gets_no_more_than_it_has_room_for(void **state)
{
	struct vsock_world *w = *state;
	struct packet p;
	int fd;

	begin(w);
	w->buf_alloc = 0;
	fd = open_from_guest(w);
	host_says(fd, "0123456789");
	expect_none(w);
	w->buf_alloc = 4;
	guest_sends(w, OP(CREDIT_UPDATE), NULL, 0);
	expect(w, OP(RW), &p);
	assert_int_equal(p.header.len, 4);
	expect_none(w);
	w->fwd_cnt = 3;
	guest_sends(w, OP(CREDIT_UPDATE), NULL, 0);
	expect(w, OP(RW), &p);
	assert_int_equal(p.header.len, 3);
	w->buf_alloc = 2; /* less than what is in it */
	w->fwd_cnt = 4;
	guest_sends(w, OP(CREDIT_UPDATE), NULL, 0);
	expect_none(w);
	w->buf_alloc = UINT32_MAX;
	guest_sends(w, OP(CREDIT_UPDATE), NULL, 0);
	expect(w, OP(RW), &p);
	assert_int_equal(p.header.len, 3);
	assert_memory_equal(p.data, "789", 3);
	expect_none(w);
	close(fd);
}

/* Its own buffer is all that it can spoil. */
static void a_guest_that_claims_to_have_read_the_future_gets_its_data(void **state)
{
	static const uint32_t ahead[] = { 1, 4096, 0x7fffffff, 0x80000000, UINT32_MAX };
	struct vsock_world *w = *state;
	struct packet p;

	begin(w);
	for (unsigned i = 0; i < COUNT_OF(ahead); i++) {
		int fd;

		w->buf_alloc = 100;
		w->fwd_cnt = 0;
		fd = open_from_guest(w);
		w->fwd_cnt = ahead[i];
		guest_sends(w, OP(CREDIT_UPDATE), NULL, 0);
		host_says(fd, "abc");
		turns(w);
		while (take_packet(w, &p))
			assert_true(p.header.op == OP(RW) && p.header.len <= 3);
		/* A true word mends it. */
		w->fwd_cnt = 0;
		guest_sends(w, OP(CREDIT_UPDATE), NULL, 0);
		while (take_packet(w, &p))
			assert_true(p.header.op == OP(RW) && p.header.len <= 3);
		w->buf_alloc = 0x10000;
		guest_sends(w, OP(RST), NULL, 0);
		host_reads(fd, NULL);
		close(fd);
	}
}

/* --- ends --- */

static void the_guests_half_close_is_the_programs_end_of_input(void **state)
{
	struct vsock_world *w = *state;
	int fd;

	begin(w);
	fd = open_from_guest(w);
	guest_sends(w, OP(RW), "last words", 10);
	guest_shuts(w, VIRTIO_VSOCK_SHUTDOWN_SEND);
	host_reads(fd, "last words");
	host_reads(fd, NULL);
	host_says(fd, "heard");
	turns(w);
	expect(w, OP(RW), NULL);
	expect_none(w);
	close(fd);
}

static void the_guests_half_close_comes_after_what_it_has_sent(void **state)
{
	static uint8_t got[65536];
	struct vsock_world *w = *state;
	uint32_t sent, read = 0;
	ssize_t n;
	int fd;

	begin(w);
	fd = open_from_guest(w);
	sent = fill_up(w);
	guest_shuts(w, VIRTIO_VSOCK_SHUTDOWN_SEND);
	while ((n = recv(fd, got, sizeof(got), 0)) > 0) {
		read += (uint32_t)n;
		turns(w);
	}
	assert_int_equal(n, 0);
	assert_int_equal(read, sent);
	close(fd);
}

static void data_after_the_guests_half_close_ends_the_connection(void **state)
{
	struct vsock_world *w = *state;
	int fd;

	begin(w);
	fd = open_from_guest(w);
	guest_shuts(w, VIRTIO_VSOCK_SHUTDOWN_SEND);
	guest_sends(w, OP(RW), "more", 4);
	expect(w, OP(RST), NULL);
	host_reads(fd, NULL);
	close(fd);
}

static void a_guest_that_reads_no_more_lets_the_program_know(void **state)
{
	struct vsock_world *w = *state;
	int fd;

	begin(w);
	fd = open_from_guest(w);
	host_says(fd, "taken");
	turns(w);
	expect(w, OP(RW), NULL);
	guest_shuts(w, VIRTIO_VSOCK_SHUTDOWN_RCV);
	assert_int_equal(send(fd, "x", 1, MSG_NOSIGNAL), -1);
	assert_int_equal(errno, EPIPE);
	guest_sends(w, OP(RW), "still here", 10);
	host_reads(fd, "still here");
	expect_none(w);
	close(fd);
}

/* 5.10.6.5: the reset says that all has arrived. */
static void a_guest_that_closes_is_reset_once_all_has_arrived(void **state)
{
	static uint8_t got[65536];
	struct vsock_world *w = *state;
	uint32_t sent, read = 0;
	struct packet p;
	unsigned resets = 0;
	ssize_t n;
	int fd;

	begin(w);
	fd = open_from_guest(w);
	sent = fill_up(w);
	guest_shuts(w, BOTH_WAYS);
	expect_none(w);
	while ((n = recv(fd, got, sizeof(got), 0)) > 0) {
		read += (uint32_t)n;
		turns(w);
		while (take_packet(w, &p))
			resets += p.header.op == OP(RST);
	}
	assert_int_equal(n, 0);
	assert_int_equal(read, sent);
	assert_int_equal(resets, 1);
	expect_none(w);
	close(fd);
}

static void a_guests_reset_is_the_end(void **state)
{
	struct vsock_world *w = *state;
	int fd;

	begin(w);
	fd = open_from_guest(w);
	guest_sends(w, OP(RST), NULL, 0);
	host_reads(fd, NULL);
	expect_none(w);
	close(fd);
}

static void the_programs_half_close_is_told_after_its_data(void **state)
{
	struct vsock_world *w = *state;
	struct packet p;
	int fd;

	begin(w);
	fd = open_from_guest(w);
	host_says(fd, "last words");
	shutdown(fd, SHUT_WR);
	turns(w);
	expect(w, OP(RW), &p);
	expect(w, OP(SHUTDOWN), &p);
	assert_int_equal(p.header.flags, VIRTIO_VSOCK_SHUTDOWN_SEND);
	guest_sends(w, OP(RW), "answer", 6);
	host_reads(fd, "answer");
	expect_none(w);
	guest_shuts(w, BOTH_WAYS);
	expect(w, OP(RST), NULL);
	host_reads(fd, NULL);
	close(fd);
}

static void a_program_that_closes_is_told_after_its_data(void **state)
{
	struct vsock_world *w = *state;
	struct packet p;
	unsigned before;
	int fd;

	begin(w);
	before = open_fds();
	fd = open_from_guest(w);
	host_says(fd, "last words");
	close(fd);
	turns(w);
	expect(w, OP(RW), &p);
	expect(w, OP(SHUTDOWN), &p);
	assert_int_equal(p.header.flags, BOTH_WAYS);
	expect_none(w);
	guest_sends(w, OP(RST), NULL, 0);
	expect_none(w);
	assert_int_equal(open_fds(), before + 1); /* the test's listener */
}

static void a_program_that_closes_after_its_half_close_is_told_too(void **state)
{
	struct vsock_world *w = *state;
	struct packet p;
	int fd;

	begin(w);
	fd = open_from_guest(w);
	shutdown(fd, SHUT_WR);
	turns(w);
	expect(w, OP(SHUTDOWN), &p);
	assert_int_equal(p.header.flags, VIRTIO_VSOCK_SHUTDOWN_SEND);
	close(fd);
	turns(w);
	expect(w, OP(SHUTDOWN), &p);
	assert_int_equal(p.header.flags, BOTH_WAYS);
	expect_none(w);
}

/* The guest finds out by sending that nobody takes it; what was sent before is not lost by that. */
static void what_a_program_has_said_outlives_it(void **state)
{
	struct vsock_world *w = *state;
	struct packet p;
	char got[20];
	size_t bytes = 0;
	int fd;

	begin(w);
	w->buf_alloc = 4;
	fd = open_from_guest(w);
	host_says(fd, "last words");
	close(fd);
	for (unsigned i = 0; i < 2; i++)
		guest_sends(w, OP(RW), "are you there?", 14);
	while (take_packet(w, &p)) {
		if (p.header.op == OP(RW)) {
			memcpy(got + bytes, p.data, p.header.len);
			bytes += p.header.len;
			w->fwd_cnt += p.header.len;
			guest_sends(w, OP(CREDIT_UPDATE), NULL, 0);
		} else if (p.header.op == OP(SHUTDOWN) && p.header.flags == BOTH_WAYS) {
			break;
		}
	}
	assert_int_equal(bytes, 10);
	assert_memory_equal(got, "last words", 10);
	guest_sends(w, OP(RST), NULL, 0);
	expect_none(w);
}

/* THREATS 4. */
static void a_reset_ends_all_connections_and_the_next_driver_begins_anew(void **state)
{
	struct vsock_world *w = *state;
	int fd[3], waiting;
	unsigned before;
	uint32_t port;

	begin(w);
	before = open_fds();
	fd[0] = open_from_guest(w);
	fd[1] = open_from_host(w, &port);
	fd[2] = host_connects(w); /* without a word yet */
	turns(w);
	assert_true(virtio_reset(w->device));
	for (unsigned i = 0; i < 3; i++) {
		host_reads(fd[i], NULL);
		close(fd[i]);
	}
	waiting = host_connects(w); /* while there is no driver */
	host_says(waiting, "CONNECT 1024\n");
	turns(w);
	begin(w);
	turns(w);
	expect(w, OP(REQUEST), NULL);
	close(waiting);
	turns(w);
	expect(w, OP(RST), NULL);
	assert_int_equal(open_fds(), before + 1); /* the test's listener */
	close(open_from_guest(w));
}

static void a_machine_that_ends_closes_all_connections(void **state)
{
	struct vsock_world *w = *state;
	uint32_t port;

	begin(w);
	w->ends[0] = open_from_guest(w);
	w->ends[1] = open_from_host(w, &port);
	w->ends[2] = host_connects(w);
	turns(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_program_that_does_not_read_stops_the_guest_and_loses_nothing),
		TEST(more_than_the_credit_ends_the_connection),
		TEST(a_packet_larger_than_the_buffer_ends_the_connection),
		TEST(a_request_for_credit_is_answered),
		TEST(a_guest_gets_no_more_than_it_has_room_for),
		TEST(a_guest_that_claims_to_have_read_the_future_gets_its_data),
		TEST(the_guests_half_close_is_the_programs_end_of_input),
		TEST(the_guests_half_close_comes_after_what_it_has_sent),
		TEST(data_after_the_guests_half_close_ends_the_connection),
		TEST(a_guest_that_reads_no_more_lets_the_program_know),
		TEST(a_guest_that_closes_is_reset_once_all_has_arrived),
		TEST(a_guests_reset_is_the_end),
		TEST(the_programs_half_close_is_told_after_its_data),
		TEST(a_program_that_closes_is_told_after_its_data),
		TEST(a_program_that_closes_after_its_half_close_is_told_too),
		TEST(what_a_program_has_said_outlives_it),
		TEST(a_reset_ends_all_connections_and_the_next_driver_begins_anew),
		TEST(a_machine_that_ends_closes_all_connections),
	};

	return VSOCK_RUN("sockets' lives", tests);
}
