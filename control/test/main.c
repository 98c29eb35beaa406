/* SPDX-License-Identifier: Apache-2.0 */
/* kvick-test: the launcher executes it as `kvick test`, with its own command line. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "control/commands.h"
#include "control/exit_codes.h"
#include "control/measure/child.h"
#include "control/measure/environment.h"
#include "control/measure/output_file.h"
#include "control/test/report.h"
#include "control/test/select.h"
#include "vmm/error.h"

static void print_feature(const struct feature *feature)
{
	char why[256] = "";

	if (feature->is_there(why, sizeof(why)))
		printf("  %-16s %s\n", feature->name, feature->purpose);
	else
		printf("  %-16s %s (not here%s%s)\n", feature->name, feature->purpose, *why ? ": " : "", why);
}

static int print_keys(void)
{
	for (const struct manifest_key *key = manifest_keys; key->name; key++)
		printf("%-18s = %-18s %s%s\n", key->name, key->value, key->help, key->list ? " (may be repeated)" : "");
	printf("\n`requires` may name\n");
	for (const struct feature *feature = features; feature->name; feature++)
		print_feature(feature);
	return command_printed_stdio();
}

static const struct reporter *reporter_of(const struct test_plan *plan)
{
	bool human = plan->format == FORMAT_HUMAN || (plan->format == FORMAT_AUTO && isatty(STDOUT_FILENO));

	return human ? &reporter_human : &reporter_tap;
}

/* Both files, whatever becomes of one of them. 0, or the exit code. */
static int write_reports(const struct test_results *results)
{
	const struct test_plan *plan = results->plan;
	struct error error = { 0 };
	int code = 0;

	if (plan->junit && junit_write(results, plan->junit, &error) < 0)
		code = command_failed(&error);
	if (plan->json && test_json_write(results, plan->json, &error) < 0)
		code = command_failed(&error);
	return code;
}

/* 0: all passed. What could not be written is worse than a test that failed: nobody would know. */
static int exit_code(const struct test_results *results)
{
	struct error error = { 0 };
	int code = write_reports(results);

	if (code)
		return code;
	if (results->signal)
		return EXIT_SIGNAL + results->signal;
	if (results->failed || results->interrupted)
		return 1;
	if (results->skipped == results->count) {
		error_set(&error, ERROR_HOST, ENOTSUP, "%s: no case was run: all %zu are skipped: take a host that has what they "
			  "require, or select others", results->manifest->path, results->count);
		return command_failed(&error);
	}
	return command_printed_stdio();
}

static int check_reports(const struct test_plan *plan, struct error *error)
{
	int r = plan->junit ? output_check(plan->junit, error) : 0;

	return r == 0 && plan->json ? output_check(plan->json, error) : r;
}

static int run_cases(const struct test_plan *plan)
{
	struct manifest manifest = { 0 };
	struct test_results results = { .plan = plan, .manifest = &manifest };
	struct error error = { 0 };
	int r = manifest_read(&manifest, plan->manifest, &(struct files_wanted){ test_selects, plan }, &error), code;

	if (r == 0 && !plan->list)
		r = check_reports(plan, &error);
	if (r == 0)
		r = plan->list ? test_select(&results, &error) : test_run(&results, reporter_of(plan), &error);
	if (r < 0) {
		code = command_failed(&error);
		manifest_say_more(&manifest);
	} else if (plan->list) {
		test_list(&results);
		code = command_printed_stdio();
	} else {
		code = exit_code(&results);
	}
	test_results_free(&results);
	manifest_free(&manifest);
	return code;
}

static int run(const struct command *command, int argc, char **argv)
{
	static struct test_plan plan;
	struct error error = { 0 };
	bool help = false;

	if (test_plan_parse(&plan, command, argc, argv, &help, &error) < 0)
		return command_failed(&error);
	if (help)
		return options_help(command);
	return plan.keys ? print_keys() : run_cases(&plan);
}

const struct command command_test = {
	.name = "test",
	.synopsis = "test [OPTIONS] [MANIFEST]",
	.purpose = TEST_PURPOSE,
	.options = test_option_rows,
	.more = test_more,
	.run = run,
};

const struct command *const commands[] = { &command_test, NULL };

int main(int argc, char **argv)
{
	if (argc < 2 || strcmp(argv[1], "test") != 0) {
		dprintf(STDERR_FILENO, "usage: kvick test [OPTIONS] [MANIFEST]\n");
		return EXIT_USAGE;
	}
	children_begin();
	return run(&command_test, argc - 1, argv + 1);
}
