/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JUnit's XML, as Jenkins, GitLab and GitHub's reporters read it: testsuites, testsuite, testcase with failure or skipped,
 * system-out and system-err; times in seconds. What was not run is skipped: the run's exit status says that it is not whole.
 *
 * A guest's bytes become characters of XML 1.0 (section 2.2): what is none is written as on a terminal (printed.h).
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "control/measure/utf8.h"
#include "control/test/printed.h"
#include "control/test/report.h"

#define OUTPUT_BYTES_MAX 65536 /* of one stream of a case: CI systems refuse files of some ten MB */

/*
 * In an attribute, white space would become blanks, and in text a carriage return a newline (2.11, 3.3.3): written by number. As
 * what would be a command to a CI service that has the file on stdout: "##[" anywhere, "::" where a line begins.
 */
static void xml(FILE *out, const char *at, size_t bytes, bool attribute)
{
	bool begins = true;
	unsigned length;

	for (size_t i = 0; i < bytes; i += length ? length : 1) {
		uint32_t code = 0;

		length = utf8_decode(at + i, bytes - i, &code);
		begins |= code == '\n';
		if (length == 0 || (utf8_is_hidden(code) && code != '\n' && code != '\r'))
			printed_escape(out, at + i, length, code);
		else if (length == 1 && (strchr("&<>\"\r", (int)code) || (attribute && code < 0x20) || (begins && code == ':') ||
					 printed_is_command(at + i, bytes - i)))
			fprintf(out, "&#%u;", code);
		else
			fwrite(at + i, 1, length, out);
		begins &= length == 1 && (code == '\n' || code == '\t' || code == ' ');
	}
}

static void attribute(FILE *out, const char *name, const char *text, size_t bytes)
{
	fprintf(out, " %s=\"", name);
	xml(out, text, bytes, true);
	fputc('"', out);
}

static void seconds(FILE *out, uint64_t ns)
{
	fprintf(out, " time=\"%.6f\"", (double)ns / 1e9);
}

/* dropped: what is not there any more, of the middle. */
static void output(FILE *out, const char *element, const char *text, size_t bytes, uint64_t dropped)
{
	const size_t half = OUTPUT_BYTES_MAX / 2;

	if (!text || !bytes)
		return;
	fprintf(out, "      <%s>", element);
	if (bytes > OUTPUT_BYTES_MAX) {
		xml(out, text, half, false);
		fprintf(out, "\n… %llu bytes left out …\n", (unsigned long long)(bytes - OUTPUT_BYTES_MAX + dropped));
		xml(out, text + bytes - half, half, false);
	} else {
		xml(out, text, bytes, false);
	}
	fprintf(out, "</%s>\n", element);
}

/* What makes a case more than passed. */
static void verdict(FILE *out, const struct test_results *results, const struct test_outcome *outcome)
{
	const char *what = outcome->result == TEST_FAILED ? "failure" : "skipped";
	struct report_line reason = report_reason(outcome, outcome->result == TEST_INTERRUPTED ? "not run" : what);
	char *details = NULL;
	size_t bytes = 0;
	FILE *memory;

	if (outcome->result == TEST_PASSED) {
		/* As Maven's Surefire has it; who does not know it reads a case that has passed. */
		if (report_flaky(outcome)) {
			fputs("      <flakyFailure type=\"flaky\"", out);
			reason = report_reason(outcome, "passed at a further try");
			attribute(out, "message", reason.at, reason.bytes);
			fputs("/>\n", out);
		}
		return;
	}
	fprintf(out, "      <%s", what);
	attribute(out, "message", reason.at, reason.bytes);
	if (outcome->result != TEST_FAILED) {
		fputs("/>\n", out);
		return;
	}
	fputs(" type=\"failed\">", out);
	memory = open_memstream(&details, &bytes);
	if (memory) {
		report_failure(memory, "", results, outcome);
		fclose(memory);
		xml(out, details, bytes, false);
		free(details);
	}
	fprintf(out, "</%s>\n", what);
}

static void test_case(FILE *out, const struct test_results *results, const struct test_outcome *outcome, const char *path)
{
	fputs("    <testcase", out);
	attribute(out, "classname", path, strlen(path));
	attribute(out, "name", outcome->name, strlen(outcome->name));
	attribute(out, "file", path, strlen(path));
	fprintf(out, " line=\"%u\"", outcome->of->line);
	seconds(out, outcome->wall_ns);
	fputs(">\n", out);
	verdict(out, results, outcome);
	output(out, "system-out", outcome->console, outcome->console_bytes, outcome->console_dropped);
	output(out, "system-err", outcome->messages, outcome->messages_bytes, 0);
	fputs("    </testcase>\n", out);
}

static void counts(FILE *out, const struct test_results *results)
{
	fprintf(out, " tests=\"%zu\" failures=\"%zu\" errors=\"0\" skipped=\"%zu\"", results->count, results->failed,
		results->skipped + results->interrupted);
	seconds(out, results->took_ns);
}

static int write_xml(FILE *out, const struct test_results *results)
{
	time_t started = (time_t)results->started_at;
	char path[PATH_MAX], when[32];
	struct tm utc;

	report_manifest_path(path, results);
	gmtime_r(&started, &utc);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &utc);
	fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"kvick test\"", out);
	counts(out, results);
	fputs(">\n  <testsuite", out);
	attribute(out, "name", path, strlen(path));
	counts(out, results);
	fprintf(out, " timestamp=\"%s\">\n", when);
	for (size_t i = 0; i < results->count; i++)
		test_case(out, results, &results->outcomes[i], path);
	fputs("  </testsuite>\n</testsuites>\n", out);
	return 0;
}

int junit_write(const struct test_results *results, const char *path, struct error *error)
{
	return report_file(path, write_xml, results, error);
}
