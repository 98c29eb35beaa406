/* SPDX-License-Identifier: Apache-2.0 */
/* kvick doctor --cpu: a CPU model's rules with their reasons, and what they make of this host. */
#ifndef KVICK_CONTROL_DOCTOR_CPU_H
#define KVICK_CONTROL_DOCTOR_CPU_H

#include <stdbool.h>

#include "vmm/cpu_model.h"

struct sys;

/* Prints to stdout. Returns the process's exit code: 0, or that of a host that cannot offer the model. */
int doctor_cpu(enum cpu_model model, bool json, struct sys *sys);

#endif
