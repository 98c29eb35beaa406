/* SPDX-License-Identifier: Apache-2.0 */
/* PVH: which ELF files are taken for it, which refused and how, and the start info that a kernel finds. */
#include <stdint.h>

#include <xen/arch-x86/hvm/start_info.h>
#include <xen/elfnote.h>

#include "loader/pvh.h"
#include "tests/unit/test_loader.h"

/* The good image with Xen's note instead of kvick's. */
static void set_note(struct fixture *f, const void *entry, uint32_t bytes)
{
	elf_phdr(&f->b, ELF_PH_NOTE)->p_filesz = 0;
	elf_add_note(&f->b, "Xen", 4, XEN_ELFNOTE_PHYS32_ENTRY, entry, bytes);
}

static void set_entry(struct fixture *f, uint32_t entry)
{
	set_note(f, &entry, sizeof(entry));
}

static int set_up_kernel(void **state)
{
	if (set_up(state) < 0)
		return -1;
	set_entry(*state, ELF_TEXT_ADDRESS + 4);
	return 0;
}

#define KERNEL(test) cmocka_unit_test_setup_teardown(test, set_up_kernel, tear_down)

static void assert_pvh(struct fixture *f)
{
	assert_opens(f);
	assert_int_equal(f->image.protocol->kind, IMAGE_PVH);
	assert_string_equal(f->image.why, "has Xen's note of a 32-bit entry, PHYS32_ENTRY");
	assert_int_equal(f->image.entry, ELF_TEXT_ADDRESS + 4);
	assert_int_equal(f->image.segment_count, 3);
	assert_int_equal(f->image.note.rings, KVICK_RINGS_0);
}

static void xens_note_has_the_entry(void **state)
{
	assert_pvh(*state);
}

static void an_entry_of_8_bytes_is_one(void **state)
{
	const uint64_t entry = ELF_TEXT_ADDRESS + 4;

	set_note(*state, &entry, sizeof(entry));
	assert_pvh(*state);
}

static void segments_are_where_p_paddr_says(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = ELF_PH_HEADERS; i <= ELF_PH_DATA; i++)
		elf_phdr(&f->b, i)->p_vaddr += 0xffffffff80000000;
	assert_pvh(f);
	assert_int_equal(f->image.segments[1].gpa, ELF_TEXT_ADDRESS);
	assert_int_equal(f->image.segments[1].perms, SEGMENT_R | SEGMENT_W | SEGMENT_X);
}

static void a_kvick_note_counts_more(void **state)
{
	struct fixture *f = *state;
	const struct kvick_note note = { .abi_version = KVICK_ABI_VERSION, .rings = KVICK_RINGS_ANY };

	elf_add_note(&f->b, KVICK_NOTE_OWNER, sizeof(KVICK_NOTE_OWNER), KVICK_NOTE_TYPE, &note, sizeof(note));
	assert_opens(f);
	assert_int_equal(f->image.protocol->kind, IMAGE_NATIVE);
}

static void linux_is_what_is_called_so(void **state)
{
	struct fixture *f = *state;

	assert_opens_as(f, "linux");
	assert_int_equal(f->image.protocol->kind, IMAGE_LINUX);
	assert_int_equal(f->image.entry, elf_ehdr(&f->b)->e_entry);
}

/* The same, by hand: two program headers, a note of 20 bytes, 16 of text. */
static void a_32_bit_file_is_one(void **state)
{
	struct fixture *f = *state;
	Elf32_Ehdr *ehdr = (Elf32_Ehdr *)f->b.file;
	Elf32_Phdr *phdrs = (Elf32_Phdr *)(ehdr + 1);
	const uint32_t note[] = { 4, 4, XEN_ELFNOTE_PHYS32_ENTRY, 0x6e6558, 0x100004 };

	memset(f->b.file, 0, 0x1000);
	*ehdr = (Elf32_Ehdr){
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS32, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_EXEC, .e_machine = EM_386, .e_version = EV_CURRENT,
		.e_phoff = sizeof(*ehdr), .e_ehsize = sizeof(*ehdr), .e_phentsize = sizeof(*phdrs), .e_phnum = 2,
	};
	phdrs[0] = (Elf32_Phdr){
		.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_offset = 0x200, .p_vaddr = 0xc0100000, .p_paddr = 0x100000,
		.p_filesz = 16, .p_memsz = 0x1000,
	};
	phdrs[1] = (Elf32_Phdr){ .p_type = PT_NOTE, .p_offset = 0x100, .p_filesz = sizeof(note), .p_memsz = sizeof(note) };
	memcpy(f->b.file + 0x100, note, sizeof(note));
	assert_opens(f);
	assert_int_equal(f->image.protocol->kind, IMAGE_PVH);
	assert_int_equal(f->image.entry, 0x100004);
}

