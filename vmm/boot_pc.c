/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/boot_pc.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "vmm/boot_modules.h"
#include "vmm/machine.h"
#include "vmm/pagetable.h"
#include "vmm/pc/acpi.h"
#include "vmm/pc/layout.h"
#include "vmm/round.h"

/* SDM 4, 2.1; in no UAPI header. */
#define MSR_MISC_ENABLE   0x1a0u
#define MISC_FAST_STRINGS (1u << 0)
#define MISC_NO_BTS       (1u << 11)
#define MISC_NO_PEBS      (1u << 12)
#define MSR_MTRR_DEF_TYPE 0x2ffu
#define MTRR_ENABLE       (1u << 11)
#define MTRR_WRITE_BACK   6u

/* ---- memory ---- */

static int refuse_what_is_not_for_it(struct machine *m, bool initrd_alone)
{
	const struct machine_config *c = m->config;

	if (initrd_alone && c->module_count > (c->initrd_path ? 1 : 0))
		return modules_refuse(m);
	if (m->config->envc > 0)
		return error_set(&m->error, ERROR_USAGE, EINVAL, "--env %s: a %s guest takes its environment from its command "
				 "line: write it after --", m->config->envp[0], m->image.protocol->name);
	if (m->config->cpu == CPU_NONE)
		return error_set(&m->error, ERROR_USAGE, EINVAL, "--cpu none: a %s guest does not start without CPUID: use --cpu "
				 "host", m->image.protocol->name);
	return 0;
}

/* Where RAM is free behind the image. */
static uint64_t image_top(const struct image *image)
{
	return image->end > PC_HIGH_RAM ? image->end : PC_HIGH_RAM;
}

/* What is used, room to work, and twice the initrd: it is unpacked into RAM. */
static uint64_t bytes_least(uint64_t used, uint64_t work_bytes, uint64_t initrd)
{
	return round_up(used + work_bytes + 2 * initrd, PAGE_2M_BYTES);
}

uint64_t pc_bytes_least(const struct image *image, uint64_t work_bytes)
{
	return bytes_least(image_top(image), work_bytes, 0);
}

/* How much RAM, by --mem or what is usual. */
static int decide_ram(struct machine *m, uint64_t least, uint64_t usual, uint64_t *bytes)
{
	uint64_t asked = m->config->mem_bytes;

	if (least > PC_RAM_END)
		return error_set(&m->error, ERROR_IMAGE, ENOMEM, "%s: with its files it needs %" PRIu64 " MiB of guest RAM, and a "
				 "PC guest has %llu at most: give smaller ones", m->image.path, least >> 20, PC_RAM_END >> 20);
	if (asked && (asked < least || asked > PC_RAM_END))
		return error_set(&m->error, ERROR_IMAGE, ENOMEM, "%s: needs %" PRIu64 " MiB of guest RAM, and takes %llu at most; "
				 "--mem gives %" PRIu64 ": use --mem %" PRIu64 "M", m->image.path, least >> 20, PC_RAM_END >> 20,
				 asked >> 20, (uint64_t)(asked < least ? least : PC_RAM_END) >> 20);
	*bytes = asked ? asked : usual > least ? usual : least;
	return 0;
}

/* As high as RAM and the kernel let it, above `used`. */
static int place_initrd(struct machine *m, uint64_t bytes, uint64_t used, uint64_t end)
{
	if (bytes && (end < bytes || round_down(end - bytes, GUEST_PAGE_BYTES) < used))
		return error_set(&m->error, ERROR_IMAGE, EFBIG, "--initrd: %s: %" PRIu64 " bytes, and this kernel takes it between "
				 "0x%" PRIx64 " and 0x%" PRIx64 ": give a smaller one", m->config->initrd_path, bytes, used, end);
	m->modules[0] = (struct memory_run){ .at = bytes ? round_down(end - bytes, GUEST_PAGE_BYTES) : 0, .bytes = bytes };
	return 0;
}

int pc_plan(struct machine *m, const struct pc_needs *needs)
{
	bool initrd_apart = needs->files != PC_MODULES && m->config->initrd_path;
	uint64_t bytes = 0, initrd = 0, used = image_top(&m->image);
	int r = refuse_what_is_not_for_it(m, needs->files == PC_INITRD);

	if (r == 0 && initrd_apart)
		r = module_size(m, 0, &initrd);
	if (r == 0 && initrd > PC_RAM_END)
		r = error_set(&m->error, ERROR_IMAGE, EFBIG, "--initrd: %s: %" PRIu64 " bytes, and a PC guest has 3 GiB: give a "
			      "smaller one", m->config->initrd_path, initrd);
	if (r == 0)
		r = modules_plan(m, initrd_apart, &used, PC_RAM_END);
	if (r == 0)
		r = decide_ram(m, bytes_least(used, needs->work_bytes, initrd), needs->usual_bytes, &bytes);
	if (r == 0 && initrd_apart)
		r = place_initrd(m, initrd, used, needs->initrd_end < bytes ? needs->initrd_end : bytes);
	if (r < 0)
		return r;
	m->plan = (struct memory_plan){
		.bytes = m->config->pages == GUEST_PAGES_HUGETLBFS ? round_up(bytes, PAGE_2M_BYTES) : bytes,
		.tables_base = PC_TABLES,
		.tables_end = PC_TABLES_END,
	};
	return 0;
}

/* ---- what the kernel reads at its start ---- */

struct command_line {
	char *text;
	uint64_t bytes, max; /* without the NUL */
	bool cut;
};

