/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ELF files that other people's linkers made, 32-bit and 64-bit: header, program headers, notes, segments, read where they lie in
 * the file. (A native image is read from its head alone, by stricter rules: native.c.) Sections named in comments are those of the
 * System V gABI.
 */
#ifndef KVICK_LOADER_ELF_H
#define KVICK_LOADER_ELF_H

#include <elf.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct error;
struct image;
struct sys;

#define ELF_PHDRS_MAX      32u
#define ELF_NOTES_BYTES_MAX 16384u /* of one PT_NOTE: what a Solo5 manifest takes, and more */

struct elf {
	const struct image *image;
	struct sys *sys;
	struct error *error;
	bool is64;
	Elf64_Ehdr ehdr;               /* a 32-bit file's too: widened */
	Elf64_Phdr phdrs[ELF_PHDRS_MAX];
};

static inline bool elf_magic(const uint8_t *head, size_t head_bytes)
{
	return head_bytes >= SELFMAG && memcmp(head, ELFMAG, SELFMAG) == 0;
}

/* A 32-bit header as a 64-bit one. */
void elf_widen_ehdr(Elf64_Ehdr *wide, const Elf32_Ehdr *narrow);

/*
 * Reads header and program headers of an executable for x86 whose file is open. 0, or -errno with `error` set. `elf` keeps the
 * pointers.
 */
int elf_open(struct elf *elf, const struct image *image, struct sys *sys, struct error *error);

/* Where a note's descriptor lies in the file. */
struct elf_note {
	unsigned phdr;
	uint64_t offset;
	uint32_t bytes;
};

/*
 * The first note of that owner and type. 1: found, 0: there is none, -errno: notes that make no sense come before it. Where
 * `count` is not NULL, all are looked at, and counted.
 */
int elf_find_note(const struct elf *elf, const char *owner, uint32_t type, struct elf_note *note, unsigned *count);

enum elf_address { ELF_VIRTUAL, ELF_PHYSICAL };

/*
 * PT_LOADs into image->segments, image->base and image->end, by p_vaddr or p_paddr, from `lowest` on; sorted, and no two overlap.
 * Permissions are as the file has them: the caller may widen them. 0 or -errno with `error` set.
 */
int elf_segments(const struct elf *elf, struct image *image, enum elf_address address, uint64_t lowest);

/* Is `address` in what the file has of an executable segment? Segments as above. */
bool elf_entry_is_in(const struct image *image, uint64_t address);

#endif
