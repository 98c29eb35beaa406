/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <string.h>

#include "pgtable.h"

#define A 0xaaaaaaaa00000001
#define B 0xbbbbbbbb00000002

#define RET 0xc3

#define PAGE KVICK_PAGE_BYTES

static uint64_t word(uint64_t physical)
{
	return *(volatile uint64_t *)physical;
}

static uint64_t read(uint64_t va)
{
	uint64_t value;

	assert(can_read(va, &value));
	return value;
}

static bool mapped(uint64_t va)
{
	uint64_t value;

	return can_read(va, &value);
}

/* One page more or less, in tables that are there. */
static void set(const struct paravirt *pv, uint64_t va, uint64_t pa_flags)
{
	assert(pv->update(va, pa_flags, kvick_boot()->pgd, 1, 0, 0) == 0);
}

void check_mapping(const struct paravirt *pv)
{
	uint64_t pgd = kvick_boot()->pgd, va1 = pv->base, va2 = pv->base + PAGE;
	uint64_t a = new_page(A), b = new_page(B), spare = new_pages(4);

	assert(!mapped(va1));
	assert(pv->update(va1, a | READ_WRITE, pgd, 1, spare, 4) == 3); /* tables of three levels were missing */
	assert(!mapped(va2));
	set(pv, va2, b | READ_WRITE);
	assert(read(va1) == A && read(va2) == B);

	/* The new mapping and the old one are the same memory. */
	assert(can_write(va1 + 8, 11) && word(a + 8) == 11);
	*(volatile uint64_t *)(b + 8) = 22;
	assert(read(va2 + 8) == 22);

	/* Remapped while in use. */
	set(pv, va1, b | READ_WRITE);
	assert(read(va1) == B && read(va1 + 8) == 22);

	/* Protected: what is there stays readable. */
	set(pv, va1, a | READ_ONLY);
	assert(read(va1 + 8) == 11 && !can_write(va1 + 8, 12));
	assert(word(a + 8) == 11);
	assert(fault_error_code() & 2); /* a write */
	set(pv, va1, a | READ_WRITE);
	assert(can_write(va1 + 8, 12) && word(a + 8) == 12);

	/* Data is no code until it is mapped as such. */
	*(volatile uint8_t *)b = RET;
	assert(!can_call(va2));
	set(pv, va2, b | READ_EXEC);
	assert(can_call(va2) && !can_write(va2, 0));

	set(pv, va2, 0);
	assert(!mapped(va2) && !can_write(va2, 1) && !can_call(va2));
	set(pv, va2, 0); /* nothing there: nothing happens */
	set(pv, va1, 0);
	assert(!mapped(va1));
}

/* A page of the initial mapping, where a large page may have to be split. */
void check_split(const struct paravirt *pv)
{
	uint64_t pgd = kvick_boot()->pgd, page = new_page(A), spare = new_pages(2);
	int64_t used = pv->update(page, 0, pgd, 1, spare, 2);

	assert(used >= 0 && used <= 2);
	assert(!mapped(page) && mapped(page - PAGE) && mapped(page + PAGE));
	set(pv, page, page | READ_WRITE);
	assert(read(page) == A && can_write(page, B));
}

/* More pages than one table holds, and each has to be the right one. */
void check_many_pages(const struct paravirt *pv)
{
	uint64_t va = pv->base + (UINT64_C(1) << 30) - 3 * PAGE; /* crosses from one GiB to the next */
	uint64_t pgd = kvick_boot()->pgd, pages = new_pages(6), spare = new_pages(4);

	for (uint64_t i = 0; i < 6; i++)
		*(uint64_t *)(pages + i * PAGE) = A + i;
	assert(pv->update(va, pages | READ_WRITE, pgd, 6, spare, 4) == 3); /* a directory, and two tables */
	for (uint64_t i = 0; i < 6; i++)
		assert(read(va + i * PAGE) == A + i);
	assert(!mapped(va - PAGE) && !mapped(va + 6 * PAGE));
	assert(pv->update(va, 0, pgd, 6, 0, 0) == 0);
	for (uint64_t i = 0; i < 6; i++)
		assert(!mapped(va + i * PAGE));
}

