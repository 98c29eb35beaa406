/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two files, perhaps of two days: what each subject took is divided by what the floor took in the same round, and these ratios are
 * compared, because the same launch takes a third more or less from hour to hour and the floor with it.
 *
 * A ratio has its own error from run to run, too, which no number of launches in a run shows: where things lie in memory and in
 * caches changes with each run and stays for its length. Of runs of the same kvick, ratios had a standard deviation of 1.0%, p was
 * below 0.01 in one comparison of six, and none of 240 was 5% apart. So p alone does not fail: the difference must be beyond the
 * threshold, too.
 */
#include "control/bench/compare.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/bench/bench.h"
#include "control/bench/memory.h"
#include "control/bench/output.h"
#include "control/bench/pairs.h"
#include "control/bench/statistics_ranks.h"
#include "control/commands.h"
#include "vmm/error.h"

const char *const judgement_keys[JUDGEMENTS] = {
	[JUDGED_SAME] = "same", [JUDGED_FASTER] = "faster", [JUDGED_SLOWER] = "slower", [JUDGED_TOO_FEW] = "too_few",
	[JUDGED_NOT_RUN] = "not_run", [JUDGED_NEW] = "new",
};

static const bool fails[JUDGEMENTS] = { [JUDGED_SLOWER] = true, [JUDGED_TOO_FEW] = true, [JUDGED_NOT_RUN] = true };

