/* SPDX-License-Identifier: Apache-2.0 */
/* The words of --disk and --rng. */
#include "tests/unit/test_unit.h"

#include "control/device_options.h"
#include "vmm/error.h"

static struct device_options devices;
static struct error error;

static int set_up(void **state)
{
	(void)state;
	memset(&devices, 0, sizeof(devices));
	memset(&error, 0, sizeof(error));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	return 0;
}

/* Values are cut up where they are: each in memory of its own, which lives as long as the test. */
static char *writable(const char *value)
{
	static char memory[64][256];
	static unsigned next;
	char *at = memory[next++ % COUNT_OF(memory)];

	assert_true(strlen(value) < sizeof(memory[0]));
	return strcpy(at, value);
}

static const struct device_config *disk(const char *value)
{
	if (device_options_disk(&devices, writable(value), &error) < 0)
		fail_msg("%s: %s", value, error.text);
	return &devices.list[devices.count - 1];
}

static void assert_refused(int (*take)(struct device_options *, char *, struct error *), const char *value, const char *saying)
{
	unsigned before = devices.count;

	memset(&error, 0, sizeof(error));
	if (take(&devices, value ? writable(value) : NULL, &error) >= 0)
		fail_msg("%s: taken", value);
	assert_int_equal(error.kind, ERROR_USAGE);
	assert_says(error.text, saying);
	assert_int_equal(devices.count, before);
}

static void a_path_is_all_that_a_disk_needs(void **state)
{
	const struct device_config *c = disk("/var/lib/disk.img");

	(void)state;
	assert_int_equal(c->kind, DEVICE_BLOCK);
	assert_string_equal(c->path, "/var/lib/disk.img");
	assert_false(c->read_only || c->direct || c->queues || c->id[0]);
	assert_false(c->operations.per_second || c->bytes.per_second);
}

static void words_follow_in_any_order(void **state)
{
	const struct device_config *c = disk("d,queues=4,id=root,ro,format=raw,direct");

	(void)state;
	assert_string_equal(c->path, "d");
	assert_string_equal(c->id, "root");
	assert_int_equal(c->queues, 4);
	assert_true(c->read_only && c->direct);
	assert_false(disk("d,direct=off")->direct);
	assert_true(disk("d,direct=on")->direct);
}

static void a_comma_in_a_path_is_written_twice(void **state)
{
	(void)state;
	assert_string_equal(disk("a,,b,ro")->path, "a,b");
	assert_true(devices.list[0].read_only);
	assert_string_equal(disk(",,")->path, ",");
	assert_string_equal(disk("a,,,ro")->path, "a,");
	assert_true(devices.list[2].read_only);
	assert_string_equal(disk("a,,,,b")->path, "a,,b");
}

static void paths_are_missing(void **state)
{
	(void)state;
	assert_refused(device_options_disk, "", "a path is missing");
	assert_refused(device_options_disk, ",ro", "a path is missing");
}

static void words_that_nobody_knows_are_refused(void **state)
{
	static const char *const values[] = { "d,rw", "d,", "d,ro,,direct", "d,RO", "d,r", "d,roo", "d,=x", "d,id2=x" };

	(void)state;
	for (unsigned i = 0; i < COUNT_OF(values); i++)
		assert_refused(device_options_disk, values[i], "no such word");
	assert_refused(device_options_rng, "ro", "no such word");
	assert_refused(device_options_rng, "queues=2", "no such word");
}

static void values_that_do_not_fit_are_refused(void **state)
{
	static const struct { const char *value, *saying; } bad[] = {
		{ "d,ro=on", "write ro" }, { "d,direct=yes", "direct=off" }, { "d,format=qcow2", "kvick knows no other" },
		{ "d,format", "format=raw" }, { "d,queues", "queues=1 to" }, { "d,queues=0", "queues=1 to" },
		{ "d,queues=5", "queues=1 to" }, { "d,queues=11", "queues=1 to" }, { "d,queues=", "queues=1 to" },
		{ "d,id", "up to 31" }, { "d,id=", "up to 31" }, { "d,id=a b", "up to 31" }, { "d,id=\x7f", "up to 31" },
		{ "d,id=12345678901234567890123456789012", "up to 31" },
	};

	(void)state;
	for (unsigned i = 0; i < COUNT_OF(bad); i++)
		assert_refused(device_options_disk, bad[i].value, bad[i].saying);
	assert_int_equal(strlen(disk("d,id=1234567890123456789012345678901")->id), 31);
}

static void assert_rate(const struct device_rate *rate, uint64_t per_second, uint64_t burst)
{
	assert_true(rate->per_second == per_second);
	assert_true(rate->burst == burst);
}

