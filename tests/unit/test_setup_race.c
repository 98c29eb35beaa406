/* SPDX-License-Identifier: Apache-2.0 */
/*
 * THREATS 2 and 8: a driver that changes the structure of its set-up as soon as it has been fetched. To be linked with
 * --wrap=guest_mem_read.
 */
#include "tests/unit/test_machine.h"

#include <linux/virtio_config.h>

#include <kvick/virtio.h>

#define SETUP_AT  (FREE + 0x1000)
#define DESC_AT   (FREE + 0x2000)
#define DRIVER_AT (FREE + 0x3000)
#define DEVICE_AT (FREE + 0x4000)
#define LIST_AT   (FREE + 0x5000)
#define SIZE      8u

static unsigned fetched; /* times that any of the structure was */

int __real_guest_mem_read(const struct guest_mem *mem, gpa_t from, void *to, uint64_t bytes);
int __wrap_guest_mem_read(const struct guest_mem *mem, gpa_t from, void *to, uint64_t bytes);

int __wrap_guest_mem_read(const struct guest_mem *mem, gpa_t from, void *to, uint64_t bytes)
{
	int r = __real_guest_mem_read(mem, from, to, bytes);

	if (from.u >= SETUP_AT && from.u < SETUP_AT + sizeof(struct kvick_virtio_setup)) {
		fetched++;
		memset(guest_mem_span(mem, gpa(SETUP_AT), sizeof(struct kvick_virtio_setup)), 0xff,
		       sizeof(struct kvick_virtio_setup));
	}
	return r;
}

static void a_set_up_that_changes_while_it_is_served_changes_nothing(void **state)
{
	const struct kvick_virtio_setup good = {
		.queues = 1, .features = 1ull << VIRTIO_F_VERSION_1,
		.queue = { { .size = SIZE, .desc = DESC_AT, .driver = DRIVER_AT, .device = DEVICE_AT } },
	};
	struct device_config list[] = { { .kind = DEVICE_ENTROPY, .id = "rng" } };
	struct devices_config config = { .list = list, .count = 1, .engine = ENGINE_SYNC };
	struct fixture *f = *state;
	const struct devices_host host = { .mem = &f->m.mem, .page = gpa(LIST_AT), .stop = &f->stop, .sys = &f->m.sys };
	const struct virtio_device *d;

	assert_int_equal(devices_create(&f->m.devices, &config, &host, &f->m.error), 0);
	d = f->m.devices.list[0];
	assert_int_equal(guest_mem_write(&f->m.mem, gpa(SETUP_AT), &good, sizeof(good)), 0);
	fetched = 0;
	assert_int_equal(call(f, KVICK_CALL_DEVICE_SETUP, SETUP_AT), 0);
	assert_int_equal(fetched, 1);
	assert_int_equal(d->features, good.features);
	assert_int_equal(d->queues[0].config.size, SIZE);
	assert_int_equal(d->queues[0].config.desc, DESC_AT);
	assert_int_equal(d->queues[0].config.driver, DRIVER_AT);
	assert_int_equal(d->queues[0].config.device, DEVICE_AT);
	assert_true(d->queues[0].running);
	assert_true(devices_stop(&f->m.devices));
	devices_free(&f->m.devices);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_set_up_that_changes_while_it_is_served_changes_nothing),
	};

	return cmocka_run_group_tests_name("setup_race", tests, NULL, NULL);
}
