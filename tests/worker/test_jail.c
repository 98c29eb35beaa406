/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The jail, entered for real by children, who then try what they may not. Each step alone, for all must hold by themselves; then
 * all of them, as root and as nobody. What they try does no harm where the jail lets it pass.
 */
#include "tests/unit/test_unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "control/worker/jail.h"
#include "control/worker/protocol.h"
#include "vmm/error.h"

#define NOBODY 65534u

/* So that nothing is mounted where the jail fails: the permission is asked for first, and this is what it finds then. */
#define NO_SUCH_TYPE "no-such-file-system"

#define STEP(id) (1u << JAIL_##id)

/* What children end with. */
enum { REFUSED = 0, ALLOWED = 1, UNEXPECTED = 2, NO_JAIL = 4 };

/* A user that nothing belongs to; nor is it another run's of this, whose processes would count. */
static uint32_t function;
static struct jail jail; /* of the test that is running; its child's copy has what came of it */
static int wanted;  /* a descriptor, or a process, that a child tries to get at */

static int set_up(void **state)
{
	(void)state;
	jail = (struct jail){ .threads = 4 };
	wanted = -1;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	if (wanted > STDERR_FILENO)
		close(wanted);
	return 0;
}

static void become(uint32_t user)
{
	if (setgroups(0, NULL) < 0 || setresgid(user, user, user) < 0 || setresuid(user, user, user) < 0)
		_exit(NO_JAIL);
}

/* The status of a child, as waitpid() gives it, that has entered the jail as `user` and then tried. */
static int status_in_jail(uint32_t user, unsigned steps, int (*attempt)(void))
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		struct error error = { 0 };

		if (user)
			become(user);
		if (jail_enter(&jail, steps, &error) < 0) {
			fprintf(stderr, "%s\n", error.text);
			_exit(NO_JAIL);
		}
		_exit(attempt());
	}
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static void refused_as(uint32_t user, unsigned steps, int (*attempt)(void))
{
	int status = status_in_jail(user, steps, attempt);

	if (!WIFEXITED(status) || WEXITSTATUS(status) != REFUSED)
		fail_msg("%s %d", WIFEXITED(status) ? "exit code" : "signal",
			 WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
}

static void refused(unsigned steps, int (*attempt)(void))
{
	refused_as(0, steps, attempt);
}

static void killed(unsigned steps, int (*attempt)(void))
{
	int status = status_in_jail(0, steps, attempt);

	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSYS);
}

/* Was that refused with this errno? */
static int verdict(long result, int errnum)
{
	return result >= 0 ? ALLOWED : errno == errnum ? REFUSED : UNEXPECTED;
}

static void needs_root(void)
{
	if (geteuid() != 0)
		skip();
}

/* ---- descriptors ---- */

static int try_closed_descriptors(void)
{
	for (int fd = 3; fd < 300; fd++)
		if (fd != 5 && fd != 70 && fcntl(fd, F_GETFD) >= 0)
			return ALLOWED;
	return fcntl(5, F_GETFD) >= 0 && fcntl(70, F_GETFD) >= 0 && fcntl(2, F_GETFD) >= 0 ? REFUSED : UNEXPECTED;
}

static void only_descriptors_that_were_given_stay_open(void **state)
{
	static const int open_ones[] = { 5, 6, 7, 69, 70, 71, 299 }, keep[] = { 5, 70 };

	(void)state;
	for (unsigned i = 0; i < COUNT_OF(open_ones); i++)
		assert_int_equal(dup2(STDERR_FILENO, open_ones[i]), open_ones[i]);
	jail.keep = keep;
	jail.keep_count = COUNT_OF(keep);
	refused(STEP(DESCRIPTORS), try_closed_descriptors);
	for (unsigned i = 0; i < COUNT_OF(open_ones); i++)
		close(open_ones[i]);
}

/* ---- namespaces ---- */

static int listener(struct sockaddr *address, socklen_t bytes)
{
	int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, address, bytes), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, address, &bytes), 0);
	return fd;
}

static struct sockaddr_in loopback;
static struct sockaddr_un abstract;

static int try_loopback(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	return verdict(connect(fd, (struct sockaddr *)&loopback, sizeof(loopback)), ENETUNREACH);
}

static int try_abstract_socket(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	return verdict(connect(fd, (struct sockaddr *)&abstract, sizeof(abstract)), ECONNREFUSED);
}

