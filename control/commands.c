/* SPDX-License-Identifier: Apache-2.0 */
#include "control/commands.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "control/exit_codes.h"
#include "vmm/error.h"

int command_failed(const struct error *error)
{
	static const int codes[] = {
		[ERROR_NONE] = 0,
		[ERROR_USAGE] = EXIT_USAGE,
		[ERROR_IMAGE] = EXIT_IMAGE,
		[ERROR_HOST] = EXIT_HOST,
	};

	dprintf(STDERR_FILENO, "kvick: %s\n", error->text);
	return codes[error->kind];
}

int command_printed(int result)
{
	if (result == 0)
		return 0;
	dprintf(STDERR_FILENO, "kvick: stdout: %s: make room or fix where stdout goes\n", strerror(-result));
	return EXIT_HOST;
}

int command_printed_stdio(void)
{
	int r = fflush(stdout);

	return command_printed(r != 0 || ferror(stdout) ? -EIO : 0);
}
