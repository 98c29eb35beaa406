/* SPDX-License-Identifier: Apache-2.0 */
/* The monitor's LDTR and TR, and the instructions that look at descriptors: LAR, LSL, VERR, VERW. AMD64 APM 2, 4.8; APM 3. */
#include "tests/unit/monitor_fixture.h"

#define MOV_TO(segment)   0x8e, 0xc0 | (segment) << 3
#define LLDT              0x0f, 0x00, 0xd0
#define LTR               0x0f, 0x00, 0xd8
#define LAR               0x0f, 0x02, 0xc8 /* of %eax to %ecx */
#define LSL               0x0f, 0x03, 0xc8
#define VERR              0x0f, 0x00, 0xe0
#define VERW              0x0f, 0x00, 0xe8

static void system_is(uint64_t d, uint64_t upper)
{
	test_is(d);
	descriptor_is(SEL_TEST_UPPER, upper);
}

/* ---- LDTR and TR ---- */

static void lldt_loads_base_and_limit_of_sixteen_bytes(void **state)
{
	(void)state;
	system_is(D_SYSTEM(TYPE_LDT) | D_BASE(0x89abcdefull) | 0x1234, 0xffff8000);
	DOES(LLDT);
	assert_int_equal(guest->cpu->ldtr.base, 0xffff800089abcdef);
	assert_int_equal(guest->cpu->ldtr.limit, 0x1234);
	assert_int_equal(guest->cpu->ldtr.selector, SEL_TEST);
	assert_int_equal(descriptor_of(SEL_TEST) >> 40 & 0xf, TYPE_LDT);
}

static void lldt_of_null_leaves_none(void **state)
{
	(void)state;
	ax_is(2);
	DOES(LLDT);
	assert_int_equal(guest->cpu->ldtr.selector, 2);
	descriptor_is(SEL_LOCAL, D_DATA);
	ax_is(SEL_LOCAL);
	FAULTS(VECTOR_GP, SEL_LOCAL, MOV_TO(SEG_DS));
}

static void lldt_and_ltr_say_gp_np_in_this_order(void **state)
{
	(void)state;
	system_is(D_SYSTEM(TYPE_CALL_GATE) & ~D_PRESENT, 0);
	FAULTS(VECTOR_GP, SEL_TEST, LLDT);
	FAULTS(VECTOR_GP, SEL_TEST, LTR);
	system_is(D_DATA, 0);
	FAULTS(VECTOR_GP, SEL_TEST, LLDT);
	FAULTS(VECTOR_GP, SEL_TEST, LTR);
	system_is(D_SYSTEM(TYPE_LDT) & ~D_PRESENT, 0);
	FAULTS(VECTOR_NP, SEL_TEST, LLDT);
	system_is(D_SYSTEM(TYPE_TSS_AVAILABLE) & ~D_PRESENT, 0);
	FAULTS(VECTOR_NP, SEL_TEST, LTR);
}

static void lldt_and_ltr_want_the_gdt_and_all_of_sixteen_bytes(void **state)
{
	(void)state;
	ax_is(SEL_LOCAL);
	FAULTS(VECTOR_GP, SEL_LOCAL, LLDT);
	FAULTS(VECTOR_GP, SEL_LOCAL, LTR);
	system_is(D_SYSTEM(TYPE_LDT), 0);
	guest->cpu->gdtr.limit = SEL_TEST + 14;
	FAULTS(VECTOR_GP, SEL_TEST, LLDT);
	guest->cpu->gdtr.limit = SEL_TEST + 15;
	DOES(LLDT);
}

static void a_system_descriptor_has_no_type_in_its_upper_half(void **state)
{
	(void)state;
	system_is(D_SYSTEM(TYPE_TSS_AVAILABLE), D_TYPE(2));
	FAULTS(VECTOR_GP, SEL_TEST, LTR);
}

