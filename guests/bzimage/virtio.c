/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel.h"

#define MAGIC_VALUE 0x74726976 /* "virt" */

struct queue queue __attribute__((aligned(4096)));

unsigned virtio_find(uint32_t id)
{
	unsigned device = 0;

	while (device < device_count && mmio_read(devices[device].base + VIRTIO_DEVICE_ID) != id)
		device++;
	if (device == device_count)
		printf("there is no device %u\n", id);
	return device;
}

static void write_address(uint64_t reg, const volatile void *of)
{
	mmio_write(reg, (uint32_t)(uintptr_t)of);
	mmio_write(reg + 4, (uint32_t)((uintptr_t)of >> 32));
}

void virtio_start(unsigned device)
{
	const uint32_t agreed = STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK;
	uint64_t base = devices[device].base;

	expect("magic value", mmio_read(base + VIRTIO_MAGIC), MAGIC_VALUE);
	expect("version", mmio_read(base + VIRTIO_VERSION), 2);
	memset(&queue, 0, sizeof(queue));
	mmio_write(base + VIRTIO_STATUS, 0);
	while (mmio_read(base + VIRTIO_STATUS))
		;
	mmio_write(base + VIRTIO_STATUS, STATUS_ACKNOWLEDGE | STATUS_DRIVER);
	mmio_write(base + VIRTIO_FEATURES_SEL, 1);
	expect("VIRTIO_F_VERSION_1", mmio_read(base + VIRTIO_FEATURES) & 1, 1);
	mmio_write(base + VIRTIO_DRIVER_SEL, 0);
	mmio_write(base + VIRTIO_DRIVER, 0);
	mmio_write(base + VIRTIO_DRIVER_SEL, 1);
	mmio_write(base + VIRTIO_DRIVER, 1);
	mmio_write(base + VIRTIO_STATUS, agreed);
	expect("FEATURES_OK", mmio_read(base + VIRTIO_STATUS) & STATUS_FEATURES_OK, STATUS_FEATURES_OK);
	mmio_write(base + VIRTIO_QUEUE_SEL, 0);
	expect("room in queue 0", mmio_read(base + VIRTIO_QUEUE_MAX) >= QUEUE_SIZE, 1);
	mmio_write(base + VIRTIO_QUEUE_SIZE, QUEUE_SIZE);
	write_address(base + VIRTIO_DESC, queue.desc);
	write_address(base + VIRTIO_AVAIL, &queue.avail);
	write_address(base + VIRTIO_USED, &queue.used);
	mmio_write(base + VIRTIO_QUEUE_READY, 1);
	mmio_write(base + VIRTIO_STATUS, agreed | STATUS_DRIVER_OK);
	expect("status", mmio_read(base + VIRTIO_STATUS), agreed | STATUS_DRIVER_OK);
}

void virtio_offer(unsigned device)
{
	queue.avail.ring[queue.avail.index % QUEUE_SIZE] = 0;
	__atomic_thread_fence(__ATOMIC_RELEASE);
	queue.avail.index++;
	mmio_write(devices[device].base + VIRTIO_NOTIFY, 0);
}

void virtio_poll(uint16_t used)
{
	while (queue.used.index != used)
		__asm__ volatile("pause");
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
}
