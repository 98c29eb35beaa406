/* SPDX-License-Identifier: Apache-2.0 */
/* What the outputs share: text from outside, columns of samples, words for figures and comparisons. */
#ifndef KVICK_CONTROL_BENCH_OUTPUT_H
#define KVICK_CONTROL_BENCH_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "control/bench/results.h"
#include "control/measure/output_file.h"

struct error;

/* --- text from outside (output_utf8.c) --- */

/*
 * The next character at *text, which moves on. What is no UTF-8, what a terminal or XML would take for more than text (control
 * characters, non-characters) and what turns the direction of writing become U+FFFD. 0 at the end.
 */
uint32_t utf8_next(const char **text);
/* Its bytes, and a null one. */
size_t utf8_put(char bytes[5], uint32_t character);
/* `text` made harmless in this way. To be freed. */
char *utf8_clean(const char *text);
/* argv as it could be typed in a shell, harmless. To be freed. */
char *utf8_command(char *const *argv);

/* --- columns of samples (output_columns.c) --- */

/* The version of docs/bench.schema.json: output_json() writes it, and --compare reads that one alone. */
#define OUTPUT_SCHEMA 1

struct output_column {
	const char *key;          /* with its unit: "entry_ns" */
	size_t offset;            /* in struct sample */
	bool narrow;              /* uint32_t, not uint64_t */
	enum { KNOWN_ALWAYS, KNOWN_UNLESS_ZERO, KNOWN_WHERE_COUNTED } known;
	uint8_t counted;          /* KNOWN_WHERE_COUNTED: this bit of the sample's `counted`; else 0 */
};

extern const struct output_column output_columns[];
extern const size_t output_column_count;
/* False: not known. */
bool output_column_get(const struct output_column *column, const struct sample *sample, uint64_t *value);
/* "good", "failed", "timed_out" */
extern const char *const output_result_names[];
extern const char *const output_kind_names[];
extern const char *const output_arrivals_names[];
extern const char *const output_verdict_names[];
/* Digits, faster than fprintf(): there may be millions. */
void output_u64(FILE *stream, uint64_t value);

/* --- words (output_words.c) --- */

/* What times are written in: one unit for the whole report. */
struct output_unit {
	const char *name;         /* "ms" */
	double ns;                /* each */
	int digits;               /* after the point */
};

#define OUTPUT_NUMBER_BYTES   48
#define OUTPUT_NUMBER_COLUMNS 8 /* at most, of a value or a ratio */

const struct output_unit *output_unit(const struct results *results);
/* A value of this metric: "1.234", "12", "3.52" (MiB); "–" where there is none. */
void output_number(char text[OUTPUT_NUMBER_BYTES], enum metric metric, double value, const struct output_unit *unit);
const char *output_metric_unit(enum metric metric, const struct output_unit *unit);
/* Three digits that count: "3.10", "12.3", "0.998". */
void output_ratio(char text[OUTPUT_NUMBER_BYTES], double value);

/* Is the quantile more than the greatest of too few values? */
bool output_quantile_holds(const struct summary *summary, unsigned quantile);
/* Values that this quantile wants for its interval. */
uint64_t output_quantile_needs(unsigned quantile);
/* Is any of a whole time's no more than that? */
bool output_has_weak_quantile(const struct results *results);

/* Was anything of this metric seen in any subject? */
bool output_has_metric(const struct results *results, enum metric metric);
/* The one that all are measured by, where it was measured; else NULL. */
const struct subject_results *output_floor(const struct results *results);
/* The subject's whole time as a multiple of the floor's; false: not known. */
bool output_multiple(const struct results *results, const struct subject_results *subject, struct estimate *multiple);

/*
 * "hello is 3.10x [3.02, 3.18] as fast as qemu (p < 1e-9)": `subject` against the first, by its whole time; `times` is the sign
 * after a multiple. Harmless, and to be freed, as all of these.
 */
char *output_verdict(const struct results *results, const struct subject_results *subject, const char *times);
/* What was run: a command as it could be typed, or what stands for one. */
char *output_command(const struct subject *subject);
/* How it was measured. */
char *output_method(const struct results *results);
/* "12 of 200 launches failed: …"; NULL where all is well. */
char *output_trouble(const struct subject_results *subject);
/* "interrupted by SIGINT: …"; NULL: it was not. */
char *output_interruption(const struct results *results);
/* "2026-11-30 21:31 UTC" */
void output_date(char text[OUTPUT_NUMBER_BYTES], uint64_t seconds);

#endif
