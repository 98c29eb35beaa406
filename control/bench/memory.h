/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that is there: where it is not the program ends, and says so. All to be freed. */
#ifndef KVICK_CONTROL_BENCH_MEMORY_H
#define KVICK_CONTROL_BENCH_MEMORY_H

#include <stddef.h>

/* As calloc(); never NULL. */
void *memory_of(size_t count, size_t bytes);
/* As reallocarray(). */
void *memory_more(void *memory, size_t count, size_t bytes);
/* As asprintf(). */
char *text_of(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
