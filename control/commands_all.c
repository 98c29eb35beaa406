/* SPDX-License-Identifier: Apache-2.0 */
/* All that kvick does without other libraries: of build/kvick-snapshot, and of builds for tests. */
#include <stddef.h>

#include "control/commands.h"

const struct command *const commands[] = {
	&command_run, &command_snapshot, &command_restore, &command_inspect, &command_doctor, &command_bench, &command_test,
	&command_invoke, &command_functions, &command_invocations, &command_service, NULL,
};
