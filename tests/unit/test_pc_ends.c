/* SPDX-License-Identifier: Apache-2.0 */
/* The ports by which a PC's guest ends, and those that are there only where they are wanted. */
#include "tests/unit/test_pc.h"

static void assert_alive(const struct fixture *f)
{
	assert_int_equal(f->m.outcome, OUTCOME_NONE);
}

/* Exited with that code; and it lives again. */
static void assert_exited(struct fixture *f, int status)
{
	assert_int_equal(f->m.outcome, OUTCOME_EXITED);
	assert_int_equal(f->m.status, status);
	f->m.outcome = OUTCOME_NONE;
	f->m.status = -1;
}

static void assert_reset(struct fixture *f)
{
	assert_int_equal(f->m.outcome, OUTCOME_RESET);
	f->m.outcome = OUTCOME_NONE;
}

static void want_exit(struct fixture *f, uint16_t port, bool plain)
{
	f->m.pc->config.exits[f->m.pc->config.exit_count++] = (struct pc_exit){ port, plain };
}

/* --- power-off and resets, which every PC has --- */

static void qemus_power_off_ports_are_code_0(void **state)
{
	static const uint16_t ports[] = { 0x604, 0xb004 };
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT_OF(ports); i++) {
		out(f, ports[i], 2, 0);
		out(f, ports[i], 2, 0x1c00);
		out(f, ports[i], 2, 0x2400); /* another kind of sleep */
		assert_alive(f);
		assert_int_equal(in(f, ports[i], 2), 1);
		out(f, ports[i], 2, 0x2000);
		assert_exited(f, 0);
	}
}

static void the_keyboard_controllers_port_resets(void **state)
{
	struct fixture *f = *state;

	out(f, 0x64, 1, 0xd1);
	out(f, 0x60, 1, 0xff);
	assert_alive(f);
	out(f, 0x64, 1, 0xd1);
	out(f, 0x60, 1, 0xfe);
	assert_reset(f);
}

static void a_keyboard_does_not_answer(void **state)
{
	struct fixture *f = *state;

	out(f, 0x60, 1, 0xed);
	assert_int_equal(in(f, 0x64, 1) & 1, 1);
	assert_int_equal(in(f, 0x60, 1), 0xfe);
	assert_int_equal(in(f, 0x64, 1) & 3, 0);
}

static void port_0x92_resets_and_keeps_a20(void **state)
{
	struct fixture *f = *state;

	out(f, 0x92, 1, 0xfe);
	assert_alive(f);
	assert_int_equal(in(f, 0x92, 1), 2);
	out(f, 0x92, 1, 3);
	assert_reset(f);
}

static void port_0xcf9_resets(void **state)
{
	struct fixture *f = *state;

	out(f, 0xcf9, 1, 0x02);
	assert_alive(f);
	assert_int_equal(in(f, 0xcf9, 1), 0x02);
	out(f, 0xcf9, 1, 0x06);
	assert_reset(f);
}

/* --- exits --- */

static void an_exit_that_is_not_wanted_is_not_there(void **state)
{
	static const uint16_t ports[] = { 0xf4, 0x501, 0x505, 0xe0, 0xe8, 0x2004 };
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT_OF(ports); i++) {
		out(f, ports[i], 1, 1);
		assert_int_equal(in(f, ports[i], 1), 0xff);
	}
	assert_alive(f);
	assert_int_equal(read_memory(f, PC_TEST_MEMORY, 4), UINT32_MAX);
}

static void a_debug_exits_code_is_as_qemu_has_it(void **state)
{
	struct fixture *f = *state;

	want_exit(f, 0xf4, false);
	want_exit(f, 0x501, false);
	out(f, 0xf4, 4, 0);
	assert_exited(f, 1);
	out(f, 0xf4, 1, 0x10);
	assert_exited(f, 33);
	out(f, 0x501, 2, 77);
	assert_exited(f, 155);
	in(f, 0xf4, 4);
	assert_alive(f);
}

static void a_plain_exits_code_is_what_is_written(void **state)
{
	struct fixture *f = *state;

	want_exit(f, 0x501, true);
	out(f, 0x501, 1, 0);
	assert_exited(f, 0);
	out(f, 0x501, 1, 42);
	assert_exited(f, 42);
}

/* 0x80 is no success, though 0x101 has its lower 8 bits. */
static void a_code_that_does_not_fit_is_255(void **state)
{
	struct fixture *f = *state;

	want_exit(f, 0xf4, false);
	want_exit(f, 0x501, true);
	out(f, 0xf4, 4, 0x80);
	assert_exited(f, 255);
	out(f, 0xf4, 4, UINT32_MAX);
	assert_exited(f, 255);
	out(f, 0x501, 4, 0x100);
	assert_exited(f, 255);
}

static void a_triple_fault_is_a_crash_unless_it_is_the_end(void **state)
{
	struct fixture *f = *state;

	assert_false(pc_triple_fault(&f->m));
	assert_alive(f);
	f->m.pc->config.triple_fault = PC_TRIPLE_FAULT_EXITS;
	assert_true(pc_triple_fault(&f->m));
	assert_exited(f, 0);
}

static void a_panic_is_a_crash(void **state)
{
	struct fixture *f = *state;

	f->m.pc->config.parts = PC_PVPANIC;
	assert_int_equal(in(f, 0x505, 1), 3);
	out(f, 0x505, 1, 2); /* another kernel takes over */
	assert_alive(f);
	out(f, 0x505, 1, 1);
	assert_int_equal(f->m.outcome, OUTCOME_CRASHED);
	assert_says(f->m.crash.reason, "panicked");
}

