/* SPDX-License-Identifier: Apache-2.0 */
/* A case's own commands. */
#ifndef KVICK_CONTROL_TEST_SHELL_H
#define KVICK_CONTROL_TEST_SHELL_H

#include "control/measure/child.h"
#include "control/test/capture.h"
#include "control/test/problems.h"

struct shell_config {
	const char *command, *kvick, *scratch, *manifest_directory;
	int null, out;          /* stdin; stdout and stderr */
};

/* `sh -c COMMAND` in the scratch folder, with KVICK, SCRATCH and MANIFEST_DIR set. 0 or -errno with `error`. */
int shell_start(struct child *child, const struct shell_config *config, struct error *error);

/* The last lines of what a case's commands have printed, beneath its problems. */
void shell_said(struct capture *capture, struct problems *problems);

#endif
