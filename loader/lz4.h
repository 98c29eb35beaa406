/* SPDX-License-Identifier: Apache-2.0 */
/* LZ4, its block format alone (lz4's doc/lz4_Block_format.md). Not Debian's library: that is 64 KiB of code for these two pages. */
#ifndef KVICK_LOADER_LZ4_H
#define KVICK_LOADER_LZ4_H

#include <stddef.h>
#include <stdint.h>

/*
 * Unpacks one block, which refers to nothing before it. `out` is fresh: all zero, and long runs of zeros are not written to it. How
 * many bytes came out, or -1: it is no such block, or they are too many.
 */
int64_t lz4_block(const uint8_t *in, size_t in_bytes, uint8_t *out, size_t out_bytes);

#endif
