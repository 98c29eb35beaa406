/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Measures a disk from within.
 *
 *	iobench MODE [NAME=VALUE…]
 *
 *	MODE      randread, randwrite, seqread, seqwrite (writes destroy)
 *	bs        bytes of a request: 4096
 *	depth     requests in flight: 32; no more than the queues hold
 *	queues    1
 *	seconds   how long: 2; or
 *	count     how many requests
 *	first     sector at which the range begins: 0
 *	sectors   its length: the rest of the disk
 *	poll      1: the guest does not sleep, but looks at the rings all the time
 *
 * The last line is for programs: names and numbers.
 */
#include <kvick_blk.h>
#include <kvick_guest.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "latency.h"

#define DEPTH_MAX 256u
#define NS_PER_S  UINT64_C(1000000000)

enum parameter { BS, DEPTH, QUEUES, SECONDS, COUNT, FIRST, SECTORS, POLL, PARAMETERS };

static const char *const names[PARAMETERS] = { "bs", "depth", "queues", "seconds", "count", "first", "sectors", "poll" };

struct bench {
	uint64_t parameters[PARAMETERS];
	struct kvick_blk *blk;
	bool write, random;
	uint64_t slots, next_slot, state; /* of the range, `bs` bytes each */
	uint64_t started, finished, errors;
	uint64_t deadline;                /* TSC */
	struct latency latency;
	struct kvick_blk_request requests[DEPTH_MAX];
	uint64_t started_at[DEPTH_MAX];
};

static uint64_t next_sector(struct bench *b)
{
	uint64_t slot = b->next_slot++ % b->slots;

	if (b->random) {
		b->state ^= b->state << 13; /* xorshift64 */
		b->state ^= b->state >> 7;
		b->state ^= b->state << 17;
		slot = b->state % b->slots;
	}
	return b->parameters[FIRST] + slot * (b->parameters[BS] / KVICK_BLK_SECTOR_BYTES);
}

static bool more(const struct bench *b)
{
	return b->parameters[COUNT] ? b->started < b->parameters[COUNT] : kvick_rdtsc() < b->deadline;
}

/* False: its queue is full. */
static bool start(struct bench *b, struct kvick_blk_request *request)
{
	unsigned which = (unsigned)(request - b->requests);

	request->sector = next_sector(b);
	b->started_at[which] = kvick_rdtsc();
	if (kvick_blk_submit(b->blk, which % b->parameters[QUEUES], request) < 0)
		return false;
	b->started++;
	return true;
}

static bool run(struct bench *b)
{
	struct kvick_blk_request *done;
	unsigned refused = 0;

	for (unsigned i = 0; i < b->parameters[DEPTH] && more(b); i++)
		refused += !start(b, &b->requests[i]);
	b->parameters[DEPTH] -= refused; /* what the queues hold is the depth that is measured */
	while (b->finished < b->started) {
		if (b->parameters[POLL])
			kvick_blk_notify(b->blk);
		else if (kvick_blk_wait(b->blk, KVICK_FOREVER) < 0)
			return false;
		while ((done = kvick_blk_poll(b->blk))) {
			latency_add(&b->latency, kvick_rdtsc() - b->started_at[done - b->requests]);
			b->errors += done->result != 0;
			b->finished++;
			if (more(b) && !start(b, done))
				return false;
		}
	}
	return true;
}

/* A TSC whose frequency nobody told us. */
static uint64_t tsc_hz(void)
{
	uint64_t ns, ticks;

	if (kvick_boot()->tsc_hz)
		return kvick_boot()->tsc_hz;
	ns = kvick_clock_ns(KVICK_CLOCK_MONOTONIC);
	ticks = kvick_rdtsc();
	kvick_wait(0, NS_PER_S / 20);
	ticks = kvick_rdtsc() - ticks;
	return ticks * 1000 / ((kvick_clock_ns(KVICK_CLOCK_MONOTONIC) - ns) / 1000) * 1000;
}

static bool parse(struct bench *b, int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";

	b->random = strncmp(mode, "rand", 4) == 0;
	b->write = strstr(mode, "write") != NULL;
	if ((!b->random && strncmp(mode, "seq", 3) != 0) || (!b->write && !strstr(mode, "read")))
		return false;
	for (int i = 2; i < argc; i++) {
		char *value = strchr(argv[i], '=');
		unsigned p = 0;

		while (value && p < PARAMETERS && (strncmp(argv[i], names[p], (size_t)(value - argv[i])) != 0 ||
						   strlen(names[p]) != (size_t)(value - argv[i])))
			p++;
		if (!value || p == PARAMETERS)
			return false;
		b->parameters[p] = strtoull(value + 1, NULL, 0);
	}
	return b->parameters[DEPTH] - 1 < DEPTH_MAX && b->parameters[BS] > 0 && b->parameters[BS] <= 1u << 24 &&
	       b->parameters[BS] % KVICK_BLK_SECTOR_BYTES == 0 && b->parameters[QUEUES] > 0;
}

