/* SPDX-License-Identifier: Apache-2.0 */
/* One HTTP request to kvickd and its reply, over a Unix socket or TCP. A server is not believed: whatever answers has limits. */
#ifndef KVICK_CONTROL_CLIENT_HTTP_H
#define KVICK_CONTROL_CLIENT_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct client;
struct error;

#define HTTP_TEXT_BYTES_MAX (16u << 20) /* of what is no function's reply: lists, logs, metrics */

#define HTTP_ANSWER_NS 30000000000ull    /* longer than any request takes that runs no function */

struct http_request {
	const char *method, *path;
	const char *content_type; /* of the body; NULL: there is none */
	const void *body;
	size_t body_bytes;
	bool async;               /* Prefer: respond-async */
	size_t reply_bytes_max;
	uint64_t timeout_ns;      /* 0: none */
	const char *subject;      /* for the line that says what takes so long */
};

/* Empty strings: no such header, or one that is too long to be ours, or no ASCII. */
struct http_reply {
	long status;
	char content_type[64], timing[512], invocation[128], location[256], retry_after[32];
	char *body;               /* ends with a NUL that is not counted */
	size_t body_bytes;
	int signal;               /* that ended it; then the result is -EINTR */
};

/* `part` as one segment of a path. To be freed. */
char *http_path(const char *before, const char *part, const char *after);

/*
 * 0: there is a reply, of whatever status. -EINTR: by SIGINT, SIGTERM or SIGHUP, the connection is closed. -ETIMEDOUT:
 * timeout_ns is over. Others, with `error` set: there is no server, or what it answers is no HTTP, breaks off, is too long.
 */
int http_perform(const struct client *client, const struct http_request *request, struct http_reply *reply, struct error *error);
void http_reply_free(struct http_reply *reply);

#endif
