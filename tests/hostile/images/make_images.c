/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spoils a good image in every way that a start must refuse.
 *
 *	make_images GOOD.elf FOLDER
 *
 * writes FOLDER/NAME for each case and prints a line for each:
 *
 *	NAME <tab> what the error must say [<tab> options]
 *
 * `kvick run [options] FOLDER/NAME` must then exit with 122 (image refused), nothing on stdout, and
 * one line on stderr that has these words in it. So must `kvick inspect FOLDER/NAME`, except where
 * there are options: such an image is good, only not with them.
 *
 * GOOD.elf: ET_EXEC, its kvick note first in PT_NOTE, with a PT_GNU_STACK, as the runtime links it.
 */
#include <elf.h>

#include <kvick/note.h>

#include "tests/hostile/images/files.h"

#define BYTES_MAX (16u << 20)
#define MEM_BYTES_MAX (64ull << 30) /* of the largest guest */
#define IMAGE_BASE 0x100000

/* Notes are aligned to 4 bytes only. */
typedef struct kvick_note file_note __attribute__((aligned(4)));

struct victim {
	uint8_t *file;
	size_t bytes;
	Elf64_Ehdr *ehdr;
	Elf64_Phdr *phdrs;
	Elf64_Phdr *first; /* PT_LOAD */
	Elf64_Phdr *text;
	Elf64_Phdr *last;  /* PT_LOAD */
	Elf64_Phdr *notes;
	Elf64_Phdr *spare; /* PT_GNU_STACK: may become anything */
	Elf64_Nhdr *nhdr;
	file_note *note;
};

/* What kind of file. */

static void empty(struct victim *v) { v->bytes = 0; }
static void one_byte(struct victim *v) { v->bytes = 1; }
static void zeros(struct victim *v) { memset(v->file, 0, v->bytes); }
static void script(struct victim *v) { memcpy(v->file, "#!/bin/sh\n", 10); }
static void escapes(struct victim *v) { memcpy(v->file, "\x1b[2J\n\n", 6); }
static void class_32(struct victim *v) { v->ehdr->e_ident[EI_CLASS] = ELFCLASS32; }
static void class_none(struct victim *v) { v->ehdr->e_ident[EI_CLASS] = ELFCLASSNONE; }
static void big_endian(struct victim *v) { v->ehdr->e_ident[EI_DATA] = ELFDATA2MSB; }
static void ident_version(struct victim *v) { v->ehdr->e_ident[EI_VERSION] = 0; }
static void version(struct victim *v) { v->ehdr->e_version = 9; }
static void aarch64(struct victim *v) { v->ehdr->e_machine = EM_AARCH64; }
static void no_machine(struct victim *v) { v->ehdr->e_machine = 0xffff; }
static void object_file(struct victim *v) { v->ehdr->e_type = ET_REL; }
static void core_dump(struct victim *v) { v->ehdr->e_type = ET_CORE; }

/* Cut short. */

static void cut_magic(struct victim *v) { v->bytes = SELFMAG; }
static void cut_ident(struct victim *v) { v->bytes = EI_NIDENT; }
static void cut_ehdr(struct victim *v) { v->bytes = sizeof(Elf64_Ehdr) - 1; }
static void cut_after_ehdr(struct victim *v) { v->bytes = v->ehdr->e_phoff; }
static void cut_phdrs(struct victim *v) { v->bytes = v->ehdr->e_phoff + sizeof(Elf64_Phdr) + 10; }
static void cut_last_phdr(struct victim *v) { v->bytes = v->ehdr->e_phoff + v->ehdr->e_phnum * sizeof(Elf64_Phdr) - 1; }
static void cut_before_note(struct victim *v) { v->bytes = v->notes->p_offset; }
static void cut_note_header(struct victim *v) { v->bytes = v->notes->p_offset + 5; }
static void cut_note_name(struct victim *v) { v->bytes = v->notes->p_offset + sizeof(Elf64_Nhdr) + 3; }
static void cut_note_desc(struct victim *v) { v->bytes = v->notes->p_offset + v->notes->p_filesz - 1; }
static void cut_after_note(struct victim *v) { v->bytes = v->notes->p_offset + v->notes->p_filesz; }
static void cut_before_text(struct victim *v) { v->bytes = v->text->p_offset; }
static void cut_text(struct victim *v) { v->bytes = v->text->p_offset + v->text->p_filesz / 2; }
static void cut_text_end(struct victim *v) { v->bytes = v->text->p_offset + v->text->p_filesz - 1; }

