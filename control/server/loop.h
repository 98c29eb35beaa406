/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop: descriptors, timers, and one thing that is asked before each wait (the HTTP daemon, which has an epoll of its
 * own). One thread; nothing in it may wait.
 */
#ifndef KVICK_CONTROL_SERVER_LOOP_H
#define KVICK_CONTROL_SERVER_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "control/server/timers.h"

typedef void loop_ready(void *object, uint32_t events);

struct watch {
	loop_ready *ready;
	void *object;
	uint32_t generation; /* of the descriptor's number: an event for one that was closed meanwhile is for nobody */
};

struct loop {
	int epoll_fd;
	struct watch *watches; /* by descriptor */
	unsigned watch_count;
	uint32_t generation;
	struct timers timers;
	bool ended;
	/* Before each wait. Gives the most milliseconds to wait, -1: no limit. */
	int (*before_wait)(void *object);
	void *before_wait_object;
};

uint64_t loop_now_ns(void); /* CLOCK_MONOTONIC */

int loop_begin(struct loop *loop); /* 0 or -errno */
void loop_end(struct loop *loop);

int loop_watch(struct loop *loop, int fd, uint32_t events, loop_ready *ready, void *object); /* 0 or -errno */
void loop_change(struct loop *loop, int fd, uint32_t events);
/* Before the descriptor is closed. Also for one that is not watched. */
void loop_forget(struct loop *loop, int fd);

/* Until ended. 0 or -errno. */
int loop_run(struct loop *loop);

#endif
