/* SPDX-License-Identifier: Apache-2.0 */
/* Which cases are run, at which rings, and how often. */
#ifndef KVICK_CONTROL_TEST_SELECT_H
#define KVICK_CONTROL_TEST_SELECT_H

#include "control/test/outcome.h"

#define OUTCOMES_MAX 1000000

/*
 * Makes results->outcomes, in the manifest's order: case by case ("hello"), with `ring = each` at ring 0 and at ring 3
 * ("hello, ring 0"), with --repeat so often ("hello #1", "hello, ring 0 #1"). The names are unique. What the manifest skips, and
 * what requires a feature that this host lacks, has TEST_SKIPPED, with the reason in `problems`; all others TEST_INTERRUPTED, for
 * they have not been run yet, with tries 0 and "". `name` and `problems` are of malloc's; all else is zero, but for the ring.
 * Counts nothing but `count`.
 *
 * 0; or -EINVAL with `error` (ERROR_USAGE), which says what was asked for and what there is: nothing is selected, or one of --case
 * or --tag selects nothing.
 */
int test_select(struct test_results *results, struct error *error);

/* Is the case, or one of its rings, selected? By its numbers (--repeat) it may be all the same. */
bool test_selects(const struct test_plan *plan, const struct test_case *c);

/* `--list`, on stdout: names, tags, why one is skipped; with --quiet names alone. */
void test_list(const struct test_results *results);

#endif
