/* SPDX-License-Identifier: Apache-2.0 */
/* The monitor's control and debug registers, MSRs, bases, table registers and flags. AMD64 APM 2, 3.1, 3.2 and 13.1; APM 3. */

#include "tests/unit/monitor_fixture.h"

/* Of RAX. */
#define MOV_TO_CR(n)   0x0f, 0x22, 0xc0 | (n) << 3
#define MOV_FROM_CR(n) 0x0f, 0x20, 0xc0 | (n) << 3
#define MOV_TO_CR8     0x44, 0x0f, 0x22, 0xc0
#define MOV_FROM_CR8   0x44, 0x0f, 0x20, 0xc0
#define MOV_TO_DR(n)   0x0f, 0x23, 0xc0 | (n) << 3
#define MOV_FROM_DR(n) 0x0f, 0x21, 0xc0 | (n) << 3
#define WRMSR          0x0f, 0x30
#define RDMSR          0x0f, 0x32
#define XGETBV         0x0f, 0x01, 0xd0
#define XSETBV         0x0f, 0x01, 0xd1
#define SWAPGS         0x0f, 0x01, 0xf8
#define PUSHF          0x9c
#define POPF           0x9d
#define CLTS           0x0f, 0x06
#define LMSW           0x0f, 0x01, 0xf0
#define SMSW           0x0f, 0x01, 0xe0
#define CLAC           0x0f, 0x01, 0xca
#define STAC           0x0f, 0x01, 0xcb

#define NOT_REAL (X86_EFLAGS_IF | X86_EFLAGS_IOPL | X86_EFLAGS_NT | X86_EFLAGS_AC)

static void rax_is(uint64_t value)
{
	guest->frame->regs[RAX] = value;
}

static uint64_t rax(void)
{
	return guest->frame->regs[RAX];
}

/* ---- CR0 ---- */

static void cr0_without_what_long_mode_needs_is_a_gp(void **state)
{
	const uint64_t cr0 = guest->cpu->cr0;
	const uint64_t bad[] = {
		cr0 & ~(uint64_t)X86_CR0_PG, cr0 & ~(uint64_t)X86_CR0_PE, cr0 | X86_CR0_NW, cr0 | 1ull << 32, 0, UINT64_MAX,
	};

	(void)state;
	for (unsigned i = 0; i < COUNT_OF(bad); i++) {
		rax_is(bad[i]);
		FAULTS(VECTOR_GP, 0, MOV_TO_CR(0));
	}
}

static void cr0_keeps_et_and_drops_what_is_reserved(void **state)
{
	const uint64_t cr0 = guest->cpu->cr0;

	(void)state;
	rax_is((cr0 & ~(uint64_t)X86_CR0_ET) | 1u << 10 | 1u << 28);
	DOES(MOV_TO_CR(0));
	assert_int_equal(guest->cpu->cr0, cr0);
	DOES(MOV_FROM_CR(0));
	assert_int_equal(rax(), cr0);
}

static void what_matters_in_the_real_cr0_is_asked_for(void **state)
{
	const uint64_t cr0 = guest->cpu->cr0;

	(void)state;
	rax_is(cr0 & ~(uint64_t)X86_CR0_AM);
	DOES(MOV_TO_CR(0));
	assert_int_equal(guest->requests[REQUEST_CONTROL], 0);
	rax_is(cr0 | X86_CR0_TS);
	DOES(MOV_TO_CR(0));
	assert_int_equal(guest->requests[REQUEST_CONTROL], 1);
	DOES(CLTS);
	assert_int_equal(guest->cpu->cr0, cr0);
	assert_int_equal(guest->requests[REQUEST_CONTROL], 2);
}

static void clearing_wp_is_refused(void **state)
{
	(void)state;
	rax_is(guest->cpu->cr0 & ~(uint64_t)X86_CR0_WP);
	REFUSES(REFUSE_CR0_WP, MOV_TO_CR(0));
}

