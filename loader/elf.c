/* SPDX-License-Identifier: Apache-2.0 */
#include "loader/elf.h"

#include <inttypes.h>
#include <string.h>

#include "loader/image.h"
#include "loader/refuse.h"
#include "vmm/guest_mem.h"
#include "vmm/round.h"

/* What was unpacked of a bzImage is not what its user sees: says so. */
#define refuse(elf, text, ...) \
	image_refuse((elf)->image->path, (elf)->error, "%s" text, (elf)->image->unpacked ? "payload: " : "", ##__VA_ARGS__)

/* Does [offset, offset + bytes) lie within `limit`? No sum may wrap. */
static bool within(uint64_t offset, uint64_t bytes, uint64_t limit)
{
	return offset <= limit && bytes <= limit - offset;
}

static int read_at(const struct elf *elf, uint64_t offset, void *into, size_t bytes)
{
	return image_read(elf->image, offset, into, bytes, elf->sys, elf->error);
}

/* The two classes differ in widths and, in a program header, in the order of fields. */
void elf_widen_ehdr(Elf64_Ehdr *wide, const Elf32_Ehdr *narrow)
{
	memcpy(wide->e_ident, narrow->e_ident, EI_NIDENT);
	wide->e_type = narrow->e_type;
	wide->e_machine = narrow->e_machine;
	wide->e_version = narrow->e_version;
	wide->e_entry = narrow->e_entry;
	wide->e_phoff = narrow->e_phoff;
	wide->e_shoff = narrow->e_shoff;
	wide->e_flags = narrow->e_flags;
	wide->e_ehsize = narrow->e_ehsize;
	wide->e_phentsize = narrow->e_phentsize;
	wide->e_phnum = narrow->e_phnum;
	wide->e_shentsize = narrow->e_shentsize;
	wide->e_shnum = narrow->e_shnum;
	wide->e_shstrndx = narrow->e_shstrndx;
}

static void widen_phdr(Elf64_Phdr *wide, const Elf32_Phdr *narrow)
{
	*wide = (Elf64_Phdr){
		.p_type = narrow->p_type,
		.p_flags = narrow->p_flags,
		.p_offset = narrow->p_offset,
		.p_vaddr = narrow->p_vaddr,
		.p_paddr = narrow->p_paddr,
		.p_filesz = narrow->p_filesz,
		.p_memsz = narrow->p_memsz,
		.p_align = narrow->p_align,
	};
}

static int read_ehdr(struct elf *elf)
{
	union {
		Elf32_Ehdr narrow;
		Elf64_Ehdr wide;
	} header = { 0 };
	const unsigned char *ident = header.wide.e_ident;
	uint64_t in_file = elf->image->file_bytes;
	size_t bytes;
	int r = read_at(elf, 0, &header, in_file < sizeof(header) ? (size_t)in_file : sizeof(header));

	if (r < 0)
		return r;
	if (!elf_magic(ident, sizeof(header)))
		return refuse(elf, "starts with %02x %02x %02x %02x: not an ELF file (7f 45 4c 46): rebuild the image",
			      ident[EI_MAG0], ident[EI_MAG1], ident[EI_MAG2], ident[EI_MAG3]);
	elf->is64 = ident[EI_CLASS] == ELFCLASS64;
	bytes = elf->is64 ? sizeof(header.wide) : sizeof(header.narrow);
	if (in_file < bytes)
		return refuse(elf, "is cut short: %" PRIu64 " bytes, and the ELF header has %zu: rebuild or copy it again", in_file,
			      bytes);
	if (!elf->is64 && ident[EI_CLASS] != ELFCLASS32)
		return refuse(elf, "EI_CLASS %u: must be 1 (32-bit) or 2 (64-bit): rebuild the image", ident[EI_CLASS]);
	if (ident[EI_DATA] != ELFDATA2LSB)
		return refuse(elf, "EI_DATA %u: kvick runs little-endian x86 images: rebuild it for x86", ident[EI_DATA]);
	if (elf->is64)
		elf->ehdr = header.wide;
	else
		elf_widen_ehdr(&elf->ehdr, &header.narrow);
	if (elf->ehdr.e_machine != EM_X86_64 && elf->ehdr.e_machine != EM_386)
		return refuse(elf, "e_machine %u: kvick runs x86 images: rebuild it for x86-64", elf->ehdr.e_machine);
	if (elf->ehdr.e_type != ET_EXEC && elf->ehdr.e_type != ET_DYN)
		return refuse(elf, "e_type %u: must be 2, ET_EXEC: link it", elf->ehdr.e_type);
	return 0;
}

static int read_phdrs(struct elf *elf)
{
	const Elf64_Ehdr *ehdr = &elf->ehdr;
	size_t each = elf->is64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
	Elf32_Phdr narrow[ELF_PHDRS_MAX];
	int r;

	if (ehdr->e_phnum == 0 || ehdr->e_phnum > ELF_PHDRS_MAX)
		return refuse(elf, "e_phnum %u: kvick reads 1 to %u program headers: link it with as many", ehdr->e_phnum,
			      ELF_PHDRS_MAX);
	if (ehdr->e_phentsize != each)
		return refuse(elf, "e_phentsize %u: must be %zu: rebuild the image", ehdr->e_phentsize, each);
	if (!within(ehdr->e_phoff, ehdr->e_phnum * each, elf->image->file_bytes))
		return refuse(elf, "e_phoff 0x%" PRIx64 ": %u program headers end beyond the file's %" PRIu64 " bytes: it is cut "
			      "short: rebuild or copy it again", ehdr->e_phoff, ehdr->e_phnum, elf->image->file_bytes);
	r = read_at(elf, ehdr->e_phoff, elf->is64 ? (void *)elf->phdrs : narrow, ehdr->e_phnum * each);
	for (unsigned i = 0; r == 0 && !elf->is64 && i < ehdr->e_phnum; i++)
		widen_phdr(&elf->phdrs[i], &narrow[i]);
	return r;
}

int elf_open(struct elf *elf, const struct image *image, struct sys *sys, struct error *error)
{
	int r;

	elf->image = image;
	elf->sys = sys;
	elf->error = error;
	r = read_ehdr(elf);
	return r < 0 ? r : read_phdrs(elf);
}

/* ---- notes: gABI, "Note Section"; words of 4 bytes in both classes, padded to p_align, 4 or 8 ---- */

struct wanted {
	const char *owner;
	uint32_t type;
	struct elf_note *note;
	unsigned count;
};

static int walk_notes(const struct elf *elf, unsigned phdr, const uint8_t *notes, uint64_t bytes, struct wanted *wanted)
{
	uint64_t align = elf->phdrs[phdr].p_align == 8 ? 8 : 4;
	uint64_t at = 0;

	while (at < bytes) {
		Elf64_Nhdr header;
		uint64_t name, desc;

		if (!within(at, sizeof(header), bytes))
			return refuse(elf, "program header %u: note at 0x%" PRIx64 " is cut short: p_filesz leaves %" PRIu64
				      " bytes for its header: rebuild the image", phdr, at, bytes - at);
		memcpy(&header, notes + at, sizeof(header));
		/* 32-bit sizes in 64-bit sums: nothing wraps. */
		name = at + sizeof(header);
		desc = round_up(name + header.n_namesz, align);
		if (!within(desc, header.n_descsz, bytes))
			return refuse(elf, "program header %u: note at 0x%" PRIx64 ": n_namesz %" PRIu32 " and n_descsz %" PRIu32
				      " go beyond p_filesz 0x%" PRIx64 ": rebuild the image", phdr, at, header.n_namesz,
				      header.n_descsz, elf->phdrs[phdr].p_filesz);
		if (header.n_type == wanted->type && header.n_namesz == strlen(wanted->owner) + 1 &&
		    memcmp(notes + name, wanted->owner, header.n_namesz) == 0 && wanted->count++ == 0)
			*wanted->note = (struct elf_note){
				.phdr = phdr, .offset = elf->phdrs[phdr].p_offset + desc, .bytes = header.n_descsz,
			};
		at = round_up(desc + header.n_descsz, align);
	}
	return 0;
}

/* What has been read of the file: notes lie together, and are read at one go. */
struct window {
	uint64_t from, end;
	uint8_t bytes[ELF_NOTES_BYTES_MAX];
};

static int check_notes(const struct elf *elf, unsigned i)
{
	const Elf64_Phdr *phdr = &elf->phdrs[i];

	if (!within(phdr->p_offset, phdr->p_filesz, elf->image->file_bytes))
		return refuse(elf, "program header %u (PT_NOTE): p_offset 0x%" PRIx64 " + p_filesz 0x%" PRIx64 " is beyond the "
			      "file's %" PRIu64 " bytes: it is cut short: rebuild or copy it again", i, phdr->p_offset,
			      phdr->p_filesz, elf->image->file_bytes);
	if (phdr->p_filesz > ELF_NOTES_BYTES_MAX)
		return refuse(elf, "program header %u (PT_NOTE): p_filesz 0x%" PRIx64 ": kvick reads notes of up to %u bytes: link "
			      "it with fewer", i, phdr->p_filesz, ELF_NOTES_BYTES_MAX);
	return 0;
}

/* The notes of program header i, and with them those of later ones that lie near. */
static int read_notes(const struct elf *elf, unsigned i, struct window *window)
{
	window->from = elf->phdrs[i].p_offset;
	window->end = window->from + elf->phdrs[i].p_filesz;
	for (unsigned k = i + 1; k < elf->ehdr.e_phnum; k++) {
		const Elf64_Phdr *phdr = &elf->phdrs[k];
		uint64_t from = phdr->p_offset < window->from ? phdr->p_offset : window->from;
		uint64_t end = phdr->p_offset + phdr->p_filesz > window->end ? phdr->p_offset + phdr->p_filesz : window->end;

		if (phdr->p_type != PT_NOTE || !within(phdr->p_offset, phdr->p_filesz, elf->image->file_bytes) ||
		    end - from > sizeof(window->bytes))
			continue;
		window->from = from;
		window->end = end;
	}
	return read_at(elf, window->from, window->bytes, window->end - window->from);
}

int elf_find_note(const struct elf *elf, const char *owner, uint32_t type, struct elf_note *note, unsigned *count)
{
	struct wanted wanted = { .owner = owner, .type = type, .note = note };
	struct window window;

	window.from = window.end = 0;
	for (unsigned i = 0; i < elf->ehdr.e_phnum && (count || !wanted.count); i++) {
		const Elf64_Phdr *phdr = &elf->phdrs[i];
		int r;

		if (phdr->p_type != PT_NOTE || phdr->p_filesz == 0)
			continue;
		r = check_notes(elf, i);
		if (r == 0 && (phdr->p_offset < window.from || phdr->p_offset + phdr->p_filesz > window.end))
			r = read_notes(elf, i, &window);
		if (r == 0)
			r = walk_notes(elf, i, window.bytes + (phdr->p_offset - window.from), phdr->p_filesz, &wanted);
		if (r < 0)
			return r;
	}
	if (count)
		*count = wanted.count;
	return wanted.count > 0;
}

/* ---- segments: gABI, "Program Header" ---- */

static int check_load(const struct elf *elf, unsigned i, const char *field, uint64_t at, uint64_t lowest)
{
	const Elf64_Phdr *phdr = &elf->phdrs[i];

	if (phdr->p_filesz > phdr->p_memsz)
		return refuse(elf, "program header %u: p_filesz 0x%" PRIx64 " > p_memsz 0x%" PRIx64 ": rebuild the image", i,
			      phdr->p_filesz, phdr->p_memsz);
	if (phdr->p_filesz && !within(phdr->p_offset, phdr->p_filesz, elf->image->file_bytes))
		return refuse(elf, "program header %u: p_offset 0x%" PRIx64 " + p_filesz 0x%" PRIx64 " is beyond the file's "
			      "%" PRIu64 " bytes: it is cut short: rebuild or copy it again", i, phdr->p_offset, phdr->p_filesz,
			      elf->image->file_bytes);
	if (at < lowest)
		return refuse(elf, "program header %u: %s 0x%" PRIx64 ": below 0x%" PRIx64 ", where the machine has things of its "
			      "own: link it higher", i, field, at, lowest);
	if (!within(at, phdr->p_memsz, GUEST_MEM_BYTES_MAX))
		return refuse(elf, "program header %u: %s 0x%" PRIx64 " + p_memsz 0x%" PRIx64 " is beyond 0x%llx, the end of the "
			      "largest guest: link it lower", i, field, at, phdr->p_memsz, GUEST_MEM_BYTES_MAX);
	return 0;
}

/* Keeps the list sorted: linkers' scripts put segments in any order. */
static void insert(struct image *image, const struct segment *segment)
{
	unsigned i = image->segment_count++;

	for (; i > 0 && image->segments[i - 1].gpa > segment->gpa; i--)
		image->segments[i] = image->segments[i - 1];
	image->segments[i] = *segment;
}

static int check_apart(const struct elf *elf, const struct image *image, const char *field)
{
	for (unsigned i = 1; i < image->segment_count; i++) {
		const struct segment *before = &image->segments[i - 1], *s = &image->segments[i];

		if (s->gpa < before->gpa + before->mem_bytes)
			return refuse(elf, "%s 0x%" PRIx64 ": this segment overlaps the one at 0x%" PRIx64 ", which ends at "
				      "0x%" PRIx64 ": rebuild the image", field, s->gpa, before->gpa,
				      before->gpa + before->mem_bytes);
	}
	return 0;
}

int elf_segments(const struct elf *elf, struct image *image, enum elf_address address, uint64_t lowest)
{
	const char *field = address == ELF_VIRTUAL ? "p_vaddr" : "p_paddr";
	const struct segment *last;
	int r;

	for (unsigned i = 0; i < elf->ehdr.e_phnum; i++) {
		const Elf64_Phdr *phdr = &elf->phdrs[i];
		uint64_t at = address == ELF_VIRTUAL ? phdr->p_vaddr : phdr->p_paddr;

		if (phdr->p_type != PT_LOAD || phdr->p_memsz == 0)
			continue;
		r = check_load(elf, i, field, at, lowest);
		if (r < 0)
			return r;
		if (image->segment_count == IMAGE_SEGMENTS_MAX)
			return refuse(elf, "program header %u: more than %d PT_LOAD segments: link it with fewer", i,
				      IMAGE_SEGMENTS_MAX);
		insert(image, &(struct segment){
			.gpa = at,
			.mem_bytes = phdr->p_memsz,
			.file_offset = phdr->p_offset,
			.file_bytes = phdr->p_filesz,
			.perms = phdr->p_flags & (PF_R | PF_W | PF_X),
		});
	}
	if (image->segment_count == 0)
		return refuse(elf, "has no PT_LOAD segment with p_memsz > 0: nothing to run: rebuild the image");
	r = check_apart(elf, image, field);
	if (r < 0)
		return r;
	last = &image->segments[image->segment_count - 1];
	image->base = round_down(image->segments[0].gpa, GUEST_PAGE_BYTES);
	image->end = round_up(last->gpa + last->mem_bytes, GUEST_PAGE_BYTES);
	return 0;
}

bool elf_entry_is_in(const struct image *image, uint64_t address)
{
	for (unsigned i = 0; i < image->segment_count; i++) {
		const struct segment *s = &image->segments[i];

		if (address >= s->gpa && address - s->gpa < s->file_bytes && s->perms & SEGMENT_X)
			return true;
	}
	return false;
}
