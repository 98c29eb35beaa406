/* SPDX-License-Identifier: Apache-2.0 */
/* Computes for argv[1] rounds; prints TSC ticks and the result. */
#include <kvick_guest.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "work.h"

/* As text of a fixed width, so that perf/bench.sh can make images of this one that do more, and differ in nothing else. */
static const char without_argument[] = "iterations=0010000000";

int main(int argc, char **argv)
{
	uint64_t iterations = argc > 1 ? strtoull(argv[1], NULL, 0) : strtoull(strchr(without_argument, '=') + 1, NULL, 10);
	uint64_t before = kvick_rdtsc();
	uint64_t result = work(iterations);
	uint64_t ticks = kvick_rdtsc() - before;

	printf("loop: iterations %lu ticks %lu result %016lx\n", iterations, ticks, result);
	return 0;
}
