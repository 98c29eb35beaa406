/* SPDX-License-Identifier: Apache-2.0 */
/* What image_open() refuses, and how it says so. One spoiled image each. */
#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "tests/unit/test_loader.h"

/* A test that spoils the good image `b` and expects a refusal that holds `fragment`. */
#define REFUSAL(test, fragment, ...)                   \
	static void test(void **state)                 \
	{                                              \
		struct fixture *f = *state;            \
		struct elf_builder *b = &f->b;         \
                                                       \
		__VA_ARGS__;                           \
		assert_refused(f, fragment);           \
	}

static int open_path(struct fixture *f, const char *path)
{
	return image_open(&f->image, path, NULL, &f->sys, &f->error);
}

/* The path. */

static void refuses_an_absent_file(void **state)
{
	struct fixture *f = *state;
	const char *path = "/nonexistent/kvick.elf";
	int rc = open_path(f, path);

	assert_int_equal(rc, -ENOENT);
	assert_int_equal(f->error.errnum, ENOENT);
	assert_refusal(f, rc, path, "no such file");
}

static void refuses_a_path_through_a_file(void **state)
{
	struct fixture *f = *state;
	const char *path = "/proc/self/status/kvick.elf";

	assert_refusal(f, open_path(f, path), path, "not a folder");
}

static void refuses_a_file_without_permission(void **state)
{
	struct fixture *f = *state;
	char path[] = "/tmp/kvick-test-XXXXXX";
	int fd = mkstemp(path);
	int rc;

	assert_true(fd >= 0);
	close(fd);
	chmod(path, 0);
	if (geteuid() == 0 && seteuid(65534) != 0) {
		unlink(path);
		skip();
	}
	rc = open_path(f, path);
	if (geteuid() == 65534)
		assert_int_equal(seteuid(0), 0);
	unlink(path);
	assert_refusal(f, rc, path, "no permission");
}

static void refuses_a_directory(void **state)
{
	struct fixture *f = *state;

	assert_refusal(f, open_path(f, "/tmp"), "/tmp", "is a directory");
}

static void refuses_a_character_device(void **state)
{
	struct fixture *f = *state;

	assert_refusal(f, open_path(f, "/dev/zero"), "/dev/zero", "is a character device");
}

static void refuses_a_fifo_without_waiting(void **state)
{
	struct fixture *f = *state;
	char folder[] = "/tmp/kvick-test-XXXXXX";
	char path[64];
	int rc;

	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/fifo", folder);
	assert_int_equal(mkfifo(path, 0600), 0);
	rc = open_path(f, path);
	unlink(path);
	rmdir(folder);
	assert_refusal(f, rc, path, "is a FIFO");
}

static void refuses_a_socket(void **state)
{
	struct fixture *f = *state;
	char folder[] = "/tmp/kvick-test-XXXXXX";
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	int rc;

	assert_non_null(mkdtemp(folder));
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", folder);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	rc = open_path(f, address.sun_path);
	close(fd);
	unlink(address.sun_path);
	rmdir(folder);
	assert_refusal(f, rc, address.sun_path, "is a socket");
}

static void a_long_path_leaves_room_for_the_reason(void **state)
{
	struct fixture *f = *state;
	char path[2001];

	memset(path, 'x', 2000);
	for (size_t i = 0; i < 2000; i += 100)
		path[i] = '/';
	path[2000] = '\0';
	assert_refusal(f, open_path(f, path), path + 1800, "no such file: check the path");
}

static void control_characters_in_a_path_are_not_printed(void **state)
{
	struct fixture *f = *state;

	assert_refusal(f, open_path(f, "/none\n\x1b[2J"), "/none??[2J: ", "no such file");
}

/* What kind of file. */

REFUSAL(refuses_an_empty_file, "is empty", b->bytes = 0)
REFUSAL(refuses_a_script, "starts with 23 21 2f 62: not an ELF file", memcpy(b->file, "#!/bin/sh\n", 10))
REFUSAL(refuses_one_byte, "starts with 7f: not an ELF file", b->bytes = 1)
REFUSAL(refuses_part_of_the_magic, "starts with 7f 45 4c: not an ELF file", b->bytes = 3)
REFUSAL(does_not_print_the_files_bytes, "starts with 1b 5b 32 4a: not an ELF file", memcpy(b->file, "\x1b[2J", 4))

