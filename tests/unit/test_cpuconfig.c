/* SPDX-License-Identifier: Apache-2.0 */
/* cpuconfig and lcr3: what a guest at ring 3 has the VMM set for it, and what it may not have set. */
#include "tests/unit/test_machine.h"

#include <asm/processor-flags.h>

static int64_t cpuconfig(struct fixture *f, uint64_t what, uint64_t value, uint64_t value2)
{
	return call(f, KVICK_CALL_CPUCONFIG, what, value, value2);
}

static void a_setting_that_there_is_not_is_invalid(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(cpuconfig(f, KVICK_CPU_FAULT_ADDRESS + 1, 0, 0), -KVICK_EINVAL);
	assert_int_equal(cpuconfig(f, UINT64_MAX, 0, 0), -KVICK_EINVAL);
}

static void a_handler_is_set_and_the_one_before_returned(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(cpuconfig(f, KVICK_CPU_HANDLER, 14, 0x100100), 0);
	assert_int_equal(call_result(f), 0);
	assert_int_equal(cpuconfig(f, KVICK_CPU_HANDLER, 14, 0x100200), 0);
	assert_int_equal(call_result(f), 0x100100);
	assert_int_equal(cpuconfig(f, KVICK_CPU_HANDLER, 14, 0), 0);
	assert_int_equal(call_result(f), 0x100200);
	assert_int_equal(cpuconfig(f, KVICK_CPU_HANDLER, 14, 0), 0);
	assert_int_equal(call_result(f), 0);
}

static void the_vmms_own_vectors_are_not_given_away(void **state)
{
	static const unsigned reserved[] = { 2, 8, 18 };
	struct fixture *f = *state;
	uint8_t before[GUEST_PAGE_BYTES];

	guest_mem_read(&f->m.mem, gpa(LAYOUT_SYSTEM_PAGE), before, sizeof(before));
	for (unsigned i = 0; i < COUNT_OF(reserved); i++)
		assert_int_equal(cpuconfig(f, KVICK_CPU_HANDLER, reserved[i], 0x100100), -KVICK_EINVAL);
	assert_memory_equal(guest_mem_span(&f->m.mem, gpa(LAYOUT_SYSTEM_PAGE), 4096), before, 4096);
}

static void all_other_vectors_are(void **state)
{
	struct fixture *f = *state;

	for (unsigned vector = 0; vector < 32; vector++)
		if (vector != 2 && vector != 8 && vector != 18)
			assert_int_equal(cpuconfig(f, KVICK_CPU_HANDLER, vector, 0x100100), 0);
}

static void a_vector_above_31_is_invalid(void **state)
{
	static const uint64_t vectors[] = { 32, 64, 255, 1ull << 32, (1ull << 32) + 14, UINT64_MAX };
	struct fixture *f = *state;

	for (unsigned i = 0; i < COUNT_OF(vectors); i++)
		assert_int_equal(cpuconfig(f, KVICK_CPU_HANDLER, vectors[i], 0x100100), -KVICK_EINVAL);
}

static void a_handler_that_is_not_canonical_is_invalid(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(cpuconfig(f, KVICK_CPU_HANDLER, 14, 0x0000800000000000), -KVICK_EINVAL);
	assert_int_equal(cpuconfig(f, KVICK_CPU_HANDLER, 14, 0xffff7fffffffffff), -KVICK_EINVAL);
	assert_int_equal(cpuconfig(f, KVICK_CPU_HANDLER, 14, 0xffff800000000000), 0);
}

static void fs_and_gs_base_are_set_and_the_one_before_returned(void **state)
{
	struct fixture *f = *state;

	f->cpu.sregs.fs.base = 0x1111;
	f->cpu.sregs.gs.base = 0x2222;
	assert_int_equal(cpuconfig(f, KVICK_CPU_FS_BASE, 0x7fff00001000, 0), 0);
	assert_int_equal(call_result(f), 0x1111);
	assert_int_equal(cpuconfig(f, KVICK_CPU_GS_BASE, 0xffff800000000000, 0), 0);
	assert_int_equal(call_result(f), 0x2222);
	assert_int_equal(guest_next(f).sregs.fs.base, 0x7fff00001000);
	assert_int_equal(guest_next(f).sregs.gs.base, 0xffff800000000000);
}

static void setting_a_base_changes_no_other_register(void **state)
{
	struct fixture *f = *state;
	struct vcpu_state before = f->cpu, after;

	assert_int_equal(cpuconfig(f, KVICK_CPU_FS_BASE, 0x5000, 0), 0);
	after = guest_next(f);
	before.sregs.fs.base = 0x5000;
	assert_memory_equal(&after, &before, sizeof(after));
}

