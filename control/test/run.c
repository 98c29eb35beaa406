/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs what is selected: as many tries at once as there are jobs, in one thread, which sleeps until a descriptor of a try's or a
 * signal has something to say. What is to be measured comes at the end, alone.
 */
#include "control/test/run.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "control/test/select.h"
#include "vmm/error.h"

#define PROGRESS_NS 500000000ull
#define TRY_OPEN_FDS 8 /* of a try: what it waits for, its record, its commands' pipe */
#define OUR_FDS 40     /* besides, those that are open for a moment among them */
#define KEPT_BYTES_MAX (256u << 20) /* of all output together, before more of it is cut */
#define CUT_BYTES (32u << 10)       /* of one guest's then: half of it from the beginning, half from the end */

static const int stop_signals[] = { SIGINT, SIGTERM, SIGHUP };

/* --- outcomes --- */

void outcome_clear(struct test_outcome *outcome)
{
	free(outcome->problems);
	free(outcome->console);
	free(outcome->messages);
	if (outcome->scratch)
		scratch_remove(outcome->scratch);
	free(outcome->scratch);
	*outcome = (struct test_outcome){ .of = outcome->of, .name = outcome->name, .ring = outcome->ring, .status = -1,
					  .result = outcome->result, .tries = outcome->tries };
}

void test_results_free(struct test_results *results)
{
	for (size_t i = 0; i < results->count; i++) {
		struct test_outcome *o = &results->outcomes[i];

		free(o->name);
		free(o->problems);
		free(o->console);
		free(o->messages);
		free(o->scratch);
	}
	free(results->outcomes);
	results->outcomes = NULL;
	results->count = 0;
}

/* There may be thousands that have printed a megabyte each. */
static void shorten(struct runner *runner, struct test_outcome *o)
{
	char *console;

	if (runner->kept_bytes > KEPT_BYTES_MAX && o->console_bytes > CUT_BYTES) {
		o->console_dropped += o->console_bytes - CUT_BYTES;
		memmove(o->console + CUT_BYTES / 2, o->console + o->console_bytes - CUT_BYTES / 2, CUT_BYTES / 2);
		o->console_bytes = CUT_BYTES;
		o->console[CUT_BYTES] = '\0';
		console = realloc(o->console, CUT_BYTES + 1);
		o->console = console ? console : o->console;
	}
	runner->kept_bytes += o->console_bytes + o->messages_bytes;
}

static void count(struct test_results *results, const struct test_outcome *outcome)
{
	switch (outcome->result) {
	case TEST_PASSED:
		results->passed++;
		results->flaky += outcome->tries > 1;
		break;
	case TEST_FAILED:
		results->failed++;
		break;
	case TEST_SKIPPED:
		results->skipped++;
		break;
	case TEST_INTERRUPTED:
		results->interrupted++;
		break;
	}
}

static void tell(struct runner *runner)
{
	struct test_results *results = runner->results;

	while (runner->told < results->count && runner->settled[runner->told]) {
		struct test_outcome *outcome = &results->outcomes[runner->told++];

		runner->reporter->told(results, outcome, runner->told);
		shorten(runner, outcome);
	}
}

void runner_settle(struct runner *runner, struct test_outcome *outcome, enum test_result result)
{
	size_t number = (size_t)(outcome - runner->results->outcomes);

	assert(number < runner->results->count && !runner->settled[number]);
	outcome->result = result;
	runner->settled[number] = true;
	runner->done++;
	count(runner->results, outcome);
	tell(runner);
	if (result == TEST_FAILED && runner->results->plan->fail_fast)
		runner->stopped = true;
}

static void progress(struct runner *runner)
{
	uint64_t now;

	if (!runner->reporter->progress)
		return;
	now = measure_now_ns();
	if (now < runner->progress_ns + PROGRESS_NS)
		return;
	runner->progress_ns = now;
	runner->reporter->progress(runner->results, runner->done, runner->running);
}

