/* SPDX-License-Identifier: Apache-2.0 */
/* What is certain to be code, and what is to be patched in it. Hostile bytes are fuzz_x86_scan's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "vmm/x86/scan.h"
#include "vmm/x86/sensitive.h"

#define PUSHF 0x9c
#define POPF  0x9d
#define NOP   0x90
#define RET   0xc3
#define INT3  0xcc
#define UNDEFINED 0x06

#define BYTES_MAX 12288
#define LIST_MAX  8

struct scanned {
	struct x86_scan scan;
	uint8_t code[BYTES_MAX];
	uint64_t maps[X86_SCAN_MAPS * X86_SCAN_WORDS(BYTES_MAX)];
	uint32_t sites[LIST_MAX], doubts[LIST_MAX];
};

static struct scanned scanned;

static struct x86_scan *prepare(const uint8_t *code, size_t bytes)
{
	struct scanned *s = &scanned;

	memset(s, 0, sizeof(*s));
	memcpy(s->code, code, bytes);
	s->scan = (struct x86_scan){
		.code = s->code, .bytes = bytes, .maps = s->maps,
		.sites = s->sites, .sites_max = LIST_MAX, .doubts = s->doubts, .doubts_max = LIST_MAX,
	};
	return &s->scan;
}

static struct x86_scan *scan_bytes(const uint8_t *code, size_t bytes, uint32_t entry)
{
	struct x86_scan *scan = prepare(code, bytes);

	x86_scan(scan, &entry, 1);
	return scan;
}

#define BYTES(...) (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ })
#define NO_ENTRY   UINT32_MAX

static void assert_list(const uint32_t *list, unsigned count, const uint32_t *expected, unsigned expected_count)
{
	assert_int_equal(count, expected_count);
	for (unsigned i = 0; i < count && i < LIST_MAX; i++)
		assert_int_equal(list[i], expected[i]);
}

#define ASSERT_SITES(scan, ...)                                                                                            \
	assert_list((scan)->sites, (scan)->site_count, (const uint32_t[]){ 0, ##__VA_ARGS__ } + 1,                         \
		    sizeof((const uint32_t[]){ 0, ##__VA_ARGS__ }) / sizeof(uint32_t) - 1)
#define ASSERT_DOUBTS(scan, ...)                                                                                           \
	assert_list((scan)->doubts, (scan)->doubt_count, (const uint32_t[]){ 0, ##__VA_ARGS__ } + 1,                       \
		    sizeof((const uint32_t[]){ 0, ##__VA_ARGS__ }) / sizeof(uint32_t) - 1)

static void all_that_ring_3_does_differently_needs_a_patch(void **state)
{
	unsigned count;
	const struct x86_sensitive *rows = x86_sensitive_rows(&count);

	(void)state;
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(x86_needs_patch(rows[i].id), rows[i].sensitivity == X86_CRITICAL || rows[i].id == X86_INT ||
								      rows[i].id == X86_SYSCALL);
	assert_false(x86_needs_patch(X86_INNOCUOUS));
}

static void what_is_to_be_patched_in_code_is_a_site(void **state)
{
	const struct x86_scan *s = scan_bytes(BYTES(NOP, PUSHF, 0x58, 0x0f, 0xa2, 0x8c, 0xd8, RET), 0);

	(void)state;
	ASSERT_SITES(s, 1, 3, 5);
	ASSERT_DOUBTS(s);
}

static void bytes_of_an_operand_are_no_site(void **state)
{
	const struct x86_scan *s = scan_bytes(BYTES(0xb8, PUSHF, POPF, PUSHF, POPF, RET), 0);

	(void)state;
	ASSERT_SITES(s);
	ASSERT_DOUBTS(s);
	assert_true(x86_scan_is_start(s, 0));
	assert_false(x86_scan_is_start(s, 1));
}

static void code_that_only_pointers_lead_to_is_read_from_where_the_code_before_it_ends(void **state)
{
	const struct x86_scan *s = scan_bytes(BYTES(RET, PUSHF, 0x58, RET), 0);

	(void)state;
	ASSERT_SITES(s, 1);
	assert_true(x86_scan_is(s, X86_SCAN_SWEPT, 1));
}

static void without_an_entry_code_is_read_from_its_start(void **state)
{
	const struct x86_scan *s = scan_bytes(BYTES(NOP, PUSHF, RET, POPF, RET), NO_ENTRY);

	(void)state;
	ASSERT_SITES(s, 1, 3);
}

/* The path of an interpreter, as Solo5's guests have it. */
static void an_entry_behind_data_is_code(void **state)
{
	const struct x86_scan *s = scan_bytes(BYTES('/', 'x', PUSHF, 0, PUSHF, RET, NOP, POPF, RET), 4);

	(void)state;
	ASSERT_SITES(s, 4, 7);
	ASSERT_DOUBTS(s, 2);
}

