/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/pc/pit.h"

#include <assert.h>

#define CONTROL           3u /* reg */

/* "Control Word Format": SC in bits 7 and 6. */
#define SELECT_SHIFT      6
#define READ_BACK         3u
#define ACCESS            0x30
#define ACCESS_LATCH      0x00
#define ACCESS_LOW        0x10
#define ACCESS_HIGH       0x20
#define ACCESS_BOTH       0x30
#define MODE_SHIFT        1
#define BCD               0x01
#define CONTROL_MASK      0x3f

/* "Read-Back Command": both bits are active low. */
#define READ_BACK_COUNT   0x20
#define READ_BACK_STATUS  0x10

/* "Status Byte". */
#define STATUS_OUTPUT     0x80
#define STATUS_NULL_COUNT 0x40

/* Port 0x61 of the PC. */
#define SPEAKER_GATE      0x01
#define SPEAKER_WRITABLE  0x0f
#define SPEAKER_REFRESH   0x10
#define SPEAKER_OUTPUT    0x20
#define REFRESH_NS        15085u /* channel 1 of a PC: 18 clocks */

enum { ON_TERMINAL_COUNT, ONE_SHOT, RATE_GENERATOR, SQUARE_WAVE, SOFTWARE_STROBE, HARDWARE_STROBE };

#define NS_PER_S 1000000000ull

void pit_init(struct pit *pit)
{
	*pit = (struct pit){ 0 };
	pit->channels[0].gate = pit->channels[1].gate = true; /* wired so */
	/* As firmware programs it; but it does not tick 18.2 times a second for nobody before it has a count. */
	pit->channels[0].control = ACCESS_BOTH | RATE_GENERATOR << MODE_SHIFT;
}

/* ---- time: no product leaves 64 bits ---- */

static uint64_t clocks(uint64_t ns)
{
	return ns / NS_PER_S * PIT_HZ + ns % NS_PER_S * PIT_HZ / NS_PER_S;
}

/* The first nanosecond of a clock. */
static uint64_t ns_of(uint64_t clock)
{
	return clock / PIT_HZ * NS_PER_S + (clock % PIT_HZ * NS_PER_S + PIT_HZ - 1) / PIT_HZ;
}

/* ---- what a channel does: "Mode Definitions" ---- */

static unsigned mode_of(const struct pit_channel *c)
{
	unsigned mode = c->control >> MODE_SHIFT & 7;

	return mode > HARDWARE_STROBE ? mode - 4 : mode; /* of 2 and 3 bit 2 is not looked at */
}

static bool is_periodic(const struct pit_channel *c)
{
	return mode_of(c) == RATE_GENERATOR || mode_of(c) == SQUARE_WAVE;
}

/* By a rising gate; the others by a count. */
static bool is_triggered(const struct pit_channel *c)
{
	return mode_of(c) == ONE_SHOT || mode_of(c) == HARDWARE_STROBE;
}

static uint32_t modulus(const struct pit_channel *c)
{
	return c->control & BCD ? 10000 : 65536;
}

/* How many clocks it has counted. A closed gate holds modes 0 and 4; modes 2 and 3 begin anew when it opens. */
static uint64_t counted(const struct pit_channel *c, uint64_t clock)
{
	if (c->gate || is_triggered(c))
		return clock - c->start;
	return is_periodic(c) ? 0 : c->start;
}

static bool output(const struct pit_channel *c, uint64_t clock)
{
	uint64_t n;

	if (!c->counting || (is_periodic(c) && !c->gate))
		return mode_of(c) != ON_TERMINAL_COUNT;
	n = counted(c, clock);
	switch (mode_of(c)) {
	case ON_TERMINAL_COUNT:
	case ONE_SHOT:
		return n >= c->count;
	case RATE_GENERATOR:
		return n % c->count != c->count - 1;
	case SQUARE_WAVE:
		return n % c->count < (c->count + 1) / 2;
	default:
		return n != c->count;
	}
}

/* The counting element: a binary number. */
static uint32_t element(const struct pit_channel *c, uint64_t clock)
{
	uint64_t n;

	if (!c->counting)
		return c->loaded ? c->count % modulus(c) : 0;
	n = counted(c, clock);
	if (mode_of(c) == SQUARE_WAVE)
		return (c->count - (uint32_t)(2 * n % c->count)) % modulus(c);
	if (mode_of(c) == RATE_GENERATOR)
		return (c->count - (uint32_t)(n % c->count)) % modulus(c);
	return (c->count + modulus(c) - (uint32_t)(n % modulus(c))) % modulus(c); /* it goes on, round and round */
}

static uint16_t to_bcd(uint32_t value)
{
	return (uint16_t)(value % 10 | value / 10 % 10 << 4 | value / 100 % 10 << 8 | value / 1000 << 12);
}

static uint16_t visible(const struct pit_channel *c, uint64_t clock)
{
	uint32_t value = element(c, clock);

	return c->control & BCD ? to_bcd(value) : (uint16_t)value;
}

/* A digit above 9 counts as what it weighs. */
static uint32_t from_bcd(uint32_t value)
{
	return (value & 15) + (value >> 4 & 15) * 10 + (value >> 8 & 15) * 100 + (value >> 12) * 1000;
}

static void load(struct pit *pit, struct pit_channel *c, uint16_t value, uint64_t clock)
{
	uint32_t count = c->control & BCD ? from_bcd(value) % 10000 : value;

	c->count = count ? count : modulus(c);
	c->loaded = true;
	if (is_triggered(c))
		return; /* counts from the next trigger on */
	c->counting = true;
	c->start = c->gate || is_periodic(c) ? clock : 0;
	if (c == &pit->channels[0])
		pit->seen = clock;
}

