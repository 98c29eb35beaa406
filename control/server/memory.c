/* SPDX-License-Identifier: Apache-2.0 */
#include "control/server/memory.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *there(void *memory)
{
	if (memory)
		return memory;
	fputs("kvickd: out of memory\n", stderr);
	abort();
}

void *memory_get(size_t bytes)
{
	return there(calloc(1, bytes));
}

void *memory_resize(void *memory, size_t bytes)
{
	return there(realloc(memory, bytes));
}

char *memory_string(const char *text)
{
	return there(strdup(text));
}

struct blob *blob_get(struct memory_budget *budget, size_t room)
{
	struct blob *blob = malloc(sizeof(*blob) + room);

	if (!blob)
		return NULL;
	*blob = (struct blob){ .budget = budget, .references = 1, .room = room };
	budget->held += room;
	return blob;
}

int blob_grow(struct blob **blob, size_t room)
{
	size_t before = (*blob)->room;
	struct blob *larger;

	assert((*blob)->references == 1);
	if (room <= before)
		return 0;
	larger = realloc(*blob, sizeof(*larger) + room);
	if (!larger)
		return -ENOMEM;
	larger->room = room;
	larger->budget->held += room - before;
	*blob = larger;
	return 0;
}

struct blob *blob_hold(struct blob *blob)
{
	blob->references++;
	return blob;
}

void blob_put(struct blob *blob)
{
	if (!blob || --blob->references)
		return;
	blob->budget->held -= blob->room;
	free(blob);
}
