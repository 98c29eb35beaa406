/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any guest at the IOAPIC and at COM1, whose interrupt is the IOAPIC's. Beside what the sanitizers see: what is sent is a message
 * that a LAPIC takes, of a pin that is not masked; a remote IRR is a level-triggered pin's alone, and routes are told of before
 * they are needed; what is transmitted comes out once and in its order; a line of the port's that has risen is an edge; input
 * is taken as it was promised.
 *
 *	fuzz_pc tests/fuzz/corpus/pc
 */
#include "tests/fuzz/fuzz_pc.h"

#include <linux/serial_reg.h>
#include <stdbool.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "vmm/pc/ioapic.h"
#include "vmm/pc/serial.h"

#define REMOTE_IRR 0x4000u
#define LEVEL      0x8000u
#define MASKED     0x10000u
#define UNWRITABLE 0x00fffffffffe1000ull /* of an entry, but for the remote IRR */

struct fuzz {
	struct ioapic ioapic;
	struct serial serial;
	const uint8_t *data;
	size_t bytes;
	struct ioapic_msi routes[IOAPIC_PINS]; /* what KVM would have been told; 0: none */
	unsigned edges;
	bool up;                               /* the port's line, by what was told of it */
	uint8_t transmitted, got;
};

static uint32_t take(struct fuzz *fuzz, unsigned bytes)
{
	uint32_t value = 0;

	if (bytes > fuzz->bytes)
		bytes = (unsigned)fuzz->bytes;
	memcpy(&value, fuzz->data, bytes);
	fuzz->data += bytes;
	fuzz->bytes -= bytes;
	return value;
}

/* --- the host --- */

static bool is_routed(const struct fuzz *fuzz, uint64_t address, uint32_t data)
{
	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++)
		if (fuzz->routes[pin].address == address && fuzz->routes[pin].data == data)
			return true;
	return false;
}

static void send(const struct ioapic_host *host, uint64_t address, uint32_t data)
{
	const struct fuzz *fuzz = host->context;
	unsigned senders = 0;

	PROMISE((address & ~0xff004ull) == 0xfee00000 && (data & ~0xc1ffu) == 0 && (data & 0xff) >= 16);
	PROMISE(!(data & LEVEL) || is_routed(fuzz, address, data));
	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
		struct ioapic_msi msi;

		senders += !(fuzz->ioapic.entries[pin] & MASKED) && ioapic_msi(&fuzz->ioapic, pin, &msi) &&
			   msi.address == address && msi.data == data;
	}
	PROMISE(senders > 0);
}

static void routes(const struct ioapic_host *host, const struct ioapic *ioapic)
{
	struct fuzz *fuzz = host->context;

	memset(fuzz->routes, 0, sizeof(fuzz->routes));
	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++)
		if (ioapic_is_level(ioapic, pin))
			PROMISE(ioapic_msi(ioapic, pin, &fuzz->routes[pin]));
}

static void put(const struct serial_host *host, const uint8_t *bytes, size_t count)
{
	struct fuzz *fuzz = host->context;

	PROMISE(count >= 1 && count <= SERIAL_GATHER_BYTES);
	for (size_t i = 0; i < count; i++)
		PROMISE(bytes[i] == fuzz->got++);
}

static void irq(const struct serial_host *host, bool up)
{
	struct fuzz *fuzz = host->context;

	PROMISE(up || fuzz->up);
	fuzz->up = up;
	fuzz->edges += up;
	if (up)
		ioapic_raise(&fuzz->ioapic, PC_IRQ_COM1);
	else
		ioapic_set_level(&fuzz->ioapic, PC_IRQ_COM1, false);
}

/* --- the guest --- */

static void line(struct fuzz *fuzz)
{
	unsigned how = take(fuzz, 1), pin = (how & 31) % IOAPIC_PINS;

	if (how & 32)
		ioapic_raise(&fuzz->ioapic, pin);
	else
		ioapic_set_level(&fuzz->ioapic, pin, how & 64);
}

static void serial_out(struct fuzz *fuzz)
{
	unsigned reg = take(fuzz, 1) & 7;
	uint8_t value = (uint8_t)take(fuzz, 1);

	if (reg == UART_TX && !(fuzz->serial.lcr & UART_LCR_DLAB) && !(fuzz->serial.mcr & UART_MCR_LOOP))
		value = fuzz->transmitted++;
	serial_write(&fuzz->serial, reg, value);
}

