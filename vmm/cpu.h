/* SPDX-License-Identifier: Apache-2.0 */
/* The CPU model, brought to KVM: CPUID, extended state and paravirtual MSRs of one vCPU. KVM API, 4.20, 4.46 and 7. */
#ifndef KVICK_VMM_CPU_H
#define KVICK_VMM_CPU_H

#include "vmm/cpu_model.h"

struct kvm;
struct machine;
struct sys;

/*
 * What the host's KVM can carry out. The one place that asks: some hundred microseconds, so that a guest that asks for
 * no model does not pay it, and the answer may be remembered with the other host facts.
 */
int cpu_supported(const struct kvm *kvm, struct cpu_table *table, struct sys *sys, struct error *error);

/* The model that the operator says, or else the image asks for. */
enum cpu_model cpu_choose(const struct machine *machine);

/*
 * Gives the machine's vCPU m->cpu_model, before its first entry. m->cpuid and m->cpu_state say what came of it. 0 or
 * -errno with m->error set.
 */
int cpu_set_up(struct machine *machine);

/* The same of a model that is there already: m->cpuid, of a snapshot. XCR0 is in that's vCPU. */
int cpu_restore(struct machine *machine);

#endif