/* ELF header. */

REFUSAL(refuses_the_magic_alone, "is cut short: 4 bytes", b->bytes = 4)
REFUSAL(refuses_a_cut_elf_header, "is cut short: 63 bytes, and the ELF header has 64", b->bytes = 63)
REFUSAL(refuses_32_bit, "EI_CLASS 1 (32-bit)", b->file[EI_CLASS] = ELFCLASS32)
REFUSAL(refuses_an_unknown_class, "EI_CLASS 7:", b->file[EI_CLASS] = 7)
REFUSAL(refuses_big_endian, "EI_DATA 2 (big-endian)", b->file[EI_DATA] = ELFDATA2MSB)
REFUSAL(refuses_an_unknown_byte_order, "EI_DATA 0:", b->file[EI_DATA] = 0)
REFUSAL(refuses_another_ident_version, "EI_VERSION 2", b->file[EI_VERSION] = 2)
REFUSAL(refuses_another_version, "e_version 2", elf_ehdr(b)->e_version = 2)
REFUSAL(refuses_aarch64, "this one is for EM_AARCH64 (183)", elf_ehdr(b)->e_machine = EM_AARCH64)
REFUSAL(refuses_x86_32, "this one is for EM_386 (3)", elf_ehdr(b)->e_machine = EM_386)
REFUSAL(refuses_an_unknown_machine, "this one is for unknown (4660)", elf_ehdr(b)->e_machine = 0x1234)
REFUSAL(refuses_an_object_file, "e_type 1 (ET_REL, an object file)", elf_ehdr(b)->e_type = ET_REL)
REFUSAL(refuses_a_core_dump, "e_type 4 (ET_CORE, a core dump)", elf_ehdr(b)->e_type = ET_CORE)
REFUSAL(refuses_an_unknown_type, "e_type 65024 (unknown)", elf_ehdr(b)->e_type = 0xfe00)

/* Program headers as a table. */

REFUSAL(refuses_no_program_headers, "e_phnum 0", elf_ehdr(b)->e_phnum = 0)
REFUSAL(refuses_33_program_headers, "e_phnum 33: kvick reads at most 32", elf_ehdr(b)->e_phnum = 33)
REFUSAL(refuses_pn_xnum, "e_phnum 65535", elf_ehdr(b)->e_phnum = PN_XNUM)
REFUSAL(refuses_a_wrong_e_phentsize, "e_phentsize 32: must be 56", elf_ehdr(b)->e_phentsize = 32)
REFUSAL(refuses_program_headers_past_the_file, "e_phoff 0x1070", elf_ehdr(b)->e_phoff = ELF_GOOD_BYTES - 16)
REFUSAL(refuses_an_e_phoff_that_wraps, "e_phoff 0xfffffffffffffff0", elf_ehdr(b)->e_phoff = -16ull)
REFUSAL(refuses_cut_program_headers, "end beyond the file's 340 bytes: it is cut short", b->bytes = 340)
REFUSAL(refuses_program_headers_far_behind, "beyond the first 4096 bytes", elf_append(b, 0x1000, 1),
	elf_ehdr(b)->e_phoff = 4096 - 56)

/* What is no guest at all. */

REFUSAL(refuses_a_dynamic_program, "program header 5: p_type PT_INTERP: is an ordinary dynamic Linux program",
	elf_add_phdr(b, PT_INTERP, PF_R, 0x900, 0x100900, 16, 16))
REFUSAL(refuses_a_program_without_note, "has no kvick note", elf_phdr(b, ELF_PH_NOTE)->p_type = PT_NULL)
REFUSAL(refuses_a_program_with_other_notes_only, "has no kvick note", memcpy(elf_nhdr(b) + 1, "kvicK", 6))
REFUSAL(refuses_an_owner_without_nul, "has no kvick note", elf_nhdr(b)->n_namesz = 5)
REFUSAL(a_static_program_is_named_before_its_tls, "has no kvick note",
	elf_phdr(b, ELF_PH_NOTE)->p_type = PT_NULL, elf_add_phdr(b, PT_TLS, PF_R, 0, 0, 0, 16))

/* Notes. */

