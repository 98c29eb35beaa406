/* SPDX-License-Identifier: Apache-2.0 */
/* /dev/kvm: what the host offers. KVM API, 4.1-4.5. */
#ifndef KVICK_VMM_KVM_H
#define KVICK_VMM_KVM_H

#include <stdbool.h>
#include <stddef.h>

struct sys;
struct error;

#define KVM_DEVICE "/dev/kvm"

struct kvm {
	int fd;
	size_t run_bytes; /* size of a vCPU's kvm_run mapping; 0 before kvm_check() */
};

/* Opens the device. 0 or -errno. */
int kvm_open(struct kvm *kvm, struct sys *sys, struct error *error);

/* Checks version and needs. 0 or -errno; the device stays open in either case. */
int kvm_check(struct kvm *kvm, struct sys *sys, struct error *error);
void kvm_close(struct kvm *kvm, struct sys *sys);

/* KVM_CHECK_EXTENSION: > 0 where the host has it. */
int kvm_capability(const struct kvm *kvm, int capability, struct sys *sys);

#endif
