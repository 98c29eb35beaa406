/* SPDX-License-Identifier: Apache-2.0 */
/* The block device and its host: operations that fail or are short, and writes that have to be on the disk when they are done. */
#include "tests/unit/block_fixture.h"

#include <signal.h>
#include <sys/resource.h>

static void limit_files(uint64_t bytes)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static int end(void **state)
{
	limit_files(RLIM_INFINITY);
	return tear_down(state);
}

#undef TEST
#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, end)

/* --- errors --- */

/* At sector 5. */
static uint8_t make_any(struct fixture *f, uint32_t type)
{
	uint32_t written;

	if (type == VIRTIO_BLK_T_DISCARD || type == VIRTIO_BLK_T_WRITE_ZEROES)
		return make_range(f, type, (struct virtio_blk_discard_write_zeroes){ .sector = 5, .num_sectors = 1 });
	return make(f, type, 5, type == VIRTIO_BLK_T_FLUSH ? 0 : SECTOR, &written);
}

static void host_errors_are_told_to_both(void **state)
{
	static const struct { uint32_t type; const char *doing; } types[] = {
		{ VIRTIO_BLK_T_IN, "read" },
		{ VIRTIO_BLK_T_OUT, "write" },
		{ VIRTIO_BLK_T_FLUSH, "flush" },
		{ VIRTIO_BLK_T_DISCARD, "discard" },
		{ VIRTIO_BLK_T_WRITE_ZEROES, "write-zeroes" },
	};
	static const int errors[] = { EIO, ENOSPC };
	struct fixture *f = *state;

	open_disk(f);
	for (unsigned i = 0; i < COUNT_OF(types) * COUNT_OF(errors); i++) {
		uint32_t type = types[i / COUNT_OF(errors)].type;

		f->device->host_error = (struct virtio_host_error){ 0 };
		fail_operation(f, 1, errors[i % COUNT_OF(errors)]);
		assert_int_equal(make_any(f, type), VIRTIO_BLK_S_IOERR);
		assert_int_equal(f->device->host_error.count, 1);
		assert_int_equal(f->device->host_error.errnum, errors[i % COUNT_OF(errors)]);
		assert_string_equal(f->device->host_error.doing, types[i / COUNT_OF(errors)].doing);
		assert_int_equal(f->device->host_error.at, 5);
		assert_int_equal(make_any(f, type), VIRTIO_BLK_S_OK);
	}
	assert_int_equal(f->device->metrics[0].errors, COUNT_OF(types) * COUNT_OF(errors));
}

