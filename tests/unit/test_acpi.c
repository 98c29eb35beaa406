/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ACPI tables, found as a kernel finds them: the RSDP, from there by addresses; fields by the offsets of ACPI 6.4, chapter 5. The
 * DSDT is compared with what ACPICA's compiler makes of the same ASL.
 */
#include "tests/unit/test_unit.h"

#include "vmm/error.h"
#include "vmm/pc/acpi.h"
#include "vmm/pc/aml.h"
#include "vmm/sys.h"

#define HEADER_BYTES 36
#define PATTERN      0xa5

struct fixture {
	struct sys sys;
	struct error error;
	struct guest_mem mem;
	struct acpi_config config;
	struct memory_run written;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	f->config = (struct acpi_config){
		.vcpus = 2, .sleep_port = 0x600, .reset_port = 0x64, .reset_value = 0xfe, .device_count = 2,
		.devices = { { 0xc0001000, 0x1000, 5 }, { 0xc0002000, 0x200, 20 } },
	};
	if (guest_mem_create(&f->mem, GUEST_MEM_BYTES_MIN, GUEST_PAGES_4K, &f->sys, &f->error) < 0)
		return -1;
	/* What is there before must not show. */
	memset(f->mem.host, PATTERN, f->mem.bytes);
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	guest_mem_destroy(&f->mem, &f->sys);
	free(f);
	return 0;
}

static void put_tables(struct fixture *f)
{
	f->written = acpi_write(&f->mem, &f->config);
}

/* --- a kernel's view --- */

static uint64_t number(const uint8_t *at, unsigned bytes)
{
	uint64_t value = 0;

	memcpy(&value, at, bytes);
	return value;
}

static uint8_t sum(const uint8_t *at, uint64_t bytes)
{
	uint8_t total = 0;

	for (uint64_t i = 0; i < bytes; i++)
		total += at[i];
	return total;
}

static const uint8_t *rsdp(struct fixture *f)
{
	return f->mem.host + 0xe0000;
}

/* A table whose address stands at `at`; its signature is as expected. */
static const uint8_t *table(struct fixture *f, const uint8_t *at, const char *signature)
{
	uint64_t address = number(at, 8);

	assert_in_range(address, f->written.at, f->written.at + f->written.bytes - HEADER_BYTES);
	assert_memory_equal(f->mem.host + address, signature, 4);
	return f->mem.host + address;
}

static const uint8_t *xsdt(struct fixture *f)
{
	return table(f, rsdp(f) + 24, "XSDT");
}

static const uint8_t *fadt(struct fixture *f)
{
	return table(f, xsdt(f) + HEADER_BYTES, "FACP");
}

static const uint8_t *madt(struct fixture *f)
{
	return table(f, xsdt(f) + HEADER_BYTES + 8, "APIC");
}

static const uint8_t *dsdt(struct fixture *f)
{
	return table(f, fadt(f) + 140, "DSDT");
}

static uint32_t length(const uint8_t *of)
{
	return (uint32_t)number(of + 4, 4);
}

/* --- where and how --- */

static void the_rsdp_is_of_revision_2_with_both_checksums(void **state)
{
	struct fixture *f = *state;

	put_tables(f);
	assert_memory_equal(rsdp(f), "RSD PTR ", 8);
	assert_int_equal(rsdp(f)[15], 2);
	assert_int_equal(number(rsdp(f) + 16, 4), 0);
	assert_int_equal(number(rsdp(f) + 20, 4), 36);
	assert_int_equal(sum(rsdp(f), 20), 0);
	assert_int_equal(sum(rsdp(f), 36), 0);
}

static void every_table_adds_up_to_0_on_a_16_byte_boundary(void **state)
{
	struct fixture *f = *state;

	put_tables(f);
	const uint8_t *tables[] = { xsdt(f), fadt(f), madt(f), dsdt(f) };

	for (unsigned i = 0; i < COUNT_OF(tables); i++) {
		assert_int_equal(sum(tables[i], length(tables[i])), 0);
		assert_int_equal((uint64_t)(tables[i] - f->mem.host) % 16, 0);
	}
}

static void tables_are_of_the_revisions_of_6_4(void **state)
{
	struct fixture *f = *state;

	put_tables(f);
	assert_int_equal(xsdt(f)[8], 1);
	assert_int_equal(fadt(f)[8], 6);
	assert_int_equal(fadt(f)[131], 4);
	assert_int_equal(madt(f)[8], 5);
	assert_int_equal(dsdt(f)[8], 2);
}

