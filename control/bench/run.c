/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of a run. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "control/bench/bench.h"
#include "control/bench/run.h"
#include "vmm/error.h"

#define NS_PER_S     1000000000u
#define CLOCK_NS     20000000u /* so far apart are the two readings that the TSC's rate is made of */
#define FILES_A_SLOT 4
#define LATE_PART    0.05 /* of an open loop's time: its last launch was later than that */
#define FILES        64

/* --- before --- */

/* A burst of many launches has many descriptors. Launches inherit the limit, so it stays where it is enough. */
static void raise_files(const struct plan *plan)
{
	rlim_t wanted = FILES + (rlim_t)FILES_A_SLOT * plan->at_once * plan->subject_count;
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur >= wanted)
		return;
	files.rlim_cur = files.rlim_max < wanted ? files.rlim_max : wanted;
	setrlimit(RLIMIT_NOFILE, &files);
}

static int open_files(struct run *run, struct error *error)
{
	run->null_fd = child_descriptor(open("/dev/null", O_RDWR | O_CLOEXEC));
	if (run->null_fd < 0)
		return error_set(error, ERROR_HOST, errno, "/dev/null: %s", strerror(errno));
	if (run->plan->drop_caches) {
		sync(); /* what has not been written yet stays in the cache: such as an image that was just built */
		run->drop_fd = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);
		if (run->drop_fd < 0)
			return error_set(error, ERROR_HOST, errno, "/proc/sys/vm/drop_caches: %s", strerror(errno));
	}
	return 0;
}

/* Launches have their CPUs to themselves, where there are others. */
static void keep_off(const struct plan *plan)
{
	cpu_set_t ours, others;

	if (!plan->pinned || sched_getaffinity(0, sizeof(ours), &ours) < 0)
		return;
	CPU_XOR(&others, &ours, &plan->cpus);
	CPU_AND(&others, &others, &ours);
	if (CPU_COUNT(&others))
		sched_setaffinity(0, sizeof(others), &others);
}

static int set_up(struct run *run, struct error *error)
{
	const struct plan *plan = run->plan;
	int r = interrupt_begin(error);

	if (r < 0)
		return r;
	left_behind_begin(run);
	raise_files(plan);
	r = open_files(run, error);
	if (r == 0)
		r = slots_make(run, error);
	for (size_t i = 0; i < plan->subject_count; i++) {
		run->runners[i].subject = &plan->subjects[i];
		run->runners[i].results = &run->results->subjects[i];
		run->results->subjects[i].subject = &plan->subjects[i];
	}
	run->results->subject_count = plan->subject_count;
	return r;
}

/* Two readings, between which there is enough else to do. */
static void know_clock(struct run *run)
{
	uint64_t now = measure_now_ns(), ready = run->clock.ns + CLOCK_NS;

	if (now < ready)
		nanosleep(&(struct timespec){ .tv_nsec = (long)(ready - now) }, NULL);
	measure_clock_end(&run->clock);
}

/* A subject that cannot be made is none; the others are. */
static void make_subjects(struct run *run)
{
	for (size_t i = 0; i < run->plan->subject_count && !interrupt_signal(); i++) {
		struct runner *runner = &run->runners[i];
		const struct subject *s = runner->subject;
		struct error error = { 0 };
		int r = 0;

		if (s->missing)
			r = error_set(&error, ERROR_HOST, ENOENT, "%s", s->missing);
		else if (s->kind == SUBJECT_RESTORED && s->makes_snapshot)
			r = snapshot_make(run, runner, &error);
		else if (s->kind == SUBJECT_POOLED)
			r = pool_make(run, runner, &error);
		if (r < 0 && !interrupt_signal()) {
			runner->explained = true;
			runner_give_up(run, runner, error.text);
		}
	}
}

/* --- the runs --- */

static void run_all(struct run *run, uint64_t rounds)
{
	if (run->plan->arrivals == ARRIVALS_OPEN_LOOP)
		run_open_loop(run, rounds);
	else
		run_rounds(run, rounds);
}

static void measure(struct run *run)
{
	const struct plan *plan = run->plan;

	progress_begin(run);
	if (plan->warm_up)
		run_all(run, plan->warm_up);
	run->counts = true;
	run->results->started_at = (uint64_t)time(NULL);
	run->began_ns = measure_now_ns();
	run->end_ns = plan->time_ns ? run->began_ns + plan->time_ns : 0;
	if (!interrupt_signal())
		run_all(run, plan->runs);
	run->results->took_ns = measure_now_ns() - run->began_ns;
	progress_end(run);
}

/* --- after --- */

static int by_beginning(const void *a, const void *b)
{
	const struct sample *x = a, *y = b;

	return x->begun_ns < y->begun_ns ? -1 : x->begun_ns > y->begun_ns;
}

