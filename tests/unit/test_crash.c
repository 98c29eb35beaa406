/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's death told: what the CPU left on the crash stack, in words. */
#include <asm/processor-flags.h>

#include "tests/unit/test_machine.h"
#include "vmm/exits.h"
#include "vmm/msr.h"

#define PF_PRESENT 1
#define PF_WRITE   2
#define PF_USER    4
#define PF_FETCH   16

#define CODE  0x100000ull /* an instruction of the guest's */
#define STACK (LAYOUT_STACK_TOP_LOW - 0x100)

/* What stub and CPU push, lowest address first (system_stubs.S). */
struct frame {
	uint64_t vector, error_code, rip, cs, rflags, rsp, ss;
};

/* The guest has died of an exception: its vCPU stands at the stub's OUT, or past it. */
static void die_at(struct fixture *f, const struct frame *frame, uint64_t past)
{
	uint64_t at = LAYOUT_CRASH_STACK_TOP - sizeof(*frame);

	assert_int_equal(guest_mem_write(&f->m.mem, gpa(at), frame, sizeof(*frame)), 0);
	f->cpu.regs.rsp = at;
	f->cpu.regs.rip = system_stub(STUB_FAULT_OUT) + past;
	f->m.vcpu.run->exit_reason = KVM_EXIT_IO;
	crash_from_stub(&f->m);
	assert_int_equal(f->m.outcome, OUTCOME_CRASHED);
}

static void die(struct fixture *f, uint64_t vector, uint64_t error_code)
{
	die_at(f, &(struct frame){ vector, error_code, CODE, SELECTOR_CODE3, 0x10246, STACK, SELECTOR_DATA3 }, 0);
}

static const char *page_fault(struct fixture *f, uint64_t address, uint64_t error_code)
{
	f->cpu.sregs.cr2 = address;
	die(f, 14, error_code);
	return f->m.crash.reason;
}

static void a_read_of_the_null_page_is_a_null_pointer(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(page_fault(f, 0x18, PF_USER), "#PF page fault: cannot read 0x18, in the null page: null pointer");
	assert_says(page_fault(f, 0xfff, PF_USER), "null pointer");
}

static void a_call_of_null_is_told_as_execution(void **state)
{
	assert_says(page_fault(*state, 0, PF_USER | PF_FETCH), "cannot execute 0x0, in the null page: null pointer");
}

static void a_write_below_the_stack_is_a_stack_overflow(void **state)
{
	struct fixture *f = *state;

	assert_says(page_fault(f, f->m.plan.stack_base - 8, PF_USER | PF_WRITE), "the guard page under the stack: stack overflow");
	assert_says(page_fault(f, f->m.plan.stack_base - GUEST_PAGE_BYTES, PF_USER | PF_WRITE), "stack overflow");
}

static void the_stacks_own_lowest_byte_is_no_guard_page(void **state)
{
	struct fixture *f = *state;

	assert_null(strstr(page_fault(f, f->m.plan.stack_base, PF_USER | PF_WRITE | PF_PRESENT), "stack overflow"));
	assert_null(strstr(page_fault(f, f->m.plan.stack_base - GUEST_PAGE_BYTES - 1, PF_USER | PF_WRITE), "stack overflow"));
}

static void a_write_to_code_is_not_allowed_by_its_mapping(void **state)
{
	assert_string_equal(page_fault(*state, CODE + 8, PF_PRESENT | PF_WRITE | PF_USER),
			    "#PF page fault: cannot write to 0x100008, which its mapping does not allow");
}

static void execution_of_data_is_not_allowed_by_its_mapping(void **state)
{
	assert_says(page_fault(*state, 0x101000, PF_PRESENT | PF_USER | PF_FETCH),
		    "cannot execute 0x101000, which its mapping does not allow");
}

static void a_wild_pointer_is_not_mapped(void **state)
{
	assert_says(page_fault(*state, 0xdead0000, PF_USER), "cannot read 0xdead0000, which is not mapped");
}