REFUSAL(refuses_a_note_segment_past_the_file, "program header 3 (PT_NOTE): p_offset 0x1070 + p_filesz 0x34 is beyond",
	elf_phdr(b, ELF_PH_NOTE)->p_offset = ELF_GOOD_BYTES - 16)
REFUSAL(refuses_a_file_cut_in_the_note, "(PT_NOTE): p_offset 0x804 + p_filesz 0x34 is beyond the file's 2068 bytes",
	b->bytes = ELF_NOTE_OFFSET + 16)
REFUSAL(refuses_a_note_segment_that_wraps, "is beyond the file's", elf_phdr(b, ELF_PH_NOTE)->p_filesz = -1ull)
REFUSAL(refuses_a_note_far_behind, "is beyond the first 4096 bytes", elf_phdr(b, ELF_PH_NOTE)->p_offset = 0x1000)
REFUSAL(refuses_a_cut_note_header, "is cut short: its header needs 12 bytes, p_filesz leaves 11",
	elf_phdr(b, ELF_PH_NOTE)->p_filesz = 11)
REFUSAL(refuses_a_cut_note_descriptor, "is cut short: n_namesz 6 and n_descsz 32 go beyond p_filesz 0x33",
	elf_phdr(b, ELF_PH_NOTE)->p_filesz--)
REFUSAL(refuses_a_huge_note_name, "is cut short: n_namesz 4294967295", elf_nhdr(b)->n_namesz = -1u)
REFUSAL(refuses_a_huge_note_descriptor, "and n_descsz 4294967295", elf_nhdr(b)->n_descsz = -1u)
REFUSAL(refuses_bytes_after_the_last_note, "note at 0x34 is cut short", elf_phdr(b, ELF_PH_NOTE)->p_filesz += 4)
REFUSAL(refuses_another_note_type, "kvick note: n_type 0x1: must be 0x314b564b", elf_nhdr(b)->n_type = 1)
REFUSAL(refuses_a_smaller_descriptor, "kvick note: n_descsz 28: must be 32", elf_nhdr(b)->n_descsz = 28,
	elf_phdr(b, ELF_PH_NOTE)->p_filesz = 12 + 8 + 28)
REFUSAL(refuses_a_larger_descriptor, "kvick note: n_descsz 36: must be 32", elf_nhdr(b)->n_descsz = 36,
	elf_phdr(b, ELF_PH_NOTE)->p_filesz += 4)
REFUSAL(refuses_two_kvick_notes, "program header 3: a second kvick note (the first is in program header 3)",
	elf_add_note(b, "kvick", 6, KVICK_NOTE_TYPE, elf_note(b), sizeof(*elf_note(b))))
REFUSAL(refuses_a_second_note_segment, "program header 5: a second kvick note (the first is in program header 3)",
	elf_add_phdr(b, PT_NOTE, PF_R, ELF_NOTE_OFFSET, 0, 0x34, 0x34))
REFUSAL(refuses_an_older_abi, "abi_version 0: this kvick speaks ABI 1", elf_note(b)->abi_version = 0)
REFUSAL(refuses_a_newer_abi, "abi_version 2: this kvick speaks ABI 1", elf_note(b)->abi_version = 2)
REFUSAL(refuses_note_flags, "kvick note: flags 0x80000000", elf_note(b)->flags = 1u << 31)
REFUSAL(refuses_more_memory_than_a_guest_can_have, "mem_bytes 0x1000000001: more than",
	elf_note(b)->mem_bytes = GUEST_MEM_BYTES_MAX + 1)
REFUSAL(refuses_all_the_memory_there_is, "mem_bytes 0xffffffffffffffff", elf_note(b)->mem_bytes = -1ull)
REFUSAL(refuses_more_than_a_gib_of_stack, "stack_bytes 0x40000001: more than",
	elf_note(b)->stack_bytes = (1ull << 30) + 1)
REFUSAL(refuses_no_ring, "rings 0x0: allows no ring", elf_note(b)->rings = 0)
REFUSAL(refuses_an_unknown_ring, "rings 0xb: has an unknown bit", elf_note(b)->rings |= 2)
REFUSAL(refuses_a_reserved_value, "kvick note: reserved 0x1: must be 0", elf_note(b)->reserved = 1)

/* What kvick does not give. */

REFUSAL(refuses_thread_local_storage, "program header 5: p_type PT_TLS",
	elf_add_phdr(b, PT_TLS, PF_R, ELF_DATA_OFFSET, ELF_DATA_ADDRESS, 8, 8))
