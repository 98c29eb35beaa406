/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process that is started to be measured: from just before vfork() to just after it is reaped.
 *
 * The child only makes system calls between vfork() and execve(), and as few as it can: they are part of what is measured. It is
 * the first of a process group of its own, so that all it has started can be ended with it, and dies with us (PR_SET_PDEATHSIG)
 * unless it changes its identity. One thread starts and reaps a child. It begins with no signal
 * blocked; whoever calls this has no handlers but such that set a flag.
 */
#ifndef KVICK_CONTROL_MEASURE_CHILD_H
#define KVICK_CONTROL_MEASURE_CHILD_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

struct error;

struct child_config {
	const char *path;       /* of the program: program_find() */
	char *const *argv;      /* with NULL at the end */
	char *const *envp;      /* NULL: ours */
	int in, out, err;       /* become 0, 1 and 2; at least 3, close-on-exec */
	int stamps;             /* becomes CHILD_STAMPS_FD; -1: none */
	const char *directory;  /* NULL: ours */
	const cpu_set_t *cpus;  /* NULL: as we are */
	bool new_session;       /* a session of its own too: without our terminal */
};

/* Where `--report stamps=3` writes. */
#define CHILD_STAMPS_FD 3

/* `fd` above those that children get, for child_config; it is closed itself. -1 with errno, and where it is -1. */
int child_descriptor(int fd);

struct child {
	pid_t pid;
	int pidfd;              /* readable when it has ended; closed by child_reap() */
	uint64_t spawned_ns, spawned_tsc; /* just before vfork(): CLOCK_MONOTONIC, RDTSC */
};

struct child_end {
	int status;             /* as waitpid() has it */
	uint64_t reaped_ns, reaped_tsc; /* just after it was reaped */
	uint64_t user_ns, system_ns;
	uint64_t minor_faults, major_faults;
	uint64_t peak_bytes;    /* ru_maxrss: at least what we had ourselves at vfork() (man 2 getrusage) */
};

/* Once, before the first: where SIGCHLD is ignored, as who executes us may have it, the kernel keeps no exit status. */
void children_begin(void);

/* 0; or -errno with `error`: what could not be executed, with its path. */
int child_start(struct child *child, const struct child_config *config, struct error *error);

/*
 * Waits until the child has ended, and reaps it. deadline_ns: CLOCK_MONOTONIC; 0: none. 0; -ETIMEDOUT; -EINTR: a signal came (then
 * the child runs on, and this may be called again).
 */
int child_reap(struct child *child, uint64_t deadline_ns, struct child_end *end);

/* SIGKILL to its whole process group, and reaps it. */
void child_kill(struct child *child, struct child_end *end);

uint64_t measure_now_ns(void); /* CLOCK_MONOTONIC */

/* TSC ticks to nanoseconds, by a rate found once in this process (from kvick's stamps, or between two calls of both clocks). */
struct measure_clock {
	uint64_t ns, tsc;       /* the same moment */
	double ns_per_tick;
};
void measure_clock_begin(struct measure_clock *clock);
void measure_clock_end(struct measure_clock *clock); /* at least 10 ms later: the rate is known from now on */
uint64_t measure_clock_ns(const struct measure_clock *clock, uint64_t ticks);

#endif