static void the_frame_says_where_the_guest_was(void **state)
{
	struct fixture *f = *state;
	const struct crash *crash = &f->m.crash;

	die(f, 0, 0);
	assert_true(crash->state_known);
	assert_int_equal(crash->vector, 0);
	assert_string_equal(crash->vector_name, "#DE divide by zero");
	assert_string_equal(crash->reason, "#DE divide by zero, error code 0x0");
	assert_int_equal(crash->state.regs.rip, CODE);
	assert_int_equal(crash->state.regs.rsp, STACK);
	assert_int_equal(crash->state.regs.rflags, 0x10246);
	assert_int_equal(crash->state.sregs.cs.selector, SELECTOR_CODE3);
	assert_int_equal(crash->state.sregs.ss.selector, SELECTOR_DATA3);
	assert_int_equal(crash->kvm_exit_reason, KVM_EXIT_IO);
}

static void a_vcpu_that_stands_past_the_out_is_the_same(void **state)
{
	struct fixture *f = *state;

	die_at(f, &(struct frame){ 6, 0, CODE, SELECTOR_CODE3, 2, STACK, SELECTOR_DATA3 }, 2);
	assert_int_equal(f->m.crash.vector, 6);
	assert_int_equal(f->m.crash.state.regs.rip, CODE);
}

static void every_vector_has_a_name(void **state)
{
	struct fixture *f = *state;

	for (unsigned vector = 0; vector < SYSTEM_VECTORS; vector++) {
		f->m.crash = (struct crash){ 0 };
		die(f, vector, 0);
		assert_int_equal(f->m.crash.vector, vector);
		assert_true(strlen(f->m.crash.vector_name) > 2);
	}
}

static void the_error_code_is_told(void **state)
{
	struct fixture *f = *state;

	die(f, 11, 0x1234);
	assert_int_equal(f->m.crash.error_code, 0x1234);
	assert_string_equal(f->m.crash.reason, "#NP segment not present, error code 0x1234");
}

static void a_privileged_instruction_at_ring_3_is_named(void **state)
{
	struct fixture *f = *state;

	f->m.mem.host[CODE] = 0xf4;
	die(f, 13, 0);
	assert_says(f->m.crash.reason, "hlt is not allowed at ring 3");
	f->m.crash = (struct crash){ 0 };
	memcpy(f->m.mem.host + CODE, "\x0f\x30", 2);
	die(f, 13, 0);
	assert_says(f->m.crash.reason, "wrmsr is not allowed at ring 3");
}

static void the_same_instruction_at_ring_0_is_not_blamed(void **state)
{
	struct fixture *f = *state;

	f->m.mem.host[CODE] = 0xf4;
	die(f, 13, 0);
	assert_string_equal(f->m.crash.reason, "#GP general protection, error code 0x0");
}

/* KVM writes its own vendor's instruction over the other's: to text, that is a page fault of the guest's. */
static void the_other_vendors_doorbell_is_named(void **state)
{
	struct fixture *f = *state;

	f->m.doorbell = KVICK_DOORBELL_VMMCALL;
	memcpy(f->m.mem.host + CODE, "\x0f\x01\xc1", 3);
	f->cpu.sregs.cr2 = CODE;
	die(f, 14, 3);
	assert_says(f->m.crash.reason, "#PF page fault: vmcall is not the doorbell here, vmmcall is");
	die(f, 6, 0);
	assert_says(f->m.crash.reason, "#UD invalid opcode: vmcall is not the doorbell here, vmmcall is");
	f->cpu.sregs.cr2 = 0x7000;
	die(f, 14, 3);
	assert_says(f->m.crash.reason, "cannot write to 0x7000");
	memcpy(f->m.mem.host + CODE, "\x0f\x01\xd9", 3);
	f->cpu.sregs.cr2 = CODE;
	die(f, 14, 3);
	assert_says(f->m.crash.reason, "cannot write to 0x");
	f->m.doorbell = KVICK_DOORBELL_PORT;
	die(f, 6, 0);
	assert_says(f->m.crash.reason, "vmmcall is not the doorbell here, the port is");
}

#define SLOT_1 (512ull << 30)

/* Slot 1 of the top level, which is empty: a table of its own with one entry, for 1 GiB. */
static void map_slot_1(struct fixture *f, uint64_t table, uint64_t entry)
{
	*(uint64_t *)guest_mem_span(&f->m.mem, gpa(f->m.pgd + 8), 8) = table | PTE_PRESENT;
	if (table < RAM)
		*(uint64_t *)guest_mem_span(&f->m.mem, gpa(table), 8) = entry;
}

