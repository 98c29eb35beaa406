/* SPDX-License-Identifier: Apache-2.0 */
/* What is shown of bytes that anybody may have printed. */
#include "tests/unit/test_unit.h"

#include "control/measure/utf8.h"
#include "control/test/printed.h"

static const char *word(const char *bytes, size_t count)
{
	static char into[8192];
	FILE *out = fmemopen(into, sizeof(into), "w");

	printed_word(out, bytes, count);
	fclose(out);
	return into;
}

static const char *lines(const char *bytes, unsigned most)
{
	static char into[8192];
	FILE *out = fmemopen(into, sizeof(into), "w");

	printed_lines(out, "> ", bytes, strlen(bytes), most);
	fputc('\0', out);
	fclose(out);
	return into;
}

static void test_characters_are_those_of_rfc_3629(void **state)
{
	static const struct { const char *bytes; unsigned length; uint32_t code; } rows[] = {
		{ "a", 1, 'a' }, { "\xc3\xa9", 2, 0xe9 }, { "\xe2\x82\xac", 3, 0x20ac }, { "\xf0\x9f\x98\x80", 4, 0x1f600 },
		{ "\xc0\x80", 0, 0 }, { "\xc1\xbf", 0, 0 }, { "\xe0\x80\x80", 0, 0 }, { "\xed\xa0\x80", 0, 0 }, { "\x80", 0, 0 },
		{ "\xf0\x80\x80\x80", 0, 0 }, { "\xf4\x90\x80\x80", 0, 0 }, { "\xf5\x80\x80\x80", 0, 0 }, { "\xe2\x82", 0, 0 },
		{ "\xc3(", 0, 0 },
	};
	uint32_t code;

	(void)state;
	for (unsigned i = 0; i < COUNT_OF(rows); i++) {
		assert_int_equal(utf8_decode(rows[i].bytes, strlen(rows[i].bytes), &code), rows[i].length);
		if (rows[i].length)
			assert_int_equal(code, rows[i].code);
	}
	assert_int_equal(utf8_decode("", 0, &code), 0);
}

static void test_a_word_has_nothing_that_a_terminal_obeys(void **state)
{
	(void)state;
	assert_string_equal(word("\x1b[0m", 4), "\\x1b[0m");
	assert_string_equal(word("a\nb\rc\0d", 7), "a\\x0ab\\x0dc\\x00d");
	assert_string_equal(word("\xc2\x9b" "1m", 4), "\\u{9b}1m");
	assert_string_equal(word("\xe2\x80\xae", 3), "\\u{202e}");
	assert_string_equal(word("\xff\x80", 2), "\\xff\\x80");
	assert_string_equal(word("na\xc3\xafve\t\xe2\x82\xac", 10), "na\xc3\xafve\t\xe2\x82\xac");
}

static void test_a_word_is_no_command_of_a_ci_system(void **state)
{
	(void)state;
	assert_string_equal(word("x ##[error]y", 12), "x \\x23#[error]y");
	assert_string_equal(word("####vso[a]", 10), "##\\x23#vso[a]");
	assert_string_equal(word("## title", 8), "## title");
}

static void test_a_long_word_is_cut_and_says_so(void **state)
{
	char bytes[3000];

	(void)state;
	memset(bytes, 'a', sizeof(bytes));
	assert_says(word(bytes, sizeof(bytes)), "a … 2000 bytes more");
}

static void test_the_last_lines_are_shown(void **state)
{
	(void)state;
	assert_string_equal(lines("", 3), "");
	assert_string_equal(lines("\n", 3), "> \n");
	assert_string_equal(lines("a", 3), "> a\n");
	assert_string_equal(lines("a\nb\n", 2), "> a\n> b\n");
	assert_string_equal(lines("a\nb\n", 1), "> … 2 bytes before\n> b\n");
	assert_string_equal(lines("a\n\nb", 2), "> … 2 bytes before\n> \n> b\n");
	assert_string_equal(lines("a\r\nb\r\n", 9), "> a\n> b\n");
	assert_string_equal(lines("\r\n\r", 9), "> \n> \n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_characters_are_those_of_rfc_3629),
		cmocka_unit_test(test_a_word_has_nothing_that_a_terminal_obeys),
		cmocka_unit_test(test_a_word_is_no_command_of_a_ci_system),
		cmocka_unit_test(test_a_long_word_is_cut_and_says_so),
		cmocka_unit_test(test_the_last_lines_are_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