static void tables_name_their_maker(void **state)
{
	struct fixture *f = *state;

	put_tables(f);
	assert_memory_equal(rsdp(f) + 9, "KVICK ", 6);
	assert_memory_equal(fadt(f) + 10, "KVICK KVICK   \1\0\0\0KVCK\1\0\0\0", 26);
	assert_memory_equal(fadt(f) + 268, "KVICK\0\0\0", 8);
}

static void the_xsdt_has_two_entries(void **state)
{
	struct fixture *f = *state;

	put_tables(f);
	assert_int_equal(length(xsdt(f)), HEADER_BYTES + 2 * 8);
}

static void what_is_told_as_written_is_what_is_written(void **state)
{
	struct fixture *f = *state;

	put_tables(f);
	assert_int_equal(f->written.at, 0xe0000);
	for (uint64_t at = 0; at < f->mem.bytes; at++)
		if (at < f->written.at || at >= f->written.at + f->written.bytes)
			assert_int_equal(f->mem.host[at], PATTERN);
	/* The last of it belongs to a table. */
	assert_ptr_equal(xsdt(f) + length(xsdt(f)), f->mem.host + f->written.at + f->written.bytes);
}

static void the_largest_machine_fits(void **state)
{
	struct fixture *f = *state;

	f->config.vcpus = ACPI_VCPUS_MAX;
	f->config.device_count = PC_VIRTIO_MAX;
	for (unsigned i = 0; i < PC_VIRTIO_MAX; i++)
		f->config.devices[i] = (struct acpi_device){ PC_VIRTIO + i * PC_VIRTIO_BYTES, PC_VIRTIO_BYTES, PC_IRQ_VIRTIO };
	put_tables(f);
	assert_true(f->written.at + f->written.bytes <= 0x100000);
	assert_int_equal(sum(dsdt(f), length(dsdt(f))), 0);
	assert_int_equal(sum(madt(f), length(madt(f))), 0);
}

/* --- FADT --- */

static void the_fadt_has_its_whole_length(void **state)
{
	struct fixture *f = *state;

	put_tables(f);
	assert_int_equal(length(fadt(f)), 276);
}

static void the_fadt_is_hardware_reduced_and_names_no_other_hardware(void **state)
{
	static const uint8_t none[244 - 148];
	struct fixture *f = *state;

	put_tables(f);
	/* WBINVD, PROC_C1, PWR_BUTTON, SLP_BUTTON, RESET_REG_SUP, HW_REDUCED_ACPI */
	assert_int_equal(number(fadt(f) + 112, 4), 1u << 0 | 1u << 2 | 1u << 4 | 1u << 5 | 1u << 10 | 1u << 20);
	assert_memory_equal(fadt(f) + 36, none, 109 - 36);  /* FIRMWARE_CTRL … CENTURY */
	assert_memory_equal(fadt(f) + 132, none, 8);         /* X_FIRMWARE_CTRL */
	assert_memory_equal(fadt(f) + 148, none, 244 - 148); /* X_PM1a_EVT_BLK … X_GPE1_BLK */
}

static void the_fadt_denies_vga_cmos_clock_and_8042(void **state)
{
	struct fixture *f = *state;

	put_tables(f);
	assert_int_equal(number(fadt(f) + 109, 2), 1u << 2 | 1u << 5);
}

static void the_reset_register_is_a_byte_at_its_port(void **state)
{
	struct fixture *f = *state;

	f->config.reset_port = 0x1234;
	f->config.reset_value = 0x56;
	put_tables(f);
	assert_memory_equal(fadt(f) + 116, "\1\10\0\1\x34\x12\0\0\0\0\0\0", 12);
	assert_int_equal(fadt(f)[128], 0x56);
}

static void sleep_control_and_status_are_two_ports(void **state)
{
	struct fixture *f = *state;

	put_tables(f);
	assert_memory_equal(fadt(f) + 244, "\1\10\0\1\0\6\0\0\0\0\0\0", 12);
	assert_memory_equal(fadt(f) + 256, "\1\10\0\1\1\6\0\0\0\0\0\0", 12);
}

/* 4.8.3.7: SLP_TYP in bits 2 to 4, SLP_EN is bit 5. */
static void power_off_is_what_s5_says_in_the_sleep_control_register(void **state)
{
	(void)state;
	assert_int_equal(ACPI_POWER_OFF, 5 << 2 | 1 << 5);
}

