/* SPDX-License-Identifier: Apache-2.0 */
/* Devices whose driver does not know what it does. Device 0 is a disk of 1 MiB, device 1 gives random bytes. */
#include "../ring_layout.h"

#define DISK 0u
#define RNG  1u

#define PACKED      (1ull << 34)
#define IN_ORDER    (1ull << 35)
#define INDIRECT    (1ull << 28)
#define EVENT_INDEX (1ull << 29)

#define TABLE     4 /* VRING_DESC_F_INDIRECT */
#define AVAILABLE (1u << 7) /* 2.8.1 */

#define SECTOR  512u
#define SECTORS ((1u << 20) / SECTOR)

/* 5.2.6 */
enum { IN = 0, OUT = 1, FLUSH = 4, GET_ID = 8, DISCARD = 11, WRITE_ZEROES = 13 };
enum { OK, IOERR, UNSUPP, NONE = 0xff };

struct request {
	struct { uint32_t type, reserved; uint64_t sector; } header;
	uint8_t status;
};

/* A queue's memory, in pages of its own. */
static volatile struct desc *desc;
static volatile struct avail *avail;
static volatile struct used *used;
static volatile struct desc *table;    /* a page of descriptors, for indirect ones */
static volatile struct request *request;
static uint64_t data;                  /* 16 pages */

static uint64_t ram(void)
{
	return kvick_boot()->mem_bytes;
}

static int64_t set_up(const struct kvick_virtio_setup *setup)
{
	return call(KVICK_CALL_DEVICE_SETUP, (uintptr_t)setup, 0, 0, 0, 0, 0);
}

static int64_t wait(uint64_t mask, uint64_t timeout_ns, uint64_t notifications)
{
	return call(KVICK_CALL_WAIT, mask, timeout_ns, notifications, 0, 0, 0);
}

static struct kvick_virtio_setup good_setup(unsigned device)
{
	if (!desc) {
		desc = (void *)pages_take(1);
		avail = (void *)pages_take(1);
		used = (void *)pages_take(1);
		table = (void *)pages_take(1);
		request = (void *)pages_take(1);
		data = pages_take(16);
	}
	return (struct kvick_virtio_setup){
		.device = device,
		.queues = 1,
		.features = VERSION_1 | INDIRECT,
		.queue = { { .size = SIZE, .desc = (uintptr_t)desc, .driver = (uintptr_t)avail, .device = (uintptr_t)used } },
	};
}

static void clear(void)
{
	fill((uintptr_t)desc, 0);
	fill((uintptr_t)avail, 0);
	fill((uintptr_t)used, 0);
	fill((uintptr_t)table, 0);
}

/* As it should be. */
static void start_with(unsigned device, uint64_t features)
{
	struct kvick_virtio_setup setup = good_setup(device);

	setup.features = features;
	clear();
	expect("a good set-up", set_up(&setup), 0);
	expect("its status", list()[device].status, 0);
}

static void start(unsigned device)
{
	start_with(device, VERSION_1 | INDIRECT);
}

static void describe(volatile struct desc *at, uint64_t address, uint32_t bytes, unsigned flags, unsigned next)
{
	at->address = address;
	at->bytes = bytes;
	at->flags = (uint16_t)flags;
	at->next = (uint16_t)next;
}

static void offer(unsigned head)
{
	avail->ring[avail->index % SIZE] = (uint16_t)head;
	__atomic_store_n(&avail->index, (uint16_t)(avail->index + 1), __ATOMIC_RELEASE);
}

static int64_t notify(unsigned device)
{
	return wait(KVICK_EVENT_BIT(device), 10000 * MS, KVICK_NOTIFY_BIT(device, 0));
}

static void needs_reset(const char *what, unsigned device)
{
	expect(what, notify(device), (int64_t)KVICK_EVENT_BIT(device));
	expect(what, list()[device].status & KVICK_DEVICE_NEEDS_RESET, KVICK_DEVICE_NEEDS_RESET);
	expect("nothing more of it", wait(KVICK_EVENT_BIT(device), 0, KVICK_NOTIFY_BIT(device, 0)), 0);
}

