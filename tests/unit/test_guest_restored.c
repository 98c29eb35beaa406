/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guests' virtio drivers at devices of ours, with a snapshot in between: they go on with other devices, and know what is new.
 * The guest's memory is this process's, where the drivers have it: guest-physical is virtual.
 */
#include "tests/unit/state_fixture.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <kvick_blk.h>
#include <kvick_guest.h>
#include <kvick_net.h>
#include <kvick_virtio.h>
#include <kvick_vsock.h>

#define PORT     1024u
#define LISTEN   5000u
#define PATIENCE 20000000000ull /* a guest that sleeps so long has missed something */

static struct state_world *the;
static struct guest_mem everything = { .host = NULL, .bytes = 1ull << 47 };
static struct kvick_device list[KVICK_DEVICES_MAX] __attribute__((aligned(4096)));
static struct kvick_boot_info boot;

struct kvick_boot_info *kvick_boot(void)
{
	return &boot;
}

void kvick_hypercall(struct kvick_call *call)
{
	struct kvick_virtio_setup setup;

	assert_int_equal(call->nr, KVICK_CALL_DEVICE_SETUP);
	memcpy(&setup, (const void *)(uintptr_t)call->arg[0], sizeof(setup));
	call->ret = devices_setup(&the->devices, &setup);
}

int64_t kvick_notify_wait(uint64_t event_mask, uint64_t timeout_ns, uint64_t notifications)
{
	uint64_t ns = timeout_ns < PATIENCE ? timeout_ns : PATIENCE;
	int64_t events = devices_wait(&the->devices, event_mask, ns, notifications);

	if (events == 0 && timeout_ns == KVICK_FOREVER)
		fail_msg("the guest sleeps for ever");
	return events;
}

static int set_up(void **state)
{
	int r = state_set_up(state);

	the = *state;
	the->ram = &everything;
	the->list_at = (uintptr_t)list;
	memset(list, 0, sizeof(list));
	/* As the kinds of rings of the other tests. */
	setenv("VIRTIO_WITHOUT", state_ring & BIT(VIRTIO_F_RING_PACKED) ? "" : "packed", 1);
	setenv("VIRTIO_WITH", state_ring & BIT(VIRTIO_F_IN_ORDER) ? "in-order" : "", 1);
	return r;
}

static int tear_down(void **state)
{
	return state_tear_down(state);
}

static struct state_world *with(enum device_kind kind)
{
	add_device(the, kind);
	make_devices(the);
	boot = (struct kvick_boot_info){ .devices = (uintptr_t)list, .device_count = the->count, .seed = { 1, 2 } };
	return the;
}

static void entropy_goes_on(void **state)
{
	struct kvick_rng *rng;
	uint8_t bytes[16];

	(void)state;
	with(DEVICE_ENTROPY);
	rng = kvick_rng_open(0);
	for (unsigned i = 0; i < 30; i++) {
		assert_true(kvick_rng_read(rng, bytes, sizeof(bytes)) > 0);
		go_on_as_another(the);
	}
	kvick_rng_close(rng);
}

static void a_disk_goes_on(void **state)
{
	struct kvick_blk_request request = { .operation = KVICK_BLK_READ, .sector = 3, .segment_count = 1 };
	struct kvick_blk *blk;
	char out[512] = "three", in[512];

	(void)state;
	with(DEVICE_BLOCK);
	blk = kvick_blk_open(0, 1);
	request.segments[0].data = in;
	request.segments[0].bytes = sizeof(in);
	for (unsigned i = 0; i < 30; i++) {
		out[6] = (char)('a' + i);
		assert_int_equal(kvick_blk_write(blk, 3, out, sizeof(out)), 0);
		assert_int_equal(kvick_blk_submit(blk, 0, &request), 0); /* and nobody is told of it yet */
		go_on_as_another(the);
		while (kvick_blk_poll(blk) != &request)
			assert_int_equal(kvick_blk_wait(blk, KVICK_FOREVER), 1);
		assert_int_equal(request.result, 0);
		assert_memory_equal(in, out, sizeof(out));
	}
	kvick_blk_close(blk);
}

static void a_console_goes_on(void **state)
{
	struct kvick_port *port;
	char got[16];

	(void)state;
	with(DEVICE_CONSOLE);
	port = kvick_port_open(0);
	assert_int_equal(kvick_port_write(port, "before", 6), 6);
	assert_int_equal(write(the->in[1], "typed", 5), 5);
	turn(the);
	go_on_as_another(the);
	assert_int_equal(kvick_port_write(port, "behind", 6), 6);
	assert_int_equal(read(the->out[0], got, sizeof(got)), 12);
	assert_memory_equal(got, "beforebehind", 12);
	while (kvick_port_read(port, got, sizeof(got)) == 0)
		assert_int_equal(kvick_port_wait(port, KVICK_FOREVER), 1);
	assert_memory_equal(got, "typed", 5);
	kvick_port_close(port);
}