static void an_entry_inside_of_an_instruction_of_the_sweep_is_code(void **state)
{
	const struct x86_scan *s = scan_bytes(BYTES(0xb8, 0, 0, 0, PUSHF, RET), 4);

	(void)state;
	ASSERT_SITES(s, 4);
	ASSERT_DOUBTS(s);
	assert_false(x86_scan_is_start(s, 0));
}

static void undecodable_bytes_put_what_no_branch_reaches_in_doubt(void **state)
{
	const struct x86_scan *s = scan_bytes(BYTES(PUSHF, RET, PUSHF, RET, UNDEFINED, PUSHF, RET), 0);

	(void)state;
	ASSERT_SITES(s, 0);
	ASSERT_DOUBTS(s, 2, 5);
}

static void in_doubt_every_offset_counts(void **state)
{
	const struct x86_scan *s = scan_bytes(BYTES(RET, UNDEFINED, 0xb8, NOP, NOP, PUSHF, NOP, RET), 0);

	(void)state;
	ASSERT_SITES(s);
	ASSERT_DOUBTS(s, 5);
}

static void doubt_with_nothing_to_patch_at_any_offset_names_nothing(void **state)
{
	const struct x86_scan *s = scan_bytes(BYTES(RET, UNDEFINED, UNDEFINED, 'd', 'a', 't', 'a', 0), 0);

	(void)state;
	ASSERT_SITES(s);
	ASSERT_DOUBTS(s);
}

static void doubt_ends_with_its_page(void **state)
{
	static uint8_t code[BYTES_MAX];
	const struct x86_scan *s;

	(void)state;
	memset(code, NOP, sizeof(code));
	code[0] = RET;
	code[1] = code[4095] = code[4096] = PUSHF;
	code[2000] = UNDEFINED;
	s = scan_bytes(code, sizeof(code), 0);
	ASSERT_DOUBTS(s, 1, 4095);
	ASSERT_SITES(s, 4096);
	code[2000] = NOP;
	code[5000] = UNDEFINED;
	s = scan_bytes(code, sizeof(code), 0);
	ASSERT_SITES(s, 1, 4095);
	ASSERT_DOUBTS(s, 4096);
}

static void what_a_branch_leads_to_is_code_whatever_is_before_it(void **state)
{
	/* jmp over a string, as in an assembler's macro for messages */
	const struct x86_scan *s = scan_bytes(BYTES(0xeb, 0x03, UNDEFINED, PUSHF, 0xb8, PUSHF, RET), 0);

	(void)state;
	ASSERT_SITES(s, 5);
	ASSERT_DOUBTS(s, 3);
}

static void calls_lead_backwards_too(void **state)
{
	uint8_t code[200] = { UNDEFINED, PUSHF, 0x58, RET };
	const struct x86_scan *s;

	(void)state;
	memcpy(code + 150, (const uint8_t[]){ 0xe8, 0x66, 0xff, 0xff, 0xff, RET }, 6); /* call 1 */
	s = scan_bytes(code, sizeof(code), 150);
	ASSERT_SITES(s, 1);
	ASSERT_DOUBTS(s);
}

/* je 1f; lock; 1: cmpxchg: both are read, and neither wants a patch. */
static void a_branch_behind_a_prefix_is_no_doubt(void **state)
{
	const struct x86_scan *s = scan_bytes(BYTES(0x74, 0x01, 0xf0, 0x48, 0x0f, 0xb1, 0x11, PUSHF, RET), 0);

	(void)state;
	ASSERT_SITES(s, 7);
	ASSERT_DOUBTS(s);
	assert_true(x86_scan_is_start(s, 2) && x86_scan_is_start(s, 3));
}

