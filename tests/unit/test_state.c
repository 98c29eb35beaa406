/* SPDX-License-Identifier: Apache-2.0 */
/* A machine's state as bytes: written in sections, and read by somebody who believes none of it. */
#include "tests/unit/test_unit.h"

#include "vmm/error.h"
#include "vmm/state.h"

#define FILE_NAME "dir/state"

struct state_test {
	uint8_t bytes[256];
	struct state_writer writer;
	struct state_reader reader;
	struct error error;
};

static int set_up(void **state)
{
	struct state_test *t = calloc(1, sizeof(*t));

	t->writer = (struct state_writer){ .to = t->bytes, .max = sizeof(t->bytes) };
	*state = t;
	return 0;
}

static int tear_down(void **state)
{
	free(*state);
	return 0;
}

/* Of so many bytes of what was written, at the end of memory of their own: the sanitizer sees who reads beyond. */
static struct state_reader *read_first(struct state_test *t, size_t bytes)
{
	t->error = (struct error){ 0 };
	t->reader = (struct state_reader){ .at = t->bytes, .left = bytes, .file = FILE_NAME, .error = &t->error };
	return &t->reader;
}

static struct state_reader *read_all(struct state_test *t)
{
	return read_first(t, t->writer.bytes);
}

static void put32(struct state_test *t, uint32_t value)
{
	state_put(&t->writer, &value, sizeof(value));
}

static uint32_t get32(struct state_test *t)
{
	uint32_t value = 0;

	assert_int_equal(state_get(&t->reader, &value, sizeof(value)), 0);
	return value;
}

/* A vCPU's of two words, and a device's of none. */
static void write_two(struct state_test *t)
{
	state_begin(&t->writer, STATE_VCPU);
	put32(t, 1);
	put32(t, 2);
	state_begin(&t->writer, STATE_DEVICE);
	assert_int_equal(state_finish(&t->writer), 0);
}

static void what_is_written_is_read(void **state)
{
	struct state_test *t = *state;

	write_two(t);
	read_all(t);
	assert_int_equal(state_open(&t->reader, STATE_VCPU), 0);
	assert_int_equal(get32(t), 1);
	assert_int_equal(get32(t), 2);
	assert_int_equal(state_open(&t->reader, STATE_DEVICE), 0);
	assert_int_equal(state_close(&t->reader), 0);
}

/* The format: what is on a disk is read by the next kvick too. */
static void a_section_is_its_tag_its_length_and_its_bytes(void **state)
{
	static const uint8_t format[] = { 3, 0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0,
					  0, 0, 0, 0, 0, 0, 0, 0 };
	struct state_test *t = *state;

	write_two(t);
	assert_int_equal(t->writer.bytes, sizeof(format));
	assert_memory_equal(t->bytes, format, sizeof(format));
}

static void one_can_look_which_section_is_next(void **state)
{
	struct state_test *t = *state;

	write_two(t);
	read_all(t);
	assert_true(state_next_is(&t->reader, STATE_VCPU));
	assert_false(state_next_is(&t->reader, STATE_DEVICE));
	assert_int_equal(state_open(&t->reader, STATE_VCPU), 0);
	get32(t);
	assert_false(state_next_is(&t->reader, STATE_DEVICE)); /* not before this one is read */
	get32(t);
	assert_true(state_next_is(&t->reader, STATE_DEVICE));
}

static void too_little_room_is_said_at_the_end_and_nothing_is_written_beyond_it(void **state)
{
	struct state_test *t = *state;

	for (size_t max = 0; max < 32; max++) {
		memset(t->bytes, 0xee, sizeof(t->bytes));
		t->writer = (struct state_writer){ .to = t->bytes, .max = max };
		state_begin(&t->writer, STATE_VCPU);
		put32(t, 1);
		put32(t, 2);
		state_begin(&t->writer, STATE_DEVICE);
		assert_int_equal(state_finish(&t->writer), -ENOSPC);
		assert_true(t->writer.bytes <= max);
		assert_int_equal(t->bytes[max], 0xee);
	}
}

static void what_follows_something_too_large_is_not_written_either(void **state)
{
	struct state_test *t = *state;
	uint8_t large[sizeof(t->bytes)] = { 0 };

	state_begin(&t->writer, STATE_VCPU);
	state_put(&t->writer, large, sizeof(large));
	put32(t, 1);
	assert_int_equal(t->writer.bytes, 8);
	assert_int_equal(state_finish(&t->writer), -ENOSPC);
}

