/* SPDX-License-Identifier: Apache-2.0 */
/* Many clones at once: what each takes of the host's memory, and what they do to a launch. */
#include "perf/launches.h"

#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <x86intrin.h>

#include "perf/quantiles.h"

#define STACK_BYTES (128u << 10)
#define ASKS 300        /* of one clone alone; of each of many, at least 1 */
#define NEW_CLONES 50   /* for what making one takes */

/* A clone's thread: makes it, then answers whoever posts `asked`, until there is nothing to ask. */
struct slot {
	const struct launch_options *options;
	const struct snapshot *snapshot;
	struct clone clone;
	pthread_t thread;
	sem_t asked, answered;
	bool end;
	uint64_t start;
	struct stages stages;
};

static void *slot_thread(void *argument)
{
	struct slot *s = argument;

	clone_make(s->options, &s->clone, s->snapshot);
	for (;;) {
		sem_post(&s->answered);
		while (sem_wait(&s->asked))
			;
		if (s->end)
			break;
		clone_ask(&s->clone);
		s->stages = clone_stages(&s->clone, s->start);
		clone_reset(&s->clone);
	}
	clone_end(&s->clone);
	return NULL;
}

static void await(struct slot *s)
{
	while (sem_wait(&s->answered))
		;
}

static struct slot *slot_begin(const struct launch_options *o, const struct snapshot *snapshot)
{
	struct slot *s = perf_memory(1, sizeof(*s));
	pthread_attr_t attributes;

	s->options = o;
	s->snapshot = snapshot;
	sem_init(&s->asked, 0, 0);
	sem_init(&s->answered, 0, 0);
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	if (pthread_create(&s->thread, &attributes, slot_thread, s)) {
		perror("launches: a thread");
		exit(1);
	}
	pthread_attr_destroy(&attributes);
	await(s);
	return s;
}

static void slot_ask(struct slot *s)
{
	s->start = __rdtsc();
	sem_post(&s->asked);
	await(s);
}

static void slot_end(struct slot *s)
{
	s->end = true;
	sem_post(&s->asked);
	pthread_join(s->thread, NULL);
	free(s);
}

/* Lines "NAME: N kB" of a file of /proc; the sum of those named. */
static double kib(const char *path, const char *const *names, unsigned count)
{
	FILE *file = fopen(path, "re");
	char line[256];
	double sum = 0;

	while (file && fgets(line, sizeof(line), file)) {
		for (unsigned i = 0; i < count; i++) {
			size_t length = strlen(names[i]);

			if (strncmp(line, names[i], length) == 0 && line[length] == ':')
				sum += strtod(line + length + 1, NULL);
		}
	}
	if (file)
		fclose(file);
	return sum;
}

struct memory {
	double pss, kernel, available;
};

static struct memory memory_now(void)
{
	static const char *const pss[] = { "Pss" }, *const available[] = { "MemAvailable" };
	static const char *const kernel[] = { "Slab", "KernelStack", "PageTables", "SecPageTables", "Percpu", "VmallocUsed" };

	return (struct memory){ kib("/proc/self/smaps_rollup", pss, 1),
				kib("/proc/meminfo", kernel, sizeof(kernel) / sizeof(kernel[0])),
				kib("/proc/meminfo", available, 1) };
}

/* What the program asks of a process of clones, by a pipe each way. The answers are doubles. */
enum question {
	ASK,    /* clone number index: microseconds to its reply */
	MAKE,   /* one more: microseconds until it has replied, and it is ended */
	MEMORY, /* KiB of the process's proportional set */
	END,    /* itself: no answer. The end of its pipe does not tell, because those forked later have that open too */
};

struct question_message {
	uint32_t question, index;
};

struct process {
	pid_t pid;
	int ask, answer;
	unsigned clones;
};

static double answer(struct slot **slots, const struct question_message *m, const struct launch_options *o,
		     const struct snapshot *snapshot)
{
	uint64_t begun = perf_now_ns();
	struct slot *s;

	if (m->question == MEMORY)
		return memory_now().pss;
	s = m->question == ASK ? slots[m->index] : slot_begin(o, snapshot);
	slot_ask(s);
	if (m->question == ASK)
		return (double)s->stages.replied;
	begun = perf_now_ns() - begun;
	slot_end(s);
	return (double)begun / 1000;
}

