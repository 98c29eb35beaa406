/* SPDX-License-Identifier: Apache-2.0 */
/* What a test may require of a host: docs/manifest.md lists the names. A row each. */
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/measure/environment.h"
#include "control/measure/host.h"
#include "control/measure/program.h"
#include "vmm/error.h"

#define STATUS_BYTES 8192

static bool no(char *why, size_t bytes, const char *text)
{
	snprintf(why, bytes, "%s", text);
	return false;
}

/* A finding of doctor's is good, or its text says why not. */
static bool found_good(const char *subject, char *why, size_t bytes)
{
	char text[HOST_LINE_BYTES];
	bool good;

	if (!host_finding(subject, &good, text))
		return no(why, bytes, host_doctor() ? "kvick doctor says nothing of it" : "kvick doctor could not be asked");
	return good || no(why, bytes, text);
}

static bool has_kvm(char *why, size_t bytes)
{
	return found_good("kvm", why, bytes);
}

static bool has_ring0(char *why, size_t bytes)
{
	return has_kvm(why, bytes) && found_good("ring 0", why, bytes);
}

static bool has_ring0_emulated(char *why, size_t bytes)
{
	char text[HOST_LINE_BYTES];
	bool native;

	if (!has_kvm(why, bytes))
		return false;
	if (!host_finding("ring 0", &native, text))
		return no(why, bytes, "kvick doctor could not find out");
	return !native || no(why, bytes, text);
}

static bool has_vmcall(char *why, size_t bytes)
{
	char text[HOST_LINE_BYTES];
	bool good;

	if (!has_kvm(why, bytes) || !found_good("doorbell", why, bytes) || !host_finding("doorbell", &good, text))
		return false;
	return strncmp(text, "VMCALL", 6) == 0 || strncmp(text, "VMMCALL", 7) == 0 || no(why, bytes, text);
}

static bool has_io_uring(char *why, size_t bytes)
{
	return found_good("io_uring", why, bytes);
}

static bool has_flag(const char *flag, char *why, size_t bytes)
{
	if (host_cpu_flag(flag))
		return true;
	snprintf(why, bytes, "/proc/cpuinfo has no %s", flag);
	return false;
}

static bool has_avx(char *why, size_t bytes)
{
	return has_flag("avx", why, bytes);
}

static bool has_avx2(char *why, size_t bytes)
{
	return has_flag("avx2", why, bytes);
}

static bool has_avx512(char *why, size_t bytes)
{
	return has_flag("avx512f", why, bytes);
}

static bool has_xsave(char *why, size_t bytes)
{
	return has_flag("xsave", why, bytes);
}

static bool is_bare_metal(char *why, size_t bytes)
{
	if (!host_has("/proc/cpuinfo"))
		return no(why, bytes, "no /proc/cpuinfo says so");
	return !host_cpu_flag("hypervisor") || no(why, bytes, "this host is a virtual machine itself");
}

static bool is_nested(char *why, size_t bytes)
{
	return host_cpu_flag("hypervisor") || no(why, bytes, "this host is no virtual machine, as far as it knows");
}

/* A line of /proc/self/status. */
static bool own_status(const char *key, char value[HOST_LINE_BYTES])
{
	char status[STATUS_BYTES];

	return host_text(status, sizeof(status), "/proc/self/status") > 0 && host_value(value, status, key);
}

/* "Uid: real effective saved file-system's" */
static bool is_root(char *why, size_t bytes)
{
	char value[HOST_LINE_BYTES];
	unsigned effective;

	return (own_status("Uid", value) && sscanf(value, "%*u %u", &effective) == 1 && effective == 0) ||
	       no(why, bytes, "not root: use sudo");
}

static bool has_tap(char *why, size_t bytes)
{
	char value[HOST_LINE_BYTES];

	if (!host_has("/dev/net/tun"))
		return no(why, bytes, "no /dev/net/tun: modprobe tun");
	if (own_status("CapEff", value) && strtoull(value, NULL, 16) >> CAP_NET_ADMIN & 1)
		return true;
	return no(why, bytes, "taps are made by root (CAP_NET_ADMIN) alone");
}

