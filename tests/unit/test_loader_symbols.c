/* SPDX-License-Identifier: Apache-2.0 */
/* What image_symbol() finds, and that a spoiled symbol table does no harm. */
#include "tests/unit/test_loader.h"

static const struct elf_symbol symbols[] = {
	{ "a_file.c", 0, 0, STT_FILE },
	{ "_start", ELF_TEXT_ADDRESS, 0, STT_NOTYPE },
	{ "main", ELF_TEXT_ADDRESS + 0x10, 0x10, STT_FUNC },
	{ "label_in_main", ELF_TEXT_ADDRESS + 0x18, 0, STT_NOTYPE },
	{ "main_alias", ELF_TEXT_ADDRESS + 0x10, 0x10, STT_NOTYPE },
	{ "stub", ELF_TEXT_ADDRESS + 0x30, 0, STT_FUNC },
	{ "counter", ELF_DATA_ADDRESS, 8, STT_OBJECT },
	{ "_edata", ELF_DATA_ADDRESS + 0x20, 0, STT_NOTYPE },
	{ "", ELF_DATA_ADDRESS + 0x30, 8, STT_OBJECT },
	{ "evil\x1b[2J\n", ELF_DATA_ADDRESS + 0x40, 8, STT_OBJECT },
};

#define SYMBOL_COUNT (sizeof(symbols) / sizeof(symbols[0]))

/* "name+offset", or "none". */
static const char *symbol_at(struct fixture *f, uint64_t address)
{
	static char text[160];
	char name[128];
	uint64_t offset;

	if (!image_symbol(&f->image, address, name, sizeof(name), &offset, &f->sys))
		return "none";
	snprintf(text, sizeof(text), "%s+%llu", name, (unsigned long long)offset);
	return text;
}

static void open_with_symbols(struct fixture *f)
{
	elf_add_symbols(&f->b, symbols, SYMBOL_COUNT);
	assert_opens(f);
}

static void finds_the_function_that_holds_an_address(void **state)
{
	struct fixture *f = *state;

	open_with_symbols(f);
	assert_string_equal(symbol_at(f, ELF_TEXT_ADDRESS + 0x10), "main+0");
	assert_string_equal(symbol_at(f, ELF_TEXT_ADDRESS + 0x1f), "main+15");
}

static void finds_symbols_in_a_pie(void **state)
{
	struct fixture *f = *state;
	struct elf_symbol symbol = { "main", 0x1010, 0x10, STT_FUNC };

	elf_make_pie(&f->b);
	elf_add_symbols(&f->b, &symbol, 1);
	assert_opens(f);
	assert_string_equal(symbol_at(f, LAYOUT_IMAGE_BASE + 0x1014), "main+4");
}

static void finds_the_nearest_label_without_size(void **state)
{
	struct fixture *f = *state;

	open_with_symbols(f);
	assert_string_equal(symbol_at(f, ELF_TEXT_ADDRESS + 4), "_start+4");
	assert_string_equal(symbol_at(f, ELF_TEXT_ADDRESS + 0x38), "stub+8");
}

static void a_label_does_not_reach_past_a_function(void **state)
{
	struct fixture *f = *state;

	open_with_symbols(f);
	assert_string_equal(symbol_at(f, ELF_TEXT_ADDRESS + 0x28), "none");
}

static void finds_the_object_that_holds_an_address(void **state)
{
	struct fixture *f = *state;

	open_with_symbols(f);
	assert_string_equal(symbol_at(f, ELF_DATA_ADDRESS + 7), "counter+7");
	assert_string_equal(symbol_at(f, ELF_DATA_ADDRESS + 8), "none");
}

static void a_label_in_data_names_nothing(void **state)
{
	struct fixture *f = *state;

	open_with_symbols(f);
	assert_string_equal(symbol_at(f, ELF_DATA_ADDRESS + 0x24), "none");
}

static void a_symbol_without_name_names_nothing(void **state)
{
	struct fixture *f = *state;

	open_with_symbols(f);
	assert_string_equal(symbol_at(f, ELF_DATA_ADDRESS + 0x34), "none");
}

static void a_symbol_without_name_hides_no_other(void **state)
{
	struct fixture *f = *state;
	struct elf_symbol two[] = {
		{ "main", ELF_TEXT_ADDRESS, 0x10, STT_FUNC },
		{ "", ELF_TEXT_ADDRESS + 4, 8, STT_FUNC },
	};

	elf_add_symbols(&f->b, two, 2);
	assert_opens(f);
	assert_string_equal(symbol_at(f, ELF_TEXT_ADDRESS + 6), "main+6");
}

static void a_label_does_not_reach_into_the_next_segment(void **state)
{
	struct fixture *f = *state;
	struct elf_symbol label = { "_start", ELF_TEXT_ADDRESS, 0, STT_NOTYPE };

	elf_phdr(&f->b, ELF_PH_DATA)->p_flags = PF_R | PF_X;
	elf_add_symbols(&f->b, &label, 1);
	assert_opens(f);
	assert_string_equal(symbol_at(f, ELF_TEXT_ADDRESS + 4), "_start+4");
	assert_string_equal(symbol_at(f, ELF_DATA_ADDRESS), "none");
}

