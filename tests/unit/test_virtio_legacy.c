/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Version 1 of virtio-mmio by the sections of virtio 1.2 about legacy interfaces: 2.7.2, 3.1.2, 4.2.4. What both versions have in
 * common is test_virtio_transport's.
 */
#include "tests/unit/test_transport.h"

#include <kvick/virtio.h>

/* With these a legacy queue's areas are where virtq_driver has them. */
#define PAGE 0x1000u
#define FULL 256u
#define PFN  (uint32_t)(DRIVER_DESC_AT / PAGE)

#define EVENT_IDX BIT(VIRTIO_RING_F_EVENT_IDX)
#define OFFERED   (BIT(5) | BIT(VIRTIO_F_ANY_LAYOUT) | BIT(VIRTIO_RING_F_INDIRECT_DESC) | EVENT_IDX)
#define DRIVING   (ACKNOWLEDGE | DRIVER)

#define LEGACY_TEST(test) cmocka_unit_test_setup_teardown(test, legacy_set_up, tear_down)

static int legacy_set_up(void **state)
{
	struct fixture *f;

	set_up(state);
	f = *state;
	driver_start(&f->driver, FULL, 0);
	virtio_legacy_init(&f->device);
	return 0;
}

/* As Linux does: the page size once, then a reset. */
static void drive(struct fixture *f)
{
	put(f, VIRTIO_MMIO_GUEST_PAGE_SIZE, PAGE);
	set_status(f, 0);
	set_status(f, ACKNOWLEDGE);
	assert_int_equal(set_status(f, DRIVING), DRIVING);
}

static void describe(struct fixture *f, unsigned queue, uint32_t size, uint32_t align)
{
	put(f, VIRTIO_MMIO_QUEUE_SEL, queue);
	put(f, VIRTIO_MMIO_QUEUE_NUM, size);
	put(f, VIRTIO_MMIO_QUEUE_ALIGN, align);
}

static uint32_t set_pfn(struct fixture *f, uint32_t pfn)
{
	put(f, VIRTIO_MMIO_QUEUE_PFN, pfn);
	return get(f, VIRTIO_MMIO_QUEUE_PFN);
}

static void make_queue(struct fixture *f)
{
	describe(f, 0, FULL, PAGE);
	assert_int_equal(set_pfn(f, PFN), PFN);
	assert_true(f->device.queues[0].running);
}

static struct fixture *start(void **state)
{
	struct fixture *f = *state;

	drive(f);
	make_queue(f);
	assert_int_equal(set_status(f, DRIVING | DRIVER_OK), DRIVING | DRIVER_OK);
	assert_int_equal(f->activated, 1);
	return f;
}

static void areas_are(struct fixture *f, unsigned queue, uint64_t desc, uint64_t driver, uint64_t device)
{
	const struct virtq *q = &f->device.queues[queue];

	assert_true(q->running);
	assert_int_equal(q->config.desc, desc);
	assert_int_equal(q->config.driver, driver);
	assert_int_equal(q->config.device, device);
}

static void everything_is_forgotten(struct fixture *f)
{
	status_is(f, 0);
	assert_int_equal(f->device.features, 0);
	for (unsigned i = 0; i < QUEUES; i++) {
		put(f, VIRTIO_MMIO_QUEUE_SEL, i);
		assert_int_equal(get(f, VIRTIO_MMIO_QUEUE_PFN), 0);
		assert_false(f->device.queues[i].running);
		assert_int_equal(f->device.transport.queue_config[i].size, 0);
		assert_int_equal(f->device.transport.queue_align[i], 0);
	}
}

/* --- 4.2.4: registers --- */

static void the_device_names_itself_by_version_1(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(get(f, VIRTIO_MMIO_MAGIC_VALUE), 0x74726976);
	assert_int_equal(get(f, VIRTIO_MMIO_VERSION), 1);
	assert_int_equal(get(f, VIRTIO_MMIO_DEVICE_ID), ID);
	assert_int_not_equal(get(f, VIRTIO_MMIO_VENDOR_ID), 0);
	put(f, VIRTIO_MMIO_QUEUE_SEL, 1);
	assert_int_equal(get(f, VIRTIO_MMIO_QUEUE_NUM_MAX), SIZE);
}

