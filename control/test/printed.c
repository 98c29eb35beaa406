/* SPDX-License-Identifier: Apache-2.0 */
#include "control/test/printed.h"

#include <ctype.h>
#include <string.h>

unsigned printed_character(const char *at, size_t bytes, uint32_t *code)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *c = (const unsigned char *)at;
	unsigned length;

	if (bytes == 0)
		return 0;
	*code = *c;
	if (*c < 0x80)
		return 1;
	length = *c >= 0xc2 && *c < 0xe0 ? 2 : *c >= 0xe0 && *c < 0xf0 ? 3 : *c >= 0xf0 && *c < 0xf5 ? 4 : 0;
	if (length == 0 || length > bytes)
		return 0;
	*code &= 0x7fu >> length;
	for (unsigned i = 1; i < length; i++) {
		if ((c[i] & 0xc0) != 0x80)
			return 0;
		*code = *code << 6 | (c[i] & 0x3f);
	}
	return *code < least[length] || *code > 0x10ffff || (*code >= 0xd800 && *code < 0xe000) ? 0 : length;
}

bool printed_hidden(uint32_t code)
{
	static const struct { uint32_t first, last; } ranges[] = {
		{ 0, 8 }, { 0xa, 0x1f }, { 0x7f, 0x9f }, { 0xad, 0xad }, { 0x61c, 0x61c }, { 0x200b, 0x200f }, { 0x2028, 0x202e },
		{ 0x2060, 0x206f }, { 0xd800, 0xf8ff }, { 0xfeff, 0xfeff }, { 0xfff0, 0xfffb }, { 0xfffe, 0xffff },
		{ 0xe0000, 0x10ffff },
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (code >= ranges[i].first && code <= ranges[i].last)
			return true;
	return false;
}

/* "##[…]" is a command of GitHub's, "##vso[…]" of Azure's, wherever in a line it stands. */
static bool begins_command(const char *at, size_t bytes)
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
		unsigned length = printed_character(at + i, bytes - i, &code), step = length ? length : 1;

		if (length == 0 || printed_hidden(code) || begins_command(at + i, bytes - i)) {
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
