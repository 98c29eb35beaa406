/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is entered by Linux's 64-bit boot protocol (Documentation/arch/x86/boot.rst): bzImages, as Linux builds them, and ELF files
 * (linux_elf.c), which may be inside of one. What kvick cannot unpack is one segment, and unpacks itself.
 */
#include "loader/linux.h"

#include <asm/bootparam.h>
#include <assert.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "loader/elf.h"
#include "loader/image.h"
#include "loader/payload.h"
#include "loader/refuse.h"
#include "vmm/round.h"

#define BOOT_FLAG      0xaa55
#define HEADER_MAGIC   0x53726448u /* "HdrS" */
#define VERSION_MIN    0x020c      /* xloadflags; Linux 3.8 */
#define SECTOR_BYTES   512u
#define SETUP_SECTORS_OF_0 4u
#define ENTRY_64       0x200u      /* of the protected-mode kernel, 1.14 */
#define LOADER_UNDEFINED 0xff

#define HEADER_AT offsetof(struct boot_params, hdr)
#define JUMP_END   0x202u
#define HEADER_END (HEADER_AT + sizeof(struct setup_header))

static bool is_bzimage(const uint8_t *head, size_t head_bytes)
{
	struct setup_header hdr;

	if (head_bytes < HEADER_END)
		return false;
	memcpy(&hdr, head + HEADER_AT, sizeof(hdr));
	return hdr.boot_flag == BOOT_FLAG && hdr.header == HEADER_MAGIC;
}

static const char *linux_probe(const struct image *image, const uint8_t *head, size_t head_bytes, struct sys *sys)
{
	if (is_bzimage(head, head_bytes))
		return "has a Linux boot header, \"HdrS\"";
	/* A note of kvick's may come yet. */
	return elf_magic(head, head_bytes) && image_head_is_whole(image, head_bytes) ? linux_elf_probe(image, sys) : NULL;
}

static int check_kind(const char *path, const struct setup_header *hdr, struct error *error)
{
	if (hdr->version < VERSION_MIN)
		return image_refuse(path, error, "version: boot protocol %u.%u: kvick needs 2.12: build Linux 3.8 or later",
				    hdr->version >> 8, hdr->version & 0xff);
	if (!(hdr->loadflags & LOADED_HIGH))
		return image_refuse(path, error, "loadflags 0x%x: a zImage: build a bzImage", hdr->loadflags);
	if (!(hdr->xloadflags & XLF_KERNEL_64))
		return image_refuse(path, error, "xloadflags 0x%x: no 64-bit entry: build a 64-bit kernel", hdr->xloadflags);
	return 0;
}

/* Where the kernel lies in the file and in memory. What follows it in the file (a signature) is not its own. */
static int place(struct image *image, const struct setup_header *hdr, struct error *error)
{
	uint64_t offset = ((hdr->setup_sects ? hdr->setup_sects : SETUP_SECTORS_OF_0) + 1u) * SECTOR_BYTES;
	uint64_t bytes = (uint64_t)hdr->syssize * 16, in_file = image->file_bytes > offset ? image->file_bytes - offset : 0;
	uint64_t at = hdr->pref_address, init_bytes = hdr->init_size;

	if (bytes > round_up(in_file, 16))
		return image_refuse(image->path, error, "syssize: %" PRIu64 " bytes of kernel, and %" PRIu64 " are in the file: "
				    "it is cut short: copy it again", bytes, in_file);
	if (bytes > in_file)
		bytes = in_file;
	if (bytes <= ENTRY_64)
		return image_refuse(image->path, error, "syssize: %" PRIu64 " bytes of kernel: too few for one: build it again",
				    bytes);
	if (at % GUEST_PAGE_BYTES || at < KERNEL_LOWEST)
		return image_refuse(image->path, error, "pref_address 0x%" PRIx64 ": not a page from 1 MiB on: build it again", at);
	if (init_bytes < bytes)
		return image_refuse(image->path, error, "init_size %" PRIu64 ": less than the %" PRIu64 " bytes of kernel: build "
				    "it again", init_bytes, bytes);
	if (at > GUEST_MEM_BYTES_MAX - round_up(init_bytes, GUEST_PAGE_BYTES))
		return image_refuse(image->path, error, "pref_address 0x%" PRIx64 ": beyond the memory that a guest can have: set "
				    "CONFIG_PHYSICAL_START lower", at);
	image->segment_count = 1;
	image->segments[0] = (struct segment){
		.gpa = at,
		.mem_bytes = init_bytes,
		.file_offset = offset,
		.file_bytes = bytes,
		.perms = SEGMENT_R | SEGMENT_W | SEGMENT_X,
	};
	image->entry = at + ENTRY_64;
	image->base = at;
	image->end = round_up(at + init_bytes, GUEST_PAGE_BYTES);
	return 0;
}

/* 1.3: the header ends where the jump at its 0x200 leads to; what this kernel's has not, is 0. */
static size_t header_bytes(const uint8_t *head)
{
	size_t end = JUMP_END + head[JUMP_END - 1];

	return (end < HEADER_END ? end : HEADER_END) - HEADER_AT;
}

/* What came out is for the guest to judge, which unpacks it once more; by PVH there is nothing but the ELF file to enter. */
static int leave_packed(struct image *image, struct sys *sys, struct error *error)
{
	payload_free(image, sys);
	image->file_bytes = image->packed_bytes;
	image->packed_bytes = 0;
	return image->protocol->kind != IMAGE_PVH ? 0 :
	       image_refuse(image->path, error, "payload: unpacks to no ELF file: leave --protocol out");
}

