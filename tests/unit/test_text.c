/* SPDX-License-Identifier: Apache-2.0 */
/* Text and JSON on their way to a descriptor. */
#include "tests/unit/test_unit.h"

#include <sys/mman.h>

#include "control/text.h"
#include "vmm/sys.h"

#define OUT_BYTES 65536

struct fixture {
	struct sys sys;
	struct text text;
	int fd;
	char out[OUT_BYTES];
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	f->fd = memfd_create("text", MFD_CLOEXEC);
	text_begin(&f->text, &f->sys, f->fd);
	return f->fd < 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	close(f->fd);
	free(f);
	return 0;
}

static const char *written(struct fixture *f)
{
	ssize_t n = pread(f->fd, f->out, OUT_BYTES - 1, 0);

	f->out[n < 0 ? 0 : n] = '\0';
	return f->out;
}

static const char *ended(struct fixture *f)
{
	assert_int_equal(text_end(&f->text), 0);
	return written(f);
}

static void text_is_written_at_its_end(void **state)
{
	struct fixture *f = *state;

	text_printf(&f->text, "%s %d\n", "number", 7);
	text_printf(&f->text, "more\n");
	assert_string_equal(written(f), "");
	assert_string_equal(ended(f), "number 7\nmore\n");
	assert_int_equal(f->sys.calls, 1);
}

static void no_text_writes_nothing(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(ended(f), "");
	assert_int_equal(f->sys.calls, 0);
}

static void long_text_is_flushed_in_pieces_and_whole(void **state)
{
	struct fixture *f = *state;
	char expected[OUT_BYTES] = "";
	size_t used = 0;

	for (unsigned i = 0; i < 3000; i++) {
		used += (size_t)sprintf(expected + used, "line %u\n", i);
		text_printf(&f->text, "line %u\n", i);
	}
	assert_string_equal(ended(f), expected);
	assert_in_range(f->sys.calls, used / TEXT_BYTES, used / TEXT_BYTES + 2);
}

static void a_piece_as_long_as_the_buffer_holds_is_whole(void **state)
{
	struct fixture *f = *state;
	char piece[TEXT_BYTES];

	memset(piece, 'x', sizeof(piece) - 1);
	piece[sizeof(piece) - 1] = '\0';
	text_printf(&f->text, "before ");
	text_printf(&f->text, "%s", piece);
	text_printf(&f->text, " after");
	ended(f);
	assert_int_equal(strlen(f->out), 7 + TEXT_BYTES - 1 + 6);
	assert_string_equal(f->out + 7 + TEXT_BYTES - 1, " after");
}

static void a_piece_longer_than_the_buffer_is_cut(void **state)
{
	struct fixture *f = *state;
	char piece[3 * TEXT_BYTES];

	memset(piece, 'x', sizeof(piece) - 1);
	piece[sizeof(piece) - 1] = '\0';
	text_printf(&f->text, "before ");
	text_printf(&f->text, "%s", piece);
	text_printf(&f->text, " after");
	ended(f);
	assert_int_equal(strlen(f->out), 7 + TEXT_BYTES - 1 + 6);
	assert_int_equal(f->out[7 + TEXT_BYTES - 2], 'x');
}

