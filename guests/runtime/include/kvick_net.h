/* SPDX-License-Identifier: Apache-2.0 */
/* Networks: virtio 1.2, 5.1. Ethernet frames, one at a time. See kvick_virtio.h for what holds of all devices. */
#ifndef KVICK_NET_H
#define KVICK_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <kvick_virtio.h>

#define KVICK_NET_FRAME_BYTES_MAX 1518u /* sent: Ethernet's, with a VLAN tag and without a check sequence */
#define KVICK_NET_SEGMENTS_BYTES_MAX 65550u /* with kvick_net_open_segments(): Ethernet's header and the longest IPv4 packet */

struct kvick_net;

struct kvick_net_info {
	uint8_t mac[6];         /* zeroes where the device does not say: then the driver is free to choose */
	uint16_t mtu;           /* 1500 where the device does not say */
	bool link_up;
	bool checksum_offload;  /* it completes checksums of what is sent */
	bool merged;            /* frames may come in several buffers */
	bool segments;          /* TCP over IPv4 may be longer than a frame, both ways */
};

/*
 * A checksum that the device completes: over the bytes from `start` on, to be stored at start + offset, where the pseudo
 * header's sum is. segment_bytes: not 0 for TCP over IPv4 that the device cuts into segments with so much data each.
 */
struct kvick_net_checksum {
	uint16_t start, offset, segment_bytes;
};

/* What receive says of a frame: 5.1.6.4. */
#define KVICK_NET_NEEDS_CHECKSUM 1u /* it is good, though its checksum is incomplete: it never left this host */
#define KVICK_NET_CHECKSUM_GOOD  2u

struct kvick_net *kvick_net_open(int device);

/* With TCP segmentation left to the device, where it can: frames of up to KVICK_NET_SEGMENTS_BYTES_MAX. Takes 2.6 MiB. */
struct kvick_net *kvick_net_open_segments(int device);

void kvick_net_close(struct kvick_net *net);

/* As it is now: the link may go up and down. */
void kvick_net_info(const struct kvick_net *net, struct kvick_net_info *info);

/* Copies the frame. checksum: NULL if it is complete. Waits where all buffers are on their way. */
int64_t kvick_net_send(struct kvick_net *net, const void *frame, uint32_t bytes, const struct kvick_net_checksum *checksum);

/* Returns the bytes of a frame, 0 if there is none. What is larger than the buffer is dropped. flags may be NULL. */
int64_t kvick_net_receive(struct kvick_net *net, void *frame, uint32_t bytes, unsigned *flags);

/* Sends what is on its way, and waits until there is something to receive or the time is over. */
int64_t kvick_net_wait(struct kvick_net *net, uint64_t timeout_ns);

#endif
