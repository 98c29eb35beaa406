/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Launches in this process: machines of a snapshot in memory, each in a thread of its own, which is asked, runs the guest, and has
 * the machine reset. What is measured begins when the thread has been told, and ends when the machine is as it was.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#include <kvick.h>
#include <kvick/hypercall.h>

#include "control/bench/memory.h"
#include "control/bench/run.h"
#include "control/bench/run_words.h"
#include "control/units.h"
#include "vmm/error.h"

#define NS_PER_S 1000000000

struct pool_slot {
	struct pool *pool;
	struct kvick_vm *vm;    /* NULL: it was broken, and could not be made again */
	bool broken;            /* it could not be reset */
	pthread_t thread;
	bool has_thread, busy, ends;
	int go_fd, done_fd;     /* eventfds: to the thread, and back */
	uint8_t *reply;
	/* Of one launch; the thread's until done_fd is readable. */
	struct ended ended;
	uint64_t run_ticks, reset_ticks;
	struct kvick_stats stats;
	enum kvick_outcome outcome;
	int status;
};

struct pool {
	const struct subject *subject;
	struct kvick_template *of;
	uint8_t *request;       /* without --request an empty one: who is no function does not ask for it */
	size_t request_bytes;
	bool wants_reply;
	struct pool_slot *slots;
	size_t count;
};

/* --- in the machine's thread --- */

/* Time of the processor is read from its clock: what getrusage() knows of a thread that runs is as old as the last tick. */
struct usage {
	struct timespec cpu;
	struct rusage faults;
};

static void usage_now(struct usage *usage)
{
	getrusage(RUSAGE_THREAD, &usage->faults);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &usage->cpu);
}

/* Which part of it is the system's is known by ticks alone, so all is the user's: it is mostly the guest's anyway. */
static void usage_add(struct sample *sample, const struct usage *from)
{
	struct usage to;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to.cpu);
	getrusage(RUSAGE_THREAD, &to.faults);
	sample->user_ns += (uint64_t)((to.cpu.tv_sec - from->cpu.tv_sec) * NS_PER_S + to.cpu.tv_nsec - from->cpu.tv_nsec);
	sample->minor_faults += (uint64_t)(to.faults.ru_minflt - from->faults.ru_minflt);
	sample->major_faults += (uint64_t)(to.faults.ru_majflt - from->faults.ru_majflt);
}

static void ask(struct pool_slot *slot, struct kvick_error *error)
{
	const struct pool *pool = slot->pool;
	struct usage before;
	size_t reply_bytes;
	uint64_t tsc;

	usage_now(&before);
	slot->ended.begun_ns = measure_now_ns();
	tsc = __rdtsc();
	kvick_vm_invoke(slot->vm, pool->request, pool->request_bytes, slot->reply, KVICK_REPLY_BYTES_MAX, &reply_bytes, 0, error);
	slot->run_ticks = __rdtsc() - tsc;
	usage_add(&slot->ended.sample, &before);
}

static void reset(struct pool_slot *slot, struct kvick_error *error)
{
	struct usage before;
	uint64_t tsc;

	usage_now(&before);
	tsc = __rdtsc();
	slot->broken = kvick_vm_reset(slot->vm, error) < 0;
	slot->reset_ticks = __rdtsc() - tsc;
	usage_add(&slot->ended.sample, &before);
}

/* What a machine says of its run is asked for between the two parts that are measured. */
static void launch(struct pool_slot *slot)
{
	const struct subject *s = slot->pool->subject;
	struct kvick_error error = { 0 };

	memset(&slot->ended, 0, sizeof(slot->ended));
	ask(slot, &error);
	kvick_vm_stats(slot->vm, &slot->stats, sizeof(slot->stats));
	slot->outcome = kvick_vm_outcome(slot->vm);
	slot->status = kvick_vm_status(slot->vm);
	if (slot->outcome != KVICK_EXITED || (error.code && slot->pool->wants_reply))
		snprintf(slot->ended.why, sizeof(slot->ended.why), "%s", error.text[0] ? error.text : "the guest reset itself");
	else
		ended_judge(&slot->ended, s, slot->status);
	reset(slot, &error);
}

