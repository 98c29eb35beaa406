/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same as make_images.c of a Solo5 guest: spoils a good one in every way that a start must refuse.
 *
 *	make_solo5_images GOOD.hvt FOLDER
 *
 * GOOD.hvt: with one device in its manifest, as guests/solo5/solo5.ld links it.
 */
#include <elf.h>
#include <stdbool.h>

#include <kvick/solo5.h>

#include "tests/hostile/images/files.h"

#define BYTES_MAX (1u << 20)

/* Notes are aligned to 4 bytes only. */
typedef struct solo5_abi file_abi __attribute__((aligned(4)));
typedef struct solo5_entry file_entry __attribute__((aligned(4)));
typedef uint32_t file_u32 __attribute__((aligned(4)));

struct victim {
	uint8_t *file;
	size_t bytes;
	Elf64_Ehdr *ehdr;
	Elf64_Phdr *phdrs, *text, *rodata, *data, *abi_phdr, *manifest_phdr;
	Elf64_Nhdr *abi_note, *manifest_note;
	file_abi *abi;
	file_u32 *version, *entries;
	file_entry *entry;
};

/* ---- what kind of file ---- */

static void class_32(struct victim *v) { v->ehdr->e_ident[EI_CLASS] = ELFCLASS32; }
static void big_endian(struct victim *v) { v->ehdr->e_ident[EI_DATA] = ELFDATA2MSB; }
static void aarch64(struct victim *v) { v->ehdr->e_machine = EM_AARCH64; }
static void i386(struct victim *v) { v->ehdr->e_machine = EM_386; }
static void pie(struct victim *v) { v->ehdr->e_type = ET_DYN; }
static void object_file(struct victim *v) { v->ehdr->e_type = ET_REL; }
static void cut_phdrs(struct victim *v) { v->bytes = v->ehdr->e_phoff + 10; }
static void cut_notes(struct victim *v) { v->bytes = v->manifest_phdr->p_offset + 20; }
static void cut_text(struct victim *v) { v->bytes = v->text->p_offset + 4; }
static void cut_data(struct victim *v) { v->bytes = v->data->p_offset + v->data->p_filesz - 1; }

/* ---- notes ---- */

static void no_manifest(struct victim *v) { v->manifest_phdr->p_type = PT_NULL; }
static void two_abis(struct victim *v) { *v->manifest_phdr = *v->abi_phdr; }
static void two_manifests(struct victim *v) { *v->data = *v->manifest_phdr; }
static void abi_short(struct victim *v) { v->abi_note->n_descsz = 8, v->abi_phdr->p_filesz = 28; }
static void abi_huge(struct victim *v) { v->abi_note->n_descsz = UINT32_MAX; }
static void manifest_huge(struct victim *v) { v->manifest_note->n_descsz = UINT32_MAX - 3; }
static void manifest_empty(struct victim *v) { v->manifest_note->n_descsz = 0, v->manifest_phdr->p_filesz = 20; }
static void manifest_of_3_bytes(struct victim *v) { v->manifest_note->n_descsz = 3, v->manifest_phdr->p_filesz = 24; }
static void manifest_padding_only(struct victim *v) { v->manifest_note->n_descsz = 4, v->manifest_phdr->p_filesz = 24; }
static void notes_far(struct victim *v) { v->manifest_phdr->p_offset = v->bytes; }
static void notes_wrap(struct victim *v) { v->manifest_phdr->p_filesz = UINT64_MAX - 3; }
static void notes_large(struct victim *v) { v->manifest_phdr->p_filesz = 16388; }
static void target_spt(struct victim *v) { v->abi->target = 2; }
static void target_none(struct victim *v) { v->abi->target = UINT32_MAX; }
static void version_1(struct victim *v) { v->abi->version = 1; }
static void version_3(struct victim *v) { v->abi->version = 3; }

/* ---- the manifest ---- */

