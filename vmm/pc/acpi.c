/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/pc/acpi.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "vmm/pc/acpi_tables.h"
#include "vmm/pc/aml.h"
#include "vmm/round.h"

/* 5.2.6: who made the tables. Padded as the fields are. */
#define OEMID            "KVICK "
#define OEM_TABLE_ID     "KVICK   "
#define CREATOR_ID       "KVCK"

/* [PC_ACPI, PC_ACPI_END), filled from its start. */
struct area {
	uint8_t *bytes;
	uint32_t used;
};

#define AREA_BYTES ((uint32_t)(PC_ACPI_END - PC_ACPI))

static void *claim(struct area *area, uint32_t bytes)
{
	uint32_t at = (uint32_t)round_up(area->used, 16);

	assert(at <= AREA_BYTES && bytes <= AREA_BYTES - at);
	area->used = at + bytes;
	return memset(area->bytes + at, 0, bytes);
}

static uint64_t address_of(const struct area *area, const void *table)
{
	return PC_ACPI + (uint64_t)((const uint8_t *)table - area->bytes);
}

/* What makes the sum of all bytes 0, in a byte that is 0 so far. */
static uint8_t checksum(const void *table, uint32_t bytes)
{
	const uint8_t *byte = table;
	uint8_t sum = 0;

	while (bytes--)
		sum += *byte++;
	return (uint8_t)-sum;
}

/* Last, for the checksum. */
static void seal(struct acpi_header *header, const char *signature, uint8_t revision, uint32_t length)
{
	*header = (struct acpi_header){ .length = length, .revision = revision, .oem_revision = 1, .creator_revision = 1 };
	memcpy(header->signature, signature, sizeof(header->signature));
	memcpy(header->oemid, OEMID, sizeof(header->oemid));
	memcpy(header->oem_table_id, OEM_TABLE_ID, sizeof(header->oem_table_id));
	memcpy(header->creator_id, CREATOR_ID, sizeof(header->creator_id));
	header->checksum = checksum(header, length);
}

/* ---- DSDT: 5.2.11.1 ---- */

/* A kernel knows it as the 16550A that it is: PNP0501. */
static void describe_com1(struct aml *aml)
{
	aml_mark_t device = aml_device(aml, "COM1"), resources;

	aml_name(aml, "_HID");
	aml_eisa_id(aml, "PNP0501");
	aml_name(aml, "_UID");
	aml_integer(aml, 0);
	aml_name(aml, "_CRS");
	resources = aml_resources(aml);
	aml_io(aml, PC_PORT_COM1, PC_PORT_COM1_BYTES);
	aml_irq(aml, PC_IRQ_COM1);
	aml_end_resources(aml, resources);
	aml_end(aml, device);
}

/* LNRO0005 is what Linux and others know virtio-mmio by. */
static void describe_virtio(struct aml *aml, const struct acpi_device *config, unsigned number)
{
	char name[sizeof("V000")];
	aml_mark_t device, resources;

	assert(config->base + config->bytes <= 1ull << 32 && config->irq < IOAPIC_PINS);
	snprintf(name, sizeof(name), "V%03X", number & 0xfffu);
	device = aml_device(aml, name);
	aml_name(aml, "_HID");
	aml_string(aml, "LNRO0005");
	aml_name(aml, "_UID");
	aml_integer(aml, number);
	aml_name(aml, "_CCA"); /* 6.2.17: its memory accesses are coherent */
	aml_integer(aml, 1);
	aml_name(aml, "_CRS");
	resources = aml_resources(aml);
	aml_memory32(aml, (uint32_t)config->base, config->bytes);
	aml_interrupt(aml, config->irq);
	aml_end_resources(aml, resources);
	aml_end(aml, device);
}

/* 7.4.2.6: SLP_TYP for the sleep control register; the other elements are of hardware that is not there. */
static void describe_s5(struct aml *aml)
{
	aml_mark_t package;

	aml_name(aml, "_S5_");
	package = aml_package(aml, 4);
	aml_integer(aml, ACPI_SLP_TYP_S5);
	for (unsigned i = 1; i < 4; i++)
		aml_integer(aml, 0);
	aml_end(aml, package);
}

static uint64_t write_dsdt(struct area *area, const struct acpi_config *config)
{
	struct acpi_header *dsdt = claim(area, sizeof(*dsdt));
	struct aml aml = { area->bytes + area->used, 0, AREA_BYTES - area->used };
	aml_mark_t system_bus;

	describe_s5(&aml);
	system_bus = aml_scope(&aml, "_SB_");
	describe_com1(&aml);
	for (unsigned i = 0; i < config->device_count; i++)
		describe_virtio(&aml, &config->devices[i], i);
	aml_end(&aml, system_bus);
	area->used += aml.used;
	seal(dsdt, "DSDT", ACPI_DSDT_REVISION, (uint32_t)sizeof(*dsdt) + aml.used);
	return address_of(area, dsdt);
}

