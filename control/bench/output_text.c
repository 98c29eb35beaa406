/* SPDX-License-Identifier: Apache-2.0 */
/* For a terminal: what was found, in sentences; the figures; what makes them less trustworthy, last, where it is seen. */
#include "control/bench/bench.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "control/bench/memory.h"
#include "control/bench/output.h"

/* Of a line: 27 + 9 + 24 + 4 * 10. */
#define COLUMNS        100
#define TITLE_COLUMNS  27
#define NUMBER_COLUMNS (1 + OUTPUT_NUMBER_COLUMNS + 1) /* a blank, and a mark or a sign after it */
#define RANGE_COLUMNS  24 /* at least 2 + 1 + 8 + 2 + 8 + 1 */

static size_t columns_of(const char *text)
{
	size_t columns = 0;

	while (utf8_next(&text))
		columns++;
	return columns;
}

/* In as many columns, cut or filled up: printf() counts bytes. */
static void put_cell(FILE *f, const char *text, size_t columns, bool right)
{
	size_t have = columns_of(text), blanks = have < columns ? columns - have : 0;
	char bytes[5];

	for (; right && blanks; blanks--)
		putc(' ', f);
	for (size_t i = 0; i < columns && i < have; i++) {
		uint32_t c = utf8_next(&text);

		fwrite(bytes, 1, utf8_put(bytes, have > columns && i + 1 == columns ? 0x2026 : c), f);
	}
	for (; blanks; blanks--)
		putc(' ', f);
}

/* Broken between words; following lines are indented. */
static void put_paragraph(FILE *f, const char *text, const char *indent)
{
	size_t at = 0;

	while (*text) {
		size_t length = strcspn(text, " ");
		char *word = text_of("%.*s", (int)length, text);

		if (at && at + 1 + columns_of(word) > COLUMNS) {
			fprintf(f, "\n%s", indent);
			at = strlen(indent);
		} else if (at) {
			putc(' ', f);
			at++;
		}
		fputs(word, f);
		at += columns_of(word);
		free(word);
		text += length + strspn(text + length, " ");
	}
	putc('\n', f);
}

static void put_owned(FILE *f, char *text)
{
	if (text)
		put_paragraph(f, text, "  ");
	free(text);
}

/* `e`: may be NULL. */
static void put_range(FILE *f, enum metric metric, const struct estimate *e, const struct output_unit *unit)
{
	char low[OUTPUT_NUMBER_BYTES], high[OUTPUT_NUMBER_BYTES], range[2 * OUTPUT_NUMBER_BYTES + 8] = "";

	if (e && isfinite(e->low) && isfinite(e->high)) {
		output_number(low, metric, e->low, unit);
		output_number(high, metric, e->high, unit);
		snprintf(range, sizeof(range), "  [%s, %s]", low, high);
	}
	put_cell(f, range, RANGE_COLUMNS, false);
}

static void put_floor(FILE *f, const struct results *results)
{
	char value[OUTPUT_NUMBER_BYTES], low[OUTPUT_NUMBER_BYTES], high[OUTPUT_NUMBER_BYTES];
	struct estimate multiple;
	char *name;

	if (!results->subject_count || !output_multiple(results, &results->subjects[0], &multiple))
		return;
	name = utf8_clean(results->subjects[0].subject->name);
	output_ratio(value, multiple.value);
	output_ratio(low, multiple.low);
	output_ratio(high, multiple.high);
	fprintf(f, "%s takes %sx [%s, %s] the floor's time\n", name, value, low, high);
	free(name);
}

static void put_findings(FILE *f, const struct results *results)
{
	const struct subject_results *floor = output_floor(results);

	put_owned(f, output_interruption(results));
	for (size_t i = 1; i < results->subject_count; i++)
		if (&results->subjects[i] != floor)
			put_owned(f, output_verdict(results, &results->subjects[i], "x"));
	put_floor(f, results);
	for (size_t i = 0; i < results->subject_count; i++)
		put_owned(f, output_trouble(&results->subjects[i]));
	put_owned(f, output_method(results));
}

/* Right of it there is room for a mark. */
static void put_number(FILE *f, enum metric metric, double value, const struct output_unit *unit)
{
	char number[OUTPUT_NUMBER_BYTES];

	output_number(number, metric, value, unit);
	put_cell(f, number, NUMBER_COLUMNS - 1, true);
}

static void put_ratio(FILE *f, double value)
{
	char number[OUTPUT_NUMBER_BYTES];

	output_ratio(number, value);
	put_cell(f, isfinite(value) ? strcat(number, "x") : "", NUMBER_COLUMNS, true);
}

