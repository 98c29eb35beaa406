/* SPDX-License-Identifier: Apache-2.0 */
/* What programs that spoil good images share. Whatever fails ends the program. */
#ifndef KVICK_TESTS_HOSTILE_FILES_H
#define KVICK_TESTS_HOSTILE_FILES_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline void die(const char *what, const char *why)
{
	fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, why);
	exit(1);
}

/* `room` bytes, zero behind the file's; to be freed. */
static inline uint8_t *read_file(const char *path, size_t room, size_t *bytes)
{
	uint8_t *file = calloc(1, room);
	FILE *in = fopen(path, "rb");

	if (!file || !in)
		die(path, strerror(errno));
	*bytes = fread(file, 1, room, in);
	if (*bytes == room)
		die(path, "too large for a good image");
	fclose(in);
	return file;
}

static inline void write_file(const char *folder, const char *name, const void *file, size_t bytes)
{
	char path[4096];
	FILE *out;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	out = fopen(path, "wb");
	if (!out || fwrite(file, 1, bytes, out) != bytes || fclose(out))
		die(path, strerror(errno));
}

/* A line of the list that run.sh reads: the image, what is said of it, and options for it, if any. */
static inline void list(const char *name, const char *says, const char *options)
{
	printf("%s\t%s%s%s\n", name, says, options ? "\t" : "", options ? options : "");
}

#endif
