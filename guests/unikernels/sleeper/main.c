/* SPDX-License-Identifier: Apache-2.0 */
/* Sleeps as many milliseconds as it is asked to. */
#include <kvick_function.h>

#define NS_PER_MS UINT64_C(1000000)

static int handle(const void *request, size_t bytes, struct kvick_reply *reply)
{
	uint64_t ms, ns;

	if (!kvick_request_number(request, bytes, &ms) || __builtin_mul_overflow(ms, NS_PER_MS, &ns)) {
		kvick_reply_printf(reply, "sleeper: ask for a number of milliseconds\n");
		return 2;
	}
	if (kvick_wait(0, ns) < 0)
		return 1;
	kvick_reply_printf(reply, "slept %lu ms\n", ms);
	return 0;
}

int main(void)
{
	kvick_serve(handle);
}
