/* SPDX-License-Identifier: Apache-2.0 */
/* RAM cut into slots: together they are RAM, no more and no less, and exactly the runs are read-only. */
#include "tests/unit/test_unit.h"

#include "vmm/memory_slots.h"

#define RAM (16ull << 20)

static int set_up(void **state)
{
	(void)state;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	return 0;
}

/* Cuts, and holds what must always be true against the result. */
static unsigned cut(uint64_t ram, const struct memory_run *runs, unsigned run_count, struct memory_slot slots[MEMORY_SLOTS_MAX])
{
	unsigned count = memory_slots(ram, runs, run_count, slots), readonly = 0;
	uint64_t next = 0;

	assert_in_range(count, 1, 2 * run_count + 1);
	for (unsigned i = 0; i < count; i++) {
		const struct memory_run *slot = &slots[i].run;

		assert_int_equal(slot->at, next);
		assert_true(slot->bytes > 0);
		assert_int_equal((slot->at | slot->bytes) % GUEST_PAGE_BYTES, 0);
		next += slot->bytes;
		if (slots[i].readonly) {
			assert_int_equal(slot->at, runs[readonly].at);
			assert_int_equal(slot->bytes, runs[readonly].bytes);
			readonly++;
		} else if (i) {
			assert_true(slots[i - 1].readonly); /* else they would be one */
		}
	}
	assert_int_equal(next, ram);
	assert_int_equal(readonly, run_count);
	return count;
}

static void nothing_read_only_is_one_slot(void **state)
{
	struct memory_slot slots[MEMORY_SLOTS_MAX];

	(void)state;
	assert_int_equal(cut(RAM, NULL, 0, slots), 1);
	assert_false(slots[0].readonly);
}

static void a_run_in_the_middle_makes_three(void **state)
{
	const struct memory_run run = { 0x100000, 0x43000 };
	struct memory_slot slots[MEMORY_SLOTS_MAX];

	(void)state;
	assert_int_equal(cut(RAM, &run, 1, slots), 3);
	assert_true(slots[1].readonly);
	assert_int_equal(slots[2].run.at, 0x143000);
}

static void a_run_at_either_end_makes_two(void **state)
{
	const struct memory_run first = { 0, 0x1000 }, last = { RAM - 0x1000, 0x1000 };
	struct memory_slot slots[MEMORY_SLOTS_MAX];

	(void)state;
	assert_int_equal(cut(RAM, &first, 1, slots), 2);
	assert_true(slots[0].readonly);
	assert_int_equal(cut(RAM, &last, 1, slots), 2);
	assert_true(slots[1].readonly);
}

static void a_run_of_all_ram_makes_one(void **state)
{
	const struct memory_run run = { 0, RAM };
	struct memory_slot slots[MEMORY_SLOTS_MAX];

	(void)state;
	assert_int_equal(cut(RAM, &run, 1, slots), 1);
	assert_true(slots[0].readonly);
}

static void runs_that_touch_have_nothing_between(void **state)
{
	const struct memory_run runs[] = { { 0x100000, 0x1000 }, { 0x101000, 0x1000 } };
	struct memory_slot slots[MEMORY_SLOTS_MAX];

	(void)state;
	assert_int_equal(cut(RAM, runs, 2, slots), 4);
}

static void as_many_runs_as_there_can_be_fit(void **state)
{
	struct memory_run runs[GUEST_MEM_READONLY_MAX];
	struct memory_slot slots[MEMORY_SLOTS_MAX];

	(void)state;
	for (unsigned i = 0; i < GUEST_MEM_READONLY_MAX; i++)
		runs[i] = (struct memory_run){ 0x100000 + i * 0x2000, 0x1000 };
	assert_int_equal(cut(RAM, runs, GUEST_MEM_READONLY_MAX, slots), MEMORY_SLOTS_MAX);
}

/* Random RAM and runs, the same at each run of the test. */
static void any_runs_are_cut_right(void **state)
{
	struct memory_run runs[GUEST_MEM_READONLY_MAX];
	struct memory_slot slots[MEMORY_SLOTS_MAX];
	uint32_t seed = 1;

	(void)state;
	for (unsigned round = 0; round < 2000; round++) {
		uint64_t at = 0;
		unsigned count = 0;

		while (count < GUEST_MEM_READONLY_MAX && (seed = seed * 1664525 + 1013904223) >> 28) {
			at += (seed >> 8 & 7) * GUEST_PAGE_BYTES;
			runs[count] = (struct memory_run){ at, ((seed >> 12 & 7) + 1) * GUEST_PAGE_BYTES };
			at += runs[count++].bytes;
		}
		cut(at + ((seed >> 16 & 7) + !count) * GUEST_PAGE_BYTES, runs, count, slots);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_read_only_is_one_slot),
		TEST(a_run_in_the_middle_makes_three),
		TEST(a_run_at_either_end_makes_two),
		TEST(a_run_of_all_ram_makes_one),
		TEST(runs_that_touch_have_nothing_between),
		TEST(as_many_runs_as_there_can_be_fit),
		TEST(any_runs_are_cut_right),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
