/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop of guests/unikernels/loop as an ordinary process: what ring 3 in a VM is compared with.
 *
 *	process_loop ITERATIONS
 *
 * Prints TSC ticks that the loop alone took, in the guest's words.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <x86intrin.h>

#include "guests/unikernels/loop/work.h"

int main(int argc, char **argv)
{
	uint64_t iterations, start, end, result;
	char *rest;

	errno = 0;
	iterations = argc == 2 ? strtoull(argv[1], &rest, 10) : 0;
	if (argc != 2 || errno || *rest || !iterations) {
		fputs("usage: process_loop ITERATIONS\n", stderr);
		return 2;
	}
	start = __rdtsc();
	result = work(iterations);
	end = __rdtsc();
	printf("process: iterations %" PRIu64 " ticks %" PRIu64 " result %016" PRIx64 "\n", iterations, end - start, result);
	return fflush(stdout) || ferror(stdout) ? 1 : 0;
}