/* Both ways. */
static void exchange_frames(struct kvick_net *net, int byte)
{
	uint8_t frame[200], got[256];
	int64_t n;

	memset(frame, byte, sizeof(frame));
	assert_int_equal(kvick_net_send(net, frame, sizeof(frame), NULL), 0);
	kvick_net_wait(net, 0);
	assert_int_equal(recv(the->pair[1], got, sizeof(got), 0), sizeof(frame));
	assert_memory_equal(got, frame, sizeof(frame));
	assert_int_equal(send(the->pair[1], frame, sizeof(frame), 0), sizeof(frame));
	while ((n = kvick_net_receive(net, got, sizeof(got), NULL)) == 0)
		assert_int_equal(kvick_net_wait(net, KVICK_FOREVER), 1);
	assert_int_equal(n, sizeof(frame));
	assert_memory_equal(got, frame, sizeof(frame));
}

static void a_network_goes_on_with_its_new_address(void **state)
{
	struct kvick_net_info before, info;
	struct kvick_net *net;

	(void)state;
	with(DEVICE_NET);
	net = kvick_net_open(0);
	kvick_net_info(net, &before);
	for (unsigned i = 0; i < 40; i++) {
		exchange_frames(net, (int)i);
		if (i % 8)
			continue;
		go_on_as_another(the);
		assert_int_equal(kvick_net_wait(net, KVICK_FOREVER), 1); /* it is told that something has changed */
		kvick_net_info(net, &info);
		assert_memory_not_equal(info.mac, before.mac, sizeof(info.mac));
		assert_true(info.link_up);
		before = info;
	}
	kvick_net_close(net);
}

/* --- sockets --- */

static int connect_host(void)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	memcpy(at.sun_path, the->path, sizeof(the->path));
	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(send(fd, "CONNECT 1024\n", 13, 0), 13);
	return fd;
}

static struct kvick_socket *accept_one(struct kvick_vsock *vsock)
{
	struct kvick_socket *socket;

	for (unsigned i = 0; !(socket = kvick_vsock_accept(vsock)); i++) {
		assert_true(i < 5);
		assert_true(kvick_vsock_poll(vsock, PATIENCE) >= 0);
	}
	return socket;
}

static void say(struct kvick_vsock *vsock, struct kvick_socket *socket, int fd, const char *text)
{
	char got[64] = "";
	ssize_t n = -1;

	assert_int_equal(kvick_socket_send(socket, text, strlen(text)), strlen(text));
	for (unsigned i = 0; n < 0; i++) {
		assert_true(i < 100);
		kvick_vsock_poll(vsock, 0);
		n = recv(fd, got, sizeof(got) - 1, 0);
	}
	assert_non_null(strstr(got, text));
}

static void sockets_end_and_new_ones_are_made_at_the_new_address(void **state)
{
	struct kvick_socket *first, *second;
	struct kvick_vsock *vsock;
	int before, behind;
	char byte;

	(void)state;
	with(DEVICE_VSOCK);
	vsock = kvick_vsock_open(0, 4, KVICK_VSOCK_BUFFER_BYTES);
	assert_int_equal(kvick_vsock_cid(vsock), 3);
	kvick_vsock_listen(vsock, PORT);
	before = connect_host();
	first = accept_one(vsock);
	say(vsock, first, before, "hello");
	the->list[0].cid = 77;
	go_on_as_another(the);
	assert_int_equal(recv(before, &byte, 1, 0), 0);
	/* Somebody is there before the guest has heard of anything. */
	behind = connect_host();
	turn(the);
	second = accept_one(vsock);
	assert_true(kvick_socket_dead(first));
	assert_int_equal(kvick_vsock_cid(vsock), 77);
	assert_int_equal(kvick_socket_send(first, "x", 1), -KVICK_EIO);
	kvick_socket_close(first);
	say(vsock, second, behind, "again");
	assert_true(kvick_socket_connected(second));
	kvick_vsock_close(vsock);
	close(before);
	close(behind);
}

static void a_connection_that_was_being_made_fails_and_the_next_one_does_not(void **state)
{
	struct kvick_socket *first, *second;
	struct kvick_vsock *vsock;
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	with(DEVICE_VSOCK);
	snprintf(at.sun_path, sizeof(at.sun_path), "%.40s_%u", the->path, LISTEN);
	assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(listener, 4), 0);
	vsock = kvick_vsock_open(0, 4, KVICK_VSOCK_BUFFER_BYTES);
	first = kvick_vsock_connect(vsock, KVICK_VSOCK_HOST, LISTEN);
	the->list[0].cid = 77;
	go_on_as_another(the);
	for (unsigned i = 0; !kvick_socket_dead(first); i++) {
		assert_true(i < 10);
		kvick_vsock_poll(vsock, 0);
	}
	second = kvick_vsock_connect(vsock, KVICK_VSOCK_HOST, LISTEN);
	for (unsigned i = 0; !kvick_socket_connected(second); i++) {
		assert_true(i < 10);
		kvick_vsock_poll(vsock, 0);
	}
	kvick_vsock_close(vsock);
	close(listener);
	unlink(at.sun_path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(entropy_goes_on),
		TEST(a_disk_goes_on),
		TEST(a_console_goes_on),
		TEST(a_network_goes_on_with_its_new_address),
		TEST(sockets_end_and_new_ones_are_made_at_the_new_address),
		TEST(a_connection_that_was_being_made_fails_and_the_next_one_does_not),
	};

	return STATE_RUN("guest_restored", tests);
}
