/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a snapshot's sections say of a machine, byte for byte (state.h): no pointers, no padding that is not named. snapshot.c
 * writes them, restore.c reads and checks them. A change here is another format: SNAPSHOT_FORMAT (snapshot.h).
 */
#ifndef KVICK_VMM_MACHINE_STATE_H
#define KVICK_VMM_MACHINE_STATE_H

#include <stdint.h>

#include "loader/image.h"
#include "vmm/guest_mem.h"
#include "vmm/machine.h"
#include "vmm/memory_plan.h"
#include "vmm/snapshot.h"
#include "vmm/vcpu_state.h"

/* STATE_MACHINE */
struct machine_state {
	uint32_t kind;           /* enum image_kind: native or Solo5 */
	uint32_t ring, doorbell, deprivileged, cpu_model, interrupt_flag;
	uint32_t xsave_bytes, readonly_count, function_stage;
	uint32_t tables_touched; /* its tables may lie where it can write to them */
	uint64_t xcr0;
	uint64_t generation, pending_call;
	uint64_t pgd, ring0_pgd;
	uint64_t behind_bytes;   /* of memory behind RAM */
	struct memory_plan plan; /* plan.bytes: RAM */
	struct memory_run readonly[GUEST_MEM_READONLY_MAX];
};

/* STATE_IMAGE: what messages and a deprivileged guest's text need to know of it. */
struct image_state {
	uint64_t base, end, entry;
	uint32_t rings, flags;   /* of its note */
	uint32_t segment_count, padding;
	struct {
		uint64_t gpa, mem_bytes;
		uint32_t perms, padding;
	} segments[IMAGE_SEGMENTS_MAX];
};

/* STATE_VCPU: struct vcpu_saved up to its MSRs, these, and then: */
struct cpuid_state {
	uint32_t count, padding; /* so many struct kvm_cpuid_entry2 follow */
};

/* STATE_DEPRIVILEGED: struct deprivileged_guest. STATE_MEMORY: how many runs, and these. */
struct memory_state {
	uint32_t count, padding;
};

_Static_assert(sizeof(struct machine_state) == 10 * 4 + 6 * 8 + sizeof(struct memory_plan) + 16 * GUEST_MEM_READONLY_MAX,
	       "no padding");
_Static_assert(sizeof(struct memory_plan) == 10 * 8, "no padding");
_Static_assert(sizeof(struct image_state) == 3 * 8 + 4 * 4 + 24 * IMAGE_SEGMENTS_MAX, "no padding");
_Static_assert(sizeof(struct deprivileged_guest) == 2 * 8 + 8 * 4 + 2 * 8 + 8 * DEPRIVILEGED_PAGES_MAX, "no padding");

/* Kept of it by a machine that was made so: what it is made of again when it is reset. */
struct restored {
	struct machine_state machine;
	struct deprivileged_guest dep;
	struct vcpu_saved vcpu;
	uint64_t tsc_offset;    /* before a guest could move it: ring 0 writes to the TSC, and to TSC_ADJUST */
	uint32_t run_count;
	struct memory_run runs[SNAPSHOT_RUNS_MAX];
};

#endif
