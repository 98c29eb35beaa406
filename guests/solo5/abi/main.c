/* SPDX-License-Identifier: Apache-2.0 */
/* What docs/ABI.md, "Solo5 hvt", promises, looked at from inside. A disk of 1 MiB in blocks of 4096 bytes, and no network. */
#include <stdlib.h>

#include "../guest.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define DISK        1u
#define DISK_BYTES  0x100000ull
#define BLOCK_BYTES 4096u
#define MS          1000000ull

GUEST_MANIFEST(2, { .name = "disk", .type = SOLO5_BLOCK });

static uint8_t block[2 * BLOCK_BYTES] __attribute__((aligned(BLOCK_BYTES)));
static uint64_t argument; /* the second word, a number */

static uint64_t rdmsr(uint32_t msr)
{
	uint32_t low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return low | (uint64_t)high << 32;
}

static uint64_t rdtsc(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return low | (uint64_t)high << 32;
}

/* ---- the entry ---- */

static void registers(void)
{
	uint64_t cr0, cr4;

	__asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
	__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
	expect("RDI", start_found.rdi, 0x10000);
	expect("RSP", start_found.rsp, boot_info()->mem_bytes - 8);
	expect("RFLAGS", start_found.rflags & 0x40700, 0); /* AC, DF, IF, TF */
	expect("CS", start_found.cs, 0x08);
	expect("DS", start_found.ds, 0x10);
	expect("ES", start_found.es, 0x10);
	expect("SS", start_found.ss, 0x10);
	expect("GDT", start_found.gdtr.base, 0x1000);
	expect("CR0 but ET", cr0 & ~0x10ull, 0x80010021);
	expect("CR4", cr4, 0x620);
	expect("EFER", rdmsr(0xc0000080), 0x500);
}

static void memory(void)
{
	const struct solo5_boot_info *info = boot_info();

	if (argument)
		expect("memory", info->mem_bytes, argument << 20);
	expect("kernel end, within a page", info->kernel_end % 4096, 0);
	expect("kernel end is above its data", info->kernel_end > (uintptr_t)block, 1);
	expect("features", info->host_features | info->guest_features | info->net_ring, 0);
	expect("TSC rate", info->tsc_hz > 1000000, 1);
	expect("page below boot info can be read", touch(0xf000, 0), 0);
	expect("null can be read", touch(0, 0), 0);
	expect("page tables can be read", touch(0x2000, 0), 0);
	expect("boot info can be read", touch(0x10000, 0), 1);
	expect("boot info can be written", touch(0x10000, 1), 0);
	expect("end of low memory can be read", touch(0xfffff, 0), 1);
	expect("end of low memory can be written", touch(0xfffff, 1), 0);
	expect("data can be written", touch((uintptr_t)block, 1), 1);
	expect("end of memory can be written", touch(info->mem_bytes - 1, 1), 1);
	expect("free memory is zero", *(volatile uint64_t *)info->kernel_end, 0);
	if (info->mem_bytes < 4ull << 30)
		expect("what is above memory can be read", touch(info->mem_bytes, 0), 0);
}

static void manifest(void)
{
	const struct solo5_manifest *m = (const struct solo5_manifest *)boot_info()->manifest;

	expect("version", m->version, SOLO5_MANIFEST_VERSION);
	expect("entries", m->entries, 2);
	expect("name", strcmp(m->entry[DISK].name, "disk"), 0);
	expect("type", m->entry[DISK].type, SOLO5_BLOCK);
	expect("attached", m->entry[DISK].attached, 1);
	expect("capacity", m->entry[DISK].block.capacity, DISK_BYTES);
	expect("block size", m->entry[DISK].block.block_bytes, BLOCK_BYTES);
	expect("the first is attached", m->entry[0].attached, 0);
	expect("8-aligned", (uintptr_t)m % 8, 0);
}

/* ---- time ---- */

static void clocks(void)
{
	const uint64_t y2020 = 1577836800 * 1000ull * MS;
	uint64_t ready = 1, before = walltime(), tsc = rdtsc(), after, ns;

	expect("poll", (uint64_t)poll(30 * MS, &ready), 0);
	expect("ready", ready, 0);
	ns = (rdtsc() - tsc) / (boot_info()->tsc_hz / 1000000) * 1000;
	after = walltime();
	expect("wall time is after 2020", before > y2020, 1);
	expect("wall time: slept 30 ms", after - before >= 30 * MS && after - before < 20000 * MS, 1);
	expect("TSC: slept 30 ms", ns >= 29 * MS && ns < 20000 * MS, 1);
	expect("poll of no time", (uint64_t)poll(0, &ready), 0);
}

static void cpuid(void)
{
	uint32_t eax = 0, ebx, ecx = 0, edx;

	__asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
	expect("leaves", eax >= 1, 1);
	expect("vendor", (ebx && ecx && edx), 1);
	eax = 1, ecx = 0;
	__asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
	expect("SSE2, FXSR, TSC", edx & 0x5000010, 0x5000010);
}

/* ---- blocks ---- */

static void fill(uint8_t seed)
{
	for (unsigned i = 0; i < BLOCK_BYTES; i += 8)
		block[i] = (uint8_t)(i * 7 + seed);
}