static void a_string_of_any_length_is_whole_in_json(void **state)
{
	struct fixture *f = *state;
	char value[3 * TEXT_BYTES];

	memset(value, 'x', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	json_string(&f->text, NULL, value);
	assert_int_equal(strlen(ended(f)), sizeof(value) - 1 + 2);
}

static void an_interrupted_write_goes_on(void **state)
{
	struct fixture *f = *state;

	f->sys = (struct sys){ .fail_at = 1, .fail_errno = EINTR };
	text_printf(&f->text, "text");
	assert_string_equal(ended(f), "text");
}

static void the_first_failure_stays_and_no_more_is_tried(void **state)
{
	struct fixture *f = *state;

	f->sys = (struct sys){ .fail_at = 1, .fail_errno = ENOSPC };
	for (unsigned i = 0; i < 20; i++)
		text_printf(&f->text, "%01000d", i);
	assert_int_equal(text_end(&f->text), -ENOSPC);
	assert_int_equal(f->sys.calls, 1);
	assert_string_equal(written(f), "");
}

static void json_separates_members_by_commas(void **state)
{
	struct fixture *f = *state;

	json_open(&f->text, NULL, '{');
	json_u64(&f->text, "a", 1);
	json_u64(&f->text, "b", 2);
	json_close(&f->text, '}');
	assert_string_equal(ended(f), "{\"a\":1,\"b\":2}");
}

static void json_nests(void **state)
{
	struct fixture *f = *state;

	json_open(&f->text, NULL, '{');
	json_open(&f->text, "list", '[');
	json_open(&f->text, NULL, '{');
	json_u64(&f->text, "a", 1);
	json_close(&f->text, '}');
	json_open(&f->text, NULL, '{');
	json_close(&f->text, '}');
	json_u64(&f->text, NULL, 3);
	json_close(&f->text, ']');
	json_open(&f->text, "none", '[');
	json_close(&f->text, ']');
	json_bool(&f->text, "after", true);
	json_close(&f->text, '}');
	assert_string_equal(ended(f), "{\"list\":[{\"a\":1},{},3],\"none\":[],\"after\":true}");
}

static void json_has_numbers_truth_and_null(void **state)
{
	struct fixture *f = *state;

	json_open(&f->text, NULL, '[');
	json_u64(&f->text, NULL, UINT64_MAX);
	json_u64(&f->text, NULL, 0);
	json_bool(&f->text, NULL, true);
	json_bool(&f->text, NULL, false);
	json_string(&f->text, NULL, NULL);
	json_string(&f->text, NULL, "");
	json_close(&f->text, ']');
	assert_string_equal(ended(f), "[18446744073709551615,0,true,false,null,\"\"]");
}

static void json_escapes_quotes_and_backslashes(void **state)
{
	struct fixture *f = *state;

	json_string(&f->text, "a\"b", "c\\d\"e/");
	assert_string_equal(ended(f), "\"a\\\"b\":\"c\\\\d\\\"e/\"");
}

static void json_escapes_control_characters(void **state)
{
	struct fixture *f = *state;
	char value[] = "\x01\n\t\x1f \x7f";

	json_string(&f->text, NULL, value);
	assert_string_equal(ended(f), "\"\\u0001\\u000a\\u0009\\u001f \\u007f\"");
}

static void json_replaces_bytes_that_are_not_ascii(void **state)
{
	struct fixture *f = *state;

	json_string(&f->text, NULL, "a\x80\xff" "b");
	assert_string_equal(ended(f), "\"a\\ufffd\\ufffdb\"");
}

static void json_takes_percent_signs_as_they_are(void **state)
{
	struct fixture *f = *state;

	json_string(&f->text, "%s", "%n%d");
	assert_string_equal(ended(f), "\"%s\":\"%n%d\"");
}

static void beginning_anew_forgets_the_failure_and_the_comma(void **state)
{
	struct fixture *f = *state;

	f->text.failed = -EIO;
	f->text.comma = true;
	text_begin(&f->text, &f->sys, f->fd);
	json_u64(&f->text, NULL, 1);
	assert_string_equal(ended(f), "1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(text_is_written_at_its_end),
		TEST(no_text_writes_nothing),
		TEST(long_text_is_flushed_in_pieces_and_whole),
		TEST(a_piece_as_long_as_the_buffer_holds_is_whole),
		TEST(a_piece_longer_than_the_buffer_is_cut),
		TEST(a_string_of_any_length_is_whole_in_json),
		TEST(an_interrupted_write_goes_on),
		TEST(the_first_failure_stays_and_no_more_is_tried),
		TEST(json_separates_members_by_commas),
		TEST(json_nests),
		TEST(json_has_numbers_truth_and_null),
		TEST(json_escapes_quotes_and_backslashes),
		TEST(json_escapes_control_characters),
		TEST(json_replaces_bytes_that_are_not_ascii),
		TEST(json_takes_percent_signs_as_they_are),
		TEST(beginning_anew_forgets_the_failure_and_the_comma),
	};

	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
