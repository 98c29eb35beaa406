/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the monitor delivers exceptions and INT n by the guest's IDT, and what becomes of those that cannot be. AMD64 APM 2,
 * 8.2 to 8.4 and 8.9; SDM 3, 6.12 to 6.15.
 */
#include "tests/unit/monitor_fixture.h"

#define INT(n) 0xcd, (n)
#define VECTOR 0x80u

#define INTERRUPT_GATE 0x8e
#define TRAP_GATE      0x8f
#define NO_GATE        0x0e /* not present */

static void assert_shut_down(void)
{
	assert_int_equal(guest->requests[REQUEST_TRIPLE_FAULT], 1);
}

/* ---- what a handler finds ---- */

static void an_exception_is_delivered_with_where_it_was(void **state)
{
	(void)state;
	guest->frame->rip = HIGH_BEGIN;
	guest->frame->rflags |= X86_EFLAGS_ZF;
	guest->cpu->selectors[SEG_CS] = SEL_CODE3;
	guest->cpu->selectors[SEG_SS] = SEL_TEST;
	except(VECTOR_DE, 0);
	assert_delivered(VECTOR_DE);
	assert_int_equal(guest->frame->regs[RSP], STACK_MIDDLE - 40);
	assert_int_equal(delivered(FRAME_RIP), HIGH_BEGIN);
	assert_int_equal(delivered(FRAME_CS), SEL_CODE3);
	assert_int_equal(delivered(FRAME_RFLAGS) & ~(uint64_t)X86_EFLAGS_RF, X86_EFLAGS_FIXED | X86_EFLAGS_ZF);
	assert_int_equal(delivered(FRAME_RSP), STACK_MIDDLE);
	assert_int_equal(delivered(FRAME_SS), SEL_TEST);
	assert_int_equal(guest->cpu->selectors[SEG_CS], SEL_CODE);
	assert_int_equal(guest->cpu->selectors[SEG_SS], SEL_TEST); /* the ring is the same */
}

static void an_error_code_lies_below_the_frame(void **state)
{
	(void)state;
	except(VECTOR_AC, 0x1234);
	assert_delivered_error(VECTOR_AC, 0x1234);
	assert_int_equal(guest->frame->regs[RSP], STACK_MIDDLE - 48);
	assert_int_equal(delivered(FRAME_RIP), CODE_AT);
}

static void the_frame_is_aligned_to_16_bytes(void **state)
{
	(void)state;
	guest->frame->regs[RSP] = STACK_MIDDLE - 1;
	TRAP(INT(VECTOR));
	assert_delivered(VECTOR);
	assert_int_equal(guest->frame->regs[RSP], STACK_MIDDLE - 16 - 40);
	assert_int_equal(delivered(FRAME_RSP), STACK_MIDDLE - 1);
}

static void a_gates_upper_half_is_the_upper_half_of_rip(void **state)
{
	(void)state;
	word_is(IDT_AT + VECTOR * 16 + 8, 0xffffffffffff8000);
	TRAP(INT(VECTOR));
	assert_int_equal(guest->frame->rip, 0xffff800000000000 | HANDLER(VECTOR));
}

static void an_interrupt_gate_clears_if_a_trap_gate_does_not(void **state)
{
	(void)state;
	guest->cpu->flags = X86_EFLAGS_IF | X86_EFLAGS_NT | X86_EFLAGS_IOPL;
	gate_is(VECTOR, SEL_CODE, TRAP_GATE, 0);
	TRAP(INT(VECTOR));
	assert_delivered(VECTOR);
	assert_int_equal(delivered(FRAME_RFLAGS), X86_EFLAGS_FIXED | X86_EFLAGS_IF | X86_EFLAGS_NT | X86_EFLAGS_IOPL);
	assert_int_equal(guest->cpu->flags, X86_EFLAGS_IF | X86_EFLAGS_IOPL);
	TRAP(INT(VECTOR + 1));
	assert_int_equal(guest->cpu->flags, X86_EFLAGS_IOPL);
}

