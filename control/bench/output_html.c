/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A page to be passed on: one file that wants nothing else, on a phone, on paper, in the dark. It says itself that it loads
 * nothing and runs nothing, so that a name which looked like more than text stayed one.
 */
#include "control/bench/bench.h"

#include <stdlib.h>
#include <string.h>

#include "control/bench/memory.h"
#include "control/bench/page.h"
#include "control/version.h"

static const struct plot *const plots[] = { &plot_cdf, &plot_timeline, &plot_steps, &plot_ratio };

/* The one comparison that was asked for, if it is one, without its p; else the first subject's time. To be freed. */
static char *headline(const struct results *results)
{
	const struct subject_results *first = &results->subjects[0], *other = NULL;
	char *name, *text, *p, *last = NULL, time[OUTPUT_NUMBER_BYTES];
	size_t others = 0;

	for (size_t i = 1; i < results->subject_count; i++) {
		if (results->subjects[i].subject->kind == SUBJECT_FLOOR)
			continue;
		other = &results->subjects[i];
		others++;
	}
	if (others == 1) {
		p = text = output_verdict(results, other, "×");
		while ((p = strstr(p, " (p ")) != NULL) /* the last one: it may be in a name, too */
			last = p++;
		if (last)
			*last = '\0';
		return text;
	}
	name = utf8_clean(results->subject_count ? first->subject->name : "nothing");
	time_text(time, first->summary[METRIC_WHOLE].quantile[0].value);
	if (first->summary[METRIC_WHOLE].count)
		text = text_of("%s takes %s", name, time);
	else
		text = text_of("%s: no launch was good", name);
	free(name);
	return text;
}

static void put_head(FILE *f, const struct results *results)
{
	fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
	      "<meta http-equiv=\"Content-Security-Policy\" "
	      "content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\"/>\n"
	      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
	      "<meta name=\"color-scheme\" content=\"light dark\"/>\n<link rel=\"icon\" href=\"data:,\"/>\n", f);
	html_put_owned(f, "title", NULL, headline(results));
	fprintf(f, "<style>\n%s</style>\n</head>\n<body>\n<main>\n", page_style);
}

static void put_header(FILE *f, const struct results *results)
{
	const char *image = results->subject_count ? results->subjects[0].subject->image : NULL;
	char date[OUTPUT_NUMBER_BYTES];

	output_date(date, results->started_at);
	fputs("<header>\n<p class=\"kicker\">kvick bench", f);
	if (image) {
		fputs(" · ", f);
		html_put(f, strrchr(image, '/') ? strrchr(image, '/') + 1 : image);
	}
	fprintf(f, " · %s</p>\n", date);
	html_put_owned(f, "h1", NULL, headline(results));
	html_put_owned(f, "p", NULL, output_method(results));
	fputs("<p>Brackets hold 95% intervals.</p>\n", f);
	html_put_owned(f, "p", "trouble", output_interruption(results));
	if (results->environment.warning_count)
		fprintf(f, "<p class=\"trouble\"><a href=\"#warnings\">%zu warning%s</a> about these figures</p>\n",
			results->environment.warning_count, results->environment.warning_count == 1 ? "" : "s");
	fputs("</header>\n", f);
}

static void put_plot(FILE *f, const struct results *results, const struct plot *plot)
{
	if (!plot->is_there(results))
		return;
	fprintf(f, "<figure id=\"%s\">\n<h2>%s</h2>\n", plot->id, plot->title);
	if (plot->legend)
		plot->legend(f, results);
	for (size_t i = 0; i < sizeof(plot_sizes) / sizeof(plot_sizes[0]); i++)
		plot->draw(f, results, &plot_sizes[i]);
	fprintf(f, "<figcaption>%s</figcaption>\n</figure>\n", plot->caption);
}

static void put_environment(FILE *f, const struct environment *environment)
{
	fputs("<section><h2>Where</h2>\n<dl class=\"environment\">\n", f);
	for (size_t i = 0; i < environment->row_count; i++) {
		fputs("<div><dt>", f);
		html_put(f, environment->rows[i].title);
		fputs("</dt><dd>", f);
		html_put(f, environment->rows[i].value);
		fputs("</dd></div>\n", f);
	}
	fputs("</dl></section>\n", f);
	if (!environment->warning_count)
		return;
	fputs("<section id=\"warnings\"><h2>Warnings</h2>\n<ul>\n", f);
	for (size_t i = 0; i < environment->warning_count; i++) {
		fputs("<li>", f);
		html_put(f, environment->warnings[i].text);
		fputs("</li>\n", f);
	}
	fputs("</ul></section>\n", f);
}

int output_html(const struct results *results, const char *path, struct error *error)
{
	struct output_file file;
	FILE *f;
	int r = output_open(&file, path, error);

	if (r < 0)
		return r;
	f = file.stream;
	put_head(f, results);
	put_header(f, results);
	page_cards(f, results);
	for (size_t i = 0; i < sizeof(plots) / sizeof(plots[0]); i++)
		put_plot(f, results, plots[i]);
	fputs("<section><h2>Figures</h2>\n", f);
	if (results->subject_count > 1)
		page_overview(f, results);
	page_figures(f, results);
	fputs("</section>\n<section><h2>What was run</h2>\n", f);
	page_commands(f, results);
	fputs("</section>\n", f);
	put_environment(f, &results->environment);
	fputs("</main>\n<footer>kvick " KVICK_VERSION "</footer>\n</body>\n</html>\n", f);
	return output_close(&file, error);
}