/* --- MADT --- */

static void the_madt_has_no_8259s(void **state)
{
	struct fixture *f = *state;

	put_tables(f);
	assert_int_equal(number(madt(f) + 36, 4), 0xfee00000);
	assert_int_equal(number(madt(f) + 40, 4), 0);
}

static void the_madt_has_an_enabled_lapic_for_each_vcpu_and_one_ioapic(void **state)
{
	static const unsigned counts[] = { 1, 2, 7, ACPI_VCPUS_MAX };
	struct fixture *f = *state;

	for (unsigned i = 0; i < COUNT_OF(counts); i++) {
		f->config.vcpus = counts[i];
		put_tables(f);
		const uint8_t *entry = madt(f) + 44;

		for (unsigned cpu = 0; cpu < counts[i]; cpu++, entry += 8) {
			const uint8_t lapic[8] = { 0, 8, (uint8_t)cpu, (uint8_t)cpu, 1 };

			assert_memory_equal(entry, lapic, 8);
		}
		assert_memory_equal(entry, "\1\14\0\0\0\0\xc0\xfe\0\0\0\0", 12);
		assert_int_equal(length(madt(f)), 44 + 8 * counts[i] + 12);
	}
}

/* --- DSDT --- */

/*
 * As iasl compiles it:
 *
 *	Name (_S5, Package (4) { 5, 0, 0, 0 })
 *	Scope (_SB)
 *	{
 *		Device (COM1)
 *		{
 *			Name (_HID, EISAID ("PNP0501"))
 *			Name (_UID, 0)
 *			Name (_CRS, ResourceTemplate () { IO (Decode16, 0x3f8, 0x3f8, 1, 8) IRQNoFlags () {4} })
 *		}
 *		Device (V000)
 *		{
 *			Name (_HID, "LNRO0005")
 *			Name (_UID, 0)
 *			Name (_CCA, 1)
 *			Name (_CRS, ResourceTemplate () {
 *				Memory32Fixed (ReadWrite, 0xc0001000, 0x1000)
 *				Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive) {5}
 *			})
 *		}
 *		Device (V001) { … 1 … 0xc0002000, 0x200 … {20} … }
 *	}
 */
static const uint8_t compiled[] = {
	0x08, 0x5f, 0x53, 0x35, 0x5f, 0x12, 0x07, 0x04, 0x0a, 0x05, 0x00, 0x00, 0x00, 0x10, 0x49, 0x0b,
	0x5f, 0x53, 0x42, 0x5f, 0x5b, 0x82, 0x2b, 0x43, 0x4f, 0x4d, 0x31, 0x08, 0x5f, 0x48, 0x49, 0x44,
	0x0c, 0x41, 0xd0, 0x05, 0x01, 0x08, 0x5f, 0x55, 0x49, 0x44, 0x00, 0x08, 0x5f, 0x43, 0x52, 0x53,
	0x11, 0x10, 0x0a, 0x0d, 0x47, 0x01, 0xf8, 0x03, 0xf8, 0x03, 0x01, 0x08, 0x22, 0x10, 0x00, 0x79,
	0x00, 0x5b, 0x82, 0x41, 0x04, 0x56, 0x30, 0x30, 0x30, 0x08, 0x5f, 0x48, 0x49, 0x44, 0x0d, 0x4c,
	0x4e, 0x52, 0x4f, 0x30, 0x30, 0x30, 0x35, 0x00, 0x08, 0x5f, 0x55, 0x49, 0x44, 0x00, 0x08, 0x5f,
	0x43, 0x43, 0x41, 0x01, 0x08, 0x5f, 0x43, 0x52, 0x53, 0x11, 0x1a, 0x0a, 0x17, 0x86, 0x09, 0x00,
	0x01, 0x00, 0x10, 0x00, 0xc0, 0x00, 0x10, 0x00, 0x00, 0x89, 0x06, 0x00, 0x03, 0x01, 0x05, 0x00,
	0x00, 0x00, 0x79, 0x00, 0x5b, 0x82, 0x41, 0x04, 0x56, 0x30, 0x30, 0x31, 0x08, 0x5f, 0x48, 0x49,
	0x44, 0x0d, 0x4c, 0x4e, 0x52, 0x4f, 0x30, 0x30, 0x30, 0x35, 0x00, 0x08, 0x5f, 0x55, 0x49, 0x44,
	0x01, 0x08, 0x5f, 0x43, 0x43, 0x41, 0x01, 0x08, 0x5f, 0x43, 0x52, 0x53, 0x11, 0x1a, 0x0a, 0x17,
	0x86, 0x09, 0x00, 0x01, 0x00, 0x20, 0x00, 0xc0, 0x00, 0x02, 0x00, 0x00, 0x89, 0x06, 0x00, 0x03,
	0x01, 0x14, 0x00, 0x00, 0x00, 0x79, 0x00,
};

