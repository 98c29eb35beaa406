/* SPDX-License-Identifier: Apache-2.0 */
/* From the command line to the plan: what was typed is looked at as a whole. */
#include "control/bench/plan.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <kvick/hypercall.h>

#include "control/bench/plan_typed.h"
#include "control/measure/program.h"
#include "control/options.h"
#include "vmm/error.h"

#define RUNS_DEFAULT    200
#define WARM_UP_DEFAULT 5
#define AT_ONCE_DEFAULT 64 /* of an open loop */
#define NS_PER_S        1000000000ull
#define SEED_MASK       ((1ull << 53) - 1)

static void defaults(struct plan *plan, struct typed *t)
{
	uint64_t seed = 0;

	if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		seed = 1;
	*plan = (struct plan){ .warm_up = WARM_UP_DEFAULT, .timeout_ns = 10 * NS_PER_S, .at_once = 1, .seed = seed & SEED_MASK,
			       .alpha = 0.01, .threshold = 0.05 };
	*t = (struct typed){ .plan = plan, .modes = { SUBJECT_COLD }, .mode_count = 1, .a.success = -1 };
}

static int check_compare(const struct typed *t, struct error *error)
{
	const struct plan *plan = t->plan;

	if (t->measuring)
		return error_set(error, ERROR_USAGE, EINVAL, "%s with --compare, which runs nothing: leave one of the two out",
				 t->measuring);
	if (t->arguments)
		return error_set(error, ERROR_USAGE, EINVAL, "-- with --compare, which runs nothing: leave it out");
	if (plan->csv || plan->hgrm || plan->html)
		return error_set(error, ERROR_USAGE, EINVAL, "--%s with --compare: it is for what is measured: leave it out",
				 plan->csv ? "csv" : plan->hgrm ? "hgrm" : "html");
	if (!plan->compare_new)
		return error_set(error, ERROR_USAGE, EINVAL, "--compare %s: with what? usage: kvick bench --compare OLD.json "
				 "NEW.json", plan->compare_old);
	return 0;
}

static int check_arrivals(struct typed *t, struct error *error)
{
	struct plan *plan = t->plan;

	plan->arrivals = t->has_rate ? ARRIVALS_OPEN_LOOP : plan->at_once > 1 ? ARRIVALS_BURST : ARRIVALS_ONE_BY_ONE;
	if (t->has_rate && !t->has_at_once)
		plan->at_once = AT_ONCE_DEFAULT;
	if (plan->poisson && !t->has_rate)
		return error_set(error, ERROR_USAGE, EINVAL, "--poisson: launches come at random times only with --rate: give it, "
				 "too");
	if (plan->drop_caches && t->has_rate)
		return error_set(error, ERROR_USAGE, EINVAL, "--drop-caches with --rate: it takes longer than there is between two "
				 "launches: leave one of the two out");
	if (plan->drop_caches && access("/proc/sys/vm/drop_caches", W_OK) < 0)
		return error_set(error, ERROR_USAGE, errno, "--drop-caches: /proc/sys/vm/drop_caches: %s: run kvick bench as root, "
				 "outside of a container", strerror(errno));
	if (plan->trace && plan->arrivals != ARRIVALS_ONE_BY_ONE)
		return error_set(error, ERROR_USAGE, EINVAL, "--trace with %s: which launch an event is of is not known then: "
				 "leave one of the two out", t->has_rate ? "--rate" : "--at-once");
	if (!t->has_runs && !plan->time_ns)
		plan->runs = RUNS_DEFAULT;
	return 0;
}

static int check_outputs(struct plan *plan, struct error *error)
{
	const struct {
		const char *option, *path;
	} outputs[] = { { "--text", plan->text }, { "--json", plan->json }, { "--csv", plan->csv }, { "--hgrm", plan->hgrm },
			{ "--html", plan->html } };
	const char *on_stdout = NULL;

	for (size_t i = 0; i < sizeof(outputs) / sizeof(outputs[0]); i++) {
		const char *path = outputs[i].path;

		if (!path)
			continue;
		if (strcmp(path, "-") == 0 && on_stdout)
			return error_set(error, ERROR_USAGE, EINVAL, "%s and %s, both to stdout: give one of them a file: "
					 "%s FILE", on_stdout, outputs[i].option, outputs[i].option);
		if (strcmp(path, "-") == 0)
			on_stdout = outputs[i].option;
		for (size_t k = 0; k < i; k++)
			if (strcmp(path, "-") != 0 && outputs[k].path && strcmp(outputs[k].path, path) == 0)
				return error_set(error, ERROR_USAGE, EINVAL, "%s and %s, both to %s: give each its own",
						 outputs[k].option, outputs[i].option, path);
	}
	if (!on_stdout && !plan->text)
		plan->text = "-";
	return 0;
}

