/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/crash.h"

#include <asm/processor-flags.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "vmm/deprivileged.h"
#include "vmm/instruction.h"
#include "vmm/layout.h"
#include "vmm/machine.h"
#include "vmm/msr.h"
#include "vmm/pagetable.h"
#include "vmm/system_page.h"

/* AMD64 APM 2, 8.2. */
static const char *const vector_names[SYSTEM_VECTORS] = {
	"#DE divide by zero", "#DB debug", "NMI", "#BP breakpoint", "#OF overflow", "#BR bound range",
	"#UD invalid opcode", "#NM no FPU", "#DF double fault", "coprocessor overrun", "#TS invalid TSS",
	"#NP segment not present", "#SS stack fault", "#GP general protection", "#PF page fault", "vector 15",
	"#MF x87 floating point", "#AC alignment check", "#MC machine check", "#XF SIMD floating point",
	"#VE virtualization", "#CP control protection", "vector 22", "vector 23", "vector 24", "vector 25",
	"vector 26", "vector 27", "#HV hypervisor injection", "#VC VMM communication", "#SX security", "vector 31",
};

enum { VECTOR_UD = 6, VECTOR_GP = 13, VECTOR_PF = 14 };

/* Page-fault error code, AMD64 APM 2, 8.4.2. */
enum { PF_PRESENT = 1 << 0, PF_WRITE = 1 << 1, PF_RESERVED = 1 << 3, PF_FETCH = 1 << 4 };

/* Where a CPU begins after a reset (AMD64 APM 2, 14.1.3). */
#define RESET_RIP     0xfff0u
#define RESET_CS_BASE 0xffff0000u

/* What the VMM's stub and the CPU leave on the crash stack (system_stubs.S). */
struct stub_frame {
	uint64_t vector, error_code, rip, cs, rflags, rsp, ss;
};

/* EFER, AMD64 APM 2, 3.1.7; in no UAPI header. */
#define EFER_LMA (1u << 10)

/* By way of 64-bit page tables, or without any; 32-bit paging is not followed. */
static bool read_virtual(const struct machine *m, const struct kvm_sregs *sregs, uint64_t address, void *into, size_t bytes)
{
	if (!(sregs->cr0 & X86_CR0_PG))
		return guest_mem_read(&m->mem, gpa(address), into, bytes) == 0;
	return sregs->efer & EFER_LMA && pagetable_read(&m->mem, sregs->cr3, address, into, bytes);
}

/* Does a near call (E8, or FF /2 of two to seven bytes; AMD64 APM 3, CALL) end right before `address`? */
static bool after_call(const struct machine *m, uint64_t pgd, uint64_t address)
{
	uint8_t code[7];

	if (!pagetable_read(&m->mem, pgd, address - sizeof(code), code, sizeof(code)))
		return false;
	if (code[2] == 0xe8)
		return true;
	for (unsigned i = 0; i < 6; i++)
		if (code[i] == 0xff && (code[i + 1] & 0x38) == 0x10)
			return true;
	return false;
}

/*
 * Compilers leave the frame out of functions that call no others, and a bad pointer given to memset dies in one of those.
 * Then the return address is still on top of the stack: taken where it is code, right after a call, and not the
 * frame chain's own next.
 */
static void leaf_frame(const struct machine *m, struct crash *crash)
{
	uint64_t pgd = crash->state.sregs.cr3, top, pair[2];
	struct translation t;

	if (!pagetable_read(&m->mem, pgd, crash->state.regs.rsp, &top, sizeof(top)) || !pagetable_walk(&m->mem, pgd, top, &t) ||
	    (t.flags & PTE_NX) || !after_call(m, pgd, top))
		return;
	if (pagetable_read(&m->mem, pgd, crash->state.regs.rbp, pair, sizeof(pair)) && pair[1] == top)
		return;
	crash->leaf = true;
	crash->frames[crash->frame_count++] = top;
}

/* Of 32-bit code: pairs of words, in segments that begin at 0, as a compiler's do. */
static void backtrace_32(const struct machine *m, struct crash *crash)
{
	uint64_t frame = crash->state.regs.rbp;

	while (crash->state.sregs.cs.db && crash->frame_count < CRASH_FRAMES_MAX) {
		uint32_t pair[2];

		if (frame % 4 != 0 || !read_virtual(m, &crash->state.sregs, frame, pair, sizeof(pair)) || pair[1] == 0)
			break;
		crash->frames[crash->frame_count++] = pair[1];
		if (pair[0] <= frame)
			break;
		frame = pair[0];
	}
}