REFUSAL(refuses_an_executable_stack, "program header 4 (PT_GNU_STACK): p_flags 0x7",
	elf_phdr(b, ELF_PH_STACK)->p_flags |= PF_X)

/* Segments. */

static void no_loads(struct elf_builder *b)
{
	for (unsigned i = ELF_PH_HEADERS; i <= ELF_PH_DATA; i++)
		elf_phdr(b, i)->p_type = PT_NULL;
}

REFUSAL(refuses_no_segments, "has no PT_LOAD segment", no_loads(b))
REFUSAL(refuses_only_empty_segments, "has no PT_LOAD segment", no_loads(b),
	elf_add_phdr(b, PT_LOAD, PF_R | PF_X, 0, 0x100000, 0, 0))
REFUSAL(refuses_filesz_above_memsz, "program header 2: p_filesz 0x20 > p_memsz 0x1f",
	elf_phdr(b, ELF_PH_DATA)->p_memsz = 0x1f)
REFUSAL(refuses_a_file_part_without_memory, "program header 2: p_filesz 0x20 > p_memsz 0x0",
	elf_phdr(b, ELF_PH_DATA)->p_memsz = 0)
REFUSAL(refuses_addresses_that_wrap, "p_vaddr 0x102040 + p_memsz 0xffffffffffffffff overflows",
	elf_phdr(b, ELF_PH_DATA)->p_memsz = -1ull)
REFUSAL(refuses_file_offsets_that_wrap, "p_offset 0xfffffffffffff040 + p_filesz 0x1000 overflows",
	elf_phdr(b, ELF_PH_DATA)->p_offset = -0xfc0ull, elf_phdr(b, ELF_PH_DATA)->p_filesz = 0x1000)
REFUSAL(refuses_a_segment_past_the_file, "p_offset 0x1040 + p_filesz 0x41 is beyond the file's 4224 bytes",
	elf_phdr(b, ELF_PH_DATA)->p_filesz = 0x41)
REFUSAL(refuses_a_file_cut_in_the_text, "program header 1: p_offset 0x1000 + p_filesz 0x40 is beyond the file's 4100 bytes",
	b->bytes = ELF_TEXT_OFFSET + 4)
REFUSAL(refuses_writable_code, "program header 1: p_flags 0x7: is writable and executable",
	elf_phdr(b, ELF_PH_TEXT)->p_flags |= PF_W)
REFUSAL(refuses_write_and_execute_without_read, "p_flags 0x3: is writable and executable",
	elf_phdr(b, ELF_PH_TEXT)->p_flags = PF_W | PF_X)
REFUSAL(refuses_a_segment_without_access, "program header 2: p_flags 0x0: allows no access",
	elf_phdr(b, ELF_PH_DATA)->p_flags = 0)
REFUSAL(refuses_an_odd_alignment, "p_align 0x1800: must be a power of two", elf_phdr(b, ELF_PH_DATA)->p_align = 0x1800)
REFUSAL(refuses_more_than_2_mib_of_alignment, "p_align 0x400000: more than 0x200000",
	elf_phdr(b, ELF_PH_DATA)->p_align = 4 << 20)
REFUSAL(refuses_an_address_out_of_step_with_its_offset,
	"p_vaddr 0x102050 and p_offset 0x1040 differ modulo p_align 0x1000", elf_phdr(b, ELF_PH_DATA)->p_vaddr += 16)
REFUSAL(refuses_descending_segments, "program header 2: p_vaddr 0x100040 is below that of program header 1 (0x101000)",
	elf_phdr(b, ELF_PH_DATA)->p_vaddr = 0x100040)
REFUSAL(refuses_overlapping_segments, "program header 2: p_vaddr 0x102040 overlaps program header 1, which ends at 0x102041",
	elf_phdr(b, ELF_PH_TEXT)->p_memsz = 0x1041)
REFUSAL(refuses_two_segments_at_one_address, "overlaps program header 1",
	elf_phdr(b, ELF_PH_DATA)->p_vaddr = ELF_TEXT_ADDRESS, elf_phdr(b, ELF_PH_DATA)->p_align = 1)