/* A line each subject, where there are several. */
static void put_overview(FILE *f, const struct results *results, const struct output_unit *unit)
{
	char title[OUTPUT_NUMBER_BYTES];
	struct estimate multiple;

	if (results->subject_count < 2)
		return;
	putc('\n', f);
	snprintf(title, sizeof(title), "begun to reaped, %s", unit->name);
	put_cell(f, title, TITLE_COLUMNS, false);
	fprintf(f, "%*s%-*s%*s%*s%*s\n", NUMBER_COLUMNS - 1, "p50", RANGE_COLUMNS, "  [95% interval]", NUMBER_COLUMNS, "of first",
		NUMBER_COLUMNS, "of floor", NUMBER_COLUMNS, "good runs");
	for (size_t i = 0; i < results->subject_count; i++) {
		const struct subject_results *s = &results->subjects[i];
		const struct summary *whole = &s->summary[METRIC_WHOLE];

		put_cell(f, s->subject->name, TITLE_COLUMNS, false);
		put_number(f, METRIC_WHOLE, whole->count ? whole->quantile[0].value : NAN, unit);
		put_range(f, METRIC_WHOLE, whole->count ? &whole->quantile[0] : NULL, unit);
		put_ratio(f, i && s->against[METRIC_WHOLE].pairs ? s->against[METRIC_WHOLE].ratio.value : NAN);
		put_ratio(f, output_multiple(results, s, &multiple) ? multiple.value : NAN);
		fprintf(f, "%*zu\n", NUMBER_COLUMNS, s->sample_count - s->failed - s->timed_out);
	}
}

static void put_metric(FILE *f, const struct subject_results *s, enum metric metric, const struct output_unit *unit)
{
	const struct summary *summary = &s->summary[metric];
	char title[OUTPUT_NUMBER_BYTES];
	const char *unit_name = metrics[metric].is_time ? "" : output_metric_unit(metric, unit);

	snprintf(title, sizeof(title), "  %s%s%s%s", metrics[metric].is_phase ? "  " : "", metrics[metric].title,
		 unit_name[0] ? ", " : "", unit_name);
	put_cell(f, title, TITLE_COLUMNS, false);
	put_number(f, metric, summary->quantile[0].value, unit);
	put_range(f, metric, &summary->quantile[0], unit);
	for (unsigned q = 1; q < QUANTILES; q++) {
		put_number(f, metric, summary->quantile[q].value, unit);
		if (q + 1 < QUANTILES)
			putc(output_quantile_holds(summary, q) ? ' ' : '*', f);
	}
	putc('\n', f);
}

static void put_subject(FILE *f, const struct subject_results *s, const struct output_unit *unit)
{
	char *name = utf8_clean(s->subject->name), *command = output_command(s->subject);
	char *line = text_of("%s: %s", name, command);

	putc('\n', f);
	put_cell(f, line, columns_of(line) < COLUMNS ? columns_of(line) : COLUMNS, false);
	putc('\n', f);
	if (!s->summary[METRIC_WHOLE].count)
		fputs("  no launch of it was good\n", f);
	for (unsigned m = 0; m < METRIC_COUNT; m++)
		if (s->summary[m].count)
			put_metric(f, s, m, unit);
	/* Of a process the kernel tells only with what we have ourselves. */
	if (s->peak_bytes && !s->summary[METRIC_MEMORY].count)
		fprintf(f, "  one more launch: peak memory %.2f MiB\n", (double)s->peak_bytes / (1 << 20));
	free(name);
	free(command);
	free(line);
}

static void put_details(FILE *f, const struct results *results, const struct output_unit *unit)
{
	char title[OUTPUT_NUMBER_BYTES];

	putc('\n', f);
	snprintf(title, sizeof(title), "times in %s", unit->name);
	put_cell(f, title, TITLE_COLUMNS, false);
	fprintf(f, "%*s%-*s", NUMBER_COLUMNS - 1, quantile_names[0], RANGE_COLUMNS, "  [95% interval]");
	for (unsigned q = 1; q < QUANTILES; q++)
		fprintf(f, "%*s%s", NUMBER_COLUMNS - 1, quantile_names[q], q + 1 < QUANTILES ? " " : "");
	putc('\n', f);
	for (size_t i = 0; i < results->subject_count; i++)
		put_subject(f, &results->subjects[i], unit);
	if (output_has_weak_quantile(results))
		fprintf(f, "\n* of too few runs: hardly more than their greatest. p99 wants %llu runs, p99.9 %llu.\n",
			(unsigned long long)output_quantile_needs(2), (unsigned long long)output_quantile_needs(3));
}

static void put_warnings(FILE *f, const struct environment *environment)
{
	if (environment->warning_count)
		putc('\n', f);
	for (size_t i = 0; i < environment->warning_count; i++) {
		char *text = utf8_clean(environment->warnings[i].text);

		put_owned(f, text_of("warning: %s", text));
		free(text);
	}
}

int output_text(const struct results *results, const char *path, struct error *error)
{
	const struct output_unit *unit = output_unit(results);
	struct output_file file;
	int r = output_open(&file, path, error);

	if (r < 0)
		return r;
	put_findings(file.stream, results);
	put_overview(file.stream, results, unit);
	put_details(file.stream, results, unit);
	put_warnings(file.stream, &results->environment);
	return output_close(&file, error);
}