static void assert_bad(struct state_test *t, int result, const char *says)
{
	char whole[2 * ERROR_TEXT_BYTES];

	snprintf(whole, sizeof(whole), FILE_NAME ": state: section %s; take the snapshot again", says);
	assert_int_equal(result, -EBADMSG);
	assert_int_equal(t->error.kind, ERROR_IMAGE);
	assert_string_equal(t->error.text, whole);
}

static void no_more_is_read_than_the_section_has(void **state)
{
	struct state_test *t = *state;
	uint8_t into[9];

	write_two(t);
	read_all(t);
	assert_int_equal(state_open(&t->reader, STATE_VCPU), 0);
	assert_bad(t, state_get(&t->reader, into, sizeof(into)), "vcpu: it ends too early");
	assert_int_equal(state_get(&t->reader, into, 8), 0); /* and none of it was taken */
}

static void a_section_that_is_not_read_to_its_end_is_refused(void **state)
{
	struct state_test *t = *state;

	write_two(t);
	read_all(t);
	assert_int_equal(state_open(&t->reader, STATE_VCPU), 0);
	get32(t);
	assert_bad(t, state_open(&t->reader, STATE_DEVICE), "vcpu: 4 bytes more than it should have");
}

static void another_section_than_the_one_that_is_wanted_is_refused(void **state)
{
	struct state_test *t = *state;

	write_two(t);
	read_all(t);
	assert_bad(t, state_open(&t->reader, STATE_MACHINE), "machine: in its place is one vcpu");
	t->bytes[0] = 99;
	read_all(t);
	assert_bad(t, state_open(&t->reader, STATE_VCPU), "vcpu: in its place is one of another format");
}

static void a_length_beyond_the_end_is_refused(void **state)
{
	struct state_test *t = *state;

	write_two(t);
	memset(t->bytes + 4, 0xff, 4);
	read_all(t);
	assert_bad(t, state_open(&t->reader, STATE_VCPU), "vcpu: it is cut short: 24 bytes of 4294967295");
	assert_int_equal(t->reader.section_left, 0);
}

static void state_that_was_cut_short_anywhere_is_refused(void **state)
{
	struct state_test *t = *state;

	write_two(t);
	for (size_t bytes = 0; bytes < t->writer.bytes; bytes++) {
		uint8_t *copy = malloc(bytes + 1);
		uint32_t words[2];
		int r;

		memcpy(copy + 1, t->bytes, bytes);
		read_first(t, bytes)->at = copy + 1;
		r = state_open(&t->reader, STATE_VCPU);
		if (r == 0)
			r = state_get(&t->reader, words, sizeof(words));
		if (r == 0)
			r = state_open(&t->reader, STATE_DEVICE);
		if (r == 0)
			r = state_close(&t->reader);
		assert_int_equal(r, -EBADMSG);
		free(copy);
	}
}

static void what_is_behind_the_end_is_refused(void **state)
{
	struct state_test *t = *state;

	write_two(t);
	read_first(t, t->writer.bytes + 1);
	assert_int_equal(state_open(&t->reader, STATE_VCPU), 0);
	get32(t);
	get32(t);
	assert_int_equal(state_open(&t->reader, STATE_DEVICE), 0);
	assert_bad(t, state_close(&t->reader), "end: 1 bytes behind it");
}

static void what_a_reader_finds_wrong_is_said_with_its_section(void **state)
{
	struct state_test *t = *state;

	write_two(t);
	read_all(t);
	assert_int_equal(state_open(&t->reader, STATE_VCPU), 0);
	assert_bad(t, state_bad(&t->reader, "%s is %d", "word", 1), "vcpu: word is 1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_written_is_read),
		TEST(a_section_is_its_tag_its_length_and_its_bytes),
		TEST(one_can_look_which_section_is_next),
		TEST(too_little_room_is_said_at_the_end_and_nothing_is_written_beyond_it),
		TEST(what_follows_something_too_large_is_not_written_either),
		TEST(no_more_is_read_than_the_section_has),
		TEST(a_section_that_is_not_read_to_its_end_is_refused),
		TEST(another_section_than_the_one_that_is_wanted_is_refused),
		TEST(a_length_beyond_the_end_is_refused),
		TEST(state_that_was_cut_short_anywhere_is_refused),
		TEST(what_is_behind_the_end_is_refused),
		TEST(what_a_reader_finds_wrong_is_said_with_its_section),
	};

	return cmocka_run_group_tests_name("state", tests, NULL, NULL);
}
