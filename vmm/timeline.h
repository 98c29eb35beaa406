/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a launch reached each of its steps, host and guest on one clock: the host's TSC.
 *
 * Stamps are raw TSC readings, a few nanoseconds each, taken on every launch; only a report turns
 * them into time.
 */
#ifndef KVICK_VMM_TIMELINE_H
#define KVICK_VMM_TIMELINE_H

#include <stdint.h>
#include <x86intrin.h>

#include <kvick/hypercall.h>

/* In the order in which a launch reaches them. */
enum mark {
	MARK_SPAWN, /* reckoned: main less the CPU time that the process had used by then */
	MARK_MAIN,
	MARK_PLAN,
	MARK_KVM,
	MARK_VM,
	MARK_MEMORY,
	MARK_IMAGE,
	MARK_DEVICES,
	MARK_VCPU,
	MARK_SANDBOX,
	MARK_ENTRY,
	MARK_GUEST_FIRST,
	MARK_GUEST_MAIN,
	MARK_GUEST_HANDLER,
	MARK_EXIT,
	MARK_TORN_DOWN,
	MARK_COUNT,
};

struct timeline {
	uint64_t tsc[MARK_COUNT];             /* 0 = not reached */
	uint64_t guest_mark[KVICK_MARKS_MAX]; /* KVICK_CALL_MARK; 0 = not called */
	uint64_t tsc_khz;                     /* 0 = not known */
};

static inline void timeline_stamp(struct timeline *timeline, enum mark mark)
{
	timeline->tsc[mark] = __rdtsc();
}

extern const char *const mark_names[MARK_COUNT];

/* Nanoseconds between two readings; 0 where either is missing, they are reversed, or the rate is not known. */
uint64_t timeline_ns(const struct timeline *timeline, uint64_t from_tsc, uint64_t to_tsc);

/*
 * Fills in MARK_SPAWN: at the reading `at_tsc` the process had used cpu_ns of CPU time, all of it since it was
 * spawned. Nothing where a figure is missing.
 */
void timeline_reckon_spawn(struct timeline *timeline, uint64_t at_tsc, uint64_t cpu_ns);

#endif