/* Whatever has been: a device that is set up anew works. */
static void still_works(void)
{
	start(RNG);
	describe(&desc[0], data, 16, WRITE, 0);
	offer(0);
	expect("random bytes", notify(RNG), 1 << RNG);
	expect("their number", used->ring[0].bytes, 16);

	start(DISK);
	request->header.type = IN;
	request->header.sector = 3;
	request->status = NONE;
	describe(&desc[0], (uintptr_t)&request->header, 16, NEXT, 1);
	describe(&desc[1], data, SECTOR, NEXT | WRITE, 2);
	describe(&desc[2], (uintptr_t)&request->status, 1, WRITE, 0);
	offer(0);
	expect("a read", notify(DISK), 1 << DISK);
	expect("its status", request->status, OK);
	expect("its bytes", used->ring[0].bytes, SECTOR + 1);
}

/* --- set-up --- */

static void setup_is(const char *what, const struct kvick_virtio_setup *setup, int64_t error)
{
	expect(what, set_up(setup), error);
	expect("notified without effect", wait(3, 0, UINT64_MAX), 0);
}

static void setup_values(void)
{
	const struct kvick_virtio_setup good = good_setup(DISK);
	static const uint16_t sizes[] = { 3, 5, 48, 63, 65, 129, 255, 257, 512, 1024, 4096, 32768, 65535 };
	const uint64_t addresses[] = {
		ram(), ram() - 2, ram() - 4, ram() - 16, ram() + 16, UINT64_MAX, -2ull, -4ull, -16ull, -4096ull, 1ull << 63,
		1ull << 52, 1ull << 36, 1ull << 32, good.queue[0].desc + 1, good.queue[0].driver + 1, good.queue[0].device + 1,
	};
	struct kvick_virtio_setup setup;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		setup = good;
		setup.queue[0].size = sizes[i];
		setup_is("size", &setup, -KVICK_EINVAL);
	}
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		for (unsigned area = 0; area < 3; area++) {
			setup = good;
			(&setup.queue[0].desc)[area] = addresses[i];
			setup_is("address", &setup, -KVICK_EINVAL);
			/* A packed ring's driver and device areas are 4 bytes long: some of these are good. */
			setup.features |= PACKED;
			if (set_up(&setup) != 0)
				setup_is("address of a packed ring", &setup, -KVICK_EINVAL);
		}
	}
	for (unsigned i = 0; i < 3; i++) {
		setup = good;
		setup.queue[0].reserved[i] = 1;
		setup_is("reserved", &setup, -KVICK_EINVAL);
	}
	for (unsigned bit = 0; bit < 64; bit++) {
		setup = good;
		setup.features = VERSION_1 | 1ull << bit;
		if (!(list()[DISK].features >> bit & 1))
			setup_is("features", &setup, -KVICK_EINVAL);
	}
	setup = good, setup.features = 0, setup_is("no features", &setup, -KVICK_EINVAL);
	setup = good, setup.features = UINT64_MAX, setup_is("all features", &setup, -KVICK_EINVAL);
	setup = good, setup.queues = 2, setup_is("two queues", &setup, -KVICK_EINVAL);
	setup = good, setup.queues = 9, setup_is("nine queues", &setup, -KVICK_EINVAL);
	setup = good, setup.queues = UINT32_MAX, setup_is("2^32 - 1 queues", &setup, -KVICK_EINVAL);
	setup = good, setup.queue[0].driver = setup.queue[0].desc, setup_is("overlap", &setup, -KVICK_EINVAL);
	setup = good, setup.queue[0].device = setup.queue[0].desc + 16 * (SIZE - 1), setup_is("overlap", &setup, -KVICK_EINVAL);
	for (uint64_t device = 2; device <= UINT32_MAX; device = device * 2 + 1)
		setup = good, setup.device = (uint32_t)device, setup_is("device", &setup, -KVICK_EINVAL);
	setup = good, setup.queue[0].size = 0, setup_is("no queue at all", &setup, 0);
	still_works();
}

