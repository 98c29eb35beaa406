/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that programs write for others: whole, or as they were. A regular file is written beside its place and put there when
 * whole; what is none (stdout, a pipe, a device) is written to.
 */
#ifndef KVICK_CONTROL_MEASURE_OUTPUT_FILE_H
#define KVICK_CONTROL_MEASURE_OUTPUT_FILE_H

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>

struct error;

struct output_file {
	FILE *stream;
	const char *path;
	char place[PATH_MAX];     /* where links lead; "": written to directly */
	char temporary[PATH_MAX];
	int errnum;               /* set by a writer that gives up: why; then nothing is put in its place */
};

/* "-", or something that is there and no regular file, nor a link to one: what is written goes there directly. */
bool output_is_stream(const char *path);
/* Before there is anything to write: a folder that is not there, a path that is a folder. 0 or -errno, as output_open(). */
int output_check(const char *path, struct error *error);
/* 0, or -errno with `error`, which names the path. Then output_close() must not be called. */
int output_open(struct output_file *file, const char *path, struct error *error);
/* Nothing is lost unnoticed: what could not be written at any time is said here, and then the file's old content stays. */
int output_close(struct output_file *file, struct error *error);

#endif
