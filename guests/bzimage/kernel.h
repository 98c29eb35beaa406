/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What kernels that are no Linux share: in C, to find out what a PC's guest finds. Each is a bzImage; an ELF file; one that has
 * PVH's entry too; and that in a bzImage, as its compressed payload (guests/rules.mk).
 *
 * A kernel is a table of ways, one of which the first word of its command line names that is not a device's; "ways" lists
 * them. Its end says how it went: power-off (code 0), or a reset (125) after a complaint. General registers only, one vCPU.
 */
#ifndef KVICK_BZIMAGE_KERNEL_H
#define KVICK_BZIMAGE_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct way {
	const char *name;
	void (*run)(void);
};

/* The program's. */
extern const struct way ways[];
extern const unsigned way_count;

/* As it was at the entry; start.S knows the offsets. */
struct start_found {
	uint64_t rsi, rsp, rip, rflags;
	uint16_t cs, ds, es, ss;
};

extern struct start_found start_found;

/* As it was at PVH's entry, where the kernel was entered there; pvh_start.S knows the offsets. */
struct pvh_found {
	uint32_t start_info, esp, eflags, cr0, cr4, efer;
	uint16_t gdt[3]; /* limit, address */
};

extern struct pvh_found pvh_found;

/* struct hvm_start_info: Xen's public/arch-x86/hvm/start_info.h. */
enum {
	START_MAGIC = 0x00, START_VERSION = 0x04, START_FLAGS = 0x08, START_MODULE_COUNT = 0x0c, START_MODULES = 0x10,
	START_COMMAND_LINE = 0x18, START_RSDP = 0x20, START_MEMORY = 0x28, START_MEMORY_ENTRIES = 0x30,
};

/* ---- the zero page: Documentation/arch/x86/zero-page.rst ---- */

enum {
	ZERO_RSDP = 0x070, ZERO_E820_ENTRIES = 0x1e8, ZERO_SENTINEL = 0x1ef, ZERO_HEADER = 0x1f1, ZERO_MAGIC = 0x202,
	ZERO_VERSION = 0x206, ZERO_LOADER = 0x210, ZERO_RAMDISK = 0x218, ZERO_RAMDISK_BYTES = 0x21c, ZERO_COMMAND_LINE = 0x228,
	ZERO_HEADER_END = 0x264, ZERO_E820 = 0x2d0,
};

/* The little-endian number of so many bytes; any address. */
static inline uint64_t number_at(uint64_t at, unsigned bytes)
{
	uint64_t value = 0;

	memcpy(&value, (const void *)at, bytes);
	return value;
}

static inline uint64_t zero_page(unsigned offset, unsigned bytes)
{
	return number_at(start_found.rsi + offset, bytes);
}

/* Where RAM ends, by e820. */
uint64_t ram_end(void);

/* ---- the command line ---- */

struct mmio_device {
	uint64_t base, bytes;
	unsigned irq;
};

#define DEVICES_MAX 16

extern struct mmio_device devices[DEVICES_MAX]; /* by the words virtio_mmio.device=4K@BASE:IRQ */
extern unsigned device_count;
/* The word after the way's, or "". */
extern char argument[64];

/* ---- ends ---- */

_Noreturn void power_off(void);
_Noreturn void reset(void);
_Noreturn void triple_fault(void);

/* Complains where they differ: then the way has failed, but goes on. */
void expect(const char *what, uint64_t got, uint64_t wanted);

/* ---- ports and memory ---- */