static void a_system_descriptors_base_is_canonical(void **state)
{
	(void)state;
	system_is(D_SYSTEM(TYPE_TSS_AVAILABLE), 0x12340000);
	FAULTS(VECTOR_GP, SEL_TEST, LTR);
	system_is(D_SYSTEM(TYPE_LDT), 0x12340000);
	FAULTS(VECTOR_GP, SEL_TEST, LLDT);
}

static void ltr_makes_the_descriptor_busy_and_takes_no_busy_one(void **state)
{
	(void)state;
	system_is(D_SYSTEM(TYPE_TSS_AVAILABLE) | D_BASE(TSS_AT) | 103, 0);
	DOES(LTR);
	assert_int_equal(descriptor_of(SEL_TEST) >> 40 & 0xf, TYPE_TSS_BUSY);
	assert_int_equal(guest->cpu->tr.base, TSS_AT);
	assert_int_equal(guest->cpu->tr.limit, 103);
	FAULTS(VECTOR_GP, SEL_TEST, LTR);
}

static void ltr_of_null_is_a_gp(void **state)
{
	(void)state;
	ax_is(3);
	FAULTS(VECTOR_GP, 0, LTR);
}

static void ltr_that_cannot_mark_the_descriptor_leaves_tr(void **state)
{
	(void)state;
	system_is(D_SYSTEM(TYPE_TSS_AVAILABLE), 0);
	page_of(GDT_AT)->writable = false;
	PAGE_FAULTS(GDT_AT + SEL_TEST + 5, PF_HELD, LTR);
}

static void sldt_and_str_write_selectors(void **state)
{
	(void)state;
	guest->frame->regs[RAX] = UINT64_MAX;
	DOES(0x0f, 0x00, 0xc0);
	assert_int_equal(guest->frame->regs[RAX], 0x50);
	guest->frame->regs[RAX] = UINT64_MAX;
	DOES(0x66, 0x0f, 0x00, 0xc8);
	assert_int_equal(guest->frame->regs[RAX], 0xffffffffffff0000 | SEL_TSS);
	word_is(DATA_AT, UINT64_MAX);
	guest->frame->regs[RBX] = DATA_AT;
	DOES(0x48, 0x0f, 0x00, 0x0b);
	assert_int_equal(word(DATA_AT), 0xffffffffffff0000 | SEL_TSS);
}

/* ---- LAR, LSL, VERR, VERW ---- */

static bool zero_flag(void)
{
	return guest->frame->rflags & X86_EFLAGS_ZF;
}

/* %ecx keeps what it had, where there is no answer. */
#define ANSWERS(...)                                                         \
	({                                                                   \
		guest->frame->rflags ^= X86_EFLAGS_ZF;                       \
		guest->frame->regs[RCX] = 0x5555555555555555;                \
		DOES(__VA_ARGS__);                                           \
		if (!zero_flag())                                            \
			assert_int_equal(guest->frame->regs[RCX], 0x5555555555555555); \
		zero_flag();                                                 \
	})

static void lar_gives_access_rights_and_lsl_the_limit_in_bytes(void **state)
{
	(void)state;
	test_is(D_DATA | D_BIG | 1ull << 55 | 0x1234);
	assert_true(ANSWERS(LAR));
	assert_int_equal(guest->frame->regs[RCX], 0xc09200);
	assert_true(ANSWERS(LSL));
	assert_int_equal(guest->frame->regs[RCX], 0x1234fff);
	test_is(D_DATA | 0x1234 | 5ull << 48);
	assert_true(ANSWERS(LSL));
	assert_int_equal(guest->frame->regs[RCX], 0x51234);
	assert_true(ANSWERS(0x66, LSL));
	assert_int_equal(guest->frame->regs[RCX], 0x5555555555551234);
	assert_int_equal(descriptor_of(SEL_TEST) & D_ACCESSED, 0);
}

static void nobody_looks_at_null_or_beyond_the_limit(void **state)
{
	static const uint16_t none[] = { 0, 3, SEL_BEYOND, 0x1004 };

	(void)state;
	for (unsigned i = 0; i < COUNT_OF(none); i++) {
		ax_is(none[i]);
		assert_false(ANSWERS(LAR));
		assert_false(ANSWERS(LSL));
		assert_false(ANSWERS(VERR));
		assert_false(ANSWERS(VERW));
	}
}

