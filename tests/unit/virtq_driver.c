/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/virtq_driver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define AVAIL (1u << VRING_PACKED_DESC_F_AVAIL)
#define USED  (1u << VRING_PACKED_DESC_F_USED)
#define WRAP  (1u << VRING_PACKED_EVENT_F_WRAP_CTR)

void driver_create(struct driver *driver, uint64_t ram_bytes)
{
	uint8_t *all = mmap(NULL, ram_bytes + 2 * GUEST_PAGE_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (all == MAP_FAILED || mprotect(all + GUEST_PAGE_BYTES, ram_bytes, PROT_READ | PROT_WRITE)) {
		perror("mmap");
		abort();
	}
	memset(driver, 0, sizeof(*driver));
	driver->mem.host = all + GUEST_PAGE_BYTES;
	driver->mem.bytes = ram_bytes;
}

void driver_destroy(struct driver *driver)
{
	munmap(driver->mem.host - GUEST_PAGE_BYTES, driver->mem.bytes + 2 * GUEST_PAGE_BYTES);
}

void driver_start(struct driver *driver, uint16_t size, uint64_t features)
{
	struct guest_mem mem = driver->mem;
	uint64_t begins = driver->begins;

	memset(driver, 0, sizeof(*driver));
	driver->mem = mem;
	driver->begins = begins;
	driver->features = features;
	driver->packed = features >> VIRTIO_F_RING_PACKED & 1;
	driver->event_index = features >> VIRTIO_RING_F_EVENT_IDX & 1;
	driver->config = (struct virtq_config){ size, DRIVER_DESC_AT, DRIVER_DRIVER_AT, DRIVER_DEVICE_AT };
	memset(mem.host + DRIVER_DESC_AT, 0, DRIVER_TABLES_AT - DRIVER_DESC_AT);
	driver->desc = (void *)(mem.host + DRIVER_DESC_AT);
	driver->avail = (void *)(mem.host + DRIVER_DRIVER_AT);
	driver->used = (void *)(mem.host + DRIVER_DEVICE_AT);
	driver->slots = (void *)driver->desc;
	driver->driver_event = (void *)driver->avail;
	driver->device_event = (void *)driver->used;
	driver->avail_wrap = driver->used_wrap = true;
	driver->free = size;
	for (unsigned i = 0; i < size && i < VIRTQ_SIZE_MAX; i++)
		driver->ids[driver->ids_count++] = (uint16_t)i;
}

void driver_start_legacy(struct driver *driver, uint16_t size, uint64_t features, uint32_t align)
{
	struct virtq_config *config = &driver->config;

	driver_start(driver, size, features);
	config->driver = config->desc + size * sizeof(struct vring_desc);
	config->device = (config->driver + sizeof(struct vring_avail) + size * 2u + 2 + align - 1) / align * align;
	driver->avail = (void *)(driver->mem.host + config->driver);
	driver->used = (void *)(driver->mem.host + config->device);
}

static uint16_t take_id(struct driver *driver)
{
	uint16_t id = driver->ids[driver->ids_first];

	driver->ids_first = (driver->ids_first + 1) % VIRTQ_SIZE_MAX;
	driver->ids_count--;
	return id;
}

static void give_id(struct driver *driver, uint16_t id)
{
	driver->ids[(driver->ids_first + driver->ids_count++) % VIRTQ_SIZE_MAX] = id;
}

static uint64_t table_of(uint16_t id)
{
	return DRIVER_TABLES_AT + id * DRIVER_PARTS_MAX * sizeof(struct vring_desc);
}

static uint16_t part_flags(const struct driver_part *parts, unsigned count, unsigned i)
{
	return (uint16_t)((parts[i].writable ? VRING_DESC_F_WRITE : 0) | (i + 1 < count ? VRING_DESC_F_NEXT : 0));
}

static int add_split(struct driver *driver, const struct driver_part *parts, unsigned count, bool indirect)
{
	uint16_t members[DRIVER_PARTS_MAX], needed = (uint16_t)(indirect ? 1 : count);

	for (unsigned i = 0; i < needed; i++)
		members[i] = take_id(driver);
	if (indirect) {
		struct vring_desc *table = (void *)(driver->mem.host + table_of(members[0]));

		for (unsigned i = 0; i < count; i++)
			table[i] = (struct vring_desc){ parts[i].address, parts[i].bytes, part_flags(parts, count, i),
							(uint16_t)(i + 1 < count ? i + 1 : 0) };
		driver->desc[members[0]] = (struct vring_desc){
			driver->begins + table_of(members[0]), count * (uint32_t)sizeof(*table), VRING_DESC_F_INDIRECT, 0
		};
	} else {
		for (unsigned i = 0; i < count; i++)
			driver->desc[members[i]] = (struct vring_desc){
				parts[i].address, parts[i].bytes, part_flags(parts, count, i),
				i + 1 < count ? members[i + 1] : 0
			};
	}
	driver->chains[members[0]].used = true;
	driver->chains[members[0]].descriptors = needed;
	memcpy(driver->chains[members[0]].members, members, sizeof(members));
	driver->avail->ring[driver->next_avail++ % driver->config.size] = members[0];
	/* Write barrier: pairs with the device's acquire. */
	__atomic_store_n(&driver->avail->idx, driver->next_avail, __ATOMIC_RELEASE);
	driver->added++;
	return members[0];
}

static void advance(const struct driver *driver, uint16_t *slot, bool *wrap, unsigned by)
{
	for (; by > 0; by--)
		if (++*slot >= driver->config.size) {
			*slot = 0;
			*wrap = !*wrap;
		}
}

static int add_packed(struct driver *driver, const struct driver_part *parts, unsigned count, bool indirect)
{
	uint16_t id = take_id(driver), needed = (uint16_t)(indirect ? 1 : count), first = driver->next_avail, first_flags = 0;
	struct vring_packed_desc *table = (void *)(driver->mem.host + table_of(id));

	for (unsigned i = 0; indirect && i < count; i++)
		table[i] = (struct vring_packed_desc){ parts[i].address, parts[i].bytes, 0,
						       parts[i].writable ? VRING_DESC_F_WRITE : 0 };
	for (unsigned i = 0; i < needed; i++) {
		struct vring_packed_desc *slot = &driver->slots[driver->next_avail];
		unsigned flags = driver->avail_wrap ? AVAIL : USED;

		if (indirect) {
			slot->addr = driver->begins + table_of(id);
			slot->len = count * (uint32_t)sizeof(*table);
			flags |= VRING_DESC_F_INDIRECT;
		} else {
			slot->addr = parts[i].address;
			slot->len = parts[i].bytes;
			flags |= part_flags(parts, count, i);
		}
		/* Only the last one's counts (2.8.6). */
		slot->id = i + 1 == needed ? id : 0xdead;
		if (i == 0)
			first_flags = (uint16_t)flags;
		else
			slot->flags = (uint16_t)flags;
		advance(driver, &driver->next_avail, &driver->avail_wrap, 1);
	}
	driver->chains[id].used = true;
	driver->chains[id].descriptors = needed;
	/* Write barrier: pairs with the device's acquire. */
	__atomic_store_n(&driver->slots[first].flags, first_flags, __ATOMIC_RELEASE);
	driver->added = (uint16_t)(driver->added + needed);
	return id;
}

int driver_add(struct driver *driver, const struct driver_part *parts, unsigned count, bool indirect)
{
	unsigned needed = indirect ? 1 : count;

	if (needed > driver->free || needed > driver->ids_count || count == 0 || count > DRIVER_PARTS_MAX)
		return -1;
	driver->free = (uint16_t)(driver->free - needed);
	return driver->packed ? add_packed(driver, parts, count, indirect) : add_split(driver, parts, count, indirect);
}

bool driver_should_notify(struct driver *driver)
{
	uint16_t added = driver->added;

	driver->added = 0;
	/* Full barrier: pairs with the one in virtq_listen(). */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (driver->packed) {
		uint32_t event = __atomic_load_n((uint32_t *)driver->device_event, __ATOMIC_RELAXED);
		uint16_t slot = event & (WRAP - 1);

		if (event >> 16 != VRING_PACKED_EVENT_FLAG_DESC)
			return event >> 16 != VRING_PACKED_EVENT_FLAG_DISABLE;
		if (!!(event & WRAP) != driver->avail_wrap)
			slot = (uint16_t)(slot - driver->config.size);
		return vring_need_event(slot, driver->next_avail, (uint16_t)(driver->next_avail - added));
	}
	if (!driver->event_index)
		return !(__atomic_load_n(&driver->used->flags, __ATOMIC_RELAXED) & VRING_USED_F_NO_NOTIFY);
	return vring_need_event(__atomic_load_n((uint16_t *)&driver->used->ring[driver->config.size], __ATOMIC_RELAXED),
				driver->next_avail, (uint16_t)(driver->next_avail - added));
}

bool driver_has_used(const struct driver *driver)
{
	uint16_t flags;

	/* Read barrier: pairs with the device's release. */
	if (!driver->packed)
		return __atomic_load_n(&driver->used->idx, __ATOMIC_ACQUIRE) != driver->last_used;
	flags = __atomic_load_n(&driver->slots[driver->last_used].flags, __ATOMIC_ACQUIRE);
	return !!(flags & AVAIL) == driver->used_wrap && !!(flags & USED) == driver->used_wrap;
}

int driver_take_used(struct driver *driver, uint16_t *id, uint32_t *written)
{
	uint32_t wide;

	if (!driver_has_used(driver))
		return 0;
	if (driver->packed) {
		const struct vring_packed_desc *slot = &driver->slots[driver->last_used];

		wide = slot->id;
		*written = slot->flags & VRING_DESC_F_WRITE ? slot->len : 0;
	} else {
		const struct vring_used_elem *element = &driver->used->ring[driver->last_used % driver->config.size];

		wide = element->id;
		*written = element->len;
	}
	if (wide >= driver->config.size || wide >= VIRTQ_SIZE_MAX || !driver->chains[wide].used)
		return -1;
	*id = (uint16_t)wide;
	driver->chains[wide].used = false;
	driver->free = (uint16_t)(driver->free + driver->chains[wide].descriptors);
	if (driver->packed) {
		give_id(driver, *id);
		advance(driver, &driver->last_used, &driver->used_wrap, driver->chains[wide].descriptors);
	} else {
		for (unsigned i = 0; i < driver->chains[wide].descriptors; i++)
			give_id(driver, driver->chains[wide].members[i]);
		driver->last_used++;
	}
	return 1;
}

void driver_interrupts_off(struct driver *driver)
{
	if (driver->packed)
		__atomic_store_n(&driver->driver_event->flags, VRING_PACKED_EVENT_FLAG_DISABLE, __ATOMIC_RELAXED);
	else if (driver->event_index)
		__atomic_store_n(&driver->avail->ring[driver->config.size], (uint16_t)(driver->last_used - 1), __ATOMIC_RELAXED);
	else
		__atomic_store_n(&driver->avail->flags, VRING_AVAIL_F_NO_INTERRUPT, __ATOMIC_RELAXED);
}

bool driver_interrupts_on(struct driver *driver, uint16_t later)
{
	uint16_t slot = driver->last_used;
	bool wrap = driver->used_wrap;

	if (driver->packed && driver->event_index) {
		advance(driver, &slot, &wrap, later);
		__atomic_store_n((uint32_t *)driver->driver_event,
				 slot | (wrap ? WRAP : 0) | (uint32_t)VRING_PACKED_EVENT_FLAG_DESC << 16, __ATOMIC_RELAXED);
	} else if (driver->packed) {
		__atomic_store_n(&driver->driver_event->flags, VRING_PACKED_EVENT_FLAG_ENABLE, __ATOMIC_RELAXED);
	} else if (driver->event_index) {
		__atomic_store_n(&driver->avail->ring[driver->config.size], (uint16_t)(driver->last_used + later),
				 __ATOMIC_RELAXED);
	} else {
		__atomic_store_n(&driver->avail->flags, 0, __ATOMIC_RELAXED);
	}
	/* Full barrier: pairs with the one in virtq_needs_interrupt(). */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return driver_has_used(driver);
}
