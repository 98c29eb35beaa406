/* SPDX-License-Identifier: Apache-2.0 */
/* update_pgtable: page tables of the guest's, changed for it; every number in the call and in the tables is hostile. */
#include "tests/unit/test_machine.h"

#define PGD    (FREE + 0x10000) /* all zeroes at first */
#define SPARE  (FREE + 0x20000)
#define VA     0x40000000ull    /* nothing is mapped there at first */
#define TARGET (FREE + 0x40000)
#define DATA   (KVICK_PTE_PRESENT | KVICK_PTE_WRITE | KVICK_PTE_NX)

static int64_t update(struct fixture *f, uint64_t va, uint64_t pa_flags, uint64_t pgd, uint64_t pages, uint64_t spare,
		      uint64_t spares)
{
	return call(f, KVICK_CALL_UPDATE_PGTABLE, va, pa_flags, pgd, pages, spare, spares);
}

static bool walk(struct fixture *f, uint64_t pgd, uint64_t va, struct translation *t)
{
	return pagetable_walk(&f->m.mem, pgd, va, t);
}

/* --- what is refused --- */

static void assert_refused(struct fixture *f, int64_t error, uint64_t va, uint64_t pa_flags, uint64_t pgd, uint64_t pages,
			   uint64_t spare, uint64_t spares)
{
	static const uint8_t zeroes[GUEST_PAGE_BYTES];

	assert_int_equal(update(f, va, pa_flags, pgd, pages, spare, spares), error);
	assert_memory_equal(guest_mem_span(&f->m.mem, gpa(PGD), GUEST_PAGE_BYTES), zeroes, GUEST_PAGE_BYTES);
	assert_int_equal(f->runs, 0);
	assert_int_equal(f->m.outcome, OUTCOME_NONE);
}

static void no_pages_or_too_many_are_invalid(void **state)
{
	assert_refused(*state, -KVICK_EINVAL, VA, TARGET | DATA, PGD, 0, SPARE, 3);
	assert_refused(*state, -KVICK_EINVAL, VA, TARGET | DATA, PGD, KVICK_PGTABLE_PAGES_MAX + 1, SPARE, 3);
	assert_refused(*state, -KVICK_EINVAL, VA, TARGET | DATA, PGD, 1ull << 52, SPARE, 3);
	assert_refused(*state, -KVICK_EINVAL, VA, TARGET | DATA, PGD, UINT64_MAX, SPARE, 3);
}

static void addresses_within_a_page_are_invalid(void **state)
{
	assert_refused(*state, -KVICK_EINVAL, VA + 1, TARGET | DATA, PGD, 1, SPARE, 3);
	assert_refused(*state, -KVICK_EINVAL, VA, TARGET | DATA, PGD + 8, 1, SPARE, 3);
	assert_refused(*state, -KVICK_EINVAL, VA, TARGET | DATA, PGD, 1, SPARE + 0x800, 3);
}

static void a_va_that_is_not_canonical_is_invalid(void **state)
{
	assert_refused(*state, -KVICK_EINVAL, 0x0000800000000000, TARGET | DATA, PGD, 1, SPARE, 3);
	assert_refused(*state, -KVICK_EINVAL, 0xffff7ffffffff000, TARGET | DATA, PGD, 1, SPARE, 3);
}

static void pages_that_run_into_the_hole_are_invalid(void **state)
{
	assert_refused(*state, -KVICK_EINVAL, 0x00007ffffffff000, TARGET | DATA, PGD, 2, SPARE, 6);
}

static void pages_that_wrap_are_invalid(void **state)
{
	assert_refused(*state, -KVICK_EINVAL, 0xfffffffffffff000, TARGET | DATA, PGD, 2, SPARE, 6);
}

