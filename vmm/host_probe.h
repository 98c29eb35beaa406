/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is asked of a host once and then remembered (host_cache.h): that its KVM will do at all (kvm_check()), and what only
 * a trial tells: whether ring 0 runs natively, and whether VMCALL gets through.
 *
 * Some KVM hosts (without VT-x or SVM) run ring 3 natively and emulate ring 0, hundreds of times slower.
 * No capability says so, so a small VM of its own runs a counted loop there, against the clock.
 */
#ifndef KVICK_VMM_HOST_PROBE_H
#define KVICK_VMM_HOST_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kvm;
struct sys;
struct error;
struct stop;

struct host_facts {
	uint64_t ring0_insn_ps; /* picoseconds an instruction takes at ring 0 */
	uint64_t ring3_insn_ps; /* the same at ring 3 */
	bool ring0_native;
	bool tss_available;     /* see struct vcpu */
	unsigned doorbell;      /* KVICK_DOORBELL_*: the best that reaches the VMM from ring 0 */
	size_t run_bytes;       /* as struct kvm has it: known only of a KVM that has passed kvm_check() */
};

/* Slower than this, an instruction is being emulated: picoseconds. Native is below 1,000, emulation above 300,000. */
#define RING0_NATIVE_PS_MAX 50000

/* kvm: checked. Takes some milliseconds; a signal (stop) ends it. 0, or -errno with `error` set. */
int host_probe(const struct kvm *kvm, struct host_facts *facts, struct stop *stop, struct sys *sys,
	       struct error *error);

#endif
