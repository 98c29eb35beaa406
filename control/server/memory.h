/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory. What kvickd needs to go on (a timer, a record: hundreds of bytes, their number limited) is there or the process aborts,
 * for its supervisor to start anew. Bodies, whose size a client chooses, are blobs, which may not be had.
 */
#ifndef KVICK_CONTROL_SERVER_MEMORY_H
#define KVICK_CONTROL_SERVER_MEMORY_H

#include <stddef.h>
#include <stdint.h>

void *memory_get(size_t bytes); /* zeroed; free() */
void *memory_resize(void *memory, size_t bytes);
char *memory_string(const char *text);

/* What all blobs may have together. It is asked before a request is taken; what is under way then gets what it needs. */
struct memory_budget {
	uint64_t held, most;
};

/* Bytes that several may hold: who got it, or took a reference, puts it back. */
struct blob {
	struct memory_budget *budget;
	uint32_t references;
	size_t bytes; /* in use */
	size_t room;
	uint8_t data[];
};

struct blob *blob_get(struct memory_budget *budget, size_t room); /* NULL: no memory */
/* At least `room` from now on; only where there is one reference. 0, or -ENOMEM and it is as it was. */
int blob_grow(struct blob **blob, size_t room);
struct blob *blob_hold(struct blob *blob);
void blob_put(struct blob *blob); /* NULL is none */

#endif