static void setup_pointers(void)
{
	const uint64_t bad[] = {
		ram(), ram() - 1, ram() - 271, ram() + 1, UINT64_MAX, -271ull, -272ull, 1ull << 63, 1ull << 52, 1ull << 36,
		0xffff800000000000,
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		expect("pointer", call(KVICK_CALL_DEVICE_SETUP, bad[i], 0, 0, 0, 0, 0), -KVICK_EFAULT);
	/* Whatever lies there, and where no alignment is asked for. */
	for (uint64_t at = 0; at < 0x8000; at += 61)
		call(KVICK_CALL_DEVICE_SETUP, at, 0, 0, 0, 0, 0);
	call(KVICK_CALL_DEVICE_SETUP, ram() - 272, 0, 0, 0, 0, 0);
	still_works();
}

static void setup_garbage(void)
{
	struct kvick_virtio_setup setup;

	for (unsigned i = 0; i < 1000; i++) {
		int64_t r;

		setup = good_setup((unsigned)garbage() % 3);
		for (unsigned j = 0; j <= i % 3; j++) {
			uint64_t *word = (uint64_t *)&setup + garbage() % (sizeof(setup) / 8);

			*word = i % 2 ? garbage() : *word ^ 1ull << garbage() % 64;
		}
		r = set_up(&setup);
		if (r != 0)
			expect("garbage", r, -KVICK_EINVAL);
		wait(3, 0, garbage());
	}
	still_works();
}

/* Rings in what is the VMM's and ours: the device writes there. */
static void rings_anywhere(void)
{
	for (uint64_t at = 0; at < 0x9000; at += 4096) {
		struct kvick_virtio_setup setup = good_setup(RNG);

		setup.queue[0].size = 8;
		setup.queue[0].desc = at;
		setup.queue[0].driver = at + 256;
		setup.queue[0].device = at + 512;
		set_up(&setup);
		wait(3, 0, UINT64_MAX);
		setup.features |= PACKED | EVENT_INDEX;
		set_up(&setup);
		wait(3, 0, UINT64_MAX);
	}
}

static void rings_in_the_list(void)
{
	struct kvick_virtio_setup setup = good_setup(RNG);

	setup.queue[0].desc = (uintptr_t)list();
	setup.queue[0].driver = (uintptr_t)list() + 1024;
	setup.queue[0].device = (uintptr_t)list() + 2048;
	set_up(&setup);
	wait(3, 0, UINT64_MAX);
	setup.device = DISK;
	set_up(&setup);
	wait(3, 0, UINT64_MAX);
	still_works();
}

/* Both devices, one ring. */
static void rings_shared(void)
{
	struct kvick_virtio_setup setup = good_setup(RNG);

	start(DISK);
	expect("the same ring", set_up(&setup), 0);
	for (unsigned i = 0; i < SIZE; i++) {
		describe(&desc[i], data, 4096, WRITE, 0);
		offer(i);
	}
	wait(3, 100 * MS, UINT64_MAX);
	wait(3, 0, UINT64_MAX);
	still_works();
}

/* --- notifications and events --- */

static void notifications(void)
{
	wait(3, 0, UINT64_MAX);
	for (unsigned bit = 0; bit < 64; bit++)
		expect("a bit", wait(3, 0, 1ull << bit), 0);
	start(DISK);
	start(RNG);
	for (unsigned i = 0; i < 5000; i++)
		expect("nothing to do", wait(3, 0, UINT64_MAX), 0);
	still_works();
}

static void masks(void)
{
	expect("both", wait(3, 0, 0), 0);
	for (unsigned bit = 2; bit < 64; bit++) {
		if (1ull << bit == KVICK_EVENT_GENERATION) /* which never comes where there is no snapshot */
			continue;
		expect("no such device", wait(1ull << bit, UINT64_MAX, UINT64_MAX), -KVICK_EINVAL);
		expect("no such device", wait(3 | 1ull << bit, 0, UINT64_MAX), -KVICK_EINVAL);
	}
	expect("all", wait(UINT64_MAX, UINT64_MAX, UINT64_MAX), -KVICK_EINVAL);
	for (uint64_t ns = 1; ns < 10 * MS; ns = ns * 3 + 1)
		expect("a short time", wait(3, ns, UINT64_MAX), 0);
	still_works();
}

/* --- rings --- */

static void split_rings(void)
{
	static const uint16_t heads[] = { SIZE, SIZE + 1, 0x7fff, 0x8000, UINT16_MAX };
	static const uint16_t jumps[] = { SIZE + 1, 255, 0x7fff, 0x8000, UINT16_MAX };
	static const uint32_t lengths[] = { 0, 1, 8, 15, 17, 24, 257 * 16, 65536 * 16, 0x7ffffff0, 0xfffffff0, UINT32_MAX };

	for (unsigned device = 0; device < 2; device++) {
		for (size_t i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++) {
			start(device);
			avail->index = jumps[i];
			needs_reset("the index jumps", device);
		}
		for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
			start(device);
			offer(heads[i]);
			needs_reset("a head outside the table", device);
			start(device);
			describe(&desc[0], data, 16, NEXT, heads[i]);
			offer(0);
			needs_reset("a next one outside the table", device);
		}
		for (unsigned loop = 1; loop <= SIZE; loop *= 2) {
			start(device);
			for (unsigned i = 0; i < loop; i++)
				describe(&desc[i], data, i % 3, NEXT, (i + 1) % loop);
			offer(0);
			needs_reset("a loop", device);
		}
		for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
			start(device);
			describe(&desc[0], (uintptr_t)table, lengths[i], TABLE, 0);
			offer(0);
			needs_reset("a table's length", device);
		}
		start(device);
		describe(&desc[0], (uintptr_t)table, 16, TABLE, 0);
		describe(&table[0], (uintptr_t)table, 16, TABLE, 0);
		offer(0);
		needs_reset("a table in a table", device);
		start(device);
		describe(&desc[0], (uintptr_t)table, 16, TABLE | NEXT, 1);
		describe(&table[0], data, 16, WRITE, 0);
		offer(0);
		needs_reset("more after a table", device);
		start(device);
		describe(&desc[0], ram() - 16, 32, TABLE, 0);
		offer(0);
		needs_reset("a table beyond RAM", device);
		start(device);
		describe(&desc[0], (uintptr_t)table, 32, TABLE, 0);
		describe(&table[0], data, 16, NEXT, 1);
		describe(&table[1], data, 16, NEXT, 0);
		offer(0);
		needs_reset("a loop in a table", device);
		start_with(device, VERSION_1);
		describe(&desc[0], (uintptr_t)table, 16, TABLE, 0);
		offer(0);
		needs_reset("a table that was not negotiated", device);
		start(device);
		describe(&desc[0], data, 16, NEXT | WRITE, 1);
		describe(&desc[1], data, 16, 0, 0);
		offer(0);
		needs_reset("readable after writable", device);
	}
	still_works();
}

