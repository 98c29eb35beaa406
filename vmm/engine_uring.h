/* SPDX-License-Identifier: Apache-2.0 */
/* The ring, between the file that makes it (engine_uring_setup.c) and the one that uses it (engine_uring.c). */
#ifndef KVICK_VMM_ENGINE_URING_H
#define KVICK_VMM_ENGINE_URING_H

#include <liburing.h>

#include "vmm/engine_private.h"

/* All that the ring can be asked to do: its restrictions are made of this. */
#define URING_OPCODES \
	IORING_OP_READV, IORING_OP_WRITEV, IORING_OP_FSYNC, IORING_OP_FALLOCATE, IORING_OP_POLL_ADD, IORING_OP_TIMEOUT, \
		IORING_OP_ASYNC_CANCEL, IORING_OP_NOP

/* An operation that is with the kernel. Its generation is in user_data: a late cancellation cannot hit the slot's next one. */
struct uring_slot {
	struct engine_op *op; /* NULL: free */
	uint32_t generation;
	uint16_t next_free;
	struct __kernel_timespec until; /* read by the kernel when it takes the entry */
};

struct uring {
	struct io_uring ring;
	bool in_our_memory; /* IORING_SETUP_NO_MMAP */
	struct engine_list cancels; /* pending operations whose cancellation is to be sent */
	unsigned free_count;
	uint16_t untouched;  /* slots from here on have never been used */
	uint16_t first_free; /* a chain through the free slots */
	struct uring_slot slots[];
};

/* The cheapest ring that this kernel has; files registered, restricted, enabled. 0 or -errno, and nothing is left. */
int uring_set_up(struct engine *engine, struct uring *uring, struct error *error);
void uring_tear_down(struct engine *engine, struct uring *uring);

#endif
