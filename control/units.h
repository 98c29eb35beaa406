/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes and durations as people write them. */
#ifndef KVICK_CONTROL_UNITS_H
#define KVICK_CONTROL_UNITS_H

#include <stdbool.h>
#include <stdint.h>

/* "16M", "2GiB", "65536": binary multiples K, M, G, T. False where it is no size or does not fit. */
bool units_size(const char *text, uint64_t *bytes);

/* "500ms", "1.5s", "2m", "1h", "30" (seconds). False where it is no duration or does not fit. */
bool units_duration(const char *text, uint64_t *ns);

#endif