static void warn(struct compare_report *report, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void warn(struct compare_report *report, const char *format, ...)
{
	va_list args;

	if (report->warning_count == COMPARED_WARNINGS_MAX)
		return;
	va_start(args, format);
	if (vasprintf(&report->warnings[report->warning_count++], format, args) < 0)
		abort();
	va_end(args);
}

/* --- values --- */

/* For each round with both: of what the floor's whole launch took. `ratios`: room for as many as the subject has. */
static size_t ratios_of(const struct recorded_subject *subject, const struct recorded_subject *floor, enum metric metric,
			double *ratios)
{
	const struct launches of = { subject->samples, subject->sample_count, metric },
			      by = { floor->samples, floor->sample_count, METRIC_WHOLE };
	double *floors = memory_of(subject->sample_count, sizeof(*floors));
	size_t count = pairs_by_round(&of, &by, ratios, floors, NULL);

	for (size_t i = 0; i < count; i++)
		ratios[i] /= floors[i];
	free(floors);
	return count;
}

static void compare_metric(struct compare_report *report, struct compared_metric *compared, enum metric metric,
			   const struct recorded_subject *before, const struct recorded_subject *after)
{
	const struct recorded_subject *of[] = { before, after };
	const struct recorded *files[] = { report->before, report->after };
	double *values[2];
	size_t counts[2];

	for (size_t i = 0; i < 2; i++) {
		values[i] = memory_of(of[i]->sample_count, sizeof(double));
		counts[i] = report->by_floor && metrics[metric].is_time ?
				    ratios_of(of[i], recorded_floor(files[i]), metric, values[i]) :
				    launch_values(of[i]->samples, of[i]->sample_count, metric, values[i]);
	}
	compare_lists(&compared->against, values[0], counts[0], values[1], counts[1], report->plan->alpha);
	compared->before = statistics_median(values[0], counts[0]);
	compared->after = statistics_median(values[1], counts[1]);
	free(values[0]);
	free(values[1]);
}

/* --- subjects --- */

static void compare_subject(struct compare_report *report, const char *name)
{
	const struct recorded_subject *before = recorded_find(report->before, name), *after = recorded_find(report->after, name);
	struct compared *compared = &report->subjects[report->subject_count++];

	*compared = (struct compared){ .name = name, .judgement = JUDGED_SAME };
	if (!recorded_was_run(before) || !recorded_was_run(after)) {
		compared->judgement = recorded_was_run(before) || !recorded_was_run(after) ? JUDGED_NOT_RUN : JUDGED_NEW;
		return;
	}
	if (before->kind != after->kind)
		warn(report, "%s is %s in %s and %s in %s", name, output_kind_names[before->kind], report->before->path,
		     output_kind_names[after->kind], report->after->path);
	for (enum metric metric = 0; metric < METRIC_COUNT; metric++)
		compare_metric(report, &compared->metrics[metric], metric, before, after);
}

static void compare_subjects(struct compare_report *report)
{
	const struct recorded *before = report->before, *after = report->after;

	for (size_t i = 0; i < before->subject_count; i++)
		if (before->subjects[i].kind != SUBJECT_FLOOR)
			compare_subject(report, before->subjects[i].name);
	for (size_t i = 0; i < after->subject_count; i++)
		if (after->subjects[i].kind != SUBJECT_FLOOR && !recorded_find(before, after->subjects[i].name))
			compare_subject(report, after->subjects[i].name);
}

static bool was_compared(const struct compared *compared)
{
	return compared->judgement != JUDGED_NOT_RUN && compared->judgement != JUDGED_NEW;
}

/* The gate asks once for each subject; where in a launch a difference lies is asked of each by itself. */
static void correct_all(struct compare_report *report)
{
	struct comparison *whole[2 * SUBJECTS_MAX], *parts[METRIC_COUNT];
	size_t count = 0;

	for (size_t i = 0; i < report->subject_count; i++) {
		struct compared *compared = &report->subjects[i];
		size_t part_count = 0;

		if (!was_compared(compared))
			continue;
		whole[count++] = &compared->metrics[METRIC_WHOLE].against;
		for (enum metric metric = METRIC_WHOLE + 1; metric < METRIC_COUNT; metric++)
			parts[part_count++] = &compared->metrics[metric].against;
		correct_comparisons(parts, part_count, report->plan->alpha);
	}
	correct_comparisons(whole, count, report->plan->alpha);
}

static void warn_of_few(struct compare_report *report, const struct compared *compared)
{
	double detectable = compared->metrics[METRIC_WHOLE].against.detectable;
	char shows[64] = "a large one";

	if (!isnan(detectable))
		snprintf(shows, sizeof(shows), "one of %.1f%%", 100 * detectable);
	warn(report, "%s: a difference of %g%% would mostly be missed: with so few launches only %s shows: use more --runs",
	     compared->name, 100 * report->plan->threshold, shows);
}

static void judge(struct compare_report *report)
{
	double allowed = 1 + report->plan->threshold;

	report->passed = true;
	for (size_t i = 0; i < report->subject_count; i++) {
		struct compared *compared = &report->subjects[i];
		const struct comparison *whole = &compared->metrics[METRIC_WHOLE].against;

		if (was_compared(compared)) {
			if (whole->verdict == VERDICT_NONE)
				compared->judgement = JUDGED_TOO_FEW;
			else if (whole->verdict == VERDICT_MORE && whole->ratio.value > allowed)
				compared->judgement = JUDGED_SLOWER;
			else if (whole->verdict == VERDICT_LESS && whole->ratio.value * allowed < 1)
				compared->judgement = JUDGED_FASTER;
			/* Not even known, of a handful. */
			if (whole->verdict == VERDICT_SAME && !(whole->detectable <= report->plan->threshold))
				warn_of_few(report, compared);
		}
		report->passed = report->passed && !fails[compared->judgement];
	}
}

/* --- how and where --- */

/* These differ each time (of memory what is available is said, too), or are what is compared. */
static bool may_differ(const char *key)
{
	static const char *const keys[] = { "date", "load", "memory", "kvick" };

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (strcmp(key, keys[i]) == 0)
			return true;
	return false;
}

static void warn_of_row(struct compare_report *report, const char *key)
{
	const char *before = recorded_row(report->before, key), *after = recorded_row(report->after, key);

	if (may_differ(key) || (before && after && strcmp(before, after) == 0))
		return;
	warn(report, "measured differently: %s: %s in %s, %s in %s", key, before ? before : "not said", report->before->path,
	     after ? after : "not said", report->after->path);
}

static void warn_of_files(struct compare_report *report)
{
	const struct recorded *files[] = { report->before, report->after };

	for (size_t i = 0; i < 2; i++) {
		if (!recorded_floor(files[i]))
			warn(report, "%s HAS NO FLOOR: absolute times are compared, and the same launch takes a third more or less "
			     "from hour to hour: measure without --no-floor", files[i]->path);
		if (files[i]->signal)
			warn(report, "%s is of a run that was interrupted by signal %lld", files[i]->path,
			     (long long)files[i]->signal);
	}
	for (size_t i = 0; i < report->before->row_count; i++)
		warn_of_row(report, report->before->rows[i].key);
	for (size_t i = 0; i < report->after->row_count; i++)
		if (!recorded_row(report->before, report->after->rows[i].key))
			warn_of_row(report, report->after->rows[i].key);
}

static double floor_median(const struct recorded *recorded)
{
	const struct recorded_subject *floor = recorded_floor(recorded);
	double *values, median;

	if (!floor)
		return NAN;
	values = memory_of(floor->sample_count, sizeof(*values));
	median = statistics_median(values, launch_values(floor->samples, floor->sample_count, METRIC_WHOLE, values));
	free(values);
	return median;
}

static int print(const struct compare_report *report, struct error *error)
{
	const struct plan *plan = report->plan;
	/* As when measuring: text where nothing else goes to stdout. */
	const char *text = plan->text || (plan->json && strcmp(plan->json, "-") == 0) ? plan->text : "-";
	int r = plan->json ? compare_print_json(report, plan->json, error) : 0;

	return r == 0 && text ? compare_print_text(report, text, error) : r;
}

/* 1: it failed; 0: it passed; or -errno with `error`. */
static int compare_files(const struct plan *plan, const struct recorded *before, const struct recorded *after, struct error *error)
{
	struct compare_report report = {
		.plan = plan, .before = before, .after = after,
		.by_floor = recorded_floor(before) && recorded_floor(after),
		.floor_before = floor_median(before), .floor_after = floor_median(after),
	};
	bool any = false;
	int r;

	warn_of_files(&report);
	compare_subjects(&report);
	for (size_t i = 0; i < report.subject_count; i++)
		any = any || was_compared(&report.subjects[i]);
	correct_all(&report);
	judge(&report);
	if (any)
		r = print(&report, error);
	else
		r = error_set(error, ERROR_USAGE, ENOENT, "%s and %s: no subject of the one was measured in the other: give "
			      "subjects the same --name in both", before->path, after->path);
	for (size_t i = 0; i < report.warning_count; i++)
		free(report.warnings[i]);
	return r < 0 ? r : !report.passed;
}

int bench_compare(const struct plan *plan, struct error *error)
{
	struct recorded before = { 0 }, after = { 0 };
	int r = recorded_read(&before, plan->compare_old, error);

	if (r == 0)
		r = recorded_read(&after, plan->compare_new, error);
	if (r == 0)
		r = compare_files(plan, &before, &after, error);
	recorded_free(&before);
	recorded_free(&after);
	return r < 0 ? command_failed(error) : r;
}
