/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's console: bytes from guest RAM to a descriptor, in order, all of them or a failure that is told once. */
#ifndef KVICK_VMM_CONSOLE_H
#define KVICK_VMM_CONSOLE_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/guest_mem.h"

struct sys;
struct stop;

struct console {
	int fd;
	int errnum;     /* 0, or why output was lost (positive errno); nothing is written after that */
	uint64_t bytes; /* written */
	bool terminal;  /* native guests are told */
	uint64_t bytes_max, bytes_dropped; /* beyond bytes_max (0: no limit) output is dropped as if it had been written */
	void (*take)(void *context, const uint8_t *from, uint64_t bytes); /* takes all, instead of fd; NULL: there is fd */
	void *context;
};

/*
 * Writes [from, from + bytes) of RAM (checked by the caller). Waits while the descriptor takes
 * nothing; a signal (stop) ends the wait, but what the descriptor takes at once is still written. Returns bytes written, or
 * -errno where none were.
 */
int64_t console_write(struct console *console, const struct guest_mem *mem, gpa_t from, uint64_t bytes,
		      const struct stop *stop, struct sys *sys);

/* The same of memory of ours. */
int64_t console_put(struct console *console, const uint8_t *from, uint64_t bytes, const struct stop *stop, struct sys *sys);

/* Prints what the guest has gathered in its boot info page (see boot_info.h). */
void console_drain(struct console *console, struct guest_mem *mem, const struct stop *stop, struct sys *sys);

#endif
