/* SPDX-License-Identifier: Apache-2.0 */
/*
 * update_pgtable(va, pa, pgd): the guest's page tables, changed by the VMM on the guest's behalf.
 *
 * The tables belong to the guest and are hostile: each entry is read once, each address checked
 * against RAM before it is followed. New tables come out of pages that the guest gives along.
 */
#include <string.h>

#include "vmm/hypercalls.h"
#include "vmm/layout.h"
#include "vmm/machine.h"
#include "vmm/pagetable.h"
#include "vmm/ring0.h"

struct update {
	struct machine *m;
	struct ring0 ring0;
	uint64_t pgd;
	uint64_t va, pages;  /* what is left to do */
	uint64_t value;      /* entry for the page at va; 0 unmaps */
	uint64_t spare, spare_left, spare_used;
};

static uint64_t entry_read(const uint64_t *entry)
{
	return *(const volatile uint64_t *)entry;
}

/* NULL too for one in read-only memory, where nothing could be changed. */
static uint64_t *table_at(const struct update *u, uint64_t address)
{
	return guest_mem_span(&u->m->mem, gpa(address), GUEST_PAGE_BYTES);
}

/* A page of the guest's for a new table, zeroed; 0 where none is left. */
static uint64_t spare_take(struct update *u)
{
	uint64_t page = u->spare;

	if (u->spare_left == 0)
		return 0;
	memset(table_at(u, page), 0, GUEST_PAGE_BYTES);
	u->spare += GUEST_PAGE_BYTES;
	u->spare_left--;
	u->spare_used++;
	return page;
}

/* The guest cannot go on: its vCPU is neither here nor there. */
static int64_t host_failed(struct update *u, int r)
{
	if (u->m->outcome == OUTCOME_NONE && !u->m->config->stop->signal) {
		u->m->outcome = OUTCOME_FAILED;
		error_set(&u->m->error, ERROR_HOST, -r, "KVM_RUN: update_pgtable's stores at ring 0: %s: `kvick doctor` says "
			  "what this host offers", strerror(-r));
	}
	return -KVICK_EIO;
}

static uint64_t table_flags(const struct update *u)
{
	return PTE_PRESENT | PTE_WRITE | PTE_ACCESSED | (u->m->ring == 3 ? PTE_USER : 0);
}

/* Replaces a large page by a table that says the same. level: of the entry, 3 (1 GiB) or 2 (2 MiB). */
static int64_t split(struct update *u, uint64_t entry_at, uint64_t entry, unsigned level, uint64_t *table)
{
	uint64_t page_bytes = 1ull << (12 + 9 * (level - 2)); /* of the new table's entries */
	uint64_t base = entry & PTE_ADDR & ~(page_bytes * PAGETABLE_ENTRIES - 1);
	uint64_t flags = (entry & ~PTE_ADDR) & ~(level == 2 ? PTE_LARGE : 0);
	int r;

	*table = spare_take(u);
	if (!*table)
		return -KVICK_ENOMEM;
	for (unsigned i = 0; i < PAGETABLE_ENTRIES; i++)
		table_at(u, *table)[i] = (base + i * page_bytes) | flags;
	r = ring0_store(u->m, &u->ring0, gpa(entry_at), *table | table_flags(u), 0, 1);
	return r < 0 ? host_failed(u, r) : 0;
}

/*
 * Finds the last-level table for u->va. *table 0: there is none, and nothing to unmap.
 * 0 or -KVICK_E*.
 */
static int64_t descend(struct update *u, uint64_t *table)
{
	uint64_t at = u->pgd;

	for (unsigned level = PAGETABLE_LEVELS; level > 1; level--) {
		uint64_t *entries = table_at(u, at);
		unsigned i = pagetable_index(u->va, level);

		if (!entries)
			return -KVICK_EFAULT;
		uint64_t entry = entry_read(&entries[i]);

		if (!(entry & PTE_PRESENT)) {
			*table = 0;
			if (!u->value)
				return 0;
			uint64_t page = spare_take(u);

			if (!page)
				return -KVICK_ENOMEM;
			entries[i] = page | table_flags(u);
			at = page;
		} else if (level <= 3 && (entry & PTE_LARGE)) {
			int64_t r = split(u, at + i * 8, entry, level, &at);

			if (r < 0)
				return r;
		} else {
			at = entry & PTE_ADDR;
		}
	}
	*table = at;
	return table_at(u, at) ? 0 : -KVICK_EFAULT;
}

/* Tables that an update of va's page will have to make under `top`, or -KVICK_EFAULT. */
static int64_t tables_missing(const struct update *u, uint64_t top, uint64_t va)
{
	uint64_t at = top;

	for (unsigned level = PAGETABLE_LEVELS; level > 1; level--) {
		const uint64_t *entries = table_at(u, at);

		if (!entries)
			return -KVICK_EFAULT;
		uint64_t entry = entry_read(&entries[pagetable_index(va, level)]);

		if (!(entry & PTE_PRESENT))
			return u->value ? level - 1 : 0;
		if (level <= 3 && (entry & PTE_LARGE))
			return level - 1;
		at = entry & PTE_ADDR;
	}
	return table_at(u, at) ? 0 : -KVICK_EFAULT;
}

/*
 * All of the spare pages that the update takes, or -KVICK_EFAULT: found out first, so that an update which is refused
 * has changed nothing. It spans two last-level tables at the most.
 */
