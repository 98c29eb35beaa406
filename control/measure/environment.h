/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where figures were measured, and what makes them less trustworthy. Everything is read once at the start; what changes meanwhile
 * (other load, steal, frequency) between environment_begin() and environment_end().
 */
#ifndef KVICK_CONTROL_MEASURE_ENVIRONMENT_H
#define KVICK_CONTROL_MEASURE_ENVIRONMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ENVIRONMENT_TEXT_BYTES 256
#define ENVIRONMENT_ROWS_MAX 40
#define ENVIRONMENT_WARNINGS_MAX 16

/* "kernel", "Linux 6.18.5", …: the key is JSON's, the title for people. Values are one line without control characters. */
struct environment_row {
	const char *key, *title;
	char value[ENVIRONMENT_TEXT_BYTES];
};

struct environment_warning {
	const char *key;        /* "other_load", "few_runs", … : stable, for programs */
	char text[ENVIRONMENT_TEXT_BYTES]; /* what it is, and what to do */
};

struct environment {
	struct environment_row rows[ENVIRONMENT_ROWS_MAX];
	size_t row_count;
	struct environment_warning warnings[ENVIRONMENT_WARNINGS_MAX];
	size_t warning_count;
	uint64_t begun_ns;
	/* At the start: ticks of /proc/stat (those that ran programs, not interrupts), our own and our children's. */
	uint64_t cpu_total, cpu_used, cpu_steal, cpu_own;
	uint64_t throttled;     /* how often our cgroup had no time left */
};

/* Reads the host and adds the warnings that follow from it: never fails, what a host does not tell is left out. */
void environment_begin(struct environment *environment);

/* Adds the warnings of what happened since. All children are reaped. runs: of the subject with the fewest. */
void environment_end(struct environment *environment, uint64_t runs);

/* A warning's key is there once: the first stays. */
void environment_warn(struct environment *environment, const char *key, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* --- what a test may ask of a host --- */

struct feature {
	const char *name;       /* "kvm", "ring0", "vmcall", "avx", "io_uring", "tap", "passt", "root", "hugepages", … */
	const char *purpose;
	/* Asks the host, which may take milliseconds: the answer is the same each time. False: why not, in a few words. */
	bool (*is_there)(char *why, size_t bytes);
};

extern const struct feature features[]; /* the last one has no name */
const struct feature *feature_find(const char *name);

#endif
