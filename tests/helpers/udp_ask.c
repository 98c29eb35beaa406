/* SPDX-License-Identifier: Apache-2.0 */
/*
 * udp_ask ADDRESS PORT [ping]: sends datagrams of several lengths and wants each back (RFC 862); the last one says "quit". With
 * `ping`, five echo requests (RFC 792) first, which is for root. Exit code 1 where an answer does not come. What is sent while the
 * guest is not there yet may be lost: each is tried a few times. What comes late was not lost: from then on it has more patience.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/ip_icmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define TRIES     100
#define MTU_BYTES 1472 /* the most that an Ethernet frame takes of UDP */

static struct timeval patience = { .tv_sec = 2 };

static bool be_patient(int fd)
{
	return setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0;
}

/* No answer. */
static void wait_longer(int fd)
{
	if (errno != EAGAIN) {
		usleep(200000); /* nobody there yet: the network says so */
	} else if (patience.tv_sec < 16) {
		patience.tv_sec *= 2;
		be_patient(fd);
	}
}

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
		wait_longer(fd);
	}
	fprintf(stderr, "udp_ask: no answer to %zu bytes\n", bytes);
	return false;
}

/* RFC 1071 */
static uint16_t checksum(const uint8_t *data, size_t bytes)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < bytes; i++)
		sum += i % 2 ? data[i] : (uint32_t)data[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

/* Is what came, with its IP header, the answer: the question with another type? */
static bool answers(const uint8_t *got, size_t bytes, const struct icmphdr *question, size_t question_bytes)
{
	size_t ip_bytes = (got[0] & 15) * 4u;
	const uint8_t *icmp = got + ip_bytes;

	return bytes == ip_bytes + question_bytes && icmp[0] == ICMP_ECHOREPLY && checksum(icmp, question_bytes) == 0 &&
	       memcmp(icmp + 4, (const uint8_t *)question + 4, question_bytes - 4) == 0;
}

static bool ping(int fd, uint16_t number, size_t bytes)
{
	static _Alignas(struct icmphdr) uint8_t packet[sizeof(struct icmphdr) + MTU_BYTES];
	static uint8_t got[sizeof(packet) + 60];
	struct icmphdr *icmp = (struct icmphdr *)packet;

	*icmp = (struct icmphdr){ .type = ICMP_ECHO, .un.echo = { .id = htons((uint16_t)getpid()), .sequence = htons(number) } };
	for (size_t i = 0; i < bytes; i++)
		packet[sizeof(*icmp) + i] = (uint8_t)(i + number);
	icmp->checksum = checksum(packet, sizeof(*icmp) + bytes);
	for (unsigned i = 0; i < TRIES; i++) {
		ssize_t n;

		send(fd, packet, sizeof(*icmp) + bytes, 0);
		do
			n = recv(fd, got, sizeof(got), 0);
		while (n >= 0 && !answers(got, (size_t)n, icmp, sizeof(*icmp) + bytes));
		if (n >= 0)
			return true;
		wait_longer(fd);
	}
	fprintf(stderr, "udp_ask: no echo of %zu bytes\n", bytes);
	return false;
}

static bool ping_all(const struct sockaddr_in *to)
{
	static const size_t bytes[] = { 0, 1, 56, 999, MTU_BYTES };
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);

	if (fd < 0 || !be_patient(fd) || connect(fd, (const struct sockaddr *)to, sizeof(*to))) {
		perror("udp_ask: ping");
		return false;
	}
	for (unsigned i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++)
		if (!ping(fd, (uint16_t)i, bytes[i]))
			return false;
	close(fd);
	return true;
}

int main(int argc, char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	char text[MTU_BYTES];

	if (argc < 3 || argc > 4 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1)
		return 2;
	to.sin_port = htons((uint16_t)atoi(argv[2]));
	if (connect(fd, (struct sockaddr *)&to, sizeof(to))) {
		perror("udp_ask");
		return 1;
	}
	if (argc == 4 && !ping_all(&to))
		return 1;
	memset(text, '7', sizeof(text));
	if (!be_patient(fd) || !ask(fd, "hello", 5) || !ask(fd, text, sizeof(text)) || !ask(fd, "x", 1))
		return 1;
	for (unsigned i = 0; i < 20; i++)
		if (!ask(fd, text, (size_t)snprintf(text, sizeof(text), "datagram %u", i)))
			return 1;
	return ask(fd, "quit", 4) ? 0 : 1;
}
