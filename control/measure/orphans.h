/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes that what we start leaves behind: they are in no process group that we know. We are the reaper of all that is started
 * below us (PR_SET_CHILD_SUBREAPER), so who detaches itself becomes our child; and whose it is, a variable in its environment says.
 */
#ifndef KVICK_CONTROL_MEASURE_ORPHANS_H
#define KVICK_CONTROL_MEASURE_ORPHANS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define STRANGERS_MAX 64

/* Children that we had before we began: who execs us may have started some (a shell's >(tee log)). */
struct strangers {
	pid_t pids[STRANGERS_MAX];
	size_t count;
};

/* From now on what is left behind is ours. */
void orphans_begin(struct strangers *strangers);

bool orphans_is_stranger(const struct strangers *strangers, pid_t pid);

/* Which of our children are to be ended. */
struct orphans_rule {
	const char *variable;   /* NULL: all that are not known */
	bool (*known)(const void *context, pid_t pid);        /* is it one that somebody else waits for? It is left alone */
	bool (*over)(const void *context, const char *value); /* with `variable`: is what has this value to be ended? */
	const void *context;
};

/* Do we have no children at all? */
bool orphans_none(void);

/* Kills and reaps without waiting. True: some have been killed that are not reaped yet; they may have children themselves. */
bool orphans_look(const struct orphans_rule *rule);

/* The same until there are none. */
void orphans_end(const struct orphans_rule *rule);

#endif
