/* SPDX-License-Identifier: Apache-2.0 */
/* Rounding to a power of two. Rounding up wraps where the result does not fit: callers have bounded `value`. */
#ifndef KVICK_VMM_ROUND_H
#define KVICK_VMM_ROUND_H

#include <stdint.h>

static inline uint64_t round_down(uint64_t value, uint64_t to)
{
	return value & ~(to - 1);
}

static inline uint64_t round_up(uint64_t value, uint64_t to)
{
	return round_down(value + to - 1, to);
}

#endif
