/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A driver that changes its memory while the device looks at it (THREATS 8). Whatever is fetched, what comes out is vetted: a
 * field read twice would sooner or later be good when checked and bad when used.
 */
#include "tests/unit/test_virtq.h"

#include <pthread.h>
#include <stdatomic.h>

#define POPS      20000u
#define POPS_MAX 500000u /* where the other thread hardly runs */

/* A 16-bit or 64-bit word of the guest's that goes to and fro between two values. */
struct flipper {
	void *at;
	unsigned bytes;
	uint64_t values[2];
	atomic_bool stop;
};

static void *flip(void *context)
{
	struct flipper *flipper = context;

	for (unsigned i = 0; !atomic_load_explicit(&flipper->stop, memory_order_relaxed); i++)
		if (flipper->bytes == 2)
			__atomic_store_n((uint16_t *)flipper->at, (uint16_t)flipper->values[i & 1], __ATOMIC_RELAXED);
		else
			__atomic_store_n((uint64_t *)flipper->at, flipper->values[i & 1], __ATOMIC_RELAXED);
	return NULL;
}

/* All of it in RAM, sums right, ids in range. */
static void chain_is_vetted(const struct fixture *f)
{
	const struct virtq_chain *chain = &f->chain;
	uint64_t sums[2] = { 0, 0 };

	assert_in_range(chain->id, 0, SIZE - 1);
	assert_in_range(chain->readable + chain->writable, 0, VIRTQ_SEGMENTS_MAX);
	for (unsigned i = 0; i < (unsigned)chain->readable + chain->writable; i++) {
		uint64_t at = (uint64_t)((uint8_t *)chain->segments[i].iov_base - f->driver.mem.host);

		assert_in_range(at, 0, RAM - 1);
		assert_in_range(chain->segments[i].iov_len, 1, RAM - at);
		sums[i >= chain->readable] += chain->segments[i].iov_len;
	}
	assert_int_equal(sums[0], chain->readable_bytes);
	assert_int_equal(sums[1], chain->writable_bytes);
}

/* Pops the same chain again and again while a word of it flips; the descriptor begins as { DATA, 16, flags, 0 }. */
static void race(void **state, uint64_t features, struct flipper *flipper, unsigned flags, size_t offset, bool in_table)
{
	struct fixture *f = *state;
	uint64_t address = in_table ? DRIVER_TABLES_AT : DRIVER_DESC_AT;
	pthread_t thread;
	unsigned good = 0, broken = 0;

	flipper->at = f->driver.mem.host + address + offset;
	atomic_init(&flipper->stop, false);
	driver_start(&f->driver, SIZE, features);
	assert_int_equal(pthread_create(&thread, NULL, flip, flipper), 0);
	for (unsigned i = 0; i < POPS || (i < POPS_MAX && (!good || !broken)); i++) {
		struct vring_desc entry = { DRIVER_DATA_AT, 16, (uint16_t)flags, 0 };
		struct vring_packed_desc packed = { DRIVER_DATA_AT, 16, 0, (uint16_t)flags };

		driver_start(&f->driver, SIZE, features);
		if (f->driver.packed)
			memcpy(f->driver.mem.host + address, &packed, sizeof(packed));
		else
			memcpy(f->driver.mem.host + address, &entry, sizeof(entry));
		if (in_table)
			f->driver.desc[0] = (struct vring_desc){ address, 16, VRING_DESC_F_INDIRECT, 0 };
		if (!f->driver.packed)
			f->driver.avail->idx = 1;
		assert_int_equal(virtq_start(&f->queue, &f->driver.mem, &f->driver.config, features), 0);
		if (virtq_pop(&f->queue, &f->chain) == 1) {
			chain_is_vetted(f);
			good++;
		} else {
			broken += f->queue.broken != NULL;
		}
	}
	atomic_store(&flipper->stop, true);
	pthread_join(thread, NULL);
	/* The two never met: nothing is proved. */
	if (!good || !broken)
		skip();
}

static void an_address_that_flips(void **state)
{
	struct flipper flipper = { .bytes = 8, .values = { DRIVER_DATA_AT, UINT64_MAX - 7 } };

	race(state, 0, &flipper, VRING_DESC_F_WRITE, offsetof(struct vring_desc, addr), false);
}

static void a_length_that_flips_in_a_table(void **state)
{
	/* With flags and next beside it. */
	struct flipper flipper = { .bytes = 8, .values = { 16, UINT32_MAX } };

	race(state, BIT(VIRTIO_RING_F_INDIRECT_DESC), &flipper, 0, offsetof(struct vring_desc, len), true);
}

static void flags_that_flip_between_a_segment_and_a_table(void **state)
{
	struct flipper flipper = { .bytes = 2, .values = { VRING_DESC_F_WRITE, VRING_DESC_F_INDIRECT | VRING_DESC_F_NEXT } };

	race(state, BIT(VIRTIO_RING_F_INDIRECT_DESC), &flipper, 0, offsetof(struct vring_desc, flags), false);
}

static void a_packed_id_that_flips(void **state)
{
	struct flipper flipper = { .bytes = 2, .values = { 1, 0xffff } };

	race(state, BIT(VIRTIO_F_RING_PACKED), &flipper, 1u << VRING_PACKED_DESC_F_AVAIL,
	     offsetof(struct vring_packed_desc, id), false);
}

static void packed_flags_that_flip(void **state)
{
	const uint16_t available = 1u << VRING_PACKED_DESC_F_AVAIL;
	struct flipper flipper = { .bytes = 2, .values = { available, available | VRING_DESC_F_NEXT } };

	race(state, BIT(VIRTIO_F_RING_PACKED), &flipper, 0, offsetof(struct vring_packed_desc, flags), false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_address_that_flips),
		TEST(a_length_that_flips_in_a_table),
		TEST(flags_that_flip_between_a_segment_and_a_table),
		TEST(a_packed_id_that_flips),
		TEST(packed_flags_that_flip),
	};

	return cmocka_run_group_tests_name("virtq_race", tests, NULL, NULL);
}
