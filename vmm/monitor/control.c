/* SPDX-License-Identifier: Apache-2.0 */
/* Control and debug registers, MSRs, FS and GS bases: AMD64 APM 2, 3.1 (CR), 13.1 (DR), 3.2 (MSR), 4.5.3 (bases). */
#include <asm/processor-flags.h>

#include "vmm/monitor/trap.h"

enum { RAX, RCX, RDX, RBX };

#define CPUID_OSXSAVE (1ull << 27) /* leaf 1, ECX */
#define CPUID_RDTSCP  (1u << 27)   /* leaf 0x80000001, EDX */

/* EFER, AMD64 APM 2, 3.1.7. */
#define EFER_SCE (1ull << 0)
#define EFER_LME (1ull << 8)
#define EFER_LMA (1ull << 10)

/* ---- CR0 ---- */

#define CR0_KNOWN (X86_CR0_PE | X86_CR0_MP | X86_CR0_EM | X86_CR0_TS | X86_CR0_ET | X86_CR0_NE | X86_CR0_WP | X86_CR0_AM | \
		   X86_CR0_NW | X86_CR0_CD | X86_CR0_PG)
/* What the real CPU must have too. AM is for ring 3, and this guest believes to be at ring 0. */
#define CR0_REAL (X86_CR0_MP | X86_CR0_EM | X86_CR0_TS | X86_CR0_NE)

static enum outcome write_cr0(struct trap *t, uint64_t value)
{
	uint64_t before = t->cpu->cr0;

	if (value >> 32 || (value & X86_CR0_NW && !(value & X86_CR0_CD)) || !(value & X86_CR0_PG) || !(value & X86_CR0_PE))
		return gp0(t);
	if (before & ~value & X86_CR0_WP)
		return refuse(t, REFUSE_CR0_WP);
	t->cpu->cr0 = (value & CR0_KNOWN) | X86_CR0_ET;
	if ((t->cpu->cr0 ^ before) & CR0_REAL)
		monitor_request(REQUEST_CONTROL);
	return NEXT;
}

enum outcome emulate_clts(struct trap *t)
{
	return write_cr0(t, t->cpu->cr0 & ~(uint64_t)X86_CR0_TS);
}

/* PE can be set, not cleared. */
enum outcome emulate_lmsw(struct trap *t)
{
	uint64_t value;

	if (!operand_read(t, &value, 2))
		return FAULTED;
	return write_cr0(t, (t->cpu->cr0 & ~0xeull) | (value & 0xf));
}

enum outcome emulate_smsw(struct trap *t)
{
	return operand_write(t, t->cpu->cr0, operand_bytes(t), 2) ? NEXT : FAULTED;
}

/* ---- CR4 ---- */

#define CR4_ANY (X86_CR4_VME | X86_CR4_PVI | X86_CR4_TSD | X86_CR4_DE | X86_CR4_PSE | X86_CR4_PAE | X86_CR4_MCE | X86_CR4_PGE | \
		 X86_CR4_PCE | X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT)
#define CR4_REAL (X86_CR4_DE | X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT | X86_CR4_OSXSAVE | X86_CR4_PCE)
#define CR4_REFUSED (X86_CR4_LA57 | X86_CR4_PCIDE | X86_CR4_SMEP | X86_CR4_SMAP | X86_CR4_PKE | X86_CR4_VMXE)

/* The guest's table: EAX, EBX, ECX, EDX. */
static const uint32_t *cpuid(struct trap *t, uint32_t leaf, uint32_t subleaf)
{
	t->state->cpuid[0] = leaf;
	t->state->cpuid[1] = subleaf;
	monitor_request(REQUEST_CPUID);
	return &t->state->cpuid[2];
}

enum { EAX, EBX, ECX, EDX };

/* Bits that there are where CPUID says so. */
static uint64_t cr4_known(struct trap *t)
{
	static const struct { uint8_t leaf, reg, bit; uint32_t cr4; } features[] = {
		{ 1, ECX, 26, X86_CR4_OSXSAVE }, { 1, ECX, 17, X86_CR4_PCIDE }, { 1, ECX, 5, X86_CR4_VMXE },
		{ 7, EBX, 0, X86_CR4_FSGSBASE }, { 7, EBX, 7, X86_CR4_SMEP }, { 7, EBX, 20, X86_CR4_SMAP },
		{ 7, ECX, 2, X86_CR4_UMIP }, { 7, ECX, 3, X86_CR4_PKE }, { 7, ECX, 16, X86_CR4_LA57 },
	};
	uint64_t known = CR4_ANY;

	for (unsigned i = 0; i < sizeof(features) / sizeof(features[0]); i++)
		if (cpuid(t, features[i].leaf, 0)[features[i].reg] >> features[i].bit & 1)
			known |= features[i].cr4;
	return known;
}

