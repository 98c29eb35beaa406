/* SPDX-License-Identifier: Apache-2.0 */
/* One VM: a KVM descriptor and what is registered as its memory. KVM API, 4.2 and 4.35. */
#ifndef KVICK_VMM_VM_H
#define KVICK_VMM_VM_H

#include <stdbool.h>

struct kvm;
struct guest_mem;
struct sys;
struct error;

struct vm {
	int fd;
	bool lapic; /* its vCPUs get a local APIC inside KVM */
};

/* The VM owns its descriptor until vm_destroy(). KVM binds it to this process. 0 or -errno. */
int vm_create(struct vm *vm, const struct kvm *kvm, struct sys *sys, struct error *error);
void vm_destroy(struct vm *vm, struct sys *sys);

/*
 * Registers RAM as the VM's memory. To be called before anything that puts a device on a KVM bus:
 * afterwards the same call can cost milliseconds (an SRCU grace period).
 */
int vm_set_memory(const struct vm *vm, const struct guest_mem *mem, struct sys *sys, struct error *error);

/*
 * Registers it anew, what is read-only in slots of its own (KVM API, KVM_MEM_READONLY): from then on a store there is a
 * KVM_EXIT_MMIO that says where. No vCPU may be in the guest.
 */
int vm_split_memory(const struct vm *vm, const struct guest_mem *mem, struct sys *sys);

/* Registers the same anew, so that KVM knows nothing of guest page tables any more. No vCPU may be in the guest. */
int vm_renew_memory(const struct vm *vm, const struct guest_mem *mem, struct sys *sys);

/*
 * Gives vCPUs a local APIC inside KVM (split irqchip: KVM API, KVM_CAP_SPLIT_IRQCHIP), for speed alone: a vCPU
 * without one flips a static key, that is, KVM rewrites kernel code on all CPUs at its creation and again at its end,
 * 200 us each. After vm_set_memory(), before the first vCPU. Where KVM cannot, vm->lapic stays false.
 */
void vm_want_lapic(struct vm *vm, struct sys *sys);

#endif