/* A slot of a packed ring (2.8.13); it is available in the ring's first round. */
static void pack(volatile struct desc *at, uint64_t address, uint32_t bytes, unsigned id, unsigned flags)
{
	at->address = address;
	at->bytes = bytes;
	((volatile uint16_t *)at)[6] = (uint16_t)id;
	__atomic_store_n((volatile uint16_t *)at + 7, (uint16_t)flags, __ATOMIC_RELEASE);
}

/* One slot that breaks the ring. */
static void packed_slot(const char *what, unsigned device, uint64_t address, uint32_t bytes, unsigned id, unsigned flags)
{
	start_with(device, VERSION_1 | PACKED | INDIRECT);
	pack(&desc[0], address, bytes, id, flags | AVAILABLE);
	needs_reset(what, device);
}

/* A table of two. */
static void packed_table(const char *what, unsigned device, uint64_t address, uint32_t bytes, unsigned first, unsigned second)
{
	start_with(device, VERSION_1 | PACKED | INDIRECT);
	pack(&table[0], data, 16, 0, first);
	pack(&table[1], address, bytes, 0, second);
	pack(&desc[0], (uintptr_t)table, 32, 0, TABLE | AVAILABLE);
	needs_reset(what, device);
}

/* THREATS 5, in packed rings: their loops are chains without an end, their jumps what is available where nothing is. */
static void packed_rings(void)
{
	static const uint32_t lengths[] = { 0, 1, 15, 17, 24, 257 * 16, 65536 * 16, 0xfffffff0, UINT32_MAX };

	for (unsigned device = 0; device < 2; device++) {
		for (unsigned id = SIZE; id < 65536; id = id * 2 + 1)
			packed_slot("an id that is none", device, data, 16, id, WRITE);
		for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
			packed_slot("a table's length", device, (uintptr_t)table, lengths[i], 0, TABLE);
		packed_slot("a table beyond RAM", device, ram() - 16, 32, 0, TABLE);
		packed_slot("more after a table", device, (uintptr_t)table, 16, 0, TABLE | NEXT);
		packed_slot("a chain that goes on where nothing is", device, data, 16, 0, NEXT);
		packed_slot("outside RAM", device, ram(), 1, 0, WRITE);
		packed_slot("across the end of RAM", device, ram() - 1, 2, 0, 0);
		packed_slot("an address that wraps", device, UINT64_MAX, 2, 0, 0);
		packed_table("a table in a table", device, (uintptr_t)table, 16, 0, TABLE);
		packed_table("outside RAM, in a table", device, ram(), 1, 0, WRITE);
		packed_table("readable after writable, in a table", device, data, 16, WRITE, 0);
		start_with(device, VERSION_1 | PACKED);
		pack(&desc[0], (uintptr_t)table, 16, 0, TABLE | AVAILABLE);
		needs_reset("a table that was not negotiated", device);
		start_with(device, VERSION_1 | PACKED);
		pack(&desc[1], data, 16, 0, AVAILABLE);
		pack(&desc[0], data, 16, 0, NEXT | WRITE | AVAILABLE);
		needs_reset("readable after writable", device);
		start_with(device, VERSION_1 | PACKED);
		for (unsigned i = SIZE; i-- > 0;)
			pack(&desc[i], data, 0, i, NEXT | AVAILABLE);
		needs_reset("a chain without an end", device);
		start_with(device, VERSION_1 | PACKED | INDIRECT);
		for (unsigned i = 0; i < 256; i++)
			pack(&table[i], 0, (uint32_t)ram(), 0, 0);
		pack(&desc[0], (uintptr_t)table, 4096, 0, TABLE | AVAILABLE);
		needs_reset("all RAM 256 times", device);
	}
	still_works();
}

