/* SPDX-License-Identifier: Apache-2.0 */
/* What is expected of a guest's output, and of kvick's messages, against what there was. */
#ifndef KVICK_CONTROL_TEST_MATCH_H
#define KVICK_CONTROL_TEST_MATCH_H

#include <stdbool.h>

#include "control/test/golden.h"
#include "control/test/outcome.h"
#include "control/test/problems.h"

/* Of which the middle may be missing, after the first `gap` bytes. */
struct output {
	const char *bytes;
	size_t count, gap;
	uint64_t dropped;
};

struct match_config {
	const struct manifest *manifest;
	const struct test_case *of;
	struct output console, messages, reply;
	/* --update-golden: a golden file that differs is no problem, but is written by match_update(). NULL: it is one. */
	struct golden_files *update;
};

/* Adds a problem for each that does not hold. */
void match_check(const struct match_config *config, struct problems *problems);

/* Once all else of the case has passed: writes its golden files that differ. The number of those. */
unsigned match_update(const struct match_config *config, struct problems *problems);

#endif
