/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine for a kernel that is entered as a PVH guest (Xen's docs/misc/pvh.pandoc): 32-bit protected mode without paging, EBX at
 * the start info. Behind it is the same PC as behind a Linux kernel.
 */
#include "vmm/boot.h"

#include <errno.h>

#include "loader/linux.h"
#include "loader/pvh.h"
#include "vmm/boot_modules.h"
#include "vmm/boot_pc.h"
#include "vmm/machine.h"
#include "vmm/pc/layout.h"
#include "vmm/pc/pc.h"

static int pvh_plan(struct machine *m)
{
	struct boot_module modules[MACHINE_MODULES_MAX];

	if (!pvh_start_info_fits(modules, modules_list(m, modules)))
		return error_set(&m->error, ERROR_USAGE, E2BIG, "--module: the modules' names and strings do not fit into the "
				 "page that PVH tells of them in: write less after the commas");
	return pc_plan(m, &(struct pc_needs){
		.work_bytes = m->image.kernel.work_bytes,
		.usual_bytes = LINUX_USUAL_BYTES,
		.initrd_end = m->image.kernel.initrd_last + 1ull,
		.files = PC_INITRD_AND_MODULES,
	});
}

static int pvh_tables(struct machine *m)
{
	struct boot_module modules[MACHINE_MODULES_MAX];
	uint64_t bytes;
	int r = modules_load(m);

	if (r == 0)
		r = pc_write_command_line(m, m->image.kernel.command_line_max, PC_COMMAND_LINE_USUAL, &bytes);
	if (r < 0)
		return r;
	pvh_write_start_info(&m->mem, &(struct pvh_boot){
		.start_info = PC_START_INFO,
		.command_line = PC_COMMAND_LINE,
		.modules = modules,
		.module_count = modules_list(m, modules),
		.rsdp = pc_write_firmware(m, PC_CODE_32),
		.low_end = PC_LOW_RAM_END,
		.hole_end = PC_HIGH_RAM,
		.mem_bytes = m->mem.bytes,
	});
	return 0;
}

/* The protocol promises no stack, and some have one at their first instruction all the same. */
static int pvh_start(struct machine *m)
{
	pc_set_firmware_msrs(m);
	vcpu_set_start(&m->vcpu, &(struct vcpu_start){
		.protected_mode = true,
		.rip = m->image.entry,
		.rsp = PC_BOOT_STACK,
		.rbx = PC_START_INFO,
		.gdt = PC_GDT,
		.gdt_bytes = PC_GDT_BYTES,
	});
	return pc_start(m);
}

const struct boot boot_pvh = {
	.pc = true,
	.plan = pvh_plan,
	.tables = pvh_tables,
	.devices = pc_create,
	.undo_devices = pc_destroy,
	.leave_devices = pc_destroy,
	.start = pvh_start,
	.io = pc_io,
	.drain = pc_drain,
	.tick = pc_tick,
};
