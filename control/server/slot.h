/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A slot: one VM in a function's worker, and the socket to it. What it says is checked to the last length: whoever is in the worker
 * may say it.
 */
#ifndef KVICK_CONTROL_SERVER_SLOT_H
#define KVICK_CONTROL_SERVER_SLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "control/server/timers.h"
#include "control/worker/protocol.h"

struct blob;
struct function;
struct invocation;

enum slot_state {
	SLOT_NONE,
	SLOT_MAKING,
	SLOT_WARM,
	SLOT_BUSY,
	SLOT_RESETTING,
};

struct slot {
	struct function *function;
	enum slot_state state;
	uint32_t number;
	int fd;
	TAILQ_ENTRY(slot) link;        /* of those that are warm */
	struct invocation *invocation; /* NULL too when its record is gone before the slot is back */
	uint64_t invocation_id;
	bool cancel_owed;              /* the worker could not be told yet */
	struct timer patience;         /* until it has to be back, or its worker is killed */
	uint32_t epoch;                /* of this structure: it is used again */

	/* The request: what of it has been sent. */
	struct worker_request request;
	struct blob *body;
	size_t sent;

	/* The reply: the header, and then its three parts one after another. */
	struct worker_reply reply;
	size_t header_have;
	struct blob *parts[3];
	unsigned part;
	size_t part_have;
	bool broken;                   /* nothing that follows can be understood */
};

/* Asks the worker for one. 0 or -errno: the worker cannot be told. */
int slot_make(struct slot *slot, struct function *function, uint32_t number);
/* The request is on its way to it. */
void slot_give(struct slot *slot, struct invocation *invocation);
/* Its invocation is to end. */
void slot_cancel(struct slot *slot);
/* Now that the worker listens. */
void slot_tell_cancelled(struct slot *slot);
/* It is nobody's any more; its worker ends what it had. */
void slot_end(struct slot *slot);
/* Whatever has come until now is taken in, although the worker is gone. */
void slot_drain(struct slot *slot);

#endif
