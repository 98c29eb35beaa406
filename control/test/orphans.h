/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes that a case's commands have left behind. We are the reaper of all that is started below us (PR_SET_CHILD_SUBREAPER), so
 * whoever detaches from its command becomes our child; and a case's are known by the scratch folder in their environment.
 */
#ifndef KVICK_CONTROL_TEST_ORPHANS_H
#define KVICK_CONTROL_TEST_ORPHANS_H

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

/* Is it one that somebody else waits for? */
typedef bool orphans_known(const void *context, pid_t pid);

/* Ends those of this scratch folder; NULL: all. Those that `known` knows are left alone. */
void orphans_end(const char *scratch, orphans_known *known, const void *context);

#endif