/* --- the loop --- */

static void read_signals(struct runner *runner)
{
	struct signalfd_siginfo info;

	while (read(runner->signals, &info, sizeof(info)) == sizeof(info))
		if (!runner->results->signal)
			runner->results->signal = (int)info.ssi_signo;
	if (runner->results->signal)
		runner->stopped = true;
}

void runner_take_signals(struct runner *runner)
{
	read_signals(runner);
	for (size_t i = 0; i < runner->try_count && runner->results->signal; i++)
		if (!runner->tries[i].broken_off)
			try_break_off(&runner->tries[i]);
}

/* Milliseconds to the next time at which something is to be done that nobody tells us of; -1: never. */
static int patience(const struct runner *runner)
{
	uint64_t now = measure_now_ns(), at = runner->reporter->progress ? runner->progress_ns + PROGRESS_NS : UINT64_MAX;

	for (size_t i = 0; i < runner->try_count; i++) {
		const struct try *t = &runner->tries[i];

		if (t->phase != TRY_OVER && !t->killed && t->kill_ns < at)
			at = t->kill_ns;
	}
	if (at == UINT64_MAX)
		return -1;
	return at <= now ? 0 : (int)((at - now) / 1000000 < 3600000 ? (at - now) / 1000000 + 1 : 3600000);
}

/* poll() refuses more entries than a process may have descriptors, also those that are none: only the others are handed to it. */
static void wait_for(struct pollfd *fds, struct pollfd *packed, size_t count, int ms)
{
	size_t used = 0;
	int r;

	for (size_t i = 0; i < count; i++)
		if (fds[i].fd >= 0)
			packed[used++] = fds[i];
	r = poll(packed, used, ms);
	assert(r >= 0 || errno == EINTR || errno == ENOMEM);
	used = 0;
	for (size_t i = 0; i < count; i++)
		fds[i].revents = fds[i].fd >= 0 && r > 0 ? packed[used++].revents : 0;
}

void runner_wait(struct runner *runner)
{
	size_t count = runner->try_count * TRY_FDS;

	for (size_t i = 0; i < runner->try_count; i++)
		try_fds(&runner->tries[i], &runner->fds[i * TRY_FDS]);
	runner->fds[count] = (struct pollfd){ .fd = runner->signals, .events = POLLIN };
	wait_for(runner->fds, runner->packed, count + 1, patience(runner));
	/* First: what the same signal has ended, Ctrl-C in the moment of its start, has not failed. */
	if (runner->fds[count].revents)
		runner_take_signals(runner);
	for (size_t i = 0; i < runner->try_count; i++)
		try_go_on(&runner->tries[i], &runner->fds[i * TRY_FDS]);
	progress(runner);
}

static bool is_known(const void *context, pid_t pid)
{
	const struct runner *runner = context;

	if (orphans_is_stranger(&runner->strangers, pid))
		return true;
	for (size_t i = 0; i < runner->try_count; i++) {
		const struct try *t = &runner->tries[i];

		if ((t->phase != TRY_OVER && t->child.pid == pid) || t->beside.pid == pid)
			return true;
	}
	return false;
}

bool runner_try_end(struct runner *runner, struct try *t)
{
	return try_end(t, is_known, runner);
}

static unsigned tries_of(const struct runner *runner, const struct test_case *of)
{
	int retries = runner->results->plan->retries;

	return 1 + (retries >= 0 ? (unsigned)retries : of->retries);
}

static void begin(struct try *t, struct test_outcome *outcome)
{
	if (outcome->tries > 0)
		problems_more(&t->earlier, "try %u: %s", outcome->tries, outcome->problems);
	outcome_clear(outcome);
	outcome->tries++;
	try_begin(t, outcome);
}

