/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes and durations as people write them, and what they do not write. */
#include "tests/unit/test_unit.h"

#include "control/units.h"

static uint64_t size(const char *text)
{
	uint64_t bytes = 0xdead;

	if (!units_size(text, &bytes))
		fail_msg("\"%s\" is no size", text);
	return bytes;
}

static uint64_t duration(const char *text)
{
	uint64_t ns = 0xdead;

	if (!units_duration(text, &ns))
		fail_msg("\"%s\" is no duration", text);
	return ns;
}

#define assert_none(parse, ...)                                                 \
	do {                                                                    \
		const char *const texts_[] = { __VA_ARGS__ };                   \
		uint64_t value_;                                                \
                                                                                \
		for (unsigned i_ = 0; i_ < COUNT_OF(texts_); i_++)              \
			if (parse(texts_[i_], &value_))                         \
				fail_msg("\"%s\" was taken", texts_[i_]);       \
	} while (0)

static void a_bare_number_is_bytes(void **state)
{
	(void)state;
	assert_int_equal(size("65536"), 65536);
	assert_int_equal(size("0"), 0);
	assert_int_equal(size("7B"), 7);
}

static void size_units_are_binary(void **state)
{
	(void)state;
	assert_int_equal(size("3K"), 3ull << 10);
	assert_int_equal(size("16M"), 16ull << 20);
	assert_int_equal(size("2G"), 2ull << 30);
	assert_int_equal(size("5T"), 5ull << 40);
}

static void size_units_have_long_names(void **state)
{
	(void)state;
	assert_int_equal(size("3KiB"), 3ull << 10);
	assert_int_equal(size("16MiB"), 16ull << 20);
	assert_int_equal(size("2GiB"), 2ull << 30);
	assert_int_equal(size("1TiB"), 1ull << 40);
}

static void size_units_may_be_in_any_case(void **state)
{
	(void)state;
	assert_int_equal(size("3k"), 3ull << 10);
	assert_int_equal(size("16mib"), 16ull << 20);
}

static void the_largest_sizes_fit(void **state)
{
	(void)state;
	assert_int_equal(size("18446744073709551615"), UINT64_MAX);
	assert_int_equal(size("16777215T"), 16777215ull << 40);
}

static void a_size_that_overflows_is_none(void **state)
{
	(void)state;
	assert_none(units_size, "18446744073709551616", "16777216T", "99999999999999999999", "18446744073709551615K");
}

static void garbage_is_no_size(void **state)
{
	(void)state;
	assert_none(units_size, "", "M", "abc", "16X", "16MM", "16 M", " 16M", "16M ", "+16", "-1", "-16M", "1.5G", "0x10", "16KB",
		    "1e6", "16\n", "\xff");
}

static void a_bare_number_is_seconds(void **state)
{
	(void)state;
	assert_int_equal(duration("30"), 30000000000);
	assert_int_equal(duration("0"), 0);
}

static void duration_units_are_these(void **state)
{
	(void)state;
	assert_int_equal(duration("7us"), 7000);
	assert_int_equal(duration("500ms"), 500000000);
	assert_int_equal(duration("2s"), 2000000000);
	assert_int_equal(duration("2m"), 120000000000);
	assert_int_equal(duration("1h"), 3600000000000);
}

static void durations_may_have_a_fraction(void **state)
{
	(void)state;
	assert_int_equal(duration("1.5s"), 1500000000);
	assert_int_equal(duration("0.25"), 250000000);
	assert_int_equal(duration("0.5m"), 30000000000);
	assert_int_equal(duration("1.001ms"), 1001000);
	assert_int_equal(duration("0.000000001"), 1);
}

static void digits_too_fine_to_matter_are_cut(void **state)
{
	(void)state;
	assert_int_equal(duration("0.0000000019"), 1);
	assert_int_equal(duration("1.99999999999999999999999999999999s"), 1999999999);
}

static void the_longest_durations_fit(void **state)
{
	(void)state;
	assert_int_equal(duration("18446744073"), 18446744073000000000ull);
	assert_int_equal(duration("18446744073.709551615"), UINT64_MAX);
	assert_int_equal(duration("5124095h"), 5124095ull * 3600 * 1000000000);
}

static void a_duration_that_overflows_is_none(void **state)
{
	(void)state;
	assert_none(units_duration, "18446744074", "18446744073.709551616", "5124096h", "99999999999999999999us");
}

static void garbage_is_no_duration(void **state)
{
	(void)state;
	assert_none(units_duration, "", "s", "ms", ".5s", "-1s", "+1s", " 1s", "1s ", "1 s", "1.5.5s", "1,5s", "1x", "1ns", "1d",
		    "0x1s", "1e3", "forever");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bare_number_is_bytes),
		cmocka_unit_test(size_units_are_binary),
		cmocka_unit_test(size_units_have_long_names),
		cmocka_unit_test(size_units_may_be_in_any_case),
		cmocka_unit_test(the_largest_sizes_fit),
		cmocka_unit_test(a_size_that_overflows_is_none),
		cmocka_unit_test(garbage_is_no_size),
		cmocka_unit_test(a_bare_number_is_seconds),
		cmocka_unit_test(duration_units_are_these),
		cmocka_unit_test(durations_may_have_a_fraction),
		cmocka_unit_test(digits_too_fine_to_matter_are_cut),
		cmocka_unit_test(the_longest_durations_fit),
		cmocka_unit_test(a_duration_that_overflows_is_none),
		cmocka_unit_test(garbage_is_no_duration),
	};

	return cmocka_run_group_tests_name("units", tests, NULL, NULL);
}
