/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes that have left their launch's process group. They end when their launch is over, or they would have their part in the
 * next one's time. Each launch has a number, which what it starts has in its environment. What has it no more is ended when no
 * process is under way that it could be of; unless we had children before we began, for it may be one of theirs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/bench/memory.h"
#include "control/bench/run.h"

#define VARIABLE "KVICK_BENCH_LAUNCH"

extern char **environ;

void left_behind_begin(struct run *run)
{
	struct left_behind *l = &run->left_behind;
	size_t count = 0, at = 0;

	orphans_begin(&l->strangers);
	for (size_t i = 0; i < run->plan->subject_count; i++)
		l->of_others |= run->plan->subjects[i].kind == SUBJECT_COMMAND;
	while (environ[count])
		count++;
	l->environment = memory_of(count + 2, sizeof(*l->environment));
	l->environment[at++] = l->mark;
	for (size_t i = 0; i < count; i++)
		if (strncmp(environ[i], VARIABLE "=", sizeof(VARIABLE)) != 0)
			l->environment[at++] = environ[i];
}

/* Two benches may run at once, one below the other: the number is our own by our own. */
char *const *left_behind_mark(struct run *run)
{
	struct left_behind *l = &run->left_behind;

	l->launches++;
	snprintf(l->mark, sizeof(l->mark), VARIABLE "=%d.%llu", (int)getpid(), (unsigned long long)l->launches);
	return l->environment;
}

static bool is_known(const void *context, pid_t pid)
{
	const struct run *run = context;

	for (size_t i = 0; i < run->slot_count; i++)
		if (run->slots[i].launch && run->slots[i].child.pid == pid)
			return true;
	return orphans_is_stranger(&run->left_behind.strangers, pid);
}

static bool is_over(const void *context, const char *value)
{
	const struct run *run = context;
	unsigned long long launch;
	char own[32];
	int length = snprintf(own, sizeof(own), "%d.", (int)getpid());

	if (strncmp(value, own, (size_t)length) != 0)
		return false;
	launch = strtoull(value + length, NULL, 10);
	for (size_t i = 0; i < run->slot_count; i++)
		if (run->slots[i].launch == launch)
			return false;
	return true;
}

static bool processes_busy(const struct run *run)
{
	for (size_t i = 0; i < run->slot_count; i++)
		if (run->slots[i].launch)
			return true;
	return false;
}

/* An open loop waits for nobody. While kvick's own launches alone are under way, it is not worth the microseconds to look. */
static void end(struct run *run, bool waits)
{
	struct left_behind *l = &run->left_behind;
	bool busy = processes_busy(run);
	const struct orphans_rule rule = { .variable = busy || l->strangers.count ? VARIABLE : NULL, .known = is_known,
					   .over = is_over, .context = run };

	l->some = false;
	if (busy ? !l->of_others : orphans_none())
		return;
	if (busy || !waits)
		l->some = orphans_look(&rule);
	else
		orphans_end(&rule);
}

void left_behind_look(struct run *run)
{
	end(run, run->plan->arrivals != ARRIVALS_OPEN_LOOP);
}

void left_behind_end(struct run *run)
{
	if (run->left_behind.environment)
		end(run, true);
	free(run->left_behind.environment);
	run->left_behind.environment = NULL;
}
