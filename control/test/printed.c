/* SPDX-License-Identifier: Apache-2.0 */
#include "control/test/printed.h"

#include <ctype.h>
#include <string.h>

#include "control/measure/utf8.h"

/* "##[…]" is a command of GitHub's, "##vso[…]" of Azure's, wherever in a line it stands. */
bool printed_is_command(const char *at, size_t bytes)
{
	return bytes >= 3 && at[0] == '#' && at[1] == '#' && (at[2] == '[' || isalpha((unsigned char)at[2]));
}

void printed_escape(FILE *out, const char *at, unsigned length, uint32_t code)
{
	if (length > 1)
		fprintf(out, "\\u{%x}", code);
	else
		fprintf(out, "\\x%02x", (unsigned char)*at);
}

void printed_word(FILE *out, const char *at, size_t bytes)
{
	size_t shown = bytes > PRINTED_LINE_BYTES ? PRINTED_LINE_BYTES : bytes, i = 0, written = 0;

	/* What can be shown is written in pieces: stderr has no buffer. */
	while (i < shown) {
		uint32_t code;
		unsigned length = utf8_decode(at + i, bytes - i, &code), step = length ? length : 1;

		if (length == 0 || utf8_is_hidden(code) || printed_is_command(at + i, bytes - i)) {
			fwrite(at + written, 1, i - written, out);
			printed_escape(out, at + i, length, code);
			written = i + step;
		}
		i += step;
	}
	fwrite(at + written, 1, i - written, out);
	if (i < bytes)
		fprintf(out, " … %zu bytes more", bytes - i);
}

/* Where the last `lines` lines begin. */
static const char *tail(const char *at, size_t bytes, unsigned lines)
{
	const char *from = at + bytes;

	while (from > at && lines-- > 0) {
		/* The byte before `from` ends a line, or is the last of all. */
		const char *newline = memrchr(at, '\n', (size_t)(from - at) - 1);

		from = newline ? newline + 1 : at;
	}
	return from;
}

void printed_lines(FILE *out, const char *prefix, const char *at, size_t bytes, unsigned lines_max)
{
	const char *end = at + bytes, *from = tail(at, bytes, lines_max);

	if (from > at)
		fprintf(out, "%s… %zu bytes before\n", prefix, (size_t)(from - at));
	while (from < end) {
		const char *newline = memchr(from, '\n', (size_t)(end - from)), *stop = newline ? newline : end;

		/* Terminals have lines end with both. */
		fputs(prefix, out);
		printed_word(out, from, (size_t)(stop - from) - (stop > from && stop[-1] == '\r'));
		fputc('\n', out);
		from = stop + 1;
	}
}
