/* SPDX-License-Identifier: Apache-2.0 */
/* /healthz and /metrics */
#include "control/server/api.h"
#include "control/server/server.h"
#include "control/version.h"

void api_health(struct request *request)
{
	struct server *server = request->server;
	bool draining = server->draining;

	request_json(request, draining ? MHD_HTTP_SERVICE_UNAVAILABLE : MHD_HTTP_OK,
		     json_pack("{s:s, s:s, s:i, s:I}", "status", draining ? "stopping" : "ok", "version", KVICK_VERSION,
			       "functions", (int)server->registry.count,
			       "uptime_ms", (json_int_t)((loop_now_ns() - server->begun_ns) / 1000000)));
}

void api_metrics(struct request *request)
{
	size_t bytes;
	char *text = metrics_text(request->server, &bytes);
	struct MHD_Response *response = text ? MHD_create_response_from_buffer(bytes, text, MHD_RESPMEM_MUST_FREE) : NULL;

	if (response)
		MHD_add_response_header(response, "Content-Type", "text/plain; version=0.0.4; charset=utf-8");
	request_answer(request, MHD_HTTP_OK, response);
}
