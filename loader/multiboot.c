/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Multiboot 1 (Multiboot Specification 0.6.96): ELF files of 32 and 64 bits, or any file whose header says what goes where. A
 * 64-bit one is entered in 32-bit protected mode as well, which not every boot loader does.
 */
#include "loader/multiboot.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "loader/elf.h"
#include "loader/image.h"
#include "loader/refuse.h"
#include "vmm/pc/layout.h"
#include "vmm/round.h"

/* 3.1 */
#define HEADER_MAGIC    0x1badb002u
#define SEARCH_BYTES    8192u
#define SEARCH_ALIGN    4u
#define FLAGS_REQUIRED  0xffffu
#define FLAGS_KNOWN     (MULTIBOOT_PAGE_ALIGN | MULTIBOOT_MEMORY | MULTIBOOT_VIDEO)
#define ADDRESS_END     (1ull << 32)

/* Below it lies the GDT, and what a real PC's BIOS has there. */
#define LOWEST GUEST_PAGE_BYTES

struct header {
	uint32_t magic, flags, checksum;
	uint32_t header_addr, load_addr, load_end_addr, bss_end_addr, entry_addr; /* with MULTIBOOT_ADDRESSES */
};

#define HEADER_BYTES_LEAST offsetof(struct header, header_addr)

struct found {
	struct header header;
	uint32_t at;    /* in the file */
	uint32_t bytes; /* of the header, as far as file and search go */
	bool wrong;     /* its checksum is */
};

/* ---- the header ---- */

static bool checksum_is_right(const struct header *h)
{
	return (uint32_t)(h->magic + h->flags + h->checksum) == 0;
}

/* The first header that is whole; else the first that would be one but for its checksum. 1, 0 or -errno. */
static int find_header(const struct image *image, struct found *found, struct sys *sys, struct error *error)
{
	uint32_t bytes = image->file_bytes < SEARCH_BYTES ? (uint32_t)image->file_bytes : SEARCH_BYTES;
	uint8_t head[SEARCH_BYTES];
	int r = image_read(image, 0, head, bytes, sys, error);

	*found = (struct found){ 0 };
	for (uint32_t at = 0; r == 0 && at + HEADER_BYTES_LEAST <= bytes; at += SEARCH_ALIGN) {
		struct found here = { .at = at, .bytes = bytes - at };
		uint32_t magic;

		/* Alone first: every image that is of no earlier protocol comes through here, 2048 times. */
		memcpy(&magic, head + at, sizeof(magic));
		if (magic != HEADER_MAGIC)
			continue;
		if (here.bytes > sizeof(here.header))
			here.bytes = sizeof(here.header);
		memcpy(&here.header, head + at, here.bytes);
		here.wrong = !checksum_is_right(&here.header);
		if (!here.wrong || !found->wrong)
			*found = here;
		if (!here.wrong)
			return 1;
	}
	return r;
}

static const char *multiboot_probe(const struct image *image, const uint8_t *head, size_t head_bytes, struct sys *sys)
{
	struct error unsaid = { 0 };
	struct found found;

	(void)head;
	/* Those who come before may need the whole head to know their own. */
	if (!image_head_is_whole(image, head_bytes))
		return NULL;
	return find_header(image, &found, sys, &unsaid) == 1 ? "has a multiboot 1 header" : NULL;
}

#define refuse(image, found, error, format, ...) \
	image_refuse((image)->path, error, "multiboot header at 0x%x: " format, (found)->at, __VA_ARGS__)

static int check_header(const struct image *image, const struct found *found, struct error *error)
{
	uint32_t flags = found->header.flags, unknown = flags & FLAGS_REQUIRED & ~FLAGS_KNOWN;

	if (unknown)
		return refuse(image, found, error, "flags 0x%x: bit %d is one that a boot loader must know, and kvick does not: "
			      "build it without", flags, __builtin_ctz(unknown));
	if (flags & MULTIBOOT_ADDRESSES && found->bytes < sizeof(found->header))
		return refuse(image, found, error, "flags 0x%x: bit 16 says that addresses follow, and only %u of its %zu bytes "
			      "are in the file's first %u: it is cut short: rebuild the image", flags, found->bytes,
			      sizeof(found->header), SEARCH_BYTES);
	return 0;
}

/* ---- where the image goes ---- */

/* The rules of the machine, for either kind. `field` is what the address was called there. */
static int check_places(const struct image *image, const char *field, struct error *error)
{
	for (unsigned i = 0; i < image->segment_count; i++) {
		const struct segment *s = &image->segments[i];

		if (s->gpa < PC_HIGH_RAM && s->gpa + s->mem_bytes > PC_LOW_RAM_END)
			return image_refuse(image->path, error, "%s 0x%" PRIx64 ": reaches into 0x%llx to 0x%llx, where a PC has "
					    "no RAM: link it from 0x%llx on", field, s->gpa, PC_LOW_RAM_END, PC_HIGH_RAM,
					    PC_HIGH_RAM);
		if (s->gpa + s->mem_bytes > PC_RAM_END)
			return image_refuse(image->path, error, "%s 0x%" PRIx64 ": %" PRIu64 " bytes there end beyond 0x%llx, the "
					    "most RAM that a PC guest has: link it lower", field, s->gpa, s->mem_bytes, PC_RAM_END);
	}
	return 0;
}

