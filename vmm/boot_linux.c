/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine for a Linux kernel: 64-bit boot protocol (Documentation/arch/x86/boot.rst, 1.14), a PC's interrupts (pc/pc.h),
 * devices by ACPI and on the command line.
 */
#include "vmm/boot.h"

#include "loader/linux.h"
#include "vmm/boot_modules.h"
#include "vmm/boot_pc.h"
#include "vmm/machine.h"
#include "vmm/pagetable.h"
#include "vmm/pc/layout.h"
#include "vmm/pc/pc.h"

/* The kernel lies where it wants to, the initrd as high as it may, and all of RAM below the PC's devices. */
static int linux_plan(struct machine *m)
{
	return pc_plan(m, &(struct pc_needs){
		.work_bytes = m->image.kernel.work_bytes,
		.usual_bytes = LINUX_USUAL_BYTES,
		.initrd_end = m->image.kernel.initrd_last + 1ull,
	});
}

static int linux_tables(struct machine *m)
{
	struct table_pool pool = { .next = PC_TABLES, .end = PC_TABLES_END };
	const struct mapping ram = { .at = 0, .bytes = m->mem.bytes, .flags = PTE_WRITE };
	uint64_t bytes;
	int r = modules_load(m);

	if (r == 0)
		r = pc_write_command_line(m, m->image.kernel.command_line_max, PC_COMMAND_LINE_USUAL, &bytes);
	if (r < 0)
		return r;
	m->pgd = pagetable_build(&m->mem, &pool, &ram, 1);
	return linux_write_zero_page(&m->image, &m->mem, &(struct linux_boot){
		.zero_page = PC_ZERO_PAGE,
		.command_line = PC_COMMAND_LINE,
		.initrd_base = m->modules[0].at,
		.initrd_bytes = m->modules[0].bytes,
		.rsdp = pc_write_firmware(m, PC_CODE_64),
		.low_end = PC_LOW_RAM_END,
		.hole_end = PC_HIGH_RAM,
		.mem_bytes = m->mem.bytes,
	}, &m->sys, &m->error);
}

static int linux_start(struct machine *m)
{
	pc_set_firmware_msrs(m);
	vcpu_set_start(&m->vcpu, &(struct vcpu_start){
		.pgd = m->pgd,
		.rip = m->image.entry,
		.rsp = PC_BOOT_STACK,
		.rsi = PC_ZERO_PAGE,
		.gdt = PC_GDT,
		.gdt_bytes = PC_GDT_BYTES,
	});
	return pc_start(m);
}

const struct boot boot_linux = {
	.pc = true,
	.plan = linux_plan,
	.tables = linux_tables,
	.devices = pc_create,
	.undo_devices = pc_destroy,
	.leave_devices = pc_destroy,
	.start = linux_start,
	.io = pc_io,
	.drain = pc_drain,
	.tick = pc_tick,
};
