/* SPDX-License-Identifier: Apache-2.0 */
/* IDT, local APIC and IOAPIC: Intel SDM volume 3, 6 and 11; 82093AA datasheet, 3. */
#include "kernel.h"

#define GATE_INTERRUPT 0x8e00 /* present, 64-bit, interrupts disabled in it */
#define LAPIC_TPR      0x080
#define LAPIC_EOI      0x0b0
#define LAPIC_SPURIOUS 0x0f0
#define LAPIC_ENABLE   0x100
#define IOREGSEL       0x00
#define IOWIN          0x10
#define IOREDTBL       0x10

extern const uint8_t interrupt_stubs[256][16];

volatile unsigned interrupts[256];
void (*on_interrupt)(unsigned vector);

extern const uint8_t wait_halts[];

void kernel_interrupted(uint64_t vector, uint64_t *rip);

void kernel_interrupted(uint64_t vector, uint64_t *rip)
{
	if (vector < 32) {
		printf("exception %lu at 0x%lx\n", vector, *rip);
		reset();
	}
	/*
	 * No interrupt comes between STI and HLT (SDM 2, STI), but QEMU's SVM forgets that when the host is interrupted just there.
	 * What was waited for would be slept through.
	 */
	if (*rip == (uintptr_t)wait_halts)
		(*rip)++;
	interrupts[vector]++;
	if (on_interrupt)
		on_interrupt((unsigned)vector);
	mmio_write(LAPIC + LAPIC_EOI, 0);
}

void interrupts_start(void)
{
	static struct gate {
		uint16_t offset_low, selector, flags, offset_middle;
		uint32_t offset_high, reserved;
	} idt[256] __attribute__((aligned(16)));
	struct { uint16_t limit; uint64_t base; } __attribute__((packed)) idtr = { sizeof(idt) - 1, (uintptr_t)idt };

	for (unsigned i = 0; i < 256; i++) {
		uint64_t stub = (uintptr_t)interrupt_stubs[i];

		idt[i] = (struct gate){ (uint16_t)stub, start_found.cs, GATE_INTERRUPT, (uint16_t)(stub >> 16),
					(uint32_t)(stub >> 32), 0 };
	}
	__asm__ volatile("lidt %0" : : "m"(idtr), "m"(idt));
	mmio_write(LAPIC + LAPIC_TPR, 0);
	mmio_write(LAPIC + LAPIC_SPURIOUS, LAPIC_ENABLE | 0xff);
}

void ioapic_route(unsigned pin, uint32_t vector_and_flags)
{
	mmio_write(IOAPIC + IOREGSEL, IOREDTBL + 2 * pin + 1);
	mmio_write(IOAPIC + IOWIN, 0); /* APIC ID 0 */
	mmio_write(IOAPIC + IOREGSEL, IOREDTBL + 2 * pin);
	mmio_write(IOAPIC + IOWIN, vector_and_flags);
}

/* STI holds interrupts back for one instruction more: none is lost before the HLT. */
__attribute__((noinline, noclone)) void wait_for(unsigned vector, unsigned count)
{
	while (interrupts[vector] < count)
		__asm__ volatile("sti; .globl wait_halts; wait_halts: hlt; cli" : : : "memory");
}
