/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random numbers without a call to the VMM, and what happens to them in copies of a guest: each is seeded anew before its first
 * draw, so that no two have a number in common.
 */
#ifndef KVICK_RANDOM_H
#define KVICK_RANDOM_H

#include <stddef.h>
#include <stdint.h>

void kvick_random(void *to, size_t bytes);

/* boot_info.generation: 1, and one more in what is made of a snapshot. */
uint64_t kvick_generation(void);

/* Sleeps until it has changed: 1; 0: the time is over. Each change is told once. */
int kvick_wait_generation(uint64_t timeout_ns);

#endif
