/* SPDX-License-Identifier: Apache-2.0 */
/* The guests' virtio drivers, and blkcheck, against devices played in this process. */
#include "tests/unit/test_unit.h"

#include <kvick_blk.h>
#include <kvick_net.h>
#include <kvick_virtio.h>
#include <kvick_vsock.h>

#include "tests/unit/virtio_world.h"

#define SECTOR       512u
#define DISK_SECTORS 1024u

#define RING_FEATURES (1ull << 28 | 1ull << 29 | 1ull << 34)

#define main blkcheck_main
#include "guests/unikernels/blkcheck/main.c"
#undef main

static int set_up(void **state)
{
	(void)state;
	world_reset();
	unsetenv("VIRTIO_WITHOUT");
	unsetenv("VIRTIO_WITH");
	unsetenv("VIRTIO_QUEUE_SIZE");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	return 0;
}

/* Runs a check with each kind of ring, and with small ones. */
static void with_all_rings(void (*check)(void))
{
	static const char *const without[] = { "", "packed", "packed,indirect", "packed,event-index", "indirect",
					       "indirect,event-index" };
	static const char *const sizes[] = { "256", "16", "4" };

	for (unsigned i = 0; i < COUNT_OF(without); i++)
		for (unsigned k = 0; k < COUNT_OF(sizes); k++) {
			world_reset();
			setenv("VIRTIO_WITHOUT", without[i], 1);
			setenv("VIRTIO_QUEUE_SIZE", sizes[k], 1);
			check();
		}
}

/* --- the disk --- */

static struct {
	uint8_t data[(DISK_SECTORS + 1) * SECTOR];
	bool read_only;
	bool lies;      /* says that writes were done, and does not do them */
	bool off_by_one;
} disk;

static uint8_t serve_disk(const struct model_chain *chain, uint32_t *written)
{
	unsigned in = world_writable(chain) - 1, out = world_readable(chain) - 16, sectors = (in + out) / SECTOR;
	struct {
		uint64_t sector;
		uint32_t sectors, flags;
	} range;
	struct {
		uint32_t type, reserved;
		uint64_t sector;
	} header;

	*written = 0;
	assert_int_equal(world_read(chain, 0, &header, 16), 16);
	if (header.type == 11 || header.type == 13) {
		world_read(chain, 16, &range, 16);
		if (disk.read_only || range.sector > DISK_SECTORS || range.sectors > DISK_SECTORS - range.sector)
			return 1;
		memset(&disk.data[range.sector * SECTOR], 0, range.sectors * SECTOR);
		return 0;
	}
	if (header.type == 8) {
		*written = world_write(chain, 0, "a disk of the test's", 20);
		return 0;
	}
	if (header.type == 4)
		return 0;
	if (header.type > 1)
		return 2;
	if (header.sector > DISK_SECTORS || sectors > DISK_SECTORS - header.sector || (in + out) % SECTOR)
		return 1;
	if (header.type == 0) {
		*written = world_write(chain, 0, &disk.data[(header.sector + disk.off_by_one) * SECTOR], in);
		return 0;
	}
	if (disk.read_only)
		return 1;
	if (!disk.lies)
		world_read(chain, 16, &disk.data[header.sector * SECTOR], out);
	return 0;
}

/* Two at a time, the second first: so requests do not come back in order. */
static void disk_notified(struct world_device *device, unsigned queue)
{
	struct model_chain chains[2];
	unsigned n;

	do {
		for (n = 0; n < 2 && world_pop(device, queue, &chains[n]); n++)
			;
		for (unsigned i = n; i-- > 0;) {
			uint32_t written;
			uint8_t status = serve_disk(&chains[i], &written);

			world_write(&chains[i], world_writable(&chains[i]) - 1, &status, 1);
			world_push(device, queue, &chains[i], written + 1);
		}
	} while (n > 0);
}

static void add_disk(void)
{
	uint8_t config[60] = { 0 };
	uint64_t features = RING_FEATURES | 1ull << 9 | 1ull << 12 | 1ull << 13 | 1ull << 14;

	memset(&disk.data, 0xcc, sizeof(disk.data));
	*(uint64_t *)config = DISK_SECTORS;
	config[34] = 2;                          /* queues */
	*(uint32_t *)(config + 36) = 1024;       /* most sectors of a discard */
	*(uint32_t *)(config + 48) = 1024;       /* … of a write-zeroes */
	world_add(KVICK_ID_BLOCK, features | (disk.read_only ? 1ull << 5 : 0), 2, config, sizeof(config))->notified =
		disk_notified;
}

