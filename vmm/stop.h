/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a signal ends a guest at once, wherever it is.
 *
 * The handler (control/signals.c) sets `signal`, then *immediate_exit. The thread that runs the vCPU looks at
 * `signal` before each KVM_RUN; a signal that comes between that look and the call finds KVM
 * refusing to enter (KVM API, 5, "immediate_exit"), and one that comes later interrupts it.
 */
#ifndef KVICK_VMM_STOP_H
#define KVICK_VMM_STOP_H

#include <signal.h>
#include <stdint.h>

#define STOP_TICK_US 20000

struct sys;

struct stop {
	volatile sig_atomic_t signal;               /* 0, or the signal that asked for the end */
	volatile sig_atomic_t ticks;                /* the machine wants to be interrupted every STOP_TICK_US, to have a look */
	volatile sig_atomic_t ticked;               /* the timer has gone off; the machine takes it back */
	volatile uint8_t *volatile immediate_exit;  /* in the vCPU's kvm_run; NULL while there is no vCPU */
	/* Makes ticks come where there are many machines in a process; NULL: the process's timer does, as in signals.c. */
	void (*want_ticks)(struct stop *stop);
};

/* From now on the running machine wants ticks. 0, or -errno: there will be none. */
int stop_want_ticks(struct stop *stop, struct sys *sys);

#endif
