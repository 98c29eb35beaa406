/* SPDX-License-Identifier: Apache-2.0 */
/* Good multiboot 1 images of each kind, in an ELF builder's buffer: for tests to spoil, and for fuzzing to begin with. */
#ifndef KVICK_TESTS_MULTIBOOT_BUILDER_H
#define KVICK_TESTS_MULTIBOOT_BUILDER_H

#include <string.h>

#include "loader/multiboot.h"
#include "tests/unit/elf_builder.h"

#define MAGIC        0x1badb002u
#define HEADER_AT    0x800u    /* in the file */
#define ADDRESS      0x100000u /* of what is no ELF file */
#define BEFORE_BYTES 0x100u    /* of its file that are not loaded */
#define KLUDGE_BYTES 0x3000u

struct header {
	uint32_t magic, flags, checksum, header_addr, load_addr, load_end_addr, bss_end_addr, entry_addr;
};

static inline struct header *multiboot_header(struct elf_builder *b)
{
	return (struct header *)(b->file + HEADER_AT);
}

static inline void multiboot_set_flags(struct elf_builder *b, uint32_t flags)
{
	multiboot_header(b)->flags = flags;
	multiboot_header(b)->checksum = -(MAGIC + flags);
}

static inline void multiboot_put_header(struct elf_builder *b, uint32_t flags)
{
	*multiboot_header(b) = (struct header){ .magic = MAGIC };
	multiboot_set_flags(b, flags);
}

/* The good native one, with a header where its note is. */
static inline void multiboot_elf64(struct elf_builder *b)
{
	elf_good(b);
	elf_phdr(b, ELF_PH_NOTE)->p_type = PT_NULL;
	multiboot_put_header(b, 0x3);
}

static inline Elf32_Ehdr *multiboot_ehdr32(struct elf_builder *b)
{
	return (Elf32_Ehdr *)b->file;
}

static inline Elf32_Phdr *multiboot_phdr32(struct elf_builder *b, unsigned i)
{
	return (Elf32_Phdr *)(b->file + sizeof(Elf32_Ehdr)) + i;
}

/* Its text and data alone. */
static inline void multiboot_elf32(struct elf_builder *b)
{
	elf_good(b);
	memset(b->file, 0, 0x1000);
	*multiboot_ehdr32(b) = (Elf32_Ehdr){
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS32, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_EXEC, .e_machine = EM_386, .e_version = EV_CURRENT, .e_entry = ELF_TEXT_ADDRESS + 4,
		.e_phoff = sizeof(Elf32_Ehdr), .e_ehsize = sizeof(Elf32_Ehdr), .e_phentsize = sizeof(Elf32_Phdr), .e_phnum = 2,
	};
	*multiboot_phdr32(b, 0) = (Elf32_Phdr){
		.p_type = PT_LOAD, .p_offset = ELF_TEXT_OFFSET, .p_vaddr = ELF_TEXT_ADDRESS, .p_paddr = ELF_TEXT_ADDRESS,
		.p_filesz = ELF_TEXT_BYTES, .p_memsz = ELF_TEXT_BYTES, .p_flags = PF_R | PF_X, .p_align = 4096,
	};
	*multiboot_phdr32(b, 1) = (Elf32_Phdr){
		.p_type = PT_LOAD, .p_offset = ELF_DATA_OFFSET, .p_vaddr = ELF_DATA_ADDRESS, .p_paddr = ELF_DATA_ADDRESS,
		.p_filesz = ELF_DATA_BYTES, .p_memsz = ELF_DATA_MEM_BYTES, .p_flags = PF_R | PF_W, .p_align = 4096,
	};
	multiboot_put_header(b, 0x3);
}

/* No ELF file: its header says where it goes. */
static inline void multiboot_kludge(struct elf_builder *b)
{
	b->bytes = 0;
	elf_append(b, KLUDGE_BYTES, 1);
	multiboot_put_header(b, MULTIBOOT_ADDRESSES | 0x3);
	multiboot_header(b)->header_addr = ADDRESS + HEADER_AT - BEFORE_BYTES;
	multiboot_header(b)->load_addr = ADDRESS;
	multiboot_header(b)->load_end_addr = ADDRESS + 0x2000;
	multiboot_header(b)->bss_end_addr = ADDRESS + 0x5001;
	multiboot_header(b)->entry_addr = ADDRESS + HEADER_AT;
}

#endif
