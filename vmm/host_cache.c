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

static bool directory(char path[HOST_CACHE_PATH_BYTES])
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");

	if (!runtime || runtime[0] != '/') {
		if (geteuid() != 0)
			return false;
		runtime = "/run";
	}
	return snprintf(path, HOST_CACHE_PATH_BYTES, "%s/kvick", runtime) < HOST_CACHE_PATH_BYTES - 32;
}

bool host_cache_path(char path[HOST_CACHE_PATH_BYTES])
{
	if (!directory(path))
		return false;
	strcat(path, "/host-facts"); /* directory() has left room */
	return true;
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
static bool trusted(int fd, struct sys *sys)
{
	struct stat st;

	return sys_fstat(sys, fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
	       !(st.st_mode & (S_IWGRP | S_IWOTH));
}

bool host_cache_read(const struct kvm *kvm, struct host_facts *facts, struct sys *sys)
{
	char path[HOST_CACHE_PATH_BYTES], line[LINE_BYTES], same[LINE_BYTES];
	const char *numbers;
	ssize_t n = 0;
	int fd;

	if (!host_cache_path(path))
		return false;
	fd = sys_open(sys, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0);
	if (fd < 0)
		return false;
	if (trusted(fd, sys))
		n = sys_read(sys, fd, line, sizeof(line) - 1);
	sys_close(sys, fd);
	if (n <= 0)
		return false;
	line[n] = '\0';

	*facts = (struct host_facts){ 0 };
	numbers = strstr(line, "ring0_ps=");
	if (!numbers)
		return false;
	facts->ring0_insn_ps = strtoul(numbers + strlen("ring0_ps="), NULL, 10);
	numbers = strstr(numbers, "ring3_ps=");
	facts->ring3_insn_ps = numbers ? strtoul(numbers + strlen("ring3_ps="), NULL, 10) : 0;
	facts->tss_available = strstr(line, "tss_available=1") != NULL;
	numbers = strstr(line, "doorbell=");
	facts->doorbell = numbers ? (unsigned)strtoul(numbers + strlen("doorbell="), NULL, 10) : 0;
	facts->ring0_native = facts->ring0_insn_ps <= RING0_NATIVE_PS_MAX;
	if (facts->doorbell > KVICK_DOORBELL_VMMCALL)
		return false;
	/* Right only if it is, to the letter, what would be written of these facts and this /dev/kvm. */
	return format(same, kvm, facts, sys) && strcmp(line, same) == 0;
}

bool host_cache_write(const struct kvm *kvm, const struct host_facts *facts, struct sys *sys)
{
	char path[HOST_CACHE_PATH_BYTES], fresh[HOST_CACHE_PATH_BYTES + 32], line[LINE_BYTES];
	ssize_t written;
	int fd;

	if (!directory(path) || !format(line, kvm, facts, sys))
		return false;
	sys_mkdir(sys, path, 0755);
	snprintf(fresh, sizeof(fresh), "%s/.%ld", path, (long)getpid());
	strcat(path, "/host-facts");
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
