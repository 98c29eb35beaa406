/* SPDX-License-Identifier: Apache-2.0 */
#include "control/report.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "control/report_devices.h"
#include "control/report_solo5.h"
#include "control/report_traps.h"
#include "control/text.h"
#include "control/version.h"
#include "vmm/exits.h"
#include "vmm/invocation.h"
#include "vmm/machine.h"

/* Figures that are asked of the kernel when a report is made. */
struct usage {
	uint64_t minor_faults, major_faults, peak_bytes;
};

void report_begin(struct report_basis *basis, struct sys *sys)
{
	struct rusage r = { 0 };

	sys_getrusage(sys, RUSAGE_SELF, &r);
	*basis = (struct report_basis){
		.minor_faults = (uint64_t)r.ru_minflt,
		.major_faults = (uint64_t)r.ru_majflt,
		.status_fd = sys_open(sys, "/proc/self/status", O_RDONLY | O_CLOEXEC, 0),
	};
}

static struct usage usage_now(struct machine *m, const struct report_basis *basis)
{
	char status[4096];
	struct rusage r = { 0 };
	ssize_t n = basis->status_fd < 0 ? 0 : sys_pread(&m->sys, basis->status_fd, status, sizeof(status) - 1, 0);
	const char *peak;

	sys_getrusage(&m->sys, RUSAGE_SELF, &r);
	status[n > 0 ? n : 0] = '\0';
	peak = strstr(status, "VmHWM:");
	return (struct usage){
		.minor_faults = (uint64_t)r.ru_minflt - basis->minor_faults,
		.major_faults = (uint64_t)r.ru_majflt - basis->major_faults,
		.peak_bytes = peak ? strtoull(peak + strlen("VmHWM:"), NULL, 10) * 1024 : 0,
	};
}

static const char *outcome_name(const struct machine *m)
{
	static const char *const names[] = {
		[OUTCOME_NONE] = "not_started", [OUTCOME_EXITED] = "exited", [OUTCOME_CRASHED] = "crashed",
		[OUTCOME_RESET] = "reset", [OUTCOME_STOPPED] = "stopped", [OUTCOME_READY] = "ready",
		[OUTCOME_BROKE_OFF] = "broke_off", [OUTCOME_FAILED] = "host_failed",
	};

	if (m->outcome == OUTCOME_STOPPED && m->config->stop->signal == SIGALRM)
		return "timed_out";
	return names[m->outcome];
}

/* The mark at which a launch begins: spawn, where that could be reckoned. */
static uint64_t begin(const struct timeline *t)
{
	return t->tsc[MARK_SPAWN] ? t->tsc[MARK_SPAWN] : t->tsc[MARK_MAIN];
}

static uint64_t exits_total(const struct machine *m)
{
	uint64_t total = 0;

	for (unsigned i = 0; i < EXIT_REASONS_MAX; i++)
		total += m->exits[i];
	return total;
}

static uint64_t hypercalls_total(const struct machine *m)
{
	uint64_t total = 0;

	for (unsigned i = 0; i < CALLS_MAX; i++)
		total += m->calls[i];
	return total;
}

static const char *doorbell_name(const struct machine *m)
{
	static const char *const names[] = {
		[KVICK_DOORBELL_PORT] = "port", [KVICK_DOORBELL_VMCALL] = "vmcall", [KVICK_DOORBELL_VMMCALL] = "vmmcall",
	};

	return names[m->doorbell];
}

static void timeline_text(struct text *text, const struct timeline *t)
{
	uint64_t start = begin(t), last = start;

	if (!t->tsc_khz)
		return; /* it ended before the clock's rate was known */
	text_printf(text, "kvick: %-26s %12s %12s\n", "timeline", "at us", "took us");
	for (unsigned i = 0; i < MARK_COUNT; i++) {
		if (!t->tsc[i])
			continue;
		uint64_t at = timeline_ns(t, start, t->tsc[i]), took = timeline_ns(t, last, t->tsc[i]);

		text_printf(text, "kvick:   %-24s %8llu.%03llu %8llu.%03llu\n", mark_names[i], (unsigned long long)at / 1000,
			    (unsigned long long)at % 1000, (unsigned long long)took / 1000, (unsigned long long)took % 1000);
		last = t->tsc[i];
	}
	for (unsigned i = 0; i < KVICK_MARKS_MAX; i++)
		if (t->guest_mark[i]) {
			uint64_t at = timeline_ns(t, start, t->guest_mark[i]);

			text_printf(text, "kvick:   guest mark %-13u %8llu.%03llu\n", i, (unsigned long long)at / 1000,
				    (unsigned long long)at % 1000);
		}
}

static void invocation_text(struct text *text, const struct machine *m)
{
	const struct invocation *i = m->config->invocation;

	if (!i)
		return;
	text_printf(text, "kvick: request %llu bytes", (unsigned long long)i->request_bytes);
	if (i->replied)
		text_printf(text, ", reply %llu bytes after %llu us", (unsigned long long)i->reply_bytes,
			    (unsigned long long)timeline_ns(&m->timeline, i->taken_tsc, i->replied_tsc) / 1000);
	text_printf(text, "\n");
}

