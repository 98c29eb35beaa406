/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seam: every system call that a launch makes goes through here.
 *
 * So that a test can make the N-th one fail (fault build, KVICK_FAULT_INJECTION), and a report can
 * say how many there were. Each returns what the call returns, or -errno; none touches errno
 * otherwise. Interrupted calls (EINTR) come back as -EINTR: the caller knows whether to retry.
 */
#ifndef KVICK_VMM_SYS_H
#define KVICK_VMM_SYS_H

#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/types.h>
#include <time.h>

struct epoll_event;
struct iovec;
struct io_uring;
struct io_uring_params;
struct sockaddr;

/* One per launch, never shared between threads. Zero-initialised but for sys_init(). */
struct sys {
	uint64_t calls; /* made so far, the failed ones too */
#ifdef KVICK_FAULT_INJECTION
	uint64_t fail_at; /* number of the call to fail, counted from 1; 0 = none */
	int fail_errno;
	uint64_t completions, fail_completion_at; /* the same of io_uring's completions: the result of one becomes -fail_errno */
#endif
};

void sys_init(struct sys *sys);

int sys_open(struct sys *sys, const char *path, int flags, mode_t mode);
int sys_openat(struct sys *sys, int folder, const char *path, int flags, mode_t mode);
int sys_close(struct sys *sys, int fd);
int sys_fstat(struct sys *sys, int fd, struct stat *st);
int sys_ioctl(struct sys *sys, int fd, unsigned long request, unsigned long arg);
ssize_t sys_read(struct sys *sys, int fd, void *to, size_t bytes);
ssize_t sys_pread(struct sys *sys, int fd, void *to, size_t bytes, uint64_t offset);
ssize_t sys_write(struct sys *sys, int fd, const void *from, size_t bytes);
/* *at gets the mapping; 0 or -errno. */
int sys_mmap(struct sys *sys, void *want, size_t bytes, int prot, int flags, int fd, uint64_t offset, void **at);
int sys_madvise(struct sys *sys, void *at, size_t bytes, int advice);
int sys_mprotect(struct sys *sys, void *at, size_t bytes, int prot);
/* To exactly `to`, over what is there. */
int sys_mremap(struct sys *sys, void *from, size_t bytes, void *to);
int sys_munmap(struct sys *sys, void *at, size_t bytes);
ssize_t sys_getrandom(struct sys *sys, void *to, size_t bytes);
int sys_clock_gettime(struct sys *sys, clockid_t clock, struct timespec *now);
/* CLOCK_MONOTONIC, which cannot fail. */
uint64_t sys_now_ns(struct sys *sys);
int sys_clock_nanosleep(struct sys *sys, clockid_t clock, int flags, const struct timespec *until);
int sys_getrusage(struct sys *sys, int who, struct rusage *usage);
/* Either may be NULL. struct rlimit is the kernel's only where long has 64 bits. */
int sys_rlimit(struct sys *sys, int which, const struct rlimit *wanted, struct rlimit *now);
int sys_fcntl(struct sys *sys, int fd, int command, void *argument);
int sys_flock(struct sys *sys, int fd, int operation) __attribute__((cold));
int sys_fallocate(struct sys *sys, int fd, int mode, uint64_t offset, uint64_t bytes);
/*
 * What direct I/O wants of a file: multiples of memory address, and of offset and length; both 0: there is none.
 * -ENODATA: nobody knows.
 */
int sys_direct_alignment(struct sys *sys, int fd, uint32_t *memory, uint32_t *offset) __attribute__((cold));
/* lseek(): SEEK_CUR by 0 says where a descriptor is in its file; SEEK_DATA and SEEK_HOLE. */
int64_t sys_seek(struct sys *sys, int fd, int64_t offset, int whence);
int sys_memfd_create(struct sys *sys, const char *name, unsigned flags);
int sys_ftruncate(struct sys *sys, int fd, uint64_t bytes);
int sys_sysinfo(struct sys *sys, struct sysinfo *info);
int sys_sigaction(struct sys *sys, int signal, const struct sigaction *action, struct sigaction *before);
int sys_sigprocmask(struct sys *sys, int how, const sigset_t *set);
/* A signal of the set, which the thread has blocked: its number, or -EAGAIN when the time is over. */
int sys_sigtimedwait(struct sys *sys, const sigset_t *set, const struct timespec *timeout);
int sys_poll(struct sys *sys, struct pollfd *fds, unsigned count, int timeout_ms);
int sys_setitimer(struct sys *sys, int which, const struct itimerval *value);
/*
 * A timer of CLOCK_MONOTONIC, whose signal goes to the thread that makes it, with `value` in it. Its number goes to *timer; 0 or
 * -errno.
 */
