/* SPDX-License-Identifier: Apache-2.0 */
/* --block:NAME=PATH and the like; and whether what they attach is what a manifest declares. */
#include "tests/unit/test_unit.h"

#include "control/solo5_options.h"
#include "loader/image.h"
#include "vmm/error.h"
#include "vmm/solo5.h"

static struct solo5_options options;
static struct error error;

static int set_up(void **state)
{
	(void)state;
	memset(&options, 0, sizeof(options));
	memset(&error, 0, sizeof(error));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	return 0;
}

typedef int take_fn(struct solo5_options *options, char *text, struct error *error);

/* Values are cut up where they are: each in memory of its own, which lives as long as the test. */
static char *writable(const char *value)
{
	static char memory[128][128];
	static unsigned next;
	char *at = memory[next++ % COUNT_OF(memory)];

	assert_true(strlen(value) < sizeof(memory[0]));
	return strcpy(at, value);
}

static struct solo5_attachment *good(take_fn *take, const char *text)
{
	if (take(&options, writable(text), &error) < 0)
		fail_msg("%s: %s", text, error.text);
	return &options.list[options.count - 1];
}

static void bad(take_fn *take, const char *text, const char *fragment)
{
	memset(&error, 0, sizeof(error));
	assert_int_equal(take(&options, writable(text), &error), -EINVAL);
	assert_int_equal(error.kind, ERROR_USAGE);
	assert_says(error.text, fragment);
}

static void a_disk_has_a_name_and_a_path(void **state)
{
	const struct solo5_attachment *a = good(solo5_options_block, "storage=/a,ro=b");

	(void)state;
	assert_string_equal(a->name, "storage");
	assert_true(a->attached);
	assert_int_equal(a->device.kind, DEVICE_BLOCK);
	assert_string_equal(a->device.path, "/a,ro=b");
	assert_string_equal(a->device.entry, "storage");
	assert_false(a->device.read_only);
}

static void a_sector_size_may_come_first(void **state)
{
	const struct solo5_attachment *a = good(solo5_options_sector_size, "storage=4096");

	(void)state;
	assert_false(a->attached);
	assert_ptr_equal(good(solo5_options_block, "storage=/a"), a);
	assert_int_equal(options.count, 1);
	assert_int_equal(a->block_bytes, 4096);
	assert_true(a->attached);
}

static void a_network_is_a_tap(void **state)
{
	const struct solo5_attachment *a = good(solo5_options_net, "service=tap100");

	(void)state;
	assert_int_equal(a->device.kind, DEVICE_NET);
	assert_int_equal(a->device.net, NET_TAP);
	assert_string_equal(a->device.interface, "tap100");
}

static void a_network_may_be_a_descriptor(void **state)
{
	const struct solo5_attachment *a = good(solo5_options_net, "service=@5");

	(void)state;
	assert_int_equal(a->device.net, NET_FD);
	assert_int_equal(a->device.fd, 5);
}

static void a_mac_may_be_said(void **state)
{
	const struct solo5_attachment *a = good(solo5_options_mac, "service=02:11:22:33:44:ff");

	(void)state;
	good(solo5_options_net, "service=tap100");
	assert_int_equal(options.count, 1);
	assert_int_equal(a->device.mac[5], 0xff);
}

static void what_is_no_name_and_value_is_refused(void **state)
{
	(void)state;
	bad(solo5_options_block, "storage", "--block:storage: write --block:NAME=VALUE");
	bad(solo5_options_block, "", "write --block:NAME=VALUE");
	bad(solo5_options_block, "=/a", "write --block:NAME=VALUE");
	bad(solo5_options_block, "storage=", "write --block:NAME=VALUE");
	bad(solo5_options_mac, "storage", "write --net-mac:NAME=VALUE");
	bad(solo5_options_net, "a2345678901234567890123456789012345678901234567890123456789012345678=t", "up to 67 characters");
}

static void sector_sizes_that_are_none_are_refused(void **state)
{
	static const char *const sizes[] = {
		"s=0", "s=1", "s=256", "s=511", "s=513", "s=521", "s=768", "s=65536", "s=4K", "s=-512", "s= 512", "s=0x200",
		"s=99999999999999999999",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(sizes); i++)
		bad(solo5_options_sector_size, sizes[i], "a sector's size is a power of two from 512 to 32768");
}

static void networks_that_are_none_are_refused(void **state)
{
	static const char *const nets[] = { "n=a2345678901234567", "n=tap/0", "n=@", "n=@2", "n=@x", "n=@-1", "n=@99999999999" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(nets); i++) {
		memset(&options, 0, sizeof(options));
		bad(solo5_options_net, nets[i], "write a tap's name, up to 15 characters, or @N");
	}
}

static void macs_that_are_none_are_refused(void **state)
{
	static const char *const macs[] = {
		"n=00:00:00:00:00:00", "n=01:00:00:00:00:01", "n=02:11:22:33:44", "n=02:11:22:33:44:5", "n=02-11-22-33-44-55",
		"n=02:11:22:33:44:5g",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(macs); i++) {
		memset(&options, 0, sizeof(options));
		bad(solo5_options_mac, macs[i], "write the address of one station");
	}
}

static void what_is_said_twice_is_refused(void **state)
{
	(void)state;
	good(solo5_options_block, "disk=/a");
	bad(solo5_options_block, "disk=/b", "attached already");
	good(solo5_options_sector_size, "disk=512");
	bad(solo5_options_sector_size, "disk=512", "said already");
	good(solo5_options_net, "net=tap0");
	bad(solo5_options_net, "net=tap1", "attached already");
	good(solo5_options_mac, "net=02:00:00:00:00:01");
	bad(solo5_options_mac, "net=02:00:00:00:00:02", "said already");
}

