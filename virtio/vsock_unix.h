/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's side of a socket device: Unix sockets, named as Firecracker names them. A program connects to PATH and says
 * "CONNECT PORT";
 * what the guest connects to is PATH_PORT.
 *
 * These descriptors come and go while the guest runs, and the engine knows only those from before it was sealed: one epoll
 * descriptor stands for all of them (ADR 9). Everything is non-blocking, and edge-triggered: what is ready stays so until -EAGAIN.
 */
#ifndef KVICK_VIRTIO_VSOCK_UNIX_H
#define KVICK_VIRTIO_VSOCK_UNIX_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/un.h>

struct error;
struct sys;

#define VSOCK_UNIX_LISTENER UINT64_MAX /* epoll's data */

struct vsock_unix {
	int epoll, listener;
	struct sockaddr_un path;
	unsigned path_bytes;
};

/* Binds and listens at `path`, where a socket that nobody listens at any more is replaced. 0 or -errno with `error` set. */
int vsock_unix_open(struct vsock_unix *u, const char *path, struct sys *sys, struct error *error);
/* The socket stays in the file system: the sandbox lets nobody remove it. */
void vsock_unix_close(struct vsock_unix *u, struct sys *sys);

/* A new connection, watched with `data`: from whoever comes, or to PATH_PORT. Its descriptor or -errno. */
int vsock_unix_accept(struct vsock_unix *u, uint64_t data, struct sys *sys);
int vsock_unix_connect(struct vsock_unix *u, uint32_t port, uint64_t data, struct sys *sys);

/*
 * The first line, "CONNECT PORT\n": 1 and the port; 0 if it is not whole; -errno if it is something else. Nothing behind it is
 * taken.
 */
int vsock_unix_hello(int fd, uint32_t *port, struct sys *sys);

#endif