/* A CPU gives a #UD for it, or a KVM that could not emulate. */
static void code_outside_ram_is_named_whatever_came_of_it(void **state)
{
	struct fixture *f = *state;
	static const char wanted[] = "cannot execute 0x8000000010: it is mapped to guest-physical 0x1000000010, outside RAM";

	map_slot_1(f, FREE, 64ull << 30 | PTE_PRESENT | PTE_LARGE);
	die_at(f, &(struct frame){ 6, 0, SLOT_1 + 16, SELECTOR_CODE3, 2, STACK, SELECTOR_DATA3 }, 0);
	assert_says(f->m.crash.reason, wanted);
	f->cpu.regs.rip = SLOT_1 + 16;
	f->m.vcpu.run->exit_reason = KVM_EXIT_INTERNAL_ERROR;
	f->m.crash = (struct crash){ 0 };
	crash_machine(&f->m, "KVM cannot");
	assert_says(f->m.crash.reason, wanted);
	f->cpu.regs.rip = CODE;
	f->m.crash = (struct crash){ 0 };
	crash_machine(&f->m, "KVM cannot");
	assert_string_equal(f->m.crash.reason, "KVM cannot");
}

static void a_page_table_outside_ram_is_named(void **state)
{
	struct fixture *f = *state;

	map_slot_1(f, 1ull << 40, 0);
	f->cpu.sregs.cr2 = SLOT_1;
	die(f, 14, 0);
	assert_says(f->m.crash.reason, "cannot read 0x8000000000, whose page table lies outside RAM");
	map_slot_1(f, FREE, 0);
	die(f, 14, 0);
	assert_says(f->m.crash.reason, "cannot read 0x8000000000, which is not mapped");
	f->cpu.sregs.cr2 = 1ull << 60;
	die(f, 14, 0);
	assert_says(f->m.crash.reason, "which is not mapped");
}

static void a_reserved_bit_in_a_mapping_is_named(void **state)
{
	struct fixture *f = *state;

	f->cpu.sregs.cr2 = 0x123456789000;
	die(f, 14, 1 | 8);
	assert_says(f->m.crash.reason, "whose mapping has a bit set that this CPU reserves");
}

static const char *msr_refused(struct fixture *f, const char *insn, uint32_t msr)
{
	f->m.crash = (struct crash){ 0 };
	memcpy(f->m.mem.host + CODE, insn, 2);
	f->cpu.regs.rcx = 0xffffffff00000000 | msr; /* the CPU looks at the low half */
	die_at(f, &(struct frame){ 13, 0, CODE, SELECTOR_CODE0, 2, STACK, SELECTOR_DATA0 }, 0);
	return f->m.crash.reason;
}

static void an_msr_that_is_refused_at_ring_0_is_named(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(msr_refused(f, "\x0f\x30", 0x4b564d00),
			    "#GP general protection: wrmsr of MSR 0x4b564d00 (KVM's clock and "
			    "notices): no device of KVM's is behind this guest");
	assert_string_equal(msr_refused(f, "\x0f\x32", 0xdeadbeef),
			    "#GP general protection: rdmsr of MSR 0xdeadbeef (unknown): KVM has none of that number for this "
			    "guest");
	assert_says(msr_refused(f, "\x0f\x30", 0xc0000100), "(FS and GS base): not this value, or not on this host");
	assert_says(msr_refused(f, "\x0f\x31", 0x10), "error code 0x0"); /* rdtsc */
	assert_null(strstr(msr_refused(f, "\x90\x30", 0x10), "MSR"));
}

static void the_msrs_rules_are_in_order_and_say_why(void **state)
{
	unsigned count;
	const struct msr_rule *rules = msr_rules(&count);

	(void)state;
	for (unsigned i = 0; i < count; i++) {
		assert_true(rules[i].first <= rules[i].last);
		assert_true(i == 0 || rules[i - 1].last < rules[i].first);
		assert_true(strlen(rules[i].name) > 2 && strlen(rules[i].why) > 2);
		assert_ptr_equal(msr_rule(rules[i].first), &rules[i]);
		assert_ptr_equal(msr_rule(rules[i].last), &rules[i]);
	}
	for (uint32_t msr = 0x6a0; msr <= 0x6a8; msr++) {
		assert_non_null(msr_rule(msr)); /* CET */
		assert_false(msr_rule(msr)->given);
	}
	assert_null(msr_rule(0));
	assert_null(msr_rule(UINT32_MAX));
}