/* --- the test device --- */

static void the_test_devices_ports_keep_what_is_written(void **state)
{
	struct fixture *f = *state;

	f->m.pc->config.parts = PC_TESTDEV;
	out(f, 0xe0, 4, 0x12345678);
	assert_int_equal(in(f, 0xe0, 4), 0x12345678);
	assert_int_equal(in(f, 0xe1, 1), 0x56);
	assert_int_equal(in(f, 0xe2, 2), 0x1234);
	out(f, 0xe1, 1, 0xaa);
	assert_int_equal(in(f, 0xe0, 4), 0x1234aa78);
	out(f, 0xea, 4, 0x87654321); /* two of them are nobody's */
	assert_int_equal(in(f, 0xea, 4), 0xffff4321);
}

static void the_test_devices_lines_are_the_controllers(void **state)
{
	struct fixture *f = *state;

	f->m.pc->config.parts = PC_TESTDEV;
	route(f, 14, 0x51);
	for (unsigned line = 0; line < IOAPIC_PINS; line++) {
		out(f, (uint16_t)(0x2000 + line), 4, 1);
		out(f, (uint16_t)(0x2000 + line), 4, 0);
	}
	assert_int_equal(f->messages, 1);
	assert_int_equal(f->last_vector, 0x51);
	out(f, 0x2000 + IOAPIC_PINS, 4, 1);
	/* The timer's, as in a PC. */
	route(f, 2, 0x52);
	out(f, 0x2000, 4, 1);
	assert_int_equal(f->last_vector, 0x52);
}

static void the_test_devices_memory_is_not_rams(void **state)
{
	struct fixture *f = *state;
	const uint64_t last = PC_TEST_MEMORY + TESTDEV_MEMORY_BYTES - 8;

	f->m.pc->config.parts = PC_TESTDEV;
	write_memory(f, last, 8, 0x1122334455667788);
	assert_int_equal(read_memory(f, last, 8), 0x1122334455667788);
	assert_int_equal(read_memory(f, last + 7, 1), 0x11);
	assert_int_equal(read_memory(f, last + 4, 8), UINT64_MAX); /* across its end */
	assert_int_equal(read_memory(f, PC_TEST_MEMORY - 4, 8), UINT64_MAX);
}

/* --- what is wanted --- */

static int create_again(struct fixture *f, const struct pc_config *wanted, const struct boot *boot)
{
	pc_destroy(&f->m);
	devices_free(&f->m.devices);
	memset(&f->m.devices, 0, sizeof(f->m.devices));
	f->config.devices.count = 0;
	f->config.pc = *wanted;
	f->m.boot = boot;
	return pc_create(&f->m);
}

static void the_operators_word_counts_more_than_the_protocols(void **state)
{
	static const struct pc_config protocols = {
		.parts = PC_PVPANIC, .exit_count = 1, .exits = { { 0xf4, false } }, .triple_fault = PC_TRIPLE_FAULT_EXITS,
	};
	const struct boot boot = { .pc = true, .pc_config = &protocols };
	const struct pc_config operators = {
		.parts = PC_TESTDEV, .exit_count = 2, .exits = { { 0x501, true }, { 0xf4, true } },
		.triple_fault = PC_TRIPLE_FAULT_CRASHES,
	};
	struct fixture *f = *state;

	assert_int_equal(create_again(f, &operators, &boot), 0);
	assert_int_equal(f->m.pc->config.parts, PC_PVPANIC | PC_TESTDEV);
	assert_int_equal(f->m.pc->config.exit_count, 2);
	out(f, 0xf4, 1, 5);
	assert_exited(f, 5);
	out(f, 0x501, 1, 6);
	assert_exited(f, 6);
	assert_false(pc_triple_fault(&f->m));
}

static void an_exit_at_a_port_of_the_pcs_is_refused(void **state)
{
	const struct pc_config operators = { .exit_count = 1, .exits = { { 0x64, false } } };
	struct fixture *f = *state;

	assert_int_equal(create_again(f, &operators, &boot_linux), -EINVAL);
	assert_int_equal(f->m.error.kind, ERROR_USAGE);
	assert_says(f->m.error.text, "port 0x64");
	assert_null(f->m.pc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(qemus_power_off_ports_are_code_0),
		TEST(the_keyboard_controllers_port_resets),
		TEST(a_keyboard_does_not_answer),
		TEST(port_0x92_resets_and_keeps_a20),
		TEST(port_0xcf9_resets),
		TEST(an_exit_that_is_not_wanted_is_not_there),
		TEST(a_debug_exits_code_is_as_qemu_has_it),
		TEST(a_plain_exits_code_is_what_is_written),
		TEST(a_code_that_does_not_fit_is_255),
		TEST(a_triple_fault_is_a_crash_unless_it_is_the_end),
		TEST(a_panic_is_a_crash),
		TEST(the_test_devices_ports_keep_what_is_written),
		TEST(the_test_devices_lines_are_the_controllers),
		TEST(the_test_devices_memory_is_not_rams),
		TEST(the_operators_word_counts_more_than_the_protocols),
		TEST(an_exit_at_a_port_of_the_pcs_is_refused),
	};

	kind = ENGINE_SYNC;
	return cmocka_run_group_tests_name("a PC's ends", tests, NULL, NULL);
}