static void addresses(void)
{
	const struct { uint64_t at; uint32_t bytes; } bad[] = {
		{ ram(), 1 }, { ram() - 1, 2 }, { ram() - 4096, 4097 }, { 0, UINT32_MAX }, { data, UINT32_MAX }, { UINT64_MAX, 1 },
		{ UINT64_MAX, 2 }, { -16ull, 32 }, { -4096ull, 4096 }, { 1ull << 63, 16 }, { 1ull << 52, 16 }, { 1ull << 32, 16 },
		{ 0xffff800000000000, 16 }, { ram(), UINT32_MAX },
	};

	for (unsigned device = 0; device < 2; device++)
		for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
			for (unsigned flags = 0; flags <= WRITE; flags += WRITE) {
				start(device);
				describe(&desc[0], bad[i].at, bad[i].bytes, flags, 0);
				offer(0);
				needs_reset("outside RAM", device);
				start(device);
				describe(&desc[0], (uintptr_t)table, 32, TABLE, 0);
				describe(&table[0], data, 16, flags | NEXT, 1);
				describe(&table[1], bad[i].at, bad[i].bytes, flags, 0);
				offer(0);
				needs_reset("outside RAM, in a table", device);
			}
	still_works();
}

/* All of RAM over and over: more than 2^32 bytes, or too many segments. */
static void lengths(void)
{
	for (unsigned device = 0; device < 2; device++) {
		start(device);
		describe(&desc[0], (uintptr_t)table, 4096, TABLE, 0);
		for (unsigned i = 0; i < 256; i++)
			describe(&table[i], 0, (uint32_t)ram(), i < 255 ? NEXT : 0, i + 1);
		offer(0);
		needs_reset("all RAM 256 times", device);
		start(device);
		describe(&desc[0], (uintptr_t)table, 4096, TABLE, 0);
		for (unsigned i = 0; i < 256; i++)
			describe(&table[i], data, 1, i < 255 ? WRITE | NEXT : WRITE, i + 1);
		offer(0);
		needs_reset("256 segments", device);
	}
	still_works();
}

