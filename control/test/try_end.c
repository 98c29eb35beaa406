/* SPDX-License-Identifier: Apache-2.0 */
/* What came out of a try: all into the outcome, and nothing of it left behind. */
#include "control/test/try.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/test/ending.h"
#include "control/test/match.h"
#include "control/test/report_read.h"
#include "control/test/shell.h"

#define MESSAGE "kvick: " /* how kvick's own begin */

/* Whose processes are to be ended. */
struct ends {
	const char *scratch;
	try_known *known;
	const void *context;
};

static bool is_known(const void *context, pid_t pid)
{
	const struct ends *ends = context;

	return ends->known(ends->context, pid);
}

static bool is_of_it(const void *context, const char *scratch)
{
	return strcmp(scratch, ((const struct ends *)context)->scratch) == 0;
}

static void end_commands(struct try *t, try_known *known, const void *context)
{
	const struct ends ends = { t->scratch, known, context };
	const struct test_case *of = t->outcome->of;
	struct child_end end;

	if (t->beside.pid)
		child_kill(&t->beside, &end);
	t->beside.pid = 0;
	if (of->before || of->beside || of->after)
		orphans_end(&(struct orphans_rule){ .variable = "SCRATCH", .known = is_known, .over = is_of_it, .context = &ends });
	for (int *const *fd = (int *const[]){ &t->out, &t->err, &t->commands, &t->commands_write, NULL }; *fd; fd++) {
		if (**fd >= 0)
			close(**fd);
		**fd = -1;
	}
}

static void take_stamps(struct try *t)
{
	struct test_outcome *o = t->outcome;
	char path[SCRATCH_PATH_BYTES + 32];

	if (o->of->memory_max && !t->measured) {
		snprintf(path, sizeof(path), "%s/" TRY_REPORT_NAME, t->scratch);
		o->has_stamps = report_read(path, &o->stamps, &o->peak_bytes);
	} else {
		o->has_stamps = pread(t->stamps, &o->stamps, sizeof(o->stamps), 0) == sizeof(o->stamps) &&
				o->stamps.magic == STAMPS_MAGIC;
	}
	if (!o->has_stamps)
		o->stamps = (struct stamps){ 0 };
}

void try_take_end(struct try *t, const struct child_end *end)
{
	struct test_outcome *o = t->outcome;

	o->status = end->status;
	o->wall_ns = end->reaped_ns - t->spawned_ns;
	o->cpu_ns = end->user_ns + end->system_ns;
	take_stamps(t);
	t->ending = ending_of(o, t->killed);
}

/* A function's stdout is its reply; then what it prints is on stderr, among kvick's messages. */
static void split(struct test_outcome *o, const char *text, size_t bytes)
{
	char *console = malloc(bytes + 1), *messages = malloc(bytes + 1);

	o->console = console;
	o->messages = messages;
	for (const char *at = text, *end = text + bytes; console && messages && at < end;) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		size_t length = newline ? (size_t)(newline + 1 - at) : (size_t)(end - at);
		bool is_message = length >= strlen(MESSAGE) && memcmp(at, MESSAGE, strlen(MESSAGE)) == 0;
		size_t *count = is_message ? &o->messages_bytes : &o->console_bytes;

		memcpy((is_message ? messages : console) + *count, at, length);
		*count += length;
		at += length;
	}
	if (console)
		console[o->console_bytes] = '\0';
	if (messages)
		messages[o->messages_bytes] = '\0';
}

struct reply {
	char *bytes;
	size_t count;
	uint64_t dropped;
};

static void take_output(struct try *t, struct reply *reply)
{
	struct test_outcome *o = t->outcome;

	if (!o->of->request_path) {
		o->console_dropped = t->said.dropped;
		o->console = capture_end(&t->said, &o->console_bytes);
		o->messages = capture_end(&t->complained, &o->messages_bytes);
	} else {
		size_t bytes = 0;
		uint64_t dropped = t->complained.dropped;
		char *text = capture_end(&t->complained, &bytes);

		o->console_dropped = dropped;
		reply->dropped = t->said.dropped;
		reply->bytes = capture_end(&t->said, &reply->count);
		split(o, text ? text : "", bytes);
		free(text);
	}
}

static struct output output(const char *bytes, size_t count, uint64_t dropped, size_t kept)
{
	return (struct output){ bytes ? bytes : "", bytes ? count : 0, kept / 2 < count ? kept / 2 : count, dropped };
}

static void check_limits(const struct test_outcome *o, struct problems *problems)
{
	const struct test_case *of = o->of;

	if ((of->exits_max || of->memory_max) && !o->has_stamps)
		problems_add(problems, "%s limit: kvick left no report of this launch", of->exits_max ? "exits" : "memory");
	else if (of->exits_max && o->stamps.exits > of->exits_max)
		problems_add(problems, "exits limit: it left the guest %llu times, and may %llu times",
			     (unsigned long long)o->stamps.exits, (unsigned long long)of->exits_max);
	if (of->memory_max && o->peak_bytes > of->memory_max)
		problems_add(problems, "memory limit: it took %llu KiB at most, kvick's own among them, and may take %llu KiB",
			     (unsigned long long)o->peak_bytes >> 10, (unsigned long long)of->memory_max >> 10);
}

static void look(struct try *t, const struct reply *reply)
{
	struct test_outcome *o = t->outcome;
	const struct test_plan *plan = t->shared->plan;
	const struct match_config match = {
		.manifest = t->shared->manifest, .of = o->of, .update = plan->update_golden ? &t->shared->golden : NULL,
		.console = output(o->console, o->console_bytes, o->console_dropped, CONSOLE_KEPT_BYTES),
		.messages = output(o->messages, o->messages_bytes, 0, 0),
		.reply = output(reply->bytes, reply->count, reply->dropped, 0),
	};

	ending_check(o, &t->ending, &t->problems);
	if (t->measured)
		return;
	match_check(&match, &t->problems);
	check_limits(o, &t->problems);
	problems_join(&t->problems, &t->of_after);
	if (plan->update_golden && t->problems.count == 0)
		match_update(&match, &t->problems);
}

static void end_scratch(struct try *t, bool passed)
{
	struct try_shared *shared = t->shared;

	if (!t->scratch[0])
		return;
	if (shared->plan->keep_scratch && !passed && !t->measured) {
		shared->scratches.kept = true;
		t->outcome->scratch = strdup(t->scratch);
	} else if (!scratch_remove(t->scratch)) {
		problems_add(&t->problems, "scratch folder %s: it could not be removed", t->scratch);
	}
	t->scratch[0] = '\0';
}

bool try_end(struct try *t, try_known *known, const void *context)
{
	struct test_outcome *o = t->outcome;
	struct reply reply = { 0 };
	bool passed;

	end_commands(t, known, context);
	take_output(t, &reply);
	if (t->was_started && !t->broken_off)
		look(t, &reply);
	problems_join(&t->problems, &t->of_after);
	free(reply.bytes);
	end_scratch(t, t->problems.count == 0 && !t->broken_off);
	passed = t->problems.count == 0;
	if (!passed)
		shell_said(&t->reported, &t->problems);
	o->problems = problems_end(&t->problems);
	return passed;
}
