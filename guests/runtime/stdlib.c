/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "runtime.h"

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* 36 where it is no digit of any base. */
static unsigned digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	if (c >= 'a' && c <= 'z')
		return (unsigned)(c - 'a') + 10;
	if (c >= 'A' && c <= 'Z')
		return (unsigned)(c - 'A') + 10;
	return 36;
}

struct number {
	bool negative;
	bool overflow;
	uint64_t magnitude;
};

/* C17, 7.22.1.4 */
static struct number parse(const char *s, char **end, int base)
{
	struct number n = { 0 };
	const char *at = s, *digits;

	while (is_space(*at))
		at++;
	n.negative = *at == '-';
	if (*at == '-' || *at == '+')
		at++;
	if ((base == 0 || base == 16) && at[0] == '0' && (at[1] == 'x' || at[1] == 'X') && digit_value(at[2]) < 16) {
		at += 2;
		base = 16;
	}
	if (base == 0)
		base = *at == '0' ? 8 : 10;
	for (digits = at; digit_value(*at) < (unsigned)base; at++)
		if (__builtin_mul_overflow(n.magnitude, (uint64_t)base, &n.magnitude) ||
		    __builtin_add_overflow(n.magnitude, digit_value(*at), &n.magnitude))
			n.overflow = true;
	if (end)
		*end = (char *)(uintptr_t)(at == digits ? s : at);
	return n;
}

unsigned long long strtoull(const char *s, char **end, int base)
{
	struct number n = parse(s, end, base);

	if (n.overflow)
		return ULLONG_MAX;
	return n.negative ? -n.magnitude : n.magnitude;
}

long long strtoll(const char *s, char **end, int base)
{
	struct number n = parse(s, end, base);

	if (n.overflow || n.magnitude > (uint64_t)LLONG_MAX)
		return n.negative ? LLONG_MIN : LLONG_MAX;
	return n.negative ? -(long long)n.magnitude : (long long)n.magnitude;
}

unsigned long strtoul(const char *s, char **end, int base)
{
	return strtoull(s, end, base);
}

long strtol(const char *s, char **end, int base)
{
	return strtoll(s, end, base);
}

long atol(const char *s)
{
	return strtol(s, NULL, 10);
}

int atoi(const char *s)
{
	return (int)strtol(s, NULL, 10);
}

int abs(int value)
{
	return value < 0 ? -value : value;
}

char *getenv(const char *name)
{
	size_t bytes = strlen(name);

	for (char **entry = environ; *entry; entry++)
		if (strncmp(*entry, name, bytes) == 0 && (*entry)[bytes] == '=')
			return *entry + bytes + 1;
	return NULL;
}

char *strdup(const char *s)
{
	char *copy = malloc(strlen(s) + 1);

	return copy ? strcpy(copy, s) : NULL;
}

void abort(void)
{
	kvick_panic("aborted");
}

static void swap(char *a, char *b, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++) {
		char c = a[i];

		a[i] = b[i];
		b[i] = c;
	}
}

/* Lets the element at `root` sink to its place in the heap array[0 … count). */
static void sift_down(char *array, size_t root, size_t count, size_t bytes, int (*compare)(const void *, const void *))
{
	for (size_t child; (child = 2 * root + 1) < count; root = child) {
		if (child + 1 < count && compare(array + child * bytes, array + (child + 1) * bytes) < 0)
			child++;
		if (compare(array + root * bytes, array + child * bytes) >= 0)
			return;
		swap(array + root * bytes, array + child * bytes, bytes);
	}
}

/* Heapsort: no recursion and no memory. */
void qsort(void *array, size_t count, size_t bytes, int (*compare)(const void *, const void *))
{
	for (size_t root = count / 2; root-- > 0;)
		sift_down(array, root, count, bytes, compare);
	for (size_t last = count; last-- > 1;) {
		swap(array, (char *)array + last * bytes, bytes);
		sift_down(array, 0, last, bytes, compare);
	}
}
