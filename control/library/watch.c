/* SPDX-License-Identifier: Apache-2.0 */
#include "control/library/watch.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmm/error.h"
#include "vmm/sys.h"

#define NS_PER_S  1000000000ull
#define TICK_NS   (STOP_TICK_US * 1000ull)
#define NEVER     UINT64_MAX
#define KERNEL_SIGSET_BYTES 8 /* _NSIG / 8 of x86-64; the C library's sigset_t begins with it */

static struct watch *watch_of(struct stop *stop)
{
	return (struct watch *)((char *)stop - offsetof(struct watch, stop));
}

static sigset_t set_of(const struct watch *w)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, w->signal);
	return set;
}

static uint64_t later(uint64_t ns)
{
	return ns < NEVER ? ns : NEVER - 1;
}

static uint64_t plus(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return later(__builtin_add_overflow(a, b, &sum) ? NEVER : sum);
}

/* For the next thing that is to happen; off where nothing is. */
static int arm(struct watch *w)
{
	uint64_t at = w->deadline_ns < w->tick_ns ? w->deadline_ns : w->tick_ns;
	struct itimerspec value = { .it_value = { (time_t)(at / NS_PER_S), (long)(at % NS_PER_S) } };

	if (at == NEVER && !w->armed)
		return 0;
	if (at == NEVER)
		value = (struct itimerspec){ 0 };
	w->armed = at != NEVER;
	return sys_timer_set(w->sys, w->timer, TIMER_ABSTIME, &value);
}

/* The time has come for what? */
static void look(struct watch *w)
{
	uint64_t now = w->armed ? sys_now_ns(w->sys) : 0;

	if (!w->stop.signal && w->cancelled)
		w->stop.signal = WATCH_CANCELLED;
	if (!w->armed || w->stop.signal)
		return;
	if (now >= w->deadline_ns) {
		w->stop.signal = WATCH_TIMED_OUT;
		return;
	}
	if (now >= w->tick_ns) {
		w->stop.ticked = 1;
		w->tick_ns = w->stop.ticks ? plus(now, TICK_NS) : NEVER;
	}
	arm(w); /* it worked before, for this very timer */
}

/* One at a time: another makes KVM_RUN return at once. */
static void interrupted(struct stop *stop)
{
	struct watch *w = watch_of(stop);
	const sigset_t set = set_of(w);
	const struct timespec now = { 0 };

	sys_sigtimedwait(w->sys, &set, &now);
	look(w);
}

static int sleep_for(struct stop *stop, uint64_t ns)
{
	struct watch *w = watch_of(stop);
	const sigset_t set = set_of(w);
	uint64_t until = plus(sys_now_ns(w->sys), ns);

	while (!stop->signal) {
		uint64_t now = sys_now_ns(w->sys);

		if (now >= until)
			break;

		struct timespec left = { (time_t)((until - now) / NS_PER_S), (long)((until - now) % NS_PER_S) };
		int r = sys_sigtimedwait(w->sys, &set, &left);

		if (r < 0 && r != -EAGAIN && r != -EINTR)
			return r;
		look(w);
	}
	return 0;
}

static void want_ticks(struct stop *stop)
{
	struct watch *w = watch_of(stop);

	w->tick_ns = plus(sys_now_ns(w->sys), TICK_NS);
	arm(w); /* whose timer it is */
}

static void drop_timer(struct watch *w)
{
	if (w->timer_tid)
		sys_timer_delete(w->sys, w->timer);
	w->timer_tid = 0;
	w->armed = false;
}

/* A timer's signal goes to one thread. A number is given to another thread only after all others have been. */
static int take_timer(struct watch *w, struct error *error)
{
	int tid = (int)syscall(SYS_gettid), r;

	if (w->timer_tid == tid)
		return 0;
	drop_timer(w);
	r = sys_timer_create(w->sys, w->signal, NULL, &w->timer);
	if (r < 0)
		return error_set(error, ERROR_HOST, -r, "timer_create: %s: raise the limit on pending signals (ulimit -i), which "
				 "counts timers", strerror(-r));
	w->timer_tid = tid;
	return 0;
}