static void a_handler_begins_without_tf_and_rf(void **state)
{
	(void)state;
	guest->frame->rflags |= X86_EFLAGS_TF | X86_EFLAGS_RF | X86_EFLAGS_AC | X86_EFLAGS_DF;
	TRAP(INT(VECTOR));
	assert_int_equal(guest->frame->rflags, X86_EFLAGS_FIXED | X86_EFLAGS_AC | X86_EFLAGS_DF);
}

static void a_fault_is_to_be_resumed_and_a_trap_is_not(void **state)
{
	(void)state;
	TRAP(INT(VECTOR)); /* it has come by a #GP, which has set RF */
	assert_delivered(VECTOR);
	assert_int_equal(delivered(FRAME_RFLAGS) & X86_EFLAGS_RF, 0);
	guest->frame->regs[RSP] = STACK_MIDDLE;
	guest->frame->rflags &= ~(uint64_t)X86_EFLAGS_RF;
	guest->frame->regs[RAX] = SEL_BEYOND;
	TRAP(0x8e, 0xd8); /* mov %eax, %ds: it has come by an INT3, which has not */
	assert_delivered_error(VECTOR_GP, SEL_BEYOND);
	assert_int_equal(delivered(FRAME_RFLAGS) & X86_EFLAGS_RF, X86_EFLAGS_RF);
}

static void int_n_returns_behind_it_and_int3_too(void **state)
{
	(void)state;
	TRAP(INT(VECTOR));
	assert_delivered(VECTOR);
	assert_int_equal(delivered(FRAME_RIP), CODE_AT + 2);
	guest->frame->regs[RSP] = STACK_MIDDLE;
	guest->frame->rip = CODE_AT + 1;
	guest->s->site_count = 0; /* the INT n's */
	except(VECTOR_BP, 0);
	assert_delivered(VECTOR_BP);
	assert_int_equal(delivered(FRAME_RIP), CODE_AT + 1);
}

static void int_3_of_two_bytes_is_an_int_n(void **state)
{
	(void)state;
	TRAP(INT(3));
	assert_delivered(VECTOR_BP);
	assert_int_equal(delivered(FRAME_RIP), CODE_AT + 2);
}

static void int_n_of_an_exceptions_vector_pushes_no_error(void **state)
{
	(void)state;
	TRAP(INT(VECTOR_GP));
	assert_delivered(VECTOR_GP);
	assert_int_equal(delivered(FRAME_RIP), CODE_AT + 2);
	assert_int_equal(guest->cpu->cr2, 0);
	guest->cpu->cr2 = 0x1234;
	guest->frame->regs[RSP] = STACK_MIDDLE;
	TRAP(INT(VECTOR_PF));
	assert_delivered(VECTOR_PF);
	assert_int_equal(guest->cpu->cr2, 0x1234);
}

static void code_by_a_gate_has_been_accessed_and_is_at_ring_0(void **state)
{
	(void)state;
	descriptor_is(SEL_TEST, D_CONFORMING);
	gate_is(VECTOR, SEL_TEST | 3, INTERRUPT_GATE, 0);
	TRAP(INT(VECTOR));
	assert_delivered(VECTOR);
	assert_int_equal(guest->cpu->selectors[SEG_CS], SEL_TEST);
	assert_int_equal(descriptor_of(SEL_TEST), D_CONFORMING | D_ACCESSED);
}

/* ---- gates that are none ---- */

static void a_vector_beyond_the_idt_is_a_gp_of_it(void **state)
{
	(void)state;
	guest->cpu->idtr.limit = VECTOR * 16 + 14;
	TRAP(INT(VECTOR));
	assert_delivered_error(VECTOR_GP, E_GATE(VECTOR));
	assert_int_equal(delivered(FRAME_RIP), CODE_AT);
	guest->cpu->idtr.limit++;
	TRAP(INT(VECTOR));
	assert_delivered(VECTOR);
}

