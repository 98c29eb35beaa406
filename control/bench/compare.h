/* SPDX-License-Identifier: Apache-2.0 */
/* `kvick bench --compare`: two files that --json wrote, perhaps on two days. */
#ifndef KVICK_CONTROL_BENCH_COMPARE_H
#define KVICK_CONTROL_BENCH_COMPARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/bench/plan.h"
#include "control/bench/sample.h"
#include "control/bench/statistics.h"
#include "control/measure/environment.h"

struct error;

/* --- what a file says (compare_read.c) --- */

#define RECORDED_ROWS_MAX (2 * ENVIRONMENT_ROWS_MAX) /* a file's; those of two that differ */

struct recorded_subject {
	char *name;
	enum subject_kind kind;
	struct sample *samples; /* rounds ascend */
	size_t sample_count;
};

/* How and where it was measured: of the environment, and of the plan what changes times. */
struct recorded_row {
	char *key, *value;
};

struct recorded {
	const char *path;
	uint64_t started_at;
	int64_t signal;         /* 0: it was not interrupted */
	struct recorded_subject subjects[SUBJECTS_MAX];
	size_t subject_count;
	struct recorded_row rows[RECORDED_ROWS_MAX];
	size_t row_count;
};

/*
 * The file may hold anything: what is not as docs/bench.schema.json says is refused with file, field and value. 0, or -errno with
 * `error`. recorded_free() in any case.
 */
int recorded_read(struct recorded *recorded, const char *path, struct error *error);
void recorded_free(struct recorded *recorded);
/* Has it a good launch? `subject`: may be NULL. */
bool recorded_was_run(const struct recorded_subject *subject);
/* NULL: there is none, or none that was run. */
const struct recorded_subject *recorded_floor(const struct recorded *recorded);
const struct recorded_subject *recorded_find(const struct recorded *recorded, const char *name);
const char *recorded_row(const struct recorded *recorded, const char *key);

/* --- what follows (compare.c) --- */

enum judgement {
	JUDGED_SAME,      /* no difference, or one that is allowed */
	JUDGED_FASTER,    /* by more than would be allowed the other way */
	JUDGED_SLOWER,
	JUDGED_TOO_FEW,   /* launches: no difference could show */
	JUDGED_NOT_RUN,   /* it is missing in the new file, or none of its launches was good */
	JUDGED_NEW,       /* likewise in the old file */
	JUDGEMENTS,
};

struct compared_metric {
	double before, after;   /* medians: of ratios to the floor's whole time, or of values */
	struct comparison against;
};

struct compared {
	const char *name;
	enum judgement judgement;
	struct compared_metric metrics[METRIC_COUNT];
};

#define COMPARED_WARNINGS_MAX (RECORDED_ROWS_MAX + 8)

struct compare_report {
	const struct plan *plan;
	const struct recorded *before, *after;
	bool by_floor;          /* times are ratios to it; else nanoseconds */
	double floor_before, floor_after; /* median, nanoseconds; NaN without a floor */
	struct compared subjects[2 * SUBJECTS_MAX];
	size_t subject_count;
	char *warnings[COMPARED_WARNINGS_MAX];
	size_t warning_count;
	bool passed;
};

extern const char *const judgement_keys[JUDGEMENTS]; /* JSON's */

/* --- what is printed (compare_print.c): 0, or -errno with `error` --- */

int compare_print_text(const struct compare_report *report, const char *path, struct error *error);
int compare_print_json(const struct compare_report *report, const char *path, struct error *error);

#endif
