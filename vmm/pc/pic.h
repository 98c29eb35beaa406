/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PC's two interrupt controllers: Intel 8259A (datasheet 231468), the second behind line 2 of the first, and the chipset's
 * registers of edges and levels (ELCR: Intel 82371SB, 2.2.6). All of the datasheet but for the modes of other processors: 8080
 * vectors and buffers. An edge that was seen stays requested when its line falls again: so has it every other virtual 8259A, and
 * a device's edge is not lost to one that comes too late. Polarity there is none: lines are "asserted".
 *
 * Begins as firmware leaves it: vectors at 0x08 and 0x70, everything masked.
 *
 * Under the VM's device lock. Values from the guest: anything is survived.
 */
#ifndef KVICK_VMM_PC_PIC_H
#define KVICK_VMM_PC_PIC_H

#include <stdbool.h>
#include <stdint.h>

#define PIC_LINES   16u
#define PIC_CASCADE 2u /* the line of the first that is the second's output */

struct pic_host {
	/* The output (INTR) has changed: there is something to acknowledge, or there no longer is. */
	void (*output)(const struct pic_host *host, bool up);
	void *context;
};

/* In the datasheet's names; bit n is its line n. */
struct pic_chip {
	uint8_t lines, edges;    /* asserted; edges that wait to be acknowledged */
	uint8_t isr, imr;
	uint8_t elcr;            /* lines that are level-triggered by the chipset's register */
	uint8_t base;            /* ICW2: line 0's vector */
	uint8_t highest;         /* the line of highest priority */
	uint8_t expected;        /* number of the ICW that comes next; 0: none, and the chip works */
	bool levels;             /* ICW1.LTIM */
	bool single, wants_icw4; /* ICW1 */
	bool auto_eoi, special_fully_nested; /* ICW4 */
	bool rotates;            /* at automatic EOIs */
	bool special_mask, reads_isr, polled; /* OCW3 */
};

struct pic {
	struct pic_chip chips[2];
	bool up;
	const struct pic_host *host;
};

/* host: the caller's, outlives the PIC. */
void pic_init(struct pic *pic, const struct pic_host *host);

/* chip: 0 or 1. reg: the port's bit 0. */
uint8_t pic_read(struct pic *pic, unsigned chip, unsigned reg);
void pic_write(struct pic *pic, unsigned chip, unsigned reg, uint8_t value);

/* Which of its lines are level-triggered, bit n for line n; those of timer, keyboard, cascade, clock and FPU never are. */
uint8_t pic_read_elcr(const struct pic *pic, unsigned chip);
void pic_write_elcr(struct pic *pic, unsigned chip, uint8_t value);

/* A line's state. line: below PIC_LINES, not PIC_CASCADE (asserted). */
void pic_set_level(struct pic *pic, unsigned line, bool high);

/* A device has news: its line is up until pic_set_level(), and each of these is an edge. */
void pic_raise(struct pic *pic, unsigned line);

/* The CPU's acknowledgement: the vector. That of line 7 where nothing is requested any more ("spurious"). */
uint8_t pic_acknowledge(struct pic *pic);

#endif
