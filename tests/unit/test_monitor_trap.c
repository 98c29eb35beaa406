/* SPDX-License-Identifier: Apache-2.0 */
/* The monitor as a whole: what a trap is about, single steps, page faults, ports, output. */
#include "tests/unit/monitor_fixture.h"

#define INT(n)  0xcd, (n)
#define PUSHF   0x9c
#define POPF    0x9d
#define SYSCALL 0x0f, 0x05

#define STEP 0x4000u /* of DR6 */

/* ---- what is emulated ---- */

static void a_privileged_instruction_is_emulated_at_its_gp(void **state)
{
	(void)state;
	TRAP(0x0f, 0x06);
	assert_int_equal(guest->frame->rip, CODE_AT + 2);
	assert_int_equal(guest->s->counts[X86_CLTS], 1);
}

static void a_patched_instruction_is_emulated_at_its_int3(void **state)
{
	(void)state;
	guest->cpu->flags = X86_EFLAGS_IF;
	TRAP(PUSHF);
	assert_int_equal(guest->frame->rip, CODE_AT + 1);
	assert_int_equal(word(STACK_MIDDLE - 8), X86_EFLAGS_FIXED | X86_EFLAGS_IF);
	assert_int_equal(guest->s->counts[X86_PUSHF], 1);
}

static void each_of_many_sites_is_found(void **state)
{
	struct monitor_site *sites = (struct monitor_site *)(guest->monitor + MONITOR_SITES);

	(void)state;
	for (unsigned i = 0; i < MONITOR_SITES_MAX; i++)
		sites[i] = (struct monitor_site){ .at = CODE_AT + 2 * i, .first = PUSHF };
	guest->s->site_count = MONITOR_SITES_MAX;
	for (unsigned i = 0; i < 2000; i++) {
		*memory(CODE_AT + 2 * i) = 0xcc;
		guest->frame->rip = CODE_AT + 2 * i + 1;
		guest->frame->regs[RSP] = STACK_MIDDLE;
		except(VECTOR_BP, 0);
		assert_int_equal(guest->frame->rip, CODE_AT + 2 * i + 1);
		assert_int_equal(guest->frame->regs[RSP], STACK_MIDDLE - 8);
	}
}

static void an_int3_of_the_guests_own_is_none_of_them(void **state)
{
	(void)state;
	TRAP(PUSHF);
	guest->frame->rip = CODE_AT + 3;
	except(VECTOR_BP, 0);
	assert_delivered(VECTOR_BP);
	assert_int_equal(delivered(FRAME_RIP), CODE_AT + 3);
	assert_int_equal(guest->s->counts[X86_INNOCUOUS], 1);
}

/* The guest has made something else of what follows. */
static void a_site_whose_instruction_is_gone_is_an_int3(void **state)
{
	(void)state;
	TRAP(0x0f, 0x01, 0x05, 0, 1, 0, 0); /* sgdt */
	*memory(CODE_AT + 1) = 0x04;        /* none at all */
	guest->frame->rip = CODE_AT + 1;
	except(VECTOR_BP, 0);
	assert_delivered(VECTOR_BP);
	assert_int_equal(delivered(FRAME_RIP), CODE_AT + 1);
}

static void a_site_count_that_is_spoilt_reaches_no_further_than_the_table(void **state)
{
	(void)state;
	guest->s->site_count = UINT64_MAX;
	guest->frame->rip = UINT64_MAX;
	except(VECTOR_BP, 0);
	assert_delivered(VECTOR_BP);
}

static void an_innocuous_instructions_exception_is_reflected(void **state)
{
	(void)state;
	TRAP(0x48, 0x8b, 0x03); /* mov (%rbx), %rax */
	assert_delivered_error(VECTOR_GP, 0);
	assert_int_equal(delivered(FRAME_RIP), CODE_AT);
}

static void code_at_the_end_of_what_is_mapped_is_read_as_far_as_it_goes(void **state)
{
	(void)state;
	*memory(CODE_AT + PAGE_BYTES - 1) = 0xfa; /* cli */
	guest->cpu->flags = X86_EFLAGS_IF;
	guest->frame->rip = CODE_AT + PAGE_BYTES - 1;
	except(VECTOR_GP, 0);
	assert_int_equal(guest->cpu->flags, 0);
	assert_int_equal(guest->frame->rip, CODE_AT + PAGE_BYTES);
}

