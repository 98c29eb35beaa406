/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timers of an event loop: a binary heap, the next one first. A timer belongs to its user and lies in the user's own structure; the
 * heap holds pointers. One that is not in the heap is all zero but for what it does.
 */
#ifndef KVICK_CONTROL_SERVER_TIMERS_H
#define KVICK_CONTROL_SERVER_TIMERS_H

#include <stdint.h>

#define TIMER_NEVER UINT64_MAX

struct timer {
	void (*over)(void *object);
	void *object;
	uint64_t at_ns;
	uint32_t place; /* in the heap, from 1; 0: not set */
};

struct timers {
	struct timer **heap; /* heap[1] is the next; heap[0] is unused */
	uint32_t count, room;
};

/* Also where it is set already: then it is moved. */
void timer_set(struct timers *timers, struct timer *timer, uint64_t at_ns);
/* Also where it is not set. */
void timer_clear(struct timers *timers, struct timer *timer);

/* When the next one is over; TIMER_NEVER where there is none. */
uint64_t timers_next(const struct timers *timers);
/* Calls over() of all that are over by then, in order. They may set and clear timers, and are called no more often than
 * there are timers at the start. */
void timers_run(struct timers *timers, uint64_t now_ns);

void timers_end(struct timers *timers);

#endif
