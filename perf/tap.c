/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a guest does at its end of a tap, done by a process of the host: what a guest's network is measured against.
 *
 *	tap peer TAP ADDRESS send|receive   netbench (guests/unikernels/netbench), without a machine around it
 *	tap relay TAP TAP                   copies frames between two taps, each way, until it is killed
 *	tap hold TAP FD COMMAND…            has it open as that descriptor, and runs a command that inherits it
 *
 * All use the tap as kvick does: a header before each frame, checksums and TCP segmentation left to the host.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "guests/unikernels/netbench/tcp.h"

#define FRAMES_MAX 16u /* in one direction, before it is the other's turn */

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static int open_tap(const char *name)
{
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC), header = sizeof(struct virtio_net_hdr_v1);

	strncpy(request.ifr_name, name, sizeof(request.ifr_name) - 1);
	/* Whoever had it before may be going still. */
	for (unsigned i = 0; i < 100 && fd >= 0 && ioctl(fd, TUNSETIFF, &request); i++)
		usleep(10000);
	if (fd < 0 || ioctl(fd, TUNGETIFF, &request) || ioctl(fd, TUNSETVNETHDRSZ, &header) ||
	    ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6))
		fail(name);
	return fd;
}

struct peer {
	struct tcp tcp; /* first */
	int fd;
};

static void output(struct tcp *tcp, const void *frame, uint32_t bytes, uint16_t cut)
{
	struct peer *peer = (struct peer *)tcp;
	struct virtio_net_hdr_v1 header = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 34, .csum_offset = 16, .gso_size = cut,
		.gso_type = cut ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_NONE, .hdr_len = cut ? 54 : 0,
	};
	struct iovec iov[] = { { &header, sizeof(header) }, { (void *)(uintptr_t)frame, bytes } };

	if (writev(peer->fd, iov, 2) < 0 && errno != EAGAIN)
		fail("write");
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void be_peer(const char *tap, const char *address, bool sends)
{
	static uint8_t frame[sizeof(struct virtio_net_hdr_v1) + TCP_FRAME_MAX];
	static struct peer peer;
	struct tcp *tcp = &peer.tcp;

	peer.fd = open_tap(tap);
	*tcp = (struct tcp){ .output = output, .address = inet_addr(address), .sends = sends, .data_max = TCP_DATA_MAX };
	while (!tcp->ended) {
		struct pollfd ready = { .fd = peer.fd, .events = POLLIN };
		ssize_t n;

		while ((n = read(peer.fd, frame, sizeof(frame))) > (ssize_t)sizeof(struct virtio_net_hdr_v1))
			tcp_input(tcp, frame + sizeof(struct virtio_net_hdr_v1),
				  (uint32_t)n - (uint32_t)sizeof(struct virtio_net_hdr_v1));
		if (!tcp_turn(tcp, now_ns()) && !tcp->ended)
			poll(&ready, 1, 200);
	}
	printf("tap: %s %llu bytes, %llu sent again\n", sends ? "sent" : "received", (unsigned long long)tcp->bytes,
	       (unsigned long long)tcp->resent);
}

static void copy(int from, int to)
{
	static uint8_t frame[sizeof(struct virtio_net_hdr_v1) + TCP_FRAME_MAX];
	ssize_t n;

	for (unsigned i = 0; i < FRAMES_MAX && (n = read(from, frame, sizeof(frame))) > 0; i++)
		if (write(to, frame, (size_t)n) < 0 && errno != EAGAIN && errno != EIO)
			fail("write");
}

static void hold(const char *tap, int as, char **command)
{
	if (dup2(open_tap(tap), as) != as) /* a new one is not close-on-exec */
		fail("dup2");
	execvp(command[0], command);
	fail(command[0]);
}

int main(int argc, char **argv)
{
	if (argc == 5 && !strcmp(argv[1], "peer")) {
		be_peer(argv[2], argv[3], !strcmp(argv[4], "send"));
	} else if (argc == 4 && !strcmp(argv[1], "relay")) {
		struct pollfd taps[2] = { { open_tap(argv[2]), POLLIN, 0 }, { open_tap(argv[3]), POLLIN, 0 } };

		for (;;) {
			poll(taps, 2, -1);
			copy(taps[0].fd, taps[1].fd);
			copy(taps[1].fd, taps[0].fd);
		}
	} else if (argc > 4 && !strcmp(argv[1], "hold")) {
		hold(argv[2], atoi(argv[3]), argv + 4);
	} else {
		fputs("usage: tap peer TAP ADDRESS send|receive | tap relay TAP TAP | tap hold TAP FD COMMAND...\n", stderr);
		return 2;
	}
	return 0;
}