static void check(const char *what, uint8_t seed)
{
	unsigned wrong = 0;

	for (unsigned i = 0; i < BLOCK_BYTES; i += 8)
		wrong += block[i] != (uint8_t)(i * 7 + seed);
	expect(what, wrong, 0);
}

static void blocks(void)
{
	const uint64_t last = DISK_BYTES - BLOCK_BYTES;

	fill(1);
	expect("write", (uint64_t)block_io(SOLO5_BLOCK_WRITE, DISK, 0, block, BLOCK_BYTES), SOLO5_OK);
	fill(2);
	expect("write of the last", (uint64_t)block_io(SOLO5_BLOCK_WRITE, DISK, last, block, BLOCK_BYTES), SOLO5_OK);
	fill(3);
	expect("read", (uint64_t)block_io(SOLO5_BLOCK_READ, DISK, 0, block, BLOCK_BYTES), SOLO5_OK);
	check("what was read", 1);
	expect("read of the last", (uint64_t)block_io(SOLO5_BLOCK_READ, DISK, last, block, BLOCK_BYTES), SOLO5_OK);
	check("what was read of the last", 2);
	expect("read of two", (uint64_t)block_io(SOLO5_BLOCK_READ, DISK, 0, block, 2 * BLOCK_BYTES), SOLO5_OK);
	check("what was read of two", 1);
	expect("read of none", (uint64_t)block_io(SOLO5_BLOCK_READ, DISK, 0, block, 0), SOLO5_OK);
}

static void blocks_refused(void)
{
	static const struct {
		const char *what;
		uint64_t handle, offset, bytes;
	} rows[] = {
		{ "handle 0", 0, 0, BLOCK_BYTES },
		{ "handle 2", 2, 0, BLOCK_BYTES },
		{ "handle 64", 64, 0, BLOCK_BYTES },
		{ "handle 2^32 + 1", (1ull << 32) + 1, 0, BLOCK_BYTES },
		{ "the end", DISK, DISK_BYTES, BLOCK_BYTES },
		{ "the end, of none", DISK, DISK_BYTES, 0 },
		{ "beyond the end", DISK, DISK_BYTES + BLOCK_BYTES, BLOCK_BYTES },
		{ "over the end", DISK, DISK_BYTES - BLOCK_BYTES, 2 * BLOCK_BYTES },
		{ "offset that wraps", DISK, 0ull - BLOCK_BYTES, 2 * BLOCK_BYTES },
		{ "half a block", DISK, 0, BLOCK_BYTES / 2 },
		{ "a block and a byte", DISK, 0, BLOCK_BYTES + 1 },
		{ "offset within a block", DISK, 512, BLOCK_BYTES },
	};

	for (unsigned i = 0; i < COUNT_OF(rows); i++) {
		int read = block_io(SOLO5_BLOCK_READ, rows[i].handle, rows[i].offset, block, rows[i].bytes);

		expect(rows[i].what, (uint64_t)read, SOLO5_EINVAL);
		expect(rows[i].what, (uint64_t)block_io(SOLO5_BLOCK_WRITE, rows[i].handle, rows[i].offset, block, rows[i].bytes),
		       SOLO5_EINVAL);
	}
}

static void write_fails(void)
{
	expect("write", (uint64_t)block_io(SOLO5_BLOCK_WRITE, DISK, 0, block, BLOCK_BYTES), SOLO5_EUNSPEC);
}

static void read_fails(void)
{
	expect("read", (uint64_t)block_io(SOLO5_BLOCK_READ, DISK, DISK_BYTES / 2, block, BLOCK_BYTES), SOLO5_EUNSPEC);
}

/* ---- networks that are not there ---- */

static void no_network(void)
{
	uint64_t bytes = 64;

	expect("read", (uint64_t)net_io(SOLO5_NET_READ, 0, block, &bytes), SOLO5_EINVAL);
	expect("read of a disk", (uint64_t)net_io(SOLO5_NET_READ, DISK, block, &bytes), SOLO5_EINVAL);
	expect("write to a disk", (uint64_t)net_io(SOLO5_NET_WRITE, DISK, block, &bytes), SOLO5_EINVAL);
	expect("bytes", bytes, 64);
}

/* ---- the end ---- */

static void sleep_for_ever(void)
{
	uint64_t ready;

	printf("asleep\n");
	poll(UINT64_MAX, &ready);
}

static void write_text(void)
{
	touch((uintptr_t)write_text, 1);
}

static void write_rodata(void)
{
	static const char rodata[] = "constant";

	touch((uintptr_t)rodata, 1);
}

static void hlt(void)
{
	__asm__ volatile("hlt");
}

static const struct way ways[] = {
	{ "registers", registers }, { "memory", memory }, { "manifest", manifest }, { "clocks", clocks }, { "cpuid", cpuid },
	{ "blocks", blocks }, { "blocks-refused", blocks_refused }, { "write-fails", write_fails }, { "read-fails", read_fails },
	{ "no-network", no_network }, { "sleep", sleep_for_ever }, { "write-text", write_text }, { "write-rodata", write_rodata },
	{ "hlt", hlt },
};

int guest_run(unsigned argc, char **argv)
{
	argument = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;
	return guest_way(ways, COUNT_OF(ways), argc ? argv[0] : NULL);
}
