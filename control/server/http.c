/* SPDX-License-Identifier: Apache-2.0 */
#include "control/server/http.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "control/server/clients.h"
#include "control/server/fields.h"
#include "control/server/routes.h"
#include "control/server/server.h"

#define CONNECTION_BYTES 32768u /* a connection's memory: its headers have to fit, and bodies are read through it */
#define BODY_FIRST_ROOM  65536u
#define TURNS_AT_ONCE    16u    /* of the daemon, before the loop looks at the workers again */

/* --- answers --- */

json_t *error_json(const char *code, const char *field, const char *message)
{
	json_t *error = json_pack("{s:s, s:s}", "code", code, "message", message);

	if (field && field[0])
		json_object_set_new(error, "field", json_string(field));
	return json_pack("{s:o}", "error", error);
}

void request_answer(struct request *request, unsigned status, struct MHD_Response *response)
{
	assert(!request->status);
	request->status = status;
	request->response = response;
	request->invocation = NULL;
	request->function = NULL;
	if (request->suspended) {
		request->suspended = false;
		MHD_resume_connection(request->connection);
		request->server->http.pending = true;
	}
}

void request_drop(struct request *request)
{
	request_answer(request, 499, NULL);
}

void request_header(struct request *request, const char *name, const char *value)
{
	if (request->response)
		MHD_add_response_header(request->response, name, value);
}

void request_json(struct request *request, unsigned status, json_t *json)
{
	char *text = json_dumps(json, JSON_COMPACT);
	struct MHD_Response *response = text ? MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE) : NULL;

	json_decref(json);
	if (response)
		MHD_add_response_header(response, "Content-Type", "application/json");
	request_answer(request, status, response);
}

void request_error(struct request *request, unsigned status, const char *code, const char *format, ...)
{
	char message[1280];
	va_list more;

	va_start(more, format);
	vsnprintf(message, sizeof(message), format, more);
	va_end(more);
	request_json(request, status, error_json(code, NULL, message));
	if (status == MHD_HTTP_TOO_MANY_REQUESTS || status == MHD_HTTP_SERVICE_UNAVAILABLE)
		request_header(request, "Retry-After", "1");
}

void request_refuse(struct request *request, unsigned status, const struct fields_error *error)
{
	request_json(request, status, error_json(error->code, error->field, error->message));
}

const char *request_value(const struct request *request, const char *header)
{
	return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, header);
}

static void blob_put_object(void *blob)
{
	blob_put(blob);
}

struct MHD_Response *response_of_blob(struct blob *blob, const char *type)
{
	struct MHD_Response *response;

	if (blob)
		response = MHD_create_response_from_buffer_with_free_callback_cls(blob->bytes, blob->data, blob_put_object,
										  blob_hold(blob));
	else
		response = MHD_create_response_from_buffer(0, (void *)"", MHD_RESPMEM_PERSISTENT);
	if (response && type)
		MHD_add_response_header(response, "Content-Type", type);
	else if (!response)
		blob_put(blob);
	return response;
}

/* --- requests --- */

/* From a page in a browser, by a name that leads here: a socket of loopback TCP has no permissions that would keep it out. */
static bool foreign(struct request *request)
{
	static const char *const hosts[] = { "localhost", "127.0.0.1", "[::1]" };
	const char *host = request_value(request, "Host");

	if (!request->client->tcp)
		return false;
	if (request_value(request, "Origin"))
		return true;
	for (unsigned i = 0; host && i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		size_t bytes = strlen(hosts[i]);

		if (strncmp(host, hosts[i], bytes) == 0 && (host[bytes] == '\0' || host[bytes] == ':'))
			return false;
	}
	return host != NULL;
}

