/* SPDX-License-Identifier: Apache-2.0 */
/* The block device: requests through real queues and the plain engine on a memfd, with a model of a driver. */
#include "tests/unit/test_unit.h"

#include <fcntl.h>
#include <linux/virtio_blk.h>
#include <sys/mman.h>

#include "tests/unit/test_clock.h"
#include "tests/unit/virtq_driver.h"
#include "virtio/devices.h"
#include "virtio/transport.h"
#include "vmm/engine.h"
#include "vmm/error.h"
#include "vmm/stop.h"
#include "vmm/sys.h"

#define RAM       (4ull << 20)
#define LIST_AT   0x3f0000ull
#define SECOND_AT 0x200000ull /* the second queue's driver thinks that RAM begins here */
#define SLOT_AT(n) (DRIVER_DATA_AT + (n) * 0x1000ull)
#define SECTORS   64u
#define SECTOR    512u
#define UNTOUCHED 0xee

static uint64_t rings; /* VIRTIO_F_RING_PACKED, or none */

struct fixture {
	struct driver driver, second;
	struct sys sys;
	struct error error;
	struct stop stop;
	struct device_config config;
	struct devices devices;
	struct virtio_device *device;
	int memfd;
	char path[64];
	uint8_t disk[SECTORS * SECTOR]; /* what it must hold */
};

static uint8_t *slot(struct fixture *f, unsigned n)
{
	return f->driver.mem.host + SLOT_AT(n);
}

static void queue_of(struct kvick_virtio_queue *queue, const struct driver *driver, uint64_t base)
{
	queue->size = driver->config.size;
	queue->desc = driver->config.desc + base;
	queue->driver = driver->config.driver + base;
	queue->device = driver->config.device + base;
}

static void start_driver(struct fixture *f)
{
	struct kvick_virtio_setup setup = { .queues = f->device->queue_count, .features = 1ull << VIRTIO_F_VERSION_1 | rings |
					    1ull << VIRTIO_RING_F_INDIRECT_DESC };

	driver_start(&f->driver, 128, setup.features);
	queue_of(&setup.queue[0], &f->driver, 0);
	if (setup.queues > 1) {
		f->second.mem = (struct guest_mem){ .host = f->driver.mem.host + SECOND_AT, .bytes = RAM - SECOND_AT };
		driver_start(&f->second, 128, setup.features);
		queue_of(&setup.queue[1], &f->second, SECOND_AT);
	}
	assert_int_equal(virtio_setup(f->device, &setup), 0);
}

static void open_disk(struct fixture *f)
{
	const struct devices_config config = { .list = &f->config, .count = 1, .engine = ENGINE_SYNC };
	const struct devices_host host = { .mem = &f->driver.mem, .page = gpa(LIST_AT), .stop = &f->stop, .sys = &f->sys };

	if (devices_create(&f->devices, &config, &host, &f->error) < 0)
		fail_msg("%s", f->error.text);
	f->device = f->devices.list[0];
	start_driver(f);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	driver_create(&f->driver, RAM);
	f->memfd = memfd_create("disk", MFD_CLOEXEC);
	snprintf(f->path, sizeof(f->path), "/proc/self/fd/%d", f->memfd);
	for (unsigned i = 0; i < sizeof(f->disk); i++)
		f->disk[i] = (uint8_t)(i / SECTOR * 7 + i);
	f->config = (struct device_config){ .kind = DEVICE_BLOCK, .path = f->path, .id = "serial" };
	return f->memfd < 0 || pwrite(f->memfd, f->disk, sizeof(f->disk), 0) != sizeof(f->disk);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	if (f->device) {
		assert_true(devices_stop(&f->devices));
		devices_free(&f->devices);
	}
	close(f->memfd);
	driver_destroy(&f->driver);
	free(f);
	clock_ns = 0;
	return 0;
}

static void run_engine(struct fixture *f)
{
	for (unsigned i = 0; i < 1000 && engine_in_flight(f->devices.engine); i++) {
		engine_submit(f->devices.engine);
		engine_reap(f->devices.engine);
	}
	assert_int_equal(engine_in_flight(f->devices.engine), 0);
}