static inline uint8_t in8(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline uint16_t in16(uint16_t port)
{
	uint16_t value;

	__asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline uint32_t in32(uint16_t port)
{
	uint32_t value;

	__asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline void out8(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline void out16(uint16_t port, uint16_t value)
{
	__asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline void out32(uint16_t port, uint32_t value)
{
	__asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

/* Plain moves: all that an emulator needs to know. */
static inline uint32_t mmio_read(uint64_t at)
{
	uint32_t value;

	__asm__ volatile("movl (%1), %0" : "=r"(value) : "r"(at) : "memory");
	return value;
}

static inline void mmio_write(uint64_t at, uint32_t value)
{
	__asm__ volatile("movl %0, (%1)" : : "r"(value), "r"(at) : "memory");
}

#define COM1          0x3f8
#define COM1_IRQ      4
#define KEYBOARD      0x64
#define SLEEP_CONTROL 0x600
#define IOAPIC        0xfec00000ull
#define LAPIC         0xfee00000ull

/* ---- interrupts: interrupts.c ---- */

/* Vectors from 32 up are counted and acknowledged; an exception is a complaint, and the end. */
extern volatile unsigned interrupts[256];
/* Called for each, unless NULL. */
extern void (*on_interrupt)(unsigned vector);

/* The IDT, the local APIC on; interrupts stay disabled. */
void interrupts_start(void);

#define IOAPIC_LEVEL  0x8000u
#define IOAPIC_MASKED 0x10000u

/* Entry of the IOAPIC's table for this CPU. flags: IOAPIC_*, delivery modes. */
void ioapic_route(unsigned pin, uint32_t vector_and_flags);

/* Sleeps until this vector's count is `count`. */
void wait_for(unsigned vector, unsigned count);

/* ---- virtio-mmio: virtio.c. virtio 1.2, 4.2.2; version 1: 4.2.4 ---- */

enum {
	VIRTIO_MAGIC = 0x000, VIRTIO_VERSION = 0x004, VIRTIO_DEVICE_ID = 0x008, VIRTIO_FEATURES = 0x010,
	VIRTIO_FEATURES_SEL = 0x014, VIRTIO_DRIVER = 0x020, VIRTIO_DRIVER_SEL = 0x024, VIRTIO_QUEUE_SEL = 0x030,
	VIRTIO_QUEUE_MAX = 0x034,
	VIRTIO_QUEUE_SIZE = 0x038, VIRTIO_QUEUE_READY = 0x044, VIRTIO_NOTIFY = 0x050, VIRTIO_INTERRUPT = 0x060, VIRTIO_ACK = 0x064,
	VIRTIO_STATUS = 0x070, VIRTIO_DESC = 0x080, VIRTIO_AVAIL = 0x090, VIRTIO_USED = 0x0a0, VIRTIO_CONFIG = 0x100,
	/* Version 1's. */
	VIRTIO_PAGE_SIZE = 0x028, VIRTIO_QUEUE_ALIGN = 0x03c, VIRTIO_QUEUE_PFN = 0x040,
};

enum { STATUS_ACKNOWLEDGE = 1, STATUS_DRIVER = 2, STATUS_DRIVER_OK = 4, STATUS_FEATURES_OK = 8, STATUS_NEEDS_RESET = 64 };
enum { ID_BLOCK = 2, ID_ENTROPY = 4 };

#define QUEUE_SIZE 8u

struct desc {
	uint64_t address;
	uint32_t bytes;
	uint16_t flags, next;
};

enum { DESC_NEXT = 1, DESC_WRITE = 2 };

/* Queue 0 of the device that is being driven, as version 1 wants it (2.7.2), with an alignment of VIRTIO_PAGE. */
#define VIRTIO_PAGE 4096u

struct queue {
	volatile struct desc desc[QUEUE_SIZE];
	struct { volatile uint16_t flags, index, ring[QUEUE_SIZE + 1]; } avail;
	struct {
		volatile uint16_t flags, index;
		volatile struct { uint32_t id, bytes; } ring[QUEUE_SIZE];
	} used __attribute__((aligned(VIRTIO_PAGE)));
};

extern struct queue queue;

/* The device's number, or device_count. */
unsigned virtio_find(uint32_t id);

/* The version of its registers: 1 or 2. */
unsigned virtio_version(unsigned device);

/* 3.1.1, with queue 0 and no feature but VIRTIO_F_VERSION_1; 3.1.2 without any, where the registers are of version 1. */
void virtio_start(unsigned device);

/* The same, but for DRIVER_OK. */
void virtio_prepare(unsigned device);

/* The chain that begins at desc[0]. */
void virtio_offer(unsigned device);

/* Until so many are used, by looking. */
void virtio_poll(uint16_t used);

#endif
