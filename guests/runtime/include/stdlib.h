/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KVICK_STDLIB_H
#define KVICK_STDLIB_H

#include <stddef.h>

#define EXIT_SUCCESS 0
#define EXIT_FAILURE 1

void *malloc(size_t bytes);
void *calloc(size_t count, size_t bytes);
void *realloc(void *block, size_t bytes);
void *aligned_alloc(size_t alignment, size_t bytes);
void free(void *block);

/* No errno: a value out of range comes back as the nearest one. */
long strtol(const char *s, char **end, int base);
long long strtoll(const char *s, char **end, int base);
unsigned long strtoul(const char *s, char **end, int base);
unsigned long long strtoull(const char *s, char **end, int base);
int atoi(const char *s);
long atol(const char *s);

int abs(int value);
void qsort(void *array, size_t count, size_t bytes, int (*compare)(const void *, const void *));

extern char **environ;
char *getenv(const char *name);

_Noreturn void exit(int status);
_Noreturn void abort(void);

#endif
