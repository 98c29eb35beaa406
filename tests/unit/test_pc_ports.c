/* SPDX-License-Identifier: Apache-2.0 */
/* Which port and which address is whose: what a guest's accesses come to, at the windows' edges too. */
#include "tests/unit/test_pc.h"

#include <time.h>

#define COM1  PC_PORT_COM1
#define LSR   (COM1 + 5)
#define SCR   (COM1 + 7)
#define READY 0x60 /* the transmitter is empty */

static const unsigned widths[] = { 1, 2, 4 };

static uint32_t ones(unsigned size)
{
	return UINT32_MAX >> (32 - 8 * size);
}

static void assert_output(struct fixture *f, const char *text)
{
	char got[64] = "";
	ssize_t n = pread(f->output, got, sizeof(got) - 1, 0);

	assert_int_equal(n, strlen(text));
	assert_string_equal(got, text);
}

/* ---- ports ---- */

static void ports_of_nothing_read_as_ones(void **state)
{
	static const uint16_t ports[] = { 0, 0x22, 0x63, 0x65, 0x6f, 0x72, 0x80, 0xa2, 0x3f7, 0x400, 0x5ff, 0x602, 0xcf8, 0xffff };
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT_OF(ports); i++)
		for (size_t w = 0; w < COUNT_OF(widths); w++) {
			out(f, ports[i], widths[w], 0);
			assert_int_equal(in(f, ports[i], widths[w]), ones(widths[w]));
		}
	assert_int_equal(f->m.outcome, OUTCOME_NONE);
	assert_output(f, "");
}

static void the_reset_command_resets_at_any_width(void **state)
{
	struct fixture *f = *state;

	for (size_t w = 0; w < COUNT_OF(widths); w++) {
		f->m.outcome = OUTCOME_NONE;
		out(f, PC_PORT_RESET, widths[w], PC_RESET_VALUE);
		assert_int_equal(f->m.outcome, OUTCOME_RESET);
	}
}

static void other_keyboard_commands_do_not(void **state)
{
	struct fixture *f = *state;

	for (unsigned value = 0; value < 0xf0; value++)
		out(f, PC_PORT_RESET, 1, value);
	out(f, PC_PORT_RESET, 1, 0xff);
	assert_int_equal(f->m.outcome, OUTCOME_NONE);
}

static void the_clock_tells_the_hosts_time(void **state)
{
	struct fixture *f = *state;
	time_t now = time(NULL);
	struct tm tm;

	gmtime_r(&now, &tm);
	out(f, 0x70, 1, 0x80 | 0x08);
	assert_int_equal(in(f, 0x70, 1), 0x08);
	if (in(f, 0x71, 1) == (unsigned)((tm.tm_mon + 1) / 10 << 4 | (tm.tm_mon + 1) % 10))
		return;
	now = time(NULL); /* a month has ended meanwhile */
	gmtime_r(&now, &tm);
	assert_int_equal(in(f, 0x71, 1), (tm.tm_mon + 1) / 10 << 4 | (tm.tm_mon + 1) % 10);
}

static void sleep_needs_its_enable_bit(void **state)
{
	struct fixture *f = *state;

	for (unsigned value = 0; value < 256; value++)
		if (!(value & 0x20))
			out(f, PC_PORT_SLEEP_CONTROL, 1, value);
	out(f, PC_PORT_SLEEP_STATUS, 1, 0x34);
	assert_int_equal(f->m.outcome, OUTCOME_NONE);
	out(f, PC_PORT_SLEEP_CONTROL, 1, 0x34);
	assert_int_equal(f->m.outcome, OUTCOME_EXITED);
	assert_int_equal(f->m.status, 0);
}

static void com1_has_eight_ports(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(in(f, LSR, 1), READY);
	out(f, SCR, 1, 0x5a);
	assert_int_equal(in(f, SCR, 1), 0x5a);
	assert_int_equal(in(f, COM1 - 1, 1), 0xff);
	assert_int_equal(in(f, COM1 + 8, 1), 0xff);
}