/* A try is over: another one, or the result. True: the slot is free. */
static bool over(struct runner *runner, struct try *t)
{
	struct test_outcome *outcome = t->outcome;
	bool passed = runner_try_end(runner, t);

	if (!passed && !t->broken_off && outcome->tries < tries_of(runner, outcome->of)) {
		begin(t, outcome);
		return false;
	}
	if (passed && t->earlier.text) { /* it is flaky: what was wrong before is worth telling */
		free(outcome->problems);
		outcome->problems = problems_end(&t->earlier);
	}
	free(problems_end(&t->earlier));
	if (t->broken_off) {
		runner_settle(runner, outcome, TEST_INTERRUPTED);
	} else if (!passed) {
		runner_settle(runner, outcome, TEST_FAILED);
	} else if (outcome->of->boot_floor_max <= 0) {
		runner_settle(runner, outcome, TEST_PASSED);
	} else {
		outcome->result = TEST_PASSED; /* so far */
	}
	return true;
}

/* The next one that is to be run. */
static struct test_outcome *next(struct runner *runner)
{
	struct test_results *results = runner->results;

	while (runner->next < results->count && !runner->stopped) {
		struct test_outcome *outcome = &results->outcomes[runner->next++];

		if (outcome->result != TEST_SKIPPED)
			return outcome;
		runner_settle(runner, outcome, TEST_SKIPPED);
	}
	return NULL;
}

/* Gives each free slot something to do; those that are over at once get the next thing. */
static void fill(struct runner *runner)
{
	for (size_t i = 0; i < runner->try_count; i++) {
		struct try *t = &runner->tries[i];

		while (t->phase == TRY_OVER) {
			struct test_outcome *outcome;

			if (t->outcome && !over(runner, t))
				continue;
			runner->running -= t->outcome != NULL;
			t->outcome = NULL;
			outcome = next(runner);
			if (!outcome)
				break;
			runner->running++;
			begin(t, outcome);
		}
	}
}

static void run_all(struct runner *runner)
{
	fill(runner);
	while (runner->running > 0) {
		runner_wait(runner);
		fill(runner);
	}
}

static void measure(struct runner *runner)
{
	struct test_results *results = runner->results;

	for (size_t i = 0; i < results->count && !runner->stopped; i++)
		if (!runner->settled[i] && results->outcomes[i].result == TEST_PASSED)
			floor_measure(runner, &results->outcomes[i]);
}

/* What was not run, or not measured, by a signal or --fail-fast. */
static void settle_rest(struct runner *runner)
{
	struct test_results *results = runner->results;

	for (size_t i = 0; i < results->count; i++)
		if (!runner->settled[i])
			runner_settle(runner, &results->outcomes[i],
				      results->outcomes[i].result == TEST_SKIPPED ? TEST_SKIPPED : TEST_INTERRUPTED);
}

/* --- before and after --- */

static void nothing(int signal)
{
	(void)signal;
}