static enum outcome write_cr4(struct trap *t, uint64_t value)
{
	uint64_t before = t->cpu->cr4;

	if (!(value & X86_CR4_PAE) || (value & ~(uint64_t)CR4_ANY && value & ~cr4_known(t)))
		return gp0(t);
	if (value & CR4_REFUSED)
		return refuse(t, REFUSE_CR4);
	t->cpu->cr4 = value;
	if ((value ^ before) & CR4_REAL)
		monitor_request(REQUEST_CONTROL);
	return NEXT;
}

/* CLAC and STAC: by CPUID alone, whatever CR4 says. */
static enum outcome set_ac(struct trap *t, uint64_t ac)
{
	if (!(cr4_known(t) & X86_CR4_SMAP))
		return undefined(t);
	flags_write(t, ac, X86_EFLAGS_AC);
	return NEXT;
}

enum outcome emulate_clac(struct trap *t)
{
	return set_ac(t, 0);
}

enum outcome emulate_stac(struct trap *t)
{
	return set_ac(t, X86_EFLAGS_AC);
}

/* ---- all of them ---- */

static enum outcome write_cr3(struct trap *t, uint64_t value)
{
	const uint64_t address = 0x000ffffffffff000ull;

	if (value & ~(address | 0xfff))
		return gp0(t);
	if ((value ^ t->cpu->cr3) & address)
		return refuse(t, REFUSE_CR3);
	t->cpu->cr3 = value;
	monitor_request(REQUEST_FLUSH);
	return NEXT;
}

enum outcome emulate_mov_to_cr(struct trap *t)
{
	uint64_t value = t->frame->regs[modrm_rm(t)];

	switch (modrm_reg(t)) {
	case 0:
		return write_cr0(t, value);
	case 2:
		t->cpu->cr2 = value;
		return NEXT;
	case 3:
		return write_cr3(t, value);
	case 4:
		return write_cr4(t, value);
	case 8:
		if (value & ~0xfull)
			return gp0(t);
		t->cpu->cr8 = value;
		return NEXT;
	default:
		return undefined(t);
	}
}

enum outcome emulate_mov_from_cr(struct trap *t)
{
	const struct virtual_cpu *c = t->cpu;
	const uint64_t *const registers[16] = { [0] = &c->cr0, [2] = &c->cr2, [3] = &c->cr3, [4] = &c->cr4, [8] = &c->cr8 };
	const uint64_t *from = registers[modrm_reg(t)];

	if (!from)
		return undefined(t);
	t->frame->regs[modrm_rm(t)] = *from;
	return NEXT;
}

/* ---- debug registers ---- */

#define DR7_ENABLED 0xffull
#define DR7_FIXED   0x400ull
#define DR7_KNOWN   0xffff23ffull
#define DR7_GD      (1ull << 13)
#define DR6_FIXED   0xffff0ff0ull
#define DR6_KNOWN   0xe00full

/* DR4 and DR5 are DR6 and DR7, but with CR4.DE; there are no more than 8. False: #UD. */
static bool debug_register(const struct trap *t, unsigned *number)
{
	*number = modrm_reg(t);
	if (*number > 7 || (*number / 2 == 2 && t->cpu->cr4 & X86_CR4_DE))
		return false;
	if (*number / 2 == 2)
		*number += 2;
	return true;
}

enum outcome emulate_mov_from_dr(struct trap *t)
{
	unsigned number;

	if (!debug_register(t, &number))
		return undefined(t);
	t->frame->regs[modrm_rm(t)] = t->cpu->dr[number];
	return NEXT;
}

enum outcome emulate_mov_to_dr(struct trap *t)
{
	uint64_t value = t->frame->regs[modrm_rm(t)];
	unsigned number;

