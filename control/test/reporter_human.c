/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For people: a line a case, and at the end what failed, in full. On a terminal with colours (but with NO_COLOR, no-color.org), and
 * with a line of progress below, which each line of ours takes the place of.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "control/test/printed.h"
#include "control/test/report.h"

#define SLOWEST 5
#define PROGRESS_AFTER_S 2 /* of a clock that counts seconds: at least one */
#define CLEAR_LINE "\r\x1b[K"

enum colour { PLAIN, RED, GREEN, YELLOW, FAINT };

static bool on_terminal(FILE *out)
{
	const char *term = getenv("TERM");

	return isatty(fileno(out)) && (!term || strcmp(term, "dumb") != 0);
}

static bool coloured(FILE *out)
{
	const char *no = getenv("NO_COLOR");

	return on_terminal(out) && !(no && *no);
}

static void word(FILE *out, enum colour colour, int width, const char *text)
{
	static const char *const codes[] = { [PLAIN] = "0", [RED] = "31", [GREEN] = "32", [YELLOW] = "33", [FAINT] = "2" };

	if (coloured(out))
		fprintf(out, "\x1b[%sm%*s\x1b[0m", codes[colour], width, text);
	else
		fprintf(out, "%*s", width, text);
}

static void name_line(FILE *out, const struct test_outcome *outcome)
{
	static const struct { const char *word; enum colour colour; } results[] = {
		[TEST_PASSED] = { "ok", GREEN }, [TEST_FAILED] = { "FAIL", RED }, [TEST_SKIPPED] = { "skip", YELLOW },
		[TEST_INTERRUPTED] = { "-", FAINT },
	};
	char took[TIME_BYTES] = "";

	if (outcome->tries)
		report_time(took, outcome->wall_ns);
	if (report_flaky(outcome))
		word(out, YELLOW, -6, "flaky");
	else
		word(out, results[outcome->result].colour, -6, results[outcome->result].word);
	word(out, FAINT, 10, took);
	fputs("  ", out);
	printed_word(out, outcome->name, strlen(outcome->name));
}

static void begin(const struct test_results *results)
{
	(void)results;
}

static void told(const struct test_results *results, const struct test_outcome *outcome, size_t number)
{
	struct report_line reason = report_reason(outcome, "");
	FILE *out = report_stream(results->plan);
	bool news = outcome->result == TEST_FAILED || report_flaky(outcome);

	(void)number;
	/* Of what was not run only the number is told. */
	if (outcome->result == TEST_INTERRUPTED || (results->plan->quiet && !news))
		return;
	if (on_terminal(out))
		fputs(CLEAR_LINE, out);
	name_line(out, outcome);
	if (report_flaky(outcome))
		fprintf(out, ": passed at try %u", outcome->tries);
	if (reason.bytes) {
		fputs(": ", out);
		printed_word(out, reason.at, reason.bytes);
	}
	fputc('\n', out);
	fflush(out);
}

static void progress(const struct test_results *results, size_t done, size_t running)
{
	FILE *out = report_stream(results->plan);
	long long seconds = (long long)time(NULL) - (long long)results->started_at; /* of a clock that may be set back */

	if (!on_terminal(out) || seconds < PROGRESS_AFTER_S)
		return;
	fprintf(out, CLEAR_LINE "%zu of %zu done, %zu running, %zu failed, %lld s", done, results->count, running, results->failed,
		seconds);
	fflush(out);
}

static void failures(FILE *out, const struct test_results *results)
{
	for (size_t i = 0; i < results->count; i++) {
		if (results->outcomes[i].result != TEST_FAILED)
			continue;
		fputc('\n', out);
		name_line(out, &results->outcomes[i]);
		fputc('\n', out);
		report_failure(out, "      ", results, &results->outcomes[i]);
	}
}

static int slower(const void *a, const void *b)
{
	uint64_t x = (*(const struct test_outcome *const *)a)->wall_ns, y = (*(const struct test_outcome *const *)b)->wall_ns;

	return x < y ? 1 : x > y ? -1 : 0;
}

static void slowest(FILE *out, const struct test_results *results)
{
	const struct test_outcome **ran = calloc(results->count + 1, sizeof(*ran));
	char took[TIME_BYTES];
	size_t count = 0;

	for (size_t i = 0; ran && i < results->count; i++)
		if (results->outcomes[i].tries)
			ran[count++] = &results->outcomes[i];
	/* Where there are few of them, all can be seen. */
	if (count > 2 * SLOWEST) {
		qsort(ran, count, sizeof(*ran), slower);
		fputs("\nslowest:\n", out);
		for (size_t i = 0; i < SLOWEST; i++) {
			fprintf(out, "      %10s  ", report_time(took, ran[i]->wall_ns));
			printed_word(out, ran[i]->name, strlen(ran[i]->name));
			fputc('\n', out);
		}
	}
	free(ran);
}

static void end(const struct test_results *results)
{
	FILE *out = report_stream(results->plan);
	bool bad = results->failed || results->interrupted;
	char text[TIME_BYTES];

	if (on_terminal(out))
		fputs(CLEAR_LINE, out);
	failures(out, results);
	if (!results->plan->quiet)
		slowest(out, results);
	fputc('\n', out);
	word(out, bad ? RED : results->flaky ? YELLOW : GREEN, -6, bad ? "FAIL" : "ok");
	report_counts(out, results);
	fprintf(out, " in %s", report_time(text, results->took_ns));
	if (results->floor_ns)
		fprintf(out, "; a bare guest: %s", report_time(text, results->floor_ns));
	if (results->signal)
		fprintf(out, "; ended by signal %d (%s)", results->signal, strsignal(results->signal));
	fputc('\n', out);
	fflush(out);
	report_annotations(results);
}

const struct reporter reporter_human = { .begin = begin, .told = told, .progress = progress, .end = end };
