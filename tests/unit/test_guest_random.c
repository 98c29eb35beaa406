/* SPDX-License-Identifier: Apache-2.0 */
/* The runtime's random numbers: the cipher is the one it should be, and copies of a guest draw different ones. */
#include "tests/unit/test_unit.h"

#include <sys/wait.h>

#include <kvick_random.h>

#include "guests/runtime/runtime.h"

static struct kvick_boot_info boot;

/* Told of each look at boot info: what a snapshot may come between. */
static void (*looked)(void);

struct kvick_boot_info *kvick_boot(void)
{
	if (looked)
		looked();
	return &boot;
}

int64_t kvick_wait(uint64_t events, uint64_t timeout_ns)
{
	(void)events, (void)timeout_ns;
	return 0;
}

static void seed(uint64_t generation, uint8_t byte)
{
	boot.generation = generation;
	memset(boot.seed, byte, sizeof(boot.seed));
}

/* RFC 8439, 2.3.2. */
static void the_cipher_is_chacha20(void **state)
{
	static const uint8_t key[32] = {
		0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f,
		0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f,
	};
	static const uint32_t counter_nonce[4] = { 1, 0x09000000, 0x4a000000, 0 };
	static const uint8_t wanted[64] = {
		0x10, 0xf1, 0xe7, 0xe4, 0xd1, 0x3b, 0x59, 0x15, 0x50, 0x0f, 0xdd, 0x1f, 0xa3, 0x20, 0x71, 0xc4,
		0xc7, 0xd1, 0xf4, 0xc7, 0x33, 0xc0, 0x68, 0x03, 0x04, 0x22, 0xaa, 0x9a, 0xc3, 0xd4, 0x6c, 0x4e,
		0xd2, 0x82, 0x64, 0x46, 0x07, 0x9f, 0xaa, 0x09, 0x14, 0xc2, 0xd7, 0x05, 0xd9, 0x8b, 0x02, 0xa2,
		0xb5, 0x12, 0x9c, 0xd1, 0xde, 0x16, 0x4e, 0xb9, 0xcb, 0xd0, 0x83, 0xe8, 0xa2, 0x50, 0x3c, 0x4e,
	};
	uint32_t words[8], out[16];

	(void)state;
	memcpy(words, key, sizeof(words));
	kvick_chacha_block(out, words, counter_nonce);
	assert_memory_equal(out, wanted, sizeof(wanted));
}

/* Draws in a child, as what is made of this process would; what it drew comes back. */
static void draw_in_a_copy(uint64_t generation, uint8_t seed_byte, uint8_t *to, size_t bytes)
{
	int ends[2], status;

	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();

	if (child == 0) {
		uint8_t drawn[64];

		seed(generation, seed_byte);
		kvick_random(drawn, bytes);
		_exit(write(ends[1], drawn, bytes) != (ssize_t)bytes);
	}
	assert_int_equal(read(ends[0], to, bytes), bytes);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	close(ends[0]);
	close(ends[1]);
}

static void draws_differ(void **state)
{
	uint8_t drawn[8][32];

	(void)state;
	seed(1, 1);
	for (unsigned i = 0; i < 8; i++)
		kvick_random(drawn[i], 32);
	for (unsigned i = 0; i < 8; i++)
		for (unsigned k = 0; k < i; k++)
			assert_memory_not_equal(drawn[i], drawn[k], 32);
}

static void only_what_is_asked_for_is_written(void **state)
{
	uint8_t drawn[300];

	(void)state;
	seed(1, 1);
	for (size_t bytes = 0; bytes < sizeof(drawn); bytes += 7) {
		memset(drawn, 0x5a, sizeof(drawn));
		kvick_random(drawn, bytes);
		for (size_t i = bytes; i < sizeof(drawn); i++)
			assert_int_equal(drawn[i], 0x5a);
	}
}

