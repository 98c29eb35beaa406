/* SPDX-License-Identifier: Apache-2.0 */
#include "loader/lz4.h"

#include <stdbool.h>
#include <string.h>

#define MATCH_BYTES_MIN 4u
#define NIBBLE_MORE     15u /* a length of 15 or more goes on in bytes of its own */
#define WIDE            16u /* copied at a time where there is room for it */
#define ZEROS_SKIPPED   256u /* more than so many zeros are left as they were */

/* Bytes may alias anything: what is kept in a structure would be read again after each store. So all is passed by value. */

/* The rest of a length that begins in a token's half: where the input goes on, or NULL. Bounded by the input, it cannot wrap. */
static inline const uint8_t *take_length(const uint8_t *in, const uint8_t *in_end, size_t *length)
{
	uint8_t more;

	if (*length != NIBBLE_MORE)
		return in;
	do {
		if (in == in_end)
			return NULL;
		more = *in++;
		*length += more;
	} while (more == UINT8_MAX);
	return in;
}

/* Copies upwards, up to 15 bytes more than asked for. `from` is no part of what is written, or `to` less 16 or more. */
static inline void copy_wide(uint8_t *to, const uint8_t *from, size_t bytes)
{
	const uint8_t *end = to + bytes;

	do {
		memcpy(to, from, WIDE);
		to += WIDE;
		from += WIDE;
	} while (to < end);
}

/* The same, where `from` is only 8 or more below: fields of structures are so far apart. */
static inline void copy_halves(uint8_t *to, const uint8_t *from, size_t bytes)
{
	for (const uint8_t *end = to + bytes; to < end; to += WIDE / 2, from += WIDE / 2)
		memcpy(to, from, WIDE / 2);
}

/* How far behind the end of what has come out something may have been copied: by copy_wide(), by quick_sequences(). */
#define DIRTY_BYTES (2 * WIDE)

static inline bool is_zero(const uint8_t *at)
{
	uint64_t words[WIDE / sizeof(uint64_t)];

	memcpy(words, at, sizeof(words));
	return (words[0] | words[1]) == 0;
}

/* What came out `offset` bytes ago, again; the two may overlap, and then it repeats itself. room: behind what is asked for. */
static void repeat(uint8_t *out, size_t offset, size_t length, size_t room)
{
	size_t slow = room < WIDE ? length : offset >= WIDE ? 0 : length < WIDE ? length : WIDE;

	for (size_t i = 0; i < slow; i++)
		out[i] = (out - offset)[i];
	if (slow == length)
		return;
	/* What repeats after `offset` bytes does so after any multiple of them, and so many have come out by now. */
	if (offset < WIDE) {
		offset *= (WIDE + offset - 1) / offset;
		/* Half of a kernel's file is zeros, whose pages nobody has to touch. What was copied too far has to go, though. */
		if (length > ZEROS_SKIPPED && is_zero(out)) {
			memset(out + WIDE, 0, DIRTY_BYTES);
			return;
		}
	}
	copy_wide(out + slow, out + slow - offset, length - slow);
}

/*
 * Sequences of a few literals and a short match, which nearly all are, while both ends are so far away that whole words may be
 * copied. What is anything else is left as it was, for lz4_block() to look at closely.
 */
#define QUICK_IN  (1 + (NIBBLE_MORE - 1) + 2 + 1)
#define QUICK_OUT (NIBBLE_MORE - 1 + WIDE + 2)

static inline size_t quick_sequences(const uint8_t **in, const uint8_t *in_end, uint8_t *out, const uint8_t *out_end,
				     const uint8_t *start)
{
	const uint8_t *from = *in;
	uint8_t *to = out;

	while (in_end - from >= (ptrdiff_t)QUICK_IN && out_end - to >= (ptrdiff_t)QUICK_OUT) {
		size_t literals = *from >> 4, length = *from & NIBBLE_MORE;
		uint16_t offset;
		uint8_t *match = to + literals;

		if (literals == NIBBLE_MORE || length == NIBBLE_MORE)
			break;
		memcpy(to, from + 1, WIDE);
		memcpy(&offset, from + 1 + literals, sizeof(offset)); /* little-endian, as we are */
		if (offset < WIDE / 2 || offset > match - start)
			break;
		memcpy(match, match - offset, WIDE / 2);
		memcpy(match + WIDE / 2, match - offset + WIDE / 2, WIDE / 2);
		memcpy(match + WIDE, match - offset + WIDE, 2);
		to = match + length + MATCH_BYTES_MIN;
		from += 1 + literals + sizeof(offset);
	}
	*in = from;
	return (size_t)(to - out);
}

int64_t lz4_block(const uint8_t *in, size_t in_bytes, uint8_t *out, size_t out_bytes)
{
	const uint8_t *const in_end = in + in_bytes, *const out_end = out + out_bytes, *const start = out;

	while (in < in_end) {
		size_t token, length, offset;

		out += quick_sequences(&in, in_end, out, out_end, start);
		token = *in++;
		length = token >> 4;
		in = take_length(in, in_end, &length);
		if (!in || length > (size_t)(in_end - in) || length > (size_t)(out_end - out))
			return -1;
		if ((size_t)(in_end - in) - length >= WIDE && (size_t)(out_end - out) - length >= WIDE)
			copy_wide(out, in, length);
		else if (length)
			memcpy(out, in, length);
		in += length;
		out += length;
		/* The last sequence is literals alone. */
		if (in == in_end)
			return out - start;

		if (in_end - in < 2)
			return -1;
		offset = (size_t)(in[0] | in[1] << 8);
		length = token & NIBBLE_MORE;
		in = take_length(in + 2, in_end, &length);
		length += MATCH_BYTES_MIN;
		if (!in || offset == 0 || offset > (size_t)(out - start) || length > (size_t)(out_end - out))
			return -1;
		if (offset >= WIDE && (size_t)(out_end - out) - length >= WIDE)
			copy_wide(out, out - offset, length);
		else if (offset >= WIDE / 2 && (size_t)(out_end - out) - length >= WIDE)
			copy_halves(out, out - offset, length);
		else
			repeat(out, offset, length, (size_t)(out_end - out) - length);
		out += length;
	}
	return -1; /* ends with a match, or has nothing in it */
}
