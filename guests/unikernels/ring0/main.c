/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For ring 0 alone, with descriptor tables of its own. argv[1] says what it does there: what an operating system does at its start,
 * or what cannot be had where the VMM runs it at ring 3.
 */
#include <assert.h>
#include <kvick_guest.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MSR_EFER           0xc0000080u
#define MSR_FS_BASE        0xc0000100u
#define MSR_GS_BASE        0xc0000101u
#define MSR_KERNEL_GS_BASE 0xc0000102u
#define MSR_APIC_BASE      0x1bu

#define VECTORS 129u
#define UNMAPPED 0x7f0000001000ull

/* Selectors of the GDT below. */
enum { CODE = 0x08, DATA = 0x10, CODE_32 = 0x18, CODE_3 = 0x20, DATA_3 = 0x28, TSS = 0x30 };

struct table {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

static struct tss {
	uint32_t reserved0;
	uint64_t rsp[3], reserved1, ist[7], reserved2;
	uint16_t reserved3, io_map;
} __attribute__((packed)) tss = { .io_map = sizeof(struct tss) };

static struct gate {
	uint16_t offset_0, selector;
	uint8_t ist, type;
	uint16_t offset_16;
	uint32_t offset_32, reserved;
} idt[VECTORS] __attribute__((aligned(16)));

static uint64_t gdt[8] = {
	[CODE / 8] = 0x00af9a000000ffff, [DATA / 8] = 0x00cf92000000ffff, [CODE_32 / 8] = 0x00cf9a000000ffff,
	[CODE_3 / 8] = 0x00affa000000ffff, [DATA_3 / 8] = 0x00cff2000000ffff,
};

static uint8_t handler_stack[4096] __attribute__((aligned(16)));

/* ---- exceptions: counted, and gone on from where `resume` says ---- */

struct taken {
	uint64_t vector, error, rip, cs, rflags, rsp, ss, cr2, at; /* at: the handler's stack */
};

volatile struct taken taken;
uint64_t resume;
extern const uint8_t ring0_stubs[];

/* 32 stubs of 16 bytes, and one more for INT 0x80. A `resume` of 0 goes on where the frame says. */
__asm__(".text\n"
	".balign 16\n"
	"ring0_stubs:\n"
	".set n, 0\n"
	".rept 33\n"
	".balign 16\n"
	".if !((0x60227d00 >> n) & 1) || n == 32\n"
	"	push $0\n"
	".endif\n"
	"	push $n\n"
	"	jmp ring0_common\n"
	".set n, n + 1\n"
	".endr\n"
	"ring0_common:\n"
	"	push %rax\n"
	"	.irp at, 0, 8, 16, 24, 32, 40, 48\n"
	"	mov 8 + \\at(%rsp), %rax\n"
	"	mov %rax, taken + \\at(%rip)\n"
	"	.endr\n"
	"	mov %cr2, %rax\n"
	"	mov %rax, taken + 56(%rip)\n"
	"	mov %rsp, taken + 64(%rip)\n"
	"	mov resume(%rip), %rax\n"
	"	test %rax, %rax\n"
	"	jz 1f\n"
	"	mov %rax, 24(%rsp)\n"
	"1:	pop %rax\n"
	"	add $16, %rsp\n"
	"	iretq\n");

static void gate_set(unsigned vector, unsigned stub, uint8_t ist)
{
	uint64_t at = (uintptr_t)ring0_stubs + stub * 16ull;

	idt[vector] = (struct gate){ (uint16_t)at, CODE, ist, 0x8e, (uint16_t)(at >> 16), (uint32_t)(at >> 32), 0 };
}

static void tables_load(void)
{
	const struct table gdtr = { sizeof(gdt) - 1, (uintptr_t)gdt }, idtr = { sizeof(idt) - 1, (uintptr_t)idt };
	const uint64_t base = (uintptr_t)&tss;

	gdt[TSS / 8] = 0x0000890000000000 | (sizeof(tss) - 1) | (base & 0xffffff) << 16 | (base >> 24 & 0xff) << 56;
	gdt[TSS / 8 + 1] = base >> 32;
	tss.ist[0] = (uintptr_t)handler_stack + sizeof(handler_stack);
	for (unsigned i = 0; i < 32; i++)
		gate_set(i, i, 1);
	gate_set(0x80, 32, 0);
	__asm__ volatile("lgdt %0" : : "m"(gdtr));
	__asm__ volatile("push %0; lea 1f(%%rip), %%rax; push %%rax; lretq; 1:" : : "i"(CODE) : "rax", "memory");
	__asm__ volatile("mov %0, %%ss; mov %0, %%ds; mov %0, %%es" : : "r"(DATA));
	__asm__ volatile("lidt %0" : : "m"(idtr));
	__asm__ volatile("ltr %0" : : "r"((uint16_t)TSS));
}

static uint64_t rdmsr(uint32_t msr)
{
	uint32_t low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return low | (uint64_t)high << 32;
}

static void wrmsr(uint32_t msr, uint64_t value)
{
	__asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}

/* ---- what works ---- */

static void took(const char *what, uint64_t vector, uint64_t error)
{
	const uint64_t end = (uintptr_t)handler_stack + sizeof(handler_stack);
	bool on_ist = taken.at >= (uintptr_t)handler_stack && taken.at < end;

	printf("%s: vector %lu, error 0x%lx, cs 0x%lx, ss 0x%lx, %s\n", what, taken.vector, taken.error, taken.cs, taken.ss,
	       on_ist ? "on its own stack" : "on this stack");
	assert(taken.vector == vector && taken.error == error && taken.cs == CODE && taken.ss == DATA);
	assert(on_ist == (vector != 32));
	memset((void *)&taken, 0xff, sizeof(taken));
}

/* Over what faults; traps go on by themselves. */
#define FAULTS(code, ...) \
	__asm__ volatile("lea 1f(%%rip), %%rax; mov %%rax, resume(%%rip);" code "; 1: movq $0, resume(%%rip)" \
			 : : __VA_ARGS__ : "rax", "rcx", "rdx", "memory")

static void faults(void)
{
	tables_load();
	FAULTS("xor %%ecx, %%ecx; div %%ecx", "i"(0));
	took("divide", 0, 0);
	FAULTS("ud2", "i"(0));
	took("ud2", 6, 0);
	FAULTS("mov (%0), %%eax", "r"(1ull << 60));
	took("not canonical", 13, 0);
	FAULTS("int $0x82", "i"(0));
	if (taken.error == 0x82 * 16 + 2) /* as QEMU has it at its ring 0 */
		taken.error = 0x82 * 8 + 2;
	took("int 0x82, beyond the table", 13, 0x82 * 8 + 2);
	FAULTS("mov %0, %%ds", "r"(0x58));
	took("selector beyond the table", 13, 0x58);
	FAULTS("movb $1, (%0)", "r"(UNMAPPED));
	printf("cr2 0x%lx\n", taken.cr2);
	assert(taken.cr2 == UNMAPPED);
	took("page fault", 14, 2);
	FAULTS("movb $1, faults(%%rip)", "i"(0));
	took("store to text", 14, 3);
	FAULTS("jmp *%0", "r"(handler_stack));
	took("jump to data", 14, 0x11);
	__asm__ volatile("int3" : : : "memory");
	took("int3", 3, 0);
	__asm__ volatile("int $0x80" : : : "memory");
	took("int 0x80", 32, 0);
	printf("all of them came\n");
}

static void bases(void)
{
	static uint64_t here = 0x1122334455667788, there = 0x99aabbccddeeff00;
	uint64_t value, flags;

	wrmsr(MSR_FS_BASE, (uintptr_t)&here);
	wrmsr(MSR_GS_BASE, (uintptr_t)&there);
	wrmsr(MSR_KERNEL_GS_BASE, (uintptr_t)&here);
	for (unsigned i = 0; i < 20; i++) {
		__asm__ volatile("pushfq; popq %0; cli" : "=r"(flags));
		kvick_clock_ns(KVICK_CLOCK_MONOTONIC);
		__asm__ volatile("mov %%fs:0, %0" : "=r"(value));
		assert(value == here);
		__asm__ volatile("mov %%gs:0, %0" : "=r"(value));
		assert(value == (i % 2 ? here : there));
		assert(rdmsr(MSR_FS_BASE) == (uintptr_t)&here);
		__asm__ volatile("swapgs");
	}
	printf("the bases are as they were\n");
}

/* Registers that the monitor has no use for, and must not lose. */
static void sse(void)
{
	uint64_t before[2] = { 0x0123456789abcdef, 0xfedcba9876543210 }, after[2] = { 0 }, flags;

	__asm__ volatile("movdqu %0, %%xmm0; movdqu %0, %%xmm15" : : "m"(before));
	for (unsigned i = 0; i < 20; i++) {
		__asm__ volatile("cli; pushfq; popq %0" : "=r"(flags));
		kvick_clock_ns(KVICK_CLOCK_MONOTONIC);
	}
	__asm__ volatile("paddq %%xmm15, %%xmm0; movdqu %%xmm0, %0" : "=m"(after));
	assert(after[0] == 2 * before[0] && after[1] == 2 * before[1]);
	printf("sse: sums are right\n");
}

/* What it has no business to: the same at both rings. */
static void write_text(void)
{
	*(volatile uint8_t *)(uintptr_t)write_text = 0x90;
}

static void write_constant(void)
{
	static const char constant[] = "constant";

	*(volatile char *)(uintptr_t)constant = 'C';
}

static void execute_data(void)
{
	static uint8_t code[] = { 0xc3 };

	__asm__ volatile("call *%0" : : "r"(code) : "memory");
}

static void crash_with_tables(void)
{
	const struct table none = { 0, 0 };

	tables_load();
	printf("no table any more\n");
	__asm__ volatile("lidt %0" : : "m"(none));
	__asm__ volatile("ud2");
}

/* ---- what does not, at ring 3 ---- */

static void hlt(void) { __asm__ volatile("hlt"); }

static void iret_to_ring_3(void)
{
	tables_load();
	__asm__ volatile("mov %%rsp, %%rax; push %0; push %%rax; push $2; push %1; lea 1f(%%rip), %%rax; push %%rax; iretq; 1:"
			 : : "i"(DATA_3 | 3), "i"(CODE_3 | 3) : "rax", "memory");
}

static void retf_to_ring_3(void)
{
	tables_load();
	__asm__ volatile("mov %%rsp, %%rax; push %0; push %%rax; push %1; lea 1f(%%rip), %%rax; push %%rax; lretq; 1:"
			 : : "i"(DATA_3 | 3), "i"(CODE_3 | 3) : "rax", "memory");
}

static void sysret(void)
{
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | 1);
	__asm__ volatile("lea 1f(%%rip), %%rcx; mov $2, %%r11d; sysretq; 1:" : : : "rcx", "r11", "memory");
}