static void rf_is_cleared_by_what_is_carried_out(void **state)
{
	(void)state;
	TRAP(0xfa);
	assert_int_equal(guest->frame->rflags, X86_EFLAGS_FIXED);
}

/* ---- single steps ---- */

static void a_step_is_taken_behind_an_emulated_instruction(void **state)
{
	(void)state;
	guest->frame->rflags |= X86_EFLAGS_TF;
	TRAP(0xfa);
	assert_delivered(VECTOR_DB);
	assert_int_equal(delivered(FRAME_RIP), CODE_AT + 1);
	assert_int_equal(delivered(FRAME_RFLAGS), X86_EFLAGS_FIXED | X86_EFLAGS_TF);
	assert_int_equal(guest->cpu->dr[6], 0xffff0ff0 | STEP);
}

static void a_real_step_says_so_in_dr6(void **state)
{
	(void)state;
	guest->frame->rflags |= X86_EFLAGS_TF;
	except(VECTOR_DB, 0);
	assert_delivered(VECTOR_DB);
	assert_int_equal(guest->cpu->dr[6], 0xffff0ff0 | STEP);
}

static void the_step_is_of_tf_as_it_was_before(void **state)
{
	(void)state;
	word_is(STACK_MIDDLE, X86_EFLAGS_FIXED | X86_EFLAGS_TF);
	TRAP(POPF);
	assert_int_equal(guest->frame->rip, CODE_AT + 1);
	word_is(STACK_MIDDLE, X86_EFLAGS_FIXED);
	guest->frame->regs[RSP] = STACK_MIDDLE;
	TRAP(POPF);
	assert_delivered(VECTOR_DB);
	assert_int_equal(delivered(FRAME_RFLAGS), X86_EFLAGS_FIXED);
}

static void a_load_of_ss_by_mov_holds_the_step_back(void **state)
{
	(void)state;
	guest->frame->rflags |= X86_EFLAGS_TF;
	guest->frame->regs[RAX] = SEL_DATA;
	TRAP(0x8e, 0xd0);
	assert_int_equal(guest->frame->rip, CODE_AT + 2);
	assert_int_equal(guest->cpu->dr[6], 0xffff0ff0);
	TRAP(0x8e, 0xd8); /* of DS it does not */
	assert_delivered(VECTOR_DB);
}

static void iret_leaves_rf_as_it_has_loaded_it(void **state)
{
	static const uint64_t words[] = { 0x1000, SEL_CODE, X86_EFLAGS_FIXED | X86_EFLAGS_RF, STACK_MIDDLE, SEL_DATA };

	(void)state;
	for (unsigned i = 0; i < COUNT_OF(words); i++)
		word_is(STACK_MIDDLE + i * 8, words[i]);
	TRAP(0x48, 0xcf);
	assert_int_equal(guest->frame->rip, 0x1000);
	assert_int_equal(guest->frame->rflags, X86_EFLAGS_FIXED | X86_EFLAGS_RF);
}

static void a_fault_is_not_stepped(void **state)
{
	(void)state;
	guest->frame->rflags |= X86_EFLAGS_TF;
	guest->frame->regs[RAX] = SEL_BEYOND;
	TRAP(0x8e, 0xd8);
	assert_delivered_error(VECTOR_GP, SEL_BEYOND);
	assert_int_equal(delivered(FRAME_RFLAGS) & X86_EFLAGS_TF, X86_EFLAGS_TF);
	assert_int_equal(guest->cpu->dr[6], 0xffff0ff0);
}

static void int_n_is_not_stepped(void **state)
{
	(void)state;
	guest->frame->rflags |= X86_EFLAGS_TF;
	TRAP(INT(0x80));
	assert_delivered(0x80);
	assert_int_equal(guest->cpu->dr[6], 0xffff0ff0);
}

