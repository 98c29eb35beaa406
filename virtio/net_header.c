/* SPDX-License-Identifier: Apache-2.0 */
#include "virtio/net_header.h"

#include <linux/virtio_net.h>

#define TCP_HEADER_BYTES    20u
#define TCP_CHECKSUM_OFFSET 16u

static bool has(uint64_t features, unsigned bit)
{
	return features >> bit & 1;
}

/* Does the checksum that is to be completed lie in the frame, behind Ethernet's header? (CVE-2024-11614) */
static bool checksum_lies_in(const struct virtio_net_hdr_v1 *h, uint64_t frame_bytes)
{
	return h->csum_start >= NET_FRAME_BYTES_MIN && (uint64_t)h->csum_start + h->csum_offset + 2 <= frame_bytes;
}

/* A TCP packet that is to be cut up, or that was put together: TCP's header is where the checksum begins. */
static bool segments_make_sense(const struct virtio_net_hdr_v1 *h, uint64_t frame_bytes)
{
	return (h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) && h->gso_size > 0 && h->csum_offset == TCP_CHECKSUM_OFFSET &&
	       (uint64_t)h->csum_start + TCP_HEADER_BYTES <= frame_bytes;
}

/* Bits of `features` allow TCP over IPv4 and over IPv6. No ECN, no UDP: neither is offered. */
static bool segmentation_agreed(uint8_t type, uint64_t features, unsigned tso4, unsigned tso6)
{
	return type == VIRTIO_NET_HDR_GSO_TCPV4 ? has(features, tso4) : type == VIRTIO_NET_HDR_GSO_TCPV6 && has(features, tso6);
}

bool net_header_out(struct virtio_net_hdr_v1 *h, uint64_t frame_bytes, uint64_t features)
{
	h->num_buffers = 0;
	/* Bits that a driver has no business with are ignored (5.1.6.2.2). */
	h->flags &= VIRTIO_NET_HDR_F_NEEDS_CSUM;
	if (frame_bytes < NET_FRAME_BYTES_MIN || frame_bytes > NET_FRAME_BYTES_MAX)
		return false;
	if (!h->flags)
		h->csum_start = h->csum_offset = 0;
	else if (!has(features, VIRTIO_NET_F_CSUM) || !checksum_lies_in(h, frame_bytes))
		return false;
	if (h->gso_type == VIRTIO_NET_HDR_GSO_NONE) {
		h->gso_size = h->hdr_len = 0;
		return true;
	}
	if (!segmentation_agreed(h->gso_type, features, VIRTIO_NET_F_HOST_TSO4, VIRTIO_NET_F_HOST_TSO6) ||
	    !segments_make_sense(h, frame_bytes))
		return false;
	/* A hint (5.1.6.2.2), and the driver's: our own says as much as is sure. */
	h->hdr_len = (uint16_t)(h->csum_start + TCP_HEADER_BYTES);
	return true;
}

bool net_header_in(struct virtio_net_hdr_v1 *h, uint64_t frame_bytes, uint64_t features)
{
	h->flags &= VIRTIO_NET_HDR_F_NEEDS_CSUM | VIRTIO_NET_HDR_F_DATA_VALID;
	if (frame_bytes < NET_FRAME_BYTES_MIN || frame_bytes > NET_FRAME_BYTES_MAX)
		return false;
	if (!has(features, VIRTIO_NET_F_GUEST_CSUM)) {
		/* One that waited in the host since before offloads were agreed on. */
		if (h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
			return false;
		h->flags = 0;
	}
	if (!(h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM))
		h->csum_start = h->csum_offset = 0;
	else if (!checksum_lies_in(h, frame_bytes))
		return false;
	if (h->gso_type == VIRTIO_NET_HDR_GSO_NONE) {
		h->gso_size = h->hdr_len = 0;
		return true;
	}
	return segmentation_agreed(h->gso_type, features, VIRTIO_NET_F_GUEST_TSO4, VIRTIO_NET_F_GUEST_TSO6) && h->gso_size > 0 &&
	       h->hdr_len <= frame_bytes;
}
