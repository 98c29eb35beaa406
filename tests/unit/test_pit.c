/* SPDX-License-Identifier: Apache-2.0 */
/* The 8254 by the datasheet, at times that a test says. */
#include "tests/unit/test_unit.h"

#include "vmm/pc/pit.h"

#define CONTROL 3

/* Control words: channel, access, mode. */
#define WORD(channel, mode)     ((channel) << 6 | 0x30 | (mode) << 1)
#define LATCH(channel)          ((channel) << 6)
#define READ_BACK_BOTH(channel) (0xc0 | 2 << (channel))
#define READ_BACK_STATUS(channel) (0xe0 | 2 << (channel))

#define GATE   0x01
#define OUTPUT 0x20

struct fixture {
	struct pit pit;
	uint64_t clock; /* in the chip's */
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	pit_init(&f->pit);
	f->clock = 5 * PIT_HZ + 7;
	return 0;
}

static int tear_down(void **state)
{
	free(*state);
	return 0;
}

/* Somewhere in the clock. */
static uint64_t ns(uint64_t clock)
{
	return clock / PIT_HZ * 1000000000 + clock % PIT_HZ * 1000000000 / PIT_HZ + 400;
}

static void put(struct fixture *f, unsigned reg, unsigned value)
{
	pit_write(&f->pit, reg, (uint8_t)value, ns(f->clock));
}

static uint8_t get(struct fixture *f, unsigned reg)
{
	return pit_read(&f->pit, reg, ns(f->clock));
}

static unsigned get_word(struct fixture *f, unsigned channel)
{
	unsigned low = get(f, channel);

	return low | (unsigned)get(f, channel) << 8;
}

static unsigned count(struct fixture *f, unsigned channel)
{
	put(f, CONTROL, LATCH(channel));
	return get_word(f, channel);
}

static void program(struct fixture *f, unsigned channel, unsigned mode, unsigned value)
{
	put(f, CONTROL, WORD(channel, mode));
	put(f, channel, value & 0xff);
	put(f, channel, value >> 8);
}

static bool output(struct fixture *f, unsigned channel)
{
	put(f, CONTROL, READ_BACK_STATUS(channel));
	return get(f, channel) & 0x80;
}

static bool ticked(struct fixture *f)
{
	return pit_has_ticked(&f->pit, ns(f->clock));
}

static void gate(struct fixture *f, bool open)
{
	pit_write_speaker(&f->pit, open, ns(f->clock));
}

static bool speaker(struct fixture *f)
{
	return pit_read_speaker(&f->pit, ns(f->clock)) & OUTPUT;
}

/* --- --- */

static void nothing_ticks_until_it_is_programmed(void **state)
{
	struct fixture *f = *state;

	assert_true(pit_next_ns(&f->pit) == PIT_NEVER);
	assert_false(ticked(f));
	put(f, 0, 1);
	put(f, CONTROL, WORD(0, 2));
	put(f, 0, 1);
	f->clock += 70000;
	assert_false(ticked(f));
	assert_int_equal(get(f, CONTROL), 0xff);
}

static void mode_0_ticks_once_at_the_end_of_its_count(void **state)
{
	struct fixture *f = *state;

	program(f, 0, 0, 1000);
	assert_false(output(f, 0));
	assert_int_equal(count(f, 0), 1000);
	f->clock += 999;
	assert_false(ticked(f));
	assert_false(output(f, 0));
	assert_int_equal(count(f, 0), 1);
	f->clock += 1;
	assert_true(ticked(f));
	assert_true(output(f, 0));
	assert_false(ticked(f));
	assert_true(pit_next_ns(&f->pit) == PIT_NEVER);
	f->clock += 10;
	assert_int_equal(count(f, 0), 65526);
	f->clock += 200000;
	assert_false(ticked(f));
}

