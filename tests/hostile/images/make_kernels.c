/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spoils good kernels in every way that a start must refuse, as make_images.c does with a native image.
 *
 *	make_kernels KERNEL.kernel KERNEL-pvh.kernel KERNEL-lz4.bzImage FOLDER
 *
 * Of guests/bzimage: an ELF file for Linux's boot protocol, one with PVH's note, and a bzImage with that inside.
 */
#include <asm/bootparam.h>
#include <elf.h>

#include "tests/hostile/images/files.h"

#define BYTES_MAX (16u << 20)

enum good { ELF_LINUX, ELF_PVH, BZIMAGE, GOOD_COUNT };

struct victim {
	uint8_t *file;
	size_t bytes;
	Elf64_Ehdr *ehdr;
	Elf64_Phdr *first, *last; /* PT_LOAD: text, data */
	uint32_t *note;           /* PHYS32_ENTRY: n_namesz, n_descsz, n_type, "Xen", the entry */
	struct setup_header *hdr;
	uint8_t *payload;
};

static void set_size(struct victim *v, uint32_t size)
{
	memcpy(v->payload + v->hdr->payload_length - 4, &size, 4);
}

/* ELF files. */

static void entry_0(struct victim *v) { v->ehdr->e_entry = 0; }
static void entry_virtual(struct victim *v) { v->ehdr->e_entry += 0xffffffff80000000; }
static void paddr_wraps(struct victim *v) { v->last->p_paddr = -4096ull; }
static void paddr_far(struct victim *v) { v->last->p_paddr = 1ull << 40; }
static void overlap(struct victim *v) { v->last->p_paddr = v->first->p_paddr + 16; }
static void memsz_wraps(struct victim *v) { v->last->p_memsz = UINT64_MAX; }
static void filesz_above_memsz(struct victim *v) { v->last->p_memsz = v->last->p_filesz - 1; }
static void offset_past_file(struct victim *v) { v->last->p_offset = v->bytes; }
static void offset_wraps(struct victim *v) { v->last->p_offset = -8ull; }
static void cut_data(struct victim *v) { v->bytes = v->last->p_offset + 8; }
static void beyond_3_gib(struct victim *v) { v->last->p_paddr = 0xc0000000; }
static void paddr_low(struct victim *v) { v->last->p_paddr = 0x7000; }
static void note_entry_0(struct victim *v) { v->note[4] = 0; }
static void note_entry_high(struct victim *v) { v->note[4] = UINT32_MAX; }
static void note_size(struct victim *v) { v->note[1] = 3; }

/* bzImages. */

static void old(struct victim *v) { v->hdr->version = 0x0204; }
static void zimage(struct victim *v) { v->hdr->loadflags = 0; }
static void kernel_32(struct victim *v) { v->hdr->xloadflags = 0; }
static void cut_kernel(struct victim *v) { v->bytes -= 512; }
static void cut_setup(struct victim *v) { v->bytes = 1024; }
static void syssize_huge(struct victim *v) { v->hdr->syssize = UINT32_MAX; }
static void pref_low(struct victim *v) { v->hdr->pref_address = 0x10000; }
static void pref_wraps(struct victim *v) { v->hdr->pref_address = -4096ull; }
static void init_small(struct victim *v) { v->hdr->init_size = 4096; }
static void init_below_payload(struct victim *v) { v->hdr->init_size = v->hdr->syssize * 16; }
static void payload_far(struct victim *v) { v->hdr->payload_offset = UINT32_MAX; }
static void payload_long(struct victim *v) { v->hdr->payload_length = UINT32_MAX; }
static void payload_short(struct victim *v) { v->hdr->payload_length -= 100; }
static void size_0(struct victim *v) { set_size(v, 0); }
static void size_huge(struct victim *v) { set_size(v, UINT32_MAX); }
static void size_limit(struct victim *v) { v->hdr->init_size = UINT32_MAX, set_size(v, 0x20000001); }
static void size_less(struct victim *v) { set_size(v, 4096); }
static void size_more(struct victim *v) { set_size(v, 65536); }
static void block_0(struct victim *v) { memset(v->payload + 4, 0, 4); }
static void block_huge(struct victim *v) { memset(v->payload + 4, 0xff, 4); }
static void garbage(struct victim *v) { memset(v->payload + 300, 0, 8); }
static void all_ones(struct victim *v) { memset(v->payload + 8, 0xff, 64); }

