/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes the files in tests/fuzz/corpus/devices_state: the state of each device, and of all of them, in use and not.
 *
 *	make_corpus_devices_state tests/fuzz/corpus/devices_state
 */
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_ring.h>
#include <stdio.h>
#include <string.h>

#include "tests/fuzz/corpus.h"
#include "tests/fuzz/fuzz_devices_state.h"
#include "tests/unit/virtq_driver.h"
#include "virtio/devices_state.h"

#define BIT(feature) (1ull << (feature))

static size_t section;

static void end_section(void)
{
	uint32_t bytes = (uint32_t)(corpus.bytes - section - 8);

	if (section)
		memcpy(corpus.data + section + 4, &bytes, sizeof(bytes));
}

static void begin_section(uint32_t tag)
{
	const uint32_t header[2] = { tag, 0 };

	end_section();
	section = corpus.bytes;
	put_bytes(header, sizeof(header));
}

static const struct {
	uint32_t id, queues, config_bytes;
} devices[THE_DEVICES] = {
	[THE_DISK] = { VIRTIO_ID_BLOCK, 1, sizeof(struct virtio_blk_config) },
	[THE_NETWORK] = { VIRTIO_ID_NET, 2, 12 },
	[THE_CONSOLE] = { VIRTIO_ID_CONSOLE, 2, 12 },
	[THE_ENTROPY] = { VIRTIO_ID_RNG, 1, 0 },
	[THE_SOCKETS] = { VIRTIO_ID_VSOCK, 3, 8 },
};

static void put_queue(unsigned how, unsigned part, uint32_t status)
{
	const uint64_t base = part * PART_BYTES;
	struct queue_state q = { .desc = base + DRIVER_DESC_AT, .driver = base + DRIVER_DRIVER_AT,
				 .device = base + DRIVER_DEVICE_AT, .size = RING_SIZE };

	if (status & VIRTIO_CONFIG_S_FEATURES_OK)
		q.flags = QUEUE_READY | QUEUE_RUNNING | QUEUE_WRAP;
	if (how & HOW_LEGACY) {
		q.align = 4096;
		q.pfn = (uint32_t)(q.desc / 4096);
		q.driver = q.desc + RING_SIZE * 16;
		q.device = base + DRIVER_DRIVER_AT;
	}
	put_bytes(&q, sizeof(q));
}

static void put_device(unsigned how, unsigned i, uint32_t status)
{
	const uint64_t ring = (how & HOW_PACKED ? BIT(VIRTIO_F_RING_PACKED) : 0) |
			      (how & HOW_EVENT ? BIT(VIRTIO_RING_F_EVENT_IDX) : 0) |
			      (how & HOW_IN_ORDER ? BIT(VIRTIO_F_IN_ORDER) : 0) |
			      (how & HOW_LEGACY ? 0 : BIT(VIRTIO_F_VERSION_1));
	struct device_state s = { .id = devices[i].id, .queue_count = devices[i].queues, .features_offered = ring,
				  .features = status & VIRTIO_CONFIG_S_FEATURES_OK ? ring : 0, .driver_features = ring,
				  .status = status, .config_generation = 3, .config_bytes = devices[i].config_bytes,
				  .guest_page_bytes = how & HOW_LEGACY ? 4096 : 0 };
	const struct virtio_blk_config disk = { .capacity = DISK_BYTES / 512, .blk_size = 512 };
	static const struct { uint64_t skip; uint32_t input, reserved; char text[4]; } console = { 5, 4, 0, "abcd" };
	const uint32_t next_port = 7;

	if (how & HOW_LEGACY)
		s.status_hidden = status & VIRTIO_CONFIG_S_FEATURES_OK;
	if (i == THE_DISK)
		memcpy(s.config, &disk, sizeof(disk));
	begin_section(STATE_DEVICE);
	put_bytes(&s, sizeof(s));
	for (unsigned q = 0; q < devices[i].queues; q++)
		put_queue(how, i * PART_QUEUES + q, status);
	if (i == THE_CONSOLE)
		put_bytes(&console, 20);
	if (i == THE_SOCKETS)
		put_bytes(&next_port, sizeof(next_port));
}

static void write_file(const char *folder, const char *name, unsigned how, unsigned which, uint32_t status)
{
	const uint8_t head[2] = { (uint8_t)how, (uint8_t)which };
	uint32_t count[4] = { 0 };

	corpus.bytes = section = 0;
	for (unsigned i = 0; i < THE_DEVICES; i++)
		count[0] += which >> i & 1;
	put_bytes(head, sizeof(head));
	begin_section(STATE_DEVICES);
	put_bytes(count, sizeof(count));
	for (unsigned i = 0; i < THE_DEVICES; i++)
		if (which >> i & 1)
			put_device(how, i, status);
	begin_section(STATE_END);
	end_section();
	corpus_save(folder, name);
}

int main(int argc, char **argv)
{
	static const char *const names[THE_DEVICES] = { "disk", "network", "console", "entropy", "sockets" };
	const uint32_t begun = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER;
	const uint32_t driven = begun | VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK;
	const unsigned all = (1u << THE_DEVICES) - 1, modern = 1u << THE_SOCKETS;

	if (argc != 2)
		return 1;
	for (unsigned i = 0; i < THE_DEVICES; i++)
		write_file(argv[1], names[i], 0, 1u << i, driven);
	write_file(argv[1], "all", 0, all, driven);
	write_file(argv[1], "all-event", HOW_EVENT, all, driven);
	write_file(argv[1], "all-packed", HOW_PACKED, all, driven);
	write_file(argv[1], "all-packed-in-order", HOW_PACKED | HOW_EVENT | HOW_IN_ORDER, all, driven);
	write_file(argv[1], "all-limited", HOW_LIMITED, all, driven);
	write_file(argv[1], "all-legacy", HOW_LEGACY, all & ~modern, driven);
	write_file(argv[1], "not-driven", 0, all, 0);
	write_file(argv[1], "begun", 0, all, begun);
	write_file(argv[1], "agreed", 0, all, begun | VIRTIO_CONFIG_S_FEATURES_OK);
	write_file(argv[1], "needs-reset", 0, all, driven | VIRTIO_CONFIG_S_NEEDS_RESET);
	return 0;
}
