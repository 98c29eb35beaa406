/* SPDX-License-Identifier: Apache-2.0 */
/* Where things lie: everything in RAM, nothing over anything else, for all sizes and images. */
#include "tests/unit/test_unit.h"

#include "loader/image.h"
#include "vmm/error.h"
#include "vmm/guest_mem.h"
#include "vmm/layout.h"
#include "vmm/memory_plan.h"
#include "vmm/ring0.h"
#include "vmm/sys.h"

#define KIB (1ull << 10)
#define MIB (1ull << 20)
#define GIB (1ull << 30)

/* Code of one page, data up to `end`. */
static struct image image_to(uint64_t end)
{
	return (struct image){
		.path = "test.elf",
		.base = LAYOUT_IMAGE_BASE,
		.end = end,
		.note = { .abi_version = KVICK_ABI_VERSION, .rings = KVICK_RINGS_ANY },
		.segment_count = 2,
		.segments = {
			{ .gpa = LAYOUT_IMAGE_BASE, .mem_bytes = 0x800, .perms = SEGMENT_R | SEGMENT_X },
			{ .gpa = LAYOUT_IMAGE_BASE + 0x1000, .mem_bytes = end - LAYOUT_IMAGE_BASE - 0x1000,
			  .perms = SEGMENT_R | SEGMENT_W },
		},
	};
}

struct range {
	const char *what;
	uint64_t from, to;
};

#define RANGES 8

static void ranges_of(const struct memory_plan *p, const struct image *image, struct range ranges[RANGES])
{
	const struct range all[RANGES] = {
		{ "null page", 0, GUEST_PAGE_BYTES },
		{ "system page, boot info, exception stacks", LAYOUT_SYSTEM_PAGE, LAYOUT_HANDLER_STACK_TOP },
		{ "tables", p->tables_base, p->tables_end },
		{ "ring 0 tables", p->ring0_base, p->ring0_end },
		{ "stack and its guard", p->stack_base - GUEST_PAGE_BYTES, p->stack_top },
		{ "image", image->base, image->end },
		{ "heap", p->heap_base, p->heap_end },
		{ "end of RAM", p->bytes, UINT64_MAX },
	};

	memcpy(ranges, all, sizeof(all));
}

static void assert_sound(const struct memory_plan *p, const struct image *image)
{
	struct range r[RANGES];

	ranges_of(p, image, r);
	for (unsigned i = 0; i < RANGES; i++) {
		if (r[i].from > r[i].to || (r[i].from | (r[i].to + (r[i].to == UINT64_MAX))) % GUEST_PAGE_BYTES)
			fail_msg("%s: 0x%llx to 0x%llx", r[i].what, (unsigned long long)r[i].from, (unsigned long long)r[i].to);
		for (unsigned j = 0; j < i; j++)
			if (r[i].from < r[j].to && r[j].from < r[i].to)
				fail_msg("%s and %s overlap in %llu KiB of RAM", r[i].what, r[j].what,
					 (unsigned long long)p->bytes / KIB);
	}
	assert_int_equal(p->tables_end - p->tables_base,
			 pagetable_pages_max(p->bytes, MEMORY_MAPPINGS_MAX) * GUEST_PAGE_BYTES);
	assert_int_equal(p->ring0_end - p->ring0_base, ring0_pages(p->bytes) * GUEST_PAGE_BYTES);
}

static const uint64_t sizes[] = {
	2 * MIB, 2 * MIB + 4 * KIB, 3 * MIB, 16 * MIB, 100 * MIB - 4 * KIB, 1 * GIB, 1 * GIB + 4 * KIB, 4 * GIB, 25 * GIB,
	25 * GIB + 4 * KIB, 26 * GIB, 64 * GIB - 4 * KIB, 64 * GIB,
};
static const uint64_t image_ends[] = { 1 * MIB + 8 * KIB, 2 * MIB - 4 * KIB, 2 * MIB, 15 * MIB, 900 * MIB, 25 * GIB, 63 * GIB };
static const uint64_t stacks[] = { 0, 1, 4 * KIB, 256 * KIB, 512 * KIB, 512 * KIB + 1, 8 * MIB, 1000 * MIB };

