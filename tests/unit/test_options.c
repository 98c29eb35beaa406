/* SPDX-License-Identifier: Apache-2.0 */
/* Command lines as a table says they are, and every way to get one wrong. */
#include "tests/unit/test_unit.h"

#include "control/options.h"
#include "vmm/error.h"

#define ARGS_MAX 16

struct fixture {
	const char *size; /* what --size was given */
	const char *size_more;
	const char *pages;
	const char *named; /* what --thing: was given */
	unsigned switches;
	struct operands operands;
	struct error error;
	char *argv[ARGS_MAX];
};

static int take_size(void *into, const char *value, struct error *error)
{
	if (strcmp(value, "bad") == 0)
		return error_set(error, ERROR_USAGE, EINVAL, "--size bad: write a good one");
	((struct fixture *)into)->size = value;
	return 0;
}

static int take_size_more(void *into, const char *value, struct error *error)
{
	(void)error;
	((struct fixture *)into)->size_more = value;
	return 0;
}

static int take_switch(void *into, const char *value, struct error *error)
{
	(void)error;
	assert_null(value);
	((struct fixture *)into)->switches++;
	return 0;
}

static int take_pages(void *into, const char *value, struct error *error)
{
	(void)error;
	((struct fixture *)into)->pages = value ? value : "left out";
	return 0;
}

static int take_named(void *into, const char *value, struct error *error)
{
	(void)error;
	((struct fixture *)into)->named = value;
	return 0;
}

static const struct option_row rows[] = {
	{ "size:NAME", "PATH", "whose size", take_named, 0 },
	{ "size", "SIZE", "how large", take_size, 0 },
	{ "size-more", "SIZE", "how much larger", take_size_more, 0 },
	{ "switch", NULL, "whether", take_switch, 0 },
	{ "pages", "[=KIND]", "whether, and which", take_pages, 0 },
	{ "here", NULL, "of this command", take_switch, 1 },
	{ "elsewhere", NULL, "of another command", take_switch, 2 },
	{ "o", "SIZE", "how large, in short", take_size, 0 },
	{ 0 },
};

static const struct command command = {
	.name = "test", .synopsis = "test [OPTIONS] THING", .options = rows, .of = 1,
};

static int set_up(void **state)
{
	*state = calloc(1, sizeof(struct fixture));
	return 0;
}

static int tear_down(void **state)
{
	free(*state);
	return 0;
}

static int parse_list(struct fixture *f, const char *const *list, int argc)
{
	f->argv[0] = (char *)"test";
	for (int i = 0; i < argc; i++)
		f->argv[i + 1] = (char *)list[i];
	return options_parse(&command, argc + 1, f->argv, f, &f->operands, &f->error);
}

#define parse(f, ...) \
	parse_list(f, (const char *const[]){ __VA_ARGS__ }, (int)COUNT_OF(((const char *const[]){ __VA_ARGS__ })))

#define assert_usage(f, fragment, ...)                                      \
	do {                                                                \
		assert_int_equal(parse(f, __VA_ARGS__), -EINVAL);           \
		assert_int_equal((f)->error.kind, ERROR_USAGE);             \
		assert_says((f)->error.text, fragment);                     \
	} while (0)

static void nothing_is_fine(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(parse_list(f, NULL, 0), 0);
	assert_null(f->operands.operand);
	assert_null(f->operands.rest);
	assert_int_equal(f->operands.rest_count, 0);
	assert_false(f->operands.help);
}

static void a_value_comes_after_an_equals_sign(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(parse(f, "--size=16M"), 0);
	assert_string_equal(f->size, "16M");
}

static void a_name_comes_after_a_colon(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(parse(f, "--size:a=b=c", "--size=16M", "thing"), 0);
	assert_string_equal(f->named, "a=b=c");
	assert_string_equal(f->size, "16M");
	assert_string_equal(f->operands.operand, "thing");
}

