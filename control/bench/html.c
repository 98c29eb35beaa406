/* SPDX-License-Identifier: Apache-2.0 */
#include "control/bench/page.h"

#include <stdlib.h>

static void put_character(FILE *f, uint32_t c)
{
	char bytes[5];

	switch (c) {
	case '&':
		fputs("&amp;", f);
		break;
	case '<':
		fputs("&lt;", f);
		break;
	case '>':
		fputs("&gt;", f);
		break;
	case '"':
		fputs("&quot;", f);
		break;
	case '\'':
		fputs("&#39;", f);
		break;
	default:
		fwrite(bytes, 1, utf8_put(bytes, c), f);
	}
}

void html_put(FILE *f, const char *text)
{
	for (uint32_t c; (c = utf8_next(&text)) != 0;)
		put_character(f, c);
}

void html_put_owned(FILE *f, const char *element, const char *class, char *text)
{
	if (!text)
		return;
	fprintf(f, "<%s", element);
	if (class)
		fprintf(f, " class=\"%s\"", class);
	fputs(">", f);
	html_put(f, text);
	fprintf(f, "</%s>\n", element);
	free(text);
}

/* Letters of East Asia, pictures, and U+FFFD: about twice as wide as Latin ones. */
static size_t width_of(uint32_t c) { return (c >= 0x1100 && c < 0x1200) || c >= 0x2e80 ? 2 : 1; }

size_t html_columns(const char *text)
{
	size_t columns = 0;

	for (uint32_t c; (c = utf8_next(&text)) != 0;)
		columns += width_of(c);
	return columns;
}

char *html_cut(const char *text, size_t columns)
{
	size_t size, used = 0, room = html_columns(text) <= columns ? columns : columns ? columns - 1 : 0;
	char *escaped;
	FILE *f = open_memstream(&escaped, &size);

	if (!f)
		abort();
	for (uint32_t c; (c = utf8_next(&text)) != 0;) {
		used += width_of(c);
		if (used > room) {
			put_character(f, 0x2026);
			break;
		}
		put_character(f, c);
	}
	if (fclose(f) != 0)
		abort();
	return escaped;
}
