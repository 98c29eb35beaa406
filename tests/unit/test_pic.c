/* SPDX-License-Identifier: Apache-2.0 */
/* The pair of 8259As by the datasheet, as a kernel programs and acknowledges it. */
#include "tests/unit/test_unit.h"

#include "vmm/pc/pic.h"

#define COMMAND  0
#define DATA     1

#define EOI      0x20
#define SPECIFIC 0x60
#define READ_IRR 0x0a
#define READ_ISR 0x0b
#define POLL     0x0c

struct fixture {
	struct pic pic;
	struct pic_host host;
	bool up;
	unsigned changes;
};

static void output(const struct pic_host *host, bool up)
{
	struct fixture *f = host->context;

	assert_int_not_equal(up, f->up);
	f->up = up;
	f->changes++;
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	f->host = (struct pic_host){ output, f };
	pic_init(&f->pic, &f->host);
	return 0;
}

static int tear_down(void **state)
{
	free(*state);
	return 0;
}

/* --- the kernel --- */

static void put(struct fixture *f, unsigned chip, unsigned reg, unsigned value)
{
	pic_write(&f->pic, chip, reg, (uint8_t)value);
}

static uint8_t get(struct fixture *f, unsigned chip, unsigned word)
{
	put(f, chip, COMMAND, word);
	return pic_read(&f->pic, chip, COMMAND);
}

/* Vectors at 0x20 and 0x28, as kernels have them; nothing masked. icw1, icw4: further bits of these. */
static void start_with(struct fixture *f, unsigned icw1, unsigned icw4)
{
	for (unsigned chip = 0; chip < 2; chip++) {
		put(f, chip, COMMAND, 0x11 | icw1);
		put(f, chip, DATA, 0x20 + 8 * chip);
		put(f, chip, DATA, chip ? 2 : 4);
		put(f, chip, DATA, 1 | icw4);
		put(f, chip, DATA, 0);
	}
}

static void start(struct fixture *f)
{
	start_with(f, 0, 0);
}

static void eoi(struct fixture *f, unsigned line)
{
	if (line >= 8)
		put(f, 1, COMMAND, EOI);
	put(f, 0, COMMAND, EOI);
}

/* Up for a moment. */
static void edge(struct fixture *f, unsigned line)
{
	pic_set_level(&f->pic, line, true);
	pic_set_level(&f->pic, line, false);
}

static void assert_next(struct fixture *f, unsigned vector)
{
	assert_true(f->up);
	assert_int_equal(pic_acknowledge(&f->pic), vector);
}

/* --- --- */

static void is_silent_until_it_is_programmed(void **state)
{
	struct fixture *f = *state;

	for (unsigned line = 0; line < PIC_LINES; line++)
		if (line != PIC_CASCADE)
			edge(f, line);
	assert_int_equal(f->changes, 0);
	assert_int_equal(pic_read(&f->pic, 0, DATA), 0xff);
	assert_int_equal(pic_read(&f->pic, 1, DATA), 0xff);
}

static void every_line_has_its_vector(void **state)
{
	struct fixture *f = *state;

	start(f);
	for (unsigned line = 0; line < PIC_LINES; line++) {
		if (line == PIC_CASCADE)
			continue;
		edge(f, line);
		assert_next(f, 0x20 + line);
		assert_false(f->up);
		eoi(f, line);
	}
}

static void lower_bits_of_the_vector_are_the_lines(void **state)
{
	struct fixture *f = *state;

	start(f);
	put(f, 0, COMMAND, 0x11);
	put(f, 0, DATA, 0x37);
	put(f, 0, DATA, 4);
	put(f, 0, DATA, 1);
	edge(f, 3);
	assert_next(f, 0x33);
}

/* 4 words, 3 without ICW4, 3 without a second chip, 2 without both: then comes the mask. */
static void the_words_of_its_initialization_are_counted(void **state)
{
	static const struct { unsigned icw1, words; } cases[] = { { 0x11, 3 }, { 0x10, 2 }, { 0x13, 2 }, { 0x12, 1 } };
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		put(f, 0, COMMAND, cases[i].icw1);
		for (unsigned k = 0; k < cases[i].words; k++) {
			put(f, 0, DATA, 1);
			assert_int_equal(pic_read(&f->pic, 0, DATA), 0);
		}
		put(f, 0, DATA, 0x5a);
		assert_int_equal(pic_read(&f->pic, 0, DATA), 0x5a);
	}
}