/* Return addresses along the chain of frame pointers, while it climbs and is mapped. */
static void backtrace(const struct machine *m, struct crash *crash)
{
	uint64_t pgd = crash->state.sregs.cr3, frame = crash->state.regs.rbp;

	crash->frames[crash->frame_count++] = crash->state.regs.rip;
	if (!crash->state.sregs.cs.l) {
		backtrace_32(m, crash);
		return;
	}
	leaf_frame(m, crash);
	while (crash->frame_count < CRASH_FRAMES_MAX) {
		uint64_t pair[2]; /* caller's frame pointer, return address */

		if (frame % 8 != 0 || !pagetable_read(&m->mem, pgd, frame, pair, sizeof(pair)) || pair[1] == 0)
			break;
		crash->frames[crash->frame_count++] = pair[1];
		if (pair[0] <= frame)
			break;
		frame = pair[0];
	}
}

/* Code, as far as it is mapped: the instruction may end right before a hole. */
static void code_bytes(const struct machine *m, struct crash *crash)
{
	const struct kvm_sregs *sregs = &crash->state.sregs;
	uint64_t rip = crash->state.regs.rip + (sregs->cs.l ? 0 : sregs->cs.base);

	while (crash->insn_bytes < CRASH_INSN_BYTES &&
	       read_virtual(m, sregs, rip + crash->insn_bytes, &crash->insn[crash->insn_bytes], 1))
		crash->insn_bytes++;
	if (m->deprivileged)
		deprivileged_unpatch(m, rip, crash->insn, crash->insn_bytes);
}

static void reason_set(struct machine *m, const char *format, va_list args)
{
	struct crash *crash = &m->crash;
	const struct kvm_run *run = m->vcpu.run;

	m->outcome = OUTCOME_CRASHED;
	vsnprintf(crash->reason, sizeof(crash->reason), format, args);
	crash->vector = -1;
	crash->kvm_exit_reason = run->exit_reason;
	if (run->exit_reason == KVM_EXIT_INTERNAL_ERROR)
		crash->kvm_suberror = run->internal.suberror;
	else if (run->exit_reason == KVM_EXIT_FAIL_ENTRY)
		crash->kvm_suberror = (uint32_t)run->fail_entry.hardware_entry_failure_reason;
}

/*
 * Where the next instruction is mapped to what is no RAM, no CPU or KVM says so: some give a #UD, some cannot emulate. The
 * reason then becomes that.
 */
static void fetch_reason(const struct machine *m, struct crash *crash)
{
	uint64_t rip = crash->state.regs.rip;
	struct translation t;

	if (crash->state.sregs.cs.l && pagetable_walk(&m->mem, crash->state.sregs.cr3, rip, &t) &&
	    !guest_mem_contains(&m->mem, t.gpa, 1))
		snprintf(crash->reason, sizeof(crash->reason), "cannot execute 0x%llx: it is mapped to guest-physical 0x%llx, "
			 "outside RAM (0x%llx bytes)", (unsigned long long)rip, (unsigned long long)t.gpa.u,
			 (unsigned long long)m->mem.bytes);
}

/*
 * SVM leaves no registers behind when it shuts down, and KVM then gives the vCPU those of its reset (AMD64 APM 2, 15.14.3 and
 * 14.1.3): better said than believed.
 */
static void shutdown_reason(struct crash *crash)
{
	size_t used = strlen(crash->reason);

	if (crash->kvm_exit_reason == KVM_EXIT_SHUTDOWN && crash->state.regs.rip == RESET_RIP &&
	    crash->state.sregs.cs.base == RESET_CS_BASE)
		snprintf(crash->reason + used, sizeof(crash->reason) - used,
			 "; on this CPU its registers are lost with it, and these are a reset's");
}

void crash_machine(struct machine *m, const char *format, ...)
{
	struct crash *crash = &m->crash;
	va_list args;

	va_start(args, format);
	reason_set(m, format, args);
	va_end(args);
	crash->state_known = vcpu_get(&m->vcpu, &crash->state, &m->sys) == 0;
	if (crash->state_known) {
		if (m->deprivileged)
			deprivileged_guest_state(m, &crash->state);
		code_bytes(m, crash);
		backtrace(m, crash);
		if (crash->kvm_exit_reason == KVM_EXIT_INTERNAL_ERROR)
			fetch_reason(m, crash);
		shutdown_reason(crash);
	}
}

