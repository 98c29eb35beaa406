/* SPDX-License-Identifier: Apache-2.0 */
/* The serial port as a driver sees it, by the data sheet of the PC16550D; what the host gets of it, and when. */
#include "tests/unit/test_unit.h"

#include <linux/serial_reg.h>

#include "vmm/pc/serial.h"

#define NO_INT     UART_IIR_NO_INT
#define IDLE       (UART_LSR_THRE | UART_LSR_TEMT)
#define FIFOS      0xc0
#define READY      (UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS)
#define OUTPUT_MAX 4096u

struct fixture {
	struct serial serial;
	struct serial_host host;
	unsigned edges, puts;
	bool up; /* the interrupt line, by what we were told */
	char output[OUTPUT_MAX];
	size_t written;
};

static void put(const struct serial_host *host, const uint8_t *bytes, size_t count)
{
	struct fixture *f = host->context;

	assert_in_range(count, 1, SERIAL_GATHER_BYTES);
	assert_true(f->written + count < OUTPUT_MAX);
	memcpy(f->output + f->written, bytes, count);
	f->written += count;
	f->output[f->written] = 0;
	f->puts++;
}

static void irq(const struct serial_host *host, bool up)
{
	struct fixture *f = host->context;

	assert_true(up || f->up); /* no end without a beginning */
	f->up = up;
	f->edges += up;
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	f->host = (struct serial_host){ put, irq, f };
	serial_init(&f->serial, &f->host);
	return 0;
}

static int tear_down(void **state)
{
	free(*state);
	return 0;
}

/* --- the driver --- */

static uint8_t in(struct fixture *f, unsigned reg)
{
	return serial_read(&f->serial, reg);
}

static void out(struct fixture *f, unsigned reg, unsigned value)
{
	serial_write(&f->serial, reg, (uint8_t)value);
}

static void transmit(struct fixture *f, const char *text)
{
	while (*text)
		out(f, UART_TX, (uint8_t)*text++);
}

static size_t type(struct fixture *f, const char *text)
{
	return serial_receive(&f->serial, (const uint8_t *)text, strlen(text));
}

static uint8_t iir(struct fixture *f)
{
	return in(f, UART_IIR) & 0x0f;
}

/* --- registers --- */

static void registers_after_a_reset(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(in(f, UART_IER), 0);
	assert_int_equal(in(f, UART_IIR), NO_INT);
	assert_int_equal(in(f, UART_LCR), 0);
	assert_int_equal(in(f, UART_MCR), 0);
	assert_int_equal(in(f, UART_LSR), IDLE);
	assert_int_equal(in(f, UART_MSR), READY);
	assert_int_equal(in(f, UART_RX), 0);
}

static void line_control_and_scratch_keep_every_bit(void **state)
{
	struct fixture *f = *state;

	for (unsigned value = 0; value <= 0xff; value++) {
		out(f, UART_SCR, value);
		assert_int_equal(in(f, UART_SCR), value);
		out(f, UART_LCR, value);
		assert_int_equal(in(f, UART_LCR), value);
	}
}

static void bits_that_a_16550a_has_not_read_as_0(void **state)
{
	struct fixture *f = *state;

	out(f, UART_IER, 0xff);
	assert_int_equal(in(f, UART_IER), 0x0f);
	out(f, UART_MCR, 0xff);
	assert_int_equal(in(f, UART_MCR), 0x1f);
}

static void status_registers_cannot_be_written(void **state)
{
	struct fixture *f = *state;

	out(f, UART_LSR, 0xff);
	out(f, UART_MSR, 0xff);
	assert_int_equal(in(f, UART_LSR), IDLE);
	assert_int_equal(in(f, UART_MSR), READY);
}

static void the_divisor_is_behind_dlab(void **state)
{
	struct fixture *f = *state;

	out(f, UART_IER, UART_IER_RDI);
	out(f, UART_LCR, UART_LCR_DLAB | UART_LCR_WLEN8);
	out(f, UART_DLL, 0x12);
	out(f, UART_DLM, 0x34);
	assert_int_equal(in(f, UART_DLL), 0x12);
	assert_int_equal(in(f, UART_DLM), 0x34);
	out(f, UART_LCR, UART_LCR_WLEN8);
	assert_int_equal(in(f, UART_IER), UART_IER_RDI);
	serial_flush(&f->serial);
	assert_int_equal(f->written, 0);
	out(f, UART_LCR, UART_LCR_DLAB);
	assert_int_equal(in(f, UART_DLL), 0x12);
}