static int check_request(const char *path, struct error *error)
{
	struct stat s;

	if (stat(path, &s) < 0 || access(path, R_OK) < 0)
		return error_set(error, ERROR_USAGE, errno, "--request %s: %s: name a file that can be read", path,
				 strerror(errno));
	if (!S_ISREG(s.st_mode))
		return error_set(error, ERROR_USAGE, EINVAL, "--request %s: it is read by each launch, and so must be a file",
				 path);
	if ((uint64_t)s.st_size > KVICK_REQUEST_BYTES_MAX)
		return error_set(error, ERROR_USAGE, EFBIG, "--request %s: more than the %llu MiB that a request may have: send "
				 "less", path, KVICK_REQUEST_BYTES_MAX >> 20);
	return 0;
}

/* Does anybody make files before the runs? */
static bool wants_scratch(const struct typed *t)
{
	bool wants = false;

	for (size_t i = 0; i < t->mode_count; i++)
		wants |= t->modes[i] == SUBJECT_RESTORED;
	for (size_t i = 0; i < t->other_count; i++)
		wants |= t->others[i].against == AGAINST_COMMAND;
	return wants;
}

static int make_scratch(struct plan *plan, struct error *error)
{
	const char *where = getenv("TMPDIR");

	if (!where || !*where)
		where = "/tmp";
	if (asprintf(&plan->scratch, "%s/kvick-bench.XXXXXX", where) < 0) {
		plan->scratch = NULL;
		return error_set(error, ERROR_HOST, ENOMEM, "no memory: free some");
	}
	if (!mkdtemp(plan->scratch)) {
		int r = error_set(error, ERROR_HOST, errno, "%s: %s: make room there, or set TMPDIR", plan->scratch,
				  strerror(errno));

		free(plan->scratch);
		plan->scratch = NULL;
		return r;
	}
	return 0;
}

static int understand(struct typed *t, struct error *error)
{
	struct plan *plan = t->plan;
	int r = check_arrivals(t, error);

	if (r == 0 && t->has_threshold)
		r = error_set(error, ERROR_USAGE, EINVAL, "--threshold without --compare: it is what that fails by: give both");
	if (r == 0)
		r = check_outputs(plan, error);
	if (r == 0 && plan->request)
		r = check_request(plan->request, error);
	if (r == 0 && wants_scratch(t))
		r = make_scratch(plan, error);
	if (r == 0)
		r = plan_subjects(t, error);
	if (r == 0)
		r = plan_names(t, error);
	return r;
}

int plan_parse(struct plan *plan, const struct command *command, int argc, char **argv, bool *help, struct error *error)
{
	struct operands operands;
	struct typed typed;
	int r;

	defaults(plan, &typed);
	r = options_parse(command, argc, argv, &typed, &operands, error);
	*help = operands.help;
	if (r < 0 || *help)
		return r;
	typed.arguments = operands.rest;
	typed.argument_count = operands.rest_count;
	if (plan->compare_old) {
		plan->compare_new = operands.operand;
		return check_compare(&typed, error);
	}
	if (!operands.operand)
		return error_set(error, ERROR_USAGE, EINVAL, "IMAGE is missing%s: usage: kvick %s",
				 operands.rest_count ? ", it comes before \"--\"" : "", command->synopsis);
	typed.image = operands.operand;
	return understand(&typed, error);
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *at)
{
	(void)status, (void)kind, (void)at;
	remove(path);
	return 0;
}

void plan_remove_scratch(const struct plan *plan)
{
	if (plan->scratch)
		nftw(plan->scratch, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void plan_free(struct plan *plan)
{
	for (size_t i = 0; i < plan->subject_count; i++) {
		struct subject *s = &plan->subjects[i];

		words_free(s->argv);
		words_free(s->options);
		words_free(s->arguments);
		free(s->path);
		free(s->missing);
		free((char *)(uintptr_t)s->name);
	}
	plan->subject_count = 0;
	plan_remove_scratch(plan);
	free(plan->scratch);
	plan->scratch = NULL;
}