static void syscall_is_stepped_unless_its_mask_clears_tf(void **state)
{
	(void)state;
	guest->cpu->efer |= 1;
	guest->cpu->star = (uint64_t)SEL_CODE << 32;
	guest->cpu->lstar = 0x5000;
	guest->cpu->sfmask = X86_EFLAGS_TF;
	guest->frame->rflags |= X86_EFLAGS_TF;
	TRAP(SYSCALL);
	assert_int_equal(guest->frame->rip, 0x5000);
	guest->cpu->sfmask = 0;
	guest->frame->rflags |= X86_EFLAGS_TF;
	TRAP(SYSCALL);
	assert_delivered(VECTOR_DB);
	assert_int_equal(delivered(FRAME_RIP), 0x5000);
}

/* ---- page faults ---- */

static uint64_t cr2;

static void say_cr2(struct guest *g, uint32_t request)
{
	if (request == REQUEST_PAGE_FAULT) {
		assert_int_equal(g->s->argument, g->frame->error);
		g->s->argument = cr2;
	}
}

static void a_page_fault_of_the_guests_is_one_of_a_supervisor(void **state)
{
	(void)state;
	cr2 = 0xabcdef;
	guest->serve = say_cr2;
	except(VECTOR_PF, 6);
	assert_delivered_error(VECTOR_PF, PF_WRITE);
	assert_int_equal(guest->cpu->cr2, 0xabcdef);
}

static void a_page_fault_is_one_of_a_fetch_with_nxe_alone(void **state)
{
	const uint64_t efer = guest->cpu->efer;

	(void)state;
	guest->serve = say_cr2;
	except(VECTOR_PF, 0x14);
	assert_delivered_error(VECTOR_PF, 0x10);
	guest->cpu->efer = efer & ~EFER_NX;
	except(VECTOR_PF, 0x14);
	assert_delivered_error(VECTOR_PF, 0);
}

static uint64_t entry;

static void store(struct guest *g, uint32_t request)
{
	if (request != REQUEST_PAGE_FAULT)
		return;
	g->s->stores[0].at = (uintptr_t)&entry;
	g->s->stores[0].value = 0x1234;
	g->s->store_count = 1;
	g->s->answer = 0;
}

static void a_page_fault_of_the_vmms_is_tried_again_after_its_stores(void **state)
{
	struct monitor_frame before;

	(void)state;
	entry = 0;
	guest->serve = store;
	guest->cpu->cr2 = 5;
	before = *guest->frame;
	except(VECTOR_PF, 0x14);
	assert_int_equal(entry, 0x1234);
	assert_int_equal(guest->frame->rip, before.rip);
	assert_memory_equal(guest->frame->regs, before.regs, sizeof(before.regs));
	assert_int_equal(guest->cpu->cr2, 5);
	assert_int_equal(guest->s->store_count, 0);
}

/* ---- ports ---- */

#define PUTS_PORT 0x502

static void port_io_is_the_vmms(void **state)
{
	(void)state;
	guest->frame->regs[RDX] = 0xffff0502;
	guest->frame->regs[RAX] = 0xaabbccdd11223344;
	DOES(0x66, 0xef);
	assert_int_equal(guest->s->port, 0x502);
	assert_int_equal(guest->s->port_bytes, 2);
	assert_int_equal(guest->s->port_value, 0x11223344);
	assert_int_equal(guest->s->port_in, 0);
	DOES(0xe4, 0xfe);
	assert_int_equal(guest->s->port, 0xfe);
	assert_int_equal(guest->s->port_bytes, 1);
	assert_int_equal(guest->s->port_in, 1);
	assert_int_equal(guest->requests[REQUEST_PORT], 2);
}

static void puts_is(uint64_t at, uint64_t bytes)
{
	guest->s->output_port = PUTS_PORT;
	guest->s->ram_bytes = 0x100000;
	word_is(DATA_AT, at);
	word_is(DATA_AT + 8, bytes);
	guest->frame->regs[RAX] = 0xffffffff00000000 | DATA_AT;
	guest->frame->regs[RDX] = PUTS_PORT;
}