static void the_divisor_is_no_output(void **state)
{
	struct fixture *f = *state;

	transmit(f, "$ ");
	f->serial.lcr = UART_LCR_DLAB; /* so that it is not this that ends the line */
	out(f, UART_DLL, '\n');
	assert_string_equal(f->output, "$ ");
	out(f, UART_LCR, 0);
	out(f, UART_IER, UART_IER_THRI);
	out(f, UART_LCR, UART_LCR_DLAB);
	out(f, UART_DLL, 1);
	assert_int_equal(f->edges, 1);
	assert_int_equal(iir(f), UART_IIR_THRI);
	assert_int_equal(f->written, 2);
}

static void the_divisor_latch_hides_the_receiver(void **state)
{
	struct fixture *f = *state;

	type(f, "x");
	out(f, UART_LCR, UART_LCR_DLAB);
	assert_int_equal(in(f, UART_DLL), 0);
	out(f, UART_LCR, 0);
	assert_int_equal(in(f, UART_RX), 'x');
}

static void the_iir_tells_whether_fifos_are_on(void **state)
{
	struct fixture *f = *state;

	out(f, UART_FCR, UART_FCR_ENABLE_FIFO);
	assert_int_equal(in(f, UART_IIR), FIFOS | NO_INT);
	out(f, UART_FCR, 0);
	assert_int_equal(in(f, UART_IIR), NO_INT);
}

/* --- output --- */

static void a_line_is_given_whole(void **state)
{
	struct fixture *f = *state;

	transmit(f, "hello\n");
	assert_string_equal(f->output, "hello\n");
	assert_int_equal(f->puts, 1);
	assert_false(serial_holds(&f->serial));
}

static void the_transmitter_is_always_empty(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 40; i++) {
		out(f, UART_TX, 'x');
		assert_int_equal(in(f, UART_LSR), IDLE);
	}
}

static void every_byte_gets_through(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i <= 0xff; i++)
		out(f, UART_TX, i);
	serial_flush(&f->serial);
	assert_int_equal(f->written, 256);
	for (unsigned i = 0; i <= 0xff; i++)
		assert_int_equal((uint8_t)f->output[i], i);
}

static void a_long_line_is_given_when_the_buffer_is_full(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 1; i <= 2 * SERIAL_GATHER_BYTES; i++) {
		out(f, UART_TX, 'x');
		assert_int_equal(f->puts, i / SERIAL_GATHER_BYTES);
	}
	assert_int_equal(f->written, 2 * SERIAL_GATHER_BYTES);
}

static void a_polled_line_is_given_whole(void **state)
{
	struct fixture *f = *state;

	for (const char *c = "polled\n"; *c; c++) {
		in(f, UART_LSR);
		out(f, UART_TX, (uint8_t)*c);
	}
	assert_string_equal(f->output, "polled\n");
	assert_int_equal(f->puts, 1);
}

static void an_unfinished_line_is_held_until_it_is_flushed(void **state)
{
	struct fixture *f = *state;

	transmit(f, "login: ");
	assert_int_equal(f->puts, 0);
	assert_true(serial_holds(&f->serial));
	serial_flush(&f->serial);
	assert_string_equal(f->output, "login: ");
	assert_false(serial_holds(&f->serial));
}

static void flushing_nothing_gives_nothing(void **state)
{
	struct fixture *f = *state;

	serial_flush(&f->serial);
	assert_int_equal(f->puts, 0);
}

