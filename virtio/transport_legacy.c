/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What virtio-mmio version 1 has of its own (virtio 1.2, 4.2.4), for drivers from before virtio 1.0: a queue is one area (2.7.2),
 * named by a page's number; there is no FEATURES_OK, so features are agreed on when the device is first used, which may be before
 * DRIVER_OK (3.1.2).
 */
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>

#include "virtio/transport.h"
#include "virtio/transport_internal.h"

void virtio_legacy_init(struct virtio_device *d)
{
	/* What came with virtio 1.0 lies above. No device of ours asks where a descriptor ends (2.7.4.3). */
	d->features_offered = (d->features_offered & UINT32_MAX) | FEATURE(VIRTIO_F_ANY_LAYOUT);
}

/* ---- features and status: 2.2.3, 3.1.2 ---- */

static bool in_use(const struct virtio_device *d)
{
	return d->transport.status & VIRTIO_CONFIG_S_DRIVER_OK;
}

/* As they stand. The driver has no way to hear of one that it may not have: it does without. */
static void take_features(struct virtio_device *d)
{
	d->features = d->transport.driver_features & d->features_offered;
}

void legacy_use(struct virtio_device *d)
{
	if (in_use(d) || (d->transport.status & VIRTIO_CONFIG_S_NEEDS_RESET) || !(d->transport.status & VIRTIO_CONFIG_S_DRIVER))
		return;
	take_features(d);
	/* Nothing was taken out of a queue so far, and features may have come after it. */
	transport_start_queues(d);
	if (d->transport.status & VIRTIO_CONFIG_S_NEEDS_RESET)
		return;
	/* The driver reads what it has written. */
	d->transport.status |= VIRTIO_CONFIG_S_FEATURES_OK;
	d->transport.status_hidden = VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK;
	transport_driver_ok(d);
}

void legacy_write_status(struct virtio_device *d, uint32_t value)
{
	if (!(value & VIRTIO_CONFIG_S_DRIVER_OK))
		return;
	legacy_use(d);
	d->transport.status_hidden &= ~(uint32_t)VIRTIO_CONFIG_S_DRIVER_OK;
}

/* ---- queues: 2.7.2, 4.2.4 ---- */

/* A queue may be described as long as it has no page, also after DRIVER_OK. */
static struct virtq_config *describable(struct virtio_device *d, unsigned *queue)
{
	if (!transport_selected(d, queue) || d->transport.queue_ready[*queue] || d->transport.resetting ||
	    !(d->transport.status & VIRTIO_CONFIG_S_DRIVER))
		return NULL;
	return &d->transport.queue_config[*queue];
}

static bool is_power_of_two(uint64_t value)
{
	return value && !(value & (value - 1));
}

/* Where the areas are. NULL, or why they are nowhere; sizes and addresses are virtq_start()'s to judge. */
static const char *place(const struct virtio_device *d, unsigned queue, struct virtq_config *config)
{
	uint64_t page = d->guest_page_bytes, align = d->transport.queue_align[queue], avail_bytes;

	if (!is_power_of_two(page))
		return "GuestPageSize is no power of two";
	if (!is_power_of_two(align) || align > page)
		return "QueueAlign is no power of two, or more than GuestPageSize";
	/* Three numbers of 16 bits beside the ring: flags, index, event. Nothing wraps: page is below 2^32, and a power of two. */
	avail_bytes = sizeof(uint16_t) * (3 + (uint64_t)config->size);
	config->desc = d->transport.queue_pfn[queue] * page;
	config->driver = config->desc + config->size * sizeof(struct vring_desc);
	config->device = (config->driver + avail_bytes + align - 1) & -align;
	return NULL;
}

/* "When the driver stops using the queue it writes zero": one that the device uses only a reset takes back, then of all. */
static void release(struct virtio_device *d, unsigned queue)
{
	if (in_use(d)) {
		virtio_reset(d);
		return;
	}
	virtq_stop(&d->queues[queue]);
	d->transport.queue_ready[queue] = false;
	d->transport.queue_pfn[queue] = 0;
}

static void write_pfn(struct virtio_device *d, uint32_t pfn)
{
	struct virtq_config *config;
	const char *wrong;
	unsigned queue;

	if (pfn == 0) {
		if (transport_selected(d, &queue) && d->transport.queue_ready[queue])
			release(d, queue);
		return;
	}
	config = describable(d, &queue);
	if (!config)
		return;
	if (!in_use(d))
		take_features(d);
	d->transport.queue_pfn[queue] = pfn;
	wrong = place(d, queue, config);
	if (wrong)
		virtio_needs_reset(d, wrong);
	else if (transport_start_queue(d, queue, config))
		d->transport.queue_ready[queue] = true;
}

/* ---- registers: 4.2.4 ---- */

uint32_t legacy_read(const struct virtio_device *d, uint64_t offset)
{
	unsigned queue;

	if (offset != VIRTIO_MMIO_QUEUE_PFN || !transport_selected(d, &queue) || !d->transport.queue_ready[queue])
		return 0;
	return d->transport.queue_pfn[queue];
}

void legacy_write(struct virtio_device *d, uint64_t offset, uint32_t value)
{
	struct virtq_config *config;
	unsigned queue;

	switch (offset) {
	case VIRTIO_MMIO_GUEST_PAGE_SIZE:
		d->guest_page_bytes = value;
		break;
	case VIRTIO_MMIO_QUEUE_NUM:
		config = describable(d, &queue);
		if (config)
			config->size = value <= UINT16_MAX ? (uint16_t)value : UINT16_MAX;
		break;
	case VIRTIO_MMIO_QUEUE_ALIGN:
		if (describable(d, &queue))
			d->transport.queue_align[queue] = value;
		break;
	case VIRTIO_MMIO_QUEUE_PFN:
		write_pfn(d, value);
		break;
	}
}
