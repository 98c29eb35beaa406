/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The compute loop: the same code in the guest and in an ordinary process (perf/), to compare their
 * speed. Integers only, each step depends on the one before, and nothing is in memory.
 */
#ifndef KVICK_LOOP_WORK_H
#define KVICK_LOOP_WORK_H

#include <stdint.h>

#define WORK_SEED 0x9e3779b97f4a7c15ull

/* Not inlined: alignment and surroundings stay the same in both programs. */
__attribute__((noinline, aligned(64))) static uint64_t work(uint64_t iterations)
{
	uint64_t x = WORK_SEED;

	/* xorshift64*; Vigna, "An experimental exploration of Marsaglia's xorshift generators", 2014 */
	for (uint64_t i = 0; i < iterations; i++) {
		x ^= x >> 12;
		x ^= x << 25;
		x ^= x >> 27;
		x *= 0x2545f4914f6cdd1dull;
	}
	return x;
}

#endif
