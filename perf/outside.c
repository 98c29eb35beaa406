/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long a launch was outside its guest: before its first KVM_RUN and after KVM_RUN returned for the last time. Both are seen
 * from outside, by the kernel's tracepoints sys_enter_ioctl and kvm_userspace_exit, the same for every VMM, in a trace of our own
 * that has only our children in it. While it is there each of their system calls takes the kernel's slow path, some 100 ns more.
 */
#include "perf/outside.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TRACING "/sys/kernel/tracing/"
#define TRACE_BYTES (4u << 20)

static char instance[64];

static void die(const char *what)
{
	fprintf(stderr, "pairs: --outside: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void put(const char *file, const char *text)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", instance, file);
	fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		die(path);
	close(fd);
}

static char *get_trace(void)
{
	static char text[TRACE_BYTES];
	char path[256];
	size_t used = 0;
	ssize_t n = 0;
	int fd;

	snprintf(path, sizeof(path), "%s/trace", instance);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		die(path);
	while (used < sizeof(text) - 1 && (n = read(fd, text + used, sizeof(text) - 1 - used)) > 0)
		used += (size_t)n;
	if (n < 0)
		die(path);
	close(fd);
	text[used] = '\0';
	return text;
}

static void remove_instance(void)
{
	rmdir(instance);
}

static void on_signal(int number)
{
	rmdir(instance);
	_exit(128 + number);
}

static void set_up(void)
{
	char text[64];

	if (access(TRACING "instances", W_OK))
		die(TRACING " (it wants root, tracefs mounted there and CONFIG_FTRACE_SYSCALLS)");
	snprintf(instance, sizeof(instance), TRACING "instances/kvick-%d", getpid());
	if (mkdir(instance, 0700))
		die(instance);
	atexit(remove_instance);
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	put("trace_clock", "mono");
	snprintf(text, sizeof(text), "%d", getpid());
	put("options/event-fork", "1"); /* our children too */
	put("set_event_pid", text);
	snprintf(text, sizeof(text), "cmd == 0x%x", (unsigned)KVM_RUN);
	put("events/syscalls/sys_enter_ioctl/filter", text);
	put("events/syscalls/sys_enter_ioctl/enable", "1");
	put("events/kvm/kvm_userspace_exit/enable", "1");
}

void outside_begin(void)
{
	if (!*instance)
		set_up();
	put("trace", "");
}

/* The time stamp that ends at `at`: seconds and microseconds. */
static uint64_t stamp_ns(const char *trace, const char *at)
{
	uint64_t seconds, us;

	while (at > trace && strchr("0123456789.", at[-1]))
		at--;
	if (sscanf(at, "%" SCNu64 ".%6" SCNu64, &seconds, &us) != 2)
		return 0;
	return seconds * 1000000000u + us * 1000;
}

uint64_t outside_ns(uint64_t spawned, uint64_t reaped)
{
	const char *trace = get_trace(), *run = strstr(trace, ": sys_ioctl("), *exit_at = NULL;
	const char *counts = strstr(trace, "entries-in-buffer/entries-written: ");
	unsigned long kept, written;
	uint64_t first, last;

	for (const char *at = trace; (at = strstr(at, ": kvm_userspace_exit: ")); at++)
		exit_at = at;
	if (!run || !exit_at) {
		fputs("pairs: --outside: no guest in the kernel's trace\n", stderr);
		exit(1);
	}
	if (!counts || sscanf(counts, "entries-in-buffer/entries-written: %lu/%lu", &kept, &written) != 2 || kept != written) {
		fputs("pairs: --outside: a guest that exits too often for the kernel's trace\n", stderr);
		exit(1);
	}
	first = stamp_ns(trace, run);
	last = stamp_ns(trace, exit_at);
	/* Stamps are cut to microseconds: the first may seem to be before the spawn. */
	if (first + 1000 < spawned || last < first || last > reaped) {
		fputs("pairs: --outside: the kernel's trace has times of another clock\n", stderr);
		exit(1);
	}
	return (first > spawned ? first - spawned : 0) + (reaped - last);
}
