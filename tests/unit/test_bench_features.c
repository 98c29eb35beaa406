/* SPDX-License-Identifier: Apache-2.0 */
/* What a test may require of a host, asked of made-up ones. */
#include "tests/unit/test_unit.h"

#include "control/measure/environment.h"
#include "tests/unit/host_fixture.h"

#define KVM FINDING("kvm", "ok", "/dev/kvm opens")
#define CPUINFO(flags) "processor\t: 0\nflags\t\t: " flags "\nbugs\t\t: avx2\n"

static int set_up(void **state)
{
	(void)state;
	host_begin();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	host_end();
	return 0;
}

static void assert_there(const char *name)
{
	const struct feature *feature = feature_find(name);
	char why[256] = "";

	assert_non_null(feature);
	if (!feature->is_there(why, sizeof(why)))
		fail_msg("%s is not there: %s", name, why);
}

static void assert_absent(const char *name, const char *reason)
{
	const struct feature *feature = feature_find(name);
	char why[256] = "";

	assert_non_null(feature);
	assert_false(feature->is_there(why, sizeof(why)));
	assert_says(why, reason);
}

static void names_are_unique_and_others_are_none(void **state)
{
	(void)state;
	for (const struct feature *feature = features; feature->name; feature++)
		assert_ptr_equal(feature_find(feature->name), feature);
	assert_null(feature_find("kvn"));
	assert_null(feature_find(""));
}

static void a_host_that_tells_nothing_lacks_all_with_a_reason(void **state)
{
	(void)state;
	for (const struct feature *feature = features; feature->name; feature++) {
		char why[256] = "";

		if (strcmp(feature->name, "passt") == 0) /* which is looked for along PATH */
			continue;
		if (feature->is_there(why, sizeof(why)))
			fail_msg("%s is there", feature->name);
		assert_string_not_equal(why, "");
	}
}

static void kvm_and_its_rings_are_as_doctor_finds_them(void **state)
{
	(void)state;
	host_doctor_says(DOCTOR(KVM "," FINDING("ring 0", "ok", "native here") ","
				FINDING("doorbell", "ok", "VMMCALL reaches kvick")));
	assert_there("kvm");
	assert_there("ring0");
	assert_there("vmcall");
	assert_absent("ring0_emulated", "native");
	host_doctor_says(DOCTOR(KVM "," FINDING("ring 0", "costs", "emulated by this KVM") ","
				FINDING("doorbell", "ok", "a port: no")));
	assert_absent("ring0", "emulated by this KVM");
	assert_there("ring0_emulated");
	assert_absent("vmcall", "a port: no");
	host_doctor_says(DOCTOR(FINDING("kvm", "bad", "/dev/kvm: Permission denied")));
	assert_absent("kvm", "Permission denied");
	assert_absent("ring0", "Permission denied");
	assert_absent("ring0_emulated", "Permission denied");
	assert_absent("vmcall", "Permission denied");
}

static void io_uring_is_as_doctor_finds_it(void **state)
{
	(void)state;
	host_doctor_says(DOCTOR(FINDING("io_uring", "ok", "io_uring")));
	assert_there("io_uring");
	host_doctor_says(DOCTOR(FINDING("io_uring", "costs", "io_uring: Operation not permitted")));
	assert_absent("io_uring", "not permitted");
}

static void instructions_are_flags_of_the_processor(void **state)
{
	(void)state;
	host_put("/proc/cpuinfo", CPUINFO("fpu xsave avx"));
	assert_there("xsave");
	assert_there("avx");
	assert_absent("avx2", "avx2");
	assert_absent("avx512", "avx512f");
	assert_there("bare_metal");
	assert_absent("nested", "no virtual machine");
	host_put("/proc/cpuinfo", CPUINFO("fpu noxsave avx_vnni"));
	assert_absent("xsave", "no xsave");
	assert_absent("avx", "no avx");
	host_put("/proc/cpuinfo", CPUINFO("hypervisor"));
	assert_there("nested");
	assert_absent("bare_metal", "virtual machine");
}

static void what_root_may(void **state)
{
	(void)state;
	host_put("/dev/net/tun", "");
	host_put("/proc/self/status", "Uid:\t0\t1000\t0\t0\nCapEff:\t0000000000000000\n");
	assert_absent("root", "not root");
	assert_absent("tap", "root");
	host_put("/proc/self/status", "Uid:\t1000\t0\t0\t0\nCapEff:\t000001ffffffffff\n");
	assert_there("root");
	assert_there("tap");
	assert_there("user_namespaces");
	host_take("/dev/net/tun");
	assert_absent("tap", "modprobe tun");
}

static void user_namespaces_of_everybody(void **state)
{
	(void)state;
	host_put("/proc/self/status", "Uid:\t1000\t1000\t1000\t1000\n");
	host_put("/proc/sys/user/max_user_namespaces", "0\n");
	assert_absent("user_namespaces", "max_user_namespaces");
	host_put("/proc/sys/user/max_user_namespaces", "100\n");
	assert_there("user_namespaces");
	host_put("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1\n");
	assert_absent("user_namespaces", "apparmor");
	host_put("/proc/sys/kernel/unprivileged_userns_clone", "0\n");
	assert_absent("user_namespaces", "unprivileged_userns_clone");
}

static void pages_and_memory(void **state)
{
	(void)state;
	host_put("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "0\n");
	assert_absent("hugepages", "nr_hugepages");
	host_put("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "3\n");
	assert_there("hugepages");
	host_put("/sys/kernel/mm/transparent_hugepage/enabled", "always madvise [never]\n");
	assert_absent("thp", "madvise");
	host_put("/sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never\n");
	assert_there("thp");
	host_put("/proc/meminfo", "MemTotal: 9000000 kB\nMemAvailable: 4194303 kB\n");
	assert_absent("memory_4g", "4 GiB");
	host_put("/proc/meminfo", "MemTotal: 9000000 kB\nMemAvailable: 4194304 kB\n");
	assert_there("memory_4g");
}

static void processors_are_those_that_we_may_use(void **state)
{
	(void)state;
	host_put("/proc/self/status", "Cpus_allowed_list:\t3\n");
	assert_absent("two_cpus", "one processor");
	host_put("/proc/self/status", "Cpus_allowed_list:\t0,7\n");
	assert_there("two_cpus");
	host_put("/proc/self/status", "Cpus_allowed_list:\t7-0\n");
	assert_absent("two_cpus", "one processor");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(names_are_unique_and_others_are_none),
		TEST(a_host_that_tells_nothing_lacks_all_with_a_reason),
		TEST(kvm_and_its_rings_are_as_doctor_finds_them),
		TEST(io_uring_is_as_doctor_finds_it),
		TEST(instructions_are_flags_of_the_processor),
		TEST(what_root_may),
		TEST(user_namespaces_of_everybody),
		TEST(pages_and_memory),
		TEST(processors_are_those_that_we_may_use),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