static void flags_that_are_not_the_guests_to_set_are_invalid(void **state)
{
	for (unsigned bit = 0; bit < 64; bit++) {
		if ((1ull << bit) & (DATA | KVICK_PTE_USER | KVICK_PTE_ADDR))
			continue;
		assert_refused(*state, -KVICK_EINVAL, VA, TARGET | DATA | 1ull << bit, PGD, 1, SPARE, 3);
	}
}

static void unmapping_takes_no_flags_and_no_address(void **state)
{
	assert_refused(*state, -KVICK_EINVAL, VA, KVICK_PTE_NX, PGD, 1, SPARE, 3);
	assert_refused(*state, -KVICK_EINVAL, VA, KVICK_PTE_WRITE | KVICK_PTE_NX, PGD, 1, SPARE, 3);
	assert_refused(*state, -KVICK_EINVAL, VA, TARGET, PGD, 1, SPARE, 3);
}

static void a_page_that_lies_outside_ram_is_a_fault(void **state)
{
	assert_refused(*state, -KVICK_EFAULT, VA, RAM | DATA, PGD, 1, SPARE, 3);
	assert_refused(*state, -KVICK_EFAULT, VA, KVICK_PTE_ADDR | DATA, PGD, 1, SPARE, 3);
}

static void pages_that_straddle_the_end_of_ram_are_a_fault(void **state)
{
	assert_refused(*state, -KVICK_EFAULT, VA, (RAM - 0x1000) | DATA, PGD, 2, SPARE, 3);
}

static void a_top_level_outside_ram_is_a_fault(void **state)
{
	assert_refused(*state, -KVICK_EFAULT, VA, TARGET | DATA, RAM, 1, SPARE, 3);
	assert_refused(*state, -KVICK_EFAULT, VA, TARGET | DATA, UINT64_MAX - 4095, 1, SPARE, 3);
}

static void spare_pages_outside_ram_are_a_fault(void **state)
{
	assert_refused(*state, -KVICK_EFAULT, VA, TARGET | DATA, PGD, 1, RAM - 0x1000, 2);
	assert_refused(*state, -KVICK_EFAULT, VA, TARGET | DATA, PGD, 1, RAM, 1);
	assert_refused(*state, -KVICK_EFAULT, VA, TARGET | DATA, PGD, 1, UINT64_MAX - 4095, 2);
}

static void a_number_of_spare_pages_whose_bytes_wrap_is_a_fault(void **state)
{
	assert_refused(*state, -KVICK_EFAULT, VA, TARGET | DATA, PGD, 1, SPARE, 1ull << 52);
	assert_refused(*state, -KVICK_EFAULT, VA, TARGET | DATA, PGD, 1, SPARE, (1ull << 52) + 1);
	assert_refused(*state, -KVICK_EFAULT, VA, TARGET | DATA, PGD, 1, SPARE, UINT64_MAX);
}

static void writable_and_executable_is_not_permitted(void **state)
{
	assert_refused(*state, -KVICK_EPERM, VA, TARGET | KVICK_PTE_PRESENT | KVICK_PTE_WRITE, PGD, 1, SPARE, 3);
}

static void the_null_page_and_what_exceptions_need_are_not_permitted(void **state)
{
	for (uint64_t va = 0; va < LAYOUT_HANDLER_STACK_TOP; va += GUEST_PAGE_BYTES) {
		assert_refused(*state, -KVICK_EPERM, va, TARGET | DATA, PGD, 1, SPARE, 3);
		assert_refused(*state, -KVICK_EPERM, va, 0, PGD, 1, SPARE, 3);
	}
}

/* --- new mappings --- */

static void a_page_is_mapped_with_as_many_spares_as_it_takes(void **state)
{
	struct fixture *f = *state;
	struct translation t;

	assert_int_equal(update(f, VA, TARGET | DATA, PGD, 1, SPARE, 8), 2);
	assert_true(walk(f, PGD, VA, &t));
	assert_int_equal(t.gpa.u, TARGET);
	assert_int_equal(t.flags, PTE_WRITE | PTE_NX | PTE_USER);
	assert_int_equal(f->runs, 0); /* nothing was in force: nothing to flush */
}