static void everything_is_in_ram_and_disjoint(void **state)
{
	unsigned made = 0;

	(void)state;
	for (unsigned i = 0; i < COUNT_OF(sizes); i++)
		for (unsigned j = 0; j < COUNT_OF(image_ends); j++)
			for (unsigned k = 0; k < COUNT_OF(stacks); k++) {
				struct image image = image_to(image_ends[j]);
				struct memory_plan plan;
				struct error error = { 0 };

				image.note.stack_bytes = stacks[k];
				if (memory_plan_make(&plan, &image, sizes[i], false, &error) < 0) {
					assert_int_equal(error.kind, ERROR_IMAGE);
					continue;
				}
				assert_int_equal(plan.bytes, sizes[i]);
				assert_sound(&plan, &image);
				made++;
			}
	assert_true(made > 300);
}

static void what_an_image_wants_is_sound_too(void **state)
{
	(void)state;
	for (unsigned j = 0; j < COUNT_OF(image_ends); j++)
		for (unsigned k = 0; k < COUNT_OF(stacks); k++) {
			struct image image = image_to(image_ends[j]);
			struct memory_plan plan;
			struct error error = { 0 };

			image.note.stack_bytes = stacks[k];
			if (memory_plan_make(&plan, &image, 0, false, &error) < 0)
				fail_msg("%s", error.text);
			assert_in_range(plan.bytes, GUEST_MEM_BYTES_MIN, GUEST_MEM_BYTES_MAX);
			assert_sound(&plan, &image);
		}
}

/* No memory is touched but that of the tables. */
static void the_initial_tables_fit_and_grant_what_the_plan_says(void **state)
{
	(void)state;
	for (unsigned i = 0; i < COUNT_OF(sizes); i++)
		for (unsigned ring = 0; ring <= 3; ring += 3) {
			struct image image = image_to(1 * MIB + 64 * KIB);
			struct mapping mappings[MEMORY_MAPPINGS_MAX];
			struct memory_plan plan;
			struct error error = { 0 };
			struct sys sys = { 0 };
			struct guest_mem mem;
			struct translation t;

			image.note.stack_bytes = i % 2 ? 768 * KIB : 0;
			if (memory_plan_make(&plan, &image, sizes[i], false, &error) < 0 ||
			    guest_mem_create(&mem, plan.bytes, false, &sys, &error) < 0)
				fail_msg("%s", error.text);

			struct table_pool pool = { plan.tables_base, plan.tables_end };
			unsigned count = memory_plan_mappings(&plan, &image, ring, false, mappings);
			uint64_t pgd = pagetable_build(&mem, &pool, mappings, count);
			const uint64_t user = ring == 3 ? PTE_USER : 0;

			assert_in_range(count, 1, MEMORY_MAPPINGS_MAX);
			assert_true(pool.next <= plan.tables_end);
			assert_false(pagetable_walk(&mem, pgd, 0, &t));
			assert_false(pagetable_walk(&mem, pgd, plan.stack_base - 1, &t));
			assert_false(pagetable_walk(&mem, pgd, plan.stack_base - GUEST_PAGE_BYTES, &t));
			assert_false(pagetable_walk(&mem, pgd, plan.bytes, &t));
			assert_true(pagetable_walk(&mem, pgd, plan.stack_base, &t));
			assert_int_equal(t.flags, PTE_WRITE | PTE_NX | user);
			assert_true(pagetable_walk(&mem, pgd, plan.stack_top - 1, &t));
			assert_int_equal(t.flags, PTE_WRITE | PTE_NX | user);
			assert_true(pagetable_walk(&mem, pgd, LAYOUT_SYSTEM_PAGE, &t));
			assert_int_equal(t.flags, user);
			assert_true(pagetable_walk(&mem, pgd, LAYOUT_BOOT_INFO, &t));
			assert_int_equal(t.flags, PTE_WRITE | PTE_NX | user);
			assert_true(pagetable_walk(&mem, pgd, LAYOUT_IMAGE_BASE, &t));
			assert_int_equal(t.flags, user);
			assert_true(pagetable_walk(&mem, pgd, LAYOUT_IMAGE_BASE + 0x1000, &t));
			assert_int_equal(t.flags, PTE_WRITE | PTE_NX | user);
			assert_true(pagetable_walk(&mem, pgd, plan.tables_base, &t));
			assert_int_equal(t.flags, PTE_WRITE | PTE_NX); /* ring 0 only */
			assert_true(pagetable_walk(&mem, pgd, plan.ring0_end - 1, &t));
			assert_int_equal(t.flags, PTE_WRITE | PTE_NX);
			guest_mem_destroy(&mem, &sys);
		}
}

