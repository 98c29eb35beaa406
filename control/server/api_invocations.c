/* SPDX-License-Identifier: Apache-2.0 */
/* /v1/functions/NAME/invocations and /v1/invocations */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "control/server/api.h"
#include "control/server/server.h"

/* RFC 7240: "respond-async", perhaps among others. */
static bool wants_async(const struct request *request)
{
	const char *prefer = request_value(request, "Prefer");

	return prefer && strstr(prefer, "respond-async");
}

static void refuse(struct request *request, struct invocation *invocation)
{
	request->invocation = NULL;
	invocation->request = NULL;
	request_error(request, MHD_HTTP_TOO_MANY_REQUESTS, "queue_full", "the function's queue is full");
	invocation_drop(invocation);
}

void api_invoke(struct request *request)
{
	struct server *server = request->server;
	struct function *function = registry_find(&server->registry, request->name);
	bool async = wants_async(request);
	struct invocation *invocation;
	char location[64];
	json_t *json = NULL;

	if (!function || function->creator) {
		request_error(request, MHD_HTTP_NOT_FOUND, "no_such_function", "there is no function of this name");
		return;
	}
	if (server->draining) {
		request_error(request, MHD_HTTP_SERVICE_UNAVAILABLE, "stopping", "kvickd is stopping");
		return;
	}
	invocation = invocation_new(function, request, async);
	if (async) { /* it may be gone soon */
		json = invocation_json(invocation);
		snprintf(location, sizeof(location), "/v1/invocations/%016" PRIx64, invocation->id);
	}
	if (!function_submit(function, invocation)) {
		json_decref(json);
		refuse(request, invocation);
	} else if (async) {
		request_json(request, MHD_HTTP_ACCEPTED, json);
		request_header(request, "Location", location);
		request_header(request, "Preference-Applied", "respond-async");
		request_header(request, "Kvick-Invocation", strrchr(location, '/') + 1);
	}
}

static struct invocation *find(struct request *request)
{
	struct invocation *invocation = invocation_find(&request->server->invocations, request->name);

	if (!invocation)
		request_error(request, MHD_HTTP_NOT_FOUND, "no_such_invocation", "there is none of this ID, or not any more");
	return invocation;
}

void api_show_invocation(struct request *request)
{
	struct invocation *invocation = find(request);

	if (invocation)
		request_json(request, MHD_HTTP_OK, invocation_json(invocation));
}

void api_cancel_invocation(struct request *request)
{
	struct invocation *invocation = find(request);

	if (!invocation)
		return;
	if (invocation->state > INVOCATION_RUNNING) {
		request_error(request, MHD_HTTP_CONFLICT, "is_over", "the invocation is over");
		return;
	}
	invocation_stop(invocation, ENDING_CANCELLED, NULL);
	request_answer(request, MHD_HTTP_NO_CONTENT, response_of_blob(NULL, NULL));
}

void api_show_result(struct request *request)
{
	struct invocation *invocation = find(request);

	if (!invocation)
		return;
	if (invocation->state <= INVOCATION_RUNNING)
		request_error(request, MHD_HTTP_CONFLICT, "not_over", "the invocation is not over yet");
	else if (!invocation->async)
		request_error(request, MHD_HTTP_GONE, "not_kept", "its client waited for the result, which is not kept");
	else
		invocation_answer(invocation, request);
}

void api_show_log(struct request *request)
{
	struct invocation *invocation = find(request);

	if (!invocation)
		return;
	if (invocation->state <= INVOCATION_RUNNING) {
		request_error(request, MHD_HTTP_CONFLICT, "not_over", "the invocation is not over yet");
		return;
	}
	request_answer(request, MHD_HTTP_OK, response_of_blob(invocation->log, "text/plain; charset=utf-8"));
	if (invocation->log_cut)
		request_header(request, "Kvick-Log-Cut", "true");
}
