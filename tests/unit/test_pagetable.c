/* SPDX-License-Identifier: Apache-2.0 */
/* Guest-virtual to guest-physical: the tables that the VMM writes, and those of others that it reads. */
#include "tests/unit/test_unit.h"

#include "vmm/error.h"
#include "vmm/pagetable.h"
#include "vmm/sys.h"

#define RAM  (16ull << 20)
#define POOL 0x7000ull
#define HIGH 0xffff800000000000ull /* lowest canonical address of the upper half */

struct fixture {
	struct sys sys;
	struct error error;
	struct guest_mem mem;
	struct table_pool pool;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	f->pool = (struct table_pool){ POOL, POOL + 0x78000 };
	return guest_mem_create(&f->mem, RAM, false, &f->sys, &f->error);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	guest_mem_destroy(&f->mem, &f->sys);
	free(f);
	return 0;
}

static uint64_t *table(struct fixture *f, uint64_t at)
{
	return guest_mem_span(&f->mem, gpa(at), GUEST_PAGE_BYTES);
}

static uint64_t build(struct fixture *f, const struct mapping *mappings, unsigned count)
{
	return pagetable_build(&f->mem, &f->pool, mappings, count);
}

static uint64_t build_one(struct fixture *f, uint64_t at, uint64_t bytes, uint64_t flags)
{
	return build(f, &(struct mapping){ at, bytes, flags }, 1);
}

static bool is_mapped(struct fixture *f, uint64_t pgd, uint64_t va)
{
	struct translation t;

	return pagetable_walk(&f->mem, pgd, va, &t);
}

/* The entry that decides, and its level. */
static uint64_t leaf(struct fixture *f, uint64_t pgd, uint64_t va, unsigned *level)
{
	uint64_t at = pgd;

	for (*level = PAGETABLE_LEVELS;; --*level) {
		uint64_t entry = table(f, at)[pagetable_index(va, *level)];

		if (*level == 1 || !(entry & PTE_PRESENT) || (*level <= 3 && (entry & PTE_LARGE)))
			return entry;
		at = entry & PTE_ADDR;
	}
}

/* Hand-made tables of one path: a pgd at 0x7000 and one table below another at each next page. */
static uint64_t path(struct fixture *f, uint64_t va, uint64_t flags, uint64_t target)
{
	for (unsigned level = PAGETABLE_LEVELS, i = 0; level >= 1; level--, i++) {
		uint64_t next = level > 1 ? POOL + (i + 1) * GUEST_PAGE_BYTES : target;

		table(f, POOL + i * GUEST_PAGE_BYTES)[pagetable_index(va, level)] = next | flags;
	}
	return POOL;
}

static uint64_t *path_entry(struct fixture *f, uint64_t va, unsigned level)
{
	return &table(f, POOL + (PAGETABLE_LEVELS - level) * GUEST_PAGE_BYTES)[pagetable_index(va, level)];
}

/* --- build --- */

static void every_mapped_address_is_its_own_translation(void **state)
{
	struct fixture *f = *state;
	uint64_t pgd = build_one(f, 0x1ff000, 0x402000, PTE_WRITE);

	for (uint64_t va = 0x1ff000; va < 0x601000; va += 0x800) {
		struct translation t;

		assert_true(pagetable_walk(&f->mem, pgd, va, &t));
		assert_int_equal(t.gpa.u, va);
	}
}

static void what_is_around_a_mapping_is_not_mapped(void **state)
{
	struct fixture *f = *state;
	uint64_t pgd = build_one(f, 0x1ff000, 0x402000, PTE_WRITE);

	assert_false(is_mapped(f, pgd, 0x1fefff));
	assert_false(is_mapped(f, pgd, 0x601000));
}

static void nothing_is_mapped_at_0(void **state)
{
	struct fixture *f = *state;
	uint64_t pgd = build_one(f, 0x1000, RAM - 0x1000, PTE_WRITE | PTE_USER);

	assert_false(is_mapped(f, pgd, 0));
	assert_false(is_mapped(f, pgd, 0xfff));
	assert_true(is_mapped(f, pgd, 0x1000));
}

