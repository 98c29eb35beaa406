/* SPDX-License-Identifier: Apache-2.0 */
#include "control/worker/jail.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "control/worker/protocol.h"
#include "vmm/error.h"
#include "vmm/guest_mem.h"

/* Of a thread: its socket, VM, vCPU and log, and one that is being made anew. The process has a few besides. */
#define FILES_OF_THREAD  5u
#define FILES_OF_PROCESS 64u

/* What a machine has besides its RAM: buffers of a request and its reply, a stack; the VMM's own memory. */
#define BYTES_OF_MACHINE (32ull << 20)
#define BYTES_OF_PROCESS (1ull << 30)

int jail_lacks(struct jail *jail, const char *format, ...)
{
	size_t room = sizeof(jail->lacks) - jail->lacks_bytes;
	va_list arguments;

	va_start(arguments, format);
	int n = vsnprintf(jail->lacks + jail->lacks_bytes, room, format, arguments);
	va_end(arguments);
	if (n < 0)
		return 1;
	jail->lacks_bytes += (size_t)n < room ? (unsigned)n : (unsigned)room - 1;
	if (jail->lacks_bytes + 1 < sizeof(jail->lacks))
		jail->lacks[jail->lacks_bytes++] = '\n';
	jail->lacks[jail->lacks_bytes] = '\0';
	return 1;
}

/* close_range() is as old as Linux 5.9; nobody has so many without it. */
static int close_between(int first, int last)
{
	if (first > last)
		return 0;
	return syscall(SYS_close_range, first, last, 0) < 0 ? -errno : 0;
}

static int descriptors(struct jail *jail)
{
	int next = STDERR_FILENO + 1, r = 0;

	for (unsigned i = 0; i < jail->keep_count && r == 0; i++) {
		r = close_between(next, jail->keep[i] - 1);
		next = jail->keep[i] + 1;
	}
	return r < 0 ? r : syscall(SYS_close_range, next, ~0u, 0) < 0 ? -errno : 0;
}

/* Both limits; where the hard one is lower and cannot be raised, as far as it goes. */
static int limit(int resource, uint64_t wanted)
{
	struct rlimit now, new = { wanted, wanted };

	if (setrlimit(resource, &new) == 0)
		return 0;
	if (getrlimit(resource, &now) == 0 && now.rlim_max < wanted) {
		new = (struct rlimit){ now.rlim_max, now.rlim_max };
		if (setrlimit(resource, &new) == 0)
			return 1;
	}
	return -errno;
}

static int limits(struct jail *jail)
{
	const struct {
		int resource;
		const char *name;
		uint64_t value;
	} wanted[] = {
		{ RLIMIT_NOFILE, "RLIMIT_NOFILE", FILES_OF_PROCESS + FILES_OF_THREAD * (uint64_t)jail->threads },
		{ RLIMIT_CORE, "RLIMIT_CORE", 0 },
		{ RLIMIT_MEMLOCK, "RLIMIT_MEMLOCK", 0 },
		{ RLIMIT_MSGQUEUE, "RLIMIT_MSGQUEUE", 0 },
		{ RLIMIT_FSIZE, "RLIMIT_FSIZE", 2 * GUEST_MEM_BYTES_MAX }, /* a snapshot's memory; jail_narrow() */
		/* Counted by user: only where that is this function's own. */
		{ RLIMIT_NPROC, "RLIMIT_NPROC", jail->uid ? JAIL_TASKS(jail->threads) : RLIM_INFINITY },
	};
	int lacks = 0;

	for (unsigned i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		if (wanted[i].value == RLIM_INFINITY)
			continue;
		int r = limit(wanted[i].resource, wanted[i].value);

		if (r != 0)
			lacks = jail_lacks(jail, "%s: %llu wanted: %s", wanted[i].name, (unsigned long long)wanted[i].value,
					   r < 0 ? strerror(-r) : "the hard limit is lower");
	}
	return lacks;
}

/* What a program could come by. Not to be had without CAP_SETPCAP, of which whoever becomes somebody else has nothing left. */
static int bounding_set(struct jail *jail)
{
	int r = 0;

	(void)jail;
	for (int capability = 0; r == 0; capability++)
		r = prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
	return errno == EINVAL ? 0 : -errno; /* behind the last that this kernel knows */
}

static int user(struct jail *jail)
{
	if (jail->uid == 0)
		return geteuid() == 0 && !(jail->taken & 1u << JAIL_USER_NAMESPACE) ?
			       jail_lacks(jail, "own user: the worker stays root: give functions users of their own") : 0;
	if (geteuid() == jail->uid && getegid() == jail->gid && getuid() == jail->uid)
		return 0;
	if (geteuid() != 0)
		return jail_lacks(jail, "own user: only root becomes user %u", jail->uid);
	if (setgroups(0, NULL) < 0 || setresgid(jail->gid, jail->gid, jail->gid) < 0 ||
	    setresuid(jail->uid, jail->uid, jail->uid) < 0)
		return -errno;
	return 0;
}

static int capabilities(struct jail *jail)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { { 0, 0, 0 }, { 0, 0, 0 } };

	(void)jail;
	return syscall(SYS_capset, &header, none) < 0 ? -errno : 0;
}