static void the_vmms_own_tables_fit(void **state)
{
	(void)state;
	for (unsigned i = 0; i < COUNT_OF(sizes); i++) {
		struct sys sys = { 0 };
		struct error error = { 0 };
		struct guest_mem mem;
		struct table_pool pool = { 0, 8 * MIB };
		struct mapping all = { 0, (sizes[i] + PAGE_2M_BYTES - 1) & ~(PAGE_2M_BYTES - 1), PTE_WRITE };

		assert_int_equal(guest_mem_create(&mem, 8 * MIB, false, &sys, &error), 0);
		pagetable_build(&mem, &pool, &all, 1);
		assert_true(pool.next / GUEST_PAGE_BYTES <= ring0_pages(sizes[i]));
		guest_mem_destroy(&mem, &sys);
	}
}

static struct memory_plan plan_of(struct image *image, uint64_t mem_bytes)
{
	struct memory_plan plan;
	struct error error = { 0 };

	if (memory_plan_make(&plan, image, mem_bytes, false, &error) < 0)
		fail_msg("%s", error.text);
	return plan;
}

static void a_stack_without_a_wish_is_the_default_and_low(void **state)
{
	struct image image = image_to(2 * MIB);
	struct memory_plan plan = plan_of(&image, 16 * MIB);

	(void)state;
	assert_int_equal(plan.stack_top, LAYOUT_STACK_TOP_LOW);
	assert_int_equal(plan.stack_top - plan.stack_base, KVICK_STACK_BYTES_DEFAULT);
	assert_int_equal(plan.heap_end, 16 * MIB);
}

static void the_largest_low_stack_is_low(void **state)
{
	struct image image = image_to(2 * MIB);

	(void)state;
	image.note.stack_bytes = LAYOUT_STACK_BYTES_LOW;
	struct memory_plan plan = plan_of(&image, 16 * MIB);

	assert_int_equal(plan.stack_top, LAYOUT_STACK_TOP_LOW);
	assert_int_equal(plan.stack_base, LAYOUT_STACK_TOP_LOW - LAYOUT_STACK_BYTES_LOW);
}

static void a_larger_stack_is_at_the_end_of_ram_with_its_guard(void **state)
{
	struct image image = image_to(2 * MIB);

	(void)state;
	image.note.stack_bytes = LAYOUT_STACK_BYTES_LOW + 1;
	struct memory_plan plan = plan_of(&image, 16 * MIB);

	assert_int_equal(plan.stack_top, 16 * MIB);
	assert_int_equal(plan.stack_base, 16 * MIB - LAYOUT_STACK_BYTES_LOW - GUEST_PAGE_BYTES);
	assert_int_equal(plan.heap_end, plan.stack_base - GUEST_PAGE_BYTES);
}

static void tables_that_are_too_many_for_below_are_at_the_end_of_ram(void **state)
{
	struct image image = image_to(2 * MIB);
	struct memory_plan few = plan_of(&image, 4 * GIB), many = plan_of(&image, 64 * GIB);

	(void)state;
	assert_int_equal(few.tables_base, LAYOUT_TABLES_LOW);
	assert_int_equal(many.ring0_end, 64 * GIB);
	assert_int_equal(many.heap_end, many.tables_base);
}

static void a_small_image_gets_16_mib_by_default(void **state)
{
	struct image image = image_to(2 * MIB);

	(void)state;
	assert_int_equal(plan_of(&image, 0).bytes, 16 * MIB);
}

