/* SPDX-License-Identifier: Apache-2.0 */
#include "control/bench/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "control/exit_codes.h"

static void *there(void *memory)
{
	if (memory)
		return memory;
	fprintf(stderr, "kvick: no memory: free some\n");
	exit(EXIT_HOST);
}

void *memory_of(size_t count, size_t bytes)
{
	return there(calloc(count ? count : 1, bytes));
}

void *memory_more(void *memory, size_t count, size_t bytes)
{
	return there(reallocarray(memory, count, bytes));
}

char *text_of(const char *format, ...)
{
	va_list arguments;
	char *text;
	int n;

	va_start(arguments, format);
	n = vasprintf(&text, format, arguments);
	va_end(arguments);
	return there(n < 0 ? NULL : text);
}
