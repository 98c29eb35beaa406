/* SPDX-License-Identifier: Apache-2.0 */
/* What part of the launches took no longer than that: a line each subject. */
#include "control/bench/page.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "control/bench/memory.h"
#include "control/bench/pairs.h"
#include "control/bench/statistics_ranks.h"

#define TOP         12
#define LEFT        40
#define BOTTOM      34
#define HEIGHT      360
#define LABEL_ROW   17
#define COLUMN      8.5  /* of a label: most bold characters are narrower */
#define KEY         20.0 /* of a piece of the line beside its name */
/* What lies beyond is in the tables; a line to one launch in a thousand would make the others narrow. */
#define SHOWN_LOW   0.001
#define SHOWN_HIGH  0.998
/* From this ratio of the fastest to the slowest on, the scale is a logarithmic one. */
#define LOGARITHMIC_FROM 4.0

struct curve {
	size_t index; /* of the subject */
	double *values;
	size_t count;
};

struct curves {
	struct curve of[SUBJECTS_MAX];
	size_t count;
};

static int by_median(const void *a, const void *b)
{
	const struct curve *x = a, *y = b;
	double p = statistics_quantile(x->values, x->count, 0.5), q = statistics_quantile(y->values, y->count, 0.5);

	return p != q ? (p > q) - (p < q) : (x->index > y->index) - (x->index < y->index);
}

/* Of the subjects that have any, the fastest first. */
static void gather(struct curves *curves, const struct results *results)
{
	curves->count = 0;
	for (size_t i = 0; i < results->subject_count; i++) {
		const struct subject_results *s = &results->subjects[i];
		struct curve *curve = &curves->of[curves->count];

		if (!s->summary[METRIC_WHOLE].count)
			continue;
		*curve = (struct curve){ i, memory_of(s->sample_count, sizeof(double)), 0 };
		curve->count = launch_values(s->samples, s->sample_count, METRIC_WHOLE, curve->values);
		statistics_sort(curve->values, curve->count);
		curves->count++;
	}
	qsort(curves->of, curves->count, sizeof(curves->of[0]), by_median);
}

static void release(struct curves *curves)
{
	for (size_t i = 0; i < curves->count; i++)
		free(curves->of[i].values);
}

static struct scale time_scale(const struct curves *curves, double width)
{
	struct scale x = { INFINITY, 0, LEFT, width - 1, false };

	for (size_t i = 0; i < curves->count; i++) {
		x.low = fmin(x.low, statistics_quantile(curves->of[i].values, curves->of[i].count, SHOWN_LOW));
		x.high = fmax(x.high, statistics_quantile(curves->of[i].values, curves->of[i].count, SHOWN_HIGH));
	}
	x.logarithmic = x.high > x.low * LOGARITHMIC_FROM;
	x.low *= x.logarithmic ? 0.9 : 0.98;
	x.high *= x.logarithmic ? 1.1 : 1.02;
	return x;
}

static void put_axes(FILE *f, const struct scale *x, const struct scale *y, const struct plot_size *size)
{
	char text[OUTPUT_NUMBER_BYTES];

	svg_time_axis(f, x, y->to, y->from, size);
	for (unsigned i = 0; i <= 4; i++) {
		double at = scale_at(y, i / 4.0);

		snprintf(text, sizeof(text), "%u%%", i * 25);
		svg_across(f, i ? "grid" : "axis", LEFT, at, size->width);
		svg_text(f, "tick", "end", LEFT - 6, at + 4, text);
	}
	svg_text(f, "tick", "end", size->width, HEIGHT - 3, x->logarithmic ? "begun to reaped, logarithmic" : "begun to reaped");
}

/* As many values as there is room for, evenly by rank, and more of the last ones; a few are steps, as they are. */
static void put_line(FILE *f, const struct curve *curve, const struct scale *x, const struct scale *y, const char *class,
		     const struct plot_size *size)
{
	bool steps = curve->count <= size->points / 2;
	size_t points = steps ? curve->count : size->points;

	fprintf(f, "<path class=\"line %s\" clip-path=\"url(#cdf-%s-clip)\" d=\"", class, size->class);
	svg_point(f, 'M', scale_at(x, curve->values[0]), scale_at(y, 0));
	for (size_t i = 0; i < points; i++) {
		double part = (double)(i + 1) / (double)points;

		if (!steps) /* twice as dense at the end as on the whole */
			part = part < 0.5 ? part * 1.5 : 0.75 + (part - 0.5) * 0.5;
		svg_point(f, 'L', scale_at(x, statistics_quantile(curve->values, curve->count, part)), scale_at(y, part));
		if (steps && i + 1 < points)
			fprintf(f, "H%.1f", scale_at(x, curve->values[i + 1]));
	}
	fprintf(f, "H%.1f\"/>\n", size->width);
}

