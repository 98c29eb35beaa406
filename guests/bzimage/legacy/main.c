/* SPDX-License-Identifier: Apache-2.0 */
/* The PC's oldest parts, as kernels that know no others use them: 8259s, the 8254, the clock, the ports by which they end. */
#include "../kernel.h"

#define PIC_1       0x20
#define PIC_2       0xa0
#define PIT         0x40
#define PIT_CONTROL 0x43
#define SPEAKER     0x61
#define PIT_HZ      1193182u

#define EOI         0x20
#define PIC_VECTOR  0x20u /* line 0's; 16 in a row */
#define IRQ_PIT     0u
#define IRQ_COM1    4u
#define IOAPIC_PIT  2u
#define PIN_VECTOR  0x52u

#define RATE        2u
#define ONE_SHOT    0u

static volatile uint32_t acknowledged;
static uint64_t interrupting; /* the device's registers */

static void serve(unsigned vector)
{
	unsigned line = vector - PIC_VECTOR;

	if (interrupting && line != IRQ_PIT) {
		acknowledged = mmio_read(interrupting + VIRTIO_INTERRUPT);
		mmio_write(interrupting + VIRTIO_ACK, acknowledged);
	}
	if (line >= 16)
		return;
	if (line >= 8)
		out8(PIC_2, EOI);
	out8(PIC_1, EOI);
}

/* ICW1 to ICW4; all is masked but `lines`. */
static void pics_start(unsigned lines)
{
	static const uint8_t words[2][4] = { { 0x11, PIC_VECTOR, 4, 1 }, { 0x11, PIC_VECTOR + 8, 2, 1 } };

	interrupts_start();
	on_interrupt = serve;
	for (unsigned chip = 0; chip < 2; chip++) {
		uint16_t port = chip ? PIC_2 : PIC_1;

		out8(port, words[chip][0]);
		for (unsigned i = 1; i < 4; i++)
			out8(port + 1, words[chip][i]);
	}
	if (lines >> 8)
		lines |= 1u << 2; /* the second is behind it */
	out8(PIC_1 + 1, (uint8_t)~lines);
	out8(PIC_2 + 1, (uint8_t)(~lines >> 8));
}

static void pit_program(unsigned mode, unsigned count)
{
	out8(PIT_CONTROL, (uint8_t)(0x30 | mode << 1));
	out8(PIT, (uint8_t)count);
	out8(PIT, (uint8_t)(count >> 8));
}

/* ---- the 8254 ---- */

static void pit_ticks(void)
{
	pics_start(1u << IRQ_PIT);
	pit_program(RATE, PIT_HZ / 1000);
	wait_for(PIC_VECTOR, 10);
}

/* It never leaves for the sake of anything else. */
static void pit_interrupts_a_loop(void)
{
	pics_start(1u << IRQ_PIT);
	pit_program(RATE, PIT_HZ / 1000);
	__asm__ volatile("sti");
	while (interrupts[PIC_VECTOR] < 3)
		__asm__ volatile("pause");
	__asm__ volatile("cli");
}

static void pit_ends_once(void)
{
	pics_start(1u << IRQ_PIT);
	for (unsigned i = 1; i <= 3; i++) {
		pit_program(ONE_SHOT, 1000);
		wait_for(PIC_VECTOR, i);
	}
	for (unsigned i = 0; i < 1000; i++)
		__asm__ volatile("sti; nop; cli");
	expect("interrupts", interrupts[PIC_VECTOR], 3);
}

static void pit_by_the_ioapic(void)
{
	pics_start(0);
	ioapic_route(IOAPIC_PIT, PIN_VECTOR);
	pit_program(RATE, PIT_HZ / 1000);
	wait_for(PIN_VECTOR, 5);
	expect("by the 8259", interrupts[PIC_VECTOR], 0);
}

