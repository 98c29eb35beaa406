/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes the files in tests/fuzz/corpus/multiboot: good images of each kind, and some that are nearly.
 *
 *	make_corpus_multiboot tests/fuzz/corpus/multiboot
 */
#include <stdio.h>

#include "tests/fuzz/corpus.h"
#include "tests/unit/multiboot_builder.h"

static void elf64_symbols(struct elf_builder *b)
{
	static const struct elf_symbol symbol = { "main", ELF_TEXT_ADDRESS, 16, STT_FUNC };

	multiboot_elf64(b);
	elf_add_symbols(b, &symbol, 1);
}

static void elf32_high(struct elf_builder *b)
{
	multiboot_elf32(b);
	multiboot_phdr32(b, 0)->p_vaddr += 0xc0000000;
	multiboot_ehdr32(b)->e_entry += 0xc0000000;
}

static void elf32_low(struct elf_builder *b)
{
	multiboot_elf32(b);
	multiboot_phdr32(b, 0)->p_paddr = 0x8000;
}

static void elf32_hole(struct elf_builder *b)
{
	multiboot_elf32(b);
	multiboot_phdr32(b, 0)->p_paddr = 0xb8000;
}

static void kludge_to_the_end(struct elf_builder *b)
{
	multiboot_kludge(b);
	multiboot_header(b)->load_end_addr = multiboot_header(b)->bss_end_addr = 0;
}

static void kludge_wraps(struct elf_builder *b)
{
	multiboot_kludge(b);
	multiboot_header(b)->load_addr += 0xfff00000;
	multiboot_header(b)->header_addr += 0xfff00000;
	multiboot_header(b)->load_end_addr = multiboot_header(b)->bss_end_addr = 0;
}

static void kludge_cut(struct elf_builder *b)
{
	multiboot_kludge(b);
	b->bytes = HEADER_AT + sizeof(struct header) - 4;
}

static void kludge_around_elf(struct elf_builder *b)
{
	multiboot_elf64(b);
	multiboot_set_flags(b, MULTIBOOT_ADDRESSES | MULTIBOOT_VIDEO);
	multiboot_header(b)->load_addr = ADDRESS;
	multiboot_header(b)->header_addr = multiboot_header(b)->entry_addr = ADDRESS + HEADER_AT;
}

static void checksum(struct elf_builder *b)
{
	multiboot_elf32(b);
	multiboot_header(b)->checksum++;
}

static void flags(struct elf_builder *b)
{
	multiboot_elf32(b);
	multiboot_set_flags(b, 0x8003);
}

static const struct {
	const char *name;
	void (*build)(struct elf_builder *b);
} files[] = {
	{ "elf32", multiboot_elf32 },
	{ "elf64", multiboot_elf64 },
	{ "kludge", multiboot_kludge },
	{ "elf64-symbols", elf64_symbols },
	{ "elf32-high", elf32_high },
	{ "elf32-low", elf32_low },
	{ "elf32-hole", elf32_hole },
	{ "kludge-to-the-end", kludge_to_the_end },
	{ "kludge-wraps", kludge_wraps },
	{ "kludge-cut", kludge_cut },
	{ "kludge-around-elf", kludge_around_elf },
	{ "checksum", checksum },
	{ "flags", flags },
};

int main(int argc, char **argv)
{
	static struct elf_builder b;

	if (argc != 2) {
		fprintf(stderr, "usage: make_corpus_multiboot FOLDER\n");
		return 2;
	}
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		memset(&b, 0, sizeof(b));
		files[i].build(&b);
		corpus_write(argv[1], files[i].name, b.file, b.bytes);
	}
	return 0;
}
