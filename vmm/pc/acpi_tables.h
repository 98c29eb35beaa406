/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of ACPI 6.4, chapter 5, as they lie in memory; no UAPI header has them. Names and sections are the specification's. */
#ifndef KVICK_VMM_PC_ACPI_TABLES_H
#define KVICK_VMM_PC_ACPI_TABLES_H

#include <stdint.h>

/* 5.2.3.2: Generic Address Structure */
struct acpi_gas {
	uint8_t address_space_id;
	uint8_t register_bit_width;
	uint8_t register_bit_offset;
	uint8_t access_size;
	uint64_t address;
} __attribute__((packed));

#define ACPI_SYSTEM_IO   1 /* address_space_id */
#define ACPI_BYTE_ACCESS 1 /* access_size */

/* 5.2.5.3: Root System Description Pointer */
struct acpi_rsdp {
	char signature[8];
	uint8_t checksum;          /* of the first ACPI_RSDP_V1_BYTES */
	char oemid[6];
	uint8_t revision;
	uint32_t rsdt_address;
	uint32_t length;
	uint64_t xsdt_address;
	uint8_t extended_checksum; /* of it all */
	uint8_t reserved[3];
} __attribute__((packed));

#define ACPI_RSDP_V1_BYTES 20
#define ACPI_RSDP_REVISION 2

/* 5.2.6: System Description Table Header */
struct acpi_header {
	char signature[4];
	uint32_t length;
	uint8_t revision;
	uint8_t checksum;
	char oemid[6];
	char oem_table_id[8];
	uint32_t oem_revision;
	char creator_id[4];
	uint32_t creator_revision;
} __attribute__((packed));

/* 5.2.8: Extended System Description Table */
struct acpi_xsdt {
	struct acpi_header header;
	uint64_t entry[2];
} __attribute__((packed));

#define ACPI_XSDT_REVISION 1

/* 5.2.9: Fixed ACPI Description Table. With HW_REDUCED_ACPI the fields in between, of hardware that is not there, are 0. */
struct acpi_fadt {
	struct acpi_header header;
	uint32_t firmware_ctrl;
	uint32_t dsdt;
	uint8_t legacy_hardware[65];   /* INT_MODEL … CENTURY: 44 to 108 */
	uint16_t iapc_boot_arch;
	uint8_t reserved;
	uint32_t flags;
	struct acpi_gas reset_reg;
	uint8_t reset_value;
	uint16_t arm_boot_arch;
	uint8_t minor_version;
	uint64_t x_firmware_ctrl;
	uint64_t x_dsdt;
	struct acpi_gas x_legacy[8];   /* X_PM1a_EVT_BLK … X_GPE1_BLK */
	struct acpi_gas sleep_control_reg;
	struct acpi_gas sleep_status_reg;
	char hypervisor_vendor[8];
} __attribute__((packed));

#define ACPI_FADT_REVISION        6
#define ACPI_FADT_MINOR_VERSION   4
/* Table 5.10: flags. The buttons' say that there is none of fixed hardware. */
#define ACPI_FADT_WBINVD          0x00000001u
#define ACPI_FADT_PROC_C1         0x00000004u
#define ACPI_FADT_PWR_BUTTON      0x00000010u
#define ACPI_FADT_SLP_BUTTON      0x00000020u
#define ACPI_FADT_RESET_REG_SUP   0x00000400u
#define ACPI_FADT_HW_REDUCED_ACPI 0x00100000u
/* Table 5.11: iapc_boot_arch. Of what is not set, 8042 (bit 1) says that there is no keyboard controller to look for. */
#define ACPI_FADT_NO_VGA          0x0004u
#define ACPI_FADT_NO_CMOS_RTC     0x0020u

/* 5.2.12: Multiple APIC Description Table */
struct acpi_madt {
	struct acpi_header header;
	uint32_t local_apic_address;
	uint32_t flags;                /* PCAT_COMPAT (bit 0): there are 8259s too */
} __attribute__((packed));

#define ACPI_MADT_REVISION 5

/* 5.2.12.2: Processor Local APIC */
struct acpi_madt_lapic {
	uint8_t type;
	uint8_t length;
	uint8_t acpi_processor_uid;
	uint8_t apic_id;
	uint32_t flags;
} __attribute__((packed));

#define ACPI_MADT_LAPIC         0
#define ACPI_MADT_LAPIC_ENABLED 1u

/* 5.2.12.3: I/O APIC */
struct acpi_madt_ioapic {
	uint8_t type;
	uint8_t length;
	uint8_t io_apic_id;
	uint8_t reserved;
	uint32_t io_apic_address;
	uint32_t global_system_interrupt_base;
} __attribute__((packed));

#define ACPI_MADT_IOAPIC 1

#define ACPI_DSDT_REVISION 2 /* 5.2.11.1: integers have 64 bits */

_Static_assert(sizeof(struct acpi_gas) == 12, "5.2.3.2");
_Static_assert(sizeof(struct acpi_rsdp) == 36, "5.2.5.3");
_Static_assert(sizeof(struct acpi_header) == 36, "5.2.6");
_Static_assert(__builtin_offsetof(struct acpi_fadt, iapc_boot_arch) == 109, "5.2.9");
_Static_assert(__builtin_offsetof(struct acpi_fadt, reset_reg) == 116, "5.2.9");
_Static_assert(__builtin_offsetof(struct acpi_fadt, sleep_control_reg) == 244, "5.2.9");
_Static_assert(sizeof(struct acpi_fadt) == 276, "5.2.9");
_Static_assert(sizeof(struct acpi_madt) == 44 && sizeof(struct acpi_madt_lapic) == 8 && sizeof(struct acpi_madt_ioapic) == 12,
	       "5.2.12");

#endif
