/* SPDX-License-Identifier: Apache-2.0 */
#include "control/server/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control/server/fields.h"
#include "control/server/server.h"

#define MS               1000000ull
#define CONFIGURE_NS     (10000 * MS)
#define DEAF_NS          (5000 * MS)   /* for its control socket to have room again */
#define END_NS           (1000 * MS)  /* from the end of its control socket, or SIGTERM, to that of the process */
#define BACK_OFF_LEAST   (100 * MS)
#define BACK_OFF_MOST    (30000 * MS)
#define REFUSED_LEAST    (1000 * MS)  /* an image that is refused may be replaced */
#define LASTED_NS        (60000 * MS) /* after this long the next one is started at once */

static void exited(void *object, uint32_t events);
static void control_ready(void *object, uint32_t events);

bool worker_serves(const struct worker *worker)
{
	return worker->state == WORKER_READY;
}

const char *worker_state_name(const struct worker *worker)
{
	if (worker->state == WORKER_READY)
		return "ready";
	if (worker->refused)
		return "refused";
	return worker->state == WORKER_CONFIGURING || !worker->started_ns ? "starting" : "restarting";
}

static void set_timer(struct worker *worker, uint64_t in_ns)
{
	timer_set(&worker->function->server->loop.timers, &worker->timer, loop_now_ns() + in_ns);
}

static void say_list(struct worker *worker, const char *format, va_list more)
{
	char text[sizeof(worker->reason)];

	if (worker->reason[0])
		return; /* the first is nearest to the cause */
	vsnprintf(text, sizeof(text), format, more);
	fields_printable(worker->reason, sizeof(worker->reason), text, sizeof(text));
}

__attribute__((format(printf, 2, 3))) static void say(struct worker *worker, const char *format, ...)
{
	va_list more;

	va_start(more, format);
	say_list(worker, format, more);
	va_end(more);
}

void worker_kill(struct worker *worker, const char *format, ...)
{
	va_list more;

	if (worker->state == WORKER_NONE)
		return;
	va_start(more, format);
	say_list(worker, format, more);
	va_end(more);
	worker->state = WORKER_ENDING;
	if (worker->asked)
		return;
	/* By SIGTERM, so that who waits for it removes its cgroup (worker/jail_namespaces.c). It may have no choice. */
	worker->asked = true;
	pidfd_send_signal(worker->pid_fd, SIGTERM, NULL, 0);
	set_timer(worker, END_NS);
}

/* --- starting --- */

/* Read-only, inside the images' directory whatever links there are, and no device or FIFO. */
static int open_inside(const struct server *server, const char *path, bool directory)
{
	struct open_how how = {
		.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (directory ? O_DIRECTORY : 0u),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};
	struct stat stat;
	int fd = (int)syscall(SYS_openat2, server->images_fd, path, &how, sizeof(how));

	if (fd < 0)
		return -errno;
	if (fstat(fd, &stat) < 0 || (!directory && !S_ISREG(stat.st_mode))) {
		close(fd);
		return -EINVAL;
	}
	return fd;
}

static int open_image(const struct function *function)
{
	const struct function_config *config = &function->config;
	bool snapshot = config->snapshot[0];

	return open_inside(function->server, snapshot ? config->snapshot : config->image, snapshot);
}

static int spawn(struct worker *worker, int control_fd)
{
	struct server *server = worker->function->server;
	char name[FUNCTION_NAME_BYTES_MAX + 1], *argv[] = { "kvick-worker", name, NULL }, *environment[] = { NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, all;
	int r;

	strcpy(name, worker->function->config.name); /* for ps */
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	posix_spawn_file_actions_adddup2(&actions, server->null_fd, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, control_fd, WORKER_CONTROL_FD);
	posix_spawn_file_actions_addclosefrom_np(&actions, WORKER_CONTROL_FD + 1);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &all);
	posix_spawnattr_setpgroup(&attributes, 0);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
	r = posix_spawn(&worker->pid, server->worker_path, &actions, &attributes, argv, environment);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return -r;
}

