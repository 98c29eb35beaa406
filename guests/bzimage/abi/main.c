/* SPDX-License-Identifier: Apache-2.0 */
/* What docs/ABI.md promises to kernels, "Linux kernels" and "PVH", looked at from inside. */
#include "../kernel.h"

/* ---- the entry ---- */

#define BOOT_CS 0x10
#define BOOT_DS 0x18

#define RFLAGS_TF 0x100
#define RFLAGS_IF 0x200
#define RFLAGS_DF 0x400
#define RFLAGS_VM 0x20000

static void look_at_registers(void)
{
	struct { uint16_t limit; uint64_t base; } __attribute__((packed)) gdtr;
	uint64_t cr0;

	__asm__ volatile("sgdt %0" : "=m"(gdtr));
	__asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
	expect("RSI", start_found.rsi, 0x7000);
	expect("interrupts", start_found.rflags & (RFLAGS_IF | RFLAGS_DF), 0);
	expect("CS", start_found.cs, BOOT_CS);
	expect("DS", start_found.ds, BOOT_DS);
	expect("ES", start_found.es, BOOT_DS);
	expect("SS", start_found.ss, BOOT_DS);
	expect("room in the GDT", gdtr.limit >= BOOT_DS + 7, 1);
	/* AMD64 APM 2, 4.8: present, DPL 0, code with L and without D; present, DPL 0, data that can be written. */
	expect("__BOOT_CS", number_at(gdtr.base + BOOT_CS, 8) >> 40 & 0x60f8, 0x2098);
	expect("__BOOT_DS", number_at(gdtr.base + BOOT_DS, 8) >> 40 & 0xfa, 0x92);
	expect("CR0.PG, CR0.PE", cr0 & 0x80000001, 0x80000001);
}

static void registers(void)
{
	look_at_registers();
	expect("RIP", start_found.rip, zero_page(0x258, 8) + 0x200); /* pref_address */
}

/* Entered where the ELF file says, and not where it may have been in a bzImage. */
static void elf_registers(void)
{
	extern const uint8_t kernel_entry[];

	look_at_registers();
	expect("RIP", start_found.rip, (uintptr_t)kernel_entry);
}

static uint64_t rdmsr(uint32_t msr)
{
	uint32_t low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return low | (uint64_t)high << 32;
}

static void wrmsr(uint32_t msr, uint64_t value)
{
	__asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}

static uint32_t cpuid(uint32_t leaf, uint32_t index, unsigned which)
{
	uint32_t r[4];

	__asm__ volatile("cpuid" : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3]) : "a"(leaf), "c"(index));
	return r[which];
}

enum { EAX, EBX, ECX, EDX };

/* Its own APIC id, not the host CPU's; KVM's leaves, and in them what spares a kernel to measure. */
static void cpuid_leaves(void)
{
	uint32_t id = mmio_read(LAPIC + 0x20) >> 24;

	expect("the APIC's id", cpuid(1, 0, EBX) >> 24, id);
	if (cpuid(0, 0, EAX) >= 0xb)
		expect("its x2APIC id", cpuid(0xb, 0, EDX), id);
	expect("a hypervisor", cpuid(1, 0, ECX) >> 31, 1);
	expect("KVMK", cpuid(0x40000000, 0, EBX), 0x4b4d564b);
	expect("the timing leaf", cpuid(0x40000000, 0, EAX) >= 0x40000010, 1);
	expect("a TSC of some GHz", cpuid(0x40000010, 0, EAX) > 500000, 1);
	expect("kvmclock", cpuid(0x40000001, 0, EAX) & 9, 9);
}

/* SDM 4, 2.1: fast strings, no BTS, no PEBS; SDM 3, 12.11.2.1: MTRRs on, write-back. */
static void msrs(void)
{
	interrupts_start();
	expect("IA32_MISC_ENABLE", rdmsr(0x1a0) & 0x1801, 0x1801);
	expect("IA32_MTRR_DEF_TYPE", rdmsr(0x2ff), 0x806);
}