static void output_is_gathered(void **state)
{
	(void)state;
	memcpy(memory(DATA_AT + 0x100), "hello", 5);
	puts_is(DATA_AT + 0x100, 5);
	guest->s->output_head = guest->s->output_tail = UINT32_MAX - 1; /* and goes round */
	DOES(0xef);
	assert_int_equal(guest->requests[REQUEST_PORT], 0);
	assert_int_equal(guest->s->output_head, 3);
	assert_int_equal(guest->s->output_calls, 1);
	assert_memory_equal(guest->monitor + MONITOR_OUTPUT + 4094, "he", 2);
	assert_memory_equal(guest->monitor + MONITOR_OUTPUT, "llo", 3);
}

static void drain(struct guest *g, uint32_t request)
{
	if (request == REQUEST_OUTPUT)
		g->s->output_tail = g->s->output_head;
}

static void output_without_room_is_printed_first(void **state)
{
	(void)state;
	guest->serve = drain;
	puts_is(DATA_AT + PAGE_BYTES, 100);
	guest->s->output_head = MONITOR_OUTPUT_BYTES - 99;
	DOES(0xef);
	assert_int_equal(guest->requests[REQUEST_OUTPUT], 1);
	assert_int_equal(guest->s->output_head, MONITOR_OUTPUT_BYTES + 1);
}

static void output_that_cannot_be_gathered_is_a_call_like_others(void **state)
{
	static const struct { uint64_t at, bytes; } rows[] = {
		{ DATA_AT, MONITOR_OUTPUT_BYTES + 1 }, { 0x100000, 1 }, { 0xfffff, 2 }, { UINT64_MAX, 1 }, { UNMAPPED, 1 },
		{ DATA_AT + 2 * PAGE_BYTES - 1, 2 }, { MONITOR_VIRTUAL, 1 }, { DATA_AT, UINT64_MAX },
	};

	(void)state;
	for (unsigned i = 0; i < COUNT_OF(rows); i++) {
		puts_is(rows[i].at, rows[i].bytes);
		DOES(0xef);
		assert_int_equal(guest->requests[REQUEST_PORT], i + 1);
		assert_int_equal(guest->s->output_head, 0);
	}
}

static void output_counters_that_are_spoilt_stay_in_the_page(void **state)
{
	(void)state;
	puts_is(DATA_AT, MONITOR_OUTPUT_BYTES);
	guest->s->output_head = 5;
	guest->s->output_tail = 0x12345678;
	DOES(0xef);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_privileged_instruction_is_emulated_at_its_gp),
		TEST(a_patched_instruction_is_emulated_at_its_int3),
		TEST(each_of_many_sites_is_found),
		TEST(an_int3_of_the_guests_own_is_none_of_them),
		TEST(a_site_whose_instruction_is_gone_is_an_int3),
		TEST(a_site_count_that_is_spoilt_reaches_no_further_than_the_table),
		TEST(an_innocuous_instructions_exception_is_reflected),
		TEST(code_at_the_end_of_what_is_mapped_is_read_as_far_as_it_goes),
		TEST(rf_is_cleared_by_what_is_carried_out),
		TEST(a_step_is_taken_behind_an_emulated_instruction),
		TEST(a_real_step_says_so_in_dr6),
		TEST(the_step_is_of_tf_as_it_was_before),
		TEST(a_load_of_ss_by_mov_holds_the_step_back),
		TEST(iret_leaves_rf_as_it_has_loaded_it),
		TEST(a_fault_is_not_stepped),
		TEST(int_n_is_not_stepped),
		TEST(syscall_is_stepped_unless_its_mask_clears_tf),
		TEST(a_page_fault_of_the_guests_is_one_of_a_supervisor),
		TEST(a_page_fault_is_one_of_a_fetch_with_nxe_alone),
		TEST(a_page_fault_of_the_vmms_is_tried_again_after_its_stores),
		TEST(port_io_is_the_vmms),
		TEST(output_is_gathered),
		TEST(output_without_room_is_printed_first),
		TEST(output_that_cannot_be_gathered_is_a_call_like_others),
		TEST(output_counters_that_are_spoilt_stay_in_the_page),
	};

	return cmocka_run_group_tests_name("monitor_trap", tests, NULL, NULL);
}
