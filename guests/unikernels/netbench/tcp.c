/* SPDX-License-Identifier: Apache-2.0 */
#include "tcp.h"

#include <string.h>

#include "../netping/packet.h"

#define PROTOCOL_TCP 6
#define FIN 1u
#define SYN 2u
#define RST 4u
#define ACK 16u

#define WINDOW_SHIFT 7u     /* RFC 7323 */
#define WINDOW       0x4000u /* 2 MiB */
#define TURN_FRAMES  16u

struct tcp_header {
	uint16_t from, to;
	uint32_t sequence, acknowledged;
	uint8_t words, flags; /* words: in the upper half */
	uint16_t window, checksum, urgent;
} PACKED;

struct headers {
	struct ethernet ethernet;
	struct ipv4 ip;
	struct tcp_header tcp;
} PACKED;

static uint32_t swap32(uint32_t value)
{
	return __builtin_bswap32(value);
}

/* Behind the headers is what is sent: it is the same each time, and copied by whoever sends the frame. */
static void send_packet(struct tcp *tcp, unsigned flags, uint32_t sequence, uint32_t data_bytes)
{
	static const uint8_t syn_options[] = { 2, 4, TCP_SEGMENT >> 8, TCP_SEGMENT & 255, 1, 3, 3, WINDOW_SHIFT };
	struct headers *h = (struct headers *)tcp->frame;
	uint16_t options = flags & SYN ? sizeof(syn_options) : 0;
	uint16_t tcp_bytes = (uint16_t)(sizeof(h->tcp) + options + data_bytes);

	memcpy(h->ethernet.to, tcp->peer_mac, sizeof(h->ethernet.to));
	memcpy(h->ethernet.from, tcp->mac, sizeof(h->ethernet.from));
	h->ethernet.type = swap16(TYPE_IPV4);
	h->ip = (struct ipv4){ .version_words = 0x45, .bytes = swap16((uint16_t)(sizeof(h->ip) + tcp_bytes)),
			       .fragment = swap16(0x4000), .hops = 64, .protocol = PROTOCOL_TCP, .from = tcp->address,
			       .to = tcp->peer };
	h->ip.checksum = (uint16_t)~sum(&h->ip, sizeof(h->ip), 0);
	h->tcp = (struct tcp_header){ .from = swap16(TCP_PORT), .to = tcp->peer_port, .sequence = swap32(sequence),
				      .acknowledged = swap32(tcp->expected), .words = (uint8_t)((5 + options / 4) << 4),
				      .flags = (uint8_t)flags, .window = swap16(WINDOW),
				      .checksum = pseudo_sum(&h->ip, tcp_bytes) };
	if (options)
		memcpy(h + 1, syn_options, options);
	tcp->owes = false;
	tcp->output(tcp, h, (uint32_t)(sizeof(h->ethernet) + sizeof(h->ip) + tcp_bytes),
		    data_bytes > TCP_SEGMENT ? TCP_SEGMENT : 0);
}

/* RFC 7323, 2.2. Without the option both sides' windows would be too small to measure anything, and Linux always sends it. */
static unsigned shift_of(const struct tcp_header *h)
{
	const uint8_t *at = (const uint8_t *)(h + 1), *end = (const uint8_t *)h + (h->words >> 4) * 4;

	while (at + 2 < end && *at != 0) {
		if (at[0] == 3)
			return at[2] & 15;
		at += at[0] == 1 || at[1] == 0 ? 1 : at[1];
	}
	return 0;
}

static void begin(struct tcp *tcp, const struct headers *h)
{
	memcpy(tcp->peer_mac, h->ethernet.from, sizeof(tcp->peer_mac));
	memcpy(tcp->mac, h->ethernet.to, sizeof(tcp->mac));
	tcp->peer = h->ip.from;
	tcp->peer_port = h->tcp.from;
	tcp->expected = swap32(h->tcp.sequence) + 1;
	tcp->window_shift = shift_of(&h->tcp);
	tcp->sent = tcp->acknowledged = 1;
	send_packet(tcp, SYN | ACK, 0, 0);
}

static void acknowledged(struct tcp *tcp, const struct tcp_header *h)
{
	uint32_t upto = swap32(h->acknowledged), news = upto - tcp->acknowledged;

	tcp->connected = true;
	tcp->window = (uint32_t)swap16(h->window) << tcp->window_shift;
	if (news == 0 || news > tcp->sent - tcp->acknowledged)
		return;
	tcp->acknowledged = upto;
	tcp->progress_ns = 0;
	if (tcp->sends)
		tcp->bytes += news;
}

void tcp_input(struct tcp *tcp, const void *frame, uint32_t bytes)
{
	const struct headers *h = frame;
	uint32_t header, data;

	if (bytes < sizeof(*h) || h->ethernet.type != swap16(TYPE_IPV4) || h->ip.version_words != 0x45 ||
	    h->ip.protocol != PROTOCOL_TCP || h->ip.to != tcp->address || h->tcp.to != swap16(TCP_PORT))
		return;
	header = sizeof(struct ipv4) + (h->tcp.words >> 4) * 4u;
	if (swap16(h->ip.bytes) < header || bytes - sizeof(struct ethernet) < swap16(h->ip.bytes))
		return;
	data = swap16(h->ip.bytes) - header;
	if (h->tcp.flags & SYN) {
		begin(tcp, h);
		return;
	}
	if (h->tcp.from != tcp->peer_port || !(h->tcp.flags & (ACK | RST)))
		return;
	if (h->tcp.flags & RST) {
		tcp->ended = true;
		return;
	}
	acknowledged(tcp, &h->tcp);
	if (data == 0 && !(h->tcp.flags & FIN))
		return;
	tcp->owes = true;
	if (swap32(h->tcp.sequence) != tcp->expected)
		return; /* it is told what is expected, and sends it */
	tcp->expected += data;
	if (!tcp->sends)
		tcp->bytes += data;
	if (h->tcp.flags & FIN) {
		tcp->expected++;
		tcp->ended = true;
		send_packet(tcp, FIN | ACK, tcp->sent, 0);
	}
}

bool tcp_turn(struct tcp *tcp, uint64_t now_ns)
{
	unsigned frames = 0;

	if (!tcp->connected || tcp->ended)
		return false;
	if (tcp->progress_ns == 0)
		tcp->progress_ns = now_ns;
	if (tcp->sent != tcp->acknowledged && now_ns - tcp->progress_ns > TCP_RESEND_NS) {
		tcp->resent += tcp->sent - tcp->acknowledged;
		tcp->sent = tcp->acknowledged;
		tcp->progress_ns = now_ns;
	}
	for (; tcp->sends && frames < TURN_FRAMES; frames++) {
		uint32_t under_way = tcp->sent - tcp->acknowledged, room = tcp->window > under_way ? tcp->window - under_way : 0;
		uint32_t bytes = room < tcp->data_max ? room / TCP_SEGMENT * TCP_SEGMENT : tcp->data_max;

		if (bytes == 0)
			break;
		send_packet(tcp, ACK, tcp->sent, bytes);
		tcp->sent += bytes;
	}
	if (tcp->owes)
		send_packet(tcp, ACK, tcp->sent, 0);
	return frames == TURN_FRAMES;
}
