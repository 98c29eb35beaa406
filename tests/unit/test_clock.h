/* SPDX-License-Identifier: Apache-2.0 */
/* The clock of the process's time-outs, in a program that is linked with --wrap=sys_now_ns: a test's own, once it has set it. */
#ifndef KVICK_TESTS_TEST_CLOCK_H
#define KVICK_TESTS_TEST_CLOCK_H

#include "vmm/sys.h"

#define CLOCK_BEGIN 1000000000000ull
#define CLOCK_MS    1000000ull

static uint64_t clock_ns; /* 0: the real one */

uint64_t __real_sys_now_ns(struct sys *sys);
uint64_t __wrap_sys_now_ns(struct sys *sys);

uint64_t __wrap_sys_now_ns(struct sys *sys)
{
	return clock_ns ? clock_ns : __real_sys_now_ns(sys);
}

#endif
