/* SPDX-License-Identifier: Apache-2.0 */
/* /v1/functions */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "control/server/api.h"
#include "control/server/server.h"
#include "control/server/state.h"

void api_list_functions(struct request *request)
{
	json_t *array = json_array();
	struct function *function;

	TAILQ_FOREACH(function, &request->server->registry.functions, link)
		json_array_append_new(array, function_json(function));
	request_json(request, MHD_HTTP_OK, json_pack("{s:o}", "functions", array));
}

static void create(struct request *request, struct function_config *config)
{
	struct server *server = request->server;
	struct fields_error error;
	struct function *function;

	if (registry_find(&server->registry, config->name)) {
		fields_refuse(&error, "duplicate_name", "name", "there is a function of this name");
		request_refuse(request, MHD_HTTP_CONFLICT, &error);
		return;
	}
	if (server->draining) {
		request_error(request, MHD_HTTP_SERVICE_UNAVAILABLE, "stopping", "kvickd is stopping");
		return;
	}
	if (registry_full(&server->registry)) {
		request_error(request, MHD_HTTP_SERVICE_UNAVAILABLE, "too_many_functions", "no more functions can be registered");
		return;
	}
	function = registry_add(&server->registry, config);
	function->creator = request;
	request->function = function;
	worker_start(&function->worker);
}

void api_create_function(struct request *request)
{
	struct function_config config = { 0 };
	struct fields_error error;
	const struct blob *body = request->body;
	json_t *root = fields_parse(body ? (const char *)body->data : "", body ? body->bytes : 0, &error);

	if (root && function_config_take(root, request->server->options.queue_max, &config, &error) == 0)
		create(request, &config);
	else
		request_refuse(request, MHD_HTTP_BAD_REQUEST, &error);
	function_config_end(&config);
	json_decref(root);
}

void api_function_created(struct function *function)
{
	struct server *server = function->server;
	struct request *request = function->creator;
	char location[128];

	function->creator = NULL;
	if (state_save(server) < 0) {
		request_error(request, MHD_HTTP_INTERNAL_SERVER_ERROR, "state_not_saved",
			      "the state could not be written: see the log");
		registry_remove(&server->registry, function);
		return;
	}
	snprintf(location, sizeof(location), "/v1/functions/%s", function->config.name);
	request_json(request, MHD_HTTP_CREATED, function_json(function));
	request_header(request, "Location", location);
	log_event(&server->log, LOG_LEVEL_INFO, "function_registered", "{s:s}", "function", function->config.name);
}

void api_function_not_created(struct function *function, const char *reason, bool refused)
{
	struct request *request = function->creator;
	struct fields_error error;

	function->creator = NULL;
	fields_refuse(&error, refused ? "refused" : "worker_died", function->config.image[0] ? "image" : "snapshot", "%s", reason);
	request_refuse(request, refused ? MHD_HTTP_UNPROCESSABLE_CONTENT : MHD_HTTP_BAD_GATEWAY, &error);
	registry_remove(&function->server->registry, function);
}

static struct function *find(struct request *request)
{
	struct function *function = registry_find(&request->server->registry, request->name);

	if (!function)
		request_error(request, MHD_HTTP_NOT_FOUND, "no_such_function", "there is no function of this name");
	return function;
}

void api_show_function(struct request *request)
{
	struct function *function = find(request);

	if (function)
		request_json(request, MHD_HTTP_OK, function_json(function));
}

void api_remove_function(struct request *request)
{
	struct server *server = request->server;
	struct function *function = find(request);

	if (!function)
		return;
	if (function->creator) {
		request_error(request, MHD_HTTP_CONFLICT, "being_registered", "the function is being registered");
		return;
	}
	log_event(&server->log, LOG_LEVEL_INFO, "function_removed", "{s:s}", "function", function->config.name);
	registry_remove(&server->registry, function);
	if (state_save(server) < 0)
		request_error(request, MHD_HTTP_INTERNAL_SERVER_ERROR, "state_not_saved",
			      "removed until kvickd starts anew: the state could not be written: see the log");
	else
		request_answer(request, MHD_HTTP_NO_CONTENT, response_of_blob(NULL, NULL));
}
