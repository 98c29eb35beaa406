/* SPDX-License-Identifier: Apache-2.0 */
/* All that kvickd is, in one place: its parts know each other by this. */
#ifndef KVICK_CONTROL_SERVER_SERVER_H
#define KVICK_CONTROL_SERVER_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "control/server/http.h"
#include "control/server/invocations.h"
#include "control/server/listener.h"
#include "control/server/log.h"
#include "control/server/loop.h"
#include "control/server/memory.h"
#include "control/server/metrics.h"
#include "control/server/options.h"
#include "control/server/registry.h"
#include "control/worker/protocol.h"

#define SERVER_SCRATCH_BYTES 65536u

struct server {
	struct server_options options;
	struct log log;
	struct loop loop;
	struct memory_budget bodies;
	struct metrics metrics;
	struct listeners listeners;
	struct http http;
	struct registry registry;
	struct invocations invocations;

	int kvm_fd, images_fd, state_fd, null_fd, signal_fd;
	char worker_path[4096];
	uint64_t begun_ns;

	bool draining, stopping;
	struct timer drain_timer;

	/* What is read from a worker, and what is written to one: used between two waits only. */
	uint8_t scratch[SERVER_SCRATCH_BYTES];
	uint8_t control[WORKER_CONTROL_BYTES_MAX];
};

/* SIGTERM: nothing new is taken, and the loop ends when what is under way has been answered, or the time for that is over. */
void server_drain(struct server *server);
/* Something has ended: is that all? */
void server_drained(struct server *server);

#endif
