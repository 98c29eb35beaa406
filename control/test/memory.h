/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that is taken piece by piece and given back at one go. */
#ifndef KVICK_CONTROL_TEST_MEMORY_H
#define KVICK_CONTROL_TEST_MEMORY_H

#include <stddef.h>

struct memory;

/* Zeroes, aligned for anything. NULL: there is none. */
void *memory_take(struct memory **memory, size_t bytes);
char *memory_text(struct memory **memory, const char *text, size_t bytes); /* a copy, with a NUL at its end */
void memory_free(struct memory *memory);

#endif
