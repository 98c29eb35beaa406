/* SPDX-License-Identifier: Apache-2.0 */
/* The monitor's far jumps, calls and returns, call gates, IRET, SYSCALL. AMD64 APM 2, 4.7 to 4.9; SDM 2. */
#include "tests/unit/monitor_fixture.h"

#define JUMP        0xff, 0x2b /* ljmp *(%rbx) */
#define CALL        0xff, 0x1b
#define CALL_QUAD   0x48, CALL
#define RETURN      0xcb
#define RETURN_QUAD 0x48, 0xcb
#define IRET        0xcf
#define IRETQ       0x48, 0xcf
#define SYSCALL     0x0f, 0x05

#define TO 0x89abcdefull

/* A far pointer with an offset of 32 bits at (%rbx). */
static void pointer_is(uint16_t selector, uint32_t offset)
{
	word_is(DATA_AT, offset | (uint64_t)selector << 32);
	guest->frame->regs[RBX] = DATA_AT;
}

static void quad_pointer_is(uint16_t selector, uint64_t offset)
{
	word_is(DATA_AT, offset);
	word_is(DATA_AT + 8, selector);
	guest->frame->regs[RBX] = DATA_AT;
}

static void return_is(uint64_t selector, uint64_t rip)
{
	word_is(STACK_MIDDLE, rip);
	word_is(STACK_MIDDLE + 8, selector);
}

static void iret_is(uint64_t rip, uint64_t cs, uint64_t rflags, uint64_t rsp, uint64_t ss)
{
	const uint64_t words[] = { rip, cs, rflags, rsp, ss };

	for (unsigned i = 0; i < COUNT_OF(words); i++)
		word_is(STACK_MIDDLE + i * 8, words[i]);
}

static void gate_to(uint16_t selector, uint64_t rip, uint64_t d)
{
	descriptor_is(SEL_TEST, (rip & 0xffff) | (uint64_t)selector << 16 | (rip >> 16 & 0xffff) << 48 | d);
	descriptor_is(SEL_TEST_UPPER, rip >> 32);
}

/* What CS does not take, whoever loads it; with what is said. By RPL 0. */
static const struct {
	uint64_t d;
	uint8_t vector;
} bad_code[] = {
	{ D_DATA, VECTOR_GP }, { D_SYSTEM(TYPE_LDT), VECTOR_GP }, { D_SYSTEM(TYPE_TSS_AVAILABLE), VECTOR_GP },
	{ D_CODE | D_DPL(3), VECTOR_GP }, { D_CONFORMING | D_DPL(1), VECTOR_GP }, { D_CODE & ~D_PRESENT, VECTOR_NP },
	{ D_CODE | D_BIG, VECTOR_GP }, { (D_CODE | D_BIG) & ~D_PRESENT, VECTOR_GP },
	{ (D_CODE | D_DPL(3)) & ~D_PRESENT, VECTOR_GP },
	{ D_CODE_32 & ~D_PRESENT, VECTOR_NP },
};

#define FOR_EACH_BAD_CODE(...)                                                     \
	do {                                                                       \
		for (unsigned i = 0; i < COUNT_OF(bad_code); i++) {                \
			descriptor_is(SEL_TEST, bad_code[i].d);                    \
			FAULTS(bad_code[i].vector, SEL_TEST, __VA_ARGS__);         \
		}                                                                  \
	} while (0)

/* ---- jumps ---- */

static void a_far_jump_loads_cs_and_rip(void **state)
{
	(void)state;
	descriptor_is(SEL_TEST, D_CODE);
	pointer_is(SEL_TEST, TO);
	JUMPS(JUMP);
	assert_int_equal(guest->frame->rip, TO);
	assert_int_equal(guest->cpu->selectors[SEG_CS], SEL_TEST);
	assert_int_equal(descriptor_of(SEL_TEST), D_CODE | D_ACCESSED);
	word_is(DATA_AT, (uint64_t)SEL_CODE << 16 | 0x1234);
	JUMPS(0x66, JUMP);
	assert_int_equal(guest->frame->rip, 0x1234);
}

static void a_far_jump_takes_no_other_code(void **state)
{
	(void)state;
	pointer_is(SEL_TEST, TO);
	FOR_EACH_BAD_CODE(JUMP);
	pointer_is(3, TO);
	FAULTS(VECTOR_GP, 0, JUMP);
	pointer_is(SEL_BEYOND, TO);
	FAULTS(VECTOR_GP, SEL_BEYOND, JUMP);
	pointer_is(SEL_CODE | 1, TO);
	FAULTS(VECTOR_GP, SEL_CODE, JUMP);
}