/* KVM's msr.rst, MSR_KVM_STEAL_TIME: some enable it without a look at CPUID, and live only where that is no fault. */
static void stolen_time(void)
{
	static volatile struct {
		uint64_t steal;
		uint32_t version, flags;
		uint32_t padding[12];
	} record __attribute__((aligned(64))) = { .version = 1 };

	interrupts_start();
	wrmsr(0x4b564d03, (uintptr_t)&record | 1);
	expect("the MSR", rdmsr(0x4b564d03), (uintptr_t)&record | 1);
	expect("a record that is whole", record.version & 1, 0);
	expect("told of by CPUID", cpuid(0x40000001, 0, EAX) >> 5 & 1, 1);
}

/* Whoever loads the selectors anew finds what they hid. */
static void selectors(void)
{
	uint64_t at;

	__asm__ volatile("push %1; lea 1f(%%rip), %0; push %0; lretq; 1:" : "=&r"(at) : "i"(BOOT_CS) : "memory");
	__asm__ volatile("mov %0, %%ds; mov %0, %%es; mov %0, %%ss" : : "r"(BOOT_DS) : "memory");
	expect("what is read by them", start_found.cs, BOOT_CS);
}

static void zero_page_header(void)
{
	extern const uint8_t kernel_start[];
	const uint64_t header = (uintptr_t)kernel_start - 0x400; /* was never loaded there: 0 */

	expect("what is before the kernel", number_at(header + ZERO_MAGIC, 4), 0);
	expect("HdrS", zero_page(ZERO_MAGIC, 4), 0x53726448);
	expect("boot_flag", zero_page(0x1fe, 2), 0xaa55);
	expect("version", zero_page(ZERO_VERSION, 2), 0x020c);
	expect("setup_sects", zero_page(ZERO_HEADER, 1), 1);
	expect("cmdline_size", zero_page(0x238, 4), 2047);
	expect("pref_address", zero_page(0x258, 8), (uintptr_t)kernel_start);
	expect("type_of_loader", zero_page(ZERO_LOADER, 1), 0xff);
	expect("sentinel", zero_page(ZERO_SENTINEL, 1), 0);
	for (unsigned at = ZERO_HEADER_END + 4; at < 0x290; at += 4)
		expect("after the header", zero_page(at, 4), 0);
}

/* Of an ELF file: a header that is none of its own. */
static void zero_page_made(void)
{
	expect("HdrS", zero_page(ZERO_MAGIC, 4), 0x53726448);
	expect("boot_flag", zero_page(0x1fe, 2), 0xaa55);
	expect("version", zero_page(ZERO_VERSION, 2), 0x020c);
	expect("type_of_loader", zero_page(ZERO_LOADER, 1), 0xff);
	expect("cmd_line_ptr", zero_page(ZERO_COMMAND_LINE, 4), 0x20000);
	expect("cmdline_size", zero_page(0x238, 4), 2047);
	expect("pref_address", zero_page(0x258, 8), 0);
	expect("sentinel", zero_page(ZERO_SENTINEL, 1), 0);
}

/* The header of the bzImage that the kernel was inside of. */
static void zero_page_packed(void)
{
	expect("HdrS", zero_page(ZERO_MAGIC, 4), 0x53726448);
	expect("pref_address", zero_page(0x258, 8), 0x1000000);
	expect("payload_length", zero_page(0x24c, 4) > 0, 1);
	expect("type_of_loader", zero_page(ZERO_LOADER, 1), 0xff);
}

