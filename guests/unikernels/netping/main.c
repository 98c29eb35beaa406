/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers ARP, ICMP echo requests and, on port 7, UDP (RFC 862).
 *
 *	netping ADDRESS [SECONDS]
 *
 * Ends when a datagram to port 7 says "quit", or when nothing came for SECONDS (for ever unless said).
 */
#include <kvick_net.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "packet.h"

#define NS_PER_S  UINT64_C(1000000000)
#define ECHO_PORT 7
#define FRAME_BYTES 2048

struct host {
	struct kvick_net *net;
	struct kvick_net_info info;
	uint32_t ip;
	unsigned arps, pings, datagrams, bad;
	bool quit;
};

/* Sends a frame back to where it came from. */
static void answer(struct host *host, uint8_t *frame, size_t bytes, const struct kvick_net_checksum *checksum)
{
	struct ethernet *ethernet = (struct ethernet *)frame;

	memcpy(ethernet->to, ethernet->from, sizeof(ethernet->to));
	memcpy(ethernet->from, host->info.mac, sizeof(ethernet->from));
	if (kvick_net_send(host->net, frame, (uint32_t)bytes, checksum) < 0)
		host->bad++;
}

static void handle_arp(struct host *host, uint8_t *frame, size_t bytes)
{
	struct arp *arp = (struct arp *)(frame + sizeof(struct ethernet));

	if (bytes < sizeof(struct ethernet) + sizeof(*arp) || arp->operation != swap16(1) || arp->target_ip != host->ip)
		return;
	arp->operation = swap16(2);
	arp->target_ip = arp->sender_ip;
	memcpy(arp->target_mac, arp->sender_mac, sizeof(arp->target_mac));
	arp->sender_ip = host->ip;
	memcpy(arp->sender_mac, host->info.mac, sizeof(arp->sender_mac));
	host->arps++;
	answer(host, frame, sizeof(struct ethernet) + sizeof(*arp), NULL);
}

static void handle_icmp(struct host *host, uint8_t *frame, struct ipv4 *ip, uint8_t *payload, uint16_t bytes)
{
	struct icmp *icmp = (struct icmp *)payload;

	if (bytes < sizeof(*icmp) || icmp->type != 8)
		return;
	if (sum(payload, bytes, 0) != 0xffff) {
		host->bad++;
		return;
	}
	ip->to = ip->from;
	ip->from = host->ip;
	icmp->type = 0;
	icmp->checksum = 0;
	icmp->checksum = (uint16_t)~sum(payload, bytes, 0);
	host->pings++;
	answer(host, frame, (size_t)(payload - frame) + bytes, NULL);
}

static void handle_udp(struct host *host, uint8_t *frame, struct ipv4 *ip, uint8_t *payload, uint16_t bytes, unsigned flags)
{
	struct udp *udp = (struct udp *)payload;
	struct kvick_net_checksum checksum = {
		.start = (uint16_t)(payload - frame),
		.offset = offsetof(struct udp, checksum),
	};
	bool offload = host->info.checksum_offload;

	if (bytes < sizeof(*udp) || swap16(udp->bytes) < sizeof(*udp) || swap16(udp->bytes) > bytes ||
	    udp->to != swap16(ECHO_PORT))
		return;
	bytes = swap16(udp->bytes);
	/* The device knows that it is right, or that nobody has computed it yet, or there is none. */
	if (flags == 0 && udp->checksum != 0 && sum(payload, bytes, pseudo_sum(ip, bytes)) != 0xffff) {
		host->bad++;
		return;
	}
	host->quit = bytes == sizeof(*udp) + 4 && memcmp(udp + 1, "quit", 4) == 0;
	ip->to = ip->from;
	ip->from = host->ip;
	udp->to = udp->from;
	udp->from = swap16(ECHO_PORT);
	udp->checksum = 0;
	if (offload)
		udp->checksum = pseudo_sum(ip, bytes);
	else
		udp->checksum = (uint16_t)~sum(payload, bytes, pseudo_sum(ip, bytes));
	if (udp->checksum == 0)
		udp->checksum = 0xffff; /* 0 would say that there is none */
	host->datagrams++;
	answer(host, frame, (size_t)(payload - frame) + bytes, offload ? &checksum : NULL);
}

