/* SPDX-License-Identifier: Apache-2.0 */
/* How a launch ended, and whether it should have. */
#ifndef KVICK_CONTROL_TEST_ENDING_H
#define KVICK_CONTROL_TEST_ENDING_H

#include <stdbool.h>

#include "control/test/outcome.h"
#include "control/test/problems.h"

enum ending_kind {
	ENDING_EXITED,    /* the guest did: code is its exit code */
	ENDING_CRASHED,
	ENDING_TIMED_OUT, /* kvick ended it by --timeout */
	ENDING_RESET,
	ENDING_REFUSED,   /* it was never started: code is kvick's */
	ENDING_HOST,      /* the host failed under it */
	ENDING_SIGNAL,    /* kvick was ended by a signal: code; the guest with it */
	ENDING_KILLED,    /* by us: kvick itself did not end in time */
};

struct ending {
	enum ending_kind kind;
	int code;
};

/* `status` as waitpid() has it. killed: we did it. */
struct ending ending_of(const struct test_outcome *outcome, bool killed);

/* As far as that alone goes, without what kvick says of it. */
bool ending_expected(const struct test_case *of, const struct ending *ending);

/* Adds a problem where it is not what the case expects. */
void ending_check(const struct test_outcome *outcome, const struct ending *ending, struct problems *problems);

#endif