static void append(struct command_line *line, const char *word)
{
	uint64_t bytes = strlen(word), space = line->bytes > 0;

	line->cut = line->cut || bytes + space > line->max - line->bytes;
	if (line->cut)
		return;
	if (space)
		line->text[line->bytes++] = ' ';
	memcpy(line->text + line->bytes, word, bytes);
	line->bytes += bytes;
}

static void append_devices(struct command_line *line, unsigned count)
{
	char word[64];

	for (unsigned i = 0; i < count; i++) {
		snprintf(word, sizeof(word), "virtio_mmio.device=4K@0x%llx:%u", PC_VIRTIO + i * PC_VIRTIO_BYTES, PC_IRQ_VIRTIO + i);
		append(line, word);
	}
}

static unsigned first_dashes(const struct machine_config *c)
{
	for (unsigned i = 1; i < c->argc; i++)
		if (strcmp(c->argv[i], "--") == 0)
			return i;
	return 0;
}

/*
 * Devices come first, or before the guest's own "--": behind it are words that are no kernel's, and Unikraft takes the very first
 * word for a name. A kernel that understands these words and ACPI finds each device twice, keeps the first and complains of the
 * second.
 */
int pc_write_command_line_at(struct machine *m, uint64_t at, const char *first, uint64_t max, const char *usual, uint64_t *bytes)
{
	const struct machine_config *c = m->config;
	struct command_line line = { .max = max };
	unsigned dashes = first_dashes(c);

	if (line.max > PC_COMMAND_LINE_BYTES - 1)
		line.max = PC_COMMAND_LINE_BYTES - 1;
	line.text = guest_mem_span(&m->mem, gpa(at), PC_COMMAND_LINE_BYTES);
	if (first)
		append(&line, first);
	if (!dashes)
		append_devices(&line, c->devices.count);
	for (unsigned i = 1; i < c->argc; i++) {
		if (i == dashes)
			append_devices(&line, c->devices.count);
		append(&line, c->argv[i]);
	}
	if (c->argc == 1 && usual)
		append(&line, usual);
	*bytes = line.bytes;
	if (line.cut)
		return error_set(&m->error, ERROR_USAGE, E2BIG, "the command line is too long: this kernel takes %" PRIu64
				 " characters: write less after --", line.max);
	return 0;
}

int pc_write_command_line(struct machine *m, uint64_t max, const char *usual, uint64_t *bytes)
{
	return pc_write_command_line_at(m, PC_COMMAND_LINE, NULL, max, usual, bytes);
}

/* boot.rst, 1.14: __BOOT_CS and __BOOT_DS, flat; PVH and multiboot promise no selectors. Kernels take their own GDT soon. */
static void gdt_write(struct machine *m, uint64_t code_descriptor)
{
	const uint64_t gdt[PC_GDT_BYTES / 8] = { [2] = code_descriptor, [3] = 0x00cf93000000ffff };

	guest_mem_write(&m->mem, gpa(PC_GDT), gdt, sizeof(gdt));
}

/*
 * A Linux with EFI in it resets a machine with hardware-reduced ACPI by EFI alone; where there is none, it goes to real mode and
 * jumps to where the firmware begins.
 */
static void reset_vector_write(struct machine *m)
{
	static const uint8_t code[] = {
		0xb0, PC_RESET_VALUE, /* mov $PC_RESET_VALUE, %al */
		0xe6, PC_PORT_RESET,  /* out %al, $PC_PORT_RESET */
		0xf4, 0xeb, 0xfd,     /* hlt; jmp to the hlt */
	};

	guest_mem_write(&m->mem, gpa(PC_RESET_VECTOR), code, sizeof(code));
}

uint64_t pc_write_firmware(struct machine *m, uint64_t code_descriptor)
{
	struct acpi_config config = {
		.vcpus = 1,
		.sleep_port = PC_PORT_SLEEP_CONTROL,
		.reset_port = PC_PORT_RESET,
		.reset_value = PC_RESET_VALUE,
		.device_count = m->config->devices.count,
	};

	for (unsigned i = 0; i < config.device_count; i++)
		config.devices[i] = (struct acpi_device){
			.base = PC_VIRTIO + i * PC_VIRTIO_BYTES, .bytes = PC_VIRTIO_BYTES, .irq = PC_IRQ_VIRTIO + i,
		};
	acpi_write(&m->mem, &config);
	gdt_write(m, code_descriptor);
	reset_vector_write(m);
	return PC_ACPI;
}

/*
 * What firmware does: MTRRs on, all memory write-back (SDM 3, 12.11.2.1); fast strings on (SDM 4, IA32_MISC_ENABLE), without which
 * Linux on Intel copies otherwise, and no BTS and PEBS, as KVM has it. Where KVM refuses some, the guest goes without.
 */
void pc_set_firmware_msrs(struct machine *m)
{
	static const struct kvm_msr_entry entries[] = {
		{ .index = MSR_MTRR_DEF_TYPE, .data = MTRR_ENABLE | MTRR_WRITE_BACK },
		{ .index = MSR_MISC_ENABLE, .data = MISC_FAST_STRINGS | MISC_NO_BTS | MISC_NO_PEBS },
	};

	/* One at a time: KVM stops at the first that it refuses. */
	for (unsigned i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		struct { /* laid out as struct kvm_msrs */
			uint32_t count, padding;
			struct kvm_msr_entry entry;
		} msrs = { .count = 1, .entry = entries[i] };

		sys_ioctl(&m->sys, m->vcpu.fd, KVM_SET_MSRS, (uintptr_t)&msrs);
	}
}
