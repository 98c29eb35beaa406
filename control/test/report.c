/* SPDX-License-Identifier: Apache-2.0 */
#include "control/measure/utf8.h"
#include "control/test/report.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/measure/output_file.h"
#include "control/test/printed.h"
#include "vmm/error.h"

static bool is_stdout(const char *path)
{
	return path && strcmp(path, "-") == 0;
}

FILE *report_stream(const struct test_plan *plan)
{
	return is_stdout(plan->junit) || is_stdout(plan->json) ? stderr : stdout;
}

const char *report_time(char text[TIME_BYTES], uint64_t ns)
{
	if (ns < 1000000)
		snprintf(text, TIME_BYTES, "%" PRIu64 " us", ns / 1000);
	else if (ns < 1000000000)
		snprintf(text, TIME_BYTES, "%.2f ms", (double)ns / 1e6);
	else
		snprintf(text, TIME_BYTES, "%.2f s", (double)ns / 1e9);
	return text;
}

void report_counts(FILE *out, const struct test_results *results)
{
	fprintf(out, "%zu passed, %zu failed, %zu skipped", results->passed, results->failed, results->skipped);
	if (results->flaky)
		fprintf(out, ", %zu flaky", results->flaky);
	if (results->interrupted)
		fprintf(out, ", %zu not run", results->interrupted);
}

struct report_line report_reason(const struct test_outcome *outcome, const char *otherwise)
{
	const char *text = outcome->problems && *outcome->problems ? outcome->problems : otherwise;

	return (struct report_line){ text, strcspn(text, "\n") };
}

bool report_flaky(const struct test_outcome *outcome)
{
	return outcome->result == TEST_PASSED && outcome->tries > 1;
}

/* A word of a shell's. */
static void shell_word(FILE *out, const char *text)
{
	const char *c = text;

	while (isalnum((unsigned char)*c) || (*c && strchr("/.,_-+:@%=", *c)))
		c++;
	if (*text && !*c) {
		fputs(text, out);
		return;
	}
	fputc('\'', out);
	for (c = text; *c;) {
		size_t plain = strcspn(c, "'");

		printed_word(out, c, plain);
		c += plain;
		if (*c) {
			fputs("'\\''", out);
			c++;
		}
	}
	fputc('\'', out);
}

static void block(FILE *out, const char *prefix, const char *title, const char *text, size_t bytes, unsigned lines)
{
	char indented[64];

	if (!text || !bytes)
		return;
	fprintf(out, "%s%s:\n", prefix, title);
	snprintf(indented, sizeof(indented), "%s| ", prefix);
	printed_lines(out, indented, text, bytes, lines);
}

/* A line that begins with a blank belongs to the one before. */
void report_problems(FILE *out, const char *prefix, const struct test_outcome *outcome)
{
	const char *text = outcome->problems ? outcome->problems : "";

	while (*text) {
		size_t bytes = strcspn(text, "\n");

		fprintf(out, "%s%s", prefix, *text == ' ' ? "" : "- ");
		printed_word(out, text, bytes);
		fputc('\n', out);
		text += bytes + (text[bytes] == '\n');
	}
}

void report_failure(FILE *out, const char *prefix, const struct test_results *results, const struct test_outcome *outcome)
{
	char console[64] = "console";

	report_problems(out, prefix, outcome);
	if (outcome->tries > 1)
		fprintf(out, "%s- failed %u times\n", prefix, outcome->tries);
	if (outcome->console_dropped)
		snprintf(console, sizeof(console), "console, without %" PRIu64 " bytes in the middle", outcome->console_dropped);
	block(out, prefix, console, outcome->console, outcome->console_bytes, CONSOLE_TAIL_LINES);
	block(out, prefix, "kvick", outcome->messages, outcome->messages_bytes, MESSAGES_TAIL_LINES);
	if (outcome->scratch) {
		fprintf(out, "%skept: ", prefix);
		printed_word(out, outcome->scratch, strlen(outcome->scratch));
		fputc('\n', out);
	}
	fprintf(out, "%sagain: kvick test --case ", prefix);
	shell_word(out, results->plan->repeat > 1 ? outcome->of->name : outcome->name); /* a number is none of the manifest's */
	fputc(' ', out);
	shell_word(out, results->manifest->path);
	fputc('\n', out);
}

void report_manifest_path(char path[PATH_MAX], const struct test_results *results)
{
	static const char *const tops[] = { "GITHUB_WORKSPACE", "CI_PROJECT_DIR" };
	char real[PATH_MAX], top[PATH_MAX];

	snprintf(path, PATH_MAX, "%s", results->manifest->path);
	for (size_t i = 0; i < sizeof(tops) / sizeof(tops[0]); i++) {
		const char *value = getenv(tops[i]);
		size_t length;

		if (!value || !realpath(value, top) || !realpath(results->manifest->path, real))
			continue;
		length = strlen(top);
		if (strncmp(real, top, length) == 0 && real[length] == '/') {
			snprintf(path, PATH_MAX, "%s", real + length + 1);
			return;
		}
	}
}

/* Of a workflow command (docs.github.com, "Workflow commands"): what ends its parts is written in hexadecimal. */
static void command_text(FILE *out, const char *at, size_t bytes, const char *special)
{
	unsigned length;

	for (size_t i = 0; i < bytes; i += length ? length : 1) {
		uint32_t code = 0;

		length = utf8_decode(at + i, bytes - i, &code);
		if (length == 1 && (code < 0x20 || strchr(special, (int)code)))
			fprintf(out, "%%%02X", (unsigned)code);
		else if (length == 0 || utf8_is_hidden(code) || printed_is_command(at + i, bytes - i))
			printed_escape(out, at + i, length, code);
		else
			fwrite(at + i, 1, length, out);
	}
}

static void annotate(const char *level, const char *path, const struct test_outcome *outcome)
{
	const char *text = outcome->problems && *outcome->problems ? outcome->problems : "";

	fprintf(stderr, "::%s file=", level);
	command_text(stderr, path, strlen(path), "%:,");
	fprintf(stderr, ",line=%u,title=", outcome->of->line);
	command_text(stderr, outcome->name, strlen(outcome->name), "%:,");
	fputs("::", stderr);
	if (report_flaky(outcome))
		fprintf(stderr, "passed at try %u%s", outcome->tries, *text ? "%0A" : "");
	command_text(stderr, text, strlen(text), "%");
	fputc('\n', stderr);
}

void report_annotations(const struct test_results *results)
{
	const char *actions = getenv("GITHUB_ACTIONS");
	char path[PATH_MAX];

	if (!actions || strcmp(actions, "true") != 0)
		return;
	fflush(stdout);
	report_manifest_path(path, results);
	for (size_t i = 0; i < results->count; i++) {
		const struct test_outcome *outcome = &results->outcomes[i];

		if (outcome->result == TEST_FAILED)
			annotate("error", path, outcome);
		else if (report_flaky(outcome))
			annotate("warning", path, outcome);
	}
}

int report_file(const char *path, int (*write)(FILE *out, const struct test_results *results), const struct test_results *results,
		struct error *error)
{
	struct output_file file;
	int r;

	/* What has been printed so far comes before. */
	if (is_stdout(path))
		fflush(stdout);
	r = output_open(&file, path, error);
	if (r < 0)
		return r;
	errno = 0;
	if (write(file.stream, results) < 0)
		file.errnum = errno ? errno : EIO;
	return output_close(&file, error);
}
