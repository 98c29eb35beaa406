/* SPDX-License-Identifier: Apache-2.0 */
/* JSON of a known form: what is right is read, and everything else refused by its key and value. */
#include "tests/unit/test_unit.h"

#include "vmm/error.h"
#include "vmm/json.h"

struct part {
	uint64_t size;
};

struct whole {
	uint64_t number, word;
	bool flag;
	char text[8];
	struct part part;
	uint64_t count;
	struct part list[2];
};

static const struct json_field part_fields[] = {
	{ "size", NULL, 9, 1, offsetof(struct part, size), JSON_NUMBER },
};

static const struct json_form part_form = { part_fields, COUNT_OF(part_fields), sizeof(struct part) };

static const struct json_field fields[] = {
	{ "number", NULL, UINT64_MAX, 5, offsetof(struct whole, number), JSON_NUMBER },
	{ "word", NULL, 0, 0, offsetof(struct whole, word), JSON_HEX },
	{ "flag", NULL, 0, 0, offsetof(struct whole, flag), JSON_BOOL },
	{ "text", NULL, sizeof(((struct whole *)0)->text), 0, offsetof(struct whole, text), JSON_TEXT },
	{ "part", &part_form, 0, 0, offsetof(struct whole, part), JSON_OBJECT },
	{ "list", &part_form, 2, 0, offsetof(struct whole, count), JSON_LIST },
};

static const struct json_form form = { fields, COUNT_OF(fields), sizeof(struct whole) };

#define REST "\"flag\": true, \"text\": \"abc\", \"part\": {\"size\": 1}, \"list\": []"
#define GOOD "{\"number\": 5, \"word\": \"0x1f\", " REST "}"

static struct whole got;
static struct error error;

static int read_text(const char *text)
{
	/* A copy of exactly that length: the sanitizer sees whoever reads on. */
	size_t bytes = strlen(text);
	char *copy = malloc(bytes ? bytes : 1);
	int r;

	memcpy(copy, text, bytes);
	error = (struct error){ 0 };
	memset(&got, 0x55, sizeof(got));
	r = json_read(copy, bytes, &form, &got, "file", &error);
	free(copy);
	return r;
}

static void assert_refused(const char *text, const char *says)
{
	assert_int_equal(read_text(text), -EBADMSG);
	assert_int_equal(error.kind, ERROR_IMAGE);
	assert_says(error.text, says);
}

static void every_kind_is_read(void **state)
{
	(void)state;
	assert_int_equal(read_text("\t{ \"list\" :[{\"size\":2},{\"size\":9}],\r\n\"part\":{\"size\":1},"
				   "\"text\":\"a\\\"\\\\\\u001f\","
				   "\"flag\":false,\"word\":\"0xffffffffffffffff\",\"number\":18446744073709551615}\n"), 0);
	assert_true(got.number == UINT64_MAX && got.word == UINT64_MAX && !got.flag);
	assert_string_equal(got.text, "a\"\\\x1f");
	assert_int_equal(got.part.size, 1);
	assert_int_equal(got.count, 2);
	assert_int_equal(got.list[0].size, 2);
	assert_int_equal(got.list[1].size, 9);
}

static void what_is_written_is_read(void **state)
{
	const struct whole whole = {
		.number = 77, .word = 0x123456789abcdef0, .flag = true, .text = "\"\\\n\xc3\xa4",
		.part = { 3 }, .count = 1, .list = { { 4 } },
	};
	char text[512];
	size_t bytes = json_write(text, sizeof(text), &form, &whole);

	(void)state;
	assert_int_equal(bytes, strlen(text));
	assert_int_equal(read_text(text), 0);
	assert_true(got.number == whole.number && got.word == whole.word && got.flag);
	assert_string_equal(got.text, whole.text);
	assert_true(got.part.size == 3 && got.count == 1 && got.list[0].size == 4);
}

static void what_does_not_fit_is_not_written(void **state)
{
	const struct whole whole = { .count = 2 };
	char text[512];
	size_t bytes = json_write(text, sizeof(text), &form, &whole);

	(void)state;
	for (size_t max = 1; max <= bytes; max++)
		assert_int_equal(json_write(text, max, &form, &whole), 0);
	assert_int_equal(json_write(text, bytes + 1, &form, &whole), bytes);
}

static void what_is_not_utf8_is_not_written(void **state)
{
	const struct whole whole = { .number = 5, .part = { 1 }, .text = "a\xff" "b\xc3" };
	char text[512];

	(void)state;
	assert_true(json_write(text, sizeof(text), &form, &whole) > 0);
	assert_int_equal(read_text(text), 0);
	assert_string_equal(got.text, "a?b?");
}

static void a_cut_text_is_refused_wherever_it_is_cut(void **state)
{
	char text[] = GOOD;

	(void)state;
	assert_int_equal(read_text(text), 0);
	for (size_t bytes = sizeof(text) - 2; bytes > 0; bytes--) {
		text[bytes] = '\0';
		assert_int_equal(read_text(text), -EBADMSG);
	}
	assert_int_equal(read_text(""), -EBADMSG);
}