static void nothing_interrupts_until_it_is_initialized(void **state)
{
	struct fixture *f = *state;

	put(f, 0, COMMAND, 0x11);
	edge(f, 1);
	put(f, 0, DATA, 0x20);
	put(f, 0, DATA, 4);
	assert_false(f->up);
	put(f, 0, DATA, 1);
	assert_next(f, 0x21);
}

static void its_initialization_forgets_edges_and_what_is_in_service(void **state)
{
	struct fixture *f = *state;

	start(f);
	edge(f, 1);
	pic_acknowledge(&f->pic);
	edge(f, 3);
	start(f);
	assert_false(f->up);
	assert_int_equal(get(f, 0, READ_ISR), 0);
	assert_int_equal(get(f, 0, READ_IRR), 0);
}

static void an_edge_is_requested_until_it_is_acknowledged(void **state)
{
	struct fixture *f = *state;

	start(f);
	edge(f, 4);
	assert_int_equal(get(f, 0, READ_IRR), 0x10);
	assert_int_equal(get(f, 0, READ_ISR), 0);
	assert_next(f, 0x24);
	assert_int_equal(get(f, 0, READ_IRR), 0);
	assert_int_equal(get(f, 0, READ_ISR), 0x10);
	eoi(f, 4);
	assert_int_equal(get(f, 0, READ_ISR), 0);
	assert_false(f->up);
}

static void a_line_that_stays_up_is_one_edge(void **state)
{
	struct fixture *f = *state;

	start(f);
	pic_set_level(&f->pic, 4, true);
	assert_next(f, 0x24);
	eoi(f, 4);
	pic_set_level(&f->pic, 4, true);
	assert_false(f->up);
}

static void each_raise_is_an_edge(void **state)
{
	struct fixture *f = *state;

	start(f);
	for (unsigned i = 0; i < 3; i++) {
		pic_raise(&f->pic, 11);
		assert_next(f, 0x2b);
		eoi(f, 11);
	}
}

static void an_edge_while_it_is_masked_waits(void **state)
{
	struct fixture *f = *state;

	start(f);
	put(f, 0, DATA, 0x10);
	edge(f, 4);
	assert_false(f->up);
	put(f, 0, DATA, 0);
	assert_next(f, 0x24);
}

static void the_cascade_can_be_masked(void **state)
{
	struct fixture *f = *state;

	start(f);
	put(f, 0, DATA, 0x04);
	edge(f, 12);
	assert_false(f->up);
	put(f, 0, DATA, 0);
	assert_next(f, 0x2c);
}

/* 0 1 8 … 15 3 … 7. */
static void lower_lines_go_first(void **state)
{
	static const uint8_t order[] = { 0, 1, 8, 9, 10, 11, 12, 13, 14, 15, 3, 4, 5, 6, 7 };
	struct fixture *f = *state;

	start(f);
	for (size_t i = COUNT_OF(order); i-- > 0;)
		edge(f, order[i]);
	for (size_t i = 0; i < COUNT_OF(order); i++) {
		assert_next(f, 0x20u + order[i]);
		eoi(f, order[i]);
	}
	assert_false(f->up);
}

static void what_is_in_service_lets_only_higher_ones_through(void **state)
{
	struct fixture *f = *state;

	start(f);
	edge(f, 4);
	assert_next(f, 0x24);
	edge(f, 5);
	edge(f, 4);
	assert_false(f->up);
	edge(f, 9);
	assert_next(f, 0x29);
	edge(f, 1);
	assert_next(f, 0x21);
	assert_int_equal(get(f, 0, READ_ISR), 0x16);
	assert_int_equal(get(f, 1, READ_ISR), 0x02);
	eoi(f, 1);
	eoi(f, 9);
	eoi(f, 4);
	assert_next(f, 0x24);
}

/* The first's own EOI is for the cascade: until then another line of the second waits, or not, where it is specially nested. */
static void the_second_waits_for_both_ends(void **state)
{
	struct fixture *f = *state;

	for (unsigned special = 0; special < 2; special++) {
		start_with(f, 0, special ? 0x10 : 0);
		edge(f, 12);
		assert_next(f, 0x2c);
		edge(f, 10);
		assert_int_equal(f->up, special);
		if (special)
			assert_next(f, 0x2a);
	}
}

