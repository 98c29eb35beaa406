/* SPDX-License-Identifier: Apache-2.0 */
/* kvick-client: kvickd's client. The launcher executes it as `kvick invoke` and so on, with its own command line. */
#include <curl/curl.h>
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "control/client/client.h"
#include "control/commands.h"
#include "control/version.h"

/* Of a group, the words' first, each command is a second word; one has the group's name alone too. */
const struct command *const commands[] = {
	&command_invoke,
	&command_functions_list, &command_functions_add, &command_functions_show, &command_functions_remove,
	&command_invocations_status, &command_invocations_result, &command_invocations_log, &command_invocations_cancel,
	&command_service_status, &command_service_metrics, NULL,
};

static const char more[] =
	"`kvick COMMAND --help` lists a command's options.\n"
	"Exit codes: 0 done, 119 kvickd is busy or ending: try again, 120 usage, 121 the function failed, 122 kvickd refuses,\n"
	"123 there is no kvickd, or a file cannot be had, 124 timed out, 128 + N ended by signal N.\n";

static bool is_help(const char *word)
{
	return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0;
}

/* Is the first word of a command's name this one? */
static bool begins_with(const struct command *command, const char *word)
{
	size_t n = strlen(word);

	return strncmp(command->name, word, n) == 0 && (command->name[n] == '\0' || command->name[n] == ' ');
}

/* Of a group, or of all (NULL). */
static int help(FILE *to, const char *group)
{
	fprintf(to, "usage: kvick %s%sCOMMAND [OPTIONS]\n\n", group ? group : "", group ? " " : "");
	for (size_t i = 0; commands[i]; i++)
		if (!group || begins_with(commands[i], group))
			fprintf(to, "  %-18s  %s\n", commands[i]->name, commands[i]->purpose);
	fprintf(to, "\n%s", more);
	return command_printed_stdio();
}

/* argv[0] is the first word. */
static int dispatch(int argc, char **argv)
{
	const char *second = argc > 1 && argv[1][0] != '-' ? argv[1] : NULL;
	const struct command *alone = NULL;
	bool group = false;

	for (size_t i = 0; commands[i]; i++) {
		const struct command *c = commands[i];
		const char *space = strchr(c->name, ' ');

		if (!begins_with(c, argv[0]))
			continue;
		if (!space)
			return c->run(c, argc, argv);
		if (second && strcmp(second, space + 1) == 0)
			return c->run(c, argc - 1, argv + 1);
		if (c == &command_functions_list || c == &command_service_status)
			alone = c;
		group = true;
	}
	if (group && argc > 1 && is_help(argv[1]))
		return help(stdout, argv[0]);
	if (alone && !second)
		return alone->run(alone, argc, argv);
	if (group && !second) {
		help(stderr, argv[0]);
		return EXIT_USAGE;
	}
	fprintf(stderr, "kvick: %s%s%s: no such command: see `kvick %s%s--help`\n", argv[0], group ? " " : "", group ? second : "",
		group ? argv[0] : "", group ? " " : "");
	return EXIT_USAGE;
}

int main(int argc, char **argv)
{
	/* Whoever starts us with a closed standard descriptor must not find a socket of ours there. */
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
			return EXIT_UNREACHABLE;
	setlocale(LC_CTYPE, ""); /* what the terminal can show */
	if (argc < 2) {
		help(stderr, NULL);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "--version") == 0) {
		printf("kvick %s\n", KVICK_VERSION);
		return command_printed_stdio();
	}
	if (is_help(argv[1]))
		return help(stdout, NULL);
	if (curl_global_init(CURL_GLOBAL_NOTHING) != CURLE_OK) {
		fprintf(stderr, "kvick: libcurl does not start\n");
		return EXIT_UNREACHABLE;
	}
	return dispatch(argc - 1, argv + 1);
}