static void registers_of_version_2_are_not_there(void **state)
{
	static const uint64_t registers[] = {
		VIRTIO_MMIO_QUEUE_READY, VIRTIO_MMIO_QUEUE_DESC_LOW, VIRTIO_MMIO_QUEUE_DESC_HIGH, VIRTIO_MMIO_QUEUE_AVAIL_LOW,
		VIRTIO_MMIO_QUEUE_AVAIL_HIGH, VIRTIO_MMIO_QUEUE_USED_LOW, VIRTIO_MMIO_QUEUE_USED_HIGH, VIRTIO_MMIO_SHM_LEN_LOW,
		VIRTIO_MMIO_SHM_LEN_HIGH, VIRTIO_MMIO_SHM_BASE_LOW, VIRTIO_MMIO_SHM_BASE_HIGH, VIRTIO_MMIO_CONFIG_GENERATION,
	};
	struct fixture *f = *state;
	struct virtio_device before;

	drive(f);
	describe(f, 0, FULL, PAGE);
	f->device.config_generation = 7;
	for (unsigned i = 0; i < COUNT_OF(registers); i++) {
		before = f->device;
		assert_int_equal(get(f, registers[i]), 0);
		put(f, registers[i], 1);
		assert_memory_equal(&before, &f->device, sizeof(before));
	}
}

static void queue_registers_are_written_alone(void **state)
{
	struct fixture *f = *state;

	drive(f);
	describe(f, 0, FULL, PAGE);
	assert_int_equal(get(f, VIRTIO_MMIO_GUEST_PAGE_SIZE), 0);
	assert_int_equal(get(f, VIRTIO_MMIO_QUEUE_NUM), 0);
	assert_int_equal(get(f, VIRTIO_MMIO_QUEUE_ALIGN), 0);
}

/* THREATS 3. */
static void a_queue_that_is_not_there_reads_as_0_and_takes_nothing(void **state)
{
	struct fixture *f = *state;
	struct virtio_device before;

	drive(f);
	for (uint64_t queue = QUEUES; queue <= UINT32_MAX; queue = queue * 2 + 1) {
		put(f, VIRTIO_MMIO_QUEUE_SEL, (uint32_t)queue);
		before = f->device;
		describe(f, (uint32_t)queue, FULL, PAGE);
		assert_int_equal(set_pfn(f, PFN), 0);
		assert_int_equal(set_pfn(f, 0), 0);
		assert_memory_equal(&before, &f->device, sizeof(before));
	}
}

/* --- 2.2.3, 3.1.2: features --- */

static void features_are_those_below_32(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(get(f, VIRTIO_MMIO_DEVICE_FEATURES), OFFERED);
	for (unsigned select = 1; select; select <<= 1) {
		put(f, VIRTIO_MMIO_DEVICE_FEATURES_SEL, select);
		assert_int_equal(get(f, VIRTIO_MMIO_DEVICE_FEATURES), 0);
	}
}

static void what_is_not_offered_is_not_negotiated(void **state)
{
	struct fixture *f = *state;

	drive(f);
	set_features(f, UINT64_MAX);
	set_status(f, DRIVING | DRIVER_OK);
	assert_int_equal(f->device.features, OFFERED);
}

static void there_is_no_features_ok(void **state)
{
	struct fixture *f = *state;

	drive(f);
	assert_int_equal(set_status(f, DRIVING | FEATURES_OK), DRIVING);
	set_features(f, EVENT_IDX);
	assert_int_equal(set_status(f, DRIVING | FEATURES_OK | DRIVER_OK), DRIVING | DRIVER_OK);
	assert_int_equal(f->device.features, EVENT_IDX);
}

static void status_bits_are_set_in_their_order(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(set_status(f, DRIVER), 0);
	assert_int_equal(set_status(f, DRIVER_OK), 0);
	assert_int_equal(set_status(f, ACKNOWLEDGE | DRIVER_OK), ACKNOWLEDGE);
	assert_int_equal(f->activated, 0);
	assert_int_equal(set_status(f, DRIVING | DRIVER_OK), DRIVING | DRIVER_OK);
	assert_int_equal(f->activated, 1);
}

/* --- 2.7.2, 4.2.4: queues --- */

