/* SPDX-License-Identifier: Apache-2.0 */
#include "control/report_traps.h"

#include "control/text.h"
#include "vmm/deprivileged.h"
#include "vmm/machine.h"
#include "vmm/x86/sensitive.h"

/* What traps without being emulated: the guest's own exceptions, and pages that are executed for the first time. */
#define OTHERS "exceptions"

static const char *name_of(unsigned id)
{
	unsigned count;
	const struct x86_sensitive *rows = x86_sensitive_rows(&count);

	for (unsigned i = 0; i < count; i++)
		if (rows[i].id == id)
			return rows[i].name;
	return OTHERS;
}

/* In the monitor: what it takes the CPU to get there and back comes on top. */
static uint64_t ns_of(const struct machine *m, uint64_t cycles)
{
	uint64_t khz = m->timeline.tsc_khz;

	return khz ? cycles / khz * 1000000 + cycles % khz * 1000000 / khz : 0;
}

void traps_text(struct text *text, const struct machine *m)
{
	uint64_t total = 0;

	if (!m->deprivileged)
		return;
	for (unsigned i = 0; i < X86_IDS; i++)
		total += m->traps.count[i];
	text_printf(text, "kvick: deprivileged: %u instructions patched, %u pages executed later, %llu traps\n", m->dep.site_count,
		    m->dep.grants, (unsigned long long)total);
	for (unsigned i = 0; i < X86_IDS; i++)
		if (m->traps.count[i])
			text_printf(text, "kvick:   %-28s %8llu  %10.3f us in the monitor\n", name_of(i),
				    (unsigned long long)m->traps.count[i], (double)ns_of(m, m->traps.cycles[i]) / 1000);
}

void traps_json(struct text *text, const struct machine *m)
{
	if (!m->deprivileged)
		return;
	json_open(text, "deprivileged", '{');
	json_u64(text, "patched", m->dep.site_count);
	json_u64(text, "pages_executed_later", m->dep.grants);
	json_open(text, "traps", '[');
	for (unsigned i = 0; i < X86_IDS; i++) {
		if (!m->traps.count[i])
			continue;
		json_open(text, NULL, '{');
		json_string(text, "instruction", name_of(i));
		json_u64(text, "count", m->traps.count[i]);
		json_u64(text, "monitor_ns", ns_of(m, m->traps.cycles[i]));
		json_close(text, '}');
	}
	json_close(text, ']');
	json_close(text, '}');
}