static void a_guest_that_began_without_wp_may_go_on_without(void **state)
{
	(void)state;
	guest->cpu->cr0 &= ~(uint64_t)X86_CR0_WP;
	guest->cpu->cr0 |= X86_CR0_TS;
	DOES(CLTS);
	rax_is(guest->cpu->cr0);
	DOES(MOV_TO_CR(0));
}

static void lmsw_sets_four_bits_and_clears_three(void **state)
{
	(void)state;
	rax_is(0xfffffffffffffff0);
	DOES(LMSW);
	assert_int_equal(guest->cpu->cr0 & 0xffff, X86_CR0_PE | X86_CR0_ET | X86_CR0_NE);
	rax_is(0xe);
	DOES(LMSW);
	assert_int_equal(guest->cpu->cr0 & 0xffff, 0xf | X86_CR0_ET | X86_CR0_NE);
}

static void smsw_gives_as_much_of_cr0_as_there_is_room_for(void **state)
{
	const uint64_t cr0 = guest->cpu->cr0;

	(void)state;
	rax_is(UINT64_MAX);
	DOES(SMSW);
	assert_int_equal(rax(), cr0);
	rax_is(UINT64_MAX);
	DOES(0x66, SMSW);
	assert_int_equal(rax(), 0xffffffffffff0000 | (cr0 & 0xffff));
	word_is(DATA_AT, UINT64_MAX);
	guest->frame->regs[RBX] = DATA_AT;
	DOES(0x48, 0x0f, 0x01, 0x23);
	assert_int_equal(word(DATA_AT), 0xffffffffffff0000 | (cr0 & 0xffff));
}

/* ---- the other control registers ---- */

static void cr2_takes_any_value(void **state)
{
	(void)state;
	rax_is(NOT_CANONICAL);
	DOES(MOV_TO_CR(2));
	assert_int_equal(guest->cpu->cr2, NOT_CANONICAL);
	rax_is(0);
	DOES(MOV_FROM_CR(2));
	assert_int_equal(rax(), NOT_CANONICAL);
}

static void another_cr3_is_refused_and_the_same_flushes(void **state)
{
	(void)state;
	rax_is(guest->cpu->cr3 | 0x18);
	DOES(MOV_TO_CR(3));
	assert_int_equal(guest->requests[REQUEST_FLUSH], 1);
	assert_int_equal(guest->cpu->cr3, 0x1018);
	rax_is(1ull << 63 | guest->cpu->cr3);
	FAULTS(VECTOR_GP, 0, MOV_TO_CR(3));
	rax_is(0x2000);
	REFUSES(REFUSE_CR3, MOV_TO_CR(3));
}

static void cr4_without_pae_or_with_unknown_bits_is_a_gp(void **state)
{
	(void)state;
	rax_is(guest->cpu->cr4 & ~(uint64_t)X86_CR4_PAE);
	FAULTS(VECTOR_GP, 0, MOV_TO_CR(4));
	rax_is(guest->cpu->cr4 | 1u << 15);
	FAULTS(VECTOR_GP, 0, MOV_TO_CR(4));
	rax_is(guest->cpu->cr4 | 1ull << 32);
	FAULTS(VECTOR_GP, 0, MOV_TO_CR(4));
}

static void cr4_that_matters_is_asked_for(void **state)
{
	(void)state;
	rax_is(guest->cpu->cr4 | X86_CR4_PGE);
	DOES(MOV_TO_CR(4));
	assert_int_equal(guest->requests[REQUEST_CONTROL], 0);
	rax_is(guest->cpu->cr4 | X86_CR4_DE);
	DOES(MOV_TO_CR(4));
	assert_int_equal(guest->requests[REQUEST_CONTROL], 1);
	DOES(MOV_FROM_CR(4));
	assert_int_equal(rax(), guest->cpu->cr4);
}

/* It is for rings above 0. */
static void tsd_does_nothing_at_ring_0(void **state)
{
	(void)state;
	rax_is(guest->cpu->cr4 | X86_CR4_TSD);
	DOES(MOV_TO_CR(4));
	assert_int_equal(guest->requests[REQUEST_CONTROL], 0);
}