static void a_queues_areas_follow_each_other(void **state)
{
	struct fixture *f = *state;

	drive(f);
	describe(f, 0, FULL, PAGE);
	set_pfn(f, 0x10);
	areas_are(f, 0, 0x10000, 0x11000, 0x12000);
	describe(f, 1, SIZE, PAGE);
	set_pfn(f, 0x20);
	areas_are(f, 1, 0x20000, 0x20080, 0x21000);
	describe(f, 2, 1, 4);
	set_pfn(f, 0x30);
	areas_are(f, 2, 0x30000, 0x30010, 0x30018);
}

/* The event after the ring counts: it is what reaches over the boundary here. */
static void the_used_ring_comes_after_the_event(void **state)
{
	struct fixture *f = *state;

	drive(f);
	describe(f, 0, 4, 16);
	set_pfn(f, 0x10);
	areas_are(f, 0, 0x10000, 0x10040, 0x10050);
	describe(f, 1, SIZE, 8);
	set_pfn(f, 0x20);
	areas_are(f, 1, 0x20000, 0x20080, 0x20098);
}

static void pages_are_as_large_as_the_guest_says(void **state)
{
	struct fixture *f = *state;

	drive(f);
	put(f, VIRTIO_MMIO_GUEST_PAGE_SIZE, 0x4000);
	describe(f, 0, SIZE, 0x4000);
	set_pfn(f, 3);
	areas_are(f, 0, 0xc000, 0xc080, 0x10000);
	/* Queues that are there stay where they are. */
	put(f, VIRTIO_MMIO_GUEST_PAGE_SIZE, 0x200);
	areas_are(f, 0, 0xc000, 0xc080, 0x10000);
	assert_int_equal(get(f, VIRTIO_MMIO_QUEUE_PFN), 3);
	describe(f, 1, SIZE, 0x200);
	set_pfn(f, 0x100);
	areas_are(f, 1, 0x20000, 0x20080, 0x20200);
}

