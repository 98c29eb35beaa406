/* SPDX-License-Identifier: Apache-2.0 */
#include "control/bench/page.h"

#include <math.h>

const struct plot_size plot_sizes[2] = {
	{ "wide", 860, 40, 8, 200, 320 },
	{ "narrow", 340, 20, 4, 100, 150 },
};

double scale_at(const struct scale *s, double value)
{
	double part = s->logarithmic ? log(value / s->low) / log(s->high / s->low) : (value - s->low) / (s->high - s->low);

	return s->from + part * (s->to - s->from);
}

double scale_clamped(const struct scale *s, double value)
{
	return scale_at(s, value < s->low ? s->low : value > s->high ? s->high : value);
}

/* 1, 2, 5 in each decade, or as few of them as fit; where that is hardly any, as without logarithm. */
static unsigned log_ticks(const struct scale *s, unsigned about, double ticks[TICKS_MAX])
{
	static const double steps[] = { 1, 2, 5 };
	double decades = log10(s->high / s->low);
	unsigned each = decades * 3 <= about * 1.3 ? 3 : 1, every = (unsigned)ceil(decades / (about * 1.3)), count = 0;

	for (int decade = (int)floor(log10(s->low)); pow(10, decade) <= s->high; decade++) {
		for (unsigned i = 0; i < each && count < TICKS_MAX; i++) {
			double value = steps[i] * pow(10, decade);

			if (value >= s->low && value <= s->high && (every < 2 || decade % (int)every == 0))
				ticks[count++] = value;
		}
	}
	return count;
}

unsigned scale_ticks(const struct scale *s, unsigned about, double ticks[TICKS_MAX])
{
	double rough = (s->high - s->low) / about, power = pow(10, floor(log10(rough))), step;
	unsigned count = s->logarithmic ? log_ticks(s, about, ticks) : 0;

	if (count > (s->high < s->low * 10 ? 2 : 1))
		return count;
	count = 0;
	step = power * (rough / power <= 1 ? 1 : rough / power <= 2 ? 2 : rough / power <= 5 ? 5 : 10);
	for (double value = ceil(s->low / step) * step; value <= s->high * (1 + 1e-12) && count < TICKS_MAX; value += step)
		ticks[count++] = fabs(value) < step / 1e6 ? 0 : value;
	return count;
}

static const struct {
	double ns;
	const char *name;
} units[] = { { 1e9, "s" }, { 1e6, "ms" }, { 1e3, "µs" }, { 1, "ns" } };

static unsigned unit_of(double ns)
{
	unsigned i = 0;

	while (i < 3 && ns < units[i].ns * 0.9995)
		i++;
	return i;
}

void tick_text(char text[OUTPUT_NUMBER_BYTES], double ns)
{
	unsigned i = unit_of(ns);

	snprintf(text, OUTPUT_NUMBER_BYTES, ns > 0 ? "%.4g %s" : "0", ns / units[i].ns, units[i].name);
}

void time_text(char text[OUTPUT_NUMBER_BYTES], double ns)
{
	unsigned i = unit_of(ns);
	double value = ns / units[i].ns;

	snprintf(text, OUTPUT_NUMBER_BYTES, "%.*f %s", value < 9.995 ? 2 : value < 99.95 ? 1 : 0, value, units[i].name);
}

void svg_begin(FILE *f, const struct plot_size *size, double height, const char *id, size_t number, const char *title,
	       const char *about)
{
	char own[64];

	snprintf(own, sizeof(own), "%s-%s%zu", id, size->class, number);
	fprintf(f, "<svg class=\"%s\" viewBox=\"0 0 %.0f %.0f\" role=\"img\" aria-labelledby=\"%s-t %s-d\">\n", size->class,
		size->width, height, own, own);
	fprintf(f, "<title id=\"%s-t\">%s</title><desc id=\"%s-d\">%s</desc>\n", own, title, own, about);
}

void svg_end(FILE *f) { fputs("</svg>\n", f); }

void svg_point(FILE *f, char command, double x, double y) { fprintf(f, "%c%.1f %.1f", command, x, y); }

void svg_across(FILE *f, const char *class, double x, double y, double to_x)
{
	fprintf(f, "<path class=\"%s\" d=\"M%.1f %.1fH%.1f\"/>\n", class, x, y, to_x);
}

void svg_rectangle(FILE *f, const char *class, double x, double y, double width, double height)
{
	fprintf(f, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>\n", class, x, y, width, height);
}

void svg_text(FILE *f, const char *class, const char *anchor, double x, double y, const char *text)
{
	fprintf(f, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>\n", class, x, y, anchor, text);
}

void svg_time_axis(FILE *f, const struct scale *x, double top, double bottom, const struct plot_size *size)
{
	double ticks[TICKS_MAX];
	unsigned count = scale_ticks(x, size->ticks, ticks);
	char text[OUTPUT_NUMBER_BYTES];

	for (unsigned i = 0; i < count; i++) {
		double at = scale_at(x, ticks[i]);

		tick_text(text, ticks[i]);
		fprintf(f, "<path class=\"grid\" d=\"M%.1f %.1fV%.1f\"/>", at, top, bottom);
		svg_text(f, "tick", at < x->from + 16 ? "start" : at > x->to - 24 ? "end" : "middle", at, bottom + 16, text);
	}
}

void subject_class(char text[8], const struct results *results, size_t index)
{
	unsigned place = 0;

	if (results->subjects[index].subject->kind == SUBJECT_FLOOR) {
		snprintf(text, 8, "sf");
		return;
	}
	for (size_t i = 0; i < index; i++)
		place += results->subjects[i].subject->kind != SUBJECT_FLOOR;
	snprintf(text, 8, "s%u", place % SUBJECTS_MAX);
}

void subject_key(FILE *f, const struct results *results, size_t index)
{
	char class[8];

	subject_class(class, results, index);
	fprintf(f, "<svg class=\"key\" viewBox=\"0 0 30 8\" aria-hidden=\"true\">"
		"<path class=\"line %s\" d=\"M1 4H29\"/></svg>", class);
}