/* What a driver does when it has no more to transmit, or wants input. */
static void an_access_to_another_register_gives_what_is_there(void **state)
{
	static const struct { unsigned reg; bool write; } accesses[] = {
		{ UART_RX, false }, { UART_IER, false }, { UART_IIR, false }, { UART_LCR, false }, { UART_MCR, false },
		{ UART_MSR, false }, { UART_SCR, false }, { UART_IER, true }, { UART_FCR, true }, { UART_LCR, true },
		{ UART_MCR, true }, { UART_LSR, true }, { UART_MSR, true }, { UART_SCR, true },
	};
	struct fixture *f = *state;

	for (unsigned i = 0; i < COUNT_OF(accesses); i++) {
		transmit(f, "$ ");
		if (accesses[i].write)
			out(f, accesses[i].reg, 0);
		else
			in(f, accesses[i].reg);
		assert_int_equal(f->puts, i + 1);
	}
}

static void asking_twice_for_the_line_status_gives_what_is_there(void **state)
{
	struct fixture *f = *state;

	transmit(f, "$ ");
	in(f, UART_LSR);
	assert_int_equal(f->puts, 0);
	in(f, UART_LSR);
	assert_string_equal(f->output, "$ ");
}

static void clearing_the_transmit_fifo_loses_nothing(void **state)
{
	struct fixture *f = *state;

	transmit(f, "kept");
	out(f, UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_XMIT | UART_FCR_CLEAR_RCVR);
	assert_string_equal(f->output, "kept");
}

/* --- input --- */

static void input_is_read_in_its_order(void **state)
{
	struct fixture *f = *state;

	out(f, UART_FCR, UART_FCR_ENABLE_FIFO);
	for (unsigned round = 0; round < 20; round++) {
		assert_int_equal(type(f, "abcde"), 5);
		for (const char *c = "abcde"; *c; c++) {
			assert_int_equal(in(f, UART_LSR), IDLE | UART_LSR_DR);
			assert_int_equal(in(f, UART_RX), *c);
		}
		assert_int_equal(in(f, UART_LSR), IDLE);
	}
}

static void input_is_taken_up_to_16_bytes(void **state)
{
	struct fixture *f = *state;

	out(f, UART_FCR, UART_FCR_ENABLE_FIFO);
	assert_int_equal(serial_room(&f->serial), 16);
	assert_int_equal(type(f, "0123456789abcdefgh"), 16);
	assert_int_equal(serial_room(&f->serial), 0);
	assert_int_equal(type(f, "x"), 0);
	assert_int_equal(in(f, UART_RX), '0');
	assert_int_equal(serial_room(&f->serial), 1);
	assert_int_equal(type(f, "xy"), 1);
	assert_int_equal(in(f, UART_LSR) & UART_LSR_OE, 0);
}

static void without_fifos_a_byte_is_taken_at_a_time(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(type(f, "ab"), 1);
	assert_int_equal(in(f, UART_RX), 'a');
	assert_int_equal(type(f, "b"), 1);
	assert_int_equal(in(f, UART_RX), 'b');
}

static void reading_an_empty_receiver_gives_0(void **state)
{
	struct fixture *f = *state;

	type(f, "x");
	in(f, UART_RX);
	assert_int_equal(in(f, UART_RX), 0);
	assert_int_equal(serial_room(&f->serial), 1);
}

static void clearing_the_receive_fifo_empties_it(void **state)
{
	struct fixture *f = *state;

	out(f, UART_FCR, UART_FCR_ENABLE_FIFO);
	type(f, "abc");
	out(f, UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR);
	assert_int_equal(in(f, UART_LSR), IDLE);
	assert_int_equal(serial_room(&f->serial), 16);
}

static void turning_fifos_on_or_off_empties_the_receiver(void **state)
{
	struct fixture *f = *state;

	type(f, "a");
	out(f, UART_FCR, UART_FCR_ENABLE_FIFO);
	assert_int_equal(in(f, UART_LSR), IDLE);
	type(f, "abc");
	out(f, UART_FCR, 0);
	assert_int_equal(in(f, UART_LSR), IDLE);
	assert_int_equal(serial_room(&f->serial), 1);
}

static void bits_of_the_fcr_mean_nothing_without_its_first(void **state)
{
	struct fixture *f = *state;

	type(f, "a");
	out(f, UART_FCR, UART_FCR_CLEAR_RCVR | UART_FCR_TRIGGER_14);
	assert_int_equal(in(f, UART_RX), 'a');
}