/* What it makes of that, the row's function says. */
static void a_name_without_a_value_takes_no_other_word_for_one(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(parse(f, "--size:a", "thing"), 0);
	assert_string_equal(f->named, "a");
	assert_string_equal(f->operands.operand, "thing");
}

static void a_name_after_what_takes_none_is_no_option(void **state)
{
	struct fixture *f = *state;

	assert_usage(f, "--switch:a: no such option", "--switch:a");
	f->error.kind = ERROR_NONE;
	assert_usage(f, "--siz:a=b: no such option", "--siz:a=b");
}

static void a_value_comes_after_a_space(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(parse(f, "--size", "16M", "thing"), 0);
	assert_string_equal(f->size, "16M");
	assert_string_equal(f->operands.operand, "thing");
}

static void a_value_may_hold_equals_signs_or_nothing(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(parse(f, "--size=a=b", "--size-more="), 0);
	assert_string_equal(f->size, "a=b");
	assert_string_equal(f->size_more, "");
}

static void a_value_after_a_space_may_look_like_an_option(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(parse(f, "--size", "--switch", "--size-more", "--"), 0);
	assert_string_equal(f->size, "--switch");
	assert_string_equal(f->size_more, "--");
	assert_int_equal(f->switches, 0);
	assert_null(f->operands.rest);
}

static void the_last_of_an_option_given_twice_counts(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(parse(f, "--size=1", "--switch", "--size=2", "--switch"), 0);
	assert_string_equal(f->size, "2");
	assert_int_equal(f->switches, 2);
}

static void a_name_is_matched_whole(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(parse(f, "--size-more=2"), 0);
	assert_null(f->size);
	assert_string_equal(f->size_more, "2");
	assert_usage(f, "--siz: no such option", "--siz", "1");
}

static void options_may_stand_after_the_operand(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(parse(f, "thing", "--switch", "--size", "1"), 0);
	assert_string_equal(f->operands.operand, "thing");
	assert_int_equal(f->switches, 1);
	assert_string_equal(f->size, "1");
}

static void two_dashes_end_the_options(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(parse(f, "thing", "--", "--switch", "--nonsense", "--", "-x"), 0);
	assert_int_equal(f->switches, 0);
	assert_int_equal(f->operands.rest_count, 4);
	assert_ptr_equal(f->operands.rest, f->argv + 3);
	assert_string_equal(f->operands.rest[0], "--switch");
	assert_string_equal(f->operands.rest[3], "-x");
}

static void two_dashes_at_the_end_leave_no_rest(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(parse(f, "thing", "--"), 0);
	assert_non_null(f->operands.rest);
	assert_int_equal(f->operands.rest_count, 0);
}

static void what_is_after_two_dashes_is_no_operand(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(parse(f, "--", "thing"), 0);
	assert_null(f->operands.operand);
	assert_int_equal(f->operands.rest_count, 1);
}

static void help_is_noticed(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(parse(f, "thing", "--help"), 0);
	assert_true(f->operands.help);
	assert_int_equal(parse(f, "-h"), 0);
	assert_true(f->operands.help);
	assert_int_equal(parse(f, "--", "--help"), 0);
	assert_false(f->operands.help);
}

static void a_single_dash_is_an_operand(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(parse(f, "-"), 0);
	assert_string_equal(f->operands.operand, "-");
}

static void an_empty_argument_is_an_operand(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(parse(f, ""), 0);
	assert_string_equal(f->operands.operand, "");
}

static void an_unknown_option_is_named_with_where_help_is(void **state)
{
	assert_usage((struct fixture *)*state, "--nonsense: no such option: see `kvick test --help`", "--nonsense");
}

static void an_unknown_option_is_named_with_its_value(void **state)
{
	assert_usage((struct fixture *)*state, "--nonsense=7: no such option", "--nonsense=7");
}

static void an_option_without_a_name_is_unknown(void **state)
{
	assert_usage((struct fixture *)*state, "--=7: no such option", "--=7");
}