void report_text(struct text *text, struct machine *m, const struct report_basis *basis)
{
	struct usage usage = usage_now(m, basis);
	uint64_t syscalls = m->sys.calls;

	text_printf(text, "kvick: ");
	text_name(text, m->config->image_path);
	text_printf(text, ": %s", outcome_name(m));
	if (m->outcome == OUTCOME_EXITED)
		text_printf(text, " with %d", m->status);
	text_printf(text, "\n");
	timeline_text(text, &m->timeline);
	if (m->outcome == OUTCOME_NONE)
		return;
	text_printf(text, "kvick: ring %u%s (%s), doorbell %s, sandbox %s\n", m->ring, m->deprivileged ? ", run at ring 3" : "",
		    m->ring_reason, doorbell_name(m),
		    m->config->sandbox ? "on" : "off");
	text_printf(text, "kvick: cpu model %s, xcr0 0x%llx\n", cpu_model_name(m->cpu_model),
		    (unsigned long long)m->cpu_state.xcr0);
	text_printf(text, "kvick: exits %llu", (unsigned long long)exits_total(m));
	for (unsigned i = 0; i < EXIT_REASONS_MAX; i++)
		if (m->exits[i])
			text_printf(text, ", %s %llu", kvm_exit_name(i), (unsigned long long)m->exits[i]);
	text_printf(text, "\nkvick: hypercalls");
	if (hypercalls_total(m) == 0)
		text_printf(text, " none");
	for (unsigned i = 0; i < CALLS_MAX; i++)
		if (m->calls[i])
			text_printf(text, " %s %llu", i ? m->boot->call_name(i) : "unknown", (unsigned long long)m->calls[i]);
	text_printf(text, "\nkvick: guest RAM %llu KiB, peak resident %llu KiB with the VMM, page faults %llu minor %llu major, "
		    "system calls %llu\n", (unsigned long long)m->plan.bytes >> 10, (unsigned long long)usage.peak_bytes >> 10,
		    (unsigned long long)usage.minor_faults, (unsigned long long)usage.major_faults, (unsigned long long)syscalls);
	invocation_text(text, m);
	devices_text(text, m);
	solo5_text(text, m);
	traps_text(text, m);
}

static void timeline_json(struct text *text, const struct timeline *t)
{
	json_open(text, "timeline_ns", '{');
	for (unsigned i = 0; i < MARK_COUNT; i++)
		if (t->tsc[i])
			json_u64(text, mark_names[i], timeline_ns(t, begin(t), t->tsc[i]));
	json_close(text, '}');
	json_open(text, "guest_marks", '[');
	for (unsigned i = 0; i < KVICK_MARKS_MAX; i++) {
		if (!t->guest_mark[i])
			continue;
		json_open(text, NULL, '{');
		json_u64(text, "number", i);
		json_u64(text, "ns", timeline_ns(t, begin(t), t->guest_mark[i]));
		json_close(text, '}');
	}
	json_close(text, ']');
}

static void counts_json(struct text *text, const struct machine *m)
{
	json_open(text, "exits", '{');
	json_u64(text, "total", exits_total(m));
	for (unsigned i = 0; i < EXIT_REASONS_MAX; i++)
		if (m->exits[i])
			json_u64(text, kvm_exit_name(i), m->exits[i]);
	json_close(text, '}');
	json_open(text, "hypercalls", '{');
	for (unsigned i = 0; i < CALLS_MAX; i++)
		if (m->calls[i])
			json_u64(text, i ? m->boot->call_name(i) : "unknown", m->calls[i]);
	json_close(text, '}');
}

static void invocation_json(struct text *text, const struct machine *m)
{
	const struct invocation *i = m->config->invocation;
	const struct timeline *t = &m->timeline;

	if (!i)
		return;
	json_open(text, "invocation", '{');
	json_u64(text, "request_bytes", i->request_bytes);
	if (i->taken)
		json_u64(text, "taken_ns", timeline_ns(t, begin(t), i->taken_tsc));
	if (i->replied) {
		json_u64(text, "reply_bytes", i->reply_bytes);
		json_u64(text, "replied_ns", timeline_ns(t, begin(t), i->replied_tsc));
	}
	json_close(text, '}');
}

void report_json(struct text *text, struct machine *m, const struct report_basis *basis, int exit_code)
{
	struct usage usage = usage_now(m, basis);
	uint64_t syscalls = m->sys.calls;

	json_open(text, NULL, '{');
	json_string(text, "kvick", KVICK_VERSION);
	json_string(text, "image", m->config->image_path);
	json_string(text, "outcome", outcome_name(m));
	json_u64(text, "exit_code", (uint64_t)exit_code);
	if (m->outcome == OUTCOME_EXITED)
		json_u64(text, "guest_status", (uint64_t)m->status);
	if (m->outcome == OUTCOME_STOPPED)
		json_u64(text, "signal", (uint64_t)m->config->stop->signal);
	json_string(text, "error", m->error.kind != ERROR_NONE ? m->error.text : NULL);
	if (m->outcome != OUTCOME_NONE) {
		json_u64(text, "ring", m->ring);
		json_string(text, "ring_reason", m->ring_reason);
		json_string(text, "doorbell", doorbell_name(m));
		json_string(text, "cpu_model", cpu_model_name(m->cpu_model));
		json_hex(text, "xcr0", m->cpu_state.xcr0);
		json_bool(text, "sandbox", m->config->sandbox);
		timeline_json(text, &m->timeline);
		counts_json(text, m);
		json_u64(text, "console_bytes", m->console.bytes);
		json_open(text, "page_faults", '{');
		json_u64(text, "minor", usage.minor_faults);
		json_u64(text, "major", usage.major_faults);
		json_close(text, '}');
		json_u64(text, "system_calls", syscalls);
		json_open(text, "memory", '{');
		json_u64(text, "guest_bytes", m->plan.bytes);
		json_u64(text, "peak_resident_bytes", usage.peak_bytes);
		json_close(text, '}');
		invocation_json(text, m);
		devices_json(text, m);
		solo5_json(text, m);
		traps_json(text, m);
	}
	if (m->outcome == OUTCOME_CRASHED)
		crash_json(text, m);
	json_close(text, '}');
	text_printf(text, "\n");
}
