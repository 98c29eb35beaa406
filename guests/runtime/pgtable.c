/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Page tables at ring 0, written directly: as KVICK_CALL_UPDATE_PGTABLE and KVICK_CALL_LCR3 do it
 * (docs/ABI.md), without an exit. AMD64 APM 2, 5.3. The VMM trusts no table; a guest trusts its own, so here
 * a table that leads out of RAM is a page fault instead of an error.
 *
 * Tables are reached at their physical address: a guest takes them from its heap, which is mapped so.
 */
#include <stdbool.h>
#include <string.h>

#include "runtime.h"

#define ENTRIES 512u

/* Set from the start, so that the CPU, or an emulator, need not write to a table. */
#define ACCESSED (1ull << 5)
#define DIRTY    (1ull << 6)
#define LARGE    (1ull << 7) /* at a level above the lowest: the entry maps a page, not a table */

#define TABLE_FLAGS (KVICK_PTE_PRESENT | KVICK_PTE_WRITE | KVICK_PTE_USER | ACCESSED)
#define LEAF_FLAGS  (ACCESSED | DIRTY)

/* Levels by what an entry maps: 3 = 512 GiB (top), 2 = 1 GiB, 1 = 2 MiB, 0 = 4 KiB. */
#define TOP_LEVEL 3u

struct update {
	uint64_t va;
	uint64_t pa_flags; /* 0: unmap */
	uint64_t pages;
	uint64_t pgd;
	uint64_t spare;
	uint64_t spare_pages;
	uint64_t spares_used;
};

static unsigned index_at(uint64_t va, unsigned level)
{
	return (unsigned)(va >> (12 + 9 * level)) % ENTRIES;
}

static uint64_t *table_of(uint64_t entry)
{
	return (uint64_t *)(entry & KVICK_PTE_ADDR);
}

static bool is_large(uint64_t entry, unsigned level)
{
	return level < TOP_LEVEL && (entry & LARGE);
}

static bool in_ram(uint64_t address, uint64_t pages)
{
	uint64_t ram = kvick_boot()->mem_bytes;

	return address <= ram && pages <= (ram - address) / KVICK_PAGE_BYTES;
}

static int64_t check(const struct update *u)
{
	const uint64_t flags = KVICK_PTE_PRESENT | KVICK_PTE_WRITE | KVICK_PTE_USER | KVICK_PTE_NX;
	bool mapping = u->pa_flags & KVICK_PTE_PRESENT;
	uint64_t last = u->va + u->pages * KVICK_PAGE_BYTES - 1;

	if ((u->va | u->pgd | u->spare) % KVICK_PAGE_BYTES || u->pages < 1 || u->pages > KVICK_PGTABLE_PAGES_MAX)
		return -KVICK_EINVAL;
	/* A run from one half of the address space into the other would cross what is not canonical. */
	if (!kvick_canonical(u->va) || !kvick_canonical(last) || (u->va ^ last) >> 63)
		return -KVICK_EINVAL;
	if (mapping ? (u->pa_flags & ~(KVICK_PTE_ADDR | flags)) != 0 : u->pa_flags != 0)
		return -KVICK_EINVAL;
	if (!in_ram(u->pgd, 1) || !in_ram(u->spare, u->spare_pages) ||
	    (mapping && !in_ram(u->pa_flags & KVICK_PTE_ADDR, u->pages)))
		return -KVICK_EFAULT;
	if ((u->pa_flags & KVICK_PTE_WRITE) && !(u->pa_flags & KVICK_PTE_NX))
		return -KVICK_EPERM; /* W^X */
	if (u->va < KVICK_PROTECTED_END)
		return -KVICK_EPERM;
	return 0;
}

/* Tables that are not there for `va`; 0 for an update that would do nothing. */
static unsigned tables_missing(const struct update *u, uint64_t pgd, uint64_t va)
{
	const uint64_t *table = (const uint64_t *)pgd;

	for (unsigned level = TOP_LEVEL; level > 0; level--) {
		uint64_t entry = table[index_at(va, level)];

		if (!(entry & KVICK_PTE_PRESENT))
			return u->pa_flags ? level : 0;
		if (is_large(entry, level))
			return level; /* is split down to the lowest level */
		table = table_of(entry);
	}
	return 0;
}