static void a_page_in_the_upper_half_is_mapped(void **state)
{
	struct fixture *f = *state;
	struct translation t;

	assert_int_equal(update(f, 0xfffffffffffff000, TARGET | DATA, PGD, 1, SPARE, 3), 3);
	assert_true(walk(f, PGD, UINT64_MAX, &t));
	assert_int_equal(t.gpa.u, TARGET + 0xfff);
}

static void the_entry_is_what_was_asked_for_accessed_and_dirty(void **state)
{
	struct fixture *f = *state;
	const uint64_t *last = guest_mem_span(&f->m.mem, gpa(SPARE + 0x1000), GUEST_PAGE_BYTES);

	assert_int_equal(update(f, VA, TARGET | KVICK_PTE_PRESENT, PGD, 1, SPARE, 2), 2);
	assert_int_equal(last[0], TARGET | PTE_PRESENT | PTE_USER | PTE_ACCESSED | PTE_DIRTY);
	assert_int_equal(last[1], 0);
}

static void at_ring_0_user_is_only_what_was_asked_for(void **state)
{
	struct fixture *f = *state;
	const uint64_t *last = guest_mem_span(&f->m.mem, gpa(SPARE + 0x1000), GUEST_PAGE_BYTES);

	assert_int_equal(update(f, VA, TARGET | DATA, PGD, 1, SPARE, 2), 2);
	assert_false(last[0] & PTE_USER);
	assert_int_equal(update(f, VA + 0x1000, TARGET | DATA | KVICK_PTE_USER, PGD, 1, SPARE, 0), 0);
	assert_true(last[1] & PTE_USER);
}

static void spare_pages_are_zeroed_before_use(void **state)
{
	struct fixture *f = *state;
	struct translation t;

	memset(guest_mem_span(&f->m.mem, gpa(SPARE), 3 * GUEST_PAGE_BYTES), 0xff, 3 * GUEST_PAGE_BYTES);
	assert_int_equal(update(f, VA, TARGET | DATA, PGD, 1, SPARE, 3), 2);
	assert_false(walk(f, PGD, VA + 0x1000, &t));
	assert_false(walk(f, PGD, VA + PAGE_2M_BYTES, &t));
	assert_int_equal(f->m.mem.host[SPARE + 2 * GUEST_PAGE_BYTES], 0xff); /* not taken, not touched */
}

static void pages_follow_one_another(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(update(f, VA, TARGET | DATA, PGD, 5, SPARE, 3), 2);
	for (unsigned i = 0; i < 5; i++) {
		struct translation t;

		assert_true(walk(f, PGD, VA + i * GUEST_PAGE_BYTES, &t));
		assert_int_equal(t.gpa.u, TARGET + i * GUEST_PAGE_BYTES);
	}
	struct translation t;

	assert_false(walk(f, PGD, VA + 5 * GUEST_PAGE_BYTES, &t));
	assert_false(walk(f, PGD, VA - 1, &t));
}

static void pages_may_lie_in_two_tables(void **state)
{
	struct fixture *f = *state;
	struct translation t;

	assert_int_equal(update(f, VA + PAGE_2M_BYTES - 0x2000, TARGET | DATA, PGD, 4, SPARE, 8), 3);
	assert_true(walk(f, PGD, VA + PAGE_2M_BYTES - 0x1000, &t));
	assert_int_equal(t.gpa.u, TARGET + 0x1000);
	assert_true(walk(f, PGD, VA + PAGE_2M_BYTES + 0x1000, &t));
	assert_int_equal(t.gpa.u, TARGET + 0x3000);
}

