/* SPDX-License-Identifier: Apache-2.0 */
/* Manifests: another format, another CPU, and values that make no sense are refused by name. */
#include "tests/unit/test_unit.h"

#include <sys/sysinfo.h>

#include "vmm/cpu_model.h"
#include "vmm/error.h"
#include "vmm/snapshot.h"
#include "vmm/snapshot_manifest.h"
#include "vmm/state.h"
#include "vmm/sys.h"

struct fixture {
	struct snapshot_manifest manifest, got;
	struct error error;
	struct sys sys;
	char text[SNAPSHOT_MANIFEST_BYTES_MAX];
	size_t bytes;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	f->manifest = (struct snapshot_manifest){
		.kvick = "1.2.3", .image = "a.elf", .protocol = "native", .ring = 3, .memory_bytes = 16 << 20, .behind_bytes = 8192,
		.taken = "ready", .cpu = { .vendor = "AcmeGenuine", .name = "Acme One" },
		.files = { .state = { 100, 1 }, .memory = { (16 << 20) + 8192, 2 } },
	};
	return 0;
}

static int tear_down(void **state)
{
	free(*state);
	return 0;
}

static int read_back(struct fixture *f)
{
	f->error = (struct error){ 0 };
	f->bytes = snapshot_manifest_write(&f->manifest, f->text, sizeof(f->text));
	assert_true(f->bytes > 0);
	return snapshot_manifest_read(&f->got, f->text, f->bytes, "file", &f->error);
}

static void assert_refused(struct fixture *f, const char *says)
{
	assert_true(read_back(f) < 0);
	assert_int_equal(f->error.kind, ERROR_IMAGE);
	assert_says(f->error.text, says);
}

static void the_round_trip_changes_nothing(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(read_back(f), 0);
	assert_memory_equal(&f->got, &f->manifest, sizeof(f->got));
}

/* Text that was changed, with a checksum that is right. */
static void assert_changed_is_refused(struct fixture *f, const char *from, const char *to, const char *says)
{
	char *at, *copy;
	size_t trailer;

	assert_int_equal(read_back(f), 0);
	copy = strdup(f->text);
	at = strstr(copy, from);
	assert_non_null(at);
	snprintf(f->text, sizeof(f->text), "%.*s%s%s", (int)(at - copy), copy, to, at + strlen(from));
	free(copy);
	trailer = (size_t)(strstr(f->text, "\"checksum\": \"0x") - f->text);
	for (const char *next; (next = strstr(f->text + trailer + 1, "\"checksum\": \"0x"));)
		trailer = (size_t)(next - f->text);
	snprintf(f->text + trailer, 60, "\"checksum\": \"0x%016llx\"\n}\n",
		 (unsigned long long)snapshot_checksum(f->text, trailer, 0));
	assert_true(snapshot_manifest_read(&f->got, f->text, strlen(f->text), "file", &f->error) < 0);
	assert_says(f->error.text, says);
}

static void another_format_is_refused_before_all_else(void **state)
{
	assert_changed_is_refused(*state, "\"format\": 1,", "\"format\": 2, \"more\": [[]],",
				  "file: format: 2, and this kvick reads 1: take the snapshot again");
	assert_changed_is_refused(*state, "\"format\": 1,", "\"format\": -1,", "file: format: 0");
	assert_changed_is_refused(*state, "\"format\": 1,", "\"format\": 99999999999999999999,", "file: format: ");
	assert_changed_is_refused(*state, "\"format\"", "\"fromat\"", "no manifest of a snapshot's");
}

static void another_format_of_the_state_is_refused_with_whose_it_is(void **state)
{
	assert_changed_is_refused(*state, "\"state_format\": 1,", "\"state_format\": 7,",
				  "state_format: 7, written by kvick 1.2.3, and this one reads 1");
}

static void what_makes_no_sense_is_refused(void **state)
{
	struct fixture *f = *state;

	f->manifest.ring = 2;
	assert_refused(f, "ring: 2: guests run at 0 or 3");
	f->manifest.ring = 0;
	f->manifest.memory_bytes++;
	assert_refused(f, "memory_bytes: 16777217: a multiple of 4096");
	f->manifest.memory_bytes--;
	f->manifest.behind_bytes = 1;
	assert_refused(f, "behind_bytes: 1: a multiple of 4096");
	f->manifest.behind_bytes = 4096;
	assert_refused(f, "files.memory.bytes: 16785408: memory_bytes and behind_bytes together");
	f->manifest.files.memory.bytes = (16 << 20) + 4096;
	assert_int_equal(read_back(f), 0);
	f->manifest.device_count = 1;
	assert_refused(f, "devices: 0: it is of no kind that kvick knows");
}

static void bounds_are_those_of_a_machine(void **state)
{
	struct fixture *f = *state;

	f->manifest.memory_bytes = GUEST_MEM_BYTES_MAX + GUEST_PAGE_BYTES;
	assert_refused(f, "memory_bytes: 68719480832");
	f->manifest.memory_bytes = GUEST_MEM_BYTES_MIN - GUEST_PAGE_BYTES;
	assert_refused(f, "memory_bytes: 2093056");
	f->manifest.memory_bytes = 16 << 20;
	f->manifest.files.state.bytes = STATE_BYTES_MAX + 1;
	assert_refused(f, "files.state.bytes: 1048577");
	f->manifest.files.state.bytes = 0;
	assert_refused(f, "files.state.bytes: 0");
}

