/* SPDX-License-Identifier: Apache-2.0 */
/* Where the monitor finds operands: addresses of all kinds, and memory that is not there. AMD64 APM 3, 1.4 and 1.5. */
#include "tests/unit/monitor_fixture.h"

/* sgdt, with a ModRM of 00 reg rm: its address is where the limit's 0x7f is stored. */
#define SGDT 0x0f, 0x01

static void assert_stored_at(uint64_t at)
{
	assert_int_equal(*memory(at), SEL_LAST + 7);
	*memory(at) = 0;
}

#define STORES(at, ...)                          \
	do {                                     \
		DOES(__VA_ARGS__);               \
		assert_stored_at(at);            \
	} while (0)

static void every_register_is_a_base(void **state)
{
	(void)state;
	for (unsigned reg = 0; reg < 16; reg++) {
		guest->frame->regs[RSP] = STACK_MIDDLE;
		guest->frame->regs[reg] = DATA_AT + 0x80 + reg;
		if ((reg & 7) == RSP)
			STORES(DATA_AT + 0x80 + reg, reg & 8 ? 0x41 : 0x40, SGDT, 0x04, 0x24);
		else if ((reg & 7) == RBP)
			STORES(DATA_AT + 0x80 + reg, reg & 8 ? 0x41 : 0x40, SGDT, 0x45, 0x00);
		else
			STORES(DATA_AT + 0x80 + reg, reg & 8 ? 0x41 : 0x40, SGDT, reg & 7);
	}
}

static void displacements_are_of_8_and_32_bits_and_signed(void **state)
{
	(void)state;
	guest->frame->regs[RBX] = DATA_AT + 0x100;
	STORES(DATA_AT + 0x80, SGDT, 0x43, 0x80);
	STORES(DATA_AT + 0x17f, SGDT, 0x43, 0x7f);
	STORES(DATA_AT, SGDT, 0x83, 0x00, 0xff, 0xff, 0xff);
}

static void an_index_is_scaled(void **state)
{
	(void)state;
	guest->frame->regs[RBX] = DATA_AT;
	guest->frame->regs[RSI] = 0x21;
	guest->frame->regs[R12] = 0x31;
	for (unsigned scale = 0; scale < 4; scale++) {
		STORES(DATA_AT + (0x21u << scale), SGDT, 0x04, (uint8_t)(scale << 6 | 0x33));
		STORES(DATA_AT + (0x31u << scale), 0x42, SGDT, 0x04, (uint8_t)(scale << 6 | 0x23)); /* r12 is one */
	}
}

static void rsp_is_no_index(void **state)
{
	(void)state;
	guest->frame->regs[RBX] = DATA_AT;
	STORES(DATA_AT, SGDT, 0x04, 0xe3);
}

static void without_base_there_are_32_bits_of_displacement(void **state)
{
	(void)state;
	guest->frame->regs[RSI] = 8;
	STORES(DATA_AT + 0x40, SGDT, 0x04, 0x25, 0x40, 0x00, 0x02, 0x00);
	STORES(DATA_AT + 0x50, SGDT, 0x04, 0x75, 0x40, 0x00, 0x02, 0x00);
	STORES(DATA_AT + 0x40, 0x41, SGDT, 0x04, 0x25, 0x40, 0x00, 0x02, 0x00); /* whatever REX.B says */
}

static void rip_relative_is_from_the_next_instruction(void **state)
{
	(void)state;
	STORES(CODE_AT + 7 + 0x200, SGDT, 0x05, 0x00, 0x02, 0x00, 0x00);
	STORES(CODE_AT + 8 + 0x200, 0x41, SGDT, 0x05, 0x00, 0x02, 0x00, 0x00);
}

static void an_address_size_prefix_cuts_to_32_bits(void **state)
{
	(void)state;
	guest->frame->regs[RBX] = NOT_CANONICAL | DATA_AT;
	STORES(DATA_AT, 0x67, SGDT, 0x03);
	guest->frame->regs[RBX] = 0xfffffff0;
	guest->frame->regs[RSI] = DATA_AT + 0x10;
	STORES(DATA_AT, 0x67, SGDT, 0x04, 0x33);
}

