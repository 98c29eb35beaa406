/* SPDX-License-Identifier: Apache-2.0 */
/* The commands that speak to kvickd: a program of its own does, kvick-client, which has the libraries for that. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "control/commands.h"
#include "control/exit_codes.h"

#define PROGRAM "kvick-client"

/* Beside kvick, where it was built; or where it was installed. */
static const char *const places[] = { PROGRAM, "../libexec/kvick/" PROGRAM };

static int run(const struct command *command, int argc, char **argv)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 64);
	char *name = n > 0 ? memrchr(path, '/', (size_t)n) : NULL;

	(void)argc;
	errno = ENOENT;
	for (size_t i = 0; name && errno == ENOENT && i < sizeof(places) / sizeof(places[0]); i++) {
		strcpy(name + 1, places[i]);
		execv(path, argv - 1); /* all of main's */
	}
	if (errno == ENOENT)
		dprintf(STDERR_FILENO, "kvick: %s: needs " PROGRAM ", beside kvick or in ../libexec/kvick: build it by `make "
			"all` (it needs libcurl4-openssl-dev, libjansson-dev), or `make install`\n", command->name);
	else
		dprintf(STDERR_FILENO, "kvick: %s: %s\n", path, strerror(errno));
	return EXIT_HOST;
}

const struct command command_invoke = { .name = "invoke", .purpose = "Call a function of kvickd: bytes in, bytes out.", .run = run };
const struct command command_functions = { .name = "functions", .purpose = "List, add, show, remove kvickd's functions.",
					   .run = run };
const struct command command_invocations = { .name = "invocations", .purpose = "Status, result, log of a call; cancel it.",
					     .run = run };
const struct command command_service = { .name = "service", .purpose = "Is kvickd well, and its metrics.", .run = run };