static void each_mapping_has_its_own_permissions(void **state)
{
	struct fixture *f = *state;
	const struct mapping mappings[] = {
		{ 0x1000, 0x1000, 0 },
		{ 0x2000, 0x1000, PTE_WRITE | PTE_NX },
		{ 0x3000, 0x1000, PTE_NX | PTE_USER },
		{ 0x4000, 0x1000, PTE_WRITE | PTE_NX | PTE_USER },
	};
	uint64_t pgd = build(f, mappings, COUNT_OF(mappings));

	for (unsigned i = 0; i < COUNT_OF(mappings); i++) {
		struct translation t;

		assert_true(pagetable_walk(&f->mem, pgd, mappings[i].at, &t));
		assert_int_equal(t.flags, mappings[i].flags);
	}
}

static void two_mib_pages_are_used_where_they_fit(void **state)
{
	struct fixture *f = *state;
	uint64_t pgd = build_one(f, PAGE_2M_BYTES, 2 * PAGE_2M_BYTES, PTE_WRITE | PTE_NX);
	unsigned level;

	assert_int_equal(leaf(f, pgd, PAGE_2M_BYTES, &level),
			 PAGE_2M_BYTES | PTE_WRITE | PTE_NX | PTE_PRESENT | PTE_ACCESSED | PTE_DIRTY | PTE_LARGE);
	assert_int_equal(level, 2);
	leaf(f, pgd, 2 * PAGE_2M_BYTES, &level);
	assert_int_equal(level, 2);
	assert_int_equal(f->pool.next, POOL + 3 * GUEST_PAGE_BYTES);
}

static void ragged_ends_are_4_kib_pages_around_a_2_mib_page(void **state)
{
	struct fixture *f = *state;
	uint64_t pgd = build_one(f, PAGE_2M_BYTES - 0x3000, PAGE_2M_BYTES + 0x5000, PTE_WRITE);
	unsigned level;

	assert_int_equal(leaf(f, pgd, PAGE_2M_BYTES - 0x3000, &level) & PTE_ADDR, PAGE_2M_BYTES - 0x3000);
	assert_int_equal(level, 1);
	leaf(f, pgd, PAGE_2M_BYTES, &level);
	assert_int_equal(level, 2);
	assert_int_equal(leaf(f, pgd, 2 * PAGE_2M_BYTES + 0x1000, &level) & PTE_ADDR, 2 * PAGE_2M_BYTES + 0x1000);
	assert_int_equal(level, 1);
	assert_false(is_mapped(f, pgd, PAGE_2M_BYTES - 0x3001));
	assert_false(is_mapped(f, pgd, 2 * PAGE_2M_BYTES + 0x2000));
}

static void a_run_of_2_mib_that_is_not_aligned_has_only_4_kib_pages(void **state)
{
	struct fixture *f = *state;
	uint64_t pgd = build_one(f, PAGE_2M_BYTES - 0x1000, PAGE_2M_BYTES, PTE_WRITE);
	unsigned level;

	leaf(f, pgd, PAGE_2M_BYTES - 0x1000, &level);
	assert_int_equal(level, 1);
	leaf(f, pgd, PAGE_2M_BYTES, &level);
	assert_int_equal(level, 1);
	assert_false(is_mapped(f, pgd, 2 * PAGE_2M_BYTES - 0x1000));
}

static void the_user_bit_stands_at_every_level(void **state)
{
	struct fixture *f = *state;
	uint64_t at = build_one(f, 0x5000, 0x1000, PTE_USER);

	for (unsigned level = PAGETABLE_LEVELS; level >= 1; level--) {
		uint64_t entry = table(f, at)[pagetable_index(0x5000, level)];

		assert_true(entry & PTE_USER);
		at = entry & PTE_ADDR;
	}
}

static void tables_without_user_pages_are_not_users(void **state)
{
	struct fixture *f = *state;
	uint64_t at = build_one(f, 0x5000, 0x1000, PTE_WRITE);

	for (unsigned level = PAGETABLE_LEVELS; level >= 1; level--) {
		uint64_t entry = table(f, at)[pagetable_index(0x5000, level)];

		assert_false(entry & PTE_USER);
		at = entry & PTE_ADDR;
	}
}

static void a_kernel_page_beside_a_user_page_stays_the_kernels(void **state)
{
	struct fixture *f = *state;
	const struct mapping mappings[] = { { 0x5000, 0x1000, PTE_USER }, { 0x6000, 0x1000, PTE_WRITE } };
	uint64_t pgd = build(f, mappings, 2);
	struct translation t;

	assert_true(pagetable_walk(&f->mem, pgd, 0x6000, &t));
	assert_int_equal(t.flags, PTE_WRITE);
}