static void a_specific_end_ends_that_line(void **state)
{
	struct fixture *f = *state;

	start(f);
	edge(f, 5);
	pic_acknowledge(&f->pic);
	edge(f, 3);
	pic_acknowledge(&f->pic);
	put(f, 0, COMMAND, SPECIFIC | 5);
	assert_int_equal(get(f, 0, READ_ISR), 0x08);
	put(f, 0, COMMAND, SPECIFIC | 6);
	assert_int_equal(get(f, 0, READ_ISR), 0x08);
	put(f, 0, COMMAND, EOI);
	assert_int_equal(get(f, 0, READ_ISR), 0);
	put(f, 0, COMMAND, EOI);
}

static void automatic_ends_need_no_eoi(void **state)
{
	struct fixture *f = *state;

	start_with(f, 0, 2);
	for (unsigned i = 0; i < 2; i++) {
		edge(f, 12);
		assert_next(f, 0x2c);
		assert_int_equal(get(f, 0, READ_ISR) | get(f, 1, READ_ISR), 0);
	}
}

/* --- rotation --- */

static void set_priority_makes_a_line_the_lowest(void **state)
{
	struct fixture *f = *state;

	start(f);
	put(f, 0, COMMAND, 0xc4);
	for (unsigned line = 3; line < 8; line++)
		edge(f, line);
	assert_next(f, 0x25);
	put(f, 0, COMMAND, SPECIFIC | 5);
	assert_next(f, 0x26);
	put(f, 0, COMMAND, SPECIFIC | 6);
	assert_next(f, 0x27);
	put(f, 0, COMMAND, SPECIFIC | 7);
	assert_next(f, 0x23);
	put(f, 0, COMMAND, SPECIFIC | 3);
	assert_next(f, 0x24);
}

static void rotating_ends_make_what_ended_the_lowest(void **state)
{
	struct fixture *f = *state;

	start(f);
	edge(f, 3);
	assert_next(f, 0x23);
	put(f, 0, COMMAND, 0xa0);
	edge(f, 3);
	edge(f, 7);
	assert_next(f, 0x27);
	put(f, 0, COMMAND, 0xe0 | 7);
	edge(f, 7);
	assert_next(f, 0x23);
}

static void automatic_ends_rotate_if_told_to(void **state)
{
	struct fixture *f = *state;

	start_with(f, 0, 2);
	put(f, 0, COMMAND, 0x80);
	edge(f, 3);
	assert_next(f, 0x23);
	edge(f, 3);
	edge(f, 4);
	assert_next(f, 0x24);
	put(f, 0, COMMAND, 0x00);
	assert_next(f, 0x23);
	edge(f, 5);
	edge(f, 7);
	assert_next(f, 0x25);
}

/* --- special mask mode --- */

static void a_special_mask_lets_lower_ones_through(void **state)
{
	struct fixture *f = *state;

	start(f);
	edge(f, 3);
	assert_next(f, 0x23);
	edge(f, 6);
	assert_false(f->up);
	put(f, 0, DATA, 0x08);
	assert_false(f->up);
	put(f, 0, COMMAND, 0x68);
	assert_next(f, 0x26);
	put(f, 0, COMMAND, EOI);
	assert_int_equal(get(f, 0, READ_ISR), 0x08);
	put(f, 0, COMMAND, EOI);
	assert_int_equal(get(f, 0, READ_ISR), 0x08);
	put(f, 0, COMMAND, 0x48);
	put(f, 0, COMMAND, EOI);
	assert_int_equal(get(f, 0, READ_ISR), 0);
}

/* --- poll --- */

static void a_poll_acknowledges(void **state)
{
	struct fixture *f = *state;

	start(f);
	assert_int_equal(get(f, 0, POLL), 0);
	edge(f, 5);
	assert_int_equal(get(f, 0, POLL), 0x85);
	assert_false(f->up);
	assert_int_equal(get(f, 0, READ_ISR), 0x20);
	edge(f, 9);
	put(f, 1, COMMAND, POLL);
	assert_int_equal(pic_read(&f->pic, 1, DATA), 0x81);
	assert_int_equal(pic_read(&f->pic, 1, DATA), 0);
}

/* --- levels --- */

static void a_level_interrupts_until_it_is_down(void **state)
{
	struct fixture *f = *state;

	start(f);
	pic_write_elcr(&f->pic, 1, 0x02);
	pic_set_level(&f->pic, 9, true);
	assert_next(f, 0x29);
	assert_false(f->up);
	eoi(f, 9);
	assert_next(f, 0x29);
	pic_set_level(&f->pic, 9, false);
	eoi(f, 9);
	assert_false(f->up);
}

