/* SPDX-License-Identifier: Apache-2.0 */
/* Multiboot 1: which images are taken, which refused and how, and what a kernel finds. */
#include <kvick/solo5.h>

#include "tests/unit/multiboot_builder.h"
#include "tests/unit/test_loader.h"

/* The good image that tests spoil. */
static struct header *header(struct fixture *f)
{
	return multiboot_header(&f->b);
}

static void set_flags(struct fixture *f, uint32_t flags)
{
	multiboot_set_flags(&f->b, flags);
}

static Elf32_Ehdr *ehdr32(struct fixture *f)
{
	return multiboot_ehdr32(&f->b);
}

static Elf32_Phdr *phdr32(struct fixture *f, unsigned i)
{
	return multiboot_phdr32(&f->b, i);
}

#define SET_UP(kind)                                                        \
	static int set_up_##kind(void **state)                              \
	{                                                                   \
		int r = set_up(state);                                      \
                                                                            \
		if (r == 0)                                                 \
			multiboot_##kind(&((struct fixture *)*state)->b);   \
		return r;                                                   \
	}

SET_UP(elf64)
SET_UP(elf32)
SET_UP(kludge)

#define ELF64(test) cmocka_unit_test_setup_teardown(test, set_up_elf64, tear_down)
#define ELF32(test) cmocka_unit_test_setup_teardown(test, set_up_elf32, tear_down)
#define KLUDGE(test) cmocka_unit_test_setup_teardown(test, set_up_kludge, tear_down)

#define REFUSAL(test, fragment, ...)                                        \
	static void test(void **state)                                      \
	{                                                                   \
		struct fixture *f = *state;                                 \
		struct header *h __attribute__((unused)) = header(f);       \
                                                                            \
		__VA_ARGS__;                                                \
		assert_refused(f, fragment);                                \
	}

/* Called a multiboot image, whatever it is. */
static int open_as_multiboot(struct fixture *f)
{
	f->fd = elf_memfd(&f->b);
	assert_true(f->fd >= 0);
	snprintf(f->path, sizeof(f->path), "/proc/self/fd/%d", f->fd);
	return image_open(&f->image, f->path, image_protocol("multiboot"), &f->sys, &f->error);
}

#define CALLED(test, fragment, ...)                                                            \
	static void test(void **state)                                                         \
	{                                                                                      \
		struct fixture *f = *state;                                                    \
                                                                                               \
		__VA_ARGS__;                                                                   \
		assert_refusal(f, open_as_multiboot(f), f->path, fragment);                    \
	}

static void assert_segment(const struct fixture *f, unsigned i, uint64_t gpa, uint64_t mem_bytes, uint64_t offset,
			   uint64_t file_bytes)
{
	const struct segment *s = &f->image.segments[i];

	assert_int_equal(s->gpa, gpa);
	assert_int_equal(s->mem_bytes, mem_bytes);
	assert_int_equal(s->file_offset, offset);
	assert_int_equal(s->file_bytes, file_bytes);
	assert_int_equal(s->perms, SEGMENT_R | SEGMENT_W | SEGMENT_X);
}

/* ---- what is taken ---- */

static void a_32_bit_elf_file_goes_where_its_program_headers_say(void **state)
{
	struct fixture *f = *state;

	assert_opens(f);
	assert_int_equal(f->image.protocol->kind, IMAGE_MULTIBOOT);
	assert_int_equal(f->image.note.rings, KVICK_RINGS_0);
	assert_int_equal(f->image.entry, ELF_TEXT_ADDRESS + 4);
	assert_int_equal(f->image.segment_count, 2);
	assert_segment(f, 0, ELF_TEXT_ADDRESS, ELF_TEXT_BYTES, ELF_TEXT_OFFSET, ELF_TEXT_BYTES);
	assert_segment(f, 1, ELF_DATA_ADDRESS, ELF_DATA_MEM_BYTES, ELF_DATA_OFFSET, ELF_DATA_BYTES);
	assert_int_equal(f->image.multiboot.header_at, HEADER_AT);
	assert_int_equal(f->image.multiboot.flags, 0x3);
}

