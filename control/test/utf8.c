/* SPDX-License-Identifier: Apache-2.0 */
#include "control/test/utf8.h"

#include <stdbool.h>
#include <stdint.h>

/* RFC 3629, section 4: what a first byte says of those that follow. */
static const struct lead {
	uint8_t from, to;          /* the first byte */
	uint8_t more;              /* bytes behind it */
	uint8_t least, most;       /* the second: no overlong forms, no surrogates, nothing above U+10FFFF, no C1 */
} leads[] = {
	{ '\t', '\t', 0, 0, 0 }, { 0x20, 0x7e, 0, 0, 0 },
	{ 0xc2, 0xc2, 1, 0xa0, 0xbf }, { 0xc3, 0xdf, 1, 0x80, 0xbf },
	{ 0xe0, 0xe0, 2, 0xa0, 0xbf }, { 0xe1, 0xec, 2, 0x80, 0xbf }, { 0xed, 0xed, 2, 0x80, 0x9f }, { 0xee, 0xef, 2, 0x80, 0xbf },
	{ 0xf0, 0xf0, 3, 0x90, 0xbf }, { 0xf1, 0xf3, 3, 0x80, 0xbf }, { 0xf4, 0xf4, 3, 0x80, 0x8f },
};

/* Bytes of the character there; 0: it is none. */
static size_t character(const uint8_t *text, size_t bytes)
{
	const struct lead *lead = leads, *end = leads + sizeof(leads) / sizeof(leads[0]);

	while (lead < end && (text[0] < lead->from || text[0] > lead->to))
		lead++;
	if (lead == end || lead->more >= bytes || (lead->more && (text[1] < lead->least || text[1] > lead->most)))
		return 0;
	for (size_t i = 2; i <= lead->more; i++)
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	return 1u + lead->more;
}

size_t utf8_plain(const char *text, size_t bytes)
{
	size_t at = 0, n;

	while (at < bytes && (n = character((const uint8_t *)text + at, bytes - at)))
		at += n;
	return at;
}
