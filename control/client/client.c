/* SPDX-License-Identifier: Apache-2.0 */
#include "control/client/client.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "control/client/http.h"
#include "control/client/output.h"
#include "control/commands.h"
#include "vmm/error.h"

int client_take_socket(void *into, const char *value, struct error *error)
{
	struct client *client = into;

	if (client->url)
		return error_set(error, ERROR_USAGE, EINVAL, "--socket and --url: give one of them");
	client->socket = value;
	return 0;
}

int client_take_url(void *into, const char *value, struct error *error)
{
	struct client *client = into;

	if (client->socket)
		return error_set(error, ERROR_USAGE, EINVAL, "--socket and --url: give one of them");
	if (strncmp(value, "http://", 7) != 0 || value[7] == '\0')
		return error_set(error, ERROR_USAGE, EINVAL, "--url %s: write http://HOST:PORT", value);
	client->url = value;
	return 0;
}

int client_take_json(void *into, const char *value, struct error *error)
{
	struct client *client = into;

	(void)value;
	(void)error;
	client->json = true;
	return 0;
}

int client_parse(const struct command *command, int argc, char **argv, struct client *client, const char *operand, bool rest,
		 struct operands *operands)
{
	struct error error = { 0 };
	const char *socket = getenv("KVICK_SOCKET");

	if (options_parse(command, argc, argv, client, operands, &error) < 0)
		return client_failed(client, EXIT_USAGE, &error);
	if (operands->help)
		return options_help(command);
	if (!client->socket && !client->url)
		client->socket = socket && *socket ? socket : CLIENT_SOCKET;
	if (client->socket && strlen(client->socket) >= sizeof(((struct sockaddr_un *)0)->sun_path))
		error_set(&error, ERROR_USAGE, ENAMETOOLONG, "--socket %s: longer than the %zu characters that a socket's path has",
			  client->socket, sizeof(((struct sockaddr_un *)0)->sun_path) - 1);
	else if (operand && (!operands->operand || !*operands->operand))
		error_set(&error, ERROR_USAGE, EINVAL, "%s is missing: usage: kvick %s", operand, command->synopsis);
	else if (!operand && operands->operand)
		error_set(&error, ERROR_USAGE, EINVAL, "%s: one operand too many: usage: kvick %s", operands->operand,
			  command->synopsis);
	else if (!rest && operands->rest_count)
		error_set(&error, ERROR_USAGE, EINVAL, "nothing follows \"--\" here: usage: kvick %s", command->synopsis);
	return error.kind ? client_failed(client, EXIT_USAGE, &error) : -1;
}

/* For programs, in the form in which kvickd puts it. */
static const struct {
	int code;
	const char *name;
} kinds[] = {
	{ EXIT_USAGE, "usage" },
	{ EXIT_TIMEOUT, "timeout" },
	{ EXIT_UNREACHABLE, "unreachable" },
};

/* A file's name may be anything, JSON is UTF-8. */
static json_t *error_json(const char *kind, const char *message)
{
	json_t *json = json_pack("{s:{s:s,s:s}}", "error", "code", kind, "message", message);
	char ascii[ERROR_TEXT_BYTES];

	if (json)
		return json;
	snprintf(ascii, sizeof(ascii), "%s", message);
	for (char *c = ascii; *c; c++)
		*c = *c & 0x80 ? '?' : *c;
	return json_pack("{s:{s:s,s:s}}", "error", "code", kind, "message", ascii);
}

int client_failed(const struct client *client, int code, const struct error *error)
{
	const char *kind = "interrupted";

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (kinds[i].code == code)
			kind = kinds[i].name;
	if (client->json) {
		json_t *json = error_json(kind, error->text);

		output_json(json);
		json_decref(json);
	}
	command_failed(error);
	return code;
}

static const char *where(const struct client *client)
{
	return client->socket ? client->socket : client->url;
}

/* What a status that is no success means for us. All others: refused. */
static const struct {
	long status;
	int code;
} statuses[] = {
	{ 429, EXIT_BUSY },
	{ 500, EXIT_UNREACHABLE },
	{ 502, EXIT_FUNCTION },
	{ 503, EXIT_BUSY },
	{ 504, EXIT_TIMEOUT },
};

