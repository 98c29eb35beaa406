/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Output to the console. It costs no exit of its own: the VMM takes the text whenever the guest
 * leaves to it. stderr is the same stream.
 *
 * printf knows d i u x X o c s p %, with flags, width, precision and hh h l ll z t j; and f F e E
 * g G (correctly rounded) in unikernels that are built with floating point (guests/rules.mk).
 */
#ifndef KVICK_STDIO_H
#define KVICK_STDIO_H

#include <stdarg.h>
#include <stddef.h>

typedef struct kvick_stream FILE;

extern FILE kvick_console;
#define stdout (&kvick_console)
#define stderr (&kvick_console)

#define EOF (-1)

#define _IOFBF 0 /* flush when the buffer is full: where no terminal is on the other side */
#define _IOLBF 1 /* … and at the end of a line */
#define _IONBF 2 /* … and after every call */

int printf(const char *format, ...) __attribute__((format(printf, 1, 2)));
int vprintf(const char *format, va_list args) __attribute__((format(printf, 1, 0)));
int fprintf(FILE *stream, const char *format, ...) __attribute__((format(printf, 2, 3)));
int vfprintf(FILE *stream, const char *format, va_list args) __attribute__((format(printf, 2, 0)));
int snprintf(char *to, size_t bytes, const char *format, ...) __attribute__((format(printf, 3, 4)));
int vsnprintf(char *to, size_t bytes, const char *format, va_list args) __attribute__((format(printf, 3, 0)));

int puts(const char *line);
int putchar(int c);
int fputs(const char *s, FILE *stream);
size_t fwrite(const void *data, size_t size, size_t count, FILE *stream);

int fflush(FILE *stream);

/* The buffer is the VMM's: `buffer` and `bytes` are ignored. */
int setvbuf(FILE *stream, char *buffer, int mode, size_t bytes);

#endif
