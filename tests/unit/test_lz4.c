/* SPDX-License-Identifier: Apache-2.0 */
/* LZ4 blocks: what comes out is what went in, and what is no block is refused without a byte written past the end. */
#include <lz4.h>
#include <lz4hc.h>

#include "loader/lz4.h"
#include "tests/unit/test_unit.h"

#define PLAIN_BYTES 200000u
#define GUARD_BYTES 64u
#define GUARD       0x5a

static uint8_t plain[PLAIN_BYTES], packed[LZ4_COMPRESSBOUND(PLAIN_BYTES)], out[PLAIN_BYTES + GUARD_BYTES];

/* Into room for exactly so many bytes, all zero. */
static int64_t unpack(const void *block, size_t bytes, size_t room)
{
	int64_t came_out;

	memset(out, 0, room);
	memset(out + room, GUARD, GUARD_BYTES);
	came_out = lz4_block(block, bytes, out, room);
	for (unsigned i = 0; i < GUARD_BYTES; i++)
		assert_int_equal(out[room + i], GUARD);
	return came_out;
}

static void assert_unpacks(const void *block, size_t bytes, const char *text)
{
	size_t length = strlen(text);

	assert_int_equal(unpack(block, bytes, length), length);
	assert_memory_equal(out, text, length);
	/* With room to spare for wide copies, too. */
	assert_int_equal(unpack(block, bytes, length + 100), length);
	assert_memory_equal(out, text, length);
}

#define UNPACKS(block, text) assert_unpacks(block, sizeof(block) - 1, text)
#define REFUSED(block, room) assert_int_equal(unpack(block, sizeof(block) - 1, room), -1)

static void literals_alone_come_out(void **state)
{
	(void)state;
	UNPACKS("\x50hello", "hello");
}

static void literals_of_15_and_more_have_a_byte_of_length(void **state)
{
	(void)state;
	UNPACKS("\xf0\x01" "0123456789abcdef", "0123456789abcdef");
}

static void a_match_that_overlaps_itself_repeats(void **state)
{
	(void)state;
	UNPACKS("\x14" "a\x01\x00" "\x10" "b", "aaaaaaaaab");
	UNPACKS("\x3f" "abc\x03\x00\x14" "\x10" "!", "abcabcabcabcabcabcabcabcabcabcabcabcabcabc!");
}

static void a_match_of_no_distance_is_refused(void **state)
{
	(void)state;
	REFUSED("\x10" "a\x00\x00" "\x10" "b", 100);
}

static void a_match_from_before_the_start_is_refused(void **state)
{
	(void)state;
	REFUSED("\x10" "a\x02\x00" "\x10" "b", 100);
}

static void a_match_beyond_the_room_is_refused(void **state)
{
	(void)state;
	REFUSED("\x1f" "a\x01\x00\xff\xff\x00" "\x10" "b", 100);
}

static void literals_beyond_the_room_are_refused(void **state)
{
	(void)state;
	REFUSED("\x50hello", 4);
}

static void literals_that_are_cut_short_are_refused(void **state)
{
	(void)state;
	REFUSED("\x50hell", 100);
}

static void a_length_without_end_is_refused(void **state)
{
	(void)state;
	REFUSED("\xf0\xff\xff", 100);
	REFUSED("\x1f" "a\x01\x00\xff", 100);
}

static void a_distance_that_is_cut_short_is_refused(void **state)
{
	(void)state;
	REFUSED("\x10" "a\x01", 100);
}

static void a_block_that_ends_with_a_match_is_refused(void **state)
{
	(void)state;
	REFUSED("\x10" "a\x01\x00", 100);
}

static void an_empty_block_is_refused(void **state)
{
	(void)state;
	REFUSED("", 100);
}

/* The zeros are not written, so what wide copies have left behind the literals must go. */
static void a_long_run_of_zeros_comes_out_as_zeros(void **state)
{
	(void)state;
	for (unsigned i = 0; i < PLAIN_BYTES; i++)
		plain[i] = i % 5000 < 60 ? (uint8_t)(i * 7 + i / 5000) : 0;
	int bytes = LZ4_compress_HC((const char *)plain, (char *)packed, PLAIN_BYTES, sizeof(packed), 9);

	assert_int_equal(unpack(packed, (size_t)bytes, PLAIN_BYTES), PLAIN_BYTES);
	assert_memory_equal(out, plain, PLAIN_BYTES);
}

/* Text of few words, of every period that a match may have, by both of the library's compressors. */
static void what_the_library_packs_comes_out(void **state)
{
	(void)state;
	for (unsigned period = 1; period < 40; period++) {
		int bytes[2];

		for (unsigned i = 0; i < PLAIN_BYTES; i++)
			plain[i] = (uint8_t)(i % 97 < 50 ? i % period : i * i >> 5);
		for (unsigned hard = 0; hard < 2; hard++) {
			bytes[hard] = hard ? LZ4_compress_HC((const char *)plain, (char *)packed, PLAIN_BYTES, sizeof(packed), 9) :
					     LZ4_compress_default((const char *)plain, (char *)packed, PLAIN_BYTES, sizeof(packed));
			assert_int_equal(unpack(packed, (size_t)bytes[hard], PLAIN_BYTES), PLAIN_BYTES);
			assert_memory_equal(out, plain, PLAIN_BYTES);
			assert_int_equal(unpack(packed, (size_t)bytes[hard], PLAIN_BYTES - 1), -1);
			assert_int_equal(unpack(packed, (size_t)bytes[hard] - 1, PLAIN_BYTES), -1);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(literals_alone_come_out),
		cmocka_unit_test(literals_of_15_and_more_have_a_byte_of_length),
		cmocka_unit_test(a_match_that_overlaps_itself_repeats),
		cmocka_unit_test(a_match_of_no_distance_is_refused),
		cmocka_unit_test(a_match_from_before_the_start_is_refused),
		cmocka_unit_test(a_match_beyond_the_room_is_refused),
		cmocka_unit_test(literals_beyond_the_room_are_refused),
		cmocka_unit_test(literals_that_are_cut_short_are_refused),
		cmocka_unit_test(a_length_without_end_is_refused),
		cmocka_unit_test(a_distance_that_is_cut_short_is_refused),
		cmocka_unit_test(a_block_that_ends_with_a_match_is_refused),
		cmocka_unit_test(an_empty_block_is_refused),
		cmocka_unit_test(a_long_run_of_zeros_comes_out_as_zeros),
		cmocka_unit_test(what_the_library_packs_comes_out),
	};

	return cmocka_run_group_tests_name("LZ4", tests, NULL, NULL);
}
