/* SPDX-License-Identifier: Apache-2.0 */
#include "control/measure/environment.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "control/measure/child.h"
#include "control/measure/environment_parts.h"
#include "control/measure/host.h"
#include "control/version.h"

#define STAT_BYTES 16384

/* Shares of what all processors did: less than this disturbs less than what is measured differs by itself. */
#define OTHER_LOAD_PART 0.05
#define STEAL_PART 0.01
/* Too few ticks say nothing. */
#define TICKS_MIN 20
/* p99 is then the worst launch but one. */
#define FEW_RUNS 100

void environment_row(struct environment *environment, const char *key, const char *title, const char *format, ...)
{
	struct environment_row *row = &environment->rows[environment->row_count];
	va_list args;

	if (environment->row_count == ENVIRONMENT_ROWS_MAX)
		return;
	va_start(args, format);
	vsnprintf(row->value, sizeof(row->value), format, args);
	va_end(args);
	host_printable(row->value, false);
	row->key = key;
	row->title = title;
	environment->row_count += row->value[0] != '\0';
}

void environment_warn(struct environment *environment, const char *key, const char *format, ...)
{
	struct environment_warning *warning = &environment->warnings[environment->warning_count];
	va_list args;

	for (size_t i = 0; i < environment->warning_count; i++)
		if (strcmp(environment->warnings[i].key, key) == 0)
			return;
	if (environment->warning_count == ENVIRONMENT_WARNINGS_MAX)
		return;
	va_start(args, format);
	vsnprintf(warning->text, sizeof(warning->text), format, args);
	va_end(args);
	host_printable(warning->text, false);
	warning->key = key;
	environment->warning_count++;
}

/* Field N of /proc/self/stat, from 1 as in man 5 proc; those before the third are not to be had. */
static uint64_t self_field(const char *stat, unsigned n)
{
	const char *at = strrchr(stat, ')'); /* the program's name may hold anything, blanks and brackets too */

	for (unsigned i = 2; at && i < n; i++)
		at = strchr(at + 1, ' ');
	return at ? strtoull(at + 1, NULL, 10) : 0;
}

enum { UTIME = 14, STIME, CUTIME, CSTIME };

/* Interrupts are nobody's, and mostly come of what is measured. */
static void read_ticks(struct environment *environment)
{
	enum { USER, NICE, SYSTEM, IDLE, IOWAIT, IRQ, SOFTIRQ, STEAL, COUNT };
	char text[STAT_BYTES], *at = text + strlen("cpu");
	uint64_t ticks[COUNT], total = 0, own = 0;

	if (host_text(text, sizeof(text), "/proc/self/stat") > 0)
		for (unsigned n = UTIME; n <= CSTIME; n++)
			own += self_field(text, n);
	if (host_text(text, sizeof(text), "/proc/stat") < 0 || strncmp(text, "cpu ", 4) != 0)
		return;
	for (unsigned i = 0; i < COUNT; i++) {
		ticks[i] = strtoull(at, &at, 10);
		total += ticks[i];
	}
	environment->cpu_total = total;
	environment->cpu_used = ticks[USER] + ticks[NICE] + ticks[SYSTEM];
	environment->cpu_steal = ticks[STEAL];
	environment->cpu_own = own;
}

static void load_and_date(struct environment *environment)
{
	char line[HOST_LINE_BYTES], date[32];
	float load[3];
	time_t now = time(NULL);
	struct tm tm;

	if (host_line(line, "/proc/loadavg") && sscanf(line, "%f %f %f", &load[0], &load[1], &load[2]) == 3)
		environment_row(environment, "load", "load before", "%.2f %.2f %.2f", load[0], load[1], load[2]);
	if (gmtime_r(&now, &tm) && strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", &tm) > 0)
		environment_row(environment, "date", "date", "%s", date);
}

void environment_begin(struct environment *environment)
{
	*environment = (struct environment){ .begun_ns = measure_now_ns() };
	environment_row(environment, "kvick", "kvick", "%s", KVICK_VERSION);
	environment_kernel(environment);
	environment_cpu(environment);
	environment_cgroup(environment);
	load_and_date(environment);
	/* Last: what was done to find all this is not what others did. */
	environment->throttled = environment_throttled();
	read_ticks(environment);
}

static uint64_t since(uint64_t now, uint64_t then)
{
	return now > then ? now - then : 0;
}

static void warn_of_load(struct environment *environment, const struct environment *now)
{
	uint64_t total = since(now->cpu_total, environment->cpu_total), used = since(now->cpu_used, environment->cpu_used);
	uint64_t steal = since(now->cpu_steal, environment->cpu_steal), own = since(now->cpu_own, environment->cpu_own);
	double others = total ? (double)since(used, own) / (double)total : 0;

	if (total < TICKS_MIN)
		return;
	if (others > OTHER_LOAD_PART)
		environment_warn(environment, "other_load", "other programs used %.0f%% of the processors meanwhile: end them, or "
				 "measure on processors of your own (isolcpus, cpusets)", 100 * others);
	if ((double)steal > STEAL_PART * (double)total)
		environment_warn(environment, "steal", "the hypervisor below gave %.0f%% of our processors' time to others: "
				 "measure on a host of your own, or longer", 100 * (double)steal / (double)total);
}

void environment_end(struct environment *environment, uint64_t runs)
{
	struct environment now = { 0 };
	uint64_t throttled = since(environment_throttled(), environment->throttled);

	read_ticks(&now);
	if (environment->cpu_total && now.cpu_total)
		warn_of_load(environment, &now);
	if (throttled)
		environment_warn(environment, "cgroup_throttled", "our cgroup had used up its processor time %llu times and was "
				 "stopped: raise its cpu.max", (unsigned long long)throttled);
	if (runs < FEW_RUNS)
		environment_warn(environment, "few_runs", "%llu runs are few: p99 and beyond are single launches, and only large "
				 "differences show: use --runs 1000", (unsigned long long)runs);
}
