/* SPDX-License-Identifier: Apache-2.0 */
/* What is recorded of a host, and which warnings follow: of made-up hosts. */
#include "tests/unit/test_unit.h"

#include "control/measure/environment.h"
#include "tests/unit/host_fixture.h"

#define ENOUGH 1000 /* runs that are not few */
#define CPUINFO(flags) "processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 143\nmodel name\t: A Processor\n" \
	"stepping\t: 8\nmicrocode\t: 0x2b000603\nflags\t\t: " flags "\nbugs\t\t: spectre_v1 hypervisor\n\nprocessor\t: 1\n"
#define STATUS(cpus) "Name:\tbench\nUid:\t1000\t1000\t1000\t1000\nCpus_allowed_list:\t" cpus "\n"
/* utime stime cutime cstime */
#define SELF(times) "12 (a) b) R 1 12 12 0 -1 4194560 100 0 0 0 " times " 20 0 1 0 0\n"

static struct environment environment;

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

static const char *value(const char *key)
{
	for (size_t i = 0; i < environment.row_count; i++)
		if (strcmp(environment.rows[i].key, key) == 0)
			return environment.rows[i].value;
	return NULL;
}

static const char *warning(const char *key)
{
	for (size_t i = 0; i < environment.warning_count; i++)
		if (strcmp(environment.warnings[i].key, key) == 0)
			return environment.warnings[i].text;
	return NULL;
}

static void assert_value(const char *key, const char *expected)
{
	const char *is = value(key);

	if (!is)
		fail_msg("no row %s", key);
	assert_string_equal(is, expected);
}

static void assert_warns(const char *key, const char *fragment)
{
	const char *text = warning(key);

	if (!text)
		fail_msg("no warning %s", key);
	assert_says(text, fragment);
}

static void look(void)
{
	environment_begin(&environment);
	environment_end(&environment, ENOUGH);
}

static void a_host_that_tells_nothing_has_version_and_date_alone(void **state)
{
	(void)state;
	look();
	assert_int_equal(environment.row_count, 2);
	assert_non_null(value("kvick"));
	assert_int_equal(strlen(value("date")), strlen("2026-01-02T03:04:05Z"));
	assert_int_equal(environment.warning_count, 0);
}

static void kernel_and_tick(void **state)
{
	(void)state;
	host_put("/proc/sys/kernel/osrelease", "6.1.0-18-amd64\n");
	host_put("/proc/sys/kernel/version", "#1 SMP PREEMPT_DYNAMIC Debian\n");
	host_ticks(4000000);
	look();
	assert_value("kernel", "Linux 6.1.0-18-amd64 #1 SMP PREEMPT_DYNAMIC Debian");
	assert_value("hz", "250");
	assert_null(warning("debug_kernel"));
	host_ticks(3333333);
	look();
	assert_value("hz", "300");
}

static void a_kernel_that_checks_itself_is_warned_of(void **state)
{
	(void)state;
	host_put("/proc/sys/kernel/osrelease", "6.1.0\n");
	host_put("/boot/config-6.1.0", "CONFIG_KVM=m\n# CONFIG_KASAN is not set\n");
	look();
	assert_null(warning("debug_kernel"));
	host_put("/boot/config-6.1.0", "CONFIG_KVM=m\nCONFIG_KASAN=y\n");
	look();
	assert_warns("debug_kernel", "CONFIG_KASAN=y");
	host_take("/boot/config-6.1.0");
	host_put("/lib/modules/6.1.0/config", "CONFIG_PROVE_LOCKING=y");
	look();
	assert_warns("debug_kernel", "CONFIG_PROVE_LOCKING=y");
	host_take("/lib/modules/6.1.0/config");
	host_put("/proc/lockdep", "");
	look();
	assert_warns("debug_kernel", "/proc/lockdep");
}

