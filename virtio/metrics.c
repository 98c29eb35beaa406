/* SPDX-License-Identifier: Apache-2.0 */
/* What a device tells the report. */
#include <x86intrin.h>

#include "virtio/device.h"

void virtio_request_done(struct virtio_device *d, unsigned queue, uint64_t begin_tsc, bool good)
{
	struct virtio_metrics *m = &d->metrics[queue];
	uint64_t ticks = __rdtsc() - begin_tsc;
	unsigned bucket = ticks ? 63 - (unsigned)__builtin_clzll(ticks) : 0;

	m->requests++;
	m->errors += !good;
	m->latency[bucket < VIRTIO_LATENCY_BUCKETS ? bucket : VIRTIO_LATENCY_BUCKETS - 1]++;
}

void virtio_host_error(struct virtio_device *d, int errnum, const char *doing, uint64_t at)
{
	struct virtio_host_error *e = &d->host_error;

	if (e->count++ == 0)
		*e = (struct virtio_host_error){ .count = 1, .errnum = errnum, .doing = doing, .at = at };
}