int watch_create(struct watch *w, int signal, struct sys *sys, struct error *error)
{
	*w = (struct watch){
		
		.stop = { .want_ticks = want_ticks, .interrupted = interrupted, .sleep = sleep_for },
		.sys = sys, .signal = signal, .deadline_ns = NEVER, .tick_ns = NEVER, .inside_fd = -1,
	};

	int r = take_timer(w, error);

	if (r == 0)
		pthread_mutex_init(&w->lock, NULL);
	return r;
}

void watch_destroy(struct watch *w)
{
	drop_timer(w);
	pthread_mutex_destroy(&w->lock);
}

/* KVM's signal mask for KVM_RUN is the thread's own, but for our signal. It stays with the vCPU, and most threads keep theirs. */
static int let_through(struct watch *w, int vcpu_fd, struct error *error)
{
	struct { /* as struct kvm_signal_mask, which ends with an array of no size */
		uint32_t bytes;
		uint8_t set[KERNEL_SIGSET_BYTES];
	} inside = { .bytes = KERNEL_SIGSET_BYTES };
	sigset_t set = w->before;
	int r;

	_Static_assert(offsetof(struct kvm_signal_mask, sigset) == sizeof(inside.bytes), "as the kernel has it");

	sigdelset(&set, w->signal);
	if (w->inside_fd == vcpu_fd && memcmp(&set, &w->inside, KERNEL_SIGSET_BYTES) == 0)
		return 0;
	memcpy(inside.set, &set, sizeof(inside.set));
	r = sys_ioctl(w->sys, vcpu_fd, KVM_SET_SIGNAL_MASK, (uintptr_t)&inside);
	if (r < 0)
		return error_set(error, ERROR_HOST, -r, "KVM_SET_SIGNAL_MASK: %s: `kvick doctor` says what this host offers",
				 strerror(-r));
	w->inside = set;
	w->inside_fd = vcpu_fd;
	return 0;
}

static void set_runs(struct watch *w, bool runs)
{
	pthread_mutex_lock(&w->lock);
	w->runs = runs;
	w->thread = pthread_self();
	pthread_mutex_unlock(&w->lock);
}

int watch_begin(struct watch *w, int vcpu_fd, uint64_t timeout_ns, struct error *error)
{
	sigset_t set = set_of(w);
	bool timed = timeout_ns || w->stop.ticks;
	uint64_t now = timed ? sys_now_ns(w->sys) : 0;
	int r = take_timer(w, error);

	w->stop.signal = w->stop.ticked = 0;
	w->cancelled = false;
	w->deadline_ns = timeout_ns ? plus(now, timeout_ns) : NEVER;
	w->tick_ns = w->stop.ticks ? plus(now, TICK_NS) : NEVER;
	if (r < 0)
		return r;
	/* And what writing to a pipe that nobody reads any more would send: output.c takes it. */
	sigaddset(&set, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &set, &w->before);
	set_runs(w, true);
	r = let_through(w, vcpu_fd, error);
	if (r == 0) {
		r = arm(w);
		if (r < 0)
			error_set(error, ERROR_HOST, -r, "timer_settime: %s", strerror(-r));
	}
	if (r < 0)
		watch_end(w);
	return r;
}

void watch_end(struct watch *w)
{
	const sigset_t set = set_of(w);
	const struct timespec now = { 0 };
	bool was_armed = w->armed;

	set_runs(w, false);
	w->deadline_ns = w->tick_ns = NEVER;
	arm(w);
	/* Nobody sends it any more: what is left would be the caller's own, to be handled or to end the process. */
	if (was_armed || w->cancelled)
		while (sys_sigtimedwait(w->sys, &set, &now) == w->signal)
			;
	pthread_sigmask(SIG_SETMASK, &w->before, NULL);
}

bool watch_cancel(struct watch *w)
{
	bool runs;

	pthread_mutex_lock(&w->lock);
	runs = w->runs;
	if (runs) {
		w->cancelled = true;
		pthread_kill(w->thread, w->signal);
	}
	pthread_mutex_unlock(&w->lock);
	return runs;
}
