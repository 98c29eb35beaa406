/* SPDX-License-Identifier: Apache-2.0 */
#include "control/test/problems.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add_line(struct problems *problems, const char *format, va_list args)
{
	char *line = NULL, *text;
	int length = vasprintf(&line, format, args);

	if (length < 0 || problems->bytes + (size_t)length + 2 > PROBLEMS_BYTES_MAX)
		goto out;
	text = realloc(problems->text, problems->bytes + (size_t)length + 2);
	if (!text)
		goto out;
	problems->text = text;
	if (problems->bytes)
		text[problems->bytes++] = '\n';
	memcpy(text + problems->bytes, line, (size_t)length + 1);
	problems->bytes += (size_t)length;
out:
	if (length >= 0)
		free(line);
}

void problems_add(struct problems *problems, const char *format, ...)
{
	va_list args;

	problems->count++;
	va_start(args, format);
	add_line(problems, format, args);
	va_end(args);
}

void problems_more(struct problems *problems, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_line(problems, format, args);
	va_end(args);
}

void problems_join(struct problems *problems, struct problems *more)
{
	if (more->text)
		problems_more(problems, "%s", more->text);
	problems->count += more->count;
	free(more->text);
	*more = (struct problems){ 0 };
}

char *problems_end(struct problems *problems)
{
	char *text = problems->text ? problems->text : calloc(1, 1);

	*problems = (struct problems){ 0 };
	return text;
}

const char *quoted(char into[QUOTED_BYTES], const char *bytes, size_t count)
{
	/* Room is left for the longest of one byte, and for what ends it. */
	const size_t room = QUOTED_BYTES - sizeof("\\xff\"…");
	size_t at = 0, i;

	into[at++] = '"';
	for (i = 0; i < count && at < room; i++) {
		unsigned char c = (unsigned char)bytes[i];

		if (c == '\n' || c == '\t' || c == '\r' || c == '"' || c == '\\') {
			into[at++] = '\\';
			into[at++] = (char)(c == '\n' ? 'n' : c == '\t' ? 't' : c == '\r' ? 'r' : c);
		} else if (c < 0x20 || c == 0x7f) {
			at += (size_t)snprintf(into + at, QUOTED_BYTES - at, "\\x%02x", c);
		} else {
			into[at++] = (char)c;
		}
	}
	snprintf(into + at, QUOTED_BYTES - at, "\"%s", i < count ? "…" : "");
	return into;
}