static void cr8_has_four_bits(void **state)
{
	(void)state;
	rax_is(15);
	DOES(MOV_TO_CR8);
	rax_is(0);
	DOES(MOV_FROM_CR8);
	assert_int_equal(rax(), 15);
	rax_is(16);
	FAULTS(VECTOR_GP, 0, MOV_TO_CR8);
	rax_is(1ull << 63);
	FAULTS(VECTOR_GP, 0, MOV_TO_CR8);
}

static void there_are_no_other_control_registers(void **state)
{
	(void)state;
	for (unsigned n = 0; n < 16; n++) {
		if (n == 0 || n == 2 || n == 3 || n == 4 || n == 8)
			continue;
		FAULTS(VECTOR_UD, 0, n & 8 ? 0x44 : 0x40, MOV_TO_CR(n & 7));
		FAULTS(VECTOR_UD, 0, n & 8 ? 0x44 : 0x40, MOV_FROM_CR(n & 7));
	}
}

static void control_registers_are_of_64_bits_and_of_registers_alone(void **state)
{
	(void)state;
	guest->cpu->cr2 = 0x123456789abcdef0;
	DOES(0x66, 0x41, 0x0f, 0x20, 0x17); /* mod 0: mov %cr2, %r15 all the same */
	assert_int_equal(guest->frame->regs[R15], 0x123456789abcdef0);
}

/* ---- debug registers ---- */

static void dr6_and_dr7_have_fixed_bits(void **state)
{
	(void)state;
	rax_is(0);
	DOES(MOV_TO_DR(6));
	DOES(MOV_FROM_DR(6));
	assert_int_equal(rax(), 0xffff0ff0);
	rax_is(0xffffffff);
	DOES(MOV_TO_DR(6));
	DOES(MOV_FROM_DR(6));
	assert_int_equal(rax(), 0xffffefff);
	rax_is(0xffffdf00);
	DOES(MOV_TO_DR(7));
	DOES(MOV_FROM_DR(7));
	assert_int_equal(rax(), 0xffff0700);
}

static void upper_halves_of_dr6_and_dr7_are_a_gp_others_are_not(void **state)
{
	(void)state;
	rax_is(1ull << 32);
	for (unsigned n = 4; n < 8; n++)
		FAULTS(VECTOR_GP, 0, MOV_TO_DR(n));
	rax_is(NOT_CANONICAL);
	DOES(MOV_TO_DR(3));
	assert_int_equal(guest->cpu->dr[3], NOT_CANONICAL);
}

static void dr4_and_dr5_are_others_but_with_de(void **state)
{
	(void)state;
	rax_is(0xffff0ff1);
	DOES(MOV_TO_DR(4));
	assert_int_equal(guest->cpu->dr[6], 0xffff0ff1);
	DOES(MOV_FROM_DR(5));
	assert_int_equal(rax(), 0x400);
	guest->cpu->cr4 |= X86_CR4_DE;
	FAULTS(VECTOR_UD, 0, MOV_TO_DR(4));
	FAULTS(VECTOR_UD, 0, MOV_FROM_DR(5));
	FAULTS(VECTOR_UD, 0, 0x44, MOV_FROM_DR(0)); /* DR8 */
}

static void a_breakpoint_is_refused(void **state)
{
	(void)state;
	rax_is(0x401);
	REFUSES(REFUSE_BREAKPOINT, MOV_TO_DR(7));
}

static void general_detection_is_refused(void **state)
{
	(void)state;
	rax_is(0x2400);
	REFUSES(REFUSE_BREAKPOINT, MOV_TO_DR(7));
}

/* ---- MSRs ---- */

static void msr_is(uint32_t msr, uint64_t value)
{
	guest->frame->regs[RCX] = 0xffffffff00000000 | msr;
	guest->frame->regs[RAX] = 0xeeeeeeee00000000 | (uint32_t)value;
	guest->frame->regs[RDX] = 0xdddddddd00000000 | value >> 32;
}

static uint64_t msr_read(uint32_t msr)
{
	msr_is(msr, 0);
	DOES(RDMSR);
	assert_int_equal(guest->frame->regs[RAX] >> 32 | guest->frame->regs[RDX] >> 32, 0);
	return guest->frame->regs[RAX] | guest->frame->regs[RDX] << 32;
}

