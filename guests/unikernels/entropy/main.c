/* SPDX-License-Identifier: Apache-2.0 */
/* Randomness: no two draws are the same, only what is asked for is written, bad calls fail. */
#include <assert.h>
#include <kvick_guest.h>
#include <stdio.h>
#include <string.h>

#define DRAW_BYTES 32
#define CANARY 0x5a

int main(void)
{
	static uint8_t first[DRAW_BYTES], second[DRAW_BYTES], all[KVICK_ENTROPY_BYTES_MAX + 1];

	memset(all, CANARY, sizeof(all));
	assert(kvick_entropy(first, sizeof(first)) == DRAW_BYTES);
	assert(kvick_entropy(second, sizeof(second)) == DRAW_BYTES);
	assert(memcmp(first, second, DRAW_BYTES) != 0);
	assert(memcmp(first, kvick_boot()->seed, DRAW_BYTES) != 0);

	assert(kvick_entropy(all, KVICK_ENTROPY_BYTES_MAX) == KVICK_ENTROPY_BYTES_MAX);
	assert(all[KVICK_ENTROPY_BYTES_MAX] == CANARY);

	assert(kvick_entropy(all, 0) == -KVICK_EINVAL);
	assert(kvick_entropy(all, sizeof(all)) == -KVICK_EINVAL);
	assert(kvick_entropy((void *)kvick_boot()->mem_bytes, 1) == -KVICK_EFAULT);
	assert(kvick_entropy((void *)(kvick_boot()->mem_bytes - 1), 2) == -KVICK_EFAULT);
	assert(kvick_entropy((void *)UINTPTR_MAX, 2) == -KVICK_EFAULT);
	puts("entropy: draws differ, bad calls fail");
	return 0;
}