static void a_guest_that_rings_the_fault_doorbell_itself_is_told_so(void **state)
{
	struct fixture *f = *state;

	f->cpu.regs.rip = CODE;
	crash_from_stub(&f->m);
	assert_int_equal(f->m.outcome, OUTCOME_CRASHED);
	assert_string_equal(f->m.crash.reason, "the guest rang the fault doorbell itself");
	assert_int_equal(f->m.crash.vector, -1);
	assert_null(f->m.crash.vector_name);
}

static void a_frame_with_a_vector_that_there_is_not_is_not_believed(void **state)
{
	struct fixture *f = *state;

	die(f, SYSTEM_VECTORS, 0);
	assert_int_equal(f->m.crash.vector, -1);
	die(f, UINT64_MAX, 0);
	assert_int_equal(f->m.crash.vector, -1);
}

static void a_stub_without_a_mapped_stack_is_not_believed(void **state)
{
	struct fixture *f = *state;

	f->cpu.regs.rip = system_stub(STUB_FAULT_OUT);
	f->cpu.regs.rsp = 0xdead0000;
	crash_from_stub(&f->m);
	assert_int_equal(f->m.crash.vector, -1);
	f->cpu.regs.rsp = UINT64_MAX - 8;
	crash_from_stub(&f->m);
	assert_int_equal(f->m.crash.vector, -1);
}

static void the_code_at_the_fault_is_kept(void **state)
{
	struct fixture *f = *state;

	memcpy(f->m.mem.host + CODE, "\x90\x91\x92", 3);
	die(f, 6, 0);
	assert_int_equal(f->m.crash.insn_bytes, CRASH_INSN_BYTES);
	assert_memory_equal(f->m.crash.insn, "\x90\x91\x92", 3);
}

static void code_that_ends_at_a_hole_is_kept_up_to_there(void **state)
{
	struct fixture *f = *state;

	die_at(f, &(struct frame){ 6, 0, RAM - 4, SELECTOR_CODE3, 2, STACK, SELECTOR_DATA3 }, 0);
	assert_int_equal(f->m.crash.insn_bytes, 4);
	die_at(f, &(struct frame){ 6, 0, 0, SELECTOR_CODE3, 2, STACK, SELECTOR_DATA3 }, 0);
	assert_int_equal(f->m.crash.insn_bytes, 0);
}

static void put_frame(struct fixture *f, uint64_t at, uint64_t next, uint64_t return_address)
{
	const uint64_t pair[2] = { next, return_address };

	assert_int_equal(guest_mem_write(&f->m.mem, gpa(at), pair, sizeof(pair)), 0);
}

static void the_backtrace_follows_the_frame_pointers(void **state)
{
	struct fixture *f = *state;
	const struct crash *crash = &f->m.crash;

	put_frame(f, STACK, STACK + 0x20, 0x100111);
	put_frame(f, STACK + 0x20, 0, 0x100222);
	f->cpu.regs.rbp = STACK;
	die(f, 6, 0);
	assert_int_equal(crash->frame_count, 3);
	assert_int_equal(crash->frames[0], CODE);
	assert_int_equal(crash->frames[1], 0x100111);
	assert_int_equal(crash->frames[2], 0x100222);
}

static void a_backtrace_ends_at_a_return_address_of_0(void **state)
{
	struct fixture *f = *state;

	put_frame(f, STACK, STACK + 0x20, 0);
	f->cpu.regs.rbp = STACK;
	die(f, 6, 0);
	assert_int_equal(f->m.crash.frame_count, 1);
}

static void a_backtrace_without_end_is_cut(void **state)
{
	struct fixture *f = *state;

	for (uint64_t at = FREE; at < FREE + 100 * 16; at += 16)
		put_frame(f, at, at + 16, 0x100111);
	f->cpu.regs.rbp = FREE;
	die(f, 6, 0);
	assert_int_equal(f->m.crash.frame_count, CRASH_FRAMES_MAX);
}