static void fs_and_gs_add_their_bases_after_that(void **state)
{
	(void)state;
	guest->cpu->fs_base = HIGH_BEGIN;
	guest->cpu->gs_base = HIGH_BEGIN - 0x100;
	guest->frame->regs[RBX] = 0x120;
	STORES(HIGH_BEGIN + 0x120, 0x64, SGDT, 0x03);
	STORES(HIGH_BEGIN + 0x20, 0x65, SGDT, 0x03);
	guest->frame->regs[RBX] = 0xabcd00000120;
	STORES(HIGH_BEGIN + 0x120, 0x64, 0x67, SGDT, 0x03);
	guest->frame->regs[RBX] = 0x120;
	STORES(HIGH_BEGIN + 0x20, 0x64, 0x65, SGDT, 0x03); /* the last one counts */
	guest->frame->regs[RBX] = DATA_AT;
	STORES(DATA_AT, 0x3e, SGDT, 0x03);                 /* and no others */
}

static void an_address_that_is_not_canonical_is_a_gp_or_by_the_stack_an_ss(void **state)
{
	(void)state;
	guest->frame->regs[RBX] = guest->frame->regs[RBP] = guest->frame->regs[RSP] = guest->frame->regs[R12] =
		guest->frame->regs[R13] = NOT_CANONICAL;
	guest->frame->regs[RSI] = 0;
	FAULTS(VECTOR_GP, 0, SGDT, 0x03);
	FAULTS(VECTOR_SS, 0, SGDT, 0x45, 0x00);             /* (%rbp) */
	FAULTS(VECTOR_SS, 0, SGDT, 0x04, 0x24);             /* (%rsp) */
	FAULTS(VECTOR_SS, 0, SGDT, 0x44, 0x35, 0x00);       /* (%rbp,%rsi) */
	FAULTS(VECTOR_GP, 0, 0x41, SGDT, 0x45, 0x00);       /* (%r13) */
	FAULTS(VECTOR_GP, 0, 0x41, SGDT, 0x04, 0x24);       /* (%r12) */
	FAULTS(VECTOR_GP, 0, SGDT, 0x44, 0x2e, 0x00);       /* (%rsi,%rbp) */
	FAULTS(VECTOR_GP, 0, SGDT, 0x04, 0x2d, 0, 0, 0, 0); /* (,%rbp) */
	FAULTS(VECTOR_GP, 0, 0x64, SGDT, 0x45, 0x00);       /* %fs:(%rbp) */
}

static void an_operand_does_not_reach_out_of_the_canonical(void **state)
{
	(void)state;
	guest->frame->regs[RBX] = LOW_END - 9;
	FAULTS(VECTOR_GP, 0, SGDT, 0x03);
	guest->frame->regs[RBX] = LOW_END - 10;
	STORES(LOW_END - 10, SGDT, 0x03);
	guest->frame->regs[RBX] = HIGH_BEGIN - 1;
	FAULTS(VECTOR_GP, 0, SGDT, 0x03);
}

/* ---- the monitor's own memory ---- */

static void the_monitor_is_as_if_not_mapped(void **state)
{
	static const uint64_t offsets[] = {
		0, MONITOR_STATE, MONITOR_TEXT, MONITOR_GUEST_TABLES, MONITOR_VIRTUAL_BYTES - 10, MONITOR_VIRTUAL_BYTES - 1,
	};

	(void)state;
	for (unsigned i = 0; i < COUNT_OF(offsets); i++) {
		guest->frame->regs[RBX] = MONITOR_VIRTUAL + offsets[i];
		PAGE_FAULTS(MONITOR_VIRTUAL + offsets[i], PF_WRITE, SGDT, 0x03);
		PAGE_FAULTS(MONITOR_VIRTUAL + offsets[i], 0, SGDT, 0x13); /* lgdt */
	}
}

static void an_operand_that_reaches_into_the_monitor_faults_there(void **state)
{
	(void)state;
	guest->frame->regs[RBX] = MONITOR_VIRTUAL - 4;
	PAGE_FAULTS(MONITOR_VIRTUAL, 0, SGDT, 0x13);
	page_of(MONITOR_VIRTUAL - PAGE_BYTES)->present = false;
	PAGE_FAULTS(MONITOR_VIRTUAL - 4, 0, SGDT, 0x13);
	PAGE_FAULTS(MONITOR_VIRTUAL - 4, PF_WRITE, SGDT, 0x03);
}

static void what_ends_where_the_monitor_begins_is_the_guests(void **state)
{
	(void)state;
	guest->frame->regs[RBX] = MONITOR_VIRTUAL - 10;
	STORES(MONITOR_VIRTUAL - 10, SGDT, 0x03);
}

