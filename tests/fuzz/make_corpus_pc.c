/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes the files in tests/fuzz/corpus/pc: interrupts by edges and by levels, and a driver of the serial port.
 *
 *	make_corpus_pc tests/fuzz/corpus/pc
 */
#include <linux/serial_reg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "tests/fuzz/corpus.h"
#include "tests/fuzz/fuzz_pc.h"

static void ioapic(unsigned which, uint32_t value)
{
	put(OP_IOAPIC_REGISTER, 1), put(which, 1), put(value, 4);
}

static void byte(enum op op, unsigned value)
{
	put(op, 1), put(value, 1);
}

static void out(unsigned reg, unsigned value)
{
	put(OP_SERIAL_WRITE, 1), put(reg, 1), put(value, 1);
}

static void pic(unsigned chip, unsigned reg, unsigned value)
{
	put(OP_PIC_WRITE, 1), put(chip << 1 | reg, 1), put(value, 1);
}

static void pit(unsigned reg, unsigned value)
{
	put(OP_PIT_WRITE, 1), put(reg, 1), put(value, 1);
}

int main(int argc, char **argv)
{
	const char *folder = argc > 1 ? argv[1] : ".";

	for (unsigned pin = 0; pin < 24; pin++)
		ioapic(0x11 + 2 * pin, pin << 24), ioapic(0x10 + 2 * pin, 0x30 + pin), byte(OP_LINE, 32 | pin);
	corpus_save(folder, "edges");

	ioapic(0x22, 0x8031), byte(OP_LINE, 64 | 9), byte(OP_EOI, 0x31), ioapic(0x22, 0x18031), byte(OP_LINE, 9);
	put(OP_IOAPIC_WRITE, 1), put(0x40, 2), put(2, 1), put(0x31, 4);
	put(OP_IOAPIC_READ, 1), put(0x10, 2), put(2, 1);
	ioapic(0x22, 0x10031), ioapic(0x22, 0x8131);
	corpus_save(folder, "levels");

	ioapic(0x18, 0x34);
	out(UART_FCR, 0x81), out(UART_LCR, 0x83), out(UART_DLL, 1), out(UART_LCR, 3), out(UART_IER, 7);
	for (unsigned i = 0; i < 16; i++)
		out(UART_TX, 0);
	byte(OP_SERIAL_READ, UART_IIR), byte(OP_SERIAL_READ, UART_LSR), out(UART_IER, 5);
	byte(OP_RECEIVE, 9), byte(OP_SERIAL_READ, UART_IIR), byte(OP_SERIAL_READ, UART_RX), put(OP_FLUSH, 1);
	corpus_save(folder, "serial");

	for (unsigned chip = 0; chip < 2; chip++) {
		pic(chip, 0, 0x11), pic(chip, 1, 0x20 + 8 * chip), pic(chip, 1, chip ? 2 : 4), pic(chip, 1, 1), pic(chip, 1, 0);
		byte(OP_PIC_LINE, 32 | 3), byte(OP_PIC_LINE, 32 | 12), put(OP_ACKNOWLEDGE, 1), put(OP_ACKNOWLEDGE, 1);
		pic(chip, 0, 0x0b), byte(OP_PIC_READ, chip << 1), pic(chip, 0, 0x20);
		put(OP_ELCR, 1), put(chip, 1), put(0x10, 1), byte(OP_PIC_LINE, 64 | 12), pic(chip, 0, 0x0c), byte(OP_PIC_READ, 0);
	}
	corpus_save(folder, "pics");

	for (unsigned mode = 0; mode < 6; mode++) {
		unsigned channel = mode % 2 ? 2 : 0;

		pit(3, channel << 6 | 0x30 | mode << 1), pit(channel, 100), pit(channel, 0), byte(OP_SPEAKER, 1);
		put(OP_TIME, 1), put(90000, 4), pit(3, 0xc2), byte(OP_PIT_READ, channel), byte(OP_PIT_READ, channel);
		put(OP_TIME, 1), put(20000, 4);
	}
	corpus_save(folder, "pit");

	put(OP_RTC, 1), put(0x0b, 1), put(4, 1), put(OP_RTC, 1), put(4, 1), put(0, 1), put(OP_RTC, 1), put(0x0a, 1), put(0xff, 1);
	put(OP_KEYBOARD, 1), put(3, 1), put(0x60, 1), put(OP_KEYBOARD, 1), put(2, 1), put(0x47, 1);
	put(OP_KEYBOARD, 1), put(3, 1), put(0x20, 1), put(OP_KEYBOARD, 1), put(0, 1), put(0, 1);
	put(OP_TESTDEV, 1), put(0xfffc, 2), put(2, 1), put(0x12345678, 4);
	corpus_save(folder, "clock_and_keyboard");

	out(UART_MCR, 0x1a), byte(OP_SERIAL_READ, UART_MSR), out(UART_IER, 15);
	for (unsigned i = 0; i < 3; i++)
		out(UART_TX, i);
	byte(OP_SERIAL_READ, UART_LSR), out(UART_MCR, 0);
	corpus_save(folder, "loopback");
	return 0;
}