static void a_base_that_is_not_canonical_is_invalid(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(cpuconfig(f, KVICK_CPU_FS_BASE, 0x0000800000000000, 0), -KVICK_EINVAL);
	assert_int_equal(cpuconfig(f, KVICK_CPU_GS_BASE, 0xffff7fffffffffff, 0), -KVICK_EINVAL);
	assert_int_equal(guest_next(f).sregs.fs.base, 0);
}

static void the_interrupt_flag_is_set_and_cleared(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(cpuconfig(f, KVICK_CPU_INTERRUPT_FLAG, 1, 0), 0);
	assert_int_equal(call_result(f), 0);
	assert_true(guest_next(f).regs.rflags & X86_EFLAGS_IF);
	assert_int_equal(cpuconfig(f, KVICK_CPU_INTERRUPT_FLAG, 0, 0), 0);
	assert_int_equal(call_result(f), 1);
	assert_false(guest_next(f).regs.rflags & X86_EFLAGS_IF);
}

static void an_interrupt_flag_of_neither_0_nor_1_is_invalid(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(cpuconfig(f, KVICK_CPU_INTERRUPT_FLAG, 2, 0), -KVICK_EINVAL);
	assert_int_equal(cpuconfig(f, KVICK_CPU_INTERRUPT_FLAG, 1ull << 32, 0), -KVICK_EINVAL);
	assert_int_equal(cpuconfig(f, KVICK_CPU_INTERRUPT_FLAG, 0, 0), 0);
	assert_int_equal(call_result(f), 0);
}

static void the_address_of_the_last_page_fault_is_told(void **state)
{
	struct fixture *f = *state;

	f->cpu.sregs.cr2 = 0xffff800012345678;
	assert_int_equal(cpuconfig(f, KVICK_CPU_FAULT_ADDRESS, 0, 0), 0);
	assert_int_equal(call_result(f), 0xffff800012345678);
	assert_int_equal(f->m.vcpu.run->kvm_dirty_regs, 0);
}

static void the_address_of_the_last_page_fault_cannot_be_set(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(cpuconfig(f, KVICK_CPU_FAULT_ADDRESS, 1, 0), -KVICK_EINVAL);
}

static void a_host_that_does_not_give_registers_is_an_io_error(void **state)
{
	struct fixture *f = *state;

	f->get_result = -EINVAL;
	assert_int_equal(cpuconfig(f, KVICK_CPU_INTERRUPT_FLAG, 1, 0), -KVICK_EIO);
	assert_int_equal(cpuconfig(f, KVICK_CPU_FS_BASE, 0x5000, 0), -KVICK_EIO);
	assert_int_equal(cpuconfig(f, KVICK_CPU_FAULT_ADDRESS, 0, 0), -KVICK_EIO);
	assert_int_equal(call(f, KVICK_CALL_LCR3, f->m.pgd), -KVICK_EIO);
	assert_int_equal(f->m.vcpu.run->kvm_dirty_regs, 0);
	assert_int_equal(f->m.interrupt_flag, 0);
}

/* --- lcr3 --- */

/* The guest's tables once more, in its own memory: top level and the path to the low pages. */
static uint64_t copy_of_tables(struct fixture *f)
{
	uint64_t from = f->m.pgd, at = FREE + 0x10000, copy = at;

	for (unsigned level = PAGETABLE_LEVELS; level >= 1; level--, at += GUEST_PAGE_BYTES) {
		uint64_t *to = guest_mem_span(&f->m.mem, gpa(at), GUEST_PAGE_BYTES);

		guest_mem_read(&f->m.mem, gpa(from), to, GUEST_PAGE_BYTES);
		from = to[0] & PTE_ADDR;
		if (level > 1)
			to[0] = (to[0] & ~PTE_ADDR) | (at + GUEST_PAGE_BYTES);
	}
	return copy;
}

/* The entry of the copy that maps a low page. */
static uint64_t *copied_entry(struct fixture *f, uint64_t va)
{
	return guest_mem_span(&f->m.mem, gpa(FREE + 0x13000 + va / GUEST_PAGE_BYTES * 8), 8);
}

static void lcr3_switches_to_tables_that_serve(void **state)
{
	struct fixture *f = *state;
	uint64_t copy = copy_of_tables(f);

	assert_int_equal(call(f, KVICK_CALL_LCR3, copy), 0);
	assert_int_equal(guest_next(f).sregs.cr3, copy);
}

static void lcr3_changes_no_other_register(void **state)
{
	struct fixture *f = *state;
	struct vcpu_state before = f->cpu, after;

	before.sregs.cr3 = copy_of_tables(f);
	assert_int_equal(call(f, KVICK_CALL_LCR3, before.sregs.cr3), 0);
	after = guest_next(f);
	assert_memory_equal(&after, &before, sizeof(after));
}

static void lcr3_of_an_address_within_a_page_is_invalid(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(call(f, KVICK_CALL_LCR3, f->m.pgd + 8), -KVICK_EINVAL);
	assert_int_equal(call(f, KVICK_CALL_LCR3, UINT64_MAX), -KVICK_EINVAL);
}

