/* SPDX-License-Identifier: Apache-2.0 */
/* CSV: as RFC 4180 has it. */
#include "tests/unit/test_bench_output.h"

/* Line `number` from 0, without its end, which is CR LF. */
static char *line(unsigned number)
{
	static char one[4096];
	const char *at = text;

	for (; number; number--)
		at = strstr(at, "\r\n") + 2;
	snprintf(one, sizeof(one), "%.*s", (int)(strstr(at, "\r\n") - at), at);
	return one;
}

static unsigned commas(const char *of)
{
	unsigned count = 0;

	for (; *of; of++)
		count += *of == ',';
	return count;
}

static void the_header_has_units(void **state)
{
	(void)state;
	made_up(&made, 1, 1);
	write_with(output_csv);
	assert_string_equal(line(0), "subject,result,round,begun_ns,late_ns,vmm_main_ns,entry_ns,first_ns,guest_main_ns,exit_ns,"
			    "reaped_ns,user_ns,system_ns,exits,hypercalls,system_calls,minor_faults,major_faults,peak_bytes");
}

static void a_launch_is_a_row_with_as_many_fields(void **state)
{
	unsigned lines = 0;

	(void)state;
	made_up(&made, 3, 50);
	write_with(output_csv);
	for (const char *at = text; *at; at = strstr(at, "\r\n") + 2)
		lines++;
	assert_int_equal(lines, 1 + 3 * 50);
	for (unsigned i = 0; i < lines; i++)
		assert_int_equal(commas(line(i)), commas(line(0)));
}

static void what_is_not_known_is_empty_and_what_is_none_is_0(void **state)
{
	(void)state;
	made_up(&made, 2, 1);
	made.results.subjects[1].samples[0] = (struct sample){ .reaped_ns = 5, .result = SAMPLE_FAILED };
	made.results.subjects[0].samples[0] = (struct sample){
		.first_ns = 1, .exits = 2, .counted = COUNTED_ALL, .result = SAMPLE_TIMED_OUT,
	};
	write_with(output_csv);
	assert_string_equal(line(1), "hello,timed_out,0,0,0,,,1,,,,0,0,2,0,,0,0,");
	assert_string_equal(line(2), "floor,failed,0,0,0,,,,,,5,0,0,,,,0,0,");
}

/* kvick told of a launch whose guest was never entered. */
static void no_exit_is_a_number_of_them(void **state)
{
	(void)state;
	made_up(&made, 1, 1);
	made.results.subjects[0].samples[0] = (struct sample){ .counted = COUNTED_ALL, .system_calls = 9, .result = SAMPLE_FAILED };
	write_with(output_csv);
	assert_string_equal(line(1), "hello,failed,0,0,0,,,,,,,0,0,0,0,9,0,0,");
}

static void the_greatest_numbers_are_whole(void **state)
{
	(void)state;
	made_up(&made, 1, 1);
	made.results.subjects[0].samples[0] = (struct sample){ .round = UINT32_MAX, .begun_ns = UINT64_MAX };
	write_with(output_csv);
	assert_memory_equal(line(1), "hello,good,4294967295,18446744073709551615,0,", 45);
}

static void names_are_quoted_where_they_need_it(void **state)
{
	static const char *const names[][2] = {
		{ "a,b", "\"a,b\"," }, { "a\"b", "\"a\"\"b\"," }, { " a", "\" a\"," }, { "a;b", "a;b," },
		{ "a\r\nb", "a\xef\xbf\xbd" },
	};

	(void)state;
	made_up(&made, 1, 1);
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		made.plan.subjects[0].name = names[i][0];
		write_with(output_csv);
		assert_memory_equal(line(1), names[i][1], strlen(names[i][1]));
	}
}

static void without_launches_there_is_the_header(void **state)
{
	(void)state;
	made_up(&made, 2, 0);
	write_with(output_csv);
	assert_string_equal(strstr(text, "\r\n"), "\r\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_header_has_units),
		TEST(a_launch_is_a_row_with_as_many_fields),
		TEST(what_is_not_known_is_empty_and_what_is_none_is_0),
		TEST(no_exit_is_a_number_of_them),
		TEST(the_greatest_numbers_are_whole),
		TEST(names_are_quoted_where_they_need_it),
		TEST(without_launches_there_is_the_header),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
