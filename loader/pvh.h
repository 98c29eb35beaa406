/* SPDX-License-Identifier: Apache-2.0 */
/* What a kernel finds that is entered as a PVH guest: Xen's docs/misc/pvh.pandoc, and <xen/arch-x86/hvm/start_info.h>. */
#ifndef KVICK_LOADER_PVH_H
#define KVICK_LOADER_PVH_H

#include <stdbool.h>
#include <stdint.h>

#include "loader/module.h"
#include "vmm/guest_mem.h"

struct pvh_boot {
	uint64_t start_info;                       /* page-aligned; the page is fresh */
	uint64_t command_line;                     /* where it lies, with its NUL */
	const struct boot_module *modules;         /* the initrd is the first */
	unsigned module_count;
	uint64_t rsdp;                             /* ACPI's root pointer */
	uint64_t low_end, hole_end, mem_bytes;     /* RAM: [0, low_end) and [hole_end, mem_bytes) */
};

/* Have the start info and all that it points at room in a page? (Where the modules lie does not matter.) */
bool pvh_start_info_fits(const struct boot_module *modules, unsigned count);

/* Writes the start info, and behind it what it points at. RAM holds the page, which holds it all (asserted). */
void pvh_write_start_info(struct guest_mem *mem, const struct pvh_boot *boot);

#endif