/* --- interrupts --- */

static void no_interrupt_that_is_not_enabled(void **state)
{
	struct fixture *f = *state;

	transmit(f, "x");
	type(f, "x");
	out(f, UART_MCR, UART_MCR_LOOP);
	transmit(f, "x"); /* overruns */
	assert_int_equal(f->edges, 0);
	assert_int_equal(iir(f), NO_INT);
}

static void enabling_the_transmitters_interrupt_raises_it_each_time(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 1; i <= 3; i++) {
		out(f, UART_IER, UART_IER_THRI);
		assert_int_equal(f->edges, i);
		assert_int_equal(iir(f), UART_IIR_THRI);
		assert_int_equal(iir(f), NO_INT);
		out(f, UART_IER, 0);
	}
}

static void the_transmitters_interrupt_stays_ended_when_it_is_enabled_already(void **state)
{
	struct fixture *f = *state;

	out(f, UART_IER, UART_IER_THRI);
	iir(f);
	out(f, UART_IER, UART_IER_THRI | UART_IER_RDI);
	assert_int_equal(f->edges, 1);
	assert_int_equal(iir(f), NO_INT);
}

static void each_write_raises_the_transmitters_interrupt(void **state)
{
	struct fixture *f = *state;

	out(f, UART_IER, UART_IER_THRI);
	iir(f);
	out(f, UART_TX, 'x');
	assert_int_equal(f->edges, 2);
	/* Nor need the IIR be read. */
	out(f, UART_TX, 'y');
	assert_int_equal(f->edges, 3);
	assert_int_equal(iir(f), UART_IIR_THRI);
}

static void input_interrupts_until_it_is_read(void **state)
{
	struct fixture *f = *state;

	out(f, UART_IER, UART_IER_RDI);
	type(f, "x");
	assert_int_equal(f->edges, 1);
	assert_int_equal(iir(f), UART_IIR_RDI);
	assert_int_equal(iir(f), UART_IIR_RDI);
	in(f, UART_RX);
	assert_int_equal(iir(f), NO_INT);
}

static void input_from_before_interrupts_when_that_is_enabled(void **state)
{
	struct fixture *f = *state;

	type(f, "x");
	out(f, UART_IER, UART_IER_RDI);
	assert_int_equal(f->edges, 1);
}

static void more_input_is_another_edge(void **state)
{
	struct fixture *f = *state;

	out(f, UART_FCR, UART_FCR_ENABLE_FIFO);
	out(f, UART_IER, UART_IER_RDI);
	type(f, "a");
	type(f, "b");
	assert_int_equal(f->edges, 2);
}

static void input_that_is_not_taken_is_no_edge(void **state)
{
	struct fixture *f = *state;

	out(f, UART_IER, UART_IER_RDI);
	type(f, "a");
	type(f, "b");
	assert_int_equal(f->edges, 1);
}

static void below_the_trigger_level_input_is_a_timeout(void **state)
{
	static const struct { unsigned fcr, level; } triggers[] = {
		{ UART_FCR_TRIGGER_1, 1 }, { UART_FCR_TRIGGER_4, 4 }, { UART_FCR_TRIGGER_8, 8 }, { UART_FCR_TRIGGER_14, 14 },
	};
	struct fixture *f = *state;

	out(f, UART_IER, UART_IER_RDI);
	for (unsigned i = 0; i < COUNT_OF(triggers); i++) {
		out(f, UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR | triggers[i].fcr);
		for (unsigned count = 1; count <= 16; count++) {
			type(f, "x");
			assert_int_equal(iir(f), count < triggers[i].level ? UART_IIR_RX_TIMEOUT : UART_IIR_RDI);
		}
	}
}

