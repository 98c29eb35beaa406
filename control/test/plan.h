/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of `kvick test`. */
#ifndef KVICK_CONTROL_TEST_PLAN_H
#define KVICK_CONTROL_TEST_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "control/options.h"

#define PATTERNS_MAX 64
#define JOBS_MAX 1024

enum test_format { FORMAT_AUTO /* human on a terminal, TAP elsewhere */, FORMAT_HUMAN, FORMAT_TAP };

struct test_plan {
	const char *manifest;   /* "kvick.test" unless said otherwise */
	const char *tags[PATTERNS_MAX], *not_tags[PATTERNS_MAX], *cases[PATTERNS_MAX]; /* globs for cases; NULL at the end */
	size_t tag_count, not_tag_count, case_count;
	unsigned jobs;          /* 0: as many as there are processors for us */
	int retries;            /* -1: as the manifest says */
	unsigned repeat;        /* each case so many times */
	bool fail_fast, keep_scratch, update_golden, list, quiet, keys;
	enum test_format format;
	const char *junit, *json; /* files; "-": stdout; NULL: none */
	const char *kvick;      /* the program to run; NULL: ours */
};

extern const struct option_row test_option_rows[];
extern const char test_more[];

int test_plan_parse(struct test_plan *plan, const struct command *command, int argc, char **argv, bool *help, struct error *error);

#endif
