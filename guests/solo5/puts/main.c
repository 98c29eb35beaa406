/* SPDX-License-Identifier: Apache-2.0 */
/* Prints by many calls or by large ones, and then ends in the way that the second word says: exit, crash, spin, sleep. */
#include "../guest.h"

GUEST_MANIFEST(1, );

static char text[64 * 1024];

static void puts_of(const void *data, uint64_t bytes)
{
	struct solo5_puts call = { (uintptr_t)data, bytes };

	hypercall(SOLO5_PUTS, &call);
}

static void one(void) { puts_of("one line\n", 9); }

/* Longer than what is gathered, by lines of one call each. */
static void lines(void)
{
	for (unsigned i = 0; i < 2000; i++)
		printf("line %u of 2000\n", i);
}

/* Of all sizes up to more than is gathered; then an end of line. */
static void pieces(void)
{
	memset(text, 'x', sizeof(text));
	for (unsigned bytes = 1; bytes <= sizeof(text); bytes *= 2) {
		puts_of(text, bytes);
		puts_of("\n", 1);
		puts_of(text, 0);
	}
}

/* Small ones, and large ones that are not gathered, in turn. */
static void turns(void)
{
	memset(text, '.', sizeof(text));
	for (unsigned i = 0; i < 9; i++) {
		printf("%u", i);
		puts_of(text, i % 3 == 0 ? 5000 : 10);
	}
	puts_of("\n", 1);
}

static const struct way ways[] = {
	{ "one", one }, { "lines", lines }, { "pieces", pieces }, { "turns", turns },
};

int guest_run(unsigned argc, char **argv)
{
	static const struct { uint16_t limit; uint64_t base; } __attribute__((packed)) no_table = { 0, 0 };
	uint64_t ready;

	for (unsigned i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (argc && strcmp(ways[i].name, argv[0]) == 0)
			ways[i].run();
	if (argc > 1 && strcmp(argv[1], "crash") == 0)
		__asm__ volatile("lidt %0; ud2" : : "m"(no_table));
	while (argc > 1 && strcmp(argv[1], "spin") == 0)
		__asm__ volatile("pause");
	if (argc > 1 && strcmp(argv[1], "sleep") == 0)
		poll(UINT64_MAX, &ready);
	return 0;
}
