/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/memory_slots.h"

#include <assert.h>

unsigned memory_slots(uint64_t ram_bytes, const struct memory_run *runs, unsigned run_count,
		      struct memory_slot slots[static MEMORY_SLOTS_MAX])
{
	uint64_t done = 0;
	unsigned n = 0;

	assert(run_count <= GUEST_MEM_READONLY_MAX);
	for (unsigned i = 0; i < run_count; i++) {
		const struct memory_run *run = &runs[i];

		assert(run->bytes && (run->at | run->bytes) % GUEST_PAGE_BYTES == 0);
		assert(run->at >= done && run->at < ram_bytes && run->bytes <= ram_bytes - run->at);
		if (run->at > done)
			slots[n++] = (struct memory_slot){ .run = { done, run->at - done } };
		slots[n++] = (struct memory_slot){ .run = *run, .readonly = true };
		done = run->at + run->bytes;
	}
	if (done < ram_bytes)
		slots[n++] = (struct memory_slot){ .run = { done, ram_bytes - done } };
	return n;
}
