/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counts the instructions that a launch takes, kernel's and guest's included. It runs inside the nested
 * machine under --exact, where the time stamp counter advances by one an instruction; perf/exact.sh starts it.
 *
 *	exact [-n RUNS] NAME COMMAND [ARG]... [-- NAME COMMAND [ARG]...]...
 *
 * Prints lines "exact NAME MEASURE MEDIAN SPREAD": the spread is that of the middle half of the runs, in percent of the
 * median. (About every eighth launch finds one of the kernel's caches of free memory empty, and pays 40,000
 * instructions to refill it: neither figure should depend on whether one did.)
 *
 *	spawn_first   from before vfork() to the guest's first instruction
 *	exec_first    the same from before execve()
 *	first_exit    from there until KVM hands the guest's last exit to user space
 *	exit_reaped   from there until the process is reaped
 *	whole         spawn to reaped, with nothing traced
 *	waited        clock time in `whole` in which the processor had nothing to do; in no other measure
 *	traced        what tracing adds to `whole`
 *
 * The commands are run as a user runs them: no report, no stamp of their own. Their splits are taken from
 * outside, by the kernel's tracepoints kvm_entry and kvm_userspace_exit, the same for every command: a few dozen
 * events of some hundred instructions each, and `traced` says what they come to. `whole` is counted without.
 *
 * The guest's first instruction is executed after the last of the entries that begin at its address: those
 * before fault in the second-level page tables (a cost of the launch) and execute nothing.
 *
 * With nothing to run, the emulated clock jumps to the next timer. A VM's teardown waits for RCU,
 * whole milliseconds of it; those are no instructions, and are taken off.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#define TRACING "/sys/kernel/tracing/"
#define RUNS_MAX 100
#define WARM_UP_RUNS 3 /* page cache, host facts, slabs */
#define TRACE_BYTES (1u << 20)
#define CHECK_ROUNDS 1000000u
#define TICK_NS 20000000u /* a multiple of every CONFIG_HZ's tick */
#define AFTER_TICK_NS 300000u
#define SETTLE_TICKS 5 /* what a launch leaves to kernel threads is done by then */

enum measure { SPAWN_FIRST, EXEC_FIRST, FIRST_EXIT, EXIT_REAPED, WHOLE, WAITED, TRACED, MEASURES };

static const char *const measure_names[MEASURES] = {
	[SPAWN_FIRST] = "spawn_first", [EXEC_FIRST] = "exec_first", [FIRST_EXIT] = "first_exit",
	[EXIT_REAPED] = "exit_reaped", [WHOLE] = "whole", [WAITED] = "waited", [TRACED] = "traced",
};

struct stamps {
	uint64_t spawn, exec, first, exit, reaped;
};

extern char **environ;

