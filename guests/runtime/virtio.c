/* SPDX-License-Identifier: Apache-2.0 */
#include "virtio.h"

#include <stdlib.h>
#include <string.h>

const struct kvick_device *kvick_device(unsigned index)
{
	const struct kvick_boot_info *boot = kvick_boot();

	if (!boot->devices || index >= boot->device_count || index >= KVICK_DEVICES_MAX)
		return NULL;
	return (const struct kvick_device *)boot->devices + index;
}

int kvick_device_find(uint32_t id, const char *name)
{
	const struct kvick_device *device;

	for (unsigned i = 0; (device = kvick_device(i)); i++)
		if (device->id == id && (!name || strncmp(device->name, name, sizeof(device->name)) == 0))
			return (int)i;
	return -1;
}

void kvick_device_config(const struct kvick_device *device, size_t offset, void *to, size_t bytes)
{
	uint8_t config[sizeof(device->config)];
	uint32_t generation, valid;

	/* 2.5.1: the VMM may be writing at the same time. */
	do {
		generation = __atomic_load_n(&device->generation, __ATOMIC_ACQUIRE);
		memcpy(config, device->config, sizeof(config));
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while (generation & 1 || generation != __atomic_load_n(&device->generation, __ATOMIC_RELAXED));

	valid = device->config_bytes < sizeof(config) ? device->config_bytes : sizeof(config);
	memset(to, 0, bytes);
	if (offset < valid)
		memcpy(to, &config[offset], bytes < valid - offset ? bytes : valid - offset);
}

static uint64_t ring_features(void)
{
	const char *with = getenv("VIRTIO_WITH"), *without = getenv("VIRTIO_WITHOUT");
	uint64_t features = VQ_F_ALL;

	if (with && strstr(with, "in-order"))
		features |= VQ_F_IN_ORDER;
	if (!without)
		return features;
	if (strstr(without, "packed"))
		features &= ~VQ_F_PACKED;
	if (strstr(without, "indirect"))
		features &= ~VQ_F_INDIRECT;
	if (strstr(without, "event-index"))
		features &= ~VQ_F_EVENT_INDEX;
	return features;
}

static unsigned queue_size(unsigned wanted, unsigned offered, uint64_t features)
{
	const char *most = getenv("VIRTIO_QUEUE_SIZE");
	unsigned size = wanted < offered ? wanted : offered;

	if (most && atoi(most) > 0 && (unsigned)atoi(most) < size)
		size = (unsigned)atoi(most);
	while (!(features & VQ_F_PACKED) && size & (size - 1))
		size &= size - 1; /* 2.7: a power of two */
	return size;
}

static int64_t call_setup(const struct kvick_virtio_setup *setup)
{
	struct kvick_call call = { .nr = KVICK_CALL_DEVICE_SETUP, .arg = { (uintptr_t)setup } };

	kvick_hypercall(&call);
	return call.ret;
}

static void free_queues(struct virtio *virtio)
{
	for (unsigned i = 0; i < virtio->queues; i++)
		free(virtio->queue[i].ring);
	virtio->queues = 0;
}

int64_t kvick_virtio_open(struct virtio *virtio, int device, uint32_t id, uint64_t features, unsigned queues, unsigned size)
{
	const struct kvick_device *listed = device < 0 ? NULL : kvick_device((unsigned)device);
	struct kvick_virtio_setup setup = { .device = (unsigned)device, .queues = queues };
	int64_t r;

	if (!listed || listed->id != id || queues > listed->queues || queues > KVICK_NOTIFY_QUEUES)
		return -KVICK_EINVAL;
	setup.features = listed->features & (features | ring_features() | VQ_F_VERSION_1);
	size = queue_size(size, listed->queue_size_max, setup.features);
	*virtio = (struct virtio){ .listed = listed, .index = (unsigned)device, .features = setup.features };

	for (unsigned i = 0; i < queues; i++) {
		void *memory = size ? malloc(vq_bytes(size, setup.features)) : NULL;
		struct vq *vq = &virtio->queue[i];

		if (!memory) {
			free_queues(virtio);
			return -KVICK_ENOMEM;
		}
		vq_init(vq, memory, (uintptr_t)memory, size, setup.features);
		virtio->queues++;
		setup.queue[i] = (struct kvick_virtio_queue){
			.size = vq->size, .desc = vq->desc, .driver = vq->driver, .device = vq->device,
		};
	}
	r = call_setup(&setup);
	if (r < 0)
		free_queues(virtio);
	return r;
}

void kvick_virtio_close(struct virtio *virtio)
{
	struct kvick_virtio_setup reset = { .device = virtio->index };

	/* If it is not reset the device may still write: then its memory is lost to us. */
	if (call_setup(&reset) == 0)
		free_queues(virtio);
}

int kvick_virtio_add(struct virtio *virtio, unsigned queue, const struct vq_segment *segments, unsigned readable,
		     unsigned writable, void *cookie)
{
	int r = vq_add(&virtio->queue[queue], segments, readable, writable, cookie);

	if (r == 0 && vq_publish(&virtio->queue[queue]))
		virtio->notifications |= KVICK_NOTIFY_BIT(virtio->index, queue);
	return r;
}

void kvick_virtio_notify(struct virtio *virtio)
{
	uint64_t notifications = virtio->notifications;

	virtio->notifications = 0;
	if (notifications)
		kvick_notify_wait(0, 0, notifications);
}

int64_t kvick_virtio_wait(struct virtio *virtio, unsigned queues, uint64_t timeout_ns)
{
	uint64_t notifications = virtio->notifications;
	bool nothing_used = true;
	int64_t r;

	/* The event stays set until it is reported, so nothing is missed between this look and the call. */
	for (unsigned i = 0; i < virtio->queues; i++) {
		if (virtio->queue[i].broken)
			return -KVICK_EIO;
		if (queues & 1u << i && !vq_arm(&virtio->queue[i]))
			nothing_used = false;
	}
	if (!nothing_used) {
		kvick_virtio_notify(virtio);
		return 1;
	}
	if (__atomic_load_n(&virtio->listed->status, __ATOMIC_RELAXED) & KVICK_DEVICE_NEEDS_RESET)
		return -KVICK_EIO;
	virtio->notifications = 0;
	r = kvick_notify_wait(KVICK_EVENT_BIT(virtio->index), timeout_ns, notifications);
	return r > 0 ? 1 : r;
}

int64_t kvick_virtio_transfer(struct virtio *virtio, unsigned queue, const struct vq_segment *segments, unsigned readable,
			      unsigned writable)
{
	uint32_t written;
	void *cookie;
	int64_t r = kvick_virtio_add(virtio, queue, segments, readable, writable, NULL);

	while (r == 0) {
		r = kvick_virtio_wait(virtio, 1u << queue, KVICK_FOREVER);
		if (r >= 0)
			r = vq_take(&virtio->queue[queue], &cookie, &written);
	}
	return r < 0 ? r : written;
}
