/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "control/library/library.h"

/* Documentation/admin-guide/mm/pagemap.rst */
#define PAGEMAP_PRESENT (1ull << 63)
#define PAGEMAP_FILE    (1ull << 61) /* or shared memory: not this machine's own copy */

#define PAGES_AT_ONCE 512

/* Of RAM. Nothing where the host does not tell. */
static void count_pages(struct kvick_vm *vm, struct kvick_stats *stats)
{
	uint64_t map[PAGES_AT_ONCE], first = (uintptr_t)vm->machine.mem.host / GUEST_PAGE_BYTES;
	uint64_t pages = vm->machine.mem.bytes / GUEST_PAGE_BYTES;

	for (uint64_t at = 0; at < pages && vm->of->pagemap_fd >= 0; at += PAGES_AT_ONCE) {
		uint64_t count = pages - at < PAGES_AT_ONCE ? pages - at : PAGES_AT_ONCE;
		ssize_t n = sys_pread(&vm->machine.sys, vm->of->pagemap_fd, map, count * sizeof(map[0]),
				      (first + at) * sizeof(map[0]));

		for (ssize_t i = 0; i < n / (ssize_t)sizeof(map[0]); i++) {
			stats->mapped_pages += !!(map[i] & PAGEMAP_PRESENT);
			stats->own_pages += map[i] & PAGEMAP_PRESENT && !(map[i] & PAGEMAP_FILE);
		}
	}
}

static uint64_t sum(const uint64_t *counts, unsigned n)
{
	uint64_t all = 0;

	for (unsigned i = 0; i < n; i++)
		all += counts[i];
	return all;
}

void kvick_vm_stats(struct kvick_vm *vm, struct kvick_stats *to, size_t bytes)
{
	const struct timeline *t = &vm->machine.timeline;
	const uint64_t *tsc = t->tsc;

	if (vm->outcome != KVICK_NOT_RUN && vm->machine_is_made && vm->machine.boot->native)
		machine_guest_stamps(&vm->machine);

	struct kvick_stats stats = {
		.plan_ns = timeline_ns(t, tsc[MARK_MAIN], tsc[MARK_PLAN]),
		.kvm_ns = timeline_ns(t, tsc[MARK_PLAN], tsc[MARK_KVM]),
		.vm_ns = timeline_ns(t, tsc[MARK_KVM], tsc[MARK_VM]),
		.memory_ns = timeline_ns(t, tsc[MARK_VM], tsc[MARK_MEMORY]),
		.image_ns = timeline_ns(t, tsc[MARK_MEMORY], tsc[MARK_IMAGE]),
		.vcpu_ns = timeline_ns(t, tsc[MARK_DEVICES], tsc[MARK_VCPU]),
		.made_ns = timeline_ns(t, tsc[MARK_MAIN], tsc[MARK_SANDBOX]),
		.reset_ns = vm->reset_ns,
		.system_calls = vm->machine.sys.calls,
		.console_bytes = vm->output.bytes,
		.resets = vm->resets,
	};

	if (vm->machine_is_made) {
		stats.memory_bytes = vm->machine.mem.bytes;
		count_pages(vm, &stats);
	}
	if (vm->outcome != KVICK_NOT_RUN) {
		stats.run_ns = timeline_ns(t, tsc[MARK_ENTRY], tsc[MARK_EXIT]);
		stats.taken_ns = timeline_ns(t, tsc[MARK_ENTRY], vm->invocation.taken_tsc);
		stats.replied_ns = timeline_ns(t, tsc[MARK_ENTRY], vm->invocation.replied_tsc);
		stats.first_ns = timeline_ns(t, tsc[MARK_ENTRY], tsc[MARK_GUEST_FIRST]);
		stats.main_ns = timeline_ns(t, tsc[MARK_ENTRY], tsc[MARK_GUEST_MAIN]);
		stats.handler_ns = timeline_ns(t, tsc[MARK_ENTRY], tsc[MARK_GUEST_HANDLER]);
		stats.exits = sum(vm->machine.exits, EXIT_REASONS_MAX);
		stats.hypercalls = sum(vm->machine.calls, CALLS_MAX);
	}
	memset(to, 0, bytes);
	memcpy(to, &stats, bytes < sizeof(stats) ? bytes : sizeof(stats));
}
