/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernels as ELF files that are entered by Linux's 64-bit boot protocol: vmlinux, and what others build for Firecracker. Segments
 * go to their p_paddr, and e_entry is physical too.
 */
#include <inttypes.h>

#include "loader/elf.h"
#include "loader/image.h"
#include "loader/linux.h"
#include "loader/refuse.h"
#include "vmm/error.h"
#include "vmm/round.h"

#define KERNEL_HALF    0xffff800000000000ull
#define PROGRAMS_BEGIN 0x400000ull /* linkers put a program that cannot be moved there, and one that can at 0 */
#define SCAN_BYTES     4096u
#define HDRS           "HdrS"
#define HDRS_BYTES     (sizeof(HDRS) - 1)

int kernel_segments(const struct elf *elf, struct image *image)
{
	int r = elf_segments(elf, image, ELF_PHYSICAL, KERNEL_LOWEST);

	for (unsigned i = 0; r == 0 && i < image->segment_count; i++)
		image->segments[i].perms = SEGMENT_R | SEGMENT_W | SEGMENT_X;
	return r;
}

int linux_elf_parse(struct image *image, struct sys *sys, struct error *error)
{
	struct elf elf;
	int r = elf_open(&elf, image, sys, error);

	if (r == 0 && (!elf.is64 || elf.ehdr.e_machine != EM_X86_64))
		return image_refuse(image->path, error, "EI_CLASS %u, e_machine %u: Linux's 64-bit boot protocol enters 64-bit "
				    "kernels: rebuild it for x86-64", elf.ehdr.e_ident[EI_CLASS], elf.ehdr.e_machine);
	if (r == 0)
		r = kernel_segments(&elf, image);
	if (r < 0)
		return r;
	image->entry = elf.ehdr.e_entry;
	if (!elf_entry_is_in(image, image->entry))
		return image_refuse(image->path, error, "e_entry 0x%" PRIx64 ": in no segment's file bytes, by p_paddr: rebuild "
				    "the image with a physical entry", image->entry);
	return 0;
}

/* ---- is it one? ---- */

/*
 * Kernels compare what they find in the zero page to "HdrS": the constant is in their text. An immediate operand may lie across
 * two reads.
 */
static bool looks_for_header(const struct image *image, const Elf64_Phdr *text, struct sys *sys)
{
	uint8_t bytes[HDRS_BYTES + SCAN_BYTES] = { 0 };
	struct error error = { 0 };
	uint64_t left = text->p_filesz < PROGRAMS_BEGIN ? text->p_filesz : PROGRAMS_BEGIN;

	for (uint64_t at = text->p_offset; left; ) {
		size_t some = left < SCAN_BYTES ? (size_t)left : SCAN_BYTES;

		if (image_read(image, at, bytes + HDRS_BYTES, some, sys, &error) < 0)
			return false;
		if (memmem(bytes, HDRS_BYTES + some, HDRS, HDRS_BYTES))
			return true;
		memcpy(bytes, bytes + some, HDRS_BYTES);
		at += some;
		left -= some;
	}
	return false;
}

const char *linux_elf_probe(const struct image *image, struct sys *sys)
{
	bool in_kernels_half = false, physical = false, low = false, looks = false;
	struct error error = { 0 };
	struct elf elf;

	if (elf_open(&elf, image, sys, &error) < 0 || !elf.is64 || elf.ehdr.e_machine != EM_X86_64)
		return NULL;
	for (unsigned i = 0; i < elf.ehdr.e_phnum; i++) {
		const Elf64_Phdr *phdr = &elf.phdrs[i];

		if (phdr->p_type != PT_LOAD || phdr->p_memsz == 0)
			continue;
		if (phdr->p_paddr < KERNEL_LOWEST)
			return NULL;
		in_kernels_half |= phdr->p_vaddr >= KERNEL_HALF;
		physical |= phdr->p_paddr != phdr->p_vaddr;
		low |= phdr->p_vaddr < PROGRAMS_BEGIN;
	}
	if (in_kernels_half)
		return "is an ELF file with addresses in the kernel's half";
	if (physical)
		return "is an ELF file with physical addresses of its own";
	for (unsigned i = 0; low && !looks && i < elf.ehdr.e_phnum; i++)
		looks = elf.phdrs[i].p_type == PT_LOAD && elf.phdrs[i].p_flags & PF_X &&
			looks_for_header(image, &elf.phdrs[i], sys);
	return looks ? "begins where programs do not, and looks for a Linux boot header, \"HdrS\"" : NULL;
}