static void without_a_spare_page_there_is_no_memory(void **state)
{
	struct fixture *f = *state;
	struct translation t;

	for (uint64_t spares = 0; spares < 2; spares++) {
		memset(guest_mem_span(&f->m.mem, gpa(PGD), GUEST_PAGE_BYTES), 0, GUEST_PAGE_BYTES);
		memcpy(guest_mem_span(&f->m.mem, gpa(PGD), 4096), guest_mem_span(&f->m.mem, gpa(f->m.pgd), 4096), 4096);
		*(uint64_t *)guest_mem_span(&f->m.mem, gpa(PGD + 8), 8) = 0;
		assert_int_equal(update(f, VA + (1ull << 39), TARGET | DATA, PGD, 1, SPARE, spares), -KVICK_ENOMEM);
		assert_false(walk(f, PGD, VA + (1ull << 39), &t));
	}
}

static void a_top_level_of_zeroes_begins_as_a_copy_of_the_first_one(void **state)
{
	struct fixture *f = *state;
	struct translation t;

	assert_int_equal(update(f, VA + (1ull << 39), TARGET | DATA, PGD, 1, SPARE, 3), 3);
	assert_true(walk(f, PGD, LAYOUT_SYSTEM_PAGE, &t));
	assert_int_equal(t.gpa.u, LAYOUT_SYSTEM_PAGE);
	assert_false(walk(f, f->m.pgd, VA + (1ull << 39), &t)); /* the first one has nothing of the new */
}

static void a_top_level_with_an_entry_is_left_as_it_is(void **state)
{
	struct fixture *f = *state;
	struct translation t;

	*(uint64_t *)guest_mem_span(&f->m.mem, gpa(PGD + 4088), 8) = 0x1000; /* not even present */
	assert_int_equal(update(f, VA, TARGET | DATA, PGD, 1, SPARE, 3), 3);
	assert_false(walk(f, PGD, LAYOUT_SYSTEM_PAGE, &t));
	assert_true(walk(f, PGD, VA, &t));
}

/*
 * For ranges of all sorts, over what is absent, present, and mapped by large pages: exactly the spare
 * pages that it takes suffice, and with one fewer nothing at all is changed.
 */
static void the_spare_pages_needed_are_known_beforehand(void **state)
{
	struct fixture *f = *state;
	uint8_t *before = malloc(RAM);
	unsigned refused = 0;

	update(f, VA, TARGET | DATA, f->m.pgd, 1, SPARE + 0x80000, 3); /* one 4 KiB table on the way */
	update(f, VA, 0, f->m.pgd, 1, 0, 0);                          /* and the VMM's own tables made */
	memcpy(before, f->m.mem.host, RAM);
	srandom(2);
	for (unsigned round = 0; round < 2000; round++) {
		static const uint64_t edges[] = { 0x200000, 0x400000, 0x600000, VA, 1ull << 39, 1ull << 47, 5ull << 30 };
		uint64_t va = edges[random() % COUNT_OF(edges)] + (uint64_t)(random() % 5 - 2) * 0x100000;
		uint64_t pages = 1 + (uint64_t)random() % KVICK_PGTABLE_PAGES_MAX, value = random() % 3 ? 0x200000 | DATA : 0;
		int64_t needed = update(f, va, value, f->m.pgd, pages, SPARE, 16);

		memcpy(f->m.mem.host, before, RAM);
		if (needed == -KVICK_EINVAL || needed == -KVICK_EPERM)
			continue; /* runs into the hole, or begins at 0 */
		assert_int_equal(update(f, va, value, f->m.pgd, pages, SPARE, (uint64_t)needed), needed);
		memcpy(f->m.mem.host, before, RAM);
		if (needed == 0)
			continue;
		assert_int_equal(update(f, va, value, f->m.pgd, pages, SPARE, (uint64_t)needed - 1), -KVICK_ENOMEM);
		memcpy(guest_mem_span(&f->m.mem, gpa(BLOCK), 64), before + BLOCK, 64);
		if (memcmp(f->m.mem.host, before, RAM) != 0)
			fail_msg("0x%llx, %llu pages: refused, and yet something has changed", (unsigned long long)va,
				 (unsigned long long)pages);
		refused++;
	}
	free(before);
	assert_true(refused > 100);
}