static void nothing_at_all(void)
{
	start(RNG);
	describe(&desc[0], 0, 0, WRITE, 0);
	offer(0);
	describe(&desc[1], UINT64_MAX, 0, 0, 0);
	offer(1);
	describe(&desc[2], data, 4096, 0, 0);
	offer(2);
	expect("empty buffers", notify(RNG), 1 << RNG);
	expect("all used", used->index, 3);
	still_works();
}

static void ring_garbage(uint64_t features)
{
	for (unsigned i = 0; i < 60; i++) {
		unsigned device = i % 2;
		uint64_t more = (garbage() & 1 ? EVENT_INDEX : 0) | (garbage() & 1 ? IN_ORDER : 0);

		start_with(device, features | more);
		for (unsigned j = 0; j < 2 * SIZE; j++) {
			/* Mostly sensible, or else everything would fail at once. */
			((volatile uint64_t *)desc)[j] = j % 2 || garbage() % 8 == 0 ? garbage() : data + garbage() % 65536;
			((volatile uint64_t *)table)[j] = garbage() % 4 ? ((volatile uint64_t *)desc)[j] : garbage();
			if (j % 2 && garbage() % 4)
				desc[j / 2].bytes &= 0xfff, desc[j / 2].flags &= 0x8087, desc[j / 2].next %= SIZE;
			if (garbage() % 4 == 0)
				desc[j / 2].address = (uintptr_t)table;
		}
		for (unsigned round = 0; round < 4; round++) {
			for (unsigned j = 0; j < SIZE; j++)
				avail->ring[j] = (uint16_t)(garbage() % (SIZE + (garbage() % 16 == 0)));
			avail->index = (uint16_t)(avail->index + garbage() % 8);
			wait(3, garbage() % 2 ? 0 : 100000, KVICK_NOTIFY_BIT(device, 0));
			if (garbage() % 8 == 0)
				used->index = (uint16_t)garbage();
		}
	}
	still_works();
}

static void split_garbage(void) { ring_garbage(VERSION_1 | INDIRECT); }
static void packed_garbage(void) { ring_garbage(VERSION_1 | PACKED | INDIRECT); }

/* --- block requests --- */

/* A request of three descriptors: header, data (unless 0 bytes) and status. */
static void ask(unsigned type, uint64_t sector, uint32_t header_bytes, uint32_t bytes, unsigned data_flags, unsigned status_flags)
{
	start(DISK);
	request->header.type = type;
	request->header.reserved = UINT32_MAX;
	request->header.sector = sector;
	request->status = NONE;
	describe(&desc[0], (uintptr_t)&request->header, header_bytes, NEXT, bytes ? 1 : 2);
	describe(&desc[1], data, bytes, data_flags | NEXT, 2);
	describe(&desc[2], (uintptr_t)&request->status, 1, status_flags, 0);
	offer(0);
}

static void answer_is(const char *what, unsigned status)
{
	expect(what, notify(DISK), 1 << DISK);
	expect(what, request->status, status);
	expect(what, used->index, 1);
	expect(what, list()[DISK].status, 0);
}

