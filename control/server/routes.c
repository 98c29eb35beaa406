/* SPDX-License-Identifier: Apache-2.0 */
#include "control/server/routes.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "control/server/api.h"
#include "include/kvick/hypercall.h"

#define JSON_BYTES_MAX 65536u

_Static_assert(KVICK_REQUEST_BYTES_MAX == ROUTE_BODY_MAX, "what a guest may be handed is what a client may send");

static const struct route routes[] = {
	{ "GET", "/healthz", 0, api_health },
	{ "GET", "/metrics", 0, api_metrics },
	{ "GET", "/v1/functions", 0, api_list_functions },
	{ "POST", "/v1/functions", JSON_BYTES_MAX, api_create_function },
	{ "GET", "/v1/functions/*", 0, api_show_function },
	{ "DELETE", "/v1/functions/*", 0, api_remove_function },
	{ "POST", "/v1/functions/*/invocations", ROUTE_BODY_MAX, api_invoke },
	{ "GET", "/v1/invocations/*", 0, api_show_invocation },
	{ "DELETE", "/v1/invocations/*", 0, api_cancel_invocation },
	{ "GET", "/v1/invocations/*/result", 0, api_show_result },
	{ "GET", "/v1/invocations/*/log", 0, api_show_log },
};

static bool matches(const char *pattern, const char *path, char *name, size_t name_room)
{
	while (*pattern && *path) {
		size_t bytes;

		if (*pattern != '*') {
			if (*pattern++ != *path++)
				return false;
			continue;
		}
		bytes = strcspn(path, "/");
		if (bytes == 0 || bytes >= name_room)
			return false;
		memcpy(name, path, bytes);
		name[bytes] = '\0';
		pattern++;
		path += bytes;
	}
	return *pattern == *path;
}

const struct route *route_find(const char *method, const char *path, char *name, size_t name_room, char *allowed,
			       size_t allowed_room)
{
	size_t used = 0;

	allowed[0] = '\0';
	if (strcmp(method, "HEAD") == 0)
		method = "GET"; /* libmicrohttpd leaves the body out */
	for (unsigned i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		if (!matches(routes[i].path, path, name, name_room))
			continue;
		if (strcmp(routes[i].method, method) == 0)
			return &routes[i];
		used += (size_t)snprintf(allowed + used, allowed_room - used, "%s%s", used ? ", " : "", routes[i].method);
	}
	return NULL;
}
