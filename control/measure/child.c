/* SPDX-License-Identifier: Apache-2.0 */
#include "control/measure/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#include "vmm/error.h"

extern char **environ;

uint64_t measure_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int child_descriptor(int fd)
{
	int above = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, CHILD_STAMPS_FD + 1), errnum = errno;

	if (fd >= 0)
		close(fd);
	errno = errnum;
	return above;
}

void children_begin(void)
{
	signal(SIGCHLD, SIG_DFL);
}

/*
 * In the child, which shares our memory and has our stack until it executes: only system calls. Descriptors that it is handed are
 * above CHILD_STAMPS_FD, so that none is overwritten before it is used. Ours that are not close-on-exec go along.
 */
static void become(const struct child_config *c, pid_t parent, volatile int *errnum)
{
	if (c->new_session)
		setsid();
	else
		setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent) /* it died before that */
		_exit(127);
	if ((c->directory && chdir(c->directory)) || (c->cpus && sched_setaffinity(0, sizeof(*c->cpus), c->cpus)) ||
	    dup2(c->in, 0) < 0 || dup2(c->out, 1) < 0 || dup2(c->err, 2) < 0 ||
	    (c->stamps >= 0 && dup2(c->stamps, CHILD_STAMPS_FD) < 0)) {
		*errnum = errno;
		_exit(127);
	}
	execve(c->path, c->argv, c->envp ? c->envp : environ);
	*errnum = errno;
	_exit(127);
}

/*
 * vfork() and not posix_spawn(): that costs a dozen calls for signals in the time measured. No handler of ours runs in the child
 * on our memory but in the moment before it executes.
 */
int child_start(struct child *child, const struct child_config *c, struct error *error)
{
	volatile int errnum = 0;
	sigset_t all, none, before;
	pid_t parent = getpid();
	int status;

	sigfillset(&all);
	sigemptyset(&none);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	child->pidfd = -1;
	child->spawned_ns = measure_now_ns();
	child->spawned_tsc = __rdtsc();
	child->pid = vfork();
	if (child->pid == 0) {
		pthread_sigmask(SIG_SETMASK, &none, NULL);
		become(c, parent, &errnum);
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (child->pid < 0)
		return error_set(error, ERROR_HOST, errno, "%s: it could not be started: %s: free memory or processes", c->path,
				 strerror(errno));
	if (errnum) {
		waitpid(child->pid, &status, 0);
		return error_set(error, ERROR_HOST, errnum, "%s: it could not be executed: %s: check its path and mode", c->path,
				 strerror(errnum));
	}
	child->pidfd = (int)syscall(SYS_pidfd_open, child->pid, 0);
	if (child->pidfd < 0) {
		struct child_end end;
		int r = error_set(error, ERROR_HOST, errno, "%s: pidfd_open: %s: raise the limit of open files: ulimit -n", c->path,
				  strerror(errno));

		child_kill(child, &end);
		return r;
	}
	return 0;
}

static uint64_t ns_of(struct timeval t)
{
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_usec * 1000u;
}

static void reap(struct child *child, struct child_end *end)
{
	struct rusage usage = { 0 };

	while (wait4(child->pid, &end->status, 0, &usage) < 0 && errno == EINTR)
		;
	end->reaped_tsc = __rdtsc();
	end->reaped_ns = measure_now_ns();
	end->user_ns = ns_of(usage.ru_utime);
	end->system_ns = ns_of(usage.ru_stime);
	end->minor_faults = (uint64_t)usage.ru_minflt;
	end->major_faults = (uint64_t)usage.ru_majflt;
	end->peak_bytes = (uint64_t)usage.ru_maxrss * 1024u;
	if (child->pidfd >= 0)
		close(child->pidfd);
	child->pidfd = -1;
}

int child_reap(struct child *child, uint64_t deadline_ns, struct child_end *end)
{
	struct pollfd ended = { .fd = child->pidfd, .events = POLLIN };
	struct timespec left, *limit = NULL;

	if (deadline_ns) {
		uint64_t now = measure_now_ns(), ns = deadline_ns > now ? deadline_ns - now : 0;

		left = (struct timespec){ .tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u) };
		limit = &left;
	}
	int r = ppoll(&ended, 1, limit, NULL);

	if (r <= 0)
		return r == 0 ? -ETIMEDOUT : -errno;
	reap(child, end);
	return 0;
}

void child_kill(struct child *child, struct child_end *end)
{
	kill(-child->pid, SIGKILL);
	kill(child->pid, SIGKILL); /* it may have left its group */
	reap(child, end);
}

#define CLOCK_READINGS 16

/* Both clocks at one moment: of several tries the closest, for between two readings another program may run for a while. */
static void read_clocks(uint64_t *ns, uint64_t *tsc)
{
	uint64_t least = UINT64_MAX;

	for (unsigned i = 0; i < CLOCK_READINGS; i++) {
		uint64_t before = __rdtsc(), now = measure_now_ns(), ticks = __rdtsc() - before;

		if (ticks < least) {
			least = ticks;
			*ns = now;
			*tsc = before + ticks / 2;
		}
	}
}

void measure_clock_begin(struct measure_clock *clock)
{
	read_clocks(&clock->ns, &clock->tsc);
	clock->ns_per_tick = 0;
}

void measure_clock_end(struct measure_clock *clock)
{
	uint64_t ns = 0, tsc = 0;

	read_clocks(&ns, &tsc);
	clock->ns_per_tick = tsc > clock->tsc ? (double)(ns - clock->ns) / (double)(tsc - clock->tsc) : 0;
}

uint64_t measure_clock_ns(const struct measure_clock *clock, uint64_t ticks)
{
	return (uint64_t)((double)ticks * clock->ns_per_tick + 0.5);
}
