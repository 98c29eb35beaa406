/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The folder that a try has to itself: fixtures, sockets, whatever its commands leave there. All are in one folder of the run's,
 * which is made for the first of them. Their paths are short, because of sockets (sun_path).
 */
#ifndef KVICK_CONTROL_TEST_SCRATCH_H
#define KVICK_CONTROL_TEST_SCRATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "control/test/manifest.h"
#include "control/test/problems.h"

#define SCRATCH_PATH_BYTES 128
#define SCRATCH_WORD "{scratch}" /* stands for the path in --net, --vsock, options and arguments */

struct scratches {
	char path[SCRATCH_PATH_BYTES]; /* of the run's; "": not made yet */
	unsigned made;
	bool kept;              /* one of them at least: then this one is, too */
};

/* Does the case want one? */
bool scratch_wanted(const struct test_case *of);

/* Makes the next folder, with the case's fixtures in it. False: a problem says why; what was made goes by scratch_remove(). */
bool scratch_make(struct scratches *all, const struct test_case *of, char path[SCRATCH_PATH_BYTES], struct problems *problems);

/* The path of a disk in it. */
void scratch_disk(char *into, size_t bytes, const char *scratch, size_t number);

/* With all that is in it. False: something is left. */
bool scratch_remove(const char *path);

/* The run's own: nothing that was not kept stays. */
bool scratches_end(struct scratches *all);

#endif