static void the_notes_wish_is_granted(void **state)
{
	struct image image = image_to(2 * MIB);

	(void)state;
	image.note.mem_bytes = 100 * MIB + 1;
	assert_int_equal(plan_of(&image, 0).bytes, 100 * MIB + 4 * KIB);
}

static void a_stack_that_does_not_fit_into_the_default_raises_it(void **state)
{
	struct image image = image_to(2 * MIB);

	(void)state;
	image.note.stack_bytes = 64 * MIB;
	assert_true(plan_of(&image, 0).bytes >= 66 * MIB + 4 * KIB);
}

static void an_image_that_ends_with_ram_has_no_heap_and_no_mapping_of_it(void **state)
{
	struct image image = image_to(2 * MIB);
	struct memory_plan plan = plan_of(&image, 2 * MIB);
	struct mapping mappings[MEMORY_MAPPINGS_MAX];

	(void)state;
	assert_int_equal(plan.heap_base, plan.heap_end);
	for (unsigned i = 0; i < memory_plan_mappings(&plan, &image, 3, false, mappings); i++)
		assert_true(mappings[i].bytes > 0);
}

/* What the message tells the user to type; 0: it does not. */
static uint64_t suggested(const struct error *error)
{
	const char *at = strstr(error->text, "use --mem ");
	unsigned long long kib = 0;

	return at && sscanf(at, "use --mem %lluK", &kib) == 1 ? kib * KIB : 0;
}

static void too_little_memory_is_named_with_a_suggestion_that_works(void **state)
{
	(void)state;
	for (unsigned j = 0; j < COUNT_OF(image_ends); j++)
		for (unsigned k = 0; k < COUNT_OF(stacks); k++) {
			struct image image = image_to(image_ends[j]);
			struct memory_plan plan;
			struct error error = { 0 };

			image.note.stack_bytes = stacks[k];
			if (memory_plan_make(&plan, &image, 2 * MIB, false, &error) == 0)
				continue;
			assert_int_equal(error.kind, ERROR_IMAGE);
			assert_says(error.text, "test.elf: needs ");
			assert_says(error.text, "--mem gives 2048 KiB");
			assert_true(suggested(&error) > 2 * MIB);
			plan_of(&image, suggested(&error));
		}
}

static void less_than_the_notes_wish_is_refused(void **state)
{
	struct image image = image_to(2 * MIB);
	struct memory_plan plan;
	struct error error = { 0 };

	(void)state;
	image.note.mem_bytes = 32 * MIB;
	assert_int_equal(memory_plan_make(&plan, &image, 32 * MIB - 4 * KIB, false, &error), -ENOMEM);
	assert_says(error.text, "needs 32768 KiB of guest RAM, and --mem gives 32764 KiB: use --mem 32768K");
}

static void an_image_that_no_guest_can_hold_is_refused(void **state)
{
	static const uint64_t given[] = { 0, 64 * GIB };

	(void)state;
	for (unsigned i = 0; i < COUNT_OF(given); i++) {
		struct image image = image_to(64 * GIB);
		struct memory_plan plan;
		struct error error = { 0 };

		image.note.stack_bytes = 1 * GIB;
		assert_int_equal(memory_plan_make(&plan, &image, given[i], false, &error), -ENOMEM);
		assert_says(error.text, "more guest RAM than the 64 GiB");
	}
}

static void mappings_are_disjoint(void **state)
{
	struct image image = image_to(3 * MIB);
	struct memory_plan plan = plan_of(&image, 16 * MIB);
	struct mapping m[MEMORY_MAPPINGS_MAX];
	unsigned count = memory_plan_mappings(&plan, &image, 3, false, m);

	(void)state;
	for (unsigned i = 0; i < count; i++)
		for (unsigned j = 0; j < i; j++)
			assert_false(m[i].at < m[j].at + m[j].bytes && m[j].at < m[i].at + m[i].bytes);
}