/* As many as there is room for, each of one byte: a token of no literals. */
static void blocks_of_nothing(struct victim *v)
{
	uint8_t *end = v->payload + v->hdr->payload_length - 4;

	for (uint8_t *at = v->payload + 4; end - at >= 5; at += 5)
		memcpy(at, "\1\0\0\0", 5);
}

static const struct {
	enum good good;
	const char *name;
	void (*spoil)(struct victim *v);
	const char *says;
	const char *options; /* NULL: none; else the kernel is good, only not with them */
} cases[] = {
	{ ELF_LINUX, "linux-entry-0", entry_0, "e_entry 0x0: in no segment's file bytes", NULL },
	{ ELF_LINUX, "linux-entry-virtual", entry_virtual, "e_entry 0xffffffff80", NULL },
	{ ELF_LINUX, "linux-paddr-wraps", paddr_wraps, "p_paddr 0xfffffffffffff000 + p_memsz", NULL },
	{ ELF_LINUX, "linux-paddr-far", paddr_far, "p_paddr 0x10000000000 + p_memsz", NULL },
	{ ELF_LINUX, "linux-overlap", overlap, "this segment overlaps the one at 0x100000", NULL },
	{ ELF_LINUX, "linux-memsz-wraps", memsz_wraps, "p_memsz 0xffffffffffffffff is beyond", NULL },
	{ ELF_LINUX, "linux-filesz-above-memsz", filesz_above_memsz, "> p_memsz 0x", NULL },
	{ ELF_LINUX, "linux-offset-past-file", offset_past_file, "it is cut short", NULL },
	{ ELF_LINUX, "linux-offset-wraps", offset_wraps, "p_offset 0xfffffffffffffff8", NULL },
	{ ELF_LINUX, "linux-cut", cut_data, "it is cut short", NULL },

	{ ELF_PVH, "pvh-note-entry-0", note_entry_0, "note PHYS32_ENTRY 0x0: in no segment's", NULL },
	{ ELF_PVH, "pvh-note-entry-high", note_entry_high, "note PHYS32_ENTRY 0xffffffff: in no segment's", NULL },
	{ ELF_PVH, "pvh-note-size", note_size, "n_descsz 3: must be 4 or 8", NULL },
	{ ELF_PVH, "pvh-paddr-low", paddr_low, "p_paddr 0x7000: below 0x100000", NULL },
	{ ELF_PVH, "pvh-paddr-wraps", paddr_wraps, "p_paddr 0xfffffffffffff000 + p_memsz", NULL },
	{ ELF_PVH, "pvh-overlap", overlap, "this segment overlaps the one at 0x100000", NULL },
	{ ELF_PVH, "pvh-memsz-wraps", memsz_wraps, "p_memsz 0xffffffffffffffff is beyond", NULL },
	{ ELF_PVH, "pvh-cut", cut_data, "it is cut short", NULL },

	{ BZIMAGE, "bzimage-old", old, "version: boot protocol 2.4", NULL },
	{ BZIMAGE, "bzimage-zimage", zimage, "loadflags 0x0", NULL },
	{ BZIMAGE, "bzimage-32-bit", kernel_32, "xloadflags 0x0", NULL },
	{ BZIMAGE, "bzimage-cut", cut_kernel, "syssize: ", NULL },
	{ BZIMAGE, "bzimage-cut-setup", cut_setup, "and 0 are in the file", NULL },
	{ BZIMAGE, "bzimage-syssize-huge", syssize_huge, "syssize: 68719476720 bytes", NULL },
	{ BZIMAGE, "bzimage-pref-low", pref_low, "pref_address 0x10000", NULL },
	{ BZIMAGE, "bzimage-pref-wraps", pref_wraps, "pref_address 0xfffffffffffff000", NULL },
	{ BZIMAGE, "bzimage-init-small", init_small, "init_size 4096: less than", NULL },
	{ BZIMAGE, "bzimage-init-below-payload", init_below_payload, "bytes, and init_size is ", NULL },
	{ BZIMAGE, "bzimage-payload-far", payload_far, "payload_offset 0xffffffff + payload_length", NULL },
	{ BZIMAGE, "bzimage-payload-long", payload_long, "payload_length 0xffffffff is beyond", NULL },
	{ BZIMAGE, "bzimage-payload-short", payload_short, "payload: ", NULL },
	{ BZIMAGE, "bzimage-size-0", size_0, "payload: its last 4 bytes say that it unpacks to 0 bytes", NULL },
	{ BZIMAGE, "bzimage-size-huge", size_huge, "payload: its last 4 bytes say that it unpacks to 4294967295 bytes", NULL },
	{ BZIMAGE, "bzimage-size-limit", size_limit, "kvick unpacks up to 536870912", NULL },
	{ BZIMAGE, "bzimage-size-less", size_less, "payload: LZ4 block at 0x4: no LZ4, or more than the 4096 bytes", NULL },
	{ BZIMAGE, "bzimage-size-more", size_more, "and its last 4 bytes say 65536", NULL },
	{ BZIMAGE, "bzimage-block-0", block_0, "payload: LZ4 block at 0x4: 0 bytes", NULL },
	{ BZIMAGE, "bzimage-block-huge", block_huge, "payload: LZ4 block at 0x4: 4294967295 bytes", NULL },
	{ BZIMAGE, "bzimage-blocks-of-nothing", blocks_of_nothing, "payload: LZ4 block at 0x4: unpacks to 0 bytes", NULL },
	{ BZIMAGE, "bzimage-garbage", garbage, "payload: ", NULL },
	{ BZIMAGE, "bzimage-all-ones", all_ones, "payload: LZ4 block at 0x4: no LZ4", NULL },

	{ ELF_LINUX, "linux-beyond-3-gib", beyond_3_gib, "a PC guest has 3072 at most", "--mem=64M" },
	{ ELF_PVH, "pvh-beyond-3-gib", beyond_3_gib, "a PC guest has 3072 at most", "--mem=64M" },
};

