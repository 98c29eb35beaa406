/* SPDX-License-Identifier: Apache-2.0 */
/* A disk with limits, on a clock of the test's own: so by plain system calls only. */
#include "tests/unit/block_fixture.h"

#include "tests/unit/test_clock.h"

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

static int end(void **state)
{
	int r = tear_down(state);

	clock_ns = 0;
	return r;
}

#undef TEST
#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, end)

static int run_all(const char *name)
{
	const struct CMUnitTest tests[] = {
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
	int failed = run_all("limits of a disk, split ring");

	rings = 1ull << VIRTIO_F_RING_PACKED;
	return failed + run_all("limits of a disk, packed ring");
}
