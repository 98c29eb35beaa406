/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/host_cache.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <kvick/hypercall.h>

#include "vmm/host_probe.h"
#include "vmm/kvm.h"
#include "vmm/sys.h"

#define LINE_BYTES 256
#define LINE "kvick-host-facts 1 kvm=%lx:%lx:%ld.%09ld ring0_ps=%lu ring3_ps=%lu tss_available=%u doorbell=%u\n"

#define PLACES 3
#define FOLDER_BYTES (HOST_CACHE_PATH_BYTES - 32) /* leaves room for a file's name */

/* The i-th folder to look in; false where this user has none such. */
static bool folder(unsigned i, char path[FOLDER_BYTES])
{
	const char *chosen = getenv("KVICK_HOST_FACTS"), *runtime = getenv("XDG_RUNTIME_DIR");
	int n = -1;

	if (chosen)
		n = i == 0 ? snprintf(path, FOLDER_BYTES, "%s", chosen) : -1;
	else if (i == 0 && runtime && runtime[0] == '/')
		n = snprintf(path, FOLDER_BYTES, "%s/kvick", runtime);
	else if (i == 1 && geteuid() == 0)
		n = snprintf(path, FOLDER_BYTES, "/run/kvick");
	else if (i == 2)
		n = snprintf(path, FOLDER_BYTES, "/dev/shm/kvick-%u", (unsigned)geteuid());
	return n > 0 && n < FOLDER_BYTES;
}

static bool format(char line[LINE_BYTES], const struct kvm *kvm, const struct host_facts *facts, struct sys *sys)
{
	struct stat st;

	if (sys_fstat(sys, kvm->fd, &st) < 0)
		return false;
	snprintf(line, LINE_BYTES, LINE, (unsigned long)st.st_rdev, (unsigned long)st.st_ino, (long)st.st_ctim.tv_sec,
		 (long)st.st_ctim.tv_nsec, (unsigned long)facts->ring0_insn_ps, (unsigned long)facts->ring3_insn_ps,
		 (unsigned)facts->tss_available, facts->doorbell);
	return true;
}

/* Only this user may have written it. */
static bool own(int fd, mode_t type, struct sys *sys)
{
	struct stat st;

	return sys_fstat(sys, fd, &st) == 0 && (st.st_mode & S_IFMT) == type && st.st_uid == geteuid() &&
	       !(st.st_mode & (S_IWGRP | S_IWOTH));
}

static bool parse(const char *line, const struct kvm *kvm, struct host_facts *facts, struct sys *sys)
{
	static const char *const names[] = { " ring0_ps=", " ring3_ps=", " tss_available=", " doorbell=" };
	unsigned long values[sizeof(names) / sizeof(names[0])];
	const char *at = line;
	char same[LINE_BYTES];

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		at = strstr(at, names[i]);
		if (!at)
			return false;
		at += strlen(names[i]);
		values[i] = strtoul(at, NULL, 10);
	}
	if (values[3] > KVICK_DOORBELL_VMMCALL)
		return false;
	*facts = (struct host_facts){
		.ring0_insn_ps = values[0],
		.ring3_insn_ps = values[1],
		.ring0_native = values[0] <= RING0_NATIVE_PS_MAX,
		.tss_available = values[2] != 0,
		.doorbell = (unsigned)values[3],
	};
	/* Right only if it is, to the letter, what would be written of these facts and this /dev/kvm. */
	return format(same, kvm, facts, sys) && strcmp(line, same) == 0;
}

bool host_cache_read(const struct kvm *kvm, struct host_facts *facts, struct sys *sys)
{
	char where[FOLDER_BYTES], path[HOST_CACHE_PATH_BYTES], line[LINE_BYTES];

	for (unsigned i = 0; i < PLACES; i++) {
		ssize_t n = 0;
		int fd;

		if (!folder(i, where))
			continue;
		snprintf(path, sizeof(path), "%s/host-facts", where);
		fd = sys_open(sys, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0);
		if (fd < 0)
			continue;
		if (own(fd, S_IFREG, sys))
			n = sys_read(sys, fd, line, sizeof(line) - 1);
		sys_close(sys, fd);
		line[n > 0 ? n : 0] = '\0';
		if (parse(line, kvm, facts, sys))
			return true;
	}
	return false;
}

/* Is it there, or made, and nobody else's? /dev/shm is everybody's, and a name in it may be a trap. */
static bool folder_ready(const char *path, struct sys *sys)
{
	sys_mkdir(sys, path, 0700);
	int fd = sys_open(sys, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW, 0);
	bool ready = fd >= 0 && own(fd, S_IFDIR, sys);

	if (fd >= 0)
		sys_close(sys, fd);
	return ready;
}

static bool write_in(const char folder_path[FOLDER_BYTES], const char *line, char path[HOST_CACHE_PATH_BYTES], struct sys *sys)
{
	char fresh[HOST_CACHE_PATH_BYTES];
	ssize_t written;
	int fd;

	snprintf(path, HOST_CACHE_PATH_BYTES, "%s/host-facts", folder_path);
	snprintf(fresh, sizeof(fresh), "%s/.%ld", folder_path, (long)getpid());
	sys_unlink(sys, fresh); /* left by one who was killed, and had the same number */
	fd = sys_open(sys, fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return false;
	written = sys_write(sys, fd, line, strlen(line));
	sys_close(sys, fd);
	if (written == (ssize_t)strlen(line) && sys_rename(sys, fresh, path) == 0)
		return true;
	sys_unlink(sys, fresh);
	return false;
}

bool host_cache_write(const struct kvm *kvm, const struct host_facts *facts, char *path, struct sys *sys)
{
	char where[FOLDER_BYTES], written[HOST_CACHE_PATH_BYTES], line[LINE_BYTES];

	if (!format(line, kvm, facts, sys))
		return false;
	for (unsigned i = 0; i < PLACES; i++)
		if (folder(i, where) && folder_ready(where, sys) && write_in(where, line, path ? path : written, sys))
			return true;
	return false;
}