static void a_64_bit_elf_file_does_too(void **state)
{
	struct fixture *f = *state;

	assert_opens(f);
	assert_int_equal(f->image.protocol->kind, IMAGE_MULTIBOOT);
	assert_int_equal(f->image.entry, elf_ehdr(&f->b)->e_entry);
	assert_int_equal(f->image.segment_count, 3);
	assert_segment(f, 1, ELF_TEXT_ADDRESS, ELF_TEXT_BYTES, ELF_TEXT_OFFSET, ELF_TEXT_BYTES);
}

static void a_header_with_addresses_says_where_the_file_goes(void **state)
{
	struct fixture *f = *state;

	assert_opens(f);
	assert_int_equal(f->image.protocol->kind, IMAGE_MULTIBOOT);
	assert_int_equal(f->image.segment_count, 1);
	assert_segment(f, 0, ADDRESS, 0x5001, 0x100, 0x2000);
	assert_int_equal(f->image.entry, ADDRESS + HEADER_AT);
	assert_int_equal(f->image.end, ADDRESS + 0x6000);
}

static void without_ends_all_of_the_file_is_loaded(void **state)
{
	struct fixture *f = *state;

	header(f)->load_end_addr = header(f)->bss_end_addr = 0;
	assert_opens(f);
	assert_segment(f, 0, ADDRESS, KLUDGE_BYTES - 0x100, 0x100, KLUDGE_BYTES - 0x100);
}

static void addresses_count_for_more_than_elf(void **state)
{
	struct fixture *f = *state;

	multiboot_elf64(&f->b);
	set_flags(f, MULTIBOOT_ADDRESSES);
	header(f)->header_addr = header(f)->entry_addr = 0x200000 + HEADER_AT;
	header(f)->load_addr = 0x200000;
	assert_opens(f);
	assert_int_equal(f->image.segment_count, 1);
	assert_segment(f, 0, 0x200000, f->b.bytes, 0, f->b.bytes);
}

static void an_entry_is_virtual_where_a_segment_has_it(void **state)
{
	struct fixture *f = *state;

	phdr32(f, 0)->p_vaddr += 0xc0000000;
	ehdr32(f)->e_entry += 0xc0000000;
	assert_opens(f);
	assert_int_equal(f->image.entry, ELF_TEXT_ADDRESS + 4);
}

/* It looks like a Linux kernel, and has a mark of its own. */
static void a_64_bit_kernel_in_the_kernels_half_is_multiboot(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = ELF_PH_HEADERS; i <= ELF_PH_DATA; i++)
		elf_phdr(&f->b, i)->p_vaddr += 0xffffffff80000000;
	elf_ehdr(&f->b)->e_entry += 0xffffffff80000000;
	assert_opens(f);
	assert_int_equal(f->image.protocol->kind, IMAGE_MULTIBOOT);
	assert_int_equal(f->image.entry, elf_ehdr(&f->b)->e_entry - 0xffffffff80000000);
}

static void an_entry_may_be_physical(void **state)
{
	struct fixture *f = *state;

	phdr32(f, 0)->p_vaddr += 0xc0000000;
	assert_opens(f);
	assert_int_equal(f->image.entry, ELF_TEXT_ADDRESS + 4);
}

static void an_image_may_lie_in_low_memory(void **state)
{
	struct fixture *f = *state;

	phdr32(f, 0)->p_paddr = 0x8000;
	assert_opens(f);
	assert_int_equal(f->image.base, 0x8000);
	assert_int_equal(f->image.entry, 0x8004);
}

static void a_wish_for_a_video_mode_is_no_hindrance(void **state)
{
	struct fixture *f = *state;

	set_flags(f, 0x7);
	assert_opens(f);
	assert_int_equal(f->image.multiboot.flags, 0x7);
}

static void flags_that_may_be_ignored_are(void **state)
{
	struct fixture *f = *state;

	set_flags(f, 0xfffe0003);
	assert_opens(f);
}

static void the_header_may_be_the_last_of_8192_bytes(void **state)
{
	struct fixture *f = *state;
	struct header *last = (struct header *)(f->b.file + 8192 - 12);

	elf_append(&f->b, 8192, 1);
	memset(header(f), 0, 12);
	last->magic = MAGIC;
	last->flags = 0;
	last->checksum = -MAGIC;
	assert_opens(f);
	assert_int_equal(f->image.multiboot.header_at, 8192 - 12);
}

