/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/vcpu.h"

#include <asm/processor-flags.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "vmm/error.h"
#include "vmm/sys.h"
#include "vmm/system_page.h"
#include "vmm/vm.h"

/* The APIC base register after reset: enabled, boot processor, default address. */
#define APIC_BASE_RESET 0xfee00900u

int vcpu_create(struct vcpu *vcpu, const struct vm *vm, size_t run_bytes, struct sys *sys, struct error *error)
{
	void *run;
	int r = sys_ioctl(sys, vm->fd, KVM_CREATE_VCPU, 0);

	if (r == -EEXIST && vm->lapic)
		return r;
	if (r < 0)
		return error_set(error, ERROR_HOST, -r, "KVM_CREATE_VCPU: %s: `kvick doctor` says what this host offers",
				 strerror(-r));
	*vcpu = (struct vcpu){ .fd = r, .run_bytes = run_bytes };
	r = sys_mmap(sys, NULL, run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0, &run);
	if (r < 0) {
		sys_close(sys, vcpu->fd);
		return error_set(error, ERROR_HOST, -r, "mmap of the vCPU's kvm_run: %s: free memory or raise RLIMIT_AS",
				 strerror(-r));
	}
	vcpu->run = run;
	return 0;
}

void vcpu_destroy(struct vcpu *vcpu, struct sys *sys)
{
	sys_munmap(sys, vcpu->run, vcpu->run_bytes);
	sys_close(sys, vcpu->fd);
	*vcpu = (struct vcpu){ .fd = -1 };
}

static struct kvm_segment flat(uint16_t selector, uint8_t type, unsigned ring)
{
	return (struct kvm_segment){
		.selector = selector,
		.limit = 0xffffffff,
		.type = type, /* AMD64 APM 2, 4.8: 0xb = code, readable, accessed; 0x3 = data, writable, accessed */
		.present = 1,
		.dpl = (uint8_t)ring,
		.s = 1,
		.l = type == 0xb,
		.db = type != 0xb,
		.g = 1,
	};
}

void vcpu_set_start(struct vcpu *vcpu, const struct vcpu_start *start)
{
	struct kvm_segment code = flat(start->code ? start->code : start->ring == 0 ? SELECTOR_CODE0 : SELECTOR_CODE3, 0xb,
				       start->ring);
	struct kvm_segment data = flat(start->data ? start->data : start->ring == 0 ? SELECTOR_DATA0 : SELECTOR_DATA3, 0x3,
				       start->ring);
	const struct system_tables own = { system_gdt(), system_idt(), system_tss(), system_tss_limit() };
	const struct system_tables *tables = start->tables ? start->tables : &own;
	struct vcpu_state state = {
		.regs = {
			.rax = start->rax, .rbx = start->rbx, .rcx = start->rcx, .rdx = start->rdx,
			.rsi = start->rsi, .rdi = start->rdi, .rsp = start->rsp, .rip = start->rip,
			.rflags = X86_EFLAGS_FIXED,
		},
		.sregs = {
			.cs = code, .ss = data, .ds = data, .es = data, .fs = data, .gs = data,
			.tr = {
				.selector = SELECTOR_TSS, .base = tables->tss, .limit = tables->tss_limit,
				.type = vcpu_tss_type(vcpu), .present = 1,
			},
			.ldt = { .type = 0x2, .unusable = 1 },
			.gdt = { .base = tables->gdt, .limit = SYSTEM_GDT_BYTES - 1 },
			.idt = { .base = tables->idt, .limit = SYSTEM_IDT_BYTES - 1 },
			.cr0 = X86_CR0_PE | X86_CR0_MP | X86_CR0_ET | X86_CR0_NE | X86_CR0_WP | X86_CR0_AM | X86_CR0_PG,
			.cr3 = start->pgd,
			.cr4 = X86_CR4_PAE | X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT | (start->xsave ? X86_CR4_OSXSAVE : 0),
			.efer = EFER_LME | EFER_LMA | EFER_NX,
			.apic_base = APIC_BASE_RESET,
		},
	};

	if (start->protected_mode) {
		state.sregs.cs.l = 0;
		state.sregs.cs.db = 1;
		state.sregs.cr0 = X86_CR0_PE | X86_CR0_ET;
		state.sregs.cr3 = state.sregs.cr4 = state.sregs.efer = 0;
	}
	if (start->gdt) {
		state.sregs.gdt = (struct kvm_dtable){ .base = start->gdt, .limit = (uint16_t)(start->gdt_bytes - 1) };
		state.sregs.idt = (struct kvm_dtable){ 0 };
		state.sregs.tr = (struct kvm_segment){ .limit = 0xffff, .type = 0xb, .present = 1 }; /* VT-x wants one in TR */
	}
	if (start->cr0) {
		state.sregs.cr0 = start->cr0;
		state.sregs.efer = start->efer;
	}
	vcpu_set(vcpu, &state);
}

