/* SPDX-License-Identifier: Apache-2.0 */
/* An input of fuzz_monitor; one that is shorter ends with zeros. */
#ifndef KVICK_TESTS_FUZZ_MONITOR_H
#define KVICK_TESTS_FUZZ_MONITOR_H

#include <stdint.h>

#include "vmm/monitor/shared.h"

/*
 * A 64-bit value: as it is if the topmost byte is 0 or 0xff, else the topmost byte by modulo names one of these places, and the 16
 * lowest bits are an offset of -0x1000 to 0x1fff from it.
 */
enum place {
	PLACE_CODE, PLACE_DATA, PLACE_TABLES, PLACE_READ_ONLY, PLACE_STACK, PLACE_LOW_END, PLACE_HIGH_BEGIN, PLACE_MONITOR,
	PLACE_MONITOR_END, PLACE_TOP, PLACES
};

#define PLACED(place, offset) ((uint64_t)(PLACES + (place)) << 56 | ((offset) + 0x1000u))

#define FILL_BYTES 1024u

struct fuzz_monitor_input {
	uint8_t vector;         /* below 32: an exception; above: whichever the instruction traps by */
	uint8_t answers;        /* of the VMM: a bit each time */
	uint8_t bases_by_request;
	uint16_t printed;       /* bytes, before */
	uint8_t code[15];
	uint64_t regs[16], rflags;
	struct virtual_cpu cpu; /* 64-bit words as above */
	uint8_t fill[FILL_BYTES]; /* in all of memory, again and again */
} __attribute__((packed));

#endif
