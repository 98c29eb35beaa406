/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long does a server take to answer, and how many requests a second can it take?
 *
 *	load [options] SOCKET PATH				one request after another
 *	load [options] SOCKET PATH --vs SOCKET PATH		the same with two servers, by turns
 *	load [options] --rate R SOCKET PATH			R requests a second, whatever becomes of them
 *	load [options] --knee SOCKET PATH			the most that can be asked of it
 *
 * SOCKET is a Unix socket's path, or ADDRESS:PORT. JSON on stdout; times in microseconds, hits and misses of a pool apart as the
 * server's Server-Timing header tells them.
 *
 *	--body BYTES		POST a body of that size (default: GET)
 *	-n REQUESTS		in a round of one after another (200); with --vs the second server is asked so often too
 *	--rounds N		so many (1; with --vs 15)
 *	--pause US		between two requests, so that the server is idle at each (0)
 *	--seconds S		of an open loop, and of each step to the knee (2)
 *	--connections N		(64)
 *	--poisson		arrivals at random instead of evenly
 *	--from R		where the search for the knee begins (200)
 *
 * The knee is the highest rate at which no more than 1% fail or fall behind and p99 does not explode: ten times the p50 at --from,
 * or three times the p99 there where that is more. Rates go up by half, then the last step is halved twice; each failing step is
 * tried again, because other work on the host makes one fail too.
 */
#include "perf/load.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SAMPLES_MAX (4u << 20)
#define KNEE_STEPS_MAX 16
#define KNEE_HALVINGS 2
#define KNEE_P50_TIMES 10
#define KNEE_P99_TIMES 3
#define KNEE_ATTEMPTS 3
#define PAUSE_BETWEEN_STEPS_US 200000
#define WARM_UP 20

struct options {
	struct http_target targets[2];
	unsigned target_count;
	size_t body_bytes;
	unsigned requests, rounds, pause_us;
	bool knee;
	double from;
	struct open_options open;
};

static void usage(void)
{
	fputs("usage: load [--body BYTES] [-n REQUESTS] [--rounds N] [--pause US] SOCKET PATH [--vs SOCKET PATH]\n"
	      "       load [--body BYTES] [--seconds S] [--connections N] [--poisson] --rate R | --knee [--from R] SOCKET PATH\n",
	      stderr);
	exit(2);
}

/* Runs REQUESTS one after another; the connection is kept for the next round. */
static void closed_loop(struct run *run, const struct http_target *target, int *fd, const struct options *o)
{
	static struct http_response response;

	for (unsigned i = 0; i < o->requests; i++) {
		uint64_t start = perf_now_ns();

		if (http_exchange(*fd, target, &response) < 0) {
			run->broken++;
			response.close = true;
		} else {
			run_take(run, &response, (double)(perf_now_ns() - start) / 1000);
		}
		if (response.close) {
			close(*fd);
			*fd = http_connect(target);
		}
		if (o->pause_us)
			usleep(o->pause_us);
	}
}

static void one_after_another(const struct options *o)
{
	struct run all[2], round[2];
	float *ratios = perf_memory(o->rounds, sizeof(float));
	struct options warm_up = *o;
	int fds[2];

	warm_up.requests = WARM_UP;
	for (unsigned t = 0; t < o->target_count; t++) {
		fds[t] = http_connect(&o->targets[t]);
		run_begin(&all[t], (uint64_t)o->requests * o->rounds + WARM_UP);
		closed_loop(&all[t], &o->targets[t], &fds[t], &warm_up);
		run_end(&all[t]);
		run_begin(&all[t], (uint64_t)o->requests * o->rounds);
	}
	for (unsigned r = 0; r < o->rounds; r++) {
		/* Every other round runs backwards, so that none profits from always following the other. */
		for (unsigned i = 0; i < o->target_count; i++) {
			unsigned t = r % 2 ? o->target_count - 1 - i : i;
			uint64_t before = all[t].count;

			closed_loop(&all[t], &o->targets[t], &fds[t], o);
			round[t] = (struct run){ .samples = all[t].samples + before, .count = all[t].count - before };
		}
		if (o->target_count == 2)
			ratios[r] = (float)(run_quantiles(&round[0], HTTP_KINDS).p50 / run_quantiles(&round[1], HTTP_KINDS).p50);
	}
	if (o->target_count == 2) {
		struct quantiles q = quantiles_of(ratios, o->rounds);

		printf("{\"ratio\":%.4f,\"ratio_low\":%.4f,\"ratio_high\":%.4f,\"a\":", q.p50, (double)ratios[o->rounds / 4],
		       (double)ratios[o->rounds - 1 - o->rounds / 4]);
	}
	run_json(&all[0]);
	if (o->target_count == 2) {
		printf(",\"b\":");
		run_json(&all[1]);
		printf("}");
	}
	printf("\n");
}

static bool holds(const struct run *run, double p99_max)
{
	uint64_t good = 0;

	for (unsigned status = 200; status < 300; status++)
		good += run->status[status];
	return (double)run->completed >= 0.99 * (double)run->scheduled && (double)good >= 0.99 * (double)run->scheduled &&
	       run_quantiles(run, HTTP_KINDS).p99 <= p99_max;
}

