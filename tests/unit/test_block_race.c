/* SPDX-License-Identifier: Apache-2.0 */
/*
 * THREATS 8: a driver that changes a request while the device looks at it: header and range are fetched once, so a request is
 * either good, or refused as the driver's fault. A field that was read again after it had been checked would sooner or later reach
 * the host, which refuses it, and that would be counted as an error of the host's. To be linked with --wrap=chain_read, too.
 */
#include "tests/unit/block_fixture.h"

#include <pthread.h>
#include <stdatomic.h>

#define REQUESTS     50000u
#define REQUESTS_MAX 500000u /* where the other thread hardly runs */

/* A word of the request's that goes to and fro between a good value and a bad one. */
struct flipper {
	unsigned offset; /* in the request's slot */
	unsigned from;   /* and in its chain */
	unsigned bytes;
	uint64_t values[2];
	void *at;
	atomic_bool stop;
};

static const struct flipper *changing; /* whose word is made bad as soon as something has been fetched; NULL: none's */

size_t __real_chain_read(const struct virtq_chain *chain, uint64_t offset, void *to, size_t bytes);
size_t __wrap_chain_read(const struct virtq_chain *chain, uint64_t offset, void *to, size_t bytes);

size_t __wrap_chain_read(const struct virtq_chain *chain, uint64_t offset, void *to, size_t bytes)
{
	size_t got = __real_chain_read(chain, offset, to, bytes);

	if (changing && offset <= changing->from && changing->from < offset + got)
		memcpy(changing->at, &changing->values[1], changing->bytes);
	return got;
}

static void *flip(void *context)
{
	struct flipper *flipper = context;

	for (unsigned i = 0; !atomic_load_explicit(&flipper->stop, memory_order_relaxed); i++)
		if (flipper->bytes == 4)
			__atomic_store_n((uint32_t *)flipper->at, (uint32_t)flipper->values[i & 1], __ATOMIC_RELAXED);
		else
			__atomic_store_n((uint64_t *)flipper->at, flipper->values[i & 1], __ATOMIC_RELAXED);
	return NULL;
}

/* What is in the slot already, as good as it can be. */
static uint8_t make_flipping(struct fixture *f, const struct driver_part *parts)
{
	uint32_t written;
	int added;

	slot(f, 0)[0x100] = slot(f, 0)[0x101] = slot(f, 0)[0xff] = UNTOUCHED;
	added = driver_add(&f->driver, parts, 3, false);
	assert_true(added >= 0);
	virtio_notify(f->device, 0);
	run_engine(f);
	return take(f, added, &written);
}

/* First without a race, then with one. The data is the driver's to write where `to_device`. */
static void race(struct fixture *f, struct flipper *flipper, uint32_t type, uint64_t sector, unsigned bytes, bool to_device)
{
	const struct virtio_blk_outhdr header = { .type = type, .sector = sector };
	const struct driver_part parts[] = {
		{ SLOT_AT(0), sizeof(header), false }, { SLOT_AT(0) + 0x200, bytes, !to_device }, { SLOT_AT(0) + 0x100, 1, true },
	};
	unsigned good = 0, refused = 0;
	pthread_t thread;

	memcpy(slot(f, 0), &header, sizeof(header));
	flipper->at = slot(f, 0) + flipper->offset;
	changing = flipper;
	assert_int_equal(make_flipping(f, parts), VIRTIO_BLK_S_OK);
	assert_memory_equal(flipper->at, &flipper->values[1], flipper->bytes);
	changing = NULL;
	assert_int_equal(f->device->host_error.count, 0);
	assert_disk(f);
	atomic_init(&flipper->stop, false);
	assert_int_equal(pthread_create(&thread, NULL, flip, flipper), 0);
	for (unsigned i = 0; i < REQUESTS || (i < REQUESTS_MAX && (!good || !refused)); i++) {
		uint8_t status = make_flipping(f, parts);

		good += status == VIRTIO_BLK_S_OK;
		refused += status == VIRTIO_BLK_S_IOERR;
	}
	atomic_store(&flipper->stop, true);
	pthread_join(thread, NULL);
	assert_int_equal(f->device->host_error.count, 0);
	assert_disk(f);
	/* The two never met: nothing is proved. */
	if (!good || !refused)
		skip();
}

static void a_sector_that_flips(void **state)
{
	struct flipper flipper = { .offset = 8, .from = 8, .bytes = 8, .values = { 1, SECTORS + 1000 } };
	struct fixture *f = *state;

	open_disk(f);
	race(f, &flipper, VIRTIO_BLK_T_IN, 1, SECTOR, false);
	assert_memory_equal(slot(f, 0) + 0x200, f->disk + SECTOR, SECTOR);
}

/* Refused as a write, and without data as a read. */
static void a_type_that_flips_on_a_read_only_disk(void **state)
{
	struct flipper flipper = { .offset = 0, .from = 0, .bytes = 4, .values = { VIRTIO_BLK_T_IN, VIRTIO_BLK_T_OUT } };
	struct fixture *f = *state;

	f->config.read_only = true;
	open_disk(f);
	race(f, &flipper, VIRTIO_BLK_T_IN, 1, SECTOR, true);
}

static void a_range_that_flips(void **state)
{
	static const uint64_t far[] = { UINT64_MAX / SECTOR, SECTORS + 1000 };
	struct virtio_blk_discard_write_zeroes range = { .sector = 8, .num_sectors = 1 };
	struct fixture *f = *state;

	open_disk(f);
	memset(f->disk + 8 * SECTOR, 0, SECTOR);
	for (unsigned i = 0; i < COUNT_OF(far); i++) {
		struct flipper flipper = { .offset = 0x200, .from = 16, .bytes = 8, .values = { 8, far[i] } };

		memcpy(slot(f, 0) + 0x200, &range, sizeof(range));
		race(f, &flipper, VIRTIO_BLK_T_WRITE_ZEROES, 0, sizeof(range), true);
	}
}

static void a_ranges_length_that_flips(void **state)
{
	struct virtio_blk_discard_write_zeroes range = { .sector = 8, .num_sectors = 1 };
	struct flipper flipper = { .offset = 0x208, .from = 24, .bytes = 4, .values = { 1, UINT32_MAX } };
	struct fixture *f = *state;

	open_disk(f);
	memset(f->disk + 8 * SECTOR, 0, SECTOR);
	memcpy(slot(f, 0) + 0x200, &range, sizeof(range));
	race(f, &flipper, VIRTIO_BLK_T_DISCARD, 0, sizeof(range), true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_sector_that_flips),
		TEST(a_type_that_flips_on_a_read_only_disk),
		TEST(a_range_that_flips),
		TEST(a_ranges_length_that_flips),
	};

	return cmocka_run_group_tests_name("block_race", tests, NULL, NULL);
}
