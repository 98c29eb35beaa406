/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdio.h>

void kvick_assert_failed(const char *file, int line, const char *expression)
{
	printf("%s:%d: assertion failed: %s\n", file, line, expression);
	__builtin_trap();
}
