/* SPDX-License-Identifier: Apache-2.0 */
/* RAM as KVM is told of it: one slot, or several where runs of it are read-only. Computed, nothing asked of the host. */
#ifndef KVICK_VMM_MEMORY_SLOTS_H
#define KVICK_VMM_MEMORY_SLOTS_H

#include "vmm/guest_mem.h"

struct memory_slot {
	struct memory_run run;
	bool readonly;
};

#define MEMORY_SLOTS_MAX (2 * GUEST_MEM_READONLY_MAX + 1)

/*
 * Covers [0, ram_bytes) with slots, ascending, a read-only one for each run and a writable one for each
 * stretch between. runs: ascending, apart, page-aligned, in RAM (asserted). Returns how many.
 */
unsigned memory_slots(uint64_t ram_bytes, const struct memory_run *runs, unsigned run_count,
		      struct memory_slot slots[static MEMORY_SLOTS_MAX]);

#endif
