/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest of Solo5's hvt ABI that means harm: a disk of 1 MiB, handle 1, and a network, handle 2. What it gives calls to write to
 * is its own arena, or no RAM.
 */
#include "guest.h"

#define DISK 1u
#define NET  2u

#define ARENA_BYTES 0x10000u
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

GUEST_MANIFEST(3, { .name = "disk", .type = SOLO5_BLOCK }, { .name = "net", .type = SOLO5_NET });

static uint8_t arena[ARENA_BYTES] __attribute__((aligned(4096)));
static uint64_t random_state = 88172645463325252;

/* xorshift: the same at each run. */
static uint64_t garbage(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static void out32(uint16_t port, uint32_t value)
{
	__asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static uint64_t ram_end(void)
{
	return boot_info()->mem_bytes;
}

/* ---- one call that kills ---- */

static void puts_of(uint64_t data, uint64_t bytes)
{
	struct solo5_puts call = { data, bytes };

	hypercall(SOLO5_PUTS, &call);
}

static void puts_outside(void) { puts_of(ram_end(), 1); }
static void puts_over_the_end(void) { puts_of(ram_end() - 4, 8); }
static void puts_wraps(void) { puts_of(UINT64_MAX - 3, 8); }
static void puts_endless(void) { puts_of((uintptr_t)arena, UINT64_MAX); }
static void call_outside(void) { hypercall_at(SOLO5_HALT, 0xfffffff8); }
static void call_over_the_end(void) { hypercall_at(SOLO5_BLOCK_READ, (uint32_t)ram_end() - 16); }
static void call_in_text(void) { hypercall_at(SOLO5_WALLTIME, 0x100000); }
static void read_into_text(void) { block_io(SOLO5_BLOCK_READ, DISK, 0, (void *)0x100000, 512); }
static void read_outside(void) { block_io(SOLO5_BLOCK_READ, DISK, 0, (void *)ram_end(), 512); }
static void read_over_the_end(void) { block_io(SOLO5_BLOCK_READ, DISK, 0, (void *)(ram_end() - 256), 512); }
static void write_wraps(void) { block_io(SOLO5_BLOCK_WRITE, DISK, 0, (void *)(UINT64_MAX - 255), 512); }
static void unknown_port(void) { out32(0x509, 0); }
static void port_0(void) { out32(0x500, (uint32_t)(uintptr_t)arena); }
static void kvicks_doorbell(void) { out32(0x4b50, 0); }

static void narrow_call(void)
{
	__asm__ volatile("outb %0, %1" : : "a"((uint8_t)0), "Nd"((uint16_t)SOLO5_PORT(SOLO5_HALT)) : "memory");
}

static void call_is_read(void)
{
	uint32_t value;

	__asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"((uint16_t)SOLO5_PORT(SOLO5_HALT)));
}

static void string_call(void)
{
	const void *from = arena;
	uint64_t count = 64;

	__asm__ volatile("rep outsl" : "+S"(from), "+c"(count) : "d"((uint16_t)SOLO5_PORT(SOLO5_PUTS)) : "memory");
}

/* ---- what is allowed, and mad ---- */

/* Handed in with its structure where the data goes. */
static void read_over_its_own_call(void)
{
	struct solo5_block_io *call = (struct solo5_block_io *)arena;

	for (unsigned i = 0; i < 64; i++) {
		*call = (struct solo5_block_io){ DISK, 0, (uintptr_t)arena - 512 + 8 * i + 512, 512, -1 };
		hypercall(SOLO5_BLOCK_READ, call);
	}
}

/* All of RAM but text, at one go, and what the tables lie in too: they are not mapped, but they are RAM. */
static void write_all_of_low_ram(void)
{
	static const uint64_t sizes[] = { 0x10000, 0xf0000 };

	for (unsigned i = 0; i < COUNT_OF(sizes); i++)
		block_io(SOLO5_BLOCK_WRITE, DISK, 0, (void *)0x10000, sizes[i]);
}

/* Its page tables, by a read from the disk. */
static void page_tables_overwritten(void)
{
	block_io(SOLO5_BLOCK_READ, DISK, 0, (void *)0x1000, 0xf000);
	__asm__ volatile("mov %%cr3, %%rax; mov %%rax, %%cr3" : : : "rax", "memory");
}

static uint64_t mad_number(void)
{
	switch (garbage() % 8) {
	case 0:
		return garbage();
	case 1:
		return UINT64_MAX - garbage() % 4096;
	case 2:
		return 1ull << garbage() % 64;
	default:
		return garbage() % 8 * 512;
	}
}

/* Mostly in the arena: it is to live. */
static uint64_t mad_data(void)
{
	return (uintptr_t)arena + garbage() % (ARENA_BYTES / 2);
}

static void calls_of_mad_numbers(void)
{
	for (unsigned i = 0; i < 400; i++) {
		uint64_t bytes = garbage() % (ARENA_BYTES / 2);

		switch (garbage() % 4) {
		case 0:
			block_io(SOLO5_BLOCK_READ, mad_number() % 80, mad_number(), (void *)mad_data(), bytes & -512ull);
			break;
		case 1:
			block_io(SOLO5_BLOCK_WRITE, garbage() % 3, mad_number(), (void *)mad_data(), bytes & -512ull);
			break;
		case 2:
			net_io(SOLO5_NET_WRITE, garbage() % 4, (void *)mad_data(), &bytes);
			break;
		default:
			net_io(SOLO5_NET_READ, garbage() % 4, (void *)mad_data(), &bytes);
		}
	}
}

static void polls_without_end(void)
{
	uint64_t ready;

	for (;;)
		poll(0, &ready);
}

static void puts_without_end(void)
{
	for (;;)
		puts_of((uintptr_t)arena, 0);
}

static void poll_for_ever(void)
{
	uint64_t ready;

	for (;;)
		poll(UINT64_MAX, &ready);
}

/* Frames as large as they may be, which nobody takes. */
static void network_flooded(void)
{
	for (unsigned i = 0; i < 300; i++) {
		uint64_t bytes = 14 + garbage() % 50000;

		net_io(SOLO5_NET_WRITE, NET, arena, &bytes);
	}
}

/* ---- the CPU ---- */

static void no_idt(void)
{
	struct { uint16_t limit; uint64_t base; } __attribute__((packed)) none = { 0, 0 };

	__asm__ volatile("lidt %0; ud2" : : "m"(none));
}

static void stack_outside(void)
{
	__asm__ volatile("mov %0, %%rsp; push %%rax; ud2" : : "r"(ram_end() + 0x10000000));
}

static void paging_off(void)
{
	__asm__ volatile("mov %%cr0, %%rax; and $0x7fffffff, %%eax; mov %%rax, %%cr0" : : : "rax", "memory");
}

static void cr3_outside(void)
{
	__asm__ volatile("mov %0, %%cr3" : : "r"(1ull << 40) : "memory");
}

static void spin(void)
{
	for (;;)
		__asm__ volatile("pause");
}

static void jump_outside(void)
{
	__asm__ volatile("jmp *%0" : : "r"(ram_end()));
}

static void text_executed_is_overwritten(void)
{
	memset((void *)0x100000, 0xcc, 16);
}

static const struct way ways[] = {
	{ "kill-puts-outside", puts_outside }, { "kill-puts-over-the-end", puts_over_the_end }, { "kill-puts-wraps", puts_wraps },
	{ "kill-puts-endless", puts_endless }, { "kill-call-outside", call_outside },
	{ "kill-call-over-the-end", call_over_the_end },
	{ "kill-call-in-text", call_in_text }, { "kill-read-into-text", read_into_text }, { "kill-read-outside", read_outside },
	{ "kill-read-over-the-end", read_over_the_end }, { "kill-write-wraps", write_wraps }, { "kill-unknown-port", unknown_port },
	{ "kill-port-0", port_0 }, { "kill-kvicks-doorbell", kvicks_doorbell }, { "kill-narrow-call", narrow_call },
	{ "kill-call-is-read", call_is_read }, { "odd-string-call", string_call }, { "kill-no-idt", no_idt },
	{ "kill-stack-outside", stack_outside }, { "odd-paging-off", paging_off }, { "kill-cr3-outside", cr3_outside },
	{ "odd-jump-outside", jump_outside }, { "kill-text-overwritten", text_executed_is_overwritten },
	{ "kill-page-tables-overwritten", page_tables_overwritten },
	{ "live-read-over-its-own-call", read_over_its_own_call }, { "live-write-all-of-low-ram", write_all_of_low_ram },
	{ "live-mad-numbers", calls_of_mad_numbers }, { "live-network-flooded", network_flooded },
	{ "loop-polls", polls_without_end }, { "loop-puts", puts_without_end }, { "loop-poll-for-ever", poll_for_ever },
	{ "loop-spin", spin },
};

int guest_run(unsigned argc, char **argv)
{
	guest_way(ways, COUNT_OF(ways), argc ? argv[0] : NULL);
	return 0;
}