/* Spare pages that the update takes. It spans two tables of the lowest level at the most. */
static unsigned spares_needed(const struct update *u, uint64_t pgd)
{
	uint64_t last = u->va + (u->pages - 1) * KVICK_PAGE_BYTES;
	unsigned first_missing = tables_missing(u, pgd, u->va);

	if (u->va >> 21 == last >> 21)
		return first_missing;

	unsigned last_missing = tables_missing(u, pgd, last);

	/* A table made for the first page also serves the last where both are below the same entry. */
	if (last_missing == 3 && u->va >> 39 == last >> 39)
		last_missing--;
	if (last_missing == 2 && u->va >> 30 == last >> 30)
		last_missing--;
	return first_missing + last_missing;
}

/* A large page becomes a table of pages one size smaller, which map the same. */
static void split(uint64_t *entry, unsigned level, uint64_t table)
{
	uint64_t step = KVICK_PAGE_BYTES << (9 * (level - 1));
	uint64_t small = level > 1 ? *entry : *entry & ~LARGE;

	for (unsigned i = 0; i < ENTRIES; i++)
		table_of(table)[i] = small + i * step;
	*entry = table | TABLE_FLAGS;
}

/* The entry that maps one page, tables to it made as needed; NULL where there is nothing to unmap. */
static uint64_t *leaf(struct update *u, uint64_t va)
{
	uint64_t *table = (uint64_t *)u->pgd;

	for (unsigned level = TOP_LEVEL; level > 0; level--) {
		uint64_t *entry = &table[index_at(va, level)];
		uint64_t spare = u->spare + u->spares_used * KVICK_PAGE_BYTES;

		if (!(*entry & KVICK_PTE_PRESENT)) {
			if (!u->pa_flags)
				return NULL;
			memset((void *)spare, 0, KVICK_PAGE_BYTES);
			*entry = spare | TABLE_FLAGS;
			u->spares_used++;
		} else if (is_large(*entry, level)) {
			split(entry, level, spare);
			u->spares_used++;
		}
		table = table_of(*entry);
	}
	return &table[index_at(va, 0)];
}

static bool all_zeroes(const uint64_t *table)
{
	for (unsigned i = 0; i < ENTRIES; i++)
		if (table[i])
			return false;
	return true;
}

int64_t kvick_plain_update_pgtable(uint64_t va, uint64_t pa_flags, uint64_t pgd, uint64_t pages, uint64_t spare,
				   uint64_t spare_pages)
{
	struct update u = {
		.va = va,
		.pa_flags = pa_flags,
		.pages = pages,
		.pgd = pgd,
		.spare = spare,
		.spare_pages = spare_pages,
	};
	int64_t error = check(&u);

	if (error < 0)
		return error;
	/* A new top-level table begins as a copy of the boot table. */
	bool fresh = all_zeroes((const uint64_t *)pgd);

	if (spares_needed(&u, fresh ? kvick_boot()->pgd : pgd) > spare_pages)
		return -KVICK_ENOMEM;
	if (fresh)
		memcpy((void *)pgd, (const void *)kvick_boot()->pgd, KVICK_PAGE_BYTES);
	for (uint64_t i = 0; i < pages; i++) {
		uint64_t at = va + i * KVICK_PAGE_BYTES;
		uint64_t *entry = leaf(&u, at);

		if (!entry)
			continue;
		*entry = pa_flags ? (pa_flags + i * KVICK_PAGE_BYTES) | LEAF_FLAGS : 0;
		__asm__ volatile("invlpg (%0)" : : "r"(at) : "memory");
	}
	return (int64_t)u.spares_used;
}

int64_t kvick_plain_lcr3(uint64_t pgd)
{
	if (pgd % KVICK_PAGE_BYTES)
		return -KVICK_EINVAL;
	if (!in_ram(pgd, 1))
		return -KVICK_EFAULT;
	if (!(*(const uint64_t *)pgd & KVICK_PTE_PRESENT))
		return -KVICK_EINVAL; /* without stack and exception stacks nothing could go on */
	__asm__ volatile("mov %0, %%cr3" : : "r"(pgd) : "memory");
	return 0;
}
