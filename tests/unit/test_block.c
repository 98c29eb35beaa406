/* SPDX-License-Identifier: Apache-2.0 */
/* The block device: requests through real queues and engines, with a model of a driver. */
#include "tests/unit/block_fixture.h"

static void what_is_read_is_there(void **state)
{
	struct fixture *f = *state;
	uint32_t written;

	open_disk(f);
	assert_int_equal(make(f, VIRTIO_BLK_T_IN, 3, 2 * SECTOR, &written), VIRTIO_BLK_S_OK);
	assert_int_equal(written, 2 * SECTOR + 1);
	assert_memory_equal(slot(f, 0) + 0x200, f->disk + 3 * SECTOR, 2 * SECTOR);
	assert_int_equal(f->device->metrics[0].requests, 1);
}

static void what_is_written_stays(void **state)
{
	struct fixture *f = *state;
	uint32_t written;

	open_disk(f);
	memset(slot(f, 0) + 0x200, 0x42, SECTOR);
	memset(f->disk + (SECTORS - 1) * SECTOR, 0x42, SECTOR);
	assert_int_equal(make(f, VIRTIO_BLK_T_OUT, SECTORS - 1, SECTOR, &written), VIRTIO_BLK_S_OK);
	assert_int_equal(written, 1);
	assert_disk(f);
	assert_int_equal(make(f, VIRTIO_BLK_T_FLUSH, 0, 0, &written), VIRTIO_BLK_S_OK);
}

