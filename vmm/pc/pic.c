/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/pc/pic.h"

#include <assert.h>

/* Which word a write to the first register is. */
#define ICW1              0x10
#define OCW3              0x08

#define ICW1_IC4          0x01
#define ICW1_SNGL         0x02
#define ICW1_LTIM         0x08
#define ICW2_VECTOR       0xf8 /* for an 8086; the lower bits are the line */
#define ICW4_AEOI         0x02
#define ICW4_SFNM         0x10

#define OCW3_RIS          0x01
#define OCW3_RR           0x02
#define OCW3_POLL         0x04
#define OCW3_SMM          0x20
#define OCW3_ESMM         0x40
#define POLL_FOUND        0x80

#define SPURIOUS          7u
#define NONE              8u

static const uint8_t elcr_masks[2] = { 0xf8, 0xde };

void pic_init(struct pic *pic, const struct pic_host *host)
{
	*pic = (struct pic){ .chips = { { .imr = 0xff, .base = 0x08 }, { .imr = 0xff, .base = 0x70 } }, .host = host };
}

/* ---- priorities: "Fully Nested Mode" and those after it ---- */

/* The line of highest priority in a set, or NONE. */
static unsigned first_of(const struct pic_chip *chip, uint8_t set)
{
	for (unsigned i = 0; i < 8; i++)
		if (set >> ((chip->highest + i) & 7) & 1)
			return (chip->highest + i) & 7;
	return NONE;
}

/* How far down a line is; NONE is below all. */
static unsigned rank(const struct pic_chip *chip, unsigned line)
{
	return line == NONE ? 8 : (line - chip->highest) & 7;
}

static uint8_t levels(const struct pic_chip *chip)
{
	return chip->levels ? 0xff : chip->elcr;
}

static uint8_t irr(const struct pic_chip *chip)
{
	uint8_t by_level = levels(chip);

	return (chip->edges & ~by_level) | (chip->lines & by_level);
}

/* What is to be acknowledged next, or NONE. `cascade`: the bit of its line to another chip, if it has one. */
static unsigned requested(const struct pic_chip *chip, uint8_t cascade)
{
	unsigned line = first_of(chip, irr(chip) & (uint8_t)~chip->imr);
	uint8_t in_service = chip->isr;

	if (chip->expected)
		return NONE;
	if (chip->special_mask)
		in_service &= (uint8_t)~chip->imr;
	/* "The Special Fully Nested Mode": a slave in service may interrupt by what is higher in itself. */
	if (chip->special_fully_nested)
		in_service &= (uint8_t)~cascade;
	return rank(chip, line) < rank(chip, first_of(chip, in_service)) ? line : NONE;
}

#define CASCADE (1u << PIC_CASCADE)

static unsigned first_requested(const struct pic *pic)
{
	return requested(&pic->chips[0], CASCADE);
}

static unsigned second_requested(const struct pic *pic)
{
	return requested(&pic->chips[1], 0);
}

/* After every change. The line between the two is a level: it is up while the second asks, whatever was acknowledged meanwhile. */
static void update(struct pic *pic)
{
	struct pic_chip *first = &pic->chips[0];
	uint8_t second = second_requested(pic) != NONE ? CASCADE : 0;
	bool up;

	first->lines = (first->lines & (uint8_t)~CASCADE) | second;
	first->edges = (first->edges & (uint8_t)~CASCADE) | second;
	up = first_requested(pic) != NONE;
	if (up == pic->up)
		return;
	pic->up = up;
	pic->host->output(pic->host, up);
}

/* ---- lines ---- */

static void set_line(struct pic *pic, unsigned line, bool high)
{
	struct pic_chip *chip = &pic->chips[line / 8];
	uint8_t bit = (uint8_t)(1u << line % 8);

	assert(line < PIC_LINES && line != PIC_CASCADE);
	if (high && !(chip->lines & bit))
		chip->edges |= bit;
	chip->lines = high ? chip->lines | bit : chip->lines & (uint8_t)~bit;
}

void pic_set_level(struct pic *pic, unsigned line, bool high)
{
	set_line(pic, line, high);
	update(pic);
}

void pic_raise(struct pic *pic, unsigned line)
{
	set_line(pic, line, false);
	set_line(pic, line, true);
	update(pic);
}

/* ---- acknowledgement: "Interrupt Sequence" ---- */

