/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The jail that a worker closes around itself before it looks at an image: what is left is KVM, the descriptors that it was given,
 * and memory.
 *
 * It is closed as far as this process may: each step that the host or our privileges do not give is told, and the others are taken.
 * Every step stands by itself, so that what gets past one is still held by the next (docs/THREATS.md).
 */
#ifndef KVICK_CONTROL_WORKER_JAIL_H
#define KVICK_CONTROL_WORKER_JAIL_H

#include <stdbool.h>
#include <stdint.h>

struct error;

/* Tasks of a worker: KVM has one more for each machine (kvm-nx-lpage-recovery), and counts it as ours; the main thread and some. */
#define JAIL_TASKS(threads) (2 * (uint64_t)(threads) + 8)

/* In the order in which they are taken. */
enum jail_step_id {
	JAIL_DESCRIPTORS,
	JAIL_CGROUP,         /* named in the file system that is still there */
	JAIL_USER_NAMESPACE, /* what follows needs it where we are not root */
	JAIL_PROCESSES,
	JAIL_NAMESPACES,
	JAIL_ROOT,
	JAIL_LIMITS,
	JAIL_BOUNDING_SET,   /* before there is no right to */
	JAIL_USER,           /* the last that needs root */
	JAIL_CAPABILITIES,
	JAIL_PARENT,         /* changing the user would undo it */
	JAIL_NO_NEW_PRIVILEGES,
	JAIL_LANDLOCK,
	JAIL_SECCOMP,
	JAIL_STEPS,
};

#define JAIL_ALL ((1u << JAIL_STEPS) - 1)
#define JAIL_LACKS_BYTES 1024u

#define JAIL_CGROUP_OF_SERVER "kvickd" /* kvickd's own cgroup, in one that was handed to it; workers' are beside it */

struct jail {
	const int *keep;       /* descriptors that stay open besides 0, 1, 2: ascending */
	unsigned keep_count;
	uint32_t uid, gid;     /* to become; 0: stay */
	unsigned threads;      /* the most there will be, each with a machine */

	/* What has come of it. */
	unsigned taken;        /* a set of steps */
	bool broken;           /* a step has left the process in no state to go on */
	int memory_max_fd;     /* of the cgroup; -1: there is none */
	int cgroup_fd;         /* where `cgroup` is, which ends with us; -1: there is none */
	int pagemap_fd;        /* our own /proc/self/pagemap, for config->pagemap_fd; -1: not to be had. The caller's */
	char cgroup[64];
	char lacks[JAIL_LACKS_BYTES]; /* what could not be, a line each; may be cut short */
	unsigned lacks_bytes;
};

struct jail_step {
	const char *name;
	int (*take)(struct jail *jail); /* 0; -errno; or 1: not taken, and what lacks is told */
	bool must;                      /* nothing may run without */
	const char *reason;
};

extern const struct jail_step jail_steps[JAIL_STEPS];

/*
 * Takes `steps`, a set, in their order. In a process of one thread. It may return in a child process: this one then waits for its
 * end, ends likewise, and does not return. 0, or -errno with `error` set: nothing may run then.
 */
int jail_enter(struct jail *jail, unsigned steps, struct error *error);

/*
 * What a machine takes is known: limits of memory (cgroup, address space) and of what is written to files, for `machines` of
 * ram_bytes each. Afterwards nothing of the jail is open any more.
 */
void jail_narrow(struct jail *jail, uint64_t ram_bytes, unsigned machines);

/* For steps: tells what lacks, as printf says it. Returns 1. */
int jail_lacks(struct jail *jail, const char *format, ...) __attribute__((format(printf, 2, 3)));

int jail_cgroup(struct jail *jail);           /* jail_cgroup.c */
int jail_user_namespace(struct jail *jail);   /* jail_namespaces.c */
/* Into a file of the kernel's that is there. 0 or -errno. */
int jail_write_text(int folder, const char *path, const char *text);
int jail_processes(struct jail *jail);
int jail_namespaces(struct jail *jail);
int jail_root(struct jail *jail);
int jail_landlock(struct jail *jail);         /* jail_landlock.c */
int jail_seccomp(struct jail *jail);          /* jail_seccomp.c */

#endif