static void a_queue_passes_chains(void **state)
{
	struct fixture *f = start(state);
	struct virtq_chain chain;
	uint32_t written;
	uint16_t id;

	offer_and_pop(f, &chain);
	put(f, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	assert_int_equal(f->notified, 1);
	virtq_push(&f->device.queues[0], &chain, 5);
	virtio_queue_done(&f->device, 0);
	assert_int_equal(get(f, VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_MMIO_INT_VRING);
	put(f, VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_MMIO_INT_VRING);
	assert_false(f->line_up);
	assert_int_equal(driver_take_used(&f->driver, &id, &written), 1);
	assert_int_equal(written, 5);
}

/* THREATS 2: sizes, alignments and pages that are none, and areas outside RAM or across its end. */
static void a_queue_that_cannot_be_needs_a_reset(void **state)
{
	struct fixture *f = *state;
	static const struct { uint32_t page, queue, size, align, pfn; const char *why; } bad[] = {
		{ 0, 0, FULL, PAGE, PFN, "GuestPageSize" },
		{ 0, 0, FULL, 0, PFN, "GuestPageSize" },
		{ 3, 0, FULL, 1, PFN, "GuestPageSize" },
		{ PAGE - 1, 0, FULL, 16, PFN, "GuestPageSize" },
		{ PAGE + 1, 0, FULL, PAGE, PFN, "GuestPageSize" },
		{ UINT32_MAX, 0, FULL, PAGE, UINT32_MAX, "GuestPageSize" },
		{ PAGE, 0, FULL, 0, PFN, "QueueAlign" },
		{ PAGE, 0, FULL, 3, PFN, "QueueAlign" },
		{ PAGE, 0, FULL, PAGE - 1, PFN, "QueueAlign" },
		{ PAGE, 0, FULL, 2 * PAGE, PFN, "QueueAlign" },
		{ PAGE, 0, FULL, 0x80000000, PFN, "QueueAlign" },
		{ PAGE, 0, FULL, UINT32_MAX, PFN, "QueueAlign" },
		{ PAGE, 0, FULL, 1, PFN, "aligned" }, /* where the used ring is not, by chance */
		{ 1, 0, FULL, 1, 0x1008, "aligned" },
		{ PAGE, 0, 0, PAGE, PFN, "size" },
		{ PAGE, 0, 3, PAGE, PFN, "power of two" },
		{ PAGE, 0, FULL - 1, PAGE, PFN, "power of two" },
		{ PAGE, 0, 2 * FULL, PAGE, PFN, "QueueNumMax" },
		{ PAGE, 0, 65536, PAGE, PFN, "QueueNumMax" },
		{ PAGE, 0, 65536 + SIZE, PAGE, PFN, "QueueNumMax" },
		{ PAGE, 0, UINT32_MAX, PAGE, PFN, "QueueNumMax" },
		{ PAGE, 1, 2 * SIZE, PAGE, PFN, "QueueNumMax" },
		{ PAGE, 0, FULL, PAGE, RAM / PAGE, "RAM" },
		{ PAGE, 0, FULL, PAGE, RAM / PAGE - 1, "RAM" },
		{ PAGE, 0, FULL, PAGE, RAM / PAGE - 2, "RAM" },
		{ PAGE, 0, FULL, PAGE, UINT32_MAX, "RAM" },
		{ 0x80000000, 0, FULL, 0x80000000, 1, "RAM" },
		{ 0x80000000, 0, FULL, PAGE, UINT32_MAX, "RAM" },
	};

	for (unsigned i = 0; i < COUNT_OF(bad); i++) {
		drive(f);
		f->device.transport.needs_reset = NULL;
		put(f, VIRTIO_MMIO_GUEST_PAGE_SIZE, bad[i].page);
		describe(f, bad[i].queue, bad[i].size, bad[i].align);
		status_is(f, DRIVING);
		assert_int_equal(set_pfn(f, bad[i].pfn), 0);
		assert_false(f->device.queues[bad[i].queue].running);
		status_is(f, DRIVING | NEEDS_RESET);
		assert_says(f->device.transport.needs_reset, bad[i].why);
		assert_int_equal(set_status(f, DRIVING | DRIVER_OK), DRIVING | NEEDS_RESET);
		assert_int_equal(f->raised + f->activated, 0);
		assert_int_equal(set_status(f, 0), 0);
		everything_is_forgotten(f);
	}
	start(state);
}

static void queues_are_made_only_when_there_is_a_driver(void **state)
{
	struct fixture *f = *state;

	put(f, VIRTIO_MMIO_GUEST_PAGE_SIZE, PAGE);
	describe(f, 0, FULL, PAGE);
	assert_int_equal(set_pfn(f, PFN), 0);
	set_status(f, ACKNOWLEDGE);
	describe(f, 0, FULL, PAGE);
	assert_int_equal(set_pfn(f, PFN), 0);
	status_is(f, ACKNOWLEDGE);
	set_status(f, 0);
	everything_is_forgotten(f);
}

/* A driver that comes late with a queue; 3.1.2 knows no time for it. */
static void queues_may_be_made_after_driver_ok(void **state)
{
	struct fixture *f = start(state);

	describe(f, 1, SIZE, PAGE);
	assert_int_equal(set_pfn(f, 0x20), 0x20);
	areas_are(f, 1, 0x20000, 0x20080, 0x21000);
	put(f, VIRTIO_MMIO_QUEUE_NOTIFY, 1);
	assert_int_equal(f->last_queue, 1);
	status_is(f, DRIVING | DRIVER_OK);
	assert_int_equal(f->activated, 1);
}

/* THREATS 2: size and place of a queue that is there. */
static void a_queue_that_is_there_is_not_changed(void **state)
{
	struct fixture *f = *state;
	struct virtio_device before;

	drive(f);
	make_queue(f);
	before = f->device;
	describe(f, 0, SIZE, 4);
	assert_int_equal(set_pfn(f, 0x20), PFN);
	assert_memory_equal(&before, &f->device, sizeof(before));
	set_status(f, DRIVING | DRIVER_OK);
	before = f->device;
	describe(f, 0, SIZE, 4);
	assert_int_equal(set_pfn(f, UINT32_MAX), PFN);
	assert_memory_equal(&before, &f->device, sizeof(before));
}

static void page_0_takes_a_queue_back_before_it_is_used(void **state)
{
	struct fixture *f = *state;

	drive(f);
	make_queue(f);
	assert_int_equal(set_pfn(f, 0), 0);
	assert_false(f->device.queues[0].running);
	status_is(f, DRIVING);
	describe(f, 0, SIZE, PAGE);
	assert_int_equal(set_pfn(f, 0x20), 0x20);
	areas_are(f, 0, 0x20000, 0x20080, 0x21000);
	assert_int_equal(f->resets, 0);
}

static void page_0_of_a_queue_that_is_not_there_does_nothing(void **state)
{
	struct fixture *f = start(state);

	put(f, VIRTIO_MMIO_QUEUE_SEL, 1);
	assert_int_equal(set_pfn(f, 0), 0);
	status_is(f, DRIVING | DRIVER_OK);
	assert_true(f->device.queues[0].running);
	assert_int_equal(f->resets, 0);
}

static void page_0_of_a_queue_in_use_resets_the_device(void **state)
{
	struct fixture *f = start(state);

	describe(f, 1, SIZE, PAGE);
	set_pfn(f, 0x20);
	assert_int_equal(set_pfn(f, 0), 0);
	assert_int_equal(f->resets, 1);
	everything_is_forgotten(f);
	f->activated = 0;
	start(state);
}

/* THREATS 4 */
static void page_0_with_chains_in_flight_waits_for_them(void **state)
{
	struct fixture *f = start(state);
	struct virtio_device before;
	struct virtq_chain chain;

	offer_and_pop(f, &chain);
	f->slow_reset = true;
	assert_int_equal(set_pfn(f, 0), 0);
	assert_int_not_equal(get(f, VIRTIO_MMIO_STATUS), 0);

	before = f->device;
	describe(f, 0, FULL, PAGE);
	assert_int_equal(set_pfn(f, PFN), 0);
	assert_int_equal(set_pfn(f, 0), 0);
	set_status(f, DRIVING | DRIVER_OK);
	set_features(f, UINT64_MAX);
	put(f, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	assert_memory_equal(&before, &f->device, sizeof(before));
	assert_int_equal(f->notified + f->raised, 0);
	assert_int_equal(f->activated, 1);
	assert_int_equal(f->resets, 1);
	assert_int_equal(f->driver.used->idx, 0);

	virtio_reset_done(&f->device);
	everything_is_forgotten(f);
}

/* --- 3.1.2: use before DRIVER_OK --- */

static void a_notification_before_driver_ok_begins_the_device(void **state)
{
	struct fixture *f = *state;

	drive(f);
	set_features(f, EVENT_IDX);
	make_queue(f);
	put(f, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	assert_int_equal(f->activated, 1);
	assert_int_equal(f->notified, 1);
	assert_int_equal(f->device.features, EVENT_IDX);
	/* Linux makes sure that it was not set before. */
	status_is(f, DRIVING);
	assert_int_equal(set_status(f, DRIVING | DRIVER_OK), DRIVING | DRIVER_OK);
	assert_int_equal(f->activated, 1);
	put(f, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	assert_int_equal(f->notified, 2);
	set_status(f, 0);
	assert_int_equal(f->resets, 1);
	everything_is_forgotten(f);
}

static void a_device_in_use_before_driver_ok_is_reset_as_any(void **state)
{
	struct fixture *f = *state;

	drive(f);
	make_queue(f);
	put(f, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	virtio_needs_reset(&f->device, "a test that says so");
	status_is(f, DRIVING | NEEDS_RESET);
	set_status(f, DRIVING | DRIVER_OK);
	put(f, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	assert_int_equal(f->notified, 1);
	assert_int_equal(f->activated, 1);
	set_status(f, 0);
	assert_int_equal(f->resets, 1);
	f->activated = 0;
	start(state);
}

static void a_notification_of_no_queue_begins_nothing(void **state)
{
	struct fixture *f = *state;

	put(f, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	drive(f);
	put(f, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	make_queue(f);
	put(f, VIRTIO_MMIO_QUEUE_NOTIFY, 1);
	put(f, VIRTIO_MMIO_QUEUE_NOTIFY, UINT32_MAX);
	assert_int_equal(f->activated + f->notified, 0);
	assert_int_equal(f->device.features, 0);
}

/* "Devices finalized features on first-use". */
static void features_count_until_the_device_is_used(void **state)
{
	struct fixture *f = *state;

	drive(f);
	make_queue(f);
	assert_false(f->device.queues[0].event_index);
	set_features(f, EVENT_IDX);
	put(f, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	assert_int_equal(f->device.features, EVENT_IDX);
	assert_true(f->device.queues[0].event_index);
	set_features(f, 0);
	set_status(f, DRIVING | DRIVER_OK);
	describe(f, 1, SIZE, PAGE);
	set_pfn(f, 0x20);
	assert_int_equal(f->device.features, EVENT_IDX);
	assert_true(f->device.queues[0].event_index && f->device.queues[1].event_index);
}

static void a_device_that_cannot_begin_needs_a_reset(void **state)
{
	struct fixture *f = *state;

	f->activate_result = -EIO;
	drive(f);
	make_queue(f);
	put(f, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	status_is(f, DRIVING | NEEDS_RESET);
	assert_int_equal(f->notified, 0);
	put(f, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	assert_int_equal(f->activated, 1);
	assert_int_equal(set_status(f, 0), 0);
	assert_int_equal(f->resets, 1);
}

/* --- the rest --- */

static void guest_page_size_outlives_a_reset(void **state)
{
	struct fixture *f = *state;

	put(f, VIRTIO_MMIO_GUEST_PAGE_SIZE, PAGE);
	assert_true(virtio_reset(&f->device));
	set_status(f, DRIVING);
	make_queue(f);
}

static void version_1_stays_after_a_reset(void **state)
{
	struct fixture *f = start(state);

	virtio_config_changed(&f->device);
	set_status(f, 0);
	everything_is_forgotten(f);
	assert_int_equal(get(f, VIRTIO_MMIO_VERSION), 1);
	f->activated = 0;
	start(state);
}

static void there_is_no_native_set_up(void **state)
{
	struct fixture *f = *state;
	struct kvick_virtio_setup setup = {
		.queues = 1,
		.queue = { { .size = SIZE, .desc = DRIVER_DESC_AT, .driver = DRIVER_DRIVER_AT, .device = DRIVER_DEVICE_AT } },
	};

	assert_int_equal(virtio_setup(&f->device, &setup), -EINVAL);
	setup.features = BIT(VIRTIO_F_VERSION_1);
	assert_int_equal(virtio_setup(&f->device, &setup), -EINVAL);
	status_is(f, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LEGACY_TEST(the_device_names_itself_by_version_1),
		LEGACY_TEST(registers_of_version_2_are_not_there),
		LEGACY_TEST(queue_registers_are_written_alone),
		LEGACY_TEST(a_queue_that_is_not_there_reads_as_0_and_takes_nothing),
		LEGACY_TEST(features_are_those_below_32),
		LEGACY_TEST(what_is_not_offered_is_not_negotiated),
		LEGACY_TEST(there_is_no_features_ok),
		LEGACY_TEST(status_bits_are_set_in_their_order),
		LEGACY_TEST(a_queues_areas_follow_each_other),
		LEGACY_TEST(the_used_ring_comes_after_the_event),
		LEGACY_TEST(pages_are_as_large_as_the_guest_says),
		LEGACY_TEST(a_queue_passes_chains),
		LEGACY_TEST(a_queue_that_cannot_be_needs_a_reset),
		LEGACY_TEST(queues_are_made_only_when_there_is_a_driver),
		LEGACY_TEST(queues_may_be_made_after_driver_ok),
		LEGACY_TEST(a_queue_that_is_there_is_not_changed),
		LEGACY_TEST(page_0_takes_a_queue_back_before_it_is_used),
		LEGACY_TEST(page_0_of_a_queue_that_is_not_there_does_nothing),
		LEGACY_TEST(page_0_of_a_queue_in_use_resets_the_device),
		LEGACY_TEST(page_0_with_chains_in_flight_waits_for_them),
		LEGACY_TEST(a_notification_before_driver_ok_begins_the_device),
		LEGACY_TEST(a_device_in_use_before_driver_ok_is_reset_as_any),
		LEGACY_TEST(a_notification_of_no_queue_begins_nothing),
		LEGACY_TEST(features_count_until_the_device_is_used),
		LEGACY_TEST(a_device_that_cannot_begin_needs_a_reset),
		LEGACY_TEST(guest_page_size_outlives_a_reset),
		LEGACY_TEST(version_1_stays_after_a_reset),
		LEGACY_TEST(there_is_no_native_set_up),
	};

	return cmocka_run_group_tests_name("virtio-mmio version 1", tests, NULL, NULL);
}
