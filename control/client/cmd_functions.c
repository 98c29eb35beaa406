/* SPDX-License-Identifier: Apache-2.0 */
/* kvick functions: what kvickd can be asked to run. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/client/client.h"
#include "control/client/http.h"
#include "control/client/output.h"
#include "control/units.h"
#include "vmm/error.h"

#define FUNCTIONS "/v1/functions"

static const struct option_row options[] = { CLIENT_OPTIONS, { 0 } };

static int list(const struct command *command, int argc, char **argv)
{
	static const char *const members[] = { "name", "image", "snapshot", "memory", "concurrency", "warm", "timeout", "state" };
	struct client client = { 0 };
	struct operands operands;
	struct http_reply reply;
	struct error error = { 0 };
	int code = client_parse(command, argc, argv, &client, NULL, false, &operands);

	if (code >= 0)
		return code;
	code = client_ask(&client, "functions", "GET", http_path(FUNCTIONS, "", ""), &reply);

	json_t *json = code == 0 ? client_answer(&client, "functions", &reply, &code) : NULL;

	json_t *functions = json_object_get(json, "functions");

	if (json && !json_is_array(functions)) {
		error_set(&error, ERROR_HOST, EPROTO, "functions: the answer is no list: is it kvickd that listens there?");
		code = client_failed(&client, EXIT_UNREACHABLE, &error);
	} else if (json) {
		code = client.json ? output_json(json) :
				     output_table(functions, members, sizeof(members) / sizeof(members[0]));
	}
	json_decref(json);
	http_reply_free(&reply);
	return code;
}

static int show(const struct command *command, int argc, char **argv)
{
	struct client client = { 0 };
	struct operands operands;
	int code = client_parse(command, argc, argv, &client, "NAME", false, &operands);

	return code < 0 ? client_show(&client, operands.operand, http_path(FUNCTIONS "/", operands.operand, "")) : code;
}

static int remove_function(const struct command *command, int argc, char **argv)
{
	struct client client = { 0 };
	struct operands operands;
	struct http_reply reply;
	int code = client_parse(command, argc, argv, &client, "NAME", false, &operands);

	if (code >= 0)
		return code;
	code = client_ask(&client, operands.operand, "DELETE", http_path(FUNCTIONS "/", operands.operand, ""), &reply);
	http_reply_free(&reply);
	return code;
}

/* --- add --- */

struct add_options {
	struct client client;
	json_t *function; /* the request's body, as far as it is known */
};

static int set(struct add_options *o, const char *member, json_t *value, struct error *error)
{
	if (!value) /* of strings jansson refuses what is not UTF-8 */
		return error_set(error, ERROR_USAGE, EILSEQ, "--%s: the value is not UTF-8", member);
	return json_object_set_new(o->function, member, value) == 0 ? 0 :
	       error_set(error, ERROR_HOST, ENOMEM, "%s", strerror(ENOMEM));
}

static int set_count(struct add_options *o, const char *member, const char *value, struct error *error)
{
	uint64_t n;

	if (!units_size(value, &n) || value[strspn(value, "0123456789")] || n > INT32_MAX)
		return error_set(error, ERROR_USAGE, EINVAL, "--%s %s: write a number", member, value);
	return set(o, member, json_integer((json_int_t)n), error);
}

static int take_image(void *into, const char *value, struct error *error)
{
	return set(into, "image", json_string(value), error);
}

static int take_snapshot(void *into, const char *value, struct error *error)
{
	return set(into, "snapshot", json_string(value), error);
}

static int take_memory(void *into, const char *value, struct error *error)
{
	uint64_t bytes;

	if (!units_size(value, &bytes) || bytes > INT64_MAX)
		return error_set(error, ERROR_USAGE, EINVAL, "--memory %s: not a size: write 16M, 2G or a number of bytes", value);
	return set(into, "memory", json_integer((json_int_t)bytes), error);
}

static int take_concurrency(void *into, const char *value, struct error *error)
{
	return set_count(into, "concurrency", value, error);
}

static int take_warm(void *into, const char *value, struct error *error)
{
	return set_count(into, "warm", value, error);
}

static int take_queue(void *into, const char *value, struct error *error)
{
	return set_count(into, "queue", value, error);
}

static int take_timeout(void *into, const char *value, struct error *error)
{
	uint64_t ns;

	if (!units_duration(value, &ns) || ns / 1000000 * 1000000 != ns) /* kvickd counts milliseconds */
		return error_set(error, ERROR_USAGE, EINVAL, "--timeout %s: not a duration: write 500ms, 2s or 1m", value);
	return set(into, "timeout", json_integer((json_int_t)(ns / 1000000)), error);
}

