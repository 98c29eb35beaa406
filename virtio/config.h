/* SPDX-License-Identifier: Apache-2.0 */
/* What the operator wants of a device: filled in and validated by control/, never changed afterwards. Strings are the caller's. */
#ifndef KVICK_VIRTIO_CONFIG_H
#define KVICK_VIRTIO_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include <kvick/virtio.h>

#include "vmm/engine.h"

enum device_kind { DEVICE_BLOCK, DEVICE_NET, DEVICE_VSOCK, DEVICE_CONSOLE, DEVICE_ENTROPY, DEVICE_KINDS };

/* per_second 0: no limit. A bucket holds `burst` (0: what comes in a second), and is refilled at `per_second` (limiter.h). */
struct device_rate {
	uint64_t per_second, burst;
};

static inline bool device_rate_is_limit(const struct device_rate *rate)
{
	return rate->per_second > 0;
}

/* A port of the host's that leads to one of the guest's. */
struct net_forward {
	bool udp;
	uint16_t host, guest;
};

#define NET_FORWARDS_MAX 16u

enum net_path { NET_NONE, NET_TAP, NET_FD, NET_USER };

struct device_config {
	enum device_kind kind;
	char id[sizeof(((struct kvick_device *)0)->name)]; /* the operator's name for it, or "" */
	const char *entry;         /* Solo5: the name that its option has, "--block:NAME=PATH"; NULL: --disk, --net */
	struct device_rate operations, bytes;
	const char *path;          /* block: the disk; NET_USER: the socket, NULL: passt is started; vsock: what names begin with */
	bool read_only, direct;    /* block */
	unsigned queues;           /* block; 0: one */
	enum net_path net;
	const char *interface;     /* NET_TAP */
	int fd;                    /* NET_FD */
	struct net_forward forwards[NET_FORWARDS_MAX]; /* NET_USER without a path */
	unsigned forward_count;
	uint8_t mac[6];            /* net; all zero: made from the tap's own, or of random */
	uint16_t mtu;              /* net; 0: not said */
	int input, output;         /* console */
	int terminal, resized;     /* console: whose size it tells, -1: nobody's; an eventfd that is written to when that changes */
	uint64_t cid;              /* vsock: the guest's, 3 to 2^32 - 2 */
};

static inline bool device_is_limited(const struct device_config *config)
{
	return device_rate_is_limit(&config->operations) || device_rate_is_limit(&config->bytes);
}

/* All of a machine's, in the order of the command line. */
struct devices_config {
	const struct device_config *list;
	unsigned count;            /* up to KVICK_DEVICES_MAX */
	enum engine_kind engine;
	bool legacy;               /* virtio-mmio version 1, for drivers that know no other; not for native guests */
};

#endif
