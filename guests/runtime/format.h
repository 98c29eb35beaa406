/* SPDX-License-Identifier: Apache-2.0 */
/* printf's inside: one conversion, and where its text goes. */
#ifndef KVICK_RUNTIME_FORMAT_H
#define KVICK_RUNTIME_FORMAT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct sink {
	char *at;
	char *end;
	char *console_chunk; /* [console_chunk, end) goes to the console when full; NULL: what does not fit is dropped */
	size_t total;        /* characters so far, dropped ones included */
};

/* One conversion specification: C17, 7.21.6.1. */
struct conversion {
	bool left, plus, space, alternate, zero;
	int width;     /* 0 = none */
	int precision; /* -1 = none */
	char length;   /* 'H' is hh, 'q' is ll; else the letter itself; 0 = none */
	char type;
};

void sink_put(struct sink *sink, const char *text, size_t bytes);

/* Pads to the width: prefix (sign, 0x), `zeros` zeros, then the digits or text. */
void sink_field(struct sink *sink, const struct conversion *conversion, const char *prefix, size_t zeros,
		const char *body, size_t body_bytes);

/*
 * f F e E g G. float.c is linked only into unikernels that are built with floating point; in the
 * others, where no caller of printf could pass a double, this is a weak function that returns false.
 */
bool kvick_format_double(struct sink *sink, struct conversion *conversion, va_list *args);

#endif
