/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP: clients' connections, requests and their answers, by libmicrohttpd in our own loop and thread.
 *
 * A request is received whole before its handler is called, and answered by request_answer(), in the handler or later: meanwhile
 * its connection is suspended. A client has a limited time to send its request and to take the reply, however it spends it.
 */
#ifndef KVICK_CONTROL_SERVER_HTTP_H
#define KVICK_CONTROL_SERVER_HTTP_H

#include <jansson.h>
#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "control/server/memory.h"
#include "control/server/timers.h"

struct fields_error;
struct function;
struct invocation;
struct request;
struct route;
struct server;

struct client {
	struct server *server;
	int fd;
	bool tcp;             /* else a Unix socket, which has permissions */
	bool left;            /* hung up */
	bool served;          /* has had an answer */
	bool waits;           /* in the list of those that have a deadline */
	uint64_t deadline_ns;
	TAILQ_ENTRY(client) link;
	struct request *request;
};

struct request {
	struct server *server;
	struct client *client;
	struct MHD_Connection *connection;
	const struct route *route;
	char name[64];        /* the part of the path that is a name */
	size_t promised;      /* the most bytes that its body has */
	struct blob *body;    /* NULL: none */
	uint64_t arrived_ns;  /* all of it was there */
	bool suspended;
	bool received;
	unsigned status;      /* 0: no answer yet */
	struct MHD_Response *response; /* NULL with a status: the connection is closed without an answer */
	/* Who is to be told when the client leaves; at most one of them. */
	struct invocation *invocation;
	struct function *function;
};

struct http {
	struct server *server;
	struct MHD_Daemon *daemon;
	int epoll_fd;
	bool pending;         /* the daemon has something to do */
	struct client *arriving;
	unsigned clients;
	unsigned requests;    /* under way */
	TAILQ_HEAD(, client) waiting; /* the next deadline first: all have the same time */
	struct timer deadline;
};

int http_begin(struct http *http, struct server *server); /* 0 or -errno */
void http_end(struct http *http);

/* A client that was accepted; takes the descriptor. */
void http_accept(struct http *http, int fd, const struct sockaddr *address, socklen_t address_bytes);
/* Closes the connections on which nothing is under way. */
void http_close_idle(struct http *http);

/* The answer; takes the response. One for each request. */
void request_answer(struct request *request, unsigned status, struct MHD_Response *response);
void request_json(struct request *request, unsigned status, json_t *json);
void request_error(struct request *request, unsigned status, const char *code, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
void request_refuse(struct request *request, unsigned status, const struct fields_error *error);
/* To the response that was given already. */
void request_header(struct request *request, const char *name, const char *value);
/* Nobody is there to take an answer. */
void request_drop(struct request *request);

const char *request_value(const struct request *request, const char *header);

struct MHD_Response *response_of_blob(struct blob *blob, const char *type); /* takes a reference; NULL: none */
json_t *error_json(const char *code, const char *field, const char *message);

#endif