static void a_header_with_a_wrong_checksum_is_passed_over_for_a_right_one(void **state)
{
	struct fixture *f = *state;

	*(struct header *)(f->b.file + 0x700) = (struct header){ .magic = MAGIC };
	assert_opens(f);
	assert_int_equal(f->image.multiboot.header_at, HEADER_AT);
}

static void what_solo5_makes_for_qemu_is_multiboot(void **state)
{
	struct fixture *f = *state;
	struct {
		Elf64_Nhdr header;
		char owner[8];
		struct solo5_abi abi;
	} note = { { sizeof(SOLO5_NOTE_OWNER), sizeof(struct solo5_abi), SOLO5_NOTE_ABI }, SOLO5_NOTE_OWNER, { .target = 3 } };
	uint64_t at = elf_append(&f->b, sizeof(note), 4);

	memcpy(f->b.file + at, &note, sizeof(note));
	elf_add_phdr(&f->b, PT_NOTE, PF_R, at, at, sizeof(note), sizeof(note))->p_align = 4;
	assert_opens(f);
	assert_int_equal(f->image.protocol->kind, IMAGE_MULTIBOOT);
}

/* ---- what is not: the header ---- */

CALLED(refuses_a_file_without_a_header, "has no multiboot header", header(f)->magic = 0)
CALLED(refuses_a_header_beyond_8192_bytes, "has no multiboot header",
       elf_append(&f->b, 8192, 1); header(f)->magic = 0;
       memcpy(f->b.file + 8192 - 8, &(struct header){ .magic = MAGIC, .checksum = -MAGIC }, 12))
CALLED(refuses_a_header_between_words, "has no multiboot header",
       header(f)->magic = 0; memcpy(f->b.file + 0x702, &(struct header){ .magic = MAGIC, .checksum = -MAGIC }, 12))
CALLED(refuses_a_file_that_ends_in_the_header, "has no multiboot header", f->b.bytes = HEADER_AT + 8)
CALLED(refuses_a_wrong_checksum, "multiboot header at 0x800: checksum 0x1: with magic 0x1badb002 and flags 0x3",
       header(f)->checksum = 1)
REFUSAL(refuses_an_unknown_flag, "multiboot header at 0x800: flags 0x8003: bit 15 is one that a boot loader must know",
	set_flags(f, 0x8003))
REFUSAL(refuses_the_first_unknown_flag, "flags 0x18: bit 3 is one", set_flags(f, 0x18))
REFUSAL(refuses_addresses_that_are_cut_short, "flags 0x10003: bit 16 says that addresses follow, and only 31 of its 32 bytes",
	f->b.bytes = HEADER_AT + 31)
REFUSAL(refuses_no_elf_file_and_no_addresses, "flags 0x3: without bit 16 it must be an ELF file", set_flags(f, 0x3))

/* ---- addresses in the header ---- */

REFUSAL(refuses_a_load_address_above_the_header, "load_addr 0x100701: above header_addr 0x100700", h->load_addr = 0x100701)
REFUSAL(refuses_a_load_that_would_begin_before_the_file, "header_addr 0x100801: 2049 bytes after load_addr 0x100000",
	h->header_addr = ADDRESS + HEADER_AT + 1)
REFUSAL(refuses_a_load_end_below_the_start, "load_end_addr 0xfffff: not above load_addr", h->load_end_addr = ADDRESS - 1)
REFUSAL(refuses_a_load_of_no_bytes, "load_end_addr 0x100000: not above load_addr", h->load_end_addr = ADDRESS)
REFUSAL(refuses_more_than_is_in_the_file, "load_end_addr 0x102f01: 12033 bytes to load, and 12032 are in the file",
	h->load_end_addr = ADDRESS + KLUDGE_BYTES - 0x100 + 1)
REFUSAL(refuses_a_bss_end_in_what_is_loaded, "bss_end_addr 0x101fff: below the end of what is loaded, 0x102000",
	h->bss_end_addr = ADDRESS + 0x1fff)
REFUSAL(refuses_an_entry_before_the_image, "entry_addr 0xfffff: not in what is loaded, 0x100000 to 0x102000",
	h->entry_addr = ADDRESS - 1)
REFUSAL(refuses_an_entry_in_the_bss, "entry_addr 0x102000: not in what is loaded", h->entry_addr = ADDRESS + 0x2000)
REFUSAL(refuses_a_load_address_below_a_page, "load_addr 0xfff: below 0x1000",
	h->load_addr = 0xfff; h->header_addr = 0xfff + HEADER_AT - 0x100; h->load_end_addr = 0x2fff; h->bss_end_addr = 0;
	h->entry_addr = 0x1000)
