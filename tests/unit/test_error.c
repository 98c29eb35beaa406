/* SPDX-License-Identifier: Apache-2.0 */
/* One line for the person who has to act on it: the first, which is nearest to the cause. */
#include "tests/unit/test_unit.h"

#include "vmm/error.h"

static void an_error_has_kind_number_and_text(void **state)
{
	struct error error = { 0 };

	(void)state;
	assert_int_equal(error_set(&error, ERROR_IMAGE, ENOENT, "%s: %d", "file", 7), -ENOENT);
	assert_int_equal(error.kind, ERROR_IMAGE);
	assert_int_equal(error.errnum, ENOENT);
	assert_string_equal(error.text, "file: 7");
}

static void the_first_error_stays(void **state)
{
	struct error error = { 0 };

	(void)state;
	error_set(&error, ERROR_IMAGE, ENOENT, "first");
	assert_int_equal(error_set(&error, ERROR_HOST, EIO, "second"), -EIO);
	assert_int_equal(error.kind, ERROR_IMAGE);
	assert_int_equal(error.errnum, ENOENT);
	assert_string_equal(error.text, "first");
}

static void an_error_without_a_number_is_invalid_upward_and_0_within(void **state)
{
	struct error error = { 0 };

	(void)state;
	assert_int_equal(error_set(&error, ERROR_USAGE, 0, "text"), -EINVAL);
	assert_int_equal(error.errnum, 0);
}

static void long_text_is_cut(void **state)
{
	struct {
		struct error error;
		char after;
	} e = { .after = 7 };
	char text[2 * ERROR_TEXT_BYTES];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	error_set(&e.error, ERROR_HOST, EIO, "%s", text);
	assert_int_equal(strlen(e.error.text), ERROR_TEXT_BYTES - 1);
	assert_memory_equal(e.error.text, text, ERROR_TEXT_BYTES - 1);
	assert_int_equal(e.after, 7);
}

static void an_error_that_nobody_wants_is_only_a_number(void **state)
{
	(void)state;
	assert_int_equal(error_set(NULL, ERROR_HOST, EIO, "text"), -EIO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_error_has_kind_number_and_text),
		cmocka_unit_test(the_first_error_stays),
		cmocka_unit_test(an_error_without_a_number_is_invalid_upward_and_0_within),
		cmocka_unit_test(long_text_is_cut),
		cmocka_unit_test(an_error_that_nobody_wants_is_only_a_number),
	};

	return cmocka_run_group_tests_name("error", tests, NULL, NULL);
}