/* Samples come in the order in which launches ended, with times of the host's clock. */
static void put_in_order(struct results *results)
{
	uint64_t first = UINT64_MAX;

	for (size_t i = 0; i < results->subject_count; i++) {
		struct subject_results *r = &results->subjects[i];

		if (r->sample_count)
			qsort(r->samples, r->sample_count, sizeof(*r->samples), by_beginning);
		if (r->sample_count && r->samples[0].begun_ns < first)
			first = r->samples[0].begun_ns;
	}
	for (size_t i = 0; i < results->subject_count; i++)
		for (size_t k = 0; k < results->subjects[i].sample_count; k++)
			results->subjects[i].samples[k].begun_ns -= first;
}

#define RATE_NOT_KEPT "launches came faster than they could be run: "
#define OF_A_QUEUE    "times are those of a queue that grows with the run: lower --rate, or raise --at-once"

/* What had not been begun; or the last launch of all, begun so much too late that those before it cannot have been in time. */
static void warn_of_rate(struct results *results)
{
	uint64_t due_ns = 0, late_ns = 0, not_begun = 0;

	for (size_t i = 0; i < results->subject_count; i++) {
		const struct subject_results *r = &results->subjects[i];
		const struct sample *last = r->sample_count ? &r->samples[r->sample_count - 1] : NULL;

		not_begun += r->not_begun;
		if (last && last->begun_ns >= due_ns) {
			due_ns = last->begun_ns;
			late_ns = last->late_ns;
		}
	}
	if (not_begun)
		environment_warn(&results->environment, "rate_not_kept", RATE_NOT_KEPT "%llu launches that were due had not been "
				 "begun when time was up, and are in no figure; " OF_A_QUEUE, (unsigned long long)not_begun);
	else if (results->plan->arrivals == ARRIVALS_OPEN_LOOP && late_ns > TOO_LATE_NS &&
		 (double)late_ns > LATE_PART * (double)due_ns)
		environment_warn(&results->environment, "rate_not_kept", RATE_NOT_KEPT "the last one %.3g s too late: " OF_A_QUEUE,
				 (double)late_ns / 1e9);
}

static void warn_of_trace(struct run *run)
{
	if (run->traced_in_part)
		environment_warn(&run->results->environment, "traced_in_part", "launches of which the kernel's trace could not "
				 "hold all VM exits: %llu: their phases are not known: measure a guest that exits less",
				 (unsigned long long)run->traced_in_part);
}

static bool is_good(const struct subject_results *r)
{
	return r->sample_count > r->failed + r->timed_out;
}

static uint64_t fewest(const struct results *results)
{
	uint64_t n = UINT64_MAX;

	for (size_t i = 0; i < results->subject_count; i++)
		if (is_good(&results->subjects[i]) && results->subjects[i].sample_count < n)
			n = results->subjects[i].sample_count;
	return n == UINT64_MAX ? 0 : n;
}

/* The floor alone is no result. */
static int check_good(const struct results *results, struct error *error)
{
	const struct subject_results *a = &results->subjects[0];

	for (size_t i = 0; i < results->subject_count; i++)
		if (is_good(&results->subjects[i]) && results->subjects[i].subject->kind != SUBJECT_FLOOR)
			return 0;
	if (results->signal)
		return error_set(error, ERROR_HOST, EINTR, "ended by signal %d before anything was measured", results->signal);
	return error_set(error, ERROR_HOST, EPROTO, "%s: nothing could be measured: %s", a->subject->name, a->failure[0] ?
			 a->failure : "time was up before a launch of it was due: raise --time or --rate");
}

static void tear_down(struct run *run)
{
	left_behind_end(run);
	for (size_t i = 0; i < run->plan->subject_count; i++)
		pool_free(run->runners[i].pool);
	slots_free(run);
	kvm_trace_close(&run->trace);
	if (run->null_fd >= 0)
		close(run->null_fd);
	if (run->drop_fd >= 0)
		close(run->drop_fd);
	plan_remove_scratch(run->plan);
	interrupt_end();
}

int bench_run(struct results *results, const struct plan *plan, struct error *error)
{
	struct run run = { .plan = plan, .results = results, .null_fd = -1, .drop_fd = -1, .trace.fd = -1, .random = plan->seed };
	int r;

	results->plan = plan;
	measure_clock_begin(&run.clock);
	r = set_up(&run, error); /* first of all: from now on a signal leaves no folder behind */
	if (r == 0 && plan->trace)
		r = kvm_trace_open(&run.trace, error);
	if (r == 0) {
		environment_begin(&results->environment);
		keep_off(plan);
		make_subjects(&run);
		reports_take(&run);
		know_clock(&run);
		measure(&run);
		put_in_order(results);
		for (size_t i = 0; i < plan->subject_count; i++)
			if (run.runners[i].failed)
				failure_explain(&run, &run.runners[i]);
		left_behind_end(&run);
		environment_end(&results->environment, fewest(results));
		warn_of_rate(results);
		warn_of_trace(&run);
		results->signal = interrupt_signal();
		r = check_good(results, error);
	}
	tear_down(&run);
	return r;
}