static void interrupts_are_told_by_their_priority(void **state)
{
	struct fixture *f = *state;

	out(f, UART_MCR, UART_MCR_LOOP | UART_MCR_RTS);
	out(f, UART_TX, 'a');
	out(f, UART_TX, 'b'); /* overruns: no FIFOs */
	out(f, UART_IER, UART_IER_RDI | UART_IER_THRI | UART_IER_RLSI | UART_IER_MSI);
	assert_int_equal(f->edges, 1);
	assert_int_equal(iir(f), UART_IIR_RLSI);
	assert_int_equal(in(f, UART_LSR), IDLE | UART_LSR_OE | UART_LSR_DR);
	assert_int_equal(iir(f), UART_IIR_RDI);
	assert_int_equal(in(f, UART_RX), 'a');
	assert_int_equal(iir(f), UART_IIR_THRI);
	assert_int_equal(iir(f), UART_IIR_MSI);
	in(f, UART_MSR);
	assert_int_equal(iir(f), NO_INT);
	assert_int_equal(f->edges, 1);
}

static void the_transmitters_interrupt_is_not_ended_by_telling_of_another(void **state)
{
	struct fixture *f = *state;

	type(f, "x");
	out(f, UART_IER, UART_IER_RDI | UART_IER_THRI);
	assert_int_equal(iir(f), UART_IIR_RDI);
	in(f, UART_RX);
	assert_int_equal(iir(f), UART_IIR_THRI);
}

static void a_line_that_is_up_already_is_no_edge(void **state)
{
	struct fixture *f = *state;

	out(f, UART_IER, UART_IER_RDI);
	type(f, "x");
	out(f, UART_IER, UART_IER_RDI | UART_IER_THRI);
	out(f, UART_TX, 'x');
	assert_int_equal(f->edges, 1);
}

static void the_line_falls_with_its_last_reason(void **state)
{
	struct fixture *f = *state;

	out(f, UART_IER, UART_IER_RDI | UART_IER_THRI);
	type(f, "x");
	assert_true(f->up);
	in(f, UART_RX);
	assert_true(f->up);
	iir(f);
	assert_false(f->up);
	out(f, UART_TX, 'x');
	assert_true(f->up);
	out(f, UART_IER, 0);
	assert_false(f->up);
}

/* --- modem lines, loopback --- */

static void loopback_wires_outputs_to_inputs(void **state)
{
	static const struct { unsigned mcr, msr; } wires[] = {
		{ 0, 0 }, { UART_MCR_RTS, UART_MSR_CTS }, { UART_MCR_DTR, UART_MSR_DSR }, { UART_MCR_OUT1, UART_MSR_RI },
		{ UART_MCR_OUT2, UART_MSR_DCD }, { UART_MCR_OUT2 | UART_MCR_RTS, UART_MSR_DCD | UART_MSR_CTS },
	};
	struct fixture *f = *state;

	for (unsigned i = 0; i < COUNT_OF(wires); i++) {
		out(f, UART_MCR, UART_MCR_LOOP | wires[i].mcr);
		assert_int_equal(in(f, UART_MSR) & 0xf0, wires[i].msr);
	}
	out(f, UART_MCR, UART_MCR_DTR);
	assert_int_equal(in(f, UART_MSR) & 0xf0, READY);
}

static void a_change_of_modem_lines_is_told_once(void **state)
{
	struct fixture *f = *state;

	out(f, UART_MCR, UART_MCR_LOOP | UART_MCR_OUT1);
	assert_int_equal(in(f, UART_MSR) & 0x0f, UART_MSR_DDCD | UART_MSR_DDSR | UART_MSR_DCTS);
	assert_int_equal(in(f, UART_MSR) & 0x0f, 0);
	out(f, UART_MCR, UART_MCR_LOOP | UART_MCR_RTS);
	assert_int_equal(in(f, UART_MSR) & 0x0f, UART_MSR_TERI | UART_MSR_DCTS);
	/* The bell's beginning is none. */
	out(f, UART_MCR, UART_MCR_LOOP | UART_MCR_RTS | UART_MCR_OUT1);
	assert_int_equal(in(f, UART_MSR) & 0x0f, 0);
}

static void changes_of_modem_lines_add_up_until_they_are_told(void **state)
{
	struct fixture *f = *state;

	out(f, UART_MCR, UART_MCR_LOOP | UART_MCR_RTS | UART_MCR_DTR | UART_MCR_OUT2);
	out(f, UART_MCR, UART_MCR_LOOP | UART_MCR_RTS | UART_MCR_DTR);
	out(f, UART_MCR, UART_MCR_LOOP | UART_MCR_RTS);
	assert_int_equal(in(f, UART_MSR) & 0x0f, UART_MSR_DDCD | UART_MSR_DDSR);
}

