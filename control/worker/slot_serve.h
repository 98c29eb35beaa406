/* SPDX-License-Identifier: Apache-2.0 */
/* What a slot's thread does: it makes its machine, then takes requests, runs the guest, replies and resets, until it ends. */
#ifndef KVICK_CONTROL_WORKER_SLOT_SERVE_H
#define KVICK_CONTROL_WORKER_SLOT_SERVE_H

#include <kvick/hypercall.h>

#include "control/worker/slot.h"

/* So much of each stays after use; the rest is given back. */
#define BUFFER_KEPT_BYTES 8192u

struct slot_buffers {
	/* As it comes: one call for most. */
	struct {
		struct worker_request head;
		uint8_t body[KVICK_REQUEST_BYTES_MAX];
	} request __attribute__((aligned(4096)));
	uint8_t reply[KVICK_REPLY_BYTES_MAX] __attribute__((aligned(4096)));
	uint8_t log[WORKER_LOG_BYTES_MAX] __attribute__((aligned(4096)));
};

struct slot_buffers *slot_buffers(struct slot *slot);
void slot_wake_owner(struct slot *slot);

/* In its thread. How it has ended: anything but SLOT_LIVES. */
enum slot_state slot_serve(struct slot *slot);

#endif
