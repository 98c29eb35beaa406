/* SPDX-License-Identifier: Apache-2.0 */
#include "blkcheck.h"

#include <string.h>

#define WORDS (KVICK_BLK_SECTOR_BYTES / 8)

static uint64_t mix(uint64_t value)
{
	value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9ull; /* splitmix64 */
	value = (value ^ value >> 27) * 0x94d049bb133111ebull;
	return value ^ value >> 31;
}

uint64_t next_random(struct disk *disk)
{
	return mix(disk->random += 0x9e3779b97f4a7c15ull);
}

/*
 * One word, then another 63 times: so a sector in a wrong place is found, and bytes that are shifted. String instructions, so
 * that a sector takes few instructions where the host emulates them.
 */
static uint64_t first_word(uint64_t sector, uint64_t seed)
{
	return mix(sector + mix(seed));
}

void pattern_fill(void *to, uint64_t sector, unsigned sectors, uint64_t seed)
{
	char *at = to;

	for (unsigned i = 0; i < sectors; i++) {
		uint64_t word = first_word(sector + i, seed), words = WORDS - 1;

		memcpy(at, &word, sizeof(word));
		at += sizeof(word);
		__asm__ volatile("rep stosq" : "+D"(at), "+c"(words) : "a"(~word) : "memory");
	}
}

static bool filled_with(const char *data, uint64_t words, uint64_t word)
{
	bool same;

	__asm__ volatile("repe scasq" : "+D"(data), "+c"(words), "=@cce"(same) : "a"(word) : "memory");
	return same;
}

bool pattern_is(const void *data, uint64_t sector, unsigned sectors, uint64_t seed)
{
	const char *at = data;

	for (unsigned i = 0; i < sectors; i++, at += KVICK_BLK_SECTOR_BYTES) {
		uint64_t word = first_word(sector + i, seed);

		if (memcmp(at, &word, sizeof(word)) != 0 || !filled_with(at + sizeof(word), WORDS - 1, ~word))
			return false;
	}
	return true;
}

bool all_zero(const void *data, unsigned sectors)
{
	return filled_with(data, (uint64_t)sectors * WORDS, 0);
}