static void a_change_of_modem_lines_interrupts(void **state)
{
	struct fixture *f = *state;

	out(f, UART_IER, UART_IER_MSI);
	out(f, UART_MCR, UART_MCR_LOOP);
	assert_int_equal(f->edges, 1);
	assert_int_equal(iir(f), UART_IIR_MSI);
	in(f, UART_MSR);
	assert_int_equal(iir(f), NO_INT);
}

static void outputs_out_of_loopback_change_no_inputs(void **state)
{
	struct fixture *f = *state;

	out(f, UART_MCR, UART_MCR_DTR | UART_MCR_RTS | UART_MCR_OUT1 | UART_MCR_OUT2);
	assert_int_equal(in(f, UART_MSR), READY);
}

static void loopback_gives_the_transmitters_bytes_to_the_receiver_alone(void **state)
{
	struct fixture *f = *state;

	out(f, UART_FCR, UART_FCR_ENABLE_FIFO);
	out(f, UART_IER, UART_IER_RDI);
	out(f, UART_MCR, UART_MCR_LOOP);
	transmit(f, "ab\n");
	assert_int_equal(f->edges, 1);
	assert_int_equal(in(f, UART_RX), 'a');
	assert_int_equal(in(f, UART_RX), 'b');
	assert_int_equal(in(f, UART_RX), '\n');
	serial_flush(&f->serial);
	assert_int_equal(f->puts, 0);
}

static void loopback_takes_no_input(void **state)
{
	struct fixture *f = *state;

	out(f, UART_MCR, UART_MCR_LOOP);
	assert_int_equal(serial_room(&f->serial), 0);
	assert_int_equal(type(f, "x"), 0);
	out(f, UART_MCR, 0);
	assert_int_equal(type(f, "x"), 1);
}

static void too_much_in_loopback_is_an_overrun_that_keeps_what_was_there(void **state)
{
	struct fixture *f = *state;

	out(f, UART_FCR, UART_FCR_ENABLE_FIFO);
	out(f, UART_MCR, UART_MCR_LOOP);
	transmit(f, "0123456789abcdef");
	assert_int_equal(in(f, UART_LSR) & UART_LSR_OE, 0);
	transmit(f, "x");
	assert_int_equal(in(f, UART_LSR) & UART_LSR_OE, UART_LSR_OE);
	assert_int_equal(in(f, UART_LSR) & UART_LSR_OE, 0);
	for (const char *c = "0123456789abcdef"; *c; c++)
		assert_int_equal(in(f, UART_RX), *c);
	assert_int_equal(in(f, UART_LSR), IDLE);
}

/* --- drivers --- */

/* The questions by which a driver tells a 16550A from its relatives: as Linux's 8250 driver has them. */
static void a_driver_finds_a_16550a_and_no_relative(void **state)
{
	struct fixture *f = *state;

	/* Is there a port: interrupt enables that can be cleared and set. */
	out(f, UART_IER, 0);
	assert_int_equal(in(f, UART_IER) & 0x0f, 0);
	out(f, UART_IER, 0x0f);
	assert_int_equal(in(f, UART_IER) & 0x0f, 0x0f);
	out(f, UART_IER, 0);
	/* Loopback. */
	out(f, UART_MCR, UART_MCR_LOOP | UART_MCR_OUT2 | UART_MCR_RTS);
	assert_int_equal(in(f, UART_MSR) & 0xf0, UART_MSR_DCD | UART_MSR_CTS);
	out(f, UART_MCR, 0);
	/* FIFOs that work. */
	out(f, UART_LCR, UART_LCR_CONF_MODE_B);
	out(f, UART_EFR, 0);
	out(f, UART_LCR, 0);
	out(f, UART_FCR, UART_FCR_ENABLE_FIFO);
	assert_int_equal(in(f, UART_IIR) >> 6, 3);
	/* No EFR (16650), behind DLAB or the magic value, no bank of registers behind 0xe0 (NS16550AF's successors). */
	out(f, UART_LCR, UART_LCR_CONF_MODE_A);
	assert_int_not_equal(in(f, UART_EFR), 0);
	out(f, UART_LCR, UART_LCR_CONF_MODE_B);
	assert_int_not_equal(in(f, UART_EFR), 0);
	out(f, UART_LCR, 0xe0);
	uint8_t before = in(f, UART_EFR);

	out(f, UART_LCR, 0);
	out(f, UART_MCR, UART_MCR_LOOP);
	out(f, UART_LCR, 0xe0);
	assert_int_equal((in(f, UART_EFR) ^ before) & UART_MCR_LOOP, 0);
	out(f, UART_LCR, 0);
	out(f, UART_MCR, 0);
	/* No FIFO of 64 bytes (16750). */
	out(f, UART_LCR, UART_LCR_CONF_MODE_A);
	out(f, UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR7_64BYTE);
	assert_int_equal(in(f, UART_IIR) >> 5, 6);
	out(f, UART_LCR, 0);
	/* No UART unit enable (XScale). */
	out(f, UART_IER, 0x40);
	assert_int_equal(in(f, UART_IER), 0);
}

