/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random numbers of the guest's own: ChaCha20 (RFC 8439, 2.3) by fast key erasure. All that is kept is a key: each draw makes a
 * new one first, so that what was drawn cannot be reckoned from what is found in memory later.
 *
 * The key comes from boot_info.seed, whose first word is the stack guard's, and is not used here. A guest that is made of a
 * snapshot has the key that others have, too, but a seed of its own.
 */
#include <kvick_random.h>
#include <stdbool.h>
#include <string.h>

#include "runtime.h"

#define KEY_WORDS   8
#define BLOCK_WORDS 16
#define BLOCK_BYTES (4 * BLOCK_WORDS)
#define DOUBLE_ROUNDS 10
#define SEED_GUARD  0 /* the word of boot_info.seed that is not ours */
#define SEED_WORDS  4

static struct {
	uint32_t key[KEY_WORDS];
	uint64_t generation; /* of the seed in it; 0: none yet */
} state;

static uint32_t rotate(uint32_t value, unsigned bits)
{
	return value << bits | value >> (32 - bits);
}

static void quarter_round(uint32_t *x, unsigned a, unsigned b, unsigned c, unsigned d)
{
	x[a] += x[b], x[d] = rotate(x[d] ^ x[a], 16);
	x[c] += x[d], x[b] = rotate(x[b] ^ x[c], 12);
	x[a] += x[b], x[d] = rotate(x[d] ^ x[a], 8);
	x[c] += x[d], x[b] = rotate(x[b] ^ x[c], 7);
}

void kvick_chacha_block(uint32_t out[BLOCK_WORDS], const uint32_t key[KEY_WORDS], const uint32_t counter_nonce[4])
{
	uint32_t in[BLOCK_WORDS] = { 0x61707865, 0x3320646e, 0x79622d32, 0x6b206574 };

	memcpy(in + 4, key, KEY_WORDS * sizeof(*key));
	memcpy(in + 12, counter_nonce, 4 * sizeof(*counter_nonce));
	memcpy(out, in, BLOCK_BYTES);
	for (unsigned i = 0; i < DOUBLE_ROUNDS; i++) {
		for (unsigned k = 0; k < 4; k++)
			quarter_round(out, k, 4 + k, 8 + k, 12 + k);
		for (unsigned k = 0; k < 4; k++)
			quarter_round(out, k, 4 + (k + 1) % 4, 8 + (k + 2) % 4, 12 + (k + 3) % 4);
	}
	for (unsigned i = 0; i < BLOCK_WORDS; i++)
		out[i] += in[i];
}

/* The optimiser must not find out that nobody reads it. */
static void forget(void *at, size_t bytes)
{
	memset(at, 0, bytes);
	__asm__ volatile("" : : "r"(at) : "memory");
}

uint64_t kvick_generation(void)
{
	return __atomic_load_n(&kvick_boot()->generation, __ATOMIC_ACQUIRE);
}

int kvick_wait_generation(uint64_t timeout_ns)
{
	return kvick_wait(KVICK_EVENT_GENERATION, timeout_ns) > 0;
}

/*
 * Adds the seed to the key, whatever that is, and uses it up: but for words that are new since they were read, because the guest
 * is made of a snapshot that was taken between the two.
 */
static void reseed(uint64_t generation)
{
	uint64_t *seed = kvick_boot()->seed;

	for (unsigned i = SEED_GUARD + 1; i < SEED_WORDS; i++) {
		uint64_t word = __atomic_load_n(&seed[i], __ATOMIC_RELAXED);

		state.key[2 * i] ^= (uint32_t)word;
		state.key[2 * i + 1] ^= (uint32_t)(word >> 32);
		__atomic_compare_exchange_n(&seed[i], &word, 0, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
	}
	state.generation = generation;
}

/* Half of each draw's first block is the next key; the other half, and the blocks that follow, are the numbers. */
static void draw(uint8_t *to, size_t bytes)
{
	uint32_t counter[4] = { 0 }, key[KEY_WORDS], block[BLOCK_WORDS];
	size_t used = sizeof(state.key);

	memcpy(key, state.key, sizeof(key));
	kvick_chacha_block(block, key, counter);
	memcpy(state.key, block, sizeof(state.key));
	for (;;) {
		size_t n = BLOCK_BYTES - used < bytes ? BLOCK_BYTES - used : bytes;

		memcpy(to, (uint8_t *)block + used, n);
		to += n;
		bytes -= n;
		if (!bytes)
			break;
		counter[0]++;
		counter[1] += counter[0] == 0;
		kvick_chacha_block(block, key, counter);
		used = 0;
	}
	forget(key, sizeof(key));
	forget(block, sizeof(block));
}

/* Again where a snapshot was taken meanwhile: what has been drawn is then in others, too. */
void kvick_random(void *to, size_t bytes)
{
	uint64_t generation;

	do {
		generation = kvick_generation();
		if (generation != state.generation)
			reseed(generation);
		draw(to, bytes);
	} while (kvick_generation() != generation);
}
