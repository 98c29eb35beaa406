/* SPDX-License-Identifier: Apache-2.0 */
/* JSON objects by a table of fields: each kind takes what it should and names what it refuses; there and back is the same. */
#include "tests/unit/test_unit.h"

#include <string.h>

#include "control/server/function_config.h"

struct target {
	char name[9], path[33];
	uint64_t integer, size, duration;
	struct fields_strings strings, variables;
};

#define AT(member) offsetof(struct target, member)

static const struct field table[] = {
	{ "name", FIELD_NAME, false, 2, 8, AT(name) },
	{ "path", FIELD_PATH, false, 1, 32, AT(path) },
	{ "integer", FIELD_INTEGER, false, 3, 5, AT(integer) },
	{ "size", FIELD_SIZE, false, 1, 1 << 20, AT(size) },
	{ "duration", FIELD_DURATION, false, 1000000, 10000000000, AT(duration) },
	{ "strings", FIELD_STRINGS, false, 0, 10, AT(strings) },
	{ "variables", FIELD_VARIABLES, false, 0, 12, AT(variables) },
};

static struct target target;
static struct fields_error error;
static uint32_t seen;

static int take(const char *text)
{
	json_t *root;
	int r;

	free(target.strings.bytes);
	free(target.variables.bytes);
	target = (struct target){ 0 };
	error = (struct fields_error){ 0 };
	root = fields_parse(text, strlen(text), &error);
	r = root ? fields_take(root, table, COUNT_OF(table), &target, &seen, &error) : -1;
	json_decref(root);
	return r;
}

static void taken(const char *text)
{
	if (take(text) < 0)
		fail_msg("%s: %s: %s: %s", text, error.code, error.field, error.message);
}

static void refused(const char *text, const char *code, const char *field)
{
	if (take(text) == 0)
		fail_msg("%s was taken", text);
	assert_string_equal(error.code, code);
	assert_string_equal(error.field, field);
	assert_true(error.message[0] != '\0');
}

static int teardown(void **state)
{
	(void)state;
	free(target.strings.bytes);
	free(target.variables.bytes);
	target = (struct target){ 0 };
	return 0;
}

static void names_begin_with_a_letter_or_a_digit(void **state)
{
	(void)state;
	taken("{\"name\":\"a-_9\"}");
	assert_string_equal(target.name, "a-_9");
	taken("{\"name\":\"12345678\"}");
	refused("{\"name\":\"123456789\"}", "out_of_range", "name");
	refused("{\"name\":\"a\"}", "out_of_range", "name");
	refused("{\"name\":\"-a\"}", "invalid_field", "name");
	refused("{\"name\":\"aB\"}", "invalid_field", "name");
	refused("{\"name\":7}", "wrong_type", "name");
}

static void paths_have_no_part_that_leads_away(void **state)
{
	static const char *const good[] = { "a", "a/b", "..a/b..", "a.b/.c" };
	static const char *const bad[] = { "/", "/a", "a/", "a//b", ".", "..", "a/..", "../a", "a/../b", "./a", "a/." };
	char text[64];

	(void)state;
	for (unsigned i = 0; i < COUNT_OF(good); i++) {
		snprintf(text, sizeof(text), "{\"path\":\"%s\"}", good[i]);
		taken(text);
		assert_string_equal(target.path, good[i]);
	}
	for (unsigned i = 0; i < COUNT_OF(bad); i++) {
		snprintf(text, sizeof(text), "{\"path\":\"%s\"}", bad[i]);
		refused(text, "invalid_field", "path");
	}
}

static void numbers_have_a_range_at_both_ends(void **state)
{
	(void)state;
	taken("{\"integer\":3}");
	taken("{\"integer\":5}");
	refused("{\"integer\":2}", "out_of_range", "integer");
	refused("{\"integer\":6}", "out_of_range", "integer");
	refused("{\"integer\":-3}", "out_of_range", "integer");
	refused("{\"integer\":3.0}", "wrong_type", "integer");
	refused("{\"integer\":\"3\"}", "wrong_type", "integer");
}