static void manifest_version(struct victim *v) { *v->version = 2; }
static void no_entries(struct victim *v) { *v->entries = 0; }
static void entries_too_many(struct victim *v) { *v->entries = 65; }
static void entries_that_wrap(struct victim *v) { *v->entries = 0x2762763; }
static void entries_missing(struct victim *v) { *v->entries = 3; }
static void entries_not_counted(struct victim *v) { *v->entries = 1; }
static void first_is_a_device(struct victim *v) { v->entry[0].type = SOLO5_BLOCK; }
static void first_has_a_name(struct victim *v) { v->entry[0].name[0] = 'x'; }
static void type_unknown(struct victim *v) { v->entry[1].type = 77; }
static void name_empty(struct victim *v) { v->entry[1].name[0] = 0; }
static void name_endless(struct victim *v) { memset(v->entry[1].name, 'x', SOLO5_NAME_BYTES); }
static void name_escape(struct victim *v) { memcpy(v->entry[1].name, "\x1b[2J\n", 6); }
static void attached(struct victim *v) { v->entry[1].attached = 1; }

static void name_twice(struct victim *v)
{
	*v->entries = 3;
	v->manifest_note->n_descsz += sizeof(struct solo5_entry);
	v->manifest_phdr->p_filesz += sizeof(struct solo5_entry);
	/* What is behind it is the other note, which goes to the end of the file. */
	memcpy(v->file + v->bytes, v->abi_note, v->abi_phdr->p_filesz);
	v->abi_phdr->p_offset = v->bytes;
	v->bytes += v->abi_phdr->p_filesz;
	memmove(&v->entry[2], &v->entry[1], sizeof(struct solo5_entry));
}

/* ---- segments ---- */

static void no_loads(struct victim *v) { v->text->p_type = v->rodata->p_type = v->data->p_type = PT_NULL; }
static void filesz_above_memsz(struct victim *v) { v->data->p_memsz = v->data->p_filesz - 1; }
static void memsz_wraps(struct victim *v) { v->data->p_memsz = UINT64_MAX; }
static void vaddr_wraps(struct victim *v) { v->data->p_vaddr = -4096ull; }
static void offset_wraps(struct victim *v) { v->data->p_offset = UINT64_MAX; }
static void overlap(struct victim *v) { v->text->p_memsz = v->rodata->p_vaddr - v->text->p_vaddr + 1; }
static void descending(struct victim *v) { v->text->p_vaddr += 1 << 20, v->ehdr->e_entry += 1 << 20; }
static void below_base(struct victim *v) { v->text->p_vaddr = 0xff000; }
static void at_null(struct victim *v) { v->text->p_vaddr = 0; }
static void writable_text(struct victim *v) { v->text->p_flags = PF_R | PF_W | PF_X; }
static void executable_data(struct victim *v) { v->data->p_flags = PF_W | PF_X; }
static void text_of_1_gib(struct victim *v) { v->data->p_flags = PF_R | PF_X, v->data->p_memsz = 1ull << 30; }
static void align_odd(struct victim *v) { v->data->p_align = 0xfff; }
static void shared_page(struct victim *v) { v->rodata->p_memsz = v->data->p_vaddr - v->rodata->p_vaddr, v->data->p_vaddr -= 8; }
static void beyond_4_gib(struct victim *v) { v->data->p_memsz = 4ull << 30; }
static void beyond_all(struct victim *v) { v->data->p_memsz = 1ull << 40; }
static void entry_0(struct victim *v) { v->ehdr->e_entry = 0; }
static void entry_in_data(struct victim *v) { v->ehdr->e_entry = v->data->p_vaddr; }
static void entry_high(struct victim *v) { v->ehdr->e_entry = UINT64_MAX; }

static void shared_page_memsz(struct victim *v)
{
	shared_page(v);
	v->rodata->p_memsz -= 16;
}

