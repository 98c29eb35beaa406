/* SPDX-License-Identifier: Apache-2.0 */
/* Instructions, descriptor tables and stacks. Each way is for both rings, whatever comes of it there. */
#include "../hostile.h"

#define CR0_WP (1ull << 16)

#define SYSTEM_PAGE 0x1000ull
#define SYSTEM_END  0x2000ull
#define STUBS       0x12e0ull /* exception stubs, then the one for stores */
#define APIC        0xfee00000ull


static void ud2(void)
{
	__asm__ volatile("ud2");
}

/* At ring 0 W^X does not hold a guest that takes the lock off. Ring 3 faults here. */
static void unlock(void)
{
	uint64_t cr0;

	__asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
	__asm__ volatile("mov %0, %%cr0" : : "r"(cr0 & ~CR0_WP) : "memory");
}

static void scribble(uint64_t from, uint64_t to, int byte)
{
	unlock();
	memset((void *)from, byte, to - from);
}

/* --- tables that the CPU reads --- */

struct __attribute__((packed)) table_register {
	uint16_t limit;
	uint64_t base;
};

static void lidt(uint64_t base, uint16_t limit)
{
	struct table_register idtr = { limit, base };

	__asm__ volatile("lidt %0" : : "m"(idtr));
}

static void lgdt(uint64_t base, uint16_t limit)
{
	struct table_register gdtr = { limit, base };

	__asm__ volatile("lgdt %0" : : "m"(gdtr));
}

static void idt_limit_0(void) { lidt(SYSTEM_PAGE, 0), ud2(); }
static void idt_nowhere(void) { lidt(0x7f0000000000, 511), ud2(); }
static void idt_not_canonical(void) { lidt(1ull << 60, 511), ud2(); }
static void idt_is_text(void) { lidt((uintptr_t)idt_is_text, 511), ud2(); }
static void idt_of_ones(void) { scribble(0x10e0, 0x12e0, 0xff), ud2(); }
static void idt_of_zeros(void) { scribble(0x10e0, 0x12e0, 0), ud2(); }
static void gdt_of_zeros(void) { scribble(0x1000, 0x1050, 0), ud2(); }
static void gdt_limit_0(void) { lgdt(SYSTEM_PAGE, 0), ud2(); }
static void tss_of_zeros(void) { scribble(0x1050, 0x10e0, 0), ud2(); }
static void tss_of_ones(void) { scribble(0x1050, 0x10e0, 0xff), ud2(); }
static void system_page_of_zeros(void) { scribble(SYSTEM_PAGE, SYSTEM_END, 0), ud2(); }
static void system_page_of_ones(void) { scribble(SYSTEM_PAGE, SYSTEM_END, 0xff), ud2(); }

static void stubs_of_hlt(void) { scribble(STUBS, SYSTEM_END, 0xf4), ud2(); }
static void stubs_of_int3(void) { scribble(STUBS, SYSTEM_END, 0xcc), ud2(); }

/* Each byte of descriptors and stubs turned round in turn, with a call and a fault that comes back in between. */
static void skip_ud2(struct kvick_fault_frame *frame)
{
	frame->rip += 2;
}

static void system_page_bit_by_bit(void)
{
	unlock();
	kvick_fault_handler(6, skip_ud2);
	for (uint64_t at = SYSTEM_PAGE; at < SYSTEM_END; at += 7) {
		uint8_t *byte = (uint8_t *)at, was = *byte;

		*byte ^= 1u << at % 8;
		kvick_mark(0);
		*byte = was;
	}
	ud2();
}

static void tables_of_zeros(void) { scribble(0x7000, 0x10000, 0), ud2(); }
static void tables_of_ones(void) { scribble(0x7000, 0x10000, 0xff), ud2(); }

static void set_cr3(uint64_t cr3)
{
	__asm__ volatile("mov %0, %%cr3" : : "r"(cr3) : "memory");
	kvick_mark(0);
}

