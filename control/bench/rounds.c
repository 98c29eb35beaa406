/* SPDX-License-Identifier: Apache-2.0 */
/* One by one, and bursts: each subject in its turn, in an order that is another one in each round. */
#include <unistd.h>

#include "control/bench/run.h"

/* Fisher and Yates. That the order is random is what makes the test of pairs exact, whatever else happens on the host. */
size_t run_order(struct run *run, struct runner *order[SUBJECTS_MAX])
{
	size_t count = 0;

	for (size_t i = 0; i < run->plan->subject_count; i++)
		if (runner_goes_on(&run->runners[i]))
			order[count++] = &run->runners[i];
	for (size_t i = count; i > 1; i--) {
		size_t with = (size_t)(random_bits(&run->random) % i);
		struct runner *other = order[with];

		order[with] = order[i - 1];
		order[i - 1] = other;
	}
	return count;
}

static void drop_caches(const struct run *run)
{
	if (run->drop_fd >= 0 && write(run->drop_fd, "3", 1) < 0) {
		/* plan.c has asked whether we may; if not now, the figures will tell. */
	}
}

/* As many as run together, and until the last of them is over. */
static bool launch(struct run *run, struct runner *runner, uint32_t round)
{
	drop_caches(run);
	for (size_t i = 0; i < run->slot_count; i++)
		if (!slot_begin(run, &run->slots[i], runner, round, 0))
			break;
	while (slots_busy(run))
		if (!slots_wait(run, 0))
			return false;
	return true;
}

void run_rounds(struct run *run, uint64_t rounds)
{
	for (uint64_t round = 0; (!rounds || round < rounds) && run_goes_on(run); round++) {
		struct runner *order[SUBJECTS_MAX];
		size_t count = run_order(run, order);

		if (interrupt_signal() || (run->end_ns && measure_now_ns() >= run->end_ns) || round == RUNS_MAX)
			return;
		for (size_t i = 0; i < count; i++)
			if (runner_goes_on(order[i]) && !launch(run, order[i], (uint32_t)round))
				return;
		if (run->counts)
			run->results->rounds++;
		progress_tell(run, round + 1);
	}
}