REFUSAL(refuses_a_bss_beyond_3_gib, "load_addr 0x100000: 3220176897 bytes there end beyond 0xc0000000",
	h->bss_end_addr = 0xc0000001)
REFUSAL(refuses_a_load_that_wraps, "end beyond 0xc0000000",
	h->load_addr = 0xfffff000; h->header_addr = 0xfffff700; h->load_end_addr = h->bss_end_addr = 0;
	h->entry_addr = 0xfffff800)

static uint32_t move(struct fixture *f, uint32_t to)
{
	uint32_t by = to - header(f)->load_addr;

	header(f)->load_addr += by;
	header(f)->header_addr += by;
	header(f)->load_end_addr += by;
	header(f)->bss_end_addr += by;
	header(f)->entry_addr += by;
	return by;
}

REFUSAL(refuses_a_load_into_the_hole, "load_addr 0xa0000: reaches into 0x9fc00 to 0x100000", move(f, 0xa0000))
REFUSAL(refuses_a_bss_across_the_hole, "load_addr 0x9f000: reaches into 0x9fc00 to 0x100000", move(f, 0x9f000))

/* ---- addresses by ELF ---- */

REFUSAL(refuses_a_segment_below_a_page, "p_paddr 0x0: below 0x1000", phdr32(f, 0)->p_paddr = 0)
REFUSAL(refuses_a_segment_in_the_hole, "p_paddr 0xb8000: reaches into 0x9fc00 to 0x100000", phdr32(f, 0)->p_paddr = 0xb8000)
REFUSAL(refuses_a_segment_across_the_hole, "p_paddr 0x9f000: reaches into",
	phdr32(f, 0)->p_paddr = 0x9f000; phdr32(f, 0)->p_memsz = 0x2000)
REFUSAL(refuses_a_segment_beyond_3_gib, "p_paddr 0xbffff000: 8192 bytes there end beyond 0xc0000000",
	phdr32(f, 1)->p_paddr = 0xbffff000)
REFUSAL(refuses_a_segment_that_wraps_32_bits, "p_paddr 0xfffff000: 8192 bytes there end beyond 0xc0000000",
	phdr32(f, 1)->p_paddr = 0xfffff000)
REFUSAL(refuses_a_segment_that_wraps_64_bits, "program header 2: p_paddr 0xfffffffffffff000 + p_memsz 0x2000 is beyond",
	elf_phdr(&f->b, ELF_PH_DATA)->p_paddr = -4096ull)
REFUSAL(refuses_segments_that_overlap, "this segment overlaps the one at 0x101000", phdr32(f, 1)->p_paddr = ELF_TEXT_ADDRESS + 0x3f)
REFUSAL(refuses_a_segment_that_is_cut_short, "is beyond the file's", phdr32(f, 1)->p_offset = 0x10000)
REFUSAL(refuses_an_entry_in_no_segment, "e_entry 0x100ffc: is in no segment", ehdr32(f)->e_entry = 0x100ffc)
REFUSAL(refuses_an_entry_in_the_bss_of_a_segment, "is in no segment", ehdr32(f)->e_entry = ELF_DATA_ADDRESS + ELF_DATA_BYTES)
REFUSAL(refuses_an_entry_beyond_4_gib, "e_entry 0x100101010: is in no segment", elf_ehdr(&f->b)->e_entry += 1ull << 32)
REFUSAL(refuses_another_machine, "e_machine 40", ehdr32(f)->e_machine = EM_ARM)
REFUSAL(refuses_no_segments, "has no PT_LOAD segment", phdr32(f, 0)->p_type = phdr32(f, 1)->p_type = PT_NULL)

/* ---- names for crash reports ---- */

static const char *symbol_at(struct fixture *f, uint64_t address)
{
	static char name[32];
	uint64_t offset;

	return image_symbol(&f->image, address, name, sizeof(name), &offset, &f->sys) ? name : "none";
}

