/* SPDX-License-Identifier: Apache-2.0 */
/* Where the time goes: a bar each subject, of the medians of its phases; VMM and guest apart. */
#include "control/bench/page.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ROW        46
#define BAR        20
#define AXIS       30
#define ENLARGED   38 /* the line above such a panel */
#define CHARACTER  7.0
/* Bars shorter than the longest by this are drawn once more by themselves, so that their parts are seen. */
#define ENLARGE_FROM 6.0
#define PANELS_MAX   3

static const struct {
	enum metric metric;
	const char *class, *of;
} parts[] = {
	{ METRIC_START, "vmm-start", "VMM: " }, { METRIC_BOOT, "guest-boot", "guest: " }, { METRIC_MAIN, "guest-main", "guest: " },
	{ METRIC_END, "vmm-end", "VMM: " },
};

#define PARTS (sizeof(parts) / sizeof(parts[0]))

static double median(const struct subject_results *s, enum metric metric)
{
	return s->summary[metric].count ? s->summary[metric].quantile[0].value : 0;
}

/* The guest's own time, where its main() is not known: then it is not divided. */
static bool is_divided(const struct subject_results *s)
{
	return s->summary[METRIC_START].count && s->summary[METRIC_END].count;
}

static double length(const struct subject_results *s)
{
	double sum = 0;

	if (!is_divided(s))
		return median(s, METRIC_WHOLE);
	if (!s->summary[METRIC_BOOT].count)
		return median(s, METRIC_START) + median(s, METRIC_GUEST) + median(s, METRIC_END);
	for (size_t i = 0; i < PARTS; i++)
		sum += median(s, parts[i].metric);
	return sum;
}

static double put_part(FILE *f, const struct scale *x, double y, double from, double took, const char *class, const char *title)
{
	double at = scale_at(x, from), width = scale_at(x, from + took) - at;
	char text[OUTPUT_NUMBER_BYTES], classes[64];

	if (!(took > 0))
		return from;
	time_text(text, took);
	/* A thin one is seen, too. */
	fprintf(f, "<g><title>%s: %s</title>", title, text);
	snprintf(classes, sizeof(classes), "part %s", class);
	svg_rectangle(f, classes, at, y, width < 1 ? 1 : width, BAR);
	snprintf(classes, sizeof(classes), "inside %s-text", class);
	if (width > CHARACTER * (double)strlen(text) + 6)
		svg_text(f, classes, "middle", at + width / 2, y + 14, text);
	fputs("</g>\n", f);
	return from + took;
}

static void put_bar(FILE *f, const struct subject_results *s, const struct scale *x, double y)
{
	double at = 0;

	if (!is_divided(s)) {
		put_part(f, x, y, 0, median(s, METRIC_WHOLE), "undivided", "begun to reaped");
		return;
	}
	if (!s->summary[METRIC_BOOT].count) {
		at = put_part(f, x, y, at, median(s, METRIC_START), "vmm-start", metrics[METRIC_START].title);
		at = put_part(f, x, y, at, median(s, METRIC_GUEST), "guest-main", metrics[METRIC_GUEST].title);
		put_part(f, x, y, at, median(s, METRIC_END), "vmm-end", metrics[METRIC_END].title);
		return;
	}
	for (size_t i = 0; i < PARTS; i++)
		at = put_part(f, x, y, at, median(s, parts[i].metric), parts[i].class, metrics[parts[i].metric].title);
}

static void put_row(FILE *f, const struct results *results, size_t index, const struct scale *x, double y,
		    const struct plot_size *size)
{
	const struct subject_results *s = &results->subjects[index];
	char *name = html_cut(s->subject->name, size->name_columns), text[OUTPUT_NUMBER_BYTES];

	time_text(text, median(s, METRIC_WHOLE));
	fprintf(f, "<text class=\"label\" x=\"0\" y=\"%.1f\">%s<tspan class=\"dim\" dx=\"8\">%s</tspan></text>\n", y + 14, name,
		text);
	put_bar(f, s, x, y + 20);
	free(name);
}

/* Subjects whose bars share a scale, the first panel with all. */
struct panel {
	size_t index[SUBJECTS_MAX], count;
	double longest;
};

static unsigned panels_of(struct panel panels[PANELS_MAX], const struct results *results)
{
	double below = INFINITY;
	unsigned count = 0;

	while (count < PANELS_MAX) {
		struct panel *panel = &panels[count];

		*panel = (struct panel){ .count = 0 };
		for (size_t i = 0; i < results->subject_count; i++) {
			double each = length(&results->subjects[i]);

			if (!(each > 0) || !(each < below))
				continue;
			panel->index[panel->count++] = i;
			panel->longest = fmax(panel->longest, each);
		}
		if (panel->count == 0)
			break;
		count++;
		below = panel->longest / ENLARGE_FROM;
	}
	return count;
}

static void draw(FILE *f, const struct results *results, const struct plot_size *size)
{
	struct panel panels[PANELS_MAX];
	unsigned count = panels_of(panels, results);

	for (unsigned i = 0; i < count; i++) {
		struct scale x = { 0, panels[i].longest, 0, size->width - 1, false };
		double rows = (double)panels[i].count * ROW, top = i ? ENLARGED : 0;

		svg_begin(f, size, top + rows + AXIS, plot_timeline.id, i, plot_timeline.title,
			  "A bar for each subject, divided into the medians of its phases; the tables have the figures.");
		if (i)
			fprintf(f, "<text class=\"enlarged\" y=\"%d\">The short ones, enlarged %.0f×</text>\n", ENLARGED - 8,
				panels[0].longest / panels[i].longest);
		svg_time_axis(f, &x, top, top + rows, size);
		for (size_t j = 0; j < panels[i].count; j++)
			put_row(f, results, panels[i].index[j], &x, top + (double)j * ROW, size);
		svg_end(f);
	}
}

static void put_swatch(FILE *f, const char *class, const char *of, const char *text)
{
	fprintf(f, "<li><svg class=\"swatch\" viewBox=\"0 0 16 12\" aria-hidden=\"true\"><rect class=\"part %s\" width=\"16\" "
		"height=\"12\"/></svg>%s%s</li>\n", class, of, text);
}

static void legend(FILE *f, const struct results *results)
{
	bool undivided = false, divided = false;

	for (size_t i = 0; i < results->subject_count; i++) {
		divided |= is_divided(&results->subjects[i]);
		undivided |= !is_divided(&results->subjects[i]) && length(&results->subjects[i]) > 0;
	}
	fputs("<ul class=\"legend\">\n", f);
	for (size_t i = 0; i < PARTS && divided; i++)
		put_swatch(f, parts[i].class, parts[i].of, metrics[parts[i].metric].title);
	if (undivided)
		put_swatch(f, "undivided", "", "not known in parts");
	fputs("</ul>\n", f);
}

static bool is_there(const struct results *results) { return output_has_metric(results, METRIC_WHOLE); }

const struct plot plot_timeline = {
	"timeline", "Where the time goes",
	"Medians of each phase, which do not add up to the median of the whole exactly. Beside the name: that of the whole.",
	is_there, legend, draw,
};