static int send_control(struct worker *worker, const void *message, size_t bytes, const int *fds, unsigned fd_count)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(2 * sizeof(int))];
	} control = { 0 };
	struct iovec iov = { (void *)message, bytes };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fd_count) {
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
		control.header = (struct cmsghdr){ CMSG_LEN(fd_count * sizeof(int)), SOL_SOCKET, SCM_RIGHTS };
		memcpy(CMSG_DATA(&control.header), fds, fd_count * sizeof(int));
	}
	return sendmsg(worker->control_fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)bytes ? 0 : -errno;
}

int worker_tell(struct worker *worker, uint32_t type, uint32_t slot, uint64_t invocation, int fd)
{
	struct worker_header header = { .type = type, .slot = slot, .invocation = invocation };
	int r;

	if (worker->state != WORKER_READY)
		return -ESRCH;
	r = send_control(worker, &header, sizeof(header), &fd, fd >= 0);
	/* Dead: its status comes. Full: it may have much to do. */
	if (r == -EAGAIN && !worker->deaf) {
		worker->deaf = true;
		loop_change(&worker->function->server->loop, worker->control_fd, EPOLLIN | EPOLLOUT);
		set_timer(worker, DEAF_NS);
	}
	return r;
}

/* Header, configuration, arguments, environment. Its fields' limits are such that it fits. */
static int configure(struct worker *worker, int image_fd)
{
	struct function *function = worker->function;
	struct function_config *config = &function->config;
	struct worker_header header = { .type = WORKER_CONFIGURE };
	struct worker_config message = {
		.mem_bytes = config->memory_bytes,
		.is_snapshot = config->snapshot[0] != '\0',
		.uid = function->id, .gid = function->id,
		.concurrency = (uint32_t)config->concurrency,
		.argc = config->arguments.count, .envc = config->environment.count,
	};
	const struct {
		const void *data;
		size_t bytes;
	} parts[] = {
		{ &header, sizeof(header) }, { &message, sizeof(message) },
		{ config->arguments.bytes, config->arguments.size }, { config->environment.bytes, config->environment.size },
	};
	uint8_t *buffer = function->server->control;
	int fds[] = { function->server->kvm_fd, image_fd };
	size_t used = 0;

	strcpy(message.name, config->name);
	for (unsigned i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (used + parts[i].bytes > WORKER_CONTROL_BYTES_MAX)
			return -EMSGSIZE;
		if (parts[i].bytes)
			memcpy(buffer + used, parts[i].data, parts[i].bytes);
		used += parts[i].bytes;
	}
	return send_control(worker, buffer, used, fds, 2);
}

static int start_process(struct worker *worker, int image_fd)
{
	struct loop *loop = &worker->function->server->loop;
	int pair[2], r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	r = spawn(worker, pair[1]);
	close(pair[1]);
	if (r < 0) {
		close(pair[0]);
		return r;
	}
	worker->control_fd = pair[0];
	worker->pid_fd = pidfd_open(worker->pid, 0);
	r = worker->pid_fd < 0 ? -errno : loop_watch(loop, worker->pid_fd, EPOLLIN, exited, worker);
	if (r == 0)
		r = loop_watch(loop, worker->control_fd, EPOLLIN, control_ready, worker);
	if (r == 0) {
		worker->state = WORKER_CONFIGURING;
		r = configure(worker, image_fd);
		if (r < 0)
			worker_kill(worker, "the worker could not be configured: %s", strerror(-r));
		return 0; /* from here on it ends as any worker does */
	}
	kill(worker->pid, SIGKILL);
	waitpid(worker->pid, NULL, 0);
	loop_forget(loop, worker->pid_fd);
	if (worker->pid_fd >= 0)
		close(worker->pid_fd);
	close(worker->control_fd);
	return r;
}

static void gone(struct worker *worker);

