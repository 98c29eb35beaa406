/* SPDX-License-Identifier: Apache-2.0 */
/* State of devices that somebody has written by hand, or that belongs to another machine: refused, in words. */
#include "tests/unit/state_fixture.h"

#include <linux/virtio_ids.h>
#include <stddef.h>

#define set_up    state_set_up
#define tear_down state_tear_down

/* Where things are in the state of one device: tags and lengths before each section. */
#define HEADER     8u
#define COUNT_AT   HEADER
#define EVENTS_AT  (HEADER + 8u)
#define DEVICE_AT  (HEADER + 16u + HEADER)
#define QUEUE_AT   (DEVICE_AT + (unsigned)sizeof(struct device_state))
#define DEVICE(field) (DEVICE_AT + (unsigned)offsetof(struct device_state, field))
#define QUEUE(field)  (QUEUE_AT + (unsigned)offsetof(struct queue_state, field))

struct lie {
	unsigned at, bytes;
	uint64_t value;
	const char *says; /* after "section " */
};

static struct state_world *saved(void **state, enum device_kind kind)
{
	struct state_world *w = *state;

	add_device(w, kind);
	make_devices(w);
	drive(w, 0);
	save(w);
	return w;
}

static void refuse_all(struct state_world *w, const struct lie *lies, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		uint8_t truth[8];

		memcpy(truth, w->state + lies[i].at, lies[i].bytes);
		memcpy(w->state + lies[i].at, &lies[i].value, lies[i].bytes);
		assert_refused(w, EBADMSG, lies[i].says);
		memcpy(w->state + lies[i].at, truth, lies[i].bytes);
	}
	if (load(w) < 0)
		fail_msg("%s", w->error.text);
}

static void each_field_of_a_device_is_checked(void **state)
{
	static const struct lie lies[] = {
		{ COUNT_AT, 4, 17, "devices: 17 devices, and there are 16 at most" },
		{ COUNT_AT, 4, UINT32_MAX, "devices: 4294967295 devices, and there are 16 at most" },
		{ COUNT_AT + 4, 4, 1, "devices: a reserved field is not 0" },
		{ EVENTS_AT, 8, 2, "devices: events of more than 1 devices" },
		{ EVENTS_AT, 8, 1ull << 63, "devices: events of more than 1 devices" },
		{ DEVICE(id), 4, 77, "device: device 0 is of an unknown kind, 77" },
		{ DEVICE(features), 8, BIT(32) | BIT(60), "device: device 0: features that it did not offer" },
		{ DEVICE(features), 8, 0, "device: device 0 (entropy): driven without VIRTIO_F_VERSION_1" },
		{ DEVICE(status), 4, 0x100, "device: device 0 (entropy): a status that there is not" },
		{ DEVICE(status), 4, 4, "device: device 0 (entropy): driven before features were agreed on" },
		{ DEVICE(status_hidden), 4, 4, "device: device 0 (entropy): a status that there is not" },
		{ DEVICE(interrupt_status), 4, 4, "device: device 0 (entropy): an interrupt that there is not" },
		{ DEVICE(config_bytes), 4, 8, "device: device 0 (entropy): a configuration space of another length" },
		{ DEVICE(config_bytes), 4, UINT32_MAX, "device: device 0 (entropy): a configuration space of another length" },
		{ DEVICE(reserved), 4, 1, "device: device 0 (entropy): a reserved field is not 0" },
	};
	struct state_world *w = saved(state, DEVICE_ENTROPY);

	refuse_all(w, lies, COUNT_OF(lies));
}

static void each_field_of_a_queue_is_checked(void **state)
{
#define ENTROPY "device: device 0 (entropy): queue 0: "
	static const struct lie lies[] = {
		{ QUEUE(flags), 8, 8, ENTROPY "flags that there are not" },
		{ DEVICE(status), 4, 3, ENTROPY "it runs before features were agreed on" },
		{ QUEUE(size), 2, 0, ENTROPY "the queue's size is 0 or more than the device offers" },
		{ QUEUE(size), 2, 128, ENTROPY "it is larger than the device offers" },
		{ QUEUE(desc), 8, 0x1001, ENTROPY "an area of the queue is not aligned" },
		{ QUEUE(desc), 8, STATE_LIST_AT + GUEST_PAGE_BYTES, ENTROPY "an area of the queue does not lie in writable RAM" },
		{ QUEUE(desc), 8, UINT64_MAX - 15, ENTROPY "an area of the queue does not lie in writable RAM" },
		{ QUEUE(driver), 8, STATE_LIST_AT + GUEST_PAGE_BYTES, ENTROPY "an area of the queue does not lie in writable RAM" },
		{ QUEUE(device), 8, UINT64_MAX - 3, ENTROPY "an area of the queue does not lie in writable RAM" },
		{ QUEUE(device), 8, DRIVER_DESC_AT, ENTROPY "areas of the queue overlap" },
	};
	static const struct lie split[] = {
		{ QUEUE(size), 2, 15, ENTROPY "the queue's size is not a power of two" },
	};
	static const struct lie packed[] = {
		{ QUEUE(next), 2, STATE_SIZE, ENTROPY "its position is beyond its end" },
		{ QUEUE(next), 2, UINT16_MAX, ENTROPY "its position is beyond its end" },
	};
	struct state_world *w = saved(state, DEVICE_ENTROPY);

	refuse_all(w, lies, COUNT_OF(lies));
	if (state_ring & BIT(VIRTIO_F_RING_PACKED))
		refuse_all(w, packed, COUNT_OF(packed));
	else
		refuse_all(w, split, COUNT_OF(split));
}