static void a_name_of_two_devices_is_refused(void **state)
{
	(void)state;
	good(solo5_options_block, "x=/a");
	bad(solo5_options_net, "x=tap0", "--net:x=tap0: that name is given to a block device too");
	good(solo5_options_mac, "y=02:00:00:00:00:01");
	bad(solo5_options_sector_size, "y=512", "that name is given to a network too");
}

static void the_64th_device_is_refused(void **state)
{
	char text[16];

	(void)state;
	for (unsigned i = 1; i < SOLO5_ENTRIES_MAX; i++) {
		snprintf(text, sizeof(text), "d%u=/a", i);
		good(solo5_options_block, text);
	}
	bad(solo5_options_block, "d64=/a", "one device too many");
}

/* ---- solo5_check() ---- */

static const struct image image = { .path = "test.hvt" };

static const struct solo5_manifest manifest = {
	.version = 1,
	.entries = 3,
	.entry = { { .type = SOLO5_FIRST }, { .name = "disk", .type = SOLO5_BLOCK }, { .name = "net", .type = SOLO5_NET } },
};

static int check(void)
{
	return solo5_check(&manifest, &(struct solo5_config){ options.list, options.count }, &image, &error);
}

static void assert_check_says(const char *fragment)
{
	assert_int_equal(check(), -EINVAL);
	assert_int_equal(error.kind, ERROR_USAGE);
	assert_says(error.text, fragment);
}

static void all_that_is_declared_is_attached(void **state)
{
	(void)state;
	good(solo5_options_net, "net=tap0");
	good(solo5_options_block, "disk=/a");
	assert_int_equal(check(), 0);
}

static void a_disk_that_is_not_attached(void **state)
{
	(void)state;
	good(solo5_options_net, "net=tap0");
	assert_check_says("test.hvt: declares the block device \"disk\", and it is not attached: write --block:disk=PATH");
}

static void a_disk_of_which_only_the_sector_size_is_said(void **state)
{
	(void)state;
	good(solo5_options_net, "net=tap0");
	good(solo5_options_sector_size, "disk=512");
	assert_check_says("declares the block device \"disk\", and it is not attached");
}

static void a_network_that_is_not_attached(void **state)
{
	(void)state;
	good(solo5_options_block, "disk=/a");
	assert_check_says("test.hvt: declares the net device \"net\", and it is not attached: write --net:net=TAP");
}

static void a_disk_where_a_network_is_declared(void **state)
{
	(void)state;
	good(solo5_options_block, "disk=/a");
	good(solo5_options_block, "net=/b");
	assert_check_says("--block:net: test.hvt declares it as a net device: write --net:net=TAP");
}

static void a_network_where_a_disk_is_declared(void **state)
{
	(void)state;
	good(solo5_options_net, "disk=tap0");
	assert_check_says("--net:disk: test.hvt declares it as a block device: write --block:disk=PATH");
}

static void a_device_that_nobody_declares(void **state)
{
	(void)state;
	good(solo5_options_block, "disk=/a");
	good(solo5_options_net, "net=tap0");
	good(solo5_options_net, "net2=tap1");
	assert_check_says("--net:net2: test.hvt declares no device of that name");
}

static void a_sector_size_of_a_device_that_nobody_declares(void **state)
{
	(void)state;
	good(solo5_options_sector_size, "x=512");
	assert_check_says("--block-sector-size:x: test.hvt declares no device of that name");
}

static void a_mac_of_a_device_that_nobody_declares(void **state)
{
	(void)state;
	good(solo5_options_mac, "x=02:00:00:00:00:01");
	assert_check_says("--net-mac:x: test.hvt declares no device of that name");
}

static void a_sector_size_where_a_network_is_declared(void **state)
{
	(void)state;
	good(solo5_options_block, "disk=/a");
	good(solo5_options_sector_size, "net=512");
	assert_check_says("--block-sector-size:net: test.hvt declares it as a net device: write --net:net=TAP");
}

static void a_mac_where_a_disk_is_declared(void **state)
{
	(void)state;
	good(solo5_options_mac, "disk=02:00:00:00:00:01");
	assert_check_says("--net-mac:disk: test.hvt declares it as a block device: write --block:disk=PATH");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_disk_has_a_name_and_a_path),
		TEST(a_sector_size_may_come_first),
		TEST(a_network_is_a_tap),
		TEST(a_network_may_be_a_descriptor),
		TEST(a_mac_may_be_said),
		TEST(what_is_no_name_and_value_is_refused),
		TEST(sector_sizes_that_are_none_are_refused),
		TEST(networks_that_are_none_are_refused),
		TEST(macs_that_are_none_are_refused),
		TEST(what_is_said_twice_is_refused),
		TEST(a_name_of_two_devices_is_refused),
		TEST(the_64th_device_is_refused),
		TEST(all_that_is_declared_is_attached),
		TEST(a_disk_that_is_not_attached),
		TEST(a_disk_of_which_only_the_sector_size_is_said),
		TEST(a_network_that_is_not_attached),
		TEST(a_disk_where_a_network_is_declared),
		TEST(a_network_where_a_disk_is_declared),
		TEST(a_device_that_nobody_declares),
		TEST(a_sector_size_of_a_device_that_nobody_declares),
		TEST(a_mac_of_a_device_that_nobody_declares),
		TEST(a_sector_size_where_a_network_is_declared),
		TEST(a_mac_where_a_disk_is_declared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