static void what_two_readings_share_is_not_patched(void **state)
{
	/* je into the middle of mov $…, %eax, where popf is */
	const struct x86_scan *s = scan_bytes(BYTES(0x74, 0x01, 0xb8, POPF, NOP, NOP, NOP, RET), 0);

	(void)state;
	ASSERT_SITES(s);
	ASSERT_DOUBTS(s, 3);
}

static void a_branch_in_a_gap_that_leads_to_no_instruction_puts_it_in_doubt(void **state)
{
	const struct x86_scan *s = scan_bytes(BYTES(RET, PUSHF, 0xeb, 0x01, 0xb8, NOP, NOP, NOP, NOP, RET), 0);

	(void)state;
	ASSERT_SITES(s);
	ASSERT_DOUBTS(s, 1);
}

static void a_branch_in_a_gap_that_leads_to_no_instruction_puts_what_it_leads_to_in_doubt(void **state)
{
	static uint8_t code[BYTES_MAX];
	const struct x86_scan *s;

	(void)state;
	memset(code, NOP, sizeof(code));
	code[0] = RET;
	memcpy(code + 8190, (const uint8_t[]){ 0xeb, 0x01 }, 2); /* jmp 8193 */
	memcpy(code + 8192, (const uint8_t[]){ 0xb8, 0, 0, 0, 0, PUSHF }, 6);
	s = scan_bytes(code, sizeof(code), 0);
	ASSERT_SITES(s);
	ASSERT_DOUBTS(s, 8197);
}

static void a_branch_in_a_gap_into_the_middle_of_reached_code_leaves_that_alone(void **state)
{
	const struct x86_scan *s = scan_bytes(BYTES(0xb8, PUSHF, 0, 0, 0, POPF, RET, PUSHF, 0xeb, 0xf7), 0);

	(void)state;
	ASSERT_SITES(s, 5);
	ASSERT_DOUBTS(s, 7);
}

static void behind_a_call_that_does_not_return_there_may_be_data(void **state)
{
	/* call 1f; data; 1: jmp . */
	const struct x86_scan *s = scan_bytes(BYTES(PUSHF, 0xe8, 0x02, 0, 0, 0, POPF, UNDEFINED, 0xeb, 0xfe), 0);

	(void)state;
	ASSERT_SITES(s, 0);
	ASSERT_DOUBTS(s, 6);
}

static void padding_of_traps_nops_and_zeros_is_no_doubt(void **state)
{
	const struct x86_scan *s = scan_bytes(BYTES(RET, INT3, INT3, INT3, PUSHF, RET, 0x66, 0x0f, 0x1f, 0x44, 0, 0, POPF, RET,
						    NOP, 0x0f, 0x1f, 0x00, 0, 0, 0), 0);

	(void)state;
	ASSERT_SITES(s, 4, 12);
	ASSERT_DOUBTS(s);
}

static void an_odd_number_of_zeros_before_a_function_is_padding(void **state)
{
	const struct x86_scan *s = scan_bytes(BYTES(0xe8, 0x03, 0, 0, 0, RET, 0, 0, PUSHF, RET, 0, 0, 0, PUSHF, RET), 0);

	(void)state;
	ASSERT_SITES(s, 8, 13);
	ASSERT_DOUBTS(s);
}

static void a_single_zero_before_reached_code_is_padding(void **state)
{
	const struct x86_scan *s = scan_bytes(BYTES(0xe8, 0x04, 0, 0, 0, RET, PUSHF, RET, 0, RET), 0);

	(void)state;
	ASSERT_SITES(s, 6);
	ASSERT_DOUBTS(s);
}

static void zeros_behind_a_call_that_does_not_return_are_padding(void **state)
{
	const struct x86_scan *s = scan_bytes(BYTES(0xe8, 0x05, 0, 0, 0, 0, 0, 0, PUSHF, RET, 0xeb, 0xfe), 0);

	(void)state;
	ASSERT_SITES(s, 8);
	ASSERT_DOUBTS(s);
}

