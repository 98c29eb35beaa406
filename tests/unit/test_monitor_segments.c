/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The monitor's data-segment registers: which descriptors each takes, and what it says of others. AMD64 APM 2, 4.5 to 4.8; APM 3
 * and SDM 2 for each instruction.
 */
#include "tests/unit/monitor_fixture.h"

/* mov %eax, %es and so on */
#define MOV_TO(segment)   0x8e, 0xc0 | (segment) << 3
#define MOV_FROM(segment) 0x8c, 0xc0 | (segment) << 3

static const uint8_t data_segments[] = { SEG_ES, SEG_DS, SEG_FS, SEG_GS };

/* ---- data segments ---- */

static void null_goes_into_data_segments_with_any_rpl(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4 * COUNT_OF(data_segments); i++) {
		ax_is(i & 3);
		DOES(MOV_TO(data_segments[i / 4]));
		assert_int_equal(guest->cpu->selectors[data_segments[i / 4]], i & 3);
	}
}

static void null_goes_into_ss_with_rpl_0_alone(void **state)
{
	(void)state;
	ax_is(0);
	DOES(MOV_TO(SEG_SS));
	assert_int_equal(guest->cpu->selectors[SEG_SS], 0);
	for (uint16_t rpl = 1; rpl < 4; rpl++) {
		ax_is(rpl);
		FAULTS(VECTOR_GP, 0, MOV_TO(SEG_SS));
	}
}

static void a_selector_beyond_the_limit_is_a_gp_of_it(void **state)
{
	(void)state;
	ax_is(SEL_BEYOND | 3);
	for (unsigned i = 0; i < COUNT_OF(data_segments); i++)
		FAULTS(VECTOR_GP, SEL_BEYOND, MOV_TO(data_segments[i]));
	FAULTS(VECTOR_GP, SEL_BEYOND, MOV_TO(SEG_SS));
}

static void a_descriptor_of_which_the_last_byte_is_beyond_the_limit_is_none(void **state)
{
	(void)state;
	test_is(D_DATA | D_ACCESSED);
	guest->cpu->gdtr.limit = SEL_TEST + 7;
	DOES(MOV_TO(SEG_DS));
	guest->cpu->gdtr.limit = SEL_TEST + 6;
	FAULTS(VECTOR_GP, SEL_TEST, MOV_TO(SEG_DS));
}

static void the_ldt_is_looked_up_by_the_selectors_third_bit(void **state)
{
	(void)state;
	descriptor_is(SEL_LOCAL, D_DATA | D_BASE(0x12345678ull));
	ax_is(SEL_LOCAL);
	DOES(MOV_TO(SEG_FS));
	assert_int_equal(guest->cpu->selectors[SEG_FS], SEL_LOCAL);
	assert_int_equal(guest->real_fs, 0x12345678);
	guest->cpu->ldtr.limit = SEL_LOCAL + 2;
	FAULTS(VECTOR_GP, SEL_LOCAL, MOV_TO(SEG_FS));
}

static void without_an_ldt_its_selectors_are_a_gp(void **state)
{
	(void)state;
	descriptor_is(SEL_LOCAL, D_DATA);
	guest->cpu->ldtr.selector = 3;
	ax_is(SEL_LOCAL);
	FAULTS(VECTOR_GP, SEL_LOCAL, MOV_TO(SEG_DS));
}

static void data_segments_take_data_and_readable_code(void **state)
{
	static const uint64_t good[] = {
		D_DATA, D_READ_DATA, D_DATA | D_TYPE(4), D_CODE, D_CONFORMING, D_CODE_32, D_DATA | D_DPL(3),
	};

	(void)state;
	for (unsigned i = 0; i < COUNT_OF(good) * COUNT_OF(data_segments); i++) {
		test_is(good[i / COUNT_OF(data_segments)]);
		DOES(MOV_TO(data_segments[i % COUNT_OF(data_segments)]));
	}
}

static void data_segments_take_neither_system_descriptors_nor_code_that_is_not_readable(void **state)
{
	(void)state;
	test_is(D_NO_READ);
	FAULTS(VECTOR_GP, SEL_TEST, MOV_TO(SEG_DS));
	for (unsigned type = 0; type < 16; type++) {
		test_is(D_SYSTEM(type));
		FAULTS(VECTOR_GP, SEL_TEST, MOV_TO(SEG_ES));
	}
}