/* What can be said without the body. */
static void look_at_head(struct request *request, const char *method, const char *path, uint64_t length)
{
	struct server *server = request->server;
	char allowed[64];

	request->route = route_find(method, path, request->name, sizeof(request->name), allowed, sizeof(allowed));
	if (foreign(request)) {
		request_error(request, MHD_HTTP_FORBIDDEN, "foreign_origin",
			      "requests of web pages, or for another host, are refused");
	} else if (!request->route && allowed[0]) {
		request_error(request, MHD_HTTP_METHOD_NOT_ALLOWED, "method_not_allowed", "here: %s", allowed);
		request_header(request, "Allow", allowed);
	} else if (!request->route) {
		request_error(request, MHD_HTTP_NOT_FOUND, "no_such_path", "there is no such path");
	} else if (length > request->route->body_max) {
		request_error(request, MHD_HTTP_CONTENT_TOO_LARGE, "body_too_large",
			      "a body of %" PRIu64 " bytes, and at most %zu fit", length, request->route->body_max);
	} else if (length && server->bodies.held + length > server->bodies.most) {
		request_error(request, MHD_HTTP_SERVICE_UNAVAILABLE, "out_of_memory", "too many bodies are in memory");
	}
}

/* "0" too where it is none: libmicrohttpd has refused that. UINT64_MAX: not known yet. */
static uint64_t content_length(const struct request *request)
{
	const char *length = request_value(request, "Content-Length");

	if (length)
		return strtoull(length, NULL, 10);
	return request_value(request, "Transfer-Encoding") ? UINT64_MAX : 0;
}

static enum MHD_Result send_answer(struct request *request)
{
	enum MHD_Result r;

	if (!request->response)
		return MHD_NO;
	if (request->server->draining)
		MHD_add_response_header(request->response, "Connection", "close");
	r = MHD_queue_response(request->connection, request->status, request->response);
	MHD_destroy_response(request->response);
	request->response = NULL;
	request->client->served = true;
	client_waits(request->client);
	metrics_answered(&request->server->metrics, request->status);
	return r;
}

static enum MHD_Result begin(struct http *http, struct MHD_Connection *connection, const char *path, const char *method,
			     void **context)
{
	struct request *request = memory_get(sizeof(*request));
	uint64_t length;

	*request = (struct request){ .server = http->server, .connection = connection };
	request->client = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
	request->client->request = request;
	*context = request;
	http->requests++;

	client_waits(request->client);
	length = content_length(request);
	look_at_head(request, method, path, length == UINT64_MAX ? 0 : length);
	if (request->route)
		request->promised = length < request->route->body_max ? (size_t)length : request->route->body_max;
	/* An answer at this point has the rest of the request thrown away, and the connection with it. */
	return request->status && length ? send_answer(request) : MHD_YES;
}

/* Room grows with what has come, not with what was promised. */
static bool make_room(struct request *request, size_t wanted)
{
	struct memory_budget *budget = &request->server->bodies;
	size_t have = request->body ? request->body->room : 0, room = have ? 2 * have : BODY_FIRST_ROOM;

	if (wanted <= have)
		return true;
	if (room < wanted)
		room = wanted;
	if (room > request->promised)
		room = request->promised;
	if (budget->held + (room - have) > budget->most)
		return false;
	if (have)
		return blob_grow(&request->body, room) == 0;
	request->body = blob_get(budget, room);
	return request->body != NULL;
}

static bool take_body(struct request *request, const char *data, size_t bytes)
{
	size_t before = request->body ? request->body->bytes : 0;

	if (request->status) /* a chunked body of a request that is refused in any case */
		return false;
	if (before + bytes > request->promised) {
		client_refuse(request->client, CLIENT_TOO_LARGE);
		return false;
	}
	if (!make_room(request, before + bytes)) {
		client_refuse(request->client, CLIENT_NO_MEMORY);
		return false;
	}
	memcpy(request->body->data + before, data, bytes);
	request->body->bytes += bytes;
	return true;
}

static enum MHD_Result handle(void *object, struct MHD_Connection *connection, const char *path, const char *method,
			      const char *version, const char *data, size_t *bytes, void **context)
{
	struct request *request = *context;

	(void)version;
	if (!request)
		return begin(object, connection, path, method, context);
	if (*bytes) {
		bool taken = take_body(request, data, *bytes);

		*bytes = 0;
		return taken ? MHD_YES : MHD_NO;
	}
	if (!request->received) {
		request->received = true;
		request->arrived_ns = loop_now_ns();
		if (!request->status)
			request->route->handle(request);
	}
	if (request->status)
		return send_answer(request);
	client_rests(request->client);
	request->suspended = true;
	MHD_suspend_connection(connection);
	if (request->client->left)
		client_left(request->client);
	return MHD_YES;
}

