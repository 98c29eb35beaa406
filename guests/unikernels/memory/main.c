/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Touches all free RAM, page by page: each page reads as zero, then takes a pattern of its own;
 * at the end each still has its own, so no two pages are the same memory.
 *
 * With the argument "hold" it writes without reading first (a host whose zero page was read may give small pages for it
 * later), and then sleeps for two seconds, for somebody to look at what the host gave.
 */
#include <assert.h>
#include <kvick_guest.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define HOLD_NS 2000000000ull
#define WORDS (KVICK_PAGE_BYTES / 8)

/* An odd factor makes the patterns of any two pages differ, and no page but the 0th has 0. */
static uint64_t pattern_of(uint64_t page)
{
	return page * 0x9e3779b97f4a7c15ull;
}

/* String instructions, so that a page takes few instructions where the host emulates them. */
static bool is_filled(uint64_t page, uint64_t pattern)
{
	uint64_t words = WORDS;
	bool same;

	__asm__ volatile("repe scasq" : "+D"(page), "+c"(words), "=@cce"(same) : "a"(pattern) : "memory");
	return same;
}

static void fill(uint64_t page, uint64_t pattern)
{
	uint64_t words = WORDS;

	__asm__ volatile("rep stosq" : "+D"(page), "+c"(words) : "a"(pattern) : "memory");
}

int main(int argc, char **argv)
{
	uint64_t start = (kvick_heap_unused() + KVICK_PAGE_BYTES - 1) & ~(KVICK_PAGE_BYTES - 1);
	uint64_t end = kvick_boot()->heap_end;

	bool hold = argc > 1 && strcmp(argv[1], "hold") == 0;

	for (uint64_t page = start; page < end; page += KVICK_PAGE_BYTES) {
		assert(hold || is_filled(page, 0));
		fill(page, pattern_of(page));
	}
	for (uint64_t page = start; page < end; page += KVICK_PAGE_BYTES)
		assert(is_filled(page, pattern_of(page)));
	printf("memory: %lu pages of %lu MiB %skeep what is written\n", (end - start) / KVICK_PAGE_BYTES,
	       kvick_boot()->mem_bytes >> 20, hold ? "" : "were zero and ");
	if (hold)
		kvick_wait(0, HOLD_NS);
	return 0;
}