static void entries_are_accessed_and_dirty_from_the_start(void **state)
{
	struct fixture *f = *state;
	uint64_t at = build_one(f, 0x5000, 0x1000, 0);

	for (unsigned level = PAGETABLE_LEVELS; level >= 1; level--) {
		uint64_t entry = table(f, at)[pagetable_index(0x5000, level)];

		assert_true(entry & PTE_ACCESSED);
		assert_true(level > 1 || entry & PTE_DIRTY);
		at = entry & PTE_ADDR;
	}
}

static void a_mapping_across_a_gib_boundary_is_whole(void **state)
{
	struct fixture *f = *state;
	uint64_t gib = 1ull << 30, pgd = build_one(f, gib - 0x1000, 0x2000, PTE_WRITE);
	struct translation t;

	assert_true(pagetable_walk(&f->mem, pgd, gib - 1, &t));
	assert_int_equal(t.gpa.u, gib - 1);
	assert_true(pagetable_walk(&f->mem, pgd, gib, &t));
	assert_int_equal(t.gpa.u, gib);
}

static void a_mapping_of_no_bytes_maps_nothing(void **state)
{
	struct fixture *f = *state;
	uint64_t pgd = build_one(f, 0x5000, 0, PTE_WRITE);

	assert_false(is_mapped(f, pgd, 0x5000));
	assert_int_equal(f->pool.next, POOL + GUEST_PAGE_BYTES);
}

#define RANDOM_MAPPINGS_MAX 32