/* A request in a slot of its own: header, data of the driver's making at +0x200, status at +0x100. */
static int add(struct fixture *f, struct driver *driver, unsigned n, uint32_t type, uint64_t sector, uint32_t bytes, bool indirect)
{
	const struct virtio_blk_outhdr header = { .type = type, .sector = sector };
	bool to_device = type == VIRTIO_BLK_T_OUT || type == VIRTIO_BLK_T_DISCARD || type == VIRTIO_BLK_T_WRITE_ZEROES;
	struct driver_part parts[3] = { { SLOT_AT(n), sizeof(header), false }, { SLOT_AT(n) + 0x200, bytes, !to_device } };
	unsigned count = bytes ? 2 : 1;

	parts[count++] = (struct driver_part){ SLOT_AT(n) + 0x100, 1, true };
	memcpy(slot(f, n), &header, sizeof(header));
	slot(f, n)[0x100] = slot(f, n)[0x101] = slot(f, n)[0xff] = UNTOUCHED;
	return driver_add(driver, parts, count, indirect);
}

/* One, from its beginning to its end: the status; *written as the ring says it. */
static uint8_t make(struct fixture *f, uint32_t type, uint64_t sector, uint32_t bytes, uint32_t *written)
{
	uint16_t id;
	int added = add(f, &f->driver, 0, type, sector, bytes, false);

	assert_true(added >= 0);
	virtio_notify(f->device, 0);
	run_engine(f);
	assert_int_equal(driver_take_used(&f->driver, &id, written), 1);
	assert_int_equal(id, added);
	assert_int_equal(slot(f, 0)[0xff], UNTOUCHED);
	assert_int_equal(slot(f, 0)[0x101], UNTOUCHED);
	return slot(f, 0)[0x100];
}

static void assert_disk(struct fixture *f)
{
	uint8_t now[sizeof(f->disk)];

	assert_int_equal(pread(f->memfd, now, sizeof(now), 0), sizeof(now));
	assert_memory_equal(now, f->disk, sizeof(now));
}

static void fail_next_call(struct fixture *f, int errnum)
{
	f->sys.fail_at = f->sys.calls + 1;
	f->sys.fail_errno = errnum;
}

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

		memcpy(slot(f, 0) + 0x200, &range, sizeof(range));
		assert_int_equal(make(f, types[i], 0, sizeof(range), &written), VIRTIO_BLK_S_OK);
		memset(f->disk + range.sector * SECTOR, 0, 8 * SECTOR);
		range.flags = 0x80; /* nobody knows it */
		memcpy(slot(f, 0) + 0x200, &range, sizeof(range));
		assert_int_equal(make(f, types[i], 0, sizeof(range), &written), VIRTIO_BLK_S_UNSUPP);
		range = (struct virtio_blk_discard_write_zeroes){ .sector = SECTORS - 1, .num_sectors = 2 };
		memcpy(slot(f, 0) + 0x200, &range, sizeof(range));
		assert_int_equal(make(f, types[i], 0, sizeof(range), &written), VIRTIO_BLK_S_IOERR);
		assert_int_equal(make(f, types[i], 0, sizeof(range) - 1, &written), VIRTIO_BLK_S_UNSUPP);
	}
	assert_disk(f);
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

