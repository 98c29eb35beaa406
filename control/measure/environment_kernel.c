/* SPDX-License-Identifier: Apache-2.0 */
#include "control/measure/environment_parts.h"

#include <glob.h>
#include <stdio.h>
#include <string.h>

#include "control/measure/host.h"

/* Each of these makes the kernel do a multiple of its work. */
static const char *const debug_options[] = {
	"CONFIG_KASAN=y", "CONFIG_KCSAN=y", "CONFIG_KMSAN=y", "CONFIG_PROVE_LOCKING=y", "CONFIG_DEBUG_PAGEALLOC_ENABLE_DEFAULT=y",
	"CONFIG_SLUB_DEBUG_ON=y", "CONFIG_DEBUG_KMEMLEAK=y", "CONFIG_LOCK_STAT=y",
};

/* Why it is one; NULL: it does not seem to be. */
static const char *debug_kernel(const char *release)
{
	static const char *const configs[] = { "/boot/config-", "/lib/modules/" };
	static char config[1 << 20]; /* read and forgotten: too large for a stack */

	if (strstr(release, "debug") || strstr(release, "-dbg"))
		return "its name says so";
	if (host_has("/proc/lockdep"))
		return "/proc/lockdep";
	for (size_t i = 0; i < sizeof(configs) / sizeof(configs[0]); i++) {
		if (strchr(release, '/') ||
		    host_text(config, sizeof(config), "%s%s%s", configs[i], release, i ? "/config" : "") < 0)
			continue;
		for (size_t o = 0; o < sizeof(debug_options) / sizeof(debug_options[0]); o++)
			if (host_word(config, debug_options[o]))
				return debug_options[o];
	}
	return NULL;
}

static void kernel(struct environment *environment)
{
	char release[HOST_LINE_BYTES], version[HOST_LINE_BYTES];
	uint64_t tick_ns = host_tick_ns();
	const char *why;

	if (host_line(release, "/proc/sys/kernel/osrelease")) {
		if (!host_line(version, "/proc/sys/kernel/version"))
			version[0] = '\0';
		environment_row(environment, "kernel", "kernel", "Linux %.100s%s%.100s", release, version[0] ? " " : "", version);
		why = debug_kernel(release);
		if (why)
			environment_warn(environment, "debug_kernel", "this kernel checks itself (%s), which takes a multiple of "
					 "the time: boot one for use", why);
	}
	if (tick_ns)
		environment_row(environment, "hz", "HZ", "%llu", (1000000000ull + tick_ns / 2) / (unsigned long long)tick_ns);
}

/* Built into a kernel, those for both makes are there. */
static const struct {
	const char *module, *flag; /* of a processor that it works on; NULL: any */
	const char *means;
} kinds[] = {
	{ "kvm_intel", "vmx", "VT-x" },
	{ "kvm_amd", "svm", "SVM" },
	{ "kvm_pvm", NULL, "by software, PVM" },
};

static void kvm(struct environment *environment)
{
	char text[HOST_LINE_BYTES], line[HOST_LINE_BYTES];
	bool good;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (!host_has("/sys/module/%s", kinds[i].module) || (kinds[i].flag && !host_cpu_flag(kinds[i].flag)))
			continue;
		if (!host_line(line, "/sys/module/%s/parameters/nested", kinds[i].module))
			line[0] = '\0';
		environment_row(environment, "kvm", "KVM", "%s (%s)%s", kinds[i].module, kinds[i].means,
				strchr("1Yy", line[0]) && line[0] ? ", nested guests allowed" : "");
		break;
	}
	if (!host_finding("ring 0", &good, text))
		return;
	environment_row(environment, "ring0", "ring 0", "%s", good ? "native" : "emulated");
	if (!good)
		environment_warn(environment, "ring0_emulated", "this KVM emulates ring 0, hundreds of times slower: what runs "
				 "there, other VMMs' guests too, says nothing about hosts with VT-x or SVM");
}

static void nested(struct environment *environment)
{
	char vendor[HOST_LINE_BYTES], product[HOST_LINE_BYTES];

	if (!host_line(vendor, "/sys/class/dmi/id/sys_vendor"))
		vendor[0] = '\0';
	if (!host_line(product, "/sys/class/dmi/id/product_name"))
		product[0] = '\0';
	if (!host_cpu_flag("hypervisor")) {
		if (host_has("/proc/cpuinfo"))
			environment_row(environment, "nested", "virtual machine itself", "no");
		environment_row(environment, "machine", "machine", "%.100s%s%.100s", vendor, vendor[0] && product[0] ? " " : "",
				product);
		return;
	}
	environment_row(environment, "nested", "virtual machine itself", "yes%s%.100s%s%.100s", vendor[0] || product[0] ? ": " : "",
			vendor, vendor[0] && product[0] ? " " : "", product);
	environment_warn(environment, "nested", "this host is a virtual machine itself: exits may cost a multiple, and its "
			 "neighbours are not seen: compare within one run only");
}

static void memory(struct environment *environment)
{
	char text[4096], line[HOST_LINE_BYTES];
	unsigned long long total, available;
	char *choice;

	if (host_line(line, "/sys/kernel/mm/transparent_hugepage/enabled")) {
		choice = strchr(line, '[');
		if (choice && strchr(choice, ']')) {
			*strchr(choice, ']') = '\0';
			environment_row(environment, "thp", "transparent huge pages", "%s", choice + 1);
		}
	}
	if (host_text(text, sizeof(text), "/proc/meminfo") < 0 || !host_value(line, text, "MemTotal") ||
	    sscanf(line, "%llu kB", &total) != 1)
		return;
	if (host_value(line, text, "MemAvailable") && sscanf(line, "%llu kB", &available) == 1)
		environment_row(environment, "memory", "memory", "%llu MiB, %llu MiB available", total / 1024, available / 1024);
	else
		environment_row(environment, "memory", "memory", "%llu MiB", total / 1024);
}

void environment_kernel(struct environment *environment)
{
	kernel(environment);
	kvm(environment);
	nested(environment);
	memory(environment);
}
