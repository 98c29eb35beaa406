/* SPDX-License-Identifier: Apache-2.0 */
/* Text from outside: what is no text does not come through. */
#include "tests/unit/test_unit.h"

#include "control/bench/output.h"
#include "control/bench/page.h"

#define BAD "\xef\xbf\xbd"

static void becomes(const char *text, const char *clean)
{
	char *made = utf8_clean(text);

	assert_string_equal(made, clean);
	free(made);
}

static void text_of_all_lengths_stays(void **state)
{
	(void)state;
	becomes("", "");
	becomes("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80z", "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80z");
	becomes("\xed\x9f\xbf\xef\xa4\x80\xf0\xbf\xbf\xbd", "\xed\x9f\xbf\xef\xa4\x80\xf0\xbf\xbf\xbd");
}

static void what_is_no_utf8_is_replaced_byte_by_byte(void **state)
{
	(void)state;
	becomes("a\xff" "b", "a" BAD "b");
	becomes("\xc3", BAD);
	becomes("\xe2\x82", BAD BAD);
	becomes("\xc0\x80", BAD BAD);
	becomes("\xe0\x80\xaf", BAD BAD BAD);
	becomes("\xf4\x90\x80\x80", BAD BAD BAD BAD);
	becomes("\xed\xa0\x80", BAD BAD BAD); /* half a pair */
	becomes("\xc3(", BAD "(");
}

static void what_is_more_than_text_is_replaced(void **state)
{
	(void)state;
	becomes("\x1b[31m\n\t\x7f", BAD "[31m" BAD BAD BAD);
	becomes("\xc2\x9b", BAD);              /* CSI */
	becomes("\xe2\x80\xae", BAD);          /* right to left from here */
	becomes("\xef\xbf\xbe\xef\xbf\xbf", BAD BAD); /* what XML does not take */
}

static void a_command_can_be_typed(void **state)
{
	char *argv[] = { (char *)"a/b-c", (char *)"", (char *)"it's $HOME", (char *)"x=1", NULL };
	char *made = utf8_command(argv);

	(void)state;
	assert_string_equal(made, "a/b-c '' 'it'\\''s $HOME' x=1");
	free(made);
	made = utf8_command(NULL);
	assert_string_equal(made, "");
	free(made);
}

static void a_name_is_cut_between_characters(void **state)
{
	static const struct {
		const char *text;
		size_t columns;
		const char *cut;
	} ways[] = {
		{ "\xc3\xa4\xc3\xa4\xc3\xa4", 3, "\xc3\xa4\xc3\xa4\xc3\xa4" },
		{ "\xc3\xa4\xc3\xa4\xc3\xa4", 2, "\xc3\xa4\xe2\x80\xa6" },
		{ "<<<", 2, "&lt;\xe2\x80\xa6" }, { "\"'&>", 9, "&quot;&#39;&amp;&gt;" },
		{ "\xe4\xb8\xad\xe4\xb8\xad", 4, "\xe4\xb8\xad\xe4\xb8\xad" },
		{ "\xe4\xb8\xad\xe4\xb8\xad", 3, "\xe4\xb8\xad\xe2\x80\xa6" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(ways); i++) {
		char *made = html_cut(ways[i].text, ways[i].columns);

		assert_string_equal(made, ways[i].cut);
		free(made);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_of_all_lengths_stays),
		cmocka_unit_test(what_is_no_utf8_is_replaced_byte_by_byte),
		cmocka_unit_test(what_is_more_than_text_is_replaced),
		cmocka_unit_test(a_command_can_be_typed),
		cmocka_unit_test(a_name_is_cut_between_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
