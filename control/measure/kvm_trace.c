/* SPDX-License-Identifier: Apache-2.0 */
#include "control/measure/kvm_trace.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <x86intrin.h>

#include "vmm/error.h"

#define NAME        "kvick-bench-" /* and our process ID */
#define READ_BYTES  65536

/* Where tracefs is mounted, by itself or beneath debugfs. */
static const char *const tracing[] = { "/sys/kernel/tracing", "/sys/kernel/debug/tracing" };

/* --- an instance --- */

static const char *find_tracing(void)
{
	char path[96];

	for (size_t i = 0; i < sizeof(tracing) / sizeof(tracing[0]); i++) {
		snprintf(path, sizeof(path), "%s/instances", tracing[i]);
		if (access(path, F_OK) == 0)
			return tracing[i];
	}
	return NULL;
}

/* Of processes that could not take theirs away. One with our own number is such a one's, too. */
static void remove_old(const char *instances)
{
	DIR *folder = opendir(instances);
	struct dirent *entry;

	while (folder && (entry = readdir(folder))) {
		pid_t pid = strncmp(entry->d_name, NAME, strlen(NAME)) == 0 ? (pid_t)atol(entry->d_name + strlen(NAME)) : 0;

		if (pid > 0 && (pid == getpid() || (kill(pid, 0) < 0 && errno == ESRCH)))
			unlinkat(dirfd(folder), entry->d_name, AT_REMOVEDIR);
	}
	if (folder)
		closedir(folder);
}

static int put(const struct kvm_trace *trace, const char *file, const char *text, struct error *error)
{
	char path[192];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", trace->folder, file);
	fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	if (fd < 0 || write(fd, text, strlen(text)) < 0) {
		int code = errno;

		if (fd >= 0)
			close(fd);
		return error_set(error, ERROR_HOST, code, "the kernel's trace: %s: %s%s", path, strerror(code), code == ENOENT ?
				 ": it wants a kernel with CONFIG_FTRACE_SYSCALLS and KVM's tracepoints" : "");
	}
	close(fd);
	return 0;
}

/* The TSC is what launches are measured by. */
static int set_up(const struct kvm_trace *trace, struct error *error)
{
	char pid[24], filter[32];
	const struct {
		const char *file, *text;
	} rows[] = {
		{ "trace_clock", "x86-tsc" },
		{ "options/event-fork", "1" },
		{ "set_event_pid", pid },
		{ "events/syscalls/sys_enter_ioctl/filter", filter },
		{ "events/syscalls/sys_enter_ioctl/enable", "1" },
		{ "events/kvm/kvm_userspace_exit/enable", "1" },
	};
	int r = 0;

	snprintf(pid, sizeof(pid), "%ld", (long)getpid());
	snprintf(filter, sizeof(filter), "cmd == 0x%x", (unsigned)KVM_RUN);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]) && r == 0; i++)
		r = put(trace, rows[i].file, rows[i].text, error);
	return r;
}

static void close_all(struct kvm_trace *trace)
{
	if (trace->fd >= 0)
		close(trace->fd);
	rmdir(trace->folder);
	trace->fd = -1;
}

static int open_pipe(struct kvm_trace *trace, struct error *error)
{
	char path[192];

	snprintf(path, sizeof(path), "%s/trace_pipe", trace->folder);
	trace->fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	return trace->fd < 0 ? error_set(error, ERROR_HOST, errno, "the kernel's trace: %s: %s", path, strerror(errno)) : 0;
}

/* A KVM_RUN of our own, of no machine. The kernel goes by its own process IDs, which are not those of a namespace. */
static int try_it(struct kvm_trace *trace, struct error *error)
{
	struct kvm_traced traced;
	uint64_t now = __rdtsc();

	ioctl(-1, KVM_RUN, 0);
	kvm_trace_take(trace, now, &traced);
	return traced.entered_tsc ? 0 : error_set(error, ERROR_HOST, ENOTSUP, "the kernel's trace: it does not see us: run it "
						  "outside of a container, in the host's PID namespace");
}

