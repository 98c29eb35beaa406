/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counts its calls, in a variable, on the heap and in memory that nobody has asked for yet. It always says 1, or something of one
 * call is left for the next.
 */
#include <kvick_function.h>
#include <stdlib.h>

#define FRESH_WORDS 8192 /* 64 KiB */

static unsigned count;
static unsigned *heap_count;

/* Words that are not zero, which they are before anybody writes to them; then none is. */
static unsigned used_before(uint64_t *fresh)
{
	unsigned used = 0;

	for (unsigned i = 0; i < FRESH_WORDS; i++) {
		used += fresh[i] != 0;
		fresh[i] = ~UINT64_C(0);
	}
	return used;
}

static int handle(const void *request, size_t bytes, struct kvick_reply *reply)
{
	uint64_t *fresh = malloc(FRESH_WORDS * sizeof(*fresh));

	(void)request, (void)bytes;
	if (!fresh)
		return 1;
	count++;
	++*heap_count;
	unsigned used = used_before(fresh);

	if (count != *heap_count || used) {
		kvick_reply_printf(reply, "%u, heap %u, %u words that were used before\n", count, *heap_count, used);
		return 1;
	}
	kvick_reply_printf(reply, "%u\n", count);
	return 0;
}

int main(void)
{
	heap_count = calloc(1, sizeof(*heap_count));
	if (!heap_count)
		return 1;
	kvick_serve(handle);
}
