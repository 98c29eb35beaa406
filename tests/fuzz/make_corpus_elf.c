/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes the files in tests/fuzz/corpus/elf: good images of each kind, and some that are nearly.
 *
 *	make_corpus_elf tests/fuzz/corpus/elf
 */
#include <asm/bootparam.h>
#include <stdio.h>
#include <string.h>

#include "tests/fuzz/corpus.h"
#include "tests/unit/elf_builder.h"

static void good(struct elf_builder *b)
{
	(void)b;
}

static void symbols(struct elf_builder *b)
{
	static const struct elf_symbol table[] = {
		{ "_start", ELF_TEXT_ADDRESS, 0, STT_NOTYPE },
		{ "main", ELF_TEXT_ADDRESS + 0x10, 0x20, STT_FUNC },
		{ "counter", ELF_DATA_ADDRESS, 8, STT_OBJECT },
	};

	elf_add_symbols(b, table, sizeof(table) / sizeof(table[0]));
}

static void pie_symbols(struct elf_builder *b)
{
	static const struct elf_symbol table[] = { { "main", 0x1010, 0x20, STT_FUNC } };

	elf_make_pie(b);
	elf_add_symbols(b, table, 1);
}

static void pie_dynamic(struct elf_builder *b)
{
	elf_make_pie(b);
	elf_add_phdr(b, PT_DYNAMIC, PF_R | PF_W, ELF_DATA_OFFSET, 0x2040, 16, 16);
}

static void pie_2m(struct elf_builder *b)
{
	elf_make_pie(b);
	elf_phdr(b, ELF_PH_HEADERS)->p_align = 2 << 20;
}

static void pie_high(struct elf_builder *b)
{
	elf_make_pie(b);
	for (unsigned i = ELF_PH_HEADERS; i <= ELF_PH_DATA; i++)
		elf_phdr(b, i)->p_vaddr += 0xffffffff80000000;
	elf_ehdr(b)->e_entry += 0xffffffff80000000;
}

static void two_notes(struct elf_builder *b)
{
	elf_add_note(b, "kvick", 6, KVICK_NOTE_TYPE, elf_note(b), sizeof(struct kvick_note));
}

static void other_note_first(struct elf_builder *b)
{
	struct kvick_note note = *elf_note(b);

	memcpy(elf_nhdr(b) + 1, "GNU\0\0", 6);
	elf_add_note(b, "kvick", 6, KVICK_NOTE_TYPE, &note, sizeof(note));
}

static void many_segments(struct elf_builder *b)
{
	for (uint64_t i = 3; i < 16; i++)
		elf_add_phdr(b, PT_LOAD, PF_R, 0x1000, 0x200000 + i * 0x1000, 0x20, 0x1000);
}

static void shared_page(struct elf_builder *b)
{
	elf_add_phdr(b, PT_LOAD, PF_R | PF_W, 0x40, 0x104040, 0x10, 0x10);
}

static void one_read(struct elf_builder *b)
{
	elf_append(b, 0x40, 1);
	elf_phdr(b, ELF_PH_DATA)->p_offset = 0x1080;
	elf_phdr(b, ELF_PH_DATA)->p_vaddr = 0x102080;
	elf_add_phdr(b, PT_LOAD, PF_R | PF_W, 0x1090, 0x105090, 0x10, 0x10);
	elf_add_phdr(b, PT_LOAD, PF_R | PF_W, 0x10a8, 0x1050a8, 0x8, 0x80);
}

/* A page that can be mapped, then a tail. */
static void whole_page(struct elf_builder *b)
{
	elf_append(b, 0x40, 1);
	elf_phdr(b, ELF_PH_DATA)->p_offset = 0;
	elf_phdr(b, ELF_PH_DATA)->p_vaddr = 0x103000;
	elf_phdr(b, ELF_PH_DATA)->p_filesz = 0x1050;
}

static void middle_page(struct elf_builder *b)
{
	elf_append(b, 0xf80, 1);
	elf_phdr(b, ELF_PH_DATA)->p_offset = 0xf80;
	elf_phdr(b, ELF_PH_DATA)->p_vaddr = 0x103f80;
	elf_phdr(b, ELF_PH_DATA)->p_filesz = 0x1080;
}

