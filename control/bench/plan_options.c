/* SPDX-License-Identifier: Apache-2.0 */
/* The options of `kvick bench`, each by itself. */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/bench/plan_typed.h"
#include "control/options.h"
#include "control/units.h"
#include "vmm/error.h"

#define AT_ONCE_MAX  1024
#define WARM_UP_MAX  100000
#define RATE_MAX     1e6
#define RATE_MIN     1e-3
#define HOURS_MAX    8760 /* a year: what is added to a clock's time stays a time */
#define NS_PER_HOUR  3600000000000ull
#define SEED_MAX     ((1ull << 53) - 1) /* what JSON's readers keep */
#define NAME_BYTES   64

/* What is measured, and how: --compare measures nothing. */
static struct typed *measuring(void *into, const char *option)
{
	struct typed *t = into;

	if (!t->measuring)
		t->measuring = option;
	return t;
}

static int number(const char *option, const char *value, uint64_t least, uint64_t most, uint64_t *to, struct error *error)
{
	char *end;

	errno = 0;
	*to = strtoull(value, &end, 10);
	if (!isdigit((unsigned char)value[0]) || *end || errno || *to < least || *to > most)
		return error_set(error, ERROR_USAGE, EINVAL, "%s %s: write a number from %llu to %llu", option, value,
				 (unsigned long long)least, (unsigned long long)most);
	return 0;
}

static int duration(const char *option, const char *value, uint64_t *to, struct error *error)
{
	if (!units_duration(value, to))
		return error_set(error, ERROR_USAGE, EINVAL, "%s %s: not a duration: write 500ms, 2s, 1.5m or 1h", option, value);
	if (*to == 0)
		return error_set(error, ERROR_USAGE, EINVAL, "%s %s: no time at all: write 500ms, 2s, 1.5m or 1h", option, value);
	if (*to > HOURS_MAX * NS_PER_HOUR)
		return error_set(error, ERROR_USAGE, ERANGE, "%s %s: too long: at most %dh", option, value, HOURS_MAX);
	return 0;
}

/* A fraction that is written in decimal; false: it is none, or something other than `end` follows. */
static bool decimal(const char *value, const char *suffix, double *to)
{
	char *end;

	errno = 0;
	*to = strtod(value, &end);
	return isdigit((unsigned char)value[0]) && end != value && !errno && isfinite(*to) &&
	       (*end == '\0' || strcmp(end, suffix) == 0) && !strpbrk(value, "xX");
}

/* --- what is launched --- */

static int take_mode(void *into, const char *value, struct error *error)
{
	struct typed *t = measuring(into, "--mode");

	t->mode_count = 0;
	for (const char *at = value;; at++) {
		size_t length = strcspn(at, ",");
		enum subject_kind mode;

		if (!plan_mode_of(at, length, &mode))
			return error_set(error, ERROR_USAGE, EINVAL, "--mode %s: \"%.*s\" is none: write cold, restored or "
					 "pooled, or several of them with commas between", value, (int)length, at);
		for (size_t i = 0; i < t->mode_count; i++)
			if (t->modes[i] == mode)
				return error_set(error, ERROR_USAGE, EINVAL, "--mode %s: \"%.*s\" stands there twice: write it "
						 "once", value, (int)length, at);
		t->modes[t->mode_count++] = mode;
		at += length;
		if (!*at)
			return 0;
	}
}

static int take_options(void *into, const char *value, struct error *error)
{
	struct typed *t = measuring(into, "--options");

	if (t->options)
		return error_set(error, ERROR_USAGE, EINVAL, "--options %s: given twice: write all of them in one, in quotes",
				 value);
	t->options = value;
	return 0;
}

static int take_request(void *into, const char *value, struct error *error)
{
	struct typed *t = measuring(into, "--request");

	if (strcmp(value, "-") == 0)
		return error_set(error, ERROR_USAGE, EINVAL, "--request -: stdin can be read once, and there are many launches: "
				 "name a file");
	t->plan->request = value;
	return 0;
}

static int take_exit(void *into, const char *value, struct error *error)
{
	uint64_t n;
	int r = number("--exit", value, 0, 255, &n, error);

	measuring(into, "--exit")->a.success = (int)n;
	return r;
}