/* What is compressed inside of the kernel that place() has found. 1: it is the image now, 0: there is nothing for kvick in it. */
static int unpack(struct image *image, const struct setup_header *hdr, struct sys *sys, struct error *error)
{
	const struct segment kernel = image->segments[0];
	uint64_t offset = hdr->payload_offset, bytes = hdr->payload_length;
	int r;

	if (bytes == 0)
		return 0;
	if (offset + bytes > kernel.file_bytes)
		return image_refuse(image->path, error, "payload_offset 0x%" PRIx64 " + payload_length 0x%" PRIx64 " is beyond the "
				    "%" PRIu64 " bytes of kernel: build it again", offset, bytes, kernel.file_bytes);
	r = payload_unpack(image, kernel.file_offset + offset, bytes, hdr->init_size, sys, error);
	if (r == 1 && !elf_magic(image->unpacked, image->file_bytes))
		return leave_packed(image, sys, error);
	if (r == 1)
		image->segment_count = 0;
	return r;
}

int linux_open_bzimage(struct image *image, const uint8_t *head, size_t head_bytes, struct sys *sys, struct error *error)
{
	struct setup_header hdr = { 0 };
	int r;

	if (!is_bzimage(head, head_bytes))
		return image_refuse(image->path, error, "is no ELF file, and has no Linux boot header (\"HdrS\" at 0x202): leave "
				    "--protocol out");
	memcpy(&hdr, head + HEADER_AT, header_bytes(head));
	r = check_kind(image->path, &hdr, error);
	if (r == 0)
		r = place(image, &hdr, error);
	if (r < 0)
		return r;
	image->kernel.command_line_max = hdr.cmdline_size;
	image->kernel.initrd_last = hdr.initrd_addr_max;
	image->kernel.version = hdr.version;
	image->kernel.work_bytes = LINUX_WORK_BYTES;
	image->kernel.bzimage = true;
	return unpack(image, &hdr, sys, error);
}

static int linux_parse(struct image *image, const uint8_t *head, size_t head_bytes, struct sys *sys, struct error *error)
{
	bool elf = elf_magic(head, head_bytes);
	int r;

	image->note = (struct kvick_note){ .rings = KVICK_RINGS_0 };
	if (!elf) {
		r = linux_open_bzimage(image, head, head_bytes, sys, error);
		if (r <= 0)
			return r;
		return linux_elf_parse(image, sys, error);
	}
	image->kernel.command_line_max = KERNEL_COMMAND_LINE_MAX;
	image->kernel.initrd_last = UINT32_MAX;
	image->kernel.work_bytes = KERNEL_WORK_BYTES;
	return linux_elf_parse(image, sys, error);
}

static void add_ram(struct boot_params *params, uint64_t from, uint64_t to, uint32_t type)
{
	params->e820_table[params->e820_entries++] = (struct boot_e820_entry){ .addr = from, .size = to - from, .type = type };
}

/* What Firecracker says of such a kernel, and the version to which it is true. */
static const struct setup_header made_header = {
	.boot_flag = BOOT_FLAG,
	.header = HEADER_MAGIC,
	.version = VERSION_MIN,
	.loadflags = LOADED_HIGH,
	.xloadflags = XLF_KERNEL_64,
	.kernel_alignment = 0x1000000,
	.cmdline_size = KERNEL_COMMAND_LINE_MAX,
	.initrd_addr_max = UINT32_MAX,
};

static int read_header(const struct image *image, struct setup_header *hdr, struct sys *sys, struct error *error)
{
	uint8_t head[HEADER_END];
	int r;

	if (!image->kernel.bzimage) {
		*hdr = made_header;
		return 0;
	}
	r = image_read_file(image, 0, head, sizeof(head), sys, error);
	if (r < 0)
		return r;
	memcpy(hdr, head + HEADER_AT, header_bytes(head));
	return 0;
}

int linux_write_zero_page(const struct image *image, struct guest_mem *mem, const struct linux_boot *boot, struct sys *sys,
			  struct error *error)
{
	enum { E820_RAM = 1, E820_RESERVED = 2 }; /* ACPI 6.4, table 15.4 */
	struct boot_params *params = guest_mem_span(mem, gpa(boot->zero_page), sizeof(*params));
	int r;

	_Static_assert(sizeof(*params) == GUEST_PAGE_BYTES, "the zero page is a page");
	assert(params);
	r = read_header(image, &params->hdr, sys, error);
	if (r < 0)
		return r;
	params->hdr.type_of_loader = LOADER_UNDEFINED;
	params->hdr.cmd_line_ptr = (uint32_t)boot->command_line;
	params->hdr.ramdisk_image = (uint32_t)boot->initrd_base;
	params->hdr.ramdisk_size = (uint32_t)boot->initrd_bytes;
	params->acpi_rsdp_addr = boot->rsdp;
	add_ram(params, 0, boot->low_end, E820_RAM);
	add_ram(params, boot->low_end, boot->hole_end, E820_RESERVED);
	add_ram(params, boot->hole_end, boot->mem_bytes, E820_RAM);
	return 0;
}

const struct protocol protocol_linux = {
	.name = "linux",
	.about = "bzImage or ELF, Linux 64-bit boot protocol",
	.kind = IMAGE_LINUX,
	.probe = linux_probe,
	.parse = linux_parse,
};
