/* SPDX-License-Identifier: Apache-2.0 */
/* Results of a benchmark that never ran: the same numbers each time. */
#ifndef KVICK_TESTS_BENCH_FIXTURE_H
#define KVICK_TESTS_BENCH_FIXTURE_H

#include "control/bench/results.h"

struct made_up {
	struct plan plan;
	struct results results;
	char *argv[SUBJECTS_MAX][6];
	char names[SUBJECTS_MAX][32];
};

/*
 * The first is a cold launch of kvick's, then the floor, a restored and a pooled one, qemu and another VMM as commands, and more
 * cold ones. Computed; results_free() frees it.
 */
void made_up(struct made_up *made, size_t subjects, size_t runs);

#endif