static void conforming_code_is_jumped_to_by_any_rpl_and_stays_at_ring_0(void **state)
{
	(void)state;
	descriptor_is(SEL_TEST, D_CONFORMING);
	pointer_is(SEL_TEST | 3, TO);
	JUMPS(JUMP);
	assert_int_equal(guest->cpu->selectors[SEG_CS], SEL_TEST);
	JUMPS(CALL);
	assert_int_equal(guest->cpu->selectors[SEG_CS], SEL_TEST);
}

static void a_jump_to_what_is_not_canonical_is_a_gp(void **state)
{
	(void)state;
	quad_pointer_is(SEL_CODE, NOT_CANONICAL);
	FAULTS(VECTOR_GP, 0, 0x48, JUMP);
}

static void code_of_32_bits_is_refused_by_name(void **state)
{
	(void)state;
	descriptor_is(SEL_TEST, D_CODE_32);
	pointer_is(SEL_TEST, TO);
	REFUSES(REFUSE_CODE_32, JUMP);
}

/* ---- calls ---- */

static void a_far_call_pushes_cs_and_rip_as_wide_as_its_operands(void **state)
{
	(void)state;
	pointer_is(SEL_CODE, TO);
	guest->cpu->selectors[SEG_CS] = 0xabc0;
	JUMPS(CALL);
	assert_int_equal(guest->frame->regs[RSP], STACK_MIDDLE - 8);
	assert_int_equal(word(STACK_MIDDLE - 8), 0xabc000000000 | (CODE_AT + 2));
	quad_pointer_is(SEL_CODE, TO);
	guest->frame->regs[RSP] = STACK_MIDDLE;
	guest->cpu->selectors[SEG_CS] = 0xabc0;
	JUMPS(CALL_QUAD);
	assert_int_equal(word(STACK_MIDDLE - 8), 0xabc0);
	assert_int_equal(word(STACK_MIDDLE - 16), CODE_AT + 3);
	assert_int_equal(guest->frame->regs[RSP], STACK_MIDDLE - 16);
}

static void a_far_call_that_faults_has_pushed_nothing(void **state)
{
	(void)state;
	pointer_is(SEL_TEST, TO);
	FOR_EACH_BAD_CODE(CALL);
	quad_pointer_is(SEL_CODE, NOT_CANONICAL);
	FAULTS(VECTOR_GP, 0, CALL_QUAD);
}

static void a_far_calls_code_is_looked_at_before_its_stack(void **state)
{
	(void)state;
	pointer_is(SEL_BEYOND, TO);
	guest->frame->regs[RSP] = UNMAPPED;
	FAULTS(VECTOR_GP, SEL_BEYOND, CALL);
	pointer_is(SEL_CODE, TO);
	PAGE_FAULTS(UNMAPPED - 4, PF_WRITE, CALL);
	guest->frame->regs[RSP] = NOT_CANONICAL;
	FAULTS(VECTOR_SS, 0, CALL);
}

static void a_far_call_whose_second_word_faults_leaves_rsp(void **state)
{
	(void)state;
	pointer_is(SEL_CODE, TO);
	guest->frame->regs[RSP] = STACK_AT + 4;
	word_is(STACK_AT, SEL_CODE); /* what it pushes there first */
	PAGE_FAULTS(STACK_AT - 4, PF_WRITE, CALL);
}

/* ---- call gates ---- */

static void a_call_by_a_gate_pushes_quads_and_goes_where_the_gate_says(void **state)
{
	(void)state;
	gate_to(SEL_CODE | 3, 0xffff800012345678, D_SYSTEM(TYPE_CALL_GATE));
	pointer_is(SEL_TEST, TO);
	guest->cpu->selectors[SEG_CS] = 0xabc0;
	JUMPS(CALL);
	assert_int_equal(guest->frame->rip, 0xffff800012345678);
	assert_int_equal(guest->cpu->selectors[SEG_CS], SEL_CODE);
	assert_int_equal(guest->frame->regs[RSP], STACK_MIDDLE - 16);
	assert_int_equal(word(STACK_MIDDLE - 8), 0xabc0);
	assert_int_equal(word(STACK_MIDDLE - 16), CODE_AT + 2);
}