/* The loader lets them: [2M, 4M - 0x800) ends in a page of a 2 MiB page's, where the next begins. */
static void segments_that_share_a_page_are_mapped_once(void **state)
{
	struct image image = image_to(5 * MIB);
	struct mapping mappings[MEMORY_MAPPINGS_MAX];
	struct sys sys = { 0 };
	struct error error = { 0 };
	struct guest_mem mem;
	uint64_t written = 0;

	(void)state;
	image.segment_count = 3;
	image.segments[1] = (struct segment){ .gpa = 2 * MIB, .mem_bytes = 2 * MIB - 0x800, .perms = SEGMENT_R | SEGMENT_W };
	image.segments[2] = (struct segment){ .gpa = 4 * MIB - 0x400, .mem_bytes = 0x1000, .perms = SEGMENT_R | SEGMENT_W };
	struct memory_plan plan = plan_of(&image, 16 * MIB);
	struct table_pool pool = { plan.tables_base, plan.tables_end };

	assert_int_equal(guest_mem_create(&mem, plan.bytes, false, &sys, &error), 0);
	pagetable_build(&mem, &pool, mappings, memory_plan_mappings(&plan, &image, 3, false, mappings));
	for (uint64_t at = plan.tables_end; at < plan.bytes; at += 8)
		written += *(uint64_t *)(mem.host + at) != 0;
	guest_mem_destroy(&mem, &sys);
	assert_int_equal(written, 0); /* nothing but tables */
}

static void sixteen_segments_have_their_place_in_the_table(void **state)
{
	struct image image = image_to(64 * MIB);
	struct mapping mappings[MEMORY_MAPPINGS_MAX];

	(void)state;
	image.segment_count = IMAGE_SEGMENTS_MAX;
	for (unsigned i = 0; i < IMAGE_SEGMENTS_MAX; i++)
		image.segments[i] = (struct segment){ .gpa = (2 + 2 * i) * MIB + 0xff0, .mem_bytes = 0x20, .perms = SEGMENT_R };
	struct memory_plan plan = plan_of(&image, 128 * MIB);

	assert_in_range(memory_plan_mappings(&plan, &image, 3, false, mappings), IMAGE_SEGMENTS_MAX, MEMORY_MAPPINGS_MAX);
	for (unsigned i = 0; i < IMAGE_SEGMENTS_MAX; i++) {
		assert_int_equal(mappings[5 + i].at, (2 + 2 * i) * MIB);
		assert_int_equal(mappings[5 + i].bytes, 0x2000);
		assert_int_equal(mappings[5 + i].flags, PTE_NX | PTE_USER);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_is_in_ram_and_disjoint),
		cmocka_unit_test(what_an_image_wants_is_sound_too),
		cmocka_unit_test(the_initial_tables_fit_and_grant_what_the_plan_says),
		cmocka_unit_test(the_vmms_own_tables_fit),
		cmocka_unit_test(a_stack_without_a_wish_is_the_default_and_low),
		cmocka_unit_test(the_largest_low_stack_is_low),
		cmocka_unit_test(a_larger_stack_is_at_the_end_of_ram_with_its_guard),
		cmocka_unit_test(tables_that_are_too_many_for_below_are_at_the_end_of_ram),
		cmocka_unit_test(a_small_image_gets_16_mib_by_default),
		cmocka_unit_test(the_notes_wish_is_granted),
		cmocka_unit_test(a_stack_that_does_not_fit_into_the_default_raises_it),
		cmocka_unit_test(an_image_that_ends_with_ram_has_no_heap_and_no_mapping_of_it),
		cmocka_unit_test(too_little_memory_is_named_with_a_suggestion_that_works),
		cmocka_unit_test(less_than_the_notes_wish_is_refused),
		cmocka_unit_test(an_image_that_no_guest_can_hold_is_refused),
		cmocka_unit_test(mappings_are_disjoint),
		cmocka_unit_test(segments_that_share_a_page_are_mapped_once),
		cmocka_unit_test(sixteen_segments_have_their_place_in_the_table),
	};

	return cmocka_run_group_tests_name("memory_plan", tests, NULL, NULL);
}