static void a_backtrace_that_goes_in_circles_ends(void **state)
{
	struct fixture *f = *state;

	put_frame(f, STACK, STACK, 0x100111);
	f->cpu.regs.rbp = STACK;
	die(f, 6, 0);
	assert_int_equal(f->m.crash.frame_count, 2);
}

static void a_frame_pointer_that_points_nowhere_ends_the_backtrace(void **state)
{
	static const uint64_t nowhere[] = { 0, 1, STACK + 4, 0xdead0000, RAM - 8, 0x7ffffffffff8, 0x800000000000, UINT64_MAX - 7 };
	struct fixture *f = *state;

	for (unsigned i = 0; i < COUNT_OF(nowhere); i++) {
		f->m.crash = (struct crash){ 0 };
		f->cpu.regs.rbp = nowhere[i];
		die(f, 6, 0);
		assert_int_equal(f->m.crash.frame_count, 1);
	}
}

/* A PC's guest in 32-bit code without paging. */
static void leave_long_mode(struct fixture *f)
{
	f->cpu.sregs.cr0 = X86_CR0_PE;
	f->cpu.sregs.efer = 0;
	f->cpu.sregs.cs.l = 0;
	f->cpu.sregs.cs.db = 1;
	f->cpu.regs.rip = CODE;
}

static void put_frame_32(struct fixture *f, uint64_t at, uint32_t next, uint32_t return_address)
{
	const uint32_t pair[2] = { next, return_address };

	assert_int_equal(guest_mem_write(&f->m.mem, gpa(at), pair, sizeof(pair)), 0);
}

static void without_paging_code_and_backtrace_are_32_bit(void **state)
{
	struct fixture *f = *state;
	const struct crash *crash = &f->m.crash;

	memcpy(f->m.mem.host + CODE, "\x90\x91\x92", 3);
	put_frame_32(f, STACK, STACK + 0x14, 0x100111);
	put_frame_32(f, STACK + 0x14, 0, 0x100222);
	f->cpu.regs.rbp = STACK;
	leave_long_mode(f);
	crash_machine(&f->m, "reason");
	assert_memory_equal(crash->insn, "\x90\x91\x92", 3);
	assert_int_equal(crash->frame_count, 3);
	assert_int_equal(crash->frames[1], 0x100111);
	assert_int_equal(crash->frames[2], 0x100222);
}

static void in_real_mode_code_is_found_by_its_segment(void **state)
{
	struct fixture *f = *state;

	memcpy(f->m.mem.host + CODE, "\x90\x91\x92", 3);
	f->cpu.regs.rbp = STACK;
	leave_long_mode(f);
	f->cpu.sregs.cr0 = 0;
	f->cpu.sregs.cs.db = 0;
	f->cpu.sregs.cs.base = CODE - 0x10;
	f->cpu.regs.rip = 0x10;
	crash_machine(&f->m, "reason");
	assert_memory_equal(f->m.crash.insn, "\x90\x91\x92", 3);
	assert_int_equal(f->m.crash.frame_count, 1);
}

static void the_page_tables_of_32_bit_code_are_not_walked(void **state)
{
	struct fixture *f = *state;

	leave_long_mode(f);
	f->cpu.sregs.cr0 |= X86_CR0_PG;
	crash_machine(&f->m, "reason");
	assert_int_equal(f->m.crash.insn_bytes, 0);
	assert_int_equal(f->m.crash.frame_count, 1);
}

static void registers_of_a_reset_after_a_triple_fault_are_told_as_such(void **state)
{
	struct fixture *f = *state;

	f->m.vcpu.run->exit_reason = KVM_EXIT_SHUTDOWN;
	crash_machine(&f->m, "triple fault");
	assert_string_equal(f->m.crash.reason, "triple fault");
	f->cpu.sregs.cs.base = 0xffff0000;
	f->cpu.regs.rip = 0xfff0;
	crash_machine(&f->m, "triple fault");
	assert_says(f->m.crash.reason, "its registers are lost with it");
}

static void registers_that_the_host_does_not_give_are_not_known(void **state)
{
	struct fixture *f = *state;

	f->get_result = -EIO;
	crash_machine(&f->m, "reason %d", 7);
	assert_int_equal(f->m.outcome, OUTCOME_CRASHED);
	assert_string_equal(f->m.crash.reason, "reason 7");
	assert_false(f->m.crash.state_known);
	assert_int_equal(f->m.crash.frame_count, 0);
}

