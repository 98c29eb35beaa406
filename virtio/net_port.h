/* SPDX-License-Identifier: Apache-2.0 */
/* The host's side of a network: a descriptor that frames go through, and how they lie in what is read and written there. */
#ifndef KVICK_VIRTIO_NET_PORT_H
#define KVICK_VIRTIO_NET_PORT_H

#include <stdbool.h>
#include <stdint.h>

struct device_config;
struct error;
struct sys;

struct net_port {
	int fd;                /* non-blocking */
	bool tap;
	bool header;           /* each frame has a virtio_net_hdr_v1 before it */
	bool stream;           /* frames follow each other, each with its length before it: 4 bytes, big-endian */
	bool connected;        /* nothing read is the end */
	uint64_t offloads;     /* VIRTIO_NET_F_*: what it can do */
	uint8_t mac[6];        /* for the guest */
	char name[64];         /* "--net tap=tap0": for messages */
};

/* 0, or -errno with `error` naming what and the next step. The port owns its descriptor until net_port_close(). */
int net_port_open(struct net_port *port, const struct device_config *config, struct sys *sys, struct error *error);
void net_port_close(struct net_port *port, struct sys *sys);

/* From now on frames to the guest may use these, of `offloads`: the guest understands them. 0 or -errno. */
int net_port_set_offloads(struct net_port *port, uint64_t features, struct sys *sys);

/* The MTU that its interface has; `otherwise` where it has none, or does not say. */
uint16_t net_port_mtu(const struct net_port *port, uint16_t otherwise, struct sys *sys);

/* Does that (positive errno) mean that nobody is at the other side any more? Anything else (a tap that is down) may pass. */
bool net_port_is_end(int errnum);

/* "--net …: what: error: next step". Returns -errnum. */
int net_port_refuse(const struct net_port *port, int errnum, const char *what, const char *next, struct error *error);

/* For net_port.c: a tap by its name; a descriptor that may be one. As net_port_open(); -ENOTTY without an error: it is none. */
int net_tap_open(struct net_port *port, const char *interface, struct sys *sys, struct error *error);
int net_tap_adopt(struct net_port *port, struct sys *sys, struct error *error);

/*
 * Starts passt with the config's forwards and takes one end of a socket pair as the port's; passt ends when that is closed, whoever
 * closes it. As net_port_open().
 */
int net_passt_start(struct net_port *port, const struct device_config *config, struct sys *sys, struct error *error);

#endif
