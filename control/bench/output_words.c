/* SPDX-License-Identifier: Apache-2.0 */
/* Figures and what follows of them as a person reads them: the same words in a terminal and on a page. */
#include "control/bench/output.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "control/bench/memory.h"

#define NS_PER_S  1e9
#define NS_PER_MS 1e6
#define MIB       1048576.0
/* A difference is said as a multiple from here on, as a percentage below. */
#define MULTIPLE_FROM 1.5
/* p below this is a matter of what the test supposes, not of the values. */
#define P_LEAST 1e-9 /* said as it stands here */

const struct output_unit *output_unit(const struct results *results)
{
	static const struct output_unit us = { "µs", 1e3, 1 }, ms = { "ms", 1e6, 3 };

	for (size_t i = 0; i < results->subject_count; i++)
		if (results->subjects[i].summary[METRIC_WHOLE].quantile[0].value < NS_PER_MS)
			return &us;
	return &ms;
}

/* In OUTPUT_NUMBER_COLUMNS at most, so that columns of a table stay apart: where it is large with fewer digits after the point. */
static void number_text(char text[OUTPUT_NUMBER_BYTES], double value, int digits)
{
	do
		snprintf(text, OUTPUT_NUMBER_BYTES, "%.*f", digits, value);
	while (strlen(text) > OUTPUT_NUMBER_COLUMNS && --digits >= 0);
	if (strlen(text) > OUTPUT_NUMBER_COLUMNS)
		snprintf(text, OUTPUT_NUMBER_BYTES, "%.2e", value);
}

void output_number(char text[OUTPUT_NUMBER_BYTES], enum metric metric, double value, const struct output_unit *unit)
{
	if (!isfinite(value))
		strcpy(text, "–");
	else if (metrics[metric].is_time)
		number_text(text, value / unit->ns, unit->digits);
	else if (strcmp(metrics[metric].unit, "bytes") == 0)
		number_text(text, value / MIB, 2);
	else
		number_text(text, value, 0);
}

const char *output_metric_unit(enum metric metric, const struct output_unit *unit)
{
	if (metrics[metric].is_time)
		return unit->name;
	return strcmp(metrics[metric].unit, "bytes") == 0 ? "MiB" : metrics[metric].unit;
}

void output_ratio(char text[OUTPUT_NUMBER_BYTES], double value)
{
	double size = fabs(value);

	if (!isfinite(value))
		strcpy(text, "–");
	else
		number_text(text, value, size < 0.9995 ? 3 : size < 9.995 ? 2 : size < 99.95 ? 1 : 0);
}

bool output_quantile_holds(const struct summary *summary, unsigned quantile)
{
	return quantile_points[quantile] == 1 || summary->count >= output_quantile_needs(quantile);
}

/* So many that at least one lies beyond the quantile in 39 of 40 cases: then the interval has an upper end. */
uint64_t output_quantile_needs(unsigned quantile)
{
	double point = quantile_points[quantile];

	return point == 1 ? 1 : (uint64_t)ceil(log(0.025) / log(point));
}

bool output_has_weak_quantile(const struct results *results)
{
	for (size_t i = 0; i < results->subject_count; i++) {
		const struct summary *whole = &results->subjects[i].summary[METRIC_WHOLE];

		for (unsigned q = 0; q < QUANTILES; q++)
			if (whole->count && !output_quantile_holds(whole, q))
				return true;
	}
	return false;
}

bool output_has_metric(const struct results *results, enum metric metric)
{
	for (size_t i = 0; i < results->subject_count; i++)
		if (results->subjects[i].summary[metric].count)
			return true;
	return false;
}

const struct subject_results *output_floor(const struct results *results)
{
	for (size_t i = 0; i < results->subject_count; i++)
		if (results->subjects[i].subject->kind == SUBJECT_FLOOR && results->subjects[i].summary[METRIC_WHOLE].count)
			return &results->subjects[i];
	return NULL;
}

/*
 * Of pairs, as all ratios are: what it takes of the first's time, by what the floor does. Medians would be pushed about by a noisy
 * host. The first alone was compared with the floor itself, and has an interval.
 */
bool output_multiple(const struct results *results, const struct subject_results *subject, struct estimate *multiple)
{
	const struct subject_results *floor = output_floor(results);
	const struct estimate *of_floor = floor ? &floor->against[METRIC_WHOLE].ratio : NULL;

	if (!floor || floor == subject || floor == &results->subjects[0] || !subject->summary[METRIC_WHOLE].count)
		return false;
	if (subject == &results->subjects[0])
		*multiple = (struct estimate){ 1 / of_floor->value, 1 / of_floor->high, 1 / of_floor->low };
	else
		*multiple = (struct estimate){ subject->against[METRIC_WHOLE].ratio.value / of_floor->value, NAN, NAN };
	return floor->against[METRIC_WHOLE].pairs > 0 && isfinite(multiple->value) && multiple->value > 0;
}

static void p_text(char text[OUTPUT_NUMBER_BYTES], double p)
{
	char *zero;

	if (p < P_LEAST)
		snprintf(text, OUTPUT_NUMBER_BYTES, "p < 1e-9");
	else
		snprintf(text, OUTPUT_NUMBER_BYTES, "p = %.2g", p);
	zero = strstr(text, "e-0");
	if (zero)
		memmove(zero + 2, zero + 3, strlen(zero + 3) + 1);
}

static void percent_text(char text[OUTPUT_NUMBER_BYTES], double part)
{
	double percent = fabs(part) * 100;

	snprintf(text, OUTPUT_NUMBER_BYTES, "%.*f%%", percent < 0.995 ? 2 : percent < 99.5 ? 1 : 0, percent);
}

