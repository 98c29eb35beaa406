/* SPDX-License-Identifier: Apache-2.0 */
/* A deprivileged guest's text at its load: what is patched, and which pages may be executed. */
#include "tests/unit/test_unit.h"

#include "vmm/boot.h"
#include "vmm/deprivileged.h"
#include "vmm/deprivileged_pages.h"
#include "vmm/machine.h"
#include "vmm/pagetable.h"

#define TEXT 0x101000ull
#define FAR  0x100101000ull /* 4 GiB further on */
#define POOL 0x7000ull

enum { PUSHF = 0x9c, RET = 0xc3, NO_INSTRUCTION = 0x06, INT3 = 0xcc };

static int set_up(void **state)
{
	struct machine *m = calloc(1, sizeof(*m));
	struct table_pool pool = { POOL, POOL + 0x10000 };
	const struct mapping mappings[] = { { TEXT, GUEST_PAGE_BYTES, PTE_USER }, { FAR, GUEST_PAGE_BYTES, PTE_USER } };

	*state = m;
	m->boot = &boot_native;
	m->deprivileged = true;
	m->image = (struct image){ .fd = -1, .path = "test.elf", .entry = TEXT };
	if (guest_mem_create_with(&m->mem, FAR + GUEST_PAGE_BYTES, DEPRIVILEGED_BYTES, GUEST_PAGES_4K, &m->sys, &m->error) < 0)
		return -1;
	m->pgd = pagetable_build(&m->mem, &pool, mappings, 2);
	return 0;
}

static int tear_down(void **state)
{
	struct machine *m = *state;

	guest_mem_destroy(&m->mem, &m->sys);
	free(m);
	return 0;
}

static uint8_t *segment(struct machine *m, uint64_t at, uint64_t bytes)
{
	m->image.segments[m->image.segment_count++] = (struct segment){
		.gpa = at, .mem_bytes = bytes, .file_bytes = bytes, .perms = SEGMENT_R | SEGMENT_X,
	};
	return memset(guest_mem_span(&m->mem, gpa(at), bytes), RET, bytes);
}

static bool is_executable(const struct machine *m, uint64_t at)
{
	struct translation t;

	assert_true(pagetable_walk(&m->mem, m->pgd, at, &t));
	return !(t.flags & PTE_NX);
}

static void what_is_certain_is_patched_and_executable(void **state)
{
	struct machine *m = *state;
	uint8_t *code = segment(m, TEXT, GUEST_PAGE_BYTES);

	code[0] = PUSHF;
	assert_int_equal(deprivileged_patch(m), 0);
	assert_int_equal(code[0], INT3);
	assert_int_equal(m->dep.site_count, 1);
	assert_true(is_executable(m, TEXT));
}

static void a_page_in_doubt_is_not_executable(void **state)
{
	struct machine *m = *state;
	uint8_t *code = segment(m, TEXT, GUEST_PAGE_BYTES);

	code[1] = PUSHF;
	code[2] = NO_INSTRUCTION;
	assert_int_equal(deprivileged_patch(m), 0);
	assert_int_equal(code[1], PUSHF);
	assert_false(is_executable(m, TEXT));
}

static void a_page_in_doubt_stays_so_whatever_another_segment_has_there(void **state)
{
	struct machine *m = *state;
	uint8_t *code = segment(m, TEXT, GUEST_PAGE_BYTES / 2);

	segment(m, TEXT + GUEST_PAGE_BYTES / 2, GUEST_PAGE_BYTES / 2);
	code[1] = PUSHF;
	code[2] = NO_INSTRUCTION;
	assert_int_equal(deprivileged_patch(m), 0);
	assert_false(is_executable(m, TEXT));
}

static void a_segment_4_gib_away_is_not_entered_where_the_image_is(void **state)
{
	struct machine *m = *state;
	uint8_t *code;

	segment(m, TEXT, GUEST_PAGE_BYTES);
	code = segment(m, FAR, GUEST_PAGE_BYTES);
	m->image.entry = TEXT + 4;
	memcpy(code, "\xb8\x01\x02\x03\x9c", 5); /* mov $0x9c030201, %eax */
	assert_int_equal(deprivileged_patch(m), 0);
	assert_int_equal(code[4], PUSHF);
}

/* Where the second level keeps text read-only it is refused before. */
static void a_call_may_not_write_to_text_in_hugepages(void **state)
{
	struct machine *m = *state;

	segment(m, TEXT, GUEST_PAGE_BYTES);
	assert_null(deprivileged_keeps(m, TEXT + GUEST_PAGE_BYTES - 1, 1));
	m->mem.hugepages = true;
	assert_non_null(deprivileged_keeps(m, TEXT + GUEST_PAGE_BYTES - 1, 1));
	assert_non_null(deprivileged_keeps(m, TEXT - 1, 2));
	assert_null(deprivileged_keeps(m, TEXT - 1, 1));
	assert_null(deprivileged_keeps(m, TEXT + GUEST_PAGE_BYTES, 1));
	m->mem.hugepages = false;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_certain_is_patched_and_executable),
		TEST(a_page_in_doubt_is_not_executable),
		TEST(a_page_in_doubt_stays_so_whatever_another_segment_has_there),
		TEST(a_segment_4_gib_away_is_not_entered_where_the_image_is),
		TEST(a_call_may_not_write_to_text_in_hugepages),
	};

	return cmocka_run_group_tests_name("deprivileged_pages", tests, NULL, NULL);
}
