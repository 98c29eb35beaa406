/* SPDX-License-Identifier: Apache-2.0 */
/* Figures of the page. A cell knows its column's name: on a narrow screen rows become blocks. */
#include "control/bench/page.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void put_name(FILE *f, const struct results *results, size_t index)
{
	subject_key(f, results, index);
	html_put(f, results->subjects[index].subject->name);
}

static void put_time(FILE *f, const struct subject_results *s)
{
	const struct summary *whole = &s->summary[METRIC_WHOLE];
	char value[OUTPUT_NUMBER_BYTES], low[OUTPUT_NUMBER_BYTES], high[OUTPUT_NUMBER_BYTES];

	if (!whole->count) {
		fputs("<p class=\"big\">–</p><p class=\"dim\">no launch of it was good</p>", f);
		return;
	}
	time_text(value, whole->quantile[0].value);
	fprintf(f, "<p class=\"big\">%s</p>", value);
	if (isfinite(whole->quantile[0].low) && isfinite(whole->quantile[0].high)) {
		time_text(low, whole->quantile[0].low);
		time_text(high, whole->quantile[0].high);
		fprintf(f, "<p class=\"dim\">median [%s, %s]</p>", low, high);
	} else {
		fputs("<p class=\"dim\">median</p>", f);
	}
}

void page_cards(FILE *f, const struct results *results)
{
	char value[OUTPUT_NUMBER_BYTES];
	struct estimate multiple;

	fputs("<ul class=\"cards\">\n", f);
	for (size_t i = 0; i < results->subject_count; i++) {
		const struct subject_results *s = &results->subjects[i];

		fputs("<li><h2>", f);
		put_name(f, results, i);
		fputs("</h2>", f);
		put_time(f, s);
		if (i)
			html_put_owned(f, "p", NULL, output_verdict(results, s, "×"));
		if (output_multiple(results, s, &multiple)) {
			output_ratio(value, multiple.value);
			fprintf(f, "<p class=\"dim\">%s× the floor</p>", value);
		} else if (s == output_floor(results)) {
			fputs("<p class=\"dim\">the least a VM can cost here: KVM’s bare calls around one instruction</p>", f);
		}
		html_put_owned(f, "p", "trouble", output_trouble(s));
		fputs("</li>\n", f);
	}
	fputs("</ul>\n", f);
}

static void put_cell(FILE *f, const char *class, const char *column, const char *text)
{
	fprintf(f, "<td%s data-c=\"%s\">%s</td>", class, column, text);
}

static void put_value(FILE *f, const char *column, enum metric metric, const struct summary *summary, unsigned quantile,
		      const struct output_unit *unit)
{
	char text[OUTPUT_NUMBER_BYTES];

	output_number(text, metric, summary->count ? summary->quantile[quantile].value : NAN, unit);
	if (summary->count && !output_quantile_holds(summary, quantile))
		strcat(text, "*");
	put_cell(f, "", column, text);
}

static void put_range(FILE *f, enum metric metric, const struct summary *summary, const struct output_unit *unit)
{
	const struct estimate *e = &summary->quantile[0];
	char low[OUTPUT_NUMBER_BYTES], high[OUTPUT_NUMBER_BYTES], text[2 * OUTPUT_NUMBER_BYTES + 8] = "–";

	if (summary->count && isfinite(e->low) && isfinite(e->high)) {
		output_number(low, metric, e->low, unit);
		output_number(high, metric, e->high, unit);
		snprintf(text, sizeof(text), "%s to %s", low, high);
	}
	put_cell(f, " class=\"range\"", "95% interval", text);
}

/* What the test does not tell from 1 is said so: grey, and in words for who does not see that. */
static void put_against(FILE *f, const struct comparison *c)
{
	char value[OUTPUT_NUMBER_BYTES], text[2 * OUTPUT_NUMBER_BYTES];
	bool told;

	if (!c->pairs || !isfinite(c->ratio.value)) {
		put_cell(f, " class=\"against\"", "of first", "–");
		return;
	}
	output_ratio(value, c->ratio.value);
	told = c->verdict == VERDICT_LESS || c->verdict == VERDICT_MORE;
	snprintf(text, sizeof(text), "%s×%s", value, told ? "" : " n.s.");
	put_cell(f, told ? " class=\"against\"" : " class=\"against dim\"", "of first", text);
}

