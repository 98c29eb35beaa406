/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "control/report.h"
#include "control/stamps.h"
#include "vmm/invocation.h"
#include "vmm/machine.h"

static uint64_t sum(const uint64_t *counts, unsigned n)
{
	uint64_t all = 0;

	for (unsigned i = 0; i < n; i++)
		all += counts[i];
	return all;
}

int report_stamps(struct machine *m, int fd, int exit_code)
{
	const struct invocation *i = m->config->invocation;
	const uint64_t *tsc = m->timeline.tsc;
	struct stamps stamps = {
		.magic = STAMPS_MAGIC,
		.main = tsc[MARK_MAIN], .plan = tsc[MARK_PLAN], .kvm = tsc[MARK_KVM], .vm = tsc[MARK_VM],
		.memory = tsc[MARK_MEMORY], .image = tsc[MARK_IMAGE], .devices = tsc[MARK_DEVICES], .vcpu = tsc[MARK_VCPU],
		.sandbox = tsc[MARK_SANDBOX], .entry = tsc[MARK_ENTRY], .first = tsc[MARK_GUEST_FIRST],
		.guest_main = tsc[MARK_GUEST_MAIN], .handler = tsc[MARK_GUEST_HANDLER], .exit = tsc[MARK_EXIT],
		.taken = i && i->taken ? i->taken_tsc : 0, .replied = i && i->replied ? i->replied_tsc : 0,
		.tsc_khz = m->timeline.tsc_khz,
		.exits = sum(m->exits, EXIT_REASONS_MAX), .hypercalls = sum(m->calls, CALLS_MAX),
		.system_calls = m->sys.calls, .console_bytes = m->console.bytes, .guest_bytes = m->plan.bytes,
		.exit_code = (uint32_t)exit_code, .outcome = m->outcome, .status = (uint32_t)m->status, .ring = m->ring,
	};
	ssize_t n = sys_write(&m->sys, fd, &stamps, sizeof(stamps));

	return n == (ssize_t)sizeof(stamps) ? 0 : n < 0 ? (int)n : -EIO;
}