/* Two top levels with the same address mapped to different pages. */
void check_switch(const struct paravirt *pv)
{
	uint64_t old = kvick_boot()->pgd, new = new_pages(1), va = pv->base + PRIVATE_OFFSET;
	uint64_t a = new_page(A), b = new_page(B), spare = new_pages(6);

	assert(pv->lcr3(new) == -KVICK_EINVAL); /* nothing is mapped in it yet */
	/* The new one first: it adopts what the old one maps at this moment. */
	assert(pv->update(va, b | READ_WRITE, new, 1, spare, 3) == 3);
	assert(!mapped(va));
	assert(pv->update(va, a | READ_WRITE, old, 1, spare + 3 * PAGE, 3) == 3);
	assert(read(va) == A);

	assert(pv->lcr3(new) == 0);
	assert(read(va) == B);
	assert(can_write(va + 8, 33));
	/* Changes to the top level in force, and to the other one. */
	assert(pv->update(va + PAGE, a | READ_ONLY, new, 1, 0, 0) == 0);
	assert(read(va + PAGE) == A);
	assert(pv->update(va, b | READ_ONLY, old, 1, 0, 0) == 0);
	assert(can_write(va, B));
	assert(!can_write(va + PAGE, 1));

	assert(pv->lcr3(old) == 0);
	assert(read(va) == B && read(va + 8) == 33 && !can_write(va, 1));
	assert(!mapped(va + PAGE));
	set(pv, va, 0);
}

void check_refusals(const struct paravirt *pv)
{
	uint64_t pgd = kvick_boot()->pgd, ram = kvick_boot()->mem_bytes, va = pv->base + (UINT64_C(2) << 30);
	uint64_t page = new_page(A), spare = new_pages(1);
	const struct {
		uint64_t va, pa_flags, pgd, pages, spare, spare_pages;
		int64_t result;
	} calls[] = {
		{ va + 1, page | READ_WRITE, pgd, 1, spare, 1, -KVICK_EINVAL },
		{ va, (page + 8) | READ_WRITE, pgd, 1, spare, 1, -KVICK_EINVAL },
		{ va, page | READ_WRITE | 1ull << 52, pgd, 1, spare, 1, -KVICK_EINVAL },
		{ va, page, pgd, 1, spare, 1, -KVICK_EINVAL },
		{ va, KVICK_PTE_NX, pgd, 1, spare, 1, -KVICK_EINVAL },
		{ va, page | READ_WRITE, pgd + 8, 1, spare, 1, -KVICK_EINVAL },
		{ va, page | READ_WRITE, pgd, 0, spare, 1, -KVICK_EINVAL },
		{ va, page | READ_WRITE, pgd, KVICK_PGTABLE_PAGES_MAX + 1, spare, 1, -KVICK_EINVAL },
		{ va, page | READ_WRITE, pgd, UINT64_MAX, spare, 1, -KVICK_EINVAL },
		{ va, page | READ_WRITE, pgd, 1, spare + 1, 1, -KVICK_EINVAL },
		{ 1ull << 47, page | READ_WRITE, pgd, 1, spare, 1, -KVICK_EINVAL },
		{ (1ull << 47) - PAGE, page | READ_WRITE, pgd, 2, spare, 1, -KVICK_EINVAL },
		{ -PAGE, page | READ_WRITE, pgd, 2, spare, 1, -KVICK_EINVAL },
		{ va, ram | READ_WRITE, pgd, 1, spare, 1, -KVICK_EFAULT },
		{ va, (ram - PAGE) | READ_WRITE, pgd, 2, spare, 1, -KVICK_EFAULT },
		{ va, page | READ_WRITE, ram, 1, spare, 1, -KVICK_EFAULT },
		{ va, page | READ_WRITE, pgd, 1, ram, 1, -KVICK_EFAULT },
		{ va, page | READ_WRITE, pgd, 1, spare, UINT64_MAX, -KVICK_EFAULT },
		{ va, page | (READ_WRITE & ~KVICK_PTE_NX), pgd, 1, spare, 1, -KVICK_EPERM },
		{ 0, page | READ_WRITE, pgd, 1, spare, 1, -KVICK_EPERM },
		{ 0x1000, page | READ_WRITE, pgd, 1, spare, 1, -KVICK_EPERM },
		{ 0x6000, 0, pgd, 1, spare, 1, -KVICK_EPERM },
		{ va, page | READ_WRITE, pgd, 1, 0, 0, -KVICK_ENOMEM },
	};

	for (unsigned i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		assert(pv->update(calls[i].va, calls[i].pa_flags, calls[i].pgd, calls[i].pages, calls[i].spare,
				  calls[i].spare_pages) == calls[i].result);
	assert(!mapped(va));
	/* Too few spares, and a top level never used before: neither is touched. */
	const uint64_t *fresh = (const uint64_t *)new_pages(1), *unused = (const uint64_t *)spare;

	memset((void *)fresh, 0, PAGE);
	memset((void *)unused, 0xaa, PAGE);
	assert(pv->update(va, page | READ_WRITE, (uintptr_t)fresh, 1, spare, 1) == -KVICK_ENOMEM);
	assert(fresh[0] == 0 && unused[0] == 0xaaaaaaaaaaaaaaaa);
	assert(pv->lcr3(pgd + 1) == -KVICK_EINVAL);
	assert(pv->lcr3(ram) == -KVICK_EFAULT);
	assert(pv->lcr3(UINT64_MAX & ~(PAGE - 1)) == -KVICK_EFAULT);
}
