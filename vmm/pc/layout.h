/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the machine of a foreign kernel has what: guest-physical addresses, I/O ports and the IOAPIC's pins, which are the GSIs
 * (ACPI 6.4, 5.2.14). All that is fixed is here and nowhere else; the native protocol's map is vmm/layout.h.
 */
#ifndef KVICK_VMM_PC_LAYOUT_H
#define KVICK_VMM_PC_LAYOUT_H

#include <kvick/virtio.h>

/* RAM. Where Firecracker has it: that is what many kernels were tried on. */
#define PC_GDT                  0x500ull
#define PC_GDT_BYTES            0x20u
#define PC_START_INFO           0x6000ull     /* PVH's, and its lists */
#define PC_ZERO_PAGE            0x7000ull
#define PC_BOOT_STACK           0x8ff0ull     /* downwards */
#define PC_TABLES               0x9000ull     /* page tables */
#define PC_TABLES_END           0x20000ull
#define PC_COMMAND_LINE         0x20000ull
#define PC_COMMAND_LINE_BYTES   0x10000ull
#define PC_LOW_RAM_END          0x9fc00ull    /* what follows is not told of as RAM */
#define PC_VIDEO                0xa0000ull    /* memory that is not there */
#define PC_HIGH_RAM             0x100000ull   /* to the end of RAM */
#define PC_RAM_END              0xc0000000ull /* at the most */

/* RAM: where firmware's ROM would lie, and where an RSDP is searched for (ACPI 6.4, 5.2.5.1). */
#define PC_ACPI                 0xe0000ull
#define PC_ACPI_END             0xf0000ull
#define PC_RESET_VECTOR         0xffff0ull    /* where a PC's firmware begins, in its last 16 bytes; F000:FFF0 */

/* Windows that are no RAM. */
#define PC_VIRTIO               0xc0001000ull /* device n is at PC_VIRTIO + n * PC_VIRTIO_BYTES */
#define PC_VIRTIO_BYTES         0x1000ull
#define PC_VIRTIO_MAX           16u
#define IOAPIC_BASE             0xfec00000ull
#define IOAPIC_BYTES            0x1000ull
#define PC_LAPIC                0xfee00000ull /* in the kernel; IA32_APIC_BASE at reset */
#define PC_LAPIC_BYTES          0x1000ull
#define PC_TEST_MEMORY          0xff000000ull /* where it is wanted: testdev.h */

/* I/O ports. */
#define PC_PORT_PIC_1           0x20u  /* two each */
#define PC_PORT_PIC_2           0xa0u
#define PC_PORT_ELCR            0x4d0u
#define PC_PORT_PIT             0x40u
#define PC_PORT_PIT_BYTES       4u
#define PC_PORT_SPEAKER         0x61u
#define PC_PORT_KEYBOARD        0x60u
#define PC_PORT_RESET           0x64u  /* the 8042's command port … */
#define PC_RESET_VALUE          0xfeu  /* … and its command to pulse the reset line: what kernels try without ACPI too */
#define PC_PORT_RTC             0x70u  /* and the data port after it */
#define PC_PORT_SYSTEM_A        0x92u
#define PC_PORT_TESTDEV         0xe0u  /* where it is wanted */
#define PC_PORT_COM1            0x3f8u
#define PC_PORT_COM1_BYTES      8u
#define PC_PORT_SLEEP_CONTROL   0x600u /* ACPI 6.4, 4.8.3.7 */
#define PC_PORT_SLEEP_STATUS    0x601u
#define PC_PORT_PVPANIC         0x505u  /* where it is wanted */
#define PC_PORT_PM1             0x604u  /* where QEMU's newer machines have PM1 control … */
#define PC_PORT_PM1_OLD         0xb004u /* … and its older ones */
#define PC_PORT_RESET_CONTROL   0xcf9u
#define PC_PORT_TEST_LINES      0x2000u /* a port a line, where that is wanted */

/* The IOAPIC's pins; the first 16 are the 8259s' lines too. */
#define IOAPIC_PINS             24u
#define PC_IRQ_PIT              0u     /* at the 8259; at the IOAPIC it is at … */
#define PC_PIN_PIT              2u     /* … where the 8259 has its second */
#define PC_IRQ_COM1             4u
#define PC_IRQ_VIRTIO           5u     /* device n has PC_IRQ_VIRTIO + n */

_Static_assert(PC_GDT + PC_GDT_BYTES <= PC_START_INFO && PC_START_INFO + 0x1000 <= PC_ZERO_PAGE, "GDT and start info are apart");
_Static_assert(PC_ZERO_PAGE + 0x1000 < PC_BOOT_STACK, "zero page and stack are apart");
_Static_assert(PC_BOOT_STACK <= PC_TABLES && PC_TABLES_END <= PC_COMMAND_LINE, "stack, tables and command line are apart");
_Static_assert(PC_COMMAND_LINE + PC_COMMAND_LINE_BYTES <= PC_LOW_RAM_END, "the command line lies in low RAM");
_Static_assert(PC_LOW_RAM_END <= PC_VIDEO && PC_VIDEO <= PC_ACPI && PC_ACPI_END <= PC_HIGH_RAM, "ACPI's tables lie in the hole");
_Static_assert(PC_ACPI_END <= PC_RESET_VECTOR && PC_RESET_VECTOR + 16 == PC_HIGH_RAM, "and the reset vector behind them");
_Static_assert(PC_RAM_END <= PC_VIRTIO, "RAM ends below all windows");
_Static_assert(PC_ACPI % 16 == 0 && PC_ACPI < PC_ACPI_END, "the RSDP is on a 16-byte boundary");
_Static_assert(PC_ACPI_END <= PC_VIRTIO, "tables and windows are disjoint");
_Static_assert(PC_VIRTIO + PC_VIRTIO_MAX * PC_VIRTIO_BYTES <= IOAPIC_BASE, "virtio windows and IOAPIC are disjoint");
_Static_assert(IOAPIC_BASE + IOAPIC_BYTES <= PC_LAPIC, "IOAPIC and LAPIC are disjoint");
_Static_assert(PC_LAPIC + PC_LAPIC_BYTES <= PC_TEST_MEMORY, "LAPIC and test memory are disjoint");
_Static_assert(PC_LAPIC + PC_LAPIC_BYTES <= 1ull << 32, "all windows are below 4 GiB: a kernel maps them by 32-bit descriptors");
_Static_assert(PC_PORT_RESET < PC_PORT_COM1, "reset port and COM1 are disjoint");
_Static_assert(PC_IRQ_VIRTIO > PC_PIN_PIT, "the PIT's pin is nobody else's");
_Static_assert(PC_PORT_COM1 + PC_PORT_COM1_BYTES <= PC_PORT_SLEEP_CONTROL, "COM1 and sleep ports are disjoint");
_Static_assert(PC_PORT_SLEEP_CONTROL + 1 == PC_PORT_SLEEP_STATUS, "acpi_write() wants the status after the control port");
_Static_assert(PC_IRQ_COM1 < PC_IRQ_VIRTIO && PC_IRQ_VIRTIO + PC_VIRTIO_MAX <= IOAPIC_PINS, "every interrupt has a pin of its own");
_Static_assert(PC_VIRTIO_MAX == KVICK_DEVICES_MAX, "a window for each device that a machine may have");

#endif
