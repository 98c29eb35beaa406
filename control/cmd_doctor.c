/* SPDX-License-Identifier: Apache-2.0 */
/* kvick doctor: what this host offers, what costs start-up time on it, and what to do. */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <kvick/hypercall.h>

#include "control/commands.h"
#include "control/doctor_cpu.h"
#include "control/exit_codes.h"
#include "control/text.h"
#include "vmm/engine.h"
#include "vmm/error.h"
#include "vmm/host_cache.h"
#include "vmm/host_probe.h"
#include "vmm/kvm.h"
#include "vmm/stop.h"
#include "vmm/sys.h"
#include "vmm/vm.h"

enum verdict { GOOD, COSTS, BAD };

static const char *const verdict_names[] = { "ok", "costs", "bad" };

/* One line of the examination. */
struct finding {
	const char *subject;
	enum verdict verdict;
	char text[192];
	const char *advice; /* NULL: nothing to do */
};

#define FINDINGS_MAX 24

struct examination {
	struct sys sys;
	struct kvm kvm;
	struct finding findings[FINDINGS_MAX];
	unsigned count;
	bool json;
	enum cpu_model cpu; /* CPU_NONE: all but that */
};

static void find(struct examination *e, const char *subject, enum verdict verdict, const char *advice, const char *format,
		 ...) __attribute__((format(printf, 5, 6)));

static void find(struct examination *e, const char *subject, enum verdict verdict, const char *advice, const char *format,
		 ...)
{
	va_list args;

	if (e->count == FINDINGS_MAX)
		return;
	struct finding *f = &e->findings[e->count++];

	f->subject = subject;
	f->verdict = verdict;
	f->advice = advice;
	va_start(args, format);
	vsnprintf(f->text, sizeof(f->text), format, args);
	va_end(args);
}

/* First line of a small file of /proc or /sys; false where there is none. */
static bool file_line(struct examination *e, const char *path, char *line, size_t bytes)
{
	int fd = sys_open(&e->sys, path, O_RDONLY | O_CLOEXEC, 0);
	ssize_t n;

	if (fd < 0)
		return false;
	n = sys_read(&e->sys, fd, line, bytes - 1);
	sys_close(&e->sys, fd);
	if (n <= 0)
		return false;
	line[n] = '\0';
	line[strcspn(line, "\n")] = '\0';
	return true;
}

/* Does a small file hold this text? */
static bool file_has(struct examination *e, const char *path, const char *text)
{
	char bytes[4096];
	int fd = sys_open(&e->sys, path, O_RDONLY | O_CLOEXEC, 0);
	ssize_t n;

	if (fd < 0)
		return false;
	n = sys_read(&e->sys, fd, bytes, sizeof(bytes) - 1);
	sys_close(&e->sys, fd);
	bytes[n > 0 ? n : 0] = '\0';
	return strstr(bytes, text) != NULL;
}

static bool examine_kvm(struct examination *e)
{
	struct error error = { 0 };

	bool open = kvm_open(&e->kvm, &e->sys, &error) == 0, usable = open && kvm_check(&e->kvm, &e->sys, &error) == 0;

	if (!usable) {
		if (open)
			kvm_close(&e->kvm, &e->sys);
		find(e, "kvm", BAD, "kvick cannot run guests here until this is mended",
		     "%s", error.text);
		return false;
	}
	find(e, "kvm", GOOD, NULL, "%s opens, and has all that kvick needs", KVM_DEVICE);
	return true;
}

static void examine_capabilities(struct examination *e)
{
	static const struct {
		int capability;
		const char *name, *use;
	} wanted[] = {
		{ KVM_CAP_EXIT_HYPERCALL, "KVM_CAP_EXIT_HYPERCALL", "VMCALL as a doorbell" },
		{ KVM_CAP_GET_TSC_KHZ, "KVM_CAP_GET_TSC_KHZ", "the TSC's rate, for timelines and guests" },
		{ KVM_CAP_VCPU_ATTRIBUTES, "KVM_CAP_VCPU_ATTRIBUTES", "guest and host stamps on one clock" },
	};

	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		int r = kvm_capability(&e->kvm, wanted[i].capability, &e->sys);

		find(e, "capability", r > 0 ? GOOD : COSTS, r > 0 ? NULL : "a newer kernel has it", "%s: %s (%s)", wanted[i].name,
		     r > 0 ? "there" : "missing", wanted[i].use);
	}
}

