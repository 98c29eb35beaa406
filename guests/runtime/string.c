/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory and string functions. The bulk ones are REP instructions: short, quick on hardware, and
 * one instruction where the host emulates ring 0.
 */
#include <string.h>

#include <stdint.h>

#if defined(__GNUC__) && !defined(__clang__)
/* Or GCC makes a loop in strlen() into a call of strlen(). */
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#endif

void *memcpy(void *restrict to, const void *restrict from, size_t bytes)
{
	void *at = to;
	size_t words = bytes / 8, rest = bytes % 8;

	__asm__ volatile("rep movsq" : "+D"(at), "+S"(from), "+c"(words) : : "memory");
	__asm__ volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(rest) : : "memory");
	return to;
}

void *memmove(void *to, const void *from, size_t bytes)
{
	if ((uintptr_t)to - (uintptr_t)from >= bytes)
		return memcpy(to, from, bytes); /* forwards never overwrites what is still to be read */

	char *at = (char *)to + bytes - 1;
	const char *last = (const char *)from + bytes - 1;

	__asm__ volatile("std\n\trep movsb\n\tcld" : "+D"(at), "+S"(last), "+c"(bytes) : : "memory", "cc");
	return to;
}

void *memset(void *to, int byte, size_t bytes)
{
	void *at = to;
	size_t words = bytes / 8, rest = bytes % 8;
	uint64_t pattern = 0x0101010101010101ull * (uint8_t)byte;

	__asm__ volatile("rep stosq" : "+D"(at), "+c"(words) : "a"(pattern) : "memory");
	__asm__ volatile("rep stosb" : "+D"(at), "+c"(rest) : "a"(pattern) : "memory");
	return to;
}

int memcmp(const void *a, const void *b, size_t bytes)
{
	const unsigned char *p = a, *q = b;

	for (size_t i = 0; i < bytes; i++)
		if (p[i] != q[i])
			return p[i] - q[i];
	return 0;
}

void *memchr(const void *in, int byte, size_t bytes)
{
	const unsigned char *p = in;

	for (size_t i = 0; i < bytes; i++)
		if (p[i] == (unsigned char)byte)
			return (void *)(uintptr_t)&p[i];
	return NULL;
}

size_t strlen(const char *s)
{
	const char *end = s;

	while (*end)
		end++;
	return (size_t)(end - s);
}

size_t strnlen(const char *s, size_t max)
{
	size_t n = 0;

	while (n < max && s[n])
		n++;
	return n;
}

int strcmp(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return (unsigned char)*a - (unsigned char)*b;
}

int strncmp(const char *a, const char *b, size_t max)
{
	for (; max > 0; a++, b++, max--)
		if (*a != *b || !*a)
			return (unsigned char)*a - (unsigned char)*b;
	return 0;
}

char *strchr(const char *s, int c)
{
	for (;; s++) {
		if (*s == (char)c)
			return (char *)(uintptr_t)s;
		if (!*s)
			return NULL;
	}
}

char *strrchr(const char *s, int c)
{
	const char *found = NULL;

	for (;; s++) {
		if (*s == (char)c)
			found = s;
		if (!*s)
			return (char *)(uintptr_t)found;
	}
}

char *strstr(const char *in, const char *what)
{
	size_t n = strlen(what);

	for (;; in++) {
		if (strncmp(in, what, n) == 0)
			return (char *)(uintptr_t)in;
		if (!*in)
			return NULL;
	}
}

size_t strspn(const char *s, const char *accept)
{
	size_t n = 0;

	while (s[n] && strchr(accept, s[n]))
		n++;
	return n;
}

size_t strcspn(const char *s, const char *reject)
{
	size_t n = 0;

	while (s[n] && !strchr(reject, s[n]))
		n++;
	return n;
}

char *strcpy(char *restrict to, const char *restrict from)
{
	return memcpy(to, from, strlen(from) + 1);
}

char *strncpy(char *restrict to, const char *restrict from, size_t bytes)
{
	size_t n = strnlen(from, bytes);

	memcpy(to, from, n);
	memset(to + n, 0, bytes - n);
	return to;
}

char *strcat(char *restrict to, const char *restrict from)
{
	strcpy(to + strlen(to), from);
	return to;
}

char *strncat(char *restrict to, const char *restrict from, size_t max)
{
	char *end = to + strlen(to);
	size_t n = strnlen(from, max);

	memcpy(end, from, n);
	end[n] = '\0';
	return to;
}