/* A register is a byte: what is wider finds it below, and nothing of the next one. */
static void com1_is_bytes(void **state)
{
	struct fixture *f = *state;

	out(f, SCR, 4, 0x12345678);
	assert_int_equal(in(f, SCR, 1), 0x78);
	assert_int_equal(in(f, SCR, 4) & 0xff, 0x78);
	assert_int_equal(in(f, COM1 - 1, 2), 0xffff);
}

static void string_output_prints_every_byte(void **state)
{
	struct fixture *f = *state;

	memcpy(io_data(f), "one\ntwo\n", 8);
	port_io(f, false, COM1, 1, 8);
	assert_output(f, "one\ntwo\n");
}

static void string_input_fills_every_element(void **state)
{
	struct fixture *f = *state;
	uint8_t *data = io_data(f);

	memset(data, 0x55, 4096);
	port_io(f, true, LSR, 1, 4095);
	for (unsigned i = 0; i < 4095; i++)
		assert_int_equal(data[i], READY);
	assert_int_equal(data[4095], 0x55);
	port_io(f, true, 0x80, 4, 1024);
	for (unsigned i = 0; i < 4096; i++)
		assert_int_equal(data[i], 0xff);
}

/* Of a string that ends the guest, the rest is not looked at. */
static void string_output_ends_with_the_guest(void **state)
{
	struct fixture *f = *state;

	memcpy(io_data(f), "\x34\x34", 2);
	port_io(f, false, PC_PORT_SLEEP_CONTROL, 1, 2);
	assert_int_equal(f->m.outcome, OUTCOME_EXITED);
	f->m.outcome = OUTCOME_NONE;
	memcpy(io_data(f), "\xfe\x00\xfe", 3);
	port_io(f, false, PC_PORT_RESET, 1, 3);
	assert_int_equal(f->m.outcome, OUTCOME_RESET);
}

static void nothing_transferred_is_nothing_done(void **state)
{
	struct fixture *f = *state;

	memset(io_data(f), PC_RESET_VALUE, 8);
	port_io(f, false, PC_PORT_RESET, 1, 0);
	assert_int_equal(f->m.outcome, OUTCOME_NONE);
}

/* ---- memory ---- */

#define MAGIC     0x74726976u
#define DEVICE_ID 8u

static uint64_t window(unsigned device)
{
	return PC_VIRTIO + device * PC_VIRTIO_BYTES;
}

static void every_device_has_its_window(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(read_memory(f, window(i), 4), MAGIC);
		assert_int_equal(read_memory(f, window(i) + DEVICE_ID, 4), i == 1 ? 2 : 4);
	}
}

/* THREATS 3. */
static void windows_without_a_device_read_as_ones(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 3; i < PC_VIRTIO_MAX; i++) {
		write_memory(f, window(i) + 0x70, 4, 1);
		assert_int_equal(read_memory(f, window(i), 4), UINT32_MAX);
	}
}

static void addresses_of_nothing_read_as_ones(void **state)
{
	static const uint64_t addresses[] = {
		RAM, PC_VIRTIO - 8, PC_VIRTIO + PC_VIRTIO_MAX * PC_VIRTIO_BYTES, IOAPIC_BASE - 8, IOAPIC_BASE + IOAPIC_BYTES,
		PC_LAPIC, 1ull << 32, 1ull << 51, -8ull,
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT_OF(addresses); i++) {
		write_memory(f, addresses[i], 8, 0);
		assert_int_equal(read_memory(f, addresses[i], 8), UINT64_MAX);
		assert_int_equal(read_memory(f, addresses[i], 1), UINT8_MAX);
	}
}

/* THREATS 3. */
static void what_reaches_out_of_the_windows_is_nothings(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(read_memory(f, PC_VIRTIO - 4, 8), UINT64_MAX);
	assert_int_equal(read_memory(f, PC_VIRTIO + PC_VIRTIO_MAX * PC_VIRTIO_BYTES - 4, 8), UINT64_MAX);
	assert_int_equal(read_memory(f, IOAPIC_BASE - 4, 8), UINT64_MAX);
	assert_int_equal(read_memory(f, IOAPIC_BASE + IOAPIC_BYTES - 4, 8), UINT64_MAX);
	write_memory(f, IOAPIC_BASE - 4, 8, UINT64_MAX);
	assert_int_equal(read_memory(f, IOAPIC_BASE, 4), 0); /* IOREGSEL */
}