static void put_head(FILE *f, bool against)
{
	fputs("<thead><tr><th scope=\"col\"></th>", f);
	for (unsigned q = 0; q < QUANTILES; q++)
		fprintf(f, "<th scope=\"col\">%s</th>%s", quantile_names[q], q ? "" : "<th scope=\"col\">95% interval</th>");
	fputs(against ? "<th scope=\"col\">of first</th></tr></thead>\n<tbody>\n" : "</tr></thead>\n<tbody>\n", f);
}

static void put_quantiles(FILE *f, enum metric metric, const struct summary *summary, const struct output_unit *unit)
{
	put_value(f, quantile_names[0], metric, summary, 0, unit);
	put_range(f, metric, summary, unit);
	for (unsigned q = 1; q < QUANTILES; q++)
		put_value(f, quantile_names[q], metric, summary, q, unit);
}

void page_overview(FILE *f, const struct results *results)
{
	const struct output_unit *unit = output_unit(results);

	fprintf(f, "<table><caption>Begun to reaped, %s</caption>\n", unit->name);
	put_head(f, true);
	for (size_t i = 0; i < results->subject_count; i++) {
		const struct subject_results *s = &results->subjects[i];

		fputs("<tr><th scope=\"row\">", f);
		put_name(f, results, i);
		fputs("</th>", f);
		put_quantiles(f, METRIC_WHOLE, &s->summary[METRIC_WHOLE], unit);
		if (i)
			put_against(f, &s->against[METRIC_WHOLE]);
		else
			put_cell(f, " class=\"against\"", "of first", "1×");
		fputs("</tr>\n", f);
	}
	fputs("</tbody></table>\n", f);
}

static void put_metric(FILE *f, const struct results *results, size_t index, enum metric metric, const struct output_unit *unit)
{
	const struct subject_results *s = &results->subjects[index];
	const char *name = output_metric_unit(metric, unit);

	fprintf(f, "<tr><th scope=\"row\"%s>%s%s%s</th>", metrics[metric].is_phase ? " class=\"phase\"" : "", metrics[metric].title,
		name[0] ? ", " : "", name);
	put_quantiles(f, metric, &s->summary[metric], unit);
	if (index)
		put_against(f, &s->against[metric]);
	fputs("</tr>\n", f);
}

void page_figures(FILE *f, const struct results *results)
{
	const struct output_unit *unit = output_unit(results);

	for (size_t i = 0; i < results->subject_count; i++) {
		const struct subject_results *s = &results->subjects[i];

		if (!s->summary[METRIC_WHOLE].count)
			continue;
		fputs("<table><caption>", f);
		put_name(f, results, i);
		fprintf(f, "<span class=\"dim\"> %zu launches</span></caption>\n", s->summary[METRIC_WHOLE].count);
		put_head(f, i > 0);
		for (unsigned m = 0; m < METRIC_COUNT; m++)
			if (s->summary[m].count)
				put_metric(f, results, i, m, unit);
		fputs("</tbody></table>\n", f);
	}
	if (output_has_weak_quantile(results))
		fprintf(f, "<p class=\"dim\">* Of too few launches: hardly more than their greatest. p99 wants %llu, "
			"p99.9 %llu.</p>\n", (unsigned long long)output_quantile_needs(2),
			(unsigned long long)output_quantile_needs(3));
	if (results->subject_count > 1)
		fputs("<p class=\"dim\">n.s.: not significant, the launches do not tell it from no difference. Times but the "
		      "whole are one question, so their p-values are corrected (Holm).</p>\n", f);
}

void page_commands(FILE *f, const struct results *results)
{
	fputs("<dl class=\"commands\">\n", f);
	for (size_t i = 0; i < results->subject_count; i++) {
		const struct subject *subject = results->subjects[i].subject;
		char *command = output_command(subject);

		fputs("<dt>", f);
		put_name(f, results, i);
		fprintf(f, "<span class=\"dim\"> %s</span></dt><dd><code>", output_kind_names[subject->kind]);
		html_put(f, command);
		fputs("</code></dd>\n", f);
		free(command);
	}
	fputs("</dl>\n", f);
}
