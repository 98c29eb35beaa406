/* SPDX-License-Identifier: Apache-2.0 */
/* A socket device that is saved and goes on: its driver hears that all connections are gone (5.10.6.7), and makes new ones. */
#include "tests/unit/state_fixture.h"

#include <linux/virtio_vsock.h>
#include <sys/socket.h>
#include <sys/un.h>

#define set_up    state_set_up
#define tear_down state_tear_down

#define HEADER ((uint32_t)sizeof(struct virtio_vsock_hdr))
#define PORT   1024u

enum { RX, TX, EVENT };

static struct state_world *with_vsock(void **state)
{
	struct state_world *w = *state;

	add_device(w, DEVICE_VSOCK);
	make_devices(w);
	drive(w, 0);
	return w;
}

static void give_buffers(struct state_world *w, unsigned count)
{
	w->slots[RX] = 0;
	for (unsigned i = 0; i < count; i++)
		offer(w, RX, NULL, 0x1000, true);
	notify(w, RX);
}

/* A program on the host. */
static int connect_host(struct state_world *w)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	memcpy(at.sun_path, w->path, sizeof(w->path));
	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(send(fd, "CONNECT 1024\n", 13, 0), 13);
	return fd;
}

/* The packet in the buffer of that number. */
static struct virtio_vsock_hdr packet(struct state_world *w, unsigned buffer)
{
	struct virtio_vsock_hdr h;

	assert_true(used(w, RX) >= HEADER);
	memcpy(&h, w->driver[RX].mem.host + DRIVER_DATA_AT + buffer * STATE_SLOT_BYTES, sizeof(h));
	return h;
}

static void answer(struct state_world *w, const struct virtio_vsock_hdr *to, uint16_t op)
{
	const struct virtio_vsock_hdr h = {
		.src_cid = to->dst_cid, .dst_cid = to->src_cid, .src_port = to->dst_port, .dst_port = to->src_port,
		.type = VIRTIO_VSOCK_TYPE_STREAM, .op = op, .buf_alloc = 0x10000,
	};

	offer(w, TX, &h, HEADER, false);
	notify(w, TX);
	used(w, TX);
}

static void is_event(struct state_world *w, const uint8_t *buffer)
{
	struct virtio_vsock_event event;

	assert_int_equal(used(w, EVENT), sizeof(event));
	memcpy(&event, buffer, sizeof(event));
	assert_int_equal(event.id, VIRTIO_VSOCK_EVENT_TRANSPORT_RESET);
}

static void is_at_end(int fd)
{
	char byte;

	assert_int_equal(recv(fd, &byte, 1, 0), 0);
	close(fd);
}

static void connections_end_and_new_ones_begin_at_the_new_address(void **state)
{
	struct state_world *w = with_vsock(state);
	const uint8_t *event = offer(w, EVENT, NULL, sizeof(struct virtio_vsock_event), true);
	struct virtio_vsock_hdr first, second;
	uint32_t generation = listed(w)->generation;
	uint64_t cid;
	char line[32];
	int fd;

	notify(w, EVENT);
	give_buffers(w, 4);
	fd = connect_host(w);
	turn(w);
	first = packet(w, 0);
	assert_int_equal(first.op, VIRTIO_VSOCK_OP_REQUEST);
	answer(w, &first, VIRTIO_VSOCK_OP_RESPONSE);
	assert_true(recv(fd, line, sizeof(line), 0) > 3);
	assert_int_equal(send(fd, "x", 1, 0), 1);
	turn(w);
	packet(w, 1);
	/* It looks whether there is more, with a buffer in its hand. */
	assert_int_equal(w->device->queues[RX].in_flight, 1);
	none_used(w, EVENT);

	w->list[0].cid = 9;
	go_on_as_another(w);
	is_at_end(fd);
	assert_true(has_event(w));
	is_event(w, event);
	memcpy(&cid, listed(w)->config, sizeof(cid));
	assert_int_equal(cid, 9);
	assert_int_equal(listed(w)->generation, generation + 2);

	fd = connect_host(w);
	turn(w);
	second = packet(w, 2); /* that very buffer */
	assert_int_equal(second.op, VIRTIO_VSOCK_OP_REQUEST);
	assert_int_equal(second.dst_cid, 9);
	assert_int_not_equal(second.src_port, first.src_port);
	answer(w, &second, VIRTIO_VSOCK_OP_RESPONSE);
	assert_true(recv(fd, line, sizeof(line), 0) > 3);
	close(fd);
	none_used(w, EVENT);
}

