/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replies 32 random bytes of its own and 32 of the VMM's. It has drawn before it is ready: a copy of it has not only a seed of its
 * own, but also a state that all copies have.
 */
#include <kvick_function.h>
#include <kvick_random.h>

#define DRAW_BYTES 32

static int handle(const void *request, size_t bytes, struct kvick_reply *reply)
{
	static uint8_t drawn[2 * DRAW_BYTES];

	(void)request, (void)bytes;
	kvick_random(drawn, DRAW_BYTES);
	if (kvick_entropy(drawn + DRAW_BYTES, DRAW_BYTES) != DRAW_BYTES)
		return 1;
	kvick_reply_is(reply, drawn, sizeof(drawn));
	return 0;
}

int main(void)
{
	uint64_t first;

	kvick_random(&first, sizeof(first));
	kvick_serve(handle);
}
