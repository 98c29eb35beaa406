/* SPDX-License-Identifier: Apache-2.0 */
/* Replies the SHA-256 digest (FIPS 180-4) of what it is asked, as sha256sum prints it. */
#include <kvick_function.h>
#include <string.h>

#define BLOCK_BYTES  64
#define LENGTH_AT    56 /* in the last block */
#define DIGEST_WORDS 8
#define ROUNDS       64

static const uint32_t k[ROUNDS] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotate(uint32_t value, unsigned bits)
{
	return value >> bits | value << (32 - bits);
}

/* 6.2.2. In memory words are big-endian. */
static void add_block(uint32_t h[DIGEST_WORDS], const uint8_t *block)
{
	uint32_t w[ROUNDS], v[DIGEST_WORDS];

	for (unsigned t = 0; t < 16; t++) {
		memcpy(&w[t], block + 4 * t, 4);
		w[t] = __builtin_bswap32(w[t]);
	}
	for (unsigned t = 16; t < ROUNDS; t++) {
		uint32_t s0 = rotate(w[t - 15], 7) ^ rotate(w[t - 15], 18) ^ w[t - 15] >> 3;
		uint32_t s1 = rotate(w[t - 2], 17) ^ rotate(w[t - 2], 19) ^ w[t - 2] >> 10;

		w[t] = s1 + w[t - 7] + s0 + w[t - 16];
	}
	memcpy(v, h, sizeof(v));
	for (unsigned t = 0; t < ROUNDS; t++) {
		uint32_t sum1 = rotate(v[4], 6) ^ rotate(v[4], 11) ^ rotate(v[4], 25);
		uint32_t sum0 = rotate(v[0], 2) ^ rotate(v[0], 13) ^ rotate(v[0], 22);
		uint32_t t1 = v[7] + sum1 + ((v[4] & v[5]) ^ (~v[4] & v[6])) + k[t] + w[t];
		uint32_t t2 = sum0 + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));

		memmove(v + 1, v, 7 * sizeof(*v));
		v[4] += t1;
		v[0] = t1 + t2;
	}
	for (unsigned i = 0; i < DIGEST_WORDS; i++)
		h[i] += v[i];
}

static int handle(const void *request, size_t bytes, struct kvick_reply *reply)
{
	uint32_t h[DIGEST_WORDS] = {
		0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
	};
	size_t whole = bytes / BLOCK_BYTES * BLOCK_BYTES, left = bytes - whole;
	uint8_t last[2 * BLOCK_BYTES] = { 0 };
	size_t last_bytes = left < LENGTH_AT ? BLOCK_BYTES : 2 * BLOCK_BYTES;
	uint64_t bits = __builtin_bswap64(8 * (uint64_t)bytes);

	for (size_t at = 0; at < whole; at += BLOCK_BYTES)
		add_block(h, (const uint8_t *)request + at);
	memcpy(last, (const uint8_t *)request + whole, left);
	last[left] = 0x80;
	memcpy(last + last_bytes - sizeof(bits), &bits, sizeof(bits));
	for (size_t at = 0; at < last_bytes; at += BLOCK_BYTES)
		add_block(h, last + at);
	for (unsigned i = 0; i < DIGEST_WORDS; i++)
		kvick_reply_printf(reply, "%08x", h[i]);
	return kvick_reply_put(reply, "\n", 1) < 0;
}

int main(void)
{
	kvick_serve(handle);
}
