/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PC's timer: Intel 8254 (datasheet 231164), and port 0x61, which has channel 2's gate and output. All six modes, binary and
 * BCD. Channel 0's output is an interrupt, channel 1's goes nowhere, channel 2's to a speaker that is not there.
 *
 * No clock of its own: whoever calls says what time it is, in nanoseconds that never go back. A count that is written counts at
 * once, not from the end of the period under way (every other virtual 8254 has it so), and edges that have passed since the last
 * call are one: as a PC loses ticks that nobody takes.
 *
 * Of the vCPU's thread. Values from the guest: anything is survived.
 */
#ifndef KVICK_VMM_PC_PIT_H
#define KVICK_VMM_PC_PIT_H

#include <stdbool.h>
#include <stdint.h>

#define PIT_HZ       1193182u
#define PIT_CHANNELS 3u
#define PIT_NEVER    UINT64_MAX

struct pit_channel {
	uint8_t control;      /* the control word's lower 6 bits: access, mode, BCD */
	bool counting;        /* a count was written since the control word; modes 1 and 5: and triggered */
	bool loaded;          /* a count was written */
	bool gate;
	bool high_byte_next;  /* of a count that is written; of one that is read */
	bool high_byte_read;
	uint8_t low_byte;     /* the first half of a count that is being written */
	uint32_t count;       /* as loaded: 1 to 65536 (10000) */
	uint64_t start;       /* the clock when counting began; or, with the gate closed in modes 0 and 4, how far it had come */
	uint16_t latched;
	uint8_t latched_bytes; /* of it, to be read: 0, 1 or 2 */
	uint8_t status;
	bool status_latched;
};

struct pit {
	struct pit_channel channels[PIT_CHANNELS];
	uint64_t seen;        /* channel 0's clock up to which its edges were told of */
	uint8_t speaker;      /* port 0x61: what is written to it */
};

void pit_init(struct pit *pit);

/* Ports 0x40 to 0x43: reg 0 to 3 (asserted). now_ns: in all calls, not before that of an earlier one. */
uint8_t pit_read(struct pit *pit, unsigned reg, uint64_t now_ns);
void pit_write(struct pit *pit, unsigned reg, uint8_t value, uint64_t now_ns);

/* Port 0x61. */
uint8_t pit_read_speaker(const struct pit *pit, uint64_t now_ns);
void pit_write_speaker(struct pit *pit, uint8_t value, uint64_t now_ns);

/* Has channel 0's output risen since the last call? */
bool pit_has_ticked(struct pit *pit, uint64_t now_ns);

/* When it will next rise, or PIT_NEVER. May be past: then pit_has_ticked(). */
uint64_t pit_next_ns(const struct pit *pit);

#endif