/* The server said no: {"error": {"code", "field", "message"}}; where it is ending /healthz says {"status": "stopping"}. */
static int refused(const struct client *client, const char *subject, const struct http_reply *reply)
{
	json_t *json = json_loadb(reply->body_bytes ? reply->body : "", reply->body_bytes, 0, NULL);
	json_t *said = json_object_get(json, "error");
	const char *message = json_string_value(json_object_get(said, "message"));
	const char *field = json_string_value(json_object_get(said, "field"));
	struct error error = { 0 };
	char next[192] = "";
	int code = EXIT_REFUSED;

	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		if (statuses[i].status == reply->status)
			code = statuses[i].code;
	message = message ? message : json_string_value(json_object_get(json, "status"));
	if (code == EXIT_FUNCTION && *reply->invocation)
		snprintf(next, sizeof(next), "; `kvick invocations log %s` has its output", reply->invocation);
	else if (*reply->retry_after)
		snprintf(next, sizeof(next), "; try again in %s s", reply->retry_after);
	if (!message) {
		error_set(&error, ERROR_HOST, EPROTO, "%s: %s: status %ld without a reason: is it kvickd that listens there?",
			  where(client), subject, reply->status);
		code = client_failed(client, EXIT_UNREACHABLE, &error);
	} else {
		error_set(&error, ERROR_HOST, EREMOTEIO, "%s: %s%s%s%s", subject, field ? field : "", field ? ": " : "", message,
			  next);
		if (client->json)
			output_json(json);
		command_failed(&error);
	}
	json_decref(json);
	return code;
}

int client_call(const struct client *client, const char *subject, const struct http_request *request, struct http_reply *reply)
{
	struct http_request with = *request;
	struct error error = { 0 };

	with.subject = subject;
	if (!with.path) {
		*reply = (struct http_reply){ 0 };
		error_set(&error, ERROR_HOST, ENOMEM, "%s: %s", subject, strerror(ENOMEM));
		return client_failed(client, EXIT_UNREACHABLE, &error);
	}

	int r = http_perform(client, &with, reply, &error);

	if (r == 0)
		return reply->status >= 200 && reply->status < 300 ? 0 : refused(client, subject, reply);
	if (r == -EINTR) {
		error_set(&error, ERROR_HOST, EINTR, "%s: ended by signal %d", subject, reply->signal);
		return client_failed(client, EXIT_SIGNAL + reply->signal, &error);
	}
	if (r == -ETIMEDOUT) {
		error_set(&error, ERROR_HOST, ETIMEDOUT, "%s: no answer within %g s", subject, (double)with.timeout_ns / 1e9);
		return client_failed(client, EXIT_TIMEOUT, &error);
	}
	return client_failed(client, error.kind == ERROR_USAGE ? EXIT_USAGE : EXIT_UNREACHABLE, &error);
}

int client_ask(const struct client *client, const char *subject, const char *method, char *path, struct http_reply *reply)
{
	const struct http_request request = {
		.method = method,
		.path = path,
		.reply_bytes_max = HTTP_TEXT_BYTES_MAX,
		.timeout_ns = HTTP_ANSWER_NS,
	};
	int code = client_call(client, subject, &request, reply);

	free(path);
	return code;
}

json_t *client_answer(const struct client *client, const char *subject, const struct http_reply *reply, int *code)
{
	struct error error = { 0 };
	json_error_t why = { 0 };
	json_t *json = json_loadb(reply->body_bytes ? reply->body : "", reply->body_bytes, 0, &why);

	if (json_is_object(json))
		return json;
	json_decref(json);
	error_set(&error, ERROR_HOST, EPROTO, "%s: %s: the answer is no JSON object%s%s: is it kvickd that listens there?",
		  where(client), subject, *why.text ? ": " : "", why.text);
	*code = client_failed(client, EXIT_UNREACHABLE, &error);
	return NULL;
}

int client_show(const struct client *client, const char *subject, char *path)
{
	struct http_reply reply;
	int code = client_ask(client, subject, "GET", path, &reply);
	json_t *json = code == 0 ? client_answer(client, subject, &reply, &code) : NULL;

	if (json)
		code = client->json ? output_json(json) : output_object(json);
	json_decref(json);
	http_reply_free(&reply);
	return code;
}
