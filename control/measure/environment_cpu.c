/* SPDX-License-Identifier: Apache-2.0 */
#include "control/measure/environment_parts.h"

#include <glob.h>
#include <stdio.h>
#include <string.h>

#include "control/measure/host.h"

#define CPUINFO_BYTES 8192
#define CPU "/sys/devices/system/cpu"

static void model(struct environment *environment)
{
	char text[CPUINFO_BYTES], name[HOST_LINE_BYTES], family[HOST_LINE_BYTES], number[HOST_LINE_BYTES];
	char stepping[HOST_LINE_BYTES];

	if (host_text(text, sizeof(text), "/proc/cpuinfo") < 0)
		return;
	if (!host_value(name, text, "model name"))
		name[0] = '\0';
	/* With its blanks, because "model" is also how "model name" begins. */
	if (host_value(family, text, "cpu family") && host_value(number, text, "model  ") && host_value(stepping, text, "stepping"))
		environment_row(environment, "cpu", "processor", "%s%sfamily %.8s, model %.8s, stepping %.8s", name,
				name[0] ? ", " : "", family, number, stepping);
	else
		environment_row(environment, "cpu", "processor", "%s", name);
	if (host_value(name, text, "microcode"))
		environment_row(environment, "microcode", "microcode", "%s", name);
}

static void count(struct environment *environment)
{
	char line[HOST_LINE_BYTES], status[8192], allowed[HOST_LINE_BYTES] = "";
	unsigned online = 0, ours = 0;

	if (host_line(line, CPU "/online"))
		online = host_list_count(line);
	if (host_text(status, sizeof(status), "/proc/self/status") > 0 && host_value(allowed, status, "Cpus_allowed_list"))
		ours = host_list_count(allowed);
	if (online && ours)
		environment_row(environment, "processors", "processors", "%u online, %u for us (%s)", online, ours, allowed);
	else if (online)
		environment_row(environment, "processors", "processors", "%u online", online);
	if (host_line(line, CPU "/isolated") && host_list_count(line))
		environment_row(environment, "isolated", "isolated processors", "%s", line);
	if (host_line(line, CPU "/smt/control"))
		environment_row(environment, "smt", "SMT", "%s", line);
	if ((ours && ours < 2) || online == 1)
		environment_warn(environment, "few_cpus", "one processor: what measures, and what the kernel does afterwards, runs "
				 "between the launches' own steps: give it two");
}

/* The governors of all processors, each once: "performance", or "powersave, performance". */
static void governors(char text[HOST_LINE_BYTES])
{
	char pattern[HOST_PATH_BYTES], line[HOST_LINE_BYTES];
	size_t root = strlen(host_root());
	glob_t found;

	text[0] = '\0';
	snprintf(pattern, sizeof(pattern), "%s" CPU "/cpu[0-9]*/cpufreq/scaling_governor", host_root());
	if (glob(pattern, 0, NULL, &found) != 0)
		return;
	for (size_t i = 0; i < found.gl_pathc; i++) {
		size_t length = strlen(text);

		if (host_line(line, "%s", found.gl_pathv[i] + root) && !host_word(text, line))
			snprintf(text + length, HOST_LINE_BYTES - length, "%s%s", length ? ", " : "", line);
	}
	globfree(&found);
}

static const char *turbo(void)
{
	uint64_t value;

	if (host_number(&value, CPU "/intel_pstate/no_turbo"))
		return value ? "off" : "on";
	if (host_number(&value, CPU "/cpufreq/boost"))
		return value ? "on" : "off";
	return NULL;
}

static void frequency(struct environment *environment)
{
	const char *turbo_is = turbo();
	char governor[HOST_LINE_BYTES];
	bool steady;

	governors(governor);
	steady = !governor[0] || strcmp(governor, "performance") == 0;
	environment_row(environment, "governor", "frequency governor", "%s", governor);
	if (turbo_is)
		environment_row(environment, "turbo", "turbo", "%s", turbo_is);
	if (!steady)
		environment_warn(environment, "frequency_scaling", "the processors' frequency follows the load (governor %.60s): "
				 "cpupower frequency-set -g performance", governor);
	else if (turbo_is && strcmp(turbo_is, "on") == 0)
		environment_warn(environment, "frequency_scaling", "turbo is on, and how far it goes depends on heat and "
				 "neighbours: echo 1 >" CPU "/intel_pstate/no_turbo, or echo 0 >" CPU "/cpufreq/boost");
}

