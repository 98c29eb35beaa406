/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Borrowing ring 0: page-table entries that are in force are changed by the vCPU itself.
 *
 * KVM with shadow paging (hosts without nested paging) notices a guest's stores to its page tables,
 * but not the VMM's: a permission taken away from outside would stay in the shadow. And on any host
 * a changed translation must leave the TLB. So the VMM parks the guest, lets the vCPU run a small
 * store loop from the system page at ring 0, and puts the guest back. The loop ends with a move to
 * CR3, which flushes. It runs on page tables of the VMM's own, in which all RAM is mapped.
 *
 * An entry that was not present is in no TLB and no shadow: plain memory writes do for those.
 */
#ifndef KVICK_VMM_RING0_H
#define KVICK_VMM_RING0_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/guest_mem.h"
#include "vmm/vcpu.h"

struct machine;

/* A guest that is parked: from ring0_park() to ring0_resume(). */
struct ring0 {
	bool parked;
	struct vcpu_state guest;
};

/*
 * Each returns 0 or -errno. After ring0_store has failed the guest cannot go on: the caller ends it, if that has
 * not been done (-ECANCELED: the guest had spoiled what the loop needs, and is crashed).
 * ring0_store parks the guest if need be. entry: guest-physical, 8-byte aligned, the run of `count`
 * entries lies in RAM (checked by the caller). Entry i becomes value + i * step.
 */
int ring0_park(struct machine *machine, struct ring0 *ring0);
int ring0_store(struct machine *machine, struct ring0 *ring0, gpa_t entry, uint64_t value, uint64_t step, uint64_t count);
void ring0_resume(struct machine *machine, struct ring0 *ring0);

/* Pages that the VMM's own tables need. */
uint64_t ring0_pages(uint64_t mem_bytes);

#endif
