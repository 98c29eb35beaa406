/* SPDX-License-Identifier: Apache-2.0 */
/* The 8259s and the 8254 as a guest programs them by ports, up to what KVM is told. */
#include "tests/unit/test_pc.h"

#define COM1   PC_PORT_COM1
#define VECTOR 0x20u

/* All of both unmasked, vectors at VECTOR. */
static void start(struct fixture *f)
{
	static const struct { uint16_t port; uint8_t value; } words[] = {
		{ 0x20, 0x11 }, { 0x21, VECTOR }, { 0x21, 4 }, { 0x21, 1 }, { 0x21, 0 },
		{ 0xa0, 0x11 }, { 0xa1, VECTOR + 8 }, { 0xa1, 2 }, { 0xa1, 1 }, { 0xa1, 0 },
	};

	for (size_t i = 0; i < COUNT_OF(words); i++)
		out(f, words[i].port, 1, words[i].value);
}

/* KVM_RUN has returned, and the CPU can take an interrupt or not; now it is entered again. */
static void enter(struct fixture *f, bool ready)
{
	f->m.vcpu.run->ready_for_interrupt_injection = ready;
	pc_enter(&f->m);
}

static void raise_line(struct fixture *f, unsigned device)
{
	f->m.pc->line.raise(&f->m.pc->line, f->m.devices.list[device]);
}

static void the_local_apics_pins_are_as_firmware_leaves_them(void **state)
{
	struct fixture *f = *state;
	uint32_t value;

	memcpy(&value, f->lapic.regs + 0x350, 4);
	assert_int_equal(value, 0x700);
	memcpy(&value, f->lapic.regs + 0x360, 4);
	assert_int_equal(value, 0x400);
}

static void a_guest_that_leaves_the_8259s_alone_hears_nothing_of_them(void **state)
{
	struct fixture *f = *state;

	out(f, COM1 + 1, 1, 2);
	raise_line(f, 0);
	enter(f, true);
	assert_int_equal(f->interrupts, 0);
	assert_int_equal(f->m.vcpu.run->request_interrupt_window, 0);
}

static void com1_interrupts_by_the_8259(void **state)
{
	struct fixture *f = *state;

	start(f);
	out(f, COM1 + 1, 1, 2);
	enter(f, true);
	assert_int_equal(f->interrupts, 1);
	assert_int_equal(f->interrupt_vector, VECTOR + PC_IRQ_COM1);
}

static void every_line_below_16_is_a_devices(void **state)
{
	struct fixture *f = *state;

	start(f);
	for (unsigned i = 0; i < 3; i++) {
		raise_line(f, i);
		enter(f, true);
		assert_int_equal(f->interrupt_vector, VECTOR + PC_IRQ_VIRTIO + i);
		out(f, 0x20, 1, 0x20);
	}
	assert_int_equal(f->interrupts, 3);
}

/* Interrupts off, or one on its way: KVM is to say when. */
static void an_interrupt_waits_until_the_cpu_takes_it(void **state)
{
	struct fixture *f = *state;

	start(f);
	out(f, COM1 + 1, 1, 2);
	enter(f, false);
	assert_int_equal(f->interrupts, 0);
	assert_int_equal(f->m.vcpu.run->request_interrupt_window, 1);
	enter(f, true);
	assert_int_equal(f->interrupts, 1);
	assert_int_equal(f->m.vcpu.run->request_interrupt_window, 0);
}

/* The second has a higher priority, and comes as soon as the first is delivered. */
static void two_at_once_are_two(void **state)
{
	struct fixture *f = *state;

	start(f);
	raise_line(f, 0);
	enter(f, true);
	out(f, COM1 + 1, 1, 2);
	raise_line(f, 1);
	enter(f, true);
	assert_int_equal(f->interrupt_vector, VECTOR + PC_IRQ_COM1);
	assert_int_equal(f->interrupts, 2);
	assert_int_equal(f->m.vcpu.run->request_interrupt_window, 0);
	out(f, 0x20, 1, 0x64);
	out(f, 0x20, 1, 0x60 + PC_IRQ_VIRTIO);
	enter(f, true);
	assert_int_equal(f->interrupt_vector, VECTOR + PC_IRQ_VIRTIO + 1);
}

static void an_interrupt_that_goes_away_is_not_waited_for(void **state)
{
	struct fixture *f = *state;

	start(f);
	out(f, 0x4d0, 1, 1u << PC_IRQ_COM1);
	out(f, COM1 + 1, 1, 2);
	enter(f, false);
	out(f, COM1 + 1, 1, 0);
	enter(f, true);
	assert_int_equal(f->interrupts, 0);
	assert_int_equal(f->m.vcpu.run->request_interrupt_window, 0);
}