static void msrs_are_written_and_read_by_two_halves(void **state)
{
	static const uint32_t msrs[] = {
		0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084, 0xc0000100, 0xc0000101, 0xc0000102, 0x174, 0x175, 0x176,
	};

	(void)state;
	for (unsigned i = 0; i < COUNT_OF(msrs); i++) {
		msr_is(msrs[i], 0xffff812345678900 + i);
		DOES(WRMSR);
	}
	for (unsigned i = 0; i < COUNT_OF(msrs); i++)
		assert_int_equal(msr_read(msrs[i]), 0xffff812345678900 + i);
}

static void bases_by_msr_become_the_cpus(void **state)
{
	(void)state;
	msr_is(0xc0000100, HIGH_BEGIN);
	DOES(WRMSR);
	msr_is(0xc0000101, 0x4321);
	DOES(WRMSR);
	msr_is(0xc0000102, 0x7777);
	DOES(WRMSR);
	assert_int_equal(guest->real_fs, HIGH_BEGIN);
	assert_int_equal(guest->real_gs, 0x4321);
	DOES(SWAPGS);
	assert_int_equal(guest->real_gs, 0x7777);
	assert_int_equal(guest->cpu->kernel_gs_base, 0x4321);
}

static void addresses_in_msrs_are_canonical(void **state)
{
	static const uint32_t msrs[] = { 0xc0000082, 0xc0000083, 0xc0000100, 0xc0000101, 0xc0000102 };

	(void)state;
	for (unsigned i = 0; i < COUNT_OF(msrs); i++) {
		msr_is(msrs[i], NOT_CANONICAL);
		FAULTS(VECTOR_GP, 0, WRMSR);
	}
}

static void efer_takes_sce_and_keeps_long_mode(void **state)
{
	(void)state;
	msr_is(0xc0000080, 0x901);
	DOES(WRMSR);
	assert_int_equal(msr_read(0xc0000080), 0xd01); /* LMA stays */
	msr_is(0xc0000080, 0x801);
	FAULTS(VECTOR_GP, 0, WRMSR);
	msr_is(0xc0000080, 0xd01 | 1ull << 12);
	FAULTS(VECTOR_GP, 0, WRMSR);
	msr_is(0xc0000080, 0xd01 | 1ull << 32);
	FAULTS(VECTOR_GP, 0, WRMSR);
}

static void efers_nx_is_refused(void **state)
{
	(void)state;
	msr_is(0xc0000080, 0x501);
	REFUSES(REFUSE_NXE, WRMSR);
}

static void an_msr_that_nobody_knows_is_a_gp(void **state)
{
	(void)state;
	msr_is(0x12345678, 0);
	FAULTS(VECTOR_GP, 0, WRMSR);
	FAULTS(VECTOR_GP, 0, RDMSR);
}

static void know_the_msr(struct guest *g, uint32_t request)
{
	g->s->answer = request == REQUEST_MSR;
}

static void an_msr_of_kvms_is_refused(void **state)
{
	(void)state;
	guest->serve = know_the_msr;
	msr_is(0x277, 0);
	REFUSES(REFUSE_MSR, RDMSR);
}

static void xcr0_is_as_it_is(void **state)
{
	(void)state;
	guest->s->xcr0 = 0x700000003;
	msr_is(0, 0x700000003);
	FAULTS(VECTOR_UD, 0, XSETBV);
	guest->cpu->cr4 |= X86_CR4_OSXSAVE;
	DOES(XSETBV);
	msr_is(1, 3);
	FAULTS(VECTOR_GP, 0, XSETBV);
	msr_is(0, 3);
	REFUSES(REFUSE_XCR0, XSETBV);
}

static void xgetbv_reads_xcr0(void **state)
{
	(void)state;
	guest->s->xcr0 = 0x700000003;
	msr_is(0, 0);
	FAULTS(VECTOR_UD, 0, XGETBV);
	guest->cpu->cr4 |= X86_CR4_OSXSAVE;
	DOES(XGETBV);
	assert_int_equal(rax(), 3);
	assert_int_equal(guest->frame->regs[RDX], 7);
	msr_is(2, 0);
	FAULTS(VECTOR_GP, 0, XGETBV);
}

