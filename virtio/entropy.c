/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The entropy device: virtio 1.2, 5.4. Every buffer is filled from getrandom(), at once. No limit but the operator's: a guest that
 * asks without end has its own vCPU's thread work for it, 256 bytes a call, and nobody else's; the kernel's pool is not used up.
 */
#include <errno.h>
#include <linux/virtio_ids.h>
#include <string.h>
#include <x86intrin.h>

#include "virtio/device.h"
#include "virtio/devices.h"
#include "vmm/error.h"
#include "vmm/sys.h"

#define QUEUE_SIZE 64

/* A request gets no more than this, which 5.4.6.1 allows: one call of the kernel's that no signal cuts short. */
#define BYTES_MAX 256

static int activate(struct virtio_device *device)
{
	(void)device;
	return 0;
}

static uint32_t serve(struct virtio_device *device, const struct virtq_chain *chain)
{
	uint8_t random[BYTES_MAX];
	size_t bytes = chain->writable_bytes < sizeof(random) ? (size_t)chain->writable_bytes : sizeof(random);
	ssize_t n = bytes ? sys_getrandom(device->sys, random, bytes) : 0;

	if (n < 0)
		virtio_host_error(device, (int)-n, "getrandom", 0);
	return n > 0 ? (uint32_t)chain_write(chain, 0, random, (size_t)n) : 0;
}

static void notify(struct virtio_device *device, unsigned queue)
{
	struct virtq *q = &device->queues[queue];
	struct virtq_chain chain;
	bool any = false;
	int r;

	do {
		virtq_quiet(q);
		while ((r = virtio_pop(device, queue, &chain)) == 1) {
			uint64_t begin = __rdtsc();
			uint32_t written = serve(device, &chain);

			virtq_push(q, &chain, written);
			virtio_request_done(device, queue, begin, written > 0);
			any = true;
		}
	} while (r == 0 && virtq_listen(q));
	if (any)
		virtio_queue_done(device, queue);
	if (r < 0)
		virtio_needs_reset(device, q->broken);
}

/* Nothing is ever in flight. */
static bool reset(struct virtio_device *device)
{
	(void)device;
	return true;
}

static const struct virtio_ops ops = {
	.name = "entropy",
	.id = VIRTIO_ID_RNG,
	.data_bytes_max = BYTES_MAX,
	.activate = activate,
	.notify = notify,
	.reset = reset,
};

int virtio_entropy_create(struct virtio_device **device, const struct device_context *context)
{
	struct virtio_device *d = device_alloc(context, sizeof(*d));

	if (!d)
		return -ENOMEM;
	d->ops = &ops;
	d->queue_count = 1;
	d->queue_size_max[0] = QUEUE_SIZE;
	*device = d;
	return 0;
}