void worker_start(struct worker *worker)
{
	struct function *function = worker->function;
	const struct function_config *config = &function->config;
	int image_fd = open_image(function), r;

	worker->reason[0] = '\0';
	worker->started_ns = loop_now_ns();
	worker->refused = image_fd < 0;
	worker->served = worker->deaf = worker->asked = false;
	if (image_fd < 0) {
		say(worker, "%s: %s", config->image[0] ? config->image : config->snapshot,
		    image_fd == -EXDEV ? "leads out of the images' directory" : image_fd == -EINVAL ? "is no regular file" :
		    strerror(-image_fd));
		gone(worker);
		return;
	}
	r = start_process(worker, image_fd);
	close(image_fd);
	if (r < 0) {
		say(worker, "%s: %s", function->server->worker_path, strerror(-r));
		gone(worker);
		return;
	}
	function->metrics.worker_starts++;
	set_timer(worker, CONFIGURE_NS);
	log_event(&function->server->log, LOG_LEVEL_INFO, "worker_started", "{s:s, s:i}", "function", config->name, "pid",
		  (int)worker->pid);
}

/* --- what it says --- */

/* A line each. */
static void tell_what_lacks(struct worker *worker, const char *text, size_t bytes)
{
	const char *end = text + bytes;

	for (size_t line; text < end; text += line + 1) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		char what[WORKER_REASON_BYTES_MAX + 1];

		line = (size_t)((newline ? newline : end) - text);
		fields_printable(what, sizeof(what), text, line);
		log_event(&worker->function->server->log, LOG_LEVEL_WARN, "jail_lacks", "{s:s, s:s}", "function",
			  worker->function->config.name, "what", what);
	}
}

static void configured(struct worker *worker, const char *lacks, size_t bytes)
{
	if (worker->state != WORKER_CONFIGURING) {
		worker_kill(worker, "the worker broke the protocol: configured twice");
		return;
	}
	timer_clear(&worker->function->server->loop.timers, &worker->timer);
	worker->state = WORKER_READY;
	tell_what_lacks(worker, lacks, bytes);
	function_worker_ready(worker->function);
}

static void refused(struct worker *worker, const char *reason)
{
	if (worker->state != WORKER_CONFIGURING) {
		worker_kill(worker, "the worker broke the protocol: refused after it was configured");
		return;
	}
	worker->refused = true;
	worker_kill(worker, "%s", reason);
}

/* It could not be made, or not again after a call. What it had replied until then counts. */
static void slot_failed(struct worker *worker, uint32_t number, const char *reason)
{
	struct function *function = worker->function;
	struct invocation *invocation;
	struct slot *slot;

	if (worker->state != WORKER_READY || number >= function->config.concurrency || function->slots[number].state == SLOT_NONE) {
		worker_kill(worker, "the worker broke the protocol: slot %u cannot have failed", number);
		return;
	}
	slot = &function->slots[number];
	slot_drain(slot);
	if (slot->state == SLOT_NONE || !worker_serves(worker))
		return;
	invocation = slot->invocation;
	slot_end(slot);
	if (invocation && invocation->state == INVOCATION_RUNNING)
		invocation_over(invocation, ENDING_HOST_FAILED, reason);
	function_slot_failed(function, reason);
}

static void take(struct worker *worker, const uint8_t *message, size_t bytes)
{
	const char *text = (const char *)message + sizeof(struct worker_header);
	char reason[WORKER_REASON_BYTES_MAX + 1];
	struct worker_header header;

	if (bytes < sizeof(header) || bytes - sizeof(header) > WORKER_REASON_BYTES_MAX) {
		worker_kill(worker, "the worker broke the protocol: a control message of %zu bytes", bytes);
		return;
	}
	memcpy(&header, message, sizeof(header));
	fields_printable(reason, sizeof(reason), text, bytes - sizeof(header));
	if (header.type == WORKER_CONFIGURED)
		configured(worker, text, bytes - sizeof(header));
	else if (header.type == WORKER_REFUSED)
		refused(worker, reason);
	else if (header.type == WORKER_SLOT_FAILED)
		slot_failed(worker, header.slot, reason);
	else
		worker_kill(worker, "the worker broke the protocol: a control message of type %u", header.type);
}

