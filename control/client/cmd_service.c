/* SPDX-License-Identifier: Apache-2.0 */
/* kvick service: kvickd itself. */
#include "control/client/client.h"
#include "control/client/http.h"
#include "control/client/output.h"

static const struct option_row options[] = { CLIENT_OPTIONS, { 0 } };

static int status(const struct command *command, int argc, char **argv)
{
	struct client client = { 0 };
	struct operands operands;
	int code = client_parse(command, argc, argv, &client, NULL, false, &operands);

	return code < 0 ? client_show(&client, "kvickd", http_path("/healthz", "", "")) : code;
}

static int metrics(const struct command *command, int argc, char **argv)
{
	struct client client = { 0 };
	struct operands operands;
	struct http_reply reply;
	int code = client_parse(command, argc, argv, &client, NULL, false, &operands);

	if (code >= 0)
		return code;
	code = client_ask(&client, "kvickd", "GET", http_path("/metrics", "", ""), &reply);
	if (code == 0)
		code = output_text(reply.body, reply.body_bytes);
	http_reply_free(&reply);
	return code;
}

const struct command command_service_status = {
	.name = "service status",
	.synopsis = "service status [OPTIONS]",
	.purpose = "Is kvickd there and well?",
	.options = options,
	.run = status,
};

const struct command command_service_metrics = {
	.name = "service metrics",
	.synopsis = "service metrics [OPTIONS]",
	.purpose = "What kvickd counts, as Prometheus reads it.",
	.options = options,
	.run = metrics,
};