static void sizes_and_durations_have_units(void **state)
{
	(void)state;
	taken("{\"size\":\"64K\",\"duration\":\"2s\"}");
	assert_int_equal(target.size, 65536);
	assert_int_equal(target.duration, 2000000000);
	taken("{\"size\":7,\"duration\":7}");
	assert_int_equal(target.size, 7);
	assert_int_equal(target.duration, 7000000);
	refused("{\"size\":\"2M\"}", "out_of_range", "size");
	refused("{\"duration\":9223372036854775807}", "out_of_range", "duration");
	refused("{\"duration\":\"2parsecs\"}", "invalid_field", "duration");
}

static void strings_are_one_after_another(void **state)
{
	(void)state;
	taken("{\"strings\":[\"ab\",\"\",\"c\"]}");
	assert_int_equal(target.strings.count, 3);
	assert_int_equal(target.strings.size, 6);
	assert_memory_equal(target.strings.bytes, "ab\0\0c", 6);
	refused("{\"strings\":[\"0123456789\"]}", "out_of_range", "strings");
	refused("{\"strings\":[\"a\",null]}", "wrong_type", "strings");
	refused("{\"strings\":{}}", "wrong_type", "strings");
}

static void variables_are_in_the_order_of_their_names(void **state)
{
	(void)state;
	taken("{\"variables\":{\"B\":\"2\",\"A\":\"1=\",\"_\":\"\"}}");
	assert_int_equal(target.variables.count, 3);
	assert_memory_equal(target.variables.bytes, "A=1=\0B=2\0_=", 12);
	refused("{\"variables\":{\"A=\":\"\"}}", "invalid_field", "variables");
	refused("{\"variables\":{\"\":\"\"}}", "invalid_field", "variables");
	refused("{\"variables\":{\"A\":{}}}", "wrong_type", "variables");
}

static void null_is_not_seen(void **state)
{
	(void)state;
	taken("{\"integer\":null,\"size\":1}");
	assert_int_equal(seen, 1u << 3);
}

static void depth_has_a_limit_and_brackets_in_strings_none(void **state)
{
	char deep[80], text[120];

	(void)state;
	memset(deep, '[', sizeof(deep) - 1);
	deep[sizeof(deep) - 1] = '\0';
	refused(deep, "invalid_json", "");
	snprintf(text, sizeof(text), "{\"strings\":[\"[[[[\",\"\\\"[[[\"]}");
	taken(text);
	refused("", "invalid_json", "");
}

static void names_from_outside_are_shown_cut_and_printable(void **state)
{
	char text[600] = "{\"\\u0001\\n";

	(void)state;
	memset(text + strlen(text), 'x', 500);
	strcat(text, "\":1}");
	take(text);
	assert_string_equal(error.code, "unknown_field");
	assert_memory_equal(error.field, "??xxx", 5);
	assert_true(strlen(error.field) < sizeof(error.field));
}

static void a_function_is_the_same_there_and_back(void **state)
{
	static const char text[] = "{\"name\":\"f\",\"snapshot\":\"a/b\",\"concurrency\":3,\"warm\":2,\"queue\":9,\"timeout\":1500,"
				   "\"environment\":{\"A\":\"1\",\"B\":\"=\"},\"arguments\":[\"x\",\"\"]}";
	struct function_config config;
	json_t *root, *again;

	(void)state;
	root = fields_parse(text, strlen(text), &error);
	assert_int_equal(function_config_take(root, 100, &config, &error), 0);
	again = function_config_json(&config);
	assert_true(json_equal(root, again));
	json_decref(root);
	json_decref(again);
	function_config_end(&config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_begin_with_a_letter_or_a_digit),
		cmocka_unit_test(paths_have_no_part_that_leads_away),
		cmocka_unit_test(numbers_have_a_range_at_both_ends),
		cmocka_unit_test(sizes_and_durations_have_units),
		cmocka_unit_test(strings_are_one_after_another),
		cmocka_unit_test(variables_are_in_the_order_of_their_names),
		cmocka_unit_test(null_is_not_seen),
		cmocka_unit_test(depth_has_a_limit_and_brackets_in_strings_none),
		cmocka_unit_test(names_from_outside_are_shown_cut_and_printable),
		cmocka_unit_test(a_function_is_the_same_there_and_back),
	};

	return cmocka_run_group_tests(tests, NULL, teardown);
}