/* --- what is in force --- */

static void a_present_entry_is_changed_by_the_vcpu_itself(void **state)
{
	struct fixture *f = *state;
	struct translation t;

	assert_int_equal(update(f, VA, TARGET | DATA, PGD, 2, SPARE, 3), 2);
	assert_int_equal(update(f, VA, (TARGET + 0x10000) | KVICK_PTE_PRESENT, PGD, 2, SPARE, 0), 0);
	assert_int_equal(f->stores, 2);
	assert_true(walk(f, PGD, VA + 0x1000, &t));
	assert_int_equal(t.gpa.u, TARGET + 0x11000);
	assert_int_equal(t.flags, PTE_USER);
}

static void the_guest_goes_on_with_its_own_registers(void **state)
{
	struct fixture *f = *state;
	struct vcpu_state before = f->cpu, after;

	update(f, VA, TARGET | DATA, PGD, 1, SPARE, 3);
	update(f, VA, 0, PGD, 1, 0, 0);
	assert_int_equal(f->runs, 1);
	after = guest_next(f);
	assert_memory_equal(&after, &before, sizeof(after));
}

static void pages_are_unmapped(void **state)
{
	struct fixture *f = *state;
	struct translation t;

	assert_int_equal(update(f, VA, TARGET | DATA, PGD, 3, SPARE, 3), 2);
	assert_int_equal(update(f, VA, 0, PGD, 2, 0, 0), 0);
	assert_false(walk(f, PGD, VA, &t));
	assert_false(walk(f, PGD, VA + 0x1000, &t));
	assert_true(walk(f, PGD, VA + 0x2000, &t));
}

static void unmapping_where_nothing_is_mapped_takes_no_spares(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(update(f, VA + (1ull << 40), 0, PGD, 512, SPARE, 8), 0);
	assert_int_equal(f->runs, 0);
}

static void a_large_page_is_split_and_its_rest_stays_as_it_was(void **state)
{
	struct fixture *f = *state;
	uint64_t va = 2 * PAGE_2M_BYTES;
	struct translation before, t;

	assert_true(walk(f, f->m.pgd, va + 0x5000, &before));
	assert_true(before.left > GUEST_PAGE_BYTES); /* it is a large page */
	assert_int_equal(update(f, va + 0x5000, 0, f->m.pgd, 1, SPARE, 1), 1);
	assert_false(walk(f, f->m.pgd, va + 0x5000, &t));
	for (uint64_t at = va; at < va + PAGE_2M_BYTES; at += GUEST_PAGE_BYTES) {
		if (at == va + 0x5000)
			continue;
		assert_true(walk(f, f->m.pgd, at, &t));
		assert_int_equal(t.gpa.u, at);
		assert_int_equal(t.flags, before.flags);
		assert_int_equal(t.left, GUEST_PAGE_BYTES);
	}
}

static void a_large_page_without_a_spare_page_stays_whole(void **state)
{
	struct fixture *f = *state;
	uint64_t va = 2 * PAGE_2M_BYTES;
	struct translation t;

	assert_int_equal(update(f, va, 0, f->m.pgd, 1, SPARE, 0), -KVICK_ENOMEM);
	assert_true(walk(f, f->m.pgd, va, &t));
	assert_true(t.left > GUEST_PAGE_BYTES);
}

