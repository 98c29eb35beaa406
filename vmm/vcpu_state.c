/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/vcpu_state.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "vmm/error.h"
#include "vmm/kvm.h"
#include "vmm/sys.h"
#include "vmm/vcpu.h"
#include "vmm/vm.h"

/* AMD64 APM 2, appendix A.2; Intel SDM 4. The TSC goes on; what belongs to KVM's own clocks is no guest's here. */
enum { MSR_TSC = 0x10, MSR_TSC_DEADLINE = 0x6e0, MSR_EFER = 0xc0000080 };

/* MTRRs, which KVM keeps, and lists from Linux 6.5 on. */
static const uint32_t unlisted[] = {
	0x200, 0x201, 0x202, 0x203, 0x204, 0x205, 0x206, 0x207, 0x208, 0x209, 0x20a, 0x20b, 0x20c, 0x20d, 0x20e, 0x20f,
	0x250, 0x258, 0x259, 0x268, 0x269, 0x26a, 0x26b, 0x26c, 0x26d, 0x26e, 0x26f, 0x2ff,
};

static bool is_skipped(uint32_t msr)
{
	/* KVM's paravirtual ones, old and new: off, but for kvmclock, which no guest of ours without a PC has. */
	return msr == MSR_TSC || msr == MSR_TSC_DEADLINE || msr == MSR_EFER /* in sregs */ || msr == 0x11 || msr == 0x12 ||
	       (msr >= 0x4b564d00 && msr <= 0x4b564dff) || (msr >= 0x40000000 && msr <= 0x400001ff);
}

/* AMD64 APM 2, 3.1.7. KVM lets whoever owns a vCPU set it, also where CPUID has no such thing. */
#define EFER_SVME (1u << 12)

const char *vcpu_wrong(const struct vcpu_saved *v)
{
	if (v->msr_count > VCPU_MSRS_MAX)
		return "more MSRs than there can be";
	if (v->has >= VCPU_PARTS || v->changed >= VCPU_PARTS)
		return "parts that there are not";
	if (v->sregs.efer & EFER_SVME)
		return "EFER: virtualisation inside the guest is not offered";
	if (v->mp_state.mp_state != KVM_MP_STATE_RUNNABLE && v->mp_state.mp_state != KVM_MP_STATE_HALTED)
		return "MP state: neither running nor halted";
	return NULL;
}

const char *vcpu_wrong_msr(const struct vcpu_saved *v, uint32_t *index)
{
	for (unsigned i = 0; i < v->msr_count; i++) {
		*index = v->msrs[i].index;
		if (is_skipped(*index))
			return "no snapshot has it";
	}
	return NULL;
}

/* The parts but MSRs and registers, in the order in which they are set: XCR0 before what depends on it. */
static const struct part {
	uint32_t bit;
	const char *name;
	unsigned long get, set;
	size_t at, bytes;
} parts[] = {
	{ VCPU_XCRS, "XCRS", KVM_GET_XCRS, KVM_SET_XCRS, offsetof(struct vcpu_saved, xcrs), sizeof(struct kvm_xcrs) },
	{ VCPU_FPU, "XSAVE", KVM_GET_XSAVE, KVM_SET_XSAVE, offsetof(struct vcpu_saved, xsave),
	  sizeof(struct kvm_xsave) },
	{ VCPU_DEBUG, "DEBUGREGS", KVM_GET_DEBUGREGS, KVM_SET_DEBUGREGS, offsetof(struct vcpu_saved, debugregs),
	  sizeof(struct kvm_debugregs) },
	{ VCPU_LAPIC, "LAPIC", KVM_GET_LAPIC, KVM_SET_LAPIC, offsetof(struct vcpu_saved, lapic), sizeof(struct kvm_lapic_state) },
	{ VCPU_MP_STATE, "MP_STATE", KVM_GET_MP_STATE, KVM_SET_MP_STATE, offsetof(struct vcpu_saved, mp_state),
	  sizeof(struct kvm_mp_state) },
	{ VCPU_EVENTS, "VCPU_EVENTS", KVM_GET_VCPU_EVENTS, KVM_SET_VCPU_EVENTS, offsetof(struct vcpu_saved, events),
	  sizeof(struct kvm_vcpu_events) },
};