static void a_long_reason_is_cut(void **state)
{
	struct fixture *f = *state;

	crash_machine(&f->m, "%01000d", 7);
	assert_int_equal(strlen(f->m.crash.reason), CRASH_REASON_BYTES - 1);
}

static void the_hosts_own_reason_is_kept(void **state)
{
	struct fixture *f = *state;

	f->m.vcpu.run->exit_reason = KVM_EXIT_INTERNAL_ERROR;
	f->m.vcpu.run->internal.suberror = KVM_INTERNAL_ERROR_DELIVERY_EV;
	crash_machine(&f->m, "reason");
	assert_int_equal(f->m.crash.kvm_exit_reason, KVM_EXIT_INTERNAL_ERROR);
	assert_int_equal(f->m.crash.kvm_suberror, KVM_INTERNAL_ERROR_DELIVERY_EV);
	f->m.vcpu.run->exit_reason = KVM_EXIT_FAIL_ENTRY;
	f->m.vcpu.run->fail_entry.hardware_entry_failure_reason = 0x80000021;
	crash_machine(&f->m, "reason");
	assert_int_equal(f->m.crash.kvm_suberror, 0x80000021);
}

static void exits_have_names(void **state)
{
	(void)state;
	assert_string_equal(kvm_exit_name(KVM_EXIT_SHUTDOWN), "KVM_EXIT_SHUTDOWN");
	assert_string_equal(kvm_exit_name(KVM_EXIT_IO), "KVM_EXIT_IO");
	assert_string_equal(kvm_exit_name(KVM_EXIT_XEN), "KVM exit");
	assert_string_equal(kvm_exit_name(UINT32_MAX), "KVM exit");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_read_of_the_null_page_is_a_null_pointer),
		TEST(a_call_of_null_is_told_as_execution),
		TEST(a_write_below_the_stack_is_a_stack_overflow),
		TEST(the_stacks_own_lowest_byte_is_no_guard_page),
		TEST(a_write_to_code_is_not_allowed_by_its_mapping),
		TEST(execution_of_data_is_not_allowed_by_its_mapping),
		TEST(a_wild_pointer_is_not_mapped),
		TEST(the_frame_says_where_the_guest_was),
		TEST(a_vcpu_that_stands_past_the_out_is_the_same),
		TEST(every_vector_has_a_name),
		TEST(the_error_code_is_told),
		TEST(a_privileged_instruction_at_ring_3_is_named),
		TEST_RING0(the_same_instruction_at_ring_0_is_not_blamed),
		TEST(the_other_vendors_doorbell_is_named),
		TEST_RING0(an_msr_that_is_refused_at_ring_0_is_named),
		TEST(the_msrs_rules_are_in_order_and_say_why),
		TEST(a_guest_that_rings_the_fault_doorbell_itself_is_told_so),
		TEST(a_frame_with_a_vector_that_there_is_not_is_not_believed),
		TEST(a_stub_without_a_mapped_stack_is_not_believed),
		TEST(the_code_at_the_fault_is_kept),
		TEST(code_that_ends_at_a_hole_is_kept_up_to_there),
		TEST(the_backtrace_follows_the_frame_pointers),
		TEST(a_backtrace_ends_at_a_return_address_of_0),
		TEST(a_backtrace_without_end_is_cut),
		TEST(a_backtrace_that_goes_in_circles_ends),
		TEST(a_frame_pointer_that_points_nowhere_ends_the_backtrace),
		TEST(without_paging_code_and_backtrace_are_32_bit),
		TEST(in_real_mode_code_is_found_by_its_segment),
		TEST(the_page_tables_of_32_bit_code_are_not_walked),
		TEST(registers_of_a_reset_after_a_triple_fault_are_told_as_such),
		TEST(registers_that_the_host_does_not_give_are_not_known),
		TEST(a_long_reason_is_cut),
		TEST(the_hosts_own_reason_is_kept),
		TEST(exits_have_names),
		TEST(code_outside_ram_is_named_whatever_came_of_it),
		TEST(a_page_table_outside_ram_is_named),
		TEST(a_reserved_bit_in_a_mapping_is_named),
	};

	return cmocka_run_group_tests_name("crash", tests, NULL, NULL);
}