static void xsetbv_and_its_like_have_no_prefixes(void **state)
{
	(void)state;
	guest->cpu->cr4 |= X86_CR4_OSXSAVE;
	msr_is(0, 3);
	FAULTS(VECTOR_UD, 0, 0x66, XSETBV);
	FAULTS(VECTOR_UD, 0, 0xf2, XSETBV);
	FAULTS(VECTOR_UD, 0, 0xf3, XSETBV);
	FAULTS(VECTOR_UD, 0, 0xf0, XSETBV);
}

/* ---- FS and GS ---- */

static void fsgsbase_wants_its_bit_in_cr4(void **state)
{
	(void)state;
	FAULTS(VECTOR_UD, 0, 0xf3, 0x0f, 0xae, 0xc0);
	FAULTS(VECTOR_UD, 0, 0xf3, 0x0f, 0xae, 0xd8);
}

static void fsgsbase_reads_and_writes_bases(void **state)
{
	(void)state;
	guest->cpu->cr4 |= X86_CR4_FSGSBASE;
	guest->cpu->gs_base = HIGH_BEGIN + 0x123;
	DOES(0xf3, 0x48, 0x0f, 0xae, 0xc8);
	assert_int_equal(rax(), HIGH_BEGIN + 0x123);
	rax_is(UINT64_MAX);
	DOES(0xf3, 0x0f, 0xae, 0xc8);
	assert_int_equal(rax(), 0x123);
	guest->frame->regs[R9] = 0xffff800012345678;
	DOES(0xf3, 0x49, 0x0f, 0xae, 0xd1);
	assert_int_equal(guest->real_fs, 0xffff800012345678);
	DOES(0xf3, 0x41, 0x0f, 0xae, 0xd1);
	assert_int_equal(guest->real_fs, 0x12345678);
	guest->frame->regs[R9] = NOT_CANONICAL;
	FAULTS(VECTOR_GP, 0, 0xf3, 0x49, 0x0f, 0xae, 0xd9);
}

/* ---- GDTR and IDTR ---- */

static void lgdt_and_lidt_load_ten_bytes_whatever_the_prefixes(void **state)
{
	(void)state;
	word_is(DATA_AT, 0xffffffffffffffff);
	word_is(DATA_AT, 0x456789abcdef1234);
	word_is(DATA_AT + 8, 0xffffffffffff0123);
	guest->frame->regs[RBX] = DATA_AT;
	FAULTS(VECTOR_GP, 0, 0x0f, 0x01, 0x13);
	word_is(DATA_AT + 8, 0xffffffffffffffff);
	word_is(DATA_AT, 0x856789abcdef1234);
	DOES(0x0f, 0x01, 0x13);
	assert_int_equal(guest->cpu->gdtr.base, 0xffff856789abcdef);
	assert_int_equal(guest->cpu->gdtr.limit, 0x1234);
	DOES(0x66, 0x0f, 0x01, 0x1b);
	assert_int_equal(guest->cpu->idtr.base, 0xffff856789abcdef);
}

static void sgdt_and_sidt_store_ten_bytes(void **state)
{
	(void)state;
	guest->cpu->gdtr = (struct virtual_table){ 0xffff800012345678, 0x4321 };
	word_is(DATA_AT + 8, UINT64_MAX);
	guest->frame->regs[RBX] = DATA_AT;
	DOES(0x0f, 0x01, 0x03);
	assert_int_equal(word(DATA_AT), 0x8000123456784321);
	assert_int_equal(word(DATA_AT + 8), 0xffffffffffffffff);
	DOES(0x66, 0x0f, 0x01, 0x0b);
	assert_int_equal(word(DATA_AT), IDT_AT << 16 | 0xfff);
	assert_int_equal(word(DATA_AT + 8), 0xffffffffffff0000);
}

