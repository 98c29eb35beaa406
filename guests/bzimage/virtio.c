/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel.h"

#define MAGIC_VALUE 0x74726976 /* "virt" */

struct queue queue __attribute__((aligned(VIRTIO_PAGE)));

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

unsigned virtio_version(unsigned device)
{
	return mmio_read(devices[device].base + VIRTIO_VERSION);
}

/* As Linux does: the page size comes first of all. */
static void begin(uint64_t base, bool legacy)
{
	expect("magic value", mmio_read(base + VIRTIO_MAGIC), MAGIC_VALUE);
	memset(&queue, 0, sizeof(queue));
	if (legacy)
		mmio_write(base + VIRTIO_PAGE_SIZE, VIRTIO_PAGE);
	mmio_write(base + VIRTIO_STATUS, 0);
	while (mmio_read(base + VIRTIO_STATUS))
		;
	mmio_write(base + VIRTIO_STATUS, STATUS_ACKNOWLEDGE | STATUS_DRIVER);
	mmio_write(base + VIRTIO_QUEUE_SEL, 0);
	expect("room in queue 0", mmio_read(base + VIRTIO_QUEUE_MAX) >= QUEUE_SIZE, 1);
}

static void prepare_legacy(uint64_t base)
{
	const uint32_t page = (uint32_t)((uintptr_t)&queue / VIRTIO_PAGE);

	mmio_write(base + VIRTIO_FEATURES_SEL, 1);
	expect("features from 32 on", mmio_read(base + VIRTIO_FEATURES), 0);
	mmio_write(base + VIRTIO_DRIVER_SEL, 0);
	mmio_write(base + VIRTIO_DRIVER, 0);
	mmio_write(base + VIRTIO_QUEUE_SIZE, QUEUE_SIZE);
	mmio_write(base + VIRTIO_QUEUE_ALIGN, VIRTIO_PAGE);
	mmio_write(base + VIRTIO_QUEUE_PFN, page);
	expect("queue 0", mmio_read(base + VIRTIO_QUEUE_PFN), page);
}

static void prepare_modern(uint64_t base)
{
	const uint32_t agreed = STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK;

	mmio_write(base + VIRTIO_FEATURES_SEL, 1);
	expect("VIRTIO_F_VERSION_1", mmio_read(base + VIRTIO_FEATURES) & 1, 1);
	mmio_write(base + VIRTIO_DRIVER_SEL, 0);
	mmio_write(base + VIRTIO_DRIVER, 0);
	mmio_write(base + VIRTIO_DRIVER_SEL, 1);
	mmio_write(base + VIRTIO_DRIVER, 1);
	mmio_write(base + VIRTIO_STATUS, agreed);
	expect("FEATURES_OK", mmio_read(base + VIRTIO_STATUS) & STATUS_FEATURES_OK, STATUS_FEATURES_OK);
	mmio_write(base + VIRTIO_QUEUE_SIZE, QUEUE_SIZE);
	write_address(base + VIRTIO_DESC, queue.desc);
	write_address(base + VIRTIO_AVAIL, &queue.avail);
	write_address(base + VIRTIO_USED, &queue.used);
	mmio_write(base + VIRTIO_QUEUE_READY, 1);
}

void virtio_prepare(unsigned device)
{
	uint64_t base = devices[device].base;
	bool legacy = virtio_version(device) == 1;

	begin(base, legacy);
	if (legacy)
		prepare_legacy(base);
	else
		prepare_modern(base);
}

void virtio_start(unsigned device)
{
	uint64_t base = devices[device].base;
	uint32_t status;

	virtio_prepare(device);
	status = mmio_read(base + VIRTIO_STATUS) | STATUS_DRIVER_OK;
	mmio_write(base + VIRTIO_STATUS, status);
	expect("status", mmio_read(base + VIRTIO_STATUS), status);
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
