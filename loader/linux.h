/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a Linux kernel finds when it begins by the 64-bit boot protocol (Documentation/arch/x86/boot.rst, 1.14): the zero page.
 */
#ifndef KVICK_LOADER_LINUX_H
#define KVICK_LOADER_LINUX_H

#include <stdint.h>

#include "vmm/guest_mem.h"

struct image;
struct sys;
struct error;

/* RAM behind the kernel for it to work in, besides twice the initrd; and what it gets where nobody says. */
#define LINUX_WORK_BYTES  (64ull << 20)
#define LINUX_USUAL_BYTES (256ull << 20)

struct linux_boot {
	uint64_t zero_page;                        /* page-aligned; the page is fresh */
	uint64_t command_line;                     /* where it lies, with its NUL */
	uint64_t initrd_base, initrd_bytes;        /* 0, 0: none */
	uint64_t rsdp;                             /* ACPI's root pointer */
	uint64_t low_end, hole_end, mem_bytes;     /* RAM: [0, low_end) and [hole_end, mem_bytes) */
};

/*
 * Writes struct boot_params; the header is read from the file once more, and what is in it there is between the file and the
 * kernel. RAM holds it all (asserted). 0 or -errno with `error` set.
 */
int linux_write_zero_page(const struct image *image, struct guest_mem *mem, const struct linux_boot *boot, struct sys *sys,
			  struct error *error);

#endif