	if (!debug_register(t, &number))
		return undefined(t);
	if (number >= 6 && value >> 32)
		return gp0(t);
	if (number == 7 && value & (DR7_ENABLED | DR7_GD))
		return refuse(t, REFUSE_BREAKPOINT);
	if (number == 6)
		value = (value & DR6_KNOWN) | DR6_FIXED;
	else if (number == 7)
		value = (value & DR7_KNOWN) | DR7_FIXED;
	t->cpu->dr[number] = value;
	return NEXT;
}

/* ---- FS and GS ---- */

void bases_set(struct trap *t)
{
	if (!monitor_set_bases(t->cpu->fs_base, t->cpu->gs_base))
		monitor_request(REQUEST_BASES);
}

enum outcome emulate_swapgs(struct trap *t)
{
	uint64_t base = t->cpu->gs_base;

	t->cpu->gs_base = t->cpu->kernel_gs_base;
	t->cpu->kernel_gs_base = base;
	bases_set(t);
	return NEXT;
}

/* F3 0F AE /0 to /3: FS or GS by the lowest bit. */
static uint64_t *fsgsbase(struct trap *t)
{
	return x86_reg(&t->i) & 1 ? &t->cpu->gs_base : &t->cpu->fs_base;
}

enum outcome emulate_rd_fsgsbase(struct trap *t)
{
	if (!(t->cpu->cr4 & X86_CR4_FSGSBASE))
		return undefined(t);
	register_write(t, modrm_rm(t), *fsgsbase(t), t->i.rex & X86_REX_W ? 8 : 4);
	return NEXT;
}

enum outcome emulate_wr_fsgsbase(struct trap *t)
{
	uint64_t value = t->frame->regs[modrm_rm(t)];

	if (!(t->cpu->cr4 & X86_CR4_FSGSBASE))
		return undefined(t);
	if (!(t->i.rex & X86_REX_W))
		value = (uint32_t)value;
	if (!is_canonical(value))
		return gp0(t);
	*fsgsbase(t) = value;
	bases_set(t);
	return NEXT;
}

/* ---- MSRs ---- */

/* AMD64 APM 2, appendix A; in no UAPI header. */
enum {
	MSR_IA32_TSC = 0x10, MSR_IA32_SYSENTER_CS = 0x174, MSR_IA32_SYSENTER_ESP, MSR_IA32_SYSENTER_EIP,
};
#define MSR_EFER           0xc0000080u
#define MSR_STAR           0xc0000081u
#define MSR_LSTAR          0xc0000082u
#define MSR_CSTAR          0xc0000083u
#define MSR_SYSCALL_MASK   0xc0000084u
#define MSR_FS_BASE        0xc0000100u
#define MSR_GS_BASE        0xc0000101u
#define MSR_KERNEL_GS_BASE 0xc0000102u

static enum outcome write_efer(struct trap *t, uint64_t value)
{
	/* Long mode neither begins nor ends under paging. */
	if (value & ~(EFER_SCE | EFER_LME | EFER_LMA | EFER_NX) || (value ^ t->cpu->efer) & EFER_LME)
		return gp0(t);
	if ((value ^ t->cpu->efer) & EFER_NX)
		return refuse(t, REFUSE_NXE);
	t->cpu->efer = value | EFER_LMA;
	return NEXT;
}

static const struct msr {
	uint32_t number;
	uint16_t at;    /* in struct virtual_cpu */
	bool is_address; /* must be canonical */
	bool is_base;   /* of FS or GS: the real CPU has it too */
} msrs[] = {
	{ MSR_FS_BASE, offsetof(struct virtual_cpu, fs_base), true, true },
	{ MSR_GS_BASE, offsetof(struct virtual_cpu, gs_base), true, true },
	{ MSR_KERNEL_GS_BASE, offsetof(struct virtual_cpu, kernel_gs_base), true, false },
	{ MSR_EFER, offsetof(struct virtual_cpu, efer), false, false },
	{ MSR_STAR, offsetof(struct virtual_cpu, star), false, false },
	{ MSR_LSTAR, offsetof(struct virtual_cpu, lstar), true, false },
	{ MSR_CSTAR, offsetof(struct virtual_cpu, cstar), true, false },
	{ MSR_SYSCALL_MASK, offsetof(struct virtual_cpu, sfmask), false, false },
	{ MSR_IA32_SYSENTER_CS, offsetof(struct virtual_cpu, sysenter_cs), false, false },
	{ MSR_IA32_SYSENTER_ESP, offsetof(struct virtual_cpu, sysenter_esp), true, false },
	{ MSR_IA32_SYSENTER_EIP, offsetof(struct virtual_cpu, sysenter_eip), true, false },
};

