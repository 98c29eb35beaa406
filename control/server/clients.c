/* SPDX-License-Identifier: Apache-2.0 */
#include "control/server/clients.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "control/server/registry.h"
#include "control/server/server.h"

static const struct refusal {
	const char *status, *code, *message;
	unsigned number;
} refusals[] = {
	[CLIENT_TOO_SLOW] = { "408 Request Timeout", "client_too_slow", "the request did not come in time", 408 },
	[CLIENT_TOO_LARGE] = { "413 Content Too Large", "body_too_large", "the body is too large", 413 },
	[CLIENT_NO_MEMORY] = { "503 Service Unavailable", "out_of_memory", "too many bodies are in memory", 503 },
	[CLIENT_TOO_MANY] = { "503 Service Unavailable", "too_many_connections", "too many connections", 503 },
};

static void refuse(int fd, const struct refusal *refusal)
{
	char json[192], text[448];
	int bytes = snprintf(json, sizeof(json), "{\"error\":{\"code\":\"%s\",\"message\":\"%s\"}}", refusal->code,
			     refusal->message);

	bytes = snprintf(text, sizeof(text), "HTTP/1.1 %s\r\nConnection: close\r\n%sContent-Type: application/json\r\n"
			 "Content-Length: %d\r\n\r\n%s", refusal->status, refusal->number == 503 ? "Retry-After: 1\r\n" : "", bytes,
			 json);
	/* One that does not take it has its own reasons. */
	if (send(fd, text, (size_t)bytes, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return;
	shutdown(fd, SHUT_WR);
}

void client_refuse(struct client *client, enum client_refusal why)
{
	refuse(client->fd, &refusals[why]);
	client->served = true;
	metrics_answered(&client->server->metrics, refusals[why].number);
}

void client_rests(struct client *client)
{
	if (client->waits)
		TAILQ_REMOVE(&client->server->http.waiting, client, link);
	client->waits = false;
}

void client_waits(struct client *client)
{
	struct server *server = client->server;
	struct http *http = &server->http;

	client_rests(client);
	client->waits = true;
	client->deadline_ns = loop_now_ns() + server->options.client_timeout_ns;
	TAILQ_INSERT_TAIL(&http->waiting, client, link);
	/* One that is set stays: it looks who is first when it is over. */
	if (!http->deadline.place)
		timer_set(&server->loop.timers, &http->deadline, client->deadline_ns);
}

/* Shut down, the daemon finds the end of it and closes it. */
void clients_deadline(void *object)
{
	struct http *http = object;
	struct client *client;
	uint64_t now_ns = loop_now_ns();

	while ((client = TAILQ_FIRST(&http->waiting)) && client->deadline_ns <= now_ns) {
		struct request *request = client->request;

		if (request ? !request->received && !request->status : !client->served)
			client_refuse(client, CLIENT_TOO_SLOW);
		client_rests(client);
		shutdown(client->fd, SHUT_RDWR);
		http->server->metrics.clients_timed_out++;
	}
	if (client)
		timer_set(&http->server->loop.timers, &http->deadline, client->deadline_ns);
}

void client_left(struct client *client)
{
	struct request *request = client->request;

	client->left = true;
	if (!request || !request->suspended)
		return; /* the daemon sees it */
	client->server->metrics.clients_left++;
	if (request->invocation)
		invocation_abandon(request->invocation);
	else if (request->function)
		function_abandon(request->function);
	request_drop(request);
}

static void client_ready(void *object, uint32_t events)
{
	struct client *client = object;

	/* A Unix socket tells one who only has nothing more to send (EPOLLRDHUP) from one who is gone. */
	if (events & (EPOLLHUP | EPOLLERR | (client->tcp ? (uint32_t)EPOLLRDHUP : 0)))
		client_left(client);
}

void client_end(struct client *client)
{
	struct http *http = &client->server->http;

	client_rests(client);
	loop_forget(&client->server->loop, client->fd);
	http->clients--;
	free(client);
	listeners_resume(&http->server->listeners);
}

void http_accept(struct http *http, int fd, const struct sockaddr *address, socklen_t address_bytes)
{
	struct server *server = http->server;
	struct client *client;

	server->metrics.connections++;
	if (http->clients >= server->options.connections_max) {
		refuse(fd, &refusals[CLIENT_TOO_MANY]);
		close(fd);
		server->metrics.connections_refused++;
		return;
	}
	client = memory_get(sizeof(*client));
	*client = (struct client){ .server = server, .fd = fd, .tcp = address->sa_family != AF_UNIX };
	if (loop_watch(&server->loop, fd, EPOLLET | EPOLLRDHUP, client_ready, client) < 0) {
		close(fd);
		free(client);
		return;
	}
	http->clients++;
	http->arriving = client;
	client_waits(client);
	/* It closes the socket where it fails, and has told of it where it took it at all. */
	if (MHD_add_connection(http->daemon, fd, address, address_bytes) != MHD_YES && http->arriving)
		client_end(client);
	http->arriving = NULL;
	http->pending = true;
}

void http_close_idle(struct http *http)
{
	struct client *client;

	TAILQ_FOREACH(client, &http->waiting, link) {
		if (!client->request)
			shutdown(client->fd, SHUT_RDWR);
	}
}