static void pvh_registers(void)
{
	uint64_t gdt = pvh_found.gdt[1] | (uint64_t)pvh_found.gdt[2] << 16;

	expect("EBX", pvh_found.start_info, 0x6000);
	expect("ESP", pvh_found.esp, 0x8ff0);
	expect("EFLAGS", pvh_found.eflags & (RFLAGS_IF | RFLAGS_TF | RFLAGS_VM), 0);
	expect("CR0.PG, CR0.PE", pvh_found.cr0 & 0x80000001, 1);
	expect("CR4", pvh_found.cr4, 0);
	expect("EFER", pvh_found.efer, 0);
	/* Selectors can be loaded anew, and something pushed at once. */
	expect("the GDT's limit", pvh_found.gdt[0] >= BOOT_DS + 7, 1);
	expect("code", number_at(gdt + BOOT_CS, 8) | 1ull << 40, 0x00cf9b000000ffff);
	expect("data", number_at(gdt + BOOT_DS, 8) | 1ull << 40, 0x00cf93000000ffff);
	expect("where the stack is", pvh_found.esp < ram_end(), 1);
}

static void start_info(void)
{
	uint64_t info = pvh_found.start_info;

	expect("magic", number_at(info + START_MAGIC, 4), 0x336ec578);
	expect("version", number_at(info + START_VERSION, 4), 1);
	expect("flags", number_at(info + START_FLAGS, 4), 0);
	expect("rsdp_paddr", number_at(info + START_RSDP, 8), 0xe0000);
	expect("cmdline_paddr", number_at(info + START_COMMAND_LINE, 8), 0x20000);
	printf("modules: %lu\n", number_at(info + START_MODULE_COUNT, 4));
}

/* PVH's: each module's size, sum and string. */
static void modules(void)
{
	uint64_t info = pvh_found.start_info, list = number_at(info + START_MODULES, 8);

	for (unsigned i = 0; i < number_at(info + START_MODULE_COUNT, 4); i++) {
		uint64_t entry = list + i * 32, at = number_at(entry, 8), bytes = number_at(entry + 8, 8), sum = 0;

		expect("a module's page", at % 4096, 0);
		for (uint64_t k = 0; k < bytes; k++)
			sum += ((const uint8_t *)at)[k];
		printf("module: %lu bytes, sum %lu, string [%s]\n", bytes, sum, (const char *)number_at(entry + 16, 8));
	}
}

static void e820(void)
{
	for (unsigned i = 0; i < zero_page(ZERO_E820_ENTRIES, 1); i++) {
		uint64_t entry = start_found.rsi + ZERO_E820 + i * 20, from = number_at(entry, 8);

		printf("e820: 0x%lx to 0x%lx, type %lu\n", from, from + number_at(entry + 8, 8), number_at(entry + 16, 4));
	}
	*(volatile uint64_t *)(ram_end() - 8) = 1; /* mapped, and there */
	expect("the last word of RAM", number_at(ram_end() - 8, 8), 1);
}

static void command_line(void)
{
	const char *line = (const char *)zero_page(ZERO_COMMAND_LINE, 4);

	expect("its place", zero_page(ZERO_COMMAND_LINE, 4), 0x20000);
	printf("command line: [%s], %zu characters\n", line, strlen(line));
}

static void initrd(void)
{
	uint64_t at = zero_page(ZERO_RAMDISK, 4), bytes = zero_page(ZERO_RAMDISK_BYTES, 4), sum = 0;

	if (bytes == 0) {
		expect("ramdisk_image of none", at, 0);
		printf("initrd: none\n");
		return;
	}
	expect("a page", at % 4096, 0);
	expect("as high as it goes", ram_end() - at - bytes < 4096, 1);
	for (uint64_t i = 0; i < bytes; i++)
		sum += ((const uint8_t *)at)[i];
	printf("initrd: %lu bytes, sum %lu, the first %c, the last %c\n", bytes, sum, (char)number_at(at, 1),
	       (char)number_at(at + bytes - 1, 1));
}

/* ---- ACPI 6.4, 5.2 ---- */

static uint8_t sum_of(uint64_t at, uint64_t bytes)
{
	uint8_t sum = 0;

	for (uint64_t end = at + bytes; at < end; at++)
		sum += *(const uint8_t *)at;
	return sum;
}

static bool is_table(uint64_t at, const char *signature)
{
	return memcmp((const void *)at, signature, 4) == 0;
}

static uint64_t length_of(uint64_t table)
{
	return number_at(table + 4, 4);
}