static void examine_rings(struct examination *e)
{
	struct host_facts facts;
	struct error error = { 0 };
	struct stop never = { 0 };
	char path[HOST_CACHE_PATH_BYTES];

	if (host_probe(&e->kvm, &facts, &never, &e->sys, &error) < 0) {
		find(e, "rings", BAD, NULL, "%s", error.text);
		return;
	}
	find(e, "rings", GOOD, NULL, "a loop run in a trial VM takes %llu.%03llu ns an instruction at ring 0, "
	     "%llu.%03llu at ring 3",
	     (unsigned long long)facts.ring0_insn_ps / 1000, (unsigned long long)facts.ring0_insn_ps % 1000,
	     (unsigned long long)facts.ring3_insn_ps / 1000, (unsigned long long)facts.ring3_insn_ps % 1000);
	if (facts.ring0_native)
		find(e, "ring 0", GOOD, NULL, "native here: --ring auto takes ring 0");
	else
		find(e, "ring 0", COSTS, "leave --ring at auto; a host with VT-x or SVM runs ring 0 natively",
		     "emulated by this KVM: --ring auto takes ring 3");
	find(e, "doorbell", GOOD, NULL, "%s", facts.doorbell == KVICK_DOORBELL_VMCALL ? "VMCALL reaches kvick from ring 0" :
	     facts.doorbell == KVICK_DOORBELL_VMMCALL ? "VMMCALL reaches kvick from ring 0" :
	     facts.ring0_native ? "a port: this KVM does not forward VMCALL" :
				  "a port: VMCALL is not tried where ring 0 is emulated");
	if (host_cache_write(&e->kvm, &facts, path, &e->sys))
		find(e, "host facts", GOOD, NULL, "kept in %s until the next boot", path);
	else
		find(e, "host facts", COSTS, "set XDG_RUNTIME_DIR to a folder of your own on a tmpfs, "
		     "or give --ring 0 --doorbell port where ring 0 is native",
		     "cannot be kept: each launch pays some milliseconds to find them");
}

static void examine_create(struct examination *e)
{
	uint64_t best = UINT64_MAX, first = 0;
	struct error error = { 0 };

	for (unsigned i = 0; i < 5; i++) {
		struct timespec a, b;
		struct vm vm;

		sys_clock_gettime(&e->sys, CLOCK_MONOTONIC, &a);
		if (vm_create(&vm, &e->kvm, &e->sys, &error) < 0) {
			find(e, "create VM", BAD, NULL, "%s", error.text);
			return;
		}
		sys_clock_gettime(&e->sys, CLOCK_MONOTONIC, &b);
		vm_destroy(&vm, &e->sys);
		uint64_t us = (uint64_t)((b.tv_sec - a.tv_sec) * 1000000 + (b.tv_nsec - a.tv_nsec) / 1000);

		first = i == 0 ? us : first;
		best = us < best ? us : best;
	}
	bool cold = first > 4 * best && first > 1000;

	find(e, "create VM", cold ? COSTS : GOOD,
	     cold ? "keep one VM alive: the host's first one switches virtualisation on" : NULL,
	     "KVM_CREATE_VM takes %llu us, the first one %llu us", (unsigned long long)best, (unsigned long long)first);
}

static void examine_debugfs(struct examination *e)
{
	/* Mounted or not: registered is enough for KVM to fill it. */
	bool there = file_has(e, "/proc/filesystems", "\tdebugfs\n");

	find(e, "debugfs", there ? COSTS : GOOD,
	     there ? "boot with debugfs=off where nobody reads /sys/kernel/debug/kvm" : NULL, "%s",
	     there ? "KVM makes files in it for each VM: about a fifth of a launch's time in the kernel" :
		     "KVM makes no files in it");
}

static void examine_hugepages(struct examination *e)
{
	char line[128];
	unsigned long free_pages;

	if (file_line(e, "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", line, sizeof(line))) {
		free_pages = strtoul(line, NULL, 10);
		find(e, "hugepages", GOOD, free_pages ? NULL : "for --hugepages: echo 64 > /proc/sys/vm/nr_hugepages",
		     "%lu free 2 MiB pages", free_pages);
	} else {
		find(e, "hugepages", GOOD, NULL, "this kernel has no 2 MiB hugetlbfs pages: --hugepages will be refused");
	}
	if (file_line(e, "/sys/kernel/mm/transparent_hugepage/enabled", line, sizeof(line))) {
		bool always = strstr(line, "[always]") != NULL;

		bool never = strstr(line, "[never]") != NULL;

		find(e, "transparent hugepages", always ? COSTS : GOOD,
		     always ? "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled" : NULL,
		     always ? "always: the first touch of guest RAM clears 2 MiB" :
		     never  ? "never: --hugepages=transparent has no effect" : "%s", line);
	}
}