static void a_gate_of_another_type_is_a_gp_even_if_absent(void **state)
{
	(void)state;
	for (unsigned type = 0; type < 32; type++) {
		if (type == 0xe || type == 0xf)
			continue;
		guest->frame->regs[RSP] = STACK_MIDDLE;
		gate_is(VECTOR, SEL_CODE, (uint8_t)(0x80 | type), 0);
		TRAP(INT(VECTOR));
		assert_delivered_error(VECTOR_GP, E_GATE(VECTOR));
		gate_is(VECTOR, SEL_CODE, (uint8_t)type, 0);
		TRAP(INT(VECTOR));
		assert_delivered_error(VECTOR_GP, E_GATE(VECTOR));
	}
}

static void an_absent_gate_is_an_np_of_it(void **state)
{
	(void)state;
	gate_is(VECTOR, SEL_BEYOND, NO_GATE, 0);
	TRAP(INT(VECTOR));
	assert_delivered_error(VECTOR_NP, E_GATE(VECTOR));
	assert_int_equal(delivered(FRAME_RIP), CODE_AT);
}

static void what_an_exception_fails_by_is_external(void **state)
{
	(void)state;
	gate_is(VECTOR_UD, SEL_CODE, NO_GATE, 0);
	except(VECTOR_UD, 0);
	assert_delivered_error(VECTOR_NP, E_GATE(VECTOR_UD) | E_EXTERNAL);
}

static void a_gates_code_is_present_code_of_64_bits_and_ring_0(void **state)
{
	static const struct { uint64_t d; uint8_t vector; } rows[] = {
		{ D_DATA, VECTOR_GP }, { D_CODE | D_DPL(3), VECTOR_GP }, { D_CONFORMING | D_DPL(3), VECTOR_GP },
		{ D_CODE_32, VECTOR_GP }, { D_CODE | D_BIG, VECTOR_GP }, { D_SYSTEM(TYPE_LDT), VECTOR_GP },
		{ D_CODE & ~D_PRESENT, VECTOR_NP },
	};

	(void)state;
	gate_is(VECTOR, SEL_TEST, INTERRUPT_GATE, 0);
	gate_is(VECTOR_UD, SEL_TEST, INTERRUPT_GATE, 0);
	for (unsigned i = 0; i < COUNT_OF(rows); i++) {
		guest->frame->regs[RSP] = STACK_MIDDLE;
		descriptor_is(SEL_TEST, rows[i].d);
		TRAP(INT(VECTOR));
		assert_delivered_error(rows[i].vector, SEL_TEST);
		except(VECTOR_UD, 0);
		assert_delivered_error(rows[i].vector, SEL_TEST | E_EXTERNAL);
	}
	gate_is(VECTOR, 3, INTERRUPT_GATE, 0);
	TRAP(INT(VECTOR));
	assert_delivered_error(VECTOR_GP, 0);
	gate_is(VECTOR_UD, SEL_BEYOND, INTERRUPT_GATE, 0);
	except(VECTOR_UD, 0);
	assert_delivered_error(VECTOR_GP, SEL_BEYOND | E_EXTERNAL);
}

static void a_handler_that_is_not_canonical_is_a_gp(void **state)
{
	(void)state;
	word_is(IDT_AT + VECTOR * 16 + 8, 0x12345678);
	word_is(IDT_AT + VECTOR_UD * 16 + 8, 0x12345678);
	TRAP(INT(VECTOR));
	assert_delivered_error(VECTOR_GP, 0);
	except(VECTOR_UD, 0);
	assert_delivered_error(VECTOR_GP, E_EXTERNAL);
}

static void an_idt_that_is_not_mapped_is_a_page_fault(void **state)
{
	(void)state;
	guest->cpu->idtr.base = IDT_AT + PAGE_BYTES - 16 * 16; /* gates 0 to 15 */
	memcpy(memory(guest->cpu->idtr.base), memory(IDT_AT), 16 * 16);
	TRAP(INT(16));
	assert_delivered_error(VECTOR_PF, 0);
	assert_int_equal(guest->cpu->cr2, IDT_AT + PAGE_BYTES);
	assert_int_equal(delivered(FRAME_RIP), CODE_AT);
}