/* Until there is no more. Descriptors that it sends have nowhere to go, and are closed by the kernel. */
static void read_control(struct worker *worker)
{
	struct server *server = worker->function->server;

	while (worker->state == WORKER_CONFIGURING || worker->state == WORKER_READY) {
		struct iovec iov = { server->control, sizeof(server->control) };
		struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
		ssize_t n = recvmsg(worker->control_fd, &msg, MSG_DONTWAIT);

		if (n > 0) {
			take(worker, server->control, (size_t)n);
			continue;
		}
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		/* It is about to end, and how says more than this. */
		loop_forget(&server->loop, worker->control_fd);
		worker->state = WORKER_ENDING;
		set_timer(worker, END_NS);
	}
}

static void hears(struct worker *worker)
{
	struct loop *loop = &worker->function->server->loop;

	worker->deaf = false;
	timer_clear(&loop->timers, &worker->timer);
	loop_change(loop, worker->control_fd, EPOLLIN);
	function_worker_hears(worker->function);
}

static void control_ready(void *object, uint32_t events)
{
	struct worker *worker = object;

	if (worker->state == WORKER_ENDING)
		loop_forget(&worker->function->server->loop, worker->control_fd);
	read_control(worker);
	if (events & EPOLLOUT && worker->state == WORKER_READY)
		hears(worker);
}

/* --- the end --- */

static void explain(struct worker *worker, const siginfo_t *info)
{
	if (info->si_code == CLD_EXITED)
		say(worker, "the worker ended with exit status %d", info->si_status);
	else
		say(worker, "the worker was killed by signal %d (%s)", info->si_status,
		    strsignal(info->si_status));
}

static void exited(void *object, uint32_t events)
{
	struct worker *worker = object;
	struct function *function = worker->function;
	struct loop *loop = &function->server->loop;
	siginfo_t info = { 0 };

	(void)events;
	if (waitid(P_PIDFD, (id_t)worker->pid_fd, &info, WEXITED | WNOHANG) < 0 || info.si_pid == 0)
		return;
	read_control(worker);
	for (uint32_t i = 0; i < function->config.concurrency; i++)
		slot_drain(&function->slots[i]);
	explain(worker, &info);
	loop_forget(loop, worker->pid_fd);
	loop_forget(loop, worker->control_fd);
	close(worker->pid_fd);
	close(worker->control_fd);
	gone(worker);
}

/* No process is there. The next one comes at once where the last has lasted, else ever later. */
static void gone(struct worker *worker)
{
	struct function *function = worker->function;
	struct server *server = function->server;
	uint64_t wait_ns;

	worker->state = WORKER_NONE;
	timer_clear(&server->loop.timers, &worker->timer);
	if (loop_now_ns() - worker->started_ns >= LASTED_NS)
		worker->back_off_ns = 0;
	wait_ns = worker->back_off_ns;
	if (worker->served && wait_ns > BACK_OFF_LEAST)
		wait_ns = BACK_OFF_LEAST; /* it works; what a request did to it is that request's */
	if (worker->refused && wait_ns < REFUSED_LEAST)
		wait_ns = REFUSED_LEAST;
	worker->back_off_ns = 2 * wait_ns < BACK_OFF_LEAST ? BACK_OFF_LEAST : 2 * wait_ns;
	if (worker->back_off_ns > BACK_OFF_MOST)
		worker->back_off_ns = BACK_OFF_MOST;

	if (!function->removed) {
		function->metrics.worker_deaths++;
		log_event(&server->log, LOG_LEVEL_WARN, "worker_gone", "{s:s, s:s, s:I}", "function", function->config.name,
			  "reason", worker->reason, "next_in_ms", (json_int_t)(wait_ns / MS));
		set_timer(worker, wait_ns);
	}
	function_worker_gone(function, worker->reason, worker->refused);
}

void worker_timer(void *object)
{
	struct worker *worker = object;

	if (worker->state == WORKER_NONE)
		worker_start(worker);
	else if (worker->state == WORKER_CONFIGURING)
		worker_kill(worker, "the worker was not ready in time");
	else if (worker->state == WORKER_READY)
		worker_kill(worker, "the worker does not read its control socket");
	else if (!worker->asked)
		worker_kill(worker, "the worker closed its control socket, and did not end");
	else
		pidfd_send_signal(worker->pid_fd, SIGKILL, NULL, 0);
}
