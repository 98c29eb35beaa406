/* SPDX-License-Identifier: Apache-2.0 */
/* What the reporters share. */
#ifndef KVICK_CONTROL_TEST_REPORT_H
#define KVICK_CONTROL_TEST_REPORT_H

#include <limits.h>
#include <stdint.h>
#include <stdio.h>

#include "control/test/outcome.h"

#define CONSOLE_TAIL_LINES 20
#define MESSAGES_TAIL_LINES 60 /* a crash report is some 30 */
#define TIME_BYTES 32

/* stdout; stderr where a file of the results goes to stdout. */
FILE *report_stream(const struct test_plan *plan);

/* "812 us", "3.21 ms", "1.50 s". */
const char *report_time(char text[TIME_BYTES], uint64_t ns);

/* "12 passed, 0 failed, 1 skipped, 2 flaky, 3 not run", of which the last two only where there are any. */
void report_counts(FILE *out, const struct test_results *results);

/* The first line of an outcome's problems; `otherwise` where there are none. Not cleaned. */
struct report_line {
	const char *at;
	size_t bytes;
};
struct report_line report_reason(const struct test_outcome *outcome, const char *otherwise);

/* Has passed, but not at once; `problems` says what was wrong before. */
bool report_flaky(const struct test_outcome *outcome);

/* Problems as a list, a line each. */
void report_problems(FILE *out, const char *prefix, const struct test_outcome *outcome);

/* All that helps to understand a failure: problems, the console's end, kvick's messages, the command that repeats it. */
void report_failure(FILE *out, const char *prefix, const struct test_results *results, const struct test_outcome *outcome);

/* The manifest as CI systems know it: by its path from the top of the repository, where they say where that is. */
void report_manifest_path(char path[PATH_MAX], const struct test_results *results);

/* Failures as annotations of the manifest's lines, on stderr, where GITHUB_ACTIONS is "true". */
void report_annotations(const struct test_results *results);

/*
 * Has `write` write a file: a new one beside it, renamed when it is whole, so that nobody reads half of one. "-": to stdout.
 * What is there and is no file (a pipe, /dev/null, a link) is written into. 0, or -errno with `error`.
 */
int report_file(const char *path, int (*write)(FILE *out, const struct test_results *results), const struct test_results *results,
		struct error *error);

#endif