static void no_block_comes_twice_in_a_long_draw(void **state)
{
	static uint8_t drawn[4096];

	(void)state;
	seed(1, 1);
	kvick_random(drawn, sizeof(drawn));
	for (size_t i = 0; i < sizeof(drawn); i += 32)
		for (size_t k = 0; k < i; k += 32)
			assert_memory_not_equal(drawn + i, drawn + k, 32);
}

/* The first word is the stack guard's: nothing that is drawn says anything of it. */
static void the_guards_word_is_left_alone_and_the_rest_is_used_up(void **state)
{
	uint8_t one[32], other[32];
	uint64_t drawn;

	(void)state;
	seed(1, 0x11);
	boot.generation = 90;
	kvick_random(&drawn, sizeof(drawn));
	assert_int_equal(boot.seed[0], 0x1111111111111111);
	assert_int_equal(boot.seed[1] | boot.seed[2] | boot.seed[3], 0);
	draw_in_a_copy(91, 0x22, one, 32);
	boot.seed[0] = 7;
	draw_in_a_copy(91, 0x22, other, 32);
	assert_memory_equal(one, other, 32);
}

static void copies_with_seeds_of_their_own_draw_different_numbers(void **state)
{
	uint8_t drawn[40][32];

	(void)state;
	seed(100, 1);
	kvick_random(drawn[0], 32);
	for (unsigned i = 0; i < 40; i++)
		draw_in_a_copy(101, (uint8_t)(i + 2), drawn[i], 32);
	for (unsigned i = 0; i < 40; i++)
		for (unsigned k = 0; k < i; k++)
			assert_memory_not_equal(drawn[i], drawn[k], 32);
}

/* That it is seeded by the generation, and not by chance: without a change copies draw the same. */
static void copies_of_the_same_generation_draw_the_same(void **state)
{
	uint8_t one[32], other[32];

	(void)state;
	seed(200, 1);
	kvick_random(one, 32);
	draw_in_a_copy(200, 2, one, 32);
	draw_in_a_copy(200, 3, other, 32);
	assert_memory_equal(one, other, 32);
}

/* A snapshot that is taken in the middle of a draw, at its N-th look at boot info. */
static unsigned looks, snapshot_at;
static uint8_t seed_of_copy;

static void snapshot(void)
{
	if (looks++ == snapshot_at)
		seed(boot.generation + 1, seed_of_copy);
}

static void copies_of_a_snapshot_within_a_draw_draw_different_numbers(void **state)
{
	uint8_t drawn[2][32], first[32];

	(void)state;
	for (snapshot_at = 0; snapshot_at < 3; snapshot_at++) { /* the last look of a draw that is not disturbed */
		for (unsigned i = 0; i < 2; i++) {
			int ends[2];

			assert_int_equal(pipe(ends), 0);
			if (fork() == 0) {
				seed(1000, 9);
				seed_of_copy = (uint8_t)(i + 1);
				looks = 0;
				looked = snapshot;
				kvick_random(first, 32);
				_exit(write(ends[1], first, 32) != 32);
			}
			assert_int_equal(read(ends[0], drawn[i], 32), 32);
			wait(NULL);
			close(ends[0]);
			close(ends[1]);
		}
		assert_memory_not_equal(drawn[0], drawn[1], 32);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_cipher_is_chacha20),
		cmocka_unit_test(draws_differ),
		cmocka_unit_test(only_what_is_asked_for_is_written),
		cmocka_unit_test(no_block_comes_twice_in_a_long_draw),
		cmocka_unit_test(the_guards_word_is_left_alone_and_the_rest_is_used_up),
		cmocka_unit_test(copies_with_seeds_of_their_own_draw_different_numbers),
		cmocka_unit_test(copies_of_the_same_generation_draw_the_same),
		cmocka_unit_test(copies_of_a_snapshot_within_a_draw_draw_different_numbers),
	};

	return cmocka_run_group_tests_name("the guest's random numbers", tests, NULL, NULL);
}