static void an_rpl_above_the_dpl_is_a_gp_but_for_conforming_code(void **state)
{
	static const uint64_t checked[] = { D_DATA, D_READ_DATA, D_CODE };

	(void)state;
	for (unsigned i = 0; i < COUNT_OF(checked); i++) {
		test_is(checked[i] | D_DPL(1));
		ax_is(SEL_TEST | 2);
		FAULTS(VECTOR_GP, SEL_TEST, MOV_TO(SEG_DS));
		ax_is(SEL_TEST | 1);
		DOES(MOV_TO(SEG_DS));
	}
	test_is(D_CONFORMING);
	ax_is(SEL_TEST | 3);
	DOES(MOV_TO(SEG_DS));
	assert_int_equal(guest->cpu->selectors[SEG_DS], SEL_TEST | 3);
}

static void an_absent_data_segment_is_an_np_after_all_else(void **state)
{
	(void)state;
	test_is(D_DATA & ~D_PRESENT);
	FAULTS(VECTOR_NP, SEL_TEST, MOV_TO(SEG_DS));
	ax_is(SEL_TEST | 3);
	FAULTS(VECTOR_GP, SEL_TEST, MOV_TO(SEG_DS));
}

static void ss_takes_writable_data_of_ring_0_by_rpl_0(void **state)
{
	static const uint64_t bad[] = {
		D_READ_DATA, D_CODE, D_CONFORMING, D_DATA | D_DPL(3), D_DATA | D_DPL(1), D_SYSTEM(TYPE_LDT),
		D_READ_DATA & ~D_PRESENT,
	};

	(void)state;
	for (unsigned i = 0; i < COUNT_OF(bad); i++) {
		test_is(bad[i]);
		FAULTS(VECTOR_GP, SEL_TEST, MOV_TO(SEG_SS));
	}
	test_is(D_DATA);
	for (uint16_t rpl = 1; rpl < 4; rpl++) {
		ax_is(SEL_TEST | rpl);
		FAULTS(VECTOR_GP, SEL_TEST, MOV_TO(SEG_SS));
	}
	ax_is(SEL_TEST);
	DOES(MOV_TO(SEG_SS));
	assert_int_equal(guest->cpu->selectors[SEG_SS], SEL_TEST);
}

static void an_absent_ss_is_an_ss(void **state)
{
	(void)state;
	test_is(D_DATA & ~D_PRESENT);
	FAULTS(VECTOR_SS, SEL_TEST, MOV_TO(SEG_SS));
}

static void what_is_loaded_has_been_accessed(void **state)
{
	(void)state;
	test_is(D_DATA);
	DOES(MOV_TO(SEG_SS));
	assert_int_equal(descriptor_of(SEL_TEST), D_DATA | D_ACCESSED);
	test_is(D_CODE);
	DOES(MOV_TO(SEG_GS));
	assert_int_equal(descriptor_of(SEL_TEST), D_CODE | D_ACCESSED);
}

static void an_accessed_descriptor_is_not_written(void **state)
{
	(void)state;
	test_is(D_DATA | D_ACCESSED);
	page_of(GDT_AT)->writable = false;
	DOES(MOV_TO(SEG_DS));
	test_is(D_DATA);
	PAGE_FAULTS(GDT_AT + SEL_TEST + 5, PF_HELD, MOV_TO(SEG_DS));
}

static void a_gdt_that_is_not_mapped_is_a_page_fault(void **state)
{
	(void)state;
	test_is(D_DATA);
	page_of(GDT_AT)->present = false;
	PAGE_FAULTS(GDT_AT + SEL_TEST, 0, MOV_TO(SEG_DS));
}

static void cs_is_not_moved_to(void **state)
{
	(void)state;
	ax_is(SEL_DATA);
	FAULTS(VECTOR_UD, 0, MOV_TO(SEG_CS));
	FAULTS(VECTOR_UD, 0, MOV_TO(6));
	FAULTS(VECTOR_UD, 0, MOV_TO(7));
	FAULTS(VECTOR_UD, 0, MOV_FROM(6));
	FAULTS(VECTOR_UD, 0, 0x8e, 0x0c, 0x25, 0, 0, 0x0a, 0); /* whatever the operand: mov UNMAPPED, %cs */
}

static void mov_reads_two_bytes_of_memory(void **state)
{
	(void)state;
	page_of(DATA_AT + PAGE_BYTES)->present = false;
	word_is(DATA_AT + PAGE_BYTES - 8, (uint64_t)SEL_DATA << 48);
	guest->frame->regs[RBX] = DATA_AT + PAGE_BYTES - 2;
	DOES(0x8e, 0x1b);
	assert_int_equal(guest->cpu->selectors[SEG_DS], SEL_DATA);
	guest->frame->regs[RBX]++;
	PAGE_FAULTS(DATA_AT + PAGE_BYTES, 0, 0x8e, 0x1b);
}

