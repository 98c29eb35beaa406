/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection, one direction, as fast as it goes; whoever is at the other end measures.
 *
 *	vsockbench PORT send     sends messages of 64 KiB until the other side closes
 *	vsockbench PORT receive  receives until the other side sends no more, then closes
 */
#include <kvick_vsock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE_BYTES 65536u

static char message[MESSAGE_BYTES];

/* Returns false when the connection has been closed. */
static bool send_some(struct kvick_socket *socket, size_t *at, uint64_t *bytes)
{
	int64_t n;

	while ((n = kvick_socket_lend(socket, message + *at, sizeof(message) - *at)) > 0) {
		*at = (*at + (size_t)n) % sizeof(message);
		*bytes += (uint64_t)n;
	}
	return n == 0;
}

/* Returns false when all has come. */
static bool receive_some(struct kvick_socket *socket, uint64_t *bytes)
{
	size_t n;

	while ((n = kvick_socket_receive(socket, message, sizeof(message))) > 0)
		*bytes += n;
	return !kvick_socket_at_end(socket) && !kvick_socket_dead(socket);
}

int main(int argc, char **argv)
{
	int device = kvick_device_find(KVICK_ID_VSOCK, getenv("DEVICE"));
	struct kvick_vsock *vsock = kvick_vsock_open(device, 1, KVICK_VSOCK_BUFFER_BYTES);
	struct kvick_socket *socket = NULL;
	uint64_t bytes = 0;
	size_t at = 0;
	bool sends;

	if (!vsock || argc != 3) {
		puts(vsock ? "vsockbench: PORT send|receive" : "vsockbench: no socket device");
		return 2;
	}
	sends = strcmp(argv[2], "send") == 0;
	memset(message, 0x5a, sizeof(message));
	kvick_vsock_listen(vsock, (uint32_t)atoi(argv[1]));
	do {
		if (kvick_vsock_poll(vsock, KVICK_FOREVER) < 0)
			return 1;
		if (!socket)
			socket = kvick_vsock_accept(vsock);
	} while (!socket || (sends ? send_some(socket, &at, &bytes) : receive_some(socket, &bytes)));
	kvick_socket_close(socket);
	kvick_vsock_poll(vsock, 0); /* the good-bye */
	printf("vsockbench: %s %lu bytes\n", sends ? "sent" : "received", bytes);
	return 0;
}
