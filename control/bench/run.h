/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How launches are run and measured, behind bench_run().
 *
 *	run.c            the steps, from snapshots to what is made of the samples
 *	rounds.c         one by one, and bursts
 *	open_loop.c      launches that come when they are due
 *	slot.c           a place for a launch that is under way: begun, waited for, ended, noted
 *	process.c        … which is a process
 *	pool.c           … or a machine of this process, in a thread of its own
 *	left_behind.c    processes that a launch leaves behind
 *	unmeasured.c     launches that do not count, of which there are three kinds:
 *	snapshots.c      … that make what is restored
 *	reports.c        … that kvick reports of
 *	failures.c       … that say why others failed
 *	interrupt.c      signals
 *	progress.c       what stderr hears meanwhile
 *
 * One thread, the main one, begins all launches and waits for them.
 */
#ifndef KVICK_CONTROL_BENCH_RUN_H
#define KVICK_CONTROL_BENCH_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/bench/results.h"
#include "control/measure/child.h"
#include "control/measure/kvm_trace.h"
#include "control/measure/orphans.h"

struct error;
struct pool;
struct pool_slot;
struct stamps;

/* A subject as it is run. */
struct runner {
	const struct subject *subject;
	struct subject_results *results;
	struct pool *pool;      /* pooled: its machines */
	uint64_t ended, failed; /* warm-up included */
	uint64_t timed_out, late_in_row; /* the second: since it was last in time */
	bool explained;         /* results->failure has the whole reason */
};

/* A launch that is under way, or room for one. */
struct slot {
	struct runner *runner;  /* NULL: none */
	uint32_t round;
	bool counts;            /* it is none of the warm-up */
	uint64_t due_ns;        /* open loop: when it should have begun; 0: when it did */
	uint64_t deadline_ns;
	struct child child;
	uint64_t launch;        /* a process that is not reaped: its number (left_behind.c); 0: it is none */
	int stamps_fd;
	struct stamps *stamps;  /* shared with who has stamps_fd */
	struct pool_slot *machine; /* pooled */
};

struct progress {
	uint64_t began_ns, said_ns;
	bool terminal, shown;   /* something is in the line */
};

/* An open loop's launches that are begun later than that were too many: less comes of how a host wakes a program. */
#define TOO_LATE_NS 50000000u

struct left_behind {
	struct strangers strangers;
	uint64_t launches;      /* processes begun so far */
	char mark[64];          /* of the last one, in `environment` */
	char **environment;
	bool of_others;         /* there are commands among the subjects */
	bool some;              /* some have been killed that are not reaped yet */
};

struct run {
	const struct plan *plan;
	struct results *results;
	struct runner runners[SUBJECTS_MAX];
	struct slot *slots;
	size_t slot_count;
	struct measure_clock clock;
	struct kvm_trace trace; /* fd -1: not wanted */
	uint64_t traced_in_part; /* launches that had more than the trace could hold */
	int null_fd;            /* /dev/null; above those that children get */
	int drop_fd;            /* --drop-caches; -1: not wanted */
	uint64_t began_ns, end_ns; /* of what counts; end_ns 0: no limit */
	uint64_t random;        /* of plan->seed: random_bits() */
	bool counts;
	struct progress progress;
	struct left_behind left_behind;
};

/* --- slot.c --- */

int slots_make(struct run *run, struct error *error);
void slots_free(struct run *run);
struct slot *slot_free_one(struct run *run);

/* Begins a launch. A subject that cannot be begun is given up; false. */
bool slot_begin(struct run *run, struct slot *slot, struct runner *runner, uint32_t round, uint64_t due_ns);

/*
 * Waits until something is over or until_ns (0: for ever) and ends all that is over, or has taken too long. True; false where a
 * signal came: then nothing is under way any more.
 */
bool slots_wait(struct run *run, uint64_t until_ns);
bool slots_busy(const struct run *run);

/* Is it run on? It is not once it was given up. */
bool runner_goes_on(const struct runner *runner);
/* Are there others than the floor that go on? */
bool run_goes_on(const struct run *run);
/* It is not run any more; `why`: where nothing is known yet. */
void runner_give_up(struct run *run, struct runner *runner, const char *why);

/* --- process.c, pool.c: the two kinds of slots --- */

/* What one launch gave: of the sample only what is not slot.c's. */
struct ended {
	struct sample sample;
	uint64_t begun_ns;
	char why[sizeof(((struct subject_results *)NULL)->failure)]; /* of a failure, as far as it is known at once */
};

/* The exit status, if it is not the one that counts as success: a reason. */
void ended_judge(struct ended *ended, const struct subject *subject, int status);

struct slot_kind {
	int (*begin)(struct run *run, struct slot *slot, struct error *error);
	int (*fd)(const struct slot *slot); /* readable when it is over */
	void (*end)(struct run *run, struct slot *slot, bool late, struct ended *ended); /* late: it is to be ended */
};
extern const struct slot_kind process_slots, pool_slots;

/* The machines of a pooled subject: as many threads, each with one, as launches may be under way. */
int pool_make(struct run *run, struct runner *runner, struct error *error);
void pool_free(struct pool *pool);

/* --- left_behind.c --- */

/* From now on who leaves its launch becomes our child. */
void left_behind_begin(struct run *run);
/* The environment of a process that is begun now, until the next one is; its number is run->left_behind.launches. */
char *const *left_behind_mark(struct run *run);
/* Ends what is left of launches that are over, after one of them was measured. */
void left_behind_look(struct run *run);
/* The same at the end of all, when it is waited for in any case. */
void left_behind_end(struct run *run);

/* --- snapshots.c, reports.c, failures.c: launches that do not count (unmeasured.h) --- */

/* `kvick snapshot` into the subject's directory, which is in the plan's folder, and goes with that. */
int snapshot_make(struct run *run, struct runner *runner, struct error *error);
/* One launch of each of kvick's: results->report and peak_bytes, and the ring, which is written into the floor's command line. */
void reports_take(struct run *run);
/* One launch more, whose first line of stderr is added to results->failure; once for each runner. */
void failure_explain(struct run *run, struct runner *runner);

/* --- rounds.c, open_loop.c --- */

/* Until the plan is fulfilled, nobody is left, or a signal comes. warm-up: so many rounds, which do not count. */
void run_rounds(struct run *run, uint64_t rounds);
void run_open_loop(struct run *run, uint64_t rounds);
/* The subjects that go on, in a random order; their number. */
size_t run_order(struct run *run, struct runner *order[SUBJECTS_MAX]);

/* --- interrupt.c --- */

/* SIGINT, SIGTERM and SIGHUP are noted from now on, until interrupt_end(). */
int interrupt_begin(struct error *error);
void interrupt_end(void);
/* Readable when one has come. */
int interrupt_fd(void);
int interrupt_signal(void); /* 0: none */

/* --- progress.c --- */

void progress_begin(struct run *run);
/* Between rounds: says something if it is time to. */
void progress_tell(struct run *run, uint64_t round);
/* A line of its own, now: unless --quiet. */
void progress_say(struct run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));
void progress_end(struct run *run);

#endif
