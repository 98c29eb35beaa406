/* SPDX-License-Identifier: Apache-2.0 */
/* The transport by the sections of virtio 1.2: 2.1 to 2.5, 3.1, 4.2.2. */
#include "tests/unit/test_transport.h"

#include <kvick/virtio.h>

/* Up to FEATURES_OK. */
static void negotiate(struct fixture *f, uint64_t features)
{
	set_status(f, ACKNOWLEDGE);
	set_status(f, ACKNOWLEDGE | DRIVER);
	set_features(f, features);
	assert_int_equal(set_status(f, ACKNOWLEDGE | DRIVER | FEATURES_OK), ACKNOWLEDGE | DRIVER | FEATURES_OK);
	assert_int_equal(f->device.features, features);
}

static void describe_at(struct fixture *f, unsigned queue, uint32_t size, uint64_t desc, uint64_t driver, uint64_t device)
{
	put(f, VIRTIO_MMIO_QUEUE_SEL, queue);
	put(f, VIRTIO_MMIO_QUEUE_NUM, size);
	put(f, VIRTIO_MMIO_QUEUE_DESC_LOW, (uint32_t)desc);
	put(f, VIRTIO_MMIO_QUEUE_DESC_HIGH, (uint32_t)(desc >> 32));
	put(f, VIRTIO_MMIO_QUEUE_AVAIL_LOW, (uint32_t)driver);
	put(f, VIRTIO_MMIO_QUEUE_AVAIL_HIGH, (uint32_t)(driver >> 32));
	put(f, VIRTIO_MMIO_QUEUE_USED_LOW, (uint32_t)device);
	put(f, VIRTIO_MMIO_QUEUE_USED_HIGH, (uint32_t)(device >> 32));
}

static void describe(struct fixture *f, unsigned queue, uint32_t size)
{
	describe_at(f, queue, size, DRIVER_DESC_AT, DRIVER_DRIVER_AT, DRIVER_DEVICE_AT);
}

static uint32_t make_ready(struct fixture *f)
{
	put(f, VIRTIO_MMIO_QUEUE_READY, 1);
	return get(f, VIRTIO_MMIO_QUEUE_READY);
}

/* All of 3.1.1, with queue 0. */
static struct fixture *start(void **state)
{
	struct fixture *f = *state;

	negotiate(f, BIT(VIRTIO_F_VERSION_1));
	describe(f, 0, SIZE);
	assert_int_equal(make_ready(f), 1);
	assert_int_equal(set_status(f, ALL_OK), ALL_OK);
	assert_int_equal(f->activated, 1);
	assert_int_equal(f->raised, 0);
	return f;
}

static struct kvick_virtio_setup good_setup(void)
{
	return (struct kvick_virtio_setup){
		.queues = 1,
		.features = BIT(VIRTIO_F_VERSION_1),
		.queue = { { .size = SIZE, .desc = DRIVER_DESC_AT, .driver = DRIVER_DRIVER_AT, .device = DRIVER_DEVICE_AT } },
	};
}

/* --- 4.2.2: what there is to read --- */

static void the_device_names_itself(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(get(f, VIRTIO_MMIO_MAGIC_VALUE), 0x74726976);
	assert_int_equal(get(f, VIRTIO_MMIO_VERSION), 2);
	assert_int_equal(get(f, VIRTIO_MMIO_DEVICE_ID), ID);
	assert_int_not_equal(get(f, VIRTIO_MMIO_VENDOR_ID), 0);
	status_is(f, 0);
}

/* 4.2.2.2: 32-bit registers by 32-bit aligned accesses, and no others. */
static void registers_have_one_width(void **state)
{
	struct fixture *f = *state;

	for (unsigned bytes = 1; bytes <= 8; bytes *= 2)
		for (uint64_t offset = 0; offset < VIRTIO_MMIO_CONFIG; offset++)
			if (bytes != 4 || offset % 4)
				assert_int_equal(virtio_mmio_read(&f->device, offset, bytes), 0);
	virtio_mmio_write(&f->device, VIRTIO_MMIO_STATUS, 1, ACKNOWLEDGE);
	virtio_mmio_write(&f->device, VIRTIO_MMIO_STATUS, 2, ACKNOWLEDGE);
	virtio_mmio_write(&f->device, VIRTIO_MMIO_STATUS, 8, ACKNOWLEDGE);
	virtio_mmio_write(&f->device, VIRTIO_MMIO_STATUS + 1, 4, ACKNOWLEDGE);
	status_is(f, 0);
}

static bool is_a_register(uint64_t offset)
{
	static const uint64_t known[] = {
		VIRTIO_MMIO_MAGIC_VALUE, VIRTIO_MMIO_VERSION, VIRTIO_MMIO_DEVICE_ID, VIRTIO_MMIO_VENDOR_ID,
		VIRTIO_MMIO_DEVICE_FEATURES, VIRTIO_MMIO_QUEUE_NUM_MAX, VIRTIO_MMIO_SHM_LEN_LOW, VIRTIO_MMIO_SHM_LEN_HIGH,
			       VIRTIO_MMIO_SHM_BASE_LOW,
		VIRTIO_MMIO_SHM_BASE_HIGH, VIRTIO_MMIO_STATUS, VIRTIO_MMIO_QUEUE_READY,
	};

	for (unsigned i = 0; i < COUNT_OF(known); i++)
		if (known[i] == offset)
			return true;
	return false;
}

