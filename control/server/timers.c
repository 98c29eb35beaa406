/* SPDX-License-Identifier: Apache-2.0 */
#include "control/server/timers.h"

#include <assert.h>
#include <stdlib.h>

#include "control/server/memory.h"

static void put(struct timers *timers, struct timer *timer, uint32_t place)
{
	timers->heap[place] = timer;
	timer->place = place;
}

static void up(struct timers *timers, struct timer *timer, uint32_t place)
{
	for (; place > 1 && timers->heap[place / 2]->at_ns > timer->at_ns; place /= 2)
		put(timers, timers->heap[place / 2], place);
	put(timers, timer, place);
}

static void down(struct timers *timers, struct timer *timer, uint32_t place)
{
	for (;;) {
		uint32_t child = 2 * place;

		if (child < timers->count && timers->heap[child + 1]->at_ns < timers->heap[child]->at_ns)
			child++;
		if (child > timers->count || timers->heap[child]->at_ns >= timer->at_ns)
			break;
		put(timers, timers->heap[child], place);
		place = child;
	}
	put(timers, timer, place);
}

void timer_set(struct timers *timers, struct timer *timer, uint64_t at_ns)
{
	uint64_t before = timer->at_ns;

	assert(timer->over);
	timer->at_ns = at_ns;
	if (!timer->place) {
		if (timers->count + 1 >= timers->room) {
			timers->room = timers->room ? 2 * timers->room : 64;
			timers->heap = memory_resize(timers->heap, timers->room * sizeof(*timers->heap));
		}
		up(timers, timer, ++timers->count);
	} else if (at_ns < before) {
		up(timers, timer, timer->place);
	} else {
		down(timers, timer, timer->place);
	}
}

void timer_clear(struct timers *timers, struct timer *timer)
{
	uint32_t place = timer->place;

	if (!place)
		return;
	assert(timers->heap[place] == timer);

	struct timer *last = timers->heap[timers->count--];

	timer->place = 0;
	if (last == timer)
		return;
	/* It may belong on either side of the gap. */
	if (place > 1 && timers->heap[place / 2]->at_ns > last->at_ns)
		up(timers, last, place);
	else
		down(timers, last, place);
}

uint64_t timers_next(const struct timers *timers)
{
	return timers->count ? timers->heap[1]->at_ns : TIMER_NEVER;
}

void timers_run(struct timers *timers, uint64_t now_ns)
{
	/* One that sets itself to a time that is over already must not keep the loop from its events. */
	for (uint32_t most = timers->count; most && timers_next(timers) <= now_ns; most--) {
		struct timer *timer = timers->heap[1];

		timer_clear(timers, timer);
		timer->over(timer->object);
	}
}

void timers_end(struct timers *timers)
{
	free(timers->heap);
	*timers = (struct timers){ 0 };
}