static void a_1_gib_page_is_split_twice(void **state)
{
	struct fixture *f = *state;
	uint64_t *pgd = guest_mem_span(&f->m.mem, gpa(PGD), 4096);
	uint64_t *directories = guest_mem_span(&f->m.mem, gpa(PGD + 0x1000), 4096);
	struct translation t;

	pgd[0] = (PGD + 0x1000) | PTE_PRESENT | PTE_WRITE | PTE_USER;
	directories[1] = PTE_PRESENT | PTE_LARGE | PTE_WRITE | PTE_NX | PTE_USER; /* VA -> 0 */
	assert_int_equal(update(f, VA + 0x1000, TARGET | DATA, PGD, 1, SPARE, 4), 2);
	assert_true(walk(f, PGD, VA + 0x1000, &t));
	assert_int_equal(t.gpa.u, TARGET);
	assert_true(walk(f, PGD, VA + 0x2000, &t));
	assert_int_equal(t.gpa.u, 0x2000);
	assert_int_equal(t.flags, PTE_WRITE | PTE_NX | PTE_USER);
	assert_true(walk(f, PGD, VA + 5 * PAGE_2M_BYTES, &t));
	assert_int_equal(t.gpa.u, 5 * PAGE_2M_BYTES);
	assert_int_equal(t.left, PAGE_2M_BYTES);
}

/* --- hostile tables --- */

static void a_table_outside_ram_is_a_fault_at_any_level(void **state)
{
	static const uint64_t outside[] = { RAM, 1ull << 40, PTE_ADDR };
	struct fixture *f = *state;

	for (unsigned depth = 0; depth < 3; depth++)
		for (unsigned i = 0; i < COUNT_OF(outside); i++) {
			for (unsigned d = 0; d <= depth; d++) {
				uint64_t *table = guest_mem_span(&f->m.mem, gpa(PGD + d * 0x1000), 4096);

				table[pagetable_index(VA, PAGETABLE_LEVELS - d)] =
					(d == depth ? outside[i] : PGD + (d + 1) * 0x1000) | PTE_PRESENT;
			}
			assert_int_equal(update(f, VA, TARGET | DATA, PGD, 1, SPARE, 3), -KVICK_EFAULT);
			assert_int_equal(f->m.outcome, OUTCOME_NONE);
		}
}

static void tables_that_are_their_own_tables_end_too(void **state)
{
	struct fixture *f = *state;
	uint64_t *pgd = guest_mem_span(&f->m.mem, gpa(PGD), 4096);

	for (unsigned i = 0; i < 512; i++)
		pgd[i] = PGD | PTE_PRESENT | PTE_WRITE;
	assert_int_equal(update(f, VA, TARGET | DATA, PGD, KVICK_PGTABLE_PAGES_MAX, SPARE, 3), 0);
	assert_int_equal(f->m.outcome, OUTCOME_NONE);
}

static void a_spare_page_that_is_the_top_level_itself_harms_only_the_guest(void **state)
{
	struct fixture *f = *state;

	update(f, VA, TARGET | DATA, PGD, 512, PGD, 8);
	assert_int_equal(f->m.outcome, OUTCOME_NONE);
}

/* --- the host fails --- */

static void a_store_that_the_host_fails_ends_the_run_with_its_reason(void **state)
{
	struct fixture *f = *state;

	update(f, VA, TARGET | DATA, PGD, 1, SPARE, 3);
	f->run_result = -EIO;
	update(f, VA, 0, PGD, 1, 0, 0);
	assert_int_equal(f->m.outcome, OUTCOME_FAILED);
	assert_int_equal(f->m.error.kind, ERROR_HOST);
	assert_says(f->m.error.text, "update_pgtable");
}

static void a_store_that_a_stop_interrupts_is_no_failure_of_the_hosts(void **state)
{
	struct fixture *f = *state;

	update(f, VA, TARGET | DATA, PGD, 1, SPARE, 3);
	f->run_result = -EIO;
	f->stop.signal = SIGTERM;
	assert_int_equal(update(f, VA, 0, PGD, 1, 0, 0), -KVICK_EIO);
	assert_int_equal(f->m.outcome, OUTCOME_NONE);
	assert_int_equal(f->m.error.kind, ERROR_NONE);
}

