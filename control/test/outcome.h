/* SPDX-License-Identifier: Apache-2.0 */
/* What became of the cases: filled in by the runner, told by the reporters. */
#ifndef KVICK_CONTROL_TEST_OUTCOME_H
#define KVICK_CONTROL_TEST_OUTCOME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/stamps.h"
#include "control/test/manifest.h"
#include "control/test/plan.h"

enum test_result {
	TEST_PASSED,
	TEST_FAILED,
	TEST_SKIPPED,      /* by the manifest, or because the host lacks what it requires; `problems` has the reason */
	TEST_INTERRUPTED,  /* not run, or broken off: a signal, --fail-fast */
};

/* Bytes of a guest's output that are kept, first and last; what is between is dropped and said to be. */
#define CONSOLE_KEPT_BYTES (1u << 20)

struct test_outcome {
	const struct test_case *of;
	char *name;             /* the case's, with its ring, with its repetition */
	int ring;               /* 0 or 3; -1: as kvick finds best */
	enum test_result result;
	unsigned tries;         /* 0: not run; more than 1 and passed: flaky */
	char *problems;         /* one a line, without a newline at the end; "" */
	char *console;          /* the guest's output in the last try, NUL-terminated behind `console_bytes` */
	size_t console_bytes;
	uint64_t console_dropped; /* in the middle */
	char *messages;         /* kvick's own: crash reports; NUL-terminated */
	size_t messages_bytes;
	bool has_stamps;
	struct stamps stamps;
	int status;             /* of kvick, as waitpid() has it */
	uint64_t wall_ns, cpu_ns, peak_bytes; /* of the last try; peak 0: not known */
	double boot_floor;      /* boot as a multiple of the floor; 0: not measured */
	char *scratch;          /* kept (--keep); NULL otherwise */
};

struct test_results {
	const struct test_plan *plan;
	const struct manifest *manifest;
	struct test_outcome *outcomes; /* in the manifest's order */
	size_t count, passed, failed, skipped, interrupted, flaky;
	uint64_t took_ns;
	uint64_t started_at;    /* seconds since 1970 */
	uint64_t floor_ns;      /* median of the floor's whole process; 0: not measured */
	int signal;             /* interrupted by; 0: not */
};

/* Called by the runner as things happen, always in one thread. Outcomes are told in the order of the manifest, each once. */
struct reporter {
	void (*begin)(const struct test_results *results);
	void (*told)(const struct test_results *results, const struct test_outcome *outcome, size_t number); /* from 1 */
	void (*progress)(const struct test_results *results, size_t done, size_t running); /* twice a second at most; may be NULL */
	void (*end)(const struct test_results *results);
};
extern const struct reporter reporter_tap, reporter_human;

/* Files, at the end. 0 or -errno. */
int junit_write(const struct test_results *results, const char *path, struct error *error);
int test_json_write(const struct test_results *results, const char *path, struct error *error);

/*
 * Runs what is selected. 0: it ran, whatever became of it; -errno with `error`: nothing was run (an empty selection too).
 * results is all zero but plan and manifest.
 */
int test_run(struct test_results *results, const struct reporter *reporter, struct error *error);
void test_results_free(struct test_results *results);

#endif
