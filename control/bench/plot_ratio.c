/* SPDX-License-Identifier: Apache-2.0 */
/* Each subject against the first, round by round: does the ratio hold, or does it drift as the host does? */
#include "control/bench/page.h"

#include <math.h>
#include <stdlib.h>

#include "control/bench/memory.h"
#include "control/bench/pairs.h"
#include "control/bench/statistics_ranks.h"

#define HEAD    22
#define HEIGHT  104
#define AXIS    24
#define AFTER   12
#define LEFT    54
#define TICKS   6 /* of ratios, about */
/* A panel shows the middle four fifths of the ratios with half as much to each side: what lies beyond is drawn at the edge. */
#define MIDDLE  0.8
#define BESIDE  0.5

/* Those that both have, as they are compared. */
struct rounds {
	uint32_t *round;
	double *ratio;
	size_t count;
};

static struct rounds gather(const struct subject_results *a, const struct subject_results *b)
{
	const struct launches of_a = { a->samples, a->sample_count, METRIC_WHOLE };
	const struct launches of_b = { b->samples, b->sample_count, METRIC_WHOLE };
	double *first = memory_of(b->sample_count, sizeof(double));
	struct rounds rounds = {
		.round = memory_of(b->sample_count, sizeof(uint32_t)),
		.ratio = memory_of(b->sample_count, sizeof(double)),
	};

	rounds.count = pairs_by_round(&of_a, &of_b, first, rounds.ratio, rounds.round);
	for (size_t i = 0; i < rounds.count; i++)
		rounds.ratio[i] /= first[i];
	free(first);
	return rounds;
}

static void release(struct rounds *rounds)
{
	free(rounds->round);
	free(rounds->ratio);
}

static struct scale ratio_scale(const struct rounds *rounds, const struct estimate *ratio)
{
	double *sorted = memory_of(rounds->count, sizeof(double));
	struct scale y = { .from = HEAD + HEIGHT, .to = HEAD, .logarithmic = true };
	double more;

	for (size_t i = 0; i < rounds->count; i++)
		sorted[i] = rounds->ratio[i];
	statistics_sort(sorted, rounds->count);
	y.low = statistics_quantile(sorted, rounds->count, (1 - MIDDLE) / 2);
	y.high = statistics_quantile(sorted, rounds->count, (1 + MIDDLE) / 2);
	more = pow(y.high / y.low, BESIDE);
	y.low = fmax(y.low / more, sorted[0]);
	y.high = fmin(y.high * more, sorted[rounds->count - 1]);
	free(sorted);
	if (isfinite(ratio->low) && isfinite(ratio->high)) {
		y.low = fmin(y.low, ratio->low);
		y.high = fmax(y.high, ratio->high);
	}
	if (y.low < 1.25 && y.high > 0.8) { /* near no difference: that is to be seen */
		y.low = fmin(y.low, 0.99);
		y.high = fmax(y.high, 1.01);
	}
	y.low *= 0.98;
	y.high *= 1.02;
	return y;
}

static void put_axes(FILE *f, const struct scale *y, const struct scale *x, const struct plot_size *size)
{
	double ticks[TICKS_MAX];
	unsigned count = scale_ticks(y, TICKS, ticks);
	char text[OUTPUT_NUMBER_BYTES];

	for (unsigned i = 0; i < count; i++) {
		snprintf(text, sizeof(text), "%.3g×", ticks[i]);
		svg_across(f, ticks[i] == 1 ? "axis" : "grid", x->from, scale_at(y, ticks[i]), size->width);
		svg_text(f, "tick", "end", x->from - 6, scale_at(y, ticks[i]) + 4, text);
	}
	count = scale_ticks(x, size->ticks, ticks);
	for (unsigned i = 0; i < count; i++) {
		double at = scale_at(x, ticks[i]);

		snprintf(text, sizeof(text), "%s%.0f", i ? "" : "round ", ticks[i]);
		svg_text(f, "tick", at > size->width - 16 ? "end" : "middle", at, y->from + 16, text);
	}
}

/* The rounds that one dot stands for, sorted; how many. */
static size_t rounds_of_dot(const struct rounds *rounds, size_t dot, size_t dots, double *ratios, double *round)
{
	size_t from = rounds->count * dot / dots, to = rounds->count * (dot + 1) / dots;

	for (size_t i = from; i < to; i++)
		ratios[i - from] = rounds->ratio[i];
	statistics_sort(ratios, to - from);
	*round = ((double)rounds->round[from] + rounds->round[to - 1]) / 2;
	return to - from;
}

