/* SPDX-License-Identifier: Apache-2.0 */
/* What is said of devices: a machine that has one of each kind, which have come to this and that. */
#include "tests/unit/test_unit.h"

#include <linux/virtio_ids.h>

#include "control/report_devices.h"
#include "control/text.h"
#include "virtio/devices.h"
#include "vmm/machine.h"

#define KHZ 1000000u /* a tick is a nanosecond */

static const struct virtio_ops kinds[DEVICE_KINDS] = {
	[DEVICE_BLOCK] = { .name = "block", .id = VIRTIO_ID_BLOCK },
	[DEVICE_NET] = { .name = "network", .id = VIRTIO_ID_NET },
	[DEVICE_VSOCK] = { .name = "vsock", .id = VIRTIO_ID_VSOCK },
	[DEVICE_CONSOLE] = { .name = "console", .id = VIRTIO_ID_CONSOLE },
	[DEVICE_ENTROPY] = { .name = "entropy", .id = VIRTIO_ID_RNG },
};

struct fixture {
	struct machine machine;
	struct machine_config config;
	struct device_config configs[DEVICE_KINDS];
	struct virtio_device devices[DEVICE_KINDS];
	char text[8192];
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct machine *m = &f->machine;

	m->config = &f->config;
	m->timeline.tsc_khz = KHZ;
	m->devices.count = f->config.devices.count = DEVICE_KINDS;
	f->config.devices.list = f->configs;
	for (unsigned i = 0; i < DEVICE_KINDS; i++) {
		f->configs[i] = (struct device_config){ .kind = i, .path = "/a/disk" };
		f->devices[i].ops = &kinds[i];
		f->devices[i].queue_count = 1;
		m->devices.list[i] = &f->devices[i];
	}
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	free(*state);
	return 0;
}

static const char *written(struct fixture *f, void (*write)(struct text *text, const struct machine *machine))
{
	FILE *file = tmpfile();
	struct text text;

	text_begin(&text, &f->machine.sys, fileno(file));
	write(&text, &f->machine);
	assert_int_equal(text_end(&text), 0);
	memset(f->text, 0, sizeof(f->text));
	assert_true(pread(fileno(file), f->text, sizeof(f->text) - 1, 0) >= 0);
	fclose(file);
	return f->text;
}

static void of_devices_that_do_well_nothing_is_said(void **state)
{
	assert_string_equal(written(*state, devices_say), "");
}

static void a_first_error_of_the_host_is_said_whatever_the_device(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < DEVICE_KINDS; i++)
		f->devices[i].host_error = (struct virtio_host_error){ .count = 1, .errnum = EIO, .doing = "read", .at = 8 };
	strcpy(f->devices[DEVICE_NET].id, "lan");
	f->devices[DEVICE_ENTROPY].host_error = (struct virtio_host_error){ .count = 3, .errnum = ENOSYS, .doing = "getrandom" };
	assert_string_equal(written(f, devices_say),
		"kvick: disk /a/disk: read at sector 8: Input/output error: look into the kernel's log, its medium may be failing\n"
		"kvick: network, id lan: read: Input/output error: a tap's interface must be up: `ip link set NAME up`\n"
		"kvick: vsock: read: Input/output error: look at the socket and its folder\n"
		"kvick: console: read: Input/output error: look at standard input and output\n"
		"kvick: entropy: getrandom: Function not implemented: the guest got no random bytes: look at the host's kernel "
		"(the first of 3 errors)\n");
}

static void what_a_device_has_told_is_not_said_again(void **state)
{
	struct fixture *f = *state;

	f->devices[DEVICE_NET].host_error = (struct virtio_host_error){ .count = 1, .errnum = EIO, .doing = "read", .told = true };
	assert_string_equal(written(f, devices_say), "");
	strcpy(f->devices[DEVICE_NET].notice, "--net user: the guest's network was down from then on");
	assert_string_equal(written(f, devices_say), "kvick: --net user: the guest's network was down from then on\n");
}

static void a_device_that_its_driver_broke_is_said(void **state)
{
	struct fixture *f = *state;

	f->devices[DEVICE_CONSOLE].transport.needs_reset = "a chain of descriptors loops";
	assert_string_equal(written(f, devices_say),
			    "kvick: console: needed a reset by the guest's driver: a chain of descriptors loops\n");
}

static void a_queues_latencies_are_told_by_powers_of_two(void **state)
{
	struct fixture *f = *state;
	struct virtio_device *d = &f->devices[DEVICE_NET];

	f->machine.devices.count = 2;
	d->metrics[0].requests = 13;
	d->metrics[0].latency[9] = 10; /* below 1024 ns */
	d->metrics[0].latency[12] = 2;
	d->metrics[0].latency[VIRTIO_LATENCY_BUCKETS - 1] = 1;
	d->queues[0].counts.used = 14;
	written(f, devices_text);
	assert_says(f->text, "queue 0: requests 0, errors 0, completions 0, bytes 0 in 0 out, notifications 0, interrupts 0\n"
			     "kvick: device 1, network\n");
	assert_says(f->text, "requests 13, errors 0, completions 14,");
	assert_says(f->text, ", latency p50 0.8 us, p99 ");
	assert_says(f->text, "\nkvick:     latency: 10 below 1.0 us, 2 below 8.1 us, 1 longer\n");
	written(f, devices_json);
	assert_says(f->text, "\"requests\":0,\"errors\":0,\"completions\":0,");
	assert_says(f->text, "\"latency\":[],\"throttled\":0");
	assert_says(f->text, "\"completions\":14,");
	assert_says(f->text, "\"latency\":[{\"below_ns\":1024,\"count\":10},{\"below_ns\":8192,\"count\":2},"
			     "{\"below_ns\":null,\"count\":1}],\"latency_p50_ns\":819,\"latency_p99_ns\":");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(of_devices_that_do_well_nothing_is_said),
		TEST(a_first_error_of_the_host_is_said_whatever_the_device),
		TEST(what_a_device_has_told_is_not_said_again),
		TEST(a_device_that_its_driver_broke_is_said),
		TEST(a_queues_latencies_are_told_by_powers_of_two),
	};

	return cmocka_run_group_tests_name("devices in the report", tests, NULL, NULL);
}
