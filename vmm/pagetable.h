/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Page tables: the first of memory's two translations, guest-virtual to guest-physical.
 * Four-level long-mode paging, AMD64 APM 2, 5.3.
 *
 * The VMM writes a guest's initial tables (pagetable_build) and reads whatever tables the guest
 * runs on later (pagetable_walk), which are hostile: every entry's address is checked.
 */
#ifndef KVICK_VMM_PAGETABLE_H
#define KVICK_VMM_PAGETABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/guest_mem.h"

#define PTE_PRESENT  (1ull << 0)
#define PTE_WRITE    (1ull << 1)
#define PTE_USER     (1ull << 2)
#define PTE_ACCESSED (1ull << 5)
#define PTE_DIRTY    (1ull << 6)
#define PTE_LARGE    (1ull << 7) /* PS: this entry maps a page, not a table */
#define PTE_NX       (1ull << 63)
#define PTE_ADDR     0x000ffffffffff000ull

#define PAGETABLE_ENTRIES 512u
#define PAGETABLE_LEVELS  4u

/* A run of pages that the guest finds mapped, address for address. */
struct mapping {
	uint64_t at;    /* page-aligned */
	uint64_t bytes; /* a multiple of pages */
	uint64_t flags; /* PTE_WRITE, PTE_USER, PTE_NX */
};

/* Pages that become tables, taken in order. */
struct table_pool {
	uint64_t next;
	uint64_t end;
};

/*
 * Builds tables that hold the mappings, each address its own translation, with 2 MiB pages where
 * they fit. The pool is large enough and in zeroed RAM (asserted). Returns the top-level table.
 */
uint64_t pagetable_build(struct guest_mem *mem, struct table_pool *pool, const struct mapping *mappings,
			 unsigned mapping_count);

/* Tables that pagetable_build takes at the most. */
uint64_t pagetable_pages_max(uint64_t mem_bytes, unsigned mapping_count);

struct translation {
	gpa_t gpa;         /* of the byte asked for */
	uint64_t left;     /* bytes from there to the end of its page */
	uint64_t flags;    /* PTE_WRITE and PTE_USER where every level grants them, PTE_NX where any level has it */
};

/* Translates one address. False: not mapped, not canonical, or a table that lies outside RAM, whose address out->gpa then is. */
bool pagetable_walk(const struct guest_mem *mem, uint64_t pgd, uint64_t va, struct translation *out);

/* Copies guest-virtual memory; false where any of it is not mapped to RAM. */
bool pagetable_read(const struct guest_mem *mem, uint64_t pgd, uint64_t va, void *to, uint64_t bytes);

static inline bool canonical(uint64_t va)
{
	return (uint64_t)((int64_t)(va << 16) >> 16) == va;
}

/* Index into the table of a level: 4 = top … 1 = the one whose entries map 4 KiB. */
static inline unsigned pagetable_index(uint64_t va, unsigned level)
{
	return (unsigned)(va >> (12 + 9 * (level - 1))) % PAGETABLE_ENTRIES;
}

#endif
