/* SPDX-License-Identifier: Apache-2.0 */
/* What build/kvick does itself, and what it has others do: taking snapshots is not worth its size to every launch. */
#include <stddef.h>

#include "control/commands.h"

const struct command *const commands[] = {
	&command_run, &command_other_snapshot, &command_restore, &command_inspect, &command_doctor, &command_bench, &command_test,
	&command_invoke, &command_functions, &command_invocations, &command_service, NULL,
};
