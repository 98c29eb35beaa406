/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON (RFC 8259) of a known form, to a structure and from one. The form is a table: what keys there are, of what kind, within
 * what bounds. The reader is strict: every key once, in any order, and no others; no number but a whole one. What it reads may be
 * hostile: it takes no memory, and calls itself as deep as the form is, whatever the text.
 */
#ifndef KVICK_VMM_JSON_H
#define KVICK_VMM_JSON_H

#include <stddef.h>
#include <stdint.h>

struct error;

enum json_kind {
	JSON_NUMBER, /* uint64_t */
	JSON_HEX,    /* uint64_t, as "0x1f": more than 53 bits are not safe as a number */
	JSON_BOOL,   /* bool */
	JSON_TEXT,   /* char[max], ends with a NUL */
	JSON_OBJECT, /* a structure, of `form` */
	JSON_LIST,   /* uint64_t, how many, and right behind it up to `max` structures, of `form` */
};

struct json_form {
	const struct json_field *fields;
	uint32_t count; /* at most 64 */
	uint32_t bytes; /* of the structure */
};

struct json_field {
	const char *name;
	const struct json_form *form;
	uint64_t max;
	uint32_t min;
	uint16_t offset; /* in the structure */
	uint8_t kind;
};

/*
 * 0, or -EBADMSG with an ERROR_IMAGE "FILE: KEY: VALUE: what it should be; take the snapshot again", in ASCII. All numbers lie
 * within min and max then, all texts are UTF-8 (RFC 3629) without a NUL.
 */
int json_read(const char *text, size_t bytes, const struct json_form *form, void *into, const char *file, struct error *error);

/*
 * The text of a structure, a line for each of its keys; what is not UTF-8 in it becomes "?". Returns how long it is; 0: max is too
 * little.
 */
size_t json_write(char *text, size_t max, const struct json_form *form, const void *from);

/* Length of the UTF-8 character at `at`, which ends with a NUL; 0 where there is none. */
unsigned json_utf8(const unsigned char *at);

#endif