static void there_is_no_network(void **state)
{
	(void)state;
	needs_root();
	loopback = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	wanted = listener((struct sockaddr *)&loopback, sizeof(loopback));
	refused(STEP(NAMESPACES), try_loopback);
}

static void nobody_has_a_network_either(void **state)
{
	(void)state;
	loopback = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	wanted = listener((struct sockaddr *)&loopback, sizeof(loopback));
	refused_as(geteuid() == 0 ? NOBODY : 0, STEP(USER_NAMESPACE) | STEP(NAMESPACES), try_loopback);
}

static void abstract_sockets_are_out_of_reach(void **state)
{
	(void)state;
	needs_root();
	abstract = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(abstract.sun_path + 1, sizeof(abstract.sun_path) - 1, "kvick-test-jail-%d", (int)getpid());
	wanted = listener((struct sockaddr *)&abstract, sizeof(abstract));
	refused(STEP(NAMESPACES), try_abstract_socket);
}

static char folder[] = "/tmp/kvick-test-jail-XXXXXX";

static int mount_there(void)
{
	return mount("none", folder, "tmpfs", 0, "size=4k") < 0 ? UNEXPECTED : REFUSED;
}

static void mounts_are_nobody_elses(void **state)
{
	(void)state;
	needs_root();
	assert_non_null(mkdtemp(folder));
	int status = status_in_jail(0, STEP(NAMESPACES), mount_there);
	bool seen = umount(folder) == 0;

	rmdir(folder);
	assert_int_equal(status, REFUSED << 8);
	assert_false(seen);
}

/* ---- processes ---- */

static int try_signal(void)
{
	return verdict(kill(wanted, 0), ESRCH);
}

static int try_trace(void)
{
	return verdict(ptrace(PTRACE_ATTACH, wanted, NULL, NULL), ESRCH);
}

static void no_other_process_can_be_named(void **state)
{
	(void)state;
	needs_root();
	wanted = (int)getpid();
	refused(STEP(PROCESSES), try_signal);
	refused(STEP(PROCESSES), try_trace);
	wanted = -1;
}

static int be_first(void)
{
	return getpid() == 1 ? 77 : UNEXPECTED;
}

static int die_of_a_fault(void)
{
	struct rlimit none = { 0, 0 };

	setrlimit(RLIMIT_CORE, &none);
	signal(SIGILL, SIG_DFL);
	__builtin_trap();
}

static void who_waits_is_told_how_it_ended(void **state)
{
	(void)state;
	needs_root();
	assert_int_equal(status_in_jail(0, STEP(PROCESSES), be_first), 77 << 8);
	int status = status_in_jail(0, STEP(PROCESSES), die_of_a_fault);

	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGILL);
}

/* Both ends of a pipe that the jailed process holds: whoever reads the other sees it begin and end. */
static int pipe_ends[2];

static int say_and_stay(void)
{
	if (write(pipe_ends[1], "!", 1) == 1)
		for (;;)
			pause();
	return UNEXPECTED;
}

static void a_signal_to_the_process_that_waits_ends_both(int signal, unsigned steps)
{
	char byte;
	int status;

	assert_int_equal(pipe(pipe_ends), 0);
	pid_t child = fork();

	if (child == 0) {
		struct error error = { 0 };

		_exit(jail_enter(&jail, steps, &error) < 0 ? NO_JAIL : say_and_stay());
	}
	close(pipe_ends[1]);
	assert_int_equal(read(pipe_ends[0], &byte, 1), 1);
	assert_int_equal(kill(child, signal), 0);
	assert_int_equal(read(pipe_ends[0], &byte, 1), 0); /* nobody holds the other end any more */
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGKILL);
	close(pipe_ends[0]);
}

static void sigterm_ends_both(void **state)
{
	(void)state;
	needs_root();
	a_signal_to_the_process_that_waits_ends_both(SIGTERM, STEP(PROCESSES));
}

static void a_worker_does_not_outlive_who_waits(void **state)
{
	(void)state;
	needs_root();
	jail.uid = jail.gid = function;
	a_signal_to_the_process_that_waits_ends_both(SIGKILL, STEP(PROCESSES) | STEP(USER) | STEP(PARENT));
}