static void receive(struct fuzz *fuzz)
{
	const uint8_t input[UINT8_MAX] = { 0 };
	size_t count = take(fuzz, 1) % sizeof(input), room = serial_room(&fuzz->serial);

	PROMISE(serial_receive(&fuzz->serial, input, count) == (count < room ? count : room));
}

/* Is the port's line up? Without changing anything. */
static bool line_up(const struct fuzz *fuzz)
{
	struct serial copy = fuzz->serial;

	copy.gathered_count = 0;
	copy.up = false; /* nobody is told */
	return !(serial_read(&copy, UART_IIR) & UART_IIR_NO_INT);
}

static void step(struct fuzz *fuzz)
{
	struct ioapic *ioapic = &fuzz->ioapic;
	uint64_t offset;
	unsigned width;

	switch (take(fuzz, 1) % OPS) {
	case OP_IOAPIC_WRITE:
		offset = take(fuzz, 2);
		width = 1u << take(fuzz, 1) % 4;
		ioapic_write(ioapic, offset, width, take(fuzz, 4));
		break;
	case OP_IOAPIC_READ:
		offset = take(fuzz, 2);
		ioapic_read(ioapic, offset, 1u << take(fuzz, 1) % 4);
		break;
	case OP_IOAPIC_REGISTER:
		ioapic_write(ioapic, 0x00, 4, take(fuzz, 1));
		ioapic_write(ioapic, 0x10, 4, take(fuzz, 4));
		break;
	case OP_LINE:
		line(fuzz);
		break;
	case OP_EOI:
		ioapic_eoi(ioapic, (uint8_t)take(fuzz, 1));
		break;
	case OP_SERIAL_WRITE:
		serial_out(fuzz);
		break;
	case OP_SERIAL_READ:
		serial_read(&fuzz->serial, take(fuzz, 1) & 7);
		break;
	case OP_RECEIVE:
		receive(fuzz);
		break;
	case OP_FLUSH:
		serial_flush(&fuzz->serial);
		PROMISE(!serial_holds(&fuzz->serial) && fuzz->got == fuzz->transmitted);
		break;
	}
}

static void check(const struct fuzz *fuzz, bool was_up, unsigned edges)
{
	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
		uint64_t entry = fuzz->ioapic.entries[pin];
		struct ioapic_msi msi = { 0, 0 };

		PROMISE(!(entry & UNWRITABLE) && (!(entry & REMOTE_IRR) || (entry & LEVEL)));
		if (ioapic_is_level(&fuzz->ioapic, pin))
			ioapic_msi(&fuzz->ioapic, pin, &msi);
		PROMISE(msi.address == fuzz->routes[pin].address && msi.data == fuzz->routes[pin].data);
		/* A level that can be sent has been. */
		PROMISE(!msi.address || (entry & (MASKED | REMOTE_IRR)) || !(fuzz->ioapic.lines >> pin & 1));
	}
	PROMISE(was_up || !line_up(fuzz) || fuzz->edges > edges);
	PROMISE(fuzz->up == line_up(fuzz));
	PROMISE(fuzz->serial.received_count <= SERIAL_FIFO_BYTES && fuzz->serial.gathered_count < SERIAL_GATHER_BYTES);
	PROMISE(serial_holds(&fuzz->serial) == (fuzz->got != fuzz->transmitted));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct fuzz fuzz = { .data = data, .bytes = bytes };
	const struct ioapic_host ioapic_host = { send, routes, &fuzz };
	const struct serial_host serial_host = { put, irq, &fuzz };

	ioapic_init(&fuzz.ioapic, &ioapic_host);
	serial_init(&fuzz.serial, &serial_host);
	while (fuzz.bytes > 0) {
		bool was_up = line_up(&fuzz);
		unsigned edges = fuzz.edges;

		step(&fuzz);
		check(&fuzz, was_up, edges);
	}
	serial_flush(&fuzz.serial);
	PROMISE(fuzz.got == fuzz.transmitted);
	return 0;
}