void crash_not_emulated(struct machine *m)
{
	struct crash *crash = &m->crash;
	const char *next = m->image.note.rings & KVICK_RINGS_3 || m->boot->deprivileges ? "run the guest with --ring 3" :
											   "run the guest on one with VT-x or SVM";
	const char *name;

	crash_machine(m, "KVM cannot emulate this instruction; where a host emulates ring 0 (`kvick doctor` says so), %s; "
		      "elsewhere it reached outside RAM or wrote to read-only memory", next);
	name = instruction_name(crash->insn, crash->insn_bytes);
	if (name)
		snprintf(crash->reason, sizeof(crash->reason), "KVM cannot emulate this instruction, %s: this host emulates ring 0 "
			 "(`kvick doctor` says so); %s", name, next);
	fetch_reason(m, crash);
}

static void page_fault_reason(const struct machine *m, struct crash *crash)
{
	uint64_t address = crash->state.sregs.cr2;
	const char *action = crash->error_code & PF_FETCH ? "execute" : crash->error_code & PF_WRITE ? "write to" : "read";
	const char *why = "which is not mapped";
	uint64_t guard = m->plan.stack_base - GUEST_PAGE_BYTES;
	struct translation t = { 0 };

	if (address - guard < GUEST_PAGE_BYTES || (address < guard && crash->state.regs.rsp - guard < GUEST_PAGE_BYTES))
		why = "the guard page under the stack: stack overflow";
	else if (address < GUEST_PAGE_BYTES)
		why = "in the null page: null pointer";
	else if (crash->error_code & PF_RESERVED)
		why = "whose mapping has a bit set that this CPU reserves";
	else if (crash->error_code & PF_PRESENT)
		why = "which its mapping does not allow";
	else if (!pagetable_walk(&m->mem, crash->state.sregs.cr3, address, &t) && !guest_mem_contains(&m->mem, t.gpa, 1))
		why = "whose page table lies outside RAM";
	snprintf(crash->reason, sizeof(crash->reason), "%s: cannot %s 0x%llx, %s", crash->vector_name, action,
		 (unsigned long long)address, why);
}

