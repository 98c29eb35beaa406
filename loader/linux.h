/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a Linux kernel finds when it begins by the 64-bit boot protocol (Documentation/arch/x86/boot.rst, 1.14): the zero page.
 */
#ifndef KVICK_LOADER_LINUX_H
#define KVICK_LOADER_LINUX_H

#include <stddef.h>
#include <stdint.h>

#include "vmm/guest_mem.h"

struct image;
struct sys;
struct error;

/* RAM behind a Linux to work in, besides twice the initrd; behind what may be anything; and what it gets where nobody says. */
#define LINUX_WORK_BYTES  (64ull << 20)
#define KERNEL_WORK_BYTES (1ull << 20)
#define LINUX_USUAL_BYTES (256ull << 20)

/* A kernel begins at or above it. */
#define KERNEL_LOWEST           0x100000ull
/* What Linux takes, and so what those that are no Linux may have been tried with. */
#define KERNEL_COMMAND_LINE_MAX 2047u

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

/*
 * A bzImage's header, checked, into image->kernel, and the compressed kernel as its one segment. Where kvick can unpack that
 * (payload.h), the image is the ELF file inside afterwards, and has no segments yet: 1. Else 0, or -errno with `error` set.
 */
int linux_open_bzimage(struct image *image, const uint8_t *head, size_t head_bytes, struct sys *sys, struct error *error);

/* ---- linux_elf.c: kernels as ELF files, entered where they say, by their physical addresses ---- */

struct elf;

/* Why that is one, in words that follow its name, or NULL: an ordinary program, as far as can be seen. */
const char *linux_elf_probe(const struct image *image, struct sys *sys);

/* Segments and entry. 0 or -errno with `error` set. */
int linux_elf_parse(struct image *image, struct sys *sys, struct error *error);

/* Segments by p_paddr, for the guest to do anything with: RAM is all it knows. 0 or -errno. */
int kernel_segments(const struct elf *elf, struct image *image);

#endif
