/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The open loop: when a launch is begun does not depend on when the one before was over. A host that stalls delays all that would
 * have come meanwhile, and each of these counts, from when it was due (leaving them out is "coordinated omission"). Where they come
 * faster than they can be run, those that wait when time is up are counted, and not begun: the queue would outlast it by far.
 */
#include <math.h>

#include "control/bench/run.h"

struct loop {
	struct run *run;
	uint64_t rounds;        /* 0: until time is up */
	uint64_t start_ns, due_ns;
	double due;             /* the same in seconds from the start: sums of what is no whole number of nanoseconds */
	uint64_t round;
	struct runner *order[SUBJECTS_MAX];
	size_t count, at;       /* whose turn it is */
};

static void next_due(struct loop *loop)
{
	const struct plan *plan = loop->run->plan;
	double gap = 1 / plan->rate;

	if (plan->poisson)
		gap *= -log(((double)(random_bits(&loop->run->random) >> 11) + 1) / 9007199254740993.0); /* of (0, 1] */
	loop->due += gap;
	loop->due_ns = loop->start_ns + (uint64_t)(loop->due * 1e9);
}

/* Is anything to be begun yet? */
static bool goes_on(const struct loop *loop)
{
	const struct run *run = loop->run;

	return run_goes_on(run) && loop->round < (loop->rounds ? loop->rounds : RUNS_MAX) &&
	       !(run->end_ns && loop->due_ns >= run->end_ns);
}

/* Those that were due before the end are begun for a moment after it. */
static uint64_t last_begin_ns(const struct run *run)
{
	return run->end_ns ? run->end_ns + TOO_LATE_NS : UINT64_MAX;
}

/* True: that was the last one of a round. */
static bool next_turn(struct loop *loop)
{
	next_due(loop);
	if (++loop->at < loop->count)
		return false;
	loop->round++;
	loop->count = run_order(loop->run, loop->order);
	loop->at = 0;
	return true;
}

static void tell_round(const struct loop *loop)
{
	struct run *run = loop->run;

	if (run->counts)
		run->results->rounds++;
	progress_tell(run, loop->round);
}

static void begin_due(struct loop *loop)
{
	struct slot *slot;
	uint64_t now;

	while (goes_on(loop) && loop->due_ns <= (now = measure_now_ns()) && now < last_begin_ns(loop->run) &&
	       (slot = slot_free_one(loop->run))) {
		struct runner *runner = loop->order[loop->at];

		if (runner_goes_on(runner))
			slot_begin(loop->run, slot, runner, (uint32_t)loop->round, loop->due_ns);
		if (next_turn(loop))
			tell_round(loop);
	}
}

static void count_rest(struct loop *loop)
{
	while (goes_on(loop)) {
		struct runner *runner = loop->order[loop->at];

		runner->results->not_begun += runner_goes_on(runner);
		next_turn(loop);
	}
}

void run_open_loop(struct run *run, uint64_t rounds)
{
	struct loop loop = { .run = run, .rounds = rounds, .start_ns = run->counts ? run->began_ns : measure_now_ns() };

	loop.count = run_order(run, loop.order);
	next_due(&loop);
	for (;;) {
		begin_due(&loop);
		if (measure_now_ns() >= last_begin_ns(run))
			count_rest(&loop);
		if (!goes_on(&loop) && !slots_busy(run))
			return;
		if (!slots_wait(run, goes_on(&loop) && slot_free_one(run) ? loop.due_ns : 0))
			return;
	}
}
