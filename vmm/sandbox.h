/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this process may still ask of its host once guest code runs: what sandbox_policy.h lists,
 * each row with its reason. Anything else ends the process (SIGSYS), whatever is still in it.
 */
#ifndef KVICK_VMM_SANDBOX_H
#define KVICK_VMM_SANDBOX_H

#include "vmm/sandbox_policy.h"

struct sys;
struct error;

/*
 * Gives up new privileges and closes the filter over this thread and those it will start. There is no way back. `set`: what the
 * launch needs (sandbox_policy.h). To be called right before the first KVM_RUN. 0 or -errno with `error` set; nothing may run then.
 */
int sandbox_enter(unsigned set, struct sys *sys, struct error *error);

#endif
