/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TAP, version 13 (testanything.org). What a case has to say stands behind "#   ", so that no guest can write a line of ours: a
 * result begins a line, and the sum at the end has one blank.
 */
#include <string.h>

#include "control/test/printed.h"
#include "control/test/report.h"

/* A description ends at a #, which \ makes an ordinary character. */
static void description(FILE *out, const char *name)
{
	while (*name) {
		size_t plain = strcspn(name, "#\\");

		printed_word(out, name, plain);
		name += plain;
		if (*name)
			fprintf(out, "\\%c", *name++);
	}
}

static void begin(const struct test_results *results)
{
	FILE *out = report_stream(results->plan);

	fprintf(out, "TAP version 13\n1..%zu\n", results->count);
	fflush(out);
}

static void told(const struct test_results *results, const struct test_outcome *outcome, size_t number)
{
	FILE *out = report_stream(results->plan);
	bool interrupted = outcome->result == TEST_INTERRUPTED;
	struct report_line reason = report_reason(outcome, interrupted ? "not run" : "");

	fprintf(out, "%sok %zu - ", outcome->result == TEST_FAILED ? "not " : "", number);
	description(out, outcome->name);
	if (interrupted || outcome->result == TEST_SKIPPED) {
		fputs(" # SKIP ", out);
		printed_word(out, reason.at, reason.bytes);
	}
	fputc('\n', out);
	if (outcome->result == TEST_FAILED) {
		report_failure(out, "#   ", results, outcome);
	} else if (report_flaky(outcome)) {
		fprintf(out, "#   flaky: passed at try %u\n", outcome->tries);
		report_problems(out, "#   ", outcome);
	}
	/* Whoever reads a log of what hangs wants to know what came before. */
	fflush(out);
}

static void end(const struct test_results *results)
{
	FILE *out = report_stream(results->plan);
	char text[TIME_BYTES];

	if (results->signal)
		fprintf(out, "Bail out! Ended by signal %d (%s)\n", results->signal, strsignal(results->signal));
	fprintf(out, "# took %s", report_time(text, results->took_ns));
	if (results->floor_ns)
		fprintf(out, ", a bare guest %s", report_time(text, results->floor_ns));
	fputs("\n# kvick test: ", out);
	report_counts(out, results);
	fputc('\n', out);
	fflush(out);
	report_annotations(results);
}

const struct reporter reporter_tap = { .begin = begin, .told = told, .end = end };
