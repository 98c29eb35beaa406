/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One call of a function: the request that a guest is handed (KVICK_CALL_READY), and the reply that it gives (KVICK_CALL_REPLY).
 *
 * Belongs to whoever runs the machine, and outlives the run. All memory is the caller's; nothing is allocated.
 */
#ifndef KVICK_VMM_INVOCATION_H
#define KVICK_VMM_INVOCATION_H

#include <stdbool.h>
#include <stdint.h>

struct invocation {
	const uint8_t *request; /* NULL with 0 bytes: an empty one */
	uint64_t request_bytes; /* at most KVICK_REQUEST_BYTES_MAX */
	uint8_t *reply;         /* room for it; NULL: it is dropped */
	uint64_t reply_max;     /* bytes of room; a reply that is longer ends the guest (OUTCOME_BROKE_OFF) */

	bool taken;             /* the guest has been handed the request */
	bool replied;
	uint64_t reply_bytes;
	uint64_t taken_tsc, replied_tsc; /* host's RDTSC at these calls; 0: did not happen */
};

#endif