static void limits_are_a_rate_and_perhaps_a_burst(void **state)
{
	static const struct { const char *value; uint64_t per_second, burst; } operations[] = {
		{ "d,iops=1", 1, 0 }, { "d,iops=500/1", 500, 1 }, { "d,iops=1000000000/1000000000", 1000000000, 1000000000 },
	}, bytes[] = {
		{ "d,bps=1", 1, 0 }, { "d,bps=4K/1", 4096, 1 }, { "d,bps=10M/512", 10 << 20, 512 }, { "d,bps=2GiB/1MiB", 2ull << 30,
		  1 << 20 }, { "d,bps=18446744073709551615", UINT64_MAX, 0 },
	};

	(void)state;
	for (unsigned i = 0; i < COUNT_OF(operations); i++, devices.count = 0) {
		assert_rate(&disk(operations[i].value)->operations, operations[i].per_second, operations[i].burst);
		assert_rate(&devices.list[0].bytes, 0, 0);
	}
	for (unsigned i = 0; i < COUNT_OF(bytes); i++, devices.count = 0) {
		assert_rate(&disk(bytes[i].value)->bytes, bytes[i].per_second, bytes[i].burst);
		assert_rate(&devices.list[0].operations, 0, 0);
	}
	assert_rate(&disk("d,bps=1M,iops=7/3")->operations, 7, 3);
	assert_rate(&devices.list[0].bytes, 1 << 20, 0);
}

static void limits_that_are_none_are_refused(void **state)
{
	static const char *const bad[] = { "", "=", "=0", "=x", "=1/", "=/1", "=1/0", "=1/x", "=1/2/3", "=-1", "= 1", "=1.5",
		"=99999999999999999999", "=1/99999999999999999999", "=1/ 1",
		"=1111111111111111111111111111111111111111111111111111111111111111111111111" };
	char value[100];

	(void)state;
	for (unsigned i = 0; i < COUNT_OF(bad); i++) {
		snprintf(value, sizeof(value), "d,iops%s", bad[i]);
		assert_refused(device_options_disk, value, "write iops=N or iops=N/BURST");
		snprintf(value, sizeof(value), "d,bps%s", bad[i]);
		assert_refused(device_options_disk, value, "write bps=SIZE or bps=SIZE/BURST");
	}
	assert_refused(device_options_disk, "d,iops=1000000001", "1 to 1000000000");
	assert_refused(device_options_disk, "d,iops=4K", "iops=N");
}

/* Operations where somebody outside counts them. */
static void every_device_takes_the_limits_that_make_sense(void **state)
{
	static const struct {
		int (*take)(struct device_options *, char *, struct error *);
		const char *value;
		bool operations;
	} rows[] = {
		{ device_options_disk, "d", true }, { device_options_net, "tap=a", true }, { device_options_rng, "id=r", true },
		{ device_options_vsock, "3,/s", false }, { device_options_console, "id=c", false },
	};
	char value[100];

	(void)state;
	for (unsigned i = 0; i < COUNT_OF(rows); i++) {
		devices.count = 0;
		snprintf(value, sizeof(value), "%s,iops=5", rows[i].value);
		if (rows[i].operations)
			assert_int_equal(rows[i].take(&devices, writable(value), &error), 0);
		else
			assert_refused(rows[i].take, value, "no such word");
		devices.count = 0;
		snprintf(value, sizeof(value), "%s,bps=5", rows[i].value);
		assert_int_equal(rows[i].take(&devices, writable(value), &error), 0);
		assert_rate(&devices.list[0].bytes, 5, 0);
	}
}

static void an_id_is_one_device_s(void **state)
{
	(void)state;
	disk("d,id=one");
	assert_refused(device_options_disk, "e,id=one", "another device has it");
	assert_refused(device_options_rng, "id=one", "another device has it");
	disk("e,id=two");
	disk("f");
	disk("g"); /* none at all is no id */
}

static void an_entropy_device_needs_no_word(void **state)
{
	(void)state;
	assert_int_equal(device_options_rng(&devices, NULL, &error), 0);
	assert_int_equal(devices.list[0].kind, DEVICE_ENTROPY);
	assert_int_equal(device_options_rng(&devices, writable("id=dice"), &error), 0);
	assert_string_equal(devices.list[1].id, "dice");
}

static void a_guest_has_so_many_devices_and_no_more(void **state)
{
	(void)state;
	for (unsigned i = 0; i < KVICK_DEVICES_MAX; i++)
		disk("d");
	assert_refused(device_options_disk, "d", "one device too many");
	assert_refused(device_options_rng, NULL, "one device too many");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_path_is_all_that_a_disk_needs),
		TEST(words_follow_in_any_order),
		TEST(a_comma_in_a_path_is_written_twice),
		TEST(paths_are_missing),
		TEST(words_that_nobody_knows_are_refused),
		TEST(values_that_do_not_fit_are_refused),
		TEST(limits_are_a_rate_and_perhaps_a_burst),
		TEST(limits_that_are_none_are_refused),
		TEST(every_device_takes_the_limits_that_make_sense),
		TEST(an_id_is_one_device_s),
		TEST(an_entropy_device_needs_no_word),
		TEST(a_guest_has_so_many_devices_and_no_more),
	};

	return cmocka_run_group_tests_name("device_options", tests, NULL, NULL);
}