static void table_registers_whose_memory_faults_are_as_before(void **state)
{
	(void)state;
	page_of(DATA_AT + PAGE_BYTES)->present = false;
	guest->frame->regs[RBX] = DATA_AT + PAGE_BYTES - 8;
	PAGE_FAULTS(DATA_AT + PAGE_BYTES, 0, 0x0f, 0x01, 0x13);
	guest->frame->regs[RBX] = READ_ONLY_AT;
	PAGE_FAULTS(READ_ONLY_AT, PF_HELD, 0x0f, 0x01, 0x0b);
}

/* ---- flags ---- */

static void cli_and_sti_change_the_virtual_if(void **state)
{
	(void)state;
	DOES(0xfb);
	assert_int_equal(guest->cpu->flags, X86_EFLAGS_IF);
	assert_int_equal(guest->frame->rflags, X86_EFLAGS_FIXED);
	DOES(0xfa);
	assert_int_equal(guest->cpu->flags, 0);
}

static void pushf_pushes_virtual_and_real_flags_without_rf(void **state)
{
	(void)state;
	guest->frame->rflags = X86_EFLAGS_FIXED | X86_EFLAGS_IF | X86_EFLAGS_RF | X86_EFLAGS_TF | X86_EFLAGS_CF | X86_EFLAGS_ID;
	guest->cpu->flags = X86_EFLAGS_NT | X86_EFLAGS_IOPL;
	DOES(PUSHF);
	assert_int_equal(guest->frame->regs[RSP], STACK_MIDDLE - 8);
	assert_int_equal(word(STACK_MIDDLE - 8), X86_EFLAGS_FIXED | X86_EFLAGS_NT | X86_EFLAGS_IOPL | X86_EFLAGS_TF |
						 X86_EFLAGS_CF | X86_EFLAGS_ID);
	DOES(0x66, PUSHF);
	assert_int_equal(guest->frame->regs[RSP], STACK_MIDDLE - 10);
	DOES(0x66, 0x48, PUSHF);
	assert_int_equal(guest->frame->regs[RSP], STACK_MIDDLE - 18);
}

static void popf_loads_all_but_rf_and_vm(void **state)
{
	(void)state;
	word_is(STACK_MIDDLE, UINT64_MAX);
	DOES(POPF);
	assert_int_equal(guest->frame->regs[RSP], STACK_MIDDLE + 8);
	assert_int_equal(guest->cpu->flags, NOT_REAL);
	assert_int_equal(guest->frame->rflags, X86_EFLAGS_FIXED | X86_EFLAGS_CF | X86_EFLAGS_PF | X86_EFLAGS_AF | X86_EFLAGS_ZF |
					       X86_EFLAGS_SF | X86_EFLAGS_TF | X86_EFLAGS_DF | X86_EFLAGS_OF | X86_EFLAGS_ID);
}

static void popf_clears_rf(void **state)
{
	(void)state;
	guest->frame->rflags |= X86_EFLAGS_RF;
	word_is(STACK_MIDDLE, 0);
	TRAP(POPF);
	assert_int_equal(guest->frame->rflags, X86_EFLAGS_FIXED);
}

static void popf_of_16_bits_leaves_the_upper_flags(void **state)
{
	(void)state;
	guest->frame->rflags |= X86_EFLAGS_AC | X86_EFLAGS_CF;
	word_is(STACK_MIDDLE, 0xffffffffffff0000);
	DOES(0x66, POPF);
	assert_int_equal(guest->frame->regs[RSP], STACK_MIDDLE + 2);
	assert_int_equal(guest->frame->rflags, X86_EFLAGS_FIXED | X86_EFLAGS_AC);
}

static void popf_by_a_bad_stack_faults(void **state)
{
	(void)state;
	guest->frame->regs[RSP] = NOT_CANONICAL;
	FAULTS(VECTOR_SS, 0, POPF);
	guest->frame->regs[RSP] = UNMAPPED;
	PAGE_FAULTS(UNMAPPED, 0, POPF);
}

