/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is one command slower than another, and by how much? Runs both alternately and compares within
 * each pair, because absolute times drift by a third from one minute to the next while the
 * quotient of two neighbours does not.
 *
 *	pairs [options] -- A… --vs B…
 *	pairs [options] -- A… --vs B… --and C… --vs D…
 *
 * The second form answers "does A cost more over B than C does over D" with all four in one run.
 * Each command is timed from just before vfork() until it is reaped; its input and output are
 * /dev/null. Exits 0, or 1 when a command failed (it says which, and how), or 2 for bad usage.
 *
 *	-n ROUNDS, -w ROUNDS	so many (200), after so many that do not count (5)
 *	--until TEXT		timed until it has printed this; it is ended then
 *	--outside		only what it takes before its guest runs and after that has ended, by the kernel's trace
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#include "control/measure/kvm_trace.h"
#include "vmm/error.h"

#define COMMANDS_MAX 4
#define ROUNDS_MAX 100000
#define WARM_UP_ROUNDS 5
#define RESAMPLES 2000
#define TEXT_BYTES (1u << 20)
#define UNTIL_MS 300000

extern char **environ;

struct command {
	char **argv;
	char path[4096];
	const char *name;
	double *us; /* one for each round */
};

struct estimate {
	double value, low, high; /* median of the samples, 95% confidence interval of that median */
};

