/* SPDX-License-Identifier: Apache-2.0 */
/* What fuzz targets share. */
#ifndef KVICK_TESTS_FUZZ_H
#define KVICK_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Not assert(): it must hold in every build. */
#define PROMISE(condition)                                                        \
	do {                                                                      \
		if (!(condition)) {                                               \
			fprintf(stderr, "broken promise: %s\n", #condition);      \
			abort();                                                  \
		}                                                                 \
	} while (0)

/* Some bytes of the input, as a number; where it ends, they are 0. */
static inline uint64_t fuzz_take(const uint8_t **data, size_t *left, unsigned bytes)
{
	uint64_t value = 0;

	if (bytes > *left)
		bytes = (unsigned)*left;
	memcpy(&value, *data, bytes);
	*data += bytes;
	*left -= bytes;
	return value;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

#endif