/* THREATS 3: it belongs to the device in whose window it begins, which has no such register. */
static void what_lies_across_two_windows_changes_neither(void **state)
{
	struct fixture *f = *state;

	for (unsigned bytes = 2; bytes <= 8; bytes *= 2)
		for (uint64_t back = 1; back < bytes; back++) {
			write_memory(f, window(1) - back, bytes, UINT64_MAX);
			assert_int_equal(read_memory(f, window(1) - back, bytes), 0);
		}
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(read_memory(f, window(i), 4), MAGIC);
		assert_int_equal(read_memory(f, window(i) + 0x70, 4), 0);
	}
}

/* A queue that cannot be used, of a driver that is there all the same: 2.1.2. */
static void break_device(struct fixture *f, unsigned device)
{
	const uint64_t base = window(device);

	write_memory(f, base + 0x70, 4, 3);
	write_memory(f, base + 0x24, 4, 1);
	write_memory(f, base + 0x20, 4, 1);
	write_memory(f, base + 0x70, 4, 11);
	write_memory(f, base + 0x38, 4, 8);
	write_memory(f, base + 0x90, 4, 0x1000);
	write_memory(f, base + 0xa0, 4, 0x2000);
	write_memory(f, base + 0x44, 4, 1);
	write_memory(f, base + 0x70, 4, 15);
	assert_int_equal(read_memory(f, base + 0x70, 4), 15);
	*(uint16_t *)(f->m.mem.host + 0x1002) = 999; /* the avail index jumps */
	write_memory(f, base + 0x50, 4, 0);
	assert_int_equal(read_memory(f, base + 0x70, 4), 15 | 64);
}

static void a_device_interrupts_by_its_pin(void **state)
{
	struct fixture *f = *state;

	route(f, PC_IRQ_VIRTIO + 2, 0x52);
	break_device(f, 2);
	assert_int_equal(f->messages, 1);
	assert_int_equal(f->last_vector, 0x52);
}

static void com1_interrupts_by_its_pin(void **state)
{
	struct fixture *f = *state;

	route(f, PC_IRQ_COM1, 0x44);
	out(f, COM1 + 1, 1, 2);
	assert_int_equal(f->messages, 1);
	assert_int_equal(f->last_vector, 0x44);
}

static void end_of_interrupt(struct fixture *f, uint8_t vector)
{
	f->m.vcpu.run->eoi.vector = vector;
	pc_eoi(&f->m);
}

/* KVM tells of the end of a level-triggered one: it comes again until the guest has asked what it was. */
static void com1_interrupts_by_level_until_it_is_asked_why(void **state)
{
	struct fixture *f = *state;

	route(f, PC_IRQ_COM1, 0x8000 | 0x44);
	assert_int_equal(f->routings, 1);
	out(f, COM1 + 1, 1, 2);
	out(f, COM1, 1, 'a');
	assert_int_equal(f->messages, 1);
	end_of_interrupt(f, 0x44);
	assert_int_equal(f->messages, 2);
	assert_int_equal(in(f, COM1 + 2, 1) & 0xf, 2);
	end_of_interrupt(f, 0x44);
	assert_int_equal(f->messages, 2);
	out(f, COM1, 1, 'b');
	assert_int_equal(f->messages, 3);
}

/* Between a handler's look and its EOI. */
static void com1s_interrupt_before_the_eoi_is_not_lost_by_level(void **state)
{
	struct fixture *f = *state;

	route(f, PC_IRQ_COM1, 0x8000 | 0x44);
	out(f, COM1 + 1, 1, 2);
	in(f, COM1 + 2, 1);
	out(f, COM1, 1, 'a');
	assert_int_equal(f->messages, 1);
	end_of_interrupt(f, 0x44);
	assert_int_equal(f->messages, 2);
}