static void bss_only(struct elf_builder *b)
{
	elf_phdr(b, ELF_PH_DATA)->p_filesz = 0;
	elf_phdr(b, ELF_PH_DATA)->p_offset = 0x7ffff040;
}

static void wishes(struct elf_builder *b)
{
	elf_note(b)->mem_bytes = 8 << 20;
	elf_note(b)->stack_bytes = 1 << 20;
	elf_note(b)->rings = KVICK_RINGS_3;
}

static void overlap(struct elf_builder *b)
{
	elf_phdr(b, ELF_PH_TEXT)->p_memsz = 0x1041;
}

static void wrap(struct elf_builder *b)
{
	elf_phdr(b, ELF_PH_DATA)->p_memsz = -1ull;
}

static void tls(struct elf_builder *b)
{
	elf_add_phdr(b, PT_TLS, PF_R, ELF_DATA_OFFSET, ELF_DATA_ADDRESS, 8, 8);
}

static void interp(struct elf_builder *b)
{
	elf_add_phdr(b, PT_INTERP, PF_R, 0x900, 0x100900, 16, 16);
}

static void cut(struct elf_builder *b)
{
	b->bytes = ELF_NOTE_OFFSET + 16;
}

static void kernel(struct elf_builder *b)
{
	elf_phdr(b, ELF_PH_NOTE)->p_type = PT_NULL;
	for (unsigned i = ELF_PH_HEADERS; i <= ELF_PH_DATA; i++)
		elf_phdr(b, i)->p_vaddr += 0xffffffff80000000;
}

static void kernel_by_header(struct elf_builder *b)
{
	elf_phdr(b, ELF_PH_NOTE)->p_type = PT_NULL;
	memcpy(b->file + ELF_TEXT_OFFSET, "HdrS", 4);
}

static void pvh(struct elf_builder *b)
{
	const uint32_t entry = ELF_TEXT_ADDRESS;

	elf_phdr(b, ELF_PH_NOTE)->p_filesz = 0;
	elf_add_note(b, "Xen", 4, 18, &entry, sizeof(entry));
}

static void bzimage(struct elf_builder *b)
{
	struct setup_header header = {
		.setup_sects = 1, .boot_flag = 0xaa55, .jump = 0x6aeb, .header = 0x53726448, .version = 0x020f,
		.loadflags = LOADED_HIGH, .initrd_addr_max = 0x7fffffff, .xloadflags = XLF_KERNEL_64, .cmdline_size = 2047,
		.pref_address = 0x1000000, .init_size = 0x400000, .syssize = 0xc0,
	};

	memset(b->file, 0, ELF_TEXT_OFFSET);
	memcpy(b->file + 0x1f1, &header, sizeof(header));
}

static const struct {
	const char *name;
	void (*spoil)(struct elf_builder *b);
} files[] = {
	{ "good", good },
	{ "symbols", symbols },
	{ "pie-symbols", pie_symbols },
	{ "pie-dynamic", pie_dynamic },
	{ "pie-2m", pie_2m },
	{ "pie-high", pie_high },
	{ "two-notes", two_notes },
	{ "other-note-first", other_note_first },
	{ "many-segments", many_segments },
	{ "shared-page", shared_page },
	{ "one-read", one_read },
	{ "whole-page", whole_page },
	{ "middle-page", middle_page },
	{ "bss-only", bss_only },
	{ "wishes", wishes },
	{ "overlap", overlap },
	{ "wrap", wrap },
	{ "tls", tls },
	{ "interp", interp },
	{ "cut", cut },
	{ "kernel", kernel },
	{ "kernel-by-header", kernel_by_header },
	{ "pvh", pvh },
	{ "bzimage", bzimage },
};

int main(int argc, char **argv)
{
	static struct elf_builder b;

	if (argc != 2) {
		fprintf(stderr, "usage: make_corpus_elf FOLDER\n");
		return 2;
	}
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		elf_good(&b);
		files[i].spoil(&b);
		corpus_write(argv[1], files[i].name, b.file, b.bytes);
	}
	return 0;
}