static void the_dsdt_is_what_a_compiler_makes_of_its_asl(void **state)
{
	struct fixture *f = *state;

	put_tables(f);
	assert_int_equal(length(dsdt(f)), HEADER_BYTES + sizeof(compiled));
	assert_memory_equal(dsdt(f) + HEADER_BYTES, compiled, sizeof(compiled));
}

static void a_machine_without_devices_has_com1(void **state)
{
	struct fixture *f = *state;

	f->config.device_count = 0;
	put_tables(f);
	assert_non_null(memmem(dsdt(f), length(dsdt(f)), "COM1", 4));
	assert_null(memmem(dsdt(f), length(dsdt(f)), "LNRO0005", 8));
}

static void devices_are_named_and_numbered_in_their_order(void **state)
{
	struct fixture *f = *state;

	f->config.device_count = PC_VIRTIO_MAX;
	for (unsigned i = 0; i < PC_VIRTIO_MAX; i++)
		f->config.devices[i] = (struct acpi_device){ 0xd0000000 + i * 0x1000, 0x1000, 5 };
	put_tables(f);
	const uint8_t *at = dsdt(f), *end = at + length(dsdt(f));

	for (unsigned i = 0; i < PC_VIRTIO_MAX; i++) {
		char name[] = "V000", uid[] = "_UID\n ";

		name[3] = "0123456789ABCDEF"[i];
		at = memmem(at, (size_t)(end - at), name, 4);
		assert_non_null(at);
		if (i > 1)
			uid[5] = (char)i;
		else
			memcpy(uid + 4, i ? "\1\10" : "\0\10", 2);
		at = memmem(at, (size_t)(end - at), uid, 6);
		assert_non_null(at);
		at = memmem(at, (size_t)(end - at), "\x86\x09\0\1", 4);
		assert_non_null(at);
		assert_int_equal(number(at + 4, 4), 0xd0000000 + i * 0x1000);
	}
}

/* --- AML --- */

static void integers_have_their_shortest_form(void **state)
{
	static const struct { uint64_t value; const char *bytes; unsigned count; } cases[] = {
		{ 0, "\0", 1 }, { 1, "\1", 1 }, { 2, "\12\2", 2 }, { 0xff, "\12\xff", 2 }, { 0x100, "\13\0\1", 3 },
		{ 0xffff, "\13\xff\xff", 3 }, { 0x10000, "\14\0\0\1\0", 5 }, { 0xffffffff, "\14\xff\xff\xff\xff", 5 },
		{ 0x100000000, "\16\0\0\0\0\1\0\0\0", 9 },
		{ UINT64_MAX, "\16\xff\xff\xff\xff\xff\xff\xff\xff", 9 },
	};
	uint8_t bytes[16];

	(void)state;
	for (unsigned i = 0; i < COUNT_OF(cases); i++) {
		struct aml aml = { bytes, 0, sizeof(bytes) };

		aml_integer(&aml, cases[i].value);
		assert_int_equal(aml.used, cases[i].count);
		assert_memory_equal(bytes, cases[i].bytes, cases[i].count);
	}
}

/* 20.2.4, read as the specification has it: how many bytes the block has, its PkgLength included. */
static uint32_t pkg_length(const uint8_t *at, uint32_t *own_bytes)
{
	uint32_t follow = at[0] >> 6, value = follow ? at[0] & 0xf : at[0] & 0x3f;

	for (uint32_t i = 0; i < follow; i++)
		value |= (uint32_t)at[1 + i] << (4 + 8 * i);
	*own_bytes = 1 + follow;
	return value;
}

