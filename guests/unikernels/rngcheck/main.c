/* SPDX-License-Identifier: Apache-2.0 */
/* The entropy device: draws of all sizes come, differ, and nothing beyond them is written. */
#include <assert.h>
#include <kvick_virtio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DRAW_BYTES   32
#define LARGEST      65536
#define CANARY       0x5a
#define CANARY_BYTES 64

/* Draws until all is there: a device may give less than was asked for. */
static void draw(struct kvick_rng *rng, uint8_t *to, uint32_t bytes)
{
	for (uint32_t have = 0; have < bytes;) {
		int64_t n = kvick_rng_read(rng, to + have, bytes - have);

		assert(n > 0 && (uint64_t)n <= bytes - have);
		have += (uint32_t)n;
	}
}

/* Of random bytes, about half the bits are set: 8 standard deviations around it. */
static void check_bits(const uint8_t *data, unsigned bytes)
{
	unsigned bits = bytes * 8, set = 0, deviation = 1;

	for (unsigned i = 0; i < bits; i++)
		set += data[i / 8] >> i % 8 & 1;
	while (4 * deviation * deviation < bits)
		deviation++;
	assert(set > bits / 2 - 8 * deviation && set < bits / 2 + 8 * deviation);
}

int main(void)
{
	static uint8_t first[DRAW_BYTES], second[DRAW_BYTES], all[LARGEST + CANARY_BYTES];
	struct kvick_rng *rng = kvick_rng_open(kvick_device_find(KVICK_ID_ENTROPY, getenv("DEVICE")));
	unsigned sizes = 0;

	if (!rng) {
		puts("rngcheck: no entropy device");
		return 1;
	}
	draw(rng, first, sizeof(first));
	draw(rng, second, sizeof(second));
	assert(memcmp(first, second, sizeof(first)) != 0);

	for (uint32_t bytes = 1; bytes <= LARGEST; bytes = bytes * 3 / 2 + 1, sizes++) {
		memset(all, CANARY, sizeof(all));
		draw(rng, all, bytes);
		for (unsigned i = 0; i < CANARY_BYTES; i++)
			assert(all[bytes + i] == CANARY);
	}
	draw(rng, all, 4096);
	check_bits(all, 4096);
	kvick_rng_close(rng);

	/* It can be set up anew. */
	rng = kvick_rng_open(kvick_device_find(KVICK_ID_ENTROPY, getenv("DEVICE")));
	assert(rng);
	draw(rng, first, sizeof(first));
	printf("rngcheck: ok, %u sizes up to %u bytes\n", sizes, LARGEST);
	return 0;
}
