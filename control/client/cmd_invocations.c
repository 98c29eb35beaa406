/* SPDX-License-Identifier: Apache-2.0 */
/* kvick invocations: calls of functions that are under way, or were a while ago. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <kvick/hypercall.h>

#include "control/client/http.h"
#include "control/client/reply.h"
#include "vmm/error.h"

#define INVOCATIONS "/v1/invocations/"
#define POLL_NS_MIN 10000000l
#define POLL_NS_MAX 500000000l

static const struct option_row options[] = { CLIENT_OPTIONS, { 0 } };

static int status(const struct command *command, int argc, char **argv)
{
	struct client client = { 0 };
	struct operands operands;
	int code = client_parse(command, argc, argv, &client, "ID", false, &operands);

	return code < 0 ? client_show(&client, operands.operand, http_path(INVOCATIONS, operands.operand, "")) : code;
}

static int log_of(const struct command *command, int argc, char **argv)
{
	struct client client = { 0 };
	struct operands operands;
	struct http_reply reply;
	int code = client_parse(command, argc, argv, &client, "ID", false, &operands);

	if (code >= 0)
		return code;
	code = client_ask(&client, operands.operand, "GET", http_path(INVOCATIONS, operands.operand, "/log"), &reply);
	if (code == 0)
		code = output_text(reply.body ? reply.body : "", reply.body_bytes);
	http_reply_free(&reply);
	return code;
}

static int cancel(const struct command *command, int argc, char **argv)
{
	struct client client = { 0 };
	struct operands operands;
	struct http_reply reply;
	int code = client_parse(command, argc, argv, &client, "ID", false, &operands);

	if (code >= 0)
		return code;
	code = client_ask(&client, operands.operand, "DELETE", http_path(INVOCATIONS, operands.operand, ""), &reply);
	http_reply_free(&reply);
	return code;
}

/* --- result --- */

struct result_options {
	struct reply_options reply; /* first: its rows are ours */
	bool wait;
};

static int take_wait(void *into, const char *value, struct error *error)
{
	struct result_options *o = into;

	(void)value;
	(void)error;
	o->wait = true;
	return 0;
}

static const struct option_row result_options[] = {
	{ "wait", NULL, "until the call has ended", take_wait, 0 },
	REPLY_OPTIONS,
	CLIENT_OPTIONS,
	{ 0 },
};

/* Has it ended? -1: yes; 0: no; else the exit code. */
static int ended(const struct client *client, const char *id)
{
	struct http_reply reply;
	int code = client_ask(client, id, "GET", http_path(INVOCATIONS, id, ""), &reply);
	json_t *json = code == 0 ? client_answer(client, id, &reply, &code) : NULL;
	const char *state = json_string_value(json_object_get(json, "status"));

	if (code == 0 && !(state && (strcmp(state, "queued") == 0 || strcmp(state, "running") == 0)))
		code = -1;
	json_decref(json);
	http_reply_free(&reply);
	return code;
}

static int await(const struct client *client, const char *id)
{
	long pause_ns = POLL_NS_MIN;
	int code;

	while ((code = ended(client, id)) == 0) {
		nanosleep(&(struct timespec){ .tv_nsec = pause_ns }, NULL);
		pause_ns = 2 * pause_ns < POLL_NS_MAX ? 2 * pause_ns : POLL_NS_MAX;
	}
	return code;
}

static int result(const struct command *command, int argc, char **argv)
{
	struct result_options o = { 0 };
	struct output_file file = { .fd = -1 };
	struct operands operands;
	struct http_reply reply = { 0 };
	int code = client_parse(command, argc, argv, &o.reply.client, "ID", false, &operands);

	if (code < 0 && o.wait)
		code = await(&o.reply.client, operands.operand);
	if (code >= 0)
		return code;
	code = reply_begin(&o.reply, &file);
	if (code != 0)
		return code;

	char *path = http_path(INVOCATIONS, operands.operand, "/result");
	const struct http_request request = {
		.method = "GET",
		.path = path,
		.reply_bytes_max = KVICK_REPLY_BYTES_MAX,
		.timeout_ns = HTTP_ANSWER_NS,
	};

	code = reply_end(&o.reply, &file, &reply, client_call(&o.reply.client, operands.operand, &request, &reply));
	http_reply_free(&reply);
	free(path);
	return code;
}

const struct command command_invocations_status = {
	.name = "invocations status",
	.synopsis = "invocations status [OPTIONS] ID",
	.purpose = "How far a call has come.",
	.options = options,
	.run = status,
};

const struct command command_invocations_result = {
	.name = "invocations result",
	.synopsis = "invocations result [OPTIONS] ID",
	.purpose = "A call's reply, to stdout.",
	.options = result_options,
	.run = result,
};

const struct command command_invocations_log = {
	.name = "invocations log",
	.synopsis = "invocations log [OPTIONS] ID",
	.purpose = "What the guest printed meanwhile.",
	.options = options,
	.run = log_of,
};

const struct command command_invocations_cancel = {
	.name = "invocations cancel",
	.synopsis = "invocations cancel [OPTIONS] ID",
	.purpose = "End a call.",
	.options = options,
	.run = cancel,
};
