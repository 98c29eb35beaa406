/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gets the vCPU's thread out of KVM_RUN: at a time, or at once by another thread. Made by the vCPU's thread, before the sandbox
 * closes.
 *
 * By a timer whose signal goes to that thread. Not by tgkill(), which a filter cannot keep from other processes. The handler sets
 * *stop->immediate_exit (KVM API, 5): who changes something, and then rings, is heard by a vCPU that clears it, then looks, and
 * then enters KVM_RUN.
 */
#ifndef KVICK_VMM_PC_ALARM_H
#define KVICK_VMM_PC_ALARM_H

#include <stdbool.h>
#include <stdint.h>

#define ALARM_NEVER UINT64_MAX

struct stop;
struct sys;

struct alarm {
	bool made;
	int timer;
	uint64_t at; /* for which it is set; of nobody but the thread that sets it */
};

/* stop: outlives it. 0 or -errno. */
int alarm_create(struct alarm *alarm, struct stop *stop, struct sys *sys);
void alarm_destroy(struct alarm *alarm, struct sys *sys);

/* Once, at this time of CLOCK_MONOTONIC; what was set before is off. 0 or -errno. */
int alarm_set(struct alarm *alarm, uint64_t at_ns, struct sys *sys);

/* Now. 0 or -errno. */
int alarm_ring(struct alarm *alarm, struct sys *sys);

#endif