static void an_option_of_one_dash_is_unknown(void **state)
{
	struct fixture *f = *state;

	assert_usage(f, "-s: no such option", "-s");
	f->error = (struct error){ 0 };
	assert_usage(f, "-xswitch: no such option", "-xswitch");
	assert_int_equal(f->switches, 0);
}

static void a_switch_takes_no_value(void **state)
{
	struct fixture *f = *state;

	assert_usage(f, "--switch takes no value", "--switch=1");
	assert_int_equal(f->switches, 0);
}

static void a_missing_value_is_named(void **state)
{
	assert_usage((struct fixture *)*state, "--size: its value is missing: --size SIZE", "thing", "--size");
}

static void a_second_operand_is_one_too_many(void **state)
{
	assert_usage((struct fixture *)*state, "other: one operand too many: usage: kvick test [OPTIONS] THING", "thing", "other");
}

static void what_a_row_refuses_is_handed_upward(void **state)
{
	assert_usage((struct fixture *)*state, "--size bad: write a good one", "--size=bad");
}

static void nothing_is_parsed_after_an_error(void **state)
{
	struct fixture *f = *state;

	assert_usage(f, "--nonsense", "--nonsense", "--switch");
	assert_int_equal(f->switches, 0);
}

static void a_value_that_may_be_left_out_comes_after_an_equals_sign(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(parse(f, "--pages", "thing"), 0);
	assert_string_equal(f->pages, "left out");
	assert_string_equal(f->operands.operand, "thing");
	f->operands = (struct operands){ 0 };
	assert_int_equal(parse(f, "--pages=large", "thing"), 0);
	assert_string_equal(f->pages, "large");
	assert_int_equal(parse(f, "--pages="), 0);
	assert_string_equal(f->pages, "");
}

static void an_option_of_another_command_is_unknown(void **state)
{
	struct fixture *f = *state;

	assert_usage(f, "--elsewhere: no such option", "--elsewhere");
}

static void an_option_of_this_command_is_taken(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(parse(f, "--here", "thing"), 0);
	assert_int_equal(f->switches, 1);
}

static void an_option_of_one_letter_has_one_dash(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(parse(f, "-o", "16M", "thing"), 0);
	assert_string_equal(f->size, "16M");
	assert_usage(f, "--o: no such option", "--o", "16M");
	f->error = (struct error){ 0 };
	assert_usage(f, "-o: its value is missing: -o SIZE", "-o");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_is_fine),
		TEST(a_value_comes_after_an_equals_sign),
		TEST(a_name_comes_after_a_colon),
		TEST(a_name_without_a_value_takes_no_other_word_for_one),
		TEST(a_name_after_what_takes_none_is_no_option),
		TEST(a_value_comes_after_a_space),
		TEST(a_value_may_hold_equals_signs_or_nothing),
		TEST(a_value_after_a_space_may_look_like_an_option),
		TEST(the_last_of_an_option_given_twice_counts),
		TEST(a_name_is_matched_whole),
		TEST(options_may_stand_after_the_operand),
		TEST(two_dashes_end_the_options),
		TEST(two_dashes_at_the_end_leave_no_rest),
		TEST(what_is_after_two_dashes_is_no_operand),
		TEST(help_is_noticed),
		TEST(a_single_dash_is_an_operand),
		TEST(an_empty_argument_is_an_operand),
		TEST(an_unknown_option_is_named_with_where_help_is),
		TEST(an_unknown_option_is_named_with_its_value),
		TEST(an_option_without_a_name_is_unknown),
		TEST(an_option_of_one_dash_is_unknown),
		TEST(a_switch_takes_no_value),
		TEST(a_missing_value_is_named),
		TEST(a_second_operand_is_one_too_many),
		TEST(what_a_row_refuses_is_handed_upward),
		TEST(nothing_is_parsed_after_an_error),
		TEST(a_value_that_may_be_left_out_comes_after_an_equals_sign),
		TEST(an_option_of_another_command_is_unknown),
		TEST(an_option_of_this_command_is_taken),
		TEST(an_option_of_one_letter_has_one_dash),
	};

	return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
