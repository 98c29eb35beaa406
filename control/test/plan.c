/* SPDX-License-Identifier: Apache-2.0 */
#include "control/test/plan.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "control/options.h"
#include "vmm/error.h"

#define RETRIES_MAX 100
#define REPEAT_MAX  100000

/* A decimal number in a range; -1: it is none. */
static long number(const char *value, long least, long most)
{
	char *end;
	long n = *value >= '0' && *value <= '9' && strlen(value) < 10 ? strtol(value, &end, 10) : -1;

	return n >= least && n <= most && !*end ? n : -1;
}

static int take_pattern(const char **list, size_t *count, const char *option, const char *value, struct error *error)
{
	if (!*value)
		return error_set(error, ERROR_USAGE, EINVAL, "--%s: its value is empty: `kvick test --list` shows what there is",
				 option);
	if (*count == PATTERNS_MAX - 1)
		return error_set(error, ERROR_USAGE, E2BIG, "--%s %s: one too many: up to %d", option, value, PATTERNS_MAX - 1);
	list[(*count)++] = value;
	return 0;
}

static int take_case(void *into, const char *value, struct error *error)
{
	struct test_plan *plan = into;

	return take_pattern(plan->cases, &plan->case_count, "case", value, error);
}

static int take_tag(void *into, const char *value, struct error *error)
{
	struct test_plan *plan = into;

	return take_pattern(plan->tags, &plan->tag_count, "tag", value, error);
}

static int take_not_tag(void *into, const char *value, struct error *error)
{
	struct test_plan *plan = into;

	return take_pattern(plan->not_tags, &plan->not_tag_count, "not-tag", value, error);
}

static int take_jobs(void *into, const char *value, struct error *error)
{
	long n = number(value, 1, JOBS_MAX);

	if (n < 0)
		return error_set(error, ERROR_USAGE, EINVAL, "--jobs %s: write a number from 1 to %d", value, JOBS_MAX);
	((struct test_plan *)into)->jobs = (unsigned)n;
	return 0;
}

static int take_retries(void *into, const char *value, struct error *error)
{
	long n = number(value, 0, RETRIES_MAX);

	if (n < 0)
		return error_set(error, ERROR_USAGE, EINVAL, "--retries %s: write a number from 0 to %d", value, RETRIES_MAX);
	((struct test_plan *)into)->retries = (int)n;
	return 0;
}

static int take_repeat(void *into, const char *value, struct error *error)
{
	long n = number(value, 1, REPEAT_MAX);

	if (n < 0)
		return error_set(error, ERROR_USAGE, EINVAL, "--repeat %s: write a number from 1 to %d", value, REPEAT_MAX);
	((struct test_plan *)into)->repeat = (unsigned)n;
	return 0;
}

/* A switch and the member that it sets. */
#define SWITCH(member)                                                                     \
	static int take_##member(void *into, const char *value, struct error *error)       \
	{                                                                                  \
		(void)value, (void)error;                                                  \
		((struct test_plan *)into)->member = true;                                 \
		return 0;                                                                  \
	}

SWITCH(fail_fast)
SWITCH(keep_scratch)
SWITCH(update_golden)
SWITCH(list)
SWITCH(keys)
SWITCH(quiet)

static int take_format(void *into, const char *value, struct error *error)
{
	bool human = strcmp(value, "human") == 0;

	if (!human && strcmp(value, "tap") != 0)
		return error_set(error, ERROR_USAGE, EINVAL, "--format %s: write human or tap", value);
	((struct test_plan *)into)->format = human ? FORMAT_HUMAN : FORMAT_TAP;
	return 0;
}

static int take_path(const char **to, const char *option, const char *value, struct error *error)
{
	*to = value;
	return *value ? 0 : error_set(error, ERROR_USAGE, EINVAL, "--%s: its value is empty: write a file's path", option);
}

static int take_junit(void *into, const char *value, struct error *error)
{
	return take_path(&((struct test_plan *)into)->junit, "junit", value, error);
}

static int take_json(void *into, const char *value, struct error *error)
{
	return take_path(&((struct test_plan *)into)->json, "json", value, error);
}

static int take_kvick(void *into, const char *value, struct error *error)
{
	return take_path(&((struct test_plan *)into)->kvick, "kvick", value, error);
}

const struct option_row test_option_rows[] = {
	{ "case", "GLOB", "only cases of such a name; may be repeated, as --tag and --not-tag: one that fits is enough",
	  take_case, 0 },
	{ "tag", "TAG", "only cases that have this tag", take_tag, 0 },
	{ "not-tag", "TAG", "no case that has it", take_not_tag, 0 },
	{ "jobs", "N", "cases that run at a time (default: as many as there are processors for us)", take_jobs, 0 },
	{ "retries", "N", "further tries of a case that fails, whatever the manifest says", take_retries, 0 },
	{ "repeat", "N", "run each case so often", take_repeat, 0 },
	{ "fail-fast", NULL, "start no further case when one has failed", take_fail_fast, 0 },
	{ "keep", NULL, "keep the scratch folders of cases that fail, and say where they are", take_keep_scratch, 0 },
	{ "update-golden", NULL, "write golden files (console golden, reply) anew instead of comparing with them",
	  take_update_golden, 0 },
	{ "list", NULL, "say what would be run, with tags, and what would be skipped and why; with --quiet names alone",
	  take_list, 0 },
	{ "keys", NULL, "list the keys of a manifest, and what it may require of a host", take_keys, 0 },
	{ "quiet", NULL, "say only what went wrong", take_quiet, 0 },
	{ "format", "human|tap", "of what is printed (default: human on a terminal, TAP elsewhere)", take_format, 0 },
	{ "junit", "FILE", "write a report for CI services, as JUnit's XML", take_junit, 0 },
	{ "json", "FILE", "write all results as JSON", take_json, 0 },
	{ "kvick", "FILE", "test this kvick (default: the one that was called)", take_kvick, 0 },
	{ 0 },
};

const char test_more[] =
	"The manifest is kvick.test in this folder, unless another is given:\n"
	"\n"
	"  [defaults]\n"
	"  timeout = 5s\n"
	"  [case hello]\n"
	"  image = build/guests/hello.elf\n"
	"  console = Hello from kvick\n"
	"\n"
	"`kvick test --keys` lists all that may stand in it; docs/TEST.md begins at the beginning.\n"
	"Exit codes: 0 all that ran passed, 1 a case failed or was not run, 120 the command line or the manifest, or nothing is\n"
	"selected, 123 the host cannot, or all was skipped, 128 + N ended by signal N.\n";

int test_plan_parse(struct test_plan *plan, const struct command *command, int argc, char **argv, bool *help,
		    struct error *error)
{
	struct operands operands;
	int r;

	*plan = (struct test_plan){ .manifest = "kvick.test", .retries = -1, .repeat = 1 };
	r = options_parse(command, argc, argv, plan, &operands, error);
	*help = operands.help;
	if (r < 0 || operands.help)
		return r;
	if (operands.rest_count > 0)
		return error_set(error, ERROR_USAGE, EINVAL, "%s: one operand too many: usage: kvick %s", operands.rest[0],
				 command->synopsis);
	if (operands.operand)
		plan->manifest = operands.operand;
	if (plan->junit && plan->json && strcmp(plan->junit, plan->json) == 0)
		return error_set(error, ERROR_USAGE, EINVAL, "--junit and --json: both to %s: give each its own file", plan->json);
	return 0;
}