/* Opens the disk and lays out the range. NULL, or what is wrong. */
static const char *prepare(struct bench *b)
{
	uint64_t first = b->parameters[FIRST], *sectors = &b->parameters[SECTORS], bs = b->parameters[BS];
	struct kvick_blk_info info;

	b->blk = kvick_blk_open(kvick_device_find(KVICK_ID_BLOCK, getenv("DEVICE")), (unsigned)b->parameters[QUEUES]);
	if (!b->blk)
		return "no disk";
	kvick_blk_info(b->blk, &info);
	b->parameters[QUEUES] = info.queues;
	if (first >= info.sectors)
		return "the range begins behind the end";
	if (*sectors == 0 || *sectors > info.sectors - first)
		*sectors = info.sectors - first;
	b->slots = *sectors * KVICK_BLK_SECTOR_BYTES / bs;
	if (b->slots == 0)
		return "the range is smaller than a request";
	for (unsigned i = 0; i < b->parameters[DEPTH]; i++) {
		void *data = aligned_alloc(4096, (bs + 4095) & ~UINT64_C(4095));

		if (!data)
			return "no memory";
		memset(data, 0x5a, bs);
		b->requests[i] = (struct kvick_blk_request){
			.operation = b->write ? KVICK_BLK_WRITE : KVICK_BLK_READ,
			.segment_count = 1,
			.segments = { { data, (uint32_t)bs } },
		};
	}
	return NULL;
}

static void report(const struct bench *b, const char *mode, uint64_t ticks, uint64_t hz)
{
	uint64_t us = ticks * 1000 / (hz / 1000);
	uint64_t ops = b->finished, kib = ops * (b->parameters[BS] / 512) / 2;
	uint64_t p50 = latency_quantile(&b->latency, 500) * 1000 / (hz / 1000000);
	uint64_t p99 = latency_quantile(&b->latency, 990) * 1000 / (hz / 1000000);
	uint64_t iops = us ? ops * 1000000 / us : 0, mib_100 = us ? kib * 100000 / 1024 * 1000 / us : 0;

	printf("iobench: %s, %lu requests of %lu bytes in %lu ms: %lu IOPS, %lu.%02lu MiB/s, latency p50 %lu.%01lu us, p99 "
	       "%lu.%01lu us\n",
	       mode, ops, b->parameters[BS], us / 1000, iops, mib_100 / 100, mib_100 % 100, p50 / 1000, p50 % 1000 / 100,
	       p99 / 1000, p99 % 1000 / 100);
	printf("result mode=%s bs=%lu depth=%lu queues=%lu poll=%lu requests=%lu us=%lu iops=%lu mib_s=%lu.%02lu p50_ns=%lu "
	       "p99_ns=%lu errors=%lu\n",
	       mode, b->parameters[BS], b->parameters[DEPTH], b->parameters[QUEUES], b->parameters[POLL], ops, us, iops,
	       mib_100 / 100, mib_100 % 100, p50, p99, b->errors);
}

int main(int argc, char **argv)
{
	static const uint64_t defaults[PARAMETERS] = { [BS] = 4096, [DEPTH] = 32, [QUEUES] = 1, [SECONDS] = 2 };
	static struct bench bench;
	const char *problem;
	uint64_t hz = tsc_hz(), begin;

	memcpy(bench.parameters, defaults, sizeof(defaults));
	bench.state = 0x9e3779b97f4a7c15ull;
	problem = parse(&bench, argc, argv) ? prepare(&bench) : "bad arguments";
	if (problem) {
		printf("iobench: %s\n", problem);
		return 2;
	}
	printf("iobench: %s begins\n", argv[1]); /* for whoever does something to the disk meanwhile */
	fflush(stdout);
	begin = kvick_rdtsc();
	bench.deadline = begin + bench.parameters[SECONDS] * hz;
	if (!run(&bench)) {
		puts("iobench: the disk has failed");
		return 1;
	}
	report(&bench, argv[1], kvick_rdtsc() - begin, hz);
	return bench.errors != 0;
}