static void die(const char *what)
{
	fprintf(stderr, "exact: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void put(const char *file, const char *text)
{
	int fd = open(file, O_WRONLY | O_TRUNC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		die(file);
	close(fd);
}

static char *get(const char *file)
{
	static char text[TRACE_BYTES];
	size_t used = 0;
	int fd = open(file, O_RDONLY);
	ssize_t n = 0;

	if (fd < 0)
		die(file);
	while (used < sizeof(text) - 1 && (n = read(fd, text + used, sizeof(text) - 1 - used)) > 0)
		used += (size_t)n;
	if (n < 0)
		die(file);
	close(fd);
	text[used] = '\0';
	return text;
}

static void check_clock(void)
{
	uint64_t rounds = CHECK_ROUNDS, begin = __rdtsc(), took;

	__asm__ volatile("1: dec %0; jnz 1b" : "+r"(rounds));
	took = __rdtsc() - begin;
	if (took < 2 * CHECK_ROUNDS || took > 2 * CHECK_ROUNDS / 100 * 101) {
		fprintf(stderr, "exact: %u instructions took %llu ticks: not under machine.sh --exact?\n", 2 * CHECK_ROUNDS,
			(unsigned long long)took);
		exit(1);
	}
	if (sysconf(_SC_NPROCESSORS_ONLN) != 1) {
		fputs("exact: more than one processor: their idle time cannot be told from waiting\n", stderr);
		exit(1);
	}
}

static void prepare_tracing(void)
{
	if (mount("tracefs", TRACING, "tracefs", 0, NULL) && errno != EBUSY)
		die("mounting " TRACING " (has this kernel CONFIG_FTRACE?)");
	put(TRACING "tracing_on", "0");
	put(TRACING "trace_clock", "x86-tsc");
	put(TRACING "buffer_size_kb", "512");
}

/* Events that are off cost nothing, not even a branch. */
static void switch_events(bool on)
{
	put(TRACING "events/kvm/kvm_entry/enable", on ? "1" : "0");
	put(TRACING "events/kvm/kvm_userspace_exit/enable", on ? "1" : "0");
	put(TRACING "events/power/cpu_idle/enable", on ? "1" : "0");
	put(TRACING "tracing_on", on ? "1" : "0");
}

/* The kernel's own account, in nanoseconds and not in ticks. */
static uint64_t idle_ns(void)
{
	const char *at = strstr(get("/proc/timer_list"), ".idle_sleeptime");

	at = at ? strchr(at, ':') : NULL;
	if (!at) {
		fputs("exact: no idle_sleeptime in /proc/timer_list\n", stderr);
		exit(1);
	}
	return strtoull(at + 1, NULL, 10);
}

/* Each launch begins at the same distance from a timer tick, with nothing left to do of the one before. */
static void settle(void)
{
	struct timespec at;
	uint64_t ns;

	clock_gettime(CLOCK_MONOTONIC, &at);
	ns = ((uint64_t)at.tv_sec * 1000000000u + (uint64_t)at.tv_nsec) / TICK_NS;
	ns = (ns + SETTLE_TICKS) * TICK_NS + AFTER_TICK_NS;
	at.tv_sec = (time_t)(ns / 1000000000u);
	at.tv_nsec = (long)(ns % 1000000000u);
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

/*
 * The child of vfork() has our memory: its stamp is ours. Addresses are not randomised: where they lie
 * decides how many page tables the process needs, by about 2% of a launch.
 */
static void launch(char **argv, int null, struct stamps *stamps)
{
	volatile uint64_t exec = 0;
	int status;
	pid_t child;

	stamps->spawn = __rdtsc();
	child = vfork();
	if (child < 0)
		die("vfork");
	if (child == 0) {
		personality(ADDR_NO_RANDOMIZE);
		dup2(null, 0);
		dup2(null, 1);
		exec = __rdtsc();
		execve(argv[0], argv, environ);
		_exit(127);
	}
	if (waitpid(child, &status, 0) < 0)
		die("waitpid");
	stamps->reaped = __rdtsc();
	stamps->exec = exec;
	if (status) {
		fprintf(stderr, "exact: %s ended with wait status 0x%x\n", argv[0], (unsigned)status);
		exit(1);
	}
}

/* What follows `name` in a line of the trace, and its time stamp; NULL if this is another event. */
static const char *event(const char *line, const char *name, uint64_t *tsc)
{
	char wanted[64];
	const char *at, *end = strchr(line, '\n');

	snprintf(wanted, sizeof(wanted), ": %s: ", name);
	at = strstr(line, wanted);
	if (!at || (end && at > end))
		return NULL;
	end = at + strlen(wanted);
	while (at > line && at[-1] >= '0' && at[-1] <= '9')
		at--;
	*tsc = strtoull(at, NULL, 10);
	return end;
}

static const char *next_line(const char *line)
{
	line = strchr(line, '\n');
	return line ? line + 1 : "";
}

static void find_guest(const char *trace, struct stamps *stamps)
{
	unsigned long long entry = 0, rip;
	bool began = false;
	uint64_t tsc;

	stamps->first = stamps->exit = 0;
	for (const char *line = trace; *line; line = next_line(line)) {
		const char *what = event(line, "kvm_entry", &tsc);

		if (what && sscanf(what, "vcpu 0, rip %llx", &rip) == 1) {
			if (!stamps->first)
				entry = rip;
			began |= rip != entry;
			if (!began)
				stamps->first = tsc;
		} else if (event(line, "kvm_userspace_exit", &tsc)) {
			began = true;
			stamps->exit = tsc;
		}
	}
	if (!stamps->first || !stamps->exit) {
		fputs("exact: no guest in the kernel's trace\n", stderr);
		exit(1);
	}
}

static uint64_t overlap(uint64_t a, uint64_t b, uint64_t from, uint64_t to)
{
	a = a > from ? a : from;
	b = b < to ? b : to;
	return a < b ? b - a : 0;
}

/*
 * How long the processor had nothing to do between two stamps, by the events of that. They count an interrupt
 * that ends the idleness as part of it: right enough where there is hardly any, before the guest's exit.
 */
static uint64_t idle(const char *trace, uint64_t from, uint64_t to)
{
	uint64_t total = 0, begin = 0, tsc;

	for (const char *line = trace; *line; line = next_line(line)) {
		const char *what = event(line, "cpu_idle", &tsc);

		if (what && strncmp(what, "state=4294967295", 16)) {
			begin = tsc;
		} else if (what && begin) {
			total += overlap(begin, tsc, from, to);
			begin = 0;
		}
	}
	return total;
}

static uint64_t busy(const char *trace, uint64_t from, uint64_t to)
{
	return to - from - idle(trace, from, to);
}

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static uint64_t median(uint64_t *values, unsigned count)
{
	qsort(values, count, sizeof(*values), compare);
	return values[count / 2];
}

static void print(const char *name, enum measure measure, uint64_t *values, unsigned runs)
{
	uint64_t value = median(values, runs), middle = values[runs - 1 - runs / 4] - values[runs / 4];

	printf("exact %s %s %llu %.2f\n", name, measure_names[measure], (unsigned long long)value,
	       value ? 100.0 * (double)middle / (double)value : 0.0);
}

static void measure(const char *name, char **argv, unsigned runs)
{
	static uint64_t values[MEASURES][RUNS_MAX];
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct stamps stamps;

	if (null < 0)
		die("/dev/null");
	for (unsigned i = 0; i < WARM_UP_RUNS; i++)
		launch(argv, null, &stamps);
	for (unsigned i = 0; i < runs; i++) {
		settle();
		uint64_t before = idle_ns();

		launch(argv, null, &stamps);
		values[WAITED][i] = idle_ns() - before;
		values[WHOLE][i] = stamps.reaped - stamps.spawn - values[WAITED][i];
	}
	for (unsigned i = 0; i < runs; i++) {
		switch_events(true);
		put(TRACING "trace", "");
		settle();
		uint64_t before = idle_ns();

		launch(argv, null, &stamps);
		uint64_t waited = idle_ns() - before;

		switch_events(false);
		const char *trace = get(TRACING "trace");

		find_guest(trace, &stamps);
		values[SPAWN_FIRST][i] = busy(trace, stamps.spawn, stamps.first);
		values[EXEC_FIRST][i] = busy(trace, stamps.exec, stamps.first);
		values[FIRST_EXIT][i] = busy(trace, stamps.first, stamps.exit);
		values[TRACED][i] = stamps.reaped - stamps.spawn - waited;
		values[EXIT_REAPED][i] = values[TRACED][i] - values[SPAWN_FIRST][i] - values[FIRST_EXIT][i];
	}
	close(null);
	for (enum measure m = 0; m < TRACED; m++)
		print(name, m, values[m], runs);
	printf("exact %s %s %lld 0\n", name, measure_names[TRACED],
	       (long long)median(values[TRACED], runs) - (long long)median(values[WHOLE], runs));
	fflush(stdout);
}

int main(int argc, char **argv)
{
	int i = 1;
	unsigned runs = 9;

	if (i + 1 < argc && !strcmp(argv[i], "-n")) {
		runs = (unsigned)atoi(argv[i + 1]);
		i += 2;
	}
	if (i + 1 >= argc || !runs || runs > RUNS_MAX) {
		fputs("usage: exact [-n RUNS] NAME COMMAND [ARG]... [-- NAME COMMAND [ARG]...]...\n", stderr);
		return 2;
	}
	check_clock();
	prepare_tracing();
	while (i + 1 < argc) {
		char **first = argv + i;

		while (i < argc && strcmp(argv[i], "--"))
			i++;
		argv[i++] = NULL;
		measure(first[0], first + 1, runs);
	}
	return 0;
}
