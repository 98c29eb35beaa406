/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of the page: text that is no markup, plots as SVG, figures. Everything is well-formed XML as well as HTML, and there is
 * no script: what is to be seen is there.
 *
 * Each plot is there twice, for a screen of 360 pixels and for a wide one or paper: text in SVG grows and shrinks with its picture.
 */
#ifndef KVICK_CONTROL_BENCH_PAGE_H
#define KVICK_CONTROL_BENCH_PAGE_H

#include "control/bench/output.h"

extern const char page_style[];

/* --- text (html.c) --- */

/* Harmless and escaped, for content and for attributes in "". */
void html_put(FILE *f, const char *text);
/* The same, cut to so many columns, of which wide characters have two. To be freed. */
char *html_cut(const char *text, size_t columns);
size_t html_columns(const char *text);
/* As an element, of text to be freed; nothing where it is NULL. `class`: may be NULL. */
void html_put_owned(FILE *f, const char *element, const char *class, char *text);

/* --- what a plot is drawn with (svg.c) --- */

struct plot_size {
	const char *class;     /* which of the two it is */
	double width;
	size_t name_columns;
	unsigned ticks;        /* along the width, about */
	size_t points;         /* of a line, at most */
	size_t dots;           /* beside one another */
};

extern const struct plot_size plot_sizes[2];

struct scale {
	double low, high;      /* values; low < high, with logarithm 0 < low */
	double from, to;       /* where they lie */
	bool logarithmic;
};

double scale_at(const struct scale *scale, double value);
double scale_clamped(const struct scale *scale, double value);
#define TICKS_MAX 24
/* Round values along the scale: how many. */
unsigned scale_ticks(const struct scale *scale, unsigned about, double ticks[TICKS_MAX]);

/* "861 µs": three digits that count, in the unit in which it is read best. */
void time_text(char text[OUTPUT_NUMBER_BYTES], double ns);
/* The same for a round value: "20 µs". */
void tick_text(char text[OUTPUT_NUMBER_BYTES], double ns);

/*
 * A picture with its name and what is to be seen in it, for who does not see it; `number` tells those of a plot apart. `title` and
 * `about` are escaped. What is to stay together on paper is one picture.
 */
void svg_begin(FILE *f, const struct plot_size *size, double height, const char *id, size_t number, const char *title,
	       const char *about);
void svg_end(FILE *f);
/* A point of a path, in tenths of a pixel. */
void svg_point(FILE *f, char command, double x, double y);
void svg_across(FILE *f, const char *class, double x, double y, double to_x);
void svg_rectangle(FILE *f, const char *class, double x, double y, double width, double height);
/* `text`: escaped; `anchor`: "start", "middle", "end". */
void svg_text(FILE *f, const char *class, const char *anchor, double x, double y, const char *text);
/* Round times along the bottom, each with a line upwards. */
void svg_time_axis(FILE *f, const struct scale *x, double top, double bottom, const struct plot_size *size);

/* The class of a subject's line, "s3"; the floor's is of its own. */
void subject_class(char text[8], const struct results *results, size_t index);
/* A piece of its line. */
void subject_key(FILE *f, const struct results *results, size_t index);

/* --- plots --- */

struct plot {
	const char *id, *title;
	const char *caption;
	bool (*is_there)(const struct results *results);
	void (*legend)(FILE *f, const struct results *results); /* NULL: none */
	void (*draw)(FILE *f, const struct results *results, const struct plot_size *size);
};

extern const struct plot plot_cdf, plot_timeline, plot_steps, plot_ratio;

/* --- tables (page_tables.c) --- */

void page_cards(FILE *f, const struct results *results);
void page_overview(FILE *f, const struct results *results);
void page_figures(FILE *f, const struct results *results);
void page_commands(FILE *f, const struct results *results);

#endif
