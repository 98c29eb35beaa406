/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What only a trial tells about a host: whether ring 0 runs natively, and whether VMCALL gets through.
 *
 * Some KVM hosts (without VT-x or SVM) run ring 3 natively and emulate ring 0, hundreds of times slower.
 * No capability says so, so a small VM of its own runs a counted loop there, against the clock.
 */
#ifndef KVICK_VMM_HOST_PROBE_H
#define KVICK_VMM_HOST_PROBE_H

#include <stdbool.h>
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
};

/* Slower than this, an instruction is being emulated: picoseconds. Native is below 1,000, emulation above 300,000. */
#define RING0_NATIVE_PS_MAX 50000

/* Takes some milliseconds; a signal (stop) ends it. 0, or -errno with `error` set. */
int host_probe(const struct kvm *kvm, struct host_facts *facts, struct stop *stop, struct sys *sys,
	       struct error *error);

#endif