static void a_jump_by_a_gate_pushes_nothing(void **state)
{
	(void)state;
	gate_to(SEL_CODE, 0x12345678, D_SYSTEM(TYPE_CALL_GATE));
	pointer_is(SEL_TEST, TO);
	JUMPS(JUMP);
	assert_int_equal(guest->frame->rip, 0x12345678);
	assert_int_equal(guest->frame->regs[RSP], STACK_MIDDLE);
}

static void a_gate_is_checked_itself_first(void **state)
{
	(void)state;
	gate_to(SEL_BEYOND, 0x1000, D_SYSTEM(TYPE_CALL_GATE));
	pointer_is(SEL_TEST | 1, TO);
	FAULTS(VECTOR_GP, SEL_TEST, CALL);
	gate_to(SEL_CODE, 0x1000, D_SYSTEM(TYPE_CALL_GATE) & ~D_PRESENT);
	FAULTS(VECTOR_GP, SEL_TEST, CALL); /* the RPL comes first */
	pointer_is(SEL_TEST, TO);
	FAULTS(VECTOR_NP, SEL_TEST, CALL);
	gate_to(SEL_CODE, 0x1000, D_SYSTEM(TYPE_CALL_GATE));
	descriptor_is(SEL_TEST_UPPER, D_TYPE(1));
	FAULTS(VECTOR_GP, SEL_TEST, CALL);
	descriptor_is(SEL_TEST_UPPER, 0);
	guest->cpu->gdtr.limit = SEL_TEST + 14;
	FAULTS(VECTOR_GP, SEL_TEST, CALL);
}

static void a_gate_of_ring_3_is_open_to_any_rpl(void **state)
{
	(void)state;
	gate_to(SEL_CODE, 0x1000, D_SYSTEM(TYPE_CALL_GATE) | D_DPL(3));
	pointer_is(SEL_TEST | 3, TO);
	JUMPS(CALL);
}

static void a_gate_leads_to_code_of_64_bits_alone(void **state)
{
	static const struct { uint64_t d; uint8_t vector; } rows[] = {
		{ D_DATA, VECTOR_GP }, { D_CODE | D_DPL(3), VECTOR_GP }, { D_CODE_32, VECTOR_GP }, { D_CODE | D_BIG, VECTOR_GP },
		{ D_CODE & ~D_PRESENT, VECTOR_NP }, { D_SYSTEM(TYPE_CALL_GATE), VECTOR_GP },
	};

	(void)state;
	pointer_is(SEL_TEST, TO);
	for (unsigned i = 0; i < COUNT_OF(rows); i++) {
		gate_to(SEL_LOCAL, 0x1000, D_SYSTEM(TYPE_CALL_GATE));
		descriptor_is(SEL_LOCAL, rows[i].d);
		FAULTS(rows[i].vector, SEL_LOCAL, CALL);
		FAULTS(rows[i].vector, SEL_LOCAL, JUMP);
	}
	gate_to(0, 0x1000, D_SYSTEM(TYPE_CALL_GATE));
	FAULTS(VECTOR_GP, 0, CALL);
	gate_to(SEL_CODE, NOT_CANONICAL, D_SYSTEM(TYPE_CALL_GATE));
	FAULTS(VECTOR_GP, 0, CALL);
}

/* ---- returns ---- */

static void a_far_return_pops_as_wide_as_its_operands_and_releases(void **state)
{
	(void)state;
	return_is(0xffffffffffff0000 | SEL_CODE, HIGH_BEGIN);
	JUMPS(RETURN_QUAD);
	assert_int_equal(guest->frame->rip, HIGH_BEGIN);
	assert_int_equal(guest->frame->regs[RSP], STACK_MIDDLE + 16);
	word_is(STACK_MIDDLE, (uint64_t)SEL_CODE << 32 | TO);
	guest->frame->regs[RSP] = STACK_MIDDLE;
	JUMPS(RETURN);
	assert_int_equal(guest->frame->rip, TO);
	assert_int_equal(guest->frame->regs[RSP], STACK_MIDDLE + 8);
	guest->frame->regs[RSP] = STACK_MIDDLE;
	JUMPS(0xca, 0xf8, 0xff);
	assert_int_equal(guest->frame->regs[RSP], STACK_MIDDLE + 8 + 0xfff8);
}

