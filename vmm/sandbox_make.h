/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one compiler of seccomp filters: run when kvick is built, for the filters that most launches have, and when a launch wants
 * another one; all together would be 15 KiB. Its rows are sandbox_policy.h's without names and reasons (sandbox_filter.h, which
 * sandbox_compile.c makes, after it has held the filter of every set against the table).
 */
#ifndef KVICK_VMM_SANDBOX_MAKE_H
#define KVICK_VMM_SANDBOX_MAKE_H

#include <stdint.h>

struct sock_filter;

struct sandbox_row {
	uint8_t needs;
	uint8_t by_argument; /* value is of its second argument; else the number itself */
	uint16_t nr;
	uint32_t value;
};

#define SANDBOX_INSTRUCTIONS_MAX 128

/* Into code[SANDBOX_INSTRUCTIONS_MAX]. Returns how many instructions; 0: there is no room for them. */
unsigned sandbox_make(struct sock_filter *code, const struct sandbox_row *rows, unsigned count, unsigned set);

#endif