/* 3.1.3. All sums are of 64 bits: none wraps. */
static int place_by_header(struct image *image, const struct found *found, struct error *error)
{
	const struct header *h = &found->header;
	uint64_t before = (uint64_t)h->header_addr - h->load_addr, offset = found->at - before, left, bytes, end;

	if (h->load_addr > h->header_addr)
		return refuse(image, found, error, "load_addr 0x%x: above header_addr 0x%x: rebuild the image", h->load_addr,
			      h->header_addr);
	if (before > found->at)
		return refuse(image, found, error, "header_addr 0x%x: %" PRIu64 " bytes after load_addr 0x%x, and the file has "
			      "fewer before it: rebuild the image", h->header_addr, before, h->load_addr);
	left = image->file_bytes - offset;
	if (h->load_end_addr && h->load_end_addr <= h->load_addr)
		return refuse(image, found, error, "load_end_addr 0x%x: not above load_addr 0x%x: rebuild the image",
			      h->load_end_addr, h->load_addr);
	bytes = h->load_end_addr ? h->load_end_addr - h->load_addr : left;
	if (bytes > left)
		return refuse(image, found, error, "load_end_addr 0x%x: %" PRIu64 " bytes to load, and %" PRIu64 " are in the "
			      "file: it is cut short: rebuild or copy it again", h->load_end_addr, bytes, left);
	end = h->load_addr + bytes;
	if (h->bss_end_addr && h->bss_end_addr < end)
		return refuse(image, found, error, "bss_end_addr 0x%x: below the end of what is loaded, 0x%" PRIx64 ": rebuild the "
			      "image", h->bss_end_addr, end);
	if (h->load_addr < LOWEST)
		return refuse(image, found, error, "load_addr 0x%x: below 0x%llx, where the machine has things of its own: link it "
			      "higher", h->load_addr, LOWEST);
	if (h->entry_addr < h->load_addr || h->entry_addr >= end)
		return refuse(image, found, error, "entry_addr 0x%x: not in what is loaded, 0x%x to 0x%" PRIx64 ": rebuild the "
			      "image", h->entry_addr, h->load_addr, end);
	image->segment_count = 1;
	image->segments[0] = (struct segment){
		.gpa = h->load_addr,
		.mem_bytes = (h->bss_end_addr ? h->bss_end_addr : end) - h->load_addr,
		.file_offset = offset,
		.file_bytes = bytes,
	};
	image->entry = h->entry_addr;
	image->base = round_down(h->load_addr, GUEST_PAGE_BYTES);
	image->end = round_up(h->load_addr + image->segments[0].mem_bytes, GUEST_PAGE_BYTES);
	return check_places(image, "multiboot header: load_addr", error);
}

/* e_entry may be virtual, of a kernel that is linked higher than it is loaded, or physical: as GRUB has it, in this order. */
static uint64_t physical_entry(const struct elf *elf)
{
	uint64_t entry = elf->ehdr.e_entry;

	for (unsigned i = 0; i < elf->ehdr.e_phnum; i++) {
		const Elf64_Phdr *phdr = &elf->phdrs[i];

		if (phdr->p_type == PT_LOAD && entry >= phdr->p_vaddr && entry - phdr->p_vaddr < phdr->p_filesz)
			return entry - phdr->p_vaddr + phdr->p_paddr;
	}
	return entry;
}

/* There is no paging, and a PC's loader has no permissions to give. */
static void allow_all(struct image *image)
{
	for (unsigned i = 0; i < image->segment_count; i++)
		image->segments[i].perms = SEGMENT_R | SEGMENT_W | SEGMENT_X;
}

static int place_by_elf(struct image *image, const struct found *found, const uint8_t *head, size_t head_bytes, struct sys *sys,
			struct error *error)
{
	struct elf elf;
	int r;

	if (!elf_magic(head, head_bytes))
		return refuse(image, found, error, "flags 0x%x: without bit 16 it must be an ELF file, and this is none: rebuild "
			      "the image", found->header.flags);
	r = elf_open(&elf, image, sys, error);
	if (r == 0)
		r = elf_segments(&elf, image, ELF_PHYSICAL, LOWEST);
	if (r == 0)
		r = check_places(image, "p_paddr", error);
	if (r < 0)
		return r;
	allow_all(image);
	image->entry = physical_entry(&elf);
	if (!elf_entry_is_in(image, image->entry))
		return image_refuse(image->path, error, "e_entry 0x%" PRIx64 ": is in no segment, by p_vaddr or by p_paddr: "
				    "rebuild the image", elf.ehdr.e_entry);
	return 0;
}

