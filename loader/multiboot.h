/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a kernel finds that is started by multiboot 1 (Multiboot Specification 0.6.96, 3.3): the information structure, with what it
 * points to. No UAPI header has these.
 */
#ifndef KVICK_LOADER_MULTIBOOT_H
#define KVICK_LOADER_MULTIBOOT_H

#include <stddef.h>
#include <stdint.h>

#include "loader/module.h"
#include "vmm/guest_mem.h"

/* 3.1.2: of the header. */
#define MULTIBOOT_PAGE_ALIGN (1u << 0)  /* modules begin pages: they always do */
#define MULTIBOOT_MEMORY     (1u << 1)  /* mem_* and mmap_*: they are always there */
#define MULTIBOOT_VIDEO      (1u << 2)  /* a video mode: there is none, and the information structure says so */
#define MULTIBOOT_ADDRESSES  (1u << 16) /* the header says where the image goes: the "a.out kludge" */

/* 3.2 */
#define MULTIBOOT_EAX 0x2badb002u

/* 3.3 */
#define MULTIBOOT_INFO_MEMORY  (1u << 0)
#define MULTIBOOT_INFO_CMDLINE (1u << 2)
#define MULTIBOOT_INFO_MODS    (1u << 3)
#define MULTIBOOT_INFO_MMAP    (1u << 6)
#define MULTIBOOT_INFO_LOADER  (1u << 9)

struct multiboot_info {
	uint32_t flags;
	uint32_t mem_lower, mem_upper; /* KiB, from 0 and from 1 MiB on */
	uint32_t boot_device;
	uint32_t cmdline;
	uint32_t mods_count, mods_addr;
	uint32_t syms[4];
	uint32_t mmap_length, mmap_addr;
	uint32_t drives_length, drives_addr;
	uint32_t config_table;
	uint32_t boot_loader_name;
	uint32_t apm_table;
	uint32_t vbe[4];
	uint32_t framebuffer[7];
};

struct multiboot_mmap {
	uint32_t size; /* of what follows */
	uint64_t addr, len;
	uint32_t type; /* as e820's */
} __attribute__((packed));

struct multiboot_mod {
	uint32_t mod_start, mod_end; /* [start, end) */
	uint32_t string;
	uint32_t reserved;
};

_Static_assert(sizeof(struct multiboot_info) == 116, "3.3, with its framebuffer");
_Static_assert(offsetof(struct multiboot_info, mmap_length) == 44, "3.3");
_Static_assert(offsetof(struct multiboot_info, boot_loader_name) == 64, "3.3");
_Static_assert(offsetof(struct multiboot_info, framebuffer) == 88, "3.3");
_Static_assert(sizeof(struct multiboot_mmap) == 24 && sizeof(struct multiboot_mod) == 16, "3.3");

/* RAM behind image and modules, and what a guest gets where nobody says. */
#define MULTIBOOT_WORK_BYTES  (1ull << 20)
#define MULTIBOOT_USUAL_BYTES (128ull << 20)

struct multiboot_boot {
	uint64_t info;                         /* page-aligned; multiboot_info_bytes() of fresh RAM below 4 GiB */
	uint64_t command_line;                 /* where it lies, with its NUL */
	const struct boot_module *modules;
	unsigned module_count;
	/* RAM: [0, low_end) and [rom_end, mem_bytes); nothing: [low_top, rom) */
	uint64_t low_end, low_top, rom, rom_end, mem_bytes;
};

/* The structure, and what it points to but for the command line and the modules themselves. */
uint64_t multiboot_info_bytes(const struct boot_module *modules, unsigned count);

/* RAM holds it all (asserted). */
void multiboot_write_info(const struct guest_mem *mem, const struct multiboot_boot *boot);

#endif