static const struct msr *msr_find(const struct trap *t)
{
	uint32_t number = (uint32_t)t->frame->regs[RCX];

	for (unsigned i = 0; i < sizeof(msrs) / sizeof(msrs[0]); i++)
		if (msrs[i].number == number)
			return &msrs[i];
	return NULL;
}

/* Those that KVM has besides are told of by name. */
static enum outcome other_msr(struct trap *t)
{
	t->state->argument = (uint32_t)t->frame->regs[RCX];
	monitor_request(REQUEST_MSR);
	return t->state->answer ? refuse(t, REFUSE_MSR) : gp0(t);
}

static uint64_t *msr_value(struct trap *t, const struct msr *msr)
{
	return (uint64_t *)((char *)t->cpu + msr->at);
}

enum outcome emulate_rdmsr(struct trap *t)
{
	const struct msr *msr = msr_find(t);
	uint64_t value;

	if (msr)
		value = *msr_value(t, msr);
	else if ((uint32_t)t->frame->regs[RCX] == MSR_IA32_TSC)
		value = __builtin_ia32_rdtsc();
	else
		return other_msr(t);
	t->frame->regs[RAX] = (uint32_t)value;
	t->frame->regs[RDX] = value >> 32;
	return NEXT;
}

enum outcome emulate_wrmsr(struct trap *t)
{
	const struct msr *msr = msr_find(t);
	uint64_t value = (uint32_t)t->frame->regs[RAX] | t->frame->regs[RDX] << 32;

	if (!msr)
		return other_msr(t);
	if (msr->is_address && !is_canonical(value))
		return gp0(t);
	if (msr->number == MSR_EFER)
		return write_efer(t, value);
	*msr_value(t, msr) = value;
	if (msr->is_base)
		bases_set(t);
	return NEXT;
}

enum outcome emulate_xsetbv(struct trap *t)
{
	if (!(t->cpu->cr4 & X86_CR4_OSXSAVE))
		return undefined(t);
	if ((uint32_t)t->frame->regs[RCX] != 0)
		return gp0(t);
	/* It is what the CPU model has, from the start. */
	return ((uint32_t)t->frame->regs[RAX] | t->frame->regs[RDX] << 32) == t->state->xcr0 ? NEXT : refuse(t, REFUSE_XCR0);
}

/* What of it follows CR4 does so here. */
enum outcome emulate_cpuid(struct trap *t)
{
	uint64_t *regs = t->frame->regs;
	uint32_t leaf = (uint32_t)regs[RAX];
	const uint32_t *table = cpuid(t, leaf, (uint32_t)regs[RCX]);

	regs[RAX] = table[EAX];
	regs[RBX] = table[EBX];
	regs[RCX] = table[ECX];
	regs[RDX] = table[EDX];
	if (leaf == 1)
		regs[RCX] = (regs[RCX] & ~CPUID_OSXSAVE) | (t->cpu->cr4 & X86_CR4_OSXSAVE ? CPUID_OSXSAVE : 0);
	return NEXT;
}

/* XINUSE (ECX 1) is the real CPU's to tell, and not told. */
enum outcome emulate_xgetbv(struct trap *t)
{
	if (!(t->cpu->cr4 & X86_CR4_OSXSAVE))
		return undefined(t);
	if ((uint32_t)t->frame->regs[RCX] != 0)
		return (uint32_t)t->frame->regs[RCX] == 1 ? refuse(t, REFUSE_INSTRUCTION) : gp0(t);
	t->frame->regs[RAX] = (uint32_t)t->state->xcr0;
	t->frame->regs[RDX] = t->state->xcr0 >> 32;
	return NEXT;
}

/* TSC_AUX is the host's, and no guest has set one. */
enum outcome emulate_rdtscp(struct trap *t)
{
	uint64_t tsc;

	if (!(cpuid(t, 0x80000001, 0)[EDX] & CPUID_RDTSCP))
		return undefined(t);
	tsc = __builtin_ia32_rdtsc();
	t->frame->regs[RAX] = (uint32_t)tsc;
	t->frame->regs[RDX] = tsc >> 32;
	t->frame->regs[RCX] = 0;
	return NEXT;
}
