/* SPDX-License-Identifier: Apache-2.0 */
/* kvick inspect of a snapshot directory. */
#ifndef KVICK_CONTROL_INSPECT_SNAPSHOT_H
#define KVICK_CONTROL_INSPECT_SNAPSHOT_H

#include <stdbool.h>

struct sys;

/* Reads all of it, checksums too, and prints what it says to stdout. Returns the process's exit code. */
int inspect_snapshot(const char *path, bool json, struct sys *sys);

#endif