static int blkcheck(char *mode)
{
	char *arguments[] = { "blkcheck", mode, "77", NULL };

	made = failed = 0;
	return blkcheck_main(3, arguments);
}

static void check_good_disk(void)
{
	add_disk();
	assert_int_equal(blkcheck("all"), 0);
	assert_int_equal(blkcheck("verify"), 0);
	assert_int_equal(blkcheck("beyond"), 0);
}

static void blkcheck_finds_a_good_disk_good(void **state)
{
	(void)state;
	with_all_rings(check_good_disk);
}

static void blkcheck_finds_what_is_wrong(void **state)
{
	(void)state;
	add_disk();
	assert_int_equal(blkcheck("readonly"), 1); /* it is not */
	disk.lies = true;
	assert_int_equal(blkcheck("all"), 1);
	disk.lies = false;
	disk.off_by_one = true;
	assert_int_equal(blkcheck("all"), 1);
	disk.off_by_one = false;
}

static void blkcheck_knows_a_read_only_disk(void **state)
{
	(void)state;
	disk.read_only = true;
	add_disk();
	assert_int_equal(blkcheck("readonly"), 0);
	assert_int_equal(blkcheck("all"), 1);
	disk.read_only = false;
}

static void a_request_that_is_waited_for_is_one_call(void **state)
{
	uint8_t data[SECTOR];
	struct kvick_blk *blk;
	unsigned before;

	(void)state;
	add_disk();
	blk = kvick_blk_open(0, 1);
	assert_non_null(blk);
	before = world_waits();
	assert_int_equal(kvick_blk_read(blk, 1, data, sizeof(data)), 0);
	assert_int_equal(world_waits() - before, 1);
	kvick_blk_close(blk);
}

static void devices_are_found_by_kind_and_name(void **state)
{
	(void)state;
	assert_int_equal(kvick_device_find(KVICK_ID_BLOCK, NULL), -1);
	assert_null(kvick_blk_open(-1, 1));
	add_disk();
	add_disk();
	assert_int_equal(kvick_device_find(KVICK_ID_BLOCK, NULL), 0);
	assert_int_equal(kvick_device_find(KVICK_ID_BLOCK, "device1"), 1);
	assert_int_equal(kvick_device_find(KVICK_ID_NET, "device1"), -1);
	assert_null(kvick_rng_open(0));
	assert_null(kvick_blk_open(2, 1));
}

/* --- the network: what is sent comes back, in pieces where that is negotiated --- */

static void net_notified(struct world_device *device, unsigned queue)
{
	uint8_t packet[2048];
	struct model_chain sent, pieces[4];

	while (queue == 1 && world_pop(device, 1, &sent)) {
		unsigned bytes = world_read(&sent, 0, packet, sizeof(packet)), at = 0, n = 0;

		world_push(device, 1, &sent, 0);
		for (; at < bytes; n++) {
			assert_true(world_pop(device, 0, &pieces[n]));
			at += world_writable(&pieces[n]);
		}
		packet[0] = KVICK_NET_CHECKSUM_GOOD;
		packet[10] = (uint8_t)n;
		at = 0;
		for (unsigned i = 0; i < n; i++) {
			unsigned part = world_write(&pieces[i], 0, packet + at, bytes - at);

			world_push(device, 0, &pieces[i], part);
			at += part;
		}
	}
}

static void check_net(uint64_t features)
{
	static const uint8_t mac[8] = { 2, 1, 2, 3, 4, 5, 1, 0 };
	uint8_t frame[1514], back[1514];
	struct kvick_net_info info;
	struct kvick_net *net;
	unsigned flags;

	world_add(KVICK_ID_NET, features | RING_FEATURES | 1ull << 5 | 1ull << 16, 2, mac, sizeof(mac))->notified = net_notified;
	net = kvick_net_open(0);
	assert_non_null(net);
	kvick_net_info(net, &info);
	assert_memory_equal(info.mac, mac, 6);
	assert_true(info.link_up);
	for (unsigned i = 0; i < 300; i++) {
		uint32_t bytes = 60 + i * 29 % 1455;

		memset(frame, (int)i, sizeof(frame));
		assert_int_equal(kvick_net_send(net, frame, bytes, NULL), 0);
		assert_true(kvick_net_wait(net, KVICK_FOREVER) >= 0);
		assert_int_equal(kvick_net_receive(net, back, sizeof(back), &flags), bytes);
		assert_int_equal(flags, KVICK_NET_CHECKSUM_GOOD);
		assert_memory_equal(frame, back, bytes);
		assert_int_equal(kvick_net_receive(net, back, sizeof(back), NULL), 0);
	}
	kvick_net_close(net);
}

