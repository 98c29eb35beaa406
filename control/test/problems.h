/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong with a try, in sentences, one a line. */
#ifndef KVICK_CONTROL_TEST_PROBLEMS_H
#define KVICK_CONTROL_TEST_PROBLEMS_H

#include <stddef.h>

#define PROBLEMS_BYTES_MAX (64u << 10)

struct problems {
	char *text;             /* without a newline at the end; NULL: empty */
	size_t bytes;
	unsigned count;         /* also of those that there was no room for */
};

void problems_add(struct problems *problems, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A further line of the last one. */
void problems_more(struct problems *problems, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* All of `more`, which is empty then. */
void problems_join(struct problems *problems, struct problems *more);
/* The text, to be freed: "" where there is none. NULL: no memory. */
char *problems_end(struct problems *problems);

/*
 * Bytes from a guest or a file as a part of a line: in quotes, control characters as in C, no longer than it is useful. In `into`,
 * which is returned. What is no ASCII stays as it is: reporters have all that they show cleaned.
 */
#define QUOTED_BYTES 320
const char *quoted(char into[QUOTED_BYTES], const char *bytes, size_t count);

#endif