/* Each on a row of its own, from the fastest down, beside its line at that height; to the left of it where there is more room. */
static void put_label(FILE *f, const struct results *results, const struct curve *curve, size_t row, const char *class,
		      const struct scale *x, const struct scale *y, const struct plot_size *size)
{
	const char *name = results->subjects[curve->index].subject->name;
	double at_y = TOP + 10 + LABEL_ROW * (double)row, part = (at_y - y->from) / (y->to - y->from);
	double at_x = scale_clamped(x, statistics_quantile(curve->values, curve->count, part));
	double columns = fmin((double)html_columns(name), (double)size->name_columns), beside = KEY + 12;
	bool left = at_x + beside + columns * COLUMN > size->width && at_x > size->width / 2;
	double room = ((left ? at_x : size->width - at_x) - beside) / COLUMN;
	char *text = html_cut(name, (size_t)fmax(1, fmin(columns, room))), line[16];

	snprintf(line, sizeof(line), "line %s", class);
	fprintf(f, "<circle class=\"dot %s\" cx=\"%.1f\" cy=\"%.1f\" r=\"3\"/>", class, at_x, at_y);
	at_x += left ? -8 : 8;
	svg_across(f, "halo", at_x, at_y, at_x + (left ? -KEY : KEY));
	svg_across(f, line, at_x, at_y, at_x + (left ? -KEY : KEY));
	at_x += left ? -KEY - 4 : KEY + 4;
	svg_text(f, "label", left ? "end" : "start", at_x, at_y + 4, text);
	free(text);
}

static void put_about(char *about, size_t bytes, const struct results *results, const struct curves *curves)
{
	int n = snprintf(about, bytes, "Cumulative distribution of a launch's whole time, the fastest subject first. Medians:");

	for (size_t i = 0; i < curves->count && n > 0 && (size_t)n < bytes; i++) {
		char *name = html_cut(results->subjects[curves->of[i].index].subject->name, 40), median[OUTPUT_NUMBER_BYTES];

		time_text(median, statistics_quantile(curves->of[i].values, curves->of[i].count, 0.5));
		if (bytes - (size_t)n > strlen(name) + 64) /* never half an entity */
			n += snprintf(about + n, bytes - (size_t)n, "%s %s %s", i ? ";" : "", name, median);
		free(name);
	}
}

static void draw(FILE *f, const struct results *results, const struct plot_size *size)
{
	struct scale y = { 0, 1, HEIGHT - BOTTOM, TOP, false }, x;
	struct curves curves;
	char about[4096], class[8];

	gather(&curves, results);
	x = time_scale(&curves, size->width);
	put_about(about, sizeof(about), results, &curves);
	svg_begin(f, size, HEIGHT, plot_cdf.id, 0, plot_cdf.title, about);
	fprintf(f, "<clipPath id=\"cdf-%s-clip\"><rect width=\"%.0f\" height=\"%d\"/></clipPath>\n", size->class, size->width,
		HEIGHT);
	put_axes(f, &x, &y, size);
	for (size_t i = 0; i < curves.count; i++) {
		subject_class(class, results, curves.of[i].index);
		put_line(f, &curves.of[i], &x, &y, class, size);
	}
	for (size_t i = 0; i < curves.count; i++) {
		subject_class(class, results, curves.of[i].index);
		put_label(f, results, &curves.of[i], i, class, &x, &y, size);
	}
	svg_end(f);
	release(&curves);
}

static bool is_there(const struct results *results) { return output_has_metric(results, METRIC_WHOLE); }

const struct plot plot_cdf = {
	"cdf", "How long launches take",
	"For each time, the part of the launches that took no longer: further to the left is faster, steeper is steadier. The "
	"slowest two in a thousand may lie beyond the edge.", is_there, NULL, draw,
};