static void check_net_whole(void)
{
	check_net(0);
}

static void check_net_merged(void)
{
	check_net(1ull << 15);
}

static void frames_come_and_go(void **state)
{
	(void)state;
	with_all_rings(check_net_whole);
	with_all_rings(check_net_merged);
}

/* --- sockets: a peer with little room, which echoes --- */

#define CID       9u
#define PEER_PORT 1234u
#define PEER_ROOM 700u

struct packet {
	uint64_t src_cid, dst_cid;
	uint32_t src_port, dst_port, bytes;
	uint16_t type, operation;
	uint32_t flags, buffer_bytes, forwarded;
	uint8_t data[8192];
} __attribute__((packed));

#define HEADER_BYTES 44u

enum { REQUEST = 1, RESPONSE, RESET, SHUTDOWN, DATA, CREDIT_UPDATE };

static struct {
	struct world_device *device;
	uint32_t port;     /* that the guest talks to */
	uint32_t received; /* from the guest; all of it is echoed, so it is what we forwarded, too */
	uint32_t sent, guest_room, guest_forwarded;
	uint32_t guest_port;
	uint8_t echo[PEER_ROOM]; /* a ring */
	uint32_t echoed;
	unsigned resets, shutdowns;
} peer;

static void peer_send(uint16_t operation, const void *data, uint32_t bytes, uint32_t flags)
{
	struct model_chain chain;
	struct packet packet = {
		.src_cid = 2, .dst_cid = CID, .src_port = peer.port, .dst_port = peer.guest_port, .bytes = bytes, .type = 1,
		.operation = operation, .flags = flags, .buffer_bytes = PEER_ROOM, .forwarded = peer.echoed,
	};

	if (bytes > 0)
		memcpy(packet.data, data, bytes);
	assert_true(world_pop(peer.device, 0, &chain));
	world_push(peer.device, 0, &chain, world_write(&chain, 0, &packet, HEADER_BYTES + bytes));
}

static bool peer_can_send(void)
{
	struct model look = peer.device->queues[0];
	struct model_chain chain;

	return model_pop(&look, &chain);
}

/* In small pieces, and only what the guest has room and buffers for. */
static void peer_echo(void)
{
	while (peer.echoed < peer.received && peer.guest_room > peer.sent - peer.guest_forwarded && peer_can_send()) {
		uint8_t data[100];
		uint32_t n = 0;

		while (n < sizeof(data) && peer.echoed < peer.received &&
		       peer.guest_room > peer.sent + n - peer.guest_forwarded)
			data[n++] = peer.echo[peer.echoed++ % PEER_ROOM];
		peer.sent += n;
		peer_send(DATA, data, n, 0);
	}
}

static void peer_handle(const struct packet *packet)
{
	assert_int_equal(packet->src_cid, CID);
	assert_int_equal(packet->type, 1);
	peer.guest_room = packet->buffer_bytes;
	peer.guest_forwarded = packet->forwarded;
	peer.guest_port = packet->src_port;
	peer.port = packet->dst_port;
	switch (packet->operation) {
	case REQUEST:
		peer_send(packet->dst_port == PEER_PORT ? RESPONSE : RESET, NULL, 0, 0);
		break;
	case DATA:
		assert_true(packet->bytes <= PEER_ROOM - (peer.received - peer.echoed)); /* it minds our room */
		for (uint32_t i = 0; i < packet->bytes; i++)
			peer.echo[peer.received++ % PEER_ROOM] = packet->data[i];
		break;
	case SHUTDOWN:
		peer.shutdowns++;
		peer_send(RESET, NULL, 0, 0);
		break;
	case RESET:
		peer.resets++;
	}
}

static void vsock_notified(struct world_device *device, unsigned queue)
{
	struct model_chain chain;
	struct packet packet;

	while (queue == 1 && world_pop(device, 1, &chain)) {
		world_read(&chain, 0, &packet, sizeof(packet));
		world_push(device, 1, &chain, 0);
		peer_handle(&packet);
	}
	peer_echo();
}