#define PARTS (sizeof(parts) / sizeof(parts[0]))

static void get_parts(int fd, struct vcpu_saved *saved, struct sys *sys)
{
	for (unsigned i = 0; i < PARTS; i++)
		if (sys_ioctl(sys, fd, parts[i].get, (uintptr_t)saved + parts[i].at) == 0)
			saved->has |= parts[i].bit;
}

/* What KVM_GET_MSRS and KVM_SET_MSRS take. */
struct msr_list {
	uint32_t count, padding;
	struct kvm_msr_entry entries[VCPU_MSRS_MAX];
};

struct msr_indices {
	uint32_t count;
	uint32_t indices[VCPU_MSRS_MAX];
};

_Static_assert(offsetof(struct msr_list, entries) == offsetof(struct kvm_msrs, entries), "as KVM has it");
_Static_assert(offsetof(struct msr_indices, indices) == offsetof(struct kvm_msr_list, indices), "as KVM has it");
_Static_assert(sizeof(((struct vcpu_saved *)0)->xsave) == sizeof(struct kvm_xsave), "as KVM has it");

/* KVM stops at the first that it does not have; so one after another. */
static void get_msr(int fd, uint32_t index, struct vcpu_saved *saved, struct sys *sys)
{
	struct msr_list one = { .count = 1, .entries = { { .index = index } } };

	if (is_skipped(index) || saved->msr_count == VCPU_MSRS_MAX)
		return;
	for (unsigned i = 0; i < saved->msr_count; i++)
		if (saved->msrs[i].index == index)
			return;
	/* Nor such as cannot be set to what they are. */
	if (sys_ioctl(sys, fd, KVM_GET_MSRS, (uintptr_t)&one) == 1 && sys_ioctl(sys, fd, KVM_SET_MSRS, (uintptr_t)&one) == 1)
		saved->msrs[saved->msr_count++] = (struct vcpu_msr){ .index = index, .value = one.entries[0].data };
}

static void get_msrs(int fd, const struct kvm *kvm, struct vcpu_saved *saved, struct sys *sys)
{
	struct msr_indices list = { .count = VCPU_MSRS_MAX };

	if (sys_ioctl(sys, kvm->fd, KVM_GET_MSR_INDEX_LIST, (uintptr_t)&list) < 0)
		return;
	for (unsigned i = 0; i < list.count && i < VCPU_MSRS_MAX; i++)
		get_msr(fd, list.indices[i], saved, sys);
	for (unsigned i = 0; i < sizeof(unlisted) / sizeof(unlisted[0]); i++)
		get_msr(fd, unlisted[i], saved, sys);
}

/* A second vCPU, as KVM makes them. Where there is none, all has changed. */
static bool new_vcpu(const struct vm *vm, const struct kvm *kvm, struct vcpu_saved *fresh, struct sys *sys)
{
	int fd = sys_ioctl(sys, vm->fd, KVM_CREATE_VCPU, 1);

	if (fd < 0)
		return false;
	get_parts(fd, fresh, sys);
	get_msrs(fd, kvm, fresh, sys);
	sys_close(sys, fd);
	return true;
}

static void compare(struct vcpu_saved *saved, const struct vcpu_saved *fresh)
{
	for (unsigned i = 0; i < PARTS; i++)
		if (memcmp((const uint8_t *)saved + parts[i].at, (const uint8_t *)fresh + parts[i].at, parts[i].bytes) != 0)
			saved->changed |= parts[i].bit;
	/* The first is the one that boots: those that follow wait, and their APICs have another number. */
	saved->changed &= ~(uint32_t)VCPU_LAPIC;
	if (saved->mp_state.mp_state == KVM_MP_STATE_RUNNABLE)
		saved->changed &= ~(uint32_t)VCPU_MP_STATE;
	for (unsigned i = 0, j = 0; i < saved->msr_count; i++) {
		while (j < fresh->msr_count && fresh->msrs[j].index != saved->msrs[i].index)
			j++;
		saved->msrs[i].changed = j == fresh->msr_count || fresh->msrs[j].value != saved->msrs[i].value;
		if (j == fresh->msr_count)
			j = 0;
	}
}