/*
 * A driver that transmits by interrupts, 16 bytes at a time, and runs only when there is an edge: until the IIR says that there is
 * nothing. It never hangs, and when it has no more to say all of it has been given.
 */
static void a_driver_by_interrupts_gets_all_its_output_out(void **state)
{
	struct fixture *f = *state;
	unsigned left = 1000, handled = 0;

	out(f, UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_TRIGGER_8);
	out(f, UART_IER, UART_IER_RDI | UART_IER_RLSI | UART_IER_THRI);
	while (handled < f->edges) {
		handled = f->edges;
		while (!(in(f, UART_IIR) & NO_INT)) {
			in(f, UART_LSR);
			in(f, UART_MSR);
			for (unsigned i = 0; i < 16 && left; i++, left--)
				out(f, UART_TX, 'x');
			if (!left)
				out(f, UART_IER, UART_IER_RDI | UART_IER_RLSI);
		}
	}
	assert_int_equal(left, 0);
	assert_int_equal(f->written, 1000);
}

/* Nor does one that leaves its handler after one turn: each turn's end has made the next edge. */
static void a_driver_that_handles_one_interrupt_an_edge_gets_all_its_output_out(void **state)
{
	struct fixture *f = *state;
	unsigned left = 1000;

	out(f, UART_FCR, UART_FCR_ENABLE_FIFO);
	out(f, UART_IER, UART_IER_THRI);
	while (left) {
		assert_true(f->edges > 0);
		f->edges = 0;
		assert_int_equal(iir(f), UART_IIR_THRI);
		for (unsigned i = 0; i < 16 && left; i++, left--)
			out(f, UART_TX, 'x');
	}
	out(f, UART_IER, 0);
	assert_int_equal(f->written, 1000);
}

/* --- any guest --- */

/* Is the line up? Without changing anything. */
static bool line_up(const struct fixture *f)
{
	struct serial copy = f->serial;

	copy.gathered_count = 0;
	copy.up = false; /* nobody is told */
	return !(serial_read(&copy, UART_IIR) & NO_INT);
}