/* Opcodes for which ring 3 gets a #GP and ring 0 does not: the likely reason, named. AMD64 APM 3, chapter 5. */
static const char *privileged_name(const struct crash *crash)
{
	static const struct {
		uint8_t opcode[3];
		uint8_t bytes;
		const char *name;
	} table[] = {
		{ { 0xf4 }, 1, "hlt" },		{ { 0xfa }, 1, "cli" },		{ { 0xfb }, 1, "sti" },
		{ { 0x0f, 0x20 }, 2, "mov from cr" }, { { 0x0f, 0x22 }, 2, "mov to cr" },
		{ { 0x0f, 0x30 }, 2, "wrmsr" },	{ { 0x0f, 0x32 }, 2, "rdmsr" },
		{ { 0x0f, 0x01, 0xc1 }, 3, "vmcall" }, { { 0x0f, 0x01, 0xd9 }, 3, "vmmcall" },
		{ { 0x0f, 0x01 }, 2, "a system instruction" },
		{ { 0xe6 }, 1, "out" },		{ { 0xe7 }, 1, "out" },		{ { 0xee }, 1, "out" },
		{ { 0xef }, 1, "out" },		{ { 0xe4 }, 1, "in" },		{ { 0xe5 }, 1, "in" },
		{ { 0xec }, 1, "in" },		{ { 0xed }, 1, "in" },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (crash->insn_bytes >= table[i].bytes && memcmp(crash->insn, table[i].opcode, table[i].bytes) == 0)
			return table[i].name;
	return NULL;
}

/*
 * A VMCALL or VMMCALL that is not this guest's doorbell, or NULL. KVM mends the other vendor's: it writes its own over it, with
 * the guest's rights. So it is the guest that gets a #PF, for a store to its own code.
 */
static const char *wrong_doorbell(const struct machine *m, const struct crash *crash)
{
	bool vmcall = crash->insn_bytes >= 3 && memcmp(crash->insn, "\x0f\x01\xc1", 3) == 0;
	bool vmmcall = crash->insn_bytes >= 3 && memcmp(crash->insn, "\x0f\x01\xd9", 3) == 0;
	bool mended = crash->vector == VECTOR_PF && (crash->error_code & PF_WRITE) &&
		      crash->state.sregs.cr2 - crash->state.regs.rip < 3;

	if ((!mended && crash->vector != VECTOR_UD) || m->doorbell == (vmcall ? KVICK_DOORBELL_VMCALL : KVICK_DOORBELL_VMMCALL))
		return NULL;
	return vmcall ? "vmcall" : vmmcall ? "vmmcall" : NULL;
}

/* RDMSR or WRMSR that KVM refused (AMD64 APM 3, chapter 5): the number is in RCX, and what it stands for in a table. */
static bool msr_reason(struct crash *crash)
{
	bool at_ring0 = (crash->state.sregs.cs.selector & 3) == 0;
	uint32_t msr = (uint32_t)crash->state.regs.rcx;
	const struct msr_rule *rule = msr_rule(msr);

	if (!at_ring0 || crash->vector != VECTOR_GP || crash->insn_bytes < 2 || crash->insn[0] != 0x0f ||
	    (crash->insn[1] != 0x30 && crash->insn[1] != 0x32))
		return false;
	snprintf(crash->reason, sizeof(crash->reason), "%s: %s of MSR 0x%x (%s): %s", crash->vector_name,
		 crash->insn[1] == 0x30 ? "wrmsr" : "rdmsr", msr, rule ? rule->name : "unknown",
		 !rule ? "KVM has none of that number for this guest" :
		 rule->given ? "not this value, or not on this host" : rule->why);
	return true;
}

static void exception_reason(const struct machine *m, struct crash *crash)
{
	static const char *const doorbells[] = {
		[KVICK_DOORBELL_PORT] = "the port", [KVICK_DOORBELL_VMCALL] = "vmcall", [KVICK_DOORBELL_VMMCALL] = "vmmcall",
	};
	const char *wrong = wrong_doorbell(m, crash);
	const char *privileged = m->ring == 3 && crash->vector == VECTOR_GP ? privileged_name(crash) : NULL;

	if (wrong)
		snprintf(crash->reason, sizeof(crash->reason), "%s: %s is not the doorbell here, %s is: take the one that boot "
			 "info names", crash->vector_name, wrong, doorbells[m->doorbell]);
	else if (crash->vector == VECTOR_PF)
		page_fault_reason(m, crash);
	else if (msr_reason(crash))
		return;
	else if (privileged)
		snprintf(crash->reason, sizeof(crash->reason), "%s: %s is not allowed at ring 3; ask by hypercall, or run with "
			 "--ring 0", crash->vector_name, privileged);
	else
		snprintf(crash->reason, sizeof(crash->reason), "%s, error code 0x%llx", crash->vector_name,
			 (unsigned long long)crash->error_code);
	fetch_reason(m, crash);
}

void crash_from_stub(struct machine *m)
{
	struct crash *crash = &m->crash;
	struct stub_frame frame;

	crash_machine(m, "the guest rang the fault doorbell itself");
	if (!crash->state_known)
		return;
	/* KVM may or may not have moved RIP past the two-byte OUT yet. */
	uint64_t past = crash->state.regs.rip - system_stub(STUB_FAULT_OUT);

	if ((past != 0 && past != 2) || !pagetable_read(&m->mem, crash->state.sregs.cr3, crash->state.regs.rsp, &frame,
							sizeof(frame)) || frame.vector >= SYSTEM_VECTORS)
		return;
	crash->vector = (int)frame.vector;
	crash->vector_name = vector_names[frame.vector];
	crash->error_code = frame.error_code;
	crash->state.regs.rip = frame.rip;
	crash->state.regs.rflags = frame.rflags;
	crash->state.regs.rsp = frame.rsp;
	crash->state.sregs.cs.selector = (uint16_t)frame.cs;
	crash->state.sregs.ss.selector = (uint16_t)frame.ss;
	crash->insn_bytes = 0;
	crash->frame_count = 0;
	crash->leaf = false;
	code_bytes(m, crash);
	backtrace(m, crash);
	exception_reason(m, crash);
}