/* Nobody is left who would close a socket, and a worker that a guest has taken over looks at none. */
static void nor_does_it_outlive_kvickd(void **state)
{
	char byte;

	(void)state;
	needs_root();
	jail.uid = jail.gid = function;
	assert_int_equal(pipe(pipe_ends), 0);
	pid_t server = fork();

	if (server == 0) {
		struct error error = { 0 };

		if (fork() == 0)
			_exit(jail_enter(&jail, STEP(PROCESSES) | STEP(USER) | STEP(PARENT), &error) < 0 ? NO_JAIL :
			      say_and_stay());
		close(pipe_ends[1]);
		for (;;)
			pause();
	}
	close(pipe_ends[1]);
	assert_int_equal(read(pipe_ends[0], &byte, 1), 1);
	assert_int_equal(kill(server, SIGKILL), 0);
	assert_int_equal(waitpid(server, NULL, 0), server);

	struct pollfd ended = { .fd = pipe_ends[0], .events = POLLIN };

	assert_int_equal(poll(&ended, 1, 10000), 1);
	close(pipe_ends[0]);
}

/* ---- the root ---- */

static int try_files(void)
{
	static const char *const paths[] = { "/etc/passwd", "/proc/self/mem", "../etc/passwd", "../../../etc/passwd", "/dev/kvm" };

	for (unsigned i = 0; i < COUNT_OF(paths); i++) {
		int result = verdict(open(paths[i], O_RDONLY), ENOENT);

		if (result != REFUSED)
			return result;
	}
	return REFUSED;
}

