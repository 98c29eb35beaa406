/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/kvm.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <string.h>

#include "vmm/error.h"
#include "vmm/sys.h"

/* What a launch cannot do without. */
static const struct {
	int capability;
	const char *name;
	const char *since; /* first kernel that has it */
} needs[] = {
	{ KVM_CAP_USER_MEMORY, "KVM_CAP_USER_MEMORY", "2.6.25" },
	{ KVM_CAP_IMMEDIATE_EXIT, "KVM_CAP_IMMEDIATE_EXIT", "4.11" },
	{ KVM_CAP_SYNC_REGS, "KVM_CAP_SYNC_REGS", "4.17" },
};

static COLD int refuse_open(int r, struct error *error)
{
	static const struct {
		int errnum;
		const char *next;
	} advice[] = {
		{ ENOENT, "load kvm_intel or kvm_amd, or switch virtualisation on in the firmware (or, inside a VM, nesting)" },
		{ EACCES, "add yourself to the group `kvm` (sudo usermod -aG kvm $USER) and log in again" },
		{ EPERM, "allow the device in the container or cgroup (docker: --device /dev/kvm)" },
		{ ENODEV, "the kvm module is loaded, but not kvm_intel or kvm_amd: load one" },
		{ EMFILE, "raise the limit on open files (ulimit -n)" },
		{ ENXIO, "the kvm module is loaded, but not kvm_intel or kvm_amd: load one" },
	};

	for (size_t i = 0; i < sizeof(advice) / sizeof(advice[0]); i++)
		if (advice[i].errnum == -r)
			return error_set(error, ERROR_HOST, -r, "%s: %s: %s", KVM_DEVICE, strerror(-r), advice[i].next);
	return error_set(error, ERROR_HOST, -r, "%s: %s: `kvick doctor` says what this host offers", KVM_DEVICE, strerror(-r));
}

COLD int kvm_check(struct kvm *kvm, struct sys *sys, struct error *error)
{
	int r = sys_ioctl(sys, kvm->fd, KVM_GET_API_VERSION, 0);

	if (r != KVM_API_VERSION)
		return error_set(error, ERROR_HOST, r < 0 ? -r : ENOTSUP,
				 "%s: KVM_GET_API_VERSION gives %d, not %d: this is not a KVM that kvick can use", KVM_DEVICE, r,
				 KVM_API_VERSION);
	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++)
		if (kvm_capability(kvm, needs[i].capability, sys) <= 0)
			return error_set(error, ERROR_HOST, ENOTSUP, "%s: no %s: kvick needs Linux %s or later", KVM_DEVICE,
					 needs[i].name, needs[i].since);
	r = sys_ioctl(sys, kvm->fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (r < (int)sizeof(struct kvm_run))
		return error_set(error, ERROR_HOST, r < 0 ? -r : ENOTSUP,
				 "%s: KVM_GET_VCPU_MMAP_SIZE gives %d: this is not a KVM that kvick can use", KVM_DEVICE, r);
	kvm->run_bytes = (size_t)r;
	return 0;
}

int kvm_open(struct kvm *kvm, struct sys *sys, struct error *error)
{
	int fd = sys_open(sys, KVM_DEVICE, O_RDWR | O_CLOEXEC, 0);

	if (fd < 0)
		return refuse_open(fd, error);
	*kvm = (struct kvm){ .fd = fd };
	return 0;
}

void kvm_close(struct kvm *kvm, struct sys *sys)
{
	sys_close(sys, kvm->fd);
	kvm->fd = -1;
}

int kvm_capability(const struct kvm *kvm, int capability, struct sys *sys)
{
	return sys_ioctl(sys, kvm->fd, KVM_CHECK_EXTENSION, (unsigned long)capability);
}
