/* SPDX-License-Identifier: Apache-2.0 */
#include "control/server/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "control/server/server.h"
#include "vmm/error.h"

#define BACKLOG        4096
#define ACCEPT_AT_ONCE 32
#define PAUSE_NS       100000000u
#define SOCKET_MODE    0660

static void ready(void *object, uint32_t events);

static bool is_loopback(const struct sockaddr_storage *address)
{
	const struct sockaddr_in *v4 = (const void *)address;
	const struct sockaddr_in6 *v6 = (const void *)address;

	if (address->ss_family == AF_INET)
		return ntohl(v4->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	return address->ss_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

static int add(struct listeners *listeners, int fd, struct error *error)
{
	int r;

	if (listeners->count == LISTENERS_MAX)
		return error_set(error, ERROR_USAGE, EMFILE, "more than %d sockets to listen at", LISTENERS_MAX);
	r = loop_watch(&listeners->server->loop, fd, EPOLLIN, ready, listeners);
	if (r < 0)
		return error_set(error, ERROR_HOST, -r, "epoll: a socket to listen at: %s", strerror(-r));
	listeners->fds[listeners->count++] = fd;
	return 0;
}

/* One that nobody listens at is what a kvickd left that was killed. */
static int remove_stale(const struct sockaddr_un *address, struct error *error)
{
	struct stat stat;
	int fd, r;

	if (lstat(address->sun_path, &stat) < 0)
		return 0;
	if (!S_ISSOCK(stat.st_mode))
		return error_set(error, ERROR_USAGE, EEXIST, "--socket %s: is there, and no socket", address->sun_path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	r = connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ? 0 : -errno;
	close(fd);
	if (r != -ECONNREFUSED)
		return error_set(error, ERROR_HOST, EADDRINUSE, "--socket %s: somebody listens there already", address->sun_path);
	unlink(address->sun_path);
	return 0;
}

static int listen_unix(struct listeners *listeners, const char *path, struct error *error)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	mode_t mask;
	int fd, r;

	if (strlen(path) >= sizeof(address.sun_path))
		return error_set(error, ERROR_USAGE, ENAMETOOLONG, "--socket %s: longer than %zu bytes", path,
				 sizeof(address.sun_path) - 1);
	strcpy(address.sun_path, path);
	r = remove_stale(&address, error);
	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mask = umask(0777 & ~SOCKET_MODE); /* it has this mode from its first moment */
	r = bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 ? 0 : -errno;
	umask(mask);
	if (r == 0) {
		listeners->unix_path = path;
		r = listen(fd, BACKLOG) == 0 ? 0 : -errno;
	}
	if (r < 0) {
		close(fd);
		return error_set(error, ERROR_HOST, -r, "--socket %s: %s: name a directory that is there and may be written to, "
				 "or another --socket", path, strerror(-r));
	}
	return add(listeners, fd, error);
}

static int listen_tcp(struct listeners *listeners, const char *text, struct error *error)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM }, *info;
	struct sockaddr_storage address = { 0 };
	const char *colon = strrchr(text, ':');
	char host[64] = "";
	int fd, r = -EINVAL;
	size_t bytes;

	if (colon && (size_t)(colon - text) < sizeof(host)) {
		memcpy(host, text, (size_t)(colon - text));
		bytes = strlen(host);
		if (host[0] == '[' && host[bytes - 1] == ']') {
			host[bytes - 1] = '\0';
			memmove(host, host + 1, bytes - 1);
		}
	}
	if (!host[0] || getaddrinfo(host, colon + 1, &hints, &info) != 0)
		return error_set(error, ERROR_USAGE, EINVAL, "--listen %s: write 127.0.0.1:PORT or [::1]:PORT", text);
	memcpy(&address, info->ai_addr, info->ai_addrlen);
	bytes = info->ai_addrlen;
	freeaddrinfo(info);
	if (!is_loopback(&address))
		return error_set(error, ERROR_USAGE, EINVAL, "--listen %s: only loopback: whoever reaches kvickd may run code "
				 "here; put a proxy that knows its users before it", text);
	fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0) {
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
		r = bind(fd, (struct sockaddr *)&address, (socklen_t)bytes) == 0 && listen(fd, BACKLOG) == 0 ? 0 : -errno;
	} else {
		r = -errno;
	}
	if (r < 0) {
		if (fd >= 0)
			close(fd);
		return error_set(error, ERROR_HOST, -r, "--listen %s: %s", text, strerror(-r));
	}
	return add(listeners, fd, error);
}