static void a_device_interrupts_by_level_until_it_is_acknowledged(void **state)
{
	struct fixture *f = *state;

	route(f, PC_IRQ_VIRTIO + 2, 0x8000 | 0x52);
	break_device(f, 2);
	assert_int_equal(f->messages, 1);
	end_of_interrupt(f, 0x52);
	assert_int_equal(f->messages, 2);
	write_memory(f, window(2) + 0x64, 4, 2);
	end_of_interrupt(f, 0x52);
	assert_int_equal(f->messages, 2);
}

/* Who has turned it to levels meanwhile finds the line up. */
static void a_devices_line_is_up_until_it_is_reset(void **state)
{
	struct fixture *f = *state;

	break_device(f, 2);
	route(f, PC_IRQ_VIRTIO + 2, 0x8000 | 0x52);
	assert_int_equal(f->messages, 1);
	write_memory(f, window(2) + 0x70, 4, 0);
	end_of_interrupt(f, 0x52);
	assert_int_equal(f->messages, 1);
}

/* An edge for each, though nobody has acknowledged the one before. */
static void a_device_interrupts_by_edges_each_time(void **state)
{
	struct fixture *f = *state;

	route(f, PC_IRQ_VIRTIO + 2, 0x52);
	break_device(f, 2);
	f->m.pc->line.raise(&f->m.pc->line, f->m.devices.list[2]);
	assert_int_equal(f->messages, 2);
}

/* Without it ends of interrupts would not be told of, and the guest would wait for ever. */
static void a_routing_that_kvm_refuses_ends_the_machine(void **state)
{
	struct fixture *f = *state;

	f->refuse_routing = ENOMEM;
	route(f, PC_IRQ_COM1, 0x44);
	assert_int_equal(f->m.outcome, OUTCOME_NONE);
	route(f, PC_IRQ_COM1, 0x8000 | 0x44);
	assert_int_equal(f->m.outcome, OUTCOME_FAILED);
	assert_int_equal(f->m.error.kind, ERROR_HOST);
	assert_non_null(strstr(f->m.error.text, "KVM_SET_GSI_ROUTING"));
}

static void vectors_that_a_cpu_refuses_are_not_sent(void **state)
{
	struct fixture *f = *state;

	for (unsigned vector = 0; vector < 16; vector++) {
		route(f, PC_IRQ_COM1, vector);
		out(f, COM1 + 1, 1, 2);
		out(f, COM1 + 1, 1, 0);
	}
	assert_int_equal(f->messages, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(ports_of_nothing_read_as_ones),
		TEST(the_reset_command_resets_at_any_width),
		TEST(other_keyboard_commands_do_not),
		TEST(the_clock_tells_the_hosts_time),
		TEST(sleep_needs_its_enable_bit),
		TEST(com1_has_eight_ports),
		TEST(com1_is_bytes),
		TEST(string_output_prints_every_byte),
		TEST(string_input_fills_every_element),
		TEST(string_output_ends_with_the_guest),
		TEST(nothing_transferred_is_nothing_done),
		TEST(every_device_has_its_window),
		TEST(windows_without_a_device_read_as_ones),
		TEST(addresses_of_nothing_read_as_ones),
		TEST(what_reaches_out_of_the_windows_is_nothings),
		TEST(what_lies_across_two_windows_changes_neither),
		TEST(a_device_interrupts_by_its_pin),
		TEST(com1_interrupts_by_its_pin),
		TEST(com1_interrupts_by_level_until_it_is_asked_why),
		TEST(com1s_interrupt_before_the_eoi_is_not_lost_by_level),
		TEST(a_device_interrupts_by_level_until_it_is_acknowledged),
		TEST(a_devices_line_is_up_until_it_is_reset),
		TEST(a_device_interrupts_by_edges_each_time),
		TEST(a_routing_that_kvm_refuses_ends_the_machine),
		TEST(vectors_that_a_cpu_refuses_are_not_sent),
	};

	kind = ENGINE_SYNC;
	return cmocka_run_group_tests_name("a PC's ports and windows", tests, NULL, NULL);
}
