/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that programs of their own are for: they have libraries that this one has not, or would make it larger. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "control/commands.h"
#include "control/exit_codes.h"

static const struct {
	const struct command *command;
	const char *program, *needs;
} programs[] = {
	{ &command_other_snapshot, "kvick-snapshot", "" },
	{ &command_bench, "kvick-bench", " (it needs libjansson-dev)" },
	{ &command_test, "kvick-test", " (it needs libjansson-dev, libpcre2-dev)" },
	{ &command_invoke, "kvick-client", " (it needs libcurl4-openssl-dev, libjansson-dev)" },
	{ &command_functions, "kvick-client", " (it needs libcurl4-openssl-dev, libjansson-dev)" },
	{ &command_invocations, "kvick-client", " (it needs libcurl4-openssl-dev, libjansson-dev)" },
	{ &command_service, "kvick-client", " (it needs libcurl4-openssl-dev, libjansson-dev)" },
};

/* Beside kvick, where it was built; or where it was installed. */
static const char *const places[] = { "", "../libexec/kvick/" };

static int run(const struct command *command, int argc, char **argv)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 64);
	char *name = n > 0 ? memrchr(path, '/', (size_t)n) : NULL;
	unsigned i = 0;

	(void)argc;
	while (programs[i].command != command)
		i++;
	errno = ENOENT;
	for (size_t place = 0; name && errno == ENOENT && place < sizeof(places) / sizeof(places[0]); place++) {
		strcpy(stpcpy(name + 1, places[place]), programs[i].program);
		execv(path, argv - 1); /* all of main's */
	}
	if (errno == ENOENT)
		dprintf(STDERR_FILENO, "kvick: %s: needs %s, beside kvick or in ../libexec/kvick: build it by `make all`%s, "
			"or `make install`\n", command->name, programs[i].program, programs[i].needs);
	else
		dprintf(STDERR_FILENO, "kvick: %s: %s\n", path, strerror(errno));
	return EXIT_HOST;
}

const struct command command_other_snapshot = { .name = "snapshot", .purpose = SNAPSHOT_PURPOSE, .run = run };
const struct command command_bench = { .name = "bench", .purpose = BENCH_PURPOSE, .run = run };
const struct command command_test = { .name = "test", .purpose = TEST_PURPOSE, .run = run };
const struct command command_invoke = { .name = "invoke", .purpose = "Call a function of kvickd: bytes in, bytes out.",
					.run = run };
const struct command command_functions = { .name = "functions", .purpose = "List, add, show, remove kvickd's functions.",
					   .run = run };
const struct command command_invocations = { .name = "invocations", .purpose = "Status, result, log of a call; cancel it.",
					     .run = run };
const struct command command_service = { .name = "service", .purpose = "Is kvickd well, and its metrics.", .run = run };
