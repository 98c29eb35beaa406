/* SPDX-License-Identifier: Apache-2.0 */
/* kvick-bench: the launcher executes it as `kvick bench`, with its own command line. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "control/bench/bench.h"
#include "control/bench/output.h"
#include "control/commands.h"
#include "control/exit_codes.h"
#include "control/measure/child.h"
#include "control/measure/output_file.h"
#include "control/version.h"
#include "vmm/error.h"

static const char *const *text_path(const struct plan *plan) { return &plan->text; }
static const char *const *json_path(const struct plan *plan) { return &plan->json; }
static const char *const *csv_path(const struct plan *plan) { return &plan->csv; }
static const char *const *hgrm_path(const struct plan *plan) { return &plan->hgrm; }
static const char *const *html_path(const struct plan *plan) { return &plan->html; }

static const struct output {
	const char *const *(*path)(const struct plan *plan);
	int (*write)(const struct results *results, const char *path, struct error *error);
} outputs[] = {
	{ json_path, output_json }, { csv_path, output_csv }, { hgrm_path, output_hgrm }, { html_path, output_html },
	{ text_path, output_text },
};

static int write_some(const struct results *results, bool streams)
{
	int code = 0;

	for (size_t i = 0; i < sizeof(outputs) / sizeof(outputs[0]); i++) {
		const char *path = *outputs[i].path(results->plan);
		struct error error = { 0 };

		if (path && output_is_stream(path) == streams && outputs[i].write(results, path, &error) < 0)
			code = command_failed(&error);
	}
	return code;
}

/* All that can be written is, whatever fails of it. Files come first: who reads a stream may go away, and SIGPIPE ends us. */
static int write_outputs(const struct results *results)
{
	int files = write_some(results, false), streams = write_some(results, true);

	return streams ? streams : files;
}

/* After an hour it would be too late. */
static int check_outputs(const struct plan *plan, struct error *error)
{
	int r = 0;

	for (size_t i = 0; i < sizeof(outputs) / sizeof(outputs[0]) && r == 0; i++) {
		const char *path = *outputs[i].path(plan);

		r = path ? output_check(path, error) : 0;
	}
	return r;
}

static int measure(const struct plan *plan)
{
	static struct results results;
	struct error error = { 0 };
	int code;

	if (check_outputs(plan, &error) < 0 || bench_run(&results, plan, &error) < 0) {
		code = command_failed(&error);
		if (results.signal)
			code = EXIT_SIGNAL + results.signal;
	} else {
		results_compute(&results);
		code = write_outputs(&results);
		if (code == 0 && results.subjects[0].given_up)
			code = EXIT_HOST; /* what was measured is there, but not what was asked for first */
		if (code == 0 && results.signal)
			code = EXIT_SIGNAL + results.signal;
	}
	results_free(&results);
	return code;
}

static int run(const struct command *command, int argc, char **argv)
{
	static struct plan plan;
	struct error error = { 0 };
	bool help = false;
	int code;

	if (plan_parse(&plan, command, argc, argv, &help, &error) < 0)
		code = command_failed(&error);
	else if (help)
		code = options_help(command);
	else if (plan.compare_old)
		code = bench_compare(&plan, &error);
	else
		code = measure(&plan);
	plan_free(&plan);
	return code;
}

const struct command command_bench = {
	.name = "bench",
	.synopsis = "bench [OPTIONS] IMAGE [-- ARGUMENTS…]",
	.purpose = BENCH_PURPOSE,
	.options = plan_option_rows,
	.more = plan_more,
	.run = run,
};

const struct command *const commands[] = { &command_bench, NULL };

int main(int argc, char **argv)
{
	if (argc < 2 || strcmp(argv[1], "bench") != 0) {
		dprintf(STDERR_FILENO, "usage: kvick bench [OPTIONS] IMAGE [-- ARGUMENTS…]\n");
		return EXIT_USAGE;
	}
	children_begin();
	return run(&command_bench, argc - 1, argv + 1);
}