static void fs_and_gs_bring_the_descriptors_base(void **state)
{
	(void)state;
	test_is(D_DATA | D_BASE(0xfedcba98ull));
	DOES(MOV_TO(SEG_FS));
	assert_int_equal(guest->cpu->fs_base, 0xfedcba98);
	assert_int_equal(guest->real_fs, 0xfedcba98);
	assert_int_equal(guest->cpu->gs_base, 0);
	DOES(MOV_TO(SEG_GS));
	assert_int_equal(guest->real_gs, 0xfedcba98);
	guest->cpu->fs_base = 5;
	DOES(MOV_TO(SEG_DS));
	assert_int_equal(guest->cpu->fs_base, 5);
}

static void where_ring_3_cannot_set_bases_the_vmm_is_asked(void **state)
{
	(void)state;
	guest->bases_by_request = true;
	test_is(D_DATA | D_BASE(0x1000ull));
	DOES(MOV_TO(SEG_FS));
	assert_int_equal(guest->requests[REQUEST_BASES], 1);
}

static void mov_from_a_segment_register_is_zero_extended_to_registers(void **state)
{
	(void)state;
	guest->cpu->selectors[SEG_SS] = 0xabcd;
	guest->frame->regs[RAX] = guest->frame->regs[R8] = UINT64_MAX;
	DOES(0x8c, 0xd0);
	assert_int_equal(guest->frame->regs[RAX], 0xabcd);
	DOES(0x49, 0x8c, 0xd0);
	assert_int_equal(guest->frame->regs[R8], 0xabcd);
	guest->frame->regs[RAX] = UINT64_MAX;
	DOES(0x66, 0x8c, 0xd0);
	assert_int_equal(guest->frame->regs[RAX], 0xffffffffffffabcd);
}

static void mov_from_a_segment_register_writes_two_bytes_to_memory(void **state)
{
	(void)state;
	guest->cpu->selectors[SEG_SS] = 0xabcd;
	word_is(DATA_AT, UINT64_MAX);
	guest->frame->regs[RBX] = DATA_AT;
	DOES(0x48, 0x8c, 0x13);
	assert_int_equal(word(DATA_AT), 0xffffffffffffabcd);
}

static void push_fs_pushes_a_zero_extended_word_of_eight_bytes_or_two(void **state)
{
	(void)state;
	guest->cpu->selectors[SEG_FS] = 0xabcd;
	word_is(STACK_MIDDLE - 8, UINT64_MAX);
	DOES(0x0f, 0xa0);
	assert_int_equal(guest->frame->regs[RSP], STACK_MIDDLE - 8);
	assert_int_equal(word(STACK_MIDDLE - 8), 0xabcd);
	guest->frame->regs[RSP] = STACK_MIDDLE;
	word_is(STACK_MIDDLE - 8, UINT64_MAX);
	DOES(0x66, 0x0f, 0xa0);
	assert_int_equal(guest->frame->regs[RSP], STACK_MIDDLE - 2);
	assert_int_equal(word(STACK_MIDDLE - 8), 0xabcdffffffffffff);
}

static void push_faults_before_rsp_changes(void **state)
{
	(void)state;
	guest->frame->regs[RSP] = STACK_AT;
	PAGE_FAULTS(STACK_AT - 8, PF_WRITE, 0x0f, 0xa8);
	guest->frame->regs[RSP] = NOT_CANONICAL;
	FAULTS(VECTOR_SS, 0, 0x0f, 0xa8);
}

static void push_goes_below_an_rsp_just_beyond_the_lower_half(void **state)
{
	(void)state;
	guest->frame->regs[RSP] = LOW_END;
	DOES(0x0f, 0xa8);
	assert_int_equal(word(LOW_END - 8), SEL_DATA);
}

static void pop_gs_loads_by_the_lower_word_alone(void **state)
{
	(void)state;
	test_is(D_DATA | D_BASE(0x4444ull));
	word_is(STACK_MIDDLE, 0xffffffffffff0000 | SEL_TEST);
	DOES(0x0f, 0xa9);
	assert_int_equal(guest->frame->regs[RSP], STACK_MIDDLE + 8);
	assert_int_equal(guest->cpu->selectors[SEG_GS], SEL_TEST);
	assert_int_equal(guest->real_gs, 0x4444);
	guest->frame->regs[RSP] = STACK_MIDDLE;
	DOES(0x66, 0x0f, 0xa9);
	assert_int_equal(guest->frame->regs[RSP], STACK_MIDDLE + 2);
}

