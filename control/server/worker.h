/* SPDX-License-Identifier: Apache-2.0 */
/* A function's worker process: started, configured, talked to, killed, and, when it dies, started again after a while. */
#ifndef KVICK_CONTROL_SERVER_WORKER_H
#define KVICK_CONTROL_SERVER_WORKER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "control/server/timers.h"
#include "control/worker/protocol.h"

struct function;

enum worker_state {
	WORKER_NONE,        /* none runs; one will be started when the timer is over */
	WORKER_CONFIGURING,
	WORKER_READY,
	WORKER_ENDING,      /* killed, or it is about to end: its exit status is awaited */
};

struct worker {
	struct function *function;
	enum worker_state state;
	pid_t pid;
	int pid_fd, control_fd;
	struct timer timer;       /* NONE: start; CONFIGURING, or READY and deaf: it takes too long; ENDING: SIGKILL */
	uint64_t started_ns, back_off_ns;
	bool refused;
	bool deaf;                /* its control socket is full */
	bool asked;               /* to end */
	bool served;              /* this one has replied to something */
	char reason[WORKER_REASON_BYTES_MAX + 1]; /* why the last one ended, or why this one is to */
};

void worker_timer(void *worker); /* what the timer calls */
void worker_start(struct worker *worker);
/* It did what it should not, or is not needed any more. The rest follows when it is gone. */
void worker_kill(struct worker *worker, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A control message; the descriptor may be -1. 0 or -errno; -EAGAIN: function_worker_hears() follows, or its end. */
int worker_tell(struct worker *worker, uint32_t type, uint32_t slot, uint64_t invocation, int fd);
/* Whether it may be given requests. */
bool worker_serves(const struct worker *worker);
const char *worker_state_name(const struct worker *worker);

#endif