static void block_requests(void)
{
	static const uint64_t sectors[] = {
		SECTORS, SECTORS - 1, SECTORS + 1, 1ull << 32, 1ull << 54, (1ull << 55) - 1, 1ull << 55, 1ull << 63, UINT64_MAX,
		UINT64_MAX - 1,
	};
	static const unsigned unknown[] = { 2, 3, 5, 6, 7, 9, 10, 12, 14, 15, 255, 0x80000000, UINT32_MAX };

	start(DISK);
	describe(&desc[0], (uintptr_t)&request->header, 16, 0, 0);
	offer(0);
	needs_reset("only a header", DISK);
	ask(OUT, 0, 16, SECTOR, 0, 0);
	needs_reset("status read-only", DISK);
	start(DISK);
	describe(&desc[0], (uintptr_t)&request->header, 16, NEXT, 1);
	describe(&desc[1], (uintptr_t)&request->status, 0, WRITE, 0);
	offer(0);
	needs_reset("a status of no bytes", DISK);
	for (uint32_t bytes = 0; bytes < 16; bytes += 5) {
		ask(FLUSH, 0, bytes, 0, 0, WRITE);
		needs_reset("a short header", DISK);
	}
	start(DISK);
	describe(&desc[0], data, 64, WRITE, 0);
	offer(0);
	needs_reset("no header", DISK);

	for (size_t i = 0; i < sizeof(sectors) / sizeof(sectors[0]); i++) {
		ask(IN, sectors[i], 16, 2 * SECTOR, WRITE, WRITE);
		answer_is("a read beyond the end", IOERR);
		ask(OUT, sectors[i], 16, 2 * SECTOR, 0, WRITE);
		answer_is("a write beyond the end", IOERR);
	}
	for (uint32_t bytes = 1; bytes < 2000; bytes += 37) {
		ask(IN, 0, 16, bytes, WRITE, WRITE);
		answer_is("a read of no whole sectors", IOERR);
		ask(OUT, 0, 16, bytes, 0, WRITE);
		answer_is("a write of no whole sectors", IOERR);
	}
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		ask(unknown[i], 0, 16, SECTOR, WRITE, WRITE);
		answer_is("an unknown type", UNSUPP);
	}
	for (uint32_t bytes = 0; bytes < 64; bytes += 7) {
		ask(DISCARD, 0, 16, bytes, 0, WRITE);
		expect("a discard of garbage", notify(DISK), 1 << DISK);
		ask(WRITE_ZEROES, 0, 16, bytes, WRITE, WRITE);
		expect("zeroes of garbage", notify(DISK), 1 << DISK);
	}
	ask(GET_ID, UINT64_MAX, 16, 3, WRITE, WRITE);
	answer_is("three bytes of a name", OK);
	ask(FLUSH, UINT64_MAX, 16, 0, 0, WRITE);
	answer_is("a flush", OK);
	still_works();
}

static void block_ranges(void)
{
	static const struct { uint64_t sector; uint32_t sectors, flags; } bad[] = {
		{ SECTORS, 1, 0 }, { SECTORS - 1, 2, 0 }, { UINT64_MAX, 1, 0 }, { UINT64_MAX, UINT32_MAX, 0 }, { 1ull << 55, 1, 0 },
		{ 0, UINT32_MAX, 0 }, { 0, 0, 0 }, { 0, 1, 2 }, { 0, 1, UINT32_MAX }, { (1ull << 55) - 1, 2, 0 },
	};

	for (unsigned type = DISCARD; type <= WRITE_ZEROES; type += 2)
		for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
			ask(type, 0, 16, 16, 0, WRITE);
			memcpy((void *)data, &bad[i], 16);
			expect("a range", notify(DISK), 1 << DISK);
			if (request->status != IOERR)
				expect("its status", request->status, UNSUPP);
		}
	still_works();
}

/* Where a read's data goes to: rings, tables, the list, what runs. */
static void read_to(uint64_t address, uint32_t bytes)
{
	start(DISK);
	request->header.type = IN;
	request->header.sector = 0;
	describe(&desc[0], (uintptr_t)&request->header, 16, NEXT, 1);
	describe(&desc[1], address, bytes, WRITE | NEXT, 2);
	describe(&desc[2], (uintptr_t)&request->status, 1, WRITE, 0);
	offer(0);
	wait(1 << DISK, 1000 * MS, UINT64_MAX);
	wait(3, 0, UINT64_MAX);
}

static void block_reads_into_rings(void)
{
	read_to((uintptr_t)desc, 1024);
	read_to((uintptr_t)avail, 512);
	read_to((uintptr_t)used, 512);
	read_to((uintptr_t)request, 512);
	read_to((uintptr_t)list(), 4096);
	start(DISK);
	still_works();
}

static void block_reads_into_tables(void) { read_to(0, 0x10000); }
static void block_reads_into_text(void) { read_to((uintptr_t)block_reads_into_text & -4096ull, 8192); }
static void block_reads_into_all_ram(void) { read_to(0, 1 << 20); }

/* --- with requests in flight --- */

