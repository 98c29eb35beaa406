/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PERF_OUTSIDE_H
#define PERF_OUTSIDE_H

#include <stdint.h>

/* Both end the program, and say why, where the kernel's tracepoints cannot be had. */
void outside_begin(void);
uint64_t outside_ns(uint64_t spawned, uint64_t reaped);

#endif