/* Program headers as a table. */

static void no_phdrs(struct victim *v) { v->ehdr->e_phnum = 0; }
static void many_phdrs(struct victim *v) { v->ehdr->e_phnum = PN_XNUM; }
static void phentsize(struct victim *v) { v->ehdr->e_phentsize = 57; }
static void phoff_wraps(struct victim *v) { v->ehdr->e_phoff = -8ull; }
static void phoff_far(struct victim *v) { v->ehdr->e_phoff = v->bytes; }
static void interp(struct victim *v) { v->spare->p_type = PT_INTERP; }
static void tls(struct victim *v) { v->spare->p_type = PT_TLS; }
static void exec_stack(struct victim *v) { v->spare->p_flags |= PF_X; }

/* Notes. */

static void no_notes(struct victim *v) { v->notes->p_type = PT_NULL; }
static void other_owner(struct victim *v) { memcpy(v->nhdr + 1, "Xen\0\0", 6); }
static void note_cut(struct victim *v) { v->notes->p_filesz -= 4; }
static void note_header_cut(struct victim *v) { v->notes->p_filesz = 8; }
static void note_name_huge(struct victim *v) { v->nhdr->n_namesz = UINT32_MAX; }
static void note_desc_huge(struct victim *v) { v->nhdr->n_descsz = UINT32_MAX - 3; }
static void notes_wrap(struct victim *v) { v->notes->p_filesz = UINT64_MAX - 3; }
static void notes_far(struct victim *v) { v->notes->p_offset = UINT64_MAX - 3; }
static void note_type(struct victim *v) { v->nhdr->n_type = 1; }
static void note_size(struct victim *v) { v->nhdr->n_descsz = sizeof(struct kvick_note) - 4, v->notes->p_filesz -= 4; }
static void two_note_segments(struct victim *v) { *v->spare = *v->notes; }
static void abi_old(struct victim *v) { v->note->abi_version = 0; }
static void abi_new(struct victim *v) { v->note->abi_version = KVICK_ABI_VERSION + 1; }
static void flags(struct victim *v) { v->note->flags = KVICK_NOTE_FLAGS + 1; }
static void mem_huge(struct victim *v) { v->note->mem_bytes = UINT64_MAX; }
static void mem_above_max(struct victim *v) { v->note->mem_bytes = MEM_BYTES_MAX + 1; }
static void stack_huge(struct victim *v) { v->note->stack_bytes = UINT64_MAX; }
static void no_ring(struct victim *v) { v->note->rings = 0; }
static void ring_1(struct victim *v) { v->note->rings = KVICK_RINGS_ANY | 1u << 1; }
static void reserved(struct victim *v) { v->note->reserved = 1; }
static void mem_1g(struct victim *v) { v->note->mem_bytes = 1ull << 30; }

/* Each of them alone would do. */
static void text_in_pieces(struct victim *v)
{
	v->note->rings = KVICK_RINGS_0;
	v->last->p_flags = PF_R | PF_X;
	v->last->p_memsz = 30u << 20;
	*v->spare = *v->last;
	v->spare->p_vaddr = v->spare->p_paddr = 0x4000000;
}

static void two_notes(struct victim *v)
{
	size_t bytes = sizeof(Elf64_Nhdr) + 8 + sizeof(struct kvick_note);

	memcpy((uint8_t *)v->nhdr + bytes, v->nhdr, bytes);
	v->notes->p_filesz = 2 * bytes;
}

/* Segments. */

static void no_loads(struct victim *v)
{
	for (unsigned i = 0; i < v->ehdr->e_phnum; i++)
		if (v->phdrs[i].p_type == PT_LOAD)
			v->phdrs[i].p_type = PT_NULL;
}

