/* SPDX-License-Identifier: Apache-2.0 */
/* ELF files that Linux's 64-bit boot protocol enters: which are taken for some without being called so, which refused and how. */
#include <asm/bootparam.h>

#include "loader/linux.h"
#include "tests/unit/test_loader.h"

#define KERNEL_HALF 0xffffffff80000000ull

/* The good image without its note, and with its text three times as large: no program of kvick's, nor an ordinary one. */
static int set_up_kernel(void **state)
{
	struct fixture *f;
	Elf64_Phdr *text;

	if (set_up(state) < 0)
		return -1;
	f = *state;
	elf_phdr(&f->b, ELF_PH_NOTE)->p_type = PT_NULL;
	text = elf_phdr(&f->b, ELF_PH_TEXT);
	text->p_offset = elf_append(&f->b, 0x3000, 0x1000);
	text->p_filesz = text->p_memsz = 0x3000;
	elf_phdr(&f->b, ELF_PH_DATA)->p_vaddr = elf_phdr(&f->b, ELF_PH_DATA)->p_paddr = ELF_DATA_ADDRESS + 0x4000;
	return 0;
}

#define KERNEL(test) cmocka_unit_test_setup_teardown(test, set_up_kernel, tear_down)

static void move_virtual(struct fixture *f, uint64_t by)
{
	for (unsigned i = ELF_PH_HEADERS; i <= ELF_PH_DATA; i++)
		elf_phdr(&f->b, i)->p_vaddr += by;
}

static void move(struct fixture *f, uint64_t by)
{
	move_virtual(f, by);
	for (unsigned i = ELF_PH_HEADERS; i <= ELF_PH_DATA; i++)
		elf_phdr(&f->b, i)->p_paddr += by;
	elf_ehdr(&f->b)->e_entry += by;
}

static uint8_t *text(struct fixture *f)
{
	return f->b.file + elf_phdr(&f->b, ELF_PH_TEXT)->p_offset;
}

static void assert_linux(struct fixture *f, const char *why)
{
	assert_opens(f);
	assert_int_equal(f->image.protocol->kind, IMAGE_LINUX);
	if (!strstr(f->image.why, why))
		fail_msg("\"%s\" does not say \"%s\"", f->image.why, why);
}

static void assert_native_refusal(struct fixture *f)
{
	assert_refused(f, "has no kvick note: an ordinary Linux program, or made for another VMM: build it with kvick's guest "
		       "runtime, or use --protocol linux");
}

static void addresses_in_the_kernels_half_are_a_kernels(void **state)
{
	move_virtual(*state, KERNEL_HALF);
	assert_linux(*state, "in the kernel's half");
}

static void physical_addresses_of_its_own_are_a_kernels(void **state)
{
	move_virtual(*state, 0x40000000);
	assert_linux(*state, "physical addresses of its own");
}

static void what_begins_at_1_mib_and_looks_for_a_header_is_a_kernel(void **state)
{
	memcpy(text(*state) + 100, "HdrS", 4);
	assert_linux(*state, "begins where programs do not");
}

static void the_header_is_found_across_two_reads(void **state)
{
	memcpy(text(*state) + 0x1000 - 2, "HdrS", 4);
	assert_linux(*state, "begins where programs do not");
}

static void the_header_is_found_in_the_last_bytes(void **state)
{
	memcpy(text(*state) + 0x3000 - 4, "HdrS", 4);
	assert_linux(*state, "begins where programs do not");
}

static void what_begins_at_1_mib_and_looks_for_none_is_a_guest_without_its_note(void **state)
{
	assert_native_refusal(*state);
}

static void the_header_in_data_is_none_that_is_looked_for(void **state)
{
	struct fixture *f = *state;

	memcpy(f->b.file + ELF_DATA_OFFSET, "HdrS", 4);
	assert_native_refusal(f);
}

static void a_static_program_is_an_ordinary_one(void **state)
{
	memcpy(text(*state) + 100, "HdrS", 4);
	move(*state, 0x300000);
	assert_native_refusal(*state);
}

static void a_static_pie_is_an_ordinary_one(void **state)
{
	memcpy(text(*state) + 100, "HdrS", 4);
	move(*state, -0x100000ull);
	elf_ehdr(&((struct fixture *)*state)->b)->e_type = ET_DYN;
	assert_native_refusal(*state);
}

static void a_kvick_note_counts_more(void **state)
{
	struct fixture *f = *state;

	elf_phdr(&f->b, ELF_PH_NOTE)->p_type = PT_NOTE;
	memcpy(text(f) + 100, "HdrS", 4);
	assert_opens(f);
	assert_int_equal(f->image.protocol->kind, IMAGE_NATIVE);
}

static void a_program_that_is_called_a_kernel_is_one(void **state)
{
	struct fixture *f = *state;

	move(f, 0x300000);
	assert_opens_as(f, "linux");
	assert_int_equal(f->image.protocol->kind, IMAGE_LINUX);
}

static void segments_are_where_p_paddr_says_and_may_all_be_written_to(void **state)
{
	struct fixture *f = *state;

	move_virtual(f, KERNEL_HALF);
	assert_opens(f);
	assert_int_equal(f->image.segment_count, 3);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(f->image.segments[i].perms, SEGMENT_R | SEGMENT_W | SEGMENT_X);
	assert_int_equal(f->image.segments[0].gpa, 0x100000);
	assert_int_equal(f->image.segments[1].gpa, ELF_TEXT_ADDRESS);
	assert_int_equal(f->image.segments[2].gpa, ELF_DATA_ADDRESS + 0x4000);
	assert_int_equal(f->image.entry, ELF_TEXT_ADDRESS + 0x10);
	assert_int_equal(f->image.note.rings, KVICK_RINGS_0);
}

