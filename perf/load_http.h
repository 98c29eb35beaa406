/* SPDX-License-Identifier: Apache-2.0 */
/* As much of HTTP/1.1's client side as a load generator needs: one request, ever the same, over connections that are kept. */
#ifndef PERF_LOAD_HTTP_H
#define PERF_LOAD_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_HEAD_BYTES_MAX 8192
#define HTTP_PARTS 4 /* of a Server-Timing header: queue, launch, guest, total */

extern const char *const http_part_names[HTTP_PARTS];

enum http_kind { HTTP_PLAIN, HTTP_HIT, HTTP_MISS, HTTP_KINDS }; /* Server-Timing's desc */

struct http_target {
	const char *at;         /* a Unix socket's path, or HOST:PORT of IPv4 */
	const char *path;
	char *request;          /* head and body */
	size_t request_bytes;
};

/* One response, as far as it has come. */
struct http_response {
	char head[HTTP_HEAD_BYTES_MAX];
	size_t head_bytes;
	bool body;              /* the head is whole */
	uint64_t left;          /* bytes of body to come */
	unsigned status;
	bool close;             /* the server will close the connection */
	enum http_kind kind;
	float part_us[HTTP_PARTS]; /* negative: not told */
};

/* `body` of so many bytes; a POST where there is one, else a GET. Ends the program where memory is out. */
void http_target(struct http_target *target, const char *at, const char *path, size_t body_bytes);

/* A connected stream, blocking; ends the program, and says why, where there is none. */
int http_connect(const struct http_target *target);

void http_begin(struct http_response *response);
/* Takes what has come. 1: that was the whole of it; 0: more is to come; -1: that is no response, or it has more than was said. */
int http_take(struct http_response *response, const char *from, size_t bytes);

/* One request and its response over a blocking connection. 0, or -1: the connection broke. */
int http_exchange(int fd, const struct http_target *target, struct http_response *response);

#endif
