/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "control/commands.h"
#include "control/exit_codes.h"
#include "control/version.h"
#include "vmm/error.h"
#include "vmm/sys.h"

static void help(FILE *to)
{
	fprintf(to, "usage: kvick COMMAND [OPTIONS]\n\nBoots unikernels in KVM.\n\n");
	for (size_t i = 0; commands[i]; i++)
		fprintf(to, "  %-11s %s\n", commands[i]->name, commands[i]->purpose);
	fprintf(to, "\n`kvick COMMAND --help` lists a command's options; `kvick --version` says which kvick this is.\n");
}

/* Whoever starts us with a closed standard descriptor must not find the guest's console in /dev/kvm. */
static int standard_descriptors(void)
{
	struct pollfd fds[] = { { .fd = 0 }, { .fd = 1 }, { .fd = 2 } };

	if (poll(fds, 3, 0) < 0)
		return 0;
	for (int fd = 0; fd < 3; fd++)
		if ((fds[fd].revents & POLLNVAL) && open("/dev/null", O_RDWR) != fd)
			return -1;
	return 0;
}

int main(int argc, char **argv)
{
	if (standard_descriptors() < 0)
		return EXIT_HOST;
	if (argc < 2) {
		help(stderr);
		return EXIT_USAGE;
	}
	for (size_t i = 0; commands[i]; i++)
		if (strcmp(argv[1], commands[i]->name) == 0)
			return commands[i]->run(commands[i], argc - 1, argv + 1);
	if (strcmp(argv[1], "--version") == 0) {
		printf("kvick %s\n", KVICK_VERSION);
		return command_printed_stdio();
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
		help(stdout);
		return command_printed_stdio();
	}
	dprintf(STDERR_FILENO, "kvick: %s: no such command: see `kvick --help`\n", argv[1]);
	return EXIT_USAGE;
}
