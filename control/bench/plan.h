/* SPDX-License-Identifier: Apache-2.0 */
/* What is to be measured, understood and checked once: the command line of `kvick bench`. Immutable afterwards. */
#ifndef KVICK_CONTROL_BENCH_PLAN_H
#define KVICK_CONTROL_BENCH_PLAN_H

#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/options.h"

struct error;

#define SUBJECTS_MAX 16
#define RUNS_MAX 1000000

enum subject_kind {
	SUBJECT_COLD,     /* a process of kvick's for each launch */
	SUBJECT_RESTORED, /* the same, of a snapshot: `kvick restore` */
	SUBJECT_POOLED,   /* a machine of a snapshot in this process, asked, then reset */
	SUBJECT_COMMAND,  /* somebody else's process */
	SUBJECT_FLOOR,    /* kvick-floor: the bare calls of KVM around one instruction */
};

/* One of the things that are compared. The first is A; what follows is compared with it. */
struct subject {
	enum subject_kind kind;
	const char *name;       /* unique: given by --name, or made of what differs */
	char **argv;            /* of processes: whole, with NULL; argv[0] as it is typed */
	char *path;             /* of the program */
	const char *image;      /* of kvick's: the image, or the snapshot's directory; NULL otherwise */
	int success;            /* the exit status that is one */
	const char *peer;       /* a preset's name; NULL otherwise */
	bool makes_snapshot;    /* restored, pooled: of the image, by us, before all runs */
	char **options, **arguments; /* of kvick's: of its launch, and the guest's; with NULL */
	char *missing;          /* somebody else's: why it cannot be run; it is named, and the others are run. NULL: it can */
};

enum arrivals {
	ARRIVALS_ONE_BY_ONE,    /* the next one when the last is reaped; subjects by turns, in a random order in each round */
	ARRIVALS_BURST,         /* at_once of a subject together, then those of the next */
	ARRIVALS_OPEN_LOOP,     /* at `rate` a second, whatever becomes of those before; subjects by turns */
};

struct plan {
	struct subject subjects[SUBJECTS_MAX];
	size_t subject_count;
	uint64_t runs;          /* rounds that count; 0: as many as fit in time_ns */
	uint64_t time_ns;       /* 0: no limit */
	uint64_t warm_up;       /* rounds that do not count */
	uint64_t timeout_ns;    /* of a launch */
	enum arrivals arrivals;
	unsigned at_once;       /* burst; open loop: most under way at a time */
	double rate;            /* launches a second */
	bool poisson;           /* open loop: times between them are exponential, not even */
	bool pinned;
	cpu_set_t cpus;         /* where launches run, if pinned; the program itself keeps off them where it can */
	bool drop_caches;
	bool trace;             /* phases of what tells none, by the kernel's tracepoints */
	uint64_t seed;          /* of the order, and of arrivals */
	const char *request;    /* a function's request: a file; NULL: none */
	double alpha;           /* a difference is one where p is below; 0.01 */

	bool quiet;
	/* Outputs. NULL: none; "-": stdout. Text goes to stdout where nothing else does. */
	const char *text, *json, *csv, *hgrm, *html;

	const char *compare_old, *compare_new; /* --compare: nothing is run */
	double threshold;       /* --compare: a difference beyond this part (0.05) fails */

	char *scratch;          /* a folder, for snapshots and what peers want to have; NULL: nobody wants one */
};

extern const struct option_row plan_option_rows[];
extern const char plan_more[];

/*
 * 0; or -errno with `error`; *help: --help was asked for and nothing else is filled in. What it points to in argv lives on. In
 * either case plan_free() is called, which removes the folder too.
 */
int plan_parse(struct plan *plan, const struct command *command, int argc, char **argv, bool *help, struct error *error);
void plan_free(struct plan *plan);
/*
 * The command line of a launch of kvick's with this --report, for words_free(); of a machine of a pool that of a process like it.
 */
char **plan_launch(const struct plan *plan, const struct subject *subject, const char *report);
/* The folder is not wanted any more: what writes results may be ended by SIGPIPE. */
void plan_remove_scratch(const struct plan *plan);

#endif