/* ---- the other tables ---- */

static struct acpi_gas port(uint16_t number)
{
	return (struct acpi_gas){ ACPI_SYSTEM_IO, 8, 0, ACPI_BYTE_ACCESS, number };
}

static uint64_t write_fadt(struct area *area, const struct acpi_config *config, uint64_t dsdt)
{
	struct acpi_fadt *fadt = claim(area, sizeof(*fadt));

	*fadt = (struct acpi_fadt){
		.iapc_boot_arch = ACPI_FADT_NO_VGA | ACPI_FADT_NO_CMOS_RTC,
		.flags = ACPI_FADT_WBINVD | ACPI_FADT_PROC_C1 | ACPI_FADT_PWR_BUTTON | ACPI_FADT_SLP_BUTTON |
			 ACPI_FADT_RESET_REG_SUP | ACPI_FADT_HW_REDUCED_ACPI,
		.reset_reg = port(config->reset_port),
		.reset_value = config->reset_value,
		.minor_version = ACPI_FADT_MINOR_VERSION,
		.x_dsdt = dsdt,
		.sleep_control_reg = port(config->sleep_port),
		.sleep_status_reg = port((uint16_t)(config->sleep_port + 1)),
		.hypervisor_vendor = "KVICK",
	};
	seal(&fadt->header, "FACP", ACPI_FADT_REVISION, sizeof(*fadt));
	return address_of(area, fadt);
}

static uint64_t write_madt(struct area *area, const struct acpi_config *config)
{
	uint32_t bytes = (uint32_t)(sizeof(struct acpi_madt) + config->vcpus * sizeof(struct acpi_madt_lapic) +
				    sizeof(struct acpi_madt_ioapic));
	struct acpi_madt *madt = claim(area, bytes);
	struct acpi_madt_lapic *lapic = (struct acpi_madt_lapic *)(madt + 1);
	struct acpi_madt_ioapic *ioapic = (struct acpi_madt_ioapic *)(lapic + config->vcpus);

	madt->local_apic_address = (uint32_t)PC_LAPIC;
	for (unsigned i = 0; i < config->vcpus; i++)
		lapic[i] = (struct acpi_madt_lapic){
			ACPI_MADT_LAPIC, sizeof(*lapic), (uint8_t)i, (uint8_t)i, ACPI_MADT_LAPIC_ENABLED,
		};
	*ioapic = (struct acpi_madt_ioapic){ .type = ACPI_MADT_IOAPIC, .length = sizeof(*ioapic),
					     .io_apic_address = (uint32_t)IOAPIC_BASE };
	seal(&madt->header, "APIC", ACPI_MADT_REVISION, bytes);
	return address_of(area, madt);
}

static uint64_t write_xsdt(struct area *area, uint64_t fadt, uint64_t madt)
{
	struct acpi_xsdt *xsdt = claim(area, sizeof(*xsdt));

	xsdt->entry[0] = fadt;
	xsdt->entry[1] = madt;
	seal(&xsdt->header, "XSDT", ACPI_XSDT_REVISION, sizeof(*xsdt));
	return address_of(area, xsdt);
}

struct memory_run acpi_write(const struct guest_mem *mem, const struct acpi_config *config)
{
	struct area area = { guest_mem_span(mem, gpa(PC_ACPI), AREA_BYTES), 0 };

	assert(area.bytes);
	assert(config->vcpus >= 1 && config->vcpus <= ACPI_VCPUS_MAX && config->device_count <= PC_VIRTIO_MAX);
	struct acpi_rsdp *rsdp = claim(&area, sizeof(*rsdp));

	*rsdp = (struct acpi_rsdp){ .revision = ACPI_RSDP_REVISION, .length = sizeof(*rsdp) };
	memcpy(rsdp->signature, "RSD PTR ", sizeof(rsdp->signature));
	memcpy(rsdp->oemid, OEMID, sizeof(rsdp->oemid));
	uint64_t fadt = write_fadt(&area, config, write_dsdt(&area, config)), madt = write_madt(&area, config);

	rsdp->xsdt_address = write_xsdt(&area, fadt, madt);
	rsdp->checksum = checksum(rsdp, ACPI_RSDP_V1_BYTES);
	rsdp->extended_checksum = checksum(rsdp, sizeof(*rsdp));
	return (struct memory_run){ PC_ACPI, area.used };
}
