/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ACPI tables that tell a foreign kernel what the machine has (ACPI 6.4): hardware-reduced ACPI, LAPICs and an IOAPIC but no
 * 8259s, the port COM1, virtio-mmio devices; how to power off and how to reset. All of it lies in
 * [PC_ACPI, PC_ACPI_END), the RSDP at PC_ACPI.
 */
#ifndef KVICK_VMM_PC_ACPI_H
#define KVICK_VMM_PC_ACPI_H

#include <stdint.h>

#include "vmm/guest_mem.h"
#include "vmm/pc/layout.h"

#define ACPI_VCPUS_MAX  255u /* an APIC ID has 8 bits, and 255 is all of them */

/* What a guest writes to the sleep control register to power off (4.8.3.7): SLP_TYP, as \_S5 has it, and SLP_EN. */
#define ACPI_SLP_TYP_S5 5u
#define ACPI_SLP_EN     0x20u
#define ACPI_POWER_OFF  (ACPI_SLP_TYP_S5 << 2 | ACPI_SLP_EN)

struct acpi_config {
	unsigned vcpus;            /* 1 to ACPI_VCPUS_MAX; their APIC IDs are 0, 1, … */
	uint16_t sleep_port;       /* sleep control; sleep status is the port after it */
	uint16_t reset_port;
	uint8_t reset_value;
	unsigned device_count;     /* virtio-mmio, up to PC_VIRTIO_MAX */
	struct acpi_device {
		uint64_t base;     /* with its bytes below 4 GiB */
		uint32_t bytes;
		unsigned irq;      /* below IOAPIC_PINS: edge-triggered, active high, its own */
	} devices[PC_VIRTIO_MAX];
};

/*
 * Writes them all, before the guest runs; what was written is returned, for the memory map. It always fits. mem: writable in
 * [PC_ACPI, PC_ACPI_END); a configuration that breaks what is said above is a bug (asserted).
 */
struct memory_run acpi_write(const struct guest_mem *mem, const struct acpi_config *config);

#endif
