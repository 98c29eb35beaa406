/* SPDX-License-Identifier: Apache-2.0 */
/* Stamps every mark of the timeline. */
#include <assert.h>
#include <kvick_guest.h>
#include <stdio.h>

int main(void)
{
	for (unsigned i = 0; i < KVICK_MARKS_MAX; i++)
		assert(kvick_mark(i) == 0);
	assert(kvick_mark(KVICK_MARKS_MAX) == -KVICK_EINVAL);
	assert(kvick_mark(UINT32_MAX) == -KVICK_EINVAL);
	printf("mark: %d marks\n", KVICK_MARKS_MAX);
	return 0;
}