#define REFUSAL(test, fragment, ...)                                      \
	static void test(void **state)                                    \
	{                                                                 \
		struct fixture *f = *state;                               \
		const uint64_t entry __attribute__((unused)) = ELF_TEXT_ADDRESS; \
                                                                          \
		__VA_ARGS__;                                              \
		assert_refused_as(f, "pvh", fragment);                    \
	}

REFUSAL(refuses_an_entry_of_5_bytes, "note PHYS32_ENTRY: n_descsz 5: must be 4 or 8", set_note(f, &entry, 5))
REFUSAL(refuses_an_entry_of_no_bytes, "note PHYS32_ENTRY: n_descsz 0: must be 4 or 8", set_note(f, &entry, 0))
REFUSAL(refuses_an_entry_in_no_segment, "note PHYS32_ENTRY 0x300000: in no segment's file bytes", set_entry(f, 0x300000))
REFUSAL(refuses_an_entry_in_what_is_zeroed, "note PHYS32_ENTRY 0x103000: in no segment's", set_entry(f, 0x103000))
REFUSAL(refuses_an_image_without_the_note, "has no note PHYS32_ENTRY (owner \"Xen\", type 18)", elf_nhdr(&f->b)->n_type = 17)
REFUSAL(refuses_another_owners_note, "has no note PHYS32_ENTRY", memcpy(elf_nhdr(&f->b) + 1, "XeN", 4))
REFUSAL(refuses_a_note_cut_short, "go beyond p_filesz", elf_phdr(&f->b, ELF_PH_NOTE)->p_filesz -= 4)
REFUSAL(refuses_segments_that_overlap, "overlaps the one at 0x100000", elf_phdr(&f->b, ELF_PH_TEXT)->p_paddr = 0x100000)
REFUSAL(refuses_an_address_in_low_memory, "p_paddr 0x0: below 0x100000", elf_phdr(&f->b, ELF_PH_TEXT)->p_paddr = 0)
REFUSAL(refuses_an_address_that_wraps, "is beyond 0x1000000000", elf_phdr(&f->b, ELF_PH_TEXT)->p_paddr = -4096ull)
REFUSAL(refuses_what_is_neither_elf_nor_bzimage, "is no ELF file, and has no Linux boot header", f->b.file[1] = 'X')

static void write_start_info(struct guest_mem *mem, const struct boot_module *modules, unsigned count)
{
	pvh_write_start_info(mem, &(struct pvh_boot){
		.start_info = 0x6000, .command_line = 0x20000, .modules = modules, .module_count = count, .rsdp = 0xe0000,
		.low_end = 0x9fc00, .hole_end = 0x100000, .mem_bytes = 4 << 20,
	});
}