static bool has_user_namespaces(char *why, size_t bytes)
{
	uint64_t number;

	if (is_root(why, bytes))
		return true;
	if (!host_number(&number, "/proc/sys/user/max_user_namespaces") || number == 0)
		return no(why, bytes, "sysctl user.max_user_namespaces is 0");
	if (host_number(&number, "/proc/sys/kernel/unprivileged_userns_clone") && number == 0)
		return no(why, bytes, "sysctl kernel.unprivileged_userns_clone is 0");
	if (host_number(&number, "/proc/sys/kernel/apparmor_restrict_unprivileged_userns") && number != 0)
		return no(why, bytes, "sysctl kernel.apparmor_restrict_unprivileged_userns is 1");
	return true;
}

static bool has_passt(char *why, size_t bytes)
{
	char path[PROGRAM_PATH_BYTES];
	struct error error = { 0 };

	return program_find("passt", path, &error) == 0 || no(why, bytes, "no passt in PATH: apt-get install passt");
}

static bool has_hugepages(char *why, size_t bytes)
{
	uint64_t number;

	if (!host_number(&number, "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages"))
		return no(why, bytes, "this kernel has no 2 MiB pages");
	return number > 0 || no(why, bytes, "no 2 MiB page is free: echo 64 >/proc/sys/vm/nr_hugepages");
}

static bool has_thp(char *why, size_t bytes)
{
	char line[HOST_LINE_BYTES];

	if (!host_line(line, "/sys/kernel/mm/transparent_hugepage/enabled"))
		return no(why, bytes, "this kernel has none");
	return !strstr(line, "[never]") || no(why, bytes, "echo madvise >/sys/kernel/mm/transparent_hugepage/enabled");
}

static bool has_two_cpus(char *why, size_t bytes)
{
	char value[HOST_LINE_BYTES];

	return (own_status("Cpus_allowed_list", value) && host_list_count(value) >= 2) ||
	       no(why, bytes, "we may run on one processor only");
}

static bool has_memory_4g(char *why, size_t bytes)
{
	char text[STATUS_BYTES], value[HOST_LINE_BYTES];

	return (host_text(text, sizeof(text), "/proc/meminfo") > 0 && host_value(value, text, "MemAvailable") &&
		strtoull(value, NULL, 10) >= 4ull << 20) || no(why, bytes, "less than 4 GiB of memory are available");
}

const struct feature features[] = {
	{ "kvm", "/dev/kvm opens and has what kvick needs", has_kvm },
	{ "ring0", "KVM runs ring 0 natively (VT-x, SVM)", has_ring0 },
	{ "ring0_emulated", "KVM emulates ring 0", has_ring0_emulated },
	{ "vmcall", "VMCALL or VMMCALL of a guest reaches kvick", has_vmcall },
	{ "bare_metal", "the host is no virtual machine itself", is_bare_metal },
	{ "nested", "the host is a virtual machine itself", is_nested },
	{ "xsave", "the processor has XSAVE", has_xsave },
	{ "avx", "the processor has AVX", has_avx },
	{ "avx2", "the processor has AVX2", has_avx2 },
	{ "avx512", "the processor has AVX-512", has_avx512 },
	{ "io_uring", "the kernel lets us use io_uring", has_io_uring },
	{ "root", "we are root", is_root },
	{ "user_namespaces", "we may make user namespaces (unshare -r)", has_user_namespaces },
	{ "tap", "we may make taps", has_tap },
	{ "passt", "passt is installed, for --net user", has_passt },
	{ "hugepages", "2 MiB pages are free, for --hugepages", has_hugepages },
	{ "thp", "transparent huge pages are not off", has_thp },
	{ "two_cpus", "we may run on two processors", has_two_cpus },
	{ "memory_4g", "4 GiB of memory are available", has_memory_4g },
	{ 0 },
};

const struct feature *feature_find(const char *name)
{
	for (const struct feature *feature = features; feature->name; feature++)
		if (strcmp(feature->name, name) == 0)
			return feature;
	return NULL;
}