static int parent(struct jail *jail)
{
	(void)jail;
	return prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 ? -errno : 0;
}

static int no_new_privileges(struct jail *jail)
{
	(void)jail;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

const struct jail_step jail_steps[JAIL_STEPS] = {
	[JAIL_DESCRIPTORS] = { "descriptors", descriptors, true,
			       "what kvickd has open is no guest's: connections, other functions' files and sockets" },
	[JAIL_CGROUP] = { "cgroup", jail_cgroup, false, "one function's memory and threads are not taken from another's" },
	[JAIL_USER_NAMESPACE] = { "user namespace", jail_user_namespace, false,
				  "without root the other namespaces are not to be had; root in there is nobody outside" },
	[JAIL_PROCESSES] = { "process namespace", jail_processes, false, "no other process can be named, signalled or traced" },
	[JAIL_NAMESPACES] = { "namespaces", jail_namespaces, false,
			      "mounts that nobody else sees; no network, not even loopback or abstract sockets; no System V IPC" },
	[JAIL_ROOT] = { "empty root", jail_root, false, "there is no file that could be opened, and no place for one" },
	[JAIL_LIMITS] = { "limits", limits, false, "what is still to be had is not to be had without end; no core dumps" },
	[JAIL_BOUNDING_SET] = { "bounding set", bounding_set, false, "a program that is run comes by no capability" },
	[JAIL_USER] = { "own user", user, true, "what belongs to others is out of reach; a function's processes are alone" },
	[JAIL_CAPABILITIES] = { "capabilities", capabilities, true, "nothing of root is left, in our namespace or outside" },
	[JAIL_PARENT] = { "parent", parent, false, "a worker does not outlive who waits for it" },
	[JAIL_NO_NEW_PRIVILEGES] = { "no new privileges", no_new_privileges, true, "nor do they come back by running a program" },
	[JAIL_LANDLOCK] = { "Landlock", jail_landlock, false,
			    "no file is opened by any path, a descriptor of a directory included; nothing outside is signalled" },
	[JAIL_SECCOMP] = { "seccomp", jail_seccomp, true,
			   "of the kernel only what making and running machines calls: no program, no process, no socket" },
};

/* It was for the process that waits. */
static void close_cgroup(struct jail *jail)
{
	if (jail->cgroup_fd >= 0)
		close(jail->cgroup_fd);
	jail->cgroup_fd = -1;
}

/*
 * Before there is no file system any more, and as nobody: whoever opens it as root is told where in the host's memory pages are. In
 * the process that goes on. Not to have it is no lack: it makes machines that are used again quicker (machine.h).
 */
static int open_pagemap(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct all[_LINUX_CAPABILITY_U32S_3], none[_LINUX_CAPABILITY_U32S_3];
	int fd;

	if (syscall(SYS_capget, &header, all) < 0)
		return -1;
	memcpy(none, all, sizeof(none));
	for (unsigned i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
		none[i].effective = 0;
	if (syscall(SYS_capset, &header, none) < 0)
		return -1;
	fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	syscall(SYS_capset, &header, all);
	return fd;
}

int jail_enter(struct jail *jail, unsigned steps, struct error *error)
{
	jail->memory_max_fd = jail->cgroup_fd = jail->pagemap_fd = -1;
	for (unsigned i = 0; i < JAIL_STEPS; i++) {
		if (!(steps & 1u << i))
			continue;
		int r = jail_steps[i].take(jail);

		if (r == 0)
			jail->taken |= 1u << i;
		else if (r < 0 && (jail_steps[i].must || jail->broken))
			return error_set(error, ERROR_HOST, -r, "jail: %s: %s", jail_steps[i].name, strerror(-r));
		else if (r < 0)
			jail_lacks(jail, "%s: %s", jail_steps[i].name, strerror(-r));
		if (i >= JAIL_PROCESSES)
			close_cgroup(jail);
		if (i == JAIL_PROCESSES)
			jail->pagemap_fd = open_pagemap();
	}
	return 0;
}

void jail_narrow(struct jail *jail, uint64_t ram_bytes, unsigned machines)
{
	/* Once more, for the snapshot's own memory. */
	uint64_t bytes = (ram_bytes + BYTES_OF_MACHINE) * (machines + 1ull) + BYTES_OF_PROCESS;
	char text[24];

	if (jail->memory_max_fd >= 0) {
		int n = snprintf(text, sizeof(text), "%llu", (unsigned long long)bytes);

		if (write(jail->memory_max_fd, text, (size_t)n) != n)
			jail_lacks(jail, "cgroup: memory.max: %s", strerror(errno));
		close(jail->memory_max_fd);
		jail->memory_max_fd = -1;
	}
	if (!(jail->taken & 1u << JAIL_LIMITS))
		return;
	if (limit(RLIMIT_AS, 2 * bytes) < 0)
		jail_lacks(jail, "RLIMIT_AS: %s", strerror(errno));
	if (limit(RLIMIT_FSIZE, WORKER_LOG_BYTES_MAX) < 0)
		jail_lacks(jail, "RLIMIT_FSIZE: %s", strerror(errno));
}
