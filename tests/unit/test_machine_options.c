/* SPDX-License-Identifier: Apache-2.0 */
/* The words of --machine. */
#include "tests/unit/test_unit.h"

#include "control/machine_options.h"
#include "vmm/error.h"

static struct pc_config config;
static struct error error;

static int set_up(void **state)
{
	(void)state;
	memset(&config, 0, sizeof(config));
	memset(&error, 0, sizeof(error));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	return 0;
}

static void take(const char *words)
{
	if (machine_options(&config, words, &error) < 0)
		fail_msg("%s: %s", words, error.text);
}

static void assert_refused(const char *words, const char *saying)
{
	memset(&error, 0, sizeof(error));
	if (machine_options(&config, words, &error) >= 0)
		fail_msg("%s: taken", words);
	assert_int_equal(error.kind, ERROR_USAGE);
	assert_says(error.text, saying);
}

static void exits_are_ports(void **state)
{
	(void)state;
	take("debug-exit=0xf4,exit-code=1281");
	assert_int_equal(config.exit_count, 2);
	assert_int_equal(config.exits[0].port, 0xf4);
	assert_false(config.exits[0].plain);
	assert_int_equal(config.exits[1].port, 0x501);
	assert_true(config.exits[1].plain);
}

static void a_port_that_is_said_again_is_the_last_word(void **state)
{
	(void)state;
	take("debug-exit=0xf4");
	take("exit-code=0xf4");
	assert_int_equal(config.exit_count, 1);
	assert_true(config.exits[0].plain);
}

static void others_are_words(void **state)
{
	(void)state;
	take("pvpanic,testdev,triple-fault=exit");
	assert_int_equal(config.parts, PC_PVPANIC | PC_TESTDEV);
	assert_int_equal(config.triple_fault, PC_TRIPLE_FAULT_EXITS);
	take("triple-fault=crash");
	assert_int_equal(config.triple_fault, PC_TRIPLE_FAULT_CRASHES);
}

static void what_is_no_word_is_refused(void **state)
{
	static const char *const bad[] = {
		"", ",", "pvpanic,", "PVPANIC", "pvpanic=1", "testdev=", "debug-exit", "debug-exit=", "debug-exit=-1",
		"debug-exit= 1",
		"debug-exit=65536", "debug-exit=0x10000", "debug-exit=0xf4x", "exit-code=99999999999999999999", "triple-fault",
		"triple-fault=", "triple-fault=reset", "a-word-that-is-longer-than-any-word-can-be",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_refused(bad[i], "--machine");
	assert_refused("pvpanic,floppy", "--machine floppy: write debug-exit=PORT");
}

static void there_are_four_ports_at_most(void **state)
{
	(void)state;
	take("debug-exit=1,debug-exit=2,debug-exit=3,debug-exit=4,debug-exit=4");
	assert_refused("debug-exit=5", "4 at most");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(exits_are_ports),
		TEST(a_port_that_is_said_again_is_the_last_word),
		TEST(others_are_words),
		TEST(what_is_no_word_is_refused),
		TEST(there_are_four_ports_at_most),
	};

	return cmocka_run_group_tests_name("--machine", tests, NULL, NULL);
}
