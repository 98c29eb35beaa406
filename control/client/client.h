/* SPDX-License-Identifier: Apache-2.0 */
/* kvick-client: what every one of its commands takes, and how each ends. */
#ifndef KVICK_CONTROL_CLIENT_CLIENT_H
#define KVICK_CONTROL_CLIENT_CLIENT_H

#include <jansson.h>
#include <stdbool.h>

#include "control/exit_codes.h"
#include "control/commands.h"

struct error;
struct http_reply;
struct http_request;

#define CLIENT_SOCKET "/run/kvick/kvickd.sock" /* kvickd's, unless told otherwise */

/* Beside EXIT_USAGE, EXIT_TIMEOUT and EXIT_SIGNAL, which mean what they mean for a launch. */
enum client_exit {
	EXIT_BUSY = 119,                /* the server has no room now, or is ending: try again */
	EXIT_FUNCTION = EXIT_CRASHED,   /* the guest crashed, or ended without a reply, or did what a function may not */
	EXIT_REFUSED = EXIT_IMAGE,      /* the server refuses the request */
	EXIT_UNREACHABLE = EXIT_HOST,   /* there is no server, or no kvickd, or its host cannot; or a file of ours cannot be had */
};

/* The first member of what a command's options go to. */
struct client {
	const char *socket; /* of the two the one that is used; the other is NULL */
	const char *url;
	bool json;
};

int client_take_socket(void *into, const char *value, struct error *error);
int client_take_url(void *into, const char *value, struct error *error);
int client_take_json(void *into, const char *value, struct error *error);

/* The rows that every command has. */
#define CLIENT_OPTIONS \
	{ "socket", "PATH", "where kvickd listens (default: KVICK_SOCKET, else " CLIENT_SOCKET ")", client_take_socket, 0 }, \
	{ "url", "http://HOST:PORT", "where kvickd listens with --listen", client_take_url, 0 }, \
	{ "json", NULL, "print JSON, errors too", client_take_json, 0 }

/*
 * options_parse(), and what it leaves has an operand if one is needed (called `operand`; NULL: none is taken), and nothing after
 * "--" unless `rest`. Returns -1, or the exit code: --help has been printed, or what is wrong.
 */
int client_parse(const struct command *command, int argc, char **argv, struct client *client, const char *operand, bool rest,
		 struct operands *operands);

/* A client-side failure: says it, on stdout too with --json. Returns the exit code. */
int client_failed(const struct client *client, int code, const struct error *error);

/*
 * Sends a request and takes the reply, which is the caller's to free in any case. Returns 0 where the server did as it was told
 * (2xx), else the exit code after saying why. `subject` is what a message is about, a function's name or an invocation's ID.
 */
int client_call(const struct client *client, const char *subject, const struct http_request *request, struct http_reply *reply);

/* The same without a body, for what is answered at once. `path` is freed. */
int client_ask(const struct client *client, const char *subject, const char *method, char *path, struct http_reply *reply);

/* The reply as a JSON object; NULL after saying that it is none, and *code is the exit code. */
json_t *client_answer(const struct client *client, const char *subject, const struct http_reply *reply, int *code);

/* GETs an object and prints it. `path` is freed. Returns the exit code. */
int client_show(const struct client *client, const char *subject, char *path);

extern const struct command command_functions_list, command_functions_add, command_functions_show, command_functions_remove;
extern const struct command command_invocations_status, command_invocations_result, command_invocations_log,
	command_invocations_cancel;
extern const struct command command_service_status, command_service_metrics;

#endif
