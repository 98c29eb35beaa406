/* SPDX-License-Identifier: Apache-2.0 */
/* Takes memory until there is no more, uses it, and says how much that was. */
#include <kvick_function.h>
#include <stdlib.h>
#include <string.h>

#define PIECE_BYTES (UINT64_C(1) << 20)

static int handle(const void *request, size_t bytes, struct kvick_reply *reply)
{
	uint64_t wanted = 0, got = 0;
	void *piece;

	/* A number: so many MiB at most. */
	if (!kvick_request_number(request, bytes, &wanted))
		wanted = UINT64_MAX;
	while (got < wanted && (piece = malloc(PIECE_BYTES))) {
		memset(piece, (int)got, PIECE_BYTES);
		got++;
	}
	kvick_reply_printf(reply, "got %lu of %lu MiB\n", got, kvick_boot()->mem_bytes >> 20);
	return 0;
}

int main(void)
{
	kvick_serve(handle);
}
