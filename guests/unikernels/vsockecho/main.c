/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stream sockets.
 *
 *	vsockecho PORT [CONNECTIONS [SOCKETS]]  listens, echoes, ends after so many connections (1; 0: never), SOCKETS (16) at once
 *	vsockecho connect PORT [BYTES]          connects to the host, sends BYTES (256 KiB) and checks that they come back
 */
#include <kvick_vsock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BYTES_DEFAULT   (256u << 10)
#define SOCKETS_DEFAULT 16u
#define SMALL_BYTES     8192u /* of a socket's buffer, where there are more than that */

struct echo {
	struct kvick_socket *socket; /* NULL: not in use */
	uint64_t bytes;
	size_t pending; /* in data, from `at` on: received and not yet sent */
	size_t at;
	char data[4096];
};

/* Moves what can be moved; returns false when the connection has been closed. */
static bool serve(struct echo *echo)
{
	int64_t n;

	for (;;) {
		if (echo->pending == 0) {
			echo->at = 0;
			echo->pending = kvick_socket_receive(echo->socket, echo->data, sizeof(echo->data));
		}
		if (echo->pending == 0)
			break;
		n = kvick_socket_send(echo->socket, echo->data + echo->at, echo->pending);
		if (n == 0)
			return true; /* no room there now */
		if (n < 0)
			break;
		echo->at += (size_t)n;
		echo->pending -= (size_t)n;
		echo->bytes += (uint64_t)n;
	}
	if (!kvick_socket_dead(echo->socket) && !kvick_socket_at_end(echo->socket))
		return true;
	printf("vsockecho: echoed %lu bytes\n", echo->bytes);
	fflush(stdout);
	kvick_socket_close(echo->socket);
	echo->socket = NULL;
	return false;
}

static int listen(struct kvick_vsock *vsock, uint32_t port, unsigned connections, unsigned sockets)
{
	struct echo *echoes = calloc(sockets, sizeof(*echoes));
	unsigned done = 0;

	kvick_vsock_listen(vsock, port);
	printf("vsockecho: cid %lu listens on port %u\n", kvick_vsock_cid(vsock), port);
	fflush(stdout);
	while (echoes && (connections == 0 || done < connections)) {
		struct kvick_socket *arrived;

		if (kvick_vsock_poll(vsock, KVICK_FOREVER) < 0)
			return 1;
		arrived = kvick_vsock_accept(vsock);
		for (unsigned i = 0; i < sockets; i++) {
			if (!echoes[i].socket && arrived) {
				echoes[i] = (struct echo){ .socket = arrived };
				arrived = kvick_vsock_accept(vsock);
			}
			if (echoes[i].socket && !serve(&echoes[i]))
				done++;
		}
	}
	kvick_vsock_poll(vsock, 0); /* the last good-bye */
	return echoes ? 0 : 1;
}

static char pattern(uint64_t at)
{
	return (char)(at ^ at >> 8 ^ at >> 16);
}

/* Sends what there is room for. Returns how much, or less than 0. */
static int64_t send_some(struct kvick_socket *socket, uint64_t sent, uint64_t bytes)
{
	char data[1000]; /* no divisor of anything */
	size_t n = bytes - sent < sizeof(data) ? bytes - sent : sizeof(data);

	for (size_t i = 0; i < n; i++)
		data[i] = pattern(sent + i);
	return n ? kvick_socket_send(socket, data, n) : 0;
}

static int connect(struct kvick_vsock *vsock, uint32_t port, uint64_t bytes)
{
	struct kvick_socket *socket = kvick_vsock_connect(vsock, KVICK_VSOCK_HOST, port);
	uint64_t sent = 0, received = 0, wrong = 0;
	char data[1500];

	while (!kvick_socket_connected(socket) && !kvick_socket_dead(socket))
		if (kvick_vsock_poll(vsock, KVICK_FOREVER) < 0)
			return 1;
	while (received < bytes && !kvick_socket_dead(socket)) {
		int64_t n;
		size_t got;

		while ((n = send_some(socket, sent, bytes)) > 0)
			sent += (uint64_t)n;
		if (n < 0 || kvick_vsock_poll(vsock, KVICK_FOREVER) < 0)
			break;
		while ((got = kvick_socket_receive(socket, data, sizeof(data))) > 0)
			for (size_t i = 0; i < got; i++)
				wrong += data[i] != pattern(received++);
	}
	kvick_socket_close(socket);
	kvick_vsock_poll(vsock, 0);
	printf("vsockecho: sent %lu, received %lu, wrong %lu\n", sent, received, wrong);
	return received != bytes || wrong;
}

int main(int argc, char **argv)
{
	unsigned sockets = argc > 3 && strcmp(argv[1], "connect") != 0 ? (unsigned)atoi(argv[3]) : SOCKETS_DEFAULT;
	int device = kvick_device_find(KVICK_ID_VSOCK, getenv("DEVICE"));
	struct kvick_vsock *vsock = kvick_vsock_open(device, sockets,
						     sockets > SOCKETS_DEFAULT ? SMALL_BYTES : KVICK_VSOCK_BUFFER_BYTES);

	if (!vsock) {
		puts("vsockecho: no socket device");
		return 1;
	}
	if (argc > 2 && strcmp(argv[1], "connect") == 0)
		return connect(vsock, (uint32_t)atoi(argv[2]), argc > 3 ? strtoull(argv[3], NULL, 0) : BYTES_DEFAULT);
	if (argc > 1)
		return listen(vsock, (uint32_t)atoi(argv[1]), argc > 2 ? (unsigned)atoi(argv[2]) : 1, sockets);
	puts("vsockecho: which port?");
	return 2;
}