static bool contains(uint64_t table, const char *text)
{
	for (uint64_t at = table; at < table + length_of(table) - strlen(text); at++)
		if (memcmp((const void *)at, text, strlen(text)) == 0)
			return true;
	return false;
}

static void look_at_dsdt(uint64_t dsdt)
{
	char name[] = "V000";

	expect("DSDT", is_table(dsdt, "DSDT") && sum_of(dsdt, length_of(dsdt)) == 0, 1);
	expect("COM1 in it", contains(dsdt, "COM1"), 1);
	for (unsigned i = 0; i < device_count; i++) {
		name[3] = "0123456789ABCDEF"[i];
		expect(name, contains(dsdt, name), 1);
	}
}

static void look_at_fadt(uint64_t fadt)
{
	expect("HW_REDUCED_ACPI, RESET_REG_SUP", number_at(fadt + 112, 4) & 0x100400, 0x100400);
	expect("RESET_REG", number_at(fadt + 116, 1) << 16 | number_at(fadt + 120, 8), 1 << 16 | KEYBOARD);
	expect("SLEEP_CONTROL_REG", number_at(fadt + 244, 1) << 16 | number_at(fadt + 248, 8), 1 << 16 | SLEEP_CONTROL);
	look_at_dsdt(number_at(fadt + 140, 8));
}

static void look_at_madt(uint64_t madt)
{
	unsigned processors = 0, ioapics = 0;

	expect("local APIC", number_at(madt + 36, 4), LAPIC);
	for (uint64_t at = madt + 44; at < madt + length_of(madt); at += number_at(at + 1, 1)) {
		processors += number_at(at, 1) == 0;
		ioapics += number_at(at, 1) == 1 && number_at(at + 4, 4) == IOAPIC && number_at(at + 8, 4) == 0;
	}
	expect("processors", processors, 1);
	expect("IOAPICs", ioapics, 1);
}

static void acpi(void)
{
	uint64_t rsdp = zero_page(ZERO_RSDP, 8), xsdt = number_at(rsdp + 24, 8);
	unsigned fadts = 0, madts = 0;

	expect("its place", rsdp, 0xe0000);
	expect("RSD PTR", memcmp((const void *)rsdp, "RSD PTR ", 8), 0);
	expect("its checksums", sum_of(rsdp, 20) | sum_of(rsdp, 36), 0);
	expect("XSDT", is_table(xsdt, "XSDT") && sum_of(xsdt, length_of(xsdt)) == 0, 1);
	for (uint64_t entry = xsdt + 36; entry < xsdt + length_of(xsdt); entry += 8) {
		uint64_t table = number_at(entry, 8);

		expect("a table's checksum", sum_of(table, length_of(table)), 0);
		fadts += is_table(table, "FACP");
		madts += is_table(table, "APIC");
		if (is_table(table, "FACP"))
			look_at_fadt(table);
		else if (is_table(table, "APIC"))
			look_at_madt(table);
	}
	expect("FADTs", fadts, 1);
	expect("MADTs", madts, 1);
}

/* ---- what is there, and what is not ---- */

static void nothing_there(void)
{
	static const uint16_t ports[] = { 0x22, 0x44, 0x80, 0xa2, 0x2f8, 0x3f7, 0x400, 0x5ff, 0x602, 0xcf8, 0xcfc, 0xffff };
	static const uint64_t addresses[] = {
		0xc0000ffcull, 0xc0011000, 0xd0000000, 0xfebffffc, 0xfec01000, 0xfed00000, 0xfee01000, 0xfffffffc,
	};

	for (unsigned i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
		out8(ports[i], 0);
		expect("a byte", in8(ports[i]), UINT8_MAX);
		if (ports[i] < 0xfffc)
			expect("four bytes", in32(ports[i]), UINT32_MAX);
	}
	for (unsigned i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		mmio_write(addresses[i], 0);
		expect("memory", mmio_read(addresses[i]), UINT32_MAX);
	}
}