static const struct {
	const char *name;
	void (*spoil)(struct victim *v);
	const char *says;
	const char *options; /* such an image is good, only not with them */
} cases[] = {
	{ "solo5-class-32", class_32, "EI_CLASS 1", NULL },
	{ "solo5-big-endian", big_endian, "EI_DATA 2", NULL },
	{ "solo5-aarch64", aarch64, "e_machine", NULL },
	{ "solo5-i386", i386, "e_machine 3, EI_CLASS 2: a Solo5 guest is a 64-bit x86 image", NULL },
	{ "solo5-pie", pie, "e_type 3: a Solo5 guest is 2, ET_EXEC", NULL },
	{ "solo5-object-file", object_file, "e_type 1", NULL },
	{ "solo5-cut-phdrs", cut_phdrs, "it is cut short", NULL },
	{ "solo5-cut-notes", cut_notes, "it is cut short", NULL },
	{ "solo5-cut-text", cut_text, "it is cut short", NULL },
	{ "solo5-cut-data", cut_data, "it is cut short", NULL },

	{ "solo5-no-manifest", no_manifest, "has no Solo5 manifest note", NULL },
	{ "solo5-two-abis", two_abis, "2 Solo5 ABI notes: an image has one", NULL },
	{ "solo5-two-manifests", two_manifests, "2 Solo5 manifest notes: an image has one", NULL },
	{ "solo5-abi-short", abi_short, "Solo5 ABI note: n_descsz 8: must be 16", NULL },
	{ "solo5-abi-huge", abi_huge, "program header 3 (PT_NOTE)", NULL },
	{ "solo5-manifest-huge", manifest_huge, "n_descsz 4294967292", NULL },
	{ "solo5-manifest-empty", manifest_empty, "Solo5 manifest note: n_descsz 0: must be 116 to 6668", NULL },
	{ "solo5-manifest-of-3-bytes", manifest_of_3_bytes, "Solo5 manifest note: n_descsz 3", NULL },
	{ "solo5-manifest-padding-only", manifest_padding_only, "manifest: 0 bytes, and its header has 8", NULL },
	{ "solo5-notes-far", notes_far, "it is cut short", NULL },
	{ "solo5-notes-wrap", notes_wrap, "p_filesz 0xfffffffffffffffc is beyond the file", NULL },
	{ "solo5-notes-large", notes_large, "p_filesz 0x4004", NULL },
	{ "solo5-target-spt", target_spt, "target 2 (spt): kvick runs 1 (hvt): build it for hvt", NULL },
	{ "solo5-target-none", target_none, "target 4294967295 (unknown)", NULL },
	{ "solo5-version-1", version_1, "Solo5 ABI note: version 1: kvick speaks 2", NULL },
	{ "solo5-version-3", version_3, "Solo5 ABI note: version 3: kvick speaks 2", NULL },

	{ "solo5-manifest-version", manifest_version, "manifest: version 2: kvick knows 1", NULL },
	{ "solo5-no-entries", no_entries, "manifest: entries 0: must be 1 to 64", NULL },
	{ "solo5-entries-too-many", entries_too_many, "manifest: entries 65: must be 1 to 64", NULL },
	{ "solo5-entries-that-wrap", entries_that_wrap, "must be 1 to 64", NULL },
	{ "solo5-entries-missing", entries_missing, "manifest: 216 bytes, and 3 entries are 320", NULL },
	{ "solo5-entries-not-counted", entries_not_counted, "manifest: 216 bytes, and 1 entries are 112", NULL },
	{ "solo5-first-is-a-device", first_is_a_device, "manifest entry 0: type 0x1", NULL },
	{ "solo5-first-has-a-name", first_has_a_name, "manifest entry 0: has a name", NULL },
	{ "solo5-type-unknown", type_unknown, "manifest entry 1: type 0x4d", NULL },
	{ "solo5-name-empty", name_empty, "manifest entry 1: name", NULL },
	{ "solo5-name-endless", name_endless, "manifest entry 1: name", NULL },
	{ "solo5-name-escape", name_escape, "manifest entry 1: name", NULL },
	{ "solo5-name-twice", name_twice, "manifest entry 2: name \"disk\": entry 1 has it too", NULL },
	{ "solo5-attached", attached, "manifest entry 1: attached 1", NULL },

	{ "solo5-no-loads", no_loads, "has no PT_LOAD segment", NULL },
	{ "solo5-filesz-above-memsz", filesz_above_memsz, "> p_memsz 0x", NULL },
	{ "solo5-memsz-wraps", memsz_wraps, "p_memsz 0xffffffffffffffff is beyond", NULL },
	{ "solo5-vaddr-wraps", vaddr_wraps, "p_vaddr 0xfffffffffffff000", NULL },
	{ "solo5-offset-wraps", offset_wraps, "p_offset 0xffffffffffffffff", NULL },
	{ "solo5-overlap", overlap, "overlaps", NULL },
	{ "solo5-descending", descending, "segments must ascend", NULL },
	{ "solo5-below-base", below_base, "p_vaddr 0xff000: below 0x100000", NULL },
	{ "solo5-at-null", at_null, "p_vaddr 0x0: below 0x100000", NULL },
	{ "solo5-writable-text", writable_text, "p_flags 0x7: is writable and executable", NULL },
	{ "solo5-executable-data", executable_data, "p_flags 0x3: is writable and executable", NULL },
	{ "solo5-text-of-1-gib", text_of_1_gib, "has too much text to run at ring 3: use --ring 0",
	  "--ring 3 --block:disk=/dev/null" },
	{ "solo5-align-odd", align_odd, "p_align 0xfff: must be a power of two", NULL },
	{ "solo5-shared-page", shared_page_memsz, "shares a page", NULL },
	{ "solo5-beyond-4-gib", beyond_4_gib, "and a Solo5 guest has 4 GiB", "--block:disk=/dev/null" },
	{ "solo5-beyond-all", beyond_all, "is beyond 0x1000000000", NULL },
	{ "solo5-entry-0", entry_0, "e_entry 0x0: is in no executable segment", NULL },
	{ "solo5-entry-in-data", entry_in_data, "is in no executable segment", NULL },
	{ "solo5-entry-high", entry_high, "e_entry 0xffffffffffffffff", NULL },
};