/* One step, tried again where it does not hold. *p99_max 0: it is the first, and says what the others are held to. */
static bool knee_step(const struct options *o, double rate, double *p99_max, bool *first)
{
	struct open_options open = o->open;
	bool ok = false;

	open.rate = rate;
	for (unsigned attempt = 0; attempt < KNEE_ATTEMPTS && !ok; attempt++) {
		struct run run;

		usleep(PAUSE_BETWEEN_STEPS_US);
		run_begin(&run, (uint64_t)(rate * open.seconds * 2) + 1000);
		open_loop(&run, &o->targets[0], &open);
		if (*first) {
			struct quantiles q = run_quantiles(&run, HTTP_KINDS);

			*p99_max = fmax(KNEE_P50_TIMES * q.p50, KNEE_P99_TIMES * q.p99);
		}
		ok = holds(&run, *p99_max);
		printf("%s{\"rate\":%.0f,\"holds\":%s,\"run\":", *first ? "" : ",", rate, ok ? "true" : "false");
		run_json(&run);
		printf("}");
		*first = false;
		run_end(&run);
	}
	return ok;
}

static void find_knee(const struct options *o)
{
	double rate = o->from, good = 0, bad = 0, p99_max = 0;
	bool first = true;

	printf("{\"steps\":[");
	for (unsigned i = 0; i < KNEE_STEPS_MAX && bad == 0; i++, rate *= 1.5) {
		if (knee_step(o, rate, &p99_max, &first))
			good = rate;
		else
			bad = rate;
	}
	for (unsigned i = 0; i < KNEE_HALVINGS && bad > 0 && good > 0; i++) {
		rate = (good + bad) / 2;
		if (knee_step(o, rate, &p99_max, &first))
			good = rate;
		else
			bad = rate;
	}
	printf("],\"knee\":%.0f,\"p99_max\":%.1f}\n", good, p99_max);
}

static void open_once(const struct options *o)
{
	struct run run;
	uint64_t max = (uint64_t)(o->open.rate * o->open.seconds * 2) + 1000;

	run_begin(&run, max < SAMPLES_MAX ? max : SAMPLES_MAX);
	open_loop(&run, &o->targets[0], &o->open);
	run_json(&run);
	printf("\n");
}

static double number(const char *text, double least, double most)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end || !(value >= least && value <= most))
		usage();
	return value;
}

static bool is(const char *argument, const char *name)
{
	return strcmp(argument, name) == 0;
}

/* An option with a value. */
static void take_option(struct options *o, const char *name, const char *value)
{
	if (is(name, "--body"))
		o->body_bytes = (size_t)number(value, 0, 64 << 20);
	else if (is(name, "-n"))
		o->requests = (unsigned)number(value, 1, SAMPLES_MAX);
	else if (is(name, "--rounds"))
		o->rounds = (unsigned)number(value, 1, 10000);
	else if (is(name, "--pause"))
		o->pause_us = (unsigned)number(value, 0, 1000000);
	else if (is(name, "--seconds"))
		o->open.seconds = number(value, 0.01, 600);
	else if (is(name, "--connections"))
		o->open.connections = (unsigned)number(value, 1, 10000);
	else if (is(name, "--rate"))
		o->open.rate = number(value, 0.1, 1000000);
	else if (is(name, "--from"))
		o->from = number(value, 0.1, 1000000);
	else
		usage();
}

static void parse(struct options *o, int argc, char **argv)
{
	const char *words[4];
	unsigned count = 0;

	for (int i = 1; i < argc; i++) {
		if (is(argv[i], "--knee"))
			o->knee = true;
		else if (is(argv[i], "--poisson"))
			o->open.poisson = true;
		else if (is(argv[i], "--vs") && count == 2)
			o->target_count = 2;
		else if (argv[i][0] == '-' && i + 1 < argc)
			take_option(o, argv[i], argv[i + 1]), i++;
		else if (argv[i][0] != '-' && count < 4)
			words[count++] = argv[i];
		else
			usage();
	}
	if (count != 2 * o->target_count || (o->knee && o->open.rate) || (o->target_count == 2 && (o->knee || o->open.rate)))
		usage();
	if (!o->rounds)
		o->rounds = o->target_count == 2 ? 15 : 1;
	/* The second server is a file server: it is asked for the body that the first is given. */
	for (unsigned t = 0; t < o->target_count; t++)
		http_target(&o->targets[t], words[2 * t], words[2 * t + 1], t ? 0 : o->body_bytes);
}

int main(int argc, char **argv)
{
	struct options o = { .target_count = 1, .requests = 200, .from = 200, .open = { .seconds = 2, .connections = 64 } };

	parse(&o, argc, argv);
	if (o.knee)
		find_knee(&o);
	else if (o.open.rate > 0)
		open_once(&o);
	else
		one_after_another(&o);
	return fflush(stdout) || ferror(stdout) ? 1 : 0;
}