/* Without a new line: what is left goes out at the end. */
static void serial_polled(void)
{
	printf("serial: polled, and an end");
	power_off();
}

/* ---- interrupts ---- */

#define COM1_VECTOR   0x34u
#define VIRTIO_VECTOR 0x40u

#define IER 1
#define IIR 2

static volatile uint8_t iir;

static void ask_serial(unsigned vector)
{
	if (vector == COM1_VECTOR)
		iir = in8(COM1 + IIR);
}

static void serial_start(uint32_t flags)
{
	interrupts_start();
	on_interrupt = ask_serial;
	ioapic_route(COM1_IRQ, COM1_VECTOR | flags);
}

/* THRI: the transmitter is empty, at once and after each byte. */
static void serial_by_interrupt(uint32_t flags)
{
	serial_start(flags);
	out8(COM1 + IER, 2);
	wait_for(COM1_VECTOR, 1);
	expect("IIR", iir & 0x0f, 2);
	for (unsigned i = 0; i < 3; i++) {
		out8(COM1, (uint8_t)("abc"[i]));
		wait_for(COM1_VECTOR, 2 + i);
	}
	out8(COM1 + IER, 0);
	out8(COM1, '\n');
	expect("interrupts", interrupts[COM1_VECTOR], 4);
}

static void serial_interrupt(void)
{
	serial_by_interrupt(0);
}

/* Each needs the EOI of the one before to come to the IOAPIC. */
static void serial_interrupt_by_level(void)
{
	serial_by_interrupt(IOAPIC_LEVEL);
}

/* What the handler has asked for is over before its EOI: only the level tells of that. */
static void serial_again_before_eoi(unsigned vector)
{
	if (vector != COM1_VECTOR)
		return;
	iir = in8(COM1 + IIR);
	if (interrupts[vector] < 3)
		out8(COM1, (uint8_t)('0' + interrupts[vector]));
	else
		out8(COM1 + IER, 0);
}

static void serial_interrupt_before_eoi(void)
{
	serial_start(IOAPIC_LEVEL);
	on_interrupt = serial_again_before_eoi;
	out8(COM1 + IER, 2);
	wait_for(COM1_VECTOR, 3);
	expect("IIR", iir & 0x0f, 2);
	out8(COM1, '\n');
	for (unsigned i = 0; i < 100; i++)
		__asm__ volatile("sti; nop; cli");
	expect("interrupts", interrupts[COM1_VECTOR], 3);
}

static void serial_masked(void)
{
	serial_start(IOAPIC_MASKED);
	out8(COM1 + IER, 2);
	for (unsigned i = 0; i < 100; i++)
		__asm__ volatile("sti; nop; cli");
	expect("interrupts", interrupts[COM1_VECTOR], 0);
}

/* SDM 11.5.4: one shot, by the local APIC's timer. */
static void timer(void)
{
	interrupts_start();
	mmio_write(LAPIC + 0x3e0, 0xb); /* divide by 1 */
	mmio_write(LAPIC + 0x320, 0x50);
	mmio_write(LAPIC + 0x380, 100000);
	wait_for(0x50, 1);
}

/* ---- virtio-mmio ---- */

/* Version 2, unless "legacy" follows the way's name. */
static void start(unsigned device)
{
	expect("version", virtio_version(device), strcmp(argument, "legacy") == 0 ? 1 : 2);
	virtio_start(device);
}

static uint8_t random_bytes[2][32];

static void entropy_request(unsigned device, unsigned which)
{
	queue.desc[0].address = (uintptr_t)random_bytes[which];
	queue.desc[0].bytes = sizeof(random_bytes[which]);
	queue.desc[0].flags = DESC_WRITE;
	virtio_offer(device);
}

static void entropy_look(unsigned which)
{
	expect("used", queue.used.ring[which].bytes, sizeof(random_bytes[which]));
	if (which == 1)
		expect("the same again", memcmp(random_bytes[0], random_bytes[1], sizeof(random_bytes[0])) == 0, 0);
}