static void the_machine_that_was_saved_keeps_its_connections(void **state)
{
	struct state_world *w = with_vsock(state);
	struct virtio_vsock_hdr h;
	char line[32];
	int fd;

	offer(w, EVENT, NULL, sizeof(struct virtio_vsock_event), true);
	give_buffers(w, 4);
	fd = connect_host(w);
	turn(w);
	h = packet(w, 0);
	answer(w, &h, VIRTIO_VSOCK_OP_RESPONSE);
	save(w);
	devices_resume(&w->devices);
	assert_true(recv(fd, line, sizeof(line), 0) > 3);
	assert_int_equal(send(fd, "x", 1, 0), 1);
	assert_int_equal(packet(w, 1).op, VIRTIO_VSOCK_OP_RW);
	none_used(w, EVENT);
	close(fd);
}

static void a_driver_without_buffers_for_events_hears_of_it_later(void **state)
{
	struct state_world *w = with_vsock(state);
	const uint8_t *event;

	go_on_as_another(w);
	go_on_as_another(w); /* once is enough */
	none_used(w, EVENT);
	offer(w, EVENT, NULL, 2, true); /* has no room for one */
	event = offer(w, EVENT, NULL, sizeof(struct virtio_vsock_event), true);
	offer(w, EVENT, NULL, sizeof(struct virtio_vsock_event), true);
	notify(w, EVENT);
	assert_int_equal(used(w, EVENT), 2);
	is_event(w, event);
	none_used(w, EVENT);
}

static void a_driver_that_has_not_begun_hears_of_nothing(void **state)
{
	struct state_world *w = *state;

	add_device(w, DEVICE_VSOCK);
	make_devices(w);
	go_on_as_another(w);
	drive(w, 0);
	offer(w, EVENT, NULL, sizeof(struct virtio_vsock_event), true);
	notify(w, EVENT);
	none_used(w, EVENT);
}

static void a_new_driver_hears_of_nothing_either(void **state)
{
	struct state_world *w = with_vsock(state);

	go_on_as_another(w);
	drive(w, 0);
	offer(w, EVENT, NULL, sizeof(struct virtio_vsock_event), true);
	notify(w, EVENT);
	none_used(w, EVENT);
}

/* What it sent to connections of before. */
static void packets_of_connections_that_are_gone_are_used(void **state)
{
	struct state_world *w = with_vsock(state);
	struct virtio_vsock_hdr h = { .src_cid = 3, .dst_cid = 2, .src_port = PORT, .dst_port = 7, .op = VIRTIO_VSOCK_OP_RW,
				      .type = VIRTIO_VSOCK_TYPE_STREAM };

	give_buffers(w, 4);
	offer(w, TX, &h, HEADER, false); /* and did not notify */
	go_on_as_another(w);
	used(w, TX);
	assert_int_equal(packet(w, 0).op, VIRTIO_VSOCK_OP_RST);
	offer(w, TX, &h, HEADER, false);
	w->list[0].cid = 9;
	go_on_as_another(w);
	used(w, TX);
	none_used(w, RX); /* that address is nobody's */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(connections_end_and_new_ones_begin_at_the_new_address),
		TEST(the_machine_that_was_saved_keeps_its_connections),
		TEST(a_driver_without_buffers_for_events_hears_of_it_later),
		TEST(a_driver_that_has_not_begun_hears_of_nothing),
		TEST(a_new_driver_hears_of_nothing_either),
		TEST(packets_of_connections_that_are_gone_are_used),
	};

	return STATE_RUN("devices_state_vsock", tests);
}
