/* SPDX-License-Identifier: Apache-2.0 */
/* What the hostile guests share: a guest is a table of ways to misbehave, chosen by argv[1]. */
#ifndef HOSTILE_H
#define HOSTILE_H

#include <kvick_guest.h>
#include <stdio.h>
#include <string.h>

/* Hides from the compiler what a value is, and so that using it is a mistake. */
#define LAUNDER(value) __asm__ volatile("" : "+r"(value))

#define TIB (1ull << 40)

struct way {
	const char *name;
	void (*run)(void);
};

static int hostile_failed;

/* A call whose answer is known. */
static inline void expect(const char *what, int64_t got, int64_t wanted)
{
	if (got == wanted)
		return;
	printf("%s: %lld instead of %lld\n", what, (long long)got, (long long)wanted);
	hostile_failed = 1;
}

/* Runs the way that argv[1] names. Whoever comes back has survived it. */
static inline int hostile_main(int argc, char **argv, const struct way *ways, size_t count)
{
	const char *name = argc > 1 ? argv[1] : "";

	for (size_t i = 0; i < count; i++) {
		if (strcmp(ways[i].name, name) != 0)
			continue;
		printf("trying %s\n", name);
		ways[i].run();
		puts(hostile_failed ? "FAILED" : "survived");
		return hostile_failed;
	}
	for (size_t i = 0; i < count; i++)
		printf("%s\n", ways[i].name);
	return 2;
}

#define HOSTILE_MAIN(ways)                                                             \
	int main(int argc, char **argv)                                                \
	{                                                                              \
		return hostile_main(argc, argv, ways, sizeof(ways) / sizeof((ways)[0])); \
	}

/* A call with all its words given. */
static inline int64_t call(uint32_t nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f)
{
	struct kvick_call block = { .nr = nr, .arg = { a, b, c, d, e, f } };

	kvick_hypercall(&block);
	return block.ret;
}

/* Page-aligned RAM of the guest's own, zeroed, that nothing else uses; mapped at its physical address. */
static inline uint64_t pages_take(unsigned count)
{
	static uint64_t next;
	uint64_t at;

	if (!next) /* from the middle of free RAM, out of malloc's way */
		next = (kvick_boot()->heap_base + kvick_boot()->heap_end) / 2 & -KVICK_PAGE_BYTES;
	at = next;
	next += count * KVICK_PAGE_BYTES;
	if (next > kvick_boot()->heap_end)
		kvick_panic("out of pages");
	return at;
}

static inline void fill(uint64_t page, uint64_t value)
{
	uint64_t words = KVICK_PAGE_BYTES / 8;

	__asm__ volatile("rep stosq" : "+D"(page), "+c"(words) : "a"(value) : "memory");
}

#endif