/* Who is started with a signal ignored keeps ignoring it, as a shell's background job does SIGINT. */
static int take_over_signals(struct runner *runner, struct error *error)
{
	/* A handler, and not SIG_IGN, which our children would inherit: who reads our output may go at any time. */
	struct sigaction quiet = { .sa_handler = nothing, .sa_flags = SA_RESTART }, now;
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(stop_signals) / sizeof(stop_signals[0]); i++)
		if (sigaction(stop_signals[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
			sigaddset(&set, stop_signals[i]);
	sigaction(SIGPIPE, &quiet, NULL);
	sigprocmask(SIG_BLOCK, &set, &runner->mask_before);
	runner->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return runner->signals < 0 ? error_set(error, ERROR_HOST, errno, "signalfd: %s", strerror(errno)) : 0;
}

/* So that none of ours becomes one of theirs. */
static int open_standard(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
	return fd;
}

/* As many as there are descriptors for. */
static size_t jobs_max(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= OUR_FDS + JOBS_MAX * TRY_OPEN_FDS)
		return JOBS_MAX;
	return limit.rlim_cur < OUR_FDS + TRY_OPEN_FDS ? 1 : (limit.rlim_cur - OUR_FDS) / TRY_OPEN_FDS;
}

static size_t job_count(const struct test_results *results)
{
	size_t jobs = results->plan->jobs, most = jobs_max();
	cpu_set_t cpus;

	if (jobs == 0)
		jobs = sched_getaffinity(0, sizeof(cpus), &cpus) == 0 ? (size_t)CPU_COUNT(&cpus) : 1;
	most = results->count < most ? results->count : most;
	return jobs > most ? most : jobs;
}

static int find_kvick(struct runner *runner, struct error *error)
{
	const char *given = runner->results->plan->kvick;
	char *absolute;
	int r = given ? program_find(given, runner->shared.kvick, error) : program_of_kvick("kvick", runner->shared.kvick, error);

	if (r < 0)
		return r;
	absolute = realpath(runner->shared.kvick, NULL);
	if (absolute)
		snprintf(runner->shared.kvick, sizeof(runner->shared.kvick), "%s", absolute);
	free(absolute);
	return 0;
}

static int prepare(struct runner *runner, struct error *error)
{
	struct test_results *results = runner->results;
	size_t jobs = job_count(results);
	int r = find_kvick(runner, error);

	runner->shared.plan = results->plan;
	runner->shared.manifest = results->manifest;
	runner->settled = calloc(results->count, sizeof(*runner->settled));
	runner->tries = calloc(jobs, sizeof(*runner->tries));
	runner->fds = calloc(jobs * TRY_FDS + 1, sizeof(*runner->fds));
	runner->packed = calloc(jobs * TRY_FDS + 1, sizeof(*runner->packed));
	if (r == 0 && (!runner->settled || !runner->tries || !runner->fds || !runner->packed))
		r = error_set(error, ERROR_HOST, ENOMEM, "no memory for %zu cases", results->count);
	if (r == 0 && open_standard() < 0)
		r = error_set(error, ERROR_HOST, errno, "/dev/null: %s", strerror(errno));
	if (r == 0) {
		runner->shared.null = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (runner->shared.null < 0)
			r = error_set(error, ERROR_HOST, errno, "/dev/null: %s", strerror(errno));
	}
	for (; r == 0 && runner->try_count < jobs; runner->try_count++)
		r = try_prepare(&runner->tries[runner->try_count], &runner->shared, error);
	return r < 0 ? r : take_over_signals(runner, error);
}

static void clean_up(struct runner *runner)
{
	for (size_t i = 0; i < runner->try_count; i++)
		try_free(&runner->tries[i]);
	free(runner->tries);
	free(runner->fds);
	free(runner->packed);
	free(runner->settled);
	golden_files_free(&runner->shared.golden);
	if (runner->shared.null >= 0)
		close(runner->shared.null);
	if (runner->signals >= 0) {
		read_signals(runner); /* none of them ends us before the results are written */
		close(runner->signals);
		sigprocmask(SIG_SETMASK, &runner->mask_before, NULL);
	}
}

static void run(struct runner *runner)
{
	struct test_results *results = runner->results;
	uint64_t begun = measure_now_ns();

	results->started_at = (uint64_t)time(NULL);
	orphans_begin(&runner->strangers);
	runner->reporter->begin(results);
	run_all(runner);
	measure(runner);
	settle_rest(runner);
	orphans_end(&(struct orphans_rule){ .known = is_known, .context = runner });
	if (!scratches_end(&runner->shared.scratches))
		dprintf(STDERR_FILENO, "kvick: %s: it could not be removed\n", runner->shared.scratches.path);
	results->took_ns = measure_now_ns() - begun;
	runner->reporter->end(results);
}

int test_run(struct test_results *results, const struct reporter *reporter, struct error *error)
{
	struct runner runner = { .results = results, .reporter = reporter, .signals = -1, .shared = { .null = -1 } };
	int r = test_select(results, error);

	if (r < 0)
		return r;
	r = prepare(&runner, error);
	if (r == 0)
		run(&runner);
	clean_up(&runner);
	return r;
}
