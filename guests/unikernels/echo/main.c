/* SPDX-License-Identifier: Apache-2.0 */
/* Replies what it is asked. */
#include <kvick_function.h>

static int handle(const void *request, size_t bytes, struct kvick_reply *reply)
{
	kvick_reply_is(reply, request, bytes);
	return 0;
}

int main(void)
{
	kvick_serve(handle);
}