REFUSAL(refuses_a_page_with_two_permissions, "program header 2: p_vaddr 0x101040 shares a page with program header 1",
	elf_phdr(b, ELF_PH_DATA)->p_vaddr = 0x101040)
REFUSAL(refuses_17_segments, "program header 18: more than 16 PT_LOAD segments",
	for (uint64_t i = 0; i < 14; i++)
		elf_add_phdr(b, PT_LOAD, PF_R, 0, 0x200000 + i * 0x1000, 0, 0x1000))
REFUSAL(refuses_a_segment_below_the_base, "program header 0: p_vaddr 0xff000 is below 0x100000",
	elf_phdr(b, ELF_PH_HEADERS)->p_vaddr = 0xff000)
REFUSAL(refuses_a_segment_at_0, "p_vaddr 0x0 is below", elf_phdr(b, ELF_PH_HEADERS)->p_vaddr = 0)
REFUSAL(refuses_a_segment_that_ends_too_high, "p_vaddr 0x102040 + p_memsz 0xfffefdfc1 is beyond 0x1000000000",
	elf_phdr(b, ELF_PH_DATA)->p_memsz = GUEST_MEM_BYTES_MAX - ELF_DATA_ADDRESS + 1)
REFUSAL(refuses_a_segment_that_starts_too_high, "program header 2: p_vaddr 0xffffffff80000040",
	elf_phdr(b, ELF_PH_DATA)->p_vaddr = 0xffffffff80000040)
REFUSAL(refuses_an_image_that_starts_too_high, "is beyond 0x1000000000",
	for (unsigned i = ELF_PH_HEADERS; i <= ELF_PH_DATA; i++)
		elf_phdr(b, i)->p_vaddr += 0xffffffff80000000;
	elf_ehdr(b)->e_entry += 0xffffffff80000000)
REFUSAL(refuses_a_pie_larger_than_a_guest, "is beyond 0x1000000000", elf_make_pie(b),
	elf_phdr(b, ELF_PH_DATA)->p_memsz = GUEST_MEM_BYTES_MAX - ELF_DATA_ADDRESS + 1)

/* Entry. */

REFUSAL(refuses_entry_0, "e_entry 0x0: is in no executable segment", elf_ehdr(b)->e_entry = 0)
REFUSAL(refuses_an_entry_in_data, "is in no executable segment", elf_ehdr(b)->e_entry = ELF_DATA_ADDRESS)
REFUSAL(refuses_an_entry_past_the_text, "e_entry 0x101040", elf_ehdr(b)->e_entry = ELF_TEXT_ADDRESS + ELF_TEXT_BYTES)
REFUSAL(refuses_an_entry_in_what_is_only_zeroed, "is in no executable segment", elf_phdr(b, ELF_PH_TEXT)->p_memsz = 0x80,
	elf_ehdr(b)->e_entry = ELF_TEXT_ADDRESS + ELF_TEXT_BYTES)
REFUSAL(refuses_a_pie_entry_that_wraps, "e_entry 0xfffffffffff01010", elf_make_pie(b), elf_ehdr(b)->e_entry -= 0x100000)

static void refuses_every_truncation_of_the_image(void **state)
{
	struct fixture *f = *state;

	/* Up to the end of the data: what follows it belongs to no segment. */
	for (size_t bytes = 0; bytes < ELF_DATA_OFFSET + ELF_DATA_BYTES; bytes++) {
		f->b.bytes = bytes;
		f->error = (struct error){ 0 };
		assert_refused(f, ": ");
		close(f->fd);
		f->fd = -1;
	}
}

