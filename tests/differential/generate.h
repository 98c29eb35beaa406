/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KVICK_DIFFERENTIAL_GENERATE_H
#define KVICK_DIFFERENTIAL_GENERATE_H

#include <stdint.h>

/* A number below this one. */
uint64_t draw(uint64_t below);
int one_in(unsigned n);

/* A kind of instruction. emit() prints one, with what prepares its operands. */
struct kind {
	const char *name;
	unsigned weight;
	void (*emit)(void);
};

extern const struct kind kinds[]; /* ended by one without a name */

#endif