static unsigned lent_in_place; /* rings on which something was */

static struct kvick_vsock *open_vsocks(unsigned sockets, uint32_t buffer_bytes)
{
	uint64_t cid = CID;
	struct kvick_vsock *vsock;

	memset(&peer, 0, sizeof(peer));
	peer.device = world_add(KVICK_ID_VSOCK, RING_FEATURES, 3, &cid, sizeof(cid));
	peer.device->notified = vsock_notified;
	vsock = kvick_vsock_open(0, sockets, buffer_bytes);
	assert_non_null(vsock);
	assert_int_equal(kvick_vsock_cid(vsock), CID);
	return vsock;
}

static struct kvick_vsock *open_vsock(void)
{
	return open_vsocks(16, KVICK_VSOCK_BUFFER_BYTES);
}

static void check_echo(void)
{
	struct kvick_vsock *vsock = open_vsock();
	struct kvick_socket *socket = kvick_vsock_connect(vsock, KVICK_VSOCK_HOST, PEER_PORT);
	uint32_t sent = 0, received = 0, bytes = 100000;
	uint8_t data[333];
	size_t n;

	while (!kvick_socket_connected(socket))
		assert_true(kvick_vsock_poll(vsock, KVICK_FOREVER) >= 0);
	while (received < bytes) {
		int64_t taken;

		do {
			for (unsigned i = 0; i < sizeof(data); i++)
				data[i] = (uint8_t)((sent + i) * 7 >> 3);
			n = bytes - sent < sizeof(data) ? bytes - sent : sizeof(data);
			taken = n ? kvick_socket_send(socket, data, n) : 0;
			assert_true(taken >= 0);
			sent += (uint32_t)taken;
		} while (taken > 0);
		assert_true(kvick_vsock_poll(vsock, KVICK_FOREVER) >= 0);
		while ((n = kvick_socket_receive(socket, data, sizeof(data))) > 0)
			for (size_t i = 0; i < n; i++, received++)
				assert_int_equal(data[i], (uint8_t)(received * 7 >> 3));
	}
	kvick_socket_close(socket);
	kvick_vsock_poll(vsock, 0);
	assert_int_equal(peer.shutdowns, 1);
	assert_int_equal(peer.resets, 0);
	kvick_vsock_close(vsock);
}

static void a_stream_minds_the_room_of_both_sides(void **state)
{
	(void)state;
	with_all_rings(check_echo);
}

static void a_port_where_nobody_is_refuses(void **state)
{
	struct kvick_vsock *vsock = open_vsock();
	struct kvick_socket *socket = kvick_vsock_connect(vsock, KVICK_VSOCK_HOST, PEER_PORT + 1);

	(void)state;
	assert_non_null(socket);
	while (!kvick_socket_dead(socket))
		assert_true(kvick_vsock_poll(vsock, KVICK_FOREVER) >= 0);
	kvick_socket_close(socket);

	peer_send(RESPONSE, NULL, 0, 0); /* of a connection that there is not */
	kvick_vsock_poll(vsock, 0);
	assert_int_equal(peer.resets, 1);
	kvick_vsock_close(vsock);
}

static void what_came_before_the_end_can_be_read(void **state)
{
	struct kvick_vsock *vsock = open_vsock();
	struct kvick_socket *socket;
	char data[8];

	(void)state;
	kvick_vsock_listen(vsock, 80);
	assert_null(kvick_vsock_accept(vsock));
	peer.guest_port = 80;
	peer.port = PEER_PORT;
	peer_send(REQUEST, NULL, 0, 0);
	peer_send(DATA, "hello", 5, 0);
	peer_send(SHUTDOWN, NULL, 0, 3);
	kvick_vsock_poll(vsock, 0);
	socket = kvick_vsock_accept(vsock);
	assert_non_null(socket);
	assert_true(kvick_socket_dead(socket));
	assert_false(kvick_socket_at_end(socket));
	assert_int_equal(kvick_socket_receive(socket, data, sizeof(data)), 5);
	assert_memory_equal(data, "hello", 5);
	assert_true(kvick_socket_at_end(socket));
	assert_int_equal(kvick_socket_send(socket, data, 5), -KVICK_EIO);
	assert_int_equal(peer.resets, 1); /* which says that all has arrived */
	kvick_socket_close(socket);
	kvick_vsock_close(vsock);
}

