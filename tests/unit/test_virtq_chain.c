/* SPDX-License-Identifier: Apache-2.0 */
/* Chains as bytes: no device sees where one segment ends (virtio 1.2, 2.7.4.1). */
#include "tests/unit/test_virtq_split.h"

/* Segments of 3, 5 and 2 readable bytes "abcdefghij", then of 4 and 4 writable ones. */
static struct fixture *five_segments(void **state)
{
	struct fixture *f = start(state, 0);
	static const struct driver_part parts[] = {
		{ DRIVER_DATA_AT, 3, false }, { DRIVER_DATA_AT + 0x103, 5, false }, { DRIVER_DATA_AT + 0x208, 2, false },
		{ DRIVER_DATA_AT + 0x300, 4, true }, { DRIVER_DATA_AT + 0x400, 4, true },
	};
	const char *text = "abcdefghij";

	for (unsigned i = 0; i < 3; text += parts[i++].bytes)
		memcpy(f->driver.mem.host + parts[i].address, text, parts[i].bytes);
	assert_int_equal(driver_add(&f->driver, parts, 5, false), 0);
	pop(f);
	return f;
}

static void reading_goes_across_segments(void **state)
{
	struct fixture *f = five_segments(state);
	char text[16];

	for (unsigned offset = 0; offset < 10; offset++)
		for (unsigned bytes = 0; bytes <= 10 - offset; bytes++) {
			assert_int_equal(chain_read(&f->chain, offset, text, bytes), bytes);
			assert_memory_equal(text, "abcdefghij" + offset, bytes);
		}
}

static void reading_ends_where_the_readable_part_ends(void **state)
{
	struct fixture *f = five_segments(state);
	char text[16];

	assert_int_equal(chain_read(&f->chain, 7, text, 16), 3);
	assert_int_equal(chain_read(&f->chain, 10, text, 1), 0);
	assert_int_equal(chain_read(&f->chain, UINT64_MAX, text, 16), 0);
}

static void writing_goes_across_segments_and_no_further(void **state)
{
	struct fixture *f = five_segments(state);
	const uint8_t *ram = f->driver.mem.host + DRIVER_DATA_AT;

	assert_int_equal(chain_write(&f->chain, 3, "123456", 6), 5);
	assert_memory_equal(ram + 0x300, "\0\0\0" "1" "\0", 5);
	assert_memory_equal(ram + 0x400, "2345\0", 5);
	assert_int_equal(chain_write(&f->chain, 8, "x", 1), 0);
	assert_memory_equal(ram, "abc", 4);
}

static void a_run_of_bytes_is_the_segments_that_it_touches(void **state)
{
	struct fixture *f = five_segments(state);
	uint8_t *ram = f->driver.mem.host + DRIVER_DATA_AT;
	struct iovec iov[VIRTQ_SEGMENTS_MAX];

	assert_int_equal(chain_readable(&f->chain, 2, 7, iov), 3);
	assert_ptr_equal(iov[0].iov_base, ram + 2);
	assert_int_equal(iov[0].iov_len, 1);
	assert_ptr_equal(iov[1].iov_base, ram + 0x103);
	assert_int_equal(iov[1].iov_len, 5);
	assert_ptr_equal(iov[2].iov_base, ram + 0x208);
	assert_int_equal(iov[2].iov_len, 1);
	assert_int_equal(chain_readable(&f->chain, 3, 5, iov), 1);
	assert_int_equal(chain_writable(&f->chain, 0, 8, iov), 2);
	assert_int_equal(chain_writable(&f->chain, 5, 3, iov), 1);
	assert_ptr_equal(iov[0].iov_base, ram + 0x401);
}

static void a_run_that_does_not_lie_in_the_chain_has_no_segments(void **state)
{
	struct fixture *f = five_segments(state);
	struct iovec iov[VIRTQ_SEGMENTS_MAX];

	assert_int_equal(chain_readable(&f->chain, 0, 11, iov), 0);
	assert_int_equal(chain_readable(&f->chain, 11, 0, iov), 0);
	assert_int_equal(chain_readable(&f->chain, 10, 0, iov), 0);
	assert_int_equal(chain_readable(&f->chain, 5, UINT64_MAX, iov), 0);
	assert_int_equal(chain_writable(&f->chain, 1, 8, iov), 0);
	assert_int_equal(chain_writable(&f->chain, UINT64_MAX, 1, iov), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(reading_goes_across_segments),
		TEST(reading_ends_where_the_readable_part_ends),
		TEST(writing_goes_across_segments_and_no_further),
		TEST(a_run_of_bytes_is_the_segments_that_it_touches),
		TEST(a_run_that_does_not_lie_in_the_chain_has_no_segments),
	};

	return cmocka_run_group_tests_name("virtq_chain", tests, NULL, NULL);
}