/* 0x40900003, of 8 bytes: a page table, as Unikraft has one in its text. */
static void zeros_that_code_would_fall_through_to_are_data(void **state)
{
	const struct x86_scan *s = scan_bytes(BYTES(RET, PUSHF, RET, 0x03, 0x00, 0x90, 0x40, 0, 0, 0, 0), 0);

	(void)state;
	ASSERT_SITES(s);
	ASSERT_DOUBTS(s, 1);
}

static void an_instruction_that_is_cut_short_by_the_end_is_doubt(void **state)
{
	const struct x86_scan *s = scan_bytes(BYTES(RET, PUSHF, 0xb8, PUSHF), 0);

	(void)state;
	ASSERT_SITES(s);
	ASSERT_DOUBTS(s, 1, 3);
}

/* AMD's goes by 16 bits of RIP, and is shorter. */
static void a_branch_of_16_bits_is_none_that_is_known(void **state)
{
	const struct x86_scan *s = scan_bytes(BYTES(RET, PUSHF, 0x66, 0xe9, 0, 0, 0, 0, RET), 0);

	(void)state;
	ASSERT_SITES(s);
	ASSERT_DOUBTS(s, 1);
}

static void sites_beyond_the_maximum_are_counted(void **state)
{
	uint8_t code[LIST_MAX + 3];
	const struct x86_scan *s;

	(void)state;
	memset(code, PUSHF, sizeof(code));
	code[sizeof(code) - 1] = RET;
	s = scan_bytes(code, sizeof(code), 0);
	assert_int_equal(s->site_count, LIST_MAX + 2);
	assert_int_equal(s->sites[LIST_MAX - 1], LIST_MAX - 1);
}

static void of_no_code_nothing_is_said(void **state)
{
	const struct x86_scan *s = scan_bytes((const uint8_t *)"", 0, 0);

	(void)state;
	ASSERT_SITES(s);
	ASSERT_DOUBTS(s);
}

/* Each hop leads to the one before it: what is too far off to be followed is read as a gap. */
static void many_branches_backwards_are_not_all_followed(void **state)
{
	uint8_t code[BYTES_MAX];
	const struct x86_scan *s;

	(void)state;
	memset(code, PUSHF, sizeof(code));
	for (size_t at = 0; at + 2 < sizeof(code); at += 3)
		memcpy(code + at, (const uint8_t[]){ PUSHF, 0xeb, 0xfa }, 3);
	s = scan_bytes(code, sizeof(code), sizeof(code) - 3);
	assert_int_equal(s->site_count, sizeof(code) / 3);
	ASSERT_DOUBTS(s);
}

static bool scan_page(const uint8_t *code, size_t bytes, uint32_t entry)
{
	return x86_scan_page(prepare(code, bytes), entry, 0, (uint32_t)bytes);
}

static void a_page_with_code_alone_is_certain(void **state)
{
	(void)state;
	assert_true(scan_page(BYTES(0, 0, 0x75, 0x01, PUSHF, POPF, RET, 0, 0), 2));
	ASSERT_SITES(&scanned.scan, 4, 5);
}

static void data_with_nothing_to_patch_in_it_is_no_matter_in_a_page(void **state)
{
	(void)state;
	assert_true(scan_page(BYTES('t', 'e', 'x', 't', PUSHF, RET, UNDEFINED, 0xff), 4));
	ASSERT_SITES(&scanned.scan, 4);
}

static void what_nothing_leads_to_in_a_page_is_in_doubt(void **state)
{
	(void)state;
	assert_false(scan_page(BYTES(PUSHF, RET, NOP, POPF, RET), 0));
	ASSERT_DOUBTS(&scanned.scan, 3);
}

static void inside_of_an_instruction_of_a_page_there_is_no_doubt(void **state)
{
	(void)state;
	assert_true(scan_page(BYTES(0xb8, PUSHF, POPF, PUSHF, POPF, RET), 0));
	ASSERT_SITES(&scanned.scan);
}

static void a_site_of_a_page_inside_of_another_instruction_is_in_doubt(void **state)
{
	(void)state;
	assert_false(scan_page(BYTES(0x74, 0x01, 0xb8, POPF, NOP, NOP, NOP, RET), 0));
	ASSERT_DOUBTS(&scanned.scan, 3);
}

