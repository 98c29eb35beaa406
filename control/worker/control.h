/* SPDX-License-Identifier: Apache-2.0 */
/* The control socket, seen from the worker (protocol.h). */
#ifndef KVICK_CONTROL_WORKER_CONTROL_H
#define KVICK_CONTROL_WORKER_CONTROL_H

#include <stdint.h>

#include "control/worker/protocol.h"

#define CONTROL_FDS_MAX 2u

struct control_message {
	struct worker_header header;
	const uint8_t *body;   /* what follows it, in `bytes` */
	uint32_t body_bytes;
	int fds[CONTROL_FDS_MAX];
	unsigned fd_count;     /* the receiver's, to close */
	_Alignas(8) uint8_t bytes[WORKER_CONTROL_BYTES_MAX];
};

/* Waits for the next. 1; 0: kvickd has gone; -errno, -EBADMSG among them: no message of ours, and its descriptors are closed. */
int control_receive(int fd, struct control_message *message);

/* text: may be NULL; what is beyond WORKER_REASON_BYTES_MAX is left out. 0 or -errno. */
int control_send(int fd, enum worker_event type, uint32_t slot, const char *text);

#endif
