/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One vCPU, prepared for direct entry into 64-bit code at ring 0 or 3, with no instruction run before the guest's.
 *
 * Registers are handed over through the kvm_run page (KVM_CAP_SYNC_REGS): they take effect at the
 * next vcpu_run() and cost no call of their own. KVM API, 4.10 (KVM_RUN) and 5.
 */
#ifndef KVICK_VMM_VCPU_H
#define KVICK_VMM_VCPU_H

#include <linux/kvm.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vm;
struct sys;
struct error;

/* EFER, AMD64 APM 2, 3.1.7; in no UAPI header. */
#define EFER_LME (1u << 8)
#define EFER_LMA (1u << 10)
#define EFER_NX  (1u << 11)

struct vcpu {
	int fd;
	struct kvm_run *run;
	size_t run_bytes;
	/*
	 * Describe the TSS in TR as "available", not as "busy". Busy is what LTR leaves and what VT-x demands. SVM keeps
	 * no busy bit in TR (KVM makes one up), and QEMU's emulation of it looks for the I/O bitmap only in an available TSS.
	 */
	bool tss_available;
};

/* Of the segment in TR: AMD64 APM 2, 4.8.3. */
static inline uint8_t vcpu_tss_type(const struct vcpu *vcpu)
{
	return vcpu->tss_available ? 0x9 : 0xb;
}

/* Descriptor tables of the VMM's making, by their guest-virtual addresses; with the system page's selectors and GDT. */
struct system_tables {
	uint64_t gdt, idt, tss;
	uint32_t tss_limit;
};

/* Where and how a vCPU begins. */
struct vcpu_start {
	unsigned ring; /* 0 or 3 */
	/* 32-bit protected mode, no paging, flat segments: as PVH and multiboot have it. With a GDT; pgd does not matter. */
	bool protected_mode;
	uint64_t pgd;
	uint64_t rip, rsp;
	uint64_t rax, rbx, rcx, rdx, rsi, rdi;
	bool xsave; /* CR4.OSXSAVE: its CPU model has XSAVE, and XCR0 is set */
	/*
	 * Where the guest's own GDT lies, with code and data of ring 0 where the system page has them unless said otherwise; then
	 * there is no IDT, and no TSS. 0: the system page's.
	 */
	uint64_t gdt;
	uint32_t gdt_bytes;
	uint16_t code, data;
	uint64_t cr0, efer; /* 0: as native guests have them */
	const struct system_tables *tables; /* NULL: the system page's */
};

/*
 * run_bytes: from KVM_GET_VCPU_MMAP_SIZE. Owns descriptor and mapping until vcpu_destroy(). -EEXIST, with
 * no error set: RAM lies where this host wants its APIC page; the VM cannot have a local APIC.
 */
int vcpu_create(struct vcpu *vcpu, const struct vm *vm, size_t run_bytes, struct sys *sys, struct error *error);
void vcpu_destroy(struct vcpu *vcpu, struct sys *sys);

/* A fresh start: every register that is not in `start` gets its value here. */
void vcpu_set_start(struct vcpu *vcpu, const struct vcpu_start *start);

/* KVM_RUN: 0 with run->exit_reason set, -EINTR after a signal or with immediate_exit set, else -errno. */
int vcpu_run(struct vcpu *vcpu, struct sys *sys);

/*
 * Lets KVM finish the instruction that caused the last exit, without running another. To be called before
 * registers are read or changed after an exit. It clears immediate_exit: look at stop->signal afterwards.
 */
int vcpu_complete(struct vcpu *vcpu, struct sys *sys);

/* A vCPU's registers as they are between two runs. */
struct vcpu_state {
	struct kvm_regs regs;
	struct kvm_sregs sregs;
};

int vcpu_get(const struct vcpu *vcpu, struct vcpu_state *state, struct sys *sys);
void vcpu_set(struct vcpu *vcpu, const struct vcpu_state *state);

/* Has it executed HLT and waits inside KVM (only with a local APIC there)? */
bool vcpu_halted(const struct vcpu *vcpu, struct sys *sys);

/* KVM_GET_TSC_KHZ; 0 where the host does not say. */
uint64_t vcpu_tsc_khz(const struct vcpu *vcpu, const struct vm *vm, struct sys *sys);

/* Guest TSC less host TSC (KVM API, KVM_VCPU_TSC_OFFSET); 0 where the host does not say. */
uint64_t vcpu_tsc_offset(const struct vcpu *vcpu, struct sys *sys);
/* The guest has moved it, perhaps: is it `offset` again? Nothing where the host does not say. */
void vcpu_restore_tsc_offset(const struct vcpu *vcpu, uint64_t offset, struct sys *sys);

#endif