static void a_peer_that_overruns_our_room_is_reset(void **state)
{
	struct kvick_vsock *vsock = open_vsock();
	struct kvick_socket *socket;
	static uint8_t data[4096];
	uint32_t room;

	(void)state;
	kvick_vsock_listen(vsock, 80);
	peer.guest_port = 80;
	peer.port = PEER_PORT;
	peer_send(REQUEST, NULL, 0, 0);
	kvick_vsock_poll(vsock, 0);
	room = peer.guest_room;
	assert_true(room > 0);
	for (uint32_t sent = 0; sent <= room; sent += sizeof(data)) {
		assert_int_equal(peer.resets, 0);
		peer_send(DATA, data, sizeof(data), 0);
		kvick_vsock_poll(vsock, 0);
	}
	socket = kvick_vsock_accept(vsock);
	assert_non_null(socket);
	assert_true(kvick_socket_dead(socket));
	assert_int_equal(peer.resets, 1);
	kvick_vsock_close(vsock);
}

/* Large packets are read from where they came, small ones from the socket's buffer; nobody can tell. */
static void packets_of_all_sizes_are_one_stream(void **state)
{
	static const uint32_t sizes[] = { 5000, 10, 5000, 5000, 4096, 5000, 5000, 5000, 4095, 1, 4096, 7 };
	static const uint32_t reads[] = { 1, 4999, 6000, 3, 20000 };

	(void)state;
	for (unsigned every = 1; every <= 6; every++) { /* packets that come before something is read */
		struct kvick_vsock *vsock;
		struct kvick_socket *socket;
		static uint8_t data[20000];
		uint32_t sent = 0, received = 0;

		world_reset();
		vsock = open_vsocks(2, 65536);
		kvick_vsock_listen(vsock, 80);
		peer.guest_port = 80;
		peer.port = PEER_PORT;
		peer_send(REQUEST, NULL, 0, 0);
		kvick_vsock_poll(vsock, 0);
		socket = kvick_vsock_accept(vsock);
		for (unsigned i = 0; i < COUNT_OF(sizes); i++) {
			for (uint32_t at = 0; at < sizes[i]; at++)
				data[at] = (uint8_t)((sent + at) * 7 >> 3);
			peer_send(DATA, data, sizes[i], 0);
			sent += sizes[i];
			kvick_vsock_poll(vsock, 0);
			for (unsigned j = 0; i % every == 0 && j < COUNT_OF(reads); j++) {
				size_t n = kvick_socket_receive(socket, data, reads[(i + j) % COUNT_OF(reads)]);

				for (size_t at = 0; at < n; at++, received++)
					assert_int_equal(data[at], (uint8_t)(received * 7 >> 3));
			}
		}
		received += (uint32_t)kvick_socket_receive(socket, data, sizeof(data));
		received += (uint32_t)kvick_socket_receive(socket, data, sizeof(data));
		received += (uint32_t)kvick_socket_receive(socket, data, sizeof(data));
		assert_int_equal(received, sent);
		assert_int_equal(peer.resets, 0);
		kvick_vsock_close(vsock);
	}
}

/* Neither of one that is not read nor of one that is closed: the device has all its buffers back. */
static void a_socket_keeps_no_buffers_from_the_others(void **state)
{
	struct kvick_vsock *vsock = open_vsocks(3, 65536);
	struct kvick_socket *sockets[3];
	static uint8_t data[5000], got[20000];

	(void)state;
	kvick_vsock_listen(vsock, 80);
	peer.guest_port = 80;
	for (unsigned i = 0; i < 3; i++) {
		peer.port = PEER_PORT + i;
		peer_send(REQUEST, NULL, 0, 0);
		kvick_vsock_poll(vsock, 0);
		sockets[i] = kvick_vsock_accept(vsock);
		for (unsigned j = 0; j < 4; j++) {
			memset(data, (int)(i * 4 + j), sizeof(data));
			peer_send(DATA, data, sizeof(data), 0);
			kvick_vsock_poll(vsock, 0);
		}
	}
	kvick_socket_close(sockets[0]);
	for (unsigned i = 1; i < 3; i++) {
		assert_int_equal(kvick_socket_receive(sockets[i], got, sizeof(got)), sizeof(got));
		for (unsigned j = 0; j < sizeof(got); j++)
			assert_int_equal(got[j], i * 4 + j / sizeof(data));
	}
	peer.port = PEER_PORT + 1;
	for (unsigned i = 0; i < 8; i++) /* peer_send() finds a buffer for each */
		peer_send(DATA, data, 1, 0);
	kvick_vsock_poll(vsock, 0);
	assert_int_equal(kvick_socket_receive(sockets[1], got, sizeof(got)), 8);
	kvick_vsock_close(vsock);
}