/* ---- stacks ---- */

static void an_ist_is_taken_from_the_tss(void **state)
{
	(void)state;
	gate_is(VECTOR, SEL_CODE, INTERRUPT_GATE, 1);
	TRAP(INT(VECTOR));
	assert_delivered(VECTOR);
	assert_int_equal(guest->frame->regs[RSP], IST_AT - 40);
	assert_int_equal(delivered(FRAME_RSP), STACK_MIDDLE);
	assert_int_equal(guest->cpu->selectors[SEG_SS], SEL_DATA);
}

static void an_ist_beyond_the_tss_is_a_ts_of_it(void **state)
{
	(void)state;
	gate_is(VECTOR, SEL_CODE, INTERRUPT_GATE, 7);
	gate_is(VECTOR_UD, SEL_CODE, INTERRUPT_GATE, 7);
	guest->cpu->tr.limit = 36 + 7 * 8 - 2;
	TRAP(INT(VECTOR));
	assert_delivered_error(VECTOR_TS, SEL_TSS);
	except(VECTOR_UD, 0);
	assert_delivered_error(VECTOR_TS, SEL_TSS | E_EXTERNAL);
	guest->cpu->tr.limit++;
	word_is(TSS_AT + 36 + 6 * 8, IST_AT);
	TRAP(INT(VECTOR));
	assert_delivered(VECTOR);
}

static void a_stack_that_is_not_canonical_is_an_ss(void **state)
{
	(void)state;
	gate_is(VECTOR_SS, SEL_CODE, INTERRUPT_GATE, 1);
	guest->frame->regs[RSP] = NOT_CANONICAL;
	TRAP(INT(VECTOR));
	assert_delivered_error(VECTOR_SS, 0);
	assert_int_equal(delivered(FRAME_RIP), CODE_AT);
	assert_int_equal(delivered(FRAME_RSP), NOT_CANONICAL);
	guest->frame->regs[RSP] = HIGH_BEGIN + 16;
	except(VECTOR_UD, 0);
	assert_delivered_error(VECTOR_SS, E_EXTERNAL);
}

static void a_frame_may_end_where_the_lower_half_does(void **state)
{
	(void)state;
	guest->frame->regs[RSP] = LOW_END;
	TRAP(INT(VECTOR));
	assert_delivered(VECTOR);
	assert_int_equal(delivered(FRAME_RSP), LOW_END);
}

static void cr2_is_of_the_first_word_that_cannot_be_pushed(void **state)
{
	(void)state;
	gate_is(VECTOR_PF, SEL_CODE, INTERRUPT_GATE, 1);
	guest->frame->regs[RSP] = STACK_AT + 16;
	TRAP(INT(VECTOR));
	assert_delivered_error(VECTOR_PF, PF_WRITE);
	assert_int_equal(guest->cpu->cr2, STACK_AT - 8);
	assert_int_equal(delivered(FRAME_RSP), STACK_AT + 16);
}

static void a_stack_that_is_read_only_is_a_page_fault_of_its_own(void **state)
{
	(void)state;
	gate_is(VECTOR_PF, SEL_CODE, INTERRUPT_GATE, 1);
	guest->frame->regs[RSP] = READ_ONLY_AT + 64;
	TRAP(INT(VECTOR));
	assert_delivered_error(VECTOR_PF, PF_HELD);
	assert_int_equal(guest->cpu->cr2, READ_ONLY_AT + 56);
}

static void no_frame_is_written_into_the_monitor(void **state)
{
	(void)state;
	gate_is(VECTOR_PF, SEL_CODE, INTERRUPT_GATE, 1);
	guest->frame->regs[RSP] = MONITOR_VIRTUAL + MONITOR_STACK_END;
	TRAP(INT(VECTOR));
	assert_delivered_error(VECTOR_PF, PF_WRITE);
	assert_int_equal(guest->cpu->cr2, MONITOR_VIRTUAL + MONITOR_STACK_END - 8);
}

