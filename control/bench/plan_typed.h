/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of `kvick bench` as it was typed: each option by itself is right, the whole not yet looked at. */
#ifndef KVICK_CONTROL_BENCH_PLAN_TYPED_H
#define KVICK_CONTROL_BENCH_PLAN_TYPED_H

#include <stdbool.h>
#include <stddef.h>

#include "control/bench/plan.h"

#define MODES_MAX 3

enum against { AGAINST_NOTHING /* A */, AGAINST_COMMAND, AGAINST_IMAGE, AGAINST_OPTIONS, AGAINST_KVICK };

/* A, or one of the --vs…: what is different about it. */
struct typed_subject {
	enum against against;
	const char *option;     /* "--vs-image", for messages */
	const char *value;
	const char *name;       /* by --name; NULL: to be made */
	int success;            /* the exit status that is one; -1: not said */
};

struct typed {
	struct plan *plan;
	enum subject_kind modes[MODES_MAX];
	size_t mode_count;
	const char *options;    /* further ones of kvick run; NULL: none */
	struct typed_subject a, others[SUBJECTS_MAX];
	size_t other_count;
	bool no_floor, has_runs, has_rate, has_at_once, has_threshold;
	const char *measuring;  /* the first option that --compare has no use for; NULL: none */
	const char *image;
	char **arguments;       /* the guest's; NULL: none */
	unsigned argument_count;
};

/* Makes plan->subjects. 0 or -errno with `error`. */
int plan_subjects(const struct typed *typed, struct error *error);

/* Names those that have none, and sees to it that all differ. As above. */
int plan_names(const struct typed *typed, struct error *error);

/* "cold", …; "" for what is no mode of kvick's. */
const char *plan_mode_name(enum subject_kind kind);
bool plan_mode_of(const char *name, size_t length, enum subject_kind *kind);

#endif