/* tmpfs has no FALLOC_FL_ZERO_RANGE: a hole is made instead. Where there are none either, the guest is told that. */
static void zeroes_that_the_file_system_cannot_make_are_unsupported(void **state)
{
	struct fixture *f = *state;

	open_disk(f);
	fail_operation(f, 2, EOPNOTSUPP);
	assert_int_equal(make_any(f, VIRTIO_BLK_T_WRITE_ZEROES), VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(started[ENGINE_FALLOCATE], 2);
	assert_int_equal(f->device->host_error.count, 0);
	/* What a disk must be able to do cannot be unsupported. */
	fail_operation(f, 1, EOPNOTSUPP);
	assert_int_equal(make_any(f, VIRTIO_BLK_T_FLUSH), VIRTIO_BLK_S_IOERR);
	assert_int_equal(f->device->host_error.count, 1);
}

/* --- short counts --- */

#define PIECES_BYTES (4 * SECTOR)

/* Four sectors from `sector` on, of memory in three pieces. */
static int add_pieces(struct fixture *f, uint32_t type, uint64_t sector)
{
	const struct virtio_blk_outhdr header = { .type = type, .sector = sector };
	bool in = type == VIRTIO_BLK_T_IN;
	const struct driver_part parts[] = {
		{ SLOT_AT(0), sizeof(header), false },
		{ SLOT_AT(0) + 0x200, 700, in }, { SLOT_AT(1), 1000, in }, { SLOT_AT(2), PIECES_BYTES - 1700, in },
		{ SLOT_AT(0) + 0x100, 1, true },
	};

	memcpy(slot(f, 0), &header, sizeof(header));
	slot(f, 0)[0x100] = slot(f, 0)[0x101] = slot(f, 0)[0xff] = UNTOUCHED;
	return driver_add(&f->driver, parts, COUNT_OF(parts), false);
}

static void copy_pieces(struct fixture *f, uint8_t *to, const uint8_t *from)
{
	static const struct { unsigned slot, offset, at, bytes; } pieces[] = {
		{ 0, 0x200, 0, 700 }, { 1, 0, 700, 1000 }, { 2, 0, 1700, PIECES_BYTES - 1700 },
	};

	for (unsigned i = 0; i < COUNT_OF(pieces); i++)
		if (to)
			memcpy(to + pieces[i].at, slot(f, pieces[i].slot) + pieces[i].offset, pieces[i].bytes);
		else
			memcpy(slot(f, pieces[i].slot) + pieces[i].offset, from + pieces[i].at, pieces[i].bytes);
}

/* The file is whole again when the rest is read. */
static void restore_file(struct fixture *f, const struct engine_op *op)
{
	if (op->code == ENGINE_READV && started[ENGINE_READV] == 2)
		assert_int_equal(pwrite(f->memfd, f->disk, sizeof(f->disk), 0), sizeof(f->disk));
}

static void a_read_that_is_short_goes_on(void **state)
{
	static const unsigned there[] = { 1, 699, 700, 701, 1700, PIECES_BYTES - 1 };
	struct fixture *f = *state;

	open_disk(f);
	starting = restore_file;
	for (unsigned i = 0; i < COUNT_OF(there); i++) {
		uint8_t read[PIECES_BYTES];
		uint32_t written;
		int added;

		started[ENGINE_READV] = 0;
		assert_int_equal(ftruncate(f->memfd, 2 * SECTOR + there[i]), 0);
		added = add_pieces(f, VIRTIO_BLK_T_IN, 2);
		virtio_notify(f->device, 0);
		run_engine(f);
		assert_int_equal(take(f, added, &written), VIRTIO_BLK_S_OK);
		assert_int_equal(written, PIECES_BYTES + 1);
		assert_int_equal(started[ENGINE_READV], 2);
		copy_pieces(f, read, NULL);
		assert_memory_equal(read, f->disk + 2 * SECTOR, sizeof(read));
	}
	assert_int_equal(f->device->host_error.count, 0);
}

/* The limit on files is gone when the rest is written. */
static void lift_limit(struct fixture *f, const struct engine_op *op)
{
	(void)f;
	if (op->code == ENGINE_WRITEV && started[ENGINE_WRITEV] == 2)
		limit_files(RLIM_INFINITY);
}

static void a_write_that_is_short_goes_on(void **state)
{
	static const unsigned room[] = { 1, 699, 700, 701, 1700, PIECES_BYTES - 1 };
	struct fixture *f = *state;

	open_disk(f);
	starting = lift_limit;
	for (unsigned i = 0; i < COUNT_OF(room); i++) {
		uint32_t written;
		int added;

		started[ENGINE_WRITEV] = 0;
		memset(f->disk + 2 * SECTOR, (int)i + 1, PIECES_BYTES / 2);
		copy_pieces(f, NULL, f->disk + 2 * SECTOR);
		limit_files(2 * SECTOR + room[i]);
		added = add_pieces(f, VIRTIO_BLK_T_OUT, 2);
		virtio_notify(f->device, 0);
		run_engine(f);
		assert_int_equal(take(f, added, &written), VIRTIO_BLK_S_OK);
		assert_int_equal(written, 1);
		assert_int_equal(started[ENGINE_WRITEV], 2);
		assert_disk(f);
	}
	assert_int_equal(f->device->host_error.count, 0);
}

static void a_write_whose_rest_fails_has_failed(void **state)
{
	struct fixture *f = *state;
	uint32_t written;
	int added;

	f->features = 0;
	open_disk(f);
	limit_files(2 * SECTOR + 100);
	added = add_pieces(f, VIRTIO_BLK_T_OUT, 2);
	virtio_notify(f->device, 0);
	run_engine(f);
	assert_int_equal(take(f, added, &written), VIRTIO_BLK_S_IOERR);
	assert_int_equal(f->device->host_error.count, 1);
	assert_int_equal(f->device->host_error.errnum, EFBIG);
	assert_int_equal(started[ENGINE_FSYNC], 0);
}

/* --- without FLUSH, 5.2.6.2: a write that is done is stable --- */

/* Nobody has been told yet that it is done, and it is. */
static void expect_written(struct fixture *f, const struct engine_op *op)
{
	if (op->code != ENGINE_FSYNC)
		return;
	assert_disk(f);
	assert_int_equal(slot(f, 0)[0x100], UNTOUCHED);
	assert_false(driver_has_used(&f->driver));
}

static void without_flush_a_write_is_synced_before_it_is_done(void **state)
{
	struct fixture *f = *state;

	f->features = 0;
	open_disk(f);
	starting = expect_written;
	memset(slot(f, 0) + 0x200, 0x42, SECTOR);
	memset(f->disk + 5 * SECTOR, 0x42, SECTOR);
	assert_int_equal(make_any(f, VIRTIO_BLK_T_OUT), VIRTIO_BLK_S_OK);
	assert_int_equal(started[ENGINE_FSYNC], 1);
	memset(f->disk + 5 * SECTOR, 0, SECTOR);
	assert_int_equal(make_any(f, VIRTIO_BLK_T_WRITE_ZEROES), VIRTIO_BLK_S_OK);
	assert_int_equal(started[ENGINE_FSYNC], 2);
}

static void without_flush_a_write_in_pieces_is_synced_once(void **state)
{
	struct fixture *f = *state;
	uint32_t written;
	int added;

	f->features = 0;
	open_disk(f);
	starting = lift_limit;
	limit_files(2 * SECTOR + 100);
	added = add_pieces(f, VIRTIO_BLK_T_OUT, 2);
	virtio_notify(f->device, 0);
	run_engine(f);
	assert_int_equal(take(f, added, &written), VIRTIO_BLK_S_OK);
	assert_int_equal(started[ENGINE_WRITEV], 2);
	assert_int_equal(started[ENGINE_FSYNC], 1);
}

static void without_flush_nothing_else_is_synced(void **state)
{
	struct fixture *f = *state;
	uint32_t written;

	f->features = 0;
	open_disk(f);
	assert_int_equal(make_any(f, VIRTIO_BLK_T_IN), VIRTIO_BLK_S_OK);
	assert_int_equal(make_any(f, VIRTIO_BLK_T_DISCARD), VIRTIO_BLK_S_OK);
	assert_int_equal(make(f, VIRTIO_BLK_T_OUT, 5, 0, &written), VIRTIO_BLK_S_OK);
	fail_operation(f, 1, EIO);
	assert_int_equal(make_any(f, VIRTIO_BLK_T_OUT), VIRTIO_BLK_S_IOERR);
	assert_int_equal(started[ENGINE_FSYNC], 0);
}

static void without_flush_a_sync_that_fails_is_a_failed_write(void **state)
{
	static const int errors[] = { EIO, ENOSPC, EOPNOTSUPP };
	struct fixture *f = *state;

	f->features = 0;
	open_disk(f);
	for (unsigned i = 0; i < COUNT_OF(errors); i++) {
		f->device->host_error = (struct virtio_host_error){ 0 };
		fail_operation(f, 2, errors[i]);
		assert_int_equal(make_any(f, VIRTIO_BLK_T_OUT), VIRTIO_BLK_S_IOERR);
		assert_int_equal(f->device->host_error.count, 1);
		assert_int_equal(f->device->host_error.errnum, errors[i]);
		assert_string_equal(f->device->host_error.doing, "flush");
		assert_int_equal(f->device->host_error.at, 5);
	}
	assert_int_equal(make_any(f, VIRTIO_BLK_T_OUT), VIRTIO_BLK_S_OK);
}

static void without_flush_a_reset_waits_for_the_sync_and_answers_nothing(void **state)
{
	struct fixture *f = *state;

	f->features = 0;
	open_disk(f);
	assert_true(add(f, &f->driver, 0, VIRTIO_BLK_T_OUT, 0, SECTOR, false) >= 0);
	virtio_notify(f->device, 0);
	assert_int_equal(engine_wait(f->devices.engine, ENGINE_FOREVER, NULL), 1);
	assert_int_equal(started[ENGINE_FSYNC], 1);
	assert_int_equal(engine_in_flight(f->devices.engine), 1);
	assert_false(virtio_reset(f->device));
	run_engine(f);
	assert_false(f->device->transport.resetting);
	assert_int_equal(slot(f, 0)[0x100], UNTOUCHED);
	assert_false(driver_has_used(&f->driver));
}

/* Each driver has its own features. */
static void with_flush_a_write_is_not_synced(void **state)
{
	struct fixture *f = *state;

	f->features = 0;
	open_disk(f);
	assert_true(virtio_reset(f->device));
	f->features = 1ull << VIRTIO_BLK_F_FLUSH;
	start_driver(f);
	assert_int_equal(make_any(f, VIRTIO_BLK_T_OUT), VIRTIO_BLK_S_OK);
	assert_int_equal(make_any(f, VIRTIO_BLK_T_WRITE_ZEROES), VIRTIO_BLK_S_OK);
	assert_int_equal(started[ENGINE_FSYNC], 0);
	assert_int_equal(make_any(f, VIRTIO_BLK_T_FLUSH), VIRTIO_BLK_S_OK);
	assert_int_equal(started[ENGINE_FSYNC], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(host_errors_are_told_to_both),
		TEST(zeroes_that_the_file_system_cannot_make_are_unsupported),
		TEST(a_read_that_is_short_goes_on),
		TEST(a_write_that_is_short_goes_on),
		TEST(a_write_whose_rest_fails_has_failed),
		TEST(without_flush_a_write_is_synced_before_it_is_done),
		TEST(without_flush_a_write_in_pieces_is_synced_once),
		TEST(without_flush_nothing_else_is_synced),
		TEST(without_flush_a_sync_that_fails_is_a_failed_write),
		TEST(without_flush_a_reset_waits_for_the_sync_and_answers_nothing),
		TEST(with_flush_a_write_is_not_synced),
	};

	signal(SIGXFSZ, SIG_IGN);
	return RUN_FOR_EACH_KIND_AND_RING("block and its host", tests);
}
