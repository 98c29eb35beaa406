/* SPDX-License-Identifier: Apache-2.0 */
/* kvick run: one launch, from the command line to the exit code. */
#include "control/commands.h"
#include "control/launch.h"

static int run(const struct command *command, int argc, char **argv)
{
	struct launch *launch = launch_of_process();
	int code = launch_parse(launch, command, argc, argv);

	if (code < 0)
		code = launch_begin(launch);
	return code < 0 ? launch_end(launch, machine_run(&launch->machine, &launch->options.machine)) : code;
}

/* Only --help reads it (kvick.ld). */
__attribute__((section("cold_rodata")))
static const char more[] =
	"Limits are further words of a device's: iops=N[/BURST] (--disk, --net, --rng), bps=SIZE[/BURST] (these,\n"
	"--vsock, --console): operations and bytes a second. Network and vsock have one each way.\n"
	"The guest's consoles are stdout; kvick's own messages go to stderr.\n"
	"Exit codes besides the guest's: 120 usage, 121 guest crashed, 122 image refused, 123 host cannot,\n"
	"124 timed out, 125 the guest reset itself, 128 + N ended by signal N.\n";

const struct command command_run = {
	.name = "run",
	.synopsis = "run [OPTIONS] IMAGE [-- ARGUMENTS…]",
	.purpose = "Boot an image and wait for its end; its exit code becomes ours.",
	.options = run_option_rows,
	.of = OF_RUN,
	.more = more,
	.run = run,
};