static void filesz_above_memsz(struct victim *v) { v->text->p_memsz = v->text->p_filesz - 1; }
static void memsz_wraps(struct victim *v) { v->last->p_memsz = UINT64_MAX; }
static void vaddr_wraps(struct victim *v) { v->last->p_vaddr = -4096ull, v->last->p_memsz = 1 << 20; }
static void offset_past_file(struct victim *v) { v->text->p_offset = (v->bytes | 4095) + 1; }
static void filesz_past_file(struct victim *v) { v->text->p_filesz = v->text->p_memsz = v->bytes; }
static void overlap(struct victim *v) { v->text->p_vaddr = v->first->p_vaddr; }
static void overlap_by_memsz(struct victim *v) { v->first->p_memsz = v->text->p_vaddr - v->first->p_vaddr + 1; }
static void writable_text(struct victim *v) { v->text->p_flags |= PF_W; }
static void executable_data(struct victim *v) { v->last->p_flags |= PF_W | PF_X; }
static void no_access(struct victim *v) { v->last->p_flags = 0; }
static void align_odd(struct victim *v) { v->text->p_align = 4095; }
static void align_huge(struct victim *v) { v->text->p_align = 1ull << 40; }
static void align_mismatch(struct victim *v) { v->text->p_align = 4096, v->text->p_vaddr += 8; }
static void below_base(struct victim *v) { v->first->p_vaddr -= IMAGE_BASE; }
static void beyond_max(struct victim *v) { v->last->p_vaddr += MEM_BYTES_MAX; }
static void size_beyond_max(struct victim *v) { v->last->p_memsz = MEM_BYTES_MAX; }
static void entry_0(struct victim *v) { v->ehdr->e_entry = 0; }
static void entry_in_data(struct victim *v) { v->ehdr->e_entry = v->last->p_vaddr; }
static void entry_past_text(struct victim *v) { v->ehdr->e_entry = v->text->p_vaddr + v->text->p_filesz; }
static void entry_high(struct victim *v) { v->ehdr->e_entry = UINT64_MAX; }

static void filesz_wraps(struct victim *v)
{
	v->text->p_offset = -4096ull;
	v->text->p_filesz = v->text->p_memsz = 8192;
}

static void descending(struct victim *v)
{
	Elf64_Phdr first = *v->first;

	*v->first = *v->text;
	*v->text = first;
}

static void shared_page(struct victim *v)
{
	v->first->p_memsz = (v->first->p_memsz + 4095) / 4096 * 4096;
	v->text->p_align = 1;
	v->text->p_vaddr = v->first->p_vaddr + v->first->p_memsz;
	v->first->p_memsz -= 16;
	v->text->p_vaddr -= 8;
}

/* Multiboot 1: the note goes, a header comes; with addresses that are right. */

struct multiboot {
	uint32_t magic, flags, checksum, header_addr, load_addr, load_end_addr, bss_end_addr, entry_addr;
};

#define MULTIBOOT_AT 0x800u

static struct multiboot *multiboot(struct victim *v, uint32_t flags)
{
	struct multiboot *header = (struct multiboot *)(v->file + MULTIBOOT_AT);

	v->notes->p_type = PT_NULL;
	*header = (struct multiboot){
		0x1badb002, flags, -(0x1badb002 + flags), IMAGE_BASE + MULTIBOOT_AT, IMAGE_BASE, 0, 0, IMAGE_BASE + MULTIBOOT_AT,
	};
	return header;
}

#define ADDRESSES (1u << 16)

