/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/pc/rtc.h"

#include <stdbool.h>

/* "Address Map". */
enum {
	SECONDS = 0x00, MINUTES = 0x02, HOURS = 0x04, DAY_OF_WEEK = 0x06, DAY = 0x07, MONTH = 0x08, YEAR = 0x09,
	REGISTER_A = 0x0a, REGISTER_B = 0x0b, REGISTER_C = 0x0c, REGISTER_D = 0x0d, CENTURY = 0x32,
};

#define A_UIP        0x80
#define A_RESET      0x26 /* 32,768 Hz, a periodic rate of 1,024 */
#define B_DM         0x04 /* binary, not BCD */
#define B_24H        0x02
#define D_VRT        0x80 /* RAM and time are valid */
#define HOURS_PM     0x80

#define ADDRESS      0x7f
#define SECONDS_A_DAY 86400

struct date {
	unsigned second, minute, hour, day_of_week, day, month, year;
};

/* Days of the years before, from 1 March of the year 0 on: leap days come last. */
static int64_t days_before(int64_t year)
{
	return year * 365 + year / 4 - year / 100 + year / 400;
}

/* Good for the years 1970 to 9999, by the Gregorian calendar. */
static struct date date_of(int64_t now)
{
	const int64_t since_march_0 = 719468; /* from 1 March 0000 to 1 January 1970 */
	int64_t seconds = now < 0 ? 0 : now % (253402300800 /* the year 10000 */), days = seconds / SECONDS_A_DAY, year;
	unsigned left = (unsigned)(seconds % SECONDS_A_DAY), month;
	struct date date = {
		.second = left % 60, .minute = left / 60 % 60, .hour = left / 3600, .day_of_week = (unsigned)(days + 4) % 7 + 1,
	};

	days += since_march_0;
	year = days / 365;
	while (days_before(year) > days)
		year--;
	days -= days_before(year);
	month = (unsigned)(5 * days + 2) / 153; /* of March; 153 days are five months */
	date.day = (unsigned)days - (153 * month + 2) / 5 + 1;
	date.month = month < 10 ? month + 3 : month - 9;
	date.year = (unsigned)year + (month >= 10);
	return date;
}

void rtc_init(struct rtc *rtc)
{
	*rtc = (struct rtc){ .ram = { [REGISTER_A] = A_RESET, [REGISTER_B] = B_24H, [REGISTER_D] = D_VRT } };
}

uint8_t rtc_selected(const struct rtc *rtc)
{
	return rtc->select;
}

void rtc_select(struct rtc *rtc, uint8_t value)
{
	rtc->select = value & ADDRESS;
}

static uint8_t coded(const struct rtc *rtc, unsigned value)
{
	return (uint8_t)(rtc->ram[REGISTER_B] & B_DM ? value : value / 10 << 4 | value % 10);
}

static uint8_t hours(const struct rtc *rtc, unsigned hour)
{
	if (rtc->ram[REGISTER_B] & B_24H)
		return coded(rtc, hour);
	return coded(rtc, (hour + 11) % 12 + 1) | (hour >= 12 ? HOURS_PM : 0);
}

uint8_t rtc_read(struct rtc *rtc, int64_t now)
{
	struct date date;

	/* Whoever never reads where drivers begin is at most a second behind. */
	if (rtc->select == SECONDS || rtc->select == REGISTER_A || now < rtc->taken || now - rtc->taken > 1)
		rtc->taken = now;
	date = date_of(rtc->taken);
	switch (rtc->select) {
	case SECONDS:
		return coded(rtc, date.second);
	case MINUTES:
		return coded(rtc, date.minute);
	case HOURS:
		return hours(rtc, date.hour);
	case DAY_OF_WEEK:
		return coded(rtc, date.day_of_week);
	case DAY:
		return coded(rtc, date.day);
	case MONTH:
		return coded(rtc, date.month);
	case YEAR:
		return coded(rtc, date.year % 100);
	case CENTURY:
		return coded(rtc, date.year / 100);
	default:
		return rtc->ram[rtc->select];
	}
}

void rtc_write(struct rtc *rtc, uint8_t value)
{
	if (rtc->select == REGISTER_A)
		value &= (uint8_t)~A_UIP;
	if (rtc->select != REGISTER_C && rtc->select != REGISTER_D)
		rtc->ram[rtc->select] = value;
}
