/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ends a guest, in a process that is not ours, by a time-out or from another thread; and looks after one that nothing can wake.
 *
 * By one signal, which needs no handler: the vCPU's thread has it blocked while a guest runs, KVM_RUN lets it through
 * (KVM_SET_SIGNAL_MASK) and gives -EINTR, and sigtimedwait() takes it away. So one that comes just before KVM_RUN is not missed,
 * and what waits outside of KVM_RUN waits in sigtimedwait() too. That an ignored signal is queued at all is because it is blocked
 * (the kernel's sig_ignored()), also in KVM_RUN, which keeps the thread's own mask in ->real_blocked.
 */
#ifndef KVICK_CONTROL_LIBRARY_WATCH_H
#define KVICK_CONTROL_LIBRARY_WATCH_H

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "vmm/stop.h"

struct error;
struct sys;

/* stop.signal of a guest that was ended. */
#define WATCH_TIMED_OUT SIGALRM
#define WATCH_CANCELLED SIGTERM

struct watch {
	struct stop stop;
	struct sys *sys;       /* of whoever runs the vCPU */
	int signal;
	int timer, timer_tid;  /* of that thread, whose signal it sends; timer_tid 0: there is none */
	bool armed;
	uint64_t deadline_ns, tick_ns; /* CLOCK_MONOTONIC; UINT64_MAX: never */
	sigset_t before;       /* the thread's mask, when it began */
	sigset_t inside;       /* … in KVM_RUN, as KVM has it */
	int inside_fd;         /* the vCPU that has it; -1: none, to be set so when that vCPU is gone */

	pthread_mutex_t lock;  /* around the next two */
	bool runs;
	pthread_t thread;

	atomic_bool cancelled; /* set before the signal, and so seen by whoever takes that */
};

/* Makes what the calling thread needs. 0 or -errno with `error` set: then there is nothing to destroy. */
int watch_create(struct watch *watch, int signal, struct sys *sys, struct error *error);
void watch_destroy(struct watch *watch);

/*
 * Around a run, in the thread that makes it; timeout_ns 0: none. watch->stop is the machine's. 0 or -errno with `error` set: then
 * the run has not begun.
 */
int watch_begin(struct watch *watch, int vcpu_fd, uint64_t timeout_ns, struct error *error);
void watch_end(struct watch *watch);

/* From another thread: ends what runs now. False: nothing does. */
bool watch_cancel(struct watch *watch);

#endif
