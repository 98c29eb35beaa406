/* SPDX-License-Identifier: Apache-2.0 */
/* A case as a command line: `kvick run …`. */
#ifndef KVICK_CONTROL_TEST_COMMAND_H
#define KVICK_CONTROL_TEST_COMMAND_H

#include <stdint.h>

#include "control/test/manifest.h"

struct command_config {
	const struct test_case *of;
	int ring;               /* -1: as the case says */
	const char *scratch;    /* its folder; "": it has none */
	const char *report;     /* the value of --report */
	uint64_t timeout_ns;
};

/* NULL at the end; to be freed by command_free(). NULL: no memory. */
char **command_make(const struct command_config *config);
void command_free(char **words);

/* `text` with all {scratch} in it replaced; to be freed. NULL: no memory. */
char *command_expand(const char *text, const char *scratch);

/* As one would type it; to be freed. NULL: no memory. */
char *command_text(const char *program, char *const *words);

#endif
