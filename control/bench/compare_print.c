/* SPDX-License-Identifier: Apache-2.0 */
#include "control/bench/compare.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/bench/output.h"

#define COMPARE_SCHEMA 1 /* the version of docs/bench-compare.schema.json, a format of its own */
#define NAME_COLUMNS 27
#define NUMBER_COLUMNS 10
#define CELL_BYTES 64

/* --- for people --- */

/* In as many columns, cut or filled up. */
static void put_name(FILE *f, const char *indent, const char *name)
{
	char *clean = utf8_clean(name);
	const char *at = clean;
	size_t columns = strlen(indent);
	char bytes[5];

	fputs(indent, f);
	for (uint32_t c; columns < NAME_COLUMNS && (c = utf8_next(&at)) != 0; columns++)
		fwrite(bytes, 1, utf8_put(bytes, columns + 1 == NAME_COLUMNS && *at ? 0x2026 : c), f);
	fprintf(f, "%*s", (int)(NAME_COLUMNS - columns), "");
	free(clean);
}

static void put_clean(FILE *f, const char *text)
{
	char *clean = utf8_clean(text);

	fputs(clean, f);
	free(clean);
}

/* In a unit in which it is short. */
static void absolute_text(char text[CELL_BYTES], double ns)
{
	static const struct {
		double below_ns, ns;
		const char *name;
	} units[] = { { 1e7, 1e3, "us" }, { 1e10, 1e6, "ms" }, { .ns = 1e9, .name = "s" } };
	size_t i = 0;

	while (i + 1 < sizeof(units) / sizeof(units[0]) && ns >= units[i].below_ns)
		i++;
	snprintf(text, CELL_BYTES, "%.1f %s", ns / units[i].ns, units[i].name);
}

/* "3.100x" of the floor's, "512.3 us", "3". */
static void value_text(char text[CELL_BYTES], const struct compare_report *report, enum metric metric, double value)
{
	const struct metric_row *row = &metrics[metric];

	if (isnan(value))
		strcpy(text, "-");
	else if (row->is_time && report->by_floor)
		snprintf(text, CELL_BYTES, "%.3fx", value);
	else if (row->is_time)
		absolute_text(text, value);
	else if (strcmp(row->unit, "bytes") == 0)
		snprintf(text, CELL_BYTES, "%.1f MiB", value / (1 << 20));
	else
		snprintf(text, CELL_BYTES, "%.0f", value);
}

static void put_metric(FILE *f, const struct compare_report *report, enum metric metric, const struct compared_metric *compared)
{
	const struct comparison *c = &compared->against;
	char before[CELL_BYTES], after[CELL_BYTES], change[CELL_BYTES] = "-", interval[CELL_BYTES] = "", p[CELL_BYTES] = "-";

	value_text(before, report, metric, compared->before);
	value_text(after, report, metric, compared->after);
	if (!isnan(c->ratio.value))
		snprintf(change, sizeof(change), "%+.1f%%", 100 * c->ratio.value - 100);
	if (!isnan(c->ratio.low))
		snprintf(interval, sizeof(interval), "[%+.1f%%, %+.1f%%]", 100 * c->ratio.low - 100, 100 * c->ratio.high - 100);
	if (c->p < 1e-9)
		strcpy(p, "<1e-9");
	else if (!isnan(c->p))
		snprintf(p, sizeof(p), "%.2g", c->p);
	fprintf(f, " %*s %*s %*s %18s %8s", NUMBER_COLUMNS - 1, before, NUMBER_COLUMNS - 1, after, NUMBER_COLUMNS - 1, change,
		interval, p);
}

/* Counts of which there were none have no ratio. */
static bool is_beyond(const struct compared_metric *compared, double threshold)
{
	double ratio = compared->against.ratio.value;

	return isnan(ratio) ? fabs(compared->after - compared->before) > threshold * compared->before :
			      fabs(log(ratio)) > log1p(threshold);
}

static const char *const judgement_words[JUDGEMENTS] = {
	[JUDGED_SAME] = "no difference", [JUDGED_FASTER] = "faster", [JUDGED_SLOWER] = "SLOWER",
	[JUDGED_TOO_FEW] = "TOO FEW LAUNCHES TO JUDGE", [JUDGED_NOT_RUN] = "NOT MEASURED IN THE NEW FILE",
	[JUDGED_NEW] = "only in the new file: not judged",
};

static const char *judgement_of(const struct compared *compared)
{
	enum verdict verdict = compared->metrics[METRIC_WHOLE].against.verdict;

	if (compared->judgement == JUDGED_SAME && (verdict == VERDICT_MORE || verdict == VERDICT_LESS))
		return verdict == VERDICT_MORE ? "slower, but allowed" : "a bit faster";
	return judgement_words[compared->judgement];
}

/* The parts that differ are said, too: where to look. */
static void put_subject(FILE *f, const struct compare_report *report, const struct compared *compared)
{
	put_name(f, "", compared->name);
	if (compared->judgement == JUDGED_NOT_RUN || compared->judgement == JUDGED_NEW) {
		fprintf(f, "  %s\n", judgement_words[compared->judgement]);
		return;
	}
	put_metric(f, report, METRIC_WHOLE, &compared->metrics[METRIC_WHOLE]);
	fprintf(f, "  %s\n", judgement_of(compared));
	for (enum metric metric = METRIC_WHOLE + 1; metric < METRIC_COUNT; metric++) {
		const struct compared_metric *part = &compared->metrics[metric];
		enum verdict verdict = part->against.verdict;

		if ((verdict != VERDICT_LESS && verdict != VERDICT_MORE) || !is_beyond(part, report->plan->threshold))
			continue;
		put_name(f, "  ", metrics[metric].title);
		put_metric(f, report, metric, part);
		putc('\n', f);
	}
}