/* As many as there is room for; what they are is read before the call returns, where they go is not. */
static void many_in_flight(void)
{
	for (unsigned i = 0; i + 2 < SIZE; i += 3) {
		volatile struct request *r = &request[i / 3];

		r->header.type = i % 2 ? OUT : IN;
		r->header.sector = i * 8;
		describe(&desc[i], (uintptr_t)&r->header, 16, NEXT, i + 1);
		describe(&desc[i + 1], data + i % 8 * 4096, 8 * SECTOR, (i % 2 ? 0 : WRITE) | NEXT, i + 2);
		describe(&desc[i + 2], (uintptr_t)&r->status, 1, WRITE, 0);
		offer(i);
	}
	wait(3, 0, UINT64_MAX);
}

static void set_up_in_flight(void)
{
	for (unsigned i = 0; i < 200; i++) {
		start(DISK);
		many_in_flight();
	}
	start(DISK);
	expect("nothing of before", used->index, 0);
	wait(3, 5 * MS, 0);
	expect("nothing later either", used->index, 0);
	still_works();
}

static void wrong_set_up_in_flight(void)
{
	for (unsigned i = 0; i < 50; i++) {
		struct kvick_virtio_setup setup = good_setup(DISK);

		start(DISK);
		many_in_flight();
		setup.queue[0].size = 3;
		expect("a wrong one", set_up(&setup), -KVICK_EINVAL);
	}
	still_works();
}

/* The same heads again, before they are used. */
static void heads_twice(void)
{
	start(DISK);
	many_in_flight();
	for (unsigned i = 0; i < 3; i++)
		offer(0);
	wait(3, 10 * MS, UINT64_MAX);
	wait(3, 10 * MS, UINT64_MAX);
	still_works();
}

static void rings_spoiled_in_flight(void)
{
	for (unsigned i = 0; i < 100; i++) {
		start(DISK);
		many_in_flight();
		fill((uintptr_t)desc, garbage());
		fill((uintptr_t)avail, garbage());
		fill((uintptr_t)used, garbage());
		wait(3, MS, UINT64_MAX);
		wait(3, 0, UINT64_MAX);
	}
	still_works();
}

static void exit_in_flight(void)
{
	start(DISK);
	many_in_flight();
	kvick_exit(0);
}

static void fault_in_flight(void)
{
	start(DISK);
	many_in_flight();
	__builtin_trap();
}

/* --- the list --- */

static void list_spoiled(void)
{
	memset(list(), 0xff, 2 * sizeof(*list()));
	wait(3, 0, UINT64_MAX);
	struct kvick_virtio_setup setup = good_setup(RNG);

	clear();
	expect("set up all the same", set_up(&setup), 0);
	describe(&desc[0], data, 16, WRITE, 0);
	offer(0);
	expect("random bytes", notify(RNG), 1 << RNG);
	avail->index = SIZE * 3;
	notify(RNG);
}

static const struct way ways[] = {
	{ "setup-values", setup_values },
	{ "setup-pointers", setup_pointers },
	{ "setup-garbage", setup_garbage },
	{ "rings-anywhere", rings_anywhere },
	{ "rings-in-the-list", rings_in_the_list },
	{ "rings-shared", rings_shared },
	{ "notifications", notifications },
	{ "masks", masks },
	{ "split-rings", split_rings },
	{ "packed-rings", packed_rings },
	{ "addresses", addresses },
	{ "lengths", lengths },
	{ "nothing-at-all", nothing_at_all },
	{ "split-garbage", split_garbage },
	{ "packed-garbage", packed_garbage },
	{ "block-requests", block_requests },
	{ "block-ranges", block_ranges },
	{ "block-reads-into-rings", block_reads_into_rings },
	{ "block-reads-into-tables", block_reads_into_tables },
	{ "block-reads-into-text", block_reads_into_text },
	{ "block-reads-into-all-ram", block_reads_into_all_ram },
	{ "set-up-in-flight", set_up_in_flight },
	{ "wrong-set-up-in-flight", wrong_set_up_in_flight },
	{ "heads-twice", heads_twice },
	{ "rings-spoiled-in-flight", rings_spoiled_in_flight },
	{ "exit-in-flight", exit_in_flight },
	{ "fault-in-flight", fault_in_flight },
	{ "list-spoiled", list_spoiled },
};

HOSTILE_MAIN(ways)
