/* SPDX-License-Identifier: Apache-2.0 */
/* Looks at the CPU. */
#include <string.h>

#include "soiler.h"

#define VECTOR_GP 13
#define VECTOR_PF 14

#define APIC          0xfee00000ull
#define APIC_VIRTUAL  (512ull << 30) /* the second entry of a top-level table of its own */
#define CPUID_1_APIC  (1u << 9)
#define MSR_APIC_BASE 0x1b
#define APIC_ENABLED  (1u << 11)
#define APIC_BY_MSR   (1u << 10)
#define TABLE_FLAGS   0x27ull /* present, writable, user, accessed */
#define LARGE_FLAGS   0xe7ull

/* AMD64 APM 2, appendix A; Intel SDM 4. What KVM does not know is passed over. */
const struct msr soiler_msrs[] = {
	{ 0xc0000080, true, 0xd00, 1, "EFER" }, /* SCE; with LMA, LME, NXE it could not go on */
	{ 0xc0000081, true, 0, 0x0023001000000000, "STAR" },
	{ 0xc0000082, true, 0, 0x00000000deadbeef, "LSTAR" },
	{ 0xc0000083, true, 0, 0x00000000deadbeef, "CSTAR" },
	{ 0xc0000084, true, 0, 0x700, "SFMASK" },
	{ 0xc0000102, true, 0, 0x00007fffdeadbeef, "KERNEL_GS_BASE" },
	{ 0xc0000103, true, 0, 0xdead, "TSC_AUX" },
	{ 0x174, true, 0, 0x10, "SYSENTER_CS" },
	{ 0x175, true, 0, 0x00000000deadbeef, "SYSENTER_ESP" },
	{ 0x176, true, 0, 0x00000000deadbeef, "SYSENTER_EIP" },
	{ 0x277, true, 0x0007040600070406, 0x0102000000000000, "PAT" },
	{ 0x1d9, true, 0, 1, "DEBUGCTL" },
	{ 0x3b, true, 0, 1ull << 40, "TSC_ADJUST" },
	{ 0x48, true, 0, 1, "SPEC_CTRL" },
	{ 0xe1, false, 0, 0x100, "UMWAIT_CONTROL" },
	{ 0x17a, true, 0, 4, "MCG_STATUS" },
	{ 0x1a0, false, 0, 1, "MISC_ENABLE" },
	{ 0x140, true, 0, 1, "MISC_FEATURES_ENABLES" },
	{ 0x200, true, 0, 0x100006, "MTRR_PHYSBASE0" },
	{ 0x201, true, 0, 0x800, "MTRR_PHYSMASK0" },
	{ 0x20e, true, 0, 0x100006, "MTRR_PHYSBASE7" },
	{ 0x250, true, 0, 0x0606060606060606, "MTRR_FIX64K" },
	{ 0x26f, true, 0, 0x0606060606060606, "MTRR_FIX4K_F8000" },
	{ 0x2ff, true, 0, 0xc06, "MTRR_DEF_TYPE" },
	{ 0x186, false, 0, 0x41, "PERFEVTSEL0" },
	{ 0xc1, false, 0, 0x123, "PMC0" },
	{ 0x309, false, 0, 0x123, "FIXED_CTR0" },
	{ 0x38d, false, 0, 0x1, "FIXED_CTR_CTRL" },
	{ 0x38f, false, 0, 0x1, "PERF_GLOBAL_CTRL" },
	{ 0xda0, false, 0, 0x100, "XSS" },
	{ 0x6a0, false, 0, 4, "U_CET" },
	{ 0xc0010000, false, 0, 0x41, "PERFEVTSEL0 (AMD)" },
	{ 0xc0010004, false, 0, 0x123, "PMC0 (AMD)" },
	{ 0xc0010015, false, 0, 1ull << 24, "HWCR" },
	{ 0xc0010117, true, 0, 0x1000, "VM_HSAVE_PA" },
	{ 0xc0010140, false, 0, 1, "OSVW_ID_LENGTH" },
	{ 0xc001011f, true, 0, 4, "VIRT_SPEC_CTRL" },
};

const unsigned soiler_msr_count = sizeof(soiler_msrs) / sizeof(soiler_msrs[0]);

static volatile bool faulted;

bool ring0_native(void)
{
	return kvick_boot()->ring == 0 && kvick_boot()->flags & KVICK_BOOT_CPUID;
}

unsigned fpu_kind(void)
{
	if (kvick_boot()->ring == 0 && !ring0_native())
		return 0;
	return kvick_boot()->xcr0 && kvick_boot()->xsave_bytes <= FPU_BYTES_MAX ? 2 : 1;
}

static void skip_msr(struct kvick_fault_frame *frame)
{
	faulted = true;
	frame->rip += 2; /* RDMSR, WRMSR */
}

static void skip_load(struct kvick_fault_frame *frame)
{
	faulted = true;
	frame->rip += 2; /* mov (%rax), %al */
}

void take_faults(void)
{
	kvick_fault_handler(VECTOR_GP, skip_msr);
	kvick_fault_handler(VECTOR_PF, skip_load);
}

bool read_msr(uint32_t msr, uint64_t *value)
{
	uint32_t low = 0, high = 0;

	faulted = false;
	__asm__ volatile("rdmsr" : "+a"(low), "+d"(high) : "c"(msr) : "memory");
	*value = (uint64_t)high << 32 | low;
	return !faulted;
}

bool write_msr(uint32_t msr, uint64_t value)
{
	faulted = false;
	__asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
	return !faulted;
}

