/* SPDX-License-Identifier: Apache-2.0 */
/* Which host's side it is; sockets. */
#include "virtio/net_port.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "virtio/config.h"
#include "vmm/error.h"
#include "vmm/sys.h"

int net_port_refuse(const struct net_port *port, int errnum, const char *what, const char *next, struct error *error)
{
	return error_set(error, ERROR_HOST, errnum, "%s: %s: %s: %s", port->name, what, strerror(errnum), next);
}

/* A write to a socket whose other end is gone must be an error, and not the process's end. */
static int spare_us_sigpipe(const struct net_port *port, struct sys *sys, struct error *error)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	int r = sys_sigaction(sys, SIGPIPE, &ignore, NULL);

	return r < 0 ? net_port_refuse(port, -r, "sigaction", "the host cannot ignore a signal", error) : 0;
}

/* The number says nothing: without a look, any descriptor of ours could be meant. */
static int adopt_socket(struct net_port *port, struct sys *sys, struct error *error)
{
	static const char next[] = "pass a tap, or a Unix socket that keeps datagrams apart (SOCK_DGRAM, SOCK_SEQPACKET)";
	struct sockaddr_un peer;
	socklen_t bytes = sizeof(int), peer_bytes = sizeof(peer);
	int domain = 0, type = 0, r;

	r = sys_getsockopt(sys, port->fd, SOL_SOCKET, SO_DOMAIN, &domain, &bytes);
	if (r == 0)
		r = sys_getsockopt(sys, port->fd, SOL_SOCKET, SO_TYPE, &type, &bytes);
	if (r < 0)
		return net_port_refuse(port, -r, "neither a tap nor a socket", next, error);
	if (domain != AF_UNIX || (type != SOCK_DGRAM && type != SOCK_SEQPACKET))
		return net_port_refuse(port, EPROTOTYPE, "not such a socket", next, error);
	r = sys_getpeername(sys, port->fd, &peer, &peer_bytes);
	if (r < 0)
		return net_port_refuse(port, -r, "the socket has no other end", "connect it first", error);
	port->connected = type == SOCK_SEQPACKET;
	return 0;
}

static int adopt(struct net_port *port, int fd, struct sys *sys, struct error *error)
{
	int flags = sys_fcntl(sys, fd, F_GETFL, NULL), r;

	if (flags < 0) {
		port->fd = -1; /* not ours to close */
		return net_port_refuse(port, -flags, "no such descriptor",
				       "open it before kvick starts, and leave it open: no close-on-exec", error);
	}
	port->fd = fd;
	r = net_tap_adopt(port, sys, error);
	if (r == -ENOTTY)
		r = adopt_socket(port, sys, error);
	if (r < 0)
		return r;
	/* An engine's streams do not block (engine.h). */
	r = sys_fcntl(sys, fd, F_SETFL, (void *)(uintptr_t)(unsigned)(flags | O_NONBLOCK));
	return r < 0 ? net_port_refuse(port, -r, "fcntl", "pass a descriptor that can be non-blocking", error) : 0;
}

/* passt, or whoever else speaks QEMU's stream protocol there. */
static int connect_to(struct net_port *port, const char *path, struct sys *sys, struct error *error)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t length = strlen(path);
	int r;

	if (length >= sizeof(to.sun_path))
		return net_port_refuse(port, ENAMETOOLONG, "a socket's path", "move it to one of up to 107 characters", error);
	memcpy(to.sun_path, path, length);
	port->fd = sys_socket(sys, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (port->fd < 0)
		return net_port_refuse(port, -port->fd, "socket", "the host has no Unix sockets to give", error);
	r = sys_connect(sys, port->fd, (struct sockaddr *)&to, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + 1));
	if (r < 0)
		return net_port_refuse(port, -r, "cannot be connected to",
				       "start passt first: `passt --socket PATH`, or write --net user", error);
	port->stream = port->connected = true;
	return 0;
}

static int choose_mac(struct net_port *port, const struct device_config *config, struct sys *sys, struct error *error)
{
	static const uint8_t none[sizeof(port->mac)];
	ssize_t n;

	if (memcmp(config->mac, none, sizeof(none)) != 0)
		memcpy(port->mac, config->mac, sizeof(port->mac));
	if (memcmp(port->mac, none, sizeof(none)) != 0)
		return 0;
	n = sys_getrandom(sys, port->mac, sizeof(port->mac));
	if (n != (ssize_t)sizeof(port->mac))
		return net_port_refuse(port, n < 0 ? (int)-n : EIO, "getrandom", "give it an address of yours: mac=02:…", error);
	port->mac[0] = (uint8_t)((port->mac[0] | 2) & ~1); /* locally administered, one station's */
	return 0;
}

/* As its option has it. */
static void name_port(struct net_port *port, const struct device_config *config, const char *what, const char *word)
{
	if (config->entry)
		snprintf(port->name, sizeof(port->name), "--net:%s=%s%s", config->entry, config->net == NET_TAP ? "" : word, what);
	else
		snprintf(port->name, sizeof(port->name), "--net %s%s", word, what);
}

int net_port_open(struct net_port *port, const struct device_config *config, struct sys *sys, struct error *error)
{
	char number[16];
	int r;

	*port = (struct net_port){ .fd = -1 };
	if (config->net == NET_TAP) {
		name_port(port, config, config->interface, "tap=");
		r = net_tap_open(port, config->interface, sys, error);
	} else if (config->net == NET_FD) {
		snprintf(number, sizeof(number), "%d", config->fd);
		name_port(port, config, number, config->entry ? "@" : "fd=");
		r = adopt(port, config->fd, sys, error);
	} else if (!config->path) {
		snprintf(port->name, sizeof(port->name), "--net user");
		r = net_passt_start(port, config, sys, error);
	} else {
		snprintf(port->name, sizeof(port->name), "--net user=%.40s", config->path);
		r = connect_to(port, config->path, sys, error);
	}
	if (r == 0 && !port->tap)
		r = spare_us_sigpipe(port, sys, error);
	if (r == 0)
		r = choose_mac(port, config, sys, error);
	if (r < 0)
		net_port_close(port, sys);
	return r;
}

bool net_port_is_end(int errnum)
{
	static const int ends[] = { EPIPE, ECONNRESET, ECONNREFUSED, ENOTCONN, EBADF, EBADFD, ENODEV };

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (ends[i] == errnum)
			return true;
	return false;
}

void net_port_close(struct net_port *port, struct sys *sys)
{
	if (port->fd >= 0)
		sys_close(sys, port->fd);
	port->fd = -1;
}
