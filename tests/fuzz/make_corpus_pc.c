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

#include "tests/fuzz/fuzz_pc.h"

static uint8_t file[4096];
static size_t file_bytes;

static void put(uint32_t value, unsigned bytes)
{
	memcpy(file + file_bytes, &value, bytes);
	file_bytes += bytes;
}

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

static void save(const char *folder, const char *name)
{
	char path[4096];
	FILE *to;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	to = fopen(path, "wb");
	if (!to || fwrite(file, 1, file_bytes, to) != file_bytes)
		perror(path);
	if (to)
		fclose(to);
	file_bytes = 0;
}

int main(int argc, char **argv)
{
	const char *folder = argc > 1 ? argv[1] : ".";

	for (unsigned pin = 0; pin < 24; pin++)
		ioapic(0x11 + 2 * pin, pin << 24), ioapic(0x10 + 2 * pin, 0x30 + pin), byte(OP_LINE, 32 | pin);
	save(folder, "edges");

	ioapic(0x22, 0x8031), byte(OP_LINE, 64 | 9), byte(OP_EOI, 0x31), ioapic(0x22, 0x18031), byte(OP_LINE, 9);
	put(OP_IOAPIC_WRITE, 1), put(0x40, 2), put(2, 1), put(0x31, 4);
	put(OP_IOAPIC_READ, 1), put(0x10, 2), put(2, 1);
	ioapic(0x22, 0x10031), ioapic(0x22, 0x8131);
	save(folder, "levels");

	ioapic(0x18, 0x34);
	out(UART_FCR, 0x81), out(UART_LCR, 0x83), out(UART_DLL, 1), out(UART_LCR, 3), out(UART_IER, 7);
	for (unsigned i = 0; i < 16; i++)
		out(UART_TX, 0);
	byte(OP_SERIAL_READ, UART_IIR), byte(OP_SERIAL_READ, UART_LSR), out(UART_IER, 5);
	byte(OP_RECEIVE, 9), byte(OP_SERIAL_READ, UART_IIR), byte(OP_SERIAL_READ, UART_RX), put(OP_FLUSH, 1);
	save(folder, "serial");

	out(UART_MCR, 0x1a), byte(OP_SERIAL_READ, UART_MSR), out(UART_IER, 15);
	for (unsigned i = 0; i < 3; i++)
		out(UART_TX, i);
	byte(OP_SERIAL_READ, UART_LSR), out(UART_MCR, 0);
	save(folder, "loopback");
	return 0;
}
