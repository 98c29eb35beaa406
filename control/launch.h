/* SPDX-License-Identifier: Apache-2.0 */
/* What `kvick run` and `kvick restore` have in common: from the command line to the machine, and from its end to the exit code. */
#ifndef KVICK_CONTROL_LAUNCH_H
#define KVICK_CONTROL_LAUNCH_H

#include <time.h>

#include "control/device_options.h"
#include "control/report.h"
#include "control/run_options.h"
#include "control/solo5_options.h"
#include "vmm/machine.h"

/* The order is that in which a launch mostly touches one page. */
struct launch {
	struct run_options options;
	int report_fd;
	struct report_basis basis;
	struct timespec used;    /* CPU time when the report begins, and */
	uint64_t used_at;        /* RDTSC then */
	struct device_config *console; /* NULL: none */
	struct machine machine;
	const char *env[RUN_ENV_MAX];
	struct device_options devices;
	struct solo5_options solo5;
	struct module_config modules[MACHINE_MODULES_MAX];
};

/* The process's, all zero at first: too large for the stack, and there is only one. */
struct launch *launch_of_process(void);

/* Takes the command line. -1: go on; else there is nothing more to do, and this is the exit code. */
int launch_parse(struct launch *launch, const struct command *command, int argc, char **argv);

/* What a machine needs of the process: signals, the report's file, the terminal. As above. */
int launch_begin(struct launch *launch);

/* The machine has run, with this result of machine_run() or machine_prepare(): says what there is to say. Returns the exit code. */
int launch_end(struct launch *launch, int result);

#endif
