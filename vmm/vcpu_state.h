/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All of a vCPU that KVM keeps and a guest can change: for snapshots, and for a vCPU that is used again. KVM API, 4.11 to 4.13,
 * 4.19, 4.31, 4.33, 4.42, 4.44, 4.57.
 *
 * Not there: the TSC, which goes on as it is (the guest is told by its generation), and what KVM derives from CPUID.
 */
#ifndef KVICK_VMM_VCPU_STATE_H
#define KVICK_VMM_VCPU_STATE_H

#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>

struct vcpu;
struct vm;
struct kvm;
struct sys;
struct error;

#define VCPU_MSRS_MAX 256

struct vcpu_msr {
	uint32_t index;
	uint32_t changed; /* it is not what a new vCPU has */
	uint64_t value;
};

/* Parts, as bits. */
enum {
	VCPU_FPU = 1u << 0,    /* xsave */
	VCPU_XCRS = 1u << 1,
	VCPU_DEBUG = 1u << 2,
	VCPU_EVENTS = 1u << 3,
	VCPU_LAPIC = 1u << 4,
	VCPU_MP_STATE = 1u << 5,
	VCPU_PARTS = 1u << 6,
};

/* Written to snapshots as it is: no pointers, no padding that is not named. */
struct vcpu_saved {
	uint32_t has;     /* parts that KVM has here */
	uint32_t changed; /* of these, what a new vCPU has not so already */
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	uint32_t xsave[1024]; /* struct kvm_xsave without what may follow it */
	struct kvm_xcrs xcrs;
	struct kvm_debugregs debugregs;
	struct kvm_vcpu_events events;
	struct kvm_lapic_state lapic;
	struct kvm_mp_state mp_state;
	uint32_t msr_count;
	struct vcpu_msr msrs[VCPU_MSRS_MAX];
};

/*
 * Everything of a vCPU that is between two KVM_RUNs, its last instruction completed (vcpu_complete()). What has changed is found by
 * looking at a second, new vCPU, which then belongs to the VM for good. 0, or -errno with `error` set.
 */
int vcpu_save(const struct vcpu *vcpu, const struct vm *vm, const struct kvm *kvm, struct vcpu_saved *saved, struct sys *sys,
	      struct error *error);

/* Of one that somebody else has written: what in it no vCPU of ours has, or NULL. The first does not look at its MSRs. */
const char *vcpu_wrong(const struct vcpu_saved *saved);
const char *vcpu_wrong_msr(const struct vcpu_saved *saved, uint32_t *index);

enum vcpu_used {
	VCPU_NEW,           /* only what has changed is set */
	VCPU_USED,          /* everything is */
	VCPU_USED_AT_RING3, /* what code there can have changed: each call on a vCPU costs 2 us where a hypervisor traps MSRs */
};

/*
 * Sets a vCPU's state, by what it has been used for. Registers take effect at the next vcpu_run(). 0, or -errno with `error` set:
 * KVM does not take it, which is a hostile file's or another host's fault.
 */
int vcpu_load(struct vcpu *vcpu, const struct vm *vm, const struct vcpu_saved *saved, enum vcpu_used used, struct sys *sys,
	      struct error *error);

#endif
