/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/pagetable.h"

#include <assert.h>

/* Accessed and dirty from the start: a CPU or an emulator then never has to write to a table. */
#define LEAF_FLAGS  (PTE_PRESENT | PTE_ACCESSED | PTE_DIRTY)
#define TABLE_FLAGS (PTE_PRESENT | PTE_ACCESSED | PTE_WRITE)

static uint64_t *table_at(const struct guest_mem *mem, uint64_t address)
{
	return guest_mem_span(mem, gpa(address), GUEST_PAGE_BYTES);
}

/* Written before it is read: else the host faults the page in twice, as the shared zero page and then as its own. */
static uint64_t table_take(struct guest_mem *mem, struct table_pool *pool)
{
	uint64_t table = pool->next;

	assert(table + GUEST_PAGE_BYTES <= pool->end);
	pool->next += GUEST_PAGE_BYTES;
	*(volatile uint64_t *)table_at(mem, table) = 0;
	return table;
}

/* The table one level below `entry`, made where there is none. A table is as user as anything in it. */
static uint64_t *table_below(struct guest_mem *mem, struct table_pool *pool, uint64_t *entry, uint64_t flags)
{
	if (!(*entry & PTE_PRESENT))
		*entry = table_take(mem, pool) | TABLE_FLAGS;
	assert(!(*entry & PTE_LARGE)); /* mappings do not overlap */
	*entry |= flags & PTE_USER;
	return table_at(mem, *entry & PTE_ADDR);
}

static void map(struct guest_mem *mem, struct table_pool *pool, uint64_t pgd, const struct mapping *m)
{
	uint64_t at = m->at, end = m->at + m->bytes;

	assert((at | m->bytes) % GUEST_PAGE_BYTES == 0);
	while (at < end) {
		const uint64_t leaf = m->flags | LEAF_FLAGS;
		uint64_t *table = table_at(mem, pgd);

		for (unsigned level = PAGETABLE_LEVELS; level > 2; level--)
			table = table_below(mem, pool, &table[pagetable_index(at, level)], m->flags);

		uint64_t *entry = &table[pagetable_index(at, 2)];

		if (at % PAGE_2M_BYTES == 0 && end - at >= PAGE_2M_BYTES) {
			unsigned i = pagetable_index(at, 2);

			for (; i < PAGETABLE_ENTRIES && end - at >= PAGE_2M_BYTES; i++, at += PAGE_2M_BYTES)
				table[i] = at | leaf | PTE_LARGE;
			continue;
		}
		table = table_below(mem, pool, entry, m->flags);

		unsigned first = pagetable_index(at, 1);
		uint64_t pages = (end - at) / GUEST_PAGE_BYTES;
		uint64_t last = pages < PAGETABLE_ENTRIES - first ? first + pages : PAGETABLE_ENTRIES;

		for (unsigned i = first; i < last; i++, at += GUEST_PAGE_BYTES)
			table[i] = at | leaf;
	}
}

uint64_t pagetable_build(struct guest_mem *mem, struct table_pool *pool, const struct mapping *mappings,
			 unsigned mapping_count)
{
	uint64_t pgd = table_take(mem, pool);

	for (unsigned i = 0; i < mapping_count; i++)
		map(mem, pool, pgd, &mappings[i]);
	return pgd;
}

uint64_t pagetable_pages_max(uint64_t mem_bytes, unsigned mapping_count)
{
	uint64_t gib = (mem_bytes + (1ull << 30) - 1) >> 30;

	/* Top, its one child (512 GiB), a directory for each GiB, and a ragged table at both ends of each run. */
	return 1 + 1 + gib + 2ull * mapping_count;
}

/* A deprivileged guest's large pages are split by tables that lie behind RAM. */
static const uint64_t *table_view(const struct guest_mem *mem, uint64_t address)
{
	if (address >= mem->bytes && address - mem->bytes < mem->behind)
		return guest_mem_behind(mem, address - mem->bytes, GUEST_PAGE_BYTES);
	return guest_mem_view(mem, gpa(address), GUEST_PAGE_BYTES);
}

bool pagetable_walk(const struct guest_mem *mem, uint64_t pgd, uint64_t va, struct translation *out)
{
	uint64_t granted = PTE_WRITE | PTE_USER, nx = 0, address = pgd & PTE_ADDR;

	if (!canonical(va))
		return false;
	for (unsigned level = PAGETABLE_LEVELS; level > 0; level--) {
		const uint64_t *table = table_view(mem, address);
		uint64_t size = 1ull << (12 + 9 * (level - 1));

		if (!table) {
			out->gpa = gpa(address);
			return false;
		}
		uint64_t entry = *(const volatile uint64_t *)&table[pagetable_index(va, level)]; /* once */

		if (!(entry & PTE_PRESENT))
			return false;
		granted &= entry;
		nx |= entry & PTE_NX;
		address = entry & PTE_ADDR;
		if (level == 1 || (level <= 3 && (entry & PTE_LARGE))) {
			uint64_t offset = va % size;

			*out = (struct translation){
				.gpa = gpa((address & ~(size - 1)) + offset),
				.left = size - offset,
				.flags = granted | nx,
			};
			return true;
		}
	}
	return false;
}

bool pagetable_read(const struct guest_mem *mem, uint64_t pgd, uint64_t va, void *to, uint64_t bytes)
{
	uint8_t *at = to;

	while (bytes > 0) {
		struct translation t;

		if (!pagetable_walk(mem, pgd, va, &t))
			return false;
		uint64_t n = t.left < bytes ? t.left : bytes;

		if (guest_mem_read(mem, t.gpa, at, n) < 0)
			return false;
		at += n;
		va += n;
		bytes -= n;
	}
	return true;
}