static void tell(int fd)
{
	const uint64_t one = 1;

	while (write(fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

static void hear(int fd)
{
	uint64_t value;

	while (read(fd, &value, sizeof(value)) < 0 && errno == EINTR)
		;
}

static void *serve(void *context)
{
	struct pool_slot *slot = context;

	for (;;) {
		hear(slot->go_fd);
		if (slot->ends)
			return NULL;
		launch(slot);
		tell(slot->done_fd);
	}
}

/* --- in the main one --- */

static int failed(const struct kvick_error *from, struct error *error)
{
	return error_set(error, ERROR_HOST, -from->code, "%s", from->text);
}

/* Here, and not by its thread: nobody may cancel what is about to be freed. */
static int make_again(struct pool_slot *machine, struct error *error)
{
	struct kvick_error why = { 0 };

	kvick_vm_free(machine->vm);
	machine->vm = NULL;
	if (kvick_vm_new(&machine->vm, machine->pool->of, &why) < 0)
		return failed(&why, error);
	machine->broken = false;
	return 0;
}

/* There are as many machines as slots, so one is free. */
static int begin(struct run *run, struct slot *slot, struct error *error)
{
	struct pool_slot *machine = slot->runner->pool->slots;
	int r;

	(void)run;
	while (machine->busy)
		machine++;
	r = machine->broken ? make_again(machine, error) : 0;
	if (r < 0)
		return r;
	machine->busy = true;
	slot->machine = machine;
	tell(machine->go_fd);
	return 0;
}

static int fd(const struct slot *slot)
{
	return slot->machine->done_fd;
}

/* It may not have begun yet: asked for again until it is over. */
static void end_late(struct pool_slot *machine)
{
	struct pollfd done = { .fd = machine->done_fd, .events = POLLIN };

	do
		kvick_vm_cancel(machine->vm);
	while (poll(&done, 1, 1) <= 0);
}

/* All that is not the run belongs to its beginning but one call of the kernel's; kvick_vm_stats() counts from the first entry. */
static void take_stats(const struct run *run, struct pool_slot *machine, struct sample *sample)
{
	const struct kvick_stats *stats = &machine->stats;
	uint64_t run_ns = measure_clock_ns(&run->clock, machine->run_ticks);
	uint64_t began_ns = stats->main_ns ? stats->main_ns : stats->handler_ns ? stats->handler_ns : stats->taken_ns;

	sample->exit_ns = run_ns;
	sample->entry_ns = run_ns > stats->run_ns ? run_ns - stats->run_ns : 0;
	sample->first_ns = stats->first_ns ? sample->entry_ns + stats->first_ns : 0;
	sample->guest_main_ns = began_ns ? sample->entry_ns + began_ns : 0;
	sample->reaped_ns = run_ns + measure_clock_ns(&run->clock, machine->reset_ticks);
	sample->counted = COUNTED_ALL;
	sample->exits = stats->exits;
	sample->hypercalls = stats->hypercalls;
	sample->peak_bytes = stats->mapped_pages * 4096;
}

static void end(struct run *run, struct slot *slot, bool late, struct ended *ended)
{
	struct pool_slot *machine = slot->machine;

	if (late)
		end_late(machine);
	hear(machine->done_fd);
	machine->busy = false;
	take_stats(run, machine, &machine->ended.sample);
	*ended = machine->ended;
	if (late && machine->outcome == KVICK_CANCELLED) {
		ended->sample.result = SAMPLE_TIMED_OUT;
		snprintf(ended->why, sizeof(ended->why), "not over after %.3g s (--timeout)", (double)run->plan->timeout_ns / 1e9);
	} else if (ended->why[0]) {
		ended->sample.result = SAMPLE_FAILED;
	}
}

const struct slot_kind pool_slots = { .begin = begin, .fd = fd, .end = end };

/* --- made, and ended --- */

static int set_option(struct kvick_options *options, const struct run_word *word, struct kvick_error *error)
{
	uint64_t bytes = 0;

	if (strcmp(word->name, "mem") == 0 && word->value)
		return units_size(word->value, &bytes) ? kvick_options_set_memory(options, bytes, error) : -EINVAL;
	if (strcmp(word->name, "ring") == 0)
		return strcmp(word->value, "auto") == 0 ? 0 : kvick_options_set_ring(options, atoi(word->value), error);
	if (strcmp(word->name, "cpu") == 0)
		return kvick_options_set_cpu(options, word->value, error);
	if (strcmp(word->name, "env") == 0)
		return kvick_options_add_variable(options, word->value, error);
	return 0;
}

static int set_options(struct kvick_options *options, const struct subject *s, struct error *error)
{
	struct kvick_error why = { 0 };

	for (char **at = s->options; *at;) {
		struct run_word word;
		size_t n = run_word(at, &word);
		int r = set_option(options, &word, &why);

		if (r < 0)
			return error_set(error, ERROR_USAGE, -r, "--%s %s: %s", word.name, word.value,
					 why.text[0] ? why.text : "not a size: write 16M, 2G or a number of bytes");
		at += n;
	}
	for (char **argument = s->arguments; *argument; argument++)
		if (kvick_options_add_argument(options, *argument, &why) < 0)
			return failed(&why, error);
	return 0;
}

/* A function as it is when it waits for a request; else as it is before its first instruction. */
static int take_snapshot(struct run *run, struct pool *pool, struct kvick_template *image, struct error *error)
{
	struct kvick_error why = { 0 };
	int r = kvick_template_snapshot(&pool->of, image, KVICK_AT_READY, run->plan->timeout_ns, &why);

	if ((r == -EPROTO || r == -ETIMEDOUT) && !run->plan->request) {
		r = kvick_template_snapshot(&pool->of, image, KVICK_AT_ENTRY, 0, &why);
		if (r == 0)
			progress_say(run, "%s: a snapshot of it before its first instruction: it never says that it is ready for "
				     "a request", pool->subject->name);
	}
	return r < 0 ? failed(&why, error) : 0;
}

static int make_template(struct run *run, struct pool *pool, struct error *error)
{
	const struct subject *s = pool->subject;
	struct kvick_options *options = kvick_options_new();
	struct kvick_template *image = NULL;
	struct kvick_error why = { 0 };
	int r;

	if (!options)
		return error_set(error, ERROR_HOST, ENOMEM, "no memory: free some");
	if (s->makes_snapshot) {
		r = set_options(options, s, error);
		if (r == 0 && kvick_template_of_image(&image, s->image, options, &why) < 0)
			r = failed(&why, error);
		if (r == 0)
			r = take_snapshot(run, pool, image, error);
		kvick_template_free(image);
	} else {
		r = kvick_template_of_snapshot(&pool->of, s->image, NULL, &why);
		if (r < 0)
			failed(&why, error);
	}
	kvick_options_free(options);
	return r;
}

static int read_request(struct run *run, struct pool *pool, struct error *error)
{
	const char *path = run->plan->request;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = 1;

	pool->wants_reply = true;
	while (fd >= 0 && n > 0 && pool->request_bytes < KVICK_REQUEST_BYTES_MAX) {
		n = read(fd, pool->request + pool->request_bytes, KVICK_REQUEST_BYTES_MAX - pool->request_bytes);
		pool->request_bytes += n > 0 ? (size_t)n : 0;
	}
	if (fd < 0 || n < 0)
		return error_set(error, ERROR_HOST, errno, "--request %s: %s", path, strerror(errno));
	close(fd);
	return 0;
}

/* Its thread takes no signal of ours: they are the main one's. */
static int start_thread(struct run *run, struct pool_slot *slot, struct error *error)
{
	pthread_attr_t attributes;
	sigset_t set, before;
	int r;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	pthread_attr_init(&attributes);
	if (run->plan->pinned)
		pthread_attr_setaffinity_np(&attributes, sizeof(run->plan->cpus), &run->plan->cpus);
	pthread_sigmask(SIG_BLOCK, &set, &before);
	r = pthread_create(&slot->thread, &attributes, serve, slot);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attributes);
	slot->has_thread = r == 0;
	return r ? error_set(error, ERROR_HOST, r, "a thread for a machine: %s: raise the limit of processes (ulimit -u), or lower "
			     "--at-once", strerror(r)) : 0;
}

static int make_slot(struct run *run, struct pool *pool, struct pool_slot *slot, struct error *error)
{
	struct kvick_error why = { 0 };

	slot->pool = pool;
	slot->go_fd = eventfd(0, EFD_CLOEXEC);
	slot->done_fd = eventfd(0, EFD_CLOEXEC);
	slot->reply = memory_of(1, KVICK_REPLY_BYTES_MAX);
	if (slot->go_fd < 0 || slot->done_fd < 0)
		return error_set(error, ERROR_HOST, errno, "eventfd: %s: raise the limit of open files (ulimit -n), or lower "
				 "--at-once", strerror(errno));
	if (kvick_vm_new(&slot->vm, pool->of, &why) < 0)
		return failed(&why, error);
	return start_thread(run, slot, error);
}

int pool_make(struct run *run, struct runner *runner, struct error *error)
{
	struct pool *pool = runner->pool = memory_of(1, sizeof(*pool));
	int r = 0;

	pool->subject = runner->subject;
	pool->request = memory_of(1, KVICK_REQUEST_BYTES_MAX);
	if (run->plan->request)
		r = read_request(run, pool, error);
	if (r == 0)
		r = make_template(run, pool, error);
	pool->slots = memory_of(run->slot_count, sizeof(*pool->slots));
	for (; pool->count < run->slot_count && r == 0; pool->count++)
		r = make_slot(run, pool, &pool->slots[pool->count], error);
	return r;
}

void pool_free(struct pool *pool)
{
	for (size_t i = 0; pool && i < pool->count; i++) {
		struct pool_slot *slot = &pool->slots[i];

		slot->ends = true;
		if (slot->has_thread) {
			tell(slot->go_fd);
			pthread_join(slot->thread, NULL);
		}
		kvick_vm_free(slot->vm);
		if (slot->go_fd >= 0)
			close(slot->go_fd);
		if (slot->done_fd >= 0)
			close(slot->done_fd);
		free(slot->reply);
	}
	if (!pool)
		return;
	kvick_template_free(pool->of);
	free(pool->slots);
	free(pool->request);
	free(pool);
}
