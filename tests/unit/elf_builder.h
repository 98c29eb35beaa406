/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds ELF images in memory, for tests: a good one to start from, which a test then spoils or
 * extends by writing to its headers.
 */
#ifndef KVICK_TESTS_ELF_BUILDER_H
#define KVICK_TESTS_ELF_BUILDER_H

#include <elf.h>
#include <stddef.h>
#include <stdint.h>

#include <kvick/note.h>

#define ELF_BUILDER_BYTES_MAX (256 * 1024)
#define ELF_BUILDER_PHDRS_MAX 33 /* one more than kvick reads */

/* Program headers of the good image. */
enum { ELF_PH_HEADERS, ELF_PH_TEXT, ELF_PH_DATA, ELF_PH_NOTE, ELF_PH_STACK, ELF_PH_COUNT };

/* Where its parts are. Data is at another distance from its address than the rest, as linkers do. */
#define ELF_NOTE_OFFSET    0x804 /* so that struct kvick_note is aligned */
#define ELF_TEXT_OFFSET    0x1000
#define ELF_TEXT_BYTES     0x40
#define ELF_TEXT_ADDRESS   0x101000
#define ELF_DATA_OFFSET    0x1040
#define ELF_DATA_BYTES     0x20
#define ELF_DATA_MEM_BYTES 0x2000
#define ELF_DATA_ADDRESS   0x102040
#define ELF_GOOD_BYTES     0x1080 /* the 0x20 bytes after the data are 0xee: no guest may see them */

struct elf_builder {
	size_t bytes; /* of the file so far */
	_Alignas(16) uint8_t file[ELF_BUILDER_BYTES_MAX];
};

struct elf_symbol {
	const char *name;
	uint64_t value;
	uint64_t size;
	unsigned type; /* STT_* */
};

/* A static ET_EXEC with a kvick note and three segments: headers (R), text (RX), data and bss (RW). */
void elf_good(struct elf_builder *b);

/* Turns the good image into a static PIE linked at 0. */
void elf_make_pie(struct elf_builder *b);

Elf64_Ehdr *elf_ehdr(struct elf_builder *b);
Elf64_Phdr *elf_phdr(struct elf_builder *b, unsigned index);
Elf64_Nhdr *elf_nhdr(struct elf_builder *b);
struct kvick_note *elf_note(struct elf_builder *b);

/* Appends a program header; p_align is 4096 for PT_LOAD, else 1. */
Elf64_Phdr *elf_add_phdr(struct elf_builder *b, uint32_t type, uint32_t flags, uint64_t offset, uint64_t vaddr,
			 uint64_t filesz, uint64_t memsz);

/* Appends a note after the others and lets PT_NOTE cover it. name_bytes counts the NUL. */
void elf_add_note(struct elf_builder *b, const char *name, uint32_t name_bytes, uint32_t type, const void *desc,
		  uint32_t desc_bytes);

/* Appends `bytes` bytes of a pattern at the file's end, at a multiple of `align`; returns their offset. */
uint64_t elf_append(struct elf_builder *b, uint64_t bytes, uint64_t align);

/* The pattern: what the byte at an offset of the text, the data and of what elf_append() adds is. */
uint8_t elf_pattern(uint64_t offset);

/* Appends a symbol table, its strings and section headers: 0 none, 1 .symtab, 2 .strtab. */
void elf_add_symbols(struct elf_builder *b, const struct elf_symbol *symbols, size_t count);
Elf64_Shdr *elf_shdr(struct elf_builder *b, unsigned index);

/* The file in a memfd, which the caller closes. */
int elf_memfd(const struct elf_builder *b);

#endif