/* A position that the ring does not bear out is a driver's nonsense like any other. */
static void a_position_that_is_not_the_rings_harms_nobody(void **state)
{
	struct state_world *w = saved(state, DEVICE_ENTROPY);
	const uint64_t all = UINT64_MAX;

	memcpy(w->state + QUEUE(next), &(uint16_t){ STATE_SIZE - 1 }, 2);
	memcpy(w->state + QUEUE(unsignalled), &all, 4);
	assert_int_equal(load(w), 0);
	devices_resume(&w->devices);
	turn(w);
	drive(w, 0);
	offer(w, 0, NULL, 16, true);
	notify(w, 0);
	assert_int_equal(used(w, 0), 16);
}

static void a_consoles_own_state_is_checked(void **state)
{
	const unsigned at = QUEUE_AT + 2 * sizeof(struct queue_state);
	const struct lie lies[] = {
		{ at + 8, 4, 4097, "device: device 0 (console): more input than it can hold" },
		{ at + 8, 4, 10, "device: it ends too early" },
		{ at + 12, 4, 1, "device: device 0 (console): more input than it can hold" },
	};
	const uint64_t all = UINT64_MAX;
	struct state_world *w = saved(state, DEVICE_CONSOLE);

	refuse_all(w, lies, COUNT_OF(lies));
	/* More has gone out of a chain than it has: then that is all. */
	memcpy(w->state + at, &all, sizeof(all));
	assert_int_equal(load(w), 0);
	devices_resume(&w->devices);
	offer(w, 1, "gone", 4, false);
	notify(w, 1);
	used(w, 1);
	offer(w, 1, "more", 4, false);
	notify(w, 1);
	used(w, 1);
	assert_int_equal(read(w->out[0], w->state, sizeof(w->state)), 4);
	assert_memory_equal(w->state, "more", 4);
}

static void state_that_is_cut_short_is_refused(void **state)
{
	struct state_world *w = saved(state, DEVICE_CONSOLE);
	size_t whole = w->bytes;

	for (w->bytes = 0; w->bytes < whole; w->bytes += w->bytes % 8 ? 5 : 3)
		assert_int_equal(load(w), -EBADMSG);
}

static void too_little_room_is_said(void **state)
{
	struct state_world *w = saved(state, DEVICE_CONSOLE);

	for (size_t max = 0; max < w->bytes - HEADER; max += 7) {
		struct state_writer writer = { .to = w->state, .max = max };

		assert_int_equal(devices_save(&w->devices, &writer), -ENOSPC);
	}
	devices_resume(&w->devices);
}

/* --- another machine's --- */

static void devices_of_another_number_are_refused(void **state)
{
	struct state_world *w = saved(state, DEVICE_ENTROPY);

	add_device(w, DEVICE_CONSOLE);
	assert_refused(w, EINVAL, "the machine had 1 devices, and has 2 here: give the same devices in the same order");
}

static void devices_of_another_kind_or_order_are_refused(void **state)
{
	struct state_world *w = *state;

	add_device(w, DEVICE_ENTROPY);
	saved(state, DEVICE_CONSOLE);
	w->count = 0;
	add_device(w, DEVICE_CONSOLE);
	add_device(w, DEVICE_ENTROPY);
	assert_refused(w, EINVAL, "device 0 (console): it was a device of kind entropy: give the same devices in the same order");
}

static void another_interface_is_refused(void **state)
{
	struct state_world *w = *state;

	w->legacy = true;
	saved(state, DEVICE_ENTROPY);
	w->legacy = false;
	assert_refused(w, EINVAL, "device 0 (entropy): its driver uses the legacy interface: write --virtio legacy");
	drive(w, 0);
	save(w);
	w->legacy = true;
	assert_refused(w, EINVAL, "device 0 (entropy): its driver uses the modern interface: write --virtio modern");
}

static void a_feature_that_has_no_name_is_refused_by_its_number(void **state)
{
	struct state_world *w = saved(state, DEVICE_ENTROPY);
	uint64_t features[2]; /* offered, negotiated: of a kvick to come */

	memcpy(features, w->state + DEVICE(features_offered), sizeof(features));
	features[0] |= BIT(40);
	features[1] |= BIT(40);
	memcpy(w->state + DEVICE(features_offered), features, sizeof(features));
	assert_refused(w, EINVAL, "device 0 (entropy): its driver uses feature 40, which it does not have here: "
		       "take the snapshot again");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_field_of_a_device_is_checked),
		TEST(each_field_of_a_queue_is_checked),
		TEST(a_position_that_is_not_the_rings_harms_nobody),
		TEST(a_consoles_own_state_is_checked),
		TEST(state_that_is_cut_short_is_refused),
		TEST(too_little_room_is_said),
		TEST(devices_of_another_number_are_refused),
		TEST(devices_of_another_kind_or_order_are_refused),
		TEST(another_interface_is_refused),
		TEST(a_feature_that_has_no_name_is_refused_by_its_number),
	};

	return STATE_RUN("devices_state_broken", tests);
}
