/* SPDX-License-Identifier: Apache-2.0 */
/* All memory: a hash of what should not change, and garbage for the next one to find. */
#include <string.h>

#include "soiler.h"

#define SYSTEM_PAGE     0x1000ull
#define CRASH_STACK     0x3000ull
#define HANDLER_STACK   0x4000ull
#define HANDLER_IN_USE  0x6000ull /* what our handlers use of it */
#define STACK_IN_USE    0x4000ull /* of the guest's own, below RSP; never more */
#define SLOW_BYTES      0x40000ull /* of the heap, where each instruction is emulated */

#define GARBAGE 0xa5
#define DATA_CANARY 0x5a5a5a5a5a5a5a5aull

#define ENTRIES 512u
#define LARGE   (1ull << 7)
#define TABLE_FLAGS 0x27ull

static uint64_t data_canary = DATA_CANARY, bss_canary;

static uint64_t hash(uint64_t from, uint64_t to, uint64_t value)
{
	for (const uint64_t *at = (const uint64_t *)from; at < (const uint64_t *)to; at++)
		value = (value ^ *at) * 0x9e3779b97f4a7c15ull + (value >> 29);
	return value;
}

static uint64_t stack_unused(void)
{
	return ((uintptr_t)__builtin_frame_address(0) & -4096ull) - STACK_IN_USE;
}

static uint64_t heap_looked_at(void)
{
	const struct kvick_boot_info *boot = kvick_boot();
	bool slow = boot->ring == 0 && !ring0_native();

	return slow && boot->heap_end - boot->heap_base > SLOW_BYTES ? boot->heap_base + SLOW_BYTES : boot->heap_end;
}

/* But for what is each machine's own: rate and state of its clock, its seed and generation, its console. */
static uint64_t hash_of_boot_info(void)
{
	uint64_t at = (uintptr_t)kvick_boot();

	return hash(at + offsetof(struct kvick_boot_info, generation) + 8, at + offsetof(struct kvick_boot_info, console),
		    hash(at + offsetof(struct kvick_boot_info, argc) + 4, at + offsetof(struct kvick_boot_info, tsc_hz),
			 hash(at + offsetof(struct kvick_boot_info, console.bytes), at + sizeof(struct kvick_boot_info), 0)));
}

static uint64_t hash_of_tables(uint64_t table, unsigned level)
{
	const uint64_t *entries = (const uint64_t *)(table & KVICK_PTE_ADDR);
	uint64_t value = hash((uintptr_t)entries, (uintptr_t)(entries + ENTRIES), level);

	for (unsigned i = 0; level && i < ENTRIES; i++)
		if (entries[i] & KVICK_PTE_PRESENT && (level == 3 || !(entries[i] & LARGE)))
			value += hash_of_tables(entries[i], level - 1);
	return value;
}

void look_at_memory(struct view *view)
{
	const struct kvick_boot_info *boot = kvick_boot();
	uint64_t kept = (uintptr_t)&soiler_kept;

	see(view, "memory: system page", 0, hash(SYSTEM_PAGE, SYSTEM_PAGE + 4096, 0));
	see(view, "memory: boot info", 0, hash_of_boot_info());
	see(view, "memory: exception stacks", 0, hash(CRASH_STACK, HANDLER_IN_USE, 0));
	if (ring0_native())
		see(view, "memory: page tables", 0, hash_of_tables(boot->pgd, 3));
	see(view, "memory: stack", 0, hash(boot->stack_base, stack_unused(), 0));
	see(view, "memory: image", 0, hash(boot->image_base, kept, hash(kept + sizeof(soiler_kept), boot->image_end, 0)));
	see(view, "memory: heap", 0, hash(boot->heap_base, heap_looked_at(), 0));
}

static void check_zero(const char *name, uint64_t from, uint64_t to)
{
	for (uint64_t at = from; at < to; at += 8)
		if (*(const uint64_t *)at) {
			say("%s: not zero at 0x%lx\n", name, at);
			return;
		}
}

void check_zeroes(void)
{
	const struct kvick_boot_info *boot = kvick_boot();

	check_zero("exception stacks", CRASH_STACK, KVICK_PROTECTED_END);
	check_zero("stack", boot->stack_base, stack_unused());
	check_zero("heap", boot->heap_base, heap_looked_at());
	if (data_canary != DATA_CANARY || bss_canary)
		say("image: data is not as in its file\n");
}

static void soil(uint64_t from, uint64_t to)
{
	uint64_t bytes = to - from;

	__asm__ volatile("rep stosb" : "+D"(from), "+c"(bytes) : "a"(GARBAGE) : "memory");
}