static void package_lengths_are_right_and_shortest_for_any_size(void **state)
{
	/* around what one, two and three bytes can hold */
	static const struct { uint32_t from, to, bytes; } cases[] = {
		{ 0, 61, 1 }, { 62, 200, 2 }, { 4000, 4092, 2 }, { 4093, 4200, 3 }, { 0xffff0, 0xffffb, 3 },
		{ 0xffffc, 0x100010, 4 },
	};
	const uint32_t size = 2u << 20;
	uint8_t *bytes = malloc(size);

	(void)state;
	for (unsigned i = 0; i < COUNT_OF(cases); i++)
		for (uint32_t content = cases[i].from; content <= cases[i].to; content++) {
			struct aml aml = { bytes, 0, size };
			aml_mark_t package = aml_package(&aml, 0x55);
			uint32_t own;

			memset(bytes + aml.used, 0xaa, content);
			aml.used += content;
			aml_end(&aml, package);
			assert_int_equal(bytes[0], 0x12);
			assert_int_equal(pkg_length(bytes + 1, &own), aml.used - 1);
			assert_int_equal(own, cases[i].bytes);
			assert_int_equal(aml.used, 1 + own + 1 + content);
			assert_int_equal(bytes[1 + own], 0x55);
			assert_true(content == 0 || (bytes[own + 2] == 0xaa && bytes[aml.used - 1] == 0xaa));
		}
	free(bytes);
}

static void a_resource_template_is_a_buffer_of_its_size_with_an_end_tag(void **state)
{
	uint8_t bytes[1024];
	uint32_t own;

	(void)state;
	for (unsigned count = 0; count < 60; count++) {
		struct aml aml = { bytes, 0, sizeof(bytes) };
		aml_mark_t resources = aml_resources(&aml);

		for (unsigned i = 0; i < count; i++)
			aml_interrupt(&aml, i);
		aml_end_resources(&aml, resources);
		assert_int_equal(bytes[0], 0x11);
		assert_int_equal(pkg_length(bytes + 1, &own), aml.used - 1);
		const uint8_t *size = bytes + 1 + own;
		unsigned expected = 9 * count + 2, size_bytes = expected > 0xff ? 3 : 2;

		assert_int_equal(size[0], size_bytes == 3 ? 0x0b : 0x0a);
		assert_int_equal(number(size + 1, size_bytes - 1), expected);
		assert_ptr_equal(size + size_bytes + expected, bytes + aml.used);
		assert_memory_equal(bytes + aml.used - 2, "\x79\0", 2);
	}
}

static void an_eisa_id_is_compressed(void **state)
{
	uint8_t bytes[16];
	struct aml aml = { bytes, 0, sizeof(bytes) };

	(void)state;
	aml_eisa_id(&aml, "PNP0A08");
	assert_memory_equal(bytes, "\14\x41\xd0\x0a\x08", 5);
}

static void an_irq_is_a_bit(void **state)
{
	uint8_t bytes[16];
	struct aml aml = { bytes, 0, sizeof(bytes) };

	(void)state;
	aml_irq(&aml, 4);
	aml_irq(&aml, 15);
	assert_int_equal(aml.used, 6);
	assert_memory_equal(bytes, "\x22\x10\0\x22\0\x80", 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_rsdp_is_of_revision_2_with_both_checksums),
		TEST(every_table_adds_up_to_0_on_a_16_byte_boundary),
		TEST(tables_are_of_the_revisions_of_6_4),
		TEST(tables_name_their_maker),
		TEST(the_xsdt_has_two_entries),
		TEST(what_is_told_as_written_is_what_is_written),
		TEST(the_largest_machine_fits),
		TEST(the_fadt_has_its_whole_length),
		TEST(the_fadt_is_hardware_reduced_and_names_no_other_hardware),
		TEST(the_fadt_denies_vga_cmos_clock_and_8042),
		TEST(the_reset_register_is_a_byte_at_its_port),
		TEST(sleep_control_and_status_are_two_ports),
		TEST(power_off_is_what_s5_says_in_the_sleep_control_register),
		TEST(the_madt_has_no_8259s),
		TEST(the_madt_has_an_enabled_lapic_for_each_vcpu_and_one_ioapic),
		TEST(the_dsdt_is_what_a_compiler_makes_of_its_asl),
		TEST(a_machine_without_devices_has_com1),
		TEST(devices_are_named_and_numbered_in_their_order),
		TEST(integers_have_their_shortest_form),
		TEST(package_lengths_are_right_and_shortest_for_any_size),
		TEST(a_resource_template_is_a_buffer_of_its_size_with_an_end_tag),
		TEST(an_eisa_id_is_compressed),
		TEST(an_irq_is_a_bit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