static void a_far_return_takes_no_bad_code(void **state)
{
	(void)state;
	return_is(SEL_TEST, 0x1000);
	FOR_EACH_BAD_CODE(RETURN_QUAD);
	descriptor_is(SEL_TEST, D_SYSTEM(TYPE_CALL_GATE));
	FAULTS(VECTOR_GP, SEL_TEST, RETURN_QUAD);
	return_is(1, 0x1000);
	FAULTS(VECTOR_GP, 0, RETURN_QUAD);
	return_is(SEL_CODE, NOT_CANONICAL);
	FAULTS(VECTOR_GP, 0, RETURN_QUAD);
}

static void a_return_to_an_outer_ring_is_refused_if_the_code_is_one(void **state)
{
	static const struct { uint64_t d; uint8_t vector; } rows[] = {
		{ D_CODE, VECTOR_GP }, { D_CODE | D_DPL(1), VECTOR_GP }, { D_DATA | D_DPL(3), VECTOR_GP },
		{ (D_CODE | D_DPL(3)) & ~D_PRESENT, VECTOR_NP },
	};

	(void)state;
	return_is(SEL_BEYOND | 3, 0x1000);
	FAULTS(VECTOR_GP, SEL_BEYOND, RETURN_QUAD);
	return_is(SEL_TEST | 3, 0x1000);
	for (unsigned i = 0; i < COUNT_OF(rows); i++) {
		descriptor_is(SEL_TEST, rows[i].d);
		FAULTS(rows[i].vector, SEL_TEST, RETURN_QUAD);
	}
	return_is(SEL_CODE3 | 3, 0x1000);
	REFUSES(REFUSE_RING_3, RETURN_QUAD);
}

static void a_return_to_conforming_code_of_an_outer_ring_leaves_ring_0_too(void **state)
{
	(void)state;
	descriptor_is(SEL_TEST, D_CONFORMING | D_DPL(2));
	return_is(SEL_TEST | 3, 0x1000);
	REFUSES(REFUSE_RING_3, RETURN_QUAD);
}

static void a_return_by_a_bad_stack_faults(void **state)
{
	(void)state;
	guest->frame->regs[RSP] = NOT_CANONICAL;
	FAULTS(VECTOR_SS, 0, RETURN_QUAD);
	guest->frame->regs[RSP] = LOW_END - 8;
	FAULTS(VECTOR_SS, 0, RETURN_QUAD);
	guest->frame->regs[RSP] = STACK_MIDDLE + PAGE_BYTES - 8;
	PAGE_FAULTS(STACK_MIDDLE + PAGE_BYTES, 0, RETURN_QUAD);
}

/* ---- IRET ---- */

static void iret_loads_all_five(void **state)
{
	(void)state;
	descriptor_is(SEL_TEST, D_DATA);
	guest->frame->rflags = X86_EFLAGS_FIXED | X86_EFLAGS_CF;
	iret_is(HIGH_BEGIN, SEL_CODE, X86_EFLAGS_ZF | X86_EFLAGS_IF | X86_EFLAGS_IOPL | X86_EFLAGS_NT | X86_EFLAGS_RF, 0x123456789,
		SEL_TEST);
	JUMPS(IRETQ);
	assert_int_equal(guest->frame->rip, HIGH_BEGIN);
	assert_int_equal(guest->frame->regs[RSP], 0x123456789);
	assert_int_equal(guest->cpu->selectors[SEG_SS], SEL_TEST);
	assert_int_equal(descriptor_of(SEL_TEST), D_DATA | D_ACCESSED);
	assert_int_equal(guest->frame->rflags, X86_EFLAGS_FIXED | X86_EFLAGS_ZF | X86_EFLAGS_RF);
	assert_int_equal(guest->cpu->flags, X86_EFLAGS_IF | X86_EFLAGS_IOPL | X86_EFLAGS_NT);
}

static void iret_of_16_bits_leaves_the_upper_flags(void **state)
{
	static const uint16_t words[] = { 0x1234, SEL_CODE, 0x0001, 0x5678, SEL_DATA };

	(void)state;
	memcpy(memory(STACK_MIDDLE), words, sizeof(words));
	guest->frame->rflags |= X86_EFLAGS_AC | X86_EFLAGS_ZF;
	JUMPS(0x66, IRET);
	assert_int_equal(guest->frame->rip, 0x1234);
	assert_int_equal(guest->frame->regs[RSP], 0x5678);
	assert_int_equal(guest->frame->rflags, X86_EFLAGS_FIXED | X86_EFLAGS_AC | X86_EFLAGS_CF);
}

