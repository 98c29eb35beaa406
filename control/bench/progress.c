/* SPDX-License-Identifier: Apache-2.0 */
/* Progress on stderr: a line that is written over on a terminal, else one now and then. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/bench/run.h"

#define NS_PER_S        1000000000ull
#define FIRST_NS        NS_PER_S
#define TERMINAL_NS     (NS_PER_S / 5)
#define LINES_NS        (10 * NS_PER_S)
#define LAST            51 /* launches that the median is of: it takes 3 us, in which an open loop's next ones wait */

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* ", cold 1.02 ms": of the good ones of the last launches of the first that goes on. "" where there are none. */
static void median(const struct run *run, char *text, size_t bytes)
{
	uint64_t values[LAST];
	size_t i = 0, count = 0, from;

	text[0] = '\0';
	while (i < run->plan->subject_count && !runner_goes_on(&run->runners[i]))
		i++;
	if (i == run->plan->subject_count)
		return;
	const struct subject_results *r = run->runners[i].results;

	from = r->sample_count > LAST ? r->sample_count - LAST : 0;
	for (size_t k = from; k < r->sample_count; k++)
		if (r->samples[k].result == SAMPLE_GOOD)
			values[count++] = r->samples[k].reaped_ns;
	if (!count)
		return;
	qsort(values, count, sizeof(values[0]), compare);
	snprintf(text, bytes, ", %s %.3g ms", r->subject->name, (double)values[count / 2] / 1e6);
}

/* Of rounds or of time, whichever is over first. */
static double seconds_left(const struct run *run, uint64_t now, uint64_t round)
{
	const struct plan *plan = run->plan;
	double by_rounds = plan->runs && round ? (double)(now - run->began_ns) / (double)round * (double)(plan->runs - round) : -1;
	double by_time = run->end_ns > now ? (double)(run->end_ns - now) : -1;
	double ns = by_rounds < 0 || (by_time >= 0 && by_time < by_rounds) ? by_time : by_rounds;

	return ns < 0 ? 0 : ns / 1e9;
}

void progress_begin(struct run *run)
{
	struct progress *p = &run->progress;

	p->terminal = isatty(STDERR_FILENO);
	p->began_ns = measure_now_ns();
	p->said_ns = 0;
}

static bool is_due(const struct progress *p, uint64_t now)
{
	if (now - p->began_ns < FIRST_NS)
		return false;
	return p->terminal ? now - p->said_ns >= TERMINAL_NS : now - (p->said_ns ? p->said_ns : p->began_ns) >= LINES_NS;
}

void progress_tell(struct run *run, uint64_t round)
{
	struct progress *p = &run->progress;
	uint64_t now = measure_now_ns();
	const char *begin = p->terminal ? "\r" : "", *end = p->terminal ? "\033[K" : "\n";
	char of[32] = "", typical[128];

	if (run->plan->quiet || !is_due(p, now))
		return;
	p->said_ns = now;
	if (!run->counts) {
		dprintf(STDERR_FILENO, "%skvick: bench: warm-up, round %llu of %llu%s", begin, (unsigned long long)round,
			(unsigned long long)run->plan->warm_up, end);
	} else {
		median(run, typical, sizeof(typical));
		if (run->plan->runs)
			snprintf(of, sizeof(of), " of %llu", (unsigned long long)run->plan->runs);
		dprintf(STDERR_FILENO, "%skvick: bench: round %llu%s, %.0f s left%s%s", begin, (unsigned long long)round, of,
			seconds_left(run, now, round), typical, end);
	}
	p->shown = p->terminal;
}

static void clear(struct progress *p)
{
	if (p->shown)
		dprintf(STDERR_FILENO, "\r\033[K");
	p->shown = false;
}

void progress_say(struct run *run, const char *format, ...)
{
	char text[1024];
	va_list arguments;

	if (run->plan->quiet)
		return;
	clear(&run->progress);
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	dprintf(STDERR_FILENO, "kvick: bench: %s\n", text);
}

void progress_end(struct run *run)
{
	clear(&run->progress);
}
