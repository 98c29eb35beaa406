/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The header before each frame (virtio 1.2, 5.1.6), judged. Both functions take a header that is ours alone (copied once), and
 * the frame's length without it; features are the device's that were negotiated. False: the frame is not to be passed on.
 */
#ifndef KVICK_VIRTIO_NET_HEADER_H
#define KVICK_VIRTIO_NET_HEADER_H

#include <stdbool.h>
#include <stdint.h>

struct virtio_net_hdr_v1;

#define NET_HEADER_BYTES    12u
#define NET_FRAME_BYTES_MIN 14u                     /* Ethernet's header */
#define NET_FRAME_BYTES_MAX (65535u + 14u + 4u)     /* the longest IP packet, with a VLAN tag (5.1.6.2: up to 65550 without) */

/* From the guest to the host: what is left in it may be believed (5.1.6.2). */
bool net_header_out(struct virtio_net_hdr_v1 *header, uint64_t frame_bytes, uint64_t features);
/* From the host to the guest: nothing in it that the driver has not agreed to (5.1.6.4). */
bool net_header_in(struct virtio_net_hdr_v1 *header, uint64_t frame_bytes, uint64_t features);

#endif