static void other_registers_read_as_0_and_take_nothing(void **state)
{
	struct fixture *f = start(state);
	struct virtio_device before;

	for (uint64_t offset = 0; offset < VIRTIO_MMIO_CONFIG; offset += 4) {
		if (is_a_register(offset))
			continue;
		assert_int_equal(get(f, offset), 0);
		/* Queue registers are closed by now; what is left selects, acknowledges nothing or notifies no queue. */
		if (offset == VIRTIO_MMIO_DEVICE_FEATURES_SEL || offset == VIRTIO_MMIO_DRIVER_FEATURES_SEL ||
		    offset == VIRTIO_MMIO_QUEUE_SEL)
			continue;
		before = f->device;
		put(f, offset, 0xfffffff0);
		assert_memory_equal(&before, &f->device, sizeof(before));
	}
}

static void there_is_no_shared_memory(void **state)
{
	struct fixture *f = *state;

	for (uint64_t offset = VIRTIO_MMIO_SHM_LEN_LOW; offset <= VIRTIO_MMIO_SHM_BASE_HIGH; offset += 4)
		assert_int_equal(get(f, offset), UINT32_MAX);
}

/* --- 2.2, 3.1.1: features --- */

static void features_are_offered_in_halves(void **state)
{
	struct fixture *f = *state;
	uint64_t offered;

	put(f, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
	offered = (uint64_t)get(f, VIRTIO_MMIO_DEVICE_FEATURES) << 32;
	put(f, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 0);
	offered |= get(f, VIRTIO_MMIO_DEVICE_FEATURES);
	assert_int_equal(offered, OWN_FEATURE | BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_F_RING_PACKED) | BIT(VIRTIO_F_IN_ORDER) |
			 BIT(VIRTIO_RING_F_INDIRECT_DESC) | BIT(VIRTIO_RING_F_EVENT_IDX));
	for (unsigned select = 2; select; select <<= 1) {
		put(f, VIRTIO_MMIO_DEVICE_FEATURES_SEL, select);
		assert_int_equal(get(f, VIRTIO_MMIO_DEVICE_FEATURES), 0);
	}
}

static void refused(struct fixture *f, uint64_t features)
{
	set_status(f, 0);
	set_status(f, ACKNOWLEDGE | DRIVER);
	set_features(f, features);
	assert_int_equal(set_status(f, ACKNOWLEDGE | DRIVER | FEATURES_OK), ACKNOWLEDGE | DRIVER);
	assert_int_equal(set_status(f, ALL_OK), ACKNOWLEDGE | DRIVER);
	assert_int_equal(f->activated, 0);
}

/* 2.2: the bits that are the device type's own, and not rings' and transports'. */
#define DEVICE_TYPES ((BIT(24) - 1) | ~(BIT(50) - 1))

static void of_rings_only_what_is_offered_can_be_accepted(void **state)
{
	struct fixture *f = *state;

	for (unsigned bit = 0; bit < 64; bit++) {
		if (f->device.features_offered >> bit & 1) {
			set_status(f, 0);
			negotiate(f, BIT(VIRTIO_F_VERSION_1) | BIT(bit));
		} else if (!(DEVICE_TYPES >> bit & 1)) {
			refused(f, BIT(VIRTIO_F_VERSION_1) | BIT(bit));
		}
	}
	refused(f, UINT64_MAX);
}

/* Unikraft accepts whatever its network driver knows. */
static void a_feature_of_the_device_types_that_is_not_offered_is_as_if_not_accepted(void **state)
{
	struct fixture *f = *state;

	set_status(f, ACKNOWLEDGE | DRIVER);
	set_features(f, BIT(VIRTIO_F_VERSION_1) | DEVICE_TYPES);
	assert_int_equal(set_status(f, ACKNOWLEDGE | DRIVER | FEATURES_OK), ACKNOWLEDGE | DRIVER | FEATURES_OK);
	assert_int_equal(f->device.features, BIT(VIRTIO_F_VERSION_1) | OWN_FEATURE);
}

/* 6.2 lets a device be so generous; BareMetal's drivers accept nothing at all. */
static void version_1_goes_without_saying(void **state)
{
	struct fixture *f = *state;

	set_status(f, ACKNOWLEDGE | DRIVER);
	assert_int_equal(set_status(f, ACKNOWLEDGE | DRIVER | FEATURES_OK), ACKNOWLEDGE | DRIVER | FEATURES_OK);
	assert_int_equal(f->device.features, BIT(VIRTIO_F_VERSION_1));
	set_status(f, 0);
	set_status(f, ACKNOWLEDGE | DRIVER);
	set_features(f, OWN_FEATURE);
	set_status(f, ACKNOWLEDGE | DRIVER | FEATURES_OK);
	assert_int_equal(f->device.features, BIT(VIRTIO_F_VERSION_1) | OWN_FEATURE);
}

/* A refusal is not the end: the driver may ask for less. */
static void fewer_features_may_be_asked_for_after_a_refusal(void **state)
{
	struct fixture *f = *state;

	refused(f, BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_F_SR_IOV));
	set_features(f, BIT(VIRTIO_F_VERSION_1));
	assert_int_equal(set_status(f, ACKNOWLEDGE | DRIVER | FEATURES_OK), ACKNOWLEDGE | DRIVER | FEATURES_OK);
}

static void features_count_only_between_driver_and_features_ok(void **state)
{
	struct fixture *f = *state;

	set_features(f, BIT(VIRTIO_F_VERSION_1) | BIT(5));
	set_status(f, ACKNOWLEDGE);
	set_features(f, BIT(VIRTIO_F_VERSION_1) | BIT(5));
	set_status(f, ACKNOWLEDGE | DRIVER | FEATURES_OK);
	assert_int_equal(f->device.features, BIT(VIRTIO_F_VERSION_1));
	set_status(f, 0);
	negotiate(f, BIT(VIRTIO_F_VERSION_1));
	set_features(f, BIT(VIRTIO_F_VERSION_1) | BIT(5));
	set_status(f, ALL_OK);
	assert_int_equal(f->device.features, BIT(VIRTIO_F_VERSION_1));
	assert_int_equal(f->device.transport.driver_features, BIT(VIRTIO_F_VERSION_1));
}

