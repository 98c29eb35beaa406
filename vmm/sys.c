/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "vmm/error.h"

#ifdef KVICK_FAULT_INJECTION

/* KVICK_FAULT="CALL:ERRNO": which call fails, and how. Only test builds look at it. */
void sys_init(struct sys *sys)
{
	const char *fault = getenv("KVICK_FAULT");
	unsigned long at;

	*sys = (struct sys){ 0 };
	if (fault && sscanf(fault, "%lu:%d", &at, &sys->fail_errno) == 2)
		sys->fail_at = at;
}

static bool fails(struct sys *sys)
{
	return ++sys->calls == sys->fail_at;
}

#define FAULT_ERRNO(sys) ((sys)->fail_errno)

int32_t sys_uring_result(struct sys *sys, int32_t result)
{
	return ++sys->completions == sys->fail_completion_at ? -sys->fail_errno : result;
}

#else

void sys_init(struct sys *sys)
{
	*sys = (struct sys){ 0 };
}

static bool fails(struct sys *sys)
{
	sys->calls++;
	return false;
}

#define FAULT_ERRNO(sys) 0

#endif

/* A call through the seam: counted, perhaps failed on purpose, its errno turned into the result. */
#define THROUGH(sys, call)                                            \
	({                                                            \
		long result_;                                         \
		if (fails(sys))                                       \
			result_ = -FAULT_ERRNO(sys);                  \
		else if ((result_ = (long)(call)) == -1)              \
			result_ = -errno;                             \
		result_;                                              \
	})

int sys_open(struct sys *sys, const char *path, int flags, mode_t mode)
{
	/* Not open(): musl's sets FD_CLOEXEC a second time, with a call of its own, for kernels of 2007. */
	return (int)THROUGH(sys, syscall(SYS_openat, AT_FDCWD, path, flags, mode));
}

COLD int sys_openat(struct sys *sys, int folder, const char *path, int flags, mode_t mode)
{
	return (int)THROUGH(sys, syscall(SYS_openat, folder, path, flags, mode));
}

int sys_close(struct sys *sys, int fd)
{
	int result = close(fd); /* a descriptor is gone even when close() fails: an injected failure must not leak it */

	if (fails(sys))
		return -FAULT_ERRNO(sys);
	return result < 0 ? -errno : 0;
}

int sys_fstat(struct sys *sys, int fd, struct stat *st)
{
	return (int)THROUGH(sys, fstat(fd, st));
}

int sys_ioctl(struct sys *sys, int fd, unsigned long request, unsigned long arg)
{
	/* Straight to the kernel: musl's ioctl() takes an int and has its own fall-backs. */
	return (int)THROUGH(sys, syscall(SYS_ioctl, fd, request, arg));
}

ssize_t sys_read(struct sys *sys, int fd, void *to, size_t bytes)
{
	return THROUGH(sys, read(fd, to, bytes));
}

ssize_t sys_pread(struct sys *sys, int fd, void *to, size_t bytes, uint64_t offset)
{
	return THROUGH(sys, pread(fd, to, bytes, (off_t)offset));
}

ssize_t sys_write(struct sys *sys, int fd, const void *from, size_t bytes)
{
	return THROUGH(sys, write(fd, from, bytes));
}

int sys_mmap(struct sys *sys, void *want, size_t bytes, int prot, int flags, int fd, uint64_t offset, void **at)
{
	long result = THROUGH(sys, mmap(want, bytes, prot, flags, fd, (off_t)offset)); /* MAP_FAILED is -1 */

	if (result < 0 && result > -4096)
		return (int)result;
	*at = (void *)result;
	return 0;
}

int sys_madvise(struct sys *sys, void *at, size_t bytes, int advice)
{
	return (int)THROUGH(sys, madvise(at, bytes, advice));
}

int sys_mprotect(struct sys *sys, void *at, size_t bytes, int prot)
{
	return (int)THROUGH(sys, mprotect(at, bytes, prot));
}

COLD int sys_mremap(struct sys *sys, void *from, size_t bytes, void *to)
{
	return (int)THROUGH(sys, mremap(from, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, to) == MAP_FAILED ? -1 : 0);
}

int sys_munmap(struct sys *sys, void *at, size_t bytes)
{
	int result = munmap(at, bytes); /* as for close(): an injected failure must not leak */

	if (fails(sys))
		return -FAULT_ERRNO(sys);
	return result < 0 ? -errno : 0;
}

ssize_t sys_getrandom(struct sys *sys, void *to, size_t bytes)
{
	return THROUGH(sys, syscall(SYS_getrandom, to, bytes, 0));
}

