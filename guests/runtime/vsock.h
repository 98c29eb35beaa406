/* SPDX-License-Identifier: Apache-2.0 */
/* The vsock driver's two halves: virtio_vsock.c moves packets, vsock_socket.c knows what they mean. */
#ifndef KVICK_RUNTIME_VSOCK_H
#define KVICK_RUNTIME_VSOCK_H

#include <kvick_vsock.h>

#include "virtio.h"

/* 5.10.6 */
struct vsock_header {
	uint64_t src_cid, dst_cid;
	uint32_t src_port, dst_port;
	uint32_t bytes;
	uint16_t type, operation;
	uint32_t flags;
	uint32_t buffer_bytes, forwarded; /* the sender's credit: 5.10.6.3 */
} __attribute__((packed));

#define VSOCK_STREAM 1

enum vsock_operation { /* 5.10.6 */
	VSOCK_REQUEST = 1,
	VSOCK_RESPONSE,
	VSOCK_RESET,
	VSOCK_SHUTDOWN,
	VSOCK_DATA,
	VSOCK_CREDIT_UPDATE,
	VSOCK_CREDIT_REQUEST,
};

/* Large enough that a stream leaves the guest once for 512 KiB: leaving may take longer than copying that much. */
#define VSOCK_DATA_BYTES     65536u  /* of one packet */
#define VSOCK_PACKETS        8u      /* buffers in each direction */
#define VSOCK_RESETS_MAX     8u
#define VSOCK_KEPT_MAX       (VSOCK_PACKETS / 2)
#define VSOCK_KEPT_BYTES     4096u   /* of a packet that is worth keeping */

struct vsock_packet {
	struct vsock_header header;
	uint8_t data[VSOCK_DATA_BYTES];
};

_Static_assert(sizeof(struct vsock_header) == 44, "virtio 1.2, 5.10.6");

enum socket_state {
	SOCKET_FREE,
	SOCKET_CONNECTING, /* our request is out */
	SOCKET_OPEN,
	SOCKET_CLOSING,    /* the guest has let go of it; its last packet is to be sent or answered */
	SOCKET_DEAD,
};

struct kvick_socket {
	struct kvick_vsock *vsock;
	enum socket_state state;
	bool accepted;        /* the guest has it, or had it */
	unsigned owed;        /* packets without data that are to be sent: bits 1 << VSOCK_* */
	uint64_t peer_cid;
	uint32_t port, peer_port;
	unsigned shut, peer_shut; /* KVICK_SHUTDOWN_* */

	/* 5.10.6.3: counters run freely. */
	uint32_t sent, peer_buffer_bytes, peer_forwarded;
	uint32_t received, forwarded, forwarded_told;
	uint8_t *buffer;      /* [forwarded, received) modulo its size; kept by the slot */
};

struct kvick_vsock {
	struct virtio virtio;
	uint64_t cid;
	uint32_t next_port;
	uint32_t listening; /* port; 0: none */
	struct kvick_socket *sockets;
	unsigned socket_count;
	uint32_t buffer_bytes; /* of each socket's */
	struct vsock_header resets[VSOCK_RESETS_MAX]; /* answers to packets of no socket, to be sent */
	unsigned reset_count;
	uint64_t lent; /* bytes of callers' that are being sent from where they are */
	uint32_t lent_by[VSOCK_PACKETS]; /* of them, by each of send[] */
	bool starved; /* something could not be sent for want of a buffer */
	/*
	 * A fast stream's packets are not copied into its socket's buffer but kept until they are read: one socket's at a time, so
	 * that the others have buffers left. Their bytes count as if they lay in it, at [kept_from, kept_to).
	 */
	struct kvick_socket *keeper; /* NULL: none are kept */
	uint32_t kept_from, kept_to;
	unsigned kept_count;
	struct { struct vsock_packet *packet; uint32_t at, bytes; } kept[VSOCK_KEPT_MAX];
	unsigned idle_count;
	struct vsock_packet *idle[VSOCK_PACKETS];     /* not being sent */
	struct vsock_packet receive[VSOCK_PACKETS], send[VSOCK_PACKETS];
	uint32_t events[2];
};

/* virtio_vsock.c: sends, data that is lent from where it is if that can be; or returns false where there is no buffer now. */
bool vsock_send(struct kvick_vsock *vsock, const struct vsock_header *header, const void *data, bool lent);

/* A packet that was kept is the device's again. */
void vsock_give_back(struct kvick_vsock *vsock, struct vsock_packet *packet);

/* vsock_socket.c. True: the packet, of which `header` is a copy, is kept. */
bool vsock_handle(struct kvick_vsock *vsock, const struct vsock_header *header, struct vsock_packet *packet);
/* Sends what is owed, as far as there are buffers. */
void vsock_send_owed(struct kvick_vsock *vsock);
/* 5.10.6.7.1: the device has forgotten all connections. */
void vsock_forget_all(struct kvick_vsock *vsock);

#endif