static void features_beyond_64_bits_are_ignored(void **state)
{
	struct fixture *f = *state;

	set_status(f, ACKNOWLEDGE | DRIVER);
	set_features(f, BIT(VIRTIO_F_VERSION_1));
	for (unsigned select = 2; select; select <<= 1) {
		put(f, VIRTIO_MMIO_DRIVER_FEATURES_SEL, select);
		put(f, VIRTIO_MMIO_DRIVER_FEATURES, UINT32_MAX);
	}
	assert_int_equal(set_status(f, ACKNOWLEDGE | DRIVER | FEATURES_OK), ACKNOWLEDGE | DRIVER | FEATURES_OK);
}

/* --- 2.1, 3.1.1: status --- */

static void status_bits_are_set_in_their_order(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(set_status(f, DRIVER), 0);
	assert_int_equal(set_status(f, FEATURES_OK), 0);
	assert_int_equal(set_status(f, DRIVER_OK), 0);
	assert_int_equal(set_status(f, ACKNOWLEDGE), ACKNOWLEDGE);
	assert_int_equal(set_status(f, ACKNOWLEDGE | FEATURES_OK | DRIVER_OK), ACKNOWLEDGE);
	assert_int_equal(set_status(f, ACKNOWLEDGE | DRIVER), ACKNOWLEDGE | DRIVER);
	assert_int_equal(set_status(f, ACKNOWLEDGE | DRIVER | DRIVER_OK), ACKNOWLEDGE | DRIVER);
	assert_int_equal(f->activated, 0);
}

static void status_bits_are_cleared_by_0_alone(void **state)
{
	struct fixture *f = start(state);

	for (unsigned value = 1; value < 256; value++)
		if (!(value & FAILED))
			assert_int_equal(set_status(f, value), ALL_OK);
	assert_int_equal(set_status(f, FAILED), ALL_OK | FAILED);
	assert_int_equal(f->activated, 1);
	assert_int_equal(f->resets, 0);
	assert_int_equal(set_status(f, 0), 0);
	assert_int_equal(f->resets, 1);
}

static void what_is_no_status_bit_stays_out(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(set_status(f, 0xffffff00), 0);
	assert_int_equal(set_status(f, UINT32_MAX & ~(uint32_t)(FEATURES_OK | DRIVER_OK)), ACKNOWLEDGE | DRIVER | FAILED);
}

/* DEVICE_NEEDS_RESET is the device's to say. */
static void a_driver_cannot_set_needs_reset(void **state)
{
	struct fixture *f = start(state);

	assert_int_equal(set_status(f, ALL_OK | NEEDS_RESET), ALL_OK);
}

