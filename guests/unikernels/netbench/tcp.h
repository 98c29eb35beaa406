/* SPDX-License-Identifier: Apache-2.0 */
/*
 * As much of TCP (RFC 9293) as it takes to measure a network with one stream to or from a real one: it waits for a connection,
 * sends for ever or takes all that comes, and ends. What is lost is sent again from there on, after a pause; there is no
 * congestion control, no keep-alive, and there are no checksums: the device and the host trust each other.
 *
 * Freestanding: the guest netbench and the host's perf/tap.c are made of it.
 */
#ifndef NETBENCH_TCP_H
#define NETBENCH_TCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TCP_PORT        5001u
#define TCP_FRAME_MAX   65550u
#define TCP_SEGMENT     1460u  /* data of a frame on the wire */
#define TCP_DATA_MAX    (44 * TCP_SEGMENT) /* of what the device cuts up */
#define TCP_RESEND_NS   UINT64_C(200000000)

struct tcp {
	/* The caller's. `cut`: bytes of each segment of a longer frame, or 0. The checksum is to be completed. */
	void (*output)(struct tcp *tcp, const void *frame, uint32_t bytes, uint16_t cut);
	uint32_t address;      /* ours, big-endian */
	bool sends;
	unsigned data_max;     /* TCP_DATA_MAX, or TCP_SEGMENT without segmentation */

	/* What came of it. */
	bool connected, ended;
	uint64_t bytes;        /* received, or acknowledged */
	uint64_t resent;

	/* The rest is its own. */
	uint32_t sent, acknowledged, window, expected;
	unsigned window_shift;
	bool owes;
	uint64_t progress_ns;
	uint8_t peer_mac[6], mac[6];
	uint32_t peer;
	uint16_t peer_port;
	uint8_t frame[TCP_FRAME_MAX];
};

/* A frame has come. */
void tcp_input(struct tcp *tcp, const void *frame, uint32_t bytes);

/* After all that there is has been put in: sends what may be sent. True: more could be sent if there were more turns. */
bool tcp_turn(struct tcp *tcp, uint64_t now_ns);

#endif
