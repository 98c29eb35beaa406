/* SPDX-License-Identifier: Apache-2.0 */
/* Text from outside: is it text, and may it be shown? */
#ifndef KVICK_CONTROL_MEASURE_UTF8_H
#define KVICK_CONTROL_MEASURE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Length of the UTF-8 character (RFC 3629) at the beginning of `bytes` bytes, and its code point; 0: there is none. */
unsigned utf8_decode(const char *at, size_t bytes, uint32_t *code);

/*
 * What a terminal obeys (a newline too, but no tab), or XML refuses; what makes a reader see another order than there is, or
 * nothing where something is; what is no character.
 */
bool utf8_is_hidden(uint32_t code);

/* How many bytes from the first are UTF-8 without control characters (below U+0020 but for tabs, U+007F to U+009F). */
size_t utf8_plain(const char *text, size_t bytes);

#endif