/* What systemd passes is looked at as closely as what an option says. */
static int take_activated(struct listeners *listeners, int fd, struct error *error)
{
	struct sockaddr_storage address = { 0 };
	socklen_t bytes = sizeof(address);
	int flags;

	if (sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1) <= 0)
		return error_set(error, ERROR_USAGE, EINVAL, "LISTEN_FDS: descriptor %d is no stream socket that listens", fd);
	getsockname(fd, (struct sockaddr *)&address, &bytes);
	if (address.ss_family != AF_UNIX && !is_loopback(&address))
		return error_set(error, ERROR_USAGE, EINVAL, "LISTEN_FDS: descriptor %d listens at an address that is not "
				 "loopback", fd);
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return error_set(error, ERROR_HOST, errno, "LISTEN_FDS: descriptor %d: %s", fd, strerror(errno));
	return add(listeners, fd, error);
}

int listeners_begin(struct listeners *listeners, struct server *server, struct error *error)
{
	const struct server_options *options = &server->options;
	int passed = sd_listen_fds(1), r = 0;

	listeners->server = server;
	if (passed < 0)
		return error_set(error, ERROR_USAGE, -passed, "LISTEN_FDS: %s", strerror(-passed));
	for (int i = 0; i < passed && r == 0; i++)
		r = take_activated(listeners, SD_LISTEN_FDS_START + i, error);
	if (passed)
		return r;
	if (options->socket)
		r = listen_unix(listeners, options->socket, error);
	for (unsigned i = 0; i < options->listen_count && r == 0; i++)
		r = listen_tcp(listeners, options->listen[i], error);
	if (r == 0 && listeners->count == 0)
		r = error_set(error, ERROR_USAGE, EINVAL, "no socket to listen at: --socket or --listen");
	return r;
}

void listeners_end(struct listeners *listeners)
{
	for (unsigned i = 0; i < listeners->count; i++) {
		loop_forget(&listeners->server->loop, listeners->fds[i]);
		close(listeners->fds[i]);
	}
	listeners->count = 0;
	if (listeners->unix_path)
		unlink(listeners->unix_path);
	listeners->unix_path = NULL;
	if (listeners->server)
		timer_clear(&listeners->server->loop.timers, &listeners->pause);
}

static void resume(void *object)
{
	struct listeners *listeners = object;

	listeners->paused = false;
	for (unsigned i = 0; i < listeners->count; i++)
		loop_change(&listeners->server->loop, listeners->fds[i], EPOLLIN);
}

void listeners_resume(struct listeners *listeners)
{
	if (!listeners->paused)
		return;
	timer_clear(&listeners->server->loop.timers, &listeners->pause);
	resume(listeners);
}

/* No descriptors are left: who knocks would wake us for nothing. */
static void pause_all(struct listeners *listeners, int errnum)
{
	log_event(&listeners->server->log, LOG_LEVEL_WARN, "accept_failed", "{s:s}", "message", strerror(errnum));
	for (unsigned i = 0; i < listeners->count; i++)
		loop_change(&listeners->server->loop, listeners->fds[i], 0);
	listeners->paused = true;
	listeners->pause = (struct timer){ .over = resume, .object = listeners };
	timer_set(&listeners->server->loop.timers, &listeners->pause, loop_now_ns() + PAUSE_NS);
}

/* Which of them it is does not matter: each is asked. */
static void ready(void *object, uint32_t events)
{
	struct listeners *listeners = object;

	(void)events;
	for (unsigned i = 0; i < listeners->count; i++) {
		for (unsigned n = 0; n < ACCEPT_AT_ONCE; n++) {
			struct sockaddr_storage address = { 0 };
			socklen_t bytes = sizeof(address);
			int fd = accept4(listeners->fds[i], (struct sockaddr *)&address, &bytes, SOCK_CLOEXEC | SOCK_NONBLOCK);

			if (fd >= 0) {
				http_accept(&listeners->server->http, fd, (struct sockaddr *)&address, bytes);
			} else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
				pause_all(listeners, errno);
				return;
			} else if (errno != ECONNABORTED && errno != EINTR) {
				break;
			}
		}
	}
}