static void handle_ipv4(struct host *host, uint8_t *frame, size_t bytes, unsigned flags)
{
	struct ipv4 *ip = (struct ipv4 *)(frame + sizeof(struct ethernet));
	uint16_t header_bytes, payload_bytes;
	uint8_t *payload;

	if (bytes < sizeof(struct ethernet) + sizeof(*ip))
		return;
	bytes -= sizeof(struct ethernet);
	header_bytes = (ip->version_words & 15) * 4;
	if (ip->version_words >> 4 != 4 || header_bytes < sizeof(*ip) || swap16(ip->bytes) < header_bytes ||
	    swap16(ip->bytes) > bytes || ip->to != host->ip || ip->fragment & swap16(0x3fff))
		return;
	if (sum(ip, header_bytes, 0) != 0xffff) {
		host->bad++;
		return;
	}
	payload = (uint8_t *)ip + header_bytes;
	payload_bytes = (uint16_t)(swap16(ip->bytes) - header_bytes);
	ip->hops = 64;
	/* Source and destination change places, so only the hops' change counts. */
	ip->checksum = 0;
	ip->checksum = (uint16_t)~sum(ip, header_bytes, 0);
	if (ip->protocol == PROTOCOL_ICMP)
		handle_icmp(host, frame, ip, payload, payload_bytes);
	else if (ip->protocol == PROTOCOL_UDP)
		handle_udp(host, frame, ip, payload, payload_bytes, flags);
}

static bool parse_ip(const char *text, uint32_t *ip)
{
	uint8_t bytes[4];
	char *end;

	for (unsigned i = 0; i < 4; i++) {
		unsigned long value = strtoul(text, &end, 10);

		if (end == text || value > 255 || *end != (i < 3 ? '.' : '\0'))
			return false;
		bytes[i] = (uint8_t)value;
		text = end + 1;
	}
	memcpy(ip, bytes, sizeof(*ip));
	return true;
}

static int64_t serve(struct host *host, uint64_t timeout_ns)
{
	static uint8_t frame[FRAME_BYTES];
	const struct ethernet *ethernet = (const struct ethernet *)frame;
	unsigned flags;
	int64_t n, waited = 1;

	while (waited > 0 && !host->quit) {
		while ((n = kvick_net_receive(host->net, frame, sizeof(frame), &flags)) > 0) {
			if (n < (int64_t)sizeof(*ethernet))
				continue;
			if (ethernet->type == swap16(TYPE_ARP))
				handle_arp(host, frame, (size_t)n);
			else if (ethernet->type == swap16(TYPE_IPV4))
				handle_ipv4(host, frame, (size_t)n, flags);
		}
		if (n < 0)
			return n;
		waited = kvick_net_wait(host->net, host->quit ? 0 : timeout_ns);
	}
	return waited;
}

int main(int argc, char **argv)
{
	struct host host = { .net = kvick_net_open(kvick_device_find(KVICK_ID_NET, getenv("DEVICE"))) };
	static const uint8_t own_mac[6] = { 0x02, 'k', 'v', 'i', 'c', 'k' }, no_mac[6];
	const uint8_t *mac = host.info.mac;
	int64_t r;

	if (!host.net) {
		puts("netping: no network device");
		return 1;
	}
	if (argc < 2 || !parse_ip(argv[1], &host.ip)) {
		puts("netping: which address?");
		return 2;
	}
	kvick_net_info(host.net, &host.info);
	if (memcmp(mac, no_mac, sizeof(no_mac)) == 0)
		memcpy(host.info.mac, own_mac, sizeof(own_mac));
	printf("netping: %s at %02x:%02x:%02x:%02x:%02x:%02x, mtu %u, link %s%s%s\n", argv[1], mac[0], mac[1], mac[2], mac[3],
	       mac[4], mac[5], host.info.mtu, host.info.link_up ? "up" : "down",
	       host.info.checksum_offload ? ", checksums offloaded" : "", host.info.merged ? ", merged buffers" : "");
	fflush(stdout);
	r = serve(&host, argc > 2 ? strtoull(argv[2], NULL, 10) * NS_PER_S : KVICK_FOREVER);
	kvick_net_close(host.net);
	printf("netping: %u arp, %u echo, %u udp, %u bad\n", host.arps, host.pings, host.datagrams, host.bad);
	return r < 0 || host.bad;
}
