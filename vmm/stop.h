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
	/*
	 * Where a process has many machines, or is not ours at all (control/library): what the vCPU's thread calls instead of
	 * relying on handlers and the process's timer. NULL: it relies on them, as above.
	 */
	void (*want_ticks)(struct stop *stop);        /* makes ticks come */
	void (*interrupted)(struct stop *stop);       /* KVM_RUN gave -EINTR: sets `signal` or `ticked` where there is cause */
	int (*sleep)(struct stop *stop, uint64_t ns); /* so long, or until `signal` is set. 0 or -errno */
};

/* From now on the running machine wants ticks. 0, or -errno: there will be none. */
int stop_want_ticks(struct stop *stop, struct sys *sys);

#endif
