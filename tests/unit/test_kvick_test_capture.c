/* SPDX-License-Identifier: Apache-2.0 */
/* Output of a process: the first and the last of it are kept, the rest is counted. */
#include "tests/unit/test_unit.h"

#include <fcntl.h>

#include "control/test/capture.h"

#define LIMIT 64

static struct capture capture;
static char *text;
static size_t bytes;

static int set_up(void **state)
{
	(void)state;
	capture_begin(&capture, LIMIT);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	free(text);
	free(capture_end(&capture, &bytes));
	text = NULL;
	return 0;
}

static void end(void)
{
	free(text);
	text = capture_end(&capture, &bytes);
	assert_non_null(text);
	assert_int_equal(text[bytes], '\0');
}

/* Byte number i of what is printed. */
static char at(size_t i)
{
	return (char)('a' + i % 23);
}

static void print(size_t from, size_t count, size_t at_once)
{
	char piece[4 * LIMIT];

	for (size_t done = 0; done < count; done += at_once) {
		size_t n = count - done < at_once ? count - done : at_once;

		for (size_t i = 0; i < n; i++)
			piece[i] = at(from + done + i);
		capture_take(&capture, piece, n);
	}
}

static void kept_of(size_t count)
{
	size_t kept = count < LIMIT ? count : LIMIT;

	end();
	assert_int_equal(bytes, kept);
	assert_int_equal(capture.dropped, count - kept);
	for (size_t i = 0; i < kept; i++)
		assert_int_equal(text[i], i < LIMIT / 2 ? at(i) : at(count - kept + i));
}

static void nothing_is_an_empty_text(void **state)
{
	(void)state;
	kept_of(0);
}

static void zeros_are_bytes_like_others(void **state)
{
	(void)state;
	capture_take(&capture, "a\0b", 3);
	end();
	assert_int_equal(bytes, 3);
	assert_memory_equal(text, "a\0b", 4);
}

static void first_and_last_half_are_kept_however_it_comes(void **state)
{
	static const size_t pieces[] = { 1, 7, LIMIT / 2, LIMIT / 2 + 1, LIMIT, 4 * LIMIT };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(pieces); i++)
		for (size_t count = 0; count < 4 * LIMIT; count++) {
			capture_begin(&capture, LIMIT);
			print(0, count, pieces[i]);
			kept_of(count);
		}
}

static void it_is_empty_when_it_has_been_taken(void **state)
{
	(void)state;
	print(0, 3 * LIMIT, 5);
	end();
	end();
	assert_int_equal(bytes, 0);
}

static void pipe_is_read_until_it_is_empty_and_to_its_end(void **state)
{
	int ends[2];

	(void)state;
	assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
	assert_true(capture_read(&capture, ends[0], SIZE_MAX));
	assert_int_equal(write(ends[1], "hello", 5), 5);
	assert_true(capture_read(&capture, ends[0], SIZE_MAX));
	close(ends[1]);
	assert_false(capture_read(&capture, ends[0], SIZE_MAX));
	close(ends[0]);
	end();
	assert_string_equal(text, "hello");
}

static void no_more_is_read_from_a_pipe_than_was_asked_for(void **state)
{
	char left[16];
	int ends[2];

	(void)state;
	assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
	assert_int_equal(write(ends[1], "hello, world", 12), 12);
	assert_true(capture_read(&capture, ends[0], 5));
	assert_int_equal(read(ends[0], left, sizeof(left)), 7);
	close(ends[0]);
	close(ends[1]);
	end();
	assert_string_equal(text, "hello");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_is_an_empty_text),
		TEST(zeros_are_bytes_like_others),
		TEST(first_and_last_half_are_kept_however_it_comes),
		TEST(it_is_empty_when_it_has_been_taken),
		TEST(pipe_is_read_until_it_is_empty_and_to_its_end),
		TEST(no_more_is_read_from_a_pipe_than_was_asked_for),
	};

	return cmocka_run_group_tests_name("capture", tests, NULL, NULL);
}
