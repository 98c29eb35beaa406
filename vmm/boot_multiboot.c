/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine for a multiboot 1 kernel (Multiboot Specification 0.6.96, 3.2): 32-bit protected mode without paging, a PC (pc/pc.h).
 *
 * What the kernel is told lies in low RAM where nothing of the image is, in one block: a page of stack, which the protocol does not
 * promise, the information structure, the command line.
 */
#include "vmm/boot.h"

#include <errno.h>
#include <inttypes.h>

#include "loader/multiboot.h"
#include "vmm/boot_modules.h"
#include "vmm/boot_pc.h"
#include "vmm/machine.h"
#include "vmm/pc/layout.h"
#include "vmm/pc/pc.h"
#include "vmm/round.h"

#define STACK_BYTES GUEST_PAGE_BYTES
#define INFO_BYTES  0x4000ull /* at most */
#define BLOCK_BYTES (STACK_BYTES + INFO_BYTES + PC_COMMAND_LINE_BYTES)
#define BLOCK_LOWEST GUEST_PAGE_BYTES

/* Where the block begins: as high as the image lets it. 0: it leaves no room. */
static uint64_t block(const struct image *image)
{
	uint64_t top = round_down(PC_LOW_RAM_END, GUEST_PAGE_BYTES);

	for (unsigned i = image->segment_count; i-- > 0;) {
		const struct segment *s = &image->segments[i];

		if (s->gpa >= top)
			continue;
		if (s->gpa + s->mem_bytes + BLOCK_BYTES <= top)
			break;
		top = round_down(s->gpa, GUEST_PAGE_BYTES);
	}
	return top >= BLOCK_LOWEST + BLOCK_BYTES ? top - BLOCK_BYTES : 0;
}

static int multiboot_plan(struct machine *m)
{
	struct boot_module modules[MACHINE_MODULES_MAX];
	uint64_t bytes = multiboot_info_bytes(modules, modules_list(m, modules));

	if (bytes > INFO_BYTES)
		return error_set(&m->error, ERROR_USAGE, E2BIG, "--module: the modules' names and strings take %" PRIu64 " bytes, "
				 "and there is room for %llu: write less after the commas", bytes, INFO_BYTES);
	if (!block(&m->image))
		return error_set(&m->error, ERROR_IMAGE, ENOMEM, "%s: leaves no %llu KiB below 0x%llx for the command line and "
				 "what else multiboot tells: link it higher", m->image.path, BLOCK_BYTES >> 10, PC_LOW_RAM_END);
	return pc_plan(m, &(struct pc_needs){
		.work_bytes = MULTIBOOT_WORK_BYTES,
		.usual_bytes = MULTIBOOT_USUAL_BYTES,
		.files = PC_MODULES,
	});
}

static int multiboot_tables(struct machine *m)
{
	struct boot_module modules[MACHINE_MODULES_MAX];
	uint64_t info = block(&m->image) + STACK_BYTES, command_line = info + INFO_BYTES, bytes;
	int r = modules_load(m);

	if (r == 0)
		r = pc_write_command_line_at(m, command_line, m->config->argv[0], UINT64_MAX, NULL, &bytes);
	if (r < 0)
		return r;
	multiboot_write_info(&m->mem, &(struct multiboot_boot){
		.info = info,
		.command_line = command_line,
		.modules = modules,
		.module_count = modules_list(m, modules),
		.low_end = PC_LOW_RAM_END,
		.low_top = PC_VIDEO,
		.rom = PC_ACPI,
		.rom_end = PC_HIGH_RAM,
		.mem_bytes = m->mem.bytes,
	});
	pc_write_firmware(m, PC_CODE_32);
	return 0;
}

static int multiboot_start(struct machine *m)
{
	uint64_t info = block(&m->image) + STACK_BYTES;

	pc_set_firmware_msrs(m);
	vcpu_set_start(&m->vcpu, &(struct vcpu_start){
		.protected_mode = true,
		.rip = m->image.entry,
		.rsp = info,
		.rax = MULTIBOOT_EAX,
		.rbx = info,
		.gdt = PC_GDT,
		.gdt_bytes = PC_GDT_BYTES,
	});
	return pc_start(m);
}

/* Where those that were tried on QEMU end: its debug exit, at the two ports that are usual. */
static const struct pc_config config = { .exit_count = 2, .exits = { { .port = 0xf4 }, { .port = 0x501 } } };

const struct boot boot_multiboot = {
	.pc = true,
	.pc_config = &config,
	.plan = multiboot_plan,
	.tables = multiboot_tables,
	.devices = pc_create,
	.undo_devices = pc_destroy,
	.leave_devices = pc_destroy,
	.start = multiboot_start,
	.io = pc_io,
	.drain = pc_drain,
	.tick = pc_tick,
};