static void the_start_info_says_where_everything_is(void **state)
{
	struct fixture *f = *state;
	const struct boot_module list[] = {
		{ .run = { .at = 0x200000, .bytes = 12345 }, .string = "initrd" },
		{ .run = { .at = 0x180000, .bytes = 0 }, .string = "two words" },
	};
	const struct hvm_memmap_table_entry *memory;
	const struct hvm_modlist_entry *modules;
	const struct hvm_start_info *info;
	struct guest_mem mem;

	assert_int_equal(guest_mem_create(&mem, 4 << 20, GUEST_PAGES_4K, &f->sys, &f->error), 0);
	write_start_info(&mem, list, 2);
	info = (const struct hvm_start_info *)(mem.host + 0x6000);
	assert_int_equal(info->magic, XEN_HVM_START_MAGIC_VALUE);
	assert_int_equal(info->version, 1);
	assert_int_equal(info->flags, 0);
	assert_int_equal(info->cmdline_paddr, 0x20000);
	assert_int_equal(info->rsdp_paddr, 0xe0000);
	assert_int_equal(info->nr_modules, 2);
	assert_int_equal(info->modlist_paddr % sizeof(*modules), 0);
	modules = (const struct hvm_modlist_entry *)(mem.host + info->modlist_paddr);
	assert_int_equal(modules[0].paddr, 0x200000);
	assert_int_equal(modules[0].size, 12345);
	assert_string_equal((const char *)mem.host + modules[0].cmdline_paddr, "initrd");
	assert_int_equal(modules[1].paddr, 0x180000);
	assert_int_equal(modules[1].size, 0);
	assert_string_equal((const char *)mem.host + modules[1].cmdline_paddr, "two words");
	assert_int_equal(info->memmap_entries, 3);
	memory = (const struct hvm_memmap_table_entry *)(mem.host + info->memmap_paddr);
	assert_int_equal(memory[0].addr + memory[0].size, 0x9fc00);
	assert_int_equal(memory[0].type, XEN_HVM_MEMMAP_TYPE_RAM);
	assert_int_equal(memory[1].type, XEN_HVM_MEMMAP_TYPE_RESERVED);
	assert_int_equal(memory[2].addr, 0x100000);
	assert_int_equal(memory[2].addr + memory[2].size, 4 << 20);
	guest_mem_destroy(&mem, &f->sys);
}

static void without_an_initrd_there_is_no_module(void **state)
{
	struct fixture *f = *state;
	const struct hvm_start_info *info;
	struct guest_mem mem;

	assert_int_equal(guest_mem_create(&mem, 4 << 20, GUEST_PAGES_4K, &f->sys, &f->error), 0);
	write_start_info(&mem, NULL, 0);
	info = (const struct hvm_start_info *)(mem.host + 0x6000);
	assert_int_equal(info->nr_modules, 0);
	assert_int_equal(info->modlist_paddr, 0);
	guest_mem_destroy(&mem, &f->sys);
}

static void strings_that_no_page_holds_do_not_fit(void **state)
{
	char long_string[4096];
	const struct boot_module list[] = { { .string = long_string }, { .string = "" } };

	(void)state;
	memset(long_string, 'x', sizeof(long_string));
	long_string[sizeof(long_string) - 1] = '\0';
	assert_false(pvh_start_info_fits(list, 1));
	/* The structure, three entries of memory, two modules, and two strings' ends. */
	long_string[4096 - 56 - 32 - 3 * 24 - 2 * 32 - 2 - 8] = '\0';
	assert_true(pvh_start_info_fits(list, 2));
	assert_true(pvh_start_info_fits(NULL, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KERNEL(xens_note_has_the_entry),
		KERNEL(an_entry_of_8_bytes_is_one),
		KERNEL(segments_are_where_p_paddr_says),
		KERNEL(a_kvick_note_counts_more),
		KERNEL(linux_is_what_is_called_so),
		KERNEL(a_32_bit_file_is_one),
		KERNEL(refuses_an_entry_of_5_bytes),
		KERNEL(refuses_an_entry_of_no_bytes),
		KERNEL(refuses_an_entry_in_no_segment),
		KERNEL(refuses_an_entry_in_what_is_zeroed),
		KERNEL(refuses_an_image_without_the_note),
		KERNEL(refuses_another_owners_note),
		KERNEL(refuses_a_note_cut_short),
		KERNEL(refuses_segments_that_overlap),
		KERNEL(refuses_an_address_in_low_memory),
		KERNEL(refuses_an_address_that_wraps),
		KERNEL(refuses_what_is_neither_elf_nor_bzimage),
		KERNEL(the_start_info_says_where_everything_is),
		KERNEL(without_an_initrd_there_is_no_module),
		KERNEL(strings_that_no_page_holds_do_not_fit),
	};

	return cmocka_run_group_tests_name("loader, PVH", tests, NULL, NULL);
}