int vcpu_run(struct vcpu *vcpu, struct sys *sys)
{
	return sys_ioctl(sys, vcpu->fd, KVM_RUN, 0);
}

int vcpu_complete(struct vcpu *vcpu, struct sys *sys)
{
	int r;

	vcpu->run->immediate_exit = 1;
	r = vcpu_run(vcpu, sys);
	vcpu->run->immediate_exit = 0;
	return r == -EINTR ? 0 : r < 0 ? r : -EIO; /* an exit here would be a second one for the same instruction */
}

int vcpu_get(const struct vcpu *vcpu, struct vcpu_state *state, struct sys *sys)
{
	int r = sys_ioctl(sys, vcpu->fd, KVM_GET_REGS, (uintptr_t)&state->regs);

	if (r == 0)
		r = sys_ioctl(sys, vcpu->fd, KVM_GET_SREGS, (uintptr_t)&state->sregs);
	if (r == 0)
		state->sregs.tr.type = vcpu_tss_type(vcpu);
	return r;
}

void vcpu_set(struct vcpu *vcpu, const struct vcpu_state *state)
{
	vcpu->run->s.regs.regs = state->regs;
	vcpu->run->s.regs.sregs = state->sregs;
	vcpu->run->kvm_dirty_regs = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS;
}

bool vcpu_halted(const struct vcpu *vcpu, struct sys *sys)
{
	struct kvm_mp_state state;

	return sys_ioctl(sys, vcpu->fd, KVM_GET_MP_STATE, (uintptr_t)&state) == 0 && state.mp_state == KVM_MP_STATE_HALTED;
}

/* Asked of the VM (Linux 5.16), for the vCPU would be loaded on the CPU first: 0.7 us instead of 9. */
uint64_t vcpu_tsc_khz(const struct vcpu *vcpu, const struct vm *vm, struct sys *sys)
{
	int r = sys_ioctl(sys, vm->fd, KVM_GET_TSC_KHZ, 0);

	if (r <= 0)
		r = sys_ioctl(sys, vcpu->fd, KVM_GET_TSC_KHZ, 0);

	return r > 0 ? (uint64_t)r : 0;
}

uint64_t vcpu_tsc_offset(const struct vcpu *vcpu, struct sys *sys)
{
	uint64_t offset = 0;
	struct kvm_device_attr attr = {
		.group = KVM_VCPU_TSC_CTRL,
		.attr = KVM_VCPU_TSC_OFFSET,
		.addr = (uintptr_t)&offset,
	};

	return sys_ioctl(sys, vcpu->fd, KVM_GET_DEVICE_ATTR, (uintptr_t)&attr) < 0 ? 0 : offset;
}

COLD void vcpu_restore_tsc_offset(const struct vcpu *vcpu, uint64_t offset, struct sys *sys)
{
	struct kvm_device_attr attr = {
		.group = KVM_VCPU_TSC_CTRL,
		.attr = KVM_VCPU_TSC_OFFSET,
		.addr = (uintptr_t)&offset,
	};

	if (vcpu_tsc_offset(vcpu, sys) != offset)
		sys_ioctl(sys, vcpu->fd, KVM_SET_DEVICE_ATTR, (uintptr_t)&attr);
}