static void iret_never_makes_vm_real(void **state)
{
	(void)state;
	iret_is(0x1000, SEL_CODE, UINT64_MAX, STACK_MIDDLE, SEL_DATA);
	JUMPS(IRETQ);
	assert_int_equal(guest->frame->rflags & (X86_EFLAGS_VM | X86_EFLAGS_VIF | X86_EFLAGS_VIP | ~0xffffffffull), 0);
	assert_int_equal(guest->frame->rflags & (X86_EFLAGS_IF | X86_EFLAGS_IOPL | X86_EFLAGS_NT), 0);
}

static void iret_in_a_nested_task_is_a_gp(void **state)
{
	(void)state;
	guest->cpu->flags = X86_EFLAGS_NT;
	guest->frame->regs[RSP] = UNMAPPED;
	FAULTS(VECTOR_GP, 0, IRETQ);
}

static void iret_takes_no_bad_code(void **state)
{
	(void)state;
	iret_is(0x1000, SEL_TEST, 2, STACK_MIDDLE, SEL_DATA);
	FOR_EACH_BAD_CODE(IRETQ);
	iret_is(0x1000, 2, 2, STACK_MIDDLE, SEL_DATA);
	FAULTS(VECTOR_GP, 0, IRETQ);
	iret_is(0x1000, SEL_BEYOND | 3, 2, STACK_MIDDLE, SEL_DATA);
	FAULTS(VECTOR_GP, SEL_BEYOND, IRETQ);
	iret_is(0x1000, SEL_CODE3 | 3, 2, STACK_MIDDLE, SEL_DATA | 3);
	REFUSES(REFUSE_RING_3, IRETQ);
}

static void irets_ss_is_null_or_writable_data_of_ring_0(void **state)
{
	(void)state;
	iret_is(0x1000, SEL_CODE, 2, STACK_MIDDLE, 0);
	JUMPS(IRETQ);
	guest->frame->regs[RSP] = STACK_MIDDLE;
	iret_is(0x1000, SEL_CODE, 2, STACK_MIDDLE, 3);
	FAULTS(VECTOR_GP, 0, IRETQ);
	iret_is(0x1000, SEL_CODE, 2, STACK_MIDDLE, SEL_DATA | 1);
	FAULTS(VECTOR_GP, SEL_DATA, IRETQ);
	iret_is(0x1000, SEL_CODE, 2, STACK_MIDDLE, SEL_TEST);
	descriptor_is(SEL_TEST, D_READ_DATA);
	FAULTS(VECTOR_GP, SEL_TEST, IRETQ);
	descriptor_is(SEL_TEST, D_DATA & ~D_PRESENT);
	FAULTS(VECTOR_SS, SEL_TEST, IRETQ);
}

static void irets_ss_that_faults_leaves_cs_and_rip(void **state)
{
	(void)state;
	descriptor_is(SEL_TEST, D_CODE); /* not accessed, and not so afterwards */
	iret_is(0x1000, SEL_TEST, 2, STACK_MIDDLE, SEL_BEYOND);
	FAULTS(VECTOR_GP, SEL_BEYOND, IRETQ);
}

static void irets_ss_is_looked_at_before_rip(void **state)
{
	(void)state;
	iret_is(NOT_CANONICAL, SEL_CODE, 2, STACK_MIDDLE, SEL_BEYOND);
	FAULTS(VECTOR_GP, SEL_BEYOND, IRETQ);
	iret_is(NOT_CANONICAL, SEL_CODE, 2, STACK_MIDDLE, SEL_DATA);
	FAULTS(VECTOR_GP, 0, IRETQ);
}

static void iret_by_a_bad_stack_faults(void **state)
{
	(void)state;
	guest->frame->regs[RSP] = LOW_END - 32;
	FAULTS(VECTOR_SS, 0, IRETQ);
	guest->frame->regs[RSP] = STACK_MIDDLE + PAGE_BYTES - 16;
	PAGE_FAULTS(STACK_MIDDLE + PAGE_BYTES, 0, IRETQ);
}

/* ---- SYSCALL and its kin ---- */