static void code_32(void)
{
	tables_load();
	__asm__ volatile("push %0; lea 1f(%%rip), %%rax; push %%rax; lretq; 1:" : : "i"(CODE_32) : "rax", "memory");
}

static void cr3(void)
{
	uint64_t page = (uintptr_t)aligned_alloc(4096, 4096);

	memcpy((void *)page, (void *)kvick_boot()->pgd, 4096);
	__asm__ volatile("mov %0, %%cr3" : : "r"(page) : "memory");
}

#define CHANGE(name, cr, change)                                                    \
	static void name(void)                                                      \
	{                                                                           \
		uint64_t value;                                                     \
		__asm__ volatile("mov %%" cr ", %0" : "=r"(value));                 \
		__asm__ volatile("mov %0, %%" cr : : "r"(value change) : "memory"); \
	}

CHANGE(cr0_wp, "cr0", & ~(1ull << 16))
CHANGE(breakpoint, "dr7", | 1ull)

/* Whichever of them CPUID has: with any that it has not it is #GP, as on any CPU. */
static void cr4_paging(void)
{
	uint32_t a = 7, b, c = 0, d;
	uint64_t value;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	__asm__ volatile("mov %%cr4, %0" : "=r"(value));
	value |= b & 1u << 7 ? 1ull << 20 : b & 1u << 20 ? 1ull << 21 : 1ull << 17;
	__asm__ volatile("mov %0, %%cr4" : : "r"(value) : "memory");
}