int sys_timer_create(struct sys *sys, int signal, void *value, int *timer);
int sys_timer_set(struct sys *sys, int timer, int flags, const struct itimerspec *value);
int sys_timer_delete(struct sys *sys, int timer);
int sys_prctl(struct sys *sys, int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d);
int sys_seccomp(struct sys *sys, unsigned operation, unsigned flags, void *args);
int sys_rename(struct sys *sys, const char *from, const char *to);
int sys_unlink(struct sys *sys, const char *path);
int sys_mkdir(struct sys *sys, const char *path, mode_t mode);
int sys_mkdirat(struct sys *sys, int folder, const char *path, mode_t mode);
int sys_unlinkat(struct sys *sys, int folder, const char *path, int flags);
/* Both in one folder. flags: RENAME_*. */
int sys_renameat(struct sys *sys, int folder, const char *from, const char *to, unsigned flags);
/* A folder's next entries, as the kernel has them (struct dirent64); 0: there are no more. */
ssize_t sys_getdents(struct sys *sys, int fd, void *to, size_t bytes);

/* preadv2() and pwritev2(): at offset UINT64_MAX, at the file's own position, as streams want it. */
ssize_t sys_preadv(struct sys *sys, int fd, const struct iovec *iov, unsigned count, uint64_t offset, int flags);
ssize_t sys_pwritev(struct sys *sys, int fd, const struct iovec *iov, unsigned count, uint64_t offset, int flags);
int sys_fdatasync(struct sys *sys, int fd);
int sys_fsync(struct sys *sys, int fd);
/* `timeout` NULL: for ever. */
int sys_ppoll(struct sys *sys, struct pollfd *fds, unsigned count, const struct timespec *timeout);
int sys_eventfd(struct sys *sys, unsigned value, int flags);

/* Sockets, and what watches them. */
int sys_socket(struct sys *sys, int domain, int type, int protocol);
int sys_bind(struct sys *sys, int fd, const struct sockaddr *address, unsigned bytes);
int sys_listen(struct sys *sys, int fd, int backlog);
int sys_accept(struct sys *sys, int fd, int flags);
int sys_connect(struct sys *sys, int fd, const struct sockaddr *address, unsigned bytes);
ssize_t sys_recv(struct sys *sys, int fd, void *to, size_t bytes, int flags);
ssize_t sys_send(struct sys *sys, int fd, const void *from, size_t bytes, int flags);
int sys_shutdown(struct sys *sys, int fd, int how);
int sys_epoll_create(struct sys *sys, int flags);
int sys_epoll_ctl(struct sys *sys, int epoll, int what, int fd, struct epoll_event *event);
/* What is ready now. */
int sys_epoll_wait(struct sys *sys, int epoll, struct epoll_event *events, int count);
/* Stream sockets, connected to each other. */
int sys_socketpair(struct sys *sys, int type, int fds[2]);
/*
 * Another program, found as a shell finds it (PATH), with fds[] as its descriptors 0 to 3 and no others.
 * Its process id, or -errno: also where there is no such program.
 */
int sys_spawn(struct sys *sys, const char *program, char *const argv[], const int fds[4]);
/* fork(), as the kernel has it: for a child that is to call little else of the C library. 0 in the child. */
int sys_fork(struct sys *sys);
/* Every descriptor from there on. */
void sys_close_from(unsigned first);
/* Waits for its end; *status as of waitpid(). */
int sys_wait(struct sys *sys, int pid, int *status);
int sys_getsockopt(struct sys *sys, int fd, int level, int name, void *value, unsigned *bytes);
int sys_getpeername(struct sys *sys, int fd, void *address, unsigned *bytes);

/* io_uring. All that liburing would call the kernel for is here, so that it can be counted and made to fail. */
int sys_uring_setup(struct sys *sys, unsigned entries, struct io_uring_params *params);
int sys_uring_queue_init(struct sys *sys, unsigned entries, struct io_uring *ring, struct io_uring_params *params);
void sys_uring_queue_exit(struct sys *sys, struct io_uring *ring);
int sys_uring_register(struct sys *sys, int fd, unsigned opcode, const void *arg, unsigned count);
int sys_uring_enter(struct sys *sys, int fd, unsigned to_submit, unsigned min_complete, unsigned flags, const void *arg,
		    size_t arg_bytes);
/* What a completion's result is. */
#ifdef KVICK_FAULT_INJECTION
int32_t sys_uring_result(struct sys *sys, int32_t result);
#else
static inline int32_t sys_uring_result(struct sys *sys, int32_t result)
{
	(void)sys;
	return result;
}
#endif

#endif