static void a_chip_can_be_of_levels_as_a_whole(void **state)
{
	struct fixture *f = *state;

	start_with(f, 0x08, 0);
	pic_set_level(&f->pic, 12, true);
	assert_next(f, 0x2c);
	eoi(f, 12);
	assert_next(f, 0x2c);
	pic_set_level(&f->pic, 12, false);
	eoi(f, 12);
	assert_false(f->up);
}

static void a_level_that_falls_before_it_is_acknowledged_is_withdrawn(void **state)
{
	struct fixture *f = *state;

	start(f);
	pic_write_elcr(&f->pic, 0, 0x20);
	pic_set_level(&f->pic, 5, true);
	assert_true(f->up);
	pic_set_level(&f->pic, 5, false);
	assert_false(f->up);
}

static void some_lines_are_always_edges(void **state)
{
	struct fixture *f = *state;

	for (unsigned chip = 0; chip < 2; chip++)
		pic_write_elcr(&f->pic, chip, 0xff);
	assert_int_equal(pic_read_elcr(&f->pic, 0), 0xf8);
	assert_int_equal(pic_read_elcr(&f->pic, 1), 0xde);
	start(f);
	assert_int_equal(pic_read_elcr(&f->pic, 0), 0xf8);
}

/* "Interrupt Sequence": the line went away, and it is no line's; nothing is in service. */
static void an_acknowledgement_of_nothing_is_line_7s(void **state)
{
	struct fixture *f = *state;

	start(f);
	assert_int_equal(pic_acknowledge(&f->pic), 0x27);
	assert_int_equal(get(f, 0, READ_ISR), 0);
}

/* THREATS 3: whatever is written, what is acknowledged is a line that can be. */
static void words_of_any_kind_are_survived(void **state)
{
	struct fixture *f = *state;
	uint64_t random = 88172645463325252;

	for (unsigned i = 0; i < 200000; i++) {
		unsigned line;

		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		line = random >> 32 & 15;
		switch (random >> 40 & 7) {
		case 0:
			if (line != PIC_CASCADE)
				pic_set_level(&f->pic, line, random & 1);
			break;
		case 1:
			if (line != PIC_CASCADE)
				pic_raise(&f->pic, line);
			break;
		case 2:
			pic_write_elcr(&f->pic, line & 1, (uint8_t)random);
			break;
		case 3:
			pic_read(&f->pic, line & 1, line >> 1 & 1);
			break;
		case 4:
			if (f->up)
				pic_acknowledge(&f->pic);
			break;
		default:
			put(f, line & 1, line >> 1 & 1, (unsigned)random);
		}
	}
	for (unsigned line = 0; line < PIC_LINES; line++)
		if (line != PIC_CASCADE)
			pic_set_level(&f->pic, line, false);
	for (unsigned chip = 0; chip < 2; chip++)
		pic_write_elcr(&f->pic, chip, 0);
	every_line_has_its_vector(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(is_silent_until_it_is_programmed),
		TEST(every_line_has_its_vector),
		TEST(lower_bits_of_the_vector_are_the_lines),
		TEST(the_words_of_its_initialization_are_counted),
		TEST(nothing_interrupts_until_it_is_initialized),
		TEST(its_initialization_forgets_edges_and_what_is_in_service),
		TEST(an_edge_is_requested_until_it_is_acknowledged),
		TEST(a_line_that_stays_up_is_one_edge),
		TEST(each_raise_is_an_edge),
		TEST(an_edge_while_it_is_masked_waits),
		TEST(the_cascade_can_be_masked),
		TEST(lower_lines_go_first),
		TEST(what_is_in_service_lets_only_higher_ones_through),
		TEST(the_second_waits_for_both_ends),
		TEST(a_specific_end_ends_that_line),
		TEST(automatic_ends_need_no_eoi),
		TEST(set_priority_makes_a_line_the_lowest),
		TEST(rotating_ends_make_what_ended_the_lowest),
		TEST(automatic_ends_rotate_if_told_to),
		TEST(a_special_mask_lets_lower_ones_through),
		TEST(a_poll_acknowledges),
		TEST(a_level_interrupts_until_it_is_down),
		TEST(a_chip_can_be_of_levels_as_a_whole),
		TEST(a_level_that_falls_before_it_is_acknowledged_is_withdrawn),
		TEST(some_lines_are_always_edges),
		TEST(an_acknowledgement_of_nothing_is_line_7s),
		TEST(words_of_any_kind_are_survived),
	};

	return cmocka_run_group_tests_name("8259A", tests, NULL, NULL);
}