static char *difference(const struct comparison *c, const char *a, const char *b, const char *times)
{
	char p[OUTPUT_NUMBER_BYTES], value[OUTPUT_NUMBER_BYTES], low[OUTPUT_NUMBER_BYTES], high[OUTPUT_NUMBER_BYTES];
	bool less = c->verdict == VERDICT_LESS;
	struct estimate r = c->ratio;

	p_text(p, c->p);
	if (!isfinite(r.value) || r.value <= 0)
		return text_of("%s takes %s time than %s (%s)", b, less ? "less" : "more", a, p);
	if (less ? r.value * MULTIPLE_FROM <= 1 : r.value >= MULTIPLE_FROM) {
		if (less)
			r = (struct estimate){ 1 / r.value, 1 / r.high, 1 / r.low };
		output_ratio(value, r.value);
		output_ratio(low, r.low);
		output_ratio(high, r.high);
		return text_of("%s is %s%s [%s, %s] as fast as %s (%s)", less ? b : a, value, times, low, high, less ? a : b, p);
	}
	percent_text(value, r.value - 1);
	percent_text(low, (less ? r.high : r.low) - 1);
	percent_text(high, (less ? r.low : r.high) - 1);
	return text_of("%s takes %s [%s, %s] %s time than %s (%s)", b, value, low, high, less ? "less" : "more", a, p);
}

static char *no_difference(const struct comparison *c, const char *a, const char *b)
{
	char detectable[OUTPUT_NUMBER_BYTES], p[OUTPUT_NUMBER_BYTES];

	p_text(p, c->p);
	if (!isfinite(c->detectable))
		return text_of("no difference found between %s and %s (%s)", b, a, p);
	percent_text(detectable, c->detectable);
	return text_of("no difference found between %s and %s (%s); one of %s would have been", b, a, p, detectable);
}

char *output_verdict(const struct results *results, const struct subject_results *subject, const char *times)
{
	const struct comparison *c = &subject->against[METRIC_WHOLE];
	char *a = utf8_clean(results->subjects[0].subject->name), *b = utf8_clean(subject->subject->name), *text;

	if (c->pairs == 0)
		text = text_of("%s and %s are not compared: no launches to compare", b, a);
	else if (c->verdict == VERDICT_NONE)
		text = text_of("%s and %s are not compared: %zu rounds are too few", b, a, c->pairs);
	else if (c->verdict == VERDICT_SAME)
		text = no_difference(c, a, b);
	else
		text = difference(c, a, b, times);
	free(a);
	free(b);
	return text;
}

char *output_command(const struct subject *subject)
{
	char *image, *text;

	if (subject->argv && subject->argv[0])
		return utf8_command(subject->argv);
	image = utf8_clean(subject->image ? subject->image : subject->name);
	text = text_of("a machine of %s in kvick bench's own process", image);
	free(image);
	return text;
}

char *output_method(const struct results *results)
{
	const struct plan *plan = results->plan;
	unsigned long long rounds = results->rounds, warm_up = plan->warm_up, seed = plan->seed;
	char how[160];

	if (plan->arrivals == ARRIVALS_BURST)
		snprintf(how, sizeof(how), "bursts of %u at once", plan->at_once);
	else if (plan->arrivals == ARRIVALS_OPEN_LOOP)
		snprintf(how, sizeof(how), "%g launches a second%s, at most %u under way", plan->rate,
			 plan->poisson ? " (Poisson)" : "", plan->at_once);
	else
		snprintf(how, sizeof(how), "one launch at a time%s",
			 results->subject_count > 1 ? ", by turns in a random order" : "");
	return text_of("%llu round%s, %s%s%s%s; %llu before them to warm up; seed %llu; %.1f s in all", rounds,
		       rounds == 1 ? "" : "s", how, plan->pinned ? ", pinned" : "", plan->drop_caches ? ", caches dropped" : "",
		       plan->trace ? ", traced" : "", warm_up, seed, (double)results->took_ns / NS_PER_S);
}

char *output_trouble(const struct subject_results *subject)
{
	size_t bad = subject->failed + subject->timed_out;
	char *name, *why, *text;

	if (!bad && !subject->given_up && !subject->failure[0])
		return NULL;
	name = utf8_clean(subject->subject->name);
	why = utf8_clean(subject->failure);
	/* It is not there, or failed while nothing counted yet. */
	if (subject->given_up && subject->sample_count == 0)
		text = text_of("%s was not measured: %s", name, why);
	else
		text = text_of("%s: %zu of %zu launches failed%s%s%s%s", name, bad, subject->sample_count,
			       subject->timed_out == bad && bad ? " by their time-out" : "",
			       subject->given_up ? ", so it was given up" : "", why[0] ? ": " : "", why);
	free(name);
	free(why);
	return text;
}

char *output_interruption(const struct results *results)
{
	const char *name = results->signal ? sigabbrev_np(results->signal) : NULL;

	if (!results->signal)
		return NULL;
	return text_of("interrupted by %s%s: what had been measured by then is here", name ? "SIG" : "a signal", name ? name : "");
}

void output_date(char text[OUTPUT_NUMBER_BYTES], uint64_t seconds)
{
	time_t t = (time_t)seconds;
	struct tm tm = { 0 };

	gmtime_r(&t, &tm);
	if (strftime(text, OUTPUT_NUMBER_BYTES, "%Y-%m-%d %H:%M UTC", &tm) == 0)
		text[0] = '\0';
}
