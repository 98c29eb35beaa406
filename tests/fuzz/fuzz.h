/* SPDX-License-Identifier: Apache-2.0 */
/* What fuzz targets share. */
#ifndef KVICK_TESTS_FUZZ_H
#define KVICK_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Not assert(): it must hold in every build. */
#define PROMISE(condition)                                                        \
	do {                                                                      \
		if (!(condition)) {                                               \
			fprintf(stderr, "broken promise: %s\n", #condition);      \
			abort();                                                  \
		}                                                                 \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

#endif