static void entropy_polled(void)
{
	unsigned device = virtio_find(ID_ENTROPY);

	start(device);
	for (unsigned i = 0; i < 2; i++) {
		entropy_request(device, i);
		virtio_poll((uint16_t)(i + 1));
		entropy_look(i);
	}
}

/* As old drivers do (3.1.2): two requests before there is a DRIVER_OK, and one after it. */
static void entropy_before_driver_ok(void)
{
	unsigned device = virtio_find(ID_ENTROPY);
	uint64_t status = devices[device].base + VIRTIO_STATUS;

	expect("version", virtio_version(device), 1);
	virtio_prepare(device);
	for (unsigned i = 0; i < 2; i++) {
		entropy_request(device, i);
		virtio_poll((uint16_t)(i + 1));
		entropy_look(i);
		expect("status", mmio_read(status), STATUS_ACKNOWLEDGE | STATUS_DRIVER);
	}
	mmio_write(status, STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_DRIVER_OK);
	entropy_request(device, 0);
	virtio_poll(3);
}

static uint32_t interrupt_status;
static uint64_t interrupting;

/*
 * A KVM without VT-x or SVM takes an interrupt for ended when it is delivered: a line that is still up is told of again. Of one
 * that nobody has sent there is nothing to be told, and it does not count.
 */
static void acknowledge(unsigned vector)
{
	uint32_t status;

	if (vector != VIRTIO_VECTOR)
		return;
	status = mmio_read(interrupting + VIRTIO_INTERRUPT);
	mmio_write(interrupting + VIRTIO_ACK, status);
	if (status)
		interrupt_status = status;
	else
		interrupts[vector]--;
}

static void entropy_by_interrupt(uint32_t flags)
{
	unsigned device = virtio_find(ID_ENTROPY);

	interrupting = devices[device].base;
	interrupts_start();
	on_interrupt = acknowledge;
	ioapic_route(devices[device].irq, VIRTIO_VECTOR | flags);
	start(device);
	for (unsigned i = 0; i < 2; i++) {
		entropy_request(device, i);
		wait_for(VIRTIO_VECTOR, i + 1);
		expect("interrupt status", interrupt_status, 1);
		expect("when acknowledged", mmio_read(interrupting + VIRTIO_INTERRUPT), 0);
		expect("used index", queue.used.index, i + 1);
		entropy_look(i);
	}
}

static void entropy_interrupt(void)
{
	entropy_by_interrupt(0);
}

static void entropy_interrupt_by_level(void)
{
	entropy_by_interrupt(IOAPIC_LEVEL);
}

static struct { uint32_t type, reserved; uint64_t sector; uint8_t data[512], status; } request;

/* Sector 0 is read, or sector 1 written: 5.2.6. */
static void offer_request(unsigned device, bool write)
{
	request.type = request.sector = write;
	request.status = 0xff;
	queue.desc[0] = (struct desc){ (uintptr_t)&request, 16, DESC_NEXT, 1 };
	queue.desc[1] = (struct desc){ (uintptr_t)request.data, 512, write ? DESC_NEXT : DESC_NEXT | DESC_WRITE, 2 };
	queue.desc[2] = (struct desc){ (uintptr_t)&request.status, 1, DESC_WRITE, 0 };
	virtio_offer(device);
}

static void entropy_again_before_eoi(unsigned vector)
{
	static bool again;

	acknowledge(vector);
	if (vector != VIRTIO_VECTOR || again)
		return;
	again = true;
	entropy_request(virtio_find(ID_ENTROPY), 1);
	virtio_poll(2);
}

static void entropy_interrupt_before_eoi(void)
{
	unsigned device = virtio_find(ID_ENTROPY);

	interrupting = devices[device].base;
	interrupts_start();
	on_interrupt = entropy_again_before_eoi;
	ioapic_route(devices[device].irq, VIRTIO_VECTOR | IOAPIC_LEVEL);
	start(device);
	entropy_request(device, 0);
	wait_for(VIRTIO_VECTOR, 2);
	expect("interrupt status", interrupt_status, 1);
	for (unsigned i = 0; i < 100; i++)
		__asm__ volatile("sti; nop; cli");
	expect("interrupts", interrupts[VIRTIO_VECTOR], 2);
}

