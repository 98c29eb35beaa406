/* SPDX-License-Identifier: Apache-2.0 */
#include "control/test/memory.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES (64u << 10)

struct memory {
	struct memory *next;
	size_t used, size;
	alignas(max_align_t) char bytes[];
};

void *memory_take(struct memory **memory, size_t bytes)
{
	struct memory *m = *memory;
	size_t size;
	void *at;

	bytes = (bytes + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	if (!m || m->size - m->used < bytes) {
		size = bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES;
		m = calloc(1, sizeof(*m) + size);
		if (!m)
			return NULL;
		m->size = size;
		m->next = *memory;
		*memory = m;
	}
	at = m->bytes + m->used;
	m->used += bytes;
	return at;
}

char *memory_text(struct memory **memory, const char *text, size_t bytes)
{
	char *copy = memory_take(memory, bytes + 1);

	return copy ? memcpy(copy, text, bytes) : NULL;
}

void memory_free(struct memory *memory)
{
	while (memory) {
		struct memory *next = memory->next;

		free(memory);
		memory = next;
	}
}