static void cr3_outside(void) { set_cr3(1ull << 34); }
static void cr3_highest(void) { set_cr3(KVICK_PTE_ADDR); }
static void cr3_reserved(void) { set_cr3(UINT64_MAX); }
static void cr3_null_page(void) { set_cr3(0); }
static void cr3_text(void) { set_cr3((uintptr_t)cr3_text & -4096ull); }
static void cr3_low_bits(void) { set_cr3(kvick_boot()->pgd | 0x18); }

#define SET_CR(n, value)                                                                                      \
	do {                                                                                                  \
		uint64_t cr_;                                                                                 \
		__asm__ volatile("mov %%cr" #n ", %0" : "=r"(cr_));                                           \
		__asm__ volatile("mov %0, %%cr" #n : : "r"(value) : "memory");                                \
		kvick_mark(0);                                                                                \
		__asm__ volatile("ud2");                                                                      \
	} while (0)

static void cr0_no_paging(void) { SET_CR(0, cr_ & ~(1ull << 31)); }
static void cr0_no_protection(void) { SET_CR(0, cr_ & ~1ull); }
static void cr0_ones(void) { SET_CR(0, ~0ull); }
static void cr0_cache_off(void) { SET_CR(0, cr_ | 1ull << 30); }
static void cr4_zero(void) { SET_CR(4, 0 * cr_); }
static void cr4_ones(void) { SET_CR(4, ~0ull | cr_); }
static void cr4_la57(void) { SET_CR(4, cr_ | 1ull << 12); }
static void cr4_smep_smap(void) { SET_CR(4, cr_ | 3ull << 20); }
static void cr4_pcid(void) { SET_CR(4, cr_ | 1ull << 17); }
static void cr8_ones(void) { SET_CR(8, cr_ | 15); }

static void wrmsr(uint32_t msr, uint64_t value)
{
	__asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}

/* AMD64 APM 2, appendix A; KVM's own from its documentation. */
static void efer_zero(void) { wrmsr(0xc0000080, 0); }
static void efer_ones(void) { wrmsr(0xc0000080, UINT64_MAX); }
static void efer_no_nx(void) { wrmsr(0xc0000080, 0x500), kvick_mark(0), ud2(); }
static void apic_base_off(void) { wrmsr(0x1b, 0), kvick_mark(0), ud2(); }
static void apic_base_in_ram(void) { wrmsr(0x1b, 0x2900), kvick_mark(0), ud2(); }
static void tsc_zero(void) { wrmsr(0x10, 0), kvick_mark(0); }
static void tsc_ones(void) { wrmsr(0x10, UINT64_MAX), kvick_mark(0); }
static void fs_base_not_canonical(void) { wrmsr(0xc0000100, 1ull << 60); }
static void lstar_not_canonical(void) { wrmsr(0xc0000082, 1ull << 60); }

static void msrs_of_kvm(void)
{
	static const uint32_t msrs[] = { 0x11, 0x12, 0x4b564d00, 0x4b564d01, 0x4b564d02, 0x4b564d03, 0x4b564d04, 0x4b564d05,
					 0x4b564d06, 0x4b564d07, 0x4b564d08, 0x40000000, 0x40000001, 0x40000003, 0x40000080 };

	for (size_t i = 0; i < sizeof(msrs) / sizeof(msrs[0]); i++)
		__asm__ volatile("wrmsr" : : "c"(msrs[i]), "a"(0x2001), "d"(0) : "memory");
}

/* With a handler for what is refused: how many of these writes (or reads) raise #GP? */
static volatile unsigned refused;

static void skip_msr(struct kvick_fault_frame *frame)
{
	refused++;
	frame->rip += 2; /* RDMSR, WRMSR */
}

static int is_refused(uint32_t msr, int write)
{
	uint32_t low = 0x2001, high = 0;
	unsigned before = refused;

	if (write)
		__asm__ volatile("wrmsr" : : "c"(msr), "a"(low), "d"(high) : "memory");
	else
		__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return refused != before;
}

/* KVM's paravirtual MSRs write into the guest's RAM, or change how it is run: none may be open to a guest that has none. */
static void msrs_of_kvm_are_refused(void)
{
	static const uint32_t msrs[] = { 0x11, 0x12, 0x4b564d00, 0x4b564d01, 0x4b564d02, 0x4b564d03, 0x4b564d04, 0x4b564d05,
					 0x4b564d06, 0x4b564d07, 0x40000000, 0x40000001, 0x40000020, 0x40000073 };

	kvick_fault_handler(13, skip_msr);
	for (size_t i = 0; i < sizeof(msrs) / sizeof(msrs[0]); i++) {
		if (!is_refused(msrs[i], 1) && msrs[i] != 0x4b564d05) /* KVM looks at a value's bits first */
			printf("0x%x is written to\n", msrs[i]), expect("refused", 0, 1);
		if (!is_refused(msrs[i], 0))
			printf("0x%x is read\n", msrs[i]), expect("refused", 0, 1);
	}
}

/* XCR0 as no guest would set it (AMD64 APM 2, 11.5.2), with CR4.OSXSAVE where the CPU model has XSAVE. */
static void set_xcr(uint32_t xcr, uint64_t value)
{
	uint64_t cr4;

	__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
	__asm__ volatile("mov %0, %%cr4" : : "r"(cr4 | 1ull << 18) : "memory");
	__asm__ volatile("xsetbv" : : "c"(xcr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
	kvick_mark(0);
}

static void xcr0_zero(void) { set_xcr(0, 0); }
static void xcr0_ones(void) { set_xcr(0, UINT64_MAX); }
static void xcr0_without_sse(void) { set_xcr(0, 5); }
static void xcr0_x87_alone(void) { set_xcr(0, 1), ud2(); }
static void xcr0_half_of_avx512(void) { set_xcr(0, 0x27); }
static void xcr0_amx(void) { set_xcr(0, 0x60007); }
static void xcr1(void) { set_xcr(1, 7); }

/* Registers taken out and put back by the VMM, with what the guest has set in CR4 and XCR0. */
static void xcr0_then_calls(void)
{
	uint64_t page = pages_take(5);

	set_xcr(0, 7);
	for (unsigned i = 0; i < 4; i++)
		kvick_call_update_pgtable(TIB, page | KVICK_PTE_PRESENT | KVICK_PTE_NX, kvick_boot()->pgd, 1, page + 4096, 4);
	kvick_call_lcr3(kvick_boot()->pgd);
	set_xcr(0, 1);
	kvick_call_cpuconfig(KVICK_CPU_FS_BASE, 0x1000, 0, NULL);
}

/* Leaves that there are, leaves that there are not, by instruction and by call: answers, never a death. */
static void cpuid_all_leaves(void)
{
	static const uint32_t ranges[] = { 0, 0x20000000, 0x40000000, 0x40000100, 0x80000000, 0x8fffff00, 0xc0000000, 0xffffff00 };

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		for (uint32_t n = 0; n < 0x100; n += 1 + n / 16) {
			uint32_t leaf = ranges[i] + n, index = n % 3 ? n : UINT32_MAX;

			__asm__ volatile("cpuid" : "+a"(leaf), "+c"(index) : : "ebx", "edx");
			kvick_call_cpuid(ranges[i] + n, index);
		}
}

/* --- stacks --- */

#define WITH_STACK(name, value, code)                                                                          \
	static void stack_##name(void)                                                                        \
	{                                                                                                      \
		__asm__ volatile("mov %0, %%rsp\n\tmov %0, %%rbp\n\t" code : : "r"((uint64_t)(value)) : "memory"); \
	}

WITH_STACK(zero, 0, "ud2")
WITH_STACK(ones, UINT64_MAX, "ud2")
WITH_STACK(not_canonical, 1ull << 60, "ud2")
WITH_STACK(not_canonical_push, 1ull << 60, "push %%rax")
WITH_STACK(unmapped_push, 0x7f0000000000, "push %%rax")
WITH_STACK(zero_call, 0, "call 1f\n1:")
WITH_STACK(in_text, 0x101800, "push %%rax")
WITH_STACK(in_system_page, 0x1ff0, "push %%rax")
WITH_STACK(is_crash_stack, 0x4000, "push %%rax\n\tpush %%rax\n\tpush %%rax\n\tud2")
WITH_STACK(frames_in_a_ring, 0x3000, "mov %%rbp, (%%rbp)\n\tmov %%rbp, 8(%%rbp)\n\tud2")

/* --- the VMM's stubs, entered where no exception leads --- */

static void jump(uint64_t to, uint64_t rsp)
{
	__asm__ volatile("mov %1, %%rsp\n\tmov %1, %%rbp\n\tjmp *%0"
			 : : "r"(to), "r"(rsp), "D"(SYSTEM_PAGE), "a"(UINT64_MAX), "S"(8ull), "c"(512ull), "d"(UINT64_MAX)
			 : "memory");
}

static uint64_t good_stack(void)
{
	return (uintptr_t)__builtin_frame_address(0) - 1024;
}

static void stub_vector_0(void) { jump(STUBS, good_stack()); }
static void stub_vector_14(void) { jump(STUBS + 14 * 16, good_stack()); }
static void stub_vector_31_no_stack(void) { jump(STUBS + 31 * 16, 0); }
static void stub_fault_out(void) { jump(STUBS + 32 * 16, good_stack()); }
static void stub_fault_out_no_stack(void) { jump(STUBS + 32 * 16, 1ull << 60); }
static void stub_fault_out_end_of_ram(void) { jump(STUBS + 32 * 16, kvick_boot()->mem_bytes - 8); }
static void stub_store(void) { jump(STUBS + 33 * 16, good_stack()); }
static void stub_probe_loop(void) { jump(STUBS + 34 * 16 + 8, good_stack()); }

/* A frame as from an exception, all lies. */
static void stub_forged_frame(void)
{
	__asm__ volatile("mov $8, %%ecx\n"
			 "1:	push $-1\n\t"
			 "loop 1b\n\t"
			 "push $13\n\t" /* vector */
			 "jmp *%0" : : "r"(STUBS + 32 * 16) : "memory", "rcx");
}

static void stub_forged_vector(void)
{
	__asm__ volatile("push $0\n\tpush $-1\n\tjmp *%0" : : "r"(STUBS + 32 * 16) : "memory");
}

static void fault_doorbell(void)
{
	for (unsigned i = 0; i < 2; i++)
		__asm__ volatile("outl %%eax, %0" : : "N"(KVICK_PORT_FAULT), "a"(UINT32_MAX));
}

/* --- the local APIC, where KVM has one inside --- */

static void apic_write(uint32_t reg, uint32_t value)
{
	static uint64_t view;

	if (!view) { /* in tables of our own, which ask nobody */
		uint64_t pgd = pages_take(1), page = pages_take(4), pdpt = pages_take(1), pd = pages_take(1);

		kvick_call_update_pgtable(TIB, page | KVICK_PTE_PRESENT | KVICK_PTE_NX, pgd, 1, page + 4096, 3);
		((uint64_t *)pgd)[1] = pdpt | 0x27;
		((uint64_t *)pdpt)[0] = pd | 0x27;
		((uint64_t *)pd)[0] = (APIC & -(2ull << 20)) | 0xe7;
		kvick_call_lcr3(pgd);
		view = (512ull << 30) + APIC % (2ull << 20);
	}
	*(volatile uint32_t *)(view + reg) = value;
}

enum { APIC_TPR = 0x80, APIC_EOI = 0xb0, APIC_SVR = 0xf0, APIC_ICR = 0x300, APIC_TIMER = 0x320, APIC_COUNT = 0x380,
       APIC_DIVIDE = 0x3e0 };

static void some_time(void)
{
	fflush(stdout);
	for (unsigned i = 0; i < 20; i++)
		kvick_mark(0);
}

static void apic_ipi(uint32_t what)
{
	apic_write(APIC_SVR, 0x1ff);
	apic_write(APIC_ICR, 0x40000 | what); /* to itself */
	some_time();
}

static void apic_vector_0(void) { apic_ipi(0); }
static void apic_vector_14(void) { apic_ipi(14); }
static void apic_vector_30(void) { apic_ipi(30); }
static void apic_vector_255(void) { apic_ipi(255); }
static void apic_smi(void) { apic_ipi(2 << 8); }
static void apic_nmi(void) { apic_ipi(4 << 8); }

static void apic_init(void)
{
	apic_write(APIC_SVR, 0x1ff);
	apic_write(APIC_ICR, 5 << 8 | 1 << 14);
	apic_write(APIC_ICR, 0x40000 | 5 << 8 | 1 << 14);
	apic_write(APIC_ICR, 0x80000 | 5 << 8 | 1 << 14);
	some_time();
}

static void apic_sipi(void)
{
	apic_write(APIC_SVR, 0x1ff);
	apic_write(APIC_ICR, 6 << 8 | 8);
	some_time();
}

static void apic_init_sipi(void)
{
	apic_write(APIC_ICR, 5 << 8 | 1 << 14);
	apic_write(APIC_ICR, 6 << 8 | 8);
	some_time();
}

/* An interrupt every few nanoseconds, masked or not. */
static void apic_timer(uint32_t vector)
{
	apic_write(APIC_SVR, 0x1ff);
	apic_write(APIC_DIVIDE, 0xb);
	apic_write(APIC_TIMER, 0x20000 | vector); /* periodic */
	apic_write(APIC_COUNT, 1);
	kvick_cpuconfig(KVICK_CPU_INTERRUPT_FLAG, 1, 0, NULL);
	some_time();
	apic_write(APIC_COUNT, 0);
}

static void apic_timer_31(void) { apic_timer(31); }
static void apic_timer_200(void) { apic_timer(200); }
static void apic_timer_masked(void) { apic_timer(0x10000 | 200); }

static void apic_registers(void)
{
	for (uint32_t reg = 0; reg < 0x1000; reg += 16)
		if (reg != APIC_ICR)
			apic_write(reg, UINT32_MAX);
	some_time();
}

static void sti_hlt(void)
{
	__asm__ volatile("sti\n\thlt");
}

static void cli_hlt_with_timer(void)
{
	apic_write(APIC_SVR, 0x1ff);
	apic_write(APIC_TIMER, 200);
	apic_write(APIC_COUNT, 1000);
	__asm__ volatile("cli\n\thlt");
}

/* --- one instruction --- */

#define INSN(name, code)                                                                                        \
	static void insn_##name(void)                                                                           \
	{                                                                                                       \
		uint64_t zero = 0;                                                                              \
		__asm__ volatile(code : : "a"(zero), "b"(zero), "c"(zero), "d"(zero), "S"(0x2800ull), "D"(0x2800ull)      \
				 : "memory", "cc");                                                             \
		kvick_mark(0);                                                                                  \
	}

#define INSNS(X)                                                                                                 \
	X(cli, "cli") X(sti, "sti") X(hlt, "hlt") X(clts, "clts") X(invd, "invd") X(wbinvd, "wbinvd")            \
	X(lgdt, "lgdt (%%rsi)") X(lidt, "lidt (%%rsi)") X(lldt, "lldt %%ax") X(ltr, "ltr %%ax")                  \
	X(ltr_busy, "mov $0x40, %%eax\n\tltr %%ax") X(sgdt, "sgdt (%%rsi)") X(sidt, "sidt (%%rsi)")              \
	X(str, "str %%ax") X(sldt, "sldt %%ax") X(smsw, "smsw %%ax") X(lmsw, "lmsw %%ax")                        \
	X(to_cr0, "mov %%rax, %%cr0") X(to_cr2, "mov %%rax, %%cr2") X(to_cr3, "mov %%rax, %%cr3")                \
	X(to_cr4, "mov %%rax, %%cr4") X(to_cr8, "mov %%rax, %%cr8") X(from_cr0, "mov %%cr0, %%rax")              \
	X(from_cr8, "mov %%cr8, %%rax") X(to_dr7, "mov $-1, %%rax\n\tmov %%rax, %%dr7")                          \
	X(from_dr6, "mov %%dr6, %%rax") X(wrmsr, "wrmsr") X(rdmsr, "rdmsr")                                      \
	X(rdmsr_wild, "mov $0xdeadbeef, %%ecx\n\trdmsr") X(rdpmc, "rdpmc") X(invlpg, "invlpg (%%rsi)")           \
	X(swapgs, "swapgs") X(xsetbv, "xsetbv") X(xgetbv, "xgetbv") X(monitor, "monitor") X(mwait, "mwait")      \
	X(vmcall_r3, "testb $3, 0x2010\n\tjz 1f\n\tvmcall\n1:") X(vmmcall_r3, "testb $3, 0x2010\n\tjz 1f\n\tvmmcall\n1:") \
	X(vmrun, "vmrun") X(vmload, "vmload") X(clgi, "clgi") X(stgi, "stgi") X(skinit, "skinit")                \
	X(vmxoff, "vmxoff") X(vmlaunch, "vmlaunch") X(vmfunc, ".byte 0x0f, 0x01, 0xd4")                          \
	X(encls, ".byte 0x0f, 0x01, 0xcf") X(enclu, ".byte 0x0f, 0x01, 0xd7") X(rsm, "rsm")                      \
	X(int3, "int3") X(int0, "int $0") X(int2, "int $2") X(int8, "int $8") X(int14, "int $14")                \
	X(int18, "int $18") X(int31, "int $31") X(int32, "int $32") X(int80, "int $0x80") X(int255, "int $255")  \
	X(icebp, ".byte 0xf1") X(into, ".byte 0xce") X(syscall, "syscall") X(sysenter, "sysenter")               \
	X(sysret, "sysretq") X(sysexit, "sysexitl")                                                               \
	X(iretq_zeros, "push $0\n\tpush $0\n\tpush $0\n\tpush $0\n\tpush $0\n\tiretq")                           \
	X(iretq_ones, "push $-1\n\tpush $-1\n\tpush $-1\n\tpush $-1\n\tpush $-1\n\tiretq")                       \
	X(iretq_cs0, "push $0x18\n\tpush %%rsp\n\tpushfq\n\tpush $0x10\n\tpush $0x100000\n\tiretq")              \
	X(iretq_cs3, "push $0x2b\n\tpush %%rsp\n\tpushfq\n\tpush $0x33\n\tpush $0\n\tiretq")                     \
	X(iretq_compat, "push $0x2b\n\tpush %%rsp\n\tpushfq\n\tpush $0x23\n\tpush $0\n\tiretq")                  \
	X(iretq_flags, "mov %%ss, %%eax\n\tpush %%rax\n\tpush %%rsp\n\tpush $-1\n\tmov %%cs, %%eax\n\t"               \
		"push %%rax\n\tpush $0\n\tiretq") \
	X(iretw, "push $0\n\tpush $0\n\tiretw") X(lretq_zeros, "push $0\n\tpush $0\n\tlretq")                    \
	X(lretq_wild, "push $0xfff8\n\tpush $0\n\tlretq") X(ljmp, "ljmp *(%%rsi)") X(lcall, "lcall *(%%rsi)")    \
	X(mov_ss_0, "mov %%eax, %%ss") X(mov_ds_wild, "mov $0xfff8, %%eax\n\tmov %%eax, %%ds")                   \
	X(mov_fs_tss, "mov $0x40, %%eax\n\tmov %%eax, %%fs") X(lss, "lss (%%rsi), %%eax")                        \
	X(popf_all, "push $-1\n\tpopfq") X(popf_tf, "pushfq\n\torl $0x100, (%%rsp)\n\tpopfq\n\tnop")             \
	X(popf_nt_iret, "pushfq\n\torl $0x4000, (%%rsp)\n\tpopfq\n\tiretq")                                      \
	X(popf_ac, "pushfq\n\torl $0x40000, (%%rsp)\n\tpopfq\n\tmov 0x2801, %%rax")                              \
	X(jump_hole, "mov $0x800000000000, %%rax\n\tjmp *%%rax") X(jump_null, "jmp *%%rax")                      \
	X(call_last, "mov $-1, %%rax\n\tcall *%%rax") X(read_hole, "mov $1, %%eax\n\tshl $60, %%rax\n\tmov (%%rax), %%rax") \
	X(ret_hole, "mov $1, %%eax\n\tshl $60, %%rax\n\tpush %%rax\n\tret")                                      \
	X(lock_nop, ".byte 0xf0, 0x90") X(ud0, ".byte 0x0f, 0xff, 0xc0") X(ud1, ".byte 0x0f, 0xb9, 0xc0")        \
	X(too_long, ".fill 16, 1, 0x66\n\tnop") X(prefixes_at_end, "mov $0x100000, %%eax\n\tjmp *%%rax")         \
	X(cpuid, "cpuid") X(rdtscp, "rdtscp") X(cmpxchg16b, "lock cmpxchg16b (%%rsi)")                           \
	X(fxrstor, "fxrstor (%%rsi)") X(fldcw, "fldcw (%%rsi)\n\tfld1\n\tfwait")                               \
	X(ldmxcsr, "movl $-1, (%%rsi)\n\tldmxcsr (%%rsi)") \
	X(maskmov, "movaps 0x2801, %%xmm0") X(avx, ".byte 0xc5, 0xf8, 0x77") X(wrfsbase, "wrfsbase %%rax")       \
	X(clac, "clac") X(stac, "stac") X(wrpkru, "wrpkru") X(invpcid, "invpcid (%%rsi), %%rax")                 \
	X(rep_movs_huge, "mov $-1, %%rcx\n\trep movsb") X(rep_stos_huge, "mov $-1, %%rcx\n\trep stosq")          \
	X(rep_lods_huge, "mov $-1, %%rcx\n\trep lodsb") X(xlat_hole, "mov $1, %%ebx\n\tshl $60, %%rbx\n\txlat")  \
	X(enter_deep, "enter $65535, $31") X(div_min, "mov $1, %%eax\n\tshl $63, %%rax\n\tcqo\n\tmov $-1, %%rcx\n\tidiv %%rcx") \
	X(in8, "in $0x80, %%al") X(in16, "in $0x80, %%ax") X(in32, "in $0x80, %%eax")                            \
	X(out8, "out %%al, $0x80") X(out16, "out %%ax, $0x80") X(out32, "out %%eax, $0x80")                      \
	X(in_dx, "mov $0xffff, %%edx\n\tin %%dx, %%eax") X(out_dx, "mov $0xffff, %%edx\n\tout %%eax, %%dx")      \
	X(insb, "insb") X(insw, "insw") X(insl, "insl") X(outsb, "outsb") X(outsw, "outsw") X(outsl, "outsl")    \
	X(rep_insb, "mov $-1, %%rcx\n\trep insb") X(rep_outsl, "mov $0x100, %%ecx\n\trep outsl")                 \
	X(call_out8, "out %%al, $0xe8") X(call_out16, "out %%ax, $0xe8") X(call_out8_in, "out %%al, $0xeb")      \
	X(call_in, "in $0xe8, %%eax") X(call_in8, "in $0xea, %%al") X(call_next, "out %%eax, $0xe9")             \
	X(call_outsl, "mov $0xe8, %%edx\n\tmovl $-1, (%%rsi)\n\toutsl")                                          \
	X(call_rep_outsl, "mov $0xe8, %%edx\n\tmov $4, %%ecx\n\trep outsl")                                      \
	X(call_rep_outsl_huge, "mov $0xe8, %%edx\n\tmov $-1, %%rcx\n\trep outsl")                                \
	X(call_rep_outsb, "mov $0xe8, %%edx\n\tmov $64, %%ecx\n\trep outsb")                                     \
	X(call_rep_insl, "mov $0xe8, %%edx\n\tmov $64, %%ecx\n\trep insl")                                       \
	X(call_rep_none, "mov $0xe8, %%edx\n\trep outsl")                                                        \
	X(fault_out8, "out %%al, $0xec") X(fault_out16, "out %%ax, $0xee") X(fault_in, "in $0xec, %%eax")        \
	X(fault_rep_outsl, "mov $0xec, %%edx\n\tmov $4, %%ecx\n\trep outsl")                                     \
	X(fault_straddle, "out %%eax, $0xee") X(before_call, "out %%eax, $0xe6") X(pci, "mov $0xcf8, %%edx\n\tout %%eax, %%dx") \
	X(reset_port, "mov $0xfe, %%eax\n\tout %%al, $0x64") X(pic, "out %%al, $0x20") X(pit, "out %%al, $0x43") \
	X(vmware, "mov $0x564d5868, %%eax\n\tmov $10, %%ecx\n\tmov $0x5658, %%edx\n\tin %%dx, %%eax")

INSNS(INSN)

#define INSN_WAY(name, code) { "insn-" #name, insn_##name },
#define WAY(name) { #name, name }

static const struct way ways[] = {
	WAY(idt_limit_0), WAY(idt_nowhere), WAY(idt_not_canonical), WAY(idt_is_text), WAY(idt_of_ones), WAY(idt_of_zeros),
	WAY(gdt_of_zeros), WAY(gdt_limit_0), WAY(tss_of_zeros), WAY(tss_of_ones), WAY(system_page_of_zeros),
	WAY(system_page_of_ones), WAY(stubs_of_hlt), WAY(stubs_of_int3), WAY(system_page_bit_by_bit), WAY(tables_of_zeros),
	WAY(tables_of_ones), WAY(cr3_outside), WAY(cr3_highest), WAY(cr3_reserved), WAY(cr3_null_page), WAY(cr3_text),
	WAY(cr3_low_bits), WAY(cr0_no_paging), WAY(cr0_no_protection), WAY(cr0_ones), WAY(cr0_cache_off), WAY(cr4_zero),
	WAY(cr4_ones), WAY(cr4_la57), WAY(cr4_smep_smap), WAY(cr4_pcid), WAY(cr8_ones), WAY(efer_zero), WAY(efer_ones),
	WAY(efer_no_nx), WAY(apic_base_off), WAY(apic_base_in_ram), WAY(tsc_zero), WAY(tsc_ones), WAY(fs_base_not_canonical),
	WAY(lstar_not_canonical), WAY(msrs_of_kvm), WAY(msrs_of_kvm_are_refused), WAY(xcr0_zero), WAY(xcr0_ones),
	WAY(xcr0_without_sse), WAY(xcr0_x87_alone), WAY(xcr0_half_of_avx512), WAY(xcr0_amx), WAY(xcr1), WAY(xcr0_then_calls),
	WAY(cpuid_all_leaves), WAY(stack_zero), WAY(stack_ones), WAY(stack_not_canonical),
	WAY(stack_not_canonical_push), WAY(stack_unmapped_push), WAY(stack_zero_call), WAY(stack_in_text),
	WAY(stack_in_system_page), WAY(stack_is_crash_stack), WAY(stack_frames_in_a_ring), WAY(stub_vector_0),
	WAY(stub_vector_14), WAY(stub_vector_31_no_stack), WAY(stub_fault_out), WAY(stub_fault_out_no_stack),
	WAY(stub_fault_out_end_of_ram), WAY(stub_store), WAY(stub_probe_loop), WAY(stub_forged_frame), WAY(stub_forged_vector),
	WAY(fault_doorbell), WAY(apic_vector_0), WAY(apic_vector_14), WAY(apic_vector_30), WAY(apic_vector_255), WAY(apic_smi),
	WAY(apic_nmi), WAY(apic_init), WAY(apic_sipi), WAY(apic_init_sipi), WAY(apic_timer_31), WAY(apic_timer_200),
	WAY(apic_timer_masked), WAY(apic_registers), WAY(sti_hlt), WAY(cli_hlt_with_timer),
	INSNS(INSN_WAY)
};

HOSTILE_MAIN(ways)