static void behind_the_monitor_nothing_wraps_into_it(void **state)
{
	(void)state;
	guest->frame->regs[RBX] = UINT64_MAX - 4;
	PAGE_FAULTS(UINT64_MAX - 4, PF_WRITE, SGDT, 0x03);
	guest->frame->regs[RBX] = MONITOR_VIRTUAL + MONITOR_VIRTUAL_BYTES;
	PAGE_FAULTS(MONITOR_VIRTUAL + MONITOR_VIRTUAL_BYTES, PF_WRITE, SGDT, 0x03);
}

static void tables_in_the_monitor_are_as_if_not_mapped(void **state)
{
	(void)state;
	guest->cpu->gdtr.base = MONITOR_VIRTUAL + MONITOR_SYSTEM;
	guest->frame->regs[RAX] = SEL_DATA;
	PAGE_FAULTS(MONITOR_VIRTUAL + MONITOR_SYSTEM + SEL_DATA, 0, 0x8e, 0xd8);
}

static void a_descriptor_that_cannot_be_addressed_is_a_gp(void **state)
{
	(void)state;
	guest->cpu->gdtr = (struct virtual_table){ LOW_END - 16, 0xffff };
	guest->frame->regs[RAX] = SEL_TEST;
	FAULTS(VECTOR_GP, 0, 0x8e, 0xd8);
}

/* ---- pages that are read-only because they are executed ---- */

static unsigned allowed;

/* As the VMM: the page is data again, by a store of the monitor's into the page table. */
static void allow(struct guest *g, uint32_t request)
{
	static uint64_t entry;

	if (request != REQUEST_PAGE_FAULT)
		return;
	assert_int_equal(g->s->argument, PF_HELD | 4);
	allowed++;
	page_of(READ_ONLY_AT)->writable = true;
	entry = 0;
	g->s->stores[0].at = (uintptr_t)&entry;
	g->s->stores[0].value = 7;
	g->s->store_count = 1;
	g->s->answer = 0;
	g->s->argument = READ_ONLY_AT;
}

static void a_store_that_only_looks_forbidden_is_made_after_asking(void **state)
{
	(void)state;
	allowed = 0;
	guest->serve = allow;
	guest->cpu->cr2 = 0x1234;
	guest->frame->regs[RBX] = READ_ONLY_AT - 5; /* half of it in another page, which is not there */
	PAGE_FAULTS(READ_ONLY_AT - 5, PF_WRITE, SGDT, 0x03);
	guest->frame->regs[RBX] = READ_ONLY_AT;
	STORES(READ_ONLY_AT, SGDT, 0x03);
	assert_int_equal(allowed, 1);
	assert_int_equal(guest->s->store_count, 0);
	assert_int_equal(guest->cpu->cr2, 0x1234);
}

static void a_store_that_is_forbidden_is_a_page_fault(void **state)
{
	(void)state;
	guest->frame->regs[RBX] = READ_ONLY_AT;
	PAGE_FAULTS(READ_ONLY_AT, PF_HELD, SGDT, 0x03);
	assert_int_equal(guest->requests[REQUEST_PAGE_FAULT], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_register_is_a_base),
		TEST(displacements_are_of_8_and_32_bits_and_signed),
		TEST(an_index_is_scaled),
		TEST(rsp_is_no_index),
		TEST(without_base_there_are_32_bits_of_displacement),
		TEST(rip_relative_is_from_the_next_instruction),
		TEST(an_address_size_prefix_cuts_to_32_bits),
		TEST(fs_and_gs_add_their_bases_after_that),
		TEST(an_address_that_is_not_canonical_is_a_gp_or_by_the_stack_an_ss),
		TEST(an_operand_does_not_reach_out_of_the_canonical),
		TEST(the_monitor_is_as_if_not_mapped),
		TEST(an_operand_that_reaches_into_the_monitor_faults_there),
		TEST(what_ends_where_the_monitor_begins_is_the_guests),
		TEST(behind_the_monitor_nothing_wraps_into_it),
		TEST(tables_in_the_monitor_are_as_if_not_mapped),
		TEST(a_descriptor_that_cannot_be_addressed_is_a_gp),
		TEST(a_store_that_only_looks_forbidden_is_made_after_asking),
		TEST(a_store_that_is_forbidden_is_a_page_fault),
	};

	return cmocka_run_group_tests_name("monitor_operands", tests, NULL, NULL);
}