/* THREATS 6. */
static void requests_without_data_are_done_at_once(void **state)
{
	struct fixture *f = *state;
	uint32_t written;

	open_disk(f);
	assert_int_equal(make(f, VIRTIO_BLK_T_IN, 0, 0, &written), VIRTIO_BLK_S_OK);
	assert_int_equal(make(f, VIRTIO_BLK_T_GET_ID, 0, VIRTIO_BLK_ID_BYTES, &written), VIRTIO_BLK_S_OK);
	assert_int_equal(written, VIRTIO_BLK_ID_BYTES + 1);
	assert_memory_equal(slot(f, 0) + 0x200, "serial\0\0\0\0\0\0\0\0\0\0\0\0\0", VIRTIO_BLK_ID_BYTES);
	assert_int_equal(make(f, VIRTIO_BLK_T_GET_ID, 0, 3, &written), VIRTIO_BLK_S_OK);
	assert_int_equal(written, 4);
	assert_int_equal(make(f, 0x7777, 0, SECTOR, &written), VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(written, 1);
}

static void zeroes_and_holes_are_made(void **state)
{
	static const uint32_t types[] = { VIRTIO_BLK_T_WRITE_ZEROES, VIRTIO_BLK_T_DISCARD };
	struct fixture *f = *state;
	uint32_t written;

	open_disk(f);
	for (unsigned i = 0; i < COUNT_OF(types); i++) {
		struct virtio_blk_discard_write_zeroes range = { .sector = 8 + 16 * i, .num_sectors = 8 };

		assert_int_equal(make_range(f, types[i], range), VIRTIO_BLK_S_OK);
		memset(f->disk + range.sector * SECTOR, 0, 8 * SECTOR);
		range.flags = 0x80; /* nobody knows it */
		assert_int_equal(make_range(f, types[i], range), VIRTIO_BLK_S_UNSUPP);
		range = (struct virtio_blk_discard_write_zeroes){ .sector = SECTORS - 1, .num_sectors = 2 };
		assert_int_equal(make_range(f, types[i], range), VIRTIO_BLK_S_IOERR);
		assert_int_equal(make(f, types[i], 0, sizeof(range) - 1, &written), VIRTIO_BLK_S_UNSUPP);
	}
	assert_disk(f);
	assert_int_equal(f->device->host_error.count, 0);
}

/* A block device would answer EINVAL, which would look like the host's fault. */
static void ranges_that_are_no_whole_blocks_are_refused(void **state)
{
	static const uint32_t types[] = { VIRTIO_BLK_T_WRITE_ZEROES, VIRTIO_BLK_T_DISCARD };
	struct fixture *f = *state;

	f->logical_bytes = 4096;
	open_disk(f);
	for (unsigned i = 0; i < COUNT_OF(types); i++) {
		const struct virtio_blk_discard_write_zeroes good = { .sector = 8 + 16 * i, .num_sectors = 8 };
		struct virtio_blk_discard_write_zeroes bad[] = { good, good, good };

		bad[0].sector++;
		bad[1].num_sectors = 7;
		bad[2].num_sectors = 9;
		for (unsigned k = 0; k < COUNT_OF(bad); k++)
			assert_int_equal(make_range(f, types[i], bad[k]), VIRTIO_BLK_S_IOERR);
		assert_disk(f);
		assert_int_equal(make_range(f, types[i], good), VIRTIO_BLK_S_OK);
		memset(f->disk + good.sector * SECTOR, 0, 8 * SECTOR);
		assert_disk(f);
	}
	assert_int_equal(f->device->host_error.count, 0);
}

static void what_leaves_the_disk_is_refused_whole(void **state)
{
	static const struct { uint64_t sector; uint32_t bytes; } bad[] = {
		{ SECTORS, SECTOR }, { SECTORS - 1, 2 * SECTOR }, { UINT64_MAX, SECTOR }, { UINT64_MAX / SECTOR + 1, SECTOR },
		{ 0, SECTOR - 1 }, { 0, SECTOR + 1 },
	};
	struct fixture *f = *state;
	uint32_t written;

	open_disk(f);
	for (unsigned i = 0; i < COUNT_OF(bad); i++) {
		memset(slot(f, 0) + 0x200, UNTOUCHED, 3 * SECTOR);
		assert_int_equal(make(f, VIRTIO_BLK_T_IN, bad[i].sector, bad[i].bytes, &written), VIRTIO_BLK_S_IOERR);
		assert_int_equal(slot(f, 0)[0x200], UNTOUCHED);
		assert_int_equal(make(f, VIRTIO_BLK_T_OUT, bad[i].sector, bad[i].bytes, &written), VIRTIO_BLK_S_IOERR);
	}
	assert_disk(f);
	assert_int_equal(f->device->host_error.count, 0); /* the driver's fault */
}

/* 5.2.6: a driver without INDIRECT takes a descriptor for each, and one for header and status each. */
static void as_many_segments_as_may_be_fit_into_the_queue(void **state)
{
	struct fixture *f = *state;
	struct virtio_blk_config config;

	open_disk(f);
	memcpy(&config, f->device->config, sizeof(config));
	assert_true(config.seg_max + 2 <= f->device->queue_size_max[0]);
}

/* 5.2.5: 512 is what a driver takes for granted. Unikraft reads eight bytes at blk_size, of which four tell of other things. */
static void blocks_that_are_sectors_are_not_told_of(void **state)
{
	struct fixture *f = *state;

	open_disk(f);
	assert_false(f->device->features_offered & 1ull << VIRTIO_BLK_F_BLK_SIZE);
}

static void larger_blocks_are_told_of(void **state)
{
	struct fixture *f = *state;
	struct virtio_blk_config config;

	f->logical_bytes = 4096;
	open_disk(f);
	assert_true(f->device->features_offered & 1ull << VIRTIO_BLK_F_BLK_SIZE);
	memcpy(&config, f->device->config, sizeof(config));
	assert_int_equal(config.blk_size, 4096);
}

static void a_read_only_disk_takes_no_change(void **state)
{
	static const uint32_t types[] = { VIRTIO_BLK_T_OUT, VIRTIO_BLK_T_DISCARD, VIRTIO_BLK_T_WRITE_ZEROES };
	struct fixture *f = *state;
	uint32_t written;

	f->config.read_only = true;
	open_disk(f);
	assert_true(f->device->features_offered & 1ull << VIRTIO_BLK_F_RO);
	for (unsigned i = 0; i < COUNT_OF(types); i++)
		assert_int_equal(make(f, types[i], 0, i ? 16 : SECTOR, &written), VIRTIO_BLK_S_IOERR);
	assert_disk(f);
}

static void a_file_that_became_shorter_gives_what_is_there_and_an_error(void **state)
{
	struct fixture *f = *state;
	uint32_t written;

	open_disk(f);
	assert_int_equal(ftruncate(f->memfd, 4 * SECTOR + 100), 0);
	assert_int_equal(make(f, VIRTIO_BLK_T_IN, 4, 2 * SECTOR, &written), VIRTIO_BLK_S_IOERR);
	assert_int_equal(written, 100 + 1);
	assert_int_equal(f->device->host_error.errnum, ENODATA);
}

/* THREATS 6: 2.6.4: no device may assume where a descriptor ends. */
static void headers_and_status_may_be_in_pieces(void **state)
{
	const struct virtio_blk_outhdr header = { .type = VIRTIO_BLK_T_IN, .sector = 9 };
	const struct driver_part parts[] = {
		{ SLOT_AT(0), 1, false }, { SLOT_AT(0) + 1, 10, false }, { SLOT_AT(0) + 11, 5, false },
		{ SLOT_AT(0) + 0x201, 1, true }, { SLOT_AT(0) + 0x202, SECTOR, true }, /* data and status in one */
	};
	struct fixture *f = *state;
	uint32_t written;
	uint16_t id;

	open_disk(f);
	memcpy(slot(f, 0), &header, sizeof(header));
	assert_true(driver_add(&f->driver, parts, COUNT_OF(parts), true) >= 0);
	virtio_notify(f->device, 0);
	run_engine(f);
	assert_int_equal(driver_take_used(&f->driver, &id, &written), 1);
	assert_int_equal(written, SECTOR + 1);
	assert_memory_equal(slot(f, 0) + 0x201, f->disk + 9 * SECTOR, SECTOR);
	assert_int_equal(slot(f, 0)[0x201 + SECTOR], VIRTIO_BLK_S_OK);
}

/* THREATS 6. */
static void what_is_no_request_ends_the_device(void **state)
{
	static const struct { unsigned count; struct driver_part parts[3]; } bad[] = {
		{ 2, { { SLOT_AT(0), 15, false }, { SLOT_AT(0) + 0x100, 1, true } } }, /* no whole header */
		{ 1, { { SLOT_AT(0), 16, false } } }, /* a header and no more */
		{ 2, { { SLOT_AT(0), 16, false }, { SLOT_AT(0) + 0x200, SECTOR, false } } }, /* no status byte */
		{ 3, { { SLOT_AT(0), 16, false }, { SLOT_AT(0) + 0x200, SECTOR, false },
		       { SLOT_AT(0) + 0x100, 1, false } } }, /* one that cannot be written */
		{ 2, { { SLOT_AT(0), 16, false }, { SLOT_AT(0) + 0x100, 0, true } } }, /* of no bytes */
		{ 1, { { SLOT_AT(0), SECTOR, true } } }, /* room, and no header */
	};
	struct fixture *f = *state;

	open_disk(f);
	for (unsigned i = 0; i < COUNT_OF(bad); i++) {
		memset(slot(f, 0), 0, 0x400);
		slot(f, 0)[0x100] = UNTOUCHED;
		assert_true(driver_add(&f->driver, bad[i].parts, bad[i].count, false) >= 0);
		virtio_notify(f->device, 0);
		run_engine(f);
		assert_false(driver_has_used(&f->driver));
		assert_non_null(f->device->transport.needs_reset);
		assert_int_equal(slot(f, 0)[0x100], UNTOUCHED);
		assert_true(virtio_reset(f->device));
		start_driver(f);
	}
	assert_disk(f);
}

/* Both queues hold more than there are requests: the rest comes when some are free again, and everything once. */
static void queues_wait_for_requests_that_are_free(void **state)
{
	struct fixture *f = *state;
	unsigned first = 0, second = 0, taken[2] = { 0 };
	uint32_t written;
	uint16_t id;

	f->config.queues = 2;
	open_disk(f);
	while (first < 128 && add(f, &f->driver, first, VIRTIO_BLK_T_IN, first % SECTORS, SECTOR, true) >= 0)
		first++;
	while (second < 40 && add(f, &f->second, 128 + second, VIRTIO_BLK_T_IN, second, SECTOR, false) >= 0)
		second++;
	assert_int_equal(first, 128);
	assert_int_equal(second, 40);
	virtio_notify(f->device, 0);
	virtio_notify(f->device, 1);
	assert_int_equal(engine_in_flight(f->devices.engine), 128);
	run_engine(f);
	while (driver_take_used(&f->driver, &id, &written) == 1)
		taken[0]++;
	while (driver_take_used(&f->second, &id, &written) == 1)
		taken[1]++;
	assert_int_equal(taken[0], first);
	assert_int_equal(taken[1], second);
	for (unsigned i = 0; i < first + second; i++) {
		assert_int_equal(slot(f, i)[0x100], VIRTIO_BLK_S_OK);
		assert_memory_equal(slot(f, i) + 0x200, f->disk + (i < first ? i % SECTORS : i - first) * SECTOR, SECTOR);
	}
}

/* THREATS 4: the driver's memory is its own again: no status, no used entry; and the device can be had anew. */
static void a_reset_waits_for_what_is_under_way_and_answers_nothing(void **state)
{
	struct fixture *f = *state;
	uint32_t written;

	open_disk(f);
	for (unsigned i = 0; i < 8; i++)
		assert_true(add(f, &f->driver, i, VIRTIO_BLK_T_OUT, i, SECTOR, false) >= 0);
	virtio_notify(f->device, 0);
	assert_int_equal(engine_in_flight(f->devices.engine), 8);
	assert_false(virtio_reset(f->device));
	assert_true(f->device->transport.resetting);
	run_engine(f);
	assert_false(f->device->transport.resetting);
	assert_false(driver_has_used(&f->driver));
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(slot(f, i)[0x100], UNTOUCHED);
	start_driver(f);
	assert_int_equal(make(f, VIRTIO_BLK_T_IN, 20, SECTOR, &written), VIRTIO_BLK_S_OK);
	assert_memory_equal(slot(f, 0) + 0x200, f->disk + 20 * SECTOR, SECTOR);
}

/* THREATS 4. */
static void the_machine_may_end_with_requests_under_way(void **state)
{
	struct fixture *f = *state;

	open_disk(f);
	for (unsigned i = 0; i < 8; i++)
		assert_true(add(f, &f->driver, i, VIRTIO_BLK_T_IN, i, SECTOR, false) >= 0);
	virtio_notify(f->device, 0);
	assert_true(devices_stop(&f->devices));
	assert_null(f->devices.engine);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(slot(f, i)[0x100], UNTOUCHED);
	assert_int_equal(f->device->host_error.count, 0);
}

static void a_second_machine_does_not_get_the_disk(void **state)
{
	struct fixture *f = *state;
	const struct devices_config config = { .list = &f->config, .count = 1, .engine = kind };
	const struct devices_host host = { .mem = &f->driver.mem, .page = gpa(LIST_AT), .stop = &f->stop, .sys = &f->sys };
	struct devices again;
	int free_before;

	open_disk(f);
	free_before = lowest_free_fd();
	assert_true(devices_create(&again, &config, &host, &f->error) < 0);
	assert_says(f->error.text, "another program has it open");
	assert_int_equal(lowest_free_fd(), free_before);
}

/* What has been starved of requests stays so: the driver has been told that nothing more will come of this device. */
static void nothing_begins_on_a_device_that_needs_a_reset(void **state)
{
	struct fixture *f = *state;

	f->config.queues = 2;
	open_disk(f);
	for (unsigned i = 0; i < 128; i++)
		assert_true(add(f, &f->driver, i, VIRTIO_BLK_T_IN, 0, SECTOR, true) >= 0);
	assert_true(add(f, &f->second, 128, VIRTIO_BLK_T_IN, 0, SECTOR, false) >= 0);
	virtio_notify(f->device, 0);
	virtio_notify(f->device, 1);
	virtio_needs_reset(f->device, "a test wants it");
	run_engine(f);
	assert_false(driver_has_used(&f->second));
	assert_int_equal(f->device->queues[1].counts.chains, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_read_is_there),
		TEST(what_is_written_stays),
		TEST(requests_without_data_are_done_at_once),
		TEST(zeroes_and_holes_are_made),
		TEST(ranges_that_are_no_whole_blocks_are_refused),
		TEST(what_leaves_the_disk_is_refused_whole),
		TEST(as_many_segments_as_may_be_fit_into_the_queue),
		TEST(blocks_that_are_sectors_are_not_told_of),
		TEST(larger_blocks_are_told_of),
		TEST(a_read_only_disk_takes_no_change),
		TEST(a_file_that_became_shorter_gives_what_is_there_and_an_error),
		TEST(headers_and_status_may_be_in_pieces),
		TEST(what_is_no_request_ends_the_device),
		TEST(queues_wait_for_requests_that_are_free),
		TEST(a_reset_waits_for_what_is_under_way_and_answers_nothing),
		TEST(the_machine_may_end_with_requests_under_way),
		TEST(a_second_machine_does_not_get_the_disk),
		TEST(nothing_begins_on_a_device_that_needs_a_reset),
	};

	return RUN_FOR_EACH_KIND_AND_RING("block", tests);
}