static uint64_t random_of(uint64_t *seed)
{
	/* xorshift64 */
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/*
 * Any accesses, with input between them: what is transmitted comes out, in its order; a line that has risen has been told of; and
 * when nothing is told of as pending there is nothing to be read.
 */
static void nothing_that_a_guest_does_loses_output_or_an_edge(void **state)
{
	struct fixture *f = *state;
	uint64_t seed = 0x9e3779b97f4a7c15;
	uint8_t sent = 0, got = 0;

	for (unsigned i = 0; i < 1000000; i++) {
		uint64_t r = random_of(&seed);
		unsigned reg = r & 7, edges = f->edges;
		uint8_t value = (uint8_t)(r >> 8);
		bool was_up = line_up(f);

		if (r >> 16 & 1) {
			in(f, reg);
		} else if (r >> 17 & 3) {
			/* Half of the time plain transmission. */
			bool transmits = reg == UART_TX && !(f->serial.lcr & UART_LCR_DLAB) && !(f->serial.mcr & UART_MCR_LOOP);

			out(f, reg, transmits ? sent++ : value);
		} else {
			size_t room = serial_room(&f->serial), count = r >> 20 & 31;
			uint8_t bytes[32] = { 0 };

			assert_int_equal(serial_receive(&f->serial, bytes, count), count < room ? count : room);
		}
		assert_true(was_up || !line_up(f) || f->edges > edges);
		assert_int_equal(f->up, line_up(f));
		assert_true(line_up(f) || !(f->serial.ier & UART_IER_RDI) || !(in(f, UART_LSR) & UART_LSR_DR));
		for (size_t at = 0; at < f->written; at++)
			assert_int_equal((uint8_t)f->output[at], got++);
		f->written = 0;
	}
	serial_flush(&f->serial);
	for (size_t at = 0; at < f->written; at++)
		assert_int_equal((uint8_t)f->output[at], got++);
	assert_int_equal(got, sent);
	assert_true(f->puts > 1000 && f->edges > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(registers_after_a_reset),
		TEST(line_control_and_scratch_keep_every_bit),
		TEST(bits_that_a_16550a_has_not_read_as_0),
		TEST(status_registers_cannot_be_written),
		TEST(the_divisor_is_behind_dlab),
		TEST(the_divisor_is_no_output),
		TEST(the_divisor_latch_hides_the_receiver),
		TEST(the_iir_tells_whether_fifos_are_on),
		TEST(a_line_is_given_whole),
		TEST(the_transmitter_is_always_empty),
		TEST(every_byte_gets_through),
		TEST(a_long_line_is_given_when_the_buffer_is_full),
		TEST(a_polled_line_is_given_whole),
		TEST(an_unfinished_line_is_held_until_it_is_flushed),
		TEST(flushing_nothing_gives_nothing),
		TEST(an_access_to_another_register_gives_what_is_there),
		TEST(asking_twice_for_the_line_status_gives_what_is_there),
		TEST(clearing_the_transmit_fifo_loses_nothing),
		TEST(input_is_read_in_its_order),
		TEST(input_is_taken_up_to_16_bytes),
		TEST(without_fifos_a_byte_is_taken_at_a_time),
		TEST(reading_an_empty_receiver_gives_0),
		TEST(clearing_the_receive_fifo_empties_it),
		TEST(turning_fifos_on_or_off_empties_the_receiver),
		TEST(bits_of_the_fcr_mean_nothing_without_its_first),
		TEST(no_interrupt_that_is_not_enabled),
		TEST(enabling_the_transmitters_interrupt_raises_it_each_time),
		TEST(the_transmitters_interrupt_stays_ended_when_it_is_enabled_already),
		TEST(each_write_raises_the_transmitters_interrupt),
		TEST(input_interrupts_until_it_is_read),
		TEST(input_from_before_interrupts_when_that_is_enabled),
		TEST(more_input_is_another_edge),
		TEST(input_that_is_not_taken_is_no_edge),
		TEST(below_the_trigger_level_input_is_a_timeout),
		TEST(interrupts_are_told_by_their_priority),
		TEST(the_transmitters_interrupt_is_not_ended_by_telling_of_another),
		TEST(a_line_that_is_up_already_is_no_edge),
		TEST(the_line_falls_with_its_last_reason),
		TEST(loopback_wires_outputs_to_inputs),
		TEST(a_change_of_modem_lines_is_told_once),
		TEST(changes_of_modem_lines_add_up_until_they_are_told),
		TEST(a_change_of_modem_lines_interrupts),
		TEST(outputs_out_of_loopback_change_no_inputs),
		TEST(loopback_gives_the_transmitters_bytes_to_the_receiver_alone),
		TEST(loopback_takes_no_input),
		TEST(too_much_in_loopback_is_an_overrun_that_keeps_what_was_there),
		TEST(a_driver_finds_a_16550a_and_no_relative),
		TEST(a_driver_by_interrupts_gets_all_its_output_out),
		TEST(a_driver_that_handles_one_interrupt_an_edge_gets_all_its_output_out),
		TEST(nothing_that_a_guest_does_loses_output_or_an_edge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