static void a_device_that_cannot_begin_needs_a_reset(void **state)
{
	struct fixture *f = *state;

	f->activate_result = -EIO;
	negotiate(f, BIT(VIRTIO_F_VERSION_1));
	assert_int_equal(set_status(f, ALL_OK), ALL_OK | NEEDS_RESET);
	assert_int_equal(get(f, VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_MMIO_INT_CONFIG);
	assert_non_null(f->device.transport.needs_reset);
	assert_int_equal(set_status(f, 0), 0);
	assert_int_equal(f->resets, 1);
}

/* --- 2.6, 4.2.2: queues --- */

static void queue_num_max_is_each_queues_own(void **state)
{
	struct fixture *f = *state;
	static const uint32_t max[] = { 256, SIZE, 1, 0, 0 };

	for (unsigned i = 0; i < COUNT_OF(max); i++) {
		put(f, VIRTIO_MMIO_QUEUE_SEL, i);
		assert_int_equal(get(f, VIRTIO_MMIO_QUEUE_NUM_MAX), max[i]);
	}
}

/* THREATS 3: an index far out of range is looked up nowhere. */
static void a_queue_that_is_not_there_reads_as_0_and_takes_nothing(void **state)
{
	struct fixture *f = *state;
	struct virtio_device before;

	negotiate(f, BIT(VIRTIO_F_VERSION_1));
	for (uint64_t queue = QUEUES; queue <= UINT32_MAX; queue = queue * 2 + 1) {
		put(f, VIRTIO_MMIO_QUEUE_SEL, (uint32_t)queue);
		before = f->device;
		describe(f, (uint32_t)queue, SIZE);
		assert_int_equal(make_ready(f), 0);
		put(f, VIRTIO_MMIO_QUEUE_READY, 0);
		assert_int_equal(get(f, VIRTIO_MMIO_QUEUE_NUM_MAX), 0);
		assert_memory_equal(&before, &f->device, sizeof(before));
	}
}

static void queues_are_made_only_after_driver(void **state)
{
	struct fixture *f = *state;

	set_status(f, ACKNOWLEDGE);
	describe(f, 0, SIZE);
	assert_int_equal(make_ready(f), 0);
	assert_int_equal(f->device.transport.queue_config[0].size, 0);
	status_is(f, ACKNOWLEDGE);
}

/* Out of 3.1.1's order, as Toro's driver has it, which says FEATURES_OK and DRIVER_OK at once. */
static void a_queue_made_before_features_ok_begins_with_it(void **state)
{
	struct fixture *f = *state;

	set_status(f, ACKNOWLEDGE | DRIVER);
	describe(f, 0, SIZE);
	assert_int_equal(make_ready(f), 1);
	assert_false(f->device.queues[0].running);
	put(f, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	set_features(f, BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_RING_F_EVENT_IDX));
	assert_int_equal(set_status(f, ALL_OK), ALL_OK);
	assert_int_equal(get(f, VIRTIO_MMIO_QUEUE_READY), 1);
	assert_int_equal(f->activated, 1);
	assert_int_equal(f->notified, 0);
	assert_true(f->device.queues[0].running);
	assert_true(f->device.queues[0].event_index);
	put(f, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	assert_int_equal(f->notified, 1);
}

static void a_queue_made_before_features_ok_can_be_taken_back(void **state)
{
	struct fixture *f = *state;

	set_status(f, ACKNOWLEDGE | DRIVER);
	describe(f, 0, SIZE);
	assert_int_equal(make_ready(f), 1);
	put(f, VIRTIO_MMIO_QUEUE_READY, 0);
	assert_int_equal(get(f, VIRTIO_MMIO_QUEUE_READY), 0);
	assert_int_equal(set_status(f, ALL_OK), ALL_OK);
	assert_false(f->device.queues[0].running);
}

static void a_queue_made_before_features_ok_that_cannot_be_needs_a_reset(void **state)
{
	struct fixture *f = *state;

	set_status(f, ACKNOWLEDGE | DRIVER);
	describe(f, 0, 3);
	assert_int_equal(make_ready(f), 1);
	assert_int_equal(set_status(f, ALL_OK), ACKNOWLEDGE | DRIVER | FEATURES_OK | NEEDS_RESET);
	assert_int_equal(get(f, VIRTIO_MMIO_QUEUE_READY), 0);
	assert_int_equal(f->activated, 0);
	assert_false(f->device.queues[0].running);
}

static void queues_are_made_each_by_itself(void **state)
{
	struct fixture *f = *state;

	negotiate(f, BIT(VIRTIO_F_VERSION_1));
	describe(f, 0, SIZE);
	describe_at(f, 1, 4, 0x10000, 0x11000, 0x12000);
	assert_int_equal(make_ready(f), 1);
	put(f, VIRTIO_MMIO_QUEUE_SEL, 0);
	assert_int_equal(get(f, VIRTIO_MMIO_QUEUE_READY), 0);
	assert_int_equal(make_ready(f), 1);
	assert_int_equal(f->device.queues[0].config.size, SIZE);
	assert_int_equal(f->device.queues[0].config.desc, DRIVER_DESC_AT);
	assert_int_equal(f->device.queues[0].config.driver, DRIVER_DRIVER_AT);
	assert_int_equal(f->device.queues[0].config.device, DRIVER_DEVICE_AT);
	assert_int_equal(f->device.queues[1].config.size, 4);
	assert_false(f->device.queues[2].running);
}

static void addresses_are_taken_in_both_halves(void **state)
{
	struct fixture *f = *state;

	negotiate(f, BIT(VIRTIO_F_VERSION_1));
	describe_at(f, 0, SIZE, 0x1122334455667788, 0x99aabbccddeeff00, 0x0123456789abcdef);
	assert_int_equal(f->device.transport.queue_config[0].desc, 0x1122334455667788);
	assert_int_equal(f->device.transport.queue_config[0].driver, 0x99aabbccddeeff00);
	assert_int_equal(f->device.transport.queue_config[0].device, 0x0123456789abcdef);
}

static void queue_ready_is_one_or_nothing(void **state)
{
	struct fixture *f = *state;

	negotiate(f, BIT(VIRTIO_F_VERSION_1));
	describe(f, 0, SIZE);
	put(f, VIRTIO_MMIO_QUEUE_READY, 2);
	put(f, VIRTIO_MMIO_QUEUE_READY, UINT32_MAX);
	assert_int_equal(get(f, VIRTIO_MMIO_QUEUE_READY), 0);
}

/* 4.2.2.2: as a driver does that has not got far enough. */
static void a_queue_can_be_taken_back_until_driver_ok(void **state)
{
	struct fixture *f = *state;

	negotiate(f, BIT(VIRTIO_F_VERSION_1));
	describe(f, 0, SIZE);
	assert_int_equal(make_ready(f), 1);
	put(f, VIRTIO_MMIO_QUEUE_READY, 0);
	assert_int_equal(get(f, VIRTIO_MMIO_QUEUE_READY), 0);
	assert_false(f->device.queues[0].running);
	describe(f, 0, SIZE / 2);
	assert_int_equal(make_ready(f), 1);
	assert_int_equal(f->device.queues[0].config.size, SIZE / 2);
	assert_int_equal(set_status(f, ALL_OK), ALL_OK);
	put(f, VIRTIO_MMIO_QUEUE_READY, 0);
	assert_int_equal(get(f, VIRTIO_MMIO_QUEUE_READY), 1);
	assert_true(f->device.queues[0].running);
}

/* THREATS 2: size and addresses of a queue that is in use. */
static void a_queue_in_use_is_not_changed(void **state)
{
	struct fixture *f = *state;
	struct virtq_config before;

	negotiate(f, BIT(VIRTIO_F_VERSION_1));
	describe(f, 0, SIZE);
	make_ready(f);
	before = f->device.queues[0].config;
	describe_at(f, 0, 256, 0, 0, 0);
	assert_int_equal(make_ready(f), 1);
	assert_memory_equal(&f->device.queues[0].config, &before, sizeof(before));
	set_status(f, ALL_OK);
	describe_at(f, 0, 256, 0, 0, 0);
	make_ready(f);
	assert_memory_equal(&f->device.queues[0].config, &before, sizeof(before));
	assert_memory_equal(&f->device.transport.queue_config[0], &before, sizeof(before));
	/* Nor is a queue begun with that the driver did without. */
	describe_at(f, 1, 4, 0x10000, 0x11000, 0x12000);
	assert_int_equal(make_ready(f), 0);
	assert_false(f->device.queues[1].running);
	status_is(f, ALL_OK);
}

/* THREATS 2: sizes that are none; areas outside RAM, across its end, wrapping, unaligned, over one another. */
static void a_queue_that_cannot_be_needs_a_reset(void **state)
{
	struct fixture *f = *state;
	static const struct { unsigned queue; uint32_t size; uint64_t desc, driver, device; } bad[] = {
		{ 0, 0, 0x1000, 0x2000, 0x3000 },
		{ 0, 3, 0x1000, 0x2000, 0x3000 },
		{ 0, 257, 0x1000, 0x2000, 0x3000 },
		{ 0, 512, 0x1000, 0x4000, 0x8000 },
		{ 0, 32768, 0x1000, 0x2000, 0x3000 },
		{ 0, 65535, 0x1000, 0x2000, 0x3000 },
		{ 0, 65536, 0x1000, 0x2000, 0x3000 },
		{ 0, 65536 + SIZE, 0x1000, 0x2000, 0x3000 },
		{ 0, UINT32_MAX, 0x1000, 0x2000, 0x3000 },
		{ 1, 2 * SIZE, 0x1000, 0x2000, 0x3000 },
		{ 2, 2, 0x1000, 0x2000, 0x3000 },
		{ 0, SIZE, RAM, 0x2000, 0x3000 },
		{ 0, SIZE, RAM - 16, 0x2000, 0x3000 },
		{ 0, SIZE, 0x1000, RAM - 2, 0x3000 },
		{ 0, SIZE, 0x1000, 0x2000, RAM - 4 },
		{ 0, SIZE, -16ull, 0x2000, 0x3000 },
		{ 0, SIZE, 0x1000, -2ull, 0x3000 },
		{ 0, SIZE, 0x1000, 0x2000, -4ull },
		{ 0, SIZE, 0x100001000, 0x2000, 0x3000 },
		{ 0, SIZE, 0x1008, 0x2000, 0x3000 },
		{ 0, SIZE, 0x1000, 0x2001, 0x3000 },
		{ 0, SIZE, 0x1000, 0x2000, 0x3002 },
		{ 0, SIZE, 0x1000, 0x1000, 0x3000 },
		{ 0, SIZE, 0x1000, 0x2000, 0x2000 },
	};

	for (unsigned i = 0; i < COUNT_OF(bad); i++) {
		negotiate(f, BIT(VIRTIO_F_VERSION_1));
		f->shown = 0;
		describe_at(f, bad[i].queue, bad[i].size, bad[i].desc, bad[i].driver, bad[i].device);
		status_is(f, ACKNOWLEDGE | DRIVER | FEATURES_OK);
		assert_int_equal(make_ready(f), 0);
		assert_false(f->device.queues[bad[i].queue].running);
		status_is(f, ACKNOWLEDGE | DRIVER | FEATURES_OK | NEEDS_RESET);
		assert_int_equal(f->shown, 1);
		/* 2.1.2: a driver that is not there yet is not interrupted; nor does the device begin. */
		assert_int_equal(set_status(f, ALL_OK), ACKNOWLEDGE | DRIVER | FEATURES_OK | NEEDS_RESET);
		assert_int_equal(f->raised, 0);
		assert_int_equal(f->activated, 0);
		assert_true(strlen(f->device.transport.needs_reset) > 10);
		assert_int_equal(set_status(f, 0), 0);
		assert_int_equal(f->shown, 2);
	}
}

/* --- 2.3, 4.2.2: notifications to the device --- */

static void a_notification_reaches_its_queue(void **state)
{
	struct fixture *f = start(state);

	f->last_queue = 77;
	put(f, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	assert_int_equal(f->notified, 1);
	assert_int_equal(f->last_queue, 0);
	assert_int_equal(f->device.queues[0].counts.notifications, 1);
}

/* THREATS 3. */
static void notifications_of_queues_that_are_not_there_are_ignored(void **state)
{
	struct fixture *f = start(state);

	for (uint64_t queue = 1; queue <= UINT32_MAX; queue = queue * 2 + 1) {
		put(f, VIRTIO_MMIO_QUEUE_NOTIFY, (uint32_t)queue);
		virtio_notify(&f->device, (unsigned)queue);
	}
	put(f, VIRTIO_MMIO_QUEUE_NOTIFY, 0x80000000);
	put(f, VIRTIO_MMIO_QUEUE_NOTIFY, 0x10000);
	assert_int_equal(f->notified, 0);
}

/* 3.1.1: "The device MUST NOT consume buffers … before DRIVER_OK." */
static void notifications_before_driver_ok_are_ignored(void **state)
{
	struct fixture *f = *state;

	put(f, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	negotiate(f, BIT(VIRTIO_F_VERSION_1));
	describe(f, 0, SIZE);
	make_ready(f);
	put(f, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	assert_int_equal(f->notified, 0);
}

static void notifications_of_a_device_that_needs_a_reset_are_ignored(void **state)
{
	struct fixture *f = start(state);

	virtio_needs_reset(&f->device, "a test");
	put(f, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	assert_int_equal(f->notified, 0);
}

/* --- 2.3, 4.2.2: interrupts --- */

static void used_buffers_interrupt_until_acknowledged(void **state)
{
	struct fixture *f = start(state);
	struct virtq_chain chain;

	offer_and_pop(f, &chain);
	virtio_queue_done(&f->device, 0);
	assert_int_equal(f->raised, 0);
	virtq_push(&f->device.queues[0], &chain, 1);
	virtio_queue_done(&f->device, 0);
	assert_int_equal(f->raised, 1);
	assert_int_equal(get(f, VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_MMIO_INT_VRING);
	virtio_queue_done(&f->device, 0);
	assert_int_equal(f->raised, 1);
	put(f, VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_MMIO_INT_VRING);
	assert_int_equal(get(f, VIRTIO_MMIO_INTERRUPT_STATUS), 0);
	assert_false(f->line_up);
}

static void a_driver_that_wants_no_interrupt_gets_none(void **state)
{
	struct fixture *f = start(state);
	struct virtq_chain chain;

	driver_interrupts_off(&f->driver);
	offer_and_pop(f, &chain);
	virtq_push(&f->device.queues[0], &chain, 1);
	virtio_queue_done(&f->device, 0);
	assert_int_equal(f->raised, 0);
}

static void the_line_stays_up_until_everything_is_acknowledged(void **state)
{
	struct fixture *f = start(state);
	struct virtq_chain chain;

	offer_and_pop(f, &chain);
	virtq_push(&f->device.queues[0], &chain, 1);
	virtio_queue_done(&f->device, 0);
	virtio_config_changed(&f->device);
	assert_int_equal(get(f, VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_MMIO_INT_VRING | VIRTIO_MMIO_INT_CONFIG);
	put(f, VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_MMIO_INT_VRING);
	assert_int_equal(get(f, VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_MMIO_INT_CONFIG);
	assert_true(f->line_up);
	put(f, VIRTIO_MMIO_INTERRUPT_ACK, 0xfffffffc);
	assert_true(f->line_up);
	put(f, VIRTIO_MMIO_INTERRUPT_ACK, UINT32_MAX);
	assert_int_equal(get(f, VIRTIO_MMIO_INTERRUPT_STATUS), 0);
	assert_false(f->line_up);
}

/* 2.1.2 */
static void needs_reset_interrupts_once_and_keeps_its_first_reason(void **state)
{
	struct fixture *f = start(state);

	virtio_needs_reset(&f->device, "first");
	status_is(f, ALL_OK | NEEDS_RESET);
	assert_int_equal(get(f, VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_MMIO_INT_CONFIG);
	virtio_needs_reset(&f->device, "second");
	assert_int_equal(f->raised, 1);
	assert_int_equal(f->shown, 1);
	assert_string_equal(f->device.transport.needs_reset, "first");
	set_status(f, 0);
	assert_int_equal(f->shown, 2);
	assert_string_equal(f->device.transport.needs_reset, "first"); /* for the report */
	negotiate(f, BIT(VIRTIO_F_VERSION_1));
}

/* --- 2.5, 4.2.2: the configuration space --- */

/* THREATS 3: every width at every offset, and offsets that overflow. */
static void config_space_ends_where_it_ends(void **state)
{
	struct fixture *f = *state;
	struct virtio_device *d = &f->device;
	static const uint64_t far[] = {
		VIRTIO_MMIO_BYTES - 1, 1ull << 32, (1ull << 32) + VIRTIO_MMIO_CONFIG, UINT64_MAX - 7, UINT64_MAX,
	};

	for (d->config_bytes = 0; d->config_bytes <= 21; d->config_bytes++)
		for (unsigned bytes = 1; bytes <= 8; bytes *= 2)
			for (uint64_t offset = 0; offset < VIRTIO_MMIO_BYTES - VIRTIO_MMIO_CONFIG; offset++) {
				uint64_t wanted = 0;

				for (unsigned i = 0; i < bytes && offset + bytes <= d->config_bytes; i++)
					wanted |= (offset + i + 1) << 8 * i;
				assert_int_equal(virtio_mmio_read(d, VIRTIO_MMIO_CONFIG + offset, bytes), wanted);
			}
	for (unsigned i = 0; i < COUNT_OF(far); i++)
		for (unsigned bytes = 1; bytes <= 8; bytes *= 2)
			assert_int_equal(virtio_mmio_read(d, far[i], bytes), 0);
}

static void config_space_is_written_within_its_bounds(void **state)
{
	struct fixture *f = *state;
	unsigned wanted = 0;

	set_status(f, ACKNOWLEDGE | DRIVER);
	for (unsigned bytes = 1; bytes <= 8; bytes *= 2)
		for (uint64_t offset = 0; offset < VIRTIO_MMIO_BYTES - VIRTIO_MMIO_CONFIG; offset++) {
			virtio_mmio_write(&f->device, VIRTIO_MMIO_CONFIG + offset, bytes, offset * 3);
			if (offset + bytes <= 21) {
				wanted++;
				assert_int_equal(f->written.offset, offset);
				assert_int_equal(f->written.bytes, bytes);
				assert_int_equal(f->written.value, offset * 3);
			}
			assert_int_equal(f->written.calls, wanted);
		}
	virtio_mmio_write(&f->device, UINT64_MAX, 8, 0);
	virtio_mmio_write(&f->device, UINT64_MAX - 7, 1, 0);
	assert_int_equal(f->written.calls, wanted);
}

static void config_space_is_not_written_before_there_is_a_driver(void **state)
{
	struct fixture *f = *state;

	virtio_mmio_write(&f->device, VIRTIO_MMIO_CONFIG, 1, 1);
	set_status(f, ACKNOWLEDGE);
	virtio_mmio_write(&f->device, VIRTIO_MMIO_CONFIG, 1, 1);
	assert_int_equal(f->written.calls, 0);
}

static void a_device_need_not_have_a_config_space_to_write(void **state)
{
	struct fixture *f = start(state);
	struct virtio_ops none = ops;

	none.write_config = NULL;
	f->device.ops = &none;
	virtio_mmio_write(&f->device, VIRTIO_MMIO_CONFIG, 1, 1);
	f->device.ops = &ops;
}

/* 2.5.1; the list that native guests read is renewed whether there is a driver or not. */
static void a_changed_config_space_has_another_generation(void **state)
{
	struct fixture *f = *state;
	uint32_t generation = get(f, VIRTIO_MMIO_CONFIG_GENERATION);

	virtio_config_changed(&f->device);
	assert_int_not_equal(get(f, VIRTIO_MMIO_CONFIG_GENERATION), generation);
	assert_int_equal(f->raised, 0);
	assert_int_equal(f->shown, 1);
	start(state);
	generation = get(f, VIRTIO_MMIO_CONFIG_GENERATION);
	virtio_config_changed(&f->device);
	assert_int_not_equal(get(f, VIRTIO_MMIO_CONFIG_GENERATION), generation);
	assert_int_equal(f->raised, 1);
	assert_int_equal(get(f, VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_MMIO_INT_CONFIG);
}

/* --- 2.4: reset --- */

static void everything_is_forgotten(struct fixture *f)
{
	status_is(f, 0);
	assert_false(f->device.transport.resetting);
	assert_int_equal(f->device.features, 0);
	assert_int_equal(get(f, VIRTIO_MMIO_INTERRUPT_STATUS), 0);
	assert_false(f->line_up);
	for (unsigned i = 0; i < QUEUES; i++) {
		put(f, VIRTIO_MMIO_QUEUE_SEL, i);
		assert_int_equal(get(f, VIRTIO_MMIO_QUEUE_READY), 0);
		assert_false(f->device.queues[i].running);
		assert_int_equal(f->device.transport.queue_config[i].size, 0);
	}
	assert_ptr_equal(f->device.transport.line, &f->line);
}

static void a_reset_forgets_everything(void **state)
{
	struct fixture *f = start(state);

	virtio_config_changed(&f->device);
	assert_true(virtio_reset(&f->device));
	assert_int_equal(f->resets, 1);
	everything_is_forgotten(f);
	put(f, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	assert_int_equal(f->notified, 0);
	driver_start(&f->driver, SIZE, BIT(VIRTIO_F_VERSION_1));
	f->activated = f->raised = 0;
	start(state);
}

/* A device that was never begun with has nothing to end. */
static void a_reset_before_driver_ok_is_the_transports_alone(void **state)
{
	struct fixture *f = *state;

	f->slow_reset = true;
	assert_true(virtio_reset(&f->device));
	negotiate(f, BIT(VIRTIO_F_VERSION_1));
	describe(f, 0, SIZE);
	make_ready(f);
	assert_int_equal(set_status(f, 0), 0);
	everything_is_forgotten(f);
	assert_int_equal(f->resets, 0);
}

/* THREATS 4: what is in flight comes back later; until then the status is not 0 (2.4.1), and nothing is heard or told. */
static void a_reset_is_complete_when_the_device_says_so(void **state)
{
	struct fixture *f = start(state);
	struct virtio_device before;
	struct virtq_chain chain;

	offer_and_pop(f, &chain);
	f->slow_reset = true;
	assert_int_not_equal(set_status(f, 0), 0);
	assert_false(virtio_reset(&f->device));
	assert_int_equal(f->resets, 1);

	put(f, VIRTIO_MMIO_QUEUE_SEL, 0);
	assert_int_equal(get(f, VIRTIO_MMIO_QUEUE_READY), 0);
	before = f->device;
	set_status(f, 0);
	set_status(f, ACKNOWLEDGE);
	set_status(f, ALL_OK | FAILED);
	set_features(f, UINT64_MAX);
	describe(f, 0, SIZE);
	make_ready(f);
	describe(f, 0, 0);
	put(f, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	virtio_mmio_write(&f->device, VIRTIO_MMIO_CONFIG, 4, 7);
	virtio_queue_done(&f->device, 0);
	virtio_needs_reset(&f->device, "too late");
	assert_int_equal(virtio_setup(&f->device, &(struct kvick_virtio_setup){ .features = BIT(VIRTIO_F_VERSION_1) }), -EBUSY);
	assert_memory_equal(&before, &f->device, sizeof(before));
	virtio_config_changed(&f->device);
	assert_int_equal(f->raised + f->notified + f->written.calls, 0);
	assert_int_equal(f->activated, 1);
	assert_int_equal(f->driver.used->idx, 0);
	assert_int_not_equal(get(f, VIRTIO_MMIO_STATUS), 0);

	virtio_reset_done(&f->device);
	everything_is_forgotten(f);
	assert_int_equal(virtq_pop(&f->device.queues[0], &chain), 0);
}

/* --- native guests' set-up call --- */

static void a_native_set_up_is_all_of_it(void **state)
{
	struct fixture *f = *state;
	struct kvick_virtio_setup setup = good_setup();

	setup.features |= BIT(5);
	assert_int_equal(virtio_setup(&f->device, &setup), 0);
	status_is(f, ALL_OK);
	assert_int_equal(f->activated, 1);
	assert_int_equal(f->device.features, BIT(VIRTIO_F_VERSION_1) | BIT(5));
	virtio_notify(&f->device, 0);
	assert_int_equal(f->notified, 1);
}

static void a_native_set_up_may_do_without_queues(void **state)
{
	struct fixture *f = *state;
	struct kvick_virtio_setup setup = good_setup();

	setup.queues = QUEUES;
	setup.queue[2] = setup.queue[0];
	setup.queue[2].size = 1;
	setup.queue[0].size = 0;
	assert_int_equal(virtio_setup(&f->device, &setup), 0);
	assert_false(f->device.queues[0].running);
	assert_false(f->device.queues[1].running);
	assert_true(f->device.queues[2].running);
}

static void a_native_set_up_needs_a_device_that_is_reset(void **state)
{
	struct fixture *f = *state;
	struct kvick_virtio_setup setup = good_setup();

	assert_int_equal(virtio_setup(&f->device, &setup), 0);
	assert_int_equal(virtio_setup(&f->device, &setup), -EBUSY);
	assert_int_equal(f->activated, 1);
	virtio_reset(&f->device);
	set_status(f, ACKNOWLEDGE);
	assert_int_equal(virtio_setup(&f->device, &setup), -EBUSY);
}

static void setup_fails(struct fixture *f, const struct kvick_virtio_setup *setup, int error)
{
	assert_int_equal(virtio_setup(&f->device, setup), error);
	everything_is_forgotten(f);
	assert_int_equal(f->device.transport.driver_features, 0);
}

/* THREATS 2 and 3. */
static void a_native_set_up_that_is_wrong_leaves_the_device_reset(void **state)
{
	struct fixture *f = *state;
	struct kvick_virtio_setup setup;
#define BAD(change) (setup = good_setup(), change, setup_fails(f, &setup, -EINVAL))

	BAD(setup.queues = QUEUES + 1);
	BAD(setup.queues = UINT32_MAX);
	BAD(setup.features = 0);
	BAD(setup.features = OWN_FEATURE);
	BAD(setup.features |= BIT(0));
	BAD(setup.features = UINT64_MAX);
	BAD(setup.queue[0].reserved[0] = 1);
	BAD(setup.queue[0].reserved[1] = 0x8000);
	BAD(setup.queue[0].reserved[2] = 1);
	BAD(setup.queue[0].size = 3);
	BAD(setup.queue[0].size = 512);
	BAD(setup.queue[0].size = 65535);
	BAD(setup.queue[0].desc = RAM);
	BAD(setup.queue[0].driver = UINT64_MAX - 1);
	BAD(setup.queue[0].device = RAM - 4);
	BAD(setup.queue[0].device = setup.queue[0].driver);
	BAD((setup.queues = 2, setup.queue[1] = setup.queue[0], setup.queue[1].size = 2 * SIZE));
	BAD((setup.queues = 2, setup.queue[1].reserved[0] = 1));
	assert_int_equal(f->activated, 0);
	assert_int_equal(f->resets, 0);
	/* What lies behind the last that counts is not looked at. */
	setup = good_setup();
	memset(&setup.queue[1], 0xff, sizeof(setup.queue[1]));
	assert_int_equal(virtio_setup(&f->device, &setup), 0);
}

static void a_native_set_up_of_a_device_that_cannot_begin_fails(void **state)
{
	struct fixture *f = *state;
	struct kvick_virtio_setup setup = good_setup();

	f->activate_result = -ENOMEM;
	setup_fails(f, &setup, -EIO);
	f->activate_result = 0;
	assert_int_equal(virtio_setup(&f->device, &setup), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_device_names_itself),
		TEST(registers_have_one_width),
		TEST(other_registers_read_as_0_and_take_nothing),
		TEST(there_is_no_shared_memory),
		TEST(features_are_offered_in_halves),
		TEST(of_rings_only_what_is_offered_can_be_accepted),
		TEST(a_feature_of_the_device_types_that_is_not_offered_is_as_if_not_accepted),
		TEST(version_1_goes_without_saying),
		TEST(fewer_features_may_be_asked_for_after_a_refusal),
		TEST(features_count_only_between_driver_and_features_ok),
		TEST(features_beyond_64_bits_are_ignored),
		TEST(status_bits_are_set_in_their_order),
		TEST(status_bits_are_cleared_by_0_alone),
		TEST(what_is_no_status_bit_stays_out),
		TEST(a_driver_cannot_set_needs_reset),
		TEST(a_device_that_cannot_begin_needs_a_reset),
		TEST(queue_num_max_is_each_queues_own),
		TEST(a_queue_that_is_not_there_reads_as_0_and_takes_nothing),
		TEST(queues_are_made_only_after_driver),
		TEST(a_queue_made_before_features_ok_begins_with_it),
		TEST(a_queue_made_before_features_ok_can_be_taken_back),
		TEST(a_queue_made_before_features_ok_that_cannot_be_needs_a_reset),
		TEST(queues_are_made_each_by_itself),
		TEST(addresses_are_taken_in_both_halves),
		TEST(queue_ready_is_one_or_nothing),
		TEST(a_queue_can_be_taken_back_until_driver_ok),
		TEST(a_queue_in_use_is_not_changed),
		TEST(a_queue_that_cannot_be_needs_a_reset),
		TEST(a_notification_reaches_its_queue),
		TEST(notifications_of_queues_that_are_not_there_are_ignored),
		TEST(notifications_before_driver_ok_are_ignored),
		TEST(notifications_of_a_device_that_needs_a_reset_are_ignored),
		TEST(used_buffers_interrupt_until_acknowledged),
		TEST(a_driver_that_wants_no_interrupt_gets_none),
		TEST(the_line_stays_up_until_everything_is_acknowledged),
		TEST(needs_reset_interrupts_once_and_keeps_its_first_reason),
		TEST(config_space_ends_where_it_ends),
		TEST(config_space_is_written_within_its_bounds),
		TEST(config_space_is_not_written_before_there_is_a_driver),
		TEST(a_device_need_not_have_a_config_space_to_write),
		TEST(a_changed_config_space_has_another_generation),
		TEST(a_reset_forgets_everything),
		TEST(a_reset_before_driver_ok_is_the_transports_alone),
		TEST(a_reset_is_complete_when_the_device_says_so),
		TEST(a_native_set_up_is_all_of_it),
		TEST(a_native_set_up_may_do_without_queues),
		TEST(a_native_set_up_needs_a_device_that_is_reset),
		TEST(a_native_set_up_that_is_wrong_leaves_the_device_reset),
		TEST(a_native_set_up_of_a_device_that_cannot_begin_fails),
	};

	return cmocka_run_group_tests_name("virtio transport", tests, NULL, NULL);
}