static int64_t spares_needed(const struct update *u, uint64_t top)
{
	uint64_t last = u->va + (u->pages - 1) * GUEST_PAGE_BYTES;
	int64_t missing = tables_missing(u, top, u->va), missing_last;

	if (missing < 0 || u->va >> 21 == last >> 21)
		return missing;
	missing_last = tables_missing(u, top, last);
	if (missing_last < 0)
		return missing_last;
	/* What is made for the first page serves the last one too, where both are below the same entry. */
	if (missing_last == 3 && u->va >> 39 == last >> 39)
		missing_last--;
	if (missing_last == 2 && u->va >> 30 == last >> 30)
		missing_last--;
	return missing + missing_last;
}

/* Writes the entries that fall into one last-level table. */
static int64_t update_table(struct update *u)
{
	unsigned first = pagetable_index(u->va, 1);
	uint64_t count = PAGETABLE_ENTRIES - first < u->pages ? PAGETABLE_ENTRIES - first : u->pages;
	uint64_t step = u->value ? GUEST_PAGE_BYTES : 0, table;
	int64_t r = descend(u, &table);
	bool in_force = false;

	if (r < 0)
		return r;
	if (table) {
		uint64_t *entries = table_at(u, table);

		for (uint64_t i = 0; i < count; i++)
			in_force |= entry_read(&entries[first + i]) & PTE_PRESENT;
		if (in_force) {
			int failed = ring0_store(u->m, &u->ring0, gpa(table + first * 8), u->value, step, count);

			if (failed < 0)
				return host_failed(u, failed);
		} else {
			for (uint64_t i = 0; i < count; i++)
				entries[first + i] = u->value + i * step;
		}
	}
	u->va += count * GUEST_PAGE_BYTES;
	u->value += count * step;
	u->pages -= count;
	return 0;
}

static bool all_zeroes(const uint64_t *table)
{
	for (unsigned i = 0; i < PAGETABLE_ENTRIES; i++)
		if (entry_read(&table[i]))
			return false;
	return true;
}

static int64_t validate(struct machine *m, const struct kvick_call *call)
{
	uint64_t va = call->arg[0], flags = call->arg[1] & ~KVICK_PTE_ADDR, pa = call->arg[1] & KVICK_PTE_ADDR;
	uint64_t pgd = call->arg[2], pages = call->arg[3], spare = call->arg[4], spares = call->arg[5];

	if (pages == 0 || pages > KVICK_PGTABLE_PAGES_MAX)
		return -KVICK_EINVAL;
	uint64_t bytes = pages * GUEST_PAGE_BYTES, last = va + bytes - 1;

	if ((va | pgd | spare) % GUEST_PAGE_BYTES != 0 || last < va || !canonical(va) || !canonical(last) ||
	    (va >> 63) != (last >> 63))
		return -KVICK_EINVAL;
	if (flags & ~(KVICK_PTE_PRESENT | KVICK_PTE_WRITE | KVICK_PTE_USER | KVICK_PTE_NX))
		return -KVICK_EINVAL;
	if (!(flags & KVICK_PTE_PRESENT) && call->arg[1] != 0)
		return -KVICK_EINVAL;
	if (spares > m->mem.bytes / GUEST_PAGE_BYTES)
		return -KVICK_EFAULT;
	if (!guest_mem_writable(&m->mem, gpa(pgd), GUEST_PAGE_BYTES) ||
	    !guest_mem_writable(&m->mem, gpa(spare), spares * GUEST_PAGE_BYTES) ||
	    (flags && !guest_mem_contains(&m->mem, gpa(pa), bytes)))
		return -KVICK_EFAULT;
	if ((flags & KVICK_PTE_WRITE) && !(flags & KVICK_PTE_NX))
		return -KVICK_EPERM; /* W^X */
	if (va < LAYOUT_HANDLER_STACK_TOP)
		return -KVICK_EPERM; /* the null page, and what exceptions need */
	return 0;
}

int64_t hypercall_update_pgtable(struct machine *m, struct kvick_call *call)
{
	int64_t r = hypercall_is_not_for(m, "update_pgtable") ? -KVICK_EINVAL : validate(m, call);

	if (r < 0)
		return r;
	struct update u = {
		.m = m,
		.pgd = call->arg[2],
		.va = call->arg[0],
		.pages = call->arg[3],
		.value = call->arg[1] ? call->arg[1] | PTE_ACCESSED | PTE_DIRTY | (m->ring == 3 ? PTE_USER : 0) : 0,
		.spare = call->arg[4],
		.spare_left = call->arg[5],
	};

	/* A top level that is still all zeroes begins as a copy of the one that the guest was born with. */
	bool fresh = all_zeroes(table_at(&u, u.pgd));
	int64_t needed = spares_needed(&u, fresh ? m->pgd : u.pgd);

	if (needed < 0)
		return needed;
	if ((uint64_t)needed > u.spare_left)
		return -KVICK_ENOMEM;
	if (fresh)
		memcpy(table_at(&u, u.pgd), table_at(&u, m->pgd), GUEST_PAGE_BYTES);
	while (u.pages > 0 && r == 0)
		r = update_table(&u);
	ring0_resume(m, &u.ring0);
	return r < 0 ? r : (int64_t)u.spare_used;
}