static int multiboot_parse(struct image *image, const uint8_t *head, size_t head_bytes, struct sys *sys, struct error *error)
{
	struct found found;
	int r = find_header(image, &found, sys, error);

	if (r < 0)
		return r;
	if (found.wrong)
		return refuse(image, &found, error, "checksum 0x%x: with magic 0x%x and flags 0x%x it must give 0: rebuild the "
			      "image", found.header.checksum, HEADER_MAGIC, found.header.flags);
	if (r == 0)
		return image_refuse(image->path, error, "has no multiboot header: magic 0x%x at a multiple of %u in the first %u "
				    "bytes: leave --protocol out", HEADER_MAGIC, SEARCH_ALIGN, SEARCH_BYTES);
	r = check_header(image, &found, error);
	if (r < 0)
		return r;
	image->note = (struct kvick_note){ .rings = KVICK_RINGS_0 };
	image->multiboot.header_at = found.at;
	image->multiboot.flags = found.header.flags;
	if (!(found.header.flags & MULTIBOOT_ADDRESSES))
		return place_by_elf(image, &found, head, head_bytes, sys, error);
	r = place_by_header(image, &found, error);
	allow_all(image);
	return r;
}

/* ---- what the kernel finds ---- */

#define LOADER_NAME "kvick"
#define RUNS 4u

/* One after the other in guest RAM. */
struct places {
	uint64_t map, mods, name, strings, end;
};

static struct places places(const struct boot_module *modules, unsigned count)
{
	struct places p = { .map = round_up(sizeof(struct multiboot_info), sizeof(uint64_t)) };

	p.mods = p.map + RUNS * sizeof(struct multiboot_mmap);
	p.name = p.mods + count * sizeof(struct multiboot_mod);
	p.strings = p.end = p.name + sizeof(LOADER_NAME);
	for (unsigned i = 0; i < count; i++)
		p.end += strlen(modules[i].string) + 1;
	return p;
}

uint64_t multiboot_info_bytes(const struct boot_module *modules, unsigned count)
{
	return places(modules, count).end;
}

/* Video memory is in no PC's map, and Unikraft takes it for its own. */
static void write_map(uint8_t *at, const struct multiboot_boot *boot)
{
	enum { RAM = 1, RESERVED = 2 };
	const struct { uint64_t from, to; uint32_t type; } runs[RUNS] = {
		{ 0, boot->low_end, RAM },
		{ boot->low_end, boot->low_top, RESERVED },
		{ boot->rom, boot->rom_end, RESERVED },
		{ boot->rom_end, boot->mem_bytes, RAM },
	};

	for (unsigned i = 0; i < RUNS; i++, at += sizeof(struct multiboot_mmap))
		memcpy(at, &(struct multiboot_mmap){
			.size = sizeof(struct multiboot_mmap) - sizeof(uint32_t),
			.addr = runs[i].from,
			.len = runs[i].to - runs[i].from,
			.type = runs[i].type,
		}, sizeof(struct multiboot_mmap));
}

/* at: the list, in our memory; string: where the first one goes, here and for the guest. */
static void write_modules(uint8_t *at, char *string, uint64_t string_at, const struct multiboot_boot *boot)
{
	for (unsigned i = 0; i < boot->module_count; i++, at += sizeof(struct multiboot_mod)) {
		const struct boot_module *m = &boot->modules[i];
		size_t bytes = strlen(m->string) + 1;

		memcpy(at, &(struct multiboot_mod){
			.mod_start = (uint32_t)m->run.at,
			.mod_end = (uint32_t)(m->run.at + m->run.bytes),
			.string = (uint32_t)string_at,
		}, sizeof(struct multiboot_mod));
		memcpy(string, m->string, bytes);
		string += bytes;
		string_at += bytes;
	}
}

void multiboot_write_info(const struct guest_mem *mem, const struct multiboot_boot *boot)
{
	struct places p = places(boot->modules, boot->module_count);
	uint8_t *to = guest_mem_span(mem, gpa(boot->info), p.end);

	assert(to && boot->info + p.end <= ADDRESS_END && boot->mem_bytes <= ADDRESS_END);
	memcpy(to, &(struct multiboot_info){
		.flags = MULTIBOOT_INFO_MEMORY | MULTIBOOT_INFO_CMDLINE | MULTIBOOT_INFO_MODS | MULTIBOOT_INFO_MMAP |
			 MULTIBOOT_INFO_LOADER,
		.mem_lower = (uint32_t)(boot->low_end >> 10),
		.mem_upper = (uint32_t)((boot->mem_bytes - boot->rom_end) >> 10),
		.cmdline = (uint32_t)boot->command_line,
		.mods_count = boot->module_count,
		.mods_addr = (uint32_t)(boot->info + p.mods),
		.mmap_length = RUNS * sizeof(struct multiboot_mmap),
		.mmap_addr = (uint32_t)(boot->info + p.map),
		.boot_loader_name = (uint32_t)(boot->info + p.name),
	}, sizeof(struct multiboot_info));
	write_map(to + p.map, boot);
	memcpy(to + p.name, LOADER_NAME, sizeof(LOADER_NAME));
	write_modules(to + p.mods, (char *)to + p.strings, boot->info + p.strings, boot);
}

const struct protocol protocol_multiboot = {
	.name = "multiboot",
	.about = "multiboot 1, 32-bit entry",
	.kind = IMAGE_MULTIBOOT,
	.probe = multiboot_probe,
	.parse = multiboot_parse,
};
