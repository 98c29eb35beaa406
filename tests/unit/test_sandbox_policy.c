/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The filter that is installed, not the compiler that made it: interpreted here for every number,
 * as the kernel would (linux/Documentation/networking/filter.rst), and held against the table.
 */
#include "tests/unit/test_unit.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#include "sandbox_filter.h"
#include "vmm/sandbox_policy.h"

#define NUMBERS  4096
#define X32_BIT  0x40000000u

static struct {
	struct sock_filter code[SANDBOX_INSTRUCTIONS_MAX];
	size_t length;
} filters[SANDBOX_SETS];

static unsigned set; /* of needs, whose filter is being tested: each test runs once for each */

/* What a program of the few classes that seccomp takes returns; anything malformed fails the test. */
static uint32_t run(const struct seccomp_data *data)
{
	uint32_t a = 0, x = 0;
	size_t at = 0;

	while (at < filters[set].length) {
		const struct sock_filter *in = &filters[set].code[at++];

		switch (in->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			assert_true(in->k % 4 == 0 && in->k < sizeof(*data));
			memcpy(&a, (const char *)data + in->k, sizeof(a));
			break;
		case BPF_MISC | BPF_TAX:
			x = a;
			break;
		case BPF_MISC | BPF_TXA:
			a = x;
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= in->k;
			break;
		case BPF_JMP | BPF_JA:
			at += in->k;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			at += a == in->k ? in->jt : in->jf;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			at += a >= in->k ? in->jt : in->jf;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			at += a > in->k ? in->jt : in->jf;
			break;
		case BPF_JMP | BPF_JSET | BPF_K:
			at += a & in->k ? in->jt : in->jf;
			break;
		case BPF_RET | BPF_K:
			return in->k;
		default:
			fail_msg("instruction %zu: code 0x%x", at - 1, in->code);
		}
	}
	fail_msg("the filter runs off its end");
	return 0;
}

static uint32_t answer(uint32_t arch, uint32_t nr, uint64_t arg1)
{
	/* All other arguments are noise: no rule may look at them. */
	struct seccomp_data data = {
		.nr = (int)nr, .arch = arch, .instruction_pointer = 0x123456789abcdef0,
		.args = { 0x1111111122222222, arg1, 0x3333333344444444, ~0ull, 0, 7 },
	};

	return run(&data);
}

static bool allows(uint32_t nr, uint64_t arg1)
{
	uint32_t result = answer(AUDIT_ARCH_X86_64, nr, arg1);

	assert_true(result == SECCOMP_RET_ALLOW || result == SECCOMP_RET_KILL_PROCESS);
	return result == SECCOMP_RET_ALLOW;
}

static bool listed(uint32_t nr, uint32_t arg1)
{
	for (size_t i = 0; i < SANDBOX_RULES; i++)
		if (sandbox_rules[i].nr == (int)nr && sandbox_rule_is_in(&sandbox_rules[i], set) &&
		    (sandbox_rules[i].condition == SANDBOX_ALWAYS || sandbox_rules[i].value == arg1))
			return true;
	return false;
}

static void exactly_the_listed_numbers_are_allowed(void **state)
{
	(void)state;
	for (uint32_t nr = 0; nr < NUMBERS; nr++)
		if (nr != SYS_ioctl && allows(nr, 0x5401) != listed(nr, 0x5401))
			fail_msg("call %u", nr);
}

static void numbers_beyond_any_call_are_killed(void **state)
{
	static const uint32_t numbers[] = { UINT32_MAX, 0x80000000, 0x7fffffff, 0xffff, 0x10000, 0x80000001 };

	(void)state;
	for (unsigned i = 0; i < COUNT_OF(numbers); i++)
		assert_false(allows(numbers[i], KVM_RUN));
	for (unsigned bit = 10; bit < 32; bit++) /* of an allowed number */
		assert_false(allows(SYS_write | 1u << bit, 0));
}

static void a_value_that_is_no_request_of_ours_makes_no_other_call_allowed(void **state)
{
	(void)state;
	for (uint32_t nr = 0; nr < 1024; nr++)
		for (size_t i = 0; i < SANDBOX_RULES; i++)
			assert_int_equal(allows(nr, sandbox_rules[i].value), listed(nr, sandbox_rules[i].value));
}