/* A megahertz: less is told of, but something is, and the kernel gets on. */
static void pit_too_fast(void)
{
	pics_start(1u << IRQ_PIT);
	pit_program(RATE, 2);
	wait_for(PIC_VECTOR, 20);
	for (unsigned i = 0; i < 1000; i++)
		__asm__ volatile("sti; nop; cli");
}

/* Channel 2, by its gate and output: 1000 counts last 838 us, by KVM's clock or any other. False: the host was busy meanwhile. */
static bool pit_measured(void)
{
	unsigned polls = 0, count;
	uint8_t refresh;

	out8(SPEAKER, 1);
	out8(PIT_CONTROL, 0xb0);
	out8(PIT + 2, 1000 & 0xff);
	out8(PIT + 2, 1000 >> 8);
	while (!(in8(SPEAKER) & 0x20))
		polls++;
	refresh = in8(SPEAKER) & 0x10;
	while ((in8(SPEAKER) & 0x10) == refresh)
		;
	out8(PIT_CONTROL, 0x80);
	count = in8(PIT + 2);
	count |= (unsigned)in8(PIT + 2) << 8;
	return polls > 0 && count > 0x8000; /* it goes on from 0, and is below that 27 ms later */
}

static void pit_measures(void)
{
	unsigned tries = 1;

	while (!pit_measured() && tries < 100)
		tries++;
	expect("one try in 100", tries < 100, 1);
}

/* ---- other lines ---- */

static void serial_by_the_pic(void)
{
	pics_start(1u << IRQ_COM1);
	out8(COM1 + 1, 2); /* THRI */
	wait_for(PIC_VECTOR + IRQ_COM1, 1);
	out8(COM1 + 1, 0);
}

/* A line that is masked is remembered. */
static void masked_by_the_pic(void)
{
	pics_start(0);
	out8(COM1 + 1, 2);
	for (unsigned i = 0; i < 100; i++)
		__asm__ volatile("sti; nop; cli");
	expect("interrupts while masked", interrupts[PIC_VECTOR + IRQ_COM1], 0);
	out8(PIC_1 + 1, (uint8_t)~(1u << IRQ_COM1));
	wait_for(PIC_VECTOR + IRQ_COM1, 1);
	out8(COM1 + 1, 0);
}

/* The last of the devices that have a line of the 8259s': it sleeps until another thread of the VMM's raises it. */
static void entropy_by_the_pic(void)
{
	static uint8_t bytes[32];
	unsigned device = device_count - 1, line = devices[device].irq;

	expect("a line of the 8259s", line < 16, 1);
	interrupting = devices[device].base;
	pics_start(1u << line);
	virtio_start(device);
	for (unsigned i = 0; i < 5; i++) {
		queue.desc[0].address = (uintptr_t)bytes;
		queue.desc[0].bytes = sizeof(bytes);
		queue.desc[0].flags = DESC_WRITE;
		virtio_offer(device);
		wait_for(PIC_VECTOR + line, i + 1);
		expect("interrupt status", acknowledged, 1);
		expect("used", queue.used.index, i + 1);
	}
}

/* What may fail most, for the fault sweep. */
static void all(void)
{
	pit_ticks();
	interrupts[PIC_VECTOR] = 0;
	entropy_by_the_pic();
}

/* It ticks, and nothing else ever happens. */
static void pit_ticks_for_ever(void)
{
	printf("ticks\n");
	pics_start(1u << IRQ_PIT);
	pit_program(RATE, 2);
	wait_for(PIC_VECTOR, -1u);
}

/* ---- the clock ---- */

static unsigned cmos(unsigned reg)
{
	out8(0x70, (uint8_t)(0x80 | reg)); /* and no NMI, as careful kernels have it */
	return in8(0x71);
}

/* As they read it: not while it is updated, until two looks are the same. */
static void clock_is_read(void)
{
	unsigned second, looks = 0;

	do {
		while (cmos(0x0a) & 0x80)
			;
		second = cmos(0);
		printf("clock: %02x%02x-%02x-%02x", cmos(0x32), cmos(9), cmos(8), cmos(7));
		printf(" %02x:%02x:%02x\n", cmos(4), cmos(2), second);
	} while (cmos(0) != second && looks++ < 5);
	expect("valid RAM and time", cmos(0x0d), 0x80);
}

