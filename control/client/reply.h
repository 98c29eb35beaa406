/* SPDX-License-Identifier: Apache-2.0 */
/* A function's reply on its way to the user, at once or fetched later. */
#ifndef KVICK_CONTROL_CLIENT_REPLY_H
#define KVICK_CONTROL_CLIENT_REPLY_H

#include <stdbool.h>

#include "control/client/client.h"
#include "control/client/output.h"

struct reply_options {
	struct client client;
	const char *output; /* NULL: stdout */
	bool timing;
};

int reply_take_output(void *into, const char *value, struct error *error);
int reply_take_timing(void *into, const char *value, struct error *error);

#define REPLY_OPTIONS \
	{ "output", "FILE", "write the reply to a file; \"-\": to stdout, as it is at a terminal too", reply_take_output, 0 }, \
	{ "timing", NULL, "say on stderr where the time went", reply_take_timing, 0 }

/* Before there is a reply: opens --output if there is one. 0, or the exit code after saying why. */
int reply_begin(const struct reply_options *options, struct output_file *file);

/* The reply has come (code 0), or `code` says why not. Returns the exit code. */
int reply_end(const struct reply_options *options, struct output_file *file, const struct http_reply *reply, int code);

#endif
