/* SPDX-License-Identifier: Apache-2.0 */
/* Taps: the kernel's Documentation/networking/tuntap.rst. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

#include "virtio/device.h"
#include "virtio/net_header.h"
#include "virtio/net_port.h"
#include "vmm/error.h"
#include "vmm/sys.h"

#define ATTACH_TRIES    20u
#define ATTACH_PAUSE_NS 10000000

static unsigned tun_flags(uint64_t features)
{
	unsigned flags = 0;

	/* The kernel refuses the others without the first. */
	if (!(features & FEATURE(VIRTIO_NET_F_GUEST_CSUM)))
		return 0;
	flags |= TUN_F_CSUM;
	flags |= features & FEATURE(VIRTIO_NET_F_GUEST_TSO4) ? TUN_F_TSO4 : 0;
	flags |= features & FEATURE(VIRTIO_NET_F_GUEST_TSO6) ? TUN_F_TSO6 : 0;
	return flags;
}

int net_port_set_offloads(struct net_port *port, uint64_t features, struct sys *sys)
{
	return port->tap && port->header ? sys_ioctl(sys, port->fd, TUNSETOFFLOAD, tun_flags(features & port->offloads)) : 0;
}

/* Headers of our size, no offloads until a driver wants them (a tap may have them from its last user), and what is possible. */
static int set_up(struct net_port *port, struct sys *sys, struct error *error)
{
	const uint64_t both = FEATURE(VIRTIO_NET_F_CSUM) | FEATURE(VIRTIO_NET_F_GUEST_CSUM),
		       segments = FEATURE(VIRTIO_NET_F_HOST_TSO4) | FEATURE(VIRTIO_NET_F_HOST_TSO6) |
				  FEATURE(VIRTIO_NET_F_GUEST_TSO4) | FEATURE(VIRTIO_NET_F_GUEST_TSO6);
	int bytes = NET_HEADER_BYTES, r;
	struct ifreq request = { 0 };

	port->tap = true;
	/* Another one than the host's own end of it has, and the same each time for a tap that stays. */
	if (sys_ioctl(sys, port->fd, SIOCGIFHWADDR, (uintptr_t)&request) == 0) {
		memcpy(port->mac, request.ifr_hwaddr.sa_data, sizeof(port->mac));
		port->mac[0] = (uint8_t)((port->mac[0] | 2) & ~1);
		port->mac[5] ^= 1;
	}
	if (!port->header)
		return 0;
	r = sys_ioctl(sys, port->fd, TUNSETVNETHDRSZ, (uintptr_t)&bytes);
	if (r < 0)
		return net_port_refuse(port, -r, "header size", "it needs Linux 2.6.34", error);
	port->offloads = both | segments;
	if (net_port_set_offloads(port, port->offloads, sys) < 0)
		port->offloads = both;
	if (net_port_set_offloads(port, port->offloads, sys) < 0)
		port->offloads = 0;
	r = net_port_set_offloads(port, 0, sys);
	return r < 0 ? net_port_refuse(port, -r, "offloads", "it cannot be used without them being off", error) : 0;
}

static int refuse_name(const struct net_port *port, int errnum, struct error *error)
{
	static const struct {
		int errnum;
		const char *next;
	} advice[] = {
		{ EPERM, "it is another user's, or to make one needs CAP_NET_ADMIN: `ip tuntap add NAME mode tap user $USER`, "
			 "as root" },
		{ EBUSY, "another program has it: end that, or take another tap" },
		{ EINVAL, "that interface is no tap, or one with several queues: take another name" },
	};

	for (size_t i = 0; i < sizeof(advice) / sizeof(advice[0]); i++)
		if (advice[i].errnum == errnum)
			return net_port_refuse(port, errnum, "cannot be had", advice[i].next, error);
	return net_port_refuse(port, errnum, "cannot be had", "`ip link show` lists what there is", error);
}

/* As with a disk's lock (disk.c): a kvick that was killed has its tap for some milliseconds yet, by its io_uring. */
static int attach(const struct net_port *port, struct ifreq *request, struct sys *sys)
{
	const struct timespec pause = { .tv_nsec = ATTACH_PAUSE_NS };
	int r;

	for (unsigned i = 0; i < ATTACH_TRIES; i++) {
		r = sys_ioctl(sys, port->fd, TUNSETIFF, (uintptr_t)request);
		if (r != -EBUSY)
			break;
		sys_clock_nanosleep(sys, CLOCK_MONOTONIC, 0, &pause);
	}
	return r;
}

int net_tap_open(struct net_port *port, const char *interface, struct sys *sys, struct error *error)
{
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int r;

	port->fd = sys_open(sys, "/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK, 0);
	if (port->fd < 0)
		return net_port_refuse(port, -port->fd, "/dev/net/tun",
			      port->fd == -EACCES ? "give yourself the right to it" : "load the module: `modprobe tun`, as root",
			      error);
	memcpy(request.ifr_name, interface, strnlen(interface, sizeof(request.ifr_name) - 1));
	r = attach(port, &request, sys);
	if (r < 0)
		return refuse_name(port, -r, error);
	port->header = true;
	return set_up(port, sys, error);
}

int net_tap_adopt(struct net_port *port, struct sys *sys, struct error *error)
{
	struct ifreq request = { 0 };
	int flags;

	if (sys_ioctl(sys, port->fd, TUNGETIFF, (uintptr_t)&request) < 0)
		return -ENOTTY;
	flags = (uint16_t)request.ifr_flags;
	if (!(flags & IFF_TAP) || !(flags & IFF_NO_PI))
		return net_port_refuse(port, EINVAL, "not a tap of Ethernet frames alone",
				       "make it with IFF_TAP and IFF_NO_PI", error);
	port->header = flags & IFF_VNET_HDR;
	return set_up(port, sys, error);
}

uint16_t net_port_mtu(const struct net_port *port, uint16_t otherwise, struct sys *sys)
{
	struct ifreq request = { 0 };
	int fd, r;

	if (!port->tap || sys_ioctl(sys, port->fd, TUNGETIFF, (uintptr_t)&request) < 0)
		return otherwise;
	fd = sys_socket(sys, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0); /* of any kind: it is the kernel's interfaces that are asked */
	if (fd < 0)
		return otherwise;
	r = sys_ioctl(sys, fd, SIOCGIFMTU, (uintptr_t)&request);
	sys_close(sys, fd);
	return r == 0 && request.ifr_mtu > 0 && request.ifr_mtu <= UINT16_MAX ? (uint16_t)request.ifr_mtu : otherwise;
}
