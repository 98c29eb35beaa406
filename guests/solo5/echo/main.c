/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers ARP, ICMP echo requests and, on port 7, UDP (RFC 862), at the address 198.18.0.2. Ends when a datagram says "quit", or
 * when nothing came for 30 seconds. With "drop" as its first word it has a buffer that no frame fits into, and ends when it was
 * told three times that there is one. With "no-answers" it only makes calls that are to be refused.
 */
#include "../../unikernels/netping/packet.h"
#include "../guest.h"

#define NET         1u
#define TIMEOUT_NS  30000000000ull
#define ECHO_PORT   7
#define FRAME_BYTES 2048u

GUEST_MANIFEST(2, { .name = "net", .type = SOLO5_NET });

static const uint8_t own_ip[4] = { 198, 18, 0, 2 };
static uint8_t frame[FRAME_BYTES];
static unsigned arps, pings, datagrams, bad;
static bool quit;

static void answer(uint64_t bytes)
{
	struct ethernet *ethernet = (struct ethernet *)frame;

	memcpy(ethernet->to, ethernet->from, sizeof(ethernet->to));
	memcpy(ethernet->from, entry(NET)->net.mac, sizeof(ethernet->from));
	bad += net_io(SOLO5_NET_WRITE, NET, frame, &bytes) != SOLO5_OK;
}

static void handle_arp(uint64_t bytes)
{
	struct arp *arp = (struct arp *)(frame + sizeof(struct ethernet));

	if (bytes < sizeof(struct ethernet) + sizeof(*arp) || arp->operation != swap16(1) ||
	    memcmp(&arp->target_ip, own_ip, sizeof(own_ip)) != 0)
		return;
	arp->operation = swap16(2);
	arp->target_ip = arp->sender_ip;
	memcpy(arp->target_mac, arp->sender_mac, sizeof(arp->target_mac));
	memcpy(&arp->sender_ip, own_ip, sizeof(own_ip));
	memcpy(arp->sender_mac, entry(NET)->net.mac, sizeof(arp->sender_mac));
	arps++;
	answer(sizeof(struct ethernet) + sizeof(*arp));
}

/* Sums of both are what they were: nothing but addresses and ports change places, and one byte of ICMP changes. */
static void handle_ipv4(uint64_t bytes)
{
	struct ipv4 *ip = (struct ipv4 *)(frame + sizeof(struct ethernet));
	struct icmp *icmp = (struct icmp *)(ip + 1);
	struct udp *udp = (struct udp *)(ip + 1);
	uint32_t from = ip->from;

	if (bytes < sizeof(struct ethernet) + sizeof(*ip) + sizeof(*udp) || ip->version_words != 0x45 ||
	    memcmp(&ip->to, own_ip, sizeof(own_ip)) != 0)
		return;
	ip->from = ip->to;
	ip->to = from;
	if (ip->protocol == PROTOCOL_ICMP && icmp->type == 8) {
		icmp->type = 0;
		icmp->checksum = (uint16_t)~sum(&(const uint16_t){ (uint16_t)~icmp->checksum }, 2, 0xffff - 8);
		pings++;
	} else if (ip->protocol == PROTOCOL_UDP && udp->to == swap16(ECHO_PORT)) {
		quit = swap16(udp->bytes) == sizeof(*udp) + 4 && memcmp(udp + 1, "quit", 4) == 0;
		udp->to = udp->from;
		udp->from = swap16(ECHO_PORT);
		datagrams++;
	} else {
		return;
	}
	answer(sizeof(struct ethernet) + swap16(ip->bytes));
}

/* False: nothing to read. */
static bool handle(bool drop)
{
	const struct ethernet *ethernet = (const struct ethernet *)frame;
	uint64_t bytes = drop ? sizeof(*ethernet) : sizeof(frame);
	int r = net_io(SOLO5_NET_READ, NET, frame, &bytes);

	bad += r != SOLO5_OK && r != SOLO5_AGAIN;
	if (r != SOLO5_OK)
		return false;
	bad += bytes < sizeof(*ethernet) || bytes > (drop ? sizeof(*ethernet) : sizeof(frame));
	if (ethernet->type == swap16(TYPE_ARP))
		handle_arp(bytes);
	else if (ethernet->type == swap16(TYPE_IPV4))
		handle_ipv4(bytes);
	return true;
}

static void bad_calls(void)
{
	uint64_t ready = 1, none = 0, small = 13, large = 65554, room = 0;

	expect("read before anything came", (uint64_t)net_io(SOLO5_NET_READ, NET, frame, &room), SOLO5_AGAIN);
	expect("write of nothing", (uint64_t)net_io(SOLO5_NET_WRITE, NET, frame, &none), SOLO5_EINVAL);
	expect("write of less than a header", (uint64_t)net_io(SOLO5_NET_WRITE, NET, frame, &small), SOLO5_EINVAL);
	expect("write of too much", (uint64_t)net_io(SOLO5_NET_WRITE, NET, (void *)boot_info()->kernel_end, &large), SOLO5_EINVAL);
	expect("poll of no time", (uint64_t)poll(0, &ready), 0);
	expect("ready", ready, 0);
}

static const struct way none[] = { { "no-answers", bad_calls } };

int guest_run(unsigned argc, char **argv)
{
	const struct solo5_entry *e = entry(NET);
	bool drop = argc && strcmp(argv[0], "drop") == 0;
	uint64_t ready, polls = 0;

	if (argc && strcmp(argv[0], "no-answers") == 0)
		return guest_way(none, 1, argv[0]);
	printf("echo: mac %02x:%02x:%02x:%02x:%02x:%02x, mtu %u, attached %u\n", e->net.mac[0], e->net.mac[1], e->net.mac[2],
	       e->net.mac[3], e->net.mac[4], e->net.mac[5], e->net.mtu, e->attached);
	while (!quit && polls++ < (drop ? 3 : UINT64_MAX) && poll(TIMEOUT_NS, &ready) == 1) {
		bad += ready != 1u << NET;
		while (handle(drop))
			;
	}
	printf("echo: %u arp, %u echo, %u udp, %u bad\n", arps, pings, datagrams, bad);
	return bad != 0;
}