static void mb_flag(struct victim *v) { multiboot(v, 0x8); }
static void mb_load_above(struct victim *v) { multiboot(v, ADDRESSES)->load_addr += MULTIBOOT_AT + 1; }
static void mb_load_before(struct victim *v) { multiboot(v, ADDRESSES)->header_addr += 1; }
static void mb_load_end_low(struct victim *v) { multiboot(v, ADDRESSES)->load_end_addr = 1; }
static void mb_load_end_high(struct victim *v) { multiboot(v, ADDRESSES)->load_end_addr = UINT32_MAX; }
static void mb_bss_end(struct victim *v) { multiboot(v, ADDRESSES)->bss_end_addr = IMAGE_BASE; }
static void mb_bss_huge(struct victim *v) { multiboot(v, ADDRESSES)->bss_end_addr = UINT32_MAX; }
static void mb_entry(struct victim *v) { multiboot(v, ADDRESSES)->entry_addr = 0; }
static void mb_cut(struct victim *v) { multiboot(v, ADDRESSES), v->bytes = MULTIBOOT_AT + sizeof(struct multiboot) - 1; }
static void mb_no_elf(struct victim *v) { multiboot(v, 0), v->file[0] = 0; }
static void mb_hole(struct victim *v) { multiboot(v, 0), v->first->p_paddr = 0xa0000; }
static void mb_low(struct victim *v) { multiboot(v, 0), v->first->p_paddr = 0; }
static void mb_high(struct victim *v) { multiboot(v, 0), v->last->p_paddr = 0xfffff000; }
static void mb_overlap(struct victim *v) { multiboot(v, 0), v->last->p_paddr = v->text->p_paddr; }
static void mb_elf_entry(struct victim *v) { multiboot(v, 0), v->ehdr->e_entry = UINT64_MAX; }

static void mb_wraps(struct victim *v)
{
	struct multiboot *header = multiboot(v, ADDRESSES);

	header->load_addr = 0xfffff000;
	header->header_addr = header->entry_addr = 0xfffff000 + MULTIBOOT_AT;
}