static int add(void *into, enum against against, const char *option, const char *value, struct error *error)
{
	struct typed *t = measuring(into, option);

	if (t->other_count == SUBJECTS_MAX - 1)
		return error_set(error, ERROR_USAGE, E2BIG, "%s %s: one too many: %d are compared at most", option, value,
				 SUBJECTS_MAX);
	if (against != AGAINST_OPTIONS && value[strspn(value, " \t")] == '\0')
		return error_set(error, ERROR_USAGE, EINVAL, "%s: it is empty: name what is to be compared", option);
	t->others[t->other_count++] = (struct typed_subject){ .against = against, .option = option, .value = value,
							      .success = -1 };
	return 0;
}

static int take_vs(void *into, const char *value, struct error *error)
{
	return add(into, AGAINST_COMMAND, "--vs", value, error);
}

static int take_vs_image(void *into, const char *value, struct error *error)
{
	return add(into, AGAINST_IMAGE, "--vs-image", value, error);
}

static int take_vs_options(void *into, const char *value, struct error *error)
{
	return add(into, AGAINST_OPTIONS, "--vs-options", value, error);
}

static int take_vs_kvick(void *into, const char *value, struct error *error)
{
	return add(into, AGAINST_KVICK, "--vs-kvick", value, error);
}

static int take_vs_exit(void *into, const char *value, struct error *error)
{
	struct typed *t = measuring(into, "--vs-exit");
	uint64_t n;
	int r = number("--vs-exit", value, 0, 255, &n, error);

	if (r < 0)
		return r;
	if (!t->other_count)
		return error_set(error, ERROR_USAGE, EINVAL, "--vs-exit %s: of what? It stands behind the --vs… that it belongs "
				 "to; A's is --exit", value);
	t->others[t->other_count - 1].success = (int)n;
	return 0;
}

