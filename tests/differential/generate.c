/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Draws the sequences: assembly, on stdout.
 *
 *	generate SEEDS COUNT [KIND[,KIND…]]     of these kinds alone; without arguments it prints their names
 *
 * Same arguments and compiler, same text, on every host: the numbers are our own.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "differential.h"
#include "generate.h"

static uint64_t at;

uint64_t draw(uint64_t below)
{
	at ^= at << 13;
	at ^= at >> 7;
	at ^= at << 17;
	return (at * UINT64_C(0x2545f4914f6cdd1d) >> 16) % below;
}

int one_in(unsigned n)
{
	return draw(n) == 0;
}

/* Is it one of those names, which have commas between them? */
static int is_in(const char *name, const char *names)
{
	size_t bytes = strlen(name);

	for (const char *found = names; (found = strstr(found, name)); found++)
		if ((found == names || found[-1] == ',') && (found[bytes] == ',' || !found[bytes]))
			return 1;
	return 0;
}

/* With `only`, kinds of these names. */
static const struct kind *draw_kind(const char *only)
{
	const struct kind *kind;
	unsigned all = 0;

	for (kind = kinds; kind->name; kind++)
		all += !only || is_in(kind->name, only) ? kind->weight : 0;
	if (!all) {
		fprintf(stderr, "no such kind: %s\n", only);
		exit(2);
	}

	uint64_t left = draw(all);

	for (kind = kinds;; kind++) {
		unsigned weight = !only || is_in(kind->name, only) ? kind->weight : 0;

		if (left < weight)
			return kind;
		left -= weight;
	}
}

static void sequence(unsigned seed, unsigned n, const char *only)
{
	at = ((uint64_t)seed << 32 | n) * UINT64_C(0x9e3779b97f4a7c15) + 1;
	for (unsigned i = 0; i < 8; i++)
		draw(2);
	printf("\t.type s%u_%u, @function\ns%u_%u:\n", seed, n, seed, n);
	for (uint64_t left = 1 + draw(8); left > 0; left--)
		draw_kind(only)->emit();
	puts("\tjmp\tsequence_end");
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		fprintf(stderr, "usage: %s SEEDS COUNT [KIND,…]\nkinds:", argv[0]);
		for (const struct kind *kind = kinds; kind->name; kind++)
			fprintf(stderr, " %s", kind->name);
		fputs("\n", stderr);
		return 2;
	}

	unsigned seeds = (unsigned)strtoul(argv[1], NULL, 10), count = (unsigned)strtoul(argv[2], NULL, 10);

	printf("\t.set\tFIRST_PAGE, %#x\n\t.set\tLAST_PAGE_END, %#x\n", STACK_FIRST_PAGE, STACK_END);
	puts("\t.section .text.sequences, \"ax\", @progbits");
	for (unsigned seed = 0; seed < seeds; seed++)
		for (unsigned n = 0; n < count; n++)
			sequence(seed, n, argc > 3 ? argv[3] : NULL);
	puts("\t.section .rodata, \"a\", @progbits\n\t.globl\tsequences, sequence_seeds, sequences_per_seed\n\t.balign\t4");
	printf("sequence_seeds:\t.long\t%u\nsequences_per_seed:\t.long\t%u\nsequences:\n", seeds, count);
	for (unsigned seed = 0; seed < seeds; seed++)
		for (unsigned n = 0; n < count; n++)
			printf("\t.long\ts%u_%u\n", seed, n);
	puts("\t.section .note.GNU-stack, \"\", @progbits");
	return ferror(stdout) || fflush(stdout) ? 1 : 0;
}