static const struct {
	const char *name;
	void (*spoil)(struct victim *v);
	const char *says;
	const char *options; /* or NULL */
} cases[] = {
	{ "empty", empty, "is empty", NULL },
	{ "one-byte", one_byte, "not an ELF file", NULL },
	{ "zeros", zeros, "starts with 00 00 00 00: not an ELF file", NULL },
	{ "script", script, "starts with 23 21 2f 62: not an ELF file", NULL },
	{ "escapes", escapes, "starts with 1b 5b 32 4a: not an ELF file", NULL },
	{ "32-bit", class_32, "EI_CLASS 1 (32-bit)", NULL },
	{ "class-none", class_none, "EI_CLASS 0", NULL },
	{ "big-endian", big_endian, "EI_DATA 2 (big-endian)", NULL },
	{ "ident-version", ident_version, "EI_VERSION 0", NULL },
	{ "version", version, "e_version 9", NULL },
	{ "aarch64", aarch64, "this one is for EM_AARCH64 (183)", NULL },
	{ "no-machine", no_machine, "this one is for unknown (65535)", NULL },
	{ "object-file", object_file, "e_type 1 (ET_REL", NULL },
	{ "core-dump", core_dump, "e_type 4 (ET_CORE", NULL },

	{ "cut-magic", cut_magic, "is cut short: 4 bytes", NULL },
	{ "cut-ident", cut_ident, "is cut short: 16 bytes", NULL },
	{ "cut-ehdr", cut_ehdr, "is cut short: 63 bytes", NULL },
	{ "cut-after-ehdr", cut_after_ehdr, "it is cut short", NULL },
	{ "cut-phdrs", cut_phdrs, "it is cut short", NULL },
	{ "cut-last-phdr", cut_last_phdr, "it is cut short", NULL },
	{ "cut-before-note", cut_before_note, "it is cut short", NULL },
	{ "cut-note-header", cut_note_header, "it is cut short", NULL },
	{ "cut-note-name", cut_note_name, "it is cut short", NULL },
	{ "cut-note-desc", cut_note_desc, "it is cut short", NULL },
	{ "cut-after-note", cut_after_note, "it is cut short", NULL },
	{ "cut-before-text", cut_before_text, "it is cut short", NULL },
	{ "cut-text", cut_text, "it is cut short", NULL },
	{ "cut-text-end", cut_text_end, "it is cut short", NULL },

	{ "no-phdrs", no_phdrs, "e_phnum 0", NULL },
	{ "many-phdrs", many_phdrs, "e_phnum 65535", NULL },
	{ "phentsize", phentsize, "e_phentsize 57", NULL },
	{ "phoff-wraps", phoff_wraps, "e_phoff 0xfffffffffffffff8", NULL },
	{ "phoff-far", phoff_far, "it is cut short", NULL },
	{ "interp", interp, "PT_INTERP: is an ordinary dynamic Linux program", NULL },
	{ "tls", tls, "PT_TLS", NULL },
	{ "exec-stack", exec_stack, "(PT_GNU_STACK): p_flags 0x7", NULL },

	{ "no-notes", no_notes, "has no kvick note", NULL },
	{ "other-owner", other_owner, "has no kvick note", NULL },
	{ "note-cut", note_cut, "is cut short: n_namesz 6 and n_descsz 32", NULL },
	{ "note-header-cut", note_header_cut, "is cut short: its header needs 12 bytes", NULL },
	{ "note-name-huge", note_name_huge, "is cut short: n_namesz 4294967295", NULL },
	{ "note-desc-huge", note_desc_huge, "n_descsz 4294967292", NULL },
	{ "notes-wrap", notes_wrap, "p_filesz 0xfffffffffffffffc is beyond", NULL },
	{ "notes-far", notes_far, "p_offset 0xfffffffffffffffc", NULL },
	{ "note-type", note_type, "n_type 0x1", NULL },
	{ "note-size", note_size, "n_descsz 28: must be 32", NULL },
	{ "two-notes", two_notes, "a second kvick note", NULL },
	{ "two-note-segments", two_note_segments, "a second kvick note", NULL },
	{ "abi-old", abi_old, "abi_version 0: this kvick speaks ABI 1", NULL },
	{ "abi-new", abi_new, "abi_version 2: this kvick speaks ABI 1", NULL },
	{ "flags", flags, "kvick note: flags 0x4: has an unknown bit", NULL },
	{ "mem-huge", mem_huge, "mem_bytes 0xffffffffffffffff", NULL },
	{ "mem-above-max", mem_above_max, "mem_bytes 0x1000000001", NULL },
	{ "stack-huge", stack_huge, "stack_bytes 0xffffffffffffffff", NULL },
	{ "no-ring", no_ring, "rings 0x0", NULL },
	{ "ring-1", ring_1, "rings 0xb: has an unknown bit", NULL },
	{ "reserved", reserved, "kvick note: reserved 0x1", NULL },

	{ "no-loads", no_loads, "has no PT_LOAD segment", NULL },
	{ "filesz-above-memsz", filesz_above_memsz, "> p_memsz 0x", NULL },
	{ "memsz-wraps", memsz_wraps, "p_memsz 0xffffffffffffffff overflows", NULL },
	{ "vaddr-wraps", vaddr_wraps, "p_vaddr 0xfffffffffffff000 + p_memsz 0x100000 overflows", NULL },
	{ "filesz-wraps", filesz_wraps, "p_offset 0xfffffffffffff000 + p_filesz 0x2000 overflows", NULL },
	{ "offset-past-file", offset_past_file, "it is cut short", NULL },
	{ "filesz-past-file", filesz_past_file, "it is cut short", NULL },
	{ "overlap", overlap, "overlaps program header", NULL },
	{ "overlap-by-memsz", overlap_by_memsz, "overlaps program header", NULL },
	{ "descending", descending, "segments must ascend", NULL },
	{ "shared-page", shared_page, "shares a page", NULL },
	{ "writable-text", writable_text, "p_flags 0x7: is writable and executable", NULL },
	{ "executable-data", executable_data, "is writable and executable", NULL },
	{ "no-access", no_access, "p_flags 0x0: allows no access", NULL },
	{ "align-odd", align_odd, "p_align 0xfff: must be a power of two", NULL },
	{ "align-huge", align_huge, "p_align 0x10000000000: more than", NULL },
	{ "align-mismatch", align_mismatch, "differ modulo p_align 0x1000", NULL },
	{ "below-base", below_base, "is below 0x100000", NULL },
	{ "beyond-max", beyond_max, "is beyond 0x1000000000", NULL },
	{ "size-beyond-max", size_beyond_max, "is beyond 0x1000000000", NULL },
	{ "entry-0", entry_0, "e_entry 0x0: is in no executable segment", NULL },
	{ "entry-in-data", entry_in_data, "is in no executable segment", NULL },
	{ "entry-past-text", entry_past_text, "is in no executable segment", NULL },
	{ "entry-high", entry_high, "e_entry 0xffffffffffffffff", NULL },

	{ "multiboot-flag", mb_flag, "flags 0x8: bit 3 is one that a boot loader must know", NULL },
	{ "multiboot-load-above", mb_load_above, "load_addr 0x100801: above header_addr 0x100800", NULL },
	{ "multiboot-load-before", mb_load_before, "header_addr 0x100801: 2049 bytes after load_addr", NULL },
	{ "multiboot-load-end-low", mb_load_end_low, "load_end_addr 0x1: not above load_addr", NULL },
	{ "multiboot-load-end-high", mb_load_end_high, "load_end_addr 0xffffffff: 4293918719 bytes to load", NULL },
	{ "multiboot-bss-end", mb_bss_end, "bss_end_addr 0x100000: below the end of what is loaded", NULL },
	{ "multiboot-bss-huge", mb_bss_huge, "load_addr 0x100000: 4293918719 bytes there end beyond 0xc0000000", NULL },
	{ "multiboot-entry", mb_entry, "entry_addr 0x0: not in what is loaded", NULL },
	{ "multiboot-cut", mb_cut, "only 31 of its 32 bytes", NULL },
	{ "multiboot-no-elf", mb_no_elf, "flags 0x0: without bit 16 it must be an ELF file", NULL },
	{ "multiboot-hole", mb_hole, "p_paddr 0xa0000: reaches into 0x9fc00 to 0x100000", NULL },
	{ "multiboot-low", mb_low, "p_paddr 0x0: below 0x1000", NULL },
	{ "multiboot-high", mb_high, "p_paddr 0xfffff000", NULL },
	{ "multiboot-overlap", mb_overlap, "this segment overlaps", NULL },
	{ "multiboot-elf-entry", mb_elf_entry, "e_entry 0xffffffffffffffff: is in no segment", NULL },
	{ "multiboot-wraps", mb_wraps, "load_addr 0xfffff000", NULL },

	{ "mem-wish-not-given", mem_1g, "--mem", "--mem=16M" },
	{ "text-in-pieces", text_in_pieces, "has too much text to run at ring 3: use --ring 0", "--ring 3" },
};