/* Finds the parts that the cases spoil. */
static void dissect(struct victim *v, const char *path)
{
	Elf64_Phdr *phdrs;

	v->ehdr = (Elf64_Ehdr *)v->file;
	if (v->bytes < 4096 || memcmp(v->file, ELFMAG, SELFMAG) || v->ehdr->e_phnum < 5)
		die(path, "not a linked image");
	v->phdrs = phdrs = (Elf64_Phdr *)(v->file + v->ehdr->e_phoff);
	v->text = &phdrs[0], v->rodata = &phdrs[1], v->data = &phdrs[2], v->abi_phdr = &phdrs[3], v->manifest_phdr = &phdrs[4];
	v->abi_note = (Elf64_Nhdr *)(v->file + v->abi_phdr->p_offset);
	v->manifest_note = (Elf64_Nhdr *)(v->file + v->manifest_phdr->p_offset);
	if (v->abi_phdr->p_type != PT_NOTE || v->abi_note->n_type != SOLO5_NOTE_ABI || v->manifest_phdr->p_type != PT_NOTE ||
	    v->manifest_note->n_type != SOLO5_NOTE_MANIFEST)
		die(path, "its notes are not where they should be");
	v->abi = (file_abi *)((uint8_t *)v->abi_note + 20);
	v->version = (file_u32 *)((uint8_t *)v->manifest_note + 24);
	v->entries = v->version + 1;
	v->entry = (file_entry *)(v->version + 2);
}

int main(int argc, char **argv)
{
	uint8_t *good;
	size_t bytes;

	if (argc != 3) {
		fprintf(stderr, "usage: make_solo5_images GOOD.hvt FOLDER\n");
		return 2;
	}
	good = read_file(argv[1], BYTES_MAX, &bytes);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct victim v = { .file = malloc(BYTES_MAX), .bytes = bytes };

		if (!v.file)
			die(argv[1], strerror(ENOMEM));
		memcpy(v.file, good, BYTES_MAX);
		dissect(&v, argv[1]);
		cases[i].spoil(&v);
		write_file(argv[2], cases[i].name, v.file, v.bytes);
		list(cases[i].name, cases[i].says, cases[i].options);
		free(v.file);
	}
	free(good);
	return 0;
}
