/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/virtio_world.h"

#include "tests/unit/test_unit.h"

#include <kvick_guest.h>

static struct {
	struct kvick_boot_info boot;
	struct kvick_device list[KVICK_DEVICES_MAX];
	struct world_device devices[KVICK_DEVICES_MAX];
	unsigned waits;
} world;

void world_reset(void)
{
	memset(&world, 0, sizeof(world));
	world.boot.devices = (uintptr_t)world.list;
}

struct world_device *world_add(uint32_t id, uint64_t features, unsigned queues, const void *config, unsigned config_bytes)
{
	unsigned index = world.boot.device_count++;
	struct kvick_device *listed = &world.list[index];

	*listed = (struct kvick_device){
		.id = id,
		.features = features | 1ull << 32,
		.queues = (uint16_t)queues,
		.queue_size_max = 256,
		.config_bytes = config_bytes,
	};
	snprintf(listed->name, sizeof(listed->name), "device%u", index);
	memcpy(listed->config, config, config_bytes);
	world.devices[index].listed = listed;
	return &world.devices[index];
}

bool world_pop(struct world_device *device, unsigned queue, struct model_chain *chain)
{
	return model_pop(&device->queues[queue], chain);
}

void world_push(struct world_device *device, unsigned queue, const struct model_chain *chain, uint32_t written)
{
	model_push(&device->queues[queue], chain, written);
	device->event |= model_wants_event(&device->queues[queue]);
}

static unsigned copy(const struct model_chain *chain, unsigned first, unsigned end, unsigned offset, void *buffer,
		     unsigned bytes, bool to_chain)
{
	unsigned done = 0;

	for (unsigned i = first; i < end && done < bytes; i++) {
		unsigned n = chain->segments[i].bytes;
		char *at = (char *)(uintptr_t)chain->segments[i].address + offset;

		if (offset >= n) {
			offset -= n;
			continue;
		}
		n = n - offset < bytes - done ? n - offset : bytes - done;
		if (buffer && to_chain)
			memcpy(at, (char *)buffer + done, n);
		else if (buffer)
			memcpy((char *)buffer + done, at, n);
		done += n;
		offset = 0;
	}
	return done;
}

unsigned world_read(const struct model_chain *chain, unsigned offset, void *to, unsigned bytes)
{
	return copy(chain, 0, chain->readable, offset, to, bytes, false);
}

unsigned world_write(const struct model_chain *chain, unsigned offset, const void *from, unsigned bytes)
{
	return copy(chain, chain->readable, chain->readable + chain->writable, offset, (void *)(uintptr_t)from, bytes, true);
}

unsigned world_readable(const struct model_chain *chain)
{
	return world_read(chain, 0, NULL, UINT32_MAX);
}

unsigned world_writable(const struct model_chain *chain)
{
	return world_write(chain, 0, NULL, UINT32_MAX);
}

unsigned world_waits(void)
{
	return world.waits;
}

/* --- the calls --- */

struct kvick_boot_info *kvick_boot(void)
{
	return &world.boot;
}

static int64_t device_setup(const struct kvick_virtio_setup *setup)
{
	struct world_device *device = &world.devices[setup->device];

	if (setup->device >= world.boot.device_count)
		return -KVICK_EINVAL;
	device->set_up = false;
	if (setup->queues > device->listed->queues)
		return -KVICK_EINVAL;
	if (setup->queues == 0)
		return 0;
	if (setup->features & ~device->listed->features || !(setup->features & 1ull << 32))
		return -KVICK_EINVAL;
	device->set_up = true;
	for (unsigned i = 0; i < setup->queues; i++) {
		device->queues[i] = (struct model){
			.desc = setup->queue[i].desc,
			.driver = setup->queue[i].driver,
			.device = setup->queue[i].device,
			.size = setup->queue[i].size,
			.packed = setup->features & 1ull << 34,
			.event_index = setup->features & 1ull << 29,
			.avail_wrap = true,
			.used_wrap = true,
		};
		model_listen(&device->queues[i]);
	}
	return 0;
}

void kvick_hypercall(struct kvick_call *call)
{
	assert_int_equal(call->nr, KVICK_CALL_DEVICE_SETUP);
	call->ret = device_setup((const struct kvick_virtio_setup *)(uintptr_t)call->arg[0]);
}

int64_t kvick_notify_wait(uint64_t event_mask, uint64_t timeout_ns, uint64_t notifications)
{
	int64_t ready = 0;

	world.waits++;
	for (unsigned i = 0; i < world.boot.device_count; i++)
		for (unsigned q = 0; q < KVICK_NOTIFY_QUEUES; q++)
			if (notifications & KVICK_NOTIFY_BIT(i, q) && world.devices[i].set_up) {
				world.devices[i].notified(&world.devices[i], q);
				model_listen(&world.devices[i].queues[q]);
			}
	for (unsigned i = 0; i < world.boot.device_count; i++)
		if (event_mask & KVICK_EVENT_BIT(i) && world.devices[i].event) {
			ready |= (int64_t)KVICK_EVENT_BIT(i);
			world.devices[i].event = false;
		}
	if (!ready && timeout_ns == UINT64_MAX)
		fail_msg("the guest sleeps for ever");
	return ready;
}
