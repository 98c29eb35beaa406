/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/load_http.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define CHUNK_BYTES (64u << 10)

const char *const http_part_names[HTTP_PARTS] = { "queue", "launch", "guest", "total" };

static void fail(const char *at, const char *what)
{
	fprintf(stderr, "load: %s: ", at);
	perror(what);
	exit(1);
}

/* Incompressible and the same each time: what a body is made of. */
static void fill(char *body, size_t bytes)
{
	uint64_t state = 0x9e3779b97f4a7c15u;

	for (size_t i = 0; i < bytes; i++) {
		state ^= state << 13, state ^= state >> 7, state ^= state << 17;
		body[i] = (char)state;
	}
}

void http_target(struct http_target *target, const char *at, const char *path, size_t body_bytes)
{
	char head[HTTP_HEAD_BYTES_MAX];
	int length = body_bytes ? snprintf(head, sizeof(head), "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
					   "application/octet-stream\r\nContent-Length: %zu\r\n\r\n", path, body_bytes) :
				  snprintf(head, sizeof(head), "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);

	target->at = at;
	target->path = path;
	target->request_bytes = (size_t)length + body_bytes;
	target->request = (size_t)length < sizeof(head) ? malloc(target->request_bytes) : NULL;
	if (!target->request) {
		fprintf(stderr, "load: %s: the path is too long, or memory is out\n", path);
		exit(1);
	}
	memcpy(target->request, head, (size_t)length);
	fill(target->request + length, body_bytes);
}

static int connect_tcp(const char *at, const char *colon)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(colon + 1)) };
	char host[64];
	int fd, on = 1;

	snprintf(host, sizeof(host), "%.*s", (int)(colon - at), at);
	if (inet_pton(AF_INET, host, &address.sin_addr) != 1) {
		fprintf(stderr, "load: %s: not an IPv4 address and a port\n", at);
		exit(2);
	}
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)))
		fail(at, "connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

int http_connect(const struct http_target *target)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const char *colon = strrchr(target->at, ':');
	int fd;

	if (colon && !strchr(target->at, '/'))
		return connect_tcp(target->at, colon);
	if (snprintf(address.sun_path, sizeof(address.sun_path), "%s", target->at) >= (int)sizeof(address.sun_path)) {
		fprintf(stderr, "load: %s: too long for a socket's path\n", target->at);
		exit(2);
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)))
		fail(target->at, "connect");
	return fd;
}

void http_begin(struct http_response *response)
{
	response->head_bytes = 0;
	response->body = response->close = false;
	response->left = 0;
	response->status = 0;
	response->kind = HTTP_PLAIN;
	for (unsigned i = 0; i < HTTP_PARTS; i++)
		response->part_us[i] = -1;
}

/* "queue;dur=0.02, launch;dur=0.3;desc=hit": milliseconds. */
static void take_timing(struct http_response *r, const char *value)
{
	for (const char *part = value; part; part = strchr(part, ',')) {
		const char *end, *dur, *desc;

		part += strspn(part, ", ");
		end = part + strcspn(part, ",");
		dur = strstr(part, "dur=");
		desc = strstr(part, "desc=");
		if (desc && desc < end) {
			desc += 5 + (desc[5] == '"');
			r->kind = strncmp(desc, "hit", 3) == 0 ? HTTP_HIT : strncmp(desc, "miss", 4) == 0 ? HTTP_MISS : r->kind;
		}
		for (unsigned i = 0; i < HTTP_PARTS && dur && dur < end; i++) {
			size_t length = strlen(http_part_names[i]);

			if (strncmp(part, http_part_names[i], length) == 0 && part[length] == ';')
				r->part_us[i] = strtof(dur + 4, NULL) * 1000;
		}
	}
}

/* The head is whole, with an empty line at its end and a NUL instead of its last byte. */
static int take_head(struct http_response *r)
{
	bool sized = false;
	char *line = r->head;

	if (sscanf(line, "HTTP/1.%*1[01] %3u", &r->status) != 1)
		return -1;
	while ((line = strstr(line, "\r\n")) && line[2]) {
		char *value, *end;

		line += 2;
		value = strchr(line, ':');
		end = strstr(line, "\r\n");
		if (!value || !end || value > end)
			continue;
		*end = '\0';
		value += 1 + strspn(value + 1, " \t");
		if (strncasecmp(line, "Content-Length:", 15) == 0) {
			r->left = strtoull(value, NULL, 10);
			sized = true;
		} else if (strncasecmp(line, "Server-Timing:", 14) == 0) {
			take_timing(r, value);
		} else if (strncasecmp(line, "Connection:", 11) == 0) {
			r->close = strncasecmp(value, "close", 5) == 0;
		}
		*end = '\r';
	}
	return sized || r->status == 204 || r->status == 304 ? 0 : -1; /* no chunks: who is measured knows how long it is */
}

int http_take(struct http_response *r, const char *from, size_t bytes)
{
	while (bytes && !r->body) {
		if (r->head_bytes == sizeof(r->head) - 1)
			return -1;
		r->head[r->head_bytes++] = *from++;
		bytes--;
		if (r->head_bytes >= 4 && memcmp(r->head + r->head_bytes - 4, "\r\n\r\n", 4) == 0) {
			r->body = true;
			r->head[r->head_bytes] = '\0';
			if (take_head(r) < 0)
				return -1;
		}
	}
	if (bytes > r->left)
		return -1;
	r->left -= bytes;
	return r->body && r->left == 0;
}

int http_exchange(int fd, const struct http_target *target, struct http_response *response)
{
	static char chunk[CHUNK_BYTES];
	size_t sent = 0;
	int whole = 0;

	while (sent < target->request_bytes) {
		ssize_t n = send(fd, target->request + sent, target->request_bytes - sent, MSG_NOSIGNAL);

		if (n <= 0)
			return -1;
		sent += (size_t)n;
	}
	http_begin(response);
	while (!whole) {
		ssize_t n = recv(fd, chunk, sizeof(chunk), 0);

		if (n <= 0)
			return -1;
		whole = http_take(response, chunk, (size_t)n);
	}
	return whole < 0 ? -1 : 0;
}