static void an_instruction_from_the_page_before_goes_on_in_this_one(void **state)
{
	static const uint8_t code[] = { NOP, 0xb8, PUSHF, POPF, PUSHF, POPF, PUSHF, RET }; /* the page begins at 3 */

	(void)state;
	assert_true(x86_scan_page(prepare(code, sizeof(code)), 1, 3, sizeof(code)));
	ASSERT_SITES(&scanned.scan, 6);
	assert_false(x86_scan_page(prepare(code, sizeof(code)), 7, 3, sizeof(code)));
	ASSERT_DOUBTS(&scanned.scan, 3, 4, 5, 6);
}

static void an_instruction_that_a_page_is_too_short_for_is_the_next_ones(void **state)
{
	static const uint8_t code[] = { PUSHF, 0x66, 0x8c, 0xd8 }; /* the next page begins at 2 */

	(void)state;
	assert_true(x86_scan_page(prepare(code, 2), 0, 0, 2));
	ASSERT_SITES(&scanned.scan, 0);
	assert_true(x86_scan_page(prepare(code, sizeof(code)), 0, 0, 2));
	ASSERT_SITES(&scanned.scan, 0, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_that_ring_3_does_differently_needs_a_patch),
		cmocka_unit_test(what_is_to_be_patched_in_code_is_a_site),
		cmocka_unit_test(bytes_of_an_operand_are_no_site),
		cmocka_unit_test(code_that_only_pointers_lead_to_is_read_from_where_the_code_before_it_ends),
		cmocka_unit_test(without_an_entry_code_is_read_from_its_start),
		cmocka_unit_test(an_entry_behind_data_is_code),
		cmocka_unit_test(an_entry_inside_of_an_instruction_of_the_sweep_is_code),
		cmocka_unit_test(undecodable_bytes_put_what_no_branch_reaches_in_doubt),
		cmocka_unit_test(in_doubt_every_offset_counts),
		cmocka_unit_test(doubt_with_nothing_to_patch_at_any_offset_names_nothing),
		cmocka_unit_test(doubt_ends_with_its_page),
		cmocka_unit_test(what_a_branch_leads_to_is_code_whatever_is_before_it),
		cmocka_unit_test(calls_lead_backwards_too),
		cmocka_unit_test(a_branch_behind_a_prefix_is_no_doubt),
		cmocka_unit_test(what_two_readings_share_is_not_patched),
		cmocka_unit_test(a_branch_in_a_gap_that_leads_to_no_instruction_puts_it_in_doubt),
		cmocka_unit_test(a_branch_in_a_gap_that_leads_to_no_instruction_puts_what_it_leads_to_in_doubt),
		cmocka_unit_test(a_branch_in_a_gap_into_the_middle_of_reached_code_leaves_that_alone),
		cmocka_unit_test(behind_a_call_that_does_not_return_there_may_be_data),
		cmocka_unit_test(padding_of_traps_nops_and_zeros_is_no_doubt),
		cmocka_unit_test(an_odd_number_of_zeros_before_a_function_is_padding),
		cmocka_unit_test(a_single_zero_before_reached_code_is_padding),
		cmocka_unit_test(zeros_behind_a_call_that_does_not_return_are_padding),
		cmocka_unit_test(zeros_that_code_would_fall_through_to_are_data),
		cmocka_unit_test(an_instruction_that_is_cut_short_by_the_end_is_doubt),
		cmocka_unit_test(a_branch_of_16_bits_is_none_that_is_known),
		cmocka_unit_test(sites_beyond_the_maximum_are_counted),
		cmocka_unit_test(of_no_code_nothing_is_said),
		cmocka_unit_test(many_branches_backwards_are_not_all_followed),
		cmocka_unit_test(a_page_with_code_alone_is_certain),
		cmocka_unit_test(data_with_nothing_to_patch_in_it_is_no_matter_in_a_page),
		cmocka_unit_test(what_nothing_leads_to_in_a_page_is_in_doubt),
		cmocka_unit_test(inside_of_an_instruction_of_a_page_there_is_no_doubt),
		cmocka_unit_test(a_site_of_a_page_inside_of_another_instruction_is_in_doubt),
		cmocka_unit_test(an_instruction_from_the_page_before_goes_on_in_this_one),
		cmocka_unit_test(an_instruction_that_a_page_is_too_short_for_is_the_next_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