static void an_interrupted_open_is_tried_again(void **state)
{
#ifdef KVICK_FAULT_INJECTION
	struct fixture *f = *state;

	f->sys.fail_at = 1;
	f->sys.fail_errno = EINTR;
	assert_opens(f);
#else
	(void)state;
	skip();
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(refuses_an_absent_file),
		TEST(refuses_a_path_through_a_file),
		TEST(refuses_a_file_without_permission),
		TEST(refuses_a_directory),
		TEST(refuses_a_character_device),
		TEST(refuses_a_fifo_without_waiting),
		TEST(refuses_a_socket),
		TEST(a_long_path_leaves_room_for_the_reason),
		TEST(control_characters_in_a_path_are_not_printed),
		TEST(refuses_an_empty_file),
		TEST(refuses_a_script),
		TEST(refuses_one_byte),
		TEST(refuses_part_of_the_magic),
		TEST(does_not_print_the_files_bytes),
		TEST(refuses_the_magic_alone),
		TEST(refuses_a_cut_elf_header),
		TEST(refuses_32_bit),
		TEST(refuses_an_unknown_class),
		TEST(refuses_big_endian),
		TEST(refuses_an_unknown_byte_order),
		TEST(refuses_another_ident_version),
		TEST(refuses_another_version),
		TEST(refuses_aarch64),
		TEST(refuses_x86_32),
		TEST(refuses_an_unknown_machine),
		TEST(refuses_an_object_file),
		TEST(refuses_a_core_dump),
		TEST(refuses_an_unknown_type),
		TEST(refuses_no_program_headers),
		TEST(refuses_33_program_headers),
		TEST(refuses_pn_xnum),
		TEST(refuses_a_wrong_e_phentsize),
		TEST(refuses_program_headers_past_the_file),
		TEST(refuses_an_e_phoff_that_wraps),
		TEST(refuses_cut_program_headers),
		TEST(refuses_program_headers_far_behind),
		TEST(refuses_a_dynamic_program),
		TEST(refuses_a_program_without_note),
		TEST(refuses_a_program_with_other_notes_only),
		TEST(refuses_an_owner_without_nul),
		TEST(a_static_program_is_named_before_its_tls),
		TEST(refuses_a_note_segment_past_the_file),
		TEST(refuses_a_file_cut_in_the_note),
		TEST(refuses_a_note_segment_that_wraps),
		TEST(refuses_a_note_far_behind),
		TEST(refuses_a_cut_note_header),
		TEST(refuses_a_cut_note_descriptor),
		TEST(refuses_a_huge_note_name),
		TEST(refuses_a_huge_note_descriptor),
		TEST(refuses_bytes_after_the_last_note),
		TEST(refuses_another_note_type),
		TEST(refuses_a_smaller_descriptor),
		TEST(refuses_a_larger_descriptor),
		TEST(refuses_two_kvick_notes),
		TEST(refuses_a_second_note_segment),
		TEST(refuses_an_older_abi),
		TEST(refuses_a_newer_abi),
		TEST(refuses_note_flags),
		TEST(refuses_more_memory_than_a_guest_can_have),
		TEST(refuses_all_the_memory_there_is),
		TEST(refuses_more_than_a_gib_of_stack),
		TEST(refuses_no_ring),
		TEST(refuses_an_unknown_ring),
		TEST(refuses_a_reserved_value),
		TEST(refuses_thread_local_storage),
		TEST(refuses_an_executable_stack),
		TEST(refuses_no_segments),
		TEST(refuses_only_empty_segments),
		TEST(refuses_filesz_above_memsz),
		TEST(refuses_a_file_part_without_memory),
		TEST(refuses_addresses_that_wrap),
		TEST(refuses_file_offsets_that_wrap),
		TEST(refuses_a_segment_past_the_file),
		TEST(refuses_a_file_cut_in_the_text),
		TEST(refuses_writable_code),
		TEST(refuses_write_and_execute_without_read),
		TEST(refuses_a_segment_without_access),
		TEST(refuses_an_odd_alignment),
		TEST(refuses_more_than_2_mib_of_alignment),
		TEST(refuses_an_address_out_of_step_with_its_offset),
		TEST(refuses_descending_segments),
		TEST(refuses_overlapping_segments),
		TEST(refuses_two_segments_at_one_address),
		TEST(refuses_a_page_with_two_permissions),
		TEST(refuses_17_segments),
		TEST(refuses_a_segment_below_the_base),
		TEST(refuses_a_segment_at_0),
		TEST(refuses_a_segment_that_ends_too_high),
		TEST(refuses_a_segment_that_starts_too_high),
		TEST(refuses_an_image_that_starts_too_high),
		TEST(refuses_a_pie_larger_than_a_guest),
		TEST(refuses_entry_0),
		TEST(refuses_an_entry_in_data),
		TEST(refuses_an_entry_past_the_text),
		TEST(refuses_an_entry_in_what_is_only_zeroed),
		TEST(refuses_a_pie_entry_that_wraps),
		TEST(refuses_every_truncation_of_the_image),
		TEST(an_interrupted_open_is_tried_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
