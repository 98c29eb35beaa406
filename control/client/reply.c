/* SPDX-License-Identifier: Apache-2.0 */
#include "control/client/reply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/client/http.h"
#include "vmm/error.h"

int reply_take_output(void *into, const char *value, struct error *error)
{
	struct reply_options *o = into;

	(void)error;
	o->output = value;
	return 0;
}

int reply_take_timing(void *into, const char *value, struct error *error)
{
	struct reply_options *o = into;

	(void)value;
	(void)error;
	o->timing = true;
	return 0;
}

/* --- Server-Timing (W3C): NAME;dur=MILLISECONDS;desc=WORD, … --- */

/* What a metric's parameter is, unquoted; false where it has none. */
static bool parameter(const char *metric, const char *name, char *value, size_t bytes)
{
	const char *at = strstr(metric, name);
	size_t n;

	if (!at)
		return false;
	at += strlen(name);
	at += *at == '"';
	n = strcspn(at, "\"; ");
	n = n < bytes ? n : bytes - 1;
	memcpy(value, at, n);
	value[n] = '\0';
	return true;
}

/* {"launch": {"ms": 0.2, "description": "hit"}, …} */
static json_t *timing(const struct http_reply *reply)
{
	char text[sizeof(reply->timing)], value[64], *rest = text, *metric;
	json_t *all = json_object();

	memcpy(text, reply->timing, sizeof(text));
	while ((metric = strsep(&rest, ","))) {
		json_t *one = json_object();

		metric += strspn(metric, " \t");
		if (parameter(metric, ";dur=", value, sizeof(value)))
			json_object_set_new(one, "ms", json_real(strtod(value, NULL)));
		if (parameter(metric, ";desc=", value, sizeof(value)))
			json_object_set_new(one, "description", json_string(value));
		metric[strcspn(metric, "; \t")] = '\0';
		if (*metric)
			json_object_set(all, metric, one);
		json_decref(one);
	}
	return all;
}

static void say_timing(const struct http_reply *reply)
{
	json_t *all = timing(reply), *one;
	const char *name, *separator = "kvick: ";
	char text[ERROR_TEXT_BYTES] = "";
	size_t used = 0;

	json_object_foreach(all, name, one) {
		const char *description = json_string_value(json_object_get(one, "description"));
		int n = snprintf(text + used, sizeof(text) - used, "%s%s %.3f ms%s%s%s", separator, name,
				 json_number_value(json_object_get(one, "ms")), description ? " (" : "",
				 description ? description : "", description ? ")" : "");

		used += n > 0 && (size_t)n < sizeof(text) - used ? (size_t)n : 0;
		separator = ", ";
	}
	json_decref(all);
	fprintf(stderr, "%s\n", used ? text : "kvick: the server sent no timing");
}

/* --- the reply --- */

static json_t *base64(const char *bytes, size_t n)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *text = malloc((n + 2) / 3 * 4 + 1), *at = text;

	for (size_t i = 0; text && i < n; i += 3) {
		unsigned group = 0;

		for (size_t k = 0; k < 3; k++)
			group = group << 8 | (i + k < n ? (unsigned char)bytes[i + k] : 0);
		for (size_t k = 0; k < 4; k++)
			*at++ = i + k <= n ? digits[group >> (18 - 6 * k) & 63] : '=';
	}

	json_t *json = text ? json_stringn(text, (size_t)(at - text)) : NULL;

	free(text);
	return json;
}

/* Programs get all of it in one object; what is no text by another name. */
static int print_json(const struct reply_options *o, const struct http_reply *reply)
{
	json_t *json = json_pack("{s:s,s:o,s:I}", "id", reply->invocation, "timing", timing(reply), "bytes",
				 (json_int_t)reply->body_bytes);

	if (!o->output) {
		json_t *text = json_stringn(reply->body_bytes ? reply->body : "", reply->body_bytes);

		if (text)
			json_object_set_new(json, "reply", text);
		else
			json_object_set_new(json, "reply_base64", base64(reply->body, reply->body_bytes));
	}

	int code = output_json(json);

	json_decref(json);
	return code;
}

int reply_begin(const struct reply_options *o, struct output_file *file)
{
	struct error error = { 0 };

	if (!o->output || output_open(file, o->output, &error) == 0)
		return 0;
	return client_failed(&o->client, EXIT_UNREACHABLE, &error);
}

int reply_end(const struct reply_options *o, struct output_file *file, const struct http_reply *reply, int code)
{
	struct error error = { 0 };

	if (code != 0) {
		if (o->output)
			output_drop(file);
		return code;
	}
	if (o->output && output_write(file, reply->body, reply->body_bytes, &error) < 0)
		return client_failed(&o->client, EXIT_UNREACHABLE, &error);
	if (o->timing && !o->client.json)
		say_timing(reply);
	if (o->client.json)
		return print_json(o, reply);
	return o->output ? 0 : output_reply(reply->body_bytes ? reply->body : "", reply->body_bytes);
}