static void the_processor_and_how_many(void **state)
{
	(void)state;
	host_put("/proc/cpuinfo", CPUINFO("fpu vmx avx"));
	host_put("/proc/self/status", STATUS("2-3,6"));
	host_put("/sys/devices/system/cpu/online", "0-7\n");
	host_put("/sys/devices/system/cpu/isolated", "2-3\n");
	host_put("/sys/devices/system/cpu/smt/control", "off\n");
	look();
	assert_value("cpu", "A Processor, family 6, model 143, stepping 8");
	assert_value("microcode", "0x2b000603");
	assert_value("processors", "8 online, 3 for us (2-3,6)");
	assert_value("isolated", "2-3");
	assert_value("smt", "off");
	assert_null(warning("few_cpus"));
}

static void one_processor_is_few(void **state)
{
	(void)state;
	host_put("/sys/devices/system/cpu/online", "0-7\n");
	host_put("/proc/self/status", STATUS("5"));
	look();
	assert_warns("few_cpus", "one processor");
}

static void kvm_is_the_one_that_this_processor_has(void **state)
{
	(void)state;
	host_put("/sys/module/kvm_intel/parameters/nested", "Y\n");
	host_put("/sys/module/kvm_amd/parameters/nested", "0\n");
	host_put("/proc/cpuinfo", CPUINFO("fpu svm"));
	look();
	assert_value("kvm", "kvm_amd (SVM)");
	host_put("/proc/cpuinfo", CPUINFO("fpu vmx"));
	look();
	assert_value("kvm", "kvm_intel (VT-x), nested guests allowed");
}

static void ring_0_is_as_doctor_finds_it(void **state)
{
	(void)state;
	look();
	assert_null(value("ring0"));
	host_doctor_says(DOCTOR(FINDING("ring 0", "ok", "native here")));
	look();
	assert_value("ring0", "native");
	assert_null(warning("ring0_emulated"));
	host_doctor_says(DOCTOR(FINDING("ring 0", "costs", "emulated")));
	host_put("/sys/module/kvm_pvm/version", "1\n");
	look();
	assert_value("ring0", "emulated");
	assert_value("kvm", "kvm_pvm (by software, PVM)");
	assert_warns("ring0_emulated", "VT-x or SVM");
}

static void what_doctor_says_is_not_trusted(void **state)
{
	static const char *const said[] = {
		"", "{", "[]", "{\"findings\":1}", "{\"findings\":[1,null,[]]}",
		"{\"findings\":[{\"subject\":1,\"verdict\":\"ok\",\"text\":\"\"}]}", "{\"findings\":[{\"subject\":\"ring 0\"}]}",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(said); i++) {
		host_doctor_says(said[i]);
		look();
		assert_null(value("ring0"));
		assert_null(warning("ring0_emulated"));
	}
}

static void a_virtual_machine_knows_itself_by_the_processors_flag(void **state)
{
	(void)state;
	host_put("/proc/cpuinfo", CPUINFO("fpu vmx"));
	host_put("/sys/class/dmi/id/sys_vendor", "Someone\n");
	host_put("/sys/class/dmi/id/product_name", "Server 9\n");
	look();
	assert_value("nested", "no");
	assert_value("machine", "Someone Server 9");
	assert_null(warning("nested"));
	host_put("/proc/cpuinfo", CPUINFO("fpu vmx hypervisor"));
	look();
	assert_value("nested", "yes: Someone Server 9");
	assert_null(value("machine"));
	assert_warns("nested", "virtual machine");
}

static void governor_and_turbo(void **state)
{
	(void)state;
	host_put("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance\n");
	host_put("/sys/devices/system/cpu/cpu1/cpufreq/scaling_governor", "performance\n");
	host_put("/sys/devices/system/cpu/intel_pstate/no_turbo", "1\n");
	look();
	assert_value("governor", "performance");
	assert_value("turbo", "off");
	assert_null(warning("frequency_scaling"));
	host_put("/sys/devices/system/cpu/intel_pstate/no_turbo", "0\n");
	look();
	assert_value("turbo", "on");
	assert_warns("frequency_scaling", "no_turbo");
	host_put("/sys/devices/system/cpu/cpu1/cpufreq/scaling_governor", "powersave\n");
	look();
	assert_value("governor", "performance, powersave");
	assert_warns("frequency_scaling", "cpupower frequency-set -g performance");
}