static void the_zero_page_has_a_header_that_is_made(void **state)
{
	struct fixture *f = *state;
	const struct linux_boot boot = {
		.zero_page = 0x7000, .command_line = 0x20000, .low_end = 0x9fc00, .hole_end = 0x100000, .mem_bytes = 4 << 20,
	};
	const struct boot_params *p;
	struct guest_mem mem;

	move_virtual(f, KERNEL_HALF);
	assert_opens(f);
	assert_int_equal(guest_mem_create(&mem, boot.mem_bytes, GUEST_PAGES_4K, &f->sys, &f->error), 0);
	assert_int_equal(linux_write_zero_page(&f->image, &mem, &boot, &f->sys, &f->error), 0);
	p = (const struct boot_params *)(mem.host + boot.zero_page);
	assert_int_equal(p->hdr.header, 0x53726448);
	assert_int_equal(p->hdr.boot_flag, 0xaa55);
	assert_int_equal(p->hdr.type_of_loader, 0xff);
	assert_int_equal(p->hdr.cmd_line_ptr, 0x20000);
	assert_int_equal(p->hdr.cmdline_size, 2047);
	assert_int_equal(p->e820_entries, 3);
	guest_mem_destroy(&mem, &f->sys);
}

#define REFUSAL(test, fragment, ...)                                      \
	static void test(void **state)                                    \
	{                                                                 \
		struct fixture *f = *state;                               \
		Elf64_Ehdr *e __attribute__((unused)) = elf_ehdr(&f->b);  \
		Elf64_Phdr *p __attribute__((unused)) = elf_phdr(&f->b, ELF_PH_TEXT); \
                                                                          \
		__VA_ARGS__;                                              \
		assert_refused_as(f, "linux", fragment);                  \
	}

REFUSAL(refuses_a_virtual_entry, "e_entry 0xffffffff80101010: in no segment's file bytes", e->e_entry += KERNEL_HALF)
REFUSAL(refuses_an_entry_in_what_is_zeroed, "e_entry 0x108000: in no segment's", e->e_entry = 0x108000)
REFUSAL(refuses_what_is_no_x86_64, "e_machine 3: Linux's 64-bit boot protocol enters 64-bit kernels", e->e_machine = EM_386)
REFUSAL(refuses_an_address_in_low_memory, "p_paddr 0x1000: below 0x100000", p->p_paddr = 0x1000)
REFUSAL(refuses_an_address_that_wraps, "p_paddr 0xfffffffffffff000 + p_memsz 0x3000 is beyond", p->p_paddr = -4096ull)
REFUSAL(refuses_a_size_that_wraps, "p_memsz 0xffffffffffffffff is beyond", p->p_memsz = UINT64_MAX)
REFUSAL(refuses_segments_that_overlap, "this segment overlaps the one at 0x100000", p->p_paddr = 0x100000)
REFUSAL(refuses_a_segment_that_the_file_has_not, "it is cut short", p->p_offset = 0x40000)
REFUSAL(refuses_more_bytes_than_memory, "p_filesz 0x3000 > p_memsz 0x10", p->p_memsz = 0x10)
REFUSAL(refuses_an_elf_file_cut_short, "is cut short: 40 bytes", f->b.bytes = 40)
REFUSAL(refuses_what_has_no_header_at_all, "is no ELF file, and has no Linux boot header", memset(f->b.file, 0, 16))

int main(void)
{
	const struct CMUnitTest tests[] = {
		KERNEL(addresses_in_the_kernels_half_are_a_kernels),
		KERNEL(physical_addresses_of_its_own_are_a_kernels),
		KERNEL(what_begins_at_1_mib_and_looks_for_a_header_is_a_kernel),
		KERNEL(the_header_is_found_across_two_reads),
		KERNEL(the_header_is_found_in_the_last_bytes),
		KERNEL(what_begins_at_1_mib_and_looks_for_none_is_a_guest_without_its_note),
		KERNEL(the_header_in_data_is_none_that_is_looked_for),
		KERNEL(a_static_program_is_an_ordinary_one),
		KERNEL(a_static_pie_is_an_ordinary_one),
		KERNEL(a_kvick_note_counts_more),
		KERNEL(a_program_that_is_called_a_kernel_is_one),
		KERNEL(segments_are_where_p_paddr_says_and_may_all_be_written_to),
		KERNEL(the_zero_page_has_a_header_that_is_made),
		KERNEL(refuses_a_virtual_entry),
		KERNEL(refuses_an_entry_in_what_is_zeroed),
		KERNEL(refuses_what_is_no_x86_64),
		KERNEL(refuses_an_address_in_low_memory),
		KERNEL(refuses_an_address_that_wraps),
		KERNEL(refuses_a_size_that_wraps),
		KERNEL(refuses_segments_that_overlap),
		KERNEL(refuses_a_segment_that_the_file_has_not),
		KERNEL(refuses_more_bytes_than_memory),
		KERNEL(refuses_an_elf_file_cut_short),
		KERNEL(refuses_what_has_no_header_at_all),
	};

	return cmocka_run_group_tests_name("loader, ELF kernels", tests, NULL, NULL);
}
