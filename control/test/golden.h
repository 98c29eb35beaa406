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

/* Is the file the same? For those that are to be written. */
bool golden_same(const char *path, const char *bytes, size_t count);

/* Replaces it by one rename(). False: a problem says why not. */
bool golden_write(const char *where, const char *path, const char *bytes, size_t count, struct problems *problems);

#endif
