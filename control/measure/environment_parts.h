/* SPDX-License-Identifier: Apache-2.0 */
/* The files of environment.h among themselves. */
#ifndef KVICK_CONTROL_MEASURE_ENVIRONMENT_PARTS_H
#define KVICK_CONTROL_MEASURE_ENVIRONMENT_PARTS_H

#include <stdint.h>

#include "control/measure/environment.h"

/* Adds a row; an empty value, or one too many, is left out. */
void environment_row(struct environment *environment, const char *key, const char *title, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* environment_cpu.c: processors and their clocks. environment_kernel.c: all else that is on a machine. Rows and warnings. */
void environment_cpu(struct environment *environment);
void environment_kernel(struct environment *environment);

/* environment_cgroup.c */
void environment_cgroup(struct environment *environment);
uint64_t environment_throttled(void);

#endif
