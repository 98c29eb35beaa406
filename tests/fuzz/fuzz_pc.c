/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any guest at the interrupt controllers, the timer, the clock, the keyboard's controller and COM1, whose interrupt is the
 * IOAPIC's. Beside what the sanitizers see: what is sent is a message
 * that a LAPIC takes, of a pin that is not masked; a remote IRR is a level-triggered pin's alone, and routes are told of before
 * they are needed; what is transmitted comes out once and in its order; a line of the port's that has risen is an edge; input
 * is taken as it was promised; what the 8259s offer can be acknowledged, and is a vector of theirs, of no line that is masked; the
 * timer ticks when it said that it would, and not before; a clock's update is never under way.
 *
 *	fuzz_pc tests/fuzz/corpus/pc
 */
#include "tests/fuzz/fuzz_pc.h"

#include <linux/serial_reg.h>
#include <stdbool.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "vmm/pc/i8042.h"
#include "vmm/pc/ioapic.h"
#include "vmm/pc/pic.h"
#include "vmm/pc/pit.h"
#include "vmm/pc/rtc.h"
#include "vmm/pc/serial.h"
#include "vmm/pc/testdev.h"

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
	struct pic pic;
	bool offered;                          /* the 8259s' output, by what was told of it */
	struct pit pit;
	uint64_t now;
	struct rtc rtc;
	struct i8042 i8042;
	struct testdev testdev;
};

static uint32_t take(struct fuzz *fuzz, unsigned bytes)
{
	return (uint32_t)fuzz_take(&fuzz->data, &fuzz->bytes, bytes);
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

static void output(const struct pic_host *host, bool up)
{
	struct fuzz *fuzz = host->context;

	PROMISE(up != fuzz->offered);
	fuzz->offered = up;
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

static void pic_line(struct fuzz *fuzz)
{
	unsigned how = take(fuzz, 1), line = how & 15;

	if (line == PIC_CASCADE)
		return;
	if (how & 32)
		pic_raise(&fuzz->pic, line);
	else
		pic_set_level(&fuzz->pic, line, how & 64);
}

/* The CPU's: only what is offered. */
static void acknowledge(struct fuzz *fuzz)
{
	const struct pic before = fuzz->pic;
	unsigned chip;
	uint8_t vector;

	if (!fuzz->offered)
		return;
	vector = pic_acknowledge(&fuzz->pic);
	for (chip = 0; chip < 2; chip++)
		if ((vector & ~7) == before.chips[chip].base && !(before.chips[chip].imr >> (vector & 7) & 1))
			break;
	PROMISE(chip < 2);
}

static void pit_write_any(struct fuzz *fuzz)
{
	unsigned reg = take(fuzz, 1) & 3;

	pit_write(&fuzz->pit, reg, (uint8_t)take(fuzz, 1), fuzz->now);
}

static void pass_time(struct fuzz *fuzz)
{
	uint64_t next = pit_next_ns(&fuzz->pit);

	fuzz->now += take(fuzz, 4);
	PROMISE(pit_has_ticked(&fuzz->pit, fuzz->now) == (next <= fuzz->now));
	PROMISE(pit_next_ns(&fuzz->pit) > fuzz->now);
}

static void clock_access(struct fuzz *fuzz)
{
	unsigned reg = take(fuzz, 1);
	uint8_t value = (uint8_t)take(fuzz, 1);

	rtc_select(&fuzz->rtc, (uint8_t)reg);
	rtc_write(&fuzz->rtc, value);
	value = rtc_read(&fuzz->rtc, (int64_t)(fuzz->now >> 8));
	PROMISE((reg & 0x7f) != 0x0a || !(value & 0x80));
	PROMISE((reg & 0x7f) != 0x0d || value == 0x80);
}

static void keyboard_access(struct fuzz *fuzz)
{
	unsigned how = take(fuzz, 1);
	uint8_t value = (uint8_t)take(fuzz, 1);

	if (how & 2)
		how & 1 ? i8042_write_command(&fuzz->i8042, value) : i8042_write_data(&fuzz->i8042, value);
	else
		how & 1 ? i8042_read_status(&fuzz->i8042) : i8042_read_data(&fuzz->i8042);
	PROMISE(!(i8042_read_status(&fuzz->i8042) & 2));
}

static void testdev_access(struct fuzz *fuzz)
{
	uint64_t offset = take(fuzz, 2);
	unsigned width = 1u << take(fuzz, 1) % 3;
	uint32_t value = take(fuzz, 4);

	testdev_write_port(&fuzz->testdev, offset % TESTDEV_PORTS, width, value);
	testdev_read_port(&fuzz->testdev, offset % TESTDEV_PORTS, width);
	if (offset + width > TESTDEV_MEMORY_BYTES)
		return;
	testdev_write(&fuzz->testdev, offset, width, value);
	PROMISE(testdev_read(&fuzz->testdev, offset, width) == (value & UINT32_MAX >> (32 - 8 * width)));
}

static void old_step(struct fuzz *fuzz, unsigned op)
{
	unsigned which;

	switch (op) {
	case OP_PIC_WRITE:
		which = take(fuzz, 1);
		pic_write(&fuzz->pic, which >> 1 & 1, which & 1, (uint8_t)take(fuzz, 1));
		break;
	case OP_PIC_READ:
		which = take(fuzz, 1);
		pic_read(&fuzz->pic, which >> 1 & 1, which & 1);
		break;
	case OP_ELCR:
		which = take(fuzz, 1) & 1;
		pic_write_elcr(&fuzz->pic, which, (uint8_t)take(fuzz, 1));
		break;
	case OP_PIC_LINE:
		pic_line(fuzz);
		break;
	case OP_ACKNOWLEDGE:
		acknowledge(fuzz);
		break;
	case OP_PIT_WRITE:
		pit_write_any(fuzz);
		break;
	case OP_PIT_READ:
		pit_read(&fuzz->pit, take(fuzz, 1) & 3, fuzz->now);
		break;
	case OP_SPEAKER:
		pit_write_speaker(&fuzz->pit, (uint8_t)take(fuzz, 1), fuzz->now);
		pit_read_speaker(&fuzz->pit, fuzz->now);
		break;
	case OP_TIME:
		pass_time(fuzz);
		break;
	case OP_RTC:
		clock_access(fuzz);
		break;
	case OP_KEYBOARD:
		keyboard_access(fuzz);
		break;
	case OP_TESTDEV:
		testdev_access(fuzz);
		break;
	}
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
	unsigned op = take(fuzz, 1) % OPS, width;
	uint64_t offset;

	switch (op) {
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
	default:
		old_step(fuzz, op);
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
	PROMISE(fuzz->pic.up == fuzz->offered);
	PROMISE(was_up || !line_up(fuzz) || fuzz->edges > edges);
	PROMISE(fuzz->up == line_up(fuzz));
	PROMISE(fuzz->serial.received_count <= SERIAL_FIFO_BYTES && fuzz->serial.gathered_count < SERIAL_GATHER_BYTES);
	PROMISE(serial_holds(&fuzz->serial) == (fuzz->got != fuzz->transmitted));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static struct fuzz fuzz; /* too large for the stack */
	const struct ioapic_host ioapic_host = { send, routes, &fuzz };
	const struct serial_host serial_host = { put, irq, &fuzz };
	const struct pic_host pic_host = { output, &fuzz };

	fuzz = (struct fuzz){ .data = data, .bytes = bytes };
	pic_init(&fuzz.pic, &pic_host);
	pit_init(&fuzz.pit);
	rtc_init(&fuzz.rtc);
	i8042_init(&fuzz.i8042);
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