/* Finds the parts that the cases spoil. */
static void dissect(struct victim *v, enum good good)
{
	Elf64_Phdr *phdrs;

	if (good == BZIMAGE) {
		v->hdr = (struct setup_header *)(v->file + 0x1f1);
		v->payload = v->file + (v->hdr->setup_sects + 1) * 512 + v->hdr->payload_offset;
		return;
	}
	v->ehdr = (Elf64_Ehdr *)v->file;
	phdrs = (Elf64_Phdr *)(v->file + v->ehdr->e_phoff);
	v->first = &phdrs[0];
	v->last = &phdrs[1];
	v->note = (uint32_t *)(v->file + phdrs[2].p_offset);
}

static void make(const char *folder, const struct victim *good, enum good which, const char *name, void (*spoil)(struct victim *v))
{
	struct victim v = { .file = malloc(good->bytes), .bytes = good->bytes };

	if (!v.file)
		die(name, strerror(ENOMEM));
	memcpy(v.file, good->file, good->bytes);
	dissect(&v, which);
	spoil(&v);
	write_file(folder, name, v.file, v.bytes);
	free(v.file);
}

int main(int argc, char **argv)
{
	struct victim good[GOOD_COUNT] = { 0 };

	if (argc != GOOD_COUNT + 2) {
		fprintf(stderr, "usage: make_kernels KERNEL.kernel KERNEL-pvh.kernel KERNEL-lz4.bzImage FOLDER\n");
		return 2;
	}
	for (unsigned i = 0; i < GOOD_COUNT; i++)
		good[i].file = read_file(argv[1 + i], BYTES_MAX, &good[i].bytes);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		make(argv[GOOD_COUNT + 1], &good[cases[i].good], cases[i].good, cases[i].name, cases[i].spoil);
		list(cases[i].name, cases[i].says, cases[i].options);
	}
	return 0;
}
