/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "loader/refuse.h"

/* What is left of ERROR_TEXT_BYTES holds the longest reason. */
#define PATH_CHARS_SHOWN 200

static void show_path(char shown[static PATH_CHARS_SHOWN + 1], const char *path)
{
	size_t chars = strlen(path);

	if (chars > PATH_CHARS_SHOWN) {
		path += chars - PATH_CHARS_SHOWN;
		chars = PATH_CHARS_SHOWN;
	}
	/* A newline in a file name must not make two lines of one, nor an escape reach the terminal. */
	for (size_t i = 0; i < chars; i++) {
		unsigned char c = (unsigned char)path[i];

		shown[i] = c < 0x20 || c == 0x7f ? '?' : (char)c;
	}
	shown[chars] = '\0';
}

int image_error(const char *path, struct error *error, enum error_kind kind, int errnum, const char *format, ...)
{
	char shown[PATH_CHARS_SHOWN + 1];
	char text[ERROR_TEXT_BYTES];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	show_path(shown, path);
	return error_set(error, kind, errnum, "%s: %s", shown, text);
}
