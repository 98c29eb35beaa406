/* SPDX-License-Identifier: Apache-2.0 */
/* The subcommands: one file, one row in commands[] each. */
#ifndef KVICK_CONTROL_COMMANDS_H
#define KVICK_CONTROL_COMMANDS_H

#include "control/options.h"

/* Of this program, with NULL at the end: of commands_launcher.c, or of commands_all.c. */
extern const struct command *const commands[];

extern const struct command command_run, command_snapshot, command_restore, command_inspect, command_doctor;
/* cmd_other.c: other programs do these. */
extern const struct command command_other_snapshot, command_bench, command_test, command_invoke, command_functions,
	command_invocations, command_service;

#define SNAPSHOT_PURPOSE "Boot an image until it is ready, and write down all that it is then, for `kvick restore`."
#define BENCH_PURPOSE "Measure launches of images, options and other VMMs against each other."
#define TEST_PURPOSE "Run the cases of a manifest: boot images, compare what they print and how they end."

struct error;
struct protocol;

/* --protocol: 0 or -errno with an ERROR_USAGE that lists those there are. */
int command_take_protocol(const char *value, const struct protocol **protocol, struct error *error);

/* Prints `error` as "kvick: …" on stderr; returns the exit code that its kind stands for. */
int command_failed(const struct error *error);

/* The exit code of a command whose output went to stdout with this result (0 or -errno); says so if it failed. */
int command_printed(int result);

/* The same for what went through stdio. */
int command_printed_stdio(void);

#endif