static void boost_is_turbo_too(void **state)
{
	(void)state;
	host_put("/sys/devices/system/cpu/cpufreq/boost", "1\n");
	look();
	assert_value("turbo", "on");
	assert_warns("frequency_scaling", "boost");
}

static void a_clock_that_is_not_the_tsc(void **state)
{
	(void)state;
	host_put("/sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n");
	look();
	assert_value("clocksource", "tsc");
	assert_null(warning("clocksource"));
	host_put("/sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet\n");
	look();
	assert_warns("clocksource", "hpet");
}

static void mitigations_with_the_arguments_about_them_and_no_others(void **state)
{
	(void)state;
	host_put("/sys/devices/system/cpu/vulnerabilities/l1tf", "Mitigation: PTE Inversion\n");
	host_put("/sys/devices/system/cpu/vulnerabilities/mds", "Vulnerable; SMT vulnerable\n");
	host_put("/sys/devices/system/cpu/vulnerabilities/meltdown", "Not affected\n");
	host_put("/proc/cmdline", "root=/dev/sda password=hidden mitigations=off quiet nopti -- mds=full\n");
	look();
	assert_value("mitigations", "1 active, vulnerable: mds (mitigations=off, nopti)");
}

static void huge_pages_and_memory(void **state)
{
	(void)state;
	host_put("/sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n");
	host_put("/proc/meminfo", "MemTotal:        8388608 kB\nMemFree:         1 kB\nMemAvailable:    4194304 kB\n");
	look();
	assert_value("thp", "madvise");
	assert_value("memory", "8192 MiB, 4096 MiB available");
}

static void the_tightest_limit_of_cgroup_2_counts(void **state)
{
	(void)state;
	host_put("/proc/self/cgroup", "0::/ci/job\n");
	host_put("/sys/fs/cgroup/ci/job/cpu.max", "max 100000\n");
	host_put("/sys/fs/cgroup/cpu.max", "300000 100000\n");
	host_put("/sys/fs/cgroup/ci/job/memory.max", "2147483648\n");
	host_put("/sys/fs/cgroup/ci/cpu.max", "150000 100000\n");
	host_put("/sys/fs/cgroup/ci/memory.max", "max\n");
	look();
	assert_value("cgroup", "1.50 processors, 2048 MiB");
}

