/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goes to stdout. Functions, logs and servers may send anything: where stdout is a terminal, what it would act on is
 * shown as \xNN; elsewhere every byte goes out as it came. All end with the exit code: 0, or EXIT_HOST after a message.
 */
#ifndef KVICK_CONTROL_CLIENT_OUTPUT_H
#define KVICK_CONTROL_CLIENT_OUTPUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct error;

int output_json(const json_t *json);
/* A member a line. */
int output_object(json_t *object);
/* Objects as a table: a column for each of these members, and a row for each object. */
int output_table(const json_t *objects, const char *const *members, size_t count);
int output_line(const char *text);
/* Log, metrics. */
int output_text(const char *bytes, size_t n);
/* A function's reply. To a terminal only the beginning of one that is no text, and a message says so. */
int output_reply(const char *bytes, size_t n);

/* --output: a file that is opened before there is anything to write, and is emptied only then. */
struct output_file {
	const char *path;
	int fd;
	bool made; /* it was not there before */
};

/* 0 or -errno with `error` set. */
int output_open(struct output_file *file, const char *path, struct error *error);
int output_write(struct output_file *file, const char *bytes, size_t n, struct error *error);
/* Nothing is to be written after all: a file that was not there is gone again. */
void output_drop(struct output_file *file);

#endif
