/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A PC whose kernel does not know what it does: a disk of 1 MiB, which is device 0, and random bytes, device 1. What it gives
 * devices to write to is its own arena, or no RAM, so that it lives to see what has become of them. It takes virtio-mmio in either
 * version.
 */
#include "kernel.h"

#define DISK 0u
#define RNG  1u

#define ARENA       0x2000000ull /* above the kernel */
#define ARENA_BYTES 0x100000ull
#define IOREGSEL    (IOAPIC + 0x00)
#define IOWIN       (IOAPIC + 0x10)
#define IOREDTBL    0x10u
#define PINS        24u
#define LAPIC_ICR   (LAPIC + 0x300)
#define VECTOR      0x40u
#define PIC_VECTOR  0x50u
#define KEYBOARD_DATA 0x60
#define PIC_1       0x20
#define PIC_2       0xa0
#define PIT         0x40

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static uint64_t random_state = 88172645463325252;

/* xorshift: the same at each run. */
static uint64_t garbage(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

/* Mostly in the arena, or no RAM at all. */
static uint64_t garbage_address(void)
{
	uint64_t at = ARENA + garbage() % ARENA_BYTES;

	switch (garbage() % 16) {
	case 0:
		return garbage() | 1ull << 62;
	case 1:
		return ram_end() - garbage() % 16;
	case 2:
		return devices[garbage() % 2].base + garbage() % 0x1000;
	case 3:
		return at;
	default:
		return at & -4096ull;
	}
}

/* ---- memory and ports, of any width and none that is usual ---- */

static void access_memory(uint64_t at, unsigned how, uint64_t value)
{
	uint64_t to = ARENA + garbage() % (ARENA_BYTES - 4096), count = 1 + garbage() % 40;

	switch (how % 12) {
	case 0:
		__asm__ volatile("movb %b0, (%1)" : : "r"(value), "r"(at) : "memory");
		break;
	case 1:
		__asm__ volatile("movw %w0, (%1)" : : "r"(value), "r"(at) : "memory");
		break;
	case 2:
		__asm__ volatile("movq %0, (%1)" : : "r"(value), "r"(at) : "memory");
		break;
	case 3:
		__asm__ volatile("movb (%1), %b0" : "=r"(value) : "r"(at) : "memory");
		break;
	case 4:
		__asm__ volatile("movq (%1), %0" : "=r"(value) : "r"(at) : "memory");
		break;
	case 5:
		__asm__ volatile("lock orl %k0, (%1)" : : "r"(value), "r"(at) : "memory", "cc");
		break;
	case 6:
		__asm__ volatile("xchgl %k0, (%1)" : "+r"(value) : "r"(at) : "memory");
		break;
	case 7: /* from the window, across its end too */
		__asm__ volatile("rep movsb" : "+S"(at), "+D"(to), "+c"(count) : : "memory");
		break;
	case 8:
		__asm__ volatile("rep movsb" : "+S"(to), "+D"(at), "+c"(count) : : "memory");
		break;
	default:
		mmio_write(at, (uint32_t)value);
	}
}

/* Not those that end the guest. */
static void access_port(void)
{
	static const uint16_t some[] = {
		KEYBOARD, KEYBOARD_DATA, 0x70, 0x71, COM1 - 1, COM1 + 8, SLEEP_CONTROL + 1, 0xcf8, 0xcfc, 0xffff,
		PIC_1, PIC_1 + 1, PIC_2, PIC_2 + 1, 0x4d0, 0x4d1, PIT, PIT + 1, PIT + 2, PIT + 3, 0x61, 0xe3, 0x2000, 0x2001,
	};
	uint16_t port = garbage() % 2 ? (uint16_t)(COM1 + 1 + garbage() % 7) : some[garbage() % COUNT_OF(some)];
	uint64_t from = ARENA, count = garbage() % 150;
	uint8_t value = (uint8_t)garbage();

	if (port == KEYBOARD || port == KEYBOARD_DATA)
		value |= 1; /* bit 0 is the reset line's */
	switch (garbage() % 6) {
	case 0:
		out8(port, value);
		break;
	case 1:
		in8(port);
		break;
	case 2:
		in16(port);
		break;
	case 3:
		in32(port);
		break;
	case 4: /* what is in the arena may be the reset's command */
		if (port != KEYBOARD && port != KEYBOARD_DATA)
			__asm__ volatile("rep outsb" : "+S"(from), "+c"(count) : "d"(port) : "memory");
		break;
	case 5:
		__asm__ volatile("rep insl" : "+D"(from), "+c"(count) : "d"(port) : "memory");
		break;
	}
}

/* Interrupts that nobody waits for, and the port as it was. */
static void serial_quiet(void)
{
	out8(COM1 + 3, 0);
	out8(COM1 + 1, 0);
	out8(COM1 + 4, 0);
}

/* ---- devices ---- */

/* Whatever has been, a device that is set up anew works. */
static void still_works(void)
{
	static struct { uint32_t type, reserved; uint64_t sector; uint8_t data[512], status; } request;
	static uint8_t bytes[16];

	serial_quiet();
	virtio_start(RNG);
	queue.desc[0] = (struct desc){ (uintptr_t)bytes, sizeof(bytes), DESC_WRITE, 0 };
	virtio_offer(RNG);
	virtio_poll(1);
	expect("random bytes", queue.used.ring[0].bytes, sizeof(bytes));
	virtio_start(DISK);
	request.status = 0xff;
	request.sector = 3;
	queue.desc[0] = (struct desc){ (uintptr_t)&request, 16, DESC_NEXT, 1 };
	queue.desc[1] = (struct desc){ (uintptr_t)request.data, 512, DESC_NEXT | DESC_WRITE, 2 };
	queue.desc[2] = (struct desc){ (uintptr_t)&request.status, 1, DESC_WRITE, 0 };
	virtio_offer(DISK);
	virtio_poll(1);
	expect("a read's status", request.status, 0);
}

/*
 * Rings and requests that make some sense: what makes none is found out at once. Four pages of descriptors, in each of which every
 * third begins a request of a disk's; two for avail rings, two for used ones.
 */
static void fill_arena(void)
{
	static const uint32_t bytes[] = { 16, 512, 1 };
	static const uint16_t flags[] = { DESC_NEXT, DESC_NEXT | DESC_WRITE, DESC_WRITE };

	for (unsigned i = 0; i < 4 * 9; i++) {
		struct desc *desc = (struct desc *)(ARENA + i % 4 * 4096) + i / 4;
		uint64_t random = garbage();

		*desc = (struct desc){ garbage_address(), bytes[i / 4 % 3], flags[i / 4 % 3], (uint16_t)(i / 4 + 1) };
		if (random % 8 == 0)
			desc->flags = (uint16_t)(random >> 8 & 0x8087);
		if (random % 8 == 1)
			desc->next = (uint16_t)(random >> 8);
		if (random % 8 == 2)
			desc->bytes = (uint32_t)(random >> (32 + random % 32));
	}
	for (unsigned i = 0; i < 4; i++) {
		uint64_t *ring = (uint64_t *)(ARENA + (4 + i) * 4096);

		ring[0] = 0;
		ring[1] = garbage() & 0x0007000700070007;
	}
}

static void write_address(uint64_t reg, uint64_t value)
{
	mmio_write(reg, (uint32_t)value);
	mmio_write(reg + 4, (uint32_t)(value >> 32));
}

static bool is_legacy(void)
{
	return virtio_version(DISK) == 1;
}

/* Of version 1, a queue's place: the arena's beginning, or no RAM, whatever of them is garbage. */
static void write_page(uint64_t base)
{
	const uint32_t sizes[] = { 0, 3, VIRTIO_PAGE - 1, 1u << 31, (uint32_t)garbage() | 3, UINT32_MAX };
	uint32_t page = (uint32_t)(ARENA / VIRTIO_PAGE + garbage() % 4);

	mmio_write(base + VIRTIO_PAGE_SIZE, garbage() % 8 ? VIRTIO_PAGE : sizes[garbage() % COUNT_OF(sizes)]);
	mmio_write(base + VIRTIO_QUEUE_PFN, garbage() % 8 ? page : garbage() % 2 ? 0 : (uint32_t)garbage() | 1u << 20);
}

/* An index of the avail ring, and what it leads to. */
static void offer_garbage(uint64_t base)
{
	volatile uint16_t *avail = (volatile uint16_t *)(ARENA + 4 * 4096);

	if (is_legacy()) /* behind 8 descriptors, in one of the first pages */
		avail = (volatile uint16_t *)(ARENA + garbage() % 2 * 4096 + 8 * sizeof(struct desc));
	avail[1] = avail[2049] = garbage() % 8 ? (uint16_t)(avail[1] + 1) : (uint16_t)garbage();
	mmio_write(base + VIRTIO_NOTIFY, (uint32_t)(garbage() % 8 ? 0 : garbage()));
}

/* One register by chance. Addresses stay out of the kernel. */
static void poke(uint64_t base)
{
	static const uint16_t registers[] = {
		VIRTIO_FEATURES_SEL, VIRTIO_DRIVER, VIRTIO_DRIVER_SEL, VIRTIO_QUEUE_SEL, VIRTIO_QUEUE_SIZE, VIRTIO_QUEUE_READY,
		VIRTIO_NOTIFY, VIRTIO_ACK, VIRTIO_STATUS, VIRTIO_CONFIG, VIRTIO_MAGIC, VIRTIO_DEVICE_ID, VIRTIO_QUEUE_ALIGN,
	};
	const uint32_t values[] = { 0, 1, (uint32_t)(garbage() % 16), (uint32_t)garbage(), UINT32_MAX };

	if (is_legacy() && garbage() % 4 == 0)
		write_page(base);
	else if (garbage() % 4 == 0)
		write_address(base + VIRTIO_DESC + garbage() % 3 * 16, garbage_address());
	else
		mmio_write(base + registers[garbage() % COUNT_OF(registers)], values[garbage() % COUNT_OF(values)]);
	mmio_read(base + garbage() % 0x140);
}

/* Features before the queue or after it, DRIVER_OK or not (3.1.2). */
static void start_legacy_garbage(uint64_t base)
{
	const uint32_t features = (uint32_t)garbage() & (1u << 28 | 1u << 29 /* tables, event index */);

	mmio_write(base + VIRTIO_QUEUE_SEL, 0);
	mmio_write(base + VIRTIO_DRIVER_SEL, 0);
	if (garbage() % 2)
		mmio_write(base + VIRTIO_DRIVER, features);
	mmio_write(base + VIRTIO_QUEUE_SIZE, garbage() % 8 ? 8 : (uint32_t)garbage());
	mmio_write(base + VIRTIO_QUEUE_ALIGN, garbage() % 8 ? VIRTIO_PAGE : (uint32_t)garbage());
	if (garbage() % 4 == 0)
		poke(base);
	write_page(base);
	mmio_write(base + VIRTIO_DRIVER, features);
	if (garbage() % 2)
		mmio_write(base + VIRTIO_STATUS, STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_DRIVER_OK);
}

/* As far as a driver gets that does most things right. */
static void start_garbage(uint64_t base)
{
	const uint32_t agreed = STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK;

	mmio_write(base + VIRTIO_STATUS, 0);
	mmio_write(base + VIRTIO_STATUS, STATUS_ACKNOWLEDGE | STATUS_DRIVER);
	if (is_legacy()) {
		start_legacy_garbage(base);
		return;
	}
	mmio_write(base + VIRTIO_DRIVER_SEL, 1);
	mmio_write(base + VIRTIO_DRIVER, garbage() % 2 ? 1 : 1 | 1u << 2 /* packed */);
	mmio_write(base + VIRTIO_DRIVER_SEL, 0);
	mmio_write(base + VIRTIO_DRIVER, garbage() % 2 ? 0 : 1u << 28 | 1u << 29 /* tables, event index */);
	mmio_write(base + VIRTIO_STATUS, agreed);
	mmio_write(base + VIRTIO_QUEUE_SEL, 0);
	mmio_write(base + VIRTIO_QUEUE_SIZE, garbage() % 8 ? 8 : (uint32_t)garbage());
	write_address(base + VIRTIO_DESC, ARENA + garbage() % 4 * 4096);
	write_address(base + VIRTIO_AVAIL, ARENA + (4 + garbage() % 2) * 4096);
	write_address(base + VIRTIO_USED, ARENA + (6 + garbage() % 2) * 4096);
	if (garbage() % 4 == 0)
		poke(base);
	mmio_write(base + VIRTIO_QUEUE_READY, 1);
	mmio_write(base + VIRTIO_STATUS, agreed | STATUS_DRIVER_OK);
}

static void registers(void)
{
	for (unsigned i = 0; i < 6000; i++) {
		uint64_t base = devices[garbage() % 3 ? RNG : DISK].base;

		if (i % 64 == 0) {
			fill_arena();
			start_garbage(devices[i / 64 % 2].base);
		}
		if (garbage() % 8 == 0)
			offer_garbage(base);
		poke(base);
	}
	still_works();
}

/* No address registers here: widths that they do not take are others'. */
static void widths(void)
{
	for (unsigned i = 0; i < 2500; i++) {
		uint64_t base = devices[garbage() % 2].base;
		const uint64_t windows[] = {
			base + garbage() % VIRTIO_DESC, base + VIRTIO_CONFIG + garbage() % 0x40, base - 8 + garbage() % 16,
			base + 0xff0 + garbage() % 16, IOAPIC + garbage() % 0x48, IOAPIC - 8 + garbage() % 16,
			0xc0000000ull + garbage() % 0x20000 / 0x1000 * 0x1000,
		};

		access_memory(windows[garbage() % COUNT_OF(windows)], (unsigned)garbage(), garbage());
		access_port();
	}
	still_works();
}

/* A queue that changes under the device. */
static void queues(void)
{
	for (unsigned i = 0; i < 400; i++) {
		uint64_t base = devices[i % 2].base;

		fill_arena();
		start_garbage(base);
		for (unsigned k = garbage() % 4; k > 0; k--) {
			offer_garbage(base);
			mmio_write(base + VIRTIO_QUEUE_SEL, garbage() % 2 ? 0 : (uint32_t)garbage());
			mmio_write(base + VIRTIO_QUEUE_SIZE, (uint32_t)garbage());
			if (is_legacy())
				write_page(base);
			write_address(base + VIRTIO_DESC + garbage() % 3 * 16, garbage_address());
			mmio_write(base + VIRTIO_QUEUE_READY, (uint32_t)(garbage() % 3));
		}
	}
	still_works();
}

/* A chain of its own at each place: a sector that is read, or random bytes. */
static void offer_sector(unsigned device, unsigned times)
{
	uint64_t at = ARENA + 0x10000;

	memset((void *)at, 0, 16);
	queue.desc[0] = (struct desc){ at, 16, DESC_NEXT, 1 };
	queue.desc[1] = (struct desc){ at + 4096, 65536, DESC_NEXT | DESC_WRITE, 2 };
	queue.desc[2] = (struct desc){ at + 16, 1, DESC_WRITE, 0 };
	if (device == RNG)
		queue.desc[0] = (struct desc){ at + 4096, 65536, DESC_WRITE, 0 };
	while (times--)
		virtio_offer(device);
}

/* With what is in flight, and without waiting for anything. */
static void resets(void)
{
	for (unsigned i = 0; i < 400; i++) {
		unsigned device = i % 2;

		virtio_start(device);
		offer_sector(device, (unsigned)(garbage() % 6));
		for (unsigned k = garbage() % 4; k > 0; k--)
			mmio_write(devices[device].base + (is_legacy() && i % 4 < 2 ? VIRTIO_QUEUE_PFN : VIRTIO_STATUS), 0);
		if (garbage() % 2)
			start_garbage(devices[device].base);
	}
	still_works();
}

/* ---- interrupts ---- */

/* Not acknowledged, but for one in 16: the line stays up, and a level-triggered pin interrupts again at once. */
static void storm(unsigned vector)
{
	if (interrupts[vector] % 16)
		return;
	for (unsigned i = 0; i < 2; i++)
		mmio_write(devices[i].base + VIRTIO_ACK, 3);
	out8(COM1 + 1, 0);
}

static void ioapic_garbage(void)
{
	unsigned pin = garbage() % 4 ? devices[garbage() % 2].irq : (unsigned)(garbage() % PINS);

	mmio_write(IOREGSEL, IOREDTBL + 2 * pin + (garbage() % 4 == 0));
	/* Not an exception's vector, which would be the kernel's end. */
	mmio_write(IOWIN, (uint32_t)(garbage() % 4 ? VECTOR + (garbage() & (IOAPIC_LEVEL | IOAPIC_MASKED | 3)) : garbage() | 0x20));
	if (garbage() % 4 == 0)
		mmio_write(IOAPIC + 0x40, (uint32_t)garbage()); /* EOI */
	if (garbage() % 4 == 0)
		mmio_read(IOWIN);
}

static void interrupt_storm(void)
{
	interrupts_start();
	on_interrupt = storm;
	for (unsigned i = 0; i < 2; i++)
		ioapic_route(devices[i].irq, (VECTOR + i) | IOAPIC_LEVEL);
	ioapic_route(COM1_IRQ, (VECTOR + 2) | IOAPIC_LEVEL);
	for (unsigned i = 0; i < 100; i++) {
		virtio_start(i % 2);
		offer_sector(i % 2, 6);
		out8(COM1 + 1, i % 2 ? 2 : 0);
		for (unsigned k = 0; k < 10; k++)
			__asm__ volatile("sti; nop; cli");
	}
	ioapic_route(COM1_IRQ, IOAPIC_MASKED);
	still_works();
}

static void interrupt_routes(void)
{
	interrupts_start();
	on_interrupt = storm;
	for (unsigned i = 0; i < 50; i++) {
		virtio_start(i % 2);
		for (unsigned k = 0; k < 10; k++) {
			offer_sector(i % 2, 1);
			out8(COM1 + 1, (uint8_t)(garbage() % 16));
			ioapic_garbage();
			__asm__ volatile("sti; nop; cli");
		}
	}
	for (unsigned pin = 0; pin < PINS; pin++)
		ioapic_route(pin, IOAPIC_MASKED);
	still_works();
}

/* ---- 8259s and 8254 ---- */

static void pics_start(uint8_t mask)
{
	for (unsigned chip = 0; chip < 2; chip++) {
		uint16_t port = chip ? PIC_2 : PIC_1;
		const uint8_t words[] = { (uint8_t)(PIC_VECTOR + 8 * chip), chip ? 2 : 4, 1, mask };

		out8(port, 0x11);
		for (unsigned i = 0; i < COUNT_OF(words); i++)
			out8(port + 1, words[i]);
	}
}

static void pit_start(unsigned mode, unsigned count)
{
	out8(PIT + 3, (uint8_t)(0x30 | mode << 1));
	out8(PIT, (uint8_t)count);
	out8(PIT, (uint8_t)(count >> 8));
}

/* Devices' lines stay up but for one time in 16. */
static void pic_storm(unsigned vector)
{
	if (interrupts[vector] % 16 == 0)
		storm(vector);
	out8(PIC_2, 0x20);
	out8(PIC_1, 0x20);
}

static void ticks_still(void)
{
	unsigned before = interrupts[PIC_VECTOR];

	out8(0x4d0, 0);
	out8(0x4d1, 0);
	pics_start(0xfe);
	pit_start(2, 1193);
	wait_for(PIC_VECTOR, before + 3);
	pics_start(0xff);
	out8(PIT + 3, 0x30);
}

/* Words of any kind, with interrupts off: a vector could be an exception's. */
static void old_ports(void)
{
	interrupts_start();
	on_interrupt = pic_storm;
	for (unsigned i = 0; i < 500; i++) {
		access_port();
		if (i % 64 == 0)
			pit_start((unsigned)garbage() % 8, (unsigned)garbage());
	}
	ticks_still();
	still_works();
}

/*
 * Interrupts in between, whatever the priorities, masks and levels are: no ICW1, and so no other vectors. A timer that is faster
 * than a handler would be the kernel's end on any machine.
 */
static void old_interrupts(void)
{
	interrupts_start();
	on_interrupt = pic_storm;
	for (unsigned i = 0; i < 60; i++) {
		pics_start(0);
		pit_start((unsigned)garbage() % 8, (unsigned)garbage() | 0x2000);
		virtio_start(i % 2);
		for (unsigned k = 0; k < 10; k++) {
			uint16_t chip = garbage() % 2 ? PIC_2 : PIC_1;

			offer_sector(i % 2, 1);
			out8(COM1 + 1, (uint8_t)(garbage() % 16));
			out8(chip, (uint8_t)garbage() & 0xef);
			if (garbage() % 2)
				out8(chip + 1, (uint8_t)garbage());
			if (garbage() % 4 == 0)
				out8((uint16_t)(0x4d0 + garbage() % 2), (uint8_t)garbage());
			if (garbage() % 4 == 0)
				in8(chip);
			__asm__ volatile("sti; nop; nop; cli");
		}
	}
	out8(COM1 + 1, 0);
	ticks_still();
	still_works();
}

/* ---- its local APIC: SDM 11.6.1, to itself ---- */

_Noreturn static void command_itself(uint32_t command)
{
	mmio_write(LAPIC_ICR, command);
	for (;;)
		__asm__ volatile("pause");
}

/* The CPU begins where a ROM would be: that is the end. */
static void init(void)
{
	command_itself(0x44500);
}

/* An exception of the kernel's. */
static void nmi(void)
{
	interrupts_start();
	command_itself(0x44400);
}

/* RSM: back at once from where SMBASE is after a reset. A KVM without SMM does nothing at all. */
static void smi(void)
{
	*(volatile uint16_t *)0x38000 = 0xaa0f;
	interrupts_start();
	mmio_write(LAPIC_ICR, 0x44200);
	for (unsigned i = 0; i < 100; i++)
		__asm__ volatile("pause");
	still_works();
}

/* ---- time ---- */

/*
 * A line without an end asks for a tick, a timer of a megahertz interrupts without end, and I/O that ends interrupts the vCPU:
 * --timeout must not be put off by any of it.
 */
static void postpones(void)
{
	virtio_start(DISK);
	pit_start(2, 1);
	for (uint16_t used = 1;; used++) {
		out8(COM1, '.');
		offer_sector(DISK, 1);
		virtio_poll(used);
	}
}

const struct way ways[] = {
	{ "pc-registers", registers },
	{ "pc-widths", widths },
	{ "pc-queues", queues },
	{ "pc-resets", resets },
	{ "pc-interrupt-storm", interrupt_storm },
	{ "pc-interrupt-routes", interrupt_routes },
	{ "pc-old-ports", old_ports },
	{ "pc-old-interrupts", old_interrupts },
	{ "pc-smi", smi },
	{ "pc-nmi", nmi },
	{ "pc-init", init },
	{ "postpones", postpones },
};

const unsigned way_count = COUNT_OF(ways);