static void set_gate(struct pit_channel *c, bool open, uint64_t clock)
{
	if (open == c->gate)
		return;
	if (!c->loaded) {
		c->gate = open;
		return;
	}
	if (is_triggered(c)) {
		c->counting = c->counting || open;
		c->start = open ? clock : c->start;
	} else if (is_periodic(c)) {
		c->start = clock;
	} else {
		c->start = clock - c->start; /* the one is the other */
	}
	c->gate = open;
}

/* ---- registers: "Programming the 8254", "Read Operations" ---- */

static void latch_count(struct pit_channel *c, uint64_t clock)
{
	if (c->latched_bytes)
		return;
	c->latched = visible(c, clock);
	c->latched_bytes = (c->control & ACCESS) == ACCESS_BOTH ? 2 : 1;
}

static void latch_status(struct pit_channel *c, uint64_t clock)
{
	if (c->status_latched)
		return;
	c->status = (uint8_t)((output(c, clock) ? STATUS_OUTPUT : 0) | (c->loaded ? 0 : STATUS_NULL_COUNT) | c->control);
	c->status_latched = true;
}

static void read_back(struct pit *pit, uint8_t value, uint64_t clock)
{
	for (unsigned i = 0; i < PIT_CHANNELS; i++) {
		if (!(value >> (i + 1) & 1))
			continue;
		if (!(value & READ_BACK_COUNT))
			latch_count(&pit->channels[i], clock);
		if (!(value & READ_BACK_STATUS))
			latch_status(&pit->channels[i], clock);
	}
}

static void write_control(struct pit *pit, uint8_t value, uint64_t clock)
{
	unsigned number = value >> SELECT_SHIFT;

	if (number == READ_BACK) {
		read_back(pit, value, clock);
	} else if ((value & ACCESS) == ACCESS_LATCH) {
		latch_count(&pit->channels[number], clock);
	} else {
		struct pit_channel *c = &pit->channels[number];

		*c = (struct pit_channel){ .control = value & CONTROL_MASK, .gate = c->gate };
	}
}

static void write_count(struct pit *pit, struct pit_channel *c, uint8_t value, uint64_t clock)
{
	switch (c->control & ACCESS) {
	case ACCESS_LOW:
		load(pit, c, value, clock);
		break;
	case ACCESS_HIGH:
		load(pit, c, (uint16_t)(value << 8), clock);
		break;
	case ACCESS_BOTH:
		if (c->high_byte_next)
			load(pit, c, (uint16_t)(value << 8 | c->low_byte), clock);
		else if (mode_of(c) == ON_TERMINAL_COUNT)
			c->counting = false; /* "Writing the first byte disables counting." */
		c->low_byte = value;
		c->high_byte_next = !c->high_byte_next;
		break;
	default: /* never programmed */
		break;
	}
}

static uint8_t read_count(struct pit_channel *c, uint64_t clock)
{
	uint16_t value = c->latched_bytes ? c->latched : visible(c, clock);
	bool high = (c->control & ACCESS) == ACCESS_HIGH;

	if ((c->control & ACCESS) == ACCESS_BOTH) {
		high = c->high_byte_read;
		c->high_byte_read = !high;
	}
	if (c->latched_bytes)
		c->latched_bytes--;
	return (uint8_t)(high ? value >> 8 : value);
}

void pit_write(struct pit *pit, unsigned reg, uint8_t value, uint64_t now_ns)
{
	assert(reg <= CONTROL);
	if (reg == CONTROL)
		write_control(pit, value, clocks(now_ns));
	else
		write_count(pit, &pit->channels[reg], value, clocks(now_ns));
}

uint8_t pit_read(struct pit *pit, unsigned reg, uint64_t now_ns)
{
	struct pit_channel *c;

	assert(reg <= CONTROL);
	if (reg == CONTROL)
		return 0xff; /* cannot be read */
	c = &pit->channels[reg];
	if (c->status_latched) {
		c->status_latched = false;
		return c->status;
	}
	return read_count(c, clocks(now_ns));
}

/* ---- port 0x61 ---- */

uint8_t pit_read_speaker(const struct pit *pit, uint64_t now_ns)
{
	bool refresh = now_ns / REFRESH_NS & 1;

	return (uint8_t)(pit->speaker | (refresh ? SPEAKER_REFRESH : 0) |
			 (output(&pit->channels[2], clocks(now_ns)) ? SPEAKER_OUTPUT : 0));
}

void pit_write_speaker(struct pit *pit, uint8_t value, uint64_t now_ns)
{
	pit->speaker = value & SPEAKER_WRITABLE;
	set_gate(&pit->channels[2], value & SPEAKER_GATE, clocks(now_ns));
}

/* ---- channel 0's edges ---- */

/*
 * The first clock after `seen` at which the output rises, or PIT_NEVER. Its gate is always open, so modes 1 and 5 are never
 * triggered.
 */
static uint64_t next_edge(const struct pit *pit)
{
	const struct pit_channel *c = &pit->channels[0];
	uint64_t edge = c->start + c->count;

	if (!c->counting)
		return PIT_NEVER;
	if (is_periodic(c))
		return c->start + ((pit->seen - c->start) / c->count + 1) * c->count;
	if (mode_of(c) == SOFTWARE_STROBE)
		edge++;
	return edge > pit->seen ? edge : PIT_NEVER;
}

bool pit_has_ticked(struct pit *pit, uint64_t now_ns)
{
	uint64_t clock = clocks(now_ns);
	bool ticked = next_edge(pit) <= clock;

	if (ticked)
		pit->seen = clock;
	return ticked;
}

uint64_t pit_next_ns(const struct pit *pit)
{
	uint64_t edge = next_edge(pit);

	return edge == PIT_NEVER ? PIT_NEVER : ns_of(edge);
}