/* Firmware has programmed it, and some guests write no more than counts. */
static void channel_0_takes_counts_before_any_control_word(void **state)
{
	struct fixture *f = *state;

	assert_true(pit_next_ns(&f->pit) == PIT_NEVER);
	put(f, 0, 1000 & 0xff);
	put(f, 0, 1000 >> 8);
	assert_true(pit_next_ns(&f->pit) != PIT_NEVER);
	f->clock += 999;
	assert_false(pit_has_ticked(&f->pit, ns(f->clock)));
	f->clock += 1;
	assert_true(pit_has_ticked(&f->pit, ns(f->clock)));
}

static void mode_0_begins_anew_by_a_count_alone(void **state)
{
	struct fixture *f = *state;

	program(f, 0, 0, 10);
	f->clock += 20;
	assert_true(ticked(f));
	put(f, 0, 5);
	assert_false(output(f, 0));
	f->clock += 100;
	assert_false(ticked(f));
	put(f, 0, 0);
	assert_int_equal(count(f, 0), 5);
	f->clock += 5;
	assert_true(ticked(f));
}

static void mode_2_ticks_every_period(void **state)
{
	struct fixture *f = *state;

	program(f, 0, 2, 1193);
	for (unsigned i = 0; i < 5; i++) {
		f->clock += 1192;
		assert_false(output(f, 0));
		assert_int_equal(count(f, 0), 1);
		assert_false(ticked(f));
		f->clock += 1;
		assert_true(ticked(f));
		assert_false(ticked(f));
		assert_true(output(f, 0));
		assert_int_equal(count(f, 0), 1193);
	}
}

static void mode_3_is_a_square(void **state)
{
	struct fixture *f = *state;

	program(f, 0, 3, 1000);
	f->clock += 100;
	assert_true(output(f, 0));
	assert_int_equal(count(f, 0), 800);
	f->clock += 500;
	assert_false(output(f, 0));
	assert_int_equal(count(f, 0), 800);
	assert_false(ticked(f));
	f->clock += 400;
	assert_true(output(f, 0));
	assert_true(ticked(f));
}

static void mode_4_strobes_for_one_clock(void **state)
{
	struct fixture *f = *state;

	program(f, 0, 4, 100);
	assert_true(output(f, 0));
	f->clock += 100;
	assert_false(output(f, 0));
	assert_false(ticked(f));
	f->clock += 1;
	assert_true(output(f, 0));
	assert_true(ticked(f));
	f->clock += 1000;
	assert_false(ticked(f));
}

/* Modes 6 and 7 are 2 and 3. */
static void bit_2_of_the_periodic_modes_means_nothing(void **state)
{
	struct fixture *f = *state;

	program(f, 0, 6, 100);
	f->clock += 250;
	assert_true(ticked(f));
	assert_int_equal(count(f, 0), 50);
}

static void a_count_of_zero_is_the_largest(void **state)
{
	struct fixture *f = *state;

	program(f, 0, 2, 0);
	assert_int_equal(count(f, 0), 0);
	f->clock += 65535;
	assert_false(ticked(f));
	assert_int_equal(count(f, 0), 1);
	f->clock += 1;
	assert_true(ticked(f));
}

static void ticks_that_nobody_took_are_one(void **state)
{
	struct fixture *f = *state;

	program(f, 0, 2, 100);
	f->clock += 1050;
	assert_true(ticked(f));
	assert_false(ticked(f));
	f->clock += 50;
	assert_true(ticked(f));
}

/* To the nanosecond: an alarm set for then finds that it has ticked. */
static void it_tells_when_it_will_tick(void **state)
{
	struct fixture *f = *state;

	for (unsigned mode = 0; mode < 5; mode++) {
		if (mode == 1)
			continue;
		for (unsigned value = 1; value < 5000; value += 317) {
			uint64_t next;

			program(f, 0, mode, value);
			next = pit_next_ns(&f->pit);
			assert_false(pit_has_ticked(&f->pit, next - 1));
			assert_true(pit_has_ticked(&f->pit, next));
			f->clock += 10000;
		}
	}
}

