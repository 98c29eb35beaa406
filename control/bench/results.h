/* SPDX-License-Identifier: Apache-2.0 */
/* What was measured, and what follows of it: filled in by the run, read by all outputs. */
#ifndef KVICK_CONTROL_BENCH_RESULTS_H
#define KVICK_CONTROL_BENCH_RESULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/bench/plan.h"
#include "control/bench/sample.h"
#include "control/bench/statistics.h"
#include "control/measure/environment.h"

struct subject_results {
	const struct subject *subject;
	struct sample *samples;    /* in the order in which they were begun; warm-up is not among them */
	size_t sample_count, sample_room;
	size_t failed, timed_out;  /* of these samples */
	size_t not_begun;          /* open loop: they were due, and had not been begun when time was up; no samples */
	char failure[512];         /* why the first of them failed, in a line; "" */
	bool given_up;             /* it failed so often, or so soon, that it was not run any more; the others were */
	char *report;              /* of kvick's processes: `--report json` of one launch that is not among the samples; NULL */
	uint64_t peak_bytes;       /* by that report; 0: not known */
	struct summary summary[METRIC_COUNT];
	struct comparison against[METRIC_COUNT]; /* this one against the first; of the first, nothing */
};

struct results {
	const struct plan *plan;
	struct environment environment;
	struct subject_results subjects[SUBJECTS_MAX];
	size_t subject_count;
	uint64_t started_at;       /* seconds since 1970 */
	uint64_t took_ns;
	uint64_t rounds;           /* complete ones that count */
	int signal;                /* interrupted by; 0: not */
};

/* Room for one sample more, all 0. Ends the program where there is no memory. */
struct sample *results_add(struct subject_results *subject);

/*
 * Computes summaries and comparisons: by rounds that have good launches of both (pairs.h). All metrics of times but METRIC_WHOLE
 * are one question for each subject, corrected by Holm.
 */
void results_compute(struct results *results);
void results_free(struct results *results);

#endif