static void all_devices_fit(void **state)
{
	struct fixture *f = *state;

	f->manifest.device_count = KVICK_DEVICES_MAX;
	for (unsigned i = 0; i < KVICK_DEVICES_MAX; i++) {
		strcpy(f->manifest.devices[i].kind, snapshot_device_name(i % DEVICE_KINDS));
		memset(f->manifest.devices[i].words, 'x', sizeof(f->manifest.devices[i].words) - 1);
	}
	assert_int_equal(read_back(f), 0);
	assert_memory_equal(&f->got, &f->manifest, sizeof(f->got));
}

static void nothing_beyond_a_short_text_is_read(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(read_back(f), 0);
	for (size_t bytes = 0; bytes < f->bytes; bytes++) {
		char *copy = malloc(bytes ? bytes : 1);

		memcpy(copy, f->text, bytes);
		assert_true(snapshot_manifest_read(&f->got, copy, bytes, "file", &f->error) < 0);
		free(copy);
	}
}

/* ---- the host ---- */

static void this_host_has_what_it_has(void **state)
{
	struct fixture *f = *state;

	snapshot_cpu_read(&f->manifest.cpu);
	snapshot_cpu_read_name(&f->manifest.cpu);
	assert_int_equal(strlen(f->manifest.cpu.vendor), 12);
	assert_int_equal(snapshot_manifest_check_host(&f->manifest, "snap", &f->sys, &f->error), 0);
}

static void another_vendor_is_refused(void **state)
{
	struct fixture *f = *state;

	assert_true(snapshot_manifest_check_host(&f->manifest, "snap", &f->sys, &f->error) < 0);
	assert_int_equal(f->error.kind, ERROR_HOST);
	assert_says(f->error.text, "snap: taken on a CPU of AcmeGenuine (Acme One)");
}

static void all_that_a_cpu_lacks_is_named(void **state)
{
	struct fixture *f = *state;
	struct snapshot_cpu there = { .vendor = "v", .name = "Acme One" }, here = { .vendor = "v" };

	there.words[CPU_1_ECX] = 1u << 28 | 1u << 0;
	there.words[CPU_7_EBX] = 1u << 5 | 1u << 2 | 1u << 31;
	there.words[CPU_XCR0] = 1ull << 62 | 7;
	here.words[CPU_1_ECX] = 1u << 0;
	here.words[CPU_XCR0] = 7;
	assert_int_equal(snapshot_cpu_check(&there, &here, "snap", &f->error), -ENOTSUP);
	assert_says(f->error.text, "snap: taken on Acme One, and this CPU lacks avx, leaf 7 EBX bit 2, avx2, avx512vl, XCR0 bit "
		    "62:");
	f->error = (struct error){ 0 };
	assert_int_equal(snapshot_cpu_check(&here, &there, "snap", &f->error), 0);
	for (unsigned i = 0; i < SNAPSHOT_CPU_WORDS; i++)
		there.words[i] = UINT64_MAX;
	assert_int_equal(snapshot_cpu_check(&there, &here, "snap", &f->error), -ENOTSUP);
}

static void a_guest_that_was_told_nothing_needs_nothing(void **state)
{
	static struct cpu_table nothing;
	struct snapshot_cpu cpu = { .vendor = "v" }, none = { .vendor = "v" };

	(void)state;
	memset(cpu.words, 0xff, sizeof(cpu.words));
	snapshot_cpu_limit(&cpu, &nothing, 0);
	assert_memory_equal(&cpu, &none, sizeof(cpu));
}

static void a_guest_needs_what_it_was_told_of(void **state)
{
	static struct cpu_table told = { .count = 2, .entries = { { .function = 1, .ecx = 1u << 20 }, { .function = 7 } } };
	struct snapshot_cpu cpu = { .vendor = "v" };

	(void)state;
	memset(cpu.words, 0xff, sizeof(cpu.words));
	snapshot_cpu_limit(&cpu, &told, 7);
	assert_int_equal(cpu.words[CPU_XCR0], 7);
	assert_int_equal(cpu.words[CPU_1_ECX], 1u << 20);
	assert_int_equal(cpu.words[CPU_7_EBX], 0);
	assert_int_equal(cpu.words[CPU_80000001_EDX], 0);
}

static void more_memory_than_the_host_has_is_refused(void **state)
{
	struct fixture *f = *state;
	struct sysinfo host;

	snapshot_cpu_read(&f->manifest.cpu);
	assert_int_equal(sysinfo(&host), 0);
	if ((uint64_t)host.totalram * host.mem_unit > GUEST_MEM_BYTES_MAX - GUEST_PAGE_BYTES)
		skip();
	f->manifest.memory_bytes = GUEST_MEM_BYTES_MAX;
	assert_int_equal(snapshot_manifest_check_host(&f->manifest, "snap", &f->sys, &f->error), -ENOMEM);
	assert_says(f->error.text, "snap: 65536 MiB of guest RAM, and the host has");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_round_trip_changes_nothing),
		TEST(another_format_is_refused_before_all_else),
		TEST(another_format_of_the_state_is_refused_with_whose_it_is),
		TEST(what_makes_no_sense_is_refused),
		TEST(bounds_are_those_of_a_machine),
		TEST(all_devices_fit),
		TEST(nothing_beyond_a_short_text_is_read),
		TEST(this_host_has_what_it_has),
		TEST(another_vendor_is_refused),
		TEST(all_that_a_cpu_lacks_is_named),
		TEST(a_guest_that_was_told_nothing_needs_nothing),
		TEST(a_guest_needs_what_it_was_told_of),
		TEST(more_memory_than_the_host_has_is_refused),
	};

	return cmocka_run_group_tests_name("snapshot_manifest", tests, NULL, NULL);
}
