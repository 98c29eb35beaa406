/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/vm.h"

#include <errno.h>
#include <linux/kvm.h>
#include <string.h>

#include "vmm/error.h"
#include "vmm/guest_mem.h"
#include "vmm/kvm.h"
#include "vmm/sys.h"

/* KVM_CREATE_VM gives up when a signal is pending; so many in a row are not chance. */
#define CREATE_TRIES 100

int vm_create(struct vm *vm, const struct kvm *kvm, struct sys *sys, struct error *error)
{
	int r = -EINTR;

	for (unsigned i = 0; i < CREATE_TRIES && r == -EINTR; i++)
		r = sys_ioctl(sys, kvm->fd, KVM_CREATE_VM, 0);
	if (r < 0)
		return error_set(error, ERROR_HOST, -r, "KVM_CREATE_VM: %s: %s", strerror(-r),
				 r == -EBUSY ? "another hypervisor holds the CPU's virtualisation: stop it" :
				 r == -EINTR ? "interrupted again and again: stop whatever sends this process signals" :
					       "`kvick doctor` says what this host offers");
	*vm = (struct vm){ .fd = r };
	return 0;
}

void vm_destroy(struct vm *vm, struct sys *sys)
{
	sys_close(sys, vm->fd);
	vm->fd = -1;
}

int vm_set_memory(const struct vm *vm, const struct guest_mem *mem, struct sys *sys, struct error *error)
{
	struct kvm_userspace_memory_region region = {
		.slot = 0,
		.guest_phys_addr = 0,
		.memory_size = mem->bytes,
		.userspace_addr = (uintptr_t)mem->host,
	};
	int r = sys_ioctl(sys, vm->fd, KVM_SET_USER_MEMORY_REGION, (uintptr_t)&region);

	if (r < 0)
		return error_set(error, ERROR_HOST, -r,
				 "KVM_SET_USER_MEMORY_REGION of %llu MiB: %s: ask for less with --mem",
				 (unsigned long long)(mem->bytes >> 20), strerror(-r));
	return 0;
}

/* Interrupt lines that a user-space IOAPIC would have; nothing raises one yet. */
#define IOAPIC_PINS 24

void vm_want_lapic(struct vm *vm, struct sys *sys)
{
	struct kvm_enable_cap split = { .cap = KVM_CAP_SPLIT_IRQCHIP, .args = { IOAPIC_PINS } };

	vm->lapic = sys_ioctl(sys, vm->fd, KVM_ENABLE_CAP, (uintptr_t)&split) == 0;
}