/* Without a copy: what lies there when the device looks is what is sent. And where two pieces do not fit, with one. */
static void check_lent(void)
{
	struct kvick_vsock *vsock = open_vsock();
	struct kvick_socket *socket = kvick_vsock_connect(vsock, KVICK_VSOCK_HOST, PEER_PORT);
	char data[] = "question", got[sizeof(data)];
	bool in_place;

	while (!kvick_socket_connected(socket))
		assert_true(kvick_vsock_poll(vsock, KVICK_FOREVER) >= 0);
	assert_int_equal(kvick_vsock_lent(vsock), 0);
	assert_int_equal(kvick_socket_lend(socket, data, sizeof(data)), sizeof(data));
	in_place = kvick_vsock_lent(vsock) == sizeof(data);
	data[0] = 'Q';
	while (kvick_socket_receive(socket, got, sizeof(got)) < sizeof(got))
		assert_true(kvick_vsock_poll(vsock, KVICK_FOREVER) >= 0);
	assert_string_equal(got, in_place ? "Question" : "question");
	assert_int_equal(kvick_vsock_lent(vsock), 0);
	kvick_vsock_close(vsock);
	lent_in_place += in_place;
}

static void what_is_lent_is_sent_from_where_it_is(void **state)
{
	(void)state;
	lent_in_place = 0;
	with_all_rings(check_lent);
	assert_true(lent_in_place > 0);
}

/* As many as were asked for, each with the buffer that was asked for; then there are no more. */
static void a_guest_has_as_many_sockets_as_it_asks_for(void **state)
{
	static const unsigned counts[] = { 1, 3, 1000 };

	(void)state;
	for (unsigned i = 0; i < COUNT_OF(counts); i++) {
		struct kvick_vsock *vsock;

		world_reset();
		vsock = open_vsocks(counts[i], 4096);
		kvick_vsock_listen(vsock, 80);
		peer.guest_port = 80;
		for (unsigned j = 0; j < counts[i]; j++) {
			peer.port = PEER_PORT + j;
			peer_send(REQUEST, NULL, 0, 0);
			kvick_vsock_poll(vsock, 0);
			assert_non_null(kvick_vsock_accept(vsock));
			assert_int_equal(peer.guest_room, 4096);
		}
		assert_int_equal(peer.resets, 0);
		assert_null(kvick_vsock_connect(vsock, KVICK_VSOCK_HOST, PEER_PORT));
		peer.port = PEER_PORT + counts[i];
		peer_send(REQUEST, NULL, 0, 0);
		kvick_vsock_poll(vsock, 0);
		assert_int_equal(peer.resets, 1);
		kvick_vsock_close(vsock);
	}
}

/* --- the simple ones --- */

static void broken_notified(struct world_device *device, unsigned queue)
{
	model_push_raw(&device->queues[queue], 1000, 0, 1);
	device->event = true;
}

static void a_ring_that_breaks_ends_every_wait(void **state)
{
	uint8_t config[60] = { 0 };
	struct kvick_blk *blk;
	char data[SECTOR];

	(void)state;
	world_add(KVICK_ID_BLOCK, RING_FEATURES, 1, config, sizeof(config))->notified = broken_notified;
	blk = kvick_blk_open(0, 1);
	assert_non_null(blk);
	assert_int_equal(kvick_blk_read(blk, 0, data, sizeof(data)), -KVICK_EIO);
	assert_int_equal(kvick_blk_wait(blk, KVICK_FOREVER), -KVICK_EIO);
	assert_null(kvick_blk_poll(blk));
	kvick_blk_close(blk);
}

/* 2.1.2: such a device answers the first of two, and then no more. */
static void needs_reset_notified(struct world_device *device, unsigned queue)
{
	struct model_chain chain;

	if (!(device->listed->status & KVICK_DEVICE_NEEDS_RESET) && world_pop(device, queue, &chain))
		world_push(device, queue, &chain, 5);
	device->listed->status = KVICK_DEVICE_NEEDS_RESET;
	device->event = true;
}