/* ---- the keyboard's controller: nothing is plugged in, and nobody waits for ever ---- */

static uint8_t keyboard_answer(void)
{
	while (!(in8(0x64) & 1))
		;
	return in8(0x60);
}

static void keyboard_is_looked_for(void)
{
	while (in8(0x64) & 1)
		in8(0x60);
	while (in8(0x64) & 2)
		;
	out8(0x64, 0xaa);
	expect("self-test", keyboard_answer(), 0x55);
	out8(0x64, 0x20);
	expect("both devices are off", keyboard_answer() & 0x30, 0x30);
	out8(0x60, 0xff);
	expect("a keyboard", keyboard_answer(), 0xfe);
	out8(0x64, 0xd1);
	out8(0x60, 0xdf); /* A20 */
}

/* ---- ends; what comes back has failed ---- */

static void fails(void)
{
	expect("alive after its end", 1, 0);
}

static void ends_by_pm1(void)
{
	out16(0x604, 0x2000);
	fails();
}

static void ends_by_old_pm1(void)
{
	out16(0xb004, 0x2000);
	fails();
}

static void resets_by_port_92(void)
{
	out8(0x92, in8(0x92) | 1);
	fails();
}

static void resets_by_port_cf9(void)
{
	out8(0xcf9, 2);
	out8(0xcf9, 6);
	fails();
}

static void resets_by_output_port(void)
{
	out8(0x64, 0xd1);
	out8(0x60, 0xfe);
	fails();
}

/* argument: the value. */
static void ends_by_debug_exit(void)
{
	uint32_t value = 0;

	for (const char *c = argument; *c; c++)
		value = value * 10 + (uint32_t)(*c - '0');
	printf("writes %u\n", value);
	out32(0xf4, value);
	fails();
}

static void panics(void)
{
	printf("panics\n");
	out8(0x505, 1);
	fails();
}

static void faults_thrice(void)
{
	triple_fault();
}

/* ---- the test device ---- */

static void testdev(void)
{
	pics_start(1u << 9);
	out32(0xe0, 0x12345678);
	expect("0xe1", in8(0xe1), 0x56);
	mmio_write(0xff000000, 0xa5a5);
	expect("memory", mmio_read(0xff000000), 0xa5a5);
	for (unsigned i = 1; i <= 3; i++) {
		out32(0x2009, 1);
		out32(0x2009, 0);
		wait_for(PIC_VECTOR + 9, i);
	}
}

const struct way ways[] = {
	{ "pit_ticks", pit_ticks },
	{ "pit_interrupts_a_loop", pit_interrupts_a_loop },
	{ "pit_ends_once", pit_ends_once },
	{ "pit_by_the_ioapic", pit_by_the_ioapic },
	{ "pit_too_fast", pit_too_fast },
	{ "pit_measures", pit_measures },
	{ "serial_by_the_pic", serial_by_the_pic },
	{ "masked_by_the_pic", masked_by_the_pic },
	{ "entropy_by_the_pic", entropy_by_the_pic },
	{ "all", all },
	{ "pit_ticks_for_ever", pit_ticks_for_ever },
	{ "clock_is_read", clock_is_read },
	{ "keyboard_is_looked_for", keyboard_is_looked_for },
	{ "ends_by_pm1", ends_by_pm1 },
	{ "ends_by_old_pm1", ends_by_old_pm1 },
	{ "resets_by_port_92", resets_by_port_92 },
	{ "resets_by_port_cf9", resets_by_port_cf9 },
	{ "resets_by_output_port", resets_by_output_port },
	{ "ends_by_debug_exit", ends_by_debug_exit },
	{ "panics", panics },
	{ "faults_thrice", faults_thrice },
	{ "testdev", testdev },
};

const unsigned way_count = sizeof(ways) / sizeof(ways[0]);