static void a_32_bit_images_symbols_are_found(void **state)
{
	static const Elf32_Sym symbols[] = {
		{ 0 }, { .st_name = 1, .st_value = ELF_TEXT_ADDRESS, .st_size = 16, .st_info = STT_FUNC, .st_shndx = 1 },
	};
	struct fixture *f = *state;
	uint32_t at = (uint32_t)elf_append(&f->b, sizeof(symbols), 16), names = (uint32_t)elf_append(&f->b, 6, 1);
	uint32_t sections = (uint32_t)elf_append(&f->b, 3 * sizeof(Elf32_Shdr), 16);
	Elf32_Shdr *shdr = (Elf32_Shdr *)(f->b.file + sections);

	memcpy(f->b.file + at, symbols, sizeof(symbols));
	memcpy(f->b.file + names, "\0main", 6);
	ehdr32(f)->e_shoff = sections;
	ehdr32(f)->e_shnum = 3;
	ehdr32(f)->e_shentsize = sizeof(Elf32_Shdr);
	memset(shdr, 0, 3 * sizeof(*shdr));
	shdr[1] = (Elf32_Shdr){
		.sh_type = SHT_SYMTAB, .sh_offset = at, .sh_size = sizeof(symbols), .sh_entsize = sizeof(Elf32_Sym), .sh_link = 2,
	};
	shdr[2] = (Elf32_Shdr){ .sh_type = SHT_STRTAB, .sh_offset = names, .sh_size = 6 };
	assert_opens(f);
	assert_string_equal(symbol_at(f, ELF_TEXT_ADDRESS + 15), "main");
	assert_string_equal(symbol_at(f, ELF_TEXT_ADDRESS + 16), "none");
}

/* The header's entry and e_entry need not be the same. */
static void another_entry_moves_no_symbol(void **state)
{
	static const struct elf_symbol symbol = { "main", ELF_TEXT_ADDRESS, 16, STT_FUNC };
	struct fixture *f = *state;

	elf_add_symbols(&f->b, &symbol, 1);
	set_flags(f, MULTIBOOT_ADDRESSES);
	header(f)->load_addr = ELF_TEXT_ADDRESS - ELF_TEXT_OFFSET;
	header(f)->header_addr = header(f)->load_addr + HEADER_AT;
	header(f)->entry_addr = ELF_TEXT_ADDRESS + 0x20;
	assert_opens(f);
	assert_int_not_equal(f->image.entry, elf_ehdr(&f->b)->e_entry);
	assert_string_equal(symbol_at(f, ELF_TEXT_ADDRESS + 15), "main");
}

/* ---- what is told ---- */

#define INFO 0x8000u

