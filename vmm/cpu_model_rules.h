/* SPDX-License-Identifier: Apache-2.0 */
/* The lists behind cpu_model.c; use that. */
#ifndef KVICK_VMM_CPU_MODEL_RULES_H
#define KVICK_VMM_CPU_MODEL_RULES_H

#include "vmm/cpu_model.h"

/* By leaf: ascending, ranges are the same or apart, but for the last one, which is for every leaf. */
extern const struct cpu_rule cpu_host_rules[];
extern const unsigned cpu_host_rule_count;

/* Levels are cumulative: the first cpu_baseline_rule_count(model) of them are the model's. */
extern const struct cpu_rule cpu_baseline_rules[];
unsigned cpu_baseline_rule_count(enum cpu_model model);

#endif
