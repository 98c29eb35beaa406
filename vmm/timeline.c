/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/timeline.h"

const char *const mark_names[MARK_COUNT] = {
	[MARK_SPAWN] = "spawn",
	[MARK_MAIN] = "main",
	[MARK_PLAN] = "plan",
	[MARK_KVM] = "kvm_opened",
	[MARK_VM] = "vm",
	[MARK_MEMORY] = "memory",
	[MARK_IMAGE] = "image",
	[MARK_DEVICES] = "devices",
	[MARK_VCPU] = "vcpu",
	[MARK_SANDBOX] = "sandbox",
	[MARK_ENTRY] = "first_entry",
	[MARK_GUEST_FIRST] = "guest_first_instruction",
	[MARK_GUEST_MAIN] = "guest_main",
	[MARK_GUEST_HANDLER] = "guest_handler",
	[MARK_EXIT] = "exit",
	[MARK_TORN_DOWN] = "torn_down",
};

uint64_t timeline_ns(const struct timeline *timeline, uint64_t from_tsc, uint64_t to_tsc)
{
	if (!from_tsc || to_tsc < from_tsc || !timeline->tsc_khz)
		return 0;
	return (uint64_t)((unsigned __int128)(to_tsc - from_tsc) * 1000000u / timeline->tsc_khz);
}

void timeline_reckon_spawn(struct timeline *timeline, uint64_t at_tsc, uint64_t cpu_ns)
{
	uint64_t ticks = (uint64_t)((unsigned __int128)cpu_ns * timeline->tsc_khz / 1000000u);

	if (at_tsc > ticks && ticks > 0)
		timeline->tsc[MARK_SPAWN] = at_tsc - ticks;
}
