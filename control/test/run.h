/* SPDX-License-Identifier: Apache-2.0 */
/* What the runner's parts share: run.c, floor.c. */
#ifndef KVICK_CONTROL_TEST_RUN_H
#define KVICK_CONTROL_TEST_RUN_H

#include <signal.h>

#include "control/test/outcome.h"
#include "control/test/try.h"

struct runner {
	struct test_results *results;
	const struct reporter *reporter;
	struct try_shared shared;
	struct strangers strangers;
	struct try *tries;
	struct pollfd *fds, *packed; /* TRY_FDS of each try, and the signals'; those of them that there are */
	size_t try_count, running;
	bool *settled;          /* of each outcome: what became of it is known */
	size_t next, told, done; /* outcomes: to be begun, told so far, settled */
	size_t kept_bytes;      /* of the output of those that were told */
	bool stopped;           /* nothing is begun any more: a signal, --fail-fast */
	int signals;            /* signalfd */
	sigset_t mask_before;
	uint64_t progress_ns;   /* when it was told last */
};

/* Has a signal been sent to us? Then nothing is begun any more, and what runs is broken off. */
void runner_take_signals(struct runner *runner);

/* Waits for something to happen, and has all tries go on. */
void runner_wait(struct runner *runner);

/* One outcome's result is known: counted, and told when its turn comes. */
void runner_settle(struct runner *runner, struct test_outcome *outcome, enum test_result result);

/* Ends the try, which is over. True: it passed. */
bool runner_try_end(struct runner *runner, struct try *t);

/* What a try has written into it goes; what it is of stays. */
void outcome_clear(struct test_outcome *outcome);

/* floor.c: the boot limit of an outcome that has passed but for that: measured, alone, and settled. */
void floor_measure(struct runner *runner, struct test_outcome *outcome);

#endif
