/* SPDX-License-Identifier: Apache-2.0 */
/* The MC146818 as drivers read it. */
#include "tests/unit/test_unit.h"

#include <time.h>

#include "vmm/pc/rtc.h"

enum {
	SECONDS = 0, MINUTES = 2, HOURS = 4, DAY_OF_WEEK = 6, DAY = 7, MONTH = 8, YEAR = 9, A = 10, B = 11, C = 12, D = 13,
	CENTURY = 0x32,
};

#define B_24H    2
#define B_BINARY 4
#define MOMENT   1709210096 /* Thursday, 29 February 2024, 12:34:56 */

static struct rtc rtc;

static int set_up(void **state)
{
	(void)state;
	rtc_init(&rtc);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	return 0;
}

static unsigned get(unsigned reg, int64_t now)
{
	rtc_select(&rtc, (uint8_t)reg);
	return rtc_read(&rtc, now);
}

static void put(unsigned reg, unsigned value)
{
	rtc_select(&rtc, (uint8_t)reg);
	rtc_write(&rtc, (uint8_t)value);
}

static void time_is_bcd_and_of_24_hours_at_first(void **state)
{
	(void)state;
	assert_int_equal(get(B, MOMENT), B_24H);
	assert_int_equal(get(SECONDS, MOMENT), 0x56);
	assert_int_equal(get(MINUTES, MOMENT), 0x34);
	assert_int_equal(get(HOURS, MOMENT), 0x12);
	assert_int_equal(get(DAY_OF_WEEK, MOMENT), 5);
	assert_int_equal(get(DAY, MOMENT), 0x29);
	assert_int_equal(get(MONTH, MOMENT), 0x02);
	assert_int_equal(get(YEAR, MOMENT), 0x24);
	assert_int_equal(get(CENTURY, MOMENT), 0x20);
}

/* Every day for 130 years, at any time of it, as the C library has it. */
static void dates_are_the_gregorian_calendars(void **state)
{
	(void)state;
	put(B, B_24H | B_BINARY);
	for (int64_t now = 0; now < 130ll * 366 * 86400; now += 86400 - 7) {
		time_t at = (time_t)now;
		struct tm tm;

		gmtime_r(&at, &tm);
		assert_int_equal(get(SECONDS, now), tm.tm_sec);
		assert_int_equal(get(MINUTES, now), tm.tm_min);
		assert_int_equal(get(HOURS, now), tm.tm_hour);
		assert_int_equal(get(DAY_OF_WEEK, now), tm.tm_wday + 1);
		assert_int_equal(get(DAY, now), tm.tm_mday);
		assert_int_equal(get(MONTH, now), tm.tm_mon + 1);
		assert_int_equal(get(YEAR, now), tm.tm_year % 100);
		assert_int_equal(get(CENTURY, now), 19 + tm.tm_year / 100);
	}
}

static void twelve_hours_have_an_afternoon(void **state)
{
	static const uint8_t hours[24] = {
		0x12, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x10, 0x11,
		0x92, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x90, 0x91,
	};

	(void)state;
	put(B, 0);
	for (unsigned hour = 0; hour < 24; hour++)
		assert_int_equal(get(HOURS, 86400 * 5 + hour * 3600), hours[hour]);
	put(B, B_BINARY);
	assert_int_equal(get(HOURS, 86400 * 6 + 23 * 3600), 0x80 | 11);
}

static void an_update_is_never_under_way(void **state)
{
	(void)state;
	put(A, 0xff);
	for (int64_t now = MOMENT; now < MOMENT + 100; now++)
		assert_int_equal(get(A, now) & 0x80, 0);
}

static void ram_and_time_are_valid_and_nothing_interrupts(void **state)
{
	(void)state;
	put(B, 0x70);
	put(C, 0xff);
	put(D, 0);
	assert_int_equal(get(C, MOMENT), 0);
	assert_int_equal(get(D, MOMENT), 0x80);
}

/* A second passes, with all that it takes along, between the first register and the last. */
static void time_stands_still_while_it_is_read(void **state)
{
	const int64_t new_year = 1704067200; /* 2024 */

	(void)state;
	assert_int_equal(get(SECONDS, new_year - 1), 0x59);
	assert_int_equal(get(MINUTES, new_year), 0x59);
	assert_int_equal(get(HOURS, new_year), 0x23);
	assert_int_equal(get(DAY, new_year), 0x31);
	assert_int_equal(get(MONTH, new_year), 0x12);
	assert_int_equal(get(YEAR, new_year), 0x23);
	assert_int_equal(get(SECONDS, new_year), 0x00);
	assert_int_equal(get(YEAR, new_year), 0x24);
}

static void a_guest_that_reads_hours_alone_sees_them_pass(void **state)
{
	(void)state;
	assert_int_equal(get(HOURS, MOMENT), 0x12);
	assert_int_equal(get(HOURS, MOMENT + 3600), 0x13);
	assert_int_equal(get(HOURS, MOMENT), 0x12); /* the host's clock was set back */
}

static void time_cannot_be_set(void **state)
{
	(void)state;
	put(YEAR, 0x99);
	put(HOURS, 0x01);
	assert_int_equal(get(YEAR, MOMENT), 0x24);
	assert_int_equal(get(HOURS, MOMENT), 0x12);
}

static void ram_keeps_what_is_written(void **state)
{
	(void)state;
	for (unsigned reg = 0x0e; reg < RTC_BYTES; reg++)
		if (reg != CENTURY)
			put(reg, reg ^ 0x5a);
	for (unsigned reg = 0x0e; reg < RTC_BYTES; reg++)
		if (reg != CENTURY)
			assert_int_equal(get(reg, MOMENT), reg ^ 0x5a);
}

static void the_bit_for_nmi_is_no_address(void **state)
{
	(void)state;
	rtc_select(&rtc, 0x80 | D);
	assert_int_equal(rtc_selected(&rtc), D);
	assert_int_equal(rtc_read(&rtc, MOMENT), 0x80);
}

/* Clocks that the host has never seen. */
static void any_time_is_survived(void **state)
{
	static const int64_t moments[] = { INT64_MIN, -1, 0, 253402300799, 253402300800, INT64_MAX };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(moments); i++)
		for (unsigned reg = 0; reg < RTC_BYTES; reg++)
			get(reg, moments[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(time_is_bcd_and_of_24_hours_at_first),
		TEST(dates_are_the_gregorian_calendars),
		TEST(twelve_hours_have_an_afternoon),
		TEST(an_update_is_never_under_way),
		TEST(ram_and_time_are_valid_and_nothing_interrupts),
		TEST(time_stands_still_while_it_is_read),
		TEST(a_guest_that_reads_hours_alone_sees_them_pass),
		TEST(time_cannot_be_set),
		TEST(ram_keeps_what_is_written),
		TEST(the_bit_for_nmi_is_no_address),
		TEST(any_time_is_survived),
	};

	return cmocka_run_group_tests_name("MC146818", tests, NULL, NULL);
}
