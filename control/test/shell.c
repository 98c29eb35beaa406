/* SPDX-License-Identifier: Apache-2.0 */
#include "control/test/shell.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/error.h"

#define SHELL "/bin/sh"
#define OWN_VARIABLES 3
#define SAID_LINES 10

extern char **environ;

/* Ours, less those that are set anew. */
static char **environment(char *const own[OWN_VARIABLES])
{
	size_t count = 0, at = 0;
	char **list;

	while (environ[count])
		count++;
	list = calloc(count + OWN_VARIABLES + 1, sizeof(*list));
	for (size_t i = 0; list && i < OWN_VARIABLES; i++)
		list[at++] = own[i];
	for (size_t i = 0; list && i < count; i++) {
		bool again = false;

		for (size_t j = 0; j < OWN_VARIABLES; j++)
			again = again || strncmp(environ[i], own[j], strcspn(own[j], "=") + 1) == 0;
		if (!again)
			list[at++] = environ[i];
	}
	return list;
}

int shell_start(struct child *child, const struct shell_config *config, struct error *error)
{
	char *const words[] = { "sh", "-c", (char *)config->command, NULL };
	char *own[OWN_VARIABLES] = { 0 }, **list = NULL;
	int r = -ENOMEM;

	if (asprintf(&own[0], "KVICK=%s", config->kvick) < 0)
		own[0] = NULL;
	if (asprintf(&own[1], "SCRATCH=%s", config->scratch) < 0)
		own[1] = NULL;
	if (asprintf(&own[2], "MANIFEST_DIR=%s", config->manifest_directory) < 0)
		own[2] = NULL;
	if (own[0] && own[1] && own[2])
		list = environment(own);
	if (list)
		r = child_start(child, &(struct child_config){ .path = SHELL, .argv = words, .envp = list, .in = config->null,
							       .out = config->out, .err = config->out, .stamps = -1,
							       .directory = config->scratch, .new_session = true }, error);
	else
		error_set(error, ERROR_HOST, ENOMEM, "no memory for a command's environment");
	free(list);
	for (size_t i = 0; i < OWN_VARIABLES; i++)
		free(own[i]);
	return r;
}

void shell_said(struct capture *capture, struct problems *problems)
{
	size_t bytes, limit = capture->limit;
	char *text = capture_end(capture, &bytes), quote[QUOTED_BYTES];
	const char *from = text ? text + bytes : NULL;

	for (unsigned lines = 0; text && from > text && lines < SAID_LINES; lines++) {
		const char *newline = memrchr(text, '\n', (size_t)(from - text) - 1);

		from = newline ? newline + 1 : text;
	}
	while (text && from < text + bytes) {
		const char *newline = memchr(from, '\n', (size_t)(text + bytes - from));
		size_t length = (size_t)((newline ? newline : text + bytes) - from);

		problems_more(problems, "  its commands said: %s", quoted(quote, from, length));
		from += length + 1;
	}
	free(text);
	capture_begin(capture, limit);
}