/* Page numbers, rather often at or right beside a boundary of 2 MiB or 1 GiB. */
static uint64_t random_page(uint64_t pages)
{
	uint64_t page = ((uint64_t)random() << 16 ^ (uint64_t)random()) % pages;

	switch (random() % 4) {
	case 0:
		return page & ~511ull;
	case 1:
		return ((page & ~511ull) + 511 + (uint64_t)(random() % 3)) % pages;
	case 2:
		return ((page & ~0x3ffffull) + 0x3ffff + (uint64_t)(random() % 3)) % pages;
	default:
		return page;
	}
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Disjoint runs of pages in `bytes` of memory. */
static unsigned random_mappings(struct mapping mappings[RANDOM_MAPPINGS_MAX], uint64_t bytes)
{
	uint64_t cuts[2 * RANDOM_MAPPINGS_MAX];
	unsigned count = 1 + (unsigned)(random() % RANDOM_MAPPINGS_MAX);

	for (unsigned i = 0; i < 2 * count; i++)
		cuts[i] = random_page(bytes / GUEST_PAGE_BYTES + 1);
	qsort(cuts, 2 * count, sizeof(cuts[0]), compare);
	for (unsigned i = 0; i < count; i++) {
		uint64_t from = cuts[2 * i], to = cuts[2 * i + 1];

		mappings[i] = (struct mapping){ from * GUEST_PAGE_BYTES, (to - from) * GUEST_PAGE_BYTES,
						random() % 2 ? PTE_WRITE | PTE_NX : PTE_USER };
	}
	return count;
}

static void the_pool_suffices_for_any_layout(void **state)
{
	static const uint64_t sizes[] = { 2ull << 20, 16ull << 20, 1ull << 30, (1ull << 30) + 4096, 5ull << 30, 64ull << 30 };
	struct fixture *f = *state;

	srandom(1);
	for (unsigned round = 0; round < 3000; round++) {
		struct mapping mappings[RANDOM_MAPPINGS_MAX];
		uint64_t bytes = sizes[round % COUNT_OF(sizes)];
		unsigned count = random_mappings(mappings, bytes);
		uint64_t pgd;

		f->pool = (struct table_pool){ POOL, RAM }; /* more than it may take */
		pgd = build(f, mappings, count);
		assert_in_range((f->pool.next - POOL) / GUEST_PAGE_BYTES, 1, pagetable_pages_max(bytes, count));
		for (unsigned i = 0; i < count; i++) {
			struct translation t;

			if (mappings[i].bytes == 0)
				continue;
			assert_true(pagetable_walk(&f->mem, pgd, mappings[i].at, &t));
			assert_int_equal(t.gpa.u, mappings[i].at);
			assert_int_equal(t.flags, mappings[i].flags);
			assert_true(pagetable_walk(&f->mem, pgd, mappings[i].at + mappings[i].bytes - 1, &t));
			assert_int_equal(t.gpa.u, mappings[i].at + mappings[i].bytes - 1);
			assert_int_equal(t.flags, mappings[i].flags);
			if (i + 1 < count && mappings[i].at + mappings[i].bytes < mappings[i + 1].at)
				assert_false(is_mapped(f, pgd, mappings[i].at + mappings[i].bytes));
		}
		memset(f->mem.host + POOL, 0, f->pool.next - POOL);
	}
}

/* Neither its fixed part nor what it allows each mapping may shrink unnoticed: here it is needed to the page. */
static void the_pools_bound_is_reached_by_the_worst_layout(void **state)
{
	struct fixture *f = *state;
	const struct mapping mappings[] = {
		{ PAGE_2M_BYTES - 0x1000, PAGE_2M_BYTES + 0x2000, PTE_WRITE },
		{ 9 * PAGE_2M_BYTES - 0x1000, 0x2000, PTE_WRITE },
		{ (1ull << 30) + 0x1000, PAGE_2M_BYTES, PTE_WRITE },
	};

	build(f, mappings, COUNT_OF(mappings));
	assert_int_equal((f->pool.next - POOL) / GUEST_PAGE_BYTES, pagetable_pages_max(2ull << 30, COUNT_OF(mappings)));
}

/* --- walk --- */

static void walk_finds_a_page_by_all_four_levels(void **state)
{
	struct fixture *f = *state;
	uint64_t va = HIGH + 0x123456789a * 8;
	struct translation t;

	assert_true(pagetable_walk(&f->mem, path(f, va, PTE_PRESENT, 0x45000), va, &t));
	assert_int_equal(t.gpa.u, 0x45000 + va % GUEST_PAGE_BYTES);
	assert_int_equal(t.left, GUEST_PAGE_BYTES - va % GUEST_PAGE_BYTES);
}

static void walk_refuses_addresses_that_are_not_canonical(void **state)
{
	struct fixture *f = *state;

	/* Entries 256 of the top level are there: only the address is wrong. */
	path(f, HIGH, PTE_PRESENT, 0x45000);
	assert_true(is_mapped(f, POOL, HIGH));
	assert_false(is_mapped(f, POOL, HIGH & 0xffffffffffffull));
	assert_false(is_mapped(f, POOL, HIGH ^ 1ull << 63));
	assert_false(is_mapped(f, POOL, HIGH ^ 1ull << 48));
}

static void walk_ends_at_an_absent_entry_of_any_level(void **state)
{
	struct fixture *f = *state;

	for (unsigned level = 1; level <= PAGETABLE_LEVELS; level++) {
		path(f, 0x5000, PTE_PRESENT, 0x45000);
		*path_entry(f, 0x5000, level) &= ~PTE_PRESENT;
		assert_false(is_mapped(f, POOL, 0x5000));
	}
}

static void walk_ends_at_a_table_outside_ram_at_any_level(void **state)
{
	static const uint64_t outside[] = { RAM, 1ull << 40, PTE_ADDR };
	struct fixture *f = *state;

	for (unsigned level = 2; level <= PAGETABLE_LEVELS; level++)
		for (unsigned i = 0; i < COUNT_OF(outside); i++) {
			path(f, 0x5000, PTE_PRESENT, 0x45000);
			*path_entry(f, 0x5000, level) = outside[i] | PTE_PRESENT;
			assert_false(is_mapped(f, POOL, 0x5000));
		}
	assert_false(is_mapped(f, RAM, 0x5000));
	assert_false(is_mapped(f, UINT64_MAX, 0x5000));
}

static void walk_translates_to_an_address_outside_ram_and_leaves_judging_to_the_caller(void **state)
{
	struct fixture *f = *state;
	struct translation t;

	assert_true(pagetable_walk(&f->mem, path(f, 0x5000, PTE_PRESENT, PTE_ADDR), 0x5008, &t));
	assert_int_equal(t.gpa.u, PTE_ADDR + 8);
}

static void walk_ignores_the_low_bits_of_cr3(void **state)
{
	struct fixture *f = *state;
	uint64_t pgd = path(f, 0x5000, PTE_PRESENT, 0x45000);

	assert_true(is_mapped(f, pgd | 0x18, 0x5000));
}

static void walk_knows_2_mib_pages(void **state)
{
	struct fixture *f = *state;
	struct translation t;

	path(f, 0x5000, PTE_PRESENT, 0);
	*path_entry(f, 0x5000, 2) = 0x600000 | 1ull << 12 /* PAT */ | PTE_PRESENT | PTE_LARGE;
	assert_true(pagetable_walk(&f->mem, POOL, 0x5678, &t));
	assert_int_equal(t.gpa.u, 0x605678);
	assert_int_equal(t.left, PAGE_2M_BYTES - 0x5678);
}

static void walk_knows_1_gib_pages(void **state)
{
	struct fixture *f = *state;
	struct translation t;

	path(f, 0x5000, PTE_PRESENT, 0);
	*path_entry(f, 0x5000, 3) = 3ull << 30 | PTE_PRESENT | PTE_LARGE;
	assert_true(pagetable_walk(&f->mem, POOL, 0x345678, &t));
	assert_int_equal(t.gpa.u, (3ull << 30) + 0x345678);
	assert_int_equal(t.left, (1ull << 30) - 0x345678);
}

static void walk_takes_bit_7_of_the_top_level_and_of_the_last_for_no_large_page(void **state)
{
	struct fixture *f = *state;
	struct translation t;

	path(f, 0x5000, PTE_PRESENT, 0x45000);
	*path_entry(f, 0x5000, 4) |= PTE_LARGE;
	*path_entry(f, 0x5000, 1) |= PTE_LARGE; /* there it is PAT */
	assert_true(pagetable_walk(&f->mem, POOL, 0x5000, &t));
	assert_int_equal(t.gpa.u, 0x45000);
	assert_int_equal(t.left, GUEST_PAGE_BYTES);
}

static void write_and_user_are_granted_only_by_all_levels_together(void **state)
{
	struct fixture *f = *state;
	struct translation t;

	path(f, 0x5000, PTE_PRESENT | PTE_WRITE | PTE_USER, 0x45000);
	assert_true(pagetable_walk(&f->mem, POOL, 0x5000, &t));
	assert_int_equal(t.flags, PTE_WRITE | PTE_USER);
	for (unsigned level = 1; level <= PAGETABLE_LEVELS; level++) {
		path(f, 0x5000, PTE_PRESENT | PTE_WRITE | PTE_USER, 0x45000);
		*path_entry(f, 0x5000, level) &= ~PTE_WRITE;
		assert_true(pagetable_walk(&f->mem, POOL, 0x5000, &t));
		assert_int_equal(t.flags, PTE_USER);
		*path_entry(f, 0x5000, level) &= ~PTE_USER;
		assert_true(pagetable_walk(&f->mem, POOL, 0x5000, &t));
		assert_int_equal(t.flags, 0);
	}
}

static void no_execute_at_any_level_forbids(void **state)
{
	struct fixture *f = *state;
	struct translation t;

	for (unsigned level = 1; level <= PAGETABLE_LEVELS; level++) {
		path(f, 0x5000, PTE_PRESENT, 0x45000);
		*path_entry(f, 0x5000, level) |= PTE_NX;
		assert_true(pagetable_walk(&f->mem, POOL, 0x5000, &t));
		assert_int_equal(t.flags, PTE_NX);
	}
}

/* --- read --- */

static void read_goes_on_in_the_next_page_wherever_that_lies(void **state)
{
	struct fixture *f = *state;
	char text[8];

	path(f, 0x5000, PTE_PRESENT, 0x45000);
	*path_entry(f, 0x6000, 1) = 0x30000 | PTE_PRESENT;
	memcpy(f->mem.host + 0x45ffd, "abc", 3);
	memcpy(f->mem.host + 0x30000, "defg", 5);
	assert_true(pagetable_read(&f->mem, POOL, 0x5ffd, text, 8));
	assert_string_equal(text, "abcdefg");
}

static void read_fails_where_the_next_page_is_not_mapped(void **state)
{
	struct fixture *f = *state;
	char text[8];

	path(f, 0x5000, PTE_PRESENT, 0x45000);
	assert_true(pagetable_read(&f->mem, POOL, 0x5ff8, text, 8));
	assert_false(pagetable_read(&f->mem, POOL, 0x5ff9, text, 8));
}

static void read_fails_where_a_page_lies_outside_ram(void **state)
{
	struct fixture *f = *state;
	char byte;

	path(f, 0x5000, PTE_PRESENT, RAM);
	assert_false(pagetable_read(&f->mem, POOL, 0x5000, &byte, 1));
	path(f, 0x5000, PTE_PRESENT, PTE_ADDR);
	assert_false(pagetable_read(&f->mem, POOL, 0x5000, &byte, 1));
}

/* As a deprivileged guest's, where a large page was split. */
static void walk_goes_on_in_a_table_behind_ram_where_there_is_memory(void **state)
{
	struct fixture *f = *state;
	struct guest_mem mem = { 0 };
	struct translation t;

	assert_int_equal(guest_mem_create_with(&mem, RAM, 2 * GUEST_PAGE_BYTES, GUEST_PAGES_4K, &f->sys, &f->error), 0);
	for (unsigned i = 0; i < 3; i++)
		*(uint64_t *)guest_mem_span(&mem, gpa(POOL + i * GUEST_PAGE_BYTES), 8) =
			(i < 2 ? POOL + (i + 1) * GUEST_PAGE_BYTES : RAM + GUEST_PAGE_BYTES) | PTE_PRESENT | PTE_WRITE;
	*(uint64_t *)guest_mem_behind(&mem, GUEST_PAGE_BYTES, 8) = 0x5000 | PTE_PRESENT;
	assert_true(pagetable_walk(&mem, POOL, 0x123, &t));
	assert_int_equal(t.gpa.u, 0x5123);
	*(uint64_t *)guest_mem_span(&mem, gpa(POOL + 2 * GUEST_PAGE_BYTES), 8) = (RAM + 2 * GUEST_PAGE_BYTES) | PTE_PRESENT;
	assert_false(pagetable_walk(&mem, POOL, 0x123, &t));
	guest_mem_destroy(&mem, &f->sys);
}

static void read_does_not_cross_into_the_hole_between_the_halves(void **state)
{
	struct fixture *f = *state;
	char text[8];

	path(f, 0x7ffffffff000, PTE_PRESENT, 0x45000);
	assert_true(pagetable_read(&f->mem, POOL, 0x7ffffffffff8, text, 8));
	assert_false(pagetable_read(&f->mem, POOL, 0x7ffffffffffc, text, 8));
}

static void read_of_no_bytes_asks_nothing(void **state)
{
	struct fixture *f = *state;

	assert_true(pagetable_read(&f->mem, POOL, 0x5000, NULL, 0));
}

static void canonical_addresses_repeat_bit_47_upwards(void **state)
{
	(void)state;
	assert_true(canonical(0));
	assert_true(canonical(0x00007fffffffffff));
	assert_false(canonical(0x0000800000000000));
	assert_false(canonical(0xffff7fffffffffff));
	assert_true(canonical(0xffff800000000000));
	assert_true(canonical(UINT64_MAX));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_mapped_address_is_its_own_translation),
		TEST(what_is_around_a_mapping_is_not_mapped),
		TEST(nothing_is_mapped_at_0),
		TEST(each_mapping_has_its_own_permissions),
		TEST(two_mib_pages_are_used_where_they_fit),
		TEST(ragged_ends_are_4_kib_pages_around_a_2_mib_page),
		TEST(a_run_of_2_mib_that_is_not_aligned_has_only_4_kib_pages),
		TEST(the_user_bit_stands_at_every_level),
		TEST(tables_without_user_pages_are_not_users),
		TEST(a_kernel_page_beside_a_user_page_stays_the_kernels),
		TEST(entries_are_accessed_and_dirty_from_the_start),
		TEST(a_mapping_across_a_gib_boundary_is_whole),
		TEST(a_mapping_of_no_bytes_maps_nothing),
		TEST(the_pool_suffices_for_any_layout),
		TEST(the_pools_bound_is_reached_by_the_worst_layout),
		TEST(walk_finds_a_page_by_all_four_levels),
		TEST(walk_refuses_addresses_that_are_not_canonical),
		TEST(walk_ends_at_an_absent_entry_of_any_level),
		TEST(walk_ends_at_a_table_outside_ram_at_any_level),
		TEST(walk_translates_to_an_address_outside_ram_and_leaves_judging_to_the_caller),
		TEST(walk_ignores_the_low_bits_of_cr3),
		TEST(walk_knows_2_mib_pages),
		TEST(walk_knows_1_gib_pages),
		TEST(walk_takes_bit_7_of_the_top_level_and_of_the_last_for_no_large_page),
		TEST(write_and_user_are_granted_only_by_all_levels_together),
		TEST(no_execute_at_any_level_forbids),
		TEST(read_goes_on_in_the_next_page_wherever_that_lies),
		TEST(read_fails_where_the_next_page_is_not_mapped),
		TEST(read_fails_where_a_page_lies_outside_ram),
		TEST(walk_goes_on_in_a_table_behind_ram_where_there_is_memory),
		TEST(read_does_not_cross_into_the_hole_between_the_halves),
		TEST(read_of_no_bytes_asks_nothing),
		TEST(canonical_addresses_repeat_bit_47_upwards),
	};

	return cmocka_run_group_tests_name("pagetable", tests, NULL, NULL);
}