static void limits_of_cgroup_1(void **state)
{
	(void)state;
	host_put("/proc/self/cgroup", "4:memory:/job\n3:cpu,cpuacct:/job\n0::/\n");
	host_put("/sys/fs/cgroup/cpu/job/cpu.cfs_quota_us", "50000\n");
	host_put("/sys/fs/cgroup/cpu/job/cpu.cfs_period_us", "100000\n");
	host_put("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
	host_put("/sys/fs/cgroup/memory/job/memory.limit_in_bytes", "9223372036854771712\n");
	look();
	assert_value("cgroup", "0.50 processors");
}

static void a_containers_cgroup_is_the_top_of_what_it_sees(void **state)
{
	(void)state;
	host_put("/proc/self/cgroup", "0::/../../host/part\n");
	host_put("/sys/fs/cgroup/cpu.max", "200000 100000\n");
	look();
	assert_value("cgroup", "2.00 processors");
	host_put("/proc/self/cgroup", "0::/\n");
	host_put("/sys/fs/cgroup/cpu.max", "max 100000\n");
	look();
	assert_value("cgroup", "none");
}

static void being_throttled_is_noticed(void **state)
{
	(void)state;
	host_put("/proc/self/cgroup", "0::/job\n");
	host_put("/sys/fs/cgroup/job/cpu.stat", "usage_usec 5\nnr_periods 9\nnr_throttled 7\n");
	host_put("/sys/fs/cgroup/cpu.stat", "nr_throttled 100\n");
	look();
	assert_null(warning("cgroup_throttled"));
	environment_begin(&environment);
	host_put("/sys/fs/cgroup/job/cpu.stat", "usage_usec 5\nnr_periods 9\nnr_throttled 10\n");
	environment_end(&environment, ENOUGH);
	assert_warns("cgroup_throttled", "3 times");
}

static void the_top_is_counted_once(void **state)
{
	(void)state;
	host_put("/proc/self/cgroup", "0::/\n");
	host_put("/sys/fs/cgroup/cpu.stat", "nr_throttled 7\n");
	environment_begin(&environment);
	host_put("/sys/fs/cgroup/cpu.stat", "nr_throttled 9\n");
	environment_end(&environment, ENOUGH);
	assert_warns("cgroup_throttled", "2 times");
}

/* user nice system idle iowait irq softirq steal */
static void ticks_pass(const char *before, const char *own_before, const char *after, const char *own_after)
{
	host_put("/proc/stat", before);
	host_put("/proc/self/stat", own_before);
	environment_begin(&environment);
	host_put("/proc/stat", after);
	host_put("/proc/self/stat", own_after);
	environment_end(&environment, ENOUGH);
}

static void what_we_use_ourselves_is_no_other_load(void **state)
{
	(void)state;
	ticks_pass("cpu  100 0 100 1000 0 0 0 0 0 0\n", SELF("10 20 30 40"),
		   "cpu  500 0 300 1400 0 300 0 0 0 0\n", SELF("110 70 300 200"));
	assert_null(warning("other_load"));
}

static void what_others_use_is(void **state)
{
	(void)state;
	ticks_pass("cpu  100 0 100 1000 0 0 0 0 0 0\n", SELF("10 20 30 40"),
		   "cpu  400 200 100 1500 0 0 0 0 0 0\n", SELF("110 30 80 80"));
	assert_warns("other_load", "30%");
}

static void stolen_time_is_told(void **state)
{
	(void)state;
	ticks_pass("cpu  0 0 0 0 0 0 0 10 0 0\n", SELF("0 0 0 0"), "cpu  0 0 0 95 0 0 0 15 0 0\n", SELF("0 0 0 0"));
	assert_warns("steal", "5%");
}

static void a_moment_says_nothing_of_load(void **state)
{
	(void)state;
	ticks_pass("cpu  0 0 0 0 0 0 0 0 0 0\n", SELF("0 0 0 0"), "cpu  9 0 0 9 0 0 0 1 0 0\n", SELF("0 0 0 0"));
	assert_int_equal(environment.warning_count, 0);
}

static void ticks_that_go_back_are_none(void **state)
{
	(void)state;
	ticks_pass("cpu  900 0 900 900 0 0 0 50 0 0\n", SELF("900 900 9 9"), "cpu  1 0 1 9000 0 0 0 1 0 0\n", SELF("0 0 0 0"));
	assert_int_equal(environment.warning_count, 0);
}

static void few_runs_are_said(void **state)
{
	(void)state;
	environment_begin(&environment);
	environment_end(&environment, 20);
	assert_warns("few_runs", "20 runs");
}

static void a_battery_in_use(void **state)
{
	(void)state;
	host_put("/sys/class/power_supply/BAT0/type", "Battery\n");
	host_put("/sys/class/power_supply/BAT0/status", "Discharging\n");
	host_put("/sys/class/power_supply/AC/type", "Mains\n");
	host_put("/sys/class/power_supply/AC/online", "0\n");
	look();
	assert_warns("on_battery", "plug it in");
	host_put("/sys/class/power_supply/AC/online", "1\n");
	look();
	assert_null(warning("on_battery"));
}

static void a_mouses_battery_is_not_the_hosts(void **state)
{
	(void)state;
	host_put("/sys/class/power_supply/mouse/type", "Battery\n");
	host_put("/sys/class/power_supply/mouse/status", "Discharging\n");
	host_put("/sys/class/power_supply/mouse/scope", "Device\n");
	look();
	assert_null(warning("on_battery"));
}

static const char *const read_files[] = {
	"/proc/cpuinfo", "/proc/self/status", "/proc/self/stat", "/proc/self/cgroup", "/proc/stat", "/proc/cmdline",
	"/proc/meminfo", "/proc/loadavg", "/proc/sys/kernel/osrelease", "/proc/sys/kernel/version",
	"/sys/devices/system/cpu/online",
	"/sys/devices/system/cpu/isolated", "/sys/devices/system/cpu/smt/control", "/sys/devices/system/cpu/vulnerabilities/x",
	"/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "/sys/devices/system/cpu/intel_pstate/no_turbo",
	"/sys/devices/system/clocksource/clocksource0/current_clocksource", "/sys/class/dmi/id/sys_vendor",
	"/sys/class/dmi/id/product_name",
	"/sys/kernel/mm/transparent_hugepage/enabled", "/sys/module/kvm_pvm/parameters/nested", "/sys/fs/cgroup/cpu.max",
	"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/cpu.stat", "/sys/class/power_supply/x/type",
};

/* Whatever they hold, what is recorded is lines of printable characters. */
static void files_may_hold_anything(void **state)
{
	static unsigned char bytes[70000];

	(void)state;
	srandom(8);
	for (unsigned round = 0; round < 40; round++) {
		size_t count = round == 0 ? 0 : (size_t)random() % (round % 8 == 7 ? sizeof(bytes) : 300);

		for (size_t i = 0; i < COUNT_OF(read_files); i++) {
			static const char likely[] = "0123456789-,:/[] \n\ncpu max";

			for (size_t b = 0; b < count; b++)
				bytes[b] = (unsigned char)(round & 1 ? random() : likely[(size_t)random() % (sizeof(likely) - 1)]);
			host_put_bytes(read_files[i], bytes, count);
		}
		look();
		for (size_t i = 0; i < environment.row_count; i++)
			for (const char *c = environment.rows[i].value; *c; c++)
				assert_true(*c >= 0x20 && *c < 0x7f);
	}
}

static void rows_and_warnings_have_an_end(void **state)
{
	static char keys[40][8];

	(void)state;
	look();
	for (size_t i = 0; i < COUNT_OF(keys); i++) {
		snprintf(keys[i], sizeof(keys[i]), "key%zu", i);
		environment_warn(&environment, keys[i], "%0400d", 1);
	}
	assert_int_equal(environment.warning_count, ENVIRONMENT_WARNINGS_MAX);
	environment.warning_count = 1;
	environment_warn(&environment, keys[0], "again");
	assert_int_equal(environment.warning_count, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_host_that_tells_nothing_has_version_and_date_alone),
		TEST(kernel_and_tick),
		TEST(a_kernel_that_checks_itself_is_warned_of),
		TEST(the_processor_and_how_many),
		TEST(one_processor_is_few),
		TEST(kvm_is_the_one_that_this_processor_has),
		TEST(ring_0_is_as_doctor_finds_it),
		TEST(what_doctor_says_is_not_trusted),
		TEST(a_virtual_machine_knows_itself_by_the_processors_flag),
		TEST(governor_and_turbo),
		TEST(boost_is_turbo_too),
		TEST(a_clock_that_is_not_the_tsc),
		TEST(mitigations_with_the_arguments_about_them_and_no_others),
		TEST(huge_pages_and_memory),
		TEST(the_tightest_limit_of_cgroup_2_counts),
		TEST(limits_of_cgroup_1),
		TEST(a_containers_cgroup_is_the_top_of_what_it_sees),
		TEST(being_throttled_is_noticed),
		TEST(the_top_is_counted_once),
		TEST(what_we_use_ourselves_is_no_other_load),
		TEST(what_others_use_is),
		TEST(stolen_time_is_told),
		TEST(a_moment_says_nothing_of_load),
		TEST(ticks_that_go_back_are_none),
		TEST(few_runs_are_said),
		TEST(a_battery_in_use),
		TEST(a_mouses_battery_is_not_the_hosts),
		TEST(files_may_hold_anything),
		TEST(rows_and_warnings_have_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