static void names_are_printable(void **state)
{
	struct fixture *f = *state;

	open_with_symbols(f);
	assert_string_equal(symbol_at(f, ELF_DATA_ADDRESS + 0x44), "evil?[2J?+4");
}

static void an_address_outside_the_image_has_no_symbol(void **state)
{
	struct fixture *f = *state;
	uint64_t calls;

	open_with_symbols(f);
	calls = f->sys.calls;
	assert_string_equal(symbol_at(f, 0), "none");
	assert_string_equal(symbol_at(f, 0x105000), "none");
	assert_string_equal(symbol_at(f, -1ull), "none");
	assert_int_equal(f->sys.calls, calls);
}

static void a_name_is_cut_to_the_buffer(void **state)
{
	struct fixture *f = *state;
	char name[3];
	uint64_t offset;

	open_with_symbols(f);
	assert_true(image_symbol(&f->image, ELF_TEXT_ADDRESS + 0x10, name, sizeof(name), &offset, &f->sys));
	assert_string_equal(name, "ma");
	assert_false(image_symbol(&f->image, ELF_TEXT_ADDRESS + 0x10, name, 0, &offset, &f->sys));
}

static void a_stripped_image_has_no_symbols(void **state)
{
	struct fixture *f = *state;

	assert_opens(f);
	assert_string_equal(symbol_at(f, ELF_TEXT_ADDRESS + 0x10), "none");
}

static void a_symbol_in_the_second_buffer_is_found(void **state)
{
	struct fixture *f = *state;
	static struct elf_symbol many[1000];

	for (size_t i = 0; i < 999; i++)
		many[i] = (struct elf_symbol){ "x", 0x500000 + i, 1, STT_OBJECT };
	many[999] = (struct elf_symbol){ "last", ELF_TEXT_ADDRESS, 8, STT_FUNC };
	elf_add_symbols(&f->b, many, 1000);
	assert_opens(f);
	assert_string_equal(symbol_at(f, ELF_TEXT_ADDRESS + 1), "last+1");
}

/* A table spoiled in one place: no symbol, no harm. */
#define NO_SYMBOL(test, ...)                                                            \
	static void test(void **state)                                                  \
	{                                                                               \
		struct fixture *f = *state;                                             \
		struct elf_builder *b = &f->b;                                          \
                                                                                        \
		elf_add_symbols(b, symbols, SYMBOL_COUNT);                              \
		__VA_ARGS__;                                                            \
		assert_opens(f);                                                        \
		assert_string_equal(symbol_at(f, ELF_TEXT_ADDRESS + 0x10), "none");     \
	}

NO_SYMBOL(section_headers_past_the_file_are_left_alone, elf_ehdr(b)->e_shoff = b->bytes - 8)
NO_SYMBOL(an_e_shoff_that_wraps_is_left_alone, elf_ehdr(b)->e_shoff = -8ull)
NO_SYMBOL(another_e_shentsize_is_left_alone, elf_ehdr(b)->e_shentsize = 40)
NO_SYMBOL(too_many_sections_are_left_alone, elf_ehdr(b)->e_shnum = 0xffff)
NO_SYMBOL(symbols_past_the_file_are_left_alone, elf_shdr(b, 1)->sh_offset = b->bytes)
NO_SYMBOL(a_symbol_table_that_wraps_is_left_alone, elf_shdr(b, 1)->sh_size = -1ull)
NO_SYMBOL(another_sh_entsize_is_left_alone, elf_shdr(b, 1)->sh_entsize = 0)
NO_SYMBOL(an_sh_link_without_section_is_left_alone, elf_shdr(b, 1)->sh_link = 3)
NO_SYMBOL(an_sh_link_to_no_strings_is_left_alone, elf_shdr(b, 1)->sh_link = 1)
NO_SYMBOL(strings_past_the_file_are_left_alone, elf_shdr(b, 2)->sh_size = b->bytes)
NO_SYMBOL(a_name_past_the_strings_is_left_alone, elf_shdr(b, 2)->sh_size = 1)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(finds_the_function_that_holds_an_address),
		TEST(finds_symbols_in_a_pie),
		TEST(finds_the_nearest_label_without_size),
		TEST(a_label_does_not_reach_past_a_function),
		TEST(finds_the_object_that_holds_an_address),
		TEST(a_label_in_data_names_nothing),
		TEST(a_symbol_without_name_names_nothing),
		TEST(a_symbol_without_name_hides_no_other),
		TEST(a_label_does_not_reach_into_the_next_segment),
		TEST(names_are_printable),
		TEST(an_address_outside_the_image_has_no_symbol),
		TEST(a_name_is_cut_to_the_buffer),
		TEST(a_stripped_image_has_no_symbols),
		TEST(a_symbol_in_the_second_buffer_is_found),
		TEST(section_headers_past_the_file_are_left_alone),
		TEST(an_e_shoff_that_wraps_is_left_alone),
		TEST(another_e_shentsize_is_left_alone),
		TEST(too_many_sections_are_left_alone),
		TEST(symbols_past_the_file_are_left_alone),
		TEST(a_symbol_table_that_wraps_is_left_alone),
		TEST(another_sh_entsize_is_left_alone),
		TEST(an_sh_link_without_section_is_left_alone),
		TEST(an_sh_link_to_no_strings_is_left_alone),
		TEST(strings_past_the_file_are_left_alone),
		TEST(a_name_past_the_strings_is_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