int sys_clock_gettime(struct sys *sys, clockid_t clock, struct timespec *now)
{
	return (int)THROUGH(sys, clock_gettime(clock, now));
}

/* Past the seam: a time that is none would make waits endless, and a call that cannot fail is none that tests need. */
uint64_t sys_now_ns(struct sys *sys)
{
	struct timespec now;

	(void)sys;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int sys_clock_nanosleep(struct sys *sys, clockid_t clock, int flags, const struct timespec *until)
{
	return (int)THROUGH(sys, syscall(SYS_clock_nanosleep, clock, flags, until, NULL));
}

int sys_getrusage(struct sys *sys, int who, struct rusage *usage)
{
	return (int)THROUGH(sys, getrusage(who, usage));
}

COLD int sys_rlimit(struct sys *sys, int which, const struct rlimit *wanted, struct rlimit *now)
{
	return (int)THROUGH(sys, syscall(SYS_prlimit64, 0, which, wanted, now));
}

int sys_fcntl(struct sys *sys, int fd, int command, void *argument)
{
	return (int)THROUGH(sys, fcntl(fd, command, argument));
}

COLD int sys_flock(struct sys *sys, int fd, int operation)
{
	return (int)THROUGH(sys, syscall(SYS_flock, fd, operation));
}

int sys_fallocate(struct sys *sys, int fd, int mode, uint64_t offset, uint64_t bytes)
{
	return (int)THROUGH(sys, fallocate(fd, mode, (off_t)offset, (off_t)bytes));
}

/* struct statx as far as Linux 6.1 has it: the C libraries' are older, and <linux/stat.h> does not go with theirs. */
struct statx_6_1 {
	uint32_t mask, others[37];
	uint32_t direct_memory, direct_offset;
	uint32_t room[24];
};

#define STATX_DIOALIGN_6_1 0x2000u

int sys_direct_alignment(struct sys *sys, int fd, uint32_t *memory, uint32_t *offset)
{
	struct statx_6_1 st;
	int r = (int)THROUGH(sys, syscall(SYS_statx, fd, "", AT_EMPTY_PATH, STATX_DIOALIGN_6_1, &st));

	_Static_assert(sizeof(st) == 256 && offsetof(struct statx_6_1, direct_memory) == 152, "as the kernel's");
	if (r < 0)
		return r;
	if (!(st.mask & STATX_DIOALIGN_6_1))
		return -ENODATA;
	*memory = st.direct_memory;
	*offset = st.direct_offset;
	return 0;
}

COLD int64_t sys_seek(struct sys *sys, int fd, int64_t offset, int whence)
{
	return THROUGH(sys, lseek(fd, offset, whence));
}

COLD int sys_memfd_create(struct sys *sys, const char *name, unsigned flags)
{
	return (int)THROUGH(sys, memfd_create(name, flags));
}

int sys_ftruncate(struct sys *sys, int fd, uint64_t bytes)
{
	return (int)THROUGH(sys, ftruncate(fd, (off_t)bytes));
}

int sys_sysinfo(struct sys *sys, struct sysinfo *info)
{
	return (int)THROUGH(sys, sysinfo(info));
}

int sys_sigaction(struct sys *sys, int signal, const struct sigaction *action, struct sigaction *before)
{
	return (int)THROUGH(sys, sigaction(signal, action, before));
}

int sys_sigprocmask(struct sys *sys, int how, const sigset_t *set)
{
	return (int)THROUGH(sys, sigprocmask(how, set, NULL));
}

COLD int sys_sigtimedwait(struct sys *sys, const sigset_t *set, const struct timespec *timeout)
{
	return (int)THROUGH(sys, sigtimedwait(set, NULL, timeout));
}

int sys_poll(struct sys *sys, struct pollfd *fds, unsigned count, int timeout_ms)
{
	return (int)THROUGH(sys, poll(fds, count, timeout_ms));
}

int sys_setitimer(struct sys *sys, int which, const struct itimerval *value)
{
	return (int)THROUGH(sys, setitimer(which, value, NULL));
}

/* Not timer_create(): where the thread goes differs between C libraries, and musl starts threads of its own for another kind. */
int sys_timer_create(struct sys *sys, int signal, void *value, int *timer)
{
	struct { /* laid out as the kernel's struct sigevent: include/uapi/asm-generic/siginfo.h */
		void *value;
		int signal, notify, thread, padding[11];
	} event = { .value = value, .signal = signal, .notify = SIGEV_THREAD_ID, .thread = (int)syscall(SYS_gettid) };

	_Static_assert(sizeof(event) == sizeof(struct sigevent), "as the kernel has it");
	return (int)THROUGH(sys, syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, timer));
}

