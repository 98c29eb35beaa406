/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/vm.h"

#include <errno.h>
#include <linux/kvm.h>
#include <string.h>

#include "vmm/error.h"
#include "vmm/guest_mem.h"
#include "vmm/kvm.h"
#include "vmm/memory_slots.h"
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

static int set_slot(const struct vm *vm, const struct guest_mem *mem, unsigned number, const struct memory_slot *slot,
		    struct sys *sys)
{
	struct kvm_userspace_memory_region region = {
		.slot = number,
		.flags = slot->readonly ? KVM_MEM_READONLY : 0,
		.guest_phys_addr = slot->run.at,
		.memory_size = slot->run.bytes,
		.userspace_addr = (uintptr_t)mem->host + slot->run.at,
	};

	return sys_ioctl(sys, vm->fd, KVM_SET_USER_MEMORY_REGION, (uintptr_t)&region);
}

int vm_set_memory(const struct vm *vm, const struct guest_mem *mem, struct sys *sys, struct error *error)
{
	int r = set_slot(vm, mem, 0, &(struct memory_slot){ .run = { 0, mem->bytes + mem->behind } }, sys);

	if (r < 0)
		return error_set(error, ERROR_HOST, -r,
				 "KVM_SET_USER_MEMORY_REGION of %llu MiB: %s: ask for less with --mem",
				 (unsigned long long)(mem->bytes >> 20), strerror(-r));
	return 0;
}

COLD int vm_split_memory(const struct vm *vm, const struct guest_mem *mem, struct sys *sys)
{
	struct memory_slot slots[MEMORY_SLOTS_MAX];
	unsigned count = memory_slots(mem->bytes + mem->behind, mem->readonly, mem->readonly_count, slots);
	int r = set_slot(vm, mem, 0, &(struct memory_slot){ 0 }, sys); /* of 0 bytes: away */

	for (unsigned i = 0; i < count && r == 0; i++)
		r = set_slot(vm, mem, i, &slots[i], sys);
	return r;
}

COLD int vm_renew_memory(const struct vm *vm, const struct guest_mem *mem, struct sys *sys)
{
	int r = 0;

	/* Slots that are not there are taken away in vain. */
	for (unsigned i = 0; i < (mem->readonly_count ? MEMORY_SLOTS_MAX : 1u) && r == 0; i++) {
		r = set_slot(vm, mem, i, &(struct memory_slot){ 0 }, sys);
		if (r == -EINVAL && i > 0)
			r = 0;
	}
	return r == 0 ? set_slot(vm, mem, 0, &(struct memory_slot){ .run = { 0, mem->bytes + mem->behind } }, sys) : r;
}

/* Interrupt lines that a user-space IOAPIC would have; nothing raises one yet. */
#define IOAPIC_PINS 24

void vm_want_lapic(struct vm *vm, struct sys *sys)
{
	struct kvm_enable_cap split = { .cap = KVM_CAP_SPLIT_IRQCHIP, .args = { IOAPIC_PINS } };

	vm->lapic = sys_ioctl(sys, vm->fd, KVM_ENABLE_CAP, (uintptr_t)&split) == 0;
}