static void an_interrupt_that_kvm_refuses_ends_the_machine(void **state)
{
	struct fixture *f = *state;

	start(f);
	f->refuse_interrupt = ENOMEM;
	out(f, COM1 + 1, 1, 2);
	enter(f, true);
	assert_int_equal(f->m.outcome, OUTCOME_FAILED);
	assert_says(f->m.error.text, "KVM_INTERRUPT");
}

static void program_pit(struct fixture *f, unsigned mode, unsigned count)
{
	out(f, 0x43, 1, 0x30 | mode << 1);
	out(f, 0x40, 1, count & 0xff);
	out(f, 0x40, 1, count >> 8);
}

/* As the alarm's handler tells KVM; bounded by the test's own time-out. */
static void wait_for_alarm(struct fixture *f)
{
	while (!*(volatile uint8_t *)&f->m.vcpu.run->immediate_exit)
		usleep(100);
}

static void the_pit_ticks(void **state)
{
	struct fixture *f = *state;

	start(f);
	program_pit(f, 2, 1193);
	for (unsigned i = 1; i <= 5; i++) {
		enter(f, true);
		while (f->interrupts < i) {
			wait_for_alarm(f);
			enter(f, true);
		}
		assert_int_equal(f->interrupt_vector, VECTOR + PC_IRQ_PIT);
		out(f, 0x20, 1, 0x20);
	}
}

static void the_pit_ticks_at_pin_2_of_the_ioapic(void **state)
{
	struct fixture *f = *state;

	route(f, PC_PIN_PIT, 0x55);
	program_pit(f, 0, 100);
	enter(f, true);
	while (f->messages == 0) {
		wait_for_alarm(f);
		enter(f, true);
	}
	assert_int_equal(f->last_vector, 0x55);
	assert_int_equal(f->interrupts, 0);
}

/* However fast it was programmed, and however often the guest leaves for something else. */
static void the_pit_ticks_no_faster_than_its_limit(void **state)
{
	struct fixture *f = *state;
	uint64_t begun, passed;
	unsigned ticks;

	route(f, PC_PIN_PIT, 0x55);
	program_pit(f, 2, 2);
	begun = sys_now_ns(&f->m.sys);
	for (unsigned i = 0; i < 20000; i++)
		enter(f, true);
	ticks = f->messages;
	passed = sys_now_ns(&f->m.sys) - begun;
	assert_true(ticks > 0 && ticks <= passed / 200000 + 1);
}

static void a_pit_that_is_not_programmed_arms_nothing(void **state)
{
	struct fixture *f = *state;

	out(f, 0x61, 1, 1);
	out(f, 0x43, 1, 0xb0);
	out(f, 0x42, 1, 1);
	out(f, 0x42, 1, 0);
	enter(f, true);
	assert_true(f->m.pc->tick.at == ALARM_NEVER);
}

static void a_pit_that_is_stopped_is_armed_no_more(void **state)
{
	struct fixture *f = *state;

	program_pit(f, 2, 60000);
	enter(f, true);
	assert_true(f->m.pc->tick.at != ALARM_NEVER);
	out(f, 0x43, 1, 0x30);
	enter(f, true);
	assert_true(f->m.pc->tick.at == ALARM_NEVER);
}

/* What was set before it is looked for is seen; what is set later ends KVM_RUN. */
static void entering_takes_back_an_alarm(void **state)
{
	struct fixture *f = *state;

	f->m.vcpu.run->immediate_exit = 1;
	enter(f, true);
	assert_int_equal(f->m.vcpu.run->immediate_exit, 0);
}

static void signals_of_others_are_no_alarms(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(raise(SIGRTMIN), 0);
	assert_int_equal(f->m.vcpu.run->immediate_exit, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_local_apics_pins_are_as_firmware_leaves_them),
		TEST(a_guest_that_leaves_the_8259s_alone_hears_nothing_of_them),
		TEST(com1_interrupts_by_the_8259),
		TEST(every_line_below_16_is_a_devices),
		TEST(an_interrupt_waits_until_the_cpu_takes_it),
		TEST(two_at_once_are_two),
		TEST(an_interrupt_that_goes_away_is_not_waited_for),
		TEST(an_interrupt_that_kvm_refuses_ends_the_machine),
		TEST(the_pit_ticks),
		TEST(the_pit_ticks_at_pin_2_of_the_ioapic),
		TEST(the_pit_ticks_no_faster_than_its_limit),
		TEST(a_pit_that_is_not_programmed_arms_nothing),
		TEST(a_pit_that_is_stopped_is_armed_no_more),
		TEST(entering_takes_back_an_alarm),
		TEST(signals_of_others_are_no_alarms),
	};

	kind = ENGINE_SYNC;
	return cmocka_run_group_tests_name("a PC's old interrupts", tests, NULL, NULL);
}