static void examine_io_uring(struct examination *e)
{
	char text[160];

	if (engine_probe(text, sizeof(text), &e->sys))
		find(e, "io_uring", GOOD, NULL, "%s", text);
	else
		find(e, "io_uring", COSTS, strstr(text, strerror(EPERM)) ?
		     "sysctl kernel.io_uring_disabled=0, or allow it in the container's seccomp profile" :
		     strstr(text, strerror(ENOMEM)) ? "raise ulimit -l" : "a newer kernel has it",
		     "%s: devices will use plain system calls", text);
}

static void examine_clock(struct examination *e)
{
	char line[64];

	if (!file_line(e, "/sys/devices/system/clocksource/clocksource0/current_clocksource", line, sizeof(line)))
		return;
	bool tsc = strcmp(line, "tsc") == 0;

	find(e, "clock", tsc ? GOOD : COSTS, tsc ? NULL : "see why the kernel does not trust the TSC: dmesg | grep -i tsc",
	     "the host's clock source is %s", line);
}

static void print(struct text *text, const struct examination *e)
{
	for (unsigned i = 0; i < e->count && !e->json; i++) {
		const struct finding *f = &e->findings[i];

		text_printf(text, "%-5s  %-21s  %s\n", verdict_names[f->verdict], f->subject, f->text);
		if (f->advice)
			text_printf(text, "%-5s  %-21s  -> %s\n", "", "", f->advice);
	}
	if (!e->json)
		return;
	json_open(text, NULL, '{');
	json_open(text, "findings", '[');
	for (unsigned i = 0; i < e->count; i++) {
		json_open(text, NULL, '{');
		json_string(text, "subject", e->findings[i].subject);
		json_string(text, "verdict", verdict_names[e->findings[i].verdict]);
		json_string(text, "text", e->findings[i].text);
		json_string(text, "advice", e->findings[i].advice);
		json_close(text, '}');
	}
	json_close(text, ']');
	json_close(text, '}');
	text_printf(text, "\n");
}

static int take_json(void *into, const char *value, struct error *error)
{
	(void)value, (void)error;
	((struct examination *)into)->json = true;
	return 0;
}

static int take_cpu(void *into, const char *value, struct error *error)
{
	struct examination *e = into;

	if (!cpu_model_by_name(value, &e->cpu) || e->cpu == CPU_NONE)
		return error_set(error, ERROR_USAGE, EINVAL, "--cpu %s: write host, baseline, baseline-v2 or baseline-v3", value);
	return 0;
}

static const struct option_row options[] = {
	{ "json", NULL, "as one JSON object", take_json, 0 },
	{ "cpu", "MODEL", "instead: what a guest sees of its CPU, rule by rule, and on this host", take_cpu, 0 },
	{ 0 },
};

static int run(const struct command *command, int argc, char **argv)
{
	struct examination examination = { 0 }, *e = &examination;
	struct error error = { 0 };
	struct operands operands;
	struct text text;

	sys_init(&e->sys);
	if (options_parse(command, argc, argv, e, &operands, &error) < 0)
		return command_failed(&error);
	if (operands.help)
		return options_help(command);
	if (operands.operand || operands.rest_count) {
		error_set(&error, ERROR_USAGE, EINVAL, "usage: kvick %s", command->synopsis);
		return command_failed(&error);
	}
	if (e->cpu != CPU_NONE)
		return doctor_cpu(e->cpu, e->json, &e->sys);
	bool usable = examine_kvm(e);

	if (usable) {
		examine_capabilities(e);
		examine_create(e);
		examine_rings(e);
		kvm_close(&e->kvm, &e->sys);
		examine_debugfs(e);
	}
	examine_hugepages(e);
	examine_io_uring(e);
	examine_clock(e);
	for (unsigned i = 0; i < e->count; i++)
		usable = usable && e->findings[i].verdict != BAD;
	text_begin(&text, &e->sys, STDOUT_FILENO);
	print(&text, e);
	int code = command_printed(text_end(&text));

	return usable ? code : EXIT_HOST;
}

const struct command command_doctor = {
	.name = "doctor",
	.synopsis = "doctor [--json] [--cpu MODEL]",
	.purpose = "Say what this host's KVM offers, what costs start-up time here, and what to do.",
	.options = options,
	.more = "Exit codes: 0 guests can run here (with that CPU), 123 they cannot.\n",
	.run = run,
};