static void syscall_goes_by_star_lstar_and_the_flag_mask(void **state)
{
	(void)state;
	guest->cpu->efer |= 1;
	guest->cpu->star = 0xabcd1233ull << 32; /* 3: RPL */
	guest->cpu->lstar = HIGH_BEGIN;
	guest->cpu->sfmask = X86_EFLAGS_CF | X86_EFLAGS_IF;
	guest->cpu->flags = X86_EFLAGS_IF | X86_EFLAGS_IOPL;
	guest->frame->rflags = X86_EFLAGS_FIXED | X86_EFLAGS_CF | X86_EFLAGS_ZF | X86_EFLAGS_RF;
	JUMPS(SYSCALL);
	assert_int_equal(guest->frame->regs[RCX], CODE_AT + 2);
	assert_int_equal(guest->frame->regs[R11],
			 X86_EFLAGS_FIXED | X86_EFLAGS_CF | X86_EFLAGS_ZF | X86_EFLAGS_IF | X86_EFLAGS_IOPL);
	assert_int_equal(guest->frame->rip, HIGH_BEGIN);
	assert_int_equal(guest->cpu->selectors[SEG_CS], 0x1230);
	assert_int_equal(guest->cpu->selectors[SEG_SS], 0x123b);
	assert_int_equal(guest->frame->rflags, X86_EFLAGS_FIXED | X86_EFLAGS_ZF);
	assert_int_equal(guest->cpu->flags, X86_EFLAGS_IOPL);
}

static void no_mask_clears_the_flag_that_is_always_set(void **state)
{
	(void)state;
	guest->cpu->efer |= 1;
	guest->cpu->sfmask = UINT64_MAX;
	JUMPS(SYSCALL);
	assert_int_equal(guest->frame->rflags, X86_EFLAGS_FIXED);
}

static void syscall_and_sysret_want_sce(void **state)
{
	(void)state;
	FAULTS(VECTOR_UD, 0, SYSCALL);
	FAULTS(VECTOR_UD, 0, 0x48, 0x0f, 0x07);
	guest->cpu->efer |= 1;
	REFUSES(REFUSE_RING_3, 0x48, 0x0f, 0x07);
}

static void sysenter_and_sysexit_want_a_cs(void **state)
{
	(void)state;
	FAULTS(VECTOR_GP, 0, 0x0f, 0x34);
	guest->cpu->sysenter_cs = 3;
	FAULTS(VECTOR_GP, 0, 0x0f, 0x35);
	guest->cpu->sysenter_cs = 8;
	REFUSES(REFUSE_RING_3, 0x0f, 0x35);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_far_jump_loads_cs_and_rip),
		TEST(a_far_jump_takes_no_other_code),
		TEST(conforming_code_is_jumped_to_by_any_rpl_and_stays_at_ring_0),
		TEST(a_jump_to_what_is_not_canonical_is_a_gp),
		TEST(code_of_32_bits_is_refused_by_name),
		TEST(a_far_call_pushes_cs_and_rip_as_wide_as_its_operands),
		TEST(a_far_call_that_faults_has_pushed_nothing),
		TEST(a_far_calls_code_is_looked_at_before_its_stack),
		TEST(a_far_call_whose_second_word_faults_leaves_rsp),
		TEST(a_call_by_a_gate_pushes_quads_and_goes_where_the_gate_says),
		TEST(a_jump_by_a_gate_pushes_nothing),
		TEST(a_gate_is_checked_itself_first),
		TEST(a_gate_of_ring_3_is_open_to_any_rpl),
		TEST(a_gate_leads_to_code_of_64_bits_alone),
		TEST(a_far_return_pops_as_wide_as_its_operands_and_releases),
		TEST(a_far_return_takes_no_bad_code),
		TEST(a_return_to_an_outer_ring_is_refused_if_the_code_is_one),
		TEST(a_return_to_conforming_code_of_an_outer_ring_leaves_ring_0_too),
		TEST(a_return_by_a_bad_stack_faults),
		TEST(iret_loads_all_five),
		TEST(iret_of_16_bits_leaves_the_upper_flags),
		TEST(iret_never_makes_vm_real),
		TEST(iret_in_a_nested_task_is_a_gp),
		TEST(iret_takes_no_bad_code),
		TEST(irets_ss_is_null_or_writable_data_of_ring_0),
		TEST(irets_ss_that_faults_leaves_cs_and_rip),
		TEST(irets_ss_is_looked_at_before_rip),
		TEST(iret_by_a_bad_stack_faults),
		TEST(syscall_goes_by_star_lstar_and_the_flag_mask),
		TEST(no_mask_clears_the_flag_that_is_always_set),
		TEST(syscall_and_sysret_want_sce),
		TEST(sysenter_and_sysexit_want_a_cs),
	};

	return cmocka_run_group_tests_name("monitor_transfers", tests, NULL, NULL);
}