static void keys_are_there_once(void **state)
{
	(void)state;
	assert_refused("{\"number\": 5, " REST "}", "file: there is no \"word\"");
	assert_refused("{\"number\": 5, \"number\": 5, \"word\": \"0x1\", " REST "}", "\"number\": 5: it is there twice");
	assert_refused("{\"colour\": 5}", "\"colour\": 5: kvick knows no such key here");
	assert_refused("{\"numbe\": 5}", "kvick knows no such key here");
	assert_refused("{\"number2\": 5}", "kvick knows no such key here");
	assert_refused("{\"n\\u0075mber\": 5}", "kvick knows no such key here");
	assert_refused("{}", "a key is wanted");
	assert_refused("{5}", "file: 5: a key is wanted");
	assert_refused("{\"number\" 5}", "a colon is wanted after it");
	assert_refused("{\"part\": {\"number\": 5}}", "file: part: \"number\": 5: kvick knows no such key here");
}

static void numbers_are_whole_and_within_bounds(void **state)
{
	static const char *const bad[] = { "4", "-5", "+5", "5.0", "5e1", "05", "0x5", "\"5\"", "true", "null", "{}", "[]", "",
					   "18446744073709551616", "99999999999999999999999" };
	char text[256];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		snprintf(text, sizeof(text), "{\"number\": %s, \"word\": \"0x1\", " REST "}", bad[i]);
		assert_int_equal(read_text(text), -EBADMSG);
		assert_says(error.text, "file: number: ");
	}
	assert_refused("{\"number\": 4}", "number: 4: a whole number from 5 to 18446744073709551615 is wanted");
	assert_refused("{\"part\": {\"size\": 10}}", "file: part.size: 10: a whole number from 1 to 9 is wanted");
	assert_refused("{\"list\": [{\"size\": 1}, {\"size\": 0}]}", "file: list[1].size: 0: a whole number from 1 to 9 is wanted");
}

static void words_are_hex_in_quotes(void **state)
{
	static const char *const bad[] = {
		"1", "0x1", "\"1\"", "\"0x\"", "\"0x1g\"", "\"0x1F\"", "\"0x10000000000000000\"", "\"0x1", "null",
	};
	char text[256];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		snprintf(text, sizeof(text), "{\"number\": 5, \"word\": %s, " REST "}", bad[i]);
		assert_int_equal(read_text(text), -EBADMSG);
		assert_says(error.text, "file: word: ");
	}
}

static void texts_are_utf8_and_fit(void **state)
{
	static const struct {
		const char *text, *says;
	} bad[] = {
		{ "5", "a string is wanted" }, { "\"12345678\"", "a string of up to 7 bytes is wanted" },
		{ "\"a\nb\"", "a control character" }, { "\"\\q\"", "a backslash" }, { "\"\\u0000\"", "a backslash" },
		{ "\"\\u0100\"", "a backslash" }, { "\"\\u00ff\"", "a backslash" }, { "\"\\u00\"", "a backslash" },
		{ "\"\xff\"", "not UTF-8" }, { "\"\xc3\"", "not UTF-8" }, { "\"\xed\xa0\x80\"", "not UTF-8" },
	};
	char text[256];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		snprintf(text, sizeof(text), "{\"text\": %s}", bad[i].text);
		assert_refused(text, bad[i].says);
	}
}

static void lists_have_an_end_and_a_limit(void **state)
{
	(void)state;
	assert_refused("{\"list\": {}}", "a list is wanted");
	assert_refused("{\"list\": [1]}", "file: list[0]: 1: an object is wanted");
	assert_refused("{\"list\": [{\"size\": 1} {\"size\": 1}]}", "a comma or ] is wanted");
	assert_refused("{\"list\": [{\"size\": 1}, ]}", "an object is wanted");
	assert_refused("{\"list\": [{\"size\": 1}, {\"size\": 1}, {\"size\": 1}]}", "more than 2 in the list");
}

static void nothing_follows(void **state)
{
	(void)state;
	assert_int_equal(read_text(GOOD " \n"), 0);
	assert_refused(GOOD "x", "there is more behind the object");
	assert_refused(GOOD GOOD, "there is more behind the object");
	assert_refused("[]", "an object is wanted");
}

static void depth_does_not_come_from_the_text(void **state)
{
	char *deep = malloc(1 << 20);

	(void)state;
	memset(deep, '[', (1 << 20) - 1);
	deep[(1 << 20) - 1] = '\0';
	assert_int_equal(read_text(deep), -EBADMSG);
	memcpy(deep, "{\"list\":", 8);
	assert_int_equal(read_text(deep), -EBADMSG);
	free(deep);
}

static void what_is_shown_of_a_value_is_printable_and_short(void **state)
{
	char text[200] = "{\"number\": \x1b\xff";

	(void)state;
	memset(text + strlen(text), 'x', 150);
	assert_refused(text, "file: number: ??xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx: a whole");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_is_read),
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(what_does_not_fit_is_not_written),
		cmocka_unit_test(what_is_not_utf8_is_not_written),
		cmocka_unit_test(a_cut_text_is_refused_wherever_it_is_cut),
		cmocka_unit_test(keys_are_there_once),
		cmocka_unit_test(numbers_are_whole_and_within_bounds),
		cmocka_unit_test(words_are_hex_in_quotes),
		cmocka_unit_test(texts_are_utf8_and_fit),
		cmocka_unit_test(lists_have_an_end_and_a_limit),
		cmocka_unit_test(nothing_follows),
		cmocka_unit_test(depth_does_not_come_from_the_text),
		cmocka_unit_test(what_is_shown_of_a_value_is_printable_and_short),
	};

	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