static void pop_fs_that_faults_leaves_rsp(void **state)
{
	(void)state;
	word_is(STACK_MIDDLE, SEL_BEYOND);
	FAULTS(VECTOR_GP, SEL_BEYOND, 0x0f, 0xa1);
	guest->frame->regs[RSP] = STACK_MIDDLE + PAGE_BYTES;
	PAGE_FAULTS(STACK_MIDDLE + PAGE_BYTES, 0, 0x0f, 0xa1);
	guest->frame->regs[RSP] = NOT_CANONICAL;
	FAULTS(VECTOR_SS, 0, 0x0f, 0xa1);
}

static void far_pointers_load_a_segment_and_a_register(void **state)
{
	(void)state;
	descriptor_is(SEL_TEST, D_DATA | D_BASE(0x777ull));
	word_is(DATA_AT, 0xffff000089abcdef | (uint64_t)SEL_TEST << 32);
	guest->frame->regs[RBX] = DATA_AT;
	guest->frame->regs[RCX] = UINT64_MAX;
	DOES(0x0f, 0xb2, 0x0b);
	assert_int_equal(guest->cpu->selectors[SEG_SS], SEL_TEST);
	assert_int_equal(guest->frame->regs[RCX], 0x89abcdef);
	DOES(0x0f, 0xb4, 0x0b);
	assert_int_equal(guest->real_fs, 0x777);
	word_is(DATA_AT, (uint64_t)SEL_TEST << 16 | 0x1234);
	guest->frame->regs[RCX] = UINT64_MAX;
	DOES(0x66, 0x0f, 0xb5, 0x0b);
	assert_int_equal(guest->real_gs, 0x777);
	assert_int_equal(guest->frame->regs[RCX], 0xffffffffffff1234);
}

static void a_far_pointer_that_faults_leaves_the_register(void **state)
{
	(void)state;
	word_is(DATA_AT, (uint64_t)SEL_CODE << 32);
	guest->frame->regs[RBX] = DATA_AT;
	FAULTS(VECTOR_GP, SEL_CODE, 0x0f, 0xb2, 0x0b);
	page_of(DATA_AT + PAGE_BYTES)->present = false;
	guest->frame->regs[RBX] = DATA_AT + PAGE_BYTES - 4;
	PAGE_FAULTS(DATA_AT + PAGE_BYTES, 0, 0x0f, 0xb4, 0x0b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(null_goes_into_data_segments_with_any_rpl),
		TEST(null_goes_into_ss_with_rpl_0_alone),
		TEST(a_selector_beyond_the_limit_is_a_gp_of_it),
		TEST(a_descriptor_of_which_the_last_byte_is_beyond_the_limit_is_none),
		TEST(the_ldt_is_looked_up_by_the_selectors_third_bit),
		TEST(without_an_ldt_its_selectors_are_a_gp),
		TEST(data_segments_take_data_and_readable_code),
		TEST(data_segments_take_neither_system_descriptors_nor_code_that_is_not_readable),
		TEST(an_rpl_above_the_dpl_is_a_gp_but_for_conforming_code),
		TEST(an_absent_data_segment_is_an_np_after_all_else),
		TEST(ss_takes_writable_data_of_ring_0_by_rpl_0),
		TEST(an_absent_ss_is_an_ss),
		TEST(what_is_loaded_has_been_accessed),
		TEST(an_accessed_descriptor_is_not_written),
		TEST(a_gdt_that_is_not_mapped_is_a_page_fault),
		TEST(cs_is_not_moved_to),
		TEST(mov_reads_two_bytes_of_memory),
		TEST(fs_and_gs_bring_the_descriptors_base),
		TEST(where_ring_3_cannot_set_bases_the_vmm_is_asked),
		TEST(mov_from_a_segment_register_is_zero_extended_to_registers),
		TEST(mov_from_a_segment_register_writes_two_bytes_to_memory),
		TEST(push_fs_pushes_a_zero_extended_word_of_eight_bytes_or_two),
		TEST(push_faults_before_rsp_changes),
		TEST(push_goes_below_an_rsp_just_beyond_the_lower_half),
		TEST(pop_gs_loads_by_the_lower_word_alone),
		TEST(pop_fs_that_faults_leaves_rsp),
		TEST(far_pointers_load_a_segment_and_a_register),
		TEST(a_far_pointer_that_faults_leaves_the_register),
	};

	return cmocka_run_group_tests_name("monitor_segments", tests, NULL, NULL);
}