static void ioctl_is_allowed_with_exactly_the_listed_requests(void **state)
{
	(void)state;
	/* All of KVM's requests, of any direction and a range of sizes, and those of neighbours. */
	for (uint32_t type = KVMIO - 1; type <= KVMIO + 1; type++)
		for (uint32_t nr = 0; nr < 256; nr++)
			for (uint32_t direction = 0; direction < 4; direction++)
				for (uint32_t size = 0; size < 1024; size += 8) {
					uint32_t request = _IOC(direction, type, nr, size);

					if (allows(SYS_ioctl, request) != listed(SYS_ioctl, request))
						fail_msg("request 0x%x", request);
				}
	for (size_t i = 0; i < SANDBOX_RULES; i++)
		if (sandbox_rules[i].nr == SYS_ioctl)
			assert_int_equal(allows(SYS_ioctl, sandbox_rules[i].value), sandbox_rule_is_in(&sandbox_rules[i], set));
}

static void each_bit_of_a_request_counts(void **state)
{
	(void)state;
	for (size_t i = 0; i < SANDBOX_RULES; i++)
		for (unsigned bit = 0; sandbox_rules[i].nr == SYS_ioctl && bit < 32; bit++) {
			uint32_t request = sandbox_rules[i].value ^ 1u << bit;

			assert_int_equal(allows(SYS_ioctl, request), listed(SYS_ioctl, request));
		}
}

static void the_one_fcntl_is_a_lock(void **state)
{
	(void)state;
	for (uint32_t request = 0; request < 2048; request++)
		assert_int_equal(allows(SYS_fcntl, request), set & SANDBOX_DEVICES && request == F_OFD_SETLK);
	for (unsigned bit = 0; bit < 32; bit++)
		assert_false(allows(SYS_fcntl, F_OFD_SETLK ^ 1u << bit));
}

/* The kernel's ioctl() takes an unsigned int: the upper half of the register is not looked at, by neither. */
static void the_upper_half_of_a_request_does_not_count(void **state)
{
	(void)state;
	assert_true(allows(SYS_ioctl, 0xdeadbeef00000000 | KVM_RUN));
	assert_false(allows(SYS_ioctl, (uint64_t)KVM_RUN << 32));
}

static void another_architecture_is_killed(void **state)
{
	static const uint32_t others[] = { AUDIT_ARCH_I386, AUDIT_ARCH_AARCH64, 0, UINT32_MAX,
					   AUDIT_ARCH_X86_64 & ~__AUDIT_ARCH_64BIT };

	(void)state;
	for (unsigned i = 0; i < COUNT_OF(others); i++)
		for (uint32_t nr = 0; nr < NUMBERS; nr++)
			assert_int_equal(answer(others[i], nr, KVM_RUN), SECCOMP_RET_KILL_PROCESS);
}

static void x32_calls_are_killed(void **state)
{
	(void)state;
	for (uint32_t nr = 0; nr < NUMBERS; nr++)
		assert_false(allows(nr | X32_BIT, KVM_RUN));
}

static void what_opens_maps_creates_or_executes_is_killed(void **state)
{
	static const uint32_t numbers[] = {
		SYS_open, SYS_openat, SYS_openat2, SYS_creat, SYS_mmap, SYS_mprotect, SYS_mremap, SYS_brk, SYS_execve, SYS_execveat,
		SYS_fork, SYS_vfork, SYS_clone, SYS_clone3, SYS_bind, SYS_listen, SYS_sendmmsg, SYS_ptrace, SYS_process_vm_writev,
		SYS_kill, SYS_tgkill, SYS_prctl, SYS_seccomp, SYS_bpf, SYS_io_uring_setup, SYS_io_uring_register, SYS_memfd_create,
		SYS_dup, SYS_dup2, SYS_fcntl, SYS_unlink, SYS_rename, SYS_chmod, SYS_mount, SYS_setuid, SYS_pidfd_open,
	};

	(void)state;
	for (unsigned i = 0; i < COUNT_OF(numbers); i++)
		if (allows(numbers[i], KVM_RUN))
			fail_msg("call %u", numbers[i]);
}

/* But for memory slots: they show a guest what is ours already, and a store to read-only memory is found by them. */
static void requests_that_make_or_change_a_vm_are_killed(void **state)
{
	static const uint32_t requests[] = {
		(uint32_t)KVM_CREATE_VM, (uint32_t)KVM_CREATE_VCPU, (uint32_t)KVM_GET_MSRS,
		(uint32_t)KVM_ENABLE_CAP, (uint32_t)KVM_CREATE_DEVICE, (uint32_t)KVM_IRQFD,
		(uint32_t)KVM_IOEVENTFD, (uint32_t)KVM_CREATE_IRQCHIP, 0x5412 /* TIOCSTI: types into a terminal */,
	};

	(void)state;
	for (unsigned i = 0; i < COUNT_OF(requests); i++)
		if (allows(SYS_ioctl, requests[i]))
			fail_msg("request 0x%x", requests[i]);
}

