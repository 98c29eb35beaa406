/* SPDX-License-Identifier: Apache-2.0 */
/* What every unit test includes: cmocka with the headers that it wants before it. */
#ifndef KVICK_TESTS_TEST_UNIT_H
#define KVICK_TESTS_TEST_UNIT_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* A row of a test group: the program defines set_up() and tear_down(). */
#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

/* The lowest descriptor that is free: the same before and after what leaks none. */
static inline int lowest_free_fd(void)
{
	int fd = dup(STDERR_FILENO);

	close(fd);
	return fd;
}

static inline void assert_says(const char *text, const char *fragment)
{
	if (!strstr(text, fragment))
		fail_msg("\"%s\" does not say \"%s\"", text, fragment);
}

#endif
