/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/stop.h"

#include "vmm/error.h"
#include "vmm/sys.h"

COLD int stop_want_ticks(struct stop *stop, struct sys *sys)
{
	/* A time-out's timer too: whoever is told that it has gone off arms it anew. */
	const struct itimerval soon = { .it_value = { .tv_usec = STOP_TICK_US } };
	int r = 0;

	stop->ticks = 1;
	if (stop->want_ticks)
		stop->want_ticks(stop);
	else
		r = sys_setitimer(sys, ITIMER_REAL, &soon);
	if (r < 0)
		stop->ticks = 0;
	return r;
}
