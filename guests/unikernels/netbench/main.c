/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One TCP stream, one direction, as fast as it goes; whoever is at the other end measures (perf/stream.c).
 *
 *	netbench ADDRESS send|receive   waits for a connection to port 5001; ends when the other side does
 */
#include <kvick_guest.h>
#include <kvick_net.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../netping/packet.h"
#include "tcp.h"

struct bench {
	struct tcp tcp; /* first */
	struct kvick_net *net;
	bool failed;
	uint8_t frame[TCP_FRAME_MAX];
};

static void output(struct tcp *tcp, const void *frame, uint32_t bytes, uint16_t cut)
{
	struct bench *bench = (struct bench *)tcp;
	struct kvick_net_checksum checksum = {
		.start = sizeof(struct ethernet) + sizeof(struct ipv4), .offset = 16, .segment_bytes = cut,
	};

	if (kvick_net_send(bench->net, frame, bytes, &checksum) < 0)
		bench->failed = true;
}

static bool parse_ip(const char *text, uint32_t *ip)
{
	uint32_t value = 0;
	char *end;

	for (unsigned i = 0; i < 4; i++, text = end + 1) {
		value = value << 8 | (strtoul(text, &end, 10) & 255);
		if (end == text || *end != (i < 3 ? '.' : '\0'))
			return false;
	}
	*ip = __builtin_bswap32(value);
	return true;
}

static void serve(struct bench *bench)
{
	struct tcp *tcp = &bench->tcp;

	while (!tcp->ended && !bench->failed) {
		int64_t n;

		while ((n = kvick_net_receive(bench->net, bench->frame, sizeof(bench->frame), NULL)) > 0)
			tcp_input(tcp, bench->frame, (uint32_t)n);
		if (n < 0)
			bench->failed = true;
		if (tcp_turn(tcp, kvick_rdtsc())) /* that the TSC is no clock of nanoseconds does no harm to a pause */
			n = kvick_net_wait(bench->net, 0);
		else if (!tcp->ended)
			n = kvick_net_wait(bench->net, tcp->sent == tcp->acknowledged ? KVICK_FOREVER : TCP_RESEND_NS);
		if (n < 0)
			bench->failed = true;
	}
	kvick_net_wait(bench->net, 0); /* the good-bye */
}

int main(int argc, char **argv)
{
	static struct bench bench;
	struct kvick_net_info info;

	bench.net = kvick_net_open_segments(kvick_device_find(KVICK_ID_NET, getenv("DEVICE")));
	if (!bench.net || argc != 3 || !parse_ip(argv[1], &bench.tcp.address)) {
		puts(bench.net ? "netbench: ADDRESS send|receive" : "netbench: no network device");
		return 2;
	}
	kvick_net_info(bench.net, &info);
	if (!info.checksum_offload) {
		puts("netbench: a device that leaves checksums to the driver is none for this");
		return 2;
	}
	bench.tcp.output = output;
	bench.tcp.sends = strcmp(argv[2], "send") == 0;
	bench.tcp.data_max = info.segments ? TCP_DATA_MAX : TCP_SEGMENT;
	serve(&bench);
	kvick_net_close(bench.net);
	printf("netbench: %s %lu bytes, %lu sent again, segmentation %s\n", bench.tcp.sends ? "sent" : "received", bench.tcp.bytes,
	       bench.tcp.resent, info.segments ? "offloaded" : "not offloaded");
	return bench.failed;
}
