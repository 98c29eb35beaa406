/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control/worker/jail.h"

int jail_write_text(int folder, const char *path, const char *text)
{
	int fd = openat(folder, path, O_WRONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));
	int r = n < 0 ? -errno : 0;

	if (fd >= 0)
		close(fd);
	return r;
}

/* Maps our user to itself, and nobody else: user_namespaces(7). */
int jail_user_namespace(struct jail *jail)
{
	unsigned uid = geteuid(), gid = getegid();
	char map[64];
	int r;

	(void)jail;
	if (uid == 0)
		return 1; /* and nothing lacks */
	if (unshare(CLONE_NEWUSER) < 0)
		return -errno;
	r = jail_write_text(AT_FDCWD, "/proc/self/setgroups", "deny");
	snprintf(map, sizeof(map), "%u %u 1\n", uid, uid);
	if (r == 0 || r == -ENOENT)
		r = jail_write_text(AT_FDCWD, "/proc/self/uid_map", map);
	snprintf(map, sizeof(map), "%u %u 1\n", gid, gid);
	return r < 0 ? r : jail_write_text(AT_FDCWD, "/proc/self/gid_map", map);
}

/* ---- the process that waits ---- */

static const int passed_on[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT };

static void watched_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGCHLD);
	for (unsigned i = 0; i < sizeof(passed_on) / sizeof(passed_on[0]); i++)
		sigaddset(set, passed_on[i]);
}

/* As the child ended, so that whoever waits for us is told the truth. */
static _Noreturn void end_likewise(int status)
{
	const struct rlimit no_core = { 0, 0 };
	sigset_t all;

	if (WIFSIGNALED(status)) {
		setrlimit(RLIMIT_CORE, &no_core);
		signal(WTERMSIG(status), SIG_DFL);
		sigfillset(&all);
		sigprocmask(SIG_UNBLOCK, &all, NULL);
		raise(WTERMSIG(status));
	}
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

/*
 * The first process of a namespace takes no signal that it has no handler for, SIGKILL from outside excepted. It holds nothing
 * open but the folder that its cgroup is in, which can be removed only when nobody is in it any more.
 */
static _Noreturn void wait_for_end(struct jail *jail, pid_t child)
{
	sigset_t watched;
	int status = 0;

	if (jail->cgroup_fd < 0 || dup2(jail->cgroup_fd, STDIN_FILENO) < 0)
		close(STDIN_FILENO);
	syscall(SYS_close_range, STDIN_FILENO + 1, ~0u, 0);
	if (jail->cgroup[0])
		jail_write_text(STDIN_FILENO, JAIL_CGROUP_OF_SERVER "/cgroup.procs", "0"); /* out of what is to be removed */
	watched_signals(&watched);
	prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0); /* kvickd has gone: a worker that is no longer ours may not care */
	while (waitpid(child, &status, WNOHANG) == 0)
		if (sigwaitinfo(&watched, NULL) != SIGCHLD)
			kill(child, SIGKILL);
	if (jail->cgroup[0])
		unlinkat(STDIN_FILENO, jail->cgroup, AT_REMOVEDIR);
	end_likewise(status);
}

/* A process stays where it is: its children are in the new namespace, and it can no longer make threads. */
int jail_processes(struct jail *jail)
{
	sigset_t watched, before;

	if (unshare(CLONE_NEWPID) < 0)
		return -errno;
	watched_signals(&watched);
	sigprocmask(SIG_BLOCK, &watched, &before);

	pid_t child = fork();

	if (child > 0)
		wait_for_end(jail, child);
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (child < 0) {
		jail->broken = true;
		return -errno;
	}
	return 0;
}

int jail_namespaces(struct jail *jail)
{
	static const struct {
		int flag;
		const char *name;
	} kinds[] = {
		{ CLONE_NEWNET, "network" }, { CLONE_NEWIPC, "IPC" }, { CLONE_NEWUTS, "host name" }, { CLONE_NEWCGROUP, "cgroup" },
	};
	int r = unshare(CLONE_NEWNS) < 0 ? -errno : 0;

	/* One by one: a kernel may have been built without some. */
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (unshare(kinds[i].flag) < 0)
			jail_lacks(jail, "namespaces: %s: %s", kinds[i].name, strerror(errno));
	/* What we mount is nobody else's. */
	if (r == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		r = -errno;
	return r;
}

/* ---- the root ---- */

/* Any folder that is there everywhere: what lies in it goes away with everything else. */
#define MOUNT_POINT "/proc"

/* Of this process, and empty but for descriptors' positions, which nobody can change: where nothing can be mounted. */
#define EMPTY_FOLDER "/proc/self/fdinfo"

static int change_root(const char *path)
{
	return chdir(path) < 0 || chroot(".") < 0 || chdir("/") < 0 ? -errno : 0;
}

int jail_root(struct jail *jail)
{
	if (!(jail->taken & 1u << JAIL_NAMESPACES)) {
		int r = change_root(EMPTY_FOLDER);

		return r < 0 ? r : jail_lacks(jail, "empty root: by chroot alone");
	}
	if (mount("none", MOUNT_POINT, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=4k,nr_inodes=2,mode=555") < 0 ||
	    chdir(MOUNT_POINT) < 0)
		return -errno;
	/* pivot_root(2), NOTES: the old root comes to lie over the new one, and is taken away. */
	if (syscall(SYS_pivot_root, ".", ".") == 0)
		return umount2(".", MNT_DETACH) < 0 || chdir("/") < 0 ? -errno : 0;
	/* The root that a machine boots with cannot be moved, but be covered. */
	if (errno != EINVAL || mount(".", "/", NULL, MS_MOVE, NULL) < 0)
		return -errno;
	return change_root(".");
}