static void put_file(FILE *f, const char *what, const struct recorded *recorded, double floor)
{
	char date[OUTPUT_NUMBER_BYTES];

	output_date(date, recorded->started_at);
	fprintf(f, "%s", what);
	put_clean(f, recorded->path);
	fprintf(f, ", %s", date);
	if (!isnan(floor))
		fprintf(f, ", floor %.1f us", floor / 1e3);
	putc('\n', f);
}

static void put_outcome(FILE *f, const struct compare_report *report)
{
	size_t counts[JUDGEMENTS] = { 0 };

	for (size_t i = 0; i < report->subject_count; i++)
		counts[report->subjects[i].judgement]++;
	fprintf(f, "\n%s: %zu slower by more than %g%%", report->passed ? "passed" : "FAILED", counts[JUDGED_SLOWER],
		100 * report->plan->threshold);
	fprintf(f, ", %zu faster by as much, %zu neither", counts[JUDGED_FASTER], counts[JUDGED_SAME]);
	if (counts[JUDGED_TOO_FEW] + counts[JUDGED_NOT_RUN])
		fprintf(f, ", %zu could not be judged", counts[JUDGED_TOO_FEW] + counts[JUDGED_NOT_RUN]);
	putc('\n', f);
}

int compare_print_text(const struct compare_report *report, const char *path, struct error *error)
{
	struct output_file file;
	int r = output_open(&file, path, error);
	FILE *f = file.stream;

	if (r < 0)
		return r;
	put_file(f, "old: ", report->before, report->floor_before);
	put_file(f, "new: ", report->after, report->floor_after);
	for (size_t i = 0; i < report->warning_count; i++) {
		fputs("warning: ", f);
		put_clean(f, report->warnings[i]);
		putc('\n', f);
	}
	fprintf(f, "\n%-*s%*s%*s%*s %18s %8s\n", NAME_COLUMNS, report->by_floor ? "times the floor" : "absolute times",
		NUMBER_COLUMNS, "old", NUMBER_COLUMNS, "new", NUMBER_COLUMNS, "change", "95% interval", "p");
	for (size_t i = 0; i < report->subject_count; i++)
		put_subject(f, report, &report->subjects[i]);
	put_outcome(f, report);
	return output_close(&file, error);
}

/* --- for programs: docs/bench-compare.schema.json --- */

static json_t *number(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

static json_t *text(const char *string)
{
	char *clean = utf8_clean(string);
	json_t *value = json_string(clean);

	free(clean);
	return value;
}

static json_t *metric_json(const struct compare_report *report, enum metric metric, const struct compared_metric *compared)
{
	const struct comparison *c = &compared->against;
	const char *unit = metrics[metric].is_time && report->by_floor ? "floors" : metrics[metric].unit;

	return json_pack("{ss so so s{so so so} so so ss}", "unit", unit, "old", number(compared->before),
			 "new", number(compared->after), "ratio", "value", number(c->ratio.value), "low", number(c->ratio.low),
			 "high", number(c->ratio.high), "p", number(c->p), "detectable", number(c->detectable),
			 "verdict", output_verdict_names[c->verdict]);
}

static json_t *subject_json(const struct compare_report *report, const struct compared *compared)
{
	json_t *all = json_object();

	for (enum metric metric = 0; metric < METRIC_COUNT; metric++)
		if (!isnan(compared->metrics[metric].against.p) && compared->metrics[metric].against.pairs)
			json_object_set_new(all, metrics[metric].key, metric_json(report, metric, &compared->metrics[metric]));
	return json_pack("{so ss so}", "name", text(compared->name), "judgement", judgement_keys[compared->judgement],
			 "metrics", all);
}

static json_t *file_json(const struct recorded *recorded, double floor)
{
	return json_pack("{so sI so}", "file", text(recorded->path), "started_at", (json_int_t)recorded->started_at,
			 "floor_ns", number(floor));
}

int compare_print_json(const struct compare_report *report, const char *path, struct error *error)
{
	struct output_file file;
	json_t *subjects = json_array(), *warnings = json_array(), *root;
	int r = output_open(&file, path, error);

	if (r < 0)
		return r;
	for (size_t i = 0; i < report->subject_count; i++)
		json_array_append_new(subjects, subject_json(report, &report->subjects[i]));
	for (size_t i = 0; i < report->warning_count; i++)
		json_array_append_new(warnings, text(report->warnings[i]));
	root = json_pack("{si so so sb sb sf sf so so}", "schema", COMPARE_SCHEMA,
			 "old", file_json(report->before, report->floor_before),
			 "new", file_json(report->after, report->floor_after),
			 "passed", report->passed, "by_floor", report->by_floor,
			 "threshold", report->plan->threshold, "alpha", report->plan->alpha,
			 "subjects", subjects, "warnings", warnings);
	json_dumpf(root, file.stream, JSON_INDENT(1) | JSON_REAL_PRECISION(12));
	putc('\n', file.stream);
	json_decref(root);
	return output_close(&file, error);
}
