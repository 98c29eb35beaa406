/* SPDX-License-Identifier: Apache-2.0 */
/* Computes for argv[1] rounds; prints TSC ticks and the result. */
#include <kvick_guest.h>
#include <stdio.h>
#include <stdlib.h>

#include "work.h"

#define ITERATIONS_DEFAULT 10000000

int main(int argc, char **argv)
{
	uint64_t iterations = argc > 1 ? strtoull(argv[1], NULL, 0) : ITERATIONS_DEFAULT;
	uint64_t before = kvick_rdtsc();
	uint64_t result = work(iterations);
	uint64_t ticks = kvick_rdtsc() - before;

	printf("loop: iterations %lu ticks %lu result %016lx\n", iterations, ticks, result);
	return 0;
}
