/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A function with much state and little use for it: fills a table, says that it is ready, and for its request reads a working set
 * of the table and replies with a checksum of that.
 *
 *	table [MIB [PAGES [together|scattered [write]]]]
 *
 * The table's size in MiB (48); how many of its pages are read (512, which is 2 MiB), in one run or evenly spread (scattered); with
 * `write` each is stored to as well. perf/service.sh restores it.
 */
#include <kvick_guest.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS (KVICK_PAGE_BYTES / 8)
#define ALIGNMENT UINT64_C(0x200000) /* a large page's, as an allocator of much memory has it */

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static int64_t ready(void)
{
	struct kvick_call call = { .nr = KVICK_CALL_READY };

	kvick_hypercall(&call);
	return call.ret;
}

static _Noreturn void reply(const char *text)
{
	struct kvick_call call = { .nr = KVICK_CALL_REPLY, .arg = { (uintptr_t)text, strlen(text), KVICK_REPLY_EXIT, 0 } };

	kvick_hypercall(&call);
	kvick_panic("table: the reply was not taken");
}

int main(int argc, char **argv)
{
	uint64_t pages = (argc > 1 ? strtoul(argv[1], NULL, 10) : 48) << 20 >> 12;
	uint64_t used = argc > 2 ? strtoul(argv[2], NULL, 10) : 512;
	bool together = argc > 3 && strcmp(argv[3], "together") == 0;
	bool write = argc > 4 && strcmp(argv[4], "write") == 0;
	uint64_t start = (kvick_heap_unused() + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
	uint64_t state = 88172645463325252u, sum = 0, step;
	volatile uint64_t *table = (volatile uint64_t *)start;
	char text[64];

	if (!pages || !used || used > pages || start + pages * KVICK_PAGE_BYTES > kvick_boot()->heap_end) {
		printf("table: %lu pages, %lu of them used, do not fit into memory\n", pages, used);
		return 2;
	}
	for (uint64_t i = 0; i < pages * WORDS; i++)
		table[i] = next_random(&state);
	if (ready() < 0)
		kvick_panic("table: nobody asks");
	step = together ? 1 : pages / used;
	for (uint64_t i = 0; i < used; i++) {
		volatile uint64_t *word = table + i * step * WORDS + i % WORDS;

		sum = sum * 31 + *word;
		if (write)
			*word = sum;
	}
	snprintf(text, sizeof(text), "table: %lu of %lu pages: %016lx\n", used, pages, sum);
	reply(text);
}