/* After years, too. */
static void its_clock_does_not_overflow(void **state)
{
	struct fixture *f = *state;

	f->clock = 20ull * 365 * 86400 * PIT_HZ + 12345;
	program(f, 0, 2, 1193);
	f->clock += 1192;
	assert_int_equal(count(f, 0), 1);
	f->clock += 1;
	assert_true(pit_next_ns(&f->pit) <= ns(f->clock));
	assert_true(ticked(f));
}

/* --- reading --- */

static void a_latch_holds_the_count_until_it_is_read(void **state)
{
	struct fixture *f = *state;

	program(f, 0, 2, 1000);
	put(f, CONTROL, LATCH(0));
	f->clock += 100;
	put(f, CONTROL, LATCH(0));
	assert_int_equal(get_word(f, 0), 1000);
	assert_int_equal(get_word(f, 0), 900);
}

static void one_byte_is_read_and_written_where_that_is_wanted(void **state)
{
	struct fixture *f = *state;

	put(f, CONTROL, 0x14);
	put(f, 0, 200);
	f->clock += 50;
	assert_int_equal(get(f, 0), 150);
	assert_int_equal(get(f, 0), 150);
	put(f, CONTROL, 0x24);
	put(f, 0, 2);
	f->clock += 256;
	assert_int_equal(get(f, 0), 1);
	put(f, CONTROL, LATCH(0));
	f->clock += 200;
	assert_int_equal(get(f, 0), 1);
	assert_int_equal(get(f, 0), 0);
}

static void read_back_gives_status_then_count(void **state)
{
	struct fixture *f = *state;

	put(f, CONTROL, WORD(2, 3));
	put(f, CONTROL, READ_BACK_STATUS(2));
	assert_int_equal(get(f, 2), 0x80 | 0x40 | 0x36);
	gate(f, true);
	program(f, 2, 3, 1000);
	f->clock += 600;
	put(f, CONTROL, READ_BACK_BOTH(2));
	f->clock += 100;
	assert_int_equal(get(f, 2), 0x36);
	assert_int_equal(get_word(f, 2), 800);
}

static void read_back_takes_several_channels(void **state)
{
	struct fixture *f = *state;

	for (unsigned channel = 0; channel < 2; channel++)
		program(f, channel, 2, 1000 + channel);
	put(f, CONTROL, 0xd6); /* counts of 0 and 1 */
	f->clock += 100;
	assert_int_equal(get_word(f, 0), 1000);
	assert_int_equal(get_word(f, 1), 1001);
}

static void bcd_counts_in_tens(void **state)
{
	struct fixture *f = *state;

	put(f, CONTROL, WORD(0, 2) | 1);
	put(f, 0, 0x00);
	put(f, 0, 0x10);
	f->clock += 1;
	assert_int_equal(count(f, 0), 0x0999);
	f->clock += 999;
	assert_true(ticked(f));
	put(f, 0, 0);
	put(f, 0, 0);
	f->clock += 9999;
	assert_int_equal(count(f, 0), 0x0001);
	assert_false(ticked(f));
	f->clock += 1;
	assert_true(ticked(f));
}

/* --- channel 2 and port 0x61 --- */

/* As kernels find out how fast their TSC is. */
static void channel_2_counts_while_its_gate_is_open(void **state)
{
	struct fixture *f = *state;

	program(f, 2, 0, 1000);
	f->clock += 5000;
	assert_false(speaker(f));
	assert_int_equal(count(f, 2), 1000);
	gate(f, true);
	f->clock += 400;
	gate(f, false);
	f->clock += 5000;
	assert_int_equal(count(f, 2), 600);
	gate(f, true);
	f->clock += 599;
	assert_false(speaker(f));
	f->clock += 1;
	assert_true(speaker(f));
}

static void channel_2_never_interrupts(void **state)
{
	struct fixture *f = *state;

	gate(f, true);
	program(f, 2, 2, 10);
	f->clock += 100;
	assert_false(ticked(f));
	assert_true(pit_next_ns(&f->pit) == PIT_NEVER);
}

