/* SPDX-License-Identifier: Apache-2.0 */
/* What netping knows of Ethernet (RFC 894), ARP (RFC 826), IPv4 (RFC 791), ICMP (RFC 792) and UDP (RFC 768). Big-endian. */
#ifndef NETPING_PACKET_H
#define NETPING_PACKET_H

#include <stddef.h>
#include <stdint.h>

#define PACKED __attribute__((packed))

struct ethernet {
	uint8_t to[6], from[6];
	uint16_t type;
} PACKED;

#define TYPE_IPV4 0x0800
#define TYPE_ARP  0x0806

struct arp {
	uint16_t hardware, protocol;
	uint8_t hardware_bytes, protocol_bytes;
	uint16_t operation; /* 1 request, 2 reply */
	uint8_t sender_mac[6];
	uint32_t sender_ip;
	uint8_t target_mac[6];
	uint32_t target_ip;
} PACKED;

struct ipv4 {
	uint8_t version_words, service;
	uint16_t bytes, id, fragment;
	uint8_t hops, protocol;
	uint16_t checksum;
	uint32_t from, to;
} PACKED;

#define PROTOCOL_ICMP 1
#define PROTOCOL_UDP  17

struct icmp {
	uint8_t type, code; /* 8: echo request, 0: echo reply */
	uint16_t checksum;
} PACKED;

struct udp {
	uint16_t from, to, bytes, checksum;
} PACKED;

static inline uint16_t swap16(uint16_t value)
{
	return (uint16_t)(value << 8 | value >> 8);
}

/* RFC 1071: the ones' complement sum, not yet inverted. Sums may be fed in again. */
static inline uint16_t sum(const void *data, size_t bytes, uint32_t start)
{
	const uint8_t *at = data;
	uint64_t total = start;

	for (size_t i = 0; i + 1 < bytes; i += 2)
		total += (uint32_t)at[i] | (uint32_t)at[i + 1] << 8;
	if (bytes % 2)
		total += at[bytes - 1];
	while (total >> 16)
		total = (total & 0xffff) + (total >> 16);
	return (uint16_t)total;
}

/* RFC 768's pseudo header. */
static inline uint16_t pseudo_sum(const struct ipv4 *ip, uint16_t bytes)
{
	return sum(&ip->from, 8, (uint32_t)swap16(ip->protocol) + swap16(bytes));
}

#endif
