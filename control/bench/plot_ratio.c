/* SPDX-License-Identifier: Apache-2.0 */
/* Each subject against the first, round by round: does the ratio hold, or does it drift as the host does? */
#include "control/bench/page.h"

#include <math.h>
#include <stdlib.h>

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

/* One by one a round has one of each; else the medians of what it has. */
struct rounds {
	double *round, *ratio;
	size_t count;
};

struct launch {
	uint32_t round;
	double whole;
};

static int by_round_and_time(const void *a, const void *b)
{
	const struct launch *x = a, *y = b;

	if (x->round != y->round)
		return (x->round > y->round) - (x->round < y->round);
	return (x->whole > y->whole) - (x->whole < y->whole);
}

/* The good ones by rounds. To be freed. */
static struct launch *launches_of(const struct subject_results *s, size_t *count)
{
	struct launch *launches = statistics_memory(s->sample_count, sizeof(*launches));

	*count = 0;
	for (size_t i = 0; i < s->sample_count; i++) {
		launches[*count].round = s->samples[i].round;
		*count += s->samples[i].result == SAMPLE_GOOD && metrics[METRIC_WHOLE].get(&s->samples[i], &launches[*count].whole);
	}
	qsort(launches, *count, sizeof(*launches), by_round_and_time);
	return launches;
}

static size_t same_round(const struct launch *launches, size_t count)
{
	size_t same = 1;

	while (same < count && launches[same].round == launches[0].round)
		same++;
	return same;
}

static struct rounds gather(const struct subject_results *a, const struct subject_results *b)
{
	size_t a_count, b_count, a_same, b_same;
	struct launch *of_a = launches_of(a, &a_count), *of_b = launches_of(b, &b_count);
	struct rounds rounds = { statistics_memory(b_count, sizeof(double)), statistics_memory(b_count, sizeof(double)), 0 };

	for (size_t i = 0, j = 0; i < a_count && j < b_count; i += a_same, j += b_same) {
		uint32_t x = of_a[i].round, y = of_b[j].round;

		a_same = x <= y ? same_round(&of_a[i], a_count - i) : 0;
		b_same = y <= x ? same_round(&of_b[j], b_count - j) : 0;
		if (x != y)
			continue;
		rounds.round[rounds.count] = x;
		rounds.ratio[rounds.count++] = of_b[j + b_same / 2].whole / of_a[i + a_same / 2].whole;
	}
	free(of_a);
	free(of_b);
	return rounds;
}

static void release(struct rounds *rounds)
{
	free(rounds->round);
	free(rounds->ratio);
}

static struct scale ratio_scale(const struct rounds *rounds, const struct estimate *ratio)
{
	double *sorted = statistics_memory(rounds->count, sizeof(double));
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
	*round = (rounds->round[from] + rounds->round[to - 1]) / 2;
	return to - from;
}

/* A dot each round; where there are too many, one for several: their median, with a bar from p10 to p90. */
static void put_dots(FILE *f, const struct rounds *rounds, const struct scale *x, const struct scale *y, const char *class,
		     const struct plot_size *size)
{
	size_t dots = rounds->count <= size->dots ? rounds->count : size->dots / 2;
	double *ratios = statistics_memory(rounds->count, sizeof(double)), round;

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