/* ---- double and triple faults ---- */

/* What delivering the first vector fails by, the second, and what is delivered then. */
static void assert_becomes(unsigned first, unsigned second, unsigned then)
{
	tear_down(NULL);
	set_up(NULL);
	if (second == VECTOR_NP)
		gate_is(first, SEL_CODE, NO_GATE, 0);
	else if (second == VECTOR_GP)
		gate_is(first, SEL_DATA, INTERRUPT_GATE, 0);
	else if (second == VECTOR_TS)
		guest->cpu->tr.limit = 30, gate_is(first, SEL_CODE, INTERRUPT_GATE, 1);
	else if (second == VECTOR_SS)
		word_is(TSS_AT + 36, NOT_CANONICAL), gate_is(first, SEL_CODE, INTERRUPT_GATE, 1);
	else if (second == VECTOR_PF)
		word_is(TSS_AT + 36, UNMAPPED), gate_is(first, SEL_CODE, INTERRUPT_GATE, 1);
	if (first == VECTOR_PF)
		guest->s->answer = 1;
	except(first, 0);
	assert_int_equal(guest->requests[REQUEST_TRIPLE_FAULT], 0);
	assert_int_equal(guest->frame->rip, HANDLER(then));
	if (then == VECTOR_DF)
		assert_delivered_error(VECTOR_DF, 0);
	assert_int_equal(delivered(FRAME_RIP), CODE_AT);
}

static void contributory_upon_contributory_doubles(void **state)
{
	static const uint8_t contributory[] = { VECTOR_DE, VECTOR_TS, VECTOR_NP, VECTOR_SS, VECTOR_GP };

	(void)state;
	for (unsigned i = 0; i < COUNT_OF(contributory); i++)
		for (unsigned k = 1; k < COUNT_OF(contributory); k++)
			assert_becomes(contributory[i], contributory[k], VECTOR_DF);
}

static void a_page_fault_upon_contributory_is_delivered(void **state)
{
	(void)state;
	assert_becomes(VECTOR_GP, VECTOR_PF, VECTOR_PF);
	assert_becomes(VECTOR_DE, VECTOR_PF, VECTOR_PF);
}

static void contributory_or_a_page_fault_upon_a_page_fault_doubles(void **state)
{
	(void)state;
	assert_becomes(VECTOR_PF, VECTOR_GP, VECTOR_DF);
	assert_becomes(VECTOR_PF, VECTOR_NP, VECTOR_DF);
	assert_becomes(VECTOR_PF, VECTOR_PF, VECTOR_DF);
}

static void upon_benign_ones_the_second_is_delivered(void **state)
{
	(void)state;
	assert_becomes(VECTOR_UD, VECTOR_GP, VECTOR_GP);
	assert_becomes(VECTOR_AC, VECTOR_PF, VECTOR_PF);
	assert_becomes(7, VECTOR_NP, VECTOR_NP);
}

static void int_n_is_benign_whatever_its_vector(void **state)
{
	(void)state;
	gate_is(VECTOR_TS, SEL_CODE, NO_GATE, 0);
	TRAP(INT(VECTOR_TS));
	assert_delivered_error(VECTOR_NP, E_GATE(VECTOR_TS));
	gate_is(VECTOR_DF, SEL_CODE, NO_GATE, 0);
	TRAP(INT(VECTOR_DF));
	assert_delivered_error(VECTOR_NP, E_GATE(VECTOR_DF));
}

static void cr2_is_of_the_page_fault_that_doubled(void **state)
{
	(void)state;
	gate_is(VECTOR_PF, SEL_CODE, INTERRUPT_GATE, 1);
	word_is(TSS_AT + 36, UNMAPPED);
	guest->s->answer = 1;
	guest->s->argument = 0x1234;
	except(VECTOR_PF, 0);
	assert_delivered_error(VECTOR_DF, 0);
	assert_int_equal(guest->cpu->cr2, UNMAPPED - 8);
}