static void mode_1_is_triggered_by_its_gate(void **state)
{
	struct fixture *f = *state;

	program(f, 2, 1, 100);
	f->clock += 200;
	assert_true(speaker(f));
	gate(f, true);
	assert_false(speaker(f));
	f->clock += 60;
	gate(f, false);
	assert_false(speaker(f));
	gate(f, true);
	f->clock += 99;
	assert_false(speaker(f));
	f->clock += 1;
	assert_true(speaker(f));
}

static void mode_5_strobes_after_its_trigger(void **state)
{
	struct fixture *f = *state;

	program(f, 2, 5, 100);
	gate(f, true);
	f->clock += 100;
	assert_false(speaker(f));
	f->clock += 1;
	assert_true(speaker(f));
}

static void a_gate_begins_a_period_anew(void **state)
{
	struct fixture *f = *state;

	gate(f, true);
	program(f, 2, 2, 100);
	f->clock += 99;
	assert_false(speaker(f));
	gate(f, false);
	assert_true(speaker(f));
	f->clock += 50;
	gate(f, true);
	assert_int_equal(count(f, 2), 100);
	f->clock += 99;
	assert_false(speaker(f));
}

/* Some wait for it to change: 15 us a half, as DRAM is refreshed. */
static void the_refresh_bit_toggles(void **state)
{
	struct fixture *f = *state;
	unsigned changes = 0;
	uint8_t before = pit_read_speaker(&f->pit, 0) & 0x10;

	for (uint64_t now = 0; now < 1508500; now += 100) {
		uint8_t bit = pit_read_speaker(&f->pit, now) & 0x10;

		changes += bit != before;
		before = bit;
	}
	assert_int_equal(changes, 99);
}

static void port_0x61_keeps_its_lower_bits(void **state)
{
	struct fixture *f = *state;

	pit_write_speaker(&f->pit, 0xff, 0);
	assert_int_equal(pit_read_speaker(&f->pit, 0) & 0xcf, 0x0f);
}

/* THREATS 3. */
static void writes_of_any_kind_are_survived(void **state)
{
	struct fixture *f = *state;
	uint64_t random = 88172645463325252;

	for (unsigned i = 0; i < 300000; i++) {
		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		switch (random >> 40 & 3) {
		case 0:
			get(f, random >> 32 & 3);
			break;
		case 1:
			pit_write_speaker(&f->pit, (uint8_t)random, ns(f->clock));
			pit_read_speaker(&f->pit, ns(f->clock));
			break;
		default:
			put(f, random >> 32 & 3, (unsigned)random & 0xff);
		}
		if (ticked(f))
			assert_false(ticked(f));
		assert_true(pit_next_ns(&f->pit) > ns(f->clock));
		f->clock += random >> 50 & 255;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_ticks_until_it_is_programmed),
		TEST(mode_0_ticks_once_at_the_end_of_its_count),
		TEST(channel_0_takes_counts_before_any_control_word),
		TEST(mode_0_begins_anew_by_a_count_alone),
		TEST(mode_2_ticks_every_period),
		TEST(mode_3_is_a_square),
		TEST(mode_4_strobes_for_one_clock),
		TEST(bit_2_of_the_periodic_modes_means_nothing),
		TEST(a_count_of_zero_is_the_largest),
		TEST(ticks_that_nobody_took_are_one),
		TEST(it_tells_when_it_will_tick),
		TEST(its_clock_does_not_overflow),
		TEST(a_latch_holds_the_count_until_it_is_read),
		TEST(one_byte_is_read_and_written_where_that_is_wanted),
		TEST(read_back_gives_status_then_count),
		TEST(read_back_takes_several_channels),
		TEST(bcd_counts_in_tens),
		TEST(channel_2_counts_while_its_gate_is_open),
		TEST(channel_2_never_interrupts),
		TEST(mode_1_is_triggered_by_its_gate),
		TEST(mode_5_strobes_after_its_trigger),
		TEST(a_gate_begins_a_period_anew),
		TEST(the_refresh_bit_toggles),
		TEST(port_0x61_keeps_its_lower_bits),
		TEST(writes_of_any_kind_are_survived),
	};

	return cmocka_run_group_tests_name("8254", tests, NULL, NULL);
}