/* Each need brings its calls, and nothing else does. */
static void check_calls(const uint32_t *numbers, unsigned count, unsigned needs)
{
	for (unsigned i = 0; i < count; i++)
		if (allows(numbers[i], 0) != !!(set & needs))
			fail_msg("call %u, set 0x%x", numbers[i], set);
}

static void a_plain_launch_cannot_close_or_unmap(void **state)
{
	static const uint32_t numbers[] = { SYS_close, SYS_munmap }, report[] = { SYS_getrusage };

	(void)state;
	check_calls(numbers, COUNT_OF(numbers), SANDBOX_REPORT | SANDBOX_DEVICES | SANDBOX_PC);
	check_calls(report, COUNT_OF(report), SANDBOX_REPORT);
	assert_int_equal(allows(SYS_ioctl, KVM_GET_DEVICE_ATTR), !!(set & SANDBOX_REPORT));
}

static void each_engine_makes_its_own_calls_alone(void **state)
{
	static const uint32_t uring[] = { SYS_io_uring_enter };
	static const uint32_t sync[] = { SYS_preadv2, SYS_pwritev2, SYS_fdatasync, SYS_fallocate };
	static const uint32_t either[] = { SYS_ppoll };

	(void)state;
	check_calls(uring, COUNT_OF(uring), SANDBOX_URING);
	check_calls(sync, COUNT_OF(sync), SANDBOX_SYNC);
	check_calls(either, COUNT_OF(either), SANDBOX_SYNC | SANDBOX_STREAMS);
}

static void only_consoles_and_networks_set_up_a_terminal_or_tap(void **state)
{
	static const uint32_t requests[] = { TCSETS, TIOCGWINSZ, TIOCGPGRP, (uint32_t)TUNSETOFFLOAD };

	(void)state;
	for (unsigned i = 0; i < COUNT_OF(requests); i++)
		assert_int_equal(allows(SYS_ioctl, requests[i]), !!(set & SANDBOX_STREAMS));
	assert_int_equal(allows(SYS_wait4, 0), !!(set & SANDBOX_STREAMS));
}

static void only_a_socket_device_makes_connections(void **state)
{
	static const uint32_t numbers[] = { SYS_socket, SYS_connect, SYS_accept4, SYS_sendto, SYS_recvfrom, SYS_shutdown,
					    SYS_epoll_ctl, SYS_epoll_pwait };

	(void)state;
	check_calls(numbers, COUNT_OF(numbers), SANDBOX_SOCKETS);
}

static void only_a_pc_sends_interrupts_and_has_a_second_thread(void **state)
{
	static const uint32_t numbers[] = { SYS_timer_settime, SYS_timer_delete };
	static const uint32_t threads[] = { SYS_exit, SYS_futex, SYS_rt_sigprocmask };

	(void)state;
	check_calls(numbers, COUNT_OF(numbers), SANDBOX_PC | SANDBOX_LIBRARY);
	check_calls(threads, COUNT_OF(threads), SANDBOX_PC | SANDBOX_RESETS);
	assert_int_equal(allows(SYS_ioctl, KVM_SIGNAL_MSI), !!(set & SANDBOX_PC));
	assert_int_equal(allows(SYS_ioctl, KVM_SET_GSI_ROUTING), !!(set & SANDBOX_PC));
}

static void only_a_machine_that_is_reset_changes_its_vcpu_and_memory(void **state)
{
	static const uint32_t numbers[] = { SYS_madvise, SYS_recvmsg, SYS_sendmsg, SYS_ftruncate, SYS_lseek };
	static const uint32_t requests[] = {
		(uint32_t)KVM_SET_MSRS, (uint32_t)KVM_SET_XCRS, (uint32_t)KVM_SET_XSAVE, (uint32_t)KVM_SET_DEBUGREGS,
		(uint32_t)KVM_SET_LAPIC, (uint32_t)KVM_SET_MP_STATE, (uint32_t)KVM_SET_VCPU_EVENTS,
	};

	(void)state;
	check_calls(numbers, COUNT_OF(numbers), SANDBOX_RESETS);
	for (unsigned i = 0; i < COUNT_OF(requests); i++)
		assert_int_equal(allows(SYS_ioctl, requests[i]), !!(set & SANDBOX_RESETS));
}

