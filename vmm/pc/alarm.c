/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/pc/alarm.h"

#include <signal.h>
#include <time.h>

#include "vmm/stop.h"
#include "vmm/sys.h"

#define NS_PER_S 1000000000ull

/* Others' signals of this number bring no pointer of ours. */
static void on_alarm(int signal, siginfo_t *info, void *context)
{
	struct stop *stop = info->si_value.sival_ptr;

	(void)signal, (void)context;
	if (info->si_code == SI_TIMER && stop->immediate_exit)
		*stop->immediate_exit = 1;
}

int alarm_create(struct alarm *alarm, struct stop *stop, struct sys *sys)
{
	const struct sigaction action = { .sa_sigaction = on_alarm, .sa_flags = SA_SIGINFO };
	sigset_t set;
	int r = sys_sigaction(sys, SIGRTMIN, &action, NULL);

	*alarm = (struct alarm){ .at = ALARM_NEVER };
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	if (r == 0)
		r = sys_sigprocmask(sys, SIG_UNBLOCK, &set);
	if (r == 0)
		r = sys_timer_create(sys, SIGRTMIN, stop, &alarm->timer);
	alarm->made = r == 0;
	return r;
}

void alarm_destroy(struct alarm *alarm, struct sys *sys)
{
	if (alarm->made)
		sys_timer_delete(sys, alarm->timer);
	alarm->made = false;
}

int alarm_set(struct alarm *alarm, uint64_t at_ns, struct sys *sys)
{
	struct itimerspec value = { .it_value = { (time_t)(at_ns / NS_PER_S), (long)(at_ns % NS_PER_S) } };

	if (at_ns == alarm->at)
		return 0;
	alarm->at = at_ns;
	if (at_ns == ALARM_NEVER)
		value = (struct itimerspec){ 0 };
	return sys_timer_set(sys, alarm->timer, TIMER_ABSTIME, &value);
}

int alarm_ring(struct alarm *alarm, struct sys *sys)
{
	const struct itimerspec at_once = { .it_value = { .tv_nsec = 1 } };

	return sys_timer_set(sys, alarm->timer, 0, &at_once);
}