static void msr(void) { rdmsr(MSR_APIC_BASE); }
static void nxe(void) { wrmsr(MSR_EFER, rdmsr(MSR_EFER) & ~(1ull << 11)); }

/* x87 state alone. Without a CPU model there is no XSETBV. */
static void xcr0(void) { __asm__ volatile("xsetbv" : : "a"(1), "d"(0), "c"(0)); }

/* The entry for the page of its own stack, as it was. */
static void page_tables(void)
{
	volatile uint64_t *pgd = (volatile uint64_t *)kvick_boot()->pgd;

	pgd[0] = pgd[0];
}

static void cpuconfig(void) { kvick_call_cpuconfig(KVICK_CPU_FS_BASE, 0x1000, 0, NULL); }
static void cpuconfig_flag(void) { kvick_call_cpuconfig(KVICK_CPU_INTERRUPT_FLAG, 1, 0, NULL); }
static void update_pgtable(void) { kvick_call_update_pgtable(1ull << 40, 0, kvick_boot()->pgd, 1, 0, 0); }
static void lcr3(void) { kvick_call_lcr3(kvick_boot()->pgd); }

static const struct {
	const char *name;
	void (*run)(void);
} ways[] = {
	{ "faults", faults }, { "bases", bases }, { "sse", sse }, { "write-text", write_text },
	{ "write-constant", write_constant },
	{ "execute-data", execute_data }, { "crash-with-tables", crash_with_tables }, { "hlt", hlt },
	{ "iret-to-ring-3", iret_to_ring_3 }, { "retf-to-ring-3", retf_to_ring_3 }, { "sysret", sysret }, { "code-32", code_32 },
	{ "cr3", cr3 }, { "cr0-wp", cr0_wp }, { "cr4-paging", cr4_paging },
	{ "breakpoint", breakpoint }, { "msr", msr }, { "nxe", nxe }, { "xcr0", xcr0 }, { "page-tables", page_tables },
	{ "cpuconfig", cpuconfig }, { "cpuconfig-flag", cpuconfig_flag },
	{ "update-pgtable", update_pgtable }, { "lcr3", lcr3 },
};

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (strcmp(ways[i].name, name) == 0) {
			printf("ring0: %s, at ring %u\n", name, kvick_boot()->ring);
			ways[i].run();
			printf("ring0: done\n");
			return 0;
		}
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		printf("%s\n", ways[i].name);
	return 2;
}
