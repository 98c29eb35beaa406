/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON objects from outside, by a table: what fields there may be, of which type and in which range. What does not fit is refused
 * by name; nothing is coerced, cut or left out.
 */
#ifndef KVICK_CONTROL_SERVER_FIELDS_H
#define KVICK_CONTROL_SERVER_FIELDS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fields_error {
	const char *code; /* "invalid_json", "unknown_field", "wrong_type", "out_of_range", "missing_field", "invalid_field" */
	char field[128];  /* empty: none; printable ASCII */
	char message[256];
};

enum field_kind {
	FIELD_NAME,      /* string, [a-z0-9] and then [a-z0-9_-] too; of least to most bytes; into char[most + 1] */
	FIELD_PATH,      /* string, relative, without "." and ".." as parts; into char[most + 1] */
	FIELD_INTEGER,   /* into uint64_t */
	FIELD_SIZE,      /* integer, or string with a unit ("64M"); into uint64_t */
	FIELD_DURATION,  /* integer of milliseconds, or string with a unit ("2s"); into uint64_t, nanoseconds */
	FIELD_STRINGS,   /* array of strings; least to most bytes in all, with their NULs; into struct fields_strings */
	FIELD_VARIABLES, /* object of strings, its names [A-Za-z_][A-Za-z0-9_]*; as NAME=VALUE, in the order of names */
};

struct field {
	const char *name;
	enum field_kind kind;
	bool required;
	uint64_t least, most;
	size_t offset; /* in the structure */
};

/* One after another, each with its NUL. The owner frees `bytes`. */
struct fields_strings {
	uint32_t count;
	size_t size;
	char *bytes;
};

/*
 * What `root` says into a structure that has its defaults in it. `seen` has bit i of a field that was there (not null, which is as
 * if it were not). 0 or -EINVAL; strings that were taken stay in the structure either way.
 */
int fields_take(const json_t *root, const struct field *fields, unsigned count, void *into, uint32_t *seen,
		struct fields_error *error);

int fields_refuse(struct fields_error *error, const char *code, const char *field, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* Text of a request. NULL: it is no JSON, or nested too deeply. */
json_t *fields_parse(const char *text, size_t bytes, struct fields_error *error);

/* What may be shown of foreign text: printable ASCII, "?" for the rest; cut to `room`. */
void fields_printable(char *to, size_t room, const char *from, size_t bytes);

#endif