bool readable(uint64_t at)
{
	faulted = false;
	__asm__ volatile("movb (%%rax), %%al" : "+a"(at) : : "memory");
	return !faulted;
}

/* In a top-level table of its own: the one that the guest has is looked at. Ring 0 alone. */
volatile uint32_t *local_apic(void)
{
	static bool asked, is_there;
	uint64_t base, cr3 = read_cr3();
	uint32_t eax = 1, ebx, ecx, edx;

	if (!asked) {
		asked = true;
		__asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "=c"(ecx), "=d"(edx));
		is_there = ring0_native() && edx & CPUID_1_APIC && read_msr(MSR_APIC_BASE, &base) &&
			   (base & (APIC_ENABLED | APIC_BY_MSR)) == APIC_ENABLED && (base & -4096ull) == APIC;
	}
	if (!is_there)
		return NULL;
	memcpy(soiler_kept.pgd[0], (void *)(cr3 & KVICK_PTE_ADDR), sizeof(soiler_kept.pgd[0]));
	soiler_kept.pgd[0][1] = (uintptr_t)soiler_kept.tables[0] | TABLE_FLAGS;
	soiler_kept.tables[0][0] = (uintptr_t)soiler_kept.tables[1] | TABLE_FLAGS;
	soiler_kept.tables[1][0] = (APIC & -(2ull << 20)) | LARGE_FLAGS;
	return (volatile uint32_t *)(APIC_VIRTUAL + APIC % (2ull << 20));
}

void see(struct view *view, const char *name, uint32_t index, uint64_t value)
{
	if (view->count < ITEMS_MAX)
		view->items[view->count++] = (struct item){ .name = name, .index = index, .value = value };
}

static void look_at_apic(struct view *view)
{
	static const uint16_t registers[] = {
		0x20, 0x80, 0xd0, 0xe0, 0xf0, 0x100, 0x110, 0x200, 0x210, 0x220, 0x230, 0x240, 0x250, 0x260, 0x270, 0x280, 0x300,
		0x310, 0x320, 0x330, 0x340, 0x350, 0x360, 0x370, 0x380, 0x3e0,
	};
	volatile uint32_t *apic = local_apic();
	uint64_t cr3 = read_cr3();

	if (!apic)
		return;
	__asm__ volatile("mov %0, %%cr3" : : "r"(soiler_kept.pgd[0]) : "memory");
	for (size_t i = 0; i < sizeof(registers) / sizeof(registers[0]); i++)
		see(view, "local APIC", registers[i], apic[registers[i] / 4]);
	__asm__ volatile("mov %0, %%cr3" : : "r"(cr3) : "memory");
}

static void look_at_ring_0(struct view *view)
{
	struct { uint16_t limit; uint64_t base; } __attribute__((packed)) table = { 0 };
	uint64_t value;
	uint16_t selector;

	__asm__ volatile("mov %%ds, %0" : "=r"(value));
	see(view, "DS", 0, value);
	__asm__ volatile("mov %%fs, %0" : "=r"(value));
	see(view, "FS", 0, value);
	see(view, "CR0", 0, read_cr0());
	see(view, "CR3", 0, read_cr3());
	see(view, "CR4", 0, read_cr4());
	__asm__ volatile("mov %%cr8, %0" : "=r"(value));
	see(view, "CR8", 0, value);
	__asm__ volatile("sgdt %0" : "=m"(table));
	see(view, "GDTR", 0, table.base);
	see(view, "GDTR limit", 0, table.limit);
	__asm__ volatile("sidt %0" : "=m"(table));
	see(view, "IDTR", 0, table.base);
	see(view, "IDTR limit", 0, table.limit);
	__asm__ volatile("sldt %0" : "=m"(selector));
	see(view, "LDTR", 0, selector);
	__asm__ volatile("str %0" : "=m"(selector));
	see(view, "TR", 0, selector);
	if (!ring0_native())
		return;
	if (read_cr4() & CR4_OSXSAVE) {
		uint32_t low, high;

		__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
		see(view, "XCR0", 0, (uint64_t)high << 32 | low);
	}
#define LOOK_AT_DR(n)                                          \
	__asm__ volatile("mov %%dr" #n ", %0" : "=r"(value)); \
	see(view, "DR", n, value)
	LOOK_AT_DR(0);
	LOOK_AT_DR(1);
	LOOK_AT_DR(2);
	LOOK_AT_DR(3);
	LOOK_AT_DR(6);
	LOOK_AT_DR(7);
	for (unsigned i = 0; i < soiler_msr_count; i++)
		if (read_msr(soiler_msrs[i].index, &value))
			see(view, soiler_msrs[i].name, soiler_msrs[i].index, value);
	look_at_apic(view);
}

/* Memory first: what follows uses a handler's stack. */
void look(struct view *view)
{
	uint64_t value = 0;

	view->count = 0;
	look_at_memory(view);
	kvick_cpuconfig(KVICK_CPU_FAULT_ADDRESS, 0, 0, &value);
	see(view, "CR2", 0, value);
	kvick_cpuconfig(KVICK_CPU_FS_BASE, 0, 0, &value);
	see(view, "FS base", 0, value);
	kvick_cpuconfig(KVICK_CPU_GS_BASE, 0, 0, &value);
	see(view, "GS base", 0, value);
	kvick_call_cpuconfig(KVICK_CPU_INTERRUPT_FLAG, 0, 0, &value);
	see(view, "interrupt flag by call", 0, value);
	see(view, "a mapping at 1 TiB", 0, readable(TIB));
	if (kvick_boot()->ring == 0)
		look_at_ring_0(view);
}
