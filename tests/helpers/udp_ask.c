/* SPDX-License-Identifier: Apache-2.0 */
/*
 * udp_ask ADDRESS PORT: sends datagrams of several lengths and wants each back (RFC 862); the last one says "quit". Exit code 1
 * where one does not come. What is sent while the guest is not there yet may be lost: each is tried a few times.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define TRIES     100
#define PATIENCE  (struct timeval){ .tv_sec = 2 }
#define MTU_BYTES 1472 /* the most that an Ethernet frame takes of UDP */

static bool ask(int fd, const char *text, size_t bytes)
{
	char got[MTU_BYTES + 1];

	for (unsigned i = 0; i < TRIES; i++) {
		ssize_t n;

		send(fd, text, bytes, 0);
		do
			n = recv(fd, got, sizeof(got), 0);
		while (n >= 0 && ((size_t)n != bytes || memcmp(got, text, bytes) != 0)); /* an earlier try's */
		if (n >= 0)
			return true;
		if (errno != EAGAIN)
			usleep(200000); /* nobody there yet: the network says so */
	}
	fprintf(stderr, "udp_ask: no answer to %zu bytes\n", bytes);
	return false;
}

int main(int argc, char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	char text[MTU_BYTES];

	if (argc != 3 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1)
		return 2;
	to.sin_port = htons((uint16_t)atoi(argv[2]));
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &PATIENCE, sizeof(PATIENCE)) ||
	    connect(fd, (struct sockaddr *)&to, sizeof(to))) {
		perror("udp_ask");
		return 1;
	}
	memset(text, '7', sizeof(text));
	if (!ask(fd, "hello", 5) || !ask(fd, text, sizeof(text)) || !ask(fd, "x", 1))
		return 1;
	for (unsigned i = 0; i < 20; i++)
		if (!ask(fd, text, (size_t)snprintf(text, sizeof(text), "datagram %u", i)))
			return 1;
	return ask(fd, "quit", 4) ? 0 : 1;
}