/* Reads sector 0, and writes it to sector 1. */
static void disk(void)
{
	unsigned device = virtio_find(ID_BLOCK);

	start(device);
	for (unsigned i = 0; i < 2; i++) {
		offer_request(device, i);
		virtio_poll((uint16_t)(i + 1));
		expect("status", request.status, 0);
	}
	printf("disk: %.5s\n", (const char *)request.data);
}

/* As Linux resets: by a store, with whatever is in flight, and no look at the status. */
static void disk_reset(void)
{
	unsigned device = virtio_find(ID_BLOCK), changed = 0;

	for (unsigned i = 0; i < 20; i++) {
		start(device);
		offer_request(device, false);
		mmio_write(devices[device].base + VIRTIO_STATUS, 0);
		memset(request.data, 0x77, sizeof(request.data));
		mmio_write(devices[device].base + VIRTIO_STATUS, STATUS_ACKNOWLEDGE);
		expect("status", mmio_read(devices[device].base + VIRTIO_STATUS), STATUS_ACKNOWLEDGE);
		for (unsigned k = 0; k < sizeof(request.data); k++)
			changed += ((const volatile uint8_t *)request.data)[k] != 0x77;
	}
	expect("bytes that changed after a reset", changed, 0);
	disk();
}

/* What a launch has most of that may fail, for the fault sweep. */
static void all(void)
{
	initrd();
	entropy_polled();
	disk();
}

/* ---- ends ---- */

static void spin(void)
{
	printf("spins\n");
	for (;;)
		__asm__ volatile("pause");
}

/* Nothing will wake it, though anything could. */
static void idle(void)
{
	interrupts_start();
	printf("idles\n");
	wait_for(0x60, 1);
}

static void resets(void)
{
	printf("resets\n");
	reset();
}

/* As a PC's kernel that gives up resets: where firmware begins (SDM 3, 10.1.4), whose code is the same in every mode. */
static void resets_by_firmware(void)
{
	printf("resets\n");
	((void (*)(void))0xffff0)();
}

static void faults_thrice(void)
{
	printf("faults\n");
	triple_fault();
}

const struct way ways[] = {
	{ "registers", registers },
	{ "elf_registers", elf_registers },
	{ "pvh_registers", pvh_registers },
	{ "start_info", start_info },
	{ "selectors", selectors },
	{ "msrs", msrs },
	{ "cpuid", cpuid_leaves },
	{ "zero_page", zero_page_header },
	{ "zero_page_made", zero_page_made },
	{ "zero_page_packed", zero_page_packed },
	{ "e820", e820 },
	{ "stolen-time", stolen_time },
	{ "command_line", command_line },
	{ "initrd", initrd },
	{ "modules", modules },
	{ "acpi", acpi },
	{ "nothing_there", nothing_there },
	{ "serial_polled", serial_polled },
	{ "serial_interrupt", serial_interrupt },
	{ "serial_interrupt_by_level", serial_interrupt_by_level },
	{ "serial_interrupt_before_eoi", serial_interrupt_before_eoi },
	{ "serial_masked", serial_masked },
	{ "timer", timer },
	{ "entropy_polled", entropy_polled },
	{ "entropy_before_driver_ok", entropy_before_driver_ok },
	{ "entropy_interrupt", entropy_interrupt },
	{ "entropy_interrupt_by_level", entropy_interrupt_by_level },
	{ "entropy_interrupt_before_eoi", entropy_interrupt_before_eoi },
	{ "disk", disk },
	{ "disk_reset", disk_reset },
	{ "all", all },
	{ "power_off", power_off },
	{ "reset", resets },
	{ "reset_by_firmware", resets_by_firmware },
	{ "triple_fault", faults_thrice },
	{ "spin", spin },
	{ "idle", idle },
};

const unsigned way_count = sizeof(ways) / sizeof(ways[0]);
