/* SPDX-License-Identifier: Apache-2.0 */
/* The keyboard controller without a keyboard, as drivers look for one. */
#include "tests/unit/test_unit.h"

#include "vmm/pc/i8042.h"

#define FULL    0x01
#define TIMEOUT 0x40

static struct i8042 i8042;

static int set_up(void **state)
{
	(void)state;
	i8042_init(&i8042);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	return 0;
}

static void command(unsigned value)
{
	assert_false(i8042_write_command(&i8042, (uint8_t)value));
}

/* What a driver waits for is there. */
static unsigned answer(void)
{
	assert_int_equal(i8042_read_status(&i8042) & FULL, FULL);
	return i8042_read_data(&i8042);
}

static void nothing_is_there_to_be_read_and_it_is_never_busy(void **state)
{
	(void)state;
	assert_int_equal(i8042_read_status(&i8042) & 3, 0);
	i8042_read_data(&i8042);
	assert_int_equal(i8042_read_status(&i8042) & 3, 0);
}

static void it_passes_its_tests(void **state)
{
	(void)state;
	command(0xaa);
	assert_int_equal(answer(), 0x55);
	command(0xab);
	assert_int_equal(answer(), 0);
	command(0xa9);
	assert_int_equal(answer(), 0);
	assert_int_equal(i8042_read_status(&i8042) & FULL, 0);
}

static void its_command_byte_is_kept(void **state)
{
	(void)state;
	command(0x60);
	assert_false(i8042_write_data(&i8042, 0x47));
	command(0x20);
	assert_int_equal(answer(), 0x47);
}

static void the_output_port_has_a20_and_reset(void **state)
{
	(void)state;
	command(0xd0);
	assert_int_equal(answer(), 3);
	command(0xd1);
	assert_false(i8042_write_data(&i8042, 0xdf));
	command(0xd1);
	assert_true(i8042_write_data(&i8042, 0xfe));
}

/* Bit 0 of what is pulsed is the reset line's, and active low. */
static void some_commands_reset(void **state)
{
	(void)state;
	for (unsigned value = 0; value < 256; value++)
		assert_int_equal(i8042_write_command(&i8042, (uint8_t)value), value >= 0xf0 && value % 2 == 0);
}

static void a_keyboard_that_is_not_there_does_not_answer(void **state)
{
	(void)state;
	assert_false(i8042_write_data(&i8042, 0xff));
	assert_int_equal(i8042_read_status(&i8042) & (FULL | TIMEOUT), FULL | TIMEOUT);
	assert_int_equal(answer(), 0xfe);
	command(0xd4);
	assert_false(i8042_write_data(&i8042, 0xf2));
	assert_int_equal(i8042_read_status(&i8042) & 0x20, 0x20);
	assert_int_equal(answer(), 0xfe);
}

/* As some find out whether there is a mouse's port. */
static void what_is_sent_back_comes_back(void **state)
{
	(void)state;
	command(0xd3);
	assert_false(i8042_write_data(&i8042, 0x5a));
	assert_int_equal(i8042_read_status(&i8042) & (FULL | 0x20), FULL | 0x20);
	assert_int_equal(answer(), 0x5a);
	command(0xd2);
	assert_false(i8042_write_data(&i8042, 0x33));
	assert_int_equal(answer(), 0x33);
}

static void a_command_cancels_the_one_before(void **state)
{
	(void)state;
	command(0xd1);
	command(0xaa);
	assert_false(i8042_write_data(&i8042, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_is_there_to_be_read_and_it_is_never_busy),
		TEST(it_passes_its_tests),
		TEST(its_command_byte_is_kept),
		TEST(the_output_port_has_a20_and_reset),
		TEST(some_commands_reset),
		TEST(a_keyboard_that_is_not_there_does_not_answer),
		TEST(what_is_sent_back_comes_back),
		TEST(a_command_cancels_the_one_before),
	};

	return cmocka_run_group_tests_name("8042", tests, NULL, NULL);
}
