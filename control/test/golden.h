/* SPDX-License-Identifier: Apache-2.0 */
/* Golden files: what a guest is to print, all of it. */
#ifndef KVICK_CONTROL_TEST_GOLDEN_H
#define KVICK_CONTROL_TEST_GOLDEN_H

#include <stdbool.h>
#include <stddef.h>

#include "control/test/problems.h"

#define GOLDEN_BYTES_MAX (8u << 20)

/* `where`: before the sentences: "kvick.test:12: console golden". False: a problem says from which line on they differ. */
bool golden_check(const char *where, const char *path, const char *bytes, size_t count, struct problems *problems);

/* The golden files of a run (--update-golden) that are as a case wants them: no other may want something else. */
struct golden_files {
	void *paths;            /* a tree, tsearch(), of the manifest's strings */
};
void golden_files_free(struct golden_files *files);

/* Makes it so, by one rename() where it differs. True: it was written. What cannot be is a problem. */
bool golden_update(struct golden_files *files, const char *where, const char *path, const char *bytes, size_t count,
		   struct problems *problems);

#endif