static void lar_and_lsl_know_system_types_of_long_mode(void **state)
{
	const unsigned lar = 1u << 2 | 1u << 9 | 1u << 11 | 1u << 12, lsl = 1u << 2 | 1u << 9 | 1u << 11;

	(void)state;
	for (unsigned type = 0; type < 16; type++) {
		test_is(D_SYSTEM(type));
		assert_int_equal(ANSWERS(LAR), lar >> type & 1);
		assert_int_equal(ANSWERS(LSL), lsl >> type & 1);
		assert_false(ANSWERS(VERR));
		assert_false(ANSWERS(VERW));
	}
}

static void an_rpl_above_the_dpl_sees_conforming_code_alone(void **state)
{
	static const uint64_t hidden[] = { D_DATA, D_CODE, D_SYSTEM(TYPE_LDT) };

	(void)state;
	for (unsigned i = 0; i < COUNT_OF(hidden); i++) {
		test_is(hidden[i]);
		ax_is(SEL_TEST | 1);
		assert_false(ANSWERS(LAR));
		assert_false(ANSWERS(LSL));
		assert_false(ANSWERS(VERR));
	}
	test_is(D_CONFORMING);
	ax_is(SEL_TEST | 3);
	assert_true(ANSWERS(LAR));
	assert_true(ANSWERS(LSL));
	assert_true(ANSWERS(VERR));
}

static void verr_and_verw_tell_what_may_be_read_and_written(void **state)
{
	static const struct { uint64_t d; bool read, write; } rows[] = {
		{ D_DATA, true, true }, { D_READ_DATA, true, false }, { D_CODE, true, false }, { D_NO_READ, false, false },
		{ D_DATA | D_TYPE(4), true, true },
	};

	(void)state;
	for (unsigned i = 0; i < COUNT_OF(rows); i++) {
		test_is(rows[i].d);
		assert_int_equal(ANSWERS(VERR), rows[i].read);
		assert_int_equal(ANSWERS(VERW), rows[i].write);
	}
}

static void a_look_at_memory_that_is_not_there_faults(void **state)
{
	(void)state;
	guest->frame->regs[RBX] = UNMAPPED;
	PAGE_FAULTS(UNMAPPED, 0, 0x0f, 0x02, 0x0b);
	PAGE_FAULTS(UNMAPPED, 0, 0x0f, 0x00, 0x23);
	page_of(GDT_AT)->present = false;
	ax_is(SEL_DATA);
	PAGE_FAULTS(GDT_AT + SEL_DATA, 0, LAR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(lldt_loads_base_and_limit_of_sixteen_bytes),
		TEST(lldt_of_null_leaves_none),
		TEST(lldt_and_ltr_say_gp_np_in_this_order),
		TEST(lldt_and_ltr_want_the_gdt_and_all_of_sixteen_bytes),
		TEST(a_system_descriptor_has_no_type_in_its_upper_half),
		TEST(a_system_descriptors_base_is_canonical),
		TEST(ltr_makes_the_descriptor_busy_and_takes_no_busy_one),
		TEST(ltr_of_null_is_a_gp),
		TEST(ltr_that_cannot_mark_the_descriptor_leaves_tr),
		TEST(sldt_and_str_write_selectors),
		TEST(lar_gives_access_rights_and_lsl_the_limit_in_bytes),
		TEST(nobody_looks_at_null_or_beyond_the_limit),
		TEST(lar_and_lsl_know_system_types_of_long_mode),
		TEST(an_rpl_above_the_dpl_sees_conforming_code_alone),
		TEST(verr_and_verw_tell_what_may_be_read_and_written),
		TEST(a_look_at_memory_that_is_not_there_faults),
	};

	return cmocka_run_group_tests_name("monitor_descriptors", tests, NULL, NULL);
}
