/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text on its way to a descriptor, text or JSON. Fixed size, no heap: it is used inside the sandbox.
 * Overlong text is flushed in pieces; the first failure to write stays in `failed`.
 */
#ifndef KVICK_CONTROL_TEXT_H
#define KVICK_CONTROL_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sys;

#define TEXT_BYTES 4096

struct text {
	struct sys *sys;
	int fd;
	int failed;      /* 0 or -errno */
	size_t used;
	bool comma;      /* JSON: the next member is not the first */
	char bytes[TEXT_BYTES];
};

void text_begin(struct text *text, struct sys *sys, int fd);
void text_printf(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* As it is, however long. */
void text_long(struct text *text, const char *from);
/* A file's name, control characters shown as "?". */
void text_name(struct text *text, const char *name);
/* Writes out what is left. 0 or -errno. */
int text_end(struct text *text);

/* JSON, RFC 8259. name NULL inside arrays. Strings are escaped; bytes that are not UTF-8 become U+FFFD. */
void json_open(struct text *text, const char *name, char bracket);
void json_close(struct text *text, char bracket);
void json_string(struct text *text, const char *name, const char *value); /* NULL value: null */
void json_u64(struct text *text, const char *name, uint64_t value);
void json_hex(struct text *text, const char *name, uint64_t value); /* a string: numbers above 2^53 are not safe in JSON */
void json_bool(struct text *text, const char *name, bool value);

#endif