static int take_env(void *into, const char *value, struct error *error)
{
	struct add_options *o = into;
	json_t *environment = json_object_get(o->function, "environment");
	const char *equals = strchr(value, '=');

	if (!equals || equals == value)
		return error_set(error, ERROR_USAGE, EINVAL, "--env %s: write NAME=VALUE", value);
	if (!environment) {
		environment = json_object();
		json_object_set_new(o->function, "environment", environment);
	}

	json_t *name = json_stringn(value, (size_t)(equals - value)), *text = json_string(equals + 1);
	int r = name && text ? json_object_set(environment, json_string_value(name), text) : -1;

	json_decref(name);
	json_decref(text);
	return r < 0 ? error_set(error, ERROR_USAGE, EILSEQ, "--env %s: not UTF-8", value) : 0;
}

static const struct option_row add_options[] = {
	{ "image", "FILE", "run this, below kvickd's --images", take_image, 0 },
	{ "snapshot", "DIRECTORY", "or this, made by `kvick snapshot`, below kvickd's --images", take_snapshot, 0 },
	{ "memory", "SIZE", "guest RAM: 64M, 1G (default: what the image asks for)", take_memory, 0 },
	{ "concurrency", "N", "the most calls that run at a time", take_concurrency, 0 },
	{ "warm", "N", "keep as many VMs ready", take_warm, 0 },
	{ "queue", "N", "let as many calls wait; more are refused", take_queue, 0 },
	{ "timeout", "DURATION", "end a call that takes longer: 500ms, 2s, 1m", take_timeout, 0 },
	{ "env", "NAME=VALUE", "set a variable of the guest's environment; may be repeated", take_env, 0 },
	CLIENT_OPTIONS,
	{ 0 },
};

static int set_arguments(struct add_options *o, const struct operands *operands, struct error *error)
{
	json_t *arguments = json_array();

	for (unsigned i = 0; i < operands->rest_count; i++) {
		if (json_array_append_new(arguments, json_string(operands->rest[i])) < 0) {
			json_decref(arguments);
			return error_set(error, ERROR_USAGE, EILSEQ, "argument %u is not UTF-8", i + 1);
		}
	}
	return set(o, "arguments", arguments, error);
}

static int complete(struct add_options *o, const struct operands *operands, struct error *error)
{
	bool image = json_object_get(o->function, "image"), snapshot = json_object_get(o->function, "snapshot");

	if (image == snapshot)
		return error_set(error, ERROR_USAGE, EINVAL, "give one of --image FILE and --snapshot DIRECTORY");
	int r = set(o, "name", json_string(operands->operand), error);

	return r == 0 && operands->rest_count ? set_arguments(o, operands, error) : r;
}

static int send(struct add_options *o, const char *name)
{
	struct http_reply reply;
	char *body = json_dumps(o->function, JSON_COMPACT);
	const struct http_request request = {
		.method = "POST",
		.path = FUNCTIONS,
		.content_type = "application/json",
		.body = body,
		.body_bytes = body ? strlen(body) : 0,
		.reply_bytes_max = HTTP_TEXT_BYTES_MAX,
		.timeout_ns = HTTP_ANSWER_NS,
	};
	int code = client_call(&o->client, name, &request, &reply);
	json_t *json = code == 0 && o->client.json ? client_answer(&o->client, name, &reply, &code) : NULL;

	if (json)
		code = output_json(json);
	json_decref(json);
	http_reply_free(&reply);
	free(body);
	return code;
}

static int add(const struct command *command, int argc, char **argv)
{
	struct add_options o = { .function = json_object() };
	struct operands operands;
	struct error error = { 0 };
	int code = client_parse(command, argc, argv, &o.client, "NAME", true, &operands);

	if (code < 0 && complete(&o, &operands, &error) < 0)
		code = client_failed(&o.client, EXIT_USAGE, &error);
	if (code < 0)
		code = send(&o, operands.operand);
	json_decref(o.function);
	return code;
}

const struct command command_functions_list = {
	.name = "functions list",
	.synopsis = "functions [list] [OPTIONS]",
	.purpose = "The functions that kvickd has.",
	.options = options,
	.run = list,
};

const struct command command_functions_add = {
	.name = "functions add",
	.synopsis = "functions add [OPTIONS] NAME --image FILE|--snapshot DIRECTORY [-- ARGUMENTS…]",
	.purpose = "Make kvickd know a function.",
	.options = add_options,
	.more = "What follows \"--\" are the guest's arguments.\n",
	.run = add,
};

const struct command command_functions_show = {
	.name = "functions show",
	.synopsis = "functions show [OPTIONS] NAME",
	.purpose = "All that kvickd knows of a function.",
	.options = options,
	.run = show,
};

const struct command command_functions_remove = {
	.name = "functions remove",
	.synopsis = "functions remove [OPTIONS] NAME",
	.purpose = "Make kvickd forget a function, and end its calls.",
	.options = options,
	.run = remove_function,
};