int vcpu_save(const struct vcpu *vcpu, const struct vm *vm, const struct kvm *kvm, struct vcpu_saved *saved, struct sys *sys,
	      struct error *error)
{
	struct vcpu_state state;
	struct vcpu_saved fresh = { 0 };
	int r = vcpu_get(vcpu, &state, sys);

	if (r < 0)
		return error_set(error, ERROR_HOST, -r, "KVM_GET_REGS: %s: `kvick doctor` says what this host offers",
				 strerror(-r));
	*saved = (struct vcpu_saved){ .regs = state.regs, .sregs = state.sregs };
	get_parts(vcpu->fd, saved, sys);
	get_msrs(vcpu->fd, kvm, saved, sys);
	if (new_vcpu(vm, kvm, &fresh, sys)) {
		compare(saved, &fresh);
	} else {
		saved->changed = saved->has;
		for (unsigned i = 0; i < saved->msr_count; i++)
			saved->msrs[i].changed = 1;
	}
	return 0;
}

static int refused(const char *what, int r, struct error *error)
{
	return error_set(error, ERROR_HOST, -r, "%s: %s: this host's KVM does not take what the snapshot has: take it "
			 "again here",
			 what, strerror(-r));
}

static int set_msrs(const struct vcpu *vcpu, const struct vcpu_saved *saved, bool all, struct sys *sys, struct error *error)
{
	struct msr_list list;
	uint32_t count = 0;

	for (unsigned i = 0; i < saved->msr_count; i++)
		if (all || saved->msrs[i].changed)
			list.entries[count++] = (struct kvm_msr_entry){
				.index = saved->msrs[i].index, .data = saved->msrs[i].value,
			};
	if (count == 0)
		return 0;
	list.count = count;
	list.padding = 0;

	int r = sys_ioctl(sys, vcpu->fd, KVM_SET_MSRS, (uintptr_t)&list);

	if (r < 0)
		return refused("KVM_SET_MSRS", r, error);
	if ((uint32_t)r < count)
		return error_set(error, ERROR_HOST, EINVAL, "KVM_SET_MSRS: MSR 0x%x: this host's KVM does not take the value "
				 "0x%llx: take the snapshot again here", list.entries[r].index,
				 (unsigned long long)list.entries[r].data);
	return 0;
}

/* Code at ring 3 has no instruction for the others, and none for an MSR. It can set DR6, by single-stepping. */
#define PARTS_OF_RING3 (VCPU_FPU | VCPU_DEBUG | VCPU_EVENTS)

int vcpu_load(struct vcpu *vcpu, const struct vm *vm, const struct vcpu_saved *saved, enum vcpu_used used, struct sys *sys,
	      struct error *error)
{
	struct vcpu_state state = { .regs = saved->regs, .sregs = saved->sregs };
	uint32_t wanted = saved->has & (used == VCPU_NEW ? saved->changed : used == VCPU_USED ? VCPU_PARTS - 1 : PARTS_OF_RING3);
	int r = used == VCPU_USED_AT_RING3 ? 0 : set_msrs(vcpu, saved, used == VCPU_USED, sys, error);

	if (!vm->lapic)
		wanted &= ~(uint32_t)VCPU_LAPIC;
	for (unsigned i = 0; i < PARTS && r == 0; i++) {
		if (!(wanted & parts[i].bit))
			continue;
		r = sys_ioctl(sys, vcpu->fd, parts[i].set, (uintptr_t)saved + parts[i].at);
		if (r < 0)
			return refused(parts[i].name, r, error);
	}
	state.sregs.tr.type = vcpu_tss_type(vcpu);
	if (r == 0)
		vcpu_set(vcpu, &state);
	return r;
}
