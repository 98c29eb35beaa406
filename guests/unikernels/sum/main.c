/* SPDX-License-Identifier: Apache-2.0 */
/* Adds the numbers from 1 to the one that is asked for, one by one. */
#include <kvick_function.h>

static int handle(const void *request, size_t bytes, struct kvick_reply *reply)
{
	uint64_t n, sum = 0;

	if (!kvick_request_number(request, bytes, &n)) {
		kvick_reply_printf(reply, "sum: ask for a number\n");
		return 2;
	}
	for (uint64_t i = 1; i <= n; i++) {
		sum += i;
		__asm__ volatile("" : "+r"(sum)); /* the compiler knows a formula */
	}
	kvick_reply_printf(reply, "%lu\n", sum);
	return 0;
}

int main(void)
{
	kvick_serve(handle);
}