/* A dot each round; where there are too many, one for several: their median, with a bar from p10 to p90. */
static void put_dots(FILE *f, const struct rounds *rounds, const struct scale *x, const struct scale *y, const char *class,
		     const struct plot_size *size)
{
	size_t dots = rounds->count <= size->dots ? rounds->count : size->dots / 2;
	double *ratios = memory_of(rounds->count, sizeof(double)), round;

	if (dots < rounds->count) {
		fprintf(f, "<path class=\"spread %s\" d=\"", class);
		for (size_t i = 0; i < dots; i++) {
			size_t count = rounds_of_dot(rounds, i, dots, ratios, &round);

			svg_point(f, 'M', scale_at(x, round), scale_clamped(y, statistics_quantile(ratios, count, 0.1)));
			fprintf(f, "V%.1f", scale_clamped(y, statistics_quantile(ratios, count, 0.9)));
		}
		fputs("\"/>\n", f);
	}
	fprintf(f, "<path class=\"dots %s\" d=\"", class);
	for (size_t i = 0; i < dots; i++) {
		size_t count = rounds_of_dot(rounds, i, dots, ratios, &round);

		svg_point(f, 'M', scale_at(x, round), scale_clamped(y, statistics_quantile(ratios, count, 0.5)));
		fputs("h0", f);
	}
	fputs("\"/>\n", f);
	free(ratios);
}

static void put_interval(FILE *f, const struct estimate *ratio, const struct scale *x, const struct scale *y)
{
	if (!isfinite(ratio->value))
		return;
	if (isfinite(ratio->low) && isfinite(ratio->high))
		svg_rectangle(f, "interval", x->from, scale_clamped(y, ratio->high), x->to - x->from,
			      fmax(1, scale_clamped(y, ratio->low) - scale_clamped(y, ratio->high)));
	svg_across(f, "median", x->from, scale_clamped(y, ratio->value), x->to);
}

static void put_panel(FILE *f, const struct results *results, size_t index, const struct plot_size *size)
{
	const struct subject_results *a = &results->subjects[0], *b = &results->subjects[index];
	const struct estimate *ratio = &b->against[METRIC_WHOLE].ratio;
	struct rounds rounds = gather(a, b);
	char value[OUTPUT_NUMBER_BYTES], low[OUTPUT_NUMBER_BYTES], high[OUTPUT_NUMBER_BYTES], class[8];
	char *name = html_cut(b->subject->name, size->name_columns);
	struct scale x = { 0, 1, LEFT, size->width - 4, false }, y;

	subject_class(class, results, index);
	output_ratio(value, ratio->value);
	output_ratio(low, ratio->low);
	output_ratio(high, ratio->high);
	fprintf(f, "<path class=\"line %s\" d=\"M0 10h22\"/><text class=\"label\" x=\"28\" y=\"14\">%s"
		"<tspan class=\"dim\" dx=\"8\">%s× [%s, %s]</tspan></text>\n", class, name, value, low, high);
	if (rounds.count) {
		x.low = rounds.round[0] - 0.5;
		x.high = rounds.round[rounds.count - 1] + 0.5;
		y = ratio_scale(&rounds, ratio);
		put_axes(f, &y, &x, size);
		put_interval(f, ratio, &x, &y);
		put_dots(f, &rounds, &x, &y, class, size);
	} else {
		svg_text(f, "tick", "start", x.from, HEAD + 20, "no round has both");
	}
	release(&rounds);
	free(name);
}

static void draw(FILE *f, const struct results *results, const struct plot_size *size)
{
	for (size_t i = 1; i < results->subject_count; i++) {
		svg_begin(f, size, HEAD + HEIGHT + AXIS + AFTER, plot_ratio.id, i, plot_ratio.title,
			  "The whole time of a subject, divided by that of the first in the same round.");
		put_panel(f, results, i, size);
		svg_end(f);
	}
}

static bool is_there(const struct results *results)
{
	return results->subject_count > 1 && results->subjects[0].summary[METRIC_WHOLE].count;
}

const struct plot plot_ratio = {
	"ratio", "Ratio over time",
	"The whole time as a multiple of the first subject's, in each round; what is far off is drawn at the edge. The line is the "
	"ratio of all rounds, its band the 95% interval. Of more rounds than there is room for, each dot is the median of several, "
	"with a bar from p10 to p90.",
	is_there, NULL, draw,
};