static void host_errors_are_told_to_both(void **state)
{
	static const struct { int errnum; uint32_t type; const char *doing; uint8_t status; } errors[] = {
		{ ENOSPC, VIRTIO_BLK_T_OUT, "write", VIRTIO_BLK_S_IOERR },
		{ EIO, VIRTIO_BLK_T_IN, "read", VIRTIO_BLK_S_IOERR },
		{ EIO, VIRTIO_BLK_T_FLUSH, "flush", VIRTIO_BLK_S_IOERR },
	};
	struct fixture *f = *state;
	uint32_t written;

	open_disk(f);
	for (unsigned i = 0; i < COUNT_OF(errors); i++) {
		uint32_t bytes = errors[i].type == VIRTIO_BLK_T_FLUSH ? 0 : SECTOR;

		f->device->host_error = (struct virtio_host_error){ 0 };
		fail_next_call(f, errors[i].errnum);
		assert_int_equal(make(f, errors[i].type, 5, bytes, &written), errors[i].status);
		assert_int_equal(f->device->host_error.count, 1);
		assert_int_equal(f->device->host_error.errnum, errors[i].errnum);
		assert_string_equal(f->device->host_error.doing, errors[i].doing);
		assert_int_equal(f->device->host_error.at, 5);
		assert_int_equal(make(f, errors[i].type, 5, bytes, &written), VIRTIO_BLK_S_OK);
	}
	assert_int_equal(f->device->metrics[0].errors, COUNT_OF(errors));
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

/* 2.6.4: no device may assume where a descriptor ends. */
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

static void what_is_no_request_ends_the_device(void **state)
{
	static const struct driver_part bad[][2] = {
		{ { SLOT_AT(0), 15, false }, { SLOT_AT(0) + 0x100, 1, true } }, /* no whole header */
		{ { SLOT_AT(0), 16, false }, { SLOT_AT(0) + 0x200, SECTOR, false } }, /* no status byte */
	};
	struct fixture *f = *state;

	open_disk(f);
	for (unsigned i = 0; i < COUNT_OF(bad); i++) {
		assert_true(driver_add(&f->driver, bad[i], 2, false) >= 0);
		virtio_notify(f->device, 0);
		run_engine(f);
		assert_false(driver_has_used(&f->driver));
		assert_non_null(f->device->transport.needs_reset);
		assert_true(virtio_reset(f->device));
		start_driver(f);
	}
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

/* The driver's memory is its own again: no status, no used entry; and the device can be had anew. */
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
	const struct devices_config config = { .list = &f->config, .count = 1, .engine = ENGINE_SYNC };
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

/* --- limits --- */

static void open_limited(struct fixture *f, uint64_t operations, uint64_t operations_burst, uint64_t bytes, uint64_t bytes_burst)
{
	clock_ns = CLOCK_BEGIN;
	f->config.operations = (struct device_rate){ operations, operations_burst };
	f->config.bytes = (struct device_rate){ bytes, bytes_burst };
	open_disk(f);
}

static void pass_time(struct fixture *f, uint64_t ms)
{
	clock_ns += ms * CLOCK_MS;
	do
		engine_submit(f->devices.engine);
	while (engine_reap(f->devices.engine) > 0);
}

/* Reads of a sector in the slots from `first` on. */
static void add_reads(struct fixture *f, struct driver *driver, unsigned first, unsigned count)
{
	for (unsigned i = first; i < first + count; i++)
		assert_true(add(f, driver, i, VIRTIO_BLK_T_IN, i, SECTOR, false) >= 0);
}

static unsigned take_all(struct driver *driver)
{
	unsigned count = 0;
	uint32_t written;
	uint16_t id;

	while (driver_take_used(driver, &id, &written) == 1)
		count++;
	return count;
}

/* The slots from `first` on were read in their order, so many of them. */
static void assert_read(struct fixture *f, unsigned first, unsigned count, unsigned of)
{
	for (unsigned i = first; i < first + of; i++) {
		assert_int_equal(slot(f, i)[0x100], i < first + count ? VIRTIO_BLK_S_OK : UNTOUCHED);
		if (i < first + count)
			assert_memory_equal(slot(f, i) + 0x200, f->disk + i * SECTOR, SECTOR);
	}
}

static void requests_beyond_a_limit_are_done_later_and_in_order(void **state)
{
	struct fixture *f = *state;
	unsigned done = 3;

	open_limited(f, 10, 3, 0, 0);
	add_reads(f, &f->driver, 0, 8);
	virtio_notify(f->device, 0);
	pass_time(f, 0);
	assert_read(f, 0, done, 8);
	while (done < 8) {
		pass_time(f, 99);
		assert_read(f, 0, done, 8);
		pass_time(f, 1);
		assert_read(f, 0, ++done, 8);
	}
	assert_int_equal(engine_in_flight(f->devices.engine), 0);
	assert_int_equal(take_all(&f->driver), 8);
	assert_int_equal(f->device->metrics[0].requests, 8);
	assert_int_equal(f->device->metrics[0].throttled, 5);
	assert_int_equal(f->device->metrics[0].throttled_ns, 500 * CLOCK_MS);
	assert_int_equal(f->device->queues[0].counts.chains, 8);
}

static void bytes_are_those_of_data(void **state)
{
	struct fixture *f = *state;

	open_limited(f, 0, 0, SECTOR, 2 * SECTOR);
	add_reads(f, &f->driver, 0, 4);
	virtio_notify(f->device, 0);
	pass_time(f, 0);
	assert_read(f, 0, 2, 4);
	pass_time(f, 1000);
	assert_read(f, 0, 3, 4);
	pass_time(f, 1000);
	assert_read(f, 0, 4, 4);
}

static void a_request_larger_than_the_burst_goes_and_those_after_it_pay(void **state)
{
	struct fixture *f = *state;

	open_limited(f, 0, 0, SECTOR, SECTOR);
	assert_true(add(f, &f->driver, 0, VIRTIO_BLK_T_IN, 0, 4 * SECTOR, true) >= 0);
	add_reads(f, &f->driver, 1, 1);
	virtio_notify(f->device, 0);
	pass_time(f, 0);
	assert_int_equal(take_all(&f->driver), 1);
	pass_time(f, 3999);
	assert_int_equal(take_all(&f->driver), 0);
	pass_time(f, 1);
	assert_int_equal(take_all(&f->driver), 1);
	assert_read(f, 1, 1, 1);
}

/* A driver that notifies all the same gets nothing by it, nor is it counted again. */
static void notifications_do_not_shorten_the_wait(void **state)
{
	struct fixture *f = *state;

	open_limited(f, 1, 1, 0, 0);
	add_reads(f, &f->driver, 0, 3);
	for (unsigned i = 0; i < 10; i++) {
		virtio_notify(f->device, 0);
		pass_time(f, 10);
	}
	assert_read(f, 0, 1, 3);
	assert_int_equal(f->device->metrics[0].throttled, 1);
	assert_int_equal(engine_in_flight(f->devices.engine), 1);
	pass_time(f, 900);
	assert_read(f, 0, 2, 3);
}

static void what_was_added_during_the_wait_is_seen_after_it(void **state)
{
	struct fixture *f = *state;

	open_limited(f, 10, 1, 0, 0);
	add_reads(f, &f->driver, 0, 2);
	assert_true(driver_should_notify(&f->driver));
	virtio_notify(f->device, 0);
	add_reads(f, &f->driver, 2, 1);
	assert_false(driver_should_notify(&f->driver));
	pass_time(f, 100);
	pass_time(f, 100);
	assert_read(f, 0, 3, 3);
	/* And then it wants to hear of them again. */
	add_reads(f, &f->driver, 3, 1);
	assert_true(driver_should_notify(&f->driver));
}

static void queues_that_wait_go_by_turns(void **state)
{
	struct fixture *f = *state;

	f->config.queues = 2;
	open_limited(f, 10, 1, 0, 0);
	add_reads(f, &f->driver, 0, 5);
	add_reads(f, &f->second, 10, 5);
	virtio_notify(f->device, 0);
	virtio_notify(f->device, 1);
	pass_time(f, 0);
	for (unsigned i = 1; i <= 8; i++) {
		pass_time(f, 100);
		assert_read(f, 0, 1 + (i + 1) / 2, 5);
		assert_read(f, 10, i / 2, 5);
	}
	pass_time(f, 100);
	assert_read(f, 10, 5, 5);
	assert_int_equal(engine_in_flight(f->devices.engine), 0);
	assert_true(f->device->metrics[0].throttled > 0 && f->device->metrics[1].throttled > 0);
}

static void a_reset_ends_the_wait_and_fills_no_bucket(void **state)
{
	struct fixture *f = *state;

	open_limited(f, 10, 2, 0, 0);
	add_reads(f, &f->driver, 0, 4);
	virtio_notify(f->device, 0);
	pass_time(f, 0);
	assert_true(virtio_reset(f->device));
	pass_time(f, 0);
	assert_int_equal(engine_in_flight(f->devices.engine), 0);
	pass_time(f, 99);
	assert_read(f, 0, 2, 4);
	start_driver(f);
	add_reads(f, &f->driver, 10, 2);
	virtio_notify(f->device, 0);
	pass_time(f, 0);
	assert_read(f, 10, 0, 2);
	pass_time(f, 1);
	assert_read(f, 10, 1, 2);
	assert_read(f, 0, 2, 4);
}

/* The old timer is still with the engine when the new driver has to wait. */
static void a_driver_may_have_to_wait_at_once_after_a_reset(void **state)
{
	struct fixture *f = *state;

	open_limited(f, 10, 1, 0, 0);
	add_reads(f, &f->driver, 0, 2);
	virtio_notify(f->device, 0);
	pass_time(f, 0);
	assert_true(virtio_reset(f->device));
	start_driver(f);
	add_reads(f, &f->driver, 10, 2);
	virtio_notify(f->device, 0);
	pass_time(f, 50);
	assert_read(f, 10, 0, 2);
	pass_time(f, 100);
	pass_time(f, 100);
	assert_read(f, 10, 2, 2);
	assert_read(f, 0, 1, 2);
	assert_int_equal(engine_in_flight(f->devices.engine), 0);
}

static void the_need_of_a_reset_ends_the_wait(void **state)
{
	struct fixture *f = *state;

	open_limited(f, 10, 1, 0, 0);
	add_reads(f, &f->driver, 0, 2);
	virtio_notify(f->device, 0);
	pass_time(f, 0);
	virtio_needs_reset(f->device, "a test wants it");
	pass_time(f, 0);
	assert_int_equal(engine_in_flight(f->devices.engine), 0);
	pass_time(f, 1000);
	assert_read(f, 0, 1, 2);
	assert_true(virtio_reset(f->device));
	start_driver(f);
	add_reads(f, &f->driver, 10, 1);
	virtio_notify(f->device, 0);
	pass_time(f, 0);
	assert_read(f, 10, 1, 1);
}

static void the_machine_may_end_while_requests_wait(void **state)
{
	struct fixture *f = *state;

	open_limited(f, 10, 1, 0, 0);
	add_reads(f, &f->driver, 0, 2);
	virtio_notify(f->device, 0);
	pass_time(f, 30);
	assert_true(devices_stop(&f->devices));
	assert_read(f, 0, 1, 2);
	assert_int_equal(f->device->metrics[0].throttled_ns, 30 * CLOCK_MS);
}

static int run_all(const char *name)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_read_is_there),
		TEST(what_is_written_stays),
		TEST(requests_without_data_are_done_at_once),
		TEST(zeroes_and_holes_are_made),
		TEST(what_leaves_the_disk_is_refused_whole),
		TEST(a_read_only_disk_takes_no_change),
		TEST(host_errors_are_told_to_both),
		TEST(a_file_that_became_shorter_gives_what_is_there_and_an_error),
		TEST(headers_and_status_may_be_in_pieces),
		TEST(what_is_no_request_ends_the_device),
		TEST(queues_wait_for_requests_that_are_free),
		TEST(a_reset_waits_for_what_is_under_way_and_answers_nothing),
		TEST(the_machine_may_end_with_requests_under_way),
		TEST(a_second_machine_does_not_get_the_disk),
		TEST(nothing_begins_on_a_device_that_needs_a_reset),
		TEST(requests_beyond_a_limit_are_done_later_and_in_order),
		TEST(bytes_are_those_of_data),
		TEST(a_request_larger_than_the_burst_goes_and_those_after_it_pay),
		TEST(notifications_do_not_shorten_the_wait),
		TEST(what_was_added_during_the_wait_is_seen_after_it),
		TEST(queues_that_wait_go_by_turns),
		TEST(a_reset_ends_the_wait_and_fills_no_bucket),
		TEST(a_driver_may_have_to_wait_at_once_after_a_reset),
		TEST(the_need_of_a_reset_ends_the_wait),
		TEST(the_machine_may_end_while_requests_wait),
	};

	return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int main(void)
{
	int failed = run_all("block, split ring");

	rings = 1ull << VIRTIO_F_RING_PACKED;
	return failed + run_all("block, packed ring");
}
