/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What there is to know about a guest that died: taken once, at its death, printed by control/.
 */
#ifndef KVICK_VMM_CRASH_H
#define KVICK_VMM_CRASH_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/vcpu.h"

struct machine;

#define CRASH_FRAMES_MAX 32
#define CRASH_INSN_BYTES 15 /* the longest x86 instruction */
#define CRASH_REASON_BYTES 256

struct crash {
	char reason[CRASH_REASON_BYTES]; /* one line: what happened, and the next step where there is one */
	const char *vector_name;         /* "#PF page fault", or NULL: it was no exception */
	int vector;                      /* -1: it was no exception */
	uint64_t error_code;
	bool state_known;                /* is `state` filled in? */
	struct vcpu_state state;         /* as of the faulting instruction */
	unsigned insn_bytes;
	uint8_t insn[CRASH_INSN_BYTES];
	unsigned frame_count;
	uint64_t frames[CRASH_FRAMES_MAX]; /* return addresses, innermost first; frames[0] is RIP */
	bool leaf;                       /* frames[1] is off the top of the stack: RIP's function had made no frame */
	uint32_t kvm_exit_reason;
	uint32_t kvm_suberror;           /* KVM_EXIT_INTERNAL_ERROR, or the hardware's reason of KVM_EXIT_FAIL_ENTRY */
};

/*
 * Ends the machine's guest as crashed. Reason: what happened, as printf says it. Registers, code
 * bytes and backtrace are read from the vCPU.
 */
void crash_machine(struct machine *machine, const char *reason, ...) __attribute__((format(printf, 2, 3), cold));

/* The same, where KVM emulates ring 0 and cannot emulate what is at RIP: the instruction is named, and what to do. */
void crash_not_emulated(struct machine *machine) __attribute__((cold));

/* The same, for an exception that the VMM's stub has caught: the CPU's frame is on the crash stack. */
void crash_from_stub(struct machine *machine);

#endif