int kvm_trace_open(struct kvm_trace *trace, struct error *error)
{
	const char *where = find_tracing();
	char path[192];
	int r;

	trace->fd = -1;
	if (!where)
		return error_set(error, ERROR_HOST, ENOENT, "the kernel's trace: no tracefs: run as root, and "
				 "mount -t tracefs tracefs /sys/kernel/tracing");
	snprintf(path, sizeof(path), "%s/instances", where);
	remove_old(path);
	snprintf(trace->folder, sizeof(trace->folder), "%s/instances/" NAME "%ld", where, (long)getpid());
	if (mkdir(trace->folder, 0700) < 0)
		return error_set(error, ERROR_HOST, errno, "the kernel's trace: %s: %s%s", trace->folder, strerror(errno),
				 errno == EACCES || errno == EPERM ? ": run as root" : "");
	r = set_up(trace, error);
	if (r == 0)
		r = open_pipe(trace, error);
	if (r == 0)
		r = try_it(trace, error);
	if (r < 0)
		close_all(trace);
	return r;
}

void kvm_trace_close(struct kvm_trace *trace)
{
	if (trace->fd >= 0)
		close_all(trace);
}

/* --- what it says --- */

/* The stamp before the last `mark`, behind which there is nothing that a process could choose. 0: there is none. */
static uint64_t stamp_before(const char *line, size_t bytes, const char *mark)
{
	const char *at = NULL, *from = line;
	uint64_t stamp = 0, place = 1;

	while ((from = memmem(from, bytes - (size_t)(from - line), mark, strlen(mark))))
		at = from++;
	for (; at && at > line && at[-1] >= '0' && at[-1] <= '9' && place; at--, place *= 10)
		stamp += (uint64_t)(at[-1] - '0') * place;
	return stamp;
}

/* "CPU:0 [LOST 13 EVENTS]"; a line of an event begins with blanks. */
static bool is_loss(const char *line, size_t bytes)
{
	return bytes > 4 && memcmp(line, "CPU:", 4) == 0 && memmem(line, bytes, " EVENTS]", 8);
}

void kvm_trace_line(const char *line, size_t bytes, uint64_t since_tsc, struct kvm_traced *traced)
{
	uint64_t run = stamp_before(line, bytes, ": sys_ioctl("), left = stamp_before(line, bytes, ": kvm_userspace_exit: ");
	uint64_t at = run ? run : left;

	/* The event after a gap: where that was before, so were those that are lost. */
	if (traced->lost && (at == 0 || at >= since_tsc))
		traced->whole = false;
	traced->lost = is_loss(line, bytes);
	if (run >= since_tsc && run && (!traced->entered_tsc || run < traced->entered_tsc))
		traced->entered_tsc = run;
	if (left >= since_tsc && left) {
		traced->exits++;
		if (left > traced->left_tsc)
			traced->left_tsc = left;
	}
}

/* A read may end within a line. */
void kvm_trace_take(struct kvm_trace *trace, uint64_t since_tsc, struct kvm_traced *traced)
{
	char text[READ_BYTES];
	size_t have = 0;
	ssize_t n;

	*traced = (struct kvm_traced){ .whole = true };
	while ((n = read(trace->fd, text + have, sizeof(text) - have)) > 0) {
		char *line = text, *end;

		have += (size_t)n;
		for (; (end = memchr(line, '\n', have - (size_t)(line - text))); line = end + 1)
			kvm_trace_line(line, (size_t)(end - line), since_tsc, traced);
		have -= (size_t)(line - text);
		if (have == sizeof(text)) /* no line of the kernel's */
			have = 0;
		memmove(text, line, have);
	}
	if (!traced->whole || traced->lost)
		*traced = (struct kvm_traced){ .whole = false };
}