/* Where a table would have to be written: top level, spares, what lies on the way. What is mapped may be read-only. */
static void tables_in_read_only_memory_are_a_fault(void **state)
{
	struct fixture *f = *state;
	const struct memory_run run = { SPARE + 0x10000, 0x4000 };
	uint64_t *top = guest_mem_span(&f->m.mem, gpa(PGD), GUEST_PAGE_BYTES);

	assert_int_equal(guest_mem_protect(&f->m.mem, &run, 1, &f->m.sys), 0);
	assert_int_equal(update(f, VA, TARGET | DATA, run.at, 1, SPARE, 3), -KVICK_EFAULT);
	assert_int_equal(update(f, VA, 0, run.at, 1, 0, 0), -KVICK_EFAULT);
	assert_int_equal(update(f, VA, TARGET | DATA, PGD, 1, run.at, 3), -KVICK_EFAULT);
	assert_int_equal(update(f, VA, TARGET | DATA, PGD, 1, run.at - 0x2000, 3), -KVICK_EFAULT);
	top[1] = run.at | PTE_PRESENT | PTE_WRITE | PTE_USER;
	assert_int_equal(update(f, 1ull << 39, TARGET | DATA, PGD, 1, SPARE, 3), -KVICK_EFAULT);
	assert_int_equal(update(f, 1ull << 39, 0, PGD, 1, 0, 0), -KVICK_EFAULT);
	assert_int_equal(update(f, VA, run.at | DATA, PGD, 1, SPARE, 3), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(no_pages_or_too_many_are_invalid),
		TEST(addresses_within_a_page_are_invalid),
		TEST(a_va_that_is_not_canonical_is_invalid),
		TEST(pages_that_run_into_the_hole_are_invalid),
		TEST(pages_that_wrap_are_invalid),
		TEST(flags_that_are_not_the_guests_to_set_are_invalid),
		TEST(unmapping_takes_no_flags_and_no_address),
		TEST(a_page_that_lies_outside_ram_is_a_fault),
		TEST(pages_that_straddle_the_end_of_ram_are_a_fault),
		TEST(a_top_level_outside_ram_is_a_fault),
		TEST(spare_pages_outside_ram_are_a_fault),
		TEST(a_number_of_spare_pages_whose_bytes_wrap_is_a_fault),
		TEST(writable_and_executable_is_not_permitted),
		TEST(the_null_page_and_what_exceptions_need_are_not_permitted),
		TEST(a_page_is_mapped_with_as_many_spares_as_it_takes),
		TEST(a_page_in_the_upper_half_is_mapped),
		TEST(the_entry_is_what_was_asked_for_accessed_and_dirty),
		TEST_RING0(at_ring_0_user_is_only_what_was_asked_for),
		TEST(spare_pages_are_zeroed_before_use),
		TEST(pages_follow_one_another),
		TEST(pages_may_lie_in_two_tables),
		TEST(without_a_spare_page_there_is_no_memory),
		TEST(a_top_level_of_zeroes_begins_as_a_copy_of_the_first_one),
		TEST(a_top_level_with_an_entry_is_left_as_it_is),
		TEST(the_spare_pages_needed_are_known_beforehand),
		TEST(a_present_entry_is_changed_by_the_vcpu_itself),
		TEST(the_guest_goes_on_with_its_own_registers),
		TEST(pages_are_unmapped),
		TEST(unmapping_where_nothing_is_mapped_takes_no_spares),
		TEST(a_large_page_is_split_and_its_rest_stays_as_it_was),
		TEST(a_large_page_without_a_spare_page_stays_whole),
		TEST(a_1_gib_page_is_split_twice),
		TEST(a_table_outside_ram_is_a_fault_at_any_level),
		TEST(tables_that_are_their_own_tables_end_too),
		TEST(a_spare_page_that_is_the_top_level_itself_harms_only_the_guest),
		TEST(a_store_that_the_host_fails_ends_the_run_with_its_reason),
		TEST(a_store_that_a_stop_interrupts_is_no_failure_of_the_hosts),
		TEST(tables_in_read_only_memory_are_a_fault),
	};

	return cmocka_run_group_tests_name("update_pgtable", tests, NULL, NULL);
}
