/* SPDX-License-Identifier: Apache-2.0 */
/*
 * printf's entry points: apart, because a function with variable arguments saves XMM registers for
 * a caller that passes doubles, and only when there are any. Built with SSE for that (guests/rules.mk).
 */
#include <stdio.h>

int printf(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	int total = vprintf(format, args);

	va_end(args);
	return total;
}

int fprintf(FILE *stream, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	int total = vfprintf(stream, format, args);

	va_end(args);
	return total;
}

int snprintf(char *to, size_t bytes, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	int total = vsnprintf(to, bytes, format, args);

	va_end(args);
	return total;
}