static void a_double_fault_that_cannot_be_delivered_ends_the_guest(void **state)
{
	(void)state;
	gate_is(VECTOR_GP, SEL_CODE, NO_GATE, 0);
	gate_is(VECTOR_DF, SEL_CODE, NO_GATE, 0);
	except(VECTOR_GP, 0);
	assert_shut_down();
}

static void a_guest_without_an_idt_ends(void **state)
{
	(void)state;
	guest->cpu->idtr = (struct virtual_table){ 0 };
	except(VECTOR_UD, 0);
	assert_shut_down();
}

static void an_exception_that_cannot_be_delivered_leaves_the_virtual_cpu(void **state)
{
	struct virtual_cpu cpu;
	struct monitor_frame frame;

	(void)state;
	guest->cpu->idtr.limit = 0;
	guest->frame->rip = CODE_AT;
	guest->frame->rflags |= X86_EFLAGS_TF;
	cpu = *guest->cpu;
	frame = *guest->frame;
	TRAP(INT(VECTOR));
	assert_shut_down();
	assert_memory_equal(&cpu, guest->cpu, sizeof(cpu));
	assert_memory_equal(frame.regs, guest->frame->regs, sizeof(frame.regs));
	assert_int_equal(guest->frame->rip, CODE_AT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_exception_is_delivered_with_where_it_was),
		TEST(an_error_code_lies_below_the_frame),
		TEST(the_frame_is_aligned_to_16_bytes),
		TEST(a_gates_upper_half_is_the_upper_half_of_rip),
		TEST(an_interrupt_gate_clears_if_a_trap_gate_does_not),
		TEST(a_handler_begins_without_tf_and_rf),
		TEST(a_fault_is_to_be_resumed_and_a_trap_is_not),
		TEST(int_n_returns_behind_it_and_int3_too),
		TEST(int_3_of_two_bytes_is_an_int_n),
		TEST(int_n_of_an_exceptions_vector_pushes_no_error),
		TEST(code_by_a_gate_has_been_accessed_and_is_at_ring_0),
		TEST(a_vector_beyond_the_idt_is_a_gp_of_it),
		TEST(a_gate_of_another_type_is_a_gp_even_if_absent),
		TEST(an_absent_gate_is_an_np_of_it),
		TEST(what_an_exception_fails_by_is_external),
		TEST(a_gates_code_is_present_code_of_64_bits_and_ring_0),
		TEST(a_handler_that_is_not_canonical_is_a_gp),
		TEST(an_idt_that_is_not_mapped_is_a_page_fault),
		TEST(an_ist_is_taken_from_the_tss),
		TEST(an_ist_beyond_the_tss_is_a_ts_of_it),
		TEST(a_stack_that_is_not_canonical_is_an_ss),
		TEST(a_frame_may_end_where_the_lower_half_does),
		TEST(cr2_is_of_the_first_word_that_cannot_be_pushed),
		TEST(a_stack_that_is_read_only_is_a_page_fault_of_its_own),
		TEST(no_frame_is_written_into_the_monitor),
		TEST(contributory_upon_contributory_doubles),
		TEST(a_page_fault_upon_contributory_is_delivered),
		TEST(contributory_or_a_page_fault_upon_a_page_fault_doubles),
		TEST(upon_benign_ones_the_second_is_delivered),
		TEST(int_n_is_benign_whatever_its_vector),
		TEST(cr2_is_of_the_page_fault_that_doubled),
		TEST(a_double_fault_that_cannot_be_delivered_ends_the_guest),
		TEST(a_guest_without_an_idt_ends),
		TEST(an_exception_that_cannot_be_delivered_leaves_the_virtual_cpu),
	};

	return cmocka_run_group_tests_name("monitor_deliver", tests, NULL, NULL);
}
