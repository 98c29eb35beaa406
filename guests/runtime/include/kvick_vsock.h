/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stream sockets to the host: virtio 1.2, 5.10. Nothing here waits but kvick_vsock_poll(), which has to be called for anything to
 * move. See kvick_virtio.h for what holds of all devices.
 */
#ifndef KVICK_VSOCK_H
#define KVICK_VSOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <kvick_virtio.h>

#define KVICK_VSOCK_HOST         2       /* the host's address: 5.10.4 */
#define KVICK_VSOCK_BUFFER_BYTES 262144u /* for fast streams: the guest leaves once for so much */

/* Directions, for kvick_socket_shutdown(): 5.10.6.5 */
#define KVICK_SHUTDOWN_RECEIVE 1u
#define KVICK_SHUTDOWN_SEND    2u

struct kvick_vsock;
struct kvick_socket;

/*
 * So many sockets at a time: one that the host opens beyond them is reset, kvick_vsock_connect() gives NULL. Each has a buffer for
 * what comes, a power of two, which is allocated when it is first used. NULL: no such device, or no memory.
 */
struct kvick_vsock *kvick_vsock_open(int device, unsigned sockets, uint32_t buffer_bytes);
void kvick_vsock_close(struct kvick_vsock *vsock); /* and all its sockets */

uint64_t kvick_vsock_cid(const struct kvick_vsock *vsock);

/* Does what there is to do; if that is nothing, waits until there is or the time is over. */
int64_t kvick_vsock_poll(struct kvick_vsock *vsock, uint64_t timeout_ns);

/* From now on connections to the port are taken: one port at a time. */
void kvick_vsock_listen(struct kvick_vsock *vsock, uint32_t port);

/* The next connection that was taken; NULL: none now. */
struct kvick_socket *kvick_vsock_accept(struct kvick_vsock *vsock);

/* Begins to connect. NULL: there are too many sockets. */
struct kvick_socket *kvick_vsock_connect(struct kvick_vsock *vsock, uint64_t cid, uint32_t port);

bool kvick_socket_connected(const struct kvick_socket *socket);

/* Refused, reset, or shut down by the other side in both directions. What it had sent can still be received. */
bool kvick_socket_dead(const struct kvick_socket *socket);

/* The other side sends no more, and all that it sent has been received. */
bool kvick_socket_at_end(const struct kvick_socket *socket);

/* Returns how many bytes were taken: 0 while the other side has no room; -KVICK_EIO: they would not arrive any more. */
int64_t kvick_socket_send(struct kvick_socket *socket, const void *data, size_t bytes);

/*
 * The same without a copy: the bytes that were taken are sent from where they are, which must be at its own guest-physical address,
 * and stay there untouched until kvick_vsock_lent(), how many such bytes the device has not taken yet of all sockets, is 0. That is
 * after the next kvick_vsock_poll(), but where a limit has the device wait.
 */
int64_t kvick_socket_lend(struct kvick_socket *socket, const void *data, size_t bytes);
uint64_t kvick_vsock_lent(struct kvick_vsock *vsock);

/* Returns how many bytes there were; 0: none now. */
size_t kvick_socket_receive(struct kvick_socket *socket, void *buffer, size_t bytes);

void kvick_socket_shutdown(struct kvick_socket *socket, unsigned directions);

/* The socket is the driver's again. The other side is told. */
void kvick_socket_close(struct kvick_socket *socket);

#endif