static void the_information_structure_says_where_everything_is(void **state)
{
	struct fixture *f = *state;
	const struct boot_module modules[] = {
		{ { 0x200000, 5 }, "first a=b" }, { { 0x201000, 0 }, "" },
	};
	const struct multiboot_boot boot = {
		.info = INFO, .command_line = 0x20000, .modules = modules, .module_count = 2,
		.low_end = 0x9fc00, .low_top = 0xa0000, .rom = 0xe0000, .rom_end = 0x100000, .mem_bytes = 32 << 20,
	};
	/* As a PC's firmware has it: video memory is in no map, and Unikraft's driver for it reserves it. */
	static const struct { uint64_t from, to; uint32_t type; } runs[] = {
		{ 0, 0x9fc00, 1 }, { 0x9fc00, 0xa0000, 2 }, { 0xe0000, 0x100000, 2 }, { 0x100000, 32 << 20, 1 },
	};
	const struct multiboot_info *info;
	const struct multiboot_mmap *map;
	const struct multiboot_mod *mods;
	struct guest_mem mem;

	assert_int_equal(guest_mem_create(&mem, boot.mem_bytes, GUEST_PAGES_4K, &f->sys, &f->error), 0);
	multiboot_write_info(&mem, &boot);
	info = (const struct multiboot_info *)(mem.host + INFO);
	assert_int_equal(info->flags, 0x24d);
	assert_int_equal(info->mem_lower, 639);
	assert_int_equal(info->mem_upper, 31 << 10);
	assert_int_equal(info->cmdline, boot.command_line);
	assert_string_equal((const char *)mem.host + info->boot_loader_name, "kvick");

	map = (const struct multiboot_mmap *)(mem.host + info->mmap_addr);
	assert_int_equal(info->mmap_length, sizeof(runs) / sizeof(runs[0]) * 24);
	for (unsigned i = 0; i < sizeof(runs) / sizeof(runs[0]); i++) {
		assert_int_equal(map[i].size, 20);
		assert_int_equal(map[i].addr, runs[i].from);
		assert_int_equal(map[i].addr + map[i].len, runs[i].to);
		assert_int_equal(map[i].type, runs[i].type);
	}

	mods = (const struct multiboot_mod *)(mem.host + info->mods_addr);
	assert_int_equal(info->mods_count, 2);
	assert_int_equal(mods[0].mod_start, 0x200000);
	assert_int_equal(mods[0].mod_end, 0x200005);
	assert_string_equal((const char *)mem.host + mods[0].string, "first a=b");
	assert_int_equal(mods[1].mod_start, mods[1].mod_end);
	assert_string_equal((const char *)mem.host + mods[1].string, "");
	assert_true(mods[1].string < INFO + multiboot_info_bytes(modules, 2));
	assert_int_equal(mem.host[INFO + multiboot_info_bytes(modules, 2)], 0);
	guest_mem_destroy(&mem, &f->sys);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ELF32(a_32_bit_elf_file_goes_where_its_program_headers_say),
		ELF64(a_64_bit_elf_file_does_too),
		KLUDGE(a_header_with_addresses_says_where_the_file_goes),
		KLUDGE(without_ends_all_of_the_file_is_loaded),
		KLUDGE(addresses_count_for_more_than_elf),
		ELF32(an_entry_is_virtual_where_a_segment_has_it),
		ELF64(a_64_bit_kernel_in_the_kernels_half_is_multiboot),
		ELF32(an_entry_may_be_physical),
		ELF32(an_image_may_lie_in_low_memory),
		ELF32(a_wish_for_a_video_mode_is_no_hindrance),
		ELF32(flags_that_may_be_ignored_are),
		ELF32(the_header_may_be_the_last_of_8192_bytes),
		ELF32(a_header_with_a_wrong_checksum_is_passed_over_for_a_right_one),
		ELF64(what_solo5_makes_for_qemu_is_multiboot),
		ELF32(refuses_a_file_without_a_header),
		ELF32(refuses_a_header_beyond_8192_bytes),
		ELF32(refuses_a_header_between_words),
		KLUDGE(refuses_a_file_that_ends_in_the_header),
		ELF32(refuses_a_wrong_checksum),
		ELF32(refuses_an_unknown_flag),
		KLUDGE(refuses_the_first_unknown_flag),
		KLUDGE(refuses_addresses_that_are_cut_short),
		KLUDGE(refuses_no_elf_file_and_no_addresses),
		KLUDGE(refuses_a_load_address_above_the_header),
		KLUDGE(refuses_a_load_that_would_begin_before_the_file),
		KLUDGE(refuses_a_load_end_below_the_start),
		KLUDGE(refuses_a_load_of_no_bytes),
		KLUDGE(refuses_more_than_is_in_the_file),
		KLUDGE(refuses_a_bss_end_in_what_is_loaded),
		KLUDGE(refuses_an_entry_before_the_image),
		KLUDGE(refuses_an_entry_in_the_bss),
		KLUDGE(refuses_a_load_address_below_a_page),
		KLUDGE(refuses_a_bss_beyond_3_gib),
		KLUDGE(refuses_a_load_that_wraps),
		KLUDGE(refuses_a_load_into_the_hole),
		KLUDGE(refuses_a_bss_across_the_hole),
		ELF32(refuses_a_segment_below_a_page),
		ELF32(refuses_a_segment_in_the_hole),
		ELF32(refuses_a_segment_across_the_hole),
		ELF32(refuses_a_segment_beyond_3_gib),
		ELF32(refuses_a_segment_that_wraps_32_bits),
		ELF64(refuses_a_segment_that_wraps_64_bits),
		ELF32(refuses_segments_that_overlap),
		ELF32(refuses_a_segment_that_is_cut_short),
		ELF32(refuses_an_entry_in_no_segment),
		ELF32(refuses_an_entry_in_the_bss_of_a_segment),
		ELF64(refuses_an_entry_beyond_4_gib),
		ELF32(refuses_another_machine),
		ELF32(refuses_no_segments),
		ELF32(a_32_bit_images_symbols_are_found),
		ELF64(another_entry_moves_no_symbol),
		ELF32(the_information_structure_says_where_everything_is),
	};

	return cmocka_run_group_tests_name("loader, multiboot", tests, NULL, NULL);
}
