/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cgroup (version 2) of the worker's own, beside that of kvickd. Only where kvickd is in one called JAIL_CGROUP_OF_SERVER: then
 * the folder above has been handed to it (systemd: Delegate=), and limits can be had there (cgroup-v2.rst, "No Internal Process
 * Constraint").
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "control/worker/jail.h"

static const char *const mounts[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };

static int open_mount(void)
{
	struct statfs fs;

	for (unsigned i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++)
		if (statfs(mounts[i], &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC)
			return open(mounts[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
	return -1;
}

/* cgroups(7), /proc/pid/cgroup: the line of version 2 is "0::PATH". */
static bool own_group(char *path, size_t bytes)
{
	FILE *file = fopen("/proc/self/cgroup", "re");
	bool found = false;
	char line[512];

	while (file && !found && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		found = strncmp(line, "0::", 3) == 0 && (size_t)snprintf(path, bytes, "%s", line + 3) < bytes;
	}
	if (file)
		fclose(file);
	return found;
}

/* In the group: its limits, then ourselves. What cannot be limited is told. */
static int join(struct jail *jail, int group)
{
	char value[24];
	int r;

	snprintf(value, sizeof(value), "%llu", (unsigned long long)JAIL_TASKS(jail->threads));
	r = jail_write_text(group, "pids.max", value);
	if (r < 0)
		jail_lacks(jail, "cgroup: pids.max: %s", strerror(-r));
	jail->memory_max_fd = openat(group, "memory.max", O_WRONLY | O_CLOEXEC);
	if (jail->memory_max_fd < 0)
		jail_lacks(jail, "cgroup: memory.max: %s", strerror(errno));
	r = jail_write_text(group, "cgroup.procs", "0");
	if (r < 0 && jail->memory_max_fd >= 0) {
		close(jail->memory_max_fd);
		jail->memory_max_fd = -1;
	}
	return r;
}

/* The folder above a group of the server's, or -1. */
static int open_above(int mount, const char *path)
{
	char above[512];
	const char *last = strrchr(path, '/');

	if (!last || strcmp(last + 1, JAIL_CGROUP_OF_SERVER) != 0)
		return -1;
	/* Relative: "/a/kvickd" is "./a" below the mount. */
	snprintf(above, sizeof(above), ".%.*s", (int)(last - path), path);
	return openat(mount, above, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

int jail_cgroup(struct jail *jail)
{
	char path[512];
	int mount = open_mount(), above = mount >= 0 && own_group(path, sizeof(path)) ? open_above(mount, path) : -1;
	int group = -1, r = 1;

	if (mount >= 0)
		close(mount);
	if (above >= 0)
		jail_write_text(above, "cgroup.subtree_control", "+pids +memory"); /* what is not to be had lacks files below */
	if (above < 0)
		return jail_lacks(jail, "cgroup: kvickd has been given none to make others in (cgroup v2, systemd: Delegate=)");
	snprintf(jail->cgroup, sizeof(jail->cgroup), "worker-%d", (int)getpid());
	if (mkdirat(above, jail->cgroup, 0755) < 0) {
		r = -errno;
		jail->cgroup[0] = '\0';
	} else {
		group = openat(above, jail->cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		r = group < 0 ? -errno : join(jail, group);
	}
	if (r < 0 && jail->cgroup[0]) {
		unlinkat(above, jail->cgroup, AT_REMOVEDIR);
		jail->cgroup[0] = '\0';
	}
	if (group >= 0)
		close(group);
	if (jail->cgroup[0])
		jail->cgroup_fd = above;
	else
		close(above);
	return r;
}