static void acknowledge(struct pic_chip *chip, unsigned line)
{
	uint8_t bit = (uint8_t)(1u << line);

	chip->edges &= (uint8_t)~bit;
	if (!chip->auto_eoi)
		chip->isr |= bit;
	else if (chip->rotates)
		chip->highest = (line + 1) & 7;
}

uint8_t pic_acknowledge(struct pic *pic)
{
	struct pic_chip *chip = &pic->chips[0];
	unsigned line = first_requested(pic);

	if (line != NONE)
		acknowledge(chip, line);
	if (line == PIC_CASCADE) {
		chip = &pic->chips[1];
		line = second_requested(pic);
		acknowledge(chip, line); /* there is one: the first's line 2 is its output */
	}
	update(pic);
	return chip->base | (line == NONE ? SPURIOUS : line);
}

/* ---- words ---- */

/* "ICW1": its edges are forgotten, too; a line that is up must fall and rise to be one. */
static void initialize(struct pic_chip *chip, uint8_t value)
{
	*chip = (struct pic_chip){
		.lines = chip->lines, .elcr = chip->elcr, .base = chip->base, .expected = 2,
		.levels = value & ICW1_LTIM, .single = value & ICW1_SNGL, .wants_icw4 = value & ICW1_IC4,
	};
}

static void write_icw(struct pic_chip *chip, uint8_t value)
{
	switch (chip->expected) {
	case 2:
		chip->base = value & ICW2_VECTOR;
		chip->expected = chip->single ? 4 : 3;
		break;
	case 3: /* how the two are wired is known */
		chip->expected = 4;
		break;
	default:
		chip->auto_eoi = value & ICW4_AEOI;
		chip->special_fully_nested = value & ICW4_SFNM;
		chip->expected = 0;
	}
	if (chip->expected == 4 && !chip->wants_icw4)
		chip->expected = 0;
}

/* "OCW2": bits 7 to 5 are R, SL, EOI. */
static void write_ocw2(struct pic_chip *chip, uint8_t value)
{
	bool rotates = value & 0x80, specific = value & 0x40, eoi = value & 0x20;
	unsigned line = value & 7;

	if (!specific && !eoi) {
		chip->rotates = rotates;
		return;
	}
	/* "End of Interrupt": what special mask mode has masked, only a specific one ends. */
	if (!specific)
		line = first_of(chip, chip->isr & (uint8_t)~(chip->special_mask ? chip->imr : 0));
	if (line == NONE)
		return;
	if (eoi)
		chip->isr &= (uint8_t)~(1u << line);
	if (rotates)
		chip->highest = (line + 1) & 7;
}

static void write_ocw3(struct pic_chip *chip, uint8_t value)
{
	if (value & OCW3_ESMM)
		chip->special_mask = value & OCW3_SMM;
	if (value & OCW3_POLL)
		chip->polled = true;
	else if (value & OCW3_RR)
		chip->reads_isr = value & OCW3_RIS;
}

void pic_write(struct pic *pic, unsigned number, unsigned reg, uint8_t value)
{
	struct pic_chip *chip = &pic->chips[number];

	if (reg == 0 && (value & ICW1))
		initialize(chip, value);
	else if (reg == 0 && (value & OCW3))
		write_ocw3(chip, value);
	else if (reg == 0)
		write_ocw2(chip, value);
	else if (chip->expected)
		write_icw(chip, value);
	else
		chip->imr = value;
	update(pic);
}

/* "Poll Command": the next read is an acknowledgement. */
static uint8_t poll(struct pic *pic, unsigned number)
{
	struct pic_chip *chip = &pic->chips[number];
	unsigned line = number == 0 ? first_requested(pic) : second_requested(pic);

	chip->polled = false;
	if (line == NONE)
		return 0;
	acknowledge(chip, line);
	update(pic);
	return (uint8_t)(POLL_FOUND | line);
}

uint8_t pic_read(struct pic *pic, unsigned number, unsigned reg)
{
	const struct pic_chip *chip = &pic->chips[number];

	if (chip->polled)
		return poll(pic, number);
	if (reg == 1)
		return chip->imr;
	return chip->reads_isr ? chip->isr : irr(chip);
}

uint8_t pic_read_elcr(const struct pic *pic, unsigned chip)
{
	return pic->chips[chip].elcr;
}

void pic_write_elcr(struct pic *pic, unsigned chip, uint8_t value)
{
	pic->chips[chip].elcr = value & elcr_masks[chip];
	update(pic);
}
