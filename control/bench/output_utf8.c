/* SPDX-License-Identifier: Apache-2.0 */
/* Names, arguments and messages come from outside: they shall not be markup, escape sequences, or what no encoder takes. */
#include "control/bench/output.h"

#include <stdlib.h>
#include <string.h>

#include "control/bench/memory.h"
#include "control/measure/utf8.h"

#define REPLACEMENT 0xfffd

uint32_t utf8_next(const char **text)
{
	uint32_t c;
	unsigned length;

	if (**text == '\0')
		return 0;
	length = utf8_decode(*text, strnlen(*text, 4), &c);
	*text += length ? length : 1;
	return length && c != '\t' && !utf8_is_hidden(c) ? c : REPLACEMENT;
}

size_t utf8_put(char bytes[5], uint32_t c)
{
	static const unsigned char lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	size_t length = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

	bytes[length] = '\0';
	for (size_t i = length; i-- > 1; c >>= 6)
		bytes[i] = (char)(0x80 | (c & 0x3f));
	bytes[0] = (char)(lead[length] | c);
	return length;
}

static void clean_into(FILE *stream, const char *text)
{
	char bytes[5];

	for (uint32_t c; (c = utf8_next(&text)) != 0;)
		fwrite(bytes, 1, utf8_put(bytes, c), stream);
}

static FILE *begin(char **text, size_t *size)
{
	FILE *stream = open_memstream(text, size);

	if (!stream)
		abort();
	return stream;
}

static char *end(FILE *stream, char **text)
{
	if (fclose(stream) != 0)
		abort();
	return *text;
}

char *utf8_clean(const char *text)
{
	char *clean;
	size_t size;
	FILE *stream = begin(&clean, &size);

	clean_into(stream, text);
	return end(stream, &clean);
}

static bool is_plain(const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789%+,-./:=@_";

	return word[0] && word[strspn(word, plain)] == '\0';
}

char *utf8_command(char *const *argv)
{
	char *command;
	size_t size;
	FILE *stream = begin(&command, &size);

	for (size_t i = 0; argv && argv[i]; i++) {
		const char *word = argv[i];

		if (i)
			putc(' ', stream);
		if (is_plain(word)) {
			fputs(word, stream);
			continue;
		}
		putc('\'', stream);
		for (const char *quote; (quote = strchr(word, '\'')); word = quote + 1) {
			char *part = text_of("%.*s", (int)(quote - word), word);

			clean_into(stream, part);
			fputs("'\\''", stream);
			free(part);
		}
		clean_into(stream, word);
		putc('\'', stream);
	}
	return end(stream, &command);
}
