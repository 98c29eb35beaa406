/* SPDX-License-Identifier: Apache-2.0 */
#include "control/measure/utf8.h"

unsigned utf8_decode(const char *at, size_t bytes, uint32_t *code)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *c = (const unsigned char *)at;
	unsigned length;

	if (bytes == 0)
		return 0;
	*code = *c;
	if (*c < 0x80)
		return 1;
	length = *c < 0xc2 ? 0 : *c < 0xe0 ? 2 : *c < 0xf0 ? 3 : *c < 0xf5 ? 4 : 0;
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

bool utf8_is_hidden(uint32_t code)
{
	static const struct { uint32_t first, last; } ranges[] = {
		{ 0, 8 }, { 0xa, 0x1f }, { 0x7f, 0x9f }, { 0xad, 0xad }, { 0x61c, 0x61c }, { 0x200b, 0x200f }, { 0x2028, 0x202e },
		{ 0x2060, 0x206f }, { 0xd800, 0xf8ff }, { 0xfdd0, 0xfdef }, { 0xfeff, 0xfeff }, { 0xfff0, 0xfffb },
		{ 0xe0000, 0x10ffff },
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (code >= ranges[i].first && code <= ranges[i].last)
			return true;
	return (code & 0xfffe) == 0xfffe;
}

static bool is_control(uint32_t code)
{
	return (code < 0x20 && code != '\t') || (code >= 0x7f && code < 0xa0);
}

size_t utf8_plain(const char *text, size_t bytes)
{
	size_t at = 0;
	uint32_t code;
	unsigned n;

	while ((n = utf8_decode(text + at, bytes - at, &code)) && !is_control(code))
		at += n;
	return at;
}
