/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One try of a case: its scratch folder, its commands and its guest one after the other, and what came out of it. Nothing here
 * waits: a loop (run.c) waits for the descriptors and the deadline that a try names, and has it go on.
 *
 *	before → beside, guest → after → looked at
 */
#ifndef KVICK_CONTROL_TEST_TRY_H
#define KVICK_CONTROL_TEST_TRY_H

#include <poll.h>

#include "control/measure/child.h"
#include "control/measure/orphans.h"
#include "control/measure/program.h"
#include "control/test/capture.h"
#include "control/test/ending.h"
#include "control/test/golden.h"
#include "control/test/outcome.h"
#include "control/test/problems.h"
#include "control/test/scratch.h"

/* What all tries of a run have in common. */
struct try_shared {
	const struct test_plan *plan;
	const struct manifest *manifest;
	char kvick[PROGRAM_PATH_BYTES];
	int null;               /* /dev/null */
	struct scratches scratches;
	struct golden_files golden;
};

enum try_phase { TRY_OVER, TRY_BEFORE, TRY_GUEST, TRY_AFTER };

/* Of one descriptor each: the process, its output, its messages, the output of the case's commands. */
#define TRY_FDS 4

#define TRY_REPORT_NAME "report.json" /* in the scratch folder */

struct try {
	struct try_shared *shared;
	struct test_outcome *outcome;
	enum try_phase phase;
	bool measured;          /* for its times alone: stamps in any case, golden files are left alone */
	bool broken_off;        /* what runs is being killed: nothing more follows */
	bool killed;            /* what runs, by us, because its time was over */
	struct child child;     /* of the phase */
	struct child beside;    /* pid 0: there is none */
	bool was_started;       /* the guest */
	struct ending ending;   /* of it */
	uint64_t spawned_ns, spawned_tsc;
	int out, err, commands; /* where we read; -1: at its end */
	int commands_write;     /* the case's commands print there; -1: it has none */
	int stamps;             /* a memfd */
	struct capture said, complained, reported; /* stdout and stderr of kvick; of the case's commands */
	struct problems problems, of_after;
	struct problems earlier; /* of this outcome's tries before */
	char scratch[SCRATCH_PATH_BYTES]; /* "": none */
	uint64_t began_ns, kill_ns;       /* kill_ns: when what runs is killed */
};

/* 0 or -errno. */
int try_prepare(struct try *t, struct try_shared *shared, struct error *error);
void try_free(struct try *t);

/* Begins one. It may be over at once: then problems say why. */
void try_begin(struct try *t, struct test_outcome *outcome);

/* What is to be waited for: POLLIN; -1 where there is none. */
void try_fds(const struct try *t, struct pollfd fds[TRY_FDS]);

/* Goes on by what has come, or because it is time. */
void try_go_on(struct try *t, const struct pollfd fds[TRY_FDS]);

/* try_end.c, for try.c: the guest has ended. */
void try_take_end(struct try *t, const struct child_end *end);

/* Kills what runs. It is over as soon as that has gone. */
void try_break_off(struct try *t);

/* Is it a child of ours that somebody else waits for? Then it is not to be ended. */
typedef bool try_known(const void *context, pid_t pid);

/*
 * When it is over: looks at it, writes all into the outcome but for result and tries, and leaves nothing behind. True: no problem.
 */
bool try_end(struct try *t, try_known *known, const void *context);

#endif