int sys_timer_set(struct sys *sys, int timer, int flags, const struct itimerspec *value)
{
	return (int)THROUGH(sys, syscall(SYS_timer_settime, timer, flags, value, NULL));
}

int sys_timer_delete(struct sys *sys, int timer)
{
	int result = (int)syscall(SYS_timer_delete, timer); /* as sys_close() */

	if (fails(sys))
		return -FAULT_ERRNO(sys);
	return result < 0 ? -errno : 0;
}

int sys_prctl(struct sys *sys, int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
{
	return (int)THROUGH(sys, prctl(option, a, b, c, d));
}

int sys_seccomp(struct sys *sys, unsigned operation, unsigned flags, void *args)
{
	return (int)THROUGH(sys, syscall(SYS_seccomp, operation, flags, args));
}

int sys_rename(struct sys *sys, const char *from, const char *to)
{
	return (int)THROUGH(sys, rename(from, to));
}

int sys_unlink(struct sys *sys, const char *path)
{
	return (int)THROUGH(sys, unlink(path));
}

int sys_mkdir(struct sys *sys, const char *path, mode_t mode)
{
	return (int)THROUGH(sys, mkdir(path, mode));
}

COLD int sys_mkdirat(struct sys *sys, int folder, const char *path, mode_t mode)
{
	return (int)THROUGH(sys, syscall(SYS_mkdirat, folder, path, mode));
}

COLD int sys_unlinkat(struct sys *sys, int folder, const char *path, int flags)
{
	return (int)THROUGH(sys, syscall(SYS_unlinkat, folder, path, flags));
}

COLD int sys_renameat(struct sys *sys, int folder, const char *from, const char *to, unsigned flags)
{
	return (int)THROUGH(sys, syscall(SYS_renameat2, folder, from, folder, to, flags));
}

COLD ssize_t sys_getdents(struct sys *sys, int fd, void *to, size_t bytes)
{
	return THROUGH(sys, syscall(SYS_getdents64, fd, to, bytes));
}

/* The kernel takes an offset in two halves, shifts the upper one away on x86-64, and uses the lower one whole. */
ssize_t sys_preadv(struct sys *sys, int fd, const struct iovec *iov, unsigned count, uint64_t offset, int flags)
{
	return THROUGH(sys, syscall(SYS_preadv2, fd, iov, (unsigned long)count, offset, 0ul, flags));
}

ssize_t sys_pwritev(struct sys *sys, int fd, const struct iovec *iov, unsigned count, uint64_t offset, int flags)
{
	return THROUGH(sys, syscall(SYS_pwritev2, fd, iov, (unsigned long)count, offset, 0ul, flags));
}

int sys_fdatasync(struct sys *sys, int fd)
{
	return (int)THROUGH(sys, syscall(SYS_fdatasync, fd));
}

COLD int sys_fsync(struct sys *sys, int fd)
{
	return (int)THROUGH(sys, syscall(SYS_fsync, fd));
}

int sys_ppoll(struct sys *sys, struct pollfd *fds, unsigned count, const struct timespec *timeout)
{
	return (int)THROUGH(sys, ppoll(fds, count, timeout, NULL));
}

int sys_eventfd(struct sys *sys, unsigned value, int flags)
{
	return (int)THROUGH(sys, eventfd(value, flags));
}

/* Not the C library's functions: they would be among what every launch touches (control/kvick.ld). */
COLD int sys_socket(struct sys *sys, int domain, int type, int protocol)
{
	return (int)THROUGH(sys, syscall(SYS_socket, domain, type, protocol));
}

COLD int sys_bind(struct sys *sys, int fd, const struct sockaddr *address, unsigned bytes)
{
	return (int)THROUGH(sys, syscall(SYS_bind, fd, address, bytes));
}

COLD int sys_listen(struct sys *sys, int fd, int backlog)
{
	return (int)THROUGH(sys, syscall(SYS_listen, fd, backlog));
}

COLD int sys_accept(struct sys *sys, int fd, int flags)
{
	return (int)THROUGH(sys, syscall(SYS_accept4, fd, NULL, NULL, flags));
}

COLD int sys_connect(struct sys *sys, int fd, const struct sockaddr *address, unsigned bytes)
{
	return (int)THROUGH(sys, syscall(SYS_connect, fd, address, bytes));
}

COLD ssize_t sys_recv(struct sys *sys, int fd, void *to, size_t bytes, int flags)
{
	return THROUGH(sys, syscall(SYS_recvfrom, fd, to, bytes, flags, NULL, NULL));
}

COLD ssize_t sys_send(struct sys *sys, int fd, const void *from, size_t bytes, int flags)
{
	return THROUGH(sys, syscall(SYS_sendto, fd, from, bytes, flags, NULL, 0));
}

COLD int sys_shutdown(struct sys *sys, int fd, int how)
{
	return (int)THROUGH(sys, syscall(SYS_shutdown, fd, how));
}

COLD int sys_epoll_create(struct sys *sys, int flags)
{
	return (int)THROUGH(sys, syscall(SYS_epoll_create1, flags));
}

COLD int sys_epoll_ctl(struct sys *sys, int epoll, int what, int fd, struct epoll_event *event)
{
	return (int)THROUGH(sys, syscall(SYS_epoll_ctl, epoll, what, fd, event));
}

COLD int sys_epoll_wait(struct sys *sys, int epoll, struct epoll_event *events, int count)
{
	return (int)THROUGH(sys, syscall(SYS_epoll_pwait, epoll, events, count, 0, NULL, 0ul));
}

COLD int sys_getsockopt(struct sys *sys, int fd, int level, int name, void *value, unsigned *bytes)
{
	return (int)THROUGH(sys, syscall(SYS_getsockopt, fd, level, name, value, bytes));
}

COLD int sys_getpeername(struct sys *sys, int fd, void *address, unsigned *bytes)
{
	return (int)THROUGH(sys, syscall(SYS_getpeername, fd, address, bytes));
}

COLD int sys_socketpair(struct sys *sys, int type, int fds[2])
{
	return (int)THROUGH(sys, syscall(SYS_socketpair, AF_UNIX, type, 0, fds));
}

COLD int sys_fork(struct sys *sys)
{
	return (int)THROUGH(sys, syscall(SYS_fork));
}

COLD int sys_wait(struct sys *sys, int pid, int *status)
{
	return (int)THROUGH(sys, syscall(SYS_wait4, pid, status, 0, NULL));
}

/* Where there is no close_range() (Linux before 5.9, or a filter of somebody's): more than that a launch has not been given. */
#define DESCRIPTORS_LIKELY 1024

COLD void sys_close_from(unsigned first)
{
	if (syscall(SYS_close_range, first, ~0u, 0) == 0)
		return;
	for (unsigned fd = first; fd < DESCRIPTORS_LIKELY; fd++)
		close((int)fd);
}

/* vfork(): a copy of the page tables of a process with a guest in it would be dear. The child tells by our memory why it failed. */
static COLD int spawn(const char *program, char *const argv[], const int fds[4])
{
	volatile int failed = 0;
	pid_t pid = vfork();

	if (pid != 0)
		return pid < 0 ? -1 : failed ? (errno = failed, -1) : pid;
	for (int i = 0; i < 4 && !failed; i++)
		if (fds[i] == i ? fcntl(i, F_SETFD, 0) < 0 : dup2(fds[i], i) < 0)
			failed = errno;
	if (!failed) {
		sys_close_from(4);
		execvp(program, argv);
		failed = errno;
	}
	_exit(127);
}

COLD int sys_spawn(struct sys *sys, const char *program, char *const argv[], const int fds[4])
{
	return (int)THROUGH(sys, spawn(program, argv, fds));
}

int sys_uring_setup(struct sys *sys, unsigned entries, struct io_uring_params *params)
{
	return (int)THROUGH(sys, syscall(SYS_io_uring_setup, entries, params));
}

int sys_uring_queue_init(struct sys *sys, unsigned entries, struct io_uring *ring, struct io_uring_params *params)
{
	if (fails(sys))
		return -FAULT_ERRNO(sys);
	return io_uring_queue_init_params(entries, ring, params); /* a call and two mmap(); returns -errno by itself */
}

void sys_uring_queue_exit(struct sys *sys, struct io_uring *ring)
{
	(void)fails(sys); /* as for close() */
	io_uring_queue_exit(ring);
}

int sys_uring_register(struct sys *sys, int fd, unsigned opcode, const void *arg, unsigned count)
{
	return (int)THROUGH(sys, syscall(SYS_io_uring_register, fd, opcode, arg, count));
}

int sys_uring_enter(struct sys *sys, int fd, unsigned to_submit, unsigned min_complete, unsigned flags, const void *arg,
		    size_t arg_bytes)
{
	return (int)THROUGH(sys, syscall(SYS_io_uring_enter, fd, to_submit, min_complete, flags, arg, arg_bytes));
}