struct options {
	unsigned rounds, warm_up;
	bool json, outside;
	const char *until;
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void usage(void)
{
	fputs("usage: pairs [-n ROUNDS] [-w ROUNDS] [--until TEXT | --outside] [--json]\n"
	      "             [--name-a X] [--name-b X] [--name-c X] [--name-d X]\n"
	      "             -- A [ARG]... --vs B [ARG]... [--and C [ARG]... --vs D [ARG]...]\n",
	      stderr);
	exit(2);
}

static void *array(size_t count, size_t bytes)
{
	void *at = calloc(count, bytes);

	if (!at) {
		fputs("pairs: out of memory\n", stderr);
		exit(1);
	}
	return at;
}

/* As execvp() would, but once: the search along PATH is not part of what is timed. */
static void find_program(struct command *command)
{
	const char *file = command->argv[0], *path = getenv("PATH");

	if (strchr(file, '/') || !path) {
		snprintf(command->path, sizeof(command->path), "%s", file);
		return;
	}
	while (*path) {
		size_t length = strcspn(path, ":");

		snprintf(command->path, sizeof(command->path), "%.*s/%s", (int)length, path, file);
		if (access(command->path, X_OK) == 0)
			return;
		path += length + (path[length] == ':');
	}
	fprintf(stderr, "pairs: %s: not found along PATH\n", file);
	exit(1);
}

/*
 * vfork and not posix_spawn: the C library's costs a pipe and a dozen calls for signals, in the
 * time measured. The child only makes system calls.
 */
static pid_t spawn(const struct command *command, int null, int output)
{
	pid_t child = vfork();

	if (child < 0) {
		fprintf(stderr, "pairs: vfork: %s\n", strerror(errno));
		exit(1);
	}
	if (child == 0) {
		dup2(null, 0);
		dup2(output, 1);
		dup2(null, 2);
		execve(command->path, command->argv, environ);
		_exit(127);
	}
	return child;
}

static int reap(pid_t child)
{
	int status;

	while (waitpid(child, &status, 0) < 0) {
		if (errno != EINTR)
			exit(1);
	}
	return status;
}

static void check(const struct command *command, int status)
{
	if (WIFSIGNALED(status)) {
		fprintf(stderr, "pairs: %s (%s) was ended by signal %d (%s)\n", command->name, command->path,
			WTERMSIG(status), strsignal(WTERMSIG(status)));
		exit(1);
	}
	if (WEXITSTATUS(status)) {
		fprintf(stderr, "pairs: %s (%s) failed with status %d%s; run it by hand to see why\n", command->name,
			command->path, WEXITSTATUS(status),
			WEXITSTATUS(status) == 127 ? " (cannot be executed?)" : "");
		exit(1);
	}
}

/* --- outside of the guest --- */

static struct kvm_trace trace = { .fd = -1 };

static void end_trace(void)
{
	kvm_trace_close(&trace);
}

static void on_signal(int number)
{
	end_trace();
	_exit(128 + number);
}

static void begin_trace(void)
{
	struct error error = { 0 };

	if (kvm_trace_open(&trace, &error) < 0) {
		fprintf(stderr, "pairs: --outside: %s\n", error.text);
		exit(1);
	}
	atexit(end_trace);
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
}

/* Which part of the time between two readings of the TSC the guest did not have. */
static double part_outside(const struct command *command, uint64_t from_tsc, uint64_t to_tsc)
{
	struct kvm_traced traced;

	kvm_trace_take(&trace, from_tsc, &traced);
	if (!traced.entered_tsc || traced.left_tsc < traced.entered_tsc || traced.left_tsc > to_tsc) {
		fprintf(stderr, "pairs: --outside: %s: %s\n", command->name, traced.whole ? "no guest in the kernel's trace" :
			"its guest exits too often for the kernel's trace");
		exit(1);
	}
	return 1 - (double)(traced.left_tsc - traced.entered_tsc) / (double)(to_tsc - from_tsc);
}

static double whole_us(const struct command *command, int null, bool outside)
{
	uint64_t start = now_ns(), start_tsc = __rdtsc(), end, end_tsc;
	int status = reap(spawn(command, null, null));

	end = now_ns();
	end_tsc = __rdtsc();
	check(command, status);
	return (double)(end - start) / 1000 * (outside ? part_outside(command, start_tsc, end_tsc) : 1);
}

/* Reads until the text is there: when that was, or 0 where it does not come. */
static uint64_t read_until(int fd, const char *text)
{
	static char read_so_far[TEXT_BYTES];
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	size_t used = 0;
	ssize_t n;

	while (used < sizeof(read_so_far) - 1 && poll(&ready, 1, UNTIL_MS) > 0) {
		n = read(fd, read_so_far + used, sizeof(read_so_far) - 1 - used);
		if (n <= 0)
			break;
		used += (size_t)n;
		read_so_far[used] = '\0';
		if (strstr(read_so_far, text))
			return now_ns();
	}
	fwrite(read_so_far, 1, used, stderr);
	return 0;
}

static double until_us(const struct command *command, int null, const char *text)
{
	uint64_t start, end;
	int ends[2], status;
	pid_t child;

	if (pipe2(ends, O_CLOEXEC)) {
		fprintf(stderr, "pairs: pipe: %s\n", strerror(errno));
		exit(1);
	}
	start = now_ns();
	child = spawn(command, null, ends[1]);
	close(ends[1]);
	end = read_until(ends[0], text);
	kill(child, SIGKILL);
	status = reap(child);
	close(ends[0]);
	if (!end) {
		check(command, WIFSIGNALED(status) ? 0 : status);
		fprintf(stderr, "pairs: %s (%s) did not print '%s'\n", command->name, command->path, text);
		exit(1);
	}
	return (double)(end - start) / 1000;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Sorts `values`. */
static double median(double *values, unsigned count)
{
	qsort(values, count, sizeof(*values), compare);
	return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

static double smallest(const double *values, unsigned count)
{
	double least = values[0];

	for (unsigned i = 1; i < count; i++)
		least = fmin(least, values[i]);
	return least;
}

/* xorshift64: the same resamples each time, so that the same times give the same interval. */
static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Percentile bootstrap. Sorts `samples`. */
static struct estimate estimate(double *samples, unsigned count)
{
	double *drawn = array(count, sizeof(double)), *medians = array(RESAMPLES, sizeof(double));
	uint64_t state = 0x9e3779b97f4a7c15u;
	struct estimate result = { .value = median(samples, count) };
	unsigned *hits = array(count, sizeof(unsigned));

	for (unsigned r = 0; r < RESAMPLES; r++) {
		unsigned filled = 0;

		/* Counting how often each is drawn gives the resample sorted, without sorting it. */
		memset(hits, 0, count * sizeof(*hits));
		for (unsigned i = 0; i < count; i++)
			hits[next_random(&state) % count]++;
		for (unsigned i = 0; i < count; i++) {
			for (unsigned h = 0; h < hits[i]; h++)
				drawn[filled++] = samples[i];
		}
		medians[r] = count % 2 ? drawn[count / 2] : (drawn[count / 2 - 1] + drawn[count / 2]) / 2;
	}
	qsort(medians, RESAMPLES, sizeof(*medians), compare);
	result.low = medians[RESAMPLES * 25 / 1000];
	result.high = medians[RESAMPLES - 1 - RESAMPLES * 25 / 1000];
	free(hits);
	free(drawn);
	free(medians);
	return result;
}

/* Every other round runs backwards, so that none profits from always following another. */
static void measure(struct command *commands, unsigned count, const struct options *options)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	bool show = isatty(2), shown = false;
	uint64_t start = now_ns(), last = start;

	if (null < 0) {
		fprintf(stderr, "pairs: /dev/null: %s\n", strerror(errno));
		exit(1);
	}
	for (unsigned round = 0; round < options->rounds + options->warm_up; round++) {
		for (unsigned i = 0; i < count; i++) {
			struct command *command = &commands[round % 2 ? count - 1 - i : i];
			double us = options->until ? until_us(command, null, options->until) :
						     whole_us(command, null, options->outside);

			if (round >= options->warm_up)
				command->us[round - options->warm_up] = us;
		}
		if (show && now_ns() - start > 1000000000u && now_ns() - last > 200000000u) {
			last = now_ns();
			shown = true;
			fprintf(stderr, "\r%u of %u rounds ", round + 1, options->rounds + options->warm_up);
		}
	}
	if (shown)
		fputs("\r\033[K", stderr);
	close(null);
}

static void print_pair(struct command *a, struct command *b, unsigned rounds, bool json)
{
	double *ratios = array(rounds, sizeof(double)), *added = array(rounds, sizeof(double));
	struct estimate ratio, more;
	double min_a = smallest(a->us, rounds), min_b = smallest(b->us, rounds), median_a, median_b;

	for (unsigned i = 0; i < rounds; i++) {
		ratios[i] = a->us[i] / b->us[i];
		added[i] = a->us[i] - b->us[i];
	}
	ratio = estimate(ratios, rounds);
	more = estimate(added, rounds);
	median_a = median(a->us, rounds);
	median_b = median(b->us, rounds);
	if (json) {
		printf("{\"a\":\"%s\",\"b\":\"%s\",\"a_median_us\":%.1f,\"b_median_us\":%.1f,\"a_min_us\":%.1f,"
		       "\"b_min_us\":%.1f,\"ratio\":%.4f,\"ratio_low\":%.4f,\"ratio_high\":%.4f,\"added_us\":%.1f,"
		       "\"added_us_low\":%.1f,\"added_us_high\":%.1f}",
		       a->name, b->name, median_a, median_b, min_a, min_b, ratio.value, ratio.low, ratio.high,
		       more.value, more.low, more.high);
	} else {
		printf("%-16s median %9.1f us  min %9.1f us\n", a->name, median_a, min_a);
		printf("%-16s median %9.1f us  min %9.1f us\n", b->name, median_b, min_b);
		printf("ratio %.4f  [%.4f, %.4f]   added %.1f us  [%.1f, %.1f]\n", ratio.value, ratio.low, ratio.high,
		       more.value, more.low, more.high);
	}
	free(ratios);
	free(added);
}

/* (A − B) − (C − D), in each round. */
static struct estimate growth(const struct command *commands, unsigned rounds)
{
	double *samples = array(rounds, sizeof(double));
	struct estimate result;

	for (unsigned i = 0; i < rounds; i++)
		samples[i] = commands[0].us[i] - commands[1].us[i] - (commands[2].us[i] - commands[3].us[i]);
	result = estimate(samples, rounds);
	free(samples);
	return result;
}

static void print(struct command *commands, unsigned count, unsigned rounds, bool json)
{
	struct estimate more = { 0 };

	/* First: print_pair() sorts each command's times, and so loses which round they were of. */
	if (count == 4)
		more = growth(commands, rounds);
	if (json)
		printf("{\"rounds\":%u,\"pairs\":[", rounds);
	for (unsigned i = 0; i < count; i += 2) {
		if (json && i)
			putchar(',');
		print_pair(&commands[i], &commands[i + 1], rounds, json);
	}
	if (json)
		putchar(']');
	if (count == 4) {
		printf(json ? ",\"growth_us\":%.1f,\"growth_us_low\":%.1f,\"growth_us_high\":%.1f" :
			      "(A-B)-(C-D) %.1f us  [%.1f, %.1f]\n",
		       more.value, more.low, more.high);
	}
	if (json)
		puts("}");
}

/* Splits at --vs, --and, --vs. A name goes into JSON as it is: it has no quote, backslash or control character. */
static unsigned split(char **argv, struct command *commands)
{
	static const char *const separators[] = { "--vs", "--and", "--vs" };
	unsigned count = 0;

	commands[count++].argv = argv;
	for (; *argv; argv++) {
		if (count < COMMANDS_MAX && !strcmp(*argv, separators[count - 1])) {
			*argv = NULL;
			commands[count++].argv = argv + 1;
		}
	}
	if (count % 2)
		usage();
	for (unsigned i = 0; i < count; i++) {
		if (!commands[i].argv[0])
			usage();
		if (!commands[i].name)
			commands[i].name = commands[i].argv[0];
		for (const char *c = commands[i].name; *c; c++) {
			if (*c == '"' || *c == '\\' || (unsigned char)*c < 0x20)
				usage();
		}
	}
	return count;
}

static unsigned parse_rounds(const char *text, unsigned least)
{
	char *end;
	unsigned long rounds;

	errno = 0;
	rounds = strtoul(text, &end, 10);
	if (errno || end == text || *end || *text == '-' || rounds < least || rounds > ROUNDS_MAX) {
		fprintf(stderr, "pairs: %s: a number from %u to %d is wanted\n", text, least, ROUNDS_MAX);
		exit(2);
	}
	return (unsigned)rounds;
}

int main(int argc, char **argv)
{
	static struct command commands[COMMANDS_MAX];
	struct options options = { .rounds = 200, .warm_up = WARM_UP_ROUNDS };
	unsigned count;
	int i;

	for (i = 1; i < argc && strcmp(argv[i], "--"); i++) {
		if (!strcmp(argv[i], "--json"))
			options.json = true;
		else if (!strcmp(argv[i], "--outside"))
			options.outside = true;
		else if (!strcmp(argv[i], "-n") && i + 1 < argc)
			options.rounds = parse_rounds(argv[++i], 1);
		else if (!strcmp(argv[i], "-w") && i + 1 < argc)
			options.warm_up = parse_rounds(argv[++i], 0);
		else if (!strcmp(argv[i], "--until") && i + 1 < argc)
			options.until = argv[++i];
		else if (!strncmp(argv[i], "--name-", 7) && argv[i][7] >= 'a' && argv[i][7] <= 'd' && !argv[i][8] &&
			 i + 1 < argc)
			commands[argv[i][7] - 'a'].name = argv[i + 1], i++;
		else
			usage();
	}
	if (i + 1 >= argc || (options.until && options.outside))
		usage();
	count = split(argv + i + 1, commands);
	for (unsigned c = 0; c < count; c++) {
		find_program(&commands[c]);
		commands[c].us = array(options.rounds, sizeof(double));
	}
	if (options.outside)
		begin_trace();
	measure(commands, count, &options);
	print(commands, count, options.rounds, options.json);
	return fflush(stdout) || ferror(stdout) ? 1 : 0;
}
