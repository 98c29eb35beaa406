/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "control/test/reader.h"

#define WORD_BYTES_MAX 40u

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Levenshtein's distance, a row at a time; of words that are not longer than that. */
static size_t distance(const char *a, size_t a_bytes, const char *b, size_t b_bytes)
{
	size_t row[WORD_BYTES_MAX + 1];

	for (size_t k = 0; k <= b_bytes; k++)
		row[k] = k;
	for (size_t i = 1; i <= a_bytes; i++) {
		size_t before = row[0];

		row[0] = i;
		for (size_t k = 1; k <= b_bytes; k++) {
			size_t above = row[k];

			row[k] = least(least(above, row[k - 1]) + 1, before + (a[i - 1] != b[k - 1]));
			before = above;
		}
	}
	return row[b_bytes];
}

const char *nearest_word(const char *word, const char *(*name)(size_t i))
{
	size_t bytes = strlen(word), best = bytes / 3 + 2;
	const char *nearest = NULL;

	for (size_t i = 0; name(i) && bytes <= WORD_BYTES_MAX; i++) {
		size_t length = strlen(name(i)), d = length <= WORD_BYTES_MAX ? distance(word, bytes, name(i), length) : best;

		if (d < best && d < length) {
			best = d;
			nearest = name(i);
		}
	}
	return nearest;
}