/* Makes its clones, each of which serves one request; then answers until it is asked no more. */
static _Noreturn void process_main(const struct launch_options *o, const struct snapshot *snapshot, unsigned clones, int ask,
				   int to)
{
	struct slot **slots = perf_memory(clones, sizeof(*slots));
	struct question_message m;
	double value = 0;

	for (unsigned i = 0; i < clones; i++) {
		slots[i] = slot_begin(o, snapshot);
		slot_ask(slots[i]);
	}
	do {
		if (write(to, &value, sizeof(value)) != sizeof(value))
			break;
		if (read(ask, &m, sizeof(m)) != sizeof(m) || m.question == END)
			break;
		value = answer(slots, &m, o, snapshot);
	} while (true);
	_exit(0);
}

static double question(struct process *p, enum question what, unsigned index)
{
	struct question_message m = { what, index };
	double value;

	if (write(p->ask, &m, sizeof(m)) != sizeof(m) || read(p->answer, &value, sizeof(value)) != sizeof(value)) {
		fputs("launches: a process of clones has ended\n", stderr);
		exit(1);
	}
	return value;
}

static void process_begin(struct process *p, unsigned clones, const struct launch_options *o, const struct snapshot *snapshot)
{
	int ask[2], to[2];
	double ready;

	if (pipe2(ask, O_CLOEXEC) || pipe2(to, O_CLOEXEC)) {
		perror("launches: pipe");
		exit(1);
	}
	p->pid = fork();
	if (p->pid == 0) {
		close(ask[1]);
		close(to[0]);
		process_main(o, snapshot, clones, ask[0], to[1]);
	}
	close(ask[0]);
	close(to[1]);
	p->ask = ask[1];
	p->answer = to[0];
	p->clones = clones;
	if (read(p->answer, &ready, sizeof(ready)) != sizeof(ready)) {
		fputs("launches: a process of clones could not be made\n", stderr);
		exit(1);
	}
}

static void process_end(struct process *p)
{
	struct question_message m = { END, 0 };

	if (write(p->ask, &m, sizeof(m)) != sizeof(m))
		kill(p->pid, SIGKILL);
	close(p->ask);
	close(p->answer);
	waitpid(p->pid, NULL, 0);
}

/* What was asked: of clones that are there, and of new ones. */
struct asked {
	float *us, *new_us;
	unsigned count, new_count;
};

static void measure(struct process *processes, unsigned count, unsigned asks, struct asked *into)
{
	for (unsigned i = 0; i < asks; i++) {
		struct process *p = &processes[i % count];

		into->us[into->count++] = (float)question(p, ASK, i / count % p->clones);
	}
	for (unsigned i = 0; i < NEW_CLONES; i++)
		into->new_us[into->new_count++] = (float)question(&processes[i % count], MAKE, 0);
}

static struct asked asked_begin(unsigned asks, unsigned rounds)
{
	return (struct asked){ .us = perf_memory((uint64_t)asks * rounds, sizeof(float)),
			       .new_us = perf_memory((uint64_t)NEW_CLONES * rounds, sizeof(float)) };
}

static void print(const char *name, const char *of_new, struct asked *a)
{
	quantiles_json(name, quantiles_of(a->us, a->count));
	quantiles_json(of_new, quantiles_of(a->new_us, a->new_count));
}

/* Rounds of the two by turns: the host may be busier in one than in the next. */
void resident(const struct launch_options *o, unsigned clones, unsigned in_process, unsigned rounds)
{
	unsigned count = (clones + in_process - 1) / in_process, asks = clones > ASKS ? clones : ASKS;
	struct process alone, *processes = perf_memory(count, sizeof(*processes));
	struct asked empty = asked_begin(ASKS, rounds), full = asked_begin(asks, rounds);
	struct memory before, after;
	struct snapshot snapshot;
	struct rlimit files;
	double pss = 0;

	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	launch_snapshot(o, &snapshot);
	for (unsigned round = 0; round < rounds; round++) {
		process_begin(&alone, 1, o, &snapshot);
		measure(&alone, 1, ASKS, &empty);
		process_end(&alone);
		before = memory_now();
		for (unsigned i = 0; i < count; i++)
			process_begin(&processes[i], i + 1 < count ? in_process : clones - i * in_process, o, &snapshot);
		after = memory_now();
		pss = 0;
		for (unsigned i = 0; i < count; i++)
			pss += question(&processes[i], MEMORY, 0);
		measure(processes, count, asks, &full);
		for (unsigned i = 0; i < count; i++)
			process_end(&processes[i]);
	}
	printf("{\"clones\":%u,\"processes\":%u,\"pss_kib\":%.1f,\"kernel_kib\":%.1f,\"unavailable_kib\":%.1f", clones, count,
	       pss / clones, (after.kernel - before.kernel) / clones, (before.available - after.available) / clones);
	print("asked_empty", "made_empty", &empty);
	print("asked_full", "made_full", &full);
	printf("}\n");
}
