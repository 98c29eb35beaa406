/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A slot: a thread with a machine of its own, and a socket by which kvickd has it asked one thing after another.
 *
 * The thread alone touches its machine. Others read or write only what is atomic here, or `lock` is around, and interrupt it by
 * SLOT_SIGNAL, whose handler runs in the thread.
 */
#ifndef KVICK_CONTROL_WORKER_SLOT_H
#define KVICK_CONTROL_WORKER_SLOT_H

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "control/worker/protocol.h"
#include "vmm/invocation.h"
#include "vmm/machine.h"
#include "vmm/stop.h"

struct function;

#define SLOT_SIGNAL SIGUSR1

enum slot_state {
	SLOT_LIVES,
	SLOT_HUNG_UP,   /* the thread has ended: kvickd has closed the socket */
	SLOT_AGAIN,     /* …: its machine is no good any more, and is to be made anew */
	SLOT_UNMAKEABLE, /* …: there could be no machine, `error` says why */
	SLOT_CONFUSED,  /* …: kvickd has sent what is no request */
};

/* What wakes the main thread. */
struct slot_owner {
	int wake_fd;         /* eventfd */
	atomic_bool ticking; /* it looks for slots that want ticks, by itself */
};

/* One mapping, with its buffers and the thread's stack behind it; what is not touched of it is not there. */
struct slot {
	const struct function *function;
	struct slot_owner *owner;
	uint32_t number;
	int socket;
	pthread_t thread;
	_Atomic enum slot_state state;

	/* What it is doing. */
	pthread_mutex_t lock;
	uint64_t invocation;  /* that runs; 0: none */
	uint64_t cancelled;   /* the last that was to be cancelled: perhaps before it came */
	bool hung_up;         /* kvickd has gone: nothing is begun any more */
	atomic_bool cancel;   /* the one that runs is to end */
	atomic_bool wants_ticks;

	/* The thread's. */
	struct stop stop;
	struct machine_config config;
	struct invocation asked;
	struct worker_reply reply;
	int log_fd;           /* what the guest prints */
	char reason[WORKER_REASON_BYTES_MAX];
	struct error error;
	struct machine machine; /* last: most of it is never touched */
};

/* The handler of SLOT_SIGNAL. Once in a process, before there are slots. 0 or -errno. */
int slot_catch_signal(void);

/* A slot on `socket`, which is its own from now on. NULL: no memory. It is to be started. */
struct slot *slot_create(const struct function *function, struct slot_owner *owner, uint32_t number, int socket);
/* Also again, when its thread has ended by SLOT_AGAIN. 0 or -errno. */
int slot_start(struct slot *slot);
/* The thread has ended: waits for its last instructions. */
void slot_join(struct slot *slot);
/* After that, or where it has never been started. */
void slot_destroy(struct slot *slot);

/* Ends an invocation, now or when it comes. `true`: it runs, and slot_remind() is to be called until it is over. */
bool slot_cancel(struct slot *slot, uint64_t invocation);
/* kvickd has closed its end: what runs is to end. `true` likewise. */
bool slot_hang_up(struct slot *slot);
/* A signal may come right before a call that blocks; so again. False: it is over. */
bool slot_remind(struct slot *slot);
/* Where a guest runs that wants ticks, that is one. False: there is none such. */
bool slot_tick(struct slot *slot);

#endif
