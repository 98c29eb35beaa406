/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits on boot time: from spawn to the guest's main(), as a multiple of what the floor takes from spawn to reaped. Absolute times
 * drift; so both are measured by turns while nothing else of ours runs, and the median of the ratios within pairs counts.
 */
#include "control/test/run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "control/units.h"
#include "vmm/error.h"

#define PAIRS 11
#define FLOOR_DEADLINE_NS 10000000000ull

struct pair {
	double boot, floor;     /* TSC ticks */
	double floor_ns;
};

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, size_t count)
{
	qsort(values, count, sizeof(*values), compare);
	return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

/* The floor has the guest's ring, and its memory where that was given. */
static bool run_floor(struct runner *runner, const struct test_outcome *outcome, struct pair *pair, struct problems *problems)
{
	char path[PROGRAM_PATH_BYTES], memory[32] = "16M";
	char *words[] = { "kvick-floor", memory, "--irqchip", "split", "--ring", outcome->stamps.ring ? "3" : "0", NULL };
	struct child_config config = { .path = path, .argv = words, .in = runner->shared.null, .out = runner->shared.null,
				       .err = runner->shared.null, .stamps = -1, .new_session = true };
	struct error error = { 0 };
	struct child_end end;
	struct child child;
	uint64_t bytes;

	if (outcome->of->mem && units_size(outcome->of->mem, &bytes))
		snprintf(memory, sizeof(memory), "%lluK", (unsigned long long)bytes >> 10);
	if (program_of_kvick("kvick-floor", path, &error) < 0 || child_start(&child, &config, &error) < 0) {
		problems_add(problems, "boot limit: %s", error.text);
		return false;
	}
	if (child_reap(&child, measure_now_ns() + FLOOR_DEADLINE_NS, &end) < 0)
		child_kill(&child, &end);
	if (!WIFEXITED(end.status) || WEXITSTATUS(end.status) != 0) {
		problems_add(problems, "boot limit: the floor, which it is measured against, does not run here: try `%s`", path);
		return false;
	}
	pair->floor = (double)(end.reaped_tsc - child.spawned_tsc);
	pair->floor_ns = (double)(end.reaped_ns - child.spawned_ns);
	return true;
}

static bool run_guest(struct runner *runner, const struct test_outcome *of, struct pair *pair, struct problems *problems)
{
	struct test_outcome outcome = { .of = of->of, .name = of->name, .ring = of->ring };
	struct try *t = &runner->tries[0];
	bool passed;

	t->measured = true;
	try_begin(t, &outcome);
	while (t->phase != TRY_OVER)
		runner_wait(runner);
	passed = runner_try_end(runner, t) && !t->broken_off;
	if (!passed && outcome.problems[0]) {
		problems_add(problems, "boot limit: a launch that was to be measured failed:");
		problems_more(problems, "%s", outcome.problems);
	} else if (passed && outcome.stamps.guest_main <= t->spawned_tsc) {
		problems_add(problems, "boot limit: the guest has not told when its main() began: kvick's own runtime does");
		passed = false;
	}
	pair->boot = (double)(outcome.stamps.guest_main - t->spawned_tsc);
	t->measured = false;
	t->outcome = NULL;
	outcome_clear(&outcome);
	return passed;
}

/* The median ratio; 0: a problem, or interrupted. */
static double run_pairs(struct runner *runner, const struct test_outcome *outcome, struct problems *problems)
{
	double ratios[PAIRS], floors[PAIRS];
	struct pair pair;

	for (int i = -1; i < PAIRS; i++) { /* the first one warms up */
		if (!run_floor(runner, outcome, &pair, problems) || !run_guest(runner, outcome, &pair, problems))
			return 0;
		if (i >= 0) {
			ratios[i] = pair.boot / pair.floor;
			floors[i] = pair.floor_ns;
		}
	}
	runner->results->floor_ns = (uint64_t)median(floors, PAIRS);
	return median(ratios, PAIRS);
}

void floor_measure(struct runner *runner, struct test_outcome *outcome)
{
	const struct test_case *of = outcome->of;
	int retries = runner->results->plan->retries;
	unsigned tries = 1 + (retries >= 0 ? (unsigned)retries : of->retries);
	struct problems problems = { 0 };

	for (;;) {
		outcome->boot_floor = run_pairs(runner, outcome, &problems);
		runner_take_signals(runner); /* the floor is nobody's try */
		if (problems.count == 0 && outcome->boot_floor > of->boot_floor_max)
			problems_add(&problems, "boot limit: its main() begins after %.2f times what the floor takes (median of %d "
				     "pairs), and may after %g times", outcome->boot_floor, PAIRS, of->boot_floor_max);
		if (problems.count == 0 || runner->stopped || outcome->tries >= tries)
			break;
		outcome->tries++;
		free(problems_end(&problems));
	}
	if (runner->stopped) {
		free(problems_end(&problems));
		return;
	}
	free(outcome->problems);
	outcome->problems = problems_end(&problems);
	runner_settle(runner, outcome, outcome->problems[0] ? TEST_FAILED : TEST_PASSED);
}