static void clac_and_stac_are_there_where_smap_is(void **state)
{
	(void)state;
	FAULTS(VECTOR_UD, 0, STAC);
	FAULTS(VECTOR_UD, 0, CLAC);
	guest->cpuid_7_ebx = 1u << 20;
	DOES(STAC);
	assert_int_equal(guest->cpu->flags & X86_EFLAGS_AC, X86_EFLAGS_AC);
	DOES(CLAC);
	assert_int_equal(guest->cpu->flags & X86_EFLAGS_AC, 0);
}

/* ---- others ---- */

static void what_there_is_not_is_undefined(void **state)
{
	(void)state;
	FAULTS(VECTOR_UD, 0, 0x0f, 0xaa);       /* rsm */
	FAULTS(VECTOR_UD, 0, 0x0f, 0x01, 0xd8); /* vmrun */
	FAULTS(VECTOR_UD, 0, 0xf0, 0xfa);       /* lock cli */
	FAULTS(VECTOR_GP, 0, 0x0f, 0x33);       /* rdpmc */
}

static void a_hypercall_is_answered_that_there_is_none(void **state)
{
	(void)state;
	DOES(0x0f, 0x01, 0xc1);
	assert_int_equal(rax(), -1000);
	rax_is(0);
	DOES(0x0f, 0x01, 0xd9);
	assert_int_equal(rax(), -1000);
}

static void hlt_is_refused(void **state)
{
	(void)state;
	REFUSES(REFUSE_HLT, 0xf4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(cr0_without_what_long_mode_needs_is_a_gp),
		TEST(cr0_keeps_et_and_drops_what_is_reserved),
		TEST(what_matters_in_the_real_cr0_is_asked_for),
		TEST(clearing_wp_is_refused),
		TEST(a_guest_that_began_without_wp_may_go_on_without),
		TEST(lmsw_sets_four_bits_and_clears_three),
		TEST(smsw_gives_as_much_of_cr0_as_there_is_room_for),
		TEST(cr2_takes_any_value),
		TEST(another_cr3_is_refused_and_the_same_flushes),
		TEST(cr4_without_pae_or_with_unknown_bits_is_a_gp),
		TEST(cr4_that_matters_is_asked_for),
		TEST(tsd_does_nothing_at_ring_0),
		TEST(cr8_has_four_bits),
		TEST(there_are_no_other_control_registers),
		TEST(control_registers_are_of_64_bits_and_of_registers_alone),
		TEST(dr6_and_dr7_have_fixed_bits),
		TEST(upper_halves_of_dr6_and_dr7_are_a_gp_others_are_not),
		TEST(dr4_and_dr5_are_others_but_with_de),
		TEST(a_breakpoint_is_refused),
		TEST(general_detection_is_refused),
		TEST(msrs_are_written_and_read_by_two_halves),
		TEST(bases_by_msr_become_the_cpus),
		TEST(addresses_in_msrs_are_canonical),
		TEST(efer_takes_sce_and_keeps_long_mode),
		TEST(efers_nx_is_refused),
		TEST(an_msr_that_nobody_knows_is_a_gp),
		TEST(an_msr_of_kvms_is_refused),
		TEST(xcr0_is_as_it_is),
		TEST(xgetbv_reads_xcr0),
		TEST(xsetbv_and_its_like_have_no_prefixes),
		TEST(fsgsbase_wants_its_bit_in_cr4),
		TEST(fsgsbase_reads_and_writes_bases),
		TEST(lgdt_and_lidt_load_ten_bytes_whatever_the_prefixes),
		TEST(sgdt_and_sidt_store_ten_bytes),
		TEST(table_registers_whose_memory_faults_are_as_before),
		TEST(cli_and_sti_change_the_virtual_if),
		TEST(pushf_pushes_virtual_and_real_flags_without_rf),
		TEST(popf_loads_all_but_rf_and_vm),
		TEST(popf_clears_rf),
		TEST(popf_of_16_bits_leaves_the_upper_flags),
		TEST(popf_by_a_bad_stack_faults),
		TEST(clac_and_stac_are_there_where_smap_is),
		TEST(what_there_is_not_is_undefined),
		TEST(a_hypercall_is_answered_that_there_is_none),
		TEST(hlt_is_refused),
	};

	return cmocka_run_group_tests_name("monitor_control", tests, NULL, NULL);
}