static void completed(void *object, struct MHD_Connection *connection, void **context, enum MHD_RequestTerminationCode why)
{
	struct http *http = object;
	struct request *request = *context;

	(void)connection, (void)why;
	if (!request)
		return;
	if (request->response)
		MHD_destroy_response(request->response);
	blob_put(request->body);
	request->client->request = NULL;
	client_waits(request->client);
	free(request);
	http->requests--;
	*context = NULL;
	server_drained(http->server);
}

/* --- the daemon --- */

static void connection_changed(void *object, struct MHD_Connection *connection, void **context,
			       enum MHD_ConnectionNotificationCode what)
{
	struct http *http = object;

	(void)connection;
	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		*context = http->arriving;
		http->arriving = NULL;
	} else {
		client_end(*context);
	}
}

/* Names have no escapes in them: what has is no name. */
static size_t leave_escapes(void *object, struct MHD_Connection *connection, char *text)
{
	(void)object, (void)connection;
	return strlen(text);
}

static void daemon_says(void *object, const char *format, va_list arguments)
{
	struct http *http = object;
	char text[256], shown[256];

	if (http->server->log.level < LOG_LEVEL_DEBUG)
		return; /* it says much that is of no use, at each answer */
	vsnprintf(text, sizeof(text), format, arguments);
	text[strcspn(text, "\n")] = '\0';
	fields_printable(shown, sizeof(shown), text, sizeof(text));
	log_event(&http->server->log, LOG_LEVEL_DEBUG, "http", "{s:s}", "message", shown);
}

static void daemon_ready(void *object, uint32_t events)
{
	struct http *http = object;

	(void)events;
	http->pending = true;
}

static int before_wait(void *object)
{
	struct http *http = object;

	for (unsigned turn = 0; http->pending; turn++) {
		MHD_UNSIGNED_LONG_LONG left_ms;

		if (turn == TURNS_AT_ONCE)
			return 0;
		http->pending = false;
		MHD_run(http->daemon);
		if (MHD_get_timeout(http->daemon, &left_ms) == MHD_YES && left_ms == 0)
			http->pending = true;
	}
	if (http->server->log.used)
		log_flush(&http->server->log);
	return -1;
}

int http_begin(struct http *http, struct server *server)
{
	const union MHD_DaemonInfo *info;

	*http = (struct http){ .server = server, .deadline = { .over = clients_deadline, .object = http } };
	TAILQ_INIT(&http->waiting);
	http->daemon = MHD_start_daemon(
		MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL,
		handle, http,
		MHD_OPTION_EXTERNAL_LOGGER, daemon_says, http,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)server->options.connections_max + 1,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES,
		MHD_OPTION_NOTIFY_CONNECTION, connection_changed, http,
		MHD_OPTION_NOTIFY_COMPLETED, completed, http,
		MHD_OPTION_UNESCAPE_CALLBACK, leave_escapes, NULL,
		MHD_OPTION_STRICT_FOR_CLIENT, 1,
		MHD_OPTION_END);
	if (!http->daemon)
		return -ENOMEM;
	info = MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	http->epoll_fd = info->epoll_fd;
	server->loop.before_wait = before_wait;
	server->loop.before_wait_object = http;
	return loop_watch(&server->loop, http->epoll_fd, EPOLLIN, daemon_ready, http);
}

/* Whoever still waits for an answer has none: the caller has ended what it waited for. */
void http_end(struct http *http)
{
	struct server *server = http->server;

	if (!http->daemon)
		return;
	loop_forget(&server->loop, http->epoll_fd);
	MHD_run(http->daemon);
	MHD_stop_daemon(http->daemon);
	timer_clear(&server->loop.timers, &http->deadline);
	http->daemon = NULL;
}