static void only_a_program_s_thread_reads_and_takes_signals(void **state)
{
	static const uint32_t numbers[] = { SYS_read, SYS_rt_sigtimedwait, SYS_gettid, SYS_poll };

	(void)state;
	check_calls(numbers, COUNT_OF(numbers), SANDBOX_LIBRARY);
	assert_int_equal(allows(SYS_ioctl, KVM_SET_SIGNAL_MASK), !!(set & SANDBOX_LIBRARY));
}

static void every_rule_has_its_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < SANDBOX_RULES; i++)
		assert_true(strlen(sandbox_rules[i].reason) > 5);
}

static void the_call_made_most_often_is_answered_first(void **state)
{
	(void)state;
	assert_int_equal(sandbox_rules[0].nr, SYS_ioctl);
	assert_int_equal(sandbox_rules[0].value, (uint32_t)KVM_RUN);
}

static void those_made_when_kvick_is_built_are_the_same(void **state)
{
	struct sock_filter code[SANDBOX_INSTRUCTIONS_MAX];

	(void)state;
	assert_int_equal(sandbox_make(code, sandbox_rows, COUNT_OF(sandbox_rows), SANDBOX_PLAIN), COUNT_OF(sandbox_filter_0));
	assert_memory_equal(code, sandbox_filter_0, sizeof(sandbox_filter_0));
	assert_int_equal(sandbox_make(code, sandbox_rows, COUNT_OF(sandbox_rows), SANDBOX_REPORT), COUNT_OF(sandbox_filter_1));
	assert_memory_equal(code, sandbox_filter_1, sizeof(sandbox_filter_1));
}

static void there_is_one_for_each_set_that_can_be(void **state)
{
	struct sock_filter code[SANDBOX_INSTRUCTIONS_MAX];

	(void)state;
	for (unsigned i = 0; i < SANDBOX_SETS; i++)
		if (sandbox_set_can_be(i))
			assert_true(sandbox_make(code, sandbox_rows, COUNT_OF(sandbox_rows), i) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exactly_the_listed_numbers_are_allowed),
		cmocka_unit_test(numbers_beyond_any_call_are_killed),
		cmocka_unit_test(a_value_that_is_no_request_of_ours_makes_no_other_call_allowed),
		cmocka_unit_test(ioctl_is_allowed_with_exactly_the_listed_requests),
		cmocka_unit_test(each_bit_of_a_request_counts),
		cmocka_unit_test(the_one_fcntl_is_a_lock),
		cmocka_unit_test(the_upper_half_of_a_request_does_not_count),
		cmocka_unit_test(another_architecture_is_killed),
		cmocka_unit_test(x32_calls_are_killed),
		cmocka_unit_test(what_opens_maps_creates_or_executes_is_killed),
		cmocka_unit_test(requests_that_make_or_change_a_vm_are_killed),
		cmocka_unit_test(a_plain_launch_cannot_close_or_unmap),
		cmocka_unit_test(each_engine_makes_its_own_calls_alone),
		cmocka_unit_test(only_consoles_and_networks_set_up_a_terminal_or_tap),
		cmocka_unit_test(only_a_socket_device_makes_connections),
		cmocka_unit_test(only_a_pc_sends_interrupts_and_has_a_second_thread),
		cmocka_unit_test(only_a_machine_that_is_reset_changes_its_vcpu_and_memory),
		cmocka_unit_test(only_a_program_s_thread_reads_and_takes_signals),
		cmocka_unit_test(every_rule_has_its_reason),
		cmocka_unit_test(the_call_made_most_often_is_answered_first),
	};

	const struct CMUnitTest made[] = {
		cmocka_unit_test(those_made_when_kvick_is_built_are_the_same),
		cmocka_unit_test(there_is_one_for_each_set_that_can_be),
	};
	int failed = cmocka_run_group_tests_name("sandbox_policy, made ones", made, NULL, NULL);

	for (set = 0; set < SANDBOX_SETS; set++) {
		char name[64];

		filters[set].length = !sandbox_set_can_be(set) ? 0 :
				      sandbox_make(filters[set].code, sandbox_rows, COUNT_OF(sandbox_rows), set);
		snprintf(name, sizeof(name), "sandbox_policy, set 0x%x", set);
		if (filters[set].length > 0)
			failed += _cmocka_run_group_tests(name, tests, COUNT_OF(tests), NULL, NULL);
	}
	return failed;
}
