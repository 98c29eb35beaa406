/* SPDX-License-Identifier: Apache-2.0 */
/* Launches under way: begun, waited for, ended, noted. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "control/bench/memory.h"
#include "control/bench/run.h"
#include "control/bench/run_words.h"
#include "control/stamps.h"
#include "vmm/error.h"

#define NS_PER_S      1000000000u
#define STAMPS_BYTES  4096
#define LOOK_NS       5000000u /* so long after some were killed it is looked for others that these had started */
#define EARLY         20 /* launches, of which more than half may not fail */
#define LATE_IN_ROW   5 /* time-outs, and it is given up */
#define EARLY_TIMEOUTS 2 /* all of the first: each has cost its whole time-out */

static const struct slot_kind *kind_of(const struct slot *slot)
{
	return slot->runner->subject->kind == SUBJECT_POOLED ? &pool_slots : &process_slots;
}

/* Sealed, so that no process can take it away beneath us or fill memory by it. */
static int make_stamps(struct slot *slot)
{
	slot->stamps_fd = child_descriptor(memfd_create("stamps", MFD_CLOEXEC | MFD_ALLOW_SEALING));
	if (slot->stamps_fd < 0 || ftruncate(slot->stamps_fd, STAMPS_BYTES) < 0 ||
	    fcntl(slot->stamps_fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
		return -errno;
	slot->stamps = mmap(NULL, STAMPS_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, slot->stamps_fd, 0);
	if (slot->stamps == MAP_FAILED) {
		slot->stamps = NULL;
		return -errno;
	}
	return 0;
}

int slots_make(struct run *run, struct error *error)
{
	run->slot_count = run->plan->at_once;
	run->slots = memory_of(run->slot_count, sizeof(*run->slots));
	for (size_t i = 0; i < run->slot_count; i++)
		run->slots[i].stamps_fd = -1;
	for (size_t i = 0; i < run->slot_count; i++) {
		int r = make_stamps(&run->slots[i]);

		if (r < 0)
			return error_set(error, ERROR_HOST, -r, "room for a launch's figures: %s: free memory, raise the limit of "
					 "open files (ulimit -n), or lower --at-once", strerror(-r));
	}
	return 0;
}

void slots_free(struct run *run)
{
	for (size_t i = 0; i < run->slot_count; i++) {
		if (run->slots[i].stamps)
			munmap(run->slots[i].stamps, STAMPS_BYTES);
		if (run->slots[i].stamps_fd >= 0)
			close(run->slots[i].stamps_fd);
	}
	free(run->slots);
	run->slots = NULL;
	run->slot_count = 0;
}

struct slot *slot_free_one(struct run *run)
{
	for (size_t i = 0; i < run->slot_count; i++)
		if (!run->slots[i].runner)
			return &run->slots[i];
	return NULL;
}

bool slots_busy(const struct run *run)
{
	for (size_t i = 0; i < run->slot_count; i++)
		if (run->slots[i].runner)
			return true;
	return false;
}

/* --- who goes on --- */

bool runner_goes_on(const struct runner *runner)
{
	return runner->subject && !runner->results->given_up;
}

bool run_goes_on(const struct run *run)
{
	for (size_t i = 0; i < run->plan->subject_count; i++)
		if (runner_goes_on(&run->runners[i]) && run->runners[i].subject->kind != SUBJECT_FLOOR)
			return true;
	return false;
}

void runner_give_up(struct run *run, struct runner *runner, const char *why)
{
	struct subject_results *results = runner->results;

	if (results->given_up)
		return;
	results->given_up = true;
	if (!results->failure[0])
		snprintf(results->failure, sizeof(results->failure), "%s", why);
	/* One launch more takes as long as it takes. In an open loop others are due meanwhile: there it is made at the end. */
	if (run->plan->arrivals != ARRIVALS_OPEN_LOOP)
		failure_explain(run, runner);
	progress_say(run, "%s: given up: %s", runner->subject->name, results->failure);
}

/* One that fails at once, each time or mostly, or hangs from some time on, would cost time and say nothing. */
static void look_at_failures(struct run *run, struct runner *runner)
{
	bool all = runner->failed == runner->ended;
	uint64_t warm_up = run->plan->warm_up * (run->plan->arrivals == ARRIVALS_BURST ? run->plan->at_once : 1);

	if ((all && runner->timed_out >= EARLY_TIMEOUTS) || runner->late_in_row >= LATE_IN_ROW ||
	    (all && warm_up && runner->ended == warm_up) || (runner->ended <= EARLY && runner->failed > EARLY / 2))
		runner_give_up(run, runner, "it fails");
}

/* --- a launch --- */

void ended_judge(struct ended *ended, const struct subject *subject, int status)
{
	if (status == subject->success)
		return;
	if (subject->success == 0)
		snprintf(ended->why, sizeof(ended->why), "exit status %d", status);
	else
		snprintf(ended->why, sizeof(ended->why), "exit status %d, not %d", status, subject->success);
}

bool slot_begin(struct run *run, struct slot *slot, struct runner *runner, uint32_t round, uint64_t due_ns)
{
	struct error error = { 0 };

	slot->runner = runner;
	slot->round = round;
	slot->counts = run->counts;
	slot->due_ns = due_ns;
	if (kind_of(slot)->begin(run, slot, &error) < 0) {
		slot->runner = NULL;
		runner->explained = true;
		runner_give_up(run, runner, error.text);
		return false;
	}
	slot->deadline_ns = measure_now_ns() + run->plan->timeout_ns;
	return true;
}

/* Times of one launch never go backwards: what would is not known. Only the guest's own word can. */
static void keep_order(struct sample *sample)
{
	uint64_t *const times[] = { &sample->vmm_main_ns, &sample->entry_ns, &sample->first_ns, &sample->guest_main_ns,
				    &sample->exit_ns };
	uint64_t last = 0;

	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		if (*times[i] < last || *times[i] > sample->reaped_ns)
			*times[i] = 0;
		if (*times[i])
			last = *times[i];
	}
}

/* An open loop's launch began when it should have: that it was later is part of each of its times. */
static void count_from(struct sample *sample, uint64_t late_ns)
{
	uint64_t *const times[] = { &sample->vmm_main_ns, &sample->entry_ns, &sample->first_ns, &sample->guest_main_ns,
				    &sample->exit_ns, &sample->reaped_ns };

	sample->late_ns = late_ns;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
		*times[i] += *times[i] ? late_ns : 0;
}

static void note(struct run *run, struct slot *slot, struct ended *ended)
{
	struct runner *runner = slot->runner;
	struct subject_results *results = runner->results;
	struct sample *sample = &ended->sample;
	uint64_t begun_ns = slot->due_ns ? slot->due_ns : ended->begun_ns;

	sample->round = slot->round;
	/* The kernel does not see a guest's first instruction, and all are to be measured alike: each guest's time from KVM_RUN. */
	if (run->plan->trace)
		sample->first_ns = 0;
	keep_order(sample);
	count_from(sample, ended->begun_ns > begun_ns ? ended->begun_ns - begun_ns : 0);
	runner->ended++;
	runner->failed += sample->result != SAMPLE_GOOD;
	runner->timed_out += sample->result == SAMPLE_TIMED_OUT;
	runner->late_in_row = sample->result == SAMPLE_TIMED_OUT ? runner->late_in_row + 1 : 0;
	if (sample->result != SAMPLE_GOOD && !results->failure[0]) {
		snprintf(results->failure, sizeof(results->failure), "%s", ended->why);
		runner->explained = sample->result == SAMPLE_TIMED_OUT || runner->subject->kind == SUBJECT_POOLED;
	}
	if (slot->counts) {
		sample->begun_ns = begun_ns; /* run.c counts it from the first */
		results->failed += sample->result == SAMPLE_FAILED;
		results->timed_out += sample->result == SAMPLE_TIMED_OUT;
		*results_add(results) = *sample;
	}
	if (sample->result != SAMPLE_GOOD)
		look_at_failures(run, runner);
}

static void end(struct run *run, struct slot *slot, bool late)
{
	struct ended ended = { .why = "" };

	kind_of(slot)->end(run, slot, late, &ended);
	note(run, slot, &ended);
	slot->runner = NULL;
}

/* What a signal breaks off is no launch. */
static void drop_all(struct run *run)
{
	for (size_t i = 0; i < run->slot_count; i++) {
		struct slot *slot = &run->slots[i];
		struct ended ended;

		if (slot->runner)
			kind_of(slot)->end(run, slot, true, &ended);
		slot->runner = NULL;
	}
}

/* Whoever is over is ended before who is late is looked for: it was in time, if only just. */
static void end_those(struct run *run, const struct pollfd *fds, struct slot *const *of, size_t count)
{
	uint64_t now = measure_now_ns();
	bool any = run->left_behind.some;

	for (size_t i = 0; i < count; i++) {
		bool over = fds[i].revents, late = of[i]->deadline_ns <= now;

		if (over || late)
			end(run, of[i], !over);
		any |= over || late;
	}
	if (any)
		left_behind_look(run);
}

bool slots_wait(struct run *run, uint64_t until_ns)
{
	struct pollfd fds[run->slot_count + 1];
	struct slot *of[run->slot_count + 1];
	size_t count = 0;

	for (size_t i = 0; i < run->slot_count; i++) {
		struct slot *slot = &run->slots[i];

		if (!slot->runner)
			continue;
		fds[count] = (struct pollfd){ .fd = kind_of(slot)->fd(slot), .events = POLLIN };
		of[count++] = slot;
		if (!until_ns || slot->deadline_ns < until_ns)
			until_ns = slot->deadline_ns;
	}
	fds[count] = (struct pollfd){ .fd = interrupt_fd(), .events = POLLIN };

	uint64_t now = measure_now_ns();

	if (run->left_behind.some && (!until_ns || until_ns > now + LOOK_NS))
		until_ns = now + LOOK_NS;

	uint64_t ns = until_ns > now ? until_ns - now : 0;
	struct timespec limit = { .tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S) };

	/* Launches inherit it: so only while there is nothing but waiting. */
	prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
	if (ppoll(fds, count + 1, until_ns ? &limit : NULL, NULL) < 0)
		for (size_t i = 0; i < count; i++)
			fds[i].revents = 0;
	prctl(PR_SET_TIMERSLACK, 0, 0, 0, 0);
	end_those(run, fds, of, count);
	if (!interrupt_signal())
		return true;
	drop_all(run);
	return false;
}