static void lcr3_of_an_address_outside_ram_is_a_fault(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(call(f, KVICK_CALL_LCR3, RAM), -KVICK_EFAULT);
	assert_int_equal(call(f, KVICK_CALL_LCR3, UINT64_MAX - 4095), -KVICK_EFAULT);
	assert_int_equal(call(f, KVICK_CALL_LCR3, PTE_NX | f->m.pgd), -KVICK_EFAULT);
}

static void assert_lcr3_refuses(struct fixture *f, uint64_t va, uint64_t clear, uint64_t set)
{
	uint64_t copy = copy_of_tables(f), *entry = copied_entry(f, va);

	*entry = (*entry & ~clear) | set;
	assert_int_equal(call(f, KVICK_CALL_LCR3, copy), -KVICK_EINVAL);
	assert_int_equal(guest_next(f).sregs.cr3, f->m.pgd);
}

static const uint64_t exception_pages[] = {
	LAYOUT_SYSTEM_PAGE, LAYOUT_BOOT_INFO, LAYOUT_CRASH_STACK_TOP - 1, LAYOUT_HANDLER_STACK_TOP - 1,
};

static void lcr3_refuses_an_empty_table(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(call(f, KVICK_CALL_LCR3, FREE + 0x10000), -KVICK_EINVAL);
}

static void lcr3_refuses_tables_without_what_exceptions_need(void **state)
{
	for (unsigned i = 0; i < COUNT_OF(exception_pages); i++)
		assert_lcr3_refuses(*state, exception_pages[i], PTE_PRESENT, 0);
}

static void lcr3_refuses_tables_that_map_it_elsewhere(void **state)
{
	for (unsigned i = 0; i < COUNT_OF(exception_pages); i++)
		assert_lcr3_refuses(*state, exception_pages[i], PTE_ADDR, FREE);
}

static void lcr3_refuses_stacks_that_cannot_be_written(void **state)
{
	for (unsigned i = 1; i < COUNT_OF(exception_pages); i++)
		assert_lcr3_refuses(*state, exception_pages[i], PTE_WRITE, 0);
}

static void lcr3_refuses_stubs_that_cannot_be_executed(void **state)
{
	assert_lcr3_refuses(*state, LAYOUT_SYSTEM_PAGE, 0, PTE_NX);
}

static void lcr3_refuses_at_ring_3_what_ring_3_cannot_reach(void **state)
{
	for (unsigned i = 0; i < COUNT_OF(exception_pages); i++)
		assert_lcr3_refuses(*state, exception_pages[i], PTE_USER, 0);
}

static void lcr3_at_ring_0_needs_no_user_pages(void **state)
{
	struct fixture *f = *state;
	uint64_t copy = copy_of_tables(f);

	assert_false(*copied_entry(f, LAYOUT_SYSTEM_PAGE) & PTE_USER);
	assert_int_equal(call(f, KVICK_CALL_LCR3, copy), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_setting_that_there_is_not_is_invalid),
		TEST(a_handler_is_set_and_the_one_before_returned),
		TEST(the_vmms_own_vectors_are_not_given_away),
		TEST(all_other_vectors_are),
		TEST(a_vector_above_31_is_invalid),
		TEST(a_handler_that_is_not_canonical_is_invalid),
		TEST(fs_and_gs_base_are_set_and_the_one_before_returned),
		TEST(setting_a_base_changes_no_other_register),
		TEST(a_base_that_is_not_canonical_is_invalid),
		TEST(the_interrupt_flag_is_set_and_cleared),
		TEST(an_interrupt_flag_of_neither_0_nor_1_is_invalid),
		TEST(the_address_of_the_last_page_fault_is_told),
		TEST(the_address_of_the_last_page_fault_cannot_be_set),
		TEST(a_host_that_does_not_give_registers_is_an_io_error),
		TEST(lcr3_switches_to_tables_that_serve),
		TEST(lcr3_changes_no_other_register),
		TEST(lcr3_of_an_address_within_a_page_is_invalid),
		TEST(lcr3_of_an_address_outside_ram_is_a_fault),
		TEST(lcr3_refuses_an_empty_table),
		TEST(lcr3_refuses_tables_without_what_exceptions_need),
		TEST(lcr3_refuses_tables_that_map_it_elsewhere),
		TEST(lcr3_refuses_stacks_that_cannot_be_written),
		TEST(lcr3_refuses_stubs_that_cannot_be_executed),
		TEST(lcr3_refuses_at_ring_3_what_ring_3_cannot_reach),
		TEST_RING0(lcr3_at_ring_0_needs_no_user_pages),
	};

	return cmocka_run_group_tests_name("cpuconfig", tests, NULL, NULL);
}
