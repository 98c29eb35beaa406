/* SPDX-License-Identifier: Apache-2.0 */
#include "virtio/vsock_unix.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "vmm/error.h"
#include "vmm/sys.h"

#define BACKLOG     128
#define PORT_DIGITS 10 /* of the largest */
#define HELLO_BYTES 32 /* the longest first line */

static const struct sockaddr *address(const struct sockaddr_un *path)
{
	return (const struct sockaddr *)path;
}

/* Itself, not what a link leads to. */
static bool is_socket(const struct vsock_unix *u, struct sys *sys)
{
	int fd = sys_open(sys, u->path.sun_path, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
	struct stat st;
	bool is = fd >= 0 && sys_fstat(sys, fd, &st) == 0 && S_ISSOCK(st.st_mode);

	if (fd >= 0)
		sys_close(sys, fd);
	return is;
}

/*
 * A socket that a kvick of before has left. One that somebody listens at takes the connection, or is too busy to. The kernel
 * refuses a connection to any other kind of file in the same words, and that file is somebody's: it is looked at first.
 */
static bool is_left_over(const struct vsock_unix *u, struct sys *sys)
{
	int fd = sys_socket(sys, AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	bool left = fd >= 0 && sys_connect(sys, fd, address(&u->path), sizeof(u->path)) == -ECONNREFUSED;

	if (fd >= 0)
		sys_close(sys, fd);
	return left;
}

static int listen_at_path(struct vsock_unix *u, struct sys *sys)
{
	int r = sys_bind(sys, u->listener, address(&u->path), sizeof(u->path));

	if (r == -EADDRINUSE && is_socket(u, sys) && is_left_over(u, sys) && sys_unlink(sys, u->path.sun_path) == 0)
		r = sys_bind(sys, u->listener, address(&u->path), sizeof(u->path));
	return r < 0 ? r : sys_listen(sys, u->listener, BACKLOG);
}

static int watch(struct vsock_unix *u, int fd, uint64_t data, struct sys *sys)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.u64 = data };

	return sys_epoll_ctl(sys, u->epoll, EPOLL_CTL_ADD, fd, &event);
}

/*
 * Each connection takes a descriptor. The soft limit is low for the sake of programs that call select(); this is none, and a passt
 * that may be started later raises its own.
 */
static void allow_descriptors(struct sys *sys)
{
	struct rlimit limit;

	if (sys_rlimit(sys, RLIMIT_NOFILE, NULL, &limit) < 0 || limit.rlim_cur == limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	sys_rlimit(sys, RLIMIT_NOFILE, &limit, NULL);
}

int vsock_unix_open(struct vsock_unix *u, const char *path, struct sys *sys, struct error *error)
{
	int r;

	*u = (struct vsock_unix){ .epoll = -1, .listener = -1, .path = { .sun_family = AF_UNIX } };
	u->path_bytes = (unsigned)strlen(path);
	if (u->path_bytes + 1 + PORT_DIGITS >= sizeof(u->path.sun_path))
		return error_set(error, ERROR_USAGE, ENAMETOOLONG,
				 "--vsock: %s: too long for a socket's name with a port behind it: "
				 "use one of up to %u bytes", path, (unsigned)sizeof(u->path.sun_path) - PORT_DIGITS - 2);
	memcpy(u->path.sun_path, path, u->path_bytes);
	r = u->listener = sys_socket(sys, AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (r >= 0)
		r = listen_at_path(u, sys);
	if (r >= 0)
		r = u->epoll = sys_epoll_create(sys, EPOLL_CLOEXEC);
	if (r >= 0)
		r = watch(u, u->listener, VSOCK_UNIX_LISTENER, sys);
	if (r >= 0) {
		allow_descriptors(sys);
		return 0;
	}
	vsock_unix_close(u, sys);
	return error_set(error, ERROR_HOST, -r, "--vsock: %s: %s: %s", path, strerror(-r),
			 r == -EADDRINUSE ? "another program listens there, or it is no socket: name another" :
					    "name a path where a socket can be made");
}

void vsock_unix_close(struct vsock_unix *u, struct sys *sys)
{
	if (u->listener >= 0)
		sys_close(sys, u->listener);
	if (u->epoll >= 0)
		sys_close(sys, u->epoll);
	u->listener = u->epoll = -1;
}

static int watch_or_close(struct vsock_unix *u, int fd, uint64_t data, struct sys *sys)
{
	int r = watch(u, fd, data, sys);

	if (r == 0)
		return fd;
	sys_close(sys, fd);
	return r;
}

int vsock_unix_accept(struct vsock_unix *u, uint64_t data, struct sys *sys)
{
	int fd = sys_accept(sys, u->listener, SOCK_NONBLOCK | SOCK_CLOEXEC);

	return fd < 0 ? fd : watch_or_close(u, fd, data, sys);
}

int vsock_unix_connect(struct vsock_unix *u, uint32_t port, uint64_t data, struct sys *sys)
{
	struct sockaddr_un to = u->path;
	int fd = sys_socket(sys, AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), r;

	if (fd < 0)
		return fd;
	snprintf(to.sun_path + u->path_bytes, sizeof(to.sun_path) - u->path_bytes, "_%u", port);
	/* At once or never: -EAGAIN is a listener whose queue is full. */
	r = sys_connect(sys, fd, address(&to), sizeof(to));
	if (r < 0) {
		sys_close(sys, fd);
		return r;
	}
	return watch_or_close(u, fd, data, sys);
}

static int parse(const char *line, size_t bytes, uint32_t *port)
{
	static const char word[] = "CONNECT ";
	size_t at = sizeof(word) - 1;
	uint64_t value = 0;

	if (bytes <= at || bytes > at + PORT_DIGITS || memcmp(line, word, at) != 0)
		return -EPROTO;
	for (; at < bytes; at++) {
		if (line[at] < '0' || line[at] > '9')
			return -EPROTO;
		value = value * 10 + (unsigned)(line[at] - '0');
	}
	*port = (uint32_t)value;
	return value <= UINT32_MAX ? 1 : -EPROTO;
}

int vsock_unix_hello(int fd, uint32_t *port, struct sys *sys)
{
	char line[HELLO_BYTES];
	const char *end;
	ssize_t n;
	int r;

	do
		n = sys_recv(sys, fd, line, sizeof(line), MSG_PEEK | MSG_DONTWAIT);
	while (n == -EINTR); /* nobody says again that there is something */
	if (n <= 0)
		return n == -EAGAIN ? 0 : -ECONNRESET;
	end = memchr(line, '\n', (size_t)n);
	if (!end)
		return n == sizeof(line) ? -EPROTO : 0;
	r = parse(line, (size_t)(end - line), port);
	if (r == 1 && sys_recv(sys, fd, line, (size_t)(end - line) + 1, MSG_DONTWAIT) != end - line + 1)
		return -EPROTO;
	return r;
}