/* Finds the parts that the cases spoil. */
static void dissect(struct victim *v, const char *path)
{
	v->ehdr = (Elf64_Ehdr *)v->file;
	if (v->bytes < 4096 || memcmp(v->file, ELFMAG, SELFMAG) || v->ehdr->e_type != ET_EXEC || v->ehdr->e_phoff % 8)
		die(path, "not a linked ET_EXEC image");
	v->phdrs = (Elf64_Phdr *)(v->file + v->ehdr->e_phoff);
	for (Elf64_Phdr *phdr = v->phdrs; phdr < v->phdrs + v->ehdr->e_phnum; phdr++) {
		if (phdr->p_type == PT_NOTE)
			v->notes = phdr;
		if (phdr->p_type == PT_GNU_STACK)
			v->spare = phdr;
		if (phdr->p_type != PT_LOAD)
			continue;
		if (!v->first)
			v->first = phdr;
		if (phdr->p_flags & PF_X)
			v->text = phdr;
		v->last = phdr;
	}
	if (!v->notes || !v->spare || !v->text || v->first == v->text || v->last == v->text)
		die(path, "not three segments, a PT_NOTE and a PT_GNU_STACK");
	v->nhdr = (Elf64_Nhdr *)(v->file + v->notes->p_offset);
	v->note = (file_note *)((uint8_t *)(v->nhdr + 1) + 8);
	if (v->notes->p_offset + 256 > v->bytes || v->nhdr->n_type != KVICK_NOTE_TYPE)
		die(path, "its kvick note is not where it should be");
}

int main(int argc, char **argv)
{
	uint8_t *good;
	size_t bytes;

	if (argc != 3) {
		fprintf(stderr, "usage: make_images GOOD.elf FOLDER\n");
		return 2;
	}
	good = read_file(argv[1], BYTES_MAX, &bytes);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct victim v = { .file = malloc(bytes), .bytes = bytes };

		if (!v.file)
			die(argv[1], strerror(ENOMEM));
		memcpy(v.file, good, bytes);
		dissect(&v, argv[1]);
		cases[i].spoil(&v);
		write_file(argv[2], cases[i].name, v.file, v.bytes);
		list(cases[i].name, cases[i].says, cases[i].options);
		free(v.file);
	}
	free(good);
	return 0;
}
