/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes the files in tests/fuzz/corpus/solo5: small images with several manifests, and one manifest alone.
 *
 *	make_corpus_solo5 tests/fuzz/corpus/solo5
 */
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kvick/solo5.h>

#include "tests/fuzz/corpus.h"

#define ABI_AT      0x200u
#define MANIFEST_AT 0x240u
#define TEXT_AT     0x1000u
#define TEXT_BYTES  16u

struct note {
	uint32_t name_bytes, bytes, type;
	char owner[8];
};

static struct solo5_manifest manifest = { .version = 1, .entries = 1, .entry = { { .type = SOLO5_FIRST } } };

static void add(const char *name, uint32_t type)
{
	struct solo5_entry *e = &manifest.entry[manifest.entries++];

	e->type = type;
	strcpy(e->name, name);
}

/* Text and data, as far apart as they have to be; the notes before them, in no segment. */
static void save_image(const char *folder, const char *name)
{
	static uint8_t file[TEXT_AT + 2 * TEXT_BYTES];
	const size_t bytes = SOLO5_MANIFEST_PADDING + SOLO5_MANIFEST_BYTES(manifest.entries);
	const struct note abi = { 6, sizeof(struct solo5_abi), SOLO5_NOTE_ABI, SOLO5_NOTE_OWNER };
	const struct note mft = { 6, (uint32_t)bytes, SOLO5_NOTE_MANIFEST, SOLO5_NOTE_OWNER };
	const Elf64_Phdr phdrs[] = {
		{ .p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_offset = TEXT_AT, .p_vaddr = 0x100000, .p_filesz = TEXT_BYTES,
		  .p_memsz = TEXT_BYTES, .p_align = 4096 },
		{ .p_type = PT_LOAD, .p_flags = PF_R | PF_W, .p_offset = TEXT_AT + TEXT_BYTES, .p_vaddr = 0x101010,
		  .p_filesz = TEXT_BYTES, .p_memsz = 8192, .p_align = 4096 },
		{ .p_type = PT_NOTE, .p_offset = ABI_AT, .p_filesz = sizeof(abi) + sizeof(struct solo5_abi), .p_align = 4 },
		{ .p_type = PT_NOTE, .p_offset = MANIFEST_AT, .p_filesz = sizeof(mft) + bytes, .p_align = 4 },
	};
	const Elf64_Ehdr ehdr = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT }, .e_type = ET_EXEC,
		.e_machine = EM_X86_64, .e_version = EV_CURRENT, .e_entry = 0x100000, .e_phoff = sizeof(ehdr),
		.e_ehsize = sizeof(ehdr), .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 4,
	};

	memcpy(file, &ehdr, sizeof(ehdr));
	memcpy(file + sizeof(ehdr), phdrs, sizeof(phdrs));
	memcpy(file + ABI_AT, &abi, sizeof(abi));
	memcpy(file + ABI_AT + sizeof(abi), &(struct solo5_abi){ 1, 2, { 0 } }, sizeof(struct solo5_abi));
	memcpy(file + MANIFEST_AT, &mft, sizeof(mft));
	memcpy(file + MANIFEST_AT + sizeof(mft) + SOLO5_MANIFEST_PADDING, &manifest, SOLO5_MANIFEST_BYTES(manifest.entries));
	memset(file + TEXT_AT, 0xf4, 2 * TEXT_BYTES);
	corpus_write(folder, name, file, sizeof(file));
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: make_corpus_solo5 FOLDER\n");
		return 2;
	}
	save_image(argv[1], "no-devices");
	add("disk", SOLO5_BLOCK);
	save_image(argv[1], "disk");
	add("net", SOLO5_NET);
	save_image(argv[1], "disk-and-net");
	corpus_write(argv[1], "manifest", &manifest, SOLO5_MANIFEST_BYTES(manifest.entries));
	add("net", SOLO5_NET);
	save_image(argv[1], "name-twice");
	return 0;
}