/* What the guest does not need to go on. */
void soil_unused_memory(void)
{
	const struct kvick_boot_info *boot = kvick_boot();
	uint64_t at = (uintptr_t)boot;

	data_canary = bss_canary = ~DATA_CANARY;
	soil(CRASH_STACK, HANDLER_IN_USE);
	soil(boot->stack_base, stack_unused());
	soil(boot->heap_base, heap_looked_at());
	soil(at + offsetof(struct kvick_boot_info, args), at + offsetof(struct kvick_boot_info, console));
	soil(at + offsetof(struct kvick_boot_info, console.bytes), at + sizeof(*boot));
}

static bool copy_tables(uint64_t *to, const uint64_t *from, unsigned level, unsigned *next)
{
	memcpy(to, from, 4096);
	for (unsigned i = 0; level && i < ENTRIES; i++) {
		if (!(from[i] & KVICK_PTE_PRESENT) || (level < 3 && from[i] & LARGE))
			continue;
		if (*next == sizeof(soiler_kept.tables) / sizeof(soiler_kept.tables[0]))
			return false;

		uint64_t *table = soiler_kept.tables[(*next)++];

		to[i] = (uintptr_t)table | (from[i] & ~KVICK_PTE_ADDR);
		if (!copy_tables(table, (const uint64_t *)(from[i] & KVICK_PTE_ADDR), level - 1, next))
			return false;
	}
	return true;
}

/* Other tables than the VMM's, in memory that is not soiled, and in them a mapping that nobody else has. */
void soil_tables(void)
{
	uint64_t *pgd = soiler_kept.pgd[1], leaf = (uintptr_t)soiler_kept.request & -4096ull;
	unsigned next = 2; /* the local APIC has the first two */

	if (kvick_boot()->ring == 3) {
		kvick_call_update_pgtable(TIB, leaf | KVICK_PTE_PRESENT | KVICK_PTE_NX, (uintptr_t)pgd, 1,
					  (uintptr_t)soiler_kept.tables[next], 3);
		kvick_call_lcr3((uintptr_t)pgd);
		return;
	}
	if (!copy_tables(pgd, (const uint64_t *)(read_cr3() & KVICK_PTE_ADDR), 3, &next))
		return;
	/* The last table of all, if there is one left, three levels in one. */
	if (next < sizeof(soiler_kept.tables) / sizeof(soiler_kept.tables[0])) {
		uint64_t *all = soiler_kept.tables[next];

		memset(all, 0, 4096);
		pgd[TIB >> 39] = all[0] = (uintptr_t)all | TABLE_FLAGS;
		all[1] = 0;
	}
	__asm__ volatile("mov %0, %%cr3" : : "r"(pgd) : "memory");
}

/* Nothing that lies outside `kept` can be relied on from some point on. */
_Noreturn void soil_memory_and_reply(uint64_t flags, bool sti)
{
	const struct kvick_boot_info *boot = kvick_boot();
	uint64_t kept = (uintptr_t)&soiler_kept, stack_base = boot->stack_base, stack_top = boot->stack_top;
	uint64_t data = (uintptr_t)&data_canary & -4096ull, image_end = boot->image_end, pgd = boot->pgd;
	uint64_t doorbell = (uintptr_t)&soiler_kept.call / sizeof(soiler_kept.call);
	bool native = ring0_native();
	unsigned kind = fpu_kind();

	soil(boot->heap_base, boot->heap_end);
	soil_unused_memory();
	soil(stack_base, stack_top);
	soil(HANDLER_IN_USE, KVICK_PROTECTED_END);
	soil(data, kept);
	soil(kept + sizeof(soiler_kept), image_end);
	if (native) {
		struct { uint16_t limit; uint64_t base; } __attribute__((packed)) table = { 0x7ff, 0xdead000 };

		__asm__ volatile("mov %0, %%cr0" : : "r"(read_cr0() & ~CR0_WP) : "memory");
		soil(SYSTEM_PAGE, SYSTEM_PAGE + 4096);
		if ((read_cr3() & KVICK_PTE_ADDR) != pgd)
			soil(pgd, pgd + 4096);
		__asm__ volatile("lidt %0\n\tlgdt %0" : : "m"(table));
	}
	if (kind == 2) /* XCR0 may have less in it by now */
		__asm__ volatile("xrstor %0" : : "m"(soiler_kept.fpu_wanted), "a"(-1), "d"(-1) : "memory");
	else if (kind)
		__asm__ volatile("fxrstor %0" : : "m"(soiler_kept.fpu_wanted) : "memory");
	if (native)
		__asm__ volatile("mov %0, %%cr0" : : "r"((read_cr0() | CR0_TS) & ~(CR0_NE | CR0_AM)) : "memory");
	soiler_ring_soiled(doorbell, flags, sti);
}