static void a_device_that_needs_a_reset_ends_every_wait(void **state)
{
	struct kvick_rng *rng;
	char data[5];

	(void)state;
	world_add(KVICK_ID_ENTROPY, RING_FEATURES, 1, "", 0)->notified = needs_reset_notified;
	rng = kvick_rng_open(0);
	assert_non_null(rng);
	assert_int_equal(kvick_rng_read(rng, data, sizeof(data)), 5);
	assert_int_equal(kvick_rng_read(rng, data, sizeof(data)), -KVICK_EIO);
	kvick_rng_close(rng);
}

static void rng_notified(struct world_device *device, unsigned queue)
{
	struct model_chain chain;

	while (world_pop(device, queue, &chain))
		world_push(device, queue, &chain, world_write(&chain, 0, "4444444", 7)); /* chosen by fair dice roll */
}

static void entropy_may_come_in_part(void **state)
{
	struct kvick_rng *rng;
	char data[16];

	(void)state;
	world_add(KVICK_ID_ENTROPY, RING_FEATURES, 1, "", 0)->notified = rng_notified;
	rng = kvick_rng_open(0);
	assert_non_null(rng);
	assert_int_equal(kvick_rng_read(rng, data, sizeof(data)), 7);
	assert_int_equal(kvick_rng_read(rng, data, 3), 3);
	assert_memory_equal(data, "444", 3);
	kvick_rng_close(rng);
}

static void console_notified(struct world_device *device, unsigned queue)
{
	struct model_chain out, in;
	char text[64];

	while (queue == 1 && world_pop(device, 1, &out)) {
		unsigned n = world_read(&out, 0, text, sizeof(text));

		world_push(device, 1, &out, 0);
		assert_true(world_pop(device, 0, &in));
		world_push(device, 0, &in, world_write(&in, 0, text, n));
	}
}

static void check_console(void)
{
	static const uint16_t size[2] = { 132, 43 };
	struct kvick_port *port;
	unsigned columns, rows;
	char text[64];

	world_add(KVICK_ID_CONSOLE, RING_FEATURES | 1, 2, size, sizeof(size))->notified = console_notified;
	port = kvick_port_open(0);
	assert_non_null(port);
	kvick_port_size(port, &columns, &rows);
	assert_int_equal(columns, 132);
	assert_int_equal(rows, 43);
	assert_int_equal(kvick_port_read(port, text, 64), 0);
	for (unsigned i = 0; i < 50; i++) {
		assert_int_equal(kvick_port_write(port, "hello", 5), 5);
		assert_int_equal(kvick_port_wait(port, KVICK_FOREVER), 1);
		assert_int_equal(kvick_port_read(port, text, 3), 3);
		assert_int_equal(kvick_port_wait(port, KVICK_FOREVER), 1);
		assert_int_equal(kvick_port_read(port, text + 3, 64), 2);
		assert_memory_equal(text, "hello", 5);
	}
	kvick_port_close(port);
}

static void console_lines_come_and_go(void **state)
{
	(void)state;
	with_all_rings(check_console);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(blkcheck_finds_a_good_disk_good),
		TEST(blkcheck_finds_what_is_wrong),
		TEST(blkcheck_knows_a_read_only_disk),
		TEST(a_request_that_is_waited_for_is_one_call),
		TEST(devices_are_found_by_kind_and_name),
		TEST(frames_come_and_go),
		TEST(a_stream_minds_the_room_of_both_sides),
		TEST(a_port_where_nobody_is_refuses),
		TEST(what_came_before_the_end_can_be_read),
		TEST(a_peer_that_overruns_our_room_is_reset),
		TEST(packets_of_all_sizes_are_one_stream),
		TEST(a_socket_keeps_no_buffers_from_the_others),
		TEST(what_is_lent_is_sent_from_where_it_is),
		TEST(a_guest_has_as_many_sockets_as_it_asks_for),
		TEST(a_ring_that_breaks_ends_every_wait),
		TEST(a_device_that_needs_a_reset_ends_every_wait),
		TEST(entropy_may_come_in_part),
		TEST(console_lines_come_and_go),
	};

	return cmocka_run_group_tests_name("guest_drivers", tests, NULL, NULL);
}