static int take_name(void *into, const char *value, struct error *error)
{
	struct typed *t = measuring(into, "--name");
	struct typed_subject *of = t->other_count ? &t->others[t->other_count - 1] : &t->a;

	if (!*value || strlen(value) > NAME_BYTES)
		return error_set(error, ERROR_USAGE, EINVAL, "--name %s: write 1 to %d bytes", value, NAME_BYTES);
	for (const char *c = value; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			return error_set(error, ERROR_USAGE, EINVAL, "--name %s: it has control characters: write a name without",
					 value);
	if (of->name)
		return error_set(error, ERROR_USAGE, EINVAL, "--name %s: it has a name, %s: a name stands behind the --vs… that it "
				 "belongs to, and before all of them for A", value, of->name);
	of->name = value;
	return 0;
}

static int take_no_floor(void *into, const char *value, struct error *error)
{
	(void)value, (void)error;
	measuring(into, "--no-floor")->no_floor = true;
	return 0;
}

/* --- how often, how long, how many --- */

static int take_runs(void *into, const char *value, struct error *error)
{
	struct typed *t = measuring(into, "--runs");

	t->has_runs = true;
	return number("--runs", value, 1, RUNS_MAX, &t->plan->runs, error);
}

static int take_time(void *into, const char *value, struct error *error)
{
	return duration("--time", value, &measuring(into, "--time")->plan->time_ns, error);
}

static int take_warm_up(void *into, const char *value, struct error *error)
{
	return number("--warm-up", value, 0, WARM_UP_MAX, &measuring(into, "--warm-up")->plan->warm_up, error);
}

static int take_timeout(void *into, const char *value, struct error *error)
{
	return duration("--timeout", value, &measuring(into, "--timeout")->plan->timeout_ns, error);
}

static int take_at_once(void *into, const char *value, struct error *error)
{
	struct typed *t = measuring(into, "--at-once");
	uint64_t n;
	int r = number("--at-once", value, 1, AT_ONCE_MAX, &n, error);

	t->has_at_once = true;
	t->plan->at_once = (unsigned)n;
	return r;
}

static int take_rate(void *into, const char *value, struct error *error)
{
	struct typed *t = measuring(into, "--rate");

	if (!decimal(value, "/s", &t->plan->rate) || t->plan->rate < RATE_MIN || t->plan->rate > RATE_MAX)
		return error_set(error, ERROR_USAGE, EINVAL, "--rate %s: write launches a second, 200 or 0.5/s, from %g to %.0f",
				 value, RATE_MIN, RATE_MAX);
	t->has_rate = true;
	return 0;
}

static int take_poisson(void *into, const char *value, struct error *error)
{
	(void)value, (void)error;
	measuring(into, "--poisson")->plan->poisson = true;
	return 0;
}

/* "0,2-3": each a CPU that we may use. */
static int take_pin(void *into, const char *value, struct error *error)
{
	struct plan *plan = measuring(into, "--pin")->plan;
	cpu_set_t ours;
	const char *at = value;

	sched_getaffinity(0, sizeof(ours), &ours);
	CPU_ZERO(&plan->cpus);
	plan->pinned = true;
	for (;;) {
		char *end = (char *)(uintptr_t)at;
		unsigned long first = isdigit((unsigned char)*at) ? strtoul(at, &end, 10) : CPU_SETSIZE, last = first;

		if (*end == '-' && isdigit((unsigned char)end[1]))
			last = strtoul(end + 1, &end, 10);
		if (end == at || (*end != ',' && *end != '\0') || last < first)
			return error_set(error, ERROR_USAGE, EINVAL, "--pin %s: write numbers of CPUs: 1, 0,2 or 2-3", value);
		for (unsigned long cpu = first; cpu <= last; cpu++) {
			if (cpu >= CPU_SETSIZE || !CPU_ISSET(cpu, &ours))
				return error_set(error, ERROR_USAGE, EINVAL, "--pin %s: this process may not run on CPU %lu: "
						 "those that it may are in Cpus_allowed_list of /proc/self/status", value, cpu);
			CPU_SET(cpu, &plan->cpus);
		}
		if (*end == '\0')
			return 0;
		at = end + 1;
	}
}

static int take_drop_caches(void *into, const char *value, struct error *error)
{
	(void)value, (void)error;
	measuring(into, "--drop-caches")->plan->drop_caches = true;
	return 0;
}

static int take_trace(void *into, const char *value, struct error *error)
{
	(void)value, (void)error;
	measuring(into, "--trace")->plan->trace = true;
	return 0;
}

static int take_seed(void *into, const char *value, struct error *error)
{
	return number("--seed", value, 0, SEED_MAX, &measuring(into, "--seed")->plan->seed, error);
}

/* --- what is said --- */

static int take_alpha(void *into, const char *value, struct error *error)
{
	struct plan *plan = ((struct typed *)into)->plan;

	if (!decimal(value, "", &plan->alpha) || plan->alpha <= 0 || plan->alpha > 0.5)
		return error_set(error, ERROR_USAGE, EINVAL, "--alpha %s: write a probability above 0, at most 0.5: 0.01", value);
	return 0;
}

static int take_quiet(void *into, const char *value, struct error *error)
{
	(void)value, (void)error;
	((struct typed *)into)->plan->quiet = true;
	return 0;
}

static int to_file(const char **path, const char *option, const char *value, struct error *error)
{
	if (!*value)
		return error_set(error, ERROR_USAGE, EINVAL, "%s '': name a file, or write - for stdout", option);
	*path = value;
	return 0;
}

static int take_text(void *into, const char *value, struct error *error)
{
	return to_file(&((struct typed *)into)->plan->text, "--text", value, error);
}

static int take_json(void *into, const char *value, struct error *error)
{
	return to_file(&((struct typed *)into)->plan->json, "--json", value, error);
}

static int take_csv(void *into, const char *value, struct error *error)
{
	return to_file(&((struct typed *)into)->plan->csv, "--csv", value, error);
}

static int take_hgrm(void *into, const char *value, struct error *error)
{
	return to_file(&((struct typed *)into)->plan->hgrm, "--hgrm", value, error);
}

static int take_html(void *into, const char *value, struct error *error)
{
	return to_file(&((struct typed *)into)->plan->html, "--html", value, error);
}

static int take_compare(void *into, const char *value, struct error *error)
{
	(void)error;
	((struct typed *)into)->plan->compare_old = value;
	return 0;
}

static int take_threshold(void *into, const char *value, struct error *error)
{
	struct typed *t = into;

	if (!decimal(value, "%", &t->plan->threshold) || t->plan->threshold > 1000)
		return error_set(error, ERROR_USAGE, EINVAL, "--threshold %s: write percents, 5 or 2.5%%, at most 1000", value);
	t->plan->threshold /= 100;
	t->has_threshold = true;
	return 0;
}

const struct option_row plan_option_rows[] = {
	{ "mode", "MODE[,MODE...]", "cold (a process each), restored (of a snapshot), pooled (a machine is reset); default cold",
	  take_mode, 0 },
	{ "options", "'OPTIONS'", "further options of kvick run: '--mem 64M --no-sandbox'", take_options, 0 },
	{ "request", "FILE", "what a function is asked", take_request, 0 },
	{ "exit", "N", "the guest's exit status that counts as success (0)", take_exit, 0 },
	{ "name", "NAME", "what A is called in the results, or the --vs... before it", take_name, 0 },
	{ "vs", "'COMMAND'", "compare with another command; or with a preset: 'PEER', 'PEER IMAGE [ARGUMENTS]'; may be repeated",
	  take_vs, 0 },
	{ "vs-exit", "N", "the exit status of the --vs... before it that counts as success (0, or the preset's)", take_vs_exit, 0 },
	{ "vs-image", "IMAGE", "compare with another image; may be repeated", take_vs_image, 0 },
	{ "vs-options", "'OPTIONS'", "compare with these options besides; may be repeated", take_vs_options, 0 },
	{ "vs-kvick", "FILE", "compare with another kvick; may be repeated", take_vs_kvick, 0 },
	{ "no-floor", NULL, "leave out the floor, the bare calls of KVM, which runs of different hours are compared by",
	  take_no_floor, 0 },
	{ "runs", "N", "rounds: of each one launch, in a random order (200, where there is no --time)", take_runs, 0 },
	{ "time", "DURATION", "measure for so long at most: 30s, 5m", take_time, 0 },
	{ "warm-up", "N", "rounds before, which do not count (5)", take_warm_up, 0 },
	{ "timeout", "DURATION", "end a launch after so long (10s)", take_timeout, 0 },
	{ "pin", "CPU[,CPU...]", "run launches on these CPUs, and kvick bench on others", take_pin, 0 },
	{ "drop-caches", NULL, "forget what the kernel has of files before each launch (as root)", take_drop_caches, 0 },
	{ "trace", NULL, "phases of other VMMs, too, by the kernel's tracepoints of KVM (as root)", take_trace, 0 },
	{ "at-once", "N", "start N together, wait for all; with --rate: the most that are under way (64)", take_at_once, 0 },
	{ "rate", "N[/s]", "start so many a second, whatever becomes of those before; times count from when each is due", take_rate,
	  0 },
	{ "poisson", NULL, "with --rate: at random intervals, as independent clients come", take_poisson, 0 },
	{ "seed", "N", "of the random order (default: another one each time)", take_seed, 0 },
	{ "alpha", "P", "a difference is one where chance would show it with a probability below P (0.01)", take_alpha, 0 },
	{ "quiet", NULL, "no progress on stderr", take_quiet, 0 },
	{ "text", "FILE", "a table for people (where nothing else goes to stdout)", take_text, 0 },
	{ "json", "FILE", "everything: docs/bench.schema.json; FILE: - is stdout, here and below", take_json, 0 },
	{ "csv", "FILE", "a line for each launch", take_csv, 0 },
	{ "hgrm", "FILE", "percentiles as HdrHistogram writes them", take_hgrm, 0 },
	{ "html", "FILE", "a page with plots, in one file", take_html, 0 },
	{ "compare", "OLD.json", "run nothing: compare what --json wrote, IMAGE is NEW.json; exit status 1: slower", take_compare,
	  0 },
	{ "threshold", "PERCENT", "with --compare: the difference that is allowed (5)", take_threshold, 0 },
	{ 0 },
};

const char plan_more[] =
	"A is the first mode of IMAGE; all others are compared with it, in pairs within a round. PEER is solo5-hvt,\n"
	"qemu-microvm, firecracker or kvmtool, where it is installed.\n"
	"    kvick bench hello.elf\n"
	"    kvick bench --mode cold,restored,pooled --request ask.bin echo.elf\n"
	"    kvick bench --vs-options '--no-sandbox' --runs 1000 --html page.html hello.elf\n"
	"    kvick bench --vs solo5-hvt --pin 1 --json new.json hello.hvt\n"
	"    kvick bench --rate 500 --poisson --time 30s hello.elf\n"
	"    kvick bench --compare old.json new.json --threshold 5\n"
	"--compare judges each subject by its name and its ratio to the floor. One that only NEW has passes; one that is\n"
	"missing in NEW, or has too few launches to tell, fails, as one does that is slower.\n"
	"Exit codes: 0 measured, or not slower; 1 --compare: it fails; 120 usage, file refused; 122 image refused;\n"
	"123 host cannot, or A could not be measured; 128 + N: ended by signal N, what was measured is written.\n";
