/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PVH: an ELF file, 32-bit or 64-bit, with a note of Xen's that names a 32-bit entry (Xen's docs/misc/pvh.pandoc, "direct boot").
 * What a bzImage has inside is one, too, where --protocol says so: by itself a bzImage is Linux's.
 */
#include "loader/pvh.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>
#include <xen/arch-x86/hvm/start_info.h>
#include <xen/elfnote.h>

#include "loader/elf.h"
#include "loader/image.h"
#include "loader/linux.h"
#include "loader/refuse.h"

#define NOTE_OWNER   "Xen"
#define E820_ENTRIES 3u

_Static_assert(sizeof(struct hvm_start_info) == 56 && sizeof(struct hvm_modlist_entry) == 32 &&
	       sizeof(struct hvm_memmap_table_entry) == 24, "as Xen's headers describe them");

static int find_note(const struct elf *elf, struct elf_note *note)
{
	return elf_find_note(elf, NOTE_OWNER, XEN_ELFNOTE_PHYS32_ENTRY, note, NULL);
}

static const char *pvh_probe(const struct image *image, const uint8_t *head, size_t head_bytes, struct sys *sys)
{
	struct elf_note note;
	struct error error = { 0 };
	struct elf elf;

	/* A note of kvick's may come yet. */
	if (!elf_magic(head, head_bytes) || !image_head_is_whole(image, head_bytes) || elf_open(&elf, image, sys, &error) < 0)
		return NULL;
	return find_note(&elf, &note) == 1 ? "has Xen's note of a 32-bit entry, PHYS32_ENTRY" : NULL;
}

/* The note's 4 or 8 bytes are the entry's physical address. */
static int read_entry(struct image *image, const struct elf *elf, struct sys *sys, struct error *error)
{
	struct elf_note note;
	int r = find_note(elf, &note);

	if (r == 0)
		return image_refuse(image->path, error, "has no note PHYS32_ENTRY (owner \"Xen\", type %u): build it with "
				    "CONFIG_PVH, or leave --protocol out", XEN_ELFNOTE_PHYS32_ENTRY);
	if (r < 0)
		return r;
	if (note.bytes != sizeof(uint32_t) && note.bytes != sizeof(uint64_t))
		return image_refuse(image->path, error, "program header %u: note PHYS32_ENTRY: n_descsz %" PRIu32 ": must be 4 or "
				    "8: rebuild the image", note.phdr, note.bytes);
	image->entry = 0;
	return image_read(image, note.offset, &image->entry, note.bytes, sys, error);
}

static int parse_elf(struct image *image, struct sys *sys, struct error *error)
{
	struct elf elf;
	int r = elf_open(&elf, image, sys, error);

	if (r == 0)
		r = read_entry(image, &elf, sys, error);
	if (r == 0)
		r = kernel_segments(&elf, image);
	if (r < 0)
		return r;
	if (!elf_entry_is_in(image, image->entry))
		return image_refuse(image->path, error, "note PHYS32_ENTRY 0x%" PRIx64 ": in no segment's file bytes, by p_paddr: "
				    "rebuild the image", image->entry);
	return 0;
}

static int pvh_parse(struct image *image, const uint8_t *head, size_t head_bytes, struct sys *sys, struct error *error)
{
	image->note = (struct kvick_note){ .rings = KVICK_RINGS_0 };
	if (elf_magic(head, head_bytes)) {
		image->kernel.work_bytes = KERNEL_WORK_BYTES;
	} else {
		int r = linux_open_bzimage(image, head, head_bytes, sys, error);

		if (r < 0)
			return r;
		if (r == 0)
			return image_refuse(image->path, error, "payload: kvick unpacks LZ4 alone, and this is something else: "
					    "give the vmlinux inside, or leave --protocol out");
	}
	/* Of a bzImage's header nothing but the memory that a Linux needs. */
	image->kernel.command_line_max = KERNEL_COMMAND_LINE_MAX;
	image->kernel.initrd_last = UINT32_MAX;
	image->kernel.bzimage = false;
	image->kernel.version = 0;
	return parse_elf(image, sys, error);
}

/* The lists follow it: the memory map, modules at a multiple of their size, their strings. */
struct start_page {
	struct hvm_start_info info;
	uint64_t padding[4];
	struct hvm_memmap_table_entry memory[E820_ENTRIES];
	struct hvm_modlist_entry modules[];
};

_Static_assert(offsetof(struct start_page, modules) % sizeof(struct hvm_modlist_entry) == 0, "modules are aligned");

bool pvh_start_info_fits(const struct boot_module *modules, unsigned count)
{
	uint64_t bytes = sizeof(struct start_page) + count * sizeof(struct hvm_modlist_entry);

	for (unsigned i = 0; i < count; i++)
		bytes += strlen(modules[i].string) + 1;
	return bytes <= GUEST_PAGE_BYTES;
}

static void write_modules(struct start_page *page, const struct pvh_boot *boot)
{
	char *string = (char *)&page->modules[boot->module_count];

	for (unsigned i = 0; i < boot->module_count; i++) {
		const struct boot_module *module = &boot->modules[i];

		page->modules[i] = (struct hvm_modlist_entry){
			.paddr = module->run.at,
			.size = module->run.bytes,
			.cmdline_paddr = boot->start_info + (uint64_t)(string - (char *)page),
		};
		string = stpcpy(string, module->string) + 1;
	}
}

void pvh_write_start_info(struct guest_mem *mem, const struct pvh_boot *boot)
{
	struct start_page *page = guest_mem_span(mem, gpa(boot->start_info), GUEST_PAGE_BYTES);

	assert(page && pvh_start_info_fits(boot->modules, boot->module_count));
	page->info = (struct hvm_start_info){
		.magic = XEN_HVM_START_MAGIC_VALUE,
		.version = 1,
		.nr_modules = boot->module_count,
		.modlist_paddr = boot->module_count ? boot->start_info + offsetof(struct start_page, modules) : 0,
		.cmdline_paddr = boot->command_line,
		.rsdp_paddr = boot->rsdp,
		.memmap_paddr = boot->start_info + offsetof(struct start_page, memory),
		.memmap_entries = E820_ENTRIES,
	};
	page->memory[0] = (struct hvm_memmap_table_entry){ .addr = 0, .size = boot->low_end, .type = XEN_HVM_MEMMAP_TYPE_RAM };
	page->memory[1] = (struct hvm_memmap_table_entry){
		.addr = boot->low_end, .size = boot->hole_end - boot->low_end, .type = XEN_HVM_MEMMAP_TYPE_RESERVED,
	};
	page->memory[2] = (struct hvm_memmap_table_entry){
		.addr = boot->hole_end, .size = boot->mem_bytes - boot->hole_end, .type = XEN_HVM_MEMMAP_TYPE_RAM,
	};
	write_modules(page, boot);
}

const struct protocol protocol_pvh = {
	.name = "pvh",
	.about = "ELF, PVH: Xen's 32-bit direct boot",
	.kind = IMAGE_PVH,
	.probe = pvh_probe,
	.parse = pvh_parse,
};