static int list_root(void)
{
	DIR *root = opendir("/");
	struct dirent *entry;

	while (root && (entry = readdir(root)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			return ALLOWED;
	return root ? REFUSED : UNEXPECTED;
}

/* What should not have been made is gone again. */
static int try_to_make_files(void)
{
	int made = mkdir("/kvick-test-jail", 0700), result = verdict(made, EROFS);

	if (made == 0)
		rmdir("/kvick-test-jail");
	return result;
}

static void the_root_is_empty_and_stays_so(void **state)
{
	const unsigned steps = STEP(NAMESPACES) | STEP(ROOT);

	(void)state;
	needs_root();
	refused(steps, try_files);
	refused(steps, list_root);
	refused(steps, try_to_make_files);
}

static void nobodys_root_is_empty_too(void **state)
{
	const unsigned steps = STEP(USER_NAMESPACE) | STEP(NAMESPACES) | STEP(ROOT);
	uint32_t user = geteuid() == 0 ? NOBODY : 0;

	(void)state;
	refused_as(user, steps, try_files);
	refused_as(user, steps, try_to_make_files);
}

static int try_files_by_chroot(void)
{
	return strstr(jail.lacks, "by chroot alone") ? try_files() : UNEXPECTED;
}

static void without_mounts_there_is_a_folder_of_no_use(void **state)
{
	(void)state;
	needs_root();
	refused(STEP(ROOT), try_files_by_chroot);
}

/* ---- limits ---- */

static int look_at_limits(void)
{
	struct rlimit now;

	if (getrlimit(RLIMIT_CORE, &now) < 0 || now.rlim_max != 0)
		return UNEXPECTED;
	for (unsigned i = 0; i < 4096; i++)
		if (dup(STDERR_FILENO) < 0)
			return errno == EMFILE ? REFUSED : UNEXPECTED;
	return ALLOWED;
}

static void descriptors_and_core_dumps_are_limited(void **state)
{
	(void)state;
	refused(STEP(LIMITS), look_at_limits);
}

static int try_many_processes(void)
{
	for (unsigned i = 0; i < 100; i++) {
		pid_t child = fork();

		if (child < 0)
			return errno == EAGAIN ? REFUSED : UNEXPECTED;
		if (child == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			usleep(200000);
			_exit(0);
		}
	}
	return ALLOWED;
}

static void processes_of_a_function_are_limited(void **state)
{
	(void)state;
	needs_root();
	jail.uid = jail.gid = function + 1; /* of no other test: what it starts is still there when they begin */
	refused(STEP(LIMITS) | STEP(USER), try_many_processes);
}

static int try_memory_and_files(void)
{
	int fd = memfd_create("test", 0);

	signal(SIGXFSZ, SIG_IGN);
	jail_narrow(&jail, 16 << 20, 2);
	if (jail.lacks[0])
		return UNEXPECTED;
	if (mmap(NULL, 1ull << 40, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) != MAP_FAILED)
		return ALLOWED;
	return verdict(ftruncate(fd, WORKER_LOG_BYTES_MAX + 1), EFBIG);
}

static void memory_is_limited_when_its_size_is_known(void **state)
{
	(void)state;
	refused(STEP(LIMITS), try_memory_and_files);
}

/* ---- user and privileges ---- */

static int try_roots(void)
{
	if (getuid() != function || getegid() != function || getgroups(0, NULL) != 0)
		return UNEXPECTED;
	return verdict(open("/etc/shadow", O_RDONLY), EACCES) | verdict(setresuid(0, 0, 0), EPERM);
}

static void the_user_is_the_functions_own(void **state)
{
	(void)state;
	needs_root();
	jail.uid = jail.gid = function;
	refused(STEP(USER), try_roots);
}

static int look_what_lacks(void)
{
	return strstr(jail.lacks, "own user: ") ? REFUSED : UNEXPECTED;
}

static void a_user_that_cannot_be_is_told(void **state)
{
	(void)state;
	if (geteuid() == 0)
		refused(STEP(USER), look_what_lacks);
	jail.uid = jail.gid = function;
	refused_as(geteuid() == 0 ? NOBODY : 0, STEP(USER), look_what_lacks);
}

static int try_privileges(void)
{
	return verdict(mount("none", "/", NO_SUCH_TYPE, 0, NULL), EPERM) | verdict(chroot("/"), EPERM) |
	       verdict(unshare(CLONE_NEWNS), EPERM);
}

static void root_without_capabilities_has_no_privileges(void **state)
{
	(void)state;
	needs_root();
	refused(STEP(CAPABILITIES), try_privileges);
}

static int look_at_the_bounding_set(void)
{
	int there = 0;

	for (int capability = 0; there == 0; capability++)
		there = prctl(PR_CAPBSET_READ, capability, 0, 0, 0);
	return verdict(there, EINVAL);
}

/* Whoever has become somebody else can no longer empty it. */
static void the_bounding_set_is_empty_whoever_the_worker_is(void **state)
{
	(void)state;
	needs_root();
	refused(STEP(BOUNDING_SET), look_at_the_bounding_set);
	refused(JAIL_ALL & ~STEP(SECCOMP), look_at_the_bounding_set);
	jail.uid = jail.gid = function;
	refused(JAIL_ALL & ~STEP(SECCOMP), look_at_the_bounding_set);
}

static int look_at_new_privileges(void)
{
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? REFUSED : ALLOWED;
}

static void no_program_brings_privileges_back(void **state)
{
	(void)state;
	refused(STEP(NO_NEW_PRIVILEGES), look_at_new_privileges);
}

/* ---- Landlock ---- */

static int try_paths(void)
{
	return verdict(open("/etc/passwd", O_RDONLY), EACCES) | verdict(openat(wanted, "passwd", O_RDONLY), EACCES) |
	       verdict(openat(wanted, "..", O_RDONLY | O_DIRECTORY), EACCES);
}

static int try_parent(void)
{
	return verdict(kill(wanted, 0), EPERM);
}

static long landlock_abi(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0, 1);
}

static void landlock_lets_no_path_through(void **state)
{
	(void)state;
	if (landlock_abi() < 1)
		skip();
	wanted = open("/etc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	refused(STEP(NO_NEW_PRIVILEGES) | STEP(LANDLOCK), try_paths);
}

static void landlock_lets_no_signal_out(void **state)
{
	(void)state;
	if (landlock_abi() < 6)
		skip();
	wanted = (int)getpid();
	refused(STEP(NO_NEW_PRIVILEGES) | STEP(LANDLOCK), try_parent);
	wanted = -1;
}

/* ---- seccomp ---- */

#define SECCOMP_ALONE (STEP(NO_NEW_PRIVILEGES) | STEP(SECCOMP))
#define RAW(name, ...) static int raw_##name(void) { syscall(SYS_##name, __VA_ARGS__); return ALLOWED; }

RAW(fork, 0)
RAW(vfork, 0)
RAW(clone, SIGCHLD, 0, 0, 0, 0)
RAW(execve, "/bin/true", NULL, NULL)
RAW(execveat, AT_FDCWD, "/bin/true", NULL, NULL, 0)
RAW(socket, AF_UNIX, SOCK_STREAM, 0)
RAW(connect, 0, NULL, 0)
RAW(bind, 0, NULL, 0)
RAW(ptrace, PTRACE_TRACEME, 0, NULL, NULL)
RAW(process_vm_readv, 1, NULL, 0, NULL, 0, 0)
RAW(kill, 1, 0)
RAW(mount, "none", "/", NO_SUCH_TYPE, 0, NULL)
RAW(unshare, CLONE_NEWUSER)
RAW(setns, 0, 0)
RAW(open, "/etc/passwd", O_RDONLY)
RAW(openat2, AT_FDCWD, "/etc/passwd", NULL, 0)
RAW(open_by_handle_at, 0, NULL, 0)
RAW(unlink, "/no such file")
RAW(bpf, 0, NULL, 0)
RAW(io_uring_setup, 1, NULL)
RAW(perf_event_open, NULL, 0, 0, 0, 0)
RAW(keyctl, 0, 0, 0, 0, 0)
RAW(userfaultfd, 0)
RAW(ioctl, 0, TIOCSTI, "x")
RAW(prctl, PR_SET_DUMPABLE, 1, 0, 0, 0)
RAW(prlimit64, 0, RLIMIT_NOFILE, NULL, NULL)
RAW(pidfd_open, 1, 0)

static void other_calls_end_the_process(void **state)
{
	static int (*const attempts[])(void) = {
		raw_fork, raw_vfork, raw_clone, raw_execve, raw_execveat, raw_socket, raw_connect, raw_bind, raw_ptrace,
		raw_process_vm_readv, raw_kill, raw_mount, raw_unshare, raw_setns, raw_open, raw_openat2, raw_open_by_handle_at,
		raw_unlink, raw_bpf, raw_io_uring_setup, raw_perf_event_open, raw_keyctl, raw_userfaultfd, raw_ioctl, raw_prctl,
		raw_prlimit64, raw_pidfd_open,
	};

	(void)state;
	for (unsigned i = 0; i < COUNT_OF(attempts); i++)
		killed(SECCOMP_ALONE, attempts[i]);
}

static int try_openat(void)
{
	return verdict(open("/etc/passwd", O_RDONLY), EACCES);
}

static void opening_is_refused(void **state)
{
	(void)state;
	refused(SECCOMP_ALONE, try_openat);
}

static void *thread(void *argument)
{
	return argument;
}

static int use_what_machines_need(void)
{
	void *memory = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *result = NULL;
	int fd = memfd_create("test", MFD_CLOEXEC);
	pthread_t id;

	if (memory == MAP_FAILED || mprotect(memory, 4096, PROT_READ) < 0 || ftruncate(fd, 4096) < 0 || write(fd, "x", 1) != 1)
		return UNEXPECTED;
	if (pthread_create(&id, NULL, thread, memory) != 0 || pthread_join(id, &result) != 0 || result != memory)
		return UNEXPECTED;
	return REFUSED;
}

static void threads_memory_and_files_of_ours_remain(void **state)
{
	(void)state;
	refused(SECCOMP_ALONE, use_what_machines_need);
}

/* ---- all of it ---- */

static void root_can_take_every_step(void **state)
{
	(void)state;
	needs_root();
	jail.uid = jail.gid = function;
	refused(JAIL_ALL, try_openat);
	refused(JAIL_ALL, use_what_machines_need);
	refused(JAIL_ALL & ~STEP(SECCOMP), try_privileges);
	killed(JAIL_ALL, raw_kill);
}

static void nobody_can_take_every_step(void **state)
{
	uint32_t user = geteuid() == 0 ? NOBODY : 0;

	(void)state;
	refused_as(user, JAIL_ALL, try_openat);
	refused_as(user, JAIL_ALL, use_what_machines_need);
	refused_as(user, JAIL_ALL & ~STEP(SECCOMP), try_privileges);
}

static int look_at_lacks(void)
{
	if (!strstr(jail.lacks, "namespaces: Operation not permitted") || !strstr(jail.lacks, "process namespace: "))
		return UNEXPECTED;
	return !(jail.taken & (STEP(NAMESPACES) | STEP(PROCESSES))) && jail.taken & STEP(LANDLOCK) ? REFUSED : UNEXPECTED;
}

static int enter_the_rest(void)
{
	struct error error = { 0 };

	return jail_enter(&jail, STEP(PROCESSES) | STEP(NAMESPACES) | STEP(NO_NEW_PRIVILEGES) | STEP(LANDLOCK), &error) < 0 ?
		       UNEXPECTED : look_at_lacks();
}

static void what_cannot_be_is_told_and_the_rest_is_taken(void **state)
{
	(void)state;
	if (landlock_abi() < 1)
		skip();
	refused(STEP(CAPABILITIES), enter_the_rest);
}

static void each_step_has_its_reason(void **state)
{
	(void)state;
	for (unsigned i = 0; i < JAIL_STEPS; i++)
		assert_true(strlen(jail_steps[i].reason) > 10);
}

/* ---- cgroups ---- */

#define CGROUPS "/sys/fs/cgroup/kvick-test-jail"

static int look_at_cgroup(void)
{
	char path[256];
	struct stat st;

	snprintf(path, sizeof(path), CGROUPS "/%s", jail.cgroup);
	return jail.taken & STEP(CGROUP) && stat(path, &st) == 0 && !strstr(jail.lacks, "pids.max") && jail.memory_max_fd >= 0 ?
		       REFUSED : UNEXPECTED;
}

static int enter_from_a_servers_group(void)
{
	struct error error = { 0 };
	int fd = open(CGROUPS "/" JAIL_CGROUP_OF_SERVER "/cgroup.procs", O_WRONLY);

	if (fd < 0 || write(fd, "0", 1) != 1)
		return NO_JAIL;
	close(fd);
	return jail_enter(&jail, STEP(CGROUP) | STEP(PROCESSES), &error) < 0 ? NO_JAIL : look_at_cgroup();
}

static bool put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool put = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return put;
}

static void a_cgroup_is_made_beside_kvickds_and_ends_with_the_worker(void **state)
{
	DIR *groups;
	struct dirent *entry;
	unsigned workers = 0;

	(void)state;
	needs_root();
	if (mkdir(CGROUPS, 0755) < 0)
		skip(); /* no cgroups of version 2 here, or not ours to make */
	put("/sys/fs/cgroup/cgroup.subtree_control", "+pids +memory");
	if (access(CGROUPS "/memory.max", F_OK) < 0) {
		rmdir(CGROUPS);
		skip(); /* nor do these have limits */
	}
	assert_int_equal(mkdir(CGROUPS "/" JAIL_CGROUP_OF_SERVER, 0755), 0);
	refused(0, enter_from_a_servers_group);
	groups = opendir(CGROUPS);
	while ((entry = readdir(groups)) != NULL)
		workers += strncmp(entry->d_name, "worker-", 7) == 0;
	closedir(groups);
	rmdir(CGROUPS "/" JAIL_CGROUP_OF_SERVER);
	rmdir(CGROUPS);
	assert_int_equal(workers, 0);
}

static int look_for_a_cgroup(void)
{
	return strstr(jail.lacks, "cgroup: ") && !jail.cgroup[0] ? REFUSED : UNEXPECTED;
}

static void without_a_group_of_kvickds_none_is_made(void **state)
{
	(void)state;
	refused(STEP(CGROUP), look_for_a_cgroup);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(only_descriptors_that_were_given_stay_open),
		TEST(there_is_no_network),
		TEST(nobody_has_a_network_either),
		TEST(abstract_sockets_are_out_of_reach),
		TEST(mounts_are_nobody_elses),
		TEST(no_other_process_can_be_named),
		TEST(who_waits_is_told_how_it_ended),
		TEST(sigterm_ends_both),
		TEST(a_worker_does_not_outlive_who_waits),
		TEST(nor_does_it_outlive_kvickd),
		TEST(the_root_is_empty_and_stays_so),
		TEST(nobodys_root_is_empty_too),
		TEST(without_mounts_there_is_a_folder_of_no_use),
		TEST(descriptors_and_core_dumps_are_limited),
		TEST(processes_of_a_function_are_limited),
		TEST(memory_is_limited_when_its_size_is_known),
		TEST(the_user_is_the_functions_own),
		TEST(a_user_that_cannot_be_is_told),
		TEST(root_without_capabilities_has_no_privileges),
		TEST(the_bounding_set_is_empty_whoever_the_worker_is),
		TEST(no_program_brings_privileges_back),
		TEST(landlock_lets_no_path_through),
		TEST(landlock_lets_no_signal_out),
		TEST(other_calls_end_the_process),
		TEST(opening_is_refused),
		TEST(threads_memory_and_files_of_ours_remain),
		TEST(root_can_take_every_step),
		TEST(nobody_can_take_every_step),
		TEST(what_cannot_be_is_told_and_the_rest_is_taken),
		TEST(each_step_has_its_reason),
		TEST(a_cgroup_is_made_beside_kvickds_and_ends_with_the_worker),
		TEST(without_a_group_of_kvickds_none_is_made),
	};

	function = 20000 + (uint32_t)getpid() % 20000 * 2;
	return cmocka_run_group_tests_name("jail", tests, NULL, NULL);
}