/* One that runs on a battery saves power in ways that no file tells. */
static void battery(struct environment *environment)
{
	char pattern[HOST_PATH_BYTES], type[HOST_LINE_BYTES], line[HOST_LINE_BYTES];
	size_t root = strlen(host_root());
	bool mains = false, discharging = false;
	uint64_t online;
	glob_t found;

	snprintf(pattern, sizeof(pattern), "%s/sys/class/power_supply/*", host_root());
	if (glob(pattern, 0, NULL, &found) != 0)
		return;
	for (size_t i = 0; i < found.gl_pathc; i++) {
		const char *supply = found.gl_pathv[i] + root;

		if (!host_line(type, "%s/type", supply))
			continue;
		if (strcmp(type, "Battery") != 0)
			mains = mains || (host_number(&online, "%s/online", supply) && online);
		else /* a mouse has one too, and says so */
			discharging = discharging || (host_line(line, "%s/status", supply) && strcmp(line, "Discharging") == 0 &&
						      !(host_line(line, "%s/scope", supply) && strcmp(line, "Device") == 0));
	}
	globfree(&found);
	if (discharging && !mains)
		environment_warn(environment, "on_battery", "this host runs on its battery, and saves power: plug it in");
}

static void clock_source(struct environment *environment)
{
	char line[HOST_LINE_BYTES];

	if (!host_line(line, "/sys/devices/system/clocksource/clocksource0/current_clocksource"))
		return;
	environment_row(environment, "clocksource", "clock source", "%s", line);
	if (strcmp(line, "tsc") != 0)
		environment_warn(environment, "clocksource", "the kernel's clock is %.40s, not the TSC, by which launches are "
				 "measured: it may not be steady here: see dmesg | grep -i tsc", line);
}

/* What takes off or puts on mitigations, among the kernel's arguments. The others are nobody's business. */
static const char *const mitigation_words[] = {
	"mitigations=", "nopti", "pti=", "nospectre_v1", "nospectre_v2", "spectre_v2=", "spectre_v2_user=", "nosmt", "l1tf=",
	"mds=", "spec_store_bypass_disable=", "tsx_async_abort=", "retbleed=", "kvm.nx_huge_pages=",
	"kvm-intel.vmentry_l1d_flush=", "gather_data_sampling=", "spec_rstack_overflow=", "reg_file_data_sampling=", "srbds=",
	"mmio_stale_data=",
};

static void append_arguments(char *text, size_t bytes)
{
	char line[4096];

	if (host_text(line, sizeof(line), "/proc/cmdline") < 0)
		return;
	for (char *rest = line, *word; (word = strtok_r(rest, " \n", &rest)) != NULL && strcmp(word, "--") != 0;)
		for (size_t i = 0; i < sizeof(mitigation_words) / sizeof(mitigation_words[0]); i++)
			if (strncmp(word, mitigation_words[i], strlen(mitigation_words[i])) == 0) {
				size_t length = strlen(text);

				snprintf(text + length, bytes - length, "%s%s", length ? ", " : "", word);
				break;
			}
}

static void mitigations(struct environment *environment)
{
	char pattern[HOST_PATH_BYTES], line[HOST_LINE_BYTES];
	char vulnerable[HOST_LINE_BYTES] = "", arguments[96] = "";
	size_t root = strlen(host_root());
	unsigned mitigated = 0;
	glob_t found;

	snprintf(pattern, sizeof(pattern), "%s" CPU "/vulnerabilities/*", host_root());
	if (glob(pattern, 0, NULL, &found) != 0)
		return;
	for (size_t i = 0; i < found.gl_pathc; i++) {
		const char *path = found.gl_pathv[i];
		size_t length = strlen(vulnerable);

		if (!host_line(line, "%s", path + root))
			continue;
		mitigated += strncmp(line, "Mitigation", 10) == 0;
		if (strncmp(line, "Vulnerable", 10) == 0)
			snprintf(vulnerable + length, sizeof(vulnerable) - length, "%s%s", length ? " " : "",
				 strrchr(path, '/') + 1);
	}
	globfree(&found);
	append_arguments(arguments, sizeof(arguments));
	environment_row(environment, "mitigations", "mitigations", "%u active%s%.100s%s%s%s", mitigated,
			vulnerable[0] ? ", vulnerable: " : "", vulnerable, arguments[0] ? " (" : "", arguments,
			arguments[0] ? ")" : "");
}

void environment_cpu(struct environment *environment)
{
	model(environment);
	count(environment);
	frequency(environment);
	clock_source(environment);
	mitigations(environment);
	battery(environment);
}
