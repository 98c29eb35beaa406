/* SPDX-License-Identifier: Apache-2.0 */
/* kvick invoke: one call of a function. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <kvick/hypercall.h>

#include "control/client/http.h"
#include "control/client/reply.h"
#include "control/units.h"
#include "vmm/error.h"

struct invoke_options {
	struct reply_options reply; /* first: its rows are ours */
	const char *data, *file;
	bool async;
	uint64_t timeout_ns;
};

static int take_data(void *into, const char *value, struct error *error)
{
	struct invoke_options *o = into;

	o->data = value;
	return o->file ? error_set(error, ERROR_USAGE, EINVAL, "--data and --file: give one of them") : 0;
}

static int take_file(void *into, const char *value, struct error *error)
{
	struct invoke_options *o = into;

	o->file = value;
	return o->data ? error_set(error, ERROR_USAGE, EINVAL, "--data and --file: give one of them") : 0;
}

static int take_async(void *into, const char *value, struct error *error)
{
	struct invoke_options *o = into;

	(void)value;
	(void)error;
	o->async = true;
	return 0;
}

static int take_timeout(void *into, const char *value, struct error *error)
{
	struct invoke_options *o = into;

	if (!units_duration(value, &o->timeout_ns) || !o->timeout_ns)
		return error_set(error, ERROR_USAGE, EINVAL, "--timeout %s: not a duration: write 500ms, 2s or 1m", value);
	return 0;
}

static const struct option_row options[] = {
	{ "data", "TEXT", "the request (default: an empty one)", take_data, 0 },
	{ "file", "FILE", "the request is in a file; \"-\": stdin", take_file, 0 },
	{ "async", NULL, "do not wait: print the call's ID, for `kvick invocations`", take_async, 0 },
	{ "timeout", "DURATION", "give up and end the call after 500ms, 2s, 1m", take_timeout, 0 },
	REPLY_OPTIONS,
	CLIENT_OPTIONS,
	{ 0 },
};

/* All of a file, up to one byte more than a request may have. To be freed. */
static char *read_request(const char *path, size_t *bytes, struct error *error)
{
	const size_t room = KVICK_REQUEST_BYTES_MAX + 1;
	char *request = malloc(room);
	bool is_stdin = strcmp(path, "-") == 0;
	int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	ssize_t n = fd < 0 || !request ? -1 : 1;

	*bytes = 0;
	while (n > 0 && *bytes < room) {
		n = read(fd, request + *bytes, room - *bytes);
		*bytes += n > 0 ? (size_t)n : 0;
		if (n < 0 && errno == EINTR)
			n = 1;
	}
	if (n < 0)
		error_set(error, ERROR_HOST, errno, "--file %s: %s", path, strerror(errno));
	else if (*bytes == room)
		error_set(error, ERROR_USAGE, EFBIG, "--file %s: more than %llu MiB, the most that a function takes", path,
			  KVICK_REQUEST_BYTES_MAX >> 20);
	if (fd >= 0 && !is_stdin)
		close(fd);
	return request;
}

/* 202: the ID, alone on a line. */
static int print_accepted(const struct client *client, const char *name, const struct http_reply *reply)
{
	struct error error = { 0 };
	int code = 0;

	if (!*reply->invocation || reply->status != 202) {
		error_set(&error, ERROR_HOST, EPROTO, "%s: the server did not say by which ID the call goes", name);
		return client_failed(client, EXIT_UNREACHABLE, &error);
	}
	if (!client->json)
		return output_line(reply->invocation);

	json_t *json = client_answer(client, name, reply, &code);

	if (json)
		code = output_json(json);
	json_decref(json);
	return code;
}

static int invoke(struct invoke_options *o, const char *name, const char *body, size_t body_bytes)
{
	struct output_file file = { .fd = -1 };
	struct http_reply reply = { 0 };
	char *path = http_path("/v1/functions/", name, "/invocations");
	const struct http_request request = {
		.method = "POST",
		.path = path,
		.content_type = "application/octet-stream",
		.body = body,
		.body_bytes = body_bytes,
		.async = o->async,
		.reply_bytes_max = KVICK_REPLY_BYTES_MAX,
		.timeout_ns = o->timeout_ns,
	};
	int code = reply_begin(&o->reply, &file);

	if (code == 0) {
		code = client_call(&o->reply.client, name, &request, &reply);
		if (!o->async)
			code = reply_end(&o->reply, &file, &reply, code);
		else if (code == 0)
			code = print_accepted(&o->reply.client, name, &reply);
	}
	http_reply_free(&reply);
	free(path);
	return code;
}

static int run(const struct command *command, int argc, char **argv)
{
	struct invoke_options o = { 0 };
	struct operands operands;
	struct error error = { 0 };
	char *request = NULL;
	size_t bytes = 0;
	int code = client_parse(command, argc, argv, &o.reply.client, "NAME", false, &operands);

	if (code >= 0)
		return code;
	if (o.async && (o.reply.output || o.reply.timing))
		error_set(&error, ERROR_USAGE, EINVAL, "--async: there is no reply yet: give --output and --timing to `kvick "
			  "invocations result`");
	else if (o.file)
		request = read_request(o.file, &bytes, &error);
	if (error.kind)
		code = client_failed(&o.reply.client, error.kind == ERROR_USAGE ? EXIT_USAGE : EXIT_UNREACHABLE, &error);
	else if (o.data)
		code = invoke(&o, operands.operand, o.data, strlen(o.data));
	else
		code = invoke(&o, operands.operand, request, bytes);
	free(request);
	return code;
}

const struct command command_invoke = {
	.name = "invoke",
	.synopsis = "invoke [OPTIONS] NAME",
	.purpose = "Call a function: the request in, its reply to stdout.",
	.options = options,
	.more = "Ctrl-C ends the call.\n",
	.run = run,
};
