/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PC's clock and its RAM: Motorola MC146818A, by ports 0x70 and 0x71, with the century at 0x32 (ACPI 6.4, 4.8.2.4). UTC, from
 * whoever calls. What a guest writes into the time is lost; it makes no interrupts, no alarm, and an update is never under way.
 *
 * Time does not change while it is being read: a read of seconds, or of register A, where drivers begin, takes the time for
 * all the others too.
 *
 * Of the vCPU's thread. Values from the guest: anything is survived.
 */
#ifndef KVICK_VMM_PC_RTC_H
#define KVICK_VMM_PC_RTC_H

#include <stdint.h>

#define RTC_BYTES 128u

struct rtc {
	uint8_t select;         /* port 0x70, without its bit for NMI */
	uint8_t ram[RTC_BYTES]; /* but for what is time */
	int64_t taken;          /* the time that is being read, in seconds since 1970 */
};

void rtc_init(struct rtc *rtc);

/* Port 0x70. */
uint8_t rtc_selected(const struct rtc *rtc);
void rtc_select(struct rtc *rtc, uint8_t value);

/* Port 0x71. now: seconds since 1970. */
uint8_t rtc_read(struct rtc *rtc, int64_t now);
void rtc_write(struct rtc *rtc, uint8_t value);

#endif
