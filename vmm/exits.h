/* SPDX-License-Identifier: Apache-2.0 */
/* Why a guest left to the VMM, and what happens then: one row a reason. KVM API, 5. */
#ifndef KVICK_VMM_EXITS_H
#define KVICK_VMM_EXITS_H

#include <stdint.h>

struct machine;

/* "KVM_EXIT_SHUTDOWN" and its like; "KVM exit" for one without a name. */
const char *kvm_exit_name(uint32_t reason);

/* Handles the exit in machine->vcpu.run. The guest goes on unless machine->outcome was set. */
void exit_handle(struct machine *machine);

/*
 * A tick has interrupted KVM_RUN. With a local APIC inside KVM a HLT does not leave the guest: it waits for an
 * interrupt, and this protocol has none.
 */
void exit_halted(struct machine *machine);

#endif
